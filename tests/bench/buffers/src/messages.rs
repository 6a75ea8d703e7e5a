//! Records as octets in files, so that no buffer is measured together with making them.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use headgate_record::batch::{Batch, BatchId};
use headgate_record::codec;
use headgate_record::local::FromSensor;
use headgate_record::sealed::{KeyId, Sealed};
use serde_json::{Value, json};

use crate::office::Office;

/// Writes each record by itself, and hand-overs of `commit` records each, behind their lengths.
pub fn make(directory: &Path, count: usize, commit: usize) -> Value {
    let mut single = BufWriter::new(File::create(records_file(directory)).unwrap());
    let mut together = BufWriter::new(File::create(handovers_file(directory, commit)).unwrap());
    let mut octets = 0;
    for message in handovers(count, commit) {
        let FromSensor::Records { records, .. } = &message else { unreachable!() };
        for record in records {
            let bytes = codec::encode(std::slice::from_ref(record)).unwrap();
            octets += bytes.len();
            put(&mut single, &bytes);
        }
        put(&mut together, &message.encode());
    }
    single.into_inner().unwrap().sync_all().unwrap();
    together.into_inner().unwrap().sync_all().unwrap();
    json!({ "records": count, "octets": octets })
}

/// Hand-overs of `commit` records each, `count` records in all.
pub fn handovers(count: usize, commit: usize) -> impl Iterator<Item = FromSensor> {
    let mut office = Office::new();
    (0..count).step_by(commit).map(move |before| {
        let records = office.by_ref().take(commit.min(count - before)).collect();
        FromSensor::Records { first: u64::try_from(before).unwrap() + 1, records }
    })
}

/// Octets of `count` records in batches of 1,000, of the same sealed, and as sets and as lines of JSON, packed alike.
pub fn batches(count: usize) -> Value {
    let (mut octets, mut sealed, mut lines, mut sets, mut records_in_all) = (0, 0, 0, 0, 0);
    for (sequence, message) in (1..).zip(handovers(count, 1_000)) {
        let FromSensor::Records { records, .. } = message else { unreachable!() };
        let json: String = records.iter().map(|record| format!("{}\n", record.to_json())).collect();
        lines += zstd::bulk::compress(json.as_bytes(), 3).unwrap().len();
        sets += zstd::bulk::compress(&codec::encode(&records).unwrap(), 3).unwrap().len();
        records_in_all += records.len();
        // An epoch is drawn from 63 bits.
        let id = BatchId { appliance: "office".into(), epoch: u64::MAX >> 1, sequence };
        let (withheld, lost, forget, replaces, regions) = Default::default();
        let profile = "pseudonymous".into();
        let batch = Batch { id, rules: [7; 32], regions, profile, records, withheld, lost, forget, replaces };
        let encoded = batch.encode().unwrap();
        octets += encoded.len();
        // What is encrypted is as long as before, and has a tag.
        let ciphertext = vec![0; encoded.len() + 16];
        sealed += Sealed { key: KeyId([7; 8]), id: batch.id, encapsulated: [7; 32], ciphertext }.encode().len();
    }
    json!({ "records": records_in_all, "octets": octets, "sealed": sealed, "sets": sets, "json": lines })
}

/// The records, one at a time.
pub fn records_file(directory: &Path) -> PathBuf {
    directory.join("records")
}

/// The hand-overs.
pub fn handovers_file(directory: &Path, commit: usize) -> PathBuf {
    directory.join(format!("handovers-{commit}"))
}

/// What a file of these holds, one after the other.
pub struct Messages(BufReader<File>);

impl Messages {
    /// Opens it.
    pub fn open(file: &Path) -> Messages {
        Messages(BufReader::with_capacity(1 << 20, File::open(file).unwrap()))
    }

    /// The next, into `message`; `false` when there is none.
    pub fn next(&mut self, message: &mut Vec<u8>) -> bool {
        let mut length = [0; 4];
        if self.0.read_exact(&mut length).is_err() {
            return false;
        }
        message.resize(usize::try_from(u32::from_be_bytes(length)).unwrap(), 0);
        self.0.read_exact(message).unwrap();
        true
    }
}

fn put(out: &mut impl Write, message: &[u8]) {
    out.write_all(&u32::try_from(message.len()).unwrap().to_be_bytes()).unwrap();
    out.write_all(message).unwrap();
}
