//! When a trouble is told, and what is a trouble at all.
//!
//! Data in: since when it lasts, how often it was told; how the feeds fare as a whole. Data out: how often it should have
//! been told by now; whether many feeds fail together, or none answers.
//!
//! **Invariant:** the first telling is due at once, the others at rising distances: what goes on is never daily noise and
//! never forgotten.
//!
//! Rejected: to tell a trouble again whenever its words change. The words of failures change with every visit.

use std::time::Duration;

use super::words::span;
use crate::model::{FeedsAtLarge, Timestamp, time};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// A trouble that lasts so long is told again.
pub const REMINDERS: [Duration; 3] = [DAY, DAY.saturating_mul(3), DAY.saturating_mul(7)];
/// After the last of [`REMINDERS`], it is told again each time so much has passed.
pub const THEN_EVERY: Duration = DAY.saturating_mul(7);
/// A feed that fails again within this time after it answered has the same trouble as before.
pub const RELAPSE: Duration = DAY.saturating_mul(2);

/// Feeds that fail for so long count as failing together; shorter, it may be a site's maintenance.
pub const TOGETHER_AFTER: Duration = HOUR;
/// So many feeds at least must fail …
pub const TOGETHER_LEAST: u64 = 5;
/// … and so many of a hundred: whoever has feeds of hundreds of sites has a few that fail at any time.
pub const TOGETHER_PERCENT: u64 = 25;
/// It is over once fewer than so many of a hundred fail.
pub const TOGETHER_OVER_PERCENT: u64 = 12;

/// When no feed was read for so long although they were visited, it is told.
pub const UNANSWERED_AFTER: Duration = HOUR;
/// With fewer sound feeds than this nothing is said of all of them.
pub const UNANSWERED_LEAST: u64 = 3;

/// Whether feeds fail together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Together {
    /// So many that it is not about each of them.
    Many,
    /// None, or some.
    Few,
}

/// How often a trouble that began at `since` should have been told by `now`; at least once.
pub fn tellings_due(since: Timestamp, now: Timestamp) -> u32 {
    let lasted = time::between(since, now);
    let reminded = REMINDERS.iter().filter(|after| lasted >= **after).count();
    let beyond = lasted.saturating_sub(REMINDERS.last().copied().unwrap_or_default());
    let weekly = beyond.as_secs() / THEN_EVERY.as_secs();
    u32::try_from(reminded).unwrap_or(0).saturating_add(1).saturating_add(u32::try_from(weekly).unwrap_or(0))
}

/// The next instant after `now` at which it is told again.
pub fn next_telling(since: Timestamp, now: Timestamp) -> Timestamp {
    let lasted = time::between(since, now);
    let first = REMINDERS.iter().find(|after| lasted < **after).copied();
    let last = REMINDERS.last().copied().unwrap_or_default();
    let after = first.unwrap_or_else(|| {
        let weeks = lasted.saturating_sub(last).as_secs() / THEN_EVERY.as_secs() + 1;
        last.saturating_add(THEN_EVERY.saturating_mul(u32::try_from(weeks).unwrap_or(u32::MAX)))
    });
    time::after(since, after)
}

/// Whether many feeds fail together; `before` is what was said last.
pub fn together(at_large: &FeedsAtLarge, before: Together) -> Together {
    let percent = match before {
        Together::Few => TOGETHER_PERCENT,
        Together::Many => TOGETHER_OVER_PERCENT,
    };
    let many = at_large.troubled.saturating_mul(100) >= at_large.feeds.saturating_mul(percent);
    if many && at_large.troubled >= TOGETHER_LEAST { Together::Many } else { Together::Few }
}

/// Since when no feed answers, if that is so for [`UNANSWERED_AFTER`] or longer: nothing was read although half of the
/// sound feeds were visited. Visits that were not made prove nothing, so a stop of the service is no outage; nor do feeds
/// that have been failing for long.
pub fn unanswered(at_large: &FeedsAtLarge, now: Timestamp) -> Option<Timestamp> {
    let since = at_large.newest_ok?;
    let visited = at_large.visited_since.saturating_mul(2) >= at_large.sound;
    let long = time::between(since, now) >= UNANSWERED_AFTER;
    (at_large.sound >= UNANSWERED_LEAST && visited && long).then_some(since)
}

/// How long a trouble lasts, in words.
pub fn lasted(since: Timestamp, now: Timestamp) -> String {
    span(time::between(since, now))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: u64) -> Timestamp {
        time::after(time::from_millis(1_750_000_000_000), HOUR.saturating_mul(u32::try_from(hours).unwrap()))
    }

    #[test]
    fn a_trouble_is_told_at_once_after_one_three_and_seven_days_and_then_weekly() {
        let ms = |at: Timestamp| time::before(at, Duration::from_millis(1));
        assert_eq!(tellings_due(at(0), at(0)), 1);
        for (days, want) in [(1, 2), (3, 3), (7, 4), (14, 5), (21, 6), (70, 13)] {
            assert_eq!(tellings_due(at(0), at(days * 24)), want, "{days} days");
            assert_eq!(tellings_due(at(0), ms(at(days * 24))), want - 1, "just before {days} days");
            assert_eq!(next_telling(at(0), ms(at(days * 24))), at(days * 24));
        }
        assert_eq!(next_telling(at(0), at(7 * 24)), at(14 * 24));
        // A clock that was set back.
        assert_eq!(tellings_due(at(5), at(0)), 1);
    }

    #[test]
    fn many_fail_together_from_a_quarter_on_and_until_an_eighth() {
        let check = |troubled: u64, feeds: u64, before: Together, want: Together| {
            let at_large = FeedsAtLarge { feeds, troubled, ..FeedsAtLarge::default() };
            assert_eq!(together(&at_large, before), want, "{troubled} of {feeds}, {before:?}");
        };
        use Together::{Few, Many};
        check(25, 100, Few, Many);
        check(24, 100, Few, Few);
        check(12, 100, Many, Many);
        check(11, 100, Many, Few);
        check(5, 5, Few, Many);
        check(4, 4, Few, Few);
        check(4, 100, Many, Few);
        check(0, 0, Few, Few);
    }

    #[test]
    fn no_feed_answers_when_visits_were_made_for_an_hour_in_vain() {
        let of = |sound: u64, visited_since: u64| FeedsAtLarge {
            feeds: 10,
            sound,
            visited_since,
            newest_ok: Some(at(10)),
            ..FeedsAtLarge::default()
        };
        assert_eq!(unanswered(&of(3, 2), at(11)), Some(at(10)));
        assert_eq!(unanswered(&of(3, 2), time::before(at(11), Duration::from_millis(1))), None);
        assert_eq!(unanswered(&of(2, 2), at(11)), None, "too few to tell");
        assert_eq!(unanswered(&of(4, 2), at(11)), Some(at(10)));
        assert_eq!(unanswered(&of(4, 1), at(11)), None, "hardly a visit: the service was not running");
        assert_eq!(unanswered(&FeedsAtLarge { newest_ok: None, ..of(3, 3) }, at(11)), None);
    }
}
