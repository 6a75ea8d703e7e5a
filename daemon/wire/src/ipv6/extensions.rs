//! The chain of extension headers (RFC 8200, 4), read again when it is asked for.

use std::{fmt, net::Ipv6Addr};

use serde::{Serialize, Serializer};

use super::{MAX_EXTENSIONS, Options, Routing};
use crate::{Kind, Layer, cursor::Cursor, ipsec, registry::registry};

/// The extension headers that were read: at most [`MAX_EXTENSIONS`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Chain<'a> {
    octets: &'a [u8],
    first: u8,
}

/// One extension header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Extension<'a> {
    /// Which one.
    pub header: ExtensionHeader,
    /// Protocol of what is behind it (IANA protocol numbers).
    pub next_header: u8,
    /// Octets of it.
    pub length: u16,
    /// What it says.
    pub body: Body<'a>,
}

registry! {
    /// The extension headers that are followed (IANA IPv6 extension header types).
    pub enum ExtensionHeader: u8 {
        /// Hop-by-Hop Options (RFC 8200, 4.3).
        HopByHop = 0, "hop-by-hop-options";
        /// Routing (RFC 8200, 4.4).
        Routing = 43, "routing";
        /// Fragment (RFC 8200, 4.5).
        Fragment = 44, "fragment";
        /// Authentication (RFC 4302).
        Authentication = 51, "authentication";
        /// Destination Options (RFC 8200, 4.6).
        DestinationOptions = 60, "destination-options";
        /// Mobility (RFC 6275).
        Mobility = 135, "mobility";
        /// Host Identity Protocol (RFC 7401).
        Hip = 139, "hip";
        /// Shim6 (RFC 5533).
        Shim6 = 140, "shim6";
    }
}

/// What an extension header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Body<'a> {
    /// Hop-by-Hop or Destination Options.
    Options(Options<'a>),
    /// Routing.
    Routing(Routing<'a>),
    /// Fragment.
    Fragment(Fragment),
    /// Authentication.
    Authentication(ipsec::Authentication),
    /// Mobility.
    Mobility(Mobility),
    /// Host Identity Protocol.
    Hip(Hip),
    /// Shim6.
    Shim6(Shim6),
    /// It breaks the rules of its kind.
    Malformed(Kind),
}

/// A Fragment header (4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fragment {
    /// Offset of this fragment's payload in the packet's fragmentable part, in octets.
    pub offset: u16,
    /// More fragments follow.
    pub more: bool,
    /// The same in all fragments of a packet.
    pub identification: u32,
}

/// The head of a Mobility header (RFC 6275, 6.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Mobility {
    /// MH Type.
    pub message_type: MobilityType,
    /// Checksum; not verified.
    pub checksum: u16,
}

registry! {
    /// The messages of mobility (IANA mobility header types).
    pub enum MobilityType: u8 {
        /// Binding Refresh Request.
        BindingRefreshRequest = 0, "binding-refresh-request";
        /// Home Test Init.
        HomeTestInit = 1, "home-test-init";
        /// Care-of Test Init.
        CareOfTestInit = 2, "care-of-test-init";
        /// Home Test.
        HomeTest = 3, "home-test";
        /// Care-of Test.
        CareOfTest = 4, "care-of-test";
        /// Binding Update.
        BindingUpdate = 5, "binding-update";
        /// Binding Acknowledgement.
        BindingAcknowledgement = 6, "binding-acknowledgement";
        /// Binding Error.
        BindingError = 7, "binding-error";
        /// Fast Binding Update (RFC 5568).
        FastBindingUpdate = 8, "fast-binding-update";
        /// Fast Binding Acknowledgment (RFC 5568).
        FastBindingAcknowledgment = 9, "fast-binding-acknowledgment";
        /// Experimental (RFC 5096).
        Experimental = 11, "experimental";
        /// Home Agent Switch (RFC 5142).
        HomeAgentSwitch = 12, "home-agent-switch";
        /// Heartbeat (RFC 5847).
        Heartbeat = 13, "heartbeat";
        /// Handover Initiate (RFC 5568).
        HandoverInitiate = 14, "handover-initiate";
        /// Handover Acknowledge (RFC 5568).
        HandoverAcknowledge = 15, "handover-acknowledge";
        /// Binding Revocation (RFC 5846).
        BindingRevocation = 16, "binding-revocation";
    }
}

/// A Host Identity Protocol header (RFC 7401, 5.1), without its parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Hip {
    /// Packet type.
    pub packet_type: HipType,
    /// Version.
    pub version: u8,
    /// Checksum; not verified.
    pub checksum: u16,
    /// Control bits.
    pub controls: u16,
    /// The sender's Host Identity Tag, an address of the ORCHID prefix.
    pub sender: Ipv6Addr,
    /// The receiver's Host Identity Tag.
    pub receiver: Ipv6Addr,
}

registry! {
    /// The packets of the Host Identity Protocol (IANA HIP packet types).
    pub enum HipType: u8 {
        /// I1.
        I1 = 1, "i1";
        /// R1.
        R1 = 2, "r1";
        /// I2.
        I2 = 3, "i2";
        /// R2.
        R2 = 4, "r2";
        /// UPDATE.
        Update = 16, "update";
        /// NOTIFY.
        Notify = 17, "notify";
        /// CLOSE.
        Close = 18, "close";
        /// CLOSE_ACK.
        CloseAcknowledgement = 19, "close-ack";
    }
}

/// A Shim6 header (RFC 5533, 5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shim6 {
    /// Payload: the receiver's context tag, 47 bits (5.1).
    Payload {
        /// The tag.
        context_tag: u64,
    },
    /// A control message (5.2).
    Control {
        /// Type: 1 to 4 set a context up, 5 and 6 bring it back, 64 and 65 update, 66 and 67 probe.
        message_type: u8,
        /// Checksum; not verified.
        checksum: u16,
    },
}

impl<'a> Chain<'a> {
    pub(super) fn new(first: u8, octets: &'a [u8]) -> Self {
        Chain { octets, first }
    }

    /// Protocol of the first header: Next Header of the fixed header.
    #[must_use]
    pub fn first(&self) -> u8 {
        self.first
    }

    /// The headers as they were sent.
    #[must_use]
    pub fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    /// The headers in their order.
    pub fn iter(&self) -> impl Iterator<Item = Extension<'a>> + use<'a> {
        let mut protocol = self.first;
        let mut rest = self.octets;
        std::iter::from_fn(move || {
            let ([next_header, length, ..], _) = rest.split_first_chunk::<MIN_LEN>()?;
            let length = extension_len(protocol, *length);
            let (octets, behind) = rest.split_at_checked(usize::from(length))?;
            let header = ExtensionHeader::from(protocol);
            (protocol, rest) = (*next_header, behind);
            let body = Body::read(header, octets).unwrap_or_else(Body::Malformed);
            Some(Extension { header, next_header: *next_header, length, body })
        })
        .take(usize::from(MAX_EXTENSIONS))
    }
}

impl<'a> Body<'a> {
    /// Reads a whole extension header of at least [`MIN_LEN`] octets.
    fn read(header: ExtensionHeader, octets: &'a [u8]) -> Result<Self, Kind> {
        let mut cursor = Cursor::new(octets, 0, Layer::Ipv6);
        Self::read_from(header, &mut cursor).map_err(|fault| match fault.kind {
            // The length that the header gives itself is what ends too early.
            Kind::Short => Kind::Length,
            kind => kind,
        })
    }

    fn read_from(header: ExtensionHeader, cursor: &mut Cursor<'a>) -> Result<Self, crate::Malformed> {
        if header == ExtensionHeader::Authentication {
            return Ok(Body::Authentication(ipsec::parse_authentication(cursor)?));
        }
        let start = *cursor;
        let &[_, _] = cursor.array()?;
        Ok(match header {
            ExtensionHeader::HopByHop | ExtensionHeader::DestinationOptions => {
                Body::Options(Options::new(cursor.rest()))
            }
            ExtensionHeader::Routing => {
                Body::Routing(Routing::read(cursor.rest()).map_err(|kind| start.malformed(kind))?)
            }
            ExtensionHeader::Fragment => Body::Fragment(Fragment::read(*cursor.array()?)),
            ExtensionHeader::Mobility => {
                let &[message_type, _, c0, c1] = cursor.array()?;
                Body::Mobility(Mobility {
                    message_type: message_type.into(),
                    checksum: u16::from_be_bytes([c0, c1]),
                })
            }
            ExtensionHeader::Hip => {
                let &[packet_type, version, c0, c1, o0, o1] = cursor.array()?;
                Body::Hip(Hip {
                    packet_type: (packet_type & 0x7f).into(),
                    version: version >> 4,
                    checksum: u16::from_be_bytes([c0, c1]),
                    controls: u16::from_be_bytes([o0, o1]),
                    sender: Ipv6Addr::from(*cursor.array::<16>()?),
                    receiver: Ipv6Addr::from(*cursor.array::<16>()?),
                })
            }
            ExtensionHeader::Shim6 => {
                let &[a, b, c, d, e, f] = cursor.array()?;
                Body::Shim6(if a & 0x80 != 0 {
                    Shim6::Payload { context_tag: u64::from_be_bytes([0, 0, a & 0x7f, b, c, d, e, f]) }
                } else {
                    Shim6::Control { message_type: a, checksum: u16::from_be_bytes([c, d]) }
                })
            }
            ExtensionHeader::Authentication | ExtensionHeader::Unknown(_) => {
                return Err(start.malformed(Kind::Value));
            }
        })
    }

    /// The first fault within it, and where that is from its start.
    pub(super) fn check(&self) -> Result<(), (usize, Kind)> {
        match self {
            Body::Malformed(kind) => Err((0, *kind)),
            Body::Options(options) => {
                options.check().map_err(|(offset, kind)| (offset.saturating_add(2), kind))
            }
            Body::Routing(routing) => routing.check().map_err(|kind| (0, kind)),
            _ => Ok(()),
        }
    }
}

impl Fragment {
    /// Reads what is behind the Next Header and the reserved octet.
    pub(super) fn read([o0, o1, i0, i1, i2, i3]: [u8; 6]) -> Self {
        let offset = u16::from_be_bytes([o0, o1]);
        Fragment {
            offset: offset & 0xfff8,
            more: offset & 0x0001 != 0,
            identification: u32::from_be_bytes([i0, i1, i2, i3]),
        }
    }
}

impl fmt::Debug for Chain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Chain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Octets of an extension header whose second octet is `length`.
pub(super) fn extension_len(protocol: u8, length: u8) -> u16 {
    let length = u16::from(length);
    match protocol {
        super::FRAGMENT => 8,
        ipsec::AUTHENTICATION => length.saturating_add(2).saturating_mul(4),
        _ => length.saturating_add(1).saturating_mul(8),
    }
}

/// Octets of the shortest extension header.
pub(super) const MIN_LEN: usize = 8;
