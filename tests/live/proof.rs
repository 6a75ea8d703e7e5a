//! Frames of every shape that is known, each with a secret of its own in what is not header: where does it come?
//!
//! The ring is compared octet by octet with what was sent. Everything else, the memory of all processes, their files,
//! what they say to each other and what they answer, is searched for any seven octets of a secret.

use std::collections::BTreeMap;

use headgate_capture::Geometry;
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use support::pcap;
use support::process::{Part, open_captures};
use support::wires::start_sensor;

use super::*;

#[test]
fn a_payload_of_any_shape_comes_nowhere() {
    prove("proof::a_payload_of_any_shape_comes_nowhere", &Proof::default());
}

/// Each thread has a ring of its own, and what it takes of the same frames.
#[test]
fn a_payload_of_any_shape_comes_nowhere_with_several_threads() {
    let proof = Proof { threads: 3, ..Proof::default() };
    prove("proof::a_payload_of_any_shape_comes_nowhere_with_several_threads", &proof);
}

#[test]
fn what_a_rule_lets_into_the_ring_comes_no_further_than_it_says() {
    let rules = "[collect.authentication]\nassigned_vlan = \"keep\"\n";
    let proof = Proof { rules, lets_in_by_rule: true, ..Proof::default() };
    prove("proof::what_a_rule_lets_into_the_ring_comes_no_further_than_it_says", &proof);
}

/// Frames of headers alone between those that end and those of which the whole is read; and what tshark finds by the same
/// conditions.
#[test]
fn what_ordered_rules_leave_out_comes_nowhere() {
    let proof = Proof {
        rules: r#"
            [[rule]]
            name = "other-network"
            vlans = [100]
            prefixes = ["10.98.0.0/16"]
            protocols = ["udp/7777"]
            collect = "none"
            [[rule]]
            name = "tagged"
            vlans = [100]
            prefixes = ["10.99.0.0/24"]
            protocols = ["udp/7777"]
            collect = "none"
            [[rule]]
            name = "guests"
            vlans = ["1-99"]
            collect = "headers"
            [[rule]]
            name = "echoes"
            macs = ["00:1b:21"]
            prefixes = ["10.20.0.0/16"]
            protocols = ["icmp"]
            collect = "counts"
            [[rule]]
            name = "neighbours-and-leases"
            protocols = ["lldp", "dhcp"]
            collect = "control"
            [[rule]]
            name = "announcements"
            protocols = ["cdp", "icmpv6", "igmp", "stp"]
            collect = "headers"
            [[rule]]
            name = "imaging"
            prefixes = ["2001:db8:99::/48"]
            protocols = ["tcp/7777"]
            collect = "none"
        "#,
        // An outer tag of its own type has a field of its own; the port is that of the packet with the address.
        none: "((vlan.id == 100 || ieee8021ad.id == 100) && ip.dst == 10.99.0.9 && udp.port == 7777) || \
               (ipv6.dst == 2001:db8:99::9 && tcp.port == 7777 && frame.protocols matches \"ipv6(:ipv6[.][a-z]+)*:tcp\")",
        // Their protocol stands behind more headers than are read: it may be what is left out.
        none_as_unread: &["9 extension headers", "12 extension headers"],
        // Within tunnels it is another card that sends them.
        counts: "ip.proto == 1 && ip.src == 10.20.0.7 && !(gre || vxlan || geneve || tzsp)",
        headers_only: &[
            "a TLV of CDP",
            "an option of neighbour discovery",
            "what follows a membership",
            "what follows a BPDU",
        ],
        ..Proof::default()
    };
    prove("proof::what_ordered_rules_leave_out_comes_nowhere", &proof);
}

/// Five octets of an address with the lowest octet of a pointer behind them were once taken for the frame of that number.
#[test]
fn the_beginning_of_an_address_before_a_pointer_is_no_sender() {
    let frame = [&[0; 6][..], &[0, 0x1b, 0x21, 0xb7, 0, 0x48]].concat();
    let shape = Shape {
        name: "one that ends".to_owned(),
        reach: Reach::Nowhere,
        word: vec![0; 6],
        payload: 0,
        protocol: String::new(),
        frame: frame.clone(),
    };
    let planted =
        Planted { shapes: vec![shape], controls: Vec::new(), proof: &Proof::default(), ended: vec![(0, 5)] };
    let before_a_pointer = [0, 0x1b, 0x21, 0, 0, 0x48, 0x56, 0x0a, 0xf4, 0xfd, 0x7f, 0, 0];
    let of_another = [0, 0x1b, 0x21, 0xb6, 0, 0x48];
    for octets in [&before_a_pointer[..], &of_another, b"00:1b:21:00:00:48", b"00:1b:21:b6:00:49"] {
        assert_eq!(planted.ended_in(octets), Vec::<&str>::new(), "{octets:02x?}");
    }
    for octets in [&frame[..], b"00:1b:21:b7:00:48"] {
        assert_eq!(planted.ended_in(octets), ["one that ends"], "{octets:02x?}");
    }
}

/// Rules, and what they mean.
#[derive(Default)]
struct Proof {
    rules: &'static str,
    /// Whether they let in what needs a rule.
    lets_in_by_rule: bool,
    /// The frames that end by a rule with `none` and by one with `counts`, as tshark chooses them; where they are none,
    /// empty.
    none: &'static str,
    counts: &'static str,
    /// Shapes that end by a rule with `none` for what is not read of them.
    none_as_unread: &'static [&'static str],
    /// Shapes of which they leave no more than headers, and which otherwise would be whole.
    headers_only: &'static [&'static str],
    /// Threads of the sensor, where there are several.
    threads: usize,
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

fn prove(test: &str, proof: &Proof) {
    if !alone_on_a_wire(test) {
        return;
    }
    let site = Site::watching(&["span0"]);
    fs::create_dir(site.path("rules.toml.d")).unwrap();
    fs::write(site.path("rules.toml.d/proof.toml"), proof.rules).unwrap();
    let relayed = site.path("relayed.toml");
    fs::write(&relayed, fs::read_to_string(site.config()).unwrap().replace("/run\"", "/relay\"")).unwrap();
    let relay = |socket| Relay::between(&site.path("relay").join(socket), site.path("run").join(socket));
    let (records, outbox) = (relay(RECORDS_SOCKET), relay(OUTBOX_SOCKET));
    let receiver = site.start_receiver();
    let store = site.start_store();
    let uplink = site.start(UPLINK, "uplink", |uplink| uplink.args(["run", "--config"]).arg(&relayed));
    let mut sensor = match proof.threads {
        0 => watch(site.directory.path(), &relayed),
        threads => watch_with_threads(&site, threads),
    };

    let wire = tempfile::tempdir().unwrap();
    let mut planted = Planted::new(proof);
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
    let (rings, others): (Vec<Part>, _) =
        image.into_iter().partition(|part| part.what.starts_with("socket:"));
    assert_eq!(rings.len(), proof.threads.max(1), "a ring of one interface for each thread");
    planted.no_payload_is_in(&rings);
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
    let batches = outbox
        .batches(&site.path("receiver/seal.key"))
        .iter()
        .map(|batch| format!("{batch:?}"))
        .collect::<String>();
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
        assert_eq!(planted.ended_in(octets), Vec::<&str>::new(), "{place}");
    }
    let octets: usize = places.iter().map(|(_, octets)| octets.len()).sum();
    let ended = planted.ended.len();
    println!(
        "{} secrets, {ended} frames that end, {octets} octets in {} places",
        planted.shapes.len(),
        places.len()
    );
}

/// What was put on the wire.
struct Planted<'a> {
    shapes: Vec<Shape>,
    controls: Vec<Shape>,
    proof: &'a Proof,
    /// Those of `shapes` that end, and by how many octets of each the kernel says so.
    ended: Vec<(usize, usize)>,
}

impl Planted<'_> {
    fn new(proof: &Proof) -> Planted<'_> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/shapes.py");
        // Debian's own: the package is installed for it.
        let output = Command::new("/usr/bin/python3").arg(script).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "is the package python3-scapy installed? {said}");
        let all = lines(&output).map(|line| serde_json::from_str::<Shape>(line).unwrap());
        let (controls, shapes): (Vec<_>, Vec<_>) = all.partition(|shape| shape.reach == Reach::Kept);
        assert!(shapes.len() >= 200 && controls.len() == 2);
        Planted { shapes, controls, proof, ended: Vec::new() }
    }

    /// tcpdump keeps payload, and tshark says that the frames are what they are called.
    fn send_past_tcpdump(&mut self, file: &Path) {
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
        let written = fs::read(file).unwrap();
        assert_eq!(self.found_in(&written).len(), self.shapes.len(), "the search finds each");
        let protocols =
            run("tshark", &["-n", "-T", "fields", "-e", "frame.protocols", "-r", file.to_str().unwrap()]);
        for (shape, protocols) in self.shapes.iter().zip(lines(&protocols)) {
            assert!(protocols.contains(&shape.protocol), "{} is {protocols}", shape.name);
        }
        let capture = file.to_str().unwrap();
        for (filter, octets) in [(self.proof.none, 5), (self.proof.counts, 6)] {
            if filter.is_empty() {
                continue;
            }
            let whole = ["-n", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"];
            let of = ["-Y", filter, "-T", "fields", "-e", "frame.number", "-r", capture];
            let found = run("tshark", &[&whole[..], &of].concat());
            let ended: Vec<_> =
                lines(&found).map(|number| (number.parse::<usize>().unwrap() - 1, octets)).collect();
            assert!(ended.len() >= 2, "{filter}");
            self.ended.extend(ended);
        }
        let is_unread = |shape: &Shape| self.proof.none_as_unread.contains(&shape.name.as_str());
        let unread = self.shapes.iter().enumerate().filter(|(_, shape)| is_unread(shape));
        self.ended.extend(unread.map(|(number, _)| (number, 5)).collect::<Vec<_>>());
        assert_eq!(self.ended_in(&written).len(), self.ended.len(), "the search finds each");
    }

    /// Of each frame no octet of its payload, and of each that may hold its secret the whole.
    fn no_payload_is_in(&self, rings: &[Part]) {
        let in_each: Vec<_> = rings.iter().map(|ring| frames_in(&ring.octets)).collect();
        assert!(in_each.iter().all(|frames| !frames.is_empty()), "each has its share");
        let frames = in_each.concat();
        for octets in [5, 6] {
            let kept = frames.iter().filter(|(kept, _)| kept.len() == octets).count();
            let ended = self.ended.iter().filter(|(_, by)| *by == octets).count();
            assert_eq!(kept, ended, "frames that end with {octets} octets");
        }
        for (number, shape) in self.shapes.iter().enumerate() {
            let source = &shape.frame[6..12];
            let of: Vec<_> = frames.iter().filter(|(kept, _)| kept.get(6..12) == Some(source)).collect();
            if self.ended.iter().any(|(ended, _)| *ended == number) {
                assert!(of.is_empty(), "{} is in the ring", shape.name);
                continue;
            }
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
        assert!(expected.len() >= 5);
        let expected: Vec<_> = expected.iter().map(|shape| shape.name.as_str()).collect();
        assert_eq!(
            self.found_in(&rings.iter().map(|ring| &ring.octets[..]).collect::<Vec<_>>().concat()),
            expected
        );
    }

    fn may_enter(&self, shape: &Shape) -> bool {
        let may = shape.reach == Reach::Ring || shape.reach == Reach::Rule && self.proof.lets_in_by_rule;
        may && !self.proof.headers_only.contains(&shape.name.as_str())
    }

    /// The shapes that end of which the sender's address, 00:1b:21:CC:00:NN with CC the complement of NN, stands in `octets`, as it is
    /// or as text.
    fn ended_in(&self, octets: &[u8]) -> Vec<&str> {
        let at = |octet: u8| octets.iter().enumerate().filter(move |(_, o)| **o == octet).map(|(at, _)| at);
        let behind = |at: usize, address: &[u8]| octets[at..].strip_prefix(address);
        let as_it_is = at(0x1b).filter(|at| *at > 0 && octets[at - 1] == 0);
        let as_it_is = as_it_is.filter_map(|at| behind(at, &[0x1b, 0x21])?.first_chunk::<3>());
        let as_it_is = as_it_is.filter(|[complement, zero, number]| *complement == !*number && *zero == 0);
        let as_it_is = as_it_is.map(|[_, _, number]| *number);
        let as_text = at(b':').filter_map(|at| behind(at, b":1b:21:")?.first_chunk::<8>());
        let octet = |digits: &[u8]| u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok();
        let as_text = as_text.filter(|text| text[2..6] == *b":00:");
        let as_text = as_text.filter_map(|text| Some((octet(&text[..2])?, octet(&text[6..])?)));
        let as_text =
            as_text.filter(|(complement, number)| *complement == !*number).map(|(_, number)| number);
        let found: BTreeSet<u8> = as_it_is.chain(as_text).collect();
        let ended = self.ended.iter().map(|(number, _)| &self.shapes[*number]);
        ended.filter(|shape| found.contains(&shape.frame[11])).map(|shape| shape.name.as_str()).collect()
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

/// The opener, then the sensor with so many threads, which speaks to the relays.
fn watch_with_threads(site: &Site, threads: usize) -> Running {
    let capture = format!("[capture]\nthreads = {threads}\nring_mib = {threads}\n");
    site.configure(&format!("{capture}[sockets]\ndirectory = {:?}\n", site.path("relay")));
    let sockets = open_captures(&site.config(), &site.path("notify"), threads);
    let sensor = start_sensor(site, sockets);
    wait_for("the sensor to watch", || sensor.said().contains("watching"));
    site.configure(&capture);
    sensor
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
