//! The open stories, found by their terms.
//!
//! Data in: fingerprints in the order they are read. Data out: assignments; candidates for one item.
//!
//! **Invariant:** the work for one item is bounded ([`MAX_POSTINGS`], [`MAX_CANDIDATES`]), however many stories are open.
//! **Invariant:** a story that is closed is never a candidate.
//! **Invariant:** memory is bounded: at most [`MAX_OPEN`] stories, each listed by at most [`MAX_LISTED`] of its items. What
//! is beyond is still one story by its link, which is the store's.
//!
//! Rejected: comparing with every open story: 100,000 of them cost 100 ms an item. Rejected: locality-sensitive
//! hashing: it needs texts that are nearly the same.

use std::collections::{BTreeSet, HashMap};

use super::{
    assign::{Assignment, WINDOW, Why, assign, is_open},
    fingerprint::Fingerprint,
    head::{Relation, StoryHead},
    terms::Term,
};
use crate::model::{StoryId, StoryKey, Timestamp, time};

/// Stories compared with an item at most, those that share most with it.
pub const MAX_CANDIDATES: usize = 32;
/// Entries of the index looked at for one item at most; of a long list the newest stories.
pub const MAX_POSTINGS: usize = 6_000;
/// Open stories at most, of which one with a single item takes about 2.5 kB (measured: 246 MiB for all); beyond that the one that has been silent for
/// longest is closed.
pub const MAX_OPEN: usize = 100_000;
/// Items of a story by whose terms, links and texts it is found at most: the first ones.
pub const MAX_LISTED: usize = 256;
/// Terms of an item by which its story can be found, those that tell most.
const FIND_BY: usize = 20;
/// Stories as which the built-in rarity of a term counts beside what the open stories show.
const PRIOR: f32 = 400.0;

/// In how many open stories each term stands.
#[derive(Debug, Clone, Default)]
pub struct Commonness {
    stories: u32,
    having: HashMap<u32, u32>,
}

impl Commonness {
    /// How much a term tells, in nats: what is built in, corrected by the open stories. The one that is being compared
    /// may have the term itself, so one does not count.
    pub(super) fn weight(&self, term: &Term) -> f32 {
        let share = (-f32::from(term.rarity) / 8.0).exp();
        let others = self.having.get(&term.id).copied().unwrap_or_default().saturating_sub(1);
        -((PRIOR * share + others as f32) / (PRIOR + self.stories as f32)).min(1.0).ln()
    }
}

/// The open stories.
#[derive(Debug, Clone, Default)]
pub struct Stories {
    heads: HashMap<StoryId, Entry>,
    postings: HashMap<u32, Vec<StoryId>>,
    links: HashMap<StoryKey, StoryId>,
    texts: HashMap<u64, StoryId>,
    by_age: BTreeSet<(Timestamp, StoryId)>,
    commonness: Commonness,
    stale: usize,
    live: usize,
}

#[derive(Debug, Clone)]
struct Entry {
    head: StoryHead,
    /// Terms by which it is found.
    found_by: BTreeSet<u32>,
    /// Terms that count for commonness.
    terms: BTreeSet<u32>,
    links: Vec<StoryKey>,
    texts: Vec<u64>,
    /// Items listed.
    listed: usize,
}

impl Stories {
    /// Number of open stories.
    pub fn len(&self) -> usize {
        self.heads.len()
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    /// How common terms are among the open stories.
    pub fn commonness(&self) -> &Commonness {
        &self.commonness
    }

    /// The open story with this key.
    pub fn get(&self, id: StoryId) -> Option<&StoryHead> {
        self.heads.get(&id).map(|entry| &entry.head)
    }

    /// Stories that `item` could belong to, the likeliest first; at most [`MAX_CANDIDATES`] and those that have its
    /// link or its text.
    pub fn candidates(&self, item: &Fingerprint) -> Vec<&StoryHead> {
        let mut shared: HashMap<StoryId, f32> = HashMap::new();
        let mut budget = MAX_POSTINGS;
        for (id, weight) in telling(item) {
            let Some(list) = self.postings.get(&id) else { continue };
            for story in list.iter().rev().take(budget) {
                *shared.entry(*story).or_default() += weight;
            }
            budget = budget.saturating_sub(list.len());
            if budget == 0 {
                break;
            }
        }
        let mut ranked: Vec<(StoryId, f32)> = shared.into_iter().collect();
        let order = |a: &(StoryId, f32), b: &(StoryId, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if ranked.len() > MAX_CANDIDATES {
            ranked.select_nth_unstable_by(MAX_CANDIDATES, order);
            ranked.truncate(MAX_CANDIDATES);
        }
        ranked.sort_by(order);
        let sure = item.link.and_then(|link| self.links.get(&link)).into_iter();
        let sure = sure.chain(item.text.and_then(|text| self.texts.get(&text)));
        let mut ids: Vec<StoryId> = sure.copied().collect();
        ids.extend(ranked.into_iter().map(|(id, _)| id));
        let mut seen = BTreeSet::new();
        ids.retain(|id| seen.insert(*id));
        ids.into_iter().filter_map(|id| self.get(id)).collect()
    }

    /// Assigns `item` and takes it in; `id` is the key of the story it begins if it belongs to none. Stories whose last
    /// item is more than [`WINDOW`] before `now` are closed first.
    pub fn add(&mut self, item: Fingerprint, id: StoryId, now: Timestamp) -> Assignment {
        let assignment = self.place(&item, now);
        let story = match &assignment {
            Assignment::New { .. } => id,
            Assignment::Joins { story, .. } => *story,
        };
        self.take(story, item);
        assignment
    }

    /// Where `item`, read at `now`, belongs; it is not taken in. Stories whose last item is more than [`WINDOW`] before
    /// `now` are closed first.
    pub fn place(&mut self, item: &Fingerprint, now: Timestamp) -> Assignment {
        self.close(now);
        let linked = item.link.and_then(|link| self.links.get(&link)).and_then(|id| self.get(*id));
        match linked.filter(|story| is_open(story, item, now)) {
            // Also when the item that had the link is no longer kept.
            Some(story) => {
                Assignment::Joins { story: story.id(), why: Why::SameLink, news: story.news(item) }
            }
            None => assign(item, self.candidates(item), &self.commonness, now),
        }
    }

    /// Takes `item` into a story, which is opened if it is not open; says how its text relates to what the story had.
    pub fn take(&mut self, id: StoryId, item: Fingerprint) -> Relation {
        self.list(id, &item);
        match self.heads.get_mut(&id) {
            Some(entry) => {
                let relation = entry.head.relation(&item);
                self.by_age.remove(&(entry.head.last_at(), id));
                entry.head.join(item);
                self.by_age.insert((entry.head.last_at(), id));
                relation
            }
            None => {
                self.open(StoryHead::new(id, item));
                Relation::Rewritten
            }
        }
    }

    fn open(&mut self, head: StoryHead) {
        while self.heads.len() >= MAX_OPEN
            && let Some((_, oldest)) = self.by_age.first().copied()
        {
            self.remove(oldest);
        }
        let id = head.id();
        let members = head.members().to_vec();
        self.by_age.insert((head.last_at(), id));
        self.commonness.stories += 1;
        let entry = Entry {
            head,
            found_by: BTreeSet::new(),
            terms: BTreeSet::new(),
            links: Vec::new(),
            texts: Vec::new(),
            listed: 0,
        };
        self.heads.insert(id, entry);
        for member in &members {
            self.list(id, member);
        }
    }

    /// Makes a story findable by what `item` has.
    fn list(&mut self, id: StoryId, item: &Fingerprint) {
        let Some(entry) = self.heads.get_mut(&id).filter(|entry| entry.listed < MAX_LISTED) else { return };
        entry.listed += 1;
        let telling = telling(item);
        for (term, _) in telling {
            if entry.found_by.insert(term) {
                self.postings.entry(term).or_default().push(id);
                self.live += 1;
            }
        }
        for term in &item.terms {
            if entry.terms.insert(term.id) {
                *self.commonness.having.entry(term.id).or_default() += 1;
            }
        }
        if let Some(link) = item.link {
            self.links.insert(link, id);
            entry.links.push(link);
        }
        if let Some(text) = item.text {
            self.texts.insert(text, id);
            entry.texts.push(text);
        }
    }

    /// Closes the stories whose last item is more than [`WINDOW`] before `now`; returns how many.
    pub fn close(&mut self, now: Timestamp) -> usize {
        let edge = time::before(now, WINDOW);
        let mut closed = 0;
        while let Some((at, id)) = self.by_age.first().copied().filter(|(at, _)| *at < edge) {
            self.by_age.remove(&(at, id));
            self.remove(id);
            closed += 1;
        }
        if self.stale > self.live {
            let heads = &self.heads;
            self.postings.retain(|_, list| {
                list.retain(|id| heads.contains_key(id));
                !list.is_empty()
            });
            self.stale = 0;
        }
        closed
    }

    fn remove(&mut self, id: StoryId) {
        let Some(entry) = self.heads.remove(&id) else { return };
        self.by_age.remove(&(entry.head.last_at(), id));
        self.commonness.stories = self.commonness.stories.saturating_sub(1);
        for term in &entry.terms {
            if let Some(count) = self.commonness.having.get_mut(term) {
                *count -= 1;
                if *count == 0 {
                    self.commonness.having.remove(term);
                }
            }
        }
        for link in &entry.links {
            if self.links.get(link) == Some(&id) {
                self.links.remove(link);
            }
        }
        for text in &entry.texts {
            if self.texts.get(text) == Some(&id) {
                self.texts.remove(text);
            }
        }
        self.stale += entry.found_by.len();
        self.live = self.live.saturating_sub(entry.found_by.len());
    }
}

/// The terms by which an item is found, the rarest first, those of titles counting more.
fn telling(item: &Fingerprint) -> Vec<(u32, f32)> {
    let weight = |term: &Term| {
        let share = if term.in_title { 1.0 } else { 0.6 };
        // By what is built in alone, so that a story is found by the same terms whenever it is looked for.
        (term.id, share * f32::from(term.rarity) / 8.0)
    };
    let mut terms: Vec<(u32, f32)> = item.terms.iter().map(weight).collect();
    terms.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    terms.truncate(FIND_BY);
    terms
}
