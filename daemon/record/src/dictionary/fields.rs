//! The table itself. Order, numbers and names are the contract; see [`super::Definition`].

use super::{Definition, Kind, Payload, Person, Treatment};
use crate::ValueType;

macro_rules! payload {
    () => {
        None
    };
    ($payload:ident) => {
        Some(Payload::$payload)
    };
}

macro_rules! dictionary {
    ($($field:ident = $number:literal, $name:literal, $kind:ident, $type:ident, $attribute:literal,
       $unit:literal, $source:literal, $person:ident, $collect:ident => $release:ident, key: $key:literal $(, payload: $payload:ident)?;)*) => {
        /// A field of a record. See [`Field::definition`] for what it holds.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field {
            $(#[doc = concat!("`", $name, "`: ", $source, ".")] $field),*
        }

        impl Field {
            /// All fields, in order of their numbers.
            pub const ALL: &'static [Field] = &[$(Field::$field),*];

            /// Their numbers, in the same order.
            pub(crate) const NUMBERS: &'static [u16] = &[$($number),*];

            /// Where the field is in [`Field::ALL`].
            #[inline]
            #[must_use]
            pub fn position(self) -> usize {
                #[allow(clippy::as_conversions, reason = "a field without data, numbered by the compiler")]
                let position = self as usize;
                position
            }

            /// The field's row in the dictionary.
            #[inline]
            #[must_use]
            pub fn definition(self) -> &'static Definition {
                match self {
                    $(Field::$field => &Definition {
                        name: $name,
                        number: $number,
                        kind: Kind::$kind,
                        value_type: ValueType::$type,
                        attribute: $attribute,
                        unit: $unit,
                        source: $source,
                        person: Person::$person,
                        collect: Treatment::$collect,
                        release: Treatment::$release,
                        key: $key,
                        payload: payload!($($payload)?),
                    }),*
                }
            }
        }
    };
}

dictionary! {
    DeviceMac = 101, "device.mac", Device, Mac, "device.mac", "",
        "Ethernet source, ARP sha, DHCP chaddr (RFC 2131, 2)", Yes, Keep => Pseudonym, key: true;
    DeviceVlan = 102, "device.vlan", Device, Number, "network.vlan.id", "",
        "IEEE 802.1Q VID; absent when untagged", No, Keep => Keep, key: true;
    DeviceInterface = 103, "device.interface", Device, Text, "network.interface.name", "",
        "capture interface", No, Keep => Keep, key: false;
    DeviceAddresses = 104, "device.addresses", Device, Addresses, "host.ip", "",
        "ARP spa (RFC 826), NDP source and target (RFC 4861, 4), DHCP yiaddr and ciaddr (RFC 2131, 2), DHCPv6 IAADDR (RFC 8415, 21.6)", Yes, Keep => Truncate, key: false;
    DeviceHostname = 105, "device.hostname", Device, Text, "host.name", "",
        "DHCP option 12 (RFC 2132, 3.14)", Yes, Keep => Drop, key: false;
    DeviceFqdn = 106, "device.fqdn", Device, Text, "headgate.device.fqdn", "",
        "DHCP option 81 (RFC 4702), DHCPv6 option 39 (RFC 4704)", Yes, Keep => Drop, key: false;
    DeviceVendor = 107, "device.vendor", Device, Text, "device.manufacturer", "",
        "OUI of the MAC address, IEEE registry", No, Keep => Keep, key: false;
    DeviceLocallyAdministered = 108, "device.locally_administered", Device, Bool, "headgate.device.locally_administered", "",
        "U/L bit (IEEE 802-2014, 8.2.2)", No, Keep => Keep, key: false;
    DeviceOsClass = 109, "device.os_class", Device, Text, "os.type", "",
        "derived from the DHCP request by fingerprints.toml", No, Keep => Keep, key: false;
    DeviceVendorClass = 110, "device.vendor_class", Device, Text, "headgate.dhcp.vendor_class", "",
        "DHCP option 60 (RFC 2132, 9.13)", Weak, Keep => Class, key: false;
    DeviceParameterList = 111, "device.parameter_list", Device, Numbers, "headgate.dhcp.parameter_list", "",
        "DHCP option 55 (RFC 2132, 9.8)", Weak, Keep => Drop, key: false;
    DeviceFirstSeen = 112, "device.first_seen", Device, Time, "headgate.first_seen", "",
        "time of the first frame", No, Keep => Keep, key: false;
    DeviceLastSeen = 113, "device.last_seen", Device, Time, "headgate.last_seen", "",
        "time of the latest frame", No, Keep => Keep, key: false;
    DeviceFrames = 114, "device.frames", Device, Number, "hw.network.packets", "{packet}",
        "frames sent by the device since its last record", No, Keep => Keep, key: false;
    DeviceBytes = 115, "device.bytes", Device, Number, "hw.network.io", "By",
        "octets on the wire sent by the device since its last record", No, Keep => Keep, key: false;
    DeviceDeviceKind = 116, "device.device_kind", Device, Text, "headgate.device.kind", "",
        "derived from the DHCP request by fingerprints.toml", No, Keep => Keep, key: false;
    DeviceRouter = 117, "device.router", Device, Bool, "headgate.device.router", "",
        "Router Advertisement whose lifetime lasts (RFC 4861, 4.2); absent where there was none", No, Keep => Keep, key: false;
    DeviceServiceTypes = 118, "device.service_types", Device, Texts, "headgate.device.service_types", "",
        "service types of mDNS responses, such as _ipp._tcp (RFC 6763, 7); names never", Weak, Drop => Drop, key: false, payload: MulticastDns;

    NeighborInterface = 201, "neighbor.interface", Neighbor, Text, "network.interface.name", "",
        "capture interface", No, Keep => Keep, key: true;
    NeighborVlan = 202, "neighbor.vlan", Neighbor, Number, "network.vlan.id", "",
        "IEEE 802.1Q VID; absent when untagged", No, Keep => Keep, key: false;
    NeighborSourceMac = 203, "neighbor.source_mac", Neighbor, Mac, "headgate.neighbor.source_mac", "",
        "Ethernet source of the announcement", Yes, Keep => InfrastructureOrPseudonym, key: false;
    NeighborInfrastructure = 204, "neighbor.infrastructure", Neighbor, Bool, "headgate.neighbor.infrastructure", "",
        "an enabled capability is bridge, router, WLAN access point, repeater or DOCSIS (IEEE 802.1AB-2016, 8.5.8); all of EDP and SONMP", No, Keep => Keep, key: false;
    NeighborChassisIdSubtype = 205, "neighbor.chassis_id_subtype", Neighbor, Text, "headgate.neighbor.chassis_id_subtype", "",
        "Chassis ID TLV (IEEE 802.1AB-2016, 8.5.2)", No, Keep => Keep, key: true;
    NeighborChassisId = 206, "neighbor.chassis_id", Neighbor, Text, "headgate.neighbor.chassis_id", "",
        "Chassis ID TLV (IEEE 802.1AB-2016, 8.5.2)", Yes, Keep => InfrastructureOrPseudonym, key: true;
    NeighborPortIdSubtype = 207, "neighbor.port_id_subtype", Neighbor, Text, "headgate.neighbor.port_id_subtype", "",
        "Port ID TLV (IEEE 802.1AB-2016, 8.5.3)", No, Keep => Keep, key: true;
    NeighborPortId = 208, "neighbor.port_id", Neighbor, Text, "headgate.neighbor.port_id", "",
        "Port ID TLV (IEEE 802.1AB-2016, 8.5.3)", Yes, Keep => InfrastructureOrPseudonym, key: true;
    NeighborTtl = 209, "neighbor.ttl", Neighbor, Number, "headgate.neighbor.ttl", "s",
        "Time To Live TLV (IEEE 802.1AB-2016, 8.5.4), CDP and FDP header", No, Keep => Keep, key: false;
    NeighborPortDescription = 210, "neighbor.port_description", Neighbor, Text, "headgate.neighbor.port_description", "",
        "Port Description TLV (IEEE 802.1AB-2016, 8.5.5)", No, Keep => Infrastructure, key: false;
    NeighborSystemName = 211, "neighbor.system_name", Neighbor, Text, "headgate.neighbor.system_name", "",
        "System Name TLV (IEEE 802.1AB-2016, 8.5.6), CDP System Name, EDP Display", Yes, Keep => Infrastructure, key: false;
    NeighborSystemDescription = 212, "neighbor.system_description", Neighbor, Text, "headgate.neighbor.system_description", "",
        "System Description TLV (IEEE 802.1AB-2016, 8.5.7), CDP and FDP Version", Weak, Keep => Infrastructure, key: false;
    NeighborCapabilities = 213, "neighbor.capabilities", Neighbor, Texts, "headgate.neighbor.capabilities", "",
        "System Capabilities TLV (IEEE 802.1AB-2016, 8.5.8)", No, Keep => Keep, key: false;
    NeighborCapabilitiesEnabled = 214, "neighbor.capabilities_enabled", Neighbor, Texts, "headgate.neighbor.capabilities_enabled", "",
        "System Capabilities TLV (IEEE 802.1AB-2016, 8.5.8)", No, Keep => Keep, key: false;
    NeighborManagementAddresses = 215, "neighbor.management_addresses", Neighbor, Texts, "headgate.neighbor.management_addresses", "",
        "Management Address TLV (IEEE 802.1AB-2016, 8.5.9), addresses of the others", Yes, Keep => Infrastructure, key: false;
    NeighborPortVlan = 216, "neighbor.port_vlan", Neighbor, Number, "headgate.neighbor.port_vlan", "",
        "Port VLAN ID TLV (IEEE 802.1Q-2018, D.2.1), native VLAN of CDP and FDP", No, Keep => Keep, key: false;
    NeighborVlans = 217, "neighbor.vlans", Neighbor, Numbers, "headgate.neighbor.vlans", "",
        "VLAN Name TLV, identifiers (IEEE 802.1Q-2018, D.2.3), VLANs of EDP and FDP", No, Keep => Keep, key: false;
    NeighborVlanNames = 218, "neighbor.vlan_names", Neighbor, Texts, "headgate.neighbor.vlan_names", "",
        "VLAN Name TLV, names (IEEE 802.1Q-2018, D.2.3), VLANs of EDP", No, Keep => Infrastructure, key: false;
    NeighborLinkAggregated = 219, "neighbor.link_aggregated", Neighbor, Bool, "headgate.neighbor.link_aggregated", "",
        "Link Aggregation TLV (IEEE 802.1AX-2014, F; 802.3)", No, Keep => Keep, key: false;
    NeighborMaxFrameSize = 220, "neighbor.max_frame_size", Neighbor, Number, "headgate.neighbor.max_frame_size", "By",
        "Maximum Frame Size TLV (IEEE 802.3-2018, 79.3.4)", No, Keep => Keep, key: false;
    NeighborMauType = 221, "neighbor.mau_type", Neighbor, Number, "headgate.neighbor.mau_type", "",
        "MAC/PHY Configuration/Status TLV (IEEE 802.3-2018, 79.3.1)", No, Keep => Keep, key: false;
    NeighborAutonegotiation = 222, "neighbor.autonegotiation", Neighbor, Bool, "headgate.neighbor.autonegotiation", "",
        "MAC/PHY Configuration/Status TLV (IEEE 802.3-2018, 79.3.1)", No, Keep => Keep, key: false;
    NeighborPowerAllocated = 223, "neighbor.power_allocated", Neighbor, Number, "headgate.neighbor.power_allocated", "mW",
        "Power Via MDI TLV (IEEE 802.3-2018, 79.3.2), LLDP-MED Extended Power (ANSI/TIA-1057, 10.2.5), or CDP power available or consumed", No, Keep => Keep, key: false;
    NeighborMedClass = 224, "neighbor.med_class", Neighbor, Text, "headgate.neighbor.med_class", "",
        "LLDP-MED Capabilities TLV (ANSI/TIA-1057, 10.2.2)", No, Keep => Keep, key: false;
    NeighborHardwareRevision = 225, "neighbor.hardware_revision", Neighbor, Text, "headgate.neighbor.hardware_revision", "",
        "LLDP-MED inventory (ANSI/TIA-1057, 10.2.6)", No, Keep => Keep, key: false;
    NeighborFirmwareRevision = 226, "neighbor.firmware_revision", Neighbor, Text, "headgate.neighbor.firmware_revision", "",
        "LLDP-MED inventory (ANSI/TIA-1057, 10.2.6)", No, Keep => Keep, key: false;
    NeighborSoftwareRevision = 227, "neighbor.software_revision", Neighbor, Text, "headgate.neighbor.software_revision", "",
        "LLDP-MED inventory (ANSI/TIA-1057, 10.2.6)", No, Keep => Keep, key: false;
    NeighborManufacturer = 228, "neighbor.manufacturer", Neighbor, Text, "device.manufacturer", "",
        "LLDP-MED inventory (ANSI/TIA-1057, 10.2.6)", No, Keep => Keep, key: false;
    NeighborModel = 229, "neighbor.model", Neighbor, Text, "device.model.name", "",
        "LLDP-MED inventory (ANSI/TIA-1057, 10.2.6)", No, Keep => Keep, key: false;
    NeighborSerial = 230, "neighbor.serial", Neighbor, Text, "headgate.neighbor.serial", "",
        "LLDP-MED inventory (ANSI/TIA-1057, 10.2.6)", Yes, Drop => Drop, key: false;
    NeighborAssetId = 231, "neighbor.asset_id", Neighbor, Text, "headgate.neighbor.asset_id", "",
        "LLDP-MED inventory (ANSI/TIA-1057, 10.2.6)", Yes, Drop => Drop, key: false;
    NeighborLocation = 232, "neighbor.location", Neighbor, Bytes, "headgate.neighbor.location", "",
        "LLDP-MED Location Identification (ANSI/TIA-1057, 10.2.4), CDP Location", Yes, Drop => Drop, key: false;
    NeighborVoiceVlan = 233, "neighbor.voice_vlan", Neighbor, Number, "headgate.neighbor.voice_vlan", "",
        "LLDP-MED Network Policy, application voice (ANSI/TIA-1057, 10.2.3), CDP voice VLAN", No, Keep => Keep, key: false;
    NeighborUnknownTlvs = 234, "neighbor.unknown_tlvs", Neighbor, Number, "headgate.neighbor.unknown_tlvs", "{tlv}",
        "TLVs of types or organisations not read here", No, Keep => Keep, key: false;
    NeighborMalformed = 235, "neighbor.malformed", Neighbor, Bool, "headgate.neighbor.malformed", "",
        "a TLV of the latest announcement broke a rule of its clause", No, Keep => Keep, key: false;
    NeighborState = 236, "neighbor.state", Neighbor, Text, "headgate.neighbor.state", "",
        "present, shutdown (TTL 0), aged (TTL passed; IEEE 802.1AB-2016, 9.2.7.7) or evicted (from a full table)", No, Keep => Keep, key: false;
    NeighborFirstSeen = 237, "neighbor.first_seen", Neighbor, Time, "headgate.first_seen", "",
        "time of the first announcement", No, Keep => Keep, key: false;
    NeighborLastSeen = 238, "neighbor.last_seen", Neighbor, Time, "headgate.last_seen", "",
        "time of the latest announcement", No, Keep => Keep, key: false;
    NeighborProtocol = 239, "neighbor.protocol", Neighbor, Text, "headgate.neighbor.protocol", "",
        "how it announces itself: lldp, cdp, edp, fdp or sonmp", No, Keep => Keep, key: false;
    NeighborPlatform = 240, "neighbor.platform", Neighbor, Text, "headgate.neighbor.platform", "",
        "CDP and FDP Platform TLV, SONMP chassis type", No, Keep => Keep, key: false;
    NeighborFullDuplex = 241, "neighbor.full_duplex", Neighbor, Bool, "headgate.neighbor.full_duplex", "",
        "CDP Duplex TLV", No, Keep => Keep, key: false;

    LeaseMac = 301, "lease.mac", Lease, Mac, "device.mac", "",
        "chaddr (RFC 2131, 2); of DHCPv6 the frame's, or as the relay agent says (RFC 6939)", Yes, Keep => Pseudonym, key: true;
    LeaseAddress = 302, "lease.address", Lease, Address, "client.address", "",
        "yiaddr, or ciaddr (RFC 2131, 2); of DHCPv6 an address or a prefix (RFC 8415, 21.6 and 21.22)", Yes, Keep => Truncate, key: true;
    LeaseVlan = 303, "lease.vlan", Lease, Number, "network.vlan.id", "",
        "IEEE 802.1Q VID; absent when untagged", No, Keep => Keep, key: true;
    LeaseInterface = 304, "lease.interface", Lease, Text, "network.interface.name", "",
        "capture interface", No, Keep => Keep, key: false;
    LeaseServer = 305, "lease.server", Lease, Address, "server.address", "",
        "option 54 (RFC 2132, 9.7); of DHCPv6 the IP source of its REPLY", Weak, Keep => Truncate, key: false;
    LeaseRelay = 306, "lease.relay", Lease, Address, "headgate.dhcp.relay", "",
        "giaddr (RFC 2131, 2), link-address (RFC 8415, 9)", Weak, Keep => Truncate, key: false;
    LeaseCircuitId = 307, "lease.circuit_id", Lease, Bytes, "headgate.dhcp.circuit_id", "",
        "option 82.1 (RFC 3046, 3.1), 18 of DHCPv6 (RFC 8415, 21.18)", Yes, Keep => Drop, key: false;
    LeaseRemoteId = 308, "lease.remote_id", Lease, Bytes, "headgate.dhcp.remote_id", "",
        "option 82.2 (RFC 3046, 3.2), 37 of DHCPv6 (RFC 4649)", Yes, Keep => Drop, key: false;
    LeaseHostname = 309, "lease.hostname", Lease, Text, "host.name", "",
        "option 12 (RFC 2132, 3.14), 39 of DHCPv6 (RFC 4704)", Yes, Keep => Drop, key: false;
    LeaseDuration = 310, "lease.duration", Lease, Number, "headgate.lease.duration", "s",
        "option 51 (RFC 2132, 9.2), valid lifetime (RFC 8415, 21.6)", No, Keep => Keep, key: false;
    LeaseState = 311, "lease.state", Lease, Text, "headgate.lease.state", "",
        "bound, released, declined or expired (RFC 2131, 3.1)", No, Keep => Keep, key: false;
    LeaseGranted = 312, "lease.granted", Lease, Time, "headgate.lease.granted", "",
        "time of the DHCPACK or REPLY", No, Keep => Keep, key: false;
    LeaseExpires = 313, "lease.expires", Lease, Time, "headgate.lease.expires", "",
        "time of the DHCPACK or REPLY plus the duration", No, Keep => Keep, key: false;
    LeaseProtocol = 314, "lease.protocol", Lease, Text, "headgate.dhcp.protocol", "",
        "dhcpv4 or dhcpv6", No, Keep => Keep, key: false;

    ExchangeMac = 401, "exchange.mac", Exchange, Mac, "device.mac", "",
        "chaddr (RFC 2131, 2); of DHCPv6 the frame's, or as the relay agent says (RFC 6939)", Yes, Keep => Pseudonym, key: true;
    ExchangeStarted = 402, "exchange.started", Exchange, Time, "headgate.exchange.started", "",
        "time of the first message", No, Keep => Keep, key: true;
    ExchangeTransaction = 403, "exchange.transaction", Exchange, Number, "headgate.dhcp.transaction", "",
        "xid (RFC 2131, 2); of DHCPv6 the first transaction-id (RFC 8415, 8)", Weak, Keep => Drop, key: true;
    ExchangeVlan = 404, "exchange.vlan", Exchange, Number, "network.vlan.id", "",
        "IEEE 802.1Q VID; absent when untagged", No, Keep => Keep, key: false;
    ExchangeInterface = 405, "exchange.interface", Exchange, Text, "network.interface.name", "",
        "capture interface", No, Keep => Keep, key: false;
    ExchangeServers = 406, "exchange.servers", Exchange, Addresses, "server.address", "",
        "option 54 of each OFFER, ACK or NAK (RFC 2132, 9.7); of DHCPv6 the IP source of each ADVERTISE or REPLY", Weak, Keep => Truncate, key: false;
    ExchangeOutcome = 407, "exchange.outcome", Exchange, Text, "headgate.exchange.outcome", "",
        "acknowledged, refused, offered, unanswered, declined, released or informed (RFC 2131, 3.1)", No, Keep => Keep, key: false;
    ExchangeMessages = 408, "exchange.messages", Exchange, Number, "headgate.exchange.messages", "{message}",
        "messages seen", No, Keep => Keep, key: false;
    ExchangeDiscoverToOffer = 409, "exchange.discover_to_offer", Exchange, Number, "headgate.exchange.discover_to_offer", "ns",
        "time from the first DHCPDISCOVER or SOLICIT to the first DHCPOFFER or ADVERTISE", No, Keep => Keep, key: false;
    ExchangeRequestToAnswer = 410, "exchange.request_to_answer", Exchange, Number, "headgate.exchange.request_to_answer", "ns",
        "time from the first DHCPREQUEST, or REQUEST, RENEW, REBIND or CONFIRM, to its answer", No, Keep => Keep, key: false;
    ExchangeTotal = 411, "exchange.total", Exchange, Number, "headgate.exchange.total", "ns",
        "time from the first to the last message", No, Keep => Keep, key: false;
    ExchangeProtocol = 412, "exchange.protocol", Exchange, Text, "headgate.dhcp.protocol", "",
        "dhcpv4 or dhcpv6", No, Keep => Keep, key: false;

    FlowMac = 501, "flow.mac", Flow, Mac, "device.mac", "",
        "Ethernet source of the first packet", Yes, Keep => Pseudonym, key: true;
    FlowVlan = 502, "flow.vlan", Flow, Number, "network.vlan.id", "",
        "IEEE 802.1Q VID; absent when untagged", No, Keep => Keep, key: true;
    FlowInterface = 503, "flow.interface", Flow, Text, "network.interface.name", "",
        "capture interface", No, Keep => Keep, key: false;
    FlowSourceAddress = 504, "flow.source_address", Flow, Address, "source.address", "",
        "IP source of the first packet (RFC 791, 3.1; RFC 8200, 3)", Yes, Keep => Drop, key: true;
    FlowSourcePort = 505, "flow.source_port", Flow, Number, "source.port", "",
        "TCP or UDP source port of the first packet", Weak, Keep => Drop, key: true;
    FlowDestinationAddress = 506, "flow.destination_address", Flow, Address, "destination.address", "",
        "IP destination of the first packet (RFC 791, 3.1; RFC 8200, 3)", Yes, Keep => Drop, key: true;
    FlowDestinationPort = 507, "flow.destination_port", Flow, Number, "destination.port", "",
        "TCP or UDP destination port of the first packet", Weak, Keep => Drop, key: true;
    FlowTransport = 508, "flow.transport", Flow, Text, "network.transport", "",
        "IP protocol (IANA protocol numbers)", No, Keep => Keep, key: true;
    FlowService = 509, "flow.service", Flow, Text, "headgate.flow.service", "",
        "class of the responder's port (IANA service names), other where none", No, Keep => Keep, key: false;
    FlowStarted = 510, "flow.started", Flow, Time, "headgate.flow.started", "",
        "time of the first packet of this record (IPFIX 152)", No, Keep => Keep, key: true;
    FlowEnded = 511, "flow.ended", Flow, Time, "headgate.flow.ended", "",
        "time of the last packet of this record (IPFIX 153)", No, Keep => Keep, key: false;
    FlowPackets = 512, "flow.packets", Flow, Number, "headgate.flow.packets", "{packet}",
        "packets from the originator (IPFIX 2)", No, Keep => Keep, key: false;
    FlowBytes = 513, "flow.bytes", Flow, Number, "headgate.flow.bytes", "By",
        "octets of frames from the originator, without FCS (IPFIX 352)", No, Keep => Keep, key: false;
    FlowReversePackets = 514, "flow.reverse_packets", Flow, Number, "headgate.flow.reverse_packets", "{packet}",
        "packets from the responder (RFC 5103)", No, Keep => Keep, key: false;
    FlowReverseBytes = 515, "flow.reverse_bytes", Flow, Number, "headgate.flow.reverse_bytes", "By",
        "octets of frames from the responder, without FCS (RFC 5103)", No, Keep => Keep, key: false;
    FlowTcpFlags = 516, "flow.tcp_flags", Flow, Number, "headgate.flow.tcp_flags", "",
        "union of TCP control bits from the originator (IPFIX 6)", No, Keep => Keep, key: false;
    FlowReverseTcpFlags = 517, "flow.reverse_tcp_flags", Flow, Number, "headgate.flow.reverse_tcp_flags", "",
        "union of TCP control bits from the responder (RFC 5103)", No, Keep => Keep, key: false;
    FlowHandshakeRtt = 518, "flow.handshake_rtt", Flow, Number, "headgate.flow.handshake_rtt", "ns",
        "time from the SYN to the ACK that ends the handshake (RFC 9293, 3.5)", No, Keep => Keep, key: false;
    FlowEndReason = 519, "flow.end_reason", Flow, Text, "headgate.flow.end_reason", "",
        "idle, active, ended, forced or lack-of-resources (IPFIX 136)", No, Keep => Keep, key: false;
    FlowVirtualNetwork = 520, "flow.virtual_network", Flow, Number, "headgate.flow.virtual_network", "",
        "VNI of the VXLAN (RFC 7348, 5) or GENEVE (RFC 8926, 3.4) around it; absent elsewhere", No, Keep => Keep, key: true;

    CountersInterface = 601, "counters.interface", Counters, Text, "network.interface.name", "",
        "capture interface or file", No, Keep => Keep, key: true;
    CountersFrom = 602, "counters.from", Counters, Time, "headgate.counters.from", "",
        "start of the period", No, Keep => Keep, key: true;
    CountersTo = 603, "counters.to", Counters, Time, "headgate.counters.to", "",
        "end of the period", No, Keep => Keep, key: false;
    CountersFrames = 604, "counters.frames", Counters, Number, "headgate.frames.received", "{frame}",
        "frames handed over by the kernel or read from the file", No, Keep => Keep, key: false;
    CountersFramesLost = 605, "counters.frames_lost", Counters, Number, "headgate.frames.lost", "{frame}",
        "frames that found no room in the ring (PACKET_STATISTICS tp_drops)", No, Keep => Keep, key: false;
    CountersBytes = 606, "counters.bytes", Counters, Number, "headgate.frames.bytes", "By",
        "octets of these frames on the wire", No, Keep => Keep, key: false;
    CountersBytesKept = 607, "counters.bytes_kept", Counters, Number, "headgate.frames.bytes_kept", "By",
        "octets of these frames that entered user space", No, Keep => Keep, key: false;
    CountersUsed = 608, "counters.used", Counters, Number, "headgate.frames.used", "{frame}",
        "frames that were read and used", No, Keep => Keep, key: false;
    CountersPartlyUsed = 609, "counters.partly_used", Counters, Number, "headgate.frames.partly_used", "{frame}",
        "frames with a malformed part; the rest was used", No, Keep => Keep, key: false;
    CountersUnread = 610, "counters.unread", Counters, Number, "headgate.frames.unread", "{frame}",
        "frames of protocols that are not read", No, Keep => Keep, key: false;
    CountersMalformed = 611, "counters.malformed", Counters, Number, "headgate.frames.malformed", "{frame}",
        "frames of which nothing could be used", No, Keep => Keep, key: false;
    CountersExcludedInterface = 612, "counters.excluded_interface", Counters, Number, "headgate.frames.excluded_interface", "{frame}",
        "frames excluded by an interface rule", No, Keep => Keep, key: false;
    CountersExcludedVlan = 613, "counters.excluded_vlan", Counters, Number, "headgate.frames.excluded_vlan", "{frame}",
        "frames excluded by a VLAN rule", No, Keep => Keep, key: false;
    CountersExcludedMac = 614, "counters.excluded_mac", Counters, Number, "headgate.frames.excluded_mac", "{frame}",
        "frames excluded by a MAC address rule", No, Keep => Keep, key: false;
    CountersExcludedPrefix = 615, "counters.excluded_prefix", Counters, Number, "headgate.frames.excluded_prefix", "{frame}",
        "frames excluded by a prefix rule", No, Keep => Keep, key: false;
    CountersExcludedProtocol = 616, "counters.excluded_protocol", Counters, Number, "headgate.frames.excluded_protocol", "{frame}",
        "frames excluded by a protocol rule", No, Keep => Keep, key: false;
    CountersDevicesEvicted = 617, "counters.devices_evicted", Counters, Number, "headgate.table.devices_evicted", "{entry}",
        "devices that left a full table", No, Keep => Keep, key: false;
    CountersNeighborsEvicted = 618, "counters.neighbors_evicted", Counters, Number, "headgate.table.neighbors_evicted", "{entry}",
        "neighbours that left a full table", No, Keep => Keep, key: false;
    CountersLeasesEvicted = 619, "counters.leases_evicted", Counters, Number, "headgate.table.leases_evicted", "{entry}",
        "leases that left a full table", No, Keep => Keep, key: false;
    CountersExchangesEvicted = 620, "counters.exchanges_evicted", Counters, Number, "headgate.table.exchanges_evicted", "{entry}",
        "DHCP exchanges that left a full table", No, Keep => Keep, key: false;
    CountersFlowsEvicted = 621, "counters.flows_evicted", Counters, Number, "headgate.table.flows_evicted", "{entry}",
        "flows that left a full table", No, Keep => Keep, key: false;
    CountersRecordsDroppedBulk = 622, "counters.records_dropped_bulk", Counters, Number, "headgate.records.dropped_bulk", "{record}",
        "bulk records dropped before the store for want of room", No, Keep => Keep, key: false;
    CountersRecordsDroppedState = 623, "counters.records_dropped_state", Counters, Number, "headgate.records.dropped_state", "{record}",
        "state records dropped before the store for want of room", No, Keep => Keep, key: false;
    CountersRecordsDroppedAccount = 624, "counters.records_dropped_account", Counters, Number, "headgate.records.dropped_account", "{record}",
        "account records dropped before the store for want of room", No, Keep => Keep, key: false;
    CountersDiscoveryMdns = 625, "counters.discovery_mdns", Counters, Number, "headgate.link.discovery_mdns", "{packet}",
        "Multicast DNS datagrams (RFC 6762, port 5353); no name of them is used", No, Keep => Keep, key: false;
    CountersDiscoverySsdp = 626, "counters.discovery_ssdp", Counters, Number, "headgate.link.discovery_ssdp", "{packet}",
        "SSDP datagrams (UPnP, port 1900); no name of them is used", No, Keep => Keep, key: false;
    CountersDiscoveryLlmnr = 627, "counters.discovery_llmnr", Counters, Number, "headgate.link.discovery_llmnr", "{packet}",
        "LLMNR datagrams (RFC 4795, port 5355); no name of them is used", No, Keep => Keep, key: false;
    CountersDiscoveryNbns = 628, "counters.discovery_nbns", Counters, Number, "headgate.link.discovery_nbns", "{packet}",
        "NetBIOS name service datagrams (RFC 1002, port 137); no name of them is used", No, Keep => Keep, key: false;
    CountersDiscoveryWsDiscovery = 629, "counters.discovery_ws_discovery", Counters, Number, "headgate.link.discovery_ws_discovery", "{packet}",
        "WS-Discovery datagrams (port 3702); no name of them is used", No, Keep => Keep, key: false;
    CountersIgmpMemberships = 630, "counters.igmp_memberships", Counters, Number, "headgate.link.igmp_memberships", "{membership}",
        "memberships that IGMP reports name (RFC 1112, RFC 2236, RFC 3376)", No, Keep => Keep, key: false;
    CountersMldMemberships = 631, "counters.mld_memberships", Counters, Number, "headgate.link.mld_memberships", "{membership}",
        "memberships that MLD reports name (RFC 2710, RFC 3810)", No, Keep => Keep, key: false;
    CountersAuthenticationsEvicted = 632, "counters.authentications_evicted", Counters, Number, "headgate.table.authentications_evicted", "{entry}",
        "authentications that left a full table", No, Keep => Keep, key: false;
    CountersBridgesEvicted = 633, "counters.bridges_evicted", Counters, Number, "headgate.table.bridges_evicted", "{entry}",
        "bridges that left a full table", No, Keep => Keep, key: false;
    CountersExcludedRule = 634, "counters.excluded_rule", Counters, Number, "headgate.frames.excluded_rule", "{frame}",
        "frames excluded by a rule that collects none; absent where there are none", No, Keep => Keep, key: false;
    CountersCounted = 635, "counters.counted", Counters, Number, "headgate.frames.counted", "{frame}",
        "frames that a rule only counts; absent where there are none", No, Keep => Keep, key: false;
    CountersRules = 636, "counters.rules", Counters, Texts, "headgate.rule.names", "",
        "names of the rules that counted them", No, Keep => Keep, key: false;
    CountersRuleFrames = 637, "counters.rule_frames", Counters, Numbers, "headgate.rule.frames", "{frame}",
        "frames that each of them counted, in the same order", No, Keep => Keep, key: false;
    CountersRuleBytes = 638, "counters.rule_bytes", Counters, Numbers, "headgate.rule.bytes", "By",
        "octets on the wire of these frames, in the same order", No, Keep => Keep, key: false;

    AuthenticationMac = 701, "authentication.mac", Authentication, Mac, "device.mac", "",
        "supplicant of EAPOL (IEEE 802.1X-2020, 11.1); of RADIUS the Calling-Station-Id, where a rule keeps another of its attributes", Yes, Keep => Pseudonym, key: true;
    AuthenticationStarted = 702, "authentication.started", Authentication, Time, "headgate.authentication.started", "",
        "time of the first message", No, Keep => Keep, key: true;
    AuthenticationVlan = 703, "authentication.vlan", Authentication, Number, "network.vlan.id", "",
        "IEEE 802.1Q VID of the frames; absent when untagged", No, Keep => Keep, key: true;
    AuthenticationInterface = 704, "authentication.interface", Authentication, Text, "network.interface.name", "",
        "capture interface", No, Keep => Keep, key: false;
    AuthenticationProtocol = 705, "authentication.protocol", Authentication, Text, "headgate.authentication.protocol", "",
        "eapol, radius or radius-acct", No, Keep => Keep, key: true;
    AuthenticationResult = 706, "authentication.result", Authentication, Text, "headgate.authentication.result", "",
        "accepted, rejected, challenged, unanswered or logged-off (RFC 3748, 4.2; RFC 2865, 4); of accounting acknowledged or unanswered (RFC 2866, 4.2); evicted (from a full table)", No, Keep => Keep, key: false;
    AuthenticationEnded = 707, "authentication.ended", Authentication, Time, "headgate.authentication.ended", "",
        "time of the latest message", No, Keep => Keep, key: false;
    AuthenticationMessages = 708, "authentication.messages", Authentication, Number, "headgate.authentication.messages", "{message}",
        "messages seen", No, Keep => Keep, key: false;
    AuthenticationRequestToAnswer = 709, "authentication.request_to_answer", Authentication, Number, "headgate.authentication.request_to_answer", "ns",
        "longest time from what the supplicant says, or a RADIUS request, to its answer", No, Keep => Keep, key: false;
    AuthenticationEapMethod = 710, "authentication.eap_method", Authentication, Text, "headgate.authentication.eap_method", "",
        "EAP type that was asked for last and not refused (IANA EAP method types)", No, Keep => Keep, key: false;
    AuthenticationNas = 711, "authentication.nas", Authentication, Address, "client.address", "",
        "IP source of a RADIUS request", Weak, Keep => Truncate, key: true;
    AuthenticationServer = 712, "authentication.server", Authentication, Address, "server.address", "",
        "IP destination of a RADIUS request", Weak, Keep => Truncate, key: true;
    AuthenticationIdentity = 713, "authentication.identity", Authentication, Text, "headgate.authentication.identity", "",
        "EAP Identity (RFC 3748, 5.1)", Yes, Drop => Drop, key: false, payload: EapIdentity;
    AuthenticationUserName = 714, "authentication.user_name", Authentication, Text, "user.name", "",
        "RADIUS attribute 1, User-Name (RFC 2865, 5.1)", Yes, Drop => Drop, key: false, payload: RadiusAttributes;
    AuthenticationNasIdentifier = 715, "authentication.nas_identifier", Authentication, Text, "headgate.nas.identifier", "",
        "RADIUS attribute 32, NAS-Identifier (RFC 2865, 5.32)", No, Drop => Drop, key: false, payload: RadiusAttributes;
    AuthenticationNasPort = 716, "authentication.nas_port", Authentication, Number, "headgate.nas.port", "",
        "RADIUS attribute 5, NAS-Port (RFC 2865, 5.5)", Weak, Drop => Drop, key: false, payload: RadiusAttributes;
    AuthenticationNasPortType = 717, "authentication.nas_port_type", Authentication, Text, "headgate.nas.port_type", "",
        "RADIUS attribute 61, NAS-Port-Type (RFC 2865, 5.41)", No, Drop => Drop, key: false, payload: RadiusAttributes;
    AuthenticationNasPortId = 718, "authentication.nas_port_id", Authentication, Text, "headgate.nas.port_id", "",
        "RADIUS attribute 87, NAS-Port-Id (RFC 2869, 5.17)", Weak, Drop => Drop, key: false, payload: RadiusAttributes;
    AuthenticationAssignedVlan = 719, "authentication.assigned_vlan", Authentication, Text, "headgate.authentication.assigned_vlan", "",
        "RADIUS attribute 81, Tunnel-Private-Group-ID of a VLAN (RFC 3580, 3.31)", Weak, Drop => Drop, key: false, payload: RadiusAttributes;
    AuthenticationFilterIds = 720, "authentication.filter_ids", Authentication, Texts, "headgate.authentication.filter_ids", "",
        "RADIUS attribute 11, Filter-Id (RFC 2865, 5.11)", Weak, Drop => Drop, key: false, payload: RadiusAttributes;
    AuthenticationClass = 721, "authentication.class", Authentication, Bytes, "headgate.authentication.class", "",
        "RADIUS attribute 25, Class, the first (RFC 2865, 5.25)", Yes, Drop => Drop, key: false, payload: RadiusAttributes;
    AuthenticationAcctStatusType = 722, "authentication.acct_status_type", Authentication, Text, "headgate.accounting.status_type", "",
        "RADIUS attribute 40, Acct-Status-Type (RFC 2866, 5.1)", No, Drop => Drop, key: false, payload: RadiusAttributes;
    AuthenticationSessionTime = 723, "authentication.session_time", Authentication, Number, "headgate.accounting.session_time", "s",
        "RADIUS attribute 46, Acct-Session-Time (RFC 2866, 5.7)", No, Drop => Drop, key: false, payload: RadiusAttributes;
    AuthenticationInputOctets = 724, "authentication.input_octets", Authentication, Number, "headgate.accounting.input_octets", "By",
        "RADIUS attributes 42 and 52, from the user (RFC 2866, 5.3; RFC 2869, 5.1)", No, Drop => Drop, key: false, payload: RadiusAttributes;
    AuthenticationOutputOctets = 725, "authentication.output_octets", Authentication, Number, "headgate.accounting.output_octets", "By",
        "RADIUS attributes 43 and 53, to the user (RFC 2866, 5.4; RFC 2869, 5.2)", No, Drop => Drop, key: false, payload: RadiusAttributes;
    AuthenticationInputPackets = 726, "authentication.input_packets", Authentication, Number, "headgate.accounting.input_packets", "{packet}",
        "RADIUS attribute 47, from the user (RFC 2866, 5.8)", No, Drop => Drop, key: false, payload: RadiusAttributes;
    AuthenticationOutputPackets = 727, "authentication.output_packets", Authentication, Number, "headgate.accounting.output_packets", "{packet}",
        "RADIUS attribute 48, to the user (RFC 2866, 5.9)", No, Drop => Drop, key: false, payload: RadiusAttributes;
    AuthenticationTerminateCause = 728, "authentication.terminate_cause", Authentication, Text, "headgate.accounting.terminate_cause", "",
        "RADIUS attribute 49, Acct-Terminate-Cause (RFC 2866, 5.10)", No, Drop => Drop, key: false, payload: RadiusAttributes;

    BridgeInterface = 801, "bridge.interface", Bridge, Text, "network.interface.name", "",
        "capture interface", No, Keep => Keep, key: true;
    BridgeVlan = 802, "bridge.vlan", Bridge, Number, "network.vlan.id", "",
        "IEEE 802.1Q VID, of PVST+ the originating VLAN; absent when untagged", No, Keep => Keep, key: true;
    BridgeSourceMac = 803, "bridge.source_mac", Bridge, Mac, "headgate.bridge.source_mac", "",
        "Ethernet source: a port of the bridge", Yes, Keep => Pseudonym, key: true;
    BridgePort = 804, "bridge.port", Bridge, Number, "headgate.bridge.port", "",
        "port number (IEEE 802.1Q-2018, 14.2.7); absent where only topology changes were notified", No, Keep => Keep, key: true;
    BridgeProtocol = 805, "bridge.protocol", Bridge, Text, "headgate.bridge.protocol", "",
        "stp, rstp, mstp, spt, pvst or rapid-pvst, by version and encapsulation (IEEE 802.1Q-2018, 14.1.2.2)", No, Keep => Keep, key: false;
    BridgePortPriority = 806, "bridge.port_priority", Bridge, Number, "headgate.bridge.port_priority", "",
        "port priority (IEEE 802.1Q-2018, 14.2.7)", No, Keep => Keep, key: false;
    BridgePortRole = 807, "bridge.port_role", Bridge, Text, "headgate.bridge.port_role", "",
        "role in the flags (IEEE 802.1Q-2018, 14.1.1.1); absent in stp and pvst", No, Keep => Keep, key: false;
    BridgePortState = 808, "bridge.port_state", Bridge, Text, "headgate.bridge.port_state", "",
        "forwarding, learning or discarding, by the flags; absent in stp and pvst", No, Keep => Keep, key: false;
    BridgeBridge = 809, "bridge.bridge", Bridge, Mac, "headgate.bridge.bridge", "",
        "bridge identifier: address; of mstp the CIST bridge (IEEE 802.1Q-2018, 14.1.1.3)", No, Keep => Keep, key: false;
    BridgeBridgePriority = 810, "bridge.bridge_priority", Bridge, Number, "headgate.bridge.bridge_priority", "",
        "bridge identifier: priority without system ID extension", No, Keep => Keep, key: false;
    BridgeRoot = 811, "bridge.root", Bridge, Mac, "headgate.bridge.root", "",
        "root identifier: address; of mstp the CIST root", No, Keep => Keep, key: false;
    BridgeRootPriority = 812, "bridge.root_priority", Bridge, Number, "headgate.bridge.root_priority", "",
        "root identifier: priority without system ID extension", No, Keep => Keep, key: false;
    BridgeRootPathCost = 813, "bridge.root_path_cost", Bridge, Number, "headgate.bridge.root_path_cost", "",
        "root path cost; of mstp the external one", No, Keep => Keep, key: false;
    BridgeMaxAge = 814, "bridge.max_age", Bridge, Number, "headgate.bridge.max_age", "ms",
        "max age (IEEE 802.1Q-2018, 14.2.9)", No, Keep => Keep, key: false;
    BridgeHelloTime = 815, "bridge.hello_time", Bridge, Number, "headgate.bridge.hello_time", "ms",
        "hello time (IEEE 802.1Q-2018, 14.2.10)", No, Keep => Keep, key: false;
    BridgeForwardDelay = 816, "bridge.forward_delay", Bridge, Number, "headgate.bridge.forward_delay", "ms",
        "forward delay (IEEE 802.1Q-2018, 14.2.11)", No, Keep => Keep, key: false;
    BridgeRegion = 817, "bridge.region", Bridge, Text, "headgate.bridge.region", "",
        "MST configuration name (IEEE 802.1Q-2018, 13.8)", No, Keep => Keep, key: false;
    BridgeRegionRevision = 818, "bridge.region_revision", Bridge, Number, "headgate.bridge.region_revision", "",
        "MST revision level (IEEE 802.1Q-2018, 13.8)", No, Keep => Keep, key: false;
    BridgeInstances = 819, "bridge.instances", Bridge, Number, "headgate.bridge.instances", "{instance}",
        "MST instances in the BPDU (IEEE 802.1Q-2018, 14.4.1)", No, Keep => Keep, key: false;
    BridgeTopologyChanges = 820, "bridge.topology_changes", Bridge, Number, "headgate.bridge.topology_changes", "{change}",
        "times that the topology change flag was set anew, and topology change notifications, since it was first seen", No, Keep => Keep, key: false;
    BridgeRootChanges = 821, "bridge.root_changes", Bridge, Number, "headgate.bridge.root_changes", "{change}",
        "times that another root was named since it was first seen", No, Keep => Keep, key: false;
    BridgeState = 822, "bridge.state", Bridge, Text, "headgate.bridge.state", "",
        "present, aged (max age passed on a port that speaks at every hello) or evicted (from a full table)", No, Keep => Keep, key: false;
    BridgeFirstSeen = 823, "bridge.first_seen", Bridge, Time, "headgate.first_seen", "",
        "time of the first BPDU", No, Keep => Keep, key: false;
    BridgeLastSeen = 824, "bridge.last_seen", Bridge, Time, "headgate.last_seen", "",
        "time of the latest BPDU", No, Keep => Keep, key: false;
}
