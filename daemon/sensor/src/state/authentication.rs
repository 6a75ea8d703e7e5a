//! Authentications: of a supplicant by EAPOL (IEEE 802.1X), and of what a NAS asks of a server by RADIUS.
//!
//! By RADIUS an authentication may take several requests. They are known to be one by the station's MAC
//! address, which the kernel lets through only where a rule keeps an attribute. Without it each request
//! stands for itself, and one that is answered by a challenge is a step of something that ends later, or
//! elsewhere, and gives no record.
//!
//! An answer is its request's. Where none is known, nobody can say whose it is, whether that is excluded, and
//! whether an authentication was asked for at all: it gives no record.

use std::net::IpAddr;

use headgate_record::{Error, Field, Kind, Mac, Record, Treatment, Value};
use headgate_rules::CollectGate;
use headgate_wire::eap::{self, Code, Expanded, Method};
use headgate_wire::radius as wire;

use super::table::Table;
use super::{InterfaceNumber, SECOND, Sink};

mod eapol;
mod radius;

/// Most authentications under way at once, by EAPOL and by RADIUS each.
const MAX_AUTHENTICATIONS: usize = 4_096;
/// Most links (interface and VLAN) of which it is remembered what was asked of all, and most authenticators of which
/// it is remembered who responded.
const MAX_LINKS: usize = 1_024;
/// An authentication of which nothing is heard for so long is over, nanoseconds: twice the time after which
/// either side repeats itself (IEEE 802.1X-2020, 8.6 and 8.10).
const IDLE: u64 = 60 * SECOND;
/// Longest life of an authentication, nanoseconds.
const LIFE: u64 = 300 * SECOND;
/// One that has ended waits so long for what is said again, nanoseconds.
const GRACE: u64 = SECOND;

/// Whose authentication: VLAN (0 when untagged), and who it is about.
type Key = (u16, Subject);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Subject {
    /// By EAPOL.
    Supplicant(InterfaceNumber, Mac),
    /// By RADIUS, where the station is named.
    Station(IpAddr, IpAddr, Mac),
    /// By RADIUS, one request.
    Request(Ask),
}

/// What tells a RADIUS request from others (RFC 2865, 3): the ends of its datagram and its identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Ask {
    nas: (IpAddr, u16),
    server: (IpAddr, u16),
    identifier: u8,
}

#[derive(Clone, Debug)]
struct Authentication {
    interface: InterfaceNumber,
    protocol: &'static str,
    mac: Option<Mac>,
    started: u64,
    ended: u64,
    messages: u64,
    /// Since when the supplicant or NAS has waited for an answer.
    waits_since: Option<u64>,
    request_to_answer: Option<u64>,
    /// Identifier of the latest request to the supplicant alone, and its authenticator.
    asked: Option<(u8, Mac)>,
    /// Identifier of the supplicant's latest response, and the authenticator whose request it answers.
    response: Option<(u8, Option<Mac>)>,
    method: Option<Method>,
    end: Option<&'static str>,
    /// What attributes say, and who the station says it is: the latest of each.
    said: Record,
}

/// A request of RADIUS. Its answer says neither what was asked nor for whom.
#[derive(Clone, Debug)]
struct Asked {
    request: wire::Code,
    station: Option<Mac>,
    at: u64,
    answer: Option<(wire::Code, u64)>,
}

/// What was asked of whoever is on a link, the latest.
#[derive(Clone, Copy, Debug)]
struct GroupRequest {
    identifier: u8,
    at: u64,
    method: Option<Method>,
    authenticator: Option<Mac>,
}

#[derive(Clone, Debug)]
pub(crate) struct Authentications {
    eapol: Underway,
    radius: Underway,
    asked: Table<(u16, Ask), Asked>,
    groups: Table<(InterfaceNumber, u16), GroupRequest>,
    /// By authenticator: who responded last.
    responders: Table<(InterfaceNumber, u16, Mac), Mac>,
    keeps_attributes: bool,
    /// Of attributes and names only those that the collect gate lets through are ever remembered: frames of a link
    /// that the filter does not cut have more.
    kept: Vec<Field>,
}

/// Authentications under way.
#[derive(Clone, Debug)]
struct Underway {
    table: Table<Key, Authentication>,
    evicted: u64,
}

impl Authentications {
    pub(crate) fn new(collect: &CollectGate) -> Self {
        let keeps =
            |field: &Field| collect.collects(field.kind()) && collect.treatment(*field) != Treatment::Drop;
        Authentications {
            eapol: Underway::new(),
            radius: Underway::new(),
            asked: Table::new(MAX_AUTHENTICATIONS),
            groups: Table::new(MAX_LINKS),
            responders: Table::new(MAX_LINKS),
            keeps_attributes: collect.depth().radius,
            kept: Field::of(Kind::Authentication).filter(keeps).collect(),
        }
    }

    /// Records authentications that are over, or all.
    pub(crate) fn report(&mut self, now: u64, all: bool, out: &mut Sink) {
        self.asked.extract_unless(|asked| !asked.is_over(now));
        for underway in [&mut self.eapol, &mut self.radius] {
            for (key, over) in underway.table.extract_unless(|a| !all && !a.is_over(now)) {
                over.emit(&key, out);
            }
        }
    }

    /// What left a full table since the last call.
    pub(crate) fn take_evicted(&mut self) -> u64 {
        std::mem::take(&mut self.eapol.evicted) + std::mem::take(&mut self.radius.evicted)
    }
}

impl Underway {
    fn new() -> Self {
        Underway { table: Table::new(MAX_AUTHENTICATIONS), evicted: 0 }
    }

    /// The authentication that a message belongs to; a new one where there is none, or where the message `begins`
    /// another one than that which has ended.
    fn open(
        &mut self,
        key: Key,
        begins: impl FnOnce(&Authentication) -> bool,
        new: impl FnOnce() -> Authentication,
        time: u64,
        out: &mut Sink,
    ) -> Option<&mut Authentication> {
        let goes_on =
            self.table.touch(&key).is_some_and(|a| !a.is_over(time) && (a.end.is_none() || !begins(a)));
        if !goes_on {
            self.end(&key, out);
            if let Some((key, mut given_up)) = self.table.make_room(|a| a.end.is_some()) {
                self.evicted += 1;
                given_up.ends("evicted");
                given_up.emit(&key, out);
            }
            self.table.insert(key, new());
        }
        self.table.touch(&key)
    }

    /// Records an authentication that is over, where there is one.
    fn end(&mut self, key: &Key, out: &mut Sink) {
        if let Some(over) = self.table.remove(key) {
            over.emit(key, out);
        }
    }
}

impl Asked {
    /// Whether what is said now is no longer about this request.
    fn is_over(&self, now: u64) -> bool {
        now >= self.answer.map_or(self.at.saturating_add(IDLE), |(_, at)| at.saturating_add(GRACE))
    }
}

impl Authentication {
    fn new(interface: InterfaceNumber, protocol: &'static str, mac: Option<Mac>, time: u64) -> Self {
        Authentication {
            interface,
            protocol,
            mac,
            started: time,
            ended: time,
            messages: 0,
            waits_since: None,
            request_to_answer: None,
            asked: None,
            response: None,
            method: None,
            end: None,
            said: Record::new(Kind::Authentication),
        }
    }

    /// The supplicant or NAS says something. The first of what it repeats counts; after the end nobody waits.
    fn asks(&mut self, time: u64) {
        self.seen(time);
        if self.end.is_none() {
            self.waits_since.get_or_insert(time);
        }
    }

    /// The authenticator or server says something.
    fn answers(&mut self, time: u64) {
        self.seen(time);
        if let Some(since) = self.waits_since.take() {
            self.request_to_answer = self.request_to_answer.max(Some(time.saturating_sub(since)));
        }
    }

    fn seen(&mut self, time: u64) {
        self.messages += 1;
        self.started = self.started.min(time);
        self.ended = self.ended.max(time);
    }

    /// The first end counts.
    fn ends(&mut self, end: &'static str) {
        self.end.get_or_insert(end);
    }

    /// The method is the one that was asked for last, unless the peer refuses it.
    fn negotiates(&mut self, code: Code, method: Option<Method>, expanded: Option<Expanded>) {
        match (code, method) {
            (_, None | Some(Method::Identity | Method::Notification)) => {}
            (Code::Response, Some(Method::Nak)) => self.method = None,
            (Code::Response, Some(Method::Expanded)) if expanded == Some(Expanded::NAK) => self.method = None,
            (Code::Request | Code::Response, method) => self.method = method,
            _ => {}
        }
    }

    fn identifies(&mut self, message: &eap::Message<'_>) -> Result<(), Error> {
        let identity = message.identity.map(|identity| identity.to_string());
        self.said.set_some(Field::AuthenticationIdentity, identity.filter(|text| !text.is_empty()))
    }

    fn is_over(&self, now: u64) -> bool {
        let quiet = self.ended.saturating_add(if self.end.is_some() { GRACE } else { IDLE });
        now >= quiet.min(self.started.saturating_add(LIFE))
    }

    fn emit(self, key: &Key, out: &mut Sink) {
        let record = self.record(key, out);
        out.push(record);
    }

    fn record(self, (vlan, subject): &Key, out: &Sink) -> Result<Record, Error> {
        let unfinished = if self.waits_since.is_some() { "unanswered" } else { "challenged" };
        let mut r = self.said;
        r.set_some(Field::AuthenticationMac, self.mac)?;
        r.set(Field::AuthenticationStarted, Value::Time(self.started))?;
        r.set_some(Field::AuthenticationVlan, super::tagged(*vlan))?;
        r.set(Field::AuthenticationInterface, out.interface(self.interface))?;
        r.set(Field::AuthenticationProtocol, self.protocol)?;
        r.set(Field::AuthenticationResult, self.end.unwrap_or(unfinished))?;
        r.set(Field::AuthenticationEnded, Value::Time(self.ended))?;
        r.set(Field::AuthenticationMessages, self.messages)?;
        r.set_some(Field::AuthenticationRequestToAnswer, self.request_to_answer)?;
        r.set_some(Field::AuthenticationEapMethod, self.method.map(Method::name))?;
        let ends = match subject {
            Subject::Supplicant(..) => None,
            Subject::Station(nas, server, _) => Some((*nas, *server)),
            Subject::Request(ask) => Some((ask.nas.0, ask.server.0)),
        };
        r.set_some(Field::AuthenticationNas, ends.map(|(nas, _)| nas))?;
        r.set_some(Field::AuthenticationServer, ends.map(|(_, server)| server))?;
        Ok(r)
    }
}
