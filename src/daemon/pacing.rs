//! Pacing: which interval each feed has now, and what comes back when after a stop.
//!
//! Data in: the feeds' states, the settings of polling. Data out: intervals and instants.
//!
//! **Invariant:** the share of the polls that feeds have in common is found anew at most once a minute
//! ([`REFRESH`]), and in the order of the feeds' ids, so that it depends on nothing but their states.
//!
//! Rejected: to adjust the share with each poll. A sum kept up by differences drifts, and all feeds would have to be
//! looked at all the same when the catalog changes.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    time::Duration,
};

use url::Url;

use super::{
    PollSettings,
    catalog::{allow_list, is_own},
    site,
};
use crate::{
    config::Config,
    fetch::AllowList,
    model::{FeedId, FeedState, Poll, PollOutcome, Timestamp, time},
    schedule::{self, Decides, Demand, Load, RhythmPolicy, Share, Shortfall},
};

/// How old the share may be.
const REFRESH: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    share: Option<(Share, Timestamp)>,
    fixed: HashSet<FeedId>,
}

impl Pacing {
    /// Takes over the feeds in force.
    pub(super) fn adopt(&mut self, states: &[FeedState], settings: &PollSettings) {
        let fixed = states.iter().filter(|state| settings.fixed.contains(&state.spec.url));
        self.fixed = fixed.map(|state| state.id).collect();
        self.share = None;
    }

    /// Finds the share anew when it is old.
    pub(super) fn refresh(
        &mut self,
        now: Timestamp,
        feeds: &HashMap<FeedId, FeedState>,
        policy: &RhythmPolicy,
    ) {
        // Also one from before the clock was set back.
        let is_fresh = |at: Timestamp| at <= now && time::between(at, now) < REFRESH;
        if self.share.is_some_and(|(_, at)| is_fresh(at)) {
            return;
        }
        let mut states: Vec<&FeedState> = feeds.values().collect();
        states.sort_unstable_by_key(|state| state.id);
        let demands: Vec<Demand> =
            states.iter().map(|state| Demand::of(state, self.decides(state.id), policy)).collect();
        self.share = Some((Share::of(&demands, policy), now));
    }

    /// The interval of a feed; as configured before the first [`Pacing::refresh`].
    pub(super) fn interval(&self, state: &FeedState, policy: &RhythmPolicy) -> Duration {
        match self.share {
            Some((share, _)) => share.interval(&Demand::of(state, self.decides(state.id), policy), policy),
            None => state.spec.interval,
        }
    }

    /// When a feed is due after a visit that succeeded, by the wishes of its publisher: `poll` says when without them.
    pub(super) fn heed(&self, state: &FeedState, poll: &Poll, policy: &RhythmPolicy) -> Timestamp {
        if matches!(poll.outcome, PollOutcome::Failed(_)) || self.decides(state.id) == Decides::Operator {
            return poll.next_poll_at;
        }
        let latest = time::after(poll.at, Demand::of(state, Decides::Schedule, policy).most);
        schedule::heed(poll.at, poll.next_poll_at, &poll.memory.hints, latest)
    }

    /// Not later than this is a feed due that answered last time, however it was scheduled; with room for its place, and
    /// for what its server asked for.
    pub(super) fn latest(&self, state: &FeedState, policy: &RhythmPolicy) -> Timestamp {
        let most = Demand::of(state, self.decides(state.id), policy).most;
        let latest = state
            .last_poll_at
            .filter(|_| state.failures == 0)
            .map_or(Timestamp::MAX, |last| time::after(last, most.saturating_add(most / 8)));
        state.memory.patience_until.map_or(latest, |until| until.max(latest))
    }

    fn decides(&self, id: FeedId) -> Decides {
        if self.fixed.contains(&id) { Decides::Operator } else { Decides::Schedule }
    }
}

/// What is due at `now` or was before, spread over the time that follows, in order; the rest as it is.
pub(super) fn ramped(
    now: Timestamp,
    due: &BTreeSet<(Timestamp, FeedId)>,
    interval: Duration,
) -> BTreeSet<(Timestamp, FeedId)> {
    let overdue = due.iter().take_while(|(at, _)| *at <= now).count();
    let places = due.iter().enumerate().map(|(place, (at, id))| {
        (if place < overdue { schedule::ramped(now, place, overdue, interval) } else { *at }, *id)
    });
    places.collect()
}

/// How feeds share the polls, by the configuration.
pub(super) fn rhythm(config: &Config) -> RhythmPolicy {
    let poll = &config.poll;
    RhythmPolicy {
        interval: poll.interval,
        min: poll.min_interval,
        max: poll.longest_interval(),
        budget: poll.budget,
    }
}

/// The site whose measure the feed at `url` uses, before it is known whether it has moved, and how long that takes for a
/// visit, when there are many: a bucket that is empty gives one in each `refill`.
fn site_of(config: &Config, own: &AllowList, url: &Url) -> (String, Duration) {
    let named = config.visits.iter().find(|(feed, _)| feed == url).and_then(|(_, visit)| visit.group.clone());
    let limited = config.poll.spacing.max(config.poll.refill);
    match named {
        Some(name) => (name, limited),
        None if is_own(own, url) => (site::group(url, site::Owner::Operator), Duration::ZERO),
        None => (site::group(url, site::Owner::Other), limited),
    }
}

/// What of the configured intervals cannot be met.
///
/// # Errors
/// When `[fetch] allow` cannot be read; in plain words.
pub fn shortfalls(config: &Config) -> Result<Vec<Shortfall>, String> {
    let own = allow_list(config)?;
    let loads: Vec<Load> = config
        .feeds
        .iter()
        .map(|spec| {
            let (site, spacing) = site_of(config, &own, &spec.url);
            let is_fixed = config.fixed_intervals.contains(&spec.url);
            let longest = if is_fixed { spec.interval } else { config.poll.longest_interval() };
            Load { site, spacing, interval: spec.interval, longest }
        })
        .collect();
    let concurrency = usize::try_from(config.poll.concurrency).unwrap_or(usize::MAX);
    Ok(schedule::shortfalls(&loads, config.poll.budget, concurrency))
}
