//! What a poll says of its feed: does it fare well, has it moved, can it be trusted, may something have been missed.
//!
//! Data in: what is remembered of the feed, and what a poll saw. Data out: what to remember from now on, and events.
//!
//! [`judge`] looks at the answer before it is recorded; [`learn`] at how its items compare with those stored, inside
//! the transaction that stores them, so that no event is lost or told twice.
//!
//! **Invariant:** no feed is ever given up: the worst that can happen to it is to be visited seldom.
//! **Invariant:** each change is one event; nothing changes without one.
//!
//! Rejected: counting failures alone. What users must know is what may have been missed, and a feed that answers can
//! lose more than one that fails.

use crate::model::{Counted, FeedMemory, FeedState, Hints, Learned, PollOutcome, Redirect, Timestamp};

/// How a feed was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// With validators: a 304 may answer.
    Conditionally,
    /// Without.
    InFull,
}

/// What a visit saw.
#[derive(Debug, Clone, Copy)]
pub struct Observation<'a> {
    /// What came of it.
    pub outcome: &'a PollOutcome,
    /// Redirects that were followed, in order.
    pub redirects: &'a [Redirect],
    /// How it was asked for.
    pub asked: Asked,
    /// The publisher's wishes, as far as the answer has any.
    pub hints: Option<Hints>,
}

/// What an answer says of its feed. `now` is the end of the visit.
pub fn judge(now: Timestamp, state: &FeedState, seen: &Observation<'_>) -> Learned {
    let mut memory = state.memory.clone();
    if let PollOutcome::Failed(failure) = seen.outcome {
        memory.patience_until = failure.retry_at.filter(|at| *at > now);
    } else {
        memory.patience_until = None;
    }
    Learned { memory, events: Vec::new() }
}

/// What the items of a body say of their feed, as counted when they are stored.
pub fn learn(_at: Timestamp, memory: &FeedMemory, counted: &Counted) -> Learned {
    let memory = FeedMemory { window_items: counted.read, ..memory.clone() };
    Learned { memory, events: Vec::new() }
}
