//! Appliances that send.

use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ed25519_dalek::pkcs8::DecodePublicKey;
use ed25519_dalek::{Signature, VerifyingKey};
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Barrier, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use headgate_record::enrolment::{EXPORTER, PROOF_HEADER, Root, Secret};
use headgate_record::receipt::Receipt;
use headgate_record::run;

use crate::outbox::{Outbox, Waiting};
use crate::{Began, report, sums};

/// Sends all, at most `most` batches in a request; with `hold` when all are connected, and nobody leaves before all have sent.
pub async fn all(directory: &Path, address: SocketAddr, made: Vec<Outbox>, most: usize, hold: bool) {
    let issuer = {
        let key =
            KeyPair::from_pem(&std::fs::read_to_string(directory.join("authority.key")).unwrap()).unwrap();
        Issuer::from_ca_cert_pem(&std::fs::read_to_string(directory.join("authority.crt")).unwrap(), key)
            .unwrap()
    };
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(directory.join("authority.crt")).unwrap()).unwrap();
    let roots = Arc::new(roots);
    let receipts = std::fs::read_to_string(directory.join("receipt.pub")).unwrap();
    let receipts = Arc::new(VerifyingKey::from_public_key_pem(&receipts).unwrap());
    let root = Root::new(&std::fs::read(directory.join("appliances.key")).unwrap()).unwrap();
    let (batches, records) = sums(&made);
    let appliances: Vec<(Outbox, Appliance)> = made
        .into_iter()
        .map(|outbox| {
            let secret = Arc::new(root.secret(&outbox.appliance, 1));
            let tls = enrolled(&issuer, &roots, &outbox.appliance);
            (outbox, Appliance { address, tls, secret })
        })
        .collect();

    let mut began = Began::now();
    let together = Arc::new(Barrier::new(appliances.len() + 1));
    let hands = Arc::new(Semaphore::new(HANDSHAKES));
    let mut sending = JoinSet::new();
    for (outbox, appliance) in appliances {
        let (receipts, together, hands) = (Arc::clone(&receipts), Arc::clone(&together), Arc::clone(&hands));
        sending.spawn(async move {
            let mut link = {
                let _hand = hands.acquire().await.unwrap();
                appliance.connect().await
            };
            if hold {
                together.wait().await;
            }
            // As the uplink does it: more together while they arrive.
            let (mut at, mut at_once) = (0, 1);
            while at < outbox.batches.len() {
                let run = &outbox.batches[at..outbox.batches.len().min(at + at_once)];
                match deliver(&mut link, run, &receipts).await {
                    0 => {
                        // A receiver that was too busy to read it lets go of who sent it.
                        link = appliance.connect().await;
                        at_once = 1;
                    }
                    arrived => {
                        at += arrived;
                        at_once = most.min(2 * at_once);
                    }
                }
            }
            if hold {
                together.wait().await;
            }
        });
    }
    if hold {
        together.wait().await;
        eprintln!("connected after {} ms", began.at.elapsed().as_millis());
        began = Began::now();
        together.wait().await;
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap();
    }
    report(&began, batches, records);
}

fn enrolled(issuer: &Issuer<'_, KeyPair>, roots: &Arc<RootCertStore>, name: &str) -> Arc<ClientConfig> {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, issuer).unwrap().der().clone();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut tls =
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_root_certificates(Arc::clone(roots))
            .with_client_auth_cert(vec![certificate], key)
            .unwrap();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(tls)
}

/// What one comes with: its certificate, and its secret.
struct Appliance {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
    secret: Arc<Secret>,
}

/// A connection, and the proof of the secret on it.
struct Link {
    stream: TlsStream<TcpStream>,
    proof: String,
}

impl Appliance {
    async fn connect(&self) -> Link {
        let stream = TcpStream::connect(self.address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let tls = TlsConnector::from(Arc::clone(&self.tls));
        let stream = tls.connect(ServerName::from(self.address.ip()), stream).await.unwrap();
        let session = stream.get_ref().1.export_keying_material([0; 32], EXPORTER, None).unwrap();
        Link { proof: self.secret.prove(&session).to_string(), stream }
    }
}

/// Posts batches until the first of them are receipted, verifies the receipts, and gives how many there are. None where the connection
/// is at its end.
async fn deliver(link: &mut Link, run: &[Waiting], receipts: &VerifyingKey) -> usize {
    let Link { stream, proof } = link;
    let octets: usize = run.iter().map(|batch| batch.sealed.len()).sum();
    let (path, length) = match run {
        [_] => ("/v1/batches", octets),
        _ => ("/v1/runs", octets + run.len() * run::octets(0)),
    };
    // Once into one place, as the uplink does.
    let mut request = Vec::with_capacity(length + 512);
    write!(
        request,
        "POST {path} HTTP/1.1\r\nhost: x\r\n{PROOF_HEADER}: {proof}\r\ncontent-length: {length}\r\n\r\n"
    )
    .unwrap();
    match run {
        [batch] => request.extend_from_slice(&batch.sealed),
        _ => run.iter().for_each(|batch| run::push(&mut request, &batch.sealed)),
    }
    stream.write_all(&request).await.unwrap();
    stream.flush().await.unwrap();
    let (status, body) = response(stream).await;
    match status {
        200 => {
            let parts = if run.len() == 1 {
                std::iter::once(0..body.len()).collect()
            } else {
                run::split(&body).unwrap()
            };
            assert!(parts.len() <= run.len());
            for (batch, part) in run.iter().zip(&parts) {
                let receipt = Receipt::decode(&body[part.clone()]).unwrap();
                let signature = Signature::from_bytes(&receipt.signature);
                receipts.verify_strict(&receipt.statement.signed_bytes(), &signature).unwrap();
                assert_eq!((&receipt.statement.id, receipt.statement.digest), (&batch.id, batch.digest));
            }
            parts.len()
        }
        // One that is too busy to read what was sent lets go of who sent it.
        408 => 0,
        503 => {
            tokio::time::sleep(Duration::from_millis(20)).await;
            0
        }
        _ => panic!("{status}: {}", String::from_utf8_lossy(&body)),
    }
}

async fn response(stream: &mut TlsStream<TcpStream>) -> (u16, Vec<u8>) {
    let (mut answer, mut part) = (Vec::new(), [0; 4_096]);
    loop {
        let read = stream.read(&mut part).await.unwrap();
        assert!(read > 0, "the receiver closed the connection");
        answer.extend_from_slice(&part[..read]);
        let Some(end) = answer.windows(4).position(|octets| octets == b"\r\n\r\n") else { continue };
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        let length = head.split("content-length: ").nth(1).unwrap().lines().next().unwrap();
        let length: usize = length.trim().parse().unwrap();
        if answer.len() >= end + 4 + length {
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            return (status, answer[end + 4..].to_vec());
        }
    }
}

/// Handshakes under way at once.
const HANDSHAKES: usize = 64;
