//! From the sensor's hand-over to committed segments.

use headgate_record::columns::Rows;
use headgate_record::{Record, is_randomised};
use headgate_rules::Rules;
use rusqlite::{Connection, OptionalExtension, params};

use crate::account::{self, End};
use crate::clock::Moment;
use crate::database::{last_id, number, sql};
use crate::gather::Gather;
use crate::keys::Keys;
use crate::ledger::{self, Event};
use crate::prepare::{Content, Outline, Prepared, Set};
use crate::release::Cursor;
use crate::seal::KeyRef;
use crate::segment::{self, Sealing};
use crate::{Error, identity, members};

/// What a greeting found.
pub(crate) struct Greeting {
    /// The store's own number of the session.
    pub(crate) session: u64,
    /// Number of the last committed record of the session.
    pub(crate) committed: u64,
    /// Whether something of an earlier session was destroyed.
    pub(crate) destroyed: bool,
}

/// Makes `id` the present session: whatever was kept for other sessions only is deleted, and their
/// keys with it.
pub(crate) fn greet(db: &Connection, keys: &Keys, id: [u8; 16], now_ms: u64) -> Result<Greeting, Error> {
    let known = "SELECT number, committed, wrapped IS NOT NULL FROM session WHERE id = ?1";
    let known = db
        .query_row(known, [id], |r| Ok((number(r.get(0)?), number(r.get(1)?), r.get::<_, bool>(2)?)))
        .optional()?;
    let (session, committed) = match known {
        Some((session, committed, true)) if keys.has(KeyRef::Session(session)) => (session, committed),
        Some((session, committed, _)) => {
            let wrapped = keys.session_key(session)?;
            db.execute(WRAPPED, params![sql(session), wrapped])?;
            (session, committed)
        }
        None => {
            let session = last_id(db, "session")?.saturating_add(1);
            let wrapped = keys.session_key(session)?;
            db.execute(
                "INSERT INTO session (number, id, committed, wrapped, checksum)
                   VALUES (?1, ?2, 0, ?3, checksum('session', ?1, ?2, 0, ?3))",
                params![sql(session), id, wrapped],
            )?;
            (session, 0)
        }
    };
    let destroyed = destroy_others(db, keys, session, now_ms)?;
    Ok(Greeting { session, committed, destroyed })
}

/// Number of the last committed record of the present session.
///
/// # Errors
/// [`Error::EndedSession`] for another one.
pub(crate) fn committed(db: &Connection, session: u64) -> Result<u64, Error> {
    let row = "SELECT committed FROM session WHERE number = ?1 AND wrapped IS NOT NULL";
    let committed = db.prepare_cached(row)?.query_row([sql(session)], |r| r.get(0)).optional()?;
    Ok(number(committed.ok_or(Error::EndedSession)?))
}

/// Notes the number of the last committed record of a session.
pub(crate) fn note_committed(db: &Connection, session: u64, committed: u64) -> Result<(), Error> {
    let mut statement = db.prepare_cached(
        "UPDATE session SET committed = ?2, checksum = checksum('session', number, id, ?2, wrapped) WHERE number = ?1",
    )?;
    statement.execute(params![sql(session), sql(committed)])?;
    Ok(())
}

/// Those of these hand-overs that are behind the records committed before, and the number of the last record with them. One that is
/// committed already is skipped.
///
/// # Errors
/// [`Error::Gap`] when a record is missing before the first one, or a hand-over is committed in part: whoever says that has not
/// heard what is; [`Error::EndedSession`] for numbers that there cannot be.
pub(crate) fn behind(prepared: &[Prepared], committed: u64) -> Result<(Vec<&Prepared>, u64), Error> {
    let (mut new, mut through) = (Vec::with_capacity(prepared.len()), committed);
    for hand_over in prepared {
        let (first, expected) = (hand_over.first, through.saturating_add(1));
        let behind = first.checked_add(hand_over.records).filter(|behind| i64::try_from(*behind).is_ok());
        let behind = behind.ok_or(Error::EndedSession)?;
        if first > 0 && behind <= expected {
            continue;
        }
        if first != expected {
            return Err(Error::Gap { first, expected });
        }
        new.push(hand_over);
        through = behind.saturating_sub(1);
    }
    Ok((new, through))
}

/// Admits, seals and numbers hand-overs in the caller's transaction. Gives the number of the last record.
///
/// # Errors
/// As [`behind`] and [`committed`].
pub(crate) fn hand_over(
    db: &Connection,
    keys: &Keys,
    rules: &Rules,
    session: u64,
    prepared: &[Prepared],
    at: Moment,
) -> Result<u64, Error> {
    let before = committed(db, session)?;
    let (new, through) = behind(prepared, before)?;
    let (sealing, few) = (Sealing::new(db, keys, at)?, Gather::default());
    let mut intake = Intake { db, keys, rules, session, at, sealing, few };
    new.iter().flat_map(|hand_over| hand_over.sets.iter()).try_for_each(|set| intake.take(set))?;
    intake.seal_few()?;
    intake.sealing.finish()?;
    if through != before {
        note_committed(db, session, through)?;
    }
    Ok(through)
}

/// The collect gate, and what is behind it.
struct Intake<'a> {
    db: &'a Connection,
    keys: &'a Keys,
    rules: &'a Rules,
    session: u64,
    at: Moment,
    sealing: Sealing<'a>,
    few: Gather,
}

impl Intake<'_> {
    fn take(&mut self, set: &Set) -> Result<(), Error> {
        let keeps_all = |outline: &Outline| self.rules.collect().keeps_all(&outline.summary);
        match &set.content {
            Err(reason) => account::add(self.db, End::Malformed, reason, set.records),
            Ok(Content::Few(outline)) if keeps_all(outline) => {
                self.few.add(self.at, std::slice::from_ref(set))
            }
            Ok(Content::Whole(outline, whole)) if keeps_all(outline) => {
                self.seal_few()?;
                self.sealing.push_whole(self.key(outline.like.randomised), outline.like.class, whole)
            }
            Ok(_) => {
                self.seal_few()?;
                Rows::new(&set.columns)?.try_for_each(|record| self.take_one(record?))
            }
        }
    }

    fn take_one(&mut self, record: Record) -> Result<(), Error> {
        let gate = self.rules.collect();
        if let Some(reason) = gate.refuses(&record) {
            return account::add(self.db, End::NotCollected(record.kind()), reason, 1);
        }
        let key = self.key(is_randomised(&record));
        members::note(self.db, self.keys, self.rules, &record)?;
        self.sealing.push(key, &gate.keep(record, self.keys))
    }

    /// Seals sets of few records, so that what comes is behind them.
    fn seal_few(&mut self) -> Result<(), Error> {
        for made in self.few.finish()? {
            made.seal(&mut self.sealing, key(self.keys, self.session, made.like.randomised))?;
        }
        Ok(())
    }

    /// What seals records of stations whose address is drawn at random, or of others.
    fn key(&self, randomised: bool) -> KeyRef {
        key(self.keys, self.session, randomised)
    }
}

/// What seals records of a session: of stations whose address is drawn at random, or of others.
pub(crate) fn key(keys: &Keys, session: u64, randomised: bool) -> KeyRef {
    if randomised { KeyRef::Session(session) } else { keys.present() }
}

/// Deletes the segments and keys of all sessions but one, and forgets all but the latest few
/// sessions. What had not passed the release gate is counted.
fn destroy_others(db: &Connection, keys: &Keys, session: u64, now_ms: u64) -> Result<bool, Error> {
    let cursor = Cursor::load(db)?;
    let segments = segment::of_other_sessions(db, session)?;
    let (count, mut records) = (segments.len(), 0_u64);
    for old in segments {
        records = records.saturating_add(old.records.into());
        account::add(db, End::Lost(old.class), SESSION_ENDED, cursor.unreleased(&old))?;
        segment::delete(db, old.id)?;
    }
    db.execute("DELETE FROM quarantine WHERE session IS NOT NULL AND session <> ?1", [sql(session)])?;
    identity::delete_other_sessions(db, keys, session)?;
    let destroyed =
        "UPDATE session SET wrapped = NULL, checksum = checksum('session', number, id, committed, NULL)
                       WHERE number <> ?1 AND wrapped IS NOT NULL";
    let destroyed = db.execute(destroyed, [sql(session)])?;
    db.execute(
        "DELETE FROM session WHERE number <> ?1
           AND number NOT IN (SELECT number FROM session ORDER BY number DESC LIMIT ?2)",
        params![sql(session), SESSIONS_KEPT],
    )?;
    if count > 0 {
        let segments = u64::try_from(count).unwrap_or(u64::MAX);
        ledger::append(db, &Event::SessionDestroyed { segments, records }, now_ms)?;
    }
    Ok(count > 0 || destroyed > 0)
}

/// Gives a session another wrapped key.
pub(crate) const WRAPPED: &str = "UPDATE session SET wrapped = ?2, checksum = checksum('session', number, id, committed, ?2) WHERE number = ?1";

/// Reason under which records are counted that end with their session before they were released.
const SESSION_ENDED: &str = "session-ended";
/// Sessions whose numbering is remembered.
const SESSIONS_KEPT: u32 = 16;
