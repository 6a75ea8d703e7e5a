//! What a NAS asks of a RADIUS server, and the answer (RFC 2865, RFC 2866).

use headgate_record::{Error, Field, Mac, Record, Value};
use headgate_wire::radius::{Attributes, Code, Message, TunnelType};
use headgate_wire::{Application, Packet, Text, Transport};

use super::{Ask, Asked, Authentication, Authentications, Sink, Subject};
use crate::state::announcement::Origin;

/// Whose a message is, and whether it was said before.
type Known = (Option<Mac>, bool);

impl Authentications {
    /// A RADIUS message was seen. Returns whether it is one of an authentication or of accounting.
    pub(crate) fn radius(
        &mut self,
        from: Origin<'_>,
        packet: &Packet<'_>,
        message: &Message<'_>,
        time: u64,
        out: &mut Sink,
    ) -> bool {
        let Some(ask) = ask(packet, message) else { return false };
        let (end, protocol) = match message.code {
            Code::AccessRequest | Code::AccessChallenge => (None, "radius"),
            Code::AccessAccept => (Some("accepted"), "radius"),
            Code::AccessReject => (Some("rejected"), "radius"),
            Code::AccountingRequest => (None, "radius-acct"),
            Code::AccountingResponse => (Some("acknowledged"), "radius-acct"),
            // The answer is an Access-Accept or Accounting-Response (RFC 5997, 3), and to none of these.
            Code::StatusServer => {
                self.forget(from.vlan, ask, out);
                return false;
            }
            _ => return false,
        };
        let attributes = Some(&message.attributes).filter(|_| self.keeps_attributes);
        let asks = is_request(message.code);
        let known = if asks {
            let station = attributes.and_then(Attributes::station).map(|mac| Mac(mac.0));
            Some(self.asks((from.vlan, ask), message.code, station, time))
        } else {
            self.answers((from.vlan, ask), message.code, time)
        };
        let Some((station, is_repeated)) = known else { return false };
        // Each report of accounting stands for itself.
        let subject = match station {
            Some(mac) if protocol == "radius" => Subject::Station(ask.nas.0, ask.server.0, mac),
            _ => Subject::Request(ask),
        };
        let key = (from.vlan, subject);
        if is_repeated {
            if let Some(a) = self.radius.table.touch(&key) {
                a.seen(time);
            }
            return true;
        }
        if message.code == Code::AccessChallenge && matches!(subject, Subject::Request(_)) {
            self.radius.table.remove(&key);
            return true;
        }
        let new = || Authentication::new(from.number, protocol, station, time);
        let Some(a) = self.radius.open(key, |_| asks, new, time, out) else { return false };
        if asks {
            a.asks(time)
        } else {
            a.answers(time)
        }
        if let Some(end) = end {
            a.ends(end);
        }
        let Some(attributes) = attributes else { return true };
        let mut said = say(&mut a.said, attributes, &self.kept);
        if let Some(eap) = &attributes.eap {
            a.negotiates(eap.code, eap.method, eap.expanded);
            if self.kept.contains(&Field::AuthenticationIdentity) {
                said = said.and(a.identifies(eap));
            }
        }
        if let Err(error) = said {
            out.push(Err(error));
        }
        true
    }

    /// A packet is excluded. Its answer, which does not say so, is not taken for another's.
    pub(crate) fn excluded(&mut self, vlan: u16, packet: &Packet<'_>, out: &mut Sink) {
        if let Application::Radius(message) = &packet.application
            && is_request(message.code)
            && let Some(ask) = ask(packet, message)
        {
            self.forget(vlan, ask, out);
        }
    }

    /// The request's identifier is used for something else.
    fn forget(&mut self, vlan: u16, ask: Ask, out: &mut Sink) {
        self.asked.remove(&(vlan, ask));
        self.radius.end(&(vlan, Subject::Request(ask)), out);
    }

    /// A request: what comes again soon after its answer is the same one. Before it, the latest counts.
    fn asks(&mut self, key: (u16, Ask), request: Code, station: Option<Mac>, time: u64) -> Known {
        let is_same = |asked: &mut Asked| {
            (asked.request, asked.station) == (request, station)
                && asked.answer.is_some()
                && !asked.is_over(time)
        };
        let is_repeated = self.asked.touch(&key).is_some_and(is_same);
        if !is_repeated {
            self.asked.insert(key, Asked { request, station, at: time, answer: None });
        }
        (station, is_repeated)
    }

    /// An answer: one that comes again is the same one, and there is no other to the same request.
    fn answers(&mut self, key: (u16, Ask), code: Code, time: u64) -> Option<Known> {
        let request =
            if code == Code::AccountingResponse { Code::AccountingRequest } else { Code::AccessRequest };
        let asked =
            self.asked.touch(&key).filter(|asked| asked.request == request && !asked.is_over(time))?;
        let is_repeated = asked.answer.is_some();
        let (first, _) = *asked.answer.get_or_insert((code, time));
        (first == code).then_some((asked.station, is_repeated))
    }
}

fn is_request(code: Code) -> bool {
    matches!(code, Code::AccessRequest | Code::AccountingRequest | Code::StatusServer)
}

fn ask(packet: &Packet<'_>, message: &Message<'_>) -> Option<Ask> {
    let ((source, destination), Transport::Udp(udp)) = (packet.addresses()?, &packet.transport) else {
        return None;
    };
    let (from, to) = ((source, udp.source), (destination, udp.destination));
    let (nas, server) = if is_request(message.code) { (from, to) } else { (to, from) };
    Some(Ask { nas, server, identifier: message.identifier })
}

/// Sets what attributes say; an attribute that no rule keeps goes no further.
fn say(r: &mut Record, attributes: &Attributes<'_>, kept: &[Field]) -> Result<(), Error> {
    kept.iter().try_for_each(|field| r.set_some(*field, value(*field, attributes)))
}

fn value(field: Field, attributes: &Attributes<'_>) -> Option<Value> {
    let text = |text: Text<'_>| Value::from(text.to_string());
    match field {
        Field::AuthenticationUserName => attributes.user_name.map(text),
        Field::AuthenticationNasIdentifier => attributes.nas_identifier.map(text),
        Field::AuthenticationNasPort => attributes.nas_port.map(Value::from),
        Field::AuthenticationNasPortType => attributes.nas_port_type.map(|kind| kind.name().into()),
        Field::AuthenticationNasPortId => attributes.nas_port_id.map(text),
        Field::AuthenticationAssignedVlan => {
            let is_vlan = |kind: Option<TunnelType>| kind.is_none_or(|kind| kind == TunnelType::Vlan);
            let mut tunnels = attributes.tunnels.iter().filter(|tunnel| is_vlan(tunnel.tunnel_type));
            tunnels.find_map(|tunnel| tunnel.private_group_id).map(text)
        }
        Field::AuthenticationFilterIds => {
            let filters = &attributes.filter_ids;
            (!filters.is_empty()).then(|| filters.iter().map(ToString::to_string).collect())
        }
        Field::AuthenticationClass => attributes.classes.first().map(|class| class.0.into()),
        Field::AuthenticationAcctStatusType => attributes.acct_status_type.map(|kind| kind.name().into()),
        Field::AuthenticationSessionTime => attributes.acct_session_time.map(Value::from),
        Field::AuthenticationInputOctets => attributes.acct_input_octets.map(Value::from),
        Field::AuthenticationOutputOctets => attributes.acct_output_octets.map(Value::from),
        Field::AuthenticationInputPackets => attributes.acct_input_packets.map(Value::from),
        Field::AuthenticationOutputPackets => attributes.acct_output_packets.map(Value::from),
        Field::AuthenticationTerminateCause => {
            attributes.acct_terminate_cause.map(|cause| cause.name().into())
        }
        _ => None,
    }
}
