//! LLC, EAPOL and ARP.

use super::{Candidates, Decision, Keep};
use crate::control::{
    EAP_IDENTITY, EAP_KEPT, EAP_RESPONSE, EAPOL_EAP, EAPOL_KEY, KEY_KEPT, LLC_BPDU, LLC_SNAP, LLC_UI,
    LLC_WITHOUT_POLL, SNAP,
};
use crate::exclude::Protocol;

impl Keep {
    pub(super) fn llc(&self, length: usize, rest: &[u8], rules: Candidates) -> Decision {
        let unknown = |header: usize| self.limited_of_unknown_llc(rules).map(|_| length.min(header));
        let Some([dsap, ssap, control]) = rest.first_chunk::<LLC>().filter(|_| length >= LLC) else {
            return unknown(LLC);
        };
        if control & 0x03 != 0x03 {
            return unknown(LLC + 1);
        }
        match [*dsap, *ssap] {
            _ if control & LLC_WITHOUT_POLL != LLC_UI => unknown(LLC),
            LLC_BPDU => self.control(Protocol::Stp, [LLC, length], rules),
            LLC_SNAP => self.snap(length, rest, rules),
            _ => unknown(LLC),
        }
    }

    fn snap(&self, length: usize, rest: &[u8], rules: Candidates) -> Decision {
        let unknown = || self.limited_of_unknown_llc(rules).map(|_| length.min(LLC_AND_SNAP));
        let header = rest.first_chunk::<LLC_AND_SNAP>().filter(|_| length >= LLC_AND_SNAP);
        let Some([_, _, _, o0, o1, o2, p0, p1]) = header else { return unknown() };
        let number = ([*o0, *o1, *o2], u16::from_be_bytes([*p0, *p1]));
        match SNAP.iter().find(|(snap, _)| *snap == number) {
            Some((_, protocol)) => self.control(*protocol, [LLC_AND_SNAP, length], rules),
            None => unknown(),
        }
    }

    fn control(&self, protocol: Protocol, [header, whole]: [usize; 2], rules: Candidates) -> Decision {
        self.protocol(|exclusions| exclusions.has(protocol))?;
        // Where no rule names it, it is one of those that are not told apart.
        let is_limited = match self.limits(protocol) && !self.rules.names(protocol) {
            true => self.limited_of_unknown_llc(rules)?,
            false => self.limited_without_ip(rules, Some(protocol))?,
        };
        Ok(if is_limited || self.limits(protocol) { header } else { whole })
    }

    pub(super) fn eapol(&self, rest: &[u8]) -> usize {
        let Some(([_, kind, l0, l1], body)) = rest.split_first_chunk::<EAPOL>() else { return EAPOL };
        let length = u16::from_be_bytes([*l0, *l1]);
        let kept = match (*kind, body) {
            (EAPOL_EAP, [EAP_RESPONSE, _, _, _, EAP_IDENTITY, ..]) if self.depth.eap_identity => length,
            (EAPOL_EAP, _) => length.min(EAP_KEPT),
            (EAPOL_KEY, _) => length.min(KEY_KEPT),
            _ => 0,
        };
        EAPOL + usize::from(kept)
    }

    pub(super) fn arp(&self, rest: &[u8], rules: Candidates) -> Decision {
        let mut by_address = self.rules.any_address;
        if let Some([_, _, _, _, _, _, _, _, _, _, _, _, _, _, addresses @ ..]) = rest.first_chunk::<ARP>() {
            let [s0, s1, s2, s3, _, _, _, _, _, _, t0, t1, t2, t3] = *addresses;
            let ends = [[s0, s1, s2, s3], [t0, t1, t2, t3]];
            ends.into_iter().try_for_each(|end| self.address(end))?;
            by_address = self.rules_by_address(ends);
        }
        let is_limited = self.limited_of_protocol(rules & by_address, Some(Protocol::Arp))?;
        let limits_arp = self.is_limited || self.headers_only.has(Protocol::Arp);
        Ok(if is_limited || limits_arp { 0 } else { ARP })
    }
}

const ARP: usize = 28;
const EAPOL: usize = 4;
/// Service access points, and a control field of one octet.
const LLC: usize = 3;
const LLC_AND_SNAP: usize = LLC + 5;
