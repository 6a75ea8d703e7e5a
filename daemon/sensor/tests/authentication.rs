//! Who is let onto a link, by EAPOL, and what is true of EAPOL and RADIUS alike.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};

use headgate_record::{Field, Kind, Record, Treatment, Value};
use proptest::prelude::*;
use proptest::sample::select;
use support::access::*;
use support::{SECOND, START, SWITCH, Sensor, assert_says, text};

#[test]
fn a_station_is_authenticated_by_the_method_that_it_does_not_refuse() {
    let mut sensor = Sensor::new("");
    let frames = [
        (0, start(LAPTOP)),
        (5, eap(SWITCH, LAPTOP, REQUEST, 1, &[IDENTITY])),
        (10, eap(LAPTOP, PAE, RESPONSE, 1, b"\x01anna@example.org")),
        (40, eap(SWITCH, LAPTOP, REQUEST, 2, &[TLS, 0x20])),
        (41, eap(LAPTOP, PAE, RESPONSE, 2, &[NAK, PEAP])),
        (45, eap(SWITCH, LAPTOP, REQUEST, 3, &[PEAP, 0x20])),
        (46, eap(LAPTOP, PAE, RESPONSE, 3, &[PEAP, 0, 1, 2, 3])),
        (50, eap(SWITCH, LAPTOP, SUCCESS, 3, &[])),
        // Said again: part of what has ended.
        (60, eap(SWITCH, LAPTOP, SUCCESS, 3, &[])),
    ];
    for (at, frame) in &frames {
        sensor.see(frame, START + at * MS);
    }
    let ended = sensor.until(Kind::Authentication, 2);
    assert_eq!(ended.len(), 1);
    assert_says(
        &ended[0],
        &[
            (Field::AuthenticationMac, "00:1b:21:00:00:01"),
            (Field::AuthenticationInterface, "eth0"),
            (Field::AuthenticationProtocol, "eapol"),
            (Field::AuthenticationResult, "accepted"),
            (Field::AuthenticationEapMethod, "peap"),
            (Field::AuthenticationMessages, "9"),
            (Field::AuthenticationRequestToAnswer, &(30 * MS).to_string()),
            (Field::AuthenticationStarted, "2023-11-14T22:13:20.000000000Z"),
            (Field::AuthenticationEnded, "2023-11-14T22:13:20.060000000Z"),
            // Off by default.
            (Field::AuthenticationIdentity, ""),
        ],
    );
    assert!(sensor.end(Kind::Authentication).is_empty());
}

/// IEEE 802.1X lets either side speak to the group; nothing but identifiers says whom a switch answers.
#[test]
fn what_is_said_to_the_group_is_told_apart_by_its_identifiers() {
    let mut sensor = Sensor::new("");
    let frames = [
        eap(SWITCH, PAE, REQUEST, 7, &[IDENTITY]),
        eap(LAPTOP, PAE, RESPONSE, 7, b"\x01anna"),
        eap(SWITCH, PAE, REQUEST, 8, &[TLS, 0x20]),
        eap(LAPTOP, PAE, RESPONSE, 8, &[TLS, 0]),
        eap(SWITCH, PAE, SUCCESS, 8, &[]),
        eap(SWITCH, PAE, REQUEST, 20, &[IDENTITY]),
        eap(PHONE, PAE, RESPONSE, 20, b"\x01phone"),
        // Whose it is, nobody can say.
        eap(SWITCH, PAE, SUCCESS, 99, &[]),
        eap(SWITCH, PAE, FAILURE, 20, &[]),
    ];
    for (at, frame) in (0..).zip(&frames) {
        sensor.see(frame, START + at * MS);
    }
    let mut ended = sensor.until(Kind::Authentication, 3);
    ended.sort_by_key(|r| text(r, Field::AuthenticationMac));
    assert_eq!(
        results(&ended),
        [("00:1b:21:00:00:01".into(), "accepted".into()), ("00:1b:21:00:00:02".into(), "rejected".into())]
    );
    assert_says(&ended[0], &[(Field::AuthenticationEapMethod, "tls"), (Field::AuthenticationMessages, "5")]);
    assert_says(&ended[1], &[(Field::AuthenticationMessages, "3")]);
}

#[test]
fn what_does_not_end_says_who_had_the_word() {
    let mut sensor = Sensor::new("");
    // The laptop waits for a switch, which waits for the phone.
    sensor.see(&start(LAPTOP), START);
    sensor.see(&start(LAPTOP), START + 30 * SECOND);
    sensor.see(&eap(SWITCH, PHONE, REQUEST, 1, &[IDENTITY]), START + 30 * SECOND);
    assert!(sensor.until(Kind::Authentication, 80).is_empty());
    let mut over = sensor.until(Kind::Authentication, 95);
    over.sort_by_key(|r| text(r, Field::AuthenticationMac));
    assert_eq!(
        results(&over),
        [
            ("00:1b:21:00:00:01".into(), "unanswered".into()),
            ("00:1b:21:00:00:02".into(), "challenged".into())
        ]
    );
}

#[test]
fn a_station_that_never_stops_asking_is_recorded_every_five_minutes() {
    let mut sensor = Sensor::new("");
    for n in 0..40 {
        sensor.see(&start(LAPTOP), START + n * 30 * SECOND);
    }
    let over = sensor.end(Kind::Authentication);
    let messages: Vec<_> = over.iter().map(|r| text(r, Field::AuthenticationMessages)).collect();
    assert_eq!(messages, ["10", "10", "10", "10"]);
}

#[test]
fn a_station_that_leaves_is_not_rejected() {
    let mut sensor = Sensor::new("");
    sensor.see(&eapol(LAPTOP, PAE, 2, &[]), START);
    sensor.see(&eap(SWITCH, LAPTOP, FAILURE, 9, &[]), START + MS);
    let left = sensor.end(Kind::Authentication).pop().unwrap();
    assert_says(&left, &[(Field::AuthenticationResult, "logged-off"), (Field::AuthenticationMessages, "2")]);
}

#[test]
fn keys_and_frames_without_a_station_are_no_authentication() {
    let mut sensor = Sensor::new("");
    sensor.see(&eapol(SWITCH, LAPTOP, 3, &[2, 0, 0x8a, 0, 16, 0, 0, 0, 0, 0, 0, 0, 1]), START);
    sensor.see(&eapol(SWITCH, PAE, 5, &[0; 40]), START);
    sensor.see(&eap(SWITCH, PAE, SUCCESS, 1, &[]), START);
    sensor.see(&eap([0; 6], PAE, RESPONSE, 1, &[TLS]), START);
    assert!(sensor.end(Kind::Authentication).is_empty());
}

#[test]
fn a_flood_of_stations_leaves_a_full_table_and_is_counted() {
    let mut sensor = Sensor::new("");
    for n in 0..5_000_u16 {
        let [a, b] = n.to_be_bytes();
        sensor.see(&start([0, 0x1b, 0x21, 1, a, b]), START + u64::from(n));
    }
    sensor.0.account([0; 3]);
    let records = sensor.0.take();
    let counters = records.iter().find(|r| r.kind() == Kind::Counters).unwrap();
    assert_says(counters, &[(Field::CountersAuthenticationsEvicted, "904")]);
    assert_eq!(records.iter().filter(|r| r.kind() == Kind::Authentication).count(), 904);
    assert_eq!(sensor.end(Kind::Authentication).len(), 4_096);
}

/// An hour after it was asked, the request of a group made one authentication two.
#[test]
fn a_request_to_the_group_is_forgotten_and_is_not_what_a_later_one_asks() {
    let one = |sensor: &mut Sensor, messages: &str| {
        let all = sensor.end(Kind::Authentication);
        assert_eq!(results(&all), [("00:1b:21:00:00:01".into(), "accepted".into())]);
        assert_says(&all[0], &[(Field::AuthenticationMessages, messages)]);
    };
    for later in [3_600 * SECOND, 59 * SECOND] {
        let mut sensor = Sensor::new("");
        sensor.see(&eap(SWITCH, PAE, REQUEST, 1, &[IDENTITY]), START);
        let frames = [
            start(LAPTOP),
            eap(SWITCH, LAPTOP, REQUEST, 1, &[IDENTITY]),
            eap(LAPTOP, PAE, RESPONSE, 1, b"\x01anna"),
            eap(SWITCH, LAPTOP, REQUEST, 2, &[TLS]),
            eap(LAPTOP, PAE, RESPONSE, 2, &[TLS]),
            eap(SWITCH, LAPTOP, SUCCESS, 2, &[]),
        ];
        for (at, frame) in (0..).zip(&frames) {
            sensor.see(frame, START + later + at * MS);
        }
        one(&mut sensor, "6");
    }
    // Without a Start, a response may come long after the request to all, but not after any other time.
    for (later, messages) in [(59, "3"), (61, "2")] {
        let mut sensor = Sensor::new("");
        sensor.see(&eap(SWITCH, PAE, REQUEST, 1, &[IDENTITY]), START);
        sensor.see(&eap(LAPTOP, PAE, RESPONSE, 1, &[TLS]), START + later * SECOND);
        sensor.see(&eap(SWITCH, LAPTOP, SUCCESS, 1, &[]), START + later * SECOND + MS);
        one(&mut sensor, messages);
    }
}

/// Two ports of a switch on one link: a result went to who had responded last to either of them.
#[test]
fn a_result_for_the_group_is_of_who_responded_to_the_same_authenticator() {
    const PORT2: [u8; 6] = [0x00, 0x1c, 0x73, 0, 0, 2];
    let see = |frames: &[Vec<u8>]| {
        let mut sensor = Sensor::new("");
        for (at, frame) in (0..).zip(frames) {
            sensor.see(frame, START + at * MS);
        }
        let mut all = sensor.end(Kind::Authentication);
        all.sort_by_key(|r| text(r, Field::AuthenticationMac));
        results(&all).into_iter().map(|(_, result)| result).collect::<Vec<_>>()
    };
    let [ask, ask2] = [SWITCH, PORT2].map(|from| eap(from, PAE, REQUEST, 1, &[TLS]));
    let [laptop, phone] = [LAPTOP, PHONE].map(|from| eap(from, PAE, RESPONSE, 1, &[TLS]));
    let [reject, accept] = [eap(SWITCH, PAE, FAILURE, 1, &[]), eap(PORT2, PAE, SUCCESS, 1, &[])];
    let turns = [&ask, &laptop, &ask2, &phone, &reject, &accept].map(Clone::clone);
    assert_eq!(see(&turns), ["rejected", "accepted"]);
    // Who answers whom, nobody can say.
    let both = [&ask, &ask2, &laptop, &phone, &reject, &accept].map(Clone::clone);
    assert_eq!(see(&both), ["unanswered", "unanswered"]);
    // A request or response to one alone names the authenticator.
    let alone = [eap(SWITCH, LAPTOP, REQUEST, 1, &[TLS]), laptop.clone(), accept.clone(), reject.clone()];
    assert_eq!(see(&alone), ["rejected"]);
    assert_eq!(see(&[eap(LAPTOP, SWITCH, RESPONSE, 1, &[TLS]), accept, reject]), ["rejected"]);
}

#[test]
fn what_a_supplicant_says_again_after_the_end_is_not_another_authentication() {
    let mut sensor = Sensor::new("");
    for at in 0..2 {
        sensor.see(&eapol(PHONE, PAE, 2, &[]), START + at * MS);
        sensor.see(&eap(SWITCH, LAPTOP, REQUEST, 2, &[TLS]), START + at * MS);
        sensor.see(&eap(LAPTOP, PAE, RESPONSE, 2, &[TLS]), START + at * MS);
        sensor.see(&eap(SWITCH, LAPTOP, SUCCESS, 2, &[]), START + at * MS);
    }
    let mut all = sensor.end(Kind::Authentication);
    all.sort_by_key(|r| text(r, Field::AuthenticationMac));
    assert_eq!(
        results(&all),
        [("00:1b:21:00:00:01".into(), "accepted".into()), ("00:1b:21:00:00:02".into(), "logged-off".into())]
    );
    assert_says(&all[0], &[(Field::AuthenticationMessages, "6")]);
    assert_says(&all[1], &[(Field::AuthenticationMessages, "2")]);
}

/// One that was pushed out of a full table was once recorded as unanswered.
#[test]
fn an_authentication_that_leaves_a_full_table_has_no_result_that_it_had_not() {
    let mut sensor = Sensor::new("");
    sensor.see(&start(PHONE), START);
    sensor.see(&eap(SWITCH, LAPTOP, SUCCESS, 1, &[]), START + 1);
    // RADIUS has a table of its own.
    sensor.see(&radius(NAS, false, 1812, 1, 1, &[]), START + 2);
    for n in 0..4_096_u16 {
        let [a, b] = n.to_be_bytes();
        sensor.see(&start([0, 0x1b, 0x21, 1, a, b]), START + 3 + u64::from(n));
    }
    sensor.0.account([0; 3]);
    let left = sensor.0.take().into_iter().filter(|r| r.kind() == Kind::Authentication).collect::<Vec<_>>();
    assert_eq!(
        results(&left),
        [("00:1b:21:00:00:01".into(), "accepted".into()), ("00:1b:21:00:00:02".into(), "evicted".into())]
    );
    sensor.see(&radius(NAS, true, 1812, 2, 1, &[]), START + MS);
    let all = sensor.end(Kind::Authentication);
    assert_eq!(all.iter().filter(|r| text(r, Field::AuthenticationResult) == "accepted").count(), 1);
}

#[test]
fn a_name_goes_on_only_under_the_rule_that_asks_for_it() {
    let identity = eap(LAPTOP, PAE, RESPONSE, 1, b"\x01anna@example.org");
    let request = radius(NAS, false, 1812, 1, 1, &about(b"00-1B-21-00-00-01", &[]));
    let see = |rules: &str| {
        let mut sensor = Sensor::new(rules);
        sensor.see(&identity, START);
        sensor.see(&request, START);
        let all = sensor.end(Kind::Authentication);
        let of = |field| all.iter().map(|r| text(r, field)).collect::<String>();
        [of(Field::AuthenticationIdentity), of(Field::AuthenticationUserName)]
    };
    assert_eq!(see(""), ["", ""]);
    // The name is in user space now, and goes no further.
    assert_eq!(see("[collect.authentication]\nnas_port = \"keep\"\n"), ["", ""]);
    // The sensor has no keys: the store makes the pseudonym before anything is written.
    let rule = |field: &str| format!("[collect.authentication]\n{field} = \"pseudonym\"\n");
    assert_eq!(see(&rule("identity")), ["anna@example.org", ""]);
    assert_eq!(see(&rule("user_name")), ["", "anna@example.org"]);
}

#[test]
fn excluded_protocols_give_no_authentications() {
    let mut sensor = Sensor::new("[exclude]\nprotocols = [\"eapol\", \"radius\"]\n");
    sensor.see(&start(LAPTOP), START);
    sensor.see(&eap(LAPTOP, PAE, RESPONSE, 1, b"\x01anna"), START);
    sensor.see(&radius(NAS, false, 1812, 1, 1, &[]), START);
    sensor.see(&radius(NAS, true, 1812, 2, 1, &[]), START);
    sensor.0.account([0; 3]);
    sensor.0.finish();
    let records = sensor.0.take();
    assert!(records.iter().all(|r| matches!(r.kind(), Kind::Counters)), "{records:?}");
    assert_says(&records[0], &[(Field::CountersExcludedProtocol, "4"), (Field::CountersFrames, "4")]);
}

/// A record that cannot be built is no record, and is logged.
struct Faults;

static FAULTS: AtomicUsize = AtomicUsize::new(0);

impl log::Log for Faults {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.level() == log::Level::Error {
            FAULTS.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn flush(&self) {}
}

/// Kind and value of an attribute that is read: text, a number, octets of any length, a tunnel, an EAP packet.
fn any_attribute() -> impl Strategy<Value = Vec<u8>> {
    let octets = |length| prop::collection::vec(any::<u8>(), length);
    let text = select(vec![1_u8, 11, 25, 32, 87]).prop_flat_map(move |kind| {
        octets(0..254_usize).prop_map(move |value| attribute(kind, &value[..value.len().min(253)]))
    });
    let number = (select(vec![5_u8, 40, 42, 43, 46, 47, 48, 49, 52, 53, 61, 64, 65]), octets(4..5));
    let tunnel = octets(0..20).prop_map(|value| attribute(81, &value));
    let said = (1..5_u8, 0..3_u8, octets(0..40))
        .prop_map(|(code, id, data)| attribute(79, &packet(code, id, &data)));
    let other = (any::<u8>(), octets(0..20));
    prop_oneof![
        3 => text,
        3 => number.prop_map(|(kind, value)| attribute(kind, &value)),
        1 => tunnel,
        2 => said,
        1 => other.prop_map(|(kind, value)| attribute(if kind == 31 { 32 } else { kind }, &value)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Whatever is said, it ends: every record can be built, and what stations and NAS say is in one of them.
    #[test]
    fn arbitrary_messages_are_followed_to_an_end(
        messages in prop::collection::vec(
            (any::<bool>(), 0..6_u8, select(vec![1_u8, 2, 3, 4, 5, 11, 12]), 0..3_u8,
             prop::collection::vec(any_attribute(), 0..6), 0..100_u64),
            1..40,
        ),
    ) {
        if log::set_logger(&Faults).is_ok() {
            log::set_max_level(log::LevelFilter::Error);
        }
        let rule = |field: &Field| {
            let treatment = if Treatment::Keep.fits(*field) { "keep" } else { "pseudonym" };
            format!("{} = {treatment:?}\n", field.short_name())
        };
        let fields: String = Field::of(Kind::Authentication).map(|field| rule(&field)).collect();
        let mut sensor = Sensor::new(&format!("[collect.authentication]\n{fields}"));
        let (mut at, count) = (START, messages.len());
        // Whoever asks is known, and so is what an answer belongs to, or else it counts for nothing.
        let mut asked = 0;
        for (is_radius, eap_code, code, who, attributes, seconds) in messages {
            at += seconds * SECOND;
            let octets = attributes.concat();
            if is_radius {
                let answers = !matches!(code, 1 | 4 | 12);
                asked += usize::from(matches!(code, 1 | 4));
                let said = [attribute(31, &[b"00-1B-21-00-00-0", &[b'0' + who][..]].concat()), octets].concat();
                sensor.see(&radius((1, 50_000), answers, 1812, code, who, &said), at);
            } else {
                let answers = eap_code % 2 == 0;
                asked += usize::from(eap_code == 2);
                let (from, to) = if answers { (LAPTOP, PAE) } else { (SWITCH, [PAE, LAPTOP, PHONE][usize::from(who)]) };
                sensor.see(&eap(from, to, eap_code, who, &octets), at);
            }
        }
        let records = sensor.end(Kind::Authentication);
        let number = |record: &Record| match record.get(Field::AuthenticationMessages) {
            Some(Value::Number(number)) => usize::try_from(*number).unwrap(),
            other => panic!("{other:?}"),
        };
        let told: usize = records.iter().map(number).sum();
        prop_assert!((asked..=count).contains(&told), "{asked} asked, {told} of {count} told: {records:?}");
        prop_assert!(records.iter().all(|r| r.get(Field::AuthenticationMac).is_some()));
        prop_assert_eq!(FAULTS.load(Ordering::SeqCst), 0);
    }
}
