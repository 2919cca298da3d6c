//! What comes round for the operator's sake: up to where it is done; and the figures it tells.
//!
//! **Invariant:** a duty is counted before it is tried, so none is performed twice because of a restart in between.
//!
//! Rejected: to find the last heartbeat among the mails of the outbox, of which the bodies are removed one day and the
//! keys are nobody's business.

use rusqlite::{OptionalExtension, Transaction};

use super::{Error, Store, row};
use crate::model::{Duty, DutyRun, Timestamp, Verdict, VitalSigns, Window, Work, time};

impl Store {
    /// All duties that were ever begun.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn duties(&self) -> Result<Vec<DutyRun>, Error> {
        self.read(|tx| {
            let mut find =
                tx.prepare_cached("SELECT to_ms, settled_at_ms, failure FROM duty WHERE name = ?1")?;
            let mut runs = Vec::new();
            for duty in Duty::ALL {
                let run = find.query_row([duty.as_str()], |r| {
                    let settled_at = row::instant(r, "settled_at_ms")?;
                    let verdict = match (r.get::<_, Option<String>>("failure")?, settled_at) {
                        (Some(why), _) => Verdict::Failed(why),
                        (None, Some(_)) => Verdict::Done,
                        (None, None) => Verdict::Open,
                    };
                    Ok(DutyRun { duty, to: time::from_millis(r.get("to_ms")?), settled_at, verdict })
                });
                runs.extend(run.optional()?);
            }
            Ok(runs)
        })
        .await
    }

    /// Where a duty stands; one that was never begun is entered as done up to `now`, so that it begins from here.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn open_duty(&self, duty: Duty, now: Timestamp) -> Result<Timestamp, Error> {
        self.write(move |tx| {
            tx.prepare_cached("INSERT OR IGNORE INTO duty (name, to_ms) VALUES (?1, ?2)")?
                .execute((duty.as_str(), row::ms(now)))?;
            let to: i64 = tx
                .prepare_cached("SELECT to_ms FROM duty WHERE name = ?1")?
                .query_row([duty.as_str()], |r| r.get(0))?;
            Ok(time::from_millis(to))
        })
        .await
    }

    /// Counts a duty as tried up to `to`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn begin_duty(&self, duty: Duty, to: Timestamp) -> Result<(), Error> {
        self.write(move |tx| begin(tx, duty, to)).await
    }

    /// Records how it ended; `failure` is in plain words, without secrets.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn settle_duty(
        &self,
        now: Timestamp,
        duty: Duty,
        failure: Option<String>,
    ) -> Result<(), Error> {
        self.write(move |tx| settle(tx, now, duty, failure.as_deref())).await
    }

    /// What tells whether the service works.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn vital_signs(&self) -> Result<VitalSigns, Error> {
        self.read(|tx| {
            let mut signs = tx
                .prepare_cached(
                    "SELECT (SELECT min(next_poll_at_ms) FROM feed WHERE active = 1) AS due_ms,
                            (SELECT max(last_poll_at_ms) FROM feed WHERE active = 1) AS visited_ms,
                            (SELECT min(created_at_ms) FROM notification WHERE state IN ('queued', 'leased'))
                                AS waiting_ms",
                )?
                .query_row([], |r| {
                    Ok(VitalSigns {
                        due: row::instant(r, "due_ms")?,
                        visited: row::instant(r, "visited_ms")?,
                        waiting: row::instant(r, "waiting_ms")?,
                        passed: 0,
                    })
                })?;
            signs.passed = tx
                .prepare_cached(
                    "SELECT count(*) AS n FROM notification WHERE created_at_ms >= ?1 AND state = 'sent'",
                )?
                .query_row([signs.waiting.map(row::ms)], |r| row::count(r, "n"))?;
            Ok(signs)
        })
        .await
    }

    /// What was done in `window`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn work(&self, window: Window) -> Result<Work, Error> {
        self.read(move |tx| {
            let span = (row::ms(window.from), row::ms(window.to));
            Ok(tx
                .prepare_cached(
                    "SELECT (SELECT count(DISTINCT item_id) FROM match
                             WHERE matched_at_ms > ?1 AND matched_at_ms <= ?2) AS matched,
                            (SELECT count(*) FROM notification
                             WHERE state = 'sent' AND settled_at_ms > ?1 AND settled_at_ms <= ?2) AS sent",
                )?
                .query_row(span, |r| {
                    Ok(Work { matched: row::count(r, "matched")?, sent: row::count(r, "sent")? })
                })?)
        })
        .await
    }

    /// Items first read in each of the spans between two neighbours of `edges`, as [`Store::topic_volumes`] counts.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn items_read(&self, edges: Vec<Timestamp>) -> Result<Vec<u64>, Error> {
        self.read(move |tx| {
            let mut count = tx.prepare_cached(
                "SELECT count(*) AS n FROM item WHERE first_seen_at_ms >= ?1 AND first_seen_at_ms < ?2",
            )?;
            let spans = edges.windows(2).filter_map(|pair| match pair {
                [from, to] => Some((row::ms(*from), row::ms(*to))),
                _ => None,
            });
            Ok(spans.map(|span| count.query_row(span, |r| row::count(r, "n"))).collect::<Result<_, _>>()?)
        })
        .await
    }
}

pub(super) fn begin(tx: &Transaction<'_>, duty: Duty, to: Timestamp) -> Result<(), Error> {
    // What failed stays failed until it ends otherwise.
    tx.prepare_cached(
        "INSERT INTO duty (name, to_ms) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET to_ms = excluded.to_ms",
    )?
    .execute((duty.as_str(), row::ms(to)))?;
    Ok(())
}

pub(super) fn settle(
    tx: &Transaction<'_>,
    now: Timestamp,
    duty: Duty,
    failure: Option<&str>,
) -> Result<(), Error> {
    tx.prepare_cached("UPDATE duty SET settled_at_ms = ?2, failure = ?3 WHERE name = ?1")?.execute((
        duty.as_str(),
        row::ms(now),
        failure,
    ))?;
    Ok(())
}
