//! Whom a NAS asks a RADIUS server to let in.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod support;

use headgate_record::{Field, Kind};
use support::access::*;
use support::{SECOND, START, Sensor, assert_says, text};

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

/// A file of another link is read without the filter.
#[test]
fn attributes_that_no_filter_has_cut_away_are_used_under_a_rule_only() {
    let request =
        radius(NAS, false, 1812, 1, 1, &about(b"00-1B-21-00-00-01", &[attribute(5, &[0, 0, 0, 7])]));
    let see = |rules: &str| {
        let mut sensor = Sensor::new(rules);
        sensor.see_so_much(&request, request.len(), START);
        let record = sensor.end(Kind::Authentication).pop().unwrap();
        [Field::AuthenticationMac, Field::AuthenticationNasPort].map(|field| text(&record, field))
    };
    assert_eq!(see(""), ["", ""]);
    assert_eq!(see("[collect.authentication]\nnas_port = \"keep\"\n"), ["00:1b:21:00:00:01", "7"]);
}

#[test]
fn with_attributes_an_authentication_is_a_stations_from_request_to_accept() {
    let mut sensor = Sensor::new(
        "[collect.authentication]\nnas_identifier = \"keep\"\nnas_port = \"keep\"\nnas_port_type = \"keep\"\n\
         nas_port_id = \"keep\"\nassigned_vlan = \"keep\"\nfilter_ids = \"keep\"\nclass = \"pseudonym\"\n",
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

/// A MAC address that is excluded was recorded by what RADIUS says of it.
#[test]
fn a_station_that_is_excluded_leaves_nothing_through_radius() {
    let rules = |macs: &str| {
        format!(
            "[exclude]\nmacs = [{macs:?}]\n[collect.authentication]\nnas_port = \"keep\"\n\
             assigned_vlan = \"keep\"\nuser_name = \"pseudonym\"\n"
        )
    };
    let accept = [attribute(1, b"anna"), attribute(81, b"120")].concat();
    for (macs, id) in [
        ("00:1b:21:00:00:01", "00-1B-21-00-00-01"),
        ("00:1b:21", "001b.2100.0001"),
        ("locally-administered", "06:1b:21:00:00:01"),
    ] {
        let mut sensor = Sensor::new(&rules(macs));
        let said = about(id.as_bytes(), &[]);
        sensor.see(&radius(NAS, false, 1812, 1, 9, &said), START);
        sensor.see(&radius(NAS, true, 1812, 2, 9, &accept), START + MS);
        sensor.see(&radius(NAS, false, 1813, 4, 9, &said), START + 2 * MS);
        sensor.see(&radius(NAS, true, 1813, 5, 9, &accept), START + 3 * MS);
        sensor.0.account([0; 3]);
        sensor.0.finish();
        let records = sensor.0.take();
        assert!(records.iter().all(|r| r.kind() != Kind::Authentication), "{macs}: {records:?}");
        let counters = records.iter().find(|r| r.kind() == Kind::Counters).unwrap();
        assert_says(counters, &[(Field::CountersExcludedMac, "2")]);
    }
    // Nor is the answer another's that used the identifier before.
    let mut sensor = Sensor::new(&rules("00:1b:21:00:00:01"));
    sensor.see(&radius(NAS, false, 1812, 1, 9, &about(b"00-1B-21-00-00-02", &[])), START);
    sensor.see(&radius((2, 50_000), false, 1812, 1, 9, &attribute(1, b"otto")), START);
    for client in [NAS, (2, 50_000)] {
        sensor.see(&radius(client, false, 1812, 1, 9, &about(b"00-1B-21-00-00-01", &[])), START + SECOND);
        sensor.see(&radius(client, true, 1812, 2, 9, &accept), START + SECOND + MS);
    }
    let all = sensor.end(Kind::Authentication);
    assert!(all.iter().all(|r| text(r, Field::AuthenticationResult) == "unanswered"), "{all:?}");
    assert_eq!(all.len(), 2);
    assert!(!format!("{all:?}").contains("120"));
}

/// An answer that came late was a record of its own, without the station and so without the care for it.
#[test]
fn a_late_answer_is_its_stations_or_nobodys() {
    let station = about(b"06-1B-21-00-00-01", &[]);
    let see = |requests: &[u64], answer: u64| {
        let mut sensor = Sensor::new("[collect.authentication]\nuser_name = \"pseudonym\"\n");
        for at in requests {
            sensor.see(&radius(NAS, false, 1812, 1, 9, &station), START + at * SECOND);
        }
        sensor.see(&radius(NAS, true, 1812, 2, 9, &attribute(1, b"anna")), START + answer * SECOND);
        let all = sensor.end(Kind::Authentication);
        assert!(all.iter().all(headgate_record::is_randomised), "{all:?}");
        all.iter().map(|r| text(r, Field::AuthenticationResult)).collect::<Vec<_>>()
    };
    assert_eq!(see(&[0], 61), ["unanswered"]);
    // Longer than an authentication may last, soon after its latest request.
    assert_eq!(see(&[0, 50, 100, 150, 200, 250, 295], 301), ["unanswered", "accepted"]);
}

#[test]
fn the_answer_to_a_status_server_accepts_nobody() {
    for rules in ["", "[collect.authentication]\nnas_port = \"keep\"\n"] {
        let mut sensor = Sensor::new(rules);
        let ask = |sensor: &mut Sensor, at| {
            sensor.see(&radius(NAS, false, 1812, 12, 9, &[]), at);
            sensor.see(&radius(NAS, true, 1812, 2, 9, &[]), at + MS);
            sensor.see(&radius(NAS, false, 1813, 12, 9, &[]), at);
            sensor.see(&radius(NAS, true, 1813, 5, 9, &[]), at + MS);
        };
        ask(&mut sensor, START);
        // The identifier of a request that was rejected, at once and an hour ago, and of one without an answer.
        sensor.see(&radius(NAS, false, 1812, 1, 9, &about(b"00-1B-21-00-00-01", &[])), START + SECOND);
        sensor.see(&radius(NAS, true, 1812, 3, 9, &[]), START + SECOND + MS);
        ask(&mut sensor, START + SECOND + 2 * MS);
        ask(&mut sensor, START + 3_600 * SECOND);
        sensor
            .see(&radius(NAS, false, 1812, 1, 9, &about(b"00-1B-21-00-00-01", &[])), START + 3_601 * SECOND);
        ask(&mut sensor, START + 3_602 * SECOND);
        let mut results: Vec<_> = sensor.end(Kind::Authentication);
        results.sort_by_key(|r| text(r, Field::AuthenticationStarted));
        let results: Vec<_> = results.iter().map(|r| text(r, Field::AuthenticationResult)).collect();
        assert_eq!(results, ["rejected", "unanswered"], "{rules}");
    }
}

#[test]
fn an_answer_whose_request_the_capture_lost_is_not_an_earlier_stations() {
    let station = about(b"00-1B-21-00-00-01", &[]);
    let mut sensor = Sensor::new("[collect.authentication]\nnas_port = \"keep\"\n");
    sensor.see(&radius(NAS, false, 1812, 1, 9, &station), START);
    sensor.see(&radius(NAS, true, 1812, 3, 9, &[]), START + MS);
    sensor.see(&radius(NAS, true, 1812, 2, 9, &[]), START + 3_600 * SECOND);
    // Of two answers to one request the second is another's.
    let at = START + 3_601 * SECOND;
    sensor.see(&radius(NAS, false, 1812, 1, 9, &station), at);
    sensor.see(&radius(NAS, true, 1812, 11, 9, &[]), at + MS);
    sensor.see(&radius(NAS, false, 1812, 1, 10, &station), at + 2 * MS);
    sensor.see(&radius(NAS, true, 1812, 2, 9, &[]), at + 3 * MS);
    sensor.see(&radius(NAS, true, 1812, 3, 10, &[]), at + 4 * MS);
    let results = results(&sensor.end(Kind::Authentication));
    assert_eq!(results, vec![("00:1b:21:00:00:01".into(), "rejected".into()); 2]);
}

#[test]
fn what_is_said_again_after_the_end_is_not_another_authentication() {
    for rules in ["", "[collect.authentication]\nnas_port = \"keep\"\n"] {
        let mut sensor = Sensor::new(rules);
        let station = about(b"00-1B-21-00-00-01", &[]);
        for at in [0, 500 * MS] {
            sensor.see(&radius(NAS, false, 1812, 1, 9, &station), START + at);
            sensor.see(&radius(NAS, true, 1812, 2, 9, &[]), START + at + MS);
            sensor.see(&radius(NAS, false, 1813, 4, 9, &station), START + at);
            sensor.see(&radius(NAS, true, 1813, 5, 9, &[]), START + at + MS);
        }
        let all = sensor.until(Kind::Authentication, 3);
        assert_eq!(all.len(), 2, "{all:?}");
        for record in &all {
            let waited = (Field::AuthenticationRequestToAnswer, "1000000");
            assert_says(record, &[(Field::AuthenticationMessages, "4"), waited]);
        }
        // Later it is.
        sensor.see(&radius(NAS, false, 1812, 1, 9, &station), START + 3 * SECOND);
        sensor.see(&radius(NAS, true, 1812, 3, 9, &[]), START + 3 * SECOND + MS);
        assert_eq!(sensor.end(Kind::Authentication).len(), 1);
    }
}
