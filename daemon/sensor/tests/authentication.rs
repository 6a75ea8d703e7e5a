//! Who is let onto a link, by EAPOL and RADIUS.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod support;

use headgate_record::{Field, Kind, Record};
use support::{SECOND, START, SWITCH, Sensor, assert_says, text};

const MS: u64 = 1_000_000;
const PAE: [u8; 6] = [0x01, 0x80, 0xc2, 0, 0, 3];
const LAPTOP: [u8; 6] = [0x00, 0x1b, 0x21, 0, 0, 1];
const PHONE: [u8; 6] = [0x00, 0x1b, 0x21, 0, 0, 2];

const REQUEST: u8 = 1;
const RESPONSE: u8 = 2;
const SUCCESS: u8 = 3;
const FAILURE: u8 = 4;
const IDENTITY: u8 = 1;
const NAK: u8 = 3;
const TLS: u8 = 13;
const PEAP: u8 = 25;

fn results(records: &[Record]) -> Vec<(String, String)> {
    records
        .iter()
        .map(|r| (text(r, Field::AuthenticationMac), text(r, Field::AuthenticationResult)))
        .collect()
}

fn eapol(from: [u8; 6], to: [u8; 6], kind: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&to[..], &from, &[0x88, 0x8e, 2, kind], &length, body].concat()
}

fn eap(from: [u8; 6], to: [u8; 6], code: u8, identifier: u8, data: &[u8]) -> Vec<u8> {
    eapol(from, to, 0, &packet(code, identifier, data))
}

fn packet(code: u8, identifier: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len() + 4).unwrap().to_be_bytes();
    [&[code, identifier][..], &length, data].concat()
}

fn start(from: [u8; 6]) -> Vec<u8> {
    eapol(from, PAE, 1, &[])
}

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

/// `client` is the last octet of the NAS's address and its port, where it asks.
fn radius(
    client: (u8, u16),
    answers: bool,
    port: u16,
    code: u8,
    identifier: u8,
    attributes: &[u8],
) -> Vec<u8> {
    let (nas, server) = ([10, 9, 0, client.0], [10, 9, 1, 1]);
    let (from, to) = if answers { (server, nas) } else { (nas, server) };
    let (source, destination) = if answers { (port, client.1) } else { (client.1, port) };
    let length = u16::try_from(attributes.len() + 20).unwrap();
    let words = |words: &[u16]| words.iter().flat_map(|w| w.to_be_bytes()).collect::<Vec<u8>>();
    [
        &[0, 0x1c, 0x73, 0, 0, 9, 0, 0x1c, 0x73, 0, 0, 8, 8, 0, 0x45, 0][..],
        &words(&[length + 28, 0, 0]),
        &[64, 17, 0, 0],
        &from,
        &to,
        &words(&[source, destination, length + 8, 0]),
        &[code, identifier],
        &words(&[length]),
        &[7; 16],
        attributes,
    ]
    .concat()
}

fn attribute(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind, u8::try_from(value.len() + 2).unwrap()][..], value].concat()
}

fn about(station: &[u8], more: &[Vec<u8>]) -> Vec<u8> {
    [attribute(1, b"anna@example.org"), attribute(31, station), more.concat()].concat()
}

const NAS: (u8, u16) = (1, 50_000);

#[test]
fn by_default_radius_says_who_asked_whom_and_what_the_answer_was() {
    let mut sensor = Sensor::new("");
    let said = about(b"00-1B-21-00-00-01", &[attribute(32, b"ap-3")]);
    sensor.see(&radius(NAS, false, 1812, 1, 1, &said), START);
    // A step of something that ends later.
    sensor.see(&radius(NAS, true, 1812, 11, 1, &said), START + 5 * MS);
    sensor.see(&radius(NAS, false, 1812, 1, 2, &said), START + 10 * MS);
    sensor.see(&radius(NAS, false, 1812, 1, 2, &said), START + 20 * MS);
    sensor.see(&radius(NAS, true, 1812, 2, 2, &said), START + 30 * MS);
    sensor.see(&radius(NAS, true, 1812, 2, 2, &said), START + 31 * MS);
    sensor.see(&radius((2, 1645), false, 1645, 1, 2, &said), START + 40 * MS);
    sensor.see(&radius((2, 1645), true, 1645, 3, 2, &said), START + 41 * MS);
    sensor.see(&radius(NAS, false, 1812, 1, 3, &said), START + 50 * MS);
    sensor.see(&radius(NAS, false, 1813, 4, 3, &said), START + 50 * MS);
    sensor.see(&radius(NAS, true, 1813, 5, 3, &said), START + 52 * MS);
    // Dynamic authorization is neither.
    sensor.see(&radius(NAS, false, 3799, 40, 3, &said), START + 52 * MS);
    let mut all = sensor.end(Kind::Authentication);
    all.sort_by_key(|r| text(r, Field::AuthenticationStarted));
    let fields = [
        Field::AuthenticationProtocol,
        Field::AuthenticationNas,
        Field::AuthenticationServer,
        Field::AuthenticationResult,
        Field::AuthenticationMessages,
        Field::AuthenticationRequestToAnswer,
    ];
    let mut said: Vec<_> = all.iter().map(|r| fields.map(|f| text(r, f)).join(" ")).collect();
    said.sort();
    assert_eq!(
        said,
        [
            "radius 10.9.0.1 10.9.1.1 accepted 4 20000000",
            "radius 10.9.0.1 10.9.1.1 unanswered 1 ",
            "radius 10.9.0.2 10.9.1.1 rejected 2 1000000",
            "radius-acct 10.9.0.1 10.9.1.1 acknowledged 2 2000000",
        ]
    );
    // Nothing of an attribute came as far as this.
    let named = format!("{all:?}").to_lowercase();
    assert!(!named.contains("anna") && !named.contains("ap-3"), "{named}");
    assert!(all.iter().all(|r| r.get(Field::AuthenticationMac).is_none()));
}

#[test]
fn with_attributes_an_authentication_is_a_stations_from_request_to_accept() {
    let mut sensor = Sensor::new(
        "[collect.authentication]\nnas_identifier = \"keep\"\nnas_port = \"keep\"\nnas_port_type = \"keep\"\n\
         nas_port_id = \"keep\"\nassigned_vlan = \"keep\"\nfilter_ids = \"keep\"\nclass = \"keep\"\n",
    );
    let asks = |eap: Vec<u8>| {
        let port = [attribute(5, &[0, 0, 0, 17]), attribute(61, &[0, 0, 0, 15]), attribute(87, b"Gi1/0/17")];
        about(b"00-1B-21-00-00-01", &[attribute(32, b"sw1"), port.concat(), attribute(79, &eap)])
    };
    let identity = packet(RESPONSE, 1, b"\x01anna@example.org");
    sensor.see(&radius(NAS, false, 1812, 1, 200, &asks(identity)), START);
    let challenge = attribute(79, &packet(REQUEST, 2, &[PEAP, 0x20]));
    sensor.see(&radius(NAS, true, 1812, 11, 200, &challenge), START + 20 * MS);
    // Another station's, meanwhile.
    let other = about(b"001b.2100.0002", &[]);
    sensor.see(&radius(NAS, false, 1812, 1, 201, &other), START + 21 * MS);
    sensor.see(&radius(NAS, false, 1812, 1, 202, &asks(packet(RESPONSE, 2, &[PEAP, 0]))), START + 22 * MS);
    let accept = [
        attribute(64, &[0, 0, 0, 13]),
        attribute(65, &[0, 0, 0, 6]),
        attribute(81, b"120"),
        attribute(11, b"staff"),
        attribute(25, &[1, 2, 3]),
        attribute(79, &packet(SUCCESS, 2, &[])),
    ]
    .concat();
    sensor.see(&radius(NAS, true, 1812, 2, 202, &accept), START + 30 * MS);
    sensor.see(&radius(NAS, true, 1812, 3, 201, &[]), START + 31 * MS);
    let mut all = sensor.end(Kind::Authentication);
    all.sort_by_key(|r| text(r, Field::AuthenticationMac));
    assert_eq!(
        results(&all),
        [("00:1b:21:00:00:01".into(), "accepted".into()), ("00:1b:21:00:00:02".into(), "rejected".into())]
    );
    assert_says(
        &all[0],
        &[
            (Field::AuthenticationProtocol, "radius"),
            (Field::AuthenticationMessages, "4"),
            (Field::AuthenticationRequestToAnswer, &(20 * MS).to_string()),
            (Field::AuthenticationEapMethod, "peap"),
            (Field::AuthenticationNas, "10.9.0.1"),
            (Field::AuthenticationServer, "10.9.1.1"),
            (Field::AuthenticationNasIdentifier, "sw1"),
            (Field::AuthenticationNasPort, "17"),
            (Field::AuthenticationNasPortType, "ethernet"),
            (Field::AuthenticationNasPortId, "Gi1/0/17"),
            (Field::AuthenticationAssignedVlan, "120"),
            (Field::AuthenticationFilterIds, "staff"),
            (Field::AuthenticationClass, "010203"),
            (Field::AuthenticationUserName, ""),
            (Field::AuthenticationIdentity, ""),
        ],
    );
    assert!(!format!("{all:?}").contains("anna"));
}

#[test]
fn accounting_is_a_record_for_each_report() {
    let mut sensor = Sensor::new(
        "[collect.authentication]\nacct_status_type = \"keep\"\nsession_time = \"keep\"\n\
         input_octets = \"keep\"\noutput_octets = \"keep\"\ninput_packets = \"keep\"\n\
         output_packets = \"keep\"\nterminate_cause = \"keep\"\n",
    );
    let stop = about(
        b"00:1b:21:00:00:01",
        &[
            attribute(40, &[0, 0, 0, 2]),
            attribute(42, &[0, 0, 0, 5]),
            attribute(52, &[0, 0, 0, 1]),
            attribute(43, &[0, 0, 1, 0]),
            attribute(46, &[0, 0, 0x0e, 0x10]),
            attribute(47, &[0, 0, 0, 9]),
            attribute(48, &[0, 0, 0, 8]),
            attribute(49, &[0, 0, 0, 2]),
        ],
    );
    sensor.see(
        &radius(NAS, false, 1813, 4, 1, &about(b"00:1b:21:00:00:01", &[attribute(40, &[0, 0, 0, 1])])),
        START,
    );
    sensor.see(&radius(NAS, true, 1813, 5, 1, &[]), START + MS);
    sensor.see(&radius(NAS, false, 1813, 4, 2, &stop), START + 2 * SECOND);
    sensor.see(&radius(NAS, true, 1813, 5, 2, &[]), START + 2 * SECOND + MS);
    let all = sensor.end(Kind::Authentication);
    assert_eq!(
        all.iter().map(|r| text(r, Field::AuthenticationAcctStatusType)).collect::<Vec<_>>(),
        ["start", "stop"]
    );
    assert_says(
        &all[1],
        &[
            (Field::AuthenticationMac, "00:1b:21:00:00:01"),
            (Field::AuthenticationProtocol, "radius-acct"),
            (Field::AuthenticationResult, "acknowledged"),
            (Field::AuthenticationInputOctets, "4294967301"),
            (Field::AuthenticationOutputOctets, "256"),
            (Field::AuthenticationInputPackets, "9"),
            (Field::AuthenticationOutputPackets, "8"),
            (Field::AuthenticationSessionTime, "3600"),
            (Field::AuthenticationTerminateCause, "lost-carrier"),
        ],
    );
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
