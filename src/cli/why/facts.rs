//! What a walk is told: configuration, feeds, and the item or the time asked about.
//!
//! Data in: plain values out of configuration, store and plan. Data out: nothing; [`super::walk`] reads them.
//!
//! **Invariant:** no store, no clock: a walk can be repeated on facts written by hand.
//!
//! Rejected: to ask the store step by step, and to end at the first that fails: the later steps tell whether mending the
//! first one would have been enough.

use jiff::tz::TimeZone;
use url::Url;

use crate::{
    model::{FeedReport, Health, Recipient, Subscription, SubscriptionName, Timestamp, TopicName},
    plan::WaitReason,
    store::{Activity, TracedItem, TracedMail},
};

/// All a walk goes by.
pub(super) struct Facts {
    pub(super) setting: Setting,
    /// For an article and a feed those that can have carried it, for a topic all in force.
    pub(super) feeds: Vec<FeedFacts>,
    pub(super) subject: Subject,
}

/// What holds for every question.
pub(super) struct Setting {
    pub(super) now: Timestamp,
    /// The time looked at begins here.
    pub(super) since: Timestamp,
    /// Of the reader asked for, or of the first one concerned.
    pub(super) zone: TimeZone,
    /// Only this reader.
    pub(super) to: Option<Recipient>,
    /// In force.
    pub(super) subscriptions: Vec<Subscription>,
    /// In force and asked about.
    pub(super) topics: Vec<TopicName>,
    /// The feed that has been due for longest, as far as it is late enough to doubt that anything is polled.
    pub(super) overdue_since: Option<Timestamp>,
    /// The right side of Message-IDs.
    pub(super) mail_host: String,
}

/// A feed as far as it matters here.
#[derive(Debug, Clone)]
pub(super) struct FeedFacts {
    pub(super) name: String,
    pub(super) url: String,
    pub(super) standing: Standing,
    pub(super) last_ok_at: Option<Timestamp>,
    pub(super) next_poll_at: Option<Timestamp>,
    /// When items may have been lost within the time looked at, and how many at least.
    pub(super) gap: Option<(Timestamp, Option<u32>)>,
    pub(super) liar_since: Option<Timestamp>,
}

/// How a feed stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Configured, but unknown to the store: the service runs with an older configuration.
    NotInForce,
    /// In force, and not read once.
    Unread,
    /// Its last visit failed.
    Failing { health: Health, kind: String, message: String, failures: u32 },
    /// It answers, without news for unusually long.
    Silent { since: Timestamp },
    /// It is read.
    Well,
}

impl FeedFacts {
    /// Of a feed that the store knows.
    pub(super) fn of(report: &FeedReport, gap: Option<(Timestamp, Option<u32>)>) -> Self {
        let standing = match (&report.last_failure, report.last_ok_at, report.memory.silent_since) {
            (Some((kind, message)), _, _) if report.failures > 0 => Standing::Failing {
                health: report.memory.health,
                kind: kind.clone(),
                message: message.clone(),
                failures: report.failures,
            },
            (_, None, _) => Standing::Unread,
            (_, _, Some(since)) => Standing::Silent { since },
            _ => Standing::Well,
        };
        Self {
            name: report.title.clone().unwrap_or_else(|| report.url.clone()),
            url: report.url.clone(),
            standing,
            last_ok_at: report.last_ok_at,
            next_poll_at: report.next_poll_at,
            gap,
            liar_since: report.memory.liar_since,
        }
    }

    /// Of a feed that stands in the configuration alone.
    pub(super) fn not_in_force(url: &Url, title: Option<&str>) -> Self {
        Self {
            name: title.unwrap_or(url.as_str()).to_owned(),
            url: url.as_str().to_owned(),
            standing: Standing::NotInForce,
            last_ok_at: None,
            next_poll_at: None,
            gap: None,
            liar_since: None,
        }
    }

    /// Whether it is read at present.
    pub(super) fn is_read(&self) -> bool {
        matches!(self.standing, Standing::Silent { .. } | Standing::Well)
    }

    /// Whether it is read and all that it had can be taken to have been seen.
    pub(super) fn is_sound(&self) -> bool {
        self.standing == Standing::Well && self.gap.is_none()
    }
}

/// What is asked about.
pub(super) enum Subject {
    Article(Box<Article>),
    Period(Box<Period>),
}

/// One article.
pub(super) struct Article {
    pub(super) url: Url,
    /// The site it is on.
    pub(super) site: String,
    pub(super) found: Found,
}

/// Whether the article was read.
pub(super) enum Found {
    /// No feed is known to have carried it.
    Unknown,
    /// These feeds had it, but it is no longer stored.
    Pruned { feeds: Vec<String> },
    /// It is stored.
    Stored(Box<Stored>),
}

/// The stored item that stands for the article: rather news than from a first visit, rather matched than not.
pub(super) struct Stored {
    pub(super) item: TracedItem,
    /// Further items with this link.
    pub(super) others: usize,
    /// Topics asked about that it did not match, the nearest first.
    pub(super) judged: Vec<Judged>,
    /// Topics it matched whose rules have changed since.
    pub(super) changed: Vec<TopicName>,
    /// What became of it for each reader of each subscription that is concerned.
    pub(super) deliveries: Vec<Delivery>,
}

/// A topic that the item did not match when it was read.
pub(super) struct Judged {
    pub(super) topic: TopicName,
    pub(super) today: Today,
}

/// What today's rules say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Today {
    /// It matches now.
    Matches,
    /// It misses: the clauses that fail, how many they are, and how many words of the topic occur.
    Misses { because: String, lacking: usize, occurring: usize },
}

/// One reader of one subscription, and what became of the item for them.
pub(super) struct Delivery {
    pub(super) subscription: SubscriptionName,
    pub(super) to: Recipient,
    pub(super) way: Way,
    pub(super) zone: TimeZone,
    pub(super) fate: Fate,
}

/// How the subscription delivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Alert,
    Digest,
    /// It is not in the configuration any more.
    Gone,
}

/// What became of a match.
pub(super) enum Fate {
    /// It waits, with the planner's reason.
    Waits { reason: WaitReason, until: Timestamp },
    /// The planner would mail it now; it has been pending since.
    Due { since: Timestamp },
    /// It was settled without a mail of its own; `told` is the mail that told of the story before.
    Settled { reason: String, at: Timestamp, told: Option<Box<TracedMail>> },
    /// It is in this mail.
    Mailed(Box<TracedMail>),
    /// Nobody noted that this reader was to hear of it.
    NotRouted { matched_at: Timestamp },
}

/// What happened over a time.
pub(super) struct Period {
    pub(super) of: Of,
    pub(super) activity: Activity,
    pub(super) waits: Vec<Waiting>,
    pub(super) near: Near,
}

/// A topic, or a feed.
pub(super) enum Of {
    Topic { name: TopicName, title: String },
    Feed { name: String },
}

/// A match that is pending for somebody.
pub(super) struct Waiting {
    pub(super) subscription: SubscriptionName,
    pub(super) to: Recipient,
    pub(super) matched_at: Timestamp,
    /// Why and until when; `None`: it is due.
    pub(super) wait: Option<(WaitReason, Timestamp)>,
}

/// Items that nearly matched a topic.
#[derive(Default)]
pub(super) struct Near {
    /// Items that were judged.
    pub(super) judged: usize,
    /// Of them, those that lacked one clause only.
    pub(super) total: usize,
    /// Of these, those where most of its words occur, then the newest.
    pub(super) misses: Vec<NearMiss>,
}

/// One of them.
pub(super) struct NearMiss {
    pub(super) item: i64,
    pub(super) at: Timestamp,
    pub(super) title: String,
    pub(super) because: String,
}
