//! From the sensor's hand-over to committed segments.

use headgate_record::local::{FromSensor, Handover};
use headgate_record::{Error as RecordError, Field, RecordView, Stated, codec};
use headgate_rules::{Rules, is_randomised};
use rusqlite::{Connection, OptionalExtension, params};

use crate::account::{self, End};
use crate::clock::Moment;
use crate::database::{last_id, number, sql};
use crate::keys::Keys;
use crate::ledger::{self, Event};
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

/// Admits, seals and numbers a hand-over of one or more messages in the caller's transaction. Records that are committed
/// already are skipped. Gives the number of the last record.
///
/// # Errors
/// [`Error::Gap`] when a record is missing before the first one, [`Error::EndedSession`].
pub(crate) fn hand_over(
    db: &Connection,
    keys: &Keys,
    rules: &Rules,
    session: u64,
    messages: &[Vec<u8>],
    at: Moment,
) -> Result<u64, Error> {
    let row = "SELECT committed FROM session WHERE number = ?1 AND wrapped IS NOT NULL";
    let committed = db.prepare_cached(row)?.query_row([sql(session)], |r| r.get(0)).optional()?;
    let before = number(committed.ok_or(Error::EndedSession)?);
    let mut committed = before;
    let mut intake = Intake { db, keys, rules, session, sealing: Sealing::new(db, keys, at)? };
    for message in messages {
        let Ok(Handover::Records { first, records }) = FromSensor::decode(message) else {
            return Err(Error::Unusable("not a message of records"));
        };
        let expected = committed.saturating_add(1);
        if first == 0 || first > expected {
            return Err(Error::Gap { first, expected });
        }
        let known = usize::try_from(expected.saturating_sub(first)).unwrap_or(usize::MAX);
        let mut view = RecordView::new();
        for octets in records.into_iter().skip(known) {
            committed =
                committed.checked_add(1).filter(|n| i64::try_from(*n).is_ok()).ok_or(Error::EndedSession)?;
            match view.read(octets) {
                Ok(()) => intake.take(&view)?,
                Err(error) => account::add(db, End::Malformed, reason(&error), 1)?,
            }
        }
    }
    intake.sealing.finish()?;
    if committed != before {
        let mut statement = db.prepare_cached(
            "UPDATE session SET committed = ?2, checksum = checksum('session', number, id, ?2, wrapped) WHERE number = ?1",
        )?;
        statement.execute(params![sql(session), sql(committed)])?;
    }
    Ok(committed)
}

/// The collect gate, and what is behind it.
struct Intake<'a> {
    db: &'a Connection,
    keys: &'a Keys,
    rules: &'a Rules,
    session: u64,
    sealing: Sealing<'a>,
}

impl Intake<'_> {
    fn take(&mut self, view: &RecordView<'_>) -> Result<(), Error> {
        let (gate, kind) = (self.rules.collect(), view.kind());
        if let Some(reason) = gate.refuses(view) {
            return account::add(self.db, End::NotCollected(kind), reason, 1);
        }
        let key = if is_randomised(view) { KeyRef::Session(self.session) } else { self.keys.present() };
        // Most records are of a kind that is kept as it is: no more than the octets of their values is ever made of them.
        if gate.keeps_whole(view) && !Field::GROUPS.iter().any(|field| field.kind() == kind) {
            return self.sealing.push(key, view);
        }
        let record = view.to_record();
        members::note(self.db, self.keys, self.rules, &record)?;
        let mut octets = Vec::new();
        codec::put_record(&gate.keep(record, self.keys), &mut octets);
        self.sealing.push(key, &RecordView::of(&octets)?)
    }
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

/// A name for the count; the error's own text holds numbers that the peer chose.
fn reason(error: &RecordError) -> &'static str {
    match error {
        RecordError::UnknownKind(_) => "unknown-kind",
        RecordError::UnknownField(_) => "unknown-field",
        RecordError::ForeignField { .. } => "foreign-field",
        RecordError::Order(_) => "field-order",
        RecordError::WrongType(_) => "wrong-type",
        RecordError::Limit { .. } => "limit",
        RecordError::Missing { .. } => "missing-part",
        _ => "encoding",
    }
}

/// Reason under which records are counted that end with their session before they were released.
const SESSION_ENDED: &str = "session-ended";
/// Sessions whose numbering is remembered.
const SESSIONS_KEPT: u32 = 16;
