//! `fingerprints.toml`: what a device is, from what its DHCP client asks for and says of itself.
//!
//! A rule names conditions, all of which must hold, and what follows from them. The rules are tried in
//! order; the first that holds and says a thing decides that thing. Nothing but a request is looked at:
//! the answers of servers are rarely seen and say nothing of the client.

use serde::Deserialize;
use toml::Spanned;

use crate::error::RuleError;

/// Most rules of a set, over all its files.
pub const MAX_FINGERPRINTS: usize = 1_024;
/// Longest text and longest list of a rule: what an option of one instance can hold.
pub const MAX_PATTERN: usize = 255;
/// Longest name of a class or kind.
pub const MAX_CLASS: usize = 32;

/// What a DHCP client says, as far as rules look at it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    /// DHCPv4 option 60 (RFC 2132, 9.13).
    pub vendor_class: Option<String>,
    /// DHCPv4 option 55 (RFC 2132, 9.8), in the client's order; empty where it was not sent.
    pub parameters: Vec<u8>,
    /// User classes: DHCPv4 option 77 (RFC 3004), DHCPv6 option 15 (RFC 8415, 21.15).
    pub user_classes: Vec<String>,
    /// Client architectures: DHCPv4 option 93 (RFC 4578), DHCPv6 option 61 (RFC 5970, 3.3).
    pub architectures: Vec<u16>,
    /// DHCPv6 option 6 (RFC 8415, 21.7), in the client's order; empty where it was not sent.
    pub requests: Vec<u16>,
    /// Enterprises of vendor classes: DHCPv4 option 124 (RFC 3925), DHCPv6 option 16 (RFC 8415, 21.16).
    pub enterprises: Vec<u32>,
    /// Enterprise of a DUID-EN (RFC 8415, 11.3).
    pub duid_enterprise: Option<u32>,
}

/// What rules say of a device.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its operating system's class.
    pub os_class: Option<String>,
    /// What kind of device it is.
    pub device_kind: Option<String>,
}

/// A set of rules.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fingerprints(Vec<Fingerprint>);

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Fingerprint {
    when: Conditions,
    then: Identity,
}

/// What is absent holds always; a rule has one condition at least.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Conditions {
    vendor_class: Option<String>,
    user_class: Option<String>,
    parameters: Option<List<u8>>,
    requests: Option<List<u16>>,
    architectures: Option<Vec<u16>>,
    enterprise: Option<u32>,
    duid_enterprise: Option<u32>,
}

/// A list that must be the client's, or begin it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum List<T> {
    Exact(Vec<T>),
    Prefix(Vec<T>),
}

impl Fingerprints {
    /// The set that Headgate ships.
    #[must_use]
    pub fn shipped() -> Fingerprints {
        // It is tested to be good.
        Fingerprints::parse(&[("fingerprints.toml".to_owned(), SHIPPED.to_owned())]).unwrap_or_default()
    }

    /// Reads files of rules: pairs of file name and text. The rules of a later file are tried before those
    /// of an earlier one, so that a drop-in has its way.
    ///
    /// # Errors
    /// The first problem found.
    pub fn parse(files: &[(String, String)]) -> Result<Fingerprints, RuleError> {
        let mut all: Vec<Fingerprint> = Vec::new();
        for (name, text) in files {
            let error = |at: usize, what: &str| RuleError::at(name, text, at, what);
            let file: File = toml::from_str(text)
                .map_err(|e| error(e.span().map_or(0, |span| span.start), e.message()))?;
            let mut rules = Vec::new();
            for rule in file.fingerprint {
                let at = rule.span().start;
                if all.len() + rules.len() >= MAX_FINGERPRINTS {
                    return Err(error(at, &format!("there can be {MAX_FINGERPRINTS} fingerprints")));
                }
                let read = rule.into_inner().read();
                rules.push(read.map_err(|(place, what)| error(place.unwrap_or(at), &what))?);
            }
            rules.append(&mut all);
            all = rules;
        }
        Ok(Fingerprints(all))
    }

    /// What the rules say of a client.
    #[must_use]
    pub fn identify(&self, request: &Request) -> Identity {
        let mut identity = Identity::default();
        for rule in &self.0 {
            let wanted = (identity.os_class.is_none() && rule.then.os_class.is_some())
                || (identity.device_kind.is_none() && rule.then.device_kind.is_some());
            if wanted && rule.when.hold(request) {
                identity.os_class = identity.os_class.or_else(|| rule.then.os_class.clone());
                identity.device_kind = identity.device_kind.or_else(|| rule.then.device_kind.clone());
            }
        }
        identity
    }

    /// How many rules there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no rule.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Conditions {
    fn hold(&self, request: &Request) -> bool {
        let text = |wanted: &Option<String>, mut said: std::slice::Iter<'_, String>| {
            wanted.as_ref().is_none_or(|prefix| said.any(|text| text.starts_with(prefix.as_str())))
        };
        text(&self.vendor_class, request.vendor_class.as_slice().iter())
            && text(&self.user_class, request.user_classes.iter())
            && self.parameters.as_ref().is_none_or(|list| list.holds(&request.parameters))
            && self.requests.as_ref().is_none_or(|list| list.holds(&request.requests))
            && self
                .architectures
                .as_ref()
                .is_none_or(|wanted| request.architectures.iter().any(|code| wanted.contains(code)))
            && self.enterprise.is_none_or(|number| request.enterprises.contains(&number))
            && self.duid_enterprise.is_none_or(|number| request.duid_enterprise == Some(number))
    }
}

impl<T: PartialEq> List<T> {
    fn new(exact: Option<Vec<T>>, prefix: Option<Vec<T>>) -> Option<Self> {
        exact.map(List::Exact).or(prefix.map(List::Prefix))
    }

    fn holds(&self, said: &[T]) -> bool {
        match self {
            List::Exact(list) => said == list.as_slice(),
            List::Prefix(list) => said.starts_with(list),
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    fingerprint: Vec<Spanned<Rule>>,
}

type Written<T> = Option<Spanned<T>>;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    vendor_class: Written<String>,
    user_class: Written<String>,
    parameters: Written<Vec<u8>>,
    parameters_prefix: Written<Vec<u8>>,
    requests: Written<Vec<u16>>,
    requests_prefix: Written<Vec<u16>>,
    architectures: Written<Vec<u16>>,
    enterprise: Option<u32>,
    duid_enterprise: Option<u32>,
    os_class: Written<String>,
    device_kind: Written<String>,
}

/// What is wrong, and where, if it is narrower than the rule.
type Wrong = (Option<usize>, String);

impl Rule {
    fn read(self) -> Result<Fingerprint, Wrong> {
        if let (Some(both), Some(_)) = (&self.parameters, &self.parameters_prefix) {
            return Err((Some(both.span().start), "use parameters or parameters_prefix, not both".into()));
        }
        if let (Some(both), Some(_)) = (&self.requests, &self.requests_prefix) {
            return Err((Some(both.span().start), "use requests or requests_prefix, not both".into()));
        }
        let when = Conditions {
            vendor_class: pattern(self.vendor_class, String::len)?,
            user_class: pattern(self.user_class, String::len)?,
            parameters: List::new(
                pattern(self.parameters, Vec::len)?,
                pattern(self.parameters_prefix, Vec::len)?,
            ),
            requests: List::new(pattern(self.requests, Vec::len)?, pattern(self.requests_prefix, Vec::len)?),
            architectures: pattern(self.architectures, Vec::len)?,
            enterprise: self.enterprise,
            duid_enterprise: self.duid_enterprise,
        };
        let then = Identity { os_class: class(self.os_class)?, device_kind: class(self.device_kind)? };
        if when == Conditions::default() {
            return Err((None, format!("a fingerprint needs one of {CONDITIONS}")));
        }
        if then == Identity::default() {
            return Err((None, "a fingerprint says os_class, device_kind or both".into()));
        }
        Ok(Fingerprint { when, then })
    }
}

/// A pattern that is empty would hold for everyone.
fn pattern<T>(written: Written<T>, length: impl Fn(&T) -> usize) -> Result<Option<T>, Wrong> {
    let Some(written) = written else { return Ok(None) };
    if (1..=MAX_PATTERN).contains(&length(written.get_ref())) {
        return Ok(Some(written.into_inner()));
    }
    Err((Some(written.span().start), format!("a pattern has 1 to {MAX_PATTERN} octets or numbers")))
}

/// The names go into records, where they are to be words.
fn class(written: Written<String>) -> Result<Option<String>, Wrong> {
    let Some(written) = written else { return Ok(None) };
    let name = written.get_ref();
    let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if (1..=MAX_CLASS).contains(&name.len()) && name.chars().all(is_word) {
        return Ok(Some(written.into_inner()));
    }
    let what = format!("{name:?} is no name of a class: 1 to {MAX_CLASS} of a to z, 0 to 9 and -");
    Err((Some(written.span().start), what))
}

const CONDITIONS: &str = "vendor_class, user_class, parameters, parameters_prefix, requests, requests_prefix, \
     architectures, enterprise, duid_enterprise";
const SHIPPED: &str = include_str!("../../../config/fingerprints.toml");

#[cfg(test)]
mod tests;
