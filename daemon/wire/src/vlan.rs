//! VLAN tags: customer and service tags (IEEE 802.1Q-2018, 9).

use arrayvec::ArrayVec;

use serde::{Serialize, Serializer, ser::SerializeStruct};

use crate::{Layer, Malformed, cursor::Cursor};

/// Octets of a tag behind its TPID: the TCI and the next type field.
pub const HEADER_LEN: usize = 4;
/// Most tags of a frame that are read, with the one that the network card took out.
pub const MAX_TAGS: usize = 5;
/// TPID of a customer tag (9.6).
pub const CUSTOMER: u16 = 0x8100;
/// TPID of a service tag (9.6).
pub const SERVICE: u16 = 0x88a8;
/// TPID that equipment older than IEEE 802.1ad uses for outer tags.
pub const LEGACY_SERVICE: u16 = 0x9100;
/// Another such TPID.
pub const LEGACY_SERVICE_2: u16 = 0x9200;
/// Another such TPID.
pub const LEGACY_SERVICE_3: u16 = 0x9300;

/// The tags of a frame, outermost first.
pub type Tags = ArrayVec<Tag, MAX_TAGS>;

/// One tag (9.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tag {
    /// Tag protocol identifier.
    pub tpid: u16,
    /// Tag control information: priority, drop eligibility, VID.
    pub tci: u16,
}

impl Tag {
    /// VLAN identifier. 0 means that the tag carries a priority only.
    #[must_use]
    pub fn vid(self) -> u16 {
        self.tci & 0x0fff
    }

    /// Priority code point, 0 to 7.
    #[must_use]
    pub fn priority(self) -> u8 {
        let [high, _] = self.tci.to_be_bytes();
        high >> 5
    }

    /// Drop eligible indicator.
    #[must_use]
    pub fn is_drop_eligible(self) -> bool {
        self.tci & 0x1000 != 0
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut shown = serializer.serialize_struct("Tag", 4)?;
        shown.serialize_field("tpid", &self.tpid)?;
        shown.serialize_field("priority", &self.priority())?;
        shown.serialize_field("drop_eligible", &self.is_drop_eligible())?;
        shown.serialize_field("vid", &self.vid())?;
        shown.end()
    }
}

/// Reads the tags that follow the type field `ethertype` into `tags`, as far as there is room, and
/// returns the type field behind them. Tags read before a fault stay in `tags`.
#[inline(always)]
pub fn parse(cursor: &mut Cursor<'_>, ethertype: u16, tags: &mut Tags) -> Result<u16, Malformed> {
    if is_tag(ethertype) { parse_tags(cursor, ethertype, tags) } else { Ok(ethertype) }
}

fn parse_tags(cursor: &mut Cursor<'_>, mut ethertype: u16, tags: &mut Tags) -> Result<u16, Malformed> {
    while is_tag(ethertype) && !tags.is_full() {
        *cursor = cursor.enter(Layer::Vlan);
        let view: &[u8; HEADER_LEN] = cursor.array()?;
        let [c0, c1, t0, t1] = *view;
        let tag = Tag { tpid: ethertype, tci: u16::from_be_bytes([c0, c1]) };
        let _ = tags.try_push(tag);
        ethertype = u16::from_be_bytes([t0, t1]);
    }
    Ok(ethertype)
}

#[inline]
fn is_tag(ethertype: u16) -> bool {
    matches!(ethertype, CUSTOMER | SERVICE | LEGACY_SERVICE | LEGACY_SERVICE_2 | LEGACY_SERVICE_3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Kind, ethernet};

    fn read(bytes: &[u8], ethertype: u16, tags: &mut Tags) -> Result<u16, Malformed> {
        parse(&mut Cursor::new(bytes, 0, Layer::Ethernet), ethertype, tags)
    }

    #[test]
    fn a_service_and_a_customer_tag_are_read_in_order() {
        let mut tags = Tags::new();
        let bytes = [0xb0, 0x64, 0x81, 0x00, 0x00, 0xc8, 0x08, 0x00];
        assert_eq!(read(&bytes, SERVICE, &mut tags), Ok(ethernet::IPV4));
        let [outer, inner] = tags[..] else { panic!("{tags:?}") };
        assert_eq!(
            (outer.tpid, outer.vid(), outer.priority(), outer.is_drop_eligible()),
            (SERVICE, 100, 5, true)
        );
        assert_eq!(
            (inner.tpid, inner.vid(), inner.priority(), inner.is_drop_eligible()),
            (CUSTOMER, 200, 0, false)
        );
    }

    #[test]
    fn a_tag_beyond_the_bound_is_left_unread() {
        let mut tags = Tags::new();
        let tag = [0x81, 0, 0, 1];
        let bytes = [&tag.repeat(MAX_TAGS)[2..], &[0x81, 0, 0, 6, 8, 0]].concat();
        assert_eq!(read(&bytes, CUSTOMER, &mut tags), Ok(CUSTOMER));
        assert_eq!(tags.len(), MAX_TAGS);
    }

    #[test]
    fn a_tag_of_older_equipment_is_a_tag() {
        for tpid in [LEGACY_SERVICE, LEGACY_SERVICE_2, LEGACY_SERVICE_3] {
            let mut tags = Tags::new();
            assert_eq!(read(&[0x0f, 0xff, 8, 0], tpid, &mut tags), Ok(ethernet::IPV4));
            assert_eq!((tags[0].tpid, tags[0].vid()), (tpid, 4095));
        }
    }

    #[test]
    fn a_tag_is_shown_by_its_parts() {
        let shown = serde_json::to_value(Tag { tpid: SERVICE, tci: 0xb064 }).unwrap();
        let expected = serde_json::json!({"tpid": 0x88a8, "priority": 5, "drop_eligible": true, "vid": 100});
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_tag_cut_off_leaves_the_one_before_it() {
        let mut tags = Tags::new();
        let error = read(&[0, 1, 0x81, 0, 0], CUSTOMER, &mut tags).unwrap_err();
        assert_eq!(error, Malformed { layer: Layer::Vlan, offset: 4, kind: Kind::Short });
        assert_eq!(tags.len(), 1);
    }
}
