//! The capture descriptor: made by a process that may, believed by one that may not.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd, RawFd};
use std::time::Duration;
use std::{fs, io};

use crate::descriptor::checked_interface;
use crate::{Error, Geometry, Instruction, sys};

/// Opens `interface` for capture; what `program` does not keep is never received.
///
/// The order leaves no moment in which a whole frame could arrive: a socket that receives nothing; the
/// filter; its lock; the ring; what the interface shall receive; last the binding to all protocols, which
/// begins delivery. Interfaces without Ethernet headers are refused, because the filter would cut at the
/// wrong places.
/// Without `promiscuous` the interface still receives the three LLDP group addresses
/// (IEEE 802.1AB-2016 clause 7.1). Frames that this machine sends are captured too: on one end of a
/// virtual pair, they are the other direction.
///
/// Needs `CAP_NET_RAW` in the network namespace of the interface. The descriptor is non-blocking and
/// closed on exec.
///
/// # Errors
/// As [`prepare`]; then [`Error::NoInterface`], [`Error::NotEthernet`] and [`Error::Open`] with the step
/// that failed.
pub fn open(
    interface: &str,
    program: &[Instruction],
    promiscuous: bool,
    geometry: Geometry,
) -> Result<OwnedFd, Error> {
    let socket = prepare(interface, program, geometry)?;
    match attach(socket.as_fd(), interface, promiscuous)? {
        Presence::Gone => Err(no_interface(interface)),
        Presence::Up | Presence::NoLink | Presence::Down => Ok(socket),
    }
}

/// As [`open`], but for an interface that need not be there: the socket receives nothing until [`attach`].
///
/// # Errors
/// [`Error::InterfaceName`], [`Error::ProgramLength`], [`Error::Geometry`] before anything is opened;
/// then [`Error::Permission`], and [`Error::Open`] with the step that failed.
pub fn prepare(interface: &str, program: &[Instruction], geometry: Geometry) -> Result<OwnedFd, Error> {
    let interface = checked_interface(interface)?;
    if !(1..=MAX_INSTRUCTIONS).contains(&program.len()) {
        return Err(Error::ProgramLength(program.len()));
    }
    let request = ring_request(geometry.checked()?);
    let failed = |step| move |source| Error::Open { interface: interface.to_owned(), step, source };

    let owned = sys::packet_socket().map_err(|source| match source.raw_os_error() {
        Some(libc::EPERM) => Error::Permission,
        _ => failed("open a packet socket")(source),
    })?;
    let socket = owned.as_fd();
    attach_filter(socket, program).map_err(|source| match source.raw_os_error() {
        Some(libc::ENOMEM) => Error::FilterMemory(interface.to_owned()),
        _ => failed("attach the filter")(source),
    })?;
    sys::lock_filter(socket).map_err(failed("lock the filter"))?;
    sys::set_ring_version(socket, RING_VERSION).map_err(failed("select the ring's version"))?;
    sys::make_ring(socket, &request).map_err(failed("allocate the ring"))?;
    Ok(owned)
}

/// Attaches a filter. Kernels before 6.8 begin with so little memory for it that a longer one finds no room; it then
/// gets what later kernels begin with.
fn attach_filter(socket: BorrowedFd<'_>, program: &[Instruction]) -> io::Result<()> {
    match sys::attach_filter(socket, program) {
        Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => {
            let octets = fs::read_to_string(OPTION_MEMORY)?.trim().parse::<u64>();
            if octets.is_ok_and(|octets| octets < ENOUGH_OPTION_MEMORY) {
                // Where that is not permitted, the second attempt says what is wrong.
                let _ = fs::write(OPTION_MEMORY, ENOUGH_OPTION_MEMORY.to_string());
            }
            sys::attach_filter(socket, program)
        }
        result => result,
    }
}

/// How an interface is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It can receive.
    Up,
    /// It is up, and the other end is not.
    NoLink,
    /// It is down.
    Down,
    /// There is none of this name.
    Gone,
}

/// Has a socket of [`prepare`] or [`open`] receive what comes to `interface`, if it does not already: at first, and when
/// an interface of this name is there again. Says how the interface is.
///
/// It looks for the interface in the network namespace in which the socket was opened. It needs no capability:
/// whoever holds the descriptor may do so.
///
/// # Errors
/// [`Error::InterfaceName`], [`Error::NotEthernet`], and [`Error::Open`] with the step that failed.
pub fn attach(socket: BorrowedFd<'_>, interface: &str, promiscuous: bool) -> Result<Presence, Error> {
    let interface = checked_interface(interface)?;
    let name = CString::new(interface).map_err(|_| Error::InterfaceName(interface.to_owned()))?;
    let failed = |step| move |source| Error::Open { interface: interface.to_owned(), step, source };
    let found = sys::interface_index(socket, &name)
        .and_then(|index| Ok((index, sys::interface_flags(socket, &name)?)));
    let (index, flags) = match found {
        Err(source) if source.raw_os_error() == Some(libc::ENODEV) => return Ok(Presence::Gone),
        found => found.map_err(failed("find the interface"))?,
    };
    let bound = sys::bound_to(socket).map_err(failed("learn what is watched"))?;
    if (bound.sll_ifindex, bound.sll_protocol) != (index, ALL_PROTOCOLS) {
        check_ethernet(socket, index, interface)?;
        receive_groups(socket, index, promiscuous).map_err(failed("set what the interface receives"))?;
        sys::bind(socket, index, ALL_PROTOCOLS).map_err(failed("begin to receive"))?;
    }
    let is = |flag| flags & flag != 0;
    Ok(match (is(libc::IFF_UP), is(libc::IFF_RUNNING)) {
        (true, true) => Presence::Up,
        (true, false) => Presence::NoLink,
        (false, _) => Presence::Down,
    })
}

/// Has frames carry the time at which the card received them, where its driver gives one, and the kernel's elsewhere.
///
/// The card's clock must be kept to UTC by somebody (phc2sys(8)), and told to stamp all frames (hwstamp_ctl(8)): this
/// changes neither.
///
/// # Errors
/// [`Error::Open`].
pub fn prefer_card_time(socket: BorrowedFd<'_>, interface: &str) -> Result<(), Error> {
    let failed = |source| Error::Open { interface: interface.to_owned(), step: "select the clock", source };
    sys::set_ring_clock(socket, RAW_HARDWARE).map_err(failed)
}

/// Takes an inherited descriptor (from `LISTEN_FDS`, or 0 for standard input), if the kernel says that
/// it is a raw packet socket with a filter that is locked. It will be closed on exec and never block.
///
/// Call it once for a number, and only for one that whoever started this process handed over: the
/// process then owns it through the result alone. A descriptor that is refused is left as it is.
///
/// # Errors
/// [`Error::NotOpen`], [`Error::NotPacketSocket`], [`Error::NoFilter`], [`Error::FilterNotLocked`], and
/// [`Error::Adopt`] when the system refuses to say.
pub fn adopt(raw: RawFd) -> Result<OwnedFd, Error> {
    let socket = sys::borrow(raw).ok_or(Error::NotOpen(raw))?;
    let failed = |source: io::Error| match source.raw_os_error() {
        Some(libc::ENOTSOCK) => Error::NotPacketSocket(raw),
        _ => Error::Adopt { descriptor: raw, source },
    };
    let number = |name| sys::number(socket, libc::SOL_SOCKET, name).map_err(failed);
    if number(libc::SO_DOMAIN)? != libc::AF_PACKET || number(libc::SO_TYPE)? != libc::SOCK_RAW {
        return Err(Error::NotPacketSocket(raw));
    }
    if sys::filter_length(socket).map_err(failed)? == 0 {
        return Err(Error::NoFilter(raw));
    }
    if number(libc::SO_LOCK_FILTER)? != 1 {
        return Err(Error::FilterNotLocked(raw));
    }
    sys::set_flags(socket).map_err(failed)?;
    Ok(sys::own(socket))
}

fn no_interface(interface: &str) -> Error {
    let present = pnet_datalink::interfaces().into_iter().take(MAX_LISTED).map(|found| found.name).collect();
    Error::NoInterface { name: interface.to_owned(), present }
}

fn check_ethernet(socket: BorrowedFd<'_>, index: i32, interface: &str) -> Result<(), Error> {
    let failed = |source| Error::Open { interface: interface.to_owned(), step: "learn the type", source };
    sys::bind(socket, index, NO_PROTOCOL).map_err(failed)?;
    match sys::bound_to(socket).map_err(failed)?.sll_hatype {
        libc::ARPHRD_ETHER | libc::ARPHRD_LOOPBACK => Ok(()),
        hardware => Err(Error::NotEthernet { name: interface.to_owned(), hardware }),
    }
}

fn ring_request(geometry: Geometry) -> libc::tpacket_req3 {
    libc::tpacket_req3 {
        tp_block_size: geometry.block_bytes,
        tp_block_nr: geometry.blocks,
        tp_frame_size: FRAME_SLOT,
        tp_frame_nr: geometry.block_bytes / FRAME_SLOT * geometry.blocks,
        tp_retire_blk_tov: BLOCK_TIMEOUT.subsec_millis(),
        tp_sizeof_priv: 0,
        tp_feature_req_word: 0,
    }
}

fn receive_groups(socket: BorrowedFd<'_>, index: i32, promiscuous: bool) -> io::Result<()> {
    let mut request =
        libc::packet_mreq { mr_ifindex: index, mr_type: PROMISCUOUS, mr_alen: 0, mr_address: [0; 8] };
    if promiscuous {
        return sys::add_membership(socket, &request);
    }
    for [a, b, c, d, e, f] in LLDP_GROUPS {
        request.mr_type = MULTICAST;
        request.mr_alen = 6;
        request.mr_address = [a, b, c, d, e, f, 0, 0];
        sys::add_membership(socket, &request)?;
    }
    Ok(())
}

/// `SOF_TIMESTAMPING_RAW_HARDWARE`.
const RAW_HARDWARE: i32 = 1 << 6;
/// `BPF_MAXINSNS` of the kernel.
const MAX_INSTRUCTIONS: usize = 4_096;
/// `TPACKET_V3`.
pub(crate) const RING_VERSION: i32 = 2;
/// The kernel wants a frame size that divides a block; version 3 packs frames tighter than that.
const FRAME_SLOT: u32 = 2_048;
/// Longest time a frame waits in a block that is not full. Whoever reads is woken no more often where few frames come, and
/// the blocks of a ring last for so many times it.
pub(crate) const BLOCK_TIMEOUT: Duration = Duration::from_millis(250);
/// Bound to this, a socket receives nothing.
const NO_PROTOCOL: u16 = 0;
/// `ETH_P_ALL` in network order.
const ALL_PROTOCOLS: u16 = 0x0003_u16.to_be();
/// `PACKET_MR_MULTICAST` and `PACKET_MR_PROMISC` in the type of the field that takes them.
const MULTICAST: u16 = 0;
const PROMISCUOUS: u16 = 1;
/// Nearest bridge, nearest non-TPMR bridge, nearest customer bridge (IEEE 802.1AB-2016 table 7-1).
const LLDP_GROUPS: [[u8; 6]; 3] = [
    [0x01, 0x80, 0xc2, 0x00, 0x00, 0x0e],
    [0x01, 0x80, 0xc2, 0x00, 0x00, 0x03],
    [0x01, 0x80, 0xc2, 0x00, 0x00, 0x00],
];
/// Most interfaces that an error lists.
const MAX_LISTED: usize = 64;

/// `net.core.optmem_max`, from which the kernel takes the memory of a filter.
const OPTION_MEMORY: &str = "/proc/sys/net/core/optmem_max";
/// What kernels begin with since 6.8.
const ENOUGH_OPTION_MEMORY: u64 = 131_072;

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    const KEEP_20: [Instruction; 1] = [Instruction { code: 0x06, jt: 0, jf: 0, k: 20 }];
    const RING: Geometry = Geometry { block_bytes: 4_096, blocks: 2 };

    #[test]
    fn what_cannot_be_opened_is_refused_before_anything_is() {
        assert!(matches!(open("", &KEEP_20, true, RING), Err(Error::InterfaceName(_))));
        assert!(matches!(open("a/b", &KEEP_20, true, RING), Err(Error::InterfaceName(_))));
        assert!(matches!(open("lo", &[], true, RING), Err(Error::ProgramLength(0))));
        let long = [KEEP_20[0]; MAX_INSTRUCTIONS + 1];
        assert!(matches!(open("lo", &long, true, RING), Err(Error::ProgramLength(4_097))));
        let none = Geometry { block_bytes: 4_096, blocks: 0 };
        assert!(matches!(open("lo", &KEEP_20, true, none), Err(Error::Geometry(_))));
    }

    #[test]
    fn what_is_no_packet_socket_is_refused_and_left_open() {
        let file = tempfile::tempfile().unwrap();
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let (unix, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        for raw in [file.as_raw_fd(), udp.as_raw_fd(), unix.as_raw_fd()] {
            assert!(matches!(adopt(raw), Err(Error::NotPacketSocket(refused)) if refused == raw));
            assert!(sys::borrow(raw).is_some());
        }
    }

    #[test]
    fn a_number_without_a_descriptor_is_refused() {
        for raw in [-1, i32::MIN, i32::MAX] {
            assert!(matches!(adopt(raw), Err(Error::NotOpen(_))));
        }
    }
}
