//! IEEE 802.11 MAC header (IEEE 802.11-2020, 9.2 and 9.3).
//!
//! Headers only. The body of a management frame is never read, and so no network name either. Protected
//! frames end at their header. A frame that ends early keeps the fields before its end.

use arrayvec::ArrayVec;
use serde::Serialize;

use crate::{Kind, Malformed, cursor::Cursor, ethernet::Address, registry::registry};

mod subtype;
pub use subtype::{Subtype, Type};

/// Octets of the shortest header: frame control, duration and one address.
pub const HEADER_LEN: usize = 10;
/// Most addresses of a header.
pub const MAX_ADDRESSES: usize = 4;
/// Most addresses of a Mesh Control field (9.2.4.7.3).
pub const MAX_MESH_ADDRESSES: usize = 2;

/// The header. A field is absent where the frame has none, or ends before it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Type.
    #[serde(rename = "type")]
    pub kind: Type,
    /// Type and subtype.
    pub subtype: Subtype,
    /// The four further bits of subtype of a control frame extension: 2 poll, 3 service period request,
    /// 4 grant, 5 DMG CTS, 6 DMG DTS, 7 grant ack, 8 to 10 sector sweep.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub extension: Option<u8>,
    /// Flags of the Frame Control field, where it has them.
    pub flags: Flags,
    /// Duration/ID: microseconds for which the medium is taken (9.2.4.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<u16>,
    /// Duration/ID of a PS-Poll: the station's AID (9.3.1.5).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub association_id: Option<u16>,
    /// The addresses as they are in the header: Address 1 to Address 4.
    pub addresses: ArrayVec<Address, MAX_ADDRESSES>,
    /// RA: whom the radio sends to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receiver: Option<Address>,
    /// TA: whose radio sends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transmitter: Option<Address>,
    /// DA: for whom the frame is in the end. Of an A-MSDU only its parts may say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub destination: Option<Address>,
    /// SA: who sent the frame first. Of an A-MSDU only its parts may say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<Address>,
    /// BSSID: the cell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bssid: Option<Address>,
    /// Fragment number, 0 to 15.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fragment: Option<u8>,
    /// Sequence number, 0 to 4095.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence: Option<u16>,
    /// QoS Control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qos: Option<QosControl>,
    /// HT Control: bits 0 and 1 tell whether it is of HT, VHT or HE (9.2.4.6).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ht_control: Option<u32>,
    /// Subtype of the frame in a control wrapper.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carried: Option<Subtype>,
    /// Mesh Control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mesh: Option<MeshControl>,
    /// What follows the header.
    pub payload: Payload,
    /// What is wrong with the header.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub malformed: Option<Malformed>,
}

/// Flags of the Frame Control field (9.2.4.1.4 to 9.2.4.1.10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct Flags {
    /// To the distribution system.
    pub to_ds: bool,
    /// From the distribution system.
    pub from_ds: bool,
    /// More fragments follow.
    pub more_fragments: bool,
    /// The frame was sent before.
    pub retry: bool,
    /// The sender will sleep.
    pub power_management: bool,
    /// More is waiting for the receiver.
    pub more_data: bool,
    /// The body is encrypted.
    pub protected: bool,
    /// +HTC: there is an HT Control field; on frames that cannot have one, strict order.
    pub order: bool,
}

/// QoS Control (9.2.4.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct QosControl {
    /// Traffic identifier, 0 to 15; below 8 it is a user priority.
    pub tid: u8,
    /// Bit 4. From an access point: the service period ends. To it: `high` is a queue size.
    pub bit4: bool,
    /// How the receiver acknowledges.
    pub ack_policy: AckPolicy,
    /// Whether the body is an A-MSDU; never of a frame without a body, where the bit is reserved.
    pub amsdu: bool,
    /// The high octet: TXOP limit, TXOP duration, queue size, buffer state, or mesh flags.
    pub high: u8,
}

registry! {
    /// How a receiver acknowledges (9.2.4.5.4).
    pub enum AckPolicy: u8 {
        /// Normal, or as part of a block.
        Normal = 0, "normal";
        /// Not at all.
        NoAck = 1, "no-ack";
        /// Not explicitly, or as the frame before says.
        NoExplicit = 2, "no-explicit-ack";
        /// In a later block acknowledgment.
        BlockAck = 3, "block-ack";
    }
}

/// Mesh Control (9.2.4.7.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MeshControl {
    /// Address Extension Mode: 0, 1 or 2 addresses follow.
    pub address_extension: u8,
    /// Hops that are left.
    pub ttl: u8,
    /// Mesh sequence number.
    pub sequence: u32,
    /// Address 4 of a group frame, or Address 5 and Address 6, which are the destination and the source
    /// outside the mesh.
    pub addresses: ArrayVec<Address, MAX_MESH_ADDRESSES>,
}

/// What follows the header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Payload {
    /// Frames in a frame, each with its own header (9.3.2.2). They are not read.
    Amsdu,
    /// What an extension or control frame has behind its addresses. It is not read.
    Control,
    /// A later fragment.
    Fragment,
    /// An LLC header.
    Llc,
    /// The body of a management frame. It is not read.
    Management,
    /// Nothing, or the header is not whole.
    None,
    /// An encrypted body.
    Protected,
}

impl Header {
    fn read(&mut self, start: Cursor<'_>, cursor: &mut Cursor<'_>, data_pad: bool) -> Result<(), Malformed> {
        match self.kind {
            Type::Management => {
                self.duration = Some(u16_le(cursor)?);
                self.read_addresses(cursor)?;
                if self.flags.order {
                    self.ht_control = Some(u32_le(cursor)?);
                }
                self.payload = if self.flags.protected { Payload::Protected } else { Payload::Management };
            }
            Type::Control => {
                match (self.subtype, u16_le(cursor)?) {
                    (Subtype::PsPoll, id) => self.association_id = Some(id & AID),
                    (_, duration) => self.duration = Some(duration),
                }
                self.read_control(cursor)?;
                self.payload = Payload::Control;
            }
            Type::Data => {
                self.duration = Some(u16_le(cursor)?);
                self.read_addresses(cursor)?;
                self.read_data(cursor)?;
                if data_pad {
                    let length = start.wire_remaining().saturating_sub(cursor.wire_remaining());
                    let padded = length.checked_next_multiple_of(4).unwrap_or(length);
                    cursor.take(padded.saturating_sub(length).min(cursor.wire_remaining()))?;
                }
                self.payload = self.data_payload(cursor)?;
            }
            Type::Extension => {
                if self.subtype == Subtype::DmgBeacon {
                    self.duration = Some(u16_le(cursor)?);
                    self.bssid = Some(self.address(cursor)?);
                }
                self.payload = Payload::Control;
            }
        }
        if cursor.is_empty() {
            self.payload = Payload::None;
        }
        Ok(())
    }

    fn address(&mut self, cursor: &mut Cursor<'_>) -> Result<Address, Malformed> {
        let address = Address(*cursor.array()?);
        let _ = self.addresses.try_push(address);
        Ok(address)
    }

    /// Addresses 1 to 3 and Sequence Control, as management and data frames have them. The roles are
    /// those of frames that stay in their cell.
    fn read_addresses(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        self.receiver = Some(self.address(cursor)?);
        self.transmitter = Some(self.address(cursor)?);
        let third = self.address(cursor)?;
        if self.kind == Type::Management || !(self.flags.to_ds || self.flags.from_ds) {
            (self.destination, self.source, self.bssid) = (self.receiver, self.transmitter, Some(third));
        }
        let control = u16_le(cursor)?;
        let [low, _] = control.to_le_bytes();
        (self.fragment, self.sequence) = (Some(low & 0x0f), Some(control >> 4));
        Ok(())
    }

    /// Address 4, QoS Control and HT Control of a data frame, and the roles by the DS bits (9.3.2.1.2,
    /// table 9-30).
    fn read_data(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        let fourth = match (self.flags.to_ds, self.flags.from_ds) {
            (true, true) => Some(self.address(cursor)?),
            _ => None,
        };
        if self.subtype.has_qos() {
            let qos = QosControl::parse(*cursor.array()?);
            self.qos = Some(QosControl { amsdu: qos.amsdu && !self.subtype.is_null(), ..qos });
            if self.flags.order {
                self.ht_control = Some(u32_le(cursor)?);
            }
        }
        let amsdu = self.qos.is_some_and(|qos| qos.amsdu);
        let third = self.addresses.get(2).copied();
        let (cell, third) = if amsdu { (third, None) } else { (None, third) };
        match (self.flags.to_ds, self.flags.from_ds) {
            (false, false) => {}
            (false, true) => {
                (self.destination, self.bssid, self.source) = (self.receiver, self.transmitter, third);
            }
            (true, false) => {
                (self.bssid, self.source, self.destination) = (self.receiver, self.transmitter, third);
            }
            (true, true) => {
                (self.destination, self.source, self.bssid) = (third, fourth.filter(|_| !amsdu), cell);
            }
        }
        Ok(())
    }

    fn data_payload(&mut self, cursor: &mut Cursor<'_>) -> Result<Payload, Malformed> {
        if self.subtype.is_null() {
            return Ok(Payload::None);
        }
        if self.flags.protected {
            return Ok(Payload::Protected);
        }
        if self.fragment != Some(0) {
            return Ok(Payload::Fragment);
        }
        let qos = self.qos.unwrap_or(QosControl::parse([0, 0]));
        if self.flags.from_ds && qos.high & MESH_CONTROL_PRESENT != 0 {
            self.mesh = MeshControl::parse(cursor)?;
        }
        Ok(if qos.amsdu { Payload::Amsdu } else { Payload::Llc })
    }

    /// The addresses of a control frame (9.3.1).
    fn read_control(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        if self.subtype.has_receiver() {
            self.receiver = Some(self.address(cursor)?);
        }
        let mut subtype = self.subtype;
        if subtype == Subtype::ControlWrapper {
            let [control, _] = *cursor.array()?;
            subtype = Subtype::from(code(control));
            self.carried = Some(subtype);
            self.ht_control = Some(u32_le(cursor)?);
        }
        if subtype.has_transmitter() {
            self.transmitter = Some(self.address(cursor)?);
        }
        self.bssid = match subtype {
            Subtype::PsPoll => self.receiver,
            Subtype::CfEnd | Subtype::CfEndAck => self.transmitter,
            _ => None,
        };
        Ok(())
    }
}

impl Flags {
    fn parse(octet: u8) -> Self {
        let bit = |bit: u8| octet & bit != 0;
        Flags {
            to_ds: bit(0x01),
            from_ds: bit(0x02),
            more_fragments: bit(0x04),
            retry: bit(0x08),
            power_management: bit(0x10),
            more_data: bit(0x20),
            protected: bit(0x40),
            order: bit(0x80),
        }
    }
}

impl QosControl {
    fn parse([low, high]: [u8; 2]) -> Self {
        QosControl {
            tid: low & 0x0f,
            bit4: low & 0x10 != 0,
            ack_policy: AckPolicy::from((low >> 5) & 0x03),
            amsdu: low & 0x80 != 0,
            high,
        }
    }
}

impl MeshControl {
    /// `None` where the first octet has a reserved bit or value: outside a mesh, the bit of QoS Control
    /// that announces this field has another meaning. The cursor then stays where it is.
    fn parse(cursor: &mut Cursor<'_>) -> Result<Option<Self>, Malformed> {
        let mut field = *cursor;
        let address_extension = field.u8()?;
        if address_extension > 2 {
            return Ok(None);
        }
        let ttl = field.u8()?;
        let sequence = u32_le(&mut field)?;
        let mut addresses = ArrayVec::new();
        for _ in 0..address_extension {
            let _ = addresses.try_push(Address(*field.array()?));
        }
        *cursor = field;
        Ok(Some(MeshControl { address_extension, ttl, sequence, addresses }))
    }
}

/// How a frame is written where that differs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Form {
    /// Octets fill up the header of a data frame to a multiple of four.
    pub data_pad: bool,
    /// The octets of Frame Control may stand the other way round, as controllers of Cisco write them. Where they do,
    /// the flags of a data frame to or from the distribution system are no protocol version, and its type is.
    pub may_be_swapped: bool,
}

/// Reads a header. The FCS must not be at the end of the frame any more.
///
/// # Errors
/// [`Malformed`] when the Frame Control field is not whole, or of another protocol version.
pub fn parse(cursor: &mut Cursor<'_>, form: Form) -> Result<Header, Malformed> {
    let start = *cursor;
    let octets = *cursor.array()?;
    let [control, flags] = match octets {
        [flags, control] if form.may_be_swapped && flags & VERSION != 0 && control & VERSION == 0 => {
            [control, flags]
        }
        in_order => in_order,
    };
    if control & VERSION != 0 {
        *cursor = start;
        return Err(start.malformed(Kind::Version));
    }
    let subtype = Subtype::from(code(control));
    let (flags, extension) = match subtype {
        Subtype::ControlExtension => (flags & 0xf0, Some(flags & 0x0f)),
        _ if subtype.kind() == Type::Extension => (0, None),
        _ => (flags, None),
    };
    let mut header = Header {
        kind: subtype.kind(),
        subtype,
        extension,
        flags: Flags::parse(flags),
        duration: None,
        association_id: None,
        addresses: ArrayVec::new(),
        receiver: None,
        transmitter: None,
        destination: None,
        source: None,
        bssid: None,
        fragment: None,
        sequence: None,
        qos: None,
        ht_control: None,
        carried: None,
        mesh: None,
        payload: Payload::None,
        malformed: None,
    };
    header.malformed = header.read(start, cursor, form.data_pad).err();
    Ok(header)
}

/// 16 times the type, plus the subtype, of the first octet of Frame Control.
fn code(control: u8) -> u8 {
    (control & 0x0c) << 2 | control >> 4
}

fn u16_le(cursor: &mut Cursor<'_>) -> Result<u16, Malformed> {
    cursor.array().map(|octets| u16::from_le_bytes(*octets))
}

fn u32_le(cursor: &mut Cursor<'_>) -> Result<u32, Malformed> {
    cursor.array().map(|octets| u32::from_le_bytes(*octets))
}

/// Protocol version, in the first octet of Frame Control; 0.
const VERSION: u8 = 0x03;
/// Mesh Control Present, in the high octet of QoS Control (9.2.4.5.7).
const MESH_CONTROL_PRESENT: u8 = 0x01;
/// The AID in Duration/ID; the two bits above it are 1 (9.2.4.2).
const AID: u16 = 0x3fff;

#[cfg(test)]
mod tests;
