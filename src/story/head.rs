//! A story as assigning sees it: its members, who reported it, what is new when one more joins.
//!
//! Data in: fingerprints in the order they were assigned. Data out: [`StoryHead`], [`News`].
//!
//! **Invariant:** a head keeps at most [`MAX_MEMBERS`] fingerprints, the first of them for ever: a story cannot drift
//! away from the event that began it.
//! **Invariant:** a copy never counts as a further source.
//!
//! Rejected: one centroid. It grows towards whatever is common, and then everything of a war is near it.

use std::collections::BTreeSet;

use super::{
    credit::Agency,
    fingerprint::Fingerprint,
    terms::{Kind, Term},
};
use crate::model::{StoryId, Tier, Timestamp};

/// Fingerprints kept of a story: the first, and the newest of the others.
pub const MAX_MEMBERS: usize = 8;
/// Terms of titles remembered to tell a changed headline.
pub const MAX_TOLD: usize = 256;
/// Sources counted one by one; a story that has more is news no longer by their number.
pub const MAX_SOURCES: usize = 256;

/// An open story.
#[derive(Debug, Clone, PartialEq)]
pub struct StoryHead {
    id: StoryId,
    members: Vec<Fingerprint>,
    first_at: Timestamp,
    last_at: Timestamp,
    /// Hashes of outlets that reported by themselves.
    sources: BTreeSet<u64>,
    agencies: BTreeSet<Agency>,
    best: Tier,
    /// Ids of terms and numbers the titles have told.
    told: BTreeSet<u32>,
}

/// What an item adds to the story it joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// An outlet that had not reported it; so many have now, copies not counted.
    Corroborated {
        /// Outlets that reported by themselves, this one included; at least 2.
        sources: u32,
    },
    /// An outlet of a better tier than any before.
    BetterSource {
        /// Its tier.
        tier: Tier,
    },
    /// The headline names someone, a country or a figure that nobody told before.
    HeadlineChanged,
}

/// How an item's text relates to what the story has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// Word for word what a member says.
    Copy,
    /// The report of an agency that the story already has, under another headline: by the agency itself, or by an outlet
    /// that credits it.
    Syndicated(Agency),
    /// A report in its own words.
    Rewritten,
}

impl StoryHead {
    /// A story that begins with an item.
    pub fn new(id: StoryId, first: Fingerprint) -> Self {
        let mut head = Self {
            id,
            members: Vec::new(),
            first_at: first.at,
            last_at: first.at,
            sources: BTreeSet::new(),
            agencies: BTreeSet::new(),
            best: Tier::Other,
            told: BTreeSet::new(),
        };
        head.join(first);
        head
    }

    /// Its key.
    pub fn id(&self) -> StoryId {
        self.id
    }

    /// When its earliest item was published.
    pub fn first_at(&self) -> Timestamp {
        self.first_at
    }

    /// When its latest item was published: the window slides with it.
    pub fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// The items that a new one is compared with; the first of the story first, not empty, at most [`MAX_MEMBERS`].
    pub fn members(&self) -> &[Fingerprint] {
        &self.members
    }

    /// Outlets that reported it by themselves; at least 1, at most [`MAX_SOURCES`].
    pub fn sources(&self) -> u32 {
        u32::try_from(self.sources.len()).unwrap_or(u32::MAX)
    }

    /// The best tier that reported it.
    pub fn best_tier(&self) -> Tier {
        self.best
    }

    /// How `item` relates to what the story has.
    pub fn relation(&self, item: &Fingerprint) -> Relation {
        if item.text.is_some() && self.members.iter().any(|member| member.text == item.text) {
            return Relation::Copy;
        }
        item.voice()
            .filter(|agency| self.agencies.contains(agency))
            .map_or(Relation::Rewritten, Relation::Syndicated)
    }

    /// What would be new if `item` joined, in the order of [`News`]; empty for copies and repetitions.
    pub fn news(&self, item: &Fingerprint) -> Vec<News> {
        let mut news = Vec::new();
        if self.relation(item) == Relation::Copy {
            return news;
        }
        if self.relation(item) == Relation::Rewritten
            && self.sources.len() < MAX_SOURCES
            && !self.sources.contains(&source(item))
        {
            news.push(News::Corroborated { sources: self.sources().saturating_add(1) });
        }
        if item.outlet.tier < self.best {
            news.push(News::BetterSource { tier: item.outlet.tier });
        }
        if item.terms.iter().any(|term| self.is_new(term)) {
            news.push(News::HeadlineChanged);
        }
        news
    }

    /// Whether a term of a title tells what has not been told: someone, a country, or a figure that is no small count.
    /// Other words differ from desk to desk.
    fn is_new(&self, term: &Term) -> bool {
        let counts = match term.kind {
            Kind::Person | Kind::Place | Kind::Percent | Kind::Money | Kind::Ordinal => true,
            Kind::Number => term.is_long_number(),
            Kind::Word | Kind::Kin | Kind::Name => false,
        };
        term.in_title && counts && !self.told.contains(&term.id)
    }

    /// Takes `item` in.
    pub fn join(&mut self, item: Fingerprint) {
        self.first_at = self.first_at.min(item.at);
        self.last_at = self.last_at.max(item.at);
        if self.relation(&item) == Relation::Rewritten && self.sources.len() < MAX_SOURCES {
            self.sources.insert(source(&item));
        }
        self.agencies.extend(item.voice());
        self.best = self.best.min(item.outlet.tier);
        for term in &item.terms {
            if self.told.len() < MAX_TOLD {
                self.told.insert(term.id);
            }
        }
        let is_copy = self.members.iter().any(|member| member.terms == item.terms);
        if is_copy {
            return;
        }
        if self.members.len() >= MAX_MEMBERS {
            self.members.remove(1);
        }
        self.members.push(item);
    }
}

/// Which of the items of a story to show first, each given by the tier of its outlet and when it was published: of the
/// best tier the earliest, among equals the first; `None` for none. The others are "also in".
pub fn primary(items: impl IntoIterator<Item = (Tier, Timestamp)>) -> Option<usize> {
    let ranked = items.into_iter().enumerate();
    ranked.min_by_key(|(at, rank)| (*rank, *at)).map(|(at, _)| at)
}

fn source(item: &Fingerprint) -> u64 {
    xxhash_rust::xxh3::xxh3_64(item.outlet.name.as_bytes())
}
