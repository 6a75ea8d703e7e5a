//! Batches as OpenTelemetry has them: for a site whose own collector is to get what leaves.
//!
//! OTLP/HTTP 1.9 with protobuf bodies. Each record is a log record whose event name is `headgate.KIND` and whose attributes
//! have the names that the dictionary gives them; counters are metrics in place of that, and flows are metrics besides.
//! Nothing is in here that is not in the batch.

mod logs;
mod message;
mod metrics;

use headgate_record::batch::Batch;
use headgate_record::{Record, Value};
use prost::Message;

use message::{AnyValue, ArrayValue, Body, KeyValue, PartialSuccess, Resource, Scope};

/// A batch as two requests.
pub struct Requests {
    /// The body for [`LOGS`]; `None` where the batch has nothing to be logged.
    pub logs: Option<Vec<u8>>,
    /// The body for [`METRICS`]; `None` where the batch has nothing to be counted.
    pub metrics: Option<Vec<u8>>,
}

impl Requests {
    /// The requests for a batch; `now_ns` is when it is sent, nanoseconds since 1970.
    #[must_use]
    pub fn of(batch: &Batch, now_ns: u64) -> Requests {
        Requests { logs: logs::request(batch, now_ns), metrics: metrics::request(batch, now_ns) }
    }
}

/// What a collector says that it did not take of a request which it accepted (`partial_success`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejected {
    /// How many log records or data points. They are not to be sent again.
    pub count: u64,
    /// Its reason, or advice where none was rejected.
    pub reason: String,
}

/// Reads a collector's answer to either request.
///
/// # Errors
/// When it is none.
pub fn answer(body: &[u8]) -> Result<Rejected, prost::DecodeError> {
    let partial = message::Response::decode(body)?.partial_success.unwrap_or_default();
    let PartialSuccess { rejected, error_message } = partial;
    Ok(Rejected { count: u64::try_from(rejected).unwrap_or(0), reason: error_message })
}

/// Where logs are posted.
pub const LOGS: &str = "/v1/logs";
/// Where metrics are posted.
pub const METRICS: &str = "/v1/metrics";

fn resource(batch: &Batch) -> Resource {
    let id = &batch.id;
    let mut attributes = vec![
        text("service.name", SERVICE),
        text("service.version", env!("CARGO_PKG_VERSION")),
        text("service.instance.id", &id.appliance),
        text("headgate.batch.epoch", &format!("{:016x}", id.epoch)),
        number("headgate.batch.sequence", id.sequence),
        text("headgate.profile", &batch.profile),
    ];
    if !batch.regions.is_empty() {
        let regions: Value = batch.regions.iter().map(String::as_str).collect();
        attributes.push(KeyValue { key: "headgate.regions".into(), value: Some(any(&regions)) });
    }
    Resource { attributes }
}

fn scope() -> Scope {
    Scope { name: SERVICE.into(), version: env!("CARGO_PKG_VERSION").into() }
}

fn text(key: &str, value: &str) -> KeyValue {
    KeyValue { key: key.into(), value: Some(AnyValue { body: Some(Body::Text(value.into())) }) }
}

fn number(key: &str, value: u64) -> KeyValue {
    KeyValue { key: key.into(), value: Some(any_number(value)) }
}

/// Numbers that have no place in 64 bits with a sign are texts, so that none becomes another.
fn any_number(value: u64) -> AnyValue {
    let body = i64::try_from(value).map_or_else(|_| Body::Text(value.to_string()), Body::Integer);
    AnyValue { body: Some(body) }
}

fn any(value: &Value) -> AnyValue {
    let body = match value {
        Value::Bool(value) => Body::Bool(*value),
        Value::Number(value) => return any_number(*value),
        Value::Bytes(value) => Body::Bytes(value.clone()),
        Value::List(items) => Body::Array(ArrayValue { values: items.iter().map(any).collect() }),
        shown => Body::Text(shown.to_string()),
    };
    AnyValue { body: Some(body) }
}

fn attributes(record: &Record) -> impl Iterator<Item = KeyValue> + '_ {
    record
        .fields()
        .map(|(field, value)| KeyValue { key: field.definition().attribute.into(), value: Some(any(value)) })
}

/// Name of the service, of the instrumentation scope, and of what is ours in names.
const SERVICE: &str = "headgate";

#[cfg(test)]
mod tests;
