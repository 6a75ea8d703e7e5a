use super::*;
use crate::Tag;

mod records;

#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    interface: String,
    time_ns: u64,
    wire_len: u32,
    link: u32,
    tag: Option<Tag>,
    bytes: Vec<u8>,
}

/// Writes numbers in one order of octets.
#[derive(Clone, Copy)]
struct Order {
    big_endian: bool,
}

const LITTLE: Order = Order { big_endian: false };
const BIG: Order = Order { big_endian: true };

impl Order {
    fn u16(self, value: u16) -> [u8; 2] {
        if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u32(self, value: u32) -> [u8; 4] {
        if self.big_endian { value.to_be_bytes() } else { value.to_le_bytes() }
    }

    fn u32s<const N: usize>(self, values: [u32; N]) -> Vec<u8> {
        values.iter().flat_map(|value| self.u32(*value)).collect()
    }

    fn pcap(self, magic: u32, link: u32, records: &[Vec<u8>]) -> Vec<u8> {
        let version = [self.u16(2), self.u16(4)].concat();
        [self.u32(magic).to_vec(), version, self.u32s([0, 0, 65_535, link]), records.concat()].concat()
    }

    fn record(self, seconds: u32, fraction: u32, wire_len: u32, bytes: &[u8]) -> Vec<u8> {
        [self.u32s([seconds, fraction, len(bytes), wire_len]), bytes.to_vec()].concat()
    }

    fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let body = padded(body);
        let total = len(&body) + 12;
        [self.u32s([kind, total]), body, self.u32s([total])].concat()
    }

    fn section(self) -> Vec<u8> {
        let version = [self.u16(1), self.u16(0)].concat();
        self.block(0x0a0d_0d0a, &[self.u32s([0x1a2b_3c4d]), version, vec![0xff; 8]].concat())
    }

    fn interface(self, link: u16, snap_len: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = [self.u16(link), self.u16(0)].concat();
        body.extend(self.u32(snap_len));
        for (code, value) in options {
            body.extend(self.u16(*code));
            body.extend(self.u16(len(value).try_into().unwrap()));
            body.extend(padded(value));
        }
        self.block(1, &body)
    }

    fn packet(self, interface: u32, ticks: u64, wire_len: u32, bytes: &[u8]) -> Vec<u8> {
        let (high, low) = ((ticks >> 32).try_into().unwrap(), (ticks & 0xffff_ffff).try_into().unwrap());
        let head = self.u32s([interface, high, low, len(bytes), wire_len]);
        self.block(6, &[head, bytes.to_vec()].concat())
    }
}

fn len(bytes: &[u8]) -> u32 {
    bytes.len().try_into().unwrap()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    padded
}

/// A frame whose octets tell it from others.
fn frame(number: u8) -> Vec<u8> {
    [&[number; 12][..], &[0x08, 0x00], &[number; 7]].concat()
}

fn tagged(number: u8, control: u16) -> Vec<u8> {
    [&[number; 12][..], &[0x81, 0x00], &control.to_be_bytes(), &[0x08, 0x00], &[number; 7]].concat()
}

fn write(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("uplink.pcap");
    std::fs::write(&path, content).unwrap();
    (directory, path)
}

/// Reads it whole and in pieces, which must come to the same.
fn read(content: &[u8]) -> (Vec<Seen>, Result<FileSummary, Error>) {
    let (_directory, path) = write(content);
    let whole = read_with(&path, |file, seen| file.read(seeing(seen)));
    let in_pieces = read_with(&path, |file, seen| {
        let pieces = file.pieces().expect("a regular file");
        let mut hands: [Piece; 3] = Default::default();
        loop {
            hands.iter_mut().for_each(|piece| pieces.read(piece));
            // Only the next one is used, whichever is offered.
            for _ in 0..hands.len() {
                for piece in hands.iter_mut().rev() {
                    if let Some(summary) = file.read_piece(piece, seeing(seen))? {
                        return Ok(summary);
                    }
                }
            }
        }
    });
    assert_eq!(format!("{whole:?}"), format!("{in_pieces:?}"));
    whole
}

fn read_with(
    path: &Path,
    read: impl FnOnce(&mut File, &mut Vec<Seen>) -> Result<FileSummary, FileError>,
) -> (Vec<Seen>, Result<FileSummary, Error>) {
    let mut seen = Vec::new();
    let result = File::open(path).and_then(|mut file| Ok(read(&mut file, &mut seen)?));
    (seen, result)
}

fn seeing(seen: &mut Vec<Seen>) -> impl Take {
    Whole(|interface: FileInterface<'_>, frame: Frame<'_>| {
        seen.push(Seen {
            interface: interface.name.to_owned(),
            time_ns: frame.time_ns,
            wire_len: frame.wire_len,
            link: frame.link,
            tag: frame.tag,
            bytes: frame.bytes.to_vec(),
        });
        ControlFlow::Continue(())
    })
}

fn cause(result: Result<FileSummary, Error>) -> FileError {
    match result {
        Err(Error::File(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_pcap_file_of_either_order_and_resolution_is_read() {
    for (order, magic, unit) in [
        (LITTLE, 0xa1b2_c3d4, 1_000),
        (BIG, 0xa1b2_c3d4, 1_000),
        (LITTLE, 0xa1b2_3c4d, 1),
        (BIG, 0xa1b2_3c4d, 1),
    ] {
        let records = [order.record(7, 9, 1_514, &frame(1)), order.record(8, 10, 25, &tagged(2, 0x6005))];
        let (seen, result) = read(&order.pcap(magic, 1, &records));
        let interface = "uplink".to_owned();
        let tag = Some(Tag { protocol: 0x8100, control: 0x6005 });
        let first = Seen {
            interface: interface.clone(),
            time_ns: 7_000_000_000 + 9 * unit,
            wire_len: 1_514,
            link: 1,
            tag: None,
            bytes: frame(1),
        };
        let second = Seen {
            interface,
            time_ns: 8_000_000_000 + 10 * unit,
            wire_len: 21,
            link: 1,
            tag,
            bytes: frame(2),
        };
        assert_eq!(seen, [first, second]);
        assert_eq!(result.unwrap(), FileSummary { frames: 2, kept: 2, bytes: 42, ..FileSummary::default() });
    }
}

#[test]
fn a_pcapng_file_gives_each_interface_its_name_link_and_clock() {
    for order in [LITTLE, BIG] {
        let offset = if order.big_endian { 5i64.to_be_bytes() } else { 5i64.to_le_bytes() };
        let content = [
            order.section(),
            order.interface(1, 0, &[(2, b"eth0"), (9, &[9])]),
            order.interface(1, 0, &[]),
            order.interface(105, 0, &[(2, b"wlan0")]),
            order.interface(1, 0, &[(2, b"mgmt"), (14, &offset), (9, &[0x80 | 10])]),
            order.packet(0, 1 << 40, 60, &frame(1)),
            order.packet(1, 1 << 40, 60, &frame(2)),
            order.packet(2, 0, 60, &frame(3)),
            order.packet(3, 1_536, 60, &frame(4)),
        ]
        .concat();
        let (seen, result) = read(&content);
        let facts: Vec<_> = seen
            .iter()
            .map(|seen| (seen.interface.as_str(), seen.time_ns, seen.bytes[0], seen.link))
            .collect();
        let expected = [
            ("eth0", 1 << 40, 1, 1),
            ("uplink", (1 << 40) * 1_000, 2, 1),
            ("wlan0", 0, 3, 105),
            ("mgmt", 6_500_000_000, 4, 1),
        ];
        assert_eq!(facts, expected);
        let summary = result.unwrap();
        assert_eq!((summary.frames, summary.kept), (4, 4));
    }
}

#[test]
fn unknown_blocks_are_skipped_and_counted() {
    let content = [
        LITTLE.section(),
        LITTLE.block(0x0bad, &[1; 20]),
        LITTLE.interface(1, 0, &[]),
        LITTLE.block(0x7777_7777, &[2; 401]),
        LITTLE.packet(0, 0, 60, &frame(1)),
        LITTLE.block(5, &[0; 12]),
        LITTLE.block(0x8000_0001, &[0; 4]),
        LITTLE.packet(0, 0, 60, &frame(2)),
    ]
    .concat();
    let (seen, result) = read(&content);
    let summary = result.unwrap();
    assert_eq!((seen.len(), summary.skipped_blocks, summary.ended), (2, 3, Ended::Complete));
}

#[test]
fn a_new_section_forgets_the_interfaces_and_may_turn_the_order() {
    let content = [
        LITTLE.section(),
        LITTLE.interface(1, 0, &[(2, b"one")]),
        LITTLE.packet(0, 0, 60, &frame(1)),
        BIG.section(),
        BIG.interface(1, 0, &[(2, b"two")]),
        BIG.packet(0, 0, 60, &frame(2)),
        LITTLE.section(),
        LITTLE.packet(0, 0, 60, &frame(3)),
    ]
    .concat();
    let (seen, result) = read(&content);
    assert_eq!(seen.iter().map(|seen| seen.interface.as_str()).collect::<Vec<_>>(), ["one", "two"]);
    let what = "a frame is of an interface that is not described";
    assert!(matches!(cause(result), FileError::Damaged { what: found, .. } if found == what));
}

#[test]
fn a_simple_packet_is_cut_where_its_interface_cuts() {
    let data = padded(&frame(1));
    let simple = |wire_len: u32| LITTLE.block(3, &[LITTLE.u32(wire_len).to_vec(), data.clone()].concat());
    for (snap_len, wire_len, expected) in [(0, 21, 21), (18, 60, 18), (0, 60, 24)] {
        let content = [LITTLE.section(), LITTLE.interface(1, snap_len, &[]), simple(wire_len)].concat();
        let (seen, result) = read(&content);
        assert!(result.is_ok());
        assert_eq!((seen[0].bytes.len(), seen[0].wire_len, seen[0].time_ns), (expected, wire_len, 0));
    }
}

#[test]
fn what_a_frame_holds_beyond_its_length_on_the_wire_is_cut() {
    let (seen, result) = read(&LITTLE.pcap(0xa1b2_c3d4, 1, &[LITTLE.record(0, 0, 15, &frame(1))]));
    assert_eq!((seen[0].wire_len, seen[0].bytes.as_slice()), (15, &frame(1)[..15]));
    assert_eq!(result.unwrap().bytes, 15);
}

/// Keeps of five frames, which begin with their numbers, all but the first in part.
#[derive(Default)]
struct Some5 {
    /// Octets and tag.
    offered: Vec<(usize, Option<u16>)>,
    /// Number, first octet, octets at hand and on the wire.
    seen: Vec<(usize, Option<u8>, usize, u32)>,
}

impl Take for Some5 {
    fn take(&mut self, _: FileInterface<'_>, frame: &Frame<'_>) -> (Option<usize>, ControlFlow<()>) {
        self.offered.push((frame.bytes.len(), frame.tag.map(|tag| tag.control)));
        let number = usize::from(frame.bytes[0]);
        let octets = [None, Some(0), Some(14), Some(22), Some(1_000)][number];
        let kept = octets.map(|octets: usize| octets.min(frame.bytes.len()));
        if let Some(kept) = kept {
            self.seen.push((number, frame.bytes[..kept].first().copied(), kept, frame.wire_len));
        }
        (kept, ControlFlow::Continue(()))
    }
}

#[test]
fn what_was_kept_of_each_frame_is_counted() {
    let records: Vec<_> = (0..5).map(|number| LITTLE.record(0, 0, 100, &tagged(number, 7))).collect();
    let (_directory, path) = write(&LITTLE.pcap(0xa1b2_c3d4, 1, &records));
    let mut some = Some5::default();
    let result = File::open(&path).unwrap().read(&mut some);
    assert_eq!(some.offered, [(21, Some(7)); 5]);
    let seen = [(1, None, 0, 96), (2, Some(2), 14, 96), (3, Some(3), 21, 96), (4, Some(4), 21, 96)];
    assert_eq!(some.seen, seen);
    let expected = FileSummary { frames: 5, kept: 4, not_kept: 1, bytes: 56, ..FileSummary::default() };
    assert_eq!(result.unwrap(), expected);
}

#[test]
fn a_reader_that_was_stopped_goes_on_with_the_next_frame() {
    let records: Vec<_> = (0..5).map(|number| LITTLE.record(0, 0, 21, &frame(number))).collect();
    let (_directory, path) = write(&LITTLE.pcap(0xa1b2_c3d4, 1, &records));
    let mut file = File::open(&path).unwrap();
    let mut seen = Vec::new();
    let ends: Vec<_> = (0..4)
        .map(|_| {
            let summary = file.read(Whole(|_: FileInterface<'_>, frame: Frame<'_>| {
                seen.push(frame.bytes[0]);
                if seen.len() % 2 == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            }));
            summary.map(|summary| (summary.frames, summary.ended)).unwrap()
        })
        .collect();
    assert_eq!(seen, [0, 1, 2, 3, 4]);
    let (stopped, complete) = (Ended::Stopped, Ended::Complete);
    assert_eq!(ends, [(2, stopped), (2, stopped), (1, complete), (0, complete)]);
    assert_eq!(file.interfaces().collect::<Vec<_>>(), ["uplink"]);
}

/// Cuts a file at every octet: all frames whose records are whole come out, then the place is named.
fn cut_everywhere(content: &[u8], first_record: usize, ends: &[usize], starts: &[usize]) {
    for cut in 0..content.len() {
        let (seen, result) = read(&content[..cut]);
        let whole = ends.iter().filter(|end| **end <= cut).count();
        assert_eq!(seen.len(), whole, "{cut}");
        if starts.contains(&cut) {
            assert_eq!(result.unwrap().ended, Ended::Complete, "{cut}");
            continue;
        }
        match cause(result) {
            FileError::Empty { .. } => assert_eq!(cut, 0),
            FileError::NotACapture { .. } => assert!((1..4).contains(&cut), "{cut}"),
            FileError::Truncated { offset, summary, .. } => {
                let expected =
                    starts.iter().rev().find(|start| **start < cut).filter(|_| cut >= first_record);
                assert_eq!(offset, expected.map_or(0, |start| u64::try_from(*start).unwrap()), "{cut}");
                assert_eq!(summary.frames, u64::try_from(whole).unwrap(), "{cut}");
            }
            other => panic!("{cut}: {other}"),
        }
    }
}

/// Joins parts and gives the offsets at which each begins, and at last the end.
fn join(parts: &[Vec<u8>]) -> (Vec<u8>, Vec<usize>) {
    let mut bounds = vec![0];
    for part in parts {
        bounds.push(bounds[bounds.len() - 1] + part.len());
    }
    (parts.concat(), bounds)
}

#[test]
fn a_pcap_file_cut_anywhere_gives_the_frames_before_the_cut() {
    for order in [LITTLE, BIG] {
        let header = order.pcap(0xa1b2_c3d4, 1, &[]);
        let parts = [
            header,
            order.record(1, 1, 60, &frame(1)),
            order.record(1, 2, 60, &tagged(2, 5)),
            order.record(1, 3, 60, &frame(3)),
        ];
        let (content, bounds) = join(&parts);
        cut_everywhere(&content, 24, &bounds[2..], &bounds[1..]);
    }
}

#[test]
fn a_pcapng_file_cut_anywhere_gives_the_frames_before_the_cut() {
    for order in [LITTLE, BIG] {
        let parts = [
            order.section(),
            order.interface(1, 0, &[(2, b"eth0")]),
            order.packet(0, 1, 60, &frame(1)),
            order.block(0x7777_7777, &[2; 9]),
            order.packet(0, 2, 60, &tagged(2, 5)),
            order.section(),
            order.interface(1, 0, &[]),
            order.packet(0, 3, 60, &frame(3)),
        ];
        let (content, bounds) = join(&parts);
        let ends = [bounds[3], bounds[5], bounds[8]];
        cut_everywhere(&content, bounds[1], &ends, &bounds[1..]);
    }
}

#[test]
fn every_wrong_octet_ends_in_a_verdict() {
    let pcap = LITTLE.pcap(
        0xa1b2_c3d4,
        1,
        &[LITTLE.record(1, 1, 60, &frame(1)), LITTLE.record(1, 2, 60, &frame(2))],
    );
    let pcapng = [
        LITTLE.section(),
        LITTLE.interface(1, 0, &[(2, b"eth0"), (9, &[6])]),
        LITTLE.packet(0, 1, 60, &frame(1)),
        LITTLE.block(0x7777_7777, &[2; 9]),
        LITTLE.packet(0, 2, 60, &frame(2)),
    ]
    .concat();
    for whole in [pcap, pcapng] {
        for offset in 0..whole.len() {
            for value in [0x00, 0x01, 0x7f, 0xff] {
                let mut broken = whole.clone();
                broken[offset] = value;
                let (seen, result) = read(&broken);
                assert!(seen.len() <= 2);
                if let Ok(summary) = result {
                    let counted = summary.kept + summary.not_kept;
                    assert_eq!(summary.frames, counted);
                }
            }
        }
    }
}

#[test]
fn a_record_that_is_too_long_or_contradicts_itself_is_damage() {
    let good = LITTLE.record(1, 1, 60, &frame(1));
    let long = LITTLE.u32s([1, 1, 262_145, 262_145]);
    let at = u64::try_from(24 + good.len()).unwrap();
    let content = LITTLE.pcap(0xa1b2_c3d4, 1, &[good, long, vec![0; 600_000]]);
    let (seen, result) = read(&content);
    let error = cause(result);
    assert!(matches!(error, FileError::Damaged { offset, .. } if offset == at), "{error}");
    assert_eq!((seen.len(), error.summary().map(|summary| summary.frames)), (1, Some(1)));

    let head = [LITTLE.section(), LITTLE.interface(1, 0, &[])].concat();
    for (block, what) in [
        (LITTLE.u32s([6, 0x7fff_fffc]), "a record is longer than any can be"),
        (LITTLE.block(6, &LITTLE.u32s([0, 0, 0, 500, 500])), "a record's parts are longer than the whole"),
        (LITTLE.u32s([6, 4, 4]), "it is no valid record"),
    ] {
        let rest = LITTLE.packet(0, 0, 60, &frame(1));
        let content = [head.clone(), block, rest, vec![0; 64]].concat();
        let error = cause(read(&content).1);
        let at = u64::try_from(head.len()).unwrap();
        assert!(
            matches!(error, FileError::Damaged { offset, what: found, .. } if offset == at && found == what),
            "{error}"
        );
    }
}

#[test]
fn a_file_that_is_no_capture_says_so() {
    let missing = File::open(Path::new("/nonexistent/uplink.pcap"));
    assert!(matches!(missing, Err(Error::File(FileError::Missing { .. }))));
    let directory = File::open(Path::new("/"));
    assert!(matches!(directory, Err(Error::File(FileError::Unreadable { .. }))));
    assert!(matches!(cause(read(b"").1), FileError::Empty { .. }));
    for (content, what) in [
        (&b"hello world"[..], "it does not begin like one"),
        (&[0x1f, 0x8b, 8, 0], "it is compressed with gzip, unpack it first"),
        (&[0x28, 0xb5, 0x2f, 0xfd], "it is compressed with zstd, unpack it first"),
    ] {
        let error = cause(read(content).1);
        assert!(matches!(error, FileError::NotACapture { what: found, .. } if found == what), "{error}");
    }
}

#[test]
fn errors_say_the_file_the_place_and_what_to_do() {
    let content = LITTLE.pcap(0xa1b2_c3d4, 1, &[LITTLE.record(1, 1, 60, &frame(1)), vec![0; 3]]);
    let text = cause(read(&content).1).to_string();
    assert!(text.contains("uplink.pcap"), "{text}");
    assert!(text.contains("octet 61"), "{text}");
    assert!(text.contains("Copy the file again"), "{text}");
}
