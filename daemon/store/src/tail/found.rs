//! What is found in the tail when the store is opened: hand-overs that were acknowledged and not absorbed.

use std::sync::Arc;

use headgate_record::Class;
use headgate_record::codec::take_varint;
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension};

use super::damage::{Damage, add_of};
use super::older::HALF;
use super::packer::Packer;
use super::part::{Head, Part};
use super::{Tail, most};
use crate::clock::Moment;
use crate::database::contents::Counts;
use crate::database::{meta, number};
use crate::keys::Keys;
use crate::prepare::{Prepared, Set};
use crate::seal::{Cipher, Place};
use crate::{Error, admit, error};

/// Rows of the tail, each as it was read, in the order of their numbers.
type Rows = Vec<(u64, Vec<u8>)>;

impl Tail {
    /// The tail as it was left. What waits in it is to be absorbed before anything else is asked of the store.
    ///
    /// # Errors
    /// Those of the database. What is damaged is counted when it is absorbed, and is no error.
    pub(crate) fn load(db: &Connection, keys: &Keys, cap: u64) -> Result<Tail, Error> {
        let said = match single(db, meta::TAIL)? {
            Some(Value::Integer(filling)) => Some(number(filling)),
            _ => None,
        };
        let (even, odd) = (single(db, meta::TAIL_KEY)?, single(db, meta::TAIL_KEY_ODD)?);
        let knows_two = odd.is_some();
        let wrapped = [even, odd].map(|value| match value {
            Some(Value::Blob(wrapped)) => wrapped,
            _ => Vec::new(),
        });
        // Which of them is whose is told by what opens it: with one filling its key always stood in the same place.
        let cipher_of = |filling| wrapped.iter().find_map(|wrapped| keys.tail_cipher(filling, wrapped).ok());
        let has_key = |filling: u64| cipher_of(filling).is_some();
        let rows = rows(db)?;
        let heads = || {
            rows.iter().filter_map(|(slot, octets)| match Part::read(*slot, octets) {
                Part::Is(head, _) => Some(head),
                _ => None,
            })
        };
        let latest = heads().max_by_key(|head| head.filling);
        let latest_filling = latest.map(|head| head.filling);
        let (told, has_both) = oldest(said, latest_filling, has_key);
        let by_rows = || latest_filling.map(|latest| latest.saturating_sub(1)).or(said).unwrap_or(0);
        let oldest = told.unwrap_or_else(by_rows);
        let is_of_latest = |head: &Head| latest.is_some_and(|latest| latest.session == head.session);
        let waits = |head: &Head| {
            if (oldest..=oldest.saturating_add(1)).contains(&head.filling) {
                // Of two fillings that wait, both are of one session.
                return told.is_some() || is_of_latest(head);
            }
            // What is in no segment waits, whatever is said.
            is_of_latest(head)
                && admit::committed(db, head.session).is_ok_and(|committed| head.last() > committed)
        };
        let is_damaged = match told {
            Some(_) if has_both => told != said,
            Some(filling) => knows_two || !has_key(filling),
            None => said.is_some() || latest.is_some(),
        };
        let mut tail = Tail {
            filling: oldest
                .max(latest_filling.unwrap_or(0))
                .max(said.filter(|_| told.is_none()).unwrap_or(0)),
            cipher: None,
            after: None,
            older: None,
            waiting: None,
            packer: Packer::new(),
            made: Vec::new(),
            slots: most(cap),
            next: 0,
            octets: 0,
            since_ms: 0,
            damage: Damage { rows: u64::from(is_damaged), ..Damage::default() },
            #[cfg(test)]
            found: 0,
            #[cfg(test)]
            fillings: Default::default(),
        };
        for (slot, head) in tail.hand_overs(&rows, waits) {
            let cipher = cipher_of(head.filling);
            let content = cipher.as_ref().and_then(|cipher| opened(keys, cipher, slot, &head, &rows));
            tail.found(db, &head, content)?;
        }
        // Where rows are of a later one that nothing waits of, all is begun anew.
        if tail.is_empty() && tail.filling == oldest {
            (tail.cipher, tail.after) = (cipher_of(oldest), cipher_of(oldest.saturating_add(1)));
        }
        Ok(tail)
    }

    /// The hand-overs that wait, in their order, each with its first row. Rows that are not what was written are counted.
    fn hand_overs(&mut self, rows: &Rows, waits: impl Fn(&Head) -> bool) -> Vec<(u64, Head)> {
        let (mut expected, mut found) = (0_u64, Vec::new());
        for (slot, octets) in rows {
            if *slot >= HALF {
                expected = expected.max(HALF);
            }
            // Of each half rows are added one behind the other, and none is taken away.
            self.damage.rows = self.damage.rows.saturating_add(slot.saturating_sub(expected).min(1));
            expected = slot.saturating_add(1);
            match Part::read(*slot, octets) {
                Part::Is(head, _) if head.at == 0 && waits(&head) => found.push((*slot, head)),
                Part::Is(..) | Part::Wiped => {}
                Part::Unsound => self.damage.rows = self.damage.rows.saturating_add(1),
            }
        }
        found.sort_by_key(|(slot, head)| (head.filling, *slot));
        found
    }

    /// Takes what was found, behind what was before; nothing, where it does not open.
    fn found(
        &mut self,
        db: &Connection,
        head: &Head,
        content: Option<(Moment, Arc<[Set]>)>,
    ) -> Result<(), Error> {
        let Head { session, first, records, .. } = *head;
        let before = match self.waiting {
            Some((_, through)) => through,
            None => match admit::committed(db, session) {
                // Damage has taken the session: what waits is as good as before.
                Err(Error::EndedSession) => first.saturating_sub(1),
                committed => committed?,
            },
        };
        let last = head.last();
        if last <= before {
            return Ok(());
        }
        // Of what those were that are missing before it nobody knows: as a rule, of the class of most.
        add_of(&mut self.damage.records, Class::Bulk, first.saturating_sub(before.saturating_add(1)));
        match content {
            Some((at, sets)) => self.packer.add(at, sets),
            None => {
                let classes = Class::ALL.into_iter().zip(records);
                classes.for_each(|(class, records)| add_of(&mut self.damage.records, class, records.into()));
            }
        }
        self.waiting = Some((session, last));
        #[cfg(test)]
        {
            self.found += 1;
            self.fillings.insert(head.filling);
        }
        Ok(())
    }
}

/// The number of the oldest filling that is not absorbed, and whether there are keys of it and of the one behind it. Where the value that
/// says it is damaged, both keys tell it, with the rows; one of them alone only confirms what is said.
fn oldest(said: Option<u64>, latest: Option<u64>, has_key: impl Fn(u64) -> bool) -> (Option<u64>, bool) {
    let next = |filling: u64| filling.saturating_add(1);
    let mut near = said.into_iter().chain(latest).flat_map(|n| [n, n.saturating_sub(1), next(n)]);
    match near.find(|filling| has_key(*filling) && has_key(next(*filling))) {
        Some(filling) => (Some(filling), true),
        None => (said.filter(|filling| has_key(*filling) || has_key(next(*filling))), false),
    }
}

/// When a hand-over was taken, and its sets; `None` where it does not open.
fn opened(keys: &Keys, cipher: &Cipher, slot: u64, head: &Head, rows: &Rows) -> Option<(Moment, Arc<[Set]>)> {
    let mut sealed = Vec::new();
    let start = rows.iter().skip_while(|(row, _)| *row < slot);
    for (at, (row, octets)) in (0..head.of).zip(start) {
        match Part::read(*row, octets) {
            Part::Is(part, data) if part == head.numbered(at) => sealed.extend_from_slice(data),
            _ => return None,
        }
    }
    let length = usize::try_from(head.length).ok().filter(|length| *length <= sealed.len())?;
    sealed.truncate(length);
    let content = keys.open_with(cipher, Place::Tail { slot, head: &head.bound() }, &sealed).ok()?;
    let mut octets = content.as_slice();
    let (wall_ms, clock, lived_ms) =
        (take_varint(&mut octets)?, take_varint(&mut octets)?, take_varint(&mut octets)?);
    Some((Moment { wall_ms, clock, lived_ms }, Prepared::of(octets).ok()?.sets))
}

/// How many records wait in the tail of a database that is not opened, by class, as far as its rows say so. `oldest` is the filling that is the
/// oldest, where that is known.
///
/// # Errors
/// Those of the database.
pub(crate) fn waiting(db: &Connection, oldest: Option<u64>) -> Result<Counts, Error> {
    let (rows, mut counts) = (rows(db)?, Counts::default());
    let heads: Vec<Head> = rows
        .iter()
        .filter_map(|(slot, octets)| match Part::read(*slot, octets) {
            Part::Is(head, _) if head.at == 0 => Some(head),
            _ => None,
        })
        .collect();
    let before_latest = heads.iter().map(|head| head.filling).max().unwrap_or(0).saturating_sub(1);
    for head in heads.iter().filter(|head| head.filling >= oldest.unwrap_or(0).max(before_latest)) {
        // What is in a segment has been absorbed, whatever is said.
        if admit::committed(db, head.session).is_ok_and(|committed| head.last() <= committed) {
            continue;
        }
        let classes = Class::ALL.into_iter().zip(head.records);
        classes.for_each(|(class, records)| add_of(&mut counts, class, records.into()));
    }
    Ok(counts)
}

fn rows(db: &Connection) -> Result<Rows, Error> {
    let mut statement = db.prepare_cached("SELECT slot, part FROM tail ORDER BY slot")?;
    let mut rows = statement.query([])?;
    let mut found = Vec::new();
    loop {
        match rows.next() {
            Ok(Some(row)) => {
                let octets = row.get_ref(1)?.as_blob().unwrap_or_default().to_vec();
                found.push((number(row.get(0)?), octets));
            }
            Ok(None) => return Ok(found),
            // What cannot be read is missing, which is seen by the numbers of what can be.
            Err(failed) if error::is_damage(&failed) && !found.is_empty() => {
                found.push((u64::MAX, Vec::new()));
                return Ok(found);
            }
            Err(failed) => return Err(failed.into()),
        }
    }
}

/// A single value, of whatever type it is now.
fn single(db: &Connection, name: &str) -> Result<Option<Value>, Error> {
    let mut statement = db.prepare_cached("SELECT value FROM meta WHERE name = ?1")?;
    Ok(statement.query_row([name], |r| r.get(0)).optional()?)
}
