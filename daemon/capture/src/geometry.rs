//! The size of a ring.

use std::fmt::Display;

use crate::Error;

/// How the memory of a ring is divided. Opener and reader must agree on it, so it travels in the
/// descriptor's name ([`Descriptor`](crate::Descriptor)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    /// Octets of one block: a multiple of 4,096 up to [`Geometry::MAX_BLOCK_BYTES`].
    pub block_bytes: u32,
    /// Blocks, at least 1.
    pub blocks: u32,
}

impl Geometry {
    /// Largest block, in octets.
    pub const MAX_BLOCK_BYTES: u32 = 16 << 20;
    /// Largest ring, in octets.
    pub const MAX_RING_BYTES: u64 = 1 << 30;

    /// The division of `mib` mebibytes, at least 1 and at most 1,024.
    ///
    /// Blocks are as large as they may be where there are several: who reads is woken for each.
    #[must_use]
    pub fn for_budget(mib: u32) -> Geometry {
        let bytes = mib.clamp(1, MAX_BUDGET_MIB) << 20;
        let block_bytes = (bytes / LEAST_BLOCKS).next_power_of_two().clamp(MIN_BLOCK_BYTES, MAX_BLOCK_BYTES);
        Geometry { block_bytes, blocks: bytes / block_bytes }
    }

    /// Gives back a geometry that the kernel can make.
    ///
    /// # Errors
    /// [`Error::Geometry`] when a limit above is broken.
    pub(crate) fn checked(self) -> Result<Geometry, Error> {
        let blocks_fit = self.block_bytes != 0
            && self.block_bytes.is_multiple_of(BLOCK_ALIGNMENT)
            && self.block_bytes <= Geometry::MAX_BLOCK_BYTES;
        let ring_fits = u64::from(self.block_bytes) * u64::from(self.blocks) <= Geometry::MAX_RING_BYTES;
        if blocks_fit && ring_fits && self.blocks != 0 { Ok(self) } else { Err(Error::Geometry(self)) }
    }
}

impl Display for Geometry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}x{}", self.block_bytes, self.blocks)
    }
}

/// Octets of a block: holds thousands of headers, and any frame whole.
const MIN_BLOCK_BYTES: u32 = 256 << 10;
/// The kernel fills it in memory that lies together, where it finds so much.
const MAX_BLOCK_BYTES: u32 = 1 << 20;
/// A reader that is late for one block has the others.
const LEAST_BLOCKS: u32 = 8;
const MAX_BUDGET_MIB: u32 = 1_024;
/// A block is a whole number of pages; the kernel refuses what does not fit its own page size.
const BLOCK_ALIGNMENT: u32 = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_that_cannot_be_made_is_refused() {
        for (block_bytes, blocks) in
            [(0, 1), (4_096, 0), (4_095, 1), (32 << 20, 1), (1 << 20, 1_025), (4_096, u32::MAX)]
        {
            assert!(Geometry { block_bytes, blocks }.checked().is_err(), "{block_bytes}x{blocks}");
        }
    }

    #[test]
    fn a_budget_is_kept_within_its_limits() {
        for (mib, block_bytes, blocks) in
            [(1, 256 << 10, 4), (3, 512 << 10, 6), (4, 512 << 10, 8), (8, 1 << 20, 8), (9, 1 << 20, 9)]
        {
            assert_eq!(Geometry::for_budget(mib), Geometry { block_bytes, blocks }, "{mib}");
        }
        assert_eq!(Geometry::for_budget(0), Geometry::for_budget(1));
        assert_eq!(Geometry::for_budget(u32::MAX), Geometry::for_budget(1_024));
        assert!(Geometry::for_budget(u32::MAX).checked().is_ok());
    }
}
