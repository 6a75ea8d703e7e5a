//! What is counted of protocols by which a link talks of itself, and of no device: names and groups of
//! multicast.

use headgate_record::Field;
use headgate_wire::discovery::Protocol;
use headgate_wire::{Application, igmp, mld};

/// Counts of an interface, in the order of [`LinkCounts::FIELDS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounts([u64; LinkCounts::FIELDS.len()]);

impl LinkCounts {
    /// The fields of a counters record that they are.
    pub const FIELDS: [Field; 7] = [
        Field::CountersDiscoveryMdns,
        Field::CountersDiscoverySsdp,
        Field::CountersDiscoveryLlmnr,
        Field::CountersDiscoveryNbns,
        Field::CountersDiscoveryWsDiscovery,
        Field::CountersIgmpMemberships,
        Field::CountersMldMemberships,
    ];

    /// Each field with its count.
    pub fn iter(&self) -> impl Iterator<Item = (Field, u64)> {
        Self::FIELDS.into_iter().zip(self.0)
    }

    pub(crate) fn add(&mut self, other: &LinkCounts) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum = sum.saturating_add(count);
        }
    }

    /// Counts what a packet carries, if it is one of these.
    #[cold]
    pub(crate) fn count(&mut self, application: &Application<'_>) {
        let (field, count) = match application {
            Application::Discovery(protocol, _) => (discovery(*protocol), 1),
            Application::Igmp(message) => {
                let count = match &message.body {
                    igmp::Body::Membership { .. } if message.message_type != igmp::MessageType::Leave => 1,
                    igmp::Body::Report(report) => report.group_count.into(),
                    _ => 0,
                };
                (Field::CountersIgmpMemberships, count)
            }
            Application::Mld(message) => {
                let count = match &message.body {
                    mld::Body::Membership { .. } if message.message_type != mld::MessageType::Done => 1,
                    mld::Body::Report(report) => report.group_count.into(),
                    _ => 0,
                };
                (Field::CountersMldMemberships, count)
            }
            _ => return,
        };
        let counts = Self::FIELDS.into_iter().zip(&mut self.0);
        for (_, sum) in counts.filter(|(counted, _)| *counted == field) {
            *sum = sum.saturating_add(count);
        }
    }
}

fn discovery(protocol: Protocol) -> Field {
    match protocol {
        Protocol::Mdns => Field::CountersDiscoveryMdns,
        Protocol::Ssdp => Field::CountersDiscoverySsdp,
        Protocol::Llmnr => Field::CountersDiscoveryLlmnr,
        Protocol::Nbns => Field::CountersDiscoveryNbns,
        Protocol::WsDiscovery => Field::CountersDiscoveryWsDiscovery,
    }
}
