//! Writing HTML so that what the network says cannot become markup.
//!
//! Markup is `&'static str`: it stands in this program. All else goes through [`Html::text`] or an attribute's value, and is escaped there.

use std::fmt::Write;

use crate::figures::clean;

/// A document under way.
#[derive(Default)]
pub(super) struct Html {
    document: String,
}

/// Names and values of attributes.
pub(super) type Attributes<'a> = &'a [(&'static str, &'a str)];

impl Html {
    /// Markup of this program's own.
    pub(super) fn raw(&mut self, markup: &'static str) {
        self.document.push_str(markup);
    }

    /// Text, whatever it holds.
    pub(super) fn text(&mut self, text: &str) {
        self.escape(&clean(text, MAX_TEXT));
    }

    /// Text of several lines, as in a `pre`.
    pub(super) fn lines(&mut self, text: &str) {
        for (at, line) in text.lines().enumerate() {
            if at > 0 {
                self.document.push('\n');
            }
            self.text(line);
        }
    }

    /// Begins an element.
    pub(super) fn open(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.document.push('<');
        self.document.push_str(tag);
        for (name, value) in attributes {
            let _ = write!(self.document, " {name}=\"");
            self.escape(&clean(value, MAX_TEXT));
            self.document.push('"');
        }
        self.document.push('>');
    }

    /// Ends an element.
    pub(super) fn close(&mut self, tag: &'static str) {
        let _ = write!(self.document, "</{tag}>");
    }

    /// An element with text in it.
    pub(super) fn element(&mut self, tag: &'static str, attributes: Attributes<'_>, text: &str) {
        self.open(tag, attributes);
        self.text(text);
        self.close(tag);
    }

    /// An element of SVG that holds nothing.
    pub(super) fn shape(&mut self, tag: &'static str, attributes: Attributes<'_>) {
        self.open(tag, attributes);
        self.close(tag);
    }

    /// A path of SVG, drawn by this program: the data is as long as the drawing needs.
    pub(super) fn path(&mut self, class: &'static str, data: &str) {
        let _ = write!(self.document, "<path class=\"{class}\" d=\"");
        self.escape(data);
        self.raw("\"></path>");
    }

    /// A paragraph.
    pub(super) fn paragraph(&mut self, text: &str) {
        self.element("p", &[], text);
        self.raw("\n");
    }

    /// A table that can be scrolled where it is wider than the screen; columns that begin with `>` hold figures, and those with `@`
    /// what is not broken into lines.
    pub(super) fn table(&mut self, caption: &str, columns: &[&'static str], rows: &[Vec<String>]) {
        self.open(
            "div",
            &[("class", "scroll"), ("tabindex", "0"), ("role", "region"), ("aria-label", caption)],
        );
        self.raw("<table>");
        self.element("caption", &[], caption);
        self.raw("<thead><tr>");
        let class = |at: usize| match columns.get(at).and_then(|column| column.chars().next()) {
            Some('>') => "n",
            Some('@') => "w",
            _ => "t",
        };
        for (at, column) in columns.iter().enumerate() {
            let title = column.trim_start_matches(['>', '@']);
            self.element("th", &[("scope", "col"), ("class", class(at))], title);
        }
        self.raw("</tr></thead>\n<tbody>");
        for row in rows {
            self.raw("<tr>");
            for (at, cell) in row.iter().enumerate() {
                let (tag, scope): (_, Attributes<'_>) =
                    if at == 0 { ("th", &[("scope", "row")]) } else { ("td", &[]) };
                self.open(tag, &[scope, &[("class", class(at))]].concat());
                self.cell(cell);
                self.close(tag);
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody></table></div>\n");
    }

    /// Text; of a time, date and hour are each one that paper does not break either, as it would a date at its hyphens. What a name
    /// holds changes nothing of what the page is made of.
    fn cell(&mut self, text: &str) {
        let is_time = |octet: u8| octet.is_ascii_digit() || b" -:".contains(&octet);
        if !text.contains(' ') || !text.bytes().all(is_time) {
            return self.text(text);
        }
        for (at, word) in text.split(' ').enumerate() {
            if at > 0 {
                self.raw(" ");
            }
            self.element("span", &[], word);
        }
    }

    /// Names, and what each of them is.
    pub(super) fn facts(&mut self, rows: &[(&'static str, String)]) {
        self.raw("<dl class=\"facts\">\n");
        for (name, fact) in rows {
            self.element("dt", &[], name);
            self.element("dd", &[], fact);
            self.raw("\n");
        }
        self.raw("</dl>\n");
    }

    /// The document.
    pub(super) fn finish(self) -> String {
        self.document
    }

    fn escape(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '&' => self.document.push_str("&amp;"),
                '<' => self.document.push_str("&lt;"),
                '>' => self.document.push_str("&gt;"),
                '"' => self.document.push_str("&quot;"),
                '\'' => self.document.push_str("&#39;"),
                c => self.document.push(c),
            }
        }
    }
}

/// Longest text in the document, characters: no field of a record has more.
const MAX_TEXT: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_never_markup() {
        let mut html = Html::default();
        html.element("td", &[("title", "\"><script>'")], "</td><script>alert(1)</script>&amp;\u{1b}\u{202e}");
        assert_eq!(
            html.finish(),
            "<td title=\"&quot;&gt;&lt;script&gt;&#39;\">&lt;/td&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;amp;\u{fffd}\u{fffd}</td>"
        );
    }

    #[test]
    fn a_table_has_caption_and_scopes() {
        let mut html = Html::default();
        let row = vec!["10.0.0.1".into(), "3".into(), "2026-11-24 06:49:11".into()];
        html.table("Servers", &["@Server", ">Leases", "@Last seen"], &[row]);
        let html = html.finish();
        for part in [
            "<caption>Servers</caption>",
            "<th scope=\"col\" class=\"n\">Leases</th>",
            "<th scope=\"row\" class=\"w\">10.0.0.1</th>",
            "<td class=\"n\">3</td>",
            "<td class=\"w\"><span>2026-11-24</span> <span>06:49:11</span></td>",
        ] {
            assert!(html.contains(part), "{part}: {html}");
        }
    }
}
