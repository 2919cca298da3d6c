//! The janitor: retention and checkpoints, in small pieces.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Catalog,
    progress::{Progress, StepError},
};
use crate::{
    clock::Clock,
    model::{Timestamp, time},
    store::Store,
};

/// Rows removed in one transaction.
const BATCH: usize = 500;
/// Between two rounds.
const INTERVAL: Duration = Duration::from_secs(3_600);
/// Bodies of mails that were handed over are kept this long.
const KEEP_SENT_BODIES: Duration = Duration::from_secs(30 * 86_400);

/// See the module.
#[derive(Debug)]
pub struct Janitor {
    store: Store,
    clock: Clock,
    catalogs: watch::Receiver<Arc<Catalog>>,
}

impl Janitor {
    /// A janitor for `store`.
    pub fn new(store: Store, clock: Clock, catalogs: watch::Receiver<Arc<Catalog>>) -> Self {
        Self { store, clock, catalogs }
    }

    /// Removes one batch of what is past its time; when nothing is left to remove, checkpoints and rests.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn step(&mut self, now: Timestamp) -> Result<Progress, StepError> {
        let keep = self.catalogs.borrow().keep;
        let pruned =
            self.store.prune(time::before(now, keep), time::before(now, KEEP_SENT_BODIES), BATCH).await?;
        if pruned.items > 0 || pruned.bodies > 0 {
            tracing::info!(
                items.pruned = pruned.items,
                bodies.pruned = pruned.bodies,
                "removed {} items and {} mail texts past their time",
                pruned.items,
                pruned.bodies
            );
            return Ok(Progress::Worked);
        }
        self.store.checkpoint().await?;
        Ok(Progress::Idle { until: Some(time::after(now, INTERVAL)) })
    }

    /// Runs [`Janitor::step`] until `soft` is cancelled.
    ///
    /// # Errors
    /// When going on makes no sense: see [`StepError::retry`].
    pub async fn run(mut self, soft: CancellationToken, pulse: super::Pulse) -> Result<(), StepError> {
        let mut next = time::after(self.clock.now(), INTERVAL);
        // A `next` that is further ahead than it was ever set is one of before the clock was set back.
        let is_early = |now, next| now < next && next <= time::after(now, INTERVAL);
        while !soft.is_cancelled() {
            let now = self.clock.now();
            let until = if is_early(now, next) { Some(next) } else { pulse.after(self.step(now).await)? };
            next = until.unwrap_or(now);
            tokio::select! {
                () = pulse.rest(until) => {}
                () = soft.cancelled() => {}
            }
        }
        Ok(())
    }
}
