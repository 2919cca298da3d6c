//! Transaction 3 and what surrounds it: claim a mail, settle the attempt, list the outbox.
//!
//! **Invariant:** alerts, updates and roll-ups are claimed only when every earlier one to the same recipient that tells of one
//! of their stories has left the outbox, sent or given up: nothing overtakes the alert it follows up on.
//!
//! Rejected: to hold back what answers a queued mail. A roll-up with news of a story answers none, since it tells of several.

use rusqlite::{OptionalExtension, Row};

use super::{Error, Store, row};
use crate::model::{
    LeasedMail, MailState, NotificationId, OutboundMail, OutboxReport, Settlement, SubscriptionName,
    Timestamp, time,
};

/// Mails that may leave: none before them is in their way.
macro_rules! free_to_leave {
    () => {
        "state IN ('queued', 'leased') AND (kind = 'digest' OR NOT EXISTS (
            SELECT 1 FROM mail_story AS mine JOIN mail_story AS theirs ON theirs.story_id = mine.story_id
            JOIN notification AS earlier ON earlier.id = theirs.mail_id
            WHERE mine.mail_id = mail.id AND earlier.seq < mail.seq AND earlier.recipient = mail.recipient
                AND earlier.kind <> 'digest' AND earlier.state IN ('queued', 'leased')))"
    };
}
/// Due mails in the order in which they are claimed: `?1` is now.
const DUE: &str = concat!(
    "SELECT seq FROM notification AS mail WHERE next_attempt_at_ms <= ?1 AND ",
    free_to_leave!(),
    " ORDER BY next_attempt_at_ms, seq LIMIT ?3"
);
const NEXT_DUE: &str = concat!(
    "SELECT next_attempt_at_ms FROM notification AS mail WHERE ",
    free_to_leave!(),
    " ORDER BY next_attempt_at_ms LIMIT 1"
);

impl Store {
    /// Claims up to `limit` mails that are due at `now`, oldest first, until `lease_until`. The attempt is counted
    /// by the claim. A mail whose earlier lease has run out is due again. One about a story of which the recipient has not
    /// got an earlier mail yet waits for that.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn lease_mail(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        limit: usize,
    ) -> Result<Vec<LeasedMail>, Error> {
        self.write(move |tx| {
            let mut statement = tx.prepare_cached(&format!(
                "UPDATE notification SET state = 'leased', attempts = attempts + 1, next_attempt_at_ms = ?2
                 WHERE seq IN ({DUE})
                 RETURNING seq, id, kind, subscription, recipient, subject, body_text, body_html, created_at_ms,
                           attempts, in_reply_to"
            ))?;
            let mut rows = statement.query((row::ms(now), row::ms(lease_until), row::limit(limit)))?;
            let mut leased: Vec<(i64, LeasedMail)> = Vec::new();
            while let Some(r) = rows.next()? {
                let mail = outbound(r)?;
                leased.push((r.get("seq")?, LeasedMail { mail, attempt: r.get("attempts")?, lease_until }));
            }
            leased.sort_by_key(|(seq, _)| *seq);
            Ok(leased.into_iter().map(|(_, mail)| mail).collect())
        })
        .await
    }

    /// Records how an attempt ended. A mail that is no longer leased (its lease ran out and another attempt settled
    /// it) stays as it is.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn settle_mail(
        &self,
        now: Timestamp,
        id: NotificationId,
        settlement: Settlement,
    ) -> Result<(), Error> {
        self.write(move |tx| {
            let (state, settled, next, note) = match &settlement {
                Settlement::Sent { reply } => (MailState::Sent, Some(row::ms(now)), row::ms(now), reply),
                Settlement::Deferred { until, reason } => (MailState::Queued, None, row::ms(*until), reason),
                Settlement::Dead { reason } => (MailState::Dead, Some(row::ms(now)), row::ms(now), reason),
            };
            tx.prepare_cached(
                "UPDATE notification SET state = ?2, settled_at_ms = ?3, next_attempt_at_ms = ?4, note = ?5
                 WHERE id = ?1 AND state = 'leased'",
            )?
            .execute((&id.0, state.as_str(), settled, next, note))?;
            Ok(())
        })
        .await
    }

    /// Gives a claimed mail back unattempted: it is due again at once and the attempt is not counted.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn release_mail(&self, now: Timestamp, ids: Vec<NotificationId>) -> Result<(), Error> {
        self.write(move |tx| {
            let mut release = tx.prepare_cached(
                "UPDATE notification SET state = 'queued', attempts = attempts - 1, next_attempt_at_ms = ?2
                 WHERE id = ?1 AND state = 'leased'",
            )?;
            for id in &ids {
                release.execute((&id.0, row::ms(now)))?;
            }
            Ok(())
        })
        .await
    }

    /// Makes every claim of earlier processes due at once: called when the store was just opened for writing, so no
    /// other process can hold one. Returns how many there were.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn release_leases(&self, now: Timestamp) -> Result<usize, Error> {
        self.write(move |tx| {
            let released = tx
                .prepare_cached("UPDATE notification SET state = 'queued', next_attempt_at_ms = ?1 WHERE state = 'leased'")?
                .execute([row::ms(now)])?;
            Ok(released)
        })
        .await
    }

    /// Makes mails that wait for longer than `later_than` due at `now`: what was scheduled before the clock was set back
    /// would wait until it is where it was. Returns how many there were.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn hurry_mail(&self, now: Timestamp, later_than: Timestamp) -> Result<usize, Error> {
        self.write(move |tx| {
            let hurried = tx
                .prepare_cached(
                    "UPDATE notification SET next_attempt_at_ms = ?1
                     WHERE state = 'queued' AND next_attempt_at_ms > ?2",
                )?
                .execute((row::ms(now), row::ms(later_than)))?;
            Ok(hurried)
        })
        .await
    }

    /// One rendered mail, whatever its state; bodies are empty once pruned.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn mail(&self, id: NotificationId) -> Result<Option<OutboundMail>, Error> {
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(
                "SELECT id, kind, subscription, recipient, subject, body_text, body_html, created_at_ms, in_reply_to
                 FROM notification WHERE id = ?1",
            )?;
            let mut rows = statement.query([&id.0])?;
            rows.next()?.map(outbound).transpose()
        })
        .await
    }

    /// When the next mail can be claimed, if any waits: those that wait for another one come after it.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn next_mail_at(&self) -> Result<Option<Timestamp>, Error> {
        self.read(move |tx| {
            let next: Option<i64> = tx.prepare_cached(NEXT_DUE)?.query_row([], |r| r.get(0)).optional()?;
            Ok(next.map(time::from_millis))
        })
        .await
    }

    /// The newest outbox rows, newest first; only those in `state` when given.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn outbox(&self, state: Option<MailState>, limit: usize) -> Result<Vec<OutboxReport>, Error> {
        self.read(move |tx| {
            let mut statement = tx.prepare_cached(
                "SELECT id, kind, state, recipient, subject, attempts, created_at_ms, next_attempt_at_ms,
                        settled_at_ms, note
                 FROM notification WHERE ?1 IS NULL OR state = ?1 ORDER BY seq DESC LIMIT ?2",
            )?;
            let mut rows = statement.query((state.map(MailState::as_str), row::limit(limit)))?;
            let mut reports = Vec::new();
            while let Some(r) = rows.next()? {
                reports.push(report(r)?);
            }
            Ok(reports)
        })
        .await
    }
}

fn outbound(r: &Row<'_>) -> Result<OutboundMail, Error> {
    Ok(OutboundMail {
        id: NotificationId(r.get("id")?),
        kind: row::notification_kind(&r.get::<_, String>("kind")?)?,
        subscription: SubscriptionName::new(&r.get::<_, String>("subscription")?),
        to: row::recipient(&r.get::<_, String>("recipient")?)?,
        subject: r.get("subject")?,
        text: r.get("body_text")?,
        html: r.get("body_html")?,
        created_at: time::from_millis(r.get("created_at_ms")?),
        in_reply_to: r.get::<_, Option<String>>("in_reply_to")?.map(NotificationId),
    })
}

pub(super) fn report(r: &Row<'_>) -> Result<OutboxReport, Error> {
    let state = row::mail_state(&r.get::<_, String>("state")?)?;
    Ok(OutboxReport {
        id: NotificationId(r.get("id")?),
        kind: row::notification_kind(&r.get::<_, String>("kind")?)?.as_str(),
        state,
        to: row::recipient(&r.get::<_, String>("recipient")?)?,
        subject: r.get("subject")?,
        attempts: r.get("attempts")?,
        created_at: time::from_millis(r.get("created_at_ms")?),
        next_attempt_at: match state {
            MailState::Queued | MailState::Leased => row::instant(r, "next_attempt_at_ms")?,
            MailState::Sent | MailState::Dead => None,
        },
        sent_at: match state {
            MailState::Sent => row::instant(r, "settled_at_ms")?,
            _ => None,
        },
        note: r.get("note")?,
    })
}
