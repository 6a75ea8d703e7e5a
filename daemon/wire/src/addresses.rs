//! Lists of IP addresses, read where they are in the frame, and what bounded lists share.

use std::{
    fmt,
    marker::PhantomData,
    net::{Ipv4Addr, Ipv6Addr},
};

use arrayvec::ArrayVec;
use serde::{Serialize, Serializer};

use crate::{Malformed, cursor::Cursor};

/// An IP address of fixed length on the wire.
pub trait Address: Copy {
    /// Octets of an address.
    const LEN: usize;

    /// The address; `None` unless there are [`Address::LEN`] octets.
    fn from_octets(octets: &[u8]) -> Option<Self>;

    /// The address that is next.
    ///
    /// # Errors
    /// What is wrong where it is not whole.
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed>;
}

impl Address for Ipv4Addr {
    const LEN: usize = 4;

    fn from_octets(octets: &[u8]) -> Option<Self> {
        <[u8; 4]>::try_from(octets).ok().map(Self::from)
    }

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        cursor.array::<4>().map(|octets| Self::from(*octets))
    }
}

impl Address for Ipv6Addr {
    const LEN: usize = 16;

    fn from_octets(octets: &[u8]) -> Option<Self> {
        <[u8; 16]>::try_from(octets).ok().map(Self::from)
    }

    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        cursor.array::<16>().map(|octets| Self::from(*octets))
    }
}

/// Addresses one behind another in a frame. There are no more of them than the frame has room for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Addresses<'a, A> {
    octets: &'a [u8],
    address: PhantomData<A>,
}

impl<'a, A: Address> Addresses<'a, A> {
    /// The next `count` addresses. Where there are fewer, those that are whole and what is wrong.
    pub(crate) fn parse(cursor: &mut Cursor<'a>, count: usize) -> (Self, Result<(), Malformed>) {
        let wanted = count.saturating_mul(A::LEN);
        let captured = cursor.rest().len();
        let whole = captured.saturating_sub(captured.checked_rem(A::LEN).unwrap_or(0));
        let octets = cursor.take(wanted.min(whole)).unwrap_or(&[]);
        let missing = wanted.saturating_sub(octets.len());
        let result = cursor.take(missing).map(|_| ());
        (Addresses { octets, address: PhantomData }, result)
    }

    /// The addresses, in the order they were sent.
    pub fn iter(&self) -> impl Iterator<Item = A> + use<'a, A> {
        self.octets.chunks_exact(A::LEN).filter_map(A::from_octets)
    }

    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.octets.len().checked_div(A::LEN).unwrap_or(0)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }
}

impl<A> Default for Addresses<'_, A> {
    fn default() -> Self {
        Addresses { octets: &[], address: PhantomData }
    }
}

impl<A: Address + fmt::Debug> fmt::Debug for Addresses<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<A: Address + Serialize> Serialize for Addresses<'_, A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

/// Adds an entry, or counts it where there is no room.
pub(crate) fn keep<T, const N: usize>(list: &mut ArrayVec<T, N>, omitted: &mut u32, entry: T) {
    if list.try_push(entry).is_err() {
        *omitted = omitted.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, Layer};

    #[test]
    fn whole_addresses_are_read_and_a_part_of_one_is_named() {
        let bytes = [10, 0, 0, 1, 10, 0, 0, 2, 9, 9];
        let mut cursor = Cursor::new(&bytes, 0, Layer::Igmp);
        let (addresses, result) = Addresses::<Ipv4Addr>::parse(&mut cursor, 3);
        assert!(addresses.iter().eq([Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)]));
        assert_eq!((addresses.len(), result.unwrap_err().kind), (2, Kind::Short));
        let mut cursor = Cursor::new(&bytes, 12, Layer::Igmp);
        assert_eq!(Addresses::<Ipv4Addr>::parse(&mut cursor, 3).1.unwrap_err().kind, Kind::NotCaptured);
        let mut cursor = Cursor::new(&bytes, 0, Layer::Igmp);
        let (addresses, result) = Addresses::<Ipv4Addr>::parse(&mut cursor, 1);
        assert_eq!((addresses.len(), result, cursor.offset()), (1, Ok(()), 4));
    }
}
