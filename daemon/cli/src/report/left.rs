//! What left the site, to whom, in which form, and what the rules held back; in the words of the record of processing.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{html::Html, site::Site};
use crate::figures::{count, moment, number, octets, shown};

/// All of it.
pub(super) fn section(html: &mut Html, site: &Site) {
    let facts = &site.processing;
    let recipients: Vec<String> =
        facts["recipients"].as_array().into_iter().flatten().map(|it| shown(it, 256)).collect();
    if recipients.is_empty() {
        html.raw("<p class=\"good\">Nothing: no recipient is configured.</p>\n");
    } else {
        html.paragraph("What may leave goes to:");
        html.raw("<ul>\n");
        for recipient in &recipients {
            html.element("li", &[], recipient);
        }
        html.raw("</ul>\n");
    }
    let profile = shown(&facts["profile"], 32);
    let means = match profile.as_str() {
        "aggregates" => "counts of groups, nothing of single devices",
        "pseudonymous" => "records of single devices under keyed pseudonyms that only this site can resolve",
        "identified" => "records of single devices with their addresses",
        _ => "as the rules say",
    };
    html.raw("<p>The release profile is <strong>");
    html.text(&profile);
    html.raw("</strong>: ");
    html.text(means);
    html.text(&format!(". Counts of groups with fewer than {} members do not leave.", facts["group_size"]));
    html.raw("</p>\n");
    if site.is_live() {
        batches(html, site);
        withheld(html, site);
    }
    elements(html, facts, recipients.is_empty());
}

/// Batches by what became of them, and the latest of them.
fn batches(html: &mut Html, site: &Site) {
    let entries = || site.ledger["entries"].as_array().into_iter().flatten();
    let outbox = &site.status["outbox"];
    let refused = number(&outbox["batches_lost"]);
    let rows = [
        ("made, numbered and sealed", number(&outbox["last_sequence"])),
        ("stored by the receiver, up to its signed receipt for this one", number(&outbox["last_receipted"])),
        ("wait for a receipt", number(&outbox["batches"])),
        ("given up for want of room", refused),
    ];
    let rows = rows.map(|(what, batches)| vec![what.to_owned(), count(batches)]);
    html.table("Batches of this epoch", &["Batches", ">Number"], &rows);
    match site.ledger["broken_at"].as_u64() {
        Some(at) => html.element("p", &[("class", "bad")], &format!("The chain of the ledger is broken at entry {at}: headgate ledger verify")),
        None => html.raw("<p class=\"good\">The chain of the ledger entries that are shown here is whole, and its end is signed.</p>\n"),
    }
    let told = entries().filter(|entry| TOLD.iter().any(|told| entry["event"] == *told));
    let rows: Vec<Vec<String>> = told
        .take(MOST_ENTRIES)
        .map(|entry| {
            let detail = &entry["detail"];
            vec![
                moment(number(&entry["at_ms"]).saturating_mul(1_000_000)),
                shown(&entry["event"], 32),
                shown(&detail["sequence"], 20),
                detail["records"].as_u64().map(count).unwrap_or_default(),
                detail["bytes"].as_u64().map(octets).unwrap_or_default(),
            ]
        })
        .collect();
    if rows.is_empty() {
        html.paragraph("No batch has been made yet.");
        return;
    }
    html.table("The latest of the ledger", &["@Time (UTC)", "What", ">Batch", ">Records", ">Octets"], &rows);
}

fn withheld(html: &mut Html, site: &Site) {
    let rows =
        site.status["withheld"].as_array().into_iter().flatten().map(|row| {
            vec![shown(&row["kind"], 32), shown(&row["reason"], 96), count(number(&row["records"]))]
        });
    let rows: Vec<_> = rows.collect();
    if !rows.is_empty() {
        html.table("Records that the rules did not let leave", &["Kind", "Why", ">Records"], &rows);
    }
}

/// Every element that is kept, by the form in which it leaves.
fn elements(html: &mut Html, facts: &Value, nothing_leaves: bool) {
    let mut forms: BTreeMap<&'static str, BTreeMap<String, Vec<String>>> = BTreeMap::new();
    let (mut personal, mut leaving) = (0_u64, 0_u64);
    for element in facts["elements"].as_array().into_iter().flatten() {
        let name = shown(&element["name"], 64);
        let (kind, field) = name.split_once('.').unwrap_or(("", &name));
        let leaves = element["leaves"].as_str().unwrap_or("drop");
        if element["person"] != "no" {
            personal += 1;
            leaving += u64::from(leaves != "drop");
        }
        let form = FORMS.iter().find(|(known, _)| *known == leaves).map_or("otherwise", |(_, form)| form);
        forms.entry(form).or_default().entry(kind.to_owned()).or_default().push(field.replace('_', " "));
    }
    html.paragraph(&format!(
        "{personal} of the elements that are kept tell of a person; {leaving} of these leave in some form."
    ));
    if nothing_leaves {
        return;
    }
    let mut rows = Vec::new();
    for (_, form) in FORMS {
        for (kind, fields) in forms.remove(form).unwrap_or_default() {
            rows.push(vec![form.to_owned(), kind, fields.join(", ")]);
        }
    }
    html.table("In which form each element leaves", &["Leaves", "@Record", "Elements"], &rows);
    html.raw("<p class=\"note\">All of it, with sources: ");
    html.element("code", &[], "headgate rules processing");
    html.raw("</p>\n");
}

/// What a treatment means for what leaves, in the order of the table.
const FORMS: [(&str, &str); 8] = [
    ("drop", "not at all"),
    ("group", "in counts of groups"),
    ("pseudonym", "as a pseudonym"),
    ("infrastructure", "of infrastructure only"),
    ("infrastructure-or-pseudonym", "of infrastructure, otherwise as a pseudonym"),
    ("truncate", "shortened"),
    ("class", "as a class"),
    ("keep", "as it is"),
];
/// Events of the ledger that are listed.
const TOLD: [&str; 9] = [
    "released",
    "receipted",
    "taken",
    "rewritten",
    "carried",
    "medium-lost",
    "exported",
    "erased",
    "request",
];
const MOST_ENTRIES: usize = 20;
