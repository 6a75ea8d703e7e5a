//! EAP over LANs (IEEE 802.1X-2020, 11).
//!
//! Of a key frame nothing becomes a value but what kind of key frame it is: no key, nonce, replay counter
//! or integrity code is read.

use serde::Serialize;

use crate::Layer;
use crate::{Faults, Kind, Malformed, cursor::Cursor, eap, registry::registry};

/// Octets before the packet body: version, type and body length (11.3).
pub const HEADER_LEN: usize = 4;
/// The EtherType (11.1.4).
pub const ETHERTYPE: u16 = 0x888e;
/// The EtherType of frames that are sent before an association (IEEE 802.11-2020, 12.6.10.2).
pub const PREAUTHENTICATION_ETHERTYPE: u16 = 0x88c7;

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message<'a> {
    /// The version of the protocol: 1 to 3 (11.3.1).
    pub version: u8,
    /// What the frame is.
    pub packet_type: PacketType,
    /// Octets of the packet body, as its sender says.
    pub body_length: u16,
    /// The EAP packet of an EAPOL-EAP frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eap: Option<eap::Message<'a>>,
    /// The descriptor of an EAPOL-Key frame.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// What is wrong with the frame, in the order it was found. What is wrong with its EAP packet is there,
    /// unless nothing of that could be read.
    pub malformed: Faults,
}

/// What an EAPOL-Key frame is (11.9; IEEE 802.11-2020, 12.7.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Key {
    /// How the descriptor is laid out.
    pub descriptor_type: DescriptorType,
    /// What the frame is within its handshake; `None` in an RC4 descriptor, which has no such field.
    pub information: Option<KeyInformation>,
    /// Octets of the key that the handshake is about.
    pub key_length: Option<u16>,
    /// Whether the frame has a replay counter.
    pub has_replay_counter: bool,
}

/// The bits of Key Information (IEEE 802.11-2020, 12.7.2), bit 0 being the lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
pub struct KeyInformation(pub u16);

impl KeyInformation {
    /// The key is one for two stations, and not one for a group.
    pub const PAIRWISE: KeyInformation = KeyInformation(0x0008);
    /// The key is to be used.
    pub const INSTALL: KeyInformation = KeyInformation(0x0040);
    /// An answer is asked for.
    pub const ACK: KeyInformation = KeyInformation(0x0080);
    /// The frame has a message integrity code.
    pub const MIC: KeyInformation = KeyInformation(0x0100);
    /// The first exchange of keys is complete.
    pub const SECURE: KeyInformation = KeyInformation(0x0200);
    /// An integrity code was wrong.
    pub const ERROR: KeyInformation = KeyInformation(0x0400);
    /// A station asks for a handshake.
    pub const REQUEST: KeyInformation = KeyInformation(0x0800);
    /// The key data are encrypted.
    pub const ENCRYPTED_KEY_DATA: KeyInformation = KeyInformation(0x1000);
    /// The frame belongs to a handshake of peers (SMK).
    pub const SMK_MESSAGE: KeyInformation = KeyInformation(0x2000);

    /// Whether every bit of `bits` is set.
    #[must_use]
    pub fn contains(self, bits: KeyInformation) -> bool {
        self.0 & bits.0 == bits.0
    }

    /// Key Descriptor Version: how key data are wrapped and which integrity code is used.
    #[must_use]
    pub fn descriptor_version(self) -> u8 {
        let [_, low] = self.0.to_be_bytes();
        low & 0x07
    }
}

registry! {
    /// What a frame is (11.3.2).
    pub enum PacketType: u8 {
        /// EAPOL-EAP: holds an EAP packet.
        Eap = 0, "eap";
        /// EAPOL-Start.
        Start = 1, "start";
        /// EAPOL-Logoff.
        Logoff = 2, "logoff";
        /// EAPOL-Key.
        Key = 3, "key";
        /// EAPOL-Encapsulated-ASF-Alert.
        AsfAlert = 4, "encapsulated-asf-alert";
        /// EAPOL-MKA: MACsec key agreement.
        Mka = 5, "mka";
        /// EAPOL-Announcement (Generic).
        AnnouncementGeneric = 6, "announcement-generic";
        /// EAPOL-Announcement (Specific).
        AnnouncementSpecific = 7, "announcement-specific";
        /// EAPOL-Announcement-Req.
        AnnouncementRequest = 8, "announcement-request";
    }
}

registry! {
    /// How the descriptor of a key frame is laid out (11.9).
    pub enum DescriptorType: u8 {
        /// RC4 (deprecated).
        Rc4 = 1, "rc4";
        /// IEEE 802.11 (RSN, WPA2 and later).
        Rsn = 2, "rsn";
        /// WPA.
        Wpa = 254, "wpa";
    }
}

/// Reads a frame. Octets behind the packet body are padding of Ethernet and are ignored (11.3.3).
///
/// # Errors
/// What is wrong where version, type and body length are not whole.
pub fn parse<'a>(mut cursor: Cursor<'a>) -> Result<Message<'a>, Malformed> {
    let start = cursor;
    let [version, packet_type, l0, l1] = *cursor.array()?;
    let mut message = Message {
        version,
        packet_type: PacketType::from(packet_type),
        body_length: u16::from_be_bytes([l0, l1]),
        eap: None,
        key: None,
        malformed: Faults::default(),
    };
    if version == 0 {
        message.malformed.note::<()>(Err(start.malformed(Kind::Version)));
    }
    message.malformed.note(cursor.limit(message.body_length.into()));
    match message.packet_type {
        PacketType::Eap => {
            message.eap = message.malformed.note(eap::parse(cursor.enter(Layer::Eap)));
        }
        PacketType::Key => message.key = Key::parse(&mut cursor, &mut message.malformed),
        _ => {}
    }
    Ok(message)
}

impl Key {
    fn parse(cursor: &mut Cursor<'_>, faults: &mut Faults) -> Option<Self> {
        let descriptor_type = DescriptorType::from(faults.note(cursor.u8())?);
        let mut key = Key { descriptor_type, information: None, key_length: None, has_replay_counter: false };
        let result = key.read(cursor);
        faults.note(result);
        Some(key)
    }

    fn read(&mut self, cursor: &mut Cursor<'_>) -> Result<(), Malformed> {
        match self.descriptor_type {
            DescriptorType::Rc4 => {}
            DescriptorType::Rsn | DescriptorType::Wpa => {
                self.information = Some(KeyInformation(cursor.u16()?));
            }
            DescriptorType::Unknown(_) => return Ok(()),
        }
        self.key_length = Some(cursor.u16()?);
        cursor.take(REPLAY_COUNTER_LEN)?;
        self.has_replay_counter = true;
        Ok(())
    }
}

/// Octets of a replay counter (11.9).
const REPLAY_COUNTER_LEN: usize = 8;

#[cfg(test)]
mod tests;
