//! Edits: known items that come with another text.
//!
//! **Invariant:** a topic that matched an item before its edit is never routed again because of it; one that matches for
//! the first time is, as if the item were new, unless the item is old.
//! **Invariant:** readers who were alerted of its story get a pending match again when its headline or the clauses that hold
//! are others; whether that is news is the planner's to say. Nobody else does.
//! **Invariant:** the places of hits are those of the stored text: text and hits are replaced together, and what matched
//! before and does no more keeps its match without places.
//!
//! Kept is the latest text alone, and when the item was first seen. Rejected: a history of all texts. Some feeds count
//! their readers in each item, and would store each item a hundred times a day.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use rusqlite::{OptionalExtension, Transaction};
use xxhash_rust::xxh3::Xxh3;

use super::{Error, polls, row, stories};
use crate::model::{Grouping, Item, ItemId, NewItem, Route, StoryId, Timestamp};

/// Edits followed of one item; what changes more often than that does not change because of the news in it.
pub(super) const MAX_EDITS: u32 = 20;
/// An item first seen longer ago than this is not announced because of an edit: 14 days.
pub(super) const MAX_AGE_MS: i64 = 14 * 86_400_000;

/// What following an edit did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Followed {
    /// The text is another one.
    pub(super) is_edit: bool,
    /// Rows that now wait for the planner.
    pub(super) pending: usize,
}

/// What is stored of an item.
struct Stored {
    story: StoryId,
    title: String,
    hash: i64,
    first_seen_ms: i64,
}

/// Remembers the text of an item that was just stored.
pub(super) fn remember(tx: &Transaction<'_>, id: ItemId, item: &Item) -> Result<(), Error> {
    tx.prepare_cached("INSERT INTO item_text (item_id, hash, edits) VALUES (?1, ?2, 0)")?
        .execute((id.0, text_hash(&item.title, &item.summary, &item.content)))?;
    Ok(())
}

/// Takes over the text of a known item when it is another one, and matches what was not matched before.
pub(super) fn follow(
    tx: &Transaction<'_>,
    id: ItemId,
    at: Timestamp,
    new: &NewItem,
    grouping: &mut dyn Grouping,
) -> Result<Followed, Error> {
    let hash = text_hash(&new.item.title, &new.item.summary, &new.item.content);
    let known: Option<(i64, u32)> = tx
        .prepare_cached("SELECT hash, edits FROM item_text WHERE item_id = ?1")?
        .query_row([id.0], |r| Ok((r.get(0)?, r.get(1)?)))
        .optional()?;
    if known.is_some_and(|(text, edits)| text == hash || edits >= MAX_EDITS) {
        return Ok(Followed::default());
    }
    // Of a pruned item only the keys are left.
    let Some(stored) = stored(tx, id)? else { return Ok(Followed::default()) };
    if known.is_none() && stored.hash == hash {
        remember(tx, id, &new.item)?;
        return Ok(Followed::default());
    }
    tx.prepare_cached(
        "INSERT INTO item_text (item_id, hash, edits) VALUES (?1, ?2, 1)
         ON CONFLICT (item_id) DO UPDATE SET hash = excluded.hash, edits = edits + 1",
    )?
    .execute((id.0, hash))?;
    replace_text(tx, id, &new.item)?;
    let pending = rematch(tx, id, &stored, at, new, grouping)?;
    Ok(Followed { is_edit: true, pending })
}

fn stored(tx: &Transaction<'_>, id: ItemId) -> Result<Option<Stored>, Error> {
    let mut find = tx.prepare_cached(
        "SELECT story_id, title, summary, content, first_seen_at_ms FROM item WHERE id = ?1",
    )?;
    let stored = find
        .query_row([id.0], |r| {
            let text = |column: &str| r.get::<_, String>(column);
            let title = text("title")?;
            Ok(Stored {
                story: StoryId(r.get("story_id")?),
                hash: text_hash(&title, &text("summary")?, &text("content")?),
                title,
                first_seen_ms: r.get("first_seen_at_ms")?,
            })
        })
        .optional()?;
    Ok(stored)
}

fn replace_text(tx: &Transaction<'_>, id: ItemId, item: &Item) -> Result<(), Error> {
    tx.prepare_cached(
        "UPDATE item SET title = ?2, summary = ?3, content = ?4, author = ?5, tags = ?6, link = COALESCE(?7, link)
         WHERE id = ?1",
    )?
    .execute((
        id.0,
        &item.title,
        &item.summary,
        &item.content,
        &item.author,
        item.tags.join("\n"),
        item.link.as_ref().map(url::Url::as_str),
    ))?;
    Ok(())
}

/// Says how many rows now wait.
fn rematch(
    tx: &Transaction<'_>,
    id: ItemId,
    stored: &Stored,
    at: Timestamp,
    new: &NewItem,
    grouping: &mut dyn Grouping,
) -> Result<usize, Error> {
    let before = clauses(tx, id)?;
    let mut story = stored.story;
    if before.is_empty() && !new.matches.is_empty() {
        let mark;
        (story, mark) = stories::story_of_edited(tx, at, story, new, grouping)?;
        stories::note(tx, story, id, mark.as_ref(), grouping)?;
    }
    tx.prepare_cached("UPDATE match SET hits = '[]' WHERE item_id = ?1")?.execute([id.0])?;
    let is_news = row::ms(at).saturating_sub(stored.first_seen_ms) <= MAX_AGE_MS;
    let is_retitled = stored.title != new.item.title;
    let mut again =
        tx.prepare_cached("UPDATE match SET hits = ?3, revision = ?4 WHERE item_id = ?1 AND topic = ?2")?;
    let mut pending = 0;
    for found in &new.matches {
        let hits = row::hits_to_json(&found.hits)?;
        let routes = new.routes.iter().filter(|route| is_news && route.topic == found.topic);
        if again.execute((id.0, found.topic.as_str(), hits, found.revision))? > 0 {
            let held = before.get(found.topic.as_str());
            let is_new = |clause: &Arc<str>| held.is_none_or(|held| !held.contains(clause));
            if is_retitled || found.hits.iter().any(|hit| is_new(&hit.clause)) {
                for route in routes {
                    pending += remind(tx, story, id, at, route)?;
                }
            }
            continue;
        }
        polls::insert_match(tx, id, at, found)?;
        for route in routes {
            polls::insert_pending(tx, story, id, at, route)?;
            pending += 1;
        }
    }
    Ok(pending)
}

/// The clauses that held before the edit, by topic that matched.
fn clauses(tx: &Transaction<'_>, id: ItemId) -> Result<BTreeMap<String, BTreeSet<Arc<str>>>, Error> {
    let mut statement = tx.prepare_cached("SELECT topic, revision, hits FROM match WHERE item_id = ?1")?;
    let mut rows = statement.query([id.0])?;
    let mut held = BTreeMap::new();
    while let Some(r) = rows.next()? {
        let topic: String = r.get("topic")?;
        let found = row::match_from(&topic, r.get("revision")?, &r.get::<_, String>("hits")?)?;
        held.insert(topic, found.hits.into_iter().map(|hit| hit.clause).collect());
    }
    Ok(held)
}

/// Lets a match wait again for a reader who was alerted of the story, unless it still waits; says how many do.
fn remind(
    tx: &Transaction<'_>,
    story: StoryId,
    item: ItemId,
    at: Timestamp,
    route: &Route,
) -> Result<usize, Error> {
    let sql = "INSERT OR IGNORE INTO pending (subscription, recipient, topic, story_id, item_id, matched_at_ms)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6 WHERE EXISTS (SELECT 1 FROM alerted WHERE recipient = ?2 AND story_id = ?4)";
    polls::add_pending(tx, sql, story, item, at, route)
}

/// Not for adversaries: a collision hides one edit.
fn text_hash(title: &str, summary: &str, content: &str) -> i64 {
    let mut hash = Xxh3::new();
    for text in [title, summary, content] {
        hash.update(&text.len().to_le_bytes());
        hash.update(text.as_bytes());
    }
    hash.digest().cast_signed()
}
