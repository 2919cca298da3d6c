//! Wishes of publishers: not so often, not at night, not on Sundays.
//!
//! Data in: when a feed is due by the schedule, its [`Hints`], the latest instant allowed. Data out: when it is due.
//!
//! **Invariant:** a wish lengthens a wait and never shortens it, and never past the latest instant allowed.
//!
//! Rejected: to take `skipHours` in the zone of the feed's dates, as some do: the specification says GMT (RSS 2.0,
//! "skipHours").

use jiff::{ToSpan as _, tz::TimeZone};

use crate::model::{Hints, Timestamp, time};

/// Hours looked through: skipped days and hours have an end within a week, or none.
const HOURS: usize = 7 * 24 + 1;

/// When a feed that is due `at` is due by the wishes of its publisher, counted from `now`; not after `latest`, unless `at`
/// is.
pub fn heed(now: Timestamp, at: Timestamp, hints: &Hints, latest: Timestamp) -> Timestamp {
    if at >= latest {
        return at;
    }
    let at = hints.wait.map_or(at, |wait| at.max(time::after(now, wait)));
    awake(at.min(latest), hints).unwrap_or(latest).min(latest)
}

/// The first instant from `at` on that is in no skipped hour or day; as far into its hour as `at` is, so that feeds do not
/// all come at the stroke of the clock. `None` when all are skipped.
fn awake(at: Timestamp, hints: &Hints) -> Option<Timestamp> {
    if hints.skip_hours == 0 && hints.skip_days == 0 {
        return Some(at);
    }
    (0..HOURS).find_map(|hours| {
        let shifted = at.checked_add(i64::try_from(hours).ok()?.hours()).ok()?;
        (!is_skipped(shifted, hints)).then_some(shifted)
    })
}

fn is_skipped(at: Timestamp, hints: &Hints) -> bool {
    let local = TimeZone::UTC.to_datetime(at);
    let hour = u32::try_from(local.hour()).unwrap_or(0);
    let day = u32::try_from(local.weekday().to_monday_zero_offset()).unwrap_or(0);
    hints.skip_hours.checked_shr(hour).unwrap_or(0) & 1 == 1
        || hints.skip_days.checked_shr(day).unwrap_or(0) & 1 == 1
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_wish_is_heeded_up_to_the_bound() {
        let check = |at: &str, hints: Hints, latest: &str, want: &str| {
            let got = heed(ts("2026-11-23T12:00:00Z"), ts(at), &hints, ts(latest));
            assert_eq!(got, ts(want), "{hints:?} from {at}");
        };
        let none = Hints::default();
        let wait = |minutes: u64| Hints { wait: Some(Duration::from_secs(60 * minutes)), ..none };
        // A Monday.
        let (at, late) = ("2026-11-23T12:10:00Z", "2026-11-25T12:00:00Z");
        check(at, none, late, at);
        check(at, wait(5), late, at);
        check(at, wait(60), late, "2026-11-23T13:00:00Z");
        check(at, wait(60), "2026-11-23T12:15:00Z", "2026-11-23T12:15:00Z");
        let hours = |bits| Hints { skip_hours: bits, ..none };
        check(at, hours(0b111 << 12), late, "2026-11-23T15:10:00Z");
        check(at, hours(0b111 << 12), "2026-11-23T13:00:00Z", "2026-11-23T13:00:00Z");
        check(at, hours(1 << 11), late, at);
        check(at, hours(u32::MAX), late, late);
        let days = |bits| Hints { skip_days: bits, ..none };
        check(at, days(1), late, "2026-11-24T00:10:00Z");
        check(at, days(0b10), late, at);
        check(
            "2026-11-23T23:10:00Z",
            Hints { skip_hours: 1 << 23 | 1, skip_days: 0b10, ..none },
            late,
            "2026-11-25T01:10:00Z",
        );
        check(at, days(0b1111), late, late);
    }

    proptest! {
        #[test]
        fn a_wish_never_shortens_and_never_passes_the_bound(
            at_s in 1_i64..100_000, bound_s in 1_i64..200_000, wait_s in proptest::option::of(0_u64..300_000),
            skip_hours in any::<u32>(), skip_days in any::<u8>(),
        ) {
            let now = time::from_millis(1_750_000_000_000);
            let later = |seconds: i64| now.checked_add(SignedDuration::from_secs(seconds)).unwrap();
            let hints = Hints { wait: wait_s.map(Duration::from_secs), skip_hours, skip_days };
            let got = heed(now, later(at_s), &hints, later(bound_s));
            prop_assert!(got >= later(at_s));
            prop_assert!(got <= later(at_s.max(bound_s)));
        }
    }
}
