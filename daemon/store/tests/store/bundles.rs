//! What is handed out is sealed, and goes on media: each batch on one, until the medium is lost.

use headgate_record::batch::Batch;
use headgate_record::bundle::MediumId;
use headgate_record::local::{ControlRequest, FromUplink, ToUplink};
use headgate_record::receipt::Receipt;
use headgate_record::sealed::Sealed;
use headgate_record::{Field, Kind};
use headgate_service::credential;

use crate::site::{Running, SEAL_SECRET, Site, Uplink, device, numbers, open, seal_key};

const BATCHES: &str = "batch_records = 2\nbatch_delay = 0";

/// A store with five batches of two devices.
fn five(site: &Site) -> Running<'_> {
    let running = site.start();
    running.sensor(1).hand_over((1..=10).map(device).collect()).unwrap();
    running.until(|s| s["outbox"]["batches"] == 5);
    running
}

fn carry(uplink: &mut Uplink, medium: u8, after: u64) -> Option<Batch> {
    match uplink.say(&FromUplink::Carry { medium: MediumId([medium; 8]), after }).unwrap() {
        ToUplink::Batch(sealed) => Some(Batch::decode(&open(&sealed, SEAL_SECRET)).unwrap()),
        ToUplink::Empty => None,
        other => panic!("{other:?}"),
    }
}

/// Sequences of the batches that go on a medium, at most so many.
fn fill(uplink: &mut Uplink, medium: u8, most: usize) -> Vec<u64> {
    let mut sequences: Vec<u64> = Vec::new();
    while sequences.len() < most
        && let Some(batch) = carry(uplink, medium, sequences.last().copied().unwrap_or(0))
    {
        sequences.push(batch.id.sequence);
    }
    sequences
}

fn written(uplink: &mut Uplink, medium: u8) -> ToUplink {
    uplink.say(&FromUplink::Carried { medium: MediumId([medium; 8]), through: u64::MAX }).unwrap()
}

fn name(medium: u8) -> String {
    MediumId([medium; 8]).to_string()
}

#[test]
fn what_is_handed_out_is_sealed_and_no_two_sealings_are_alike() {
    let site = Site::new(BATCHES);
    let running = five(&site);
    let mut uplink = running.uplink();
    let mut sealed = || match uplink.say(&FromUplink::Next { wait_ms: 0 }).unwrap() {
        ToUplink::Batch(bytes) => bytes,
        other => panic!("{other:?}"),
    };
    let (first, second) = (sealed(), sealed());
    assert!(first != second && open(&first, SEAL_SECRET) == open(&second, SEAL_SECRET));
    assert!(Batch::decode(&first).is_err(), "it is no batch that anybody can read");
    let envelope = Sealed::decode(&first).unwrap();
    assert_eq!((envelope.id.appliance.as_str(), envelope.id.sequence), ("site-1", 1));
    assert_eq!(running.status()["sealed_to"], envelope.key.to_string());
}

/// The receiver has another key: what waits is sealed to it from the restart on, and is the same batch.
#[test]
fn another_key_of_the_receiver_makes_no_other_batch() {
    let site = Site::new(BATCHES);
    let running = five(&site);
    let before = running.uplink().next(0).unwrap().unwrap();
    running.stop();
    std::fs::write(site.path("credentials").join(credential::SEAL_KEY), seal_key(45)).unwrap();
    let running = site.start();
    let ToUplink::Batch(sealed) = running.uplink().say(&FromUplink::Next { wait_ms: 0 }).unwrap() else {
        panic!("a batch")
    };
    assert_eq!(open(&sealed, 45), before);
}

#[test]
fn a_store_whose_receiver_has_no_usable_sealing_key_does_not_start() {
    let site = Site::new("");
    let zero = "MCowBQYDK2VuAyEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let ed25519 = std::fs::read_to_string(site.path("credentials/receipt.pub")).unwrap();
    let low_order = format!("-----BEGIN PUBLIC KEY-----\n{zero}\n-----END PUBLIC KEY-----\n");
    for key in ["absent", &ed25519, &low_order] {
        std::fs::write(site.path("credentials/seal.pub"), key).unwrap();
        let (status, text) = site.run("run");
        assert_eq!(status.code(), Some(78), "{text}");
        assert!(text.contains("an X25519 public key in PEM"), "{text}");
    }
}

#[test]
fn each_batch_goes_on_one_medium_until_that_is_lost() {
    let site = Site::new(BATCHES);
    let running = five(&site);
    let mut uplink = running.uplink();
    assert_eq!(fill(&mut uplink, 1, 2), [1, 2]);
    // It was not written to its end: its batches go on another.
    assert_eq!(fill(&mut uplink, 2, 3), [1, 2, 3]);
    assert_eq!(written(&mut uplink, 2), ToUplink::Accepted);
    assert_eq!(fill(&mut uplink, 3, 9), [4, 5]);
    assert_eq!(written(&mut uplink, 3), ToUplink::Accepted);
    assert!(fill(&mut uplink, 4, 9).is_empty(), "all are under way");
    for (medium, why) in [(3, "written already"), (4, "no batch was put")] {
        let ToUplink::Refused { reason } = written(&mut uplink, medium) else { panic!("{why}") };
        assert!(reason.contains(why), "{reason}");
    }
    assert_eq!(
        uplink.next(0).unwrap().map(|b| Batch::decode(&b).unwrap().id.sequence),
        Some(1),
        "the wire too"
    );

    let list = running.ask(&ControlRequest::Bundles);
    let media = list["media"].as_array().unwrap();
    let of = |at: usize| {
        (media[at]["medium"].as_str().unwrap(), media[at]["batches"].clone(), media[at]["waiting"].clone())
    };
    assert_eq!(media.len(), 2, "{list}");
    assert_eq!((of(0), of(1)), ((&*name(2), 3.into(), 3.into()), (&*name(3), 2.into(), 2.into())));
    assert_eq!(list["on_no_medium"], 0);

    let lost = running.ask(&ControlRequest::BundleLost { medium: name(2) });
    assert_eq!(lost["batches"], 3);
    let unknown = running.refused(&ControlRequest::BundleLost { medium: name(2) });
    assert!(unknown.contains("no such medium"), "{unknown}");
    assert_eq!(fill(&mut uplink, 5, 9), [1, 2, 3]);
    let ledger = running.ask(&ControlRequest::Ledger { limit: 100 });
    let events: Vec<_> =
        ledger["entries"].as_array().unwrap().iter().map(|e| e["event"].as_str().unwrap()).collect();
    let count = |event| events.iter().filter(|e| **e == event).count();
    assert_eq!((count("medium-begun"), count("medium-written"), count("medium-lost")), (4, 2, 1));
    assert_eq!(ledger["verified"], true);
}

/// A batch is given out before it is known that the medium has no room for it.
#[test]
fn what_found_no_room_goes_on_the_next_medium() {
    let site = Site::new(BATCHES);
    let running = five(&site);
    let mut uplink = running.uplink();
    assert_eq!(fill(&mut uplink, 1, 3), [1, 2, 3]);
    let through = FromUplink::Carried { medium: MediumId([1; 8]), through: 2 };
    assert_eq!(uplink.say(&through).unwrap(), ToUplink::Accepted);
    assert_eq!(running.ask(&ControlRequest::Bundles)["media"][0]["batches"], 2);
    assert_eq!(fill(&mut uplink, 2, 9), [3, 4, 5]);
}

/// Such a medium was once no medium any more, and the export failed at its end.
#[test]
fn a_medium_whose_batches_all_arrive_by_wire_while_it_is_written_is_noted() {
    let site = Site::new(BATCHES);
    let running = five(&site);
    let (mut uplink, mut wire) = (running.uplink(), running.uplink());
    for after in [0, 1] {
        let batch = carry(&mut uplink, 1, after).unwrap().encode().unwrap();
        assert_eq!(wire.receipt(&site.receipt(&batch).encode()).unwrap(), ToUplink::Accepted);
    }
    assert_eq!(written(&mut uplink, 1), ToUplink::Accepted);
    let list = running.ask(&ControlRequest::Bundles);
    assert_eq!((list["media"].as_array().unwrap().len(), &list["on_no_medium"]), (0, &3.into()));
    let ToUplink::Refused { reason } = written(&mut uplink, 2) else { panic!("nobody began it") };
    assert!(reason.contains("no batch was put"), "{reason}");
}

fn receipts(receipts: &[&Receipt], verify_only: bool) -> ControlRequest {
    ControlRequest::BundleReceipts {
        receipts: receipts.iter().map(|r| hex::encode(r.encode())).collect(),
        verify_only,
    }
}

#[test]
fn receipts_from_a_medium_release_what_they_name_and_one_forgery_spoils_all() {
    let site = Site::new(BATCHES);
    let running = five(&site);
    let mut uplink = running.uplink();
    let mut of = |after| site.receipt(&carry(&mut uplink, 1, after).unwrap().encode().unwrap());
    let (first, second, third) = (of(0), of(1), of(2));
    assert_eq!(written(&mut uplink, 1), ToUplink::Accepted);
    // Another way brought the first already.
    assert_eq!(uplink.receipt(&first.encode()).unwrap(), ToUplink::Accepted);

    let mut forged = third.clone();
    forged.statement.stored_ms += 1;
    for verify_only in [true, false] {
        let refused = running.refused(&receipts(&[&second, &forged], verify_only));
        assert!(refused.contains("receipt 2 of these") && refused.contains("signature"), "{refused}");
    }
    assert_eq!(running.status()["outbox"]["batches"], 4, "nothing was changed");

    let mut elsewhere = second.statement.clone();
    elsewhere.id.epoch ^= 1;
    let mut otherwise = third.statement.clone();
    otherwise.digest[0] ^= 1;
    let all = [first.clone(), second, third, site.sign(elsewhere), site.sign(otherwise)];
    // A content that it is no more is told apart while its batch waits.
    let all: Vec<&Receipt> = [&all[0], &all[1], &all[3], &all[4], &all[2]].to_vec();
    let told = serde_json::json!({ "accepted": 2, "before": 1, "changed": 1, "earlier": 1 });
    assert_eq!(running.ask(&receipts(&all, true)), told);
    assert_eq!(running.status()["outbox"]["batches"], 4, "they were only verified");
    assert_eq!(running.ask(&receipts(&all, false)), told);
    assert_eq!(running.status()["outbox"]["batches"], 2);
    let list = running.ask(&ControlRequest::Bundles);
    assert_eq!((list["media"].as_array().unwrap().len(), &list["on_no_medium"]), (0, &2.into()));
    let again = serde_json::json!({ "accepted": 0, "before": 4, "changed": 0, "earlier": 1 });
    assert_eq!(running.ask(&receipts(&all, false)), again);
}

/// What the medium carries of it is not what it is any more: it goes on the next one, or the erasure would never arrive.
#[test]
fn a_batch_that_is_written_anew_leaves_its_medium() {
    let site = Site::new(BATCHES);
    let running = five(&site);
    let mut uplink = running.uplink();
    assert_eq!(fill(&mut uplink, 1, 9), [1, 2, 3, 4, 5]);
    assert_eq!(written(&mut uplink, 1), ToUplink::Accepted);
    let who = headgate_record::subject::Who::Mac("00:10:20:00:00:03".into());
    running.ask(&ControlRequest::Subject { who, action: headgate_record::subject::Action::Erase });
    let changed = carry(&mut uplink, 2, 0).unwrap();
    assert_eq!((changed.id.sequence, changed.replaces.len()), (2, 1));
    assert_eq!(numbers(std::slice::from_ref(&changed), Field::DeviceFrames), [4]);
    assert!(changed.records.iter().all(|r| r.kind() == Kind::Device));
    running.until(|s| s["outbox"]["batches"] == 6);
    let tombstone = carry(&mut uplink, 2, 2).unwrap();
    assert!(tombstone.id.sequence == 6 && !tombstone.forget.is_empty(), "{tombstone:?}");
}

#[test]
fn a_site_without_a_receiver_makes_batches_for_media_that_say_region_and_profile() {
    let site = Site::new("");
    site.configure(BATCHES, "bundles = true\nregions = [\"eu\", \"ch\"]");
    let running = five(&site);
    let batch = carry(&mut running.uplink(), 1, 0).unwrap();
    assert_eq!(batch.regions, ["eu", "ch"]);
    assert_eq!(batch.profile, "pseudonymous");
    running.stop();
    site.configure(BATCHES, "");
    let running = site.start();
    let asked = running.uplink().say(&FromUplink::Carry { medium: MediumId([1; 8]), after: 0 }).unwrap();
    let ToUplink::Refused { reason } = asked else { panic!("{asked:?}") };
    assert!(reason.contains("bundles = true"), "{reason}");
}

/// The command that writes a bundle came and went, and the store said that the uplink was away.
#[test]
fn who_writes_a_bundle_is_not_taken_for_the_uplink() {
    let site = Site::new(BATCHES);
    let running = five(&site);
    let mut link = running.uplink();
    let state = FromUplink::State { connected: true, problem: String::new(), retry_ms: 0 };
    assert_eq!(link.say(&state).unwrap(), ToUplink::Accepted);
    let mut bundle = running.uplink();
    fill(&mut bundle, 1, 9);
    drop(bundle);
    // What is asked next is answered behind what the end of a connection says.
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(running.status()["uplink"]["connected"], true);
    drop(link);
    running.until(|s| s["uplink"].is_null());
}

/// The ledger once left out what had its receipt by wire before the medium was written to its end.
#[test]
fn what_arrives_by_wire_while_a_medium_is_written_is_on_it_for_the_ledger() {
    let site = Site::new(BATCHES);
    let running = five(&site);
    let mut uplink = running.uplink();
    assert_eq!(fill(&mut uplink, 1, 9), [1, 2, 3, 4, 5]);
    let first = uplink.next(0).unwrap().unwrap();
    assert_eq!(uplink.receipt(&site.receipt(&first).encode()).unwrap(), ToUplink::Accepted);
    // The fifth found no room on it.
    let through = FromUplink::Carried { medium: MediumId([1; 8]), through: 4 };
    assert_eq!(uplink.say(&through).unwrap(), ToUplink::Accepted);
    let entries = running.ask(&ControlRequest::Ledger { limit: 100 });
    let entries = entries["entries"].as_array().unwrap();
    let noted = entries.iter().find(|entry| entry["event"] == "medium-written").unwrap();
    let detail = &noted["detail"];
    assert_eq!(
        ["batches", "records", "first", "last"].map(|what| detail[what].as_u64()),
        [Some(4), Some(8), Some(1), Some(4)],
        "{noted}"
    );
    let list = running.ask(&ControlRequest::Bundles);
    assert_eq!((&list["media"][0]["batches"], &list["media"][0]["waiting"]), (&4.into(), &3.into()));
    assert_eq!(list["on_no_medium"], 1);
}
