//! What listings show: read-only views over the store.

use super::{
    EventKind, FeedEventReport, FeedId, FeedMemory, Item, ItemId, MailState, NotificationId, Recipient,
    Timestamp, TopicName, feed_label,
};

/// A feed in `feeds list` and `status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedReport {
    /// Row key.
    pub id: FeedId,
    /// Address as configured.
    pub url: String,
    /// Name.
    pub title: Option<String>,
    /// Items stored.
    pub items: u64,
    /// Last poll, whatever its outcome.
    pub last_poll_at: Option<Timestamp>,
    /// Last success.
    pub last_ok_at: Option<Timestamp>,
    /// Next poll.
    pub next_poll_at: Option<Timestamp>,
    /// Failures in a row.
    pub failures: u32,
    /// Class ([`super::FailureKind::as_str`]) and words of the last failure, while it lasts.
    pub last_failure: Option<(String, String)>,
    /// What else is remembered.
    pub memory: FeedMemory,
}

/// An outbox row in `outbox list`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxReport {
    /// Key.
    pub id: NotificationId,
    /// Kind, as [`super::NotificationKind::as_str`] says it.
    pub kind: &'static str,
    /// State.
    pub state: MailState,
    /// Recipient.
    pub to: Recipient,
    /// Subject.
    pub subject: String,
    /// Attempts so far.
    pub attempts: u32,
    /// Enqueued.
    pub created_at: Timestamp,
    /// Next attempt, while queued.
    pub next_attempt_at: Option<Timestamp>,
    /// Handed over.
    pub sent_at: Option<Timestamp>,
    /// The last error or the server's reply.
    pub note: Option<String>,
}

/// A topic's life in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicReport {
    /// Which topic.
    pub topic: TopicName,
    /// Items that matched.
    pub matches: u64,
    /// When the last match was recorded.
    pub last_match_at: Option<Timestamp>,
}

/// What happened to feeds that the operator has not been told yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OperatorNews {
    /// What happened to feeds, oldest first within a kind, the kinds in order of [`EventKind::ALL`].
    pub events: Vec<FeedEventReport>,
    /// Events of each kind that are too many to be named.
    pub unnamed: Vec<(EventKind, u64)>,
    /// The newest event that is told, named or not.
    pub up_to: i64,
}

/// The service's status line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueReport {
    /// Feeds in force whose last poll failed.
    pub failing: u64,
    /// Mails waiting or in flight.
    pub queued: u64,
    /// Mails given up.
    pub dead: u64,
}

/// `status`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StatusReport {
    /// Items stored.
    pub items: u64,
    /// Matches that wait to be planned (digests to come, alerts held).
    pub pending: u64,
    /// Mails waiting or in flight.
    pub queued: u64,
    /// Mails handed over.
    pub sent: u64,
    /// Mails given up.
    pub dead: u64,
    /// When the oldest waiting mail was enqueued.
    pub oldest_queued_at: Option<Timestamp>,
    /// Per topic.
    pub topics: Vec<TopicReport>,
}

/// A stored item in `items export`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportedItem {
    /// Row key.
    pub id: ItemId,
    /// Feed.
    pub feed_url: String,
    /// Name of the feed as configured.
    pub feed_name: Option<String>,
    /// Publisher's identifier.
    pub guid: Option<String>,
    /// Article.
    pub link: Option<String>,
    /// Headline.
    pub title: String,
    /// Description.
    pub summary: String,
    /// Full content where the feed carries it.
    pub content: String,
    /// Author.
    pub author: Option<String>,
    /// Categories.
    pub tags: Vec<String>,
    /// Language.
    pub lang: Option<String>,
    /// As the feed gives it.
    pub published_at: Option<Timestamp>,
    /// When we first read it.
    pub first_seen_at: Timestamp,
    /// Topics it matched, sorted.
    pub topics: Vec<TopicName>,
}

impl ExportedItem {
    /// The item as it was read, for matching it again.
    pub fn into_item(self) -> Item {
        Item {
            feed: Some(feed_label(self.feed_name.as_deref(), &self.feed_url)),
            guid: self.guid,
            link: self.link.and_then(|link| link.parse().ok()),
            title: self.title,
            summary: self.summary,
            content: self.content,
            author: self.author,
            tags: self.tags,
            lang: self.lang,
            published_at: self.published_at,
        }
    }
}
