//! The value of one option, put together from its instances, and how its parts are read.

use std::{borrow::Cow, fmt, net::Ipv4Addr, ops::Deref};

use arrayvec::ArrayVec;
use serde::{Serialize, Serializer};

use crate::{Kind, Layer, Malformed, Octets, Text, cursor::Cursor};

/// Octets of an option, as they were sent; a copy only where the option was split (RFC 3396).
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct OptionOctets<'a>(pub Cow<'a, [u8]>);

/// Text of an option, as it was sent; see [`Text`].
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct OptionText<'a>(pub Cow<'a, [u8]>);

impl OptionText<'_> {
    /// The text, safe to show.
    #[must_use]
    pub fn text(&self) -> Text<'_> {
        Text(&self.0)
    }
}

impl Deref for OptionOctets<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl Deref for OptionText<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for OptionOctets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Octets(self).fmt(f)
    }
}

impl fmt::Debug for OptionText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text())
    }
}

impl Serialize for OptionOctets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Octets(self).serialize(serializer)
    }
}

impl Serialize for OptionText<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text().serialize(serializer)
    }
}

/// A value that is being read. Of what is wrong with it, the first fault is kept.
pub(super) struct Value<'v, 'a> {
    /// The octets of all instances.
    whole: &'v [u8],
    /// Those of the first one.
    first: &'v [u8],
    keep: fn(&'v [u8]) -> Cow<'a, [u8]>,
    pub(super) fault: Option<Kind>,
    /// Entries that found no room in a list.
    pub(super) omitted: u32,
}

impl<'a> Value<'a, 'a> {
    /// A value of one instance, which is borrowed from the frame.
    pub(super) fn borrowed(value: &'a [u8]) -> Self {
        Value { whole: value, first: value, keep: Cow::Borrowed, fault: None, omitted: 0 }
    }
}

impl<'v, 'a> Value<'v, 'a> {
    /// A value of several instances. What is kept of it is copied.
    pub(super) fn joined(whole: &'v [u8], first: &'v [u8]) -> Self {
        Value { whole, first, keep: |part| Cow::Owned(part.to_vec()), fault: None, omitted: 0 }
    }

    pub(super) fn len(&self) -> u16 {
        u16::try_from(self.whole.len()).unwrap_or(u16::MAX)
    }

    /// The octets. The offset of its faults counts from the start of the value.
    pub(super) fn cursor(&self) -> Cursor<'v> {
        Cursor::new(self.whole, 0, Layer::Dhcpv4)
    }

    /// Keeps the first fault.
    pub(super) fn note<T>(&mut self, result: Result<T, Kind>) -> Option<T> {
        result.map_err(|kind| self.fault.get_or_insert(kind)).ok()
    }

    /// A value of exactly `N` octets. Where the option comes again and is whole each time, the first
    /// one counts.
    pub(super) fn fixed<const N: usize>(&mut self) -> Option<[u8; N]> {
        if let Ok(value) = self.whole.try_into() {
            return Some(value);
        }
        let first = self.first.try_into().ok();
        self.note::<()>(Err(if first.is_some() { Kind::Duplicate } else { Kind::Length }));
        first
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.fixed().map(|[octet]| octet)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.fixed().map(u16::from_be_bytes)
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.fixed().map(u32::from_be_bytes)
    }

    pub(super) fn address(&mut self) -> Option<Ipv4Addr> {
        self.fixed().map(|octets: [u8; 4]| octets.into())
    }

    /// The whole value, of at least `shortest` octets.
    pub(super) fn octets(&mut self, shortest: usize) -> Option<Cow<'a, [u8]>> {
        let is_long_enough = self.whole.len() >= shortest;
        self.note(if is_long_enough { Ok(()) } else { Err(Kind::Length) })?;
        Some(self.keep(self.whole))
    }

    /// A text of at least one octet.
    pub(super) fn text(&mut self) -> Option<OptionText<'a>> {
        self.octets(1).map(OptionText)
    }

    /// A part of the value, for as long as the message lives.
    pub(super) fn keep(&self, part: &'v [u8]) -> Cow<'a, [u8]> {
        (self.keep)(part)
    }

    /// The entries that `read` finds one behind another, at least one, up to the first that is malformed.
    pub(super) fn list<T, const N: usize>(
        &mut self,
        read: impl FnMut(&mut Cursor<'v>) -> Result<T, Malformed>,
    ) -> ArrayVec<T, N> {
        let cursor = self.cursor();
        let some = if cursor.is_empty() { Err(Kind::Length) } else { Ok(()) };
        self.note(some);
        let (list, omitted, result) = list(cursor, read);
        self.omitted = self.omitted.saturating_add(omitted);
        self.note(result);
        list
    }

    pub(super) fn addresses<const N: usize>(&mut self) -> ArrayVec<Ipv4Addr, N> {
        self.list(|cursor| cursor.u32().map(Ipv4Addr::from))
    }
}

/// The entries up to the end or the first that is malformed, how many found no room, and what is wrong.
pub(super) fn list<'v, T, const N: usize>(
    mut cursor: Cursor<'v>,
    mut read: impl FnMut(&mut Cursor<'v>) -> Result<T, Malformed>,
) -> (ArrayVec<T, N>, u32, Result<(), Kind>) {
    let mut list = ArrayVec::new();
    let mut omitted = 0_u32;
    for _ in 0..MAX_VALUE_LEN {
        if cursor.is_empty() {
            break;
        }
        match read(&mut cursor) {
            Ok(entry) if list.is_full() => {
                drop(entry);
                omitted = omitted.saturating_add(1);
            }
            Ok(entry) => list.push(entry),
            Err(malformed) => return (list, omitted, Err(within(malformed))),
        }
    }
    (list, omitted, Ok(()))
}

/// What a fault within a value says about the option: one that ends too early has a wrong length.
pub(super) fn within(malformed: Malformed) -> Kind {
    match malformed.kind {
        Kind::Short => Kind::Length,
        kind => kind,
    }
}

/// Sets what may be there once. The first one counts.
pub(super) fn once<T>(slot: &mut Option<T>, value: T) -> Result<(), Kind> {
    if slot.is_some() {
        return Err(Kind::Duplicate);
    }
    *slot = Some(value);
    Ok(())
}

/// Whether a field says nothing, so that it need not be shown.
pub(crate) fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// Most octets of a value, and so most of its entries: no UDP datagram has more.
const MAX_VALUE_LEN: usize = 65_535;
