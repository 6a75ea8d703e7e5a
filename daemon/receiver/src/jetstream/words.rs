//! What receivers tell each other beside batches: a stream in the cluster in which each word stands once, sealed to their own key, in
//! the order in which it was told.

use async_nats::jetstream::message::PublishMessage;
use futures_util::future::try_join_all;

use super::JetStream;
use super::series::{Published, found};
use super::trouble::Trouble;

/// A word: which message, its place, and what it says.
pub type Heard = (u64, String, Vec<u8>);

impl JetStream {
    /// Tells a word at a place. Gives which message it is, on a quorum.
    pub async fn tell(&self, place: &str, octets: &[u8]) -> Result<u64, Trouble> {
        let subject = self.names.word(place);
        for _ in 0..MAX_TELLING {
            let sealed = self.keys.seal_own(&subject, octets);
            let sealed = sealed.ok_or(Trouble::Fault("a word cannot be sealed"))?;
            // Told twice it says the same: the first counts, or the largest.
            let message = PublishMessage::build().payload(sealed.into());
            if let Published::At(at) = self.send(subject.clone(), message).await? {
                return Ok(at);
            }
        }
        Err(Trouble::Overtaken(MAX_TELLING))
    }

    /// The words behind a message, in order, and which message was the last of all when it was asked.
    pub async fn told_behind(&self, through: u64) -> Result<(Vec<Heard>, u64), Trouble> {
        let info = self.trust.get_info().await;
        let state = info.map_err(|error| Trouble::cluster("say what was told")(error.into()))?.state;
        let mut next = through.saturating_add(1).max(state.first_sequence);
        let mut heard = Vec::new();
        while next <= state.last_sequence {
            let to = next.saturating_add(AT_ONCE).min(state.last_sequence.saturating_add(1));
            let asked = (next..to)
                .map(|at| async move { found(self.trust.raw_message_builder().sequence(at).send().await) });
            for message in try_join_all(asked).await?.into_iter().flatten() {
                let subject = message.subject.to_string();
                let octets = self.keys.open_own(&subject, &message.payload);
                let place = self.names.parse_word(&subject);
                let (Some(octets), Some(place)) = (octets, place) else {
                    return Err(Trouble::Unreadable { place: subject, what: "a word does not open" });
                };
                heard.push((message.sequence, place, octets));
            }
            next = to;
        }
        Ok((heard, state.last_sequence))
    }

    /// Takes away all at these places, and what is before a message at others.
    pub async fn untell(&self, places: &[String], before: &[(String, u64)]) -> Result<(), Trouble> {
        let failed = |error: async_nats::jetstream::stream::PurgeError| {
            Trouble::cluster("delete what was told")(error.into())
        };
        for place in places {
            self.trust.purge().filter(self.names.word(place)).await.map_err(failed)?;
        }
        for (place, at) in before {
            self.trust.purge().filter(self.names.word(place)).sequence(*at).await.map_err(failed)?;
        }
        Ok(())
    }
}

const MAX_TELLING: u32 = 4;
/// Words that are asked for at once.
const AT_ONCE: u64 = 64;
