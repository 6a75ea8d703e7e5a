//! The one thread that writes to the database.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use headgate_record::batch::Batch;

use crate::Error;
use crate::accounts::{Accounts, Outcome};
use crate::database::{Database, Stored};
use crate::sweep::Sweep;

/// Takes batches to the thread.
#[derive(Clone)]
pub struct Writer {
    jobs: SyncSender<Job>,
    pulse: Arc<Pulse>,
}

/// How the thread is.
pub struct Pulse {
    began: Instant,
    /// When the thread last began or waited for something, milliseconds since `began`.
    moved_ms: AtomicU64,
    /// Whether the last batch could not be stored.
    failing: AtomicBool,
}

impl Pulse {
    fn beat(&self) {
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.moved_ms.store(since, Ordering::Release);
    }

    /// A number that grows for as long as the thread works or waits for work.
    pub fn beats(&self) -> u64 {
        self.moved_ms.load(Ordering::Acquire)
    }

    /// Whether the last batch could not be stored.
    pub fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Acquire)
    }

    /// How long the thread has been with one thing.
    pub fn silence(&self) -> Duration {
        self.began.elapsed().saturating_sub(Duration::from_millis(self.beats()))
    }
}

/// Why a batch was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unstored {
    /// [`MAX_WAITING`] batches wait already.
    Busy,
    /// The database failed; the log says why.
    Failed,
}

struct Job {
    batch: Arc<Batch>,
    digest: [u8; 32],
    done: oneshot::Sender<rusqlite::Result<Stored>>,
}

impl Writer {
    /// Opens the database and starts the thread, which ends when the last `Writer` is gone. What is older than `days` is deleted
    /// between batches. What became of a batch is counted in `accounts`, whether its client is still there or not.
    ///
    /// # Errors
    /// When the database cannot be used, or the system refuses a thread.
    pub fn start(file: &Path, days: u32, accounts: Arc<Accounts>) -> Result<(Writer, JoinHandle<()>), Error> {
        let database = Database::open(file)?;
        let sweep = Sweep::new(days);
        let (jobs, waiting) = sync_channel(MAX_WAITING);
        let pulse = Arc::new(Pulse {
            began: Instant::now(),
            moved_ms: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        });
        let own = Arc::clone(&pulse);
        let thread = std::thread::Builder::new()
            .name("database".into())
            .spawn(move || write(database, sweep, &waiting, &own, &accounts))
            .map_err(|source| Error::System { what: "starting a thread", source })?;
        Ok((Writer { jobs, pulse }, thread))
    }

    /// Stores a batch; see [`Database::store`].
    pub async fn store(&self, batch: Arc<Batch>, digest: [u8; 32]) -> Result<Stored, Unstored> {
        let (done, answer) = oneshot::channel();
        self.jobs.try_send(Job { batch, digest, done }).map_err(|error| match error {
            TrySendError::Full(_) => Unstored::Busy,
            TrySendError::Disconnected(_) => Unstored::Failed,
        })?;
        answer.await.ok().and_then(Result::ok).ok_or(Unstored::Failed)
    }

    /// How the thread is.
    pub fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }
}

fn write(mut database: Database, mut sweep: Sweep, jobs: &Receiver<Job>, pulse: &Pulse, accounts: &Accounts) {
    let mut fault = String::new();
    loop {
        pulse.beat();
        sweep.go_on(&mut database);
        let job = match jobs.recv_timeout(sweep.wait().min(BEAT)) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let stored = database.store(&job.batch, &job.digest);
        match stored {
            Ok(Stored::New { .. }) => accounts.count(Outcome::Stored),
            Ok(Stored::Again { .. } | Stored::Superseded(_)) => accounts.count(Outcome::Repeated),
            Ok(Stored::Conflict) => accounts.count(Outcome::Conflict),
            Err(_) => {}
        }
        let now = stored.as_ref().map_or_else(ToString::to_string, |_| String::new());
        if now != fault {
            if now.is_empty() {
                log::info!(event = "storing"; "batches are stored again");
            } else {
                log::error!(event = "not_storing"; "batches cannot be stored, appliances keep them: {now}");
            }
            pulse.failing.store(!now.is_empty(), Ordering::Release);
            fault = now;
        }
        // The client may have gone; the batch is stored all the same.
        let _ = job.done.send(stored);
    }
}

/// Most batches that wait for the thread.
const MAX_WAITING: usize = 64;
const BEAT: Duration = Duration::from_millis(500);
