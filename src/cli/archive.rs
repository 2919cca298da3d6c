//! Judging everything stored by some topics, on all processors.
//!
//! Data in: a store, compiled topics, a scan. Data out: what `look` makes of each batch, in the order of the archive.
//!
//! **Invariant:** as many batches are in memory as there are threads, and two; their room is used again.
//!
//! Rejected: one item at a time through a channel. Handing an item over costs as much as judging it.

use std::{
    num::NonZero,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    matching::{CompiledTopics, Matcher},
    store::{Scan, ScanBatch, ScannedItem, Store},
};

/// Threads at most.
const MAX_THREADS: usize = 16;

/// Calls `take` with what `look` made of each batch of `scan`.
pub(super) async fn judge<T: Send + 'static>(
    store: &Store,
    topics: Arc<CompiledTopics>,
    scan: Scan,
    look: impl Fn(&mut Matcher<'_>, &[ScannedItem]) -> T + Send + Sync + 'static,
    mut take: impl FnMut(T),
) -> anyhow::Result<()> {
    let scan = Scan { whole: topics.looks_beyond_text(), ..scan };
    let look = Arc::new(look);
    let rooms: Arc<Mutex<Vec<ScanBatch>>> = Arc::default();
    let threads = thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
    let batches = stream::try_unfold(scan, |mut scan| {
        let room = rooms.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
        async move {
            let batch = store.scan_batch(scan.clone(), room).await?;
            let Some(last) = batch.items().last() else { return anyhow::Ok(None) };
            scan.after = last.id;
            Ok(Some((batch, scan)))
        }
    });
    let judged = batches.map(|batch| {
        let (topics, look, rooms) = (Arc::clone(&topics), Arc::clone(&look), Arc::clone(&rooms));
        async move {
            let batch = batch?;
            let judged = tokio::task::spawn_blocking(move || {
                let found = look(&mut Matcher::new(&topics), batch.items());
                rooms.lock().unwrap_or_else(PoisonError::into_inner).push(batch);
                found
            });
            anyhow::Ok(judged.await?)
        }
    });
    let mut judged = std::pin::pin!(judged.buffered(threads + 1));
    while let Some(found) = judged.try_next().await? {
        take(found);
    }
    Ok(())
}
