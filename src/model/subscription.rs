//! Subscriptions: topics × recipients × delivery; and the matches that wait for them.

use std::{fmt, sync::Arc, time::Duration};

use jiff::{civil, tz::TimeZone};

use super::{ItemId, NewsKind, Recipient, StoryId, Timestamp, TopicName};

/// Stable key of a subscription: given by `name`, or made from what it delivers to whom.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriptionName(pub Arc<str>);

impl SubscriptionName {
    /// Wraps a name that was checked by the configuration or read back from the store.
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SubscriptionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which topics a subscription takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicSelector {
    /// `["*"]`
    All,
    /// These.
    Named(Vec<TopicName>),
}

impl TopicSelector {
    /// Whether `topic` is among them.
    pub fn takes(&self, topic: &TopicName) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(topic),
        }
    }
}

/// Who gets what, when.
#[derive(Debug, Clone, PartialEq)]
pub struct Subscription {
    /// Stable key.
    pub name: SubscriptionName,
    /// Each gets a mail of their own; not empty, no duplicates.
    pub to: Vec<Recipient>,
    /// Which matches.
    pub topics: TopicSelector,
    /// Zone in which times are shown to the reader and local times are meant.
    pub zone: TimeZone,
    /// When.
    pub delivery: Delivery,
}

/// When a match is mailed.
#[derive(Debug, Clone, PartialEq)]
pub enum Delivery {
    /// At once, a mail a story.
    Alert(AlertPolicy),
    /// Collected, at set local times.
    Digest(DigestPolicy),
}

/// What may hold an alert back. What is held is merged and released, never dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertPolicy {
    /// After the first match of a story, others that report it are waited for so long.
    pub group_wait: Duration,
    /// Hold during these hours.
    pub quiet: Option<QuietHours>,
    /// Stories that reach this line are mailed in quiet hours too.
    pub break_through: Option<Line>,
    /// After so many alert mails to one recipient within an hour the rest waits and goes as one roll-up.
    pub max_per_hour: Option<u32>,
    /// What is told of a story after its alert.
    pub updates: UpdatePolicy,
}

impl AlertPolicy {
    /// `group_wait` where the configuration says nothing.
    pub const GROUP_WAIT: Duration = Duration::from_secs(30);
}

impl Default for AlertPolicy {
    fn default() -> Self {
        Self {
            group_wait: Self::GROUP_WAIT,
            quiet: None,
            break_through: None,
            max_per_hour: None,
            updates: UpdatePolicy::default(),
        }
    }
}

/// What makes an update of a story that was alerted before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpdatePolicy {
    /// Kinds of news that are mailed; empty: no updates at all.
    pub on: Vec<NewsKind>,
    /// Numbers of distinct sources that are news when they are reached; rising.
    pub corroborate: Vec<u32>,
    /// Least time between two mails about one story to one recipient.
    pub every: Duration,
}

impl UpdatePolicy {
    /// `corroborate` where the configuration says nothing.
    pub const CORROBORATE: [u32; 2] = [3, 10];
    /// `update_every` where the configuration says nothing.
    pub const EVERY: Duration = Duration::from_secs(30 * 60);
}

impl Default for UpdatePolicy {
    fn default() -> Self {
        Self { on: NewsKind::ALL.to_vec(), corroborate: Self::CORROBORATE.to_vec(), every: Self::EVERY }
    }
}

/// How big a story must be; either suffices. One of the two is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// So many distinct sources.
    pub sources: Option<u32>,
    /// So high a score (see `plan::Facts::score`).
    pub score: Option<u32>,
}

/// From `from` (inclusive) to `to` (exclusive), local time; may span midnight.
#[derive(Debug, Clone, PartialEq)]
pub struct QuietHours {
    /// Start.
    pub from: civil::Time,
    /// End.
    pub to: civil::Time,
    /// Zone of both.
    pub zone: TimeZone,
}

/// When digests are due.
#[derive(Debug, Clone, PartialEq)]
pub struct DigestPolicy {
    /// Local times, sorted, no duplicates, not empty.
    pub at: Vec<civil::Time>,
    /// On which local dates.
    pub on: Dates,
    /// What to do when nothing matched.
    pub when_empty: WhenEmpty,
    /// Stories that reach this line are alerted as well, at once.
    pub escalate: Option<Line>,
    /// What the mail makes of its window.
    pub summary: Summary,
}

/// Local dates on which something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dates {
    /// On days of the week.
    Weekdays(Days),
    /// Every so many days, counted from Monday, 5 January 1970; not 0.
    Every(u16),
    /// As cron has it: in these months, on these days of the month or of the week.
    Cron {
        /// Bits 1 to 12.
        months: u16,
        /// Days of the month.
        days: MonthDays,
        /// Days of the week.
        weekdays: Days,
    },
}

/// Days of the month of a cron line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MonthDays {
    /// `*`: the days of the week decide alone.
    Any,
    /// These (bits 1 to 31), and the days of the week as well unless they are `*` (all of them).
    Listed(u32),
}

/// What a digest makes of its window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Summary {
    /// The stories since the last one.
    #[default]
    Digest,
    /// The week: each topic's volume against its usual, then the stories.
    Weekly,
}

/// A set of weekdays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Days(pub [bool; 7]);

impl Days {
    /// Every day.
    pub const ALL: Self = Self([true; 7]);

    /// Whether the set holds `day`.
    pub fn contains(self, day: civil::Weekday) -> bool {
        let index = usize::try_from(day.to_monday_zero_offset()).unwrap_or(0);
        self.0.get(index).copied().unwrap_or(false)
    }
}

/// What a digest with no matches does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenEmpty {
    /// Mail that nothing matched, with the coverage that makes it credible.
    Send,
    /// Send nothing.
    Skip,
}

/// One recipient of one subscription for one topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Route {
    /// Subscription.
    pub subscription: SubscriptionName,
    /// Recipient.
    pub recipient: Recipient,
    /// Topic that matched.
    pub topic: TopicName,
}

/// Row key of a pending match.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PendingId(pub i64);

/// A match that waits to be mailed to one recipient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// Row key; rises with time.
    pub id: PendingId,
    /// Who is to hear of it, and why.
    pub route: Route,
    /// Story of the item.
    pub story: StoryId,
    /// The item.
    pub item: ItemId,
    /// When the match was recorded.
    pub matched_at: Timestamp,
}
