//! Tests of whole frames, written by an independent encoder (`pnet_packet`).

use std::net::{Ipv4Addr, Ipv6Addr};

use pnet_packet::{
    arp::{ArpHardwareTypes, ArpOperations, MutableArpPacket},
    ethernet::{EtherTypes, MutableEthernetPacket},
    icmp::{IcmpTypes, MutableIcmpPacket},
    ipv4::MutableIpv4Packet,
    ipv6::MutableIpv6Packet,
    tcp::{MutableTcpPacket, TcpOption},
    udp::MutableUdpPacket,
    vlan::{ClassOfService, MutableVlanPacket},
};
use proptest::prelude::*;

use super::*;
use crate::{Kind, Layer, ethernet::Address};

mod gre;
mod monitored;
mod types;

const CLIENT: [u8; 6] = [0x02, 0, 0, 0, 0, 1];
const SERVER: [u8; 6] = [0x00, 0x1b, 0x21, 0, 0, 2];

fn ethernet(ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut frame = MutableEthernetPacket::owned(vec![0; 14 + payload.len()]).unwrap();
    frame.set_source(CLIENT.into());
    frame.set_destination(SERVER.into());
    frame.set_ethertype(pnet_packet::ethernet::EtherType(ethertype));
    frame.set_payload(payload);
    frame.consume_to_immutable().packet_vec()
}

fn vlan(vid: u16, ethertype: u16, payload: &[u8]) -> Vec<u8> {
    let mut tag = MutableVlanPacket::owned(vec![0; 4 + payload.len()]).unwrap();
    tag.set_priority_code_point(ClassOfService(3));
    tag.set_vlan_identifier(vid);
    tag.set_ethertype(pnet_packet::ethernet::EtherType(ethertype));
    tag.set_payload(payload);
    tag.consume_to_immutable().packet_vec()
}

fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
    let length = 20 + payload.len();
    let mut packet = MutableIpv4Packet::owned(vec![0; length]).unwrap();
    packet.set_version(4);
    packet.set_header_length(5);
    packet.set_total_length(u16::try_from(length).unwrap());
    packet.set_ttl(64);
    packet.set_next_level_protocol(pnet_packet::ip::IpNextHeaderProtocol(protocol));
    packet.set_source(Ipv4Addr::new(10, 0, 0, 1));
    packet.set_destination(Ipv4Addr::new(10, 0, 0, 2));
    packet.set_payload(payload);
    packet.consume_to_immutable().packet_vec()
}

fn ipv6(next_header: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = MutableIpv6Packet::owned(vec![0; 40 + payload.len()]).unwrap();
    packet.set_version(6);
    packet.set_payload_length(u16::try_from(payload.len()).unwrap());
    packet.set_next_header(pnet_packet::ip::IpNextHeaderProtocol(next_header));
    packet.set_hop_limit(64);
    packet.set_source(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1));
    packet.set_destination(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));
    packet.set_payload(payload);
    packet.consume_to_immutable().packet_vec()
}

fn udp(source: u16, destination: u16, payload: &[u8]) -> Vec<u8> {
    let length = 8 + payload.len();
    let mut datagram = MutableUdpPacket::owned(vec![0; length]).unwrap();
    datagram.set_source(source);
    datagram.set_destination(destination);
    datagram.set_length(u16::try_from(length).unwrap());
    datagram.set_payload(payload);
    datagram.consume_to_immutable().packet_vec()
}

fn syn() -> Vec<u8> {
    let mut segment = MutableTcpPacket::owned(vec![0; 40]).unwrap();
    segment.set_source(40_000);
    segment.set_destination(443);
    segment.set_sequence(7);
    segment.set_flags(0x02);
    segment.set_window(64_240);
    segment.set_data_offset(10);
    segment.set_options(&[
        TcpOption::mss(1460),
        TcpOption::sack_perm(),
        TcpOption::timestamp(11, 0),
        TcpOption::nop(),
        TcpOption::wscale(7),
    ]);
    segment.consume_to_immutable().packet_vec()
}

fn dhcp() -> Vec<u8> {
    let mut message = vec![1, 1, 6, 0, 1, 2, 3, 4];
    message.resize(28, 0);
    message.extend(CLIENT);
    message.resize(236, 0);
    message.extend(crate::dhcpv4::COOKIE);
    message.extend([53, 1, 1, 12, 2, b'p', b'c', 255]);
    message
}

fn lldp() -> Vec<u8> {
    vec![2, 7, 4, 0, 0x1b, 0x21, 0, 0, 2, 4, 3, 5, b'e', b'0', 6, 2, 0, 120, 10, 2, b's', b'w', 0, 0]
}

/// One sound frame of each shape.
fn frames() -> Vec<Vec<u8>> {
    let routed = [&[6, 0, 0, 0, 0, 0, 0, 0][..], &syn()].concat();
    vec![
        ethernet(0x0800, &ipv4(6, &syn())),
        ethernet(0x0800, &ipv4(17, &udp(68, 67, &dhcp()))),
        ethernet(0x86dd, &ipv6(6, &syn())),
        ethernet(0x86dd, &ipv6(43, &routed)),
        ethernet(0x86dd, &ipv6(17, &udp(53, 5300, b"x"))),
        ethernet(0x88a8, &vlan(100, 0x8100, &vlan(200, 0x0800, &ipv4(6, &syn())))),
        ethernet(0x88cc, &lldp()),
        ethernet(0x0806, &arp()),
        ethernet(7, &[0x42, 0x42, 3, 0, 0, 0, 0x80]),
    ]
}

fn arp() -> Vec<u8> {
    let mut packet = MutableArpPacket::owned(vec![0; 28]).unwrap();
    packet.set_hardware_type(ArpHardwareTypes::Ethernet);
    packet.set_protocol_type(EtherTypes::Ipv4);
    packet.set_hw_addr_len(6);
    packet.set_proto_addr_len(4);
    packet.set_operation(ArpOperations::Reply);
    packet.set_sender_hw_addr(CLIENT.into());
    packet.set_sender_proto_addr(Ipv4Addr::new(10, 0, 0, 1));
    packet.set_target_hw_addr(SERVER.into());
    packet.set_target_proto_addr(Ipv4Addr::new(10, 0, 0, 2));
    packet.consume_to_immutable().packet_vec()
}

trait PacketVec {
    fn packet_vec(&self) -> Vec<u8>;
}

impl<T: pnet_packet::Packet> PacketVec for T {
    fn packet_vec(&self) -> Vec<u8> {
        self.packet().to_vec()
    }
}

fn read(frame: &[u8]) -> Packet<'_> {
    parse(Link::Ethernet, frame, None, u32::try_from(frame.len()).unwrap()).unwrap()
}

fn fault(frame: &[u8], wire_len: u32) -> Option<(Layer, u32, Kind)> {
    parse(Link::Ethernet, frame, None, wire_len).unwrap().malformed.map(|m| (m.layer, m.offset, m.kind))
}

#[test]
fn a_tcp_segment_is_read_as_it_was_written() {
    let frame = ethernet(0x0800, &ipv4(6, &syn()));
    let packet = read(&frame);
    assert_eq!(packet.malformed, None);
    assert_eq!(packet.source().unwrap(), Address(CLIENT));
    assert_eq!(packet.destination().unwrap(), Address(SERVER));
    assert_eq!(packet.addresses(), Some(([10, 0, 0, 1].into(), [10, 0, 0, 2].into())));
    let Transport::Tcp(tcp) = packet.transport else { panic!("{packet:?}") };
    assert_eq!((tcp.source, tcp.destination, tcp.sequence, tcp.window), (40_000, 443, 7, 64_240));
    assert_eq!(tcp.flags, tcp::Flags::SYN);
    assert_eq!((tcp.options.maximum_segment_size(), tcp.options.window_scale()), (Some(1460), Some(7)));
    assert_eq!(tcp.options.timestamps().map(|t| t.value), Some(11));
    assert!(tcp.options.sack_permitted());
}

#[test]
fn a_udp_datagram_over_ipv6_is_read_as_it_was_written() {
    let frame = ethernet(0x86dd, &ipv6(17, &udp(1000, 2000, b"payload")));
    let packet = read(&frame);
    assert_eq!(packet.malformed, None);
    assert!(
        matches!(packet.transport, Transport::Udp(u) if (u.source, u.destination, u.length) == (1000, 2000, 15))
    );
    let Network::Ipv6(header) = packet.network else { panic!("{packet:?}") };
    assert_eq!(header.destination, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 2));
}

#[test]
fn icmp_belongs_to_ipv4_and_icmpv6_to_ipv6() {
    let mut echo = MutableIcmpPacket::owned(vec![0; 8]).unwrap();
    echo.set_icmp_type(IcmpTypes::EchoRequest);
    let echo = echo.consume_to_immutable().packet_vec();
    let frame = ethernet(0x0800, &ipv4(1, &echo));
    assert!(matches!(read(&frame).transport, Transport::Icmp(i) if i.message_type.code() == 8));
    let frame = ethernet(0x86dd, &ipv6(58, &echo));
    assert!(matches!(read(&frame).transport, Transport::Icmpv6(i) if i.message_type.code() == 8));
    assert_eq!(read(&ethernet(0x86dd, &ipv6(1, &echo))).transport, Transport::Other(1));
    assert_eq!(read(&ethernet(0x0800, &ipv4(58, &echo))).transport, Transport::Other(58));
}

#[test]
fn arp_is_read_as_it_was_written() {
    let frame = ethernet(0x0806, &arp());
    let packet = read(&frame);
    assert_eq!(packet.addresses(), Some(([10, 0, 0, 1].into(), [10, 0, 0, 2].into())));
    let Network::Arp(arp) = packet.network else { panic!("{packet:?}") };
    assert_eq!(arp.operation, arp::Operation::Reply);
    assert_eq!(arp.addresses.map(|a| a.target_hardware), Some(Address(SERVER)));
}

#[test]
fn two_tags_are_read_and_the_outer_one_names_the_vlan() {
    let frame = ethernet(0x88a8, &vlan(100, 0x8100, &vlan(200, 0x0800, &ipv4(6, &syn()))));
    let packet = read(&frame);
    assert_eq!(packet.vlan(), Some(100));
    assert_eq!(
        packet.tags.iter().map(|t| (t.tpid, t.vid(), t.priority())).collect::<Vec<_>>(),
        [(vlan::SERVICE, 100, 3), (vlan::CUSTOMER, 200, 3)]
    );
    assert!(matches!(packet.transport, Transport::Tcp(_)));
}

#[test]
fn a_stripped_tag_is_the_outermost() {
    let frame = ethernet(0x8100, &vlan(200, 0x0800, &ipv4(6, &syn())));
    let stripped = vlan::Tag { tpid: vlan::SERVICE, tci: 100 };
    let packet = parse(Link::Ethernet, &frame, Some(stripped), 0).unwrap();
    assert_eq!(packet.tags.iter().map(|t| t.vid()).collect::<Vec<_>>(), [100, 200]);
    assert_eq!(packet.vlan(), Some(100));
    assert_eq!(packet.malformed, None);
}

#[test]
fn a_priority_tag_names_no_vlan() {
    let inner = vlan(7, 0x0800, &ipv4(6, &syn()));
    assert_eq!(read(&ethernet(0x8100, &vlan(0, 0x8100, &inner))).vlan(), Some(7));
    assert_eq!(read(&ethernet(0x8100, &vlan(0, 0x0800, &ipv4(6, &syn())))).vlan(), None);
}

#[test]
fn a_tag_beyond_the_bound_is_not_understood_and_not_malformed() {
    let tagged = |count| {
        (0..count).fold(ipv4(6, &syn()), |inner, at| vlan(at, if at == 0 { 0x0800 } else { 0x8100 }, &inner))
    };
    let bound = u16::try_from(vlan::MAX_TAGS).unwrap();
    let frame = ethernet(0x8100, &tagged(bound));
    assert!(matches!(read(&frame).transport, Transport::Tcp(_)));
    let frame = ethernet(0x8100, &tagged(bound + 1));
    let packet = read(&frame);
    assert_eq!((packet.ethertype, packet.is_understood(), packet.malformed), (0x8100, false, None));
}

#[test]
fn a_payload_left_out_by_the_capture_is_not_malformed() {
    let frame = ethernet(0x0800, &ipv4(6, &[&syn()[..], &[0; 1000]].concat()));
    assert_eq!(fault(&frame[..74], 1074), None);
    assert_eq!(fault(&frame[..74], 1080), None);
    assert_eq!(fault(&frame[..74], 1073), Some((Layer::Ipv4, 14, Kind::Length)));
    let datagram = ethernet(0x0800, &ipv4(17, &udp(1, 2, &[0; 1000])));
    assert_eq!(fault(&datagram[..42], 1042), None);
}

#[test]
fn a_total_length_beyond_the_wire_leaves_the_transport_readable() {
    let mut frame = ethernet(0x0800, &ipv4(6, &syn()));
    frame[16] = 0xff;
    let packet = read(&frame);
    assert_eq!(packet.malformed.map(|m| m.kind), Some(Kind::Length));
    assert!(matches!(packet.transport, Transport::Tcp(_)));
}

#[test]
fn padding_behind_the_packet_is_ignored() {
    let mut frame = ethernet(0x0800, &ipv4(17, &udp(1, 2, &[])));
    frame.resize(60, 0xee);
    assert_eq!(fault(&frame, 60), None);
    let mut frame = ethernet(0x0800, &ipv4(6, &syn()[..12]));
    frame.resize(80, 0);
    assert_eq!(fault(&frame, 80), Some((Layer::Tcp, 34, Kind::Short)));
}

#[test]
fn options_are_stepped_over_to_the_transport() {
    let mut packet = ipv4(6, &[&[7, 3, 4, 0][..], &syn()].concat());
    packet[0] = 0x46;
    assert!(matches!(read(&ethernet(0x0800, &packet)).transport, Transport::Tcp(t) if t.destination == 443));
}

#[test]
fn a_malformed_option_does_not_hide_the_transport() {
    let mut packet = ipv4(6, &[&[148, 3, 0, 0][..], &syn()].concat());
    packet[0] = 0x46;
    let frame = ethernet(0x0800, &packet);
    assert_eq!(fault(&frame, 0), Some((Layer::Ipv4, 34, Kind::Length)));
    assert!(matches!(read(&frame).transport, Transport::Tcp(t) if t.destination == 443));
    let frame = ethernet(0x86dd, &ipv6(60, &[&[6, 0, 5, 9, 0, 0, 0, 0][..], &syn()].concat()));
    assert_eq!(fault(&frame, 0), Some((Layer::Ipv6, 56, Kind::Length)));
    assert!(matches!(read(&frame).transport, Transport::Tcp(t) if t.destination == 443));
}

#[test]
fn a_later_fragment_has_no_transport_header() {
    let mut packet = ipv4(17, &udp(68, 67, &dhcp()));
    packet[6] = 0x20;
    let first = ethernet(0x0800, &packet);
    assert!(matches!(read(&first).transport, Transport::Udp(_)));
    assert_eq!(read(&first).application, Application::None);
    packet[7] = 1;
    assert_eq!(read(&ethernet(0x0800, &packet)).transport, Transport::Fragment);
    let v6 = ipv6(44, &[&[17, 0, 0, 9, 0, 0, 0, 1][..], &udp(1, 2, b"x")].concat());
    assert_eq!(read(&ethernet(0x86dd, &v6)).transport, Transport::Fragment);
}

#[test]
fn the_length_of_a_first_fragment_may_exceed_it() {
    let mut datagram = udp(1, 2, &[0; 64]);
    datagram[4] = 0x10;
    let mut packet = ipv4(17, &datagram);
    assert_eq!(fault(&ethernet(0x0800, &packet), 0), Some((Layer::Udp, 42, Kind::Length)));
    packet[6] = 0x20;
    assert_eq!(fault(&ethernet(0x0800, &packet), 0), None);
}

#[test]
fn dhcp_is_read_within_the_udp_length_only() {
    let mut datagram = udp(68, 67, &dhcp());
    let cut = 8 + 240 + 3;
    datagram[4..6].copy_from_slice(&u16::try_from(cut).unwrap().to_be_bytes());
    let frame = ethernet(0x0800, &ipv4(17, &datagram));
    let packet = read(&frame);
    let Application::Dhcpv4(message) = &packet.application else { panic!("{packet:?}") };
    assert_eq!(message.options.message_type, Some(dhcpv4::MessageType::Discover));
    assert_eq!(message.options.hostname, None);
    assert_eq!(packet.malformed.map(|m| m.kind), Some(Kind::Missing));
}

#[test]
fn another_protocol_on_a_dhcp_port_is_malformed_dhcp_and_sound_udp() {
    let frame = ethernet(0x0800, &ipv4(17, &udp(68, 67, &[9; 300])));
    let packet = read(&frame);
    assert!(matches!(packet.transport, Transport::Udp(_)));
    assert_eq!(packet.application, Application::None);
    assert_eq!(packet.malformed, Some(Malformed { layer: Layer::Dhcpv4, offset: 42, kind: Kind::Value }));
}

#[test]
fn a_fault_in_an_lldp_unit_is_the_frame_s_fault() {
    let mut unit = lldp();
    unit.truncate(unit.len() - 2);
    let frame = ethernet(0x88cc, &unit);
    let packet = read(&frame);
    assert_eq!(packet.malformed, Some(Malformed { layer: Layer::Lldp, offset: 36, kind: Kind::Missing }));
    assert!(matches!(&packet.network, Network::Lldp(a) if a.is_usable()));
}

#[test]
fn an_llc_frame_ends_where_its_length_says() {
    let frame = ethernet(7, &[0x42, 0x42, 3, 0, 0, 0, 0x80, 0xaa, 0xaa]);
    let packet = read(&frame);
    assert_eq!((packet.ethertype, packet.malformed), (7, None));
    assert!(matches!(&packet.network, Network::Bpdu(bpdu) if bpdu.is_spanning_tree()));
}

#[test]
fn an_llc_length_beyond_the_frame_is_a_fault_and_what_is_there_is_read() {
    let frame = ethernet(0x0026, &[0x42, 0x42, 3, 0, 0, 0, 0x80]);
    let packet = read(&frame);
    assert_eq!(packet.malformed, Some(Malformed { layer: Layer::Ethernet, offset: 14, kind: Kind::Length }));
    assert!(matches!(&packet.network, Network::Bpdu(_)));
}

#[test]
fn an_llc_frame_of_another_service_is_neither_understood_nor_malformed() {
    let frame = ethernet(3, &[0xf0, 0xf0, 3]);
    let packet = read(&frame);
    assert_eq!((packet.is_understood(), packet.malformed), (false, None));
}

#[test]
fn a_packet_stays_small_enough_to_be_handed_over_by_value() {
    assert!(size_of::<Packet>() <= 224, "{}", size_of::<Packet>());
}

#[test]
fn a_sound_frame_has_no_fault() {
    for frame in frames() {
        assert_eq!(read(&frame).malformed, None, "{frame:02x?}");
    }
}

#[test]
fn a_frame_cut_anywhere_gives_what_was_before_the_cut() {
    for frame in frames() {
        let wire_len = u32::try_from(frame.len()).unwrap();
        for cut in 0..frame.len() {
            let part = &frame[..cut];
            for wire_len in [u32::try_from(cut).unwrap(), wire_len] {
                match parse(Link::Ethernet, part, None, wire_len) {
                    Ok(packet) => {
                        assert_eq!(packet.framing, read(&frame).framing);
                        let fault = packet.malformed.map(|m| m.kind);
                        if wire_len > u32::try_from(cut).unwrap() {
                            assert!(matches!(fault, None | Some(Kind::NotCaptured)), "{fault:?} at {cut}");
                        }
                    }
                    Err(error) => assert!(cut < 14 && error.layer == Layer::Ethernet, "{error} at {cut}"),
                }
            }
        }
    }
}

/// Reads a frame and everything that can be asked of it.
fn exercise(bytes: &[u8], wire_len: u32) {
    let Ok(packet) = parse(Link::Ethernet, bytes, Some(vlan::Tag { tpid: vlan::CUSTOMER, tci: 5 }), wire_len)
    else {
        assert!(bytes.len() < ethernet::HEADER_LEN);
        return;
    };
    if let Some(malformed) = packet.malformed {
        assert!(usize::try_from(malformed.offset).unwrap() <= bytes.len());
    }
    crate::plain::tests::agree(crate::plain(bytes, wire_len), &packet);
    // Everything is shown once, so that no accessor is left out.
    let _ = (packet.vlan(), packet.addresses(), packet.is_understood(), format!("{packet:?}"));
    if let Network::Lldp(a) = &packet.network {
        let shown = (a.chassis_id.map(|i| i.to_string()), a.port_id.map(|i| i.to_string()));
        let _ = (shown, a.power_allocated_mw(), a.link_aggregated(), a.med.voice_vlan());
        for address in &a.management_addresses {
            let _ = address.address.to_string();
        }
    }
    if let Application::Dhcpv4(m) = &packet.application {
        let _ = (m.mac(), m.options.client_identifier.as_ref().map(|c| c.iaid_and_duid().is_some()));
        let _ = m.options.relay_agent.as_ref().map(|r| r.sub_options.len());
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), wire_len in any::<u32>()) {
        exercise(&bytes, wire_len);
    }

    #[test]
    fn any_bytes_behind_a_sound_start_are_read_without_panic(
        which in 0..9_usize,
        keep in any::<prop::sample::Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        wire_len in 0..2000_u32,
    ) {
        let mut frame = frames().swap_remove(which);
        frame.truncate(keep.index(frame.len()));
        frame.extend(bytes);
        exercise(&frame, wire_len);
    }

    #[test]
    fn a_mutated_and_cut_frame_is_read_without_panic(
        which in 0..9_usize,
        mutations in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        wire_len in 0..2000_u32,
    ) {
        let mut frame = frames().swap_remove(which);
        for (at, value) in mutations {
            let at = at.index(frame.len());
            frame[at] = value;
        }
        exercise(&frame, wire_len);
        frame.truncate(cut.index(frame.len()));
        exercise(&frame, wire_len);
    }
}

#[test]
fn every_octet_of_a_frame_may_have_every_value() {
    for frame in frames() {
        for at in 0..frame.len() {
            let mut mutated = frame.clone();
            for value in 0..=u8::MAX {
                mutated[at] = value;
                exercise(&mutated, 0);
            }
        }
    }
}
