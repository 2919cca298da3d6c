//! A notification: one mail due to one recipient, before it is rendered.

use jiff::tz::TimeZone;
use url::Url;

use super::{
    Bulletin, ItemId, Match, News, PendingId, Recipient, StoryId, SubscriptionName, Summary, Tier, Timestamp,
    Topic, TopicName, TopicVolume, Voice,
};

/// What kind of mail it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum NotificationKind {
    /// One story, at once.
    Alert,
    /// What is new about a story that was alerted before.
    Update,
    /// Several stories that quiet hours or `max_per_hour` held back.
    RollUp,
    /// Everything since the last digest.
    Digest,
    /// To the operator: something needs a hand.
    Operator,
}

impl NotificationKind {
    /// All kinds, in the order in which they are listed for people.
    pub const ALL: [Self; 5] = [Self::Alert, Self::Update, Self::RollUp, Self::Digest, Self::Operator];

    /// Stable word for the store, the log, template folders and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Update => "update",
            Self::RollUp => "rollup",
            Self::Digest => "digest",
            Self::Operator => "operator",
        }
    }
}

/// Half-open span of time (`from`, `to`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Excluded.
    pub from: Timestamp,
    /// Included.
    pub to: Timestamp,
}

/// One mail due to one recipient: all a template can show.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// What makes it unique: the same key is never enqueued twice.
    pub key: String,
    /// Kind.
    pub kind: NotificationKind,
    /// Because of which subscription.
    pub subscription: SubscriptionName,
    /// To whom.
    pub to: Recipient,
    /// Zone in which times are shown.
    pub zone: TimeZone,
    /// When it was planned.
    pub at: Timestamp,
    /// Stories by weight, heaviest first.
    pub stories: Vec<StoryView>,
    /// The topics the mail can name, with their titles, sorted by name.
    pub topics: Vec<Topic>,
    /// Digests: the time they cover. Roll-ups: from the first held match until the mail was planned.
    pub window: Option<Window>,
    /// Digests: how much was looked at.
    pub coverage: Option<Coverage>,
    /// Operator notices: what happened, a line each.
    pub notices: Vec<String>,
    /// The pending matches this mail settles.
    pub settles: Vec<PendingId>,
    /// What the mail says beside its stories.
    pub additions: Additions,
}

/// What a mail says beside its stories; empty where it says nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Additions {
    /// Updates, and stories of a roll-up that were alerted before: what is new about them. In order of the stories.
    pub news: Vec<StoryNews>,
    /// Digests: what the mail makes of its window.
    pub summary: Summary,
    /// Digests: how often each topic was matched, in order of [`Notification::topics`].
    pub volumes: Vec<TopicVolume>,
    /// Who reports each story, where more items are known than a mail carries; otherwise the items tell.
    pub sources: Vec<StorySources>,
    /// Alerts, updates and roll-ups: the `mailto:` that mutes a story for this recipient. Empty unless
    /// `commands_to` is configured.
    pub mutes: Vec<(StoryId, String)>,
    /// Mails to the operator: what they say in groups. [`Notification::notices`] says the same in plain lines.
    pub bulletin: Option<Bulletin>,
}

/// Who reports a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorySources {
    /// Which story.
    pub story: StoryId,
    /// Distinct outlets that carry it; at least 1.
    pub outlets: u32,
    /// Of those, how many report it in words of their own; outlets that print one text count once.
    pub own: u32,
}

/// What is new about a story; not empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryNews {
    /// Which story.
    pub story: StoryId,
    /// What, most important first.
    pub news: Vec<News>,
}

/// A story as mails show it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoryView {
    /// Row key.
    pub id: StoryId,
    /// Topics it matched that this reader subscribes to, sorted.
    pub topics: Vec<TopicName>,
    /// Its items, not empty: the primary first, then the others, earliest first: "also in".
    pub items: Vec<ItemView>,
}

/// An item as mails show it.
#[derive(Debug, Clone, PartialEq)]
pub struct ItemView {
    /// Row key.
    pub id: ItemId,
    /// Headline.
    pub title: String,
    /// Description.
    pub summary: String,
    /// Full content where the feed carries it.
    pub content: String,
    /// Article.
    pub link: Option<Url>,
    /// Name of the feed it came from.
    pub source: String,
    /// Name of the outlet that published it: what is counted as one source.
    pub outlet: String,
    /// How much the word of its outlet counts.
    pub tier: Tier,
    /// Whether it is a voice of its own.
    pub voice: Voice,
    /// Language.
    pub lang: Option<String>,
    /// As the feed gives it.
    pub published_at: Option<Timestamp>,
    /// When we first read it.
    pub first_seen_at: Timestamp,
    /// Why it matched, sorted by topic.
    pub matches: Vec<Match>,
}

/// How much was looked at in a window: what makes "nothing matched" credible.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Feeds in force.
    pub feeds: u32,
    /// Of those, polled successfully in the window.
    pub polled: u32,
    /// Items first read in the window.
    pub items: u64,
    /// Longest time since the last successful poll of any feed that ever answered, in seconds.
    pub worst_lag_s: u64,
    /// Feeds whose last poll failed, longest first; at most 20.
    pub failing: Vec<FeedTrouble>,
    /// All feeds whose last poll failed.
    pub failing_total: u32,
    /// Feeds of which something may be missing although they answer, latest first; at most 20.
    pub doubts: Vec<FeedDoubt>,
    /// All of them.
    pub doubts_total: u32,
}

/// A feed that answers and of which something may be missing all the same, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedDoubt {
    /// Name or URL of the feed.
    pub feed: String,
    /// When it was noticed.
    pub at: Timestamp,
    /// What, in plain words.
    pub message: String,
}

/// A feed that does not answer, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedTrouble {
    /// Name or URL of the feed.
    pub feed: String,
    /// Last success, if ever.
    pub last_ok_at: Option<Timestamp>,
    /// The last failure in plain words.
    pub message: String,
}
