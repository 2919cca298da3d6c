//! How a feed fares: ok → degraded → failing → dormant, and back to ok with the first answer.
//!
//! Data in: an outcome, what is remembered. Data out: the new state, and an event for each edge, in plain words.
//!
//! **Invariant:** at most one edge per poll, except that one who is gone for good rests at once.
//! **Invariant:** no edge leads anywhere from which an answer does not lead back.
//!
//! Rejected: counting failures. How many there are depends on how often one asks; how long it lasts does not.

use std::time::Duration;

use super::{event, gone, words::span};
use crate::model::{EventKind, FeedEvent, FeedMemory, FeedState, Health, PollOutcome, Timestamp, time};

/// A feed that has had no answer for this long is failing: the operator is told.
pub const FAILING_AFTER: Duration = Duration::from_secs(6 * 3_600);
/// A feed that has been failing for this long is visited seldom.
pub const DORMANT_AFTER: Duration = Duration::from_secs(14 * 86_400);
/// How often a dormant feed is visited.
pub const DORMANT_EVERY: Duration = Duration::from_secs(86_400);

pub(super) fn turn(
    now: Timestamp,
    state: &FeedState,
    outcome: &PollOutcome,
    memory: &mut FeedMemory,
    events: &mut Vec<FeedEvent>,
) {
    let lasted = memory.health_since.map_or(Duration::ZERO, |since| time::between(since, now));
    let PollOutcome::Failed(failure) = outcome else {
        if memory.health != Health::Ok {
            let so_long = match memory.health {
                Health::Degraded => format!("it answers again, after {}", span(lasted)),
                _ => "it answers again".to_owned(),
            };
            enter(now, Health::Ok, memory);
            events.push(event(EventKind::Recovered, now, so_long));
        }
        return;
    };
    let message = &failure.message;
    let (health, kind, detail) = match memory.health {
        Health::Dormant => return,
        _ if gone::is_confirmed(memory) => {
            let detail = format!("it is visited once in {} from now on", span(gone::GONE_EVERY));
            (Health::Dormant, EventKind::Dormant, detail)
        }
        Health::Ok => (Health::Degraded, EventKind::Degraded, format!("it began to fail: {message}")),
        Health::Degraded if lasted >= FAILING_AFTER => {
            let detail = match state.last_ok_at {
                Some(_) => format!("it has failed for {}: {message}", span(lasted)),
                None => format!("it could never be read: {message}"),
            };
            (Health::Failing, EventKind::Failing, detail)
        }
        Health::Failing if lasted >= DORMANT_AFTER => {
            let (long, every) = (span(lasted), span(DORMANT_EVERY));
            let detail = format!("it has failed for {long} and is visited once in {every} now: {message}");
            (Health::Dormant, EventKind::Dormant, detail)
        }
        Health::Degraded | Health::Failing => return,
    };
    enter(now, health, memory);
    events.push(event(kind, now, detail));
}

fn enter(now: Timestamp, health: Health, memory: &mut FeedMemory) {
    memory.health = health;
    memory.health_since = Some(now);
}
