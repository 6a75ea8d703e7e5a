//! Bytes of a captured frame to typed protocol data.
//!
//! **What it does.** [`parse`] reads one frame of any [`Link`] type, from the outside in: VLAN tags, LLC, PPPoE and
//! MPLS, ARP, IPv4 and IPv6 with options and extension headers, TCP, UDP, ICMP, SCTP and others; the protocols by
//! which network equipment, hosts and addresses make themselves known; and one level of tunnel. Each protocol has
//! one module with a `parse` of its own over a [`Cursor`]. Every length is checked before it is used. Where a part
//! breaks the rules of its standard, the answer names the layer, the offset and the cause ([`Malformed`]), and
//! still holds every part that could be read. A frame whose capture was cut is told apart from a frame that is too
//! short. A [`Packet`] serialises as the list of its layers with every field that was read.
//!
//! **What it never does.** It takes `&[u8]` and nothing else: no input or output, no clock, no
//! logging, no policy, no `unsafe`. It does not read payload: above TCP and UDP only the protocols that have a
//! module here. It verifies no checksum but those of CDP and EDP, since network cards compute the others after a capture. A plain
//! IP packet costs no allocation; messages are boxed. Every loop and list is bounded by a named constant.
//!
//! **Who uses it.** `rules` and `sensor`. It imports none of our crates.
#![deny(clippy::indexing_slicing, clippy::as_conversions)]
#![cfg_attr(not(test), deny(clippy::arithmetic_side_effects))]

mod addresses;
pub mod arp;
pub mod avs;
pub mod bpdu;
pub mod capwap;
pub mod cdp;
mod checksum;
mod cursor;
pub mod dhcpv4;
pub mod dhcpv6;
pub mod discovery;
pub mod domain;
pub mod eap;
pub mod eapol;
pub mod edp;
mod error;
pub mod erspan;
pub mod ethernet;
pub mod fdp;
mod fields;
pub mod geneve;
pub mod gre;
pub mod icmp;
pub mod icmpv6;
pub mod ieee80211;
pub mod igmp;
pub mod ipsec;
pub mod ipv4;
pub mod ipv6;
pub mod isl;
pub mod link;
pub mod linux_cooked;
pub mod llc;
pub mod lldp;
pub mod mdns;
mod membership;
pub mod mld;
pub mod mpls;
pub mod ndp;
pub mod null;
mod options;
mod packet;
mod plain;
pub mod ppi;
pub mod ppp;
pub mod pppoe;
pub mod prism;
pub mod radiotap;
pub mod radius;
mod registry;
pub mod sctp;
pub mod sonmp;
pub mod tcp;
mod text;
pub mod tunnel;
pub mod tzsp;
pub mod udp;
pub mod vlan;
pub mod vxlan;

pub use addresses::{Address, Addresses};
pub use cursor::Cursor;
pub use error::{Faults, Kind, Layer, MAX_FAULTS, Malformed};
pub use link::Link;
pub use packet::{
    Application, Encapsulation, Framing, Network, Packet, Transport, Tunnel, Wireless, is_read_on, parse,
};
pub use plain::{Ends, IpEnds, TakeEnds, plain, plain_headers, plain_to};
pub use text::{Octets, Text};
