//! LLC and SNAP headers (ISO/IEC 8802-2:1998, 3 to 5; IEEE 802-2014, 9), and the length field that
//! IEEE 802.3 puts before them (IEEE 802.3-2018, 3.2.6).
//!
//! A length beyond the end of the frame is a fault, and the header is read from what is there.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{Kind, Malformed, cursor::Cursor, ethernet, registry::registry};

/// Octets of the shortest header: DSAP, SSAP and a control field of one octet.
pub const HEADER_LEN: usize = 3;
/// Octets of a SNAP header behind the LLC header.
pub const SNAP_LEN: usize = 5;
/// The largest length; the values from here to [`ethernet::FIRST_TYPE`] mean nothing.
pub const MAX_LENGTH: u16 = 1500;

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Destination service access point, with its I/G bit, the lowest.
    pub dsap: Lsap,
    /// Source service access point, without its C/R bit.
    pub ssap: Lsap,
    /// C/R bit of the source: the frame is a response, not a command.
    pub response: bool,
    /// Control field.
    pub control: Control,
    /// SNAP header; of UI commands whose access points are both [`Lsap::Snap`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snap: Option<Snap>,
}

registry! {
    /// A link service access point.
    pub enum Lsap: u8 {
        /// Null.
        Null = 0x00, "null";
        /// LLC sublayer management, individual.
        Management = 0x02, "llc-management";
        /// LLC sublayer management, group.
        ManagementGroup = 0x03, "llc-management-group";
        /// SNA path control, individual.
        Sna = 0x04, "sna";
        /// SNA path control, group.
        SnaGroup = 0x05, "sna-group";
        /// Internet Protocol.
        Ip = 0x06, "ip";
        /// PROWAY network management and initialisation.
        ProwayManagement = 0x0e, "proway-management";
        /// Bridge spanning tree.
        Bpdu = 0x42, "bpdu";
        /// Manufacturing message service.
        ManufacturingMessage = 0x4e, "mms";
        /// X.25 packet layer (ISO/IEC 8208).
        X25 = 0x7e, "x25";
        /// Xerox Network Systems.
        Xns = 0x80, "xns";
        /// Nestar.
        Nestar = 0x86, "nestar";
        /// PROWAY active station list.
        ProwayStations = 0x8e, "proway-station-list";
        /// ARP.
        Arp = 0x98, "arp";
        /// Subnetwork access protocol.
        Snap = 0xaa, "snap";
        /// Banyan VINES.
        Vines = 0xbc, "vines";
        /// Novell IPX.
        Ipx = 0xe0, "ipx";
        /// NetBIOS.
        NetBios = 0xf0, "netbios";
        /// IBM network management, individual.
        IbmManagement = 0xf4, "ibm-management";
        /// IBM network management, group.
        IbmManagementGroup = 0xf5, "ibm-management-group";
        /// Remote program load.
        RemoteProgramLoad = 0xf8, "remote-program-load";
        /// ISO network layer: ES-IS, IS-IS, CLNP.
        Osi = 0xfe, "osi";
        /// All access points.
        Global = 0xff, "global";
    }
}

/// The control field (5.2). The sequence numbers count frames modulo 128.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "format", rename_all = "kebab-case")]
pub enum Control {
    /// Numbered information: two octets.
    Information {
        /// N(S): number of this frame.
        send: u8,
        /// N(R): number of the next frame that is expected.
        receive: u8,
        /// P/F bit.
        poll_final: bool,
    },
    /// Supervisory: two octets.
    Supervisory {
        /// What is said.
        function: Supervisory,
        /// N(R): number of the next frame that is expected.
        receive: u8,
        /// P/F bit.
        poll_final: bool,
    },
    /// Unnumbered: one octet.
    Unnumbered {
        /// What is said.
        function: Unnumbered,
        /// P/F bit.
        poll_final: bool,
    },
}

registry! {
    /// Function of a supervisory frame: bits 3 and 4 of the control field.
    pub enum Supervisory: u8 {
        /// RR: receive ready.
        ReceiveReady = 0, "rr";
        /// RNR: receive not ready.
        ReceiveNotReady = 1, "rnr";
        /// REJ: reject.
        Reject = 2, "rej";
    }
}

registry! {
    /// Function of an unnumbered frame: the control field without its P/F bit.
    pub enum Unnumbered: u8 {
        /// UI: unnumbered information.
        Information = 0x03, "ui";
        /// DM: disconnected mode.
        DisconnectedMode = 0x0f, "dm";
        /// DISC: disconnect.
        Disconnect = 0x43, "disc";
        /// UA: unnumbered acknowledgment.
        Acknowledgment = 0x63, "ua";
        /// SABME: set asynchronous balanced mode extended.
        SetMode = 0x6f, "sabme";
        /// FRMR: frame reject.
        FrameReject = 0x87, "frmr";
        /// XID: exchange identification.
        Exchange = 0xaf, "xid";
        /// TEST.
        Test = 0xe3, "test";
    }
}

/// The SNAP header: a protocol, and who numbered it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Snap {
    /// The organisation.
    pub oui: Oui,
    /// Its number of the protocol.
    pub protocol: u16,
}

/// Cisco Discovery Protocol.
pub const CDP: Snap = Snap { oui: Oui::CISCO, protocol: 0x2000 };
/// Per-VLAN spanning tree (PVST+).
pub const PVST: Snap = Snap { oui: Oui::CISCO, protocol: 0x010b };
/// Extreme Discovery Protocol.
pub const EDP: Snap = Snap { oui: Oui([0x00, 0xe0, 0x2b]), protocol: 0x00bb };
/// Foundry Discovery Protocol.
pub const FDP: Snap = Snap { oui: Oui([0x00, 0xe0, 0x52]), protocol: 0x2000 };
/// SynOptics Network Management Protocol.
pub const SONMP: Snap = Snap { oui: Oui([0x00, 0x00, 0x81]), protocol: 0x01a2 };
/// SONMP, to be forwarded by bridges.
pub const SONMP_FLATNET: Snap = Snap { oui: Oui([0x00, 0x00, 0x81]), protocol: 0x01a1 };

/// An organisation, as IEEE numbers them. Shown as three pairs of digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Oui(pub [u8; 3]);

impl Oui {
    /// Not an organisation: the protocol is an Ethernet type (RFC 1042).
    pub const ETHERNET: Oui = Oui([0x00, 0x00, 0x00]);
    /// Bridge tunnel: the protocol is an Ethernet type (IEEE 802.1H).
    pub const BRIDGE_TUNNEL: Oui = Oui([0x00, 0x00, 0xf8]);
    /// Cisco.
    pub const CISCO: Oui = Oui([0x00, 0x00, 0x0c]);
}

impl fmt::Display for Oui {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}")
    }
}

impl Serialize for Oui {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What follows the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// What follows an Ethernet header with this type, at least [`ethernet::FIRST_TYPE`].
    Ethertype(u16),
    /// A protocol of an organisation.
    Organisation(Snap),
    /// The protocol of an access point.
    Service(Lsap),
    /// Nothing but the affairs of LLC itself.
    Control,
}

impl Header {
    /// What follows the header.
    #[must_use]
    pub fn content(&self) -> Content {
        match (self.control, self.snap) {
            (_, Some(snap)) if snap.is_ethertype() => Content::Ethertype(snap.protocol),
            (_, Some(snap)) => Content::Organisation(snap),
            (Control::Unnumbered { function: Unnumbered::Information, .. }, None) => match self.dsap {
                Lsap::Ip => Content::Ethertype(ethernet::IPV4),
                Lsap::Arp => Content::Ethertype(ethernet::ARP),
                other => Content::Service(other),
            },
            (Control::Information { .. }, None) => Content::Service(self.dsap),
            (Control::Supervisory { .. } | Control::Unnumbered { .. }, None) => Content::Control,
        }
    }

    /// Whether the destination is a group of access points.
    #[must_use]
    pub fn is_group(&self) -> bool {
        self.dsap.code() & 0x01 != 0
    }
}

impl Snap {
    fn is_ethertype(self) -> bool {
        matches!(self.oui, Oui::ETHERNET | Oui::BRIDGE_TUNNEL) && self.protocol >= ethernet::FIRST_TYPE
    }
}

/// Whether the type field of an Ethernet header is the length of an LLC frame.
#[inline]
#[must_use]
pub fn is_length(ethertype: u16) -> bool {
    ethertype <= MAX_LENGTH
}

/// Ends the frame where the length field says, so that padding is not taken for payload.
///
/// # Errors
/// [`Kind::Length`] when the frame on the wire is shorter; the cursor then keeps what there is.
pub fn limit(cursor: &mut Cursor<'_>, length: u16) -> Result<(), Malformed> {
    cursor.limit(usize::from(length))
}

/// Reads a header. `None` when there is none: Novell's first framing puts IPX, which begins with two
/// octets of all ones, right behind the length field.
///
/// # Errors
/// [`Malformed`] when the header, or the SNAP header that it announces, is not whole.
pub fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Header>, Malformed> {
    if cursor.rest().starts_with(&NOVELL) {
        return Ok(None);
    }
    // A frame of two octets is too short for a header, and may be Novell's if the capture does not show both.
    if cursor.is_cut() && NOVELL.starts_with(cursor.rest()) {
        return Err(cursor.malformed(Kind::NotCaptured));
    }
    let [dsap, ssap, first] = *cursor.array::<HEADER_LEN>()?;
    let (dsap, response, ssap) = (Lsap::from(dsap), ssap & 0x01 != 0, Lsap::from(ssap & 0xfe));
    let control = Control::parse(first, cursor)?;
    let information = matches!(control, Control::Unnumbered { function: Unnumbered::Information, .. });
    let snap = match (dsap, ssap) {
        (Lsap::Snap, Lsap::Snap) if information && !response => {
            let [o0, o1, o2, p0, p1] = *cursor.array::<SNAP_LEN>()?;
            Some(Snap { oui: Oui([o0, o1, o2]), protocol: u16::from_be_bytes([p0, p1]) })
        }
        _ => None,
    };
    Ok(Some(Header { dsap, ssap, response, control, snap }))
}

impl Control {
    fn parse(first: u8, cursor: &mut Cursor<'_>) -> Result<Control, Malformed> {
        if first & 0x03 == 0x03 {
            let function = Unnumbered::from(first & 0xef);
            return Ok(Control::Unnumbered { function, poll_final: first & 0x10 != 0 });
        }
        let second = cursor.u8()?;
        let (receive, poll_final) = (second >> 1, second & 0x01 != 0);
        Ok(if first & 0x01 == 0 {
            Control::Information { send: first >> 1, receive, poll_final }
        } else {
            Control::Supervisory { function: Supervisory::from((first >> 2) & 0x03), receive, poll_final }
        })
    }
}

const NOVELL: [u8; 2] = [0xff, 0xff];

#[cfg(test)]
mod tests;
