//! IPv6 header and the chain of extension headers (RFC 8200, 3 and 4).
//!
//! An extension header that breaks a rule of its kind is a fault of its own: the chain is followed
//! behind it. Only one that is not whole ends the chain.

use std::net::Ipv6Addr;

use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor, ipsec};

mod extensions;
mod options;
mod routing;

pub use extensions::{
    Body, Chain, Extension, ExtensionHeader, Fragment, Hip, HipType, Mobility, MobilityType, Shim6,
};
pub use options::{MAX_OPTIONS, MinimumPathMtu, OptionFact, OptionKind, Options, Rpl, Value};
pub use routing::{
    Addresses, Routing, RoutingData, RoutingType, RplRoute, SegmentRouting, SegmentTlv, SegmentTlvType,
    SegmentTlvs,
};

/// Octets of the fixed header.
pub const HEADER_LEN: usize = 40;
/// Most extension headers that are followed.
pub const MAX_EXTENSIONS: u8 = 8;
/// Largest payload whose length fits the Payload Length field. A longer one has 0 there; its length is
/// in a Jumbo Payload option (RFC 2675), or, where segmentation offload made it, nowhere: it ends with
/// its frame.
pub const MAX_PAYLOAD_LENGTH: usize = 65_535;
/// IPv6 in the IPv4 Protocol and IPv6 Next Header fields: IP within IP (RFC 2473, RFC 4213).
pub const PROTOCOL: u8 = 41;
/// Next Header of the Hop-by-Hop Options header (4.3).
pub const HOP_BY_HOP: u8 = 0;
/// Next Header of the Routing header (4.4).
pub const ROUTING: u8 = 43;
/// Next Header of the Fragment header (4.5).
pub const FRAGMENT: u8 = 44;
/// Next Header of the Destination Options header (4.6).
pub const DESTINATION_OPTIONS: u8 = 60;
/// Next Header where nothing follows (4.7).
pub const NO_NEXT_HEADER: u8 = 59;

/// Next Header of the Mobility header (RFC 6275, 6.1).
pub const MOBILITY: u8 = 135;
/// Next Header of the Host Identity Protocol (RFC 7401, 5.1).
pub const HIP: u8 = 139;
/// Next Header of Shim6 (RFC 5533, 5).
pub const SHIM6: u8 = 140;

/// The fields of a header, and what its extension headers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Header<'a> {
    /// Differentiated services code point (RFC 2474).
    pub dscp: u8,
    /// Explicit congestion notification (RFC 3168, 5).
    pub ecn: u8,
    /// Flow label, 20 bits.
    pub flow_label: u32,
    /// Octets behind the fixed header, extension headers included.
    pub payload_length: u16,
    /// Protocol behind the fixed header (IANA protocol numbers).
    pub next_header: u8,
    /// Hop limit.
    pub hop_limit: u8,
    /// Source address.
    pub source: Ipv6Addr,
    /// Destination address.
    pub destination: Ipv6Addr,
    /// Protocol behind the last extension header that was read (IANA protocol numbers).
    pub protocol: u8,
    /// How many extension headers were read.
    pub extensions: u8,
    /// The Fragment header, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fragment: Option<Fragment>,
    /// The extension headers that were read.
    #[serde(skip_serializing_if = "Chain::is_empty")]
    pub chain: Chain<'a>,
}

impl<'a> Header<'a> {
    /// Whether the packet is one of several fragments. An atomic fragment (RFC 6946) is not.
    #[must_use]
    pub fn is_fragment(&self) -> bool {
        self.fragment.is_some_and(|f| f.more || f.offset > 0)
    }

    /// Whether the packet is a fragment other than the first.
    #[must_use]
    pub fn is_later_fragment(&self) -> bool {
        self.fragment.is_some_and(|f| f.offset > 0)
    }

    /// Whether the chain of extension headers was read to its end, so that [`Header::protocol`] is
    /// that of what is behind it.
    #[inline]
    #[must_use]
    pub fn is_chain_read(&self) -> bool {
        !is_extension(self.protocol) || self.is_later_fragment()
    }

    /// Ends the cursor, which is behind the fixed header, where Payload Length says, or the Jumbo
    /// Payload option.
    ///
    /// # Errors
    /// [`Kind::Length`] where the frame is shorter, and [`Kind::Value`] for a jumbogram that fits
    /// Payload Length.
    #[inline]
    pub fn limit(&self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        if self.payload_length == 0 {
            return self.limit_elsewhere(cursor);
        }
        cursor.limit(usize::from(self.payload_length))
    }

    #[cold]
    fn limit_elsewhere(&self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        if self.next_header == HOP_BY_HOP
            && let Some(length) = jumbo_payload(*cursor)
        {
            let start = *cursor;
            cursor.limit(length)?;
            return if length > MAX_PAYLOAD_LENGTH { Ok(()) } else { Err(start.malformed(Kind::Value)) };
        }
        if cursor.wire_remaining() > MAX_PAYLOAD_LENGTH {
            return Ok(());
        }
        cursor.limit(0)
    }

    /// Follows the extension headers, and leaves the cursor behind those that were read. Nothing behind
    /// the Fragment header of a later fragment is a header, so the chain ends there; so it does before
    /// ESP.
    ///
    /// # Errors
    /// The first fault. Whether it ended the chain, [`Header::is_chain_read`] says.
    #[inline]
    pub fn read_extensions(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        if is_extension(self.protocol) { self.read_chain(cursor) } else { Ok(()) }
    }

    #[cold]
    fn read_chain(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        let start = *cursor;
        let mut chain = Ok(());
        while !self.is_chain_read() && chain.is_ok() {
            if self.extensions == MAX_EXTENSIONS {
                chain = Err(cursor.malformed(Kind::Limit));
            } else {
                chain = self.read_extension(cursor);
            }
        }
        let consumed = start.rest().len().saturating_sub(cursor.rest().len());
        self.chain = Chain::new(self.next_header, start.rest().get(..consumed).unwrap_or_default());
        self.check(start).and(chain)
    }

    fn read_extension(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        let mut behind = *cursor;
        let view: &[u8; extensions::MIN_LEN] = behind.array()?;
        let [next_header, length, o0, o1, i0, i1, i2, i3] = *view;
        let length = extensions::extension_len(self.protocol, length);
        behind.take(usize::from(length).saturating_sub(extensions::MIN_LEN))?;
        if self.protocol == FRAGMENT {
            self.fragment = Some(Fragment::read([o0, o1, i0, i1, i2, i3]));
        }
        self.protocol = next_header;
        self.extensions = self.extensions.saturating_add(1);
        *cursor = behind;
        Ok(())
    }

    /// The first fault within the extension headers, which begin at `start`.
    fn check(&self, start: Cursor<'_>) -> Result<(), Malformed> {
        let mut at = start;
        for (position, extension) in self.chain.iter().enumerate() {
            let is_hop_by_hop = extension.header == ExtensionHeader::HopByHop;
            if is_hop_by_hop && position > 0 {
                return Err(at.malformed(Kind::Order));
            }
            if let Err((offset, kind)) = extension.body.check() {
                at.take(offset)?;
                return Err(at.malformed(kind));
            }
            if let Body::Options(options) = extension.body
                && is_hop_by_hop
                && self.payload_length > 0
                && options.jumbo_payload().is_some()
            {
                return Err(at.malformed(Kind::Value));
            }
            at.take(usize::from(extension.length))?;
        }
        Ok(())
    }
}

/// Reads the fixed header; the extension headers are still ahead of the cursor.
#[inline]
pub fn parse<'a>(cursor: &mut Cursor<'a>) -> Result<Header<'a>, Malformed> {
    let start = *cursor;
    let fixed: &[u8; 8] = cursor.array()?;
    let [w0, w1, w2, w3, l0, l1, next_header, hop_limit] = *fixed;
    if w0 >> 4 != 6 {
        return Err(start.malformed(Kind::Version));
    }
    let source: &[u8; 16] = cursor.array()?;
    let destination: &[u8; 16] = cursor.array()?;
    Ok(Header {
        dscp: ((w0 & 0x0f) << 2) | (w1 >> 6),
        ecn: (w1 >> 4) & 0x03,
        flow_label: u32::from_be_bytes([0, w1 & 0x0f, w2, w3]),
        payload_length: u16::from_be_bytes([l0, l1]),
        next_header,
        hop_limit,
        source: Ipv6Addr::from(*source),
        destination: Ipv6Addr::from(*destination),
        protocol: next_header,
        extensions: 0,
        fragment: None,
        chain: Chain::new(next_header, &[]),
    })
}

/// What the Jumbo Payload option of a Hop-by-Hop Options header says.
fn jumbo_payload(mut cursor: Cursor<'_>) -> Option<usize> {
    let &[_, length] = cursor.array().ok()?;
    let length = usize::from(extensions::extension_len(HOP_BY_HOP, length)).saturating_sub(2);
    let length = Options::new(cursor.take(length).ok()?).jumbo_payload()?;
    usize::try_from(length).ok()
}

#[inline]
fn is_extension(protocol: u8) -> bool {
    matches!(
        protocol,
        HOP_BY_HOP
            | ROUTING
            | FRAGMENT
            | ipsec::AUTHENTICATION
            | DESTINATION_OPTIONS
            | MOBILITY
            | HIP
            | SHIM6
    )
}

#[cfg(test)]
mod tests;
