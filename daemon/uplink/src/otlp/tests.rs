use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use headgate_record::batch::{BatchId, Lost};
use headgate_record::{Class, Field, Kind};

use super::message::{
    ExportLogsServiceRequest, ExportMetricsServiceRequest, LogRecord, Metric, Number, Response,
};
use super::*;

#[allow(dead_code, reason = "benchmarks look for somebody in it")]
#[path = "../../../../tests/bench/buffers/src/office.rs"]
mod office;

const NOW_NS: u64 = 1_790_000_000_000_000_000;

fn batch(records: Vec<Record>) -> Batch {
    let id = BatchId { appliance: "site-1".into(), epoch: 10, sequence: 3 };
    let (withheld, lost, forget, replaces, regions) = Default::default();
    let (rules, profile) = ([7; 32], "pseudonymous".into());
    Batch { id, rules, regions, profile, records, withheld, lost, forget, replaces }
}

fn logs(batch: &Batch) -> Vec<LogRecord> {
    let request = ExportLogsServiceRequest::decode(Requests::of(batch, NOW_NS).logs.unwrap().as_slice());
    request.unwrap().resource_logs.remove(0).scope_logs.remove(0).log_records
}

fn metrics(batch: &Batch) -> Vec<Metric> {
    let request =
        ExportMetricsServiceRequest::decode(Requests::of(batch, NOW_NS).metrics.unwrap().as_slice());
    request.unwrap().resource_metrics.remove(0).scope_metrics.remove(0).metrics
}

fn flow(bytes: u64, service: &str) -> Record {
    let mut flow = Record::new(Kind::Flow);
    flow.set(Field::FlowService, service).unwrap();
    flow.set(Field::FlowStarted, Value::Time(NOW_NS - bytes)).unwrap();
    flow.set(Field::FlowEnded, Value::Time(NOW_NS)).unwrap();
    flow.set(Field::FlowBytes, bytes).unwrap();
    flow
}

#[test]
fn a_batch_of_nothing_asks_for_nothing() {
    let Requests { logs, metrics } = Requests::of(&batch(Vec::new()), NOW_NS);
    assert_eq!((logs, metrics), (None, None));
}

#[test]
fn a_number_without_a_place_in_a_signed_one_stays_what_it_is() {
    let logs = logs(&batch(vec![flow(1, "dns")]));
    let (text, number) = (any_number(u64::MAX), any_number(7));
    assert_eq!(text.body, Some(Body::Text("18446744073709551615".into())));
    assert_eq!(number.body, Some(Body::Integer(7)));
    assert_eq!((logs[0].event_name.as_str(), logs[0].time_unix_nano), ("headgate.flow", NOW_NS));
}

/// The place in the batch once was part of it, and changed when somebody before it was erased.
#[test]
fn a_record_keeps_its_identifier_when_another_is_left_out_and_equal_ones_have_their_own() {
    let uids = |records| -> Vec<String> {
        let uid = |log: &LogRecord| log.attributes.iter().find(|a| a.key == "log.record.uid").cloned();
        logs(&batch(records)).iter().map(|log| format!("{:?}", uid(log).unwrap())).collect()
    };
    let all = uids(vec![flow(1, "dns"), flow(2, "dns"), flow(3, "dns"), flow(3, "dns")]);
    let left = uids(vec![flow(1, "dns"), flow(3, "dns"), flow(3, "dns")]);
    assert_eq!(left, [all[0].clone(), all[2].clone(), all[3].clone()]);
    assert_ne!(all[2], all[3]);
}

/// Two points of one time and the same attributes would be taken for doubles.
#[test]
fn flows_of_one_kind_are_one_point() {
    let metrics = metrics(&batch(vec![flow(5, "dns"), flow(7, "dns"), flow(9, "http")]));
    let points =
        &metrics.iter().find(|metric| metric.name == "headgate.flows.io").unwrap().sum.as_ref().unwrap();
    let mut values: Vec<_> =
        points.data_points.iter().map(|p| (p.value.clone(), NOW_NS - p.start_time_unix_nano)).collect();
    values.sort_by_key(|(_, from)| *from);
    assert_eq!(values, [(Some(Number::Integer(12)), 7), (Some(Number::Integer(9)), 9)]);
    assert_eq!((points.aggregation_temporality, points.is_monotonic), (1, true));
}

#[test]
fn what_was_lost_and_whom_to_forget_is_said() {
    let mut batch = batch(Vec::new());
    batch.lost = vec![Lost { class: Class::Bulk, reason: "buffer-full".into(), records: 4 }];
    batch.forget = vec!["00:1b:21:aa:bb:cc".into()];
    assert_eq!(metrics(&batch)[0].name, "headgate.records.lost");
    let logs = logs(&batch);
    assert_eq!((logs.len(), logs[0].event_name.as_str()), (1, "headgate.forget"));
}

#[test]
fn an_answer_says_what_was_rejected() {
    let partial_success = Some(PartialSuccess { rejected: 2, error_message: "old".into() });
    let said = Response { partial_success }.encode_to_vec();
    assert_eq!(answer(&said), Ok(Rejected { count: 2, reason: "old".into() }));
    assert_eq!(answer(&[]), Ok(Rejected::default()));
    assert!(answer(&[0xff]).is_err());
}

/// The realistic sample of the benchmarks: what leaves for a receiver takes at most 30 octets of each record, and half of
/// what the same takes for a collector.
#[test]
fn a_batch_takes_thirty_octets_of_a_record_and_half_of_what_otlp_takes() {
    let (mut batches, mut requests) = (0, 0);
    let records: Vec<Record> = office::Office::new().take(10_000).collect();
    for records in records.chunks(1_000) {
        let batch = batch(records.to_vec());
        batches += batch.encode().unwrap().len();
        let Requests { logs, metrics } = Requests::of(&batch, NOW_NS);
        for body in [logs, metrics].into_iter().flatten() {
            let mut packed = GzEncoder::new(Vec::new(), Compression::default());
            packed.write_all(&body).unwrap();
            requests += packed.finish().unwrap().len();
        }
    }
    let octets = |sum: usize| f64::from(u32::try_from(sum).unwrap()) / 10_000.0;
    println!("{} octets of a record in batches, {} by OTLP", octets(batches), octets(requests));
    assert!(batches <= 30 * records.len(), "{}", octets(batches));
    assert!(2 * batches <= requests, "{}", octets(requests));
}
