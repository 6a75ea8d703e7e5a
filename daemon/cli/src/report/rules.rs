//! The rules in force.

use super::{html::Html, site::Site};
use crate::figures::shown;

/// What they say in short, and in full.
pub(super) fn section(html: &mut Html, site: &Site) {
    let facts = &site.processing;
    let list = |key: &str| {
        let items = facts[key].as_array().into_iter().flatten().map(|item| shown(item, 64));
        let items: Vec<String> = items.collect();
        if items.is_empty() { "none".to_owned() } else { items.join(", ") }
    };
    let digest = shown(&facts["rules_digest"], 64);
    if site.is_live() && site.status["rules"] != facts["rules_digest"] {
        let running = shown(&site.status["rules"], 64);
        let text = format!(
            "The files have changed since: the appliance works by rules {running}, below is what the files say now. headgate rules check"
        );
        html.element("p", &[("class", "bad")], &text);
    }
    let retention = facts["retention_days"].as_array().into_iter().flatten();
    let retention: Vec<String> =
        retention.map(|row| format!("{}: {} days", shown(&row["of"], 96), row["days"])).collect();
    let mut rows = vec![
        ("Digest (SHA-256)", digest),
        ("Groups of stations of which less is kept or leaves", list("groups")),
        ("Stations that opted out", shown(&facts["opted_out"], 20)),
        ("Regions that data may go to", list("regions")),
        ("Kept on the appliance", retention.join("; ")),
    ];
    if site.is_live() {
        rows.insert(1, ("Interfaces", list("interfaces")));
    }
    html.facts(&rows);
    html.raw("<h3>In full</h3>\n<pre tabindex=\"0\" aria-label=\"The effective rules\">");
    html.lines(&site.rules);
    html.raw("</pre>\n");
}
