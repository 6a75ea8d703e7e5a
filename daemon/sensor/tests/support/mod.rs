//! An engine that is given each frame as the kernel filter of its rules cuts it.
// A test fails by panicking, and no test uses all of it.
#![allow(clippy::panic, clippy::unwrap_used, clippy::expect_used, dead_code)]

use headgate_capture::Frame;
use headgate_record::{Field, Kind, Record};
use headgate_rules::Rules;
use headgate_sensor::Engine;
use headgate_service::config::Headgate;

pub mod access;

pub const SECOND: u64 = 1_000_000_000;
pub const START: u64 = 1_700_000_000 * SECOND;
pub const SWITCH: [u8; 6] = [0x00, 0x1c, 0x73, 0, 0, 1];

/// An engine behind the filter of its rules.
pub struct Sensor(pub Engine);

impl Sensor {
    pub fn new(rules: &str) -> Self {
        let rules = Rules::parse(&[("rules.toml".into(), rules.into())]).unwrap();
        Sensor(Engine::new(rules, &Headgate::default()))
    }

    pub fn see(&mut self, frame: &[u8], time_ns: u64) {
        let kept = self.0.rules().filter().run(frame, None);
        assert_eq!(self.0.rules().keep().octets(frame, None), kept);
        self.see_so_much(frame, kept, time_ns);
    }

    /// As of a capture that no filter of ours has cut.
    pub fn see_so_much(&mut self, frame: &[u8], kept: usize, time_ns: u64) {
        let interface = self.0.interface("eth0");
        let wire_len = u32::try_from(frame.len()).unwrap();
        let bytes = &frame[..kept];
        self.0.frame(interface, &Frame { time_ns, wire_len, link: Frame::ETHERNET, tag: None, bytes });
    }

    /// What is recorded of a kind until `seconds` after the start.
    pub fn until(&mut self, kind: Kind, seconds: u64) -> Vec<Record> {
        self.0.tick(START + seconds * SECOND);
        self.0.take().into_iter().filter(|r| r.kind() == kind).collect()
    }

    pub fn end(&mut self, kind: Kind) -> Vec<Record> {
        self.0.finish();
        self.0.take().into_iter().filter(|r| r.kind() == kind).collect()
    }
}

pub fn text(record: &Record, field: Field) -> String {
    record.get(field).map(ToString::to_string).unwrap_or_default()
}

pub fn assert_says(record: &Record, said: &[(Field, &str)]) {
    for (field, value) in said {
        assert_eq!(text(record, *field), *value, "{}", field.name());
    }
}
