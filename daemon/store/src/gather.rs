//! Sets of few records on their way into segments: those that are alike stand one behind the other in columns, and are made into what
//! a segment is made of as if they had come together.

use headgate_record::columns::{Columns, Rows, Sheet};

use crate::Error;
use crate::block::BLOCK_OCTETS;
use crate::clock::Moment;
use crate::prepare::{Content, Like, Set, Whole};
use crate::seal::KeyRef;
use crate::segment::Sealing;

/// Sets on their way, at most one group of each class and sort of key: records of these keep their order.
#[derive(Default)]
pub(crate) struct Gather {
    groups: Vec<Group>,
    made: Vec<Made>,
}

struct Group {
    at: Moment,
    like: Like,
    columns: Columns,
}

/// What makes a segment.
pub(crate) struct Made {
    /// When the first of its records was taken.
    pub(crate) at: Moment,
    /// What its records have in common.
    pub(crate) like: Like,
    content: Ready,
}

enum Ready {
    Whole(Box<Whole>),
    /// Columns that stand behind no other ones.
    Rows(Vec<u8>),
}

impl Gather {
    /// Adds those sets that are [`Content::Few`]; all of these have one clock in common, or come from one hand-over.
    ///
    /// # Errors
    /// [`Error::Record`] for what is no set of columns; [`Error::Memory`].
    pub(crate) fn add(&mut self, at: Moment, sets: &[Set]) -> Result<(), Error> {
        for set in sets {
            if let Ok(Content::Few(outline)) = &set.content {
                self.add_one(at, outline.like, &set.columns)?;
            }
        }
        Ok(())
    }

    fn add_one(&mut self, at: Moment, like: Like, columns: &[u8]) -> Result<(), Error> {
        let sheet = Sheet::read(columns)?;
        let beside =
            |group: &Group| (group.like.class, group.like.randomised) == (like.class, like.randomised);
        if let Some(place) = self.groups.iter().position(beside) {
            let fits = |group: &&mut Group| group.like == like && group.at.clock == at.clock;
            if let Some(group) = self.groups.get_mut(place).filter(fits)
                && group.columns.octets() < BLOCK_OCTETS
                && group.columns.append(&sheet)?
            {
                return Ok(());
            }
            let full = self.groups.swap_remove(place);
            self.made.push(full.make()?);
        }
        let mut group = Group { at, like, columns: Columns::new() };
        if group.columns.append(&sheet)? {
            self.groups.push(group);
        } else {
            self.made.push(Made { at, like, content: Ready::Rows(columns.to_vec()) });
        }
        Ok(())
    }

    /// What was made of all that was added.
    ///
    /// # Errors
    /// [`Error::Record`], which does not happen; [`Error::Memory`].
    pub(crate) fn finish(&mut self) -> Result<Vec<Made>, Error> {
        for group in self.groups.drain(..) {
            self.made.push(group.make()?);
        }
        Ok(std::mem::take(&mut self.made))
    }
}

impl Group {
    fn make(self) -> Result<Made, Error> {
        let mut columns = Vec::with_capacity(self.columns.octets());
        self.columns.encode(&mut columns)?;
        let whole = Whole::of(&Sheet::read(&columns)?, self.like)?;
        Ok(Made { at: self.at, like: self.like, content: Ready::Whole(Box::new(whole)) })
    }
}

impl Made {
    /// How many records there are.
    ///
    /// # Errors
    /// [`Error::Record`], which does not happen.
    pub(crate) fn records(&self) -> Result<u64, Error> {
        let records = match &self.content {
            Ready::Whole(whole) => whole.who.len(),
            Ready::Rows(columns) => Sheet::read(columns)?.records(),
        };
        Ok(u64::try_from(records).unwrap_or(u64::MAX))
    }

    /// Seals it under this key.
    ///
    /// # Errors
    /// Those of sealing.
    pub(crate) fn seal(&self, sealing: &mut Sealing<'_>, key: KeyRef) -> Result<(), Error> {
        match &self.content {
            Ready::Whole(whole) => sealing.push_whole(key, self.like.class, whole),
            Ready::Rows(columns) => Rows::new(columns)?.try_for_each(|record| sealing.push(key, &record?)),
        }
    }
}
