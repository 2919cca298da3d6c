//! Which items of a feed the store knows: for trying a feed without recording anything.

use rusqlite::OptionalExtension;

use super::{Error, Store, row};
use crate::model::{FeedId, ItemKey};

impl Store {
    /// Whether each item, given by its keys, is known to the feed with this address, in the same order; `None` when
    /// the feed was never read.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn known_items(
        &self,
        url: String,
        items: Vec<Vec<ItemKey>>,
    ) -> Result<Option<Vec<bool>>, Error> {
        self.read(move |tx| {
            let feed: Option<FeedId> = tx
                .query_row("SELECT id FROM feed WHERE url = ?1 AND baseline_at_ms IS NOT NULL", [&url], |r| {
                    Ok(FeedId(r.get("id")?))
                })
                .optional()?;
            let Some(feed) = feed else { return Ok(None) };
            let mut find =
                tx.prepare_cached("SELECT 1 FROM item_key WHERE feed_id = ?1 AND kind = ?2 AND hash = ?3")?;
            let mut known = Vec::with_capacity(items.len());
            for keys in &items {
                let mut is_known = false;
                for key in keys {
                    is_known |= find.exists((feed.0, row::kind_code(key.kind), key.hash))?;
                }
                known.push(is_known);
            }
            Ok(Some(known))
        })
        .await
    }
}
