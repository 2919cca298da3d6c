//! The open stories: what the store asks when it has a new item that matched.
//!
//! Data in: the marks that the store kept, then new items, one transaction after the other. Data out: which story each
//! belongs to.
//!
//! **Invariant:** what is known here is what is committed. The one who records polls gives the open stories away with each
//! transaction and gets them back only when it is committed; after any failure they are read from the store again.
//! **Invariant:** what a restart reads gives the same stories: an item is always taken in by the bytes that are kept of it.
//!
//! Rejected: a lock around the index, and undoing what a failed transaction did to it. What must be undone can be forgotten;
//! what is gone cannot be wrong.

use crate::{
    model::{Grouping, NewItem, Outlets, StoryId, StoryMark, Timestamp, Voice, time},
    store::{Error, Store},
    story::{Assignment, Fingerprint, Relation, Stories, WINDOW},
};

/// Marks read in one go.
const PAGE: usize = 2_000;

/// See the module.
#[derive(Debug, Default)]
pub struct OpenStories {
    stories: Stories,
}

impl OpenStories {
    /// The stories that are open at `now`, as the store has them. Marks that cannot be read, as those of another version
    /// of the program, are left out, and one line in the log says how many: their items join no story of the same words
    /// any more, and their links still do.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn load(store: &Store, now: Timestamp) -> Result<Self, Error> {
        let (mut open, mut after, mut unread) = (Self::default(), None, 0_usize);
        loop {
            let marks = store.story_marks(time::before(now, WINDOW), after, PAGE).await?;
            let Some((last, ..)) = marks.last() else { break };
            after = Some(*last);
            for (_, story, mark) in &marks {
                match Fingerprint::from_bytes(&mark.bytes) {
                    Some(print) => drop(open.stories.take(*story, print)),
                    None => unread += 1,
                }
            }
        }
        if unread > 0 {
            tracing::warn!(
                marks.unread = unread,
                "what is kept of {unread} items of open stories is of another version of wirewatch and is left out; later \
                 reports of their events may be mailed as new"
            );
        }
        tracing::debug!(stories.open = open.len(), "{} stories are open", open.len());
        Ok(open)
    }

    /// Number of open stories.
    pub fn len(&self) -> usize {
        self.stories.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.stories.is_empty()
    }
}

impl Grouping for OpenStories {
    fn mark(&mut self, new: &NewItem, read_at: Timestamp) -> Option<StoryMark> {
        let print = Fingerprint::of(&new.item, new.story_key, read_at, Outlets::known());
        Some(StoryMark { at: print.at(), bytes: print.to_bytes() })
    }

    fn place(&mut self, mark: &StoryMark, now: Timestamp) -> Option<StoryId> {
        let print = Fingerprint::from_bytes(&mark.bytes)?;
        match self.stories.place(&print, now) {
            Assignment::New { .. } => None,
            Assignment::Joins { story, .. } => Some(story),
        }
    }

    fn join(&mut self, story: StoryId, mark: &StoryMark) -> Voice {
        let Some(print) = Fingerprint::from_bytes(&mark.bytes) else { return Voice::Own };
        match self.stories.take(story, print) {
            Relation::Rewritten => Voice::Own,
            Relation::Copy | Relation::Syndicated(_) => Voice::Copy,
        }
    }
}
