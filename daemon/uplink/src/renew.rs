//! When a certificate is renewed, and what became of it.

use std::time::{Duration, Instant};

use crate::Error;
use crate::answer::AnswerFault;
use crate::problem::Problem;

/// When to try again.
pub struct Renewal {
    next: Option<Instant>,
}

/// Why a certificate was not renewed.
#[derive(Debug, thiserror::Error)]
pub enum Unrenewed {
    /// The receiver did not answer the request.
    #[error("{0}")]
    Problem(#[from] Problem),
    /// What it answered cannot be used.
    #[error("the answer {0}")]
    Answer(#[from] AnswerFault),
    /// The request could not be made, or the answer not be kept.
    #[error("{0}")]
    Own(#[from] Error),
}

impl Renewal {
    /// It may be tried at once.
    pub fn new() -> Renewal {
        Renewal { next: None }
    }

    /// Whether it is time for another try.
    pub fn may_try(&self) -> bool {
        self.next.is_none_or(|next| Instant::now() >= next)
    }

    /// That it was tried, with so much time left of what is in use.
    pub fn tried(&mut self, outcome: &Result<(), Unrenewed>, left: Duration) {
        self.next = Instant::now().checked_add(AGAIN);
        let days = left.as_secs() / 86_400;
        match outcome {
            Ok(()) => {}
            // Who runs the receiver gives certificates out by hand.
            Err(Unrenewed::Problem(Problem::Status(404))) => {
                log::warn!(event = "renewal_not_here"; "the receiver renews no certificates, and this appliance's ends in {days} days: have its request signed again");
            }
            Err(why) => {
                log::warn!(event = "renewal_failed"; "the certificate was not renewed, {days} days are left, and it is tried again in an hour: {why}");
            }
        }
    }
}

/// Between two tries.
const AGAIN: Duration = Duration::from_secs(3_600);
