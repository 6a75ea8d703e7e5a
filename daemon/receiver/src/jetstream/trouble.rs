//! Why the cluster did not take or give something.

use async_nats::jetstream::context::{PublishError, PublishErrorKind};

/// Why. The batch is kept by its appliance and comes again.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It did not answer, or not so.
    #[error("the cluster does not {what}: {why}")]
    Cluster {
        /// What it was asked to do.
        what: &'static str,
        /// What it, or the client, says.
        why: String,
    },
    /// Somebody else wrote first, or may have.
    #[error("others write under the same appliance and epoch; tried {0} times")]
    Overtaken(u32),
    /// What lies in the cluster is not what receivers write.
    #[error("{place} in the cluster was not written by a receiver with these sealing keys: {what}")]
    Unreadable {
        /// The subject.
        place: String,
        /// What is wrong.
        what: &'static str,
    },
    /// Too much is missing or waits.
    #[error("{appliance}: {what}; lower numbers must come first")]
    Crowded {
        /// Whose.
        appliance: String,
        /// What is too much.
        what: &'static str,
    },
    /// Something of ours.
    #[error("{0}")]
    Fault(&'static str),
}

impl Trouble {
    /// Of a request that failed.
    pub fn cluster(what: &'static str) -> impl FnOnce(Box<dyn std::error::Error>) -> Trouble {
        move |why| Trouble::Cluster { what, why: causes(why.as_ref()) }
    }
}

/// An error and its causes in a line.
pub fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    for _ in 0..MAX_CAUSES {
        let Some(cause) = next else { break };
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        next = cause.source();
    }
    text
}

/// Whether nobody can say that a message which was refused so is not there.
pub fn is_open(error: &PublishError) -> bool {
    !matches!(error.kind(), PublishErrorKind::MaxPayloadExceeded | PublishErrorKind::StreamNotFound)
}

const MAX_CAUSES: u32 = 8;
