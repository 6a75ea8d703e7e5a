use super::*;
use crate::Field;

fn sample() -> Batch {
    let mut record = Record::new(Kind::Device);
    record.set(Field::DeviceVendor, "Example").unwrap();
    Batch {
        id: BatchId { appliance: "site-1".into(), epoch: 7, sequence: 1 },
        rules: [9; 32],
        regions: Vec::new(),
        profile: String::new(),
        records: vec![record],
        withheld: vec![Withheld { kind: Kind::Device, reason: "randomised-mac".into(), records: 3 }],
        lost: vec![Lost { class: Class::Bulk, reason: "buffer-full".into(), records: 2 }],
        forget: Vec::new(),
        replaces: Vec::new(),
    }
}

#[test]
fn batches_of_earlier_versions_are_read() {
    let earlier = |batch: &Batch, version| {
        let mut message = BatchMessage::decode(batch.encode().unwrap().as_slice()).unwrap();
        message.body = zstd::bulk::compress(&codec::encode(&batch.records).unwrap(), 3).unwrap().into();
        message.version = version;
        Batch::decode(&message.encode_to_vec())
    };
    let plain = sample();
    let mut tombstone = sample();
    tombstone.forget = vec!["3f2a".into()];
    tombstone.replaces = vec![[7; 32]];
    assert_eq!((earlier(&plain, 1), earlier(&plain, 2)), (Ok(plain.clone()), Ok(plain.clone())));
    assert_eq!(earlier(&tombstone, 2), Ok(tombstone.clone()));
    // One that says so under the first version would be taken by a receiver that does not forget.
    assert!(matches!(earlier(&tombstone, 1), Err(Error::Version { .. })));
    assert!(matches!(earlier(&plain, 0), Err(Error::Version { .. })));
    assert!(matches!(earlier(&plain, 5), Err(Error::Version { .. })));
    assert!(earlier(&plain, 3).is_err(), "a set is no columns");
    let mut pinned = sample();
    pinned.regions = vec!["eu".into()];
    assert!(matches!(earlier(&pinned, 2), Err(Error::Version { .. })), "its reader would not see the region");
}

#[test]
fn a_tombstone_has_bounds() {
    let mut tombstone = sample();
    tombstone.forget = vec!["3f2a".into()];
    tombstone.replaces = vec![[7; 32]];
    assert_eq!(Batch::decode(&tombstone.encode().unwrap()), Ok(tombstone.clone()));
    tombstone.forget = vec![String::new()];
    assert!(tombstone.encode().is_err());
    tombstone.forget = vec!["x".into(); MAX_FORGET + 1];
    assert!(tombstone.encode().is_err());
}

#[test]
fn a_batch_survives_its_encoding() {
    let batch = sample();
    assert_eq!(id_of(&batch.encode().unwrap()), Ok(batch.id.clone()));
    assert_eq!(Batch::decode(&batch.encode().unwrap()), Ok(batch));
}

#[test]
fn a_batch_cut_anywhere_is_refused() {
    let bytes = sample().encode().unwrap();
    for cut in 0..bytes.len() {
        assert!(Batch::decode(&bytes[..cut]).is_err(), "cut at {cut}");
    }
}

/// Of what came, changed or not, both readers say the same.
#[test]
fn an_outline_is_read_as_strictly_as_a_batch() {
    let whole = |bytes: &[u8]| {
        let batch = Batch::decode(bytes)?;
        let records = u32::try_from(batch.records.len()).unwrap();
        Ok::<_, Error>(Outline { records, says: Batch { records: Vec::new(), ..batch } })
    };
    let mut batch = sample();
    for n in 0..20 {
        let mut record = Record::new(Kind::Device);
        record.set(Field::DeviceVendor, format!("Example {}", n / 3).as_str()).unwrap();
        batch.records.push(record);
    }
    let bytes = batch.encode().unwrap();
    assert_eq!(Outline::decode(&bytes).unwrap().records, 21);
    let message = BatchMessage::decode(bytes.as_slice()).unwrap();
    let body = expand(&message).unwrap();
    let mut refused = 0;
    for at in 0..body.len() {
        for change in [1, 0x20, 0x80, 0xff] {
            let mut body = body.clone();
            body[at] ^= change;
            let body = zstd::bulk::compress(&body, 1).unwrap().into();
            let changed = BatchMessage { body, ..message.clone() }.encode_to_vec();
            // Of two faults they may name another first.
            assert_eq!(Outline::decode(&changed).ok(), whole(&changed).ok(), "{at} {change}");
            refused += usize::from(Outline::decode(&changed).is_err());
        }
    }
    assert!(refused > body.len(), "{refused}");
    for at in 0..bytes.len() {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        assert_eq!(Outline::decode(&changed).ok(), whole(&changed).ok(), "{at}");
        assert!(Outline::decode(&bytes[..at]).is_err(), "cut at {at}");
    }
}

#[test]
fn regions_and_profile_survive_and_have_bounds() {
    let mut pinned = sample();
    (pinned.regions, pinned.profile) = (vec!["eu".into(), "eu-central-1".into()], "pseudonymous".into());
    assert_eq!(Batch::decode(&pinned.encode().unwrap()), Ok(pinned.clone()));
    for regions in [vec!["EU".into()], vec![String::new()], vec!["x".repeat(17)], vec!["eu".into(); 17]] {
        pinned.regions = regions;
        assert!(pinned.encode().is_err(), "{:?}", pinned.regions);
    }
    assert!(may_be_stored(&[], None) && may_be_stored(&[], Some("us")));
    let pinned = ["eu".to_owned()];
    assert!(
        may_be_stored(&pinned, Some("eu"))
            && !may_be_stored(&pinned, Some("us"))
            && !may_be_stored(&pinned, None)
    );
}

#[test]
fn a_body_that_expands_beyond_the_limit_is_refused() {
    let body = zstd::bulk::compress(&vec![0; codec::MAX_SET_BYTES + 1], 3).unwrap();
    let mut message = BatchMessage::decode(sample().encode().unwrap().as_slice()).unwrap();
    message.body = body.into();
    assert_eq!(Batch::decode(&message.encode_to_vec()), Err(Error::Compression));
}

#[test]
fn an_appliance_identifier_with_a_path_is_refused() {
    let mut batch = sample();
    batch.id.appliance = "../x".into();
    assert_eq!(batch.encode(), Err(Error::Encoding("appliance identifier")));
}
