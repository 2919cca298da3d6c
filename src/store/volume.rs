//! How many stories each topic found, day by day.
//!
//! Data in: topics, and the instants between which the days lie. Data out: a count for each topic and day.
//!
//! **Invariant:** matches are found by the index `match_by_topic`, items by their row key; no text is read.
//!
//! Rejected: a table of daily counts. It would hold one zone's days; readers live in several.

use super::{Error, Store, row};
use crate::model::{Timestamp, TopicName};

const COUNT: &str = "SELECT count(DISTINCT item.story_id) AS stories
    FROM match JOIN item ON item.id = match.item_id
    WHERE match.topic = ?1 AND match.matched_at_ms >= ?2 AND match.matched_at_ms < ?3";

impl Store {
    /// The stories that matched each of `topics` between each two neighbours of `bounds` (from the first, up to and
    /// without the second), in the order of `topics`. Of fewer than two bounds no day is counted.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn topic_volumes(
        &self,
        topics: Vec<TopicName>,
        bounds: Vec<Timestamp>,
    ) -> Result<Vec<(TopicName, Vec<u32>)>, Error> {
        self.read(move |tx| {
            let mut count = tx.prepare_cached(COUNT)?;
            let mut volumes = Vec::with_capacity(topics.len());
            for topic in topics {
                let days = bounds
                    .windows(2)
                    .map(|day| {
                        let [from, to] = day else { return Ok(0) };
                        let range = (topic.as_str(), row::ms(*from), row::ms(*to));
                        count.query_row(range, |r| r.get("stories"))
                    })
                    .collect::<Result<_, _>>()?;
                volumes.push((topic, days));
            }
            Ok(volumes)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn days_are_counted_by_index_and_row_key() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let plan = store
            .read(move |tx| {
                let mut plan = tx.prepare(&format!("EXPLAIN QUERY PLAN {COUNT}"))?;
                let lines = plan.query_map(("a", 0, 9), |r| r.get::<_, String>(3))?;
                Ok(lines.collect::<Result<Vec<_>, _>>()?.join("; "))
            })
            .await
            .unwrap();
        assert!(plan.contains("SEARCH match USING") && plan.contains("match_by_topic"), "{plan}");
        assert!(plan.contains("SEARCH item USING INTEGER PRIMARY KEY"), "{plan}");
        store.close().await;
    }
}
