//! Whom the receiver trusts beyond certificates: tokens that are out, which secret of an appliance counts, and what is asked of sites.
//!
//! With SQLite in a file of its own beside the batches ([`file`]), before a cluster in a stream that all receivers share ([`shared`]).
//! Of a token only a hash is kept, and of a secret nothing but its generation: secrets are made of the organisation's root when they
//! are needed.

mod file;
mod known;
mod requests;
mod shared;
mod tokens;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Mutex;
use zeroize::Zeroizing;

use headgate_record::batch::BatchId;
use headgate_record::enrolment::{Proof, Root, Secret, Session, Token};
use headgate_record::request::{Request, RequestId};

use crate::config::Engine;
use crate::jetstream::{JetStream, Trouble};
use crate::sealing::Keys;
use crate::{Config, Error, issue};

use file::File;
use shared::Shared;

pub use requests::Asked;
pub use tokens::{Misuse, Offer, Use};

/// What is known, and the root of secrets. No `Debug`: it holds a key.
pub struct Trust {
    book: Book,
    root: Option<Root>,
    is_required: bool,
}

/// Where it is written down.
enum Book {
    /// With whose turn it is to write: thousands who come at once take one thread, not all.
    File(Arc<File>, Mutex<()>),
    Cluster(Arc<Shared>),
}

/// Why something cannot be looked up, or written down.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The file failed.
    #[error("the database of tokens and secrets failed: {0}")]
    Database(#[from] rusqlite::Error),
    /// The cluster did not answer.
    #[error("{0}")]
    Cluster(#[from] Trouble),
    /// This process is at its end.
    #[error("the process ends")]
    Ending,
}

/// Why an appliance is not taken for itself although its certificate says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unproved {
    /// It shows no proof.
    #[error("the appliance's secret is not proved; enroll it again")]
    Missing,
    /// Its secret was revoked, or another took its place.
    #[error("the appliance's secret is revoked or was replaced; enroll it again")]
    Old,
    /// The proof is not of its secret, or of another connection.
    #[error("the proof is not that of the appliance's secret on this connection")]
    Wrong,
    /// It cannot be looked up.
    #[error("whether the appliance's secret counts cannot be said now")]
    Failed,
}

impl Trust {
    /// As a receiver with this configuration has it: in its file.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Database`], [`Error::Version`]; those of the root's file.
    pub fn in_file(config: &Config) -> Result<Trust, Error> {
        Trust::with(config, Book::File(Arc::new(File::open(&config.trust)?), Mutex::new(())))
    }

    /// As all receivers before a cluster have it. What lies in the file of a receiver that had an engine of its own is taken over.
    ///
    /// # Errors
    /// [`Error::Cluster`]; those of the root's file, and of the database's.
    pub async fn in_cluster(config: &Config, cluster: Arc<JetStream>) -> Result<Trust, Error> {
        let shared = Shared::new(cluster).await?;
        if config.trust.exists() {
            let taken = shared.take_over(&File::open(&config.trust)?).await?;
            if taken > 0 {
                log::info!(event = "trust_taken_over"; "{taken} tokens, generations and requests of {} are in the cluster now", config.trust.display());
            }
        }
        Trust::with(config, Book::Cluster(Arc::new(shared)))
    }

    fn with(config: &Config, book: Book) -> Result<Trust, Error> {
        // Without a root nobody can prove anything, and where nobody has to nobody is asked.
        let root = if config.secrets_required || config.secrets.exists() {
            Some(issue::root(&config.secrets)?)
        } else {
            None
        };
        Ok(Trust { book, root, is_required: config.secrets_required })
    }

    /// Does something with what is known, as a command.
    ///
    /// # Errors
    /// When it cannot be reached; what the work says.
    pub fn at_once<T>(
        config: &Config,
        work: impl AsyncFnOnce(&Trust) -> Result<T, Error>,
    ) -> Result<T, Error> {
        crate::runtime()?.block_on(async {
            let trust = match &config.engine {
                Engine::Sqlite => Trust::in_file(config)?,
                Engine::JetStream(cluster) => {
                    let keys = Keys::load(config.seal_keys.iter().map(PathBuf::as_path))?;
                    let cluster = JetStream::reach(cluster, Arc::new(keys), config.retention_days).await?;
                    Trust::in_cluster(config, Arc::new(cluster)).await?
                }
            };
            work(&trust).await
        })
    }

    /// Keeps up with what other receivers say, until the runtime ends.
    pub fn follow(&self) {
        if let Book::Cluster(shared) = &self.book {
            tokio::spawn(Arc::clone(shared).follow());
        }
    }

    /// Whether an appliance is itself: whether it proves, on this connection, that it has a secret that counts. A secret that is
    /// proved for the first time takes the place of those before.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn check(
        &self,
        appliance: &str,
        proof: Option<&Proof>,
        session: Option<&Session>,
    ) -> Result<(), Unproved> {
        let is_proved =
            |secret: &Secret, proof: &Proof| session.is_some_and(|session| secret.is_proved(proof, session));
        match self.weigh(appliance, proof, is_proved).await? {
            Some(generation) => self.raise(appliance, generation).await.map_err(|error| failed(&error)),
            None => Ok(()),
        }
    }

    /// Whether a manifest is of the appliance itself, by the same measure. Gives the generation of a secret that is proved for the first
    /// time: nothing is changed before all of the medium is verified.
    ///
    /// # Errors
    /// Why it is not.
    pub async fn check_medium(
        &self,
        appliance: &str,
        proof: Option<&Proof>,
        manifest: &[u8],
    ) -> Result<Option<u64>, Unproved> {
        self.weigh(appliance, proof, |secret, proof| secret.is_proved_for_medium(proof, manifest)).await
    }

    /// Secrets of an appliance before the one that a medium proved count no longer.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub async fn proved_by_medium(&self, appliance: &str, generation: u64) -> Result<(), Error> {
        self.raise(appliance, generation).await.map_err(|failure| self.failure(failure))
    }

    /// Whether a proof is good. Gives its generation where it is newer than what is known.
    async fn weigh(
        &self,
        appliance: &str,
        proof: Option<&Proof>,
        is_proved: impl FnOnce(&Secret, &Proof) -> bool,
    ) -> Result<Option<u64>, Unproved> {
        let least = self.least(appliance).await.map_err(|error| failed(&error))?;
        let Some(proof) = proof else {
            return if self.is_required || least.is_some() { Err(Unproved::Missing) } else { Ok(None) };
        };
        let Some(root) = &self.root else {
            // Nobody can be asked, and nobody has to be.
            return if least.is_some() { Err(Unproved::Wrong) } else { Ok(None) };
        };
        if !is_proved(&root.secret(appliance, proof.generation()), proof) {
            return Err(Unproved::Wrong);
        }
        match least {
            Some(least) if proof.generation() < least => Err(Unproved::Old),
            Some(least) if proof.generation() == least => Ok(None),
            _ => Ok(Some(proof.generation())),
        }
    }

    /// The generation of the next secret of an appliance: the time in milliseconds, and more than those before.
    ///
    /// # Errors
    /// When it cannot be looked up.
    pub async fn next_generation(&self, appliance: &str) -> Result<u64, Failure> {
        Ok(now_ms().max(self.least(appliance).await?.map_or(0, |least| least.saturating_add(1))))
    }

    /// Revokes every secret that an appliance has.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub async fn revoke(&self, appliance: &str) -> Result<(), Error> {
        let revoked = async { self.raise(appliance, self.next_generation(appliance).await?).await };
        revoked.await.map_err(|failure| self.failure(failure))
    }

    /// Makes a token, and keeps its hash.
    ///
    /// # Errors
    /// [`Error::Token`] when too many are out; [`Error::Key`]; when it cannot be written down.
    pub async fn offer(&self, offer: Offer) -> Result<Token, Error> {
        match &self.book {
            Book::File(file, _) => file.offer(offer),
            Book::Cluster(shared) => shared.offer(offer).await,
        }
    }

    /// Uses a token. It is good once: said again with the same key it is the same use, whose answer may have been lost.
    ///
    /// # Errors
    /// Why it is not good, within `Ok`; when it cannot be written down.
    pub async fn redeem(&self, used: &Use<'_>) -> Result<Result<(), Misuse>, Failure> {
        match &self.book {
            Book::File(file, turn) => {
                let (id, secret) = (used.id, Zeroizing::new(used.secret.to_vec()));
                let (appliance, key) = (used.appliance.to_owned(), used.key.to_vec());
                aside(file, turn, move |file| {
                    file.redeem(&Use { id, secret: &secret, appliance: &appliance, key: &key })
                })
                .await
            }
            Book::Cluster(shared) => shared.redeem(used).await,
        }
    }

    /// Keeps a request, to go with the next receipt of the appliance.
    ///
    /// # Errors
    /// [`Error::Token`] when too many are under way; when it cannot be written down.
    pub async fn ask(&self, appliance: &str, request: &Request) -> Result<(), Error> {
        match &self.book {
            Book::File(file, _) => file.ask(appliance, request),
            Book::Cluster(shared) => shared.ask(appliance, request).await,
        }
    }

    /// The request that goes with the receipt of a batch: empty for none. That a batch comes behind the one whose receipt a request
    /// went with shows that it has arrived: the appliance goes on only when it has kept a receipt.
    ///
    /// # Errors
    /// When it cannot be looked up, or written down.
    pub async fn request_for(&self, batch: &BatchId) -> Result<Vec<u8>, Failure> {
        match &self.book {
            Book::File(file, turn) => {
                // Most of the time there is none, and nothing is written.
                if !file.has_requests(&batch.appliance)? {
                    return Ok(Vec::new());
                }
                let batch = batch.clone();
                aside(file, turn, move |file| file.request_for(&batch)).await
            }
            Book::Cluster(shared) => shared.request_for(batch).await,
        }
    }

    /// All that is asked and has not expired, the oldest first.
    ///
    /// # Errors
    /// When it cannot be looked up.
    pub fn asked(&self) -> Result<Vec<Asked>, Error> {
        match &self.book {
            Book::File(file, _) => file.asked(),
            Book::Cluster(shared) => Ok(shared.asked()),
        }
    }

    /// Takes a request back, as far as it has not arrived. Whether there was one.
    ///
    /// # Errors
    /// When it cannot be written down.
    pub async fn withdraw(&self, id: RequestId) -> Result<bool, Error> {
        match &self.book {
            Book::File(file, _) => file.withdraw(id),
            Book::Cluster(shared) => shared.withdraw(id).await.map_err(|failure| self.failure(failure)),
        }
    }

    async fn least(&self, appliance: &str) -> Result<Option<u64>, Failure> {
        match &self.book {
            // Who looks waits for nobody who writes.
            Book::File(file, _) => Ok(file.least(appliance)?),
            Book::Cluster(shared) => shared.least(appliance).await,
        }
    }

    async fn raise(&self, appliance: &str, least: u64) -> Result<(), Failure> {
        match &self.book {
            Book::File(file, turn) => {
                let appliance = appliance.to_owned();
                aside(file, turn, move |file| file.raise(&appliance, least)).await
            }
            Book::Cluster(shared) => shared.raise(appliance, least).await,
        }
    }

    fn failure(&self, failure: Failure) -> Error {
        match (failure, &self.book) {
            (Failure::Database(source), Book::File(file, _)) => file.failure(source),
            (Failure::Cluster(trouble), Book::Cluster(shared)) => shared.failure(&trouble),
            (failure, _) => Error::System {
                what: "looking into what is known of tokens and secrets",
                source: std::io::Error::other(failure.to_string()),
            },
        }
    }
}

/// Writes beside the thread that serves everyone: it may have to wait for a command of the operator's.
async fn aside<T: Send + 'static>(
    file: &Arc<File>,
    turn: &Mutex<()>,
    write: impl FnOnce(&File) -> rusqlite::Result<T> + Send + 'static,
) -> Result<T, Failure> {
    let _turn = turn.lock().await;
    let file = Arc::clone(file);
    let written = tokio::task::spawn_blocking(move || write(&file)).await;
    Ok(written.map_err(|_| Failure::Ending)??)
}

fn failed(failure: &Failure) -> Unproved {
    log::error!(event = "trust_failed"; "whether an appliance is itself cannot be said: {failure}");
    Unproved::Failed
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
