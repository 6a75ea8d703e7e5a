//! What one frame adds to the records.

use std::collections::HashMap;

use headgate_capture::Frame;
use headgate_record::{Field, Kind, Record};

use super::Engine;
use crate::state::counters::Outcome;

/// A record that a frame is part of, and its fields that would be others without the frame.
pub(crate) struct Contribution {
    pub(crate) record: Record,
    pub(crate) fields: Vec<Field>,
}

impl Engine {
    /// Takes a frame as [`Engine::frame`] does, and tells what it adds: the engine goes on twice from here to its
    /// end, once with the frame and once without it, and the records of the two are compared, as they are
    /// before the collect gate. What was recorded before is given up; counters records are left out, of which
    /// every frame is part.
    pub(crate) fn contribution(
        &mut self,
        interface: usize,
        frame: &Frame<'_>,
    ) -> (Outcome, Vec<Contribution>) {
        self.out.take();
        let mut without = self.clone();
        without.tick(if frame.time_ns == 0 { self.now } else { frame.time_ns });
        let outcome = self.see(interface, frame);
        let mut added = self.clone().records_to_the_end();
        let without = without.records_to_the_end();
        let mut same: HashMap<String, usize> = HashMap::new();
        for record in &without {
            *same.entry(text(record)).or_default() += 1;
        }
        added.retain(|record| match same.get_mut(&text(record)) {
            Some(left @ 1..) => {
                *left -= 1;
                false
            }
            _ => true,
        });
        let contributions = added.into_iter().map(|record| {
            let key = record.key();
            let before = without.iter().find(|other| other.kind() == record.kind() && other.key() == key);
            let is_new = |field, value| before.is_none_or(|before| before.get(field) != Some(value));
            let fields = record.fields().filter(|(f, value)| is_new(*f, value)).map(|(f, _)| f).collect();
            Contribution { fields, record }
        });
        (outcome, contributions.collect())
    }

    fn records_to_the_end(mut self) -> Vec<Record> {
        self.finish();
        let mut records = self.out.take();
        records.retain(|record| record.kind() != Kind::Counters);
        records
    }
}

/// Equal for equal records.
fn text(record: &Record) -> String {
    let mut text = String::new();
    record.write_json(&mut text);
    text
}
