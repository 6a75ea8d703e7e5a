//! Enrolment: with a token over the network, or by a request and an answer that are carried.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use prost::Message;
use rustls::ClientConfig;
use tokio::time::timeout;
use zeroize::Zeroizing;

use headgate_record::batch::digest;
use headgate_record::enrolment::{ENROLL_PATH, EnrollRequest, MAX_ANSWER_BYTES, MAX_TOKEN_BYTES, Token};
use headgate_service::config::{Endpoint, Headgate};
use headgate_service::credential::{AUTHORITY, RECEIPT_KEY, SEAL_KEY, UPLINK_CERTIFICATE, UPLINK_SECRET};

use crate::Error;
use crate::answer::{self, Answer};
use crate::error::CredentialFault;
use crate::http::{self, Destination};
use crate::problem::Problem;
use crate::request::{Pair, prepare, sync, write};
use crate::verify::Receiver;

/// What an enrolment came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Where the files lie.
    pub directory: PathBuf,
    /// Region that the token names; empty where none is known.
    pub region: String,
}

/// Enrolls with a token, the text of which is `token`: makes the keys where there are none, asks the receiver that the token names,
/// and puts what it answers in place. It may be done again with the same token where an answer was lost.
///
/// # Errors
/// [`Error::Token`] for what is no token or not this appliance's; [`Error::Enrolment`] with what the receiver says, or why it was not
/// reached; those of [`accept`].
pub fn enroll(config: &Headgate, token: &str) -> Result<Enrolled, Error> {
    let token =
        Token::from_text(token).map_err(|_| Error::Token("it is no token, or was not copied whole"))?;
    if token.appliance != config.appliance.id.as_str() {
        return Err(Error::Token(
            "it is for another appliance; make appliance.id that of the token, or have another made",
        ));
    }
    let allowed = config.uplink.regions.names();
    if !allowed.is_empty() && !allowed.contains(&token.region) {
        return Err(Error::Token("it is for a receiver in a region that uplink.regions does not name"));
    }
    let address = token.address.parse::<Endpoint>().map_err(|_| Error::Host)?;
    let pair = prepare(config)?;
    let said = EnrollRequest {
        id: token.id.to_vec(),
        secret: token.secret.to_vec(),
        request: pair.request(&config.appliance.id)?,
    };
    let said = said.encode_to_vec();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::System { what: "starting the runtime", source })?;
    let content = runtime.block_on(async {
        let destination = Destination::new(address, &config.uplink)?;
        let asked = timeout(config.uplink.timeout.seconds(), ask(&destination, &token, said.into()));
        asked.await.unwrap_or(Err(Problem::Timeout)).map_err(Error::Enrolment)
    });
    runtime.shutdown_background();
    let answer = open(&content?, Path::new("the answer"), &pair, config)?;
    if digest(&answer.authority) != token.authority {
        return Err(Error::Token("the receiver answers with another authority than the token names"));
    }
    put(config, &answer)?;
    Ok(Enrolled { directory: config.credentials.directory.clone(), region: token.region.clone() })
}

async fn ask(destination: &Destination, token: &Token, said: Bytes) -> Result<Bytes, Problem> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls =
        ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&rustls::version::TLS13]);
    let mut tls = tls
        .map_err(|_| Problem::Tls)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Receiver::pinned(token.authority, token.region.clone())))
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    tls.resumption = rustls::client::Resumption::disabled();
    let (mut connection, _) = destination.connect(Some(Arc::new(tls))).await?;
    let request = http::post(ENROLL_PATH, destination.host(), said);
    http::exchange(&mut connection, request, MAX_ANSWER_BYTES).await
}

/// Puts an answer that was carried here in place: certificate and secret, and what is pinned where nothing is yet. What was there
/// is replaced only by a certificate and a secret that belong to the keys here.
///
/// # Errors
/// [`Error::Answer`] for one that is not to the request of this appliance; [`Error::OtherPin`] where it comes from another
/// organisation than what is there; then nothing was changed.
pub fn accept(config: &Headgate, file: &Path) -> Result<Enrolled, Error> {
    let content = crate::credentials::read(file)?;
    let pair = Pair::open(&config.credentials.directory)?;
    put(config, &open(&content, file, &pair, config)?)?;
    Ok(Enrolled { directory: config.credentials.directory.clone(), region: String::new() })
}

/// A token as it is carried: in a file, or by standard input.
///
/// # Errors
/// [`Error::Credential`] when it cannot be read.
pub fn read_token(from: Option<&Path>) -> Result<Zeroizing<String>, Error> {
    use std::io::Read;
    let place = from.unwrap_or(Path::new("standard input"));
    let fault =
        |source| Error::Credential { file: place.to_path_buf(), fault: CredentialFault::Unread(source) };
    let reader: Box<dyn Read> = match from {
        Some(file) => Box::new(std::fs::File::open(file).map_err(fault)?),
        None => Box::new(std::io::stdin().lock()),
    };
    let mut text = Zeroizing::new(String::with_capacity(TOKEN_ROOM));
    let limit = u64::try_from(TOKEN_ROOM).unwrap_or(u64::MAX);
    reader.take(limit).read_to_string(&mut text).map_err(fault)?;
    Ok(text)
}

fn open(content: &[u8], file: &Path, pair: &Pair, config: &Headgate) -> Result<Answer, Error> {
    answer::open(content, pair, &config.appliance.id)
        .map_err(|fault| Error::Answer { file: file.to_path_buf(), fault })
}

fn put(config: &Headgate, answer: &Answer) -> Result<(), Error> {
    let directory = &config.credentials.directory;
    let own = answer.identity.chain.first().map(|own| own.to_vec()).unwrap_or_default();
    let pinned = [
        (AUTHORITY, text("CERTIFICATE", &answer.authority)),
        (RECEIPT_KEY, text("PUBLIC KEY", &answer.receipts)),
        (SEAL_KEY, text("PUBLIC KEY", &answer.sealing)),
    ];
    // What is pinned is never changed by an answer. The sealing key is: it is rotated, and comes from whom the others are of.
    for (name, content) in &pinned {
        let file = directory.join(name);
        if *name != SEAL_KEY && file.symlink_metadata().is_ok() && !is_same(&file, content)? {
            return Err(Error::OtherPin(file));
        }
    }
    for (name, content) in pinned {
        replace(directory, name, 0o644, content.as_bytes())?;
    }
    if let Some(secret) = &answer.identity.secret {
        replace(directory, UPLINK_SECRET, 0o600, &secret.to_file())?;
    }
    // The last: the unit waits for it.
    replace(directory, UPLINK_CERTIFICATE, 0o644, text("CERTIFICATE", &own).as_bytes())?;
    sync(directory)
}

/// Whether two PEM blocks hold the same, however they are written.
fn is_same(file: &Path, content: &str) -> Result<bool, Error> {
    let block = |text: &[u8]| pem::parse(text).ok().map(pem::Pem::into_contents);
    let there = block(&crate::credentials::read(file)?);
    Ok(there.is_some() && there == block(content.as_bytes()))
}

/// Puts a file in place whole, or not at all.
fn replace(directory: &Path, name: &str, mode: u32, content: &[u8]) -> Result<(), Error> {
    let new = directory.join(format!("{name}.new"));
    match std::fs::remove_file(&new) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            return Err(Error::Write { file: new, source });
        }
        _ => write(&new, mode, content)?,
    }
    let file = directory.join(name);
    std::fs::rename(&new, &file).map_err(|source| Error::Write { file, source })
}

/// PEM (RFC 7468) of what is in DER.
fn text(label: &str, der: &[u8]) -> String {
    let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
    pem::encode_config(&pem::Pem::new(label, der), config)
}

/// Room for a token and what an editor puts around it.
const TOKEN_ROOM: usize = MAX_TOKEN_BYTES + 64;
