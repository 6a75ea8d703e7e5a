use proptest::prelude::*;
use prost::Message;

use super::*;
use crate::codec;
use crate::codec::tests::any_record;
use crate::{Mac, Value};

#[derive(Clone, PartialEq, Message)]
struct ColumnsMessage {
    #[prost(message, repeated, tag = "1")]
    shapes: Vec<ShapeMessage>,
    #[prost(uint32, repeated, tag = "2")]
    rows: Vec<u32>,
    #[prost(message, repeated, tag = "3")]
    columns: Vec<ColumnMessage>,
}

#[derive(Clone, PartialEq, Message)]
struct ShapeMessage {
    #[prost(uint32, tag = "1")]
    kind: u32,
    #[prost(uint32, repeated, tag = "2")]
    columns: Vec<u32>,
}

#[derive(Clone, PartialEq, Message)]
struct ColumnMessage {
    #[prost(uint32, tag = "1")]
    field: u32,
    #[prost(uint32, tag = "2")]
    form: u32,
    #[prost(uint64, repeated, tag = "3")]
    values: Vec<u64>,
    #[prost(bytes = "vec", repeated, tag = "4")]
    words: Vec<Vec<u8>>,
}

fn columns(records: &[Record], which: impl Fn(Field) -> bool) -> Vec<u8> {
    let (mut columns, mut message) = (Columns::new(), Vec::new());
    for record in records {
        columns.push(record, &which);
    }
    assert_eq!(columns.records(), records.len());
    columns.encode(&mut message).unwrap();
    message
}

fn rows(message: &[u8]) -> Result<Vec<Record>, Error> {
    let records: Result<Vec<Record>, Error> = Rows::new(message)?.collect();
    // To pass over a record is to find the same wrong with it.
    let (mut passing, mut passed) = (Rows::new(message)?, 0);
    let end = loop {
        match passing.pass() {
            Ok(true) => passed += 1,
            Ok(false) => break Ok(passed),
            Err(error) => break Err(error),
        }
    };
    assert_eq!(end, records.as_ref().map(Vec::len).map_err(Clone::clone));
    assert_eq!(sheet(message).ok(), records.as_ref().ok().cloned(), "a sheet is read where its rows are");
    records
}

/// The records of a sheet, made of its cells.
fn sheet(message: &[u8]) -> Result<Vec<Record>, Error> {
    let (sheet, mut records) = (Sheet::read(message)?, Vec::new());
    sheet.each(
        |_| true,
        |kind, cells| {
            let mut octets = Vec::new();
            codec::put_views(kind, cells.iter().map(|cell| (cell.field, cell.value)), &mut octets);
            records.push(codec::decode_one(&octets).unwrap());
        },
    )?;
    assert_eq!(sheet.records(), records.len());
    let mut again = Vec::new();
    sheet.encode(|_| true, &mut again);
    assert_eq!(Rows::new(&again)?.collect::<Result<Vec<_>, _>>()?, records);
    Ok(records)
}

fn device(vlan: u64) -> Record {
    let mut record = Record::new(Kind::Device);
    record.set(Field::DeviceMac, Mac([0, 1, 2, 3, 4, 5])).unwrap();
    record.set(Field::DeviceVlan, vlan).unwrap();
    record.set(Field::DeviceVendor, "Intel Corporate").unwrap();
    record
}

/// Two devices as they stand in the declared message.
fn declared() -> ColumnsMessage {
    let column = |field: Field, form: Form, values: &[u64], words: &[&[u8]]| ColumnMessage {
        field: field.definition().number.into(),
        form: form.number().into(),
        values: values.to_vec(),
        words: words.iter().map(|word| word.to_vec()).collect(),
    };
    ColumnsMessage {
        shapes: vec![ShapeMessage { kind: 1, columns: vec![0, 1, 2] }],
        rows: vec![0, 0],
        columns: vec![
            column(Field::DeviceMac, Form::Mac, &[0, 0], &[&[0, 1, 2, 3, 4, 5]]),
            column(Field::DeviceVlan, Form::Number, &[7, 300], &[]),
            column(Field::DeviceVendor, Form::Text, &[0, 0], &[b"Intel Corporate"]),
        ],
    }
}

proptest! {
    #[test]
    fn what_is_put_into_columns_comes_out_of_them(records in prop::collection::vec(any_record(), 0..24)) {
        prop_assert_eq!(rows(&columns(&records, |_| true)).unwrap(), records);
    }

    #[test]
    fn fields_that_are_left_out_are_missing_and_nothing_else(records in prop::collection::vec(any_record(), 0..12)) {
        let which = |field: Field| !field.position().is_multiple_of(3);
        let left: Vec<Record> = records.iter().cloned().map(|mut record| {
            drop(record.take(|field| !which(field)));
            record
        }).collect();
        prop_assert_eq!(rows(&columns(&records, which)).unwrap(), left);
    }

    /// Times behind a record that was passed over were wrong.
    #[test]
    fn to_pass_over_a_record_changes_no_other(records in prop::collection::vec(any_record(), 0..24), which in any::<u32>()) {
        let message = columns(&records, |_| true);
        let mut rows = Rows::new(&message).unwrap();
        for (at, record) in records.iter().enumerate() {
            if which >> (at % 32) & 1 == 1 {
                prop_assert!(rows.pass().unwrap());
            } else {
                let read = rows.read(&[]).unwrap();
                prop_assert_eq!(read.as_ref(), Some(record));
            }
        }
    }

    #[test]
    fn what_was_left_out_is_put_back_in_its_place(record in any_record(), of in 1usize..4) {
        let part = |n: usize| {
            let mut part = record.clone();
            let _ = part.take(|field| field.position() % 4 != n);
            part
        };
        let message = columns(std::slice::from_ref(&record), |field| field.position() % 4 == 0);
        let parts = [part(1), part(2), part(3)];
        let mut whole = part(0);
        parts.iter().take(of).for_each(|part| whole.merge(part));
        let mut rows = Rows::new(&message).unwrap();
        let parts: Vec<&Record> = parts.iter().take(of).collect();
        prop_assert_eq!(rows.read(&parts).unwrap(), Some(whole));
        prop_assert_eq!(rows.read(&parts).unwrap(), None);
        // What is said again holds.
        let message = columns(std::slice::from_ref(&record), |_| true);
        prop_assert_eq!(Rows::new(&message).unwrap().read(&parts).unwrap(), Some(record));
    }

    #[test]
    fn a_sheet_gives_what_is_asked_of_it(records in prop::collection::vec(any_record(), 0..16)) {
        let which = |field: Field| !field.position().is_multiple_of(3);
        let is_time = |field: Field| field.definition().value_type == crate::ValueType::Time;
        let message = columns(&records, |_| true);
        let sheet = Sheet::read(&message).unwrap();
        let (mut at, mut less) = (0, Vec::new());
        sheet.each(which, |kind, cells| {
            let mut octets = Vec::new();
            codec::put_views(kind, cells.iter().map(|cell| (cell.field, cell.value)), &mut octets);
            let mut asked = records[at].clone();
            drop(asked.take(|field| !which(field)));
            assert_eq!(codec::decode_one(&octets).unwrap(), asked);
            at += 1;
        }).unwrap();
        sheet.encode(which, &mut less);
        let left = records.iter().cloned().map(|mut record| {
            drop(record.take(|field| !which(field) && !is_time(field)));
            record
        });
        prop_assert_eq!(rows(&less).unwrap(), left.collect::<Vec<_>>());
    }

    /// As if all records had come together, whatever words, times and shapes the sets share.
    #[test]
    fn messages_behind_each_other_are_one(sets in prop::collection::vec(prop::collection::vec(any_record(), 0..8), 0..6)) {
        let mut all = Columns::new();
        for set in &sets {
            let message = columns(set, |_| true);
            prop_assert!(all.append(&Sheet::read(&message).unwrap()).unwrap());
        }
        let mut message = Vec::new();
        all.encode(&mut message).unwrap();
        let together = sets.concat();
        prop_assert_eq!(all.records(), together.len());
        prop_assert_eq!(rows(&message).unwrap(), together);
    }

    #[test]
    fn the_message_is_what_protobuf_reads_and_writes(records in prop::collection::vec(any_record(), 0..12)) {
        let message = columns(&records, |_| true);
        let declared = ColumnsMessage::decode(message.as_slice()).unwrap();
        prop_assert_eq!(declared.rows.len(), records.len());
        prop_assert_eq!(declared.encode_to_vec(), message);
    }

    #[test]
    fn damaged_columns_never_panic(
        records in prop::collection::vec(any_record(), 1..6), at in any::<prop::sample::Index>(), with in any::<u8>(),
    ) {
        let mut message = columns(&records, |_| true);
        let at = at.index(message.len());
        message[at] = with;
        for octets in [&message[..], &message[..at]] {
            for record in rows(octets).into_iter().flatten() {
                // Whatever comes out is a record.
                let mut again = Vec::new();
                codec::put_record(&record, &mut again);
                prop_assert!(codec::decode_one(&again).is_ok());
            }
        }
    }

    #[test]
    fn a_difference_survives(step in any::<u64>()) {
        prop_assert_eq!(unzigzag(zigzag(step)), step);
    }
}

#[test]
fn the_message_is_the_declared_one() {
    let records = [device(7), device(300)];
    assert_eq!(columns(&records, |_| true), declared().encode_to_vec());
    assert_eq!(rows(&declared().encode_to_vec()).unwrap(), records);
}

#[test]
fn a_message_that_contradicts_itself_is_refused() {
    let whole = declared();
    let changed = |change: &dyn Fn(&mut ColumnsMessage)| {
        let mut message = whole.clone();
        change(&mut message);
        rows(&message.encode_to_vec())
    };
    assert!(changed(&|_| ()).is_ok());
    let foreign = Field::FlowVlan.definition().number.into();
    let changes: [&dyn Fn(&mut ColumnsMessage); 12] = [
        &|m| m.rows.push(1),
        &|m| m.rows.push(0),
        &|m| m.rows.truncate(1),
        &|m| m.shapes[0].kind = 99,
        &|m| m.shapes[0].columns.swap(0, 1),
        &|m| m.shapes[0].columns.push(2),
        &|m| m.shapes[0].columns.push(3),
        &|m| m.columns[1].field = foreign,
        &|m| m.columns[1].form = Form::Time.number().into(),
        &|m| m.columns[1].words.push(vec![1]),
        &|m| m.columns[2].values[1] = 1,
        &|m| m.columns[0].words[0].truncate(5),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        assert!(changed(change).is_err(), "change {at}");
    }
}

/// The values of two columns of one field would change places.
#[test]
fn a_message_with_two_columns_of_a_field_is_put_behind_none() {
    let mut twice = declared();
    twice.shapes.push(ShapeMessage { kind: 1, columns: vec![0, 3, 2] });
    twice.rows = vec![0, 1];
    twice.columns[1].values.truncate(1);
    twice.columns.push(ColumnMessage { values: vec![9], ..twice.columns[1].clone() });
    let message = twice.encode_to_vec();
    let sheet = Sheet::read(&message).unwrap();
    assert!(!sheet.is_plain());
    let mut all = Columns::new();
    assert!(!all.append(&sheet).unwrap());
    assert_eq!(all.records(), 0);
    // And so is one for which there is no room.
    let full = columns(&vec![device(1); MAX_RECORDS], |_| true);
    let full = Sheet::read(&full).unwrap();
    assert!(all.append(&full).unwrap());
    let one = columns(&[device(2)], |_| true);
    assert!(!all.append(&Sheet::read(&one).unwrap()).unwrap());
    assert_eq!(all.records(), MAX_RECORDS);
}

#[test]
fn a_word_used_more_often_than_a_set_may_be_long_is_refused() {
    let number = |field: Field| field.definition().number.into();
    let long = ColumnsMessage {
        shapes: vec![ShapeMessage { kind: 1, columns: vec![0, 1, 2] }],
        rows: vec![0; MAX_RECORDS],
        columns: [Field::DeviceInterface, Field::DeviceHostname, Field::DeviceFqdn]
            .map(|field| ColumnMessage {
                field: number(field),
                form: Form::Text.number().into(),
                values: vec![0; MAX_RECORDS],
                words: vec![vec![b'x'; 512]],
            })
            .into(),
    };
    assert_eq!(
        rows(&long.encode_to_vec()),
        Err(Error::Limit { what: "record set", limit: codec::MAX_SET_BYTES })
    );
}

#[test]
fn words_that_take_each_others_place_come_out_as_they_went_in() {
    let records: Vec<Record> = (0..MAX_RECORDS)
        .map(|n| {
            let mut record = device(1);
            record.set(Field::DeviceHostname, format!("host{}", n * 7_919 % 3_000).as_str()).unwrap();
            record.set(Field::DeviceAddresses, Value::List(Vec::new())).unwrap();
            record
        })
        .collect();
    assert_eq!(rows(&columns(&records, |_| true)).unwrap(), records);
}

/// Records that repeat long words were once written and could not be read.
#[test]
fn what_is_written_while_there_is_room_is_read() {
    let mut neighbor = Record::new(Kind::Neighbor);
    let names: Value = (0..crate::MAX_LIST).map(|n| format!("{n:0>500}")).collect();
    neighbor.set(Field::NeighborVlanNames, names).unwrap();
    let (mut columns, mut message) = (Columns::new(), Vec::new());
    while columns.has_room() {
        columns.push(&neighbor, |_| true);
    }
    columns.encode(&mut message).unwrap();
    assert_eq!(decode(&message).unwrap().len(), columns.records());
    assert!(columns.records() < MAX_RECORDS);
    assert!(encode(&vec![neighbor; 200]).is_err());
}

/// A batch of 421 octets once took 130 MiB: words that no value used.
#[test]
fn words_without_values_are_refused() {
    let mut unused = declared();
    unused.columns[0].words.push(vec![0, 1, 2, 3, 4, 6]);
    assert!(rows(&unused.encode_to_vec()).is_ok(), "two values may be two words");
    unused.columns[0].words.push(vec![0, 1, 2, 3, 4, 7]);
    assert!(rows(&unused.encode_to_vec()).is_err());
}
