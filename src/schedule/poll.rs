//! Intervals that grow after failures and are spread by a stable hash.
//!
//! Data in: `now`, the feed's state, the outcome of the poll. Data out: an instant or a duration.
//!
//! **Invariant:** no wait is zero, and no wait is longer than its cap.
//!
//! Rejected: random jitter, which makes "when is this feed due" unanswerable and a test need a tolerance.

use std::time::Duration;

use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

use crate::model::{FeedState, PollOutcome, Timestamp, time};

/// First wait after a mail that could not be handed over.
pub const MAIL_BACKOFF_BASE: Duration = Duration::from_secs(60);
/// Longest wait between two attempts of a mail.
pub const MAIL_BACKOFF_CAP: Duration = Duration::from_secs(4 * 60 * 60);

/// Polls are spread over this part of the interval to both sides, in percent.
const POLL_SPREAD: u32 = 10;
/// Attempts of mails are spread over this part of the wait to both sides, in percent.
const MAIL_SPREAD: u32 = 20;
/// Longest `Retry-After` that is obeyed.
pub const MAX_PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);
/// What instants are stored in.
const TICK: Duration = Duration::from_millis(1);

/// Bounds of every poll interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollPolicy {
    /// Never sooner than this after the last poll. More than `max` counts as `max`.
    pub min: Duration,
    /// Longest wait after failures, but for servers that ask for more. Less than a millisecond counts
    /// as one.
    pub max: Duration,
}

/// When the feed is due again, counted from `now`, the end of the poll that had `outcome`.
///
/// After a success: at the next instant of the feed's own, which come at its interval from a place that a hash of its URL
/// picks: feeds of one interval stay spread, whenever they were started. Not sooner than an eighth of the interval or
/// `policy.min`, not later than the interval. An interval next to `policy.min` has no room for that; it is moved by up to
/// an eighth instead.
/// After failures the interval doubles with every failure in a row: [`FeedState::failures`] are those before
/// this poll, so the first failure is tried again after one interval and the second after two. At most `policy.max`. How
/// seldom a feed at rest is visited is not decided here but by its health.
/// `retry_at` of a failure is obeyed up to [`MAX_PATIENCE`].
/// The answer is in whole milliseconds when `now` is.
pub fn next_poll(now: Timestamp, state: &FeedState, outcome: &PollOutcome, policy: &PollPolicy) -> Timestamp {
    let max = policy.max.max(TICK);
    let min = policy.min.clamp(TICK, max);
    let interval = state.spec.interval.clamp(min, max);
    let phase = xxh3_64(state.spec.url.as_str().as_bytes());
    let wait = match outcome {
        PollOutcome::Modified { .. } | PollOutcome::NotModified { .. } => {
            in_its_place(now, interval, phase, min, max)
        }
        PollOutcome::Failed(failure) => {
            let grown = spread(doubled(interval, state.failures, max), POLL_SPREAD, phase, min, max);
            let asked = failure.retry_at.map_or(Duration::ZERO, |at| time::between(now, at));
            grown.max(asked.min(MAX_PATIENCE))
        }
    };
    time::after(now, wait)
}

/// The wait until the feed's own next instant.
fn in_its_place(now: Timestamp, interval: Duration, phase: u64, min: Duration, max: Duration) -> Duration {
    let eighth = interval / 8;
    if min > interval - eighth {
        return spread(interval, POLL_SPREAD, phase, interval, interval.saturating_add(eighth).min(max));
    }
    let millis = |duration: Duration| i64::try_from(duration.as_millis()).unwrap_or(i64::MAX).max(1);
    let period = millis(interval);
    let place =
        i64::try_from((u128::from(period.unsigned_abs()) * u128::from(phase >> 32)) >> 32).unwrap_or(0);
    let soonest = time::after(now, eighth.max(min)).as_millisecond();
    let ahead = place.saturating_sub(soonest).rem_euclid(period);
    let wait = soonest.saturating_add(ahead).saturating_sub(now.as_millisecond());
    // Too late by up to an eighth: once half an interval earlier, and in its place the next time.
    let wait = if wait > period { wait - period / 2 } else { wait };
    Duration::from_millis(u64::try_from(wait).unwrap_or(0)).clamp(min, interval)
}

/// How long to wait after attempt number `attempt` (the first is 1; 0 counts as 1) failed: `base`, doubled with
/// every further attempt, moved by up to 20 % by a hash of `seed` and `attempt`, at most `cap`.
///
/// Give each mail its own `seed`, so that a queue held back by one fault does not come back all at once. Whole
/// milliseconds, at least one.
pub fn backoff(attempt: u32, base: Duration, cap: Duration, seed: u64) -> Duration {
    let cap = cap.max(TICK);
    let wait = doubled(base, attempt.saturating_sub(1), cap);
    let phase = xxh3_64_with_seed(&attempt.max(1).to_le_bytes(), seed);
    spread(wait, MAIL_SPREAD, phase, TICK, cap)
}

/// `base * 2^times`, at most `cap`.
fn doubled(base: Duration, times: u32, cap: Duration) -> Duration {
    1_u32.checked_shl(times).and_then(|factor| base.checked_mul(factor)).map_or(cap, |wait| wait.min(cap))
}

/// A place within `percent` around `wait` that `phase` picks. The span is cut to `min..=max` before the place is
/// picked, so that waits at a bound are spread as well.
fn spread(wait: Duration, percent: u32, phase: u64, min: Duration, max: Duration) -> Duration {
    let reach = wait / 100 * percent;
    let low = wait.saturating_sub(reach).clamp(min, max).as_millis();
    let high = wait.saturating_add(reach).clamp(min, max).as_millis();
    let width = high.saturating_sub(low);
    // The upper half of the hash as a fraction of 2^32.
    let place = (width * u128::from(phase >> 32)) >> 32;
    Duration::from_millis(u64::try_from(low + place).unwrap_or(u64::MAX)).max(TICK)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;
    use crate::model::{FailureKind, FeedId, FeedSpec, OnAdd, PollFailure, Validators};

    const MINUTE: Duration = Duration::from_secs(60);
    const POLICY: PollPolicy = PollPolicy { min: MINUTE, max: Duration::from_secs(86_400) };

    fn state(url: &str, interval: Duration, failures: u32) -> FeedState {
        let spec = FeedSpec { url: Url::parse(url).unwrap(), title: None, interval, on_add: OnAdd::Baseline };
        FeedState { failures, ..FeedState::unread(FeedId(1), spec, Timestamp::UNIX_EPOCH) }
    }

    fn ok() -> PollOutcome {
        PollOutcome::NotModified { validators: Validators::default() }
    }

    fn failed(retry_at: Option<Timestamp>) -> PollOutcome {
        PollOutcome::Failed(PollFailure { kind: FailureKind::Timeout, message: String::new(), retry_at })
    }

    fn minutes(now: Timestamp, at: Timestamp) -> u64 {
        (time::between(now, at).as_secs() + 30) / 60
    }

    #[test]
    fn the_wait_follows_the_outcome() {
        let now = time::from_millis(1_700_000_000_000);
        let check = |failures: u32, outcome: &PollOutcome, want: std::ops::RangeInclusive<u64>| {
            let at =
                next_poll(now, &state("https://example.com/feed", 10 * MINUTE, failures), outcome, &POLICY);
            let got = minutes(now, at);
            assert!(want.contains(&got), "{failures} failures: {got} min, want {want:?}");
        };
        check(0, &ok(), 2..=10);
        check(5, &ok(), 2..=10);
        check(0, &failed(None), 9..=11);
        check(1, &failed(None), 18..=22);
        check(3, &failed(None), 72..=88);
        check(7, &failed(None), 1_152..=1_408);
        check(40, &failed(None), 1_296..=1_440);
        check(u32::MAX, &failed(None), 1_296..=1_440);
        check(0, &failed(Some(time::after(now, 90 * MINUTE))), 90..=90);
        check(0, &failed(Some(time::after(now, 3 * MINUTE))), 9..=11);
        check(0, &failed(Some(time::before(now, 3 * MINUTE))), 9..=11);
        check(0, &failed(Some(time::after(now, 90_000 * MINUTE))), 1_440..=1_440);
    }

    #[test]
    fn feeds_with_one_interval_are_spread_and_stay_where_they_are() {
        let now = time::from_millis(1_700_000_000_000);
        // Both a middling interval and one at the lower bound.
        for interval in [10 * MINUTE, MINUTE] {
            let at = |i: u32| {
                next_poll(now, &state(&format!("https://example.com/{i}"), interval, 0), &ok(), &POLICY)
            };
            let distinct: std::collections::BTreeSet<_> = (0..50).map(at).collect();
            assert!(distinct.len() > 45, "{interval:?}: {} places", distinct.len());
            assert_eq!(at(7), at(7));
        }
    }

    #[test]
    fn feeds_keep_their_places_once_they_are_there_however_late_a_visit_ends() {
        let start = time::from_millis(1_700_000_000_000);
        let mut ends = std::collections::BTreeSet::new();
        for i in 0..200 {
            let feed = state(&format!("https://example.com/{i}"), 10 * MINUTE, 0);
            let mut due = next_poll(start, &feed, &ok(), &POLICY);
            for visit in 1..20 {
                // Half a minute late, but for every third visit.
                let late = if visit % 3 == 0 { Duration::ZERO } else { MINUTE / 2 };
                let next = next_poll(time::after(due, late), &feed, &ok(), &POLICY);
                assert!(time::between(due, next) <= 10 * MINUTE + MINUTE / 2);
                due = next;
            }
            ends.insert(due.as_second().rem_euclid(600) / 60);
        }
        assert_eq!(ends.len(), 10, "some in each minute of the ten: {ends:?}");
    }

    #[test]
    fn mail_waits_double_up_to_the_cap() {
        let check = |attempt: u32, want_s: u64| {
            let got = backoff(attempt, MAIL_BACKOFF_BASE, MAIL_BACKOFF_CAP, 42).as_millis();
            let (low, high) = (u128::from(want_s) * 800, u128::from(want_s) * 1_200);
            assert!((low..=high).contains(&got), "attempt {attempt}: {got} ms");
            assert!(got <= MAIL_BACKOFF_CAP.as_millis());
        };
        check(0, 60);
        check(1, 60);
        check(2, 120);
        check(3, 240);
        check(8, 7_680);
        check(9, 14_400);
        check(33, 14_400);
        check(u32::MAX, 14_400);
        let places: std::collections::BTreeSet<_> =
            (0..50).map(|seed| backoff(20, MAIL_BACKOFF_BASE, MAIL_BACKOFF_CAP, seed)).collect();
        assert!(places.len() > 45, "waits at the cap are spread");
    }

    proptest! {
        #[test]
        fn a_poll_is_never_due_now_and_never_later_than_max(
            now_ms in 0_i64..4_000_000_000_000,
            interval_s in 0_u64..10_000_000,
            failures in any::<u32>(),
            min_ms in 0_u64..100_000_000,
            max_ms in 1_u64..100_000_000,
            retry_ms in proptest::option::of(0_i64..4_000_000_000_000),
            fails in any::<bool>(),
            path in "[a-z]{0,8}",
        ) {
            let now = time::from_millis(now_ms);
            let policy =
                PollPolicy { min: Duration::from_millis(min_ms), max: Duration::from_millis(max_ms) };
            let outcome = if fails { failed(retry_ms.map(time::from_millis)) } else { ok() };
            let feed = state(&format!("https://example.com/{path}"), Duration::from_secs(interval_s), failures);
            let at = next_poll(now, &feed, &outcome, &policy);
            prop_assert!(at > now);
            let patience = if fails && retry_ms.is_some() { MAX_PATIENCE } else { Duration::ZERO };
            prop_assert!(at <= time::after(now, policy.max.max(patience)));
            prop_assert!(at >= time::after(now, policy.min.min(policy.max)));
            prop_assert_eq!(at, time::whole_millis(at));
        }

        #[test]
        fn a_mail_waits_at_least_a_moment_and_at_most_the_cap(
            attempt in any::<u32>(), base_ms in 0_u64..10_000_000, cap_ms in 1_u64..100_000_000, seed in any::<u64>(),
        ) {
            let (base, cap) = (Duration::from_millis(base_ms), Duration::from_millis(cap_ms));
            let wait = backoff(attempt, base, cap, seed);
            prop_assert!(wait > Duration::ZERO && wait <= cap);
            prop_assert!(backoff(attempt.saturating_add(1), base, cap, seed) * 2 >= wait);
        }
    }
}
