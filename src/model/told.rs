//! What a recipient was told of a story, and what can be news about it afterwards.

use std::{collections::BTreeSet, sync::Arc};

use super::{NotificationId, Outlet, Recipient, StoryId, Tier, Timestamp, TopicName, Voice};

/// What can be news about a story that was alerted before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum NewsKind {
    /// So many sources report it now.
    Sources,
    /// A first-tier source reports it too.
    FirstTier,
    /// A clause of a topic holds that did not before.
    Clause,
    /// The headline says something else.
    Headline,
}

impl NewsKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sources, Self::FirstTier, Self::Clause, Self::Headline];

    /// Word in the configuration and in templates.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sources => "sources",
            Self::FirstTier => "first-tier",
            Self::Clause => "clause",
            Self::Headline => "headline",
        }
    }
}

/// One thing that is new about a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Distinct sources that report it now in words of their own; a threshold of `corroborate` lies between this and
    /// what was told.
    Sources(u32),
    /// The first first-tier source that reports it.
    FirstTier {
        /// Its name.
        source: String,
    },
    /// A clause that holds now.
    Clause {
        /// Of which topic.
        topic: TopicName,
        /// As the topic's author wrote it.
        clause: Arc<str>,
    },
    /// The headline changed.
    Headline {
        /// As it was told.
        before: String,
        /// As it is.
        now: String,
    },
}

impl News {
    /// What kind of news it is.
    pub fn kind(&self) -> NewsKind {
        match self {
            Self::Sources(_) => NewsKind::Sources,
            Self::FirstTier { .. } => NewsKind::FirstTier,
            Self::Clause { .. } => NewsKind::Clause,
            Self::Headline { .. } => NewsKind::Headline,
        }
    }
}

/// An item of a story, as far as it decides what is news.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryItem {
    /// Who published it.
    pub outlet: Outlet,
    /// Whether it is a voice of its own.
    pub voice: Voice,
    /// When it was published, or first read where its feed does not tell.
    pub at: Timestamp,
    /// Headline.
    pub title: String,
    /// Clauses that matched, by topic, without duplicates.
    pub clauses: BTreeSet<(TopicName, Arc<str>)>,
}

/// What the last alert or update told a recipient of a story.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// 1 for the first mail; each update adds one.
    pub revision: u32,
    /// When that mail was enqueued.
    pub at: Timestamp,
    /// Distinct sources it counted, copies of one text once.
    pub sources: u32,
    /// [`Tier::First`] when a first-tier source was among them, otherwise [`Tier::Other`].
    pub tier: Tier,
    /// Headline it carried.
    pub headline: String,
    /// Hashes of the clauses that held, rising, without duplicates.
    pub clauses: Vec<u64>,
    /// The first mail about the story to this recipient: updates answer it.
    pub thread: Option<NotificationId>,
}

/// A story a recipient wants no alerts of for a while.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mute {
    /// Who; `None`: everybody.
    pub recipient: Option<Recipient>,
    /// Which story.
    pub story: StoryId,
    /// Until when.
    pub until: Timestamp,
}

/// How often a topic was matched, day by day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicVolume {
    /// Which topic.
    pub topic: TopicName,
    /// Stories of each of the last 14 whole local days of the reader, the day before the mail last; a story that went on
    /// for days counts on each.
    pub days: Vec<u32>,
    /// Stories of the last 7 days: the sum of the last seven of `days`.
    pub week: u32,
    /// Median of the weeks before; `None` while fewer than two of them are known.
    pub usual_week: Option<u32>,
}
