//! What `export` writes, and when it writes nothing.

#[cfg(test)]
mod support;

use std::fs;

use headgate_record::batch::digest;
use headgate_record::bundle::{MANIFEST, batch_file};
use headgate_service::exit::{CANNOT_CREATE, CONFIG, Exit, NO, TRY_LATER, UNAVAILABLE};
use headgate_uplink::{Error, export};
use support::{APPLIANCE, Authority, Site, batch, large, manifest, sequences};

#[test]
fn a_bundle_is_the_bytes_of_the_wire_and_a_manifest_of_them() {
    let site = Site::new();
    let store = site.store(3);
    let directory = site.path("medium");
    let exported = export(&site.config(None), &directory, None).unwrap();
    assert_eq!((exported.batches, exported.first, exported.last, exported.more), (3, 1, 3, false));
    let manifest = manifest(&directory);
    assert_eq!((manifest.appliance.as_str(), manifest.epoch, manifest.key), (APPLIANCE, 7, batch(1).key));
    assert_eq!(manifest.batches.iter().map(|b| b.sequence).collect::<Vec<_>>(), sequences(1, 3));
    for carried in &manifest.batches {
        let octets = fs::read(directory.join(batch_file(carried.sequence))).unwrap();
        assert_eq!(octets, batch(carried.sequence).encode());
        assert_eq!((u32::try_from(octets.len()), carried.digest), (Ok(carried.octets), digest(&octets)));
    }
    assert_eq!(store.carried(), [(exported.medium, 3)]);
    assert_eq!(fs::read_dir(&directory).unwrap().count(), 4);
    let text = exported.to_text();
    assert!(text.contains("3 batches, 1 to 3") && text.contains("headgate-receiver import"), "{text}");
}

#[test]
fn what_finds_no_room_is_left_for_another_medium() {
    let site = Site::new();
    let store = site.store(0);
    (1..=5).for_each(|sequence| store.push(&large(sequence)));
    let exported = export(&site.config(None), &site.path("medium"), Some(8)).unwrap();
    assert_eq!((exported.batches, exported.last, exported.more), (2, 2, true));
    assert!(exported.octets <= 8 << 20);
    assert_eq!(store.carried()[0].1, 2, "the third was handed out and not written");
    assert!(exported.to_text().contains("to another medium"));
}

#[test]
fn without_anything_to_carry_nothing_is_made() {
    let site = Site::new();
    let _store = site.store(0);
    let error = export(&site.config(None), &site.path("medium"), None).unwrap_err();
    assert!(matches!(error, Error::Nothing) && error.code() == NO);
    assert!(!site.path("medium").exists());
}

#[test]
fn a_bundle_that_is_there_is_left_as_it_is() {
    let site = Site::new();
    let _store = site.store(2);
    let directory = site.path("medium");
    fs::create_dir(&directory).unwrap();
    for name in [MANIFEST.to_owned(), batch_file(2)] {
        fs::write(directory.join(&name), "mine").unwrap();
        let error = export(&site.config(None), &directory, None).unwrap_err();
        assert!(matches!(&error, Error::Bundle(file) if *file == directory) && error.code() == CANNOT_CREATE);
        assert_eq!(fs::read(directory.join(&name)).unwrap(), b"mine");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 1, "what was begun is removed");
        fs::remove_file(directory.join(&name)).unwrap();
    }
    fs::write(directory.join("letter.txt"), "to a friend").unwrap();
    export(&site.config(None), &directory, None).unwrap();
}

#[test]
fn a_store_that_changes_meanwhile_and_one_that_is_away_are_told() {
    let site = Site::new();
    let error = export(&site.config(None), &site.path("medium"), None).unwrap_err();
    assert!(matches!(error, Error::Store { .. }) && error.code() == UNAVAILABLE, "{error}");
    let store = site.store(1);
    let mut other = batch(2);
    other.id.epoch += 1;
    store.push(&other);
    let error = export(&site.config(None), &site.path("medium"), None).unwrap_err();
    assert!(matches!(error, Error::Changed) && error.code() == TRY_LATER, "{error}");
    assert!(!site.path("medium").exists());
}

/// It can be carried all the same: its batches are stored once.
#[test]
fn a_medium_that_the_store_does_not_note_is_kept() {
    let site = Site::new();
    let store = site.store(2);
    store.refuse(true);
    let error = export(&site.config(None), &site.path("medium"), None).unwrap_err();
    assert!(
        matches!(error, Error::Unnoted { .. }) && error.to_string().contains("can be carried"),
        "{error}"
    );
    assert_eq!(manifest(&site.path("medium")).batches.len(), 2);
}

#[test]
fn a_certificate_that_no_receiver_would_take_stops_it_before_anything_is_written() {
    let site = Site::new();
    let _store = site.store(1);
    for pair in [site.authority.client(APPLIANCE, true, 3), Authority::new().client("site-2", false, 4)] {
        site.install(pair);
        let error = export(&site.config(None), &site.path("medium"), None).unwrap_err();
        assert_eq!(error.code(), CONFIG, "{error}");
    }
    assert!(!site.path("medium").exists());
}
