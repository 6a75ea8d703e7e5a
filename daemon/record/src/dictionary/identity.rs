//! Whom a value identifies, decided once: the store seals what identifies under keys of its own by this.

use std::net::IpAddr;

use super::{Field, Kind, Person};
use crate::{Mac, Record, Stated, Value};

/// Whom the value of a field identifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identity {
    /// Nobody, or only together with others.
    Nobody,
    /// What the record is about: the station that [`Kind::subject`] names.
    Subject,
    /// Another end, by an address alone.
    End,
}

/// By what a subject can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Identifier {
    /// A MAC address, or the pseudonym that is kept in its place.
    Mac,
    /// An IP address.
    Address,
    /// A name of a host, in lower case.
    Name,
    /// The pseudonym of a user.
    User,
    /// Something else that identifies. It is no name to ask for.
    Other,
}

impl Field {
    /// Whom a value of this field identifies.
    #[inline]
    #[must_use]
    pub fn identity(self) -> Identity {
        match self {
            Field::FlowDestinationAddress => Identity::End,
            // A computer that speaks spanning tree calls itself by its own address.
            Field::BridgeBridge | Field::BridgeRoot => Identity::Subject,
            _ if self.definition().person == Person::Yes => Identity::Subject,
            _ => Identity::Nobody,
        }
    }

    /// By what a value of this field is found.
    #[must_use]
    pub fn identifier(self) -> Identifier {
        match self {
            _ if self.kind().subject() == Some(self) => Identifier::Mac,
            Field::DeviceAddresses
            | Field::LeaseAddress
            | Field::FlowSourceAddress
            | Field::FlowDestinationAddress
            | Field::NeighborManagementAddresses => Identifier::Address,
            Field::DeviceHostname | Field::DeviceFqdn | Field::LeaseHostname | Field::NeighborSystemName => {
                Identifier::Name
            }
            _ if self.names_a_user() => Identifier::User,
            _ => Identifier::Other,
        }
    }
}

impl Identifier {
    /// Identity in indexes; never reused.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Identifier::Mac => 1,
            Identifier::Address => 2,
            Identifier::Name => 3,
            Identifier::User => 4,
            Identifier::Other => 5,
        }
    }

    /// The text of a value by which equal ones are found: names without regard to case, addresses in the one form that
    /// RFC 5952 gives them.
    #[must_use]
    pub fn text(self, value: &Value) -> String {
        let text = value.to_string();
        match self {
            Identifier::Name => text.to_lowercase(),
            Identifier::Address => text.parse::<IpAddr>().map_or(text, |address| address.to_string()),
            _ => text,
        }
    }
}

impl Record {
    /// Whether anything in it may identify somebody. What infrastructure says of itself does not.
    #[must_use]
    pub fn has_identities(&self) -> bool {
        self.kind() != Kind::Counters && !self.is_true(Field::NeighborInfrastructure)
    }

    /// The value that tells this record's subject from others: its MAC address, or, where a rule lets none be kept,
    /// the first other thing that identifies it; `None` where nothing does. A list tells by its first item.
    #[must_use]
    pub fn anchor(&self) -> Option<(Identifier, &Value)> {
        fn tells(field: Field, value: &Value) -> Option<(Identifier, &Value)> {
            match value {
                Value::List(items) => items.first().map(|item| (field.identifier(), item)),
                value => Some((field.identifier(), value)),
            }
        }
        let subject = self.kind().subject().and_then(|field| tells(field, self.get(field)?));
        let mut others = self.fields().filter(|(field, _)| field.identity() != Identity::Nobody);
        subject.or_else(|| others.find_map(|(field, value)| tells(field, value)))
    }

    /// All that identifies somebody in this record, one by one.
    pub fn identifiers(&self) -> impl Iterator<Item = (Identifier, &Value)> {
        let fields = self.fields().filter(|(field, _)| field.identity() != Identity::Nobody);
        fields.flat_map(|(field, value)| {
            let values = match value {
                Value::List(items) => items.as_slice(),
                one => std::slice::from_ref(one),
            };
            values.iter().map(move |value| (field.identifier(), value))
        })
    }
}

/// Whether the record's subject, or a station that it names as a bridge, has a locally administered MAC address:
/// one that a person's device has drawn at random. What infrastructure calls itself is no person's, but whoever
/// speaks spanning tree is not infrastructure for that.
///
/// It is asked of a record as the sensor hands it over, where the address stands even if the collect
/// gate lets nothing of it be stored. A device record also says so by its flag.
#[must_use]
pub fn is_randomised(record: &impl Stated) -> bool {
    let by_address = stations(record).any(Mac::is_locally_administered);
    (by_address && !record.is_true(Field::NeighborInfrastructure))
        || record.is_true(Field::DeviceLocallyAdministered)
}

/// The MAC address of a record's subject, and those of stations that it names as a bridge.
pub fn stations(record: &impl Stated) -> impl Iterator<Item = Mac> + '_ {
    let fields = record.kind().subject().into_iter().chain(record.kind().stations().iter().copied());
    fields.filter_map(|field| record.mac(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_that_identifies_a_person_is_taken_out_but_of_infrastructure() {
        for field in Field::ALL {
            let yes = field.definition().person == Person::Yes;
            assert!(!yes || field.identity() != Identity::Nobody, "{}", field.name());
        }
        let mut neighbor = Record::new(Kind::Neighbor);
        neighbor.set(Field::NeighborSystemName, "core").unwrap();
        assert!(neighbor.has_identities());
        neighbor.set(Field::NeighborInfrastructure, true).unwrap();
        assert!(!neighbor.has_identities());
    }

    #[test]
    fn what_is_taken_out_and_put_back_is_the_record() {
        let mut flow = Record::new(Kind::Flow);
        flow.set(Field::FlowMac, Mac([0, 1, 2, 3, 4, 5])).unwrap();
        flow.set(Field::FlowVlan, 7u16).unwrap();
        flow.set(Field::FlowSourceAddress, "10.0.0.1".parse::<IpAddr>().unwrap()).unwrap();
        flow.set(Field::FlowDestinationAddress, "192.0.2.1".parse::<IpAddr>().unwrap()).unwrap();
        flow.set(Field::FlowPackets, 9u64).unwrap();
        let of = |who| flow.clone().take(|field| field.identity() == who).unwrap();
        let (mut left, subject, end) = (of(Identity::Nobody), of(Identity::Subject), of(Identity::End));
        assert_eq!(left.fields().map(|(f, _)| f).collect::<Vec<_>>(), [Field::FlowVlan, Field::FlowPackets]);
        assert_eq!(subject.anchor(), Some((Identifier::Mac, &Value::Mac(Mac([0, 1, 2, 3, 4, 5])))));
        assert_eq!(end.identifiers().count(), 1);
        left.merge(&subject);
        left.merge(&end);
        assert_eq!(left, flow);
    }

    /// A record that named nobody but by an empty list was once taken for damage of the database.
    #[test]
    fn an_empty_list_tells_nobody_from_others() {
        let mut device = Record::new(Kind::Device);
        device.set(Field::DeviceAddresses, Value::List(Vec::new())).unwrap();
        assert_eq!(device.anchor(), None);
        device.set(Field::DeviceHostname, "anna").unwrap();
        assert_eq!(device.anchor(), Some((Identifier::Name, &"anna".into())));
    }

    #[test]
    fn a_name_is_found_in_whatever_case_it_is_written() {
        assert_eq!(Identifier::Name.text(&"Anna-PC".into()), Identifier::Name.text(&"anna-pc".into()));
        let long = Identifier::Address.text(&"2001:0DB8::0:1".into());
        assert_eq!(long, Identifier::Address.text(&Value::Address("2001:db8::1".parse().unwrap())));
    }
}
