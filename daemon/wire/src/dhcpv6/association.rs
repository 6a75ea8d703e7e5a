//! Identity associations and what is leased to them (RFC 8415, 21.4 to 21.6, 21.21, 21.22).

use std::net::Ipv6Addr;

use arrayvec::ArrayVec;
use serde::Serialize;

use super::{
    MAX_LEASES, MAX_OTHER_ASSOCIATION_OPTIONS, OptionFact, Status,
    reader::{RawOption, Tally, address, each},
};
use crate::{Kind, Malformed, dhcpv4::is_default, registry::registry};

registry! {
    /// What an identity association is for; the number is that of the option.
    pub enum AssociationKind: u16 {
        /// IA_NA: non-temporary addresses (21.4).
        NonTemporary = 3, "ia-na";
        /// IA_TA: temporary addresses (21.5).
        Temporary = 4, "ia-ta";
        /// IA_PD: prefixes (21.21).
        PrefixDelegation = 25, "ia-pd";
    }
}

/// An identity association.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Association<'a> {
    /// What it is for.
    pub kind: AssociationKind,
    /// IAID: its number, which the client chooses.
    pub iaid: u32,
    /// T1: seconds until the client renews; `None` for IA_TA.
    #[serde(skip_serializing_if = "is_default")]
    pub t1: Option<u32>,
    /// T2: seconds until the client rebinds; `None` for IA_TA.
    #[serde(skip_serializing_if = "is_default")]
    pub t2: Option<u32>,
    /// Its addresses.
    #[serde(skip_serializing_if = "is_default")]
    pub addresses: ArrayVec<LeasedAddress<'a>, MAX_LEASES>,
    /// Its prefixes.
    #[serde(skip_serializing_if = "is_default")]
    pub prefixes: ArrayVec<LeasedPrefix<'a>, MAX_LEASES>,
    /// Its status.
    #[serde(skip_serializing_if = "is_default")]
    pub status: Option<Status<'a>>,
    /// Other options within it and within what it holds. What they hold is not read.
    #[serde(skip_serializing_if = "is_default")]
    pub others: ArrayVec<OptionFact, MAX_OTHER_ASSOCIATION_OPTIONS>,
}

/// An address of an identity association (21.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LeasedAddress<'a> {
    /// The address.
    pub address: Ipv6Addr,
    /// Preferred lifetime in seconds, 0xffffffff for ever.
    pub preferred_lifetime: u32,
    /// Valid lifetime in seconds, 0xffffffff for ever.
    pub valid_lifetime: u32,
    /// Its status.
    #[serde(skip_serializing_if = "is_default")]
    pub status: Option<Status<'a>>,
}

/// A prefix of an identity association (21.22).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct LeasedPrefix<'a> {
    /// The prefix.
    pub prefix: Ipv6Addr,
    /// Bits of the prefix, 0 to 128. A larger value is a fault, and is kept.
    pub prefix_len: u8,
    /// Preferred lifetime in seconds, 0xffffffff for ever.
    pub preferred_lifetime: u32,
    /// Valid lifetime in seconds, 0xffffffff for ever.
    pub valid_lifetime: u32,
    /// Its status.
    #[serde(skip_serializing_if = "is_default")]
    pub status: Option<Status<'a>>,
}

impl<'a> Association<'a> {
    pub(super) fn read(option: RawOption<'a>, tally: &mut Tally) -> Result<Self, Malformed> {
        let mut cursor = option.value;
        let mut association = Association {
            kind: option.code.into(),
            iaid: cursor.u32()?,
            t1: None,
            t2: None,
            addresses: ArrayVec::new(),
            prefixes: ArrayVec::new(),
            status: None,
            others: ArrayVec::new(),
        };
        if association.kind != AssociationKind::Temporary {
            association.t1 = tally.note(cursor.u32());
            // Without T1 there is nothing behind it.
            association.t2 = association.t1.and_then(|_| tally.note(cursor.u32()));
            if association.t2.is_none() {
                return Ok(association);
            }
        }
        each(cursor, tally, |option, tally| association.add(option, tally));
        Ok(association)
    }

    fn add(&mut self, option: RawOption<'a>, tally: &mut Tally) -> Result<(), Malformed> {
        match (option.code, self.kind) {
            (STATUS_CODE, _) => option.field(&mut self.status, Status::parse),
            (IA_ADDRESS, AssociationKind::NonTemporary | AssociationKind::Temporary) => {
                self.add_address(option, tally)
            }
            (IA_PREFIX, AssociationKind::PrefixDelegation) => self.add_prefix(option, tally),
            _ => {
                tally.push(&mut self.others, OptionFact::from(option));
                Ok(())
            }
        }
    }

    fn add_address(&mut self, option: RawOption<'a>, tally: &mut Tally) -> Result<(), Malformed> {
        let mut cursor = option.value;
        let mut lease = LeasedAddress {
            address: address(&mut cursor)?,
            preferred_lifetime: cursor.u32()?,
            valid_lifetime: cursor.u32()?,
            status: None,
        };
        each(cursor, tally, |option, tally| self.within(&mut lease.status, option, tally));
        tally.push(&mut self.addresses, lease);
        Ok(())
    }

    fn add_prefix(&mut self, option: RawOption<'a>, tally: &mut Tally) -> Result<(), Malformed> {
        let mut cursor = option.value;
        let preferred_lifetime = cursor.u32()?;
        let valid_lifetime = cursor.u32()?;
        let length = cursor;
        let prefix_len = cursor.u8()?;
        let prefix = address(&mut cursor)?;
        let mut lease = LeasedPrefix { prefix, prefix_len, preferred_lifetime, valid_lifetime, status: None };
        each(cursor, tally, |option, tally| self.within(&mut lease.status, option, tally));
        tally.push(&mut self.prefixes, lease);
        if prefix_len > MAX_PREFIX_LEN { Err(length.malformed(Kind::Value)) } else { Ok(()) }
    }

    /// Reads an option within an address or a prefix.
    fn within(
        &mut self,
        status: &mut Option<Status<'a>>,
        option: RawOption<'a>,
        tally: &mut Tally,
    ) -> Result<(), Malformed> {
        if option.code == STATUS_CODE {
            return option.field(status, Status::parse);
        }
        tally.push(&mut self.others, OptionFact::from(option));
        Ok(())
    }
}

/// Bits of an address.
const MAX_PREFIX_LEN: u8 = 128;
const IA_ADDRESS: u16 = 5;
const STATUS_CODE: u16 = 13;
const IA_PREFIX: u16 = 26;
