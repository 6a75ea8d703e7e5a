//! The Relay Agent Information option (RFC 3046).

use std::net::Ipv4Addr;

use arrayvec::ArrayVec;
use serde::Serialize;

use super::{
    OptionFact,
    value::{OptionOctets, Value, is_default, once, within},
};
use crate::{Kind, cursor::Cursor};

/// Most sub-options that are read.
pub const MAX_SUB_OPTIONS: usize = 32;

/// What relay agents say of where the client is. The numbers are those of IANA's registry of
/// sub-options.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RelayAgent<'a> {
    /// 1: agent circuit ID, as it was sent (RFC 3046, 3.1).
    #[serde(skip_serializing_if = "is_default")]
    pub circuit_id: Option<OptionOctets<'a>>,
    /// 2: agent remote ID, as it was sent (RFC 3046, 3.2).
    #[serde(skip_serializing_if = "is_default")]
    pub remote_id: Option<OptionOctets<'a>>,
    /// 4: DOCSIS device class (RFC 3256).
    #[serde(skip_serializing_if = "is_default")]
    pub docsis_device_class: Option<u32>,
    /// 5: the link that the address is wanted for (RFC 3527).
    #[serde(skip_serializing_if = "is_default")]
    pub link_selection: Option<Ipv4Addr>,
    /// 6: that there is a subscriber ID, and its octets (RFC 3993).
    #[serde(skip_serializing_if = "is_default")]
    pub subscriber_id_length: Option<u8>,
    /// 10: flags; the highest bit says that the client sent to one address (RFC 5010).
    #[serde(skip_serializing_if = "is_default")]
    pub flags: Option<u8>,
    /// 11: the address that the server is to call itself (RFC 5107).
    #[serde(skip_serializing_if = "is_default")]
    pub server_identifier_override: Option<Ipv4Addr>,
    /// 12: relay agent identifier, a DUID (RFC 6925).
    #[serde(skip_serializing_if = "is_default")]
    pub relay_agent_identifier: Option<OptionOctets<'a>>,
    /// 19: the relay agent sends from another port than 67 (RFC 8357).
    #[serde(skip_serializing_if = "is_default")]
    pub source_port: bool,
    /// 151: virtual subnet (RFC 6607, 3.1): a type, then the network's identifier.
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_subnet: Option<VirtualSubnet<'a>>,
    /// 152: the server is to say that it understood 151 (RFC 6607, 3.2).
    #[serde(skip_serializing_if = "is_default")]
    pub virtual_subnet_control: bool,
    /// All sub-options, those above too, in the order they were sent.
    pub sub_options: ArrayVec<OptionFact, MAX_SUB_OPTIONS>,
}

/// A virtual subnet selection (RFC 6607, 3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VirtualSubnet<'a> {
    /// 0: a VPN identifier of NVT ASCII; 1: one of RFC 2685; 255: the global, default VPN.
    pub kind: u8,
    /// The identifier.
    pub identifier: OptionOctets<'a>,
}

impl<'a> RelayAgent<'a> {
    /// The agent circuit ID, as it was sent.
    #[must_use]
    pub fn circuit_id(&self) -> Option<&[u8]> {
        self.circuit_id.as_deref()
    }

    /// The agent remote ID, as it was sent.
    #[must_use]
    pub fn remote_id(&self) -> Option<&[u8]> {
        self.remote_id.as_deref()
    }

    pub(super) fn read(value: &mut Value<'_, 'a>) -> Option<Self> {
        value.note(if value.len() < MIN_LEN { Err(Kind::Length) } else { Ok(()) })?;
        let mut agent = RelayAgent::default();
        let parts = value.list::<_, MAX_SUB_OPTIONS>(|cursor| {
            let code = cursor.u8()?;
            let length = cursor.u8()?;
            Ok((code, length, cursor.split(length.into())?))
        });
        for (code, length, part) in parts {
            agent.sub_options.push(OptionFact { code, length: length.into() });
            let result = agent.set(code, length, part, value);
            value.note(result);
        }
        Some(agent)
    }

    fn set<'v>(
        &mut self,
        code: u8,
        length: u8,
        mut part: Cursor<'v>,
        value: &Value<'v, 'a>,
    ) -> Result<(), Kind> {
        let octets = |part: Cursor<'v>| OptionOctets(value.keep(part.rest()));
        match code {
            1 => once(&mut self.circuit_id, octets(part)),
            2 => once(&mut self.remote_id, octets(part)),
            4 => once(&mut self.docsis_device_class, u32::from_be_bytes(whole(part)?)),
            5 => once(&mut self.link_selection, whole::<4>(part)?.into()),
            6 => once(&mut self.subscriber_id_length, length),
            10 => {
                let [flags] = whole(part)?;
                once(&mut self.flags, flags)
            }
            11 => once(&mut self.server_identifier_override, whole::<4>(part)?.into()),
            12 => once(&mut self.relay_agent_identifier, octets(part)),
            19 => flag(&mut self.source_port, part),
            151 => {
                let kind = part.u8().map_err(within)?;
                once(&mut self.virtual_subnet, VirtualSubnet { kind, identifier: octets(part) })
            }
            152 => flag(&mut self.virtual_subnet_control, part),
            _ => Ok(()),
        }
    }
}

/// A value of exactly `N` octets.
fn whole<const N: usize>(part: Cursor<'_>) -> Result<[u8; N], Kind> {
    part.rest().try_into().map_err(|_| Kind::Length)
}

/// A sub-option that says all by being there.
fn flag(slot: &mut bool, part: Cursor<'_>) -> Result<(), Kind> {
    *slot = true;
    whole::<0>(part).map(|_| ())
}

/// Octets of the shortest option: one sub-option without a value.
const MIN_LEN: u16 = 2;
