//! Addresses and routers by Neighbor Discovery (RFC 4861), as ARP tells them for IPv4.

use std::net::{IpAddr, Ipv6Addr};

use headgate_record::Mac;
use headgate_wire::ipv6;
use headgate_wire::ndp::{Body, LinkLayerAddress, Message};

use super::SECOND;
use super::announcement::Origin;
use super::device::Devices;
use super::table::Table;

/// Most addresses at once of which it is not known yet whether they are somebody else's. Of those that find
/// no room nothing is learnt until they are used.
const MAX_TENTATIVE: usize = 1_024;
/// An address that nobody claims for so long is its asker's: RetransTimer (RFC 4861, 10), once, as
/// DupAddrDetectTransmits says (RFC 4862, 5.1); nanoseconds.
const DETECTION: u64 = SECOND;
/// What a message of this link has; another came through a router (RFC 4861, 6.1 and 7.1).
const HOP_LIMIT: u8 = 255;

#[derive(Clone, Debug)]
pub(crate) struct Ndp {
    /// By VLAN and address: who asks for it, and when.
    tentative: Table<(u16, Ipv6Addr), (Mac, u64)>,
}

impl Ndp {
    pub(crate) fn new() -> Self {
        Ndp { tentative: Table::new(MAX_TENTATIVE) }
    }

    /// A message was seen.
    pub(crate) fn message(
        &mut self,
        from: Origin<'_>,
        header: &ipv6::Header,
        message: &Message<'_>,
        time: u64,
        devices: &mut Devices,
    ) {
        if header.hop_limit != HOP_LIMIT || from.source.is_group() {
            return;
        }
        let owner = |option: &Option<LinkLayerAddress<'_>>| {
            let mac = option.as_ref().and_then(LinkLayerAddress::mac).map(|mac| Mac(mac.0));
            (from.vlan, mac.filter(|mac| !mac.is_group()).unwrap_or(from.source))
        };
        let sender = owner(&message.options.source_link_layer_address);
        match message.body {
            Body::NeighborSolicitation { target } if header.source.is_unspecified() => {
                self.ask((from.vlan, target), from.source, time);
            }
            Body::NeighborAdvertisement(advertisement) => {
                let owner = owner(&message.options.target_link_layer_address);
                self.tentative.remove(&(from.vlan, advertisement.target));
                learn(devices, owner, advertisement.target);
            }
            Body::RouterAdvertisement(advertisement) => {
                learn(devices, sender, header.source);
                // 0 says that it is no router, or no longer (RFC 4861, 4.2).
                let lifetime = u64::from(advertisement.router_lifetime) * SECOND;
                devices.router(&sender, time.saturating_add(lifetime), time);
            }
            Body::NeighborSolicitation { .. } | Body::RouterSolicitation => {
                learn(devices, sender, header.source);
            }
            // A router speaks of others here.
            Body::Redirect { .. } => {}
        }
    }

    /// Gives addresses that nobody claimed to those who asked for them.
    pub(crate) fn report(&mut self, now: u64, all: bool, devices: &mut Devices) {
        let waits = |(_, asked): &mut (Mac, u64)| !all && now < asked.saturating_add(DETECTION);
        for ((vlan, address), (mac, _)) in self.tentative.extract_unless(waits) {
            learn(devices, (vlan, mac), address);
        }
    }

    /// Duplicate address detection (RFC 4862, 5.4): an address that two ask for is neither's.
    fn ask(&mut self, key: (u16, Ipv6Addr), mac: Mac, time: u64) {
        match self.tentative.touch(&key) {
            Some((first, _)) if *first != mac => {
                self.tentative.remove(&key);
            }
            Some(_) => {}
            None => {
                self.tentative.insert(key, (mac, time));
            }
        }
    }
}

fn learn(devices: &mut Devices, owner: (u16, Mac), address: Ipv6Addr) {
    if !address.is_multicast() {
        devices.address(&owner, IpAddr::V6(address));
    }
}
