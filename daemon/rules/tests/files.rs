//! Rule files: what is accepted, what is refused, and how a refusal reads.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

use headgate_record::{Field, Treatment};
use headgate_rules::{Requests, RuleError, Rules};

const SHIPPED: &str = include_str!("../../../config/rules.toml");

fn parse(text: &str) -> Result<Rules, RuleError> {
    Rules::parse(&[("rules.toml".into(), text.into())])
}

fn refusal(text: &str) -> String {
    parse(text).unwrap_err().to_string()
}

#[test]
fn the_shipped_file_is_the_defaults() {
    assert_eq!(parse(SHIPPED).unwrap(), parse("").unwrap());
    let said: Vec<&str> =
        SHIPPED.lines().map(|line| line.strip_prefix('#').filter(is_key).unwrap_or(line)).collect();
    assert!(said.join("\n").len() + 100 < SHIPPED.len());
    assert_eq!(parse(&said.join("\n")).unwrap(), parse("").unwrap());
}

/// What stands behind the # of a comment that is a key with its default.
fn is_key(line: &&str) -> bool {
    line.starts_with(|c: char| c.is_ascii_lowercase()) && line.contains(" = ")
}

#[test]
fn the_shipped_file_names_every_field_at_both_gates() {
    for field in Field::ALL {
        for (gate, mark) in [("collect", ""), ("release", "#")] {
            let line = format!("\n{mark}{} = \"", field.short_name());
            let section = format!("[{gate}.{}]", field.kind().name());
            let body = SHIPPED.split(&section).nth(1).unwrap().split("\n[").next().unwrap();
            assert!(body.contains(&line), "{section} lacks {}", field.short_name());
        }
    }
}

#[test]
fn what_is_shown_is_the_same_rules_again() {
    let text = r#"
        [exclude]
        interfaces = ["eth9"]
        vlans = [20, "100-199"]
        macs = ["00:1b:21:00:00:01", "00-1b-22", "locally-administered", "group"]
        prefixes = ["192.0.2.0/24", "2001:db8::/48", "198.51.100.7"]
        protocols = ["arp", "tcp/22", "udp", "ip/47", "icmpv6"]
        [headers_only]
        interfaces = ["eth2"]
        vlans = ["30-39"]
        macs = ["00:1b:23"]
        prefixes = ["203.0.113.0/24"]
        protocols = ["dhcp"]
        [[rule]]
        name = "imaging"
        interfaces = ["eth1"]
        vlans = [30, "40-49"]
        macs = ["00:1b:21", "group"]
        prefixes = ["10.20.0.0/16"]
        protocols = ["tcp/104"]
        collect = "headers"
        [[rule]]
        name = "others"
        collect = "counts"
        [collect]
        kinds = ["device", "flow", "counters"]
        [collect.device]
        mac = "pseudonym"
        [release]
        ipv4_prefix = 16
        randomised_macs = true
        group_size = 12
        [release.flow]
        mac = "drop"
    "#;
    let rules = parse(text).unwrap();
    assert_eq!(parse(&rules.show()).unwrap(), rules);
    assert_ne!(rules.digest(), parse("").unwrap().digest());
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_what_is_allowed() {
    let error = refusal("[exclude]\nvlan = [20]\n");
    assert!(error.starts_with("rules.toml:2:1: unknown field `vlan`, expected one of"), "{error}");
}

#[test]
fn an_unknown_field_is_named_with_its_place_and_what_is_allowed() {
    let error = refusal("[collect.device]\nmac = \"keep\"\nhost = \"drop\"\n");
    assert!(
        error.starts_with("rules.toml:3:1: a device record has no field \"host\"; it has mac, vlan,"),
        "{error}"
    );
}

#[test]
fn an_unfitting_treatment_is_named_with_its_place_and_what_is_allowed() {
    let error = refusal("[release.flow]\npackets = \"truncate\"\n");
    assert_eq!(error, "rules.toml:2:11: flow.packets cannot be \"truncate\"; use one of keep, drop");
}

#[test]
fn no_rule_keeps_the_name_of_a_user() {
    for (gate, field) in [("collect", "user_name"), ("collect", "identity"), ("release", "user_name")] {
        for treatment in ["keep", "class"] {
            let error = refusal(&format!("[{gate}.authentication]\n{field} = \"{treatment}\"\n"));
            let expected =
                format!("authentication.{field} cannot be {treatment:?}; use one of drop, pseudonym");
            assert!(error.ends_with(&expected), "{error}");
        }
    }
}

#[test]
fn release_wider_than_collect_is_refused() {
    let error = refusal("[collect.device]\nhostname = \"class\"\n[release.device]\nhostname = \"keep\"\n");
    assert_eq!(
        error,
        "rules.toml:4:12: device.hostname is collected as \"class\" and cannot be released as \"keep\"; \
         use \"drop\" or \"class\""
    );
}

#[test]
fn the_default_release_narrows_with_the_collect_gate() {
    let rules = parse("[collect.device]\nmac = \"drop\"\nvendor = \"class\"\nvendor_class = \"pseudonym\"\n")
        .unwrap();
    assert_eq!(rules.release().treatment(Field::DeviceMac), Treatment::Drop);
    assert_eq!(rules.release().treatment(Field::DeviceVendor), Treatment::Class);
    // A class of a pseudonym has no meaning, and neither is within the other.
    assert_eq!(rules.release().treatment(Field::DeviceVendorClass), Treatment::Drop);
    for field in Field::ALL {
        let (release, collect) = (rules.release().treatment(*field), rules.collect().treatment(*field));
        assert!(release.is_within(collect), "{}", field.name());
    }
}

#[test]
fn exclusions_that_make_no_sense_are_refused_at_their_column() {
    for (text, place) in [
        ("[exclude]\nvlans = [1, 5000]", "2:13"),
        ("[exclude]\nvlans = [\"9-3\"]", "2:10"),
        ("[exclude]\nmacs = [\"00:1b\"]", "2:9"),
        ("[exclude]\nprefixes = [\"10.0.0.0/8\", \"10.0.0.1/8\"]", "2:27"),
        ("[exclude]\nprefixes = [\"10.0.0.0/33\"]", "2:13"),
        ("[exclude]\nprotocols = [\"tcp/0\"]", "2:14"),
        ("[exclude]\nprotocols = [\"http\"]", "2:14"),
        ("[exclude]\ninterfaces = [\"a/b\"]", "2:15"),
        ("[headers_only]\nmacs = [\"00:1b\"]", "2:9"),
        ("[headers_only]\nopt_out_lists = [\"x\"]", "2:18"),
        ("[release]\nipv4_prefix = 33", "2:15"),
        ("[release]\ngroup_size = 1", "2:14"),
        ("[release]\ngroup_size = 1001", "2:14"),
        ("[collect]\ngroup_size = 5", "2:14"),
        ("[collect.authentication]\nfilter_ids = \"group\"", "2:14"),
        (
            "[collect.authentication]\nfilter_ids = \"class\"\n[release.authentication]\nfilter_ids = \"group\"",
            "4:14",
        ),
        ("[[rule]]\nname = \"a b\"\ncollect = \"none\"", "2:8"),
        ("[[rule]]\nname = \"a\"\ncollect = \"all\"", "3:11"),
        ("[[rule]]\nname = \"a\"", "1:1"),
        ("[[rule]]\ncollect = \"none\"", "1:1"),
        ("[[rule]]\nname = \"a\"\ncollect = \"none\"\nvlan = [20]", "4:1"),
        ("[[rule]]\nname = \"a\"\ncollect = \"none\"\nprotocols = [\"tcp/22\", \"http\"]", "4:24"),
        ("[[rule]]\nname = \"a\"\ncollect = \"none\"\n[[rule]]\nname = \"a\"\ncollect = \"none\"", "5:8"),
        // It could mean no frame, or all.
        ("[[rule]]\nname = \"a\"\ncollect = \"none\"\nvlans = []", "4:9"),
        ("[collect]\nkinds = [\"devices\"]", "2:10"),
        ("[release]\nrandomised_macs = \"yes\"", "2:19"),
        ("[collect]\nrandomised_macs = true", "2:19"),
        ("[collect\n", "1:9"),
    ] {
        let error = refusal(text);
        assert!(error.starts_with(&format!("rules.toml:{place}: ")), "{text:?}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
}

#[test]
fn drop_ins_add_exclusions_and_replace_treatments() {
    let files = [
        (
            "rules.toml".to_owned(),
            "[exclude]\nvlans = [1]\n[release.device]\nvendor = \"class\"\n".to_owned(),
        ),
        (
            "rules.toml.d/x.toml".to_owned(),
            "[exclude]\nvlans = [2]\n[release.device]\nvendor = \"drop\"\n".to_owned(),
        ),
    ];
    let rules = Rules::parse(&files).unwrap();
    assert!(rules.show().contains("vlans = [\"1\", \"2\"]"));
    assert_eq!(rules.release().treatment(Field::DeviceVendor), Treatment::Drop);
    let broken =
        [files[0].clone(), ("rules.toml.d/x.toml".to_owned(), "[exclude]\nvlans = [9999]\n".to_owned())];
    assert!(Rules::parse(&broken).unwrap_err().to_string().starts_with("rules.toml.d/x.toml:2:10: "));
}

#[test]
fn rules_of_drop_ins_come_behind_those_before_and_their_order_counts() {
    let rule = |name: &str, collect: &str| format!("[[rule]]\nname = {name:?}\ncollect = {collect:?}\n");
    let [first, second] = [rule("first", "headers"), rule("second", "none")];
    let read = |texts: [&String; 2]| {
        let files = texts.map(|text| (format!("{}.toml", text.len()), text.clone()));
        Rules::parse(&files).unwrap()
    };
    let names =
        |rules: &Rules| rules.collect().rules().iter().map(|r| r.name().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&read([&first, &second])), ["first", "second"]);
    assert_eq!(names(&read([&second, &first])), ["second", "first"]);
    assert_ne!(read([&first, &second]).digest(), read([&second, &first]).digest());
}

#[test]
fn more_rules_than_there_can_be_are_refused_at_the_first_too_many() {
    let rules = |count: usize, collect: &str| -> String {
        (0..count).map(|n| format!("[[rule]]\nname = \"r{n}\"\ncollect = {collect:?}\n")).collect()
    };
    assert!(parse(&rules(32, "none")).is_ok() && parse(&rules(6, "counts")).is_ok());
    assert_eq!(refusal(&rules(33, "none")), "rules.toml:98:8: there can be 32 rules");
    let error = refusal(&rules(7, "counts"));
    assert_eq!(error, "rules.toml:21:11: 6 rules can have \"counts\"; give others \"none\"");
}

#[test]
fn more_than_the_kernel_takes_is_refused_not_cut() {
    let many: Vec<String> = (0..65).map(|n| format!("\"10.0.{n}.0/24\"")).collect();
    let error = refusal(&format!("[exclude]\nprefixes = [{}]", many.join(", ")));
    assert!(error.contains("there can be 64 entries of one sort"), "{error}");
}

#[test]
fn nothing_may_be_asked_for_unless_it_is_said_and_that_changes_no_digest() {
    let parse = |texts: &[&str]| {
        let files: Vec<_> = texts.iter().map(|text| ("rules.toml".to_owned(), (*text).to_owned())).collect();
        Rules::parse(&files)
    };
    let none = parse(&[]).unwrap();
    assert_eq!(*none.requests(), Requests::default());
    assert_eq!(
        (none.requests().capture_minutes, none.requests().rules, none.requests().look),
        (0, false, false)
    );
    let said =
        parse(&["[requests]\ncapture_minutes = 30\nlook = true", "[requests]\ncapture_minutes = 5"]).unwrap();
    assert_eq!(*said.requests(), Requests { capture_minutes: 5, rules: false, look: true });
    assert_ne!(said.digest(), none.digest());
    assert_eq!(parse(&["[requests]\nlook = false"]).unwrap().digest(), none.digest());
    assert_eq!(parse(&[&said.show()]).unwrap(), said);
    let error = parse(&["[requests]\ncapture_minutes = 1441"]).unwrap_err();
    assert_eq!((error.line, error.column), (2, 19));
    assert!(parse(&["[requests]\nshell = true"]).is_err());
}
