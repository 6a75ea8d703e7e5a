//! Several interfaces that come, go and are flooded, and rules that break, while the real sensor watches: every
//! frame is counted once.
// A test fails by panicking.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;

use headgate_record::Kind;
use serde_json::Value;
use support::process::{holders, in_namespaces, number, open_captures, threads};
use support::wire::sum;
use support::wires::{
    counted, counted_by_kernel, is, is_promiscuous, pair, run_sensor, send, send_tagged, typed, watch,
};
use support::{Running, Site, run, wait_for};

#[test]
fn an_interface_that_comes_and_goes_costs_the_others_nothing() {
    in_namespaces("an_interface_that_comes_and_goes_costs_the_others_nothing", || {
        pair(0);
        pair(1);
        let site = Site::watching(&["span0", "span1", "span2"]);
        let _store = site.start_store();
        let mut sensor = watch(&site, 3);
        is(&site, &["up", "up", "gone"]);
        let load = send(0, 3_000, 0.001);
        send(1, 100, 0.0).ends();
        counted_by_kernel(1, 100);

        typed("ip link del span1");
        is(&site, &["up", "gone", "gone"]);
        pair(1);
        pair(2);
        is(&site, &["up", "up", "up"]);
        send(1, 70, 0.0).ends();
        send(2, 30, 0.0).ends();
        typed("ip link set span2 down");
        is(&site, &["up", "up", "down"]);
        typed("ip link set span2 up");
        is(&site, &["up", "up", "up"]);
        send(2, 5, 0.0).ends();
        typed("ip link set mirror2 down");
        is(&site, &["up", "up", "no-link"]);
        let status = String::from_utf8(site.headgate(&["status"]).stdout).unwrap();
        assert!(status.contains("span2 is no-link"), "{status}");
        let doctor = doctor(&site);
        let is_fine = |check: &str, interface: &str| {
            let mut fine = doctor["fine"].as_array().unwrap().iter();
            fine.any(|row| row["check"] == check && row["interface"] == interface)
        };
        assert!(is_fine("watched", "span0") && is_fine("interface", "span0"), "{doctor}");
        assert!(is_fine("watched", "span2") && !is_fine("interface", "span2"), "{doctor}");

        load.ends();
        assert!(sensor.terminate().success(), "{}", sensor.said());
        assert_eq!(counted(&site, "span0"), (3_000, 0));
        assert_eq!(counted(&site, "span1"), (170, 0));
        assert_eq!(counted(&site, "span2"), (35, 0));
        let said = sensor.said();
        for line in ["span1 is not there", "span1 is watched again", "span2 is down", "span2 has no link"] {
            assert!(said.contains(line), "{line}: {said}");
        }
        assert!(!said.contains("nobody follows"), "{said}");
    });
}

#[test]
fn promiscuous_mode_ends_with_the_sensor_however_it_ends() {
    in_namespaces("promiscuous_mode_ends_with_the_sensor_however_it_ends", || {
        pair(0);
        let site = Site::watching(&["span0"]);
        let _store = site.start_store();
        for end in [|sensor: &mut Running| _ = sensor.terminate(), Running::kill] {
            let mut sensor = watch(&site, 1);
            wait_for("promiscuous mode", || is_promiscuous("span0"));
            end(&mut sensor);
            wait_for("its release", || !is_promiscuous("span0"));
        }
    });
}

/// Who holds capture sockets beside the sensor can do nothing with them but bind them.
#[test]
fn the_process_that_follows_interfaces_has_no_rights() {
    in_namespaces("the_process_that_follows_interfaces_has_no_rights", || {
        pair(0);
        let site = Site::watching(&["span0"]);
        let _store = site.start_store();
        let config = site.config();
        let sockets = open_captures(&config, &site.path("notify"), 1);
        let socket = number(&sockets[0].1);
        let sensor = run_sensor(&site, sockets);
        let others: Vec<u32> = holders(socket).into_iter().filter(|p| *p != sensor.child.id()).collect();
        let [follower] = others[..] else { panic!("{others:?}") };
        for status in threads(follower) {
            for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
                assert_eq!(status[set], "0000000000000000", "{set}");
            }
            assert_eq!((status["NoNewPrivs"].as_str(), status["Seccomp"].as_str()), ("1", "2"));
        }
        let maps = fs::read_to_string(format!("/proc/{follower}/maps")).unwrap();
        assert!(!maps.contains("socket:"), "it maps no ring: {maps}");
        // Without it the sensor goes on with what is there.
        run("kill", &["-KILL", &follower.to_string()]);
        wait_for("the sensor to notice", || sensor.said().contains("nobody follows"));
        let mut sensor = sensor;
        send(0, 50, 0.0).ends();
        assert!(sensor.terminate().success(), "{}", sensor.said());
        assert_eq!(counted(&site, "span0"), (50, 0));
    });
}

/// The sensor stands still while 30,000 frames come: what the ring cannot take is counted, and a larger one takes it.
#[test]
fn what_the_ring_cannot_take_is_counted_and_shown() {
    in_namespaces("what_the_ring_cannot_take_is_counted_and_shown", || {
        pair(0);
        for (ring_mib, is_enough) in [(1, false), (16, true)] {
            let site = Site::watching(&["span0"]);
            site.configure(&format!("[capture]\nring_mib = {ring_mib}\n"));
            let _store = site.start_store();
            let mut sensor = watch(&site, 1);
            let sensor_number = sensor.child.id().to_string();
            run("kill", &["-STOP", &sensor_number]);
            send(0, 30_000, 0.0).ends();
            run("kill", &["-CONT", &sensor_number]);
            assert!(sensor.terminate().success(), "{}", sensor.said());
            let (frames, lost) = counted(&site, "span0");
            assert_eq!(frames + lost, 30_000);
            assert_eq!(lost == 0, is_enough, "{lost} of {ring_mib} MiB");
            if !is_enough {
                let status = String::from_utf8(site.headgate(&["status"]).stdout).unwrap();
                assert!(status.contains(&format!("{lost} lost by the kernel")), "{status}");
                let doctor = doctor(&site);
                let findings = doctor["findings"].as_array().unwrap();
                assert!(findings.iter().any(|f| f["check"] == "lost-frames"), "{doctor}");
            }
        }
    });
}

#[test]
fn a_reload_with_a_broken_file_under_load_changes_nothing_and_loses_nothing() {
    in_namespaces("a_reload_with_a_broken_file_under_load_changes_nothing_and_loses_nothing", || {
        pair(0);
        let site = Site::watching(&["span0"]);
        // These frames' VLAN is excluded, and must stay so.
        let rules = site.path("rules.toml");
        let good = fs::read_to_string(&rules).unwrap();
        fs::create_dir(site.path("rules.toml.d")).unwrap();
        fs::write(site.path("rules.toml.d/10.toml"), "[exclude]\nvlans = [7]\n").unwrap();
        let store = site.start_store();
        let mut sensor = watch(&site, 1);
        let digest = site.ask(&["status"]).unwrap()["rules"].clone();
        let load = send(0, 20_000, 0.0001);
        let tagged = send_tagged(0, 500, 0.002);
        for broken in [
            "[exclude]\nvlans = [7\n",
            "[release.device]\nmac = \"keeep\"\n",
            "[collect]\nunknown = 1\n",
            "\0",
        ] {
            fs::write(&rules, broken).unwrap();
            let check = site.headgate(&["rules", "check"]);
            assert_eq!(check.status.code(), Some(78));
            let said = String::from_utf8_lossy(&check.stderr).into_owned();
            assert!(said.contains("rules.toml:"), "file, line and column: {said}");
            for process in [&store, &sensor] {
                run("kill", &["-HUP", &process.child.id().to_string()]);
            }
            wait_for("the refusal", || !site.ask(&["status"]).unwrap()["rules_refused"].is_null());
            assert_eq!(site.ask(&["status"]).unwrap()["rules"], digest, "the old rules hold");
            fs::write(&rules, &good).unwrap();
            run("kill", &["-HUP", &store.child.id().to_string()]);
            wait_for("the good file", || site.ask(&["status"]).unwrap()["rules_refused"].is_null());
        }
        load.ends();
        tagged.ends();
        assert!(sensor.terminate().success(), "{}", sensor.said());
        assert_eq!(counted(&site, "span0"), (20_500, 0));
        let counters = site.ask(&["counters"]).unwrap();
        assert_eq!(sum(counters.as_array().unwrap(), Kind::Counters, "excluded_vlan"), 500);
    });
}

/// What `headgate doctor` says.
fn doctor(site: &Site) -> Value {
    let said = site.headgate(&["--json", "doctor", "--seconds", "1"]);
    serde_json::from_slice(&said.stdout).unwrap()
}
