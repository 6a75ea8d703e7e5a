//! The one thread that writes to the database.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::oneshot;

use headgate_record::batch::Batch;

use crate::Error;
use crate::database::{Database, Stored};

/// Takes batches to the thread.
#[derive(Clone)]
pub struct Writer {
    jobs: SyncSender<Job>,
    beats: Arc<AtomicU64>,
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
    /// Opens the database and starts the thread, which ends when the last `Writer` is gone.
    ///
    /// # Errors
    /// When the database cannot be used, or the system refuses a thread.
    pub fn start(file: &Path) -> Result<(Writer, JoinHandle<()>), Error> {
        let database = Database::open(file)?;
        let (jobs, waiting) = sync_channel(MAX_WAITING);
        let beats = Arc::new(AtomicU64::new(0));
        let beat = Arc::clone(&beats);
        let thread = std::thread::Builder::new()
            .name("database".into())
            .spawn(move || write(database, &waiting, &beat))
            .map_err(|source| Error::System { what: "starting a thread", source })?;
        Ok((Writer { jobs, beats }, thread))
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

    /// A number that grows for as long as the thread works or waits for work.
    pub fn beats(&self) -> u64 {
        self.beats.load(Ordering::Acquire)
    }
}

fn write(mut database: Database, jobs: &Receiver<Job>, beats: &AtomicU64) {
    let mut fault = String::new();
    loop {
        beats.fetch_add(1, Ordering::AcqRel);
        let job = match jobs.recv_timeout(BEAT) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let stored = database.store(&job.batch, &job.digest);
        let now = stored.as_ref().map_or_else(ToString::to_string, |_| String::new());
        if now != fault {
            if now.is_empty() {
                log::info!(event = "storing"; "batches are stored again");
            } else {
                log::error!(event = "not_storing"; "batches cannot be stored, appliances keep them: {now}");
            }
            fault = now;
        }
        // The client may have gone; the batch is stored all the same.
        let _ = job.done.send(stored);
    }
}

/// Most batches that wait for the thread.
const MAX_WAITING: usize = 64;
const BEAT: Duration = Duration::from_millis(500);
