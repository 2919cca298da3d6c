//! Between rows and domain values: the shapes that never leave the store.

use std::sync::Arc;

use rusqlite::Row;
use serde::{Deserialize, Serialize};
use url::Url;

use super::Error;
use crate::model::{
    ClauseHit, Field, KeyKind, MailState, Match, NotificationKind, Recipient, Timestamp, TopicName, time,
};

/// Unix milliseconds, the only form an instant has in the database.
pub(super) fn ms(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// A column that may be NULL.
pub(super) fn instant(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(time::from_millis))
}

/// Row counts and the like; negative values do not occur.
pub(super) fn count(row: &Row<'_>, column: &str) -> rusqlite::Result<u64> {
    Ok(u64::try_from(row.get::<_, i64>(column)?).unwrap_or(0))
}

/// A `LIMIT` value.
pub(super) fn limit(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// A value we wrote that cannot be read back: the file was changed by someone else.
pub(super) fn foreign(what: &'static str) -> Error {
    Error::Damaged(format!("unreadable {what}").into())
}

pub(super) fn link(text: Option<String>) -> Option<Url> {
    text.and_then(|text| Url::parse(&text).ok())
}

pub(super) fn recipient(text: &str) -> Result<Recipient, Error> {
    Recipient::parse(text).map_err(|_| foreign("recipient"))
}

/// 26 characters `0-9a-z`, the lowest five bits first.
pub(super) fn base32(number: u128) -> String {
    const DIGITS: [char; 32] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'j', 'k',
        'm', 'n', 'p', 'q', 'r', 's', 't', 'v', 'w', 'x', 'y', 'z',
    ];
    let mut rest = number;
    let mut text = String::with_capacity(26);
    for _ in 0..26 {
        let digit = usize::try_from(rest & 31).unwrap_or(0);
        text.extend(DIGITS.get(digit));
        rest >>= 5;
    }
    text
}

pub(super) fn kind_code(kind: KeyKind) -> i64 {
    match kind {
        KeyKind::GuidLink => 1,
        KeyKind::GuidTitle => 2,
        KeyKind::GuidDate => 3,
        KeyKind::LinkTitle => 4,
        KeyKind::LinkDate => 5,
        KeyKind::TitleDate => 6,
        KeyKind::Sole => 7,
    }
}

pub(super) fn mail_state(text: &str) -> Result<MailState, Error> {
    [MailState::Queued, MailState::Leased, MailState::Sent, MailState::Dead]
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or_else(|| foreign("mail state"))
}

pub(super) fn notification_kind(text: &str) -> Result<NotificationKind, Error> {
    NotificationKind::ALL
        .into_iter()
        .find(|kind| kind.as_str() == text)
        .ok_or_else(|| foreign("notification kind"))
}

#[derive(Serialize, Deserialize)]
struct HitRow {
    clause: String,
    field: String,
    start: usize,
    end: usize,
}

pub(super) fn hits_to_json(hits: &[ClauseHit]) -> Result<String, Error> {
    let rows: Vec<HitRow> = hits
        .iter()
        .map(|hit| HitRow {
            clause: hit.clause.to_string(),
            field: hit.field.as_str().to_owned(),
            start: hit.span.start,
            end: hit.span.end,
        })
        .collect();
    serde_json::to_string(&rows).map_err(|e| Error::Sqlite(Box::new(e)))
}

/// The lines of a column that holds one value a line.
pub(super) fn lines(text: &str) -> Vec<String> {
    text.lines().map(str::to_owned).collect()
}

/// The part of an item by its stored name; one that a later version knows counts as text.
fn field(name: &str) -> Field {
    use Field::{Author, Content, Feed, Lang, Link, Summary, Tags, Title};
    let known = [Title, Summary, Content, Link, Feed, Author, Tags, Lang];
    known.into_iter().find(|field| field.as_str() == name).unwrap_or(Content)
}

/// A match out of its columns `topic`, `revision`, `hits`.
pub(super) fn match_from(topic: &str, revision: i64, hits: &str) -> Result<Match, Error> {
    let rows: Vec<HitRow> = serde_json::from_str(hits).map_err(|_| foreign("match"))?;
    let hits = rows
        .into_iter()
        .map(|row| ClauseHit {
            clause: Arc::from(row.clause),
            field: field(&row.field),
            span: row.start..row.end,
        })
        .collect();
    Ok(Match { topic: TopicName::new(topic), revision, hits })
}
