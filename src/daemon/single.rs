//! One visit to one feed, outside the loops: for an operator who wants to see it happen now.
//!
//! Data in: the address of a feed in force. Data out: what the visit gave, recorded.
//!
//! **Invariant:** it is the visit that the poller makes, and what it finds is planned and mailed like any other.

use std::{sync::Arc, time::Duration};

use url::Url;

use super::{
    Catalog, Daemon, HostGate, OpenStories, StepError, poller,
    readers::Readers,
    restraint,
    visiting::{self, Visitor},
    visits::{Visit, Visited},
};
use crate::{
    health,
    model::{Ended, FeedState, Poll, Recorded, Timestamp, Validators, time},
};

/// A visit waits no longer than this for the turn of its site.
const PATIENCE: Duration = Duration::from_secs(30);

/// What came of [`Daemon::poll_one`].
#[derive(Debug)]
pub enum Single {
    /// No feed in force has this address.
    Unknown,
    /// Its server asked not to be visited before this instant.
    AskedToWait(Timestamp),
    /// Its site has had so many visits that it can be given none before this instant.
    NoTurn(Timestamp),
    /// It was visited, and this was recorded.
    Polled(Box<(Poll, Recorded)>),
}

impl Daemon {
    /// Visits the feed in force with this address, due or not, and records what it gave. Mails are planned and sent
    /// by later rounds.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn poll_one(&self, url: &Url) -> Result<Single, StepError> {
        let now = self.clock.now();
        let catalog = self.catalogs.borrow().clone();
        // Digest windows open before the first item is read, so that nothing of this visit falls before them.
        self.planner().step(now).await?;
        let states = self.store.sync_feeds(now, catalog.feeds.clone()).await?;
        let Some(state) = states.into_iter().find(|state| state.spec.url == *url) else {
            return Ok(Single::Unknown);
        };
        if let Some(until) = state.memory.patience_until.filter(|until| *until > now) {
            return Ok(Single::AskedToWait(until));
        }
        self.visit_in_turn(catalog, state).await
    }

    /// The visit takes its turn at the site like any other, and what it takes is remembered.
    async fn visit_in_turn(&self, catalog: Arc<Catalog>, state: FeedState) -> Result<Single, StepError> {
        let now = self.clock.now();
        let site = restraint::site_of(&catalog, &state);
        let (sites, ended) = self.store.begin_visits(now, time::before(now, poller::SITES_KEPT)).await?;
        let mut gate = HostGate::default();
        gate.restore(now, sites, ended);
        gate.enqueue(now, &site, catalog.manners(&state), state.id);
        if let Some(ready) = gate.next_ready().filter(|at| *at > now) {
            if ready > time::after(now, PATIENCE) {
                self.end_visit(&mut gate, ended).await?;
                return Ok(Single::NoTurn(ready));
            }
            self.clock.sleep_until(ready).await;
        }
        gate.admit(self.clock.now());
        let (known, in_full) = (state.validators.clone(), visiting::is_due_in_full(&state, now));
        let state = if in_full { FeedState { validators: Validators::default(), ..state } } else { state };
        let visitor = Visitor {
            catalog: catalog.clone(),
            clock: self.clock.clone(),
            readers: Readers::default(),
            uplink: Arc::default(),
            site: site.clone(),
        };
        let Visited { mut poll, hops, room: _room } = visitor.visit(state.clone()).await;
        let visit = Visit { host: site, state, in_full };
        restraint::end(&mut gate, &visit, &mut poll);
        restraint::count_hops(&mut gate, &catalog, &visit, &hops, poll.at);
        self.end_visit(&mut gate, ended).await?;
        if in_full {
            health::put_on_trial(&known, &mut poll);
        }
        let open = OpenStories::load(&self.store, now).await?;
        let (recorded, _) = self.store.record_and_group(vec![poll.clone()], health::learn, open).await?;
        Ok(match recorded.into_iter().next() {
            Some(recorded) => Single::Polled(Box::new((poll, recorded))),
            None => Single::Unknown,
        })
    }

    /// Writes down what was taken. After a process that was killed the mark stays: what it took of other sites is as
    /// little known as before.
    async fn end_visit(&self, gate: &mut HostGate, ended: Ended) -> Result<(), StepError> {
        let taken = gate.take_changed(self.clock.now());
        match ended {
            Ended::Orderly => self.store.end_visits(taken).await?,
            Ended::Killed => self.store.record_sites(taken).await?,
        }
        Ok(())
    }
}
