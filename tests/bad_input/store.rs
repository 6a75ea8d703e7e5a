//! Keys, disks and databases that are not as they should be.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use headgate_service::exit;
use rusqlite::Connection;

use crate::support::{STORE, Site, golden, wait_for};
use crate::{assert_ended, attempt, by, sum, text};

/// A stopped store with all records of the capture, none released; the next start releases them.
fn filled() -> (Site, u64) {
    let site = Site::new();
    site.configure("[store]\nbatch_delay = 3600\n");
    let mut store = site.start_store();
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
    let waiting = site.ask(&["status"]).unwrap()["waiting"].as_u64().unwrap();
    assert!(store.terminate().success());
    site.configure("[store]\nbatch_delay = 0\nbatch_records = 5\n");
    (site, waiting)
}

fn database(site: &Site) -> Connection {
    Connection::open(site.path("store/store.db")).unwrap()
}

/// Changes one bit in the middle of a sealed value; gives how many records it holds.
fn flip(site: &Site, select: &str, update: &str) -> u64 {
    let db = database(site);
    let (row, mut sealed, records): (i64, Vec<u8>, i64) =
        db.query_row(select, [], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).unwrap();
    let middle = sealed.len() / 2;
    sealed[middle] ^= 1;
    db.execute(update, (row, sealed)).unwrap();
    records.try_into().unwrap()
}

fn start(site: &Site) -> std::process::Output {
    attempt(STORE, &["run", "--config", text(&site.config())])
}

#[test]
fn another_master_key_opens_nothing_and_changes_nothing() {
    let (site, waiting) = filled();
    let key = site.path("credentials/master.key");
    let right = fs::read(&key).unwrap();
    let write = |content: &[u8], mode: u32| {
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&key, content).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(mode)).unwrap();
    };
    let before = fs::read(site.path("store/store.db")).unwrap();
    let table: [(&[u8], u32, &str); 4] = [
        (&[7; 32], 0o400, "master key does not open this store: "),
        (&right[..31], 0o400, "master.key does not hold a master key: 32 octets, or 64 hexadecimal digits"),
        (&[], 0o400, "does not hold a master key"),
        (&right, 0o444, "is open to others (mode 444); use: chmod 600 "),
    ];
    for (content, mode, words) in table {
        write(content, mode);
        assert_ended(&start(&site), exit::CONFIG, &[words]);
        assert_eq!(fs::read(site.path("store/store.db")).unwrap(), before);
    }
    fs::remove_file(&key).unwrap();
    assert_ended(
        &start(&site),
        exit::CONFIG,
        &["there is no master key: ", "`headgate-store init` makes one"],
    );
    assert_eq!(fs::read(site.path("store/store.db")).unwrap(), before);
    fs::write(&key, &right).unwrap();
    write(&right, 0o400);
    let _receiver = site.start_receiver();
    let _store = site.start_store();
    let _uplink = site.start_uplink();
    site.wait_until_receipted();
    let withheld = sum(&site.ask(&["status"]).unwrap()["withheld"]);
    assert_eq!(site.received().len() as u64 + withheld, waiting);
}

#[test]
fn a_segment_with_a_wrong_bit_is_set_aside_and_all_else_is_released_and_shown() {
    let (site, waiting) = filled();
    let damaged = flip(
        &site,
        "SELECT id, sealed, records FROM segment WHERE epoch IS NOT NULL ORDER BY records LIMIT 1",
        "UPDATE segment SET sealed = ?2 WHERE id = ?1",
    );
    assert!(damaged > 0 && damaged < waiting);
    let _receiver = site.start_receiver();
    let _store = site.start_store();
    let _uplink = site.start_uplink();
    site.wait_until_receipted();
    let status = site.ask(&["status"]).unwrap();
    assert_eq!((&status["quarantined"], &status["missing"]), (&1.into(), &0.into()));
    assert_eq!(by(&status["lost"], "reason"), [("damaged".to_owned(), damaged)].into());
    assert_eq!(site.received().len() as u64 + sum(&status["withheld"]) + damaged, waiting);
    let told: u64 = site.batches().iter().map(|b| sum(&b["lost"])).sum();
    assert_eq!(told, damaged, "the receiver is told");
    let text = site.status_text();
    assert!(
        text.contains("wrong      1: damaged parts of the buffer are set aside; headgate ledger"),
        "{text}"
    );
    assert!(text.contains(&format!("{damaged} ")) && text.contains("records: damaged"), "{text}");
    let shown = ["devices", "neighbors", "leases", "flows"].map(|kind| site.ask(&[kind]).unwrap());
    assert!(shown.iter().filter(|rows| !rows.as_array().unwrap().is_empty()).count() >= 3);
    let ledger = site.ask(&["ledger"]).unwrap();
    assert_eq!(ledger["verified"], true);
    assert!(ledger["entries"].as_array().unwrap().iter().any(|e| e["event"] == "quarantined"));
}

#[test]
fn a_batch_with_a_wrong_bit_is_set_aside_and_the_receiver_sees_the_gap() {
    let (site, waiting) = filled();
    let mut store = site.start_store();
    wait_for("batches", || site.ask(&["status"]).is_some_and(|s| s["waiting"] == 0));
    assert!(store.terminate().success());
    let damaged = flip(
        &site,
        "SELECT sequence, sealed, bulk + state + account FROM outbox WHERE sequence = 2",
        "UPDATE outbox SET sealed = ?2 WHERE sequence = ?1",
    );
    let _receiver = site.start_receiver();
    let _store = site.start_store();
    let _uplink = site.start_uplink();
    site.wait_until_receipted();
    let status = site.ask(&["status"]).unwrap();
    assert_eq!((&status["outbox"]["batches_lost"], &status["quarantined"]), (&1.into(), &1.into()));
    assert_eq!(sum(&status["lost"]), damaged);
    assert_eq!(site.received().len() as u64 + sum(&status["withheld"]) + damaged, waiting);
    let batches = site.batches();
    assert_eq!(batches[1]["missing_before"], serde_json::json!({"from": 2, "to": 2}));
    assert!(batches[2..].iter().all(|b| b["missing_before"].is_null()));
}

#[test]
fn a_database_that_is_none_lies_aside_and_another_begins() {
    let (site, _) = filled();
    let path = site.path("store/store.db");
    let whole = fs::read(&path).unwrap();
    let torn = [&[0x55; 4096][..], &whole[4096..]].concat();
    for content in [b"no database at all, but longer than its header is".repeat(90), torn] {
        fs::write(&path, &content).unwrap();
        let mut store = site.start_store();
        let status = site.ask(&["status"]).unwrap();
        assert_eq!(
            (&status["databases_set_aside"], &status["waiting"]),
            (&1.into(), &0.into()),
            "the latest is kept"
        );
        let said = site.status_text();
        assert!(
            said.contains(
                "wrong      1: a buffer that could not be opened lies aside, and another was begun"
            ),
            "{said}"
        );
        let ledger = site.ask(&["ledger"]).unwrap();
        let events: Vec<_> =
            ledger["entries"].as_array().unwrap().iter().map(|e| e["event"].clone()).collect();
        assert!(events.contains(&"set-aside".into()) && ledger["verified"] == true, "{ledger}");
        assert!(store.terminate().success());
        let aside = fs::read_dir(site.path("store")).unwrap().map(|f| f.unwrap().path());
        let aside: Vec<_> = aside.filter(|f| f.to_str().unwrap().contains("store.db.damaged-")).collect();
        assert_eq!(aside.len(), 1);
        assert_eq!(fs::read(&aside[0]).unwrap(), content, "as it was found");
    }
}

#[test]
fn a_second_store_is_refused_and_the_first_goes_on() {
    let site = Site::new();
    let _store = site.start_store();
    assert_ended(&start(&site), exit::TRY_LATER, &["already running: ", "store.lock is in use"]);
    assert!(site.start_replay(&[&golden("site.pcap")]).wait().success());
}

#[test]
fn a_directory_that_cannot_be_used_is_named() {
    let site = Site::new();
    let file = site.path("a-file");
    fs::write(&file, "").unwrap();
    let open = site.path("open");
    fs::create_dir(&open).unwrap();
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).unwrap();
    let file = text(&file);
    let table = [
        (format!("[store]\ndirectory = {file:?}\n"), exit::IO, "cannot make "),
        (format!("[store]\ndirectory = \"{file}/deeper\"\n"), exit::IO, "cannot make "),
        ("[store]\ndirectory = \"/proc/headgate\"\n".to_owned(), exit::IO, "cannot make /proc/headgate: "),
        (
            format!("[store]\ndirectory = {open:?}\n"),
            exit::CONFIG,
            "can be written by others (mode 777); use: chmod 700 ",
        ),
        (format!("[sockets]\ndirectory = {file:?}\n"), exit::IO, "cannot make "),
    ];
    for (config, code, words) in table {
        site.configure(&config);
        assert_ended(&start(&site), code, &[words]);
    }
}

#[test]
fn a_store_without_room_on_the_disk_acknowledges_nothing_that_it_cannot_keep() {
    let site = Site::new();
    site.configure("[store]\nbatch_delay = 3600\n");
    assert!(site.start_store().terminate().success());
    // A limit on the size of files stands for the full disk: a write fails (EFBIG for ENOSPC). The database has no room for
    // one page more, its log for as many as the database has.
    let room = format!("--fsize={}", fs::metadata(site.path("store/store.db")).unwrap().len());
    let config = site.config();
    let mut full = site.start("prlimit", "full", |command| {
        let shell = [&room, "sh", "-c", "trap '' XFSZ; exec \"$@\"", "sh", STORE, "run", "--config"];
        command.args(shell).arg(&config)
    });
    wait_for("the store to answer", || site.ask(&["status"]).is_some());
    let captures = vec![golden("site.pcap"); 60];
    let captures: Vec<_> = captures.iter().map(|c| c.as_path()).collect();
    let mut sensor = site.start_replay(&captures);
    wait_for("the store to say so", || full.said().contains("hand-over: "));
    let said = site.status_text();
    assert!(said.contains("wrong      the store fails at hand-over: database: "), "{said}");
    let acknowledged = site.ask(&["status"]).unwrap()["sensor"]["committed"].as_u64().unwrap();
    assert!(full.child.try_wait().unwrap().is_none() && sensor.child.try_wait().unwrap().is_none());
    full.kill();
    let _store = site.start_store();
    assert!(sensor.wait().success(), "{}", sensor.said());
    let status = site.ask(&["status"]).unwrap();
    let kept: u64 = status["records"].as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum();
    assert_eq!(status["sensor"]["committed"], kept, "{status}");
    assert!(acknowledged < kept);
    assert_eq!((&status["quarantined"], &status["problems"]), (&0.into(), &serde_json::json!({})));
}
