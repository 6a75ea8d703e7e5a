//! Drawing: from what is known to a frame. The same for a terminal and for text.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

use super::columns::GAP;
use super::screen::Screen;
use super::table::{self, Table};
use super::view::View;
use super::watch::Look;
use crate::figures::{moment, shown};

mod head;

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
        lines.extend(head::wrong(look, width, room));
        put(frame, area, &lines);
        return;
    }
    lines.extend(head::seen(look, width));
    lines.push(head::kept(look, width));
    lines.push(head::sent(look));
    lines.push(head::lost(look));
    // On a small screen what is wrong and a few rows are worth more than all figures.
    lines.truncate(room.saturating_sub(1).max(1));
    let rest = room.saturating_sub(lines.len()).max(1);
    lines.extend(head::wrong(look, width, rest));
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
/// Lines that a table has at least, with what is above and below it.
const LEAST_TABLE: usize = 8;
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
