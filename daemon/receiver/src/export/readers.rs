//! Who may read what a receiver holds, and what of it.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use headgate_record::batch::{check_appliance, digest};

use crate::engine::now_ms;

/// All readers; one document, kept with the batches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Readers {
    /// At most 256, each name once.
    pub readers: Vec<Reader>,
}

/// One reader. The token itself is nowhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reader {
    /// 1 to 64 of `a-z 0-9 - .`.
    pub name: String,
    /// Which appliances' batches.
    pub scope: Scope,
    /// Whether opened; else as they are sealed.
    pub records: bool,
    /// Until when, milliseconds since 1970.
    pub until_ms: u64,
    /// SHA-256 of the token, hexadecimal.
    token: String,
}

/// Which appliances.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Scope {
    /// The organisation's.
    Organisation,
    /// Those with one of these names; `*.NAME` is all whose name ends with `.NAME`. At most 64.
    Sites(Vec<String>),
}

/// Why a grant is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ungranted {
    /// Of a reader's name.
    #[error("a reader's name is 1 to 64 of a-z 0-9 - .")]
    Name,
    /// Of a site's name.
    #[error("a site is an appliance's name, or *. and the end of names; at most {MAX_SITES}")]
    Site,
    /// One of this name is there.
    #[error("there is a reader of this name; revoke it first")]
    Known,
    /// There are enough.
    #[error("there are {MAX_READERS} readers already")]
    Full,
    /// The system gave no randomness.
    #[error("the system gives no randomness")]
    Random,
}

impl Readers {
    /// Adds a reader; gives the token, which is not kept.
    ///
    /// # Errors
    /// Why not; then nothing has changed.
    pub fn grant(&mut self, name: &str, scope: Scope, records: bool, days: u32) -> Result<String, Ungranted> {
        check_appliance(name).map_err(|_| Ungranted::Name)?;
        if let Scope::Sites(sites) = &scope {
            let is_good = |site: &String| check_appliance(site.strip_prefix("*.").unwrap_or(site)).is_ok();
            if !(1..=MAX_SITES).contains(&sites.len()) || !sites.iter().all(is_good) {
                return Err(Ungranted::Site);
            }
        }
        if self.readers.iter().any(|reader| reader.name == name) {
            return Err(Ungranted::Known);
        }
        if self.readers.len() >= MAX_READERS {
            return Err(Ungranted::Full);
        }
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|_| Ungranted::Random)?;
        let token = format!("{TOKEN}{}", hex::encode(secret));
        let until_ms = now_ms().saturating_add(u64::from(days).saturating_mul(MS_OF_DAY));
        let hashed = hex::encode(digest(token.as_bytes()));
        self.readers.push(Reader { name: name.to_owned(), scope, records, until_ms, token: hashed });
        Ok(token)
    }

    /// Takes a reader out. Whether there was one.
    pub fn revoke(&mut self, name: &str) -> bool {
        let before = self.readers.len();
        self.readers.retain(|reader| reader.name != name);
        self.readers.len() < before
    }

    /// Whose token this is, if its time is not over.
    pub fn find(&self, token: &str) -> Option<&Reader> {
        let hashed = hex::encode(digest(token.as_bytes()));
        self.readers.iter().find(|reader| reader.token == hashed && reader.until_ms > now_ms())
    }
}

impl Reader {
    /// For people.
    pub fn to_text(&self) -> String {
        let form = if self.records { "opened" } else { "sealed" };
        format!("{:<20} {form:<7} until {}  {}", self.name, self.until(), self.scope)
    }

    /// For programs.
    pub fn to_json(&self) -> String {
        json!({"name": self.name, "scope": self.scope, "records": self.records, "until": self.until().to_json()})
            .to_string()
    }

    fn until(&self) -> headgate_record::Value {
        headgate_record::Value::Time(self.until_ms.saturating_mul(1_000_000))
    }
}

impl Scope {
    /// Whether an appliance's batches are among them.
    pub fn has(&self, appliance: &str) -> bool {
        match self {
            Scope::Organisation => true,
            Scope::Sites(sites) => sites.iter().any(|site| match site.strip_prefix('*') {
                Some(end) => appliance.ends_with(end),
                None => appliance == site,
            }),
        }
    }

    /// The one appliance, where it is one.
    pub fn only(&self) -> Option<&str> {
        match self {
            Scope::Sites(sites) if sites.len() == 1 => {
                sites.first().filter(|s| !s.starts_with('*')).map(String::as_str)
            }
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Organisation => f.write_str("the organisation"),
            Scope::Sites(sites) => f.write_str(&sites.join(", ")),
        }
    }
}

/// Most readers.
pub const MAX_READERS: usize = 256;
/// Most sites of one.
pub const MAX_SITES: usize = 64;
const TOKEN: &str = "hgr_";
const MS_OF_DAY: u64 = 86_400_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_finds_its_reader_until_its_time_is_over_or_it_is_revoked() {
        let mut readers = Readers::default();
        let sites = Scope::Sites(vec!["site-1".into(), "*.north.example".into()]);
        let token = readers.grant("north", sites, false, 9).unwrap();
        let over = readers.grant("over", Scope::Organisation, true, 0).unwrap();
        assert_eq!(readers.grant("north", Scope::Organisation, true, 9), Err(Ungranted::Known));
        assert_eq!(readers.find(&over), None);
        let scope = &readers.find(&token).unwrap().scope;
        for (name, is_in) in [
            ("site-1", true),
            ("site-11", false),
            ("a.north.example", true),
            ("north.example", false),
            ("xnorth.example", false),
        ] {
            assert_eq!(scope.has(name), is_in, "{name}");
        }
        let document = serde_json::to_string(&readers).unwrap();
        assert!(!document.contains(&token[4..]), "only its hash");
        assert_eq!(serde_json::from_str::<Readers>(&document).unwrap(), readers);
        assert!(readers.revoke("north") && !readers.revoke("north"));
        assert_eq!(readers.find(&token), None);
    }

    #[test]
    fn a_grant_that_names_nothing_real_is_refused() {
        let mut readers = Readers::default();
        assert_eq!(readers.grant("North", Scope::Organisation, true, 9), Err(Ungranted::Name));
        for sites in [vec![], vec!["*".to_owned()], vec!["*north".into()], vec!["x".into(); 65]] {
            assert_eq!(readers.grant("n", Scope::Sites(sites), true, 9), Err(Ungranted::Site));
        }
        assert_eq!(readers, Readers::default());
    }
}
