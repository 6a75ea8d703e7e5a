//! The loop: ask the store, post, hand over the receipt; wait when something is away.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bytes::Bytes;
use headgate_record::local::{FromUplink, OUTBOX_SOCKET, ToUplink};
use headgate_record::run::{self, MAX_RUN_BYTES};
use headgate_record::sealed::Sealed;
use headgate_service::config::Headgate;
use headgate_service::notify;
use headgate_service::stop::Stop;

use crate::Error;
use crate::backoff::Backoff;
use crate::collector::Collector;
use crate::credentials::Credentials;
use crate::link::Link;
use crate::outbox::{Outbox, OutboxError};
use crate::pace::{Pace, Stopped};
use crate::problem::Problem;

/// Carries batches until `stop` is requested. Without a configured receiver it stays idle and says so.
///
/// # Errors
/// When the configuration or a credential cannot be used at the start. Whatever fails later is
/// waited for.
pub fn run(config: &Headgate, stop: &Stop) -> Result<(), Error> {
    let uplink = &config.uplink;
    let link = match &uplink.receiver {
        Some(receiver) => {
            let credentials = Credentials::load(config)?;
            Some(Way::Receiver(Box::new(Link::new(receiver.clone(), credentials, uplink)?)))
        }
        None => Collector::new(config)?.map(Box::new).map(Way::Collector),
    };
    let mut speaker = Speaker {
        socket: config.sockets.directory.join(OUTBOX_SOCKET),
        link,
        pace: Pace::new(stop.clone()).map_err(|source| Error::System { what: "watching signals", source })?,
        link_retry: Backoff::new(uplink.retry_min.seconds(), uplink.retry_max.seconds()),
        store_retry: Backoff::new(STORE_RETRY_MIN, STORE_RETRY_MAX),
        state: None,
        absence: String::new(),
        behind_refused: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| Error::System { what: "starting the runtime", source })?;
    notify::ready(STORE_AWAY);
    let Err(Stopped) = runtime.block_on(speaker.run());
    notify::stopping();
    // A name lookup that hangs does not hold the stop up.
    runtime.shutdown_background();
    Ok(())
}

struct Speaker {
    socket: PathBuf,
    link: Option<Way>,
    pace: Pace,
    link_retry: Backoff,
    store_retry: Backoff,
    /// How the last attempt went; nothing before the first.
    state: Option<Result<(), Problem>>,
    /// Why the store cannot be asked, as last logged.
    absence: String,
    /// When the store left because it was asked for what is behind a batch.
    behind_refused: Option<Instant>,
}

/// Where batches go.
enum Way {
    Receiver(Box<Link>),
    Collector(Box<Collector>),
}

/// Why a connection to the store is given up.
enum End {
    Stopped,
    Store(OutboxError),
}

impl From<Stopped> for End {
    fn from(_: Stopped) -> Self {
        End::Stopped
    }
}

impl From<OutboxError> for End {
    fn from(error: OutboxError) -> Self {
        End::Store(error)
    }
}

impl Speaker {
    async fn run(&mut self) -> Result<Infallible, Stopped> {
        loop {
            let fault = match self.pace.during(Outbox::connect(&self.socket)).await? {
                Ok(mut outbox) => match self.serve(&mut outbox).await {
                    Ok(never) => match never {},
                    Err(End::Stopped) => return Err(Stopped),
                    Err(End::Store(fault)) => fault,
                },
                Err(fault) => fault,
            };
            let fault = fault.to_string();
            if fault != self.absence {
                log::warn!(event = "store_away"; "waiting for the store: {fault}");
                notify::status(STORE_AWAY);
                self.absence = fault;
            }
            let wait = self.store_retry.wait();
            self.pace.rest(wait).await?;
        }
    }

    /// Works for as long as the store answers.
    async fn serve(&mut self, outbox: &mut Outbox) -> Result<Infallible, End> {
        let state = self.state.clone();
        self.report(outbox, state.as_ref(), Duration::ZERO).await?;
        if self.link.is_none() {
            loop {
                self.pace.rest(IDLE).await?;
                self.report(outbox, None, Duration::ZERO).await?;
            }
        }
        loop {
            if let Some(Way::Receiver(link)) = &mut self.link {
                self.pace.during(link.keep_valid()).await?;
            }
            match self.ask(outbox, &FromUplink::Next { wait_ms: POLL_MS }).await? {
                ToUplink::Batch(batch) => match self.carry(outbox, batch).await? {
                    Ok(()) => self.succeeded(outbox).await?,
                    Err(problem) => self.failed(outbox, problem).await?,
                },
                ToUplink::Empty => self.pace.rest(BREATH).await?,
                ToUplink::Refused { reason } => self.failed(outbox, Problem::Withheld(reason)).await?,
                ToUplink::Accepted => return Err(OutboxError::Unexpected.into()),
            }
        }
    }

    /// Posts a batch, and those behind it where the receiver takes several together, and tells the store of their receipts, or that
    /// the collector took it.
    async fn carry(&mut self, outbox: &mut Outbox, batch: Vec<u8>) -> Result<Result<(), Problem>, End> {
        let together = match &self.link {
            Some(Way::Receiver(link)) => {
                let is_refused = self.behind_refused.is_some_and(|at| at.elapsed() < BEHIND_AGAIN);
                let most = if is_refused { 1 } else { link.most_together() };
                self.gather(outbox, batch.into(), most).await?
            }
            _ => vec![batch.into()],
        };
        let sent = match &mut self.link {
            Some(Way::Receiver(link)) => self
                .pace
                .during(link.send(&together))
                .await?
                .map(|receipts| receipts.into_iter().map(FromUplink::Receipt).collect()),
            Some(Way::Collector(collector)) => match together.as_slice() {
                [batch] => self.pace.during(collector.send(batch)).await?.map(|taken| vec![taken]),
                _ => return Err(OutboxError::Unexpected.into()),
            },
            None => return Err(OutboxError::Unexpected.into()),
        };
        let arrived = match sent {
            Ok(arrived) => arrived,
            Err(problem) => return Ok(Err(problem)),
        };
        let mut told = Ok(());
        for one in arrived {
            match self.ask(outbox, &one).await? {
                ToUplink::Accepted => {}
                // Those behind it are of other batches, and may be genuine.
                ToUplink::Refused { reason } => told = told.and(Err(Problem::Receipt(reason))),
                ToUplink::Batch(_) | ToUplink::Empty => return Err(OutboxError::Unexpected.into()),
            }
        }
        Ok(told)
    }

    /// The batch and those that wait behind it, up to so many and to [`MAX_RUN_BYTES`].
    async fn gather(&mut self, outbox: &mut Outbox, first: Bytes, most: usize) -> Result<Vec<Bytes>, End> {
        let mut octets = run::octets(first.len());
        let mut last = Sealed::decode(&first).map(|sealed| sealed.id);
        let mut together = vec![first];
        while together.len() < most {
            // What would have no room is not sealed for nothing.
            let room = MAX_RUN_BYTES.saturating_sub(run::octets(octets));
            let Some(room) = u32::try_from(room).ok().filter(|room| *room > 0) else { break };
            let Ok((epoch, after)) = last.as_ref().map(|id| (id.epoch, id.sequence)) else { break };
            let answer = self.ask(outbox, &FromUplink::Behind { after, room }).await;
            // A store of before leaves when it is asked what it does not know: the batch that it gave goes alone, on another connection.
            if let Err(End::Store(OutboxError::Ended | OutboxError::Stream(_))) = &answer {
                self.behind_refused = Some(Instant::now());
            }
            match answer? {
                ToUplink::Batch(batch) => {
                    octets = octets.saturating_add(run::octets(batch.len()));
                    last = Sealed::decode(&batch).map(|sealed| sealed.id);
                    let belongs = last.as_ref().is_ok_and(|next| next.epoch == epoch);
                    if octets > MAX_RUN_BYTES || !belongs {
                        break;
                    }
                    together.push(batch.into());
                }
                ToUplink::Empty => break,
                // The store says why when it is asked for the oldest.
                ToUplink::Refused { .. } => break,
                ToUplink::Accepted => return Err(OutboxError::Unexpected.into()),
            }
        }
        Ok(together)
    }

    async fn succeeded(&mut self, outbox: &mut Outbox) -> Result<(), End> {
        self.link_retry.reset();
        if self.state == Some(Ok(())) {
            return Ok(());
        }
        log::info!(event = "link_up"; "batches arrive at the receiver");
        self.state = Some(Ok(()));
        self.report(outbox, Some(&Ok(())), Duration::ZERO).await
    }

    async fn failed(&mut self, outbox: &mut Outbox, problem: Problem) -> Result<(), End> {
        let wait = match problem {
            // A receiver that is away is away for all who come back; damage is one connection's.
            Problem::Damaged => self.link_retry.brief_wait(),
            _ => self.link_retry.wait(),
        };
        let state = Some(Err(problem));
        if self.state != state {
            if let Some(Err(problem)) = &state {
                log::warn!(event = "link_down"; "a batch did not arrive; it is kept and sent again: {problem}");
            }
            self.state = state.clone();
        }
        let reported = self.report(outbox, state.as_ref(), wait).await;
        self.pace.rest(wait).await?;
        reported
    }

    /// Tells the store and the service manager how the link is.
    async fn report(
        &mut self,
        outbox: &mut Outbox,
        state: Option<&Result<(), Problem>>,
        wait: Duration,
    ) -> Result<(), End> {
        let (connected, problem) = match state {
            Some(Ok(())) => (true, String::new()),
            Some(Err(problem)) => (false, problem.to_string()),
            None if self.link.is_none() => (false, NO_RECEIVER.to_owned()),
            None => (false, String::new()),
        };
        notify::status(match (connected, problem.as_str()) {
            (true, _) => "batches arrive at the receiver",
            (false, "") => "waiting for a first batch",
            (false, problem) => problem,
        });
        let retry_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
        match self.ask(outbox, &FromUplink::State { connected, problem, retry_ms }).await? {
            ToUplink::Accepted => Ok(()),
            _ => Err(OutboxError::Unexpected.into()),
        }
    }

    async fn ask(&mut self, outbox: &mut Outbox, message: &FromUplink) -> Result<ToUplink, End> {
        let answer = self.pace.during(outbox.ask(message)).await??;
        self.store_retry.reset();
        self.absence.clear();
        Ok(answer)
    }
}

const STORE_AWAY: &str = "waiting for the store";
const NO_RECEIVER: &str = "no receiver is configured; all stays on the appliance";
/// How long the store may wait for a batch before it says that there is none, milliseconds.
const POLL_MS: u32 = 10_000;
/// How long a store that left is believed not to know of runs: it may have had another reason.
const BEHIND_AGAIN: Duration = Duration::from_secs(3_600);
/// Pause after that, so that a store that does not wait is not asked without pause.
const BREATH: Duration = Duration::from_millis(100);
/// How often an uplink without a receiver says so.
const IDLE: Duration = Duration::from_secs(10);
/// Waits for a store that is away; it is on the same machine and may be back at any moment.
const STORE_RETRY_MIN: Duration = Duration::from_millis(250);
const STORE_RETRY_MAX: Duration = Duration::from_secs(5);
