//! The one thread that writes to the database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::Error;
use crate::accounts::Accounts;
use crate::database::{self, Database, pages};
use crate::engine::{Arrived, Content, Figures, Later, Pulse, Stored, StoresOnce, Told, Unstored};
use crate::export::{Ask, Form, Page, Readers, Scope};
use crate::sweep::Sweep;

/// Takes batches to the thread.
#[derive(Clone)]
pub struct Writer {
    jobs: SyncSender<Job>,
    pulse: Arc<Pulse>,
    file: PathBuf,
}

struct Job {
    content: Arc<Content>,
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
        let pulse = Arc::new(Pulse::new());
        let own = Arc::clone(&pulse);
        let told = Told::new(accounts, Arc::clone(&pulse));
        let thread = std::thread::Builder::new()
            .name("database".into())
            .spawn(move || write(database, sweep, &waiting, &own, told))
            .map_err(|source| Error::System { what: "starting a thread", source })?;
        Ok((Writer { jobs, pulse, file: file.to_path_buf() }, thread))
    }
}

impl Writer {
    /// Looks into the database beside the thread.
    fn read<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Later<'_, Result<T, Error>> {
        let file = self.file.clone();
        Box::pin(async move {
            let read = tokio::task::spawn_blocking(move || {
                let connection = database::read(&file)?;
                look(&connection).map_err(|source| Error::Database { file, source })
            });
            read.await
                .map_err(|error| Error::System { what: "looking into the database", source: error.into() })?
        })
    }
}

impl StoresOnce for Writer {
    /// See [`Database::store`].
    fn store(&self, Arrived { content, digest, .. }: Arrived) -> Later<'_, Result<Stored, Unstored>> {
        Box::pin(async move {
            let (done, answer) = oneshot::channel();
            self.jobs.try_send(Job { content, digest, done }).map_err(|error| match error {
                TrySendError::Full(_) => Unstored::Busy,
                TrySendError::Disconnected(_) => Unstored::Failed,
            })?;
            answer.await.ok().and_then(Result::ok).ok_or(Unstored::Failed)
        })
    }

    fn figures(&self) -> Later<'_, Result<Figures, Error>> {
        self.read(Figures::of)
    }

    fn readers(&self) -> Later<'_, Result<Readers, Error>> {
        self.read(pages::readers)
    }

    fn page(&self, ask: Ask, scope: Scope) -> Later<'_, Result<Option<Page>, Error>> {
        Box::pin(async move {
            // Batches are opened when they come, and not kept sealed.
            if ask.form == Form::Sealed {
                return Ok(None);
            }
            self.read(move |connection| pages::page(connection, &ask, &scope)).await.map(Some)
        })
    }

    fn reads_records(&self) -> bool {
        true
    }

    fn pulse(&self) -> &Arc<Pulse> {
        &self.pulse
    }
}

fn write(mut database: Database, mut sweep: Sweep, jobs: &Receiver<Job>, pulse: &Pulse, mut told: Told) {
    loop {
        pulse.beat();
        sweep.go_on(&mut database);
        let job = match jobs.recv_timeout(sweep.wait().min(BEAT)) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        let stored = match job.content.whole() {
            Ok(batch) => database.store(&batch, &job.digest),
            Err(_) => Err(rusqlite::Error::InvalidQuery),
        };
        told.tell(&stored);
        // The client may have gone; the batch is stored all the same.
        let _ = job.done.send(stored);
    }
}

/// Most batches that wait for the thread.
const MAX_WAITING: usize = 64;
const BEAT: Duration = Duration::from_millis(500);
