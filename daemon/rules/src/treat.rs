//! Applying a treatment to a value.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use headgate_record::{Change, Field, Kind, Record, Stated, Treatment, Value};

/// What a pseudonym is for. Each purpose has keys of its own, so that what is stored cannot be
/// matched with what has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Stored on the appliance in place of the value.
    Collect,
    /// Released in place of the value.
    Release,
}

/// Whoever holds the pseudonym keys.
pub trait Pseudonymise {
    /// The pseudonym of `value` for `purpose` in the current epoch: keyed, and equal for equal values
    /// as long as the key lives.
    fn pseudonym(&self, purpose: Purpose, value: &[u8]) -> [u8; 16];
}

/// Prefix lengths that [`Treatment::Truncate`] leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PrefixLengths {
    pub v4: u8,
    pub v6: u8,
}

/// How a gate treats each field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Treatments {
    /// In the order of the dictionary.
    rows: Vec<(Field, Treatment)>,
    /// Kinds of which every field stays, or becomes a pseudonym.
    kept: Vec<Kind>,
}

impl Treatments {
    pub(crate) fn new(of: impl Fn(Field) -> Treatment) -> Self {
        let rows: Vec<_> = Field::ALL.iter().map(|f| (*f, of(*f))).collect();
        let stays =
            |(_, treatment): &(Field, Treatment)| matches!(treatment, Treatment::Keep | Treatment::Pseudonym);
        let is_kept = |kind: &Kind| rows.iter().filter(|row| row.0.kind() == *kind).all(stays);
        let kept = Kind::ALL.into_iter().filter(is_kept).collect();
        Treatments { rows, kept }
    }

    pub(crate) fn of(&self, field: Field) -> Treatment {
        self.rows.get(field.position()).filter(|row| row.0 == field).map_or(Treatment::Drop, |row| row.1)
    }

    /// How a field of `record` is treated: what depends on the record is decided.
    pub(crate) fn of_record(&self, field: Field, record: &Record) -> Treatment {
        self.of_infrastructure(field, record.is_true(Field::NeighborInfrastructure))
    }

    /// How a field of a record of infrastructure, or of another, is treated.
    pub(crate) fn of_infrastructure(&self, field: Field, infrastructure: bool) -> Treatment {
        applied(self.of(field), infrastructure)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Field, Treatment)> + '_ {
        self.rows.iter().copied()
    }
}

/// Leaves of a record those fields that `treatments` let through, each as its treatment makes it. A field without a
/// treatment goes, and what a treatment does not return is not kept.
///
/// Without `pseudonyms` a value that is to become a pseudonym goes on as it is, and so does the MAC address
/// that tells whose record it is: the sensor holds no keys, and the store, which must know a randomised
/// address when it sees one, applies the same treatments again before anything is written.
pub(crate) fn build(
    mut record: Record,
    treatments: &Treatments,
    lengths: PrefixLengths,
    pseudonyms: Option<(&dyn Pseudonymise, Purpose)>,
) -> Record {
    if pseudonyms.is_none() && treatments.kept.contains(&record.kind()) {
        return record;
    }
    let infrastructure = record.is_true(Field::NeighborInfrastructure);
    let subject = record.kind().subject();
    record.change_each(|field, value| match treatments.of_infrastructure(field, infrastructure) {
        Treatment::Drop if pseudonyms.is_none() && subject == Some(field) => Change::Keep,
        Treatment::Keep => Change::Keep,
        Treatment::Pseudonym => match pseudonyms {
            Some((keys, purpose)) => replaced(pseudonym(value, field, keys, purpose)),
            None => Change::Keep,
        },
        Treatment::Truncate => replaced(each(value, &|v| truncate(v, lengths))),
        Treatment::Class => replaced(each(value, &class)),
        _ => Change::Remove,
    });
    record
}

/// What a treatment comes to for a record of infrastructure, or of another.
fn applied(treatment: Treatment, infrastructure: bool) -> Treatment {
    match treatment {
        Treatment::Infrastructure if infrastructure => Treatment::Keep,
        Treatment::Infrastructure => Treatment::Drop,
        Treatment::InfrastructureOrPseudonym if infrastructure => Treatment::Keep,
        Treatment::InfrastructureOrPseudonym => Treatment::Pseudonym,
        other => other,
    }
}

fn replaced(value: Option<Value>) -> Change {
    value.map_or(Change::Remove, Change::Replace)
}

fn each(value: &Value, one: &dyn Fn(&Value) -> Option<Value>) -> Option<Value> {
    match value {
        Value::List(items) => {
            let mut treated: Vec<Value> = Vec::new();
            for value in items.iter().filter_map(one) {
                if !treated.contains(&value) {
                    treated.push(value);
                }
            }
            // Of a list that has nothing left its field has none.
            (!treated.is_empty()).then_some(Value::List(treated))
        }
        single => one(single),
    }
}

/// The pseudonym of a value, of a list those of its items; `None` for what has none.
///
/// It is taken over the field's meaning, not its name, so that one MAC address has one
/// pseudonym in device, lease, exchange, flow, authentication and bridge records and one user in EAP and RADIUS, and over
/// the text form of an identifier for neighbours, which may hold an address in text.
#[must_use]
pub fn pseudonym(value: &Value, field: Field, keys: &dyn Pseudonymise, purpose: Purpose) -> Option<Value> {
    each(value, &|v| {
        let mut input = match v {
            Value::Bool(_) | Value::Number(_) | Value::Time(_) | Value::List(_) => return None,
            Value::Mac(_) => b"mac\0".to_vec(),
            Value::Address(_) | Value::Prefix(..) => b"ip\0".to_vec(),
            _ if field.names_a_user() => b"user\0".to_vec(),
            _ => [field.name().as_bytes(), b"\0"].concat(),
        };
        input.extend_from_slice(v.to_string().as_bytes());
        Some(Value::Pseudonym(keys.pseudonym(purpose, &input)))
    })
}

fn truncate(value: &Value, lengths: PrefixLengths) -> Option<Value> {
    match value {
        Value::Address(address) => Some(network(*address, lengths.of(*address))),
        Value::Prefix(address, length) => Some(network(*address, (*length).min(lengths.of(*address)))),
        _ => None,
    }
}

impl PrefixLengths {
    fn of(self, address: IpAddr) -> u8 {
        if address.is_ipv4() { self.v4 } else { self.v6 }
    }
}

fn network(address: IpAddr, length: u8) -> Value {
    let masked = match address {
        IpAddr::V4(v) => Ipv4Addr::from_bits(v.to_bits() & mask_v4(length)).into(),
        IpAddr::V6(v) => Ipv6Addr::from_bits(v.to_bits() & mask_v6(length)).into(),
    };
    Value::Prefix(masked, length)
}

pub(crate) fn mask_v4(length: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(length.min(32))).unwrap_or(0)
}

pub(crate) fn mask_v6(length: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(length.min(128))).unwrap_or(0)
}

/// The leading letters: `android-dhcp-13` gives `android`, `MSFT 5.0` gives `MSFT`.
fn class(value: &Value) -> Option<Value> {
    let Value::Text(text) = value else { return None };
    let letters: String = text.chars().take_while(char::is_ascii_alphabetic).collect();
    (!letters.is_empty()).then(|| letters.into())
}
