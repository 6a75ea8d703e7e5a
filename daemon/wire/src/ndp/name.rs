//! Domain names of a DNS Search List option (RFC 8106, 5.2; RFC 1035, 3.1).

use std::fmt::{self, Write};

use serde::{Serialize, Serializer};

use crate::{Kind, Malformed, Text, cursor::Cursor};

/// Most labels of a name (RFC 1035, 2.3.4).
pub const MAX_LABELS: usize = 127;
/// Most octets of a label (RFC 1035, 2.3.4).
pub const MAX_LABEL_LEN: u8 = 63;
/// Most octets of a name with the lengths of its labels (RFC 1035, 2.3.4).
pub const MAX_NAME_LEN: usize = 255;

/// A domain name, not compressed. It is shown as its labels with dots between them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name<'a>(
    /// Labels with their lengths, without the root.
    &'a [u8],
);

impl<'a> Name<'a> {
    /// The labels, from the most specific one to the one below the root.
    pub fn labels(&self) -> impl Iterator<Item = Text<'a>> + use<'a> {
        let mut rest = self.0;
        let step = move || {
            let (length, behind) = rest.split_first()?;
            let (label, behind) = behind.split_at_checked((*length).into())?;
            rest = behind;
            Some(Text(label))
        };
        std::iter::from_fn(step).take(MAX_LABELS)
    }

    /// The next name; `None` for the root alone, with which a list is filled up.
    pub(super) fn parse(cursor: &mut Cursor<'a>) -> Result<Option<Self>, Malformed> {
        let start = *cursor;
        let mut length = 0_usize;
        for _ in 0..=MAX_LABELS {
            let label = cursor.u8()?;
            if label == 0 {
                let name = { start }.take(length)?;
                return Ok(Some(Name(name)).filter(|name| !name.0.is_empty()));
            }
            if label > MAX_LABEL_LEN {
                return Err(start.malformed(Kind::Value));
            }
            cursor.take(label.into())?;
            length = length.saturating_add(1).saturating_add(label.into());
            if length >= MAX_NAME_LEN {
                return Err(start.malformed(Kind::Length));
            }
        }
        Err(start.malformed(Kind::Limit))
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, label) in self.labels().enumerate() {
            if position > 0 {
                f.write_char('.')?;
            }
            write!(f, "{label}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl Serialize for Name<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
