//! The SQLite database: opening, pragmas, migrations, single values, size.
//!
//! Opening first looks, read-only, whether the file may be used at all (schema, identity, master
//! key), and writes only then.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::types::{FromSql, ToSql, ToSqlOutput};
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, Transaction, TransactionBehavior, params};

use crate::config::Settings;
use crate::keys::{self, Keys};
use crate::ledger::{self, Event};
use crate::master::MasterKey;
use crate::{Error, OpenError, checksum};

pub(crate) mod aside;
pub(crate) mod contents;

/// An open database and what it is known by.
pub(crate) struct Database {
    /// The connection; the keeper thread's own.
    pub(crate) connection: Connection,
    /// Identity, drawn when the database was made; bound into all that is sealed.
    pub(crate) id: [u8; 16],
    /// Epoch of the batches of this database: random, not zero, below 2^63.
    pub(crate) epoch: u64,
    /// Rows that were set right and of which nothing has been said yet.
    pub(crate) mended: u64,
}

/// Names of single values in `meta`.
pub(crate) mod meta {
    /// Identity of the database, 16 octets.
    pub(crate) const DATABASE: &str = "database";
    /// Epoch of its batches.
    pub(crate) const EPOCH: &str = "epoch";
    /// By which it recognises its master key.
    pub(crate) const VERIFIER: &str = "verifier";
    /// Sequence of the last batch.
    pub(crate) const SEQUENCE: &str = "sequence";
    /// Sequence of the last batch with a receipt.
    pub(crate) const RECEIPTED: &str = "receipted";
    /// Id of the last segment whose records are all released or withheld.
    pub(crate) const THROUGH: &str = "released_through";
    /// Id of a segment after it that was released in part, or 0.
    pub(crate) const PARTIAL: &str = "partial_segment";
    /// How many of its records were.
    pub(crate) const TAKEN: &str = "partial_taken";
    /// How many segments were deleted or moved by this program.
    pub(crate) const GONE: &str = "segments_gone";
    /// How many batches were quarantined, given up to make room, and so never sent.
    pub(crate) const BATCHES_LOST: &str = "batches_lost";
    /// Digest of the rules last in force.
    pub(crate) const RULES: &str = "rules";
    /// Number and hash of the last ledger entry that was pruned.
    pub(crate) const LEDGER_PRUNED: &str = "ledger_pruned";
    /// See [`LEDGER_PRUNED`].
    pub(crate) const LEDGER_ANCHOR: &str = "ledger_anchor";
    /// How many single values were found not to be what was set.
    pub(crate) const UNSOUND: &str = "values_unsound";
    /// The wrapped key that signs the ledger.
    pub(crate) const LEDGER_KEY: &str = "ledger_key";
    /// Signature that says which entries of the ledger are the first and the last.
    pub(crate) const LEDGER_HEAD: &str = "ledger_head";
    /// How many identity rows were deleted by this program.
    pub(crate) const IDENTITIES_GONE: &str = "identities_gone";
    /// Time lived, when it was last written down, by the monotonic and by the wall clock then.
    pub(crate) const LIVED: &str = "lived_ms";
    /// See [`LIVED`].
    pub(crate) const LIVED_MONOTONIC: &str = "lived_monotonic_ms";
    /// See [`LIVED`].
    pub(crate) const LIVED_WALL: &str = "lived_wall_ms";
    /// Wall clock at the end of the boot before, where it was synchronised and the time since is not counted yet.
    pub(crate) const AWAY_SINCE: &str = "away_since_ms";
    /// Names of the fields that the release gate has let pass as they are.
    pub(crate) const PLAIN: &str = "released_in_plain";
    /// When the latest database that lies aside was set there, as far as the ledger says so.
    pub(crate) const ASIDE: &str = "set_aside_ms";
    /// How often its reading has begun and not ended, to count what is lost with it.
    pub(crate) const COUNTING: &str = "set_aside_tries";
    /// How many records of each kind there are in the segments up to an id (`kept.rs`).
    pub(crate) const KEPT: &str = "kept";
    /// The oldest filling of the tail that is not absorbed (`tail.rs`).
    pub(crate) const TAIL: &str = "tail";
    /// Wrapped keys of it and of the one behind it: of the one with an even number; up to schema 9, of the only one.
    pub(crate) const TAIL_KEY: &str = "tail_key";
    /// And of the one with an odd number.
    pub(crate) const TAIL_KEY_ODD: &str = "tail_key_odd";
    /// How many segments damage has removed without this program's doing.
    pub(crate) const MISSING: &str = "segments_missing";
}

/// Opens the store's database, or makes one where there is none.
///
/// # Errors
/// Any [`OpenError`]; an existing database is then as it was.
pub(crate) fn open(settings: &Settings, master: &MasterKey, now_ms: u64) -> Result<Database, OpenError> {
    let path = settings.database();
    if !examine(&path, master)? {
        aside::follow(settings, now_ms)?;
        create(&path, &settings.directory, master, now_ms)?;
    }
    let mut connection = connect(&path)?;
    let mended = mend_rows(&mut connection)?;
    let id = get(&connection, meta::DATABASE)?.ok_or(Error::Damaged("identity"))?;
    let epoch: i64 = get(&connection, meta::EPOCH)?.ok_or(Error::Damaged("epoch"))?;
    Ok(Database { connection, id, epoch: number(epoch), mended })
}

/// A transaction that takes the write lock at its start.
pub(crate) fn begin(connection: &mut Connection) -> Result<Transaction<'_>, Error> {
    Ok(connection.transaction_with_behavior(TransactionBehavior::Immediate)?)
}

/// A single value, or `None` where it was never set.
pub(crate) fn get<T: FromSql>(db: &Connection, name: &str) -> Result<Option<T>, Error> {
    let mut statement = db.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    Ok(statement.query_row([name], |r| r.get(0)).optional()?)
}

/// Sets right what one flipped bit did to values of the store's own. Gives how many there were, which are to be told.
fn mend_rows(connection: &mut Connection) -> Result<u64, Error> {
    let transaction = begin(connection)?;
    let mended = checksum::mend::mend(&transaction)?;
    if mended > 0 {
        add(&transaction, meta::UNSOUND, mended)?;
        transaction.commit()?;
    }
    Ok(mended)
}

/// A single number, 0 where it was never set.
pub(crate) fn get_number(db: &Connection, name: &str) -> Result<u64, Error> {
    Ok(number(get(db, name)?.unwrap_or(0)))
}

/// Sets a single value.
pub(crate) fn set(db: &Connection, name: &str, value: impl ToSql) -> Result<(), Error> {
    let value = value.to_sql()?;
    let checksum = match &value {
        ToSqlOutput::Borrowed(value) => checksum::of_single(name.as_bytes(), *value),
        ToSqlOutput::Owned(value) => checksum::of_single(name.as_bytes(), value.into()),
        _ => return Err(Error::Damaged("value of a known type")),
    };
    let mut statement =
        db.prepare_cached("INSERT OR REPLACE INTO meta (name, value, checksum) VALUES (?1, ?2, ?3)")?;
    statement.execute(params![name, value, checksum])?;
    Ok(())
}

/// Adds to a single number.
pub(crate) fn add(db: &Connection, name: &str, more: u64) -> Result<(), Error> {
    set(db, name, sql(get_number(db, name)?.saturating_add(more)))
}

/// The highest id that an AUTOINCREMENT table has ever given: what SQLite noted, or more where a bit of that note has flipped
/// and a row says so.
pub(crate) fn last_id(db: &Connection, table: &str) -> Result<u64, Error> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT MAX(COALESCE((SELECT seq FROM sqlite_sequence WHERE name = ?1), 0),
                    COALESCE((SELECT MAX(rowid) FROM {table}), 0))"
    ))?;
    Ok(number(statement.query_row([table], |r| r.get(0))?))
}

/// The highest id that SQLite noted as given, or 0.
pub(crate) fn noted_id(db: &Connection, table: &str) -> Result<u64, Error> {
    let mut statement = db.prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = ?1")?;
    Ok(number(statement.query_row([table], |r| r.get(0)).optional()?.unwrap_or(0)))
}

/// A number as SQLite holds it. Counts and times of this store stay far below 2^63.
pub(crate) fn sql(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// A number that [`sql`] wrote.
pub(crate) fn number(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

/// A column of a sealed row, or nothing where a flipped bit has made it another type: then the row does not open, and is
/// set aside by itself.
pub(crate) fn column<T: FromSql + Default>(row: &Row<'_>, at: usize) -> T {
    row.get(at).unwrap_or_default()
}

/// Octets of the database that are in use.
pub(crate) fn used(db: &Connection) -> Result<u64, Error> {
    let pages = pragma(db, "page_count")?.saturating_sub(pragma(db, "freelist_count")?);
    Ok(pages.saturating_mul(pragma(db, "page_size")?))
}

/// Octets of the database file, used or free.
pub(crate) fn allocated(db: &Connection) -> Result<u64, Error> {
    Ok(pragma(db, "page_count")?.saturating_mul(pragma(db, "page_size")?))
}

/// Octets that database, WAL and shared memory take on disk together.
pub(crate) fn on_disk(database: &Path) -> u64 {
    ["", "-wal", "-shm"]
        .iter()
        .filter_map(|suffix| std::fs::metadata(with_suffix(database, suffix)).ok())
        .map(|m| m.len())
        .sum()
}

/// Whether the database may grow, or must do with the pages that it has.
pub(crate) fn may_grow(db: &Connection, may: bool) -> Result<(), Error> {
    let most = if may { MOST_PAGES } else { pragma(db, "page_count")? };
    Ok(db.query_row(&format!("PRAGMA max_page_count = {most}"), [], |_| Ok(()))?)
}

/// Gives up to this many free pages back to the file system.
pub(crate) fn vacuum(db: &Connection) -> Result<(), Error> {
    // Each page is a row of the answer.
    let pages = VACUUM_OCTETS / pragma(db, "page_size")?.max(1);
    let mut statement = db.prepare_cached(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let mut rows = statement.query([])?;
    while rows.next()?.is_some() {}
    Ok(())
}

/// What becomes of the WAL once all of it is in the database.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Checkpoint {
    /// It is cut to nothing.
    Cut,
    /// It is overwritten and keeps its space, which nobody else may have on a full file system.
    Overwrite,
}

/// Moves all of the WAL into the database, so that what was deleted is gone from both. Gives whether that is done: somebody
/// who reads the database at the time prevents it, and is not waited for.
pub(crate) fn checkpoint(db: &Connection, wal: Checkpoint) -> Result<bool, Error> {
    db.busy_timeout(std::time::Duration::ZERO)?;
    let how = if wal == Checkpoint::Cut { "TRUNCATE" } else { "RESTART" };
    let busy = db.query_row(&format!("PRAGMA wal_checkpoint({how})"), [], |r| r.get::<_, i64>(0));
    db.busy_timeout(BUSY)?;
    if busy? != 0 {
        return Ok(false);
    }
    // From here on nobody reads it, and who writes next begins at its start.
    if let (Checkpoint::Overwrite, Some(database)) = (wal, db.path()) {
        return Ok(overwrite(&with_suffix(Path::new(database), "-wal")).is_ok());
    }
    Ok(true)
}

/// Writes zeros over all of a file: a WAL that begins with them holds nothing.
fn overwrite(file: &Path) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(file)?;
    let (length, zeros) = (file.metadata()?.len(), [0; 1 << 14]);
    let mut at = 0;
    while at < length {
        let rest = usize::try_from(length - at).unwrap_or(usize::MAX).min(zeros.len());
        file.write_all_at(zeros.get(..rest).unwrap_or_default(), at)?;
        at = at.saturating_add(u64::try_from(rest).unwrap_or(u64::MAX));
    }
    file.sync_data()
}

/// Gives the WAL space of its own up to what it usually keeps, where the file system has it.
pub(crate) fn reserve_wal(database: &Path) {
    let wal = OpenOptions::new().write(true).open(with_suffix(database, "-wal"));
    // Where it has not, the least valuable gives way in smaller steps, or what fails is asked again.
    let _ = wal
        .map(|wal| rustix::fs::fallocate(wal, rustix::fs::FallocateFlags::KEEP_SIZE, 0, u64::from(WAL_KEPT)));
}

/// Makes a database under another name, and gives it its own when it is whole and on disk: wherever power is cut, there is
/// none or all of it. A rollback journal, which a new database has until it is in WAL mode, would else be found beside
/// it, and only be played back by whoever may change a database before looking whose it is.
fn create(path: &Path, directory: &Path, master: &MasterKey, now_ms: u64) -> Result<(), OpenError> {
    let failed = |what, file: &Path| {
        let file = file.to_path_buf();
        move |source| OpenError::File { what, file, source }
    };
    let unfinished = with_suffix(path, UNFINISHED);
    for suffix in ["", "-journal", "-wal", "-shm"] {
        let left = with_suffix(&unfinished, suffix);
        match std::fs::remove_file(&left) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("cannot remove", &left)(error));
            }
            _ => {}
        }
    }
    // SQLite gives WAL and shared memory the permissions of the database file.
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&unfinished);
    let file = file.map_err(failed("cannot make", &unfinished))?;
    let mut connection = connect(&unfinished)?;
    initialise(&mut connection, master, now_ms)?;
    checkpoint(&connection, Checkpoint::Cut)?;
    connection.close().map_err(|(_, error)| error)?;
    file.sync_all().map_err(failed("cannot sync", &unfinished))?;
    std::fs::rename(&unfinished, path).map_err(failed("cannot make", path))?;
    sync_directory(directory)
}

/// Builds the indexes of a database anew that cannot be opened as it is. Gives whether that was done.
pub(crate) fn mend(path: &Path) -> bool {
    connect(path).and_then(|mut db| aside::reindex(&mut db)).is_ok()
}

/// Opens a database that may be used, and brings its schema up to date.
fn connect(path: &Path) -> Result<Connection, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    prepare(&connection)?;
    checksum::register(&connection)?;
    migrate(&mut connection)?;
    Ok(connection)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

/// Looks at an existing database without changing it or its WAL. Gives whether there is one.
fn examine(path: &Path, master: &MasterKey) -> Result<bool, OpenError> {
    if std::fs::metadata(path).map_or(true, |m| m.len() == 0) {
        return Ok(false);
    }
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.busy_timeout(BUSY)?;
    let version: i64 = db.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    let application: i64 = db.query_row("PRAGMA application_id", [], |r| r.get(0))?;
    let tables: i64 = db.query_row("SELECT COUNT(*) FROM sqlite_schema", [], |r| r.get(0))?;
    if tables > 0 && application != APPLICATION {
        return Err(OpenError::Foreign(path.to_path_buf()));
    }
    if version > SCHEMA {
        return Err(OpenError::Schema { file: path.to_path_buf(), found: version, known: SCHEMA });
    }
    if version == 0 {
        return Ok(false);
    }
    let id: Option<([u8; 16], bool)> = seek(&db, version, meta::DATABASE)?;
    let expected: Option<([u8; 32], bool)> = seek(&db, version, meta::VERIFIER)?;
    match (id, expected) {
        (Some((id, _)), Some((expected, _))) if keys::verifier(master, &id)? == expected => Ok(true),
        // Not where flipped bits made it so.
        (Some((_, true)), Some((_, true))) => Err(OpenError::WrongKey(path.to_path_buf())),
        _ => Err(Error::Damaged("identity").into()),
    }
}

/// A single value, and whether it is what was set, of a database with a schema of this version.
fn seek<T: FromSql>(db: &Connection, version: i64, name: &str) -> Result<Option<(T, bool)>, Error> {
    if version < CHECKSUMS {
        Ok(get(db, name)?.map(|value| (value, true)))
    } else {
        checksum::mend::seek(db, name)
    }
}

fn sync_directory(directory: &Path) -> Result<(), OpenError> {
    File::open(directory).and_then(|d| d.sync_all()).map_err(|source| OpenError::File {
        what: "cannot sync",
        file: directory.into(),
        source,
    })
}

/// Page size and vacuum mode take effect while the database is empty, so they come before WAL mode.
fn prepare(db: &Connection) -> Result<(), Error> {
    db.busy_timeout(BUSY)?;
    // A statement's plan does not depend on what is bound to it, so that none is made anew for that.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    db.execute_batch(&format!(
        "PRAGMA page_size = {PAGE};
         PRAGMA auto_vacuum = INCREMENTAL;
         PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         PRAGMA secure_delete = ON;
         PRAGMA temp_store = MEMORY;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;
         PRAGMA cache_size = -{CACHE_KIB};
         PRAGMA journal_size_limit = {WAL_KEPT};"
    ))?;
    // A database that is there already has its own.
    let pages = CHECKPOINT_OCTETS / pragma(db, "page_size")?.max(1);
    Ok(db.execute_batch(&format!("PRAGMA wal_autocheckpoint = {pages}"))?)
}

fn migrate(db: &mut Connection) -> Result<(), Error> {
    let version: i64 = db.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    for (at, migration) in (1..).zip(MIGRATIONS) {
        if at > version {
            let transaction = begin(db)?;
            transaction.execute_batch(migration)?;
            transaction.execute_batch(&format!(
                "PRAGMA user_version = {at}; PRAGMA application_id = {APPLICATION};"
            ))?;
            transaction.commit()?;
        }
    }
    Ok(())
}

fn initialise(db: &mut Connection, master: &MasterKey, now_ms: u64) -> Result<(), Error> {
    let transaction = begin(db)?;
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|_| Error::Random)?;
    let mut epoch = 0;
    while epoch == 0 {
        epoch = getrandom::u64().map_err(|_| Error::Random)? >> 1;
    }
    set(&transaction, meta::DATABASE, id)?;
    set(&transaction, meta::EPOCH, sql(epoch))?;
    set(&transaction, meta::VERIFIER, keys::verifier(master, &id)?)?;
    Keys::create(&transaction, master, &id, now_ms)?;
    ledger::append(&transaction, &Event::Created { epoch }, now_ms)?;
    Ok(transaction.commit()?)
}

/// Deletes a row that was seen. Where damage has put it out of the order of keys it is not found by its key, and is sought one row after
/// the other.
///
/// # Errors
/// [`Error::Damaged`] when it is not found so either: whoever goes from row to row would meet it again for ever.
pub(crate) fn delete_row(db: &Connection, table: &'static str, key: &str, of: u64) -> Result<(), Error> {
    for sought in [key, &format!("+{key}")] {
        let delete = format!("DELETE FROM {table} WHERE {sought} = ?1");
        if db.prepare_cached(&delete)?.execute([sql(of)])? > 0 {
            return Ok(());
        }
    }
    Err(Error::Damaged(table))
}

fn pragma(db: &Connection, name: &str) -> Result<u64, Error> {
    let mut statement = db.prepare_cached(&format!("PRAGMA {name}"))?;
    Ok(number(statement.query_row([], |r| r.get(0))?))
}

/// In order; the version of a schema is the number of its last migration.
const MIGRATIONS: [&str; 10] = [
    include_str!("../migrations/001_initial.sql"),
    include_str!("../migrations/002_member.sql"),
    include_str!("../migrations/003_identity.sql"),
    include_str!("../migrations/004_ledger_signature.sql"),
    include_str!("../migrations/005_columns.sql"),
    include_str!("../migrations/006_told.sql"),
    include_str!("../migrations/007_medium.sql"),
    include_str!("../migrations/008_request.sql"),
    include_str!("../migrations/009_tail.sql"),
    include_str!("../migrations/010_fillings.sql"),
];
/// The newest schema that this program knows.
const SCHEMA: i64 = 10;
/// The first with checksums of single values.
const CHECKSUMS: i64 = 4;
/// `application_id` of a store: "HDGT".
const APPLICATION: i64 = 0x4844_4754;
/// Page size of a new database, octets. A commit writes some ten pages of tables that grow by little with each, so that small
/// pages write less.
const PAGE: u64 = 2_048;
/// What a database is called until it is whole, behind its name.
const UNFINISHED: &str = ".new";
/// SQLite's own bound.
const MOST_PAGES: u64 = 4_294_967_294;
const CACHE_KIB: u32 = 8_192;
/// A commit that finds so much in the WAL moves it into the database, octets.
const CHECKPOINT_OCTETS: u64 = 2 << 20;
/// The WAL file is cut to this when it starts anew, octets.
const WAL_KEPT: u32 = 4 << 20;
/// Free pages given back at a time, octets.
const VACUUM_OCTETS: u64 = 4 << 20;
/// Others than this process have the database open only for backup or inspection.
const BUSY: std::time::Duration = std::time::Duration::from_secs(5);

/// A new database in memory, for tests of single rooms.
#[cfg(test)]
pub(crate) fn in_memory(master: &MasterKey) -> (Connection, Keys) {
    let mut db = Connection::open_in_memory().unwrap();
    checksum::register(&db).unwrap();
    migrate(&mut db).unwrap();
    initialise(&mut db, master, 1_000).unwrap();
    let id = get(&db, meta::DATABASE).unwrap().unwrap();
    let keys = Keys::load(&db, master, id, 1_000).unwrap();
    (db, keys)
}
