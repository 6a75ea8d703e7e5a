//! What the store says to each of its peers. A peer that breaks the protocol is disconnected.

use std::io;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use headgate_record::local::{
    ControlRequest, FromSensor, FromUplink, Handover, MAX_MESSAGE_BYTES, ToSensor, ToUplink,
};
use headgate_service::frame;
use rustix::net::SendFlags;
use serde_json::{Value, json};

use crate::keeper::{HandOver, Request};
use crate::outbox::Taken;
use crate::prepare::Prepared;
use crate::secret::scrub_all;

/// Serves a sensor until it goes. While the keeper commits a hand-over, the next one is read and prepared.
pub(crate) fn sensor(mut stream: UnixStream, requests: &SyncSender<Request>) {
    let Some(hello) = read(&mut stream, MAX_MESSAGE_BYTES, Idle::Waits) else { return };
    let Ok(Handover::Hello { session: id }) = FromSensor::decode(&hello) else { return };
    let Some((session, committed)) = ask(requests, |reply| Request::Greet { id, reply }) else { return };
    let answered = write(&mut stream, &ToSensor::Committed { through: committed }.encode());
    if answered.is_some()
        && let Ok(answers) = stream.try_clone()
    {
        let sensor = Arc::new(Sensor { answers, open: Mutex::new(Open::default()), fewer: Condvar::new() });
        while hand_over(&mut stream, session, requests, &sensor).is_some() {
            scrub_all();
        }
    }
    let _ = requests.send(Request::SensorGone);
}

/// A connection of a sensor, as far as hand-overs are answered on it.
struct Sensor {
    answers: UnixStream,
    open: Mutex<Open>,
    fewer: Condvar,
}

/// What has no answer yet.
#[derive(Default)]
struct Open {
    hand_overs: usize,
    octets: usize,
}

impl Sensor {
    /// One more has no answer, as soon as there are fewer than [`IN_FLIGHT`], and room for it among [`IN_FLIGHT_OCTETS`].
    fn begin(self: &Arc<Self>, octets: usize) -> Answer {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let is_much = |open: &Open| open.octets.saturating_add(octets) > IN_FLIGHT_OCTETS;
        while open.hand_overs >= IN_FLIGHT || open.hand_overs > 0 && is_much(&open) {
            open = self.fewer.wait(open).unwrap_or_else(PoisonError::into_inner);
        }
        open.hand_overs += 1;
        open.octets = open.octets.saturating_add(octets);
        Answer { sensor: Arc::clone(self), octets, is_committed: false }
    }
}

/// Where a hand-over is answered, by the keeper itself: in the order in which it commits, and without another thread to be woken.
pub(crate) struct Answer {
    sensor: Arc<Sensor>,
    /// Of its hand-over.
    octets: usize,
    is_committed: bool,
}

impl Answer {
    /// Says what is committed. A sensor that reads no answers is not waited for: its connection ends.
    pub(crate) fn committed(mut self, through: u64) {
        let mut said = Vec::new();
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        self.is_committed = frame::write(&mut said, &ToSensor::Committed { through }.encode()).is_ok()
            && rustix::net::send(&self.sensor.answers, &said, flags).is_ok_and(|sent| sent == said.len());
    }
}

/// One that is not committed ends the connection: whoever reads then reads an end.
impl Drop for Answer {
    fn drop(&mut self) {
        if !self.is_committed {
            let _ = self.sensor.answers.shutdown(Shutdown::Both);
        }
        let mut open = self.sensor.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.hand_overs = open.hand_overs.saturating_sub(1);
        open.octets = open.octets.saturating_sub(self.octets);
        self.sensor.fewer.notify_one();
    }
}

/// Takes one message of the sensor's; `None` when the connection should end.
fn hand_over(
    stream: &mut UnixStream,
    session: u64,
    requests: &SyncSender<Request>,
    sensor: &Arc<Sensor>,
) -> Option<()> {
    let message = read(stream, MAX_MESSAGE_BYTES, Idle::Waits)?;
    if let Ok(Handover::Interfaces(interfaces)) = FromSensor::decode(&message) {
        return requests.send(Request::Interfaces { interfaces }).ok();
    }
    let prepared = Prepared::of(&message).ok()?;
    let (has_next, answer) = (has_next(stream), sensor.begin(message.len()));
    requests.send(Request::HandOver(HandOver { session, prepared, has_next, answer })).ok()
}

/// Whether something has arrived that is not read yet.
fn has_next(stream: &UnixStream) -> bool {
    rustix::io::ioctl_fionread(stream).is_ok_and(|octets| octets > 0)
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
            FromUplink::Behind { after, room } => {
                ask(requests, |reply| Request::Behind { after, room, reply })
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
            FromUplink::Taken { epoch, sequence, digest, rejected } => {
                let taken = Taken { epoch, sequence, digest, rejected };
                ask(requests, |reply| Request::Taken { taken, reply })
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
/// Hand-overs of one connection that may have no answer yet: one more than a sensor has. Behind these, one more is read.
const IN_FLIGHT: usize = 9;
/// And their octets, as they came: two of the largest.
const IN_FLIGHT_OCTETS: usize = 2 * MAX_MESSAGE_BYTES;
