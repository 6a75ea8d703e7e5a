//! What GRE carries.

use super::*;

/// The IP packet within what GRE carries.
fn within_gre(header: &[u8], packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let frame = ethernet(ethernet::IPV4, &ipv4(47, &[header, packet].concat()));
    let tunnel = read(&frame).tunnel.unwrap();
    tunnel.inner.and_then(|packet| packet.addresses())
}

#[test]
fn ppp_within_gre_is_read_however_it_is_shortened() {
    let packet = ipv4(17, &udp(1, 2, b"x"));
    let addresses = read(&ethernet(ethernet::IPV4, &packet)).addresses();
    let length = |ppp: usize| u16::try_from(ppp + packet.len()).unwrap().to_be_bytes();
    for ppp in [&[0xff, 3, 0, 0x21][..], &[0xff, 3, 0x21], &[0, 0x21], &[0x21]] {
        let [l0, l1] = length(ppp.len());
        let version_1 = [&[0x30, 0x81, 0x88, 0x0b, l0, l1, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2], ppp].concat();
        assert_eq!(within_gre(&version_1, &packet), addresses, "{ppp:?}");
        assert_eq!(within_gre(&[&[0, 0, 0x88, 0x0b], ppp].concat(), &packet), addresses, "{ppp:?}");
    }
    // Another protocol, and an acknowledgment that carries nothing.
    assert_eq!(within_gre(&[0, 0, 0x88, 0x0b, 0xc0, 0x21], &packet), None);
    assert_eq!(within_gre(&[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 7, 0, 0, 0, 2, 0x21], &packet), None);
}

#[test]
fn an_acknowledgment_of_pptp_ends_before_the_padding() {
    let padded = [&[0x20, 0x81, 0x88, 0x0b, 0, 0, 0, 7, 0, 0, 0, 2][..], &[0; 14]].concat();
    let frame = ethernet(ethernet::IPV4, &ipv4(47, &padded));
    let packet = read(&frame);
    assert_eq!((packet.malformed, packet.tunnel.unwrap().length), (None, 0));
}
