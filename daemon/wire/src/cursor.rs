//! The one place where frame octets are addressed. Everything else takes what it needs from here, and
//! gets it whole or not at all.

use crate::{Kind, Layer, Malformed};

/// A reading position within a frame.
///
/// It knows the layer that is being read, and how many octets of it were on the wire beyond those
/// that were captured, so that a cut capture is not taken for a short frame.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'a> {
    rest: &'a [u8],
    /// Octets of the layer that were on the wire and not captured.
    uncaptured: usize,
    /// Offset of the end of `rest` in the frame.
    end: usize,
    layer: Layer,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of a frame of `wire_len` octets, of which `frame` was captured.
    #[inline(always)]
    #[must_use]
    pub fn new(frame: &'a [u8], wire_len: u32, layer: Layer) -> Self {
        let wire_len = usize::try_from(wire_len).unwrap_or(usize::MAX);
        Cursor { rest: frame, uncaptured: wire_len.saturating_sub(frame.len()), end: frame.len(), layer }
    }

    /// The same position, read as `layer`.
    #[inline(always)]
    #[must_use]
    pub fn enter(self, layer: Layer) -> Self {
        Cursor { layer, ..self }
    }

    /// A checked view of the next `N` octets.
    ///
    /// # Errors
    /// [`Kind::Short`] where the layer ends before them, [`Kind::NotCaptured`] where only the capture does; so
    /// for all that takes octets. The cursor then stays where it is.
    #[inline(always)]
    pub fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], Malformed> {
        match self.rest.split_first_chunk::<N>() {
            Some((view, rest)) => {
                self.rest = rest;
                Ok(view)
            }
            None => Err(self.ends_before(N)),
        }
    }

    /// The next `length` octets.
    #[inline(always)]
    pub fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        match self.rest.split_at_checked(length) {
            Some((taken, rest)) => {
                self.rest = rest;
                Ok(taken)
            }
            None => Err(self.ends_before(length)),
        }
    }

    /// The next octet.
    #[inline(always)]
    pub fn u8(&mut self) -> Result<u8, Malformed> {
        self.array().map(|[octet]| *octet)
    }

    /// The next two octets as a number in network order.
    #[inline(always)]
    pub fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(|view| u16::from_be_bytes(*view))
    }

    /// The next four octets as a number in network order.
    #[inline(always)]
    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(|view| u32::from_be_bytes(*view))
    }

    /// A cursor that ends `length` octets from here; this one goes on behind them.
    #[inline(always)]
    pub fn split(&mut self, length: usize) -> Result<Cursor<'a>, Malformed> {
        let mut part = *self;
        self.take(length)?;
        part.limit(length)?;
        Ok(part)
    }

    /// Whether nothing of the layer is left, captured or not.
    #[inline(always)]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.wire_remaining() == 0
    }

    /// Ends the layer `length` octets from here. Where the frame on the wire is shorter than that, the
    /// cursor keeps what there is.
    #[inline(always)]
    pub fn limit(&mut self, length: usize) -> Result<(), Malformed> {
        if length > self.wire_remaining() {
            return Err(self.malformed(Kind::Length));
        }
        match self.rest.split_at_checked(length) {
            Some((kept, beyond)) => {
                self.rest = kept;
                self.end = self.end.saturating_sub(beyond.len());
                self.uncaptured = 0;
            }
            None => self.uncaptured = length.saturating_sub(self.rest.len()),
        }
        Ok(())
    }

    /// The captured octets from here to the end of the layer.
    #[inline(always)]
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether octets of the layer were on the wire and not captured.
    #[inline(always)]
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.uncaptured > 0
    }

    /// Octets on the wire from here to the end of the layer.
    #[inline(always)]
    #[must_use]
    pub fn wire_remaining(&self) -> usize {
        self.rest.len().saturating_add(self.uncaptured)
    }

    /// Octets from the start of the frame.
    #[inline(always)]
    #[must_use]
    pub fn offset(&self) -> u32 {
        u32::try_from(self.end.saturating_sub(self.rest.len())).unwrap_or(u32::MAX)
    }

    /// What is wrong at this position.
    #[cold]
    #[must_use]
    // By value, here and below: a cursor that nobody points to stays in registers.
    pub fn malformed(self, kind: Kind) -> Malformed {
        Malformed { layer: self.layer, offset: self.offset(), kind }
    }

    #[cold]
    fn ends_before(self, length: usize) -> Malformed {
        let on_the_wire = self.wire_remaining() >= length;
        self.malformed(if on_the_wire { Kind::NotCaptured } else { Kind::Short })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind<T>(result: Result<T, Malformed>) -> Option<Kind> {
        result.err().map(|e| e.kind)
    }

    #[test]
    fn octets_come_whole_or_not_at_all() {
        let mut cursor = Cursor::new(&[1, 2, 3], 3, Layer::Ethernet);
        assert_eq!(cursor.array::<2>(), Ok(&[1, 2]));
        assert_eq!(kind(cursor.array::<2>()), Some(Kind::Short));
        assert_eq!(cursor.take(1), Ok(&[3][..]));
        assert_eq!(cursor.offset(), 3);
    }

    #[test]
    fn a_cut_capture_is_not_a_short_frame() {
        let mut cursor = Cursor::new(&[1, 2, 3], 10, Layer::Ethernet);
        assert_eq!(kind(cursor.take(10)), Some(Kind::NotCaptured));
        assert_eq!(kind(cursor.take(11)), Some(Kind::Short));
    }

    #[test]
    fn a_limit_holds_for_captured_and_uncaptured_octets() {
        let mut cursor = Cursor::new(&[1, 2, 3], 10, Layer::Udp);
        assert_eq!(kind(cursor.limit(11)), Some(Kind::Length));
        cursor.limit(5).unwrap();
        assert_eq!(cursor.wire_remaining(), 5);
        cursor.limit(2).unwrap();
        assert_eq!((cursor.rest(), cursor.is_cut(), cursor.offset()), (&[1, 2][..], false, 0));
        cursor.array::<1>().unwrap();
        assert_eq!(kind(cursor.take(2)), Some(Kind::Short));
        assert_eq!(cursor.offset(), 1);
    }

    #[test]
    fn a_part_is_split_off_with_its_offset() {
        let mut cursor = Cursor::new(&[1, 2, 3, 4], 4, Layer::Udp);
        cursor.u8().unwrap();
        let mut part = cursor.split(2).unwrap();
        assert_eq!((part.offset(), part.u16().unwrap(), part.is_empty()), (1, 0x0203, true));
        assert_eq!(part.u8().unwrap_err(), Malformed { layer: Layer::Udp, offset: 3, kind: Kind::Short });
        assert_eq!((cursor.offset(), cursor.rest()), (3, &[4][..]));
        assert_eq!(kind(cursor.split(2)), Some(Kind::Short));
    }

    #[test]
    fn a_wire_length_below_the_captured_one_is_taken_as_equal() {
        assert_eq!(Cursor::new(&[1, 2, 3], 0, Layer::Udp).wire_remaining(), 3);
    }
}
