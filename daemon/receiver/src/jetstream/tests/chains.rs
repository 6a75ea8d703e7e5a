//! Messages that go behind the one that their receiver sent before, and what becomes of them where others write, too.

use super::*;
use crate::jetstream::series::last;

fn by(appliance: &str, sequence: u64) -> Batch {
    let mut batch = of(sequence, &[1]);
    batch.id.appliance = appliance.into();
    batch
}

/// What the last message of a series was published behind: an identity, a message of its subject.
async fn behind(receiver: &JetStream, appliance: &str) -> (Option<String>, Option<String>) {
    let message = last(&receiver.batches, &receiver.names.series(appliance, 1)).await.unwrap().unwrap();
    let said = |name: &str| message.headers.get(name).map(ToString::to_string);
    (said("Nats-Expected-Last-Msg-Id"), said("Nats-Expected-Last-Subject-Sequence"))
}

fn is_new(stored: &Stored) -> bool {
    matches!(stored, Stored::New { .. })
}

#[tokio::test]
async fn who_writes_alone_has_no_message_looked_up_and_who_comes_between_ends_that() {
    let Some(fleet) = Fleet::start().await else { return };
    let (first, other) = (fleet.receiver().await, fleet.receiver().await);
    for sequence in 1..=2 {
        for appliance in ["site-1", "site-2"] {
            let stored = first.store_once(&fleet.arrived(&by(appliance, sequence))).await.unwrap();
            assert!(is_new(&stored), "{stored:?}");
        }
    }
    for appliance in ["site-1", "site-2"] {
        let (identity, of_subject) = behind(&first, appliance).await;
        assert!(identity.is_some() && of_subject.is_none(), "{identity:?} {of_subject:?}");
    }
    // Another receiver writes one series; the first one knows nothing of it, and writes the other and then this.
    assert!(is_new(&other.store_once(&fleet.arrived(&by("site-2", 3))).await.unwrap()));
    assert!(is_new(&first.store_once(&fleet.arrived(&by("site-1", 3))).await.unwrap()));
    let (identity, of_subject) = behind(&first, "site-1").await;
    assert!(identity.is_none() && of_subject.is_some(), "its chain has ended");
    let again = first.store_once(&fleet.arrived(&by("site-2", 3))).await.unwrap();
    assert!(matches!(again, Stored::Again { .. }), "{again:?}");
    assert_eq!(messages(&first).await, 6);
}

/// Of a series that another receiver wrote meanwhile, what was known is not behind a chain that began later.
#[tokio::test]
async fn what_was_known_before_a_chain_began_is_looked_up() {
    let Some(fleet) = Fleet::start().await else { return };
    let (first, other) = (fleet.receiver().await, fleet.receiver().await);
    assert!(is_new(&first.store_once(&fleet.arrived(&by("site-1", 1))).await.unwrap()));
    assert!(is_new(&other.store_once(&fleet.arrived(&by("site-1", 2))).await.unwrap()));
    // The chain of the first is broken by it, and the next begins when it may.
    assert!(is_new(&first.store_once(&fleet.arrived(&by("site-2", 1))).await.unwrap()));
    let mut sequence = 1;
    while behind(&first, "site-2").await.0.is_none() {
        assert!(sequence < 200, "no chain begins again");
        sequence += 1;
        assert!(is_new(&first.store_once(&fleet.arrived(&by("site-2", sequence))).await.unwrap()));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let before = messages(&first).await;
    let again = first.store_once(&fleet.arrived(&by("site-1", 2))).await.unwrap();
    assert!(matches!(again, Stored::Again { .. }), "{again:?}");
    assert_eq!(messages(&first).await, before, "it is in no message twice");
}

/// Two receivers write the same series and others at the same time, in chains of their own that break.
#[tokio::test]
async fn receivers_in_chains_that_race_store_each_batch_once() {
    let Some(fleet) = Fleet::start().await else { return };
    let fleet = Arc::new(fleet);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..2 {
        let receiver = Arc::new(fleet.receiver().await);
        for appliance in ["site-1", "site-2", "site-3"] {
            let (fleet, receiver) = (Arc::clone(&fleet), Arc::clone(&receiver));
            tasks.spawn(async move {
                let mut next = 1;
                while next <= 40 {
                    let run: Vec<_> =
                        (next..=40.min(next + 2)).map(|n| fleet.arrived(&by(appliance, n))).collect();
                    let (stored, _) = receiver.store_run(&run).await;
                    next += u64::try_from(stored.len()).unwrap();
                }
            });
        }
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let receiver = fleet.receiver().await;
    for appliance in ["site-1", "site-2", "site-3"] {
        let subject = receiver.names.series(appliance, 1);
        let (mut from, mut found) = (1, Vec::new());
        while let Some(message) = super::super::series::next(&receiver.batches, &subject, from).await.unwrap()
        {
            let parts = super::super::series::parts(&message).unwrap();
            found.extend(parts.iter().map(|part| part.sealed.id.sequence));
            from = message.sequence + 1;
        }
        assert_eq!(found, (1..=40).collect::<Vec<_>>(), "{appliance}: each once, in order");
    }
}
