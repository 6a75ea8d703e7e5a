//! What a gate asks of a record, and its values as they stand in octets.

use crate::{Field, Kind, Mac, Record, Value};

mod value;

pub use value::{Form, ValueView};
pub(crate) use value::{check, check_size};

/// What a gate asks of a record, in whatever shape it is.
pub trait Stated {
    /// The kind.
    fn kind(&self) -> Kind;
    /// The MAC address that a field holds; `None` for anything else.
    fn mac(&self, field: Field) -> Option<Mac>;
    /// Whether a field says yes.
    fn is_true(&self, field: Field) -> bool;
    /// The number that a field holds; `None` for anything else.
    fn number(&self, field: Field) -> Option<u64>;
    /// The text that a field holds; `None` for anything else.
    fn text(&self, field: Field) -> Option<&str>;
}

impl Stated for Record {
    fn kind(&self) -> Kind {
        Record::kind(self)
    }

    fn mac(&self, field: Field) -> Option<Mac> {
        match self.get(field) {
            Some(Value::Mac(mac)) => Some(*mac),
            _ => None,
        }
    }

    fn is_true(&self, field: Field) -> bool {
        self.get(field) == Some(&Value::Bool(true))
    }

    fn number(&self, field: Field) -> Option<u64> {
        match self.get(field) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    fn text(&self, field: Field) -> Option<&str> {
        match self.get(field) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}
