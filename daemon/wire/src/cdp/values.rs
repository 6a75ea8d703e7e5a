//! Values of the TLVs.

use std::net::{IpAddr, Ipv4Addr};

use arrayvec::ArrayVec;
use nom::{
    Parser,
    combinator::{opt, rest},
    multi::length_data,
    number::complete::{be_u8, be_u16, be_u32},
};
use serde::Serialize;

use super::{MAX_ADDRESSES, MAX_POWER_LEVELS};
use crate::fields::{Parsed, array, finish, short};
use crate::{Kind, Octets, ethernet, registry::registry};

/// Most addresses of one TLV that are read.
pub const MAX_ADDRESSES_READ: usize = 256;

/// The addresses of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Addresses<'a> {
    /// How many the TLV says that there are.
    pub count: u32,
    /// The first of them.
    pub list: ArrayVec<Address<'a>, MAX_ADDRESSES>,
    /// How many found no room.
    pub omitted: u32,
}

/// An address of any protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Address<'a> {
    /// How the protocol is given.
    pub protocol_type: ProtocolType,
    /// The protocol.
    pub protocol: Octets<'a>,
    /// The address.
    pub address: Octets<'a>,
    /// The address, where it is one of IP.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ip: Option<IpAddr>,
}

registry! {
    /// How the protocol of an address is given.
    pub enum ProtocolType: u8 {
        /// 1: by a network layer protocol identifier (ISO/IEC TR 9577).
        Nlpid = 1, "nlpid";
        /// 2: by an LLC header.
        Llc = 2, "802.2";
    }
}

/// An IP prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Prefix {
    /// The network.
    pub network: Ipv4Addr,
    /// Bits of the network.
    pub length: u8,
}

/// Protocol Hello: a message of another protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Hello<'a> {
    /// Whose protocol it is.
    pub oui: Octets<'a>,
    /// The protocol of that organisation.
    pub protocol: u16,
    /// Cluster management, where it is that protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Cluster>,
    /// Octets of the message.
    pub octets: usize,
}

/// Cluster management: protocol 0x0112 of Cisco.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cluster {
    /// Address of the cluster's master.
    pub master: Ipv4Addr,
    /// An address of unknown meaning.
    pub address: Ipv4Addr,
    /// Version.
    pub version: u8,
    /// Subversion.
    pub subversion: u8,
    /// Status.
    pub status: u8,
    /// MAC address of the cluster's commander.
    pub commander: ethernet::Address,
    /// MAC address of the switch.
    pub switch: ethernet::Address,
    /// Management VLAN.
    pub management_vlan: u16,
}

/// The VLAN of a telephone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VoiceVlan {
    /// What is asked or told: 1 for the VLAN of voice.
    pub data: u8,
    /// The VLAN; `None` where the TLV ends before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vid: Option<u16>,
}

/// Power that is asked for, or that can be had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Power {
    /// Number of the request.
    pub request_id: u16,
    /// Number of the management.
    pub management_id: u16,
    /// Levels, in milliwatts.
    pub levels: ArrayVec<u32, MAX_POWER_LEVELS>,
    /// How many levels found no room.
    pub omitted: u32,
}

/// Where the device stands. That is the site's secret: the content stays out of what is serialised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Location<'a> {
    /// How it is given.
    pub kind: u8,
    /// Octets of the location.
    pub octets: usize,
    /// The location, as it was sent.
    #[serde(skip)]
    pub value: Octets<'a>,
}

/// Power over the spare pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SparePair {
    /// The power source can use all four pairs.
    pub supported: bool,
    /// The powered device takes the pairs together, otherwise each for itself.
    pub shared_architecture: bool,
    /// The powered device asks for power on the spare pairs.
    pub requested: bool,
    /// The power source gives power on the spare pairs.
    pub enabled: bool,
}

impl<'a> Addresses<'a> {
    /// Reads the TLV. An address that is cut does not hide those before it.
    pub(crate) fn parse(value: &'a [u8]) -> Result<(Self, Result<(), Kind>), Kind> {
        let (mut input, count) = be_u32.parse(value).map_err(short)?;
        let mut addresses = Addresses { count, list: ArrayVec::new(), omitted: 0 };
        for position in 0..count {
            if usize::try_from(position).map_or(true, |p| p >= MAX_ADDRESSES_READ) {
                return Ok((addresses, Err(Kind::Limit)));
            }
            let Ok((behind, address)) = Address::parse(input) else {
                return Ok((addresses, Err(Kind::Short)));
            };
            input = behind;
            if addresses.list.try_push(address).is_err() {
                addresses.omitted = addresses.omitted.saturating_add(1);
            }
        }
        Ok((addresses, Ok(())))
    }
}

impl<'a> Address<'a> {
    fn parse(input: &'a [u8]) -> Parsed<'a, Self> {
        let (input, (protocol_type, protocol, address)) =
            (be_u8, length_data(be_u8), length_data(be_u16)).parse(input)?;
        let ip = match (protocol_type, protocol) {
            (1, [NLPID_IPV4]) | (2, [0xaa, 0xaa, 3, 0, 0, 0, 8, 0]) => {
                <[u8; 4]>::try_from(address).ok().map(IpAddr::from)
            }
            (2, [0xaa, 0xaa, 3, 0, 0, 0, 0x86, 0xdd]) => <[u8; 16]>::try_from(address).ok().map(IpAddr::from),
            _ => None,
        };
        let address = Address {
            protocol_type: protocol_type.into(),
            protocol: Octets(protocol),
            address: Octets(address),
            ip,
        };
        Ok((input, address))
    }
}

impl From<[u8; 5]> for Prefix {
    fn from([a, b, c, d, length]: [u8; 5]) -> Self {
        Prefix { network: Ipv4Addr::new(a, b, c, d), length }
    }
}

impl<'a> Hello<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, Kind> {
        let (oui, value) = value.split_at_checked(3).ok_or(Kind::Short)?;
        let (protocol, message) = finish((be_u16, rest).parse(value))?;
        let cluster = if oui == super::OUI && protocol == CLUSTER_MANAGEMENT {
            Some(finish(cluster(message))?)
        } else {
            None
        };
        Ok(Hello { oui: Octets(oui), protocol, cluster, octets: message.len() })
    }
}

fn cluster(input: &[u8]) -> Parsed<'_, Cluster> {
    let (input, (master, address)) = (be_u32, be_u32).parse(input)?;
    let (input, (version, subversion, status, _)) = (be_u8, be_u8, be_u8, be_u8).parse(input)?;
    let (input, (commander, switch, _, management_vlan)) = (array, array, be_u8, be_u16).parse(input)?;
    let cluster = Cluster {
        master: master.into(),
        address: address.into(),
        version,
        subversion,
        status,
        commander: ethernet::Address(commander),
        switch: ethernet::Address(switch),
        management_vlan,
    };
    Ok((input, cluster))
}

impl VoiceVlan {
    pub(super) fn parse(value: &[u8]) -> Result<Self, Kind> {
        let (data, vid) = finish((be_u8, opt(be_u16)).parse(value))?;
        Ok(VoiceVlan { data, vid })
    }
}

impl Power {
    /// Reads the TLV. A level that is cut does not hide those before it.
    pub(super) fn parse(value: &[u8]) -> Result<(Self, Result<(), Kind>), Kind> {
        let (request_id, management_id, levels) = finish((be_u16, be_u16, rest).parse(value))?;
        let mut power = Power { request_id, management_id, levels: ArrayVec::new(), omitted: 0 };
        let (levels, cut) = levels.as_chunks();
        for level in levels {
            if power.levels.try_push(u32::from_be_bytes(*level)).is_err() {
                power.omitted = power.omitted.saturating_add(1);
            }
        }
        Ok((power, if cut.is_empty() { Ok(()) } else { Err(Kind::Length) }))
    }
}

impl<'a> Location<'a> {
    pub(super) fn parse(value: &'a [u8]) -> Result<Self, Kind> {
        let (kind, value) = finish((be_u8, rest).parse(value))?;
        Ok(Location { kind, octets: value.len(), value: Octets(value) })
    }
}

impl From<u8> for SparePair {
    fn from(flags: u8) -> Self {
        SparePair {
            supported: flags & 0x01 != 0,
            shared_architecture: flags & 0x02 != 0,
            requested: flags & 0x04 != 0,
            enabled: flags & 0x08 != 0,
        }
    }
}

const NLPID_IPV4: u8 = 0xcc;
const CLUSTER_MANAGEMENT: u16 = 0x0112;
