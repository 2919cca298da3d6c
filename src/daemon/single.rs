//! One visit to one feed, outside the loops: for an operator who wants to see it happen now.
//!
//! Data in: the address of a feed in force. Data out: what the visit gave, recorded.
//!
//! **Invariant:** it is the visit that the poller makes, and what it finds is planned and mailed like any other.

use std::sync::Arc;

use url::Url;

use super::{
    Daemon, OpenStories, StepError, restraint,
    visiting::{self, Readers, Visitor},
};
use crate::{
    health,
    model::{FeedState, Poll, Recorded, Timestamp, Validators},
};

/// What came of [`Daemon::poll_one`].
#[derive(Debug)]
pub enum Single {
    /// No feed in force has this address.
    Unknown,
    /// Its server asked not to be visited before this instant.
    AskedToWait(Timestamp),
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
        let (known, is_due_in_full) = (state.validators.clone(), visiting::is_due_in_full(&state, now));
        let state =
            if is_due_in_full { FeedState { validators: Validators::default(), ..state } } else { state };
        let readers = Readers::default();
        let site = restraint::site_of(&catalog, &state);
        let visitor = Visitor { catalog, clock: self.clock.clone(), readers, uplink: Arc::default(), site };
        let mut poll = visitor.visit(state).await.poll;
        if is_due_in_full {
            health::put_on_trial(&known, &mut poll);
        }
        let open = OpenStories::load(&self.store, now).await?;
        let (recorded, _) = self.store.record_and_group(vec![poll.clone()], health::learn, open).await?;
        Ok(match recorded.into_iter().next() {
            Some(recorded) => Single::Polled(Box::new((poll, recorded))),
            None => Single::Unknown,
        })
    }
}
