//! Keys in the memory of the running store: each where it is in use, and nowhere else. Needs root, who alone can look.

use std::fs::File;
use std::os::unix::fs::FileExt;

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use headgate_record::local::ControlRequest;
use headgate_record::subject::{Action, Who};
use hkdf::Hkdf;
use sha2::Sha256;

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
    running.status();

    let master: [u8; 32] = std::fs::read(site.path("credentials/master.key")).unwrap().try_into().unwrap();
    let keys = Keys::read(&site, &master);
    let memory = memory(&running);
    // All that is looked for, in one pass: what it is, and its octets.
    let mut sought: Vec<(Sought, [u8; 16])> =
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
}

impl Keys {
    fn read(site: &Site, master: &[u8; 32]) -> Keys {
        let db = site.sqlite();
        let id: Vec<u8> =
            db.query_row("SELECT value FROM meta WHERE name = 'database'", [], |r| r.get(0)).unwrap();
        let mut wrapping = [0; 32];
        Hkdf::<Sha256>::new(Some(&id), master)
            .expand(b"headgate store wrapping key v1", &mut wrapping)
            .unwrap();
        let mut keys = Keys { wrapping, ciphers: Vec::new(), secrets: Vec::new(), subjects: Vec::new() };
        let mut rows = db.prepare("SELECT epoch, purpose, wrapped FROM key").unwrap();
        let rows =
            rows.query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, u32>(1)?, r.get::<_, Vec<u8>>(2)?)));
        for (epoch, purpose, wrapped) in rows.unwrap().map(Result::unwrap) {
            let place = [b"key\0\0\0\0\0".as_slice(), &purpose.to_be_bytes(), &epoch.to_be_bytes()].concat();
            let Some(key) = open(&wrapping, &id, &place, &wrapped) else { continue };
            match purpose {
                1 => keys.ciphers.push(("data", key)),
                2 => keys.secrets.push(("collect", key)),
                3 => keys.secrets.push(("release", key)),
                5 => keys.secrets.push(("blind", key)),
                _ => {}
            }
        }
        let (_, data) = keys.ciphers[0];
        let mut rows = db.prepare("SELECT id, wrapped FROM identity WHERE epoch = 1").unwrap();
        let rows = rows.query_map([], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, Vec<u8>>(1)?))).unwrap();
        for (row, wrapped) in rows.map(Result::unwrap) {
            let place = [b"subject\0e".as_slice(), &1_u64.to_be_bytes(), &row.to_be_bytes()].concat();
            keys.subjects.push(open(&data, &id, &place, &wrapped).unwrap());
        }
        keys
    }
}

fn open(key: &[u8; 32], database: &[u8], place: &[u8], sealed: &[u8]) -> Option<[u8; 32]> {
    let aad = [b"headgate store sealed\0\x01".as_slice(), database, place].concat();
    let nonce: [u8; 12] = sealed[1..13].try_into().unwrap();
    let payload = Payload { msg: &sealed[13..], aad: &aad };
    Aes256Gcm::new(key.into()).decrypt(&Nonce::from(nonce), payload).ok()?.try_into().ok()
}

fn halves(key: &[u8; 32]) -> Vec<[u8; 16]> {
    key.chunks(16).map(|half| half.try_into().unwrap()).collect()
}

/// The 15 round keys of AES-256 (FIPS 197, 5.2); the first two are the key itself.
fn schedule(key: &[u8; 32]) -> Vec<[u8; 16]> {
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
    words.chunks(4).map(|four| four.concat().try_into().unwrap()).collect()
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
    let last = schedule(&key.try_into().unwrap())[14];
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

fn search(memory: &[Mapping], sought: &[(Sought, [u8; 16])]) -> Vec<(Sought, String, usize)> {
    let mut begins = vec![false; 1 << 16];
    for (_, [first, second, ..]) in sought {
        begins[usize::from(u16::from_be_bytes([*first, *second]))] = true;
    }
    let mut found = Vec::new();
    for Mapping { name, start, octets } in memory {
        let mut ahead = 0;
        while let Some(rest) = octets.get(ahead..).filter(|rest| rest.len() >= 16) {
            // Pages that nobody has touched are most of it.
            if rest.len() > EMPTY.len() && rest[..EMPTY.len()] == EMPTY {
                ahead += EMPTY.len() - 16;
                continue;
            }
            if begins[usize::from(u16::from_be_bytes([rest[0], rest[1]]))] {
                let there = sought.iter().filter(|(_, needle)| rest.starts_with(needle));
                found.extend(there.map(|(what, _)| (*what, name.clone(), start + ahead)));
            }
            ahead += 1;
        }
    }
    found
}

const EMPTY: [u8; 4_096] = [0; 4_096];
/// The schedules of a cipher, for both directions, lie within so many octets.
const SCHEDULES: usize = 1_024;
