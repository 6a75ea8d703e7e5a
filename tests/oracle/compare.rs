//! The comparison of one frame as both programs read it.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use serde_json::Value;

use super::check::Layer;
use super::packets::{is_opened, packets};
use super::pdml::{Frame, Protocol};

/// A frame of a capture, by its number from 1.
#[derive(Clone)]
pub struct Place {
    pub capture: String,
    pub frame: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frame {}", self.capture, self.frame)
    }
}

/// A difference: the field, and what both say.
pub struct Finding {
    pub field: String,
    pub place: Place,
    pub ours: Vec<String>,
    pub theirs: Vec<String>,
}

/// What was compared.
#[derive(Default)]
pub struct Compared {
    pub values: u64,
    /// Headgate's places and tshark's fields that had a value, each with its check's number.
    pub seen: BTreeSet<(usize, &'static str)>,
    /// Packets within a tunnel.
    pub inner: u64,
    /// Layers, and ends of lists of values, that are absent where one of both is malformed or cut.
    pub missing: u64,
    /// The link types that are not read.
    pub unread: BTreeSet<u64>,
}

/// The link types that are knowingly not read, by number (tcpdump.org, LINKTYPE_).
pub const UNREAD_LINKS: [u64; 18] =
    [8, 9, 50, 104, 106, 107, 123, 129, 137, 149, 160, 178, 195, 226, 239, 242, 258, 271];

/// Compares a frame: its outermost packet, and the one within its tunnel.
pub fn frame(
    place: Place,
    frame: &Value,
    theirs: &Frame,
    tables: &[Layer],
    compared: &mut Compared,
) -> Vec<Finding> {
    let (frame_fields, tables) = tables.split_first().unwrap();
    let layers = frame["layers"].as_array().map_or([].as_slice(), Vec::as_slice);
    let faults = [faults(layers, &frame["malformed"]), theirs.faults.clone()];
    let mut comparison =
        Comparison { place, layers, protocols: &theirs.protocols, faults, compared, findings: Vec::new() };
    comparison.values(frame_fields, frame, &[&theirs.protocols[1]], [false; 2]);
    if frame["link"].is_null() {
        let link_type = frame["link_type"].as_u64().unwrap();
        if !UNREAD_LINKS.contains(&link_type) {
            comparison.find("link".to_owned(), Vec::new(), vec![link_type.to_string()]);
        }
        comparison.compared.unread.insert(link_type);
        return comparison.findings;
    }
    let ours = packets(layers.iter().map(|layer| layer["layer"].as_str().unwrap()));
    let protocols: Vec<_> = theirs.protocols.iter().map(|protocol| protocol.name.as_str()).collect();
    let theirs = packets(protocols.iter().copied());
    comparison.packet(tables, ours[0].clone(), theirs[0].clone());
    let none = [layers.len()..layers.len(), protocols.len()..protocols.len()];
    let inner = [ours.get(1), theirs.get(1).filter(|_| is_opened(&protocols[theirs[0].clone()]))];
    if inner.iter().any(Option::is_some) {
        comparison.compared.inner += 1;
        let [ours, theirs] = [0, 1].map(|whose| inner[whose].unwrap_or(&none[whose]).clone());
        comparison.packet(tables, ours, theirs);
    }
    comparison.findings
}

struct Comparison<'a> {
    place: Place,
    layers: &'a [Value],
    protocols: &'a [Protocol],
    /// Where a layer of ours, and a protocol of theirs, is malformed or cut.
    faults: [Vec<usize>; 2],
    compared: &'a mut Compared,
    findings: Vec<Finding>,
}

impl Comparison<'_> {
    fn packet(&mut self, tables: &[Layer], ours: Range<usize>, theirs: Range<usize>) {
        for table in tables {
            let of_ours: Vec<_> = ours.clone().filter(|at| table.is_ours(&self.layers[*at])).collect();
            let of_theirs: Vec<_> =
                theirs.clone().filter(|at| table.is_theirs(&self.protocols[*at])).collect();
            match (of_ours.as_slice(), of_theirs.as_slice()) {
                ([], []) => {}
                (ours, theirs) if ours.len() > 1 && ours.len() != theirs.len() => {
                    let counts = [ours.len(), theirs.len()].map(|count| vec![count.to_string()]);
                    let [ours, theirs] = counts;
                    self.find(format!("how often {} is a layer", table.ours), ours, theirs);
                }
                // Several of one kind: VLAN tags.
                (ours, theirs) if ours.len() == theirs.len() && table.theirs.len() > 1 && ours.len() > 1 => {
                    for (ours, theirs) in ours.iter().zip(theirs) {
                        self.layer(table, *ours, &[*theirs]);
                    }
                }
                ([], [first, ..]) => {
                    let before = tables.iter().filter(|table| {
                        (theirs.start..*first).any(|at| table.is_theirs(&self.protocols[at]))
                    });
                    let last = before.filter_map(|t| ours.clone().rfind(|at| t.is_ours(&self.layers[*at])));
                    let last = last.max().unwrap_or(ours.start.saturating_sub(1));
                    self.absent(table, [None, Some(*first)], [self.may_miss(0, last), false]);
                }
                ([first, ..], []) => {
                    let before = tables
                        .iter()
                        .filter(|table| (ours.start..*first).any(|at| table.is_ours(&self.layers[at])));
                    let last =
                        before.filter_map(|t| theirs.clone().rfind(|at| t.is_theirs(&self.protocols[*at])));
                    let last = last.max().unwrap_or(theirs.start.saturating_sub(1));
                    self.absent(table, [Some(*first), None], [false, self.may_miss(1, last)]);
                }
                ([ours, ..], theirs) => self.layer(table, *ours, theirs),
            }
        }
    }

    /// Whether one of both may say less of what stands here: it is malformed or cut here, or before.
    fn may_miss(&self, whose: usize, at: usize) -> bool {
        self.faults[whose].iter().any(|fault| *fault <= at)
    }

    /// What only one of both has as a layer.
    fn absent(&mut self, table: &Layer, at: [Option<usize>; 2], may_miss: [bool; 2]) {
        let (layers, protocols) = (self.layers, self.protocols);
        if !table.is_mutual {
            let theirs: Vec<_> = at[1].map(|at| &protocols[at]).into_iter().collect();
            self.values(table, at[0].map_or(&Value::Null, |at| &layers[at]), &theirs, may_miss);
        } else if may_miss.contains(&true) {
            self.compared.missing += 1;
        } else {
            let [ours, theirs] = at.map(|at| vec![if at.is_some() { "there" } else { "absent" }.to_owned()]);
            self.find(format!("{} as a layer", table.ours), ours, theirs);
        }
    }

    fn layer(&mut self, table: &Layer, ours: usize, theirs: &[usize]) {
        let (layers, protocols) = (self.layers, self.protocols);
        let may_miss = [self.may_miss(0, ours), self.may_miss(1, theirs[theirs.len() - 1])];
        let theirs: Vec<_> = theirs.iter().map(|at| &protocols[*at]).collect();
        self.values(table, &layers[ours], &theirs, may_miss);
    }

    fn values(&mut self, table: &Layer, ours: &Value, theirs: &[&Protocol], may_miss: [bool; 2]) {
        // A bounded list ends before what it is a list of.
        let omits = ours["omitted"].as_u64().is_some_and(|entries| entries > 0);
        let checks = (table.first..).zip(table.checks);
        for (number, check) in checks.filter(|(_, check)| check.applies(ours)) {
            let may_miss = [may_miss[0] || (omits && check.ours.contains("[]")), may_miss[1]];
            let (one, other) = (check.ours(ours), check.theirs(theirs));
            let equal = one.iter().zip(&other).take_while(|(one, other)| other.contains(*one)).count();
            if equal > 0 {
                let occurring = check.occurring(ours, theirs);
                self.compared.seen.extend(occurring.map(|name| (number, name)));
                self.compared.values += equal as u64;
            }
            let misses = [one.len() < other.len(), one.len() > other.len()];
            let is_missing = equal == one.len().min(other.len()) && misses != [false; 2];
            if is_missing && (0..2).all(|whose| may_miss[whose] || !misses[whose]) {
                self.compared.missing += 1;
            } else if is_missing || equal < one.len() {
                let other = other.into_iter().map(|mut readings| readings.swap_remove(0)).collect();
                self.find(check.theirs.to_owned(), one, other);
            }
        }
    }

    fn find(&mut self, field: String, ours: Vec<String>, theirs: Vec<String>) {
        self.findings.push(Finding { field, place: self.place.clone(), ours, theirs });
    }
}

/// Which layers of ours are malformed or cut. The frame's own fault, its first, may be of a layer that is absent:
/// then the reading ended behind the last.
fn faults(layers: &[Value], first: &Value) -> Vec<usize> {
    let is_faulty = |layer: &Value| match &layer["malformed"]["list"] {
        Value::Array(list) => !list.is_empty(),
        _ => !layer["malformed"].is_null(),
    };
    let mut faults: Vec<_> = (0..layers.len()).filter(|at| is_faulty(&layers[*at])).collect();
    if !first.is_null() {
        let of_layer = layers.iter().rposition(|layer| layer["layer"] == first["layer"]);
        faults.push(of_layer.unwrap_or(layers.len().saturating_sub(1)));
    }
    faults
}
