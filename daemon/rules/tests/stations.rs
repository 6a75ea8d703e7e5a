//! Groups of stations: which record is of which, and what is collected and leaves of it.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::net::IpAddr;

use headgate_record::{Field, Kind, Mac, Record, Value, ValueType};
use headgate_rules::{Groups, Profile, Pseudonymise, Purpose, Rules, STATIONS, Verdict};
use proptest::prelude::*;
use proptest::sample::select;

struct Keys;

impl Pseudonymise for Keys {
    fn pseudonym(&self, _: Purpose, value: &[u8]) -> [u8; 16] {
        value.iter().enumerate().fold([7; 16], |mut out, (at, octet)| {
            out[at % 16] = out[at % 16].rotate_left(3) ^ octet;
            out
        })
    }
}

fn rules(text: &str) -> Rules {
    Rules::parse(&[("rules.toml".into(), text.into())]).unwrap()
}

/// A record with every field, of a station.
fn record(kind: Kind, interface: &str, vlan: u64, mac: [u8; 6], infrastructure: bool) -> Record {
    let mut record = Record::new(kind);
    for field in Field::of(kind) {
        let address = || Value::Address(IpAddr::from([10, 20, 30, 40]));
        let value = match (field.short_name(), field.definition().value_type) {
            ("interface", _) => interface.into(),
            ("vlan", _) => Value::Number(vlan),
            ("infrastructure", _) => Value::Bool(infrastructure),
            ("locally_administered", _) => Value::Bool(false),
            (_, ValueType::Bool) => Value::Bool(true),
            (_, ValueType::Number) => Value::Number(7),
            (_, ValueType::Time) => Value::Time(1_750_000_000_000_000_000),
            (_, ValueType::Text) => "text-of-it".into(),
            (_, ValueType::Bytes) => Value::Bytes(vec![1, 2]),
            (_, ValueType::Mac) => Value::Mac(Mac(mac)),
            (_, ValueType::Address) => address(),
            (_, ValueType::Texts) => Value::List(vec!["text".into()]),
            (_, ValueType::Numbers) => Value::List(vec![Value::Number(7)]),
            (_, ValueType::Addresses) => Value::List(vec![address()]),
        };
        record.set(field, value).unwrap();
    }
    record
}

const STATION: [u8; 6] = [0x00, 0x1b, 0x21, 0, 0, 7];

/// A site that lets everything leave of others.
const OPEN: &str = "[release]\nprofile = \"identified\"\n";

#[test]
fn of_a_group_with_a_profile_leaves_what_a_site_with_that_profile_lets_leave() {
    for profile in Profile::ALL.map(Profile::name) {
        let group =
            rules(&format!("{OPEN}[[stations]]\nname = \"a\"\nvlans = [20]\nprofile = \"{profile}\"\n"));
        let site = rules(&format!("[release]\nprofile = \"{profile}\"\n"));
        for kind in Kind::ALL.into_iter().filter(|kind| *kind != Kind::Counters) {
            for infrastructure in [false, true] {
                let of = |vlan| record(kind, "eth0", vlan, STATION, infrastructure);
                let release = |rules: &Rules, vlan| match rules.release().release(&of(vlan), &Keys) {
                    Verdict::Release(record) => Some(record),
                    Verdict::Withhold(_) => None,
                };
                assert_eq!(release(&group, 20), release(&site, 20), "{profile} {}", kind.name());
                assert_eq!(release(&group, 21), release(&rules(OPEN), 21), "{profile} {}", kind.name());
            }
        }
    }
}

#[test]
fn no_group_gives_back_what_a_gate_takes() {
    let text = "[collect.device]\nhostname = \"drop\"\n[release]\nprofile = \"identified\"\n[release.device]\naddresses = \"drop\"\n\
                [[stations]]\nname = \"all\"\nprofile = \"identified\"\n";
    let rules = rules(text);
    let device = record(Kind::Device, "eth0", 20, STATION, false);
    let kept = rules.collect().admit(&device, &Keys).unwrap();
    let Verdict::Release(left) = rules.release().release(&kept, &Keys) else { panic!("it is withheld") };
    assert_eq!((left.get(Field::DeviceHostname), left.get(Field::DeviceAddresses)), (None, None));
    assert_eq!(left.get(Field::DeviceMac), Some(&Value::Mac(Mac(STATION))));
}

#[test]
fn of_a_kind_that_a_group_does_not_collect_nothing_is_handed_over_or_written() {
    let rules =
        rules("[[stations]]\nname = \"guests\"\nvlans = [\"200-299\"]\nkinds = [\"device\", \"lease\"]\n");
    for kind in Kind::ALL {
        for vlan in [199, 200, 299, 300] {
            let record = record(kind, "eth0", vlan, STATION, false);
            let is_of_group = kind != Kind::Counters && (200..=299).contains(&vlan);
            let is_refused = is_of_group && !matches!(kind, Kind::Device | Kind::Lease);
            assert_eq!(
                rules.collect().narrow(record.clone()).is_none(),
                is_refused,
                "{} {vlan}",
                kind.name()
            );
            assert_eq!(rules.collect().admit(&record, &Keys).err(), is_refused.then_some(STATIONS));
        }
    }
}

#[test]
fn what_leaves_of_a_group_of_aggregates_is_withheld_under_the_name_of_the_reason() {
    let rules = rules("[[stations]]\nname = \"a\"\nmacs = [\"00:1b:21\"]\nprofile = \"aggregates\"\n");
    let of = |mac| rules.release().withholds(&record(Kind::Flow, "eth0", 20, mac, false));
    assert_eq!((of(STATION), of([0, 0x40, 0x8c, 0, 0, 1])), (Some(STATIONS), None));
}

#[test]
fn a_flow_within_a_tunnel_is_of_the_interface_of_the_tunnel() {
    let rules = rules("[[stations]]\nname = \"a\"\ninterfaces = [\"eth0\"]\nkinds = []\n");
    for (interface, is_collected) in
        [("eth0", false), ("eth0/vxlan", false), ("eth1/vxlan", true), ("eth", true)]
    {
        let flow = record(Kind::Flow, interface, 20, STATION, false);
        assert_eq!(rules.collect().narrow(flow).is_some(), is_collected, "{interface}");
    }
}

/// So many stations are in each group.
struct Members(usize);

impl Groups for Members {
    fn members(&self, _: Field, _: &Value) -> usize {
        self.0
    }
}

#[test]
fn of_stations_with_a_group_size_the_name_of_a_group_leaves_where_it_has_as_many() {
    let rules = rules(
        "[collect.authentication]\nassigned_vlan = \"keep\"\n[release.authentication]\nassigned_vlan = \"group\"\n\
         [[stations]]\nname = \"ward\"\nvlans = [20]\ngroup_size = 20\n\
         [[stations]]\nname = \"guests\"\nvlans = [30]\nprofile = \"pseudonymous\"\n",
    );
    for (vlan, size) in [(20, 20), (30, 5), (40, 5)] {
        let record = record(Kind::Authentication, "eth0", vlan, STATION, false);
        assert_eq!(rules.release().group_size_of(&record), size, "{vlan}");
        for members in [4, 5, 19, 20] {
            let verdict = rules.release().release_among(&record, &Keys, &Members(members.into()));
            let Verdict::Release(left) = verdict else { panic!("it is withheld") };
            let leaves = left.get(Field::AuthenticationAssignedVlan).is_some();
            assert_eq!(leaves, members >= size && vlan != 30, "{vlan} {members}");
        }
    }
}

#[test]
fn groups_are_shown_as_they_are_read_and_are_part_of_the_digest() {
    let text = "[[stations]]\nname = \"a\"\ninterfaces = [\"eth0\"]\nvlans = [20, \"30-40\"]\nmacs = [\"00:1b:21\", \"locally-administered\"]\nkinds = []\n\
                [[stations]]\nname = \"b\"\nprofile = \"aggregates\"\n[[stations]]\nname = \"c\"\ngroup_size = 20\n";
    let (without, with) = (rules(""), rules(text));
    let shown = rules(&with.show());
    assert_eq!(shown.collect().stations(), with.collect().stations());
    assert_eq!(shown.digest(), with.digest());
    assert_ne!(with.digest(), without.digest());
    assert!(!without.show().contains("[[stations]]"));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let known = "[[stations]]\nname = \"a\"\nkinds = []\n";
    for (text, expected) in [
        ("[[stations]]\nname = \"a b\"\nkinds = []", "rules.toml:2:8: \"a b\" is not a name of stations"),
        ("[[stations]]\nname = \"a\"", "rules.toml:2:8: \"a\" says nothing of its stations"),
        (&[known, known].concat(), "rules.toml:5:8: \"a\" is the name of stations already: rules.toml:2:8"),
        (
            "[[stations]]\nname = \"a\"\nkinds = [\"flow\", \"counters\"]",
            "rules.toml:3:18: counters records are of no",
        ),
        (
            "[[stations]]\nname = \"a\"\nkinds = [\"flows\"]",
            "rules.toml:3:10: \"flows\" is not a kind of record",
        ),
        (
            "[collect]\nkinds = [\"lease\"]\n[[stations]]\nname = \"a\"\nkinds = [\"lease\", \"flow\"]",
            "rules.toml:5:19: flow records are not collected",
        ),
        (
            "[[stations]]\nname = \"a\"\nprofile = \"identified\"",
            "rules.toml:3:11: \"identified\" lets more leave than",
        ),
        ("[[stations]]\nname = \"a\"\ngroup_size = 1", "rules.toml:3:14: group_size is 2 to 1000"),
        (
            "[[stations]]\nname = \"a\"\ngroup_size = 9\n[release]\ngroup_size = 10",
            "rules.toml:3:14: 9 lets the names of smaller groups leave than group_size under [release], 10",
        ),
        ("[[stations]]\nname = \"a\"\ngroup_size = 4", "rules.toml:3:14: 4 lets the names of smaller"),
        ("[[stations]]\nname = \"a\"\nprofile = \"open\"", "rules.toml:3:11: \"open\" is no profile"),
        ("[[stations]]\nname = \"a\"\nvlans = []\nkinds = []", "rules.toml:3:9: a condition without a value"),
        (
            "[[stations]]\nname = \"a\"\nprefixes = [\"10.0.0.0/8\"]\nkinds = []",
            "rules.toml:3:1: unknown field `prefixes`",
        ),
        (
            "[[stations]]\nname = \"a\"\nvlans = [20]\nkinds = []\n[collect.lease]\nvlan = \"drop\"",
            "rules.toml:2:8: the group is chosen by lease.vlan",
        ),
        (
            "[[stations]]\nname = \"a\"\nmacs = [\"group\"]\nkinds = []\n[collect.flow]\nmac = \"pseudonym\"",
            "rules.toml:2:8: the group is chosen by flow.mac",
        ),
    ] {
        let error = Rules::parse(&[("rules.toml".into(), text.to_owned())]).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{text}\n{error}");
    }
    let many: String = (0..33).map(|n| known.replace("\"a\"", &format!("\"a{n}\""))).collect();
    let error = Rules::parse(&[("rules.toml".into(), many)]).unwrap_err();
    assert_eq!((error.line, error.what.as_str()), (98, "there can be 32 groups of stations"));
}

/// A group to write, and what it means said once more.
#[derive(Clone, Debug)]
struct Group {
    interface: Option<&'static str>,
    vlan: Option<u64>,
    oui: Option<[u8; 3]>,
    kinds: Option<Vec<Kind>>,
    profile: Option<&'static str>,
}

impl Group {
    fn text(&self, at: usize) -> String {
        let list = |key: &str, value: Option<String>| {
            value.map_or(String::new(), |value| format!("{key} = [\"{value}\"]\n"))
        };
        let kinds = self.kinds.as_ref().map(|kinds| kinds.iter().map(|kind| kind.name()).collect::<Vec<_>>());
        [
            format!("[[stations]]\nname = \"g{at}\"\n"),
            list("interfaces", self.interface.map(str::to_owned)),
            list("vlans", self.vlan.map(|vlan| vlan.to_string())),
            list("macs", self.oui.map(|[a, b, c]| format!("{a:02x}:{b:02x}:{c:02x}"))),
            kinds.map_or(String::new(), |kinds| format!("kinds = {kinds:?}\n")),
            self.profile.map_or(String::new(), |profile| format!("profile = \"{profile}\"\n")),
        ]
        .concat()
    }
}

fn any_group() -> impl Strategy<Value = Group> {
    let kinds = prop::sample::subsequence(&[Kind::Device, Kind::Flow, Kind::Lease][..], 0..=3);
    (
        prop::option::of(select(vec!["eth0", "eth1"])),
        prop::option::of(select(vec![10u64, 20])),
        prop::option::of(select(vec![[0u8, 0x1b, 0x21], [0, 0x1c, 0x73]])),
        prop::option::of(kinds),
        prop::option::of(select(vec!["aggregates", "pseudonymous"])),
    )
        .prop_filter("it says something", |(.., kinds, profile)| kinds.is_some() || profile.is_some())
        .prop_map(|(interface, vlan, oui, kinds, profile)| Group {
            interface,
            vlan,
            oui,
            kinds,
            profile,
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_first_group_that_a_record_is_of_decides(
        groups in prop::collection::vec(any_group(), 0..5),
        kind in select(vec![Kind::Device, Kind::Flow, Kind::Lease, Kind::Neighbor, Kind::Bridge]),
        interface in select(vec!["eth0", "eth1", "eth1/gre"]),
        vlan in select(vec![10u64, 20, 30]),
        oui in select(vec![[0u8, 0x1b, 0x21], [0, 0x1c, 0x73], [0, 0x40, 0x8c]]),
    ) {
        let text: String = groups.iter().enumerate().map(|(at, group)| group.text(at)).collect();
        let rules = rules(&[OPEN, &text].concat());
        let [a, b, c] = oui;
        let record = record(kind, interface, vlan, [a, b, c, 0, 0, 1], false);
        let of = groups.iter().find(|group| {
            group.interface.is_none_or(|name| interface == name || interface == format!("{name}/gre"))
                && group.vlan.is_none_or(|id| id == vlan)
                && group.oui.is_none_or(|set| set == oui)
        });
        let is_collected = of.and_then(|group| group.kinds.as_ref()).is_none_or(|kinds| kinds.contains(&kind));
        prop_assert_eq!(rules.collect().narrow(record.clone()).is_some(), is_collected, "{}", text);
        let expected = match of.and_then(|group| group.profile) {
            Some("aggregates") => Err(STATIONS),
            profile => Ok(profile == Some("pseudonymous")),
        };
        let found = match rules.release().release(&record, &Keys) {
            Verdict::Release(left) => Ok(kind.subject().is_some_and(|mac| matches!(left.get(mac), Some(Value::Pseudonym(_))))),
            Verdict::Withhold(reason) => Err(reason),
        };
        prop_assert_eq!(found, expected, "{}", text);
    }
}
