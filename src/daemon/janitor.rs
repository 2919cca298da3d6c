//! The janitor: retention, the index of the archive and checkpoints, in small pieces.

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
    search,
    store::Store,
    story,
};

/// Rows removed in one transaction.
const BATCH: usize = 500;
/// Items that go into the index in one transaction; a poll's transaction may have to wait for one of these.
const INDEX_BATCH: usize = 200;
/// Between two rounds of retention.
const INTERVAL: Duration = Duration::from_secs(3_600);
/// Between two looks for items that are not in the index.
const INDEX_INTERVAL: Duration = Duration::from_secs(300);
/// Bodies of mails that were handed over are kept this long.
const KEEP_SENT_BODIES: Duration = Duration::from_secs(30 * 86_400);

/// See the module.
#[derive(Debug)]
pub struct Janitor {
    store: Store,
    clock: Clock,
    catalogs: watch::Receiver<Arc<Catalog>>,
    /// Next round of retention.
    retention_at: Timestamp,
    /// Items that went into the index since it was last complete.
    indexed: usize,
}

impl Janitor {
    /// A janitor for `store`; its first step begins a round of retention.
    pub fn new(store: Store, clock: Clock, catalogs: watch::Receiver<Arc<Catalog>>) -> Self {
        Self { store, clock, catalogs, retention_at: Timestamp::MIN, indexed: 0 }
    }

    /// Removes one batch of what is past its time, when that is due; after the last, checkpoints. Otherwise adds one
    /// batch to the index; when nothing is left to add, rests.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn step(&mut self, now: Timestamp) -> Result<Progress, StepError> {
        if !is_early(now, self.retention_at, INTERVAL) {
            if self.prune(now).await? == Progress::Worked {
                return Ok(Progress::Worked);
            }
            self.store.checkpoint().await?;
            self.retention_at = time::after(now, INTERVAL);
        }
        let added = search::index_some(&self.store, INDEX_BATCH).await?;
        self.indexed += added;
        if added == INDEX_BATCH {
            return Ok(Progress::Worked);
        }
        if self.indexed >= INDEX_BATCH {
            tracing::info!(items.indexed = self.indexed, "{} items went into the search index", self.indexed);
        }
        self.indexed = 0;
        Ok(Progress::Idle { until: Some(time::after(now, INDEX_INTERVAL).min(self.retention_at)) })
    }

    async fn prune(&self, now: Timestamp) -> Result<Progress, StepError> {
        if self.store.forget_marks(time::before(now, story::WINDOW), BATCH).await? == BATCH {
            return Ok(Progress::Worked);
        }
        let keep = self.catalogs.borrow().keep;
        let pruned =
            self.store.prune(time::before(now, keep), time::before(now, KEEP_SENT_BODIES), BATCH).await?;
        if pruned.items == 0 && pruned.bodies == 0 {
            return Ok(Progress::Idle { until: None });
        }
        tracing::info!(
            items.pruned = pruned.items,
            bodies.pruned = pruned.bodies,
            "removed {} items and {} mail texts past their time",
            pruned.items,
            pruned.bodies
        );
        Ok(Progress::Worked)
    }

    /// Runs [`Janitor::step`] until `soft` is cancelled; the first round of retention begins after `INTERVAL`.
    ///
    /// # Errors
    /// When going on makes no sense: see [`StepError::retry`].
    pub async fn run(mut self, soft: CancellationToken, pulse: super::Pulse) -> Result<(), StepError> {
        let start = self.clock.now();
        self.retention_at = time::after(start, INTERVAL);
        let mut next = time::after(start, INDEX_INTERVAL);
        while !soft.is_cancelled() {
            let now = self.clock.now();
            let until = if is_early(now, next, INDEX_INTERVAL) {
                Some(next)
            } else {
                pulse.after(self.step(now).await)?
            };
            next = until.unwrap_or(now);
            tokio::select! {
                () = pulse.rest(until) => {}
                () = soft.cancelled() => {}
            }
        }
        Ok(())
    }
}

/// Whether `next` is still to come. One that is further ahead than it was ever set is one of before the clock was set
/// back.
fn is_early(now: Timestamp, next: Timestamp, interval: Duration) -> bool {
    now < next && next <= time::after(now, interval)
}
