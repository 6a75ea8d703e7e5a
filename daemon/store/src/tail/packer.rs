//! Makes ready for segments what waits, on a thread of its own, while the keeper waits for the disk.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::MOST_SLOTS;
use crate::Error;
use crate::clock::Moment;
use crate::gather::{Gather, Made};
use crate::prepare::Set;
use crate::secret::scrub_all;

/// Where hand-overs go that wait. The thread ends with it.
pub(super) struct Packer {
    jobs: Option<SyncSender<Job>>,
    /// All that was added and is not finished: where there is no thread, it is gathered here.
    added: Vec<(Moment, Arc<[Set]>)>,
}

enum Job {
    Add(Moment, Arc<[Set]>),
    Finish(SyncSender<Result<Vec<Made>, Error>>),
}

impl Packer {
    pub(super) fn new() -> Packer {
        let (jobs, work) = sync_channel(JOBS);
        let thread = thread::Builder::new().name("packer".into()).spawn(move || gather(&work));
        // Where no thread can be had, it is done without.
        Packer { jobs: thread.is_ok().then_some(jobs), added: Vec::new() }
    }

    /// Adds a hand-over behind those before.
    pub(super) fn add(&mut self, at: Moment, sets: Arc<[Set]>) {
        if self.jobs.as_ref().is_some_and(|jobs| jobs.send(Job::Add(at, Arc::clone(&sets))).is_err()) {
            self.jobs = None;
        }
        self.added.push((at, sets));
    }

    /// What was made of all that was added.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub(super) fn finish(&mut self) -> Result<Vec<Made>, Error> {
        let made = match self.finish_there() {
            Some(made) => made,
            None => {
                let mut gather = Gather::default();
                self.added.iter().try_for_each(|(at, sets)| gather.add(*at, sets))?;
                gather.finish()
            }
        }?;
        self.added.clear();
        Ok(made)
    }

    #[cfg(test)]
    pub(super) fn records(&self) -> u64 {
        self.added.iter().flat_map(|(_, sets)| sets.iter()).map(|set| set.records).sum()
    }

    fn finish_there(&mut self) -> Option<Result<Vec<Made>, Error>> {
        let (reply, answer) = sync_channel(1);
        let made = self.jobs.as_ref()?.send(Job::Finish(reply)).ok().and_then(|()| answer.recv().ok());
        if !matches!(made, Some(Ok(_))) {
            // Nobody knows what it still has.
            self.jobs = None;
        }
        made.filter(Result::is_ok)
    }
}

fn gather(work: &Receiver<Job>) {
    let (mut gather, mut added) = (Gather::default(), Ok(()));
    while let Ok(job) = work.recv() {
        match job {
            Job::Add(at, sets) => added = added.and_then(|()| gather.add(at, &sets)),
            Job::Finish(reply) => {
                let made = std::mem::replace(&mut added, Ok(())).and_then(|()| gather.finish());
                // Whoever asked waits for it.
                let _ = reply.send(made);
                scrub_all();
            }
        }
    }
}

/// More than can wait.
const JOBS: usize = 193;
const _: () = assert!(MOST_SLOTS == 192);
