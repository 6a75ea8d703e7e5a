//! What a capture descriptor is for, and the name that says so where it is handed over.

use std::fmt::{self, Display};

use crate::{Error, Geometry};

/// What a descriptor is for. The kernel cannot be asked, so it travels in the descriptor's name:
/// `eth0@1048576x8`, and of several sockets of an interface `eth0@524288x8/0of2` and `eth0@524288x8/1of2`.
///
/// For an interface that [`open`](crate::open) accepts the name is valid as systemd's `FDNAME=`
/// (sd_notify(3): ASCII without control characters and colon, at most 255).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// The interface whose frames it receives.
    pub interface: String,
    /// How its ring is divided.
    pub geometry: Geometry,
    /// Which of the interface's frames its filter takes.
    pub share: Share,
}

/// One of several sockets that take an interface's frames together, each frame one of them. Its filter decides; this
/// says which one it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share {
    /// Which, from 0.
    pub number: u32,
    /// Of how many.
    pub of: u32,
}

impl Share {
    /// All frames of the interface.
    pub const WHOLE: Share = Share { number: 0, of: 1 };
    /// Most sockets of one interface.
    pub const MAX: u32 = 64;
}

impl Descriptor {
    /// What is called so.
    ///
    /// # Errors
    /// [`Error::DescriptorName`] when it has another form, [`Error::InterfaceName`] and [`Error::Geometry`]
    /// when a part of it cannot be.
    pub fn parse(name: &str) -> Result<Descriptor, Error> {
        let malformed = || Error::DescriptorName(name.chars().take(MAX_QUOTED).collect());
        let number = |digits: &str| {
            let plain = !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
            if plain { digits.parse().map_err(|_| malformed()) } else { Err(malformed()) }
        };
        let (interface, rest) = name.rsplit_once('@').ok_or_else(malformed)?;
        let (geometry, share) = match rest.split_once('/') {
            None => (rest, Share::WHOLE),
            Some((geometry, share)) => {
                let (which, of) = share.split_once("of").ok_or_else(malformed)?;
                let share = Share { number: number(which)?, of: number(of)? };
                let is_one = (2..=Share::MAX).contains(&share.of) && share.number < share.of;
                (geometry, Some(share).filter(|_| is_one).ok_or_else(malformed)?)
            }
        };
        let (block_bytes, blocks) = geometry.split_once('x').ok_or_else(malformed)?;
        let geometry = Geometry { block_bytes: number(block_bytes)?, blocks: number(blocks)? }.checked()?;
        Ok(Descriptor { interface: checked_interface(interface)?.to_owned(), geometry, share })
    }
}

/// The name.
impl Display for Descriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Descriptor { interface, geometry, share } = self;
        write!(f, "{interface}@{geometry}")?;
        if *share == Share::WHOLE { Ok(()) } else { write!(f, "/{}of{}", share.number, share.of) }
    }
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

/// `IFNAMSIZ` without its terminating zero.
const MAX_INTERFACE_NAME: usize = 15;
/// Most characters of a refused name that an error repeats.
const MAX_QUOTED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_survives_its_parsing() {
        let geometry = Geometry { block_bytes: 262_144, blocks: 32 };
        let named = |interface: &str, share| Descriptor { interface: interface.to_owned(), geometry, share };
        let last = Share { number: 63, of: 64 };
        assert_eq!(named("eth0", Share::WHOLE).to_string(), "eth0@262144x32");
        assert_eq!(named("eth0", last).to_string(), "eth0@262144x32/63of64");
        for interface in ["eth0", "br-lan.12", "a@b", "wlp0s20f3-long1"] {
            for share in [Share::WHOLE, Share { number: 0, of: 2 }, last] {
                let descriptor = named(interface, share);
                assert_eq!(Descriptor::parse(&descriptor.to_string()).unwrap(), descriptor);
            }
        }
    }

    #[test]
    fn a_name_of_another_form_is_refused() {
        for name in
            ["", "eth0", "eth0@", "eth0@262144", "eth0@x", "eth0@262144x", "eth0@+4096x1", "eth0@4096x-1"]
        {
            assert!(matches!(Descriptor::parse(name), Err(Error::DescriptorName(_))), "{name}");
        }
        for share in ["", "0", "of", "of2", "0of", "0of0", "0of1", "2of2", "0of65", "-1of2", "0of2of2"] {
            let name = format!("eth0@4096x1/{share}");
            assert!(matches!(Descriptor::parse(&name), Err(Error::DescriptorName(_))), "{name}");
        }
        for name in ["@4096x1", "a b@4096x1", "..@4096x1", "eth0:1@4096x1", "sixteen-letters-@4096x1"] {
            assert!(matches!(Descriptor::parse(name), Err(Error::InterfaceName(_))), "{name}");
        }
    }
}
