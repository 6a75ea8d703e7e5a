//! Rules. Where there are none, nothing is done here.

use std::net::IpAddr;

use headgate_record::Mac;

use super::{Candidates, Keep};
use crate::exclude::{IpVersion, Protocol};
use crate::filter::reason::End;
use crate::filter::selection::Act;

/// The rules of an IP packet.
#[derive(Clone, Copy)]
pub(super) struct Ruled {
    /// Those of which all conditions but that on protocols hold.
    pub(super) all: Candidates,
    /// Those of which that on protocols holds as well.
    pub(super) of_protocol: Candidates,
}

impl Ruled {
    /// Those of which all conditions hold.
    pub(super) fn left(self) -> Candidates {
        self.all & self.of_protocol
    }

    /// The same with those of a port.
    pub(super) fn with(self, of_port: Candidates) -> Candidates {
        self.all & (self.of_protocol | of_port)
    }
}

impl Keep {
    /// Whether no more than headers is kept, by the first of these rules.
    #[inline]
    pub(super) fn limited(&self, rules: Candidates) -> Result<bool, End> {
        if self.rules.is_empty() { Ok(false) } else { self.limited_of(rules, 0) }
    }

    fn limited_of(&self, holds: Candidates, perhaps: Candidates) -> Result<bool, End> {
        match self.rules.act(holds, perhaps) {
            Act::End(end) => Err(end),
            Act::Limit => Ok(true),
            Act::GoOn => Ok(false),
        }
    }

    /// The same of what has no address of IP, of a protocol above Ethernet or of none that is told apart.
    #[inline]
    pub(super) fn limited_without_ip(
        &self,
        rules: Candidates,
        protocol: Option<Protocol>,
    ) -> Result<bool, End> {
        self.limited_of_protocol(rules & self.rules.any_address, protocol)
    }

    #[inline]
    pub(super) fn limited_of_protocol(
        &self,
        rules: Candidates,
        protocol: Option<Protocol>,
    ) -> Result<bool, End> {
        if self.rules.is_empty() {
            return Ok(false);
        }
        let of_protocol = |protocol| self.rules.with_protocol(protocol);
        self.limited_of(rules & protocol.map_or(self.rules.any_protocol, of_protocol), 0)
    }

    /// The same of what may, as the collect gate reads it, be a protocol that stands above Ethernet as well.
    pub(super) fn limited_of_unknown_llc(&self, rules: Candidates) -> Result<bool, End> {
        if self.rules.is_empty() {
            return Ok(false);
        }
        let rules = rules & self.rules.any_address;
        self.limited_of(rules & self.rules.any_protocol, rules & self.rules.of_link())
    }

    #[inline]
    pub(super) fn rules_by_mac(&self, macs: [[u8; 6]; 2]) -> Candidates {
        if self.rules.is_empty() {
            return 0;
        }
        macs.into_iter().fold(self.rules.any_mac, |rules, mac| rules | self.rules.with_mac(Mac(mac)))
    }

    #[inline]
    pub(super) fn rules_by_address<A: Into<IpAddr>>(&self, ends: [A; 2]) -> Candidates {
        if self.rules.is_empty() {
            return 0;
        }
        let with = |rules, end: A| rules | self.rules.with_address(end.into());
        ends.into_iter().fold(self.rules.any_address, with)
    }

    #[inline]
    pub(super) fn rules_by_ip_protocol(&self, number: u8, version: IpVersion) -> Candidates {
        if self.rules.is_empty() {
            return 0;
        }
        let is_unread = version == IpVersion::V6 && crate::control::IPV6_EXTENSIONS.contains(&number);
        let unread = if is_unread { self.rules.unread_protocol } else { 0 };
        self.rules.any_protocol | self.rules.with_ip_protocol(number) | unread
    }
}
