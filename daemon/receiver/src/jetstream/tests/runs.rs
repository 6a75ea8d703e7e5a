//! Batches that lie in one message.

use super::*;
use crate::engine::Content;
use crate::jetstream::Writer;
use crate::jetstream::run::new_ones;
use crate::jetstream::series::last;
use crate::jetstream::state::State;
use headgate_record::batch::Outline;
use headgate_record::run;

async fn bodies(receiver: &JetStream) -> Vec<usize> {
    let subject = receiver.names.series("site-1", 1);
    let (mut from, mut found) = (1, Vec::new());
    while let Some(message) = crate::jetstream::series::next(&receiver.batches, &subject, from).await.unwrap()
    {
        found.push(crate::jetstream::series::parts(&message).unwrap().len());
        from = message.sequence + 1;
    }
    found
}

async fn kept(receiver: &JetStream, sequence: u64) -> Option<Vec<Record>> {
    let series = receiver.read(&of(1, &[]).id).await.unwrap();
    let entry = receiver.entry(&of(sequence, &[]).id, &series).await.unwrap();
    receiver.content(entry.at, sequence).await.unwrap().map(|batch| batch.records)
}

fn is_new(stored: &Stored) -> bool {
    matches!(stored, Stored::New { forgotten: 0, left_out: 0, .. })
}

#[tokio::test]
async fn those_that_come_together_are_one_message_and_each_is_known_again() {
    let Some(fleet) = Fleet::start().await else { return };
    let (first, other) = (fleet.receiver().await, fleet.receiver().await);
    let batches: Vec<_> = (1..=5).map(|n| fleet.arrived(&of(n, &[1, 2]))).collect();
    let (stored, why) = first.store_run(&batches).await;
    assert!(why.is_none() && stored.len() == 5 && stored.iter().all(is_new), "{stored:?}");
    assert_eq!(bodies(&first).await, [5]);
    // Whoever has the whole again, or a part with more behind it, says the same of what is there.
    let more: Vec<_> = (4..=7).map(|n| fleet.arrived(&of(n, &[1, 2]))).collect();
    let (again, why) = other.store_run(&more).await;
    assert!(why.is_none(), "{why:?}");
    for (again, first) in again.iter().zip(&stored[3..]) {
        let Stored::New { stored_ms, .. } = first else { panic!("{first:?}") };
        assert_eq!(*again, Stored::Again { stored_ms: *stored_ms, forgotten: 0 });
    }
    assert!(again[2..].iter().all(is_new) && again.len() == 4, "{again:?}");
    assert_eq!(bodies(&first).await, [5, 2]);
    // The first does not know of those yet, and what contradicts ends it.
    let contrary = [of(6, &[1, 2]), of(7, &[3]), of(8, &[1, 2])].map(|batch| fleet.arrived(&batch));
    let (said, _) = first.store_run(&contrary).await;
    assert!(matches!(said[..2], [Stored::Again { .. }, Stored::Conflict]), "{said:?}");
    for sequence in 1..=7 {
        assert_eq!(kept(&other, sequence).await, Some(of(sequence, &[1, 2]).records), "{sequence}");
    }
    // As a consumer reads it: what lies in the message is what came.
    let subject = first.names.series("site-1", 1);
    let message = crate::jetstream::series::next(&first.batches, &subject, 1).await.unwrap().unwrap();
    let parts: Vec<_> = run::split(&message.payload).unwrap();
    let octets: Vec<_> = parts.into_iter().map(|part| message.payload.slice(part)).collect();
    assert_eq!(octets, batches.iter().map(|batch| batch.sealed.clone()).collect::<Vec<_>>());
}

#[tokio::test]
async fn whoever_is_forgotten_goes_from_all_of_a_message_and_the_others_of_it_stay() {
    let Some(fleet) = Fleet::start().await else { return };
    let receiver = fleet.receiver().await;
    let persons: [&[u8]; 4] = [&[1, 2], &[2], &[1], &[3]];
    let run: Vec<_> = (1..).zip(persons).map(|(n, persons)| fleet.arrived(&of(n, persons))).collect();
    assert_eq!(receiver.store_run(&run).await.0.len(), 4);
    // It comes with others, and is stored apart from them.
    let asks = [of(5, &[2]), asks_to_forget(6, 1), of(7, &[2])].map(|batch| fleet.arrived(&batch));
    let (stored, why) = receiver.store_run(&asks).await;
    assert!(why.is_none(), "{why:?}");
    assert!(matches!(stored[..], [_, Stored::New { forgotten: 2, .. }, _]), "{stored:?}");
    let left: [&[u8]; 4] = [&[2], &[2], &[], &[3]];
    for (sequence, persons) in (1..).zip(left) {
        assert_eq!(kept(&receiver, sequence).await, Some(of(sequence, persons).records), "{sequence}");
    }
    let index = receiver.read(&of(1, &[]).id).await.unwrap();
    assert_eq!((index.state.count(), index.state.stale.len()), (7, 0));
    // Five, the tombstone, the four anew, that it is followed, and the seventh; the old message of the four is gone.
    assert_eq!(bodies(&receiver).await, [1, 1, 4, 0, 1]);
    // By another receiver each of them is known again, though what is stored is less than what came.
    let again = fleet.receiver().await.store_run(&run).await.0;
    assert!(again.iter().all(|stored| matches!(stored, Stored::Again { .. })), "{again:?}");
}

#[tokio::test]
async fn what_takes_the_place_of_one_leaves_the_others_of_its_message() {
    let Some(fleet) = Fleet::start().await else { return };
    let receiver = fleet.receiver().await;
    let run: Vec<_> = (1..=3).map(|n| fleet.arrived(&of(n, &[1, 2]))).collect();
    assert_eq!(receiver.store_run(&run).await.0.len(), 3);
    let mut less = of(2, &[2]);
    less.replaces.push(run[1].digest);
    assert!(is_new(&receiver.store_once(&fleet.arrived(&less)).await.unwrap()));
    assert_eq!(bodies(&receiver).await, [3], "one message, which took the place of the other");
    let left: [&[u8]; 3] = [&[1, 2], &[2], &[1, 2]];
    for (sequence, persons) in (1..).zip(left) {
        assert_eq!(kept(&receiver, sequence).await, Some(of(sequence, persons).records), "{sequence}");
    }
    let superseded = receiver.store_once(&run[1]).await.unwrap();
    assert!(matches!(superseded, Stored::Superseded(_)), "{superseded:?}");
    // They expire as what they are: with the time at which they came.
    tokio::time::sleep(Duration::from_millis(20)).await;
    receiver.expire(now_ms()).await.unwrap();
    for sequence in 1..=3 {
        assert_eq!(kept(&receiver, sequence).await, None, "{sequence}");
    }
}

#[tokio::test]
async fn receivers_that_race_for_the_same_batches_store_each_once() {
    let Some(fleet) = Fleet::start().await else { return };
    let accounts = Arc::<crate::accounts::Accounts>::default();
    let mut tasks = tokio::task::JoinSet::new();
    let fleet = Arc::new(fleet);
    for shift in 0..4_u64 {
        let writer =
            Writer::start(Arc::new(fleet.receiver().await), Arc::clone(&accounts), Duration::from_secs(5));
        let fleet = Arc::clone(&fleet);
        tasks.spawn(async move {
            // Each in pieces of another size, and all of the same batches.
            let mut next = 1;
            while next <= 120 {
                let run = (next..=120.min(next + 3 + shift)).map(|n| fleet.arrived(&of(n, &[1])));
                let (stored, _) = crate::engine::StoresOnce::store_run(&writer, run.collect()).await;
                next += u64::try_from(stored.len()).unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let receiver = fleet.receiver().await;
    let series = receiver.read(&of(1, &[]).id).await.unwrap();
    assert_eq!((series.state.count(), series.state.highest()), (120, 120));
    assert_eq!(bodies(&receiver).await.iter().sum::<usize>(), 120, "in no message twice");
    for sequence in 1..=120 {
        assert_eq!(kept(&receiver, sequence).await, Some(of(sequence, &[1]).records), "{sequence}");
    }
    let place = receiver.names.page("site-1", 1, 0);
    assert!(last(&receiver.index, &place).await.unwrap().is_some(), "what is old is in the index");
}

/// A receiver that dies before it follows a tombstone; meanwhile what it concerns moves behind it.
#[tokio::test]
async fn what_moves_behind_a_tombstone_that_waits_is_found_there() {
    let Some(fleet) = Fleet::start().await else { return };
    let receiver = fleet.receiver().await;
    let run = [of(1, &[1, 2]), of(2, &[3, 4]), of(3, &[1, 3])].map(|batch| fleet.arrived(&batch));
    assert_eq!(receiver.store_run(&run).await.0.len(), 3);
    // One of the same epoch, and one of the next.
    let mut next_epoch = asks_to_forget(1, 2);
    next_epoch.id.epoch = 2;
    let waiting = [asks_to_forget(4, 1), next_epoch].map(|batch| fleet.arrived(&batch));
    for asks in &waiting {
        let series = receiver.read(&asks.content.says().id).await.unwrap();
        assert!(receiver.publish_content(&series, asks, None).await.unwrap().is_ok());
    }
    // A replacement takes them along, and then a tombstone that is followed.
    let mut less = of(2, &[3]);
    less.replaces.push(run[1].digest);
    let receiver = fleet.receiver().await;
    assert!(is_new(&receiver.store_once(&fleet.arrived(&less)).await.unwrap()));
    assert_eq!(bodies(&receiver).await, [1, 3], "behind the tombstone");
    let followed = receiver.store_once(&fleet.arrived(&asks_to_forget(5, 3))).await.unwrap();
    assert!(matches!(followed, Stored::New { forgotten: 2, .. }), "{followed:?}");
    // What comes behind is of the same person again.
    assert!(is_new(&receiver.store_once(&fleet.arrived(&of(6, &[1, 2]))).await.unwrap()));

    for (asks, expected) in waiting.iter().zip([2, 1]) {
        let again = fleet.receiver().await.store_once(asks).await.unwrap();
        assert!(matches!(again, Stored::Again { forgotten, .. } if forgotten == expected), "{again:?}");
    }
    for sequence in 1..=3 {
        assert_eq!(kept(&receiver, sequence).await, Some(Vec::new()), "{sequence}");
    }
    assert_eq!(kept(&receiver, 6).await, Some(of(6, &[1, 2]).records));
}

#[test]
fn as_many_go_together_as_a_page_can_take_in_records() {
    let of = |sequence, records| {
        let bytes = Bytes::from(of(sequence, &[]).encode().unwrap());
        let outline = Outline { says: of(sequence, &[]), records };
        let content = Arc::new(Content::Outline { outline, bytes });
        Arrived { content, digest: [0; 32], sealed: Bytes::from_static(b"sealed"), run: None }
    };
    let together = |records: &[u32]| {
        let run: Vec<_> = (1..).zip(records).map(|(sequence, records)| of(sequence, *records)).collect();
        new_ones(&State::empty(), &run)
    };
    assert_eq!(together(&[4_096; 16]), 4);
    assert_eq!(together(&[1_000; 16]), 16);
    assert_eq!(together(&[16_384, 1]), 1);
    assert_eq!(together(&[16_383, 1, 0, 1]), 3);
}
