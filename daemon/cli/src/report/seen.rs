//! What was seen: devices, flows, and where frames and records ended.

use std::collections::BTreeMap;

use headgate_record::Kind;
use serde_json::Value;

use super::site::Site;
use super::{chart, html::Html};
use crate::figures::{count, kind_of, moment, nanoseconds, number, octets, shown, time_of};
use crate::health::FRAMES;

/// Devices by kind and vendor, and the latest of them.
pub(super) fn devices(html: &mut Html, site: &Site) {
    let devices = site.of(Kind::Device);
    if devices.is_empty() {
        html.paragraph("No device was seen.");
        return;
    }
    html.raw("<div class=\"pair\">\n");
    chart::bars(
        html,
        "By kind, as DHCP requests and announcements tell",
        "Kind",
        "Devices",
        &most(devices.iter().map(kind_of)),
    );
    let vendor = |device: &Value| match (&device["vendor"], &device["locally_administered"]) {
        (Value::Null, Value::Bool(true)) => "none: a random address".to_owned(),
        (Value::Null, _) => "unknown".to_owned(),
        (vendor, _) => shown(vendor, 40),
    };
    chart::bars(html, "By vendor of the address", "Vendor", "Devices", &most(devices.iter().map(vendor)));
    html.raw("</div>\n");
    let mut latest: Vec<&Value> = devices.iter().collect();
    latest
        .sort_by_key(|device| (std::cmp::Reverse(time_of(&device["last_seen"])), shown(&device["mac"], 17)));
    let rows = latest.iter().take(MOST_DEVICES).map(|device| {
        let addresses = device["addresses"].as_array().into_iter().flatten().take(4).map(|at| shown(at, 39));
        vec![
            shown(&device["mac"], 40),
            shown(&device["vlan"], 5),
            kind_of(device),
            shown(&device["vendor"], 40),
            shown(&device["hostname"], 63),
            addresses.collect::<Vec<_>>().join(", "),
            time_of(&device["first_seen"]).map(moment).unwrap_or_default(),
            time_of(&device["last_seen"]).map(moment).unwrap_or_default(),
        ]
    });
    let columns = [
        "@Address",
        "VLAN",
        "Kind",
        "Vendor",
        "Name",
        "IP addresses",
        "@First seen (UTC)",
        "@Last seen (UTC)",
    ];
    html.table("Devices, those that were seen last first", &columns, &rows.collect::<Vec<_>>());
    super::more(html, latest.len(), MOST_DEVICES, "headgate devices");
}

/// The names that come most often, and what all others are together.
fn most(names: impl Iterator<Item = String>) -> Vec<(String, u64)> {
    let mut counted: BTreeMap<String, u64> = BTreeMap::new();
    names.for_each(|name| *counted.entry(name).or_default() += 1);
    let mut counted: Vec<(String, u64)> = counted.into_iter().collect();
    counted.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    let others: u64 = counted.iter().skip(MOST_BARS).map(|(_, times)| times).sum();
    counted.truncate(MOST_BARS);
    if others > 0 {
        counted.push(("all others".into(), others));
    }
    counted
}

/// Octets over time, and by service.
pub(super) fn flows(html: &mut Html, site: &Site) {
    let services = site.flows.by_octets();
    let Some(timeline) = site.flows.timeline() else {
        html.paragraph("No flow was seen: a mirror port shows flows, an access port does not.");
        return;
    };
    let all: u64 = services.iter().map(|of| of.octets).sum();
    let flows: u64 = services.iter().map(|of| of.flows).sum();
    let most = services.first().map_or("", |of| of.name.as_str());
    let description = format!(
        "{} in {} flow records from {}; most of it {most}. The table below has all services.",
        octets(all),
        count(flows),
        moment(timeline.from),
    );
    chart::timeline(html, &timeline, &description);
    if site.is_live() {
        html.element(
            "p",
            &[("class", "note")],
            &format!("Of the latest {} flow records that are kept.", count(flows)),
        );
    }
    let rows = services.iter().take(MOST_SERVICES).map(|of| {
        let mut times = of.round_trips.clone();
        times.sort_unstable();
        let median = times.get(times.len() / 2).map(|time| nanoseconds(*time));
        let late = times.get(times.len().saturating_mul(95) / 100).map(|time| nanoseconds(*time));
        vec![
            of.name.clone(),
            octets(of.octets),
            format!("{:.1} %", 100.0 * of.octets as f64 / all.max(1) as f64),
            count(of.flows),
            count(of.packets),
            median.unwrap_or_default(),
            late.unwrap_or_default(),
        ]
    });
    let columns = [
        "Service",
        ">Octets",
        ">Share",
        ">Flow records",
        ">Packets",
        ">Handshake, half within",
        ">95 % within",
    ];
    html.table("By service", &columns, &rows.collect::<Vec<_>>());
}

/// How frames and records ended that were not used or kept.
pub(super) fn losses(html: &mut Html, site: &Site) {
    let mut rows = Vec::new();
    let mut frames: BTreeMap<String, [u64; FRAMES.len()]> = BTreeMap::new();
    for period in site.of(Kind::Counters) {
        let sums = frames.entry(shown(&period["interface"], 32)).or_insert([0; FRAMES.len()]);
        for (sum, (field, _)) in sums.iter_mut().zip(FRAMES) {
            *sum = sum.saturating_add(number(&period[field.short_name()]));
        }
    }
    for (interface, sums) in &frames {
        for (sum, (_, why)) in sums.iter().zip(FRAMES).filter(|(sum, _)| **sum > 0) {
            rows.push(vec!["frames".to_owned(), interface.clone(), why.to_owned(), count(*sum)]);
        }
    }
    for (key, of, what) in [
        ("lost", "class", "records lost"),
        ("not_collected", "kind", "records not collected"),
        ("malformed", "kind", "records refused"),
    ] {
        for row in site.status[key].as_array().into_iter().flatten() {
            rows.push(vec![
                what.into(),
                shown(&row[of], 32),
                shown(&row["reason"], 96),
                count(number(&row["records"])),
            ]);
        }
    }
    if rows.is_empty() {
        html.raw("<p class=\"good\">Nothing: every frame was read and used, and every record kept.</p>\n");
        return;
    }
    html.paragraph(
        "Every frame and every record ends in exactly one count. These did not end as a record that is kept:",
    );
    html.table("Where they ended", &["What", "Of", "Why", ">Count"], &rows);
}

/// Rows of the table of devices.
const MOST_DEVICES: usize = 200;
/// Bars of a chart that have a name.
const MOST_BARS: usize = 10;
const MOST_SERVICES: usize = 50;
