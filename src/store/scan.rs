//! Reading the whole archive, batch by batch.
//!
//! **Invariant:** a batch holds at most [`MAX_SCANNED`] items and, but for its last one, [`BATCH_BYTES`] of text,
//! so a scan of any length takes the same memory. Each batch is one snapshot: a scan keeps no reader open while its
//! caller thinks, and the log of the database can be cut meanwhile.
//!
//! Rejected: one cursor for the whole scan. A reader that stays open for minutes keeps the write-ahead log growing.

use rusqlite::{OptionalExtension, Row};

use super::{Error, Store, row};
use crate::model::{FeedId, Item, ItemId, Timestamp, TopicName, feed_label, time};

/// Items in one batch. Measured on a million items: larger ones are no faster.
pub const MAX_SCANNED: usize = 512;
/// Bytes of text after which a batch ends.
pub const BATCH_BYTES: usize = 1 << 20;

/// Of title and text alone.
const TEXT: &str = "
    SELECT id, feed_id, first_seen_at_ms, title, summary, content FROM item
    WHERE id > ?1 AND id <= ?2 AND +first_seen_at_ms >= ?3 -- by row key, not by the index of instants
    ORDER BY id LIMIT ?4";
const WHOLE: &str = "
    SELECT item.id, feed_id, first_seen_at_ms, item.title, summary, content, link, author, tags, lang,
           feed.name, feed.url
    FROM item JOIN feed ON feed.id = item.feed_id
    WHERE item.id > ?1 AND item.id <= ?2 AND +first_seen_at_ms >= ?3
    ORDER BY item.id LIMIT ?4";

/// Which items a scan goes through.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The next batch begins behind this item.
    pub after: ItemId,
    /// The last item of the scan; what is stored later is left out.
    pub last: ItemId,
    /// Items stored before are left out.
    pub since: Timestamp,
    /// Whether link, author, tags, language and feed are wanted as well.
    pub whole: bool,
    /// For [`ScannedItem::matched`].
    pub topic: Option<TopicName>,
}

/// One item of a scan.
#[derive(Debug, Clone)]
pub struct ScannedItem {
    /// Row key.
    pub id: ItemId,
    /// Its feed.
    pub feed: FeedId,
    /// When it was stored.
    pub first_seen_at: Timestamp,
    /// The item; of a scan that is not [`Scan::whole`] only title and text. Guid and publication instant are never
    /// filled in.
    pub item: Item,
    /// Whether it matched [`Scan::topic`] when it was stored.
    pub matched: bool,
}

impl Default for ScannedItem {
    fn default() -> Self {
        Self {
            id: ItemId(0),
            feed: FeedId(0),
            first_seen_at: Timestamp::UNIX_EPOCH,
            item: Item::default(),
            matched: false,
        }
    }
}

/// Room for the items of a batch; what it allocated is used again by the next one.
#[derive(Debug, Default)]
pub struct ScanBatch {
    items: Vec<ScannedItem>,
    len: usize,
}

impl ScanBatch {
    /// The items, in the order they were stored.
    pub fn items(&self) -> &[ScannedItem] {
        self.items.get(..self.len).unwrap_or_default()
    }
}

impl Store {
    /// A scan of what was stored since `since`, up to now; of at most `limit` items, the newest. `None` when there
    /// is nothing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn scan_since(&self, since: Timestamp, limit: Option<usize>) -> Result<Option<Scan>, Error> {
        self.read(move |tx| {
            // Answered by item_by_first_seen alone, which also holds the row key.
            let mut bounds = tx.prepare_cached(
                "SELECT min(id), max(id) FROM (SELECT id FROM item WHERE first_seen_at_ms >= ?1
                 ORDER BY first_seen_at_ms DESC, id DESC LIMIT ?2)",
            )?;
            let limit = row::limit(limit.unwrap_or(usize::MAX));
            let found: Option<(Option<i64>, Option<i64>)> =
                bounds.query_row((row::ms(since), limit), |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
            let Some((Some(first), Some(last))) = found else { return Ok(None) };
            Ok(Some(Scan {
                after: ItemId(first.saturating_sub(1)),
                last: ItemId(last),
                since,
                whole: false,
                topic: None,
            }))
        })
        .await
    }

    /// The next items of `scan` in the order they were stored, in `room`; no items: the end. The scan goes on behind
    /// them with [`Scan::after`] set to the last one.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn scan_batch(&self, scan: Scan, mut room: ScanBatch) -> Result<ScanBatch, Error> {
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(if scan.whole { WHOLE } else { TEXT })?;
            let limit = row::limit(MAX_SCANNED);
            let mut rows = statement.query((scan.after.0, scan.last.0, row::ms(scan.since), limit))?;
            let mut bytes = 0;
            room.len = 0;
            while bytes < BATCH_BYTES
                && let Some(r) = rows.next()?
            {
                if room.len == room.items.len() {
                    room.items.push(ScannedItem::default());
                }
                let Some(item) = room.items.get_mut(room.len) else { break };
                refill(item, r, scan.whole)?;
                bytes += item.item.title.len() + item.item.summary.len() + item.item.content.len();
                room.len += 1;
            }
            drop(rows);
            if let (Some(topic), Some(last)) = (&scan.topic, room.items().last().map(|item| item.id)) {
                let mut matched = tx.prepare_cached(
                    "SELECT item_id FROM match WHERE item_id > ?1 AND item_id <= ?2 AND topic = ?3
                     ORDER BY item_id",
                )?;
                let mut rows = matched.query((scan.after.0, last.0, topic.as_str()))?;
                let items = room.items.get_mut(..room.len).unwrap_or_default();
                while let Some(r) = rows.next()? {
                    let id = ItemId(r.get(0)?);
                    if let Ok(at) = items.binary_search_by_key(&id, |item| item.id)
                        && let Some(item) = items.get_mut(at)
                    {
                        item.matched = true;
                    }
                }
            }
            Ok(room)
        })
        .await
    }
}

impl Store {
    /// What `feeds` are called: the configured name, the feed's own title, or the address. Unknown ones are left out.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn feed_names(&self, feeds: Vec<FeedId>) -> Result<Vec<(FeedId, String)>, Error> {
        self.read(move |tx| {
            let mut name = tx.prepare_cached("SELECT COALESCE(name, title, url) FROM feed WHERE id = ?1")?;
            let mut names = Vec::with_capacity(feeds.len());
            for feed in feeds {
                let found: Option<String> = name.query_row([feed.0], |r| r.get(0)).optional()?;
                names.extend(found.map(|found| (feed, found)));
            }
            Ok(names)
        })
        .await
    }
}

fn refill(scanned: &mut ScannedItem, r: &Row<'_>, whole: bool) -> rusqlite::Result<()> {
    scanned.id = ItemId(r.get(0)?);
    scanned.feed = FeedId(r.get(1)?);
    scanned.first_seen_at = time::from_millis(r.get(2)?);
    scanned.matched = false;
    let item = &mut scanned.item;
    for (column, text) in [(3, &mut item.title), (4, &mut item.summary), (5, &mut item.content)] {
        text.clear();
        text.push_str(r.get_ref(column)?.as_str()?);
    }
    if whole {
        item.link = row::link(r.get(6)?);
        item.author = r.get(7)?;
        item.tags = row::lines(&r.get::<_, String>(8)?);
        item.lang = r.get(9)?;
        item.feed = Some(feed_label(r.get::<_, Option<String>>(10)?.as_deref(), &r.get::<_, String>(11)?));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::store::DATABASE;

    /// A store with `n` items of `bytes` bytes each; every third one matched `metals`.
    fn filled(n: i64, bytes: usize) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let connection = Connection::open(dir.path().join(DATABASE)).unwrap();
        connection
            .execute_batch(
                "INSERT INTO feed (id, url, bucket, active, added_at_ms, next_poll_at_ms, failures)
                    VALUES (1, 'https://a.example/', 0, 1, 0, 0, 0);
                 INSERT INTO story (id, first_seen_at_ms) VALUES (1, 0); BEGIN;",
            )
            .unwrap();
        for id in 1..=n {
            connection
                .execute(
                    "INSERT INTO item (id, feed_id, story_id, title, summary, content, tags, first_seen_at_ms,
                        baseline) VALUES (?1, 1, 1, ?2, '', '', 'x', ?3, 0)",
                    (id, "t".repeat(bytes), id * 1_000),
                )
                .unwrap();
            if id % 3 == 0 {
                connection
                    .execute(
                        "INSERT INTO match (item_id, topic, revision, hits, matched_at_ms)
                            VALUES (?1, 'metals', 1, '[]', 0)",
                        [id],
                    )
                    .unwrap();
            }
        }
        connection.execute_batch("COMMIT").unwrap();
        (dir, store)
    }

    async fn sizes(store: &Store, mut scan: Scan) -> (Vec<usize>, Vec<i64>) {
        let (mut sizes, mut ids, mut room) = (Vec::new(), Vec::new(), ScanBatch::default());
        loop {
            room = store.scan_batch(scan.clone(), room).await.unwrap();
            let Some(last) = room.items().last() else { return (sizes, ids) };
            scan.after = last.id;
            sizes.push(room.items().len());
            ids.extend(room.items().iter().map(|item| item.id.0));
        }
    }

    #[tokio::test]
    async fn a_scan_goes_by_row_key() {
        let (_dir, store) = filled(1, 1);
        for sql in [TEXT, WHOLE] {
            let plan = store
                .read(move |tx| {
                    let mut plan = tx.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                    let lines = plan.query_map((0, 9, 0, 9), |r| r.get::<_, String>(3))?;
                    Ok(lines.collect::<Result<Vec<_>, _>>()?.join("; "))
                })
                .await
                .unwrap();
            assert!(
                plan.starts_with("SEARCH item USING INTEGER PRIMARY KEY") && !plan.contains("TEMP"),
                "{plan}"
            );
        }
        store.close().await;
    }

    #[tokio::test]
    async fn batches_are_bounded_in_items_and_in_bytes() {
        let most = i64::try_from(MAX_SCANNED).unwrap();
        let (_dir, store) = filled(most + 1, 1);
        let scan = store.scan_since(Timestamp::UNIX_EPOCH, None).await.unwrap().unwrap();
        let (found, ids) = sizes(&store, scan).await;
        assert_eq!((found, ids.len()), (vec![MAX_SCANNED, 1], MAX_SCANNED + 1));
        store.close().await;

        let (_dir, store) = filled(5, BATCH_BYTES / 2);
        let scan = store.scan_since(Timestamp::UNIX_EPOCH, None).await.unwrap().unwrap();
        assert_eq!(sizes(&store, scan).await.0, [2, 2, 1]);
        store.close().await;
    }

    #[tokio::test]
    async fn a_scan_has_a_begin_an_end_and_knows_what_matched() {
        let (_dir, store) = filled(10, 1);
        let at = |ms: i64| time::from_millis(ms);
        assert!(store.scan_since(at(10_001), None).await.unwrap().is_none());
        let scan = store.scan_since(at(4_000), None).await.unwrap().unwrap();
        assert_eq!((scan.after, scan.last), (ItemId(3), ItemId(10)));
        let newest = store.scan_since(at(4_000), Some(2)).await.unwrap().unwrap();
        assert_eq!((newest.after, newest.last), (ItemId(8), ItemId(10)));
        let scan = Scan { last: ItemId(9), whole: true, topic: Some(TopicName::new("metals")), ..scan };
        let room = store.scan_batch(scan.clone(), ScanBatch::default()).await.unwrap();
        let matched: Vec<(i64, bool)> = room.items().iter().map(|i| (i.id.0, i.matched)).collect();
        assert_eq!(matched, [(4, false), (5, false), (6, true), (7, false), (8, false), (9, true)]);
        assert_eq!(room.items()[0].item.tags, ["x"]);
        let room = store.scan_batch(Scan { after: ItemId(9), ..scan }, room).await.unwrap();
        assert!(room.items().is_empty());
        store.close().await;
    }
}
