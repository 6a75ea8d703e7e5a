//! A site without a network that leads out: media go to the receiver, receipts come back.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Instant;

use serde_json::Value;
use support::feeder::Feeder;
use support::patience::wait_while_it_goes_on;
use support::random::Random;
use support::{RECEIVER, Site, golden, wait_for};

/// A site of which so many records make a batch, with a capture read and nothing sent.
fn seen(site: &Site) -> support::Running {
    let store = site.start_store();
    replay(site, "site.pcap");
    store
}

fn replay(site: &Site, name: &str) {
    assert!(site.start_replay(&[&golden(name)]).wait().success());
    wait_for("batches to be made", || {
        site.ask(&["status"]).is_some_and(|s| s["waiting"] == 0 && s["sensor"]["connected"] == false)
    });
}

/// What a command printed that must have gone well.
fn said(output: &Output) -> String {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn import(site: &Site, medium: &Path) -> Output {
    Command::new(RECEIVER)
        .arg("import")
        .arg(medium)
        .arg("--config")
        .arg(site.receiver_config())
        .output()
        .unwrap()
}

fn export(site: &Site, medium: &Path) -> Output {
    site.headgate(&["bundle", "export", medium.to_str().unwrap()])
}

fn receipt(site: &Site, medium: &Path) -> Output {
    site.headgate(&["bundle", "receipt", medium.join("receipts").to_str().unwrap()])
}

fn waiting(site: &Site) -> u64 {
    site.ask(&["status"]).unwrap()["outbox"]["batches"].as_u64().unwrap()
}

#[test]
fn what_is_carried_arrives_whole_and_its_receipts_empty_the_buffer() {
    let site = Site::new();
    site.configure("[store]\nbatch_records = 5\n[uplink]\nbundles = true\n");
    let _store = seen(&site);
    let all = waiting(&site);
    assert!(all > 3, "{all}");
    let medium = site.path("medium");
    let text = said(&export(&site, &medium));
    assert!(text.contains(&format!("{all} batches, 1 to {all}")), "{text}");
    let again = export(&site, &site.path("other"));
    assert_eq!(again.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&again.stderr).contains("nothing waits that is not on a medium"));
    assert!(!site.path("other").exists());
    let list = site.ask(&["bundle", "list"]).unwrap();
    assert_eq!((&list["media"][0]["waiting"], &list["on_no_medium"]), (&all.into(), &0.into()));

    // Nothing of what the records say is in it.
    let names: Vec<String> = site
        .ask(&["neighbors"])
        .unwrap()
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|n| n["system_name"].as_str().map(str::to_owned))
        .collect();
    assert!(!names.is_empty());
    for entry in fs::read_dir(&medium).unwrap() {
        let octets = fs::read(entry.unwrap().path()).unwrap();
        let found =
            names.iter().find(|name| octets.windows(name.len()).any(|window| window == name.as_bytes()));
        assert_eq!(found, None);
    }

    let text = said(&import(&site, &medium));
    assert!(text.contains(&format!("{all} batches with")) && text.contains("carry"), "{text}");
    assert_eq!(waiting(&site), all, "nothing is deleted before the receipts are here");
    let text = said(&receipt(&site, &medium));
    assert!(text.contains(&format!("{all} batches are at the receiver")), "{text}");
    assert_eq!(waiting(&site), 0);
    let list = site.ask(&["bundle", "list"]).unwrap();
    assert_eq!(list["media"], Value::Array(Vec::new()));

    let batches = site.batches();
    let sequences: Vec<u64> = batches.iter().map(|b| b["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=all).collect::<Vec<_>>());
    assert!(batches.iter().all(|b| b["profile"] == "pseudonymous"));
    let told: u64 = batches.iter().map(|b| b["records"].as_u64().unwrap()).sum();
    assert_eq!(u64::try_from(site.received().len()).unwrap(), told);
    let status = site.ask(&["status"]).unwrap();
    assert_eq!(status["lost"], Value::Array(Vec::new()));
    let events = site.ask(&["ledger"]).unwrap();
    let events: Vec<_> =
        events["entries"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
    assert!(events.contains(&"medium-begun") && events.contains(&"medium-written"), "{events:?}");
}

#[test]
fn a_medium_and_the_link_overlap_and_a_lost_one_is_carried_again() {
    let site = Site::new();
    // More batches than the command hands over receipts at a time.
    site.configure("[store]\nbatch_records = 1\n");
    let _store = seen(&site);
    let [first, second, third] = ["first", "second", "third"].map(|name| site.path(name));
    said(&export(&site, &first));
    let carried = waiting(&site);
    assert!(carried > 48, "{carried}");
    {
        let _receiver = site.start_receiver();
        let _uplink = site.start_uplink();
        site.wait_until_receipted();
    }
    assert!(said(&import(&site, &first)).contains(&format!("{carried} batches were stored before")));
    let text = said(&receipt(&site, &first));
    assert!(text.contains(&format!("{carried} batches had their receipt before")), "{text}");

    replay(&site, "dhcp-dnsmasq.pcap");
    let more = waiting(&site);
    assert!(more > 0);
    let exported = site.ask(&["bundle", "export", second.to_str().unwrap()]).unwrap();
    assert_eq!((exported["batches"].as_u64(), exported["more"].as_bool()), (Some(more), Some(false)));
    let lost = site.headgate(&["bundle", "lost", exported["medium"].as_str().unwrap()]);
    assert!(said(&lost).contains(&format!("{more} batches go on the next one")));
    assert!(said(&export(&site, &third)).contains(&format!("{more} batches, {}", carried + 1)));
    said(&import(&site, &third));
    // It turns up after all.
    assert!(said(&import(&site, &second)).contains(&format!("{more} batches were stored before")));
    said(&receipt(&site, &second));
    assert_eq!(waiting(&site), 0);
    said(&receipt(&site, &third));
    let sequences: Vec<u64> = site.batches().iter().map(|b| b["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=carried + more).collect::<Vec<_>>());
}

#[test]
fn receipts_that_were_changed_or_are_another_receivers_release_nothing() {
    let site = Site::new();
    site.configure("[store]\nbatch_records = 5\n");
    let _store = seen(&site);
    let medium = site.path("medium");
    said(&export(&site, &medium));
    said(&import(&site, &medium));
    let file = medium.join("receipts");
    let good = fs::read(&file).unwrap();
    let all = waiting(&site);
    // The last octet of the last signature, and a file that ends before it.
    let mut changed = good.clone();
    *changed.last_mut().unwrap() ^= 1;
    for (content, code, why) in [
        (changed.as_slice(), 1, "signature"),
        (&good[..good.len() - 1], 65, "not a well-formed receipts message"),
        (b"hello", 65, "headgate-receiver import"),
    ] {
        fs::write(&file, content).unwrap();
        let refused = receipt(&site, &medium);
        let text = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert_eq!(refused.status.code(), Some(code), "{text}");
        assert!(text.contains(why), "{text}");
        assert_eq!(waiting(&site), all);
    }
    fs::remove_file(&file).unwrap();
    assert_eq!(receipt(&site, &medium).status.code(), Some(66));
    fs::write(&file, good).unwrap();
    said(&receipt(&site, &medium));
    assert_eq!(waiting(&site), 0);
}

/// Another organisation's receiver can neither read the medium nor answer for it.
#[test]
fn a_medium_is_for_its_organisation_alone() {
    let (site, other) = (Site::new(), Site::new());
    let _store = seen(&site);
    let medium = site.path("medium");
    said(&export(&site, &medium));
    let refused = import(&other, &medium);
    let text = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(65), "{text}");
    assert!(text.contains("not signed by an appliance of this organisation"), "{text}");
    assert!(!other.path("receiver/receiver.db").exists() && !medium.join("receipts").exists());
}

/// One medium with as many batches as `HEADGATE_TEST_MEDIUM` says, or some hundred.
#[test]
fn a_medium_of_many_small_batches_is_stored_once_and_its_receipts_empty_the_buffer() {
    let given = std::env::var("HEADGATE_TEST_MEDIUM").ok().and_then(|batches| batches.parse().ok());
    let wanted: usize = given.unwrap_or(600);
    let site = Site::new();
    site.configure("[store]\nbatch_records = 1\n[uplink]\nbundles = true\n");
    let _store = site.start_store();
    let feeder = Feeder::start(site.path("run"), Random::new(1));
    wait_for("acknowledgements", || feeder.acknowledged() >= wanted);
    let fed = feeder.finish();
    let all = fed.acknowledged.len();
    wait_while_it_goes_on(&site, |status| {
        (status["waiting"] == 0, status["outbox"]["batches"].as_u64().unwrap())
    });
    let started = Instant::now();
    let took = |what: &str| eprintln!("{what}: {:.1?} since the export began", started.elapsed());
    let medium = site.path("medium");
    let text = said(&export(&site, &medium));
    assert!(text.contains(&format!("{all} batches, 1 to {all}")), "{text}");
    took("exported");
    assert!(said(&import(&site, &medium)).contains(&format!("{all} batches with")));
    took("imported");
    assert!(said(&import(&site, &medium)).contains(&format!("{all} batches were stored before")));
    took("imported again");
    assert!(said(&receipt(&site, &medium)).contains(&format!("{all} batches are at the receiver")));
    took("receipts taken");
    assert_eq!(waiting(&site), 0);
    let received = site.received();
    let numbers: BTreeSet<u64> = received.iter().map(|r| r["record"]["packets"].as_u64().unwrap()).collect();
    assert_eq!((received.len(), &numbers), (all, &fed.acknowledged), "each once");
    let sequences: Vec<usize> =
        site.batches().iter().map(|b| usize::try_from(b["sequence"].as_u64().unwrap()).unwrap()).collect();
    assert_eq!(sequences, (1..=all).collect::<Vec<_>>());
    assert_eq!(site.ask(&["ledger"]).unwrap()["verified"], true);
    eprintln!("{all} batches on one medium");
}
