//! The stations that a frame speaks of, other than by its own source and destination.

use std::net::IpAddr;

use headgate_record::Mac;
use headgate_wire::{self as wire, Application, Network, dhcpv6, ethernet, ndp};

/// Finds the first station within a packet of which a record can be: hardware addresses of ARP, clients of DHCP, owners of
/// addresses in Neighbor Discovery, and the station that RADIUS names, where its attributes are kept. Says what it is.
pub(crate) fn find_named<T>(
    packet: &wire::Packet<'_>,
    find: impl Fn(Mac) -> Option<T>,
) -> Option<(T, &'static str)> {
    let find = |mac: ethernet::Address| find(Mac(mac.0));
    let with = |part| move |found| (found, part);
    match (&packet.network, &packet.application) {
        (Network::Arp(arp), _) => {
            let arp = arp.addresses?;
            let found = [arp.sender_hardware, arp.target_hardware].into_iter().find_map(find);
            found.map(with("a hardware address in ARP"))
        }
        (_, Application::Dhcpv4(message)) => {
            message.mac().and_then(find).map(with("the client hardware address in DHCP"))
        }
        (_, Application::Dhcpv6(message)) => {
            dhcpv6_clients(message, find).map(with("a client's hardware address in DHCPv6"))
        }
        (_, Application::Ndp(message)) => {
            let options = &message.options;
            let owners = [&options.source_link_layer_address, &options.target_link_layer_address];
            let found = owners.into_iter().flatten().filter_map(ndp::LinkLayerAddress::mac).find_map(find);
            found.map(with("a link-layer address in Neighbor Discovery"))
        }
        (_, Application::Radius(message)) => {
            message.attributes.station().and_then(find).map(with("the station that RADIUS names"))
        }
        _ => None,
    }
}

/// The addresses of a client in DHCP, other than those of its packet.
pub(crate) fn lent(packet: &wire::Packet<'_>) -> impl Iterator<Item = IpAddr> {
    let addresses = match &packet.application {
        Application::Dhcpv4(message) => Some([message.ciaddr.into(), message.yiaddr.into()]),
        _ => None,
    };
    addresses.into_iter().flatten()
}

/// The client that relay agents saw, and that of its DUID.
fn dhcpv6_clients<T>(
    message: &dhcpv6::Message<'_>,
    find: impl Fn(ethernet::Address) -> Option<T>,
) -> Option<T> {
    let duid = message.options.client_identifier.as_ref();
    let by_duid = || duid.and_then(|duid| duid.link_layer.as_ref()?.mac).and_then(&find);
    message.client_mac().and_then(&find).or_else(by_duid)
}
