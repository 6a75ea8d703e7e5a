//! What the store says to each of its peers. A peer that breaks the protocol is disconnected.

use std::io;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use headgate_record::codec;
use headgate_record::local::{
    ControlRequest, FromSensor, FromUplink, Handover, MAX_HANDOVER, MAX_MESSAGE_BYTES, ToSensor, ToUplink,
};
use headgate_service::frame;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};

use crate::keeper::Request;
use crate::secret::scrub_all;

/// Serves a sensor until it goes.
pub(crate) fn sensor(mut stream: UnixStream, requests: &SyncSender<Request>) {
    let Some(hello) = read(&mut stream, MAX_MESSAGE_BYTES, Idle::Waits) else { return };
    let Ok(Handover::Hello { session: id }) = FromSensor::decode(&hello) else { return };
    let Some((session, committed)) = ask(requests, |reply| Request::Greet { id, reply }) else { return };
    let answered = write(&mut stream, &ToSensor::Committed { through: committed }.encode());
    if answered.is_some() {
        while let Some(messages) = hand_over(&mut stream, requests) {
            scrub_all();
            let through = ask(requests, |reply| Request::HandOver { session, messages, reply });
            let committed = through.map(|through| ToSensor::Committed { through }.encode());
            if committed.and_then(|bytes| write(&mut stream, &bytes)).is_none() {
                break;
            }
        }
    }
    let _ = requests.send(Request::SensorGone);
}

/// Serves an uplink until it goes.
pub(crate) fn uplink(stream: UnixStream, requests: &SyncSender<Request>) {
    if serve_uplink(stream, requests) {
        let _ = requests.send(Request::UplinkGone);
    }
}

/// Gives whether it said how its link is: who writes a bundle does not.
fn serve_uplink(mut stream: UnixStream, requests: &SyncSender<Request>) -> bool {
    let mut is_link = false;
    while let Some(bytes) = read(&mut stream, MAX_MESSAGE_BYTES, Idle::Waits) {
        let Ok(message) = FromUplink::decode(&bytes) else { return is_link };
        let answer = match message {
            FromUplink::Next { wait_ms } => {
                let wait = Duration::from_millis(wait_ms.into()).min(LONGEST_WAIT);
                ask(requests, |reply| Request::Next { wait, reply })
                    .map(|batch| batch.map_or(ToUplink::Empty, ToUplink::Batch))
            }
            FromUplink::Receipt(bytes) => ask(requests, |reply| Request::Receipt { bytes, reply })
                .map(|refusal| refusal.map_or(ToUplink::Accepted, |reason| ToUplink::Refused { reason })),
            FromUplink::Carry { medium, after } => {
                let batch = ask(requests, |reply| Request::Carry { medium, after, reply });
                batch.map(|batch| match batch {
                    Ok(batch) => batch.map_or(ToUplink::Empty, ToUplink::Batch),
                    Err(reason) => ToUplink::Refused { reason },
                })
            }
            FromUplink::Carried { medium, through } => {
                ask(requests, |reply| Request::Carried { medium, through, reply })
                    .map(|refusal| refusal.map_or(ToUplink::Accepted, |reason| ToUplink::Refused { reason }))
            }
            FromUplink::State { connected, problem, retry_ms } => {
                is_link = true;
                let problem = problem.chars().take(MAX_PROBLEM).collect();
                requests
                    .send(Request::State { connected, problem, retry_ms })
                    .ok()
                    .map(|()| ToUplink::Accepted)
            }
        };
        if answer.and_then(|answer| write(&mut stream, &answer.encode())).is_none() {
            return is_link;
        }
    }
    is_link
}

/// Serves an administrator's command until it goes or is idle.
pub(crate) fn administrator(mut stream: UnixStream, requests: &SyncSender<Request>) {
    let is_root = is_root(&stream);
    while let Some(bytes) = read(&mut stream, MAX_CONTROL_BYTES, Idle::Ends) {
        let answer: Option<Value> = match serde_json::from_slice::<ControlRequest>(&bytes) {
            Ok(request) => ask(requests, |reply| Request::Control { request, is_root, reply }),
            Err(error) => Some(json!({ "error": format!("not a request: {error}") })),
        };
        let answered = answer.and_then(|answer| write(&mut stream, answer.to_string().as_bytes()));
        drop(bytes);
        scrub_all();
        if answered.is_none() {
            return;
        }
    }
}

/// Whether the peer is root, or this process's own user, who can do all of this without asking (SO_PEERCRED, unix(7)).
fn is_root(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid();
    rustix::net::sockopt::socket_peercred(stream).is_ok_and(|peer| peer.uid.is_root() || peer.uid == own)
}

/// One hand-over, and those that the sensor has sent behind it already: they share one commit.
fn hand_over(stream: &mut UnixStream, requests: &SyncSender<Request>) -> Option<Vec<Vec<u8>>> {
    let (mut messages, mut octets, mut count) = (Vec::new(), 0, 0);
    loop {
        let message = read(stream, MAX_MESSAGE_BYTES, Idle::Waits)?;
        match FromSensor::decode(&message) {
            Ok(Handover::Records { records, .. }) => count += records.len(),
            // Behind records, who sent them waits for their answer first.
            Ok(Handover::Interfaces(interfaces)) if messages.is_empty() => {
                requests.send(Request::Interfaces { interfaces }).ok()?;
                continue;
            }
            _ => return None,
        }
        octets += message.len();
        messages.push(message);
        if octets >= GROUP_BYTES
            || count >= GROUP_RECORDS
            || messages.len() >= GROUP_MESSAGES
            || !has_more(stream)
        {
            return Some(messages);
        }
    }
}

fn has_more(stream: &UnixStream) -> bool {
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    let mut descriptors = [PollFd::new(stream, PollFlags::IN)];
    matches!(poll(&mut descriptors, Some(&at_once)), Ok(1)) && descriptors[0].revents() == PollFlags::IN
}

/// What an idle peer gets.
#[derive(PartialEq)]
enum Idle {
    /// It may be silent for as long as it likes.
    Waits,
    /// It is disconnected after [`READ_TIMEOUT`].
    Ends,
}

/// The next message, or `None` when the connection should end.
fn read(stream: &mut UnixStream, limit: usize, idle: Idle) -> Option<Vec<u8>> {
    loop {
        match frame::read(stream, limit) {
            Ok(message) => return message,
            Err(error)
                if idle == Idle::Waits
                    && matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(_) => return None,
        }
    }
}

fn write(stream: &mut UnixStream, message: &[u8]) -> Option<()> {
    frame::write(stream, message).ok()
}

/// Asks the keeper and waits for its reply; `None` when there is none.
fn ask<T>(requests: &SyncSender<Request>, request: impl FnOnce(SyncSender<T>) -> Request) -> Option<T> {
    let (reply, answer): (_, Receiver<T>) = sync_channel(1);
    requests.send(request(reply)).ok()?;
    answer.recv().ok()
}

/// A peer that stalls for so long within a message is disconnected.
pub(crate) const READ_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest time that an uplink's request for a batch is held open.
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// Largest request of an administrator's command, octets.
const MAX_CONTROL_BYTES: usize = 64 << 10;
/// Longest text of the uplink's that is kept, characters.
const MAX_PROBLEM: usize = 256;
/// Hand-overs share a commit up to so many octets, records and messages.
const GROUP_BYTES: usize = 1 << 20;
const GROUP_RECORDS: usize = codec::MAX_RECORDS - MAX_HANDOVER;
const GROUP_MESSAGES: usize = 64;
