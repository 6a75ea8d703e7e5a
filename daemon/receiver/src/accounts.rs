//! How many requests ended how. What clients do wrong is counted, and logged at most once a minute.

use std::sync::atomic::{AtomicU64, Ordering};

/// How a request or a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// A batch was stored.
    Stored,
    /// A batch that was stored before came again.
    Repeated,
    /// No handshake: no certificate, one of another authority, an expired one, or no TLS 1.3.
    Handshake,
    /// The request or its batch was malformed, too large or too slow.
    Malformed,
    /// The batch named another appliance than the certificate did.
    Foreign,
    /// The request came without proof of the appliance's secret.
    Unproved,
    /// The batch may not be stored in this region.
    Region,
    /// Another batch was stored under the same identity.
    Conflict,
    /// The batch could not be stored; the client keeps it.
    Unstored,
}

/// A counter for each [`Outcome`].
#[derive(Debug, Default)]
pub struct Accounts {
    counters: [AtomicU64; Outcome::ALL.len()],
    octets: AtomicU64,
}

impl Accounts {
    /// One more.
    pub fn count(&self, outcome: Outcome) {
        for (counter, of) in self.counters.iter().zip(Outcome::ALL) {
            if of == outcome {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// A body of so many octets arrived whole.
    pub fn count_octets(&self, octets: usize) {
        self.octets.fetch_add(u64::try_from(octets).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Octets of the bodies that arrived whole.
    pub fn octets(&self) -> u64 {
        self.octets.load(Ordering::Relaxed)
    }

    /// How many ended so.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.rows().filter(|(of, _)| *of == outcome).map(|(_, n)| n).sum()
    }

    /// How many were refused so far.
    pub fn refused(&self) -> u64 {
        self.rows().filter(|(of, _)| !matches!(of, Outcome::Stored | Outcome::Repeated)).map(|(_, n)| n).sum()
    }

    /// All that is not zero, in one line.
    pub fn line(&self) -> String {
        let rows: Vec<_> =
            self.rows().filter(|(_, n)| *n > 0).map(|(of, n)| format!("{n} {}", of.name())).collect();
        if rows.is_empty() { "no batch yet".into() } else { rows.join(", ") }
    }

    fn rows(&self) -> impl Iterator<Item = (Outcome, u64)> {
        Outcome::ALL.into_iter().zip(self.counters.iter().map(|c| c.load(Ordering::Relaxed)))
    }
}

impl Outcome {
    const ALL: [Outcome; 9] = [
        Outcome::Stored,
        Outcome::Repeated,
        Outcome::Handshake,
        Outcome::Malformed,
        Outcome::Foreign,
        Outcome::Unproved,
        Outcome::Region,
        Outcome::Conflict,
        Outcome::Unstored,
    ];

    fn name(self) -> &'static str {
        match self {
            Outcome::Stored => "stored",
            Outcome::Repeated => "repeated",
            Outcome::Handshake => "refused at the handshake",
            Outcome::Malformed => "refused as malformed",
            Outcome::Foreign => "refused as another appliance's",
            Outcome::Unproved => "refused without the appliance's secret",
            Outcome::Region => "refused as of another region",
            Outcome::Conflict => "refused as in conflict",
            Outcome::Unstored => "not stored",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_outcome_has_its_own_counter() {
        let accounts = Accounts::default();
        assert_eq!(accounts.line(), "no batch yet");
        accounts.count(Outcome::Stored);
        accounts.count(Outcome::Conflict);
        accounts.count(Outcome::Conflict);
        assert_eq!(accounts.line(), "1 stored, 2 refused as in conflict");
        assert_eq!(accounts.refused(), 2);
    }
}
