//! Cisco Discovery Protocol, versions 1 and 2.
//!
//! There is no public standard; the layout is that of Cisco's and others' implementations. A TLV that
//! breaks a rule never hides another one: it is stepped over by its length and becomes an entry in
//! [`Message::malformed`]. A TLV whose length is below that of its own header ends the reading, since nothing says
//! where the next one begins.

use std::net::Ipv4Addr;

use arrayvec::ArrayVec;
use nom::{
    Parser,
    number::complete::{be_u8, be_u16, be_u32},
};
use serde::Serialize;

use crate::fields::{finish, set};
use crate::{Faults, Kind, Malformed, Octets, Text, cursor::Cursor, ethernet, registry::registry};

mod checksum;
mod values;
pub use values::{
    Address, Addresses, Cluster, Hello, Location, Power, Prefix, ProtocolType, SparePair, VoiceVlan,
};

/// Octets of the header: version, TTL, checksum.
pub const HEADER_LEN: usize = 4;
/// Octets of a TLV's header: type and length.
pub const TLV_HEADER_LEN: usize = 4;
/// The versions that there are.
pub const VERSIONS: [u8; 2] = [1, 2];
/// SNAP organisation.
pub const OUI: [u8; 3] = [0x00, 0x00, 0x0c];
/// SNAP protocol of that organisation.
pub const PROTOCOL: u16 = 0x2000;
/// Destination of all messages.
pub const DESTINATION: ethernet::Address = ethernet::Address([0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcc]);
/// Most TLVs of a message that are read.
pub const MAX_TLVS: usize = 256;
/// Most addresses of one TLV that are kept.
pub const MAX_ADDRESSES: usize = 16;
/// Most prefixes that are kept.
pub const MAX_PREFIXES: usize = 16;
/// Most power levels of one TLV that are kept.
pub const MAX_POWER_LEVELS: usize = 8;
/// Most TLVs of unknown types that are kept.
pub const MAX_OPAQUE: usize = 32;

/// What a neighbour says about itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message<'a> {
    /// Version: one of [`VERSIONS`]; another one is named as malformed, and read all the same.
    pub version: u8,
    /// For how many seconds the message holds.
    pub ttl: u8,
    /// The checksum.
    pub checksum: u16,
    /// Whether the checksum is right; `None` where the capture was cut.
    pub checksum_valid: Option<bool>,
    /// Device ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<Text<'a>>,
    /// Addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub addresses: Option<Addresses<'a>>,
    /// Port ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_id: Option<Text<'a>>,
    /// Capabilities.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Capabilities>,
    /// Software version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub software_version: Option<Text<'a>>,
    /// Platform.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub platform: Option<Text<'a>>,
    /// Gateway of a stub router (on-demand routing).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gateway: Option<Ipv4Addr>,
    /// IP prefixes of a stub router (on-demand routing).
    pub prefixes: ArrayVec<Prefix, MAX_PREFIXES>,
    /// Protocol Hello.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hello: Option<Hello<'a>>,
    /// VTP management domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vtp_domain: Option<Text<'a>>,
    /// Native VLAN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub native_vlan: Option<u16>,
    /// Whether the port is full duplex.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub full_duplex: Option<bool>,
    /// The VLAN that a telephone is told to use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice_vlan_reply: Option<VoiceVlan>,
    /// The VLAN that a telephone asks for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub voice_vlan_query: Option<VoiceVlan>,
    /// Power consumption, in milliwatts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_consumption: Option<u16>,
    /// MTU, in octets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mtu: Option<u32>,
    /// Trust bitmap: bit 0 for a port whose class of service is trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust_bitmap: Option<u8>,
    /// Class of service of frames from a port that is not trusted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub untrusted_port_cos: Option<u8>,
    /// System name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_name: Option<Text<'a>>,
    /// System object identifier, in ASN.1 basic encoding.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_oid: Option<Octets<'a>>,
    /// Management addresses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub management_addresses: Option<Addresses<'a>>,
    /// Location.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location<'a>>,
    /// External port ID.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_port_id: Option<Text<'a>>,
    /// Power requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_requested: Option<Power>,
    /// Power available.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub power_available: Option<Power>,
    /// Whether the port is unidirectional.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unidirectional: Option<u8>,
    /// Power over the spare pairs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spare_pair: Option<SparePair>,
    /// How many TLVs are of a type that is not read here.
    pub unknown: u32,
    /// The first of them.
    pub opaque: ArrayVec<Opaque, MAX_OPAQUE>,
    /// What is wrong with the message, in the order it was found.
    pub malformed: Faults,
    /// How many entries found no room in one of the bounded lists, other than faults.
    pub omitted: u32,
}

/// A TLV that is not read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Opaque {
    /// Its type.
    pub tlv: TlvType,
    /// Octets behind its header.
    pub octets: usize,
}

/// What a device can do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Capabilities(pub u32);

impl Capabilities {
    /// Router.
    pub const ROUTER: Capabilities = Capabilities(0x001);
    /// Transparent bridge.
    pub const TRANSPARENT_BRIDGE: Capabilities = Capabilities(0x002);
    /// Source route bridge.
    pub const SOURCE_ROUTE_BRIDGE: Capabilities = Capabilities(0x004);
    /// Switch.
    pub const SWITCH: Capabilities = Capabilities(0x008);
    /// Host.
    pub const HOST: Capabilities = Capabilities(0x010);
    /// IGMP capable.
    pub const IGMP: Capabilities = Capabilities(0x020);
    /// Repeater.
    pub const REPEATER: Capabilities = Capabilities(0x040);
    /// Telephone.
    pub const PHONE: Capabilities = Capabilities(0x080);
    /// Remotely managed device.
    pub const REMOTELY_MANAGED: Capabilities = Capabilities(0x100);
    /// Camera, or dispute resolution of spanning tree.
    pub const CVTA: Capabilities = Capabilities(0x200);
    /// Two-port MAC relay.
    pub const TWO_PORT_MAC_RELAY: Capabilities = Capabilities(0x400);

    /// Whether every capability of `other` is in the set.
    #[must_use]
    pub fn contains(self, other: Capabilities) -> bool {
        self.0 & other.0 == other.0
    }
}

registry! {
    /// The TLVs.
    pub enum TlvType: u16 {
        /// 0x1.
        DeviceId = 0x1, "device-id";
        /// 0x2.
        Addresses = 0x2, "addresses";
        /// 0x3.
        PortId = 0x3, "port-id";
        /// 0x4.
        Capabilities = 0x4, "capabilities";
        /// 0x5.
        SoftwareVersion = 0x5, "software-version";
        /// 0x6.
        Platform = 0x6, "platform";
        /// 0x7.
        IpPrefix = 0x7, "ip-prefix";
        /// 0x8.
        ProtocolHello = 0x8, "protocol-hello";
        /// 0x9.
        VtpDomain = 0x9, "vtp-management-domain";
        /// 0xa.
        NativeVlan = 0xa, "native-vlan";
        /// 0xb.
        Duplex = 0xb, "duplex";
        /// 0xe.
        VoiceVlanReply = 0xe, "voip-vlan-reply";
        /// 0xf.
        VoiceVlanQuery = 0xf, "voip-vlan-query";
        /// 0x10.
        PowerConsumption = 0x10, "power-consumption";
        /// 0x11.
        Mtu = 0x11, "mtu";
        /// 0x12.
        TrustBitmap = 0x12, "trust-bitmap";
        /// 0x13.
        UntrustedPortCos = 0x13, "untrusted-port-cos";
        /// 0x14.
        SystemName = 0x14, "system-name";
        /// 0x15.
        SystemOid = 0x15, "system-object-id";
        /// 0x16.
        ManagementAddresses = 0x16, "management-addresses";
        /// 0x17.
        Location = 0x17, "location";
        /// 0x18.
        ExternalPortId = 0x18, "external-port-id";
        /// 0x19.
        PowerRequested = 0x19, "power-requested";
        /// 0x1a.
        PowerAvailable = 0x1a, "power-available";
        /// 0x1b.
        Unidirectional = 0x1b, "port-unidirectional";
        /// 0x1d; not read.
        EnergyWise = 0x1d, "energywise";
        /// 0x1f.
        SparePair = 0x1f, "spare-pair-poe";
        /// 0x1000; not read.
        Bssid = 0x1000, "bssid";
        /// 0x1001; not read.
        SerialNumber = 0x1001, "serial-number";
        /// 0x1002; not read.
        Ssid = 0x1002, "ssid";
        /// 0x1003; not read.
        Radio1Channel = 0x1003, "radio-1-channel";
        /// 0x1006; not read.
        SnmpPort = 0x1006, "snmp-udp-port";
        /// 0x1007; not read.
        WebPort = 0x1007, "web-tcp-port";
        /// 0x1008; not read.
        SourceMac = 0x1008, "source-mac-address";
        /// 0x1009; not read.
        Radio2Channel = 0x1009, "radio-2-channel";
        /// 0x100a; not read.
        Radio1OperatingMode = 0x100a, "radio-1-operating-mode";
        /// 0x100b; not read.
        Radio2OperatingMode = 0x100b, "radio-2-operating-mode";
        /// 0x100c; not read.
        Radio1RadioMode = 0x100c, "radio-1-radio-mode";
        /// 0x100d; not read.
        Radio2RadioMode = 0x100d, "radio-2-radio-mode";
    }
}

/// Reads a message. `cursor` ends where the 802.3 length says.
///
/// # Errors
/// [`Malformed`] when the header is not whole. Any later fault is in [`Message::malformed`].
pub fn parse(mut cursor: Cursor<'_>) -> Result<Message<'_>, Malformed> {
    let start = cursor;
    let checksum_valid = (!cursor.is_cut()).then(|| checksum::is_valid(cursor.rest()));
    let &[version, ttl, c0, c1] = cursor.array::<HEADER_LEN>()?;
    let mut message = Message::new(version, ttl, u16::from_be_bytes([c0, c1]), checksum_valid);
    if !VERSIONS.contains(&version) {
        message.malformed.note::<()>(Err(start.malformed(Kind::Version)));
    }
    for tlv in Tlvs::new(cursor) {
        if let Some(tlv) = message.malformed.note(tlv) {
            let result = message.read(tlv.kind.into(), tlv.value);
            message.malformed.note(result.map_err(|kind| tlv.start.malformed(kind)));
        }
    }
    Ok(message)
}

impl<'a> Message<'a> {
    fn new(version: u8, ttl: u8, checksum: u16, checksum_valid: Option<bool>) -> Self {
        Message {
            version,
            ttl,
            checksum,
            checksum_valid,
            device_id: None,
            addresses: None,
            port_id: None,
            capabilities: None,
            software_version: None,
            platform: None,
            gateway: None,
            prefixes: ArrayVec::new(),
            hello: None,
            vtp_domain: None,
            native_vlan: None,
            full_duplex: None,
            voice_vlan_reply: None,
            voice_vlan_query: None,
            power_consumption: None,
            mtu: None,
            trust_bitmap: None,
            untrusted_port_cos: None,
            system_name: None,
            system_oid: None,
            management_addresses: None,
            location: None,
            external_port_id: None,
            power_requested: None,
            power_available: None,
            unidirectional: None,
            spare_pair: None,
            unknown: 0,
            opaque: ArrayVec::new(),
            malformed: Faults::default(),
            omitted: 0,
        }
    }

    /// Reads one TLV. An error says that it is malformed; what of it can be used is used nevertheless.
    fn read(&mut self, kind: TlvType, value: &'a [u8]) -> Result<(), Kind> {
        match kind {
            TlvType::DeviceId => set(&mut self.device_id, Text(value)),
            TlvType::Addresses => {
                let (addresses, result) = Addresses::parse(value)?;
                set(&mut self.addresses, addresses).and(result)
            }
            TlvType::PortId => set(&mut self.port_id, Text(value)),
            TlvType::Capabilities => set(&mut self.capabilities, Capabilities(finish(be_u32.parse(value))?)),
            TlvType::SoftwareVersion => set(&mut self.software_version, Text(value)),
            TlvType::Platform => set(&mut self.platform, Text(value)),
            TlvType::IpPrefix => self.read_prefixes(value),
            TlvType::ProtocolHello => set(&mut self.hello, Hello::parse(value)?),
            TlvType::VtpDomain => set(&mut self.vtp_domain, Text(value)),
            TlvType::NativeVlan => set(&mut self.native_vlan, finish(be_u16.parse(value))?),
            TlvType::Duplex => set(&mut self.full_duplex, finish(be_u8.parse(value))? != 0),
            TlvType::VoiceVlanReply => set(&mut self.voice_vlan_reply, VoiceVlan::parse(value)?),
            TlvType::VoiceVlanQuery => set(&mut self.voice_vlan_query, VoiceVlan::parse(value)?),
            TlvType::PowerConsumption => set(&mut self.power_consumption, finish(be_u16.parse(value))?),
            TlvType::Mtu => set(&mut self.mtu, finish(be_u32.parse(value))?),
            TlvType::TrustBitmap => set(&mut self.trust_bitmap, finish(be_u8.parse(value))?),
            TlvType::UntrustedPortCos => set(&mut self.untrusted_port_cos, finish(be_u8.parse(value))?),
            TlvType::SystemName => set(&mut self.system_name, Text(value)),
            TlvType::SystemOid => set(&mut self.system_oid, Octets(value)),
            TlvType::ManagementAddresses => {
                let (addresses, result) = Addresses::parse(value)?;
                set(&mut self.management_addresses, addresses).and(result)
            }
            TlvType::Location => set(&mut self.location, Location::parse(value)?),
            TlvType::ExternalPortId => set(&mut self.external_port_id, Text(value)),
            TlvType::PowerRequested => {
                let (power, result) = Power::parse(value)?;
                set(&mut self.power_requested, power).and(result)
            }
            TlvType::PowerAvailable => {
                let (power, result) = Power::parse(value)?;
                set(&mut self.power_available, power).and(result)
            }
            TlvType::Unidirectional => set(&mut self.unidirectional, finish(be_u8.parse(value))?),
            TlvType::SparePair => set(&mut self.spare_pair, finish(be_u8.parse(value))?.into()),
            tlv => {
                self.unknown = self.unknown.saturating_add(1);
                if self.opaque.try_push(Opaque { tlv, octets: value.len() }).is_err() {
                    self.omitted = self.omitted.saturating_add(1);
                }
                Ok(())
            }
        }
    }

    fn read_prefixes(&mut self, value: &[u8]) -> Result<(), Kind> {
        if let Ok(gateway) = <[u8; 4]>::try_from(value) {
            return set(&mut self.gateway, gateway.into());
        }
        let (prefixes, rest) = value.as_chunks();
        for prefix in prefixes {
            if self.prefixes.try_push(Prefix::from(*prefix)).is_err() {
                self.omitted = self.omitted.saturating_add(1);
            }
        }
        if rest.is_empty() { Ok(()) } else { Err(Kind::Length) }
    }
}

/// A TLV as it is framed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tlv<'a> {
    /// Where it begins.
    pub(crate) start: Cursor<'a>,
    pub(crate) kind: u16,
    pub(crate) value: &'a [u8],
}

/// The TLVs of a message, as this protocol and Foundry's frame them: at most [`MAX_TLVS`]. It ends with
/// the first one that cannot be framed.
pub(crate) struct Tlvs<'a> {
    cursor: Cursor<'a>,
    left: usize,
}

impl<'a> Tlvs<'a> {
    pub(crate) fn new(cursor: Cursor<'a>) -> Self {
        Tlvs { cursor, left: MAX_TLVS }
    }

    fn frame(&mut self) -> Result<Tlv<'a>, Malformed> {
        let start = self.cursor;
        let &[k0, k1, l0, l1] = self.cursor.array::<TLV_HEADER_LEN>()?;
        let length = usize::from(u16::from_be_bytes([l0, l1]));
        let value_len = length.checked_sub(TLV_HEADER_LEN).ok_or_else(|| start.malformed(Kind::Length))?;
        if value_len > self.cursor.wire_remaining() {
            return Err(start.malformed(Kind::Length));
        }
        let value = self.cursor.take(value_len)?;
        Ok(Tlv { start, kind: u16::from_be_bytes([k0, k1]), value })
    }
}

impl<'a> Iterator for Tlvs<'a> {
    type Item = Result<Tlv<'a>, Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.cursor.is_empty() {
            return None;
        }
        let tlv = match self.left.checked_sub(1) {
            Some(left) => {
                self.left = left;
                self.frame()
            }
            None => Err(self.cursor.malformed(Kind::Limit)),
        };
        if tlv.is_err() {
            let _ = self.cursor.limit(0);
        }
        Some(tlv)
    }
}

#[cfg(test)]
mod tests;
