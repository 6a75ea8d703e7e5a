//! Text that a stranger wrote, made safe to store and to show.

use std::fmt::{self, Write};

use serde::{Serialize, Serializer};

/// Octets that a standard calls text.
///
/// The octets are as they were sent. Displaying them gives UTF-8 without trailing NULs, where
/// octets that are not UTF-8 become U+FFFD, and where characters that steer a terminal or reorder a
/// line are escaped.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Text<'a>(pub &'a [u8]);

impl Text<'_> {
    /// Whether nothing is left to show.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.content().is_empty()
    }

    /// Whether the octets are text as they stand: UTF-8 that needs no escape.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        std::str::from_utf8(self.content()).is_ok_and(|text| !text.contains(is_unsafe))
    }

    fn content(&self) -> &[u8] {
        self.0.iter().rposition(|b| *b != 0).map_or(&[], |last| self.0.get(..=last).unwrap_or(self.0))
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.content().utf8_chunks() {
            for c in chunk.valid().chars() {
                if is_unsafe(c) {
                    write!(f, "{}", c.escape_default())?;
                } else {
                    f.write_char(c)?;
                }
            }
            if !chunk.invalid().is_empty() {
                f.write_char(char::REPLACEMENT_CHARACTER)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Octets that are shown as pairs of hexadecimal digits with colons between them.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Octets<'a>(pub &'a [u8]);

impl fmt::Debug for Octets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl Serialize for Octets<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Octets<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, octet) in self.0.iter().enumerate() {
            if position > 0 {
                f.write_char(':')?;
            }
            write!(f, "{octet:02x}")?;
        }
        Ok(())
    }
}

/// Control characters, line and paragraph separators, and the marks that change the direction of text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_escape_sequence_does_not_reach_the_terminal() {
        assert_eq!(Text(b"sw\x1b[2J\n1").to_string(), "sw\\u{1b}[2J\\n1");
        assert_eq!(Text("a\u{202e}b".as_bytes()).to_string(), "a\\u{202e}b");
    }

    #[test]
    fn trailing_nuls_are_not_text() {
        assert_eq!(Text(b"switch\0\0").to_string(), "switch");
        assert!(Text(b"\0\0").is_empty());
        assert_eq!(Text(b"a\0b").to_string(), "a\\u{0}b");
    }

    #[test]
    fn octets_that_are_not_utf8_are_replaced() {
        assert_eq!(Text(b"K\xfcche").to_string(), "K\u{fffd}che");
        assert_eq!(Text("Küche".as_bytes()).to_string(), "Küche");
        assert!(!Text(b"K\xfcche").is_clean());
    }

    proptest! {
        #[test]
        fn shown_text_is_always_clean(bytes in any::<Vec<u8>>()) {
            prop_assert!(!Text(&bytes).to_string().contains(is_unsafe));
        }
    }
}
