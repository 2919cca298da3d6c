//! An item and the open stories it could belong to → the story it joins, or a new one.
//!
//! Data in: a fingerprint, candidates, how common terms are now. Data out: [`Assignment`], with its reason.
//!
//! **Invariant:** total and deterministic: every item is assigned, and the order of candidates does not matter.
//! **Invariant:** an item never joins a story whose last item is more than [`WINDOW`] away from it.
//! **Invariant:** the same canonical link within the window is always the same story.
//!
//! Rejected: to merge stories that a later item shows to be one: mails that were sent would have told of two.

use std::time::Duration;

use super::{
    fingerprint::Fingerprint,
    head::{News, StoryHead},
    index::Commonness,
    likeness::{self, Likeness},
};
use crate::model::{StoryId, Timestamp, time};

/// How long a story stays open after its last item.
pub const WINDOW: Duration = Duration::from_hours(72);

/// Where an item belongs.
#[derive(Debug, Clone, PartialEq)]
pub enum Assignment {
    /// It begins a story.
    New {
        /// The story that came nearest, if any was compared.
        nearest: Option<(StoryId, Likeness)>,
    },
    /// It belongs to an open story.
    Joins {
        /// Which.
        story: StoryId,
        /// What showed it.
        why: Why,
        /// What it adds; empty when nobody needs to hear of it.
        news: Vec<News>,
    },
}

/// Why an item belongs to a story.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Why {
    /// A member has the same canonical link.
    SameLink,
    /// A member has the same words.
    SameText,
    /// It reports the same event in other words.
    Alike(Likeness),
}

/// Assigns `item` to one of `candidates`, or to a story of its own. `now` is when the item was read: a story whose
/// last item is older than [`WINDOW`] by then is closed. Of several stories the one that it is surest of is taken: same
/// link, then same text, then likeness, then the older story.
pub fn assign<'a>(
    item: &Fingerprint,
    candidates: impl IntoIterator<Item = &'a StoryHead>,
    commonness: &Commonness,
    now: Timestamp,
) -> Assignment {
    let mut nearest: Option<(StoryId, Likeness)> = None;
    let mut best: Option<(&StoryHead, Why)> = None;
    for story in candidates.into_iter().filter(|story| is_open(story, item, now)) {
        let why = match certain(item, story) {
            Some(why) => why,
            None => {
                let likeness = likeness::to_story(item, story, commonness);
                let is_nearer = |(id, other): (StoryId, Likeness)| {
                    (likeness.score, id) > (other.score, story.id()) && likeness.score >= other.score
                };
                if nearest.is_none_or(is_nearer) {
                    nearest = Some((story.id(), likeness));
                }
                if !likeness.is_same_event() {
                    continue;
                }
                Why::Alike(likeness)
            }
        };
        let is_better = |(other, reason): (&StoryHead, Why)| {
            let (a, b) = (rank(why), rank(reason));
            a.0 < b.0 || a.0 == b.0 && (a.1 > b.1 || a.1 == b.1 && story.id() < other.id())
        };
        if best.is_none_or(is_better) {
            best = Some((story, why));
        }
    }
    match best {
        Some((story, why)) => Assignment::Joins { story: story.id(), why, news: story.news(item) },
        None => Assignment::New { nearest },
    }
}

/// Smaller is surer; among likenesses the higher score.
fn rank(why: Why) -> (u8, f32) {
    match why {
        Why::SameLink => (0, 0.0),
        Why::SameText => (1, 0.0),
        Why::Alike(likeness) => (2, likeness.score),
    }
}

/// Whether a story can take in an item that is read at `now`.
pub(super) fn is_open(story: &StoryHead, item: &Fingerprint, now: Timestamp) -> bool {
    let near = |a: Timestamp, b: Timestamp| time::between(a, b).max(time::between(b, a)) <= WINDOW;
    let reaches = item.at >= story.first_at() && item.at <= story.last_at();
    time::between(story.last_at(), now) <= WINDOW
        && (reaches || near(item.at, story.last_at()) || near(item.at, story.first_at()))
}

fn certain(item: &Fingerprint, story: &StoryHead) -> Option<Why> {
    let members = story.members();
    if item.link.is_some() && members.iter().any(|member| member.link == item.link) {
        return Some(Why::SameLink);
    }
    (item.text.is_some() && members.iter().any(|member| member.text == item.text)).then_some(Why::SameText)
}
