//! What each profile lets leave of every field that can be stored: the table in docs/privacy.md.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::net::IpAddr;

use headgate_record::{Field, Kind, Mac, Person, Record, Value, ValueType};
use headgate_rules::{Gate, Profile, Pseudonymise, Purpose, RuleError, Rules, Verdict};

struct Keys;

impl Pseudonymise for Keys {
    fn pseudonym(&self, _: Purpose, _: &[u8]) -> [u8; 16] {
        [7; 16]
    }
}

/// What leaves of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Left {
    AsItIs,
    Pseudonym,
    Network,
    Word,
    Nothing,
}

use Left::{AsItIs, Network, Nothing, Pseudonym, Word};

/// The fields that tell of a person, or may: what leaves of them when pseudonymous and when identified; of neighbours
/// other than infrastructure. Every other field leaves as it is.
const PERSONAL: &[(Left, Left, &[&str])] = &[
    (
        Pseudonym,
        AsItIs,
        &["device.mac", "lease.mac", "exchange.mac", "flow.mac", "authentication.mac", "bridge.source_mac"],
    ),
    (Pseudonym, AsItIs, &["neighbor.source_mac", "neighbor.chassis_id", "neighbor.port_id"]),
    (Nothing, AsItIs, &["neighbor.port_description", "neighbor.system_name", "neighbor.system_description"]),
    (Nothing, AsItIs, &["neighbor.management_addresses", "neighbor.vlan_names"]),
    (Network, AsItIs, &["device.addresses", "lease.address", "lease.server", "lease.relay"]),
    (Network, AsItIs, &["exchange.servers", "authentication.nas", "authentication.server"]),
    (Nothing, AsItIs, &["device.hostname", "device.fqdn", "lease.hostname"]),
    (Word, AsItIs, &["device.vendor_class"]),
    // Whom a station speaks with, where it is, how it asks.
    (Nothing, Nothing, &["flow.source_address", "flow.source_port"]),
    (Nothing, Nothing, &["flow.destination_address", "flow.destination_port"]),
    (Nothing, Nothing, &["lease.circuit_id", "lease.remote_id", "exchange.transaction"]),
    (Nothing, Nothing, &["device.parameter_list"]),
    // What is not even collected.
    (
        Nothing,
        Nothing,
        &["device.service_types", "neighbor.serial", "neighbor.asset_id", "neighbor.location"],
    ),
    (Nothing, Nothing, &["authentication.identity", "authentication.user_name"]),
    (Nothing, Nothing, &["authentication.nas_identifier", "authentication.nas_port"]),
    (Nothing, Nothing, &["authentication.nas_port_type", "authentication.nas_port_id"]),
    (
        Nothing,
        Nothing,
        &["authentication.assigned_vlan", "authentication.filter_ids", "authentication.class"],
    ),
    (Nothing, Nothing, &["authentication.acct_status_type", "authentication.session_time"]),
    (Nothing, Nothing, &["authentication.input_octets", "authentication.output_octets"]),
    (Nothing, Nothing, &["authentication.input_packets", "authentication.output_packets"]),
    (Nothing, Nothing, &["authentication.terminate_cause"]),
];

fn expected(profile: Profile, field: Field, infrastructure: bool) -> Left {
    let personal = PERSONAL.iter().find(|(_, _, names)| names.contains(&field.name()));
    match (profile, personal) {
        (Profile::Aggregates, _) if field.kind() == Kind::Counters => AsItIs,
        (Profile::Aggregates, _) => Nothing,
        (_, Some((_, left, _))) if field.kind() == Kind::Neighbor && infrastructure => *left,
        (Profile::Pseudonymous, Some((left, _, _))) | (Profile::Identified, Some((_, left, _))) => *left,
        (_, None) => AsItIs,
    }
}

fn parse(text: &str) -> Result<Rules, RuleError> {
    Rules::parse(&[("rules.toml".into(), text.into())])
}

fn rules(profile: Profile) -> Rules {
    parse(&format!("[release]\nprofile = \"{}\"\n", profile.name())).unwrap()
}

fn value(field: Field) -> Value {
    let address: IpAddr = "192.0.2.77".parse().unwrap();
    match field.definition().value_type {
        ValueType::Bool => false.into(),
        ValueType::Number => 7_u64.into(),
        ValueType::Time => Value::Time(7),
        ValueType::Text => "word-13".into(),
        ValueType::Bytes => Value::Bytes(vec![1, 2]),
        ValueType::Mac => Mac([0, 0x1b, 0x21, 1, 2, 3]).into(),
        ValueType::Address => address.into(),
        ValueType::Texts => Value::List(vec!["word-13".into()]),
        ValueType::Numbers => Value::List(vec![7_u64.into()]),
        ValueType::Addresses => Value::List(vec![address.into()]),
    }
}

/// A record with every field of its kind.
fn full(kind: Kind, infrastructure: bool) -> Record {
    let mut record = Record::new(kind);
    for field in Field::of(kind) {
        record.set(field, value(field)).unwrap();
    }
    if kind == Kind::Neighbor {
        record.set(Field::NeighborInfrastructure, infrastructure).unwrap();
    }
    record
}

fn left(before: &Value, after: Option<&Value>) -> Left {
    let one = |value: &Value| match value {
        Value::List(items) => items.first().cloned(),
        other => Some(other.clone()),
    };
    match after.and_then(one) {
        None => Nothing,
        Some(Value::Pseudonym(_)) => Pseudonym,
        Some(Value::Prefix(_, 24)) => Network,
        Some(Value::Text(text)) if text == "word" => Word,
        Some(after) if Some(&after) == one(before).as_ref() => AsItIs,
        Some(other) => panic!("{before:?} became {other:?}"),
    }
}

#[test]
fn each_profile_releases_exactly_what_it_says() {
    for profile in Profile::ALL {
        let rules = rules(profile);
        for (kind, infrastructure) in
            Kind::ALL.into_iter().map(|k| (k, false)).chain([(Kind::Neighbor, true)])
        {
            let record = full(kind, infrastructure);
            let stored = rules.collect().admit(&record, &Keys).unwrap();
            let released = match rules.release().release(&stored, &Keys) {
                Verdict::Release(released) => Some(released),
                Verdict::Withhold(reason) => {
                    assert_eq!(reason, "kind");
                    None
                }
            };
            for field in Field::of(kind) {
                let before = record.get(field).unwrap();
                let after = left(before, released.as_ref().and_then(|r| r.get(field)));
                let name = (profile.name(), field.name(), infrastructure);
                assert_eq!(after, expected(profile, field, infrastructure), "{name:?}");
            }
        }
    }
}

#[test]
fn every_field_that_tells_of_a_person_has_its_row() {
    for field in Field::ALL {
        let row = PERSONAL.iter().any(|(_, _, names)| names.contains(&field.name()));
        assert!(row || field.definition().person == Person::No, "{}", field.name());
    }
    let names = PERSONAL.iter().flat_map(|(_, _, names)| *names);
    assert!(names.clone().all(|name| Field::from_name(name).is_some()));
}

#[test]
fn no_profile_releases_a_randomised_address_or_more_than_the_one_behind_it() {
    let mut device = full(Kind::Device, false);
    device.set(Field::DeviceMac, Mac([2, 0, 0, 0, 0, 1])).unwrap();
    for profile in Profile::ALL {
        assert!(rules(profile).release().withholds(&device).is_some(), "{}", profile.name());
    }
    for pair in Profile::ALL.windows(2) {
        for field in Field::ALL {
            let [less, more] = [pair[0], pair[1]].map(|profile| rules(profile).release().treatment(*field));
            assert!(less.is_within(more), "{}", field.name());
        }
    }
}

#[test]
fn a_field_and_a_kind_can_be_said_beside_a_profile_whatever_file_says_it() {
    let files = [
        (
            "rules.toml".to_owned(),
            "[release]\nprofile = \"pseudonymous\"\n[release.flow]\nmac = \"drop\"\n".to_owned(),
        ),
        ("rules.toml.d/x.toml".to_owned(), "[release]\nprofile = \"identified\"\n".to_owned()),
    ];
    let (rules, places) = Rules::parse_with_places(&files).unwrap();
    assert_eq!(rules.release().treatment(Field::FlowMac).name(), "drop");
    assert_eq!(rules.release().treatment(Field::DeviceMac).name(), "keep");
    assert_eq!(places.field(Gate::Release, Field::FlowMac).to_string(), "rules.toml:4:7");
    assert_eq!(
        places.field(Gate::Release, Field::DeviceMac).to_string(),
        "profile, rules.toml.d/x.toml:2:11"
    );
    assert_eq!(places.kinds(Gate::Release).to_string(), "profile, rules.toml.d/x.toml:2:11");
    assert_eq!(places.field(Gate::Collect, Field::DeviceMac).to_string(), "default");
    let flows = "[release]\nprofile = \"aggregates\"\nkinds = [\"counters\", \"flow\"]\n[release.flow]\nbytes = \"keep\"\n";
    let Verdict::Release(flow) = parse(flows).unwrap().release().release(&full(Kind::Flow, false), &Keys)
    else {
        panic!()
    };
    assert_eq!(flow.fields().count(), 1);
}

/// `mac = "pseudonym"` is what the default says, and must narrow a profile that says more.
#[test]
fn what_the_default_says_is_a_rule_beside_another_profile() {
    let rules =
        parse("[release]\nprofile = \"identified\"\n[release.device]\nmac = \"pseudonym\"\n").unwrap();
    assert_eq!(rules.release().treatment(Field::DeviceMac).name(), "pseudonym");
}

#[test]
fn a_profile_is_never_wider_than_what_is_collected() {
    let collect = "[collect.device]\nmac = \"pseudonym\"\nhostname = \"drop\"\naddresses = \"truncate\"\n";
    let rules = parse(&format!("{collect}[release]\nprofile = \"identified\"\n")).unwrap();
    for field in Field::ALL {
        assert!(
            rules.release().treatment(*field).is_within(rules.collect().treatment(*field)),
            "{}",
            field.name()
        );
    }
    assert_eq!(rules.release().treatment(Field::DeviceMac).name(), "pseudonym");
}

#[test]
fn a_profile_is_shown_and_one_that_does_not_exist_is_answered_with_those_that_do() {
    for profile in Profile::ALL {
        let shown = rules(profile).show();
        assert!(shown.contains(&format!("\nprofile = \"{}\"\n", profile.name())), "{shown}");
        assert_eq!(parse(&shown).unwrap(), rules(profile));
    }
    let error = parse("[release]\nprofile = \"anonymous\"\n").unwrap_err().to_string();
    let expected =
        "rules.toml:2:11: \"anonymous\" is no profile; the profiles are aggregates, pseudonymous, identified";
    assert_eq!(error, expected);
    let error = parse("[collect]\nprofile = \"aggregates\"\n").unwrap_err().to_string();
    assert_eq!(error, "rules.toml:2:11: profile belongs under [release]");
}

/// What is in force is what the digest stands for, by whatever name it was asked for.
#[test]
fn the_digest_is_that_of_what_a_profile_comes_to() {
    assert_eq!(rules(Profile::Pseudonymous).digest(), parse("").unwrap().digest());
    assert_ne!(rules(Profile::Identified).digest(), parse("").unwrap().digest());
    let by_field = rules(Profile::Identified).show().replace("\"identified\"", "\"aggregates\"");
    assert_eq!(parse(&by_field).unwrap().digest(), rules(Profile::Identified).digest());
}
