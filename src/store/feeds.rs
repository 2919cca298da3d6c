//! Feeds: which are in force, what was learned of each, and how they fare.

use rusqlite::{Row, Transaction};

use super::{Error, Store, memory, row};
use crate::model::{
    Coverage, FeedDoubt, FeedId, FeedReport, FeedSpec, FeedState, FeedTrouble, Timestamp, Validators, Window,
    time,
};

/// Buckets that feeds are spread over by host; one owner a bucket keeps politeness when there are many nodes.
const BUCKETS: u64 = 1_024;
/// Failing and doubtful feeds named in a [`Coverage`], of each.
pub const MAX_TROUBLES: usize = 20;

const UPSERT: &str = "
    INSERT INTO feed (url, bucket, active, name, added_at_ms, next_poll_at_ms, failures)
    VALUES (?1, ?2, 1, ?3, ?4, ?4, 0)
    ON CONFLICT (url) DO UPDATE SET active = 1, name = excluded.name";

const STATE: &str = "
    SELECT id, etag, last_modified, body_hash, baseline_at_ms, last_poll_at_ms, last_ok_at_ms, next_poll_at_ms, failures,";

impl Store {
    /// Puts exactly `specs` in force and returns their states in the same order. A feed that is new is due at
    /// `now`; one that left stays stored and is no longer polled. A feed that was scheduled before the clock was set back
    /// is moved up.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn sync_feeds(&self, now: Timestamp, specs: Vec<FeedSpec>) -> Result<Vec<FeedState>, Error> {
        self.write(move |tx| {
            tx.execute("UPDATE feed SET active = 0 WHERE active = 1", [])?;
            let mut upsert = tx.prepare_cached(UPSERT)?;
            let mut state =
                tx.prepare_cached(&format!("{STATE}{} FROM feed WHERE url = ?1", memory::COLUMNS))?;
            let mut states = Vec::with_capacity(specs.len());
            for spec in specs {
                let url = spec.url.as_str().to_owned();
                upsert.execute((&url, bucket(&spec), &spec.title, row::ms(now)))?;
                states.push(state.query_row([&url], |r| feed_state(r, spec, now))?);
            }
            Ok(states)
        })
        .await
    }

    /// All feeds in force, by URL.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn feeds(&self, limit: usize) -> Result<Vec<FeedReport>, Error> {
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(&format!(
                "SELECT id, url, COALESCE(name, title) AS title, last_poll_at_ms, last_ok_at_ms, next_poll_at_ms,
                        failures, failure_kind, failure_message,
                        (SELECT count(*) FROM item WHERE item.feed_id = feed.id) AS items, {}
                 FROM feed WHERE active = 1 ORDER BY url LIMIT ?1",
                memory::COLUMNS
            ))?;
            let reports = statement.query_map([row::limit(limit)], feed_report)?.collect::<Result<_, _>>()?;
            Ok(reports)
        })
        .await
    }

    /// How much was looked at in `window`. "Worst lag" and the failing feeds are as of `now`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn coverage(&self, now: Timestamp, window: Window) -> Result<Coverage, Error> {
        self.read(move |tx| {
            let from = row::ms(window.from);
            let mut coverage = tx.query_row(
                "SELECT count(*) AS feeds,
                        count(*) FILTER (WHERE last_ok_at_ms > ?1) AS polled,
                        min(last_ok_at_ms) AS oldest_ok_ms,
                        count(*) FILTER (WHERE failures > 0) AS failing
                 FROM feed WHERE active = 1",
                [from],
                |r| {
                    let oldest = row::instant(r, "oldest_ok_ms")?;
                    Ok(Coverage {
                        feeds: r.get("feeds")?,
                        polled: r.get("polled")?,
                        items: 0,
                        worst_lag_s: oldest.map_or(0, |at| time::between(at, now).as_secs()),
                        failing: Vec::new(),
                        failing_total: r.get("failing")?,
                        doubts: Vec::new(),
                        doubts_total: 0,
                    })
                },
            )?;
            coverage.items = tx.query_row(
                "SELECT count(*) AS items FROM item WHERE first_seen_at_ms > ?1 AND first_seen_at_ms <= ?2",
                [from, row::ms(window.to)],
                |r| row::count(r, "items"),
            )?;
            let mut failing = tx.prepare_cached(
                "SELECT COALESCE(name, title, url) AS feed, last_ok_at_ms, failure_message FROM feed
                 WHERE active = 1 AND failures > 0 ORDER BY COALESCE(last_ok_at_ms, 0), url LIMIT ?1",
            )?;
            coverage.failing = failing
                .query_map([row::limit(MAX_TROUBLES)], |r| {
                    Ok(FeedTrouble {
                        feed: r.get("feed")?,
                        last_ok_at: row::instant(r, "last_ok_at_ms")?,
                        message: r.get::<_, Option<String>>("failure_message")?.unwrap_or_default(),
                    })
                })?
                .collect::<Result<_, _>>()?;
            (coverage.doubts, coverage.doubts_total) = doubts(tx, window)?;
            Ok(coverage)
        })
        .await
    }
}

/// Gaps and lies found in the window, and feeds that are silent now.
fn doubts(tx: &Transaction<'_>, window: Window) -> Result<(Vec<FeedDoubt>, u32), Error> {
    let mut statement = tx.prepare_cached(
        "SELECT COALESCE(feed.name, feed.title, feed.url) AS feed, event.at_ms, event.detail
         FROM feed_event AS event JOIN feed ON feed.id = event.feed_id
         WHERE feed.active = 1 AND (
             (event.kind IN ('gap', 'liar') AND event.at_ms > ?1 AND event.at_ms <= ?2)
             OR (event.kind = 'silent' AND event.at_ms = feed.silent_since_at_ms))
         ORDER BY event.at_ms DESC, event.id DESC",
    )?;
    let mut rows = statement.query((row::ms(window.from), row::ms(window.to)))?;
    let (mut doubts, mut total) = (Vec::new(), 0_u32);
    while let Some(r) = rows.next()? {
        total = total.saturating_add(1);
        if doubts.len() < MAX_TROUBLES {
            let at = time::from_millis(r.get("at_ms")?);
            doubts.push(FeedDoubt { feed: r.get("feed")?, at, message: r.get("detail")? });
        }
    }
    Ok((doubts, total))
}

fn bucket(spec: &FeedSpec) -> i64 {
    let host = spec.url.host_str().unwrap_or_default();
    i64::try_from(xxhash_rust::xxh3::xxh3_64(host.as_bytes()) % BUCKETS).unwrap_or(0)
}

fn feed_state(r: &Row<'_>, spec: FeedSpec, now: Timestamp) -> rusqlite::Result<FeedState> {
    let last_poll_at = row::instant(r, "last_poll_at_ms")?;
    let mut next_poll_at = time::from_millis(r.get("next_poll_at_ms")?);
    // A last poll that is still to come was recorded before the clock was set back: the wait begins now.
    if let Some(last) = last_poll_at.filter(|last| *last > now) {
        next_poll_at = next_poll_at.min(time::after(now, time::between(last, next_poll_at)));
    } else if last_poll_at.is_none() {
        next_poll_at = next_poll_at.min(now);
    }
    Ok(FeedState {
        id: FeedId(r.get("id")?),
        validators: Validators { etag: r.get("etag")?, last_modified: r.get("last_modified")? },
        body_hash: r.get("body_hash")?,
        baseline_at: row::instant(r, "baseline_at_ms")?,
        last_poll_at,
        last_ok_at: row::instant(r, "last_ok_at_ms")?,
        next_poll_at,
        failures: r.get("failures")?,
        memory: memory::memory(r)?,
        spec,
    })
}

fn feed_report(r: &Row<'_>) -> rusqlite::Result<FeedReport> {
    let failure =
        (r.get::<_, Option<String>>("failure_kind")?, r.get::<_, Option<String>>("failure_message")?);
    Ok(FeedReport {
        id: FeedId(r.get("id")?),
        url: r.get("url")?,
        title: r.get("title")?,
        items: row::count(r, "items")?,
        last_poll_at: row::instant(r, "last_poll_at_ms")?,
        last_ok_at: row::instant(r, "last_ok_at_ms")?,
        next_poll_at: row::instant(r, "next_poll_at_ms")?,
        failures: r.get("failures")?,
        last_failure: match failure {
            (Some(kind), Some(message)) => Some((kind, message)),
            _ => None,
        },
        memory: memory::memory(r)?,
    })
}
