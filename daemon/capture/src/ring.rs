//! The reader's end of a capture descriptor: frames out of shared memory, without any capability.

use std::fmt::{self, Debug};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use crate::socket::{BLOCK_TIMEOUT, RING_VERSION};
use crate::{Error, Frame, Geometry, block, sys};

/// A mapped TPACKET_V3 receive ring.
pub struct Ring {
    // Unmapped before the socket is closed.
    mapping: sys::Mapping,
    socket: OwnedFd,
    geometry: Geometry,
    next: u32,
}

/// What the kernel counted since it was last asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Frames that the filter kept and the ring took.
    pub received: u64,
    /// Frames that the filter kept and for which the ring had no room.
    pub lost: u64,
}

impl Ring {
    /// A frame waits in the kernel no longer until its block is handed over.
    pub const LONGEST_WAIT: Duration = BLOCK_TIMEOUT;

    /// Maps the ring that [`open`](crate::open) made in the descriptor.
    ///
    /// `geometry` must be the one that it was made with; [`Descriptor::parse`](crate::Descriptor::parse) gives it. The kernel
    /// refuses another size as a whole, but cannot be asked how the ring is divided.
    ///
    /// # Errors
    /// [`Error::Geometry`], and [`Error::Map`] when the descriptor has no ring, one of another size or
    /// version, or one that is mapped already in this process.
    pub fn map(descriptor: OwnedFd, geometry: Geometry) -> Result<Ring, Error> {
        let geometry = geometry.checked()?;
        let failed = |source| Error::Map { geometry, source };
        let size = |number: u32| usize::try_from(number).ok().and_then(NonZeroUsize::new);
        let (Some(block_bytes), Some(blocks)) = (size(geometry.block_bytes), size(geometry.blocks)) else {
            return Err(Error::Geometry(geometry));
        };
        let socket = descriptor.as_fd();
        let version = sys::number(socket, libc::SOL_PACKET, libc::PACKET_VERSION).map_err(failed)?;
        if version != RING_VERSION {
            return Err(failed(io::Error::from_raw_os_error(libc::EINVAL)));
        }
        let mapping = sys::Mapping::new(socket, block_bytes, blocks).map_err(failed)?;
        Ok(Ring { mapping, socket: descriptor, geometry, next: 0 })
    }

    /// Waits for a block of frames, hands each to `f` in order, and gives the block back to the kernel.
    ///
    /// Handles at most one block; gives the number of its frames, or 0 when `timeout` passed or a signal
    /// came. Frames wait some [`Ring::LONGEST_WAIT`] at most in the kernel before their block is handed over.
    ///
    /// # Errors
    /// [`Error::InterfaceDown`] once each time that the interface goes down: go on polling.
    /// [`Error::Block`]: the block was given back, frames before the contradiction were handed on; go on
    /// polling. [`Error::InterfaceGone`]: [`attach`](crate::attach) again, and go on polling. [`Error::Wait`]: open again.
    pub fn poll<F: FnMut(Frame<'_>)>(&mut self, timeout: Duration, mut f: F) -> Result<usize, Error> {
        if let Some(handled) = self.take_block(&mut f) {
            return handled;
        }
        self.wait(timeout)?;
        self.take(f)
    }

    /// As [`Ring::poll`] for a block that is at hand already: it waits for nothing, asks the kernel nothing, and so hears
    /// nothing of the interface.
    ///
    /// # Errors
    /// [`Error::Block`], as there.
    pub fn take<F: FnMut(Frame<'_>)>(&mut self, mut f: F) -> Result<usize, Error> {
        self.take_block(&mut f).unwrap_or(Ok(0))
    }

    /// What the kernel counted since this was last called.
    ///
    /// # Errors
    /// [`Error::Statistics`].
    pub fn statistics(&mut self) -> Result<Statistics, Error> {
        let counted = sys::statistics(self.socket.as_fd()).map_err(Error::Statistics)?;
        // tp_packets counts those that found no room, too (packet(7)).
        let received = counted.tp_packets.saturating_sub(counted.tp_drops);
        Ok(Statistics { received: received.into(), lost: counted.tp_drops.into() })
    }

    /// How the ring is divided.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        self.geometry
    }

    fn take_block(&mut self, f: &mut impl FnMut(Frame<'_>)) -> Option<Result<usize, Error>> {
        let number = self.next;
        let block = self.mapping.block(usize::try_from(number).ok()?)?;
        self.next = if number + 1 < self.geometry.blocks { number + 1 } else { 0 };
        Some(block::walk(block.bytes(), f).map_err(|what| Error::Block { block: number, what }))
    }

    fn wait(&self, timeout: Duration) -> Result<(), Error> {
        let socket = self.socket.as_fd();
        let timeout_ms = i32::try_from(timeout.as_micros().div_ceil(1_000)).unwrap_or(i32::MAX);
        let events = match sys::poll(socket, timeout_ms) {
            Ok(events) => events,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(error) => return Err(Error::Wait(error)),
        };
        if events & libc::POLLERR != 0 {
            // Reading the error clears it.
            return match sys::number(socket, libc::SOL_SOCKET, libc::SO_ERROR).map_err(Error::Wait)? {
                0 => Ok(()),
                libc::ENODEV | libc::ENXIO => Err(Error::InterfaceGone),
                libc::ENETDOWN if self.is_gone()? => Err(Error::InterfaceGone),
                libc::ENETDOWN => Err(Error::InterfaceDown),
                code => Err(Error::Wait(io::Error::from_raw_os_error(code))),
            };
        }
        // An interface that was down before it went away raises no second error.
        if events == 0 && self.is_gone()? { Err(Error::InterfaceGone) } else { Ok(()) }
    }

    fn is_gone(&self) -> Result<bool, Error> {
        let bound = sys::bound_to(self.socket.as_fd()).map_err(Error::Wait)?;
        Ok(bound.sll_ifindex == UNBOUND)
    }
}

impl AsFd for Ring {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// Says the size only: the memory holds frames.
impl Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").field("geometry", &self.geometry).finish_non_exhaustive()
    }
}

/// What the kernel puts in place of an interface that no longer exists.
const UNBOUND: i32 = -1;
