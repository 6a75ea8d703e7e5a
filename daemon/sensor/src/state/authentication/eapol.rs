//! What a supplicant and its authenticator say to each other (IEEE 802.1X-2020, 8).
//!
//! Either may speak to the group of all of them on the link (11.1.1), which names no supplicant. A request to the
//! group is the one that a response with its identifier answers, and a result is whose response had its identifier
//! and answered a request of the same authenticator (RFC 3748, 4.1 and 4.2).

use headgate_record::{Field, Mac};
use headgate_wire::eap::{self, Code};
use headgate_wire::eapol::{Message, PacketType};

use super::{Authentication, Authentications, GroupRequest, IDLE, Sink, Subject};
use crate::state::announcement::Origin;

impl Authentications {
    /// An EAPOL frame was seen. Returns whether it is part of an authentication that has a supplicant.
    pub(crate) fn eapol(
        &mut self,
        from: Origin<'_>,
        to: Mac,
        message: &Message<'_>,
        time: u64,
        out: &mut Sink,
    ) -> bool {
        let eap = message.eap.as_ref();
        let one = |mac: Mac| Some(mac).filter(|mac| !mac.is_group() && *mac != Mac::default());
        match (message.packet_type, eap.map(|eap| (eap, eap.code))) {
            (PacketType::Start, _) => {
                self.says(from, one(from.source), |_| true, time, out, |a| a.asks(time))
            }
            (PacketType::Logoff, _) => self.says(
                from,
                one(from.source),
                |a| a.end != Some(LOGGED_OFF),
                time,
                out,
                |a| {
                    a.seen(time);
                    a.ends(LOGGED_OFF);
                },
            ),
            (PacketType::Eap, Some((eap, Code::Response))) => one(from.source)
                .is_some_and(|supplicant| self.responds(from, supplicant, one(to), eap, time, out)),
            (PacketType::Eap, Some((eap, Code::Request))) if to.is_group() => {
                self.asks_group(from, eap, time);
                true
            }
            (PacketType::Eap, Some((eap, Code::Request))) => self.says(
                from,
                one(to),
                |a| a.is_news(eap),
                time,
                out,
                |a| {
                    a.answers(time);
                    a.asked = Some((eap.identifier, from.source));
                    a.negotiates(eap.code, eap.method, eap.expanded);
                },
            ),
            (PacketType::Eap, Some((eap, Code::Success | Code::Failure))) => {
                let supplicant =
                    if to.is_group() { self.responder(from, eap.identifier, time) } else { one(to) };
                let end = if eap.succeeded() == Some(true) { "accepted" } else { "rejected" };
                self.says(
                    from,
                    supplicant,
                    |_| false,
                    time,
                    out,
                    |a| {
                        a.answers(time);
                        a.ends(end);
                    },
                )
            }
            _ => false,
        }
    }

    /// Of two authenticators that ask the same, nobody can say which one is answered.
    fn asks_group(&mut self, from: Origin<'_>, eap: &eap::Message<'_>, time: u64) {
        let link = (from.number, from.vlan);
        let is_other = |request: &&mut GroupRequest| {
            request.is_open(eap.identifier, time) && request.authenticator != Some(from.source)
        };
        let is_alone = self.groups.touch(&link).filter(is_other).is_none();
        let authenticator = is_alone.then_some(from.source);
        let request =
            GroupRequest { identifier: eap.identifier, at: time, method: eap.method, authenticator };
        self.groups.insert(link, request);
    }

    /// A response, to the group or to one authenticator.
    fn responds(
        &mut self,
        from: Origin<'_>,
        supplicant: Mac,
        to: Option<Mac>,
        eap: &eap::Message<'_>,
        time: u64,
        out: &mut Sink,
    ) -> bool {
        let link = (from.number, from.vlan);
        let group = self.groups.touch(&link).filter(|request| request.is_open(eap.identifier, time)).copied();
        let keeps_identity = self.kept.contains(&Field::AuthenticationIdentity);
        let (mut said, mut is_to_group, mut authenticator) = (Ok(()), false, None);
        let is_used = self.says(
            from,
            Some(supplicant),
            |a| a.is_news(eap),
            time,
            out,
            |a| {
                let asked = a.asked.filter(|(identifier, _)| *identifier == eap.identifier);
                let group = group.filter(|request| a.is_asked_by(request));
                authenticator =
                    to.or(group.map_or(asked.map(|(_, mac)| mac), |request| request.authenticator));
                if let Some(request) = group {
                    is_to_group = true;
                    a.answers(request.at);
                    a.negotiates(Code::Request, request.method, None);
                }
                a.asks(time);
                a.response = Some((eap.identifier, authenticator));
                a.negotiates(eap.code, eap.method, eap.expanded);
                if keeps_identity {
                    said = a.identifies(eap);
                }
            },
        );
        if is_to_group {
            self.groups.remove(&link);
        }
        if let Some(authenticator) = authenticator {
            self.responders.insert((from.number, from.vlan, authenticator), supplicant);
        }
        if let Err(error) = said {
            out.push(Err(error));
        }
        is_used
    }

    fn says(
        &mut self,
        from: Origin<'_>,
        supplicant: Option<Mac>,
        begins: impl FnOnce(&Authentication) -> bool,
        time: u64,
        out: &mut Sink,
        what: impl FnOnce(&mut Authentication),
    ) -> bool {
        let Some(mac) = supplicant else { return false };
        let key = (from.vlan, Subject::Supplicant(from.number, mac));
        let new = || Authentication::new(from.number, "eapol", supplicant, time);
        self.eapol.open(key, begins, new, time, out).map(what).is_some()
    }

    /// Who responded last to this authenticator, if it was with this identifier.
    fn responder(&mut self, from: Origin<'_>, identifier: u8, time: u64) -> Option<Mac> {
        let mac = *self.responders.touch(&(from.number, from.vlan, from.source))?;
        let key = (from.vlan, Subject::Supplicant(from.number, mac));
        let a = self.eapol.table.touch(&key).filter(|a| !a.is_over(time))?;
        (a.response == Some((identifier, Some(from.source)))).then_some(mac)
    }
}

impl GroupRequest {
    /// Whether a response with this identifier may be to this request.
    fn is_open(&self, identifier: u8, time: u64) -> bool {
        self.identifier == identifier && time < self.at.saturating_add(IDLE)
    }
}

impl Authentication {
    /// Whether a request or response is more than what has been responded to already.
    fn is_news(&self, eap: &eap::Message<'_>) -> bool {
        self.response.is_none_or(|(identifier, _)| identifier != eap.identifier)
    }

    /// Whether it is this request that is answered now, and not one that the supplicant itself was asked later.
    fn is_asked_by(&self, request: &GroupRequest) -> bool {
        self.messages == 0 || request.at >= self.waits_since.unwrap_or(self.ended)
    }
}

const LOGGED_OFF: &str = "logged-off";
