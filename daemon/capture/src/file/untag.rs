//! The outermost VLAN tag, taken out as the Linux kernel does before a packet socket sees a frame
//! (`skb_vlan_untag`).

use crate::Tag;

/// Takes the outermost tag out of a frame, in its place, which is overwritten.
///
/// Like the kernel it takes one tag, of TPID 0x8100 or 0x88a8. A frame that was cut before the type behind the tag
/// stays as it is.
#[inline(always)]
pub(super) fn untag(frame: &mut [u8]) -> (Option<Tag>, &[u8]) {
    if let Some([p0, p1, c0, c1, _, _]) = frame.get(ADDRESSES_LEN..).and_then(<[u8]>::first_chunk) {
        let protocol = u16::from_be_bytes([*p0, *p1]);
        if matches!(protocol, C_TAG | S_TAG) {
            let tag = Tag { protocol, control: u16::from_be_bytes([*c0, *c1]) };
            frame.copy_within(..ADDRESSES_LEN, TAG_OCTETS);
            return (Some(tag), frame.get(TAG_OCTETS..).unwrap_or_default());
        }
    }
    (None, frame)
}

/// Octets of the two addresses.
const ADDRESSES_LEN: usize = 12;
/// Octets of a tag.
const TAG_OCTETS: usize = 4;
pub(super) const TAG_LEN: u32 = 4;
/// TPID of a C-TAG (IEEE 802.1Q-2022 table 9-1).
const C_TAG: u16 = 0x8100;
/// TPID of an S-TAG.
const S_TAG: u16 = 0x88a8;

#[cfg(test)]
mod tests {
    use super::*;

    fn tagged(protocol: u16, inner: &[u8]) -> Vec<u8> {
        [&[1; 12][..], &protocol.to_be_bytes(), &[0x60, 0x05], inner].concat()
    }

    #[test]
    fn one_tag_of_either_kind_is_taken_out() {
        for protocol in [0x8100, 0x88a8] {
            let mut bytes = tagged(protocol, &[0x81, 0x00, 0x00, 0x07, 0x08, 0x00]);
            let (tag, rest) = untag(&mut bytes);
            assert_eq!(tag, Some(Tag { protocol, control: 0x6005 }));
            assert_eq!(rest, [&[1; 12][..], &[0x81, 0x00, 0x00, 0x07, 0x08, 0x00]].concat());
        }
    }

    #[test]
    fn anything_else_stays_as_it_is() {
        for bytes in [tagged(0x9100, &[8, 0]), tagged(0x0800, &[0; 40]), tagged(0x8100, &[8]), vec![]] {
            assert_eq!(untag(&mut bytes.clone()), (None, bytes.as_slice()));
        }
    }

    #[test]
    fn a_tagged_frame_cut_anywhere_is_whole_or_untouched() {
        let bytes = tagged(0x8100, &[8, 0, 0xaa, 0xbb]);
        for length in 0..=bytes.len() {
            let mut cut = bytes[..length].to_vec();
            let (tag, rest) = untag(&mut cut);
            let expected = if length < 18 { (length, None) } else { (length - 4, Some(0x6005)) };
            assert_eq!((rest.len(), tag.map(|tag| tag.control)), expected);
        }
    }
}
