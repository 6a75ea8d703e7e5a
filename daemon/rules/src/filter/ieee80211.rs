//! What of a header of IEEE 802.11 says how far a frame within CAPWAP or TZSP is kept.
//!
//! Of data frames the MAC header is kept (IEEE 802.11-2020, 9.3.2.1), and headers behind it where the body is one packet
//! that is not encrypted. Of all others, and of data frames in CAPWAP that are neither to nor from the distribution system,
//! no more is than Frame Control and Duration, and so no address: their stations may be anybody's who passes by.

/// Of the first octet of Frame Control (9.2.4.1): the version, which is 0; the type, and that of data frames; subtypes with
/// QoS Control; those without a body.
pub(super) const VERSION: u8 = 0x03;
pub(super) const TYPE: u8 = 0x0c;
pub(super) const DATA: u8 = 0x08;
pub(super) const WITH_QOS: u8 = 0x80;
pub(super) const WITHOUT_BODY: u8 = 0x40;

/// Of the second.
pub(super) const TO_DS: u8 = 0x01;
pub(super) const FROM_DS: u8 = 0x02;
pub(super) const PROTECTED: u8 = 0x40;
/// +HTC: there is HT Control behind QoS Control.
pub(super) const ORDER: u8 = 0x80;

/// Of the first octet of Sequence Control: the number of the fragment.
pub(super) const FRAGMENT_NUMBER: u8 = 0x0f;
/// Of QoS Control (9.2.4.5), its first octet first: the body is an A-MSDU; from the distribution system, Mesh Control
/// may be at its beginning.
pub(super) const AMSDU: u16 = 0x8000;
pub(super) const MESH_CONTROL: u16 = 0x0001;

/// LLC of SNAP, and the first octet of its organisation; the other two where an Ethernet type follows (RFC 1042,
/// IEEE 802.1H).
pub(super) const SNAP: [u8; 4] = [0xaa, 0xaa, 0x03, 0x00];
pub(super) const SNAP_ETHERTYPE: [[u8; 2]; 2] = [[0x00, 0x00], [0x00, 0xf8]];
/// The first Ethernet type.
pub(super) const FIRST_ETHERTYPE: u16 = headgate_wire::ethernet::FIRST_TYPE;
/// Stands for what is not read behind a MAC header: a reserved Ethernet type.
pub(super) const UNREAD: u16 = 0xffff;
