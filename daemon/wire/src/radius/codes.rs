//! Code points of attribute values (IANA RADIUS types).

use crate::registry::registry;

registry! {
    /// Service-Type (RFC 2865, 5.6).
    pub enum ServiceType: u32 {
        /// Login.
        Login = 1, "login";
        /// Framed.
        Framed = 2, "framed";
        /// Callback login.
        CallbackLogin = 3, "callback-login";
        /// Callback framed.
        CallbackFramed = 4, "callback-framed";
        /// Outbound.
        Outbound = 5, "outbound";
        /// Administrative.
        Administrative = 6, "administrative";
        /// NAS prompt.
        NasPrompt = 7, "nas-prompt";
        /// Authenticate only.
        AuthenticateOnly = 8, "authenticate-only";
        /// Callback NAS prompt.
        CallbackNasPrompt = 9, "callback-nas-prompt";
        /// Call check.
        CallCheck = 10, "call-check";
        /// Callback administrative.
        CallbackAdministrative = 11, "callback-administrative";
        /// Voice.
        Voice = 12, "voice";
        /// Fax.
        Fax = 13, "fax";
        /// Modem relay.
        ModemRelay = 14, "modem-relay";
        /// IAPP-Register.
        IappRegister = 15, "iapp-register";
        /// IAPP-AP-Check.
        IappApCheck = 16, "iapp-ap-check";
        /// Authorize only (RFC 5176).
        AuthorizeOnly = 17, "authorize-only";
        /// Framed management (RFC 5607).
        FramedManagement = 18, "framed-management";
        /// Additional authorization.
        AdditionalAuthorization = 19, "additional-authorization";
    }
}

registry! {
    /// Framed-Protocol (RFC 2865, 5.7).
    pub enum FramedProtocol: u32 {
        /// PPP.
        Ppp = 1, "ppp";
        /// SLIP.
        Slip = 2, "slip";
        /// AppleTalk Remote Access Protocol.
        Arap = 3, "arap";
        /// Gandalf's protocol.
        Gandalf = 4, "gandalf";
        /// Xylogics' IPX over SLIP.
        Xylogics = 5, "xylogics";
        /// X.75, synchronous.
        X75 = 6, "x.75";
        /// GPRS PDP context.
        GprsPdpContext = 7, "gprs-pdp-context";
    }
}

registry! {
    /// Acct-Status-Type (RFC 2866, 5.1; RFC 2867, 3).
    pub enum AcctStatusType: u32 {
        /// Start.
        Start = 1, "start";
        /// Stop.
        Stop = 2, "stop";
        /// Interim update.
        InterimUpdate = 3, "interim-update";
        /// Accounting on.
        AccountingOn = 7, "accounting-on";
        /// Accounting off.
        AccountingOff = 8, "accounting-off";
        /// Tunnel start.
        TunnelStart = 9, "tunnel-start";
        /// Tunnel stop.
        TunnelStop = 10, "tunnel-stop";
        /// Tunnel reject.
        TunnelReject = 11, "tunnel-reject";
        /// Tunnel link start.
        TunnelLinkStart = 12, "tunnel-link-start";
        /// Tunnel link stop.
        TunnelLinkStop = 13, "tunnel-link-stop";
        /// Tunnel link reject.
        TunnelLinkReject = 14, "tunnel-link-reject";
        /// Failed.
        Failed = 15, "failed";
    }
}

registry! {
    /// Acct-Authentic (RFC 2866, 5.6).
    pub enum AcctAuthentic: u32 {
        /// RADIUS.
        Radius = 1, "radius";
        /// Local.
        Local = 2, "local";
        /// Remote.
        Remote = 3, "remote";
        /// Diameter.
        Diameter = 4, "diameter";
    }
}

registry! {
    /// Acct-Terminate-Cause (RFC 2866, 5.10; RFC 3580, 3.13).
    pub enum AcctTerminateCause: u32 {
        /// User request.
        UserRequest = 1, "user-request";
        /// Lost carrier.
        LostCarrier = 2, "lost-carrier";
        /// Lost service.
        LostService = 3, "lost-service";
        /// Idle timeout.
        IdleTimeout = 4, "idle-timeout";
        /// Session timeout.
        SessionTimeout = 5, "session-timeout";
        /// Admin reset.
        AdminReset = 6, "admin-reset";
        /// Admin reboot.
        AdminReboot = 7, "admin-reboot";
        /// Port error.
        PortError = 8, "port-error";
        /// NAS error.
        NasError = 9, "nas-error";
        /// NAS request.
        NasRequest = 10, "nas-request";
        /// NAS reboot.
        NasReboot = 11, "nas-reboot";
        /// Port unneeded.
        PortUnneeded = 12, "port-unneeded";
        /// Port preempted.
        PortPreempted = 13, "port-preempted";
        /// Port suspended.
        PortSuspended = 14, "port-suspended";
        /// Service unavailable.
        ServiceUnavailable = 15, "service-unavailable";
        /// Callback.
        Callback = 16, "callback";
        /// User error.
        UserError = 17, "user-error";
        /// Host request.
        HostRequest = 18, "host-request";
        /// Supplicant restart.
        SupplicantRestart = 19, "supplicant-restart";
        /// Reauthentication failure.
        ReauthenticationFailure = 20, "reauthentication-failure";
        /// Port reinitialized.
        PortReinitialized = 21, "port-reinitialized";
        /// Port administratively disabled.
        PortAdministrativelyDisabled = 22, "port-administratively-disabled";
        /// Lost power.
        LostPower = 23, "lost-power";
    }
}

registry! {
    /// NAS-Port-Type (RFC 2865, 5.41).
    pub enum NasPortType: u32 {
        /// Async.
        Async = 0, "async";
        /// Sync.
        Sync = 1, "sync";
        /// ISDN, synchronous.
        IsdnSync = 2, "isdn-sync";
        /// ISDN, asynchronous, V.120.
        IsdnAsyncV120 = 3, "isdn-async-v120";
        /// ISDN, asynchronous, V.110.
        IsdnAsyncV110 = 4, "isdn-async-v110";
        /// Virtual.
        Virtual = 5, "virtual";
        /// PIAFS.
        Piafs = 6, "piafs";
        /// HDLC clear channel.
        HdlcClearChannel = 7, "hdlc-clear-channel";
        /// X.25.
        X25 = 8, "x.25";
        /// X.75.
        X75 = 9, "x.75";
        /// Fax of group 3.
        G3Fax = 10, "g3-fax";
        /// Symmetric DSL.
        Sdsl = 11, "sdsl";
        /// Asymmetric DSL, carrierless amplitude phase.
        AdslCap = 12, "adsl-cap";
        /// Asymmetric DSL, discrete multi-tone.
        AdslDmt = 13, "adsl-dmt";
        /// ISDN DSL.
        Idsl = 14, "idsl";
        /// Ethernet.
        Ethernet = 15, "ethernet";
        /// DSL of unknown type.
        Xdsl = 16, "xdsl";
        /// Cable.
        Cable = 17, "cable";
        /// Wireless, other.
        WirelessOther = 18, "wireless-other";
        /// Wireless, IEEE 802.11.
        Wireless80211 = 19, "wireless-802.11";
        /// Token ring.
        TokenRing = 20, "token-ring";
        /// FDDI.
        Fddi = 21, "fddi";
        /// Wireless, CDMA2000.
        WirelessCdma2000 = 22, "wireless-cdma2000";
        /// Wireless, UMTS.
        WirelessUmts = 23, "wireless-umts";
        /// Wireless, 1X-EV.
        Wireless1xEv = 24, "wireless-1x-ev";
        /// IAPP.
        Iapp = 25, "iapp";
        /// Fiber to the premises.
        Fttp = 26, "fttp";
        /// Wireless, IEEE 802.16.
        Wireless80216 = 27, "wireless-802.16";
        /// Wireless, IEEE 802.20.
        Wireless80220 = 28, "wireless-802.20";
        /// Wireless, IEEE 802.22.
        Wireless80222 = 29, "wireless-802.22";
        /// PPP over ATM.
        Pppoa = 30, "pppoa";
        /// PPP over Ethernet over ATM.
        Pppoeoa = 31, "pppoeoa";
        /// PPP over Ethernet over Ethernet.
        Pppoeoe = 32, "pppoeoe";
        /// PPP over Ethernet over VLAN.
        Pppoeovlan = 33, "pppoeovlan";
        /// PPP over Ethernet over two VLANs.
        Pppoeoqinq = 34, "pppoeoqinq";
        /// Passive optical network.
        Xpon = 35, "xpon";
        /// Wireless, XGP.
        WirelessXgp = 36, "wireless-xgp";
        /// WWAN before 3GPP Release 8.
        WwanPreRelease8 = 37, "wwan-pre-release-8";
        /// WLAN, IP only.
        WlanIp = 38, "wlan-ip";
        /// WWAN.
        Wwan = 39, "wwan";
    }
}

registry! {
    /// Tunnel-Type (RFC 2868, 3.1; RFC 3580, 3.31).
    pub enum TunnelType: u32 {
        /// PPTP.
        Pptp = 1, "pptp";
        /// L2F.
        L2f = 2, "l2f";
        /// L2TP.
        L2tp = 3, "l2tp";
        /// ATMP.
        Atmp = 4, "atmp";
        /// VTP.
        Vtp = 5, "vtp";
        /// IP Authentication Header, tunnel mode.
        Ah = 6, "ah";
        /// IP in IP.
        IpIp = 7, "ip-ip";
        /// Minimal IP in IP.
        MinIpIp = 8, "min-ip-ip";
        /// IP Encapsulating Security Payload, tunnel mode.
        Esp = 9, "esp";
        /// GRE.
        Gre = 10, "gre";
        /// Bay dial virtual services.
        Dvs = 11, "dvs";
        /// IP-in-IP tunneling.
        IpInIpTunneling = 12, "ip-in-ip-tunneling";
        /// VLAN.
        Vlan = 13, "vlan";
    }
}

registry! {
    /// Tunnel-Medium-Type (RFC 2868, 3.2).
    pub enum TunnelMediumType: u32 {
        /// IPv4.
        Ipv4 = 1, "ipv4";
        /// IPv6.
        Ipv6 = 2, "ipv6";
        /// NSAP.
        Nsap = 3, "nsap";
        /// HDLC.
        Hdlc = 4, "hdlc";
        /// BBN 1822.
        Bbn1822 = 5, "bbn-1822";
        /// IEEE 802.
        Ieee802 = 6, "802";
        /// E.163.
        E163 = 7, "e.163";
        /// E.164.
        E164 = 8, "e.164";
        /// F.69.
        F69 = 9, "f.69";
        /// X.121.
        X121 = 10, "x.121";
        /// IPX.
        Ipx = 11, "ipx";
        /// AppleTalk.
        Appletalk = 12, "appletalk";
        /// DECnet IV.
        DecnetIv = 13, "decnet-iv";
        /// Banyan vines.
        BanyanVines = 14, "banyan-vines";
        /// E.164 with NSAP subaddress.
        E164Nsap = 15, "e.164-nsap";
    }
}

registry! {
    /// Tagging of Egress-VLANID and Egress-VLAN-Name (RFC 4675, 2.1).
    pub enum Tagging: u8 {
        /// Tagged.
        Tagged = 0x31, "tagged";
        /// Untagged.
        Untagged = 0x32, "untagged";
    }
}

registry! {
    /// Ingress-Filters (RFC 4675, 2.2).
    pub enum IngressFilters: u32 {
        /// Enabled.
        Enabled = 1, "enabled";
        /// Disabled.
        Disabled = 2, "disabled";
    }
}

registry! {
    /// Error-Cause (RFC 5176, 3.5).
    pub enum ErrorCause: u32 {
        /// Residual session context removed.
        ResidualSessionContextRemoved = 201, "residual-session-context-removed";
        /// Invalid EAP packet, ignored.
        InvalidEapPacket = 202, "invalid-eap-packet";
        /// Unsupported attribute.
        UnsupportedAttribute = 401, "unsupported-attribute";
        /// Missing attribute.
        MissingAttribute = 402, "missing-attribute";
        /// NAS identification mismatch.
        NasIdentificationMismatch = 403, "nas-identification-mismatch";
        /// Invalid request.
        InvalidRequest = 404, "invalid-request";
        /// Unsupported service.
        UnsupportedService = 405, "unsupported-service";
        /// Unsupported extension.
        UnsupportedExtension = 406, "unsupported-extension";
        /// Invalid attribute value.
        InvalidAttributeValue = 407, "invalid-attribute-value";
        /// Administratively prohibited.
        AdministrativelyProhibited = 501, "administratively-prohibited";
        /// Request not routable, by a proxy.
        RequestNotRoutable = 502, "request-not-routable";
        /// Session context not found.
        SessionContextNotFound = 503, "session-context-not-found";
        /// Session context not removable.
        SessionContextNotRemovable = 504, "session-context-not-removable";
        /// Other proxy processing error.
        OtherProxyProcessingError = 505, "other-proxy-processing-error";
        /// Resources unavailable.
        ResourcesUnavailable = 506, "resources-unavailable";
        /// Request initiated.
        RequestInitiated = 507, "request-initiated";
        /// Multiple session selection unsupported.
        MultipleSessionSelectionUnsupported = 508, "multiple-session-selection-unsupported";
        /// Location information required (RFC 5580).
        LocationInfoRequired = 509, "location-info-required";
        /// Response too big (RFC 7930).
        ResponseTooBig = 601, "response-too-big";
    }
}
