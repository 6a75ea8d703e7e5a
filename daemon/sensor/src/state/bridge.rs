//! Bridges, by what their ports say in spanning tree (IEEE 802.1Q-2018, 13 and 14).

use headgate_record::{Error, Field, Kind, Mac, Record, Value};
use headgate_wire::bpdu::{BpduType, BridgeId, Message, PVST_DESTINATION, PortRole, TIME_UNITS, Version};

use super::announcement::Origin;
use super::table::Table;
use super::{InterfaceNumber, SECOND, Sink};

/// Most ports of bridges, each in each VLAN, that are remembered.
const MAX_BRIDGES: usize = 4_096;
/// The least max age of the standard's range, seconds (IEEE 802.1D-2004, 17.14).
const LEAST_MAX_AGE: u64 = 6;
/// The recommended max age, for who only notifies of topology changes, seconds (17.14).
const DEFAULT_MAX_AGE: u64 = 20;

/// Which port: of what interface, VLAN (0 when untagged) and encapsulation, Ethernet source, port identifier. A
/// topology change notification has none.
type Key = (InterfaceNumber, u16, bool, Mac, Option<u16>);

#[derive(Clone, Debug)]
struct Bridge {
    /// What the latest BPDU said.
    said: Record,
    root: Option<BridgeId>,
    /// The topology change flag of the latest BPDU, of the tree or of any instance.
    is_changing: bool,
    topology_changes: u64,
    root_changes: u64,
    /// Whether it says so at every hello: designated ports do, and others while the topology changes
    /// (IEEE 802.1D-2004, 17.8 and 17.28).
    repeats: bool,
    max_age: u64,
    first_seen: u64,
    last_seen: u64,
    reported: u64,
    changed: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Bridges {
    table: Table<Key, Bridge>,
    pub(crate) evicted: u64,
}

impl Bridges {
    pub(crate) fn new() -> Self {
        Bridges { table: Table::new(MAX_BRIDGES), evicted: 0 }
    }

    /// A BPDU was seen. Returns whether it says something of a bridge.
    pub(crate) fn bpdu(
        &mut self,
        from: Origin<'_>,
        to: Mac,
        message: &Message<'_>,
        time: u64,
        out: &mut Sink,
    ) -> bool {
        let notifies = message.kind == BpduType::TopologyChangeNotification;
        let configuration = message.configuration;
        if !message.is_spanning_tree() || !(notifies || configuration.is_some()) {
            return false;
        }
        let is_pvst = message.originating_vlan.is_some() || to.0 == PVST_DESTINATION.0;
        let from = Origin { vlan: message.originating_vlan.unwrap_or(from.vlan), ..from };
        let said = match say(from, message, is_pvst) {
            Ok(said) => said,
            Err(error) => {
                out.push(Err(error));
                return false;
            }
        };
        let key = (from.number, from.vlan, is_pvst, from.source, configuration.map(|c| c.port_id));
        if self.table.touch(&key).is_none()
            && let Some((_, oldest)) = self.table.insert(key, Bridge::new(time))
        {
            self.evicted += 1;
            out.push(oldest.record("evicted"));
        }
        let Some(bridge) = self.table.touch(&key) else { return false };
        bridge.changed |= bridge.said != said;
        bridge.said = said;
        bridge.last_seen = bridge.last_seen.max(time);
        if let Some(configuration) = configuration {
            let units = u64::from(configuration.max_age).saturating_mul(SECOND);
            bridge.repeats = message.kind == BpduType::Configuration
                || configuration.flags.port_role == PortRole::Designated;
            bridge.max_age = (units / u64::from(TIME_UNITS)).max(LEAST_MAX_AGE * SECOND);
            if bridge.root.is_some_and(|root| root != configuration.root) {
                bridge.root_changes += 1;
            }
            bridge.root = Some(configuration.root);
        }
        let instances = message.mst.iter().flat_map(|mst| &mst.instances);
        let is_changing = configuration.is_some_and(|c| c.flags.topology_change)
            || instances.into_iter().any(|instance| instance.flags.topology_change);
        if notifies || (is_changing && !bridge.is_changing) {
            bridge.topology_changes += 1;
            bridge.changed = true;
        }
        bridge.is_changing = is_changing;
        true
    }

    /// Reports what is new, and what was not heard for its max age though it should have been; all that was heard
    /// since at the end.
    pub(crate) fn report(&mut self, now: u64, all: bool, out: &mut Sink) {
        for (_, aged) in self.table.extract_unless(|b| now <= b.last_seen.saturating_add(b.max_age)) {
            match (aged.repeats, aged.changed) {
                (true, _) => out.push(aged.record("aged")),
                (false, true) => out.push(aged.record("present")),
                (false, false) => {}
            }
        }
        for (_, bridge) in self.table.values_mut() {
            if bridge.changed || (all && bridge.last_seen > bridge.reported) {
                out.push(bridge.record("present"));
                bridge.reported = now;
                bridge.changed = false;
            }
        }
    }
}

impl Bridge {
    fn new(time: u64) -> Self {
        Bridge {
            said: Record::new(Kind::Bridge),
            root: None,
            is_changing: false,
            topology_changes: 0,
            root_changes: 0,
            repeats: false,
            max_age: DEFAULT_MAX_AGE * SECOND,
            first_seen: time,
            last_seen: time,
            reported: 0,
            changed: true,
        }
    }

    fn record(&self, state: &str) -> Result<Record, Error> {
        let mut r = self.said.clone();
        r.set(Field::BridgeTopologyChanges, self.topology_changes)?;
        r.set(Field::BridgeRootChanges, self.root_changes)?;
        r.set(Field::BridgeState, state)?;
        r.set(Field::BridgeFirstSeen, Value::Time(self.first_seen))?;
        r.set(Field::BridgeLastSeen, Value::Time(self.last_seen))?;
        Ok(r)
    }
}

/// Builds the record from named values; a value that is not named here goes no further.
fn say(from: Origin<'_>, message: &Message<'_>, is_pvst: bool) -> Result<Record, Error> {
    let is_rapid = message.kind == BpduType::Rapid;
    let protocol = match (is_pvst, is_rapid, message.version) {
        (true, false, _) => "pvst",
        (true, true, _) => "rapid-pvst",
        (false, false, _) => "stp",
        (false, true, Version::Mstp) => "mstp",
        (false, true, Version::Spt) => "spt",
        (false, true, _) => "rstp",
    };
    let mut r = Record::new(Kind::Bridge);
    r.set(Field::BridgeInterface, from.interface)?;
    r.set_some(Field::BridgeVlan, super::tagged(from.vlan))?;
    r.set(Field::BridgeSourceMac, from.source)?;
    r.set(Field::BridgeProtocol, protocol)?;
    let Some(configuration) = &message.configuration else { return Ok(r) };
    r.set(Field::BridgePort, configuration.port_id & PORT_NUMBER)?;
    r.set(Field::BridgePortPriority, (configuration.port_id & !PORT_NUMBER) >> 8)?;
    if is_rapid {
        let flags = configuration.flags;
        let state = match (flags.forwarding, flags.learning) {
            (true, _) => "forwarding",
            (false, true) => "learning",
            (false, false) => "discarding",
        };
        r.set(Field::BridgePortRole, flags.port_role.name())?;
        r.set(Field::BridgePortState, state)?;
    }
    // Of many trees the bridge identifier of the common one is that of the region's root.
    let bridge = message.mst.as_ref().map_or(configuration.bridge, |mst| mst.bridge);
    r.set(Field::BridgeBridge, Mac(bridge.address.0))?;
    r.set(Field::BridgeBridgePriority, bridge.priority)?;
    r.set(Field::BridgeRoot, Mac(configuration.root.address.0))?;
    r.set(Field::BridgeRootPriority, configuration.root.priority)?;
    r.set(Field::BridgeRootPathCost, configuration.root_path_cost)?;
    r.set(Field::BridgeMaxAge, milliseconds(configuration.max_age))?;
    r.set(Field::BridgeHelloTime, milliseconds(configuration.hello_time))?;
    r.set(Field::BridgeForwardDelay, milliseconds(configuration.forward_delay))?;
    if let Some(mst) = &message.mst {
        let name = mst.configuration_id.name.0.split(|octet| *octet == 0).next().unwrap_or_default();
        r.set(Field::BridgeRegion, headgate_wire::Text(name).to_string())?;
        r.set(Field::BridgeRegionRevision, mst.configuration_id.revision)?;
        r.set(Field::BridgeInstances, u64::try_from(mst.instances.len()).unwrap_or(u64::MAX))?;
    }
    Ok(r)
}

fn milliseconds(units: u16) -> u64 {
    u64::from(units).saturating_mul(1_000) / u64::from(TIME_UNITS)
}

/// The bits of a port identifier that are its number (14.2.7).
const PORT_NUMBER: u16 = 0x0fff;
