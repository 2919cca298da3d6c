//! Local times of day as instants: digests and quiet hours.
//!
//! Data in: an instant, a policy and its zone. Data out: instants.
//!
//! **Invariant:** a local time names exactly one instant a day. Where clocks jump over it, that is the first
//! instant after the jump; where it comes twice, the first of the two.
//! **Invariant:** later local times never name an earlier instant, so digests keep their order.
//!
//! Rejected: moving a skipped time on by the length of the jump (01:30 becomes 02:30), as it can put two times
//! of one day in the wrong order.

use jiff::{
    SignedDuration, Span,
    civil::{Date, Time},
    tz::{AmbiguousOffset, TimeZone},
};

use super::dates::{falls_on, reach};
use crate::model::{DigestPolicy, QuietHours, Timestamp};

/// The first instant after `after` at which a digest is due; `None` when the policy has no days or no times.
///
/// The date is the local one the time belongs to.
pub fn next_digest(after: Timestamp, policy: &DigestPolicy, zone: &TimeZone) -> Option<Timestamp> {
    let today = zone.to_datetime(after).date();
    (-1..=reach(policy.on))
        .find_map(|offset| due_on(day(today, offset)?, policy, zone).find(|at| *at > after))
}

/// The latest instant in (`not_before`, `now`] at which a digest was due: one digest catches up on all that
/// were missed. `None` when there was none.
pub fn last_digest(
    now: Timestamp,
    policy: &DigestPolicy,
    zone: &TimeZone,
    not_before: Timestamp,
) -> Option<Timestamp> {
    let today = zone.to_datetime(now).date();
    // A date and the next instant of it in UTC are less than two days apart.
    let bound = zone.to_datetime(not_before).date().checked_sub(Span::new().days(2)).unwrap_or(Date::MIN);
    let last = (-1..=reach(policy.on))
        .map_while(|offset| day(today, -offset))
        .take_while(|date| *date >= bound)
        .find_map(|date| due_on(date, policy, zone).filter(|at| *at <= now).max())?;
    (last > not_before).then_some(last)
}

/// The end of the quiet hours `now` lies in; `None` outside of them. The end is later than `now`.
///
/// Hours from 22:00 to 07:00 span midnight. Equal ends mean never quiet. The start belongs to the hours, the end
/// does not.
pub fn quiet_until(now: Timestamp, quiet: &QuietHours) -> Option<Timestamp> {
    if quiet.from == quiet.to {
        return None;
    }
    let today = quiet.zone.to_datetime(now).date();
    let spans_midnight = i64::from(quiet.to < quiet.from);
    (-1..=1).find_map(|offset| {
        let start = instant(day(today, offset)?, quiet.from, &quiet.zone)?;
        let end = instant(day(today, offset + spans_midnight)?, quiet.to, &quiet.zone)?;
        (start <= now && now < end).then_some(end)
    })
}

/// The first instants of the last `days` whole local days before the one `now` lies in, and that one's: rising,
/// `days + 1` of them but at the beginning of time.
pub fn day_edges(now: Timestamp, zone: &TimeZone, days: usize) -> Vec<Timestamp> {
    let today = zone.to_datetime(now).date();
    let back = i64::try_from(days).unwrap_or(0);
    let mut edges: Vec<Timestamp> =
        (-back..=0).filter_map(|offset| instant(day(today, offset)?, Time::midnight(), zone)).collect();
    // A date that a zone skipped begins with the next.
    edges.sort_unstable();
    edges
}

/// The due instants of one local date, in order; none when the date is not one of the policy's days.
fn due_on<'a>(
    date: Date,
    policy: &'a DigestPolicy,
    zone: &'a TimeZone,
) -> impl Iterator<Item = Timestamp> + 'a {
    let times = if falls_on(date, policy.on) { policy.at.as_slice() } else { &[] };
    times.iter().filter_map(move |at| instant(date, *at, zone))
}

fn day(date: Date, offset: i64) -> Option<Date> {
    date.checked_add(SignedDuration::from_hours(24 * offset)).ok()
}

/// The one instant that `at` names on `date`; `None` at the ends of time only.
fn instant(date: Date, at: Time, zone: &TimeZone) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(date.to_datetime(at));
    let skipped = matches!(ambiguous.offset(), AmbiguousOffset::Gap { .. });
    // Before a fold this is its first pass; for a gap it lies beyond the jump.
    let resolved = ambiguous.compatible().ok()?;
    if !skipped {
        return Some(resolved);
    }
    let beyond = resolved.checked_add(SignedDuration::from_nanos(1)).ok()?;
    zone.preceding(beyond).next().map(|jump| jump.timestamp()).or(Some(resolved))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{Dates, Days, MonthDays, Summary, WhenEmpty, time};

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn policy(times: &[&str], days: &str) -> DigestPolicy {
        let flags: Vec<bool> = days.chars().map(|c| c == 'x').collect();
        DigestPolicy {
            at: times.iter().map(|t| t.parse().unwrap()).collect(),
            on: Dates::Weekdays(Days(flags.try_into().unwrap())),
            when_empty: WhenEmpty::Send,
            escalate: None,
            summary: Summary::Digest,
        }
    }

    fn ts(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn digests_are_due_at_local_times_on_local_days() {
        let check = |name: &str, times: &[&str], days: &str, after: &str, want: &str| {
            let got = next_digest(ts(after), &policy(times, days), &zone(name));
            assert_eq!(got, Some(ts(want)), "{name} {times:?} {days} after {after}");
        };
        let (all, weekdays) = ("xxxxxxx", "xxxxx__");
        check("Asia/Shanghai", &["07:30", "17:00"], all, "2026-11-22T23:29:59Z", "2026-11-22T23:30:00Z");
        check("Asia/Shanghai", &["07:30", "17:00"], all, "2026-11-22T23:30:00Z", "2026-11-23T09:00:00Z");
        check("Asia/Shanghai", &["07:30", "17:00"], all, "2026-11-23T09:00:00Z", "2026-11-23T23:30:00Z");
        // 2026-11-20 is a Friday.
        check("Asia/Shanghai", &["07:30"], weekdays, "2026-11-19T23:30:00Z", "2026-11-22T23:30:00Z");
        check("America/New_York", &["17:00"], weekdays, "2026-11-20T22:00:00Z", "2026-11-23T22:00:00Z");
        check("Europe/London", &["07:30"], "x______", "2026-11-23T07:30:00Z", "2026-11-30T07:30:00Z");
        // Skipped: due at the first instant after the jump.
        check("Europe/London", &["01:30"], all, "2025-03-29T12:00:00Z", "2025-03-30T01:00:00Z");
        check("Europe/London", &["01:30"], all, "2025-03-30T01:00:00Z", "2025-03-31T00:30:00Z");
        check("America/New_York", &["02:30"], all, "2025-03-09T00:00:00Z", "2025-03-09T07:00:00Z");
        check("America/New_York", &["02:30", "03:00"], all, "2025-03-09T07:00:00Z", "2025-03-10T06:30:00Z");
        // Twice: due at the first, once.
        check("Europe/London", &["01:30"], all, "2025-10-25T12:00:00Z", "2025-10-26T00:30:00Z");
        check("Europe/London", &["01:30"], all, "2025-10-26T00:30:00Z", "2025-10-27T01:30:00Z");
        check("America/New_York", &["01:30"], all, "2025-11-02T05:30:00Z", "2025-11-03T06:30:00Z");
        // Apia had no 30 December 2011.
        check("Pacific/Apia", &["07:30"], all, "2011-12-29T17:30:00Z", "2011-12-30T10:00:00Z");
        check("Pacific/Apia", &["07:30"], all, "2011-12-30T10:00:00Z", "2011-12-30T17:30:00Z");
    }

    #[test]
    fn cron_lines_and_spans_follow_the_same_rules() {
        let check = |on: Dates, times: &[&str], after: &str, want: &str| {
            let due = DigestPolicy { on, ..policy(times, "xxxxxxx") };
            assert_eq!(next_digest(ts(after), &due, &zone("Europe/London")), Some(ts(want)), "after {after}");
        };
        let cron = |months, days, weekdays| Dates::Cron { months, days, weekdays };
        let weekdays = Days([true, true, true, true, true, false, false]);
        let always = cron(0x1ffe, MonthDays::Any, weekdays);
        check(always, &["07:30"], "2026-11-20T08:00:00Z", "2026-11-23T07:30:00Z");
        // Skipped and repeated hours, as with plain times. 2025-03-30 and 2025-10-26 are Sundays.
        let all = cron(0x1ffe, MonthDays::Any, Days::ALL);
        check(all, &["01:30"], "2025-03-29T12:00:00Z", "2025-03-30T01:00:00Z");
        check(all, &["01:30"], "2025-10-26T00:30:00Z", "2025-10-27T01:30:00Z");
        check(
            cron(1 << 2, MonthDays::Listed(1 << 29), Days::ALL),
            &["12:00"],
            "2096-03-01T00:00:00Z",
            "2104-02-29T12:00:00Z",
        );
        // Every six hours: by the clock on the wall, so that five or seven hours pass in the nights of a change.
        let six = &["00:00", "06:00", "12:00", "18:00"];
        check(Dates::Every(1), six, "2025-03-30T00:00:00Z", "2025-03-30T05:00:00Z");
        check(Dates::Every(1), six, "2025-10-25T23:00:00Z", "2025-10-26T06:00:00Z");
        check(Dates::Every(7), &["12:00"], "2026-11-23T12:00:00Z", "2026-11-30T12:00:00Z");
    }

    #[test]
    fn days_begin_at_local_midnight_or_after_the_jump_over_it() {
        let check = |name: &str, now: &str, want: &[&str]| {
            let want: Vec<Timestamp> = want.iter().map(|at| ts(at)).collect();
            assert_eq!(day_edges(ts(now), &zone(name), want.len() - 1), want, "{name} at {now}");
        };
        check("Asia/Shanghai", "2026-11-23T23:30:00Z", &["2026-11-22T16:00:00Z", "2026-11-23T16:00:00Z"]);
        check("Europe/London", "2025-03-31T10:00:00Z", &["2025-03-30T00:00:00Z", "2025-03-30T23:00:00Z"]);
        check(
            "Pacific/Apia",
            "2011-12-30T12:00:00Z",
            &["2011-12-29T10:00:00Z", "2011-12-30T10:00:00Z", "2011-12-30T10:00:00Z"],
        );
    }

    #[test]
    fn no_days_means_no_digest() {
        let none = policy(&["07:30"], "_______");
        assert_eq!(next_digest(ts("2026-11-23T00:00:00Z"), &none, &TimeZone::UTC), None);
        assert_eq!(last_digest(ts("2026-11-23T00:00:00Z"), &none, &TimeZone::UTC, Timestamp::MIN), None);
    }

    #[test]
    fn missed_digests_are_caught_up_once() {
        let check = |now: &str, not_before: &str, want: Option<&str>| {
            let due = policy(&["07:30", "17:00"], "xxxxx__");
            let got = last_digest(ts(now), &due, &zone("Europe/London"), ts(not_before));
            assert_eq!(got, want.map(ts), "now {now}, not before {not_before}");
        };
        check("2026-11-23T07:29:59Z", "2026-11-20T17:00:00Z", None);
        check("2026-11-23T07:30:00Z", "2026-11-20T17:00:00Z", Some("2026-11-23T07:30:00Z"));
        check("2026-11-23T12:00:00Z", "2026-11-20T17:00:00Z", Some("2026-11-23T07:30:00Z"));
        check("2026-11-23T12:00:00Z", "2026-11-23T07:30:00Z", None);
        // Down for two weeks, back on a Sunday.
        check("2026-11-22T12:00:00Z", "2026-11-06T17:00:00Z", Some("2026-11-20T17:00:00Z"));
    }

    #[test]
    fn quiet_hours_span_midnight_and_clock_changes() {
        let check = |from: &str, to: &str, now: &str, want: Option<&str>| {
            let quiet = QuietHours {
                from: from.parse().unwrap(),
                to: to.parse().unwrap(),
                zone: zone("Europe/London"),
            };
            assert_eq!(quiet_until(ts(now), &quiet), want.map(ts), "{from}-{to} at {now}");
        };
        check("22:00", "07:00", "2026-11-23T21:59:59Z", None);
        check("22:00", "07:00", "2026-11-23T22:00:00Z", Some("2026-11-24T07:00:00Z"));
        check("22:00", "07:00", "2026-11-24T03:00:00Z", Some("2026-11-24T07:00:00Z"));
        check("22:00", "07:00", "2026-11-24T06:59:59.999Z", Some("2026-11-24T07:00:00Z"));
        check("22:00", "07:00", "2026-11-24T07:00:00Z", None);
        check("12:00", "13:30", "2026-11-24T12:00:00Z", Some("2026-11-24T13:30:00Z"));
        check("12:00", "13:30", "2026-11-24T13:30:00Z", None);
        check("12:00", "12:00", "2026-11-24T12:00:00Z", None);
        check("00:00", "00:00", "2026-11-24T00:00:00Z", None);
        check("13:00", "00:00", "2026-11-24T23:00:00Z", Some("2026-11-25T00:00:00Z"));
        // The night clocks go forward is an hour shorter, the night they go back an hour longer.
        check("22:00", "07:00", "2025-03-29T23:00:00Z", Some("2025-03-30T06:00:00Z"));
        check("22:00", "07:00", "2025-10-25T21:00:00Z", Some("2025-10-26T07:00:00Z"));
        // Both ends are skipped: no such hours that night.
        check("01:10", "01:50", "2025-03-30T01:00:00Z", None);
        check("22:00", "01:30", "2025-03-30T00:59:59Z", Some("2025-03-30T01:00:00Z"));
        // Both ends come twice: quiet in the first pass only.
        check("01:10", "01:50", "2025-10-26T00:30:00Z", Some("2025-10-26T00:50:00Z"));
        check("01:10", "01:50", "2025-10-26T01:30:00Z", None);
    }

    proptest! {
        #[test]
        fn next_and_last_agree(
            now_s in 1_262_304_000_i64..2_000_000_000,
            minutes in proptest::collection::btree_set(0_i8..48, 1..4),
            mask in 1_u8..128,
            zone_index in 0_usize..4,
            kind in 0_usize..3,
        ) {
            let name = ["Europe/London", "America/New_York", "Asia/Shanghai", "Pacific/Apia"][zone_index];
            let due = DigestPolicy {
                at: minutes.into_iter().map(|m| jiff::civil::time(m / 2, (m % 2) * 30, 0, 0)).collect(),
                on: [
                    Dates::Weekdays(Days(std::array::from_fn(|i| mask & (1 << i) != 0))),
                    Dates::Every(u16::from(mask)),
                    Dates::Cron {
                        months: 1 << (1 + mask % 12),
                        days: MonthDays::Listed(1 << (1 + mask % 28)),
                        weekdays: Days::ALL,
                    },
                ][kind],
                when_empty: WhenEmpty::Skip,
                escalate: None,
                summary: Summary::Digest,
            };
            let now = time::from_millis(now_s * 1_000);
            let next = next_digest(now, &due, &zone(name)).unwrap();
            prop_assert!(next > now);
            prop_assert_eq!(last_digest(next, &due, &zone(name), now), Some(next));
            let before = time::from_millis(next.as_millisecond() - 1);
            prop_assert_eq!(last_digest(before, &due, &zone(name), now), None);
        }
    }
}
