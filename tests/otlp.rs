//! What leaves for a site's own OpenTelemetry collector, read by the messages that the OpenTelemetry project publishes.
// A test fails by panicking.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command};

use serde_json::Value;
use support::{Site, golden, wait_for};

/// A collector in a process of its own; it ends with the test.
struct Collector {
    child: Child,
    directory: PathBuf,
}

impl Collector {
    /// Starts one in this mood; `with` are its certificate and key.
    fn start(site: &Site, mood: &str, with: &[PathBuf]) -> Collector {
        let directory = site.path("collector");
        fs::create_dir_all(&directory).unwrap();
        let collector = |child| Collector { child, directory: directory.clone() };
        fs::write(directory.join("mood"), mood).unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/collector.py");
        let child = Command::new(python()).arg(script).arg(&directory).args(with).spawn().unwrap();
        let collector = collector(child);
        wait_for("the collector to listen", || directory.join("port").exists());
        collector
    }

    fn port(&self) -> String {
        fs::read_to_string(self.directory.join("port")).unwrap()
    }

    fn mood(&self, mood: &str) {
        fs::write(self.directory.join("mood"), mood).unwrap();
    }

    /// What it got at a path, request for request.
    fn got(&self, path: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.directory.join("got")).unwrap_or_default();
        // The last line may still be being written.
        let lines = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let lines = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.filter(|line| line["path"] == path).collect()
    }

    fn logs(&self) -> Vec<Value> {
        let all = self.got("/v1/logs").into_iter();
        all.flat_map(|r| items(&r["message"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"])).collect()
    }

    fn metrics(&self) -> Vec<Value> {
        let all = self.got("/v1/metrics").into_iter();
        all.flat_map(|r| items(&r["message"]["resourceMetrics"][0]["scopeMetrics"][0]["metrics"])).collect()
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A Python that has the messages; made once, of what PyPI has.
fn python() -> PathBuf {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/opentelemetry");
    let made = Command::new(script).output().unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    String::from_utf8(made.stdout).unwrap().trim().into()
}

fn items(list: &Value) -> Vec<Value> {
    list.as_array().cloned().unwrap_or_default()
}

fn attributes(of: &Value) -> BTreeMap<String, Value> {
    let pairs = items(&of["attributes"]).into_iter();
    pairs.map(|pair| (pair["key"].as_str().unwrap().to_owned(), pair["value"].clone())).collect()
}

fn configure(site: &Site, collector: &str) {
    let config = fs::read_to_string(site.config()).unwrap();
    let receiver = config.lines().find(|line| line.starts_with("receiver = ")).unwrap();
    fs::write(site.config(), config.replace(receiver, &format!("collector = \"{collector}\""))).unwrap();
}

/// Records and batches that the ledger says were released.
fn released(site: &Site) -> (u64, usize) {
    let ledger = site.ask(&["ledger"]).unwrap();
    let entries = items(&ledger["entries"]);
    let released: Vec<_> = entries.iter().filter(|e| e["event"] == "released").collect();
    (released.iter().map(|e| e["detail"]["records"].as_u64().unwrap()).sum(), released.len())
}

fn waits(site: &Site) -> bool {
    site.ask(&["status"]).is_some_and(|status| status["outbox"]["batches"].as_u64().unwrap() > 0)
}

#[test]
fn a_collector_gets_what_the_rules_release_and_nothing_is_deleted_before_it_said_yes() {
    let site = Site::new();
    let collector = Collector::start(&site, "no", &[]);
    configure(&site, &format!("http://127.0.0.1:{}", collector.port()));
    fs::write(site.path("credentials/collector.headers"), "X-Token: let me in\n").unwrap();
    let _store = site.start_store();
    let uplink = site.start_uplink();
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    wait_for("the collector to refuse", || uplink.said().contains("receiver answered 503"));
    assert!(waits(&site));
    collector.mood("yes");
    site.wait_until_receipted();

    let (logs, metrics) = (collector.logs(), collector.metrics());
    let counters = metrics.iter().filter(|m| m["name"] == "headgate.frames.received");
    let points: Vec<_> = counters.flat_map(|m| items(&m["sum"]["dataPoints"])).collect();
    assert_eq!(points.iter().map(|p| p["asInt"].as_str().unwrap().parse::<u64>().unwrap()).sum::<u64>(), 271);
    let (records, batches) = released(&site);
    assert_eq!(
        logs.len() + 1,
        usize::try_from(records).unwrap(),
        "each record but the counters is a log record"
    );
    assert_eq!(collector.got("/v1/logs").len(), batches);

    let uids: std::collections::BTreeSet<_> =
        logs.iter().map(|log| attributes(log)["log.record.uid"]["stringValue"].to_string()).collect();
    assert_eq!(uids.len(), logs.len());
    let of = |kind: &str| -> Vec<&Value> {
        logs.iter().filter(|log| log["eventName"] == format!("headgate.{kind}")).collect()
    };
    let flows: Vec<_> = of("flow").into_iter().map(attributes).collect();
    assert!(flows.iter().any(|flow| flow["headgate.flow.service"]["stringValue"] == "http"
        && flow["network.transport"]["stringValue"] == "tcp"
        && flow["headgate.flow.packets"]["intValue"] == "33"));
    assert!(flows.iter().all(|flow| !flow.contains_key("destination.address")));
    assert!(of("lease").len() == 3 && !of("neighbor").is_empty());
    assert!(logs.iter().all(|log| log["timeUnixNano"].as_str().unwrap().len() == 19));
    // The sums of flows are those of the records.
    let number = |value: &Value| value.as_str().unwrap().parse::<u64>().unwrap();
    let sent: u64 = flows.iter().map(|flow| number(&flow["headgate.flow.bytes"]["intValue"])).sum();
    let io = metrics.iter().filter(|metric| metric["name"] == "headgate.flows.io");
    let points = io.flat_map(|metric| items(&metric["sum"]["dataPoints"]));
    let forward = points.filter(|p| attributes(p)["headgate.flow.direction"]["stringValue"] == "forward");
    assert_eq!(forward.map(|point| number(&point["asInt"])).sum::<u64>(), sent);
    let resource = &collector.got("/v1/logs")[0]["message"]["resourceLogs"][0]["resource"];
    assert_eq!(attributes(resource)["service.instance.id"]["stringValue"], "test");
    assert!(collector.got("/v1/metrics").iter().all(|request| request["token"] == "let me in"));
    assert!(metrics.iter().any(|metric| metric["name"] == "headgate.records.withheld"));
    let ledger = site.ask(&["ledger"]).unwrap();
    let taken = items(&ledger["entries"]).into_iter().filter(|entry| entry["event"] == "taken").count();
    assert_eq!((taken, ledger["verified"].as_bool()), (batches, Some(true)));
}

/// Over TLS with a pinned authority; a batch whose answer got lost comes again, and each log record says that it is the same.
#[test]
fn a_batch_whose_answer_got_lost_is_sent_again_and_told_as_a_double() {
    let site = Site::new();
    let server = [site.path("receiver/server.crt"), site.path("receiver/server.key")];
    let collector = Collector::start(&site, "silent", &server);
    fs::copy(site.path("receiver/authority.crt"), site.path("credentials/collector.crt")).unwrap();
    configure(&site, &format!("https://localhost:{}", collector.port()));
    let _store = site.start_store();
    let uplink = site.start_uplink();
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    wait_for("the same logs twice", || collector.got("/v1/logs").len() > 1);
    assert!(waits(&site));
    collector.mood("partial");
    site.wait_until_receipted();
    let logs = collector.got("/v1/logs");
    let uids = |request: &Value| -> Vec<String> {
        let logs = items(&request["message"]["resourceLogs"][0]["scopeLogs"][0]["logRecords"]);
        logs.iter().map(|log| attributes(log)["log.record.uid"]["stringValue"].to_string()).collect()
    };
    assert_eq!(uids(&logs[0]), uids(&logs[1]));
    assert!(uplink.said().contains("rejected 2"), "{}", uplink.said());
    let ledger = site.ask(&["ledger"]).unwrap();
    let taken = items(&ledger["entries"]).into_iter().find(|entry| entry["event"] == "taken").unwrap();
    assert_eq!(taken["detail"]["rejected"], 2);
}

#[test]
fn a_collector_of_another_authority_gets_nothing() {
    let site = Site::new();
    let server = [site.path("receiver/server.crt"), site.path("receiver/server.key")];
    let collector = Collector::start(&site, "yes", &server);
    let other = Site::new();
    fs::copy(other.path("receiver/authority.crt"), site.path("credentials/collector.crt")).unwrap();
    configure(&site, &format!("https://localhost:{}", collector.port()));
    let _store = site.start_store();
    let uplink = site.start_uplink();
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    wait_for("the collector not to be believed", || uplink.said().contains("unknown authority"));
    assert!(waits(&site) && collector.got("/v1/logs").is_empty());

    // The right authority and a token, without a restart; and what cannot be used replaces neither.
    fs::write(site.path("credentials/collector.headers"), "X-Token: fresh\n").unwrap();
    fs::copy(site.path("receiver/authority.crt"), site.path("credentials/collector.crt")).unwrap();
    site.wait_until_receipted();
    assert!(collector.got("/v1/logs").iter().any(|request| request["token"] == "fresh"));
    fs::write(site.path("credentials/collector.crt"), "no certificate").unwrap();
    let before = collector.got("/v1/logs").len();
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    site.wait_until_receipted();
    assert!(collector.got("/v1/logs").len() > before);
    assert!(uplink.said().contains("the last good ones stay"), "{}", uplink.said());
}
