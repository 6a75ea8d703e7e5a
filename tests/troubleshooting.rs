//! Symptoms of `docs/troubleshooting.md` that need a whole chain: each is provoked, the program says what the page has, and what the page
//! says to do mends it. Others are in `tests/doctor.rs`, `tests/bad_input`, `tests/systemd/symptoms` and the tests of the crates.
// A test fails by panicking.
#![allow(clippy::panic, clippy::print_stdout, clippy::unwrap_used, clippy::expect_used)]

mod support;

use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use support::{Running, STORE, Site, free_port, golden, run, wait_for};

/// `headgate status` comes to say the words, and the page has them.
fn comes_to_say(site: &Site, words: &str) {
    page_has(words);
    wait_for(words, || site.status_text().contains(words));
}

/// The page has these words.
fn page_has(words: &str) {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/troubleshooting.md");
    assert!(
        fs::read_to_string(page).unwrap().contains(words),
        "docs/troubleshooting.md does not say: {words}"
    );
}

/// A batch that has to leave.
fn hand_over_more(site: &Site) {
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
}

#[test]
fn a_batch_sealed_to_another_receiver_is_answered_400_until_the_right_key_lies_there() {
    let site = Site::new();
    let [_receiver, mut store, mut uplink] = site.carry_a_capture();
    let arrived = site.batches().len();
    let key = site.path("credentials/seal.pub");
    let own = fs::read(&key).unwrap();
    fs::write(&key, fs::read(Site::new().path("credentials/seal.pub")).unwrap()).unwrap();
    assert!(uplink.terminate().success() && store.terminate().success());
    let mut running = (site.start_store(), site.start_uplink());
    hand_over_more(&site);
    comes_to_say(&site, "receiver answered 400");
    assert_eq!(site.batches().len(), arrived);

    fs::write(&key, own).unwrap();
    assert!(running.1.terminate().success() && running.0.terminate().success());
    let _running = (site.start_store(), site.start_uplink());
    site.wait_until_receipted();
    assert!(site.batches().len() > arrived);
}

/// Debian's tinyproxy.
struct Proxy<'a> {
    site: &'a Site,
    address: SocketAddr,
    running: Option<Running>,
}

impl Proxy<'_> {
    /// Begins anew with these lines, on the same port.
    fn with(&mut self, lines: &str) {
        self.running = None;
        let file = self.site.path("tinyproxy.conf");
        let of_all = format!("Port {}\nListen 127.0.0.1\nTimeout 60\nMaxClients 8\n", self.address.port());
        fs::write(&file, of_all + lines).unwrap();
        self.running = Some(self.site.start("tinyproxy", "tinyproxy", |c| c.arg("-d").arg("-c").arg(&file)));
        wait_for("the proxy to listen", || TcpStream::connect(self.address).is_ok());
    }

    fn signal(&self, signal: &str) {
        let child = &self.running.as_ref().unwrap().child;
        run("kill", &[signal, &child.id().to_string()]);
    }
}

#[test]
fn what_a_proxy_says_is_told_until_it_lets_the_appliance_through() {
    let probe = Command::new("tinyproxy").arg("-v").output();
    assert!(probe.is_ok(), "tinyproxy is missing: apt-get install tinyproxy-bin");
    let site = Site::new();
    let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
    site.configure(&format!("[uplink]\nproxy = \"http://{address}\"\n"));
    let _running = [site.start_receiver(), site.start_store(), site.start_uplink()];
    hand_over_more(&site);
    let port = site.receiver_address().port();
    let mut proxy = Proxy { site: &site, address, running: None };
    comes_to_say(&site, "no connection to the proxy");
    // It lets tunnels to another port through.
    proxy.with("ConnectPort 1\n");
    comes_to_say(&site, "the proxy answered 403");
    proxy.with(&format!("ConnectPort {port}\nBasicAuth anna secret\n"));
    comes_to_say(&site, "the proxy wants a login");
    proxy.signal("-STOP");
    comes_to_say(&site, "the proxy did not open a tunnel in time");
    assert_eq!(site.batches().len(), 0);

    proxy.signal("-CONT");
    proxy.with(&format!("ConnectPort {port}\n"));
    site.wait_until_receipted();
    assert!(!site.batches().is_empty() && !site.status_text().contains("proxy"));
}

#[test]
fn a_flipped_bit_in_a_count_is_told_until_a_new_buffer_is_begun() {
    let site = Site::new();
    let [_receiver, mut store, mut uplink] = site.carry_a_capture();
    assert!(uplink.terminate().success() && store.terminate().success());
    let buffer = site.path("store");
    let flipped = {
        let database = rusqlite::Connection::open(buffer.join("store.db")).unwrap();
        // Bit 2 of a count: XOR, which SQLite has not.
        let flip = "UPDATE session SET committed = (committed | 4) - (committed & 4)";
        database.execute(flip, []).unwrap()
    };
    assert_eq!(flipped, 1);
    let mut store = site.start_store();
    comes_to_say(&site, "counts of the store are not what was written");

    assert!(store.terminate().success());
    fs::rename(&buffer, site.path("aside")).unwrap();
    let before = site.batches();
    let _running = (site.start_store(), site.start_uplink());
    hand_over_more(&site);
    site.wait_until_receipted();
    let of_another_epoch = |batch: &serde_json::Value| before.iter().all(|b| b["epoch"] != batch["epoch"]);
    assert!(site.batches().iter().any(of_another_epoch), "a new epoch begins");
    assert!(!site.status_text().contains("not what was written"));
}

/// What it was before this release is brought up to date at the start; who asks sooner is told to ask again, and is answered then.
#[test]
fn who_asks_for_a_person_before_segments_are_brought_up_to_date_is_told_to_ask_again() {
    let told = "segments of an earlier version are being brought up to date; ask again in a moment";
    page_has("segments of an earlier version are being brought up to date");
    let database = zstd::stream::decode_all(EARLIER.0).unwrap();
    // A moment is short: whoever starts a store may find it done already.
    let is_told = (0..20).any(|_| {
        let site = Site::new();
        fs::create_dir_all(site.path("store")).unwrap();
        fs::set_permissions(site.path("store"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::write(site.path("store/store.db"), &database).unwrap();
        let key = site.path("credentials/master.key");
        fs::remove_file(&key).unwrap();
        fs::write(&key, EARLIER.1).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
        let mut store = site.start(STORE, "store", |c| c.args(["run", "--config"]).arg(site.config()));
        let find = || site.headgate(&["subject", "find", "--name", "laptop-anna"]);
        let mut first = find();
        while first.status.code() == Some(69) {
            assert!(store.child.try_wait().unwrap().is_none(), "{}", store.said());
            first = find();
        }
        let said = String::from_utf8_lossy(&first.stderr).into_owned();
        let is_told = first.status.code() == Some(1) && said.contains(told);
        assert!(is_told || first.status.success(), "{said}");
        wait_for("the answer a moment later", || find().status.success());
        assert!(store.terminate().success(), "{}", store.said());
        is_told
    });
    assert!(is_told);
}

/// A store as schema 2 left it, and its master key.
const EARLIER: (&[u8], &[u8]) = (
    include_bytes!("../daemon/store/tests/store/schema-2/store.db.zst"),
    include_bytes!("../daemon/store/tests/store/schema-2/master.key"),
);
