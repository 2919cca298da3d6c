//! What the operator is told of, once per change.

use rusqlite::Transaction;

use super::{Error, NewMail, Store, outbox, planning, row};
use crate::model::{FeedId, FeedTrouble, NotificationKind, OperatorNews, Timestamp, time};

impl Store {
    /// What the operator has not been told: feeds without a success since before `failing_since`, feeds that
    /// recovered, mails given up; at most `limit` of each.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn operator_news(&self, failing_since: Timestamp, limit: usize) -> Result<OperatorNews, Error> {
        self.read(move |tx| {
            Ok(OperatorNews {
                failing: failing(tx, failing_since, limit)?,
                recovered: recovered(tx, limit)?,
                dead: dead(tx, limit)?,
            })
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
            let mut told = tx.prepare_cached("UPDATE feed SET told_at_ms = ?2 WHERE id = ?1")?;
            for (feed, _) in &news.failing {
                told.execute((feed.0, Some(row::ms(now))))?;
            }
            for (feed, _) in &news.recovered {
                told.execute((feed.0, None::<i64>))?;
            }
            let mut told = tx.prepare_cached("UPDATE notification SET told_at_ms = ?2 WHERE id = ?1")?;
            for mail in &news.dead {
                told.execute((&mail.id.0, row::ms(now)))?;
            }
            Ok(())
        })
        .await
    }
}

fn failing(
    tx: &Transaction<'_>,
    since: Timestamp,
    limit: usize,
) -> Result<Vec<(FeedId, FeedTrouble)>, Error> {
    let mut statement = tx.prepare_cached(
        "SELECT id, COALESCE(name, title, url) AS feed, last_ok_at_ms, failure_message FROM feed
         WHERE active = 1 AND failures > 0 AND told_at_ms IS NULL AND COALESCE(last_ok_at_ms, added_at_ms) < ?1
         ORDER BY COALESCE(last_ok_at_ms, added_at_ms), url LIMIT ?2",
    )?;
    let failing = statement
        .query_map((row::ms(since), row::limit(limit)), |r| {
            let trouble = FeedTrouble {
                feed: r.get("feed")?,
                last_ok_at: row::instant(r, "last_ok_at_ms")?,
                message: r.get::<_, Option<String>>("failure_message")?.unwrap_or_default(),
            };
            Ok((FeedId(r.get("id")?), trouble))
        })?
        .collect::<Result<_, _>>()?;
    Ok(failing)
}

fn recovered(tx: &Transaction<'_>, limit: usize) -> Result<Vec<(FeedId, String)>, Error> {
    let mut statement = tx.prepare_cached(
        "SELECT id, COALESCE(name, title, url) AS feed FROM feed
         WHERE active = 1 AND failures = 0 AND told_at_ms IS NOT NULL ORDER BY url LIMIT ?1",
    )?;
    let recovered = statement
        .query_map([row::limit(limit)], |r| Ok((FeedId(r.get("id")?), r.get("feed")?)))?
        .collect::<Result<_, _>>()?;
    Ok(recovered)
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
