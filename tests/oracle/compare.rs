//! The comparison of one frame as both programs read it.

use std::collections::HashSet;

use serde_json::Value;

use super::form::Form;
use super::pdml::{Field, Frame, Protocol};

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
    /// All, in no order.
    Sorted,
    /// All, where each line of a text is one for tshark.
    Lines,
    /// All, where Headgate says one of these numbers at this place.
    When(&'static str, &'static [u64]),
}

/// A layer: Headgate's name, those of tshark, and its fields.
pub struct Layer {
    pub ours: &'static str,
    pub theirs: &'static [&'static str],
    /// One says that it is there when the other does. Not so for what is a layer to one of them only.
    pub is_mutual: bool,
    pub checks: &'static [Check],
}

impl Check {
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.theirs.split('|')
    }

    fn theirs(&self, protocols: &[&Protocol]) -> Vec<Vec<String>> {
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

    fn ours(&self, layer: &Value) -> Vec<String> {
        let mut values: Vec<String> = Vec::new();
        for path in self.ours.split('|') {
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

    fn applies(&self, layer: &Value) -> bool {
        match self.which {
            Which::When(place, codes) => {
                find(layer, place).iter().any(|code| code.as_u64().is_some_and(|code| codes.contains(&code)))
            }
            _ => true,
        }
    }
}

/// The values at a place.
pub fn find<'v>(value: &'v Value, path: &str) -> Vec<&'v Value> {
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

/// A difference: the field, and what both say.
pub struct Finding {
    pub field: String,
    pub place: String,
    pub ours: Vec<String>,
    pub theirs: Vec<String>,
}

/// What was compared.
#[derive(Default)]
pub struct Compared {
    pub values: u64,
    pub fields: HashSet<&'static str>,
    /// Layers that are malformed or cut for one of both, where what both read is compared.
    pub partial: u64,
}

/// Compares a frame, but only its outermost packet.
pub fn frame(
    place: String,
    frame: &Value,
    theirs: &Frame,
    tables: &[Layer],
    compared: &mut Compared,
) -> Vec<Finding> {
    let (frame_fields, rest) = tables.split_first().unwrap();
    let mut comparison = Comparison { place, compared, findings: Vec::new() };
    comparison.layer(frame_fields, frame, &[&theirs.protocols[1]], false);
    let Some(layers) = frame["layers"].as_array() else { return comparison.findings };
    let is_faulty = theirs.is_malformed || theirs.is_cut || !frame["malformed"].is_null();
    let (ours, theirs) = (outermost_of_ours(layers), outermost(&theirs.protocols));
    for table in rest {
        let of_ours: Vec<_> = ours.iter().filter(|layer| layer["layer"] == table.ours).collect();
        let of_theirs: Vec<_> =
            theirs.iter().filter(|protocol| table.theirs.contains(&protocol.name.as_str())).collect();
        let is_last = |protocol: &&&Protocol| {
            let behind = theirs.iter().rev().take_while(|other| !std::ptr::eq(**other, **protocol));
            !behind.into_iter().any(|other| rest.iter().any(|t| t.theirs.contains(&other.name.as_str())))
        };
        // A bounded list ends before what it is a list of.
        let omits = of_ours.iter().any(|layer| layer["omitted"].as_u64().is_some_and(|entries| entries > 0));
        let is_partial = omits
            || is_faulty
                && (of_ours.is_empty()
                    || of_ours.iter().any(|layer| has_faults(layer, frame, ours.last()))
                    || of_theirs.iter().any(is_last));
        match (of_ours.as_slice(), of_theirs.as_slice()) {
            ([], []) => {}
            // Several of one kind: VLAN tags.
            (ours, theirs) if ours.len() == theirs.len() && table.theirs.len() > 1 && ours.len() > 1 => {
                for (ours, theirs) in ours.iter().zip(theirs) {
                    comparison.layer(table, ours, &[theirs], is_partial);
                }
            }
            (_, []) if !table.is_mutual => {}
            ([], _) | (_, []) if table.is_mutual => {
                let said = |is: bool| vec![if is { "there" } else { "absent" }.to_owned()];
                if !is_partial {
                    let field = format!("{} as a layer", table.ours);
                    comparison.find(field, said(!of_ours.is_empty()), said(!of_theirs.is_empty()));
                }
            }
            (ours, theirs) => {
                let none = Value::Null;
                let theirs: Vec<_> = theirs.iter().map(|p| **p).collect();
                comparison.layer(table, ours.first().copied().unwrap_or(&none), &theirs, is_partial);
            }
        }
    }
    comparison.findings
}

struct Comparison<'a> {
    place: String,
    compared: &'a mut Compared,
    findings: Vec<Finding>,
}

impl Comparison<'_> {
    fn layer(&mut self, table: &Layer, ours: &Value, theirs: &[&Protocol], is_partial: bool) {
        self.compared.partial += u64::from(is_partial);
        for check in table.checks.iter().filter(|check| check.applies(ours)) {
            let (one, other) = (check.ours(ours), check.theirs(theirs));
            let equal = one.iter().zip(&other).take_while(|(one, other)| other.contains(*one)).count();
            let shorter = one.len().min(other.len());
            if equal > 0 {
                self.compared.fields.insert(check.theirs);
                self.compared.values += equal as u64;
            }
            if equal < shorter || (!is_partial && one.len() != other.len()) {
                let other = other.into_iter().map(|mut readings| readings.swap_remove(0)).collect();
                self.find(check.theirs.to_owned(), one, other);
            }
        }
    }

    fn find(&mut self, field: String, ours: Vec<String>, theirs: Vec<String>) {
        self.findings.push(Finding { field, place: self.place.clone(), ours, theirs });
    }
}

/// Whether a layer is where the frame is malformed or cut.
fn has_faults(layer: &Value, frame: &Value, last: Option<&Value>) -> bool {
    let own = layer["malformed"]["list"].as_array().is_some_and(|list| !list.is_empty());
    own || frame["malformed"]["layer"] == layer["layer"] || last == Some(layer)
}

/// What begins a packet, and what may carry another one.
const PACKETS: [&str; 6] = ["eth", "ip", "ipv6", "ethernet", "ipv4", "arp"];
pub const CARRIERS: [&str; 14] = [
    "gre",
    "erspan",
    "vxlan",
    "geneve",
    "lwapp",
    "capwap",
    "tzsp",
    "wlan",
    "ieee80211",
    "macsec",
    "nsh",
    "l2tp",
    "udpencap",
    "isl",
];

/// How many protocols belong to the outermost packet.
fn outer<'n>(names: impl Iterator<Item = &'n str>) -> usize {
    let (mut count, mut is_frame, mut is_packet) = (0, false, false);
    for name in names {
        let is_link = name == "eth" || name == "ethernet";
        if PACKETS.contains(&name) && (is_packet || (is_link && is_frame)) {
            break;
        }
        is_packet |= PACKETS.contains(&name) && !is_link;
        is_frame |= is_link;
        count += 1;
        if CARRIERS.contains(&name) {
            break;
        }
    }
    count
}

pub fn outermost(protocols: &[Protocol]) -> Vec<&Protocol> {
    protocols.iter().take(outer(protocols.iter().map(|protocol| protocol.name.as_str()))).collect()
}

fn outermost_of_ours(layers: &[Value]) -> &[Value] {
    &layers[..outer(layers.iter().map(|layer| layer["layer"].as_str().unwrap()))]
}
