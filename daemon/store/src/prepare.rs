//! A hand-over made ready for the database, away from it: read, checked, and packed as its segments will hold it. Whoever reads the
//! sensor's connection does this while the keeper commits the hand-over before.

use std::collections::HashMap;
use std::hash::BuildHasherDefault;

use headgate_record::columns::{Cell, Sheet};
use headgate_record::local::{FromSensor, Handover, RecordSet};
use headgate_record::{
    Class, Error as RecordError, Field, Identity, Kind, Mac, Stated, ValueView, codec, is_randomised,
};
use headgate_rules::Summary;

use crate::block::{BLOCK_OCTETS, Kinds};
use crate::identity::{IdHasher, MULTIPLIER};
use crate::{Error, pack};

/// A hand-over.
pub(crate) struct Prepared {
    /// Number of its first record.
    pub(crate) first: u64,
    /// How many records it has.
    pub(crate) records: u64,
    /// How many octets it came in.
    pub(crate) octets: usize,
    /// Its records.
    pub(crate) sets: Vec<Set>,
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
    Whole(Box<Whole>),
    /// Each must be looked at.
    Mixed,
}

/// Records that make one segment.
pub(crate) struct Whole {
    /// Their class.
    pub(crate) class: Class,
    /// Whether they are of stations whose address is drawn at random; of others none is among them.
    pub(crate) randomised: bool,
    /// What the rules are asked.
    pub(crate) summary: Summary,
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
        let sets = sets.into_iter().map(Set::of).collect::<Result<Vec<_>, _>>()?;
        Ok(Prepared { first, records: sets.iter().map(|set| set.records).sum(), octets: message.len(), sets })
    }
}

impl Set {
    fn of(set: RecordSet<'_>) -> Result<Set, Error> {
        let content = match Sheet::read(set.columns) {
            Ok(sheet) if sheet.records() == set.records => {
                let whole = if set.columns.len() <= BLOCK_OCTETS { Whole::of(&sheet)? } else { None };
                Ok(whole.map_or(Content::Mixed, |whole| Content::Whole(Box::new(whole))))
            }
            Ok(_) => Err(reason(&RecordError::Encoding("columns"))),
            Err(error) => Err(reason(&error)),
        };
        let records = u64::try_from(set.records).unwrap_or(u64::MAX);
        let columns = if content.is_ok() { set.columns.to_vec() } else { Vec::new() };
        Ok(Set { records, columns, content })
    }
}

impl Whole {
    /// `None` where the records do not belong into one segment, or each must be looked at.
    fn of(sheet: &Sheet<'_>) -> Result<Option<Whole>, Error> {
        let kinds: Vec<Kind> = sheet.kinds().collect();
        let Some(class) = kinds.first().map(|kind| kind.class()) else { return Ok(None) };
        if sheet.records() == 0 {
            return Ok(None);
        }
        let counts_members = |kind: &Kind| Field::GROUPS.iter().any(|field| field.kind() == *kind);
        if kinds.iter().any(|kind| kind.class() != class || counts_members(kind)) {
            return Ok(None);
        }
        let asks = |field: Field| {
            field.identity() != Identity::Nobody
                || is_station(field)
                || matches!(field, Field::NeighborInfrastructure | Field::DeviceLocallyAdministered)
        };
        let (mut randomised, mut infrastructure, mut uniform) = (None, None, true);
        let (mut counts, mut parts, mut who) = (Kinds::default(), Parts::default(), Vec::new());
        sheet.each(asks, |kind, cells| {
            let row = Row { kind, cells };
            counts.add(kind);
            let is_infrastructure = row.is_true(Field::NeighborInfrastructure);
            if kind == Kind::Neighbor {
                uniform &= *infrastructure.get_or_insert(is_infrastructure) == is_infrastructure;
            }
            let is_random = is_randomised(&row);
            uniform &= *randomised.get_or_insert(is_random) == is_random;
            let tells = kind != Kind::Counters && !is_infrastructure;
            let part = |parts: &mut Parts, who| tells.then(|| parts.number(kind, cells, who)).flatten();
            who.push([part(&mut parts, Identity::Subject), part(&mut parts, Identity::End)]);
        })?;
        if !uniform {
            return Ok(None);
        }
        let infrastructure = infrastructure == Some(true);
        let stays = |field: Field| {
            let tells_nobody = match field.kind() {
                Kind::Counters => true,
                Kind::Neighbor => infrastructure,
                _ => false,
            };
            tells_nobody || field.identity() == Identity::Nobody
        };
        let mut columns = Vec::new();
        sheet.encode(stays, &mut columns);
        let mut content = Vec::with_capacity(columns.len() + 4);
        codec::put_varint(&mut content, u64::try_from(columns.len()).unwrap_or(u64::MAX));
        content.extend_from_slice(&columns);
        let packed = pack::pack(&content)?;
        let (fields, stations) = (sheet.fields().collect(), sheet.macs().collect());
        let summary = Summary { kinds, fields, stations, infrastructure };
        let randomised = randomised == Some(true);
        Ok(Some(Whole { class, randomised, summary, kinds: counts, packed, parts, who }))
    }
}

/// Whether a field names a station whose address may be drawn at random.
fn is_station(field: Field) -> bool {
    field.kind().subject() == Some(field) || field.kind().stations().contains(&field)
}

/// A record of which the cells are known that a gate asks for.
struct Row<'a> {
    kind: Kind,
    cells: &'a [Cell<'a>],
}

impl Row<'_> {
    fn get(&self, field: Field) -> Option<ValueView<'_>> {
        self.cells.iter().find(|cell| cell.field == field).map(|cell| cell.value)
    }
}

impl Stated for Row<'_> {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn mac(&self, field: Field) -> Option<Mac> {
        self.get(field)?.mac()
    }

    fn is_true(&self, field: Field) -> bool {
        field.kind() == self.kind && self.get(field).is_some_and(ValueView::is_true)
    }

    fn number(&self, field: Field) -> Option<u64> {
        self.get(field)?.number()
    }

    fn text(&self, _: Field) -> Option<&str> {
        None
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
