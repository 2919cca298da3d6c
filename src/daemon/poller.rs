//! The poller: visits feeds that are due and records what they gave.
//!
//! Data in: the catalog, feed states, the clock. Data out: recorded polls, and a hint to the planner when matches
//! wait.
//!
//! **Invariant:** a poll is recorded whole or not at all; until then the feed keeps its old validators, so a poll
//! that is lost is simply repeated.
//! **Invariant:** at most `concurrency` visits are under way, and hosts are treated as [`HostGate`] says.
//!
//! Answers that trickle in are committed together; a 304 waits for company, as losing one only means polling again.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::Duration,
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Catalog, Hints, OpenStories,
    host_gate::HostGate,
    ledger,
    pacing::{self, Pacing},
    progress::{Progress, StepError},
    readers::Readers,
    restraint,
    uplink::Uplink,
    visiting::{self, Visitor},
    visits::{Visit, Visited, Visits},
};
use crate::{
    clock::{Clock, SLACK},
    fetch::Room,
    health,
    model::{
        FeedId, FeedMemory, FeedState, Poll, PollOutcome, Recorded, Stored, Timestamp, Validators, time,
    },
    store::{self, Store},
};

/// How long the first finished poll of a batch waits for others (measured: one commit a reply costs 3–5 times the
/// CPU when replies trickle in).
const LINGER: Duration = Duration::from_millis(20);
/// Polls committed together at most.
const MAX_BATCH: usize = 64;
/// 304s that wait to be written together at most, and how long.
const MAX_UNSAVED: usize = 512;
const MAX_UNSAVED_AGE: Duration = Duration::from_secs(10);
/// A single round waits no longer than this for a host's turn.
const ONCE_PATIENCE: Duration = Duration::from_secs(30);
/// What sites can still take is written down this often. A bucket full again by then need not be kept.
const SITES_EVERY: Duration = Duration::from_secs(10);
pub(super) const SITES_KEPT: Duration = Duration::from_secs(86_400);
/// A feed whose poll could not be recorded is tried again after this.
const AFTER_STORE_TROUBLE: Duration = Duration::from_secs(60);
/// A clock that jumps ahead by more than this was suspended: what is overdue comes back as after a stop.
const AWAY: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug)]
pub struct Poller {
    store: Store,
    clock: Clock,
    hints: Hints,
    catalogs: watch::Receiver<Arc<Catalog>>,
    catalog: Option<Arc<Catalog>>,
    feeds: HashMap<FeedId, FeedState>,
    due: BTreeSet<(Timestamp, FeedId)>,
    gate: HostGate,
    visits: Visits,
    uplink: Arc<Uplink>,
    /// When what sites can still take was last written down; `None` before the first visit.
    sites_at: Option<Timestamp>,
    readers: Readers,
    unsaved: Vec<Poll>,
    /// What the store remembers of the feeds whose polls are unsaved.
    saved: HashMap<FeedId, FeedMemory>,
    /// `None` until an item matches, and after the store refused: they are read from it when they are needed.
    stories: Option<OpenStories>,
    pacing: Pacing,
    /// Wall clock and uptime of the last step.
    seen: (Timestamp, Duration),
}

impl Poller {
    /// A poller that starts with what the store knows.
    pub fn new(store: Store, clock: Clock, hints: Hints, catalogs: watch::Receiver<Arc<Catalog>>) -> Self {
        let seen = (clock.now(), clock.uptime());
        Self {
            store,
            clock,
            hints,
            catalogs,
            catalog: None,
            feeds: HashMap::new(),
            due: BTreeSet::new(),
            gate: HostGate::default(),
            visits: Visits::default(),
            uplink: Arc::default(),
            sites_at: None,
            readers: Readers::default(),
            unsaved: Vec::new(),
            saved: HashMap::new(),
            stories: None,
            pacing: Pacing::default(),
            seen,
        }
    }

    /// Starts the visits that are due; while some are under way, waits for one to end (or for `stop`) and records
    /// what ended.
    ///
    /// # Errors
    /// When the store refuses; the feeds concerned are polled again later.
    pub async fn step(&mut self, now: Timestamp, stop: &CancellationToken) -> Result<Progress, StepError> {
        self.follow_clock(now);
        self.adopt_catalog(now).await?;
        self.enqueue_due(now);
        self.begin_visits(now);
        if self.visits.is_empty() {
            let until = self.save_when_old(now).await?;
            return Ok(Progress::Idle {
                until: earliest(until, earliest(self.next_due(), self.gate.next_ready())),
            });
        }
        let wake = earliest(self.next_due(), self.gate.next_ready().filter(|_| self.has_room()));
        let ended = tokio::select! {
            ended = self.visits.next() => ended,
            () = wait_for(&self.clock, wake) => return Ok(Progress::Worked),
            () = stop.cancelled() => return Ok(Progress::Worked),
            _ = self.catalogs.changed() => {
                self.catalogs.mark_changed();
                return Ok(Progress::Worked);
            }
        };
        let (batch, _rooms) = self.gather(ended).await;
        self.record(batch).await?;
        Ok(Progress::Worked)
    }

    /// Visits every feed once, due or not, and records what they gave. A feed that is due again before the last one
    /// has answered waits for another time, and so do those whose server asked for patience, or whose host asked for
    /// more than half a minute.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn poll_all(&mut self) -> Result<(), StepError> {
        let now = self.clock.now();
        self.adopt_catalog(now).await?;
        let asked_to_wait = |id: &FeedId| {
            self.feeds.get(id).and_then(|state| state.memory.patience_until).is_some_and(|until| until > now)
        };
        self.due =
            self.due.iter().map(|(at, id)| if asked_to_wait(id) { (*at, *id) } else { (now, *id) }).collect();
        self.enqueue_due(now);
        loop {
            self.begin_visits(self.clock.now());
            let soon = time::after(self.clock.now(), ONCE_PATIENCE);
            let wake = self.gate.next_ready().filter(|at| self.has_room() && *at <= soon);
            if self.visits.is_empty() && wake.is_none() {
                return self.drain().await;
            }
            let clock = self.clock.clone();
            tokio::select! {
                Some(ended) = self.visits.next() => {
                    let (batch, _rooms) = self.gather(Some(ended)).await;
                    self.record(batch).await?;
                }
                () = wait_for(&clock, wake) => {}
            }
        }
    }

    /// Starts no more visits, waits for those under way and records them.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn drain(&mut self) -> Result<(), StepError> {
        self.due.clear();
        self.gate.clear_waiting();
        while let Some(ended) = self.visits.next().await {
            let (batch, _rooms) = self.gather(Some(ended)).await;
            self.record(batch).await?;
        }
        self.save().await?;
        if self.sites_at.take().is_some() {
            self.store.end_visits(self.gate.take_changed(self.clock.now())).await?;
        }
        Ok(())
    }

    /// Runs [`Poller::step`] until `soft` is cancelled, then [`Poller::drain`]s.
    ///
    /// # Errors
    /// When going on makes no sense: see [`StepError::retry`].
    pub async fn run(mut self, soft: CancellationToken, pulse: super::Pulse) -> Result<(), StepError> {
        let mut catalogs = self.catalogs.clone();
        while !soft.is_cancelled() {
            let until = pulse.after(self.step(self.clock.now(), &soft).await)?;
            tokio::select! {
                () = pulse.rest(until) => {}
                _ = catalogs.changed() => {}
                () = soft.cancelled() => {}
            }
        }
        self.drain().await
    }

    /// Waits are kept in wall-clock time. When that is set back, all that is due moves back with it; otherwise no
    /// feed would be visited until the clock is where it was.
    fn follow_clock(&mut self, now: Timestamp) {
        let uptime = self.clock.uptime();
        let (then, uptime_then) = std::mem::replace(&mut self.seen, (now, uptime));
        let expected = time::after(then, uptime.saturating_sub(uptime_then));
        let back = time::between(now, expected);
        if back <= SLACK {
            if time::between(expected, now) > AWAY {
                self.ramp(now);
            }
            return;
        }
        tracing::warn!(
            clock.back_s = back.as_secs(),
            "the clock was set back by {} s; polls follow it",
            back.as_secs()
        );
        for state in self.feeds.values_mut() {
            state.next_poll_at = time::before(state.next_poll_at, back);
            state.memory.full_at = state.memory.full_at.map(|at| time::before(at, back));
            state.memory.stored = Stored::Perhaps;
        }
        self.due = self.due.iter().map(|(at, id)| (time::before(*at, back), *id)).collect();
        self.gate.set_back(back);
    }

    async fn adopt_catalog(&mut self, now: Timestamp) -> Result<(), StepError> {
        if self.sites_at.is_none() {
            let (sites, ended) = self.store.begin_visits(now, time::before(now, SITES_KEPT)).await?;
            self.gate.restore(now, sites, ended);
            self.sites_at = Some(now);
        }
        if self.catalog.is_some() && !self.catalogs.has_changed().unwrap_or(false) {
            return Ok(());
        }
        self.save().await?;
        let catalog = self.catalogs.borrow_and_update().clone();
        let synced = self.store.sync_feeds(now, catalog.feeds.clone()).await;
        // Not taken over yet: the next step tries again.
        let mut states = synced.inspect_err(|_| self.catalogs.mark_changed())?;
        self.pacing.adopt(&states, &catalog.poll);
        for state in &mut states {
            if let Some(known) = self.feeds.get(&state.id) {
                state.next_poll_at = state.next_poll_at.min(known.next_poll_at);
            }
            state.next_poll_at = state.next_poll_at.min(self.pacing.latest(state, &catalog.poll.rhythm));
            state.memory.full_at = state.memory.full_at.or(Some(visiting::read_in_full(state, now)));
        }
        self.gate.clear_waiting();
        // Those under way are due again once they have ended.
        let visited = self.visits.feeds();
        let waiting = states.iter().filter(|state| !visited.contains(&state.id));
        self.due = waiting.map(|state| (state.next_poll_at, state.id)).collect();
        self.feeds = states.into_iter().map(|state| (state.id, state)).collect();
        self.catalog = Some(catalog);
        self.ramp(now);
        Ok(())
    }

    /// What is overdue comes a little at a time, oldest first.
    fn ramp(&mut self, now: Timestamp) {
        let Some(catalog) = &self.catalog else { return };
        self.due = pacing::ramped(now, &self.due, catalog.poll.rhythm.interval);
    }

    fn has_room(&self) -> bool {
        self.catalog.as_ref().is_some_and(|catalog| self.visits.len() < catalog.poll.concurrency)
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.due.first().map(|(at, _)| *at)
    }

    fn enqueue_due(&mut self, now: Timestamp) {
        let Some(catalog) = self.catalog.clone() else { return };
        while let Some((at, id)) = self.due.first().copied().filter(|(at, _)| *at <= now) {
            self.due.remove(&(at, id));
            if let Some(state) = self.feeds.get(&id) {
                self.gate.enqueue(now, &restraint::site_of(&catalog, state), catalog.manners(state), id);
            }
        }
    }

    fn begin_visits(&mut self, now: Timestamp) {
        let Some(catalog) = self.catalog.clone() else { return };
        self.pacing.refresh(now, &self.feeds, &catalog.poll.rhythm);
        while self.has_room()
            && let Some(id) = self.gate.admit(now)
        {
            // Whoever waits at the gate is a feed in force: a new catalog empties the gate.
            let Some(state) = self.feeds.get(&id) else { continue };
            let mut state = state.clone();
            state.spec.interval = self.pacing.interval(&state, &catalog.poll.rhythm);
            if visiting::is_due_in_full(&state, now) {
                state.validators = Validators::default();
            }
            let in_full = state.validators == Validators::default();
            let site = restraint::site_of(&catalog, &state);
            let visitor = Visitor {
                catalog: catalog.clone(),
                clock: self.clock.clone(),
                readers: self.readers.clone(),
                uplink: self.uplink.clone(),
                site: site.clone(),
            };
            let visited = visitor.visit(state.clone());
            self.visits.begin(Visit { host: site, state, in_full }, visited);
        }
        self.gate.tidy(now);
    }

    /// The poll that ended and those that end within [`LINGER`] of it, each with what it must keep until it is recorded.
    async fn gather(&mut self, first: Option<(Visit, Option<Visited>)>) -> (Vec<Poll>, Vec<Room>) {
        let mut batch = Vec::new();
        batch.extend(first.map(|(visit, visited)| self.end(visit, visited)));
        let clock = self.clock.clone();
        let linger = clock.sleep(LINGER);
        tokio::pin!(linger);
        while batch.len() < MAX_BATCH && !self.visits.is_empty() {
            tokio::select! {
                biased;
                Some((visit, visited)) = self.visits.next() => batch.push(self.end(visit, visited)),
                () = &mut linger => break,
            }
        }
        batch.into_iter().unzip()
    }

    /// Gives the host its turn back. A visit that broke down is a failed poll.
    fn end(&mut self, visit: Visit, visited: Option<Visited>) -> (Poll, Room) {
        let Visited { mut poll, hops, room } = visited.unwrap_or_else(|| {
            let now = self.clock.now();
            let poll = visiting::broken_down(self.catalog.as_deref(), &visit.state, now);
            Visited { poll, hops: Vec::new(), room: Room::default() }
        });
        restraint::end(&mut self.gate, &visit, &mut poll);
        if let Some(state) = self.feeds.get(&poll.feed).filter(|_| visit.in_full) {
            health::put_on_trial(&state.validators, &mut poll);
        }
        if let Some(catalog) = &self.catalog {
            restraint::count_hops(&mut self.gate, catalog, &visit, &hops, poll.at);
            poll.next_poll_at = self.pacing.heed(&visit.state, &poll, &catalog.poll.rhythm);
        }
        (poll, room)
    }

    async fn record(&mut self, batch: Vec<Poll>) -> Result<(), StepError> {
        let can_wait =
            |poll: &Poll| matches!(poll.outcome, PollOutcome::NotModified { .. }) && poll.events.is_empty();
        let only_unchanged = batch.iter().all(can_wait);
        for poll in &batch {
            self.remember(poll);
        }
        self.unsaved.extend(batch);
        if only_unchanged && self.unsaved.len() < MAX_UNSAVED { Ok(()) } else { self.save().await }
    }

    /// Takes over what the next poll needs. What the feed holds counts as read only once it is recorded.
    fn remember(&mut self, poll: &Poll) {
        let Some(state) = self.feeds.get_mut(&poll.feed) else { return };
        self.due.remove(&(state.next_poll_at, poll.feed));
        state.last_poll_at = Some(poll.at);
        state.next_poll_at = poll.next_poll_at;
        state.failures = poll.failures;
        let stored = std::mem::replace(&mut state.memory, poll.memory.clone());
        self.saved.entry(poll.feed).or_insert(stored);
        match &poll.outcome {
            PollOutcome::NotModified { validators } => {
                state.validators = validators.clone();
                state.last_ok_at = Some(poll.at);
            }
            PollOutcome::Modified { validators, body_hash, .. } => {
                state.validators = validators.clone();
                state.body_hash = Some(*body_hash);
                state.last_ok_at = Some(poll.at);
                state.baseline_at = state.baseline_at.or(Some(poll.at));
            }
            PollOutcome::Failed(_) => {}
        }
        self.due.insert((state.next_poll_at, poll.feed));
    }

    /// Writes the unsaved polls once the oldest has waited long enough; returns when that is.
    async fn save_when_old(&mut self, now: Timestamp) -> Result<Option<Timestamp>, StepError> {
        let sites_due = self.save_sites(now).await?;
        let Some(oldest) = self.unsaved.first().map(|poll| time::after(poll.at, MAX_UNSAVED_AGE)) else {
            return Ok(sites_due);
        };
        // A later instant than that was set before the clock was set back.
        if now < oldest && oldest <= time::after(now, MAX_UNSAVED_AGE) {
            return Ok(earliest(Some(oldest), sites_due));
        }
        self.save().await?;
        Ok(sites_due)
    }

    /// Writes down what sites can still take, if that is due; returns when it will be.
    async fn save_sites(&mut self, now: Timestamp) -> Result<Option<Timestamp>, StepError> {
        let Some(last) = self.sites_at.filter(|_| self.gate.has_changed()) else { return Ok(None) };
        let due = time::after(last, SITES_EVERY);
        if now < due && last <= now {
            return Ok(Some(due));
        }
        self.sites_at = Some(now);
        self.store.record_sites(self.gate.take_changed(now)).await?;
        Ok(None)
    }

    async fn save(&mut self) -> Result<(), StepError> {
        self.save_sites(self.clock.now()).await?;
        if self.unsaved.is_empty() {
            return Ok(());
        }
        let polls: Arc<[Poll]> = std::mem::take(&mut self.unsaved).into();
        let saved = std::mem::take(&mut self.saved);
        match self.commit(Arc::clone(&polls)).await {
            Ok(recorded) => {
                for (poll, recorded) in polls.iter().zip(&recorded) {
                    if let Some(state) = self.feeds.get_mut(&recorded.feed) {
                        state.memory = recorded.memory.clone();
                        ledger::log(state.spec.url.as_str(), poll, recorded);
                        // What was just learned may bring the feed up: its first alert, a window that turns over fast.
                        let latest = match (&poll.outcome, &self.catalog) {
                            (PollOutcome::Modified { .. }, Some(catalog)) => {
                                self.pacing.latest(state, &catalog.poll.rhythm)
                            }
                            _ => continue,
                        };
                        if latest < state.next_poll_at && self.due.remove(&(state.next_poll_at, state.id)) {
                            state.next_poll_at = latest;
                            self.due.insert((latest, state.id));
                        }
                    }
                }
                if recorded.iter().any(|recorded| recorded.pending > 0) {
                    self.hints.matches.notify_one();
                }
                Ok(())
            }
            Err(error) => {
                self.forget(&polls, saved);
                Err(error.into())
            }
        }
    }

    /// Records polls in one transaction; the open stories go with it, and come back when it is committed.
    async fn commit(&mut self, polls: Arc<[Poll]>) -> Result<Vec<Recorded>, store::Error> {
        if !polls.iter().any(has_match) {
            return self.store.record_polls(polls, health::learn).await;
        }
        let open = match self.stories.take() {
            Some(open) => open,
            None => OpenStories::load(&self.store, self.clock.now()).await?,
        };
        let (recorded, open) = self.store.record_and_group(polls, health::learn, open).await?;
        self.stories = Some(open);
        Ok(recorded)
    }

    /// After the store refused: the feeds are as unread as before, and due again soon.
    fn forget(&mut self, polls: &[Poll], mut saved: HashMap<FeedId, FeedMemory>) {
        let again = time::after(self.clock.now(), AFTER_STORE_TROUBLE);
        for poll in polls {
            let Some(state) = self.feeds.get_mut(&poll.feed) else { continue };
            self.due.remove(&(state.next_poll_at, poll.feed));
            state.validators = Validators::default();
            state.body_hash = None;
            if let Some(memory) = saved.remove(&poll.feed) {
                state.memory = memory;
            }
            if state.baseline_at == Some(poll.at) {
                state.baseline_at = None;
            }
            state.next_poll_at = again;
            self.due.insert((again, poll.feed));
        }
    }
}

fn has_match(poll: &Poll) -> bool {
    match &poll.outcome {
        PollOutcome::Modified { items, .. } => items.iter().any(|item| !item.matches.is_empty()),
        PollOutcome::NotModified { .. } | PollOutcome::Failed(_) => false,
    }
}

fn earliest(a: Option<Timestamp>, b: Option<Timestamp>) -> Option<Timestamp> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

async fn wait_for(clock: &Clock, at: Option<Timestamp>) {
    match at {
        Some(at) => clock.sleep_until(at).await,
        None => std::future::pending().await,
    }
}
