//! Of all receivers before a cluster: a stream of words ([`super::known`]) that each of them follows (ADR 0027).

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prost::Message;
use tokio::sync::Mutex as AsyncMutex;
use tokio::time::sleep;

use headgate_record::batch::BatchId;
use headgate_record::enrolment::Token;
use headgate_record::request::{Request, RequestId};

use super::file::File;
use super::known::{AskWord, Known, Told, VERSION, Word};
use super::requests::{self, Asked, MAX_REQUESTS};
use super::tokens::{Kept, MAX_TOKENS, Misuse, Offer, Use, too_many};
use super::{Failure, now_ms};
use crate::Error;
use crate::jetstream::{JetStream, Trouble};

/// What this receiver has heard.
pub struct Shared {
    cluster: Arc<JetStream>,
    heard: Mutex<Heard>,
    /// One asks for all.
    turn: AsyncMutex<()>,
}

struct Heard {
    known: Known,
    /// The last message that was heard.
    through: u64,
    /// All that had been told by then was heard.
    as_of: Option<Instant>,
}

impl Shared {
    /// With all that has been told until now.
    ///
    /// # Errors
    /// [`Error::Cluster`].
    pub async fn new(cluster: Arc<JetStream>) -> Result<Shared, Error> {
        let heard = Mutex::new(Heard { known: Known::default(), through: 0, as_of: None });
        let shared = Shared { cluster, heard, turn: AsyncMutex::new(()) };
        shared.listen().await.map_err(|trouble| shared.cluster.error(&trouble))?;
        Ok(shared)
    }

    /// Listens, and takes away what nobody needs to hear any more, for as long as the runtime runs.
    pub async fn follow(self: Arc<Shared>) {
        let (mut swept, mut is_failing) = (Instant::now(), false);
        loop {
            sleep(LISTENING).await;
            let heard = self.listen().await;
            if let Err(trouble) = &heard {
                if !is_failing {
                    log::warn!(event = "trust_unheard"; "what other receivers say of tokens and secrets cannot be heard, nobody is let in by what was: {trouble}");
                }
            } else if is_failing {
                log::info!(event = "trust_heard"; "what other receivers say of tokens and secrets is heard again");
            }
            is_failing = heard.is_err();
            if swept.elapsed() >= SWEEPING && !is_failing {
                swept = Instant::now();
                self.sweep().await;
            }
        }
    }

    /// The least generation of an appliance's secret that counts, as it was a second ago at most.
    ///
    /// # Errors
    /// When the cluster does not answer.
    pub async fn least(&self, appliance: &str) -> Result<Option<u64>, Failure> {
        let is_fresh = |heard: &Heard| heard.as_of.is_some_and(|as_of| as_of.elapsed() < FRESH);
        if !is_fresh(&self.lock()) {
            self.listen().await?;
        }
        Ok(self.lock().known.least(appliance))
    }

    /// Secrets of an appliance below this generation count no longer: at any receiver, within a second of when this returns.
    ///
    /// # Errors
    /// When the cluster does not take it.
    pub async fn raise(&self, appliance: &str, least: u64) -> Result<(), Failure> {
        Ok(self.tell(Told::least(appliance, least)).await?)
    }

    /// Makes a token, and keeps its hash.
    ///
    /// # Errors
    /// [`Error::Token`] when too many are out; [`Error::Key`]; [`Error::Cluster`].
    pub async fn offer(&self, offer: Offer) -> Result<Token, Error> {
        let failed = |trouble| self.cluster.error(&trouble);
        self.listen().await.map_err(failed)?;
        if self.lock().known.tokens_out() >= MAX_TOKENS {
            return Err(too_many());
        }
        let token = offer.make()?;
        self.tell(Told::token(&Kept::of(&token))).await.map_err(failed)?;
        Ok(token)
    }

    /// Uses a token; see [`File::redeem`]. Whoever was told first has it.
    ///
    /// # Errors
    /// Why it is not good, within `Ok`; when the cluster does not answer.
    pub async fn redeem(&self, used: &Use<'_>) -> Result<Result<(), Misuse>, Failure> {
        self.listen().await?;
        let judge = || {
            let heard = self.lock();
            let token = heard.known.token(&used.id).ok_or(Misuse::Unknown)?;
            token.judge(used).map(|()| token.key.is_some())
        };
        match judge() {
            Err(misuse) => return Ok(Err(misuse)),
            Ok(true) => return Ok(Ok(())),
            Ok(false) => {}
        }
        self.tell(Told::used(used.id, used.own())).await?;
        Ok(judge().map(|_| ()))
    }

    /// Keeps a request, to go with the next receipt of the appliance.
    ///
    /// # Errors
    /// [`Error::Token`] when too many are under way; [`Error::Cluster`].
    pub async fn ask(&self, appliance: &str, request: &Request) -> Result<(), Error> {
        let failed = |trouble| self.cluster.error(&trouble);
        self.listen().await.map_err(failed)?;
        if self.lock().known.asks_of(appliance) >= MAX_REQUESTS {
            return Err(requests::too_many());
        }
        let (id, appliance, content) = (request.id.0.to_vec(), appliance.to_owned(), request.encode());
        let (asked, expires) = (now_ms() / 1_000, request.expires);
        self.tell(Told::Ask(AskWord { id, appliance, content, asked, expires })).await.map_err(failed)
    }

    /// The request that goes with the receipt of a batch; see [`File::request_for`].
    ///
    /// # Errors
    /// When the cluster does not take that it goes.
    pub async fn request_for(&self, batch: &BatchId) -> Result<Vec<u8>, Failure> {
        let (told, content) = self.lock().known.request_for(batch);
        for told in told {
            self.tell(told).await?;
        }
        Ok(content)
    }

    /// All that have not expired, the oldest first.
    pub fn asked(&self) -> Vec<Asked> {
        let asks = self.lock().known.asks();
        let read = asks.into_iter().filter_map(|(word, has_arrived)| {
            let request = Request::decode(&word.content).ok()?;
            Some(Asked { appliance: word.appliance, request, asked: word.asked, has_arrived })
        });
        read.collect()
    }

    /// Takes a request back, as far as it has not arrived. Whether there was one.
    ///
    /// # Errors
    /// When the cluster does not take it.
    pub async fn withdraw(&self, id: RequestId) -> Result<bool, Failure> {
        let asks = self.lock().known.asks();
        let found = asks.into_iter().find(|(word, has_arrived)| word.id == id.0 && !has_arrived);
        let Some((word, _)) = found else { return Ok(false) };
        self.tell(Told::withdrawn(&word)).await?;
        // It may have arrived meanwhile, elsewhere.
        Ok(!self.lock().known.asks().iter().any(|(of, _)| of.id == word.id))
    }

    /// Tells what a receiver with an engine of its own had in its file, as far as nobody told it. Gives how much.
    ///
    /// # Errors
    /// What the file or the cluster says.
    pub async fn take_over(&self, file: &File) -> Result<usize, Error> {
        let database = |source| file.failure(source);
        let mut words = Vec::new();
        for (appliance, least) in file.all_least().map_err(database)? {
            if self.lock().known.least(&appliance).is_none_or(|known| known < least) {
                words.push(Told::least(&appliance, least));
            }
        }
        for token in file.tokens().map_err(database)? {
            let known = self.lock().known.token(&token.id).cloned();
            if known.is_none() {
                words.push(Told::token(&token));
            }
            if let Some(key) = token.key.filter(|_| known.is_none_or(|known| known.key.is_none())) {
                words.push(Told::used(token.id, key));
            }
        }
        let known = self.lock().known.asks();
        for Asked { appliance, request, asked, has_arrived } in file.asked()? {
            if !has_arrived && !known.iter().any(|(word, _)| word.id == request.id.0) {
                let (id, content, expires) = (request.id.0.to_vec(), request.encode(), request.expires);
                words.push(Told::Ask(AskWord { id, appliance, content, asked, expires }));
            }
        }
        let count = words.len();
        for word in words {
            self.tell(word).await.map_err(|trouble| self.cluster.error(&trouble))?;
        }
        Ok(count)
    }

    /// What is wrong, to a command.
    pub fn failure(&self, trouble: &Trouble) -> Error {
        self.cluster.error(trouble)
    }

    /// Tells a word, and listens until it is heard.
    async fn tell(&self, told: Told) -> Result<(), Trouble> {
        let place = told.place();
        let word = Word { version: VERSION, told: Some(told) };
        let at = self.cluster.tell(&place, &word.encode_to_vec()).await?;
        for _ in 0..MAX_LISTENING {
            self.listen().await?;
            if self.lock().through >= at {
                return Ok(());
            }
            // Whoever answers now does not have it yet.
            sleep(LISTENING).await;
        }
        Err(Trouble::Overtaken(MAX_LISTENING))
    }

    /// Hears all that has been told until now.
    async fn listen(&self) -> Result<(), Trouble> {
        let asked = Instant::now();
        let _turn = self.turn.lock().await;
        if self.lock().as_of.is_some_and(|as_of| as_of >= asked) {
            return Ok(());
        }
        let (began, through) = (Instant::now(), self.lock().through);
        let (words, last) = self.cluster.told_behind(through).await?;
        let mut heard = self.lock();
        for (at, place, octets) in words {
            match Word::decode(octets.as_slice()) {
                Ok(Word { version: VERSION, told: Some(told) }) if told.place() == place => {
                    heard.known.hear(at, told);
                }
                // One of a later version. What it says of secrets must not be passed over.
                _ => return Err(Trouble::Unreadable { place, what: "a word of trust of another version" }),
            }
            heard.through = at;
        }
        heard.through = heard.through.max(last);
        heard.as_of = Some(began);
        Ok(())
    }

    async fn sweep(&self) {
        let old = self.lock().known.drop_old((now_ms() / 1_000).saturating_sub(GRACE));
        if let Err(trouble) = self.cluster.untell(&old.places, &old.before).await {
            log::debug!("what nobody needs to hear could not be swept: {trouble}");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often a receiver listens; a revocation counts everywhere this long behind it at most, and the time of a question.
const LISTENING: Duration = Duration::from_millis(250);
/// By what was heard longer ago nobody is let in.
const FRESH: Duration = Duration::from_secs(1);
const MAX_LISTENING: u32 = 16;
const SWEEPING: Duration = Duration::from_secs(3_600);
/// What has run out stays for so long, in seconds: clocks differ.
const GRACE: u64 = 86_400;
