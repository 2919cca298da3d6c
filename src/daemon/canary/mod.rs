//! The canary: a made-up item that goes all the way, each step timed.
//!
//! Data in: the catalog, the clock. Data out: a [`Song`], and the mail to the operator that is its last step.
//!
//! ```text
//! feed body ─ feed::parse ─▶ item ─ matching ─▶ match ─ plan::plan ─▶ due ─ render ─▶ mail ─ transport ─▶ handed over
//! ```
//!
//! **Invariant:** it touches neither items, matches, stories nor the outbox, and is mailed to nobody but the operator: its
//! topic, its subscription and its item exist in memory alone.
//! **Invariant:** each step is the code that real items go through, with the operators' own templates and transport.
//! **Invariant:** at a scheduled time it is sent at most once, across restarts.
//!
//! Rejected: a feed of our own that is really polled. Its items would be in the archive, in searches and statistics, and
//! one slip in a filter would mail them to subscribers.

mod song;

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

pub use song::{Failed, Song, Stage, Step, sing};

use super::{
    Catalog,
    progress::{Progress, StepError},
};
use crate::{
    clock::Clock,
    model::{Duty, Timestamp},
    schedule,
    store::Store,
};

/// The slowest step of a canary: an SMTP dialogue takes 25 minutes at most.
pub(super) const SLOWEST: Duration = Duration::from_secs(40 * 60);

/// The task that lets the canary sing when it is time.
#[derive(Debug)]
pub struct Canary {
    store: Store,
    clock: Clock,
    catalogs: watch::Receiver<Arc<Catalog>>,
}

impl Canary {
    /// A canary over `store`, which remembers when it sang.
    pub fn new(store: Store, clock: Clock, catalogs: watch::Receiver<Arc<Catalog>>) -> Self {
        Self { store, clock, catalogs }
    }

    /// Lets it sing, if it is time, and records how that ended; a failure is mailed to the operator by the planner.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn step(&mut self, now: Timestamp) -> Result<Progress, StepError> {
        let catalog = self.catalogs.borrow_and_update().clone();
        let (Some(policy), Some(to)) = (&catalog.duties.canary, catalog.operator.first()) else {
            return Ok(Progress::Idle { until: None });
        };
        let zone = &catalog.duties.zone;
        let until = schedule::next_digest(now, policy, zone);
        let from = self.store.open_duty(Duty::Canary, now).await?;
        let Some(due) = schedule::last_digest(now, policy, zone, from) else {
            return Ok(Progress::Idle { until });
        };
        // Counted first: a process that ends while it sings does not sing twice.
        self.store.begin_duty(Duty::Canary, due).await?;
        let song = sing(&catalog, &self.clock, to).await;
        let failure = song.failed.as_ref().map(|failed| format!("{}: {}", failed.stage, failed.reason));
        match &failure {
            None => tracing::info!(
                canary.total_us = micros(song.total),
                "the canary came through: {}",
                song.in_words()
            ),
            Some(why) => tracing::error!(
                canary.total_us = micros(song.total),
                "the canary did not come through: {}",
                super::one_line(why)
            ),
        }
        self.store.settle_duty(self.clock.now(), Duty::Canary, failure).await?;
        Ok(Progress::Idle { until })
    }

    /// Runs [`Canary::step`] until `soft` is cancelled.
    ///
    /// # Errors
    /// When going on makes no sense: see [`StepError::retry`].
    pub async fn run(mut self, soft: CancellationToken, pulse: super::Pulse) -> Result<(), StepError> {
        let mut catalogs = self.catalogs.clone();
        while !soft.is_cancelled() {
            let until = pulse.after(self.step(self.clock.now()).await)?;
            tokio::select! {
                () = pulse.rest(until) => {}
                _ = catalogs.changed() => {}
                () = soft.cancelled() => {}
            }
        }
        Ok(())
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}
