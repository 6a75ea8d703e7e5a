//! Devices: stations by MAC address and VLAN.

use std::collections::BTreeSet;
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;

use headgate_record::{Error, Field, Kind, Mac, Record, Value};
use headgate_rules::fingerprint::{Fingerprints, Identity, Request};

use super::entries::{Entries, Entry};
use super::{InterfaceNumber, REPORT_INTERVAL, SECOND, STAYED, Seen, Sink};
use crate::identify;

/// Most addresses remembered of one device; a new one replaces the one used least recently.
const MAX_ADDRESSES: usize = 8;
/// Places remembered: what [`recent_place`] tells apart.
const RECENT: usize = 1 << 10;
/// A device that was silent for so long has not stayed, nanoseconds.
const LATELY: u64 = 3_600 * SECOND;
/// Devices of a table that is told elsewhere.
const TOLD_AT_ONCE: usize = 4_096;
/// Fields of a device that says nothing of itself but an address and a name; room for more is taken for those that do.
const FIELDS: usize = 11;
/// Most service types remembered of one device.
const MAX_SERVICES: usize = 32;

/// Which device: VLAN (0 when untagged) and MAC address.
pub(crate) type DeviceKey = (u16, Mac);

/// What every frame asks for stands together; the rest elsewhere.
#[derive(Clone, Debug)]
pub(crate) struct Device {
    key: DeviceKey,
    interface: InterfaceNumber,
    changed: bool,
    first_seen: u64,
    last_seen: u64,
    /// By a frame of the device, or one that speaks of it.
    last_used: u64,
    frames: u64,
    bytes: u64,
    reported: u64,
    vendor: Option<&'static str>,
    router: Option<bool>,
    /// When what made it a router ceases to hold.
    router_until: u64,
    /// Most stations say nothing of themselves.
    about: Option<Box<About>>,
}

/// What a device says of itself.
#[derive(Clone, Debug, Default)]
struct About {
    addresses: Vec<IpAddr>,
    names: Names,
    identity: Identity,
    services: BTreeSet<String>,
}

/// What a DHCP client says about itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    pub(crate) hostname: Option<String>,
    pub(crate) fqdn: Option<String>,
    /// By DHCPv4.
    pub(crate) request: Request,
    /// By DHCPv6.
    pub(crate) request_v6: Request,
}

/// The devices, at most `capacity`. A full table gives up the one seen least recently of a few in turn
/// ([`Entries::oldest`]), and those that have stayed only when hardly any other is left.
#[derive(Clone, Debug)]
pub(crate) struct Devices {
    entries: Entries<Device>,
    /// Where a station with such a MAC address was lately. A few stations send most frames.
    recent_places: Box<[usize; RECENT]>,
    capacity: usize,
    fingerprints: Arc<Fingerprints>,
    pub(crate) evicted: u64,
    /// Where devices are told to another table and not recorded: what is to be told.
    told: Option<Vec<Activity>>,
    /// Whether there was more to report than was asked for.
    pub(crate) holds_back: bool,
}

/// What a device did, as one table tells another.
#[derive(Clone, Debug)]
pub(crate) struct Activity {
    key: DeviceKey,
    interface: InterfaceNumber,
    first_seen: u64,
    last_seen: u64,
    frames: u64,
    bytes: u64,
}

impl Entry for Device {
    type Key = DeviceKey;

    fn key(&self) -> DeviceKey {
        self.key
    }

    #[inline]
    fn is(&self, key: &DeviceKey) -> bool {
        self.key == *key
    }

    #[inline]
    fn hash((vlan, Mac([a, b, c, d, e, f])): &DeviceKey, state: &impl BuildHasher) -> u64 {
        let [v0, v1] = vlan.to_le_bytes();
        state.hash_one(u64::from_le_bytes([*a, *b, *c, *d, *e, *f, v0, v1]))
    }
}

impl Devices {
    pub(crate) fn new(capacity: usize, fingerprints: Arc<Fingerprints>) -> Self {
        let capacity = capacity.max(1);
        Devices {
            entries: Entries::new(capacity),
            recent_places: Box::new([0; RECENT]),
            capacity,
            fingerprints,
            evicted: 0,
            told: None,
            holds_back: false,
        }
    }

    /// A table that knows nothing of devices but their frames, tells another of these and gives up none: what it has no
    /// room for is told.
    pub(crate) fn told_elsewhere() -> Self {
        Devices { told: Some(Vec::new()), ..Devices::new(TOLD_AT_ONCE, Arc::default()) }
    }

    /// Whether there is more to be told than room.
    pub(crate) fn is_full_of_news(&self) -> bool {
        self.told.as_ref().is_some_and(|told| !told.is_empty())
    }

    /// What devices did since the last call, of a table that is told elsewhere.
    pub(crate) fn take_told(&mut self) -> Vec<Activity> {
        self.tell_all();
        self.told.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Takes note of what another table tells.
    pub(crate) fn hear(&mut self, activity: &Activity, out: &mut Sink) {
        let Activity { key, interface, first_seen, last_seen, frames, bytes } = *activity;
        match self.get_mut(&key) {
            Some(device) => device.hear(activity),
            None => {
                let device = Device::new(key, interface, first_seen);
                self.insert(Device { last_seen, last_used: last_seen, frames, bytes, ..device }, out);
            }
        }
    }

    fn tell_all(&mut self) {
        if let Some(told) = &mut self.told {
            told.extend(self.entries.take().iter().map(Device::activity));
        }
    }

    /// The device, where it is by [`Devices::recent_places`].
    #[inline(always)]
    pub(crate) fn recent(&mut self, vlan: u16, mac: Mac) -> Option<&mut Device> {
        let key = (vlan, mac);
        let at = self.recent_places.get(recent_place(&key))?;
        self.entries.get_mut(*at).filter(|device| device.is(&key))
    }

    /// A frame of the device was seen.
    pub(crate) fn frame(&mut self, mac: Mac, seen: Seen, out: &mut Sink) {
        let key = (seen.vlan, mac);
        if let Some(device) = self.recent(seen.vlan, mac) {
            device.frame(seen);
            return;
        }
        if let Some(at) = self.entries.find(self.entries.hash(&key), &key)
            && let Some(device) = self.entries.get_mut(at)
        {
            device.frame(seen);
            if let Some(place) = self.recent_places.get_mut(recent_place(&key)) {
                *place = at;
            }
            return;
        }
        let mut device = Device::new(key, seen.number, seen.time);
        device.frame(seen);
        self.insert(device, out);
    }

    /// The device was spoken of, by somebody else's frame perhaps.
    pub(crate) fn mention(&mut self, key: DeviceKey, interface: InterfaceNumber, time: u64, out: &mut Sink) {
        match self.get_mut(&key) {
            Some(device) => device.last_used = device.last_used.max(time),
            None => self.insert(Device::new(key, interface, time), out),
        }
    }

    /// The device uses an address.
    pub(crate) fn address(&mut self, key: &DeviceKey, address: IpAddr) {
        let Some(device) = self.get_mut(key) else { return };
        if address.is_unspecified() {
            return;
        }
        let addresses = &mut device.about.get_or_insert_default().addresses;
        if let Some(known) = addresses.iter().position(|known| *known == address) {
            // The last is the one used most recently.
            if let Some(behind) = addresses.get_mut(known..) {
                behind.rotate_left(1);
            }
        } else if addresses.len() < MAX_ADDRESSES {
            addresses.push(address);
            device.changed = true;
        } else {
            // A device with more than these in turn would say something new all the time: said with its activity.
            addresses.remove(0);
            addresses.push(address);
        }
    }

    /// The device says until when it is a router; no longer, where that is not after `now`.
    pub(crate) fn router(&mut self, key: &DeviceKey, until: u64, now: u64) {
        let Some(device) = self.get_mut(key) else { return };
        device.router_until = until;
        device.is_router(until > now);
    }

    /// The device offers a service of this type. Those that find no room are left out.
    pub(crate) fn service(&mut self, key: &DeviceKey, service: String) {
        let Some(device) = self.get_mut(key) else { return };
        let services = &mut device.about.get_or_insert_default().services;
        if services.len() < MAX_SERVICES {
            device.changed |= services.insert(service);
        }
    }

    /// The device says who it is. What it does not say this time stays as it was.
    pub(crate) fn names(&mut self, key: &DeviceKey, names: Names) {
        let fingerprints = Arc::clone(&self.fingerprints);
        let Some(device) = self.get_mut(key) else { return };
        let about = device.about.get_or_insert_default();
        let before = about.names.clone();
        about.names.add(names);
        if about.names != before {
            about.identity = about.names.identity(&fingerprints);
            device.changed = true;
        }
    }

    /// Reports what is new about devices: changes at once, activity once in an interval, all at the end. Up to `limit` records at a time.
    pub(crate) fn report(&mut self, now: u64, all: bool, limit: usize, out: &mut Sink) {
        let mut reported = 0;
        self.holds_back = false;
        for device in self.entries.iter_mut() {
            if device.router == Some(true) && device.router_until <= now {
                device.is_router(false);
            }
            let active = device.frames > 0 && (all || now.saturating_sub(device.reported) >= REPORT_INTERVAL);
            if device.changed || active {
                if reported >= limit {
                    self.holds_back = true;
                    break;
                }
                reported += 1;
                device.emit(now, out);
            }
        }
        self.entries.settle(|device| device.has_stayed(now));
    }

    #[inline]
    fn get_mut(&mut self, key: &DeviceKey) -> Option<&mut Device> {
        let at = self.entries.find(self.entries.hash(key), key)?;
        self.entries.get_mut(at)
    }

    #[cold]
    fn insert(&mut self, device: Device, out: &mut Sink) {
        if self.entries.len() >= self.capacity && self.told.is_some() {
            self.tell_all();
        } else if self.entries.len() >= self.capacity
            && let Some((_, at)) = self.entries.oldest(|device| device.last_used)
            && let Some(mut old) = self.entries.remove(at)
        {
            self.evicted += 1;
            if old.changed || old.frames > 0 {
                old.emit(device.first_seen, out);
            }
        }
        self.entries.insert(self.entries.hash(&device.key), device);
    }
}

/// Where such a station is remembered. Those whose addresses follow each other, one by one or in steps, as a vendor
/// gives them, have places of their own.
#[inline]
fn recent_place((vlan, Mac([.., a, b])): &DeviceKey) -> usize {
    let mixed = (u16::from_be_bytes([*a, *b]) ^ vlan.rotate_left(4)).wrapping_mul(0x5d91);
    usize::from(mixed >> 6)
}

impl Names {
    /// A request counts as a whole: a machine that boots from the network is another client once it runs.
    fn add(&mut self, said: Names) {
        self.hostname = said.hostname.or(self.hostname.take());
        self.fqdn = said.fqdn.or(self.fqdn.take());
        for (known, said) in [(&mut self.request, said.request), (&mut self.request_v6, said.request_v6)] {
            if said != Request::default() {
                *known = said;
            }
        }
    }

    fn identity(&self, fingerprints: &Fingerprints) -> Identity {
        let (v4, v6) = (fingerprints.identify(&self.request), fingerprints.identify(&self.request_v6));
        Identity { os_class: v4.os_class.or(v6.os_class), device_kind: v4.device_kind.or(v6.device_kind) }
    }
}

impl Device {
    fn new(key: DeviceKey, interface: InterfaceNumber, time: u64) -> Self {
        Device {
            key,
            interface,
            first_seen: time,
            last_seen: time,
            last_used: time,
            frames: 0,
            bytes: 0,
            reported: 0,
            changed: true,
            vendor: identify::vendor(key.1),
            router: None,
            router_until: 0,
            about: None,
        }
    }

    #[inline(always)]
    pub(crate) fn frame(&mut self, seen: Seen) {
        self.last_seen = self.last_seen.max(seen.time);
        self.last_used = self.last_used.max(seen.time);
        self.frames += 1;
        self.bytes += seen.bytes;
    }

    fn activity(&self) -> Activity {
        let Device { key, interface, first_seen, last_seen, frames, bytes, .. } = *self;
        Activity { key, interface, first_seen, last_seen, frames, bytes }
    }

    fn hear(&mut self, of: &Activity) {
        self.first_seen = self.first_seen.min(of.first_seen);
        self.last_seen = self.last_seen.max(of.last_seen);
        self.last_used = self.last_used.max(of.last_seen);
        self.frames += of.frames;
        self.bytes += of.bytes;
    }

    /// Seen for long enough, and lately.
    fn has_stayed(&self, now: u64) -> bool {
        self.last_seen.saturating_sub(self.first_seen) >= STAYED
            && now.saturating_sub(self.last_seen) < LATELY
    }

    fn is_router(&mut self, router: bool) {
        self.changed |= self.router != Some(router);
        self.router = Some(router);
    }

    fn emit(&mut self, now: u64, out: &mut Sink) {
        let record = self.record(out);
        out.push(record);
        self.frames = 0;
        self.bytes = 0;
        self.reported = now;
        self.changed = false;
    }

    fn record(&self, out: &Sink) -> Result<Record, Error> {
        let (vlan, mac) = &self.key;
        let nothing = About::default();
        let about = self.about.as_deref().unwrap_or(&nothing);
        let names = &about.names;
        let mut r = Record::with_capacity(Kind::Device, FIELDS);
        r.set(Field::DeviceMac, *mac)?;
        r.set_some(Field::DeviceVlan, super::tagged(*vlan))?;
        r.set(Field::DeviceInterface, out.interface(self.interface))?;
        if !about.addresses.is_empty() {
            r.set(Field::DeviceAddresses, about.addresses.iter().copied().collect::<Value>())?;
        }
        r.set_some(Field::DeviceHostname, names.hostname.as_deref())?;
        r.set_some(Field::DeviceFqdn, names.fqdn.as_deref())?;
        r.set_some(Field::DeviceVendor, self.vendor)?;
        r.set(Field::DeviceLocallyAdministered, mac.is_locally_administered())?;
        r.set_some(Field::DeviceOsClass, about.identity.os_class.as_deref())?;
        r.set_some(Field::DeviceDeviceKind, about.identity.device_kind.as_deref())?;
        r.set_some(Field::DeviceVendorClass, names.request.vendor_class.as_deref())?;
        if !names.request.parameters.is_empty() {
            let list = names.request.parameters.iter().copied();
            r.set(Field::DeviceParameterList, list.collect::<Value>())?;
        }
        r.set(Field::DeviceFirstSeen, Value::Time(self.first_seen))?;
        r.set(Field::DeviceLastSeen, Value::Time(self.last_seen))?;
        r.set(Field::DeviceFrames, self.frames)?;
        r.set(Field::DeviceBytes, self.bytes)?;
        r.set_some(Field::DeviceRouter, self.router)?;
        if !about.services.is_empty() {
            let services = about.services.iter().map(String::as_str);
            r.set(Field::DeviceServiceTypes, services.collect::<Value>())?;
        }
        Ok(r)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    /// Of 400 stations with addresses one after the other, 254 once shared their places.
    #[test]
    fn stations_in_a_row_have_places_of_their_own() {
        for step in [1, 4, 16, 256] {
            let row = (0..u16::MAX).step_by(step).take(800).map(|n| {
                let [a, b] = n.to_be_bytes();
                recent_place(&(0, Mac([0, 0x1b, 0x21, 0, a, b])))
            });
            let count = row.clone().count();
            assert_eq!(row.collect::<HashSet<_>>().len(), count, "{step}");
        }
    }
}
