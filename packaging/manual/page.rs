//! What all manual pages have alike.

use clap_mangen::roff::{Roff, bold, roman};

/// A file of a package: the package, its path there, its content.
pub struct Made {
    /// The package that it is part of.
    pub package: &'static str,
    /// Where it is installed, below `/`.
    pub path: String,
    /// What is in it.
    pub content: Vec<u8>,
}

/// The manual, as it stands in the middle of a page's first line.
pub const MANUAL: &str = "Headgate";
/// Version, as it stands at the end of a page.
pub const SOURCE: &str = concat!("headgate ", env!("CARGO_PKG_VERSION"));

/// A section with one paragraph for each text.
pub fn section(roff: &mut Roff, heading: &str, paragraphs: &[&str]) {
    roff.control("SH", [heading]);
    for paragraph in paragraphs {
        roff.control("PP", []);
        roff.text([roman(*paragraph)]);
    }
}

/// A tagged paragraph: a term in bold, what stands behind it on its line, and what it means.
pub fn term(roff: &mut Roff, term: &str, behind: &str, meaning: &str) {
    roff.control("TP", []);
    roff.text([bold(term), roman(behind)]);
    roff.text([roman(meaning)]);
}

/// Lines as they are, such as an example.
pub fn verbatim(roff: &mut Roff, lines: &[String]) {
    roff.control("PP", []);
    roff.control("nf", []);
    for line in lines {
        roff.text([roman(line.as_str())]);
    }
    roff.control("fi", []);
}

/// The pages that a page points to, `name(section)` each.
pub fn see_also(roff: &mut Roff, pages: &[String]) {
    roff.control("SH", ["SEE ALSO"]);
    roff.text([roman(pages.join(", "))]);
}
