//! Only the receiver's receipt for exactly these bytes deletes a batch.

use ed25519_dalek::{Signer, SigningKey};
use headgate_record::batch::id_of;
use headgate_record::local::{FromUplink, ToUplink};
use headgate_record::receipt::Receipt;
use headgate_record::sealed::MAX_OVERHEAD;

use crate::site::{SEAL_SECRET, Site, device, open};

#[test]
fn no_other_receipt_deletes_a_batch() {
    let site = Site::new("batch_records = 2\nbatch_delay = 0");
    let running = site.start();
    running.sensor(1).hand_over((1..=3).map(device).collect()).unwrap();
    running.until(|s| s["outbox"]["batches"] == 2);
    let mut uplink = running.uplink();
    let batch = uplink.next(0).unwrap().unwrap();
    let good = site.receipt(&batch);

    let changed = |change: &dyn Fn(&mut Receipt)| {
        let mut receipt = good.clone();
        change(&mut receipt);
        site.sign(receipt.statement).encode()
    };
    let other_key = SigningKey::from_bytes(&[43; 32]).sign(&good.statement.signed_bytes()).to_bytes();
    let bad = [
        ("not a receipt", Vec::new()),
        ("not a receipt", vec![0xff; 200]),
        ("signature", Receipt { signature: other_key, ..good.clone() }.encode()),
        ("signature", Receipt { signature: [0; 64], ..good.clone() }.encode()),
        ("another appliance", changed(&|r| r.statement.id.appliance = "site-2".into())),
        ("another epoch", changed(&|r| r.statement.id.epoch ^= 1)),
        ("no batch", changed(&|r| r.statement.id.sequence = 77)),
        ("another digest", changed(&|r| r.statement.id.sequence = 2)),
        ("another digest", changed(&|r| r.statement.digest[0] ^= 1)),
        ("number of records", changed(&|r| r.statement.records += 1)),
    ];
    for (expected, receipt) in &bad {
        let ToUplink::Refused { reason } = uplink.receipt(receipt).unwrap() else { panic!("{expected}") };
        assert!(reason.contains(expected), "{reason}");
    }
    assert_eq!(running.status()["outbox"]["batches"], 2);
    assert_eq!(uplink.next(0).unwrap().unwrap(), batch, "still the oldest");

    assert_eq!(uplink.receipt(&good.encode()).unwrap(), ToUplink::Accepted);
    let replay = uplink.receipt(&good.encode()).unwrap();
    assert!(matches!(replay, ToUplink::Refused { .. }), "{replay:?}");
    let status = running.status();
    assert_eq!(status["outbox"]["batches"], 1);
    assert_eq!(status["outbox"]["last_receipted"], 1);
}

/// What goes together is handed out together, and each receipt deletes its own.
#[test]
fn batches_behind_one_that_is_under_way_are_handed_out_and_wait_for_their_own_receipts() {
    let site = Site::new("batch_records = 2\nbatch_delay = 0");
    let running = site.start();
    running.sensor(1).hand_over((1..=6).map(device).collect()).unwrap();
    running.until(|s| s["outbox"]["batches"] == 3);
    let mut uplink = running.uplink();
    let first = uplink.next(0).unwrap().unwrap();
    let mut behind_within = |after, room| match uplink.say(&FromUplink::Behind { after, room }).unwrap() {
        ToUplink::Batch(sealed) => Some(open(&sealed, SEAL_SECRET)),
        ToUplink::Empty => None,
        other => panic!("{other:?}"),
    };
    let mut behind = |after| behind_within(after, u32::MAX);
    let (second, third) = (behind(1).unwrap(), behind(2).unwrap());
    assert_eq!([&first, &second, &third].map(|batch| id_of(batch).unwrap().sequence), [1, 2, 3]);
    assert_eq!((behind(1), behind(3)), (Some(second.clone()), None), "nobody waits for what is not there");
    let largest = u32::try_from(second.len() + MAX_OVERHEAD).unwrap();
    assert_eq!(behind_within(1, largest), Some(second.clone()));
    assert_eq!(behind_within(1, largest - 1), None, "what may have no room, nor the third in its place");
    assert_eq!(running.status()["outbox"]["batches"], 3);
    for (receipted, left) in [(&first, 2), (&second, 1), (&third, 0)] {
        assert_eq!(uplink.receipt(&site.receipt(receipted).encode()).unwrap(), ToUplink::Accepted);
        assert_eq!(running.status()["outbox"]["batches"], left);
    }
}

#[test]
fn a_receiver_without_a_receipt_key_stops_the_start() {
    let site = Site::new("");
    std::fs::write(site.path("credentials/receipt.pub"), "no key").unwrap();
    let (status, text) = site.run("run");
    assert_eq!(status.code(), Some(78), "{text}");
    assert!(text.contains("an Ed25519 public key in PEM"), "{text}");
}
