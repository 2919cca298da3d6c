//! Which topics an item matches, and why.
//!
//! In: compiled topics and an item. Out: [`Match`]es with the places that made them, or an [`Explanation`] of a
//! match or a miss. An item is folded once for all topics; every token costs one look into a common vocabulary;
//! only topics of whose key a word occurred are evaluated.
//!
//! **Invariant:** [`matches()`] and [`explain`] agree on every topic and item. A phrase never runs from one part of
//! an item into the next.
//!
//! Rejected: evaluating each topic on its own. Ten thousand topics share most of their words.

#[cfg(test)]
mod builtin_tests;
mod checks;
mod compile;
mod evaluate;
mod explain;
mod key;
mod narrow;
#[cfg(test)]
mod narrow_tests;
mod pattern;
mod scan;
#[cfg(test)]
mod tests;
mod vocabulary;

pub use compile::{CompileError, CompiledTopics, MAX_CLAUSES, MAX_PATTERNS_BYTES, MAX_TOPICS};
pub use evaluate::MAX_PLACES;
pub use explain::{Explanation, Label, Node, Reason, explain};
pub use narrow::{INDEX_FORM, MAX_LEAVES, MAX_NESTING, index_tokens, narrowing};
pub use pattern::{MAX_PATTERN_HITS, MAX_TABLE_BYTES};

use std::collections::BTreeSet;

use crate::{
    model::{ClauseHit, Item, Match},
    query::ast::Proximity,
};

use compile::{Node as Rule, NodeId};
use evaluate::{Evaluation, Verdicts};
use scan::{Places, Span};
use vocabulary::{Atom, index};

/// Places kept of one match: enough to show why, small enough to store.
pub const MAX_HITS: usize = 20;

/// Topics that `item` matches, sorted by name, no duplicates. Each has at least one hit and at most
/// [`MAX_HITS`], in reading order; every clause that occurred is shown before any is shown twice.
/// Linear in the length of the item. For many items make one [`Matcher`].
pub fn matches(topics: &CompiledTopics, item: &Item) -> Vec<Match> {
    Matcher::new(topics).matches(item)
}

/// Judges items one after the other; what it allocates is used again.
#[derive(Debug)]
pub struct Matcher<'a> {
    topics: &'a CompiledTopics,
    places: Places,
    verdicts: Verdicts,
    /// Of each topic: the epoch in which a group of its key last occurred, and in the bits of [`GROUPS`] which did.
    noted: Vec<u32>,
    /// Rises by [`EPOCH`] with every item.
    epoch: u32,
    candidates: Vec<u32>,
    matched: Vec<usize>,
}

/// Bits of a note that say which groups of a key occurred.
const GROUPS: u32 = (1 << key::MAX_GROUPS) - 1;
/// One step of the epoch, above those bits.
const EPOCH: u32 = GROUPS + 1;

impl<'a> Matcher<'a> {
    /// For these topics.
    pub fn new(topics: &'a CompiledTopics) -> Self {
        Self {
            topics,
            places: Places::new(topics),
            verdicts: Verdicts::new(topics),
            noted: vec![0; topics.topics().len()],
            epoch: 0,
            candidates: Vec::new(),
            matched: Vec::new(),
        }
    }

    /// As [`matches()`].
    pub fn matches(&mut self, item: &Item) -> Vec<Match> {
        self.find(item);
        let matched = std::mem::take(&mut self.matched);
        let found = matched.iter().filter_map(|topic| {
            let head = self.topics.topics().get(*topic)?;
            let hits = representative(self.hits_of(*topic, item));
            Some(Match { topic: head.name.clone(), revision: head.revision, hits })
        });
        let found = found.collect();
        self.matched = matched;
        found
    }

    /// Positions in [`CompiledTopics::topics`] of the topics that `item` matches, rising.
    pub fn find(&mut self, item: &Item) -> &[usize] {
        self.epoch = self.epoch.checked_add(EPOCH).unwrap_or_else(|| {
            self.noted.fill(0);
            EPOCH
        });
        self.places.read(self.topics, item);
        self.verdicts.next_item();
        self.candidates.clear();
        self.candidates.extend(&self.topics.always);
        for atom in self.places.atoms() {
            for group in self.topics.keyed_by(*atom) {
                let topic = index(group.topic());
                let Some(noted) = self.noted.get_mut(topic) else { continue };
                let before = if *noted & !GROUPS == self.epoch { *noted } else { self.epoch };
                *noted = before | group.bit();
                if *noted != before && self.topics.complete.get(topic) == Some(&(*noted & GROUPS)) {
                    self.candidates.push(group.topic());
                }
            }
        }
        self.matched.clear();
        let (topics, places, verdicts) = (self.topics, &mut self.places, &mut self.verdicts);
        let mut evaluation = Evaluation { topics, item, places, verdicts };
        for topic in &self.candidates {
            if topics.checks.hold(*topic, &mut evaluation) {
                self.matched.push(index(*topic));
            }
        }
        self.matched.sort_unstable();
        &self.matched
    }

    fn evaluation<'s>(&'s mut self, item: &'s Item) -> Evaluation<'s> {
        Evaluation { topics: self.topics, item, places: &mut self.places, verdicts: &mut self.verdicts }
    }

    fn hits_of(&mut self, topic: usize, item: &Item) -> Vec<ClauseHit> {
        let Some(root) = self.topics.roots.get(topic).copied() else { return Vec::new() };
        self.evaluation(item).hits(root)
    }
}

/// What a place was found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Leaf {
    Atom(Atom),
    Regex(u32),
}

impl Evaluation<'_> {
    /// Every place that makes `node` hold, in reading order.
    fn hits(&mut self, node: NodeId) -> Vec<ClauseHit> {
        let mut spans = Vec::new();
        self.gather(node, None, &mut spans);
        spans.sort_unstable();
        spans.dedup();
        let mut hits: Vec<ClauseHit> =
            spans.into_iter().filter_map(|(span, leaf)| self.hit(span, leaf)).collect();
        // The parts of an item are read in the order of the fields, but two of them may share a field.
        hits.sort_by_key(|hit| (hit.field, hit.span.start));
        hits
    }

    fn hit(&self, span: Span, leaf: Leaf) -> Option<ClauseHit> {
        let clause = match leaf {
            Leaf::Atom(atom) => self.topics.clauses.get(index(atom))?,
            Leaf::Regex(pattern) => &self.topics.patterns.get(index(pattern))?.0,
        };
        let (field, span) = self.places.source(span)?;
        Some(ClauseHit { clause: clause.clone(), field, span })
    }

    /// Places of words under `node` as far as they make it hold, with their words; inside one of `within` if given.
    fn gather(&mut self, node: NodeId, within: Option<&[Span]>, out: &mut Vec<(Span, Leaf)>) {
        let topics = self.topics;
        let inside = |span: &Span| {
            within.is_none_or(|outer| {
                // Sorted by begin; those that hold the span begin at or before it.
                let end = outer.partition_point(|outer| (outer.part, outer.first) <= (span.part, span.first));
                outer
                    .get(..end)
                    .into_iter()
                    .flatten()
                    .rev()
                    .take(MAX_HITS)
                    .any(|outer| outer.part == span.part && outer.last >= span.last)
            })
        };
        match topics.node(node) {
            Some(Rule::Atom(atom, parts)) => {
                let spans = self.places.of(*atom, *parts).filter(inside);
                out.extend(spans.map(|span| (span, Leaf::Atom(*atom))));
            }
            Some(Rule::AnyAtom(atoms, parts)) => {
                for atom in atoms.iter().filter(|atom| self.places.has(**atom, *parts)) {
                    let spans = self.places.of(*atom, *parts).filter(inside);
                    out.extend(spans.map(|span| (span, Leaf::Atom(*atom))));
                }
            }
            Some(Rule::Regex(pattern, _)) => {
                let spans = self.spans(node).into_iter().filter(inside);
                out.extend(spans.map(|span| (span, Leaf::Regex(*pattern))));
            }
            Some(Rule::All(parts) | Rule::Any(parts)) => {
                for part in parts {
                    if self.holds(*part) {
                        self.gather(*part, within, out);
                    }
                }
            }
            Some(Rule::Score(_, clauses)) => {
                for (clause, weight) in clauses {
                    if *weight > 0 && self.holds(*clause) {
                        self.gather(*clause, within, out);
                    }
                }
            }
            Some(Rule::AtLeast(_, inner)) => self.gather(*inner, within, out),
            Some(Rule::Near { left, right, proximity }) => {
                let mut spans = self.spans(node);
                spans.retain(inside);
                self.gather(*left, Some(&spans), out);
                if !matches!(proximity, Proximity::NotNear(_)) {
                    self.gather(*right, Some(&spans), out);
                }
            }
            Some(Rule::Not(_)) | None => {}
        }
    }
}

/// At most [`MAX_HITS`] of `found`, in the same order: first the first place of each clause, then the others.
fn representative(found: Vec<ClauseHit>) -> Vec<ClauseHit> {
    if found.len() <= MAX_HITS {
        return found;
    }
    let mut seen = BTreeSet::new();
    let (first, again): (Vec<usize>, Vec<usize>) =
        (0..found.len()).partition(|at| found.get(*at).is_some_and(|hit| seen.insert(&hit.clause)));
    let chosen: BTreeSet<usize> = first.into_iter().chain(again).take(MAX_HITS).collect();
    let kept = found.iter().enumerate().filter(|(at, _)| chosen.contains(at));
    kept.map(|(_, hit)| hit.clone()).collect()
}
