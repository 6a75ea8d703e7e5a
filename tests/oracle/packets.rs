//! Which protocols of a frame belong to its outermost packet, and which to the one within its tunnel.

use std::ops::Range;

/// What begins a packet.
const LINKS: [&str; 4] = ["eth", "ethernet", "wlan", "ieee80211"];
const PACKETS: [&str; 4] = ["ip", "ipv6", "ipv4", "arp"];
/// Tunnels that are opened.
const TUNNELS: [&str; 6] = ["gre", "erspan", "vxlan", "geneve", "capwap.data", "tzsp"];
/// What carries a packet, but is not read: nor is what is behind.
const UNREAD: [&str; 7] = ["lwapp", "macsec", "nsh", "l2tp", "udpencap", "isl", "cmd"];

/// Whether a protocol carries a packet.
pub fn is_carrier(name: &str) -> bool {
    TUNNELS.contains(&name) || UNREAD.contains(&name)
}

/// Whether what the protocols of a packet carry is read as a packet of its own.
pub fn is_opened(protocols: &[&str]) -> bool {
    let last =
        protocols.last().is_some_and(|last| *last == "ip" || *last == "ah" || last.starts_with("ipv6"));
    (last || protocols.iter().any(|name| TUNNELS.contains(name)))
        && !protocols.iter().any(|name| UNREAD.contains(name))
}

/// The protocols of each packet, outermost first; at least one packet, which may have none.
pub fn packets<'n>(names: impl Iterator<Item = &'n str>) -> Vec<Range<usize>> {
    let (mut packets, mut start, mut end) = (Vec::new(), 0, 0);
    let (mut is_frame, mut is_packet, mut is_carried) = (false, false, false);
    for name in names {
        let (is_link, is_network) = (LINKS.contains(&name), PACKETS.contains(&name));
        let is_again = (is_link && (is_frame || is_packet)) || (is_network && is_packet);
        // The headers of a tunnel belong to what carries it: ERSPAN is within GRE.
        if is_again || (is_carried && !is_carrier(name)) {
            packets.push(start..end);
            start = end;
            (is_frame, is_packet, is_carried) = (false, false, false);
        }
        is_frame |= is_link;
        is_packet |= is_network;
        is_carried |= is_carrier(name);
        end += 1;
    }
    packets.push(start..end);
    packets
}
