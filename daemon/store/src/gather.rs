//! Sets of few records on their way into segments: those that are alike stand one behind the other in columns, and are sealed as if
//! they had come together.

use headgate_record::columns::{Columns, Rows, Sheet};

use crate::Error;
use crate::block::BLOCK_OCTETS;
use crate::prepare::{Like, Whole};
use crate::seal::KeyRef;
use crate::segment::Sealing;

/// Sets that are not sealed yet, at most one group of each class and key: records of these keep their order.
#[derive(Default)]
pub(crate) struct Gather(Vec<Group>);

struct Group {
    key: KeyRef,
    like: Like,
    columns: Columns,
}

impl Gather {
    /// Adds a set, to be sealed under this key. Groups that are full are sealed.
    ///
    /// # Errors
    /// Those of sealing; [`Error::Record`] for what is no set of columns.
    pub(crate) fn add(
        &mut self,
        sealing: &mut Sealing<'_>,
        key: KeyRef,
        like: Like,
        columns: &[u8],
    ) -> Result<(), Error> {
        let sheet = Sheet::read(columns)?;
        let beside = |group: &Group| group.key == key && group.like.class == like.class;
        if let Some(at) = self.0.iter().position(beside) {
            if let Some(group) = self.0.get_mut(at).filter(|group| group.like == like)
                && group.columns.octets() < BLOCK_OCTETS
                && group.columns.append(&sheet)?
            {
                return Ok(());
            }
            self.0.swap_remove(at).seal(sealing)?;
        }
        let mut group = Group { key, like, columns: Columns::new() };
        if group.columns.append(&sheet)? {
            self.0.push(group);
            return Ok(());
        }
        // It stands behind nothing, and nothing behind it.
        Rows::new(columns)?.try_for_each(|record| sealing.push(key, &record?))
    }

    /// Seals what is there, so that what comes is behind it.
    pub(crate) fn flush(&mut self, sealing: &mut Sealing<'_>) -> Result<(), Error> {
        self.0.drain(..).try_for_each(|group| group.seal(sealing))
    }
}

impl Group {
    fn seal(self, sealing: &mut Sealing<'_>) -> Result<(), Error> {
        let mut columns = Vec::with_capacity(self.columns.octets());
        self.columns.encode(&mut columns)?;
        let whole = Whole::of(&Sheet::read(&columns)?, self.like)?;
        sealing.push_whole(self.key, self.like.class, &whole)
    }
}
