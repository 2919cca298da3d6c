//! What recipients were told of stories, and what is known of stories now.
//!
//! **Invariant:** a row of an older schema (revision 0) is not told: it stays known as alerted, and nothing is news.

use std::{collections::BTreeSet, sync::Arc};

use rusqlite::{Row, Transaction};

use super::{Error, Store, row};
use crate::model::{
    NotificationId, Outlet, Outlets, Recipient, StoryId, StoryItem, Tier, Timestamp, Told, TopicName, Voice,
    feed_label, time,
};

/// Items of one story that are looked at for news.
const MAX_ITEMS_KNOWN: usize = 200;

impl Store {
    /// The items of stories as far as they decide what is news, earliest first, at most 200 a story; stories
    /// without any item are left out.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn story_items(&self, ids: Vec<StoryId>) -> Result<Vec<(StoryId, Vec<StoryItem>)>, Error> {
        self.read(move |tx| {
            let mut found = Vec::with_capacity(ids.len());
            for id in ids {
                let items = items_of(tx, id)?;
                if !items.is_empty() {
                    found.push((id, items));
                }
            }
            Ok(found)
        })
        .await
    }
}

fn items_of(tx: &Transaction<'_>, story: StoryId) -> Result<Vec<StoryItem>, Error> {
    let mut statement = tx.prepare_cached(
        "SELECT item.id AS id, item.title AS title, item.link AS link, feed.name AS feed_name, feed.url AS feed_url,
                copy, COALESCE(published_at_ms, first_seen_at_ms) AS at_ms
         FROM item JOIN feed ON feed.id = item.feed_id
         WHERE story_id = ?1 ORDER BY first_seen_at_ms, item.id LIMIT ?2",
    )?;
    let mut matches = tx.prepare_cached("SELECT topic, revision, hits FROM match WHERE item_id = ?1")?;
    let mut rows = statement.query((story.0, row::limit(MAX_ITEMS_KNOWN)))?;
    let mut items = Vec::new();
    while let Some(r) = rows.next()? {
        let mut clauses: BTreeSet<(TopicName, Arc<str>)> = BTreeSet::new();
        let mut hits = matches.query([r.get::<_, i64>("id")?])?;
        while let Some(m) = hits.next()? {
            let found = row::match_from(
                &m.get::<_, String>("topic")?,
                m.get("revision")?,
                &m.get::<_, String>("hits")?,
            )?;
            clauses.extend(found.hits.into_iter().map(|hit| (found.topic.clone(), hit.clause)));
        }
        items.push(StoryItem {
            outlet: outlet(r)?,
            voice: voice(r)?,
            at: time::from_millis(r.get("at_ms")?),
            title: r.get("title")?,
            clauses,
        });
    }
    Ok(items)
}

/// Who published an item, out of its columns `link`, `title`, `feed_name` and `feed_url`.
pub(super) fn outlet(r: &Row<'_>) -> rusqlite::Result<Outlet> {
    let (name, url): (Option<String>, String) = (r.get("feed_name")?, r.get("feed_url")?);
    let (link, title) = (row::link(r.get("link")?), r.get_ref("title")?.as_str()?);
    Ok(Outlets::known().recognise(link.as_ref(), Some(&feed_label(name.as_deref(), &url)), title))
}

/// Out of the column `copy`.
pub(super) fn voice(r: &Row<'_>) -> rusqlite::Result<Voice> {
    Ok(if r.get("copy")? { Voice::Copy } else { Voice::Own })
}

/// What was told of the stories that have pending matches, but for matches of `waiting` subscriptions (a JSON list).
pub(super) fn told(
    tx: &Transaction<'_>,
    waiting: &str,
) -> Result<Vec<(Recipient, StoryId, Option<Told>)>, Error> {
    let mut statement = tx.prepare_cached(
        "SELECT DISTINCT alerted.recipient, alerted.story_id, revision, told_at_ms, sources, first_tier, headline,
                clauses, thread
         FROM pending
         JOIN alerted ON alerted.recipient = pending.recipient AND alerted.story_id = pending.story_id
         WHERE pending.subscription NOT IN (SELECT value FROM json_each(?1))",
    )?;
    let mut rows = statement.query([waiting])?;
    let mut found = Vec::new();
    while let Some(r) = rows.next()? {
        let recipient = row::recipient(&r.get::<_, String>("recipient")?)?;
        found.push((recipient, StoryId(r.get("story_id")?), told_from(r)?));
    }
    Ok(found)
}

fn told_from(r: &Row<'_>) -> Result<Option<Told>, Error> {
    let (revision, at): (u32, Option<i64>) = (r.get("revision")?, r.get("told_at_ms")?);
    let Some(at) = at.filter(|_| revision > 0) else { return Ok(None) };
    let clauses: Vec<u8> = r.get("clauses")?;
    let (hashes, _) = clauses.as_chunks::<8>();
    Ok(Some(Told {
        revision,
        at: time::from_millis(at),
        sources: r.get("sources")?,
        tier: if r.get::<_, bool>("first_tier")? { Tier::First } else { Tier::Other },
        headline: r.get("headline")?,
        clauses: hashes.iter().map(|hash| u64::from_le_bytes(*hash)).collect(),
        thread: r.get::<_, Option<String>>("thread")?.map(NotificationId),
    }))
}

/// Notes what a mail tells: the row of an earlier revision is replaced, one of the same or a later stays.
pub(super) fn tell(
    tx: &Transaction<'_>,
    recipient: &str,
    now: Timestamp,
    mail: &NotificationId,
    tells: &[(StoryId, Told)],
) -> Result<(), Error> {
    let mut tell = tx.prepare_cached(
        "INSERT INTO alerted (recipient, story_id, enqueued_at_ms, revision, told_at_ms, sources, first_tier, headline,
            clauses, thread)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (recipient, story_id) DO UPDATE
         SET revision = excluded.revision, told_at_ms = excluded.told_at_ms, sources = excluded.sources,
             first_tier = excluded.first_tier, headline = excluded.headline, clauses = excluded.clauses,
             thread = COALESCE(alerted.thread, excluded.thread)
         WHERE excluded.revision > alerted.revision",
    )?;
    for (story, told) in tells {
        let clauses: Vec<u8> = told.clauses.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        tell.execute((
            recipient,
            story.0,
            row::ms(now),
            told.revision,
            row::ms(told.at),
            told.sources,
            told.tier == Tier::First,
            &told.headline,
            clauses,
            told.thread.as_ref().map_or(&mail.0, |thread| &thread.0),
        ))?;
    }
    Ok(())
}
