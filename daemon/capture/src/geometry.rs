//! The size of a ring, and the name under which its descriptor is handed over.

use std::fmt::Display;

use crate::Error;

/// How the memory of a ring is divided. Opener and reader must agree on it, so it travels in the
/// descriptor's name.
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

/// The name under which a descriptor is handed over: `eth0@1048576x8`.
///
/// For an interface that [`open`](crate::open) accepts it is valid as systemd's `FDNAME=`
/// (sd_notify(3): ASCII without control characters and colon, at most 255).
#[must_use]
pub fn descriptor_name(interface: &str, geometry: Geometry) -> String {
    format!("{interface}@{geometry}")
}

/// The interface and geometry of a [`descriptor_name`].
///
/// # Errors
/// [`Error::DescriptorName`] when it has another form, [`Error::InterfaceName`] and [`Error::Geometry`]
/// when a part of it cannot be.
pub fn parse_descriptor_name(name: &str) -> Result<(String, Geometry), Error> {
    let malformed = || Error::DescriptorName(name.chars().take(MAX_QUOTED).collect());
    let number = |digits: &str| {
        let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
        if plain { digits.parse().map_err(|_| malformed()) } else { Err(malformed()) }
    };
    let (interface, geometry) = name.rsplit_once('@').ok_or_else(malformed)?;
    let (block_bytes, blocks) = geometry.split_once('x').ok_or_else(malformed)?;
    let geometry = Geometry { block_bytes: number(block_bytes)?, blocks: number(blocks)? }.checked()?;
    Ok((checked_interface(interface)?.to_owned(), geometry))
}

/// Gives back a name that an interface can have and that fits in a descriptor's name.
///
/// # Errors
/// [`Error::InterfaceName`].
pub(crate) fn checked_interface(name: &str) -> Result<&str, Error> {
    let usual = name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/' && byte != b':');
    if usual && (1..=MAX_INTERFACE_NAME).contains(&name.len()) && name != "." && name != ".." {
        Ok(name)
    } else {
        Err(Error::InterfaceName(name.chars().take(MAX_QUOTED).collect()))
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
/// `IFNAMSIZ` without its terminating zero.
const MAX_INTERFACE_NAME: usize = 15;
/// Most characters of a refused name that an error repeats.
const MAX_QUOTED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_name_survives_its_parsing() {
        let geometry = Geometry { block_bytes: 262_144, blocks: 32 };
        assert_eq!(descriptor_name("eth0", geometry), "eth0@262144x32");
        for interface in ["eth0", "br-lan.12", "a@b", "wlp0s20f3-long1"] {
            let (name, parsed) = parse_descriptor_name(&descriptor_name(interface, geometry)).unwrap();
            assert_eq!((name.as_str(), parsed), (interface, geometry));
        }
    }

    #[test]
    fn a_descriptor_name_of_another_form_is_refused() {
        for name in
            ["", "eth0", "eth0@", "eth0@262144", "eth0@x", "eth0@262144x", "eth0@+4096x1", "eth0@4096x-1"]
        {
            assert!(matches!(parse_descriptor_name(name), Err(Error::DescriptorName(_))), "{name}");
        }
        for name in ["@4096x1", "a b@4096x1", "..@4096x1", "eth0:1@4096x1", "sixteen-letters-@4096x1"] {
            assert!(matches!(parse_descriptor_name(name), Err(Error::InterfaceName(_))), "{name}");
        }
    }

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
