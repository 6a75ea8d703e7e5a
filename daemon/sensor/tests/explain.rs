//! What is explained of a frame or a field is what the filter, the engine and the gates do with it.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use headgate_record::{Field, Kind, Mac, Record, Treatment, Value, ValueType};
use headgate_rules::{Gate, Places, Pseudonymise, Purpose, Rules, Verdict};
use headgate_sensor::{Engine, fate};
use headgate_service::config::Headgate;
use serde_json::Value as Json;

struct Keys;

impl Pseudonymise for Keys {
    fn pseudonym(&self, _: Purpose, _: &[u8]) -> [u8; 16] {
        [7; 16]
    }
}

fn parse(files: &[(&str, &str)]) -> (Rules, Places) {
    let files: Vec<_> = files.iter().map(|(name, text)| ((*name).into(), (*text).into())).collect();
    Rules::parse_with_places(&files).unwrap_or_else(|e| panic!("{e}"))
}

/// A value that every treatment changes, where it can.
fn value(field: Field) -> Value {
    let address: IpAddr = "192.0.2.77".parse().unwrap();
    match field.definition().value_type {
        ValueType::Bool => true.into(),
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

fn is_as_explained(treatment: Treatment, before: Option<&Value>, after: Option<&Value>) -> bool {
    let one = |value: Option<&Value>| match value {
        Some(Value::List(items)) => items.first().cloned(),
        other => other.cloned(),
    };
    match (treatment, one(before), one(after)) {
        // Nobody knows here of a group that is large enough.
        (_, None, None) | (Treatment::Drop | Treatment::Group, _, None) => true,
        (Treatment::Keep, before, after) => before == after,
        (Treatment::Pseudonym, _, Some(Value::Pseudonym(_))) => true,
        (Treatment::Truncate, _, Some(Value::Prefix(_, 16))) => true,
        (Treatment::Class, _, Some(Value::Text(text))) => text == "word",
        _ => false,
    }
}

/// Every field, every treatment that fits it at either gate, of infrastructure and of others.
#[test]
fn every_field_is_treated_as_explained_and_said_where_it_is_said_to_be() {
    let fitting = |gate: Gate, field| Treatment::ALL.into_iter().filter(move |t| gate.takes(*t, field));
    for field in Field::ALL.iter().copied() {
        for collect in fitting(Gate::Collect, field) {
            for release in fitting(Gate::Release, field).filter(|r| r.is_within(collect)) {
                let (kind, name) = (field.kind().name(), field.short_name());
                let text = format!(
                    "[collect]\nipv4_prefix = 16\n[collect.{kind}]\n{name} = \"{}\"\n[release]\nipv4_prefix = 16\nrandomised_macs = true\n[release.{kind}]\n{name} = \"{}\"\n",
                    collect.name(),
                    release.name(),
                );
                let (rules, places) = parse(&[("rules.toml", &text)]);
                for infrastructure in [true, false] {
                    let mut record = Record::new(field.kind());
                    record.set(field, value(field)).unwrap();
                    if field.kind() == Kind::Neighbor && field != Field::NeighborInfrastructure {
                        record.set(Field::NeighborInfrastructure, infrastructure).unwrap();
                    }
                    let said = fate((&rules, &places), field, Some(&record));
                    let kept = rules.collect().admit(&record, &Keys).unwrap();
                    let Verdict::Release(left) = rules.release().release(&kept, &Keys) else { panic!() };
                    let is = |t, before: &Record, after: &Record| {
                        is_as_explained(t, before.get(field), after.get(field))
                    };
                    assert!(is(said.collect.treatment, &record, &kept), "{text}{said:?}");
                    assert!(is(said.release.treatment, &kept, &left), "{text}{said:?}");
                    let column = name.len() + 4;
                    assert_eq!(said.collect.by.to_string(), format!("rules.toml:4:{column}"));
                    let at = said.release.by.to_string();
                    // A file that says the default does not widen what is collected: then that is where it comes from.
                    let narrowed = format!("as it is collected, rules.toml:4:{column}");
                    assert!(at == format!("rules.toml:9:{column}") || at == narrowed, "{text}{at}");
                    let networks = said.collect.networks.first().map(|n| n.by.to_string());
                    assert!(networks.is_none_or(|by| by == "rules.toml:2:15"));
                }
            }
        }
    }
}

#[test]
fn what_no_file_says_is_the_default_and_the_last_file_is_named() {
    let (rules, places) = parse(&[
        ("a.toml", "[collect.device]\nhostname = \"keep\"\n[release]\nkinds = [\"device\"]\n"),
        ("b.toml", "[collect.device]\n  hostname = \"pseudonym\"\nvendor = \"class\"\n"),
    ]);
    let of = |field| fate((&rules, &places), field, None);
    assert_eq!(of(Field::DeviceHostname).collect.by.to_string(), "b.toml:2:14");
    assert_eq!(of(Field::DeviceHostname).release.by.to_string(), "default");
    assert_eq!(of(Field::DeviceVendor).release.by.to_string(), "as it is collected, b.toml:3:10");
    assert_eq!(places.kinds(Gate::Release).to_string(), "a.toml:4:9");
    assert_eq!(places.kinds(Gate::Collect).to_string(), "default");
}

fn golden() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|e| e == "pcap" || e == "pcapng")).collect()
}

fn explained(rules: &str, file: &Path) -> Vec<Json> {
    let (rules, places) = parse(&[("rules.toml", rules)]);
    let mut frames = Vec::new();
    headgate_sensor::explain(
        (&rules, &places),
        &Headgate::default(),
        file,
        |_| true,
        |frame| {
            frames.push(serde_json::to_value(frame).unwrap());
            ControlFlow::Continue(())
        },
    )
    .unwrap();
    frames
}

/// What all frames of a capture are said to add to is what is recorded of it, and they are counted the same.
#[test]
fn the_kinds_and_counts_of_all_frames_are_those_of_a_replay() {
    for rules in ["", "[collect]\nkinds = [\"device\"]\n[exclude]\nprotocols = [\"lldp\", \"udp/67\"]\n"] {
        for file in golden() {
            let parsed = parse(&[("rules.toml", rules)]).0;
            let mut engine = Engine::new(parsed, &Headgate::default());
            let mut records = Vec::new();
            headgate_sensor::replay(&mut engine, &file, &mut |some| {
                records.extend(some);
                ControlFlow::Continue(())
            })
            .unwrap();
            engine.finish();
            engine.account([0; 3]);
            records.extend(engine.take());
            let recorded: BTreeSet<&str> =
                records.iter().map(|r| r.kind().name()).filter(|kind| *kind != "counters").collect();
            let frames = explained(rules, &file);
            let shares = frames.iter().flat_map(|frame| frame["records"].as_array().unwrap());
            let said: BTreeSet<&str> =
                shares.filter(|s| s["collected"] == true).map(|s| s["kind"].as_str().unwrap()).collect();
            assert_eq!(said, recorded, "{}", file.display());
            let excluded = frames.iter().filter(|frame| frame.get("excluded").is_some());
            assert!(excluded.clone().all(|frame| frame["records"].as_array().unwrap().is_empty()));
            let counted = engine.totals().map(|(_, c)| c.outcomes[4..].iter().sum::<u64>()).sum::<u64>();
            assert_eq!(excluded.count() as u64, counted, "{}", file.display());
        }
    }
}

/// Each sort of exclusion, by the kernel and beyond it, at its place.
#[test]
fn every_sort_of_exclusion_is_explained_with_its_entry_and_its_place() {
    let [file] = ["site.pcapng"].map(|name| golden().into_iter().find(|f| f.ends_with(name)).unwrap());
    let all = explained("", &file);
    let (mac, address) =
        ("the source or destination address of the frame", "the IP source or destination address");
    for (sort, entries, entry, place, part) in [
        ("protocols", "\"stp\", \"lldp\"", "lldp", "2:21", "the protocol above Ethernet"),
        ("protocols", "\"udp/67\"", "udp/67", "2:14", "a port of TCP or UDP"),
        ("protocols", "\"icmpv6\"", "icmpv6", "2:14", "the IP protocol"),
        ("prefixes", "\"10.255.0.0/16\", \"0.0.0.0/0\"", "0.0.0.0/0", "2:30", address),
        ("macs", "\"01:80:c2\"", "01:80:c2", "2:9", mac),
        ("macs", "\"locally-administered\"", "locally-administered", "2:9", mac),
    ] {
        let frames = explained(&format!("[exclude]\n{sort} = [{entries}]\n"), &file);
        assert_eq!(frames.len(), all.len());
        let excluded: Vec<&Json> = frames.iter().filter_map(|frame| frame.get("excluded")).collect();
        let hit = excluded.iter().find(|e| e["entry"] == entry && e["part"] == part);
        let hit = hit.unwrap_or_else(|| panic!("{entry}: {excluded:?}"));
        assert_eq!(hit["at"], format!("rules.toml:{place}"));
        assert_eq!(hit["decided_in"], "the kernel");
        assert!(excluded.iter().all(|e| e.get("at").is_some()), "{entry}: {excluded:?}");
    }
    let beyond = explained("[exclude]\nmacs = [\"ff:ff:ff:ff:ff:ff\"]\ninterfaces = [\"file\"]\n", &file);
    let first = beyond.iter().find(|frame| frame["interface"] == "file").map(|frame| &frame["excluded"]);
    assert!(first.is_none_or(|e| e["by"] == "interface" && e["at"] == "rules.toml:3:15"), "{first:?}");
}

#[test]
fn the_rule_that_decides_is_explained_with_its_name_and_its_place() {
    let [file] = ["site.pcapng"].map(|name| golden().into_iter().find(|f| f.ends_with(name)).unwrap());
    let rule = |name: &str, conditions: &str, collect: &str| {
        format!("[[rule]]\nname = {name:?}\n{conditions}\ncollect = {collect:?}\n")
    };
    let rules = [
        rule("names", "protocols = [\"udp/67\"]", "headers"),
        rule("elsewhere", "interfaces = [\"nowhere\"]\nprotocols = [\"icmpv6\"]", "none"),
        rule("neighbours", "protocols = [\"icmpv6\"]\nmacs = [\"group\"]", "counts"),
        rule("switches", "protocols = [\"lldp\"]", "none"),
    ];
    let frames = explained(&rules.concat(), &file);
    for (name, line, collect, decided_in, counted_as) in [
        ("names", 2, "headers", "the kernel", "counters.used"),
        // A rule of an interface before it might have decided.
        ("neighbours", 11, "counts", "the collect gate", "counters.counted"),
        ("switches", 16, "none", "the kernel", "counters.excluded_rule"),
    ] {
        let of: Vec<&Json> = frames.iter().filter(|frame| frame["rule"]["name"] == name).collect();
        assert!(!of.is_empty(), "{name}");
        for frame in of {
            let rule = &frame["rule"];
            assert_eq!(rule["at"], format!("rules.toml:{line}:8"));
            assert_eq!(
                (&rule["collect"], &rule["decided_in"]),
                (&collect.into(), &decided_in.into()),
                "{frame}"
            );
            assert_eq!(frame["counted_as"], counted_as, "{frame}");
            assert!(frame.get("excluded").is_none());
            assert_eq!(frame["records"].as_array().unwrap().is_empty(), collect != "headers");
        }
    }
}

#[test]
fn a_frame_of_which_only_headers_are_read_is_explained_with_its_entry_and_its_place() {
    let [file] = ["site.pcapng"].map(|name| golden().into_iter().find(|f| f.ends_with(name)).unwrap());
    for (choice, entry, decided_in) in [
        ("protocols = [\"dhcp\"]", "dhcp", "the kernel"),
        ("prefixes = [\"0.0.0.0/0\"]", "0.0.0.0/0", "the collect gate"),
    ] {
        let frames = explained(&format!("[headers_only]\n{choice}\n"), &file);
        let limits: Vec<&Json> = frames.iter().filter_map(|frame| frame.get("headers_only")).collect();
        assert!(!limits.is_empty(), "{choice}");
        let place = format!("rules.toml:2:{}", choice.find('"').unwrap() + 1);
        assert!(limits.iter().all(|l| l["entry"] == entry && l["at"] == place), "{limits:?}");
        assert!(limits.iter().all(|l| l["decided_in"] == decided_in), "{limits:?}");
        let shares = frames.iter().filter(|frame| frame.get("headers_only").is_some());
        let kinds = shares.flat_map(|frame| frame["records"].as_array().unwrap()).map(|share| &share["kind"]);
        assert!(
            kinds.clone().all(|kind| kind == "device" || kind == "flow"),
            "{:?}",
            kinds.collect::<Vec<_>>()
        );
    }
}
