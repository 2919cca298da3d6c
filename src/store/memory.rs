//! What is remembered of a feed beside its items, as columns of its row; and the events.

use std::time::Duration;

use rusqlite::{Row, Transaction};
use url::Url;

use super::{Error, Store, row};
use crate::model::{
    EventKind, FeedEvent, FeedEventReport, FeedId, FeedMemory, Gone, Health, Hints, Moving, Pace, Stored,
    Timestamp, Trial,
};

/// The columns of a [`FeedMemory`], for a `SELECT` list.
pub(super) const COLUMNS: &str = "
    health, health_since_at_ms, patience_until_at_ms, moving_to, moving_polls, moving_since_at_ms, moved_to, gone_polls,
    gone_since_at_ms, hint_wait_ms, hint_skip_hours, hint_skip_days, full_at_ms, liar_since_at_ms, on_trial,
    pace_items_micro, pace_alerts_micro, pace_span_ms, pace_at_ms, longest_gap_ms, gaps_seen, last_new_at_ms,
    window_items, rolling, gap_at_ms, renumbered_at_ms, silent_since_at_ms, hit_at_ms, answered_by";

const REMEMBER: &str = "
    UPDATE feed SET health = ?2, health_since_at_ms = ?3, patience_until_at_ms = ?4, moving_to = ?5, moving_polls = ?6,
        moving_since_at_ms = ?7, moved_to = ?8, gone_polls = ?9, gone_since_at_ms = ?10, hint_wait_ms = ?11,
        hint_skip_hours = ?12, hint_skip_days = ?13, full_at_ms = ?14, liar_since_at_ms = ?15, on_trial = ?16,
        pace_items_micro = ?17, pace_alerts_micro = ?18, pace_span_ms = ?19, pace_at_ms = ?20, longest_gap_ms = ?21,
        gaps_seen = ?22, last_new_at_ms = ?23, window_items = ?24, rolling = ?25, gap_at_ms = ?26,
        renumbered_at_ms = ?27, silent_since_at_ms = ?28, hit_at_ms = ?29, answered_by = ?30
    WHERE id = ?1";
const ADD_EVENT: &str = "
    INSERT INTO feed_event (feed_id, kind, at_ms, count, detail, told_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";

impl Store {
    /// What happened to feeds in force since `since`, newest first, at most `limit`.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn feed_events(&self, since: Timestamp, limit: usize) -> Result<Vec<FeedEventReport>, Error> {
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(
                "SELECT event.id, event.feed_id, COALESCE(feed.name, feed.title, feed.url) AS feed, event.kind,
                        event.at_ms, event.count, event.detail
                 FROM feed_event AS event JOIN feed ON feed.id = event.feed_id
                 WHERE event.at_ms >= ?1 AND feed.active = 1 ORDER BY event.at_ms DESC, event.id DESC LIMIT ?2",
            )?;
            let mut rows = statement.query((row::ms(since), row::limit(limit)))?;
            let mut events = Vec::new();
            while let Some(r) = rows.next()? {
                events.push(report(r)?);
            }
            Ok(events)
        })
        .await
    }
}

/// Reads a row of events with the name of the feed as `feed`.
pub(super) fn report(r: &Row<'_>) -> Result<FeedEventReport, Error> {
    let word: String = r.get("kind")?;
    let kind = EventKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == word)
        .ok_or_else(|| row::foreign("kind of an event"))?;
    Ok(FeedEventReport {
        id: r.get("id")?,
        feed: FeedId(r.get("feed_id")?),
        name: r.get("feed")?,
        event: FeedEvent {
            kind,
            at: crate::model::time::from_millis(r.get("at_ms")?),
            count: r.get("count")?,
            detail: r.get("detail")?,
        },
    })
}

pub(super) fn remember(tx: &Transaction<'_>, feed: FeedId, memory: &FeedMemory) -> Result<(), Error> {
    let moving = memory.moving.as_ref();
    let values: [&dyn rusqlite::ToSql; 30] = [
        &feed.0,
        &memory.health.as_str(),
        &memory.health_since.map(row::ms),
        &memory.patience_until.map(row::ms),
        &moving.map(|moving| moving.to.as_str()),
        &moving.map_or(0, |moving| moving.polls),
        &moving.map(|moving| row::ms(moving.since)),
        &memory.moved_to.as_ref().map(Url::as_str),
        &memory.gone.map_or(0, |gone| gone.polls),
        &memory.gone.map(|gone| row::ms(gone.since)),
        &memory.hints.wait.map(millis),
        &memory.hints.skip_hours,
        &memory.hints.skip_days,
        &memory.full_at.map(row::ms),
        &memory.liar_since.map(row::ms),
        &(memory.trial == Trial::OldValidators),
        &i64::try_from(memory.pace.items_micro).unwrap_or(i64::MAX),
        &i64::try_from(memory.pace.alerts_micro).unwrap_or(i64::MAX),
        &millis(memory.pace.span),
        &memory.pace.at.map(row::ms),
        &millis(memory.pace.longest_gap),
        &memory.pace.gaps,
        &memory.last_new_at.map(row::ms),
        &memory.window_items,
        &memory.rolling,
        &memory.gap_at.map(row::ms),
        &memory.renumbered_at.map(row::ms),
        &memory.silent_since.map(row::ms),
        &memory.hit_at.map(row::ms),
        &memory.answered_by.as_ref().map(Url::as_str),
    ];
    tx.prepare_cached(REMEMBER)?.execute(&values[..])?;
    Ok(())
}

pub(super) fn add_events(tx: &Transaction<'_>, feed: FeedId, events: &[FeedEvent]) -> Result<(), Error> {
    let mut add = tx.prepare_cached(ADD_EVENT)?;
    for event in events {
        // What the operator is not written to about counts as told.
        let told = (!event.kind.is_mailed()).then(|| row::ms(event.at));
        add.execute((feed.0, event.kind.as_str(), row::ms(event.at), event.count, &event.detail, told))?;
    }
    Ok(())
}

/// Reads a row that holds [`COLUMNS`].
pub(super) fn memory(r: &Row<'_>) -> rusqlite::Result<FeedMemory> {
    let health: String = r.get("health")?;
    let known = [Health::Degraded, Health::Failing, Health::Dormant];
    let moving = row::link(r.get("moving_to")?).zip(row::instant(r, "moving_since_at_ms")?);
    let moving_polls = r.get("moving_polls")?;
    let gone_polls = r.get("gone_polls")?;
    Ok(FeedMemory {
        health: known.into_iter().find(|known| known.as_str() == health).unwrap_or_default(),
        health_since: row::instant(r, "health_since_at_ms")?,
        patience_until: row::instant(r, "patience_until_at_ms")?,
        moving: moving.map(|(to, since)| Moving { to, polls: moving_polls, since }),
        moved_to: row::link(r.get("moved_to")?),
        gone: row::instant(r, "gone_since_at_ms")?.map(|since| Gone { polls: gone_polls, since }),
        hints: Hints {
            wait: r.get::<_, Option<i64>>("hint_wait_ms")?.map(duration),
            skip_hours: r.get("hint_skip_hours")?,
            skip_days: r.get("hint_skip_days")?,
        },
        full_at: row::instant(r, "full_at_ms")?,
        liar_since: row::instant(r, "liar_since_at_ms")?,
        trial: if r.get("on_trial")? { Trial::OldValidators } else { Trial::No },
        pace: Pace {
            items_micro: row::count(r, "pace_items_micro")?,
            alerts_micro: row::count(r, "pace_alerts_micro")?,
            span: duration(r.get("pace_span_ms")?),
            at: row::instant(r, "pace_at_ms")?,
            longest_gap: duration(r.get("longest_gap_ms")?),
            gaps: r.get("gaps_seen")?,
            blind: Duration::ZERO,
        },
        last_new_at: row::instant(r, "last_new_at_ms")?,
        window_items: r.get("window_items")?,
        rolling: r.get("rolling")?,
        gap_at: row::instant(r, "gap_at_ms")?,
        renumbered_at: row::instant(r, "renumbered_at_ms")?,
        silent_since: row::instant(r, "silent_since_at_ms")?,
        hit_at: row::instant(r, "hit_at_ms")?,
        stored: Stored::Perhaps,
        answered_by: row::link(r.get("answered_by")?),
    })
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

fn duration(millis: i64) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
