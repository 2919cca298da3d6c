//! Topics and matches.

use std::{fmt, ops::Range, sync::Arc};

use super::Field;

/// Stable key of a topic: lower-case ASCII letters, digits and `-`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicName(pub Arc<str>);

impl TopicName {
    /// Wraps a name that was checked by the configuration or read back from the store.
    pub fn new(name: &str) -> Self {
        Self(Arc::from(name))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TopicName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A topic as listings and mails show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Stable key.
    pub name: TopicName,
    /// Name for people.
    pub title: String,
    /// Changes whenever the rules change: hash of their canonical form.
    pub revision: i64,
}

/// An item matched a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Match {
    /// Which topic.
    pub topic: TopicName,
    /// [`Topic::revision`] that matched.
    pub revision: i64,
    /// What made it match: in reading order, at most `matching::MAX_HITS`.
    pub hits: Vec<ClauseHit>,
}

/// One place in an item that a clause of a topic matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClauseHit {
    /// The clause as the topic's author wrote it.
    pub clause: Arc<str>,
    /// Where.
    pub field: Field,
    /// Byte range in that field's text, on character boundaries.
    pub span: Range<usize>,
}
