//! `headgate report`: the page of captures is the stored one, and a browser finds it sound.
// A test fails by panicking, and says when it is skipped.
#![allow(
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing
)]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use support::pcap::{Packet, file};
use support::{HEADGATE, Site, golden, run};

/// What a reader sees, without what the eye sees alone: each piece of text on a line. The rules, which are the shipped ones, are left out.
fn text(page: &str) -> String {
    let body = page.split_once("<body>").unwrap().1;
    let body = body.split_once("<section id=\"rules\"").unwrap().0;
    let mut text = String::new();
    for part in body.split('<').skip(1) {
        let said = part.split_once('>').map_or("", |(_, said)| said);
        let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
        if !said.is_empty() {
            text.push_str(&said);
            text.push('\n');
        }
    }
    text
}

fn report(captures: &[PathBuf], directory: &Path) -> PathBuf {
    let page = directory.join("report.html");
    let mut arguments = vec!["report", "--html", page.to_str().unwrap()];
    arguments.extend(captures.iter().map(|capture| capture.to_str().unwrap()));
    run(HEADGATE, &arguments);
    page
}

/// `HEADGATE_GOLDEN=write` stores the present answer, as in tests/golden.rs.
#[test]
fn captures_give_the_stored_page_each_time_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let captures = ["site.pcap", "dhcp-dnsmasq.pcap", "lldp-lldpd.pcap"].map(golden);
    let page = report(&captures, directory.path());
    assert_eq!(fs::metadata(&page).unwrap().permissions().mode() & 0o777, 0o600);
    let first = fs::read_to_string(&page).unwrap();
    assert_eq!(fs::read_to_string(report(&captures, directory.path())).unwrap(), first);
    let (got, stored) = (text(&first), golden("site.report.txt"));
    if std::env::var_os("HEADGATE_GOLDEN").is_some_and(|v| v == "write") {
        fs::write(&stored, &got).unwrap();
    }
    let expected = fs::read_to_string(&stored).unwrap_or_default();
    for (number, (got, expected)) in got.lines().zip(expected.lines()).enumerate() {
        assert_eq!(got, expected, "{} line {}", stored.display(), number + 1);
    }
    assert_eq!(got.lines().count(), expected.lines().count());
}

#[test]
fn a_damaged_capture_gives_what_comes_before_the_damage_and_its_exit_code() {
    let directory = tempfile::tempdir().unwrap();
    let whole = fs::read(golden("site.pcap")).unwrap();
    let (damaged, page) = (directory.path().join("damaged.pcap"), directory.path().join("report.html"));
    fs::write(&damaged, &whole[..whole.len() / 2]).unwrap();
    let output = Command::new(HEADGATE).args(["report", "--html"]).args([&page, &damaged]).output().unwrap();
    assert_eq!(output.status.code(), Some(65), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(fs::read_to_string(&page).unwrap().contains("core-sw1"));
    // What cannot be read at all is said, and nobody is there to ask.
    let missing = directory.path().join("missing.pcap");
    let output = Command::new(HEADGATE).args(["report", "--html"]).args([&page, &missing]).output().unwrap();
    assert_eq!(output.status.code(), Some(66));
    let output = Site::new().headgate(&["report", "--html", page.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(69));
}

/// The running appliance's page, and one of a switch that has markup for a name, as a reader has them in Chromium.
#[test]
fn a_browser_finds_the_page_sound_whatever_a_switch_calls_itself() {
    let Some(browser) = browser() else {
        println!("skipped: no Chromium here (Debian's package chromium)");
        return;
    };
    let site = Site::new();
    let _running = site.carry_a_capture();
    let live = site.path("live.html");
    assert!(site.headgate(&["report", "--html", live.to_str().unwrap()]).status.success());
    let seen = look(&browser, &live);
    is_sound(&seen);
    let said = seen["text"].as_str().unwrap();
    for part in [
        "What is wrong",
        "systemctl status headgate-sensor",
        "core-sw1",
        "In which form each element leaves",
        "pseudonym",
        "receipted",
    ] {
        assert!(said.contains(part), "{part:?} in\n{said}");
    }

    let capture = site.path("hostile.pcap");
    let hostile = "\"'--></svg><script>document.title='owned'</script>";
    fs::write(&capture, file(&[announcement(hostile)])).unwrap();
    let page = report(&[capture], site.directory.path());
    let seen = look(&browser, &page);
    is_sound(&seen);
    assert_eq!(seen["title"], "Headgate report: hostile.pcap");
    assert!(seen["text"].as_str().unwrap().contains(hostile), "it is text: {}", seen["text"]);
}

fn browser() -> Option<PathBuf> {
    let places = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/chromium-headless-shell"];
    places.iter().map(PathBuf::from).find(|place| place.exists())
}

/// What tests/report/look says of a page. Its pictures stay where `HEADGATE_TEST_PICTURES` says, to be looked at.
fn look(browser: &Path, page: &Path) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let pictures = std::env::var_os("HEADGATE_TEST_PICTURES").map_or_else(
        || directory.path().to_path_buf(),
        |place| Path::new(&place).join(page.file_stem().unwrap()),
    );
    fs::create_dir_all(&pictures).unwrap();
    let look = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/report/look");
    let output = Command::new(look).arg(browser).args([page, &pictures]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// No word in the console, no request but for the page, nothing refused, nothing wider than the screen, enough contrast, names
/// for all graphics and tables, and it prints.
fn is_sound(seen: &Value) {
    let none = Value::Array(Vec::new());
    assert_eq!((&seen["console"], &seen["issues"], &seen["ids_twice"]), (&none, &none, &none));
    let requests = seen["requests"].as_array().unwrap();
    assert!(requests.len() == 1 && requests[0].as_str().unwrap().starts_with("file://"), "{requests:?}");
    for (name, view) in seen["views"].as_object().unwrap() {
        assert!(view["width"]["over"].as_i64().unwrap() <= 0, "{name}: {view}");
        assert_eq!((&view["width"]["wide"], &view["contrast"]["bad"]), (&none, &none), "{name}");
        assert!(view["contrast"]["texts"].as_u64().unwrap() > 50, "{name}: {view}");
    }
    assert_eq!(seen["views"].as_object().unwrap().len(), 6);
    assert_eq!((&seen["tables_without_caption"], &seen["graphics_without_name"]), (&0.into(), &0.into()));
    for element in seen["elements"].as_array().unwrap() {
        let element = element.as_str().unwrap();
        assert!(
            !["script", "img", "iframe", "object", "link", "form", "input", "image", "use"]
                .contains(&element),
            "{element}"
        );
    }
    assert_eq!((&seen["headings"][0], &seen["lang"]), (&"H1".into(), &"en".into()));
    assert!(seen["pdf_pages"].as_u64().unwrap() > 1, "{}", seen["pdf_pages"]);
}

/// An LLDP frame (IEEE 802.1AB-2016, 8) of a bridge whose every text is this one.
fn announcement(said: &str) -> Packet {
    let mut bytes = vec![0x01, 0x80, 0xc2, 0, 0, 0x0e, 0, 0x1c, 0x73, 0, 0, 1, 0x88, 0xcc];
    let mut tlv = |number: u8, value: &[u8]| {
        let length = u8::try_from(value.len()).unwrap();
        bytes.extend([number << 1, length]);
        bytes.extend(value);
    };
    let with_subtype = |subtype: u8| [&[subtype], said.as_bytes()].concat();
    tlv(1, &with_subtype(7));
    tlv(2, &with_subtype(5));
    tlv(3, &[0, 120]);
    for number in [4, 5, 6] {
        tlv(number, said.as_bytes());
    }
    tlv(7, &[0, 4, 0, 4]);
    tlv(0, &[]);
    Packet { time_us: 1_795_502_951_000_000, wire_len: bytes.len(), bytes }
}
