//! From segments past the cursor to a numbered, minimised batch in the outbox.

use std::collections::BTreeMap;

use headgate_record::batch::{self, Batch, BatchId, MAX_FORGET};
use headgate_record::{Class, Kind, Record, codec};
use headgate_rules::{RANDOMISED_MAC, ReleaseGate, Rules, Verdict};
use rusqlite::{Connection, OptionalExtension, params};

use crate::account::{self, End};
use crate::config::Settings;
use crate::database::{get_number, last_id, meta, number, set, sql};
use crate::keys::Keys;
use crate::ledger::{self, Event};
use crate::members::Members;
use crate::outbox::{self, ERASED};
use crate::seal::{KeyRef, Place};
use crate::segment::{self, Kept, Segment};
use crate::subject::erase;
use crate::{Error, error, kept};

/// How far the release gate has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// All records of segments up to this id have passed.
    through: u64,
    /// The segment after it that has passed in part, or 0.
    partial: u64,
    /// How many of its records have.
    taken: u32,
}

/// What a batch would hold.
#[derive(Default)]
pub(crate) struct Gathered {
    /// Records that leave.
    pub(crate) records: Vec<Record>,
    /// Records that do not, by reason.
    pub(crate) withheld: BTreeMap<(Kind, &'static str), u64>,
    classes: [u64; Class::ALL.len()],
    damaged: Vec<Segment>,
    /// Whether an id is left out: its segment was deleted, or has vanished.
    gap: bool,
    first: u64,
    cursor: Cursor,
}

impl Cursor {
    /// The cursor as it is on disk.
    pub(crate) fn load(db: &Connection) -> Result<Cursor, Error> {
        Ok(Cursor {
            through: get_number(db, meta::THROUGH)?,
            partial: get_number(db, meta::PARTIAL)?,
            taken: u32::try_from(get_number(db, meta::TAKEN)?).unwrap_or(u32::MAX),
        })
    }

    /// Behind a segment, and so many records of another.
    pub(crate) fn at(through: u64, partial: u64, taken: u64) -> Cursor {
        Cursor { through, partial, taken: u32::try_from(taken).unwrap_or(u32::MAX) }
    }

    /// The same, but not behind the last segment: what comes is then released.
    pub(crate) fn within(self, last: u64) -> Cursor {
        Cursor { through: self.through.min(last), ..self }
    }

    /// Writes it down.
    pub(crate) fn store(&self, db: &Connection) -> Result<(), Error> {
        set(db, meta::THROUGH, sql(self.through))?;
        set(db, meta::PARTIAL, sql(self.partial))?;
        set(db, meta::TAKEN, self.taken)
    }

    /// Id of the last segment that has passed as a whole.
    pub(crate) fn through(&self) -> u64 {
        self.through
    }

    /// How many records of a segment have not passed.
    pub(crate) fn unreleased(&self, segment: &Segment) -> u64 {
        if segment.id <= self.through {
            0
        } else {
            segment.records.saturating_sub(self.taken_of(segment)).into()
        }
    }

    fn taken_of(&self, segment: &Segment) -> u32 {
        if segment.id == self.partial { self.taken } else { 0 }
    }
}

/// Whether a batch is due: enough records wait, or the oldest has waited long enough.
pub(crate) fn is_due(db: &Connection, settings: &Settings, now_ms: u64) -> Result<bool, Error> {
    if erase::is_tombstone_due(db)? {
        return Ok(true);
    }
    let cursor = Cursor::load(db)?;
    let Some(oldest) = segment::after(db, cursor.through, 1)?.pop() else { return Ok(false) };
    let delay = u64::try_from(settings.batch_delay.as_millis()).unwrap_or(u64::MAX);
    // A clock that was set back must not hold records for as long as it was wrong.
    if now_ms.checked_sub(oldest.created_ms).is_none_or(|age| age >= delay) {
        return Ok(true);
    }
    let segments = segment::after(db, cursor.through, MAX_SEGMENTS)?;
    let waiting: u64 = segments.iter().map(|s| cursor.unreleased(s)).sum();
    Ok(waiting >= u64::try_from(settings.batch_records).unwrap_or(u64::MAX))
}

/// How long the oldest record that waits may still wait for others, milliseconds; `None` where none does.
pub(crate) fn due_in(db: &Connection, delay_ms: u64, now_ms: u64) -> Result<Option<u64>, Error> {
    let oldest = segment::after(db, Cursor::load(db)?.through, 1)?.pop();
    Ok(oldest.map(|oldest| oldest.created_ms.saturating_add(delay_ms).saturating_sub(now_ms)))
}

/// How many records wait for the release gate.
pub(crate) fn waiting(db: &Connection) -> Result<u64, Error> {
    let cursor = Cursor::load(db)?;
    let all = if cursor.through == 0 {
        // Without a receiver that is all that is kept.
        kept::records(db)?.values().fold(0, |sum: u64, records| sum.saturating_add(*records))
    } else {
        let behind = "SELECT COALESCE(SUM(records), 0) FROM segment WHERE id > ?1";
        number(db.prepare_cached(behind)?.query_row([sql(cursor.through)], |r| r.get(0))?)
    };
    let partial = segment::after(db, cursor.through, 1)?.first().map_or(0, |s| cursor.taken_of(s));
    Ok(all.saturating_sub(partial.into()))
}

/// Applies the release gate to what waits, up to the size of one batch. Changes nothing.
pub(crate) fn gather(
    db: &Connection,
    keys: &Keys,
    gate: &ReleaseGate,
    most: usize,
) -> Result<Gathered, Error> {
    let mut gathered = Gathered { cursor: Cursor::load(db)?, ..Gathered::default() };
    let (mut bytes, mut examined) = (0, 0);
    for segment in segment::after(db, gathered.cursor.through, MAX_SEGMENTS)? {
        if gathered.first == 0 {
            gathered.first = segment.id;
        }
        gathered.gap |= segment.id != gathered.cursor.through.saturating_add(1);
        let records = match segment::open(db, keys, &segment) {
            Ok(records) => records,
            Err(error) if error::is_damaged(&error) => {
                gathered.damaged.push(segment);
                gathered.pass(&segment);
                continue;
            }
            Err(error) => return Err(error),
        };
        let start = gathered.cursor.taken_of(&segment);
        for (at, Kept { record, erased }) in
            (0_u32..).zip(&records).skip(usize::try_from(start).unwrap_or(usize::MAX))
        {
            if gathered.records.len() >= most || bytes >= MAX_BYTES || examined >= MAX_EXAMINED {
                gathered.cursor.partial = segment.id;
                gathered.cursor.taken = at;
                return Ok(gathered);
            }
            examined += 1;
            // What is kept for the session only is so because of an address that the record may not hold any more.
            let session_only = matches!(segment.key, KeyRef::Session(_)) && !gate.releases_randomised_macs();
            let verdict = if *erased {
                Verdict::Withhold(ERASED)
            } else if session_only {
                Verdict::Withhold(RANDOMISED_MAC)
            } else {
                gate.release_among(record, keys, &Members { db, keys })
            };
            match verdict {
                Verdict::Release(minimised) => {
                    bytes += codec::encode(std::slice::from_ref(&minimised))?.len();
                    if let Some(count) = class_slot(&mut gathered.classes, record.kind().class()) {
                        *count += 1;
                    }
                    gathered.records.push(minimised);
                }
                Verdict::Withhold(reason) => {
                    *gathered.withheld.entry((record.kind(), reason)).or_default() += 1;
                }
            }
        }
        gathered.pass(&segment);
    }
    Ok(gathered)
}

/// Makes the next batch in the caller's transaction: sealed into the outbox, written in the ledger,
/// the cursor behind it. Gives its sequence, or `None` when nothing is worth a batch.
pub(crate) fn release(
    db: &Connection,
    keys: &Keys,
    rules: &Rules,
    settings: &Settings,
    epoch: u64,
    now_ms: u64,
) -> Result<Option<u64>, Error> {
    erase::note_plain(db, rules)?;
    let before = Cursor::load(db)?;
    let gathered = gather(db, keys, rules.release(), settings.batch_records)?;
    if gathered.gap {
        segment::note_missing(db)?;
    }
    for segment in &gathered.damaged {
        segment::quarantine(db, segment, &before, now_ms)?;
    }
    for ((kind, reason), records) in &gathered.withheld {
        account::add(db, End::Withheld(*kind), reason, *records)?;
    }
    // Not behind a number that a flipped bit gave a segment that is in quarantine now: what comes has lower ones.
    gathered.cursor.within(last_id(db, "segment")?).store(db)?;
    let (withheld, lost) = account::take(db)?;
    let sequence = get_number(db, meta::SEQUENCE)?.saturating_add(1);
    let forget = erase::take_tombstone(db, keys, sequence, MAX_FORGET)?;
    if gathered.records.is_empty() && withheld.is_empty() && lost.is_empty() && forget.is_empty() {
        return Ok(None);
    }
    let records = u64::try_from(gathered.records.len()).unwrap_or(u64::MAX);
    let id = BatchId { appliance: settings.appliance.clone(), epoch, sequence };
    let batch = Batch {
        id,
        rules: rules.digest(),
        regions: settings.regions.clone(),
        profile: rules.release().profile().name().to_owned(),
        records: gathered.records,
        withheld,
        lost,
        forget,
        replaces: Vec::new(),
    };
    let encoded = batch.encode()?;
    let (digest, key) = (batch::digest(&encoded), keys.present());
    let sealed = keys.seal(key, Place::Outbox { sequence, records, digest: &digest, key }, &encoded)?;
    let KeyRef::Epoch(key_epoch) = key else { return Err(Error::Damaged("data key")) };
    let [bulk, state, account] = gathered.classes.map(sql);
    db.prepare_cached(
        "INSERT INTO outbox (sequence, created_ms, epoch, first_segment, bulk, state, account, digest, sealed)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        sql(sequence),
        sql(now_ms),
        sql(key_epoch),
        sql(gathered.first),
        bulk,
        state,
        account,
        digest,
        sealed
    ])?;
    set(db, meta::SEQUENCE, sql(sequence))?;
    let bytes = u64::try_from(encoded.len()).unwrap_or(u64::MAX);
    ledger::append(db, &Event::Released { sequence, records, bytes, digest }, now_ms)?;
    Ok(Some(sequence))
}

/// Sets the number of the last batch from what the outbox and the ledger say, so that none is given twice.
pub(crate) fn set_sequence_right(db: &Connection) -> Result<(), Error> {
    let last: i64 = db.query_row(
        "SELECT MAX(COALESCE((SELECT MAX(sequence) FROM outbox), 0),
                    COALESCE((SELECT MAX(CASE WHEN json_valid(detail) THEN json_extract(detail, '$.sequence') END)
                                FROM ledger WHERE event = 'released'), 0))",
        [],
        |r| r.get(0),
    )?;
    // Of a ledger that was pruned the last entry for long may be another.
    set(db, meta::SEQUENCE, sql(number(last).max(get_number(db, meta::RECEIPTED)?)))
}

/// Sets the epoch of the batches from what waits, or else from the ledger's first entry: receipts of what waits name it. Where
/// neither is there any more, it stays another one.
pub(crate) fn set_epoch_right(db: &Connection, keys: &Keys) -> Result<(), Error> {
    for waiting in outbox::all(db)? {
        if let Ok(batch) = outbox::read(db, keys, &waiting).and_then(|bytes| Ok(Batch::decode(&bytes)?)) {
            return set(db, meta::EPOCH, sql(batch.id.epoch));
        }
    }
    let created = "SELECT CASE WHEN json_valid(detail) THEN json_extract(detail, '$.epoch') END
                     FROM ledger WHERE event = 'created'";
    match db.query_row(created, [], |r| r.get::<_, Option<i64>>(0)).optional()? {
        Some(Some(epoch)) => set(db, meta::EPOCH, epoch),
        _ => Ok(()),
    }
}

impl Gathered {
    fn pass(&mut self, segment: &Segment) {
        self.cursor = Cursor { through: segment.id, partial: 0, taken: 0 };
    }
}

/// The count of a class in an array that is in the order of [`Class::ALL`].
fn class_slot(counts: &mut [u64; Class::ALL.len()], class: Class) -> Option<&mut u64> {
    counts.iter_mut().zip(Class::ALL).find(|(_, c)| *c == class).map(|(count, _)| count)
}

/// Most segments that one batch reads.
const MAX_SEGMENTS: u32 = 1_024;
/// Most records that the gate looks at for one batch, withheld ones included.
const MAX_EXAMINED: usize = 16_384;
/// A batch is full once its records take so many octets before compression. One more record of the
/// largest size still fits into [`codec::MAX_SET_BYTES`].
const MAX_BYTES: usize = 2 << 20;
