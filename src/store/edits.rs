//! Edits: known items that come with another text.
//!
//! **Invariant:** a topic that matched an item before its edit is never routed again because of it; one that matches for
//! the first time is, as if the item were new, unless the item is old.
//! **Invariant:** the places of hits are those of the stored text: text and hits are replaced together, and what matched
//! before and does no more keeps its match without places.
//!
//! Kept is the latest text alone, and when the item was first seen. Rejected: a history of all texts. Some feeds count
//! their readers in each item, and would store each item a hundred times a day.

use rusqlite::{OptionalExtension, Transaction};
use xxhash_rust::xxh3::Xxh3;

use super::{Error, polls, row};
use crate::model::{Item, ItemId, NewItem, StoryId, Timestamp};

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
    let pending = rematch(tx, id, &stored, at, new)?;
    Ok(Followed { is_edit: true, pending })
}

fn stored(tx: &Transaction<'_>, id: ItemId) -> Result<Option<Stored>, Error> {
    let mut find = tx.prepare_cached(
        "SELECT story_id, title, summary, content, first_seen_at_ms FROM item WHERE id = ?1",
    )?;
    let stored = find
        .query_row([id.0], |r| {
            let text = |column: &str| r.get::<_, String>(column);
            Ok(Stored {
                story: StoryId(r.get("story_id")?),
                hash: text_hash(&text("title")?, &text("summary")?, &text("content")?),
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
) -> Result<usize, Error> {
    tx.prepare_cached("UPDATE match SET hits = '[]' WHERE item_id = ?1")?.execute([id.0])?;
    let is_news = row::ms(at).saturating_sub(stored.first_seen_ms) <= MAX_AGE_MS;
    let mut again =
        tx.prepare_cached("UPDATE match SET hits = ?3, revision = ?4 WHERE item_id = ?1 AND topic = ?2")?;
    let mut pending = 0;
    for found in &new.matches {
        let hits = row::hits_to_json(&found.hits)?;
        if again.execute((id.0, found.topic.as_str(), hits, found.revision))? > 0 {
            continue;
        }
        polls::insert_match(tx, id, at, found)?;
        for route in new.routes.iter().filter(|route| is_news && route.topic == found.topic) {
            polls::insert_pending(tx, stored.story, id, at, route)?;
            pending += 1;
        }
    }
    Ok(pending)
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
