//! Frames of every shape that is known, each with a secret of its own in what is not header: where does it come?
//!
//! The ring is compared octet by octet with what was sent. Everything else, the memory of all processes, their files,
//! what they say to each other and what they answer, is searched for any seven octets of a secret.

use std::collections::BTreeMap;

use headgate_capture::Geometry;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use support::pcap;
use support::process::Part;

use super::*;

#[test]
fn a_payload_of_any_shape_comes_nowhere() {
    prove("proof::a_payload_of_any_shape_comes_nowhere", "");
}

#[test]
fn what_a_rule_lets_into_the_ring_comes_no_further_than_it_says() {
    let rules = "[collect.authentication]\nassigned_vlan = \"keep\"\n";
    prove("proof::what_a_rule_lets_into_the_ring_comes_no_further_than_it_says", rules);
}

/// A frame of `shapes.py`.
#[derive(Deserialize)]
struct Shape {
    name: String,
    reach: Reach,
    word: Vec<u8>,
    /// Where the payload begins, in which the secret is.
    payload: usize,
    protocol: String,
    frame: Vec<u8>,
}

/// How far a secret may come.
#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Reach {
    Nowhere,
    /// Into the ring where a rule says so.
    Rule,
    Ring,
    /// Everywhere: what the rules keep.
    Kept,
}

fn prove(test: &str, rules: &str) {
    if !alone_on_a_wire(test) {
        return;
    }
    let site = Site::watching(&["span0"]);
    fs::create_dir(site.path("rules.toml.d")).unwrap();
    fs::write(site.path("rules.toml.d/proof.toml"), rules).unwrap();
    let relayed = site.path("relayed.toml");
    fs::write(&relayed, fs::read_to_string(site.config()).unwrap().replace("/run\"", "/relay\"")).unwrap();
    let relay = |socket| Relay::between(&site.path("relay").join(socket), site.path("run").join(socket));
    let (records, outbox) = (relay(RECORDS_SOCKET), relay(OUTBOX_SOCKET));
    let receiver = site.start_receiver();
    let store = site.start_store();
    let uplink = site.start(UPLINK, "uplink", |uplink| uplink.args(["run", "--config"]).arg(&relayed));
    let mut sensor = watch(site.directory.path(), &relayed);

    let wire = tempfile::tempdir().unwrap();
    let planted = Planted::new(!rules.is_empty());
    planted.send_past_tcpdump(&wire.path().join("reference.pcap"));
    // It spoke last.
    wait_for("the last frame to be read", || answer(&site, "devices").contains("client-proof"));
    wait_for("the switch to leave", || {
        site.received().iter().any(|r| r.to_string().contains("switch-proof"))
    });

    let image = match image(sensor.child.id()) {
        Ok(image) => image,
        Err(error) => return println!("skipped: the sensor's memory may not be read here: {error}"),
    };
    let (ring, others): (Vec<Part>, _) = image.into_iter().partition(|part| part.what.starts_with("socket:"));
    let [ring] = &ring[..] else { panic!("one ring of one interface") };
    planted.no_payload_is_in(&ring.octets);
    assert!(others.iter().any(|part| contains(&part.octets, "client-proof")), "the tables are searched");
    let mut places: Vec<(String, Vec<u8>)> =
        others.into_iter().map(|part| (part.what, part.octets)).collect();
    for process in [&store, &uplink, &receiver] {
        let parts = image_of(process).into_iter().map(|part| (part.what, part.octets));
        places.extend(parts);
    }

    assert!(sensor.terminate().success(), "{}", sensor.said());
    site.wait_until_receipted();
    places.extend(site.files().into_iter().map(|(file, octets)| (file.display().to_string(), octets)));
    // Batches are compressed and segments encrypted: what is in them.
    let batches = outbox.batches().iter().map(|batch| format!("{batch:?}")).collect::<String>();
    let received = Value::from(site.received()).to_string();
    let kept =
        ["devices", "neighbors", "leases", "exchanges", "flows", "authentications", "bridges", "counters"]
            .map(|kind| answer(&site, kind))
            .concat();
    for (of, text) in [("batches", &batches), ("receiver", &received), ("store", &kept)] {
        assert!(contains(text.as_bytes(), "switch-proof"), "{of} is searched");
        assert_eq!(
            contains(text.as_bytes(), "client-proof"),
            of == "store",
            "{of}: a host name stays on the site"
        );
    }
    assert!(contains(&records.octets(), "client-proof"), "what the sensor says is searched");
    places.extend([
        ("between sensor and store".to_owned(), records.octets()),
        ("between store and uplink".to_owned(), outbox.octets()),
        ("batches".to_owned(), batches.into_bytes()),
        ("receiver".to_owned(), received.into_bytes()),
        ("store".to_owned(), kept.into_bytes()),
    ]);
    for (place, octets) in &places {
        assert_eq!(planted.found_in(octets), Vec::<&str>::new(), "{place}");
    }
    let octets: usize = places.iter().map(|(_, octets)| octets.len()).sum();
    println!("{} secrets, {} octets in {} places", planted.shapes.len(), octets, places.len());
}

/// What was put on the wire.
struct Planted {
    shapes: Vec<Shape>,
    controls: Vec<Shape>,
    /// Whether a rule lets in what needs one.
    by_rule: bool,
}

impl Planted {
    fn new(by_rule: bool) -> Planted {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/shapes.py");
        // Debian's own: the package is installed for it.
        let output = Command::new("/usr/bin/python3").arg(script).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "is the package python3-scapy installed? {said}");
        let all = lines(&output).map(|line| serde_json::from_str::<Shape>(line).unwrap());
        let (controls, shapes): (Vec<_>, Vec<_>) = all.partition(|shape| shape.reach == Reach::Kept);
        assert!(shapes.len() >= 200 && controls.len() == 2);
        Planted { shapes, controls, by_rule }
    }

    /// tcpdump keeps payload, and tshark says that the frames are what they are called.
    fn send_past_tcpdump(&self, file: &Path) {
        let log = file.with_extension("log");
        let child = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/site/allow-setgroups"))
            .args(["tcpdump", "-i", "span0", "-Z", "root", "-s", "2048", "--immediate-mode", "-U", "-w"])
            .arg(file)
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .spawn()
            .unwrap();
        let tcpdump = Running { child, log };
        wait_for("tcpdump to listen", || tcpdump.said().contains("listening"));
        let send = "import socket, sys\n\
                    frames = [bytes.fromhex(line) for line in sys.stdin]\n\
                    s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n\
                    s.bind(('mirror', 0))\n\
                    for frame in frames: s.send(frame)\n";
        let mut sender = Command::new("python3").args(["-c", send]).stdin(Stdio::piped()).spawn().unwrap();
        let frames = self.shapes.iter().chain(&self.controls).map(|shape| shape.frame.as_slice());
        let hexadecimal = |frame: &[u8]| frame.iter().map(|octet| format!("{octet:02x}")).collect::<String>();
        let text: String = frames.clone().map(|frame| hexadecimal(frame) + "\n").collect();
        std::io::Write::write_all(&mut sender.stdin.take().unwrap(), text.as_bytes()).unwrap();
        assert!(sender.wait().unwrap().success());
        let captured = || fs::metadata(file).map_or(0, |metadata| metadata.len());
        let expected =
            pcap::HEADER + frames.clone().map(|frame| pcap::RECORD_HEADER + frame.len()).sum::<usize>();
        wait_for("tcpdump to write all", || captured() >= expected as u64);
        drop(tcpdump);
        let captured = pcap::read(file);
        assert!(captured.iter().map(|packet| packet.bytes.as_slice()).eq(frames));
        assert_eq!(self.found_in(&fs::read(file).unwrap()).len(), self.shapes.len(), "the search finds each");
        let protocols =
            run("tshark", &["-n", "-T", "fields", "-e", "frame.protocols", "-r", file.to_str().unwrap()]);
        for (shape, protocols) in self.shapes.iter().zip(lines(&protocols)) {
            assert!(protocols.contains(&shape.protocol), "{} is {protocols}", shape.name);
        }
    }

    /// Of each frame no octet of its payload, and of each that may hold its secret the whole.
    fn no_payload_is_in(&self, ring: &[u8]) {
        let frames = frames_in(ring);
        for shape in &self.shapes {
            let source = &shape.frame[6..12];
            let of: Vec<_> = frames.iter().filter(|(kept, _)| kept.get(6..12) == Some(source)).collect();
            let [(kept, tag)] = &of[..] else { panic!("{}: {} times in the ring", shape.name, of.len()) };
            // A tag that the kernel took out of the frame lies beside it.
            let beside = if *tag { 4 } else { 0 };
            let sent = [&shape.frame[..12], &shape.frame[12 + beside..]].concat();
            assert_eq!(*kept, &sent[..kept.len()], "{}", shape.name);
            let (kept, payload) = (kept.len() + beside, shape.payload);
            match self.may_enter(shape) {
                true => assert!(
                    kept >= payload + 36,
                    "{}: {kept} octets are kept, {payload} without it",
                    shape.name
                ),
                false => assert!(
                    kept <= payload,
                    "{}: {kept} octets are kept, the payload is at {payload}",
                    shape.name
                ),
            }
        }
        let expected: Vec<_> = self.shapes.iter().filter(|shape| self.may_enter(shape)).collect();
        assert!(expected.len() >= 10);
        assert_eq!(self.found_in(ring), expected.iter().map(|shape| shape.name.as_str()).collect::<Vec<_>>());
    }

    fn may_enter(&self, shape: &Shape) -> bool {
        shape.reach == Reach::Ring || shape.reach == Reach::Rule && self.by_rule
    }

    /// The shapes of whose secrets seven octets in a row stand in `octets`.
    fn found_in(&self, octets: &[u8]) -> Vec<&str> {
        let words: BTreeMap<u8, &Shape> = self.shapes.iter().map(|shape| (shape.word[2], shape)).collect();
        let mut found = BTreeSet::new();
        let starts = octets.iter().enumerate().filter(|(_, octet)| **octet == 0xc5).map(|(at, _)| at);
        for at in starts.filter(|at| octets.get(at + 1) == Some(&0xe7)) {
            // The number of the word that begins here, or of the one before.
            for number in
                [Some(at + 2), at.checked_sub(4)].into_iter().flatten().filter_map(|at| octets.get(at))
            {
                let Some(shape) = words.get(number) else { continue };
                let alike = |pair: &(&u8, &u8)| pair.0 == pair.1;
                let ahead =
                    octets[at..].iter().zip(shape.word.iter().cycle()).take(7).take_while(alike).count();
                let before = octets[..at].iter().rev().zip(shape.word.iter().rev().cycle());
                if ahead + before.take(7).take_while(alike).count() >= 7 {
                    found.insert(*number);
                }
            }
        }
        found.iter().map(|number| words[number].name.as_str()).collect()
    }
}

/// The octets of each frame in a ring, and whether a tag lies beside them (TPACKET_V3, linux/if_packet.h).
fn frames_in(ring: &[u8]) -> Vec<(&[u8], bool)> {
    let block = Geometry::for_budget(1).block_bytes as usize;
    let number =
        |octets: &[u8], at: usize| u32::from_ne_bytes(octets[at..at + 4].try_into().unwrap()) as usize;
    let mut frames = Vec::new();
    for block in ring.chunks(block) {
        let mut at = number(block, 16);
        for _ in 0..number(block, 12) {
            let header = &block[at..];
            let (next, kept, status) = (number(header, 0), number(header, 12), number(header, 20));
            let mac = usize::from(u16::from_ne_bytes([header[24], header[25]]));
            frames.push((&header[mac..mac + kept], status & 0x10 != 0));
            at += next;
        }
    }
    frames
}

/// The memory of a process that stands still.
fn image(process: u32) -> std::io::Result<Vec<Part>> {
    let pid = Pid::from_raw(process.try_into().unwrap()).unwrap();
    kill_process(pid, Signal::STOP)?;
    let image = memory(process);
    kill_process(pid, Signal::CONT)?;
    image
}

fn image_of(process: &Running) -> Vec<Part> {
    image(process.child.id()).unwrap()
}

fn answer(site: &Site, kind: &str) -> String {
    site.ask(&[kind, "--limit", "10000"]).unwrap().to_string()
}
