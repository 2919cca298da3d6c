//! What became of items: from a link or a topic to the mails, for the question why there was none.
//!
//! **Invariant:** reads only, each one snapshot; every list has a limit.
//!
//! Rejected: an index of links. It would cost every poll, and the question is asked a few times a week.

use std::collections::HashMap;

use rusqlite::{OptionalExtension, Row, Transaction, types::Value};

use super::{Error, Store, outbox, row};
use crate::model::{
    Announce, FeedId, ItemId, ItemKey, OutboxReport, Recipient, StoryId, SubscriptionName, Timestamp,
    TopicName, time,
};

/// Items whose link may be the one asked for.
pub const MAX_LINKED: usize = 200;
/// Mails looked at for one question, the newest.
pub const MAX_TRACED_MAILS: usize = 1_000;

/// Where links of one host and path stand.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkTraces {
    /// Feeds that had items of this host, with how many are stored, by row key.
    pub feeds: Vec<(FeedId, u64)>,
    /// Items whose link holds the path, newest first, at most [`MAX_LINKED`].
    pub items: Vec<(ItemId, String)>,
}

/// A stored item with what was noted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedItem {
    /// Row key.
    pub id: ItemId,
    /// Name of its feed, or the feed's address.
    pub feed: String,
    /// Its story.
    pub story: StoryId,
    /// Headline.
    pub title: String,
    /// Article.
    pub link: Option<String>,
    /// As the feed gives it.
    pub published_at: Option<Timestamp>,
    /// When it was stored.
    pub first_seen_at: Timestamp,
    /// Whether its matches were news.
    pub announce: Announce,
    /// Topic, revision of the topic, and when it matched; by topic.
    pub matches: Vec<(TopicName, i64, Timestamp)>,
    /// Items of the story.
    pub story_items: u64,
    /// Feeds of those items.
    pub story_feeds: u64,
}

/// A mail about a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TracedMail {
    /// As `outbox list` shows it.
    pub report: OutboxReport,
    /// Because of which subscription.
    pub subscription: SubscriptionName,
    /// Handed over or given up.
    pub settled_at: Option<Timestamp>,
}

/// What is asked about over a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Traced {
    /// A topic, in all feeds.
    Topic(TopicName),
    /// A feed, with all topics.
    Feed(FeedId),
}

/// A match, as the newest are listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastMatch {
    /// The item.
    pub item: ItemId,
    /// Topic.
    pub topic: TopicName,
    /// When it was recorded.
    pub at: Timestamp,
    /// Headline.
    pub title: String,
    /// Name of the feed.
    pub feed: String,
}

/// What happened over a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Activity {
    /// Items stored; of all feeds for a topic.
    pub read: u64,
    /// Of them, from first visits, which announce nothing.
    pub baseline: u64,
    /// Items that matched.
    pub matched: u64,
    /// Of them, from first visits.
    pub matched_baseline: u64,
    /// Stories of the items that matched and were news.
    pub stories: u64,
    /// Matches of each topic, by topic.
    pub topics: Vec<(TopicName, u64)>,
    /// The newest matches, newest first.
    pub last: Vec<LastMatch>,
    /// Matches settled without a mail, by reason.
    pub settled: Vec<(String, u64)>,
    /// Mails to readers about those stories, newest first, at most [`MAX_TRACED_MAILS`].
    pub mails: Vec<TracedMail>,
}

/// The matches in question, after the instant `?2`, by a condition on `?1`.
macro_rules! hits {
    ($of:literal) => {
        concat!(
            "WITH hit AS (
                SELECT item.id AS item_id, item.story_id, item.baseline, item.title, item.feed_id, match.topic,
                       match.matched_at_ms
                FROM match JOIN item ON item.id = match.item_id
                WHERE match.matched_at_ms > ?2 AND ",
            $of,
            ")"
        )
    };
}
const OF_TOPIC: &str = hits!("match.topic = ?1");
const OF_FEED: &str = hits!("item.feed_id = ?1");
const COUNTS: &str = "
    SELECT count(DISTINCT item_id) AS matched,
           count(DISTINCT item_id) FILTER (WHERE baseline = 1) AS matched_baseline,
           count(DISTINCT story_id) FILTER (WHERE baseline = 0) AS stories
    FROM hit";
const TOPICS: &str = "SELECT topic, count(*) AS matches FROM hit GROUP BY topic ORDER BY topic";
const LAST: &str = "
    SELECT item_id, topic, matched_at_ms, hit.title, COALESCE(feed.name, feed.title, feed.url) AS feed
    FROM hit JOIN feed ON feed.id = hit.feed_id
    ORDER BY matched_at_ms DESC, item_id DESC, topic LIMIT ?3";
const MAIL_COLUMNS: &str = "
    id, kind, state, recipient, subject, attempts, created_at_ms, next_attempt_at_ms, settled_at_ms, note,
    subscription";
const MAILS: &str = "
    FROM notification
    WHERE id IN (SELECT mail_id FROM mail_story
                 WHERE story_id IN (SELECT story_id FROM hit WHERE baseline = 0))
      AND created_at_ms > ?2 AND kind <> 'operator' AND (?4 IS NULL OR recipient = ?4)
    ORDER BY seq DESC LIMIT ?3";
const SETTLED: &str = "
    SELECT reason, count(*) AS matches FROM settled
    WHERE item_id IN (SELECT item_id FROM hit) AND settled_at_ms > ?2 AND (?3 IS NULL OR recipient = ?3)
      AND (typeof(?1) = 'integer' OR topic = ?1)
    GROUP BY reason ORDER BY reason";

impl Store {
    /// Where links of this host (without `www.`, lower case) and path (lower case) stand. Reads the links of everything
    /// stored.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn traces_of_link(&self, host: String, path: String) -> Result<LinkTraces, Error> {
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(
                "SELECT id, feed_id, link FROM item WHERE instr(lower(link), ?1) > 0 ORDER BY id DESC",
            )?;
            let mut rows = statement.query([&host])?;
            let mut feeds: HashMap<i64, u64> = HashMap::new();
            let mut items = Vec::new();
            while let Some(r) = rows.next()? {
                let link: String = r.get("link")?;
                let parsed = row::link(Some(link.clone()));
                let is_of_host = parsed.as_ref().and_then(url::Url::host_str).is_some_and(|found| {
                    let found = found.trim_end_matches('.');
                    found.strip_prefix("www.").unwrap_or(found) == host
                });
                if !is_of_host {
                    continue;
                }
                let known = feeds.entry(r.get("feed_id")?).or_default();
                *known = known.saturating_add(1);
                if items.len() < MAX_LINKED && link.to_lowercase().contains(&path) {
                    items.push((ItemId(r.get("id")?), link));
                }
            }
            let mut feeds: Vec<(FeedId, u64)> =
                feeds.into_iter().map(|(id, items)| (FeedId(id), items)).collect();
            feeds.sort_unstable();
            Ok(LinkTraces { feeds, items })
        })
        .await
    }

    /// What was noted of items, in the order asked for; those that are not stored are left out.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn traced_items(&self, ids: Vec<ItemId>) -> Result<Vec<TracedItem>, Error> {
        self.read(move |tx| {
            let mut find = tx.prepare_cached(
                "SELECT item.id AS id, COALESCE(feed.name, feed.title, feed.url) AS feed, story_id, item.title AS title,
                        link, published_at_ms, first_seen_at_ms, baseline,
                        (SELECT count(*) FROM item AS other WHERE other.story_id = item.story_id) AS story_items,
                        (SELECT count(DISTINCT feed_id) FROM item AS other
                         WHERE other.story_id = item.story_id) AS story_feeds
                 FROM item JOIN feed ON feed.id = item.feed_id WHERE item.id = ?1",
            )?;
            let mut items = Vec::with_capacity(ids.len());
            for id in ids {
                if let Some(mut item) = find.query_row([id.0], traced)
                    .optional()? {
                    item.matches = matches_of(tx, id)?;
                    items.push(item);
                }
            }
            Ok(items)
        })
        .await
    }

    /// Feeds in force or not that once had an item with one of these keys, though it is no longer stored; by name.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn remembered_by(&self, keys: Vec<ItemKey>) -> Result<Vec<String>, Error> {
        self.read(move |tx| {
            let mut find = tx.prepare_cached(
                "SELECT COALESCE(feed.name, feed.title, feed.url) FROM feed
                 JOIN item_key ON item_key.feed_id = feed.id AND item_key.kind = ?1 AND item_key.hash = ?2
                 WHERE NOT EXISTS (SELECT 1 FROM item WHERE item.id = item_key.item_id)",
            )?;
            let mut names: Vec<String> = Vec::new();
            for key in keys {
                let found = find.query_map((row::kind_code(key.kind), key.hash), |r| r.get(0))?;
                names.extend(found.collect::<Result<Vec<_>, _>>()?);
            }
            names.sort();
            names.dedup();
            Ok(names)
        })
        .await
    }

    /// Items of a feed that are pending for somebody, by row key.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn pending_of_feed(&self, feed: FeedId, limit: usize) -> Result<Vec<ItemId>, Error> {
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(
                "SELECT DISTINCT item_id FROM pending JOIN item ON item.id = pending.item_id
                 WHERE item.feed_id = ?1 ORDER BY item_id LIMIT ?2",
            )?;
            let found = statement.query_map((feed.0, row::limit(limit)), |r| Ok(ItemId(r.get(0)?)))?;
            Ok(found.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Mails that name the story, oldest first, at most [`MAX_TRACED_MAILS`].
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn mails_of_story(&self, story: StoryId) -> Result<Vec<TracedMail>, Error> {
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(&format!(
                "SELECT {MAIL_COLUMNS} FROM notification
                 WHERE id IN (SELECT mail_id FROM mail_story WHERE story_id = ?1) ORDER BY seq LIMIT ?2"
            ))?;
            let mut rows = statement.query((story.0, row::limit(MAX_TRACED_MAILS)))?;
            let mut mails = Vec::new();
            while let Some(r) = rows.next()? {
                mails.push(mail(r)?);
            }
            Ok(mails)
        })
        .await
    }

    /// What happened since `since` to the items of a topic or a feed; mails and settlements of `to` alone when given. At
    /// most `limit` newest matches are named.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn activity(
        &self,
        of: Traced,
        since: Timestamp,
        to: Option<Recipient>,
        limit: usize,
    ) -> Result<Activity, Error> {
        self.read(move |tx| {
            let (hits, key, feed) = match &of {
                Traced::Topic(topic) => (OF_TOPIC, Value::Text(topic.as_str().to_owned()), None),
                Traced::Feed(feed) => (OF_FEED, Value::Integer(feed.0), Some(feed.0)),
            };
            let (since, to) = (row::ms(since), to.as_ref().map(Recipient::address));
            let mut activity = counts(tx, hits, &key, since)?;
            (activity.read, activity.baseline) = tx
                .prepare_cached(
                    "SELECT count(*) AS read, count(*) FILTER (WHERE baseline = 1) AS baseline FROM item
                     WHERE first_seen_at_ms > ?1 AND (?2 IS NULL OR feed_id = ?2)",
                )?
                .query_row((since, feed), |r| Ok((row::count(r, "read")?, row::count(r, "baseline")?)))?;
            activity.topics = tx
                .prepare_cached(&format!("{hits} {TOPICS}"))?
                .query_map((&key, since), |r| {
                    Ok((TopicName::new(&r.get::<_, String>("topic")?), row::count(r, "matches")?))
                })?
                .collect::<Result<_, _>>()?;
            activity.last = tx
                .prepare_cached(&format!("{hits} {LAST}"))?
                .query_map((&key, since, row::limit(limit)), last_match)?
                .collect::<Result<_, _>>()?;
            activity.settled = tx
                .prepare_cached(&format!("{hits} {SETTLED}"))?
                .query_map((&key, since, to), |r| Ok((r.get("reason")?, row::count(r, "matches")?)))?
                .collect::<Result<_, _>>()?;
            let mut statement = tx.prepare_cached(&format!("{hits} SELECT {MAIL_COLUMNS} {MAILS}"))?;
            let mut rows = statement.query((&key, since, row::limit(MAX_TRACED_MAILS), to))?;
            while let Some(r) = rows.next()? {
                activity.mails.push(mail(r)?);
            }
            Ok(activity)
        })
        .await
    }
}

fn counts(tx: &Transaction<'_>, hits: &str, key: &Value, since: i64) -> Result<Activity, Error> {
    let counted = tx.prepare_cached(&format!("{hits} {COUNTS}"))?.query_row((key, since), |r| {
        Ok(Activity {
            matched: row::count(r, "matched")?,
            matched_baseline: row::count(r, "matched_baseline")?,
            stories: row::count(r, "stories")?,
            ..Activity::default()
        })
    })?;
    Ok(counted)
}

fn matches_of(tx: &Transaction<'_>, item: ItemId) -> Result<Vec<(TopicName, i64, Timestamp)>, Error> {
    let mut statement = tx.prepare_cached(
        "SELECT topic, revision, matched_at_ms FROM match WHERE item_id = ?1 ORDER BY topic",
    )?;
    let matches = statement
        .query_map([item.0], |r| {
            let topic = TopicName::new(&r.get::<_, String>("topic")?);
            Ok((topic, r.get("revision")?, time::from_millis(r.get("matched_at_ms")?)))
        })?
        .collect::<Result<_, _>>()?;
    Ok(matches)
}

fn traced(r: &Row<'_>) -> rusqlite::Result<TracedItem> {
    Ok(TracedItem {
        id: ItemId(r.get("id")?),
        feed: r.get("feed")?,
        story: StoryId(r.get("story_id")?),
        title: r.get("title")?,
        link: r.get("link")?,
        published_at: row::instant(r, "published_at_ms")?,
        first_seen_at: time::from_millis(r.get("first_seen_at_ms")?),
        announce: if r.get("baseline")? { Announce::Baseline } else { Announce::Yes },
        matches: Vec::new(),
        story_items: row::count(r, "story_items")?,
        story_feeds: row::count(r, "story_feeds")?,
    })
}

fn last_match(r: &Row<'_>) -> rusqlite::Result<LastMatch> {
    Ok(LastMatch {
        item: ItemId(r.get("item_id")?),
        topic: TopicName::new(&r.get::<_, String>("topic")?),
        at: time::from_millis(r.get("matched_at_ms")?),
        title: r.get("title")?,
        feed: r.get("feed")?,
    })
}

fn mail(r: &Row<'_>) -> Result<TracedMail, Error> {
    Ok(TracedMail {
        report: outbox::report(r)?,
        subscription: SubscriptionName::new(&r.get::<_, String>("subscription")?),
        settled_at: row::instant(r, "settled_at_ms")?,
    })
}
