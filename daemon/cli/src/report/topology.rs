//! Who is at the other end: neighbours as they announce themselves, drawn beside the interface that heard them.

use std::collections::BTreeMap;

use headgate_record::Kind;
use serde_json::Value;

use super::chart::{WIDTH, begin, label, line, rectangle};
use super::html::Html;
use super::site::Site;
use crate::figures::{clean, moment, name_of, shown, time_of};

/// The drawing, and all of it as a table.
pub(super) fn section(html: &mut Html, site: &Site) {
    let mut neighbors: Vec<&Value> = site.of(Kind::Neighbor).iter().collect();
    if neighbors.is_empty() {
        html.paragraph("No neighbour has announced itself. Switches speak LLDP or CDP only on links where it is enabled; headgate doctor says what keeps Headgate from hearing it.");
        return;
    }
    // Switches and the like first: they are what the site hangs on.
    neighbors.sort_by_key(|it| {
        (shown(&it["interface"], 32), it["infrastructure"] != true, name_of(it), shown(&it["port_id"], 64))
    });
    draw(html, site, &neighbors);
    let rows = neighbors.iter().take(MOST_ROWS).map(|it| {
        let seen = time_of(&it["last_seen"]).map(moment).unwrap_or_default();
        let model = [&it["manufacturer"], &it["model"], &it["platform"]].map(|part| shown(part, 48));
        let model: Vec<String> = model.into_iter().filter(|part| !part.is_empty()).collect();
        vec![
            name_of(it),
            shown(&it["interface"], 32),
            shown(&it["protocol"], 12),
            shown(&it["port_id"], 48),
            shown(&it["port_description"], 64),
            list(&it["capabilities_enabled"]),
            list(&it["management_addresses"]),
            model.join(" "),
            seen,
            shown(&it["state"], 12),
        ]
    });
    let columns = [
        "@Name",
        "Heard on",
        "By",
        "@Its port",
        "Port description",
        "Is a",
        "Managed at",
        "Model",
        "@Last heard (UTC)",
        "State",
    ];
    html.table("All neighbours", &columns, &rows.collect::<Vec<_>>());
    super::more(html, neighbors.len(), MOST_ROWS, "headgate neighbors");
}

/// The appliance, its interfaces, and at most [`MOST_DRAWN`] neighbours, each row as high as all others.
fn draw(html: &mut Html, site: &Site, neighbors: &[&Value]) {
    let drawn = neighbors.get(..MOST_DRAWN.min(neighbors.len())).unwrap_or_default();
    let mut interfaces: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (row, neighbor) in drawn.iter().enumerate() {
        interfaces.entry(shown(&neighbor["interface"], 32)).or_default().push(row);
    }
    let y = |row: f64| TOP + ROW * (row + 0.5);
    let height = TOP * 2.0 + ROW * drawn.len() as f64;
    let description =
        format!("{} neighbours on {} interfaces; all are in the table below.", drawn.len(), interfaces.len());
    begin(html, "topology-chart", "Neighbours by the interface that heard them", &description, height);
    let middle = y((drawn.len() as f64 - 1.0) / 2.0);
    for (name, rows) in &interfaces {
        let (Some(first), Some(last)) = (rows.first(), rows.last()) else { continue };
        let at = y((*first as f64 + *last as f64) / 2.0);
        curve(html, [APPLIANCE_RIGHT, middle, INTERFACE_LEFT, at]);
        for row in rows {
            curve(html, [INTERFACE_RIGHT, at, NEIGHBOR_LEFT, y(*row as f64)]);
        }
        boxed(html, "box", [INTERFACE_LEFT, at, INTERFACE_RIGHT - INTERFACE_LEFT], &[&clean(name, 14)]);
    }
    for (row, neighbor) in drawn.iter().enumerate() {
        let class = if neighbor["infrastructure"] == true { "box infrastructure" } else { "box" };
        let at = y(row as f64);
        let port = shown(&neighbor["port_id"], 24);
        html.raw("<g class=\"port\">");
        label(html, "end", NEIGHBOR_LEFT - 10.0, at + 4.0, &port);
        html.close("g");
        let is = list(&neighbor["capabilities_enabled"]);
        let protocol = shown(&neighbor["protocol"], 8);
        let is = if is.is_empty() { protocol } else { format!("{is} · {protocol}") };
        boxed(
            html,
            class,
            [NEIGHBOR_LEFT, at, NEIGHBOR_RIGHT - NEIGHBOR_LEFT],
            &[&clean(&name_of(neighbor), 30), &clean(&is, 38)],
        );
    }
    let name = if site.is_live() { shown(&site.status["appliance"], 15) } else { "the capture".into() };
    boxed(
        html,
        "box own",
        [APPLIANCE_LEFT, middle, APPLIANCE_RIGHT - APPLIANCE_LEFT],
        &[&name, if site.is_live() { "Headgate" } else { "as read" }],
    );
    html.raw("</svg></div>\n");
    html.raw("<p class=\"note\">A thick frame: a switch, router, access point or the like. On each line, the neighbour's port.</p></figure>\n");
    super::more(html, neighbors.len(), MOST_DRAWN, "the table below");
}

/// A box around a middle line, with one or two lines of text in it.
fn boxed(html: &mut Html, class: &'static str, [x, middle, width]: [f64; 3], lines: &[&str]) {
    rectangle(html, class, [x, middle - BOX / 2.0, width, BOX], "6");
    let first = middle + 4.5 - 8.0 * (lines.len() as f64 - 1.0);
    for (at, text) in lines.iter().enumerate() {
        let class = if at == 0 { "name" } else { "what" };
        html.open("g", &[("class", class)]);
        label(html, "middle", x + width / 2.0, first + 16.0 * at as f64, text);
        html.close("g");
    }
}

fn curve(html: &mut Html, [x1, y1, x2, y2]: [f64; 4]) {
    if (y1 - y2).abs() < 0.5 {
        line(html, "link", [x1, y1, x2, y2]);
        return;
    }
    // Flat at the end, where the port's name stands on it.
    let bend = x1 + (x2 - x1).min(BEND);
    let half = x1 + (bend - x1) / 2.0;
    let path = format!("M{x1:.1} {y1:.1}C{half:.1} {y1:.1} {half:.1} {y2:.1} {bend:.1} {y2:.1}H{x2:.1}");
    html.path("link", &path);
}

fn list(value: &Value) -> String {
    let items = value.as_array().into_iter().flatten().take(8).map(|item| shown(item, 48));
    items.collect::<Vec<_>>().join(", ")
}

/// Neighbours that are drawn, and that have a row of the table.
const MOST_DRAWN: usize = 24;
const MOST_ROWS: usize = 200;
const TOP: f64 = 8.0;
/// Over how much a link goes from one height to another.
const BEND: f64 = 110.0;
const ROW: f64 = 52.0;
const BOX: f64 = 40.0;
const APPLIANCE_LEFT: f64 = 4.0;
const APPLIANCE_RIGHT: f64 = 144.0;
const INTERFACE_LEFT: f64 = 196.0;
const INTERFACE_RIGHT: f64 = 306.0;
const NEIGHBOR_LEFT: f64 = 560.0;
const NEIGHBOR_RIGHT: f64 = WIDTH - 4.0;
