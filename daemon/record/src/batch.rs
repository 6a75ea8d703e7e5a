//! A batch: what leaves a site, the same bytes on the wire and on a carried medium.
//!
//! A batch is identified by (appliance, epoch, sequence). The epoch is drawn at random when a
//! store's database is made, so the numbers of a rebuilt store never collide with the old one's;
//! within an epoch sequences start at 1 and have no gaps.

use std::cell::RefCell;

use bytes::Bytes;
use prost::Message;
use sha2::{Digest, Sha256};
use zstd::bulk::Decompressor;

use crate::{Class, Error, Kind, MAX_TEXT, Record, codec, columns};

/// The version in which batches are written: it says its regions and profile. Of versions 1 to 3, which are read, it does not; of
/// versions 1 and 2 records are a set ([`codec`]) and no columns, and a batch of version 1 neither asks to forget nor replaces
/// another.
pub const VERSION: u32 = 4;
const COLUMNS: u32 = 3;
const SET: u32 = 2;
const PLAIN: u32 = 1;
/// Most regions that a batch names.
pub const MAX_REGIONS: usize = 16;
/// Longest name of a region, in octets.
pub const MAX_REGION: usize = 16;
/// Longest name of a profile, in octets.
pub const MAX_PROFILE: usize = 32;
/// Most values that one batch asks to forget.
pub const MAX_FORGET: usize = 1_024;
/// Most earlier contents that one batch replaces.
pub const MAX_REPLACED: usize = 16;
/// Largest encoded batch, in octets.
pub const MAX_BATCH_BYTES: usize = 4 << 20;
/// Longest appliance identifier, in octets.
pub const MAX_APPLIANCE: usize = 64;
/// Most rows in each of the two accounts of a batch.
pub const MAX_ACCOUNT_ROWS: usize = 64;
/// What leaves is written once, at 3 ms for a thousand records: 2 octets of each are worth that.
const COMPRESSION_LEVEL: i32 = 14;

/// What identifies a batch.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BatchId {
    /// The appliance, as its certificate names it: 1 to [`MAX_APPLIANCE`] of `a-z 0-9 - .`.
    pub appliance: String,
    /// The life of one database.
    pub epoch: u64,
    /// Position within the epoch, from 1.
    pub sequence: u64,
}

/// Records that the release gate held back, by reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Withheld {
    /// Kind of the records.
    pub kind: Kind,
    /// Name of the rule or default, for example `randomised-mac`.
    pub reason: String,
    /// How many.
    pub records: u64,
}

/// Records that were lost at the site, by reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Class of the records.
    pub class: Class,
    /// Why, for example `buffer-full`.
    pub reason: String,
    /// How many.
    pub records: u64,
}

/// A batch of minimised records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Which batch.
    pub id: BatchId,
    /// SHA-256 of the effective rules under which it was released.
    pub rules: [u8; 32],
    /// The regions in which it may be stored, as [`is_region`] has them; none: the site does not say.
    pub regions: Vec<String>,
    /// Name of the release profile, or empty where the appliance did not say. Rules for single fields have their way beside it.
    pub profile: String,
    /// The records, minimised.
    pub records: Vec<Record>,
    /// Held back by the release gate since the previous batch.
    pub withheld: Vec<Withheld>,
    /// Lost at the site since the previous batch.
    pub lost: Vec<Lost>,
    /// A tombstone: what identified persons in earlier batches and is to be forgotten, as text as it was released, with all
    /// records of this appliance that hold it; at most [`MAX_FORGET`], each of at most [`MAX_TEXT`] octets.
    pub forget: Vec<String>,
    /// Digests of earlier contents under the same number, of which this one leaves records out and nothing else; at most
    /// [`MAX_REPLACED`].
    pub replaces: Vec<[u8; 32]>,
}

impl Batch {
    /// The bytes that leave. Equal batches give equal bytes.
    ///
    /// # Errors
    /// [`Error::Limit`] when a named limit is exceeded, [`Error::Encoding`] for an unusable appliance identifier.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        check_appliance(&self.id.appliance)?;
        if self.withheld.len().max(self.lost.len()) > MAX_ACCOUNT_ROWS {
            return Err(Error::Limit { what: "batch account", limit: MAX_ACCOUNT_ROWS });
        }
        check_forget(&self.forget)?;
        check_regions(&self.regions)?;
        check_profile(&self.profile)?;
        if self.replaces.len() > MAX_REPLACED {
            return Err(Error::Limit { what: "replaced contents", limit: MAX_REPLACED });
        }
        let body = columns::encode(&self.records)?;
        let body = zstd::bulk::compress(&body, COMPRESSION_LEVEL).map_err(|_| Error::Compression)?;
        let bytes = BatchMessage {
            version: VERSION,
            appliance: self.id.appliance.clone(),
            epoch: self.id.epoch,
            sequence: self.id.sequence,
            rules: self.rules.to_vec(),
            records: u32::try_from(self.records.len()).unwrap_or(u32::MAX),
            withheld: self.withheld.iter().map(|w| row(w.kind.number(), &w.reason, w.records)).collect(),
            lost: self.lost.iter().map(|l| row(l.class.number(), &l.reason, l.records)).collect(),
            forget: self.forget.clone(),
            replaces: self.replaces.iter().map(|digest| digest.to_vec()).collect(),
            regions: self.regions.clone(),
            profile: self.profile.clone(),
            body: body.into(),
        }
        .encode_to_vec();
        if bytes.len() > MAX_BATCH_BYTES {
            return Err(Error::Limit { what: "batch", limit: MAX_BATCH_BYTES });
        }
        Ok(bytes)
    }

    /// Reads a batch from an untrusted peer or medium. The body expands to at most
    /// [`codec::MAX_SET_BYTES`].
    ///
    /// # Errors
    /// What is wrong with the first part that is not valid.
    pub fn decode(bytes: &[u8]) -> Result<Batch, Error> {
        let message = read(Bytes::copy_from_slice(bytes))?;
        let body = expand(&message)?;
        let records = if message.version < COLUMNS { codec::decode(&body)? } else { columns::decode(&body)? };
        counted(&message, records.len())?;
        Ok(Batch { records, ..said(message)? })
    }
}

/// A batch that was read to its last value, without its records: who only keeps it need not make them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outline {
    /// All that it says, but no records.
    pub says: Batch,
    /// How many records it has.
    pub records: u32,
}

impl Outline {
    /// Reads a batch from an untrusted peer as strictly as [`Batch::decode`], in a fraction of its time.
    ///
    /// # Errors
    /// Those of [`Batch::decode`].
    pub fn decode(bytes: &[u8]) -> Result<Outline, Error> {
        Outline::decode_shared(Bytes::copy_from_slice(bytes))
    }

    /// The same of octets that need not be copied for it. Nothing of them is kept.
    ///
    /// # Errors
    /// Those of [`Batch::decode`].
    pub fn decode_shared(bytes: Bytes) -> Result<Outline, Error> {
        let message = read(bytes)?;
        let body = expand(&message)?;
        let records = if message.version < COLUMNS {
            codec::decode(&body)?.len()
        } else {
            columns::Sheet::read(&body)?.records()
        };
        counted(&message, records)?;
        Ok(Outline { records: message.records, says: said(message)? })
    }
}

/// The message, all of it checked but what it becomes in [`said`] and its body.
fn read(bytes: Bytes) -> Result<BatchMessage, Error> {
    if bytes.len() > MAX_BATCH_BYTES {
        return Err(Error::Limit { what: "batch", limit: MAX_BATCH_BYTES });
    }
    let message = BatchMessage::decode(bytes).map_err(|_| Error::Encoding("batch"))?;
    // What an earlier version did not have, a reader of it would pass over.
    let least = if !message.regions.is_empty() || !message.profile.is_empty() {
        VERSION
    } else if !message.forget.is_empty() || !message.replaces.is_empty() {
        SET
    } else {
        PLAIN
    };
    if !(least..=VERSION).contains(&message.version) {
        return Err(Error::Version { message: "batch", found: message.version, expected: VERSION });
    }
    check_appliance(&message.appliance)?;
    if message.sequence == 0 {
        return Err(Error::Missing { message: "batch", part: "sequence" });
    }
    if message.withheld.len().max(message.lost.len()) > MAX_ACCOUNT_ROWS {
        return Err(Error::Limit { what: "batch account", limit: MAX_ACCOUNT_ROWS });
    }
    check_forget(&message.forget)?;
    check_regions(&message.regions)?;
    check_profile(&message.profile)?;
    if message.replaces.len() > MAX_REPLACED {
        return Err(Error::Limit { what: "replaced contents", limit: MAX_REPLACED });
    }
    if message.body.is_empty() {
        return Err(Error::Missing { message: "batch", part: "body" });
    }
    Ok(message)
}

/// The body, in as much memory as its frame says that it takes, where it says so.
fn expand(message: &BatchMessage) -> Result<Vec<u8>, Error> {
    let said = zstd::zstd_safe::get_frame_content_size(&message.body).map_err(|_| Error::Compression)?;
    let octets = said.map_or(Ok(codec::MAX_SET_BYTES), usize::try_from).map_err(|_| Error::Compression)?;
    if octets > codec::MAX_SET_BYTES {
        return Err(Error::Compression);
    }
    // One is kept for each thread: to make it takes a tenth of the time of using it.
    DECOMPRESSOR.with_borrow_mut(|kept| {
        let decompressor = match kept {
            Some(decompressor) => decompressor,
            None => kept.insert(Decompressor::new().map_err(|_| Error::Compression)?),
        };
        decompressor.decompress(&message.body, octets).map_err(|_| Error::Compression)
    })
}

thread_local! {
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

fn counted(message: &BatchMessage, records: usize) -> Result<(), Error> {
    if u32::try_from(records) == Ok(message.records) {
        Ok(())
    } else {
        Err(Error::Contradiction("record count"))
    }
}

/// What a message says beside its records.
fn said(message: BatchMessage) -> Result<Batch, Error> {
    let withheld = message.withheld.into_iter().map(|r| {
        let kind = Kind::from_number(r.of).ok_or(Error::UnknownKind(r.of))?;
        Ok(Withheld { kind, reason: r.reason, records: r.records })
    });
    let lost = message.lost.into_iter().map(|r| {
        let class = Class::from_number(r.of).ok_or(Error::UnknownKind(r.of))?;
        Ok(Lost { class, reason: r.reason, records: r.records })
    });
    let replaces = message.replaces.iter().map(|digest| digest.as_slice().try_into());
    Ok(Batch {
        replaces: replaces.collect::<Result<_, _>>().map_err(|_| Error::Encoding("digest"))?,
        forget: message.forget,
        regions: message.regions,
        profile: message.profile,
        id: BatchId { appliance: message.appliance, epoch: message.epoch, sequence: message.sequence },
        rules: message.rules.as_slice().try_into().map_err(|_| Error::Encoding("rules hash"))?,
        records: Vec::new(),
        withheld: withheld.collect::<Result<_, Error>>()?,
        lost: lost.collect::<Result<_, Error>>()?,
    })
}

/// Which batch these bytes are, without reading its records.
///
/// # Errors
/// [`Error::Encoding`] for what is no batch.
pub fn id_of(encoded: &[u8]) -> Result<BatchId, Error> {
    let message = IdMessage::decode(encoded).map_err(|_| Error::Encoding("batch"))?;
    check_appliance(&message.appliance)?;
    Ok(BatchId { appliance: message.appliance, epoch: message.epoch, sequence: message.sequence })
}

/// The content hash that receipts, the ledger and the receiver use: SHA-256 of the encoded batch.
#[must_use]
pub fn digest(encoded: &[u8]) -> [u8; 32] {
    Sha256::digest(encoded).into()
}

/// Whether `name` can be an appliance identifier: 1 to [`MAX_APPLIANCE`] of `a-z 0-9 - .`.
///
/// # Errors
/// [`Error::Encoding`] when it can not.
pub fn check_appliance(name: &str) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.';
    if name.is_empty() || name.len() > MAX_APPLIANCE || !name.chars().all(allowed) {
        return Err(Error::Encoding("appliance identifier"));
    }
    Ok(())
}

/// Whether a name can be a region's: 1 to [`MAX_REGION`] of `a-z 0-9 -`.
#[must_use]
pub fn is_region(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.len() <= MAX_REGION && name.chars().all(allowed)
}

/// Whether what may be stored in these regions may be stored in that one. A receiver without a region has what is pinned to none.
#[must_use]
pub fn may_be_stored(regions: &[String], region: Option<&str>) -> bool {
    regions.is_empty() || region.is_some_and(|region| regions.iter().any(|allowed| allowed == region))
}

pub(crate) fn check_regions(regions: &[String]) -> Result<(), Error> {
    if regions.len() > MAX_REGIONS {
        return Err(Error::Limit { what: "regions", limit: MAX_REGIONS });
    }
    if regions.iter().all(|region| is_region(region)) { Ok(()) } else { Err(Error::Encoding("region")) }
}

fn check_profile(profile: &str) -> Result<(), Error> {
    let allowed = |c: char| c.is_ascii_lowercase() || c == '-';
    if profile.len() <= MAX_PROFILE && profile.chars().all(allowed) {
        Ok(())
    } else {
        Err(Error::Encoding("profile"))
    }
}

fn check_forget(values: &[String]) -> Result<(), Error> {
    if values.len() > MAX_FORGET {
        return Err(Error::Limit { what: "tombstone", limit: MAX_FORGET });
    }
    let fits = |value: &String| !value.is_empty() && value.len() <= MAX_TEXT;
    if values.iter().all(fits) {
        Ok(())
    } else {
        Err(Error::Limit { what: "tombstone value", limit: MAX_TEXT })
    }
}

fn row(of: u32, reason: &str, records: u64) -> AccountRow {
    AccountRow { of, reason: reason.to_owned(), records }
}

#[derive(Clone, PartialEq, Message)]
struct BatchMessage {
    #[prost(uint32, tag = "1")]
    version: u32,
    #[prost(string, tag = "2")]
    appliance: String,
    #[prost(uint64, tag = "3")]
    epoch: u64,
    #[prost(uint64, tag = "4")]
    sequence: u64,
    #[prost(bytes = "vec", tag = "5")]
    rules: Vec<u8>,
    #[prost(uint32, tag = "6")]
    records: u32,
    #[prost(message, repeated, tag = "7")]
    withheld: Vec<AccountRow>,
    #[prost(message, repeated, tag = "8")]
    lost: Vec<AccountRow>,
    #[prost(string, repeated, tag = "9")]
    forget: Vec<String>,
    #[prost(bytes = "vec", repeated, tag = "10")]
    replaces: Vec<Vec<u8>>,
    #[prost(string, repeated, tag = "11")]
    regions: Vec<String>,
    #[prost(string, tag = "12")]
    profile: String,
    /// Columns, or a record set, zstd.
    #[prost(bytes = "bytes", tag = "15")]
    body: Bytes,
}

/// Of a [`BatchMessage`] which it is.
#[derive(Clone, PartialEq, Message)]
struct IdMessage {
    #[prost(string, tag = "2")]
    appliance: String,
    #[prost(uint64, tag = "3")]
    epoch: u64,
    #[prost(uint64, tag = "4")]
    sequence: u64,
}

#[derive(Clone, PartialEq, Message)]
struct AccountRow {
    #[prost(uint32, tag = "1")]
    of: u32,
    #[prost(string, tag = "2")]
    reason: String,
    #[prost(uint64, tag = "3")]
    records: u64,
}

#[cfg(test)]
mod tests;
