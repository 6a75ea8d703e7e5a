//! Bridge protocol data units of spanning tree: STP, RSTP, MSTP and SPT (IEEE 802.1Q-2018, 14), and those of
//! one VLAN in Cisco's encapsulation (PVST+).
//!
//! What can be read of a BPDU is read up to the first field that is not whole; a length that contradicts the
//! octets around it becomes an entry in [`Message::malformed`]. BPDUs of another protocol (GARP has the same LLC
//! address) hold their protocol identifier and nothing more.

use serde::Serialize;

use crate::{Faults, Kind, Malformed, cursor::Cursor, ethernet, registry::registry};

mod mst;
pub use mst::{ConfigurationId, MAX_MSTIS, MSTI_LEN, Mst, Msti, Spt, VERSION_3_MIN_LEN};

/// Octets that all BPDUs begin with: protocol, version, type.
pub const HEADER_LEN: usize = 4;
/// Octets of a configuration BPDU.
pub const CONFIGURATION_LEN: usize = 35;
/// LLC address of spanning tree.
pub const LLC_ADDRESS: u8 = 0x42;
/// Protocol identifier of spanning tree (14.1.2.1).
pub const PROTOCOL: u16 = 0;
/// SNAP organisation of PVST+.
pub const PVST_OUI: [u8; 3] = [0x00, 0x00, 0x0c];
/// SNAP protocol of PVST+.
pub const PVST_PROTOCOL: u16 = 0x010b;
/// Destination of the BPDUs of bridges.
pub const DESTINATION: ethernet::Address = ethernet::Address([0x01, 0x80, 0xc2, 0x00, 0x00, 0x00]);
/// Destination of the BPDUs of PVST+.
pub const PVST_DESTINATION: ethernet::Address = ethernet::Address([0x01, 0x00, 0x0c, 0xcc, 0xcc, 0xcd]);
/// Most TLVs of PVST+ that are read.
pub const MAX_PVST_TLVS: usize = 16;
/// Units of [`Configuration`]'s times in a second (14.1.1.8).
pub const TIME_UNITS: u16 = 256;

/// A BPDU.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Message<'a> {
    /// Protocol identifier (14.1.2.1): [`PROTOCOL`] for spanning tree.
    pub protocol_id: u16,
    /// Protocol version (14.1.2.2).
    pub version: Version,
    /// BPDU type (14.1.2.3).
    #[serde(rename = "type")]
    pub kind: BpduType,
    /// What configures the tree; `None` for a topology change notification.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub configuration: Option<Configuration>,
    /// What configures many trees (MSTP and later).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mst: Option<Mst<'a>>,
    /// What configures shortest paths (SPT).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spt: Option<Spt<'a>>,
    /// The VLAN that the BPDU was sent in (PVST+).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub originating_vlan: Option<u16>,
    /// What is wrong with the BPDU, in the order it was found.
    pub malformed: Faults,
    /// How many instances found no room in the bounded list.
    pub omitted: u32,
}

registry! {
    /// The version of the protocol (14.1.2.2).
    pub enum Version: u8 {
        /// 0.
        Stp = 0, "stp";
        /// 2.
        Rstp = 2, "rstp";
        /// 3.
        Mstp = 3, "mstp";
        /// 4.
        Spt = 4, "spt";
    }
}

registry! {
    /// The type of a BPDU (14.1.2.3).
    pub enum BpduType: u8 {
        /// 0.
        Configuration = 0x00, "configuration";
        /// 2.
        Rapid = 0x02, "rapid";
        /// 128.
        TopologyChangeNotification = 0x80, "topology-change-notification";
    }
}

/// What configures a tree (14.2.1 to 14.2.11). Times are in units of 1/256 second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Configuration {
    /// Flags.
    pub flags: Flags,
    /// Root identifier; of MSTP the CIST root.
    pub root: BridgeId,
    /// Root path cost; of MSTP the external one.
    pub root_path_cost: u32,
    /// Bridge identifier; of MSTP the CIST regional root.
    pub bridge: BridgeId,
    /// Port identifier: 4 bits of priority, 12 of number.
    pub port_id: u16,
    /// Message age.
    pub message_age: u16,
    /// Max age.
    pub max_age: u16,
    /// Hello time.
    pub hello_time: u16,
    /// Forward delay.
    pub forward_delay: u16,
}

/// Flags of a BPDU or of an instance (14.1.1.1). STP has only the first and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Flags {
    /// Topology change. Of an instance: likewise.
    pub topology_change: bool,
    /// Proposal.
    pub proposal: bool,
    /// Port role.
    pub port_role: PortRole,
    /// Learning.
    pub learning: bool,
    /// Forwarding.
    pub forwarding: bool,
    /// Agreement.
    pub agreement: bool,
    /// Topology change acknowledgment; of an instance: its port is the master port.
    pub topology_change_acknowledgment: bool,
}

registry! {
    /// The role of a port (14.1.1.1). 0 is of a master port, or unknown.
    pub enum PortRole: u8 {
        /// 1.
        AlternateOrBackup = 1, "alternate-or-backup";
        /// 2.
        Root = 2, "root";
        /// 3.
        Designated = 3, "designated";
    }
}

/// A bridge identifier (14.1.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct BridgeId {
    /// Priority: a multiple of 4096.
    pub priority: u16,
    /// System ID extension: the VLAN or the instance.
    pub system_id_extension: u16,
    /// MAC address of the bridge.
    pub address: ethernet::Address,
}

/// Reads a BPDU from behind its LLC header. `cursor` ends where the 802.3 length says.
///
/// # Errors
/// [`Malformed`] when protocol, version and type are not whole. Any later fault is in [`Message::malformed`].
pub fn parse(mut cursor: Cursor<'_>) -> Result<Message<'_>, Malformed> {
    let mut message = Message::parse(&mut cursor)?;
    if message.is_spanning_tree() {
        let result = message.read(&mut cursor);
        message.malformed.note(result);
    }
    Ok(message)
}

/// Reads a BPDU of PVST+ from behind its SNAP header. `cursor` ends where the 802.3 length says.
///
/// # Errors
/// Those of [`parse`].
pub fn parse_pvst(mut cursor: Cursor<'_>) -> Result<Message<'_>, Malformed> {
    let mut message = Message::parse(&mut cursor)?;
    if message.is_spanning_tree() {
        let result = message.read_pvst(&mut cursor);
        message.malformed.note(result);
    }
    Ok(message)
}

impl<'a> Message<'a> {
    /// Whether the BPDU is one of spanning tree.
    #[must_use]
    pub fn is_spanning_tree(&self) -> bool {
        self.protocol_id == PROTOCOL
    }

    fn parse(cursor: &mut Cursor<'a>) -> Result<Self, Malformed> {
        let &[p0, p1, version, kind] = cursor.array::<HEADER_LEN>()?;
        Ok(Message {
            protocol_id: u16::from_be_bytes([p0, p1]),
            version: version.into(),
            kind: kind.into(),
            configuration: None,
            mst: None,
            spt: None,
            originating_vlan: None,
            malformed: Faults::default(),
            omitted: 0,
        })
    }

    fn read(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        match self.kind {
            BpduType::Configuration => self.configuration = Some(Configuration::parse(cursor)?),
            BpduType::Rapid => {
                self.configuration = Some(Configuration::parse(cursor)?);
                let start = *cursor;
                if cursor.u8()? != 0 {
                    self.malformed.note::<()>(Err(start.malformed(Kind::Value)));
                }
                if self.version.code() >= Version::Mstp.code() {
                    self.read_mst(cursor)?;
                }
            }
            BpduType::TopologyChangeNotification | BpduType::Unknown(_) => {}
        }
        Ok(())
    }

    fn read_mst(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        let (mut mst, mut instances) = Mst::parse(cursor)?;
        let result = mst.read_instances(&mut instances, &mut self.omitted);
        self.mst = Some(mst);
        let is_followed = result.is_ok() || !cursor.is_empty();
        self.malformed.note(result);
        if is_followed && self.version.code() >= Version::Spt.code() {
            self.spt = Some(Spt::parse(cursor)?);
        }
        Ok(())
    }

    fn read_pvst(&mut self, cursor: &mut Cursor<'a>) -> Result<(), Malformed> {
        if !matches!(self.kind, BpduType::Configuration | BpduType::Rapid) {
            return Ok(());
        }
        self.configuration = Some(Configuration::parse(cursor)?);
        let _version_1_length_or_padding = cursor.u8()?;
        for _ in 0..MAX_PVST_TLVS {
            if cursor.is_empty() || self.originating_vlan.is_some() {
                break;
            }
            let start = *cursor;
            let (kind, length) = (cursor.u16()?, cursor.u16()?);
            let mut value = cursor.split(length.into()).map_err(|fault| match fault.kind {
                Kind::Short => start.malformed(Kind::Length),
                _ => fault,
            })?;
            if kind == ORIGINATING_VLAN {
                self.originating_vlan = Some(value.u16()?);
            }
        }
        if self.originating_vlan.is_none() {
            return Err(cursor.malformed(Kind::Missing));
        }
        Ok(())
    }
}

impl Configuration {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        Ok(Configuration {
            flags: cursor.u8()?.into(),
            root: BridgeId::parse(cursor)?,
            root_path_cost: cursor.u32()?,
            bridge: BridgeId::parse(cursor)?,
            port_id: cursor.u16()?,
            message_age: cursor.u16()?,
            max_age: cursor.u16()?,
            hello_time: cursor.u16()?,
            forward_delay: cursor.u16()?,
        })
    }
}

impl BridgeId {
    fn parse(cursor: &mut Cursor<'_>) -> Result<Self, Malformed> {
        let priority = cursor.u16()?;
        Ok(BridgeId {
            priority: priority & 0xf000,
            system_id_extension: priority & 0x0fff,
            address: ethernet::Address(*cursor.array()?),
        })
    }
}

impl From<u8> for Flags {
    fn from(flags: u8) -> Self {
        Flags {
            topology_change: flags & 0x01 != 0,
            proposal: flags & 0x02 != 0,
            port_role: ((flags >> 2) & 0x03).into(),
            learning: flags & 0x10 != 0,
            forwarding: flags & 0x20 != 0,
            agreement: flags & 0x40 != 0,
            topology_change_acknowledgment: flags & 0x80 != 0,
        }
    }
}

const ORIGINATING_VLAN: u16 = 0;

#[cfg(test)]
mod tests;
