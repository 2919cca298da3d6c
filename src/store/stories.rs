//! Which story an item is of, and what is kept to find the stories of later ones.
//!
//! Data in: a new item, or one whose edit matches for the first time, and whoever knows the open stories. Data out: the
//! story's id; rows of `story_link` and `story_print`.
//!
//! **Invariant:** one canonical link is one story, whether its items matched or not, and beyond the time a story is open.
//! **Invariant:** the id of a story of which an item matched never changes. One of which none did, so that nobody can
//! have been told of it, is taken over by the story that its first matching item belongs to.
//!
//! Rejected: to merge two stories that matched when a later item shows them to be one. The mails that were sent told of
//! two, and what was told, muted or digested of one would be said of the other.

use rusqlite::{OptionalExtension, Transaction};

use super::{Error, Store, row};
use crate::model::{Grouping, ItemId, NewItem, StoryId, StoryKey, StoryMark, Timestamp, Voice, time};

impl Store {
    /// The marks of stories that have one made at or after `since`, in the order in which they joined, from behind `after`
    /// on (`None`: from the first), at most `limit`: where to go on, the story, the mark.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn story_marks(
        &self,
        since: Timestamp,
        after: Option<i64>,
        limit: usize,
    ) -> Result<Vec<(i64, StoryId, StoryMark)>, Error> {
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(
                "SELECT seq, story_id, at_ms, print FROM story_print
                 WHERE seq > ?1 AND story_id IN (SELECT story_id FROM story_print WHERE at_ms >= ?2)
                 ORDER BY seq LIMIT ?3",
            )?;
            let mut rows = statement.query((after.unwrap_or(i64::MIN), row::ms(since), row::limit(limit)))?;
            let mut marks = Vec::new();
            while let Some(r) = rows.next()? {
                let mark = StoryMark { at: time::from_millis(r.get("at_ms")?), bytes: r.get("print")? };
                marks.push((r.get("seq")?, StoryId(r.get("story_id")?), mark));
            }
            Ok(marks)
        })
        .await
    }

    /// Removes up to `limit` marks of stories whose last is older than `before`: they are closed. Says how many went.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn forget_marks(&self, before: Timestamp, limit: usize) -> Result<usize, Error> {
        self.write(move |tx| {
            let removed = tx
                .prepare_cached(
                    "DELETE FROM story_print WHERE seq IN (
                         SELECT seq FROM story_print AS mark WHERE at_ms < ?1 AND NOT EXISTS (
                             SELECT 1 FROM story_print AS newer
                             WHERE newer.story_id = mark.story_id AND newer.at_ms >= ?1)
                         ORDER BY at_ms LIMIT ?2)",
                )?
                .execute((row::ms(before), row::limit(limit)))?;
            Ok(removed)
        })
        .await
    }
}

/// The story a new item is of, and what to note of it with [`note`] once it is stored.
pub(super) fn story_of(
    tx: &Transaction<'_>,
    at: Timestamp,
    new: &NewItem,
    grouping: &mut dyn Grouping,
) -> Result<(StoryId, Option<StoryMark>), Error> {
    let linked = by_link(tx, new.story_key)?;
    let mark = if new.matches.is_empty() { None } else { grouping.mark(new, at) };
    let story = match &mark {
        Some(mark) => settle(tx, at, new.story_key, linked, mark, grouping)?,
        None => linked,
    };
    let story = story.map_or_else(|| begin(tx, at, new.story_key), Ok)?;
    Ok((story, mark))
}

/// The story of a known item of `story` whose edit matches; it moves only if nothing of its story matched before.
pub(super) fn story_of_edited(
    tx: &Transaction<'_>,
    at: Timestamp,
    story: StoryId,
    new: &NewItem,
    grouping: &mut dyn Grouping,
) -> Result<(StoryId, Option<StoryMark>), Error> {
    let Some(mark) = grouping.mark(new, at) else { return Ok((story, None)) };
    let settled = settle(tx, at, None, Some(story), &mark, grouping)?;
    Ok((settled.unwrap_or(story), Some(mark)))
}

/// Notes that an item is of a story now.
pub(super) fn note(
    tx: &Transaction<'_>,
    story: StoryId,
    item: ItemId,
    mark: Option<&StoryMark>,
    grouping: &mut dyn Grouping,
) -> Result<(), Error> {
    let Some(mark) = mark else { return Ok(()) };
    tx.prepare_cached("INSERT INTO story_print (story_id, item_id, at_ms, print) VALUES (?1, ?2, ?3, ?4)")?
        .execute((story.0, item.0, row::ms(mark.at), &mark.bytes))?;
    if grouping.join(story, mark) == Voice::Copy {
        tx.prepare_cached("UPDATE item SET copy = 1 WHERE id = ?1")?.execute([item.0])?;
    }
    Ok(())
}

/// The story of a matching item, if there is one already.
fn settle(
    tx: &Transaction<'_>,
    at: Timestamp,
    key: Option<StoryKey>,
    linked: Option<StoryId>,
    mark: &StoryMark,
    grouping: &mut dyn Grouping,
) -> Result<Option<StoryId>, Error> {
    if let Some(story) = linked
        && has_matched(tx, story)?
    {
        return Ok(Some(story));
    }
    // What is no longer stored cannot be joined, whoever says that it is open.
    let joined = match grouping.place(mark, at) {
        Some(story) if exists(tx, story)? => Some(story),
        _ => None,
    };
    match (linked, joined) {
        (Some(taken), Some(story)) if taken != story => take_over(tx, taken, story)?,
        (None, Some(story)) => add_link(tx, key, story)?,
        _ => {}
    }
    Ok(joined.or(linked))
}

fn by_link(tx: &Transaction<'_>, key: Option<StoryKey>) -> Result<Option<StoryId>, Error> {
    let Some(key) = key else { return Ok(None) };
    let mut find = tx.prepare_cached(
        "SELECT id FROM story WHERE key = ?1 UNION ALL SELECT story_id FROM story_link WHERE key = ?1 LIMIT 1",
    )?;
    Ok(find.query_row([key.0], |r| r.get(0)).optional()?.map(StoryId))
}

fn begin(tx: &Transaction<'_>, at: Timestamp, key: Option<StoryKey>) -> Result<StoryId, Error> {
    tx.prepare_cached("INSERT INTO story (key, first_seen_at_ms) VALUES (?1, ?2)")?
        .execute((key.map(|key| key.0), row::ms(at)))?;
    Ok(StoryId(tx.last_insert_rowid()))
}

fn add_link(tx: &Transaction<'_>, key: Option<StoryKey>, story: StoryId) -> Result<(), Error> {
    let Some(key) = key else { return Ok(()) };
    tx.prepare_cached("INSERT OR IGNORE INTO story_link (key, story_id) VALUES (?1, ?2)")?
        .execute((key.0, story.0))?;
    Ok(())
}

fn exists(tx: &Transaction<'_>, story: StoryId) -> Result<bool, Error> {
    Ok(tx.prepare_cached("SELECT 1 FROM story WHERE id = ?1")?.exists([story.0])?)
}

/// Whether any item of the story matched, or a mail told of it.
fn has_matched(tx: &Transaction<'_>, story: StoryId) -> Result<bool, Error> {
    let mut find = tx.prepare_cached(
        "SELECT 1 FROM item JOIN match ON match.item_id = item.id WHERE item.story_id = ?1
         UNION ALL SELECT 1 FROM mail_story WHERE story_id = ?1",
    )?;
    Ok(find.exists([story.0])?)
}

/// All items and links of a story of which nothing matched become those of another. Its row stays until retention
/// removes it, so that its id is not given again.
fn take_over(tx: &Transaction<'_>, taken: StoryId, story: StoryId) -> Result<(), Error> {
    let key: Option<[u8; 16]> =
        tx.prepare_cached("SELECT key FROM story WHERE id = ?1")?.query_row([taken.0], |r| r.get(0))?;
    tx.prepare_cached("UPDATE item SET story_id = ?2 WHERE story_id = ?1")?.execute((taken.0, story.0))?;
    tx.prepare_cached("UPDATE story_link SET story_id = ?2 WHERE story_id = ?1")?
        .execute((taken.0, story.0))?;
    tx.prepare_cached("UPDATE story SET key = NULL WHERE id = ?1")?.execute([taken.0])?;
    add_link(tx, key.map(StoryKey), story)
}
