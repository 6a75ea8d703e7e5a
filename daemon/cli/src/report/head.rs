//! The head of the page: whose it is, of when, the figures in large, and what is wrong.

use headgate_record::Kind;

use super::html::Html;
use super::site::Site;
use crate::figures::{clean, count, duration, moment, number, octets, shown};

/// What the browser's tab says.
pub(super) fn title(site: &Site) -> String {
    format!("Headgate report: {}", name(site))
}

fn name(site: &Site) -> String {
    match site.captures.as_slice() {
        [] => shown(&site.status["appliance"], 64),
        [name] => clean(name, 96),
        names => format!("{} captures", names.len()),
    }
}

/// The header with its figures, and the way to the sections.
pub(super) fn header(html: &mut Html, site: &Site) {
    html.raw("<header>\n<p class=\"brand\">Headgate report</p>\n");
    html.element("h1", &[], &name(site));
    html.raw("<p class=\"when\">");
    match site.period() {
        Some((from, to)) => {
            let lasts = duration(to.saturating_sub(from) / 1_000_000_000);
            html.text(&format!("Seen from {} to {} UTC ({lasts}).", moment(from), moment(to)));
        }
        None => html.raw("Nothing has been counted yet."),
    }
    if site.captures.len() > 1 {
        html.text(&format!(" Read from {}.", site.captures.join(", ")));
    }
    if let Some(made) = site.made {
        html.text(&format!(" Made {} UTC.", moment(made)));
    }
    html.raw("</p>\n<dl class=\"tiles\">\n");
    for (what, figure, note) in tiles(site) {
        html.raw("<div>");
        html.element("dt", &[], what);
        html.element("dd", &[], &figure);
        html.element("dd", &[("class", "note")], &note);
        html.raw("</div>\n");
    }
    html.raw("</dl>\n");
    html.raw("<nav aria-label=\"Sections\"><a href=\"#neighbours\">Neighbours</a> <a href=\"#devices\">Devices</a> <a href=\"#dhcp\">DHCP</a> <a href=\"#flows\">Flows</a> <a href=\"#left\">What left</a> <a href=\"#losses\">Losses</a> <a href=\"#rules\">Rules</a></nav>\n</header>\n");
}

fn tiles(site: &Site) -> Vec<(&'static str, String, String)> {
    let all = |kind: Kind| {
        let listed = u64::try_from(site.of(kind).len()).unwrap_or(u64::MAX);
        listed.saturating_add(site.left_out.get(&kind).copied().unwrap_or(0))
    };
    let sum = |field: &str| -> u64 { site.of(Kind::Counters).iter().map(|row| number(&row[field])).sum() };
    let infrastructure = site.of(Kind::Neighbor).iter().filter(|it| it["infrastructure"] == true).count();
    let (on_wire, kept) = (sum("bytes"), sum("bytes_kept"));
    let part = 100.0 * kept as f64 / on_wire.max(1) as f64;
    let mut tiles = vec![
        ("Devices", count(all(Kind::Device)), "by MAC address and VLAN".to_owned()),
        ("Neighbours", count(all(Kind::Neighbor)), format!("{infrastructure} of them switches and the like")),
        ("Frames", count(sum("frames")), format!("{} on the wire", octets(on_wire))),
        ("Read of them", octets(kept), format!("{part:.1} %: headers, never payload")),
    ];
    if site.is_live() {
        let outbox = &site.status["outbox"];
        let waits = format!("{} wait", count(number(&outbox["batches"])));
        tiles.push(("Batches receipted", count(number(&outbox["last_receipted"])), waits));
        let (on_disk, cap) = (number(&site.status["bytes_on_disk"]), number(&site.status["cap"]));
        tiles.push(("Buffer", octets(on_disk), format!("encrypted, of {}", octets(cap))));
    }
    tiles
}

/// Each thing that is wrong, with what to type.
pub(super) fn wrong(html: &mut Html, site: &Site) {
    if site.wrong.is_empty() {
        html.raw("<p class=\"good\">Nothing.</p>\n");
        return;
    }
    html.raw("<ul class=\"wrong\">\n");
    for finding in &site.wrong {
        html.raw("<li>");
        html.text(&finding.what);
        html.raw("<br><span class=\"note\">do:</span> ");
        html.element("code", &[], &finding.do_this);
        html.raw("</li>\n");
    }
    html.raw("</ul>\n");
}

/// How the page was made, and what it may hold.
pub(super) fn footer(html: &mut Html, site: &Site) {
    html.raw("<footer>\n<p>Made by ");
    let command =
        if site.is_live() { "headgate report --html FILE" } else { "headgate report --html FILE CAPTURE…" };
    html.element("code", &[], command);
    html.text(concat!(", version ", env!("CARGO_PKG_VERSION"), ". "));
    html.raw("It shows what the rules of this machine let Headgate keep, which is more than what leaves the site: addresses and names of devices may be those of persons. Give it on as you would give on such a list.</p>\n");
    html.raw("<p>The page holds no script and loads nothing.</p>\n</footer>\n");
}
