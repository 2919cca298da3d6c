//! Retention, checkpoints and the status report.

use super::{Error, Store, row, search};
use crate::model::{ItemId, QueueReport, StatusReport, Timestamp, TopicName, TopicReport};

/// What one round of retention removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Items removed; their keys stay.
    pub items: usize,
    /// Sent mails whose bodies were removed.
    pub bodies: usize,
}

impl Store {
    /// Removes up to `limit` items first seen before `items_before`, except those with pending matches, and the
    /// bodies of up to `limit` mails settled before `mails_before`. What items are recognised by stays, so an old
    /// item that a feed still carries is not new again. Stories without items go too, but for the newest, so that no id is
    /// given twice, and what happened to feeds
    /// before `items_before`. Items leave the index as well.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn prune(
        &self,
        items_before: Timestamp,
        mails_before: Timestamp,
        limit: usize,
    ) -> Result<Pruned, Error> {
        self.write(move |tx| {
            let removed: Vec<ItemId> = tx
                .prepare_cached(
                    "DELETE FROM item WHERE id IN (
                         SELECT id FROM item WHERE first_seen_at_ms < ?1
                         AND NOT EXISTS (SELECT 1 FROM pending WHERE pending.item_id = item.id)
                         ORDER BY first_seen_at_ms LIMIT ?2)
                     RETURNING id",
                )?
                .query_map((row::ms(items_before), row::limit(limit)), |r| Ok(ItemId(r.get(0)?)))?
                .collect::<Result<_, _>>()?;
            search::forget(tx, &removed)?;
            let bodies = tx
                .prepare_cached(
                    "UPDATE notification SET body_text = '', body_html = '' WHERE seq IN (
                         SELECT seq FROM notification WHERE state = 'sent' AND settled_at_ms < ?1 AND body_text <> ''
                         LIMIT ?2)",
                )?
                .execute((row::ms(mails_before), row::limit(limit)))?;
            tx.prepare_cached(
                "DELETE FROM story WHERE id IN (
                     SELECT id FROM story WHERE first_seen_at_ms < ?1 AND id < (SELECT max(id) FROM story)
                     AND NOT EXISTS (SELECT 1 FROM item WHERE item.story_id = story.id) ORDER BY id LIMIT ?2)",
            )?
            .execute((row::ms(items_before), row::limit(limit)))?;
            for told in ["alerted", "digested"] {
                // Of stories that are gone: nothing can match them any more.
                tx.prepare_cached(&format!(
                    "DELETE FROM {told} WHERE enqueued_at_ms < ?1
                     AND NOT EXISTS (SELECT 1 FROM story WHERE story.id = {told}.story_id)"
                ))?
                .execute([row::ms(items_before)])?;
            }
            tx.prepare_cached(
                "DELETE FROM feed_event WHERE id IN (
                     SELECT id FROM feed_event WHERE at_ms < ?1 ORDER BY at_ms LIMIT ?2)",
            )?
            .execute((row::ms(items_before), row::limit(limit)))?;
            tx.prepare_cached("DELETE FROM settled WHERE settled_at_ms < ?1")?.execute([row::ms(items_before)])?;
            tx.prepare_cached("DELETE FROM muted WHERE until_ms < ?1")?.execute([row::ms(items_before)])?;
            tx.prepare_cached(
                "DELETE FROM mail_story WHERE NOT EXISTS (SELECT 1 FROM story WHERE story.id = mail_story.story_id)",
            )?
            .execute([])?;
            Ok(Pruned { items: removed.len(), bodies })
        })
        .await
    }

    /// Copies the write-ahead log into the database and truncates it, and refreshes the planner's statistics.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn checkpoint(&self) -> Result<(), Error> {
        let writer = self.writer.as_ref().ok_or(Error::ReadOnly)?;
        writer
            .worker
            .call(|connection| {
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
                connection.execute_batch("PRAGMA optimize")?;
                Ok(())
            })
            .await
    }

    /// The figures of a status line; cheap, whatever the size of the archive.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn queue(&self) -> Result<QueueReport, Error> {
        self.read(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT (SELECT count(*) FROM feed WHERE active = 1 AND failures > 0) AS failing,
                        (SELECT count(*) FROM notification WHERE state IN ('queued', 'leased')) AS queued,
                        (SELECT count(*) FROM notification WHERE state = 'dead') AS dead",
            )?;
            let report = statement.query_row([], |r| {
                Ok(QueueReport {
                    failing: row::count(r, "failing")?,
                    queued: row::count(r, "queued")?,
                    dead: row::count(r, "dead")?,
                })
            })?;
            Ok(report)
        })
        .await
    }

    /// How the store fares as a whole.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn status(&self) -> Result<StatusReport, Error> {
        self.read(|tx| {
            let mut report = tx.query_row(
                "SELECT (SELECT count(*) FROM item) AS items,
                        (SELECT count(*) FROM pending) AS pending,
                        (SELECT count(*) FROM notification WHERE state IN ('queued', 'leased')) AS queued,
                        (SELECT count(*) FROM notification WHERE state = 'sent') AS sent,
                        (SELECT count(*) FROM notification WHERE state = 'dead') AS dead,
                        (SELECT min(created_at_ms) FROM notification WHERE state IN ('queued', 'leased')) AS oldest_ms",
                [],
                |r| {
                    Ok(StatusReport {
                        items: row::count(r, "items")?,
                        pending: row::count(r, "pending")?,
                        queued: row::count(r, "queued")?,
                        sent: row::count(r, "sent")?,
                        dead: row::count(r, "dead")?,
                        oldest_queued_at: row::instant(r, "oldest_ms")?,
                        topics: Vec::new(),
                    })
                },
            )?;
            let mut topics = tx.prepare_cached(
                "SELECT topic, count(*) AS matches, max(matched_at_ms) AS last_ms FROM match GROUP BY topic ORDER BY topic",
            )?;
            report.topics = topics
                .query_map([], |r| {
                    Ok(TopicReport {
                        topic: TopicName::new(&r.get::<_, String>("topic")?),
                        matches: row::count(r, "matches")?,
                        last_match_at: row::instant(r, "last_ms")?,
                    })
                })?
                .collect::<Result<_, _>>()?;
            Ok(report)
        })
        .await
    }
}
