//! 410 Gone: a publisher who says so for days is believed.
//!
//! Data in: outcomes. Data out: how often and since when it was said, and an event once it is believed.
//!
//! **Invariant:** one 410 changes nothing but the count: servers have said it by mistake.

use std::time::Duration;

use super::{event, words::span};
use crate::model::{EventKind, FailureKind, FeedEvent, FeedMemory, Gone, PollOutcome, Timestamp, time};

/// A further one counts only when so much time has passed since the first, for each counted before: so the third counts
/// after three days.
pub const GONE_SPACING: Duration = Duration::from_secs(36 * 3_600);
/// How often a feed that is gone is visited.
pub const GONE_EVERY: Duration = Duration::from_secs(30 * 86_400);

pub(super) fn count(
    now: Timestamp,
    outcome: &PollOutcome,
    memory: &mut FeedMemory,
    events: &mut Vec<FeedEvent>,
) {
    let was_confirmed = is_confirmed(memory);
    match outcome {
        PollOutcome::Failed(failure) => match failure.kind {
            FailureKind::Gone => {
                let gone = memory.gone.unwrap_or(Gone { polls: 0, since: now });
                let counts = time::between(gone.since, now) >= GONE_SPACING.saturating_mul(gone.polls);
                memory.gone = Some(Gone { polls: gone.polls.saturating_add(u32::from(counts)), ..gone });
            }
            // The server says something else now.
            FailureKind::ClientError(_) | FailureKind::ServerError(_) | FailureKind::NotAFeed
                if !was_confirmed =>
            {
                memory.gone = None;
            }
            _ => {}
        },
        _ => memory.gone = None,
    }
    if !was_confirmed
        && is_confirmed(memory)
        && let Some(gone) = memory.gone
    {
        let long = span(time::between(gone.since, now));
        let detail = format!(
            "its server has said for {long} that it is gone for good (410); remove it, or give its new address"
        );
        events.push(event(EventKind::Gone, now, detail));
    }
}

/// Whether it has been said often and long enough.
pub(super) fn is_confirmed(memory: &FeedMemory) -> bool {
    memory.gone.is_some_and(|gone| gone.is_confirmed())
}
