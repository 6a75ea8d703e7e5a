//! Batches that wait together go together, where the receiver takes them so.
// A test fails by panicking.
#![allow(clippy::unwrap_used)]

#[cfg(test)]
mod support;

use headgate_record::run::{MAX_RUN_BYTES, octets};
use support::{Answer, Receiver, Site, Uplink, batch, large, of_length, sequences, until};

fn good_receiver(site: &Site) -> Receiver {
    Receiver::start(0, site.authority.server("127.0.0.1", false), site.authority.der())
}

/// With so much time that no machine is slow: what takes long goes in smaller runs.
fn patient(site: &Site, port: u16) -> Uplink {
    site.config(Some(&format!("127.0.0.1:{port}")));
    let file = site.path("headgate.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("timeout = 2\n", "timeout = 300\n");
    std::fs::write(&file, text).unwrap();
    Uplink::start(headgate_service::config::load(&file).unwrap())
}

#[test]
fn a_backlog_goes_in_runs_that_grow_and_each_batch_has_its_receipt() {
    let site = Site::new();
    let receiver = good_receiver(&site);
    let store = site.store(50);
    let uplink = patient(&site, receiver.port);
    until("all receipts", || store.receipted() == sequences(1, 50));
    assert_eq!(receiver.arrived(), sequences(1, 50), "each once");
    assert_eq!(receiver.together(), [1, 2, 4, 8, 16, 16, 3]);
    assert_eq!(receiver.connections(), 1);
    uplink.stop().unwrap();
}

#[test]
fn a_run_has_an_end_in_octets_and_what_is_larger_goes_alone() {
    let site = Site::new();
    let receiver = good_receiver(&site);
    let store = site.store(4);
    // Each of some megabytes.
    (5..=6).for_each(|sequence| store.push(&large(sequence)));
    let _uplink = patient(&site, receiver.port);
    until("all receipts", || store.receipted() == sequences(1, 6));
    assert_eq!(receiver.together(), [1, 2, 1, 1, 1]);
    assert_eq!(store.given(), sequences(1, 6), "what has no room is not given in vain");
}

/// Two pairs behind a first batch: one is as long as a run may be, the other has one octet more.
#[test]
fn what_fits_to_the_octet_goes_along_and_what_is_one_octet_longer_does_not() {
    let site = Site::new();
    let receiver = good_receiver(&site);
    let store = site.store(1);
    let half = MAX_RUN_BYTES / 2;
    let rest = MAX_RUN_BYTES - octets(half) - octets(0);
    for (sequence, length) in [(2, half), (3, rest), (4, half), (5, rest + 1)] {
        store.push(&of_length(sequence, length));
    }
    let _uplink = patient(&site, receiver.port);
    until("all receipts", || store.receipted() == sequences(1, 5));
    assert_eq!(receiver.together(), [1, 2, 1, 1]);
    assert_eq!(receiver.longest(), MAX_RUN_BYTES);
    assert_eq!(store.given(), sequences(1, 5), "what has no room is not given in vain");
}

/// A store of before does not know of room: it gives what is next, and the uplink leaves what does not fit.
#[test]
fn what_a_store_gives_though_there_is_no_room_waits() {
    let site = Site::new();
    let receiver = good_receiver(&site);
    let store = site.store(2);
    store.know_no_room();
    store.push(&large(3));
    store.push(&batch(4));
    let _uplink = patient(&site, receiver.port);
    until("all receipts", || store.receipted() == sequences(1, 4));
    assert_eq!(receiver.together(), [1, 1, 1, 1]);
    assert_eq!(receiver.arrived(), sequences(1, 4));
    assert_eq!(store.given(), [1, 2, 3, 3, 4], "it was given in vain once");
}

#[test]
fn a_receiver_that_takes_no_runs_gets_batches_one_by_one() {
    let site = Site::new();
    let receiver = good_receiver(&site);
    receiver.runs(None);
    let store = site.store(20);
    let _uplink = patient(&site, receiver.port);
    until("all receipts", || store.receipted() == sequences(1, 20));
    assert_eq!(receiver.arrived(), sequences(1, 20));
    assert_eq!(receiver.together(), [1; 20]);
    let asked: Vec<_> = receiver.asked().into_iter().map(|(path, _)| path).collect();
    assert_eq!(asked, ["/v1/runs"], "it is asked once");
    assert!(store.states().iter().all(|(_, problem, _)| problem.is_empty()), "{:?}", store.states());
}

#[test]
fn after_the_first_batch_without_a_receipt_it_goes_on_there() {
    let site = Site::new();
    let receiver = good_receiver(&site);
    receiver.runs(Some(1));
    let store = site.store(8);
    let _uplink = patient(&site, receiver.port);
    until("all receipts", || store.receipted() == sequences(1, 8));
    // As many as had receipts go next, and one more when that has gone well for a while.
    assert_eq!(receiver.together(), [1, 2, 1, 1, 1, 1, 2, 1]);
    assert_eq!(receiver.arrived(), [1, 2, 3, 3, 4, 5, 6, 7, 8, 8]);
}

#[test]
fn after_a_failure_one_batch_tries_the_way() {
    let site = Site::new();
    let receiver = good_receiver(&site);
    let store = site.store(7);
    let _uplink = patient(&site, receiver.port);
    until("the first receipts", || store.receipted() == sequences(1, 7));
    receiver.answer(Answer::Status(503));
    (8..=9).for_each(|sequence| store.push(&batch(sequence)));
    until("status", || store.has_state("receiver answered 503"));
    let before = receiver.together().len();
    receiver.answer(Answer::Receipt);
    until("all receipts", || store.receipted() == sequences(1, 9));
    // What failed last may have been under way when the answer changed.
    assert!(receiver.together()[before..].iter().all(|count| *count == 1), "{:?}", receiver.together());
}

#[test]
fn of_receipts_that_come_together_one_that_is_refused_holds_up_no_other() {
    let site = Site::new();
    let receiver = good_receiver(&site);
    let store = site.store(0);
    store.refuse_one(2);
    (1..=3).for_each(|sequence| store.push(&batch(sequence)));
    let _uplink = patient(&site, receiver.port);
    until("status", || store.has_state("signature does not verify"));
    // Two and three went together; the third has its receipt though the second has none.
    assert_eq!(store.receipted(), [1, 3]);
    store.refuse_one(0);
    until("all receipts", || store.receipted() == [1, 3, 2]);
    until("status", || store.states().last().is_some_and(|(connected, ..)| *connected));
}

#[test]
fn a_store_that_knows_of_no_runs_is_asked_once() {
    let site = Site::new();
    let receiver = good_receiver(&site);
    let store = site.store(0);
    store.know_no_runs();
    (1..=6).for_each(|sequence| store.push(&batch(sequence)));
    let _uplink = patient(&site, receiver.port);
    until("all receipts", || store.receipted() == sequences(1, 6));
    assert_eq!((store.unknown(), receiver.together()), (1, vec![1; 6]));
}
