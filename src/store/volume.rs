//! How often topics were matched, in spans of time.

use super::{Error, Store, row};
use crate::model::{Timestamp, TopicName};

/// Most spans counted in one call.
pub const MAX_SPANS: usize = 400;

impl Store {
    /// Distinct stories that matched each of `topics`, span by span: one count between each two neighbours of
    /// `edges` (rising; the earlier included, the later not). Items found by the first poll of a feed do not count. At
    /// most [`MAX_SPANS`] spans, the latest ones. In order of `topics`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn topic_volumes(
        &self,
        topics: Vec<TopicName>,
        edges: Vec<Timestamp>,
    ) -> Result<Vec<Vec<u32>>, Error> {
        self.read(move |tx| {
            let skipped = edges.len().saturating_sub(MAX_SPANS + 1);
            let edges = edges.get(skipped..).unwrap_or_default();
            let mut count = tx.prepare_cached(
                "SELECT count(DISTINCT item.story_id) FROM match JOIN item ON item.id = match.item_id
                 WHERE topic = ?1 AND matched_at_ms >= ?2 AND matched_at_ms < ?3 AND baseline = 0",
            )?;
            let mut volumes = Vec::with_capacity(topics.len());
            for topic in &topics {
                let mut spans = Vec::with_capacity(edges.len().saturating_sub(1));
                for pair in edges.windows(2) {
                    let [from, to] = pair else { continue };
                    spans
                        .push(count.query_row((topic.as_str(), row::ms(*from), row::ms(*to)), |r| r.get(0))?);
                }
                volumes.push(spans);
            }
            Ok(volumes)
        })
        .await
    }

    /// When the first item that is still stored was read.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn archive_begins_at(&self) -> Result<Option<Timestamp>, Error> {
        self.read(|tx| {
            let mut find = tx.prepare_cached("SELECT min(first_seen_at_ms) AS at_ms FROM item")?;
            Ok(find.query_row([], |r| row::instant(r, "at_ms"))?)
        })
        .await
    }
}
