//! Who is let onto a link, and how its bridges keep it free of loops.

use headgate_record::{Field, Mac};
use headgate_rules::Rules;
use headgate_wire::{Application, Network, Packet};

use super::Sink;
use super::announcement::Origin;
use super::authentication::Authentications;
use super::bridge::Bridges;

/// The tables of authentications and of bridges.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    authentications: Authentications,
    bridges: Bridges,
}

impl Access {
    pub(crate) fn new(rules: &Rules) -> Self {
        Access { authentications: Authentications::new(rules.collect()), bridges: Bridges::new() }
    }

    /// A packet of EAPOL, spanning tree or RADIUS was seen; others are nothing to it. Returns whether it was used.
    #[cold]
    pub(crate) fn packet(
        &mut self,
        from: Origin<'_>,
        packet: &Packet<'_>,
        time: u64,
        out: &mut Sink,
    ) -> bool {
        // A link without destinations says as little of who is meant as one to all.
        let to = packet.destination().map_or(BROADCAST, |mac| Mac(mac.0));
        match (&packet.network, &packet.application) {
            (Network::Bpdu(message), _) => self.bridges.bpdu(from, to, message, time, out),
            (Network::Eapol(message), _) => self.authentications.eapol(from, to, message, time, out),
            (_, Application::Radius(message)) => {
                self.authentications.radius(from, packet, message, time, out)
            }
            _ => false,
        }
    }

    /// A packet is excluded.
    pub(crate) fn excluded(&mut self, packet: &Packet<'_>, out: &mut Sink) {
        self.authentications.excluded(packet.vlan().unwrap_or(0), packet, out);
    }

    pub(crate) fn report(&mut self, now: u64, all: bool, out: &mut Sink) {
        self.authentications.report(now, all, out);
        self.bridges.report(now, all, out);
    }

    /// What left a full table since the last call.
    pub(crate) fn take_evicted(&mut self) -> [(Field, u64); 2] {
        [
            (Field::CountersAuthenticationsEvicted, self.authentications.take_evicted()),
            (Field::CountersBridgesEvicted, std::mem::take(&mut self.bridges.evicted)),
        ]
    }
}

const BROADCAST: Mac = Mac([0xff; 6]);
