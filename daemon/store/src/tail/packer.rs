//! Makes ready for segments what waits, on a thread of its own, while the keeper waits for the disk.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
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
    /// All that was added since the last cut: where there is no thread, it is gathered here.
    added: Vec<Added>,
}

/// What was added up to a cut, on its way.
pub(super) struct Cut {
    answer: Option<Receiver<Result<Vec<Made>, Error>>>,
    made: Option<Vec<Made>>,
    /// Where nobody answers, it is gathered by whoever finishes it.
    added: Vec<Added>,
    is_finished: bool,
}

type Added = (Moment, Arc<[Set]>);

enum Job {
    Add(Moment, Arc<[Set]>),
    Cut(SyncSender<Result<Vec<Made>, Error>>),
    Drop(Vec<Added>, Vec<Made>),
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
        self.ask(Job::Add(at, Arc::clone(&sets)));
        self.added.push((at, sets));
    }

    /// Has all that was added made ready, apart from what is added from now on. Nobody waits for it.
    pub(super) fn cut(&mut self) -> Cut {
        let (reply, answer) = sync_channel(1);
        let answer = self.ask(Job::Cut(reply)).then_some(answer);
        Cut { answer, made: None, added: std::mem::take(&mut self.added), is_finished: false }
    }

    /// What was made of all that was added since the last cut.
    ///
    /// # Errors
    /// [`Error::Memory`]; it is then still added.
    pub(super) fn finish(&mut self) -> Result<Vec<Made>, Error> {
        let mut cut = self.cut();
        let made = cut.finish();
        if made.is_err() {
            // The thread does not have it any more.
            *self = Packer { jobs: None, added: cut.added };
        }
        made
    }

    /// Frees what is in segments: many small pieces, each of which the keeper would wait for whoever reads a connection to allocate.
    pub(super) fn free(&mut self, cut: Cut, made: Vec<Made>) {
        self.ask(Job::Drop(cut.added, made));
    }

    /// Gives whether there is somebody who does it.
    fn ask(&mut self, job: Job) -> bool {
        let is_asked = self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok());
        if !is_asked {
            self.jobs = None;
        }
        is_asked
    }
}

impl Cut {
    /// Whether nobody who finishes it waits for another thread.
    pub(super) fn is_ready(&mut self) -> bool {
        let Some(answer) = &self.answer else { return true };
        match answer.try_recv() {
            Ok(made) => self.made = made.ok(),
            Err(TryRecvError::Empty) => return false,
            Err(TryRecvError::Disconnected) => {}
        }
        self.answer = None;
        true
    }

    /// What was made; nothing, when it was asked before and there was no error.
    ///
    /// # Errors
    /// [`Error::Memory`]; it can be asked again.
    pub(super) fn finish(&mut self) -> Result<Vec<Made>, Error> {
        if let Some(answer) = self.answer.take() {
            self.made = answer.recv().ok().and_then(Result::ok);
        }
        if self.is_finished {
            return Ok(Vec::new());
        }
        let made = match self.made.take() {
            Some(made) => made,
            None => {
                let mut gather = Gather::default();
                self.added.iter().try_for_each(|(at, sets)| gather.add(*at, sets))?;
                gather.finish()?
            }
        };
        self.is_finished = true;
        Ok(made)
    }
}

#[cfg(test)]
impl Packer {
    /// Where no thread can be had.
    pub(super) fn without_thread() -> Packer {
        Packer { jobs: None, added: Vec::new() }
    }

    pub(super) fn records(&self) -> u64 {
        records(&self.added)
    }
}

#[cfg(test)]
impl Cut {
    pub(super) fn records(&self) -> u64 {
        if self.is_finished { 0 } else { records(&self.added) }
    }
}

#[cfg(test)]
fn records(added: &[Added]) -> u64 {
    added.iter().flat_map(|(_, sets)| sets.iter()).map(|set| set.records).sum()
}

fn gather(work: &Receiver<Job>) {
    let (mut gather, mut added) = (Gather::default(), Ok(()));
    for turn in 1_usize.. {
        let Ok(job) = work.recv() else { return };
        match job {
            Job::Add(at, sets) => added = added.and_then(|()| gather.add(at, &sets)),
            Job::Cut(reply) => {
                let made = std::mem::replace(&mut added, Ok(())).and_then(|()| gather.finish());
                if made.is_err() {
                    // What is added next is not behind a part of this.
                    gather = Gather::default();
                }
                // Whoever wants it has it there, or has gone.
                let _ = reply.send(made);
                scrub_all();
            }
            Job::Drop(added, made) => drop((added, made)),
        }
        // Who reads a connection, and the keeper, work for moments only, and would wait for the end of this thread's share of the
        // processor while the disk has nothing to do. Seldom, as this thread gives up all of its share each time.
        if turn.is_multiple_of(TURNS) {
            thread::yield_now();
        }
    }
}

/// Jobs between which the processor is not given up: a tenth of a millisecond.
const TURNS: usize = 8;
/// More than can wait: two fillings, a cut behind each, and what is freed.
const JOBS: usize = 388;
const _: () = assert!(MOST_SLOTS == 192);
