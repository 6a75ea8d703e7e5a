//! A token: one line that an administrator carries to an appliance, good for one enrolment.

use std::fmt;

use prost::Message;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use crate::batch::{check_appliance, is_region};
use crate::{Error, ledger};

/// Longest token, octets of its text.
pub const MAX_TOKEN_BYTES: usize = 1_024;
/// Length of a token's secret.
pub const TOKEN_SECRET_OCTETS: usize = 32;
const PREFIX: &str = "hg1-";
const HASH_DOMAIN: &[u8] = b"headgate enrolment token v1\0";
const CHECK_DOMAIN: &[u8] = b"headgate token text v1\0";
const CHECK_OCTETS: usize = 4;
const MAX_ADDRESS: usize = 261;

/// What a token says. No `Debug`, no `Clone`: it holds a secret, which is cleared when it is dropped.
pub struct Token {
    /// Where the receiver takes enrolments, `host:port`.
    pub address: String,
    /// SHA-256 of the certificate (DER) of the authority that the receiver's certificate must come from.
    pub authority: [u8; 32],
    /// The appliance that may enrol with it, and no other.
    pub appliance: String,
    /// The region that the receiver's certificate must name; empty for a receiver that says none.
    pub region: String,
    /// Until when it is good, seconds since 1970, by the receiver's clock.
    pub expires: u64,
    /// Which token it is.
    pub id: [u8; 16],
    /// What the receiver keeps no more of than [`token_hash`].
    pub secret: Zeroizing<[u8; TOKEN_SECRET_OCTETS]>,
}

/// What the receiver keeps of a token: SHA-256 over a domain separator, its identity and its secret.
#[must_use]
pub fn token_hash(id: &[u8; 16], secret: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(HASH_DOMAIN).chain_update(id).chain_update(secret).finalize().into()
}

impl Token {
    /// The line: `hg1-` and hexadecimal digits of the message and of its check, so that one that was not copied whole is noticed.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let message = TokenMessage {
            address: self.address.clone(),
            authority: self.authority.to_vec(),
            appliance: self.appliance.clone(),
            region: self.region.clone(),
            expires: self.expires,
            id: self.id.to_vec(),
            secret: self.secret.to_vec(),
        };
        let octets = Zeroizing::new(message.encode_to_vec());
        let digits = Zeroizing::new(ledger::hex(&octets));
        Zeroizing::new([PREFIX, &digits, &ledger::hex(&check(&octets))].concat())
    }

    /// Reads a line; blanks around it and line ends within it do not count.
    ///
    /// # Errors
    /// [`Error::Encoding`] for what is no token or not a whole one.
    pub fn from_text(text: &str) -> Result<Token, Error> {
        let bad = || Error::Encoding("token");
        if text.len() > MAX_TOKEN_BYTES {
            return Err(Error::Limit { what: "token", limit: MAX_TOKEN_BYTES });
        }
        let text: Zeroizing<String> = Zeroizing::new(text.split_ascii_whitespace().collect());
        let digits = text.strip_prefix(PREFIX).ok_or_else(bad)?;
        let octets = Zeroizing::new(unhex(digits).ok_or_else(bad)?);
        let (octets, said) = octets.split_last_chunk::<CHECK_OCTETS>().ok_or_else(bad)?;
        if check(octets) != *said {
            return Err(bad());
        }
        let message = TokenMessage::decode(octets).map_err(|_| bad())?;
        check_appliance(&message.appliance)?;
        let is_good =
            message.address.len() <= MAX_ADDRESS && (message.region.is_empty() || is_region(&message.region));
        if !is_good {
            return Err(bad());
        }
        Ok(Token {
            address: message.address.clone(),
            authority: message.authority.as_slice().try_into().map_err(|_| bad())?,
            appliance: message.appliance.clone(),
            region: message.region.clone(),
            expires: message.expires,
            id: message.id.as_slice().try_into().map_err(|_| bad())?,
            secret: Zeroizing::new(message.secret.as_slice().try_into().map_err(|_| bad())?),
        })
    }
}

fn check(octets: &[u8]) -> [u8; CHECK_OCTETS] {
    let [a, b, c, d, ..]: [u8; 32] =
        Sha256::new().chain_update(CHECK_DOMAIN).chain_update(octets).finalize().into();
    [a, b, c, d]
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    // One spelling, and no sign that `from_str_radix` would take.
    if !digits.len().is_multiple_of(2)
        || !digits.bytes().all(|d| d.is_ascii_digit() || matches!(d, b'a'..=b'f'))
    {
        return None;
    }
    let pairs = digits.as_bytes().chunks_exact(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
struct TokenMessage {
    #[prost(string, tag = "1")]
    address: String,
    #[prost(bytes = "vec", tag = "2")]
    authority: Vec<u8>,
    #[prost(string, tag = "3")]
    appliance: String,
    #[prost(string, tag = "4")]
    region: String,
    #[prost(uint64, tag = "5")]
    expires: u64,
    #[prost(bytes = "vec", tag = "6")]
    id: Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    secret: Vec<u8>,
}

impl fmt::Debug for TokenMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenMessage")
    }
}

impl Drop for TokenMessage {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Token {
        Token {
            address: "collector.example:8444".into(),
            authority: [1; 32],
            appliance: "site-1".into(),
            region: "eu".into(),
            expires: 9,
            id: [2; 16],
            secret: Zeroizing::new([3; 32]),
        }
    }

    #[test]
    fn a_token_survives_its_line_and_being_broken_over_lines() {
        let text = sample().to_text();
        let (first, rest) = text.split_at(40);
        for text in [text.to_string(), format!("  {first}\n{rest}\r\n")] {
            let read = Token::from_text(&text).unwrap();
            assert_eq!(
                (read.address.as_str(), read.authority, read.appliance.as_str()),
                ("collector.example:8444", [1; 32], "site-1")
            );
            assert_eq!(
                (read.region.as_str(), read.expires, read.id, *read.secret),
                ("eu", 9, [2; 16], [3; 32])
            );
        }
    }

    #[test]
    fn a_token_that_was_not_copied_whole_is_none() {
        let text = sample().to_text();
        for cut in 0..text.len() {
            assert!(Token::from_text(&text[..cut]).is_err(), "cut at {cut}");
        }
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
            assert!(Token::from_text(std::str::from_utf8(&changed).unwrap()).is_err(), "changed at {at}");
        }
        assert!(Token::from_text(&"a".repeat(MAX_TOKEN_BYTES + 1)).is_err());
    }

    #[test]
    fn what_is_kept_of_a_token_tells_tokens_apart() {
        let hashes =
            [token_hash(&[2; 16], &[3; 32]), token_hash(&[3; 16], &[3; 32]), token_hash(&[2; 16], &[4; 32])];
        assert!(hashes[0] != hashes[1] && hashes[0] != hashes[2] && hashes[1] != hashes[2]);
    }
}
