//! Capture files that are cut, damaged or none, and frames that are cut.

use std::collections::HashSet;
use std::fs;

use headgate_service::exit;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::pcap::{self, HEADER, Packet, RECORD_HEADER};
use crate::support::{HEADGATE, SENSOR, Site, golden};
use crate::{assert_ended, attempt, counted, replay, text};

fn directory() -> TempDir {
    tempfile::tempdir().unwrap()
}

#[test]
fn a_pcap_cut_anywhere_gives_all_that_is_before_the_cut() {
    let directory = directory();
    let file = directory.path().join("cut.pcap");
    let whole = fs::read(golden("vlan-dhcp.pcap")).unwrap();
    let packets = pcap::read(&golden("vlan-dhcp.pcap"));
    let mut start = HEADER;
    for (before, packet) in packets.iter().enumerate() {
        let length = RECORD_HEADER + packet.bytes.len();
        if [0, 1, 8, packets.len() - 1].contains(&before) {
            fs::write(&file, &whole[..start]).unwrap();
            let (output, expected) = replay(&file);
            assert_ended(&output, exit::OK, &[]);
            for cut in [1, 4, 8, RECORD_HEADER - 1, RECORD_HEADER, RECORD_HEADER + 1, length - 1] {
                fs::write(&file, &whole[..start + cut]).unwrap();
                let (output, records) = replay(&file);
                let place = format!("ends in the middle of the record at octet {start}");
                let count = format!("the {before} frames before it were read");
                assert_ended(&output, exit::DATA, &[text(&file), &place, &count, "Copy the file again"]);
                assert_eq!(records, expected, "cut {cut} octets into record {before}");
            }
        }
        start += length;
    }
    assert_eq!(start, whole.len());
    for cut in [1, 3] {
        fs::write(&file, &whole[..cut]).unwrap();
        assert_ended(&replay(&file).0, exit::DATA, &["is not a capture file", "pcap and pcapng are read"]);
    }
    for cut in [4, 5, 12, HEADER - 1] {
        fs::write(&file, &whole[..cut]).unwrap();
        assert_ended(&replay(&file).0, exit::DATA, &["ends in the middle of the record at octet 0"]);
    }
}

#[test]
fn dissect_gives_all_frames_before_a_cut_and_goes_on_with_the_next_file() {
    let directory = directory();
    let (cut, missing) = (directory.path().join("cut.pcap"), directory.path().join("missing.pcap"));
    let (whole, packets) = (golden("vlan-dhcp.pcap"), pcap::read(&golden("vlan-dhcp.pcap")));
    let octets = fs::read(&whole).unwrap();
    fs::write(&cut, &octets[..octets.len() - 1]).unwrap();
    let output = attempt(HEADGATE, &["--json", "dissect", text(&cut), text(&whole)]);
    assert_ended(
        &output,
        exit::DATA,
        &[text(&cut), "ends in the middle of the record", "Copy the file again"],
    );
    let lines = String::from_utf8(output.stdout).unwrap();
    let frames: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let (before, after) = frames.split_at(packets.len() - 1);
    assert_eq!(after.len(), packets.len());
    for (number, (frame, packet)) in (1u64..).zip(after.iter().zip(&packets)) {
        assert_eq!(frame["number"], number);
        assert_eq!(frame["captured_length"], packet.bytes.len());
        assert!(frame["kept_length"].as_u64().unwrap() <= frame["captured_length"].as_u64().unwrap());
        assert_eq!(frame["layers"][0]["layer"], "ethernet");
    }
    assert!(before.iter().zip(after).all(|(one, other)| one["layers"] == other["layers"]));
    let output = attempt(HEADGATE, &["dissect", text(&missing)]);
    assert_ended(&output, exit::NO_INPUT, &[text(&missing), "there is no such file"]);
}

#[test]
fn a_pcapng_cut_anywhere_gives_all_that_is_before_the_cut() {
    let directory = directory();
    let file = directory.path().join("cut.pcapng");
    let whole = fs::read(golden("site.pcapng")).unwrap();
    let mut start = 0;
    for (at, block) in blocks(&whole).iter().enumerate() {
        if [1, 2, 3, 40, 271].contains(&at) {
            fs::write(&file, &whole[..start]).unwrap();
            let (output, expected) = replay(&file);
            assert_ended(&output, exit::OK, &[]);
            for cut in [1, 4, 8, 12, block.len() - 4, block.len() - 1] {
                fs::write(&file, &whole[..start + cut]).unwrap();
                let (output, records) = replay(&file);
                let place = format!("ends in the middle of the record at octet {start}");
                assert_ended(&output, exit::DATA, &[text(&file), &place]);
                assert_eq!(records, expected, "cut {cut} octets into block {at}");
            }
        }
        start += block.len();
    }
}

#[test]
fn the_sensor_reads_on_with_the_next_file_and_all_of_it_reaches_the_store() {
    let site = Site::new();
    let _receiver = site.start_receiver();
    let _store = site.start_store();
    let _uplink = site.start_uplink();
    let whole = fs::read(golden("vlan-dhcp.pcap")).unwrap();
    let cut = site.path("cut.pcap");
    fs::write(&cut, &whole[..whole.len() - 1]).unwrap();
    let mut sensor = site.start_replay(&[&cut, &site.path("missing.pcap"), &golden("site.pcap")]);
    assert_eq!(sensor.wait().code(), Some(exit::NO_INPUT.into()), "the code of the last file that failed");
    let said = sensor.said();
    for words in ["cut.pcap: ends in the middle", "missing.pcap: there is no such file", "read 286 frames"] {
        assert!(said.contains(words), "{said}");
    }
    site.wait_until_receipted();
    let records: Vec<Value> = site.received().iter().map(|r| r["record"].clone()).collect();
    assert_eq!(counted(&records, "frames"), 15 + 271);
}

#[test]
fn blocks_of_unknown_types_are_skipped() {
    let directory = directory();
    let file = directory.path().join("site.pcapng");
    let whole = fs::read(golden("site.pcapng")).unwrap();
    let unknown = |kind: u32, content: &[u8]| {
        let length = (12 + content.len() as u32).to_le_bytes();
        [&kind.to_le_bytes()[..], &length, content, &length].concat()
    };
    // A custom block (4), one for local use, one that is not assigned, and one without content.
    let strangers = [
        unknown(0x0000_0bad, &[0, 0, 0x7e, 0xd9, 1, 2, 3, 4]),
        unknown(0x8000_0001, &[0xff; 64]),
        unknown(0x0000_0abc, &[0; 4096]),
        unknown(0x7fff_ffff, &[]),
    ];
    let mut changed = Vec::new();
    for (at, block) in blocks(&whole).iter().enumerate() {
        changed.extend_from_slice(block);
        changed.extend_from_slice(&strangers[at % strangers.len()]);
    }
    fs::write(&file, changed).unwrap();
    let (output, records) = replay(&file);
    assert_ended(&output, exit::OK, &[]);
    assert_eq!(records, replay(&golden("site.pcapng")).1);
}

#[test]
fn what_is_no_capture_is_named_with_what_it_is() {
    let directory = directory();
    let wrong_length = {
        let mut file = fs::read(golden("vlan-dhcp.pcap")).unwrap();
        file[HEADER + 8..HEADER + 12].copy_from_slice(&[0xff; 4]);
        file
    };
    let short_block =
        [&[0x0a, 0x0d, 0x0d, 0x0a][..], &8_u32.to_le_bytes(), &[0x4d, 0x3c, 0x2b, 0x1a]].concat();
    let not_a_capture = "is not a capture file: it does not begin like one; pcap and pcapng are read";
    let table: [(&str, Vec<u8>, &str); 8] = [
        ("empty.pcap", vec![], "is empty; was the capture stopped before it wrote anything?"),
        ("text.pcap", b"hello, this is a text".to_vec(), not_a_capture),
        ("zeros.pcap", vec![0; 100_000], not_a_capture),
        ("packed.gz", vec![0x1f, 0x8b, 8, 0, 0], "it is compressed with gzip, unpack it first"),
        ("packed.zst", vec![0x28, 0xb5, 0x2f, 0xfd, 0], "it is compressed with zstd, unpack it first"),
        ("packed.xz", vec![0xfd, b'7', b'z', b'X', b'Z'], "it is compressed with xz, unpack it first"),
        ("length.pcap", wrong_length, "is damaged at octet 24: "),
        ("block.pcapng", short_block, "octet 0"),
    ];
    for (name, content, words) in table {
        let file = directory.path().join(name);
        fs::write(&file, content).unwrap();
        let (output, records) = replay(&file);
        assert_ended(&output, exit::DATA, &[text(&file), words]);
        assert!(records.is_empty(), "{name}");
    }
    let missing = directory.path().join("missing.pcap");
    assert_ended(&replay(&missing).0, exit::NO_INPUT, &[text(&missing), "there is no such file"]);
    assert_ended(&replay(directory.path()).0, exit::NO_INPUT, &[text(directory.path()), "directory"]);
    let site = Site::new();
    let sensor = attempt(SENSOR, &["run", "--config", text(&site.config()), "--replay", text(&missing)]);
    assert_ended(&sensor, exit::NO_INPUT, &["there is no such file"]);
}

/// Whole frames longer than this are cut no further behind: there is only payload.
const HEADERS: usize = 400;

#[test]
fn a_frame_cut_at_every_octet_is_counted_once_and_hurts_no_other() {
    let directory = directory();
    let names = ["lldp-lldpd.pcap", "dhcp-dnsmasq.pcap", "vlan-dhcp.pcap", "site.pcap"];
    // Many frames of one transfer differ in payload only.
    let mut seen = HashSet::new();
    let all = names.iter().flat_map(|name| pcap::read(&golden(name))).map(|packet| packet.bytes);
    let frames: Vec<_> = all.filter(|frame| seen.insert((frame.len(), frame[..14].to_vec()))).collect();
    assert!(frames.len() > 80, "{}", frames.len());
    for is_short in [false, true] {
        let mut packets = Vec::new();
        for frame in &frames {
            for cut in 0..=frame.len().min(HEADERS) {
                // Cut by whoever recorded it, or as short on the wire.
                let wire_len = if is_short { cut } else { frame.len() };
                let time_us = 1_700_000_000_000_000 + packets.len() as u64;
                packets.push(Packet { time_us, bytes: frame[..cut].to_vec(), wire_len });
            }
        }
        let file = directory.path().join("frames.pcap");
        fs::write(&file, pcap::file(&packets)).unwrap();
        let (output, records) = replay(&file);
        assert_ended(&output, exit::OK, &[]);
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let count = |fields: &[&str]| fields.iter().map(|field| counted(&records, field)).sum::<u64>();
        let all = packets.len() as u64;
        assert_eq!(count(&["frames"]), all);
        assert_eq!(count(&["used", "partly_used", "unread", "malformed"]), all, "nothing is excluded");
        if is_short {
            assert!(count(&["malformed", "partly_used"]) > 0, "what is short on the wire breaks its format");
        }
        // The whole frames among them are read as ever.
        let names: HashSet<_> = records.iter().filter_map(|r| r["system_name"].as_str()).collect();
        assert!(names.contains("core-sw1"), "{names:?}");
        assert!(records.iter().any(|r| r["kind"] == "lease" && r["hostname"] == "laptop-anna"));
    }
}

#[test]
fn a_record_of_no_octets_is_numbered_shown_and_counted() {
    let directory = directory();
    let file = directory.path().join("empty.pcap");
    let whole = pcap::read(&golden("vlan-dhcp.pcap")).swap_remove(0);
    let none = |wire_len| Packet { bytes: Vec::new(), wire_len, ..whole.clone() };
    fs::write(&file, pcap::file(&[none(0), whole.clone(), none(60)])).unwrap();
    let output = attempt(HEADGATE, &["--json", "dissect", text(&file)]);
    assert_ended(&output, exit::OK, &[]);
    let lines = String::from_utf8(output.stdout).unwrap();
    let frames: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(frames.len(), 3);
    for (frame, number, wire_length, kind) in
        [(&frames[0], 1, 0, "short"), (&frames[2], 3, 60, "not-captured")]
    {
        assert_eq!((&frame["number"], &frame["wire_length"]), (&number.into(), &wire_length.into()));
        assert_eq!((&frame["captured_length"], &frame["layers"]), (&0.into(), &Value::Null));
        assert_eq!(frame["malformed"], serde_json::json!({"layer": "ethernet", "offset": 0, "kind": kind}));
    }
    let records = replay(&file).1;
    let count = |field| counted(&records, field);
    assert_eq!(["frames", "used", "malformed", "bytes"].map(count), [3, 1, 2, whole.wire_len as u64 + 60]);
}

/// The blocks of a little-endian pcapng file.
fn blocks(mut file: &[u8]) -> Vec<&[u8]> {
    let mut blocks = Vec::new();
    while !file.is_empty() {
        let length = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
        let (block, rest) = file.split_at(length);
        blocks.push(block);
        file = rest;
    }
    blocks
}
