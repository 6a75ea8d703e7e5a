//! Sealing: AES-256-GCM (NIST SP 800-38D) with associated data that names the one place of a value.
//!
//! A sealed value is: format version (1 octet), nonce (12 octets, random), ciphertext, tag (16
//! octets). The version says what the content is: of segments 1 is a set of records, 2 and 3 a block
//! (`block.rs`); of mentions 1 is a list of entries, 2 and 3 of rows (`identity/sweep.rs`); of all else it is 1. Its associated data binds the format, the table, the database, the key, the row and what
//! the row says about the content. A value that was changed, or moved, copied or swapped to another
//! place, does not open. With random nonces a key may seal 2^32 values (SP 800-38D, 8.3); an epoch at
//! a thousand segments a second stays below.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};
use headgate_record::Class;

use crate::Error;
use crate::database::{number, sql};
use crate::keys::KeyPurpose;
use crate::secret::{Secret, scrub};

/// A key made ready for use, on the heap; its schedule is cleared when it is dropped.
pub(crate) struct Cipher(Box<Aes256Gcm>);

/// Which key seals a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyRef {
    /// The data key of a key epoch.
    Epoch(u64),
    /// The key of a sensor's session.
    Session(u64),
}

/// The one place where a sealed value opens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// A row of `segment`.
    Segment { id: u64, class: Class, records: u32, key: KeyRef },
    /// A row of `segment_mention`; before [`BOUND_MENTION`] it was not bound to the last three.
    Mention { segment: u64, key: KeyRef, clock: u64, lived_ms: u64, kinds: &'a [u8] },
    /// The content of a row of `identity`.
    Identity { identity: u64, shared: bool, key: KeyRef },
    /// A row of `tombstone`.
    Tombstone { number: u64, key: KeyRef },
    /// The wrapped key of a row of `identity`.
    SubjectKey { identity: u64, key: KeyRef },
    /// A row of `request`.
    Request { id: [u8; 8], key: KeyRef },
    /// A row of `outbox`.
    Outbox { sequence: u64, records: u64, digest: &'a [u8; 32], key: KeyRef },
    /// What waits in the tail from a slot on; `head` is what its parts say of it.
    Tail { slot: u64, head: &'a [u8] },
    /// A wrapped key: its purpose, and its epoch or session number.
    Key { purpose: KeyPurpose, number: u64 },
}

impl Cipher {
    /// Makes a key ready.
    pub(crate) fn new(key: &Secret) -> Cipher {
        let cipher = Cipher(schedule(key));
        scrub();
        cipher
    }

    /// Seals `content` for its place in the database with this identity.
    ///
    /// # Errors
    /// [`Error::Random`].
    pub(crate) fn seal(
        &self,
        database: &[u8; 16],
        place: Place<'_>,
        content: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|_| Error::Random)?;
        let mut sealed = Vec::with_capacity(1 + NONCE + content.len() + TAG);
        let format = place.format();
        sealed.push(format);
        sealed.extend_from_slice(&nonce);
        sealed.extend_from_slice(content);
        let body = sealed.get_mut(1 + NONCE..).ok_or(Error::Sealed)?;
        let tag = self
            .0
            .encrypt_inout_detached(
                &Nonce::from(nonce),
                &place.associated_data(format, database),
                body.into(),
            )
            .map_err(|_| Error::Sealed);
        scrub();
        sealed.extend_from_slice(&tag?);
        Ok(sealed)
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// [`Error::Sealed`] for anything else.
    pub(crate) fn open(
        &self,
        database: &[u8; 16],
        place: Place<'_>,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let (format, rest) = sealed.split_first().ok_or(Error::Sealed)?;
        let (nonce, rest) = rest.split_first_chunk::<NONCE>().ok_or(Error::Sealed)?;
        if *format == 0 || *format > place.format() {
            return Err(Error::Sealed);
        }
        let mut content = rest.to_vec();
        let opened = self
            .0
            .decrypt_in_place(&Nonce::from(*nonce), &place.associated_data(*format, database), &mut content)
            .map_err(|_| Error::Sealed);
        scrub();
        opened?;
        Ok(content)
    }
}

/// The schedule is made on the stack and moved: in a frame of its own, so that [`scrub`] reaches it.
#[inline(never)]
fn schedule(key: &Secret) -> Box<Aes256Gcm> {
    Box::new(Aes256Gcm::new(key.bytes().into()))
}

impl Place<'_> {
    /// The version in which content for this place is written; earlier ones are read.
    fn format(&self) -> u8 {
        match self {
            Place::Segment { .. } => BLOCK,
            Place::Mention { .. } => BOUND_MENTION,
            _ => FORMAT,
        }
    }

    /// Every part at fixed width behind a name of its own, so that no two places have equal bytes.
    fn associated_data(&self, format: u8, database: &[u8; 16]) -> Vec<u8> {
        let mut data = Vec::with_capacity(128);
        data.extend_from_slice(DOMAIN);
        data.push(format);
        data.extend_from_slice(database);
        match self {
            Place::Segment { id, class, records, key } => {
                data.extend_from_slice(b"segment\0");
                key.bind(&mut data);
                data.extend_from_slice(&id.to_be_bytes());
                data.extend_from_slice(&class.number().to_be_bytes());
                data.extend_from_slice(&records.to_be_bytes());
            }
            Place::Mention { segment, key, clock, lived_ms, kinds } => {
                data.extend_from_slice(b"mention\0");
                key.bind(&mut data);
                data.extend_from_slice(&segment.to_be_bytes());
                if format >= BOUND_MENTION {
                    data.extend_from_slice(&clock.to_be_bytes());
                    data.extend_from_slice(&lived_ms.to_be_bytes());
                    // The last part may have any length.
                    data.extend_from_slice(kinds);
                }
            }
            Place::Tombstone { number, key } => {
                data.extend_from_slice(b"tombston");
                key.bind(&mut data);
                data.extend_from_slice(&number.to_be_bytes());
            }
            Place::Identity { identity, shared, key } => {
                data.extend_from_slice(b"identity");
                key.bind(&mut data);
                data.extend_from_slice(&identity.to_be_bytes());
                data.push(u8::from(*shared));
            }
            Place::SubjectKey { identity, key } => {
                data.extend_from_slice(b"subject\0");
                key.bind(&mut data);
                data.extend_from_slice(&identity.to_be_bytes());
            }
            Place::Request { id, key } => {
                data.extend_from_slice(b"request\0");
                key.bind(&mut data);
                data.extend_from_slice(id);
            }
            Place::Outbox { sequence, records, digest, key } => {
                data.extend_from_slice(b"outbox\0\0");
                key.bind(&mut data);
                data.extend_from_slice(&sequence.to_be_bytes());
                data.extend_from_slice(&records.to_be_bytes());
                data.extend_from_slice(digest.as_slice());
            }
            Place::Tail { slot, head } => {
                data.extend_from_slice(b"tail\0\0\0\0");
                data.extend_from_slice(&slot.to_be_bytes());
                // The last part may have any length.
                data.extend_from_slice(head);
            }
            Place::Key { purpose, number } => {
                data.extend_from_slice(b"key\0\0\0\0\0");
                data.extend_from_slice(&purpose.number().to_be_bytes());
                data.extend_from_slice(&number.to_be_bytes());
            }
        }
        data
    }
}

impl KeyRef {
    /// The key that the columns `epoch` and `session` of a row name; one of them is NULL.
    pub(crate) fn from_columns(epoch: Option<i64>, session: Option<i64>) -> KeyRef {
        session.map_or_else(
            || KeyRef::Epoch(epoch.map(number).unwrap_or_default()),
            |session| KeyRef::Session(number(session)),
        )
    }

    /// What the columns `epoch` and `session` of a row say.
    pub(crate) fn columns(self) -> (Option<i64>, Option<i64>) {
        match self {
            KeyRef::Epoch(epoch) => (Some(sql(epoch)), None),
            KeyRef::Session(session) => (None, Some(sql(session))),
        }
    }

    /// Adds octets that tell it from every other one.
    pub(crate) fn bind(self, data: &mut Vec<u8>) {
        let (kind, number) = match self {
            KeyRef::Epoch(number) => (b'e', number),
            KeyRef::Session(number) => (b's', number),
        };
        data.push(kind);
        data.extend_from_slice(&number.to_be_bytes());
    }
}

/// Version of segments whose records stand in columns and say not who they are about.
pub(crate) const BLOCK: u8 = 3;
/// Version of segments whose records are a set and say not who they are about.
pub(crate) const SET_BLOCK: u8 = 2;
/// Version of mentions that are bound to all columns of their row.
pub(crate) const BOUND_MENTION: u8 = 3;
/// Version of mentions that name rows, and not their entries.
pub(crate) const MENTIONED_ROWS: u8 = 2;
/// Octets by which a sealed value is longer than its content.
pub(crate) const OVERHEAD: usize = 1 + NONCE + TAG;
const FORMAT: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;
const DOMAIN: &[u8] = b"headgate store sealed\0";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn place(id: u64) -> Place<'static> {
        Place::Segment { id, class: Class::State, records: 3, key: KeyRef::Epoch(1) }
    }

    #[test]
    fn a_sealed_value_opens_in_no_other_place() {
        let cipher = Cipher::new(&Secret::random().unwrap());
        let sealed = cipher.seal(&[1; 16], place(5), b"content").unwrap();
        assert_eq!(cipher.open(&[1; 16], place(5), &sealed).unwrap(), b"content");
        let others = [
            place(6),
            Place::Segment { id: 5, class: Class::Bulk, records: 3, key: KeyRef::Epoch(1) },
            Place::Segment { id: 5, class: Class::State, records: 4, key: KeyRef::Epoch(1) },
            Place::Segment { id: 5, class: Class::State, records: 3, key: KeyRef::Epoch(2) },
            Place::Segment { id: 5, class: Class::State, records: 3, key: KeyRef::Session(1) },
            Place::Outbox { sequence: 5, records: 3, digest: &[0; 32], key: KeyRef::Epoch(1) },
            Place::Mention { segment: 5, key: KeyRef::Epoch(1), clock: 0, lived_ms: 0, kinds: &[] },
            Place::Identity { identity: 5, shared: false, key: KeyRef::Epoch(1) },
            Place::SubjectKey { identity: 5, key: KeyRef::Epoch(1) },
            Place::Tail { slot: 5, head: &[] },
        ];
        for other in others {
            assert!(cipher.open(&[1; 16], other, &sealed).is_err(), "{other:?}");
        }
        assert!(cipher.open(&[2; 16], place(5), &sealed).is_err(), "another database");
        assert!(
            Cipher::new(&Secret::random().unwrap()).open(&[1; 16], place(5), &sealed).is_err(),
            "another key"
        );
    }

    proptest! {
        #[test]
        fn a_changed_or_cut_value_does_not_open(at in 0usize..64, bit in 0u8..8) {
            let cipher = Cipher::new(&Secret::random().unwrap());
            let sealed = cipher.seal(&[1; 16], place(5), &[7; 35]).unwrap();
            prop_assert_eq!(sealed.len(), 64);
            prop_assert!(cipher.open(&[1; 16], place(5), &sealed[..at]).is_err());
            let mut changed = sealed;
            changed[at] ^= 1 << bit;
            prop_assert!(cipher.open(&[1; 16], place(5), &changed).is_err());
        }
    }
}
