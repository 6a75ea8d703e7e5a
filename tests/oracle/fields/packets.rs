//! Frames, links, networks and transports.

use super::super::check::{Check, Layer, Which};
use super::super::form::Form;
use super::{check, ip, layer, number, octets, part, raw};

pub const LAYERS: &[Layer] = &[
    layer("frame", &["frame"], FRAME),
    layer("ethernet", &["eth"], ETHERNET),
    layer("isl", &["isl"], ISL),
    layer("linux-cooked", &["sll"], LINUX_COOKED),
    layer("null", &["null"], &[number("null.family", "family.code")]),
    layer("vlan", &["vlan", "ieee8021ad"], VLAN),
    part("ethertype", &["eth", "vlan", "ieee8021ad", "sll"], ETHERTYPE),
    layer("llc", &["llc"], LLC),
    layer("mpls", &["mpls"], MPLS),
    layer("arp", &["arp", "atmarp"], ARP),
    layer("ipv4", &["ip"], IPV4),
    layer("ipv6", &["ipv6"], IPV6),
    layer("tcp", &["tcp"], TCP),
    layer("udp", &["udp"], UDP),
    layer("sctp", &["sctp"], SCTP),
    layer("icmp", &["icmp"], ICMP),
    layer("icmpv6", &["icmpv6"], ICMPV6),
    layer("esp", &["esp"], &[number("esp.spi", "spi"), number("esp.sequence", "sequence")]),
];

const FRAME: &[Check] = &[
    number("frame.len", "wire_length"),
    number("frame.cap_len", "captured_length"),
    check("frame.time", "time", Form::Time),
];

const ETHERNET: &[Check] = &[octets("eth.src", "source"), octets("eth.dst", "destination")];

const ISL: &[Check] = &[
    octets("isl.dst", "destination"),
    number("isl.type", "type.code"),
    number("isl.user_eth|isl.user", "user"),
    octets("isl.src", "source"),
    number("isl.len", "length"),
    number("isl.vlan_id", "vlan"),
    number("isl.bpdu", "bpdu"),
];

const LINUX_COOKED: &[Check] = &[
    number("sll.pkttype", "packet_type.code"),
    number("sll.hatype", "hardware.code"),
    number("sll.halen", "address_len"),
    octets("sll.src.eth", "address"),
    number("sll.ifindex", "interface_index"),
];

const VLAN: &[Check] = &[
    number("vlan.priority|ieee8021ad.priority", "priority"),
    number("vlan.dei|ieee8021ad.dei", "drop_eligible"),
    number("vlan.id|ieee8021ad.id", "vid"),
];

const ETHERTYPE: &[Check] =
    &[number("eth.type|eth.len|vlan.etype|vlan.len|ieee8021ah.etype|sll.etype|sll.gretype", "ethertype")
        .of(Which::Last)];

const LLC: &[Check] = &[
    number("llc.dsap", "dsap.code"),
    // The lowest bit is none of the address, but says whether it is a response (IEEE 802.2, 3.3.1.2).
    check("llc.ssap.sap", "ssap.code", Form::Times(2)),
    number("llc.ssap.cr", "response"),
    octets("llc.oui", "snap.oui"),
    number("llc.cisco_pid|llc.nortel_pid|llc.extreme_pid|llc.foundry_pid|llc.type|llc.pid", "snap.protocol"),
];

const MPLS: &[Check] = &[
    number("mpls.label", "labels[].label"),
    number("mpls.exp", "labels[].traffic_class"),
    number("mpls.bottom", "labels[].bottom"),
    number("mpls.ttl", "labels[].ttl"),
];

const ARP: &[Check] = &[
    number("arp.hw.type", "hardware_type.code"),
    number("arp.proto.type", "protocol_type"),
    number("arp.hw.size", "hardware_length"),
    number("arp.proto.size", "protocol_length"),
    number("arp.opcode", "operation.code"),
    octets("arp.src.hw_mac", "sender_hardware"),
    ip("arp.src.proto_ipv4", "sender_protocol"),
    octets("arp.dst.hw_mac", "target_hardware"),
    ip("arp.dst.proto_ipv4", "target_protocol"),
];

const IPV4: &[Check] = &[
    number("ip.hdr_len", "header_len"),
    number("ip.dsfield.dscp", "dscp"),
    number("ip.dsfield.ecn", "ecn"),
    number("ip.len", "total_length"),
    number("ip.id", "identification"),
    number("ip.flags.rb", "reserved"),
    number("ip.flags.df", "dont_fragment"),
    number("ip.flags.mf", "more_fragments"),
    check("ip.frag_offset", "fragment_offset", Form::Times(8)),
    number("ip.ttl", "ttl"),
    number("ip.proto", "protocol"),
    number("ip.checksum", "checksum"),
    ip("ip.src", "source"),
    ip("ip.dst", "destination"),
    number("ip.opt.type", "options[].kind.code"),
    number("ip.opt.type.copy", "options[].copied"),
    number("ip.opt.type.class", "options[].class"),
    number("ip.opt.ra", "options[].value.router_alert"),
];

const IPV6: &[Check] = &[
    number("ipv6.tclass.dscp", "dscp"),
    number("ipv6.tclass.ecn", "ecn"),
    number("ipv6.flow", "flow_label"),
    number("ipv6.plen", "payload_length"),
    number("ipv6.nxt", "next_header"),
    number("ipv6.hlim", "hop_limit"),
    ip("ipv6.src", "source"),
    ip("ipv6.dst", "destination"),
    check("ipv6.fraghdr.offset", "fragment.offset", Form::Times(8)),
    number("ipv6.fraghdr.more", "fragment.more"),
    number("ipv6.fraghdr.ident", "fragment.identification"),
    number(
        "ipv6.hopopts.nxt|ipv6.routing.nxt|ipv6.fraghdr.nxt|ipv6.dstopts.nxt|mip6.proto|ah.next_header",
        "chain[].next_header",
    ),
    number("ipv6.opt.type", "chain[].body.options[].kind.code"),
    number("ipv6.opt.router_alert", "chain[].body.options[].value.router_alert"),
    number("ipv6.opt.jumbo", "chain[].body.options[].value.jumbo_payload"),
    number("ipv6.routing.type", "chain[].body.routing.routing_type.code"),
    number("ipv6.routing.segleft", "chain[].body.routing.segments_left"),
    ip(
        "ipv6.routing.src.addr|ipv6.routing.srh.addr",
        "chain[].body.routing.data.*[]|chain[].body.routing.data.*.segments[]",
    ),
    number("ipv6.routing.srh.last_entry", "chain[].body.routing.data.*.last_entry"),
    number("ipv6.routing.srh.flags", "chain[].body.routing.data.*.flags"),
    raw("ipv6.routing.srh.tag", "chain[].body.routing.data.*.tag"),
    number("ipv6.opt.pmtu.min", "chain[].body.options[].value.minimum_path_mtu.minimum"),
    number("mip6.mhtype", "chain[].body.mobility.message_type.code"),
];

const TCP: &[Check] = &[
    number("tcp.srcport", "source"),
    number("tcp.dstport", "destination"),
    number("tcp.seq_raw", "sequence"),
    number("tcp.ack_raw", "acknowledgment"),
    number("tcp.hdr_len", "header_len"),
    number("tcp.flags", "flags"),
    number("tcp.window_size_value", "window"),
    number("tcp.checksum", "checksum"),
    number("tcp.urgent_pointer", "urgent"),
    number("tcp.option_kind", "options[].kind.code"),
    number("tcp.options.mss_val", "options[].value.maximum_segment_size"),
    number("tcp.options.wscale.shift", "options[].value.window_scale"),
    number("tcp.options.timestamp.tsval", "options[].value.timestamps.value"),
    number("tcp.options.timestamp.tsecr", "options[].value.timestamps.echo_reply"),
    raw("tcp.options.sack_le", "options[].value.sack[].left"),
    raw("tcp.options.sack_re", "options[].value.sack[].right"),
    number("tcp.options.mptcp.subtype", "options[].value.multipath.subtype.code"),
    number("tcp.options.ao.keyid", "options[].value.authentication.key_id"),
    number("tcp.options.ao.rnextkeyid", "options[].value.authentication.next_key_id"),
    number("tcp.options.experimental.exid", "options[].value.experiment"),
];

const UDP: &[Check] = &[
    number("udp.srcport", "source"),
    number("udp.dstport", "destination"),
    number("udp.length", "length"),
    number("udp.checksum", "checksum"),
];

const SCTP: &[Check] = &[
    number("sctp.srcport", "source"),
    number("sctp.dstport", "destination"),
    number("sctp.verification_tag", "verification_tag"),
    number("sctp.checksum", "checksum"),
    number("sctp.chunk_flags", "chunks[].flags"),
    number("sctp.chunk_length", "chunks[].length"),
    number("sctp.chunk_type", "chunks[].kind.code"),
    number("sctp.init_initiate_tag|sctp.initack_initiate_tag", "chunks[].value.init.tag"),
    number("sctp.init_credit|sctp.initack_credit", "chunks[].value.init.receiver_window"),
    number("sctp.init_nr_out_streams|sctp.initack_nr_out_streams", "chunks[].value.init.outbound_streams"),
    number("sctp.init_nr_in_streams|sctp.initack_nr_in_streams", "chunks[].value.init.inbound_streams"),
    number("sctp.init_initial_tsn|sctp.initack_initial_tsn", "chunks[].value.init.initial_tsn"),
    number("sctp.data_tsn_raw", "chunks[].value.data.tsn"),
    number("sctp.data_sid", "chunks[].value.data.stream"),
    number("sctp.data_ssn", "chunks[].value.data.sequence"),
    number("sctp.data_payload_proto_id", "chunks[].value.data.protocol"),
    number("sctp.sack_cumulative_tsn_ack_raw", "chunks[].value.sack.cumulative_tsn"),
    number("sctp.sack_a_rwnd", "chunks[].value.sack.receiver_window"),
    number("sctp.sack_number_of_gap_blocks", "chunks[].value.sack.gaps"),
    number("sctp.sack_number_of_duplicated_tsns", "chunks[].value.sack.duplicates"),
    number("sctp.shutdown_cumulative_tsn_ack", "chunks[].value.cumulative_tsn"),
];

/// Behind the first come those of a packet that is quoted.
const ICMP: &[Check] = &[
    number("icmp.type", "message_type.code").of(Which::First),
    number("icmp.code", "code.code").of(Which::First),
    number("icmp.checksum", "checksum").of(Which::First),
    number("icmp.ident", "detail.*.identifier").of(Which::When("message_type.code", &[0, 8, 42, 43])),
    number("icmp.seq", "detail.echo.sequence").of(Which::When("message_type.code", &[0, 8])),
    number("icmp.ext.echo.seq", "detail.*.sequence").of(Which::When("message_type.code", &[42, 43])),
    number("icmp.ext.echo.req.local", "detail.extended_echo.local"),
    number("icmp.ext.echo.rsp.state", "detail.extended_echo_reply.state"),
    number("icmp.ext.echo.rsp.active", "detail.extended_echo_reply.active"),
    number("icmp.ext.echo.rsp.ipv4", "detail.extended_echo_reply.ipv4"),
    number("icmp.ext.echo.rsp.ipv6", "detail.extended_echo_reply.ipv6"),
    number("icmp.mtu", "detail.next_hop_mtu.mtu"),
    ip("icmp.redir_gw", "detail.redirect.gateway"),
    number("icmp.pointer", "detail.parameter_problem.pointer"),
    ip("icmp.address_mask", "detail.address_mask.mask"),
    ip("ip.src", "original.source").of(Which::First),
    ip("ip.dst", "original.destination").of(Which::First),
    number("ip.proto", "original.protocol").of(Which::First),
    number("ip.len", "original.length").of(Which::First),
    number("ip.ttl", "original.ttl").of(Which::First),
    number("udp.srcport|tcp.srcport|sctp.srcport", "original.ports.source").of(Which::First),
    number("udp.dstport|tcp.dstport|sctp.dstport", "original.ports.destination").of(Which::First),
];

const ICMPV6: &[Check] = &[
    number("icmpv6.type", "message_type.code").of(Which::First),
    number("icmpv6.code", "code.code").of(Which::First),
    number("icmpv6.checksum", "checksum").of(Which::First),
    number("icmpv6.echo.identifier", "detail.echo.identifier")
        .of(Which::When("message_type.code", &[128, 129])),
    number("icmpv6.echo.sequence_number", "detail.echo.sequence")
        .of(Which::When("message_type.code", &[128, 129])),
    number("icmpv6.mtu", "detail.packet_too_big.mtu"),
    number("icmpv6.pointer", "detail.parameter_problem.pointer"),
    ip("ipv6.src", "original.source").of(Which::First),
    ip("ipv6.dst", "original.destination").of(Which::First),
    number("ipv6.plen", "original.length").of(Which::First),
    number("ipv6.hlim", "original.ttl").of(Which::First),
    number("udp.srcport|tcp.srcport|sctp.srcport", "original.ports.source").of(Which::First),
    number("udp.dstport|tcp.dstport|sctp.dstport", "original.ports.destination").of(Which::First),
];
