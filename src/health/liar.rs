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

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::model::{FailureKind, FeedId, FeedSpec, OnAdd, PollFailure};

    fn now() -> Timestamp {
        time::from_millis(1_750_000_000_000)
    }

    fn tag(tag: &str) -> Validators {
        Validators { etag: Some(tag.as_bytes().to_vec()), last_modified: None }
    }

    fn body(validators: Validators) -> PollOutcome {
        PollOutcome::Modified {
            validators,
            body_hash: 1,
            title: None,
            items: Vec::new(),
            warnings: Vec::new(),
        }
    }

    fn poll(outcome: PollOutcome, memory: FeedMemory) -> Poll {
        let (feed, at) = (FeedId(1), now());
        Poll { feed, at, outcome, next_poll_at: at, failures: 0, memory, events: Vec::new() }
    }

    fn state(memory: FeedMemory) -> FeedState {
        let url = Url::parse("https://a.example/").unwrap();
        FeedState {
            id: FeedId(1),
            spec: FeedSpec { url, title: None, interval: Duration::from_secs(900), on_add: OnAdd::Baseline },
            validators: tag("old"),
            body_hash: None,
            baseline_at: Some(now()),
            last_poll_at: None,
            last_ok_at: None,
            next_poll_at: now(),
            failures: 0,
            memory,
        }
    }

    #[test]
    fn the_question_depends_on_the_tags_of_the_body_in_full() {
        let check =
            |known: Validators, found: PollOutcome, memory: FeedMemory, want: (Trial, Option<Validators>)| {
                let mut poll = poll(found, memory);
                put_on_trial(&known, &mut poll);
                let next = match poll.outcome {
                    PollOutcome::Modified { validators, .. } => Some(validators),
                    _ => None,
                };
                assert_eq!((poll.memory.trial, next), want);
            };
        let fresh = FeedMemory::default;
        check(tag("a"), body(tag("a")), fresh(), (Trial::SameValidators, Some(tag("a"))));
        check(tag("a"), body(tag("b")), fresh(), (Trial::OldValidators, Some(tag("a"))));
        check(Validators::default(), body(tag("b")), fresh(), (Trial::No, Some(tag("b"))));
        check(tag("a"), body(Validators::default()), fresh(), (Trial::No, Some(Validators::default())));
        check(tag("a"), PollOutcome::NotModified { validators: tag("a") }, fresh(), (Trial::No, None));
        let liar = FeedMemory { liar_since: Some(now()), ..fresh() };
        check(tag("a"), body(tag("a")), liar, (Trial::No, Some(tag("a"))));
    }

    #[test]
    fn a_body_without_other_items_proves_nothing() {
        let check = |trial: Trial, counted: Counted, want: (Trial, bool)| {
            let (mut memory, mut events) = (FeedMemory { trial, ..FeedMemory::default() }, Vec::new());
            learn(now(), &mut memory, &counted, &mut events);
            assert_eq!((memory.trial, memory.liar_since.is_some()), want, "{trial:?} {counted:?}");
            assert_eq!(events.len(), usize::from(want.1));
        };
        let (same, fresh, edited) = (
            Counted { read: 5, kept: 5, ..Counted::default() },
            Counted { fresh: 1, ..Counted::default() },
            Counted { edited: 1, ..Counted::default() },
        );
        check(Trial::SameValidators, same, (Trial::No, false));
        check(Trial::SameValidators, fresh, (Trial::No, true));
        check(Trial::SameValidators, edited, (Trial::No, true));
        check(Trial::OldValidators, same, (Trial::No, false));
        check(Trial::OldValidators, fresh, (Trial::OldValidators, false));
        check(Trial::No, fresh, (Trial::No, false));
    }

    #[test]
    fn only_an_answer_decides_and_a_liar_is_believed_again_after_a_month() {
        let tried = || FeedMemory { trial: Trial::OldValidators, ..FeedMemory::default() };
        let check = |memory: FeedMemory, outcome: PollOutcome, asked: Asked, want: (Trial, bool)| {
            let (state, mut memory, mut events) = (state(memory.clone()), memory, Vec::new());
            let seen = Observation { outcome: &outcome, redirects: &[], asked, hints: None };
            judge(now(), &state, &seen, &mut memory, &mut events);
            assert_eq!((memory.trial, memory.liar_since.is_some()), want, "{outcome:?}");
        };
        let unchanged = |validators| PollOutcome::NotModified { validators };
        let failed = PollOutcome::Failed(PollFailure {
            kind: FailureKind::Timeout,
            message: String::new(),
            retry_at: None,
        });
        check(tried(), unchanged(tag("old")), Asked::Conditionally, (Trial::No, true));
        check(tried(), unchanged(tag("new")), Asked::Conditionally, (Trial::No, false));
        check(tried(), body(tag("new")), Asked::Conditionally, (Trial::No, false));
        check(tried(), failed, Asked::Conditionally, (Trial::OldValidators, false));
        check(tried(), unchanged(tag("old")), Asked::InFull, (Trial::OldValidators, false));
        let caught = |ago| FeedMemory { liar_since: Some(time::before(now(), ago)), ..FeedMemory::default() };
        let second = Duration::from_secs(1);
        check(caught(AMNESTY - second), unchanged(tag("old")), Asked::InFull, (Trial::No, true));
        check(caught(AMNESTY), unchanged(tag("old")), Asked::InFull, (Trial::No, false));
    }
}
