//! The ledger as it is read and verified: a chain of hashes, signed by the store that wrote it.
//!
//! Entry `n` has the hash SHA-256(domain ‖ hash of entry n-1 ‖ n ‖ time ‖ length of event ‖ event ‖ detail); the first follows
//! [`origin`], and where older entries have left, the first that is kept follows the header's anchor. The store signs
//! (Ed25519) the last entry of every transaction, and apart from it which entry is the last of all. So a change is found
//! where it was made or at the next signature, a removal where an entry is missing, and a removal at the end by the header.
//! Signing and verifying signatures are the store's and the command's.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The version of the exported form.
pub const VERSION: u32 = 1;
/// Longest line of an exported ledger, octets: one entry.
pub const MAX_LINE: usize = 16 << 10;
/// Most entries in one answer of the store: none of them has more than some 3,000 octets.
pub const MAX_PAGE: usize = 1_024;
const DOMAIN: &[u8] = b"headgate ledger v1\0";
const SIGNED_ENTRY: &[u8] = b"headgate ledger entry v1\0";
const SIGNED_HEAD: &[u8] = b"headgate ledger head v1\0";

/// What an exported ledger begins with. Octets are in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`VERSION`].
    pub version: u32,
    /// Identity of the database, 16 octets.
    pub database: String,
    /// Number of the last entry that has left, 0 for none.
    pub pruned: u64,
    /// Hash that the first entry follows.
    pub anchor: String,
    /// Number of the last entry.
    pub last: u64,
    /// Signature of [`head_bytes`]; empty in a store that has signed none.
    pub signature: String,
}

/// One entry. Octets are in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// From 1 without gaps.
    pub number: u64,
    /// When it was written, milliseconds since 1970 by the store's wall clock.
    pub at_ms: u64,
    /// What happened.
    pub event: String,
    /// The particulars, JSON, as they were hashed.
    pub detail: String,
    /// The entry's hash.
    pub hash: String,
    /// Signature of [`entry_bytes`], where this entry was the last of its transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// Where a ledger is not as it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("entry {number}: {why}")]
pub struct Broken {
    /// Number of the entry.
    pub number: u64,
    /// What is wrong with it.
    pub why: &'static str,
}

/// A ledger that is verified entry by entry.
pub struct Chain<'a> {
    header: &'a Header,
    previous: Vec<u8>,
    expected: u64,
    signed: u64,
    verify: &'a dyn Fn(&[u8], &[u8; 64]) -> bool,
}

impl<'a> Chain<'a> {
    /// Begins with the header; `verify` says whether the store's key signed these octets.
    ///
    /// # Errors
    /// [`Broken`] for a header that no store writes.
    pub fn new(header: &'a Header, verify: &'a dyn Fn(&[u8], &[u8; 64]) -> bool) -> Result<Self, Broken> {
        let broken = |why| Broken { number: header.pruned, why };
        if header.version != VERSION {
            return Err(broken("the header is of another version"));
        }
        let database = octets::<16>(&header.database).ok_or(broken("the header names no database"))?;
        let anchor = octets::<32>(&header.anchor).ok_or(broken("the header has no anchor"))?;
        if header.pruned == 0 && anchor != origin(&database) {
            return Err(broken("the header has another anchor than this database"));
        }
        let expected = header.pruned.saturating_add(1);
        Ok(Chain { header, previous: anchor.to_vec(), expected, signed: 0, verify })
    }

    /// Verifies the next entry.
    ///
    /// # Errors
    /// [`Broken`] with the number of the entry that is not there, or not as it was written.
    pub fn next(&mut self, entry: &Entry) -> Result<(), Broken> {
        let broken = |number, why| Err(Broken { number, why });
        if entry.number != self.expected {
            return broken(self.expected, "it is missing");
        }
        let computed = hash(&self.previous, entry.number, entry.at_ms, &entry.event, &entry.detail);
        if octets::<32>(&entry.hash) != Some(computed) {
            return broken(entry.number, "it, or the one before, was changed");
        }
        if let Some(signature) = &entry.signature {
            let signed = entry_bytes(&self.header.database, entry.number, &entry.hash);
            if !octets(signature).is_some_and(|signature| (self.verify)(&signed, &signature)) {
                return broken(entry.number, "its signature is not the store's");
            }
            self.signed = entry.number;
        }
        self.previous = computed.to_vec();
        self.expected = self.expected.saturating_add(1);
        Ok(())
    }

    /// Number of the entry that is next.
    #[must_use]
    pub fn expected(&self) -> u64 {
        self.expected
    }

    /// Verifies that no entry is missing at the end. Gives how many there are, and the last that is signed by itself.
    ///
    /// # Errors
    /// [`Broken`] with the number of the first that is missing, or of the last where the header is not the store's.
    pub fn end(self) -> Result<(u64, u64), Broken> {
        if self.expected != self.header.last.saturating_add(1) {
            return Err(Broken { number: self.expected, why: "it is missing, and so is all behind it" });
        }
        let last = self.header.last;
        let signed = head_bytes(&self.header.database, self.header.pruned, last, &hex(&self.previous));
        if !octets(&self.header.signature).is_some_and(|signature| (self.verify)(&signed, &signature)) {
            return Err(Broken { number: last, why: "that it is the last is not signed by the store" });
        }
        Ok((last.saturating_sub(self.header.pruned), self.signed))
    }
}

/// What the first entry of a database follows.
#[must_use]
pub fn origin(database: &[u8; 16]) -> [u8; 32] {
    Sha256::new().chain_update(DOMAIN).chain_update(database).finalize().into()
}

/// The hash of an entry.
#[must_use]
pub fn hash(previous: &[u8], number: u64, at_ms: u64, event: &str, detail: &str) -> [u8; 32] {
    let length = u32::try_from(event.len()).unwrap_or(u32::MAX);
    Sha256::new()
        .chain_update(DOMAIN)
        .chain_update(previous)
        .chain_update(number.to_be_bytes())
        .chain_update(at_ms.to_be_bytes())
        .chain_update(length.to_be_bytes())
        .chain_update(event)
        .chain_update(detail)
        .finalize()
        .into()
}

/// What is signed of an entry: database and hash are in hexadecimal.
#[must_use]
pub fn entry_bytes(database: &str, number: u64, hash: &str) -> Vec<u8> {
    signed_bytes(SIGNED_ENTRY, database, &[number], hash)
}

/// What is signed to say which entry is the last that has left, and which is the last of all.
#[must_use]
pub fn head_bytes(database: &str, pruned: u64, last: u64, hash: &str) -> Vec<u8> {
    signed_bytes(SIGNED_HEAD, database, &[pruned, last], hash)
}

/// Each part is of one length in its domain, or behind a separator that it cannot hold.
fn signed_bytes(domain: &[u8], database: &str, numbers: &[u64], hash: &str) -> Vec<u8> {
    let mut bytes = domain.to_vec();
    bytes.extend_from_slice(database.as_bytes());
    bytes.push(0);
    numbers.iter().for_each(|number| bytes.extend_from_slice(&number.to_be_bytes()));
    bytes.extend_from_slice(hash.as_bytes());
    bytes
}

/// Octets in hexadecimal, lower case.
#[must_use]
pub fn hex(octets: &[u8]) -> String {
    use std::fmt::Write;
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// Octets from hexadecimal digits in lower case; nothing for another length or spelling.
#[must_use]
pub fn octets<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut found = [0; N];
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    for (octet, digits) in found.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *octet = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    // One spelling, so that equal entries are equal texts.
    (hex(&found) == text).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A signature that anyone can make, of the right shape.
    fn sign(bytes: &[u8]) -> [u8; 64] {
        let half: [u8; 32] = Sha256::digest(bytes).into();
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&half);
        signature
    }

    fn ledger(pruned: u64) -> (Header, Vec<Entry>) {
        let database = [7; 16];
        let anchor = if pruned == 0 { origin(&database) } else { [9; 32] };
        let (mut previous, mut entries) = (anchor, Vec::new());
        for number in pruned + 1..=pruned + 6 {
            let (event, detail) = ("rules".to_owned(), format!("{{\"n\":{number}}}"));
            previous = hash(&previous, number, 5, &event, &detail);
            let hash = hex(&previous);
            let signature =
                (number % 2 == 0).then(|| hex(&sign(&entry_bytes(&hex(&database), number, &hash))));
            entries.push(Entry { number, at_ms: 5, event, detail, hash, signature });
        }
        let signature = hex(&sign(&head_bytes(&hex(&database), pruned, pruned + 6, &hex(&previous))));
        let database = hex(&database);
        (Header { version: 1, database, pruned, anchor: hex(&anchor), last: pruned + 6, signature }, entries)
    }

    fn verify(header: &Header, entries: &[Entry]) -> Result<(u64, u64), Broken> {
        let key = |bytes: &[u8], signature: &[u8; 64]| sign(bytes) == *signature;
        let mut chain = Chain::new(header, &key)?;
        entries.iter().try_for_each(|entry| chain.next(entry))?;
        chain.end()
    }

    #[test]
    fn a_whole_ledger_is_whole() {
        for pruned in [0, 40] {
            let (header, entries) = ledger(pruned);
            assert_eq!(verify(&header, &entries), Ok((6, pruned + 6)));
        }
    }

    #[test]
    fn every_removal_and_every_exchange_of_two_is_found_in_its_place() {
        for pruned in [0, 40] {
            let (header, entries) = ledger(pruned);
            for at in 0..entries.len() {
                let mut removed = entries.clone();
                let number = removed.remove(at).number;
                assert_eq!(verify(&header, &removed).unwrap_err().number, number);
                for other in at + 1..entries.len() {
                    let mut exchanged = entries.clone();
                    exchanged.swap(at, other);
                    assert_eq!(verify(&header, &exchanged).unwrap_err().number, number);
                }
            }
        }
    }

    #[test]
    fn every_change_is_found_in_its_place() {
        let (header, entries) = ledger(0);
        let changes: [&dyn Fn(&mut Entry); 5] = [
            &|e| e.at_ms += 1,
            &|e| e.event.push('x'),
            &|e| e.detail.push(' '),
            &|e| e.hash.replace_range(..1, if e.hash.starts_with('a') { "b" } else { "a" }),
            &|e| e.signature = Some("00".repeat(64)),
        ];
        for at in 0..entries.len() {
            for change in changes {
                let mut changed = entries.clone();
                change(&mut changed[at]);
                assert_eq!(verify(&header, &changed).unwrap_err().number, entries[at].number);
            }
        }
    }

    /// Whoever has no key can compute hashes again, but finds a signature at the next signed entry, or at the end.
    #[test]
    fn a_chain_that_was_computed_again_is_found_at_the_next_signature() {
        let (header, entries) = ledger(0);
        for at in 0..entries.len() {
            let mut forged = entries.clone();
            forged[at].detail = "{}".into();
            let mut previous = origin(&[7; 16]);
            for entry in &mut forged {
                previous = hash(&previous, entry.number, entry.at_ms, &entry.event, &entry.detail);
                entry.hash = hex(&previous);
            }
            let next_signed = entries[at].number.div_ceil(2) * 2;
            assert_eq!(verify(&header, &forged).unwrap_err().number, next_signed);
            forged.iter_mut().for_each(|entry| entry.signature = None);
            assert_eq!(verify(&header, &forged).unwrap_err().number, 6, "the end is not signed");
        }
    }

    #[test]
    fn a_shortened_ledger_with_a_changed_header_is_found() {
        let (mut header, mut entries) = ledger(0);
        entries.truncate(4);
        header.last = 4;
        assert_eq!(verify(&header, &entries).unwrap_err().number, 4);
        let (mut header, entries) = ledger(0);
        header.pruned = 2;
        header.anchor = entries[1].hash.clone();
        assert_eq!(verify(&header, &entries[2..]).unwrap_err().number, 6, "nor is the beginning");
    }
}
