//! Every field that can be stored or sent, declared once.
//!
//! Documents, `headgate dictionary`, the gates and the tests read this declaration. The number of a
//! field is its identity on disk and on the wire and is never reused.

use crate::ValueType;

mod fields;
mod identity;
pub use fields::Field;
pub use identity::{Identifier, Identity, is_randomised, stations};

/// A kind of record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A station, by MAC address and VLAN.
    Device,
    /// What a neighbour announces about itself by LLDP (IEEE 802.1AB), CDP, EDP, FDP or SONMP.
    Neighbor,
    /// An address or prefix lent by DHCP (RFC 2131) or DHCPv6 (RFC 8415).
    Lease,
    /// One DHCP exchange: its messages, timing and result.
    Exchange,
    /// A bidirectional flow (RFC 5103), or the part of it since its last record.
    Flow,
    /// Where every frame and record of a period ended.
    Counters,
    /// One authentication of a station (IEEE 802.1X, RFC 3748, RFC 2865), or one report of its accounting (RFC 2866).
    Authentication,
    /// What a bridge says on a link by spanning tree (IEEE 802.1Q, 13 and 14).
    Bridge,
}

/// How much a record is worth when there is no room for all: the lowest goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Many, and each worth little: flows.
    Bulk,
    /// What a site is made of: devices, neighbours, leases, exchanges, authentications, bridges.
    State,
    /// The accounting that makes a loss visible.
    Account,
}

/// Whether an element identifies a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Person {
    /// It does not.
    No,
    /// Only together with others.
    Weak,
    /// It does.
    Yes,
}

/// What a gate does with a field's value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    /// The value goes on.
    Keep,
    /// The value ends here.
    Drop,
    /// A keyed pseudonym goes on.
    Pseudonym,
    /// Only the network of an address goes on: /24 of IPv4, /48 of IPv6, or as the rules say.
    Truncate,
    /// Only the leading word goes on (`android-dhcp-13` becomes `android`).
    Class,
    /// The value goes on for infrastructure (bridges, routers, access points), otherwise it ends.
    Infrastructure,
    /// The value goes on for infrastructure, otherwise its pseudonym.
    InfrastructureOrPseudonym,
    /// The name of a group goes on where so many stations are in it as the rules say, otherwise it ends. For the release
    /// gate only.
    Group,
}

/// What a field is read from, where the kernel hands it over only under a rule that keeps the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The attributes of RADIUS (RFC 2865, 5).
    RadiusAttributes,
    /// EAP Identity responses (RFC 3748, 5.1).
    EapIdentity,
    /// Multicast DNS (RFC 6762).
    MulticastDns,
}

/// One row of the dictionary.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// `kind.field`, as rule files name it.
    pub name: &'static str,
    /// Identity on disk and on the wire.
    pub number: u16,
    /// The kind of record that has this field.
    pub kind: Kind,
    /// Type of the value.
    pub value_type: ValueType,
    /// OpenTelemetry semantic-convention attribute, or ours where there is none.
    pub attribute: &'static str,
    /// Unit (UCUM), or empty.
    pub unit: &'static str,
    /// Protocol element and clause.
    pub source: &'static str,
    /// Whether it identifies a person.
    pub person: Person,
    /// At the collect gate, when no rule says otherwise.
    pub collect: Treatment,
    /// At the release gate, when no rule says otherwise.
    pub release: Treatment,
    /// Part of what tells the subject from others of its kind.
    pub key: bool,
    /// What it is read from beyond headers and control protocols.
    pub payload: Option<Payload>,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 8] = [
        Kind::Device,
        Kind::Neighbor,
        Kind::Lease,
        Kind::Exchange,
        Kind::Flow,
        Kind::Counters,
        Kind::Authentication,
        Kind::Bridge,
    ];

    /// The name in rule files, JSON and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Device => "device",
            Kind::Neighbor => "neighbor",
            Kind::Lease => "lease",
            Kind::Exchange => "exchange",
            Kind::Flow => "flow",
            Kind::Counters => "counters",
            Kind::Authentication => "authentication",
            Kind::Bridge => "bridge",
        }
    }

    /// Identity on disk and on the wire; never reused.
    #[inline]
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Kind::Device => 1,
            Kind::Neighbor => 2,
            Kind::Lease => 3,
            Kind::Exchange => 4,
            Kind::Flow => 5,
            Kind::Counters => 6,
            Kind::Authentication => 7,
            Kind::Bridge => 8,
        }
    }

    /// The kind with this number.
    #[inline]
    #[must_use]
    pub fn from_number(number: u32) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.number() == number)
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|k| k.name() == name)
    }

    /// What a record of this kind is worth when room is short.
    #[must_use]
    pub fn class(self) -> Class {
        match self {
            Kind::Flow => Class::Bulk,
            Kind::Device
            | Kind::Neighbor
            | Kind::Lease
            | Kind::Exchange
            | Kind::Authentication
            | Kind::Bridge => Class::State,
            Kind::Counters => Class::Account,
        }
    }

    /// The field that holds the MAC address of what the record is about, where that may be a person's device.
    #[must_use]
    pub fn subject(self) -> Option<Field> {
        match self {
            Kind::Device => Some(Field::DeviceMac),
            Kind::Lease => Some(Field::LeaseMac),
            Kind::Exchange => Some(Field::ExchangeMac),
            Kind::Flow => Some(Field::FlowMac),
            Kind::Neighbor => Some(Field::NeighborSourceMac),
            Kind::Authentication => Some(Field::AuthenticationMac),
            Kind::Bridge => Some(Field::BridgeSourceMac),
            Kind::Counters => None,
        }
    }

    /// Further fields that hold a MAC address by which the record's subject, or another station, names itself.
    #[must_use]
    pub fn stations(self) -> &'static [Field] {
        match self {
            Kind::Bridge => &[Field::BridgeBridge, Field::BridgeRoot],
            _ => &[],
        }
    }
}

impl Class {
    /// All classes, the first to go first.
    pub const ALL: [Class; 3] = [Class::Bulk, Class::State, Class::Account];

    /// The name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Class::Bulk => "bulk",
            Class::State => "state",
            Class::Account => "account",
        }
    }

    /// Identity on disk; the lowest goes first.
    #[must_use]
    pub fn number(self) -> u32 {
        match self {
            Class::Bulk => 0,
            Class::State => 1,
            Class::Account => 2,
        }
    }

    /// The class with this number.
    #[must_use]
    pub fn from_number(number: u32) -> Option<Class> {
        Class::ALL.into_iter().find(|c| c.number() == number)
    }
}

impl Treatment {
    /// All treatments.
    pub const ALL: [Treatment; 8] = [
        Treatment::Keep,
        Treatment::Drop,
        Treatment::Pseudonym,
        Treatment::Truncate,
        Treatment::Class,
        Treatment::Infrastructure,
        Treatment::InfrastructureOrPseudonym,
        Treatment::Group,
    ];

    /// The name in rule files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Treatment::Keep => "keep",
            Treatment::Drop => "drop",
            Treatment::Pseudonym => "pseudonym",
            Treatment::Truncate => "truncate",
            Treatment::Class => "class",
            Treatment::Infrastructure => "infrastructure",
            Treatment::InfrastructureOrPseudonym => "infrastructure-or-pseudonym",
            Treatment::Group => "group",
        }
    }

    /// Whether the treatment makes sense for a field.
    #[must_use]
    pub fn fits(self, field: Field) -> bool {
        let row = field.definition();
        let text = matches!(row.value_type, ValueType::Text | ValueType::Texts);
        let address = matches!(row.value_type, ValueType::Address | ValueType::Addresses);
        match self {
            Treatment::Drop => true,
            Treatment::Keep => !field.names_a_user() && field != Field::AuthenticationClass,
            Treatment::Pseudonym => {
                text || address || matches!(row.value_type, ValueType::Bytes | ValueType::Mac)
            }
            Treatment::Truncate => address,
            Treatment::Class => text && !field.names_a_user(),
            Treatment::Infrastructure => row.kind == Kind::Neighbor,
            Treatment::InfrastructureOrPseudonym => {
                row.kind == Kind::Neighbor && Treatment::Pseudonym.fits(field)
            }
            Treatment::Group => Field::GROUPS.contains(&field),
        }
    }

    /// Whether what this treatment lets through says no more than what `other` lets through.
    #[must_use]
    pub fn is_within(self, other: Treatment) -> bool {
        self == other
            || self == Treatment::Drop
            || other == Treatment::Keep
            || (other == Treatment::InfrastructureOrPseudonym
                && matches!(self, Treatment::Pseudonym | Treatment::Infrastructure))
    }

    /// The one of two that lets through less, or nothing where neither is within the other.
    #[must_use]
    pub fn narrower(self, other: Treatment) -> Treatment {
        match (self.is_within(other), other.is_within(self)) {
            (true, _) => self,
            (_, true) => other,
            (false, false) => Treatment::Drop,
        }
    }
}

impl Field {
    /// The record kind that has this field.
    #[inline]
    #[must_use]
    pub fn kind(self) -> Kind {
        self.definition().kind
    }

    /// `kind.field`, as rule files name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.definition().name
    }

    /// The name without the kind, as JSON objects of one kind use it.
    #[must_use]
    pub fn short_name(self) -> &'static str {
        self.name().split_once('.').map_or(self.name(), |(_, short)| short)
    }

    /// What says which group of persons somebody is in. Such a group may have one member.
    pub const GROUPS: [Field; 2] = [Field::AuthenticationAssignedVlan, Field::AuthenticationFilterIds];

    /// Whether it holds the name by which a person logs in: that is nothing but a pseudonym, where a rule lets it be
    /// collected at all.
    #[must_use]
    pub fn names_a_user(self) -> bool {
        matches!(self, Field::AuthenticationIdentity | Field::AuthenticationUserName)
    }

    /// The field with this `kind.field` name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Field> {
        Field::ALL.iter().copied().find(|f| f.name() == name)
    }

    /// The field with this number.
    #[inline]
    #[must_use]
    pub fn from_number(number: u32) -> Option<Field> {
        let place = PLACES.get(usize::try_from(number).ok()?)?;
        Field::ALL.get(usize::from(place.checked_sub(1)?)).copied()
    }

    /// The fields of a kind, in the dictionary's order.
    pub fn of(kind: Kind) -> impl Iterator<Item = Field> {
        Field::ALL.iter().copied().filter(move |f| f.kind() == kind)
    }
}

/// By the number of a field its place in [`Field::ALL`] and one, or 0 where no field has the number.
static PLACES: [u16; MAX_NUMBER + 1] = places();

#[allow(
    clippy::as_conversions,
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which refuses what does not fit"
)]
const fn places() -> [u16; MAX_NUMBER + 1] {
    let mut places = [0; MAX_NUMBER + 1];
    let mut at = 0;
    while at < Field::NUMBERS.len() {
        places[Field::NUMBERS[at] as usize] = at as u16 + 1;
        at += 1;
    }
    places
}

/// No field has a higher number.
const MAX_NUMBER: usize = 899;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MAX_FIELDS;
    use std::collections::HashSet;

    #[test]
    fn numbers_and_names_are_unique_and_in_order() {
        let mut names = HashSet::new();
        let mut last = 0;
        for field in Field::ALL {
            let row = field.definition();
            assert!(names.insert(row.name), "{} twice", row.name);
            assert!(row.number > last, "{} out of order", row.name);
            last = row.number;
            assert!(row.name.starts_with(&format!("{}.", row.kind.name())), "{}", row.name);
            assert!(!row.source.is_empty() && !row.attribute.is_empty(), "{}", row.name);
            assert_eq!(Field::from_number(row.number.into()), Some(*field));
            assert_eq!(Field::from_name(row.name), Some(*field));
        }
        assert!(Kind::ALL.into_iter().all(|k| Field::of(k).count() <= MAX_FIELDS));
    }

    #[test]
    fn what_identifies_a_person_never_leaves_as_it_is() {
        for field in Field::ALL {
            let row = field.definition();
            let is_of_infrastructure = row.kind == Kind::Neighbor
                && matches!(row.release, Treatment::Infrastructure | Treatment::InfrastructureOrPseudonym);
            let ends = matches!(
                row.release,
                Treatment::Drop | Treatment::Pseudonym | Treatment::Truncate | Treatment::Class
            );
            assert!(row.person != Person::Yes || ends || is_of_infrastructure, "{}", row.name);
        }
    }

    #[test]
    fn every_default_fits_its_field_and_release_is_within_collect() {
        for field in Field::ALL {
            let row = field.definition();
            assert!(row.collect.fits(*field) && row.release.fits(*field), "{}", row.name);
            assert!(row.release.is_within(row.collect), "{}", row.name);
        }
    }

    #[test]
    fn every_kind_has_a_key() {
        for kind in Kind::ALL {
            assert!(Field::of(kind).any(|f| f.definition().key), "{}", kind.name());
        }
    }
}
