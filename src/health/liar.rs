//! Liars: servers whose 304s or ETags are untrue.
//!
//! Data in: how a feed was asked and what it answered. Data out: what to ask next, and an event once it is proven.
//!
//! Once a day a feed is asked for in full. Two proofs are taken:
//! * The body has other items under the very validators of the body before: whoever asks with them hears of nothing new.
//! * The body has other items under new validators. That is no proof yet, they may have come since the last visit. So
//!   the next request carries the old validators once more, which are known to be out of date by now: a 304 is a lie.
//!
//! A liar is asked for in full from then on; after [`AMNESTY`] it is believed again until it is caught again.
//!
//! **Invariant:** bytes alone prove nothing: a body that differs in its build date only has no other items.
//!
//! Rejected: to call each change found by the daily visit a lie. A feed with news every quarter of an hour has a good
//! chance of some within the last one.

use std::time::Duration;

use super::{Asked, Observation};
use crate::model::{
    Counted, EventKind, FeedEvent, FeedMemory, FeedState, Poll, PollOutcome, Timestamp, Trial, Validators,
    time,
};

/// A liar is believed again after this; should it still lie, the daily visit finds out.
const AMNESTY: Duration = Duration::from_secs(30 * 86_400);

/// Puts the question after a feed that is believed was asked for in full although it has the validators `known`: decides
/// what the next request carries.
pub fn put_on_trial(known: &Validators, poll: &mut Poll) {
    if *known == Validators::default() || poll.memory.liar_since.is_some() {
        return;
    }
    let PollOutcome::Modified { validators, .. } = &mut poll.outcome else { return };
    if validators == known {
        poll.memory.trial = Trial::SameValidators;
    } else if *validators != Validators::default() {
        known.clone_into(validators);
        poll.memory.trial = Trial::OldValidators;
    }
}

/// Judges the answer to the question, before it is recorded.
pub(super) fn judge(
    now: Timestamp,
    state: &FeedState,
    seen: &Observation<'_>,
    memory: &mut FeedMemory,
    events: &mut Vec<FeedEvent>,
) {
    if memory.liar_since.is_some_and(|since| time::between(since, now) >= AMNESTY) {
        memory.liar_since = None;
    }
    let succeeded = !matches!(seen.outcome, PollOutcome::Failed(_));
    if memory.trial == Trial::No || !succeeded || seen.asked == Asked::InFull {
        return;
    }
    // What was asked with comes back with a 304; a body brings validators of its own.
    let denied =
        matches!(seen.outcome, PollOutcome::NotModified { validators } if *validators == state.validators);
    memory.trial = Trial::No;
    if denied {
        convict(now, memory, events, "it answers “not modified” although its items have changed");
    }
}

/// Judges a body once its items are counted.
pub(super) fn learn(at: Timestamp, memory: &mut FeedMemory, counted: &Counted, events: &mut Vec<FeedEvent>) {
    let changed = counted.fresh > 0 || counted.edited > 0;
    match memory.trial {
        Trial::SameValidators => {
            memory.trial = Trial::No;
            if changed {
                convict(at, memory, events, "its items have changed under the same ETag or date");
            }
        }
        Trial::OldValidators if !changed => memory.trial = Trial::No,
        Trial::OldValidators | Trial::No => {}
    }
}

fn convict(at: Timestamp, memory: &mut FeedMemory, events: &mut Vec<FeedEvent>, what: &str) {
    memory.liar_since = Some(at);
    let detail = format!("{what}; it is read in full at each visit from now on");
    events.push(FeedEvent { kind: EventKind::Liar, at, count: None, detail });
}
