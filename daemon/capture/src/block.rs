//! One block of a TPACKET_V3 ring (linux/if_packet.h), read as plain octets.
//!
//! Every offset in it comes from the kernel and is checked all the same. Numbers are in the machine's
//! order.

use crate::{Frame, Tag, sys};

/// Hands each frame of a block to `f`, in order, and gives their number.
///
/// # Errors
/// What is wrong with the block; the frames before that were handed on.
pub(crate) fn walk<F: FnMut(Frame<'_>)>(block: &[u8], mut f: F) -> Result<usize, &'static str> {
    if u32_at(block, field::VERSION) != Some(TPACKET_V3) {
        return Err("it is not of version 3");
    }
    let count = usize_at(block, field::NUM_PKTS).ok_or("it is too short")?;
    let mut offset = usize_at(block, field::OFFSET_TO_FIRST_PKT).ok_or("it is too short")?;
    if count > block.len() / HEADER_LEN {
        return Err("it counts more frames than it can hold");
    }
    for _ in 0..count {
        let packet = block.get(offset..).ok_or("a frame begins outside of it")?;
        // Another core wrote it: what comes after a few frames is on its way while these are used.
        for ahead in AHEAD {
            sys::prefetch(packet, ahead);
        }
        f(frame(packet)?);
        // 0 after the last one, which ends the loop by its count.
        let next = usize_at(packet, field::NEXT_OFFSET).ok_or("a frame's header ends outside of it")?;
        offset = offset.checked_add(next).ok_or("a frame begins outside of it")?;
    }
    Ok(count)
}

fn frame(packet: &[u8]) -> Result<Frame<'_>, &'static str> {
    let header = packet.get(..HEADER_LEN).ok_or("a frame's header ends outside of it")?;
    let word = |offset| u32_at(header, offset).unwrap_or(0);
    let half = |offset| u16_at(header, offset).unwrap_or(0);
    let kept = usize_at(header, field::SNAPLEN).unwrap_or(0);
    let bytes = packet
        .get(usize::from(half(field::MAC))..)
        .and_then(|from_mac| from_mac.get(..kept))
        .ok_or("a frame ends outside of it")?;
    if word(field::LEN) < word(field::SNAPLEN) {
        return Err("a frame has more octets than were on the wire");
    }
    let status = word(field::STATUS);
    let tag = (status & libc::TP_STATUS_VLAN_VALID != 0).then(|| Tag {
        protocol: if status & libc::TP_STATUS_VLAN_TPID_VALID != 0 {
            half(field::VLAN_TPID)
        } else {
            DEFAULT_TPID
        },
        // The upper half of the word is not used.
        control: u16::try_from(word(field::VLAN_TCI) & 0xffff).unwrap_or(0),
    });
    let time_ns = u64::from(word(field::SEC)) * NS_PER_S + u64::from(word(field::NSEC));
    Ok(Frame { time_ns, wire_len: word(field::LEN), link: Frame::ETHERNET, tag, bytes })
}

fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    bytes.get(offset..)?.first_chunk().map(|octets| u16::from_ne_bytes(*octets))
}

fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    bytes.get(offset..)?.first_chunk().map(|octets| u32::from_ne_bytes(*octets))
}

fn usize_at(bytes: &[u8], offset: usize) -> Option<usize> {
    usize::try_from(u32_at(bytes, offset)?).ok()
}

/// Where the fields lie: in a block, then in a frame's header.
mod field {
    use std::mem::offset_of;

    use libc::{tpacket_block_desc, tpacket_hdr_v1, tpacket_hdr_variant1, tpacket3_hdr};

    const HDR: usize = offset_of!(tpacket_block_desc, hdr);
    pub(super) const VERSION: usize = offset_of!(tpacket_block_desc, version);
    pub(super) const NUM_PKTS: usize = HDR + offset_of!(tpacket_hdr_v1, num_pkts);
    pub(super) const OFFSET_TO_FIRST_PKT: usize = HDR + offset_of!(tpacket_hdr_v1, offset_to_first_pkt);

    const HV1: usize = offset_of!(tpacket3_hdr, hv1);
    pub(super) const NEXT_OFFSET: usize = offset_of!(tpacket3_hdr, tp_next_offset);
    pub(super) const SEC: usize = offset_of!(tpacket3_hdr, tp_sec);
    pub(super) const NSEC: usize = offset_of!(tpacket3_hdr, tp_nsec);
    pub(super) const SNAPLEN: usize = offset_of!(tpacket3_hdr, tp_snaplen);
    pub(super) const LEN: usize = offset_of!(tpacket3_hdr, tp_len);
    pub(super) const STATUS: usize = offset_of!(tpacket3_hdr, tp_status);
    pub(super) const MAC: usize = offset_of!(tpacket3_hdr, tp_mac);
    pub(super) const VLAN_TCI: usize = HV1 + offset_of!(tpacket_hdr_variant1, tp_vlan_tci);
    pub(super) const VLAN_TPID: usize = HV1 + offset_of!(tpacket_hdr_variant1, tp_vlan_tpid);
}

/// How far before its use a frame is fetched, octets: eight frames of headers, which take two cache lines each.
const AHEAD: [usize; 2] = [1_024, 1_088];
/// Octets of `struct tpacket3_hdr`.
const HEADER_LEN: usize = size_of::<libc::tpacket3_hdr>();
/// The version that the kernel writes into a block.
const TPACKET_V3: u32 = 2;
/// The TPID of a tag for which the kernel gives none (kernels before 3.14).
const DEFAULT_TPID: u16 = 0x8100;
const NS_PER_S: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn put(block: &mut [u8], offset: usize, value: u32) {
        block[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
    }

    /// Two frames of 20 octets: the first with a tag, the second from a wire length of 1,514.
    fn block() -> Vec<u8> {
        let mut block = vec![0; 512];
        put(&mut block, field::VERSION, TPACKET_V3);
        put(&mut block, field::NUM_PKTS, 2);
        put(&mut block, field::OFFSET_TO_FIRST_PKT, 48);
        for (start, next, len, status) in [(48, 128, 60, 1 | 1 << 4 | 1 << 6), (176, 0, 1_514, 1)] {
            put(&mut block, start + field::NEXT_OFFSET, next);
            put(&mut block, start + field::SEC, 3);
            put(&mut block, start + field::NSEC, 7);
            put(&mut block, start + field::SNAPLEN, 20);
            put(&mut block, start + field::LEN, len);
            put(&mut block, start + field::STATUS, status);
            block[start + field::MAC..start + field::MAC + 2].copy_from_slice(&82u16.to_ne_bytes());
            put(&mut block, start + field::VLAN_TCI, 0x6005);
            block[start + field::VLAN_TPID..start + field::VLAN_TPID + 2]
                .copy_from_slice(&0x88a8u16.to_ne_bytes());
            block[start + 82..start + 102].fill(0xaa);
        }
        block
    }

    type Seen = (u64, u32, Option<Tag>, Vec<u8>);

    fn frames(block: &[u8]) -> (Vec<Seen>, Result<usize, &'static str>) {
        let mut seen = Vec::new();
        let result = walk(block, |frame| {
            seen.push((frame.time_ns, frame.wire_len, frame.tag, frame.bytes.to_vec()));
        });
        (seen, result)
    }

    #[test]
    fn frames_come_out_with_time_length_and_tag() {
        let (seen, result) = frames(&block());
        let tag = Some(Tag { protocol: 0x88a8, control: 0x6005 });
        let bytes = vec![0xaa; 20];
        assert_eq!(result, Ok(2));
        assert_eq!(seen, [(3_000_000_007, 60, tag, bytes.clone()), (3_000_000_007, 1_514, None, bytes)]);
    }

    #[test]
    fn a_tag_without_a_tpid_is_a_customer_tag() {
        let mut block = block();
        put(&mut block, 48 + field::STATUS, 1 | 1 << 4);
        assert_eq!(frames(&block).0[0].2, Some(Tag { protocol: 0x8100, control: 0x6005 }));
    }

    #[test]
    fn a_block_cut_anywhere_gives_the_frames_before_the_cut() {
        let whole = block();
        for length in 0..whole.len() {
            let (seen, result) = frames(&whole[..length]);
            let expected = usize::from(length >= 150) + usize::from(length >= 278);
            assert_eq!(seen.len(), expected, "{length}");
            assert_eq!(result.is_ok(), expected == 2, "{length}");
        }
    }

    #[test]
    fn every_wrong_word_is_refused_or_harmless() {
        let whole = block();
        for offset in (0..whole.len() - 4).step_by(2) {
            for value in [0, 1, 47, 0x7fff_ffff, 0xffff_fff0, u32::MAX] {
                let mut broken = whole.clone();
                put(&mut broken, offset, value);
                let (seen, _) = frames(&broken);
                assert!(
                    seen.iter()
                        .all(|(_, wire_len, _, bytes)| bytes.len() <= usize::try_from(*wire_len).unwrap())
                );
            }
        }
    }

    #[test]
    fn contradictions_are_named() {
        for (offset, value, what) in [
            (field::VERSION, 1, "it is not of version 3"),
            (field::NUM_PKTS, 100, "it counts more frames than it can hold"),
            (field::OFFSET_TO_FIRST_PKT, 600, "a frame begins outside of it"),
            (field::OFFSET_TO_FIRST_PKT, 500, "a frame's header ends outside of it"),
            (48 + field::NEXT_OFFSET, u32::MAX, "a frame begins outside of it"),
            (48 + field::SNAPLEN, 500, "a frame ends outside of it"),
            (48 + field::LEN, 19, "a frame has more octets than were on the wire"),
        ] {
            let mut broken = block();
            put(&mut broken, offset, value);
            assert_eq!(frames(&broken).1, Err(what));
        }
    }
}
