//! The uplink between a store and a receiver: order, failures, credentials.

#[cfg(test)]
mod support;

use rustls::NamedGroup;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use headgate_service::exit::{CONFIG, Exit};
use support::{
    APPLIANCE, Answer, Authority, Receiver, Site, Uplink, Way, Wire, batch, free_port, sequences, until,
};

fn good_receiver(site: &Site, port: u16) -> Receiver {
    Receiver::start(port, site.authority.server("127.0.0.1", false), site.authority.der())
}

fn run(site: &Site, port: u16) -> Uplink {
    Uplink::start(site.config(Some(&format!("127.0.0.1:{port}"))))
}

#[test]
fn batches_arrive_in_order_over_one_connection() {
    let site = Site::new();
    let receiver = good_receiver(&site, 0);
    let store = site.store(20);
    let uplink = run(&site, receiver.port);
    until("all receipts", || store.receipted() == sequences(1, 20));
    assert_eq!(receiver.arrived(), sequences(1, 20));
    assert_eq!(receiver.connections(), 1);
    until("state", || store.states().last() == Some(&(true, String::new(), 0)));
    uplink.stop().unwrap();
}

#[test]
fn a_receiver_that_goes_and_comes_back_gets_all_in_order() {
    let site = Site::new();
    let port = free_port();
    let store = site.store(3);
    let _uplink = run(&site, port);
    until("refusal", || store.has_state("connection refused"));
    assert!(store.receipted().is_empty());
    {
        let receiver = good_receiver(&site, port);
        until("catching up", || store.receipted() == sequences(1, 3));
        assert_eq!(receiver.arrived(), sequences(1, 3));
    }
    (4..=6).for_each(|sequence| store.push(&batch(sequence)));
    until("loss noticed", || store.states().last().is_some_and(|(connected, ..)| !connected));
    let receiver = good_receiver(&site, port);
    until("catching up again", || store.receipted() == sequences(1, 6));
    assert_eq!(receiver.arrived(), sequences(4, 6));
    until("state", || store.states().last().is_some_and(|(connected, ..)| *connected));
}

#[test]
fn a_connection_that_was_closed_while_idle_is_no_failure() {
    let site = Site::new();
    let receiver = good_receiver(&site, 0);
    receiver.answer(Answer::ReceiptAndClose);
    let store = site.store(5);
    let _uplink = run(&site, receiver.port);
    until("all receipts", || store.receipted() == sequences(1, 5));
    assert!(store.states().iter().all(|(_, problem, _)| problem.is_empty()), "{:?}", store.states());
}

#[test]
fn an_answer_without_a_receipt_is_named_and_the_batch_stays() {
    let site = Site::new();
    let receiver = good_receiver(&site, 0);
    let store = site.store(2);
    receiver.answer(Answer::Status(503));
    let _uplink = run(&site, receiver.port);
    until("status", || store.has_state("receiver answered 503"));
    receiver.answer(Answer::Garbage);
    until("garbage", || store.has_state("receiver's answer is not a receipt"));
    let before = receiver.arrived().len();
    receiver.answer(Answer::TooLong);
    until("too long an answer", || receiver.arrived().len() > before + 1);
    receiver.answer(Answer::Nothing);
    until("silence", || store.has_state("receiver did not answer in time"));
    assert!(store.receipted().is_empty());
    assert!(receiver.arrived().iter().all(|sequence| *sequence == 1));
    assert!(store.states().iter().skip(1).all(|(connected, _, retry)| !connected && *retry >= 1_000));
    receiver.answer(Answer::Receipt);
    until("all receipts", || store.receipted() == sequences(1, 2));
}

/// A store that still went by a configuration with a collector once had its batches posted to the receiver as they were.
#[test]
fn what_is_not_sealed_is_not_sent_to_a_receiver() {
    let site = Site::new();
    let receiver = good_receiver(&site, 0);
    let store = site.store(0);
    store.push_as_it_is(&support::batch(1), b"a batch that anybody can read".to_vec());
    let _uplink = run(&site, receiver.port);
    until("the refusal", || store.has_state("the store hands out batches for another way"));
    assert!(receiver.arrived().is_empty() && store.receipted().is_empty());
}

#[test]
fn a_receipt_that_the_store_refuses_is_reported_and_waited_for() {
    let site = Site::new();
    let receiver = good_receiver(&site, 0);
    let store = site.store(1);
    store.refuse(true);
    let _uplink = run(&site, receiver.port);
    until("refusal", || store.has_state("receipt not accepted: signature does not verify"));
    assert!(store.receipted().is_empty());
    store.refuse(false);
    until("receipt", || store.receipted() == [1]);
}

#[test]
fn the_key_exchange_is_hybrid_where_the_receiver_can_and_x25519_where_it_cannot() {
    let site = Site::new();
    let classical = CryptoProvider { kx_groups: vec![kx_group::X25519], ..aws_lc_rs::default_provider() };
    for (provider, group) in
        [(aws_lc_rs::default_provider(), NamedGroup::X25519MLKEM768), (classical, NamedGroup::X25519)]
    {
        let certificate = site.authority.server("127.0.0.1", false);
        let receiver = Receiver::start_with(provider, 0, certificate, site.authority.der());
        let store = site.store(1);
        let uplink = run(&site, receiver.port);
        until("receipt", || store.receipted() == [1]);
        assert_eq!(receiver.groups(), [group]);
        uplink.stop().unwrap();
    }
}

#[test]
fn nothing_is_sent_to_a_receiver_that_does_not_prove_who_it_is() {
    let site = Site::new();
    let (own, other) = (&site.authority, Authority::new());
    let cases = [
        (own.server("127.0.0.1", true), "receiver's certificate expired"),
        (own.server("receiver.example", false), "receiver's certificate is for another name"),
        (other.server("127.0.0.1", false), "receiver's certificate is from an unknown authority"),
    ];
    for (certificate, problem) in cases {
        let receiver = Receiver::start(0, certificate, own.der());
        let store = site.store(1);
        let uplink = run(&site, receiver.port);
        until(problem, || store.has_state(problem));
        assert!(receiver.connections() > 0);
        assert!(receiver.clients().is_empty() && receiver.arrived().is_empty(), "{problem}");
        assert!(store.receipted().is_empty());
        uplink.stop().unwrap();
    }
}

/// Whichever end notices: the administrator reads what it was, and the batch goes out again soon.
#[test]
fn a_damaged_record_is_called_that_and_the_batch_sent_again_soon() {
    let site = Site::new();
    let receiver = good_receiver(&site, 0);
    let wire = Wire::to(receiver.port);
    let store = site.store(1);
    let _uplink = run(&site, wire.port);
    until("a first receipt", || store.receipted() == [1]);
    for (sequence, way) in [(2, Way::ToUplink), (3, Way::ToReceiver)] {
        let known = store.states().len();
        wire.damage(way);
        store.push(&batch(sequence));
        until("the receipt", || store.receipted() == sequences(1, sequence));
        let failures: Vec<_> = store.states().into_iter().skip(known).filter(|(good, ..)| !good).collect();
        // A receiver that closes at once may take its alert with it: then the uplink has a new connection before it has a failure.
        assert!(failures.len() == 1 || way as u8 == Way::ToReceiver as u8 && failures.is_empty());
        for (_, problem, retry_ms) in failures {
            assert!(problem.contains("damaged on its way") && problem.contains("look for"), "{problem}");
            assert!((50..=250).contains(&retry_ms), "{retry_ms}");
        }
    }
    assert_eq!(receiver.connections(), 3);
}

/// Not even a certificate of ours has been shown to it by then.
#[test]
fn nothing_is_sent_to_a_receiver_in_a_region_that_is_not_allowed() {
    let site = Site::new();
    let own = &site.authority;
    for (said, problem) in [(Some("us"), "receiver is in region us"), (None, "receiver says no region")] {
        let receiver = Receiver::start(0, own.server_in("127.0.0.1", false, said), own.der());
        let store = site.store(1);
        let config = format!("receiver = \"127.0.0.1:{}\"\nregions = [\"eu\", \"ch\"]\n", receiver.port);
        let uplink = Uplink::start(site.config_with(&config));
        until(problem, || store.has_state(problem));
        assert!(receiver.connections() > 0);
        assert!(
            receiver.clients().is_empty() && receiver.arrived().is_empty() && receiver.asked().is_empty()
        );
        assert!(store.receipted().is_empty());
        uplink.stop().unwrap();
    }
    let receiver = Receiver::start(0, own.server_in("127.0.0.1", false, Some("ch")), own.der());
    let store = site.store(1);
    let config = format!("receiver = \"127.0.0.1:{}\"\nregions = [\"eu\", \"ch\"]\n", receiver.port);
    let _uplink = Uplink::start(site.config_with(&config));
    until("receipt", || store.receipted() == [1]);
}

/// What is shown on one connection is worth nothing on another.
#[test]
fn each_connection_has_a_proof_of_its_own() {
    let site = Site::new();
    let receiver = good_receiver(&site, 0);
    let store = site.store(2);
    let _uplink = run(&site, receiver.port);
    until("receipts", || store.receipted() == [1, 2]);
    receiver.answer(Answer::ReceiptAndClose);
    // Each by itself: two that wait together would go together.
    for sequence in 3..=4 {
        store.push(&batch(sequence));
        until("its receipt", || store.receipted() == sequences(1, sequence));
    }
    let proofs = receiver.proofs();
    assert_eq!((proofs.len(), &proofs[0]), (4, &proofs[1]));
    assert!(
        proofs[3] != proofs[0] && proofs.iter().all(|proof| proof.starts_with("506381209866536711.")),
        "{proofs:?}"
    );
}

#[test]
fn an_own_certificate_that_has_expired_is_a_problem_and_no_crash() {
    let site = Site::new();
    site.install(site.authority.client(APPLIANCE, true, 1));
    let receiver = good_receiver(&site, 0);
    let store = site.store(1);
    let _uplink = run(&site, receiver.port);
    until("state", || store.has_state("own certificate expired"));
    assert_eq!(receiver.connections(), 0);
    site.install(site.authority.client(APPLIANCE, false, 2));
    until("receipt", || store.receipted() == [1]);
}

#[test]
fn an_own_certificate_of_another_authority_is_not_accepted() {
    let site = Site::new();
    let receiver = Receiver::start(0, site.authority.server("127.0.0.1", false), Authority::new().der());
    let store = site.store(1);
    let _uplink = run(&site, receiver.port);
    until("state", || store.has_state("does not accept the appliance's certificate"));
    assert!(receiver.arrived().is_empty() && store.receipted().is_empty());
}

#[test]
fn rotated_credentials_are_used_without_a_restart_and_broken_ones_never() {
    let site = Site::new();
    let first = std::fs::read_to_string(site.path("credentials/uplink.crt")).unwrap();
    let receiver = good_receiver(&site, 0);
    let store = site.store(1);
    let _uplink = run(&site, receiver.port);
    until("first receipt", || store.receipted() == [1]);

    site.write("credentials/uplink.crt", "not a certificate");
    store.push(&batch(2));
    until("second receipt", || store.receipted() == [1, 2]);

    let second = site.authority.client(APPLIANCE, false, 2);
    site.install(second.clone());
    store.push(&batch(3));
    until("third receipt", || store.receipted() == [1, 2, 3]);
    let used = [first, second.0].map(|pem| CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec());
    assert_eq!(receiver.clients(), used);
}

#[test]
fn a_store_that_is_away_is_waited_for() {
    let site = Site::new();
    let receiver = good_receiver(&site, 0);
    let uplink = run(&site, receiver.port);
    {
        let store = site.store(1);
        until("receipt", || store.receipted() == [1]);
    }
    let store = site.store(2);
    until("receipts after the restart", || store.receipted() == sequences(1, 2));
    uplink.stop().unwrap();
}

#[test]
fn without_a_receiver_it_stays_idle_and_says_so() {
    let site = Site::new();
    std::fs::remove_dir_all(site.path("credentials")).unwrap();
    let store = site.store(1);
    let uplink = Uplink::start(site.config(None));
    until("state", || store.has_state("no receiver is configured"));
    uplink.stop().unwrap();
    assert!(store.receipted().is_empty());
}

#[test]
fn unusable_credentials_end_it_with_the_file_and_what_to_do() {
    let site = Site::new();
    let config = site.config(Some("127.0.0.1:9"));
    let broken = |file: &str, content: Option<&str>, says: &str| {
        let path = site.path(file);
        let good = std::fs::read_to_string(&path).unwrap();
        match content {
            Some(content) => site.write(file, content),
            None => std::fs::remove_file(&path).unwrap(),
        }
        let error = headgate_uplink::run(&config, &headgate_service::stop::Stop::default()).unwrap_err();
        let text = headgate_service::exit::chain(&error);
        assert_eq!(error.code(), CONFIG);
        assert!(text.starts_with(path.to_str().unwrap()) && text.contains(says), "{text}");
        site.write(file, &good);
    };
    let (foreign, key) = site.authority.client("site-2", false, 1);
    broken("credentials/uplink.key", None, "headgate enroll --token");
    broken("credentials/uplink.crt", None, "have the request signed");
    broken("credentials/authority.crt", None, "authority.crt");
    broken("credentials/uplink.key", Some("garbage"), "private key");
    broken("credentials/uplink.crt", Some("garbage"), "certificate");
    broken("credentials/authority.crt", Some(""), "certificate");
    broken("credentials/uplink.crt", Some(&foreign), "another appliance");
    broken("credentials/authority.crt", Some(&"x".repeat(70_000)), "larger than");
    let path = site.path("credentials/uplink.key");
    let good = std::fs::read_to_string(&path).unwrap();
    site.write("credentials/uplink.key", &key);
    let error = headgate_uplink::run(&config, &headgate_service::stop::Stop::default()).unwrap_err();
    assert!(error.to_string().contains("does not belong to the key"), "{error}");
    site.write("credentials/uplink.key", &good);
}
