//! Stories that recipients muted, and the tokens by which the mail itself lets them.
//!
//! A token is `<story>-<26 characters>`: the story's number and 128 bits of HMAC-SHA-256 over story and recipient, under
//! a key that never leaves the store. It names nobody; whose it is is found by trying who was mailed the story.
//!
//! **Invariant:** [`Orders`] write nothing but mutes: they may work beside a daemon, which takes them up with its next plan.
//!
//! Rejected: a token with the address in it, which would end up in logs and subjects of mail.

use std::{path::Path, time::Duration};

use aws_lc_rs::{constant_time, hmac};
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior};

use super::{DATABASE, Error, Store, connect, migrate, row};
use crate::model::{Mute, NotificationId, Recipient, StoryId, Timestamp, time};

/// Longest mute: stories are not remembered longer than a few years.
pub const MAX_MUTE: Duration = Duration::from_secs(10 * 365 * 86_400);
/// Most mutes listed.
pub const MAX_MUTES: usize = 10_000;
/// Bytes of the signature that a token carries.
const SIGNATURE_BYTES: usize = 16;
/// Stands for everybody in the table.
const EVERYBODY: &str = "*";

/// Whom a mute is for, and of which story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoSuch {
    /// No story of this number is stored.
    Story,
    /// No mail of this id names a story.
    Mail,
    /// The token is not one of this store's, or its story is gone.
    Token,
}

impl Store {
    /// The tokens that mute these stories for `recipient`, in the same order.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn mute_tokens(
        &self,
        recipient: &Recipient,
        stories: Vec<StoryId>,
    ) -> Result<Vec<(StoryId, String)>, Error> {
        let recipient = recipient.clone();
        self.read(move |tx| {
            let key = key(tx)?;
            let token = |story: &StoryId| (*story, token(&key, *story, recipient.address()));
            Ok(stories.iter().map(token).collect())
        })
        .await
    }

    /// Mutes in force at `now`, those that end first first, at most [`MAX_MUTES`].
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn mutes(&self, now: Timestamp) -> Result<Vec<Mute>, Error> {
        self.read(move |tx| mutes(tx, now)).await
    }
}

/// What commands may write beside a running daemon.
#[derive(Debug)]
pub struct Orders {
    connection: Connection,
}

impl Orders {
    /// Opens the store in `dir`, which must exist and have this program's schema.
    ///
    /// # Errors
    /// [`Error::Open`] when there is no database yet; [`Error::Newer`]; [`Error::Outdated`] when the daemon has not
    /// brought it up to date yet.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        let connection = connect(&dir.join(DATABASE), OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        migrate::refuse_other(&connection)?;
        Ok(Self { connection })
    }

    /// Mutes a story until `until`: for one recipient, or for everybody. An earlier mute is replaced.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn mute(&mut self, now: Timestamp, mute: &Mute) -> Result<Result<(), NoSuch>, Error> {
        self.transact(|tx| {
            let known: bool =
                tx.query_row("SELECT EXISTS (SELECT 1 FROM story WHERE id = ?1)", [mute.story.0], |r| {
                    r.get(0)
                })?;
            if !known {
                return Ok(Err(NoSuch::Story));
            }
            set(tx, now, mute)?;
            Ok(Ok(()))
        })
    }

    /// The stories of a mail and its recipient.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn of_mail(
        &mut self,
        mail: &NotificationId,
    ) -> Result<Result<(Recipient, Vec<StoryId>), NoSuch>, Error> {
        self.transact(|tx| {
            let mut statement = tx.prepare_cached(
                "SELECT recipient, story_id FROM notification JOIN mail_story ON mail_id = id WHERE id = ?1
                 ORDER BY story_id",
            )?;
            let mut rows = statement.query([&mail.0])?;
            let (mut recipient, mut stories) = (None, Vec::new());
            while let Some(r) = rows.next()? {
                recipient = Some(row::recipient(&r.get::<_, String>(0)?)?);
                stories.push(StoryId(r.get(1)?));
            }
            Ok(recipient.map(|recipient| (recipient, stories)).ok_or(NoSuch::Mail))
        })
    }

    /// Whose token it is, and for which story.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn of_token(&mut self, typed: &str) -> Result<Result<(Recipient, StoryId), NoSuch>, Error> {
        self.transact(|tx| {
            let Some(story) = typed.split_once('-').and_then(|(story, _)| story.parse().ok()).map(StoryId) else {
                return Ok(Err(NoSuch::Token));
            };
            let key = key(tx)?;
            let mut statement = tx.prepare_cached(
                "SELECT DISTINCT recipient FROM mail_story JOIN notification ON id = mail_id WHERE story_id = ?1",
            )?;
            let mut rows = statement.query([story.0])?;
            while let Some(r) = rows.next()? {
                let address: String = r.get(0)?;
                let right = token(&key, story, &address);
                let typed = typed.to_ascii_lowercase();
                if constant_time::verify_slices_are_equal(right.as_bytes(), typed.as_bytes()).is_ok() {
                    return Ok(Ok((row::recipient(&address)?, story)));
                }
            }
            Ok(Err(NoSuch::Token))
        })
    }

    /// Takes mutes of a story back: those of one recipient, or all of them. Returns how many there were.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn unmute(&mut self, story: StoryId, recipient: Option<&Recipient>) -> Result<usize, Error> {
        let who = recipient.map(|recipient| recipient.address().to_owned());
        self.transact(|tx| {
            Ok(tx.execute(
                "DELETE FROM muted WHERE story_id = ?1 AND (?2 IS NULL OR recipient = ?2)",
                (story.0, &who),
            )?)
        })
    }

    fn transact<T>(&mut self, job: impl FnOnce(&Transaction<'_>) -> Result<T, Error>) -> Result<T, Error> {
        let tx = self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let done = job(&tx)?;
        tx.commit()?;
        Ok(done)
    }
}

fn set(tx: &Transaction<'_>, now: Timestamp, mute: &Mute) -> Result<(), Error> {
    let who = mute.recipient.as_ref().map_or(EVERYBODY, Recipient::address);
    tx.execute(
        "INSERT INTO muted (recipient, story_id, until_ms, muted_at_ms) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (recipient, story_id) DO UPDATE
         SET until_ms = excluded.until_ms, muted_at_ms = excluded.muted_at_ms",
        (who, mute.story.0, row::ms(mute.until), row::ms(now)),
    )?;
    Ok(())
}

pub(super) fn mutes(tx: &Transaction<'_>, now: Timestamp) -> Result<Vec<Mute>, Error> {
    let mut statement = tx.prepare_cached(
        "SELECT recipient, story_id, until_ms FROM muted WHERE until_ms > ?1 ORDER BY until_ms, story_id LIMIT ?2",
    )?;
    let mut rows = statement.query((row::ms(now), row::limit(MAX_MUTES)))?;
    let mut found = Vec::new();
    while let Some(r) = rows.next()? {
        let who: String = r.get(0)?;
        let recipient = if who == EVERYBODY { None } else { Some(row::recipient(&who)?) };
        found.push(Mute { recipient, story: StoryId(r.get(1)?), until: time::from_millis(r.get(2)?) });
    }
    Ok(found)
}

fn key(tx: &Transaction<'_>) -> Result<hmac::Key, Error> {
    let bytes: Vec<u8> =
        tx.prepare_cached("SELECT value FROM meta WHERE key = 'mute_key'")?.query_row([], |r| r.get(0))?;
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &bytes))
}

/// Small letters and digits only, so that it survives a local part, whatever a mail program does to its case.
fn token(key: &hmac::Key, story: StoryId, address: &str) -> String {
    let tag = hmac::sign(key, format!("mute\n{}\n{}", story.0, address.to_ascii_lowercase()).as_bytes());
    let bytes = tag.as_ref().get(..SIGNATURE_BYTES).unwrap_or_default();
    let number = bytes.iter().fold(0_u128, |number, byte| (number << 8) | u128::from(*byte));
    format!("{}-{}", story.0, row::base32(number))
}
