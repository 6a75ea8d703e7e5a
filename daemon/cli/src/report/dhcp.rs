//! How well DHCP works: who answers, how fast, and what fails.

use std::collections::BTreeMap;

use headgate_record::Kind;
use serde_json::Value;

use super::{chart, html::Html, site::Site};
use crate::figures::{count, moment, nanoseconds, shown, time_of};

/// Servers, results, times and failures.
pub(super) fn section(html: &mut Html, site: &Site) {
    let exchanges = site.of(Kind::Exchange);
    if exchanges.is_empty() && site.of(Kind::Lease).is_empty() {
        html.paragraph("No DHCP exchange was seen.");
        return;
    }
    verdict(html, exchanges);
    servers(html, site);
    html.raw("<div class=\"pair\">\n");
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    exchanges.iter().for_each(|it| *outcomes.entry(shown(&it["outcome"], 24)).or_default() += 1);
    let mut outcomes: Vec<_> = outcomes.into_iter().collect();
    outcomes.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    chart::bars(html, "How exchanges ended", "Result", "Exchanges", &outcomes);
    let rows = TIMES.map(|(field, what)| {
        let times = sorted(exchanges, field);
        let at = |percent: usize| {
            times.get(times.len().saturating_sub(1) * percent / 100).map(|it| nanoseconds(*it))
        };
        let [half, most, longest] = [50, 95, 100].map(|percent| at(percent).unwrap_or_else(|| "–".into()));
        vec![what.to_owned(), count(u64::try_from(times.len()).unwrap_or(u64::MAX)), half, most, longest]
    });
    html.table(
        "How long answers take",
        &["From, to", ">Measured", ">Half within", ">95 % within", ">Longest"],
        &rows,
    );
    html.raw("</div>\n");
    histogram(html, exchanges);
    failures(html, exchanges);
}

fn is_failure(exchange: &Value) -> bool {
    ["refused", "unanswered", "declined"].iter().any(|bad| exchange["outcome"] == *bad)
}

fn verdict(html: &mut Html, exchanges: &[Value]) {
    let failed = exchanges.iter().filter(|it| is_failure(it)).count();
    let several = exchanges
        .iter()
        .filter(|it| it["servers"].as_array().is_some_and(|servers| servers.len() > 1))
        .count();
    let (class, text) = match failed {
        0 => ("good", format!("All {} exchanges ended well.", exchanges.len())),
        _ => (
            "bad",
            format!("{failed} of {} exchanges were refused, declined or not answered.", exchanges.len()),
        ),
    };
    html.element("p", &[("class", class)], &text);
    if several > 0 {
        html.element("p", &[("class", "bad")], &format!("In {several} exchanges more than one server answered: if that is not meant, one of them should not be there."));
    }
}

fn servers(html: &mut Html, site: &Site) {
    let mut servers: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for exchange in site.of(Kind::Exchange) {
        for server in exchange["servers"].as_array().into_iter().flatten() {
            servers.entry((shown(server, 39), shown(&exchange["vlan"], 5))).or_default().0 += 1;
        }
    }
    for lease in site.of(Kind::Lease).iter().filter(|lease| !lease["server"].is_null()) {
        servers.entry((shown(&lease["server"], 39), shown(&lease["vlan"], 5))).or_default().1 += 1;
    }
    if servers.is_empty() {
        html.paragraph("No server's answer was seen: on an access port only what clients broadcast is.");
        return;
    }
    let rows = servers.into_iter().map(|((server, vlan), (exchanges, leases))| {
        let vlan = if vlan.is_empty() { "untagged".into() } else { vlan };
        vec![server, vlan, count(exchanges), count(leases)]
    });
    html.table("Servers", &["@Server", "VLAN", ">Exchanges answered", ">Leases"], &rows.collect::<Vec<_>>());
}

fn sorted(exchanges: &[Value], field: &str) -> Vec<u64> {
    let mut times: Vec<u64> = exchanges.iter().filter_map(|it| it[field].as_u64()).collect();
    times.sort_unstable();
    times
}

/// How many answers came within which time.
fn histogram(html: &mut Html, exchanges: &[Value]) {
    let times = TIMES.map(|(field, _)| sorted(exchanges, field));
    let measured: usize = times.iter().map(Vec::len).sum();
    if measured == 0 {
        return;
    }
    let mut groups = Vec::new();
    let mut from = 0;
    for (name, to) in STEPS {
        let within = |times: &Vec<u64>| {
            let there = times.iter().filter(|time| (from..to).contains(*time)).count();
            u64::try_from(there).unwrap_or(u64::MAX)
        };
        groups.push((name, times.iter().map(within).collect()));
        from = to;
    }
    let names = TIMES.map(|(_, what)| what.to_owned());
    let description = format!(
        "{measured} times that were measured, by how long they are; the table above has their middle and their longest."
    );
    chart::columns(html, "dhcp-chart", "Times to an answer", &description, &groups, &names);
}

fn failures(html: &mut Html, exchanges: &[Value]) {
    let mut failed: Vec<&Value> = exchanges.iter().filter(|it| is_failure(it)).collect();
    if failed.is_empty() {
        return;
    }
    failed.sort_by_key(|it| (std::cmp::Reverse(time_of(&it["started"])), shown(&it["mac"], 17)));
    let rows = failed.iter().take(MOST_FAILURES).map(|it| {
        let servers = it["servers"].as_array().into_iter().flatten().take(4).map(|server| shown(server, 39));
        vec![
            time_of(&it["started"]).map(moment).unwrap_or_default(),
            shown(&it["mac"], 40),
            shown(&it["vlan"], 5),
            shown(&it["outcome"], 24),
            shown(&it["messages"], 8),
            servers.collect::<Vec<_>>().join(", "),
        ]
    });
    let columns = ["@Began (UTC)", "@Client", "VLAN", "Result", ">Messages", "Servers"];
    html.table("Exchanges that failed, the latest first", &columns, &rows.collect::<Vec<_>>());
    super::more(html, failed.len(), MOST_FAILURES, "headgate exchanges");
}

const TIMES: [(&str, &str); 2] =
    [("discover_to_offer", "DISCOVER to OFFER"), ("request_to_answer", "REQUEST to answer")];
/// Up to how many nanoseconds.
const STEPS: [(&str, u64); 9] = [
    ("< 1 ms", 1_000_000),
    ("< 3 ms", 3_000_000),
    ("< 10 ms", 10_000_000),
    ("< 30 ms", 30_000_000),
    ("< 100 ms", 100_000_000),
    ("< 300 ms", 300_000_000),
    ("< 1 s", 1_000_000_000),
    ("< 3 s", 3_000_000_000),
    ("longer", u64::MAX),
];
const MOST_FAILURES: usize = 50;
