//! What is known of whom to trust, as a log of words has it: each word is told once, and whoever has heard the same words in the same
//! order knows the same. So of two receivers that take one token at one moment both find who was first.

use std::collections::HashMap;

use prost::{Message, Oneof};

use headgate_record::batch::BatchId;

use super::now_ms;
use super::tokens::Kept;

/// What receivers tell each other.
#[derive(Clone, PartialEq, Message)]
pub struct Word {
    /// [`VERSION`].
    #[prost(uint32, tag = "1")]
    pub version: u32,
    /// What.
    #[prost(oneof = "Told", tags = "2, 3, 4, 5, 6, 7, 8")]
    pub told: Option<Told>,
}

/// See [`Word`].
#[derive(Clone, PartialEq, Oneof)]
pub enum Told {
    /// A token is out.
    #[prost(message, tag = "2")]
    Token(TokenWord),
    /// A token is used. Of several the first counts.
    #[prost(message, tag = "3")]
    Used(UsedWord),
    /// Secrets of an appliance below a generation count no longer. Of several the largest counts.
    #[prost(message, tag = "4")]
    Least(LeastWord),
    /// Something is asked of an appliance.
    #[prost(message, tag = "5")]
    Ask(AskWord),
    /// It went with the receipt of a batch. Of those of one epoch the first counts.
    #[prost(message, tag = "6")]
    Went(WentWord),
    /// The appliance has it.
    #[prost(message, tag = "7")]
    Arrived(ThatWord),
    /// It is taken back.
    #[prost(message, tag = "8")]
    Withdrawn(ThatWord),
}

/// See [`Told::Token`].
#[derive(Clone, PartialEq, Message)]
pub struct TokenWord {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    hash: Vec<u8>,
    #[prost(string, tag = "3")]
    appliance: String,
    #[prost(uint64, tag = "4")]
    expires: u64,
}

/// See [`Told::Used`].
#[derive(Clone, PartialEq, Message)]
pub struct UsedWord {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    key: Vec<u8>,
}

/// See [`Told::Least`].
#[derive(Clone, PartialEq, Message)]
pub struct LeastWord {
    #[prost(string, tag = "1")]
    appliance: String,
    #[prost(uint64, tag = "2")]
    least: u64,
}

/// See [`Told::Ask`].
#[derive(Clone, PartialEq, Eq, Message)]
pub struct AskWord {
    /// Which.
    #[prost(bytes = "vec", tag = "1")]
    pub id: Vec<u8>,
    /// Of whom.
    #[prost(string, tag = "2")]
    pub appliance: String,
    /// [`headgate_record::request::Request::encode`].
    #[prost(bytes = "vec", tag = "3")]
    pub content: Vec<u8>,
    /// When, seconds since 1970.
    #[prost(uint64, tag = "4")]
    pub asked: u64,
    /// Until when.
    #[prost(uint64, tag = "5")]
    pub expires: u64,
}

/// See [`Told::Went`].
#[derive(Clone, PartialEq, Message)]
pub struct WentWord {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(uint64, tag = "2")]
    epoch: u64,
    #[prost(uint64, tag = "3")]
    sequence: u64,
    #[prost(string, tag = "4")]
    appliance: String,
}

/// Which request.
#[derive(Clone, PartialEq, Message)]
pub struct ThatWord {
    #[prost(bytes = "vec", tag = "1")]
    id: Vec<u8>,
    #[prost(string, tag = "2")]
    appliance: String,
}

impl Told {
    /// A token is out.
    pub fn token(kept: &Kept) -> Told {
        let (id, hash) = (kept.id.to_vec(), kept.hash.to_vec());
        Told::Token(TokenWord { id, hash, appliance: kept.appliance.clone(), expires: kept.expires })
    }

    /// A token is used.
    pub fn used(id: [u8; 16], key: [u8; 32]) -> Told {
        Told::Used(UsedWord { id: id.to_vec(), key: key.to_vec() })
    }

    /// Secrets below this count no longer.
    pub fn least(appliance: &str, least: u64) -> Told {
        Told::Least(LeastWord { appliance: appliance.to_owned(), least })
    }

    /// A request is taken back.
    pub fn withdrawn(ask: &AskWord) -> Told {
        Told::Withdrawn(ThatWord { id: ask.id.clone(), appliance: ask.appliance.clone() })
    }

    /// Its place among what is told: what is of one thing is together, so that it can be taken away together. Two tokens.
    pub fn place(&self) -> String {
        match self {
            Told::Token(TokenWord { id, .. }) | Told::Used(UsedWord { id, .. }) => {
                format!("token.{}", hex::encode(id))
            }
            Told::Least(LeastWord { appliance, .. }) => format!("secret.{}", appliance.replace('.', "_")),
            Told::Ask(AskWord { id, .. })
            | Told::Went(WentWord { id, .. })
            | Told::Arrived(ThatWord { id, .. })
            | Told::Withdrawn(ThatWord { id, .. }) => format!("request.{}", hex::encode(id)),
        }
    }
}

/// All that was heard.
#[derive(Default)]
pub struct Known {
    tokens: HashMap<[u8; 16], Kept>,
    /// The least generation of an appliance, in which message it was told, and whether others told less before it.
    least: HashMap<String, Least>,
    asks: HashMap<String, Vec<Ask>>,
}

struct Least {
    generation: u64,
    at: u64,
    has_others: bool,
}

#[derive(Clone)]
struct Ask {
    word: AskWord,
    /// With the receipt of which batch it went: epoch and sequence.
    went: Option<(u64, u64)>,
    has_arrived: bool,
}

/// What to take away: whole places, and places up to a message.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Old {
    /// Nothing in them is needed.
    pub places: Vec<String>,
    /// Nothing in them is needed that is before this message.
    pub before: Vec<(String, u64)>,
}

impl Known {
    /// Hears what message `at` says.
    pub fn hear(&mut self, at: u64, told: Told) {
        match told {
            Told::Token(TokenWord { id, hash, appliance, expires }) => {
                let (Ok(id), Ok(hash)) = (id.as_slice().try_into(), hash.as_slice().try_into()) else {
                    return;
                };
                self.tokens.entry(id).or_insert(Kept { id, hash, appliance, expires, key: None });
            }
            Told::Used(UsedWord { id, key }) => {
                let token = <[u8; 16]>::try_from(id.as_slice()).ok().and_then(|id| self.tokens.get_mut(&id));
                if let Some(token) = token.filter(|token| token.key.is_none()) {
                    token.key = key.as_slice().try_into().ok();
                }
            }
            Told::Least(LeastWord { appliance, least }) => {
                let known =
                    self.least.entry(appliance).or_insert(Least { generation: least, at, has_others: false });
                known.has_others |= known.at != at;
                if known.generation < least {
                    (known.generation, known.at) = (least, at);
                }
            }
            Told::Ask(word) => {
                let asks = self.asks.entry(word.appliance.clone()).or_default();
                if !asks.iter().any(|ask| ask.word.id == word.id) {
                    asks.push(Ask { word, went: None, has_arrived: false });
                    asks.sort_by(|a, b| (a.word.asked, &a.word.id).cmp(&(b.word.asked, &b.word.id)));
                }
            }
            Told::Went(WentWord { id, epoch, sequence, appliance }) => {
                let ask = self.find(&appliance, &id).filter(|ask| ask.went.is_none_or(|(e, _)| e != epoch));
                if let Some(ask) = ask {
                    ask.went = Some((epoch, sequence));
                }
            }
            Told::Arrived(ThatWord { id, appliance }) => {
                if let Some(ask) = self.find(&appliance, &id) {
                    ask.has_arrived = true;
                }
            }
            Told::Withdrawn(ThatWord { id, appliance }) => {
                if let Some(asks) = self.asks.get_mut(&appliance) {
                    asks.retain(|ask| ask.has_arrived || ask.word.id != id);
                }
            }
        }
    }

    fn find(&mut self, appliance: &str, id: &[u8]) -> Option<&mut Ask> {
        self.asks.get_mut(appliance)?.iter_mut().find(|ask| ask.word.id == id)
    }

    /// A token.
    pub fn token(&self, id: &[u8; 16]) -> Option<&Kept> {
        self.tokens.get(id)
    }

    /// How many tokens are out.
    pub fn tokens_out(&self) -> usize {
        let now = now_ms() / 1_000;
        self.tokens.values().filter(|token| token.expires >= now).count()
    }

    /// The least generation of an appliance's secret that counts.
    pub fn least(&self, appliance: &str) -> Option<u64> {
        self.least.get(appliance).map(|least| least.generation)
    }

    /// What is to be told before a batch of an appliance has its receipt, and the request that goes with that: empty for none. That a
    /// batch comes behind the one whose receipt a request went with shows that it has arrived.
    pub fn request_for(&self, batch: &BatchId) -> (Vec<Told>, Vec<u8>) {
        let now = now_ms() / 1_000;
        let open = |ask: &&Ask| !ask.has_arrived && ask.word.expires >= now;
        let Some(asks) = self.asks.get(&batch.appliance) else { return Default::default() };
        let mut told = Vec::new();
        for ask in asks.iter().filter(open) {
            let (id, appliance) = (ask.word.id.clone(), batch.appliance.clone());
            match ask.went {
                Some((epoch, sequence)) if epoch == batch.epoch && sequence < batch.sequence => {
                    told.push(Told::Arrived(ThatWord { id, appliance }));
                    continue;
                }
                Some((epoch, _)) if epoch == batch.epoch => {}
                // Of several receipts that it goes with, the first that arrives is enough.
                _ => told.push(Told::Went(WentWord {
                    id,
                    epoch: batch.epoch,
                    sequence: batch.sequence,
                    appliance,
                })),
            }
            return (told, ask.word.content.clone());
        }
        (told, Vec::new())
    }

    /// How many requests to an appliance have not expired.
    pub fn asks_of(&self, appliance: &str) -> usize {
        let now = now_ms() / 1_000;
        self.asks.get(appliance).map_or(0, |asks| asks.iter().filter(|ask| ask.word.expires >= now).count())
    }

    /// All requests that have not expired, the oldest first, and whether they have arrived.
    pub fn asks(&self) -> Vec<(AskWord, bool)> {
        let now = now_ms() / 1_000;
        let mut asks: Vec<(AskWord, bool)> = self
            .asks
            .values()
            .flatten()
            .filter(|ask| ask.word.expires >= now)
            .map(|ask| (ask.word.clone(), ask.has_arrived))
            .collect();
        asks.sort_by(|(a, _), (b, _)| (a.asked, &a.id).cmp(&(b.asked, &b.id)));
        asks
    }

    /// Forgets what ran out before `now`, seconds since 1970; gives what nobody needs to hear any more.
    pub fn drop_old(&mut self, now: u64) -> Old {
        let mut old = Old::default();
        self.tokens.retain(|_, token| {
            let keep = token.expires >= now;
            if !keep {
                old.places.push(Told::token(token).place());
            }
            keep
        });
        for asks in self.asks.values_mut() {
            asks.retain(|ask| {
                let keep = ask.word.expires >= now;
                if !keep {
                    old.places.push(Told::Ask(ask.word.clone()).place());
                }
                keep
            });
        }
        self.asks.retain(|_, asks| !asks.is_empty());
        for (appliance, least) in self.least.iter_mut().filter(|(_, least)| least.has_others) {
            least.has_others = false;
            old.before.push((Told::least(appliance, 0).place(), least.at));
        }
        old
    }
}

/// The version of what receivers tell each other about trust.
pub const VERSION: u32 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(id: u8, expires: u64) -> Kept {
        Kept { id: [id; 16], hash: [1; 32], appliance: "site-1".into(), expires, key: None }
    }

    #[test]
    fn of_two_uses_the_first_counts_and_of_two_generations_the_larger() {
        let mut known = Known::default();
        known.hear(1, Told::token(&kept(1, u64::MAX)));
        known.hear(2, Told::used([1; 16], [7; 32]));
        known.hear(3, Told::used([1; 16], [8; 32]));
        assert_eq!(known.token(&[1; 16]).unwrap().key, Some([7; 32]));
        // Who tells it again, as after a change of engines, makes it no newer.
        known.hear(4, Told::token(&kept(1, u64::MAX)));
        assert_eq!(known.token(&[1; 16]).unwrap().key, Some([7; 32]));
        known.hear(5, Told::least("site-1", 9));
        known.hear(6, Told::least("site-1", 4));
        assert_eq!((known.least("site-1"), known.least("site-2")), (Some(9), None));
    }

    #[test]
    fn what_ran_out_is_taken_away_and_what_counts_is_not() {
        let mut known = Known::default();
        known.hear(1, Told::token(&kept(1, 10)));
        known.hear(2, Told::token(&kept(2, 30)));
        known.hear(3, Told::least("site.1", 4));
        known.hear(4, Told::least("site-2", 4));
        known.hear(5, Told::least("site.1", 9));
        let old = known.drop_old(20);
        assert_eq!(old.places, ["token.01010101010101010101010101010101"]);
        assert_eq!(old.before, [("secret.site_1".to_owned(), 5)]);
        assert!(known.token(&[1; 16]).is_none() && known.token(&[2; 16]).is_some());
        assert_eq!(known.drop_old(20), Old::default());
        // What the larger one was told before is no reason to take it away.
        known.hear(6, Told::least("site.1", 7));
        assert_eq!(known.drop_old(20).before, [("secret.site_1".to_owned(), 5)]);
        assert_eq!(known.least("site.1"), Some(9));
    }
}
