//! The outermost VLAN tag, taken out as the Linux kernel does before a packet socket sees a frame
//! (`skb_vlan_untag`).

use crate::{Frame, Tag};

/// Takes the outermost tag out of a frame of a file. `room` holds the frame without it.
///
/// Like the kernel it takes one tag, of TPID 0x8100 or 0x88a8, and counts its octets no longer in
/// `wire_len`. A frame that was cut before the type behind the tag stays as it is.
pub(super) fn untag<'a>(frame: Frame<'a>, room: &'a mut Vec<u8>) -> Frame<'a> {
    let Some((addresses, rest)) = frame.bytes.split_first_chunk::<ADDRESSES_LEN>() else { return frame };
    let [p0, p1, c0, c1, inner @ ..] = rest else { return frame };
    let protocol = u16::from_be_bytes([*p0, *p1]);
    if !matches!(protocol, C_TAG | S_TAG) || inner.len() < TYPE_LEN {
        return frame;
    }
    room.clear();
    room.extend_from_slice(addresses);
    room.extend_from_slice(inner);
    let tag = Some(Tag { protocol, control: u16::from_be_bytes([*c0, *c1]) });
    Frame { wire_len: frame.wire_len.saturating_sub(TAG_LEN), tag, bytes: room, ..frame }
}

/// Octets of the two addresses.
const ADDRESSES_LEN: usize = 12;
/// Octets of a type or length.
const TYPE_LEN: usize = 2;
/// Octets of a tag.
const TAG_LEN: u32 = 4;
/// TPID of a C-TAG (IEEE 802.1Q-2022 table 9-1).
const C_TAG: u16 = 0x8100;
/// TPID of an S-TAG.
const S_TAG: u16 = 0x88a8;

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &[u8]) -> Frame<'_> {
        Frame { time_ns: 9, wire_len: 100, link: Frame::ETHERNET, tag: None, bytes }
    }

    fn tagged(protocol: u16, inner: &[u8]) -> Vec<u8> {
        [&[1; 12][..], &protocol.to_be_bytes(), &[0x60, 0x05], inner].concat()
    }

    #[test]
    fn one_tag_of_either_kind_is_taken_out() {
        for protocol in [0x8100, 0x88a8] {
            let (mut room, bytes) = (Vec::new(), tagged(protocol, &[0x81, 0x00, 0x00, 0x07, 0x08, 0x00]));
            let out = untag(frame(&bytes), &mut room);
            assert_eq!(out.tag, Some(Tag { protocol, control: 0x6005 }));
            assert_eq!(out.bytes, [&[1; 12][..], &[0x81, 0x00, 0x00, 0x07, 0x08, 0x00]].concat());
            assert_eq!((out.wire_len, out.time_ns), (96, 9));
        }
    }

    #[test]
    fn anything_else_stays_as_it_is() {
        for bytes in [tagged(0x9100, &[8, 0]), tagged(0x0800, &[0; 40]), tagged(0x8100, &[8]), vec![]] {
            let mut room = Vec::new();
            let out = untag(frame(&bytes), &mut room);
            assert_eq!((out.tag, out.bytes, out.wire_len), (None, bytes.as_slice(), 100));
        }
    }

    #[test]
    fn a_tagged_frame_cut_anywhere_is_whole_or_untouched() {
        let bytes = tagged(0x8100, &[8, 0, 0xaa, 0xbb]);
        for length in 0..=bytes.len() {
            let mut room = Vec::new();
            let out = untag(frame(&bytes[..length]), &mut room);
            let expected = if length < 18 { (length, None) } else { (length - 4, Some(0x6005)) };
            assert_eq!((out.bytes.len(), out.tag.map(|tag| tag.control)), expected);
        }
    }
}
