//! What only shows from within: what outlives the records, and what somebody else began.

#[path = "../../tests/support/nats.rs"]
#[allow(dead_code)]
pub mod nats;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::stream::{Config, StorageType};
use bytes::Bytes;

use headgate_record::batch::{Batch, BatchId, digest};
use headgate_record::sealed::Sealed;
use headgate_record::{Field, Kind, Record, Value};

use super::JetStream;
use crate::config::Cluster;
use crate::engine::{Arrived, Stored, now_ms};
use crate::sealing::{Keys, generate};
use nats::Nats;

struct Fleet {
    nats: Nats,
    keys: Arc<Keys>,
}

impl Fleet {
    /// One server, whose window for doubles is as good as none.
    async fn start() -> Option<Fleet> {
        let nats = Nats::start(1)?;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("seal.key");
        std::fs::write(&file, generate().unwrap().private.as_bytes()).unwrap();
        let keys = Arc::new(Keys::load([file.as_path()]).unwrap());
        let client = async_nats::connect(format!("nats://{}", nats.servers()[0])).await.unwrap();
        let context = async_nats::jetstream::new(client);
        for (name, subjects, most) in [("T", "T.batch.*.*", 0), ("T_INDEX", "T.index.>", 1)] {
            let config = Config {
                name: name.into(),
                subjects: vec![subjects.into()],
                storage: StorageType::File,
                num_replicas: 1,
                max_messages_per_subject: most,
                duplicate_window: Duration::from_millis(100),
                ..Config::default()
            };
            context.create_stream(config).await.unwrap();
        }
        Some(Fleet { nats, keys })
    }

    /// A receiver that knows nothing yet.
    async fn receiver(&self) -> JetStream {
        let (servers, stream) = (self.nats.servers(), "T".to_owned());
        let cluster =
            Cluster { servers, credentials: None, authority: None, certificate: None, stream, replicas: 1 };
        JetStream::reach(&cluster, Arc::clone(&self.keys), 60).await.unwrap()
    }

    fn arrived(&self, batch: &Batch) -> Arrived {
        let sealed = self.keys.seal_anew(batch).unwrap();
        let digest = digest(&batch.encode().unwrap());
        let opened = self.keys.open_content(&Sealed::decode(&sealed).unwrap(), false).unwrap();
        assert_eq!(opened.1, digest);
        Arrived { content: Arc::new(opened.0), digest, sealed: Bytes::from(sealed), run: None }
    }
}

fn of(sequence: u64, persons: &[u8]) -> Batch {
    let records = persons.iter().map(|person| {
        let mut record = Record::new(Kind::Device);
        record.set(Field::DeviceMac, Value::Pseudonym([*person; 16])).unwrap();
        record
    });
    Batch {
        id: BatchId { appliance: "site-1".into(), epoch: 1, sequence },
        rules: [1; 32],
        regions: Vec::new(),
        profile: String::new(),
        records: records.collect(),
        withheld: Vec::new(),
        lost: Vec::new(),
        forget: Vec::new(),
        replaces: Vec::new(),
    }
}

fn asks_to_forget(sequence: u64, person: u8) -> Batch {
    let forget = vec![Value::Pseudonym([person; 16]).to_string()];
    Batch { forget, ..of(sequence, &[]) }
}

async fn messages(receiver: &JetStream) -> u64 {
    receiver.batches.get_info().await.unwrap().state.messages
}

#[tokio::test]
async fn a_batch_is_known_again_behind_the_window_for_doubles_and_when_its_records_have_expired() {
    let Some(fleet) = Fleet::start().await else { return };
    let first = fleet.receiver().await;
    let mut stored = Vec::new();
    // More than fit beside a message, and on a page of the index.
    for sequence in 1..=200 {
        let Stored::New { stored_ms, .. } =
            first.store_once(&fleet.arrived(&of(sequence, &[1]))).await.unwrap()
        else {
            panic!("new")
        };
        stored.push((sequence, stored_ms));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let other = fleet.receiver().await;
    for round in ["kept", "expired"] {
        for (sequence, stored_ms) in &stored {
            let again = other.store_once(&fleet.arrived(&of(*sequence, &[1]))).await.unwrap();
            assert_eq!(again, Stored::Again { stored_ms: *stored_ms, forgotten: 0 }, "{round} {sequence}");
        }
        let contrary = other.store_once(&fleet.arrived(&of(3, &[2]))).await.unwrap();
        assert_eq!(contrary, Stored::Conflict, "{round}");
        if round == "kept" {
            assert_eq!(messages(&other).await, 200);
            other.expire(now_ms() + 1).await.unwrap();
            assert_eq!(messages(&other).await, 1, "what is known of the series");
        }
    }
    let next = first.store_once(&fleet.arrived(&of(201, &[1]))).await.unwrap();
    assert!(matches!(next, Stored::New { .. }), "{next:?}");
    let figures = other.look().await.unwrap();
    assert_eq!((figures.known, figures.appliances[0].batches, figures.appliances[0].missing), (1, 201, 0));
}

/// A receiver that dies when a tombstone is stored and not followed: another one goes on.
#[tokio::test]
async fn who_comes_again_finds_a_tombstone_that_was_not_followed_and_follows_it() {
    let Some(fleet) = Fleet::start().await else { return };
    let first = fleet.receiver().await;
    for sequence in 1..=5 {
        first.store_once(&fleet.arrived(&of(sequence, &[1, 2, 1]))).await.unwrap();
    }
    let asks = fleet.arrived(&asks_to_forget(6, 1));
    let series = first.read(&asks.content.says().id).await.unwrap();
    assert!(first.publish_content(&series, &asks, None).await.unwrap().is_ok());
    // And of what it did then, a part.
    let tombstone = first.tombstone(&asks.content.says().id, 6).await.unwrap();
    let entry = first.entry(&of(2, &[]).id, &series).await.unwrap();
    first.rewrite(&of(2, &[]).id, entry.at, &asks.content.says().id, &tombstone).await.unwrap();

    let other = fleet.receiver().await;
    let again = other.store_once(&asks).await.unwrap();
    assert!(matches!(again, Stored::Again { forgotten: 10, .. }), "{again:?}");
    assert_eq!(other.store_once(&asks).await.unwrap(), again);
    let series = other.read(&asks.content.says().id).await.unwrap();
    for sequence in 1..=5 {
        let entry = other.entry(&of(sequence, &[]).id, &series).await.unwrap();
        assert_eq!(
            other.content(entry.at, sequence).await.unwrap().unwrap().records,
            of(sequence, &[2]).records
        );
    }
    assert_eq!(series.state.tombstones, [], "nothing is missing");
    // Five contents, the tombstone, and that it is followed.
    assert_eq!(messages(&other).await, 7);
    let place = other.names.tombstone("site-1", 1, 6);
    assert!(super::series::last(&other.index, &place).await.unwrap().is_none());
}

#[tokio::test]
async fn what_was_written_anew_expires_with_what_it_was() {
    let Some(fleet) = Fleet::start().await else { return };
    let receiver = fleet.receiver().await;
    receiver.store_once(&fleet.arrived(&of(1, &[1, 2]))).await.unwrap();
    tokio::time::sleep(Duration::from_millis(20)).await;
    let between = now_ms();
    receiver.store_once(&fleet.arrived(&of(2, &[1, 2]))).await.unwrap();
    receiver.store_once(&fleet.arrived(&asks_to_forget(3, 1))).await.unwrap();
    receiver.expire(between).await.unwrap();
    let series = receiver.read(&of(1, &[]).id).await.unwrap();
    let mut left = Vec::new();
    for sequence in 1..=2 {
        let entry = receiver.entry(&of(sequence, &[]).id, &series).await.unwrap();
        left.push(receiver.content(entry.at, sequence).await.unwrap().map(|batch| batch.records.len()));
    }
    assert_eq!(left, [None, Some(1)]);
}

mod leader;
mod runs;
