//! `import`: the batches of a carried medium (ADR 0019; [`headgate_record::bundle`]).
//!
//! Everything is verified before anything is changed: the manifest and who signed it, region and key, every file, what is in it,
//! and that it contradicts nothing that is stored. Then each batch is stored, read and verified once more, and its receipt
//! written. What is done twice is the same as once.

mod destination;
mod folder;
mod signer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;

use headgate_record::batch::{digest, may_be_stored};
use headgate_record::bundle::{
    Carried, MANIFEST, MAX_MANIFEST_BYTES, Manifest, MediumId, Receipts, Signed, batch_file,
};
use headgate_record::sealed::{KeyId, Sealed};
use headgate_service::progress::Progress;

use crate::engine::{Arrived, Stored};
use crate::receipt::{Signer, statement};
use crate::sealing::{Closed, Keys};
use crate::trust::{Trust, Unproved};
use crate::{Config, Error};
use destination::Destination;
use folder::Folder;

/// Why a bundle is refused. Nothing of it was stored but where that is said.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Read(std::io::Error),
    /// It is a link, a directory, a device, or something else that is no file.
    #[error("is no plain file; a bundle has no other")]
    NotPlain,
    /// The file is longer or shorter than it must be.
    #[error("has another length than the manifest says")]
    Length,
    /// The manifest is none, or says what no manifest can.
    #[error("{0}")]
    Manifest(headgate_record::Error),
    /// The certificate in the manifest is not one of this organisation's appliances.
    #[error("is not signed by an appliance of this organisation: {0}")]
    Certificate(&'static str),
    /// The certificate is out of its validity.
    #[error(
        "the appliance's certificate has expired, or is not valid yet; have its request signed again, and export again"
    )]
    Expired,
    /// The certificate is another appliance's.
    #[error("is signed by another appliance than the one it names")]
    Appliance,
    /// Whoever made it did not prove the appliance's secret, or one that counts no longer.
    #[error("{}", unproved(*.0))]
    Unproved(Unproved),
    /// What is signed is something else.
    #[error("was changed: the signature is not of this")]
    Signature,
    /// The site has pinned other regions.
    #[error("may be stored in {0} only; [server] region says where this receiver is")]
    Region(String),
    /// It is sealed to another receiver, or to a key that is not kept any more.
    #[error(
        "is sealed to key {0}, which is not among [sealing] keys: it is for another receiver, or for a key that was given up"
    )]
    Key(KeyId),
    /// The file is not what the manifest names.
    #[error("was changed: it is not what the manifest names")]
    Digest,
    /// It is no sealed batch.
    #[error("{0}")]
    Envelope(headgate_record::Error),
    /// It is another batch than the manifest says.
    #[error("is another batch than the manifest says")]
    Other,
    /// It does not open to a batch.
    #[error("{0}")]
    Closed(Closed),
    /// Another batch is stored under its number.
    #[error("contradicts what is stored: another batch has this appliance, epoch and sequence, and stays")]
    Conflict,
    /// It was in order when it was read first, and is not any more.
    #[error("was changed while it was read; {0} batches of the medium are stored: import it again")]
    Midway(u64),
}

/// What an import did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// Which medium.
    pub medium: MediumId,
    /// Whose.
    pub appliance: String,
    /// Batches that were stored.
    pub new: u64,
    /// Batches that had been stored before.
    pub again: u64,
    /// Batches of which a later content had been stored before.
    pub superseded: u64,
    /// Records of the batches that were stored.
    pub records: u64,
    /// How many of them are of persons who were to be forgotten, and so not stored.
    pub left_out: u64,
    /// The file of receipts.
    pub receipts: PathBuf,
}

impl Imported {
    /// For people.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!(
            "medium {} of {}: {} batches with {} records are stored",
            self.medium, self.appliance, self.new, self.records
        );
        for (count, what) in [
            (self.again, "batches were stored before"),
            (self.superseded, "batches were replaced by a later content, which stays"),
            (self.left_out, "records are of persons who were forgotten meanwhile, and are left out"),
        ] {
            if count > 0 {
                text.push_str(&format!("\n{count} {what}"));
            }
        }
        text.push_str(&format!(
            "\nNext: carry {} back; there: headgate bundle receipt FILE",
            self.receipts.display()
        ));
        text
    }

    /// For programs.
    #[must_use]
    pub fn to_json(&self) -> String {
        json!({
            "medium": self.medium.to_string(), "appliance": self.appliance, "stored": self.new, "again": self.again,
            "superseded": self.superseded, "records": self.records, "left_out": self.left_out,
            "receipts": self.receipts,
        })
        .to_string()
    }
}

/// Stores the batches of the bundle in `directory`, each once, and writes their receipts to `receipts`, or beside the manifest. All
/// is on disk when it returns.
///
/// # Errors
/// [`Error::Bundle`] with the file; nothing was stored then but where the fault says so. [`Error::Exists`], [`Error::Write`] for
/// receipts that cannot be written.
pub fn import(config: &Config, directory: &Path, receipts: Option<&Path>) -> Result<Imported, Error> {
    let signer = Signer::load(&config.receipt_key)?;
    let keys = Arc::new(Keys::load(config.seal_keys.iter().map(PathBuf::as_path))?);
    let folder = Folder::open(directory)?;
    let (manifest, proved) = verified(config, &folder, &keys)?;
    let octets: u64 = manifest.batches.iter().map(|carried| u64::from(carried.octets)).sum();

    let mut destination = Destination::new(config, &keys)?;
    let mut progress = Progress::new("verified", octets);
    for carried in &manifest.batches {
        let Arrived { content, digest, .. } = open(&folder, &keys, &manifest, carried)?;
        let regions = &content.says().regions;
        let fault = if !may_be_stored(regions, config.region.as_deref()) {
            Fault::Region(regions.join(", "))
        } else if destination.contradicts(&content, &digest)? {
            Fault::Conflict
        } else {
            progress.add(carried.octets.into());
            continue;
        };
        return Err(folder.fault(&batch_file(carried.sequence), fault));
    }
    progress.end();

    destination.begin()?;
    if let Some(generation) = proved {
        Trust::at_once(config, async |trust| trust.proved_by_medium(&manifest.appliance, generation).await)?;
    }
    // That they can be written is known before there is one.
    let mut output = folder.output(receipts)?;
    let mut imported = Imported {
        medium: manifest.medium,
        appliance: manifest.appliance.clone(),
        new: 0,
        again: 0,
        superseded: 0,
        records: 0,
        left_out: 0,
        receipts: output.path().to_path_buf(),
    };
    let mut signed = Vec::with_capacity(manifest.batches.len());
    let mut progress = Progress::new("stored", octets);
    for carried in &manifest.batches {
        let midway = |_| folder.fault(&batch_file(carried.sequence), Fault::Midway(imported.new));
        let arrived = open(&folder, &keys, &manifest, carried).map_err(midway)?;
        let stored = destination.store(&arrived)?;
        let Arrived { content, digest, .. } = arrived;
        match stored {
            Stored::New { left_out, .. } => {
                imported.new += 1;
                imported.records += u64::from(content.records());
                imported.left_out += left_out;
            }
            Stored::Again { .. } => imported.again += 1,
            Stored::Superseded(_) => imported.superseded += 1,
            // Another process stored another batch meanwhile.
            Stored::Conflict => {
                // What this medium brought is receipted all the same: it will not come to that again.
                output.write(&Receipts { medium: manifest.medium, receipts: signed }.encode())?;
                return Err(folder.fault(&batch_file(carried.sequence), Fault::Midway(imported.new)));
            }
        }
        signed.extend(statement(&content, digest, stored).map(|statement| signer.sign(statement)));
        progress.add(carried.octets.into());
    }
    progress.end();
    output.write(&Receipts { medium: manifest.medium, receipts: signed }.encode())?;
    destination.end(imported.new)?;
    Ok(imported)
}

/// The manifest, once it is known that an appliance of this organisation made it for this receiver; and the generation of its secret,
/// where that is newer than what is known.
fn verified(config: &Config, folder: &Folder, keys: &Keys) -> Result<(Manifest, Option<u64>), Error> {
    let fault = |fault| folder.fault(MANIFEST, fault);
    let limit = u32::try_from(MAX_MANIFEST_BYTES).unwrap_or(u32::MAX);
    let signed = Signed::decode(&folder.read(MANIFEST, limit)?).map_err(|e| fault(Fault::Manifest(e)))?;
    let name = signer::verify(config, &signed)?.map_err(fault)?;
    let manifest = Manifest::decode(&signed.manifest).map_err(|e| fault(Fault::Manifest(e)))?;
    if manifest.appliance != name {
        return Err(fault(Fault::Appliance));
    }
    let proved = Trust::at_once(config, async |trust| {
        Ok(trust.check_medium(&manifest.appliance, signed.proof.as_ref(), &signed.manifest).await)
    })?;
    let proved = proved.map_err(|why| fault(Fault::Unproved(why)))?;
    if !may_be_stored(&manifest.regions, config.region.as_deref()) {
        return Err(fault(Fault::Region(manifest.regions.join(", "))));
    }
    if !keys.has(manifest.key) {
        return Err(fault(Fault::Key(manifest.key)));
    }
    Ok((manifest, proved))
}

/// What that is for a medium, and what to do.
fn unproved(why: Unproved) -> &'static str {
    match why {
        Unproved::Missing => {
            "does not prove the appliance's secret: it was written by a program of before, or by somebody who has the certificate alone; bring the appliance up to date and export again, or for what is under way set [enrolment] secrets_required = false while no secret of it is known"
        }
        Unproved::Old => {
            "proves a secret of the appliance that was replaced or revoked since; have the appliance export again, and find out why where it was revoked"
        }
        Unproved::Wrong => {
            "does not prove the appliance's secret: the proof is of another secret, or of another manifest; find out who made it"
        }
        Unproved::Failed => {
            "whether the appliance's secret counts cannot be said now; the log says why, import it again"
        }
    }
}

/// A batch of the bundle.
fn open(folder: &Folder, keys: &Keys, manifest: &Manifest, carried: &Carried) -> Result<Arrived, Error> {
    let name = batch_file(carried.sequence);
    let fault = |fault| folder.fault(&name, fault);
    let octets = folder.read(&name, carried.octets)?;
    if u32::try_from(octets.len()) != Ok(carried.octets) {
        return Err(fault(Fault::Length));
    }
    if digest(&octets) != carried.digest {
        return Err(fault(Fault::Digest));
    }
    let sealed = Sealed::decode(&octets).map_err(|e| fault(Fault::Envelope(e)))?;
    let said = (sealed.id.appliance.as_str(), sealed.id.epoch, sealed.id.sequence, sealed.key);
    if said != (manifest.appliance.as_str(), manifest.epoch, carried.sequence, manifest.key) {
        return Err(fault(Fault::Other));
    }
    let (content, digest) = keys.open_content(&sealed, true).map_err(|e| fault(Fault::Closed(e)))?;
    Ok(Arrived { content: Arc::new(content), digest, sealed: octets.into(), run: None })
}
