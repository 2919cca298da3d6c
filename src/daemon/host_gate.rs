//! Manners towards sites: how many visits at once, how long between two, how many in a row.
//!
//! Data in: feeds that are due, with their site; how visits went. Data out: the next feed that may be visited now, and
//! what is to be kept of the sites.
//!
//! Each site has a bucket of visits: full at first, one taken by each visit, one given back in every `refill`. What a
//! site refuses as too much is learned as a longer spacing, and forgotten slowly while it answers.
//!
//! **Invariant:** a site never has more than `concurrency` visits at once, two visits begin at least `spacing` apart,
//! and no more than `burst` begin without waiting for a refill. Feeds of one site are served in the order they came.
//! **Invariant:** what was taken from a bucket is remembered over restarts; after a process that was killed every
//! bucket is empty.
//! **Invariant:** gaps are never shorter than the spacing, only longer, by up to half: feeds that are all due at one
//! instant do not arrive like clockwork.
//!
//! Rejected: a lock or semaphore per site, which would park one task per waiting feed; random gaps, with which no test
//! and no log could be understood.

use std::{
    collections::{BTreeSet, HashMap, HashSet, VecDeque},
    time::Duration,
};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::model::{Ended, FeedId, Site, Timestamp, time};

/// A refusal counts as one of too many visits when so many of a site began within [`BURST_WINDOW`].
const BURST_VISITS: usize = 3;
const BURST_WINDOW: Duration = Duration::from_secs(60);
/// A refusal at least doubles the spacing, from this.
const FIRST_LESSON: Duration = Duration::from_secs(1);
/// Longest spacing learned.
pub(super) const MAX_LESSON: Duration = Duration::from_secs(10 * 60);
/// After one lesson no other within this time: refusals come in numbers.
const LESSON_PAUSE: Duration = Duration::from_secs(60);
/// A spacing learned is halved after so long without a refusal.
pub(super) const FORGET_AFTER: Duration = Duration::from_secs(6 * 3_600);
/// How often sites that need no care are forgotten.
const TIDY_EVERY: Duration = Duration::from_secs(10);
/// A stored wait longer than this was set before the clock was set back.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400);
/// What a visit takes from a bucket.
const VISIT: i64 = 1_000;

/// Manners towards one site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    /// Visits at once, at least 1.
    pub concurrency: u32,
    /// From the start of one visit to the start of the next. Zero: a machine of the operator's own, with which nothing
    /// is learned.
    pub spacing: Duration,
    /// Visits in a row before refills are waited for, at least 1.
    pub burst: u32,
    /// In which one visit is given back; zero: as many as one likes.
    pub refill: Duration,
}

impl Manners {
    /// Whether there is no limit but the number of visits at once.
    fn is_free(&self) -> bool {
        self.spacing.is_zero() && self.refill.is_zero()
    }
}

#[derive(Debug)]
struct Group {
    manners: Manners,
    waiting: VecDeque<FeedId>,
    visits: u32,
    not_before: Timestamp,
    /// Left in the bucket, in thousandths of a visit, as of an instant.
    tokens: (i64, Timestamp),
    /// Spacing learned, and when.
    lesson: Option<(Duration, Timestamp)>,
    /// When the last visits began.
    began: VecDeque<Timestamp>,
    /// Gaps drawn so far.
    gaps: u64,
    /// Where it stands in `ready`.
    offered: Option<Timestamp>,
}

impl Group {
    fn capacity(&self) -> i64 {
        i64::from(self.manners.burst.max(1)).saturating_mul(VISIT)
    }

    fn level(&self, now: Timestamp) -> i64 {
        let (tokens, at) = self.tokens;
        let refill = self.manners.refill.as_millis();
        if refill == 0 {
            return self.capacity();
        }
        let gained = time::between(at, now).as_millis().saturating_mul(VISIT.unsigned_abs().into()) / refill;
        tokens.saturating_add(i64::try_from(gained).unwrap_or(i64::MAX)).min(self.capacity())
    }

    /// When the next visit may begin, as far as spacing and bucket decide it.
    fn ready_at(&self) -> Timestamp {
        let (tokens, at) = self.tokens;
        let lacking = u64::try_from(VISIT.saturating_sub(tokens)).unwrap_or(0);
        let refill = u64::try_from(self.manners.refill.as_millis()).unwrap_or(u64::MAX);
        let wait = lacking.saturating_mul(refill).div_ceil(VISIT.unsigned_abs());
        self.not_before.max(if wait == 0 {
            Timestamp::MIN
        } else {
            time::after(at, Duration::from_millis(wait))
        })
    }

    fn spacing(&self) -> Duration {
        let learned = self.lesson.map_or(Duration::ZERO, |(spacing, _)| spacing);
        self.manners.spacing.max(learned)
    }

    /// A visit begins, or was made unasked for by a redirect.
    fn take(&mut self, name: &str, now: Timestamp) {
        let level = self.level(now).saturating_sub(VISIT);
        self.tokens = (level.max(-self.capacity()), now);
        let spacing = self.spacing();
        let gap = spacing.saturating_add(self.jitter(name, spacing / 2));
        self.not_before = self.not_before.max(time::after(now, gap));
        self.began.push_back(now);
        while self.began.len() > BURST_VISITS {
            self.began.pop_front();
        }
    }

    /// Up to `most`, in whole milliseconds; another one each time.
    fn jitter(&mut self, name: &str, most: Duration) -> Duration {
        self.gaps = self.gaps.wrapping_add(1);
        let place = u128::from(xxh3_64_with_seed(name.as_bytes(), self.gaps) >> 32);
        let millis = (most.as_millis().saturating_mul(place)) >> 32;
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    fn needs_care(&self, now: Timestamp) -> bool {
        let is_busy = self.visits > 0 || !self.waiting.is_empty() || self.not_before > now;
        is_busy || self.lesson.is_some() || self.level(now) < self.capacity()
    }
}

/// Feeds that are due, by site.
#[derive(Debug, Default)]
pub struct HostGate {
    groups: HashMap<String, Group>,
    /// Sites with a feed waiting and a visit free, by when the next visit may begin.
    ready: BTreeSet<(Timestamp, String)>,
    /// Sites known from an earlier run that were not met yet.
    known: HashMap<String, Site>,
    /// Since when buckets count from empty: the last process was killed.
    empty_since: Option<Timestamp>,
    /// Sites that changed since they were last written down.
    changed: HashSet<String>,
    tidied_at: Option<Timestamp>,
}

impl HostGate {
    /// Takes over what an earlier run knew, before the first visit.
    pub fn restore(&mut self, now: Timestamp, sites: Vec<Site>, ended: Ended) {
        self.known = sites.into_iter().map(|site| (site.name.clone(), site)).collect();
        self.empty_since = (ended == Ended::Killed).then_some(now);
    }

    /// Lets `feed` wait for its turn at `site`.
    pub fn enqueue(&mut self, now: Timestamp, site: &str, manners: Manners, feed: FeedId) {
        let group = self.meet(now, site, manners);
        group.manners = manners;
        group.waiting.push_back(feed);
        self.offer(site);
    }

    /// The next feed that may be visited at `now`; its visit counts from here until [`HostGate::leave`].
    pub fn admit(&mut self, now: Timestamp) -> Option<FeedId> {
        let (at, name) = self.ready.first().filter(|(at, _)| *at <= now)?.clone();
        self.ready.remove(&(at, name.clone()));
        let group = self.groups.get_mut(&name)?;
        group.offered = None;
        let feed = group.waiting.pop_front()?;
        group.visits += 1;
        group.take(&name, now);
        self.changed.insert(name.clone());
        self.offer(&name);
        Some(feed)
    }

    /// Ends a visit to `site`. When it asked for patience, nothing goes there before `hold_until`.
    pub fn leave(&mut self, site: &str, hold_until: Option<Timestamp>) {
        let Some(group) = self.groups.get_mut(site) else { return };
        group.visits = group.visits.saturating_sub(1);
        if let Some(until) = hold_until {
            // Others were asked to come back at the same instant.
            let late = group.jitter(site, group.spacing());
            group.not_before = group.not_before.max(time::after(until, late));
            self.changed.insert(site.to_owned());
        }
        self.offer(site);
    }

    /// Counts a visit that a redirect from elsewhere made to `site`.
    pub fn count(&mut self, now: Timestamp, site: &str, manners: Manners) {
        self.meet(now, site, manners).take(site, now);
        self.changed.insert(site.to_owned());
        self.offer(site);
    }

    /// A visit to `site` was refused in a way that may mean "too often". If it was visited often just now, the spacing
    /// is doubled from here on; returns the new one.
    pub fn slow_down(&mut self, now: Timestamp, site: &str) -> Option<Duration> {
        let group = self.groups.get_mut(site)?;
        let recent = time::before(now, BURST_WINDOW);
        let was_burst = group.began.iter().filter(|began| **began >= recent).count() >= BURST_VISITS;
        let is_fresh = group.lesson.is_some_and(|(_, at)| time::between(at, now) < LESSON_PAUSE);
        let now_spacing = group.spacing();
        if group.manners.spacing.is_zero() || !was_burst || is_fresh || now_spacing >= MAX_LESSON {
            return None;
        }
        let spacing = now_spacing.max(FIRST_LESSON).saturating_mul(2).min(MAX_LESSON);
        group.lesson = Some((spacing, now));
        group.not_before = group.not_before.max(time::after(now, spacing));
        self.changed.insert(site.to_owned());
        self.offer(site);
        Some(spacing)
    }

    /// A visit to `site` was answered: what was learned long ago is forgotten by half.
    pub fn speed_up(&mut self, now: Timestamp, site: &str) {
        let Some(group) = self.groups.get_mut(site) else { return };
        let Some((spacing, at)) = group.lesson else { return };
        if time::between(at, now) < FORGET_AFTER {
            return;
        }
        let halved = spacing / 2;
        group.lesson = (halved > group.manners.spacing).then_some((halved, now));
        self.changed.insert(site.to_owned());
    }

    /// Sites to be written down: those that changed since this was last called. Those without limits are not: a wait
    /// that one of their feeds was asked for is remembered with the feed.
    pub fn take_changed(&mut self, now: Timestamp) -> Vec<Site> {
        let site = |name: String| {
            let group = self.groups.get(&name).filter(|group| !group.manners.is_free())?;
            Some(Site {
                tokens_milli: group.level(now),
                counted_at: now,
                not_before: Some(group.not_before).filter(|at| *at > now),
                spacing: group.lesson.map(|(spacing, _)| spacing),
                learned_at: group.lesson.map(|(_, at)| at),
                name,
            })
        };
        self.changed.drain().filter_map(site).collect()
    }

    /// Whether there is something for [`HostGate::take_changed`].
    pub fn has_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// When the next waiting feed may be visited, as far as spacing and buckets decide it.
    pub fn next_ready(&self) -> Option<Timestamp> {
        self.ready.first().map(|(at, _)| *at)
    }

    /// Follows a clock that was set back by so much.
    pub fn set_back(&mut self, by: Duration) {
        let back = |at: Timestamp| time::before(at, by);
        self.ready = std::mem::take(&mut self.ready).into_iter().map(|(at, name)| (back(at), name)).collect();
        for group in self.groups.values_mut() {
            group.not_before = back(group.not_before);
            group.tokens.1 = back(group.tokens.1);
            group.offered = group.offered.map(back);
            group.lesson = group.lesson.map(|(spacing, at)| (spacing, back(at)));
            group.began.iter_mut().for_each(|at| *at = back(*at));
        }
        self.empty_since = self.empty_since.map(back);
        self.tidied_at = self.tidied_at.map(back);
    }

    /// Forgets sites that nobody waits for or visits, and about which there is nothing to remember.
    pub fn tidy(&mut self, now: Timestamp) {
        if self.tidied_at.is_some_and(|at| time::between(at, now) < TIDY_EVERY && at <= now) {
            return;
        }
        self.tidied_at = Some(now);
        let changed = &self.changed;
        self.groups.retain(|name, group| group.needs_care(now) || changed.contains(name));
    }

    /// Forgets feeds that wait; visits under way still count.
    pub fn clear_waiting(&mut self) {
        self.ready.clear();
        for group in self.groups.values_mut() {
            group.waiting.clear();
            group.offered = None;
        }
    }

    fn meet(&mut self, now: Timestamp, name: &str, manners: Manners) -> &mut Group {
        let (known, empty_since) = (&mut self.known, self.empty_since);
        self.groups.entry(name.to_owned()).or_insert_with(|| {
            let mut group = Group {
                manners,
                waiting: VecDeque::new(),
                visits: 0,
                not_before: Timestamp::MIN,
                tokens: (0, now),
                lesson: None,
                began: VecDeque::new(),
                gaps: 0,
                offered: None,
            };
            group.tokens.0 = group.capacity();
            if let Some(site) = known.remove(name) {
                group.tokens = (site.tokens_milli, site.counted_at.min(now));
                let latest = time::after(now, LONGEST_WAIT);
                group.not_before = site.not_before.map_or(Timestamp::MIN, |at| at.min(latest));
                group.lesson = site.spacing.map(|spacing| (spacing, site.learned_at.unwrap_or(now).min(now)));
            }
            if let Some(since) = empty_since {
                // How far the last process got is not known: it may have taken them all.
                group.tokens = (group.tokens.0.min(0), since);
            }
            group
        })
    }

    fn offer(&mut self, name: &str) {
        let Some(group) = self.groups.get_mut(name) else { return };
        if let Some(at) = group.offered.take() {
            self.ready.remove(&(at, name.to_owned()));
        }
        if !group.waiting.is_empty() && group.visits < group.manners.concurrency.max(1) {
            let at = group.ready_at();
            group.offered = Some(at);
            self.ready.insert((at, name.to_owned()));
        }
    }
}

#[cfg(test)]
mod tests;
