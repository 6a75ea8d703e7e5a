//! What keeps batches: one contract, and who fulfils it ([`crate::writer`]: one SQLite file; [`crate::jetstream`]: a cluster).

use std::borrow::Cow;
use std::future::Future;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use headgate_record::batch::{Batch, Outline};

use crate::Error;
use crate::accounts::{Accounts, Outcome};
use crate::export::{Ask, Page, Readers, Scope};

/// What takes its time.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Keeps every batch once, whole or not at all, and says the same of it whenever it comes again.
pub trait StoresOnce: Send + Sync {
    /// Stores a batch unless it is there already, and deletes what it asks to forget. What it answers holds when this machine is
    /// gone: a receipt may be signed. It goes on when nobody waits for it any more.
    fn store(&self, arrived: Arrived) -> Later<'_, Result<Stored, Unstored>>;

    /// Stores batches of one appliance and epoch, in ascending order, as if each came behind the one before; gives what became of the
    /// first of them, up to one that was not stored, and why that was not, if there was one. Those behind it may be stored.
    fn store_run(&self, run: Vec<Arrived>) -> Later<'_, (Vec<Stored>, Option<Unstored>)>;

    /// What there is, in figures.
    fn figures(&self) -> Later<'_, Result<Figures, Error>>;

    /// Who may read what is kept.
    fn readers(&self) -> Later<'_, Result<Readers, Error>>;

    /// What is kept of these appliances, from where a reader left off; nothing where it is not kept in this form.
    fn page(&self, ask: Ask, scope: Scope) -> Later<'_, Result<Option<Page>, Error>>;

    /// Whether batches are handed to it with their records, and not closed behind an outline.
    fn reads_records(&self) -> bool;

    /// How whatever stores is.
    fn pulse(&self) -> &Arc<Pulse>;
}

/// A batch that came, opened and verified.
#[derive(Clone, Debug)]
pub struct Arrived {
    /// What is in it.
    pub content: Arc<Content>,
    /// Digest of its bytes before they were sealed.
    pub digest: [u8; 32],
    /// Its bytes as they came.
    pub sealed: Bytes,
    /// The run that it came in, and where in it.
    pub run: Option<(Bytes, Range<usize>)>,
}

/// What is in a batch, every value of it checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// With its records.
    Whole(Batch),
    /// Who only keeps it seldom needs them: they are made when they are asked for.
    Outline {
        /// What it says beside them.
        outline: Outline,
        /// [`Batch::encode`].
        bytes: Bytes,
    },
}

impl Content {
    /// What it says, its records aside: there may be none here.
    pub fn says(&self) -> &Batch {
        match self {
            Content::Whole(batch) => batch,
            Content::Outline { outline, .. } => &outline.says,
        }
    }

    /// How many records it has.
    pub fn records(&self) -> u32 {
        match self {
            Content::Whole(batch) => u32::try_from(batch.records.len()).unwrap_or(u32::MAX),
            Content::Outline { outline, .. } => outline.records,
        }
    }

    /// All of it.
    ///
    /// # Errors
    /// None where it was checked.
    pub fn whole(&self) -> Result<Cow<'_, Batch>, headgate_record::Error> {
        match self {
            Content::Whole(batch) => Ok(Cow::Borrowed(batch)),
            Content::Outline { bytes, .. } => Batch::decode(bytes).map(Cow::Owned),
        }
    }
}

/// What became of a batch. All of them are kept for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// It is stored now, and what it asks to forget is forgotten.
    New {
        /// When, milliseconds since 1970.
        stored_ms: u64,
        /// How many records were deleted for what it asks to forget.
        forgotten: u64,
        /// How many of its own are of persons whom a later batch, which came before it, had asked to forget: they are not stored.
        left_out: u64,
    },
    /// The same batch was stored before.
    Again {
        /// When, milliseconds since 1970.
        stored_ms: u64,
        /// How many records were deleted then.
        forgotten: u64,
    },
    /// Another content was stored before that says that it took the place of this one; it stays.
    Superseded(Held),
    /// Other bytes were stored before under the same identity; they stay.
    Conflict,
}

impl Stored {
    /// What to count.
    pub fn outcome(&self) -> Outcome {
        match self {
            Stored::New { .. } => Outcome::Stored,
            Stored::Again { .. } | Stored::Superseded(_) => Outcome::Repeated,
            Stored::Conflict => Outcome::Conflict,
        }
    }
}

/// What is stored under a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// Digest of the batch.
    pub digest: [u8; 32],
    /// When it was stored, milliseconds since 1970.
    pub stored_ms: u64,
    /// How many records it had.
    pub records: u32,
    /// How many values it asked to forget.
    pub values: u32,
    /// How many records were deleted for them.
    pub forgotten: u64,
}

/// Why a batch was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unstored {
    /// As many wait already as may, or the cluster has no quorum: later.
    Busy,
    /// The database failed; the log says why.
    Failed,
}

/// What is kept, in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Of each appliance, in the order of their names, at most [`MAX_APPLIANCES`].
    pub appliances: Vec<Appliance>,
    /// How many appliances there are batches of.
    pub known: u64,
    /// Media that were imported.
    pub media: u64,
    /// Batches that were stored from them.
    pub imported: u64,
    /// Milliseconds since the oldest records were stored that are still kept.
    pub oldest_ms: Option<u64>,
    /// Octets of what is kept.
    pub octets: u64,
}

/// What there is of an appliance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appliance {
    /// Its name.
    pub name: String,
    /// Batches that were stored, whether their records are still kept or not.
    pub batches: u64,
    /// Numbers below the highest of each epoch under which nothing was stored.
    pub missing: u64,
    /// Milliseconds since a batch was stored last.
    pub quiet_ms: u64,
}

impl Figures {
    /// Adds what there is of one epoch of an appliance; epochs of one come together. Whether there is room for more.
    pub fn add(&mut self, of: Appliance) -> bool {
        let is_full = self.appliances.len() >= MAX_APPLIANCES;
        match self.appliances.last_mut() {
            Some(last) if last.name == of.name => {
                last.batches = last.batches.saturating_add(of.batches);
                last.missing = last.missing.saturating_add(of.missing);
                last.quiet_ms = last.quiet_ms.min(of.quiet_ms);
            }
            _ if is_full => return false,
            _ => self.appliances.push(of),
        }
        true
    }
}

/// How what stores is.
pub struct Pulse {
    began: Instant,
    /// When it last began or waited for something, milliseconds since `began`.
    moved_ms: AtomicU64,
    /// Whether the last batch could not be stored.
    failing: AtomicBool,
}

impl Pulse {
    /// One that beats for the first time now.
    pub fn new() -> Pulse {
        Pulse { began: Instant::now(), moved_ms: AtomicU64::new(0), failing: AtomicBool::new(false) }
    }

    /// It moves.
    pub fn beat(&self) {
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_ms.store(since, Ordering::Release);
    }

    /// A number that grows for as long as it works or waits for work.
    pub fn beats(&self) -> u64 {
        self.moved_ms.load(Ordering::Acquire)
    }

    /// Whether the last batch could not be stored.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// Whether the last batch could not be stored, from now on.
    pub fn set_failing(&self, failing: bool) {
        self.failing.store(failing, Ordering::Release);
    }

    /// How long it has been with one thing.
    pub fn silence(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.beats()))
    }
}

/// What becomes of batches is counted, and trouble is told when it begins and when it is over.
pub struct Told {
    accounts: Arc<Accounts>,
    pulse: Arc<Pulse>,
    fault: String,
}

impl Told {
    /// Nothing is wrong yet.
    pub fn new(accounts: Arc<Accounts>, pulse: Arc<Pulse>) -> Told {
        Told { accounts, pulse, fault: String::new() }
    }

    /// What became of one.
    pub fn tell<E: std::fmt::Display>(&mut self, stored: &Result<Stored, E>) {
        if let Ok(stored) = stored {
            self.accounts.count(stored.outcome());
        }
        let now = stored.as_ref().map_or_else(ToString::to_string, |_| String::new());
        if now != self.fault {
            if now.is_empty() {
                log::info!(event = "storing"; "batches are stored again");
            } else {
                log::error!(event = "not_storing"; "batches cannot be stored, appliances keep them: {now}");
            }
            self.pulse.set_failing(!now.is_empty());
            self.fault = now;
        }
    }
}

/// Milliseconds since 1970, by this machine's clock.
pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Most appliances of which figures are given.
pub const MAX_APPLIANCES: usize = 16_384;
