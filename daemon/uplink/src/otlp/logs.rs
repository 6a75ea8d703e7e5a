//! Records as logs.

use std::collections::HashMap;

use headgate_record::batch::{Batch, digest};
use headgate_record::{Field, Kind, Record, Value, codec};
use prost::Message;

use super::message::{ExportLogsServiceRequest, LogRecord, ResourceLogs, ScopeLogs};
use super::{SERVICE, any, attributes, resource, scope, text};

/// The request for all records but counters, and for what is to be forgotten.
pub(super) fn request(batch: &Batch, now_ns: u64) -> Option<Vec<u8>> {
    let records = batch.records.iter().filter(|record| record.kind() != Kind::Counters);
    let mut equal = HashMap::new();
    let mut log_records: Vec<LogRecord> = records
        .map(|record| {
            let content = content(record);
            let before: &mut u32 = equal.entry(content).or_default();
            let uid = uid(batch, &format!("{:016x}-{before}", u64::from_be_bytes(content)));
            *before += 1;
            log(record, uid, now_ns)
        })
        .collect();
    log_records.extend((!batch.forget.is_empty()).then(|| forget(batch, now_ns)));
    if log_records.is_empty() {
        return None;
    }
    let scope_logs = vec![ScopeLogs { scope: Some(scope()), log_records }];
    let resource_logs = vec![ResourceLogs { resource: Some(resource(batch)), scope_logs }];
    Some(ExportLogsServiceRequest { resource_logs }.encode_to_vec())
}

fn log(record: &Record, uid: super::KeyValue, now_ns: u64) -> LogRecord {
    let mut attributes: Vec<_> = attributes(record).collect();
    attributes.push(uid);
    event(record.kind().name(), happened(record).unwrap_or(0), now_ns, attributes)
}

/// A collector has no way to forget: whoever keeps what it got is told whom.
fn forget(batch: &Batch, now_ns: u64) -> LogRecord {
    let values = Value::List(batch.forget.iter().map(|value| Value::from(value.as_str())).collect());
    let attribute = super::KeyValue { key: "headgate.forget.values".into(), value: Some(any(&values)) };
    event("forget", now_ns, now_ns, vec![attribute, uid(batch, "forget")])
}

/// Which log record of all that this appliance sends: where a batch is written anew without somebody who was erased, the
/// others are still the same ones.
fn uid(batch: &Batch, of: &str) -> super::KeyValue {
    text(UID, &format!("{:016x}-{}-{of}", batch.id.epoch, batch.id.sequence))
}

/// A short digest of what a record says.
fn content(record: &Record) -> [u8; 8] {
    let mut octets = Vec::new();
    codec::put_record(record, &mut octets);
    let [a, b, c, d, e, f, g, h, ..] = digest(&octets);
    [a, b, c, d, e, f, g, h]
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
