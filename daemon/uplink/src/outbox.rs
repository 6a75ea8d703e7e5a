//! The store's outbox socket, from the uplink's side.

use std::io;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::net::UnixStream;
use tokio::time::timeout;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

use headgate_record::local::{FromUplink, MAX_MESSAGE_BYTES, ToUplink};

/// A connection to the store. It asks, the store answers.
pub struct Outbox {
    stream: Framed<UnixStream, LengthDelimitedCodec>,
}

/// Why the store cannot be asked.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// Nobody listens on the socket, or it may not be used.
    #[error("the store is not there: {0}")]
    Absent(io::Error),
    /// The stream failed, or a message exceeded its limit.
    #[error("the connection to the store failed: {0}")]
    Stream(#[from] io::Error),
    /// The store ended the stream.
    #[error("the store has left")]
    Ended,
    /// The store gave no answer in time.
    #[error("the store does not answer")]
    Silent,
    /// The answer is unusable; the processes are of different packages.
    #[error("the store's answer is unusable: {0}")]
    Answer(#[from] headgate_record::Error),
    /// The answer does not fit the question.
    #[error("the store's answer does not fit the question")]
    Unexpected,
}

impl Outbox {
    /// Connects to the socket at `path`.
    ///
    /// # Errors
    /// [`OutboxError::Absent`].
    pub async fn connect(path: &Path) -> Result<Outbox, OutboxError> {
        let stream = UnixStream::connect(path).await.map_err(OutboxError::Absent)?;
        let codec = LengthDelimitedCodec::builder().max_frame_length(MAX_MESSAGE_BYTES).new_codec();
        Ok(Outbox { stream: Framed::new(stream, codec) })
    }

    /// Asks, and waits for the answer: [`ANSWER_LIMIT`], and for [`FromUplink::Next`] its own wait on top.
    ///
    /// # Errors
    /// After any error the connection is of no more use.
    pub async fn ask(&mut self, message: &FromUplink) -> Result<ToUplink, OutboxError> {
        let wait = match message {
            FromUplink::Next { wait_ms } => Duration::from_millis((*wait_ms).into()),
            FromUplink::Behind { .. }
            | FromUplink::Receipt(_)
            | FromUplink::Taken { .. }
            | FromUplink::State { .. }
            | FromUplink::Carry { .. }
            | FromUplink::Carried { .. } => Duration::ZERO,
        };
        let exchange = async {
            self.stream.send(Bytes::from(message.encode())).await?;
            let answer = self.stream.next().await.ok_or(OutboxError::Ended)??;
            Ok(ToUplink::decode(&answer)?)
        };
        timeout(ANSWER_LIMIT + wait, exchange).await.map_err(|_| OutboxError::Silent)?
    }
}

/// The store verifies and synchronises before it answers; a slow disk may take so long.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);
