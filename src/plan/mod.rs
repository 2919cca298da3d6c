//! Who is due what now: pending matches and what was sent before become mails, waits and settlements.
//!
//! Data in: `now`, the pending matches, the recent history, the subscriptions in force. Data out: a [`Plan`].
//!
//! **Invariant:** total. Each pending match stands exactly once in [`Due::settles`], [`Plan::waits`] or
//! [`Plan::settled`]: nothing is dropped without a reason.
//! **Invariant:** a story is alerted to a recipient at most once, whatever topics and subscriptions matched it; what comes
//! after are updates, each with news and a revision of its own.
//! **Invariant:** no alert, update or roll-up is due in quiet hours unless its story breaks through, and never more than
//! `max_per_hour` of them within an hour for one subscription and recipient.
//! **Invariant:** every wait ends later than `now`, and so does [`Plan::wake_at`].
//!
//! Rejected: timers and counters kept in memory per subscription. A plan that is a function of what is stored
//! survives a restart as it is, and each decision can be repeated to explain it.

mod alert;
mod carry;
mod digest;
mod escalate;
mod facts;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod tests_of_news;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    time::Duration,
};

use xxhash_rust::xxh3::xxh3_64;

use self::carry::{Heirs, Windows};
pub use self::{
    carry::openings,
    escalate::MAX_ESCALATIONS_PER_HOUR,
    facts::{Facts, FactsOf, MAX_CLAUSE_NEWS, MAX_CLAUSES_TOLD},
};

use crate::model::{
    Mute, NotificationKind, Pending, PendingId, Recipient, Route, StoryId, StoryNews, Subscription,
    SubscriptionName, Timestamp, Told, TopicName, Window,
};

/// Most stories in one roll-up; more make several roll-ups.
pub const MAX_STORIES_PER_MAIL: usize = 50;
/// What `max_per_hour` counts over.
pub const RATE_WINDOW: Duration = Duration::from_secs(60 * 60);
/// How far back [`History::alerts`] should reach: the rate window before the longest wait it can cause.
pub const ALERT_HISTORY: Duration = Duration::from_secs(2 * 60 * 60);

/// An alert, update or roll-up that was enqueued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlertSent {
    /// Because of which subscription.
    pub subscription: SubscriptionName,
    /// To whom.
    pub recipient: Recipient,
    /// When; a roll-up counts once.
    pub at: Timestamp,
}

/// Up to where a recipient's digests have come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigestSent {
    /// Which subscription.
    pub subscription: SubscriptionName,
    /// To whom.
    pub recipient: Recipient,
    /// End of the last digest's window; before the first digest the instant this route was first seen.
    pub window_end: Timestamp,
}

/// What was done before. Rows of subscriptions that are gone tell how the matches were to be delivered that still wait
/// under their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    /// Alerts, updates and roll-ups of the last [`ALERT_HISTORY`], in any order. The limit needs [`RATE_WINDOW`]; the rest
    /// tells which stories were held by it.
    pub alerts: Vec<AlertSent>,
    /// Which of the pending stories were alerted to whom before, by any subscription, however long ago.
    pub alerted: HashSet<(Recipient, StoryId)>,
    /// What the last mail told about those; without an entry there are no updates.
    pub told: HashMap<(Recipient, StoryId), Told>,
    /// Stories that are muted, or were.
    pub mutes: Vec<Mute>,
    /// Which of the pending stories were in which digest before, however long ago, and when that was made.
    pub digested: HashMap<(SubscriptionName, Recipient, StoryId), Timestamp>,
    /// One entry for each recipient of each digest subscription. Without an entry the window starts at the first
    /// pending match, and a digest that finds nothing is not sent.
    pub digests: Vec<DigestSent>,
}

/// Why a match waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WaitReason {
    /// `group_wait`: others may report the story as well.
    Grouping,
    /// There is news about a story, and the last mail about it is too recent.
    UpdateGap,
    /// Quiet hours.
    Quiet,
    /// `max_per_hour` is used up.
    RateLimited,
    /// Collected for the next digest.
    UntilDigest,
    /// The digest has no day or no time: it waits until the configuration changes.
    NoDigestDay,
}

impl WaitReason {
    /// Stable word for logs and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Grouping => "grouping",
            Self::UpdateGap => "update-gap",
            Self::Quiet => "quiet",
            Self::RateLimited => "rate-limited",
            Self::UntilDigest => "until-digest",
            Self::NoDigestDay => "no-digest-day",
        }
    }
}

/// Why a match is settled without a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SettleReason {
    /// The recipient was alerted to this story before, and it brings no news.
    AlreadyAlerted,
    /// The story was in an earlier digest of this subscription to this recipient.
    AlreadyDigested,
    /// No subscription sends this topic to this recipient any more.
    SubscriptionGone,
    /// The recipient muted the story; its digests have it all the same.
    Muted,
}

impl SettleReason {
    /// Stable word for logs and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AlreadyAlerted => "already-alerted",
            Self::AlreadyDigested => "already-digested",
            Self::SubscriptionGone => "subscription-gone",
            Self::Muted => "muted",
        }
    }
}

/// A match that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wait {
    /// Which.
    pub pending: PendingId,
    /// Why.
    pub reason: WaitReason,
    /// When to plan again for its sake; later than `now`. [`Timestamp::MAX`] for [`WaitReason::NoDigestDay`].
    pub until: Timestamp,
}

/// One mail that is due now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    /// `alert/<recipient>/<story>`, `update/<recipient>/<story>/<revision>`,
    /// `rollup/<subscription>/<recipient>/<stories>` or `digest/<subscription>/<recipient>/<window end, ms>`, with hashes
    /// for the recipient and the list of stories: never the same for two mails that both may be sent. A story is alerted
    /// once whatever the subscription, so alerts and updates do not name it.
    pub key: String,
    /// Never [`NotificationKind::Operator`].
    pub kind: NotificationKind,
    /// Because of which subscription.
    pub subscription: SubscriptionName,
    /// To whom.
    pub recipient: Recipient,
    /// Stories with the topics that matched them, each sorted and without duplicates. In the order they were
    /// first matched; one for an alert, up to [`MAX_STORIES_PER_MAIL`] for a roll-up, any number for a digest.
    pub stories: Vec<(StoryId, Vec<TopicName>)>,
    /// The pending matches this mail settles; rising. Empty for a digest that says nothing matched, and for an alert of
    /// a story that waits for its digest.
    pub settles: Vec<PendingId>,
    /// Digests: what it covers. Roll-ups: from the first held match until now.
    pub window: Option<Window>,
    /// Stories that were alerted before: what is new about them.
    pub news: Vec<StoryNews>,
    /// Alerts, updates and roll-ups: the revision of each story that the recipient knows afterwards.
    pub tells: Vec<(StoryId, u32)>,
}

/// What to do now, and when to plan again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// Mails to render and enqueue.
    pub due: Vec<Due>,
    /// Matches that stay pending.
    pub waits: Vec<Wait>,
    /// Matches to settle without a mail.
    pub settled: Vec<(PendingId, SettleReason)>,
    /// The first instant at which something may be due although nothing new is matched: the end of a wait or a
    /// digest. Later than `now`; `None` when only a new match can make something due.
    pub wake_at: Option<Timestamp>,
}

/// Pending matches by index of the subscription that sends them and recipient, each list rising by id.
type Groups<'a> = BTreeMap<(usize, &'a Recipient), Vec<&'a Pending>>;

/// What a plan is made from, beside the pending matches.
struct Scene<'a> {
    now: Timestamp,
    history: &'a History,
    facts: &'a FactsOf,
    windows: &'a Windows<'a>,
    subscriptions: &'a [Subscription],
    /// Mutes in force at `now`, by story; `None` is everybody.
    mutes: HashMap<StoryId, Vec<Option<&'a Recipient>>>,
}

impl Scene<'_> {
    fn is_muted(&self, recipient: &Recipient, story: StoryId) -> bool {
        self.mutes
            .get(&story)
            .is_some_and(|whom| whom.iter().any(|who| who.is_none_or(|who| who == recipient)))
    }
}

/// Decides for every pending match: mail now, wait, or settle.
///
/// Alerts: one mail for each recipient and story, `group_wait` after its first match. The first subscription, in order of
/// the configuration, that may send it does, and its mail settles the matches of the recipient's other alert
/// subscriptions. Quiet hours hold what does not break through; what they held goes as one roll-up when they end. After
/// `max_per_hour` mails (0 counts as 1; a roll-up is one mail) the rest waits until the oldest of them is an hour old and
/// goes as one roll-up: of ten stories at once and a limit of six, six are mailed singly and four wait. A single held
/// story goes as a plain alert.
///
/// Updates: a match of a story that was alerted before is settled unless `facts` hold news for its recipient; then it is
/// mailed as an update, under the same rules, and not before `update_every` has passed since the last mail about it.
///
/// A match whose subscription is gone, or takes its topic no longer, goes with another subscription that sends the
/// topic to the recipient; alerts taken over count as held.
///
/// Digests: due at their local times, with every match up to that instant whose story was not in an earlier one. If
/// several instants passed, one digest is made for all of them. A digest with no stories is due only with
/// `when_empty = "send"`; when it is skipped, the next window starts where this one did. A story that crosses the line
/// of `escalate` is alerted as well, and stays in the digest.
pub fn plan(
    now: Timestamp,
    pending: &[Pending],
    history: &History,
    facts: &FactsOf,
    subscriptions: &[Subscription],
) -> Plan {
    let mut plan = Plan::default();
    let windows = carry::windows(history);
    let mut heirs = Heirs::new(subscriptions);
    let mut in_order: Vec<&Pending> = pending.iter().collect();
    in_order.sort_by_key(|pending| pending.id);
    let mut groups = Groups::new();
    for pending in in_order {
        match heirs.of(pending, &windows) {
            Some(index) => groups.entry((index, &pending.route.recipient)).or_default().push(pending),
            None => plan.settled.push((pending.id, SettleReason::SubscriptionGone)),
        }
    }
    let mut mutes: HashMap<StoryId, Vec<Option<&Recipient>>> = HashMap::new();
    for mute in history.mutes.iter().filter(|mute| mute.until > now) {
        mutes.entry(mute.story).or_default().push(mute.recipient.as_ref());
    }
    let scene = Scene { now, history, facts, windows: &windows, subscriptions, mutes };
    let alerted = alert::plan_alerts(&scene, &groups, &mut plan);
    let next_escalation = escalate::plan_escalations(&scene, &groups, alerted, &mut plan);
    let next_digest = digest::plan_digests(now, &groups, history, &windows, subscriptions, &mut plan);
    let wait_ends = plan.waits.iter().map(|wait| wait.until).filter(|until| *until < Timestamp::MAX);
    plan.wake_at = wait_ends.chain(next_digest).chain(next_escalation).min();
    plan
}

/// Who hears of an item that matched `topics`: one route for each subscription, recipient and topic, in order of
/// the configuration, without duplicates.
pub fn routes<'a>(
    subscriptions: &[Subscription],
    topics: impl IntoIterator<Item = &'a TopicName>,
) -> Vec<Route> {
    let topics: BTreeSet<&TopicName> = topics.into_iter().collect();
    let mut routes = Vec::new();
    for subscription in subscriptions {
        for recipient in &subscription.to {
            for topic in topics.iter().filter(|topic| subscription.topics.takes(topic)) {
                routes.push(Route {
                    subscription: subscription.name.clone(),
                    recipient: recipient.clone(),
                    topic: (*topic).clone(),
                });
            }
        }
    }
    routes
}

fn is_routed(subscription: &Subscription, route: &Route) -> bool {
    subscription.to.contains(&route.recipient) && subscription.topics.takes(&route.topic)
}

/// Stories of `pending` in order of appearance, each with its topics.
fn by_story<'a>(pending: impl IntoIterator<Item = &'a Pending>) -> Vec<(StoryId, Vec<TopicName>)> {
    let mut order = Vec::new();
    let mut topics: HashMap<StoryId, BTreeSet<&TopicName>> = HashMap::new();
    for pending in pending {
        let known = topics.entry(pending.story).or_insert_with(|| {
            order.push(pending.story);
            BTreeSet::new()
        });
        known.insert(&pending.route.topic);
    }
    let topics_of =
        |story| topics.get(story).into_iter().flatten().map(|topic| TopicName::clone(topic)).collect();
    order.iter().map(|story| (*story, topics_of(story))).collect()
}

/// Stands for the recipient in keys, which are logged.
fn recipient_hash(recipient: &Recipient) -> String {
    format!("{:016x}", xxh3_64(recipient.address().as_bytes()))
}
