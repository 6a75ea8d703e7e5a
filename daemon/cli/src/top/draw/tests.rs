use std::collections::BTreeMap;

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use serde_json::{Value, json};

use super::super::screen::Screen;
use super::super::view::View;
use super::super::watch::Look;
use super::*;
use crate::figures::time_of;
use crate::health::{self, Period};

fn busy() -> Look {
    let status = json!({
        "appliance": "branch-7",
        "sensor": { "connected": true, "interfaces": [{ "name": "eth1", "state": "up" }, { "name": "eth2", "state": "no-link" }] },
        "records": { "device": 310, "flow": 12_034 }, "bytes_on_disk": 64_u64 << 20, "cap": 256_u64 << 20, "waiting": 7,
        "outbox": { "batches": 1, "records": 100, "bytes": 2_048, "oldest_age_ms": 3_000, "last_sequence": 42, "last_receipted": 41 },
        "receiver_configured": true, "link_configured": true, "uplink": null,
        "lost": [{ "class": "bulk", "reason": "buffer-full", "records": 12 }], "withheld": [], "problems": {},
        "rules_refused": "rules.toml:12:3: unknown field `hostnam`, expected one of `hostname`, `fqdn`, `vendor`",
    });
    let period = |at: u64, frames| Period {
        interface: "eth1".into(),
        from: at * 60_000_000_000,
        to: (at + 1) * 60_000_000_000,
        frames,
        octets: frames * 100,
        lost: 0,
    };
    let device = json!({
        "mac": "00:1b:21:00:00:03", "device_kind": "phone", "vendor": "Example", "hostname": "tel\u{1b}[2Jefon", "frames": 5,
        "first_seen": "2026-11-24T06:49:00Z", "last_seen": "2026-11-24T06:49:30Z",
    });
    Look {
        at: time_of(&json!("2026-11-24T06:50:00Z")).unwrap(),
        wrong: health::findings(&status),
        status,
        away: None,
        answers: BTreeMap::from([(View::Devices, Value::Array(vec![device; 100]))]),
        history: BTreeMap::from([("eth1".into(), (1..50).map(|at| period(at, at * 600)).collect())]),
    }
}

fn drawn(screen: &mut Screen, look: &Look, width: u16, height: u16) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, screen, look)).unwrap();
    let buffer = terminal.backend().buffer();
    let rows = buffer.content().chunks(width.into());
    rows.map(|row| row.iter().map(|cell| cell.symbol()).collect::<String>()).collect()
}

#[test]
fn a_screen_of_80_columns_and_24_rows_has_all_of_it() {
    let screen = drawn(&mut Screen::new(View::Devices), &busy(), 80, 24).join("\n");
    for said in [
        "Headgate branch-7",
        "2026-11-24 06:50:00 UTC",
        "eth1 up            490 frames/s",
        "eth2 no-link",
        "64.0\u{a0}MiB of 256\u{a0}MiB",
        "41 of 42 batches receipted, 1 wait (2.0\u{a0}KiB, 3 s); uplink away",
        "12 records, 0 frames",
        "[1 Devices]",
        "by last seen",
        "00:1b:21:00:00:03",
        "q quit",
        "wrong  eth2 is no-link",
        "systemctl status headgate-uplink",
    ] {
        assert!(screen.contains(said), "{said:?} in\n{screen}");
    }
    assert!(!screen.contains('\u{1b}'), "{screen}");
}

/// However small or large, nothing panics and the keys stay.
#[test]
fn every_size_is_drawn() {
    let look = busy();
    for (width, height) in [(1, 1), (20, 5), (40, 10), (80, 24), (81, 25), (200, 60), (500, 3)] {
        for view in View::ALL {
            let mut screen = Screen::new(view);
            let rows = drawn(&mut screen, &look, width, height);
            assert_eq!(rows.len(), usize::from(height));
            screen.has_help = true;
            let _ = drawn(&mut screen, &look, width, height);
            let _ = drawn(&mut Screen::new(view), &Look::default(), width, height);
        }
    }
}

#[test]
fn a_store_that_has_gone_is_said_and_what_was_known_stays() {
    let mut look = busy();
    look.away = Some("the store does not answer at /run/x: is headgate.service running?".into());
    let screen = drawn(&mut Screen::new(View::Devices), &look, 80, 24).join("\n");
    for said in ["wrong  the store does not answer", "as of 2026-11-24 06:50:00 UTC", "00:1b:21:00:00:03"] {
        assert!(screen.contains(said), "{said} in\n{screen}");
    }
    let look = Look { away: look.away, ..Look::default() };
    assert!(
        drawn(&mut Screen::new(View::Devices), &look, 80, 24)
            .join("\n")
            .contains("wrong  the store does not answer")
    );
}

#[test]
fn scrolling_shows_other_rows_and_the_last_page_is_full() {
    let look = busy();
    let mut screen = Screen::new(View::Devices);
    let rows = |drawn: Vec<String>| drawn.iter().filter(|row| row.contains("00:1b:21")).count();
    let first = rows(drawn(&mut screen, &look, 80, 24));
    screen.scroll(isize::MAX);
    assert_eq!(rows(drawn(&mut screen, &look, 80, 24)), first);
    assert!(first >= 5, "{first}");
    assert!(rows(drawn(&mut screen, &look, 80, 40)) > first, "a larger screen shows more");
}

/// What is wrong, and a few rows, have room on the smallest screens as well.
#[test]
fn a_small_screen_has_what_is_wrong_and_some_rows() {
    let look = busy();
    for (width, height) in [(40, 12), (80, 15), (60, 24)] {
        let rows = drawn(&mut Screen::new(View::Devices), &look, width, height);
        let devices = rows.iter().filter(|row| row.contains("00:1b:21")).count();
        assert!(devices >= 3 && rows.iter().any(|row| row.contains("wrong")), "{}", rows.join("\n"));
    }
}
