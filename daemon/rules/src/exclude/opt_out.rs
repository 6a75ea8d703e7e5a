//! Opt-out lists: stations of which nothing is collected, in files of their own.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use headgate_record::Mac;

use crate::error::RuleError;
use crate::places::Place;

/// Most opt-out lists.
pub const MAX_OPT_OUT_LISTS: usize = 16;
/// Most lines of one list.
pub const MAX_OPT_OUT_LINES: usize = 262_144;
/// Most addresses of all lists together.
pub const MAX_OPT_OUTS: usize = 131_072;

/// The regular expression (ECMA-262) that the name of a list matches.
pub const OPT_OUT_LIST_PATTERN: &str = r#"^[^./\\"][^/\\"]{0,254}$"#;

/// The lists' addresses, and where each stands. Its size is that of its addresses, at most [`MAX_OPT_OUTS`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OptOuts {
    lists: Vec<List>,
    macs: HashMap<u64, Line, FixedState>,
}

/// A list by the name that the rules give it, and by that of its file.
#[derive(Clone, Debug, PartialEq, Eq)]
struct List {
    name: String,
    file: String,
}

/// Where an address stands, by the number of its list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    list: u16,
    column: u16,
    line: u32,
}

impl OptOuts {
    /// Adds a list. `file` is its name in messages. A list that was added already adds nothing.
    pub(crate) fn add(&mut self, name: &str, file: &str, text: &str) -> Result<(), RuleError> {
        if self.lists.iter().any(|list| list.file == file) {
            return Ok(());
        }
        let number = u16::try_from(self.lists.len()).unwrap_or(u16::MAX);
        self.lists.push(List { name: name.to_owned(), file: file.to_owned() });
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (at, said) in text.lines().enumerate() {
            let address = said.split('#').next().unwrap_or_default();
            let column = address.chars().take_while(|c| c.is_whitespace()).count() + 1;
            // The text itself is not repeated: it may be an address or a name, and messages go to the journal.
            let wrong =
                |what: &str| RuleError { file: file.to_owned(), line: at + 1, column, what: what.to_owned() };
            if at >= MAX_OPT_OUT_LINES {
                return Err(wrong(&format!("a list can have {MAX_OPT_OUT_LINES} lines; divide it")));
            }
            if address.trim().is_empty() {
                continue;
            }
            let mac: Mac = address.trim().parse().map_err(|_| {
                wrong(
                    "this is not a MAC address: write one a line, as 00:1b:21:00:00:01, 00-1b-21-00-00-01, \
                     001b.2100.0001 or 001b21000001; # begins a comment",
                )
            })?;
            if mac.is_group() || mac == Mac::default() {
                return Err(wrong("this is no station's address: take it out of the list"));
            }
            if self.macs.len() >= MAX_OPT_OUTS && !self.macs.contains_key(&key(mac)) {
                return Err(wrong(&format!("there can be {MAX_OPT_OUTS} addresses in all lists")));
            }
            let line = u32::try_from(at + 1).unwrap_or(u32::MAX);
            let column = u16::try_from(column).unwrap_or(u16::MAX);
            self.macs.entry(key(mac)).or_insert(Line { list: number, column, line });
        }
        Ok(())
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.macs.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.macs.len()
    }

    #[inline]
    pub(crate) fn find(&self, mac: Mac) -> Option<Line> {
        self.macs.get(&key(mac)).copied()
    }

    /// The names of the lists.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.lists.iter().map(|list| list.name.as_str())
    }

    /// The addresses in order.
    pub(crate) fn sorted(&self) -> Vec<u64> {
        let mut macs: Vec<u64> = self.macs.keys().copied().collect();
        macs.sort_unstable();
        macs
    }

    pub(crate) fn name(&self, line: Line) -> Option<&str> {
        self.list(line).map(|list| list.name.as_str())
    }

    pub(crate) fn place(&self, line: Line) -> Option<Place> {
        Some(Place {
            file: self.list(line)?.file.clone(),
            line: usize::try_from(line.line).ok()?,
            column: line.column.into(),
        })
    }

    fn list(&self, line: Line) -> Option<&List> {
        self.lists.get(usize::from(line.list))
    }
}

/// The name of a list: a file beside the rules and no path.
pub(crate) fn name(text: &str) -> Result<&str, String> {
    let fits = (1..=MAX_NAME).contains(&text.len())
        && !text.starts_with('.')
        && text.chars().all(|c| !"/\\\"".contains(c) && !c.is_control());
    fits.then_some(text).ok_or_else(|| {
        format!("{text:?} is not the name of a file beside rules.toml: write it without a folder, as \"opt-out.txt\"")
    })
}

#[inline]
fn key(mac: Mac) -> u64 {
    let [a, b, c, d, e, f] = mac.0;
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

/// Most octets of a file's name.
const MAX_NAME: usize = 255;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_usual_notation_of_an_address_is_read() {
        for text in [
            "00:1b:21:0a:00:01",
            "00-1B-21-0A-00-01",
            "001b.210a.0001",
            "001b:210a:0001",
            "001b-210a-0001",
            "001b21-0a0001",
            "001b210a0001",
        ] {
            assert_eq!(text.parse(), Ok(Mac([0, 0x1b, 0x21, 0x0a, 0, 1])), "{text}");
        }
        for text in [
            "00:1b:21:0a:00",
            "00:1b:21:0a:00:01:02",
            "00:1b-21:0a:00:01",
            "0:1b:21:0a:00:011",
            "00.1b.21.0a.00.01",
            "001b210a00012",
            "001b21:0a0001",
            "+0:1b:21:0a:00:01",
            "00 1b 21 0a 00 01",
            "host",
            ":",
        ] {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_name_of_a_list_is_no_path() {
        for text in ["opt-out.txt", "besucher 2026.txt"] {
            assert_eq!(name(text), Ok(text));
        }
        for text in ["", "../x", "/etc/passwd", "a/b", ".", "..", ".hidden", "a\0b", "a\"b"] {
            assert!(name(text).is_err(), "{text:?}");
        }
    }
}
