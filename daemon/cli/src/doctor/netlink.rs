//! Questions to the kernel that it answers with one message each (netlink(7)): who asks needs no right.

use std::io;
use std::os::fd::OwnedFd;

use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{
    AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType, recv, sendto, socket_with,
};

/// A socket for one protocol of netlink, in the network namespace of this process.
pub(super) struct Kernel(OwnedFd);

impl Kernel {
    /// Without a protocol it is rtnetlink, whose number is 0.
    pub(super) fn new(protocol: Option<Protocol>) -> io::Result<Kernel> {
        let flags = SocketFlags::CLOEXEC;
        Ok(Kernel(socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, protocol)?))
    }

    /// The body of the answer, after its header.
    pub(super) fn ask(&self, kind: u16, body: &[u8]) -> io::Result<Vec<u8>> {
        let length = u32::try_from(HEADER + body.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
        let mut message = Vec::with_capacity(HEADER + body.len());
        message.extend(length.to_ne_bytes());
        message.extend(kind.to_ne_bytes());
        message.extend(REQUEST.to_ne_bytes());
        message.extend([0; 8]);
        message.extend(body);
        sendto(&self.0, &message, SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
        let mut answer = vec![0; LONGEST_ANSWER];
        // It is there when the question has been sent.
        let (_, length) = recv(&self.0, answer.as_mut_slice(), RecvFlags::DONTWAIT)?;
        answer.truncate(length);
        let kind = number16(answer.get(4..)).ok_or(io::ErrorKind::InvalidData)?;
        let body = answer.split_off(HEADER.min(answer.len()));
        if kind != ERROR {
            return Ok(body);
        }
        let code = body.first_chunk().map(|octets| i32::from_ne_bytes(*octets)).unwrap_or_default();
        Err(io::Error::from_raw_os_error(code.saturating_neg()))
    }
}

/// An attribute of a message.
pub(super) fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(ATTRIBUTE + value.len()).unwrap_or(u16::MAX);
    let mut octets = Vec::from(length.to_ne_bytes());
    octets.extend(kind.to_ne_bytes());
    octets.extend(value);
    octets.resize(octets.len().next_multiple_of(ALIGNMENT), 0);
    octets
}

/// The attributes of a message or of a nest, as far as they are whole.
pub(super) fn attributes(mut octets: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(number16(Some(octets))?);
        let kind = number16(octets.get(2..))? & TYPE;
        let value = octets.get(ATTRIBUTE..length)?;
        octets = octets.get(length.next_multiple_of(ALIGNMENT)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// The value of the first attribute of a kind.
pub(super) fn find(octets: &[u8], kind: u16) -> Option<&[u8]> {
    attributes(octets).find(|(found, _)| *found == kind).map(|(_, value)| value)
}

pub(super) fn number16(octets: Option<&[u8]>) -> Option<u16> {
    octets?.first_chunk().map(|octets| u16::from_ne_bytes(*octets))
}

pub(super) fn number32(octets: Option<&[u8]>) -> Option<u32> {
    octets?.first_chunk().map(|octets| u32::from_ne_bytes(*octets))
}

/// A text that ends with a zero octet.
pub(super) fn text(octets: &[u8]) -> Option<&str> {
    std::ffi::CStr::from_bytes_until_nul(octets).ok()?.to_str().ok()
}

/// `struct nlmsghdr`, and the head of `struct nlattr`.
const HEADER: usize = 16;
const ATTRIBUTE: usize = 4;
const ALIGNMENT: usize = 4;
/// `NLM_F_REQUEST`, `NLMSG_ERROR`, `NLA_TYPE_MASK`.
const REQUEST: u16 = 1;
const ERROR: u16 = 2;
const TYPE: u16 = 0x3fff;
/// An answer of the kernel is at most so long; what is longer is cut.
const LONGEST_ANSWER: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_that_are_cut_or_contradict_themselves_end_the_list() {
        let whole = [attribute(1, b"one\0"), attribute(0x8002, &7u32.to_ne_bytes())].concat();
        assert_eq!(find(&whole, 1).and_then(text), Some("one"));
        assert_eq!(number32(find(&whole, 2)), Some(7));
        for length in 0..whole.len() {
            assert!(attributes(&whole[..length]).count() < 2);
        }
        assert_eq!(attributes(&[0, 0, 1, 0, 4, 0, 1, 0]).count(), 0);
        assert_eq!(attributes(&[255; 64]).count(), 0);
    }

    #[test]
    fn a_refusal_of_the_kernel_is_an_error() {
        let kernel = Kernel::new(None).unwrap();
        // RTM_GETLINK of an interface that does not exist.
        let body = [vec![0; 16], attribute(3, b"none-such\0")].concat();
        assert_eq!(kernel.ask(18, &body).unwrap_err().raw_os_error(), Some(19));
    }
}
