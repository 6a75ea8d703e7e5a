//! SCTP common header and chunks (RFC 9260, 3). What the chunks carry is not read.
//!
//! A chunk that breaks a rule is a fault of its own, and ends the list only where its length leads nowhere.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{Kind, Malformed, cursor::Cursor, registry::registry};

/// Octets of the common header.
pub const HEADER_LEN: usize = 12;
/// Octets of a chunk's type, flags and length.
pub const CHUNK_HEADER_LEN: usize = 4;
/// Most chunks of a packet that are read.
pub const MAX_CHUNKS: usize = 32;
/// SCTP in the IPv4 Protocol and IPv6 Next Header fields.
pub const PROTOCOL: u8 = 132;
/// UDP port of SCTP within UDP (RFC 6951).
pub const UDP_PORT: u16 = 9899;

/// The common header, and the chunks behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header<'a> {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Verification Tag: which association.
    pub verification_tag: u32,
    /// Checksum; not verified.
    pub checksum: u32,
    /// The chunks.
    pub chunks: Chunks<'a>,
}

/// The chunks of a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Chunks<'a> {
    captured: &'a [u8],
    /// Octets of them that were on the wire.
    length: u32,
}

/// One chunk (3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Chunk {
    /// Type.
    pub kind: ChunkType,
    /// Flags, by type.
    pub flags: u8,
    /// Octets of the chunk without its padding, as it says.
    pub length: u16,
    /// What it says.
    #[serde(skip_serializing_if = "Value::is_none")]
    pub value: Value,
}

registry! {
    /// The type of a chunk (IANA SCTP chunk types).
    pub enum ChunkType: u8 {
        /// DATA.
        Data = 0, "data";
        /// INIT.
        Init = 1, "init";
        /// INIT ACK.
        InitAcknowledgement = 2, "init-ack";
        /// SACK.
        SelectiveAcknowledgement = 3, "sack";
        /// HEARTBEAT.
        Heartbeat = 4, "heartbeat";
        /// HEARTBEAT ACK.
        HeartbeatAcknowledgement = 5, "heartbeat-ack";
        /// ABORT.
        Abort = 6, "abort";
        /// SHUTDOWN.
        Shutdown = 7, "shutdown";
        /// SHUTDOWN ACK.
        ShutdownAcknowledgement = 8, "shutdown-ack";
        /// ERROR.
        Error = 9, "error";
        /// COOKIE ECHO.
        CookieEcho = 10, "cookie-echo";
        /// COOKIE ACK.
        CookieAcknowledgement = 11, "cookie-ack";
        /// ECNE.
        EcnEcho = 12, "ecne";
        /// CWR.
        CongestionWindowReduced = 13, "cwr";
        /// SHUTDOWN COMPLETE.
        ShutdownComplete = 14, "shutdown-complete";
        /// AUTH (RFC 4895).
        Authentication = 15, "auth";
        /// I-DATA (RFC 8260).
        InterleavedData = 64, "i-data";
        /// ASCONF-ACK (RFC 5061).
        AddressConfigurationAcknowledgement = 128, "asconf-ack";
        /// RE-CONFIG (RFC 6525).
        Reconfiguration = 130, "re-config";
        /// PAD (RFC 4820).
        Padding = 132, "pad";
        /// FORWARD TSN (RFC 3758).
        ForwardTsn = 192, "forward-tsn";
        /// ASCONF (RFC 5061).
        AddressConfiguration = 193, "asconf";
        /// I-FORWARD-TSN (RFC 8260).
        InterleavedForwardTsn = 194, "i-forward-tsn";
    }
}

/// What a chunk says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// DATA (3.3.1).
    Data(Data),
    /// INIT or INIT ACK (3.3.2, 3.3.3).
    Init(Init),
    /// SACK (3.3.4).
    Sack(Sack),
    /// SHUTDOWN, or FORWARD TSN: cumulative TSN.
    CumulativeTsn(u32),
    /// ABORT or ERROR: the code of the first cause (3.3.10).
    Cause(Cause),
    /// Nothing, nothing that is read here, or not captured.
    None,
    /// It breaks the rules of its type.
    Malformed(Kind),
}

/// The head of a DATA or I-DATA chunk (3.3.1; RFC 8260, 2.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Data {
    /// Transmission sequence number.
    pub tsn: u32,
    /// Stream Identifier.
    pub stream: u16,
    /// Stream Sequence Number of DATA, Message Identifier of I-DATA.
    pub sequence: u32,
    /// Payload Protocol Identifier, or, in a later fragment of I-DATA, Fragment Sequence Number.
    pub protocol: u32,
}

/// The fixed part of an INIT or INIT ACK chunk (3.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Init {
    /// Initiate Tag.
    pub tag: u32,
    /// Advertised Receiver Window Credit, in octets.
    pub receiver_window: u32,
    /// Number of Outbound Streams.
    pub outbound_streams: u16,
    /// Number of Inbound Streams.
    pub inbound_streams: u16,
    /// Initial TSN.
    pub initial_tsn: u32,
}

/// The fixed part of a SACK chunk (3.3.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sack {
    /// Cumulative TSN Ack.
    pub cumulative_tsn: u32,
    /// Advertised Receiver Window Credit, in octets.
    pub receiver_window: u32,
    /// Number of Gap Ack Blocks.
    pub gaps: u16,
    /// Number of Duplicate TSNs.
    pub duplicates: u16,
}

registry! {
    /// Why an association is in trouble (IANA SCTP error cause codes).
    pub enum Cause: u16 {
        /// Invalid Stream Identifier.
        InvalidStream = 1, "invalid-stream-identifier";
        /// Missing Mandatory Parameter.
        MissingParameter = 2, "missing-mandatory-parameter";
        /// Stale Cookie.
        StaleCookie = 3, "stale-cookie";
        /// Out of Resource.
        OutOfResource = 4, "out-of-resource";
        /// Unresolvable Address.
        UnresolvableAddress = 5, "unresolvable-address";
        /// Unrecognized Chunk Type.
        UnrecognizedChunk = 6, "unrecognized-chunk-type";
        /// Invalid Mandatory Parameter.
        InvalidParameter = 7, "invalid-mandatory-parameter";
        /// Unrecognized Parameters.
        UnrecognizedParameters = 8, "unrecognized-parameters";
        /// No User Data.
        NoUserData = 9, "no-user-data";
        /// Cookie Received While Shutting Down.
        CookieWhileShuttingDown = 10, "cookie-received-while-shutting-down";
        /// Restart of an Association with New Addresses.
        Restart = 11, "restart-with-new-addresses";
        /// User-Initiated Abort.
        UserAbort = 12, "user-initiated-abort";
        /// Protocol Violation.
        ProtocolViolation = 13, "protocol-violation";
    }
}

impl Chunks<'_> {
    /// The chunks whose header was captured, in their order, at most [`MAX_CHUNKS`], up to one that
    /// leads nowhere.
    pub fn iter(&self) -> impl Iterator<Item = Chunk> {
        self.walk().take(MAX_CHUNKS).map(|(_, chunk)| chunk)
    }

    /// Each chunk and the octets before it.
    fn walk(&self) -> impl Iterator<Item = (usize, Chunk)> {
        let mut rest = self.captured;
        let mut on_the_wire = usize::try_from(self.length).unwrap_or(usize::MAX);
        std::iter::from_fn(move || {
            let offset = self.captured.len().saturating_sub(rest.len());
            let (&[kind, flags, l0, l1], value) = rest.split_first_chunk::<CHUNK_HEADER_LEN>()?;
            let (kind, length) = (ChunkType::from(kind), u16::from_be_bytes([l0, l1]));
            let stated = usize::from(length);
            let value = if stated < CHUNK_HEADER_LEN || stated > on_the_wire {
                rest = &[];
                Value::Malformed(Kind::Length)
            } else {
                let inner = stated.saturating_sub(CHUNK_HEADER_LEN);
                let padded = stated.next_multiple_of(4);
                on_the_wire = on_the_wire.saturating_sub(padded);
                rest = rest.get(padded..).unwrap_or_default();
                let captured = value.get(..inner);
                read(kind, captured.unwrap_or(value), captured.is_none())
            };
            Some((offset, Chunk { kind, flags, length, value }))
        })
    }
}

impl Header<'_> {
    /// The first fault of the chunks. `behind` is the cursor behind the common header.
    ///
    /// # Errors
    /// It, where there is one.
    pub fn check(&self, behind: Cursor<'_>) -> Result<(), Malformed> {
        let fault =
            self.chunks.walk().enumerate().find_map(|(position, (offset, chunk))| match chunk.value {
                _ if position == MAX_CHUNKS => Some((offset, Kind::Limit)),
                Value::Malformed(kind) => Some((offset, kind)),
                _ => None,
            });
        let Some((offset, kind)) = fault else { return Ok(()) };
        let mut at = behind;
        at.take(offset)?;
        Err(at.malformed(kind))
    }
}

impl Value {
    fn is_none(&self) -> bool {
        matches!(self, Value::None)
    }
}

impl fmt::Debug for Chunks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Chunks<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Reads the common header. The chunks are what is behind it.
#[inline]
pub fn parse<'a>(cursor: &mut Cursor<'a>) -> Result<Header<'a>, Malformed> {
    let &[s0, s1, d0, d1, v0, v1, v2, v3, c0, c1, c2, c3] = cursor.array::<HEADER_LEN>()?;
    Ok(Header {
        source: u16::from_be_bytes([s0, s1]),
        destination: u16::from_be_bytes([d0, d1]),
        verification_tag: u32::from_be_bytes([v0, v1, v2, v3]),
        checksum: u32::from_be_bytes([c0, c1, c2, c3]),
        chunks: Chunks {
            captured: cursor.rest(),
            length: u32::try_from(cursor.wire_remaining()).unwrap_or(u32::MAX),
        },
    })
}

/// Reads what was captured of a chunk's value.
fn read(kind: ChunkType, value: &[u8], is_cut: bool) -> Value {
    let short = if is_cut { Value::None } else { Value::Malformed(Kind::Length) };
    read_value(kind, value).unwrap_or(short)
}

/// `None` where the value ends before its fixed part does.
fn read_value(kind: ChunkType, value: &[u8]) -> Option<Value> {
    Some(match kind {
        ChunkType::Data => {
            let &[t0, t1, t2, t3, i0, i1, n0, n1, p0, p1, p2, p3] = value.first_chunk()?;
            Value::Data(Data {
                tsn: u32::from_be_bytes([t0, t1, t2, t3]),
                stream: u16::from_be_bytes([i0, i1]),
                sequence: u16::from_be_bytes([n0, n1]).into(),
                protocol: u32::from_be_bytes([p0, p1, p2, p3]),
            })
        }
        ChunkType::InterleavedData => {
            let &[t0, t1, t2, t3, i0, i1, _, _, m0, m1, m2, m3, p0, p1, p2, p3] = value.first_chunk()?;
            Value::Data(Data {
                tsn: u32::from_be_bytes([t0, t1, t2, t3]),
                stream: u16::from_be_bytes([i0, i1]),
                sequence: u32::from_be_bytes([m0, m1, m2, m3]),
                protocol: u32::from_be_bytes([p0, p1, p2, p3]),
            })
        }
        ChunkType::Init | ChunkType::InitAcknowledgement => {
            let &[g0, g1, g2, g3, w0, w1, w2, w3, o0, o1, i0, i1, t0, t1, t2, t3] = value.first_chunk()?;
            Value::Init(Init {
                tag: u32::from_be_bytes([g0, g1, g2, g3]),
                receiver_window: u32::from_be_bytes([w0, w1, w2, w3]),
                outbound_streams: u16::from_be_bytes([o0, o1]),
                inbound_streams: u16::from_be_bytes([i0, i1]),
                initial_tsn: u32::from_be_bytes([t0, t1, t2, t3]),
            })
        }
        ChunkType::SelectiveAcknowledgement => {
            let &[c0, c1, c2, c3, w0, w1, w2, w3, g0, g1, d0, d1] = value.first_chunk()?;
            Value::Sack(Sack {
                cumulative_tsn: u32::from_be_bytes([c0, c1, c2, c3]),
                receiver_window: u32::from_be_bytes([w0, w1, w2, w3]),
                gaps: u16::from_be_bytes([g0, g1]),
                duplicates: u16::from_be_bytes([d0, d1]),
            })
        }
        ChunkType::Shutdown | ChunkType::ForwardTsn => {
            Value::CumulativeTsn(u32::from_be_bytes(*value.first_chunk()?))
        }
        ChunkType::Abort | ChunkType::Error if !value.is_empty() => {
            let &[c0, c1, _, _] = value.first_chunk()?;
            Value::Cause(u16::from_be_bytes([c0, c1]).into())
        }
        _ => Value::None,
    })
}

#[cfg(test)]
mod tests;
