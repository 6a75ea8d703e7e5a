//! TLVs of PROFINET (IEC 61158-6-10, LLDP_PNIO).

use std::fmt;

use nom::{
    Parser,
    bytes::complete::take,
    multi::length_data,
    number::complete::{be_u8, be_u16, be_u32},
};
use serde::{Serialize, Serializer};

use super::{NetworkAddress, Parsed, Reading, array, finish, once, text};
use crate::{Kind, Octets, Text, ethernet, registry::registry};

/// The organisation's identifier.
pub const OUI: [u8; 3] = [0x00, 0x0e, 0xcf];
/// Most octets of a port's alias: a name of station and a name of port.
pub const MAX_ALIAS_LEN: usize = 255;

/// What the TLVs say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Extension<'a> {
    /// Measured delay values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    /// State of the real-time classes at the port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port_status: Option<PortStatus>,
    /// Name that the peer has for the port.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alias: Option<Text<'a>>,
    /// State of the port in a media redundancy ring.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mrp_port_status: Option<MrpPortStatus>,
    /// MAC address of the interface that the port belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interface_mac: Option<ethernet::Address>,
    /// State of the precision clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ptcp_status: Option<PtcpStatus>,
    /// MAU type extension.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mau_type_extension: Option<u16>,
    /// State of the port in an interconnection of rings.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mrp_interconnection_port_status: Option<MrpInterconnectionPortStatus>,
    /// TSN domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tsn_domain: Option<Uuid>,
    /// Address of the TSN network management entity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nme_address: Option<NetworkAddress<'a>>,
    /// Name of the TSN network management entity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nme_name: Option<Uuid>,
    /// Parameters of the TSN network management entity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nme_parameter: Option<Uuid>,
    /// TSN time domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_domain: Option<TimeDomain<'a>>,
}

/// Measured delay values, in nanoseconds; 0 is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Delay {
    /// Receive delay of the port.
    pub receive_local: u32,
    /// Receive delay of the peer's port.
    pub receive_remote: u32,
    /// Transmit delay of the port.
    pub transmit_local: u32,
    /// Transmit delay of the peer's port.
    pub transmit_remote: u32,
    /// Delay of the cable.
    pub cable: u32,
}

/// State of the real-time classes at a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PortStatus {
    /// RT_CLASS_2: 0 off, 1 synchronisation data loaded, 2 up.
    pub class2: u16,
    /// RT_CLASS_3.
    pub class3: Class3State,
    /// RT_CLASS_3 frames may be fragmented.
    pub fragmentation: bool,
    /// RT_CLASS_3 frames have a preamble of one octet, otherwise of seven.
    pub short_preamble: bool,
}

registry! {
    /// State of RT_CLASS_3.
    pub enum Class3State: u16 {
        /// 0.
        Off = 0, "off";
        /// 2.
        Up = 2, "up";
        /// 3.
        Down = 3, "down";
        /// 4.
        Run = 4, "run";
    }
}

/// State of a port in a media redundancy ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MrpPortStatus {
    /// The ring's domain.
    pub domain: Uuid,
    /// Real-time redundancy: 0 off, 1 configured, 2 up.
    pub status: u16,
}

/// State of a port in an interconnection of rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MrpInterconnectionPortStatus {
    /// Number of the interconnection's domain.
    pub domain: u16,
    /// Role of the device: 0 none, 1 client, 2 manager.
    pub role: u16,
    /// A client's position: 0 primary, 1 secondary.
    pub position: u16,
}

/// State of the precision clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct PtcpStatus {
    /// MAC address of the clock's master.
    pub master: ethernet::Address,
    /// The clock's subdomain.
    pub subdomain: Uuid,
    /// The isochronous data.
    pub isochronous_data: Uuid,
    /// Length of the cycle.
    pub period: Period,
    /// Begin of RT_CLASS_3 in the cycle.
    pub red_begin: Period,
    /// Begin of RT_CLASS_2 in the cycle.
    pub orange_begin: Period,
    /// Begin of what is not restricted in the cycle.
    pub green_begin: Period,
}

/// A time in a cycle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    /// The time is of meaning.
    pub valid: bool,
    /// Nanoseconds.
    pub nanoseconds: u32,
}

/// A TSN time domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct TimeDomain<'a> {
    /// 0 global time, 1 its redundancy, 32 working clock, 33 its redundancy.
    pub number: u16,
    /// The domain.
    pub domain: Uuid,
    /// Identity of its master.
    pub master_identity: Octets<'a>,
}

/// A universally unique identifier (RFC 9562), displayed in groups of hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Uuid(pub [u8; 16]);

impl fmt::Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, octet) in self.0.iter().enumerate() {
            let dash = if matches!(position, 4 | 6 | 8 | 10) { "-" } else { "" };
            write!(f, "{dash}{octet:02x}")?;
        }
        Ok(())
    }
}

impl Serialize for Uuid {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

registry! {
    /// The TLVs. Of the last, 14, the sources say only that it is of a global time.
    pub enum Subtype: u8 {
        /// 1.
        MeasuredDelayValues = 1, "measured-delay-values";
        /// 2.
        PortStatus = 2, "port-status";
        /// 3.
        Alias = 3, "alias";
        /// 4.
        MrpPortStatus = 4, "mrp-port-status";
        /// 5.
        InterfaceMac = 5, "interface-mac";
        /// 6.
        PtcpStatus = 6, "ptcp-status";
        /// 7.
        MauTypeExtension = 7, "mau-type-extension";
        /// 8.
        MrpInterconnectionPortStatus = 8, "mrp-interconnection-port-status";
        /// 9.
        TsnDomain = 9, "tsn-domain";
        /// 10.
        NmeManagementAddress = 10, "nme-management-address";
        /// 11.
        NmeName = 11, "nme-name";
        /// 12.
        NmeParameter = 12, "nme-parameter";
        /// 13.
        TimeDomain = 13, "time-domain";
    }
}

impl<'a> Extension<'a> {
    pub(super) fn read(&mut self, subtype: u8, value: &'a [u8]) -> Result<Reading, Kind> {
        match Subtype::from(subtype) {
            Subtype::MeasuredDelayValues => {
                once(&mut self.delay, finish(delay(value))?)?;
            }
            Subtype::PortStatus => {
                once(&mut self.port_status, finish(port_status(value))?)?;
            }
            Subtype::Alias => text(&mut self.alias, value, MAX_ALIAS_LEN)?,
            Subtype::MrpPortStatus => {
                let (domain, status) = finish((uuid, be_u16).parse(value))?;
                once(&mut self.mrp_port_status, MrpPortStatus { domain, status })?;
            }
            Subtype::InterfaceMac => {
                once(&mut self.interface_mac, finish(mac(value))?)?;
            }
            Subtype::PtcpStatus => {
                once(&mut self.ptcp_status, finish(ptcp_status(value))?)?;
            }
            Subtype::MauTypeExtension => {
                once(&mut self.mau_type_extension, finish(be_u16.parse(value))?)?;
            }
            Subtype::MrpInterconnectionPortStatus => {
                let (domain, role, position) = finish((be_u16, be_u16, be_u16).parse(value))?;
                let status = MrpInterconnectionPortStatus { domain, role, position };
                once(&mut self.mrp_interconnection_port_status, status)?;
            }
            Subtype::TsnDomain => {
                once(&mut self.tsn_domain, finish(uuid(value))?)?;
            }
            Subtype::NmeManagementAddress => {
                let string = finish(length_data(be_u8).parse(value))?;
                let (family, address) = string.split_first().ok_or(Kind::Length)?;
                once(&mut self.nme_address, NetworkAddress::new(*family, address)?)?;
            }
            Subtype::NmeName => {
                once(&mut self.nme_name, finish(uuid(value))?)?;
            }
            Subtype::NmeParameter => {
                once(&mut self.nme_parameter, finish(uuid(value))?)?;
            }
            Subtype::TimeDomain => {
                let (number, domain, master_identity) =
                    finish((be_u16, uuid, take(8usize).map(Octets)).parse(value))?;
                once(&mut self.time_domain, TimeDomain { number, domain, master_identity })?;
            }
            Subtype::Unknown(_) => return Ok(Reading::Unknown),
        }
        Ok(Reading::Used)
    }
}

fn delay(input: &[u8]) -> Parsed<'_, Delay> {
    let (input, (receive_local, receive_remote)) = (be_u32, be_u32).parse(input)?;
    let (input, (transmit_local, transmit_remote, cable)) = (be_u32, be_u32, be_u32).parse(input)?;
    Ok((input, Delay { receive_local, receive_remote, transmit_local, transmit_remote, cable }))
}

fn port_status(input: &[u8]) -> Parsed<'_, PortStatus> {
    let (input, (class2, class3)) = (be_u16, be_u16).parse(input)?;
    let status = PortStatus {
        class2,
        class3: (class3 & 0x0007).into(),
        fragmentation: class3 & 0x1000 != 0,
        short_preamble: class3 & 0x2000 != 0,
    };
    Ok((input, status))
}

fn ptcp_status(input: &[u8]) -> Parsed<'_, PtcpStatus> {
    let (input, (master, subdomain, isochronous_data)) = (mac, uuid, uuid).parse(input)?;
    let (input, (period, red_begin, orange_begin, green_begin)) =
        (self::period, self::period, self::period, self::period).parse(input)?;
    let status =
        PtcpStatus { master, subdomain, isochronous_data, period, red_begin, orange_begin, green_begin };
    Ok((input, status))
}

fn period(input: &[u8]) -> Parsed<'_, Period> {
    let (input, value) = be_u32.parse(input)?;
    Ok((input, Period { valid: value >> 31 == 1, nanoseconds: value & 0x7fff_ffff }))
}

fn uuid(input: &[u8]) -> Parsed<'_, Uuid> {
    array.map(Uuid).parse(input)
}

fn mac(input: &[u8]) -> Parsed<'_, ethernet::Address> {
    array.map(ethernet::Address).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn octets() -> Vec<u8> {
        (1..=80).collect()
    }

    #[test]
    fn delays_and_states_are_read() {
        let bytes = octets();
        let mut profinet = Extension::default();
        profinet.read(1, &bytes[..20]).unwrap();
        profinet.read(2, &[0, 2, 0x30, 4]).unwrap();
        let delay = profinet.delay.unwrap();
        assert_eq!((delay.receive_local, delay.cable), (0x0102_0304, 0x1112_1314));
        assert_eq!(
            profinet.port_status,
            Some(PortStatus {
                class2: 2,
                class3: Class3State::Run,
                fragmentation: true,
                short_preamble: true
            })
        );
    }

    #[test]
    fn identifiers_and_times_are_read() {
        let bytes = octets();
        let mut profinet = Extension::default();
        profinet.read(4, &bytes[..18]).unwrap();
        profinet.read(5, &bytes[..6]).unwrap();
        profinet.read(6, &bytes[..54]).unwrap();
        let mrp = profinet.mrp_port_status.unwrap();
        assert_eq!(mrp.domain.to_string(), "01020304-0506-0708-090a-0b0c0d0e0f10");
        assert_eq!(mrp.status, 0x1112);
        profinet.read(8, &[0, 7, 0, 1, 0, 1, 9]).unwrap();
        assert_eq!(
            profinet.mrp_interconnection_port_status,
            Some(MrpInterconnectionPortStatus { domain: 7, role: 1, position: 1 })
        );
        assert_eq!(profinet.interface_mac, Some(ethernet::Address([1, 2, 3, 4, 5, 6])));
        let ptcp = profinet.ptcp_status.unwrap();
        assert_eq!(ptcp.subdomain.to_string(), "0708090a-0b0c-0d0e-0f10-111213141516");
        assert_eq!(ptcp.green_begin, Period { valid: false, nanoseconds: 859_059_510 });
        assert_eq!(period(&[0x80, 0, 0, 1]).unwrap().1, Period { valid: true, nanoseconds: 1 });
    }

    #[test]
    fn a_management_address_of_zero_length_is_refused() {
        let mut profinet = Extension::default();
        assert_eq!(profinet.read(10, &[0, 1, 2]).err(), Some(Kind::Length));
        assert_eq!(profinet.read(10, &[1, 1]).err(), Some(Kind::Length));
        profinet.read(10, &[5, 1, 192, 0, 2, 1]).unwrap();
        assert_eq!(profinet.nme_address.unwrap().to_string(), "192.0.2.1");
    }

    #[test]
    fn a_value_shorter_than_its_fields_is_refused() {
        let bytes = octets();
        for (subtype, length) in
            [(1, 20), (2, 4), (4, 18), (5, 6), (6, 54), (7, 2), (8, 6), (9, 16), (11, 16), (12, 16), (13, 26)]
        {
            let mut profinet = Extension::default();
            assert_eq!(profinet.read(subtype, &bytes[..length - 1]).err(), Some(Kind::Short), "{subtype}");
            assert!(profinet.read(subtype, &bytes[..length]).is_ok(), "{subtype}");
            assert_eq!(profinet.read(subtype, &bytes[..length]).err(), Some(Kind::Duplicate), "{subtype}");
        }
        assert!(matches!(Extension::default().read(14, &bytes), Ok(Reading::Unknown)));
    }
}
