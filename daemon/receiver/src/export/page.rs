//! A page of what is kept: what is asked for, and what is given.

use bytes::Bytes;
use serde_json::{Value, json};

use headgate_record::batch::{BatchId, check_appliance};

/// What a reader asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ask {
    /// How.
    pub form: Form,
    /// Behind which place; 0 for the beginning.
    pub after: u64,
    /// At most so many batches.
    pub limit: usize,
    /// Of this appliance only.
    pub appliance: Option<String>,
}

/// How batches are given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Opened: a JSON object a line for each batch.
    Records,
    /// As they are sealed: of each its length, four octets, big-endian, and itself.
    Sealed,
}

/// A page.
#[derive(Debug, Default)]
pub struct Page {
    /// Batches in the order in which they came or changed.
    pub pieces: Vec<Piece>,
    /// The place behind them.
    pub next: u64,
}

/// A batch of a page.
#[derive(Debug)]
pub enum Piece {
    /// Opened.
    Records(BatchId, Vec<Value>),
    /// Sealed.
    Sealed(Bytes),
}

impl Ask {
    /// Reads the query of a URI.
    pub fn parse(query: &str) -> Option<Ask> {
        let mut ask = Ask { form: Form::Records, after: 0, limit: MAX_BATCHES, appliance: None };
        for pair in query.split('&').filter(|pair| !pair.is_empty()).take(MAX_PAIRS) {
            let (key, value) = pair.split_once('=')?;
            match key {
                "form" => {
                    ask.form = [Form::Records, Form::Sealed].into_iter().find(|form| form.name() == value)?
                }
                "after" => ask.after = value.parse().ok()?,
                "limit" => ask.limit = value.parse().ok().filter(|n| (1..=MAX_BATCHES).contains(n))?,
                "appliance" => {
                    check_appliance(value).ok()?;
                    ask.appliance = Some(value.to_owned());
                }
                _ => return None,
            }
        }
        Some(ask)
    }
}

impl Form {
    /// In a query.
    pub fn name(self) -> &'static str {
        match self {
            Form::Records => "records",
            Form::Sealed => "sealed",
        }
    }

    /// In an answer.
    pub fn content_type(self) -> &'static str {
        match self {
            Form::Records => "application/x-ndjson",
            Form::Sealed => "application/vnd.headgate.batches",
        }
    }
}

impl Page {
    /// What goes over the wire.
    pub fn body(self, form: Form) -> Bytes {
        let mut body = Vec::new();
        for piece in self.pieces {
            match piece {
                Piece::Records(BatchId { appliance, epoch, sequence }, records) => {
                    let line = json!({"appliance": appliance, "epoch": epoch, "sequence": sequence, "records": records});
                    body.extend_from_slice(format!("{line}\n").as_bytes());
                }
                Piece::Sealed(sealed) if form == Form::Sealed => {
                    body.extend_from_slice(&u32::try_from(sealed.len()).unwrap_or(u32::MAX).to_be_bytes());
                    body.extend_from_slice(&sealed);
                }
                Piece::Sealed(_) => {}
            }
        }
        body.into()
    }
}

/// Most batches of a page.
pub const MAX_BATCHES: usize = 64;
/// Octets from which on a page takes no more, as they are kept.
pub const MAX_OCTETS: usize = 8 << 20;
/// Most batches that are looked at for a page.
pub const MAX_LOOKED_AT: usize = 1_024;
const MAX_PAIRS: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_read_whole_or_not_at_all() {
        let all = Ask { form: Form::Records, after: 0, limit: 64, appliance: None };
        assert_eq!(Ask::parse(""), Some(all.clone()));
        let one = Ask { form: Form::Sealed, after: 7, limit: 2, appliance: Some("site-1".into()) };
        assert_eq!(Ask::parse("form=sealed&after=7&limit=2&appliance=site-1"), Some(one));
        for wrong in ["form=x", "after=-1", "limit=0", "limit=65", "appliance=A", "more=1", "after"] {
            assert_eq!(Ask::parse(wrong), None, "{wrong}");
        }
    }
}
