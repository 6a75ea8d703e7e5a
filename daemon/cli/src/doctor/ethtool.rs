//! What a card can do and does, as `ethtool` shows it: the ethtool family of generic netlink (linux/ethtool_netlink.h).

use std::collections::BTreeMap;
use std::io;

use rustix::net::netlink;

use super::netlink::{Kernel, attribute, attributes, find, number16, number32, text};

/// The kernel's end.
pub(super) struct Ethtool {
    kernel: Kernel,
    family: u16,
}

/// Named switches of an interface and whether they are on. A list may name only those that are on.
pub(super) type Switches = BTreeMap<String, bool>;

impl Ethtool {
    /// # Errors
    /// What the kernel says; kernels before 5.6 have no such family.
    pub(super) fn new() -> io::Result<Ethtool> {
        let kernel = Kernel::new(Some(netlink::GENERIC))?;
        let question = [vec![GET_FAMILY, 1, 0, 0], attribute(FAMILY_NAME, b"ethtool\0")].concat();
        let answer = kernel.ask(CONTROL, &question)?;
        let family = number16(answer.get(COMMAND..).and_then(|attributes| find(attributes, FAMILY_ID)));
        Ok(Ethtool { kernel, family: family.ok_or(io::ErrorKind::InvalidData)? })
    }

    /// The features that are on, by the kernel's names.
    pub(super) fn features(&self, interface: &str) -> io::Result<Switches> {
        self.switches(interface, FEATURES_GET, FEATURES_ACTIVE)
    }

    /// The driver's own switches.
    pub(super) fn private_flags(&self, interface: &str) -> io::Result<Switches> {
        match self.switches(interface, PRIVFLAGS_GET, PRIVFLAGS_FLAGS) {
            Err(error) if error.raw_os_error() == Some(NOT_SUPPORTED) => Ok(Switches::new()),
            flags => flags,
        }
    }

    /// Where frames can be stamped.
    pub(super) fn timestamps(&self, interface: &str) -> io::Result<Switches> {
        self.switches(interface, TSINFO_GET, TSINFO_TIMESTAMPING)
    }

    fn switches(&self, interface: &str, command: u8, list: u16) -> io::Result<Switches> {
        let name = [interface.as_bytes(), &[0]].concat();
        let header = attribute(HEADER | NESTED, &attribute(HEADER_DEV_NAME, &name));
        let answer = self.kernel.ask(self.family, &[vec![command, 1, 0, 0], header].concat())?;
        let set = answer.get(COMMAND..).and_then(|attributes| find(attributes, list));
        Ok(set.map(switches).unwrap_or_default())
    }
}

/// A bit set in its long form: each bit with its name.
fn switches(set: &[u8]) -> Switches {
    let names_only_what_is_on = find(set, BITSET_NOMASK).is_some();
    let bits = find(set, BITSET_BITS).unwrap_or_default();
    let bits = attributes(bits).filter(|(kind, _)| *kind == BITSET_BIT).filter_map(|(_, bit)| {
        let name = text(find(bit, BIT_NAME)?)?;
        Some((name.to_owned(), names_only_what_is_on || find(bit, BIT_VALUE).is_some()))
    });
    bits.take(MAX_SWITCHES).collect()
}

/// For an end of a virtual pair whose other end is in this network namespace too, the other's number.
///
/// # Errors
/// What the kernel says.
pub(super) fn peer(interface: &str) -> io::Result<Option<u32>> {
    let kernel = Kernel::new(None)?;
    let name = [interface.as_bytes(), &[0]].concat();
    let answer = kernel.ask(GETLINK, &[vec![0; IFINFOMSG], attribute(IFLA_IFNAME, &name)].concat())?;
    let attributes = answer.get(IFINFOMSG..).unwrap_or_default();
    let kind = find(attributes, IFLA_LINKINFO).and_then(|info| find(info, IFLA_INFO_KIND)).and_then(text);
    let is_elsewhere = find(attributes, IFLA_LINK_NETNSID).is_some();
    Ok(number32(find(attributes, IFLA_LINK)).filter(|_| kind == Some("veth") && !is_elsewhere))
}

/// Octets of `struct genlmsghdr`.
const COMMAND: usize = 4;
/// `GENL_ID_CTRL`, `CTRL_CMD_GETFAMILY`, `CTRL_ATTR_FAMILY_ID`, `CTRL_ATTR_FAMILY_NAME`.
const CONTROL: u16 = 16;
const GET_FAMILY: u8 = 3;
const FAMILY_ID: u16 = 1;
const FAMILY_NAME: u16 = 2;
/// `ETHTOOL_MSG_*` and the attributes that hold their bit sets.
const FEATURES_GET: u8 = 11;
const FEATURES_ACTIVE: u16 = 4;
const PRIVFLAGS_GET: u8 = 13;
const PRIVFLAGS_FLAGS: u16 = 2;
const TSINFO_GET: u8 = 25;
const TSINFO_TIMESTAMPING: u16 = 2;
/// `ETHTOOL_A_*_HEADER`, `ETHTOOL_A_HEADER_DEV_NAME`, `NLA_F_NESTED`.
const HEADER: u16 = 1;
const HEADER_DEV_NAME: u16 = 2;
const NESTED: u16 = 0x8000;
/// `ETHTOOL_A_BITSET_*`.
const BITSET_NOMASK: u16 = 1;
const BITSET_BITS: u16 = 3;
const BITSET_BIT: u16 = 1;
const BIT_NAME: u16 = 2;
const BIT_VALUE: u16 = 3;
/// Most switches of a list.
const MAX_SWITCHES: usize = 1_024;
/// `EOPNOTSUPP`: a driver without any.
const NOT_SUPPORTED: i32 = 95;
/// `RTM_GETLINK` and what it takes and gives (rtnetlink(7)).
const GETLINK: u16 = 18;
const IFINFOMSG: usize = 16;
const IFLA_IFNAME: u16 = 3;
const IFLA_LINK: u16 = 5;
const IFLA_LINKINFO: u16 = 18;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_LINK_NETNSID: u16 = 37;

#[cfg(test)]
mod tests {
    use super::*;

    fn bit(name: &str, is_on: bool) -> Vec<u8> {
        let name = attribute(BIT_NAME, &[name.as_bytes(), &[0]].concat());
        attribute(BITSET_BIT | NESTED, &if is_on { [name, attribute(BIT_VALUE, &[])].concat() } else { name })
    }

    #[test]
    fn a_list_with_a_mask_names_what_is_off_too() {
        let bits =
            attribute(BITSET_BITS | NESTED, &[bit("disable-fw-lldp", false), bit("link", true)].concat());
        let expected = [("disable-fw-lldp".to_owned(), false), ("link".to_owned(), true)];
        assert_eq!(switches(&bits), Switches::from(expected.clone()));
        let set = [attribute(BITSET_NOMASK, &[]), bits].concat();
        assert!(switches(&set).values().all(|is_on| *is_on), "a list without one names what is on");
    }

    #[test]
    fn the_loopback_interface_answers() {
        let ethtool = Ethtool::new().unwrap();
        assert!(ethtool.features("lo").unwrap().contains_key("rx-gro"));
        assert_eq!(ethtool.private_flags("lo").unwrap(), Switches::new());
        assert!(ethtool.timestamps("lo").unwrap().contains_key("software-receive"));
        assert!(ethtool.features("none-such").is_err());
        assert_eq!(peer("lo").unwrap(), None);
    }
}
