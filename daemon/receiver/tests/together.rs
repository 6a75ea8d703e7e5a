//! Trust before a cluster: what one receiver is told about tokens, secrets and requests, all of them know (ADR 0027).
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

#[cfg(test)]
mod support;

use std::sync::Barrier;
use std::time::Duration;

use prost::Message;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};

use headgate_receiver::{Cluster, Config, Engine, revoke, token};
use headgate_record::enrolment::{EnrollRequest, Token, seal_to_uri};
use support::nats::Nats;
use support::{APPLIANCE, Client, Cloud, Server, batch};

/// Before a cluster, as one of several.
fn config(cloud: &Cloud, nats: &Nats, own: &str) -> Config {
    let (credentials, authority, certificate) = (None, None, None);
    let (servers, stream, replicas) = (nats.servers(), "HEADGATE".to_owned(), nats.servers().len());
    let engine =
        Engine::JetStream(Cluster { servers, credentials, authority, certificate, stream, replicas });
    let mut config = Config { engine, trust: cloud.path(own), ..cloud.config() };
    config.enroll_listen = Some("127.0.0.1:0".parse().unwrap());
    config.timeout = Duration::from_secs(20);
    config
}

fn request(key: &KeyPair) -> String {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, APPLIANCE);
    let seal_to = seal_to_uri(&std::array::from_fn(|n| if n == 0 { 9 } else { 0 }));
    params.subject_alt_names.push(SanType::URI(seal_to.try_into().unwrap()));
    params.serialize_request(key).unwrap().pem().unwrap()
}

/// What is answered to somebody with a token.
fn enroll(cloud: &Cloud, server: &Server, token: &Token, key: &KeyPair) -> (u16, String) {
    let (id, secret, request) = (token.id.into(), token.secret.to_vec(), request(key));
    let body = EnrollRequest { id, secret, request }.encode_to_vec();
    let mut client = Client::connect(server.enrolment.unwrap(), &cloud.stranger());
    let (status, body) = client.exchange("POST /v1/enroll", &body).unwrap();
    (status, String::from_utf8(body).unwrap())
}

/// What was told a second ago is known to all: no receiver lets anybody in by what it heard before.
fn a_second_passes() {
    std::thread::sleep(Duration::from_secs(1));
}

#[test]
fn a_token_is_good_at_all_receivers_and_for_one_key() {
    let Some(nats) = Nats::start(3) else { return };
    let cloud = Cloud::new();
    let mut one = config(&cloud, &nats, "one.db");
    let servers = [Server::start(one.clone()), Server::start(config(&cloud, &nats, "other.db"))];
    one.enroll_listen = servers[0].enrolment;
    let keys = [KeyPair::generate().unwrap(), KeyPair::generate().unwrap()];
    let first = token(&one, APPLIANCE, None, 1).unwrap();
    let (status, answer) = enroll(&cloud, &servers[1], &first, &keys[1]);
    assert_eq!(status, 200, "{answer}");
    let (status, why) = enroll(&cloud, &servers[0], &first, &keys[0]);
    assert!(status == 403 && why.contains("has been used"), "{status} {why}");
    assert_eq!(enroll(&cloud, &servers[0], &first, &keys[1]).0, 200, "the same use, its answer lost");

    // At the same moment at both: one has it, whichever, and it stays so.
    for _ in 0..RACES {
        let (token, together) = (token(&one, APPLIANCE, None, 1).unwrap(), Barrier::new(2));
        let said: Vec<u16> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..2)
                .map(|n| {
                    let (cloud, server, token) = (&cloud, &servers[n], &token);
                    let (key, together) = (&keys[n], &together);
                    scope.spawn(move || {
                        together.wait();
                        enroll(cloud, server, token, key).0
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(said == [200, 403] || said == [403, 200], "{said:?}");
    }
}

/// An address may try ten times at once, and has tried thrice.
const RACES: usize = 6;

#[test]
fn what_is_revoked_or_replaced_at_one_receiver_counts_at_none() {
    let Some(mut nats) = Nats::start(3) else { return };
    let cloud = Cloud::new();
    let one = config(&cloud, &nats, "one.db");
    let servers = [Server::start(one.clone()), Server::start(config(&cloud, &nats, "other.db"))];
    let tls = cloud.appliance();
    let visit = |server: &Server, generation| {
        Client::connect(server.address, &tls).with_secret(Some(cloud.secret(APPLIANCE, generation)))
    };
    let mut kept = [visit(&servers[0], 1), visit(&servers[1], 1)];
    for (n, client) in (1..).zip(&mut kept) {
        assert_eq!(client.post(&cloud, &batch(n)).0, 200);
    }
    // Renewed at one: that of before counts no longer at the other.
    assert_eq!(visit(&servers[1], 2).post(&cloud, &batch(3)).0, 200);
    a_second_passes();
    assert_eq!(kept.each_mut().map(|client| client.post(&cloud, &batch(4)).0), [401, 401]);
    // Revoked by a command, somewhere else: on connections that are there, without a restart.
    let mut kept = [visit(&servers[0], 2), visit(&servers[1], 2)];
    assert_eq!(kept.each_mut().map(|client| client.post(&cloud, &batch(4)).0), [200, 200]);
    revoke(&config(&cloud, &nats, "third.db"), APPLIANCE).unwrap();
    a_second_passes();
    assert_eq!(kept.each_mut().map(|client| client.post(&cloud, &batch(5)).0), [401, 401]);
    // A server of the cluster dies, a receiver comes that knows nothing yet.
    nats.kill(nats.leader("HEADGATE_TRUST").unwrap_or(0));
    let third = Server::start(config(&cloud, &nats, "third.db"));
    // That it does not answer while it has no leader is no yes either: who asks comes again.
    let said = |server: &Server, generation, sequence| {
        let mut answers = (0..600).map(|_| {
            let (status, _) = visit(server, generation).post(&cloud, &batch(sequence));
            std::thread::sleep(Duration::from_millis(if status == 503 { 50 } else { 0 }));
            status
        });
        answers.find(|status| *status != 503)
    };
    assert_eq!(said(&third, 2, 5), Some(401));
    assert_eq!(said(&third, u64::MAX / 4, 5), Some(200), "enrolled again");
    assert_eq!(servers.each_ref().map(|server| said(server, 2, 6)), [Some(401), Some(401)]);
}

#[test]
fn a_receiver_that_had_an_engine_of_its_own_brings_its_trust_along() {
    let Some(nats) = Nats::start(1) else { return };
    let cloud = Cloud::new();
    let mut own = cloud.config();
    own.enroll_listen = Some("127.0.0.1:0".parse().unwrap());
    let server = Server::start(own.clone());
    own.enroll_listen = server.enrolment;
    let (open, used) = (token(&own, APPLIANCE, None, 1).unwrap(), token(&own, APPLIANCE, None, 1).unwrap());
    let keys = [KeyPair::generate().unwrap(), KeyPair::generate().unwrap()];
    assert_eq!(enroll(&cloud, &server, &used, &keys[0]).0, 200);
    revoke(&own, APPLIANCE).unwrap();
    server.stop();

    let cluster = Config { trust: own.trust.clone(), ..config(&cloud, &nats, "") };
    let first = Server::start(cluster.clone());
    // Started again it tells nothing twice, and one without the file knows as well.
    first.stop();
    let servers = [Server::start(cluster), Server::start(config(&cloud, &nats, "other.db"))];
    for server in &servers {
        let tls = cloud.appliance();
        assert_eq!(Client::connect(server.address, &tls).post(&cloud, &batch(1)).0, 401);
        assert_eq!(enroll(&cloud, server, &used, &keys[1]).0, 403);
        assert_eq!(enroll(&cloud, server, &used, &keys[0]).0, 200);
    }
    assert_eq!(enroll(&cloud, &servers[1], &open, &keys[0]).0, 200);
    assert_eq!(enroll(&cloud, &servers[0], &open, &keys[1]).0, 403);
}
