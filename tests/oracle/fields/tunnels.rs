//! Headers that carry a packet or a frame of another kind.

use super::super::check::{Check, Layer, Which};
use super::super::form::Form;
use super::{check, layer, number, octets, part, raw, text};

pub const LAYERS: &[Layer] = &[
    layer("gre", &["gre"], GRE),
    layer("erspan", &["erspan"], ERSPAN),
    layer("vxlan", &["vxlan"], VXLAN),
    layer("geneve", &["geneve"], GENEVE),
    layer("tzsp", &["tzsp"], TZSP),
    layer("capwap", &["capwap.data"], CAPWAP),
    layer("pppoe", &["pppoes", "pppoed"], PPPOE),
    // The number behind the header is one more protocol to tshark.
    part("pppoe|ppp", &["ppp"], &[number("ppp.protocol", "protocol.code")]),
    layer("ppi", &["ppi"], PPI),
    layer("radiotap", &["radiotap"], RADIOTAP),
    layer("prism", &["prism"], PRISM),
    layer("avs", &["wlancap"], AVS),
    layer("ieee80211", &["wlan"], IEEE80211),
];

const GRE: &[Check] = &[
    number("gre.flags.version", "version"),
    number("gre.proto", "protocol"),
    number("gre.checksum", "checksum"),
    number("gre.key", "key"),
    number("gre.sequence_number", "sequence"),
    number("gre.key.payload_length", "pptp.payload_length"),
    number("gre.key.call_id", "pptp.call_id"),
    number("gre.ack_number", "pptp.acknowledgment"),
];

const ERSPAN: &[Check] = &[
    number("erspan.version", "session.version"),
    number("erspan.vlan", "session.vlan"),
    number("erspan.cos", "session.class_of_service"),
    number("erspan.encap|erspan.bso", "session.state"),
    number("erspan.truncated", "session.truncated"),
    number("erspan.spanid", "session.id"),
    number("erspan.index", "index"),
    number("erspan.timestamp", "extension.timestamp"),
    number("erspan.sgt", "extension.security_group"),
    number("erspan.p", "extension.ethernet"),
    number("erspan.ft", "extension.frame_type"),
    number("erspan.hw", "extension.hardware"),
    number("erspan.direction", "extension.egress"),
    number("erspan.gra", "extension.granularity"),
];

/// The group policy extension is in use (draft-smith-vxlan-group-policy-05, 2.1: bit G), beside bit I.
const POLICY: Which = Which::When("flags", &[0x88]);

const VXLAN: &[Check] = &[
    check("vxlan.flags", "flags", Form::Octet(0)),
    number("vxlan.vni", "vni"),
    number("vxlan.gbp", "policy.group").of(POLICY),
    number("vxlan.flag_d", "policy.dont_learn").of(POLICY),
    number("vxlan.flag_a", "policy.applied").of(POLICY),
    number("vxlan.next_proto", "next_protocol.code"),
];

const GENEVE: &[Check] = &[
    number("geneve.version", "version"),
    // Behind it come those of the options, with their headers.
    number("geneve.option.length", "options_length").of(Which::First),
    number("geneve.flags.oam", "control"),
    number("geneve.flags.critical", "critical"),
    number("geneve.proto_type", "protocol"),
    number("geneve.vni", "vni"),
    number("geneve.option.class", "options[].class"),
    raw("geneve.option.type", "options[].type"),
    number("geneve.option.type.critical", "options[].critical"),
];

const TZSP: &[Check] = &[
    number("tzsp.version", "version"),
    number("tzsp.type", "type.code"),
    number("tzsp.encap", "encapsulated.code"),
    // Neither padding nor the end is kept.
    number("tzsp.option_tag", "tags[].type.code").of(Which::Without(&["0", "1"])),
    number("tzsp.option_length", "tags[].length").of(Which::Without(&["0"])),
];

const CAPWAP: &[Check] = &[
    number("capwap.preamble.version", "version"),
    number("capwap.preamble.type", "type.code"),
    check("capwap.header.length", "transport.length", Form::Times(4)),
    number("capwap.header.rid", "transport.radio_id"),
    number("capwap.header.wbid", "transport.binding.code"),
    number("capwap.header.flags.t", "transport.native"),
    number("capwap.header.flags.f", "transport.fragment"),
    number("capwap.header.flags.l", "transport.last"),
    number("capwap.header.flags.w", "transport.has_wireless"),
    number("capwap.header.flags.m", "transport.has_radio_mac"),
    number("capwap.header.flags.k", "transport.keepalive"),
    number("capwap.header.fragment.id", "transport.fragment_id"),
    number("capwap.header.fragment.offset", "transport.fragment_offset"),
    octets("capwap.header.mac.eui48|capwap.header.mac.eui64", "transport.radio_mac"),
    number("capwap.header.wireless.length", "transport.wireless_length"),
];

const PPPOE: &[Check] = &[
    number("pppoe.version", "header.version"),
    number("pppoe.type", "header.type"),
    number("pppoe.code", "header.code.code"),
    number("pppoe.session_id", "header.session"),
    number("pppoe.payload_length", "header.length"),
    text("pppoed.tags.service_name|pppoed.tags.ac_name", "tags[].value.text"),
    octets("pppoed.tags.host_uniq|pppoed.tags.ac_cookie|pppoed.tags.relay_session_id", "tags[].value.octets"),
    raw("pppoed.tags.max_payload", "tags[].value.number"),
];

const PPI: &[Check] = &[
    number("ppi.flags.alignment", "aligned"),
    number("ppi.length", "length"),
    number("ppi.dlt", "link_type"),
    number("ppi.field_type", "fields[].type.code"),
    number("ppi.field_len", "fields[].length"),
    number("ppi.80211-common.tsft", "common.timestamp"),
    number("ppi.80211-common.flags", "common.flags"),
    number("ppi.80211-common.chan.freq", "common.channel.frequency"),
    number("ppi.80211-common.chan.flags", "common.channel.flags"),
    number("ppi.80211-common.fhss.hopset", "common.hop_set"),
    number("ppi.80211-common.fhss.pattern", "common.hop_pattern"),
    number("ppi.80211-common.dbm.antsignal", "common.antenna_signal"),
    number("ppi.80211-common.dbm.antnoise", "common.antenna_noise"),
];

/// Of an item that the driver did not give, tshark shows none either.
const PRISM: &[Check] = &[
    number("prism.msgcode", "message_code"),
    number("prism.msglen", "length"),
    number("prism.did.hosttime", "host_time"),
    number("prism.did.mactime", "mac_time"),
    number("prism.did.channel", "channel"),
    number("prism.did.rssi", "rssi"),
    number("prism.did.sq", "signal_quality"),
    number("prism.did.signal", "signal"),
    number("prism.did.noise", "noise"),
    number("prism.did.rate", "rate"),
    number("prism.did.istx", "transmitted"),
    number("prism.did.frmlen", "frame_length"),
];

const AVS: &[Check] = &[
    number("wlancap.version", "version"),
    number("wlancap.length", "length"),
    number("wlancap.mactime", "mac_time"),
    number("wlancap.hosttime", "host_time"),
    number("wlancap.phytype", "phy_type.code"),
    number("wlancap.channel|wlancap.channel_frequency", "frequency"),
    number("wlancap.antenna", "antenna"),
    number("wlancap.priority", "priority"),
    number("wlancap.ssi_type", "signal_type.code"),
    number("wlancap.dbm_antsignal|wlancap.normrssi_antsignal|wlancap.rawrssi_antsignal", "signal"),
    number("wlancap.dbm_antnoise|wlancap.normrssi_antnoise|wlancap.rawrssi_antnoise", "noise"),
    number("wlancap.preamble", "preamble"),
    number("wlancap.encoding", "encoding.code"),
    number("wlancap.sequence", "receiver.sequence"),
    number("wlancap.drops", "receiver.drops"),
    octets("wlancap.receiver_addr", "receiver.address"),
];

/// Each further word of what is present is one more antenna.
const RADIOTAP: &[Check] = &[
    number("radiotap.length", "length"),
    number("radiotap.present.word", "present[]"),
    number("radiotap.mactime", "timestamp"),
    number("radiotap.flags", "flags").of(Which::First),
    raw("radiotap.datarate", "rate"),
    number("radiotap.channel.freq", "channel.frequency").of(Which::First),
    number("radiotap.channel.flags", "channel.flags").of(Which::First),
    number("radiotap.antenna", "antennas[].antenna|antenna").of(Which::Either),
    number("radiotap.dbm_antsignal", "antennas[].signal|antenna_signal").of(Which::Either),
    number("radiotap.dbm_antnoise", "antennas[].noise|antenna_noise").of(Which::Either),
    number("radiotap.mcs.known", "mcs.known"),
    number("radiotap.mcs.index", "mcs.index"),
];

const IEEE80211: &[Check] = &[
    number("wlan.fc.type_subtype", "subtype.code"),
    number("wlan.fc.tods", "flags.to_ds"),
    number("wlan.fc.fromds", "flags.from_ds"),
    number("wlan.fc.frag", "flags.more_fragments"),
    number("wlan.fc.retry", "flags.retry"),
    number("wlan.fc.pwrmgt", "flags.power_management"),
    number("wlan.fc.moredata", "flags.more_data"),
    number("wlan.fc.protected", "flags.protected"),
    number("wlan.fc.order", "flags.order"),
    number("wlan.duration", "duration"),
    number("wlan.aid", "association_id"),
    octets("wlan.ra", "receiver"),
    octets("wlan.ta", "transmitter"),
    octets("wlan.da", "destination"),
    octets("wlan.sa", "source"),
    octets("wlan.bssid", "bssid"),
    number("wlan.frag", "fragment"),
    number("wlan.seq", "sequence"),
    number("wlan.qos.tid", "qos.tid"),
    number("wlan.qos.ack", "qos.ack_policy.code"),
    number("wlan.qos.amsdupresent", "qos.amsdu").of(Which::When("subtype.code", &[40, 41, 42, 43])),
    number("wlan.htc", "ht_control"),
];
