//! What is compared: layers, their fields, and which values of them.

use serde_json::Value;

use super::form::Form;
use super::pdml::{Field, Protocol};

/// What both programs say of one field.
pub struct Check {
    /// tshark's field; alternatives are separated by `|`.
    pub theirs: &'static str,
    /// Where Headgate has it within the layer: names with `.` between them, `[]` for each entry of a list,
    /// `*` for any one name; the values of several places, separated by `|`, stand one behind another.
    pub ours: &'static str,
    pub form: Form,
    pub which: Which,
}

/// Which occurrences count.
#[derive(Clone, Copy)]
pub enum Which {
    All,
    First,
    Last,
    /// Those of tshark that are not one of these values.
    Without(&'static [&'static str]),
    /// All, and of the first of Headgate's places that has any.
    Either,
    /// All, in no order.
    Sorted,
    /// All, where each line of a text is one for tshark.
    Lines,
    /// All, where Headgate says one of these numbers at this place.
    When(&'static str, &'static [u64]),
}

/// A layer: Headgate's name, with `|` between several, those of tshark, and its fields.
#[derive(Clone, Copy)]
pub struct Layer {
    pub ours: &'static str,
    pub theirs: &'static [&'static str],
    /// One says that it is there when the other does. What is a layer to one of them only has its fields
    /// where the other has them.
    pub is_mutual: bool,
    pub checks: &'static [Check],
    /// How many checks the layers before it have.
    pub first: usize,
}

impl Layer {
    pub fn is_ours(&self, layer: &Value) -> bool {
        layer["layer"].as_str().is_some_and(|name| self.ours.split('|').any(|ours| ours == name))
    }

    pub fn is_theirs(&self, protocol: &Protocol) -> bool {
        self.theirs.contains(&protocol.name.as_str())
    }
}

impl Check {
    /// Our places and tshark's fields that have a value there.
    pub fn occurring(&self, layer: &Value, protocols: &[&Protocol]) -> impl Iterator<Item = &'static str> {
        let has =
            |name: &&str| protocols.iter().flat_map(|protocol| &protocol.fields).any(|f| f.name == *name);
        let places = self.places().filter(|place| find(layer, place).iter().any(|value| !value.is_null()));
        places.chain(self.names().filter(has))
    }

    pub fn places(&self) -> impl Iterator<Item = &'static str> {
        self.ours.split('|')
    }

    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.theirs.split('|')
    }

    pub fn theirs(&self, protocols: &[&Protocol]) -> Vec<Vec<String>> {
        let fields = protocols.iter().flat_map(|protocol| &protocol.fields);
        let mut fields: Vec<&Field> =
            fields.filter(|field| self.names().any(|name| name == field.name)).collect();
        match self.which {
            Which::First => fields.truncate(1),
            Which::Last => fields = fields.pop().into_iter().collect(),
            _ => {}
        }
        let mut values: Vec<_> = fields.into_iter().map(|field| self.form.theirs(field)).collect();
        values.retain(|readings| readings.iter().any(|reading| !reading.is_empty()));
        match self.which {
            Which::Without(others) => values.retain(|value| !others.contains(&value[0].as_str())),
            Which::Sorted => values.sort(),
            Which::Lines => values.iter_mut().flatten().for_each(|line| {
                line.truncate(line.trim_end_matches("\\n").len());
            }),
            _ => {}
        }
        values
    }

    pub fn ours(&self, layer: &Value) -> Vec<String> {
        let mut values: Vec<String> = Vec::new();
        for path in self.places() {
            if matches!(self.which, Which::Either) && !values.is_empty() {
                break;
            }
            let found = find(layer, path).into_iter().filter(|value| !value.is_null());
            values.extend(found.map(|value| self.form.ours(value)).filter(|value| !value.is_empty()));
        }
        match self.which {
            Which::First => values.truncate(1),
            Which::Last => values = values.pop().into_iter().collect(),
            Which::Sorted => values.sort(),
            Which::Lines => {
                values = values.iter().flat_map(|text| text.split("\\n")).map(str::to_owned).collect();
            }
            _ => {}
        }
        values
    }

    pub fn applies(&self, layer: &Value) -> bool {
        match self.which {
            Which::When(place, codes) => {
                let code = |value: &Value| value.as_bool().map(u64::from).or(value.as_u64());
                find(layer, place).into_iter().filter_map(code).any(|code| codes.contains(&code))
            }
            _ => true,
        }
    }
}

/// The values at a place.
fn find<'v>(value: &'v Value, path: &str) -> Vec<&'v Value> {
    let mut values = vec![value];
    for part in path.split('.') {
        let (name, is_list) = part.strip_suffix("[]").map_or((part, false), |name| (name, true));
        values = match name {
            "*" => values.iter().filter_map(|v| v.as_object()).flat_map(|o| o.values()).collect(),
            _ => values.iter().filter_map(|v| v.get(name)).collect(),
        };
        if is_list {
            values = values.iter().filter_map(|v| v.as_array()).flatten().collect();
        }
    }
    values
}
