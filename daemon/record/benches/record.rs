//! A record as the sensor makes one for each flow: its fields set, each checked against the form that the dictionary
//! declares, and written once; and that check by itself.
// A bench fails by panicking.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{Criterion, Throughput};
use headgate_record::{Field, Kind, Mac, Record, Value, codec};

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("flow record");
    let said = flow();
    group.bench_function("set", |b| b.iter(|| set(black_box(&said))));
    let record = set(&said);
    let mut octets = Vec::new();
    group.bench_function("written", |b| {
        b.iter(|| {
            octets.clear();
            codec::put_record(black_box(&record), &mut octets);
            octets.len()
        });
    });
    group.finish();
    let mut group = criterion.benchmark_group("form of a value");
    group.throughput(Throughput::Elements(said.len().try_into().unwrap()));
    group.bench_function("of all fields of a flow", |b| {
        b.iter(|| {
            let said = black_box(&said);
            said.iter().filter(|(field, value)| field.definition().value_type.admits(value)).count()
        });
    });
    let list: Value = (0..16).map(|n| Value::Address(IpAddr::from([10, 0, 0, n]))).collect();
    group.throughput(Throughput::Elements(1));
    group.bench_function("of a list of 16", |b| {
        let addresses = Field::DeviceAddresses.definition().value_type;
        b.iter(|| addresses.admits(black_box(&list)));
    });
    group.finish();
    criterion.final_summary();
}

fn set(said: &[(Field, Value)]) -> Record {
    let mut record = Record::with_capacity(Kind::Flow, said.len());
    said.iter().for_each(|(field, value)| record.set(*field, value.clone()).unwrap());
    record
}

/// What is said of a TCP connection.
fn flow() -> Vec<(Field, Value)> {
    let address = |last| Value::Address(Ipv4Addr::new(192, 0, 2, last).into());
    let said = [
        (Field::FlowMac, Value::Mac(Mac([0, 0x1b, 0x21, 0, 0, 1]))),
        (Field::FlowVlan, 20_u16.into()),
        (Field::FlowInterface, "eth0".into()),
        (Field::FlowSourceAddress, address(1)),
        (Field::FlowDestinationAddress, address(2)),
        (Field::FlowSourcePort, 49_152_u16.into()),
        (Field::FlowDestinationPort, 443_u16.into()),
        (Field::FlowTransport, Value::word("tcp")),
        (Field::FlowService, Value::word("https")),
        (Field::FlowStarted, Value::Time(1_750_000_000_000_000_000)),
        (Field::FlowEnded, Value::Time(1_750_000_003_000_000_000)),
        (Field::FlowPackets, 1_200_u64.into()),
        (Field::FlowBytes, 90_000_u64.into()),
        (Field::FlowReversePackets, 2_400_u64.into()),
        (Field::FlowReverseBytes, 3_000_000_u64.into()),
        (Field::FlowEndReason, Value::word("ended")),
    ];
    said.into()
}
