use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use base64::Engine as _;
use headgate_record::Kind;
use headgate_rules::Rules;
use headgate_service::config::Headgate;
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::*;
use crate::health::Finding;

/// A page of which every text that comes from outside is this one.
fn site(said: &str, other: &str) -> Site {
    let settings: Headgate = toml::from_str("[uplink]\nreceiver = \"collector.example:8443\"\n").unwrap();
    let mut site = Site::new(&settings, &Rules::parse(&[("rules.toml".into(), String::new())]).unwrap());
    let (from, to) = ("2026-11-24T06:49:11Z", "2026-11-24T06:50:00Z");
    let device = json!({ "mac": said, "device_kind": said, "vendor": said, "hostname": said, "addresses": [said], "first_seen": from, "last_seen": to });
    let neighbor = json!({
        "interface": said, "system_name": said, "port_id": said, "port_description": said, "protocol": said, "infrastructure": true,
        "capabilities_enabled": [said], "management_addresses": [said], "model": said, "state": said, "last_seen": to,
    });
    let exchange = json!({ "mac": said, "outcome": "refused", "servers": [said], "started": from, "discover_to_offer": 5, "messages": said });
    let lease = json!({ "mac": said, "server": said, "hostname": said });
    let flow = json!({ "service": said, "started": from, "ended": to, "bytes": 1000, "reverse_bytes": 9, "packets": 2 });
    let counters = json!({ "interface": said, "from": from, "to": to, "frames": 9, "bytes": 900, "bytes_kept": 90, "unread": 1 });
    site.flows.add(&flow);
    site.records = BTreeMap::from([
        (Kind::Device, vec![device]),
        (Kind::Neighbor, vec![neighbor]),
        (Kind::Exchange, vec![exchange]),
        (Kind::Lease, vec![lease]),
        (Kind::Flow, vec![flow]),
        (Kind::Counters, vec![counters]),
    ]);
    site.status = json!({
        "appliance": said, "outbox": { "last_sequence": 3, "last_receipted": 2, "batches": 1 },
        "withheld": [{ "kind": said, "reason": said, "records": 1 }], "lost": [{ "class": said, "reason": said, "records": 1 }],
        "rules": said,
    });
    site.ledger = json!({ "broken_at": null, "entries": [{ "number": 1, "at_ms": 1, "event": "released", "detail": { "sequence": said, "records": 5, "bytes": 9 } }] });
    site.wrong = vec![Finding { what: said.into(), do_this: other.into() }];
    site.rules = format!("# {said}");
    site
}

/// The document without what is between its tags, and without values of attributes that hold text.
fn structure(page: &str) -> Vec<String> {
    let mut tags = Vec::new();
    for part in page.split('<').skip(1) {
        let tag = part.split_once('>').map_or(part, |(tag, _)| tag);
        let mut shape = String::new();
        let mut is_value = false;
        for c in tag.chars() {
            match c {
                '"' => is_value = !is_value,
                c if !is_value => shape.push(c),
                _ => {}
            }
        }
        assert!(!is_value, "an attribute ends in its tag: {tag}");
        tags.push(shape);
    }
    tags
}

/// Of the page all that could be read as markup, behind its own head.
fn body(page: &str) -> &str {
    page.split_once("</style>").unwrap().1
}

#[test]
fn the_policy_allows_the_style_and_nothing_else() {
    let hash = base64::engine::general_purpose::STANDARD.encode(Sha256::digest(STYLE.as_bytes()));
    assert_eq!(
        POLICY,
        format!("default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'")
    );
    for loads in ["url(", "@import", "<", "http:", "https:"] {
        assert!(!STYLE.contains(loads), "{loads}");
    }
}

#[test]
fn a_page_loads_nothing_and_runs_nothing() {
    let page = page(&site("plain", "plain"));
    for what in [
        "<script",
        "<link",
        "<img",
        "<iframe",
        "<object",
        "<embed",
        "<base",
        "<form",
        " src=",
        " style=",
        " on",
        "http://",
        "https://",
        "@font-face",
    ] {
        let found = body(&page).contains(&what.to_owned());
        // Words of the text may begin so; attributes behind a quote do not.
        assert!(!found || what == " on", "{what}");
    }
    assert!(!body(&page).contains("\" on"));
    let links = body(&page).matches("href=\"").count();
    assert_eq!(links, body(&page).matches("href=\"#").count(), "only into the page itself");
}

#[test]
fn hostile_names_stay_text() {
    let plain = structure(body(&page(&site("plain", "plain"))));
    for hostile in [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "'--><svg/onload=alert(1)>",
        "</title></style></pre></textarea><script>",
        "&lt;script&gt;",
        "]]><!--",
        "javascript:alert(1)",
        "\u{202e}\u{0}\u{1b}[2J",
        "{{7*7}}${7*7}",
    ] {
        let page = page(&site(hostile, hostile));
        assert_eq!(structure(body(&page)), plain, "{hostile}");
        assert!(
            !page.contains('\u{202e}') && !page.contains('\u{0}') && !page.contains('\u{1b}'),
            "{hostile}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    /// Whatever the network says, the page has the same elements and attributes.
    #[test]
    fn no_text_changes_what_the_page_is_made_of(said in "[\\PC<>&\"'/=\\x00-\\x1f\u{202e}-]{1,60}") {
        // Of other first lines or spaces alone other parts are drawn: what is absent is absent.
        let said = format!("x{}", said.replace(['\n', '\r'], " "));
        let plain = structure(body(&page(&site("xplain", "xplain"))));
        prop_assert_eq!(structure(body(&page(&site(&said, &said)))), plain);
    }
}

#[test]
fn an_appliance_that_has_seen_nothing_has_a_page() {
    let mut empty = site("a", "a");
    empty.records.clear();
    empty.flows = flows::Flows::default();
    empty.status = json!({ "appliance": "a" });
    empty.ledger = Value::Null;
    empty.wrong.clear();
    let page = page(&empty);
    for said in [
        "No neighbour has announced itself",
        "No device was seen",
        "No DHCP exchange",
        "No flow was seen",
        "<p class=\"good\">Nothing.</p>",
    ] {
        assert!(page.contains(said), "{said}");
    }
}

#[test]
fn a_file_is_replaced_at_once_and_is_its_owners_alone() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("report.html");
    fs::write(&file, "before").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
    write(&file, "now").unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), "now");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    let error = write(&directory.path().join("missing/report.html"), "").unwrap_err();
    assert!(matches!(error, CliError::File { .. }), "{error}");
}
