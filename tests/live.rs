//! Real peers on a real wire, seen through a real capture socket: from their frames to the receiver.
//!
//! tests/site/site plays the site, in namespaces of its own and so without root. At its SPAN port this
//! program, started again, opens the capture socket and starts the sensor; store, uplink and receiver run
//! outside. What others say about the same wire (tcpdump, tshark, dnsmasq) is the answer that counts.
// A test fails by panicking.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

#[path = "live/proof.rs"]
mod proof;
mod support;
#[path = "live/trial.rs"]
mod trial;

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use headgate_record::Kind;
use headgate_record::local::{OUTBOX_SOCKET, RECORDS_SOCKET};
use serde_json::Value;
use support::process::{holders, may_isolate, memory, number, open_capture, threads};
use support::relay::Relay;
use support::wire::{
    MARKER, contains, frames_by_tshark, of, play, sum, summary, traffic_by_flows, traffic_by_tshark,
};
use support::{HEADGATE, Running, SENSOR, Site, UPLINK, run, wait_for};

/// One play, and everything that must be true of it: each play takes its seconds.
#[test]
fn what_real_peers_say_arrives_minimised_and_their_payload_nowhere() {
    if let Some(site) = at_the_span_port() {
        let play = PathBuf::from(std::env::var_os("SITE_DIR").unwrap());
        let mut sensor = watch(&site, &site.join("relayed.toml"));
        File::create(play.join("listening")).unwrap();
        wait_for("the play to end", || play.join("played").exists());
        the_sensor_has_no_rights(sensor.child.id());
        no_payload_is_in_its_memory(sensor.child.id());
        assert!(sensor.terminate().success(), "{}", sensor.said());
        return;
    }
    if !may_isolate() {
        return;
    }
    let site = Site::watching(&["span0"]);
    let relayed = site.path("relayed.toml");
    let config = fs::read_to_string(site.config()).unwrap();
    fs::write(&relayed, config.replace("/run\"", "/relay\"")).unwrap();
    let _receiver = site.start_receiver();
    let _store = site.start_store();
    let relay = |socket| Relay::between(&site.path("relay").join(socket), site.path("run").join(socket));
    let (records, outbox) = (relay(RECORDS_SOCKET), relay(OUTBOX_SOCKET));
    let _uplink = site.start(UPLINK, "uplink", |uplink| uplink.args(["run", "--config"]).arg(&relayed));

    let wire = tempfile::tempdir().unwrap();
    listen(&site, wire.path(), "site", "what_real_peers_say_arrives_minimised_and_their_payload_nowhere");
    site.wait_until_receipted();
    let played = Played {
        seen: records.records().iter().map(headgate_record::Record::to_json).collect(),
        received: site.received().iter().map(|line| line["record"].clone()).collect(),
        capture: wire.path().join("reference.pcap"),
        leases: leases_by_dnsmasq(&wire.path().join("leases")),
        site,
    };
    played.every_frame_is_counted();
    played.conversations_are_those_of_tshark();
    played.leases_are_those_of_dnsmasq();
    played.the_receiver_learns_what_the_rules_release();
    played.a_file_of_the_wire_gives_the_same_records();
    played.the_marker_is_nowhere(&records, &outbox);
}

#[test]
fn a_sensor_that_stops_has_counted_the_last_frame() {
    const NAME: &str = "a_sensor_that_stops_has_counted_the_last_frame";
    if !alone_on_a_wire(NAME) {
        return;
    }
    let site = Site::watching(&["span0"]);
    let _store = site.start_store();
    let mut sensor = watch(site.directory.path(), &site.config());
    // 3,000 frames of 60 octets, and the request to stop at once.
    let send = "import os, signal, socket, sys\n\
                s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)\n\
                s.bind(('mirror', 0))\n\
                for _ in range(3000): s.send(bytes(6) + b'\\x02' + bytes(5) + b'\\x88\\xb5' + bytes(46))\n\
                os.kill(int(sys.argv[1]), signal.SIGTERM)\n";
    run("python3", &["-c", send, &sensor.child.id().to_string()]);
    assert!(sensor.wait().success(), "{}", sensor.said());
    let counters = site.ask(&["counters"]).unwrap();
    let counted = |field| sum(counters.as_array().unwrap(), Kind::Counters, field);
    assert_eq!((counted("frames"), counted("frames_lost"), counted("bytes")), (3_000, 0, 180_000));
}

#[test]
fn code_inside_the_sensor_reaches_nothing() {
    const NAME: &str = "code_inside_the_sensor_reaches_nothing";
    if !alone_on_a_wire(NAME) {
        return;
    }
    let site = Site::watching(&["span0"]);
    let _store = site.start_store();
    let mut sensor = watch(site.directory.path(), &site.config());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/inside.py");
    // Standard input is its capture socket.
    let inside =
        Command::new("python3").args([script, &sensor.child.id().to_string(), "0"]).output().unwrap();
    let said = String::from_utf8(inside.stderr).unwrap();
    if said.starts_with("skipped") {
        println!("{said}");
        return;
    }
    assert!(inside.status.success(), "{said}");
    print!("{}", String::from_utf8_lossy(&inside.stdout));
    assert!(sensor.terminate().success(), "it goes on and ends as ever: {}", sensor.said());
}

#[test]
fn a_trial_watches_a_real_interface() {
    if !may_isolate() {
        return;
    }
    let wire = tempfile::tempdir().unwrap();
    let trial = wire.path().join("trial");
    // Under cargo a trial builds the programs first; they are there.
    let listener = format!(
        "unset CARGO; {HEADGATE} trial --interface span0 --seconds 600 --keep {trial} --json >{trial}.json & \
         until grep -q watching {trial}/log/headgate-sensor.log; do sleep 0.1; done; : >$SITE_DIR/listening; \
         until [ -e $SITE_DIR/played ]; do sleep 0.1; done; kill -TERM $!; wait $!",
        trial = trial.display()
    );
    play(wire.path(), "vlan", &listener);
    let page: Value = serde_json::from_slice(&fs::read(trial.with_extension("json")).unwrap()).unwrap();
    let (frames, octets) = frames_by_tshark(&wire.path().join("reference.pcap"));
    assert_eq!((&page["seen"]["frames"], &page["seen"]["bytes"]), (&frames.into(), &octets.into()), "{page}");
    assert_eq!(page["seen"]["frames_lost"], 0);
    assert!(page["left"]["receipts_verified"].as_u64() > Some(0) && page["ledger_verified"] == true);
}

/// What a play left behind.
struct Played {
    site: Site,
    /// The records as the sensor handed them over.
    seen: Vec<Value>,
    /// The records at the receiver.
    received: Vec<Value>,
    capture: PathBuf,
    leases: BTreeSet<Lease>,
}

/// A lease as dnsmasq stores it: MAC address, address, name; and the time when it ends.
type Lease = ([String; 3], u64);

impl Played {
    fn every_frame_is_counted(&self) {
        let (frames, octets) = frames_by_tshark(&self.capture);
        for records in [&self.seen, &self.received] {
            let counted = |field| sum(records, Kind::Counters, field);
            assert_eq!((counted("frames"), counted("bytes"), counted("frames_lost")), (frames, octets, 0));
            assert_eq!(counted("used") + counted("unread"), frames, "nothing was malformed or excluded");
            assert!(counted("bytes_kept") < octets / 4, "the transfer's payload was not kept");
        }
        let dropped = ["records_dropped_bulk", "records_dropped_state", "records_dropped_account"];
        assert_eq!(dropped.map(|field| sum(&self.seen, Kind::Counters, field)), [0; 3]);
    }

    fn conversations_are_those_of_tshark(&self) {
        let expected = traffic_by_tshark(&self.capture);
        let of_transport =
            |name: &str| expected.iter().filter(|((_, transport, _), _)| transport == name).count();
        assert!(of_transport("tcp") >= 4 && of_transport("udp") >= 8, "{expected:#?}");
        assert_eq!(traffic_by_flows(&self.seen), expected);
        let kept = self.kept(Kind::Flow);
        assert_eq!(traffic_by_flows(&kept), expected, "what the store gives back");
    }

    fn leases_are_those_of_dnsmasq(&self) {
        assert_eq!(self.leases.len(), 4);
        let leases: BTreeSet<Lease> = self.kept(Kind::Lease).iter().map(lease).collect();
        let names = |leases: &BTreeSet<Lease>| leases.iter().map(|(who, _)| who.clone()).collect::<Vec<_>>();
        assert_eq!(names(&leases), names(&self.leases));
        // dnsmasq counts whole seconds from when it decided, the sensor from when the answer passed.
        let apart = leases.iter().zip(&self.leases).map(|((_, seen), (_, stored))| seen.abs_diff(*stored));
        assert!(apart.max() <= Some(60), "{leases:?} {:?}", self.leases);
    }

    fn the_receiver_learns_what_the_rules_release(&self) {
        let switches: BTreeSet<_> =
            of(&self.received, Kind::Neighbor).filter_map(|n| n["system_name"].as_str()).collect();
        assert_eq!(switches, BTreeSet::from(["core-sw1"]), "a station's name does not leave");
        let randomised = |mac: &str| u8::from_str_radix(&mac[..2], 16).unwrap() & 2 != 0;

        let networks =
            |address: &str| if address.starts_with("10.20.") { "10.20.0.0/24" } else { "10.99.0.0/24" };
        let expected = self.leases.iter().filter(|([mac, ..], _)| !randomised(mac));
        let mut expected: Vec<_> = expected.map(|([_, address, _], _)| networks(address)).collect();
        let leases: BTreeSet<String> =
            of(&self.received, Kind::Lease).map(|l| format!("{} {}", l["mac"], l["address"])).collect();
        let mut released: Vec<_> =
            of(&self.received, Kind::Lease).map(|l| l["address"].as_str().unwrap()).collect();
        assert_eq!(leases.len(), released.len(), "a pseudonym for each client");
        expected.sort_unstable();
        released.sort_unstable();
        assert_eq!(released, expected);

        let counts = |flow: &Value| {
            let fields =
                ["vlan", "transport", "service", "packets", "bytes", "reverse_packets", "reverse_bytes"];
            fields.map(|field| flow[field].to_string()).join(" ")
        };
        let flows = of(&self.seen, Kind::Flow).filter(|flow| !randomised(flow["mac"].as_str().unwrap()));
        let mut expected: Vec<_> = flows.map(counts).collect();
        let mut released: Vec<_> = of(&self.received, Kind::Flow).map(counts).collect();
        expected.sort_unstable();
        released.sort_unstable();
        assert_eq!(released, expected);

        let received = Value::from(self.received.clone()).to_string();
        for secret in self.leases.iter().flat_map(|(who, _)| who) {
            // "phone" is a class of device, too.
            assert!(secret == "phone" || !contains(received.as_bytes(), secret), "{secret} left the site");
        }
    }

    fn a_file_of_the_wire_gives_the_same_records(&self) {
        let arguments =
            ["--json", "--config", self.site.config().to_str().unwrap(), "replay"].map(str::to_owned);
        let output = Command::new(HEADGATE).args(arguments).arg(&self.capture).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let file: Vec<Value> = lines(&output).map(|line| serde_json::from_str(line).unwrap()).collect();
        let (file, wire) = (summary(&file), summary(&self.seen));
        for (subject, fields) in &file {
            assert_eq!(wire.get(subject), Some(fields), "{subject}");
        }
        assert!(wire.keys().eq(file.keys()), "{:#?}\n{:#?}", wire.keys(), file.keys());
    }

    fn the_marker_is_nowhere(&self, records: &Relay, outbox: &Relay) {
        let captured = fs::read(&self.capture).unwrap();
        assert!(contains(&captured, MARKER), "tcpdump, which keeps payload, has it");
        let mut places: Vec<(String, Vec<u8>)> = self
            .site
            .files()
            .into_iter()
            .map(|(file, content)| (file.display().to_string(), content))
            .collect();
        places.push(("between sensor and store".into(), records.octets()));
        places.push(("between store and uplink".into(), outbox.octets()));
        // Batches are compressed, segments encrypted: what is in them.
        let batches = outbox
            .batches(&self.site.path("receiver/seal.key"))
            .into_iter()
            .map(|batch| format!("{batch:?}"))
            .collect::<String>();
        places.push(("batches".into(), batches.into_bytes()));
        for kind in Kind::ALL {
            places.push((kind.name().into(), Value::from(self.kept(kind)).to_string().into_bytes()));
        }
        places.push(("receiver".into(), Value::from(self.received.clone()).to_string().into_bytes()));
        for expected in ["between sensor and store", "batches", "neighbor", "receiver"] {
            let found = places.iter().filter(|(place, _)| place == expected);
            assert!(found.clone().all(|(_, octets)| contains(octets, "core-sw1")) && found.count() == 1);
        }
        for (place, octets) in &places {
            assert_eq!(fragment(octets), None, "{place}");
        }
    }

    fn kept(&self, kind: Kind) -> Vec<Value> {
        let command = match kind {
            Kind::Counters => "counters".to_owned(),
            other => format!("{}s", other.name()),
        };
        let answer = self.site.ask(&[&command, "--limit", "10000"]).unwrap();
        answer.as_array().unwrap().clone()
    }
}

/// The site, when this is the listener that [`listen`] started.
fn at_the_span_port() -> Option<PathBuf> {
    std::env::var_os(SITE).map(PathBuf::from)
}

/// Starts the test again where `span0` and `mirror` are a wire and there is no other. Whether this is there.
fn alone_on_a_wire(test: &str) -> bool {
    if at_the_span_port().is_none() {
        if may_isolate() {
            let namespaces = if rustix::process::geteuid().is_root() { "-n" } else { "-Urn" };
            let mut again = Command::new("unshare");
            again.arg(namespaces).arg(std::env::current_exe().unwrap());
            again.args(["--exact", test, "--nocapture"]).env(SITE, "");
            assert!(again.status().unwrap().success(), "see above");
        }
        return false;
    }
    fs::write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1").unwrap();
    run("ip", &["link", "add", "span0", "type", "veth", "peer", "name", "mirror"]);
    for interface in ["lo", "span0", "mirror"] {
        run("ip", &["link", "set", interface, "up"]);
    }
    true
}

/// Plays; the test `name` of this program is started again as the listener.
fn listen(site: &Site, wire: &Path, name: &str, test: &str) {
    let program = std::env::current_exe().unwrap();
    let site = site.directory.path().display();
    let listener = format!("{SITE}={site} exec {} --exact {test} --nocapture", program.display());
    let output = play(wire, name, &listener);
    lines(&output).filter(|line| line.starts_with("skipped")).for_each(|line| println!("{line}"));
}

/// The opener, then the sensor.
fn watch(site: &Path, config: &Path) -> Running {
    let (name, socket) = open_capture(config, &site.join("notify"));
    let number = number(&socket);
    let log = site.join("log/sensor.log");
    // As in its unit, the sensor has no network but the socket that it is handed.
    let child = Command::new("unshare")
        .args(["--net", SENSOR, "run", "--config"])
        .arg(config)
        .args(["--capture-stdin", &name])
        .stdin(socket)
        .stdout(Stdio::null())
        .stderr(File::create(&log).unwrap())
        .spawn()
        .unwrap();
    let sensor = Running { child, log };
    wait_for("the sensor to watch", || sensor.said().contains("watching"));
    // Beside it, the process that binds it again when the interface is back (tests/interfaces.rs).
    let mut others = holders(number).into_iter().filter(|process| *process != sensor.child.id());
    let follower = others.next().expect("a process that follows the interface");
    let arguments = fs::read_to_string(format!("/proc/{follower}/cmdline")).unwrap();
    assert!(arguments.contains("\0follow\0"), "{arguments:?}");
    assert_eq!(others.next(), None, "nobody else holds the capture socket");
    sensor
}

fn the_sensor_has_no_rights(sensor: u32) {
    let threads = threads(sensor);
    assert!(threads.len() >= 2, "one reads frames, one hands over records");
    for status in threads {
        for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
            assert_eq!(status[set], "0000000000000000", "{set}");
        }
        // Mode 2 is a filter.
        assert_eq!((status["NoNewPrivs"].as_str(), status["Seccomp"].as_str()), ("1", "2"));
    }
    let interfaces = fs::read_to_string(format!("/proc/{sensor}/net/dev")).unwrap();
    assert!(!interfaces.contains("span0"), "{interfaces}");
}

fn no_payload_is_in_its_memory(sensor: u32) {
    let parts = match memory(sensor) {
        Ok(parts) => parts,
        Err(error) => {
            println!("skipped: the sensor's memory may not be read here: {error}");
            return;
        }
    };
    let with =
        |text: &str| parts.iter().filter(|p| contains(&p.octets, text)).map(|p| p.what.as_str()).collect();
    let found: BTreeSet<&str> = with("core-sw1");
    assert!(found.iter().any(|what| what.starts_with("socket:")), "the ring was read: {found:?}");
    assert!(found.iter().any(|what| !what.starts_with("socket:")), "and the tables: {found:?}");
    for part in &parts {
        assert_eq!(fragment(&part.octets), None, "{}", part.what);
    }
}

/// A part of the marker that stands in `octets`. A cut may fall into it.
fn fragment(octets: &[u8]) -> Option<&'static str> {
    ["GATE-SECRET", "SECRET-MARKER", "MARKER-7f3a"].into_iter().find(|part| contains(octets, part))
}

fn leases_by_dnsmasq(file: &Path) -> BTreeSet<Lease> {
    let text = fs::read_to_string(file).unwrap();
    let leases = text.lines().map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        ([words[1], words[2], words[3]].map(str::to_owned), words[0].parse().unwrap())
    });
    leases.collect()
}

fn lease(record: &Value) -> Lease {
    assert_eq!((&record["state"], &record["duration"]), (&"bound".into(), &3_600.into()));
    let expires = run("date", &["--utc", "+%s", "--date", record["expires"].as_str().unwrap()]);
    let expires = String::from_utf8(expires.stdout).unwrap().trim().parse().unwrap();
    (["mac", "address", "hostname"].map(|field| record[field].as_str().unwrap().to_owned()), expires)
}

fn lines(output: &Output) -> impl Iterator<Item = &str> {
    std::str::from_utf8(&output.stdout).unwrap().lines()
}

/// Set in the listener: the site's directory.
const SITE: &str = "HEADGATE_TEST_SITE";
