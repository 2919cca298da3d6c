//! How often a feed has news, learned with exponential forgetting.
//!
//! Data in: new items and when they were found. Data out: a rate, a weight, what gaps are usual.
//!
//! **Invariant:** nothing changes while nothing new is found: what a rate is at an instant follows from the pace as of
//! the last news and from that instant, so an unchanged feed writes nothing.
//!
//! Rejected: a list of the last arrivals. It costs a row each, and forgets a bursty feed's week within a minute.

use std::time::Duration;

use super::{Timestamp, time};

/// After this time, what was seen counts for 1/e of what it did (two weeks: every weekday was seen twice).
pub const FORGETTING: Duration = Duration::from_secs(14 * 86_400);
/// The longest gap is forgotten slower, so that a holiday is remembered for a season.
const FORGETTING_GAPS: Duration = Duration::from_secs(60 * 86_400);
/// What a feed is taken for that nothing is known of: so many items in so long. It weighs as much as a day of watching.
const PRIOR_ITEMS: f64 = 4.0;
const PRIOR_DAYS: f64 = 1.0;
/// No weight is beyond this, whoever reads.
const MAX_WEIGHT: f64 = 100.0;
/// Gaps counted at most.
const MAX_GAPS: u32 = 1_000;
const DAY_S: f64 = 86_400.0;
const MICRO: f64 = 1e6;

/// How often a feed has news: new items and time watched, both forgotten with time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pace {
    /// New items, in millionths.
    pub items_micro: u64,
    /// Readers alerted because of them, in millionths.
    pub alerts_micro: u64,
    /// Time watched.
    pub span: Duration,
    /// As of when: the last poll that found something new, or the first poll. `None` before the first.
    pub at: Option<Timestamp>,
    /// Longest time between two polls that found something new, slowly forgotten.
    pub longest_gap: Duration,
    /// Such gaps seen, at most 1,000.
    pub gaps: u32,
    /// How long nothing could be read before the poll in hand: no gap of the feed's. Ends with the poll, is never stored.
    pub blind: Duration,
}

impl Pace {
    /// The pace once a poll at `at` found `items` new items of which `alerts` readers are told. `quiet` is the time since
    /// the poll that found something before; `None` when there was none.
    pub fn with(&self, at: Timestamp, items: u32, alerts: u32, quiet: Option<Duration>) -> Self {
        let (keep, span) = self.watched(at);
        let gap = quiet.map(|quiet| quiet.saturating_sub(self.blind));
        let faded = |gap: Duration| self.longest_gap.mul_f64(decay(gap, FORGETTING_GAPS));
        Self {
            items_micro: micro(from_micro(self.items_micro) * keep + f64::from(items)),
            alerts_micro: micro(from_micro(self.alerts_micro) * keep + f64::from(alerts)),
            span,
            at: Some(at),
            longest_gap: gap.map_or(self.longest_gap, |gap| whole(faded(gap).max(gap))),
            gaps: self.gaps.saturating_add(u32::from(gap.is_some())).min(MAX_GAPS),
            blind: Duration::ZERO,
        }
    }

    /// New items a day, watched until `until`. A feed that little is known of is taken for an ordinary one.
    pub fn items_a_day(&self, until: Timestamp) -> f64 {
        let (keep, span) = self.watched(until);
        (from_micro(self.items_micro) * keep + PRIOR_ITEMS) / (span.as_secs_f64() / DAY_S + PRIOR_DAYS)
    }

    /// What the feed is worth to its readers: 1, and 1 for each reader alerted of late; at most 100.
    pub fn weight(&self, until: Timestamp) -> f64 {
        let (keep, _) = self.watched(until);
        (1.0 + from_micro(self.alerts_micro) * keep).min(MAX_WEIGHT)
    }

    /// Usual time between two new items, as of the last news; `None` before the first.
    pub fn mean_gap(&self) -> Option<Duration> {
        let items = from_micro(self.items_micro);
        (items > 0.0)
            .then(|| Duration::try_from_secs_f64(self.span.as_secs_f64() / items).unwrap_or(Duration::MAX))
    }

    /// New items seen in [`Pace::span`], forgotten as that is, as of the last news.
    pub fn items(&self) -> f64 {
        from_micro(self.items_micro)
    }

    /// What is left of the past, and the time watched, at `until`.
    fn watched(&self, until: Timestamp) -> (f64, Duration) {
        let Some(at) = self.at else { return (1.0, self.span) };
        let keep = decay(time::between(at, until), FORGETTING);
        (keep, whole(self.span.mul_f64(keep) + FORGETTING.mul_f64(1.0 - keep)))
    }
}

fn decay(over: Duration, forgetting: Duration) -> f64 {
    (-over.as_secs_f64() / forgetting.as_secs_f64()).exp()
}

/// In whole milliseconds, as it is stored.
fn whole(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

fn from_micro(micro: u64) -> f64 {
    // No count comes near 2^53 millionths.
    #[expect(clippy::cast_precision_loss, reason = "see above")]
    let value = micro as f64;
    value / MICRO
}

fn micro(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are small and not negative"
    )]
    let micro = (value * MICRO).round() as u64;
    micro
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn after_days(n: u32) -> Timestamp {
        time::after(time::from_millis(1_750_000_000_000), DAY * n)
    }

    /// Watched from the start with `items` on each of `days` days.
    fn steady(days: u32, items: u32) -> Pace {
        let first = Pace { at: Some(after_days(0)), ..Pace::default() };
        (1..=days).fold(first, |pace, day| pace.with(after_days(day), items, 0, (day > 1).then_some(DAY)))
    }

    #[test]
    fn a_steady_feed_is_known_after_two_weeks_and_a_change_after_two_more() {
        let rate = |pace: &Pace, day| pace.items_a_day(after_days(day));
        let check =
            |got: f64, want: std::ops::Range<f64>| assert!(want.contains(&got), "{got} not in {want:?}");
        check(rate(&Pace::default(), 0), 3.9..4.1);
        check(rate(&steady(14, 48), 14), 42.0..48.0);
        check(rate(&steady(60, 48), 60), 44.0..48.0);
        // Nothing for two weeks, then four.
        check(rate(&steady(60, 48), 74), 15.0..20.0);
        check(rate(&steady(60, 48), 88), 5.0..8.0);
        assert_eq!(
            steady(60, 24).mean_gap().unwrap().as_secs() / 360,
            9,
            "an hour, a little less for counting from the last"
        );
        assert_eq!(Pace::default().mean_gap(), None);
    }

    #[test]
    fn the_longest_gap_is_forgotten_slowly_and_blindness_is_no_gap() {
        let pace = steady(10, 1).with(after_days(15), 1, 0, Some(5 * DAY));
        assert_eq!((pace.longest_gap, pace.gaps), (5 * DAY, 10));
        let later = (16..=75).fold(pace, |pace, day| pace.with(after_days(day), 1, 0, Some(DAY)));
        assert!((DAY..3 * DAY).contains(&later.longest_gap), "{:?}", later.longest_gap);
        let blind = Pace { blind: 9 * DAY, ..steady(10, 1) };
        assert_eq!(blind.with(after_days(20), 3, 0, Some(10 * DAY)).longest_gap, DAY);
    }

    #[test]
    fn alerts_add_weight_up_to_a_limit_and_are_forgotten() {
        let pace = steady(1, 1).with(after_days(1), 1, 3, None);
        assert!((3.99..=4.0).contains(&pace.weight(after_days(1))), "{}", pace.weight(after_days(1)));
        assert!(pace.weight(after_days(100)) < 1.01);
        assert!((pace.with(after_days(2), 1, 5_000, None).weight(after_days(2)) - MAX_WEIGHT).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn more_items_are_a_higher_rate_and_more_quiet_a_lower_one(
            days in 1_u32..100, items in 0_u32..500, more in 1_u32..500, quiet in 1_u32..50,
        ) {
            let pace = |items| steady(days, 2).with(after_days(days + 1), items, 0, None);
            let until = after_days(days + 1);
            prop_assert!(pace(items + more).items_a_day(until) > pace(items).items_a_day(until));
            prop_assert!(pace(items).items_a_day(after_days(days + 1 + quiet)) < pace(items).items_a_day(until) + 1e-9
                || items == 0);
            prop_assert!(pace(items).span <= FORGETTING);
        }
    }
}
