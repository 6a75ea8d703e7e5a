//! A site of one store: its files, its process, and the three kinds of peers.

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use ed25519_dalek::pkcs8::EncodePublicKey;
use ed25519_dalek::pkcs8::spki::der::Document;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::{Signer, SigningKey};
use headgate_record::batch::{Batch, digest};
use headgate_record::local::{self, ControlRequest, FromSensor, FromUplink, ToSensor, ToUplink};
use headgate_record::receipt::{Forgotten, Receipt, Statement};
use headgate_record::sealed::{INFO, PUBLIC_KEY_DER, Sealed, associated_data};
use headgate_record::{Field, Kind, Mac, Record, Value};
use headgate_service::{credential, frame};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, Serializable};

type PrivateKey = <X25519HkdfSha256 as Kem>::PrivateKey;

/// Of whose octets the receiver's sealing key is made.
pub const SEAL_SECRET: u8 = 44;
/// Tells this binary to be the store.
pub const ARGUMENTS: &str = "HEADGATE_STORE_TEST_ARGUMENTS";
pub const PATIENCE: Duration = Duration::from_secs(60);

pub struct Site {
    directory: tempfile::TempDir,
    receipt_key: SigningKey,
}

impl Site {
    /// A site that has been set up; `store` is added to the `[store]` section.
    pub fn new(store: &str) -> Site {
        Site::at(&std::env::temp_dir(), store)
    }

    /// As [`Site::new`], where the machine has memory for files: for what writes much and loses no power.
    pub fn in_memory(store: &str) -> Site {
        let shared = Path::new("/dev/shm");
        if shared.is_dir() { Site::at(shared, store) } else { Site::new(store) }
    }

    fn at(parent: &Path, store: &str) -> Site {
        let directory = tempfile::tempdir_in(parent).unwrap();
        let site = Site { directory, receipt_key: SigningKey::from_bytes(&[42; 32]) };
        site.configure(store, "receiver = \"receiver.example:443\"");
        std::fs::write(site.path("rules.toml"), "").unwrap();
        let (status, text) = site.run("init");
        assert!(status.success(), "{text}");
        let pem = site.receipt_key.verifying_key().to_public_key_pem(LineEnding::LF).unwrap();
        std::fs::write(site.path("credentials").join(credential::RECEIPT_KEY), pem).unwrap();
        std::fs::write(site.path("credentials").join(credential::SEAL_KEY), seal_key(SEAL_SECRET)).unwrap();
        site
    }

    pub fn configure(&self, store: &str, uplink: &str) {
        let root = self.directory.path().display();
        let text = format!(
            "[appliance]\nid = \"site-1\"\n[store]\ndirectory = \"{root}/store\"\n{store}\n\
             [sockets]\ndirectory = \"{root}/run\"\n[uplink]\n{uplink}\n\
             [credentials]\ndirectory = \"{root}/credentials\"\n"
        );
        std::fs::write(self.path("headgate.toml"), text).unwrap();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn database(&self) -> PathBuf {
        self.path("store/store.db")
    }

    /// The database as anyone with the file can change it, while the store is down.
    pub fn sqlite(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.database()).unwrap()
    }

    /// All bytes of all files of the store's directory.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = std::fs::read_dir(self.path("store")).unwrap();
        entries.map(|e| e.unwrap().path()).map(|p| (p.clone(), std::fs::read(p).unwrap())).collect()
    }

    pub fn start(&self) -> Running<'_> {
        self.started(self.command("run"))
    }

    /// As [`Site::start`], with credentials that the service manager has put into this directory (systemd.exec(5)).
    pub fn start_with_credentials(&self, directory: &Path) -> Running<'_> {
        let mut command = self.command("run");
        command.env("CREDENTIALS_DIRECTORY", directory);
        self.started(command)
    }

    fn started(&self, mut command: Command) -> Running<'_> {
        let running = Running { site: self, child: command.stderr(Stdio::inherit()).spawn().unwrap() };
        drop(running.connect(local::CONTROL_SOCKET));
        running
    }

    /// Runs a subcommand that is expected to end by itself.
    pub fn run(&self, subcommand: &str) -> (ExitStatus, String) {
        let said = self.path("said");
        let mut child = self.command(subcommand).stderr(File::create(&said).unwrap()).spawn().unwrap();
        let status = child.wait().unwrap();
        (status, std::fs::read_to_string(said).unwrap())
    }

    fn command(&self, subcommand: &str) -> Command {
        let config = self.path("headgate.toml");
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["the_store_process", "--exact", "--nocapture"])
            .env(ARGUMENTS, format!("headgate-store\n{subcommand}\n--config\n{}", config.display()))
            .env("HEADGATE_LOG", "error")
            .env_remove("NOTIFY_SOCKET")
            .env_remove("CREDENTIALS_DIRECTORY")
            .stdout(Stdio::null());
        command
    }

    pub fn receipt(&self, batch: &[u8]) -> Receipt {
        let decoded = Batch::decode(batch).unwrap();
        let records = u32::try_from(decoded.records.len()).unwrap();
        let values = u32::try_from(decoded.forget.len()).unwrap();
        let forgotten = (values > 0).then_some(Forgotten { values, records: 1 });
        self.sign(Statement {
            id: decoded.id,
            digest: digest(batch),
            records,
            stored_ms: 1,
            forgotten,
            request: Vec::new(),
        })
    }

    pub fn sign(&self, statement: Statement) -> Receipt {
        let signature = self.receipt_key.sign(&statement.signed_bytes()).to_bytes();
        Receipt { statement, signature }
    }
}

pub struct Running<'a> {
    site: &'a Site,
    child: Child,
}

impl Running<'_> {
    pub fn connect(&self, socket: &str) -> UnixStream {
        connect(&self.site.path("run").join(socket))
    }

    pub fn sensor(&self, session: u8) -> Sensor {
        Sensor::greet(self.connect(local::RECORDS_SOCKET), session).unwrap()
    }

    pub fn uplink(&self) -> Uplink {
        Uplink(self.connect(local::OUTBOX_SOCKET))
    }

    pub fn ask(&self, request: &ControlRequest) -> serde_json::Value {
        let mut answer = self.say(request);
        assert!(answer.get("error").is_none(), "{answer}");
        answer["ok"].take()
    }

    /// The answer once the store can give it: what an earlier version wrote is brought up to date first.
    pub fn answered(&self, request: &ControlRequest) -> serde_json::Value {
        let start = Instant::now();
        loop {
            let answer = self.say(request);
            match answer["error"].as_str() {
                Some(why) => assert!(why.contains("ask again") && start.elapsed() < PATIENCE, "{why}"),
                None => return answer["ok"].clone(),
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn say(&self, request: &ControlRequest) -> serde_json::Value {
        let mut stream = self.connect(local::CONTROL_SOCKET);
        frame::write(&mut stream, &serde_json::to_vec(request).unwrap()).unwrap();
        let answer = frame::read(&mut stream, local::MAX_MESSAGE_BYTES).unwrap().unwrap();
        serde_json::from_slice(&answer).unwrap()
    }

    /// Why the store does not do what is asked.
    pub fn refused(&self, request: &ControlRequest) -> String {
        let answer = self.say(request);
        answer["error"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned()
    }

    pub fn status(&self) -> serde_json::Value {
        self.ask(&ControlRequest::Status)
    }

    /// Asks for the status until it is as expected.
    pub fn until(&self, expected: impl Fn(&serde_json::Value) -> bool) -> serde_json::Value {
        let start = Instant::now();
        loop {
            let status = self.status();
            if expected(&status) {
                return status;
            }
            assert!(start.elapsed() < PATIENCE, "{status}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Everything that leaves, receipted as it leaves, until nothing waits any more.
    pub fn drain(&self) -> Vec<Batch> {
        let mut uplink = self.uplink();
        let mut batches = Vec::new();
        loop {
            while let Some(bytes) = uplink.next(0).unwrap() {
                assert_eq!(uplink.receipt(&self.site.receipt(&bytes).encode()).unwrap(), ToUplink::Accepted);
                batches.push(Batch::decode(&bytes).unwrap());
            }
            if self.status()["waiting"] == 0 && self.status()["outbox"]["batches"] == 0 {
                return batches;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub fn stop(mut self) {
        self.signal(rustix::process::Signal::TERM);
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The receiver's public key of this secret, as it is pinned.
pub fn seal_key(secret: u8) -> String {
    let public = X25519HkdfSha256::sk_to_pk(&PrivateKey::from_bytes(&[secret; 32]).unwrap());
    let der = [PUBLIC_KEY_DER.as_slice(), &public.to_bytes()].concat();
    Document::try_from(der).unwrap().to_pem("PUBLIC KEY", LineEnding::LF).unwrap()
}

/// What was sealed to the public key of this secret.
pub fn open(sealed: &[u8], secret: u8) -> Vec<u8> {
    let Sealed { key, id, encapsulated, ciphertext } = Sealed::decode(sealed).unwrap();
    hpke::single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &PrivateKey::from_bytes(&[secret; 32]).unwrap(),
        &Deserializable::from_bytes(&encapsulated).unwrap(),
        INFO,
        &ciphertext,
        &associated_data(key, &id),
    )
    .unwrap()
}

fn connect(path: &Path) -> UnixStream {
    let start = Instant::now();
    loop {
        match UnixStream::connect(path) {
            Ok(stream) => return stream,
            Err(error) => assert!(start.elapsed() < PATIENCE, "{}: {error}", path.display()),
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub struct Sensor {
    stream: UnixStream,
    /// Number of the last record that the store has acknowledged.
    pub committed: u64,
}

impl Sensor {
    pub fn greet(mut stream: UnixStream, session: u8) -> Option<Sensor> {
        frame::write(&mut stream, &FromSensor::Hello { session: [session; 16] }.encode()).ok()?;
        let committed = committed(&mut stream)?;
        Some(Sensor { stream, committed })
    }

    /// Hands over the next records and waits for the store's word. `None` when the store is gone.
    pub fn hand_over(&mut self, records: Vec<Record>) -> Option<u64> {
        self.hand_over_from(self.committed + 1, records)
    }

    pub fn hand_over_from(&mut self, first: u64, records: Vec<Record>) -> Option<u64> {
        frame::write(&mut self.stream, &FromSensor::Records { first, records }.encode()).ok()?;
        self.committed = committed(&mut self.stream)?;
        Some(self.committed)
    }
}

fn committed(stream: &mut UnixStream) -> Option<u64> {
    let bytes = frame::read(stream, 64).ok()??;
    let ToSensor::Committed { through } = ToSensor::decode(&bytes).unwrap();
    Some(through)
}

pub struct Uplink(UnixStream);

impl Uplink {
    /// The oldest batch, opened as its receiver does; `Err` when the store is gone.
    pub fn next(&mut self, wait_ms: u32) -> Result<Option<Vec<u8>>, ()> {
        match self.say(&FromUplink::Next { wait_ms })? {
            ToUplink::Batch(bytes) => Ok(Some(open(&bytes, SEAL_SECRET))),
            ToUplink::Empty => Ok(None),
            other => panic!("{other:?}"),
        }
    }

    pub fn receipt(&mut self, bytes: &[u8]) -> Result<ToUplink, ()> {
        self.say(&FromUplink::Receipt(bytes.to_vec()))
    }

    pub fn say(&mut self, message: &FromUplink) -> Result<ToUplink, ()> {
        frame::write(&mut self.0, &message.encode()).map_err(drop)?;
        let answer = frame::read(&mut self.0, local::MAX_MESSAGE_BYTES).map_err(drop)?.ok_or(())?;
        Ok(ToUplink::decode(&answer).unwrap())
    }
}

/// A device with a vendor's address, told apart by `number`.
pub fn device(number: u64) -> Record {
    let [.., c, d, e] = number.to_be_bytes();
    device_with([0x00, 0x10, 0x20, c, d, e], number)
}

pub fn device_with(mac: [u8; 6], number: u64) -> Record {
    let mut record = Record::new(Kind::Device);
    record.set(Field::DeviceMac, Mac(mac)).unwrap();
    record.set(Field::DeviceFrames, number).unwrap();
    record
}

/// A flow that does not compress.
pub fn flow(number: u64) -> Record {
    let mut noise = [0; 200];
    getrandom::fill(&mut noise).unwrap();
    let mut record = Record::new(Kind::Flow);
    record.set(Field::FlowMac, Mac([0, 0x10, 0x20, 0, 0, 1])).unwrap();
    record.set(Field::FlowPackets, number).unwrap();
    record.set(Field::FlowService, hex::encode(noise)).unwrap();
    record
}

pub fn numbers(batches: &[Batch], field: Field) -> Vec<u64> {
    let records = batches.iter().flat_map(|b| &b.records);
    records
        .filter_map(|r| match r.get(field) {
            Some(Value::Number(n)) => Some(*n),
            _ => None,
        })
        .collect()
}
