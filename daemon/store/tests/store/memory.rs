//! What a core of the running store would show: keys each where it is in use and nowhere else, and nobody who is not in the
//! working set. Needs root, who alone can look.
//!
//! All memory that the process can write to is read (`/proc/PID/mem`, proc_pid_mem(5)), which is more than any core holds: gcore
//! and the kernel leave out what `coredump_filter` (core(5)) says, and the store has it say everything.

use std::fs::File;
use std::os::unix::fs::FileExt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use ed25519_dalek::SigningKey;
use headgate_record::local::ControlRequest;
use headgate_record::subject::{Action, Who};
use headgate_record::{Field, Kind, Mac, Record, Value};
use hkdf::Hkdf;
use sha2::{Digest, Sha256, Sha512};

use crate::site::{Running, Site, device, device_with};

/// A writable mapping of the process, and what is in it.
struct Mapping {
    name: String,
    start: usize,
    octets: Vec<u8>,
}

#[test]
fn a_key_that_was_used_is_in_one_place_and_one_that_is_done_with_in_none() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can read another process's memory");
        return;
    }
    let site = Site::new("batch_records = 10\nbatch_delay = 0");
    let running = site.start();
    let mut sensor = running.sensor(1);
    for round in 0..20 {
        let visitor = device_with([0x02, 1, 2, 3, 4, round], 1);
        sensor.hand_over((1..=50).map(device).chain([visitor]).collect()).unwrap();
    }
    running.drain();
    running.ask(&ControlRequest::Records { kind: "device".into(), limit: 100 });
    let who = Who::Mac("00:10:20:00:00:01".into());
    running.ask(&ControlRequest::Subject { who: who.clone(), action: Action::Find });
    running.ask(&ControlRequest::Subject { who, action: Action::Erase });
    running.ask(&ControlRequest::RotateKeys { which: "pseudonym".into() });
    running.ask(&ControlRequest::LedgerKey);
    // The key of a session that has ended is done with, and another is in use.
    let ended = Keys::of_session(&site, 1);
    let mut sensor = running.sensor(2);
    sensor.hand_over((0..50).map(|n| device_with([0x02, 2, 2, 3, 4, n], 1)).collect()).unwrap();
    running.status();

    let master: [u8; 32] = std::fs::read(site.path("credentials/master.key")).unwrap().try_into().unwrap();
    let keys = Keys::read(&site, &master);
    let memory = memory(&running);
    // All that is looked for, in one pass: what it is, and its octets.
    let mut sought: Vec<(Sought, Vec<u8>)> =
        halves(&master).into_iter().map(|half| (Sought::Master, half)).collect();
    let wrapping = ("wrapping", keys.wrapping);
    let ciphers = keys.ciphers.iter().chain([&wrapping]);
    for (what, key) in ciphers.clone() {
        sought.extend(schedule(key).into_iter().map(|round| (Sought::Cipher(what), round)));
    }
    for (what, key) in &keys.secrets {
        sought.extend(halves(key).into_iter().map(|half| (Sought::Secret(what), half)));
    }
    assert!(keys.subjects.len() > 40);
    sought.extend(schedule(&ended).into_iter().map(|round| (Sought::Ended, round)));
    sought.extend(signing(&keys.ledger).into_iter().map(|part| (Sought::Ledger, part)));
    for key in &keys.subjects {
        sought.extend(schedule(key).into_iter().map(|round| (Sought::Subject, round)));
    }
    let found = search(&memory, &sought);
    let places = |what: Sought| found.iter().filter(move |place| place.0 == what).collect::<Vec<_>>();
    assert!(places(Sought::Master).is_empty(), "the master key is done with: {found:?}");
    assert!(
        places(Sought::Subject).is_empty(),
        "a subject's key is there while its row is read or written: {found:?}"
    );
    assert!(places(Sought::Ended).is_empty(), "the key of a session goes with it: {found:?}");
    assert!(
        places(Sought::Ledger).is_empty(),
        "the key that signs the ledger is there while it signs: {found:?}"
    );
    for (what, _) in ciphers {
        let places = places(Sought::Cipher(what));
        let (first, last) =
            (places.iter().map(|p| p.2).min().unwrap(), places.iter().map(|p| p.2).max().unwrap());
        assert!(
            last - first < SCHEDULES && !places.iter().any(|p| p.1.contains("[stack")),
            "{what}: {places:?}"
        );
    }
    for (what, _) in &keys.secrets {
        let places = places(Sought::Secret(what));
        assert_eq!(places.len(), 2, "{what}, its two halves: {places:?}");
        assert!(
            places[0].2.abs_diff(places[1].2) == 16 && !places[0].1.contains("[stack"),
            "{what}: {places:?}"
        );
    }
}

/// Whose octets they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sought {
    Master,
    Cipher(&'static str),
    Secret(&'static str),
    Subject,
    Ended,
    Ledger,
}

/// Nobody is in memory for longer than in the working set: what is known of rows without looking, until it is forgotten.
#[test]
fn somebody_who_is_erased_is_in_no_memory_and_others_are_in_the_working_set_alone() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can read another process's memory");
        return;
    }
    const MAC: [u8; 6] = [0x00, 0x5e, 0x77, 0xd1, 0x3c, 0xa9];
    const OTHER: [u8; 6] = [0x00, 0x5e, 0x77, 0xd1, 0x3c, 0xb7];
    const OTHER_NAME: &str = "qzx-of-somebody-else";
    const NAMES: [&str; 2] = ["qzx-of-a-person", "a-longer-name-than-fits-qzx-in-place"];
    let site = Site::new("batch_records = 10\nbatch_delay = 0");
    let running = site.start();
    let mut sensor = running.sensor(1);
    for number in 0..200_u64 {
        let mut records: Vec<Record> = (1..=20).map(device).collect();
        let mut lease = Record::new(Kind::Lease);
        lease.set(Field::LeaseMac, Mac(MAC)).unwrap();
        lease.set(Field::LeaseHostname, NAMES[usize::from(number % 2 == 0)]).unwrap();
        lease.set(Field::LeaseAddress, Value::Address([203, 0, 113, 77].into())).unwrap();
        records.push(lease);
        let mut flow = Record::new(Kind::Flow);
        flow.set(Field::FlowMac, Mac(MAC)).unwrap();
        flow.set(Field::FlowSourceAddress, Value::Address([203, 0, 113, 77].into())).unwrap();
        records.push(flow);
        let mut other = device_with(OTHER, number);
        other.set(Field::DeviceHostname, OTHER_NAME).unwrap();
        records.push(other);
        sensor.hand_over(records).unwrap();
    }
    running.drain();
    let who = || Who::Name(NAMES[0].to_uppercase());
    running.ask(&ControlRequest::Records { kind: "lease".into(), limit: 100 });
    running.ask(&ControlRequest::Preview { limit: 100 });
    running.ask(&ControlRequest::BufferExport { kind: None, after: 0, taken: 0 });
    running.ask(&ControlRequest::Subject { who: who(), action: Action::Find });
    running.ask(&ControlRequest::Subject { who: who(), action: Action::Export { after: 0, limit: 1_000 } });
    let names = NAMES.iter().flat_map(|name| [name.as_bytes().to_vec(), name.to_uppercase().into_bytes()]);
    let spelled = Mac(MAC).to_string().into_bytes();
    let planted = names.chain([spelled, MAC.to_vec(), b"203.0.113.77".to_vec()]);
    let planted: Vec<(String, Vec<u8>)> =
        planted.map(|octets| (octets.escape_ascii().to_string(), octets)).collect();
    assert!(!search(&memory(&running), &planted).is_empty(), "in the working set");
    running.ask(&ControlRequest::Subject { who: who(), action: Action::Erase });
    assert_gone(&running, &planted);
    // What is known without looking is forgotten with each rotation: then nobody at all is there.
    let others = [OTHER.to_vec(), OTHER_NAME.into(), Mac(OTHER).to_string().into_bytes()];
    let others = others.map(|octets| (octets.escape_ascii().to_string(), octets));
    running.ask(&ControlRequest::RotateKeys { which: "blind".into() });
    assert_gone(&running, &others);
    let known = running.ask(&ControlRequest::Records { kind: "device".into(), limit: 100 });
    assert!(known.to_string().contains(OTHER_NAME));
}

/// Who asked is answered a moment before the question is done with.
fn assert_gone(running: &Running<'_>, planted: &[(String, Vec<u8>)]) {
    running.status();
    let start = std::time::Instant::now();
    let mut left = search(&memory(running), planted);
    while !left.is_empty() && start.elapsed() < DONE_WITH {
        left = search(&memory(running), planted);
    }
    assert!(left.is_empty(), "{}: {:?}", left.len(), &left[..left.len().min(20)]);
}

#[test]
fn the_memory_of_the_store_is_in_no_core_and_in_no_swap() {
    let site = Site::new("");
    let running = site.start();
    let status = std::fs::read_to_string(format!("/proc/{}/status", running.id())).unwrap();
    let value =
        |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", running.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().skip(4).take(2).collect::<Vec<_>>(), ["0", "0"], "{core}");
    if rustix::process::geteuid().is_root() {
        let filter = std::fs::read_to_string(format!("/proc/{}/coredump_filter", running.id())).unwrap();
        assert_eq!(filter.trim(), "00000000");
        let locked = value("VmLck:");
        assert_ne!(locked, "0 kB", "{status}");
    }
}

/// What the test finds out with the master key, as whoever has it and the file can.
struct Keys {
    wrapping: [u8; 32],
    /// Those that are AES keys.
    ciphers: Vec<(&'static str, [u8; 32])>,
    /// Those that are HMAC keys.
    secrets: Vec<(&'static str, [u8; 32])>,
    subjects: Vec<[u8; 32]>,
    /// The seed of the key that signs the ledger.
    ledger: [u8; 32],
}

impl Keys {
    fn read(site: &Site, master: &[u8; 32]) -> Keys {
        let db = site.sqlite();
        let (id, wrapping) = wrapping(&db, master);
        let wrapped: Vec<u8> =
            db.query_row("SELECT value FROM meta WHERE name = 'ledger_key'", [], |r| r.get(0)).unwrap();
        let ledger = open(&wrapping, &id, &place(16, 0), &wrapped).unwrap();
        let (ciphers, secrets, subjects) = (Vec::new(), Vec::new(), Vec::new());
        let mut keys = Keys { wrapping, ciphers, secrets, subjects, ledger };
        keys.ciphers.push(("session", Keys::of_session(site, 2)));
        let mut rows = db.prepare("SELECT epoch, purpose, wrapped FROM key").unwrap();
        let rows =
            rows.query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, u32>(1)?, r.get::<_, Vec<u8>>(2)?)));
        for (epoch, purpose, wrapped) in rows.unwrap().map(Result::unwrap) {
            let Some(key) = open(&wrapping, &id, &place(purpose, epoch), &wrapped) else { continue };
            match purpose {
                1 => keys.ciphers.push(("data", key)),
                2 => keys.secrets.push(("collect", key)),
                3 => keys.secrets.push(("release", key)),
                5 => keys.secrets.push(("blind", key)),
                _ => {}
            }
        }
        let (_, data) = *keys.ciphers.iter().find(|(what, _)| *what == "data").unwrap();
        let mut rows = db.prepare("SELECT id, wrapped FROM identity WHERE epoch = 1").unwrap();
        let rows = rows.query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, Vec<u8>>(1)?))).unwrap();
        for (row, wrapped) in rows.map(Result::unwrap) {
            let place = [b"subject\0e".as_slice(), &1_u64.to_be_bytes(), &row.to_be_bytes()].concat();
            keys.subjects.push(open(&data, &id, &place, &wrapped).unwrap());
        }
        keys
    }

    /// The key of a session.
    fn of_session(site: &Site, number: i64) -> [u8; 32] {
        let master: [u8; 32] =
            std::fs::read(site.path("credentials/master.key")).unwrap().try_into().unwrap();
        let db = site.sqlite();
        let (id, wrapping) = wrapping(&db, &master);
        let wrapped = "SELECT wrapped FROM session WHERE number = ?1";
        let wrapped: Vec<u8> = db.query_row(wrapped, [number], |r| r.get(0)).unwrap();
        open(&wrapping, &id, &place(4, number), &wrapped).unwrap()
    }
}

/// The identity of the database, and the key that wraps all others.
fn wrapping(db: &rusqlite::Connection, master: &[u8; 32]) -> (Vec<u8>, [u8; 32]) {
    let id: Vec<u8> =
        db.query_row("SELECT value FROM meta WHERE name = 'database'", [], |r| r.get(0)).unwrap();
    let mut wrapping = [0; 32];
    Hkdf::<Sha256>::new(Some(&id), master).expand(b"headgate store wrapping key v1", &mut wrapping).unwrap();
    (id, wrapping)
}

fn place(purpose: u32, number: i64) -> Vec<u8> {
    [b"key\0\0\0\0\0".as_slice(), &purpose.to_be_bytes(), &number.to_be_bytes()].concat()
}

/// What an Ed25519 key is at work (RFC 8032, 5.1.5): the seed, both halves of its hash, and the scalar as it is and reduced.
fn signing(seed: &[u8; 32]) -> Vec<Vec<u8>> {
    let hash: [u8; 64] = Sha512::digest(seed).into();
    let key = SigningKey::from_bytes(seed);
    let scalar = [key.to_scalar_bytes(), key.to_scalar().to_bytes()];
    let parts = seed.chunks(16).chain(hash.chunks(16)).chain(scalar.iter().flat_map(|half| half.chunks(16)));
    parts.map(<[u8]>::to_vec).collect()
}

fn open(key: &[u8; 32], database: &[u8], place: &[u8], sealed: &[u8]) -> Option<[u8; 32]> {
    let aad = [b"headgate store sealed\0\x01".as_slice(), database, place].concat();
    let nonce: [u8; 12] = sealed[1..13].try_into().unwrap();
    let payload = Payload { msg: &sealed[13..], aad: &aad };
    Aes256Gcm::new(key.into()).decrypt(&Nonce::from(nonce), payload).ok()?.try_into().ok()
}

fn halves(key: &[u8; 32]) -> Vec<Vec<u8>> {
    key.chunks(16).map(<[u8]>::to_vec).collect()
}

/// The 15 round keys of AES-256 (FIPS 197, 5.2); the first two are the key itself.
fn schedule(key: &[u8; 32]) -> Vec<Vec<u8>> {
    let mut words: Vec<[u8; 4]> = key.chunks(4).map(|w| w.try_into().unwrap()).collect();
    let mut constant: u8 = 1;
    for at in 8..60 {
        let mut word = words[at - 1];
        if at % 8 == 0 {
            word.rotate_left(1);
            word = word.map(substitute);
            word[0] ^= constant;
            constant = multiply(constant, 2);
        } else if at % 8 == 4 {
            word = word.map(substitute);
        }
        let before = words[at - 8];
        words.push(std::array::from_fn(|i| before[i] ^ word[i]));
    }
    words.chunks(4).map(<[[u8; 4]]>::concat).collect()
}

/// The S-box (FIPS 197, 5.1.1): the inverse in GF(2^8), and an affine transformation.
fn substitute(octet: u8) -> u8 {
    let inverse = (1..=255).find(|other| multiply(octet, *other) == 1).unwrap_or(0);
    (0..5).fold(0x63, |sum, turn| sum ^ inverse.rotate_left(turn))
}

fn multiply(mut a: u8, mut b: u8) -> u8 {
    let mut product = 0;
    while b > 0 {
        if b & 1 == 1 {
            product ^= a;
        }
        a = (a << 1) ^ if a & 0x80 == 0 { 0 } else { 0x1b };
        b >>= 1;
    }
    product
}

#[test]
fn the_key_schedule_is_that_of_the_standard() {
    // FIPS 197, A.3.
    let key = hex::decode("603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4").unwrap();
    let last = &schedule(&key.try_into().unwrap())[14];
    assert_eq!(hex::encode(last), "fe4890d1e6188d0b046df344706c631e");
}

/// Everything that the process can write to. It stands still while it is read.
fn memory(running: &Running<'_>) -> Vec<Mapping> {
    running.signal(rustix::process::Signal::STOP);
    let id = running.id();
    let maps = std::fs::read_to_string(format!("/proc/{id}/maps")).unwrap();
    let mem = File::open(format!("/proc/{id}/mem")).unwrap();
    let mut found = Vec::new();
    for line in maps.lines() {
        let mut parts = line.split_whitespace();
        let (range, rights) = (parts.next().unwrap(), parts.next().unwrap());
        let (start, end) = range.split_once('-').unwrap();
        let [start, end] = [start, end].map(|hex| usize::from_str_radix(hex, 16).unwrap());
        if !rights.starts_with("rw") {
            continue;
        }
        let mut octets = vec![0; end - start];
        // What was never touched of a mapping of a file cannot be read.
        if mem.read_exact_at(&mut octets, start as u64).is_ok() {
            found.push(Mapping { name: parts.nth(3).unwrap_or_default().to_owned(), start, octets });
        }
    }
    running.signal(rustix::process::Signal::CONT);
    found
}

/// Where what is sought stands, in mappings of which name and address.
fn search<T: Clone>(memory: &[Mapping], sought: &[(T, Vec<u8>)]) -> Vec<(T, String, usize)> {
    let mut begins = vec![false; 1 << 16];
    for (_, needle) in sought {
        begins[usize::from(u16::from_be_bytes([needle[0], needle[1]]))] = true;
    }
    let mut found = Vec::new();
    for Mapping { name, start, octets } in memory {
        let mut ahead = 0;
        while let Some(rest) = octets.get(ahead..).filter(|rest| rest.len() >= 2) {
            // Pages that nobody has touched are most of it.
            if rest.len() > EMPTY.len() && rest[..EMPTY.len()] == EMPTY {
                ahead += EMPTY.len() - LONGEST;
                continue;
            }
            if begins[usize::from(u16::from_be_bytes([rest[0], rest[1]]))] {
                let there = sought.iter().filter(|(_, needle)| rest.starts_with(needle));
                found.extend(there.map(|(what, _)| (what.clone(), name.clone(), start + ahead)));
            }
            ahead += 1;
        }
    }
    found
}

const EMPTY: [u8; 4_096] = [0; 4_096];
/// What is answered is done with after so long.
const DONE_WITH: std::time::Duration = std::time::Duration::from_secs(5);
/// More octets than anything that is sought has.
const LONGEST: usize = 64;
/// The schedules of a cipher, for both directions, lie within so many octets.
const SCHEDULES: usize = 1_024;
