//! After a stop: what is overdue comes back a little at a time.
//!
//! Data in: how many feeds are overdue. Data out: when each of them is due, by its place in the queue.
//!
//! **Invariant:** the queue keeps its order, all are due within [`RAMP`] or the interval, and beyond the first
//! [`BURST`] never more than needed for that, or [`RATE`], come within a second.
//!
//! Rejected: all at once, and the limits per site to hold them back. A thousand sites answer at once; the machine's line
//! and resolver are one.

use std::time::Duration;

use crate::model::{Timestamp, time};

/// Time within which all that is overdue is visited, politeness permitting.
pub const RAMP: Duration = Duration::from_secs(600);
/// The first of the queue start at once.
pub const BURST: usize = 32;
/// Visits that begin in a second, where there are not so many that they need a quicker pace.
pub const RATE: u32 = 10;

/// When the feed that is number `place` (from 0) of `overdue` is due.
pub fn ramped(now: Timestamp, place: usize, overdue: usize, interval: Duration) -> Timestamp {
    let queued = u32::try_from(overdue.saturating_sub(BURST)).unwrap_or(u32::MAX).max(1);
    let number = u32::try_from(place.saturating_sub(BURST - 1)).unwrap_or(u32::MAX);
    let step = (RAMP.min(interval) / queued).min(Duration::from_secs(1) / RATE);
    time::after(
        now,
        Duration::from_millis(u64::try_from((step * number.min(queued)).as_millis()).unwrap_or(0)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_overdue_feeds_come_back_at_a_bounded_rate_oldest_first() {
        let now = time::from_millis(1_750_000_000_000);
        let check = |overdue: usize, interval_s: u64, a_second: usize, within_s: u64| {
            let interval = Duration::from_secs(interval_s);
            let at: Vec<Timestamp> =
                (0..overdue).map(|place| ramped(now, place, overdue, interval)).collect();
            assert!(at.is_sorted(), "oldest first");
            assert!(*at.last().unwrap() <= time::after(now, Duration::from_secs(within_s)));
            let most = (0..=within_s)
                .map(|second| {
                    let from = time::after(now, Duration::from_secs(second));
                    let to = time::after(from, Duration::from_secs(1));
                    at.iter().filter(|at| **at > from && **at <= to).count()
                })
                .max();
            assert_eq!(most, Some(a_second), "{overdue} feeds");
            assert_eq!(at.iter().filter(|at| **at == now).count(), overdue.min(BURST));
        };
        check(10_000, 900, 17, 600);
        check(10_000, 60, 167, 60);
        check(100_000, 900, 167, 600);
        check(BURST + 600, 900, 10, 60);
        check(BURST + 1, 900, 1, 1);
        check(BURST, 900, 0, 0);
        check(1, 900, 0, 0);
    }
}
