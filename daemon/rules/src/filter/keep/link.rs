//! LLC, EAPOL and ARP.

use super::{Decision, Keep};
use crate::control::{
    EAP_IDENTITY, EAP_KEPT, EAP_RESPONSE, EAPOL_EAP, EAPOL_KEY, KEY_KEPT, LLC_BPDU, LLC_SNAP, LLC_UI,
    LLC_WITHOUT_POLL, SNAP,
};
use crate::exclude::Protocol;

impl Keep {
    pub(super) fn llc(&self, length: usize, rest: &[u8]) -> Decision {
        let Some([dsap, ssap, control]) = rest.first_chunk::<LLC>().filter(|_| length >= LLC) else {
            return Ok(length.min(LLC));
        };
        if control & 0x03 != 0x03 {
            return Ok(length.min(LLC + 1));
        }
        match [*dsap, *ssap] {
            _ if control & LLC_WITHOUT_POLL != LLC_UI => Ok(LLC),
            LLC_BPDU => self.control(Protocol::Stp, LLC, length),
            LLC_SNAP => self.snap(length, rest),
            _ => Ok(LLC),
        }
    }

    fn snap(&self, length: usize, rest: &[u8]) -> Decision {
        let header = rest.first_chunk::<LLC_AND_SNAP>().filter(|_| length >= LLC_AND_SNAP);
        let Some([_, _, _, o0, o1, o2, p0, p1]) = header else { return Ok(length.min(LLC_AND_SNAP)) };
        let number = ([*o0, *o1, *o2], u16::from_be_bytes([*p0, *p1]));
        match SNAP.iter().find(|(snap, _)| *snap == number) {
            Some((_, protocol)) => self.control(*protocol, LLC_AND_SNAP, length),
            None => Ok(LLC_AND_SNAP),
        }
    }

    fn control(&self, protocol: Protocol, header: usize, whole: usize) -> Decision {
        self.protocol(|exclusions| exclusions.has(protocol))?;
        Ok(if self.limits(protocol) { header } else { whole })
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

    pub(super) fn arp(&self, rest: &[u8]) -> Decision {
        if let Some([_, _, _, _, _, _, _, _, _, _, _, _, _, _, addresses @ ..]) = rest.first_chunk::<ARP>() {
            let [s0, s1, s2, s3, _, _, _, _, _, _, t0, t1, t2, t3] = *addresses;
            self.address([s0, s1, s2, s3])?;
            self.address([t0, t1, t2, t3])?;
        }
        let limits_arp = self.is_limited || self.headers_only.has(Protocol::Arp);
        Ok(if limits_arp { 0 } else { ARP })
    }
}

const ARP: usize = 28;
const EAPOL: usize = 4;
/// Service access points, and a control field of one octet.
const LLC: usize = 3;
const LLC_AND_SNAP: usize = LLC + 5;
