//! A chain: messages that one receiver published one behind the other, with nobody's in between.
//!
//! That the last message of a subject is a certain one makes each server read that one, and keep in memory and copy what lies beside
//! it. That the last message of the whole stream is a certain one costs them nothing (`Nats-Expected-Last-Msg-Id`), and says more:
//! each message of a chain is there only if the one that its receiver sent before is there and is the last. So nobody else wrote in any
//! series since the chain began, and a series whose last message is of this chain is as its writer knows it.
//!
//! Where somebody else writes, a chain ends, and what was behind is sent again as before there were chains. Then none begins for a
//! while, which is twice as long each time.

use std::time::Duration;

use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use crate::Error;

/// What is sent, in order. Whoever sends has it to himself until it is on its way.
pub struct Chain(Mutex<Links>);

/// What a message is sent behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Of which chain it is; 0: of none.
    pub chain: u64,
    /// Identity of the message that must be the last of the stream; nothing of the first of a chain.
    pub behind: Option<String>,
}

/// The chain at hand.
pub struct Links {
    /// What no other process calls its messages.
    own: u64,
    /// Its number, from 1.
    number: u64,
    /// How many messages have been given an identity.
    sent: u64,
    last: Option<String>,
    /// When one may begin.
    begins: Instant,
    /// How long none begins when this one ends.
    wait: Duration,
    /// How many of its messages are there.
    there: u32,
}

impl Chain {
    /// None has begun, and one may.
    ///
    /// # Errors
    /// [`Error::Key`] when the system gives no randomness.
    pub fn new() -> Result<Chain, Error> {
        let own = getrandom::u64().map_err(|_| Error::Key)?;
        let (begins, wait) = (Instant::now(), FIRST_WAIT);
        Ok(Chain(Mutex::new(Links { own, number: 1, sent: 0, last: None, begins, wait, there: 0 })))
    }

    /// To send the next message, which goes before anybody else's.
    pub async fn turn(&self) -> MutexGuard<'_, Links> {
        self.0.lock().await
    }

    /// A message with this link is there, on a quorum.
    pub async fn arrived(&self, link: &Link) {
        let mut links = self.0.lock().await;
        if link.chain == links.number {
            links.there = links.there.saturating_add(1);
            if links.there >= LONG {
                links.wait = FIRST_WAIT;
            }
        }
    }

    /// Nobody knows whether it is, or it is not: nothing more goes behind it.
    pub async fn broke(&self, link: &Link) {
        self.0.lock().await.end(link);
    }
}

impl Links {
    /// The link of a message that is sent now, and its identity: in a chain `number` and what makes it the only one of that name.
    pub fn next(&mut self, number: String) -> (Link, String) {
        if self.last.is_none() && Instant::now() < self.begins {
            return (Link { chain: 0, behind: None }, number);
        }
        self.sent = self.sent.wrapping_add(1);
        let identity = format!("{number}.{:016x}-{:x}", self.own, self.sent);
        (Link { chain: self.number, behind: self.last.replace(identity.clone()) }, identity)
    }

    /// The message with this link was not sent, or may not be there.
    pub fn end(&mut self, link: &Link) {
        if link.chain != self.number {
            return;
        }
        self.number = self.number.saturating_add(1);
        (self.last, self.there, self.begins) = (None, 0, Instant::now() + self.wait);
        self.wait = self.wait.saturating_mul(2).min(LAST_WAIT);
    }
}

/// How long no chain begins when one has ended, at first and at most.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LAST_WAIT: Duration = Duration::from_secs(600);
/// As many messages have shown that nobody else writes.
const LONG: u32 = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_is_behind_the_one_before_and_none_behind_one_that_broke() {
        let chain = Chain::new().unwrap();
        let next = async || chain.turn().await.next("x".into());
        let (first, one) = next().await;
        let (second, two) = next().await;
        assert_eq!((first.behind.clone(), second.behind.clone()), (None, Some(one.clone())));
        assert!(first.chain == second.chain && first.chain != 0 && one != two);
        assert!(one.starts_with("x.") && two.starts_with("x."));
        chain.broke(&first).await;
        let plain = (Link { chain: 0, behind: None }, "x".to_owned());
        assert_eq!(next().await, plain);
        // What broke before says nothing of the chain that begins then.
        tokio::time::advance(FIRST_WAIT).await;
        let (third, three) = next().await;
        assert!(third.behind.is_none() && third.chain > second.chain);
        chain.broke(&second).await;
        assert_eq!(next().await.0, Link { chain: third.chain, behind: Some(three) });
    }

    #[tokio::test(start_paused = true)]
    async fn where_others_write_one_is_tried_ever_less_often() {
        let chain = Chain::new().unwrap();
        let mut waits = Vec::new();
        for _ in 0..12 {
            let mut wait = Duration::ZERO;
            let link = loop {
                let (link, _) = chain.turn().await.next("x".into());
                if link.chain > 0 {
                    break link;
                }
                tokio::time::advance(FIRST_WAIT).await;
                wait += FIRST_WAIT;
            };
            waits.push(wait.as_secs());
            chain.broke(&link).await;
        }
        assert_eq!(waits, [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600]);
        tokio::time::advance(LAST_WAIT).await;
        let (link, _) = chain.turn().await.next("x".into());
        for _ in 0..LONG {
            chain.arrived(&link).await;
        }
        chain.broke(&link).await;
        tokio::time::advance(FIRST_WAIT).await;
        assert!(chain.turn().await.next("x".into()).0.chain > 0);
    }
}
