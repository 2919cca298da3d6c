//! What the operator is told of, once per change.
//!
//! **Invariant:** an event is told once: the transaction that enqueues the notice marks it.
//!
//! Rejected: to derive notices from the state of the feeds. A gap, or a failure that ended meanwhile, leaves no state.

use rusqlite::Transaction;

use super::{Error, NewMail, Store, memory, outbox, planning, row};
use crate::model::{EventKind, NotificationKind, OperatorNews, Timestamp, time};

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

impl Store {
    /// What the operator has not been told: what happened to feeds since `since`, at most `limit` of each kind named, and
    /// mails given up, at most `limit`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn operator_news(&self, since: Timestamp, limit: usize) -> Result<OperatorNews, Error> {
        self.read(move |tx| {
            let mut news = OperatorNews { dead: dead(tx, limit)?, ..OperatorNews::default() };
            news.up_to = tx
                .prepare_cached("SELECT COALESCE(max(id), 0) FROM feed_event")?
                .query_row([], |r| r.get(0))?;
            for kind in EventKind::ALL.into_iter().filter(|kind| kind.is_mailed()) {
                add_events(tx, since, kind, limit, &mut news)?;
            }
            Ok(news)
        })
        .await
    }

    /// When the operator was last written to.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn operator_told_at(&self) -> Result<Option<Timestamp>, Error> {
        self.read(|tx| {
            let at: Option<i64> = tx
                .prepare_cached("SELECT max(created_at_ms) FROM notification WHERE kind = ?1")?
                .query_row([NotificationKind::Operator.as_str()], |r| r.get(0))?;
            Ok(at.map(time::from_millis))
        })
        .await
    }

    /// Enqueues the notices and marks `news` as told, in one transaction.
    ///
    /// # Errors
    /// See [`Error`]; then nothing changed.
    pub async fn tell_operator(
        &self,
        now: Timestamp,
        mails: Vec<NewMail>,
        news: OperatorNews,
    ) -> Result<(), Error> {
        self.write(move |tx| {
            for mail in &mails {
                planning::enqueue(tx, now, mail)?;
            }
            tx.prepare_cached("UPDATE feed_event SET told_at_ms = ?2 WHERE told_at_ms IS NULL AND id <= ?1")?
                .execute((news.up_to, row::ms(now)))?;
            let mut told = tx.prepare_cached("UPDATE notification SET told_at_ms = ?2 WHERE id = ?1")?;
            for mail in &news.dead {
                told.execute((&mail.id.0, row::ms(now)))?;
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

fn dead(tx: &Transaction<'_>, limit: usize) -> Result<Vec<crate::model::OutboxReport>, Error> {
    let mut statement = tx.prepare_cached(
        "SELECT id, kind, state, recipient, subject, attempts, created_at_ms, next_attempt_at_ms, settled_at_ms, note
         FROM notification WHERE state = 'dead' AND told_at_ms IS NULL AND kind <> ?1 ORDER BY seq LIMIT ?2",
    )?;
    let mut rows = statement.query((NotificationKind::Operator.as_str(), row::limit(limit)))?;
    let mut dead = Vec::new();
    while let Some(r) = rows.next()? {
        dead.push(outbox::report(r)?);
    }
    Ok(dead)
}
