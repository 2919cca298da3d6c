//! What the log says of polls once they are recorded.
//!
//! Data in: a recorded poll. Data out: log lines: each failure once when it begins, each event once.

use super::one_line;
use crate::model::{Poll, PollOutcome, Recorded};

/// One poll of the feed with the address `feed`.
pub(super) fn log(feed: &str, poll: &Poll, recorded: &Recorded) {
    for event in &recorded.events {
        let kind = event.kind.as_str();
        tracing::info!(feed.url = feed, event.kind = kind, "{feed}: {kind}: {}", one_line(&event.detail));
    }
    match &poll.outcome {
        PollOutcome::Modified { items, warnings, .. } => {
            for warning in warnings {
                tracing::debug!(feed.url = feed, "{feed}: mended on reading: {warning:?}");
            }
            tracing::debug!(
                feed.url = feed,
                items.read = items.len(),
                items.new = recorded.new_items.len(),
                items.matched = recorded.matched,
                "{feed}: {} items, {} new, {} matched",
                items.len(),
                recorded.new_items.len(),
                recorded.matched
            );
        }
        PollOutcome::NotModified { .. } => tracing::debug!(feed.url = feed, "{feed}: not modified"),
        // Failures in a row are not counted while nearly everything fails, or where room was lacking.
        PollOutcome::Failed(failure) if poll.failures == 1 => {
            tracing::warn!(
                feed.url = feed,
                failure.kind = failure.kind.as_str(),
                "{feed} failed: {}; it will be tried again",
                one_line(&failure.message)
            );
        }
        PollOutcome::Failed(failure) if poll.failures == 0 => {
            let kind = failure.kind.as_str();
            tracing::debug!(
                feed.url = feed,
                failure.kind = kind,
                "{feed} was not read, and is not to blame: {}",
                one_line(&failure.message)
            );
        }
        PollOutcome::Failed(failure) => {
            tracing::debug!(
                feed.url = feed,
                feed.failures = poll.failures,
                failure.kind = failure.kind.as_str(),
                "{feed} still fails: {}",
                one_line(&failure.message)
            );
        }
    }
}
