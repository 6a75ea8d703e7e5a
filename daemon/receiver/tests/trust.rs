//! Who is let in: with a token, with a certificate and its secret, and for how long.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

#[cfg(test)]
mod support;

use prost::Message;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

use headgate_receiver::{Config, revoke, token};
use headgate_record::enrolment::{EnrollRequest, Token, seal_to_uri};
use support::{APPLIANCE, Client, Cloud, Server, batch};

/// A receiver that enrolls, and where.
fn open(cloud: &Cloud) -> (Config, Server) {
    let mut config = cloud.config();
    config.enroll_listen = Some("127.0.0.1:0".parse().unwrap());
    let server = Server::start(config.clone());
    config.enroll_listen = server.enrolment;
    (config, server)
}

/// A signing request, as an appliance makes it.
fn request(name: &str, key: &KeyPair) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    // The base point of the curve is a key like any other.
    let seal_to = seal_to_uri(&std::array::from_fn(|n| if n == 0 { 9 } else { 0 }));
    params.subject_alt_names.push(SanType::URI(seal_to.try_into().unwrap()));
    params.serialize_request(key).unwrap().pem().unwrap()
}

fn said(token: &Token, request: &str) -> Vec<u8> {
    EnrollRequest { id: token.id.into(), secret: token.secret.to_vec(), request: request.into() }
        .encode_to_vec()
}

/// What is answered to somebody without a certificate.
fn ask(cloud: &Cloud, server: &Server, body: &[u8]) -> (u16, String) {
    let mut client = Client::connect(server.enrolment.unwrap(), &cloud.stranger());
    let (status, body) = client.exchange("POST /v1/enroll", body).unwrap();
    (status, String::from_utf8(body).unwrap())
}

#[test]
fn a_token_enrolls_its_appliance_once() {
    let cloud = Cloud::new();
    let (config, server) = open(&cloud);
    let token = token(&config, APPLIANCE, None, 1).unwrap();
    assert_eq!(token.address, server.enrolment.unwrap().to_string());
    let (key, other) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let foreign = ask(&cloud, &server, &said(&token, &request("site-2", &key)));
    assert_eq!(foreign.0, 403, "{}", foreign.1);
    let (status, answer) = ask(&cloud, &server, &said(&token, &request(APPLIANCE, &key)));
    assert_eq!(status, 200, "{answer}");
    for (label, count) in [("CERTIFICATE", 2), ("PUBLIC KEY", 2), ("HEADGATE SEALED SECRET", 1)] {
        assert_eq!(answer.matches(&format!("-----BEGIN {label}-----")).count(), count, "{label}");
    }
    let (status, why) = ask(&cloud, &server, &said(&token, &request(APPLIANCE, &other)));
    assert!(status == 403 && why.contains("has been used"), "{status} {why}");
    let again = ask(&cloud, &server, &said(&token, &request(APPLIANCE, &key)));
    assert_eq!(again.0, 200, "the same use: its answer may have been lost");
    server.stop();
}

#[test]
fn without_a_good_token_there_is_no_certificate() {
    let cloud = Cloud::new();
    let (config, server) = open(&cloud);
    let key = KeyPair::generate().unwrap();
    let mut wrong = token(&config, APPLIANCE, None, 1).unwrap();
    wrong.secret[0] ^= 1;
    let (status, why) = ask(&cloud, &server, &said(&wrong, &request(APPLIANCE, &key)));
    assert!(status == 403 && why.contains("not known"), "{status} {why}");
    for body in [&b""[..], b"garbage", &said(&wrong, "no request")] {
        assert_eq!(ask(&cloud, &server, body).0, 400);
    }
    // Nor anything else.
    let mut client = Client::connect(server.enrolment.unwrap(), &cloud.stranger());
    assert_eq!(client.exchange("POST /v1/batches", &cloud.seal(&batch(1))).unwrap().0, 404);
    let mut client = Client::connect(server.enrolment.unwrap(), &cloud.stranger());
    assert_eq!(client.exchange("GET /v1/enroll", b"").unwrap().0, 405);
    let mut client = Client::connect(server.enrolment.unwrap(), &cloud.stranger());
    assert_eq!(client.exchange("POST /v1/enroll", &vec![0; 40 << 10]).unwrap().0, 413);
    // And who has tried that often is let go before a handshake.
    let mut refused = false;
    for _ in 0..10 {
        let mut client = Client::connect(server.enrolment.unwrap(), &cloud.stranger());
        refused |= client.exchange("POST /v1/enroll", b"").is_err();
    }
    assert!(refused);
    assert_eq!(Client::connect(server.address, &cloud.appliance()).post(&cloud, &batch(1)).0, 200);
}

#[test]
fn nothing_listens_for_enrolments_unless_it_is_said() {
    let cloud = Cloud::new();
    let server = cloud.start();
    assert_eq!(server.enrolment, None);
    let refused = token(&cloud.config(), APPLIANCE, None, 1).err().unwrap();
    assert!(refused.to_string().contains("[enrolment] listen"), "{refused}");
}

#[test]
fn a_certificate_without_its_secret_delivers_nothing() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let stolen = cloud.appliance();
    let post =
        |secret| Client::connect(server.address, &stolen).with_secret(secret).post(&cloud, &batch(1)).0;
    assert_eq!(post(None), 401);
    assert_eq!(post(Some(cloud.secret("site-2", 1))), 401);
    assert_eq!(post(Some(Cloud::new().secret(APPLIANCE, 1))), 401);
    // A proof that was seen on another connection.
    let seen = Client::connect(server.address, &stolen).head();
    let mut client = Client::connect(server.address, &stolen);
    let body = cloud.seal(&batch(1));
    client.send(format!("{seen}content-length: {}\r\n\r\n", body.len()).as_bytes()).unwrap();
    client.send(&body).unwrap();
    assert_eq!(client.response().unwrap().0, 401);
    assert!(cloud.batches().is_empty());
    assert_eq!(post(Some(cloud.secret(APPLIANCE, 1))), 200);
}

#[test]
fn a_secret_that_was_replaced_or_revoked_delivers_nothing_more() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let tls = cloud.appliance();
    let post = |generation, sequence| {
        let secret = Some(cloud.secret(APPLIANCE, generation));
        Client::connect(server.address, &tls).with_secret(secret).post(&cloud, &batch(sequence)).0
    };
    assert_eq!(post(1, 1), 200);
    assert_eq!(post(2, 2), 200);
    assert_eq!(post(1, 3), 401, "the old one, and a connection that it began goes on no longer");
    let mut kept = Client::connect(server.address, &tls).with_secret(Some(cloud.secret(APPLIANCE, 2)));
    assert_eq!(kept.post(&cloud, &batch(3)).0, 200);
    revoke(&cloud.config(), APPLIANCE).unwrap();
    assert_eq!(kept.post(&cloud, &batch(4)).0, 401, "at once, on a connection that is there");
    assert_eq!(cloud.sequences(), [1, 2, 3]);
}

#[test]
fn a_certificate_is_renewed_for_the_appliance_that_it_is_of() {
    let cloud = Cloud::new();
    let server = cloud.start();
    let tls = cloud.appliance();
    let key = KeyPair::generate().unwrap();
    let renew = |name| {
        let mut client = Client::connect(server.address, &tls);
        client.exchange("POST /v1/renew", request(name, &key).as_bytes()).unwrap()
    };
    assert_eq!(renew("site-2").0, 403);
    let (status, answer) = renew(APPLIANCE);
    assert_eq!(status, 200);
    assert!(answer.starts_with(b"-----BEGIN CERTIFICATE-----"));
    let mut config = cloud.config();
    config.renew = false;
    let closed = Server::start(Config { trust: cloud.path("other.db"), ..config });
    let mut client = Client::connect(closed.address, &tls);
    assert_eq!(client.exchange("POST /v1/renew", request(APPLIANCE, &key).as_bytes()).unwrap().0, 404);
}
