use super::*;

const SESSION: Session = [9; 32];

use rusqlite::Connection;

use crate::config::Cluster;

use crate::jetstream::tests::nats::Nats;

/// A trust, asked without waiting.
struct Asking(Trust, tokio::runtime::Runtime);

impl Asking {
    fn open(config: &Config) -> Result<Asking, Error> {
        Ok(Asking(Trust::in_file(config)?, crate::runtime()?))
    }

    fn check(
        &self,
        appliance: &str,
        proof: Option<&Proof>,
        session: Option<&Session>,
    ) -> Result<(), Unproved> {
        self.1.block_on(self.0.check(appliance, proof, session))
    }

    fn redeem(&self, used: &Use<'_>) -> Result<(), Misuse> {
        self.1.block_on(self.0.redeem(used)).unwrap()
    }

    fn request_for(&self, batch: &BatchId) -> Vec<u8> {
        self.1.block_on(self.0.request_for(batch)).unwrap()
    }

    fn withdraw(&self, id: u8) -> bool {
        self.1.block_on(self.0.withdraw(RequestId([id; 8]))).unwrap()
    }
}

struct Place {
    _directory: tempfile::TempDir,
    config: Config,
}

fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    crate::init(directory.path(), &["127.0.0.1".into()], None, "127.0.0.1:0".parse().unwrap()).unwrap();
    let config = Config::load(&directory.path().join("receiver.toml")).unwrap();
    Place { _directory: directory, config }
}

fn proof(config: &Config, appliance: &str, generation: u64) -> Proof {
    issue::root(&config.secrets).unwrap().secret(appliance, generation).prove(&SESSION)
}

fn offer(trust: &Asking, seconds: u64) -> headgate_record::enrolment::Token {
    let address = "127.0.0.1:8444".to_owned();
    let (appliance, region) = ("site-1".to_owned(), "eu".to_owned());
    let offer = Offer { address, authority: [1; 32], appliance, region, seconds };
    trust.1.block_on(trust.0.offer(offer)).unwrap()
}

fn redeem(trust: &Asking, id: [u8; 16], secret: &[u8], appliance: &str, key: &[u8]) -> Result<(), Misuse> {
    trust.redeem(&Use { id, secret, appliance, key })
}

#[test]
fn a_token_is_good_once_for_its_appliance_and_within_its_time() {
    let Place { _directory, config } = place();
    let trust = Asking::open(&config).unwrap();
    let token = offer(&trust, 60);
    let secret = token.secret.as_slice();
    assert_eq!(redeem(&trust, [0; 16], secret, "site-1", b"key"), Err(Misuse::Unknown));
    assert_eq!(redeem(&trust, token.id, &[0; 32], "site-1", b"key"), Err(Misuse::Unknown));
    assert_eq!(redeem(&trust, token.id, secret, "site-2", b"key"), Err(Misuse::Foreign));
    assert_eq!(redeem(&trust, token.id, secret, "site-1", b"key"), Ok(()));
    // Over a restart, too.
    let trust = Asking::open(&config).unwrap();
    assert_eq!(redeem(&trust, token.id, secret, "site-1", b"other key"), Err(Misuse::Used));
    assert_eq!(redeem(&trust, token.id, secret, "site-1", b"key"), Ok(()), "the answer may have been lost");
    let late = offer(&trust, 0);
    assert_eq!(redeem(&trust, late.id, late.secret.as_slice(), "site-1", b"key"), Err(Misuse::Expired));
}

#[test]
fn nothing_of_a_token_is_kept_but_a_hash() {
    let Place { _directory, config } = place();
    let trust = Asking::open(&config).unwrap();
    let token = offer(&trust, 60);
    let wal = config.trust.with_file_name("trust.db-wal");
    let kept = [std::fs::read(&config.trust).unwrap(), std::fs::read(wal).unwrap()].concat();
    let holds = |octets: &[u8]| kept.windows(octets.len()).any(|window| window == octets);
    assert!(holds(&token.id) && !holds(token.secret.as_slice()));
}

#[test]
fn a_secret_counts_until_a_later_one_was_proved_or_it_was_revoked() {
    let Place { _directory, config } = place();
    let trust = Asking::open(&config).unwrap();
    let check =
        |generation| trust.check("site-1", Some(&proof(&config, "site-1", generation)), Some(&SESSION));
    assert_eq!(trust.check("site-1", None, Some(&SESSION)), Err(Unproved::Missing));
    assert_eq!(check(5), Ok(()));
    assert_eq!(check(7), Ok(()));
    assert_eq!(check(7), Ok(()));
    assert_eq!(check(5), Err(Unproved::Old));
    // By a command, in another process.
    crate::revoke(&config, "site-1").unwrap();
    assert_eq!(check(7), Err(Unproved::Old));
    let next = trust.1.block_on(trust.0.next_generation("site-1")).unwrap();
    assert_eq!(check(next), Ok(()));
    assert_eq!(check(7), Err(Unproved::Old));
}

#[test]
fn a_proof_of_another_appliance_connection_or_organisation_is_none() {
    let Place { _directory, config } = place();
    let trust = Asking::open(&config).unwrap();
    let own = proof(&config, "site-1", 5);
    assert_eq!(trust.check("site-2", Some(&own), Some(&SESSION)), Err(Unproved::Wrong));
    assert_eq!(trust.check("site-1", Some(&own), Some(&[8; 32])), Err(Unproved::Wrong));
    assert_eq!(trust.check("site-1", Some(&own), None), Err(Unproved::Wrong));
    let other = place();
    let foreign = proof(&other.config, "site-1", 5);
    assert_eq!(trust.check("site-1", Some(&foreign), Some(&SESSION)), Err(Unproved::Wrong));
    assert_eq!(trust.check("site-1", Some(&own), Some(&SESSION)), Ok(()));
}

#[test]
fn where_no_secret_is_required_one_that_was_shown_once_is() {
    let Place { _directory, mut config } = place();
    config.secrets_required = false;
    let trust = Asking::open(&config).unwrap();
    assert_eq!(trust.check("site-1", None, Some(&SESSION)), Ok(()));
    assert_eq!(trust.check("site-1", Some(&proof(&config, "site-1", 5)), Some(&SESSION)), Ok(()));
    assert_eq!(trust.check("site-1", None, Some(&SESSION)), Err(Unproved::Missing));
    assert_eq!(trust.check("site-2", None, Some(&SESSION)), Ok(()));
    // Without a root nobody can be asked.
    let shown = proof(&config, "site-3", 5);
    config.secrets = config.secrets.with_file_name("none.key");
    let trust = Asking::open(&config).unwrap();
    assert_eq!(trust.check("site-3", Some(&shown), Some(&SESSION)), Ok(()));
    assert_eq!(trust.check("site-1", None, Some(&SESSION)), Err(Unproved::Missing));
    config.secrets_required = true;
    assert!(matches!(Asking::open(&config), Err(Error::Read { .. })));
}

#[test]
fn a_database_of_a_later_version_is_left_alone() {
    let Place { _directory, config } = place();
    drop(Asking::open(&config).unwrap());
    Connection::open(&config.trust).unwrap().pragma_update(None, "user_version", 99).unwrap();
    assert!(matches!(Asking::open(&config), Err(Error::Version { found: 99, .. })));
}

fn request(trust: &Asking, id: u8) -> Vec<u8> {
    use headgate_record::request::{Ask, Request, RequestId};
    let (id, why) = (RequestId([id; 8]), "calls drop".to_owned());
    let request =
        Request { id, ask: Ask::Look, expires: u64::MAX / 1_000, why, minutes: 0, content: String::new() };
    trust.1.block_on(trust.0.ask("site-1", &request)).unwrap();
    request.encode()
}

#[test]
fn a_request_goes_with_receipts_until_a_later_batch_comes() {
    let Place { _directory, config } = place();
    let trust = Asking::open(&config).unwrap();
    let batch = |appliance: &str, sequence| headgate_record::batch::BatchId {
        appliance: appliance.into(),
        epoch: u64::MAX,
        sequence,
    };
    assert!(trust.request_for(&batch("site-1", 4)).is_empty());
    let (first, second) = (request(&trust, 1), request(&trust, 2));
    assert!(trust.request_for(&batch("site-2", 5)).is_empty(), "another appliance");
    assert_eq!(trust.request_for(&batch("site-1", 5)), first);
    assert_eq!(trust.request_for(&batch("site-1", 5)), first, "its receipt was lost");
    assert_eq!(trust.0.asked().unwrap().iter().filter(|asked| asked.has_arrived).count(), 0);
    assert_eq!(trust.request_for(&batch("site-1", 6)), second);
    assert_eq!(trust.0.asked().unwrap().iter().filter(|asked| asked.has_arrived).count(), 1);
    assert!(trust.request_for(&batch("site-1", 7)).is_empty());
    assert!(!trust.withdraw(2), "it has arrived");
    request(&trust, 3);
    assert!(trust.withdraw(3));
    assert!(trust.request_for(&batch("site-1", 8)).is_empty());
}

/// Two receivers before one server.
async fn together(nats: &Nats, config: &Config) -> [Trust; 2] {
    let keys = Keys::load(config.seal_keys.iter().map(PathBuf::as_path)).unwrap();
    let (keys, stream, servers) = (Arc::new(keys), "ASKED".to_owned(), nats.servers());
    let cluster =
        Cluster { servers, credentials: None, authority: None, certificate: None, stream, replicas: 1 };
    let mut both = Vec::new();
    for _ in 0..2 {
        let cluster = JetStream::reach(&cluster, Arc::clone(&keys), 60).await.unwrap();
        both.push(Trust::in_cluster(config, Arc::new(cluster)).await.unwrap());
    }
    both.try_into().ok().unwrap()
}

#[tokio::test]
async fn what_is_asked_goes_with_receipts_of_whichever_receiver_until_a_later_batch_comes_to_one() {
    let Some(nats) = Nats::start(1) else { return };
    let Place { _directory, config } = place();
    let [one, other] = together(&nats, &config).await;
    let batch = |sequence| BatchId { appliance: "site-1".into(), epoch: u64::MAX, sequence };
    let asked = |id: u8| Request {
        id: RequestId([id; 8]),
        ask: headgate_record::request::Ask::Look,
        expires: u64::MAX / 1_000,
        why: "calls drop".to_owned(),
        minutes: 0,
        content: String::new(),
    };
    // To look is to hear: a receiver does so by itself.
    let heard = async |trust: &Trust| _ = trust.next_generation("site-1").await.unwrap();
    let a_second = std::time::Duration::from_secs(1);
    one.ask("site-1", &asked(1)).await.unwrap();
    other.ask("site-1", &asked(2)).await.unwrap();
    assert_eq!(other.request_for(&batch(5)).await.unwrap(), asked(1).encode());
    tokio::time::sleep(a_second).await;
    heard(&one).await;
    assert_eq!(one.request_for(&batch(5)).await.unwrap(), asked(1).encode(), "its receipt was lost");
    assert_eq!(one.request_for(&batch(6)).await.unwrap(), asked(2).encode(), "the first has arrived");
    tokio::time::sleep(a_second).await;
    heard(&other).await;
    assert_eq!(
        other.asked().unwrap().iter().map(|asked| asked.has_arrived).collect::<Vec<_>>(),
        [true, false]
    );
    assert!(!other.withdraw(RequestId([1; 8])).await.unwrap(), "it has arrived");
    assert!(other.withdraw(RequestId([2; 8])).await.unwrap());
    assert!(other.request_for(&batch(7)).await.unwrap().is_empty());
    for n in 3..18 {
        one.ask("site-1", &asked(n)).await.unwrap();
    }
    assert!(matches!(one.ask("site-1", &asked(19)).await, Err(Error::Token(_))), "no more than sixteen");
}
