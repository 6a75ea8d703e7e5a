//! VXLAN (RFC 7348, 5), with its extensions for a group policy (draft-smith-vxlan-group-policy) and for
//! other payloads than Ethernet (VXLAN-GPE, draft-ietf-nvo3-vxlan-gpe).
//!
//! A header without the I flag is a fault, and what follows it is still read.

use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor, mpls, registry::registry, tunnel::Inner};

/// Octets of the header.
pub const HEADER_LEN: usize = 8;
/// UDP port.
pub const PORT: u16 = 4789;
/// UDP port of Linux, from before there was one of the standard.
pub const LINUX_PORT: u16 = 8472;
/// UDP port of VXLAN-GPE.
pub const GPE_PORT: u16 = 4790;
/// Ethernet type of NSH (RFC 8300).
pub const NSH: u16 = 0x894f;

/// The header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// The first octet. Bit 3: the VNI counts; bit 7: there is a group policy. In VXLAN-GPE, bit 0: an OAM
    /// packet; bit 1: the payload was for many; bit 2: there is a next protocol; bits 4 and 5: version.
    pub flags: u8,
    /// VXLAN Network Identifier, 24 bits.
    pub vni: u32,
    /// Group policy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// What VXLAN-GPE says of the payload.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_protocol: Option<NextProtocol>,
    /// What is wrong with the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<Malformed>,
}

/// A group policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Policy {
    /// Group of the frame's sender.
    pub group: u16,
    /// D: the receiver must not learn from the frame.
    pub dont_learn: bool,
    /// A: the policy has been applied.
    pub applied: bool,
}

registry! {
    /// What follows a VXLAN-GPE header.
    pub enum NextProtocol: u8 {
        /// An IPv4 packet.
        Ipv4 = 1, "ipv4";
        /// An IPv6 packet.
        Ipv6 = 2, "ipv6";
        /// An Ethernet frame.
        Ethernet = 3, "ethernet";
        /// A Network Service Header (RFC 8300).
        Nsh = 4, "nsh";
        /// An MPLS label stack; in early drafts.
        Mpls = 5, "mpls";
    }
}

impl Header {
    /// Whether the VNI counts (I).
    #[must_use]
    pub fn is_vni_valid(&self) -> bool {
        self.flags & VNI != 0
    }

    /// What follows the header.
    #[must_use]
    pub fn inner(&self) -> Inner {
        if self.malformed.is_some_and(|fault| fault.kind == Kind::Version) {
            return Inner::Unknown;
        }
        match self.next_protocol {
            None | Some(NextProtocol::Ethernet) => Inner::Ethernet,
            Some(NextProtocol::Ipv4) => Inner::Ipv4,
            Some(NextProtocol::Ipv6) => Inner::Ipv6,
            Some(NextProtocol::Nsh) => Inner::Ethertype(NSH),
            Some(NextProtocol::Mpls) => Inner::Ethertype(mpls::UNICAST),
            Some(NextProtocol::Unknown(_)) => Inner::Unknown,
        }
    }
}

/// Reads a header: of VXLAN-GPE when the datagram was sent to its port. The cursor is then behind it.
///
/// # Errors
/// [`Malformed`] when the header is not whole.
pub fn parse(cursor: &mut Cursor<'_>, gpe: bool) -> Result<Header, Malformed> {
    let start = *cursor;
    let [flags, policy_flags, g0, g1, v0, v1, v2, _] = *cursor.array::<HEADER_LEN>()?;
    let has = |flag| flags & flag != 0;
    let malformed = if gpe && has(VERSION) {
        Some(start.malformed(Kind::Version))
    } else if has(VNI) {
        None
    } else {
        Some(start.malformed(Kind::Value))
    };
    Ok(Header {
        flags,
        vni: u32::from_be_bytes([0, v0, v1, v2]),
        policy: (!gpe && has(POLICY)).then(|| Policy {
            group: u16::from_be_bytes([g0, g1]),
            dont_learn: policy_flags & DONT_LEARN != 0,
            applied: policy_flags & APPLIED != 0,
        }),
        next_protocol: (gpe && has(NEXT_PROTOCOL)).then(|| NextProtocol::from(g1)),
        malformed,
    })
}

/// G: there is a group policy.
const POLICY: u8 = 0x80;
/// Version of VXLAN-GPE; 0.
const VERSION: u8 = 0x30;
/// I: the VNI counts.
const VNI: u8 = 0x08;
/// P: there is a next protocol.
const NEXT_PROTOCOL: u8 = 0x04;
/// D, in the second octet.
const DONT_LEARN: u8 = 0x40;
/// A, in the second octet.
const APPLIED: u8 = 0x08;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Layer;

    fn read(bytes: &[u8], gpe: bool) -> Header {
        parse(&mut Cursor::new(bytes, 0, Layer::Vxlan), gpe).unwrap()
    }

    fn fault(bytes: &[u8], gpe: bool) -> Option<Kind> {
        read(bytes, gpe).malformed.map(|fault| fault.kind)
    }

    #[test]
    fn an_ethernet_frame_follows() {
        let header = read(&[0x08, 0, 0, 0, 0, 0, 0x64, 0], false);
        assert_eq!((header.vni, header.policy, header.next_protocol), (100, None, None));
        assert_eq!((header.inner(), header.malformed), (Inner::Ethernet, None));
    }

    #[test]
    fn a_group_policy_is_read() {
        let header = read(&[0x88, 0x48, 0x12, 0x34, 0, 0, 1, 0], false);
        assert_eq!(header.policy, Some(Policy { group: 0x1234, dont_learn: true, applied: true }));
        assert_eq!(read(&[0x88, 0, 0x12, 0x34, 0, 0, 1, 0], true).policy, None);
    }

    #[test]
    fn a_next_protocol_counts_only_in_gpe() {
        let bytes = |next| [0x0c, 0, 0, next, 0xff, 0xff, 0xff, 0];
        let inner = |next| read(&bytes(next), true).inner();
        assert_eq!([inner(1), inner(2), inner(3)], [Inner::Ipv4, Inner::Ipv6, Inner::Ethernet]);
        assert_eq!([inner(4), inner(5)], [Inner::Ethertype(NSH), Inner::Ethertype(mpls::UNICAST)]);
        assert_eq!([inner(0), inner(0x80)], [Inner::Unknown; 2]);
        assert_eq!(read(&bytes(4), false).inner(), Inner::Ethernet);
        assert_eq!(read(&[0x08, 0, 0, 4, 0, 0, 1, 0], true).inner(), Inner::Ethernet);
    }

    #[test]
    fn a_header_without_the_i_flag_is_named_and_the_frame_still_read() {
        assert_eq!(fault(&[0; 8], false), Some(Kind::Value));
        assert_eq!(read(&[0; 8], false).inner(), Inner::Ethernet);
    }

    #[test]
    fn another_version_says_nothing_of_the_payload() {
        let bytes = [0x1c, 0, 0, 1, 0, 0, 1, 0];
        assert_eq!((fault(&bytes, true), read(&bytes, true).inner()), (Some(Kind::Version), Inner::Unknown));
        assert_eq!(fault(&bytes, false), None);
    }

    #[test]
    fn a_header_that_is_not_whole_is_refused() {
        let error = |wire_len| parse(&mut Cursor::new(&[8; 7], wire_len, Layer::Vxlan), false).unwrap_err();
        assert_eq!((error(7).kind, error(8).kind), (Kind::Short, Kind::NotCaptured));
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(flags: u8, vni in 0_u32..1 << 24, group: u16, gpe: bool) {
            let bytes = [&[flags, 0][..], &group.to_be_bytes(), &(vni << 8).to_be_bytes()].concat();
            let header = read(&bytes, gpe);
            prop_assert_eq!((header.flags, header.vni), (flags, vni));
            prop_assert_eq!(header.policy.map(|p| p.group), (!gpe && flags & 0x80 != 0).then_some(group));
            let [_, next] = group.to_be_bytes();
            let read = header.next_protocol.map(NextProtocol::code);
            prop_assert_eq!(read, (gpe && flags & 0x04 != 0).then_some(next));
        }

        #[test]
        fn no_octets_do_harm(bytes in any::<Vec<u8>>(), wire_len: u16, gpe: bool) {
            if let Ok(header) = parse(&mut Cursor::new(&bytes, wire_len.into(), Layer::Vxlan), gpe) {
                let _ = header.inner();
            }
        }
    }
}
