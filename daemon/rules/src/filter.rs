//! The kernel filter: a classic BPF program whose return value is the number of octets to keep.
//!
//! The program is compiled from the exclusions and the depth of the rules ([`compile`]) and attached to the
//! capture socket by the opener. [`Keep`] makes the same decision in Rust, for the packets of capture files.
//! A property test holds the two together for every frame and every rule, so that a file and a wire give the
//! same records; where they would differ, the program is right.
//!
//! Kept are the headers of Ethernet, VLAN tags, LLC, IPv4 with options, IPv6 with one extension header, TCP
//! with options, UDP, ICMP and EAPOL, and whole, as far as their own length says, what switches and stations
//! say of themselves: ARP, LLDP, CDP, EDP, FDP, SONMP, spanning tree, DHCP, neighbour discovery and group
//! membership. Of a tunnel its header is kept, and of what is within one, to one level, headers alone ([`Tunnel`]);
//! exclusions hold there as well (ADR 0009). What can name a person is kept only where a rule asks for it
//! ([`Depth`]). What the filter does not understand ends after the last header it did understand. A frame that is
//! excluded keeps 1 to 4 octets of its destination address: the number itself says why ([`exclusion`]), so that
//! even excluded frames are counted (ADR 0004).

mod assemble;
mod compile;
mod depth;
mod ieee80211;
mod keep;
mod left;
mod program;
mod reason;
mod selection;
mod tunnels;

pub use compile::{TooLarge, compile};
pub use depth::Depth;
pub use keep::Keep;
pub use left::{Left, Scope};
pub use program::{Instruction, MAX_INSTRUCTIONS, Program, VlanTag};
pub use reason::{End, MAX_REASON, end, exclusion};
pub use tunnels::{Tunnel, Tunnels};
