//! Certificates that have expired, on either side.

use std::fs;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use serde_json::Value;

use crate::sum;
use crate::support::{Site, golden, wait_for};

/// Waits for the problem, and checks that it is said to people and that all is kept.
fn assert_kept(site: &Site, problem: &str) {
    wait_for(problem, || {
        site.ask(&["status"]).is_some_and(|s| s["waiting"] == 0 && s["uplink"]["problem"] == problem)
    });
    let text = site.status_text();
    let line = format!("wrong      the receiver is not reached: {problem}; next attempt in ");
    assert!(text.contains(&line) && text.contains("nothing is lost meanwhile"), "{text}");
    let status = site.ask(&["status"]).unwrap();
    assert!(status["uplink"]["retry_ms"].as_u64().unwrap() >= 1_000, "{status}");
    assert_eq!(status["outbox"]["last_receipted"], 0);
    let kept: u64 = status["records"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(status["outbox"]["records"].as_u64().unwrap() + sum(&status["withheld"]), kept);
    assert!(site.received().is_empty());
}

/// Everything arrives, and nothing is lost.
fn assert_arrives(site: &Site) {
    let kept = site.ask(&["status"]).unwrap()["outbox"]["records"].as_u64().unwrap();
    site.wait_until_receipted();
    assert_eq!(site.received().len() as u64, kept);
    let status = site.ask(&["status"]).unwrap();
    assert_eq!((&status["lost"], &status["uplink"]["problem"]), (&Value::Array(vec![]), &"".into()));
    assert!(!site.status_text().contains("the receiver is not reached"));
}

#[test]
fn an_expired_client_certificate_holds_everything_until_a_good_one_lies_there() {
    let site = Site::new();
    site.sign(&["--valid-from", "2020-01-01T00:00:00Z", "--valid-until", "2020-02-01T00:00:00Z"]);
    let _receiver = site.start_receiver();
    let _store = site.start_store();
    let mut uplink = site.start_uplink();
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    assert_kept(&site, "own certificate expired; have the request signed again");
    site.sign(&["--valid-from", "2090-01-01T00:00:00Z", "--valid-until", "2090-02-01T00:00:00Z"]);
    assert_kept(&site, "own certificate is not valid yet; check the clock");
    site.sign(&[]);
    assert_arrives(&site);
    assert!(uplink.child.try_wait().unwrap().is_none(), "without a restart");
}

#[test]
fn an_expired_server_certificate_holds_everything_until_the_receiver_has_a_good_one() {
    let site = Site::new();
    let certificate = site.path("receiver/server.crt");
    let good = fs::read(&certificate).unwrap();
    fs::write(&certificate, expired(&site)).unwrap();
    let mut receiver = site.start_receiver();
    let _store = site.start_store();
    let _uplink = site.start_uplink();
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    assert_kept(&site, "receiver's certificate expired");
    receiver.terminate();
    fs::write(&certificate, good).unwrap();
    let _receiver = site.start_receiver();
    assert_arrives(&site);
}

/// The server's certificate, as its authority would have made it for last year.
fn expired(site: &Site) -> String {
    let read = |name: &str| fs::read_to_string(site.path("receiver").join(name)).unwrap();
    let authority = KeyPair::from_pem(&read("authority.key")).unwrap();
    let issuer = Issuer::from_ca_cert_pem(&read("authority.crt"), authority).unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let day = Duration::from_secs(86_400);
    params.not_before = (SystemTime::now() - 400 * day).into();
    params.not_after = (SystemTime::now() - 35 * day).into();
    let server = KeyPair::from_pem(&read("server.key")).unwrap();
    params.signed_by(&server, &issuer).unwrap().pem()
}
