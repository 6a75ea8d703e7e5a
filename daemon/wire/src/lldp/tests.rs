//! Tests of whole data units.

use super::*;
use crate::{Layer, MAX_FAULTS, Malformed};

const CHASSIS: &[u8] = &[0x02, 0x07, 4, 0, 0x1b, 0x21, 1, 2, 3];
const PORT: &[u8] = &[0x04, 0x05, 5, b'e', b't', b'h', b'0'];
const LIFETIME: &[u8] = &[0x06, 0x02, 0, 120];
const NAME: &[u8] = &[0x0a, 0x03, b's', b'w', b'1'];
const LAST: &[u8] = &[0, 0];

fn unit(tlvs: &[&[u8]]) -> Vec<u8> {
    tlvs.concat()
}

fn read(bytes: &[u8]) -> Advertisement<'_> {
    parse(Cursor::new(bytes, 0, Layer::Lldp))
}

fn faults(bytes: &[u8]) -> Vec<(u32, Kind)> {
    read(bytes).malformed.iter().map(|m| (m.offset, m.kind)).collect()
}

#[test]
fn a_sound_unit_with_padding_has_no_fault() {
    let bytes = unit(&[CHASSIS, PORT, LIFETIME, NAME, LAST, &[0xaa; 20]]);
    let unit = read(&bytes);
    assert!(unit.is_usable() && !unit.is_shutdown());
    assert_eq!(unit.chassis_id.unwrap().to_string(), "00:1b:21:01:02:03");
    assert_eq!(unit.port_id.unwrap().to_string(), "eth0");
    assert_eq!(unit.ttl, Some(120));
    assert_eq!(unit.system_name.unwrap().to_string(), "sw1");
    assert!(unit.malformed.is_empty());
}

#[test]
fn a_lifetime_of_zero_is_a_shutdown() {
    let bytes = unit(&[CHASSIS, PORT, &[6, 2, 0, 0], LAST]);
    assert!(read(&bytes).is_shutdown() && read(&bytes).is_usable());
}

#[test]
fn a_missing_end_is_named() {
    assert_eq!(faults(&unit(&[CHASSIS, PORT, LIFETIME])), [(20, Kind::Missing)]);
}

#[test]
fn an_end_with_a_value_is_named() {
    assert_eq!(faults(&unit(&[CHASSIS, PORT, LIFETIME, &[0, 1, 7]])), [(20, Kind::Length)]);
}

#[test]
fn a_missing_mandatory_tlv_makes_the_unit_unusable() {
    let bytes = unit(&[CHASSIS, PORT, NAME, LAST]);
    assert_eq!(faults(&bytes), [(23, Kind::Missing)]);
    assert!(!read(&bytes).is_usable());
    assert!(read(&bytes).system_name.is_some());
    assert_eq!(faults(&[]), [(0, Kind::Missing), (0, Kind::Missing)]);
}

#[test]
fn a_wrong_order_is_named_and_the_unit_is_usable() {
    let bytes = unit(&[PORT, CHASSIS, LIFETIME, LAST]);
    assert_eq!(faults(&bytes), [(0, Kind::Order), (7, Kind::Order)]);
    assert!(read(&bytes).is_usable());
}

#[test]
fn the_first_of_two_counts() {
    let bytes = unit(&[CHASSIS, PORT, LIFETIME, LIFETIME, NAME, &[0x0a, 1, b'x'], LAST]);
    assert_eq!(faults(&bytes), [(20, Kind::Duplicate), (29, Kind::Duplicate)]);
    assert_eq!(read(&bytes).system_name, Some(Text(b"sw1")));
}

#[test]
fn a_malformed_tlv_does_not_hide_the_next() {
    let bytes =
        unit(&[CHASSIS, PORT, LIFETIME, &[0x0e, 1, 0], &[0x10, 1, 0], &[0xfe, 2, 0, 0x80], NAME, LAST]);
    assert_eq!(faults(&bytes), [(20, Kind::Short), (23, Kind::Short), (26, Kind::Short)]);
    assert!(read(&bytes).system_name.is_some());
}

#[test]
fn a_length_beyond_the_frame_ends_the_unit() {
    let bytes = unit(&[CHASSIS, PORT, LIFETIME, &[0x0b, 0xff, b'x']]);
    assert_eq!(faults(&bytes), [(20, Kind::Length)]);
    assert!(read(&bytes).is_usable());
    assert_eq!(faults(&unit(&[CHASSIS, PORT, LIFETIME, &[0x0b]])), [(20, Kind::Short)]);
}

#[test]
fn a_cut_capture_is_not_a_missing_tlv() {
    let bytes = unit(&[CHASSIS, PORT]);
    let unit = parse(Cursor::new(&bytes, 60, Layer::Lldp));
    assert_eq!(
        unit.malformed.iter().collect::<Vec<_>>(),
        [&Malformed { layer: Layer::Lldp, offset: 16, kind: Kind::NotCaptured }]
    );
}

#[test]
fn tlvs_of_zero_length_without_end_are_bounded() {
    let bytes = [0x08, 0].repeat(MAX_TLVS + 10);
    let unit = read(&bytes);
    assert_eq!(unit.malformed.first().map_err(|m| m.kind), Err(Kind::Duplicate));
    assert!(unit.malformed.iter().count() == MAX_FAULTS && unit.malformed.omitted() > 0);
    let unknown = [0x14, 0].repeat(MAX_TLVS + 10);
    assert_eq!(read(&unknown).malformed.first().map_err(|m| m.kind), Err(Kind::Limit));
}

#[test]
fn unknown_tlvs_and_organisations_are_kept_as_they_are() {
    let bytes = unit(&[
        CHASSIS,
        PORT,
        LIFETIME,
        &[0x14, 2, 1, 2],
        &[0xfe, 5, 0, 0x90, 0x69, 2, 9],
        &[0xfe, 4, 0, 0x80, 0xc2, 15],
        LAST,
    ]);
    let unit = read(&bytes);
    assert_eq!(unit.unknown, 3);
    assert!(unit.malformed.is_empty());
    assert_eq!(
        unit.opaque[..],
        [
            Opaque { tlv: 10, organisation: None, value: Octets(&[1, 2]) },
            Opaque {
                tlv: 127,
                organisation: Some(Organisation { oui: Oui::Juniper, subtype: 2 }),
                value: Octets(&[9])
            },
            Opaque {
                tlv: 127,
                organisation: Some(Organisation { oui: Oui::Dot1, subtype: 15 }),
                value: Octets(&[])
            },
        ]
    );
}

#[test]
fn many_unknown_tlvs_are_counted_beyond_the_list() {
    let mut bytes = unit(&[CHASSIS, PORT, LIFETIME]);
    bytes.extend([0x14, 0].repeat(100));
    bytes.extend(LAST);
    let unit = read(&bytes);
    assert_eq!((unit.unknown, unit.opaque.len(), unit.omitted), (100, MAX_OPAQUE, 68));
    assert!(unit.malformed.is_empty());
}

#[test]
fn a_text_beyond_its_limit_is_kept_and_named() {
    let mut bytes = unit(&[CHASSIS, PORT, LIFETIME]);
    bytes.extend([0x0d, 0x00]);
    bytes.extend([b'd'; 256]);
    bytes.extend(LAST);
    assert_eq!(faults(&bytes), [(20, Kind::Length)]);
    assert_eq!(read(&bytes).system_description.unwrap().0.len(), 256);
}

#[test]
fn the_organisations_are_asked_in_turn() {
    let power = [0xfe, 12, 0, 0x12, 0x0f, 2, 0x0f, 1, 5, 0x13, 0, 130, 0, 125];
    let med_power = [0xfe, 7, 0, 0x12, 0xbb, 4, 0x53, 0, 65];
    let aggregation = [0xfe, 9, 0, 0x12, 0x0f, 3, 3, 0, 0, 0, 1];
    let bytes = unit(&[CHASSIS, PORT, LIFETIME, &power, &med_power, &aggregation, LAST]);
    assert_eq!(read(&bytes).power_allocated_mw(), Some(12_500));
    assert_eq!(read(&bytes).link_aggregated(), Some(true));
    let bytes = unit(&[CHASSIS, PORT, LIFETIME, &med_power, LAST]);
    assert_eq!(read(&bytes).power_allocated_mw(), Some(6_500));
    assert_eq!(read(&bytes).link_aggregated(), None);
}

#[test]
fn a_description_of_the_device_is_named_by_its_url() {
    let mud = [&[0xfe, 4 + 12, 0, 0, 0x5e, 1][..], b"https://ex/m"].concat();
    let bytes = unit(&[CHASSIS, PORT, LIFETIME, &mud, LAST]);
    assert_eq!(read(&bytes).mud_url, Some(Text(b"https://ex/m")));
    assert!(read(&bytes).malformed.is_empty());
}
