//! What goes in and what comes out: filter instructions, frames, VLAN tags.

/// One instruction of a classic BPF program, laid out as `struct sock_filter` of the kernel.
///
/// The program's return value is the number of octets to keep of a frame; 0 drops it.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip when the condition is true.
    pub jt: u8,
    /// Instructions to skip when the condition is false.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

/// A VLAN tag (IEEE 802.1Q-2022 clause 9) that was taken out of a frame before it was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// Tag protocol identifier: 0x8100 (C-VLAN) or 0x88a8 (S-VLAN).
    pub protocol: u16,
    /// Tag control information: priority, drop eligibility and VLAN identifier.
    pub control: u16,
}

/// A frame as it was cut. Borrowed until the callback that receives it returns.
///
/// It has no `Debug`, so that no frame reaches a log by accident.
#[derive(Clone, Copy)]
pub struct Frame<'a> {
    /// Nanoseconds since 1970-01-01 00:00 UTC by the clock of whoever captured it; 0 when unknown.
    pub time_ns: u64,
    /// Octets on the wire, without frame check sequence and without `tag`; at least `bytes.len()`.
    pub wire_len: u32,
    /// Link type of `bytes`, as capture files number them (LINKTYPE values of the pcap formats).
    pub link: u32,
    /// The outermost VLAN tag, when the interface, the kernel or the file reader took it out.
    pub tag: Option<Tag>,
    /// The octets that are kept, from the header of the link on, without `tag`.
    pub bytes: &'a [u8],
}

impl Frame<'_> {
    /// The link type of Ethernet.
    pub const ETHERNET: u32 = 1;
}
