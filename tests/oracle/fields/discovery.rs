//! What bridges and stations announce on their link.

use super::super::check::{Check, Layer, Which};
use super::super::form::Form;
use super::{check, ip, layer, lldp, number, octets, raw, text};

pub const LAYERS: &[Layer] = &[
    layer("lldp", &["lldp"], lldp::CHECKS),
    layer("cdp", &["cdp"], CDP),
    layer("edp", &["edp"], EDP),
    layer("fdp", &["fdp"], FDP),
    layer("sonmp", &["ndp"], SONMP),
    layer("bpdu", &["stp"], BPDU),
];

const CDP: &[Check] = &[
    number("cdp.version", "version"),
    number("cdp.ttl", "ttl"),
    number("cdp.checksum", "checksum"),
    text("cdp.deviceid", "device_id"),
    text("cdp.platform", "platform"),
    text("cdp.software_version", "software_version").of(Which::Lines),
    check("cdp.ip_prefix", "prefixes[].network", Form::IpOctets),
    check("cdp.ip_prefix", "prefixes[].length", Form::Octet(4)),
    text("cdp.portid", "port_id"),
    number("cdp.capabilities", "capabilities"),
    number("cdp.number_of_addresses", "addresses.count|management_addresses.count"),
    number(
        "cdp.protocol_type",
        "addresses.list[].protocol_type.code|management_addresses.list[].protocol_type.code",
    ),
    ip("cdp.nrgyz.ip_address", "addresses.list[].ip|management_addresses.list[].ip"),
    octets("cdp.protocol", "addresses.list[].protocol|management_addresses.list[].protocol"),
    text("cdp.vtp_management_domain", "vtp_domain"),
    number("cdp.native_vlan", "native_vlan"),
    number("cdp.duplex", "full_duplex"),
    number("cdp.trust_bitmap", "trust_bitmap"),
    number("cdp.untrusted_port_cos", "untrusted_port_cos"),
    octets("cdp.oui", "hello.oui"),
    number("cdp.protocol_id", "hello.protocol"),
    ip("cdp.cluster.master_ip", "hello.cluster.master"),
    ip("cdp.cluster.ip", "hello.cluster.address"),
    number("cdp.cluster.version", "hello.cluster.version"),
    number("cdp.cluster.sub_version", "hello.cluster.subversion"),
    number("cdp.cluster.status", "hello.cluster.status"),
    octets("cdp.cluster.commander_mac", "hello.cluster.commander"),
    octets("cdp.cluster.switch_mac", "hello.cluster.switch"),
    number("cdp.cluster.management_vlan", "hello.cluster.management_vlan"),
    number("cdp.request_id", "power_available.request_id"),
    number("cdp.management_id", "power_available.management_id"),
    number("cdp.power_available", "power_available.levels[]"),
];

const EDP: &[Check] = &[
    number("edp.version", "version"),
    number("edp.length", "length"),
    number("edp.checksum", "checksum"),
    number("edp.checksum.status", "checksum_valid"),
    number("edp.seqno", "sequence"),
    number("edp.midtype", "machine_id_type"),
    octets("edp.midmac", "machine_id"),
    text("edp.display.string", "display"),
    number("edp.info.slot", "info.slot"),
    number("edp.info.port", "info.port"),
    number("edp.info.vchassid", "info.virtual_chassis"),
    number(
        "edp.info.version.major1|edp.info.version.major2|edp.info.version.sustaining|edp.info.version.internal",
        "info.version[]",
    ),
    octets("edp.info.vchassconn", "info.connections"),
    number("edp.vlan.flags", "vlans[].flags"),
    number("edp.vlan.flags.ip", "vlans[].has_ip"),
    number("edp.vlan.id", "vlans[].vid"),
    ip("edp.vlan.ip", "vlans[].ip"),
    text("edp.vlan.name", "vlans[].name"),
];

const FDP: &[Check] = &[
    number("fdp.version", "version"),
    number("fdp.holdtime", "ttl"),
    number("fdp.checksum", "checksum"),
    text("fdp.string.text", "device_id|port_id|capabilities|software_version|platform"),
    ip("fdp.net.ip", "addresses.list[].ip"),
    number("fdp.tag.native", "tag.native_vlan"),
    number("fdp.tag.type", "tag.ethertype"),
];

const SONMP: &[Check] = &[
    ip("ndp.ipaddress", "ip"),
    number("ndp.segmentident", "segment"),
    number("ndp.chassis", "chassis.code"),
    number("ndp.backplane", "backplane.code"),
    number("ndp.state", "state.code"),
    number("ndp.numberoflinks", "links"),
];

/// Only a rapid BPDU uses the flags between the first and the last.
const RAPID: Which = Which::When("type.code", &[2]);

const BPDU: &[Check] = &[
    number("stp.protocol", "protocol_id"),
    number("stp.version", "version.code"),
    number("stp.type", "type.code"),
    number("stp.flags.tc", "configuration.flags.topology_change|mst.instances[].flags.topology_change"),
    number("stp.flags.proposal", "configuration.flags.proposal|mst.instances[].flags.proposal").of(RAPID),
    number("stp.flags.port_role", "configuration.flags.port_role.code|mst.instances[].flags.port_role.code")
        .of(RAPID),
    number("stp.flags.learning", "configuration.flags.learning|mst.instances[].flags.learning").of(RAPID),
    number("stp.flags.forwarding", "configuration.flags.forwarding|mst.instances[].flags.forwarding")
        .of(RAPID),
    number("stp.flags.agreement", "configuration.flags.agreement|mst.instances[].flags.agreement").of(RAPID),
    number(
        "stp.flags.tcack",
        "configuration.flags.topology_change_acknowledgment|mst.instances[].flags.topology_change_acknowledgment",
    ),
    number("stp.root.prio", "configuration.root.priority"),
    number("stp.root.ext", "configuration.root.system_id_extension"),
    octets("stp.root.hw", "configuration.root.address"),
    number("stp.root.cost", "configuration.root_path_cost"),
    number("stp.bridge.prio", "configuration.bridge.priority"),
    number("stp.bridge.ext", "configuration.bridge.system_id_extension"),
    octets("stp.bridge.hw", "configuration.bridge.address"),
    number("stp.port", "configuration.port_id"),
    raw("stp.msg_age", "configuration.message_age"),
    raw("stp.max_age", "configuration.max_age"),
    raw("stp.hello", "configuration.hello_time"),
    raw("stp.forward", "configuration.forward_delay"),
    number("mstp.version_3_length", "mst.length"),
    number("mstp.config_format_selector", "mst.configuration_id.format"),
    text("mstp.config_name", "mst.configuration_id.name"),
    number("mstp.config_revision_level", "mst.configuration_id.revision"),
    octets("mstp.config_digest", "mst.configuration_id.digest"),
    number("mstp.cist_internal_root_path_cost", "mst.internal_root_path_cost"),
    number("mstp.cist_bridge.prio", "mst.bridge.priority"),
    number("mstp.cist_bridge.ext", "mst.bridge.system_id_extension"),
    octets("mstp.cist_bridge.hw", "mst.bridge.address"),
    number("mstp.cist_remaining_hops", "mst.remaining_hops"),
    number("mstp.msti.msti_id", "mst.instances[].regional_root.system_id_extension"),
    check("mstp.msti.priority", "mst.instances[].regional_root.priority", Form::Times(4096)),
    octets("mstp.msti.root.hw", "mst.instances[].regional_root.address"),
    number("mstp.msti.root_cost", "mst.instances[].internal_root_path_cost"),
    number("mstp.msti.bridge_priority", "mst.instances[].bridge_priority"),
    number("mstp.msti.port_priority", "mst.instances[].port_priority"),
    number("mstp.msti.remaining_hops", "mst.instances[].remaining_hops"),
    number("stp.pvst.origvlan", "originating_vlan"),
];
