//! One visit to a feed and what came of it.

use url::Url;

use super::{FeedEvent, FeedId, FeedMemory, ItemId, NewItem, Timestamp, Validators, Warning};

/// A redirect that was followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    /// Where the answer sent us.
    pub to: Url,
}

/// Why a poll failed, in classes that are handled or told differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The address may not be visited: private network, bad scheme, too many redirects.
    Refused,
    /// Name not found or resolver failure.
    Dns,
    /// No connection, or it broke.
    Connect,
    /// TLS failure.
    Tls,
    /// A time limit ran out.
    Timeout,
    /// HTTP status 4xx other than 410 and 429.
    ClientError(u16),
    /// HTTP status 410.
    Gone,
    /// HTTP status 429, or 503 with `Retry-After`.
    RateLimited,
    /// HTTP status 5xx.
    ServerError(u16),
    /// The body was longer than the limit, shorter than announced, or badly compressed.
    Body,
    /// The body is no feed, or none we can read.
    NotAFeed,
    /// The body is large, and other large ones took all the memory there is for them: no fault of the feed's.
    NoRoom,
    /// A fault of our own, caught while reading the feed.
    Internal,
}

impl FailureKind {
    /// Stable word for the store, logs and `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Dns => "dns",
            Self::Connect => "connect",
            Self::Tls => "tls",
            Self::Timeout => "timeout",
            Self::ClientError(401 | 407) => "login",
            Self::ClientError(403) => "forbidden",
            Self::ClientError(_) => "client-error",
            Self::Gone => "gone",
            Self::RateLimited => "rate-limited",
            Self::ServerError(_) => "server-error",
            Self::Body => "body",
            Self::NotAFeed => "not-a-feed",
            Self::NoRoom => "no-room",
            Self::Internal => "internal",
        }
    }
}

/// A failed poll: expected, recorded, told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollFailure {
    /// Class.
    pub kind: FailureKind,
    /// In plain words, without secrets: "the server answered 404 Not Found".
    pub message: String,
    /// Not before this instant, when the server said so (`Retry-After`).
    pub retry_at: Option<Timestamp>,
}

/// What one poll gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PollOutcome {
    /// A body we read.
    Modified {
        /// From this answer, verbatim.
        validators: Validators,
        /// Hash of the decoded body.
        body_hash: i64,
        /// The feed's own title.
        title: Option<String>,
        /// Everything in the feed, known or not, in document order.
        items: Vec<NewItem>,
        /// What was mended on the way.
        warnings: Vec<Warning>,
    },
    /// 304, or a body that equals the last one byte for byte.
    NotModified {
        /// Validators to use from now on.
        validators: Validators,
    },
    /// Nothing could be read.
    Failed(PollFailure),
}

/// One visit to a feed, ready to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poll {
    /// Which feed.
    pub feed: FeedId,
    /// When it ended.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: PollOutcome,
    /// When the feed is due again.
    pub next_poll_at: Timestamp,
    /// Failures in a row, this poll included; 0 after a success.
    pub failures: u32,
    /// What is remembered of the feed from now on, before its items are counted.
    pub memory: FeedMemory,
    /// What this poll says happened to the feed.
    pub events: Vec<FeedEvent>,
}

/// What recording a poll changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Which feed.
    pub feed: FeedId,
    /// Items stored by this poll, in document order; never one that was known.
    pub new_items: Vec<ItemId>,
    /// Of those, how many matched at least one topic.
    pub matched: usize,
    /// Rows that now wait for the planner.
    pub pending: usize,
    /// What is remembered of the feed from now on.
    pub memory: FeedMemory,
    /// What happened to the feed, in the order it is stored.
    pub events: Vec<FeedEvent>,
}
