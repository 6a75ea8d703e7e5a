//! Packing of what segments and the tail hold: zstd (RFC 8878), with one context for each thread and way, because to make one takes
//! longer than to pack a segment.

use std::cell::RefCell;
use std::thread::LocalKey;

use zstd::bulk::{Compressor, Decompressor};

use crate::Error;

type Packer = RefCell<Option<Compressor<'static>>>;

thread_local! {
    static SMALL: Packer = const { RefCell::new(None) };
    static FAST: Packer = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Packs octets that stay.
///
/// # Errors
/// [`Error::Memory`].
pub(crate) fn pack(content: &[u8]) -> Result<Vec<u8>, Error> {
    pack_with(&SMALL, LEVEL, content)
}

/// Packs octets that are packed anew in a moment.
///
/// # Errors
/// [`Error::Memory`].
pub(crate) fn pack_fast(content: &[u8]) -> Result<Vec<u8>, Error> {
    pack_with(&FAST, FAST_LEVEL, content)
}

fn pack_with(packer: &'static LocalKey<Packer>, level: i32, content: &[u8]) -> Result<Vec<u8>, Error> {
    let failed = |_| Error::Memory;
    packer.with_borrow_mut(|packer| match packer {
        Some(packer) => packer.compress(content).map_err(failed),
        none => none.insert(Compressor::new(level).map_err(failed)?).compress(content).map_err(failed),
    })
}

/// Unpacks what [`pack`] and [`pack_fast`] made, of at most so many octets.
///
/// # Errors
/// [`Error::Sealed`] for anything else; [`Error::Memory`].
pub(crate) fn unpack(packed: &[u8], most: usize) -> Result<Vec<u8>, Error> {
    let size = Decompressor::upper_bound(packed).unwrap_or(most).min(most);
    UNPACKER.with_borrow_mut(|unpacker| match unpacker {
        Some(unpacker) => unpacker.decompress(packed, size).map_err(|_| Error::Sealed),
        none => {
            let unpacker = Decompressor::new().map_err(|_| Error::Memory)?;
            none.insert(unpacker).decompress(packed, size).map_err(|_| Error::Sealed)
        }
    })
}

/// The fastest of zstd's usual levels.
const LEVEL: i32 = 1;
/// One that takes half the time.
const FAST_LEVEL: i32 = -3;
