//! A receiver for one test, made with the commands an operator uses, and a client that can misbehave.
// Each test program uses a part of this.
#![allow(dead_code, unused_imports)]

pub mod medium;
pub mod nats;
pub mod proxy;
pub mod status;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;

use ed25519_dalek::pkcs8::DecodePublicKey;
use ed25519_dalek::pkcs8::spki::der::Document;
use ed25519_dalek::{Signature, VerifyingKey};
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, SanType};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ClientConnection, NamedGroup, RootCertStore, StreamOwned};

use headgate_receiver::{Config, Error, Filter, Listening, Validity};
use headgate_record::batch::{Batch, BatchId, digest};
use headgate_record::enrolment::{EXPORTER, PROOF_HEADER, Root, Secret, seal_to_uri};
use headgate_record::receipt::Receipt;
use headgate_record::sealed::{INFO, KeyId, Sealed, associated_data, public_key};
use headgate_record::{Class, Field, Kind, Record};
use headgate_service::exit::{Exit, UNAVAILABLE};
use headgate_service::stop::Stop;
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeS, Serializable};

pub const APPLIANCE: &str = "site-1";

/// An organisation's files.
pub struct Cloud {
    directory: tempfile::TempDir,
}

impl Cloud {
    pub fn new() -> Cloud {
        let cloud = Cloud { directory: tempfile::tempdir().unwrap() };
        let listen = "127.0.0.1:0".parse().unwrap();
        headgate_receiver::init(&cloud.path(""), &["127.0.0.1".into()], None, listen).unwrap();
        cloud
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// As written by `init`, with short limits.
    pub fn config(&self) -> Config {
        config(&self.path(""))
    }

    pub fn start(&self) -> Server {
        Server::start(self.config())
    }

    /// The TLS of an appliance whose request this organisation signed.
    pub fn enroll(&self, name: &str, validity: Validity) -> Tls {
        let (certificate, key) = self.certified(name, validity);
        let tls = self.trusting(aws_lc_rs::default_provider());
        Tls {
            config: tls.with_client_auth_cert(vec![certificate], key).unwrap(),
            secret: Some(self.secret(name, 1)),
        }
    }

    /// A good appliance with the key exchanges of `provider`.
    pub fn appliance_with(&self, provider: CryptoProvider) -> Tls {
        let (certificate, key) = self.certified(APPLIANCE, Validity::days(9));
        let config = self.trusting(provider).with_client_auth_cert(vec![certificate], key).unwrap();
        Tls { config, secret: Some(self.secret(APPLIANCE, 1)) }
    }

    /// An appliance's secret, as this organisation makes it.
    pub fn secret(&self, name: &str, generation: u64) -> Arc<Secret> {
        let root = Root::new(&std::fs::read(self.path("appliances.key")).unwrap()).unwrap();
        Arc::new(root.secret(name, generation))
    }

    /// The certificate of an appliance, and its key.
    pub fn certified(
        &self,
        name: &str,
        validity: Validity,
    ) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        // A key that has a private half; the secret is made here as the receiver makes it, and not opened.
        let seal_to = <X25519HkdfSha256 as Kem>::derive_keypair(&[7; 32]).1.to_bytes();
        params.subject_alt_names.push(SanType::URI(seal_to_uri(&seal_to.into()).try_into().unwrap()));
        let serial = key.public_key_raw().iter().take(9).map(|b| format!("{b:02x}")).collect::<String>();
        let request = self.path(&format!("{serial}.csr"));
        std::fs::write(&request, params.serialize_request(&key).unwrap().pem().unwrap()).unwrap();
        let output = self.path(&format!("{serial}.crt"));
        assert_eq!(
            headgate_receiver::sign(&self.path(""), &request, &output, validity).unwrap().appliance,
            name
        );
        let certificate = CertificateDer::from_pem_file(&output).unwrap();
        (certificate, PrivateKeyDer::from_pem_slice(key.serialize_pem().as_bytes()).unwrap())
    }

    /// The TLS of someone who trusts this organisation and has no certificate.
    pub fn stranger(&self) -> Tls {
        Tls { config: self.trusting(aws_lc_rs::default_provider()).with_no_client_auth(), secret: None }
    }

    fn trusting(
        &self,
        provider: CryptoProvider,
    ) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("authority.crt")).unwrap()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(roots)
    }

    /// A good appliance.
    pub fn appliance(&self) -> Tls {
        self.enroll(APPLIANCE, Validity::days(9))
    }

    /// Checks a receipt for `batch` with the public key on disk, and gives when it was stored.
    pub fn verify(&self, receipt: &[u8], batch: &Batch) -> u64 {
        let receipt = Receipt::decode(receipt).unwrap();
        let key = std::fs::read_to_string(self.path("receipt.pub")).unwrap();
        let key = VerifyingKey::from_public_key_pem(&key).unwrap();
        let signature = Signature::from_bytes(&receipt.signature);
        key.verify_strict(&receipt.statement.signed_bytes(), &signature).unwrap();
        assert_eq!(receipt.statement.id, batch.id);
        assert_eq!(receipt.statement.digest, digest(&batch.encode().unwrap()));
        assert_eq!(usize::try_from(receipt.statement.records).unwrap(), batch.records.len());
        receipt.statement.stored_ms
    }

    /// A batch as its appliance seals it.
    pub fn seal(&self, batch: &Batch) -> Vec<u8> {
        seal_to(&self.path("seal.pub"), batch.id.clone(), &batch.encode().unwrap())
    }

    pub fn records(&self, filter: &Filter) -> Vec<serde_json::Value> {
        let mut out = Vec::new();
        headgate_receiver::records(&self.config(), filter, true, &mut out).unwrap();
        lines(&out)
    }

    pub fn batches(&self) -> Vec<serde_json::Value> {
        let mut out = Vec::new();
        headgate_receiver::batches(&self.config(), true, &mut out).unwrap();
        lines(&out)
    }

    /// Sequences of the stored batches.
    pub fn sequences(&self) -> Vec<u64> {
        self.batches().iter().map(|b| b["sequence"].as_u64().unwrap()).collect()
    }
}

/// What is sealed to the public key in `file` and said to be `id`.
pub fn seal_to(file: &Path, id: BatchId, content: &[u8]) -> Vec<u8> {
    let (_, der) = Document::from_pem(&std::fs::read_to_string(file).unwrap()).unwrap();
    let public = public_key(der.as_bytes()).unwrap();
    let key = KeyId::of(&public);
    let (encapsulated, ciphertext) = hpke::single_shot_seal::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &Deserializable::from_bytes(&public).unwrap(),
        INFO,
        content,
        &associated_data(key, &id),
    )
    .unwrap();
    Sealed { key, id, encapsulated: encapsulated.to_bytes().into(), ciphertext }.encode()
}

pub fn config(directory: &Path) -> Config {
    let mut config = Config::load(&directory.join("receiver.toml")).unwrap();
    config.timeout = Duration::from_secs(1);
    config
}

fn lines(out: &[u8]) -> Vec<serde_json::Value> {
    std::str::from_utf8(out).unwrap().lines().map(|line| line.parse().unwrap()).collect()
}

/// A receiver that runs in a thread of its own.
pub struct Server {
    pub address: SocketAddr,
    pub status: Option<SocketAddr>,
    pub enrolment: Option<SocketAddr>,
    pub export: Option<SocketAddr>,
    stop: Stop,
    thread: Option<JoinHandle<Result<(), Error>>>,
}

impl Server {
    /// As a service manager does: again and again, as long as the cluster has nobody to lead it.
    pub fn start(config: Config) -> Server {
        let began = std::time::Instant::now();
        loop {
            match Server::try_start(config.clone()) {
                Ok(server) => return server,
                Err(error) if error.code() == UNAVAILABLE && began.elapsed() < Duration::from_secs(60) => {
                    std::thread::sleep(Duration::from_millis(100));
                }
                Err(error) => panic!("no receiver: {error}"),
            }
        }
    }

    /// Why it ended, where it ends before it listens.
    fn try_start(config: Config) -> Result<Server, Error> {
        let stop = Stop::default();
        let watched = stop.clone();
        let (ready, listening) = channel();
        let thread = std::thread::spawn(move || {
            headgate_receiver::serve(&config, &watched, |listening| ready.send(listening).unwrap())
        });
        let Ok(Listening { batches, status, enrolment, export }) = listening.recv() else {
            return Err(thread.join().unwrap().unwrap_err());
        };
        Ok(Server { address: batches, status, enrolment, export, stop, thread: Some(thread) })
    }

    pub fn request_stop(&self) {
        self.stop.request();
    }

    pub fn stop(mut self) {
        self.request_stop();
        self.thread.take().unwrap().join().unwrap().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.request();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What an appliance comes with.
#[derive(Clone)]
pub struct Tls {
    pub config: ClientConfig,
    pub secret: Option<Arc<Secret>>,
}

impl std::ops::Deref for Tls {
    type Target = ClientConfig;

    fn deref(&self) -> &ClientConfig {
        &self.config
    }
}

impl std::ops::DerefMut for Tls {
    fn deref_mut(&mut self) -> &mut ClientConfig {
        &mut self.config
    }
}

/// One TLS connection that speaks HTTP by hand.
pub struct Client(StreamOwned<ClientConnection, TcpStream>, Option<Arc<Secret>>);

impl Client {
    pub fn connect(address: SocketAddr, tls: &Tls) -> Client {
        Client::patient(address, tls, Duration::from_secs(30))
    }

    /// One that waits so long for what it reads.
    pub fn patient(address: SocketAddr, tls: &Tls, patience: Duration) -> Client {
        Client::try_connect(address, tls, patience).unwrap()
    }

    /// One to a receiver that may be away.
    pub fn try_connect(address: SocketAddr, tls: &Tls, patience: Duration) -> std::io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(patience))?;
        // A head and a body are two writes.
        stream.set_nodelay(true)?;
        let name = address.ip().into();
        let connection = ClientConnection::new(Arc::new(tls.config.clone()), name).unwrap();
        Ok(Client(StreamOwned::new(connection, stream), tls.secret.clone()))
    }

    /// The header that proves the secret on this connection; nothing without one, or where there was no handshake.
    pub fn proof(&mut self) -> String {
        let Some(secret) = &self.1 else { return String::new() };
        while self.0.conn.is_handshaking() {
            if self.0.conn.complete_io(&mut self.0.sock).is_err() {
                return String::new();
            }
        }
        match self.0.conn.export_keying_material([0; 32], EXPORTER, None) {
            Ok(session) => format!("{PROOF_HEADER}: {}\r\n", secret.prove(&session)),
            Err(_) => String::new(),
        }
    }

    /// How a request with a batch begins.
    pub fn head(&mut self) -> String {
        format!("POST /v1/batches HTTP/1.1\r\nhost: x\r\n{}", self.proof())
    }

    pub fn send(&mut self, octets: &[u8]) -> std::io::Result<()> {
        self.0.write_all(octets)?;
        self.0.flush()
    }

    /// The status and the body of the next response.
    pub fn response(&mut self) -> std::io::Result<(u16, Vec<u8>)> {
        self.whole_response().map(|(status, _, body)| (status, body))
    }

    /// The status, the head in lower case, and the body of the next response.
    pub fn whole_response(&mut self) -> std::io::Result<(u16, String, Vec<u8>)> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut octet = [0];
            self.0.read_exact(&mut octet)?;
            head.push(octet[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body)?;
        Ok((status, head, body))
    }

    /// Announces a body, and returns when the receiver has begun to read it.
    pub fn announce(&mut self, head: &str, octets: usize) -> std::io::Result<()> {
        let proof = self.proof();
        let head = format!(
            "{head} HTTP/1.1\r\nhost: x\r\n{proof}expect: 100-continue\r\ncontent-length: {octets}\r\n\r\n"
        );
        self.send(head.as_bytes())?;
        let mut answer = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
        self.0.read_exact(&mut answer)?;
        assert_eq!(answer, *b"HTTP/1.1 100 Continue\r\n\r\n");
        Ok(())
    }

    pub fn exchange(&mut self, head: &str, body: &[u8]) -> std::io::Result<(u16, Vec<u8>)> {
        let proof = self.proof();
        self.send(
            format!("{head} HTTP/1.1\r\nhost: x\r\n{proof}content-length: {}\r\n\r\n", body.len()).as_bytes(),
        )?;
        self.send(body)?;
        self.response()
    }

    /// As somebody who has another secret from now on, or none.
    pub fn with_secret(mut self, secret: Option<Arc<Secret>>) -> Client {
        self.1 = secret;
        self
    }

    pub fn post(&mut self, cloud: &Cloud, batch: &Batch) -> (u16, Vec<u8>) {
        self.exchange("POST /v1/batches", &cloud.seal(batch)).unwrap()
    }

    /// The key exchange of the handshake, once there was an answer.
    pub fn group(&self) -> NamedGroup {
        self.0.conn.negotiated_key_exchange_group().unwrap().name()
    }

    /// Whether the peer has ended the connection.
    pub fn is_ended(&mut self) -> bool {
        matches!(self.0.read(&mut [0]), Ok(0) | Err(_))
    }
}

/// A batch with two records.
pub fn batch(sequence: u64) -> Batch {
    let mut device = Record::new(Kind::Device);
    device.set(Field::DeviceVendor, "Example").unwrap();
    let mut other = Record::new(Kind::Device);
    other.set(Field::DeviceVlan, 5u16).unwrap();
    Batch {
        id: BatchId { appliance: APPLIANCE.into(), epoch: u64::MAX - 7, sequence },
        rules: [1; 32],
        regions: Vec::new(),
        profile: "pseudonymous".into(),
        records: vec![device, other],
        withheld: vec![headgate_record::batch::Withheld {
            kind: Kind::Device,
            reason: "randomised-mac".into(),
            records: 3,
        }],
        forget: Vec::new(),
        replaces: Vec::new(),
        lost: vec![headgate_record::batch::Lost {
            class: Class::Bulk,
            reason: "buffer-full".into(),
            records: 2,
        }],
    }
}

/// A batch of some thousand octets whose body expands to far more than one may have.
pub fn zstd_bomb() -> Vec<u8> {
    let good = batch(1).encode().unwrap();
    let body = zstd::bulk::compress(&vec![0; 1 << 26], 19).unwrap();
    // The body is the last part, tag 15; of a message the last of a part counts.
    let length: Vec<u8> = leb128(body.len());
    [good.as_slice(), &[15 << 3 | 2], &length, &body].concat()
}

fn leb128(mut number: usize) -> Vec<u8> {
    let mut octets = Vec::new();
    while number >= 0x80 {
        octets.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    octets.push(u8::try_from(number).unwrap());
    octets
}
