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

mod condition;
mod gone;
mod moving;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub use condition::{DORMANT_AFTER, DORMANT_EVERY, FAILING_AFTER};
pub use gone::{GONE_EVERY, GONE_POLLS, GONE_SPACING};
pub use moving::{MOVED_BACK_FAILURES, MOVED_POLLS, address};

use crate::model::{
    Counted, EventKind, FeedEvent, FeedMemory, FeedState, Health, Hints, Learned, PollOutcome, Redirect,
    Timestamp,
};

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
    let mut events = Vec::new();
    memory.patience_until = match seen.outcome {
        PollOutcome::Failed(failure) => failure.retry_at.filter(|at| *at > now),
        _ => None,
    };
    if let Some(hints) = seen.hints {
        memory.hints = hints;
    }
    moving::watch(now, state, seen, &mut memory, &mut events);
    gone::count(now, seen.outcome, &mut memory, &mut events);
    condition::turn(now, seen.outcome, &mut memory, &mut events);
    Learned { memory, events }
}

/// What the items of a body say of their feed, as counted when they are stored.
pub fn learn(at: Timestamp, memory: &FeedMemory, counted: &Counted) -> Learned {
    let mut memory = FeedMemory { window_items: counted.read, ..memory.clone() };
    let mut events = Vec::new();
    moving::confirm(at, &mut memory, counted, &mut events);
    Learned { memory, events }
}

/// The least time between two visits to a feed that has not been heard of for long; `None` while it is to be visited
/// as usual.
pub fn rest(memory: &FeedMemory) -> Option<Duration> {
    match memory.health {
        _ if gone::is_confirmed(memory) => Some(GONE_EVERY),
        Health::Dormant => Some(DORMANT_EVERY),
        _ => None,
    }
}

fn event(kind: EventKind, at: Timestamp, detail: String) -> FeedEvent {
    FeedEvent { kind, at, count: None, detail }
}

/// A duration as people say it: `40 minutes`, `7 hours`, `14 days`.
fn words(duration: Duration) -> String {
    let (n, unit) = match duration.as_secs() / 60 {
        minutes @ 0..120 => (minutes, "minute"),
        minutes @ 120..2_880 => (minutes / 60, "hour"),
        minutes => (minutes / 1_440, "day"),
    };
    format!("{n} {unit}{}", if n == 1 { "" } else { "s" })
}
