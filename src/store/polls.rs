//! Transaction 1: what polls found.

use std::sync::Arc;

use rusqlite::{OptionalExtension, Transaction};

use super::{Error, Store, edits, memory, row, stories, window};
use crate::model::{
    ByLink, Counted, EventKind, FeedId, FeedMemory, Grouping, ItemId, KeyKind, Learn, Match, NewItem, Poll,
    PollFailure, PollOutcome, Recorded, Route, Stored, StoryId, Timestamp,
};

const MODIFIED: &str = "
    UPDATE feed SET etag = ?2, last_modified = ?3, body_hash = ?4, title = COALESCE(?5, title),
        baseline_at_ms = COALESCE(baseline_at_ms, ?6), last_poll_at_ms = ?6, last_ok_at_ms = ?6,
        next_poll_at_ms = ?7, failures = 0, failure_kind = NULL, failure_message = NULL
    WHERE id = ?1";
const NOT_MODIFIED: &str = "
    UPDATE feed SET etag = ?2, last_modified = ?3, last_poll_at_ms = ?4, last_ok_at_ms = ?4,
        next_poll_at_ms = ?5, failures = 0, failure_kind = NULL, failure_message = NULL
    WHERE id = ?1";
const FAILED: &str = "
    UPDATE feed SET last_poll_at_ms = ?2, next_poll_at_ms = ?3, failures = ?4, failure_kind = ?5,
        failure_message = ?6
    WHERE id = ?1";
const FIND_KEY: &str = "SELECT item_id FROM item_key WHERE feed_id = ?1 AND kind = ?2 AND hash = ?3";
const ADD_KEY: &str = "INSERT OR IGNORE INTO item_key (feed_id, kind, hash, item_id) VALUES (?1, ?2, ?3, ?4)";
const ADD_ITEM: &str = "
    INSERT INTO item (feed_id, story_id, guid, link, title, summary, content, author, tags, lang,
        published_at_ms, first_seen_at_ms, baseline)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)";
const ADD_MATCH: &str = "
    INSERT INTO match (item_id, topic, revision, hits, matched_at_ms) VALUES (?1, ?2, ?3, ?4, ?5)";
const ADD_PENDING: &str = "
    INSERT INTO pending (subscription, recipient, topic, story_id, item_id, matched_at_ms)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

impl Store {
    /// Records polls in one transaction and says, in the same order, what was new. Items the feed already had
    /// (by any of their keys) are not stored again; keys they did not have yet are added to them. `learn` is told how
    /// the items of each body read compare with those stored, and what it makes of it is stored with them. Items are of
    /// one story when they have one link.
    ///
    /// # Errors
    /// See [`Error`]; then no poll of the batch is recorded, and repeating them is safe.
    pub async fn record_polls(
        &self,
        polls: impl Into<Arc<[Poll]>>,
        learn: Learn,
    ) -> Result<Vec<Recorded>, Error> {
        Ok(self.record_and_group(polls, learn, ByLink).await?.0)
    }

    /// [`Store::record_polls`], where `grouping` says for each new item that matched which open story it belongs to. It
    /// is given back only when all of it is committed: after an error, what it learned is not so, and it is gone.
    ///
    /// # Errors
    /// See [`Error`]; then no poll of the batch is recorded, and repeating them is safe.
    pub async fn record_and_group<G: Grouping>(
        &self,
        polls: impl Into<Arc<[Poll]>>,
        learn: Learn,
        mut grouping: G,
    ) -> Result<(Vec<Recorded>, G), Error> {
        let polls = polls.into();
        self.write(move |tx| {
            let recorded =
                polls.iter().map(|poll| record(tx, poll, learn, &mut grouping)).collect::<Result<_, _>>()?;
            Ok((recorded, grouping))
        })
        .await
    }
}

fn record(
    tx: &Transaction<'_>,
    poll: &Poll,
    learn: Learn,
    grouping: &mut dyn Grouping,
) -> Result<Recorded, Error> {
    let mut recorded = Recorded {
        feed: poll.feed,
        new_items: Vec::new(),
        matched: 0,
        pending: 0,
        memory: poll.memory.clone(),
        events: poll.events.clone(),
    };
    let (at, next) = (row::ms(poll.at), row::ms(poll.next_poll_at));
    match &poll.outcome {
        PollOutcome::Modified { validators, body_hash, title, items, .. } => {
            let counted = store_items(tx, poll, items, &mut recorded, grouping)?;
            let learned = learn(poll.at, &recorded.memory, &counted);
            recorded.memory = FeedMemory { stored: Stored::Perhaps, ..learned.memory };
            recorded.events.extend(learned.events);
            tx.prepare_cached(MODIFIED)?.execute((
                poll.feed.0,
                &validators.etag,
                &validators.last_modified,
                body_hash,
                title,
                at,
                next,
            ))?;
        }
        PollOutcome::NotModified { validators } => {
            tx.prepare_cached(NOT_MODIFIED)?.execute((
                poll.feed.0,
                &validators.etag,
                &validators.last_modified,
                at,
                next,
            ))?;
        }
        PollOutcome::Failed(PollFailure { kind, message, .. }) => {
            tx.prepare_cached(FAILED)?.execute((
                poll.feed.0,
                at,
                next,
                poll.failures,
                kind.as_str(),
                message,
            ))?;
        }
    }
    if recorded.memory.stored == Stored::Perhaps {
        memory::remember(tx, poll.feed, &recorded.memory)?;
        recorded.memory.stored = Stored::AsIs;
    }
    memory::add_events(tx, poll.feed, &recorded.events)?;
    Ok(recorded)
}

/// Stores what is new or edited, and counts.
fn store_items(
    tx: &Transaction<'_>,
    poll: &Poll,
    items: &[NewItem],
    recorded: &mut Recorded,
    grouping: &mut dyn Grouping,
) -> Result<Counted, Error> {
    let (baseline, since) = tx
        .prepare_cached("SELECT baseline_at_ms IS NULL, last_ok_at_ms FROM feed WHERE id = ?1")?
        .query_row([poll.feed.0], |r| Ok((r.get(0)?, row::instant(r, "last_ok_at_ms")?)))?;
    let moved = poll.events.iter().any(|event| matches!(event.kind, EventKind::Moved | EventKind::MovedBack));
    let mut counted = Counted { baseline, since, moved, ..Counted::default() };
    let mut window = Vec::with_capacity(items.len());
    let before = window::before(tx, poll.feed)?;
    for item in items {
        let (known, id) = store_item(tx, poll, item, recorded, &mut counted, grouping)?;
        counted.kept += u32::from(known && before.contains(&id));
        window.push(id);
    }
    window::keep(tx, poll.feed, &window)?;
    Ok(counted)
}

/// Says whether the item was known, and which it is.
fn store_item(
    tx: &Transaction<'_>,
    poll: &Poll,
    new: &NewItem,
    recorded: &mut Recorded,
    counted: &mut Counted,
    grouping: &mut dyn Grouping,
) -> Result<(bool, ItemId), Error> {
    let (feed, at) = (poll.feed, poll.at);
    let (known, mut missing) = look_up(tx, feed, new)?;
    counted.read += 1;
    let id = match known {
        Some(id) => {
            let guids = new.keys.iter().filter(|key| is_of_guid(key.kind)).count();
            let new_guids = missing.iter().filter(|key| is_of_guid(key.kind)).count();
            let renumbered = guids > 0 && guids == new_guids;
            counted.renumbered += u32::from(renumbered);
            if renumbered && recorded.memory.is_restless(at) {
                missing.retain(|key| !is_of_guid(key.kind));
            }
            let edited = edits::follow(tx, id, at, new, grouping)?;
            counted.edited += u32::from(edited.is_edit);
            counted.alerts += if edited.pending > 0 { new.alerts } else { 0 };
            recorded.pending += edited.pending;
            id
        }
        None => {
            let (story, mark) = stories::story_of(tx, at, new, grouping)?;
            let id = insert_item(tx, feed, story, at, new)?;
            stories::note(tx, story, id, mark.as_ref(), grouping)?;
            edits::remember(tx, id, &new.item)?;
            insert_matches(tx, story, id, at, new)?;
            recorded.new_items.push(id);
            recorded.matched += usize::from(!new.matches.is_empty());
            recorded.pending += new.routes.len();
            counted.fresh += 1;
            counted.alerts += new.alerts;
            id
        }
    };
    let mut add = tx.prepare_cached(ADD_KEY)?;
    for key in missing {
        add.execute((feed.0, row::kind_code(key.kind), key.hash, id.0))?;
    }
    Ok((known.is_some(), id))
}

fn is_of_guid(kind: KeyKind) -> bool {
    matches!(kind, KeyKind::GuidLink | KeyKind::GuidTitle | KeyKind::GuidDate)
}

/// The stored item that has any of the keys, and the keys the feed does not have yet.
fn look_up<'a>(
    tx: &Transaction<'_>,
    feed: FeedId,
    new: &'a NewItem,
) -> Result<(Option<ItemId>, Vec<&'a crate::model::ItemKey>), Error> {
    let mut find = tx.prepare_cached(FIND_KEY)?;
    let (mut known, mut missing) = (None, Vec::new());
    for key in &new.keys {
        let found: Option<i64> =
            find.query_row((feed.0, row::kind_code(key.kind), key.hash), |r| r.get(0)).optional()?;
        match found {
            Some(id) => known = known.or(Some(ItemId(id))),
            None => missing.push(key),
        }
    }
    Ok((known, missing))
}

fn insert_item(
    tx: &Transaction<'_>,
    feed: FeedId,
    story: StoryId,
    at: Timestamp,
    new: &NewItem,
) -> Result<ItemId, Error> {
    let item = &new.item;
    tx.prepare_cached(ADD_ITEM)?.execute((
        feed.0,
        story.0,
        &item.guid,
        item.link.as_ref().map(url::Url::as_str),
        &item.title,
        &item.summary,
        &item.content,
        &item.author,
        item.tags.join("\n"),
        &item.lang,
        item.published_at.map(row::ms),
        row::ms(at),
        new.announce == crate::model::Announce::Baseline,
    ))?;
    Ok(ItemId(tx.last_insert_rowid()))
}

fn insert_matches(
    tx: &Transaction<'_>,
    story: StoryId,
    item: ItemId,
    at: Timestamp,
    new: &NewItem,
) -> Result<(), Error> {
    for found in &new.matches {
        insert_match(tx, item, at, found)?;
    }
    for route in &new.routes {
        insert_pending(tx, story, item, at, route)?;
    }
    Ok(())
}

pub(super) fn insert_match(
    tx: &Transaction<'_>,
    item: ItemId,
    at: Timestamp,
    found: &Match,
) -> Result<(), Error> {
    let hits = row::hits_to_json(&found.hits)?;
    tx.prepare_cached(ADD_MATCH)?.execute((
        item.0,
        found.topic.as_str(),
        found.revision,
        hits,
        row::ms(at),
    ))?;
    Ok(())
}

pub(super) fn insert_pending(
    tx: &Transaction<'_>,
    story: StoryId,
    item: ItemId,
    at: Timestamp,
    route: &Route,
) -> Result<(), Error> {
    add_pending(tx, ADD_PENDING, story, item, at, route).map(|_| ())
}

/// Runs a statement whose parameters are the columns of `pending` in order; says how many rows it added.
pub(super) fn add_pending(
    tx: &Transaction<'_>,
    sql: &str,
    story: StoryId,
    item: ItemId,
    at: Timestamp,
    route: &Route,
) -> Result<usize, Error> {
    let added = tx.prepare_cached(sql)?.execute((
        route.subscription.as_str(),
        route.recipient.address(),
        route.topic.as_str(),
        story.0,
        item.0,
        row::ms(at),
    ))?;
    Ok(added)
}
