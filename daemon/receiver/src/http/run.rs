//! `POST /v1/runs`: several batches of one appliance and epoch in one request, and their receipts in one answer.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use hyper::Request;
use hyper::body::Incoming;
use tokio::sync::SemaphorePermit;
use tokio::time::timeout;

use headgate_record::batch::may_be_stored;
use headgate_record::run;
use headgate_record::sealed::Sealed;

use super::{Desk, Refusal, announced_fits};
use crate::engine::{Arrived, Unstored};
use crate::receipt::statement;

impl Desk {
    /// Stores a run, and gives the receipts of its batches, in order, up to the first that has none; of the first batch at least.
    pub(super) async fn store_run(
        &self,
        appliance: &str,
        request: Request<Incoming>,
    ) -> Result<Bytes, Refusal> {
        announced_fits(&request)?;
        // Its octets are no more than those of one batch may be.
        let room = timeout(self.timeout, self.bodies.acquire()).await.ok().and_then(Result::ok);
        let _room = room.ok_or(Refusal::Unstored(Unstored::Busy))?;
        let received = timeout(self.timeout, self.receive_run(appliance, request)).await;
        let (run, _more) = received.map_err(|_| Refusal::Slow)??;
        if run.iter().any(|one| !may_be_stored(&one.content.says().regions, self.region.as_deref())) {
            return Err(Refusal::Region);
        }
        let said: Vec<_> = run.iter().map(|one| (Arc::clone(&one.content), one.digest)).collect();
        let (stored, why) = self.engine.store_run(run).await;
        let mut answer = Vec::new();
        for ((content, digest), stored) in said.iter().zip(stored) {
            let Some(mut statement) = statement(content, *digest, stored) else {
                // The appliance hears it when it comes with this one first.
                return if answer.is_empty() { Err(Refusal::Conflict) } else { Ok(answer.into()) };
            };
            // The others were under way before this receipt was: that they come says nothing of what it carries.
            if answer.is_empty() {
                self.ask_along(&mut statement).await;
            }
            run::push(&mut answer, &self.signer.sign(statement));
        }
        if answer.is_empty() {
            return Err(why.unwrap_or(Unstored::Failed).into());
        }
        Ok(answer.into())
    }

    /// The first of the batches that an appliance sealed into a request, as many as there is room for beside what is held, and that.
    async fn receive_run(
        &self,
        appliance: &str,
        request: Request<Incoming>,
    ) -> Result<(Vec<Arrived>, Option<SemaphorePermit<'_>>), Refusal> {
        let bytes = self.body(request).await?;
        let mut parts = Vec::new();
        let mut before = None;
        for part in run::split(&bytes).map_err(Refusal::Envelope)? {
            let octets = bytes.slice(part.clone());
            let sealed = Sealed::decode_shared(octets.clone()).map_err(Refusal::Envelope)?;
            if sealed.id.appliance != appliance {
                return Err(Refusal::Appliance);
            }
            let place = (sealed.id.epoch, sealed.id.sequence);
            if before.is_some_and(|(epoch, sequence)| epoch != place.0 || sequence >= place.1) {
                return Err(Refusal::Order);
            }
            before = Some(place);
            parts.push((octets, part, sealed));
        }
        let (keys, with_records) = (Arc::clone(&self.keys), self.engine.reads_records());
        // Closed they are all together as large as one may be; with its records each is as large as one alone.
        let more = if with_records { self.room_for(parts.len().saturating_sub(1)) } else { None };
        if with_records {
            parts.truncate(more.as_ref().map_or(0, SemaphorePermit::num_permits).saturating_add(1));
        }
        let opening = tokio::task::spawn_blocking(move || {
            let open = |(octets, part, sealed): (Bytes, Range<usize>, Sealed<Bytes>)| {
                let (content, digest) = keys.open_content(&sealed, with_records)?;
                let run = Some((bytes.clone(), part));
                Ok(Arrived { content: Arc::new(content), digest, sealed: octets, run })
            };
            parts.into_iter().map(open).collect::<Result<Vec<_>, _>>()
        });
        let opened = opening.await.map_err(|_| Refusal::Unstored(Unstored::Failed))?;
        Ok((opened.map_err(Refusal::Closed)?, more))
    }

    /// Room for so many more bodies, or for as many as nobody uses or waits for; nothing where that is none.
    fn room_for(&self, more: usize) -> Option<SemaphorePermit<'_>> {
        let more = more.min(self.bodies.available_permits());
        let more = u32::try_from(more).ok().filter(|more| *more > 0)?;
        self.bodies.try_acquire_many(more).ok()
    }
}
