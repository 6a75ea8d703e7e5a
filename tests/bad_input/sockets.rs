//! Peers on the local sockets that break the protocol.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use headgate_record::local::{CONTROL_SOCKET, MAX_MESSAGE_BYTES, OUTBOX_SOCKET, RECORDS_SOCKET};
use headgate_service::frame;
use serde_json::Value;

use crate::support::random::Random;
use crate::support::{Site, golden};

#[test]
fn garbage_on_a_socket_ends_that_connection_only() {
    let site = Site::new();
    let _receiver = site.start_receiver();
    let mut store = site.start_store();
    let _uplink = site.start_uplink();
    let mut random = Random::new(7);
    let mut stalled = Vec::new();
    for socket in [RECORDS_SOCKET, OUTBOX_SOCKET, CONTROL_SOCKET] {
        let path = site.path("run").join(socket);
        let connect = || UnixStream::connect(&path).unwrap();
        let framed = |content: &[u8]| [&(content.len() as u32).to_be_bytes()[..], content].concat();
        let mut messages: Vec<Vec<u8>> = vec![
            vec![0xff; 4],
            (MAX_MESSAGE_BYTES as u32 + 1).to_be_bytes().to_vec(),
            [&100_u32.to_be_bytes()[..], &[1; 10]].concat(),
            vec![0, 0],
            framed(&[]),
            framed(&[0xff; 40]),
            // A hello of another version, then of a session that is too short.
            framed(&[0x0a, 0x02, 0x08, 0x63]),
            framed(&[0x0a, 0x05, 0x08, 0x01, 0x12, 0x01, 0x00]),
            framed(b"{\"ask\":\"everything\"}"),
            framed(b"GET / HTTP/1.1\r\n\r\n"),
        ];
        for _ in 0..40 {
            let noise: Vec<u8> = (0..random.below(200)).map(|_| random.below(256) as u8).collect();
            messages.extend([framed(&noise), noise]);
        }
        for message in messages {
            let mut stream = connect();
            // The store may close before it has read all of it.
            let _ = stream.write_all(&message);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let mut answer = Vec::new();
            let _ = stream.read_to_end(&mut answer);
            let refusal = answer.get(4..).is_some_and(|a| a.starts_with(b"{\"error\":\"not a request: "));
            assert!(answer.is_empty() || (socket == CONTROL_SOCKET && refusal), "{answer:?}");
        }
        // Half a message, and then nothing for as long as the others are served.
        let mut stream = connect();
        stream.write_all(&[0, 0, 1, 0, 5]).unwrap();
        stalled.push(stream);
    }
    let mut control = UnixStream::connect(site.path("run").join(CONTROL_SOCKET)).unwrap();
    for request in ["no request", "{\"ask\":\"status\"}"] {
        frame::write(&mut control, request.as_bytes()).unwrap();
        let answer = frame::read(&mut control, MAX_MESSAGE_BYTES).unwrap().unwrap();
        let answer: Value = serde_json::from_slice(&answer).unwrap();
        assert_eq!(answer["ok"].is_object(), request.starts_with('{'), "{answer}");
    }
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    site.wait_until_receipted();
    assert!(site.received().iter().any(|r| r["record"]["system_name"] == "core-sw1"));
    drop(stalled);
    assert!(store.terminate().success());
    let said = store.said();
    assert!(!said.contains("panicked"), "{said}");
}
