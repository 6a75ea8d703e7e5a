//! `headgate report --html`: what is on the network, how well it works, and what left, as one page for people.
//!
//! The page needs nothing but itself: no script, no font, no picture from elsewhere; its own policy (Content-Security-Policy)
//! has the browser refuse all of that. Of captures it says nothing that is not in them, so that the same captures give the same page.

use std::io::Write;
use std::path::{Path, PathBuf};

use crate::error::CliError;
use crate::show;

mod chart;
mod dhcp;
mod flows;
mod head;
mod html;
mod left;
mod rules;
mod seen;
mod site;
mod topology;

use html::Html;
use site::Site;

/// Writes the page of the running appliance, or of captures. A file of that name is replaced, and only its owner can read the new one.
///
/// # Errors
/// As of asking the store, reading the configuration and captures, and writing the file. A damaged capture gives a page of what
/// comes before the damage, and then its error.
pub(crate) fn run(config: &Path, file: &Path, captures: &[PathBuf], as_json: bool) -> Result<(), CliError> {
    let (site, result) = match captures {
        [] => (Site::of_appliance(config)?, Ok(())),
        files => Site::of_captures(config, files)?,
    };
    let page = page(&site);
    write(file, &page)?;
    let octets = u64::try_from(page.len()).unwrap_or(u64::MAX);
    if as_json {
        show::json(&serde_json::json!({ "file": file, "bytes": octets }))?;
    } else {
        show::line(&format!("{}: {}", file.display(), crate::figures::octets(octets)))?;
    }
    result
}

/// Puts the file in its place at once: whoever opens it reads the one before or this one. It is made for its owner alone.
fn write(file: &Path, text: &str) -> Result<(), CliError> {
    let failed = |source| CliError::File { file: file.into(), source };
    let directory = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut new = tempfile::Builder::new().prefix(".headgate-").tempfile_in(directory).map_err(failed)?;
    new.write_all(text.as_bytes()).and_then(|()| new.as_file().sync_all()).map_err(failed)?;
    new.persist(file).map(drop).map_err(|error| failed(error.error))
}

/// The page.
fn page(site: &Site) -> String {
    let mut html = Html::default();
    html.raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    html.open("meta", &[("http-equiv", "Content-Security-Policy"), ("content", POLICY)]);
    html.raw("\n<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta name=\"referrer\" content=\"no-referrer\">\n<meta name=\"color-scheme\" content=\"light dark\">\n");
    html.element("title", &[], &head::title(site));
    html.raw("\n<style>");
    html.raw(STYLE);
    html.raw("</style>\n</head>\n<body>\n");
    head::header(&mut html, site);
    html.raw("<main>\n");
    let sections: [(&'static str, &'static str, Section); 8] = [
        ("wrong", "What is wrong", head::wrong),
        ("neighbours", "Neighbours", topology::section),
        ("devices", "Devices", seen::devices),
        ("dhcp", "DHCP", dhcp::section),
        ("flows", "Flows", seen::flows),
        ("left", "What left the site, and why", left::section),
        ("losses", "What was lost or not used", seen::losses),
        ("rules", "Rules in force", rules::section),
    ];
    for (id, title, section) in sections {
        // Of a capture nothing runs that could be wrong.
        if id == "wrong" && !site.is_live() {
            continue;
        }
        html.open("section", &[("id", id), ("aria-label", title)]);
        html.element("h2", &[], title);
        html.raw("\n");
        section(&mut html, site);
        html.raw("</section>\n");
    }
    html.raw("</main>\n");
    head::footer(&mut html, site);
    html.raw("</body>\n</html>\n");
    html.finish()
}

type Section = fn(&mut Html, &Site);

/// Says that there is more than is listed, and where.
fn more(html: &mut Html, all: usize, listed: usize, place: &str) {
    if let Some(more @ 1..) = all.checked_sub(listed) {
        html.element("p", &[("class", "note")], &format!("{more} more: {place}"));
    }
}

const STYLE: &str = include_str!("report/style.css");
/// What the browser may load: nothing, and of styles only [`STYLE`], by its SHA-256.
const POLICY: &str = "default-src 'none'; style-src 'sha256-0EijfzahFNqxANzNe5LhLzkCNoVB2ytvRAGEvu4E1Cw='; base-uri 'none'; form-action 'none'";

#[cfg(test)]
mod tests;
