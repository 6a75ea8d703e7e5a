//! Records of every size and place, and of those that are plain what the parser says.

use proptest::prelude::*;

use super::*;
use crate::file::section::Plain;

#[test]
fn records_larger_than_the_buffer_are_read() {
    let large = vec![7; File::MAX_FRAME_BYTES];
    let records = [LITTLE.record(1, 1, 300_000, &large), LITTLE.record(1, 2, 60, &frame(1))];
    let (seen, result) = read(&LITTLE.pcap(0xa1b2_c3d4, 1, &records));
    assert!(result.is_ok());
    assert_eq!(seen.iter().map(|seen| seen.bytes.len()).collect::<Vec<_>>(), [262_144, 21]);

    let content = [
        LITTLE.section(),
        LITTLE.interface(1, 0, &[]),
        LITTLE.block(0x7777_7777, &vec![1; 3 << 20]),
        LITTLE.packet(0, 0, 60, &frame(1)),
    ]
    .concat();
    let (seen, result) = read(&content);
    assert_eq!((seen.len(), result.unwrap().skipped_blocks), (1, 1));
}

#[test]
fn a_large_file_is_read_across_every_boundary_of_the_buffer() {
    let octets = |number: u32| -> Vec<u8> {
        let [a, b, ..] = number.to_le_bytes();
        let length = usize::try_from(number % 61).unwrap();
        if number.is_multiple_of(3) { tagged(a, u16::from(b)) } else { [frame(a), vec![b; length]].concat() }
    };
    let expected = |number: u32, seen: &Seen| {
        let [a, b, ..] = number.to_le_bytes();
        let tag = number.is_multiple_of(3).then_some(Tag { protocol: 0x8100, control: b.into() });
        let bytes = if tag.is_some() { frame(a) } else { octets(number) };
        seen.time_ns == u64::from(number) * 1_000_000_000 && seen.tag == tag && seen.bytes == bytes
    };
    let numbers = 0..40_000u32;
    let pcap: Vec<_> = numbers.clone().map(|n| LITTLE.record(n, 0, 100, &octets(n))).collect();
    let mut pcapng = vec![BIG.section(), BIG.interface(1, 0, &[])];
    pcapng.extend(numbers.map(|n| BIG.packet(0, u64::from(n) * 1_000_000, 100, &octets(n))));
    for content in [LITTLE.pcap(0xa1b2_c3d4, 1, &pcap), pcapng.concat()] {
        let (seen, result) = read(&content);
        assert_eq!(result.unwrap().frames, 40_000);
        let wrong = (0u32..).zip(&seen).find(|(number, seen)| !expected(*number, seen));
        assert_eq!((seen.len(), wrong), (40_000, None));
    }
}

/// A section header with long comments was once taken for a file that is cut.
#[test]
fn a_header_longer_than_what_is_read_at_once_is_read() {
    let comment = vec![b'x'; 60_000];
    let version = [LITTLE.u16(1), LITTLE.u16(0)].concat();
    let option = [LITTLE.u16(1).to_vec(), LITTLE.u16(60_000).to_vec(), comment].concat();
    for comments in [3, 15, 20] {
        let head = [LITTLE.u32s([0x1a2b_3c4d]), version.clone(), vec![0xff; 8]].concat();
        let section = LITTLE.block(0x0a0d_0d0a, &[head, option.repeat(comments)].concat());
        let rest = [LITTLE.interface(1, 0, &[]), LITTLE.packet(0, 0, 60, &frame(1))].concat();
        let whole = [section, rest].concat();
        let (seen, result) = read(&whole);
        if comments * 60_000 > File::MAX_DESCRIPTION_BYTES {
            assert!(matches!(cause(result), FileError::Damaged { offset: 0, .. }));
            continue;
        }
        assert_eq!((seen.len(), result.unwrap().frames), (1, 1));
        let (_, result) = read(&whole[..100_000]);
        assert!(matches!(cause(result), FileError::Truncated { offset: 0, .. }));
    }
}

/// Millions of empty options once took a hundred megabytes to pass over.
#[test]
fn options_behind_a_frame_are_passed_over() {
    for options in [vec![], LITTLE.u32s([0]), vec![0; 4 << 20], vec![0xff; 64]] {
        let head = LITTLE.u32s([0, 0, 5, 21, 60]);
        let packet = LITTLE.block(6, &[head, padded(&frame(1)), options].concat());
        let content =
            [LITTLE.section(), LITTLE.interface(1, 0, &[]), packet, LITTLE.packet(0, 0, 60, &frame(2))];
        let (seen, result) = read(&content.concat());
        assert_eq!(result.unwrap().frames, 2);
        assert_eq!(seen.iter().map(|seen| seen.bytes.clone()).collect::<Vec<_>>(), [frame(1), frame(2)]);
    }
}

proptest! {
    /// A plain record says what the parser says of it, and only what the parser reads is plain.
    #[test]
    fn what_is_plain_is_what_the_parser_reads(
        is_pcap in any::<bool>(),
        big_endian in any::<bool>(),
        number in 0..2u32,
        (seconds, fraction, wire_len) in (any::<u32>(), 0..1_000_000u32, 0..200u32),
        bytes in prop::collection::vec(any::<u8>(), 0..100),
        change in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        behind in prop::collection::vec(any::<u8>(), 0..8),
    ) {
        let order = Order { big_endian };
        let (head, mut record) = if is_pcap {
            (vec![order.pcap(0xa1b2_c3d4, 1, &[])], order.record(seconds, fraction, wire_len, &bytes))
        } else {
            let ticks = u64::from(seconds) << 20 | u64::from(fraction);
            (vec![order.section(), order.interface(1, 0, &[])], order.packet(number, ticks, wire_len, &bytes))
        };
        if let Some((at, value)) = change {
            let at = at.index(record.len());
            record[at] = value;
        }
        let mut section = Section::new("uplink");
        for part in head {
            let (block, _) = section.parse(&part).unwrap().unwrap();
            prop_assert!(matches!(section.take(&block), Ok(Record::Description)));
        }
        let data = [record, behind].concat();
        let plain = section.plain(&data).map(|plain| {
            let Plain { interface, time_ns, wire_len, octets, length } = plain;
            (interface.name().to_owned(), time_ns, wire_len, data[octets].to_vec(), length)
        });
        let Some(plain) = plain else { return Ok(()) };
        // Options that break their rules are nothing to a plain record.
        if let Ok(Some((block, length))) = section.parse(&data)
            && let Ok(Record::Frame { interface, time_ns, wire_len, bytes }) = section.take(&block)
        {
            prop_assert_eq!(plain, (interface.name().to_owned(), time_ns, wire_len, bytes.to_vec(), length));
        } else {
            prop_assert!(change.is_some());
        }
    }
}

/// What a pipe gives was once read on until a large piece was full, while its frames waited.
#[test]
fn a_frame_of_a_pipe_says_when_the_next_is_not_there_yet() {
    use std::io::Write;
    use std::os::fd::AsRawFd;
    let (reader, mut writer) = std::io::pipe().unwrap();
    let records = [1, 2, 3].map(|number| LITTLE.record(0, 0, 21, &frame(number)));
    writer.write_all(&LITTLE.pcap(0xa1b2_c3d4, 1, &records[..2])).unwrap();
    let mut file = File::open(Path::new(&format!("/proc/self/fd/{}", reader.as_raw_fd()))).unwrap();
    let mut seen = Vec::new();
    let result = file.read(Whole(|interface: FileInterface<'_>, frame: Frame<'_>| {
        seen.push((frame.bytes[0], interface.waits));
        if frame.bytes[0] == 2 && interface.waits {
            writer.write_all(&records[2]).unwrap();
        }
        if frame.bytes[0] == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }));
    assert_eq!(result.unwrap().ended, Ended::Stopped);
    assert_eq!(seen, [(1, false), (2, true), (3, true)]);
}
