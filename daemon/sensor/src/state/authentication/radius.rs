//! What a NAS asks of a RADIUS server, and the answer (RFC 2865, RFC 2866).

use headgate_record::{Error, Field, Mac, Record, Value};
use headgate_wire::radius::{Attributes, Code, Message, TunnelType};
use headgate_wire::{Packet, Transport};

use super::{Ask, Authentication, Authentications, Key, Sink, Subject};
use crate::state::announcement::Origin;

impl Authentications {
    /// A RADIUS message was seen. Returns whether it is one of authentication or accounting.
    pub(crate) fn radius(
        &mut self,
        from: Origin<'_>,
        packet: &Packet<'_>,
        message: &Message<'_>,
        time: u64,
        out: &mut Sink,
    ) -> bool {
        let (Some((source, destination)), Transport::Udp(udp)) = (packet.addresses(), &packet.transport)
        else {
            return false;
        };
        let asks = matches!(message.code, Code::AccessRequest | Code::AccountingRequest);
        let (from_end, to_end) = ((source, udp.source), (destination, udp.destination));
        let (nas, server) = if asks { (from_end, to_end) } else { (to_end, from_end) };
        let ask = Ask { nas, server, identifier: message.identifier };
        let (end, protocol) = match message.code {
            Code::AccessRequest | Code::AccessChallenge => (None, "radius"),
            Code::AccessAccept => (Some("accepted"), "radius"),
            Code::AccessReject => (Some("rejected"), "radius"),
            Code::AccountingRequest => (None, "radius-acct"),
            Code::AccountingResponse => (Some("acknowledged"), "radius-acct"),
            _ => return false,
        };
        let station = message.attributes.calling_station_id.and_then(|id| mac(id.0));
        let key = self.key(from.vlan, ask, message.code, station);
        if message.code == Code::AccessChallenge && matches!(key.1, Subject::Request(_)) {
            self.table.remove(&key);
            return true;
        }
        let (keeps_identity, keeps_user_name) = (self.keeps_identity, self.keeps_user_name);
        let new = || Authentication::new(from.number, protocol, station, time);
        let Some(a) = self.open(key, asks, new, time, out) else { return false };
        if asks {
            a.asks(time)
        } else {
            a.answers(time)
        }
        a.mac = a.mac.or(station);
        if let Some(end) = end {
            a.ends(end);
        }
        let mut said = say(&mut a.said, &message.attributes, keeps_user_name);
        if let Some(eap) = &message.attributes.eap {
            a.negotiates(eap.code, eap.method, eap.expanded);
            if keeps_identity {
                said = said.and(a.identifies(eap));
            }
        }
        if let Err(error) = said {
            out.push(Err(error));
        }
        true
    }

    /// What a message belongs to. Each report of accounting stands for itself.
    fn key(&mut self, vlan: u16, ask: Ask, code: Code, station: Option<Mac>) -> Key {
        let of = |mac| (vlan, Subject::Station(ask.nas.0, ask.server.0, mac));
        let station = match code {
            Code::AccountingRequest | Code::AccountingResponse => None,
            Code::AccessRequest => {
                // An identifier that is used again may be another station's.
                self.stations.remove(&(vlan, ask));
                if let Some(mac) = station {
                    self.stations.insert((vlan, ask), mac);
                }
                station
            }
            _ => self.stations.touch(&(vlan, ask)).copied(),
        };
        station.map_or((vlan, Subject::Request(ask)), of)
    }
}

/// Sets what attributes say; an attribute that is not named here goes no further.
fn say(r: &mut Record, attributes: &Attributes<'_>, keeps_user_name: bool) -> Result<(), Error> {
    let text = |text: headgate_wire::Text<'_>| text.to_string();
    if keeps_user_name {
        r.set_some(Field::AuthenticationUserName, attributes.user_name.map(text))?;
    }
    r.set_some(Field::AuthenticationNasIdentifier, attributes.nas_identifier.map(text))?;
    r.set_some(Field::AuthenticationNasPort, attributes.nas_port)?;
    r.set_some(Field::AuthenticationNasPortType, attributes.nas_port_type.map(|t| t.name()))?;
    r.set_some(Field::AuthenticationNasPortId, attributes.nas_port_id.map(text))?;
    let is_vlan = |kind: Option<TunnelType>| kind.is_none_or(|kind| kind == TunnelType::Vlan);
    let mut tunnels = attributes.tunnels.iter().filter(|tunnel| is_vlan(tunnel.tunnel_type));
    let group = tunnels.find_map(|tunnel| tunnel.private_group_id);
    r.set_some(Field::AuthenticationAssignedVlan, group.map(text))?;
    if !attributes.filter_ids.is_empty() {
        let filters = attributes.filter_ids.iter().map(ToString::to_string);
        r.set(Field::AuthenticationFilterIds, filters.collect::<Value>())?;
    }
    r.set_some(Field::AuthenticationClass, attributes.classes.first().map(|class| class.0))?;
    r.set_some(Field::AuthenticationAcctStatusType, attributes.acct_status_type.map(|t| t.name()))?;
    r.set_some(Field::AuthenticationSessionTime, attributes.acct_session_time)?;
    r.set_some(Field::AuthenticationInputOctets, attributes.acct_input_octets)?;
    r.set_some(Field::AuthenticationOutputOctets, attributes.acct_output_octets)?;
    r.set_some(Field::AuthenticationInputPackets, attributes.acct_input_packets)?;
    r.set_some(Field::AuthenticationOutputPackets, attributes.acct_output_packets)?;
    r.set_some(Field::AuthenticationTerminateCause, attributes.acct_terminate_cause.map(|c| c.name()))
}

/// The MAC address of a Calling-Station-Id, in any of the forms that are in use (RFC 3580, 3.21): twelve
/// hexadecimal digits, with marks between them or without.
fn mac(id: &[u8]) -> Option<Mac> {
    let mut octets = [0; 6];
    let mut digits = 0_usize;
    for character in id.iter().take(MAX_STATION_ID).filter(|c| !b"-:.".contains(c)) {
        let digit = u8::try_from(char::from(*character).to_digit(16)?).ok()?;
        let octet = octets.get_mut(digits / 2)?;
        *octet = *octet << 4 | digit;
        digits += 1;
    }
    (digits == 12 && id.len() <= MAX_STATION_ID).then_some(Mac(octets)).filter(|mac| !mac.is_group())
}

/// Octets of the longest form, with a mark after each octet but the last.
const MAX_STATION_ID: usize = 17;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_station_is_known_by_every_form_of_its_mac_address() {
        let expected = Some(Mac([0x00, 0x1b, 0x21, 0xab, 0xcd, 0xef]));
        for id in ["00-1B-21-AB-CD-EF", "00:1b:21:ab:cd:ef", "001b.21ab.cdef", "001B21ABCDEF"] {
            assert_eq!(mac(id.as_bytes()), expected, "{id}");
        }
        for id in ["", "00-1B-21-AB-CD", "00-1B-21-AB-CD-EF-01", "01-80-C2-00-00-03", "+43 1 5550100", "anna"]
        {
            assert_eq!(mac(id.as_bytes()), None, "{id}");
        }
    }
}
