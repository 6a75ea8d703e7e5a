use headgate_capture::{File, FileInterface, Tag, Whole};
use headgate_rules::filter::VlanTag;

use super::*;

fn rules(site: &str, selection: &str) -> Result<HeaderRules, SensorError> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("rules.toml"), site).unwrap();
    HeaderRules::read(&directory.path().join("headgate.toml"), selection)
}

/// Ethernet, IPv4, UDP: from 10.0.0.`from`, to a port, with a payload that may not be seen.
fn datagram(from: u8, port: u16) -> Vec<u8> {
    let payload = [0x5a; 100];
    let mut frame = [[0x02, 0, 0, 0, 0, 1], [0x00, 0x1b, 0x21, 0, 0, from]].concat();
    frame.extend([0x08, 0x00, 0x45, 0, 0, 128, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 0, from, 10, 0, 1, 1]);
    frame.extend([0xc0, 0x00]);
    frame.extend(port.to_be_bytes());
    frame.extend([0, 108, 0, 0]);
    frame.extend(payload);
    frame
}

/// What is written of frames, as the kernel would hand them over.
fn written(rules: &HeaderRules, frames: &[(Vec<u8>, Option<Tag>)]) -> Vec<Vec<u8>> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("headers.pcap");
    let mut out = std::fs::File::create(&path).unwrap();
    let mut file = Pcap::begin(&mut out).unwrap();
    for (bytes, tag) in frames {
        let beside = tag.map(|tag| VlanTag(tag.control));
        let kept = rules.site.keep().octets(bytes, beside);
        let wire_len = u32::try_from(bytes.len()).unwrap();
        let frame = Frame { time_ns: 5_000_000_007, wire_len, link: 1, tag: *tag, bytes: &bytes[..kept] };
        if rules.lets("eth1", &frame) {
            file.write(&frame).unwrap();
        }
    }
    let mut read = Vec::new();
    let summary = File::open(&path).unwrap().read(Whole(|_: FileInterface<'_>, frame: Frame<'_>| {
        assert_eq!(frame.time_ns, 5_000_000_007);
        let tag = frame.tag.map(|tag| [tag.protocol.to_be_bytes(), tag.control.to_be_bytes()].concat());
        read.push([&frame.bytes[..12], &tag.unwrap_or_default(), &frame.bytes[12..]].concat());
        std::ops::ControlFlow::Continue(())
    }));
    summary.unwrap();
    read
}

#[test]
fn headers_are_written_and_nothing_behind_them() {
    let rules = rules("", "").unwrap();
    let frames = [(datagram(1, 67), None), (datagram(2, 5_060), Some(Tag { protocol: 0x8100, control: 7 }))];
    let read = written(&rules, &frames);
    assert_eq!(read.iter().map(Vec::len).collect::<Vec<_>>(), [42, 46], "to the end of UDP, and a tag");
    assert_eq!(read[1][12..16], [0x81, 0x00, 0, 7]);
    assert!(read.iter().all(|frame| !frame.contains(&0x5a)));
}

#[test]
fn what_the_sites_rules_exclude_is_not_written_whatever_is_asked() {
    let frames = [(datagram(1, 5_060), None), (datagram(2, 5_060), None), (datagram(3, 443), None)];
    for (site, left) in [
        ("[exclude]\nprefixes = [\"10.0.0.1/32\"]", 2),
        ("[exclude]\nmacs = [\"00:1b:21:00:00:02\"]", 2),
        ("[[rule]]\nname = \"a\"\nprotocols = [\"udp/5060\"]\ncollect = \"none\"", 1),
        ("[[rule]]\nname = \"a\"\nprotocols = [\"udp/5060\"]\ncollect = \"counts\"", 1),
        ("[exclude]\ninterfaces = [\"eth1\"]\nprotocols = [\"udp\"]", 0),
    ] {
        // A selection that says as much as it can.
        for selection in [
            "",
            "[collect]\nkinds = []",
            "[exclude]\nvlans = []\n[[rule]]\nname = \"all\"\ncollect = \"control\"",
        ] {
            assert_eq!(written(&rules(site, selection).unwrap(), &frames).len(), left, "{site} {selection}");
        }
    }
}

#[test]
fn a_selection_leaves_out_what_is_not_asked_for() {
    let frames = [(datagram(1, 5_060), None), (datagram(2, 5_060), None), (datagram(3, 443), None)];
    for (selection, left) in [
        ("protocols = [\"udp/5060\"]", 2),
        ("prefixes = [\"10.0.0.3/32\"]", 1),
        ("macs = [\"00:1b:21:00:00:02\"]\nprotocols = [\"udp/5060\"]", 1),
        ("vlans = [9]", 0),
    ] {
        assert_eq!(written(&rules("", selection).unwrap(), &frames).len(), left, "{selection}");
    }
    // A local rule that lets more read of a frame does not bring it in.
    let site = "[[rule]]\nname = \"a\"\nprotocols = [\"udp/443\"]\ncollect = \"control\"";
    assert_eq!(written(&rules(site, "protocols = [\"udp/5060\"]").unwrap(), &frames).len(), 2);
}

#[test]
fn a_selection_that_is_none_is_refused_with_its_place() {
    for selection in ["prefixes = 5", "shell = \"rm\"", "collect = \"control\"", "[["] {
        let Err(error) = rules("", selection) else { panic!("{selection}") };
        assert!(error.to_string().starts_with("request:"), "{error}");
    }
}
