//! What can be news about a story that a recipient was told of, and how often topics were matched.

use std::sync::Arc;

use super::TopicName;

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
    /// Distinct sources that report it now; a threshold of `corroborate` lies between this and what was told.
    Sources(u32),
    /// The first first-tier source that reports it.
    FirstTier {
        /// Its host, or the name of its feed.
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

/// How often a topic was matched, day by day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicVolume {
    /// Which topic.
    pub topic: TopicName,
    /// Stories of each of the last 14 local days, the day of the mail last.
    pub days: Vec<u32>,
    /// Stories of the last 7 days: the sum of the last seven of `days`.
    pub week: u32,
    /// Median of the weeks before; `None` while fewer than two of them are known.
    pub usual_week: Option<u32>,
}
