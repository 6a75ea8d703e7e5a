//! A file that two threads read in turns: one that does nothing else, and the one that uses the frames, while there are none to use.
//!
//! Most of the time that a frame takes is the kernel's copy of its file, and that two processors do in half of it. Frames are found piece by
//! piece by whoever copied it, whose cache has it.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use headgate_capture::{File, FileError, FileSummary, Piece, Pieces};

use super::batch::Batch;
use super::gather::Gather;
use super::queue::Queue;

/// A file that is read in turns.
pub(super) struct Turns {
    /// Taken by the thread whose turn it is, and by no other.
    turn: Mutex<Turn>,
    /// Where the piece begins whose turn it is.
    reached: AtomicU64,
    /// There is a result, or one of the threads is gone without.
    is_over: AtomicBool,
    /// Of a pipe there are none, and only the reader reads.
    pieces: Option<Pieces>,
    queue: Queue,
}

struct Turn {
    file: File,
    result: Option<Result<FileSummary, FileError>>,
}

/// What came of trying to have a turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Had {
    Turn,
    NotYet,
    Over,
}

impl Turns {
    pub(super) fn new(mut file: File) -> Turns {
        let pieces = file.pieces();
        Turns {
            reached: AtomicU64::new(file.reached()),
            is_over: AtomicBool::new(false),
            turn: Mutex::new(Turn { file, result: None }),
            pieces,
            queue: Queue::default(),
        }
    }

    /// Where full batches go.
    pub(super) fn queue(&self) -> &Queue {
        &self.queue
    }

    /// What the reading came to, once both threads are done.
    pub(super) fn into_result(self) -> Result<FileSummary, FileError> {
        let turn = self.turn.into_inner().unwrap_or_else(PoisonError::into_inner);
        turn.result.unwrap_or_else(|| Ok(FileSummary::default()))
    }

    /// Reads to the end.
    pub(super) fn read(&self, mut gather: Gather<'_>) {
        let _leaves = Leaves { turns: self, closes: false };
        let Some(pieces) = &self.pieces else {
            let mut gather = gather.waiting();
            let mut turn = self.lock();
            turn.result = Some(turn.file.read(&mut gather));
            let _ = gather.hand_over();
            return;
        };
        let mut hand = Hand::default();
        let mut looks = 0;
        // Ends: the file does, behind which pieces are empty, and then it is over.
        loop {
            self.queue.wait_for_room();
            match self.have_turn(&mut hand, &mut gather) {
                Had::Turn => looks = 0,
                Had::Over => return,
                Had::NotYet if hand.read(pieces) => {}
                Had::NotYet => self.look(&mut looks, |_| self.may_have_turn(&hand)),
            }
        }
    }

    /// Uses all batches in their order, until that breaks.
    pub(super) fn use_all(&self, mut gather: Gather<'_>, mut uses: impl FnMut(&Batch) -> ControlFlow<()>) {
        let _leaves = Leaves { turns: self, closes: true };
        let (mut hand, mut looks) = (Hand::default(), 0);
        // Ends: it is over, and there are no more batches.
        loop {
            // The other thread waits for it.
            let had = self.have_turn(&mut hand, &mut gather);
            if let Some(batch) = self.queue.pop() {
                if uses(&batch).is_break() {
                    self.queue.close();
                }
                self.queue.give_back(batch);
                looks = 0;
                continue;
            }
            match had {
                Had::Over => return,
                Had::Turn => looks = 0,
                Had::NotYet if self.pieces.as_ref().is_some_and(|pieces| hand.read(pieces)) => {}
                Had::NotYet => self.look(&mut looks, |is_batch| is_batch || self.may_have_turn(&hand)),
            }
        }
    }

    /// Finds the frames of the piece in hand when it is the next.
    fn have_turn(&self, hand: &mut Hand, gather: &mut Gather<'_>) -> Had {
        if self.is_over() {
            return Had::Over;
        }
        if !self.is_turn_of(hand) {
            return Had::NotYet;
        }
        let mut turn = self.lock();
        turn.result = turn.file.read_piece(&mut hand.piece, &mut *gather).transpose();
        // Frames of the next piece may come into a batch of the other thread.
        if gather.hand_over().is_break() && turn.result.is_none() {
            turn.result = Some(Ok(turn.file.stop()));
        }
        let (reached, is_over) = (turn.file.reached(), turn.result.is_some());
        drop(turn);
        hand.is_full = false;
        self.reached.store(reached, Ordering::Release);
        self.is_over.fetch_or(is_over, Ordering::Release);
        // After that: whoever has looked before sleeps, and is woken.
        self.queue.tell();
        Had::Turn
    }

    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    fn is_turn_of(&self, hand: &Hand) -> bool {
        hand.is_full && self.reached.load(Ordering::Acquire) == hand.piece.offset()
    }

    /// Whether there is something to be had: a turn, or the end.
    fn may_have_turn(&self, hand: &Hand) -> bool {
        self.is_over() || self.is_turn_of(hand)
    }

    /// Waits, awake for a little while: to wake somebody takes as long as a hundred frames.
    fn look(&self, looks: &mut usize, has_changed: impl FnOnce(bool) -> bool) {
        *looks += 1;
        if *looks < LOOKS_BEFORE_SLEEP {
            thread::yield_now();
        } else {
            self.queue.wait(has_changed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A piece that a thread has read and whose turn has not come. Several would not be faster.
#[derive(Default)]
struct Hand {
    piece: Piece,
    is_full: bool,
}

impl Hand {
    /// Reads a piece, unless there is one.
    fn read(&mut self, pieces: &Pieces) -> bool {
        if self.is_full {
            return false;
        }
        pieces.read(&mut self.piece);
        self.is_full = true;
        true
    }
}

/// Tells the other thread that this one is gone, whyever.
struct Leaves<'a> {
    turns: &'a Turns,
    /// It was the one that uses batches.
    closes: bool,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        if self.closes {
            self.turns.queue.close();
        }
        self.turns.is_over.store(true, Ordering::Release);
        self.turns.queue.tell();
    }
}

/// How often is looked before sleep; far less than a millisecond in all.
const LOOKS_BEFORE_SLEEP: usize = 1_000;
