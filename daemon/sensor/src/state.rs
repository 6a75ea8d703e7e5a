//! What the sensor remembers while it watches: tables of fixed size, oldest out, every loss counted.

use headgate_record::{Error, Record, Value};

pub(crate) mod access;
pub(crate) mod announcement;
pub(crate) mod authentication;
pub(crate) mod bridge;
pub(crate) mod counters;
pub(crate) mod device;
pub(crate) mod dhcp;
pub(crate) mod dhcpv6;
pub(crate) mod entries;
pub(crate) mod flow;
pub(crate) mod link;
pub(crate) mod ndp;
pub(crate) mod neighbor;
pub(crate) mod table;
pub(crate) mod within;

/// Activity of a device or neighbour that is otherwise unchanged is recorded once in so long, nanoseconds.
pub(crate) const REPORT_INTERVAL: u64 = 60 * SECOND;
/// A device or neighbour that was seen for so long is no newcomer, nanoseconds: newcomers leave a full table before it.
pub(crate) const STAYED: u64 = 60 * SECOND;
/// Nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;

/// An interface, by its number in the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct InterfaceNumber(pub(crate) u8);

/// A frame, beside what it says: its interface and VLAN (0 when untagged), its time and its octets on the wire, without
/// FCS.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen {
    pub(crate) number: InterfaceNumber,
    pub(crate) vlan: u16,
    pub(crate) time: u64,
    pub(crate) bytes: u64,
}

/// Records on their way out of the tables, and the names that they give interfaces.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sink {
    records: Vec<Record>,
    interfaces: Vec<Value>,
}

impl Sink {
    /// Adds a record. One that could not be built is a fault of ours; it is logged by its cause,
    /// which names fields and no values.
    pub(crate) fn push(&mut self, record: Result<Record, Error>) {
        match record {
            Ok(record) => self.records.push(record),
            Err(error) => log::error!(event = "record_fault"; "a record could not be built: {error}"),
        }
    }

    /// Adds an interface: the number is how many there were before.
    pub(crate) fn add_interface(&mut self, name: &str) {
        self.interfaces.push(name.into());
    }

    /// The name of an interface.
    pub(crate) fn interface(&self, number: InterfaceNumber) -> Value {
        self.interfaces.get(usize::from(number.0)).cloned().unwrap_or(Value::word(""))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn take(&mut self) -> Vec<Record> {
        std::mem::take(&mut self.records)
    }
}

/// The VLAN field of a record: absent for untagged frames.
pub(crate) fn tagged(vlan: u16) -> Option<u16> {
    (vlan != 0).then_some(vlan)
}
