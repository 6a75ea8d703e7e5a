//! Counters as metrics, the sums of a batch's flows, and what was withheld or lost.

use std::collections::BTreeMap;

use headgate_record::batch::Batch;
use headgate_record::{Field, Kind, Record, Value, ValueType};
use prost::Message;

use super::message::{
    ExportMetricsServiceRequest, KeyValue, Metric, Number, NumberDataPoint, ResourceMetrics, ScopeMetrics,
    Sum,
};
use super::{any, resource, scope, text};

/// The request for what a batch counts; all are sums of what came since the batch before.
pub(super) fn request(batch: &Batch, now_ns: u64) -> Option<Vec<u8>> {
    let mut metrics = Metrics::default();
    for record in &batch.records {
        match record.kind() {
            Kind::Counters => metrics.counters(record),
            Kind::Flow => metrics.flow(record),
            _ => {}
        }
    }
    for row in &batch.withheld {
        let of = [text("headgate.kind", row.kind.name()), text("headgate.reason", &row.reason)];
        metrics.add(&WITHHELD, of.into(), now_ns, now_ns, row.records);
    }
    for row in &batch.lost {
        let of = [text("headgate.class", row.class.name()), text("headgate.reason", &row.reason)];
        metrics.add(&LOST, of.into(), now_ns, now_ns, row.records);
    }
    let metrics = metrics.finish();
    if metrics.is_empty() {
        return None;
    }
    let scope_metrics = vec![ScopeMetrics { scope: Some(scope()), metrics }];
    let resource_metrics = vec![ResourceMetrics { resource: Some(resource(batch)), scope_metrics }];
    Some(ExportMetricsServiceRequest { resource_metrics }.encode_to_vec())
}

/// What is counted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Counted {
    name: &'static str,
    unit: &'static str,
    description: &'static str,
}

/// Points by what is counted and of what.
#[derive(Default)]
struct Metrics(BTreeMap<Counted, BTreeMap<Vec<u8>, Point>>);

struct Point {
    attributes: Vec<KeyValue>,
    from_ns: u64,
    to_ns: u64,
    sum: u64,
}

impl Metrics {
    /// Points of the same attributes become one: two of them at one time would be taken for doubles.
    fn add(&mut self, counted: &Counted, attributes: Vec<KeyValue>, from_ns: u64, to_ns: u64, count: u64) {
        let key = attributes.iter().flat_map(Message::encode_length_delimited_to_vec).collect();
        let points = self.0.entry(*counted).or_default();
        let point = points.entry(key).or_insert(Point { attributes, from_ns, to_ns, sum: 0 });
        point.from_ns = point.from_ns.min(from_ns);
        point.to_ns = point.to_ns.max(to_ns);
        point.sum = point.sum.saturating_add(count);
    }

    fn counters(&mut self, record: &Record) {
        let of = of(record, &[Field::CountersInterface]);
        let (from, to) = period(record, Field::CountersFrom, Field::CountersTo);
        for (field, value) in record.fields() {
            let definition = field.definition();
            if let (ValueType::Number, Value::Number(count)) = (definition.value_type, value) {
                self.add(&counted(field), of.clone(), from, to, *count);
            }
        }
        let list = |field| match record.get(field) {
            Some(Value::List(items)) => items.as_slice(),
            _ => &[],
        };
        for field in [Field::CountersRuleFrames, Field::CountersRuleBytes] {
            for (name, count) in list(Field::CountersRules).iter().zip(list(field)) {
                if let Value::Number(count) = count {
                    let mut of = of.clone();
                    of.push(KeyValue { key: "headgate.rule.name".into(), value: Some(any(name)) });
                    self.add(&counted(field), of, from, to, *count);
                }
            }
        }
    }

    fn flow(&mut self, record: &Record) {
        let of =
            of(record, &[Field::FlowInterface, Field::FlowVlan, Field::FlowTransport, Field::FlowService]);
        let (from, to) = period(record, Field::FlowStarted, Field::FlowEnded);
        for (field, counted, direction) in FLOWS {
            if let Some(Value::Number(count)) = record.get(field) {
                let mut of = of.clone();
                of.push(text("headgate.flow.direction", direction));
                self.add(&counted, of, from, to, *count);
            }
        }
    }

    fn finish(self) -> Vec<Metric> {
        let metric = |(counted, points): (Counted, BTreeMap<Vec<u8>, Point>)| Metric {
            name: counted.name.into(),
            description: counted.description.into(),
            unit: counted.unit.into(),
            sum: Some(Sum {
                data_points: points.into_values().map(Point::finish).collect(),
                aggregation_temporality: DELTA,
                is_monotonic: true,
            }),
        };
        self.0.into_iter().map(metric).collect()
    }
}

impl Point {
    fn finish(self) -> NumberDataPoint {
        NumberDataPoint {
            start_time_unix_nano: self.from_ns,
            time_unix_nano: self.to_ns,
            attributes: self.attributes,
            value: Some(Number::Integer(i64::try_from(self.sum).unwrap_or(i64::MAX))),
        }
    }
}

/// A counter by the name, unit and source that the dictionary has.
fn counted(field: Field) -> Counted {
    let definition = field.definition();
    Counted { name: definition.attribute, unit: definition.unit, description: definition.source }
}

/// Those of the fields that the record has, as attributes.
fn of(record: &Record, fields: &[Field]) -> Vec<KeyValue> {
    let told = fields.iter().filter_map(|field| Some((field, record.get(*field)?)));
    told.map(|(field, value)| KeyValue { key: field.definition().attribute.into(), value: Some(any(value)) })
        .collect()
}

fn period(record: &Record, from: Field, to: Field) -> (u64, u64) {
    let time = |field| if let Some(Value::Time(ns)) = record.get(field) { *ns } else { 0 };
    (time(from), time(to))
}

const WITHHELD: Counted = Counted {
    name: "headgate.records.withheld",
    unit: "{record}",
    description: "records that the release gate held back",
};
const LOST: Counted = Counted {
    name: "headgate.records.lost",
    unit: "{record}",
    description: "records that were lost at the site",
};
const PACKETS: Counted =
    Counted { name: "headgate.flows.packets", unit: "{packet}", description: "packets of recorded flows" };
const BYTES: Counted = Counted {
    name: "headgate.flows.io",
    unit: "By",
    description: "octets of frames of recorded flows, without FCS",
};
const FLOWS: [(Field, Counted, &str); 4] = [
    (Field::FlowPackets, PACKETS, "forward"),
    (Field::FlowBytes, BYTES, "forward"),
    (Field::FlowReversePackets, PACKETS, "reverse"),
    (Field::FlowReverseBytes, BYTES, "reverse"),
];
/// `AGGREGATION_TEMPORALITY_DELTA`.
const DELTA: i32 = 1;
