//! What neighbours announce by CDP, EDP, FDP and SONMP, under the names that LLDP has for it.
//!
//! Each function builds the record from named values; a value that is not named here goes no further.

use std::net::IpAddr;

use headgate_record::{Error, Field, Kind, Mac, Record, Value};
use headgate_wire::lldp::CapabilitySet;
use headgate_wire::{Faults, Text, cdp, edp, fdp, sonmp};

use super::InterfaceNumber;

/// Which neighbour: protocol, then chassis and port, each with the name of its subtype.
pub(crate) type NeighborKey = (&'static str, &'static str, String, &'static str, String);

/// An announcement that names its neighbour.
#[derive(Clone, Debug)]
pub(crate) struct Announcement {
    pub(crate) key: NeighborKey,
    /// For how many seconds it holds; 0 says goodbye.
    pub(crate) ttl: u16,
    pub(crate) said: Record,
}

/// Where a frame was seen, and who sent it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) interface: &'a str,
    pub(crate) number: InterfaceNumber,
    pub(crate) vlan: u16,
    pub(crate) source: Mac,
}

impl Origin<'_> {
    /// What every announcement says. A port that is not named is absent.
    pub(super) fn begin(&self, key: &NeighborKey, infrastructure: bool) -> Result<Record, Error> {
        let (protocol, chassis_subtype, chassis, port_subtype, port) = key;
        let mut r = Record::new(Kind::Neighbor);
        r.set(Field::NeighborInterface, self.interface)?;
        r.set_some(Field::NeighborVlan, super::tagged(self.vlan))?;
        r.set(Field::NeighborSourceMac, self.source)?;
        r.set(Field::NeighborInfrastructure, infrastructure)?;
        r.set(Field::NeighborChassisIdSubtype, *chassis_subtype)?;
        r.set(Field::NeighborChassisId, chassis.as_str())?;
        if !port.is_empty() {
            r.set(Field::NeighborPortIdSubtype, *port_subtype)?;
            r.set(Field::NeighborPortId, port.as_str())?;
        }
        r.set(Field::NeighborProtocol, *protocol)?;
        Ok(r)
    }
}

/// Cisco Discovery Protocol. Without a device identifier it names no neighbour.
pub(crate) fn cdp(from: Origin<'_>, message: &cdp::Message<'_>) -> Option<Result<Announcement, Error>> {
    let key = key("cdp", DEVICE_ID, message.device_id?.to_string(), INTERFACE_NAME, message.port_id);
    Some(say_cdp(from, message, &key).map(|said| Announcement { key, ttl: message.ttl.into(), said }))
}

fn say_cdp(from: Origin<'_>, message: &cdp::Message<'_>, key: &NeighborKey) -> Result<Record, Error> {
    let capabilities = message.capabilities.map(|c| capability_set(c, CDP_CAPABILITIES));
    let mut r = from.begin(key, capabilities.is_some_and(is_infrastructure))?;
    r.set(Field::NeighborTtl, message.ttl)?;
    r.set_some(Field::NeighborSystemName, message.system_name.map(text))?;
    r.set_some(Field::NeighborSystemDescription, message.software_version.map(text))?;
    r.set_some(Field::NeighborPlatform, message.platform.map(text))?;
    set_capabilities(&mut r, capabilities)?;
    // The addresses at which it can be managed, or else all that it says it has.
    let addresses = message.management_addresses.as_ref().or(message.addresses.as_ref());
    set_addresses(&mut r, addresses.into_iter().flat_map(|a| &a.list).filter_map(|a| a.ip))?;
    r.set_some(Field::NeighborPortVlan, message.native_vlan)?;
    r.set_some(Field::NeighborFullDuplex, message.full_duplex)?;
    let available = message.power_available.as_ref().and_then(|power| power.levels.first().copied());
    r.set_some(Field::NeighborPowerAllocated, available.or(message.power_consumption.map(u32::from)))?;
    r.set_some(Field::NeighborVoiceVlan, message.voice_vlan_reply.and_then(|voice| voice.vid))?;
    r.set_some(Field::NeighborLocation, message.location.map(|location| location.value.0))?;
    end(&mut r, message.unknown, &message.malformed)?;
    Ok(r)
}

/// Foundry Discovery Protocol. Without a device identifier it names no neighbour.
pub(crate) fn fdp(from: Origin<'_>, message: &fdp::Message<'_>) -> Option<Result<Announcement, Error>> {
    let key = key("fdp", DEVICE_ID, message.device_id?.to_string(), INTERFACE_NAME, message.port_id);
    Some(say_fdp(from, message, &key).map(|said| Announcement { key, ttl: message.ttl.into(), said }))
}

fn say_fdp(from: Origin<'_>, message: &fdp::Message<'_>, key: &NeighborKey) -> Result<Record, Error> {
    let capabilities = message.capabilities.map(|said| {
        let said = text(said).to_ascii_lowercase();
        let named = FDP_CAPABILITIES.iter().filter(|(name, _)| said.contains(name));
        named.fold(CapabilitySet::default(), |all, (_, one)| CapabilitySet(all.0 | one.0))
    });
    let mut r = from.begin(key, capabilities.is_some_and(is_infrastructure))?;
    r.set(Field::NeighborTtl, message.ttl)?;
    r.set_some(Field::NeighborSystemDescription, message.software_version.map(text))?;
    r.set_some(Field::NeighborPlatform, message.platform.map(text))?;
    set_capabilities(&mut r, capabilities)?;
    set_addresses(&mut r, message.addresses.iter().flat_map(|a| &a.list).filter_map(|a| a.ip))?;
    r.set_some(Field::NeighborPortVlan, message.tag.map(|tag| tag.native_vlan))?;
    set_list(&mut r, Field::NeighborVlans, message.vlan_map.into_iter().flat_map(fdp::VlanMap::vids))?;
    end(&mut r, message.unknown, &message.malformed)?;
    Ok(r)
}

/// Extreme Discovery Protocol, which switches alone speak.
pub(crate) fn edp(from: Origin<'_>, message: &edp::Message<'_>) -> Option<Result<Announcement, Error>> {
    let port = message.info.map(|info| format!("{}/{}", info.slot, info.port)).unwrap_or_default();
    let key = ("edp", "mac-address", message.machine_id.to_string(), "slot-port", port);
    Some(say_edp(from, message, &key).map(|said| Announcement { key, ttl: UNSAID_TTL, said }))
}

fn say_edp(from: Origin<'_>, message: &edp::Message<'_>, key: &NeighborKey) -> Result<Record, Error> {
    let mut r = from.begin(key, true)?;
    r.set_some(Field::NeighborSystemName, message.display.map(text))?;
    let version = message.info.map(|info| info.version.map(|part| part.to_string()).join("."));
    r.set_some(Field::NeighborSoftwareRevision, version)?;
    set_addresses(&mut r, message.vlans.iter().map(|v| IpAddr::from(v.ip)))?;
    set_list(&mut r, Field::NeighborVlans, message.vlans.iter().map(|v| v.vid))?;
    set_list(&mut r, Field::NeighborVlanNames, message.vlans.iter().map(|v| text(v.name)))?;
    end(&mut r, message.unknown, &message.malformed)?;
    Ok(r)
}

/// Nortel's topology protocol, which switches alone speak.
pub(crate) fn sonmp(from: Origin<'_>, message: &sonmp::Message) -> Option<Result<Announcement, Error>> {
    let [_, unit, slot, port] = message.segment.to_be_bytes();
    let port = format!("{unit}/{slot}/{port}");
    let key = ("sonmp", "network-address", message.ip.to_string(), "segment", port);
    Some(say_sonmp(from, message, &key).map(|said| Announcement { key, ttl: UNSAID_TTL, said }))
}

fn say_sonmp(from: Origin<'_>, message: &sonmp::Message, key: &NeighborKey) -> Result<Record, Error> {
    let mut r = from.begin(key, true)?;
    r.set(Field::NeighborPlatform, message.chassis.name())?;
    set_addresses(&mut r, std::iter::once(IpAddr::from(message.ip)))?;
    end(&mut r, 0, &Faults::default())?;
    Ok(r)
}

fn key(
    protocol: &'static str,
    chassis_subtype: &'static str,
    chassis: String,
    port_subtype: &'static str,
    port: Option<Text<'_>>,
) -> NeighborKey {
    (protocol, chassis_subtype, chassis, port_subtype, port.map(text).unwrap_or_default())
}

fn end(r: &mut Record, unknown: u32, faults: &Faults) -> Result<(), Error> {
    r.set(Field::NeighborUnknownTlvs, unknown)?;
    r.set(Field::NeighborMalformed, !faults.is_empty())
}

/// What it says it does, it does: neither protocol tells the two apart.
fn set_capabilities(r: &mut Record, capabilities: Option<CapabilitySet>) -> Result<(), Error> {
    let Some(set) = capabilities else { return Ok(()) };
    r.set(Field::NeighborCapabilities, set.names().collect::<Value>())?;
    r.set(Field::NeighborCapabilitiesEnabled, set.names().collect::<Value>())
}

fn set_addresses(r: &mut Record, addresses: impl Iterator<Item = IpAddr>) -> Result<(), Error> {
    // Cisco's switches without an address send 0.0.0.0.
    let addresses = addresses.filter(|address| !address.is_unspecified());
    set_list(r, Field::NeighborManagementAddresses, addresses.map(|address| address.to_string()))
}

/// A list field is absent rather than empty.
fn set_list<T: Into<Value>>(
    r: &mut Record,
    field: Field,
    items: impl Iterator<Item = T>,
) -> Result<(), Error> {
    let mut items = items.peekable();
    if items.peek().is_none() { Ok(()) } else { r.set(field, items.collect::<Value>()) }
}

fn capability_set(said: cdp::Capabilities, table: &[(cdp::Capabilities, CapabilitySet)]) -> CapabilitySet {
    let has = table.iter().filter(|(theirs, _)| said.contains(*theirs));
    has.fold(CapabilitySet::default(), |all, (_, one)| CapabilitySet(all.0 | one.0))
}

/// What forwards for others, and is nobody's telephone or computer: those may bridge too, for the computer
/// behind them.
pub(super) fn is_infrastructure(enabled: CapabilitySet) -> bool {
    let has = |one: &CapabilitySet| enabled.contains(*one);
    FORWARDS.iter().any(has) && ![CapabilitySet::TELEPHONE, CapabilitySet::STATION].iter().any(has)
}

fn text(text: Text<'_>) -> String {
    text.to_string()
}

const FORWARDS: [CapabilitySet; 8] = [
    CapabilitySet::REPEATER,
    CapabilitySet::BRIDGE,
    CapabilitySet::WLAN_ACCESS_POINT,
    CapabilitySet::ROUTER,
    CapabilitySet::DOCSIS,
    CapabilitySet::C_VLAN,
    CapabilitySet::S_VLAN,
    CapabilitySet::TWO_PORT_MAC_RELAY,
];

/// What CDP's bits are called by LLDP. Bits without a like there (IGMP, remotely managed, CVTA) are left out.
const CDP_CAPABILITIES: &[(cdp::Capabilities, CapabilitySet)] = &[
    (cdp::Capabilities::REPEATER, CapabilitySet::REPEATER),
    (cdp::Capabilities::TRANSPARENT_BRIDGE, CapabilitySet::BRIDGE),
    (cdp::Capabilities::SOURCE_ROUTE_BRIDGE, CapabilitySet::BRIDGE),
    (cdp::Capabilities::SWITCH, CapabilitySet::BRIDGE),
    (cdp::Capabilities::ROUTER, CapabilitySet::ROUTER),
    (cdp::Capabilities::PHONE, CapabilitySet::TELEPHONE),
    (cdp::Capabilities::HOST, CapabilitySet::STATION),
    (cdp::Capabilities::TWO_PORT_MAC_RELAY, CapabilitySet::TWO_PORT_MAC_RELAY),
];

/// Words of FDP's capabilities, in small letters.
const FDP_CAPABILITIES: &[(&str, CapabilitySet)] = &[
    ("switch", CapabilitySet::BRIDGE),
    ("bridge", CapabilitySet::BRIDGE),
    ("router", CapabilitySet::ROUTER),
    ("host", CapabilitySet::STATION),
];

/// The subtypes of chassis and port that LLDP does not have: a name of the sender's choice.
const DEVICE_ID: &str = "device-id";
/// As LLDP calls it (IEEE 802.1AB-2016, 8.5.3.2).
const INTERFACE_NAME: &str = "interface-name";
/// EDP and SONMP do not say for how long an announcement holds; three of them come in so many seconds.
const UNSAID_TTL: u16 = 180;
