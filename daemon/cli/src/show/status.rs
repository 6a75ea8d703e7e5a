//! `headgate status`: one screen.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal};

use serde_json::Value;

use super::{cell, json, text, wrapped};
use crate::error::CliError;
use crate::figures::{bits, duration, moment, number, octets, rate};
use crate::health::{self, Finding, Period};

/// Prints the state of the appliance. Something that is wrong is said with what to type.
pub(crate) fn status(answer: &Value, as_json: bool) -> Result<(), CliError> {
    if as_json {
        return json(answer);
    }
    let mut findings = health::findings(answer);
    findings.extend(health::clock());
    let page = match size() {
        Some((columns, rows)) => fitting(answer, &findings, columns, rows),
        None => page(answer, &findings, None, MOST_LISTED),
    };
    text(&page)
}

/// The size of the terminal, where the text goes to one: lines for a file or a pipe are neither broken nor left out.
fn size() -> Option<(usize, usize)> {
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(&stdout).ok()?;
    (size.ws_col >= NARROWEST).then(|| (size.ws_col.into(), size.ws_row.into()))
}

/// The page that says as much as there is room for, under the line that the shell writes next.
fn fitting(answer: &Value, findings: &[Finding], columns: usize, rows: usize) -> String {
    let mut pages = LISTED.into_iter().map(|listed| page(answer, findings, Some(columns), listed));
    let least = || page(answer, findings, Some(columns), 1);
    pages.find(|page| page.lines().count() < rows).unwrap_or_else(least)
}

/// The page, with so many at most of what there may be many of.
fn page(answer: &Value, findings: &[Finding], width: Option<usize>, listed: usize) -> String {
    let mut page = Page { text: String::new(), width, listed };
    page.line("appliance", &cell(&answer["appliance"]));
    seen(&mut page, answer);
    kept(&mut page, answer);
    sent(&mut page, answer);
    ended(&mut page, answer);
    if let Some(waiting) = answer["requests_waiting"].as_u64().filter(|waiting| *waiting > 0) {
        page.line(
            "asked",
            &format!("{waiting} requests of the receiver wait for an answer: headgate requests"),
        );
    }
    if findings.is_empty() {
        page.line("wrong", "nothing");
    }
    let findings_listed = listed.max(LEAST_FINDINGS);
    for finding in findings.iter().take(findings_listed) {
        page.line("wrong", &finding.to_string());
    }
    if let Some(more @ 1..) = findings.len().checked_sub(findings_listed) {
        page.line("", &format!("and {more} more: headgate status | cat"));
    }
    page.text
}

struct Page {
    text: String,
    width: Option<usize>,
    /// Interfaces and reasons that have a line of their own.
    listed: usize,
}

impl Page {
    /// A line behind its title, and where it is too long further ones below it.
    fn line(&mut self, title: &str, said: &str) {
        let room = self.width.map_or(usize::MAX, |width| width.saturating_sub(TITLE).max(1));
        for (part, said) in wrapped(said, room).iter().enumerate() {
            let title = if part == 0 { title } else { "" };
            self.text.push_str(format!("{title:<TITLE$}{said}").trim_end());
            self.text.push('\n');
        }
    }
}

/// How interfaces are, and what they counted in their latest period.
fn seen(page: &mut Page, answer: &Value) {
    let periods = health::latest_periods(answer);
    let is_connected = answer["sensor"]["connected"] == true;
    let sensor = if is_connected { "sensor connected" } else { "sensor away" };
    match periods.values().map(|period| period.to).max() {
        Some(to) => page.line("seen", &format!("{sensor}; counted until {} UTC", moment(to))),
        None => page.line("seen", sensor),
    }
    let interfaces = answer["sensor"]["interfaces"].as_array().into_iter().flatten();
    let mut states: BTreeMap<String, String> =
        interfaces.map(|it| (cell(&it["name"]), format!(" {}", cell(&it["state"])))).collect();
    // Of a sensor that has gone, and of one that reads files, only what it counted is known.
    periods.keys().for_each(|name| _ = states.entry(name.clone()).or_default());
    for (name, state) in states.iter().take(page.listed) {
        let counted = match periods.get(name) {
            Some(period) => counted(period, answer),
            None => "nothing counted yet".into(),
        };
        page.line("", &format!("{name}{state}: {counted}"));
    }
    if let Some(more @ 1..) = states.len().checked_sub(page.listed) {
        page.line("", &format!("and {more} more interfaces: headgate counters"));
    }
}

/// Rates of the latest period, and what was lost in all that the answer has.
fn counted(period: &Period, answer: &Value) -> String {
    let all = answer["counters"].as_array().into_iter().flatten().filter_map(Period::of);
    let lost: u64 = all.filter(|one| one.interface == period.interface).map(|one| one.lost).sum();
    let (frames, bits) = (rate(period.frames_per_second()), bits(period.octets_per_second()));
    format!("{frames} frames/s, {bits}, {lost} lost by the kernel")
}

fn kept(page: &mut Page, answer: &Value) {
    let kinds = answer["records"].as_object().into_iter().flatten();
    let kept: Vec<String> =
        kinds.filter(|(_, n)| n.as_u64() != Some(0)).map(|(kind, n)| format!("{n} {kind}")).collect();
    page.line("kept", &format!("{} records", if kept.is_empty() { "no".into() } else { kept.join(", ") }));
    let (on_disk, cap) = (number(&answer["bytes_on_disk"]), number(&answer["cap"]));
    let percent = on_disk.saturating_mul(100) / cap.max(1);
    page.line("", &format!("{} of {} on disk ({percent} %)", octets(on_disk), octets(cap)));
}

fn sent(page: &mut Page, answer: &Value) {
    let outbox = &answer["outbox"];
    let mut line = format!(
        "batch {} of {} receipted; {} wait",
        outbox["last_receipted"], outbox["last_sequence"], outbox["batches"]
    );
    if number(&outbox["batches"]) > 0 {
        let oldest = duration(number(&outbox["oldest_age_ms"]) / 1_000);
        line += &format!(" ({}, the oldest for {oldest})", octets(number(&outbox["bytes"])));
    }
    page.line("sent", &line);
    let link = match health::link(answer) {
        "by carried media" => "by carried media: headgate bundle list",
        "nothing to send yet" => "the uplink has had nothing to send since it began",
        link => link,
    };
    match answer["sealed_to"].as_str() {
        Some(key) => page.line("", &format!("{link}; sealed to the receiver's key {key}")),
        None => page.line("", link),
    }
}

/// Records that went no further, by reason.
fn ended(page: &mut Page, answer: &Value) {
    for (title, key, of) in
        [("withheld", "withheld", "kind"), ("lost", "lost", "class"), ("refused", "malformed", "kind")]
    {
        let mut reasons: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in answer[key].as_array().into_iter().flatten() {
            let records = format!("{} {}", row["records"], cell(&row[of]));
            reasons.entry(cell(&row["reason"])).or_default().push(records.trim_end().to_owned());
        }
        for (at, (reason, records)) in reasons.iter().enumerate().take(page.listed) {
            let title = if at == 0 { title } else { "" };
            page.line(title, &format!("{} records: {reason}", records.join(", ")));
        }
        if let Some(more @ 1..) = reasons.len().checked_sub(page.listed) {
            page.line("", &format!("and for {more} more reasons: headgate top --once --view losses"));
        }
    }
}

/// Columns of what a line begins with.
const TITLE: usize = 11;
/// A terminal that says less does not know.
const NARROWEST: u16 = 40;
/// How much is listed of what there may be much of: as much as finds room.
const LISTED: [usize; 5] = [16, 8, 4, 2, 1];
/// The same, for a file or a pipe.
const MOST_LISTED: usize = 64;
/// Findings are said before all else.
const LEAST_FINDINGS: usize = 3;

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(interface: usize) -> Value {
        json!({
            "interface": format!("eth{interface}"), "frames": 123_456, "bytes": 98_765_432, "frames_lost": 7,
            "from": "2026-11-24T06:49:00Z", "to": "2026-11-24T06:50:00Z",
        })
    }

    fn busy() -> Value {
        let up = |n| json!({ "name": format!("eth{n}"), "state": "up" });
        let reasons = |of: &str| -> Value {
            (0..6)
                .map(|n| json!({ of: "state", "reason": format!("reason-{n}"), "records": 12_345 }))
                .collect()
        };
        json!({
            "appliance": "branch-7",
            "sensor": { "connected": true, "interfaces": (0..9).map(up).collect::<Value>() },
            "counters": (0..9).map(row).collect::<Value>(),
            "records": { "device": 100_000, "neighbor": 48, "lease": 5_000, "exchange": 90_000, "flow": 1_000_000, "counters": 999, "bridge": 5 },
            "bytes_on_disk": 200_u64 << 20, "cap": 256_u64 << 20,
            "outbox": { "last_receipted": 41, "last_sequence": 44, "batches": 3, "bytes": 12_345, "oldest_age_ms": 65_000 },
            "receiver_configured": true, "link_configured": true,
            "uplink": { "connected": false, "problem": "connection refused", "retry_ms": 1_000 },
            "sealed_to": "0123456789abcdef", "withheld": reasons("kind"), "lost": reasons("class"),
            "room_on_disk": false, "rules_refused": "rules.toml:12:3: unknown field `hostnam`, expected one of `hostname`, `fqdn`",
            "problems": { "commit": "no space left on device" }, "malformed": [], "requests_waiting": 1, "quarantined": 1,
        })
    }

    /// However much there is to say, it fits the smallest screen; on a larger one more is said.
    #[test]
    fn all_of_it_fits_a_screen() {
        let answer = busy();
        let lines = |rows| {
            let page = fitting(&answer, &health::findings(&answer), 80, rows);
            assert!(page.lines().all(|line| line.chars().count() <= 80), "{page}");
            assert!(page.lines().count() < rows, "{page}");
            page.lines().count()
        };
        assert!(lines(24) < lines(60));
    }

    #[test]
    fn a_quiet_appliance_says_that_nothing_is_wrong() {
        let answer = json!({ "appliance": "a", "counters": [row(1)], "outbox": { "batches": 0 } });
        let page = page(&answer, &[], None, 4);
        assert!(page.ends_with("wrong      nothing\n"), "{page}");
        assert!(page.contains("sensor away; counted until 2026-11-24 06:50:00 UTC\n"), "{page}");
        let counted = "eth1: 2\u{a0}058 frames/s, 13.2\u{a0}Mbit/s, 7 lost by the kernel\n";
        assert!(page.contains(counted), "{page}");
    }

    #[test]
    fn lines_for_a_pipe_are_not_broken() {
        let answer = busy();
        let page = page(&answer, &health::findings(&answer), None, MOST_LISTED);
        let refused = "wrong      changed rules were refused, the last good ones hold: rules.toml:12:3: unknown field `hostnam`, expected one of `hostname`, `fqdn`; headgate rules check\n";
        assert!(page.contains(refused), "{page}");
        assert!(page.contains("lost       12345 state records: reason-0\n"), "{page}");
        assert!(page.contains("(12.1\u{a0}KiB, the oldest for 1 min 5 s)\n"), "{page}");
    }
}
