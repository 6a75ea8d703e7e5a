//! What each check concludes from the facts.

use headgate_sensor::Look;

use super::facts::{Facts, Machine};
use super::verdict::{Finding, Verdict};
use super::{OfInterface, OfMachine, lost};
use crate::error::CliError;

/// Of the machine as a whole.
pub(super) const OF_MACHINE: [(&str, OfMachine); 3] =
    [("configured", configured), ("processes", processes), ("clock", clock)];

/// Of an interface, whether or not anything arrives on it.
pub(super) const OF_SETTINGS: [(&str, OfInterface); 7] = [
    ("watched", watched),
    ("firmware-lldp", firmware_lldp),
    ("bridge", bridge),
    ("vlan-tags", vlan_tags),
    ("mtu", mtu),
    ("lost-frames", lost_frames),
    ("timestamps", timestamps),
];

/// Of an interface that is up.
pub(super) const OF_TRAFFIC: [(&str, OfInterface); 3] =
    [("frames", frames), ("mirror", mirror), ("merged-frames", merged_frames)];

/// Whether an interface is there, up and connected.
pub(super) fn presence(it: &Facts) -> Verdict {
    let name = &it.name;
    if !it.present {
        let found = Finding::new("there is no such interface", format!("/sys/class/net/{name} is missing"));
        return Verdict::Wrong(found.typing("ip -brief link"));
    }
    if !it.up {
        let found = Finding::new("it is down", "its flags lack UP");
        return Verdict::Wrong(found.typing(format!("ip link set dev {name} up")));
    }
    if it.carrier == Some(false) {
        let what = "it has no link: the cable, or the port of the switch, is off";
        return Verdict::Wrong(Finding::new(what, "carrier is 0").typing(format!("ethtool {name}")));
    }
    Verdict::Fine
}

fn configured(machine: &Machine) -> Verdict {
    if !machine.interfaces.is_empty() {
        return Verdict::Fine;
    }
    let found =
        Finding::new("no interface is to be watched", "[capture] interfaces in headgate.toml is empty");
    Verdict::Wrong(found.typing("ip -brief link"))
}

fn processes(machine: &Machine) -> Verdict {
    match &machine.status {
        Ok(status) if status["sensor"]["connected"] == true => Verdict::Fine,
        Ok(_) => {
            let found = Finding::new("the sensor is not connected: nothing is watched", "the store says so");
            Verdict::Wrong(found.typing("systemctl status headgate-sensor"))
        }
        Err(error @ CliError::NoStore { .. }) => {
            let found = Finding::new("Headgate is not running", headgate_service::exit::chain(error));
            Verdict::Wrong(found.typing("systemctl status headgate"))
        }
        Err(error) => Verdict::Unchecked(headgate_service::exit::chain(error)),
    }
}

fn clock(machine: &Machine) -> Verdict {
    match &machine.clock {
        Ok(true) => Verdict::Fine,
        Ok(false) => {
            let what = "the clock is not synchronised: times of frames and records may be wrong";
            let found = Finding::new(what, "the kernel says STA_UNSYNC (adjtimex)");
            Verdict::Wrong(found.typing("timedatectl set-ntp true").typing("timedatectl timesync-status"))
        }
        Err(why) => Verdict::Unchecked(why.clone()),
    }
}

fn watched(machine: &Machine, it: &Facts) -> Verdict {
    let restart = "systemctl restart headgate-sensor";
    let sensor = match &machine.status {
        Ok(status) if status["sensor"]["connected"] == true => &status["sensor"],
        _ => return Verdict::Unchecked("no sensor is connected".into()),
    };
    let mut interfaces = sensor["interfaces"].as_array().into_iter().flatten();
    match interfaces.find(|interface| interface["name"] == it.name.as_str()) {
        None => {
            let what =
                "the sensor does not watch it: a rule excludes it, or the configuration has changed since";
            Verdict::Wrong(Finding::new(what, "the sensor does not name it").typing(restart))
        }
        Some(interface) if interface["state"] == "unusable" => {
            let what = "the sensor cannot watch it: it carries no Ethernet frames, or the system refuses";
            Verdict::Wrong(
                Finding::new(what, "the sensor says so").typing(format!("ip -details link show {}", it.name)),
            )
        }
        Some(_) if machine.promiscuous && !it.promiscuous => {
            let what = "nobody has it receive frames for other stations";
            let found = Finding::new(what, "its flags lack PROMISC, and [capture] promiscuous is true");
            Verdict::Wrong(found.typing(restart))
        }
        Some(_) => Verdict::Fine,
    }
}

fn timestamps(machine: &Machine, it: &Facts) -> Verdict {
    if !machine.hardware_time {
        return Verdict::Fine;
    }
    let name = &it.name;
    match &it.timestamps {
        Err(why) => Verdict::Unchecked(why.clone()),
        Ok(can) if can.get("hardware-receive") == Some(&true) => {
            let what =
                "times are the card's where it stamps frames: it must be told to, and its clock must follow";
            let found = Finding::new(
                what,
                "[capture] hardware_time is true, and the card can stamp what it receives",
            );
            let found = found.typing(format!("hwstamp_ctl -i {name} -r 1"));
            Verdict::Note(found.typing(format!("phc2sys -s CLOCK_REALTIME -c {name} -O 0")))
        }
        Ok(_) => {
            let what = "the card stamps no frames: their times are the kernel's";
            let found =
                Finding::new(what, "[capture] hardware_time is true, and hardware-receive is not offered");
            Verdict::Wrong(found.typing("hardware_time = false   # [capture] in headgate.toml"))
        }
    }
}

fn firmware_lldp(_: &Machine, it: &Facts) -> Verdict {
    if it.look.as_ref().is_ok_and(|look| look.lldp > 0) {
        return Verdict::Fine;
    }
    let flags = match &it.private_flags {
        Ok(flags) => flags,
        Err(why) => return Verdict::Unchecked(why.clone()),
    };
    for (flag, swallows, change) in SWALLOW_LLDP {
        if flags.get(flag) == Some(&swallows) {
            let seen = format!("private flag {flag} is {}", if swallows { "on" } else { "off" });
            let found =
                Finding::new("the card's firmware takes LLDP for itself: no neighbours are seen", seen);
            return Verdict::Wrong(
                found.typing(format!("ethtool --set-priv-flags {} {flag} {change}", it.name)),
            );
        }
    }
    Verdict::Fine
}

fn bridge(_: &Machine, it: &Facts) -> Verdict {
    let Some(bridge) = &it.bridge else { return Verdict::Fine };
    if bridge.forwards & FORWARDS_LLDP != 0 {
        return Verdict::Fine;
    }
    let (name, ports) = (&bridge.name, bridge.ports.join(", "));
    let what = if bridge.is_watched {
        format!("a bridge keeps LLDP (01:80:c2:00:00:0e) from what is above it; its ports have it: {ports}")
    } else {
        format!("the bridge {name} on its other end does not forward LLDP (01:80:c2:00:00:0e)")
    };
    let found = Finding::new(what, format!("group_fwd_mask of {name} is {:#06x}", bridge.forwards));
    let mask = bridge.forwards | FORWARDS_LLDP;
    Verdict::Wrong(found.typing(format!("ip link set dev {name} type bridge group_fwd_mask {mask:#06x}")))
}

fn vlan_tags(machine: &Machine, it: &Facts) -> Verdict {
    if let Some(parent) = &it.vlan_of {
        let what =
            format!("it is one VLAN of {parent}: its frames have no tag, and other VLANs are not seen");
        let found = Finding::new(what, format!("the kernel says that it is a VLAN of {parent}"));
        return Verdict::Note(
            found.typing(format!("interfaces = [\"{parent}\"]   # [capture] in headgate.toml")),
        );
    }
    let features = match &it.features {
        Ok(features) => features,
        Err(why) => return Verdict::Unchecked(why.clone()),
    };
    let is_on = |feature| features.get(feature) == Some(&true);
    if is_on("rx-vlan-filter") && !machine.promiscuous {
        let what = "the card drops frames of VLANs that this machine does not use";
        let found = Finding::new(what, "rx-vlan-filter is on, and [capture] promiscuous is false");
        return Verdict::Wrong(found.typing(format!("ethtool -K {} rx-vlan-filter off", it.name)));
    }
    if !is_on("rx-vlan-hw-parse") && !is_on("rx-vlan-stag-hw-parse") {
        return Verdict::Fine;
    }
    let seen = match &it.look {
        Ok(Look { tagged: 1.., .. }) => "rx-vlan-offload is on, and tags came beside the frames",
        _ => "rx-vlan-offload is on",
    };
    let what = "the card takes the outermost VLAN tag out of frames; Headgate reads it beside them";
    Verdict::Note(Finding::new(what, seen).typing(format!("ethtool -K {} rxvlan off", it.name)))
}

fn mtu(_: &Machine, it: &Facts) -> Verdict {
    let Some(mtu) = it.mtu else { return Verdict::Unchecked("the system does not give its MTU".into()) };
    let name = &it.name;
    if mtu < BASIC_MTU {
        let found = Finding::new("longer frames of the wire do not come in", format!("its MTU is {mtu}"));
        return Verdict::Wrong(found.typing(format!("ip link set dev {name} mtu {BASIC_MTU}")));
    }
    if it.length_errors > 0 {
        let what = "the card has dropped frames for their length; are there longer ones on the wire?";
        let seen = format!("rx_length_errors and rx_over_errors are {}, its MTU is {mtu}", it.length_errors);
        return Verdict::Wrong(
            Finding::new(what, seen).typing(format!("ip link set dev {name} mtu {JUMBO_MTU}")),
        );
    }
    Verdict::Fine
}

fn lost_frames(machine: &Machine, it: &Facts) -> Verdict {
    let Ok(status) = &machine.status else {
        return Verdict::Unchecked("the store does not answer".into());
    };
    match lost(status, &it.name) {
        Some(0) => Verdict::Fine,
        Some(frames) => {
            let seen = format!("counters of the latest minute: {frames}");
            let found = Finding::new("the kernel has lost frames for want of room in the ring", seen);
            let more = machine.ring_mib.saturating_mul(4).min(MAX_RING_MIB);
            let found = found.typing(format!("ring_mib = {more}   # [capture] in headgate.toml"));
            Verdict::Wrong(found.typing("systemctl restart headgate-sensor"))
        }
        None => Verdict::Unchecked("the sensor has not counted it yet; it does so every minute".into()),
    }
}

fn frames(_: &Machine, it: &Facts) -> Verdict {
    let Some((before, after)) = it.received else {
        return Verdict::Unchecked("the system does not count its frames".into());
    };
    if after != before || it.look.as_ref().is_ok_and(|look| look.received() > 0) {
        return Verdict::Fine;
    }
    let what = "no frame comes in: is the cable in the right port, and has the mirror a source?";
    let found = Finding::new(what, format!("rx_packets stood at {before} for {} s", it.seconds));
    Verdict::Wrong(found.typing("headgate doctor --seconds 60"))
}

fn mirror(machine: &Machine, it: &Facts) -> Verdict {
    let look = match &it.look {
        Ok(look) => look,
        Err(why) => return Verdict::Unchecked(why.clone()),
    };
    if !machine.promiscuous || look.elsewhere > 0 {
        return Verdict::Fine;
    }
    let (received, seconds) = (look.received(), it.seconds);
    if received < ENOUGH_FRAMES {
        return Verdict::Unchecked(format!(
            "{received} frames in {seconds} s say too little; headgate doctor --seconds 60"
        ));
    }
    let what =
        "the port is not a mirror: frames between other stations do not come. If that is meant, say so";
    let seen = format!(
        "of {received} frames in {seconds} s, {} were broadcast, {} multicast, {} for this machine, none for others",
        look.broadcast, look.multicast, look.here
    );
    Verdict::Wrong(Finding::new(what, seen).typing("promiscuous = false   # [capture] in headgate.toml"))
}

fn merged_frames(_: &Machine, it: &Facts) -> Verdict {
    let longest = it.look.as_ref().map_or(0, |look| look.longest);
    let is_longer = it.mtu.is_some_and(|mtu| longest > mtu.saturating_add(HEADERS));
    let on: Vec<&(&str, &str)> = match &it.features {
        Ok(features) => MERGE.iter().filter(|(feature, _)| features.get(*feature) == Some(&true)).collect(),
        Err(why) if !is_longer => return Verdict::Unchecked(why.clone()),
        Err(_) => Vec::new(),
    };
    if on.is_empty() && !is_longer {
        return Verdict::Fine;
    }
    let mut seen: Vec<String> = on.iter().map(|(feature, _)| format!("{feature} is on")).collect();
    if is_longer {
        seen.push(format!("a frame of {longest} octets came, the MTU is {}", it.mtu.unwrap_or(0)));
    }
    let what =
        "frames are merged before they are seen: they are counted as fewer, and longer, than on the wire";
    let found = Finding::new(what, seen.join("; "));
    let names: Vec<String> = on.iter().map(|(_, name)| format!("{name} off")).collect();
    if names.is_empty() {
        let what = "it is off here, so their sender merges them: on the other end of a virtual pair";
        let found = Finding { what: format!("{}; {what}", found.what), ..found };
        return Verdict::Wrong(found.typing("ethtool -K THE-OTHER-END tso off gso off"));
    }
    Verdict::Wrong(found.typing(format!("ethtool -K {} {}", it.name, names.join(" "))))
}

/// Private flags of drivers, the state in which LLDP does not reach the kernel, and what changes it: i40e, ice.
const SWALLOW_LLDP: [(&str, bool, &str); 2] =
    [("disable-fw-lldp", false, "on"), ("fw-lldp-agent", true, "off")];
/// Features that merge received frames, and what ethtool calls them.
const MERGE: [(&str, &str); 4] =
    [("rx-gro", "gro"), ("rx-gro-hw", "rx-gro-hw"), ("rx-gro-list", "rx-gro-list"), ("rx-lro", "lro")];
/// The bit of 01:80:c2:00:00:0e in `group_fwd_mask`.
const FORWARDS_LLDP: u16 = 1 << 14;
/// A basic frame (IEEE 802.3-2022 clause 3.2.7) without its header, and what most cards take at most.
const BASIC_MTU: u32 = 1_500;
const JUMBO_MTU: u32 = 9_000;
/// An Ethernet header and two tags.
const HEADERS: u32 = 22;
/// Fewer frames than this may be broadcast by chance.
const ENOUGH_FRAMES: u64 = 10;
const MAX_RING_MIB: u32 = 1_024;

#[cfg(test)]
#[path = "checks/tests.rs"]
mod tests;
