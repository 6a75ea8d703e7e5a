//! Reaching the cluster, and the three streams in it.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::ContextBuilder;
use async_nats::jetstream::stream::{Config, StorageType, Stream};
use async_nats::jetstream::{self, Context};
use async_nats::{Client, ConnectError, ConnectErrorKind, ConnectOptions};
use futures_util::future::join_all;
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use headgate_record::sealed::MAX_SEALED_BYTES;

use super::trouble::causes;
use crate::config::Cluster;
use crate::{Error, files, tls};

/// What was reached.
pub struct Reached {
    /// For publishing.
    pub context: Context,
    /// The stream of batches.
    pub batches: Stream,
    /// The stream of what outlives them.
    pub index: Stream,
    /// The stream of what receivers know of whom to trust.
    pub trust: Stream,
}

/// Subjects and names.
pub struct Names(String);

impl Names {
    /// Below the name of a stream.
    pub fn new(stream: &str) -> Names {
        Names(stream.to_owned())
    }

    /// The messages of a series.
    pub fn series(&self, appliance: &str, epoch: u64) -> String {
        format!("{}.batch.{}.{epoch:016x}", self.0, token(appliance))
    }

    /// The messages of an appliance.
    pub fn appliance(&self, appliance: &str) -> String {
        format!("{}.batch.{}.*", self.0, token(appliance))
    }

    /// The messages of all.
    pub fn all(&self) -> String {
        format!("{}.batch.*.*", self.0)
    }

    /// The appliance and epoch of a message.
    pub fn parse(&self, subject: &str) -> Option<(String, u64)> {
        let rest = subject.strip_prefix(self.0.as_str())?.strip_prefix(".batch.")?;
        let (appliance, epoch) = rest.split_once('.')?;
        Some((appliance.replace('_', "."), u64::from_str_radix(epoch, 16).ok()?))
    }

    /// A page of a series in the index.
    pub fn page(&self, appliance: &str, epoch: u64, page: u64) -> String {
        format!("{}.index.{}.{epoch:016x}.{page:016x}", self.0, token(appliance))
    }

    /// Whom the batch of a number asked to forget, in the index.
    pub fn tombstone(&self, appliance: &str, epoch: u64, sequence: u64) -> String {
        format!("{}.index.{}.{epoch:016x}.forget-{sequence:016x}", self.0, token(appliance))
    }

    /// Who may read, in the index.
    pub fn readers(&self) -> String {
        format!("{}.index.readers", self.0)
    }

    /// How many media were imported, in the index.
    pub fn imports(&self) -> String {
        format!("{}.index.imports", self.0)
    }

    /// A word about trust.
    pub fn word(&self, place: &str) -> String {
        format!("{}.trust.{place}", self.0)
    }

    /// The place of a word.
    pub fn parse_word(&self, subject: &str) -> Option<String> {
        Some(subject.strip_prefix(self.0.as_str())?.strip_prefix(".trust.")?.to_owned())
    }

    fn trust_stream(&self) -> String {
        format!("{}_TRUST", self.0)
    }

    fn index_stream(&self) -> String {
        format!("{}_INDEX", self.0)
    }
}

/// The name of an appliance as one token of a subject: `_` is in no name.
fn token(appliance: &str) -> String {
    appliance.replace('.', "_")
}

/// Connects, and sees to it that its streams are there, on as many servers and on disk.
///
/// # Errors
/// [`Error::Cluster`], and what is wrong with a file.
pub async fn reach(cluster: &Cluster, names: &Names) -> Result<Reached, Error> {
    let wrong =
        |what: String, is_passing| Error::Cluster { server: cluster.servers.join(", "), what, is_passing };
    let connected = connect(cluster, 0).await?;
    let client = connected.map_err(|error| wrong(unreached(cluster, &error), true))?;
    let room = client.server_info().max_payload;
    if room < MAX_SEALED_BYTES + MAX_HEADER {
        return Err(wrong(
            format!("its max_payload is {room} octets: set max_payload: 8MB on each server"),
            false,
        ));
    }
    if cluster.replicas > 1
        && let Some(what) = outdated(cluster).await?
    {
        return Err(wrong(what, false));
    }
    let mut context = context(client);
    // To make a stream takes longer than to use it.
    let mut making = context.clone();
    making.set_timeout(MAKING);
    let wanted = [
        Config {
            name: names.0.clone(),
            subjects: vec![format!("{}.batch.*.*", names.0)],
            description: Some("Headgate: sealed batches".into()),
            ..common(cluster)
        },
        Config {
            name: names.index_stream(),
            subjects: vec![format!("{}.index.>", names.0)],
            description: Some("Headgate: which batches were stored, ever".into()),
            max_messages_per_subject: 1,
            ..common(cluster)
        },
        Config {
            name: names.trust_stream(),
            subjects: vec![format!("{}.trust.>", names.0)],
            description: Some("Headgate: tokens, generations of secrets, requests".into()),
            ..common(cluster)
        },
    ];
    let names = wanted.each_ref().map(|config| config.name.clone());
    let mut leaders = Vec::with_capacity(wanted.len());
    for config in wanted {
        leaders.push(stream(&making, config).await.map_err(|(what, is_passing)| wrong(what, is_passing))?);
    }
    if let Some(leader) = leaders.into_iter().next().flatten()
        && let Some(client) = beside(cluster, &context, &leader).await?
    {
        context = self::context(client);
    }
    let mut streams = Vec::with_capacity(names.len());
    for name in names {
        let had = context.get_stream(name).await;
        streams.push(had.map_err(|error| wrong(causes(&error), true))?);
    }
    match <[Stream; 3]>::try_from(streams) {
        Ok([batches, index, trust]) => Ok(Reached { context, batches, index, trust }),
        Err(_) => Err(wrong("it has not all streams".into(), true)),
    }
}

/// A connection to the cluster: to its servers in their order, from one of them on.
async fn connect(cluster: &Cluster, first: usize) -> Result<Result<Client, ConnectError>, Error> {
    let mut options = ConnectOptions::new()
        .name("headgate-receiver")
        .connection_timeout(CONNECTING)
        .request_timeout(Some(ANSWER))
        .ping_interval(PING)
        .retain_servers_order();
    if let Some(file) = &cluster.credentials {
        options = authenticated(options, file)?;
    }
    if cluster.authority.is_some() {
        options = options.require_tls(true).tls_client_config(client(cluster)?);
    }
    let scheme = if cluster.authority.is_some() { "tls" } else { "nats" };
    let mut servers: Vec<String> =
        cluster.servers.iter().map(|server| format!("{scheme}://{server}")).collect();
    servers.rotate_left(first.min(cluster.servers.len()));
    Ok(options.connect(servers).await)
}

/// Says which server that can be reached is of a version that loses messages after it acknowledged them (ADR 0034), and what to do.
async fn outdated(cluster: &Cluster) -> Result<Option<String>, Error> {
    let each = (0..cluster.servers.len()).map(|first| connect(cluster, first));
    for connected in join_all(each).await {
        // One that cannot be reached now takes no part now, and is asked at the next start.
        let Ok(client) = connected? else { continue };
        let info = client.server_info();
        if version(&info.version).is_none_or(|version| version < LEAST_VERSION) {
            let (major, minor, patch) = LEAST_VERSION;
            return Ok(Some(format!(
                "{} is nats-server {}: before {major}.{minor}.{patch} a server that was killed can come back with other messages than \
                 the rest, and lead them; update each server, one after the other (Debian 13's will do)",
                info.server_name, info.version
            )));
        }
    }
    Ok(None)
}

/// `MAJOR.MINOR.PATCH`, of which what follows a `-` is left out; nothing where it is none.
fn version(text: &str) -> Option<(u32, u32, u32)> {
    let release = text.split('-').next()?;
    let mut numbers = release.splitn(3, '.').map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

/// A connection to the server of this name, if it is not what there is and one of those that are configured. What is sent to
/// another one goes through two servers: a third of what a batch costs them all.
pub async fn beside(cluster: &Cluster, context: &Context, leader: &str) -> Result<Option<Client>, Error> {
    if context.client().server_info().server_name == leader {
        return Ok(None);
    }
    for first in 0..cluster.servers.len() {
        // One that cannot be reached is none that leads: what there is goes on.
        if let Ok(client) = connect(cluster, first).await?
            && client.server_info().server_name == leader
        {
            return Ok(Some(client));
        }
    }
    Ok(None)
}

/// For publishing over a connection.
pub fn context(client: Client) -> Context {
    ContextBuilder::new().timeout(ANSWER).ack_timeout(ANSWER).max_ack_inflight(MAX_IN_FLIGHT).build(client)
}

/// With what `file` holds: credentials as nsc writes them (a JWT and the seed of its user), or the seed of a user alone (an nkey).
fn authenticated(options: ConnectOptions, file: &Path) -> Result<ConnectOptions, Error> {
    let what = "NATS credentials: neither a .creds file, nor a line with the seed of a user";
    let unusable = || Error::Credential { file: file.to_path_buf(), what };
    let content = files::read(file)?;
    let text = std::str::from_utf8(&content).map_err(|_| unusable())?;
    if text.contains(JWT) {
        return options.credentials(text).map_err(|_| unusable());
    }
    let seed = text.lines().map(str::trim).find(|line| line.starts_with(USER_SEED)).ok_or_else(unusable)?;
    nkeys::KeyPair::from_seed(seed).map_err(|_| unusable())?;
    Ok(options.nkey(seed.to_owned()))
}

/// Why there is no connection, and what to do where the servers do not let this receiver in.
fn unreached(cluster: &Cluster, error: &ConnectError) -> String {
    let why = causes(error);
    match (error.kind(), &cluster.credentials) {
        (ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication, Some(file)) => {
            let file = file.display();
            format!(
                "its servers do not let this receiver in by {file} ({why}): have its user admitted there, or put its own file there"
            )
        }
        (ConnectErrorKind::AuthorizationViolation | ConnectErrorKind::Authentication, None) => {
            format!(
                "its servers let nobody in without credentials ({why}): name a file as [jetstream] credentials"
            )
        }
        _ => format!("the cluster cannot be reached: {why}"),
    }
}

fn common(cluster: &Cluster) -> Config {
    Config {
        storage: StorageType::File,
        num_replicas: cluster.replicas,
        duplicate_window: WINDOW,
        ..Config::default()
    }
}

/// The stream, as it must be. One that is there otherwise is left as it is. Gives the server that leads it, if one does.
async fn stream(context: &Context, config: Config) -> Result<Option<String>, (String, bool)> {
    let name = config.name.clone();
    let stream = context.get_or_create_stream(config.clone()).await.map_err(|error| {
        let is_passing =
            !matches!(error.kind(), jetstream::context::CreateStreamErrorKind::JetStreamUnavailable);
        (format!("stream {name} cannot be had: {}", causes(&error)), is_passing)
    })?;
    let found = &stream.cached_info().config;
    let fault = if found.storage != StorageType::File {
        "is not on disk"
    } else if found.num_replicas != config.num_replicas {
        "has another number of replicas than [jetstream] says"
    } else if found.subjects != config.subjects {
        "has other subjects"
    } else if !found.max_age.is_zero() || found.max_messages > 0 || found.max_bytes > 0 {
        "has a limit, which would delete what was receipted: [retention] is for that"
    } else if found.deny_delete || found.deny_purge || found.sealed || found.no_ack {
        "does not let delete, or does not acknowledge"
    } else if found.max_messages_per_subject.max(0) != config.max_messages_per_subject.max(0) {
        "has another limit for a subject"
    } else {
        return Ok(stream.cached_info().cluster.as_ref().and_then(|cluster| cluster.leader.clone()));
    };
    Err((
        format!("stream {name} {fault}; `nats stream edit` changes it, or name another [jetstream] stream"),
        false,
    ))
}

/// TLS 1.3, and of all authorities only the one that is named.
fn client(cluster: &Cluster) -> Result<ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    if let Some(file) = &cluster.authority {
        for root in tls::certificates(file)? {
            let unusable = || Error::Credential { file: file.clone(), what: "certificate" };
            roots.add(root).map_err(|_| unusable())?;
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .map_err(|_| Error::Key)?
        .with_root_certificates(roots);
    match &cluster.certificate {
        None => Ok(builder.with_no_client_auth()),
        Some((certificate, key)) => {
            let unusable =
                || Error::Credential { file: key.clone(), what: "private key for the certificate" };
            let private = PrivateKeyDer::from_pem_slice(&files::read(key)?).map_err(|_| unusable())?;
            builder.with_client_auth_cert(tls::certificates(certificate)?, private).map_err(|_| unusable())
        }
    }
}

/// How the part of a .creds file begins that says who somebody is, and the seed of a user's key.
const JWT: &str = "BEGIN NATS USER JWT";
const USER_SEED: &str = "SU";
/// The first version of which no loss after the death of a process is known: 2.10.22 keeps what had no quorum out of a log, 2.10.23
/// keeps the stream.
const LEAST_VERSION: (u32, u32, u32) = (2, 10, 23);
/// Longest wait for a connection, and for an answer: to a cluster that is choosing whom to follow it is better to ask again.
const CONNECTING: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(2);
const MAKING: Duration = Duration::from_secs(10);
const PING: Duration = Duration::from_secs(10);
/// How long the cluster itself knows doubles by the numbers of batches. Nothing depends on it.
const WINDOW: Duration = Duration::from_secs(120);
/// Room for what is known of a series, beside a batch, in octets.
const MAX_HEADER: usize = 256 << 10;
const MAX_IN_FLIGHT: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_names_one_series_and_is_read_back() {
        let names = Names::new("HEADGATE");
        let subject = names.series("site-1.example", 7);
        assert_eq!(subject, "HEADGATE.batch.site-1_example.0000000000000007");
        assert_eq!(names.parse(&subject), Some(("site-1.example".to_owned(), 7)));
        assert_eq!(names.parse("HEADGATE.index.site-1.0000000000000007"), None);
    }

    #[test]
    fn a_version_that_is_none_is_no_new_one() {
        let is_fit = |text| version(text).is_some_and(|version| version >= LEAST_VERSION);
        for text in ["2.10.23", "2.10.27", "2.11.0-RC.1", "2.15.1", "3.0.0"] {
            assert!(is_fit(text), "{text}");
        }
        for text in [
            "2.9.10",
            "2.10.22",
            "2.10.22-beta",
            "1.99.99",
            "",
            "2.10",
            "99999999999.1.1",
            "v2.15.1",
            "2.15.x",
        ] {
            assert!(!is_fit(text), "{text}");
        }
    }
}
