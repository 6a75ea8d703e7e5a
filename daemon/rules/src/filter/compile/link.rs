//! What stands behind the link headers without IP: LLC, EAPOL and ARP. X is its offset.

use std::collections::BTreeMap;

use super::rules::Known;
use super::{Compiler, ETHERTYPE};
use crate::control::{
    EAP_IDENTITY, EAP_KEPT, EAP_RESPONSE, EAPOL_EAP, EAPOL_KEY, KEY_KEPT, LLC_BPDU, LLC_SNAP, LLC_UI,
    LLC_WITHOUT_POLL, SNAP,
};
use crate::exclude::{IpVersion, Protocol};
use crate::filter::assemble::{Assembler, Label};
use crate::filter::program::op;
use crate::filter::selection::Selection;

impl Compiler<'_> {
    /// LLC and SNAP (ISO/IEC 8802-2): the header, and of control protocols all up to the length that IEEE
    /// 802.3 puts into the type field.
    pub(super) fn llc(&self, a: &mut Assembler) {
        let [unnumbered, snap, other, whole] = [a.label(), a.label(), a.label(), a.label()];
        let [llc_header, snap_header] = [a.label(), a.label()];
        let mut ruled = Vec::new();
        a.need(LLC, other).op(op::LD_MEM, ETHERTYPE).unless(op::JGE_K, LLC, other);
        a.op(op::LD_B_IND, 2).op(op::AND_K, 0x03).when(op::JEQ_K, 0x03, unnumbered);
        // Frames with a sequence number have a control field of two octets.
        let numbered = a.label();
        self.decide(a, self.unknown_llc(), numbered);
        a.place(numbered).op(op::LD_MEM, ETHERTYPE).keep_behind(0, LLC + 1);
        a.place(unnumbered).op(op::LD_B_IND, 2).op(op::AND_K, LLC_WITHOUT_POLL.into());
        a.unless(op::JEQ_K, LLC_UI.into(), other).op(op::LD_H_IND, 0);
        if let Some(bpdu) = self.control(a, Protocol::Stp, [llc_header, whole], &mut ruled) {
            a.when(op::JEQ_K, u16::from_be_bytes(LLC_BPDU).into(), bpdu);
        }
        a.when(op::JEQ_K, u16::from_be_bytes(LLC_SNAP).into(), snap);
        if !ruled.is_empty() {
            a.jump(other);
            self.decide_control(a, &mut ruled);
        }
        a.place(other);
        self.decide(a, self.unknown_llc(), llc_header);
        a.place(llc_header).op(op::LD_MEM, ETHERTYPE).keep_behind(0, LLC);

        let header = a.label();
        a.place(snap).need(LLC_AND_SNAP, header);
        a.op(op::LD_MEM, ETHERTYPE).unless(op::JGE_K, LLC_AND_SNAP, header);
        let mut protocols: BTreeMap<u32, Vec<(u16, Label)>> = BTreeMap::new();
        for (([o0, o1, o2], number), protocol) in SNAP {
            if let Some(read) = self.control(a, protocol, [snap_header, whole], &mut ruled) {
                let of_organisation = protocols.entry(u32::from_be_bytes([0, o0, o1, o2])).or_default();
                of_organisation.push((number, read));
            }
        }
        if !protocols.is_empty() {
            a.op(op::LD_W_IND, 2).op(op::AND_K, 0x00ff_ffff);
        }
        let organisations: Vec<_> =
            protocols.into_iter().map(|(oui, protocols)| (oui, a.label(), protocols)).collect();
        for (oui, known, _) in &organisations {
            a.when(op::JEQ_K, *oui, *known);
        }
        a.jump(header);
        for (_, known, protocols) in &organisations {
            a.place(*known).op(op::LD_H_IND, 6);
            for (number, read) in protocols {
                a.when(op::JEQ_K, (*number).into(), *read);
            }
            a.jump(header);
        }
        self.decide_control(a, &mut ruled);
        a.place(header);
        self.decide(a, self.unknown_llc(), snap_header);
        a.place(snap_header).op(op::LD_MEM, ETHERTYPE).keep_behind(0, LLC_AND_SNAP);
        a.place(whole).op(op::LD_MEM, ETHERTYPE).op(op::ADD_X, 0).keep_a();
    }

    /// Where to go with a control protocol of which the header is kept at one label and all at another, if not where
    /// unknown ones go; rules are asked there, once it is added to `ruled` what they are asked of.
    fn control(
        &self,
        a: &mut Assembler,
        protocol: Protocol,
        [header, whole]: [Label; 2],
        ruled: &mut Vec<(Label, Protocol, [Label; 2])>,
    ) -> Option<Label> {
        if self.exclusions.has(protocol) {
            return Some(self.excluded.protocol);
        }
        let is_limited = self.limits(protocol);
        if self.rules.is_empty() || is_limited && !self.rules.names(protocol) {
            return (!is_limited).then_some(whole);
        }
        let at = a.label();
        ruled.push((at, protocol, [header, if is_limited { header } else { whole }]));
        Some(at)
    }

    /// Where rules decide about control protocols.
    fn decide_control(&self, a: &mut Assembler, ruled: &mut Vec<(Label, Protocol, [Label; 2])>) {
        for (at, protocol, [header, read]) in ruled.drain(..) {
            a.place(at);
            self.decide(a, self.without_ip(Some(protocol)), header);
            a.jump(read);
        }
    }

    /// What may, as the collect gate reads it, be a protocol that stands above Ethernet as well.
    fn unknown_llc(&self) -> Known {
        let Selection { any_protocol, any_address, .. } = self.rules;
        let perhaps = self.rules.of_link();
        Known::These { holds: any_protocol & any_address, perhaps: perhaps & any_address }
    }

    /// EAPOL (IEEE 802.1X-2020, 11): of an EAP packet no more than its type, of a key frame no more than
    /// what sort of key frame it is.
    pub(super) fn eapol(&self, a: &mut Assembler) {
        let [header, eap, key] = [a.label(), a.label(), a.label()];
        a.need(EAPOL, header).op(op::LD_B_IND, 1);
        a.when(op::JEQ_K, EAPOL_EAP.into(), eap).when(op::JEQ_K, EAPOL_KEY.into(), key);
        a.place(header).keep_x(EAPOL);
        a.place(key).op(op::LD_H_IND, 2).keep_behind(EAPOL, KEY_KEPT.into());
        a.place(eap);
        if self.depth.eap_identity {
            let nameless = a.label();
            a.need(EAPOL + u32::from(EAP_KEPT), nameless);
            a.op(op::LD_B_IND, EAPOL).unless(op::JEQ_K, EAP_RESPONSE.into(), nameless);
            a.op(op::LD_B_IND, EAPOL + 4).unless(op::JEQ_K, EAP_IDENTITY.into(), nameless);
            a.op(op::LD_H_IND, 2).op(op::ADD_K, EAPOL).op(op::ADD_X, 0).keep_a();
            a.place(nameless);
        }
        a.op(op::LD_H_IND, 2).keep_behind(EAPOL, EAP_KEPT.into());
    }

    /// ARP for IPv4 over Ethernet (RFC 826), without the padding behind it.
    pub(super) fn arp(&self, a: &mut Assembler) {
        let [cut, whole] = [a.label(), a.label()];
        a.need(ARP, cut);
        let ends = [14, 24];
        for at in ends {
            self.prefixes_v4(a, at);
        }
        if !self.rules.is_empty() {
            self.rules_by_address(a, IpVersion::V4, ends);
            let holds = self.rules.with_protocol(Protocol::Arp);
            self.decide(a, Known::These { holds, perhaps: 0 }, self.keep_x);
            a.jump(whole);
        }
        a.place(cut);
        self.decide(a, self.without_ip(Some(Protocol::Arp)), self.keep_x);
        let limits_arp = self.is_limited || self.headers_only.has(Protocol::Arp);
        a.place(whole).keep_x(if limits_arp { 0 } else { ARP });
    }
}

const ARP: u32 = 28;
const EAPOL: u32 = 4;
/// Service access points, and a control field of one octet.
const LLC: u32 = 3;
const LLC_AND_SNAP: u32 = LLC + 5;
