//! Bundles from media: each batch once, and everything that is not as it must be is refused before anything is changed.

#[cfg(test)]
mod support;

use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use headgate_receiver::{Error, Fault, Validity, import};
use headgate_record::batch::digest;
use headgate_record::bundle::{MANIFEST, MediumId, RECEIPTS, Receipts, Signed, batch_file};
use headgate_record::receipt::Receipt;
use headgate_service::exit::{DATA, Exit, NO_INPUT};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use support::medium::{Medium, batches, pem};
use support::{APPLIANCE, Client, Cloud, batch, seal_to, zstd_bomb};

#[test]
fn media_in_any_order_beside_a_wire_are_stored_once_each() {
    let cloud = Cloud::new();
    let (first, second) = (Medium::of(&cloud, 1, &batches(1..=3)), Medium::of(&cloud, 2, &batches(4..=5)));
    let imported = second.import(&cloud).unwrap();
    assert_eq!((imported.new, imported.again, imported.records), (2, 0, 4));
    let server = cloud.start();
    // While the receiver runs, and has had one of them over the wire.
    assert_eq!(Client::connect(server.address, &cloud.appliance()).post(&cloud, &batch(2)).0, 200);
    let imported = first.import(&cloud).unwrap();
    assert_eq!((imported.new, imported.again, imported.records), (2, 1, 4));
    assert_eq!(cloud.sequences(), [1, 2, 3, 4, 5]);
    let again = first.import(&cloud).unwrap();
    assert_eq!((again.new, again.again), (0, 3));
    assert_eq!(cloud.sequences().len(), 5);
    // The wire brings what a medium brought.
    let (status, receipt) = Client::connect(server.address, &cloud.appliance()).post(&cloud, &batch(5));
    assert_eq!(status, 200);

    let receipts = first.receipts();
    assert_eq!((receipts.medium, receipts.receipts.len()), (MediumId([1; 8]), 3));
    for (sequence, receipt) in (1..).zip(&receipts.receipts) {
        cloud.verify(receipt, &batch(sequence));
    }
    assert_eq!(second.receipts().receipts[1], receipt, "one batch, one receipt");
    let text = imported.to_text();
    assert!(
        text.contains("headgate bundle receipt") && text.contains("1 batches were stored before"),
        "{text}"
    );
}

/// A certificate and its key lie in two files. Whoever has them alone makes no medium either.
#[test]
fn a_medium_is_of_whoever_has_the_secret_too() {
    let cloud = Cloud::new();
    let mut medium = Medium::of(&cloud, 1, &batches(1..=2));
    let refused = |medium: &mut Medium, secret, says: &str| {
        medium.secret = secret;
        medium.sign();
        let (fault, text) = medium.refused(&cloud, says);
        assert!(matches!(fault, Fault::Unproved(_)) && text.contains(says), "{text}");
    };
    refused(&mut medium, None, "by a program of before");
    refused(&mut medium, Some(Cloud::new().secret(APPLIANCE, 1)), "of another secret");
    refused(&mut medium, Some(cloud.secret("site-2", 1)), "of another secret");
    // A proof that belongs to another manifest.
    let other = Medium::of(&cloud, 2, &batches(1..=2));
    medium.write(&Signed { proof: other.signed().proof, ..medium.signed() });
    let (fault, _) = medium.refused(&cloud, "another manifest's");
    assert!(matches!(fault, Fault::Unproved(_)));
    // One that a medium proved for the first time takes the place of those before, on the wire too.
    medium.secret = Some(cloud.secret(APPLIANCE, 5));
    medium.sign();
    assert_eq!(medium.import(&cloud).unwrap().new, 2);
    let server = cloud.start();
    let visit = |generation| {
        let client = Client::connect(server.address, &cloud.appliance());
        client.with_secret(Some(cloud.secret(APPLIANCE, generation))).post(&cloud, &batch(3)).0
    };
    assert_eq!((visit(4), visit(5)), (401, 200));
    let mut late = Medium::of(&cloud, 3, &batches(4..=4));
    refused(&mut late, Some(cloud.secret(APPLIANCE, 4)), "replaced or revoked");
    headgate_receiver::revoke(&cloud.config(), APPLIANCE).unwrap();
    refused(&mut late, Some(cloud.secret(APPLIANCE, 5)), "replaced or revoked");
}

/// What an appliance of before wrote comes in where secrets need not be proved, until one is known.
#[test]
fn a_medium_of_before_is_taken_while_no_secret_is_known_and_none_is_required() {
    let cloud = Cloud::new();
    let mut config = cloud.config();
    config.secrets_required = false;
    let mut medium = Medium::of(&cloud, 1, &batches(1..=2));
    medium.secret = None;
    medium.sign();
    assert_eq!(import(&config, medium.path(), None).unwrap().new, 2);
    let proved = Medium::of(&cloud, 2, &batches(3..=3));
    assert_eq!(import(&config, proved.path(), None).unwrap().new, 1);
    let error = import(&config, medium.path(), Some(&cloud.path("again"))).unwrap_err();
    assert!(error.to_string().contains("does not prove"), "{error}");
}

#[test]
fn what_is_changed_cut_or_missing_is_refused_whole() {
    let cloud = Cloud::new();
    Medium::of(&cloud, 9, &batches(8..=9)).import(&cloud).unwrap();
    let change = |file: &Path, change: &dyn Fn(&mut Vec<u8>)| {
        let mut octets = fs::read(file).unwrap();
        change(&mut octets);
        fs::write(file, octets).unwrap();
    };
    type Case = (&'static str, fn(&Medium, &dyn Fn(&Path, &dyn Fn(&mut Vec<u8>))), fn(&Fault) -> bool);
    let cases: [Case; 9] = [
        ("a bit of a batch", |m, change| change(&m.file(2), &|o| o[40] ^= 1), |f| matches!(f, Fault::Digest)),
        (
            "a batch cut",
            |m, change| change(&m.file(2), &|o| o.truncate(o.len() - 1)),
            |f| matches!(f, Fault::Length),
        ),
        ("a batch longer", |m, change| change(&m.file(2), &|o| o.push(0)), |f| matches!(f, Fault::Length)),
        ("a batch missing", |m, _| fs::remove_file(m.file(2)).unwrap(), |f| matches!(f, Fault::Read(_))),
        (
            "two exchanged",
            |m, _| {
                let (one, two) = (fs::read(m.file(1)).unwrap(), fs::read(m.file(2)).unwrap());
                fs::write(m.file(1), two).unwrap();
                fs::write(m.file(2), one).unwrap();
            },
            |f| matches!(f, Fault::Digest),
        ),
        (
            "no manifest",
            |m, _| fs::remove_file(m.path().join(MANIFEST)).unwrap(),
            |f| matches!(f, Fault::Read(_)),
        ),
        (
            "a manifest cut",
            |m, change| change(&m.path().join(MANIFEST), &|o| o.truncate(100)),
            |f| matches!(f, Fault::Manifest(_)),
        ),
        (
            "a manifest without end",
            |m, change| change(&m.path().join(MANIFEST), &|o| o.resize(2 << 20, 0)),
            |f| matches!(f, Fault::Length),
        ),
        ("no folder", |m, _| fs::remove_dir_all(m.path()).unwrap(), |f| matches!(f, Fault::Read(_))),
    ];
    for (case, spoil, expected) in cases {
        let medium = Medium::of(&cloud, 1, &batches(1..=3));
        spoil(&medium, &change);
        let (fault, text) = medium.refused(&cloud, case);
        assert!(expected(&fault), "{case}: {fault:?}");
        assert!(!text.contains("stored"), "{text}");
    }
    assert_eq!(cloud.sequences(), [8, 9]);
}

#[test]
fn links_pipes_devices_and_directories_are_not_opened() {
    let cloud = Cloud::new();
    let secret = cloud.path("receipt.key");
    for name in [MANIFEST.to_owned(), batch_file(2)] {
        let medium = Medium::of(&cloud, 1, &batches(1..=3));
        let file = medium.path().join(&name);
        let elsewhere = medium.path().join("elsewhere");
        fs::rename(&file, &elsewhere).unwrap();
        // A link to the very file that belongs there is a link all the same.
        for target in
            [&elsewhere, &secret, Path::new("/dev/zero"), Path::new("../../etc/passwd")].map(PathBuf::from)
        {
            symlink(&target, &file).unwrap();
            let (fault, _) = medium.refused(&cloud, &format!("{name}: link"));
            assert!(matches!(fault, Fault::NotPlain), "{name} to {}: {fault:?}", target.display());
            fs::remove_file(&file).unwrap();
        }
        rustix::fs::mknodat(rustix::fs::CWD, &file, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        assert!(fs::metadata(&file).unwrap().file_type().is_fifo());
        assert!(
            matches!(medium.refused(&cloud, "pipe").0, Fault::NotPlain),
            "nobody waits for who writes into it"
        );
        fs::remove_file(&file).unwrap();
        fs::create_dir(&file).unwrap();
        assert!(matches!(medium.refused(&cloud, "directory").0, Fault::NotPlain));
    }
}

#[test]
fn receipts_are_written_through_no_link_and_in_the_place_of_earlier_ones() {
    let cloud = Cloud::new();
    let medium = Medium::of(&cloud, 1, &batches(1..=1));
    let victim = cloud.path("victim");
    fs::write(&victim, "mine").unwrap();
    for name in [RECEIPTS, "receipts.new"] {
        symlink(&victim, medium.path().join(name)).unwrap();
    }
    medium.import(&cloud).unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"mine");
    assert_eq!(medium.receipts().receipts.len(), 1);
    let named = cloud.path("back");
    import(&cloud.config(), medium.path(), Some(&named)).unwrap();
    assert_eq!(Receipts::decode(&fs::read(&named).unwrap()), Ok(medium.receipts()));
    let refused = import(&cloud.config(), medium.path(), Some(&named));
    assert!(matches!(refused, Err(Error::Exists(file)) if file == named));
}

#[test]
fn other_signers_and_other_recipients_are_refused() {
    let cloud = Cloud::new();
    let other = Cloud::new();
    let good = || vec![(1, cloud.seal(&batch(1)))];
    let own = || cloud.certified(APPLIANCE, Validity::days(9));
    let ago = |days: u64| SystemTime::now() - Duration::from_secs(86_400 * days);

    let foreign = Medium::with(&cloud, other.certified(APPLIANCE, Validity::days(9)), 1, good());
    assert!(matches!(foreign.refused(&cloud, "another organisation's").0, Fault::Certificate(_)));
    let expired =
        Medium::with(&cloud, cloud.certified(APPLIANCE, Validity { from: ago(9), until: ago(1) }), 1, good());
    assert!(matches!(expired.refused(&cloud, "expired").0, Fault::Expired));
    let neighbour = Medium::with(&cloud, cloud.certified("site-2", Validity::days(9)), 1, good());
    assert!(matches!(neighbour.refused(&cloud, "another appliance's").0, Fault::Appliance));
    // The receiver's own certificate is of the same authority, and no appliance's.
    let server = CertificateDer::from(pem(&cloud.path("server.crt")));
    let key = PrivateKeyDer::try_from(pem(&cloud.path("server.key"))).unwrap();
    let server = Medium::with(&cloud, (server, key), 1, good());
    assert!(matches!(server.refused(&cloud, "a server's").0, Fault::Certificate(_)));

    let to_others = Medium::with(&cloud, own(), 1, vec![(1, other.seal(&batch(1)))]);
    let (fault, text) = to_others.refused(&cloud, "another recipient's");
    assert!(matches!(fault, Fault::Key(_)) && text.contains("for another receiver"), "{text}");

    let medium = Medium::with(&cloud, own(), 1, good());
    type Change<'a> = (&'a str, &'a dyn Fn(&mut Signed));
    let changes: [Change<'_>; 5] = [
        ("manifest", &|s| s.manifest[12] ^= 1),
        ("signature", &|s| s.signature[20] ^= 1),
        ("no signature", &|s| s.signature.clear()),
        ("another scheme", &|s| s.scheme = 0x0201),
        ("no certificate", &|s| s.certificates.clear()),
    ];
    let signed = medium.signed();
    for (case, change) in changes {
        let mut changed = signed.clone();
        change(&mut changed);
        medium.write(&changed);
        let (fault, _) = medium.refused(&cloud, case);
        assert!(matches!(fault, Fault::Signature | Fault::Certificate(_)), "{case}: {fault:?}");
    }
    medium.write(&signed);
    medium.import(&cloud).unwrap();
}

/// An appliance of this organisation that lies is refused as well: what is inside has the last word.
#[test]
fn batches_that_are_not_what_the_manifest_says_are_refused() {
    let cloud = Cloud::new();
    let own = || cloud.certified(APPLIANCE, Validity::days(9));
    let seal = |id, content: &[u8]| seal_to(&cloud.path("seal.pub"), id, content);
    let plain = batch(1).encode().unwrap();

    let mut neighbour = batch(1);
    neighbour.id.appliance = "site-2".into();
    let mut medium = Medium::with(&cloud, own(), 1, vec![(1, cloud.seal(&neighbour))]);
    medium.manifest.appliance = APPLIANCE.into();
    medium.secret = Some(cloud.secret(APPLIANCE, 1));
    medium.sign();
    assert!(matches!(medium.refused(&cloud, "a neighbour's").0, Fault::Other));

    let renumbered = Medium::with(&cloud, own(), 1, vec![(2, cloud.seal(&batch(1)))]);
    assert!(matches!(renumbered.refused(&cloud, "another number").0, Fault::Other));
    let within = Medium::with(&cloud, own(), 1, vec![(2, seal(batch(2).id, &plain))]);
    assert!(matches!(within.refused(&cloud, "another number within").0, Fault::Closed(_)));
    let no_batch = Medium::with(&cloud, own(), 1, vec![(1, seal(batch(1).id, b"hello"))]);
    assert!(matches!(no_batch.refused(&cloud, "no batch").0, Fault::Closed(_)));

    // Some thousand octets that expand to 64 MiB.
    let bomb = zstd_bomb();
    let bomb = Medium::with(&cloud, own(), 1, vec![(1, seal(batch(1).id, &bomb))]);
    let (fault, text) = bomb.refused(&cloud, "a bomb");
    assert!(matches!(fault, Fault::Closed(_)) && text.contains("cannot be expanded"), "{text}");

    // The last of three is another than the receiver has: the first two are not stored.
    let mut other = batch(3);
    other.records.pop();
    Medium::of(&cloud, 8, &[other]).import(&cloud).unwrap();
    let medium = Medium::of(&cloud, 1, &batches(1..=3));
    assert!(matches!(medium.refused(&cloud, "a contradiction").0, Fault::Conflict));
    assert_eq!(cloud.sequences(), [3]);
}

#[test]
fn a_receiver_in_another_region_refuses_by_the_manifest_and_by_the_batch() {
    let cloud = Cloud::new();
    let mut pinned = batch(1);
    pinned.regions = vec!["eu".into()];
    let mut medium = Medium::of(&cloud, 1, &[pinned]);
    let (fault, text) = medium.refused(&cloud, "the batch says so");
    assert!(matches!(fault, Fault::Region(_)) && text.contains("eu only"), "{text}");
    medium.manifest.regions = vec!["eu".into(), "ch".into()];
    medium.sign();
    let (fault, text) = medium.refused(&cloud, "the manifest says so");
    assert!(matches!(fault, Fault::Region(_)) && text.contains("eu, ch only"), "{text}");
    let mut config = cloud.config();
    for (region, is_taken) in [("us", false), ("ch", false), ("eu", true)] {
        config.region = Some(region.into());
        assert_eq!(import(&config, medium.path(), None).is_ok(), is_taken, "{region}");
    }
}

/// A person was erased while a medium was under way: what it carries of her is not stored, and it holds nobody else up.
#[test]
fn a_medium_that_comes_behind_an_erasure_brings_nobody_back() {
    let cloud = Cloud::new();
    let old = Medium::of(&cloud, 1, &batches(1..=2));
    let mut anew = batch(1);
    anew.records.remove(0);
    anew.replaces = vec![digest(&batch(1).encode().unwrap())];
    Medium::of(&cloud, 2, &[anew.clone()]).import(&cloud).unwrap();
    let imported = old.import(&cloud).unwrap();
    assert_eq!((imported.new, imported.superseded), (1, 1));
    let receipts = old.receipts().receipts;
    // What it says of the number is what is stored under it.
    let told = Receipt::decode(&receipts[0]).unwrap().statement;
    assert_eq!((told.digest, told.records), (digest(&anew.encode().unwrap()), 1));
    assert_eq!(cloud.sequences(), [1, 2]);
    assert_eq!(cloud.records(&headgate_receiver::Filter::default()).len(), 3);
}

#[test]
fn the_exit_codes_tell_what_is_missing_from_what_is_wrong() {
    let cloud = Cloud::new();
    let gone = import(&cloud.config(), Path::new("/nowhere"), None).unwrap_err();
    assert_eq!(gone.code(), NO_INPUT);
    let medium = Medium::of(&cloud, 1, &batches(1..=1));
    fs::write(medium.path().join(MANIFEST), "hello").unwrap();
    assert_eq!(medium.import(&cloud).unwrap_err().code(), DATA);
}
