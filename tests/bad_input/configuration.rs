//! Wrong configuration, rules and command lines.

use std::fs;

use headgate_service::exit;

use crate::support::{HEADGATE, RECEIVER, SENSOR, STORE, Site, UPLINK, golden, run, wait_for};
use crate::{assert_ended, attempt, sum, text};

#[test]
fn rules_with_a_mistake_are_refused_with_its_place() {
    let table = [
        ("[release]\nrandomised_macs = \"yes\"\n", ":2:19: "),
        ("[release.flow]\nsource_adress = \"drop\"\n", ":2:1: "),
        ("[release]\n\nkinds = [\"device\", \"payload\"]\n", ":3:20: "),
        ("[exclude]\nvlans = [5000]\n", ":2:10: "),
        ("[release\n", ":1:9: "),
        ("\n\n[relase]\n", ":3:2: "),
    ];
    let site = Site::new();
    let rules = site.path("rules.toml");
    let config = site.config();
    for (content, place) in table {
        fs::write(&rules, content).unwrap();
        let place = format!("{}{place}", rules.display());
        let check = site.headgate(&["rules", "check"]);
        assert_ended(&check, exit::CONFIG, &[&place]);
        assert!(check.stdout.is_empty());
        let sensor =
            attempt(SENSOR, &["run", "--config", text(&config), "--replay", text(&golden("site.pcap"))]);
        assert_ended(&sensor, exit::CONFIG, &[&place]);
        assert_ended(&attempt(STORE, &["run", "--config", text(&config)]), exit::CONFIG, &[&place]);
    }
    assert!(!site.path("store/store.db").exists());
    fs::write(&rules, "").unwrap();
    let drop_in = site.path("rules.toml.d/extra.toml");
    fs::create_dir(drop_in.parent().unwrap()).unwrap();
    fs::write(&drop_in, "nonsense = 1\n").unwrap();
    let place = format!("{}:1:1: ", drop_in.display());
    assert_ended(&site.headgate(&["rules", "check"]), exit::CONFIG, &[&place]);
}

#[test]
fn fingerprints_with_a_mistake_are_refused_with_their_place() {
    let site = Site::new();
    let file = site.path("fingerprints.toml");
    let good = "[[fingerprint]]\nvendor_class = \"MSFT\"\nos_class = \"replaced\"\n";
    fs::write(&file, good).unwrap();
    let config = site.config();
    let replay = || {
        let capture = golden("site.pcap");
        site.headgate(&["replay", "--json", text(&capture)])
    };
    let records = String::from_utf8(replay().stdout).unwrap();
    assert!(records.contains("\"os_class\":\"replaced\"") && !records.contains("\"os_class\":\"windows\""));

    fs::write(&file, format!("{good}[[fingerprint]]\nvendor_class = 5\n")).unwrap();
    let place = format!("{}:5:16: ", file.display());
    assert_ended(&site.headgate(&["rules", "check"]), exit::CONFIG, &[&place]);
    assert_ended(&replay(), exit::CONFIG, &[&place]);
    let sensor = attempt(SENSOR, &["run", "--config", text(&config), "--replay", text(&golden("site.pcap"))]);
    assert_ended(&sensor, exit::CONFIG, &[&place]);
}

#[test]
fn a_running_store_keeps_its_rules_and_a_stopped_one_stays_closed() {
    let site = Site::new();
    site.configure("[store]\nbatch_delay = 3600\n");
    let good = fs::read(site.path("rules.toml")).unwrap();
    let _receiver = site.start_receiver();
    let _uplink = site.start_uplink();
    let mut store = site.start_store();
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    let before = site.ask(&["status"]).unwrap();

    // The line above the mistake would let more out.
    fs::write(site.path("rules.toml"), "[release]\nrandomised_macs = true\n[release.flow]\nmac = \"show\"\n")
        .unwrap();
    run("kill", &["-HUP", &store.child.id().to_string()]);
    wait_for("the refusal", || site.ask(&["status"]).is_some_and(|s| !s["rules_refused"].is_null()));
    let status = site.ask(&["status"]).unwrap();
    assert!(status["rules_refused"].as_str().unwrap().contains("rules.toml:4:7: "), "{status}");
    assert_eq!((&status["rules"], &status["waiting"]), (&before["rules"], &before["waiting"]));
    let said = site.status_text();
    assert!(said.contains("wrong      changed rules were refused, the last good ones hold: "), "{said}");
    assert!(said.contains("headgate rules check"), "{said}");

    assert!(store.terminate().success());
    site.configure("[store]\nbatch_delay = 0\n");
    let database = fs::read(site.path("store/store.db")).unwrap();
    assert_ended(
        &attempt(STORE, &["run", "--config", text(&site.config())]),
        exit::CONFIG,
        &["rules.toml:4:7: ", "keep"],
    );
    assert_eq!(fs::read(site.path("store/store.db")).unwrap(), database);
    assert!(site.received().is_empty(), "nothing leaves while the rules cannot be read");

    fs::write(site.path("rules.toml"), good).unwrap();
    let _store = site.start_store();
    site.wait_until_receipted();
    let status = site.ask(&["status"]).unwrap();
    assert!(status["rules_refused"].is_null());
    let waited = before["waiting"].as_u64().unwrap();
    assert_eq!(site.received().len() as u64 + sum(&status["withheld"]), waited);
    assert!(sum(&status["withheld"]) > 0);
}

#[test]
fn a_key_of_headgate_toml_that_is_not_known_stops_every_program() {
    let site = Site::new();
    site.write_config("[uplnik]\n");
    let line = fs::read_to_string(site.config()).unwrap().lines().count();
    let config = site.config();
    let place = format!("{}:{line}:2: ", config.display());
    for program in [SENSOR, STORE, UPLINK] {
        assert_ended(
            &attempt(program, &["run", "--config", text(&config)]),
            exit::CONFIG,
            &[&place, "uplnik"],
        );
    }
    for command in [&["status"][..], &["rules", "check"], &["replay", "x.pcap"]] {
        assert_ended(&site.headgate(command), exit::CONFIG, &[&place, "uplnik"]);
    }
    site.write_config("");
    site.configure("[store]\nmax_mib = 1\n");
    assert_ended(&site.headgate(&["status"]), exit::CONFIG, &["headgate.toml.d/test.toml:2:11: ", "16"]);
    let missing = site.path("other.toml");
    assert_ended(
        &attempt(HEADGATE, &["--config", text(&missing), "status"]),
        exit::CONFIG,
        &[text(&missing)],
    );
}

#[test]
fn a_command_without_a_store_says_which_process_is_missing() {
    let site = Site::new();
    for command in ["status", "devices", "neighbors", "leases", "flows", "preview", "ledger"] {
        let words = ["the store does not answer at ", "control.sock", "systemctl status headgate"];
        assert_ended(&site.headgate(&[command]), exit::UNAVAILABLE, &words);
    }
}

#[test]
fn wrong_usage_is_told_from_everything_else() {
    for program in [HEADGATE, SENSOR, STORE, UPLINK, RECEIVER] {
        for arguments in [&[][..], &["dance"], &["--wide-open"]] {
            assert_ended(&attempt(program, arguments), exit::USAGE, &["Usage: "]);
        }
    }
    assert_ended(&attempt(HEADGATE, &["replay"]), exit::USAGE, &["FILE"]);
    assert_ended(&attempt(HEADGATE, &["flows", "--limit", "many"]), exit::USAGE, &["--limit"]);
}
