//! Authentications: of a supplicant by EAPOL (IEEE 802.1X), and of what a NAS asks of a server by RADIUS.
//!
//! By RADIUS an authentication may take several requests. They are known to be one by the station's MAC
//! address, which the kernel lets through only where a rule keeps an attribute. Without it each request
//! stands for itself, and one that is answered by a challenge is a step of something that ends later, or
//! elsewhere, and gives no record.

use std::net::IpAddr;

use headgate_record::{Error, Field, Kind, Mac, Record, Treatment, Value};
use headgate_rules::CollectGate;
use headgate_wire::eap::{self, Code, Expanded, Method};

use super::table::Table;
use super::{InterfaceNumber, SECOND, Sink};

mod eapol;
mod radius;

/// Most authentications under way at once.
const MAX_AUTHENTICATIONS: usize = 4_096;
/// Most links (interface and VLAN) of which it is remembered what was asked of all.
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
    /// Identifier of the supplicant's latest response.
    response: Option<u8>,
    method: Option<Method>,
    end: Option<&'static str>,
    /// What attributes say, and who the station says it is: the latest of each.
    said: Record,
}

/// What was asked of whoever is on a link, and who answered last.
#[derive(Clone, Debug, Default)]
struct Group {
    request: Option<(u8, u64, Option<Method>)>,
    responder: Option<Mac>,
}

#[derive(Clone, Debug)]
pub(crate) struct Authentications {
    table: Table<Key, Authentication>,
    /// Whose the requests of RADIUS are; an answer does not say it again.
    stations: Table<(u16, Ask), Mac>,
    groups: Table<(InterfaceNumber, u16), Group>,
    keeps_attributes: bool,
    keeps_identity: bool,
    keeps_user_name: bool,
    pub(crate) evicted: u64,
}

impl Authentications {
    /// Of attributes and names only those that the collect gate lets through are ever remembered: frames of a link
    /// that the filter does not cut have more.
    pub(crate) fn new(collect: &CollectGate) -> Self {
        let keeps =
            |field| collect.collects(Kind::Authentication) && collect.treatment(field) != Treatment::Drop;
        Authentications {
            table: Table::new(MAX_AUTHENTICATIONS),
            stations: Table::new(MAX_AUTHENTICATIONS),
            groups: Table::new(MAX_LINKS),
            keeps_attributes: collect.depth().radius,
            keeps_identity: keeps(Field::AuthenticationIdentity),
            keeps_user_name: keeps(Field::AuthenticationUserName),
            evicted: 0,
        }
    }

    /// Records authentications that are over, or all.
    pub(crate) fn report(&mut self, now: u64, all: bool, out: &mut Sink) {
        for (key, over) in self.table.extract_unless(|a| !all && !a.is_over(now)) {
            over.emit(&key, out);
        }
    }

    /// The authentication that a message belongs to; a new one where there is none, or where one that has ended
    /// `begins` again.
    fn open(
        &mut self,
        key: Key,
        begins: bool,
        new: impl FnOnce() -> Authentication,
        time: u64,
        out: &mut Sink,
    ) -> Option<&mut Authentication> {
        let is_other = |a: &mut Authentication| (begins && a.end.is_some()) || a.is_over(time);
        let goes_on = self.table.touch(&key).is_some_and(|a| !is_other(a));
        if !goes_on {
            if let Some(old) = self.table.remove(&key) {
                old.emit(&key, out);
            }
            if let Some((key, oldest)) = self.table.insert(key, new()) {
                self.evicted += 1;
                oldest.emit(&key, out);
            }
        }
        self.table.touch(&key)
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
            response: None,
            method: None,
            end: None,
            said: Record::new(Kind::Authentication),
        }
    }

    /// The supplicant or NAS says something. The first of what it repeats counts.
    fn asks(&mut self, time: u64) {
        self.seen(time);
        self.waits_since.get_or_insert(time);
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
