//! What is so on this machine, read without changing it: /sys/class/net, the ethtool family, a look at frames.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use headgate_sensor::Look;
use headgate_service::exit;
use serde_json::Value;

use super::ethtool::{self, Ethtool, Switches};
use crate::error::CliError;

/// What the checks look at.
pub(super) struct Machine {
    /// Whether the clock is synchronised, or why that is unknown.
    pub(super) clock: Result<bool, String>,
    /// The store's answer.
    pub(super) status: Result<Value, CliError>,
    /// What the configuration says.
    pub(super) promiscuous: bool,
    pub(super) hardware_time: bool,
    pub(super) ring_mib: u32,
    /// The configured interfaces.
    pub(super) interfaces: Vec<Facts>,
}

/// Of one interface. An error says why something is unknown.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) present: bool,
    pub(super) up: bool,
    /// Nothing where the driver does not say.
    pub(super) carrier: Option<bool>,
    /// Whether anyone has it receive frames for other stations.
    pub(super) promiscuous: bool,
    pub(super) mtu: Option<u32>,
    /// Frames that the card dropped for their length, where the driver counts them.
    pub(super) length_errors: u64,
    /// Frames received before and after the look, and its seconds.
    pub(super) received: Option<(u64, u64)>,
    pub(super) seconds: u64,
    /// The bridge that it is, or into which its other end leads.
    pub(super) bridge: Option<Bridge>,
    /// The interface whose VLAN it is.
    pub(super) vlan_of: Option<String>,
    pub(super) features: Result<Switches, String>,
    pub(super) private_flags: Result<Switches, String>,
    pub(super) timestamps: Result<Switches, String>,
    pub(super) look: Result<Look, String>,
}

/// A bridge between Headgate and the wire.
#[derive(Debug)]
pub(super) struct Bridge {
    pub(super) name: String,
    /// `group_fwd_mask`: which of 01:80:c2:00:00:0x it forwards.
    pub(super) forwards: u16,
    /// Its ports, which receive all of them.
    pub(super) ports: Vec<String>,
    /// Whether it is itself watched, and not something behind it.
    pub(super) is_watched: bool,
}

/// Watches the interfaces for `time` and gives what is known of each.
pub(super) fn of_interfaces(names: &[&str], promiscuous: bool, time: Duration) -> Vec<Facts> {
    let ethtool = Ethtool::new();
    let mut all: Vec<Facts> = names.iter().map(|name| settings(name, ethtool.as_ref(), time)).collect();
    let present: Vec<&str> = all.iter().filter(|f| f.present).map(|f| f.name.as_str()).collect();
    let looks = headgate_sensor::look(&present, promiscuous, time);
    if looks.iter().all(Result::is_err) && !looks.is_empty() {
        std::thread::sleep(time);
    }
    for (facts, look) in all.iter_mut().filter(|f| f.present).zip(looks) {
        facts.look = look.map_err(|error| exit::chain(&error));
        let after = number(&directory(&facts.name).join("statistics/rx_packets"));
        facts.received = facts.received.and_then(|(before, _)| Some((before, after?)));
    }
    all
}

fn settings(name: &str, ethtool: Result<&Ethtool, &std::io::Error>, time: Duration) -> Facts {
    let directory = directory(name);
    let flags = word(&directory.join("flags")).and_then(|text| hexadecimal(&text)).unwrap_or(0);
    let errors = ["rx_length_errors", "rx_over_errors"];
    let errors = errors.iter().filter_map(|name| number(&directory.join("statistics").join(name)));
    let ask = |question: fn(&Ethtool, &str) -> std::io::Result<Switches>| match ethtool {
        Ok(ethtool) => question(ethtool, name).map_err(|e| e.to_string()),
        Err(error) => Err(format!("this kernel does not tell settings of cards: {error}")),
    };
    Facts {
        name: name.to_owned(),
        present: directory.exists(),
        up: flags & IFF_UP != 0,
        carrier: number(&directory.join("carrier")).map(|carrier| carrier != 0),
        promiscuous: flags & IFF_PROMISC != 0,
        mtu: number(&directory.join("mtu")).and_then(|mtu| u32::try_from(mtu).ok()),
        length_errors: errors.fold(0, u64::saturating_add),
        received: number(&directory.join("statistics/rx_packets")).map(|before| (before, before)),
        seconds: time.as_secs(),
        bridge: bridge(name, true).or_else(|| bridge_behind(name)),
        vlan_of: vlan_of(&directory),
        features: ask(Ethtool::features),
        private_flags: ask(Ethtool::private_flags),
        timestamps: ask(Ethtool::timestamps),
        look: Err("it was not looked at".into()),
    }
}

fn bridge(name: &str, is_watched: bool) -> Option<Bridge> {
    let directory = directory(name);
    let forwards = hexadecimal(&word(&directory.join("bridge/group_fwd_mask"))?)?;
    let ports = names(&directory.join("brif"));
    Some(Bridge { name: name.to_owned(), forwards: u16::try_from(forwards).ok()?, ports, is_watched })
}

/// The bridge into which the other end of a virtual pair leads.
fn bridge_behind(name: &str) -> Option<Bridge> {
    let number_of_peer = u64::from(ethtool::peer(name).ok()??);
    let mut names = names(Path::new(CLASS)).into_iter();
    let peer = names.find(|other| number(&directory(other).join("ifindex")) == Some(number_of_peer))?;
    let bridge_of_peer = fs::read_link(directory(&peer).join("brport/bridge")).ok()?;
    bridge(bridge_of_peer.file_name()?.to_str()?, false)
}

fn vlan_of(directory: &Path) -> Option<String> {
    let says_vlan = fs::read_to_string(directory.join("uevent")).ok()?.lines().any(|l| l == "DEVTYPE=vlan");
    let mut links = names(directory).into_iter().filter(|_| says_vlan);
    links.find_map(|link| link.strip_prefix("lower_").map(str::to_owned))
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().take(MAX_NAMES);
    let mut names: Vec<String> = entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    names
}

fn directory(interface: &str) -> PathBuf {
    Path::new(CLASS).join(interface)
}

fn word(path: &Path) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

fn number(path: &Path) -> Option<u64> {
    word(path)?.parse().ok()
}

fn hexadecimal(text: &str) -> Option<u32> {
    u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

const CLASS: &str = "/sys/class/net";
/// netdevice(7).
const IFF_UP: u32 = 1;
const IFF_PROMISC: u32 = 0x100;
/// Most entries of a directory that are looked at.
const MAX_NAMES: usize = 4_096;
