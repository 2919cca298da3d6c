//! What is remembered of a feed between two polls beside its items, and what happened to it.

use std::time::Duration;

use url::Url;

use super::{FeedId, Pace, Timestamp, time};

/// How a feed fares. It only ever moves one way per poll, and each change is an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Health {
    /// The last poll succeeded.
    #[default]
    Ok,
    /// It fails, but not for long yet.
    Degraded,
    /// It has been failing for so long that something may have been missed.
    Failing,
    /// It is gone, or has failed for weeks: visited seldom, never given up.
    Dormant,
}

impl Health {
    /// Stable word for the store, listings and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Degraded => "degraded",
            Self::Failing => "failing",
            Self::Dormant => "dormant",
        }
    }
}

/// A permanent redirect that is watched before it is believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Moving {
    /// Where it leads.
    pub to: Url,
    /// Polls in a row that were led there and found the feed.
    pub polls: u32,
    /// The first of them.
    pub since: Timestamp,
}

/// 410 in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Gone {
    /// Polls in a row that were answered so.
    pub polls: u32,
    /// The first of them.
    pub since: Timestamp,
}

/// Polls that must be answered 410, with no other answer in between, before it is believed.
pub const GONE_POLLS: u32 = 3;

impl Gone {
    /// Whether it has been said often, and so long, that it is believed.
    pub fn is_confirmed(&self) -> bool {
        self.polls >= GONE_POLLS
    }
}

/// When the publisher would like to be visited. Hints only: they never delay a feed past its bound.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hints {
    /// Longest of RSS `ttl`, `Cache-Control: max-age` and `sy:updatePeriod`.
    pub wait: Option<Duration>,
    /// RSS `skipHours`: bit `n` stands for the hour `n`, UTC.
    pub skip_hours: u32,
    /// RSS `skipDays`: bit 0 stands for Monday.
    pub skip_days: u8,
}

/// A question put to a server whose 304s or ETags may be untrue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Trial {
    /// None.
    #[default]
    No,
    /// The body in hand came with the very validators that the last one had. Ends with the poll, is never stored.
    SameValidators,
    /// The next request carries validators that are known to be out of date: a 304 is a lie.
    OldValidators,
}

/// Whether the store holds a [`FeedMemory`] already.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Stored {
    /// It may hold another one.
    #[default]
    Perhaps,
    /// It holds exactly this one: a poll that changed nothing has nothing to write but its time.
    AsIs,
}

/// What is remembered of a feed beside its items.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FeedMemory {
    /// How it fares.
    pub health: Health,
    /// Since when; `None`: it was never anything but [`Health::Ok`].
    pub health_since: Option<Timestamp>,
    /// The server asked not to be visited before this instant.
    pub patience_until: Option<Timestamp>,
    /// A permanent redirect under watch.
    pub moving: Option<Moving>,
    /// The address adopted in place of the configured one, which stays its identity and the fallback.
    pub moved_to: Option<Url>,
    /// The address whose answer gave the validators, after redirects; `None`: the configured one.
    pub answered_by: Option<Url>,
    /// 410 in a row.
    pub gone: Option<Gone>,
    /// The publisher's wishes.
    pub hints: Hints,
    /// When it was last read in full, or confirmed by an answer to an unconditional request.
    pub full_at: Option<Timestamp>,
    /// Since when its 304s or ETags are known to be untrue.
    pub liar_since: Option<Timestamp>,
    /// Whether they are being tried.
    pub trial: Trial,
    /// How often it has news.
    pub pace: Pace,
    /// When a poll last found a new item.
    pub last_new_at: Option<Timestamp>,
    /// Items in the last body read.
    pub window_items: u32,
    /// Evidence that new items push old ones out one by one: polls with new items beside some of the body before, less
    /// those without; at most 32.
    pub rolling: u32,
    /// When a gap was last reported.
    pub gap_at: Option<Timestamp>,
    /// When it was last reported to have renumbered its items.
    pub renumbered_at: Option<Timestamp>,
    /// Since when it has been silent.
    pub silent_since: Option<Timestamp>,
    /// When it last had an item that matched a topic of an alert.
    pub hit_at: Option<Timestamp>,
    /// Whether the store holds this; is never stored.
    pub stored: Stored,
}

/// Once its items were found renumbered, a feed counts as restless for so long.
pub const RESTLESS: Duration = Duration::from_secs(7 * 86_400);

impl FeedMemory {
    /// Whether the feed was found to renumber its items so lately that it may do so at each poll: then new guids of known
    /// items are not worth keeping.
    pub fn is_restless(&self, at: Timestamp) -> bool {
        self.renumbered_at.is_some_and(|last| time::between(last, at) < RESTLESS)
    }
}

/// What can happen to a feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    /// It began to fail.
    Degraded,
    /// It has been failing for long.
    Failing,
    /// It is visited seldom now.
    Dormant,
    /// It answers again.
    Recovered,
    /// A permanent redirect was adopted.
    Moved,
    /// An adopted address failed, and the configured one is used again.
    MovedBack,
    /// 410 for days.
    Gone,
    /// Its 304s or ETags are untrue.
    Liar,
    /// No overlap between two polls: items may have been missed.
    Gap,
    /// It answers, but has had nothing new for unusually long.
    Silent,
    /// It has news again.
    Spoke,
    /// It gave new identifiers to items that were known.
    Renumbered,
    /// Its site was found to allow fewer visits.
    RateLimit,
}

impl EventKind {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Degraded,
        Self::Failing,
        Self::Dormant,
        Self::Recovered,
        Self::Moved,
        Self::MovedBack,
        Self::Gone,
        Self::Liar,
        Self::Gap,
        Self::Silent,
        Self::Spoke,
        Self::Renumbered,
        Self::RateLimit,
    ];

    /// Whether the operator is written to. The others are for the log and for `status`.
    pub fn is_mailed(self) -> bool {
        !matches!(self, Self::Degraded | Self::Renumbered)
    }

    /// Stable word for the store, logs and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Degraded => "degraded",
            Self::Failing => "failing",
            Self::Dormant => "dormant",
            Self::Recovered => "recovered",
            Self::Moved => "moved",
            Self::MovedBack => "moved-back",
            Self::Gone => "gone",
            Self::Liar => "liar",
            Self::Gap => "gap",
            Self::Silent => "silent",
            Self::Spoke => "spoke",
            Self::Renumbered => "renumbered",
            Self::RateLimit => "rate-limit",
        }
    }
}

/// Something that happened to a feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEvent {
    /// What.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// Of items, where the kind has a count: for [`EventKind::Gap`], how many at least were missed.
    pub count: Option<u32>,
    /// In plain words, without secrets.
    pub detail: String,
}

/// A [`FeedEvent`] with its feed, as listings and mails show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedEventReport {
    /// Row key.
    pub id: i64,
    /// Which feed.
    pub feed: FeedId,
    /// Its name, or its address.
    pub name: String,
    /// What happened.
    pub event: FeedEvent,
}

/// How a poll's items compare with what was stored; counted inside the transaction that stores them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counted {
    /// Whether this poll is the feed's first success.
    pub baseline: bool,
    /// Items in the body.
    pub read: u32,
    /// Of them, not known before.
    pub fresh: u32,
    /// Of them, known by some keys while their guid is new.
    pub renumbered: u32,
    /// Of the known ones, in the body read before.
    pub kept: u32,
    /// Of the known ones, with another text than the one stored.
    pub edited: u32,
    /// Readers to be alerted of the fresh and the edited ones, one count each time.
    pub alerts: u32,
    /// When a poll last succeeded before this one.
    pub since: Option<Timestamp>,
    /// Whether this poll went to another address than the last.
    pub moved: bool,
}

/// What the numbers of a poll teach: new memory and events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Learned {
    /// To be remembered.
    pub memory: FeedMemory,
    /// What happened.
    pub events: Vec<FeedEvent>,
}

/// How the transaction that stores a poll learns from it, from the memory the poll came with.
pub type Learn = fn(at: Timestamp, &FeedMemory, &Counted) -> Learned;
