//! What whoever runs the receiver may ask of a site: it comes with a receipt, signed with it, and changes nothing by itself.
//!
//! The site decides, by its rules and its administrator. What is asked is text for people and, of a capture, conditions in the form
//! of a rule; nothing of it is ever carried out but by the administrator's own command.

use prost::Message;

use crate::{Error, ledger};

/// Largest encoded request, octets.
pub const MAX_REQUEST_BYTES: usize = 680;
/// Longest reason, octets.
pub const MAX_WHY: usize = 160;
/// Longest content, octets.
pub const MAX_CONTENT: usize = 400;
/// Longest capture, minutes.
pub const MAX_MINUTES: u32 = 1_440;

/// Which request, drawn at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RequestId(pub [u8; 8]);

impl std::fmt::Display for RequestId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&ledger::hex(&self.0))
    }
}

impl std::str::FromStr for RequestId {
    type Err = Error;

    fn from_str(text: &str) -> Result<RequestId, Error> {
        ledger::octets(text).map(RequestId).ok_or(Error::Encoding("request identifier"))
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Headers of frames, for a time. The content is the conditions of a rule (`vlans`, `macs`, `prefixes`, `protocols`).
    Capture,
    /// A change of the site's rules. The content is a rule file.
    Rules,
    /// How the appliance is, in figures. There is no content.
    Look,
}

impl Ask {
    /// All of them.
    pub const ALL: [Ask; 3] = [Ask::Capture, Ask::Rules, Ask::Look];

    /// The word for it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Ask::Capture => "capture",
            Ask::Rules => "rules",
            Ask::Look => "look",
        }
    }

    /// What has this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Ask> {
        Ask::ALL.into_iter().find(|ask| ask.name() == name)
    }

    fn number(self) -> u32 {
        match self {
            Ask::Capture => 1,
            Ask::Rules => 2,
            Ask::Look => 3,
        }
    }
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Which.
    pub id: RequestId,
    /// What is asked for.
    pub ask: Ask,
    /// Until when it may be allowed, seconds since 1970.
    pub expires: u64,
    /// Why, for the administrator: printable, on one line.
    pub why: String,
    /// Of a capture, how long: 1 to [`MAX_MINUTES`]; else 0.
    pub minutes: u32,
    /// What exactly.
    pub content: String,
}

impl Request {
    /// The bytes that travel within a receipt.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        RequestMessage {
            id: self.id.0.to_vec(),
            ask: self.ask.number(),
            expires: self.expires,
            why: self.why.clone(),
            minutes: self.minutes,
            content: self.content.clone(),
        }
        .encode_to_vec()
    }

    /// Reads a request.
    ///
    /// # Errors
    /// What is wrong with the first part that is not valid.
    pub fn decode(bytes: &[u8]) -> Result<Request, Error> {
        const WHAT: &str = "request";
        if bytes.len() > MAX_REQUEST_BYTES {
            return Err(Error::Limit { what: WHAT, limit: MAX_REQUEST_BYTES });
        }
        let message = RequestMessage::decode(bytes).map_err(|_| Error::Encoding(WHAT))?;
        let request = Request {
            id: RequestId(
                message.id.as_slice().try_into().map_err(|_| Error::Encoding("request identifier"))?,
            ),
            ask: Ask::ALL
                .into_iter()
                .find(|ask| ask.number() == message.ask)
                .ok_or(Error::Encoding("kind of request"))?,
            expires: message.expires,
            why: message.why,
            minutes: message.minutes,
            content: message.content,
        };
        request.check().map(|()| request)
    }

    /// Whether every part is within its bounds.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Result<(), Error> {
        // What is shown on a terminal says nothing to it.
        let is_line = |text: &str| !text.chars().any(char::is_control);
        let is_text = |text: &str| !text.chars().any(|c| c.is_control() && c != '\n');
        if self.why.is_empty() || self.why.len() > MAX_WHY || !is_line(&self.why) {
            return Err(Error::Encoding("reason of a request"));
        }
        if self.content.len() > MAX_CONTENT || !is_text(&self.content) {
            return Err(Error::Encoding("content of a request"));
        }
        let is_good = match self.ask {
            Ask::Capture => (1..=MAX_MINUTES).contains(&self.minutes),
            Ask::Rules => self.minutes == 0 && !self.content.is_empty(),
            Ask::Look => self.minutes == 0 && self.content.is_empty(),
        };
        if is_good { Ok(()) } else { Err(Error::Contradiction("the kind of a request")) }
    }
}

#[derive(Clone, PartialEq, Message)]
struct RequestMessage {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(uint32, tag = "2")]
    ask: u32,
    #[prost(uint64, tag = "3")]
    expires: u64,
    #[prost(string, tag = "4")]
    why: String,
    #[prost(uint32, tag = "5")]
    minutes: u32,
    #[prost(string, tag = "6")]
    content: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Request {
        Request {
            id: RequestId([7; 8]),
            ask: Ask::Capture,
            expires: u64::MAX,
            why: "calls drop on floor 3".into(),
            minutes: MAX_MINUTES,
            content: "protocols = [\"udp/5060\"]".into(),
        }
    }

    #[test]
    fn a_request_survives_its_encoding_and_the_largest_is_within_its_bound() {
        let rules = Request { ask: Ask::Rules, minutes: 0, ..sample() };
        let look = Request { ask: Ask::Look, minutes: 0, content: String::new(), ..sample() };
        let largest = Request { why: "x".repeat(MAX_WHY), content: "y".repeat(MAX_CONTENT), ..sample() };
        for request in [sample(), rules, look, largest] {
            assert_eq!(Request::decode(&request.encode()), Ok(request));
        }
        assert_eq!("0707070707070707".parse(), Ok(RequestId([7; 8])));
    }

    #[test]
    fn what_is_out_of_bounds_is_refused() {
        let wrong: [&dyn Fn(&mut Request); 9] = [
            &|r| r.why = String::new(),
            &|r| r.why = "x".repeat(MAX_WHY + 1),
            &|r| r.why = "two\nlines".into(),
            &|r| r.why = "\u{1b}[2J".into(),
            &|r| r.content = "y".repeat(MAX_CONTENT + 1),
            &|r| r.content = "\u{1b}[2J".into(),
            &|r| r.minutes = 0,
            &|r| r.minutes = MAX_MINUTES + 1,
            &|r| r.ask = Ask::Look,
        ];
        for (at, change) in wrong.into_iter().enumerate() {
            let mut request = sample();
            change(&mut request);
            assert!(Request::decode(&request.encode()).is_err(), "{at}");
        }
        assert!(Request::decode(&[0; MAX_REQUEST_BYTES + 1]).is_err());
    }
}
