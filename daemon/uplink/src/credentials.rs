//! The appliance's certificate, key and secret, and the pinned authority.
//!
//! What was enrolled lies where the service manager or `[credentials] directory` has it; what was renewed since, in
//! `[uplink] directory` ([`Kept`]). Files are read again when one changes, so that rotation needs no restart. What cannot be used
//! never replaces what can, and what was renewed is tried before it takes the place of the last good set.

mod collector;
mod identity;
mod kept;
mod read;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use x509_parser::prelude::ASN1Time;

use headgate_record::enrolment::Secret;
use headgate_service::config::{ApplianceId, Headgate};
use headgate_service::credential::{self, AUTHORITY, UPLINK_CERTIFICATE, UPLINK_KEY, UPLINK_SECRET};

use crate::Error;
use crate::error::CredentialFault;
use crate::problem::Problem;
use crate::verify::Receiver;

pub use collector::CollectorCredentials;
pub use identity::Identity;
pub use kept::Kept;
pub use read::read;
use read::{Stamp, certificates, stamps};

/// What the uplink proves itself and recognises the receiver with. No `Debug`: it holds a key.
pub struct Credentials {
    place: Place,
    seen: Stamps,
    loaded: Loaded,
    /// What was renewed and not yet tried.
    candidate: Option<Loaded>,
}

/// Where they are, and of whom.
struct Place {
    directory: PathBuf,
    kept: Kept,
    appliance: ApplianceId,
    regions: Vec<String>,
}

/// One set.
pub struct Loaded {
    tls: Arc<ClientConfig>,
    secret: Option<Secret>,
    not_before: ASN1Time,
    not_after: ASN1Time,
}

impl Credentials {
    /// Reads all files.
    ///
    /// # Errors
    /// [`Error::Credential`] with the file and what to do. A certificate that has expired is no error
    /// here; see [`Loaded::check`].
    pub fn load(config: &Headgate) -> Result<Credentials, Error> {
        let place = Place {
            directory: config.credentials.directory.clone(),
            kept: Kept::new(&config.uplink.directory),
            appliance: config.appliance.id.clone(),
            regions: config.uplink.regions.names(),
        };
        // Before reading, so that a change in between is seen later.
        let seen = place.stamps();
        let (loaded, candidate) = place.load()?;
        Ok(Credentials { place, seen, loaded, candidate })
    }

    /// Reads the files again when one has changed. Whether there is a new set.
    pub fn refresh(&mut self) -> bool {
        let now = self.place.stamps();
        if now == self.seen {
            return false;
        }
        self.seen = now;
        match self.place.load() {
            Ok((loaded, candidate)) => {
                self.loaded = loaded;
                self.candidate = candidate;
                log::info!(event = "credentials_reloaded"; "credentials have changed and are in use");
                true
            }
            Err(error) => {
                log::warn!(event = "credentials_refused"; "changed credentials are not used, the last good ones stay: {error}");
                false
            }
        }
    }

    /// The set in use.
    pub fn loaded(&self) -> &Loaded {
        &self.loaded
    }

    /// What was renewed and is to be tried.
    pub fn candidate(&self) -> Option<&Loaded> {
        self.candidate.as_ref()
    }

    /// Of whom they are.
    pub fn appliance(&self) -> &ApplianceId {
        &self.place.appliance
    }

    /// Keeps what was renewed, to be tried. It is on disk when this returns: once the receiver has seen it, what was before no
    /// longer counts.
    ///
    /// # Errors
    /// Why it cannot be used or kept; then nothing has changed.
    pub fn propose(&mut self, renewed: Identity) -> Result<(), Error> {
        let loaded = self.place.with(&renewed)?;
        self.place.kept.propose(&renewed, &self.place.enrolled()?)?;
        self.candidate = Some(loaded);
        Ok(())
    }

    /// The receiver has taken what was renewed: it is the good set from now on.
    pub fn promote(&mut self) {
        // Should that fail, it is tried again at the next start.
        if let Err(error) = self.place.kept.promote() {
            log::warn!(event = "renewal_not_kept"; "the renewed certificate is in use, and is tried again at the next start: {error}");
        }
        if let Some(candidate) = self.candidate.take() {
            self.loaded = candidate;
        }
    }

    /// The receiver has not taken what was renewed: the last good set stays.
    pub fn discard(&mut self) {
        self.candidate = None;
        self.place.kept.discard();
    }
}

impl Loaded {
    /// Whether the certificate is valid by the appliance's own clock.
    pub fn check(&self) -> Result<(), Problem> {
        check(&self.not_before, &self.not_after)
    }

    /// How to open a connection.
    pub fn tls(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.tls)
    }

    /// The secret, where the appliance has one.
    pub fn secret(&self) -> Option<&Secret> {
        self.secret.as_ref()
    }

    /// Whether it is time for another certificate: a third of its time is left, or there is no secret beside it.
    pub fn is_due(&self) -> bool {
        let (from, to, now) =
            (self.not_before.timestamp(), self.not_after.timestamp(), ASN1Time::now().timestamp());
        self.secret.is_none() || to.saturating_sub(now) < to.saturating_sub(from) / RENEWED_AT
    }

    /// How long the certificate is still valid.
    pub fn left(&self) -> Duration {
        let left = self.not_after.timestamp().saturating_sub(ASN1Time::now().timestamp());
        Duration::from_secs(u64::try_from(left).unwrap_or(0))
    }
}

impl Place {
    /// The good set, and one that was renewed and not yet tried.
    fn load(&self) -> Result<(Loaded, Option<Loaded>), Error> {
        let enrolled = Identity::enrolled(&self.directory, &self.appliance)?;
        let base = enrolled.digest();
        let mut loaded = self.with(&enrolled)?;
        let usable = |found: Result<Option<Identity>, Error>| {
            let loaded = found.and_then(|found| found.map(|identity| self.with(&identity)).transpose());
            loaded.unwrap_or_else(|error| {
                log::warn!(event = "renewed_unusable"; "a renewed certificate is not used: {error}");
                None
            })
        };
        if let Some(current) = usable(self.kept.current(&base, &self.appliance)) {
            loaded = current;
        }
        Ok((loaded, usable(self.kept.proposed(&base, &self.appliance))))
    }

    /// Digest of the certificate that was enrolled.
    fn enrolled(&self) -> Result<[u8; 32], Error> {
        Ok(Identity::enrolled(&self.directory, &self.appliance)?.digest())
    }

    fn with(&self, identity: &Identity) -> Result<Loaded, Error> {
        let authority = credential::path(&self.directory, AUTHORITY);
        let certificate = credential::path(&self.directory, UPLINK_CERTIFICATE);
        let key = credential::path(&self.directory, UPLINK_KEY);
        let fault = |file: &Path, fault| Error::Credential { file: file.to_path_buf(), fault };
        let verifier = Receiver::of(&certificates(&authority)?, self.regions.clone())
            .ok_or_else(|| fault(&authority, CredentialFault::Content("certificate")))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|_| fault(&authority, CredentialFault::Content("certificate")))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(identity.chain.clone(), identity.key.clone_key())
            .map_err(|error| match error {
                rustls::Error::InconsistentKeys(_) => fault(&certificate, CredentialFault::Mismatch),
                _ => fault(&key, CredentialFault::Content("private key")),
            })?;
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Every connection proves both certificates anew; a session of a rotated certificate is no proof.
        tls.resumption = rustls::client::Resumption::disabled();
        let secret = identity.secret.as_ref().and_then(|s| Secret::new(s.generation(), s.octets()));
        let (not_before, not_after) = (identity.not_before, identity.not_after);
        Ok(Loaded { tls: Arc::new(tls), secret, not_before, not_after })
    }

    fn stamps(&self) -> Stamps {
        stamps(&self.directory, [AUTHORITY, UPLINK_CERTIFICATE, UPLINK_KEY, UPLINK_SECRET])
    }
}

fn check(not_before: &ASN1Time, not_after: &ASN1Time) -> Result<(), Problem> {
    let now = ASN1Time::now();
    if now > *not_after {
        return Err(Problem::OwnExpired);
    }
    if now < *not_before {
        return Err(Problem::OwnNotYetValid);
    }
    Ok(())
}

type Stamps = [Option<Stamp>; 4];

/// A certificate is renewed when one part in so many of its time is left.
const RENEWED_AT: i64 = 3;
