//! Which story an item belongs to: what the one who knows the open stories and the one who stores items say to each other.
//!
//! Data in: a new item that matched. Data out: a [`StoryMark`] to keep, the story it joins, its [`Voice`] there.
//!
//! **Invariant:** whoever stores asks only for items that are really new, and only inside the transaction that stores
//! them; what was asked counts only if that transaction is committed.
//!
//! Rejected: to decide when a feed is read. Two feeds that are read at once would both begin a story of the same event.

use super::{NewItem, StoryId, Timestamp};

/// What of an item is compared with others. Only who made it reads the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoryMark {
    /// When the item was published, as far as is known: the story stays open for a while after the latest.
    pub at: Timestamp,
    /// To be kept and given back as they are.
    pub bytes: Vec<u8>,
}

/// Whether an item adds a voice to its story.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Voice {
    /// A report in the outlet's own words.
    Own,
    /// A text that the story has already: word for word, or of an agency that it has.
    Copy,
}

/// Knows the open stories.
pub trait Grouping: Send + 'static {
    /// What of an item, read at `read_at`, is compared; `None`: it is grouped by its link alone.
    fn mark(&mut self, new: &NewItem, read_at: Timestamp) -> Option<StoryMark>;

    /// The open story that reports the same event; `None`: the item begins one. `now` is when the item was read.
    fn place(&mut self, mark: &StoryMark, now: Timestamp) -> Option<StoryId>;

    /// The item is of this story now, which is opened if it is not open.
    fn join(&mut self, story: StoryId, mark: &StoryMark) -> Voice;
}

/// Groups by links alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct ByLink;

impl Grouping for ByLink {
    fn mark(&mut self, _: &NewItem, _: Timestamp) -> Option<StoryMark> {
        None
    }

    fn place(&mut self, _: &StoryMark, _: Timestamp) -> Option<StoryId> {
        None
    }

    fn join(&mut self, _: StoryId, _: &StoryMark) -> Voice {
        Voice::Own
    }
}
