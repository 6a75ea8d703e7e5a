//! ICMP (RFC 792), and what it shares with ICMPv6.
//!
//! The header is read at once, the body when it is asked for.

use std::net::{IpAddr, Ipv4Addr};

use serde::{Serialize, Serializer};

use crate::{
    Kind, Layer, Malformed,
    cursor::Cursor,
    ipv4, ipv6,
    registry::{Named, registry},
    sctp, tcp, udp,
};

/// Octets of the header: type, code and checksum.
pub const HEADER_LEN: usize = 4;
/// ICMP in the IPv4 Protocol field.
pub const PROTOCOL: u8 = 1;

/// A message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header<'a> {
    /// Type.
    pub message_type: MessageType,
    /// Code, by type.
    pub code: u8,
    /// Checksum; not verified.
    pub checksum: u16,
    /// What was captured behind the checksum.
    pub body: &'a [u8],
    /// Octets behind the checksum that were on the wire.
    pub body_length: u32,
}

registry! {
    /// The type of a message (IANA ICMP type numbers).
    pub enum MessageType: u8 {
        /// Echo Reply.
        EchoReply = 0, "echo-reply";
        /// Destination Unreachable.
        DestinationUnreachable = 3, "destination-unreachable";
        /// Source Quench, deprecated (RFC 6633).
        SourceQuench = 4, "source-quench";
        /// Redirect.
        Redirect = 5, "redirect";
        /// Echo.
        Echo = 8, "echo";
        /// Router Advertisement (RFC 1256).
        RouterAdvertisement = 9, "router-advertisement";
        /// Router Solicitation (RFC 1256).
        RouterSolicitation = 10, "router-solicitation";
        /// Time Exceeded.
        TimeExceeded = 11, "time-exceeded";
        /// Parameter Problem.
        ParameterProblem = 12, "parameter-problem";
        /// Timestamp.
        Timestamp = 13, "timestamp";
        /// Timestamp Reply.
        TimestampReply = 14, "timestamp-reply";
        /// Information Request, deprecated (RFC 6918).
        InformationRequest = 15, "information-request";
        /// Information Reply, deprecated (RFC 6918).
        InformationReply = 16, "information-reply";
        /// Address Mask Request, deprecated (RFC 950, RFC 6918).
        AddressMaskRequest = 17, "address-mask-request";
        /// Address Mask Reply, deprecated (RFC 950, RFC 6918).
        AddressMaskReply = 18, "address-mask-reply";
        /// Traceroute, deprecated (RFC 1393, RFC 6918).
        Traceroute = 30, "traceroute";
        /// Photuris (RFC 2521).
        Photuris = 40, "photuris";
        /// Experimental mobility protocols (RFC 4065).
        ExperimentalMobility = 41, "experimental-mobility";
        /// Extended Echo Request (RFC 8335).
        ExtendedEchoRequest = 42, "extended-echo-request";
        /// Extended Echo Reply (RFC 8335).
        ExtendedEchoReply = 43, "extended-echo-reply";
    }
}

/// What the body of a message says, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// Echo or its reply.
    Echo {
        /// Which pinger.
        identifier: u16,
        /// Which ping.
        sequence: u16,
    },
    /// Destination Unreachable because the packet must not be fragmented (RFC 1191, 4).
    NextHopMtu {
        /// MTU of the next hop, in octets; 0 from a router older than RFC 1191.
        mtu: u16,
    },
    /// Redirect.
    Redirect {
        /// The better gateway.
        gateway: Ipv4Addr,
    },
    /// Parameter Problem.
    ParameterProblem {
        /// Octet of the original packet where the error was found.
        pointer: u8,
    },
    /// Timestamp or its reply: milliseconds since midnight UT; with the highest bit set, another clock.
    Timestamps {
        /// Which asker.
        identifier: u16,
        /// Which question.
        sequence: u16,
        /// When it was sent.
        originate: u32,
        /// When it was received.
        receive: u32,
        /// When it was answered.
        transmit: u32,
    },
    /// Address Mask Request or Reply.
    AddressMask {
        /// Which asker.
        identifier: u16,
        /// Which question.
        sequence: u16,
        /// The mask.
        mask: Ipv4Addr,
    },
    /// Router Advertisement.
    RouterAdvertisement {
        /// How many addresses it has.
        addresses: u8,
        /// Words of four octets of each entry.
        entry_size: u8,
        /// Seconds for which they are valid.
        lifetime: u16,
    },
    /// Extended Echo Request (RFC 8335, 2).
    ExtendedEcho(ExtendedEcho),
    /// Extended Echo Reply (RFC 8335, 3).
    ExtendedEchoReply(ExtendedEchoReply),
}

/// An Extended Echo Request (RFC 8335, 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ExtendedEcho {
    /// Which asker.
    pub identifier: u16,
    /// Which question.
    pub sequence: u8,
    /// L: the interface that is asked about is on the node that is asked.
    pub local: bool,
}

/// An Extended Echo Reply (RFC 8335, 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ExtendedEchoReply {
    /// Which asker.
    pub identifier: u16,
    /// Which question.
    pub sequence: u8,
    /// State of the neighbour's cache entry.
    pub state: u8,
    /// A: the interface is active.
    pub active: bool,
    /// 4: IPv4 runs on it.
    pub ipv4: bool,
    /// 6: IPv6 runs on it.
    pub ipv6: bool,
}

/// The head of the packet that an error is about. An error within it is not followed further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Original {
    /// Who sent it.
    pub source: IpAddr,
    /// For whom it was.
    pub destination: IpAddr,
    /// Protocol of its payload (IANA protocol numbers).
    pub protocol: u8,
    /// Total Length of IPv4, or Payload Length of IPv6.
    pub length: u16,
    /// Time to live, or hop limit, when it met the error.
    pub ttl: u8,
    /// The ports, where its payload is TCP, UDP or SCTP and was not cut before them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ports: Option<Ports>,
}

/// The ports of an original packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Ports {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
}

/// Where an error has an extension structure (RFC 4884). Its objects are not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Extensions {
    /// Octets of the original datagram before it.
    pub original_length: u16,
    /// Octets of it.
    pub length: u32,
}

impl Header<'_> {
    /// Whether the message reports an error, and so has the head of a packet in it (RFC 1122, 3.2.2).
    #[must_use]
    pub fn is_error(&self) -> bool {
        matches!(
            self.message_type,
            MessageType::DestinationUnreachable
                | MessageType::SourceQuench
                | MessageType::Redirect
                | MessageType::TimeExceeded
                | MessageType::ParameterProblem
        )
    }

    /// The name of the code (IANA ICMP code fields).
    #[must_use]
    pub fn code_name(&self) -> &'static str {
        let names: &[&str] = match self.message_type {
            MessageType::DestinationUnreachable => &UNREACHABLE,
            MessageType::Redirect => &["network", "host", "service-and-network", "service-and-host"],
            MessageType::TimeExceeded => &["in-transit", "in-reassembly"],
            MessageType::ParameterProblem => &["pointer", "missing-option", "length"],
            MessageType::ExtendedEchoReply => &EXTENDED_ECHO_REPLY,
            _ => &["none"],
        };
        names.get(usize::from(self.code)).copied().unwrap_or("unknown")
    }

    /// What the body says. `None` for types that are not read here, and where the body is cut.
    #[must_use]
    pub fn detail(&self) -> Option<Detail> {
        let (&[a, b, c, d], rest) = self.body.split_first_chunk()?;
        let (identifier, sequence) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
        Some(match self.message_type {
            MessageType::Echo
            | MessageType::EchoReply
            | MessageType::InformationRequest
            | MessageType::InformationReply => Detail::Echo { identifier, sequence },
            MessageType::DestinationUnreachable if self.code == FRAGMENTATION_NEEDED => {
                Detail::NextHopMtu { mtu: sequence }
            }
            MessageType::Redirect => Detail::Redirect { gateway: Ipv4Addr::new(a, b, c, d) },
            MessageType::ParameterProblem => Detail::ParameterProblem { pointer: a },
            MessageType::Timestamp | MessageType::TimestampReply => {
                let &[o0, o1, o2, o3, r0, r1, r2, r3, t0, t1, t2, t3] = rest.first_chunk()?;
                Detail::Timestamps {
                    identifier,
                    sequence,
                    originate: u32::from_be_bytes([o0, o1, o2, o3]),
                    receive: u32::from_be_bytes([r0, r1, r2, r3]),
                    transmit: u32::from_be_bytes([t0, t1, t2, t3]),
                }
            }
            MessageType::AddressMaskRequest | MessageType::AddressMaskReply => {
                let mask: &[u8; 4] = rest.first_chunk()?;
                Detail::AddressMask { identifier, sequence, mask: Ipv4Addr::from(*mask) }
            }
            MessageType::RouterAdvertisement => {
                Detail::RouterAdvertisement { addresses: a, entry_size: b, lifetime: sequence }
            }
            MessageType::ExtendedEchoRequest => Detail::ExtendedEcho(ExtendedEcho::read([a, b, c, d])),
            MessageType::ExtendedEchoReply => {
                Detail::ExtendedEchoReply(ExtendedEchoReply::read([a, b, c, d]))
            }
            _ => return None,
        })
    }

    /// The packet that an error is about, where its IP header is whole.
    #[must_use]
    pub fn original(&self) -> Option<Original> {
        let (_, packet) = self.body.split_first_chunk::<REST_LEN>().filter(|_| self.is_error())?;
        Original::read(packet)
    }

    /// The extension structure of an error (RFC 4884, 7).
    #[must_use]
    pub fn extensions(&self) -> Option<Extensions> {
        let has_length = matches!(
            self.message_type,
            MessageType::DestinationUnreachable | MessageType::TimeExceeded | MessageType::ParameterProblem
        );
        let &[_, words, _, _] = self.body.first_chunk().filter(|_| has_length)?;
        Extensions::read(u16::from(words).saturating_mul(4), self.body_length)
    }

    /// Whether the body is as long as the type asks for. `behind` is the cursor behind the header.
    ///
    /// # Errors
    /// [`Kind::Short`] where it is not.
    pub fn check(&self, behind: Cursor<'_>) -> Result<(), Malformed> {
        let least = match self.message_type {
            MessageType::Timestamp | MessageType::TimestampReply => 16,
            MessageType::AddressMaskRequest | MessageType::AddressMaskReply => 8,
            MessageType::Unknown(_) => 0,
            _ => 4,
        };
        if self.body_length < least { Err(behind.malformed(Kind::Short)) } else { Ok(()) }
    }
}

impl Serialize for Header<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Shown {
            message_type: self.message_type,
            code: Named { code: self.code.into(), name: self.code_name() },
            checksum: self.checksum,
            body_length: self.body_length,
            detail: self.detail(),
            original: self.original(),
            extensions: self.extensions(),
        }
        .serialize(serializer)
    }
}

/// How a message of either protocol is shown.
#[derive(Serialize)]
pub(crate) struct Shown<T, D> {
    pub(crate) message_type: T,
    pub(crate) code: Named,
    pub(crate) checksum: u16,
    pub(crate) body_length: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) detail: Option<D>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) original: Option<Original>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) extensions: Option<Extensions>,
}

impl ExtendedEcho {
    pub(crate) fn read([i0, i1, sequence, flags]: [u8; 4]) -> Self {
        ExtendedEcho { identifier: u16::from_be_bytes([i0, i1]), sequence, local: flags & 0x01 != 0 }
    }
}

impl ExtendedEchoReply {
    pub(crate) fn read([i0, i1, sequence, flags]: [u8; 4]) -> Self {
        ExtendedEchoReply {
            identifier: u16::from_be_bytes([i0, i1]),
            sequence,
            state: flags >> 5,
            active: flags & 0x04 != 0,
            ipv4: flags & 0x02 != 0,
            ipv6: flags & 0x01 != 0,
        }
    }
}

impl Original {
    /// Reads the head of a packet. It was cut by the one who sent the error, so it is not malformed
    /// where it ends early.
    pub(crate) fn read(packet: &[u8]) -> Option<Self> {
        let mut cursor = Cursor::new(packet, 0, Layer::Ipv4);
        if packet.first()? >> 4 == 6 {
            let mut header = ipv6::parse(&mut cursor).ok()?;
            let _ = header.read_extensions(&mut cursor);
            let has_ports = header.is_chain_read() && !header.is_later_fragment();
            return Some(Original {
                source: header.source.into(),
                destination: header.destination.into(),
                protocol: header.protocol,
                length: header.payload_length,
                ttl: header.hop_limit,
                ports: Ports::read(header.protocol, cursor).filter(|_| has_ports),
            });
        }
        let mut header = ipv4::parse(&mut cursor).ok()?;
        let _ = header.read_options(&mut cursor);
        Some(Original {
            source: header.source.into(),
            destination: header.destination.into(),
            protocol: header.protocol,
            length: header.total_length,
            ttl: header.ttl,
            ports: Ports::read(header.protocol, cursor).filter(|_| header.fragment_offset == 0),
        })
    }
}

impl Ports {
    fn read(protocol: u8, mut cursor: Cursor<'_>) -> Option<Self> {
        if !matches!(protocol, tcp::PROTOCOL | udp::PROTOCOL | sctp::PROTOCOL) {
            return None;
        }
        Some(Ports { source: cursor.u16().ok()?, destination: cursor.u16().ok()? })
    }
}

impl Extensions {
    /// What is behind an original datagram of `original_length` octets; 0 says that it fills the body.
    pub(crate) fn read(original_length: u16, body_length: u32) -> Option<Self> {
        let before = u32::from(original_length).checked_add(4).filter(|_| original_length > 0)?;
        let length = body_length.checked_sub(before).filter(|length| *length > 0)?;
        Some(Extensions { original_length, length })
    }
}

/// Reads the header of a message and leaves the cursor behind its checksum.
#[inline]
pub fn parse<'a>(cursor: &mut Cursor<'a>) -> Result<Header<'a>, Malformed> {
    let &[message_type, code, c0, c1] = cursor.array::<HEADER_LEN>()?;
    Ok(Header {
        message_type: message_type.into(),
        code,
        checksum: u16::from_be_bytes([c0, c1]),
        body: cursor.rest(),
        body_length: u32::try_from(cursor.wire_remaining()).unwrap_or(u32::MAX),
    })
}

/// Octets between checksum and original packet.
pub(crate) const REST_LEN: usize = 4;
const FRAGMENTATION_NEEDED: u8 = 4;
const UNREACHABLE: [&str; 16] = [
    "network-unreachable",
    "host-unreachable",
    "protocol-unreachable",
    "port-unreachable",
    "fragmentation-needed",
    "source-route-failed",
    "network-unknown",
    "host-unknown",
    "source-isolated",
    "network-prohibited",
    "host-prohibited",
    "network-unreachable-for-service",
    "host-unreachable-for-service",
    "administratively-prohibited",
    "precedence-violation",
    "precedence-cutoff",
];
pub(crate) const EXTENDED_ECHO_REPLY: [&str; 5] =
    ["no-error", "malformed-query", "no-such-interface", "no-such-entry", "multiple-interfaces"];

#[cfg(test)]
mod tests;
