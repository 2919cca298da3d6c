//! Stored items, for listings and export.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Row, Transaction};

use super::{Error, Store, row};
use crate::model::{ExportedItem, ItemId, Timestamp, TopicName, time};

const COLUMNS: &str = "
    SELECT item.id AS id, feed.url AS feed_url, feed.name AS feed_name, guid, link, item.title AS title, summary,
           content, author, tags, lang, published_at_ms, first_seen_at_ms
    FROM item JOIN feed ON feed.id = item.feed_id";

impl Store {
    /// Items stored after `after`, in the order they were stored; pass the last id to go on.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn items_after(&self, after: Option<ItemId>, limit: usize) -> Result<Vec<ExportedItem>, Error> {
        self.read(move |tx| {
            let after = after.map_or(0, |id| id.0);
            let sql = format!("{COLUMNS} WHERE item.id > ?1 ORDER BY item.id LIMIT ?2");
            let mut items: Vec<ExportedItem> = tx
                .prepare_cached(&sql)?
                .query_map((after, row::limit(limit)), exported)?
                .collect::<Result<_, _>>()?;
            let last = items.last().map_or(after, |item| item.id.0);
            let mut topics = topics_between(tx, after, last)?;
            for item in &mut items {
                item.topics = topics.remove(&item.id).unwrap_or_default();
            }
            Ok(items)
        })
        .await
    }

    /// The newest item with this link, or the item with this row key.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn find_item(&self, id_or_link: String) -> Result<Option<ExportedItem>, Error> {
        self.read(move |tx| {
            let id: Option<i64> = id_or_link.parse().ok();
            let by_id = format!("{COLUMNS} WHERE item.id = ?1");
            let by_link = format!("{COLUMNS} WHERE link = ?1 ORDER BY item.id DESC LIMIT 1");
            let mut found = tx.prepare_cached(&by_id)?.query_row([id], exported).optional()?;
            if found.is_none() {
                // Links have no index: this reads the whole table.
                found = tx.prepare_cached(&by_link)?.query_row([&id_or_link], exported).optional()?;
            }
            let Some(mut item) = found else { return Ok(None) };
            item.topics = topics_between(tx, item.id.0.saturating_sub(1), item.id.0)?
                .remove(&item.id)
                .unwrap_or_default();
            Ok(Some(item))
        })
        .await
    }

    /// Items that matched since `since`, with the instants they were stored: what a digest could show.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn matched_stories(
        &self,
        since: Timestamp,
        limit: usize,
    ) -> Result<Vec<(crate::model::StoryId, TopicName)>, Error> {
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(
                "SELECT DISTINCT item.story_id, match.topic FROM match JOIN item ON item.id = match.item_id
                 WHERE item.first_seen_at_ms > ?1 ORDER BY item.story_id, match.topic LIMIT ?2",
            )?;
            let stories = statement
                .query_map((row::ms(since), row::limit(limit)), |r| {
                    Ok((crate::model::StoryId(r.get(0)?), TopicName::new(&r.get::<_, String>(1)?)))
                })?
                .collect::<Result<_, _>>()?;
            Ok(stories)
        })
        .await
    }
}

fn topics_between(
    tx: &Transaction<'_>,
    after: i64,
    last: i64,
) -> Result<HashMap<ItemId, Vec<TopicName>>, Error> {
    let mut statement = tx.prepare_cached(
        "SELECT item_id, topic FROM match WHERE item_id > ?1 AND item_id <= ?2 ORDER BY item_id, topic",
    )?;
    let mut rows = statement.query([after, last])?;
    let mut topics: HashMap<ItemId, Vec<TopicName>> = HashMap::new();
    while let Some(r) = rows.next()? {
        topics.entry(ItemId(r.get(0)?)).or_default().push(TopicName::new(&r.get::<_, String>(1)?));
    }
    Ok(topics)
}

fn exported(r: &Row<'_>) -> rusqlite::Result<ExportedItem> {
    Ok(ExportedItem {
        id: ItemId(r.get("id")?),
        feed_url: r.get("feed_url")?,
        feed_name: r.get("feed_name")?,
        guid: r.get("guid")?,
        link: r.get("link")?,
        title: r.get("title")?,
        summary: r.get("summary")?,
        content: r.get("content")?,
        author: r.get("author")?,
        tags: row::lines(&r.get::<_, String>("tags")?),
        lang: r.get("lang")?,
        published_at: row::instant(r, "published_at_ms")?,
        first_seen_at: time::from_millis(r.get("first_seen_at_ms")?),
        topics: Vec::new(),
    })
}
