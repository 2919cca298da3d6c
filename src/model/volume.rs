//! The days of the bar charts in digests.
//!
//! Data in: now and the reader's zone. Data out: the instants at which days begin.
//!
//! **Invariant:** days are those of the reader's zone: the one in which the clocks change has 23 or 25 hours.
//!
//! Rejected: days of 24 hours back from now, whose bars belong to no day a reader could name.

use jiff::{ToSpan, civil::Time, tz::TimeZone};

use super::Timestamp;

/// Days a digest shows.
pub const VOLUME_DAYS: usize = 14;
/// Most days ever asked for: a quarter of a year.
pub const MAX_VOLUME_DAYS: usize = 92;

/// The instants between which the local days up to `now` lie: `days + 1` of them (at most [`MAX_VOLUME_DAYS`]` + 1`),
/// rising, the last is `now`. Day `n` is `[bounds[n], bounds[n + 1])`. Fewer at the start of time.
pub fn day_bounds(now: Timestamp, zone: &TimeZone, days: usize) -> Vec<Timestamp> {
    let today = zone.to_datetime(now).date();
    let mut bounds: Vec<Timestamp> = (0..days.min(MAX_VOLUME_DAYS))
        .rev()
        .filter_map(|back| {
            let day = today.checked_sub(i64::try_from(back).ok()?.days()).ok()?;
            zone.to_ambiguous_timestamp(day.to_datetime(Time::midnight())).compatible().ok()
        })
        .collect();
    bounds.push(now);
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_local_midnight_also_when_the_clocks_change() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let now: Timestamp = "2026-10-26T09:00:00Z".parse().unwrap();
        let got: Vec<String> = day_bounds(now, &zone, 3).iter().map(ToString::to_string).collect();
        // British Summer Time ends on 25 October 2026.
        let want =
            ["2026-10-23T23:00:00Z", "2026-10-24T23:00:00Z", "2026-10-26T00:00:00Z", "2026-10-26T09:00:00Z"];
        assert_eq!(got, want);
    }

    #[test]
    fn days_are_limited_at_n_and_n_plus_1() {
        let now: Timestamp = "2026-10-26T09:00:00Z".parse().unwrap();
        let bounds = |days| day_bounds(now, &TimeZone::UTC, days).len();
        assert_eq!((bounds(0), bounds(1)), (1, 2));
        assert_eq!(bounds(MAX_VOLUME_DAYS), MAX_VOLUME_DAYS + 1);
        assert_eq!(bounds(MAX_VOLUME_DAYS + 1), MAX_VOLUME_DAYS + 1);
    }
}
