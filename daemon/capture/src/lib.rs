//! Frames in: the live ring and capture files.
//!
//! **What it does.** A short privileged process calls [`open`]: it makes a packet socket, attaches a
//! compiled filter that says how many octets of each frame to keep, locks that filter for good and hands
//! the descriptor on under a name that says what it is for ([`Descriptor`]). The process that sees takes it with [`adopt`], which
//! believes nothing but what the kernel says about it, and reads cut frames from a [`Ring`] without any
//! capability. [`attach`], which needs none either, binds it again when its interface is back. [`File`] gives frames of pcap and pcapng files in the same form, cut by the same program.
//!
//! **What it never does.** It parses no protocol above the VLAN tag, sends nothing, writes no file,
//! logs nothing, and never reads a whole capture file into memory. Octets that the filter does not keep
//! never reach its memory from a wire, and never leave it from a file.
//!
//! **Who uses it.** The sensor, and whatever opens for it. It imports none of our crates; a filter comes
//! in as plain [`Instruction`]s. It is the only crate with `unsafe`, all of it in `sys.rs`.
#![deny(clippy::indexing_slicing, clippy::as_conversions)]

mod block;
mod descriptor;
mod error;
mod file;
mod frame;
mod geometry;
mod ring;
mod socket;
mod sys;

pub use descriptor::{Descriptor, Share};
pub use error::{Error, FileError};
pub use file::{Ended, File, FileInterface, FileSummary, Piece, Pieces, Take, Whole};
pub use frame::{Frame, Instruction, Tag};
pub use geometry::Geometry;
pub use ring::{Ring, Statistics};
pub use socket::{Presence, adopt, attach, open, prefer_card_time, prepare};

/// Whether the kernel says that this machine's clock, which gives frames their time, is synchronised.
///
/// # Errors
/// What adjtimex(2) says.
pub fn clock_is_synchronised() -> std::io::Result<bool> {
    sys::clock_is_synchronised()
}
