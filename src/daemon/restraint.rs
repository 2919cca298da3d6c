//! What the end of a visit means for its site: how long to hold it, and whether to go there less often.
//!
//! Data in: a visit and what came of it. Data out: the gate told; an event where something was learned.
//!
//! **Invariant:** a server that says "at once" (`Retry-After: 0`) is not held; one that says nothing is, for a minute.
//!
//! Rejected: holding a whole site for as long as one of its feeds was told to wait. It may be the feed alone.

use std::time::Duration;

use super::{Catalog, HostGate, site, visits::Visit};
use crate::{
    health,
    model::{EventKind, FailureKind, FeedEvent, Poll, PollOutcome, Timestamp, time},
};

/// When a site says it is asked too often, its other feeds wait as well, but no longer than this: the answer may
/// concern one feed only.
const MAX_HOST_HOLD: Duration = Duration::from_secs(15 * 60);
/// When it does not say for how long.
const UNSAID_HOLD: Duration = Duration::from_secs(60);

/// Ends a visit at the gate.
pub(super) fn end(gate: &mut HostGate, visit: &Visit, poll: &mut Poll) {
    let now = poll.at;
    gate.leave(&visit.host, hold(poll));
    let PollOutcome::Failed(failure) = &poll.outcome else {
        gate.speed_up(now, &visit.host);
        return;
    };
    let is_refusal = match failure.kind {
        FailureKind::RateLimited => failure.retry_at.is_none_or(|at| at > now),
        // Many sites say "forbidden" where they mean "too often"; to a feed that was open to us, they do.
        FailureKind::ClientError(403) => visit.state.last_ok_at.is_some(),
        _ => false,
    };
    if is_refusal && let Some(spacing) = gate.slow_down(now, &visit.host) {
        let detail = format!(
            "{} refused a visit after several within a minute ({}); it is visited at most once in {} s from now on",
            visit.host,
            failure.message,
            spacing.as_secs()
        );
        poll.events.push(FeedEvent { kind: EventKind::RateLimit, at: now, count: None, detail });
    }
}

/// Counts the redirects of a visit for the sites they led to.
pub(super) fn count_hops(
    gate: &mut HostGate,
    catalog: &Catalog,
    visit: &Visit,
    hops: &[url::Url],
    now: Timestamp,
) {
    for hop in hops {
        let name = site::group(hop, catalog.owner(hop));
        if name != visit.host {
            gate.count(now, &name, catalog.manners_at(hop));
        }
    }
}

/// The site whose measure a feed uses: the one named for it, or that of the address it is visited at.
pub(super) fn site_of(catalog: &Catalog, state: &crate::model::FeedState) -> String {
    let address = health::address(state);
    match catalog.named_group(&state.spec.url) {
        Some(name) => name.to_owned(),
        None => site::group(address, catalog.owner(address)),
    }
}

fn hold(poll: &Poll) -> Option<Timestamp> {
    match &poll.outcome {
        PollOutcome::Failed(failure) if failure.kind == FailureKind::RateLimited => {
            let until = failure.retry_at.unwrap_or_else(|| time::after(poll.at, UNSAID_HOLD));
            Some(until.min(time::after(poll.at, MAX_HOST_HOLD))).filter(|at| *at > poll.at)
        }
        _ => None,
    }
}
