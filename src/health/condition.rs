//! How a feed fares: from well to failing and back.
//!
//! Data in: what came of a poll. Data out: the feed's [`Health`], and an event at each change.
//!
//! **Invariant:** a success ends whatever there was.
//!
//! Rejected: to count failures only: a feed that is visited seldom fails seldom.

use std::time::Duration;

use super::words;
use crate::model::{EventKind, FeedEvent, FeedMemory, FeedState, Health, PollOutcome, Timestamp, time};

/// A feed without a success for this long is failing.
const FAILING_AFTER: Duration = Duration::from_secs(6 * 3_600);

/// Judges one poll.
pub(super) fn judge(
    now: Timestamp,
    state: &FeedState,
    outcome: &PollOutcome,
    memory: &mut FeedMemory,
    events: &mut Vec<FeedEvent>,
) {
    let (kind, detail) = match outcome {
        PollOutcome::Failed(failure) => match memory.health {
            Health::Ok => (EventKind::Degraded, failure.message.clone()),
            Health::Degraded => {
                let since = state.last_ok_at.or(memory.health_since).unwrap_or(now);
                let long = time::between(since, now);
                if long < FAILING_AFTER {
                    return;
                }
                let detail = match state.last_ok_at {
                    Some(_) => format!("has been failing for {}: {}", words::span(long), failure.message),
                    None => format!("could never be read: {}", failure.message),
                };
                (EventKind::Failing, detail)
            }
            Health::Failing | Health::Dormant => return,
        },
        _ if memory.health == Health::Ok => return,
        _ => (EventKind::Recovered, "answers again".to_owned()),
    };
    memory.health = match kind {
        EventKind::Degraded => Health::Degraded,
        EventKind::Failing => Health::Failing,
        _ => Health::Ok,
    };
    memory.health_since = Some(now);
    events.push(FeedEvent { kind, at: now, count: None, detail });
}
