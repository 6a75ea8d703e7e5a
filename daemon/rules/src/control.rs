//! The numbers of the protocols that exclusions and the filter tell apart, and what of them is whole.

use crate::exclude::Protocol;

pub(crate) const ETHERTYPE_IPV4: u16 = 0x0800;
pub(crate) const ETHERTYPE_ARP: u16 = 0x0806;
pub(crate) const ETHERTYPE_IPV6: u16 = 0x86dd;
/// EAP over LANs (IEEE 802.1X-2020, 11.1.4).
pub(crate) const ETHERTYPE_EAPOL: u16 = 0x888e;
pub(crate) const ETHERTYPE_LLDP: u16 = 0x88cc;
/// IEEE 802.1Q C-tag and S-tag, and the S-tags of equipment older than IEEE 802.1ad.
pub(crate) const TAGS: [u16; 5] = [0x8100, 0x88a8, 0x9100, 0x9200, 0x9300];

/// Most octets of an LLC frame: a type field up to here is its length (IEEE 802.3-2018, 3.2.6).
pub(crate) const MAX_LLC: u16 = 1500;
/// LLC addresses of spanning tree (IEEE 802.1Q-2018, 14), and of SNAP (IEEE 802-2014, 9).
pub(crate) const LLC_BPDU: [u8; 2] = [0x42, 0x42];
pub(crate) const LLC_SNAP: [u8; 2] = [0xaa, 0xaa];
/// LLC control field of unnumbered information, without its P/F bit (ISO/IEC 8802-2, 5.4).
pub(crate) const LLC_UI: u8 = 0x03;
pub(crate) const LLC_WITHOUT_POLL: u8 = 0xef;

/// An organisation and its protocol, in SNAP.
pub(crate) type Snap = ([u8; 3], u16);
/// The protocols in SNAP that are kept whole.
pub(crate) const SNAP: [(Snap, Protocol); 6] = [
    (([0x00, 0x00, 0x0c], 0x2000), Protocol::Cdp),
    (([0x00, 0x00, 0x0c], 0x010b), Protocol::Stp),
    (([0x00, 0xe0, 0x2b], 0x00bb), Protocol::Edp),
    (([0x00, 0xe0, 0x52], 0x2000), Protocol::Fdp),
    (([0x00, 0x00, 0x81], 0x01a2), Protocol::Sonmp),
    (([0x00, 0x00, 0x81], 0x01a1), Protocol::Sonmp),
];

pub(crate) const EAPOL_EAP: u8 = 0;
pub(crate) const EAPOL_KEY: u8 = 3;
/// What is kept of an EAP packet: code, identifier, length and type (RFC 3748, 4).
pub(crate) const EAP_KEPT: u16 = 5;
/// What is kept of a key descriptor: its type and the key information (IEEE 802.11-2020, 12.7.2).
pub(crate) const KEY_KEPT: u16 = 3;
pub(crate) const EAP_RESPONSE: u8 = 2;
pub(crate) const EAP_IDENTITY: u8 = 1;

pub(crate) const IP_ICMP: u8 = 1;
pub(crate) const IP_IGMP: u8 = 2;
pub(crate) const IP_TCP: u8 = 6;
pub(crate) const IP_UDP: u8 = 17;
pub(crate) const IP_ICMPV6: u8 = 58;
/// Extension headers of IPv6 (IANA): hop-by-hop, routing, fragment, authentication, destination options,
/// mobility, HIP, shim6.
pub(crate) const IPV6_EXTENSIONS: [u8; 8] = [0, 43, 44, 51, 60, 135, 139, 140];
pub(crate) const IPV6_FRAGMENT: u8 = 44;
pub(crate) const IP_AUTHENTICATION: u8 = 51;

/// Query, reports of versions 1 to 3, and leave (RFC 3376, 4): the others with this IP protocol are no
/// group membership.
pub(crate) const IGMP_WHOLE: [u8; 5] = [0x11, 0x12, 0x16, 0x17, 0x22];
/// Multicast listener query, report, done (RFC 2710) and neighbour discovery (RFC 4861): 130 to 137.
pub(crate) const ICMPV6_WHOLE: (u8, u8) = (130, 137);
/// Multicast listener report of version 2 (RFC 3810, 5.2).
pub(crate) const ICMPV6_MLD_REPORT: u8 = 143;

pub(crate) const DHCPV4_PORTS: [u16; 2] = [67, 68];
/// The magic cookie (RFC 2131, 3).
pub(crate) const DHCPV4_COOKIE: u32 = 0x6382_5363;
pub(crate) const DHCPV6_PORTS: [u16; 2] = [546, 547];
/// Message types of RFC 8415, 7.3: 1 to 13.
pub(crate) const DHCPV6_LAST_TYPE: u8 = 13;
/// Authentication, accounting and dynamic authorization (RFC 2865, 2866, 5176), and the ports in use before.
pub(crate) const RADIUS_PORTS: [u16; 6] = [1812, 1813, 3799, 1645, 1646, 1700];
/// Least and most octets of a message (RFC 2865, 3).
pub(crate) const RADIUS_LENGTHS: (u16, u16) = (20, 4096);
/// First and last of the ranges of RADIUS codes (IANA): authentication and accounting, status, dynamic
/// authorization.
pub(crate) const RADIUS_CODES: [(u8, u8); 3] = [(1, 5), (11, 13), (40, 45)];
/// Those of them that are kept whole where a rule keeps an attribute: requests and answers of authentication and
/// accounting.
pub(crate) const RADIUS_WHOLE: [(u8, u8); 2] = [(1, 5), (11, 11)];
pub(crate) const MDNS_PORT: u16 = 5353;
/// OPCODE and RCODE: a message with any is to be ignored (RFC 6762, 18.3, 18.11).
pub(crate) const MDNS_CODES: u16 = 0x780f;
/// What is within IP: IPv4, IPv6, GRE, Ethernet (IANA).
pub(crate) const IP_IPV4: u8 = 4;
pub(crate) const IP_IPV6: u8 = 41;
pub(crate) const IP_GRE: u8 = 47;
pub(crate) const IP_ETHERNET: u8 = 143;
/// What is within GRE or GENEVE: Ethernet, and ERSPAN of types I and II, and of III.
pub(crate) const ETHERTYPE_BRIDGED: u16 = 0x6558;
pub(crate) const ETHERTYPE_ERSPAN: u16 = 0x88be;
pub(crate) const ETHERTYPE_ERSPAN_III: u16 = 0x22eb;
/// MPLS, with labels of the downstream and of the upstream router (RFC 5332, 3).
pub(crate) const ETHERTYPES_MPLS: [u16; 2] = [0x8847, 0x8848];
/// PPP (RFC 1701, RFC 2637).
pub(crate) const ETHERTYPE_PPP: u16 = headgate_wire::gre::PPP;
pub(crate) const PPP_ADDRESS_CONTROL: [u8; 2] = headgate_wire::ppp::ADDRESS_CONTROL;
/// Protocols of PPP (IANA), without their first octet, which is zero.
pub(crate) const PPP_IPV4: u8 = 0x21;
pub(crate) const PPP_IPV6: u8 = 0x57;
