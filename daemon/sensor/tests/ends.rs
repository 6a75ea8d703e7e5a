//! Of a plain frame only its ends go from the thread that reads a file to the one that counts: the records are those of whole frames.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used)]

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

use headgate_capture::{File, FileInterface, Frame, Whole};
use headgate_record::{Field, Kind, Record, Value};
use headgate_rules::Rules;
use headgate_rules::filter::VlanTag;
use headgate_sensor::{Engine, replay};
use headgate_service::config::Headgate;

/// Where ends are enough, and where frames must be judged: without and with what limits or ends some.
const RULES: [&str; 5] = [
    "",
    "[headers_only]\nvlans = [20]\nprotocols = [\"dhcp\"]\n",
    "[[rule]]\nname = \"control\"\nprotocols = [\"tcp/443\"]\ncollect = \"headers\"\n",
    "[exclude]\nprotocols = [\"udp/53\"]\n",
    "[exclude]\ninterfaces = [\"file\"]\n",
];

#[test]
fn records_of_a_file_are_those_of_its_whole_frames() {
    let directory = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let office = directory.path().join("office.pcap");
    let made = Command::new(root.join("tests/day/make")).arg(&office).args(["40", "2"]).status();
    assert!(made.unwrap().success());
    let golden = std::fs::read_dir(root.join("tests/golden")).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<PathBuf> =
        golden.filter(|file| file.extension().is_some_and(|end| end == "pcap")).collect();
    files.push(office);
    assert!(files.len() > 3);
    let mut flows = 0;
    for text in RULES {
        let rules = Rules::parse(&[("rules.toml".into(), text.into())]).unwrap();
        for file in &files {
            let Some(whole) = by_whole_frames(file, &rules) else { continue };
            let ends = by_replay(file, &rules);
            assert_eq!(ends, whole, "{text:?} {}", file.display());
            flows += ends.iter().filter(|record| record.kind() == Kind::Flow).count();
        }
    }
    assert!(flows > 1_000, "{flows}");
}

fn by_replay(file: &Path, rules: &Rules) -> Vec<Record> {
    let mut engine = Engine::new(rules.clone(), &Headgate::default());
    let mut records = Vec::new();
    let taken = replay(&mut engine, file, &mut |more| {
        records.extend(more);
        ControlFlow::Continue(())
    });
    taken.unwrap();
    ended(engine, records)
}

/// A file that begins before the end of the one before is read into new tables: a frame whose flow had been sought in the old ones was
/// counted to the flow that had its place in the new ones.
#[test]
fn a_file_that_begins_before_the_end_of_the_last_has_its_flows_for_itself() {
    let directory = tempfile::tempdir().unwrap();
    let (a, b) = (7, 9);
    let frames = [[(100, a), (100, b)], [(50, b), (50, a)]];
    let files = frames.iter().enumerate().map(|(number, frames)| {
        let file = directory.path().join(format!("{number}.pcap"));
        std::fs::write(&file, capture(frames)).unwrap();
        file
    });
    let files: Vec<_> = files.collect();
    let mut engine =
        Engine::new(Rules::parse(&[("rules.toml".into(), String::new())]).unwrap(), &Headgate::default());
    let mut records = Vec::new();
    for file in &files {
        let taken = replay(&mut engine, file, &mut |more| {
            records.extend(more);
            ControlFlow::Continue(())
        });
        taken.unwrap();
    }
    let flows = ended(engine, records).into_iter().filter(|record| record.kind() == Kind::Flow);
    let ports = flows.map(|flow| {
        let number = |field| match flow.get(field) {
            Some(Value::Number(number)) => *number,
            other => panic!("{other:?}"),
        };
        (number(Field::FlowSourcePort), number(Field::FlowPackets))
    });
    let mut ports: Vec<_> = ports.collect();
    ports.sort_unstable();
    assert_eq!(ports, [(a.into(), 1), (a.into(), 1), (b.into(), 1), (b.into(), 1)]);
}

/// A capture of datagrams from the source port, at the second.
fn capture(frames: &[(u32, u16)]) -> Vec<u8> {
    let header = [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 1];
    let mut octets: Vec<u8> = header.into_iter().flat_map(u32::to_le_bytes).collect();
    for (second, port) in frames {
        let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
        frame.extend([0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
        frame.extend([port.to_be_bytes(), 4_000_u16.to_be_bytes(), 26_u16.to_be_bytes(), [0, 0]].concat());
        frame.extend([0; 18]);
        let length = u32::try_from(frame.len()).unwrap();
        octets.extend([*second, 0, length, length].into_iter().flat_map(u32::to_le_bytes));
        octets.extend(frame);
    }
    octets
}

/// Nothing for a file of other than Ethernet frames, which have another way.
fn by_whole_frames(file: &Path, rules: &Rules) -> Option<Vec<Record>> {
    let mut engine = Engine::new(rules.clone(), &Headgate::default());
    let (number, mut records, mut is_ethernet) = (engine.interface("file"), Vec::new(), true);
    let read = File::open(file).unwrap().read(Whole(|_: FileInterface<'_>, frame: Frame<'_>| {
        is_ethernet &= frame.link == Frame::ETHERNET && frame.bytes.len() >= 14;
        let octets = rules.keep().octets(frame.bytes, frame.tag.map(|tag| VlanTag(tag.control)));
        engine.frame(number, &Frame { bytes: frame.bytes.get(..octets).unwrap_or(frame.bytes), ..frame });
        records.extend(engine.take());
        ControlFlow::Continue(())
    }));
    (read.is_ok() && is_ethernet).then(|| ended(engine, records))
}

fn ended(mut engine: Engine, mut records: Vec<Record>) -> Vec<Record> {
    engine.finish();
    engine.account([0; 3]);
    records.extend(engine.take());
    records
}
