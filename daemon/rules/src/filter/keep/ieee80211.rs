//! IEEE 802.11 within CAPWAP and TZSP.

use super::{Decision, Keep};
use crate::control::MAX_LLC;
use crate::filter::ieee80211::{
    AMSDU, DATA, FIRST_ETHERTYPE, FRAGMENT_NUMBER, FROM_DS, MESH_CONTROL, ORDER, PROTECTED, SNAP,
    SNAP_ETHERTYPE, TO_DS, TYPE, UNREAD, VERSION, WITH_QOS, WITHOUT_BODY,
};

/// The header of a data frame.
struct Header {
    kind: u8,
    flags: u8,
    /// Octets.
    length: usize,
    /// Zero where there is none.
    qos: u16,
    is_later_fragment: bool,
    /// Destination and source; of an A-MSDU those of the radios.
    ends: [[u8; 6]; 2],
}

impl Keep {
    /// A frame. Within CAPWAP the octets of Frame Control may stand the other way round.
    pub(super) fn ieee80211(&self, frame: &[u8], is_in_capwap: bool) -> Decision {
        let Some([first, second, ..]) = frame.first_chunk::<CONTROL_AND_DURATION>() else {
            return Ok(0);
        };
        let (kind, flags) = match (first & VERSION, second & VERSION) {
            (0, _) => (*first, *second),
            (_, 0) if is_in_capwap => (*second, *first),
            _ => return Ok(0),
        };
        // Without either bit there is no telling the order of the two octets.
        if kind & TYPE != DATA || is_in_capwap && flags & (TO_DS | FROM_DS) == 0 {
            self.limited_without_ip(self.rules.any_vlan & self.rules.any_mac, None)?;
            return Ok(CONTROL_AND_DURATION);
        }
        let Some(header) = Header::read(frame, kind, flags) else { return Ok(0) };
        header.ends.into_iter().try_for_each(|mac| self.mac(mac))?;
        let rules = self.rules.any_vlan & self.rules_by_mac(header.ends);
        let body = frame.get(header.length..).unwrap_or_default();
        let (more, ethertype) = header.body(body);
        let behind = body.get(more..).unwrap_or_default();
        Ok(header.length + more + self.layer_3(ethertype, behind, rules)?)
    }
}

impl Header {
    /// `None` where the frame ends within it.
    fn read(frame: &[u8], kind: u8, flags: u8) -> Option<Header> {
        let (fixed, behind) = frame.split_first_chunk::<DATA_HEADER>()?;
        let [_, _, _, _, addresses @ .., sequence, _] = fixed;
        let ([receiver, transmitter, third], _) = addresses.as_chunks::<ADDRESS>() else {
            return None;
        };
        let (to_ds, from_ds) = (flags & TO_DS != 0, flags & FROM_DS != 0);
        let fourth = behind.first_chunk::<ADDRESS>().filter(|_| to_ds && from_ds);
        let mut length = fixed.len() + fourth.map_or(0, |fourth| fourth.len());
        if to_ds && from_ds && fourth.is_none() {
            return None;
        }
        let mut qos = 0;
        if kind & WITH_QOS != 0 {
            qos = u16::from_be_bytes(*frame.get(length..)?.first_chunk()?);
            length += QOS_CONTROL + if flags & ORDER != 0 { HT_CONTROL } else { 0 };
        }
        let is_amsdu = qos & AMSDU != 0 && kind & WITHOUT_BODY == 0;
        let ends = match (to_ds, from_ds) {
            (false, false) => [receiver, transmitter],
            _ if is_amsdu => [receiver, transmitter],
            (false, true) => [receiver, third],
            (true, false) => [third, transmitter],
            (true, true) => [third, fourth?],
        };
        let is_later_fragment = sequence & FRAGMENT_NUMBER != 0;
        let header = Header { kind, flags, length, qos, is_later_fragment, ends: ends.map(|mac| *mac) };
        (length <= frame.len()).then_some(header)
    }

    /// Octets of SNAP where an Ethernet type follows, and that; or what stands for LLC, or for what is not read.
    fn body(&self, body: &[u8]) -> (usize, u16) {
        let is_mesh = self.qos & MESH_CONTROL != 0 && self.flags & FROM_DS != 0;
        let is_unread = self.kind & WITHOUT_BODY != 0
            || self.flags & PROTECTED != 0
            || self.is_later_fragment
            || self.qos & AMSDU != 0
            || is_mesh;
        match body.first_chunk::<SNAP_HEADER>() {
            _ if is_unread => (0, UNREAD),
            Some([l0, l1, l2, l3, o0, o1, t0, t1])
                if [*l0, *l1, *l2, *l3] == SNAP
                    && SNAP_ETHERTYPE.contains(&[*o0, *o1])
                    && u16::from_be_bytes([*t0, *t1]) >= FIRST_ETHERTYPE =>
            {
                (SNAP_HEADER, u16::from_be_bytes([*t0, *t1]))
            }
            // No field says how long it is.
            _ => (0, MAX_LLC),
        }
    }
}

const CONTROL_AND_DURATION: usize = 4;
/// The header of a data frame, without what not all have.
const DATA_HEADER: usize = 24;
const ADDRESS: usize = 6;
const QOS_CONTROL: usize = 2;
const HT_CONTROL: usize = 4;
/// LLC, SNAP and a type.
const SNAP_HEADER: usize = 8;
