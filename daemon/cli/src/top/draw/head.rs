//! The upper part of the screen: what is seen, kept, sent, lost and wrong.

use ratatui::style::{Color, Style};
use ratatui::text::{Line, Span};

use super::super::watch::Look;
use super::{BAD, DIM, GOOD, LABEL, label};
use crate::figures::{bits, clean, count, duration, number, octets, rate, shown, whole};
use crate::health::{Period, link};
use crate::show::wrapped;

/// A line for each interface: how it is, what comes.
pub(super) fn seen(look: &Look, width: usize) -> Vec<Line<'static>> {
    let interfaces = look.status["sensor"]["interfaces"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut names: Vec<(String, String)> =
        interfaces.iter().map(|it| (shown(&it["name"], 16), shown(&it["state"], 9))).collect();
    // A sensor that reads a file has no interface, and counts.
    for name in look.history.keys().filter(|_| interfaces.is_empty()) {
        names.push((name.clone(), String::new()));
    }
    let longest = names.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
    let mut lines = Vec::new();
    for (at, (name, state)) in names.iter().enumerate().take(MOST_INTERFACES) {
        let periods = look.history.get(name).map(Vec::as_slice).unwrap_or_default();
        let mut spans =
            vec![label(if at == 0 { "seen" } else { "" }), Span::raw(format!("{name:<longest$} "))];
        let style = if state == "up" { GOOD } else { BAD };
        spans.push(Span::styled(format!("{state:<8}"), style));
        match periods.last() {
            Some(latest) => {
                let text = format!(
                    "{:>9} frames/s {:>11}",
                    rate(latest.frames_per_second()),
                    bits(latest.octets_per_second())
                );
                spans.push(Span::raw(text));
                let lost: u64 = periods.iter().map(|period| period.lost).sum();
                let style = if lost == 0 { DIM } else { BAD };
                spans.push(Span::styled(format!("  {} lost  ", count(lost)), style));
                let room = width.saturating_sub(spans.iter().map(Span::width).sum());
                spans.push(Span::styled(spark(periods, room.min(MOST_BARS)), Style::new().fg(Color::Cyan)));
            }
            None => spans.push(Span::styled("nothing counted yet", DIM)),
        }
        lines.push(Line::from(spans));
    }
    if names.len() > MOST_INTERFACES {
        let more = format!("and {} more: headgate status", names.len() - MOST_INTERFACES);
        lines.push(Line::from(vec![label(""), Span::styled(more, DIM)]));
    }
    if lines.is_empty() {
        lines.push(Line::from(vec![label("seen"), Span::styled("nothing is watched", BAD)]));
    }
    lines
}

/// Frames a second of the latest periods, as bars; the highest is full.
fn spark(periods: &[Period], room: usize) -> String {
    let periods = periods.get(periods.len().saturating_sub(room)..).unwrap_or_default();
    let most = periods.iter().map(Period::frames_per_second).fold(0.0, f64::max);
    let bar = |period: &Period| {
        let part = if most > 0.0 { period.frames_per_second() / most } else { 0.0 };
        let step = usize::try_from(whole(part * 7.0)).unwrap_or(0);
        BARS.get(step).copied().unwrap_or(' ')
    };
    periods.iter().map(bar).collect()
}

pub(super) fn kept(look: &Look, width: usize) -> Line<'static> {
    let (kept, cap) = (number(&look.status["bytes_on_disk"]), number(&look.status["cap"]));
    let part = kept as f64 / cap.max(1) as f64;
    let full = usize::try_from(whole(part * GAUGE as f64)).unwrap_or(GAUGE).min(GAUGE);
    let style = if part < 0.9 { GOOD } else { BAD };
    let records: u64 = look.status["records"].as_object().into_iter().flatten().map(|(_, n)| number(n)).sum();
    let mut spans = vec![
        label("kept"),
        Span::styled("█".repeat(full), style),
        Span::styled("░".repeat(GAUGE - full), DIM),
        Span::raw(format!(" {} of {}, {} records", octets(kept), octets(cap), count(records))),
    ];
    let waiting = format!(", {} not yet in a batch", count(number(&look.status["waiting"])));
    if spans.iter().map(Span::width).sum::<usize>() + waiting.len() <= width {
        spans.push(Span::styled(waiting, DIM));
    }
    Line::from(spans)
}

pub(super) fn sent(look: &Look) -> Line<'static> {
    let outbox = &look.status["outbox"];
    let (waits, oldest) = (number(&outbox["batches"]), number(&outbox["oldest_age_ms"]) / 1_000);
    let mut spans = vec![
        label("sent"),
        Span::raw(format!(
            "{} of {} batches receipted, ",
            count(number(&outbox["last_receipted"])),
            count(number(&outbox["last_sequence"]))
        )),
    ];
    spans.push(match waits {
        0 => Span::raw("none waits; "),
        _ => Span::raw(format!(
            "{} wait ({}, {}); ",
            count(waits),
            octets(number(&outbox["bytes"])),
            duration(oldest)
        )),
    });
    let link = link(&look.status);
    let style = if matches!(link, "uplink away" | "receiver not reached") { BAD } else { Style::new() };
    spans.push(Span::styled(link, style));
    Line::from(spans)
}

pub(super) fn lost(look: &Look) -> Line<'static> {
    let of = |key: &str| -> u64 {
        look.status[key].as_array().into_iter().flatten().map(|row| number(&row["records"])).sum()
    };
    let kernel: u64 = look.history.values().flatten().map(|period| period.lost).sum();
    let (lost, withheld) = (of("lost"), of("withheld"));
    let style = if lost + kernel > 0 { BAD } else { Style::new() };
    Line::from(vec![
        label("lost"),
        Span::styled(format!("{} records, {} frames", count(lost), count(kernel)), style),
        Span::styled(format!("; {} records withheld by the rules", count(withheld)), DIM),
    ])
}

/// What is wrong, on so many lines; what finds no room is named by its number.
pub(super) fn wrong(look: &Look, width: usize, room: usize) -> Vec<Line<'static>> {
    let mut all: Vec<String> = look.away.iter().cloned().collect();
    all.extend(look.wrong.iter().filter(|_| look.away.is_none()).map(ToString::to_string));
    if all.is_empty() {
        let nothing = if look.status.is_null() { "asking the store …" } else { "nothing is wrong" };
        return vec![Line::from(vec![label(""), Span::styled(nothing, GOOD)])];
    }
    let room_for_text = width.saturating_sub(LABEL).max(20);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (at, finding) in all.iter().enumerate() {
        let mut text = wrapped(&clean(finding, MOST_FINDING), room_for_text);
        let is_last = at + 1 == all.len();
        let left = room.saturating_sub(lines.len() + usize::from(!is_last));
        if text.len() > left && at > 0 {
            let more = format!("and {} more: headgate status", all.len() - at);
            lines.push(Line::from(vec![label(""), Span::styled(more, BAD)]));
            break;
        }
        text.truncate(left.max(1));
        for (part, text) in text.into_iter().enumerate() {
            lines
                .push(Line::from(vec![label(if part == 0 { "wrong" } else { "" }), Span::styled(text, BAD)]));
        }
    }
    lines.truncate(room);
    lines
}

/// Columns of the bar of the buffer.
const GAUGE: usize = 20;
/// Interfaces with a line of their own.
const MOST_INTERFACES: usize = 4;
const MOST_BARS: usize = 60;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Most characters of a finding.
const MOST_FINDING: usize = 400;
