//! Transaction 2: from pending matches to rows of the outbox.

use std::collections::{HashMap, HashSet};

use rusqlite::Transaction;
use xxhash_rust::xxh3::Xxh3;

use super::{Error, Store, mute, row, told};
use crate::model::{
    ItemId, ItemView, Mute, NotificationId, NotificationKind, Pending, PendingId, Recipient, Route, StoryId,
    StoryView, SubscriptionName, Timestamp, Told, TopicName, time,
};

/// Items of one story that a mail can name.
const MAX_ITEMS_A_STORY: usize = 50;

/// What was mailed before, as far as it decides what is mailed next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeliveryHistory {
    /// Alerts, updates and roll-ups enqueued since the instant asked for, oldest first.
    pub alerts: Vec<(SubscriptionName, Recipient, Timestamp)>,
    /// Recipients that were alerted of a story which has pending matches now, with what they were told; `None`: by a
    /// version that did not note it.
    pub alerted: Vec<(Recipient, StoryId, Option<Told>)>,
    /// Mutes that end after the instant asked for.
    pub mutes: Vec<Mute>,
    /// Digests that had a story which has pending matches for the same recipient now, and when they were enqueued.
    pub digested: Vec<(SubscriptionName, Recipient, StoryId, Timestamp)>,
    /// Up to when each reader's digests are complete.
    pub digests: Vec<(SubscriptionName, Recipient, Timestamp)>,
}

/// A rendered mail on its way into the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewMail {
    /// The same key is never enqueued twice.
    pub key: String,
    /// Kind.
    pub kind: NotificationKind,
    /// Because of which subscription.
    pub subscription: SubscriptionName,
    /// To whom.
    pub recipient: Recipient,
    /// Subject line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// HTML.
    pub html: String,
    /// The stories in it: the recipient knows them from here on.
    pub stories: Vec<StoryId>,
    /// Digests: complete up to here.
    pub window_end: Option<Timestamp>,
    /// Pending matches this mail settles.
    pub settles: Vec<PendingId>,
    /// What it tells of its stories, and what it follows up on.
    pub thread: MailThread,
}

/// What ties a mail to those before and after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MailThread {
    /// Alerts, updates and roll-ups: what the recipient was told of each story with this mail.
    pub tells: Vec<(StoryId, Told)>,
    /// The first mail about the story, for an update.
    pub in_reply_to: Option<NotificationId>,
}

/// What [`Store::enqueue`] did with a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Enqueued {
    /// It waits for the mailer.
    Queued(NotificationId),
    /// Its key was enqueued before; only the pending matches were settled.
    AlreadyQueued,
}

impl Store {
    /// Pending matches, oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn pending(&self, limit: usize) -> Result<Vec<Pending>, Error> {
        self.pending_but_for(&[], limit).await
    }

    /// Pending matches but for those of `waiting` subscriptions, oldest first.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn pending_but_for(
        &self,
        waiting: &[SubscriptionName],
        limit: usize,
    ) -> Result<Vec<Pending>, Error> {
        let waiting = names(waiting);
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(
                "SELECT id, subscription, recipient, topic, story_id, item_id, matched_at_ms
                 FROM pending WHERE subscription NOT IN (SELECT value FROM json_each(?1)) ORDER BY id LIMIT ?2",
            )?;
            let mut rows = statement.query((waiting, row::limit(limit)))?;
            let mut pending = Vec::new();
            while let Some(r) = rows.next()? {
                pending.push(Pending {
                    id: PendingId(r.get("id")?),
                    route: Route {
                        subscription: SubscriptionName::new(&r.get::<_, String>("subscription")?),
                        recipient: row::recipient(&r.get::<_, String>("recipient")?)?,
                        topic: TopicName::new(&r.get::<_, String>("topic")?),
                    },
                    story: StoryId(r.get("story_id")?),
                    item: ItemId(r.get("item_id")?),
                    matched_at: time::from_millis(r.get("matched_at_ms")?),
                });
            }
            Ok(pending)
        })
        .await
    }

    /// What was mailed before: alerts since `alerts_since`, and which stories of pending matches were alerted, but for
    /// matches of `waiting` subscriptions.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn delivery_history(
        &self,
        alerts_since: Timestamp,
        waiting: &[SubscriptionName],
    ) -> Result<DeliveryHistory, Error> {
        let waiting = names(waiting);
        self.read(move |tx| {
            Ok(DeliveryHistory {
                alerts: reader_instants(
                    tx,
                    "SELECT subscription, recipient, created_at_ms FROM notification
                     WHERE created_at_ms > ?1 AND kind IN ('alert', 'update', 'rollup') ORDER BY seq",
                    [row::ms(alerts_since)],
                )?,
                alerted: told::told(tx, &waiting)?,
                mutes: mute::mutes(tx, alerts_since)?,
                digested: digested(tx, &waiting)?,
                digests: digest_ends(tx)?,
            })
        })
        .await
    }

    /// Up to when each reader's digests are complete, by subscription and recipient.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn digest_ends(&self) -> Result<Vec<(SubscriptionName, Recipient, Timestamp)>, Error> {
        self.read(digest_ends).await
    }

    /// Starts the first window of digest readers that have none yet: it opens at the instant given.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open_digests(
        &self,
        openings: Vec<(SubscriptionName, Recipient, Timestamp)>,
    ) -> Result<(), Error> {
        self.write(move |tx| {
            let mut open = tx.prepare_cached(
                "INSERT OR IGNORE INTO digest_run (subscription, recipient, window_end_ms) VALUES (?1, ?2, ?3)",
            )?;
            for (subscription, recipient, at) in &openings {
                open.execute((subscription.as_str(), recipient.address(), row::ms(*at)))?;
            }
            Ok(())
        })
        .await
    }

    /// Forgets the windows of all digest readers but `keep`, so that one who comes back begins anew; those for whom
    /// matches still wait stay.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn forget_digests(&self, keep: HashSet<(SubscriptionName, Recipient)>) -> Result<(), Error> {
        self.write(move |tx| {
            let known = digest_ends(tx)?;
            let mut forget = tx.prepare_cached(
                "DELETE FROM digest_run WHERE subscription = ?1 AND recipient = ?2 AND NOT EXISTS
                    (SELECT 1 FROM pending WHERE pending.subscription = ?1 AND pending.recipient = ?2)",
            )?;
            for (subscription, recipient, _) in known {
                let reader = (subscription, recipient);
                if !keep.contains(&reader) {
                    forget.execute((reader.0.as_str(), reader.1.address()))?;
                }
            }
            Ok(())
        })
        .await
    }

    /// The stories with their items, in the order asked for; those without any stored item are left out.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn stories(&self, ids: Vec<StoryId>) -> Result<Vec<StoryView>, Error> {
        self.read(move |tx| {
            let mut stories = Vec::with_capacity(ids.len());
            for id in ids {
                let items = story_items(tx, id)?;
                let mut topics: Vec<TopicName> =
                    items.iter().flat_map(|item| item.matches.iter().map(|m| m.topic.clone())).collect();
                topics.sort();
                topics.dedup();
                if !items.is_empty() {
                    stories.push(StoryView { id, topics, items });
                }
            }
            Ok(stories)
        })
        .await
    }

    /// Puts rendered mails into the outbox and settles their pending matches, all in one transaction. Answers in
    /// the same order.
    ///
    /// # Errors
    /// See [`Error`]; then nothing changed.
    pub async fn enqueue(&self, now: Timestamp, mails: Vec<NewMail>) -> Result<Vec<Enqueued>, Error> {
        self.write(move |tx| mails.iter().map(|mail| enqueue(tx, now, mail)).collect()).await
    }

    /// Settles pending matches that need no mail of their own, and notes why.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn settle_pending(
        &self,
        now: Timestamp,
        settled: Vec<(PendingId, &'static str)>,
    ) -> Result<(), Error> {
        self.write(move |tx| {
            let mut note = tx.prepare_cached(
                "INSERT INTO settled (item_id, topic, subscription, recipient, story_id, reason, settled_at_ms)
                 SELECT item_id, topic, subscription, recipient, story_id, ?2, ?3 FROM pending WHERE id = ?1
                 ON CONFLICT DO UPDATE SET reason = excluded.reason, settled_at_ms = excluded.settled_at_ms",
            )?;
            for (id, reason) in &settled {
                note.execute((id.0, reason, row::ms(now)))?;
            }
            let ids: Vec<PendingId> = settled.iter().map(|(id, _)| *id).collect();
            delete_pending(tx, &ids)
        })
        .await
    }

    /// Why matches of an item were settled without a mail: subscription, recipient, topic, reason and when; the newest
    /// first, at most `limit`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn settled_matches(
        &self,
        item: ItemId,
        limit: usize,
    ) -> Result<Vec<(Route, String, Timestamp)>, Error> {
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(
                "SELECT subscription, recipient, topic, reason, settled_at_ms FROM settled WHERE item_id = ?1
                 ORDER BY settled_at_ms DESC, topic, subscription, recipient LIMIT ?2",
            )?;
            let mut rows = statement.query((item.0, row::limit(limit)))?;
            let mut found = Vec::new();
            while let Some(r) = rows.next()? {
                let route = Route {
                    subscription: SubscriptionName::new(&r.get::<_, String>("subscription")?),
                    recipient: row::recipient(&r.get::<_, String>("recipient")?)?,
                    topic: TopicName::new(&r.get::<_, String>("topic")?),
                };
                found.push((route, r.get("reason")?, time::from_millis(r.get("settled_at_ms")?)));
            }
            Ok(found)
        })
        .await
    }
}

pub(super) fn enqueue(tx: &Transaction<'_>, now: Timestamp, mail: &NewMail) -> Result<Enqueued, Error> {
    let instance: Vec<u8> =
        tx.prepare_cached("SELECT value FROM meta WHERE key = 'instance'")?.query_row([], |r| r.get(0))?;
    let id = notification_id(&instance, &mail.key);
    let reader = (mail.subscription.as_str(), mail.recipient.address());
    let inserted = tx
        .prepare_cached(
            "INSERT INTO notification (id, dedup_key, kind, subscription, recipient, subject, body_text, body_html,
                state, attempts, next_attempt_at_ms, created_at_ms, in_reply_to)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 'queued', 0, ?9, ?9, ?10)
             ON CONFLICT (dedup_key) DO NOTHING",
        )?
        .execute((
            &id.0,
            &mail.key,
            mail.kind.as_str(),
            reader.0,
            reader.1,
            &mail.subject,
            &mail.text,
            &mail.html,
            row::ms(now),
            mail.thread.in_reply_to.as_ref().map(|id| &id.0),
        ))?;
    told::tell(tx, reader.1, now, &id, &mail.thread.tells)?;
    let mut told = tx.prepare_cached(match mail.kind {
        NotificationKind::Digest => {
            "INSERT OR IGNORE INTO digested (recipient, story_id, enqueued_at_ms, subscription) VALUES (?1, ?2, ?3, ?4)"
        }
        _ => "INSERT OR IGNORE INTO alerted (recipient, story_id, enqueued_at_ms) SELECT ?1, ?2, ?3 WHERE ?4 = ?4",
    })?;
    let mut names =
        tx.prepare_cached("INSERT OR IGNORE INTO mail_story (mail_id, story_id) VALUES (?1, ?2)")?;
    for story in &mail.stories {
        told.execute((reader.1, story.0, row::ms(now), reader.0))?;
        names.execute((&id.0, story.0))?;
    }
    if let Some(end) = mail.window_end {
        tx.prepare_cached(
            "INSERT INTO digest_run (subscription, recipient, window_end_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT (subscription, recipient) DO UPDATE
             SET window_end_ms = max(window_end_ms, excluded.window_end_ms)",
        )?
        .execute((reader.0, reader.1, row::ms(end)))?;
    }
    delete_pending(tx, &mail.settles)?;
    Ok(if inserted == 0 { Enqueued::AlreadyQueued } else { Enqueued::Queued(id) })
}

fn delete_pending(tx: &Transaction<'_>, ids: &[PendingId]) -> Result<(), Error> {
    let mut delete = tx.prepare_cached("DELETE FROM pending WHERE id = ?1")?;
    for id in ids {
        delete.execute([id.0])?;
    }
    Ok(())
}

/// 26 characters `0-9a-z`: 128 bits over the store's instance and the mail's key, so that a mail keeps its
/// Message-ID whenever and however often it is enqueued.
fn notification_id(instance: &[u8], key: &str) -> NotificationId {
    let mut hasher = Xxh3::new();
    hasher.update(instance);
    hasher.update(key.as_bytes());
    NotificationId(row::base32(hasher.digest128()))
}

/// A list for `json_each`.
fn names(subscriptions: &[SubscriptionName]) -> String {
    let names: Vec<&str> = subscriptions.iter().map(SubscriptionName::as_str).collect();
    serde_json::json!(names).to_string()
}

fn digest_ends(tx: &Transaction<'_>) -> Result<Vec<(SubscriptionName, Recipient, Timestamp)>, Error> {
    let sql =
        "SELECT subscription, recipient, window_end_ms FROM digest_run ORDER BY subscription, recipient";
    reader_instants(tx, sql, [])
}

fn reader_instants(
    tx: &Transaction<'_>,
    sql: &str,
    parameters: impl rusqlite::Params,
) -> Result<Vec<(SubscriptionName, Recipient, Timestamp)>, Error> {
    let mut statement = tx.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut found = Vec::new();
    while let Some(r) = rows.next()? {
        found.push((
            SubscriptionName::new(&r.get::<_, String>(0)?),
            row::recipient(&r.get::<_, String>(1)?)?,
            time::from_millis(r.get(2)?),
        ));
    }
    Ok(found)
}

fn digested(
    tx: &Transaction<'_>,
    waiting: &str,
) -> Result<Vec<(SubscriptionName, Recipient, StoryId, Timestamp)>, Error> {
    let mut statement = tx.prepare_cached(
        "SELECT DISTINCT digested.subscription, pending.recipient, pending.story_id, enqueued_at_ms FROM pending
         JOIN digested ON digested.recipient = pending.recipient AND digested.story_id = pending.story_id
         WHERE pending.subscription NOT IN (SELECT value FROM json_each(?1))",
    )?;
    let mut rows = statement.query([waiting])?;
    let mut found = Vec::new();
    while let Some(r) = rows.next()? {
        let subscription = SubscriptionName::new(&r.get::<_, String>(0)?);
        let at = time::from_millis(r.get(3)?);
        found.push((subscription, row::recipient(&r.get::<_, String>(1)?)?, StoryId(r.get(2)?), at));
    }
    Ok(found)
}

fn story_items(tx: &Transaction<'_>, story: StoryId) -> Result<Vec<ItemView>, Error> {
    let mut matches: HashMap<i64, Vec<crate::model::Match>> = HashMap::new();
    let mut statement = tx.prepare_cached(
        "SELECT item_id, topic, revision, hits FROM match
         WHERE item_id IN (SELECT id FROM item WHERE story_id = ?1) ORDER BY item_id, topic",
    )?;
    let mut rows = statement.query([story.0])?;
    while let Some(r) = rows.next()? {
        let found =
            row::match_from(&r.get::<_, String>("topic")?, r.get("revision")?, &r.get::<_, String>("hits")?)?;
        matches.entry(r.get("item_id")?).or_default().push(found);
    }
    let mut statement = tx.prepare_cached(
        "SELECT item.id AS id, item.title AS title, summary, content, link, lang, published_at_ms, first_seen_at_ms,
                COALESCE(feed.name, feed.title, feed.url) AS source, feed.name AS feed_name, feed.url AS feed_url, copy
         FROM item JOIN feed ON feed.id = item.feed_id
         WHERE story_id = ?1 ORDER BY first_seen_at_ms, item.id LIMIT ?2",
    )?;
    let items = statement
        .query_map((story.0, row::limit(MAX_ITEMS_A_STORY)), |r| {
            let id: i64 = r.get("id")?;
            let outlet = told::outlet(r)?;
            Ok(ItemView {
                id: ItemId(id),
                title: r.get("title")?,
                summary: r.get("summary")?,
                content: r.get("content")?,
                link: row::link(r.get("link")?),
                source: r.get("source")?,
                outlet: outlet.name,
                tier: outlet.tier,
                voice: told::voice(r)?,
                lang: r.get("lang")?,
                published_at: row::instant(r, "published_at_ms")?,
                first_seen_at: time::from_millis(r.get("first_seen_at_ms")?),
                matches: matches.remove(&id).unwrap_or_default(),
            })
        })?
        .collect::<Result<_, _>>()?;
    Ok(items)
}
