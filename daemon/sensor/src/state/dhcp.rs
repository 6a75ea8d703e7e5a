//! DHCP leases and exchanges (RFC 2131). DHCPv6 is in the file beside this one.
//!
//! An exchange is what one client says and hears under one transaction number within
//! [`EXCHANGE_LIFE`]. Where the answers are not seen (an access port without a mirror) the exchange
//! ends unanswered in the record, and the device is still known from its request.

use std::net::IpAddr;

use headgate_record::{Error, Field, Kind, Mac, Record, Value};
use headgate_rules::fingerprint::Request;
use headgate_wire::dhcpv4::{Message, MessageType};

use super::device::{Devices, Names};
use super::dhcpv6::{Clients, Open};
use super::table::Table;
use super::{InterfaceNumber, REPORT_INTERVAL, SECOND, Sink};

/// Longest life of an exchange, nanoseconds.
pub(super) const EXCHANGE_LIFE: u64 = 30 * SECOND;
/// An exchange that was answered waits so long for further answers, nanoseconds.
const EXCHANGE_GRACE: u64 = SECOND;
/// Most servers remembered of one exchange.
const MAX_SERVERS: usize = 8;

/// VLAN (0 when untagged), client, address; of a prefix its length.
pub(super) type LeaseKey = (u16, Mac, IpAddr, Option<u8>);
/// VLAN, client, transaction.
pub(super) type ExchangeKey = (u16, Mac, u32);

#[derive(Clone, Debug)]
pub(super) struct Lease {
    pub(super) interface: Value,
    pub(super) server: Option<IpAddr>,
    pub(super) relay: Option<IpAddr>,
    pub(super) circuit_id: Option<Vec<u8>>,
    pub(super) remote_id: Option<Vec<u8>>,
    pub(super) hostname: Option<String>,
    pub(super) duration: Option<u32>,
    pub(super) granted: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Exchange {
    interface: Value,
    protocol: &'static str,
    pub(super) started: u64,
    ended: u64,
    discover: Option<u64>,
    offer: Option<u64>,
    request: Option<u64>,
    answer: Option<u64>,
    outcome: &'static str,
    messages: u64,
    pub(super) servers: Vec<IpAddr>,
    /// What the client said of itself and of where it is, for the lease that may follow.
    pub(super) hostname: Option<String>,
    pub(super) circuit_id: Option<Vec<u8>>,
    pub(super) remote_id: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub(crate) struct Dhcp {
    leases: Table<LeaseKey, Lease>,
    exchanges: Table<ExchangeKey, Exchange>,
    /// By DHCPv6 a client has one exchange at a time.
    pub(super) exchanges_v6: Table<(u16, Mac), Open>,
    pub(super) clients: Clients,
    leases_swept: u64,
    pub(crate) leases_evicted: u64,
    pub(crate) exchanges_evicted: u64,
}

impl Dhcp {
    pub(crate) fn new(leases: usize, exchanges: usize) -> Self {
        Dhcp {
            leases: Table::new(leases),
            exchanges: Table::new(exchanges),
            exchanges_v6: Table::new(exchanges),
            clients: Clients::new(exchanges),
            leases_swept: 0,
            leases_evicted: 0,
            exchanges_evicted: 0,
        }
    }

    /// A message was seen. Without an Ethernet client or a message type there is nothing to learn, and no station has
    /// a group address.
    pub(crate) fn message(
        &mut self,
        interface: InterfaceNumber,
        vlan: u16,
        message: &Message<'_>,
        time: u64,
        devices: &mut Devices,
        out: &mut Sink,
    ) {
        let (Some(client), Some(kind)) = (message.mac(), message.options.message_type) else { return };
        let client = Mac(client.0);
        if client.is_group() {
            return;
        }
        // A client behind a relay agent is known from its messages alone.
        devices.mention((vlan, client), interface, time, out);
        if from_client(kind) {
            devices.names(&(vlan, client), names(message));
            devices.address(&(vlan, client), message.ciaddr.into());
        }
        let key = (vlan, client, message.xid);
        if self.exchanges.touch(&key).is_none_or(|e| time.saturating_sub(e.started) >= EXCHANGE_LIFE) {
            if let Some(old) = self.exchanges.remove(&key) {
                out.push(old.record(&key));
            }
            if let Some((key, oldest)) =
                self.exchanges.insert(key, Exchange::new(out.interface(interface), "dhcpv4", time))
            {
                self.exchanges_evicted += 1;
                out.push(oldest.record(&key));
            }
        }
        let Some(exchange) = self.exchanges.touch(&key) else { return };
        exchange.add(message, kind, time);
        match kind {
            MessageType::Ack if !message.yiaddr.is_unspecified() => {
                let lease = Lease::granted(out.interface(interface), message, exchange, time);
                devices.address(&(vlan, client), message.yiaddr.into());
                self.grant((vlan, client, message.yiaddr.into(), None), lease, out);
            }
            MessageType::Release => {
                self.end_lease((vlan, client, message.ciaddr.into(), None), "released", out);
            }
            MessageType::Decline => {
                let address = message.options.requested_address.unwrap_or(message.ciaddr);
                self.end_lease((vlan, client, address.into(), None), "declined", out);
            }
            _ => {}
        }
    }

    /// Records exchanges that are over and leases that have run out.
    pub(crate) fn report(&mut self, now: u64, all: bool, out: &mut Sink) {
        for (key, over) in self.exchanges.extract_unless(|e| !all && !e.is_over(now)) {
            out.push(over.record(&key));
        }
        for ((vlan, mac), over) in self.exchanges_v6.extract_unless(|o| !all && !o.exchange.is_over(now)) {
            out.push(over.exchange.record(&(vlan, mac, over.first)));
        }
        if now.saturating_sub(self.leases_swept) >= REPORT_INTERVAL {
            self.leases_swept = now;
            for (key, expired) in
                self.leases.extract_unless(|lease| lease.expires().is_none_or(|at| at > now))
            {
                out.push(expired.record(&key, "expired"));
            }
        }
    }

    pub(super) fn grant(&mut self, key: LeaseKey, lease: Lease, out: &mut Sink) {
        out.push(lease.record(&key, "bound"));
        // A renewal replaces the lease of the same key, which is not an eviction.
        let evicted = self.leases.insert(key, lease);
        if evicted.is_some_and(|(old, _)| old != key) {
            self.leases_evicted += 1;
        }
    }

    pub(super) fn end_lease(&mut self, key: LeaseKey, state: &str, out: &mut Sink) {
        if let Some(lease) = self.leases.remove(&key) {
            out.push(lease.record(&key, state));
        }
    }
}

impl Exchange {
    pub(super) fn new(interface: Value, protocol: &'static str, time: u64) -> Self {
        Exchange {
            interface,
            protocol,
            started: time,
            ended: time,
            discover: None,
            offer: None,
            request: None,
            answer: None,
            outcome: "unanswered",
            messages: 0,
            servers: Vec::new(),
            hostname: None,
            circuit_id: None,
            remote_id: None,
        }
    }

    fn add(&mut self, message: &Message<'_>, kind: MessageType, time: u64) {
        let options = &message.options;
        if from_client(kind) {
            self.hostname = names(message).hostname.or(self.hostname.take());
        } else {
            self.answers(options.server_identifier.map(IpAddr::from));
        }
        if let Some(relay) = &options.relay_agent {
            self.circuit_id = relay.circuit_id().map(<[u8]>::to_vec).or(self.circuit_id.take());
            self.remote_id = relay.remote_id().map(<[u8]>::to_vec).or(self.remote_id.take());
        }
        self.step(kind, time);
    }

    /// A server answered.
    pub(super) fn answers(&mut self, server: Option<IpAddr>) {
        if let Some(server) = server
            && !self.servers.contains(&server)
            && self.servers.len() < MAX_SERVERS
        {
            self.servers.push(server);
        }
    }

    /// An offer was made and nothing was asked for since.
    pub(super) fn waits_for_request(&self) -> bool {
        self.offer.is_some() && self.request.is_none() && self.answer.is_none()
    }

    pub(super) fn step(&mut self, kind: MessageType, time: u64) {
        self.messages += 1;
        self.ended = self.ended.max(time);
        match kind {
            MessageType::Discover => {
                self.discover.get_or_insert(time);
            }
            MessageType::Offer => {
                self.offer.get_or_insert(time);
                if self.outcome == "unanswered" {
                    self.outcome = "offered";
                }
            }
            MessageType::Request => {
                self.request.get_or_insert(time);
            }
            MessageType::Ack => self.answered("acknowledged", time),
            MessageType::Nak => self.answered("refused", time),
            MessageType::Decline => self.outcome = "declined",
            MessageType::Release => self.outcome = "released",
            MessageType::Inform => self.outcome = "informed",
            _ => {}
        }
    }

    /// The first answer decides.
    fn answered(&mut self, outcome: &'static str, time: u64) {
        if self.answer.is_none() {
            self.answer = Some(time);
            // What DHCPv6 answers to a release or decline changes nothing of it.
            if !matches!(self.outcome, "informed" | "released" | "declined") {
                self.outcome = outcome;
            }
        }
    }

    pub(super) fn is_over(&self, now: u64) -> bool {
        let told = matches!(self.outcome, "declined" | "released").then_some(self.ended);
        let answered = self.answer.or(told).map(|at| at.saturating_add(EXCHANGE_GRACE));
        now >= answered.unwrap_or(u64::MAX).min(self.started.saturating_add(EXCHANGE_LIFE))
    }

    pub(super) fn record(&self, (vlan, mac, transaction): &ExchangeKey) -> Result<Record, Error> {
        let between = |from: Option<u64>, to: Option<u64>| Some(to?.saturating_sub(from?));
        let mut r = Record::new(Kind::Exchange);
        r.set(Field::ExchangeMac, *mac)?;
        r.set(Field::ExchangeStarted, Value::Time(self.started))?;
        r.set(Field::ExchangeTransaction, *transaction)?;
        r.set_some(Field::ExchangeVlan, super::tagged(*vlan))?;
        r.set(Field::ExchangeInterface, self.interface.clone())?;
        if !self.servers.is_empty() {
            r.set(Field::ExchangeServers, self.servers.iter().copied().collect::<Value>())?;
        }
        r.set(Field::ExchangeOutcome, self.outcome)?;
        r.set(Field::ExchangeMessages, self.messages)?;
        r.set_some(Field::ExchangeDiscoverToOffer, between(self.discover, self.offer))?;
        r.set_some(Field::ExchangeRequestToAnswer, between(self.request, self.answer))?;
        r.set(Field::ExchangeTotal, self.ended.saturating_sub(self.started))?;
        r.set(Field::ExchangeProtocol, self.protocol)?;
        Ok(r)
    }
}

impl Lease {
    fn granted(interface: Value, ack: &Message<'_>, exchange: &Exchange, time: u64) -> Self {
        Lease {
            interface,
            server: ack.options.server_identifier.map(IpAddr::from),
            relay: ack.is_relayed().then_some(ack.giaddr.into()),
            circuit_id: exchange.circuit_id.clone(),
            remote_id: exchange.remote_id.clone(),
            hostname: exchange.hostname.clone(),
            duration: ack.options.lease_time,
            granted: time,
        }
    }

    /// An infinite lease (RFC 2131, 3.3) does not expire.
    fn expires(&self) -> Option<u64> {
        let seconds = self.duration.filter(|seconds| *seconds != u32::MAX)?;
        Some(self.granted.saturating_add(u64::from(seconds) * SECOND))
    }

    fn record(&self, (vlan, mac, address, length): &LeaseKey, state: &str) -> Result<Record, Error> {
        let mut r = Record::new(Kind::Lease);
        r.set(Field::LeaseMac, *mac)?;
        r.set(Field::LeaseAddress, length.map_or(Value::Address(*address), |l| Value::Prefix(*address, l)))?;
        r.set_some(Field::LeaseVlan, super::tagged(*vlan))?;
        r.set(Field::LeaseInterface, self.interface.clone())?;
        r.set_some(Field::LeaseServer, self.server)?;
        r.set_some(Field::LeaseRelay, self.relay)?;
        r.set_some(Field::LeaseCircuitId, self.circuit_id.as_deref())?;
        r.set_some(Field::LeaseRemoteId, self.remote_id.as_deref())?;
        r.set_some(Field::LeaseHostname, self.hostname.as_deref())?;
        r.set_some(Field::LeaseDuration, self.duration)?;
        r.set(Field::LeaseState, state)?;
        r.set(Field::LeaseGranted, Value::Time(self.granted))?;
        r.set_some(Field::LeaseExpires, self.expires().map(Value::Time))?;
        r.set(Field::LeaseProtocol, if address.is_ipv4() { "dhcpv4" } else { "dhcpv6" })?;
        Ok(r)
    }
}

fn from_client(kind: MessageType) -> bool {
    !matches!(kind, MessageType::Offer | MessageType::Ack | MessageType::Nak)
}

fn names(message: &Message<'_>) -> Names {
    let options = &message.options;
    let text = |octets: &[u8]| Some(headgate_wire::Text(octets).to_string()).filter(|t| !t.is_empty());
    Names {
        hostname: options.hostname.as_deref().and_then(text),
        fqdn: options.client_fqdn.as_ref().map(|f| f.name.to_string()).filter(|name| !name.is_empty()),
        request: Request {
            vendor_class: options.vendor_class.as_deref().and_then(text),
            parameters: options.parameter_request_list.as_deref().unwrap_or_default().to_vec(),
            user_classes: options
                .user_class
                .iter()
                .flat_map(|u| &u.classes)
                .filter_map(|class| text(class))
                .collect(),
            architectures: options.architectures.iter().map(|a| a.code()).collect(),
            requests: Vec::new(),
            enterprises: options.vendor_classes.iter().map(|class| class.enterprise).collect(),
            duid_enterprise: options
                .client_identifier
                .as_ref()
                .and_then(|id| id.iaid_and_duid()?.1.enterprise),
        },
        request_v6: Request::default(),
    }
}
