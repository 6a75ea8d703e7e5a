//! Where Headgate is right to say another thing than tshark.

use super::compare::Finding;

/// A known difference.
pub struct Difference {
    /// tshark's field.
    pub field: &'static str,
    /// The capture's name; empty for all.
    pub capture: &'static str,
    /// The numbers of the frames, each of which differs; empty for all frames of all captures.
    pub frames: &'static [u64],
    /// What Headgate says.
    pub ours: Values,
    /// What tshark says; `None` for whatever it says.
    pub theirs: Option<Values>,
    /// Why Headgate is right, with the standard's clause.
    pub reason: &'static str,
}

type Values = &'static [&'static str];
type Place = (&'static str, &'static [u64]);

impl Difference {
    pub fn explains(&self, finding: &Finding) -> bool {
        let place = &finding.place;
        self.field == finding.field
            && (self.capture.is_empty() || self.capture == place.capture)
            && (self.frames.is_empty() || self.frames.contains(&place.frame))
            && self.ours == finding.ours
            && self.theirs.is_none_or(|theirs| theirs == finding.theirs)
    }
}

const fn difference(
    field: &'static str,
    place: Place,
    ours: Values,
    theirs: Values,
    reason: &'static str,
) -> Difference {
    Difference { field, capture: place.0, frames: place.1, ours, theirs: Some(theirs), reason }
}

/// Headgate says nothing, whatever tshark does.
const fn absent(field: &'static str, place: Place, reason: &'static str) -> Difference {
    Difference { field, capture: place.0, frames: place.1, ours: &[], theirs: None, reason }
}

pub const DIFFERENCES: &[Difference] = &[
    difference("frame.time", ("", &[]), &[], &["1970-01-01T00:00:00.000000000Z"], NO_TIME),
    difference(
        "frame.time",
        ("atm-oam-loopback-print-overrun.pcap", &[1]),
        &["2018-12-11T00:55:36.821166000Z"],
        &["2018-12-11T00:36:17.179996000Z"],
        OVERFLOW,
    ),
    difference(
        "frame.time",
        ("timestamp_invalid_micro.pcap", &[3]),
        &["2014-12-09T17:51:57.483648000Z"],
        &["2014-12-09T17:16:10.000000000Z"],
        OVERFLOW,
    ),
    difference(
        "frame.time",
        ("timestamp_invalid_nano.pcap", &[3]),
        &["2014-12-09T17:16:12.147483648Z"],
        &["2014-12-09T17:16:26.299260425Z"],
        OVERFLOW,
    ),
    difference("frame.len", ("atm-heapoverflow.pcap", &[1]), &["262144"], &["262140"], SUNATM),
    difference("frame.cap_len", ("atm-heapoverflow.pcap", &[1]), &["4"], &["0"], SUNATM),
    difference("frame.len", ("atm-oam-loopback-print-overrun.pcap", &[1]), &["65622"], &["65618"], SUNATM),
    difference("frame.cap_len", ("atm-oam-loopback-print-overrun.pcap", &[1]), &["64"], &["60"], SUNATM),
    difference("frame.cap_len", ("aoe-oobr-1.pcap", &[1]), &["32"], &["34"], BEYOND),
    difference("frame.cap_len", ("icmp-icmp_print-oobr-2.pcap", &[1]), &["34"], &["64"], BEYOND),
    difference("frame.cap_len", ("icmp-icmp_print-oobr-2.pcap", &[2]), &["0"], &["64"], BEYOND),
    difference("frame.cap_len", ("slip-compressed_sl_print-oobr.pcap", &[1]), &["225"], &["255"], BEYOND),
    difference("frame.cap_len", ("slip-sliplink_print-oobr.pcap", &[1]), &["225"], &["255"], BEYOND),
    absent("arp.src.hw_mac", ("arp-oobr.pcap", OTHER_PROTOCOL), OTHER_SPACE),
    absent("arp.dst.hw_mac", ("arp-oobr.pcap", OTHER_PROTOCOL), OTHER_SPACE),
    absent("arp.src.proto_ipv4", ("arp-oobr.pcap", OTHER_HARDWARE), OTHER_SPACE),
    absent("arp.dst.proto_ipv4", ("arp-oobr.pcap", OTHER_HARDWARE), OTHER_SPACE),
    difference("arp.src.proto_ipv4", ("arp-made.pcap", &[3]), &[], &["2.3.4.5"], OTHER_SPACE),
    difference("arp.dst.proto_ipv4", ("arp-made.pcap", &[3]), &[], &["7.8.9.10"], OTHER_SPACE),
    difference("eap.desired_type", ("made.pcap", &[66]), &["25", "21"], &["25"], SEVERAL),
    difference("ip.len", ("ipv4_tcp_http_xml_tso.pcap", &[1]), &["0"], &["2016"], GUESS),
    difference("ip.opt.type", ("pgm_group_addr_asan.pcap", &[1]), &["89"], &[], OPTION),
    difference("ip.opt.type", ("pgm_opts_asan_2.pcap", &[1]), &["89"], &[], OPTION),
    difference("ip.opt.type.copy", ("pgm_group_addr_asan.pcap", &[1]), &["0"], &[], OPTION),
    difference("ip.opt.type.copy", ("pgm_opts_asan_2.pcap", &[1]), &["0"], &[], OPTION),
    difference("ip.opt.type.class", ("pgm_group_addr_asan.pcap", &[1]), &["2"], &[], OPTION),
    difference("ip.opt.type.class", ("pgm_opts_asan_2.pcap", &[1]), &["2"], &[], OPTION),
    difference(
        "lldp.unknown_subtype.content",
        ("lldp-infinite-loop-2.pcap", &[1]),
        RESERVED_TLVS,
        &[],
        RESERVED,
    ),
    difference("igmp as a layer", ("PIM-SM_join_prune.pcap", &[11, 20, 28, 37]), THERE, ABSENT, OTHER_IGMP),
    difference("igmp as a layer", ("relts-0x80000000.pcap", &[1]), THERE, ABSENT, OTHER_IGMP),
    difference("igmp.maddr", ("mtrace.pcap", &[1, 2]), &[], &["0.0.0.0"], TRACEROUTE),
    difference("radiotap.datarate", ("ieee802.11_exthdr.pcap", &[25]), &[], &["458754"], OF_MCS),
    difference("radiotap.datarate", ("ieee802.11_exthdr.pcap", &[26]), &[], &["458763"], OF_MCS),
    difference("wlan.ta", ("made-wlan.pcap", &[6]), &["020000000002"], &[], CF_END),
    difference("dhcpv4 as a layer", ("bootp_asan.pcap", &[1]), ABSENT, THERE, FRAGMENT),
    difference("dhcpv4 as a layer", ("bootp_asan-2.pcap", &[1]), ABSENT, THERE, FRAGMENT),
    difference("dhcpv6 as a layer", ("dhcp6_reconf_asan.pcap", &[1]), ABSENT, THERE, FRAGMENT),
    difference("ipv4 as a layer", ("wccp_redirect_gre.pcap", &[1]), ABSENT, THERE, WCCP),
    difference("tcp as a layer", ("wccp_redirect_gre.pcap", &[1]), ABSENT, THERE, WCCP),
    difference("cdp as a layer", ("various_gre.pcap", &[49, 63]), ABSENT, THERE, NO_ETHERTYPE),
    difference("tcp.option_kind", ("bgp_mp_reach_nlri-oobr.pcap", &[1]), &["0"], &["0", "0"], END),
    difference("tcp.option_kind", ("of10_inv_OFPST_FLOW.pcap", &[1, 2]), &["0"], &["0", "0", "0", "0"], END),
    difference(
        "tcp.option_kind",
        ("ssh.pcap", &[1]),
        &["2", "1", "3", "1", "1", "8", "4", "0"],
        &["2", "1", "3", "1", "1", "8", "4", "0", "0"],
        END,
    ),
    difference(
        "dhcpv6.vendoropts.enterprise",
        (VENDOR_SPECIFIC, &[1]),
        &["4491", "4491"],
        &["4491", "4491", "4491"],
        OF_ASSOCIATION,
    ),
    difference(
        "dhcpv6.vendoropts.enterprise.option_code|dhcpv6.cablelabs.opt",
        (VENDOR_SPECIFIC, &[1]),
        &["38", "39", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "35", "36"],
        &[
            "38", "39", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "35", "36", "32", "2170", "3",
            "37", "38", "33", "34",
        ],
        OF_ASSOCIATION,
    ),
];

const THERE: Values = &["there"];
const ABSENT: Values = &["absent"];

/// Frames of arp-oobr.pcap of another protocol than IPv4.
const OTHER_PROTOCOL: &[u64] = &[
    54, 68, 94, 105, 122, 125, 168, 174, 235, 342, 383, 434, 489, 521, 545, 589, 592, 605, 642, 664, 665,
    695, 708, 737, 772, 804, 859, 868, 873, 900, 904, 952, 954, 1024, 1029, 1110, 1112, 1124, 1149, 1160,
    1168, 1210, 1218, 1222, 1238, 1268, 1307, 1312, 1360, 1425, 1441, 1517, 1523, 1537, 1562, 1604, 1618,
    1652, 1658, 1672, 1712, 1762, 1767, 1769, 1806, 1829, 1913, 1919, 1950, 1970, 2041, 2054, 2058, 2061,
    2119, 2193, 2195, 2196, 2249, 2271, 2276,
];
/// Frames of arp-oobr.pcap of other hardware than Ethernet and IEEE 802.
const OTHER_HARDWARE: &[u64] = &[
    78, 83, 92, 171, 186, 220, 244, 273, 317, 390, 415, 445, 488, 564, 672, 696, 769, 781, 844, 853, 869,
    958, 1017, 1027, 1032, 1035, 1078, 1081, 1141, 1146, 1161, 1171, 1208, 1258, 1265, 1270, 1321, 1344,
    1369, 1406, 1447, 1480, 1485, 1582, 1597, 1602, 1613, 1639, 1647, 1680, 1756, 1823, 1910, 1955, 1976,
    1983, 1994, 2052, 2096, 2115, 2147, 2167, 2234, 2264,
];

const NO_TIME: &str = "a file that has no time says 0, and what has no time is absent";
const SUNATM: &str = "what stands before an ATM cell is in the file and in its length (LINKTYPE_SUNATM)";
const SEVERAL: &str = "a Nak may desire several methods (RFC 3748, 5.3.1)";
const GUESS: &str = "the field is 0 on the wire (RFC 791, 3.1); what it should be is a guess";
const RESERVED: &str = "a TLV of a reserved type is kept whole, too (IEEE 802.1AB-2016, 9.2.7.7)";
const RESERVED_TLVS: Values = &[
    "000000a70010010000c20e000000",
    "10010000c20e000000a70010010000c20e000000a70010010000c20e000000a70010010000c20e000000a70010010000\
     c20e000000a70010010000c20e000000a70010010000c20e000000a70010010000c20e000000a70010010000c20e0000\
     00a70010010000c20e000000a70010010000c20e000000a70010010000c20e000000a70010010000c20e000000a70010\
     010000c20e000000a70010010000c20e000000a70010010000c20e000000a70010010000c20e000000a70010010000c2\
     0e000000a70010010000c20e000000a70010010000c20e000000a70010010000c20e000000a70010010000c20e000000\
     a70010010000c20e000000a700100100",
];
const TRACEROUTE: &str =
    "a traceroute joins nothing: its group is no membership (RFC 2236, 2 has none of type 0x1f)";
const CF_END: &str = "the second address of a CF-End is BSSID and TA (IEEE 802.11-2020, 9.3.1.6)";
const OF_MCS: &str = "a rate of IEEE 802.11n is its MCS's, and no number of 500 kbit/s (radiotap.org, Rate)";
const NO_ETHERTYPE: &str = "0x2000 is CDP's number below Cisco's OUI (IEEE 802, 9.2.3), and no Ethernet type";
const OTHER_SPACE: &str = "addresses of other spaces than IPv4 over IEEE 802, or of other lengths, are nobody's (RFC 826, Packet Reception)";
const OVERFLOW: &str = "a part of a second that is a second or more (no writer may do so) is carried over, and does not overflow 32 bits";
const BEYOND: &str = "octets beyond the length on the wire are no part of the frame";
const OPTION: &str = "an option has its type, whatever its length says (RFC 791, 3.1)";
const FRAGMENT: &str =
    "the first fragment is not the whole message (RFC 791, 3.2): its ports are read, no more";
const WCCP: &str =
    "type 0x883e does not say whether a redirect header stands before the packet: the packet is not guessed";
const OTHER_IGMP: &str =
    "PIM version 1 and DVMRP are messages of IGMP (IANA IGMP type numbers 0x13 and 0x14)";
const END: &str = "the first End of Option List ends the list: what follows is padding (RFC 9293, 3.2)";
const VENDOR_SPECIFIC: &str = "dhcpv6-vendor-specific-information.pcap";
const OF_ASSOCIATION: &str = "what a vendor says of one association is kept as code and length: only its own clients can read it (RFC 8415, 21.17)";
