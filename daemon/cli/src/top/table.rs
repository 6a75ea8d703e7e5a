//! The rows of a view.

use std::collections::BTreeMap;

use serde_json::Value;

use super::columns::{Column, column, figures};
use super::view::View;
use super::watch::Look;
use crate::figures::{
    clean, count, duration, kind_of, moment, name_of, nanoseconds, number, octets, shown, time_of,
};
use crate::health::FRAMES;

/// What a view shows.
pub(super) struct Table {
    /// One line on all of it.
    pub(super) summary: String,
    pub(super) columns: &'static [Column],
    pub(super) rows: Vec<Vec<String>>,
}

/// The view's rows, sorted by one of [`View::sorts`].
pub(super) fn of(view: View, look: &Look, sort: usize, reversed: bool) -> Table {
    let answer = look.answers.get(&view).unwrap_or(&Value::Null);
    let records = answer.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut table = match view {
        View::Devices => devices(look, records, sort),
        View::Neighbors => neighbors(look, records, sort),
        View::Traffic => traffic(records, sort),
        View::Losses => losses(look, sort),
        View::Sent => sent(look, answer),
    };
    if reversed {
        table.rows.reverse();
    }
    table
}

fn devices(look: &Look, records: &[Value], sort: usize) -> Table {
    let mut devices: Vec<&Value> = records.iter().collect();
    match sort {
        0 => devices.sort_by_key(|device| std::cmp::Reverse(time_of(&device["last_seen"]))),
        1 => devices.sort_by_key(|device| std::cmp::Reverse(time_of(&device["first_seen"]))),
        2 => devices.sort_by_key(|device| std::cmp::Reverse(number(&device["frames"]))),
        3 => devices.sort_by_key(|device| (kind_of(device), shown(&device["mac"], 17))),
        _ => devices.sort_by_key(|device| (device["hostname"].is_null(), shown(&device["hostname"], 64))),
    }
    let mut kinds: BTreeMap<String, u64> = BTreeMap::new();
    devices.iter().for_each(|device| *kinds.entry(kind_of(device)).or_default() += 1);
    let mut kinds: Vec<_> = kinds.into_iter().collect();
    kinds.sort_by_key(|(_, devices)| std::cmp::Reverse(*devices));
    let kinds: Vec<String> =
        kinds.into_iter().map(|(kind, devices)| format!("{} {kind}", count(devices))).collect();
    let rows = devices.into_iter().map(|device| {
        vec![
            shown(&device["mac"], 17),
            kind_of(device),
            shown(&device["vendor"], 32),
            shown(&device["hostname"], 48),
            age(look.at, &device["last_seen"]),
            count(number(&device["frames"])),
            shown(&device["vlan"], 6),
            shown(device["addresses"].get(0).unwrap_or(&Value::Null), 39),
            age(look.at, &device["first_seen"]),
        ]
    });
    Table { summary: kinds.join(", "), columns: DEVICES, rows: rows.collect() }
}

fn neighbors(look: &Look, records: &[Value], sort: usize) -> Table {
    let mut neighbors: Vec<&Value> = records.iter().collect();
    match sort {
        0 => neighbors.sort_by_key(|it| (shown(&it["interface"], 16), name_of(it))),
        1 => neighbors.sort_by_key(|it| name_of(it)),
        _ => neighbors.sort_by_key(|it| std::cmp::Reverse(time_of(&it["last_seen"]))),
    }
    let (all, here) = (neighbors.len(), neighbors.iter().filter(|it| it["state"] == "present").count());
    let rows = neighbors.into_iter().map(|it| {
        vec![
            shown(&it["interface"], 16),
            shown(&it["protocol"], 8),
            name_of(it),
            shown(&it["port_id"], 32),
            shown(&it["state"], 10),
            age(look.at, &it["last_seen"]),
            shown(&it["port_description"], 32),
            shown(&it["capabilities_enabled"], 24),
        ]
    });
    Table { summary: format!("{here} present of {all}"), columns: NEIGHBORS, rows: rows.collect() }
}

#[derive(Default)]
struct OfService {
    flows: u64,
    packets: u64,
    octets: u64,
    /// Times of the TCP handshake, nanoseconds.
    round_trips: Vec<u64>,
}

fn traffic(records: &[Value], sort: usize) -> Table {
    let mut services: BTreeMap<(String, String), OfService> = BTreeMap::new();
    for flow in records {
        let service = if flow["service"].is_null() { "other".into() } else { shown(&flow["service"], 24) };
        let of = services.entry((service, shown(&flow["transport"], 8))).or_default();
        of.flows += 1;
        of.packets += number(&flow["packets"]) + number(&flow["reverse_packets"]);
        of.octets += number(&flow["bytes"]) + number(&flow["reverse_bytes"]);
        of.round_trips.extend(flow["handshake_rtt"].as_u64());
    }
    let all: u64 = services.values().map(|of| of.octets).sum();
    let mut services: Vec<_> = services.into_iter().collect();
    match sort {
        0 => services.sort_by_key(|(_, of)| std::cmp::Reverse(of.octets)),
        1 => services.sort_by_key(|(_, of)| std::cmp::Reverse(of.packets)),
        2 => services.sort_by_key(|(_, of)| std::cmp::Reverse(of.flows)),
        _ => {}
    }
    let rows = services.into_iter().map(|((service, transport), mut of)| {
        of.round_trips.sort_unstable();
        let median = of.round_trips.get(of.round_trips.len() / 2);
        let part = of.octets as f64 / all.max(1) as f64;
        vec![
            service,
            transport,
            octets(of.octets),
            format!("{:.0} %", part * 100.0),
            count(of.flows),
            count(of.packets),
            median.map(|rtt| nanoseconds(*rtt)).unwrap_or_default(),
        ]
    });
    let rows: Vec<_> = rows.collect();
    let flows = u64::try_from(records.len()).unwrap_or(u64::MAX);
    Table {
        summary: format!("the latest {} flow records, {}", count(flows), octets(all)),
        columns: TRAFFIC,
        rows,
    }
}

fn losses(look: &Look, sort: usize) -> Table {
    let status = &look.status;
    let mut ended: Vec<(String, String, String, u64)> = Vec::new();
    // Frames, by interface, of the periods that the status has.
    let mut frames: BTreeMap<(String, &str), u64> = BTreeMap::new();
    let mut since = None;
    for period in status["counters"].as_array().into_iter().flatten() {
        since = [since, time_of(&period["from"])].into_iter().flatten().min();
        for (field, why) in FRAMES {
            let frames = frames.entry((shown(&period["interface"], 16), why)).or_default();
            *frames += number(&period[field.short_name()]);
        }
    }
    for ((interface, why), frames) in frames.into_iter().filter(|(_, frames)| *frames > 0) {
        ended.push(("frames".into(), interface, why.into(), frames));
    }
    for (key, of, what) in ENDED {
        for row in status[key].as_array().into_iter().flatten() {
            ended.push((
                what.into(),
                shown(&row[of], 16),
                shown(&row["reason"], 48),
                number(&row["records"]),
            ));
        }
    }
    for (pointer, what, why) in [
        ("/outbox/batches_lost", "batches lost", "given up without a receipt"),
        ("/quarantined", "set aside", "damaged parts of the buffer"),
        ("/missing", "missing", "parts of the buffer that vanished"),
    ] {
        let lost = status.pointer(pointer).map_or(0, number);
        if lost > 0 {
            ended.push((what.into(), String::new(), why.into(), lost));
        }
    }
    if sort == 1 {
        ended.sort_by_key(|(.., lost)| std::cmp::Reverse(*lost));
    }
    let rows = ended.into_iter().map(|(what, of, why, lost)| vec![what, of, count(lost), why]);
    let since = since.map_or_else(String::new, |since| format!("frames since {}; ", moment(since)));
    Table {
        summary: format!("{since}records since the buffer was made"),
        columns: LOSSES,
        rows: rows.collect(),
    }
}

fn sent(look: &Look, answer: &Value) -> Table {
    let outbox = &look.status["outbox"];
    let rows = answer["entries"].as_array().into_iter().flatten().map(|entry| {
        let detail = entry["detail"].as_object().into_iter().flatten();
        let detail: Vec<String> =
            detail.map(|(name, value)| format!("{name}={}", shown(value, 20))).collect();
        vec![
            count(number(&entry["number"])),
            moment(number(&entry["at_ms"]).saturating_mul(1_000_000)),
            shown(&entry["event"], 24),
            clean(&detail.join(" "), 96),
        ]
    });
    let chain =
        if answer["broken_at"].is_null() { "" } else { "; THE LEDGER IS BROKEN: headgate ledger verify" };
    let summary = format!(
        "{} batches wait, {} records in them, {}{chain}",
        number(&outbox["batches"]),
        count(number(&outbox["records"])),
        octets(number(&outbox["bytes"])),
    );
    Table { summary, columns: SENT, rows: rows.collect() }
}

/// How long ago that was.
fn age(now: u64, time: &Value) -> String {
    time_of(time).map(|time| duration(now.saturating_sub(time) / 1_000_000_000)).unwrap_or_default()
}

const DEVICES: &[Column] = &[
    column("MAC", 17, 17, 0),
    column("KIND", 8, 16, 1),
    column("VENDOR", 10, 24, 3),
    column("NAME", 10, 32, 2),
    figures("SEEN AGO", 10, 0),
    figures("FRAMES", 9, 4),
    figures("VLAN", 4, 5),
    column("ADDRESS", 15, 39, 6),
    figures("NEW", 10, 7),
];
const NEIGHBORS: &[Column] = &[
    column("INTERFACE", 4, 16, 1),
    column("BY", 4, 6, 4),
    column("NAME", 12, 48, 0),
    column("PORT", 8, 24, 0),
    column("STATE", 7, 9, 3),
    figures("SEEN AGO", 10, 2),
    column("DESCRIPTION", 10, 32, 5),
    column("IS A", 6, 24, 6),
];
const TRAFFIC: &[Column] = &[
    column("SERVICE", 10, 24, 0),
    column("OVER", 4, 6, 1),
    figures("OCTETS", 9, 0),
    figures("SHARE", 5, 2),
    figures("FLOWS", 7, 0),
    figures("PACKETS", 11, 3),
    figures("HANDSHAKE", 9, 4),
];
const LOSSES: &[Column] =
    &[column("WHAT", 8, 16, 0), column("OF", 4, 16, 1), figures("COUNT", 13, 0), column("WHY", 12, 60, 0)];
const SENT: &[Column] = &[
    figures("NUMBER", 7, 2),
    column("TIME", 19, 19, 1),
    column("EVENT", 8, 20, 0),
    column("DETAIL", 12, 96, 0),
];

/// Lists of the status that say how records ended: key, what names them, what it is.
const ENDED: [(&str, &str, &str); 4] = [
    ("lost", "class", "records lost"),
    ("withheld", "kind", "withheld"),
    ("not_collected", "kind", "not collected"),
    ("malformed", "kind", "refused"),
];

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn look(view: View, answer: Value, status: Value) -> Look {
        let at = time_of(&json!("2026-11-24T06:50:00Z")).unwrap();
        Look { at, status, answers: BTreeMap::from([(view, answer)]), ..Look::default() }
    }

    fn device(mac: &str, kind: Option<&str>, frames: u64, first: u32, last: u32) -> Value {
        json!({
            "mac": mac, "device_kind": kind, "frames": frames, "vendor": "Example",
            "first_seen": format!("2026-11-24T06:49:{first:02}Z"), "last_seen": format!("2026-11-24T06:49:{last:02}Z"),
        })
    }

    #[test]
    fn devices_are_sorted_by_what_is_asked_for() {
        let answer = json!([
            device("a", Some("phone"), 5, 1, 30),
            device("b", None, 9, 2, 10),
            device("c", Some("phone"), 1, 3, 20)
        ]);
        let look = look(View::Devices, answer, Value::Null);
        let order = |sort, reversed| -> String {
            of(View::Devices, &look, sort, reversed).rows.iter().map(|row| row[0].clone()).collect()
        };
        assert_eq!(
            (order(0, false), order(1, false), order(2, false)),
            ("acb".into(), "cba".into(), "bac".into())
        );
        assert_eq!((order(3, false), order(0, true)), ("acb".into(), "bca".into()));
        let table = of(View::Devices, &look, 0, false);
        assert_eq!(table.summary, "2 phone, 1 unknown");
        assert_eq!(table.rows[0][4], "30 s");
    }

    #[test]
    fn traffic_is_summed_by_service() {
        let flow = |service: Option<&str>, octets: u64, rtt: Option<u64>| json!({ "service": service, "transport": "tcp", "packets": 1, "reverse_packets": 2, "bytes": octets, "reverse_bytes": octets, "handshake_rtt": rtt });
        let answer = json!([
            flow(Some("web"), 100, Some(5_000_000)),
            flow(None, 300, None),
            flow(Some("web"), 50, Some(7_000_000))
        ]);
        let table = of(View::Traffic, &look(View::Traffic, answer, Value::Null), 0, false);
        assert_eq!(table.rows[0][..5].join("|"), "other|tcp|600\u{a0}B|67 %|1");
        assert_eq!(table.rows[1].join("|"), "web|tcp|300\u{a0}B|33 %|2|6|7.0\u{a0}ms");
    }

    #[test]
    fn losses_name_their_class_and_reason() {
        let status = json!({
            "counters": [{ "interface": "eth1", "frames_lost": 3, "unread": 0, "from": "2026-11-24T06:49:00Z" },
                         { "interface": "eth1", "frames_lost": 4, "from": "2026-11-24T06:48:00Z" }],
            "lost": [{ "class": "bulk", "reason": "buffer-full", "records": 9 }],
            "quarantined": 1,
        });
        let table = of(View::Losses, &look(View::Losses, Value::Null, status), 0, false);
        let rows: Vec<String> = table.rows.iter().map(|row| row.join("|")).collect();
        assert_eq!(
            rows,
            [
                "frames|eth1|7|no room in the ring",
                "records lost|bulk|9|buffer-full",
                "set aside||1|damaged parts of the buffer"
            ]
        );
        assert!(table.summary.starts_with("frames since 2026-11-24 06:48:00"), "{}", table.summary);
    }
}
