//! Neighbours of one interface: those of LLDP (IEEE 802.1AB-2016, 9.2), and of its kin by the same rules.

use headgate_record::{Error, Field, Record, Value};
use headgate_wire::lldp::Advertisement;
use headgate_wire::lldp::med::Class;

use super::announcement::{self, Announcement, NeighborKey, Origin};
use super::table::Table;
use super::{REPORT_INTERVAL, SECOND, STAYED, Sink};

#[derive(Clone, Debug)]
struct Neighbor {
    /// What the latest announcement said. Nothing of an earlier one is carried over.
    said: Record,
    ttl: u16,
    first_seen: u64,
    last_seen: u64,
    reported: u64,
    changed: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct Neighbors {
    table: Table<NeighborKey, Neighbor>,
    pub(crate) evicted: u64,
}

impl Neighbors {
    pub(crate) fn new(capacity: usize) -> Self {
        Neighbors { table: Table::new(capacity), evicted: 0 }
    }

    /// An announcement was received. Returns whether it names a neighbour and so was used.
    pub(crate) fn announced(
        &mut self,
        announcement: Option<Result<Announcement, Error>>,
        time: u64,
        out: &mut Sink,
    ) -> bool {
        let Announcement { key, ttl, said } = match announcement {
            Some(Ok(announcement)) => announcement,
            Some(Err(error)) => {
                out.push(Err(error));
                return false;
            }
            None => return false,
        };
        if ttl == 0 {
            if let Some(mut neighbor) = self.table.remove(&key) {
                neighbor.last_seen = time;
                out.push(neighbor.record("shutdown"));
            }
            return true;
        }
        if let Some(neighbor) = self.table.touch(&key) {
            neighbor.changed |= neighbor.said != said;
            neighbor.said = said;
            neighbor.ttl = ttl;
            neighbor.last_seen = time;
            return true;
        }
        let neighbor = Neighbor { said, ttl, first_seen: time, last_seen: time, reported: 0, changed: true };
        let evicted = self.table.make_room(|n| n.last_seen.saturating_sub(n.first_seen) < STAYED);
        self.table.insert(key, neighbor);
        if let Some((_, oldest)) = evicted {
            self.evicted += 1;
            out.push(oldest.record("evicted"));
        }
        true
    }

    /// Ages neighbours whose TTL has passed, and reports what is new; all of it at the end.
    pub(crate) fn report(&mut self, now: u64, all: bool, out: &mut Sink) {
        for (_, aged) in
            self.table.extract_unless(|n| now <= n.last_seen.saturating_add(u64::from(n.ttl) * SECOND))
        {
            out.push(aged.record("aged"));
        }
        for (_, neighbor) in self.table.values_mut() {
            let seen_since = neighbor.last_seen > neighbor.reported;
            let due = all || now.saturating_sub(neighbor.reported) >= REPORT_INTERVAL;
            if neighbor.changed || (seen_since && due) {
                out.push(neighbor.record("present"));
                neighbor.reported = now;
                neighbor.changed = false;
            }
        }
    }
}

impl Neighbor {
    fn record(&self, state: &str) -> Result<Record, Error> {
        let mut r = self.said.clone();
        r.set(Field::NeighborState, state)?;
        r.set(Field::NeighborFirstSeen, Value::Time(self.first_seen))?;
        r.set(Field::NeighborLastSeen, Value::Time(self.last_seen))?;
        Ok(r)
    }
}

/// What an LLDPDU announces. Without its three mandatory TLVs it names no neighbour.
pub(crate) fn lldp(from: Origin<'_>, lldpdu: &Advertisement<'_>) -> Option<Result<Announcement, Error>> {
    let (chassis, port) = (lldpdu.chassis_id.as_ref()?, lldpdu.port_id.as_ref()?);
    let ttl = lldpdu.ttl?;
    let key = ("lldp", chassis.subtype.name(), chassis.to_string(), port.subtype.name(), port.to_string());
    Some(say(from, lldpdu, &key).map(|said| Announcement { key, ttl, said }))
}

/// Builds the record from named TLVs; a TLV that is not named here goes no further.
fn say(from: Origin<'_>, lldpdu: &Advertisement<'_>, key: &NeighborKey) -> Result<Record, Error> {
    let mut r = from.begin(key, is_infrastructure(lldpdu))?;
    r.set_some(Field::NeighborTtl, lldpdu.ttl)?;
    r.set_some(Field::NeighborPortDescription, lldpdu.port_description.map(text))?;
    r.set_some(Field::NeighborSystemName, lldpdu.system_name.map(text))?;
    r.set_some(Field::NeighborSystemDescription, lldpdu.system_description.map(text))?;
    if let Some(capabilities) = lldpdu.capabilities {
        r.set(Field::NeighborCapabilities, capabilities.supported.names().collect::<Value>())?;
        r.set(Field::NeighborCapabilitiesEnabled, capabilities.enabled.names().collect::<Value>())?;
    }
    let addresses = lldpdu.management_addresses.iter().map(|a| a.address.to_string());
    r.set_some(Field::NeighborManagementAddresses, list(addresses))?;
    r.set_some(Field::NeighborPortVlan, lldpdu.dot1.port_vlan)?;
    r.set_some(Field::NeighborVlans, list(lldpdu.dot1.vlan_names.iter().map(|v| v.vid)))?;
    r.set_some(Field::NeighborVlanNames, list(lldpdu.dot1.vlan_names.iter().map(|v| v.name.to_string())))?;
    r.set_some(Field::NeighborLinkAggregated, lldpdu.link_aggregated())?;
    r.set_some(Field::NeighborMaxFrameSize, lldpdu.dot3.max_frame_size)?;
    r.set_some(Field::NeighborMauType, lldpdu.dot3.mac_phy.map(|m| m.mau_type))?;
    r.set_some(Field::NeighborAutonegotiation, lldpdu.dot3.mac_phy.map(|m| m.autonegotiation_enabled))?;
    r.set_some(Field::NeighborPowerAllocated, lldpdu.power_allocated_mw())?;
    let med = &lldpdu.med;
    r.set_some(Field::NeighborMedClass, med.capabilities.map(|c| c.class.name()))?;
    r.set_some(Field::NeighborHardwareRevision, med.hardware_revision.map(text))?;
    r.set_some(Field::NeighborFirmwareRevision, med.firmware_revision.map(text))?;
    r.set_some(Field::NeighborSoftwareRevision, med.software_revision.map(text))?;
    r.set_some(Field::NeighborManufacturer, med.manufacturer.map(text))?;
    r.set_some(Field::NeighborModel, med.model.map(text))?;
    r.set_some(Field::NeighborSerial, med.serial_number.map(text))?;
    r.set_some(Field::NeighborAssetId, med.asset_id.map(text))?;
    r.set_some(Field::NeighborLocation, med.locations.first().map(|l| l.value.0))?;
    r.set_some(Field::NeighborVoiceVlan, med.voice_vlan())?;
    r.set(Field::NeighborUnknownTlvs, lldpdu.unknown)?;
    r.set(Field::NeighborMalformed, !lldpdu.malformed.is_empty())?;
    Ok(r)
}

/// As [`announcement::is_infrastructure`] says (8.5.8), and no endpoint of LLDP-MED.
fn is_infrastructure(lldpdu: &Advertisement<'_>) -> bool {
    let is_endpoint = matches!(
        lldpdu.med.capabilities.map(|c| c.class),
        Some(Class::Generic | Class::Media | Class::Communication)
    );
    announcement::is_infrastructure(lldpdu.capabilities.map(|c| c.enabled).unwrap_or_default())
        && !is_endpoint
}

fn text(text: headgate_wire::Text<'_>) -> String {
    text.to_string()
}

/// A list field is absent rather than empty.
fn list<T: Into<Value>>(items: impl Iterator<Item = T>) -> Option<Value> {
    let mut items = items.peekable();
    items.peek().is_some().then(|| items.collect())
}
