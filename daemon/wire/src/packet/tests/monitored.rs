//! Prism and AVS headers, of a capture and within TZSP.

use super::*;
use crate::{avs, ieee80211, prism};

/// A data frame from an access point, with ARP.
fn radio() -> Vec<u8> {
    let head = [0x08, 0x02, 0, 0, 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 3, 2, 0, 0, 0, 0, 1, 0x30, 1];
    let arp = [0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 10, 0, 0, 1, 0, 0, 0, 0, 0, 0, 10, 0, 0, 2];
    [&head[..], &[0xaa, 0xaa, 3, 0, 0, 0, 8, 6], &arp].concat()
}

fn behind_prism() -> Vec<u8> {
    let mut header = vec![0; prism::HEADER_LEN];
    (header[0], header[4]) = (0x44, 144);
    [header, radio()].concat()
}

fn behind_avs() -> Vec<u8> {
    let mut header = vec![0; avs::HEADER_LEN[1]];
    header[..8].copy_from_slice(&[0x80, 0x21, 0x10, 2, 0, 0, 0, 80]);
    [header, radio()].concat()
}

fn headers(framing: &Framing<'_>) -> [bool; 3] {
    let Framing::Wireless(frame) = framing else { panic!("{framing:?}") };
    let header = frame.header.as_ref().map(|header: &ieee80211::Header| header.source);
    assert_eq!(header, Some(Some(ethernet::Address([2, 0, 0, 0, 0, 1]))));
    [frame.prism.is_some(), frame.avs.is_some(), frame.radiotap.is_some()]
}

#[test]
fn what_the_first_octets_say_counts_and_not_the_number_of_the_link() {
    for link in [Link::Prism, Link::Avs] {
        for (bytes, expected) in
            [(behind_prism(), [true, false, false]), (behind_avs(), [false, true, false])]
        {
            let packet = parse(link, &bytes, None, 0).unwrap();
            assert_eq!((headers(&packet.framing), packet.malformed), (expected, None));
            assert!(matches!(packet.network, Network::Arp(_)));
        }
    }
}

#[test]
fn a_cut_before_the_first_octets_say_which_header_it_is_is_no_fault() {
    for bytes in [behind_prism(), behind_avs()] {
        for cut in 0..bytes.len() {
            let wire_len = u32::try_from(bytes.len()).unwrap();
            let packet = parse(Link::Prism, &bytes[..cut], None, wire_len).unwrap();
            assert_eq!(packet.malformed.map(|m| m.kind), Some(Kind::NotCaptured), "{cut}");
        }
    }
}

#[test]
fn they_are_read_within_tzsp() {
    for (kind, inner, expected) in [
        (119, behind_prism(), [true, false, false]),
        (127, behind_avs(), [false, true, false]),
        (119, behind_avs(), [false, true, false]),
    ] {
        let tzsp = [&[1, 0, 0, kind, 1][..], &inner].concat();
        let packet = ipv4(17, &udp(50_000, 37_008, &tzsp));
        let packet = parse(Link::Ipv4, &packet, None, 0).unwrap();
        let tunnel = packet.tunnel.unwrap();
        assert_eq!((tunnel.length, packet.malformed), (inner.len(), None));
        assert_eq!(headers(&tunnel.inner.unwrap().framing), expected);
    }
}
