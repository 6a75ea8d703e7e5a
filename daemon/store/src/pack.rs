//! Packing of what segments hold: zstd (RFC 8878), with one context for each thread, because to make one takes longer than to
//! pack a segment.

use std::cell::RefCell;

use zstd::bulk::{Compressor, Decompressor};

use crate::Error;

thread_local! {
    static PACKER: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static UNPACKER: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Packs octets.
///
/// # Errors
/// [`Error::Memory`].
pub(crate) fn pack(content: &[u8]) -> Result<Vec<u8>, Error> {
    let failed = |_| Error::Memory;
    PACKER.with_borrow_mut(|packer| match packer {
        Some(packer) => packer.compress(content).map_err(failed),
        none => none.insert(Compressor::new(LEVEL).map_err(failed)?).compress(content).map_err(failed),
    })
}

/// Unpacks what [`pack`] made, of at most so many octets.
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
