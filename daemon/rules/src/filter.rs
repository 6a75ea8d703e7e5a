//! The kernel filter: a classic BPF program whose return value is the number of octets to keep.
//!
//! The program is compiled from the exclusions ([`compile`]), attached to the capture socket by the
//! opener and run over the packets of capture files by [`Program::run`], so that a file and a wire
//! give the same records.
//!
//! It keeps the headers of Ethernet, VLAN tags, IPv4 with options, IPv6, TCP with options, UDP and
//! ICMP, and ARP, LLDP and DHCP whole. What it does not understand ends after the last header it did
//! understand. A frame that is excluded keeps 1 to 4 octets of its destination address: the number
//! itself says why ([`exclusion`]), so that even excluded frames are counted (ADR 0004).

mod assemble;
mod compile;
mod program;

pub use compile::{MAX_REASON, TooLarge, compile, exclusion};
pub use program::{Instruction, MAX_INSTRUCTIONS, Program, VlanTag};
