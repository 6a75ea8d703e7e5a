//! Where the batches of a medium go.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;

use headgate_record::batch::Batch;
use rusqlite::Connection;
use tokio::runtime::Runtime;

use crate::config::Engine;
use crate::database::{self, Database};
use crate::engine::{Arrived, Content, Stored};
use crate::jetstream::{JetStream, Trouble};
use crate::sealing::Keys;
use crate::{Config, Error, sweep};

/// What stores, looked at only until [`Destination::begin`].
pub enum Destination {
    /// A database; nothing where there is none yet.
    File { file: PathBuf, held: Option<Connection>, database: Option<Database>, days: u32 },
    /// A cluster.
    Cluster { runtime: Runtime, cluster: Arc<JetStream> },
}

impl Destination {
    /// As configured.
    pub fn new(config: &Config, keys: &Arc<Keys>) -> Result<Destination, Error> {
        let days = config.retention_days;
        Ok(match &config.engine {
            Engine::Sqlite => {
                let file = config.database.clone();
                Destination::File { held: held(&file)?, file, database: None, days }
            }
            Engine::JetStream(cluster) => {
                let runtime = crate::runtime()?;
                let cluster = runtime.block_on(JetStream::reach(cluster, Arc::clone(keys), days))?;
                Destination::Cluster { runtime, cluster: Arc::new(cluster) }
            }
        })
    }

    /// Whether a batch contradicts what is stored.
    pub fn contradicts(&self, content: &Content, digest: &[u8; 32]) -> Result<bool, Error> {
        match self {
            Destination::File { held: None, .. } => Ok(false),
            Destination::File { held: Some(held), file, .. } => {
                database::contradicts(held, &*whole(content)?, digest)
                    .map_err(|source| Error::Database { file: file.clone(), source })
            }
            Destination::Cluster { runtime, cluster } => {
                told(cluster, runtime.block_on(cluster.contradicts(content, digest)))
            }
        }
    }

    /// From now on it is written to.
    pub fn begin(&mut self) -> Result<(), Error> {
        if let Destination::File { file, database, .. } = self {
            *database = Some(Database::open(file)?);
        }
        Ok(())
    }

    /// Stores a batch, after [`Destination::begin`].
    pub fn store(&mut self, arrived: &Arrived) -> Result<Stored, Error> {
        match self {
            Destination::File { file, database, .. } => match database {
                Some(database) => {
                    let stored = database.store(&*whole(&arrived.content)?, &arrived.digest);
                    stored.map_err(|source| Error::Database { file: file.clone(), source })
                }
                None => Err(Error::System {
                    what: "storing before the database is open",
                    source: std::io::ErrorKind::NotConnected.into(),
                }),
            },
            Destination::Cluster { runtime, cluster } => {
                told(cluster, runtime.block_on(cluster.store_once(arrived)))
            }
        }
    }

    /// Counts the medium, and deletes what has expired: where everything is carried nobody else does it.
    pub fn end(&mut self, new: u64) -> Result<(), Error> {
        match self {
            Destination::File { file, database: Some(database), days, .. } => {
                let failed = |source| Error::Database { file: file.clone(), source };
                database.count_import(new).map_err(failed)?;
                let before_ms = sweep::before_ms(*days);
                while database.expire(before_ms).map_err(failed)?.more {}
                Ok(())
            }
            Destination::File { .. } => Ok(()),
            Destination::Cluster { runtime, cluster } => {
                told(cluster, runtime.block_on(cluster.count_import(new)))
            }
        }
    }
}

fn whole(content: &Content) -> Result<Cow<'_, Batch>, Error> {
    let source = || std::io::ErrorKind::InvalidData.into();
    content.whole().map_err(|_| Error::System { what: "reading a batch again", source: source() })
}

fn told<T>(cluster: &JetStream, answer: Result<T, Trouble>) -> Result<T, Error> {
    answer.map_err(|trouble| cluster.error(&trouble))
}

/// What is stored, to be looked at only; nothing where there is no database yet.
fn held(file: &std::path::Path) -> Result<Option<Connection>, Error> {
    if !file.exists() {
        return Ok(None);
    }
    match database::read(file) {
        Err(Error::Version { found, known, .. }) if found < known => {
            drop(Database::open(file)?);
            database::read(file).map(Some)
        }
        read => read.map(Some),
    }
}
