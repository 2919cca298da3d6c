//! The index of the archive, and pages of items that it narrows down.
//!
//! **Invariant:** every item up to `indexed_to` is in the index, none behind it is. An item that is removed leaves
//! both in one transaction ([`forget`]).
//!
//! Rejected: triggers that index an item as it is inserted. A poll would wait for it (measured: 13 times the cost of
//! an insert).

use rusqlite::{OptionalExtension, Row, Transaction};

use super::{Error, Store, row};
use crate::model::{
    ArchivePage, IndexEntry, IndexState, Item, ItemId, Narrowing, StoredItem, Timestamp, feed_label, time,
};

/// The columns of [`stored`].
macro_rules! columns {
    () => {
        "item.id AS id, guid, link, item.title AS title, summary, content, author, tags, lang, published_at_ms,
         first_seen_at_ms, feed.url AS feed_url, feed.name AS feed_name,
         COALESCE(feed.name, feed.title, feed.url) AS source"
    };
}

/// Newest first, by row key alone: `+` keeps other indexes out of it.
const PAGE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM item CROSS JOIN feed ON feed.id = item.feed_id
      WHERE item.id > ?1 AND item.id < ?2 AND +first_seen_at_ms >= ?3
      ORDER BY item.id DESC LIMIT ?4"
);
/// As [`PAGE`], of the items that the index has under an expression; the index gives them newest first by itself.
const NARROWED_PAGE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM item_index CROSS JOIN item ON item.id = item_index.rowid CROSS JOIN feed ON feed.id = item.feed_id
      WHERE item_index.rowid > ?1 AND item_index.rowid < ?2 AND +first_seen_at_ms >= ?3 AND item_index MATCH ?5
      ORDER BY item_index.rowid DESC LIMIT ?4"
);
const UNINDEXED: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM item CROSS JOIN feed ON feed.id = item.feed_id WHERE item.id > ?1 ORDER BY item.id LIMIT ?2"
);
/// Without the `+` SQLite would walk the whole table from its oldest item on.
const FIRST_SINCE: &str = "SELECT min(+id) FROM item WHERE first_seen_at_ms >= ?1";
const META: &str = "SELECT value FROM meta WHERE key = ?1";

impl Store {
    /// How far the index has come; nowhere while a database of an older wirewatch was not opened for writing.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn index_state(&self) -> Result<IndexState, Error> {
        self.read(index_state).await
    }

    /// The oldest items that are not in the index yet, oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn unindexed(&self, limit: usize) -> Result<Vec<StoredItem>, Error> {
        self.read(move |tx| {
            let to = index_state(tx)?.indexed_to;
            let mut statement = tx.prepare_cached(UNINDEXED)?;
            let items = statement.query_map((to.0, row::limit(limit)), stored)?.collect::<Result<_, _>>()?;
            Ok(items)
        })
        .await
    }

    /// Adds to the index the items that follow those in it, rising and without a gap. Those already in it, or removed
    /// meanwhile, are passed over.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn add_to_index(&self, entries: Vec<IndexEntry>) -> Result<(), Error> {
        self.write(move |tx| {
            let mut to = index_state(tx)?.indexed_to;
            let mut add = tx.prepare_cached(
                "INSERT INTO item_index (rowid, tokens) SELECT id, ?2 FROM item WHERE id = ?1",
            )?;
            for entry in entries.iter().filter(|entry| entry.id > to) {
                add.execute((entry.id.0, &entry.tokens))?;
            }
            to = entries.iter().map(|entry| entry.id).fold(to, ItemId::max);
            set(tx, "indexed_to", to.0)?;
            lower(tx)
        })
        .await
    }

    /// Empties the index; what comes into it from now on is of this form.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn reset_index(&self, form: i64) -> Result<(), Error> {
        self.write(move |tx| {
            tx.execute("INSERT INTO item_index (item_index) VALUES ('delete-all')", [])?;
            set(tx, "indexed_to", 0)?;
            set(tx, "index_form", form)
        })
        .await
    }

    /// One page of stored items, newest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn archive_page(&self, page: ArchivePage) -> Result<Vec<StoredItem>, Error> {
        self.read(move |tx| {
            let below = page.below.map_or(i64::MAX, |below| below.0);
            let since = page.since.map_or(i64::MIN, row::ms);
            let limit = row::limit(page.limit);
            let items = match &page.narrowing {
                None => {
                    let mut statement = tx.prepare_cached(PAGE)?;
                    let rows = statement.query_map((page.above.0, below, since, limit), stored)?;
                    rows.collect::<Result<_, _>>()?
                }
                Some(narrowing) => {
                    let wanted = (page.above.0, below, since, limit, expression(narrowing));
                    let mut statement = tx.prepare_cached(NARROWED_PAGE)?;
                    statement.query_map(wanted, stored)?.collect::<Result<_, _>>()?
                }
            };
            Ok(items)
        })
        .await
    }

    /// The item with the smallest row key that was first seen at `since` or later.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn first_since(&self, since: Timestamp) -> Result<Option<ItemId>, Error> {
        self.read(move |tx| {
            let first: Option<i64> =
                tx.prepare_cached(FIRST_SINCE)?.query_row([row::ms(since)], |r| r.get(0))?;
            Ok(first.map(ItemId))
        })
        .await
    }
}

fn index_state(tx: &Transaction<'_>) -> Result<IndexState, Error> {
    let mut statement = tx.prepare_cached(META)?;
    let mut value = |key: &str| -> Result<i64, Error> {
        Ok(statement.query_row([key], |r| r.get(0)).optional()?.unwrap_or(0))
    };
    Ok(IndexState { form: value("index_form")?, indexed_to: ItemId(value("indexed_to")?) })
}

fn set(tx: &Transaction<'_>, key: &str, value: i64) -> Result<(), Error> {
    tx.prepare_cached("UPDATE meta SET value = ?2 WHERE key = ?1")?.execute((key, value))?;
    Ok(())
}

/// Takes removed items out of the index, in the transaction that removed them.
pub(super) fn forget(tx: &Transaction<'_>, removed: &[ItemId]) -> Result<(), Error> {
    let to = index_state(tx)?.indexed_to;
    let mut leave = tx.prepare_cached("DELETE FROM item_index WHERE rowid = ?1")?;
    for item in removed.iter().filter(|item| **item <= to) {
        leave.execute([item.0])?;
    }
    lower(tx)
}

/// Row keys are given again once the newest item was removed; what gets one is not in the index.
fn lower(tx: &Transaction<'_>) -> Result<(), Error> {
    tx.prepare_cached(
        "UPDATE meta SET value = min(value, (SELECT COALESCE(max(id), 0) FROM item)) WHERE key = 'indexed_to'",
    )?
    .execute([])?;
    Ok(())
}

/// The index's spelling of a narrowing.
fn expression(narrowing: &Narrowing) -> String {
    let joined = |parts: &[Narrowing], by: &str| {
        let parts: Vec<String> = parts.iter().map(expression).collect();
        format!("({})", parts.join(by))
    };
    match narrowing {
        Narrowing::Token(token) => format!("\"{}\"", token.replace('"', "\"\"")),
        Narrowing::Prefix(token) => format!("\"{}\" *", token.replace('"', "\"\"")),
        Narrowing::All(parts) => joined(parts, " AND "),
        Narrowing::Any(parts) => joined(parts, " OR "),
    }
}

fn stored(r: &Row<'_>) -> rusqlite::Result<StoredItem> {
    let name: Option<String> = r.get("feed_name")?;
    Ok(StoredItem {
        id: ItemId(r.get("id")?),
        item: Item {
            feed: Some(feed_label(name.as_deref(), &r.get::<_, String>("feed_url")?)),
            guid: r.get("guid")?,
            link: row::link(r.get("link")?),
            title: r.get("title")?,
            summary: r.get("summary")?,
            content: r.get("content")?,
            author: r.get("author")?,
            tags: row::lines(&r.get::<_, String>("tags")?),
            lang: r.get("lang")?,
            published_at: row::instant(r, "published_at_ms")?,
        },
        source: r.get("source")?,
        first_seen_at: time::from_millis(r.get("first_seen_at_ms")?),
    })
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::store::migrate::migrate;

    fn plan(sql: &str, values: impl rusqlite::Params) -> String {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let lines: Vec<String> =
            statement.query_map(values, |r| r.get("detail")).unwrap().collect::<Result<_, _>>().unwrap();
        lines.join("\n")
    }

    #[test]
    fn pages_are_read_in_order_without_sorting() {
        let narrowed = plan(NARROWED_PAGE, (0, 9, 0, 9, "\"a\""));
        let lines: Vec<&str> = narrowed.lines().collect();
        assert!(lines[0].starts_with("SCAN item_index VIRTUAL TABLE"), "{narrowed}");
        assert!(lines[1].starts_with("SEARCH item USING INTEGER PRIMARY KEY"), "{narrowed}");
        assert!(!narrowed.contains("TEMP B-TREE"), "{narrowed}");
        for page in [plan(PAGE, (0, 9, 0, 9)), plan(UNINDEXED, (0, 9))] {
            assert!(page.starts_with("SEARCH item USING INTEGER PRIMARY KEY"), "{page}");
            assert!(!page.contains("TEMP B-TREE"), "{page}");
        }
        let first = plan(FIRST_SINCE, [0]);
        assert!(first.contains("USING COVERING INDEX item_by_first_seen"), "{first}");
    }

    #[test]
    fn expressions_are_taken_as_deep_and_as_wide_as_they_come() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        let word = |i: usize| Narrowing::Token(format!("and{i}").into());
        let wide = Narrowing::Any((0..2_000).map(word).collect());
        let mut deep = word(0);
        for i in 1..=10 {
            deep = Narrowing::All(vec![word(i), Narrowing::Any(vec![Narrowing::Prefix("稀".into()), deep])]);
        }
        assert_eq!((wide.leaves(), deep.depth()), (2_000, 20), "the limits of `matching`");
        for narrowing in [wide, deep] {
            let count: i64 = connection
                .query_row(
                    "SELECT count(*) FROM item_index WHERE item_index MATCH ?1",
                    [expression(&narrowing)],
                    |r| r.get(0),
                )
                .unwrap();
            assert_eq!(count, 0);
        }
    }
}
