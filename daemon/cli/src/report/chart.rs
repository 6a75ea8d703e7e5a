//! Charts, drawn as SVG. What a chart shows is in a table or a sentence beside it as well.

use std::fmt::Write;

use super::flows::Timeline;
use super::html::Html;
use crate::figures::{bits, count, moment};

/// Octets over time, one colour on top of the other.
pub(super) fn timeline(html: &mut Html, timeline: &Timeline, description: &str) {
    let seconds = timeline.width as f64 / 1e9;
    let sums: Vec<f64> =
        timeline.steps.iter().map(|step| step.iter().sum::<u64>() as f64 / seconds).collect();
    let highest = sums.iter().copied().fold(0.0, f64::max);
    // The axis is in bits.
    let top = ceiling(highest * 8.0 / f64::from(PARTS)) * f64::from(PARTS) / 8.0;
    let (columns, rows) = (timeline.steps.len().max(1) as f64, PLOT_BOTTOM - PLOT_TOP);
    let x = |step: usize| PLOT_LEFT + (PLOT_RIGHT - PLOT_LEFT) * step as f64 / columns;
    let y = |rate: f64| PLOT_BOTTOM - rows * rate / top;
    begin(html, "flows-chart", "Octets over time by service", description, HEIGHT);
    for part in 0..=PARTS {
        let rate = top * f64::from(part) / f64::from(PARTS);
        line(html, "grid", [PLOT_LEFT, y(rate), PLOT_RIGHT, y(rate)]);
        label(html, "end", PLOT_LEFT - 8.0, y(rate) + 4.0, &bits(rate));
    }
    let mut below = vec![0.0; timeline.steps.len()];
    for series in 0..timeline.names.len() {
        let rate = |step: &Vec<u64>| step.get(series).copied().unwrap_or(0) as f64 / seconds;
        let above: Vec<f64> =
            below.iter().zip(&timeline.steps).map(|(below, step)| below + rate(step)).collect();
        let mut path = String::new();
        for (at, height) in above.iter().enumerate() {
            let command = if at == 0 { 'M' } else { 'L' };
            let _ = write!(path, "{command}{:.1} {:.1}H{:.1}", x(at), y(*height), x(at + 1));
        }
        for (at, height) in below.iter().enumerate().rev() {
            let _ = write!(path, "L{:.1} {:.1}H{:.1}", x(at + 1), y(*height), x(at));
        }
        path.push('Z');
        html.path(SERIES.get(series).copied().unwrap_or("s5"), &path);
        below = above;
    }
    line(html, "axis", [PLOT_LEFT, PLOT_BOTTOM, PLOT_RIGHT, PLOT_BOTTOM]);
    let spans_days = timeline.width.saturating_mul(u64::try_from(timeline.steps.len()).unwrap_or(0)) > DAY;
    for mark in 0..=MARKS {
        let step = timeline.steps.len() * mark / MARKS;
        let at =
            timeline.from.saturating_add(timeline.width.saturating_mul(u64::try_from(step).unwrap_or(0)));
        let time = moment(at);
        let time = if spans_days { time.get(5..16) } else { time.get(11..) };
        let anchor = if mark == 0 {
            "start"
        } else if mark == MARKS {
            "end"
        } else {
            "middle"
        };
        line(html, "axis", [x(step), PLOT_BOTTOM, x(step), PLOT_BOTTOM + 4.0]);
        label(html, anchor, x(step), PLOT_BOTTOM + 18.0, time.unwrap_or_default());
    }
    html.raw("</svg></div>\n");
    legend(html, &timeline.names);
    html.raw("</figure>\n");
}

/// Counts in groups of columns, a column of each series in a group.
pub(super) fn columns(
    html: &mut Html,
    id: &'static str,
    title: &str,
    description: &str,
    groups: &[(&str, Vec<u64>)],
    names: &[String],
) {
    let highest = groups.iter().flat_map(|(_, counts)| counts).copied().max().unwrap_or(0);
    let top = ceiling(highest as f64 / f64::from(PARTS)) * f64::from(PARTS);
    let rows = PLOT_BOTTOM - PLOT_TOP;
    let group_width = (PLOT_RIGHT - PLOT_LEFT) / groups.len().max(1) as f64;
    let width = (group_width * 0.7 / names.len().max(1) as f64).min(MOST_COLUMN);
    let y = |count: f64| PLOT_BOTTOM - rows * count / top;
    begin(html, id, title, description, HEIGHT);
    for part in 0..=PARTS {
        let mark = top * f64::from(part) / f64::from(PARTS);
        line(html, "grid", [PLOT_LEFT, y(mark), PLOT_RIGHT, y(mark)]);
        label(html, "end", PLOT_LEFT - 8.0, y(mark) + 4.0, &count(crate::figures::whole(mark)));
    }
    for (at, (name, counts)) in groups.iter().enumerate() {
        let middle = PLOT_LEFT + group_width * (at as f64 + 0.5);
        let left = middle - width * counts.len() as f64 / 2.0;
        for (series, counted) in counts.iter().enumerate().filter(|(_, counted)| **counted > 0) {
            let x = left + width * series as f64;
            let top = y(*counted as f64);
            let class = SERIES.get(series).copied().unwrap_or("s5");
            rectangle(html, class, [x + 1.0, top, width - 2.0, PLOT_BOTTOM - top], "1");
        }
        label(html, "middle", middle, PLOT_BOTTOM + 18.0, name);
    }
    line(html, "axis", [PLOT_LEFT, PLOT_BOTTOM, PLOT_RIGHT, PLOT_BOTTOM]);
    html.raw("</svg></div>\n");
    legend(html, names);
    html.raw("</figure>\n");
}

/// A table of names and counts with a bar in each row; the table is the text of the chart.
pub(super) fn bars(
    html: &mut Html,
    caption: &str,
    what: &'static str,
    of: &'static str,
    rows: &[(String, u64)],
) {
    let most = rows.iter().map(|(_, counted)| *counted).max().unwrap_or(0).max(1) as f64;
    html.raw("<table class=\"bars\">");
    html.element("caption", &[], caption);
    html.raw("<thead><tr>");
    html.element("th", &[("scope", "col"), ("class", "t")], what);
    html.element("th", &[("scope", "col"), ("class", "n")], of);
    html.raw("<td class=\"bar\"></td></tr></thead>\n<tbody>");
    for (name, counted) in rows {
        html.raw("<tr>");
        html.element("th", &[("scope", "row"), ("class", "t")], name);
        html.element("td", &[("class", "n")], &count(*counted));
        html.raw("<td class=\"bar\"><svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
        let part = (*counted as f64 / most * 100.0).max(if *counted > 0 { 0.5 } else { 0.0 });
        rectangle(html, "s0", [0.0, 0.0, part, 10.0], "0");
        html.raw("</svg></td></tr>\n");
    }
    html.raw("</tbody></table>\n");
}

/// A figure with an SVG that says what it shows.
pub(super) fn begin(html: &mut Html, id: &'static str, title: &str, description: &str, height: f64) {
    html.raw("<figure>");
    html.element("figcaption", &[("id", id)], title);
    html.open("div", &[("class", "scroll"), ("tabindex", "0"), ("role", "region"), ("aria-labelledby", id)]);
    let size = format!("0 0 {WIDTH} {height:.0}");
    html.open("svg", &[("class", "chart"), ("viewBox", &size), ("role", "img"), ("aria-label", description)]);
}

pub(super) fn line(html: &mut Html, class: &'static str, [x1, y1, x2, y2]: [f64; 4]) {
    let [x1, y1, x2, y2] = [x1, y1, x2, y2].map(|at| format!("{at:.1}"));
    html.shape("line", &[("class", class), ("x1", &x1), ("y1", &y1), ("x2", &x2), ("y2", &y2)]);
}

pub(super) fn rectangle(html: &mut Html, class: &'static str, at: [f64; 4], round: &'static str) {
    let [x, y, width, height] = at.map(|at| format!("{at:.1}"));
    html.shape(
        "rect",
        &[("class", class), ("x", &x), ("y", &y), ("width", &width), ("height", &height), ("rx", round)],
    );
}

/// Text whose start, middle or end is there.
pub(super) fn label(html: &mut Html, anchor: &'static str, x: f64, y: f64, text: &str) {
    let [x, y] = [x, y].map(|at| format!("{at:.1}"));
    html.element("text", &[("text-anchor", anchor), ("x", &x), ("y", &y)], text);
}

fn legend(html: &mut Html, names: &[String]) {
    html.raw("<ul class=\"legend\">");
    for (at, name) in names.iter().enumerate() {
        html.raw("<li><svg viewBox=\"0 0 10 10\" aria-hidden=\"true\">");
        rectangle(html, SERIES.get(at).copied().unwrap_or("s5"), [0.0, 0.0, 10.0, 10.0], "2");
        html.raw("</svg>");
        html.text(name);
        html.raw("</li>");
    }
    html.raw("</ul>\n");
}

/// The next 1, 2 or 5 with zeros behind it.
fn ceiling(number: f64) -> f64 {
    let mut step = 1.0;
    for _ in 0..MAX_ZEROS {
        for times in [1.0, 2.0, 4.0, 5.0, 8.0] {
            if step * times >= number {
                return step * times;
            }
        }
        step *= 10.0;
    }
    number
}

/// Units of every chart; the page scales them.
pub(super) const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 220.0;
const PLOT_LEFT: f64 = 82.0;
const PLOT_RIGHT: f64 = 852.0;
const PLOT_TOP: f64 = 14.0;
const PLOT_BOTTOM: f64 = 190.0;
/// Lines of the grid above the axis, and marks of time behind the first.
const PARTS: u32 = 4;
const MARKS: usize = 4;
const MOST_COLUMN: f64 = 32.0;
const MAX_ZEROS: u32 = 24;
const DAY: u64 = 86_400_000_000_000;
/// Classes of colours.
const SERIES: [&str; 6] = ["s0", "s1", "s2", "s3", "s4", "s5"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_end_at_round_numbers() {
        for (number, expected) in
            [(0.0, 1.0), (1.0, 1.0), (3.0, 4.0), (41.0, 50.0), (51.0, 80.0), (81.0, 100.0), (2e9, 2e9)]
        {
            assert_eq!(ceiling(number), expected, "{number}");
        }
    }

    #[test]
    fn a_chart_has_a_name_and_stays_in_its_box() {
        let mut html = Html::default();
        let steps = (0..50).map(|n| vec![n * 1000, 7]).collect();
        let chart =
            Timeline { from: 0, width: 1_000_000_000, steps, names: vec!["web".into(), "dns".into()] };
        timeline(&mut html, &chart, "rises");
        let html = html.finish();
        assert!(
            html.contains("role=\"img\" aria-label=\"rises\"")
                && html.contains("<figcaption id=\"flows-chart\">"),
            "{html}"
        );
        let path = html.split(" d=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
        let numbers =
            path.split(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').filter(|n| !n.is_empty());
        assert!(numbers.map(|n| n.parse::<f64>().unwrap()).all(|n| (0.0..=WIDTH).contains(&n)), "{path}");
    }

    #[test]
    fn bars_of_nothing_and_of_much_are_within_their_cell() {
        let mut html = Html::default();
        bars(&mut html, "Kinds", "Kind", "Devices", &[("a".into(), u64::MAX), ("b".into(), 0)]);
        let html = html.finish();
        assert!(html.contains("width=\"100.0\"") && html.contains("width=\"0.0\""), "{html}");
    }
}
