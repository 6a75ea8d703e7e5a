//! The one thread that writes to the database.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use headgate_record::batch::Batch;

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
    /// between batches. What became of a batch is counted in `accounts`, whether its client is still there or not. Where there is no
    /// work, the thread shows every `pace` that it lives.
    ///
    /// # Errors
    /// When the database cannot be used, or the system refuses a thread.
    pub fn start(
        file: &Path,
        days: u32,
        accounts: Arc<Accounts>,
        pace: Duration,
    ) -> Result<(Writer, JoinHandle<()>), Error> {
        let database = Database::open(file)?;
        let sweep = Sweep::new(days);
        let (jobs, waiting) = sync_channel(MAX_WAITING);
        let pulse = Arc::new(Pulse::new());
        let own = Arc::clone(&pulse);
        let told = Told::new(accounts, Arc::clone(&pulse));
        let thread = std::thread::Builder::new()
            .name("database".into())
            .spawn(move || write(database, (sweep, pace), &waiting, &own, told))
            .map_err(|source| Error::System { what: "starting a thread", source })?;
        Ok((Writer { jobs, pulse, file: file.to_path_buf() }, thread))
    }
}

/// What will be said of a batch that was handed over, or why it was not.
type UnderWay = Result<oneshot::Receiver<rusqlite::Result<Stored>>, Unstored>;

async fn settled(under_way: UnderWay) -> Result<Stored, Unstored> {
    under_way?.await.ok().and_then(Result::ok).ok_or(Unstored::Failed)
}

impl Writer {
    fn hand_over(&self, Arrived { content, digest, .. }: Arrived) -> UnderWay {
        let (done, answer) = oneshot::channel();
        self.jobs.try_send(Job { content, digest, done }).map_err(|error| match error {
            TrySendError::Full(_) => Unstored::Busy,
            TrySendError::Disconnected(_) => Unstored::Failed,
        })?;
        Ok(answer)
    }

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
    fn store(&self, arrived: Arrived) -> Later<'_, Result<Stored, Unstored>> {
        Box::pin(settled(self.hand_over(arrived)))
    }

    fn store_run(&self, run: Vec<Arrived>) -> Later<'_, (Vec<Stored>, Option<Unstored>)> {
        // All are handed over before the first is waited for, so that they share a transaction.
        let under_way: Vec<_> = run.into_iter().map(|arrived| self.hand_over(arrived)).collect();
        Box::pin(async move {
            let mut stored = Vec::with_capacity(under_way.len());
            for one in under_way {
                match settled(one).await {
                    Ok(one) => stored.push(one),
                    Err(why) => return (stored, Some(why)),
                }
            }
            (stored, None)
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

fn write(
    mut database: Database,
    (mut sweep, pace): (Sweep, Duration),
    jobs: &Receiver<Job>,
    pulse: &Pulse,
    mut told: Told,
) {
    loop {
        pulse.beat();
        sweep.go_on(&mut database);
        let first = match jobs.recv_timeout(sweep.wait().min(pace)) {
            Ok(job) => job,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return,
        };
        // What came meanwhile is synchronised together.
        let (mut together, mut records) = (vec![first], 0_u32);
        while let Some(last) = together.last().filter(|_| together.len() < MAX_TOGETHER) {
            records = records.saturating_add(last.content.records());
            match (records < MAX_RECORDS_TOGETHER).then(|| jobs.try_recv()) {
                Some(Ok(job)) => together.push(job),
                _ => break,
            }
        }
        store(&mut database, together, &mut told);
    }
}

fn store(database: &mut Database, jobs: Vec<Job>, told: &mut Told) {
    let whole = jobs.iter().map(|job| job.content.whole().map(|batch| (batch, &job.digest)));
    // What was read before can be read again.
    let Ok(whole) = whole.collect::<Result<Vec<_>, _>>() else { return };
    let batches: Vec<(&Batch, &[u8; 32])> = whole.iter().map(|(batch, digest)| (&**batch, *digest)).collect();
    let stored = match database.store_all(&batches) {
        Ok(stored) => stored,
        Err(error) => {
            // Who waits hears it by that nobody answers.
            return told.tell(&Err::<Stored, _>(error));
        }
    };
    drop(batches);
    drop(whole);
    for (job, stored) in jobs.into_iter().zip(stored) {
        told.tell(&stored);
        // The client may have gone; the batch is stored all the same.
        let _ = job.done.send(stored);
    }
}

/// Most batches that wait for the thread.
const MAX_WAITING: usize = 64;
/// Most batches of one transaction, and records above which it takes in no more.
const MAX_TOGETHER: usize = 32;
const MAX_RECORDS_TOGETHER: u32 = 16_384;
