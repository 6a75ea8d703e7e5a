//! What a store refuses to open, and that refusing changes nothing.

use std::os::unix::fs::PermissionsExt;

use headgate_record::local::ControlRequest;

use crate::site::{Site, device};

fn used_site() -> Site {
    let site = Site::new("batch_delay = 0");
    let running = site.start();
    running.sensor(1).hand_over(vec![device(1)]).unwrap();
    running.stop();
    site
}

#[test]
fn a_wrong_master_key_is_refused_and_the_database_is_as_it_was() {
    let site = used_site();
    let key = site.path("credentials/master.key");
    let right = std::fs::read(&key).unwrap();
    let before = std::fs::read(site.database()).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&key, [9; 32]).unwrap();
    let (status, text) = site.run("run");
    assert_eq!(status.code(), Some(78), "{text}");
    assert!(text.contains("master key does not open this store: "), "{text}");
    assert_eq!(std::fs::read(site.database()).unwrap(), before);
    std::fs::write(&key, right).unwrap();
    assert_eq!(site.start().status()["records"]["device"], 1);
}

#[test]
fn a_wrong_master_key_leaves_the_wal_of_a_killed_store_alone() {
    let site = Site::new("");
    let running = site.start();
    running.sensor(1).hand_over(vec![device(1)]).unwrap();
    running.kill();
    let wal = site.path("store/store.db-wal");
    let before = std::fs::read(&wal).unwrap();
    assert!(!before.is_empty());
    let key = site.path("credentials/master.key");
    let right = std::fs::read(&key).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&key, [9; 32]).unwrap();
    assert_eq!(site.run("run").0.code(), Some(78));
    assert_eq!(std::fs::read(&wal).unwrap(), before);
    std::fs::write(&key, right).unwrap();
    assert_eq!(site.start().sensor(1).committed, 1);
}

#[test]
fn a_store_whose_wal_is_gone_goes_on_from_what_is_in_its_database() {
    let site = used_site();
    let running = site.start();
    running.sensor(1).hand_over(vec![device(2)]).unwrap();
    running.kill();
    std::fs::remove_file(site.path("store/store.db-wal")).unwrap();
    let running = site.start();
    let mut sensor = running.sensor(1);
    assert_eq!(sensor.committed, 1, "the sensor is told what is there");
    assert_eq!(sensor.hand_over(vec![device(2)]), Some(2));
    let status = running.status();
    assert_eq!((&status["missing"], &status["quarantined"]), (&0.into(), &0.into()));
    assert_eq!(running.ask(&ControlRequest::Ledger { limit: 1 })["verified"], true);
}

#[test]
fn the_master_key_is_rotated_and_either_file_opens_the_store_until_they_are_exchanged() {
    let site = used_site();
    let [key, next] = ["credentials/master.key", "credentials/master.key.new"].map(|name| site.path(name));
    let rotate = ControlRequest::RotateKeys { which: "master".into() };
    let running = site.start();
    let refused = running.refused(&rotate);
    assert!(refused.contains("headgate-store new-key") && refused.contains("master.key.new"), "{refused}");
    assert!(site.run("new-key").0.success());
    running.ask(&rotate);
    assert_eq!(running.sensor(1).hand_over_from(2, vec![device(2)]), Some(2), "without a pause");
    // The ledger's key is wrapped anew too: without it no entry could be signed, and so nothing committed.
    running.ask(&ControlRequest::RotateKeys { which: "data".into() });
    // It is killed before anybody could exchange the files.
    running.kill();
    let running = site.start();
    assert_eq!(running.status()["records"]["device"], 2);
    let ledger = running.ask(&ControlRequest::Ledger { limit: 9 }).to_string();
    assert!(ledger.contains("keys-rotated"), "{ledger}");
    running.stop();
    let old = std::fs::read(&key).unwrap();
    std::fs::rename(&next, &key).unwrap();
    let running = site.start();
    assert_eq!(
        running.ask(&ControlRequest::Records { kind: "device".into(), limit: 9 }).as_array().unwrap().len(),
        2
    );
    running.stop();
    // The old one opens nothing any more.
    std::fs::remove_file(&key).unwrap();
    std::fs::write(&key, old).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o400)).unwrap();
    assert_eq!(site.run("run").0.code(), Some(78));
}

#[test]
fn a_store_without_a_key_is_not_made() {
    let site = Site::new("");
    std::fs::remove_file(site.path("credentials/master.key")).unwrap();
    let (status, text) = site.run("run");
    assert_eq!(status.code(), Some(78), "{text}");
    assert!(text.contains("headgate-store init"), "{text}");
    assert!(!site.database().exists());
}

#[test]
fn init_never_replaces_a_key() {
    let site = Site::new("");
    let key = std::fs::read(site.path("credentials/master.key")).unwrap();
    assert_eq!(site.run("init").0.code(), Some(73));
    assert_eq!(std::fs::read(site.path("credentials/master.key")).unwrap(), key);
}

#[test]
fn a_newer_schema_is_refused_and_the_database_is_as_it_was() {
    let site = used_site();
    site.sqlite().execute_batch("PRAGMA user_version = 99").unwrap();
    let before = std::fs::read(site.database()).unwrap();
    let (status, text) = site.run("run");
    assert_eq!(status.code(), Some(78), "{text}");
    assert!(text.contains("has schema 99; this program knows schemas up to "), "{text}");
    assert_eq!(std::fs::read(site.database()).unwrap(), before);
}

#[test]
fn a_database_of_another_program_is_refused() {
    let site = Site::new("");
    site.sqlite().execute_batch("CREATE TABLE other (x)").unwrap();
    let (status, text) = site.run("run");
    assert_eq!(status.code(), Some(78), "{text}");
    assert!(text.contains("is not a Headgate store"), "{text}");
}

#[test]
fn a_second_store_is_refused_and_the_first_goes_on() {
    let site = Site::new("");
    let running = site.start();
    let (status, text) = site.run("run");
    assert_eq!(status.code(), Some(75), "{text}");
    assert!(text.contains("already running"), "{text}");
    assert_eq!(running.sensor(1).hand_over(vec![device(1)]), Some(1));
}

#[test]
fn files_and_sockets_have_the_least_permissions() {
    let site = Site::new("");
    let running = site.start();
    running.sensor(1).hand_over(vec![device(1)]).unwrap();
    let mode = |name: &str| site.path(name).metadata().unwrap().permissions().mode() & 0o777;
    for file in ["store/store.db", "store/store.db-wal", "store/store.db-shm", "store/store.lock"] {
        assert_eq!(mode(file), 0o600, "{file}");
    }
    assert_eq!((mode("store"), mode("credentials"), mode("credentials/master.key")), (0o700, 0o700, 0o400));
    for socket in ["run/see/records.sock", "run/speak/outbox.sock", "run/admin/control.sock"] {
        assert_eq!(mode(socket), 0o660, "{socket}");
    }
    assert_eq!(mode("run/see"), 0o750);
}

#[test]
fn rules_that_do_not_parse_stop_a_start_but_not_a_running_store() {
    let site = Site::new("");
    let running = site.start();
    let rules = running.status()["rules"].clone();
    std::fs::write(site.path("rules.toml"), "nonsense = 1\n").unwrap();
    running.signal(rustix::process::Signal::HUP);
    let status = running.until(|s| !s["rules_refused"].is_null());
    assert!(status["rules_refused"].as_str().unwrap().contains("rules.toml:1:"), "{status}");
    assert_eq!(status["rules"], rules);
    assert_eq!(running.sensor(1).hand_over(vec![device(1)]), Some(1));
    std::fs::write(site.path("rules.toml"), "").unwrap();
    running.signal(rustix::process::Signal::HUP);
    running.until(|s| s["rules_refused"].is_null());
    running.stop();
    std::fs::write(site.path("rules.toml"), "nonsense = 1\n").unwrap();
    let (status, text) = site.run("run");
    assert_eq!(status.code(), Some(78), "{text}");
}

#[test]
fn opt_out_lists_are_read_again_with_the_rules() {
    let site = Site::new("");
    std::fs::write(site.path("rules.toml"), "[exclude]\nopt_out_lists = [\"opt-out.txt\"]\n").unwrap();
    let (status, text) = site.run("run");
    assert_eq!(status.code(), Some(78), "{text}");
    assert!(text.contains("rules.toml:2:18: the opt-out list \"opt-out.txt\" cannot be read"), "{text}");
    std::fs::write(site.path("opt-out.txt"), "# nobody\n").unwrap();
    let running = site.start();
    let rules = running.status()["rules"].clone();
    std::fs::write(site.path("opt-out.txt"), "somebody\n").unwrap();
    running.signal(rustix::process::Signal::HUP);
    let status = running.until(|s| !s["rules_refused"].is_null());
    assert!(status["rules_refused"].as_str().unwrap().contains("opt-out.txt:1:1: this is not"), "{status}");
    std::fs::write(site.path("opt-out.txt"), "00:10:20:00:00:01\n").unwrap();
    running.signal(rustix::process::Signal::HUP);
    assert_ne!(running.until(|s| s["rules_refused"].is_null())["rules"], rules);
    assert_eq!(running.sensor(1).hand_over(vec![device(1), device(2)]), Some(2));
    let status = running.status();
    assert_eq!(status["records"]["device"], 1, "{status}");
    assert_eq!(status["not_collected"][0]["reason"], "opted-out", "{status}");
}

#[test]
fn the_epoch_lives_as_long_as_the_database() {
    let site = Site::new("");
    let first = site.start().status()["epoch"].as_u64().unwrap();
    assert_eq!(site.start().status()["epoch"], first);
    std::fs::remove_dir_all(site.path("store")).unwrap();
    let other = site.start();
    assert_ne!(other.status()["epoch"], first);
    assert_eq!(other.ask(&ControlRequest::Ledger { limit: 9 })["verified"], true);
}
