//! What a supplicant and its authenticator say to each other (IEEE 802.1X-2020, 8).
//!
//! Either may speak to the group of all of them on the link (11.1.1), which names no supplicant. A request to the
//! group is the one that a response with its identifier answers, and a result is whose response had its identifier
//! (RFC 3748, 4.1 and 4.2).

use headgate_record::{Field, Mac};
use headgate_wire::eap::Code;
use headgate_wire::eapol::{Message, PacketType};

use super::{Authentication, Authentications, Sink, Subject};
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
        match (message.packet_type, eap.map(|eap| eap.code)) {
            (PacketType::Start, _) => self.says(from, one(from.source), true, time, out, |a| a.asks(time)),
            (PacketType::Logoff, _) => self.says(from, one(from.source), true, time, out, |a| {
                a.seen(time);
                a.ends("logged-off");
            }),
            (PacketType::Eap, Some(Code::Response)) => {
                self.responds(from, one(from.source), message, time, out)
            }
            (PacketType::Eap, Some(Code::Request)) => {
                let Some(eap) = eap else { return false };
                if to.is_group() {
                    let request = (eap.identifier, time, eap.method);
                    return self.group(from).map(|group| group.request = Some(request)).is_some();
                }
                self.says(from, one(to), true, time, out, |a| {
                    a.answers(time);
                    a.negotiates(eap.code, eap.method, eap.expanded);
                })
            }
            (PacketType::Eap, Some(Code::Success | Code::Failure)) => {
                let Some(eap) = eap else { return false };
                let supplicant = if to.is_group() { self.responder(from, eap.identifier) } else { one(to) };
                let end = if eap.succeeded() == Some(true) { "accepted" } else { "rejected" };
                self.says(from, supplicant, false, time, out, |a| {
                    a.answers(time);
                    a.ends(end);
                })
            }
            _ => false,
        }
    }

    fn responds(
        &mut self,
        from: Origin<'_>,
        supplicant: Option<Mac>,
        message: &Message<'_>,
        time: u64,
        out: &mut Sink,
    ) -> bool {
        let (Some(eap), Some(_)) = (&message.eap, supplicant) else { return false };
        let Some(group) = self.group(from) else { return false };
        group.responder = supplicant;
        let request = group.request.take_if(|(identifier, ..)| *identifier == eap.identifier);
        let keeps_identity = self.kept.contains(&Field::AuthenticationIdentity);
        let mut said = Ok(());
        let is_used = self.says(from, supplicant, true, time, out, |a| {
            if let Some((_, asked, method)) = request {
                a.answers(asked);
                a.negotiates(Code::Request, method, None);
            }
            a.asks(time);
            a.response = Some(eap.identifier);
            a.negotiates(eap.code, eap.method, eap.expanded);
            if keeps_identity {
                said = a.identifies(eap);
            }
        });
        if let Err(error) = said {
            out.push(Err(error));
        }
        is_used
    }

    fn says(
        &mut self,
        from: Origin<'_>,
        supplicant: Option<Mac>,
        begins: bool,
        time: u64,
        out: &mut Sink,
        what: impl FnOnce(&mut Authentication),
    ) -> bool {
        let Some(mac) = supplicant else { return false };
        let key = (from.vlan, Subject::Supplicant(from.number, mac));
        let new = || Authentication::new(from.number, "eapol", supplicant, time);
        self.eapol.open(key, |_| begins, new, time, out).map(what).is_some()
    }

    fn group(&mut self, from: Origin<'_>) -> Option<&mut super::Group> {
        self.groups.touch_or_insert((from.number, from.vlan))
    }

    /// Who responded last on this link, if it was with this identifier.
    fn responder(&mut self, from: Origin<'_>, identifier: u8) -> Option<Mac> {
        let mac = self.group(from)?.responder?;
        let key = (from.vlan, Subject::Supplicant(from.number, mac));
        self.eapol.table.touch(&key)?.response.filter(|response| *response == identifier).map(|_| mac)
    }
}
