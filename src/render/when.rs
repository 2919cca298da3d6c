//! Times, spans and counts as readers see them.
//!
//! Data in: instants and the reader's zone. Data out: short English.
//!
//! **Invariant:** a time with its date carries the zone's abbreviation at that instant (BST or GMT).
//!
//! Rejected: "3 hours ago", which is wrong by the time the mail is read.

use jiff::tz::TimeZone;

use crate::model::Timestamp;

/// `Mon 23 Nov 2026, 07:12 GMT`
pub(super) fn full(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%a %-d %b %Y, %H:%M %Z").to_string()
}

/// `07:12`
pub(super) fn time(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%H:%M").to_string()
}

/// `07:12` when that is the same local day as `other`, otherwise `Fri 20 Nov, 07:12`.
pub(super) fn beside(at: Timestamp, other: Timestamp, zone: &TimeZone) -> String {
    if zone.to_datetime(at).date() == zone.to_datetime(other).date() {
        return time(at, zone);
    }
    at.to_zoned_datetime(zone.clone()).strftime("%a %-d %b, %H:%M").to_string()
}

/// `22:00` when `at` is less than a day before `now`, otherwise `Fri 20 Nov, 22:00`.
pub(super) fn since(at: Timestamp, now: Timestamp, zone: &TimeZone) -> String {
    const DAY: i64 = 24 * 60 * 60;
    let recent = now.duration_since(at).as_secs() < DAY;
    beside(at, if recent { at } else { now }, zone)
}

/// The zone's IANA name, or its abbreviation at `at` where it has none.
pub(super) fn zone_name(at: Timestamp, zone: &TimeZone) -> String {
    match zone.iana_name() {
        Some(name) => name.to_owned(),
        None => at.to_zoned_datetime(zone.clone()).strftime("%Z").to_string(),
    }
}

/// `under 1 min`, `9 min`, `3 h`, `4 days`: whole units, rounded down.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => "under 1 min".to_owned(),
        60..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `3,411`
pub(super) fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_local_with_the_zone_of_that_day() {
        let check = |at: &str, zone: &str, want: &str| {
            assert_eq!(full(at.parse().unwrap(), &TimeZone::get(zone).unwrap()), want);
        };
        check("2026-11-23T07:12:59Z", "Europe/London", "Mon 23 Nov 2026, 07:12 GMT");
        check("2026-07-05T07:12:00Z", "Europe/London", "Sun 5 Jul 2026, 08:12 BST");
        check("2026-11-23T17:12:00Z", "Asia/Shanghai", "Tue 24 Nov 2026, 01:12 CST");
        check("2026-11-23T03:12:00Z", "America/New_York", "Sun 22 Nov 2026, 22:12 EST");
        check("2026-11-23T03:12:00Z", "UTC", "Mon 23 Nov 2026, 03:12 UTC");
    }

    #[test]
    fn short_forms_carry_the_date_when_it_is_needed() {
        let ts = |text: &str| -> Timestamp { text.parse().unwrap() };
        let london = TimeZone::get("Europe/London").unwrap();
        let now = ts("2026-11-23T07:00:00Z");
        assert_eq!(since(ts("2026-11-22T22:00:00Z"), now, &london), "22:00");
        assert_eq!(since(ts("2026-11-20T22:00:00Z"), now, &london), "Fri 20 Nov, 22:00");
        assert_eq!(beside(ts("2026-11-22T22:00:00Z"), now, &london), "Sun 22 Nov, 22:00");
        assert_eq!(beside(ts("2026-11-23T00:00:00Z"), now, &london), "00:00");
        assert_eq!(zone_name(now, &london), "Europe/London");
    }

    #[test]
    fn spans_and_counts_read_well() {
        let check = |seconds: u64, want: &str| assert_eq!(span(seconds), want);
        check(0, "under 1 min");
        check(59, "under 1 min");
        check(60, "1 min");
        check(7_199, "119 min");
        check(7_200, "2 h");
        check(172_800, "2 days");
        let check = |n: u64, want: &str| assert_eq!(count(n), want);
        check(0, "0");
        check(999, "999");
        check(3_411, "3,411");
        check(1_234_567, "1,234,567");
    }
}
