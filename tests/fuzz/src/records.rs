//! What holds for readers of records, and of the messages that carry them.
//!
//! - They end, without panic, and within the time of all readers.
//! - What was read can be written, and is read again as the same.
//! - A record that was read is one that could have been built field by field, and can be shown.
//! - What passes over records agrees with what reads them.

use headgate_record::batch::{Batch, BatchId, Lost, Withheld};
use headgate_record::bundle::{Carried, Manifest, MediumId, Receipts, Signed};
use headgate_record::columns::{self, Rows, Sheet};
use headgate_record::enrolment::Secret;
use headgate_record::local::{
    ControlRequest, FromSensor, FromUplink, Handover, LinkState, MAX_HANDOVER, ToSensor, ToUplink,
};
use headgate_record::receipt::{Forgotten, Receipt, Statement};
use headgate_record::sealed::{KeyId, Sealed};
use headgate_record::subject::{Action, Who};
use headgate_record::{Class, Error, Field, Kind, Record, codec};

use super::property::in_time;

/// The property of octets.
type Property = fn(&[u8]);

/// The readers, each as a target. A new one is a line here.
pub const RECORDS: &[(&str, Property)] = &[
    (BATCH, batch),
    (CARRIED, carried),
    (COLUMNS, in_columns),
    (LOCAL, local),
    (RECEIPT, receipt),
    (SET, set),
    (ONE, one),
];

/// Released batches.
pub(super) const BATCH: &str = "record-batch";
/// Sealed batches and what goes with them on a medium; the first octet says which.
pub(super) const CARRIED: &str = "record-carried";
/// Records in columns.
pub(super) const COLUMNS: &str = "record-columns";
/// Messages between the processes of an appliance; the first octet says which.
pub(super) const LOCAL: &str = "record-local";
/// Receipts.
pub(super) const RECEIPT: &str = "record-receipt";
/// Records one behind the other.
pub(super) const SET: &str = "record-set";
/// One record.
pub(super) const ONE: &str = "record-one";

fn batch(octets: &[u8]) {
    // Its body is compressed: how many octets are read is not known before.
    let Ok(batch) = Batch::decode(octets) else { return };
    let again = batch.encode().and_then(|octets| Batch::decode(&octets));
    assert_eq!(again.as_ref(), Ok(&batch));
    batch.records.iter().for_each(is_whole);
}

fn carried(octets: &[u8]) {
    let Some((which, octets)) = octets.split_first() else { return };
    match which & 3 {
        0 => same(octets, Sealed::decode, Sealed::encode),
        1 => same(octets, Manifest::decode, Manifest::encode),
        2 => same(octets, Signed::decode, Signed::encode),
        _ => same(octets, Receipts::decode, Receipts::encode),
    }
}

fn in_columns(octets: &[u8]) {
    in_time(octets.len(), || drop(columns::decode(octets)));
    let read = columns::decode(octets);
    let passed = Rows::new(octets).and_then(|mut rows| {
        let mut passed = 0;
        while rows.pass()? {
            passed += 1;
        }
        Ok(passed)
    });
    assert_eq!(read.as_ref().map(Vec::len), passed.as_ref().copied());
    in_time(octets.len(), || drop(Sheet::read(octets)));
    assert_eq!(sheet(octets).ok(), read.as_ref().ok().cloned());
    let Ok(records) = read else { return };
    let again = columns::encode(&records).and_then(|octets| columns::decode(&octets));
    assert_eq!(again.as_ref(), Ok(&records));
    records.iter().for_each(is_whole);
    if let Some(first) = records.first() {
        together(octets, &records, first).expect("what was read is read again");
    }
}

/// The records of a sheet, made of its cells.
fn sheet(octets: &[u8]) -> Result<Vec<Record>, Error> {
    let (sheet, mut records) = (Sheet::read(octets)?, Vec::new());
    sheet.each(
        |_| true,
        |kind, cells| {
            let mut octets = Vec::new();
            codec::put_views(kind, cells.iter().map(|cell| (cell.field, cell.value)), &mut octets);
            records.push(codec::decode_one(&octets).expect("cells of a sheet are a record"));
        },
    )?;
    let mut again = Vec::new();
    sheet.encode(|_| true, &mut again);
    assert_eq!(columns::decode(&again).as_ref(), Ok(&records));
    Ok(records)
}

/// Of records that are read together with another one of their kind, what that says holds, and all else is theirs.
fn together(octets: &[u8], records: &[Record], other: &Record) -> Result<(), Error> {
    let mut rows = Rows::new(octets)?;
    for record in records {
        let read = rows.read(&[other])?.expect("as many as before");
        let is_of_its_kind = record.kind() == other.kind();
        for field in Field::ALL {
            let expected = other.get(*field).filter(|_| is_of_its_kind).or(record.get(*field));
            assert_eq!(read.get(*field), expected);
        }
        is_whole(&read);
    }
    assert_eq!(rows.read(&[other])?, None);
    Ok(())
}

fn local(octets: &[u8]) {
    let Some((which, octets)) = octets.split_first() else { return };
    match which & 7 {
        0 => from_sensor(octets),
        1 => same(octets, ToSensor::decode, ToSensor::encode),
        2 => same(octets, FromUplink::decode, FromUplink::encode),
        3 => same(octets, ToUplink::decode, ToUplink::encode),
        _ => same(
            octets,
            |octets| serde_json::from_slice::<ControlRequest>(octets),
            |request| serde_json::to_vec(request).expect("a request is JSON"),
        ),
    }
}

fn from_sensor(octets: &[u8]) {
    in_time(octets.len(), || drop(FromSensor::decode(octets)));
    let Ok(handover) = FromSensor::decode(octets) else { return };
    let said = match handover {
        Handover::Hello { session } => FromSensor::Hello { session },
        Handover::Interfaces(interfaces) => FromSensor::Interfaces(interfaces),
        Handover::Records { first, sets } => {
            sets.iter().for_each(|set| in_columns(set.columns));
            let records: Vec<Record> = sets.iter().filter_map(|set| set.decode().ok()).flatten().collect();
            // The sensor says so many at once.
            FromSensor::Records { first, records: records.into_iter().take(MAX_HANDOVER).collect() }
        }
    };
    let octets = said.encode();
    match (FromSensor::decode(&octets).expect("what was read can be written"), said) {
        (Handover::Hello { session }, said) => assert_eq!(FromSensor::Hello { session }, said),
        (Handover::Interfaces(interfaces), said) => assert_eq!(FromSensor::Interfaces(interfaces), said),
        // By class and station, each of them in order.
        (Handover::Records { first, sets }, FromSensor::Records { first: said, records }) => {
            assert_eq!(first, said);
            let again: Vec<Record> = sets.iter().flat_map(|set| set.decode().expect("records")).collect();
            let lines = |records: &[Record]| {
                let mut lines: Vec<String> = records.iter().map(|record| format!("{record:?}")).collect();
                lines.sort();
                lines
            };
            assert_eq!(lines(&again), lines(&records));
        }
        (again, _) => panic!("{again:?}"),
    }
}

fn receipt(octets: &[u8]) {
    same(octets, Receipt::decode, Receipt::encode);
    if let Ok(receipt) = Receipt::decode(octets) {
        assert!(!receipt.statement.signed_bytes().is_empty());
    }
}

fn set(octets: &[u8]) {
    in_time(octets.len(), || drop(codec::decode(octets)));
    let Ok(records) = codec::decode(octets) else { return };
    let again = codec::encode(&records).and_then(|octets| codec::decode(&octets));
    assert_eq!(again.as_ref(), Ok(&records));
    records.iter().for_each(is_whole);
}

fn one(octets: &[u8]) {
    in_time(octets.len(), || drop(codec::decode_one(octets)));
    if let Ok(record) = codec::decode_one(octets) {
        is_whole(&record);
    }
}

/// Whether a record is what [`Record::set`] makes of its fields, can be written, and can be shown.
fn is_whole(record: &Record) {
    let mut built = Record::new(record.kind());
    for (field, value) in record.fields() {
        built.set(field, value.clone()).expect("a field that was read can be set");
    }
    assert_eq!(&built, record);
    let mut octets = Vec::new();
    codec::put_record(record, &mut octets);
    assert_eq!(codec::decode_one(&octets).as_ref(), Ok(record));
    let mut text = String::new();
    record.write_json(&mut text);
    let shown: serde_json::Value = serde_json::from_str(&text).expect("a record is shown as JSON");
    assert_eq!(shown, record.to_json());
}

/// Whether what is read can be written, and is then read as the same.
fn same<T: PartialEq + std::fmt::Debug, E>(
    octets: &[u8],
    read: fn(&[u8]) -> Result<T, E>,
    write: fn(&T) -> Vec<u8>,
) {
    in_time(octets.len(), || drop(read(octets)));
    let Ok(once) = read(octets) else { return };
    assert_eq!(read(&write(&once)).ok().as_ref(), Some(&once));
}

/// The octets of one record, as they are written.
pub(super) fn alone(record: &Record) -> Vec<u8> {
    let mut octets = Vec::new();
    codec::put_record(record, &mut octets);
    octets
}

/// A target's name, and octets for it as they are written.
type Seed = (&'static str, Vec<u8>);

/// Records in every form in which they travel or rest.
pub(super) fn together_as(records: &[Record]) -> Vec<Seed> {
    let batch = Batch {
        id: id(),
        rules: [7; 32],
        regions: vec!["eu".to_owned()],
        profile: "pseudonymous".to_owned(),
        records: records.to_vec(),
        withheld: vec![Withheld { kind: Kind::Lease, reason: "rule".to_owned(), records: 3 }],
        lost: vec![Lost { class: Class::Bulk, reason: "full".to_owned(), records: 4 }],
        forget: vec!["host".to_owned()],
        replaces: vec![[1; 32]],
    };
    let handover = FromSensor::Records { first: 300, records: records.to_vec() };
    vec![
        (BATCH, batch.encode().unwrap_or_default()),
        (COLUMNS, columns::encode(records).unwrap_or_default()),
        (SET, codec::encode(records).unwrap_or_default()),
        (LOCAL, message(0, handover.encode())),
    ]
}

/// The messages that hold no record.
pub(super) fn messages() -> Vec<Seed> {
    let from_sensor = [
        FromSensor::Hello { session: [9; 16] },
        FromSensor::Interfaces(vec![
            ("eth0".to_owned(), LinkState::Up),
            ("eth1".to_owned(), LinkState::Gone),
        ]),
    ];
    let from_uplink = [
        FromUplink::Next { wait_ms: 5_000 },
        FromUplink::Receipt(vec![1, 2, 3]),
        FromUplink::State { connected: false, problem: "refused".to_owned(), retry_ms: 500 },
    ];
    let to_uplink = [
        ToUplink::Batch(vec![4, 5, 6]),
        ToUplink::Empty,
        ToUplink::Accepted,
        ToUplink::Refused { reason: "signature".to_owned() },
    ];
    let requests = [
        ControlRequest::Status,
        ControlRequest::Records { kind: "flow".to_owned(), limit: 10 },
        ControlRequest::BufferPurge { class: Some("bulk".to_owned()), before_ms: 1, count_only: true },
        ControlRequest::BufferExport { kind: None, after: 1, taken: 2 },
        ControlRequest::Subject { who: Who::Name("host".to_owned()), action: Action::Find },
        ControlRequest::Subject {
            who: Who::Address { address: "192.0.2.1".to_owned(), at_ms: Some(5) },
            action: Action::Export { after: 0, limit: 10 },
        },
        ControlRequest::RotateKeys { which: "data".to_owned() },
    ];
    let receipts = [None, Some(Forgotten { values: 1, records: 2 })].map(|forgotten| Receipt {
        statement: Statement {
            id: id(),
            digest: [2; 32],
            records: 8,
            stored_ms: 1_700_000_000_000,
            forgotten,
            request: Vec::new(),
        },
        signature: [3; 64],
    });
    let manifest = Manifest {
        medium: MediumId([4; 8]),
        appliance: id().appliance,
        epoch: 1,
        key: KeyId([5; 8]),
        regions: vec!["eu".to_owned()],
        made_ms: 1_700_000_000_000,
        batches: vec![Carried { sequence: 2, octets: 300, digest: [6; 32] }],
    };
    let signed = Signed {
        manifest: manifest.encode(),
        certificates: vec![vec![7; 40]],
        scheme: 0x0403,
        signature: vec![8; 70],
        proof: Secret::new(5, &[7; 32]).map(|secret| secret.prove_medium(&manifest.encode())),
    };
    let sealed = Sealed { key: KeyId([5; 8]), id: id(), encapsulated: [9; 32], ciphertext: vec![1; 100] };
    let carried =
        Receipts { medium: MediumId([4; 8]), receipts: receipts.iter().map(Receipt::encode).collect() };
    let carried = [sealed.encode(), manifest.encode(), signed.encode(), carried.encode()];
    let mut seeds: Vec<Seed> =
        (0..).zip(carried).map(|(which, octets)| (CARRIED, message(which, octets))).collect();
    seeds.push((LOCAL, message(1, ToSensor::Committed { through: 300 }.encode())));
    seeds.extend(from_sensor.iter().map(|said| (LOCAL, message(0, said.encode()))));
    seeds.extend(from_uplink.iter().map(|said| (LOCAL, message(2, said.encode()))));
    seeds.extend(to_uplink.iter().map(|said| (LOCAL, message(3, said.encode()))));
    seeds.extend(
        requests.iter().map(|asked| (LOCAL, message(4, serde_json::to_vec(asked).unwrap_or_default()))),
    );
    seeds.extend(receipts.iter().map(|receipt| (RECEIPT, receipt.encode())));
    seeds
}

fn message(which: u8, octets: Vec<u8>) -> Vec<u8> {
    [vec![which], octets].concat()
}

fn id() -> BatchId {
    BatchId { appliance: "site-1".to_owned(), epoch: 1, sequence: 2 }
}
