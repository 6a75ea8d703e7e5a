//! The system calls of this crate: thin wrappers without decisions.
//!
//! JUSTIFICATION for every call below: packet sockets, their options and the TPACKET_V3 ring have no
//! safe interface in the standard library or in a crate that we use. What is true of single calls only
//! stands beside them.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_int, c_short};
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::Instruction;

/// A raw packet socket that receives nothing yet, non-blocking, closed on exec.
pub(crate) fn packet_socket() -> io::Result<OwnedFd> {
    let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // JUSTIFICATION: see the head of this file.
    // SAFETY: socket(2) takes numbers only.
    let raw = succeeded(unsafe { libc::socket(libc::AF_PACKET, kind, 0) })?;
    // JUSTIFICATION: gives the new descriptor an owner that closes it.
    // SAFETY: the kernel has just opened `raw` for us; nothing else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// The number of an interface in the network namespace of `socket`.
pub(crate) fn interface_index(socket: BorrowedFd<'_>, name: &CStr) -> io::Result<c_int> {
    let request = ask_interface(socket, libc::SIOCGIFINDEX, name)?;
    // JUSTIFICATION: the answer lies in a union.
    // SAFETY: of the union any octets are a number, and the kernel has filled in this one.
    Ok(unsafe { request.ifr_ifru.ifru_ifindex })
}

/// The flags of an interface in the network namespace of `socket` (netdevice(7)).
pub(crate) fn interface_flags(socket: BorrowedFd<'_>, name: &CStr) -> io::Result<c_int> {
    let request = ask_interface(socket, libc::SIOCGIFFLAGS, name)?;
    // JUSTIFICATION: the answer lies in a union.
    // SAFETY: of the union any octets are a number, and the kernel has filled in this one.
    Ok(c_int::from(unsafe { request.ifr_ifru.ifru_flags }))
}

/// A question about an interface; the name is cut where it is too long for one, and then there is none.
fn ask_interface(socket: BorrowedFd<'_>, question: libc::Ioctl, name: &CStr) -> io::Result<libc::ifreq> {
    // JUSTIFICATION: `ifreq` has no constructor.
    // SAFETY: it holds nothing but numbers and pointers, of which zeros are a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    let last = request.ifr_name.len() - 1;
    for (place, octet) in request.ifr_name.iter_mut().take(last).zip(name.to_bytes()) {
        *place = std::ffi::c_char::from_ne_bytes(octet.to_ne_bytes());
    }
    // JUSTIFICATION: see the head of this file.
    // SAFETY: `request` is one whole, writable `ifreq`, and both questions write nothing else.
    succeeded(unsafe { libc::ioctl(socket.as_raw_fd(), question, &raw mut request) })?;
    Ok(request)
}

/// Attaches a classic BPF program; the kernel copies and checks it.
pub(crate) fn attach_filter(socket: BorrowedFd<'_>, program: &[Instruction]) -> io::Result<()> {
    let length = program.len().try_into().map_err(|_| io::Error::from_raw_os_error(libc::EINVAL))?;
    let filter = program.as_ptr().cast_mut().cast();
    set(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &libc::sock_fprog { len: length, filter })
}

/// Makes the attached filter irremovable and unchangeable for everyone who holds the socket.
pub(crate) fn lock_filter(socket: BorrowedFd<'_>) -> io::Result<()> {
    set::<c_int>(socket, libc::SOL_SOCKET, libc::SO_LOCK_FILTER, &1)
}

/// Selects the version of the ring.
pub(crate) fn set_ring_version(socket: BorrowedFd<'_>, version: c_int) -> io::Result<()> {
    set(socket, libc::SOL_PACKET, libc::PACKET_VERSION, &version)
}

/// Allocates a receive ring.
pub(crate) fn make_ring(socket: BorrowedFd<'_>, request: &libc::tpacket_req3) -> io::Result<()> {
    set(socket, libc::SOL_PACKET, libc::PACKET_RX_RING, request)
}

/// Selects whose clock stamps frames in the ring (`SOF_TIMESTAMPING_*` of linux/net_tstamp.h).
pub(crate) fn set_ring_clock(socket: BorrowedFd<'_>, clock: c_int) -> io::Result<()> {
    set(socket, libc::SOL_PACKET, libc::PACKET_TIMESTAMP, &clock)
}

/// Adds what the interface receives: everything, or a group address.
pub(crate) fn add_membership(socket: BorrowedFd<'_>, request: &libc::packet_mreq) -> io::Result<()> {
    set(socket, libc::SOL_PACKET, libc::PACKET_ADD_MEMBERSHIP, request)
}

/// Binds to an interface and begins to receive; nothing if `protocol`, an Ethernet type in network order,
/// is 0.
pub(crate) fn bind(socket: BorrowedFd<'_>, index: c_int, protocol: u16) -> io::Result<()> {
    let address = link_address(index, protocol);
    let pointer = ptr::from_ref(&address).cast();
    // JUSTIFICATION: see the head of this file.
    // SAFETY: `pointer` leads to a whole `sockaddr_ll` of the given length that outlives the call.
    succeeded(unsafe { libc::bind(socket.as_raw_fd(), pointer, length_of::<libc::sockaddr_ll>()) })?;
    Ok(())
}

/// What a packet socket is bound to: the address's `sll_ifindex` is -1 when the interface no longer exists.
pub(crate) fn bound_to(socket: BorrowedFd<'_>) -> io::Result<libc::sockaddr_ll> {
    let mut address = link_address(0, 0);
    let mut length = length_of::<libc::sockaddr_ll>();
    let pointer = ptr::from_mut(&mut address).cast();
    // JUSTIFICATION: see the head of this file.
    // SAFETY: `pointer` leads to `length` writable octets, of which any value is a valid `sockaddr_ll`.
    succeeded(unsafe { libc::getsockname(socket.as_raw_fd(), pointer, &raw mut length) })?;
    Ok(address)
}

/// An option of a socket that is a number.
pub(crate) fn number(socket: BorrowedFd<'_>, level: c_int, name: c_int) -> io::Result<c_int> {
    get::<c_int>(socket, level, name)
}

/// `struct tpacket_stats_v3`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Counters {
    pub(crate) tp_packets: u32,
    pub(crate) tp_drops: u32,
    pub(crate) tp_freeze_q_cnt: u32,
}

/// The ring's counters since they were last read; reading clears them.
pub(crate) fn statistics(socket: BorrowedFd<'_>) -> io::Result<Counters> {
    get(socket, libc::SOL_PACKET, libc::PACKET_STATISTICS)
}

/// The number of instructions of the attached filter, 0 without one.
pub(crate) fn filter_length(socket: BorrowedFd<'_>) -> io::Result<libc::socklen_t> {
    let mut length: libc::socklen_t = 0;
    let (level, name) = (libc::SOL_SOCKET, libc::SO_GET_FILTER);
    // JUSTIFICATION: see the head of this file.
    // SAFETY: with a length of 0 the kernel writes nothing but the length.
    succeeded(unsafe {
        libc::getsockopt(socket.as_raw_fd(), level, name, ptr::null_mut(), &raw mut length)
    })?;
    Ok(length)
}

/// Whether the kernel's clock is kept by something outside (adjtimex(2)); changes nothing.
pub(crate) fn clock_is_synchronised() -> io::Result<bool> {
    // JUSTIFICATION: `timex` has no constructor; without modes the kernel fills it.
    // SAFETY: it holds nothing but numbers, of which zeros are a value.
    let mut state: libc::timex = unsafe { std::mem::zeroed() };
    // JUSTIFICATION: see the head of this file.
    // SAFETY: `state` is one whole, writable `timex`; modes are 0, so nothing is set.
    let clock = succeeded(unsafe { libc::adjtimex(&raw mut state) })?;
    Ok(clock != libc::TIME_ERROR && state.status & libc::STA_UNSYNC == 0)
}

/// Waits until the socket has something or `timeout_ms` have passed; gives the events.
pub(crate) fn poll(socket: BorrowedFd<'_>, timeout_ms: c_int) -> io::Result<c_short> {
    let mut entry = libc::pollfd { fd: socket.as_raw_fd(), events: libc::POLLIN, revents: 0 };
    // JUSTIFICATION: see the head of this file.
    // SAFETY: `entry` is one whole, writable `pollfd`.
    succeeded(unsafe { libc::poll(&raw mut entry, 1, timeout_ms) })?;
    Ok(entry.revents)
}

/// Looks at an inherited descriptor by its number without owning it; nothing if the number is not open.
/// The caller keeps the borrow within one function, in which nothing closes it.
pub(crate) fn borrow<'a>(raw: RawFd) -> Option<BorrowedFd<'a>> {
    // JUSTIFICATION: see the head of this file.
    // SAFETY: F_GETFD takes no further argument and changes nothing, whatever the number is.
    succeeded(unsafe { libc::fcntl(raw, libc::F_GETFD) }).ok()?;
    // JUSTIFICATION: an inherited descriptor is known by its number only.
    // SAFETY: the number is open, as the kernel has just said, and thus not -1.
    Some(unsafe { BorrowedFd::borrow_raw(raw) })
}

/// Takes ownership of an inherited descriptor.
pub(crate) fn own(inherited: BorrowedFd<'_>) -> OwnedFd {
    // JUSTIFICATION: an inherited descriptor has no owner yet.
    // SAFETY: it is open; it came from whoever started this process and nothing in this process owns it
    // (the contract of `adopt`).
    unsafe { OwnedFd::from_raw_fd(inherited.as_raw_fd()) }
}

/// Closes the descriptor on exec and never lets a call on it wait, as [`packet_socket`] does.
pub(crate) fn set_flags(socket: BorrowedFd<'_>) -> io::Result<()> {
    let raw = socket.as_raw_fd();
    // JUSTIFICATION: see the head of this file.
    // SAFETY: F_SETFD takes a number.
    succeeded(unsafe { libc::fcntl(raw, libc::F_SETFD, libc::FD_CLOEXEC) })?;
    // JUSTIFICATION: see the head of this file.
    // SAFETY: F_GETFL takes no further argument.
    let flags = succeeded(unsafe { libc::fcntl(raw, libc::F_GETFL) })?;
    // JUSTIFICATION: see the head of this file.
    // SAFETY: F_SETFL takes a number.
    succeeded(unsafe { libc::fcntl(raw, libc::F_SETFL, flags | libc::O_NONBLOCK) })?;
    Ok(())
}

/// Has the processor fetch the octet at `at`, if there is one, with its neighbours into its cache; waits for nothing.
#[inline(always)]
pub(crate) fn prefetch(octets: &[u8], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(octet) = octets.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // JUSTIFICATION: a hint that only the processor's own instruction gives.
        // SAFETY: SSE is part of x86_64; the instruction reads nothing that the program sees, and faults nowhere.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(ptr::from_ref(octet).cast()) }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (octets, at);
}

/// A mapped ring: blocks that belong to the kernel or to us, as each block's status word says.
///
/// Invariant: `base` leads to `blocks * block_bytes` octets that stay mapped, readable and writable while
/// this value lives, and no other mapping of this ring is in use in this process.
pub(crate) struct Mapping {
    base: NonNull<u8>,
    block_bytes: usize,
    blocks: usize,
    _claim: Claim,
}

// JUSTIFICATION: the reader opens a ring in one thread and polls it in another.
// SAFETY: the memory belongs to the process and to this value alone; no part of it is bound to a thread.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Maps the ring of `socket`, which must have been made in exactly this way.
    ///
    /// # Errors
    /// `EEXIST` when the ring is mapped already, `EINVAL` when a block is not made of pages, and what
    /// mmap(2) says.
    pub(crate) fn new(
        socket: BorrowedFd<'_>,
        block_bytes: NonZeroUsize,
        blocks: NonZeroUsize,
    ) -> io::Result<Mapping> {
        let claim = Claim::new(socket)?;
        let invalid = || io::Error::from_raw_os_error(libc::EINVAL);
        let length = block_bytes.checked_mul(blocks).ok_or_else(invalid)?.get();
        if !block_bytes.get().is_multiple_of(SMALLEST_PAGE) {
            return Err(invalid());
        }
        let (access, raw) = (libc::PROT_READ | libc::PROT_WRITE, socket.as_raw_fd());
        // JUSTIFICATION: the ring exists only as memory that the kernel shares.
        // SAFETY: without an address or MAP_FIXED the kernel picks unused addresses.
        let base = unsafe { libc::mmap(ptr::null_mut(), length, access, libc::MAP_SHARED, raw, 0) };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or_else(invalid)?;
        let mapping = Mapping { base, block_bytes: block_bytes.get(), blocks: blocks.get(), _claim: claim };
        // JUSTIFICATION: frames belong in no core dump.
        // SAFETY: the octets are those just mapped, and the advice does not change what they hold.
        succeeded(unsafe { libc::madvise(base.as_ptr().cast(), length, libc::MADV_DONTDUMP) })?;
        Ok(mapping)
    }

    /// Block `index` if there is such a block and the kernel has given it to us.
    pub(crate) fn block(&mut self, index: usize) -> Option<Block<'_>> {
        if index >= self.blocks {
            return None;
        }
        // JUSTIFICATION: the blocks lie one after the other in the mapping.
        // SAFETY: `index` is below `blocks`, so the result lies within the mapping.
        let start = unsafe { self.base.add(index * self.block_bytes) };
        // JUSTIFICATION: the status word lies at a fixed offset within the block.
        // SAFETY: a block is a multiple of SMALLEST_PAGE, which is longer than the offset.
        let status = unsafe { start.byte_add(BLOCK_STATUS) }.cast::<u32>();
        // JUSTIFICATION: the kernel changes the word while we look, so it must be atomic.
        // SAFETY: the word is mapped as long as `self` lives, is aligned (a block begins on a page, the
        // offset is a multiple of 4), and both sides access it atomically only.
        let status = unsafe { AtomicU32::from_ptr(status.as_ptr()) };
        // Acquire pairs with the kernel's release of the block, after its last write into it.
        if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        Some(Block { status, start, length: self.block_bytes })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let length = self.block_bytes * self.blocks;
        // JUSTIFICATION: gives the addresses back.
        // SAFETY: they are exactly those that were mapped, and no `Block` outlives the mapping.
        unsafe { libc::munmap(self.base.as_ptr().cast(), length) };
    }
}

/// A block that belongs to us until it is dropped.
///
/// Invariant: `start` leads to `length` mapped octets; the kernel has released the block and writes
/// nothing into it until its status is given back.
pub(crate) struct Block<'a> {
    status: &'a AtomicU32,
    start: NonNull<u8>,
    length: usize,
}

impl Block<'_> {
    /// The whole block.
    pub(crate) fn bytes(&self) -> &[u8] {
        // JUSTIFICATION: lets everything after this be ordinary code over ordinary octets.
        // SAFETY: the octets are mapped as long as the mapping is borrowed, and initialised (by the
        // kernel, with zeros at first). Nobody writes: the kernel not before the drop, which ends the
        // borrow; we only the status word, in the drop. The mapping was borrowed mutably, and its claim
        // excludes a second one of the same ring.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.length) }
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        // Release: all our reads are done before the kernel may write again.
        self.status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}

/// The right to map one socket's ring: a descriptor can be copied, so ownership of it is not enough.
struct Claim(u64);

impl Claim {
    fn new(socket: BorrowedFd<'_>) -> io::Result<Claim> {
        let inode = std::fs::File::from(socket.try_clone_to_owned()?).metadata()?.ino();
        let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
        if claimed.contains(&inode) {
            return Err(io::Error::from_raw_os_error(libc::EEXIST));
        }
        claimed.push(inode);
        Ok(Claim(inode))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        CLAIMED.lock().unwrap_or_else(PoisonError::into_inner).retain(|inode| *inode != self.0);
    }
}

/// Inode numbers of the sockets whose rings are mapped; as many as there are rings.
static CLAIMED: Mutex<Vec<u64>> = Mutex::new(Vec::new());

/// Types that hold nothing but numbers (and pointers that the kernel checks).
trait Plain: Copy {}
impl Plain for c_int {}
impl Plain for libc::sock_fprog {}
impl Plain for libc::tpacket_req3 {}
impl Plain for libc::packet_mreq {}

fn set<T: Plain>(socket: BorrowedFd<'_>, level: c_int, name: c_int, value: &T) -> io::Result<()> {
    let (raw, pointer) = (socket.as_raw_fd(), ptr::from_ref(value).cast());
    // JUSTIFICATION: see the head of this file.
    // SAFETY: `pointer` leads to a whole `T` of the given length; the kernel only reads it, and what a
    // filter's pointer leads to is a slice that outlives the call (`attach_filter`).
    succeeded(unsafe { libc::setsockopt(raw, level, name, pointer, length_of::<T>()) })?;
    Ok(())
}

/// Types of which any octets are a value, beginning with zeros.
trait Answer: Default + Copy {}
impl Answer for c_int {}
impl Answer for Counters {}

fn get<T: Answer>(socket: BorrowedFd<'_>, level: c_int, name: c_int) -> io::Result<T> {
    let mut value = T::default();
    let mut length = length_of::<T>();
    let (raw, pointer) = (socket.as_raw_fd(), ptr::from_mut(&mut value).cast());
    // JUSTIFICATION: see the head of this file.
    // SAFETY: `pointer` leads to `length` writable octets, of which any value is a valid `T`.
    succeeded(unsafe { libc::getsockopt(raw, level, name, pointer, &raw mut length) })?;
    Ok(value)
}

fn link_address(index: c_int, protocol: u16) -> libc::sockaddr_ll {
    libc::sockaddr_ll {
        sll_family: PACKET_FAMILY,
        sll_protocol: protocol,
        sll_ifindex: index,
        sll_hatype: 0,
        sll_pkttype: 0,
        sll_halen: 0,
        sll_addr: [0; 8],
    }
}

fn succeeded(result: c_int) -> io::Result<c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

const fn length_of<T>() -> libc::socklen_t {
    let length = size_of::<T>();
    assert!(length < 256, "an option's type is small");
    #[expect(clippy::as_conversions, reason = "no other conversion is const; the line above bounds it")]
    {
        length as libc::socklen_t
    }
}

#[expect(clippy::as_conversions, reason = "a small constant of the system in the type of its field")]
const PACKET_FAMILY: libc::sa_family_t = libc::AF_PACKET as libc::sa_family_t;
/// Where a block's status word lies.
const BLOCK_STATUS: usize = std::mem::offset_of!(libc::tpacket_block_desc, hdr)
    + std::mem::offset_of!(libc::tpacket_hdr_v1, block_status);

/// Octets of the smallest page of any machine.
const SMALLEST_PAGE: usize = 4_096;

const _: () = assert!(size_of::<Instruction>() == size_of::<libc::sock_filter>());
const _: () = assert!(align_of::<Instruction>() == align_of::<libc::sock_filter>());
const _: () = assert!(size_of::<Counters>() == size_of::<libc::tpacket_stats_v3>());
const _: () = assert!(BLOCK_STATUS.is_multiple_of(align_of::<AtomicU32>()));
