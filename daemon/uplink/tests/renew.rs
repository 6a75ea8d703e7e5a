//! Renewing the certificate over the link: what is good is tried and taken, what is not leaves everything as it was.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

#[cfg(test)]
mod support;

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use support::{APPLIANCE, Authority, Receiver, Request, Site, Store, Uplink, batch, until};

/// A site whose certificate is due, because there is no secret beside it; its receiver and its store.
struct Due {
    site: Site,
    receiver: Receiver,
    store: Store,
    authority: Arc<Authority>,
    enrolled: Vec<u8>,
}

fn due() -> Due {
    let mut site = Site::new();
    // To be asked by the receiver's threads.
    let authority = Arc::new(std::mem::replace(&mut site.authority, Authority::new()));
    let (certificate, key) = authority.client(APPLIANCE, false, 1);
    let enrolled = der(&certificate);
    site.install((certificate, key));
    let old = [&0_u64.to_be_bytes()[..], &[7; 32]].concat();
    std::fs::write(site.path("credentials/uplink.secret"), old).unwrap();
    let receiver = Receiver::start(0, authority.server("127.0.0.1", false), authority.der());
    let store = site.store(1);
    Due { site, receiver, store, authority, enrolled }
}

fn der(pem: &str) -> Vec<u8> {
    CertificateDer::from_pem_slice(pem.as_bytes()).unwrap().to_vec()
}

impl Due {
    /// Certificates are renewed by what this makes of a request.
    fn renew(&self, answer: impl Fn(&Authority, &Request) -> String + Send + Sync + 'static) {
        let authority = Arc::clone(&self.authority);
        self.receiver.renew(Box::new(move |body| (200, answer(&authority, &Request::read(body)))));
    }

    /// As time would: the certificate is replaced by one that has nearly run out.
    fn run(&self) -> Uplink {
        let (certificate, key) = self.authority.client_until(APPLIANCE, support::DAY, 2);
        self.site.install((certificate, key));
        Uplink::start(self.site.config(Some(&format!("127.0.0.1:{}", self.receiver.port))))
    }

    fn kept(&self, name: &str) -> bool {
        self.site.path("kept").join(name).exists()
    }

    fn asked(&self, path: &str) -> Vec<Vec<u8>> {
        self.receiver
            .asked()
            .into_iter()
            .filter(|(asked, _)| asked == path)
            .map(|(_, client)| client)
            .collect()
    }
}

fn good(authority: &Authority, request: &Request) -> String {
    request.answer(authority, &authority.certify(APPLIANCE, &request.key, false, 3), APPLIANCE)
}

#[test]
fn a_good_certificate_is_tried_and_then_used() {
    let due = due();
    due.renew(good);
    let uplink = due.run();
    until("receipt", || due.store.receipted() == [1]);
    let (before, tried) = (due.asked("/v1/renew"), due.asked("/v1/known"));
    assert_eq!((before.len(), tried.len()), (1, 1));
    assert!(before[0] != tried[0], "with the old one it was asked, with the new one it was tried");
    assert_eq!(due.receiver.clients().last(), Some(&tried[0]));
    assert!(due.kept("renewed") && !due.kept("renewed.untried"));
    assert!(due.receiver.proofs()[0].starts_with("99."));
    uplink.stop().unwrap();
    // And after a restart, without another renewal.
    due.store.push(&batch(2));
    let config = due.site.config(Some(&format!("127.0.0.1:{}", due.receiver.port)));
    let _uplink = Uplink::start(config);
    until("receipt", || due.store.receipted() == [1, 2]);
    assert_eq!(due.receiver.clients().last(), Some(&tried[0]));
    assert_eq!(due.asked("/v1/renew").len(), 1);
}

#[test]
fn a_certificate_that_is_no_good_never_takes_the_place_of_the_good_one() {
    type Answer = fn(&Authority, &Request) -> String;
    let cases: [(&str, Answer); 6] = [
        ("garbage", |_, _| "no answer at all".into()),
        ("another key", |authority, request| {
            let other = rcgen::KeyPair::generate().unwrap();
            request.answer(authority, &authority.certify(APPLIANCE, &other, false, 3), APPLIANCE)
        }),
        ("another appliance", |authority, request| {
            request.answer(authority, &authority.certify("site-2", &request.key, false, 3), APPLIANCE)
        }),
        ("an expired one", |authority, request| {
            request.answer(authority, &authority.certify(APPLIANCE, &request.key, true, 3), APPLIANCE)
        }),
        ("another's secret", |authority, request| {
            request.answer(authority, &authority.certify(APPLIANCE, &request.key, false, 3), "site-2")
        }),
        ("no secret", |authority, request| {
            let whole =
                request.answer(authority, &authority.certify(APPLIANCE, &request.key, false, 3), APPLIANCE);
            whole.split("-----BEGIN HEADGATE").next().unwrap().to_owned()
        }),
    ];
    for (name, answer) in cases {
        let due = due();
        due.renew(answer);
        let uplink = due.run();
        until(name, || due.store.receipted() == [1]);
        assert_eq!((due.asked("/v1/renew").len(), due.asked("/v1/known").len()), (1, 0), "{name}");
        assert!(!due.kept("renewed") && !due.kept("renewed.untried"), "{name}");
        assert!(due.receiver.proofs()[0].starts_with("0."), "{name}");
        uplink.stop().unwrap();
    }
}

/// Of another authority, for example: it is found out before it is used.
#[test]
fn a_certificate_that_the_receiver_does_not_know_is_left_and_the_good_one_stays() {
    let due = due();
    let stranger = Authority::new();
    due.renew(move |_, request| good(&stranger, request));
    let uplink = due.run();
    until("receipt", || due.store.receipted() == [1]);
    assert!(!due.kept("renewed") && !due.kept("renewed.untried"));
    assert!(due.store.states().iter().all(|(_, problem, _)| problem.is_empty()), "{:?}", due.store.states());
    uplink.stop().unwrap();

    // Or because of its secret.
    let due = self::due();
    due.renew(good);
    due.receiver.known(Some(401));
    let _uplink = due.run();
    until("receipt", || due.store.receipted() == [1]);
    assert!(!due.kept("renewed") && !due.kept("renewed.untried"));
    assert!(due.receiver.proofs()[0].starts_with("0."));
}

/// Once the receiver has seen the new secret the old one counts no longer: what was kept before that is what is used.
#[test]
fn a_certificate_whose_trial_had_no_answer_is_tried_again() {
    let due = due();
    due.renew(good);
    due.receiver.known(None);
    let uplink = due.run();
    until("the trial", || !due.asked("/v1/known").is_empty());
    until("receipt with the old one", || due.store.receipted() == [1]);
    assert!(due.kept("renewed.untried") && !due.kept("renewed"));
    uplink.stop().unwrap();

    due.receiver.known(Some(200));
    due.store.push(&batch(2));
    let config = due.site.config(Some(&format!("127.0.0.1:{}", due.receiver.port)));
    let _uplink = Uplink::start(config);
    until("receipt with the new one", || due.store.receipted() == [1, 2]);
    assert!(due.kept("renewed") && !due.kept("renewed.untried"));
    assert!(due.receiver.proofs()[1].starts_with("99."));
    assert_eq!(due.asked("/v1/renew").len(), 1);
}

/// Enrolled anew, the appliance is what it was enrolled as.
#[test]
fn what_was_renewed_counts_no_longer_when_the_appliance_is_enrolled_anew() {
    let due = due();
    due.renew(good);
    let uplink = due.run();
    until("receipt", || due.store.receipted() == [1]);
    assert!(due.kept("renewed"));
    let (certificate, key) = due.authority.client(APPLIANCE, false, 4);
    let fresh = der(&certificate);
    due.site.install((certificate, key));
    due.store.push(&batch(2));
    until("receipt with the one that was enrolled", || due.store.receipted() == [1, 2]);
    assert_eq!(due.receiver.clients().last(), Some(&fresh));
    assert_ne!(fresh, due.enrolled);
    uplink.stop().unwrap();
}
