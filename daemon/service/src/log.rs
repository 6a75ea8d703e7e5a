//! Logging: to the journal with structured fields, or to standard error as one line each.
//!
//! Above debug level no line holds an address, a name or a byte of a frame.

use std::io::Write;

use log::kv::{Error, Key, Value, VisitSource};
use log::{Level, LevelFilter, Log, Metadata, Record};
use systemd_journal_logger::JournalLog;

/// Starts logging for the process `name`. `HEADGATE_LOG` (`error`, `warn`, `info`, `debug`) sets the level.
pub fn init(name: &'static str) {
    let level = std::env::var("HEADGATE_LOG").ok().and_then(|v| v.parse().ok()).unwrap_or(LevelFilter::Info);
    let installed = if systemd_journal_logger::connected_to_journal() {
        JournalLog::new().map(|journal| journal.with_syslog_identifier(name.to_owned()).install().is_ok())
    } else {
        Ok(false)
    };
    if !installed.unwrap_or(false) {
        // A second call in one process leaves the first logger in place.
        let _ = log::set_boxed_logger(Box::new(StandardError { name }));
    }
    log::set_max_level(level);
}

struct StandardError {
    name: &'static str,
}

impl Log for StandardError {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut line = format!("{}: ", self.name);
        match record.level() {
            Level::Error => line.push_str("error: "),
            Level::Warn => line.push_str("warning: "),
            Level::Info => {}
            Level::Debug | Level::Trace => line.push_str("debug: "),
        }
        line.push_str(&record.args().to_string());
        let _ = record.key_values().visit(&mut Pairs(&mut line));
        line.push('\n');
        let _ = std::io::stderr().lock().write_all(line.as_bytes());
    }

    fn flush(&self) {}
}

struct Pairs<'a>(&'a mut String);

impl<'kvs> VisitSource<'kvs> for Pairs<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), Error> {
        // The event's name is for programs that read the journal; the line says it in words.
        if key.as_str() != "event" {
            self.0.push_str(&format!(" {key}={value}"));
        }
        Ok(())
    }
}
