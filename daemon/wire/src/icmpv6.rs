//! ICMPv6 (RFC 4443). The bodies of Neighbor Discovery and MLD are read elsewhere.
//!
//! The header is read at once, the body when it is asked for.

use serde::{Serialize, Serializer};

use crate::{
    Kind, Malformed,
    cursor::Cursor,
    icmp::{
        EXTENDED_ECHO_REPLY, ExtendedEcho, ExtendedEchoReply, Extensions, HEADER_LEN, Original, REST_LEN,
        Shown,
    },
    registry::{Named, registry},
};

/// ICMPv6 in the IPv6 Next Header field.
pub const PROTOCOL: u8 = 58;

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
    /// The type of a message (IANA ICMPv6 type numbers).
    pub enum MessageType: u8 {
        /// Destination Unreachable.
        DestinationUnreachable = 1, "destination-unreachable";
        /// Packet Too Big.
        PacketTooBig = 2, "packet-too-big";
        /// Time Exceeded.
        TimeExceeded = 3, "time-exceeded";
        /// Parameter Problem.
        ParameterProblem = 4, "parameter-problem";
        /// Echo Request.
        EchoRequest = 128, "echo-request";
        /// Echo Reply.
        EchoReply = 129, "echo-reply";
        /// Multicast Listener Query (RFC 2710, RFC 9777).
        MulticastListenerQuery = 130, "multicast-listener-query";
        /// Multicast Listener Report, version 1 (RFC 2710).
        MulticastListenerReport = 131, "multicast-listener-report";
        /// Multicast Listener Done (RFC 2710).
        MulticastListenerDone = 132, "multicast-listener-done";
        /// Router Solicitation (RFC 4861).
        RouterSolicitation = 133, "router-solicitation";
        /// Router Advertisement (RFC 4861).
        RouterAdvertisement = 134, "router-advertisement";
        /// Neighbor Solicitation (RFC 4861).
        NeighborSolicitation = 135, "neighbor-solicitation";
        /// Neighbor Advertisement (RFC 4861).
        NeighborAdvertisement = 136, "neighbor-advertisement";
        /// Redirect (RFC 4861).
        Redirect = 137, "redirect";
        /// Router Renumbering (RFC 2894).
        RouterRenumbering = 138, "router-renumbering";
        /// Node Information Query (RFC 4620).
        NodeInformationQuery = 139, "node-information-query";
        /// Node Information Response (RFC 4620).
        NodeInformationResponse = 140, "node-information-response";
        /// Inverse Neighbor Discovery Solicitation (RFC 3122).
        InverseNeighborSolicitation = 141, "inverse-neighbor-solicitation";
        /// Inverse Neighbor Discovery Advertisement (RFC 3122).
        InverseNeighborAdvertisement = 142, "inverse-neighbor-advertisement";
        /// Multicast Listener Report, version 2 (RFC 9777).
        MulticastListenerReport2 = 143, "multicast-listener-report-v2";
        /// Home Agent Address Discovery Request (RFC 6275).
        HomeAgentAddressRequest = 144, "home-agent-address-request";
        /// Home Agent Address Discovery Reply (RFC 6275).
        HomeAgentAddressReply = 145, "home-agent-address-reply";
        /// Mobile Prefix Solicitation (RFC 6275).
        MobilePrefixSolicitation = 146, "mobile-prefix-solicitation";
        /// Mobile Prefix Advertisement (RFC 6275).
        MobilePrefixAdvertisement = 147, "mobile-prefix-advertisement";
        /// Certification Path Solicitation (RFC 3971).
        CertificationPathSolicitation = 148, "certification-path-solicitation";
        /// Certification Path Advertisement (RFC 3971).
        CertificationPathAdvertisement = 149, "certification-path-advertisement";
        /// Experimental mobility protocols (RFC 4065).
        ExperimentalMobility = 150, "experimental-mobility";
        /// Multicast Router Advertisement (RFC 4286).
        MulticastRouterAdvertisement = 151, "multicast-router-advertisement";
        /// Multicast Router Solicitation (RFC 4286).
        MulticastRouterSolicitation = 152, "multicast-router-solicitation";
        /// Multicast Router Termination (RFC 4286).
        MulticastRouterTermination = 153, "multicast-router-termination";
        /// FMIPv6 (RFC 5568).
        FastHandover = 154, "fast-handover";
        /// RPL Control (RFC 6550).
        RplControl = 155, "rpl-control";
        /// ILNPv6 Locator Update (RFC 6743).
        LocatorUpdate = 156, "locator-update";
        /// Duplicate Address Request (RFC 6775).
        DuplicateAddressRequest = 157, "duplicate-address-request";
        /// Duplicate Address Confirmation (RFC 6775).
        DuplicateAddressConfirmation = 158, "duplicate-address-confirmation";
        /// MPL Control (RFC 7731).
        MplControl = 159, "mpl-control";
        /// Extended Echo Request (RFC 8335).
        ExtendedEchoRequest = 160, "extended-echo-request";
        /// Extended Echo Reply (RFC 8335).
        ExtendedEchoReply = 161, "extended-echo-reply";
    }
}

/// What the body of a message says, by its type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Detail {
    /// Echo Request or Reply (4.1, 4.2).
    Echo {
        /// Which pinger.
        identifier: u16,
        /// Which ping.
        sequence: u16,
    },
    /// Packet Too Big (3.2).
    PacketTooBig {
        /// MTU of the next hop, in octets.
        mtu: u32,
    },
    /// Parameter Problem (3.4).
    ParameterProblem {
        /// Octet of the original packet where the error was found.
        pointer: u32,
    },
    /// Extended Echo Request (RFC 8335, 2).
    ExtendedEcho(ExtendedEcho),
    /// Extended Echo Reply (RFC 8335, 3).
    ExtendedEchoReply(ExtendedEchoReply),
}

impl Header<'_> {
    /// Whether the message reports an error: the high bit of its type (2.1).
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.message_type.code() < FIRST_INFORMATIONAL
    }

    /// The name of the code (IANA ICMPv6 code fields).
    #[must_use]
    pub fn code_name(&self) -> &'static str {
        let names: &[&str] = match self.message_type {
            MessageType::DestinationUnreachable => &UNREACHABLE,
            MessageType::TimeExceeded => &["in-transit", "in-reassembly"],
            MessageType::ParameterProblem => &PARAMETER_PROBLEM,
            MessageType::RouterRenumbering if self.code == u8::MAX => return "sequence-number-reset",
            MessageType::RouterRenumbering => &["command", "result"],
            MessageType::NodeInformationQuery => &["ipv6-address", "name", "ipv4-address"],
            MessageType::NodeInformationResponse => &["success", "refused", "query-unknown"],
            MessageType::ExtendedEchoReply => &EXTENDED_ECHO_REPLY,
            _ => &["none"],
        };
        names.get(usize::from(self.code)).copied().unwrap_or("unknown")
    }

    /// What the body says. `None` for types that are not read here, and where the body is cut.
    #[must_use]
    pub fn detail(&self) -> Option<Detail> {
        let &[a, b, c, d] = self.body.first_chunk()?;
        Some(match self.message_type {
            MessageType::EchoRequest | MessageType::EchoReply => {
                Detail::Echo { identifier: u16::from_be_bytes([a, b]), sequence: u16::from_be_bytes([c, d]) }
            }
            MessageType::PacketTooBig => Detail::PacketTooBig { mtu: u32::from_be_bytes([a, b, c, d]) },
            MessageType::ParameterProblem => {
                Detail::ParameterProblem { pointer: u32::from_be_bytes([a, b, c, d]) }
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
        let is_read = matches!(self.message_type.code(), 1..=4);
        let (_, packet) = self.body.split_first_chunk::<REST_LEN>().filter(|_| is_read)?;
        Original::read(packet)
    }

    /// The extension structure of an error (RFC 4884, 4.4 and 4.5).
    #[must_use]
    pub fn extensions(&self) -> Option<Extensions> {
        let has_length =
            matches!(self.message_type, MessageType::DestinationUnreachable | MessageType::TimeExceeded);
        let &[words, ..] = self.body.first_chunk::<REST_LEN>().filter(|_| has_length)?;
        Extensions::read(u16::from(words).saturating_mul(8), self.body_length)
    }

    /// Whether the body is as long as all known types ask for. `behind` is the cursor behind the header.
    ///
    /// # Errors
    /// [`Kind::Short`] where it is not.
    pub fn check(&self, behind: Cursor<'_>) -> Result<(), Malformed> {
        let least = if let MessageType::Unknown(_) = self.message_type { 0 } else { 4 };
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

const FIRST_INFORMATIONAL: u8 = 128;
const UNREACHABLE: [&str; 9] = [
    "no-route",
    "administratively-prohibited",
    "beyond-scope",
    "address-unreachable",
    "port-unreachable",
    "source-address-policy",
    "reject-route",
    "source-routing-header",
    "headers-too-long",
];
const PARAMETER_PROBLEM: [&str; 11] = [
    "erroneous-header-field",
    "unrecognized-next-header",
    "unrecognized-option",
    "incomplete-header-chain",
    "segment-routing-upper-layer",
    "unrecognized-next-header-by-intermediate-node",
    "extension-header-too-big",
    "extension-header-chain-too-long",
    "too-many-extension-headers",
    "too-many-options",
    "option-too-big",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Layer, icmp::Ports};
    use proptest::prelude::*;

    fn read(bytes: &[u8]) -> Header<'_> {
        parse(&mut Cursor::new(bytes, 0, Layer::Icmpv6)).unwrap()
    }

    /// The head of a TCP segment behind a Destination Options header.
    fn original() -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 28, 60, 9];
        packet.extend([1; 16]);
        packet.extend([2; 16]);
        packet.extend([6, 0, 1, 4, 0, 0, 0, 0, 3, 232, 0, 80]);
        packet
    }

    #[test]
    fn bodies_are_read_by_type() {
        assert_eq!(
            read(&[129, 0, 0xab, 0xcd, 0, 1, 0, 2]).detail(),
            Some(Detail::Echo { identifier: 1, sequence: 2 })
        );
        assert_eq!(read(&[2, 0, 0, 0, 0, 0, 5, 0]).detail(), Some(Detail::PacketTooBig { mtu: 1280 }));
        assert_eq!(read(&[4, 1, 0, 0, 0, 0, 0, 6]).detail(), Some(Detail::ParameterProblem { pointer: 6 }));
        assert_eq!(read(&[135, 0, 0, 0, 0, 0, 0, 6]).detail(), None);
    }

    #[test]
    fn an_error_names_the_packet_behind_its_extension_headers() {
        let bytes = [&[1, 4, 0, 0, 0, 0, 0, 0][..], &original()].concat();
        let header = read(&bytes);
        let packet = header.original().unwrap();
        assert_eq!((packet.protocol, packet.length, packet.ttl), (6, 28, 9));
        assert_eq!(packet.ports, Some(Ports { source: 1000, destination: 80 }));
        assert_eq!((header.code_name(), header.is_error()), ("port-unreachable", true));
        let bytes = [&[128, 0, 0, 0, 0, 0, 0, 0][..], &original()].concat();
        assert_eq!(read(&bytes).original(), None);
    }

    #[test]
    fn extensions_are_counted_in_eight_octets() {
        let mut bytes = [&[3, 0, 0, 0, 16, 0, 0, 0][..], &original()].concat();
        bytes.resize(8 + 128 + 12, 0);
        assert_eq!(read(&bytes).extensions(), Some(Extensions { original_length: 128, length: 12 }));
        bytes[0] = 2;
        assert_eq!(read(&bytes).extensions(), None);
    }

    #[test]
    fn a_message_of_four_octets_is_short_unless_the_capture_cut_it() {
        let check = |wire_len| {
            let mut cursor = Cursor::new(&[128, 0, 0, 0], wire_len, Layer::Icmpv6);
            parse(&mut cursor).unwrap().check(cursor).map_err(|fault| (fault.offset, fault.kind))
        };
        assert_eq!((check(4), check(8)), (Err((4, Kind::Short)), Ok(())));
    }

    #[test]
    fn codes_have_names_by_type() {
        assert_eq!(read(&[138, 255, 0, 0]).code_name(), "sequence-number-reset");
        assert_eq!(read(&[139, 2, 0, 0]).code_name(), "ipv4-address");
        assert_eq!(read(&[128, 1, 0, 0]).code_name(), "unknown");
        let shown = serde_json::to_value(read(&[155, 0, 0, 0])).unwrap();
        assert_eq!(shown["message_type"]["name"], "rpl-control");
    }

    proptest! {
        #[test]
        fn any_message_is_shown(bytes in prop::collection::vec(any::<u8>(), 4..200), wire_len in 0u32..300) {
            let header = parse(&mut Cursor::new(&bytes, wire_len, Layer::Icmpv6)).unwrap();
            prop_assert!(serde_json::to_string(&header).is_ok());
        }
    }
}
