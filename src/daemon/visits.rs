//! Visits under way, each with what must be known when it ends, however it ends.
//!
//! Data in: a feed's state, its host, the future that visits it. Data out: each visit once, with its poll.
//!
//! **Invariant:** each visit that began comes out of [`Visits::next`], one that broke down too: its feed is never
//! forgotten and its host's turn never lost.
//!
//! Rejected: to look the feed up in the catalog when its visit ends: a reload may have removed it meanwhile.

use std::collections::{HashMap, HashSet};

use tokio::task::{Id, JoinSet};

use url::Url;

use crate::{
    fetch::Room,
    model::{FeedId, FeedState, Poll},
};

/// A visit under way.
#[derive(Debug)]
pub(super) struct Visit {
    /// The feed as it was when the visit began.
    pub(super) state: FeedState,
    /// The site whose turn it uses.
    pub(super) host: String,
    /// Whether it asks for the feed in full, changed or not.
    pub(super) in_full: bool,
}

/// What came of a visit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Visited {
    /// To be recorded.
    pub(super) poll: Poll,
    /// Where redirects led, in order.
    pub(super) hops: Vec<Url>,
    /// To be kept until the poll is recorded: what was read of a large body is large too.
    pub(super) room: Room,
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Visits {
    tasks: JoinSet<Visited>,
    under_way: HashMap<Id, Visit>,
}

impl Visits {
    /// Begins a visit.
    pub(super) fn begin(&mut self, visit: Visit, work: impl Future<Output = Visited> + Send + 'static) {
        let id = self.tasks.spawn(work).id();
        self.under_way.insert(id, visit);
    }

    /// The next visit that ends, with its poll; without one when it broke down, a fault of ours. `None` while none
    /// is under way. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<(Visit, Option<Visited>)> {
        loop {
            let (id, visited) = match self.tasks.join_next_with_id().await? {
                Ok((id, visited)) => (id, Some(visited)),
                Err(broken) => (broken.id(), None),
            };
            if let Some(visit) = self.under_way.remove(&id) {
                return Some((visit, visited));
            }
        }
    }

    /// How many are under way.
    pub(super) fn len(&self) -> usize {
        self.tasks.len()
    }

    /// Whether none is under way.
    pub(super) fn is_empty(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The feeds being visited.
    pub(super) fn feeds(&self) -> HashSet<FeedId> {
        self.under_way.values().map(|visit| visit.state.id).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::{FeedMemory, FeedSpec, OnAdd, PollOutcome, Timestamp, Validators, time};

    fn visit(id: i64) -> Visit {
        let url = Url::parse("http://a.example/feed").unwrap();
        let spec = FeedSpec { url, title: None, interval: Duration::from_secs(60), on_add: OnAdd::Baseline };
        let state = FeedState::unread(FeedId(id), spec, Timestamp::UNIX_EPOCH);
        Visit { state, host: "a.example:80".to_owned(), in_full: true }
    }

    #[tokio::test]
    async fn a_visit_that_breaks_down_comes_out_with_its_feed_and_host() {
        let mut visits = Visits::default();
        visits.begin(visit(1), async { std::panic::resume_unwind(Box::new("broken")) });
        assert_eq!(visits.feeds(), HashSet::from([FeedId(1)]));
        let (ended, poll) = visits.next().await.unwrap();
        assert_eq!((ended.state.id, ended.host.as_str(), poll), (FeedId(1), "a.example:80", None));
        let at = time::from_millis(0);
        let validators = Validators::default();
        let outcome = PollOutcome::NotModified { validators };
        let poll = Poll {
            feed: FeedId(2),
            at,
            outcome,
            next_poll_at: at,
            failures: 0,
            memory: FeedMemory::default(),
            events: Vec::new(),
        };
        let visited = Visited { poll, hops: Vec::new(), room: Room::default() };
        visits.begin(visit(2), std::future::ready(visited.clone()));
        assert_eq!(visits.next().await.unwrap().1, Some(visited));
        assert!(visits.next().await.is_none() && visits.is_empty() && visits.feeds().is_empty());
    }
}
