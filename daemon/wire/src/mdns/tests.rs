//! Tests of whole messages.

use proptest::prelude::*;

use super::*;
use crate::Layer;

fn name(labels: &[&str]) -> Vec<u8> {
    let label = |l: &&str| [&[u8::try_from(l.len()).unwrap()], l.as_bytes()].concat();
    labels.iter().flat_map(label).chain([0]).collect()
}

fn question(name: &[u8], record_type: u8) -> Vec<u8> {
    [name, &[0, record_type, 0, 1]].concat()
}

fn record(name: &[u8], record_type: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [name, &[0, record_type, 0x80, 1, 0, 0, 0x11, 0x94], &length, data].concat()
}

fn query(questions: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(questions.len()).unwrap().to_be_bytes();
    [&[0, 0, 0, 0][..], &count, &[0; 6], &questions.concat()].concat()
}

fn response(answers: &[Vec<u8>]) -> Vec<u8> {
    let count = u16::try_from(answers.len()).unwrap().to_be_bytes();
    [&[0, 0, 0x84, 0, 0, 0][..], &count, &[0; 4], &answers.concat()].concat()
}

fn read(bytes: &[u8]) -> Message<'_> {
    parse(Cursor::new(bytes, 0, Layer::Mdns)).unwrap()
}

fn faults(bytes: &[u8]) -> Vec<(u32, Kind)> {
    read(bytes).malformed.iter().map(|m| (m.offset, m.kind)).collect()
}

fn shown(types: &[ServiceType<'_>]) -> Vec<String> {
    types.iter().map(ServiceType::to_string).collect()
}

const PTR: u8 = 12;
const SRV: u8 = 33;

#[test]
fn the_header_is_read() {
    let bytes = [0x12, 0x34, 0x86, 0x03, 0, 0, 0, 0, 0, 0, 0, 0];
    let message = read(&bytes);
    assert_eq!((message.id, message.opcode, message.response_code), (0x1234, 0, 3));
    assert!(message.response && message.authoritative && message.truncated);
    let counts = [0, 0, 0x28, 0, 0, 1, 0, 2, 0, 3, 0, 4];
    let message = read(&counts);
    assert_eq!((message.questions, message.answers, message.authorities, message.additionals), (1, 2, 3, 4));
    assert_eq!((message.opcode, message.response), (5, false));
    assert_eq!(parse(Cursor::new(&[0; 11], 0, Layer::Mdns)).unwrap_err().kind, Kind::Short);
}

#[test]
fn service_types_are_kept_once_and_by_who_names_them() {
    let ipp = name(&["_ipp", "_tcp", "local"]);
    let again = name(&["_IPP", "_TCP", "Local"]);
    let bytes = query(&[question(&ipp, PTR), question(&again, PTR), question(&ipp, 255)]);
    assert_eq!((shown(&read(&bytes).asked), read(&bytes).announced.len()), (vec!["_ipp._tcp".into()], 0));
    let proxy = name(&["_sleep-proxy", "_udp", "local"]);
    let bytes = response(&[record(&ipp, PTR, b"\0"), record(&proxy, SRV, &[0; 7]), record(&proxy, 16, &[0])]);
    assert_eq!(shown(&read(&bytes).announced), ["_ipp._tcp", "_sleep-proxy._udp"]);
    assert_eq!((read(&bytes).asked.len(), faults(&bytes)), (0, vec![]));
}

#[test]
fn no_name_of_an_instance_or_host_becomes_a_value() {
    let instance = name(&["Ann's phone", "_airplay", "_tcp", "local"]);
    let subtype = name(&["_secret", "_sub", "_http", "_tcp", "local"]);
    let host = name(&["anns-phone", "local"]);
    let bytes = response(&[
        record(&instance, SRV, &[&[0, 0, 0, 0, 0, 80][..], &host].concat()),
        record(&subtype, PTR, &instance),
        record(&host, 1, &[10, 0, 0, 9]),
        record(&host, PTR, &instance),
    ]);
    let message = read(&bytes);
    assert_eq!(shown(&message.announced), ["_airplay._tcp", "_http._tcp"]);
    let all = format!("{message:?}").to_lowercase();
    assert!(!all.contains("ann's") && !all.contains("anns-phone") && !all.contains("secret"));
    assert!(message.malformed.is_empty());
}

#[test]
fn a_label_that_cannot_be_registered_is_no_service_type() {
    for label in
        ["ipp", "_", "_abcdefghijklmnop", "_a b", "_12", "_-a", "_a-", "_a--b", "_ann.smith", "_nvstream_dbd"]
    {
        let bytes = query(&[question(&name(&[label, "_tcp", "local"]), PTR)]);
        assert_eq!(read(&bytes).asked.len(), 0, "{label}");
    }
    for labels in [&["_ipp", "_tcp", "example"][..], &["_ipp", "_sctp", "local"], &["_ipp", "local"], &[]] {
        let bytes = query(&[question(&name(labels), PTR)]);
        assert_eq!((read(&bytes).asked.len(), faults(&bytes)), (0, vec![]));
    }
    let longest = query(&[question(&name(&["_spotify-connect", "_tcp", "local"]), PTR)]);
    assert_eq!(shown(&read(&longest).asked), ["_spotify-connect._tcp"]);
}

#[test]
fn the_records_of_a_query_are_not_looked_at() {
    let mut bytes = query(&[question(&name(&["_ipp", "_tcp", "local"]), PTR)]);
    bytes[7] = 1;
    bytes.extend([0xff; 8]);
    assert_eq!((shown(&read(&bytes).asked), faults(&bytes)), (vec!["_ipp._tcp".into()], vec![]));
}

#[test]
fn a_compressed_name_is_followed_backwards() {
    let first = record(&name(&["_ipp", "_tcp", "local"]), PTR, b"\x03abc\xc0\x0c");
    let pointed = [b"\x03xyz\xc0\x0c".to_vec(), vec![0, SRV, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    let other = [b"\x05_http\xc0\x11".to_vec(), vec![0, PTR, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    let bytes = response(&[first, pointed, other]);
    assert_eq!(
        (shown(&read(&bytes).announced), faults(&bytes)),
        (vec!["_ipp._tcp".into(), "_http._tcp".into()], vec![])
    );
}

#[test]
fn a_pointer_to_itself_or_forwards_does_not_loop() {
    assert_eq!(faults(&query(&[question(&[0xc0, 12], PTR)])), [(12, Kind::Order)]);
    assert_eq!(faults(&query(&[question(&[1, b'a', 0xc0, 12], PTR)])), [(14, Kind::Order)]);
    assert_eq!(faults(&query(&[question(&[0xc0, 14], PTR)])), [(12, Kind::Order)]);
    assert_eq!(faults(&query(&[question(&[0xff, 0xff], PTR)])), [(12, Kind::Value)]);
    assert_eq!(faults(&query(&[question(&[0x40, 0], PTR)])), [(12, Kind::Value)]);
}

#[test]
fn jumps_are_bounded() {
    let chain = |jumps: usize| {
        let mut questions = vec![question(&name(&["_ipp", "_tcp", "local"]), 1)];
        let mut at = 12 + questions[0].len();
        let mut target = 12;
        for _ in 0..jumps {
            let [high, low] = u16::try_from(0xc000 | target).unwrap().to_be_bytes();
            questions.push(question(&[high, low], PTR));
            (target, at) = (at, at + 6);
        }
        query(&questions)
    };
    let most = chain(MAX_JUMPS);
    assert_eq!((shown(&read(&most).asked), faults(&most)), (vec!["_ipp._tcp".into()], vec![]));
    assert_eq!(read(&chain(MAX_JUMPS + 1)).malformed.first().unwrap_err().kind, Kind::Limit);
    let long = query(&[question(&[1, b'a'].repeat(200), PTR)]);
    assert_eq!(read(&long).malformed.first().unwrap_err().kind, Kind::Limit);
}

#[test]
fn what_finds_no_room_is_counted() {
    let many =
        (0..MAX_SERVICE_TYPES + 3).map(|i| question(&name(&[&format!("_a{i}"), "_tcp", "local"]), PTR));
    let bytes = query(&many.collect::<Vec<_>>());
    let message = read(&bytes);
    assert_eq!((message.asked.len(), message.omitted, faults(&bytes)), (MAX_SERVICE_TYPES, 3, vec![]));
    let bytes = query(&vec![question(&[0], PTR); MAX_RECORDS]);
    assert_eq!(faults(&bytes), []);
    let bytes = query(&vec![question(&[0], PTR); MAX_RECORDS + 1]);
    assert_eq!(read(&bytes).malformed.first().unwrap_err().kind, Kind::Limit);
}

#[test]
fn a_message_that_ends_early_leaves_what_was_before() {
    let ipp = record(&name(&["_ipp", "_tcp", "local"]), PTR, b"\0");
    let whole = response(&[ipp.clone(), ipp]);
    for length in 12..whole.len() {
        let short = read(&whole[..length]).malformed.first().unwrap_err().kind;
        assert_eq!(short, Kind::Short);
        let cut =
            parse(Cursor::new(&whole[..length], u32::try_from(whole.len()).unwrap(), Layer::Mdns)).unwrap();
        assert_eq!(cut.malformed.first().unwrap_err().kind, Kind::NotCaptured);
    }
    assert_eq!(shown(&read(&whole[..50]).announced), ["_ipp._tcp"]);
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(
        records in prop::collection::vec(
            ("[a-z0-9]{0,7}[a-z][a-z0-9]{0,7}", any::<bool>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..20)), 0..30),
        is_response in any::<bool>(),
    ) {
        let mut expected = Vec::new();
        let parts: Vec<_> = records.iter().map(|(service, is_tcp, has_instance, data)| {
            let service = format!("_{service}");
            let transport = if *is_tcp { "_tcp" } else { "_udp" };
            let shown = format!("{service}.{transport}");
            if !expected.contains(&shown) {
                expected.push(shown);
            }
            let labels = [&["x.y z"][usize::from(!has_instance)..], &[&service, transport, "local"]].concat();
            if is_response { record(&name(&labels), SRV, data) } else { question(&name(&labels), PTR) }
        }).collect();
        let bytes = if is_response { response(&parts) } else { query(&parts) };
        let message = read(&bytes);
        prop_assert!(message.malformed.is_empty());
        prop_assert_eq!(shown(if is_response { &message.announced } else { &message.asked }), expected);
    }

    #[test]
    fn arbitrary_octets_are_read_to_an_end(
        flags in prop_oneof![Just(0_u8), Just(0x84), any::<u8>()],
        counts in any::<[u8; 8]>(),
        bytes in prop::collection::vec(prop_oneof![Just(0xc0_u8), 0..16_u8, any::<u8>()], 0..600),
        wire_len in 0..2000_u32,
    ) {
        let bytes = [&[0, 0, flags, 0][..], &counts, &bytes].concat();
        if let Ok(message) = parse(Cursor::new(&bytes, wire_len, Layer::Mdns)) {
            prop_assert!(message.malformed.iter().all(|m| m.layer == Layer::Mdns));
        }
    }
}
