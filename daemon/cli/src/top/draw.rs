//! Drawing: from what is known to a frame. The same for a terminal and for text.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::screen::Screen;
use super::table::{self, GAP, Table};
use super::view::View;
use super::watch::Look;
use crate::figures::{bits, count, duration, moment, number, octets, rate, shown};
use crate::health::{Period, link};
use crate::show::wrapped;

/// Draws all of it.
pub(super) fn draw(frame: &mut Frame<'_>, screen: &mut Screen, look: &Look) {
    let area = frame.area();
    let width = usize::from(area.width);
    if screen.has_help {
        put(frame, area, &help());
        return;
    }
    let mut lines = vec![title(screen, look, width)];
    let room = usize::from(area.height).saturating_sub(LEAST_TABLE);
    if look.status.is_null() {
        lines.extend(wrong(look, width, room));
        put(frame, area, &lines);
        return;
    }
    lines.extend(seen(look, width));
    lines.push(kept(look, width));
    lines.push(sent(look));
    lines.push(lost(look));
    // On a small screen what is wrong and a few rows are worth more than all figures.
    lines.truncate(room.saturating_sub(1).max(1));
    let rest = room.saturating_sub(lines.len()).max(1);
    lines.extend(wrong(look, width, rest));
    let (sort, reversed) = screen.sort();
    let table = table::of(screen.view, look, sort, reversed);
    lines.push(tabs(screen, width));
    let summary = format!("{} ", clipped(&table.summary, width.saturating_sub(2)));
    lines.push(Line::styled(format!(" {summary}"), DIM));
    let is_keyed = !screen.is_plain;
    let room = usize::from(area.height).saturating_sub(lines.len() + 1 + usize::from(is_keyed));
    lines.extend(rows(screen, &table, look, width, room));
    put(frame, area, &lines);
    if is_keyed && area.height > 0 {
        let bottom = Rect { y: area.bottom().saturating_sub(1), height: 1, ..area };
        put(frame, bottom, &[keys(screen)]);
    }
}

fn put(frame: &mut Frame<'_>, area: Rect, lines: &[Line<'_>]) {
    let buffer = frame.buffer_mut();
    for (line, y) in lines.iter().zip(area.y..area.bottom()) {
        buffer.set_line(area.x, y, line, area.width);
    }
}

fn title(screen: &Screen, look: &Look, width: usize) -> Line<'static> {
    let name = format!(" Headgate {} ", shown(&look.status["appliance"], 40));
    let state = match (&look.away, screen.is_paused, look.at) {
        (_, _, 0) => String::new(),
        (Some(_), ..) => format!("as of {} UTC ", moment(look.at)),
        (None, true, _) => format!("paused at {} UTC ", moment(look.at)),
        (None, false, _) => format!("{} UTC ", moment(look.at)),
    };
    let between = width.saturating_sub(name.chars().count() + state.chars().count());
    Line::styled(
        format!("{name}{}{state}", " ".repeat(between)),
        Style::new().add_modifier(Modifier::REVERSED),
    )
}

/// A line for each interface: how it is, what comes.
fn seen(look: &Look, width: usize) -> Vec<Line<'static>> {
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
        let step = usize::try_from(crate::figures::whole(part * 7.0)).unwrap_or(0);
        BARS.get(step).copied().unwrap_or(' ')
    };
    periods.iter().map(bar).collect()
}

fn kept(look: &Look, width: usize) -> Line<'static> {
    let (kept, cap) = (number(&look.status["bytes_on_disk"]), number(&look.status["cap"]));
    let part = kept as f64 / cap.max(1) as f64;
    let full = usize::try_from(crate::figures::whole(part * GAUGE as f64)).unwrap_or(GAUGE).min(GAUGE);
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

fn sent(look: &Look) -> Line<'static> {
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

fn lost(look: &Look) -> Line<'static> {
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
fn wrong(look: &Look, width: usize, room: usize) -> Vec<Line<'static>> {
    let mut all: Vec<String> = look.away.iter().cloned().collect();
    all.extend(look.wrong.iter().filter(|_| look.away.is_none()).map(ToString::to_string));
    if all.is_empty() {
        let nothing = if look.status.is_null() { "asking the store …" } else { "nothing is wrong" };
        return vec![Line::from(vec![label(""), Span::styled(nothing, GOOD)])];
    }
    let room_for_text = width.saturating_sub(LABEL).max(20);
    let mut lines: Vec<Line<'static>> = Vec::new();
    for (at, finding) in all.iter().enumerate() {
        let mut text = wrapped(&crate::figures::clean(finding, MOST_FINDING), room_for_text);
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

fn tabs(screen: &Screen, width: usize) -> Line<'static> {
    let mut spans = Vec::new();
    for (view, digit) in View::ALL.into_iter().zip(1..) {
        let style = if view == screen.view { TITLE } else { DIM };
        let name =
            if screen.is_plain { view.title().to_owned() } else { format!("{digit} {}", view.title()) };
        let name = if view == screen.view { format!("[{name}]") } else { format!(" {name} ") };
        spans.push(Span::styled(name, style));
    }
    let (sort, reversed) = screen.sort();
    let by = screen.view.sorts().get(sort).copied().unwrap_or_default();
    let by = format!("by {by}{} ", if reversed { ", reversed" } else { "" });
    let taken: usize = spans.iter().map(Span::width).sum::<usize>() + by.len();
    if let Some(between) = width.checked_sub(taken) {
        spans.push(Span::raw(" ".repeat(between)));
        spans.push(Span::styled(by, DIM));
    }
    Line::from(spans).style(Style::new().add_modifier(Modifier::UNDERLINED))
}

fn rows(screen: &mut Screen, table: &Table, look: &Look, width: usize, room: usize) -> Vec<Line<'static>> {
    let fit = table.fit(width.saturating_sub(1));
    let first = screen.first(table.rows.len(), room);
    let header = fit.iter().filter_map(|(at, width)| {
        let column = table.columns.get(*at)?;
        Some(padded(column.title, *width, column.right))
    });
    let mut lines = vec![Line::styled(format!(" {}", header.collect::<Vec<_>>().join(BETWEEN)), TITLE)];
    let row = |row: &Vec<String>| {
        let cells = fit.iter().filter_map(|(at, width)| {
            let right = table.columns.get(*at)?.right;
            Some(padded(row.get(*at)?, *width, right))
        });
        Line::raw(format!(" {}", cells.collect::<Vec<_>>().join(BETWEEN)))
    };
    lines.extend(table.rows.iter().skip(first).take(room).map(row));
    if table.rows.is_empty() {
        let is_asked = screen.view == View::Losses || look.answers.contains_key(&screen.view);
        lines.push(Line::styled(if is_asked { " none" } else { " asking the store …" }, DIM));
    }
    lines
}

/// A cell of exactly so many columns of the terminal.
fn padded(text: &str, width: usize, right: bool) -> String {
    let text = clipped(text, width);
    let fill = " ".repeat(width.saturating_sub(Span::raw(text.as_str()).width()));
    if right { fill + &text } else { text + &fill }
}

/// A text of at most so many columns: characters of East Asia take two.
fn clipped(text: &str, width: usize) -> String {
    if Span::raw(text).width() <= width {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if Span::raw(kept.as_str()).width() >= width {
            kept.pop();
            break;
        }
    }
    kept.push('…');
    kept
}

fn keys(screen: &Screen) -> Line<'static> {
    let pause = if screen.is_paused { " go on  " } else { " pause  " };
    let mut spans = vec![Span::raw(" ")];
    for (key, does) in [
        ("q", " quit  "),
        ("Tab", " view  "),
        ("↑↓", " scroll  "),
        ("s", " sort  "),
        ("r", " reverse  "),
        ("p", pause),
        ("?", " help"),
    ] {
        spans.push(Span::styled(key, TITLE));
        spans.push(Span::styled(does, DIM));
    }
    Line::from(spans)
}

fn help() -> Vec<Line<'static>> {
    let mut lines = vec![Line::styled(" Headgate top: keys", TITLE), Line::raw("")];
    lines.extend(HELP.iter().map(|(key, does)| Line::raw(format!("   {key:<14}{does}"))));
    lines.push(Line::raw(""));
    lines.extend(NOTES.iter().map(|note| Line::raw(format!(" {note}"))));
    lines
}

fn label(text: &str) -> Span<'static> {
    let style = if text == "wrong" { BAD } else { TITLE };
    Span::styled(format!(" {text:<width$}", width = LABEL - 1), style)
}

const DIM: Style = Style::new().add_modifier(Modifier::DIM);
const TITLE: Style = Style::new().add_modifier(Modifier::BOLD);
const GOOD: Style = Style::new().fg(Color::Green);
const BAD: Style = Style::new().fg(Color::Red).add_modifier(Modifier::BOLD);

/// Columns of what a line begins with.
const LABEL: usize = 8;
/// Columns of the bar of the buffer.
const GAUGE: usize = 20;
/// Lines that a table has at least, with what is above and below it.
const LEAST_TABLE: usize = 8;
/// Most characters of a finding.
const MOST_FINDING: usize = 400;
/// Interfaces with a line of their own.
const MOST_INTERFACES: usize = 4;
const MOST_BARS: usize = 60;
const BARS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
const BETWEEN: &str = "  ";
const _: () = assert!(BETWEEN.len() == GAP);

const HELP: &[(&str, &str)] = &[
    ("q, Esc, Ctrl-C", "end"),
    ("Tab, →, ←", "the next view, the one before"),
    ("1 … 5", "devices, neighbours, traffic, losses, what left"),
    ("↑ ↓ PgUp PgDn", "scroll; Home and End as well"),
    ("s", "sort by the next column that can be sorted by"),
    ("r", "the other way round"),
    ("p, space", "pause, and go on"),
    ("?", "this page"),
];
const NOTES: &[&str] = &[
    "Rates are of the latest period that the sensor counted; each bar is one",
    "period. What is shown is what the rules let this appliance keep, and what",
    "status, devices, neighbors, flows and ledger show as well.",
    "",
    "What is wrong: headgate doctor looks further.",
];

#[cfg(test)]
mod tests;
