//! Items → stories: which of them report one event, and what is new when one more does.
//!
//! Data in: items in the order they are read, each with its link key. Data out: an [`Assignment`] for each; what is
//! kept of a story is a [`StoryHead`].
//!
//! ```text
//! Item ─▶ Fingerprint::of ─▶ Stories::candidates (by shared rare terms) ─▶ assign ─▶ New | Joins{story, why, news}
//! ```
//! A fingerprint holds terms: stems, people and places under one name, numbers by value ([`Fingerprint`]). An item and
//! a story are one event when their titles cover each other, by words that tell something, and nothing contradicts: no
//! other person, country or figure, not too long between them. Sure without that: the same canonical link, the same
//! text.
//!
//! **Invariant:** no state beside the open stories: replayed in the same order, the same items give the same stories.
//! **Invariant:** a report in Chinese and one in a language of letters are never joined, except by their link.
//!
//! Rejected: embeddings. A model of 100 MB in a daemon of 20, slower by a factor of a thousand, and no reason to show.

mod assign;
mod credit;
mod fingerprint;
mod head;
mod headline;
mod index;
mod lexicon;
mod likeness;
mod number;
mod terms;
#[cfg(test)]
mod tests;

pub use assign::{Assignment, WINDOW, Why, assign};
pub use credit::Agency;
pub use fingerprint::{Fingerprint, MIN_COPY_TOKENS};
pub use head::{MAX_MEMBERS, MAX_SOURCES, MAX_TOLD, News, Relation, StoryHead, primary};
pub use headline::is_another;
pub use index::{Commonness, MAX_CANDIDATES, MAX_LISTED, MAX_OPEN, MAX_POSTINGS, Stories};
pub use likeness::{Against, Likeness, THRESHOLD};
