//! What a scan of the archive counts.
//!
//! Data in: judged items in the order of the archive. Data out: [`Tally`].
//!
//! **Invariant:** its size does not grow with the items read, only with days and feeds.

use std::collections::{BTreeMap, HashMap};

use jiff::civil::Date;

use super::histogram;
use crate::{
    matching::Matcher,
    model::{FeedId, ItemId, Timestamp},
    store::ScannedItem,
};

/// Items remembered of one kind, from which samples are chosen.
const REMEMBERED: usize = 1_024;

/// What hits are compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// With nothing.
    Nothing,
    /// With the matches stored at the time.
    Stored,
    /// With another topic, at this position.
    Topic(usize),
}

/// Which of the compiled topics stands for what.
#[derive(Debug, Clone, Copy)]
pub(super) struct Roles {
    /// The topic under test.
    pub(super) now: usize,
    pub(super) before: Before,
    /// The topic under test without its NOT.
    pub(super) without: Option<usize>,
}

/// Items spread evenly over those that were added.
#[derive(Debug, Default)]
pub(super) struct Spread {
    every: u64,
    added: u64,
    kept: Vec<ItemId>,
    newest: Option<ItemId>,
}

impl Spread {
    fn add(&mut self, id: ItemId) {
        let every = self.every.max(1);
        if self.added.is_multiple_of(every) {
            self.kept.push(id);
        }
        if self.kept.len() > REMEMBERED {
            let mut odd = false;
            self.kept.retain(|_| {
                odd = !odd;
                odd
            });
            self.every = every * 2;
        }
        self.added += 1;
        self.newest = Some(id);
    }

    /// How many were added.
    pub(super) fn count(&self) -> u64 {
        self.added
    }

    /// At most `n` of them, the newest first, the others evenly behind it.
    pub(super) fn choose(&self, n: usize) -> Vec<ItemId> {
        let mut all = self.kept.clone();
        if self.newest != all.last().copied() {
            all.extend(self.newest);
        }
        let last = all.len().saturating_sub(1);
        let wanted = n.min(all.len());
        let at = |i: usize| if wanted < 2 { last } else { last - i * last / (wanted - 1) };
        (0..wanted).filter_map(|i| all.get(at(i)).copied()).collect()
    }
}

/// Hits and items of one feed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FeedCount {
    pub(super) hits: u64,
    pub(super) items: u64,
}

/// One item that counts.
struct Hit {
    id: ItemId,
    now: bool,
    before: bool,
}

/// What one batch adds.
pub(super) struct Counted {
    items: u64,
    span: Option<(Timestamp, Timestamp)>,
    without: u64,
    days: BTreeMap<Date, u64>,
    feeds: HashMap<FeedId, FeedCount>,
    hits: Vec<Hit>,
}

/// Judges a batch.
pub(super) fn count(roles: Roles, matcher: &mut Matcher<'_>, items: &[ScannedItem]) -> Counted {
    let mut counted = Counted {
        items: items.len() as u64,
        span: None,
        without: 0,
        days: BTreeMap::new(),
        feeds: HashMap::new(),
        hits: Vec::new(),
    };
    for scanned in items {
        let at = scanned.first_seen_at;
        let (first, last) = counted.span.unwrap_or((at, at));
        counted.span = Some((first.min(at), last.max(at)));
        let found = matcher.find(&scanned.item);
        let now = found.contains(&roles.now);
        let before = match roles.before {
            Before::Nothing => false,
            Before::Stored => scanned.matched,
            Before::Topic(position) => found.contains(&position),
        };
        counted.without += u64::from(roles.without.is_some_and(|without| found.contains(&without)));
        let feed = counted.feeds.entry(scanned.feed).or_default();
        feed.items += 1;
        feed.hits += u64::from(now);
        if now {
            *counted.days.entry(histogram::day(at)).or_default() += 1;
        }
        if now || before {
            counted.hits.push(Hit { id: scanned.id, now, before });
        }
    }
    counted
}

/// What was counted so far.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) items: u64,
    /// When the first and the last item read were stored.
    pub(super) span: Option<(Timestamp, Timestamp)>,
    pub(super) days: BTreeMap<Date, u64>,
    pub(super) feeds: HashMap<FeedId, FeedCount>,
    pub(super) hits: Spread,
    /// Hits that were none before.
    pub(super) gained: Spread,
    /// Hits of before that are none now.
    pub(super) lost: Spread,
    /// Hits without the topic's NOT.
    pub(super) without: u64,
}

impl Tally {
    pub(super) fn add(&mut self, counted: Counted) {
        self.items += counted.items;
        if let Some((from, to)) = counted.span {
            let (first, last) = self.span.unwrap_or((from, to));
            self.span = Some((first.min(from), last.max(to)));
        }
        self.without += counted.without;
        for (day, hits) in counted.days {
            *self.days.entry(day).or_default() += hits;
        }
        for (feed, count) in counted.feeds {
            let sum = self.feeds.entry(feed).or_default();
            sum.hits += count.hits;
            sum.items += count.items;
        }
        for hit in counted.hits {
            match (hit.now, hit.before) {
                (true, false) => self.gained.add(hit.id),
                (false, true) => self.lost.add(hit.id),
                _ => {}
            }
            if hit.now {
                self.hits.add(hit.id);
            }
        }
    }

    /// Hits a day of the time read, at least one day.
    pub(super) fn per_day(&self) -> f64 {
        const DAY_MS: f64 = 86_400_000.0;
        let Some((first, last)) = self.span else { return 0.0 };
        let days = (last.as_millisecond() - first.as_millisecond()) as f64 / DAY_MS;
        self.hits.count() as f64 / days.max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_newest_first_and_spread_over_all() {
        let check = |added: i64, n: usize, expect: &[i64]| {
            let mut spread = Spread::default();
            (1..=added).for_each(|id| spread.add(ItemId(id)));
            assert!(spread.kept.len() <= REMEMBERED);
            assert_eq!(spread.count(), u64::try_from(added).unwrap());
            let chosen: Vec<i64> = spread.choose(n).into_iter().map(|id| id.0).collect();
            assert_eq!(chosen, expect, "{n} of {added}");
        };
        check(0, 3, &[]);
        check(5, 0, &[]);
        check(5, 1, &[5]);
        check(5, 3, &[5, 3, 1]);
        check(2, 9, &[2, 1]);
        check(1_025, 3, &[1_025, 513, 1]);
        check(100_000, 2, &[100_000, 1]);
    }
}
