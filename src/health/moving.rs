//! Permanent redirects: believed once they have held, and taken back when the new address fails.
//!
//! Data in: the redirects a poll followed, what came of it, how its items compare with those stored. Data out: the
//! address under watch, the one adopted, and events.
//!
//! **Invariant:** an address is adopted only when every hop to it was permanent (301, 308), it gave the feed in
//! [`MOVED_POLLS`] polls in a row, and it has items that were known.
//! **Invariant:** from https nothing is adopted but https.
//! **Invariant:** the configured address stays the feed's identity, and the fallback.
//!
//! Rejected: adopting at once, as RFC 9110 §15.4.2 would have it: hotel networks, expired domains and mistakes of an
//! afternoon answer 301 too.

use url::Url;

use super::{Observation, event};
use crate::model::{
    Counted, EventKind, FailureKind, FeedEvent, FeedMemory, FeedState, Moving, PollOutcome, Redirect,
    Timestamp,
};

/// Polls in a row that must find the feed at the same place.
pub const MOVED_POLLS: u32 = 3;
/// Failures in a row after which an adopted address is given up.
pub const MOVED_BACK_FAILURES: u32 = 3;

/// The address a feed is visited at.
pub fn address(state: &FeedState) -> &Url {
    state.memory.moved_to.as_ref().unwrap_or(&state.spec.url)
}

/// Notes where a poll was led. Whether to follow for good is decided at once where the body was the known one, else in
/// [`confirm`], where its items are counted.
pub(super) fn watch(
    now: Timestamp,
    state: &FeedState,
    seen: &Observation<'_>,
    memory: &mut FeedMemory,
    events: &mut Vec<FeedEvent>,
) {
    if let PollOutcome::Failed(failure) = seen.outcome {
        memory.moving = None;
        let failures = state.failures.saturating_add(1);
        if failures >= MOVED_BACK_FAILURES
            && failure.kind != FailureKind::RateLimited
            && let Some(left) = memory.moved_to.take()
        {
            let detail = format!(
                "{left} failed {failures} times in a row, so the configured address is visited again: {}",
                failure.message
            );
            events.push(event(EventKind::MovedBack, now, detail));
            // What was read there is no window that the configured address moves on from.
            memory.window_items = 0;
        }
        return;
    }
    let here = address(state);
    memory.answered_by = Some(seen.redirects.last().map_or(here, |last| &last.to).clone())
        .filter(|url| *url != state.spec.url);
    memory.moving = permanent_target(here, seen.redirects).map(|to| match memory.moving.take() {
        Some(moving) if moving.to == *to => Moving { polls: moving.polls.saturating_add(1), ..moving },
        _ => Moving { to: to.clone(), polls: 1, since: now },
    });
    if matches!(seen.outcome, PollOutcome::NotModified { .. }) {
        adopt(now, memory, events);
    }
}

/// Decides once the items of a body are counted: one that shares none with what was known is another feed, and the
/// watch begins anew.
pub(super) fn confirm(
    now: Timestamp,
    memory: &mut FeedMemory,
    counted: &Counted,
    events: &mut Vec<FeedEvent>,
) {
    if counted.baseline {
        return;
    }
    if counted.fresh >= counted.read {
        memory.moving = None;
    }
    adopt(now, memory, events);
}

fn adopt(now: Timestamp, memory: &mut FeedMemory, events: &mut Vec<FeedEvent>) {
    let Some(moving) = memory.moving.take_if(|moving| moving.polls >= MOVED_POLLS) else { return };
    let detail = format!(
        "it has moved for good to {}, as {} visits in a row found; that address is visited from now on, and the \
         configured one if it fails",
        moving.to, moving.polls
    );
    memory.moved_to = Some(moving.to);
    events.push(event(EventKind::Moved, now, detail));
}

fn permanent_target<'a>(from: &Url, redirects: &'a [Redirect]) -> Option<&'a Url> {
    let to = &redirects.last()?.to;
    let is_permanent = redirects.iter().all(|hop| matches!(hop.status, 301 | 308));
    let hops = || std::iter::once(from).chain(redirects.iter().map(|hop| &hop.to));
    let stays_secure = !hops().any(|url| url.scheme() == "https") || to.scheme() == "https";
    (is_permanent && stays_secure && to != from).then_some(to)
}
