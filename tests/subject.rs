//! A person's rights, as the administrator exercises them: from the command to the receiver's files.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod support;

use support::{Site, golden, wait_for};

const ANNA: [&str; 2] = ["--name", "laptop-anna"];

#[test]
fn a_person_is_exported_and_then_forgotten_on_both_ends() {
    let site = Site::new();
    let _running = site.carry_a_capture();

    let found = site.ask(&["subject", "find", ANNA[0], ANNA[1]]).unwrap();
    let mac = found["subjects"][0]["macs"][0].as_str().unwrap().to_owned();
    let kept = site.ask(&["leases"]).unwrap();
    let lease = kept.as_array().unwrap().iter().find(|lease| lease["hostname"] == ANNA[1]).unwrap();
    let received = site.received();
    let same = received
        .iter()
        .map(|r| &r["record"])
        .find(|r| r["kind"] == "lease" && r["granted"] == lease["granted"]);
    let pseudonym = same.unwrap()["mac"].as_str().unwrap().to_owned();
    let hers = |received: &[serde_json::Value]| {
        received.iter().filter(|r| r.to_string().contains(&pseudonym)).count()
    };
    assert!(hers(&received) > 1, "a lease, an exchange, a device");

    // All of it is hers, in three forms that say the same.
    let directory = site.path("export");
    let export =
        site.headgate(&["subject", "export", ANNA[0], ANNA[1], "--output", directory.to_str().unwrap()]);
    assert!(export.status.success(), "{}", String::from_utf8_lossy(&export.stderr));
    let read = |name: &str| std::fs::read_to_string(directory.join(name)).unwrap();
    let all: serde_json::Value = serde_json::from_str(&read("subject.json")).unwrap();
    let records = all["records"].as_array().unwrap();
    assert!(
        records.iter().all(|record| record.to_string().contains(&mac)) && records.contains(lease),
        "{all}"
    );
    for form in ["subject.csv", "subject.html"] {
        assert!(read(form).contains(ANNA[1]) && read(form).contains(&mac), "{form}");
    }
    let again =
        site.headgate(&["subject", "export", ANNA[0], ANNA[1], "--output", directory.to_str().unwrap()]);
    assert_eq!(again.status.code(), Some(73), "an export is not overwritten");
    std::fs::remove_dir_all(&directory).unwrap();

    let wish = site.headgate(&["subject", "erase", ANNA[0], ANNA[1]]);
    let said = String::from_utf8(wish.stderr).unwrap();
    assert_eq!(wish.status.code(), Some(1), "{said}");
    assert!(said.contains("--yes") && String::from_utf8(wish.stdout).unwrap().contains(&mac), "{said}");
    let done = site.headgate(&["subject", "erase", ANNA[0], ANNA[1], "--yes"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    wait_for("the receiver to forget", || hers(&site.received()) == 0);
    site.wait_until_receipted();
    let forgotten = site.batches().iter().filter_map(|b| b["forgotten"]["records"].as_u64()).sum::<u64>();
    assert!(forgotten > 1, "{forgotten}");
    assert!(site.headgate(&["subject", "find", ANNA[0], ANNA[1]]).status.code() == Some(1));
    // The ledger says that it happened, and of whom it does not.
    let ledger = site.ask(&["ledger"]).unwrap();
    assert_eq!(ledger["verified"], true);
    let text = ledger.to_string();
    assert!(text.contains("exported") && text.contains("erased") && !text.contains(&pseudonym), "{text}");
    for (file, octets) in site.files() {
        let there = |needle: &str| octets.windows(needle.len()).any(|window| window == needle.as_bytes());
        assert!(![ANNA[1], &mac, &pseudonym].into_iter().any(there), "{}", file.display());
    }
}

/// What the receiver has though the appliance has no receipt of it was once contradicted for good by a batch without the
/// person.
#[test]
fn a_person_is_forgotten_in_a_batch_whose_receipt_was_lost() {
    let site = Site::new();
    let _receiver = site.start_receiver();
    let mut store = site.start_store();
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    wait_for("batches", || site.ask(&["status"]).is_some_and(|s| s["waiting"] == 0));
    assert!(store.terminate().success());
    // The appliance as it was before it sent anything: for it, all receipts were lost.
    let [kept, now] = ["store.before", "store"].map(|name| site.path(name).join("store.db"));
    std::fs::create_dir(site.path("store.before")).unwrap();
    std::fs::copy(&now, &kept).unwrap();
    let mut store = site.start_store();
    let mut uplink = site.start_uplink();
    site.wait_until_receipted();
    assert!(uplink.terminate().success() && store.terminate().success());
    std::fs::copy(&kept, &now).unwrap();

    let sent = site.received();
    let _store = site.start_store();
    let done = site.ask(&["subject", "erase", ANNA[0], ANNA[1], "--yes"]).unwrap();
    assert!(done["batches"].as_u64().unwrap() > 0, "{done}");
    let _uplink = site.start_uplink();
    site.wait_until_receipted();
    let left = site.received();
    assert!(left.len() < sent.len(), "{} of {}", left.len(), sent.len());
    let status = site.ask(&["status"]).unwrap();
    assert_eq!(status["outbox"]["batches_lost"], 0, "{status}");
    let numbers: Vec<_> = site.batches().iter().map(|b| b["sequence"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
}

/// Whoever was no longer in the buffer was once not found, and stayed at the receiver for good.
#[test]
fn a_person_of_whom_nothing_is_kept_any_more_is_forgotten_by_the_receiver() {
    let site = Site::new();
    let _running = site.carry_a_capture();
    let found = site.ask(&["subject", "find", ANNA[0], ANNA[1]]).unwrap();
    let mac = found["subjects"][0]["macs"][0].as_str().unwrap().to_owned();
    assert!(site.headgate(&["buffer", "purge", "--all", "--yes"]).status.success());
    let by_mac = |action: &str, yes: &[&str]| {
        let said = site.headgate(&[&["subject", action, "--mac", &mac], yes].concat());
        let text = [said.stdout, said.stderr].map(|text| String::from_utf8(text).unwrap()).concat();
        (said.status.code(), text)
    };
    assert_eq!(by_mac("find", &[]).0, Some(1));
    let (code, wish) = by_mac("erase", &[]);
    assert!(code == Some(1) && wish.contains("nobody is kept") && wish.contains("--yes"), "{wish}");

    let sent = site.received();
    let (code, done) = by_mac("erase", &["--yes"]);
    assert!(
        code == Some(0) && done.contains("Nobody is kept") && done.contains("the receiver to forget"),
        "{done}"
    );
    site.wait_until_receipted();
    wait_for("the receiver to forget", || site.received().len() < sent.len());
    let forgotten: u64 = site.batches().iter().filter_map(|b| b["forgotten"]["records"].as_u64()).sum();
    assert!(forgotten > 1, "{forgotten}");
    assert_eq!(usize::try_from(forgotten).unwrap(), sent.len() - site.received().len());
}
