//! How often each feed is visited: as often as it is worth, within a budget.
//!
//! Data in: what is known of each feed, bounds, a budget of polls. Data out: an interval for each feed.
//!
//! The time until a new item is seen, summed over all items and readers, is least for a given number of polls when each
//! feed's interval goes with 1/√(weight × rate). So a feed with four times the news is visited twice as often. One factor
//! for all, the [`Share`], makes the sum of all polls meet the budget.
//!
//! **Invariant:** an interval is within its bounds whatever the budget. The bounds of a feed that the operator gave an
//! interval are that interval; a feed that ever had something to alert is never visited less often than
//! [`RhythmPolicy::interval`]; one whose window turns over fast is visited twice in that time.
//! **Invariant:** the polls of all feeds stay within the budget unless the upper bounds alone exceed it.
//! **Invariant:** intervals go in steps, so that small changes of a rate do not move a feed's place in time.
//!
//! Rejected: doubling after nothing new and halving after news, which knows no budget and no weight, and never settles.

use std::time::Duration;

use crate::model::{FeedMemory, FeedState, Timestamp};

/// Steps from one interval to its double.
const STEPS: f64 = 8.0;
/// Steps closer than this are one: the share is found by halving.
const STEP_SLACK: f64 = 1e-6;
/// Halvings of the span in which the share is sought.
const HALVINGS: u32 = 60;
/// Visits while a window turns over.
const VISITS_A_WINDOW: f64 = 2.0;
/// Polls with overlap after which a window is known to turn over item by item.
const ROLLING: u32 = 3;

/// Bounds and budget of all feeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RhythmPolicy {
    /// What an ordinary feed gets when the budget is the default, and the most for feeds that have something to alert.
    pub interval: Duration,
    /// Least interval.
    pub min: Duration,
    /// Longest interval.
    pub max: Duration,
    /// Polls an hour, of all feeds together; `None`: what visiting each feed at [`RhythmPolicy::interval`] costs.
    pub budget: Option<u32>,
}

/// Who decides a feed's interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decides {
    /// The operator: exactly [`crate::model::FeedSpec::interval`].
    Operator,
    /// What is known of the feed.
    Schedule,
}

/// What a feed asks for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// √(weight × new items a day), more than 0.
    pub pull: f64,
    /// Not more often than this.
    pub least: Duration,
    /// Not less often than this; at least `least`.
    pub most: Duration,
}

impl Demand {
    /// Of one feed, as of its last successful poll: what time passes without a poll changes nothing.
    pub fn of(state: &FeedState, decides: Decides, policy: &RhythmPolicy) -> Self {
        let memory = &state.memory;
        let as_of = state.last_ok_at.or(memory.pace.at).unwrap_or(Timestamp::UNIX_EPOCH);
        let pace = &memory.pace;
        let pull = (pace.weight(as_of) * pace.items_a_day(as_of)).sqrt().max(f64::MIN_POSITIVE);
        if decides == Decides::Operator {
            return Self { pull, least: state.spec.interval, most: state.spec.interval };
        }
        let most = if memory.hit_at.is_some() { policy.interval } else { policy.max };
        let most = turnover(memory, as_of).map_or(most, |turnover| most.min(turnover));
        Self { pull, least: policy.min, most: most.max(policy.min) }
    }
}

/// How often a window must be visited to see all that passes through it.
fn turnover(memory: &FeedMemory, as_of: Timestamp) -> Option<Duration> {
    if memory.rolling < ROLLING || memory.window_items < 2 {
        return None;
    }
    let days = f64::from(memory.window_items) / memory.pace.items_a_day(as_of) / VISITS_A_WINDOW;
    Duration::try_from_secs_f64(days * 86_400.0).ok()
}

/// The factor that all feeds have in common: seconds between polls of a feed with a pull of 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share(f64);

impl Share {
    /// The smallest share by which all demands together keep to the budget; that of their upper bounds when even these
    /// exceed it. Costs some 60 passes over `demands`. The order of `demands` must not change from call to call, as sums
    /// of floating point numbers depend on it.
    pub fn of(demands: &[Demand], policy: &RhythmPolicy) -> Self {
        let a_second = match policy.budget {
            Some(budget) => f64::from(budget) / 3_600.0,
            None => demands.iter().map(|demand| wish(demand, policy)).sum(),
        };
        let bounds =
            |bound: fn(&Demand) -> Duration| demands.iter().map(move |d| bound(d).as_secs_f64() * d.pull);
        let mut low = bounds(|demand| demand.least).fold(f64::INFINITY, f64::min).min(f64::MAX);
        let mut high = bounds(|demand| demand.most).fold(low, f64::max);
        let cost = |share: f64| demands.iter().map(|demand| 1.0 / Self(share).seconds(demand)).sum::<f64>();
        if cost(low) <= a_second {
            return Self(low);
        }
        for _ in 0..HALVINGS {
            let middle = (low * high).sqrt();
            if cost(middle) <= a_second {
                high = middle;
            } else {
                low = middle;
            }
        }
        Self(high)
    }

    /// The interval of one feed, in whole milliseconds.
    pub fn interval(self, demand: &Demand, policy: &RhythmPolicy) -> Duration {
        let wanted = self.seconds(demand);
        if wanted <= demand.least.as_secs_f64() * (1.0 + STEP_SLACK) {
            return demand.least;
        }
        let step = policy.interval.as_secs_f64().max(0.001);
        let steps = (STEPS * (wanted / step).log2() - STEP_SLACK).ceil();
        let seconds = step * (steps / STEPS).exp2();
        let interval = Duration::try_from_secs_f64(seconds).unwrap_or(demand.most);
        let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        Duration::from_millis(millis).clamp(demand.least, demand.most.max(demand.least))
    }

    fn seconds(self, demand: &Demand) -> f64 {
        let least = demand.least.as_secs_f64().max(0.001);
        (self.0 / demand.pull).clamp(least, demand.most.as_secs_f64().max(least))
    }
}

/// Polls a second that a feed has a claim to when no budget is given.
fn wish(demand: &Demand, policy: &RhythmPolicy) -> f64 {
    let interval = policy.interval.clamp(demand.least, demand.most.max(demand.least));
    1.0 / interval.as_secs_f64().max(0.001)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;
    use crate::model::{FeedId, FeedSpec, OnAdd, Pace, Validators, time};

    const MINUTE: Duration = Duration::from_secs(60);
    const HOUR: Duration = Duration::from_secs(3_600);
    const DAY: Duration = Duration::from_secs(86_400);
    const POLICY: RhythmPolicy =
        RhythmPolicy { interval: Duration::from_secs(900), min: MINUTE, max: HOUR, budget: None };

    fn now() -> Timestamp {
        time::from_millis(1_750_000_000_000)
    }

    /// A feed watched for 30 days with so many items and alerted readers a day.
    fn feed(items: u32, alerts: u32) -> FeedState {
        let start = Pace { at: Some(time::before(now(), 30 * DAY)), ..Pace::default() };
        let pace = (1..=30).fold(start, |pace, day| {
            pace.with(time::before(now(), (30 - day) * DAY), items, alerts, Some(DAY))
        });
        FeedState {
            id: FeedId(1),
            spec: FeedSpec {
                url: Url::parse("https://a.example/").unwrap(),
                title: None,
                interval: 5 * MINUTE,
                on_add: OnAdd::Baseline,
            },
            validators: Validators::default(),
            body_hash: None,
            baseline_at: None,
            last_poll_at: None,
            last_ok_at: Some(now()),
            next_poll_at: now(),
            failures: 0,
            memory: FeedMemory { pace, ..FeedMemory::default() },
        }
    }

    fn intervals(feeds: &[FeedState], policy: &RhythmPolicy) -> Vec<u64> {
        let demands: Vec<Demand> =
            feeds.iter().map(|state| Demand::of(state, Decides::Schedule, policy)).collect();
        let share = Share::of(&demands, policy);
        demands.iter().map(|demand| share.interval(demand, policy).as_secs()).collect()
    }

    #[test]
    fn feeds_alike_get_the_configured_interval_and_others_what_they_are_worth() {
        assert_eq!(intervals(&[feed(4, 0), feed(4, 0)], &POLICY), [900, 900]);
        assert_eq!(intervals(&[feed(0, 0)], &POLICY), [900], "alone, whatever its rate");
        let of = intervals(&[feed(1, 0), feed(16, 0)], &POLICY);
        assert!(of[0] > 2 * of[1] && of[1] < 900 && 900 < of[0], "{of:?}");
        let of = intervals(&[feed(4, 0), feed(4, 1)], &POLICY);
        assert!(of[0] > 3 * of[1], "readers are weight: {of:?}");
        let quiet: Vec<FeedState> = (0..99).map(|_| feed(0, 0)).chain([feed(400, 0)]).collect();
        let of = intervals(&quiet, &POLICY);
        assert!((60..90).contains(&of[99]) && of[0] < 1_100, "{} and {}", of[99], of[0]);
    }

    #[test]
    fn bounds_hold_whatever_the_budget() {
        let small = RhythmPolicy { budget: Some(1), ..POLICY };
        let hit = |mut state: FeedState| {
            state.memory.hit_at = Some(time::before(now(), 300 * DAY));
            state
        };
        assert_eq!(
            intervals(&[feed(4, 0), hit(feed(0, 0))], &small),
            [3_600, 900],
            "an alert keeps its bound for good"
        );
        let large = RhythmPolicy { budget: Some(1_000_000), ..POLICY };
        assert_eq!(intervals(&[feed(4, 0), hit(feed(0, 0))], &large), [60, 60]);
        let mut fast = feed(96, 0);
        (fast.memory.window_items, fast.memory.rolling) = (2, ROLLING - 1);
        let without = intervals(&[feed(0, 0), fast.clone()], &small)[1];
        fast.memory.rolling = ROLLING;
        let with = intervals(&[feed(0, 0), fast], &small)[1];
        assert!(without == 3_600 && (900..1_000).contains(&with), "a window of 30 min: {without}, {with}");
        let fixed = Demand::of(&feed(400, 100), Decides::Operator, &POLICY);
        assert_eq!((fixed.least, fixed.most), (5 * MINUTE, 5 * MINUTE));
    }

    proptest! {
        #[test]
        fn intervals_keep_to_bounds_and_budget_and_follow_the_pull(
            pulls in proptest::collection::vec(0.01_f64..100.0, 1..40),
            fixed in 0_usize..4,
            budget in proptest::option::of(1_u32..10_000),
            min_s in 1_u64..600,
            max_s in 600_u64..100_000,
        ) {
            let policy = RhythmPolicy {
                interval: Duration::from_secs(600),
                min: Duration::from_secs(min_s),
                max: Duration::from_secs(max_s),
                budget,
            };
            let fix = |(index, pull): (usize, f64)| if index < fixed {
                Demand { pull, least: 2 * MINUTE, most: 2 * MINUTE }
            } else {
                Demand { pull, least: policy.min, most: policy.max }
            };
            let demands: Vec<Demand> = pulls.into_iter().enumerate().map(fix).collect();
            let share = Share::of(&demands, &policy);
            let of = |demand: &Demand| share.interval(demand, &policy);
            for demand in &demands {
                prop_assert!((demand.least..=demand.most).contains(&of(demand)));
            }
            let allowed: f64 = budget.map_or_else(|| demands.iter().map(|d| wish(d, &policy)).sum(), |n| f64::from(n) / 3_600.0);
            let slowest: f64 = demands.iter().map(|d| 1.0 / d.most.as_secs_f64()).sum();
            let spent: f64 = demands.iter().map(|d| 1.0 / of(d).as_secs_f64()).sum();
            prop_assert!(spent <= allowed.max(slowest) * 1.000_01, "{} of {}", spent, allowed);
            for (a, b) in demands.iter().skip(fixed).zip(demands.iter().skip(fixed + 1)) {
                prop_assert_eq!(a.pull <= b.pull && of(a) < of(b), false, "more pull, longer interval");
            }
            prop_assert_eq!(share, Share::of(&demands, &policy));
        }
    }
}
