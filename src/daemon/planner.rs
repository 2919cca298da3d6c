//! The planner: turns pending matches into rendered mails in the outbox.
//!
//! Data in: pending matches, delivery history, the catalog, `now`. Data out: outbox rows, and a hint to the mailer.
//!
//! **Invariant:** a pending match leaves the table in the same transaction that enqueues its mail. A mail that
//! cannot be rendered leaves its matches pending.

use std::{
    borrow::Cow,
    cmp::Reverse,
    collections::{BTreeSet, HashMap, HashSet},
    sync::Arc,
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    Catalog, Hints, additions,
    operator::Operator,
    progress::{Progress, StepError},
};
use crate::{
    clock::Clock,
    model::{
        Delivery, Notification, NotificationKind, PendingId, Recipient, StoryId, Subscription,
        SubscriptionName, Timestamp, Topic, time,
    },
    plan::{self, AlertSent, DigestSent, Due, FactsOf, History, SettleReason},
    render, schedule,
    store::{DeliveryHistory, Enqueued, MailThread, NewMail, Store},
};

/// Pending matches looked at in one step. They are small; a backlog beyond this is planned in several steps. Those
/// that wait for a digest are not looked at before it is due, so that they neither cost time with every alert nor
/// crowd alerts out.
pub(super) const MAX_PENDING: usize = 200_000;
/// Mails enqueued in one transaction.
const MAX_BATCH: usize = 64;
/// When a mail could not be rendered, the planner looks again after this.
const AFTER_RENDER_TROUBLE: std::time::Duration = std::time::Duration::from_secs(300);

/// Digest readers who left the configuration are forgotten after this: visits under way at a reload still record
/// matches for them.
const FORGET_AFTER: std::time::Duration = std::time::Duration::from_secs(60 * 60);

/// See the module.
#[derive(Debug)]
pub struct Planner {
    store: Store,
    clock: Clock,
    hints: Hints,
    catalogs: watch::Receiver<Arc<Catalog>>,
    /// When digest readers who left are forgotten next; `None` before the first step.
    forget_at: Option<Timestamp>,
    grouping: Grouping,
    operator: Operator,
}

/// Whether alerts wait for others that report the same story.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grouping {
    AsConfigured,
    NoWait,
}

impl Planner {
    /// A planner over what the store holds.
    pub fn new(store: Store, clock: Clock, hints: Hints, catalogs: watch::Receiver<Arc<Catalog>>) -> Self {
        Self {
            store,
            clock,
            hints,
            catalogs,
            forget_at: None,
            grouping: Grouping::AsConfigured,
            operator: Operator::default(),
        }
    }

    /// The same planner, for a process that ends before any `group_wait` has passed.
    #[must_use]
    pub fn without_group_wait(self) -> Self {
        Self { grouping: Grouping::NoWait, ..self }
    }

    /// Plans once: enqueues what is due, settles what needs no mail, leaves the rest pending.
    ///
    /// # Errors
    /// When the store refuses; everything not enqueued stays pending.
    pub async fn step(&mut self, now: Timestamp) -> Result<Progress, StepError> {
        let stepped = self.plan_once(now).await;
        self.operator.noted(now, stepped.as_ref().err());
        stepped
    }

    async fn plan_once(&mut self, now: Timestamp) -> Result<Progress, StepError> {
        let catalog = self.adopt_catalog(now).await?;
        let subscriptions = self.subscriptions(&catalog);
        let waiting = waiting_digests(now, &subscriptions, &self.store.digest_ends().await?);
        let pending = self.store.pending_but_for(&waiting, MAX_PENDING).await?;
        let since = time::before(now, plan::ALERT_HISTORY);
        let history = self.store.delivery_history(since, &waiting).await?;
        let history = plan_history(history);
        let stories: BTreeSet<StoryId> = pending.iter().map(|pending| pending.story).collect();
        let facts =
            additions::facts(&self.store, &catalog.topics, stories.into_iter().collect(), &history).await?;
        let plan = plan::plan(now, &pending, &history, &facts, &subscriptions);
        self.settle(now, &plan.settled).await?;
        let (mut enqueued, mut failed) = (0_usize, 0_usize);
        for batch in plan.due.chunks(MAX_BATCH) {
            let mut mails = Vec::with_capacity(batch.len());
            for due in batch {
                match self.compose(&catalog, now, due, &facts, &history).await? {
                    Some(mail) => mails.push(mail),
                    None => failed += 1,
                }
            }
            let results = self.store.enqueue(now, mails).await?;
            enqueued += results.iter().filter(|result| matches!(result, Enqueued::Queued(_))).count();
            self.hints.outbox.notify_one();
        }
        let look_again = self.operator.look(&self.store, &catalog, now).await?;
        if look_again.told {
            self.hints.outbox.notify_one();
        }
        if enqueued > 0 {
            let mails = if enqueued == 1 { "mail" } else { "mails" };
            tracing::info!(mails.enqueued = enqueued, "{enqueued} {mails} enqueued");
            return Ok(Progress::Worked);
        }
        let trouble = (failed > 0).then(|| time::after(now, AFTER_RENDER_TROUBLE));
        Ok(Progress::Idle { until: [plan.wake_at, trouble, look_again.at].into_iter().flatten().min() })
    }

    fn subscriptions<'c>(&self, catalog: &'c Catalog) -> Cow<'c, [Subscription]> {
        match self.grouping {
            Grouping::AsConfigured => Cow::Borrowed(&catalog.subscriptions),
            Grouping::NoWait => Cow::Owned(catalog.subscriptions.iter().map(without_group_wait).collect()),
        }
    }

    async fn settle(&self, now: Timestamp, settled: &[(PendingId, SettleReason)]) -> Result<(), StepError> {
        if settled.is_empty() {
            return Ok(());
        }
        let muted = settled.iter().filter(|(_, reason)| *reason == SettleReason::Muted).count();
        if muted > 0 {
            tracing::info!(
                matches.muted = muted,
                "of muted stories, for digests only: {muted} of the matches"
            );
        }
        for (id, reason) in settled {
            tracing::debug!(pending.id = id.0, ?reason, "match needs no mail");
        }
        let settled = settled.iter().map(|(id, reason)| (*id, reason.as_str())).collect();
        Ok(self.store.settle_pending(now, settled).await?)
    }

    /// Runs [`Planner::step`] until `soft` is cancelled.
    ///
    /// # Errors
    /// When going on makes no sense: see [`StepError::retry`].
    pub async fn run(mut self, soft: CancellationToken, pulse: super::Pulse) -> Result<(), StepError> {
        let hints = self.hints.clone();
        let mut catalogs = self.catalogs.clone();
        while !soft.is_cancelled() {
            let hint = hints.matches.notified();
            let until = pulse.after(self.step(self.clock.now()).await)?;
            tokio::select! {
                () = pulse.rest(until) => {}
                () = hint => {}
                _ = catalogs.changed() => {}
                () = soft.cancelled() => {}
            }
        }
        Ok(())
    }

    /// Takes over what the configuration says now, and opens the windows of new digest readers.
    async fn adopt_catalog(&mut self, now: Timestamp) -> Result<Arc<Catalog>, StepError> {
        let changed = self.catalogs.has_changed().unwrap_or(false) || self.forget_at.is_none();
        let catalog = self.catalogs.borrow_and_update().clone();
        // At a start nothing is under way.
        if self.forget_at.is_none_or(|at| at <= now && !changed) {
            self.store.forget_digests(digest_readers(&catalog.subscriptions)).await?;
        }
        if changed {
            // Asked for again if the store refuses.
            self.forget_at = None;
            let pending = self.store.pending(MAX_PENDING).await?;
            let history = plan_history(self.store.delivery_history(now, &[]).await?);
            let openings = plan::openings(now, &pending, &history, &catalog.subscriptions);
            self.store.open_digests(openings).await?;
        }
        if self.forget_at.is_none_or(|at| at <= now) {
            self.forget_at = Some(time::after(now, FORGET_AFTER));
        }
        Ok(catalog)
    }

    /// Renders one mail; `None` when the template refuses, which is logged.
    async fn compose(
        &self,
        catalog: &Catalog,
        now: Timestamp,
        due: &Due,
        facts: &FactsOf,
        history: &History,
    ) -> Result<Option<NewMail>, StepError> {
        let Some(subscription) = catalog.subscriptions.iter().find(|s| s.name == due.subscription) else {
            return Ok(None);
        };
        let mut notification = assemble(&self.store, catalog, subscription, now, due).await?;
        notification.additions.sources = additions::sources(facts, &notification.stories);
        let rendered = match render::render_in_any_case(&notification, &catalog.templates) {
            Ok((rendered, None)) => rendered,
            Ok((rendered, Some(error))) => {
                tracing::error!(
                    mail.kind = due.kind.as_str(),
                    "a mail of kind {} looks as the program's own templates make it, since yours failed: {error}",
                    due.kind.as_str()
                );
                rendered
            }
            Err(error) => {
                tracing::error!(
                    mail.kind = due.kind.as_str(),
                    "a mail of kind {} could not be rendered and waits: {error}",
                    due.kind.as_str()
                );
                return Ok(None);
            }
        };
        Ok(Some(NewMail {
            key: due.key.clone(),
            kind: due.kind,
            subscription: due.subscription.clone(),
            recipient: due.recipient.clone(),
            subject: rendered.subject,
            text: rendered.text,
            html: rendered.html,
            stories: due.stories.iter().map(|(id, _)| *id).collect(),
            // A roll-up's window is for its reader; it completes no digest.
            window_end: due.window.filter(|_| due.kind == NotificationKind::Digest).map(|window| window.to),
            settles: due.settles.clone(),
            thread: thread(now, due, facts, history),
        }))
    }
}

/// What the mail tells of its stories, and which mail it follows up on.
fn thread(now: Timestamp, due: &Due, facts: &FactsOf, history: &History) -> MailThread {
    let first = |story: StoryId| {
        history.told.get(&(due.recipient.clone(), story)).and_then(|told| told.thread.clone())
    };
    let tells = due.tells.iter().map(|(story, revision)| {
        let told = facts.get(story).cloned().unwrap_or_default().told(*revision, now, first(*story));
        (*story, told)
    });
    let in_reply_to = match (due.kind, due.tells.as_slice()) {
        (NotificationKind::Update, [(story, _)]) => first(*story),
        _ => None,
    };
    MailThread { tells: tells.collect(), in_reply_to }
}

fn without_group_wait(subscription: &Subscription) -> Subscription {
    let mut subscription = subscription.clone();
    if let Delivery::Alert(policy) = &mut subscription.delivery {
        policy.group_wait = std::time::Duration::ZERO;
    }
    subscription
}

/// All a template needs for one mail that is due.
///
/// # Errors
/// When the store refuses.
pub async fn assemble(
    store: &Store,
    catalog: &Catalog,
    subscription: &Subscription,
    now: Timestamp,
    due: &Due,
) -> Result<Notification, StepError> {
    let mut stories = store.stories(due.stories.iter().map(|(id, _)| *id).collect()).await?;
    for story in &mut stories {
        if let Some((_, topics)) = due.stories.iter().find(|(id, _)| *id == story.id) {
            story.topics.clone_from(topics);
        }
    }
    additions::order(&mut stories);
    if due.kind == NotificationKind::Digest {
        // Stable: among equals the first to match comes first.
        stories.sort_by_key(|story| Reverse(additions::score(story, subscription)));
    }
    let coverage = match due.window {
        Some(window) => Some(store.coverage(now, window).await?),
        None => None,
    };
    // An alert can name topics of the recipient's other subscriptions: they go in one mail.
    let named = |topic: &Topic| stories.iter().any(|story| story.topics.contains(&topic.name));
    let shown = |topic: &&Topic| subscription.topics.takes(&topic.name) || named(topic);
    let topics: Vec<Topic> = catalog.topics.topics().iter().filter(shown).cloned().collect();
    let names = topics.iter().map(|topic| topic.name.clone()).collect();
    let additions = additions::additions(store, catalog, subscription, now, due, names).await?;
    Ok(Notification {
        key: due.key.clone(),
        kind: due.kind,
        subscription: due.subscription.clone(),
        to: due.recipient.clone(),
        zone: subscription.zone.clone(),
        at: now,
        stories,
        topics,
        window: due.window,
        coverage,
        notices: Vec::new(),
        settles: due.settles.clone(),
        additions,
    })
}

pub(super) fn plan_history(stored: DeliveryHistory) -> History {
    let alerts = stored.alerts.into_iter();
    let digests = stored.digests.into_iter();
    History {
        alerts: alerts
            .map(|(subscription, recipient, at)| AlertSent { subscription, recipient, at })
            .collect(),
        alerted: stored.alerted.iter().map(|(to, story, _)| (to.clone(), *story)).collect(),
        told: stored.alerted.into_iter().filter_map(|(to, story, told)| Some(((to, story), told?))).collect(),
        mutes: stored.mutes,
        digested: stored.digested.into_iter().map(|(name, to, story, at)| ((name, to, story), at)).collect(),
        digests: digests
            .map(|(subscription, recipient, window_end)| DigestSent { subscription, recipient, window_end })
            .collect(),
    }
}

/// The digests for none of whose readers anything is due, and that escalate nothing: what is pending for them can only wait. A digest whose
/// readers have no window yet is not among them, since its window begins with what is pending.
fn waiting_digests(
    now: Timestamp,
    subscriptions: &[Subscription],
    ends: &[(SubscriptionName, Recipient, Timestamp)],
) -> Vec<SubscriptionName> {
    let ends: HashMap<(&SubscriptionName, &Recipient), Timestamp> =
        ends.iter().map(|(subscription, to, end)| ((subscription, to), *end)).collect();
    let waits = |subscription: &&Subscription| {
        let Delivery::Digest(policy) = &subscription.delivery else { return false };
        // Those that escalate are looked at with every match.
        policy.escalate.is_none()
            && subscription.to.iter().all(|to| {
                let end = ends.get(&(&subscription.name, to));
                end.is_some_and(|end| schedule::last_digest(now, policy, &subscription.zone, *end).is_none())
            })
    };
    subscriptions.iter().filter(waits).map(|subscription| subscription.name.clone()).collect()
}

fn digest_readers(subscriptions: &[Subscription]) -> HashSet<(SubscriptionName, Recipient)> {
    subscriptions
        .iter()
        .filter(|subscription| matches!(subscription.delivery, Delivery::Digest(_)))
        .flat_map(|subscription| subscription.to.iter().map(|to| (subscription.name.clone(), to.clone())))
        .collect()
}

#[cfg(test)]
mod tests {
    use jiff::{civil::time, tz::TimeZone};

    use super::*;
    use crate::model::{Dates, Days, DigestPolicy, Summary, TopicSelector, WhenEmpty};

    #[test]
    fn a_digest_is_looked_at_from_the_instant_it_is_due_for_any_reader() {
        let (ann, bo) =
            (Recipient::parse("ann@example.com").unwrap(), Recipient::parse("bo@example.com").unwrap());
        let name = SubscriptionName::new("evening");
        let digest = Subscription {
            name: name.clone(),
            to: vec![ann.clone(), bo.clone()],
            topics: TopicSelector::All,
            zone: TimeZone::UTC,
            delivery: Delivery::Digest(DigestPolicy {
                at: vec![time(18, 0, 0, 0)],
                on: Dates::Weekdays(Days::ALL),
                when_empty: WhenEmpty::Skip,
                escalate: None,
                summary: Summary::Digest,
            }),
        };
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let yesterday = at("2026-11-23T18:00:00Z");
        let check = |now: &str, ends: &[(&Recipient, Timestamp)], waits: bool| {
            let ends: Vec<_> = ends.iter().map(|(to, end)| (name.clone(), (*to).clone(), *end)).collect();
            let found = waiting_digests(at(now), std::slice::from_ref(&digest), &ends);
            assert_eq!(found.contains(&name), waits, "{now}");
        };
        let both = [(&ann, yesterday), (&bo, yesterday)];
        check("2026-11-24T17:59:59.999Z", &both, true);
        check("2026-11-24T18:00:00Z", &both, false);
        check("2026-11-24T18:00:01Z", &[(&ann, at("2026-11-24T18:00:00Z")), (&bo, yesterday)], false);
        check("2026-11-24T12:00:00Z", &[(&ann, yesterday)], false);
    }
}
