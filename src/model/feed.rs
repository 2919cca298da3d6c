//! A feed: what the operator asked for, what we know of it, and what one reading of it gave.

use std::{sync::Arc, time::Duration};

use url::Url;

use super::{FeedMemory, Item, Timestamp};

/// Row key of a feed in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FeedId(pub i64);

/// What is mailed of the items found by the first successful poll of a new feed. All are stored either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnAdd {
    /// Nothing: everything found is a baseline.
    Baseline,
    /// The `n` newest items.
    Last(u32),
    /// Items published no longer than this before the poll; undated items are baseline.
    Since(Duration),
}

/// A feed as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedSpec {
    /// Address as configured, without fragment; the feed's identity.
    pub url: Url,
    /// Name to show; otherwise the feed's own title is shown.
    pub title: Option<String>,
    /// Time between polls.
    pub interval: Duration,
    /// See [`OnAdd`].
    pub on_add: OnAdd,
}

/// `ETag` and `Last-Modified` exactly as the server sent them (RFC 9110 §8.8), to be sent back byte for byte.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// Raw `ETag` field value.
    pub etag: Option<Vec<u8>>,
    /// Raw `Last-Modified` field value.
    pub last_modified: Option<Vec<u8>>,
}

/// What the store knows of a feed between two polls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeedState {
    /// Row key.
    pub id: FeedId,
    /// The configured feed.
    pub spec: FeedSpec,
    /// To be sent with the next poll.
    pub validators: Validators,
    /// Hash of the last body read in full.
    pub body_hash: Option<i64>,
    /// When the first successful poll was recorded; `None` for a new feed.
    pub baseline_at: Option<Timestamp>,
    /// When the last poll ended, whatever its outcome.
    pub last_poll_at: Option<Timestamp>,
    /// When a poll last succeeded (200 or 304).
    pub last_ok_at: Option<Timestamp>,
    /// When the next poll is due.
    pub next_poll_at: Timestamp,
    /// Failed polls since the last success.
    pub failures: u32,
    /// What else is remembered.
    pub memory: FeedMemory,
}

impl FeedState {
    /// A feed that was never visited, due at `now`.
    pub fn unread(id: FeedId, spec: FeedSpec, now: Timestamp) -> Self {
        Self {
            id,
            spec,
            validators: Validators::default(),
            body_hash: None,
            baseline_at: None,
            last_poll_at: None,
            last_ok_at: None,
            next_poll_at: now,
            failures: 0,
            memory: FeedMemory::default(),
        }
    }
}

/// One reading of a feed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ParsedFeed {
    /// Title as visible text.
    pub title: Option<String>,
    /// The site the feed belongs to.
    pub site: Option<Url>,
    /// Language the feed declares (BCP 47, lower case), e.g. `en-gb`.
    pub lang: Option<String>,
    /// In document order; at most `feed::MAX_ITEMS`.
    pub items: Vec<Item>,
}

/// Something in a feed that was mended or left out on the way to a [`ParsedFeed`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Warning {
    /// The bytes were not in the charset they claimed; what was used instead.
    Charset {
        /// Charset label used for decoding.
        used: &'static str,
    },
    /// The document was read by our own extraction and not by the parser for well-formed feeds, and why.
    Salvaged(&'static str),
    /// The last item is cut off by the body's end: its title is whole, the rest may not be. It is not to be stored, or
    /// it would be taken for known when it comes in full.
    CutItem,
    /// Entries of a news sitemap that carry no news; how many were left out.
    NotNews {
        /// Entries left out.
        count: usize,
    },
    /// More items than `feed::MAX_ITEMS`; how many were left out.
    TooManyItems {
        /// Items beyond the limit.
        dropped: usize,
    },
    /// A text was longer than its limit and was cut.
    Truncated {
        /// `title`, `summary` …
        field: &'static str,
    },
    /// Items without title, link and text; how many. They are among the items, but there is nothing in them to match or
    /// to show.
    EmptyItems {
        /// Such items.
        count: usize,
    },
}

/// What `feed:` looks at: the feed's name, if it has one, and its address.
pub fn feed_label(name: Option<&str>, url: &str) -> Arc<str> {
    match name {
        Some(name) => format!("{name} {url}").into(),
        None => url.into(),
    }
}
