//! Tests of whole frames.

use proptest::prelude::*;

use super::*;

fn frame(packet_type: u8, body: &[u8]) -> Vec<u8> {
    [&[2, packet_type][..], &u16::try_from(body.len()).unwrap().to_be_bytes(), body].concat()
}

fn read(bytes: &[u8]) -> Message<'_> {
    parse(Cursor::new(bytes, 0, Layer::Eapol)).unwrap()
}

fn faults(bytes: &[u8]) -> Vec<(Layer, u32, Kind)> {
    read(bytes).malformed.iter().map(|m| (m.layer, m.offset, m.kind)).collect()
}

/// The first message of a handshake of four.
fn key(descriptor_type: u8) -> Vec<u8> {
    let head = [descriptor_type, 0, 0x8a, 0, 16, 0, 0, 0, 0, 0, 0, 0, 1];
    [&head[..], &[0xaa; 32], &[0xbb; 50]].concat()
}

#[test]
fn the_eap_packet_is_read_and_padding_is_not() {
    let bytes = [frame(0, b"\x02\x07\x00\x08\x01ann"), vec![0; 30]].concat();
    let message = read(&bytes);
    assert_eq!((message.version, message.packet_type, message.body_length), (2, PacketType::Eap, 8));
    assert_eq!(message.eap.unwrap().identity.unwrap().to_string(), "ann");
    assert_eq!(faults(&bytes), []);
}

#[test]
fn a_key_frame_is_told_by_its_bits() {
    for descriptor in [DescriptorType::Rsn, DescriptorType::Wpa] {
        let bytes = frame(3, &key(descriptor.code()));
        let key = read(&bytes).key.unwrap();
        assert_eq!(
            (key.descriptor_type, key.key_length, key.has_replay_counter),
            (descriptor, Some(16), true)
        );
        let information = key.information.unwrap();
        assert_eq!(information.descriptor_version(), 2);
        assert!(information.contains(KeyInformation::PAIRWISE) && information.contains(KeyInformation::ACK));
        assert!(!information.contains(KeyInformation::MIC) && !information.contains(KeyInformation::SECURE));
    }
}

#[test]
fn no_key_nonce_or_counter_becomes_a_value() {
    let bytes = frame(3, &key(2));
    let shown = format!("{:?}", read(&bytes));
    assert!(
        !shown.contains("aa") && !shown.contains("170") && !shown.contains("bb") && !shown.contains("187")
    );
}

#[test]
fn an_rc4_descriptor_has_no_key_information() {
    let bytes = frame(3, &[&[1, 0, 13][..], &[7; 41]].concat());
    let key = read(&bytes).key.unwrap();
    assert_eq!((key.information, key.key_length, key.has_replay_counter), (None, Some(13), true));
    let unknown = read(&frame(3, &[9, 1, 2])).key.unwrap();
    assert_eq!((unknown.descriptor_type, unknown.key_length), (DescriptorType::Unknown(9), None));
}

#[test]
fn a_key_frame_that_ends_early_is_named_and_read_as_far() {
    let bytes = frame(3, &key(2)[..6]);
    let key = read(&bytes).key.unwrap();
    assert_eq!((key.key_length, key.has_replay_counter), (Some(16), false));
    assert_eq!(faults(&bytes), [(Layer::Eapol, 9, Kind::Short)]);
    assert_eq!(faults(&frame(3, &[])), [(Layer::Eapol, 4, Kind::Short)]);
}

#[test]
fn frames_without_body_are_named_by_type() {
    for (code, name) in [(1, "start"), (2, "logoff"), (5, "mka"), (77, "unknown")] {
        let bytes = frame(code, &[]);
        let message = read(&bytes);
        assert_eq!((message.packet_type.name(), message.eap, message.key), (name, None, None));
    }
}

#[test]
fn an_eap_frame_without_packet_is_named() {
    let bytes = [0x9b, 0, 0, 0, 0, 4];
    assert_eq!(faults(&bytes), [(Layer::Eap, 4, Kind::Short)]);
    assert_eq!((read(&bytes).version, read(&bytes).eap), (155, None));
}

#[test]
fn a_body_length_beyond_the_frame_is_named() {
    let bytes = [1, 0, 0, 20, 3, 7, 0, 4];
    assert_eq!(faults(&bytes), [(Layer::Eapol, 4, Kind::Length)]);
    assert_eq!(read(&bytes).eap.unwrap().succeeded(), Some(true));
    let cut = parse(Cursor::new(&bytes, 24, Layer::Eapol)).unwrap();
    assert!(cut.malformed.is_empty());
    assert_eq!(faults(&[0, 1, 0, 0]), [(Layer::Eapol, 0, Kind::Version)]);
    assert_eq!(parse(Cursor::new(&[1, 0, 0], 0, Layer::Eapol)).unwrap_err().kind, Kind::Short);
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(
        version in 1..=255_u8, information in any::<u16>(), length in any::<u16>(), tail in prop::collection::vec(any::<u8>(), 8..200),
    ) {
        let body = [&[2][..], &information.to_be_bytes(), &length.to_be_bytes(), &tail].concat();
        let mut bytes = frame(3, &body);
        bytes[0] = version;
        let message = read(&bytes);
        prop_assert!(message.malformed.is_empty() && message.version == version);
        let key = Key {
            descriptor_type: DescriptorType::Rsn,
            information: Some(KeyInformation(information)),
            key_length: Some(length),
            has_replay_counter: true,
        };
        prop_assert_eq!(message.key, Some(key));
    }

    #[test]
    fn arbitrary_octets_are_read_to_an_end(
        bytes in prop::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..200), wire_len in 0..600_u32,
    ) {
        if let Ok(message) = parse(Cursor::new(&bytes, wire_len, Layer::Eapol)) {
            prop_assert!(message.malformed.iter().all(|m| matches!(m.layer, Layer::Eapol | Layer::Eap)));
        }
    }
}
