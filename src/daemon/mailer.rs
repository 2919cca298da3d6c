//! The mailer: hands over what waits in the outbox.
//!
//! Data in: outbox rows that are due. Data out: settled rows.
//!
//! **Invariant:** a mail that was handed over is settled before anything else is claimed, however long that takes;
//! it is never sent again because the store was busy.
//! **Invariant:** an SMTP dialogue is never dropped by cancellation; shutdown is looked at
//! between two mails.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Catalog, Hints,
    progress::{Progress, StepError},
};
use crate::{
    clock::{Clock, SLACK},
    mail::{self, Transport},
    model::{LeasedMail, NotificationId, Retry, Settlement, Timestamp, time},
    schedule,
    store::Store,
};

/// Mails claimed at once.
const BATCH: usize = 32;
/// How long a claim holds. Longer than the slowest dialogue, so that nothing is sent twice by one process.
const LEASE: Duration = Duration::from_secs(60 * 60);
/// No mail is begun when less than this is left of its claim: the sum of all time limits of one SMTP dialogue.
const SLOWEST_DIALOGUE: Duration = Duration::from_secs(25 * 60);
/// First wait after a passing failure; it doubles up to [`BACKOFF_CAP`].
const BACKOFF_BASE: Duration = Duration::from_secs(60);
const BACKOFF_CAP: Duration = Duration::from_secs(4 * 3_600);
/// After an attempt whose end is unknown: the server may still be storing the mail.
const AFTER_AMBIGUITY: Duration = Duration::from_secs(10 * 60);
/// While the server refuses us as a whole, it is asked again this often.
const HOLD: Duration = Duration::from_secs(5 * 60);
/// No mail waits longer than this for its next attempt, unless the clock was set back.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(5 * 3_600);
/// A mail that could not be handed over for this long is given up (RFC 5321 §4.5.4.1: four to five days).
const GIVE_UP_AFTER: Duration = Duration::from_secs(5 * 86_400);

/// See the module.
#[derive(Debug)]
pub struct Mailer {
    store: Store,
    clock: Clock,
    hints: Hints,
    catalogs: watch::Receiver<Arc<Catalog>>,
    transport: Option<Transport>,
    leased: VecDeque<LeasedMail>,
    unsettled: Vec<(NotificationId, Settlement)>,
    held_until: Option<Timestamp>,
    /// The `now` of the last step.
    seen: Timestamp,
}

impl Mailer {
    /// A mailer over the outbox of `store`.
    pub fn new(store: Store, clock: Clock, hints: Hints, catalogs: watch::Receiver<Arc<Catalog>>) -> Self {
        let seen = clock.now();
        Self {
            store,
            clock,
            hints,
            catalogs,
            transport: None,
            leased: VecDeque::new(),
            unsettled: Vec::new(),
            held_until: None,
            seen,
        }
    }

    /// Hands over one mail, claiming the next batch when none is left.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn step(&mut self, now: Timestamp) -> Result<Progress, StepError> {
        self.adopt_catalog();
        self.settle_all().await?;
        self.follow_clock(now).await?;
        if let Some(until) = self.held_until.filter(|until| *until > now) {
            self.release().await?;
            return Ok(Progress::Idle { until: Some(until) });
        }
        if self.leased.front().is_some_and(|leased| now > time::before(leased.lease_until, SLOWEST_DIALOGUE))
        {
            self.release().await?;
        }
        if self.leased.is_empty() {
            self.leased = self.store.lease_mail(now, time::after(now, LEASE), BATCH).await?.into();
        }
        let Some(leased) = self.leased.pop_front() else {
            self.finish().await;
            return Ok(Progress::Idle { until: self.store.next_mail_at().await? });
        };
        let settlement = self.send(&leased).await;
        self.unsettled.push((leased.mail.id, settlement));
        self.settle_all().await?;
        Ok(Progress::Worked)
    }

    /// Gives back what is claimed and not begun, closes the connection, and settles what is left to settle.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn drain(&mut self) -> Result<(), StepError> {
        self.finish().await;
        self.settle_all().await?;
        self.release().await
    }

    /// Runs [`Mailer::step`] until `soft` is cancelled.
    ///
    /// # Errors
    /// When going on makes no sense: see [`StepError::retry`].
    pub async fn run(mut self, soft: CancellationToken, pulse: super::Pulse) -> Result<(), StepError> {
        let hints = self.hints.clone();
        let mut catalogs = self.catalogs.clone();
        while !soft.is_cancelled() {
            let hint = hints.outbox.notified();
            let until = pulse.after(self.step(self.clock.now()).await)?;
            tokio::select! {
                () = pulse.rest(until) => {}
                () = hint => {}
                _ = catalogs.changed() => {}
                () = soft.cancelled() => {}
            }
        }
        self.drain().await
    }

    /// When the clock was set back, what waits is tried at once rather than when the clock is where it was.
    async fn follow_clock(&mut self, now: Timestamp) -> Result<(), StepError> {
        if now < time::before(self.seen, SLACK) {
            self.held_until = None;
            let hurried = self.store.hurry_mail(now, now).await?;
            tracing::warn!(mails.hurried = hurried, "the clock was set back; mail that waits is tried now");
        }
        self.seen = now;
        Ok(())
    }

    async fn release(&mut self) -> Result<(), StepError> {
        let left: Vec<NotificationId> = self.leased.drain(..).map(|leased| leased.mail.id).collect();
        if left.is_empty() { Ok(()) } else { Ok(self.store.release_mail(self.clock.now(), left).await?) }
    }

    fn adopt_catalog(&mut self) {
        if self.transport.is_none() || self.catalogs.has_changed().unwrap_or(false) {
            let catalog = self.catalogs.borrow_and_update().clone();
            self.transport = Some(catalog.transport.open());
            self.held_until = None;
        }
    }

    async fn finish(&mut self) {
        if let Some(transport) = &mut self.transport {
            transport.finish().await;
        }
    }

    async fn settle_all(&mut self) -> Result<(), StepError> {
        while let Some((id, settlement)) = self.unsettled.first().cloned() {
            self.store.settle_mail(self.clock.now(), id, settlement).await?;
            self.unsettled.remove(0);
        }
        Ok(())
    }

    async fn send(&mut self, leased: &LeasedMail) -> Settlement {
        let Some(transport) = &mut self.transport else {
            return Settlement::Deferred { until: self.clock.now(), reason: "no transport yet".to_owned() };
        };
        let mail = &leased.mail;
        match transport.send(mail).await {
            Ok(accepted) => {
                self.held_until = None;
                tracing::info!(mail.id = %mail.id, mail.kind = mail.kind.as_str(), mail.to = %mail.to,
                    mail.attempt = leased.attempt, "mail handed over");
                Settlement::Sent { reply: accepted.reply }
            }
            Err(error) => self.failed(leased, &error),
        }
    }

    fn failed(&mut self, leased: &LeasedMail, error: &mail::Error) -> Settlement {
        let (mail, now) = (&leased.mail, self.clock.now());
        let reason = error.to_string();
        let given_up = time::between(mail.created_at, now) >= GIVE_UP_AFTER;
        let (retry, wait) = match error.retry() {
            Retry::Hold => {
                self.held_until = Some(time::after(now, HOLD));
                (Retry::Hold, HOLD)
            }
            retry if matches!(error, mail::Error::Ambiguous { .. }) => (retry, AFTER_AMBIGUITY),
            retry => {
                let seed = xxhash_rust::xxh3::xxh3_64(mail.id.0.as_bytes());
                (retry, schedule::backoff(leased.attempt, BACKOFF_BASE, BACKOFF_CAP, seed))
            }
        };
        match retry {
            Retry::Backoff if !given_up => {
                tracing::warn!(mail.id = %mail.id, mail.to = %mail.to, mail.attempt = leased.attempt,
                    retry.after_s = wait.as_secs(), error = %reason, "mail not handed over; it is tried again");
                Settlement::Deferred { until: time::after(now, wait), reason }
            }
            Retry::Hold => {
                tracing::error!(error = %reason, retry.after_s = wait.as_secs(),
                    "the mail server refuses us; all mail waits until this is mended");
                Settlement::Deferred { until: time::after(now, wait), reason }
            }
            Retry::Backoff | Retry::Never => {
                tracing::error!(mail.id = %mail.id, mail.to = %mail.to, mail.attempt = leased.attempt,
                    error = %reason, "mail given up; see `wirewatch outbox list --state dead`");
                Settlement::Dead { reason }
            }
        }
    }
}
