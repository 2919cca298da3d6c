//! Whether the configured intervals can be met at all.
//!
//! Data in: the feeds with their sites and intervals, the limits. Data out: what does not fit, in plain words.
//!
//! **Invariant:** nothing is said of what fits, however tightly.
//!
//! Rejected: to find out by measuring how late polls are. It needs days, and says that, not why.

use std::{collections::BTreeMap, fmt, time::Duration};

/// How long a visit takes, on average; over the web with its slow sites (measured: a mean of 0.2 s between machines
/// nearby, 1 to 2 s over the web with timeouts).
const VISIT: Duration = Duration::from_secs(2);

/// What sums of fractions may be off.
const ROUNDING: f64 = 1e-6;

/// A feed as a load.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Load {
    /// The site whose patience it uses.
    pub site: String,
    /// Least time between two visits to that site, when there are many.
    pub spacing: Duration,
    /// How often it is to be visited on average.
    pub interval: Duration,
    /// How seldom it may be visited when the budget is short.
    pub longest: Duration,
}

/// What does not fit. [`fmt::Display`] says it with its remedy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shortfall {
    /// The longest intervals allowed need more polls than the budget has.
    Budget {
        /// Polls an hour allowed.
        budget: u32,
        /// Polls an hour needed.
        needed: u64,
    },
    /// A site's feeds need more time than their interval.
    Site {
        /// Which.
        site: String,
        /// How many feeds.
        feeds: u32,
        /// Between two visits.
        spacing: Duration,
        /// Their interval, on average.
        interval: Duration,
    },
    /// More visits are under way at once than allowed.
    Concurrency {
        /// Visits allowed at once.
        allowed: usize,
        /// Visits needed at once.
        needed: u64,
    },
}

/// All that does not fit, sites by name.
pub fn shortfalls(loads: &[Load], budget: Option<u32>, concurrency: usize) -> Vec<Shortfall> {
    let mut short = Vec::new();
    let slowest = whole(rate(loads.iter().map(|load| load.longest)) * 3_600.0);
    if let Some(budget) = budget.filter(|budget| u64::from(*budget) < slowest) {
        short.push(Shortfall::Budget { budget, needed: slowest });
    }
    let mut sites: BTreeMap<&str, Vec<&Load>> = BTreeMap::new();
    for load in loads {
        sites.entry(&load.site).or_default().push(load);
    }
    for (site, loads) in sites {
        let spacing = loads.iter().map(|load| load.spacing).max().unwrap_or_default();
        let a_second = rate(loads.iter().map(|load| load.interval));
        if spacing.as_secs_f64() * a_second > 1.0 + ROUNDING {
            let feeds = u32::try_from(loads.len()).unwrap_or(u32::MAX);
            let interval = Duration::try_from_secs_f64(f64::from(feeds) / a_second).unwrap_or_default();
            short.push(Shortfall::Site { site: site.to_owned(), feeds, spacing, interval });
        }
    }
    let at_once =
        whole((rate(loads.iter().map(|load| load.interval)) * VISIT.as_secs_f64() - ROUNDING).ceil());
    if at_once > u64::try_from(concurrency).unwrap_or(u64::MAX) {
        short.push(Shortfall::Concurrency { allowed: concurrency, needed: at_once });
    }
    short
}

/// Visits a second.
fn rate(intervals: impl Iterator<Item = Duration>) -> f64 {
    intervals.map(|interval| 1.0 / interval.as_secs_f64().max(0.001)).sum()
}

fn whole(value: f64) -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts, not negative")]
    let whole = value.round() as u64;
    whole
}

impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Budget { budget, needed } => write!(
                f,
                "the budget of {budget} polls an hour is too small: even at their longest intervals the feeds need \
                 {needed}; raise budget or max_interval in [poll]"
            ),
            Self::Site { site, feeds, spacing, interval } => write!(
                f,
                "{feeds} feeds of {site} at a visit every {} need {}; their interval is {}: raise it, or ask the \
                 site's owner and lower spacing and refill in [poll]",
                words(*spacing),
                words(spacing.saturating_mul(*feeds)),
                words(*interval)
            ),
            Self::Concurrency { allowed, needed } => write!(
                f,
                "{allowed} visits at once are too few: at {} a visit, {needed} are needed; raise concurrency or interval \
                 in [poll]",
                words(VISIT)
            ),
        }
    }
}

/// `6 min 52 s`.
fn words(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds == 0 {
        return format!("{} ms", duration.as_millis());
    }
    let parts = [(seconds / 3_600, "h"), (seconds / 60 % 60, "min"), (seconds % 60, "s")];
    let said: Vec<String> =
        parts.iter().filter(|(count, _)| *count > 0).map(|(count, unit)| format!("{count} {unit}")).collect();
    said.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn loads(feeds: usize, site: &str, interval_s: u64) -> Vec<Load> {
        let interval = Duration::from_secs(interval_s);
        vec![Load { site: site.to_owned(), spacing: SECOND, interval, longest: interval * 4 }; feeds]
    }

    fn said(loads: &[Load], budget: Option<u32>, concurrency: usize) -> Vec<String> {
        shortfalls(loads, budget, concurrency).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_site_with_more_feeds_than_its_spacing_allows_is_named() {
        assert_eq!(
            said(&loads(412, "example.com", 60), None, 64),
            [
                "412 feeds of example.com at a visit every 1 s need 6 min 52 s; their interval is 1 min: raise it, or ask \
              the site's owner and lower spacing and refill in [poll]"
            ]
        );
        assert!(said(&loads(60, "example.com", 60), None, 64).is_empty());
        assert_eq!(said(&loads(61, "example.com", 60), None, 64).len(), 1);
        let free =
            loads(61, "example.com", 60).into_iter().map(|load| Load { spacing: Duration::ZERO, ..load });
        assert!(said(&free.collect::<Vec<_>>(), None, 64).is_empty());
    }

    #[test]
    fn a_budget_below_the_longest_intervals_is_named() {
        let feeds = loads(10, "example.com", 900);
        assert!(said(&feeds, Some(10), 64).is_empty());
        assert_eq!(
            said(&feeds, Some(9), 64),
            [
                "the budget of 9 polls an hour is too small: even at their longest intervals the feeds need 10; raise \
              budget or max_interval in [poll]"
            ]
        );
    }

    #[test]
    fn too_few_visits_at_once_are_named() {
        let feeds: Vec<Load> = (0..100).flat_map(|n| loads(10, &format!("{n}.example.com"), 20)).collect();
        assert!(said(&feeds, None, 100).is_empty());
        assert_eq!(
            said(&feeds, None, 99),
            [
                "99 visits at once are too few: at 2 s a visit, 100 are needed; raise concurrency or interval in [poll]"
            ]
        );
    }
}
