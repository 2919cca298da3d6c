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

pub mod anomaly;
mod condition;
pub mod escalation;
mod gap;
mod gone;
mod liar;
mod moving;
mod renumbering;
mod silence;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
pub mod vital;
mod words;

use std::time::Duration;

pub use condition::{DORMANT_AFTER, DORMANT_EVERY, FAILING_AFTER};
pub use gone::{GONE_EVERY, GONE_SPACING};
pub use liar::put_on_trial;
pub use moving::{MOVED_BACK_FAILURES, MOVED_POLLS, address};

use crate::model::{
    Counted, EventKind, FeedEvent, FeedMemory, FeedState, Health, Hints, Learned, PollOutcome, Redirect,
    Stored, Timestamp, time,
};

/// A feed that could not be read for longer than this hid its news meanwhile: they did not come all at once.
const BLIND_AFTER: Duration = Duration::from_secs(6 * 3_600);

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
    condition::turn(now, state, seen.outcome, &mut memory, &mut events);
    trust(now, state, seen, &mut memory, &mut events);
    // What a body says is learned later, so there is always something to write of it.
    let changed = memory != state.memory || matches!(seen.outcome, PollOutcome::Modified { .. });
    memory.stored = if changed { Stored::Perhaps } else { state.memory.stored };
    Learned { memory, events }
}

/// Whether its word can be taken, and whether it is silent.
fn trust(
    now: Timestamp,
    state: &FeedState,
    seen: &Observation<'_>,
    memory: &mut FeedMemory,
    events: &mut Vec<FeedEvent>,
) {
    liar::judge(now, state, seen, memory, events);
    match seen.outcome {
        PollOutcome::Modified { .. } => {
            memory.full_at = Some(now);
            memory.pace.blind = blind(now, state);
        }
        PollOutcome::NotModified { .. } => {
            if seen.asked == Asked::InFull {
                memory.full_at = Some(now);
            }
            silence::look(now, memory, events);
        }
        PollOutcome::Failed(_) => {}
    }
}

/// How long nothing was seen of the feed before `now`, where that was our doing or its server's: visits failed, or none
/// was made although one was due.
fn blind(now: Timestamp, state: &FeedState) -> Duration {
    let away = state.last_ok_at.map_or(Duration::ZERO, |last| time::between(last, now));
    let missed = state.failures > 0 || time::between(state.next_poll_at, now) > BLIND_AFTER;
    if missed && away > BLIND_AFTER { away } else { Duration::ZERO }
}

/// What the items of a body say of their feed, as counted when they are stored.
pub fn learn(at: Timestamp, memory: &FeedMemory, counted: &Counted) -> Learned {
    let mut memory = memory.clone();
    let mut events = Vec::new();
    moving::confirm(at, &mut memory, counted, &mut events);
    renumbering::look(at, &mut memory, counted, &mut events);
    liar::learn(at, &mut memory, counted, &mut events);
    gap::look(at, &mut memory, counted, &mut events);
    if counted.alerts > 0 {
        memory.hit_at = Some(at);
    }
    if counted.baseline || memory.pace.at.is_none() {
        // What a feed already had when it was added says nothing of its pace.
        memory.pace.at = Some(at);
    } else if counted.fresh > 0 {
        silence::end(at, &mut memory, &mut events);
        let quiet = memory.last_new_at.map(|last| time::between(last, at));
        memory.pace = memory.pace.with(at, counted.fresh, counted.alerts, quiet);
        memory.last_new_at = Some(at);
    } else {
        silence::look(at, &mut memory, &mut events);
    }
    memory.pace.blind = Duration::ZERO;
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
