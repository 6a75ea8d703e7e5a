//! Where the type of a frame stands, and what it leads to.

use super::*;

#[test]
fn arp_of_another_address_space_was_neither_a_layer_nor_a_fault() {
    let mut other = arp();
    other[1] = 7;
    let frame = ethernet(0x0806, &other);
    let packet = read(&frame);
    let Network::Arp(arp) = packet.network else { panic!("{packet:?}") };
    assert_eq!((arp.hardware_type, arp.addresses), (arp::Hardware::Arcnet, None));
    assert_eq!((packet.addresses(), packet.malformed), (None, None));
}

#[test]
fn the_type_before_a_label_stack_is_the_frame_s() {
    let frame = ethernet(0x8847, &[&[0, 1, 1, 64][..], &ipv4(6, &syn())].concat());
    let packet = read(&frame);
    assert_eq!(packet.ethertype, 0x8847);
    assert!(matches!((packet.network, packet.transport), (Network::Ipv4(_), Transport::Tcp(_))));
}

#[test]
fn a_packet_without_a_link_header_has_no_type() {
    let bytes = ipv4(6, &syn());
    let packet = parse(Link::RawIp, &bytes, None, 0).unwrap();
    assert_eq!((packet.ethertype, packet.is_understood()), (0, true));
}

#[test]
fn a_frame_within_an_ip_packet_was_not_read() {
    let inner = ethernet(0x0806, &arp());
    for frame in [ethernet(0x0800, &ipv4(143, &inner)), ethernet(0x86dd, &ipv6(143, &inner))] {
        let packet = read(&frame);
        assert_eq!((packet.transport, packet.malformed), (Transport::Other(143), None));
        let inner = packet.tunnel.unwrap().inner.unwrap();
        assert!(matches!(inner.network, Network::Arp(_)) && inner.is_inner && inner.ethertype == 0x0806);
    }
}
