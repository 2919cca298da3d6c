//! What the operator is told, once per change; troubles that go on; mails given up.
//!
//! **Invariant:** an event is told once: the transaction that enqueues the notice marks it.
//!
//! Rejected: to derive notices from the state of the feeds. A gap, or a failure that ended meanwhile, leaves no state.

use rusqlite::Transaction;

use super::{Error, NewMail, Store, duty, memory, outbox, planning, row};
use crate::model::{
    Brings, DeadLetters, Duty, EventKind, FeedId, FeedsAtLarge, Health, NotificationKind, OperatorNews,
    Timestamp, Trouble, TroubledFeed, time,
};

/// Untold events, oldest first, of feeds in force. That a feed answers again is news to those only who heard, or hear in
/// the same notice, that it did not.
const UNTOLD: &str = "
    SELECT event.id, event.feed_id, COALESCE(feed.name, feed.title, feed.url) AS feed, event.kind, event.at_ms,
        event.count, event.detail
    FROM feed_event AS event JOIN feed ON feed.id = event.feed_id
    WHERE event.told_at_ms IS NULL AND event.at_ms >= ?1 AND event.kind = ?2 AND feed.active = 1
        AND (event.kind <> 'recovered' OR EXISTS (
            SELECT 1 FROM feed_event AS trouble
            WHERE trouble.feed_id = event.feed_id AND trouble.kind IN ('failing', 'dormant', 'gone')
                AND trouble.id < event.id AND trouble.id > (
                    SELECT COALESCE(max(id), 0) FROM feed_event AS earlier
                    WHERE earlier.feed_id = event.feed_id AND earlier.kind = 'recovered' AND earlier.id < event.id)))
    ORDER BY event.id";

/// What is recorded with mails to the operator, in one transaction.
#[derive(Debug, Clone, Default)]
pub struct Telling {
    /// The mails; a key that was enqueued before is not enqueued again.
    pub mails: Vec<NewMail>,
    /// All events up to this one are told.
    pub events_to: i64,
    /// That these feeds fail is told.
    pub failing: Vec<FeedId>,
    /// All mails given up so far, up to this one, are told.
    pub dead_to: i64,
    /// Troubles as they stand now.
    pub troubles: Vec<Trouble>,
    /// Troubles that are forgotten.
    pub over: Vec<String>,
    /// Duties that are done, up to these instants.
    pub duties: Vec<(Duty, Timestamp)>,
}

impl Store {
    /// What happened to feeds since `since` that the operator has not been told, at most `limit` of each kind named.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn operator_news(&self, since: Timestamp, limit: usize) -> Result<OperatorNews, Error> {
        self.read(move |tx| {
            let mut newest = tx.prepare_cached("SELECT COALESCE(max(id), 0) FROM feed_event")?;
            let up_to = newest.query_row([], |r| r.get(0))?;
            let mut news = OperatorNews { up_to, ..OperatorNews::default() };
            for kind in EventKind::ALL.into_iter().filter(|kind| kind.is_mailed()) {
                add_events(tx, since, kind, limit, &mut news)?;
            }
            Ok(news)
        })
        .await
    }

    /// Mails given up that the operator was not told of, at most `limit` named.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn dead_letters(&self, limit: usize) -> Result<DeadLetters, Error> {
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(
                "SELECT seq, id, kind, state, recipient, subject, attempts, created_at_ms, next_attempt_at_ms,
                        settled_at_ms, note
                 FROM notification WHERE state = 'dead' AND told_at_ms IS NULL AND kind <> ?1 ORDER BY seq",
            )?;
            let mut rows = statement.query([NotificationKind::Operator.as_str()])?;
            let mut dead = DeadLetters::default();
            while let Some(r) = rows.next()? {
                dead.up_to = r.get("seq")?;
                if dead.named.len() < limit {
                    dead.named.push(outbox::report(r)?);
                } else {
                    dead.more += 1;
                }
            }
            Ok(dead)
        })
        .await
    }

    /// How the feeds in force fare: those that fail since `since` or longer are counted, those that fail for long are
    /// named, at most `limit`, with those that bring alerts first; one at rest is named only if it brings alerts.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn feeds_at_large(&self, since: Timestamp, limit: usize) -> Result<FeedsAtLarge, Error> {
        self.read(move |tx| {
            let mut at_large = tx
                .prepare_cached(
                    "SELECT count(*) AS feeds, max(last_ok_at_ms) AS newest_ok_ms,
                            count(*) FILTER (WHERE health = 'failing'
                                OR (health = 'degraded' AND health_since_at_ms <= ?1)) AS troubled,
                            count(*) FILTER (WHERE health IN ('ok', 'degraded')) AS sound
                     FROM feed WHERE active = 1",
                )?
                .query_row([row::ms(since)], |r| {
                    Ok(FeedsAtLarge {
                        feeds: row::count(r, "feeds")?,
                        troubled: row::count(r, "troubled")?,
                        sound: row::count(r, "sound")?,
                        newest_ok: row::instant(r, "newest_ok_ms")?,
                        ..FeedsAtLarge::default()
                    })
                })?;
            at_large.visited_since = tx
                .prepare_cached(
                    "SELECT count(*) AS n FROM feed
                     WHERE active = 1 AND health IN ('ok', 'degraded') AND last_poll_at_ms > ?1",
                )?
                .query_row([at_large.newest_ok.map(row::ms)], |r| row::count(r, "n"))?;
            let mut statement = tx.prepare_cached(
                "SELECT id, COALESCE(name, title, url) AS feed, health, health_since_at_ms, hit_at_ms, failure_message
                 FROM feed WHERE active = 1
                     AND (health = 'failing' OR (health = 'dormant' AND hit_at_ms IS NOT NULL))
                 ORDER BY hit_at_ms IS NULL, id LIMIT ?1",
            )?;
            let failing = statement.query_map([row::limit(limit)], |r| {
                let health: String = r.get("health")?;
                Ok(TroubledFeed {
                    id: FeedId(r.get("id")?),
                    name: r.get("feed")?,
                    health: if health == Health::Dormant.as_str() { Health::Dormant } else { Health::Failing },
                    since: row::instant(r, "health_since_at_ms")?.unwrap_or(Timestamp::UNIX_EPOCH),
                    brings: match row::instant(r, "hit_at_ms")? {
                        Some(_) => Brings::Alerts,
                        None => Brings::Other,
                    },
                    message: r.get::<_, Option<String>>("failure_message")?.unwrap_or_default(),
                })
            })?;
            at_large.failing = failing.collect::<Result<_, _>>()?;
            Ok(at_large)
        })
        .await
    }

    /// All troubles that are not forgotten, by key.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn troubles(&self) -> Result<Vec<Trouble>, Error> {
        self.read(|tx| {
            let mut statement =
                tx.prepare_cached("SELECT key, since_ms, tellings, ended_at_ms FROM trouble ORDER BY key")?;
            let troubles = statement.query_map([], |r| {
                Ok(Trouble {
                    key: r.get("key")?,
                    since: time::from_millis(r.get("since_ms")?),
                    tellings: r.get("tellings")?,
                    ended_at: row::instant(r, "ended_at_ms")?,
                })
            })?;
            Ok(troubles.collect::<Result<_, _>>()?)
        })
        .await
    }

    /// Enqueues mails to the operator and records what they tell, in one transaction.
    ///
    /// # Errors
    /// See [`Error`]; then nothing changed.
    pub async fn tell_operator(&self, now: Timestamp, telling: Telling) -> Result<(), Error> {
        self.write(move |tx| {
            for mail in &telling.mails {
                planning::enqueue(tx, now, mail)?;
            }
            tx.prepare_cached("UPDATE feed_event SET told_at_ms = ?2 WHERE told_at_ms IS NULL AND id <= ?1")?
                .execute((telling.events_to, row::ms(now)))?;
            let mut failing = tx.prepare_cached(
                "UPDATE feed_event SET told_at_ms = ?2
                 WHERE told_at_ms IS NULL AND feed_id = ?1 AND kind IN ('failing', 'dormant', 'gone')",
            )?;
            for feed in &telling.failing {
                failing.execute((feed.0, row::ms(now)))?;
            }
            tx.prepare_cached(
                "UPDATE notification SET told_at_ms = ?2 WHERE state = 'dead' AND told_at_ms IS NULL AND seq <= ?1",
            )?
            .execute((telling.dead_to, row::ms(now)))?;
            let mut upsert = tx.prepare_cached(
                "INSERT INTO trouble (key, since_ms, tellings, ended_at_ms) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT (key) DO UPDATE SET since_ms = excluded.since_ms, tellings = excluded.tellings,
                     ended_at_ms = excluded.ended_at_ms",
            )?;
            for trouble in &telling.troubles {
                let ended = trouble.ended_at.map(row::ms);
                upsert.execute((&trouble.key, row::ms(trouble.since), trouble.tellings, ended))?;
            }
            let mut forget = tx.prepare_cached("DELETE FROM trouble WHERE key = ?1")?;
            for key in &telling.over {
                forget.execute([key])?;
            }
            for (duty, to) in &telling.duties {
                duty::begin(tx, *duty, *to)?;
                duty::settle(tx, now, *duty, None)?;
            }
            Ok(())
        })
        .await
    }
}

fn add_events(
    tx: &Transaction<'_>,
    since: Timestamp,
    kind: EventKind,
    limit: usize,
    news: &mut OperatorNews,
) -> Result<(), Error> {
    let mut statement = tx.prepare_cached(UNTOLD)?;
    let mut rows = statement.query((row::ms(since), kind.as_str()))?;
    let (mut named, mut unnamed) = (0, 0);
    while let Some(r) = rows.next()? {
        if named < limit {
            news.events.push(memory::report(r)?);
            named += 1;
        } else {
            unnamed += 1;
        }
    }
    if unnamed > 0 {
        news.unnamed.push((kind, unnamed));
    }
    Ok(())
}
