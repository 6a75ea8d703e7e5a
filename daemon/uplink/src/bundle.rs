//! `export`: batches that wait, on a carried medium (ADR 0019; [`headgate_record::bundle`]).
//!
//! Batches come sealed from the store and are written as they are. The manifest is signed with the appliance's key and written
//! last, when all else is on the medium: a folder without one is no bundle. Then the store is told.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustls::SignatureScheme;
use serde_json::json;

use headgate_record::batch::digest;
use headgate_record::bundle::{
    Carried, MANIFEST, MAX_BATCHES, MAX_MANIFEST_BYTES, Manifest, MediumId, Signed, batch_file, signed_bytes,
};
use headgate_record::local::{FromUplink, OUTBOX_SOCKET, ToUplink};
use headgate_record::sealed::Sealed;
use headgate_service::config::Headgate;
use headgate_service::progress::{Progress, size};

use crate::Error;
use crate::credentials::Identity;
use crate::error::CredentialFault;
use crate::outbox::Outbox;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exported {
    /// The medium.
    pub medium: MediumId,
    /// The folder.
    pub directory: PathBuf,
    /// How many batches.
    pub batches: usize,
    /// Sequence of the first.
    pub first: u64,
    /// Sequence of the last.
    pub last: u64,
    /// Octets of all files.
    pub octets: u64,
    /// Whether more waits, that found no room.
    pub more: bool,
}

impl Exported {
    /// For people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let Exported { medium, directory, batches, first, last, octets, more } = self;
        let directory = directory.display();
        let more = if *more { "\nMore waits that found no room: export it to another medium." } else { "" };
        format!(
            "{directory}: medium {medium}, {batches} batches, {first} to {last}, {}{more}\n\
             Next: carry it to the receiver; there: headgate-receiver import {directory}; bring `receipts` back.",
            size(*octets)
        )
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> String {
        json!({
            "medium": self.medium.to_string(), "directory": self.directory, "batches": self.batches,
            "first": self.first, "last": self.last, "octets": self.octets, "more": self.more,
        })
        .to_string()
    }
}

/// Writes a bundle of at most `limit_mib` into `directory`, which is made when it is not there, and tells the store. All is on the
/// medium when it returns.
///
/// # Errors
/// [`Error::Nothing`] when nothing waits; [`Error::Exists`] where there is a bundle already. What was written until then is
/// removed, but where the error says that it is whole.
pub fn export(config: &Headgate, directory: &Path, limit_mib: Option<u32>) -> Result<Exported, Error> {
    let identity = Identity::load(config)?;
    identity.check().map_err(Error::Unacceptable)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::System { what: "starting the runtime", source })?;
    runtime.block_on(async {
        let mut store = Store::connect(config).await?;
        let mut folder = Folder::make(directory)?;
        let exported = fill(config, &identity, &mut store, &mut folder, limit_mib).await?;
        folder.keep();
        let noted = store.ask(&FromUplink::Carried { medium: exported.medium, through: exported.last }).await;
        match noted {
            Ok(ToUplink::Accepted) => Ok(exported),
            Ok(_) => Err(Error::Changed),
            Err(error) => Err(error),
        }
        .map_err(|error| Error::Unnoted { directory: directory.into(), source: Box::new(error) })
    })
}

async fn fill(
    config: &Headgate,
    identity: &Identity,
    store: &mut Store,
    folder: &mut Folder,
    limit_mib: Option<u32>,
) -> Result<Exported, Error> {
    let limit = limit_mib.map_or(u64::MAX, |mib| u64::from(mib) << 20);
    let room = limit.saturating_sub(u64::try_from(MAX_MANIFEST_BYTES).unwrap_or(u64::MAX));
    let mut drawn = [0; 8];
    getrandom::fill(&mut drawn)
        .map_err(|error| Error::System { what: "drawing random numbers", source: io::Error::other(error) })?;
    let medium = MediumId(drawn);
    let mut manifest: Option<Manifest> = None;
    let (mut octets, mut more) = (0_u64, false);
    // How much there is nobody knows before it is read: what is written is shown.
    let mut progress = Progress::open_ended("written");
    loop {
        let after = manifest.as_ref().and_then(|m| m.batches.last()).map_or(0, |batch| batch.sequence);
        let batch = match store.ask(&FromUplink::Carry { medium, after }).await? {
            ToUplink::Batch(batch) => batch,
            ToUplink::Empty => break,
            _ => return Err(Error::Changed),
        };
        let length = u64::try_from(batch.len()).unwrap_or(u64::MAX);
        let is_full = manifest.as_ref().is_some_and(|m| m.batches.len() >= MAX_BATCHES);
        if is_full || octets.saturating_add(length) > room {
            more = true;
            break;
        }
        let sealed = Sealed::decode(&batch).map_err(|_| Error::Changed)?;
        let manifest = manifest.get_or_insert_with(|| Manifest {
            medium,
            appliance: sealed.id.appliance.clone(),
            epoch: sealed.id.epoch,
            key: sealed.key,
            regions: config.uplink.regions.names(),
            made_ms: now_ms(),
            batches: Vec::new(),
        });
        let is_same = manifest.appliance == config.appliance.id.as_str()
            && (&manifest.appliance, manifest.epoch, manifest.key)
                == (&sealed.id.appliance, sealed.id.epoch, sealed.key);
        if !is_same || sealed.id.sequence <= after {
            return Err(Error::Changed);
        }
        folder.write(&batch_file(sealed.id.sequence), &batch, octets)?;
        manifest.batches.push(Carried {
            sequence: sealed.id.sequence,
            octets: u32::try_from(batch.len()).unwrap_or(u32::MAX),
            digest: digest(&batch),
        });
        octets = octets.saturating_add(length);
        progress.add(length);
    }
    progress.end();
    let manifest = manifest.ok_or(Error::Nothing)?;
    let signed = sign(config, identity, &manifest)?.encode();
    folder.sync()?;
    folder.write(MANIFEST, &signed, octets)?;
    folder.sync()?;
    octets = octets.saturating_add(u64::try_from(signed.len()).unwrap_or(u64::MAX));
    let sequence = |batch: Option<&Carried>| batch.map_or(0, |batch| batch.sequence);
    Ok(Exported {
        medium,
        directory: folder.path.clone(),
        batches: manifest.batches.len(),
        first: sequence(manifest.batches.first()),
        last: sequence(manifest.batches.last()),
        octets,
        more,
    })
}

fn sign(config: &Headgate, identity: &Identity, manifest: &Manifest) -> Result<Signed, Error> {
    let file = config.credentials.directory.join(headgate_service::credential::UPLINK_KEY);
    let unusable = || Error::Credential {
        file: file.clone(),
        fault: CredentialFault::Content("private key to sign with"),
    };
    let key = rustls::crypto::aws_lc_rs::sign::any_supported_type(&identity.key).map_err(|_| unusable())?;
    let offered = [
        SignatureScheme::ECDSA_NISTP256_SHA256,
        SignatureScheme::ECDSA_NISTP384_SHA384,
        SignatureScheme::ED25519,
    ];
    let signer = key.choose_scheme(&offered).ok_or_else(unusable)?;
    let manifest = manifest.encode();
    let signature = signer.sign(&signed_bytes(&manifest)).map_err(|_| unusable())?;
    let certificates = identity.chain.iter().map(|certificate| certificate.to_vec()).collect();
    let proof = identity.secret.as_ref().map(|secret| secret.prove_medium(&manifest));
    Ok(Signed { manifest, certificates, scheme: signer.scheme().into(), signature, proof })
}

/// The store, for one question after the other.
struct Store {
    outbox: Outbox,
    socket: PathBuf,
}

impl Store {
    async fn connect(config: &Headgate) -> Result<Store, Error> {
        let socket = config.sockets.directory.join(OUTBOX_SOCKET);
        match Outbox::connect(&socket).await {
            Ok(outbox) => Ok(Store { outbox, socket }),
            Err(source) => Err(Error::Store { socket, source }),
        }
    }

    async fn ask(&mut self, message: &FromUplink) -> Result<ToUplink, Error> {
        match self.outbox.ask(message).await {
            Ok(ToUplink::Refused { reason }) => Err(Error::Refused(reason)),
            Ok(answer) => Ok(answer),
            Err(source) => Err(Error::Store { socket: self.socket.clone(), source }),
        }
    }
}

/// The folder of a bundle. Until it is kept, what was made of it is removed when this is dropped.
struct Folder {
    path: PathBuf,
    directory: File,
    made: Vec<PathBuf>,
    is_new: bool,
}

impl Folder {
    fn make(path: &Path) -> Result<Folder, Error> {
        let failed = |source| Error::Write { file: path.into(), source };
        let is_new = match DirBuilder::new().mode(0o755).create(path) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
            Err(error) => return Err(failed(error)),
        };
        let directory = File::open(path).map_err(failed)?;
        let folder = Folder { path: path.into(), directory, made: Vec::new(), is_new };
        if folder.path.join(MANIFEST).symlink_metadata().is_ok() {
            return Err(Error::Bundle(path.into()));
        }
        Ok(folder)
    }

    /// A new file; `written` is what there is already, octets.
    fn write(&mut self, name: &str, content: &[u8], written: u64) -> Result<(), Error> {
        let file = self.path.join(name);
        let open = OpenOptions::new().write(true).create_new(true).mode(0o644).open(&file);
        let mut open = open.map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => Error::Bundle(self.path.clone()),
            _ => Error::Write { file: file.clone(), source },
        })?;
        self.made.push(file.clone());
        open.write_all(content).map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull => {
                Error::Full { directory: self.path.clone(), written: written >> 20 }
            }
            _ => Error::Write { file, source },
        })
    }

    /// Everything that was written is on the medium.
    fn sync(&self) -> Result<(), Error> {
        let failed = |source: io::Error| match source.kind() {
            io::ErrorKind::StorageFull => Error::Full { directory: self.path.clone(), written: 0 },
            _ => Error::Write { file: self.path.clone(), source },
        };
        rustix::fs::syncfs(&self.directory).map_err(|error| failed(error.into()))
    }

    fn keep(&mut self) {
        self.made.clear();
        self.is_new = false;
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        for file in &self.made {
            let _ = std::fs::remove_file(file);
        }
        if self.is_new {
            let _ = std::fs::remove_dir(&self.path);
        }
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
