//! Whether records belong into one segment, and what the rules are asked of them.

use headgate_record::columns::{Cell, Sheet};
use headgate_record::{Class, Field, Kind, Mac, Stated, ValueView, is_randomised};
use headgate_rules::Summary;

use crate::Error;

/// Records that belong into one segment.
pub(crate) struct Outline {
    /// What they have in common.
    pub(crate) like: Like,
    /// What the rules are asked.
    pub(crate) summary: Summary,
}

/// What records of one segment have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Like {
    /// Their class.
    pub(crate) class: Class,
    /// Whether they are of stations whose address is drawn at random; of others none is among them.
    pub(crate) randomised: bool,
    /// Whether neighbors among them are infrastructure, all of them.
    pub(crate) infrastructure: bool,
}

impl Outline {
    /// `None` where the records do not belong into one segment, or each must be looked at.
    pub(super) fn of(sheet: &Sheet<'_>) -> Result<Option<Outline>, Error> {
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
            is_station(field)
                || matches!(field, Field::NeighborInfrastructure | Field::DeviceLocallyAdministered)
        };
        let (mut randomised, mut infrastructure, mut uniform) = (None, None, true);
        sheet.each(asks, |kind, cells| {
            let row = Row { kind, cells };
            if kind == Kind::Neighbor {
                let is_infrastructure = row.is_true(Field::NeighborInfrastructure);
                uniform &= *infrastructure.get_or_insert(is_infrastructure) == is_infrastructure;
            }
            let is_random = is_randomised(&row);
            uniform &= *randomised.get_or_insert(is_random) == is_random;
        })?;
        if !uniform {
            return Ok(None);
        }
        let (randomised, infrastructure) = (randomised == Some(true), infrastructure == Some(true));
        let (fields, stations) = (sheet.fields().collect(), sheet.macs().collect());
        let like = Like { class, randomised, infrastructure };
        Ok(Some(Outline { like, summary: Summary { kinds, fields, stations, infrastructure } }))
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
