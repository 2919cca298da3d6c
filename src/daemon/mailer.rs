//! The mailer: hands over what waits in the outbox.
//!
//! Data in: outbox rows that are due. Data out: settled rows.
//!
//! **Invariant:** a mail that was handed over is settled before anything else is claimed, however long that takes;
//! it is never sent again because the store was busy.
//! **Invariant:** an SMTP dialogue is never dropped by cancellation; shutdown is looked at
//! between two mails.
//! **Invariant:** a recipient whose mail hangs delays the others by no more than [`PATIENCE`]; up to [`MAX_SLOW`]
//! such mails are waited for aside, each on its own connection.
//! **Invariant:** no refusal makes a dead letter before the server has taken another mail since: a server that refuses
//! everything gets everything later.
//!
//! Rejected: several connections from the start. One takes thousands of mails a minute, and a server that
//! limits connections has no reason to complain.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    future::Future,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, StreamExt, stream::FuturesUnordered};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Catalog, Hints, one_line,
    progress::{Progress, StepError},
};
use crate::{
    clock::{Clock, SLACK},
    mail::{self, Accepted, Transport},
    model::{LeasedMail, NotificationId, Recipient, Retry, Settlement, Timestamp, time},
    schedule,
    store::Store,
};

/// Mails claimed at once.
const BATCH: usize = 32;
/// How long a claim holds. Longer than the slowest dialogue, so that nothing is sent twice by one process.
const LEASE: Duration = Duration::from_secs(60 * 60);
/// No mail is begun when less than this is left of its claim: the sum of all time limits of one SMTP dialogue.
const SLOWEST_DIALOGUE: Duration = Duration::from_secs(25 * 60);
/// First wait after an attempt whose end is unknown, and for mails behind one that hangs: the server may still be
/// storing the mail.
const AFTER_AMBIGUITY: Duration = Duration::from_secs(10 * 60);
/// While the server refuses us as a whole, it is asked again this often.
const HOLD: Duration = Duration::from_secs(5 * 60);
/// No mail waits longer than this for its next attempt, unless the clock was set back.
pub(super) const LONGEST_WAIT: Duration = Duration::from_secs(5 * 3_600);
/// A mail that could not be handed over for this long is given up (RFC 5321 §4.5.4.1: four to five days).
const GIVE_UP_AFTER: Duration = Duration::from_secs(5 * 86_400);
/// A mail that takes longer than this is waited for aside while others go on.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Mails waited for aside; one more, and nothing goes on before one of them ends.
pub const MAX_SLOW: usize = 4;
/// So many recipients refused in a row, none taken, is not about the recipients: all mail is held.
pub const REFUSED_IN_A_ROW: usize = 3;

/// A mail on its way, with the connection it is on.
type Handover = Pin<Box<dyn Future<Output = Handed> + Send>>;

/// A mail whose dialogue has ended.
struct Handed {
    transport: Transport,
    leased: LeasedMail,
    outcome: Result<Accepted, mail::Error>,
}

/// See the module.
#[derive(Debug)]
pub struct Mailer {
    store: Store,
    clock: Clock,
    hints: Hints,
    catalogs: watch::Receiver<Arc<Catalog>>,
    transport: Option<Transport>,
    leased: VecDeque<LeasedMail>,
    /// Waited for aside.
    slow: FuturesUnordered<Handover>,
    /// To whom those are.
    slow_to: HashSet<Recipient>,
    unsettled: Vec<(NotificationId, Settlement)>,
    held_until: Option<Timestamp>,
    /// The `now` of the last step.
    seen: Timestamp,
    /// Mails taken by this mailer.
    taken: u64,
    /// Mails refused for good, with what was taken before the first refusal.
    refused: HashMap<NotificationId, u64>,
    /// Recipients refused for good since a mail was taken.
    refused_in_a_row: HashSet<Recipient>,
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
            slow: FuturesUnordered::new(),
            slow_to: HashSet::new(),
            unsettled: Vec::new(),
            held_until: None,
            seen,
            taken: 0,
            refused: HashMap::new(),
            refused_in_a_row: HashSet::new(),
        }
    }

    /// Hands over one mail, claiming the next batch when none is left.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn step(&mut self, now: Timestamp) -> Result<Progress, StepError> {
        self.adopt_catalog();
        while let Some(Some(handed)) = self.slow.next().now_or_never() {
            self.conclude(handed);
        }
        self.settle_all().await?;
        self.follow_clock(now).await?;
        self.held_until = self.held_until.filter(|until| *until > now);
        if let Some(until) = self.held_until {
            self.release().await?;
            return Ok(Progress::Idle { until: Some(until) });
        }
        if self.leased.front().is_some_and(|leased| now > time::before(leased.lease_until, SLOWEST_DIALOGUE))
        {
            self.release().await?;
        }
        if self.leased.is_empty() {
            let mut leased = self.store.lease_mail(now, time::after(now, LEASE), BATCH).await?;
            // What failed before must not keep what is new waiting.
            leased.sort_by_key(|leased| leased.attempt > 1);
            self.leased = leased.into();
        }
        let Some(leased) = self.leased.pop_front() else {
            self.finish().await;
            return Ok(Progress::Idle { until: self.store.next_mail_at().await? });
        };
        if self.slow_to.contains(&leased.mail.to) {
            self.unsettled.push((leased.mail.id, behind(time::after(now, AFTER_AMBIGUITY))));
        } else if let Some(handed) = self.hand_over(leased).await {
            self.conclude_here(handed);
        }
        self.settle_all().await?;
        Ok(Progress::Worked)
    }

    /// Gives back what is claimed and not begun, waits for what is begun, closes the connection, and settles what is left
    /// to settle.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn drain(&mut self) -> Result<(), StepError> {
        self.finish().await;
        self.settle_all().await?;
        self.release().await?;
        while let Some(handed) = self.slow.next().await {
            self.conclude(handed);
            self.settle_all().await?;
        }
        Ok(())
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
                Some(handed) = self.slow.next() => self.conclude(handed),
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
        if self.catalogs.has_changed().unwrap_or(false) {
            self.transport = None;
            self.held_until = None;
        }
        if self.transport.is_none() {
            self.transport = Some(self.catalogs.borrow_and_update().transport.open());
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

    /// Sends one mail; `None` when it takes too long and is waited for aside.
    async fn hand_over(&mut self, leased: LeasedMail) -> Option<Handed> {
        let mut transport = self.transport.take()?;
        let (id, to) = (leased.mail.id.clone(), leased.mail.to.clone());
        let mut handover: Handover = Box::pin(async move {
            let outcome = transport.send(&leased.mail).await;
            Handed { transport, leased, outcome }
        });
        tokio::select! {
            biased;
            handed = &mut handover => return Some(handed),
            () = self.clock.sleep_until(time::after(self.clock.now(), PATIENCE)) => {}
        }
        tracing::warn!(mail.id = %id, mail.to = %to, "the mail server takes its time with the mail to {to}; other mail goes on");
        if self.slow.len() >= MAX_SLOW {
            tokio::select! {
                handed = &mut handover => return Some(handed),
                Some(ended) = self.slow.next() => self.conclude(ended),
            }
        }
        self.slow.push(handover);
        self.slow_to.insert(to);
        None
    }

    /// Notes how a mail ended that was waited for aside. Its connection is closed.
    fn conclude(&mut self, handed: Handed) {
        self.slow_to.remove(&handed.leased.mail.to);
        self.note(&handed.leased, handed.outcome);
    }

    /// Notes how a mail ended, and keeps its connection for the next.
    fn conclude_here(&mut self, handed: Handed) {
        self.transport = Some(handed.transport);
        self.note(&handed.leased, handed.outcome);
    }

    fn note(&mut self, leased: &LeasedMail, outcome: Result<Accepted, mail::Error>) {
        let mail = &leased.mail;
        let settlement = match outcome {
            Ok(accepted) => {
                self.held_until = None;
                self.taken = self.taken.saturating_add(1);
                self.refused.remove(&mail.id);
                self.refused_in_a_row.clear();
                tracing::info!(mail.id = %mail.id, mail.kind = mail.kind.as_str(), mail.to = %mail.to,
                    mail.attempt = leased.attempt, "mail handed over to {}: {}", mail.to, mail.id);
                Settlement::Sent { reply: accepted.reply }
            }
            Err(error) => self.failed(leased, &error),
        };
        if let Settlement::Deferred { until, .. } = &settlement
            && self.held_until.is_none()
        {
            // Mails to one recipient keep their order.
            let (waiting, others) = self.leased.drain(..).partition(|other| other.mail.to == mail.to);
            self.leased = others;
            let waiting: VecDeque<LeasedMail> = waiting;
            self.unsettled.extend(waiting.into_iter().map(|other| (other.mail.id, behind(*until))));
        }
        self.unsettled.push((mail.id.clone(), settlement));
    }

    fn failed(&mut self, leased: &LeasedMail, error: &mail::Error) -> Settlement {
        let (mail, now) = (&leased.mail, self.clock.now());
        let reason = error.to_string();
        let given_up = time::between(mail.created_at, now) >= GIVE_UP_AFTER;
        let seed = xxhash_rust::xxh3::xxh3_64(mail.id.0.as_bytes());
        let wait = |base, cap| schedule::backoff(leased.attempt, base, cap, seed);
        let (retry, wait) = match self.retry(leased, error) {
            Retry::Hold => (Retry::Hold, HOLD),
            retry if matches!(error, mail::Error::Ambiguous { .. }) => {
                (retry, wait(AFTER_AMBIGUITY, schedule::MAIL_BACKOFF_CAP).max(AFTER_AMBIGUITY))
            }
            retry if error.concerns_server() => (retry, wait(schedule::MAIL_BACKOFF_BASE, HOLD)),
            retry => (retry, wait(schedule::MAIL_BACKOFF_BASE, schedule::MAIL_BACKOFF_CAP)),
        };
        let until = time::after(now, wait);
        match retry {
            Retry::Backoff if !given_up => {
                // Whoever the next mail is to, it would fare the same.
                self.held_until = Some(until).filter(|_| error.concerns_server()).or(self.held_until);
                tracing::warn!(mail.id = %mail.id, mail.to = %mail.to, mail.attempt = leased.attempt,
                    retry.after_s = wait.as_secs(),
                    "mail to {} not handed over, tried again in {} s: {}", mail.to, wait.as_secs(), one_line(&reason));
                Settlement::Deferred { until, reason }
            }
            Retry::Hold => {
                self.held_until = Some(until);
                tracing::error!(
                    retry.after_s = wait.as_secs(),
                    recipients.refused = self.refused_in_a_row.len(),
                    "the mail server refuses us, all mail waits until this is mended: {}",
                    one_line(&reason)
                );
                Settlement::Deferred { until, reason }
            }
            Retry::Backoff | Retry::Never => {
                self.refused.remove(&mail.id);
                tracing::error!(mail.id = %mail.id, mail.to = %mail.to, mail.attempt = leased.attempt,
                    "mail to {} given up (see `wirewatch outbox list --state dead`): {}", mail.to, one_line(&reason));
                Settlement::Dead { reason }
            }
        }
    }

    /// What a failure means, in the light of how other mails fared.
    fn retry(&mut self, leased: &LeasedMail, error: &mail::Error) -> Retry {
        if !(error.retry() == Retry::Never && matches!(error, mail::Error::Refused { .. })) {
            return error.retry();
        }
        let mail = &leased.mail;
        let before = *self.refused.entry(mail.id.clone()).or_insert(self.taken);
        if self.taken > before {
            return Retry::Never;
        }
        self.refused_in_a_row.insert(mail.to.clone());
        if self.refused_in_a_row.len() >= REFUSED_IN_A_ROW { Retry::Hold } else { Retry::Backoff }
    }
}

fn behind(until: Timestamp) -> Settlement {
    Settlement::Deferred { until, reason: "waits behind an earlier mail to this recipient".to_owned() }
}
