//! The items of the last body read of each feed.
//!
//! **Invariant:** written in the transaction that stores the body, and by it alone.
//!
//! Rejected: a mark on each item of when it was last seen, which rewrites all of a feed's items at each poll.

use std::collections::HashSet;

use rusqlite::{OptionalExtension, Transaction};

use super::Error;
use crate::model::{FeedId, ItemId};

/// Items remembered of one body: so many from its beginning, and so many from its end, as some feeds put the newest last.
pub(super) const MAX_AT_EACH_END: usize = 128;

/// The items of the body before; none before the first.
pub(super) fn before(tx: &Transaction<'_>, feed: FeedId) -> Result<HashSet<ItemId>, Error> {
    let items: Option<Vec<u8>> = tx
        .prepare_cached("SELECT items FROM feed_window WHERE feed_id = ?1")?
        .query_row([feed.0], |r| r.get(0))
        .optional()?;
    let (ids, _) = items.as_deref().unwrap_or_default().as_chunks::<8>();
    Ok(ids.iter().map(|id| ItemId(i64::from_le_bytes(*id))).collect())
}

/// Takes `items` for the last body from here on.
pub(super) fn keep(tx: &Transaction<'_>, feed: FeedId, items: &[ItemId]) -> Result<(), Error> {
    let tail = items.len().saturating_sub(MAX_AT_EACH_END).max(MAX_AT_EACH_END);
    let kept = items.iter().take(MAX_AT_EACH_END).chain(items.iter().skip(tail));
    let blob: Vec<u8> = kept.flat_map(|id| id.0.to_le_bytes()).collect();
    tx.prepare_cached(
        "INSERT INTO feed_window (feed_id, items) VALUES (?1, ?2)
         ON CONFLICT (feed_id) DO UPDATE SET items = excluded.items",
    )?
    .execute((feed.0, blob))?;
    Ok(())
}
