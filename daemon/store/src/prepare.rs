//! A hand-over made ready for the database, away from it: read, checked, and packed as its segments will hold it. Whoever reads the
//! sensor's connection does this while the keeper commits the hand-over before.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::sync::Arc;

use headgate_record::columns::{Cell, Sheet};
use headgate_record::local::{FromSensor, Handover, RecordSet};
use headgate_record::{Error as RecordError, Field, Identity, Kind, codec};

use crate::block::{BLOCK_OCTETS, Kinds};
use crate::identity::{IdHasher, MULTIPLIER};
use crate::{Error, pack};

mod outline;

pub(crate) use outline::{Like, Outline};

/// A hand-over.
#[derive(Clone)]
pub(crate) struct Prepared {
    /// Number of its first record.
    pub(crate) first: u64,
    /// How many records it has.
    pub(crate) records: u64,
    /// How many octets it came in.
    pub(crate) octets: usize,
    /// Its records.
    pub(crate) sets: Arc<[Set]>,
    /// The message itself, where all of its sets are [`Content::Few`]: as it may wait in the tail. It is not packed: zstd would keep in
    /// its own memory whom it names.
    pub(crate) message: Option<Arc<[u8]>>,
}

/// Records that came together.
pub(crate) struct Set {
    /// How many.
    pub(crate) records: u64,
    /// Their columns, as they came; nothing where they are none.
    pub(crate) columns: Vec<u8>,
    /// What was made of them, or why they are none.
    pub(crate) content: Result<Content, &'static str>,
}

/// Records that can be read.
pub(crate) enum Content {
    /// They are ready to be sealed, if the rules keep all of them.
    Whole(Box<Outline>, Box<Whole>),
    /// They make a segment with others that come, if the rules keep all of them.
    Few(Box<Outline>),
    /// Each must be looked at.
    Mixed,
}

/// Records that make one segment.
pub(crate) struct Whole {
    /// How many of each kind.
    pub(crate) kinds: Kinds,
    /// Columns without what identifies anybody, as a block has them, packed.
    pub(crate) packed: Vec<u8>,
    /// What identifies somebody.
    pub(crate) parts: Parts,
    /// Of each record in order its subject and its other end, by their places among the parts.
    pub(crate) who: Vec<[Option<usize>; 2]>,
}

impl Prepared {
    /// Reads a message of the sensor's.
    ///
    /// # Errors
    /// [`Error::Unusable`] for one that is not of records; [`Error::Memory`].
    pub(crate) fn of(message: &[u8]) -> Result<Prepared, Error> {
        let Ok(Handover::Records { first, sets }) = FromSensor::decode(message) else {
            return Err(Error::Unusable("not a message of records"));
        };
        let is_small = message.len() <= FEW_OCTETS;
        let sets: Arc<[Set]> =
            sets.into_iter().map(|set| Set::of(set, is_small)).collect::<Result<_, _>>()?;
        let is_few = !sets.is_empty() && sets.iter().all(|set| matches!(set.content, Ok(Content::Few(_))));
        let records = sets.iter().map(|set| set.records).sum();
        let (octets, message) = (message.len(), is_few.then(|| message.into()));
        Ok(Prepared { first, records, octets, sets, message })
    }
}

impl Set {
    fn of(set: RecordSet<'_>, is_small: bool) -> Result<Set, Error> {
        let content = match Sheet::read(set.columns) {
            Ok(sheet) if sheet.records() == set.records => Ok(Content::of(&sheet, set.columns, is_small)?),
            Ok(_) => Err(reason(&RecordError::Encoding("columns"))),
            Err(error) => Err(reason(&error)),
        };
        let records = u64::try_from(set.records).unwrap_or(u64::MAX);
        let columns = if content.is_ok() { set.columns.to_vec() } else { Vec::new() };
        Ok(Set { records, columns, content })
    }
}

impl Content {
    fn of(sheet: &Sheet<'_>, columns: &[u8], is_small: bool) -> Result<Content, Error> {
        if columns.len() > BLOCK_OCTETS {
            return Ok(Content::Mixed);
        }
        let Some(outline) = Outline::of(sheet)? else { return Ok(Content::Mixed) };
        if is_small && sheet.is_plain() {
            return Ok(Content::Few(Box::new(outline)));
        }
        let whole = Whole::of(sheet, outline.like)?;
        Ok(Content::Whole(Box::new(outline), Box::new(whole)))
    }
}

impl Whole {
    /// What makes a segment of records that are alike.
    pub(crate) fn of(sheet: &Sheet<'_>, like: Like) -> Result<Whole, Error> {
        let tells = |kind: Kind| match kind {
            Kind::Counters => false,
            Kind::Neighbor => !like.infrastructure,
            _ => true,
        };
        let (mut kinds, mut parts, mut who) = (Kinds::default(), Parts::default(), Vec::new());
        sheet.each(
            |field| field.identity() != Identity::Nobody,
            |kind, cells| {
                kinds.add(kind);
                let part =
                    |parts: &mut Parts, who| tells(kind).then(|| parts.number(kind, cells, who)).flatten();
                who.push([part(&mut parts, Identity::Subject), part(&mut parts, Identity::End)]);
            },
        )?;
        let stays = |field: Field| !tells(field.kind()) || field.identity() == Identity::Nobody;
        let mut columns = Vec::new();
        sheet.encode(stays, &mut columns);
        let mut content = Vec::with_capacity(columns.len() + 4);
        codec::put_varint(&mut content, u64::try_from(columns.len()).unwrap_or(u64::MAX));
        content.extend_from_slice(&columns);
        Ok(Whole { kinds, packed: pack::pack(&content)?, parts, who })
    }
}

/// Parts of records that identify somebody, each of them once.
#[derive(Default)]
pub(crate) struct Parts {
    parts: Vec<Part>,
    /// Each part as the octets of a record.
    octets: Vec<u8>,
    spots: Vec<(usize, u64)>,
    /// By a hash of its spots.
    places: HashMap<u64, usize, BuildHasherDefault<IdHasher>>,
}

struct Part {
    who: Identity,
    octets_end: usize,
    spots_end: usize,
}

impl Parts {
    /// The parts in order: whom each names, and its octets.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Identity, &[u8])> {
        self.parts.iter().enumerate().map(|(at, part)| {
            let octets = self.octets.get(self.before(at).0..part.octets_end).unwrap_or_default();
            (part.who, octets)
        })
    }

    /// The place of the part of a record that names its subject, or its other end; `None` where nothing does.
    fn number(&mut self, kind: Kind, cells: &[Cell<'_>], who: Identity) -> Option<usize> {
        let cells = || cells.iter().filter(|cell| cell.field.identity() == who);
        let hash = cells().fold(0_u64, |hash, cell| {
            let (column, said) = cell.spot;
            let column = u64::try_from(column).unwrap_or_default();
            (hash.rotate_left(23) ^ said ^ column << 48).wrapping_mul(MULTIPLIER)
        });
        let known = self.places.get(&hash).copied();
        if let Some(at) = known
            && cells().map(|cell| &cell.spot).eq(self.spots_of(at))
        {
            return Some(at);
        }
        cells().next()?;
        let at = self.parts.len();
        codec::put_views(kind, cells().map(|cell| (cell.field, cell.value)), &mut self.octets);
        self.spots.extend(cells().map(|cell| cell.spot));
        self.parts.push(Part { who, octets_end: self.octets.len(), spots_end: self.spots.len() });
        self.places.insert(hash, at);
        Some(at)
    }

    fn spots_of(&self, at: usize) -> &[(usize, u64)] {
        let end = self.parts.get(at).map_or(0, |part| part.spots_end);
        self.spots.get(self.before(at).1..end).unwrap_or_default()
    }

    fn before(&self, at: usize) -> (usize, usize) {
        let before = at.checked_sub(1).and_then(|before| self.parts.get(before));
        before.map_or((0, 0), |part| (part.octets_end, part.spots_end))
    }
}

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

/// Messages of the sensor's up to so many octets are not made ready by themselves: many of them make one segment together.
pub(crate) const FEW_OCTETS: usize = 24 << 10;
