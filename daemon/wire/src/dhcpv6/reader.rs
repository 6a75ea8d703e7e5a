//! How options are found and how their values are read.

use arrayvec::ArrayVec;

use super::MAX_OPTIONS;
use crate::{Faults, Kind, Malformed, Text, cursor::Cursor};

/// What is wrong with a message, and what found no room.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) faults: Faults,
    pub(super) omitted: u32,
}

/// An option as it is framed (21.1).
#[derive(Clone, Copy)]
pub(super) struct RawOption<'a> {
    pub(super) code: u16,
    pub(super) length: u16,
    /// Where it begins.
    pub(super) start: Cursor<'a>,
    /// Its value, which may be captured in part.
    pub(super) value: Cursor<'a>,
}

impl Tally {
    /// Keeps what is wrong. That the capture was cut, as everything at its end finds, is kept once.
    pub(super) fn note<T>(&mut self, result: Result<T, Malformed>) -> Option<T> {
        let is_cut = |malformed: &Malformed| malformed.kind == Kind::NotCaptured;
        if result.as_ref().is_err_and(is_cut) && self.faults.iter().any(is_cut) {
            return None;
        }
        self.faults.note(result)
    }

    /// Adds an entry, where there is room.
    pub(super) fn push<T, const N: usize>(&mut self, list: &mut ArrayVec<T, N>, entry: T) {
        if list.try_push(entry).is_err() {
            self.omitted = self.omitted.saturating_add(1);
        }
    }

    /// The entries that `read` finds one behind another, up to the first that is malformed.
    pub(super) fn list<'a, T, const N: usize>(
        &mut self,
        mut cursor: Cursor<'a>,
        mut read: impl FnMut(&mut Cursor<'a>) -> Result<T, Malformed>,
    ) -> ArrayVec<T, N> {
        let mut list = ArrayVec::new();
        for _ in 0..MAX_VALUE_LEN {
            if cursor.is_empty() {
                break;
            }
            let entry = read(&mut cursor);
            match self.note(entry) {
                Some(entry) => self.push(&mut list, entry),
                None => break,
            }
        }
        list
    }
}

impl<'a> RawOption<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let start = *cursor;
        let code = cursor.u16()?;
        let length = cursor.u16()?;
        let mut value = *cursor;
        if value.limit(length.into()).is_err() {
            return Err(start.malformed(Kind::Length));
        }
        Ok(RawOption { code, length, start, value })
    }

    /// Sets a field from the whole value. The first of two options of the same code counts.
    pub(super) fn field<T>(
        &self,
        slot: &mut Option<T>,
        read: impl FnOnce(&mut Cursor<'a>) -> Result<T, Malformed>,
    ) -> Result<(), Malformed> {
        let mut value = self.value;
        let found = read(&mut value)?;
        if slot.is_some() {
            return Err(self.start.malformed(Kind::Duplicate));
        }
        *slot = Some(found);
        if value.is_empty() { Ok(()) } else { Err(value.malformed(Kind::Length)) }
    }

    /// Sets a field that says all by being there.
    pub(super) fn flag(&self, slot: &mut bool) -> Result<(), Malformed> {
        let again = std::mem::replace(slot, true);
        if again {
            return Err(self.start.malformed(Kind::Duplicate));
        }
        if self.value.is_empty() { Ok(()) } else { Err(self.value.malformed(Kind::Length)) }
    }

    /// Keeps the number of octets only.
    pub(super) fn length_only(&self, slot: &mut Option<u16>) -> Result<(), Malformed> {
        if slot.is_some() {
            return Err(self.start.malformed(Kind::Duplicate));
        }
        *slot = Some(self.length);
        Ok(())
    }

    /// Sets a list from the whole value. The first of two options of the same code counts.
    pub(super) fn list<T, const N: usize>(
        &self,
        slot: &mut ArrayVec<T, N>,
        tally: &mut Tally,
        read: impl FnMut(&mut Cursor<'a>) -> Result<T, Malformed>,
    ) -> Result<(), Malformed> {
        if !slot.is_empty() {
            return Err(self.start.malformed(Kind::Duplicate));
        }
        *slot = tally.list(self.value, read);
        Ok(())
    }
}

/// Hands over the options one by one, and notes what is wrong with each. True where all were found.
pub(super) fn each<'a>(
    mut cursor: Cursor<'a>,
    tally: &mut Tally,
    mut read: impl FnMut(RawOption<'a>, &mut Tally) -> Result<(), Malformed>,
) -> bool {
    for _ in 0..MAX_OPTIONS {
        if cursor.is_empty() {
            return true;
        }
        let Some(option) = tally.note(RawOption::parse(&mut cursor)) else { return false };
        let result = read(option, tally);
        tally.note(result);
        // Nothing is captured behind an option that was cut.
        if tally.note(cursor.take(option.length.into())).is_none() {
            return false;
        }
    }
    let rest = if cursor.is_empty() { Ok(()) } else { Err(cursor.malformed(Kind::Limit)) };
    tally.note(rest).is_some()
}

/// All octets that are left.
pub(super) fn rest<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    cursor.take(cursor.wire_remaining())
}

/// A text, up to the end.
pub(super) fn text<'a>(cursor: &mut Cursor<'a>) -> Result<Text<'a>, Malformed> {
    rest(cursor).map(Text)
}

/// Octets behind a length of two octets.
pub(super) fn counted<'a>(cursor: &mut Cursor<'a>) -> Result<&'a [u8], Malformed> {
    let length = cursor.u16()?;
    cursor.take(length.into())
}

/// An IPv6 address.
pub(super) fn address(cursor: &mut Cursor<'_>) -> Result<std::net::Ipv6Addr, Malformed> {
    cursor.array().map(|octets: &[u8; 16]| (*octets).into())
}

/// Most octets of a value, and so most of its entries.
const MAX_VALUE_LEN: usize = 65_535;
