//! DHCPv6 leases and exchanges (RFC 8415), in the terms of DHCPv4.
//!
//! A client takes a new transaction number for each question, so that one exchange (SOLICIT, ADVERTISE,
//! REQUEST, REPLY) has two: the REQUEST that follows an ADVERTISE goes on with it, and the first number is
//! the exchange's.

use std::net::{IpAddr, Ipv6Addr};

use headgate_record::Mac;
use headgate_rules::fingerprint::Request;
use headgate_wire::dhcpv4;
use headgate_wire::dhcpv6::{MAX_DUID_LEN, Message, MessageType, StatusCode};
use headgate_wire::ipv6;

use super::Sink;
use super::announcement::Origin;
use super::device::{Devices, Names};
use super::dhcp::{Dhcp, EXCHANGE_LIFE, Exchange, Lease};
use super::table::Table;

/// The exchange of a client that is under way.
#[derive(Clone, Debug)]
pub(super) struct Open {
    /// The first and the latest transaction number.
    pub(super) first: u32,
    latest: u32,
    pub(super) exchange: Exchange,
}

/// Who speaks, by VLAN and DUID: a server's answer names its client by nothing else. The MAC address is
/// that of the client's frame and not the one in the DUID, which may be another interface's, and which a
/// client with a randomised address may carry from network to network.
#[derive(Clone, Debug)]
pub(super) struct Clients(Table<(u16, Vec<u8>), Mac>);

impl Clients {
    pub(super) fn new(capacity: usize) -> Self {
        Clients(Table::new(capacity))
    }

    fn find(&mut self, from: Origin<'_>, to: Option<Mac>, message: &Message<'_>, sent: bool) -> Option<Mac> {
        let duid = message.options.client_identifier.as_ref();
        let known = duid.map(|duid| (from.vlan, duid.octets.0.iter().copied().take(MAX_DUID_LEN).collect()));
        if !sent && let Some(mac) = known.as_ref().and_then(|known| self.0.touch(known)) {
            return Some(*mac);
        }
        let one = |mac: &Mac| !mac.is_group() && *mac != Mac::default();
        let relayed = || {
            let by_agent = message.relays.iter().rev().find_map(|r| r.client_link_layer.as_ref()?.mac);
            by_agent.map(|mac| Mac(mac.0)).or_else(|| interface_identifier(message))
        };
        let by_frame = match message.is_relayed() {
            true => relayed(),
            false if sent => Some(from.source),
            false => to,
        };
        let by_duid = || duid.and_then(|duid| duid.link_layer?.mac).map(|mac| Mac(mac.0));
        let mac = by_frame.filter(one).or_else(by_duid).filter(one)?;
        if let Some(known) = known.filter(|_| sent) {
            self.0.insert(known, mac);
        }
        Some(mac)
    }
}

impl Dhcp {
    /// A DHCPv6 message was seen. Without a client that has a MAC address there is nothing to learn.
    pub(crate) fn message_v6(
        &mut self,
        from: Origin<'_>,
        to: Option<Mac>,
        header: &ipv6::Header,
        message: &Message<'_>,
        time: u64,
        (devices, out): (&mut Devices, &mut Sink),
    ) {
        let Some(kind) = kind(message) else { return };
        let sent = !matches!(message.message_type, MessageType::Advertise | MessageType::Reply);
        let Some(client) = self.clients.find(from, to, message, sent) else { return };
        let device = (from.vlan, client);
        devices.mention(device, from.number, time, out);
        if sent {
            devices.names(&device, names(message));
        }
        self.open_v6(device, from.interface, message, kind, time, out);
        let Some(open) = self.exchanges_v6.touch(&device) else { return };
        let exchange = &mut open.exchange;
        exchange.step(kind, time);
        if sent {
            exchange.hostname = names(message).fqdn.or(exchange.hostname.take());
            let relay = message.relays.last();
            let octets = |octets: headgate_wire::Octets<'_>| octets.0.to_vec();
            exchange.circuit_id = relay.and_then(|r| r.interface_id).map(octets);
            exchange.remote_id = relay.and_then(|r| r.remote_id).map(|id| octets(id.identifier));
        } else {
            // What is behind a second agent has the address of the first one.
            exchange.answers(Some(header.source.into()).filter(|_| message.relays.len() <= 1));
        }
        let exchange = &open.exchange;
        let server = exchange.servers.last().copied();
        let lease = |duration| Lease {
            interface: from.interface.into(),
            server,
            relay: message
                .relays
                .last()
                .map(|r| r.link_address.into())
                .filter(|a: &IpAddr| !a.is_unspecified()),
            circuit_id: exchange.circuit_id.clone(),
            remote_id: exchange.remote_id.clone(),
            hostname: exchange.hostname.clone(),
            duration: Some(duration),
            granted: time,
        };
        let leased = leased(message).map(|(address, length, valid)| {
            let key = (from.vlan, client, address, length);
            (key, valid, lease(valid))
        });
        for (key, valid, lease) in leased.collect::<Vec<_>>() {
            match message.message_type {
                MessageType::Reply if valid > 0 => {
                    if key.3.is_none() {
                        devices.address(&device, key.2);
                    }
                    self.grant(key, lease, out);
                }
                MessageType::Reply => self.end_lease(key, "expired", out),
                MessageType::Release => self.end_lease(key, "released", out),
                MessageType::Decline => self.end_lease(key, "declined", out),
                _ => {}
            }
        }
    }

    /// Makes sure that the client's exchange is the one that the message belongs to.
    fn open_v6(
        &mut self,
        device: (u16, Mac),
        interface: &str,
        message: &Message<'_>,
        kind: dhcpv4::MessageType,
        time: u64,
        out: &mut Sink,
    ) {
        let transaction = message.transaction_id.unwrap_or(0);
        if let Some(open) = self.exchanges_v6.touch(&device) {
            let goes_on = kind == dhcpv4::MessageType::Request && open.exchange.waits_for_request();
            let same = transaction == open.latest || transaction == open.first || goes_on;
            if same && time.saturating_sub(open.exchange.started) < EXCHANGE_LIFE {
                if goes_on {
                    open.latest = transaction;
                }
                return;
            }
        }
        if let Some(old) = self.exchanges_v6.remove(&device) {
            out.push(old.exchange.record(&(device.0, device.1, old.first)));
        }
        let open = Open {
            first: transaction,
            latest: transaction,
            exchange: Exchange::new(interface.into(), "dhcpv6", time),
        };
        if let Some(((vlan, mac), oldest)) = self.exchanges_v6.insert(device, open) {
            self.exchanges_evicted += 1;
            out.push(oldest.exchange.record(&(vlan, mac, oldest.first)));
        }
    }
}

/// The message of DHCPv4 that does the same; nothing for what has no like.
fn kind(message: &Message<'_>) -> Option<dhcpv4::MessageType> {
    Some(match message.message_type {
        MessageType::Solicit => dhcpv4::MessageType::Discover,
        MessageType::Advertise => dhcpv4::MessageType::Offer,
        MessageType::Request | MessageType::Confirm | MessageType::Renew | MessageType::Rebind => {
            dhcpv4::MessageType::Request
        }
        MessageType::Reply if is_refused(message) => dhcpv4::MessageType::Nak,
        MessageType::Reply => dhcpv4::MessageType::Ack,
        MessageType::Release => dhcpv4::MessageType::Release,
        MessageType::Decline => dhcpv4::MessageType::Decline,
        MessageType::InformationRequest => dhcpv4::MessageType::Inform,
        _ => return None,
    })
}

/// A status that is no success, of the whole or of an association where nothing is leased at all.
fn is_refused(message: &Message<'_>) -> bool {
    let failed = |status: Option<headgate_wire::dhcpv6::Status<'_>>| {
        status.is_some_and(|status| status.code != StatusCode::Success)
    };
    let associations = &message.options.associations;
    failed(message.options.status)
        || (leased(message).next().is_none() && associations.iter().any(|a| failed(a.status)))
}

/// Addresses, and prefixes with their lengths, each with its valid lifetime; without those that failed.
fn leased(message: &Message<'_>) -> impl Iterator<Item = (IpAddr, Option<u8>, u32)> {
    let good = |status: Option<headgate_wire::dhcpv6::Status<'_>>| {
        status.is_none_or(|status| status.code == StatusCode::Success)
    };
    message.options.associations.iter().flat_map(move |association| {
        let addresses = association.addresses.iter().filter(move |a| good(a.status));
        let prefixes = association.prefixes.iter().filter(move |p| good(p.status) && p.prefix_len <= 128);
        addresses
            .map(|a| (a.address.into(), None, a.valid_lifetime))
            .chain(prefixes.map(|p| (network(p.prefix, p.prefix_len), Some(p.prefix_len), p.valid_lifetime)))
    })
}

/// What is behind the prefix is to be ignored (21.22).
fn network(prefix: Ipv6Addr, length: u8) -> IpAddr {
    let behind = u128::MAX.checked_shr(length.into()).unwrap_or(0);
    Ipv6Addr::from_bits(prefix.to_bits() & !behind).into()
}

/// The MAC address in a client's link-local address (RFC 4291, appendix A), as its relay agent saw it.
fn interface_identifier(message: &Message<'_>) -> Option<Mac> {
    let address = message.client_address().filter(Ipv6Addr::is_unicast_link_local)?;
    let [_, _, _, _, _, _, _, _, a, b, c, 0xff, 0xfe, d, e, f] = address.octets() else { return None };
    Some(Mac([a ^ 0x02, b, c, d, e, f]))
}

fn names(message: &Message<'_>) -> Names {
    let options = &message.options;
    let name = options.client_fqdn.as_ref().map(|fqdn| fqdn.name.to_string());
    let request = Request {
        vendor_class: options.vendor_classes.iter().flat_map(|v| &v.classes).next().map(ToString::to_string),
        parameters: Vec::new(),
        user_classes: options.user_classes.iter().map(ToString::to_string).collect(),
        architectures: options.architectures.iter().map(|a| a.code()).collect(),
        requests: options.request_list.to_vec(),
        enterprises: options.vendor_classes.iter().map(|class| class.enterprise).collect(),
        duid_enterprise: options.client_identifier.as_ref().and_then(|duid| duid.enterprise),
    };
    Names {
        fqdn: name.filter(|name| !name.is_empty()),
        // A message that asks for nothing tells less of its client than the one before.
        request_v6: if request.requests.is_empty() { Request::default() } else { request },
        ..Names::default()
    }
}
