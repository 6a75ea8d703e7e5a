//! `headgate top` and `headgate status` on a real terminal, of a site that runs.
// A test fails by panicking, and says when it is skipped.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::process::{Command, Stdio};

use support::process::in_namespaces;
use support::terminal::{is_restored, play, screen};
use support::wires::{is, pair, watch};
use support::{Running, Site, wait_for};

/// A real lldpd announces a switch on the wire; what top draws has its name, at any size, and the terminal comes back.
#[test]
fn a_neighbour_that_lldpd_announces_is_on_the_screen_at_every_size() {
    if !rustix::process::geteuid().is_root() {
        println!("skipped: lldpd changes its user, which needs root");
        return;
    }
    in_namespaces("a_neighbour_that_lldpd_announces_is_on_the_screen_at_every_size", || {
        pair(0);
        let site = Site::watching(&["span0"]);
        let _store = site.start_store();
        let _sensor = watch(&site, 1);
        is(&site, &["up"]);
        let _lldpd = announce(&site);
        let neighbors =
            || site.ask(&["neighbors"]).is_some_and(|found| found[0]["system_name"] == "core-sw1");
        wait_for("the neighbour", neighbors);

        let config = site.config();
        let config = config.to_str().unwrap();
        let steps = [
            "wait Headgate test",
            "wait span0 up",
            "type 2",
            "wait core-sw1",
            "show",
            "size 130 40",
            "wait DESCRIPTION",
            "wait core-sw1",
            "show",
            "size 40 12",
            "gone DESCRIPTION",
            "wait core-sw1",
            "show",
            "size 80 24",
            "wait core-sw1",
            "type ?",
            "wait Ctrl-C",
            "type ?",
            "gone Ctrl-C",
            "type p",
            "wait paused at",
            "type p",
            "gone paused at",
            "type s",
            "wait by name",
            "type r",
            "wait reversed",
            "type \\t",
            "wait SERVICE",
            "type \\x1b[Z",
            "wait core-sw1",
            "type q",
            "end",
        ];
        let said = play(&["--config", config, "top"], &steps);
        let [normal, wide, narrow, end] = said.as_slice() else { panic!("{said:?}") };
        for (shown, columns, rows) in [(normal, 80, 24), (wide, 130, 40), (narrow, 40, 12)] {
            let text = screen(shown);
            assert_eq!(text.lines().count(), rows, "{text}");
            assert!(text.lines().all(|line| line.chars().count() <= columns), "{text}");
            assert!(text.contains("core-sw1"), "{text}");
        }
        let normal = screen(normal);
        for said in [
            "[2 Neighbours]",
            "1 present of 1",
            "lldp",
            "present",
            "q quit",
            "not connected: systemctl status headgate-uplink",
        ] {
            assert!(normal.contains(said), "{said:?} in\n{normal}");
        }
        is_restored(end, 0);

        let shown = site.ask(&["top", "--view", "neighbors"]).unwrap();
        assert_eq!(shown["shown"][0]["system_name"], "core-sw1", "{shown}");
        assert!(
            shown["wrong"]
                .as_array()
                .unwrap()
                .iter()
                .any(|it| it["do"] == "systemctl status headgate-uplink")
        );

        // Not on a terminal: one frame, or a word on what to type.
        let once = site.headgate(&["top", "--once", "--view", "neighbors"]);
        let text = String::from_utf8(once.stdout).unwrap();
        assert!(
            once.status.success() && text.contains("core-sw1") && text.contains("[Neighbours]"),
            "{text}"
        );
        assert!(text.lines().count() <= 24 && text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains("q quit"), "{text}");
    });
}

#[test]
fn without_a_terminal_top_says_what_to_type() {
    let site = Site::new();
    let output = site.headgate(&["top"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        output.status.code() == Some(2) && said.contains("top --once") && output.stdout.is_empty(),
        "{said}"
    );
    // Without a store there is nothing to draw once.
    let output = site.headgate(&["top", "--once"]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(69) && said.contains("is headgate.service running?"), "{said}");
}

/// The store dies and comes back while somebody looks; a signal ends it as q does.
#[test]
fn a_store_that_dies_is_said_and_a_signal_gives_the_terminal_back() {
    let site = Site::new();
    let config = site.config();
    let arguments = ["--config", config.to_str().unwrap(), "top"];
    let steps = ["wait headgate.service", "kill TERM", "end"];
    let said = play(&arguments, &steps);
    is_restored(&said[0], 0);
    // A terminal that is closed ends it too: once it read its end for ever.
    let said = play(&arguments, &["wait headgate.service", "hangup"]);
    assert_eq!(said[0]["code"], 0, "{said:?}");
    let store = site.start_store();
    assert!(site.start_replay(&[&support::golden("site.pcap")]).wait().success());
    let dies = format!("run kill -KILL {}", store.child.id());
    let steps = [
        "wait laptop-anna",
        "type 5",
        "wait DETAIL",
        "type 1",
        "wait laptop-anna",
        &dies,
        "wait headgate.service",
        "wait laptop-anna",
        "show",
        "kill HUP",
        "end",
    ];
    let said = play(&arguments, &steps);
    let [shown, end] = said.as_slice() else { panic!("{said:?}") };
    assert!(screen(shown).contains("as of "), "{}", screen(shown));
    is_restored(end, 0);
}

/// One screen: what is seen, kept, sent, refused, what is wrong and what to type, however bad it is.
#[test]
fn status_fits_a_terminal_of_80_columns_and_24_rows() {
    let site = Site::new();
    let store = site.start_store();
    assert!(site.start_replay(&[&support::golden("site.pcap")]).wait().success());
    std::fs::write(site.path("rules.toml"), "[collect.device]\nhostnam = \"drop\"\n").unwrap();
    support::run("kill", &["-HUP", &store.child.id().to_string()]);
    wait_for("the refusal", || site.status_text().contains("changed rules were refused"));
    let config = site.config();
    let said = play(&["--config", config.to_str().unwrap(), "status"], &["end"]);
    is_restored(&said[0], 0);
    let text = said[0]["behind"].as_str().unwrap().replace('\r', "");
    assert!(text.lines().count() < 24 && text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for said in [
        "appliance  test",
        "seen       sensor away",
        "kept       ",
        "sent       batch",
        "wrong      the sensor is not connected",
        "headgate rules check",
    ] {
        assert!(text.contains(said), "{said:?} in\n{text}");
    }
}

/// lldpd on the other end of `span0`, as a switch of the name core-sw1.
fn announce(site: &Site) -> Running {
    let _ = std::fs::create_dir_all("/run/lldpd");
    let socket = site.path("lldpd.sock");
    let script = "busybox hostname core-sw1; exec lldpd -d -L '' -u \"$1\" -I mirror0 -C mirror0 -S 'Example Switch OS 4.2'";
    let lldpd = site
        .start("unshare", "lldpd", |command| command.args(["--uts", "sh", "-c", script, "sh"]).arg(&socket));
    wait_for("lldpd", || socket.exists());
    let announced = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/site/announce-now"))
        .arg(&socket)
        .stdin(Stdio::null())
        .status();
    assert!(announced.unwrap().success(), "{}", lldpd.said());
    lldpd
}
