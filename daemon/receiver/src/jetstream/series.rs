//! A series in the cluster: its messages, and its pages of the index.
//!
//! All messages of an appliance and epoch have one subject. Each is published only if the last one of that subject is the one that
//! its writer knew (`Nats-Expected-Last-Subject-Sequence`), so writers of a series come one after the other, whichever receiver they
//! are, and for as long as the series is remembered: nothing here depends on the cluster's window for doubles.

use async_nats::HeaderMap;
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use prost::Message;

use headgate_record::batch::{Batch, BatchId};
use headgate_record::run;
use headgate_record::sealed::Sealed;

use super::JetStream;
use super::state::{Entry, MAX_RECENT, PAGE, Page, State, Tombstone, VERSION};
use super::trouble::{Trouble, is_open};

/// A series as of its last message.
#[derive(Clone)]
pub struct Series {
    /// What that says, as seen from behind it.
    pub state: State,
    /// Which message of the stream; 0: there is none.
    pub at: u64,
}

/// A batch in a message.
pub struct Part {
    /// What it is.
    pub sealed: Sealed,
    /// Its octets.
    pub octets: Bytes,
}

/// What became of a message.
pub enum Published {
    /// It is there, on a quorum, as this.
    At(u64),
    /// It may be there; another is, or the answer did not come.
    Unclear,
}

impl JetStream {
    /// The series as the cluster has it. What its last message took the place of is gone when this returns.
    pub async fn read(&self, id: &BatchId) -> Result<Series, Trouble> {
        let subject = self.names.series(&id.appliance, id.epoch);
        let Some(message) = last(&self.batches, &subject).await? else {
            return Ok(Series { state: State::empty(), at: 0 });
        };
        let state = self.state_of(&message.subject, &message.headers)?;
        self.delete(&state.stale).await?;
        Ok(Series { state: state.behind(message.sequence), at: message.sequence })
    }

    /// What a message says of its series.
    pub fn state_of(&self, subject: &str, headers: &HeaderMap) -> Result<State, Trouble> {
        let unreadable = |what| Trouble::Unreadable { place: subject.to_owned(), what };
        let header = headers.get(HEADER).ok_or_else(|| unreadable("a message without its series"))?;
        let octets = STANDARD.decode(header.as_str()).map_err(|_| unreadable("no base64"))?;
        let octets = self.keys.open_own(subject, &octets).ok_or_else(|| unreadable("it does not open"))?;
        let state = State::decode(octets.as_slice()).map_err(|_| unreadable("no series"))?;
        if state.version == VERSION { Ok(state) } else { Err(unreadable("of another version")) }
    }

    /// Publishes what comes next in a series: a content, or nothing but what is known. Where the list of what changed is full it is
    /// filed first.
    pub async fn publish(
        &self,
        id: &BatchId,
        series: &Series,
        mut state: State,
        body: Bytes,
    ) -> Result<Result<Series, ()>, Trouble> {
        if state.recent.len() > MAX_RECENT {
            let (filed, kept): (Vec<Entry>, Vec<Entry>) = state.recent.drain(..).partition(|e| e.at != 0);
            self.file(id, filed).await?;
            state.recent = kept;
        }
        let dropped = state.drop_tombstones();
        let subject = self.names.series(&id.appliance, id.epoch);
        let sealed = self.keys.seal_own(&subject, &state.encode_to_vec());
        let sealed = sealed.ok_or(Trouble::Fault("what is known of a series cannot be sealed"))?;
        // The cluster's own help against doubles: of a first content its number, of what comes later what it comes behind. A number
        // that it has seen is no proof that it has this content: see `Published::Unclear`.
        let mut number = format!("{}.{:016x}.{}", id.appliance, id.epoch, id.sequence);
        if state.of != id.sequence || series.state.has(id.sequence) {
            number.push_str(&format!(".behind-{}", series.at));
        }
        let message = PublishMessage::build()
            .payload(body)
            .header(HEADER, STANDARD.encode(sealed).as_str())
            .message_id(number)
            .expected_last_subject_sequence(series.at);
        match self.send(subject, message).await? {
            Published::Unclear => Ok(Err(())),
            Published::At(at) => {
                self.delete(&state.stale).await?;
                for sequence in dropped {
                    // What is left of it is nobody's name, and in nobody's way.
                    let place = self.names.tombstone(&id.appliance, id.epoch, sequence);
                    let _ = self.index.purge().filter(place).await;
                }
                Ok(Ok(Series { state: state.behind(at), at }))
            }
        }
    }

    /// Publishes a message, and waits until it is on a quorum.
    pub async fn send(&self, subject: String, message: PublishMessage) -> Result<Published, Trouble> {
        let publisher = self.publisher();
        let sent = publisher.send_publish(subject, message).await;
        let acknowledged = match sent {
            Ok(sent) => sent.await,
            Err(error) => Err(error),
        };
        match acknowledged {
            Ok(ack) if !ack.duplicate => Ok(Published::At(ack.sequence)),
            Ok(_) => Ok(Published::Unclear),
            Err(error) if is_open(&error) => {
                log::debug!("publishing: {error}");
                Ok(Published::Unclear)
            }
            Err(error) => Err(Trouble::cluster("take a message")(error.into())),
        }
    }

    /// What is known of a number that is there.
    pub async fn entry(&self, id: &BatchId, series: &Series) -> Result<Entry, Trouble> {
        if let Some(entry) = series.state.recent(id.sequence) {
            return Ok(entry.clone());
        }
        let (_, page) = self.page(&self.names.page(&id.appliance, id.epoch, id.sequence / PAGE)).await?;
        let found = page.entries.into_iter().find(|entry| entry.sequence == id.sequence);
        found.ok_or_else(|| Trouble::Unreadable {
            place: self.names.series(&id.appliance, id.epoch),
            what: "a number is there of which nothing is known",
        })
    }

    /// What is known of every number of page `number`.
    pub async fn entries(&self, id: &BatchId, series: &Series, number: u64) -> Result<Vec<Entry>, Trouble> {
        let (_, page) = self.page(&self.names.page(&id.appliance, id.epoch, number)).await?;
        let recent = series.state.recent.iter().filter(|entry| entry.sequence / PAGE == number);
        Ok(page.merge(recent.cloned()).entries)
    }

    async fn page(&self, place: &str) -> Result<(u64, Page), Trouble> {
        let Some(message) = last(&self.index, place).await? else { return Ok((0, Page::default())) };
        let unreadable = |what| Trouble::Unreadable { place: place.to_owned(), what };
        let octets = self.keys.open_own(place, &message.payload);
        let octets = octets.ok_or_else(|| unreadable("it does not open"))?;
        let page = Page::decode(octets.as_slice()).map_err(|_| unreadable("no page"))?;
        if page.version != VERSION {
            return Err(unreadable("of another version"));
        }
        Ok((message.sequence, page))
    }

    /// Files what changed in the index, where it stays.
    async fn file(&self, id: &BatchId, mut entries: Vec<Entry>) -> Result<(), Trouble> {
        entries.sort_by_key(|entry| entry.sequence);
        for chunk in entries.chunk_by(|a, b| a.sequence / PAGE == b.sequence / PAGE) {
            let number = chunk.first().map_or(0, |entry| entry.sequence / PAGE);
            let place = self.names.page(&id.appliance, id.epoch, number);
            let mut filed = false;
            for _ in 0..MAX_FILING {
                let (at, page) = self.page(&place).await?;
                if self.put(&place, &page.merge(chunk.iter().cloned()), Some(at)).await? {
                    filed = true;
                    break;
                }
            }
            if !filed {
                return Err(Trouble::Overtaken(MAX_FILING));
            }
        }
        Ok(())
    }

    /// Puts something into the index: in the place of message `at` only, if that is said. Whether it is there.
    pub async fn put(&self, place: &str, what: &impl Message, at: Option<u64>) -> Result<bool, Trouble> {
        let sealed = self.keys.seal_own(place, &what.encode_to_vec());
        let sealed = sealed.ok_or(Trouble::Fault("a page of the index cannot be sealed"))?;
        let mut message = PublishMessage::build().payload(sealed.into());
        if let Some(at) = at {
            message = message.expected_last_subject_sequence(at);
        }
        Ok(matches!(self.send(place.to_owned(), message).await?, Published::At(_)))
    }

    /// Whom the batch of a number asked to forget.
    pub async fn tombstone(&self, id: &BatchId, sequence: u64) -> Result<Tombstone, Trouble> {
        let place = self.names.tombstone(&id.appliance, id.epoch, sequence);
        let message = last(&self.index, &place).await?;
        let octets = message.and_then(|message| self.keys.open_own(&place, &message.payload));
        let found = octets.and_then(|octets| Tombstone::decode(octets.as_slice()).ok());
        found.ok_or(Trouble::Unreadable { place, what: "no tombstone" })
    }

    /// The batch of a number in a message; nothing where the message is gone or does not hold it.
    pub async fn content(&self, at: u64, sequence: u64) -> Result<Option<Batch>, Trouble> {
        let parts = self.parts(at).await?;
        let part = parts.iter().find(|part| part.sealed.id.sequence == sequence);
        part.map(|part| self.open(part)).transpose()
    }

    /// The batches in a message; none where it is gone or holds none.
    pub async fn parts(&self, at: u64) -> Result<Vec<Part>, Trouble> {
        let message = found(self.batches.raw_message_builder().sequence(at).send().await)?;
        message.map_or(Ok(Vec::new()), |message| parts(&message))
    }

    /// As [`JetStream::parts`], for who moves them, and with which message they came first.
    pub async fn parts_to_move(&self, at: u64) -> Result<(Vec<Part>, u64), Trouble> {
        match found(self.batches.raw_message_builder().sequence(at).send().await)? {
            Some(message) => {
                Ok((parts(&message)?, came_at(&self.state_of(&message.subject, &message.headers)?, at)))
            }
            None => Ok((Vec::new(), at)),
        }
    }

    /// A batch that a message holds.
    pub fn open(&self, part: &Part) -> Result<Batch, Trouble> {
        let opened = self.keys.open(&part.sealed);
        let id = &part.sealed.id;
        opened.map(|(batch, _)| batch).map_err(|_| Trouble::Unreadable {
            place: self.names.series(&id.appliance, id.epoch),
            what: "a batch does not open",
        })
    }

    /// Deletes messages, and overwrites them where they lay. One that is gone is no fault.
    pub async fn delete(&self, messages: &[u64]) -> Result<(), Trouble> {
        for at in messages {
            match self.batches.delete_message(*at).await {
                Ok(_) => {}
                Err(_) if found(self.batches.raw_message_builder().sequence(*at).send().await)?.is_none() => {
                }
                Err(error) => return Err(Trouble::cluster("delete a message")(error.into())),
            }
        }
        Ok(())
    }
}

/// With which message the contents of message `at` came first.
pub fn came_at(state: &State, at: u64) -> u64 {
    if state.came_at == 0 { at } else { state.came_at }
}

/// The batches in a message: one, or a run of them.
pub fn parts(message: &StreamMessage) -> Result<Vec<Part>, Trouble> {
    let unreadable = |_| Trouble::Unreadable { place: message.subject.to_string(), what: "no sealed batch" };
    let part = |octets: Bytes| {
        let sealed = Sealed::decode(&octets).map_err(unreadable)?;
        Ok(Part { sealed, octets })
    };
    let body = &message.payload;
    if body.is_empty() {
        return Ok(Vec::new());
    }
    if !run::is_run(body) {
        return part(body.clone()).map(|part| vec![part]);
    }
    run::split(body).map_err(unreadable)?.into_iter().map(|at| part(body.slice(at))).collect()
}

/// The body of a message with these sealed batches.
pub fn body(mut parts: Vec<Bytes>) -> Bytes {
    match parts.len() {
        0 => Bytes::new(),
        1 => parts.pop().unwrap_or_default(),
        _ => run::join(parts.iter().map(|part| &**part)).into(),
    }
}

/// The last message of a subject, as the leader has it.
pub async fn last(stream: &Stream, subject: &str) -> Result<Option<StreamMessage>, Trouble> {
    found(stream.raw_message_builder().last_by_subject(subject).send().await)
}

/// The first message from `at` on under a subject, which may have wildcards.
pub async fn next(stream: &Stream, subject: &str, at: u64) -> Result<Option<StreamMessage>, Trouble> {
    found(stream.raw_message_builder().sequence(at).next_by_subject(subject).send().await)
}

/// What was found, if anything.
pub fn found(
    answer: Result<StreamMessage, async_nats::error::Error<LastRawMessageErrorKind>>,
) -> Result<Option<StreamMessage>, Trouble> {
    match answer {
        Ok(message) => Ok(Some(message)),
        Err(error) if matches!(error.kind(), LastRawMessageErrorKind::NoMessageFound) => Ok(None),
        Err(error) => Err(Trouble::cluster("give a message")(error.into())),
    }
}

/// What is known of the series, beside every message.
pub const HEADER: &str = "Headgate-Series";
const MAX_FILING: u32 = 8;
