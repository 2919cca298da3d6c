//! One visit to a feed: fetch, read, judge, decide when to come back.
//!
//! Data in: a feed's state and the catalog. Data out: a [`Poll`] that can be recorded.
//!
//! **Invariant:** every visit gives a poll, whatever the server or the feed does.

use std::sync::Arc;

use tokio::sync::Semaphore;

use super::{Catalog, reading};
use crate::{
    clock::Clock,
    fetch::{FetchRequest, Fetched, Response},
    health::{self, Asked, Observation},
    model::{FailureKind, FeedState, Learned, Poll, PollFailure, PollOutcome, Timestamp, Validators, time},
    schedule,
};

/// What a visit needs.
#[derive(Debug)]
pub(super) struct Visitor {
    pub(super) catalog: Arc<Catalog>,
    pub(super) clock: Clock,
    /// Turns to read a body.
    pub(super) readers: Arc<Semaphore>,
}

impl Visitor {
    /// One visit. The feed's memory decides how it is asked.
    pub(super) async fn visit(self, state: FeedState) -> Poll {
        let asked =
            if state.validators == Validators::default() { Asked::InFull } else { Asked::Conditionally };
        let request = FetchRequest { url: state.spec.url.clone(), validators: state.validators.clone() };
        let fetched = self.catalog.fetcher.fetch(&request).await;
        let now = self.clock.now();
        let (outcome, redirects) = match fetched {
            Ok(Fetched::NotModified { validators, redirects }) => {
                (PollOutcome::NotModified { validators }, redirects)
            }
            Ok(Fetched::Modified(response)) => {
                let redirects = response.redirects.clone();
                (self.read(&state, response, now).await, redirects)
            }
            Err(error) => (PollOutcome::Failed(error.into()), Vec::new()),
        };
        let observation = Observation { outcome: &outcome, redirects: &redirects, asked, hints: None };
        let judged = health::judge(now, &state, &observation);
        poll(Some(&self.catalog), &state, outcome, judged, now)
    }

    /// Reading is work for the processor, and must not hold up the network.
    async fn read(&self, state: &FeedState, response: Response, now: Timestamp) -> PollOutcome {
        let (catalog, state) = (self.catalog.clone(), state.clone());
        let turn = self.readers.clone().acquire_owned().await;
        let read = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            let body = reading::Body {
                url: &response.url,
                content_type: response.content_type.as_deref(),
                validators: response.validators,
                bytes: &response.body,
            };
            reading::read(&catalog, &state, body, now)
        });
        read.await.unwrap_or_else(|_| broken_down_outcome())
    }
}

/// The poll of a visit that broke down, a fault of ours.
pub(super) fn broken_down(catalog: Option<&Catalog>, state: &FeedState, now: Timestamp) -> Poll {
    let outcome = broken_down_outcome();
    let asked = Asked::InFull;
    let observation = Observation { outcome: &outcome, redirects: &[], asked, hints: None };
    let judged = health::judge(now, state, &observation);
    poll(catalog, state, outcome, judged, now)
}

fn poll(
    catalog: Option<&Catalog>,
    state: &FeedState,
    outcome: PollOutcome,
    judged: Learned,
    now: Timestamp,
) -> Poll {
    let failures = match outcome {
        PollOutcome::Failed(_) => state.failures.saturating_add(1),
        _ => 0,
    };
    let next_poll_at = match catalog {
        Some(catalog) => schedule::next_poll(now, state, &outcome, &catalog.poll.policy),
        None => time::after(now, state.spec.interval),
    };
    let Learned { memory, events } = judged;
    Poll { feed: state.id, at: now, outcome, next_poll_at, failures, memory, events }
}

fn broken_down_outcome() -> PollOutcome {
    PollOutcome::Failed(PollFailure {
        kind: FailureKind::Internal,
        message: "reading the feed failed inside wirewatch; please report the feed".to_owned(),
        retry_at: None,
    })
}
