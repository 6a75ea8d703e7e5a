//! Devices: stations by MAC address and VLAN.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use headgate_record::{Error, Field, Kind, Mac, Record, Value};
use headgate_rules::fingerprint::{Fingerprints, Identity, Request};

use super::table::Table;
use super::{REPORT_INTERVAL, Sink};
use crate::identify;

/// Most addresses remembered of one device; a new one replaces the oldest.
const MAX_ADDRESSES: usize = 8;
/// Most service types remembered of one device.
const MAX_SERVICES: usize = 32;

/// Which device: VLAN (0 when untagged) and MAC address.
pub(crate) type DeviceKey = (u16, Mac);

#[derive(Debug, Default)]
pub(crate) struct Device {
    interface: String,
    addresses: Vec<IpAddr>,
    names: Names,
    identity: Identity,
    router: Option<bool>,
    services: BTreeSet<String>,
    first_seen: u64,
    last_seen: u64,
    frames: u64,
    bytes: u64,
    reported: u64,
    changed: bool,
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

#[derive(Debug)]
pub(crate) struct Devices {
    table: Table<DeviceKey, Device>,
    fingerprints: Arc<Fingerprints>,
    pub(crate) evicted: u64,
}

impl Devices {
    pub(crate) fn new(capacity: usize, fingerprints: Arc<Fingerprints>) -> Self {
        Devices { table: Table::new(capacity), fingerprints, evicted: 0 }
    }

    /// A frame of the device was seen.
    pub(crate) fn frame(&mut self, key: DeviceKey, interface: &str, time: u64, bytes: u64, out: &mut Sink) {
        if let Some(device) = self.table.touch(&key) {
            device.frame(time, bytes);
            return;
        }
        let mut device = Device::new(interface, time);
        device.frame(time, bytes);
        self.insert(key, device, time, out);
    }

    /// The device was spoken of, by somebody else's frame perhaps.
    pub(crate) fn mention(&mut self, key: DeviceKey, interface: &str, time: u64, out: &mut Sink) {
        if self.table.touch(&key).is_none() {
            self.insert(key, Device::new(interface, time), time, out);
        }
    }

    /// The device uses an address.
    pub(crate) fn address(&mut self, key: &DeviceKey, address: IpAddr) {
        let Some(device) = self.table.touch(key) else { return };
        if address.is_unspecified() || device.addresses.contains(&address) {
            return;
        }
        if device.addresses.len() >= MAX_ADDRESSES {
            device.addresses.remove(0);
        }
        device.addresses.push(address);
        device.changed = true;
    }

    /// The device says whether it is a router.
    pub(crate) fn router(&mut self, key: &DeviceKey, router: bool) {
        let Some(device) = self.table.touch(key) else { return };
        device.changed |= device.router != Some(router);
        device.router = Some(router);
    }

    /// The device offers a service of this type. Those that find no room are left out.
    pub(crate) fn service(&mut self, key: &DeviceKey, service: String) {
        let Some(device) = self.table.touch(key) else { return };
        if device.services.len() < MAX_SERVICES {
            device.changed |= device.services.insert(service);
        }
    }

    /// The device says who it is. What it does not say this time stays as it was.
    pub(crate) fn names(&mut self, key: &DeviceKey, names: Names) {
        let Some(device) = self.table.touch(key) else { return };
        let before = device.names.clone();
        device.names.add(names);
        if device.names != before {
            device.identity = device.names.identity(&self.fingerprints);
            device.changed = true;
        }
    }

    /// Reports what is new about devices: changes at once, activity once in an interval, all at the end.
    pub(crate) fn report(&mut self, now: u64, all: bool, out: &mut Sink) {
        for (key, device) in self.table.values_mut() {
            let active = device.frames > 0 && (all || now.saturating_sub(device.reported) >= REPORT_INTERVAL);
            if device.changed || active {
                device.emit(key, now, out);
            }
        }
    }

    fn insert(&mut self, key: DeviceKey, device: Device, time: u64, out: &mut Sink) {
        if let Some((key, mut old)) = self.table.insert(key, device) {
            self.evicted += 1;
            if old.changed || old.frames > 0 {
                old.emit(&key, time, out);
            }
        }
    }
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
    fn new(interface: &str, time: u64) -> Self {
        Device {
            interface: interface.to_owned(),
            first_seen: time,
            last_seen: time,
            changed: true,
            ..Device::default()
        }
    }

    fn frame(&mut self, time: u64, bytes: u64) {
        self.last_seen = self.last_seen.max(time);
        self.frames += 1;
        self.bytes += bytes;
    }

    fn emit(&mut self, key: &DeviceKey, now: u64, out: &mut Sink) {
        out.push(self.record(key));
        self.frames = 0;
        self.bytes = 0;
        self.reported = now;
        self.changed = false;
    }

    fn record(&self, (vlan, mac): &DeviceKey) -> Result<Record, Error> {
        let names = &self.names;
        let mut r = Record::new(Kind::Device);
        r.set(Field::DeviceMac, *mac)?;
        r.set_some(Field::DeviceVlan, super::tagged(*vlan))?;
        r.set(Field::DeviceInterface, self.interface.as_str())?;
        if !self.addresses.is_empty() {
            r.set(Field::DeviceAddresses, self.addresses.iter().copied().collect::<Value>())?;
        }
        r.set_some(Field::DeviceHostname, names.hostname.as_deref())?;
        r.set_some(Field::DeviceFqdn, names.fqdn.as_deref())?;
        r.set_some(Field::DeviceVendor, identify::vendor(*mac))?;
        r.set(Field::DeviceLocallyAdministered, mac.is_locally_administered())?;
        r.set_some(Field::DeviceOsClass, self.identity.os_class.as_deref())?;
        r.set_some(Field::DeviceDeviceKind, self.identity.device_kind.as_deref())?;
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
        if !self.services.is_empty() {
            let services = self.services.iter().map(String::as_str);
            r.set(Field::DeviceServiceTypes, services.collect::<Value>())?;
        }
        Ok(r)
    }
}
