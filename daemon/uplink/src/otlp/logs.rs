//! Records as logs.

use headgate_record::batch::Batch;
use headgate_record::{Field, Kind, Record, Value};
use prost::Message;

use super::message::{ExportLogsServiceRequest, LogRecord, ResourceLogs, ScopeLogs};
use super::{SERVICE, any, attributes, resource, scope, text};

/// The request for all records but counters, and for what is to be forgotten.
pub(super) fn request(batch: &Batch, now_ns: u64) -> Option<Vec<u8>> {
    let records = batch.records.iter().enumerate().filter(|(_, record)| record.kind() != Kind::Counters);
    let mut log_records: Vec<LogRecord> =
        records.map(|(at, record)| log(batch, at, record, now_ns)).collect();
    log_records.extend((!batch.forget.is_empty()).then(|| forget(batch, now_ns)));
    if log_records.is_empty() {
        return None;
    }
    let scope_logs = vec![ScopeLogs { scope: Some(scope()), log_records }];
    let resource_logs = vec![ResourceLogs { resource: Some(resource(batch)), scope_logs }];
    Some(ExportLogsServiceRequest { resource_logs }.encode_to_vec())
}

fn log(batch: &Batch, at: usize, record: &Record, now_ns: u64) -> LogRecord {
    let mut attributes: Vec<_> = attributes(record).collect();
    attributes.push(text(UID, &format!("{:016x}-{}-{at}", batch.id.epoch, batch.id.sequence)));
    event(record.kind().name(), happened(record).unwrap_or(0), now_ns, attributes)
}

/// A collector has no way to forget: whoever keeps what it got is told whom.
fn forget(batch: &Batch, now_ns: u64) -> LogRecord {
    let values = Value::List(batch.forget.iter().map(|value| Value::from(value.as_str())).collect());
    let attribute = super::KeyValue { key: "headgate.forget.values".into(), value: Some(any(&values)) };
    let uid = text(UID, &format!("{:016x}-{}-forget", batch.id.epoch, batch.id.sequence));
    event("forget", now_ns, now_ns, vec![attribute, uid])
}

fn event(name: &str, time_ns: u64, now_ns: u64, attributes: Vec<super::KeyValue>) -> LogRecord {
    LogRecord {
        time_unix_nano: time_ns,
        severity_number: INFO,
        attributes,
        observed_time_unix_nano: now_ns,
        event_name: format!("{SERVICE}.{name}"),
    }
}

/// The latest time of a record that is no promise of one to come.
pub(super) fn happened(record: &Record) -> Option<u64> {
    let times = record.fields().filter(|(field, _)| *field != Field::LeaseExpires);
    times.filter_map(|(_, value)| if let Value::Time(ns) = value { Some(*ns) } else { None }).max()
}

/// `SEVERITY_NUMBER_INFO`.
const INFO: i32 = 9;
/// By which doubles are told: a batch whose acceptance got lost is sent again (semantic conventions, general logs).
const UID: &str = "log.record.uid";
