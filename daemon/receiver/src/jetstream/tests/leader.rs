//! Another server comes to lead while a receiver runs.

use super::*;

fn connected_to(receiver: &JetStream) -> String {
    receiver.publisher().client().server_info().server_name
}

/// Who leads, if anybody does that was not `before`.
async fn other(receiver: &JetStream, before: &str) -> Option<String> {
    for _ in 0..50 {
        let info = receiver.batches.get_info().await;
        let leader = info.ok().and_then(|info| info.cluster).and_then(|cluster| cluster.leader);
        if let Some(leader) = leader.filter(|leader| leader != before) {
            return Some(leader);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    None
}

/// The same, once there is one.
async fn leader(receiver: &JetStream, before: &str) -> String {
    for _ in 0..12 {
        if let Some(leader) = other(receiver, before).await {
            return leader;
        }
    }
    panic!("nobody leads");
}

async fn follows(receiver: &JetStream, leader: &str) {
    for _ in 0..600 {
        // A cluster that is choosing may not answer.
        let _ = receiver.follow_leader().await;
        if connected_to(receiver) == leader {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("connected to {}, and {leader} leads", connected_to(receiver));
}

#[tokio::test]
async fn a_receiver_goes_to_the_server_that_leads_by_now() {
    let Some(mut nats) = Nats::start(3) else { return };
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("seal.key");
    std::fs::write(&file, generate().unwrap().private.as_bytes()).unwrap();
    let keys = Arc::new(Keys::load([file.as_path()]).unwrap());
    let (servers, stream) = (nats.servers(), "T".to_owned());
    let cluster =
        Cluster { servers, credentials: None, authority: None, certificate: None, stream, replicas: 3 };
    let receiver = JetStream::reach(&cluster, Arc::clone(&keys), 60).await.unwrap();
    let first = leader(&receiver, "").await;
    follows(&receiver, &first).await;

    // It steps down, and lives: nothing breaks that would say so. It may be chosen again.
    let mut second = None;
    let mut said = Ok(String::new());
    for _ in 0..12 {
        let asked = receiver.context.client().request("$JS.API.STREAM.LEADER.STEPDOWN.T", Bytes::new()).await;
        said = asked.map(|answer| String::from_utf8_lossy(&answer.payload).into_owned());
        second = other(&receiver, &first).await;
        if second.is_some() {
            break;
        }
    }
    let second = second.unwrap_or_else(|| panic!("{first} leads all the time: {said:?}"));
    assert_eq!(connected_to(&receiver), first);
    follows(&receiver, &second).await;
    assert!(!receiver.follow_leader().await.unwrap(), "it is there");

    // The next one dies.
    let at = nats.leader("T").unwrap();
    nats.kill(at);
    let third = leader(&receiver, &second).await;
    follows(&receiver, &third).await;
    let fleet = Fleet { nats, keys };
    let stored = receiver.store_once(&fleet.arrived(&of(1, &[1]))).await.unwrap();
    assert!(matches!(stored, Stored::New { .. }), "{stored:?}");
}
