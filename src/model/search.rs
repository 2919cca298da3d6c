//! What searching the archive is asked and answers.

use super::{Item, ItemId, Timestamp};

/// Which items may hold what is looked for, in terms of the tokens that the index has of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Narrowing {
    /// Items with this token.
    Token(Box<str>),
    /// Items with a token that begins so.
    Prefix(Box<str>),
    /// Items that satisfy each; not empty.
    All(Vec<Narrowing>),
    /// Items that satisfy at least one; not empty.
    Any(Vec<Narrowing>),
}

impl Narrowing {
    /// Tokens and beginnings named in it, repetitions counted.
    pub fn leaves(&self) -> usize {
        match self {
            Self::Token(_) | Self::Prefix(_) => 1,
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::leaves).sum(),
        }
    }

    /// Groups inside each other; 0 for a leaf.
    pub fn depth(&self) -> usize {
        match self {
            Self::Token(_) | Self::Prefix(_) => 0,
            Self::All(parts) | Self::Any(parts) => 1 + parts.iter().map(Self::depth).max().unwrap_or(0),
        }
    }
}

/// What the index of the archive has of one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexEntry {
    /// Which item.
    pub id: ItemId,
    /// Tokens with a space between; letters, digits and characters beyond ASCII.
    pub tokens: String,
}

/// How far the index of the archive has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexState {
    /// Form of the tokens in it; 0 while there is no index.
    pub form: i64,
    /// All items up to this one are in it; `ItemId(0)`: none.
    pub indexed_to: ItemId,
}

/// A page of stored items, newest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchivePage {
    /// Only items that the index has under this; `None`: all.
    pub narrowing: Option<Narrowing>,
    /// Only items behind this one.
    pub above: ItemId,
    /// Only items before this one; `None`: up to the newest.
    pub below: Option<ItemId>,
    /// Only items first seen at this instant or later; `None`: from the first.
    pub since: Option<Timestamp>,
    /// At most so many.
    pub limit: usize,
}

/// A stored item as a search shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredItem {
    /// Row key.
    pub id: ItemId,
    /// The item as it was read.
    pub item: Item,
    /// Name of the feed for people.
    pub source: String,
    /// When we first read it.
    pub first_seen_at: Timestamp,
}
