//! The commands that say who may read.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::json;

use super::{Audit, Readers, Scope};
use crate::config::Engine;
use crate::database::Database;
use crate::jetstream::JetStream;
use crate::sealing::Keys;
use crate::{Config, Error};

/// Lets a reader read; gives its token, which is not kept.
///
/// # Errors
/// [`Error::Reader`] when it cannot be one; what is wrong with the engine or the audit trail.
pub fn grant(config: &Config, name: &str, scope: Scope, records: bool, days: u32) -> Result<String, Error> {
    let told = json!({"scope": scope.to_string(), "records": records, "days": days});
    Audit::open(&config.audit)?.write("granted", name, told).map_err(|source| unwritten(config, source))?;
    change(config, &mut |readers| {
        let granted = readers.grant(name, scope.clone(), records, days);
        granted.map_err(|why| Error::Reader { name: name.to_owned(), why: why.to_string() })
    })
}

/// Takes back a grant, at once. Whether there was one.
///
/// # Errors
/// As [`grant`].
pub fn revoke(config: &Config, name: &str) -> Result<bool, Error> {
    Audit::open(&config.audit)?
        .write("revoked", name, json!({}))
        .map_err(|source| unwritten(config, source))?;
    change(config, &mut |readers| Ok(readers.revoke(name)))
}

/// Who may read.
///
/// # Errors
/// What is wrong with the engine.
pub fn list(config: &Config) -> Result<Readers, Error> {
    change(config, &mut |readers| Ok(readers.clone()))
}

fn unwritten(config: &Config, source: std::io::Error) -> Error {
    Error::Write { file: config.audit.clone(), source }
}

/// Changes the readers, once, whoever else does the same.
fn change<T>(config: &Config, how: &mut dyn FnMut(&mut Readers) -> Result<T, Error>) -> Result<T, Error> {
    match &config.engine {
        Engine::Sqlite => Database::open(&config.database)?.change_readers(&config.database, how),
        Engine::JetStream(cluster) => {
            let keys = Arc::new(Keys::load(config.seal_keys.iter().map(PathBuf::as_path))?);
            crate::runtime()?.block_on(async {
                let cluster = JetStream::reach(cluster, keys, config.retention_days).await?;
                cluster.change_readers(how).await
            })
        }
    }
}
