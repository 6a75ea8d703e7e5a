//! Why capturing or reading a capture file does not work, and what to do about it.

use std::io;
use std::os::fd::RawFd;
use std::path::PathBuf;

use crate::{FileSummary, Geometry};

/// The cause of a failure. It names interfaces, descriptors and files, never what a frame holds.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No interface can have this name.
    #[error("{0:?} is not a name that a network interface can have")]
    InterfaceName(String),
    /// There is no such interface in this network namespace.
    #[error("there is no network interface {name}; there {}", list(.present))]
    NoInterface {
        /// The name that was asked for.
        name: String,
        /// The interfaces that exist.
        present: Vec<String>,
    },
    /// The interface carries frames of another kind, in which the filter would cut at the wrong places.
    #[error("{name} carries no Ethernet frames (hardware type {hardware}); choose an Ethernet interface")]
    NotEthernet {
        /// The interface.
        name: String,
        /// Its type, `ARPHRD_*` of linux/if_arp.h.
        hardware: u16,
    },
    /// The process may not open a packet socket.
    #[error(
        "opening a packet socket needs the capability CAP_NET_RAW: start this step as root, or let the \
         service manager run it (ExecStartPre=+)"
    )]
    Permission,
    /// The kernel takes 1 to 4,096 instructions.
    #[error("the filter has {0} instructions; the kernel takes 1 to 4,096")]
    ProgramLength(usize),
    /// The kernel permits a socket less memory than the filter needs, and this process may not raise that.
    #[error(
        "the filter for {0} needs more memory than the kernel permits; permit more: \
         sysctl -w net.core.optmem_max=131072"
    )]
    FilterMemory(String),
    /// The ring cannot have this size.
    #[error(
        "a ring of {0} cannot be made: blocks are multiples of 4,096 octets up to 16 MiB, \
         the whole is at most 1 GiB"
    )]
    Geometry(Geometry),
    /// A step of opening failed.
    #[error("cannot {step} on {interface}")]
    Open {
        /// The interface.
        interface: String,
        /// What was being done.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The descriptor's name is not one of a [`Descriptor`](crate::Descriptor).
    #[error(
        "the descriptor name {0:?} is not of the form interface@bytes-x-blocks, such as eth0@262144x32, or eth0@262144x32/0of2"
    )]
    DescriptorName(String),
    /// No descriptor with this number was handed over.
    #[error("descriptor {0} is not open: nothing was handed over under this number")]
    NotOpen(RawFd),
    /// The descriptor is something else than a raw packet socket.
    #[error("descriptor {0} is not a raw packet socket; it is left alone")]
    NotPacketSocket(RawFd),
    /// The packet socket would deliver whole frames.
    #[error("the packet socket {0} has no filter: it would deliver payload, and is refused")]
    NoFilter(RawFd),
    /// The filter could still be taken away.
    #[error("the filter of packet socket {0} is not locked: it could be taken away, and is refused")]
    FilterNotLocked(RawFd),
    /// The descriptor cannot be asked or set up.
    #[error("cannot take over descriptor {descriptor}")]
    Adopt {
        /// The descriptor.
        descriptor: RawFd,
        /// What the system said.
        source: io::Error,
    },
    /// The socket's ring cannot be mapped.
    #[error(
        "cannot map a ring of {geometry} from the capture descriptor; does its name give the right size?"
    )]
    Map {
        /// The size that was expected.
        geometry: Geometry,
        /// What the system said.
        source: io::Error,
    },
    /// The interface is down. The ring stays valid and delivers again when the interface is up.
    #[error("the interface is down; capture goes on when it is up again")]
    InterfaceDown,
    /// The interface no longer exists. The ring delivers again when it is attached to one of this name.
    #[error("the interface is gone; it must be attached again when it is back")]
    InterfaceGone,
    /// Waiting for frames failed.
    #[error("cannot wait for frames")]
    Wait(#[source] io::Error),
    /// The kernel's counters cannot be read.
    #[error("cannot read the capture counters")]
    Statistics(#[source] io::Error),
    /// A block of the ring contradicts itself. It was given back; the next one may be good.
    #[error("block {block} of the ring contradicts itself: {what}")]
    Block {
        /// Number of the block in the ring.
        block: u32,
        /// The contradiction.
        what: &'static str,
    },
    /// A capture file cannot be read, or not to its end.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why a capture file cannot be read, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no such file.
    #[error("{}: there is no such file", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// The file cannot be opened, or its first octets not be read.
    #[error("{}: cannot be opened", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file holds nothing.
    #[error("{}: is empty; was the capture stopped before it wrote anything?", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The file is of another kind.
    #[error("{}: is not a capture file: {what}; pcap and pcapng are read", path.display())]
    NotACapture {
        /// The file.
        path: PathBuf,
        /// What it is, or is not.
        what: &'static str,
    },
    /// The file ends within a record. Every frame before it was handed on.
    #[error(
        "{}: ends in the middle of the record at octet {offset}; the {} frames before it were read. \
         Copy the file again if the original is longer, otherwise nothing more is in it",
        path.display(), summary.frames
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Where the record that is cut begins.
        offset: u64,
        /// What was read before.
        summary: Box<FileSummary>,
    },
    /// A record contradicts itself or the format. Every frame before it was handed on.
    #[error(
        "{}: is damaged at octet {offset}: {what}; the {} frames before it were read. \
         Copy or record the file again to have the rest",
        path.display(), summary.frames
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damaged record begins.
        offset: u64,
        /// What is wrong.
        what: &'static str,
        /// What was read before.
        summary: Box<FileSummary>,
    },
    /// The medium failed. Every frame before it was handed on.
    #[error(
        "{}: cannot be read on from octet {offset}; the {} frames before it were read. \
         Check the medium",
        path.display(), summary.frames
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// Where the first record begins that could not be read.
        offset: u64,
        /// What the system said.
        source: io::Error,
        /// What was read before.
        summary: Box<FileSummary>,
    },
}

impl FileError {
    /// What was read before the failure; nothing when the file could not be opened.
    #[must_use]
    pub fn summary(&self) -> Option<&FileSummary> {
        match self {
            FileError::Truncated { summary, .. }
            | FileError::Damaged { summary, .. }
            | FileError::Read { summary, .. } => Some(summary),
            FileError::Missing { .. }
            | FileError::Unreadable { .. }
            | FileError::Empty { .. }
            | FileError::NotACapture { .. } => None,
        }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() { "are none".to_owned() } else { format!("are: {}", names.join(", ")) }
}
