//! `headgate schema`: JSON Schema (draft 2020-12) of the configuration files, for editors.
//!
//! Made from what reads the files: the dictionary, the sorts of exclusions, and the declaration of `headgate.toml`.

mod requests;

use clap::ValueEnum;
use headgate_record::{Field, Kind, Treatment};
use headgate_rules::filter::Tunnel;
use headgate_rules::{
    Collect, GROUP_SIZES, Gate, MAX_COUNTING_RULES, MAX_EXCLUSIONS, MAX_OPT_OUT_LISTS, MAX_OPT_OUTS,
    MAX_RULES, MAX_STATION_GROUPS, OPT_OUT_LIST_PATTERN, Profile, RULE_NAME_PATTERN, Rules, exclusion_keys,
};
use headgate_sensor::SensorError;
use headgate_service::config::{Described, Headgate, Key, Shape};
use serde_json::{Map, Value, json};

use crate::dictionary::person;
use crate::error::CliError;
use crate::show;

/// A configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum File {
    /// headgate.toml
    Headgate,
    /// rules.toml
    Rules,
}

/// Prints the schema of a file.
pub(crate) fn print(file: File) -> Result<(), CliError> {
    show::json(&match file {
        File::Headgate => headgate(),
        File::Rules => rules()?,
    })
}

fn headgate() -> Value {
    document("headgate.toml of Headgate: how an appliance runs", of(&Headgate::shape()))
}

fn of(shape: &Shape) -> Value {
    match shape {
        Shape::Bool => json!({ "type": "boolean" }),
        Shape::List(one) => json!({ "type": "array", "items": of(one) }),
        Shape::Number(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Shape::Table(keys) => table(keys.iter().map(|key| (key.name, of_key(key)))),
        Shape::Text(None) => json!({ "type": "string" }),
        Shape::Text(Some(pattern)) => json!({ "type": "string", "pattern": pattern }),
    }
}

fn of_key(key: &Key) -> Value {
    let default = key.default.as_ref().and_then(|value| serde_json::to_value(value).ok());
    described(of(&key.shape), &key.meaning, default)
}

fn rules() -> Result<Value, CliError> {
    let defaults = Rules::parse(&[]).map_err(SensorError::from)?;
    let opt_outs = described(
        json!({ "type": "array", "items": { "type": "string", "pattern": OPT_OUT_LIST_PATTERN } }),
        &format!(
            "Files beside this one with the MAC addresses of stations of which nothing is collected, one a line. At most \
             {MAX_OPT_OUT_LISTS} files with {MAX_OPT_OUTS} addresses, with those of all drop-ins."
        ),
        Some(json!([])),
    );
    let exclusions = choice().into_iter().chain([("opt_out_lists", opt_outs)]);
    let mut collect = gate(Gate::Collect, defaults.collect().lengths());
    let names = Tunnel::ALL.map(Tunnel::name);
    collect.push((
        "tunnels",
        described(
            json!({ "type": "array", "items": { "enum": names } }),
            "Tunnels that are looked into: of what is within them headers are kept, exclusions hold there, and flows and devices there become records.",
            Some(json!(defaults.collect().tunnels().iter().map(Tunnel::name).collect::<Vec<_>>())),
        ),
    ));
    let mut release = gate(Gate::Release, defaults.release().lengths());
    release.push((
        "profile",
        described(
            json!({ "enum": Profile::ALL.map(Profile::name) }),
            "What leaves where nothing else is said here; the defaults that are shown are those of pseudonymous.",
            Some(Profile::default().name().into()),
        ),
    ));
    release.push((
        "group_size",
        described(
            group_size(),
            "How many stations must be in a group before its name leaves, where a field is \"group\".",
            Some(defaults.release().group_size().into()),
        ),
    ));
    release.push((
        "randomised_macs",
        described(
            json!({ "type": "boolean" }),
            "Whether records of devices with a randomised MAC address may leave; otherwise only their number does.",
            Some(defaults.release().releases_randomised_macs().into()),
        ),
    ));
    let tables = [
        ("exclude", table(exclusions), "Frames that are never looked at, only counted."),
        (
            "headers_only",
            table(choice()),
            "Frames of which no more than headers is read: what ARP, LLDP, DHCP and the like say in them is not used.",
        ),
        (
            "rule",
            json!({ "type": "array", "maxItems": MAX_RULES, "items": rule() }),
            "Rules: how far frames are collected that meet all conditions of one. The first that matches decides; \
             what none matches is read with its control protocols. What [exclude] and [headers_only] take no rule gives back.",
        ),
        (
            "stations",
            json!({ "type": "array", "maxItems": MAX_STATION_GROUPS, "items": stations() }),
            "Groups of stations of which less is collected or leaves than of others. A record belongs to the first group of which \
             all conditions hold; a group gives nothing back of what the gates take.",
        ),
        ("collect", table(collect), "What of a record is kept in the encrypted buffer on this appliance."),
        ("release", table(release), "What of a kept record may leave; never wider than what is collected."),
        (
            "requests",
            table(requests::keys()),
            "What whoever runs the receiver may ask for, so that the administrator is asked.",
        ),
    ];
    let tables = tables.map(|(name, table, meaning)| (name, described(table, meaning, None)));
    Ok(document("rules.toml of Headgate: what may be collected on a site and leave it", table(tables)))
}

/// One rule.
fn rule() -> Value {
    let name = json!({ "type": "string", "pattern": RULE_NAME_PATTERN });
    let collect = json!({ "enum": Collect::ALL.map(Collect::name) });
    let said = [
        (
            "name",
            described(name, "Its name, which no other rule has: what it decides is shown under it.", None),
        ),
        (
            "collect",
            described(
                collect,
                &format!(
                    "none: the frame is excluded. counts: its number and octets are counted under the name of the rule (at most \
                     {MAX_COUNTING_RULES} rules). headers: no more than headers is read. control: control protocols as well."
                ),
                None,
            ),
        ),
    ];
    let mut schema = table(said.into_iter().chain(conditions()));
    if let Some(object) = schema.as_object_mut() {
        object.insert("required".into(), json!(["name", "collect"]));
    }
    schema
}

fn group_size() -> Value {
    json!({ "type": "integer", "minimum": GROUP_SIZES.0, "maximum": GROUP_SIZES.1 })
}

/// One group of stations.
fn stations() -> Value {
    let conditions = conditions().into_iter().filter(|(key, _)| STATION_KEYS.contains(key));
    let kinds: Vec<&str> = Kind::ALL.into_iter().filter(|k| *k != Kind::Counters).map(Kind::name).collect();
    let said = [
        (
            "name",
            described(
                json!({ "type": "string", "pattern": RULE_NAME_PATTERN }),
                "Its name, which no other group has.",
                None,
            ),
        ),
        (
            "kinds",
            described(
                json!({ "type": "array", "items": { "enum": kinds } }),
                "Kinds of record of these stations that are kept on this appliance, of those under [collect]; where it is not given, all of those.",
                None,
            ),
        ),
        (
            "profile",
            described(
                json!({ "enum": Profile::ALL.map(Profile::name) }),
                "What leaves of these stations at most; no more than the profile under [release].",
                None,
            ),
        ),
        (
            "group_size",
            described(
                group_size(),
                "How many stations must be in a group before its name leaves with a record of these, where a field is \"group\"; no fewer than under [release].",
                None,
            ),
        ),
    ];
    let mut schema = table(said.into_iter().chain(conditions));
    if let Some(object) = schema.as_object_mut() {
        object.insert("required".into(), json!(["name"]));
        let one_of = ["kinds", "profile", "group_size"].map(|key| json!({ "required": [key] }));
        object.insert("anyOf".into(), one_of.into_iter().collect());
    }
    schema
}

/// The keys that choose stations.
const STATION_KEYS: [&str; 3] = ["interfaces", "vlans", "macs"];

/// The conditions of a rule or group.
fn conditions() -> [(&'static str, Value); 5] {
    choice().map(|(key, mut schema)| {
        if let Some(list) = schema.as_object_mut() {
            // A condition without a value could be taken for none.
            list.remove("default");
            list.insert("minItems".into(), 1.into());
        }
        (key, schema)
    })
}

/// The keys that choose frames.
fn choice() -> [(&'static str, Value); 5] {
    exclusion_keys().map(|key| {
        let text = json!({ "type": "string", "pattern": key.pattern });
        let entry = match key.name {
            "vlans" => json!({ "anyOf": [{ "type": "integer", "minimum": 0, "maximum": 4094 }, text] }),
            _ => text,
        };
        let meaning = format!("{}. At most {MAX_EXCLUSIONS}, with those of all drop-ins.", key.meaning);
        (key.name, described(json!({ "type": "array", "items": entry }), &meaning, Some(json!([]))))
    })
}

fn gate(gate: Gate, [v4, v6]: [u8; 2]) -> Vec<(&'static str, Value)> {
    let what = match gate {
        Gate::Collect => "kept on this appliance",
        Gate::Release => "leave the site",
    };
    let names = Kind::ALL.map(Kind::name);
    let kinds = json!({ "type": "array", "items": { "enum": names } });
    let length = |most: u8, default: u8, version: &str| {
        let number = json!({ "type": "integer", "minimum": 0, "maximum": most });
        let meaning = format!("Length of the {version} networks that \"truncate\" leaves.");
        described(number, &meaning, Some(default.into()))
    };
    let mut keys = vec![
        ("kinds", described(kinds, &format!("Kinds of record that are {what}."), Some(json!(names)))),
        ("ipv4_prefix", length(32, v4, "IPv4")),
        ("ipv6_prefix", length(128, v6, "IPv6")),
    ];
    for kind in Kind::ALL {
        let fields = Field::of(kind).map(|field| {
            let row = field.definition();
            let fitting: Vec<&str> =
                Treatment::ALL.into_iter().filter(|t| gate.takes(*t, field)).map(Treatment::name).collect();
            let meaning = format!("{}. Tells of a person: {}.", row.source, person(row.person));
            let value = json!({ "enum": fitting });
            let default = match gate {
                Gate::Collect => row.collect,
                Gate::Release => row.release,
            };
            (field.short_name(), described(value, &meaning, Some(default.name().into())))
        });
        let meaning = format!("The fields of {} records.", kind.name());
        keys.push((kind.name(), described(table(fields), &meaning, None)));
    }
    keys
}

fn table<'a>(keys: impl IntoIterator<Item = (&'a str, Value)>) -> Value {
    let properties: Map<String, Value> =
        keys.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    json!({ "type": "object", "properties": properties, "additionalProperties": false })
}

fn described(mut schema: Value, meaning: &str, default: Option<Value>) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert("description".into(), meaning.into());
        object.extend(default.map(|default| ("default".to_owned(), default)));
    }
    schema
}

fn document(title: &str, mut schema: Value) -> Value {
    if let Some(object) = schema.as_object_mut() {
        object.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        object.insert("title".into(), title.into());
    }
    schema
}

#[cfg(test)]
mod tests {
    use headgate_service::config;

    use super::*;

    const SHIPPED: [(File, &str, &str); 2] = [
        (
            File::Headgate,
            include_str!("../../../config/headgate.schema.json"),
            include_str!("../../../config/headgate.toml"),
        ),
        (
            File::Rules,
            include_str!("../../../config/rules.schema.json"),
            include_str!("../../../config/rules.toml"),
        ),
    ];

    fn generated(file: File) -> Value {
        match file {
            File::Headgate => headgate(),
            File::Rules => rules().unwrap(),
        }
    }

    /// Whether the schema accepts a file, and whether its reader does.
    fn accepted(file: File, text: &str) -> (bool, bool) {
        let schema = jsonschema::draft202012::new(&generated(file)).unwrap();
        let value: toml::Value = toml::from_str(text).unwrap();
        let read = match file {
            File::Headgate => config::parse::<Headgate>("x".as_ref(), text).is_ok(),
            File::Rules => {
                let list = |_: &str| Ok(("list".into(), String::new()));
                Rules::parse_with_lists(&[("x".into(), text.into())], &list).is_ok()
            }
        };
        (schema.is_valid(&serde_json::to_value(value).unwrap()), read)
    }

    #[test]
    fn the_shipped_schemas_are_those_that_are_generated() {
        for (file, schema, _) in SHIPPED {
            assert_eq!(
                schema,
                format!("{:#}\n", generated(file)),
                "write it again: headgate schema {} > config/{0}.schema.json",
                if file == File::Rules { "rules" } else { "headgate" },
            );
            assert!(jsonschema::meta::is_valid(&generated(file)));
        }
    }

    #[test]
    fn the_shipped_files_hold_to_their_schemas() {
        for (file, _, shipped) in SHIPPED {
            assert_eq!(accepted(file, shipped), (true, true));
        }
    }

    #[test]
    fn every_key_of_the_shipped_file_has_its_default_in_the_schema() {
        for (file, _, shipped) in SHIPPED {
            let shipped: toml::Table = toml::from_str(shipped).unwrap();
            let schema = generated(file);
            for (name, section) in &shipped {
                for (key, value) in section.as_table().unwrap() {
                    let of = |key: &str, at: &Value| at["properties"][key].clone();
                    let described = of(key, &of(name, &schema));
                    match value.as_table() {
                        Some(fields) => fields.iter().for_each(|(field, value)| {
                            assert_eq!(
                                of(field, &described)["default"],
                                json!(value),
                                "{name}.{key}.{field}"
                            );
                        }),
                        None => assert_eq!(described["default"], json!(value), "{name}.{key}"),
                    }
                }
            }
        }
    }

    #[test]
    fn what_the_schema_refuses_is_refused_by_the_reader() {
        for (file, wrong) in [
            (File::Headgate, "[store]\nmax_mb = 5"),
            (File::Headgate, "[stores]"),
            (File::Headgate, "[flows]\nidle_timeout = 0"),
            (File::Headgate, "[flows]\nidle_timeout = 3601"),
            (File::Headgate, "[flows]\nidle_timeout = \"15\""),
            (File::Headgate, "[capture]\ninterfaces = [\"../x\"]"),
            (File::Headgate, "[capture]\npromiscuous = 1"),
            (File::Headgate, "[appliance]\nid = \"Über\""),
            (File::Headgate, "[uplink]\nreceiver = \"example.org\""),
            (File::Rules, "[exclude]\nvlan = [20]"),
            (File::Rules, "[exclude]\nvlans = [5000]"),
            (File::Rules, "[exclude]\nvlans = [\"x\"]"),
            (File::Rules, "[exclude]\nmacs = [\"00:1b\"]"),
            (File::Rules, "[exclude]\nprefixes = [\"host\"]"),
            (File::Rules, "[exclude]\nprotocols = [\"http\"]"),
            (File::Rules, "[exclude]\ninterfaces = [\"a/b\"]"),
            (File::Rules, "[exclude]\nopt_out_lists = [\"../x\"]"),
            (File::Rules, "[requests]\ncapture_minutes = 1441"),
            (File::Rules, "[requests]\nshell = true"),
            (File::Rules, "[headers_only]\nvlans = [5000]"),
            (File::Rules, "[headers_only]\nopt_out_lists = [\"x\"]"),
            (File::Rules, "[[rule]]\nname = \"a\"\ncollect = \"all\""),
            (File::Rules, "[[rule]]\nname = \"a b\"\ncollect = \"none\""),
            (File::Rules, "[[rule]]\nname = \"a\""),
            (File::Rules, "[[rule]]\ncollect = \"none\""),
            (File::Rules, "[[rule]]\nname = \"a\"\ncollect = \"none\"\nvlans = []"),
            (File::Rules, "[[rule]]\nname = \"a\"\ncollect = \"none\"\nports = [22]"),
            (File::Rules, "[rule]\nname = \"a\"\ncollect = \"none\""),
            (File::Rules, "[[stations]]\nname = \"a\""),
            (File::Rules, "[[stations]]\nprofile = \"aggregates\""),
            (File::Rules, "[[stations]]\nname = \"a\"\nprofile = \"none\""),
            (File::Rules, "[[stations]]\nname = \"a\"\ngroup_size = 1001"),
            (File::Rules, "[[stations]]\nname = \"a\"\nkinds = [\"counters\"]"),
            (File::Rules, "[[stations]]\nname = \"a\"\nkinds = [\"flow\"]\nprefixes = [\"10.0.0.0/8\"]"),
            (File::Rules, "[[stations]]\nname = \"a\"\nkinds = [\"flow\"]\nvlans = []"),
            (File::Rules, "[collect]\nkinds = [\"devices\"]"),
            (File::Rules, "[collect]\nrandomised_macs = true"),
            (File::Rules, "[collect]\nprofile = \"aggregates\""),
            (File::Rules, "[release]\nprofile = \"anonymous\""),
            (File::Rules, "[release]\ngroup_size = 1"),
            (File::Rules, "[collect]\ngroup_size = 5"),
            (File::Rules, "[collect.authentication]\nfilter_ids = \"group\""),
            (File::Rules, "[collect.device]\nvendor = \"keep\"\n[release.device]\nvendor = \"group\""),
            (File::Rules, "[collect]\ntunnels = [\"l2tp\"]"),
            (File::Rules, "[release]\ntunnels = [\"vxlan\"]"),
            (File::Rules, "[release]\nipv4_prefix = 33"),
            (File::Rules, "[collect.device]\nhost = \"drop\""),
            (File::Rules, "[release.flow]\npackets = \"truncate\""),
            (File::Rules, "[collect.authentication]\nuser_name = \"keep\""),
        ] {
            assert_eq!(accepted(file, wrong), (false, false), "{wrong}");
        }
    }

    #[test]
    fn what_the_reader_allows_is_allowed_by_the_schema() {
        for (file, text) in [
            (File::Headgate, "[capture]\ninterfaces = [\"eth0.20\", \"wlp2s0-x\"]"),
            (File::Headgate, "[uplink]\nreceiver = \"[::1]:8443\""),
            (File::Rules, "[exclude]\nvlans = [20, \"20\", \"100-199\", \" 3 - 4 \"]"),
            (
                File::Rules,
                "[exclude]\nmacs = [\"00-1B-21\", \"00:1b:21:00:00:01\", \"locally-administered\", \"group\"]",
            ),
            (File::Rules, "[exclude]\nprefixes = [\"192.0.2.0/24\", \"2001:db8::/48\", \"::ffff:1.2.3.4\"]"),
            (File::Rules, "[exclude]\nprotocols = [\"tcp/22\", \"udp\", \"ip/47\", \"icmpv6\"]"),
            (File::Rules, "[exclude]\nopt_out_lists = [\"opt-out.txt\", \"besucher 2026\"]"),
            (
                File::Rules,
                "[[rule]]\nname = \"a-1\"\ncollect = \"none\"\n[[rule]]\nname = \"b\"\nvlans = [20]\ncollect = \"counts\"",
            ),
            (
                File::Rules,
                "[[stations]]\nname = \"a\"\nvlans = [20]\nkinds = []\n[[stations]]\nname = \"b\"\nprofile = \"aggregates\"\n[[stations]]\nname = \"c\"\ngroup_size = 20",
            ),
            (File::Rules, "[release]\nrandomised_macs = true"),
            (File::Rules, "[release]\nprofile = \"identified\""),
            (
                File::Rules,
                "[collect.authentication]\nfilter_ids = \"keep\"\n[release.authentication]\nfilter_ids = \"group\"",
            ),
            (File::Rules, "[release]\ngroup_size = 1000"),
            (File::Rules, "[collect]\ntunnels = [\"erspan\", \"tzsp\"]"),
        ] {
            assert_eq!(accepted(file, text), (true, true), "{text}");
        }
    }

    /// Every treatment of every field, at both gates: the schema offers those that the reader takes.
    #[test]
    fn each_field_offers_the_treatments_that_fit_it() {
        let schema = jsonschema::draft202012::new(&rules().unwrap()).unwrap();
        for field in Field::ALL {
            for treatment in Treatment::ALL {
                let (kind, name) = (field.kind().name(), field.short_name());
                for (at, gate) in [("collect", Gate::Collect), ("release", Gate::Release)] {
                    let value = json!({ at: { kind: { name: treatment.name() } } });
                    assert_eq!(schema.is_valid(&value), gate.takes(treatment, *field), "{}", field.name());
                }
            }
        }
    }
}
