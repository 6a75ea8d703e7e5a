//! What MSTP and SPT add to a BPDU (IEEE 802.1Q-2018, 14.2.12 to 14.2.20, 14.4.1, 14.6).

use arrayvec::ArrayVec;
use serde::Serialize;

use super::{BridgeId, Flags};
use crate::{Kind, Malformed, Octets, Text, cursor::Cursor};

/// Octets of version 3 without instances.
pub const VERSION_3_MIN_LEN: u16 = 64;
/// Octets of an instance.
pub const MSTI_LEN: usize = 16;
/// Most instances of a BPDU (14.4.1).
pub const MAX_MSTIS: usize = 64;
/// Most instances that are read: as many as a BPDU's version 3 length has room for.
pub const MAX_MSTIS_READ: usize = 4096;

/// What configures many trees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mst<'a> {
    /// Version 3 length: octets of what follows it.
    pub length: u16,
    /// The region.
    pub configuration_id: ConfigurationId<'a>,
    /// CIST internal root path cost.
    pub internal_root_path_cost: u32,
    /// CIST bridge identifier.
    pub bridge: BridgeId,
    /// CIST remaining hops.
    pub remaining_hops: u8,
    /// The instances.
    pub instances: ArrayVec<Msti, MAX_MSTIS>,
}

/// What names a region (13.8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct ConfigurationId<'a> {
    /// Format selector: 0.
    pub format: u8,
    /// Name.
    pub name: Text<'a>,
    /// Revision.
    pub revision: u16,
    /// Digest of the table of VLANs.
    pub digest: Octets<'a>,
}

/// An instance of spanning tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Msti {
    /// Flags.
    pub flags: Flags,
    /// Regional root; its system ID extension is the instance.
    pub regional_root: BridgeId,
    /// Internal root path cost.
    pub internal_root_path_cost: u32,
    /// Priority of the bridge: 4 bits.
    pub bridge_priority: u8,
    /// Priority of the port: 4 bits.
    pub port_priority: u8,
    /// Remaining hops.
    pub remaining_hops: u8,
}

/// What configures shortest paths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Spt<'a> {
    /// Version 4 length: octets of what follows it.
    pub length: u16,
    /// The region as shortest path bridging has it.
    pub auxiliary_id: ConfigurationId<'a>,
    /// Agreement number.
    pub agreement_number: u8,
    /// Discarded agreement number.
    pub discarded_agreement_number: u8,
    /// The agreement is valid.
    pub agreement_valid: bool,
    /// The port's role is restricted.
    pub restricted_role: bool,
    /// Format of the agreement digest.
    pub digest_format: u8,
    /// Formats of the agreement digest that can be had.
    pub digest_format_capabilities: u8,
    /// Convention of the agreement digest.
    pub digest_convention: u8,
    /// Conventions of the agreement digest that can be had.
    pub digest_convention_capabilities: u8,
    /// Edges that the agreement digest is of.
    pub digest_edge_count: u16,
    /// Agreement digest.
    pub digest: Octets<'a>,
}

impl<'a> Mst<'a> {
    /// Reads all but the instances, and gives a cursor over them.
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Result<(Self, Cursor<'a>), Malformed> {
        let start = *cursor;
        let length = cursor.u16()?;
        let instances_len =
            length.checked_sub(VERSION_3_MIN_LEN).ok_or_else(|| start.malformed(Kind::Length))?;
        let mst = Mst {
            length,
            configuration_id: ConfigurationId::parse(cursor)?,
            internal_root_path_cost: cursor.u32()?,
            bridge: BridgeId::parse(cursor)?,
            remaining_hops: cursor.u8()?,
            instances: ArrayVec::new(),
        };
        let mut instances = *cursor;
        if cursor.take(instances_len.into()).is_ok() {
            instances.limit(instances_len.into())?;
        } else {
            let _ = cursor.limit(0);
        }
        Ok((mst, instances))
    }

    /// Reads the instances. An error says that the length of version 3 is not that of whole ones, or that
    /// the BPDU ends before them.
    pub(super) fn read_instances(
        &mut self,
        cursor: &mut Cursor<'_>,
        omitted: &mut u32,
    ) -> Result<(), Malformed> {
        let start = *cursor;
        let declared = usize::from(self.length.saturating_sub(VERSION_3_MIN_LEN));
        let whole = declared.checked_div(MSTI_LEN).unwrap_or(0);
        for _ in 0..whole.min(MAX_MSTIS_READ) {
            let instance = Msti::parse(cursor)?;
            if self.instances.try_push(instance).is_err() {
                *omitted = omitted.saturating_add(1);
            }
        }
        let is_whole = whole.saturating_mul(MSTI_LEN) == declared;
        if is_whole { Ok(()) } else { Err(start.malformed(Kind::Length)) }
    }
}

impl<'a> ConfigurationId<'a> {
    fn parse(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        Ok(ConfigurationId {
            format: cursor.u8()?,
            name: Text(cursor.take(NAME_LEN)?),
            revision: cursor.u16()?,
            digest: Octets(cursor.take(DIGEST_LEN)?),
        })
    }
}

impl Msti {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let mut record = cursor.split(MSTI_LEN)?;
        Ok(Msti {
            flags: record.u8()?.into(),
            regional_root: BridgeId::parse(&mut record)?,
            internal_root_path_cost: record.u32()?,
            bridge_priority: record.u8()? >> 4,
            port_priority: record.u8()? >> 4,
            remaining_hops: record.u8()?,
        })
    }
}

impl<'a> Spt<'a> {
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let start = *cursor;
        let length = cursor.u16()?;
        cursor.limit(length.into()).map_err(|_| start.malformed(Kind::Length))?;
        let auxiliary_id = ConfigurationId::parse(cursor)?;
        let &[flags, _, format, convention] = cursor.array()?;
        let digest_edge_count = cursor.u16()?;
        let _reserved: &[u8; 8] = cursor.array()?;
        Ok(Spt {
            length,
            auxiliary_id,
            agreement_number: flags & 0x03,
            discarded_agreement_number: (flags >> 2) & 0x03,
            agreement_valid: flags & 0x10 != 0,
            restricted_role: flags & 0x20 != 0,
            digest_format: format >> 4,
            digest_format_capabilities: format & 0x0f,
            digest_convention: convention >> 4,
            digest_convention_capabilities: convention & 0x0f,
            digest_edge_count,
            digest: Octets(cursor.take(AGREEMENT_DIGEST_LEN)?),
        })
    }
}

const NAME_LEN: usize = 32;
const DIGEST_LEN: usize = 16;
const AGREEMENT_DIGEST_LEN: usize = 20;
