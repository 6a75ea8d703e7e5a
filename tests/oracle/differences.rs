//! Where Headgate is right to say another thing than tshark.

use super::compare::Finding;

/// A known difference.
pub struct Difference {
    /// tshark's field.
    pub field: &'static str,
    /// The beginning of the captures' names; empty for all.
    pub capture: &'static str,
    /// What tshark says; empty for whatever it says.
    pub theirs: &'static str,
    /// Headgate says nothing.
    pub is_absent: bool,
    /// Why Headgate is right, with the standard's clause.
    pub reason: &'static str,
}

impl Difference {
    pub fn explains(&self, finding: &Finding) -> bool {
        let says = |value: &String| self.theirs.is_empty() || value == self.theirs;
        self.field == finding.field
            && finding.place.starts_with(self.capture)
            && finding.theirs.iter().all(says)
            && (!self.is_absent || finding.ours.is_empty())
    }

    const fn absent(mut self) -> Difference {
        self.is_absent = true;
        self
    }
}

const fn difference(
    field: &'static str,
    capture: &'static str,
    theirs: &'static str,
    reason: &'static str,
) -> Difference {
    Difference { field, capture, theirs, is_absent: false, reason }
}

pub const DIFFERENCES: &[Difference] = &[
    difference(
        "frame.time",
        "",
        "1970-01-01T00:00:00.000000000Z",
        "a file that has no time says 0, and what has no time is absent",
    ),
    difference(
        "frame.time",
        "atm-oam-loopback-print-overrun.pcap",
        "2018-12-11T00:36:17.179996000Z",
        OVERFLOW,
    ),
    difference("frame.time", "timestamp_invalid_micro.pcap", "2014-12-09T17:16:10.000000000Z", OVERFLOW),
    difference("frame.time", "timestamp_invalid_nano.pcap", "2014-12-09T17:16:26.299260425Z", OVERFLOW),
    difference(
        "frame.len",
        "atm-",
        "",
        "what stands before an ATM cell is in the file's length (LINKTYPE_SUNATM)",
    ),
    difference(
        "frame.cap_len",
        "atm-",
        "",
        "what stands before an ATM cell is in the file (LINKTYPE_SUNATM)",
    ),
    difference("frame.cap_len", "aoe-oobr-1.pcap", "34", BEYOND),
    difference("frame.cap_len", "icmp-icmp_print-oobr-2.pcap", "64", BEYOND),
    difference("frame.cap_len", "slip-", "255", BEYOND),
    difference("ethernet as a layer", "DTP.pcap", "absent", ISL),
    difference("llc as a layer", "DTP.pcap", "absent", ISL),
    difference(
        "eth.type|eth.len|vlan.etype|vlan.len|ieee8021ah.etype|sll.etype|sll.gretype",
        "DTP.pcap",
        "",
        ISL,
    ),
    difference("arp.src.hw_mac|arp.src.hw", "arp-", "", OTHER_SPACE).absent(),
    difference("arp.src.proto_ipv4|arp.src.proto", "arp-", "", OTHER_SPACE).absent(),
    difference("arp.dst.hw_mac|arp.dst.hw", "arp-", "", OTHER_SPACE).absent(),
    difference("arp.dst.proto_ipv4|arp.dst.proto", "arp-", "", OTHER_SPACE).absent(),
    difference("eap.desired_type", "made.pcap", "25", "a Nak may desire several methods (RFC 3748, 5.3.1)"),
    difference(
        "ip.len",
        "ipv4_tcp_http_xml_tso.pcap",
        "2016",
        "the field is 0 on the wire (RFC 791, 3.1); what it should be is a guess",
    ),
    difference("ip.opt.type", "pgm_", "", OPTION),
    difference("ip.opt.type.copy", "pgm_", "", OPTION),
    difference("ip.opt.type.class", "pgm_", "", OPTION),
    difference(
        "lldp.unknown_subtype.content",
        "lldp-infinite-loop-2.pcap",
        "",
        "a TLV of a reserved type is kept whole, too (IEEE 802.1AB-2016, 9.2.7.7)",
    ),
    difference("igmp as a layer", "PIM-SM_join_prune.pcap", "absent", OTHER_IGMP),
    difference("igmp as a layer", "relts-0x80000000.pcap", "absent", OTHER_IGMP),
    difference(
        "igmp.maddr",
        "mtrace.pcap",
        "",
        "a traceroute joins nothing: its group is no membership (RFC 2236, 2 has none of type 0x1f)",
    ),
    difference(
        "wlan.ta",
        "made-wlan.pcap",
        "",
        "the second address of a CF-End is BSSID and TA (IEEE 802.11-2020, 9.3.1.6)",
    ),
    difference(
        "cdp.ip_prefix",
        "made.pcap",
        "",
        "octets stand in the order of transmission (RFC 791, appendix B)",
    ),
    difference("dhcpv4 as a layer", "bootp_asan", "there", FRAGMENT),
    difference("dhcpv6 as a layer", "dhcp6_reconf_asan.pcap", "there", FRAGMENT),
    difference("ipv4 as a layer", "wccp_redirect_gre.pcap", "there", WCCP),
    difference("tcp as a layer", "wccp_redirect_gre.pcap", "there", WCCP),
    difference("ppp.protocol", "pptp.pcap", "49185", PPTP).absent(),
    difference("ppp.protocol", "made.pcap", "49185", PPTP).absent(),
    difference(
        "cdp as a layer",
        "various_gre.pcap",
        "there",
        "0x2000 is CDP's number below Cisco's OUI (IEEE 802, 9.2.3), and no Ethernet type",
    ),
    difference("tcp.option_kind", "bgp_mp_reach_nlri-oobr.pcap", "0", END),
    difference("tcp.option_kind", "of10_inv_OFPST_FLOW.pcap", "0", END),
    difference("tcp.option_kind", "ssh.pcap", "", END),
    difference("dhcpv6.vendoropts.enterprise", VENDOR_SPECIFIC, "", OF_ASSOCIATION),
    difference(
        "dhcpv6.vendoropts.enterprise.option_code|dhcpv6.cablelabs.opt",
        VENDOR_SPECIFIC,
        "",
        OF_ASSOCIATION,
    ),
];

const OTHER_SPACE: &str = "addresses of other spaces than IPv4 over IEEE 802, or of other lengths, are nobody's (RFC 826, Packet Reception)";
const OVERFLOW: &str = "a part of a second that is a second or more (no writer may do so) is carried over, and does not overflow 32 bits";
const BEYOND: &str = "octets beyond the length on the wire are no part of the frame";
const OPTION: &str = "an option has its type, whatever its length says (RFC 791, 3.1)";
const FRAGMENT: &str =
    "the first fragment is not the whole message (RFC 791, 3.2): its ports are read, no more";
const PPTP: &str = "how PPP frames within GRE are shortened is agreed upon elsewhere (RFC 1661, 6.5 and 6.6): they are not read";
const WCCP: &str =
    "type 0x883e does not say whether a redirect header stands before the packet: the packet is not guessed";
const ISL: &str =
    "ISL is no IEEE 802 frame, and is read as the 802.3 frame that it looks like (IEEE 802.3, 3.1.1)";
const OTHER_IGMP: &str =
    "PIM version 1 and DVMRP are messages of IGMP (IANA IGMP type numbers 0x13 and 0x14)";
const END: &str = "the first End of Option List ends the list: what follows is padding (RFC 9293, 3.2)";
const VENDOR_SPECIFIC: &str = "dhcpv6-vendor-specific-information.pcap";
const OF_ASSOCIATION: &str = "what a vendor says of one association is kept as code and length: only its own clients can read it (RFC 8415, 21.17)";
