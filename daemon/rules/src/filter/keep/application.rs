//! UDP and what it carries.

use super::rules::Ruled;
use super::{Decision, Keep, tunnel};
use crate::control::{
    DHCPV4_COOKIE, DHCPV4_PORTS, DHCPV6_LAST_TYPE, DHCPV6_PORTS, IP_UDP, MDNS_CODES, MDNS_PORT, RADIUS_CODES,
    RADIUS_LENGTHS, RADIUS_PORTS, RADIUS_WHOLE,
};
use crate::exclude::IpVersion;

/// What a port leads to.
#[derive(Clone, Copy)]
enum Application {
    Dhcpv4,
    Dhcpv6,
    Mdns,
    Radius,
}

impl Keep {
    #[inline]
    pub(super) fn udp(
        &self,
        datagram: &[u8],
        version: IpVersion,
        more_fragments: bool,
        rules: Ruled,
    ) -> Decision {
        let Some((header, payload)) = datagram.split_first_chunk::<UDP>() else {
            self.limited(rules.left())?;
            return Ok(UDP);
        };
        let [s0, s1, d0, d1, l0, l1, _, _] = *header;
        let ends = [u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1])];
        self.protocol(|exclusions| exclusions.has_udp_port(ends, version))?;
        let is_limited =
            !self.rules.is_empty() && self.limited(rules.with(self.rules.with_udp_port(ends, version)))?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        if tunnel::is_between(ends)
            && let Some(kept) = self.udp_tunnel(ends, more_fragments, payload)
        {
            return kept;
        }
        if is_limited || self.limits_ip_protocol(IP_UDP) || self.headers_only.has_udp_port(ends, version) {
            return Ok(UDP);
        }
        let kept = match ends.into_iter().find_map(|port| self.application(port, version)) {
            Some(Application::Dhcpv4) if is_dhcpv4(payload) => length,
            Some(Application::Dhcpv6) if is_dhcpv6(payload) => length,
            Some(Application::Mdns) if is_mdns(payload) => length,
            Some(Application::Radius) => self.radius(payload, length),
            _ => UDP,
        };
        Ok(kept.max(UDP))
    }

    #[inline]
    fn application(&self, port: u16, version: IpVersion) -> Option<Application> {
        // Said so, that it is compared in place: every datagram comes here.
        let is_one_of = |ports: &[u16]| ports.iter().fold(false, |found, known| found | (*known == port));
        match version {
            _ if port > MDNS_PORT => None,
            IpVersion::V4 if is_one_of(&DHCPV4_PORTS) => Some(Application::Dhcpv4),
            IpVersion::V6 if is_one_of(&DHCPV6_PORTS) => Some(Application::Dhcpv6),
            _ if is_one_of(&RADIUS_PORTS) => Some(Application::Radius),
            _ if port == MDNS_PORT && self.depth.service_types => Some(Application::Mdns),
            _ => None,
        }
    }

    /// `datagram` is the length that UDP gives it.
    fn radius(&self, payload: &[u8], datagram: usize) -> usize {
        let Some([code, _, l0, l1]) = payload.first_chunk::<RADIUS>() else { return UDP };
        let length = u16::from_be_bytes([*l0, *l1]);
        let (least, most) = RADIUS_LENGTHS;
        let whole = UDP + usize::from(length);
        let is_of = |codes: &[(u8, u8)]| codes.iter().any(|(first, last)| (first..=last).contains(&code));
        let is_radius = is_of(&RADIUS_CODES) && (least..=most).contains(&length) && whole <= datagram;
        match is_radius {
            true if self.depth.radius && is_of(&RADIUS_WHOLE) => whole,
            true => UDP + RADIUS,
            false => UDP,
        }
    }
}

fn is_dhcpv4(payload: &[u8]) -> bool {
    payload.first_chunk::<DHCPV4>().is_some_and(|message| {
        matches!(message, [1 | 2, .., c0, c1, c2, c3] if u32::from_be_bytes([*c0, *c1, *c2, *c3]) == DHCPV4_COOKIE)
    })
}

fn is_dhcpv6(payload: &[u8]) -> bool {
    matches!(payload, [kind, _, _, _, ..] if (1..=DHCPV6_LAST_TYPE).contains(kind))
}

fn is_mdns(payload: &[u8]) -> bool {
    payload
        .first_chunk::<MDNS>()
        .is_some_and(|[_, _, f0, f1, ..]| u16::from_be_bytes([*f0, *f1]) & MDNS_CODES == 0)
}

const UDP: usize = 8;
/// Octets of a BOOTP message with the magic cookie at their end (RFC 2131, 3).
const DHCPV4: usize = 240;
/// Octets of a header (RFC 1035, 4.1.1).
const MDNS: usize = 12;
/// Code, identifier and length.
const RADIUS: usize = 4;
