//! An office's records: 1,200 stations behind 40 switches, the same for the same seed.

use headgate_record::{Field, Kind, Mac, Record, Value};

/// Makes records of an office without end: of a hundred 68 flows, 16 leases, 6 neighbours and 10 devices.
pub struct Office {
    random: Random,
    now_ns: u64,
    stations: Vec<Station>,
    remote: Vec<[u8; 4]>,
}

struct Station {
    mac: Mac,
    address: [u8; 4],
    name: String,
    maker: usize,
    switch: u64,
    port: u64,
    vlan: u64,
    first_seen: u64,
}

impl Office {
    /// An office whose records are the same each time.
    #[must_use]
    pub fn new() -> Office {
        let mut random = Random(0x0ff1_ce00);
        let now_ns = 1_790_000_000_000_000_000;
        let stations = (0..STATIONS).map(|n| Station::new(n, now_ns, &mut random)).collect();
        let remote =
            (0..3_000).map(|_| [11 + random.octet() % 200, random.octet(), random.octet(), random.octet()]);
        let remote = remote.collect();
        Office { random, now_ns, stations, remote }
    }

    fn record(&mut self) -> Record {
        self.now_ns += self.random.below(9_000_000);
        let station = usize::try_from(self.random.often_low(STATIONS)).unwrap();
        match self.random.below(100) {
            0..68 => self.flow(station),
            68..84 => self.lease(station),
            84..90 => self.neighbor(station),
            _ => self.device(station),
        }
    }

    fn flow(&mut self, station: usize) -> Record {
        let (random, now) = (&mut self.random, self.now_ns);
        let station = &self.stations[station];
        let (service, port, transport) = SERVICES[random.often_low_of(SERVICES.len())];
        let inside = matches!(service, "dns" | "smb" | "ntp" | "sip" | "ldap" | "print" | "syslog");
        let to = if inside {
            [10, 20, 0, 5 + random.octet() % 12]
        } else {
            self.remote[random.often_low_of(self.remote.len())]
        };
        let packets = 1 + random.heavy(12);
        let back = 1 + random.heavy(14);
        let mut record = Record::new(Kind::Flow);
        let mut set = |field, value: Value| record.set(field, value).unwrap();
        set(Field::FlowMac, station.mac.into());
        set(Field::FlowVlan, station.vlan.into());
        set(Field::FlowInterface, "eth1".into());
        set(Field::FlowSourceAddress, address(station.address));
        set(Field::FlowSourcePort, (32_768 + random.below(28_000)).into());
        set(Field::FlowDestinationAddress, address(to));
        set(Field::FlowDestinationPort, port.into());
        set(Field::FlowTransport, transport.into());
        set(Field::FlowService, service.into());
        set(Field::FlowStarted, Value::Time(now - random.heavy(38)));
        set(Field::FlowEnded, Value::Time(now));
        set(Field::FlowPackets, packets.into());
        set(Field::FlowBytes, (packets * (64 + random.below(1_200))).into());
        set(Field::FlowReversePackets, back.into());
        set(Field::FlowReverseBytes, (back * (64 + random.below(1_400))).into());
        if transport == "tcp" {
            set(Field::FlowTcpFlags, [0x1b_u64, 0x1f, 0x12, 0x02][random.often_low_of(4)].into());
            set(Field::FlowReverseTcpFlags, 0x1b_u64.into());
            set(Field::FlowHandshakeRtt, (200_000 + random.heavy(24)).into());
        }
        set(
            Field::FlowEndReason,
            ["idle-timeout", "end-of-flow", "active-timeout"][random.often_low_of(3)].into(),
        );
        record
    }

    fn lease(&mut self, station: usize) -> Record {
        let (random, now) = (&mut self.random, self.now_ns);
        let station = &self.stations[station];
        let seconds = [86_400_u64, 28_800, 3_600][random.often_low_of(3)];
        let mut record = Record::new(Kind::Lease);
        let mut set = |field, value: Value| record.set(field, value).unwrap();
        set(Field::LeaseMac, station.mac.into());
        set(Field::LeaseAddress, address(station.address));
        set(Field::LeaseVlan, station.vlan.into());
        set(Field::LeaseInterface, "eth1".into());
        set(Field::LeaseServer, address([10, 20, 0, 5]));
        set(Field::LeaseRelay, address([10, 20 + station.address[1] % 20, 0, 1]));
        set(
            Field::LeaseCircuitId,
            Value::Bytes(format!("sw-acc-{:02}:Gi1/0/{}", station.switch, station.port).into()),
        );
        set(
            Field::LeaseRemoteId,
            Value::Bytes(vec![0x28, 0x6f, 0x7f, 0x10, 0, u8::try_from(station.switch).unwrap()]),
        );
        set(Field::LeaseHostname, station.name.as_str().into());
        set(Field::LeaseDuration, seconds.into());
        set(Field::LeaseState, ["bound", "released", "expired"][random.often_low_of(3)].into());
        set(Field::LeaseGranted, Value::Time(now));
        set(Field::LeaseExpires, Value::Time(now + seconds * 1_000_000_000));
        set(Field::LeaseProtocol, "dhcpv4".into());
        record
    }

    fn neighbor(&mut self, station: usize) -> Record {
        let (random, now) = (&mut self.random, self.now_ns);
        let Station { switch, port, vlan, .. } = self.stations[station];
        let last = u8::try_from(switch).unwrap();
        let mut record = Record::new(Kind::Neighbor);
        let mut set = |field, value: Value| record.set(field, value).unwrap();
        set(Field::NeighborInterface, "eth1".into());
        set(Field::NeighborSourceMac, Mac([0x28, 0x6f, 0x7f, 0x10, 1, last]).into());
        set(Field::NeighborInfrastructure, true.into());
        set(Field::NeighborChassisIdSubtype, "mac-address".into());
        set(Field::NeighborChassisId, format!("28:6f:7f:10:00:{last:02x}").as_str().into());
        set(Field::NeighborPortIdSubtype, "interface-name".into());
        set(Field::NeighborPortId, format!("Gi1/0/{port}").as_str().into());
        set(Field::NeighborTtl, 120_u64.into());
        set(Field::NeighborPortDescription, format!("GigabitEthernet1/0/{port} uplink").as_str().into());
        set(Field::NeighborSystemName, format!("sw-acc-{switch:02}.corp.example.net").as_str().into());
        set(Field::NeighborSystemDescription, SYSTEMS[usize::from(last) % SYSTEMS.len()].into());
        let capabilities = || Value::List(vec!["bridge".into(), "router".into()]);
        set(Field::NeighborCapabilities, capabilities());
        set(Field::NeighborCapabilitiesEnabled, capabilities());
        set(
            Field::NeighborManagementAddresses,
            Value::List(vec![format!("10.20.255.{last}").as_str().into()]),
        );
        set(Field::NeighborPortVlan, vlan.into());
        set(Field::NeighborMaxFrameSize, 1_518_u64.into());
        set(Field::NeighborMauType, 30_u64.into());
        set(Field::NeighborState, "present".into());
        set(Field::NeighborFirstSeen, Value::Time(now - random.heavy(50)));
        set(Field::NeighborLastSeen, Value::Time(now));
        set(Field::NeighborProtocol, "lldp".into());
        record
    }

    fn device(&mut self, station: usize) -> Record {
        let (random, now) = (&mut self.random, self.now_ns);
        let station = &self.stations[station];
        let frames = 1 + random.heavy(14);
        let mut record = Record::new(Kind::Device);
        let mut set = |field, value: Value| record.set(field, value).unwrap();
        set(Field::DeviceMac, station.mac.into());
        set(Field::DeviceVlan, station.vlan.into());
        set(Field::DeviceInterface, "eth1".into());
        set(Field::DeviceAddresses, Value::List(vec![address(station.address)]));
        set(Field::DeviceHostname, station.name.as_str().into());
        set(Field::DeviceFqdn, format!("{}.corp.example.net", station.name).as_str().into());
        set(Field::DeviceVendor, MAKERS[station.maker].1.into());
        set(Field::DeviceLocallyAdministered, false.into());
        set(Field::DeviceOsClass, ["windows", "linux", "ios", "android"][station.maker % 4].into());
        set(
            Field::DeviceVendorClass,
            ["MSFT 5.0", "dhcpcd-9.4.1", "udhcp 1.33.2", "android-dhcp-14"][station.maker % 4].into(),
        );
        set(Field::DeviceParameterList, Value::List(PARAMETERS.iter().map(|n| Value::from(*n)).collect()));
        set(Field::DeviceFirstSeen, Value::Time(station.first_seen));
        set(Field::DeviceLastSeen, Value::Time(now));
        set(Field::DeviceFrames, frames.into());
        set(Field::DeviceBytes, (frames * (64 + random.below(1_200))).into());
        set(Field::DeviceDeviceKind, ["computer", "camera", "phone", "sensor"][station.maker % 4].into());
        record
    }
}

impl Iterator for Office {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        Some(self.record())
    }
}

/// One station that is always there, to be looked for.
#[must_use]
pub fn somebody() -> String {
    Office::new().stations[0].mac.to_string()
}

impl Station {
    fn new(number: u64, now_ns: u64, random: &mut Random) -> Station {
        let maker = random.often_low_of(MAKERS.len());
        let [a, b, c] = MAKERS[maker].0;
        let [.., high, low] = number.to_be_bytes();
        let vlan = [10, 20, 30, 40, 50, 99][random.often_low_of(6)];
        let name = match random.below(4) {
            0 => format!("DESKTOP-{:07X}", random.next() & 0x0fff_ffff),
            1 => format!("{}-lt-{number:04}", ["nyc", "ber", "par", "lon"][random.often_low_of(4)]),
            2 => format!("cam-{}-{number:03}", ["lobby", "dock", "park", "roof"][random.often_low_of(4)]),
            _ => format!("host{number:04}"),
        };
        Station {
            mac: Mac([a, b, c, random.octet(), high, low]),
            address: [10, 20 + u8::try_from(vlan / 10).unwrap(), high, low],
            name,
            maker,
            switch: number / 30,
            port: number % 48 + 1,
            vlan,
            first_seen: now_ns - random.below(90 * 86_400) * 1_000_000_000,
        }
    }
}

/// splitmix64, and the distributions that records have.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn octet(&mut self) -> u8 {
        self.next().to_be_bytes()[0]
    }

    /// Below `bound`, and the lower the likelier: the few that talk the most.
    fn often_low(&mut self, bound: u64) -> u64 {
        let x = self.below(1 << 20) as f64 / f64::from(1 << 20);
        ((bound as f64 + 1.0).powf(x) - 1.0) as u64 % bound
    }

    fn often_low_of(&mut self, length: usize) -> usize {
        usize::try_from(self.often_low(u64::try_from(length).unwrap())).unwrap()
    }

    /// Up to 2^bits, each power of two as likely as the other.
    fn heavy(&mut self, bits: u64) -> u64 {
        let most = 1 << self.below(bits + 1);
        self.below(most)
    }
}

fn address(octets: [u8; 4]) -> Value {
    Value::Address(std::net::IpAddr::from(octets))
}

const STATIONS: u64 = 1_200;
const PARAMETERS: [u64; 14] = [1, 3, 6, 15, 31, 33, 43, 44, 46, 47, 119, 121, 249, 252];
const MAKERS: [([u8; 3], &str); 8] = [
    ([0x3c, 0x22, 0xfb], "Apple, Inc."),
    ([0x00, 0x1b, 0x21], "Intel Corporate"),
    ([0xb8, 0x27, 0xeb], "Raspberry Pi Foundation"),
    ([0xd4, 0x81, 0xd7], "Dell Inc."),
    ([0x70, 0x5a, 0x0f], "Hewlett Packard"),
    ([0xac, 0xcc, 0x8e], "Axis Communications AB"),
    ([0x00, 0x04, 0xf2], "Polycom"),
    ([0x5c, 0xcf, 0x7f], "Espressif Inc."),
];
const SERVICES: [(&str, u64, &str); 12] = [
    ("web", 443, "tcp"),
    ("web", 443, "udp"),
    ("dns", 53, "udp"),
    ("smb", 445, "tcp"),
    ("ntp", 123, "udp"),
    ("ssh", 22, "tcp"),
    ("media", 554, "tcp"),
    ("sip", 5_060, "udp"),
    ("mqtt", 8_883, "tcp"),
    ("ldap", 389, "tcp"),
    ("print", 631, "tcp"),
    ("syslog", 514, "udp"),
];
const SYSTEMS: [&str; 4] = [
    "Cisco IOS Software, C2960X Software (C2960X-UNIVERSALK9-M), Version 15.2(7)E7, RELEASE SOFTWARE (fc2)",
    "Aruba JL675A 6100 48G Class4 PoE 4SFP+ Swch, revision PL.10.11.1010",
    "Juniper Networks, Inc. ex3400-48p Ethernet Switch, kernel JUNOS 21.4R3-S5.4",
    "Linux 6.1.0-18-amd64 #1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01) x86_64",
];
