//! LLDP data units with TLVs that no capture has.

use super::{ethernet, join};

const DOT1: [u8; 3] = [0x00, 0x80, 0xc2];
const DOT3: [u8; 3] = [0x00, 0x12, 0x0f];
const PROFINET: [u8; 3] = [0x00, 0x0e, 0xcf];
const CISCO: [u8; 3] = [0x00, 0x01, 0x42];

pub fn frames() -> Vec<Vec<u8>> {
    let address6 = [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9];
    let interface = [2, 0, 0, 0, 3, 0];
    let management = tlv(8, &join(&[&[7, 6, 2, 0, 0, 0, 0, 9], &interface]));
    let aggregation = of(DOT1, 7, &[3, 0, 0, 0, 9]);
    let rest = join(&[&management, &aggregation]);
    vec![
        unit(&[5, 1, 10, 0, 0, 9], &[4, 1, 10, 0, 0, 10], &rest),
        unit(&join(&[&[5, 2], &address6]), &join(&[&[4, 2], &address6]), &rest),
        named(&bridge()),
        named(&profinet()),
        named(&fabric()),
    ]
}

/// TLVs of IEEE 802.1 and 802.3.
fn bridge() -> Vec<u8> {
    let table = [0x01, 0x23, 0x45, 0x67, 10, 20, 30, 40, 0, 0, 0, 0, 2, 2, 2, 2, 0, 1, 255, 0];
    join(&[
        &of(DOT1, 9, &join(&[&[0xc3], &table])),
        &of(DOT1, 10, &join(&[&[0], &table])),
        &of(DOT1, 11, &[0x44, 0x08]),
        &of(DOT3, 5, &[0, 17, 0, 18, 0, 19, 0, 20, 0, 21]),
        &of(DOT3, 7, &[0, 0x15]),
    ])
}

fn profinet() -> Vec<u8> {
    let octets: Vec<u8> = (1..=54).collect();
    join(&[
        &of(PROFINET, 1, &octets[..20]),
        &of(PROFINET, 2, &[0, 2, 0x30, 4]),
        &of(PROFINET, 4, &join(&[&octets[..16], &[0, 2]])),
        &of(PROFINET, 5, &octets[..6]),
        &of(PROFINET, 6, &join(&[&octets[..38], &[0x80, 0, 0, 1], &octets[42..]])),
        &of(PROFINET, 9, &octets[1..17]),
        &of(PROFINET, 10, &[5, 1, 192, 0, 2, 1]),
        &of(PROFINET, 11, &octets[2..18]),
        &of(PROFINET, 12, &octets[3..19]),
        &of(PROFINET, 13, &join(&[&[0, 32], &octets[..24]])),
    ])
}

/// A node of Cisco's fabric.
fn fabric() -> Vec<u8> {
    let controllers =
        b"\x01\x0a\0\0\x018af24b6e-0c1a-4b0e-9f5e-0123456789ab\x02\x0a\0\0\x028af24b6e-0c1a-4b0e-9f5e-ba9876543210";
    let tlvs: [(u8, &[u8]); 18] = [
        (1, &[0x0d]),
        (0xc9, &[1]),
        (0xca, &[1]),
        (0xcb, &[0, 0, 0, 101]),
        (0xcc, &[1]),
        (0xcd, &[0, 1]),
        (0xce, b"fabric"),
        (0xcf, controllers),
        (0xd0, &[10, 0, 32, 95]),
        (0xd1, &[2]),
        (0xd2, b"n9000-12.1(2e)"),
        (0xd3, &[0x0f, 0xa1]),
        (0xd4, b"SAL1"),
        (0xd6, b"N9K"),
        (0xd7, b"leaf101"),
        (0xd8, &[0, 1]),
        (0xda, &[1]),
        (0xdb, &[0, 7]),
    ];
    tlvs.iter().flat_map(|(subtype, value)| of(CISCO, *subtype, value)).collect()
}

fn named(tlvs: &[u8]) -> Vec<u8> {
    unit(&[4, 2, 0, 0, 0, 0, 1], b"\x05eth0", tlvs)
}

fn unit(chassis: &[u8], port: &[u8], tlvs: &[u8]) -> Vec<u8> {
    let head = join(&[&tlv(1, chassis), &tlv(2, port), &tlv(3, &[0, 120])]);
    ethernet(0x88cc, &join(&[&head, tlvs, &tlv(0, &[])]))
}

fn of(oui: [u8; 3], subtype: u8, value: &[u8]) -> Vec<u8> {
    tlv(127, &join(&[&oui, &[subtype], value]))
}

fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
    let header = u16::from(kind) << 9 | u16::try_from(value.len()).unwrap();
    join(&[&header.to_be_bytes(), value])
}
