//! A site for one test: an authority, credentials, a store on a real socket, a receiver on real TLS.
// Each test program uses a part of this.
#![allow(dead_code, unused_imports)]

mod answer;
mod collector;
mod proxy;
mod receiver;
mod store;
mod wire;

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use headgate_record::batch::{Batch, BatchId};
use headgate_record::bundle::{MANIFEST, Manifest, Signed};
use headgate_record::enrolment::region_uri;
use headgate_record::sealed::{KeyId, Sealed};
use headgate_record::{Field, Kind, Record};
use headgate_service::config::Headgate;
use headgate_service::stop::Stop;
use headgate_uplink::Error;

pub use answer::{Request, pem};
pub use collector::Collector;
pub use proxy::{Manner, Proxy};
pub use receiver::{Answer, Receiver};
pub use store::Store;
pub use wire::{Way, Wire};

pub const APPLIANCE: &str = "site-1";
pub const DAY: Duration = Duration::from_secs(86_400);

/// A certificate authority.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new() -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "Test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        Authority(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    pub fn der(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// A server certificate for `name` that ends `left` from now, or ended so long ago when `expired`.
    pub fn server(&self, name: &str, expired: bool) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        self.server_in(name, expired, None)
    }

    /// As [`Authority::server`], for one that keeps what it has in this region.
    pub fn server_in(
        &self,
        name: &str,
        expired: bool,
        region: Option<&str>,
    ) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        let uri = region.map(|region| SanType::URI(region_uri(region).try_into().unwrap()));
        params.subject_alt_names.extend(uri);
        let (certificate, key) =
            self.issue(params, "server", ExtendedKeyUsagePurpose::ServerAuth, expired, 1);
        (certificate.der().clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap())
    }

    /// A client certificate for a key that is somebody's, PEM.
    pub fn certify(&self, name: &str, key: &impl rcgen::PublicKeyData, expired: bool, serial: u8) -> String {
        let params = self.params(
            CertificateParams::default(),
            name,
            ExtendedKeyUsagePurpose::ClientAuth,
            expired,
            serial,
        );
        params.signed_by(key, &self.0).unwrap().pem()
    }

    /// A client certificate and its key, PEM.
    pub fn client(&self, name: &str, expired: bool, serial: u8) -> (String, String) {
        let params = CertificateParams::default();
        let (certificate, key) =
            self.issue(params, name, ExtendedKeyUsagePurpose::ClientAuth, expired, serial);
        (certificate.pem(), key.serialize_pem())
    }

    /// A client certificate that ends in `left`, and its key, PEM.
    pub fn client_until(&self, name: &str, left: Duration, serial: u8) -> (String, String) {
        let usage = ExtendedKeyUsagePurpose::ClientAuth;
        let mut params = self.params(CertificateParams::default(), name, usage, false, serial);
        params.not_after = (SystemTime::now() + left).into();
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.0).unwrap().pem(), key.serialize_pem())
    }

    fn issue(
        &self,
        params: CertificateParams,
        name: &str,
        usage: ExtendedKeyUsagePurpose,
        expired: bool,
        serial: u8,
    ) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        (self.params(params, name, usage, expired, serial).signed_by(&key, &self.0).unwrap(), key)
    }

    fn params(
        &self,
        mut params: CertificateParams,
        name: &str,
        usage: ExtendedKeyUsagePurpose,
        expired: bool,
        serial: u8,
    ) -> CertificateParams {
        let now = SystemTime::now();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.extended_key_usages = vec![usage];
        params.serial_number = Some(SerialNumber::from_slice(&[serial]));
        params.not_before = (now - 9 * DAY).into();
        params.not_after = if expired { now - DAY } else { now + 9 * DAY }.into();
        params
    }
}

/// The appliance's files.
pub struct Site {
    directory: tempfile::TempDir,
    pub authority: Authority,
}

impl Site {
    /// With an authority and a good client certificate.
    pub fn new() -> Site {
        let site = Site { directory: tempfile::tempdir().unwrap(), authority: Authority::new() };
        std::fs::create_dir_all(site.path("credentials")).unwrap();
        std::fs::create_dir_all(site.path("run/speak")).unwrap();
        site.write("credentials/authority.crt", &site.authority.pem());
        std::fs::write(site.path("credentials/uplink.secret"), [7; 40]).unwrap();
        site.install(site.authority.client(APPLIANCE, false, 1));
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) {
        let file = self.path(name);
        let new = file.with_extension("new");
        std::fs::write(&new, content).unwrap();
        std::fs::rename(new, file).unwrap();
    }

    /// Replaces the client certificate and key.
    pub fn install(&self, (certificate, key): (String, String)) {
        self.write("credentials/uplink.crt", &certificate);
        self.write("credentials/uplink.key", &key);
    }

    pub fn config(&self, receiver: Option<&str>) -> Headgate {
        self.config_with(&receiver.map(|r| format!("receiver = \"{r}\"\n")).unwrap_or_default())
    }

    /// With these lines in `[uplink]`.
    pub fn config_with(&self, uplink: &str) -> Headgate {
        let run = self.path("run");
        let credentials = self.path("credentials");
        let kept = self.path("kept");
        let file = self.path("headgate.toml");
        let text = format!(
            "[appliance]\nid = \"{APPLIANCE}\"\n[sockets]\ndirectory = {run:?}\n\
             [credentials]\ndirectory = {credentials:?}\n\
             [uplink]\ndirectory = {kept:?}\nretry_min = 1\nretry_max = 1\ntimeout = 2\n{uplink}"
        );
        std::fs::write(&file, text).unwrap();
        headgate_service::config::load(&file).unwrap()
    }

    /// The store of this site, with so many batches waiting.
    pub fn store(&self, batches: u64) -> Store {
        let store = Store::start(&self.path("run/speak/outbox.sock"));
        (1..=batches).for_each(|sequence| store.push(&batch(sequence)));
        store
    }
}

/// An uplink that runs in a thread of its own.
pub struct Uplink {
    stop: Stop,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

impl Uplink {
    pub fn start(config: Headgate) -> Uplink {
        let stop = Stop::default();
        let watched = stop.clone();
        let thread = std::thread::spawn(move || headgate_uplink::run(&config, &watched));
        Uplink { stop, thread: Some(thread) }
    }

    pub fn stop(mut self) -> Result<(), Error> {
        self.stop.request();
        self.thread.take().unwrap().join().unwrap()
    }
}

impl Drop for Uplink {
    fn drop(&mut self) {
        self.stop.request();
    }
}

/// A batch as the store seals it: the uplink can open none.
pub fn batch(sequence: u64) -> Sealed {
    let id = BatchId { appliance: APPLIANCE.into(), epoch: 7, sequence };
    Sealed { key: KeyId([9; 8]), id, encapsulated: [2; 32], ciphertext: vec![3; 100] }
}

/// A batch that a collector can read.
pub fn open_batch(sequence: u64) -> Batch {
    let mut record = Record::new(Kind::Device);
    record.set(Field::DeviceVendor, "Example").unwrap();
    Batch {
        id: BatchId { appliance: APPLIANCE.into(), epoch: 7, sequence },
        rules: [1; 32],
        regions: Vec::new(),
        profile: "pseudonymous".into(),
        records: vec![record],
        withheld: Vec::new(),
        forget: Vec::new(),
        replaces: Vec::new(),
        lost: Vec::new(),
    }
}

/// The manifest of a bundle.
pub fn manifest(directory: &Path) -> Manifest {
    let signed = Signed::decode(&std::fs::read(directory.join(MANIFEST)).unwrap()).unwrap();
    assert_eq!((signed.certificates.len(), signed.scheme), (1, 0x0403));
    Manifest::decode(&signed.manifest).unwrap()
}

/// A batch of some MiB.
pub fn large(sequence: u64) -> Sealed {
    Sealed { ciphertext: vec![3; 3 << 20], ..batch(sequence) }
}

/// A batch that is so long, sealed; some hundred kilobytes at least.
pub fn of_length(sequence: u64, octets: usize) -> Sealed {
    let of = |ciphertext| Sealed { ciphertext: vec![3; ciphertext], ..batch(sequence) };
    let made = of(2 * octets - of(octets).encode().len());
    assert_eq!(made.encode().len(), octets);
    made
}

/// Waits until something has come about; fails the test when it does not.
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let limit = Instant::now() + Duration::from_secs(60);
    while !happened() {
        assert!(Instant::now() < limit, "did not come about: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port on which nobody listens.
pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

pub fn sequences(from: u64, to: u64) -> Vec<u64> {
    (from..=to).collect()
}

fn remove(path: &Path) {
    let _ = std::fs::remove_file(path);
}
