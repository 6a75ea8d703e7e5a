//! Classic BPF programs, and what they do to one packet.

use super::compile::{TooLarge, share};

/// Most instructions of one program (`BPF_MAXINSNS`).
pub const MAX_INSTRUCTIONS: usize = 4_096;

/// One instruction, `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip when the condition holds.
    pub jt: u8,
    /// Instructions to skip when it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// A VLAN tag that is not in the packet but beside it (`SKF_AD_VLAN_TAG`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VlanTag(pub u16);

/// A program: forward jumps only, so it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(pub(super) Vec<Instruction>);

impl Program {
    /// The instructions.
    #[must_use]
    pub fn instructions(&self) -> &[Instruction] {
        &self.0
    }

    /// The program of one of several sockets that share the frames of an interface (ADR 0016): what this one keeps of
    /// those that fall to share `number` of `of`, counted from 0, and nothing of the others. Each frame falls to one,
    /// both directions of a conversation to the same, and all that says more than its ends to the first. Of one share
    /// it is the program itself.
    ///
    /// # Errors
    /// [`TooLarge`], where this program leaves no room.
    pub fn share(&self, number: u32, of: u32) -> Result<Program, TooLarge> {
        if of < 2 {
            return Ok(self.clone());
        }
        let Program(before) = share::prologue(number, of).ok_or(TooLarge)?;
        let all: Vec<_> = before.into_iter().chain(self.0.iter().copied()).collect();
        if all.len() > MAX_INSTRUCTIONS { Err(TooLarge) } else { Ok(Program(all)) }
    }

    /// What the kernel would return for a packet: how many octets to keep, at most its length. As in
    /// the kernel, a load past the end of the packet ends the program with 0.
    #[must_use]
    pub fn run(&self, packet: &[u8], tag: Option<VlanTag>) -> usize {
        let length = u32::try_from(packet.len()).unwrap_or(u32::MAX);
        let kept =
            Machine { packet, tag, length, a: 0, x: 0, memory: [0; MEMORY_WORDS] }.run(&self.0).unwrap_or(0);
        usize::try_from(kept.min(length)).unwrap_or(0)
    }
}

struct Machine<'a> {
    packet: &'a [u8],
    tag: Option<VlanTag>,
    length: u32,
    a: u32,
    x: u32,
    memory: [u32; MEMORY_WORDS],
}

impl Machine<'_> {
    /// `None` where the kernel returns 0 because of a load past the end, or where it would have
    /// refused the program.
    fn run(&mut self, program: &[Instruction]) -> Option<u32> {
        let mut at = 0usize;
        // Jumps only go forward, so each instruction runs at most once.
        while let Some(&Instruction { code, jt, jf, k }) = program.get(at) {
            at += 1;
            let mut jump = |taken: bool| at += usize::from(if taken { jt } else { jf });
            match code {
                op::LD_W_ABS if k == AD_VLAN_TAG => self.a = self.tag.map_or(0, |t| t.0.into()),
                op::LD_W_ABS if k == AD_VLAN_TAG_PRESENT => self.a = self.tag.is_some().into(),
                op::LD_W_ABS => self.a = self.load(k, 4)?,
                op::LD_H_ABS => self.a = self.load(k, 2)?,
                op::LD_B_ABS => self.a = self.load(k, 1)?,
                op::LD_W_IND => self.a = self.load(self.x.checked_add(k)?, 4)?,
                op::LD_H_IND => self.a = self.load(self.x.checked_add(k)?, 2)?,
                op::LD_B_IND => self.a = self.load(self.x.checked_add(k)?, 1)?,
                op::LD_W_LEN => self.a = self.length,
                op::LD_MEM => self.a = *self.memory.get(usize::try_from(k).ok()?)?,
                op::LD_IMM => self.a = k,
                op::LDX_IMM => self.x = k,
                op::LDX_MEM => self.x = *self.memory.get(usize::try_from(k).ok()?)?,
                op::ST => *self.memory.get_mut(usize::try_from(k).ok()?)? = self.a,
                op::STX => *self.memory.get_mut(usize::try_from(k).ok()?)? = self.x,
                op::ADD_K => self.a = self.a.wrapping_add(k),
                op::ADD_X => self.a = self.a.wrapping_add(self.x),
                op::SUB_X => self.a = self.a.wrapping_sub(self.x),
                op::AND_K => self.a &= k,
                op::AND_X => self.a &= self.x,
                op::XOR_X => self.a ^= self.x,
                op::MUL_K => self.a = self.a.wrapping_mul(k),
                op::MOD_K => self.a = self.a.checked_rem(k)?,
                op::OR_K => self.a |= k,
                op::LSH_K => self.a = self.a.checked_shl(k)?,
                op::RSH_K => self.a = self.a.checked_shr(k)?,
                op::TAX => self.x = self.a,
                op::TXA => self.a = self.x,
                op::JA => at += usize::try_from(k).ok()?,
                op::JEQ_K => jump(self.a == k),
                op::JGT_K => jump(self.a > k),
                op::JGE_K => jump(self.a >= k),
                op::JSET_K => jump(self.a & k != 0),
                op::JGE_X => jump(self.a >= self.x),
                op::RET_K => return Some(k),
                op::RET_A => return Some(self.a),
                _ => return None,
            }
        }
        None
    }

    fn load(&self, at: u32, octets: usize) -> Option<u32> {
        let at = usize::try_from(at).ok()?;
        let bytes = self.packet.get(at..at.checked_add(octets)?)?;
        Some(bytes.iter().fold(0, |value, byte| value << 8 | u32::from(*byte)))
    }
}

const MEMORY_WORDS: usize = 16;
/// `SKF_AD_OFF + SKF_AD_VLAN_TAG`
pub(super) const AD_VLAN_TAG: u32 = 0xffff_f000 + 44;
/// `SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT`
pub(super) const AD_VLAN_TAG_PRESENT: u32 = 0xffff_f000 + 48;

/// Operations (`linux/bpf_common.h`).
pub(super) mod op {
    pub const LD_W_ABS: u16 = 0x20;
    pub const LD_H_ABS: u16 = 0x28;
    pub const LD_B_ABS: u16 = 0x30;
    pub const LD_W_IND: u16 = 0x40;
    pub const LD_H_IND: u16 = 0x48;
    pub const LD_B_IND: u16 = 0x50;
    pub const LD_W_LEN: u16 = 0x80;
    pub const LD_IMM: u16 = 0x00;
    pub const LD_MEM: u16 = 0x60;
    pub const LDX_IMM: u16 = 0x01;
    pub const LDX_MEM: u16 = 0x61;
    pub const ST: u16 = 0x02;
    pub const STX: u16 = 0x03;
    pub const ADD_K: u16 = 0x04;
    pub const ADD_X: u16 = 0x0c;
    pub const SUB_X: u16 = 0x1c;
    pub const AND_K: u16 = 0x54;
    pub const AND_X: u16 = 0x5c;
    pub const XOR_X: u16 = 0xac;
    pub const MUL_K: u16 = 0x24;
    pub const MOD_K: u16 = 0x94;
    pub const OR_K: u16 = 0x44;
    pub const LSH_K: u16 = 0x64;
    pub const RSH_K: u16 = 0x74;
    pub const JA: u16 = 0x05;
    pub const JEQ_K: u16 = 0x15;
    pub const JGT_K: u16 = 0x25;
    pub const JGE_K: u16 = 0x35;
    pub const JSET_K: u16 = 0x45;
    pub const JGE_X: u16 = 0x3d;
    pub const RET_K: u16 = 0x06;
    pub const RET_A: u16 = 0x16;
    pub const TAX: u16 = 0x07;
    pub const TXA: u16 = 0x87;
}
