//! IEEE 802.11 within CAPWAP and TZSP. X is the offset of the header.

use super::tunnel::{Labels, behind};
use super::{Compiler, DESTINATION, ETHERTYPE, FRAGMENT, LAYER_4, SOURCE, START};
use crate::control::MAX_LLC;
use crate::filter::Tunnel;
use crate::filter::assemble::{Assembler, Label};
use crate::filter::ieee80211::{
    AMSDU, DATA, FIRST_ETHERTYPE, FRAGMENT_NUMBER, FROM_DS, MESH_CONTROL, ORDER, PROTECTED, SNAP,
    SNAP_ETHERTYPE, TO_DS, TYPE, UNREAD, VERSION, WITH_QOS, WITHOUT_BODY,
};
use crate::filter::program::op;

impl Compiler<'_> {
    /// Goes on at `link` with X behind the header, where the addresses are, and the type of what follows.
    pub(super) fn ieee80211(&self, a: &mut Assembler, at: &Labels, link: Label) {
        let is_in = |kind| self.depth.tunnels.contains(kind);
        if !is_in(Tunnel::Capwap) && !is_in(Tunnel::Tzsp) {
            return;
        }
        let [read, data, other] = [a.label(), a.label(), a.label()];
        if is_in(Tunnel::Capwap) {
            let [in_order, known] = [a.label(), a.label()];
            a.place(at.ieee80211_in_capwap).need(CONTROL_AND_DURATION, self.keep_x);
            a.op(op::LD_H_IND, 0).op(op::ST, CONTROL).unless(op::JSET_K, kind(VERSION), in_order);
            a.when(op::JSET_K, VERSION.into(), self.keep_x);
            // The other way round: what is low goes up.
            a.op(op::STX, BEGINNING).op(op::RSH_K, 8).op(op::TAX, 0);
            a.op(op::LD_MEM, CONTROL).op(op::LSH_K, 8).op(op::AND_K, 0xff00).op(op::ADD_X, 0);
            a.op(op::LDX_MEM, BEGINNING).op(op::ST, CONTROL).place(in_order);
            // Without either bit there is no telling the order of the two octets.
            a.when(op::JSET_K, (TO_DS | FROM_DS).into(), known).jump(other).place(known);
            if is_in(Tunnel::Tzsp) {
                a.jump(read);
            }
        }
        if is_in(Tunnel::Tzsp) {
            a.place(at.ieee80211).need(CONTROL_AND_DURATION, self.keep_x);
            a.op(op::LD_H_IND, 0).op(op::ST, CONTROL).when(op::JSET_K, kind(VERSION), self.keep_x);
        }
        a.place(read).op(op::AND_K, kind(TYPE)).when(op::JEQ_K, kind(DATA), data);
        a.place(other);
        let without_link = if self.rules.is_empty() { self.keep_x } else { a.label() };
        behind(a, CONTROL_AND_DURATION).jump(without_link);
        self.rules_without_link(a, without_link, self.other);
        a.place(data);
        self.mac_header(a);
        if self.tells_stations() {
            stations(a);
        }
        body(a, link);
    }

    /// X is then behind the header.
    fn mac_header(&self, a: &mut Assembler) {
        let [three, without_qos, behind_all, cut, whole] =
            [a.label(), a.label(), a.label(), a.label(), a.label()];
        a.need(DATA_HEADER, self.keep_x).op(op::STX, BEGINNING);
        a.op(op::LD_B_IND, SEQUENCE_CONTROL).op(op::AND_K, FRAGMENT_NUMBER.into()).op(op::ST, FRAGMENT);
        behind(a, DATA_HEADER).op(op::LD_MEM, CONTROL).op(op::AND_K, (TO_DS | FROM_DS).into());
        a.unless(op::JEQ_K, (TO_DS | FROM_DS).into(), three);
        behind(a, ADDRESS);
        a.place(three).op(op::LD_MEM, CONTROL).unless(op::JSET_K, kind(WITH_QOS), without_qos);
        a.need(QOS_CONTROL, cut).op(op::LD_H_IND, 0).op(op::ST, QOS);
        behind(a, QOS_CONTROL).op(op::LD_MEM, CONTROL).unless(op::JSET_K, ORDER.into(), behind_all);
        behind(a, HT_CONTROL).jump(behind_all);
        a.place(without_qos).op(op::LD_IMM, 0).op(op::ST, QOS);
        a.place(behind_all).op(op::LD_W_LEN, 0).when(op::JGE_X, 0, whole);
        // Of a frame that ends within it nothing is kept.
        a.place(cut).op(op::LDX_MEM, BEGINNING).keep_x(0);
        a.place(whole);
    }
}

/// The addresses of destination and source (9.3.2.1, table 9-30); of an A-MSDU those of the radios.
fn stations(a: &mut Assembler) {
    let [single, not_to, both, source, known] = [a.label(), a.label(), a.label(), a.label(), a.label()];
    let address = |a: &mut Assembler, at: u32, word| {
        a.op(op::LD_MEM, BEGINNING).op(op::ADD_K, at).op(op::ST, word);
    };
    address(a, FIRST_ADDRESS, DESTINATION);
    address(a, FIRST_ADDRESS + ADDRESS, SOURCE);
    a.op(op::LD_MEM, QOS).unless(op::JSET_K, AMSDU.into(), single);
    a.op(op::LD_MEM, CONTROL).unless(op::JSET_K, kind(WITHOUT_BODY), known);
    a.place(single).op(op::LD_MEM, CONTROL).unless(op::JSET_K, TO_DS.into(), not_to);
    address(a, THIRD_ADDRESS, DESTINATION);
    a.place(not_to).op(op::LD_MEM, CONTROL).unless(op::JSET_K, FROM_DS.into(), known);
    a.when(op::JSET_K, TO_DS.into(), both);
    a.op(op::LD_MEM, BEGINNING).op(op::ADD_K, THIRD_ADDRESS).jump(source);
    a.place(both).op(op::LD_MEM, BEGINNING).op(op::ADD_K, DATA_HEADER);
    a.place(source).op(op::ST, SOURCE).place(known);
}

/// What follows the header: a packet, LLC, or what is not read.
fn body(a: &mut Assembler, link: Label) {
    let [unread, not_mesh, llc, snap, known] = [a.label(), a.label(), a.label(), a.label(), a.label()];
    a.op(op::LD_MEM, CONTROL).when(op::JSET_K, kind(WITHOUT_BODY) | u32::from(PROTECTED), unread);
    a.op(op::LD_MEM, FRAGMENT).unless(op::JEQ_K, 0, unread);
    a.op(op::LD_MEM, QOS).when(op::JSET_K, AMSDU.into(), unread);
    a.unless(op::JSET_K, MESH_CONTROL.into(), not_mesh);
    a.op(op::LD_MEM, CONTROL).when(op::JSET_K, FROM_DS.into(), unread);
    a.place(not_mesh).need(SNAP_HEADER, llc);
    a.op(op::LD_W_IND, 0).unless(op::JEQ_K, u32::from_be_bytes(SNAP), llc);
    a.op(op::LD_W_IND, 4).op(op::ST, ETHERTYPE).op(op::RSH_K, 16);
    for organisation in SNAP_ETHERTYPE {
        a.when(op::JEQ_K, u16::from_be_bytes(organisation).into(), snap);
    }
    a.jump(llc).place(snap).op(op::LD_MEM, ETHERTYPE).op(op::AND_K, 0xffff);
    a.unless(op::JGE_K, FIRST_ETHERTYPE.into(), llc).op(op::ST, ETHERTYPE);
    behind(a, SNAP_HEADER).jump(link);
    // No field says how long it is.
    a.place(llc).op(op::LD_IMM, MAX_LLC.into()).jump(known);
    a.place(unread).op(op::LD_IMM, UNREAD.into());
    a.place(known).op(op::ST, ETHERTYPE).jump(link);
}

/// Bits of the first octet of Frame Control.
fn kind(bits: u8) -> u32 {
    u32::from(bits) << 8
}

/// Scratch words: Frame Control, its octets in order, QoS Control or 0, and where the frame begins.
const CONTROL: u32 = START;
const QOS: u32 = ETHERTYPE;
const BEGINNING: u32 = LAYER_4;
/// Offsets of the first and the third address, and of Sequence Control.
const FIRST_ADDRESS: u32 = 4;
const THIRD_ADDRESS: u32 = 16;
const SEQUENCE_CONTROL: u32 = 22;
const CONTROL_AND_DURATION: u32 = 4;
/// The header of a data frame, without what not all have.
const DATA_HEADER: u32 = 24;
const ADDRESS: u32 = 6;
const QOS_CONTROL: u32 = 2;
const HT_CONTROL: u32 = 4;
/// LLC, SNAP and a type.
const SNAP_HEADER: u32 = 8;
