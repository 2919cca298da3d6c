//! Which topics an item matches, and why.
//!
//! In: compiled topics and an item. Out: [`Match`]es with the places that made them, or an [`Explanation`] of a
//! match or a miss. The item is folded once for all topics; the terms of all topics are one trie over tokens;
//! only topics of which a term occurred are evaluated.
//!
//! **Invariant:** [`matches()`] and [`explain`] agree on every topic and item. A phrase never runs from one field
//! into the next.
//!
//! Rejected: one automaton over characters. It finds `tin` in `rating` and needs a second look at word borders,
//! and case folding that changes lengths needs an offset map; a trie over tokens needs neither.

#[cfg(test)]
mod builtin_tests;
mod compile;
mod explain;
mod scan;

pub use compile::{CompileError, CompiledTopics, MAX_CLAUSES, MAX_TOPICS};
pub use explain::{Explanation, Label, Node, explain};

use std::collections::BTreeSet;

use crate::model::{ClauseHit, Item, Match};

use compile::Rule;
use scan::Occurrence;

/// Places kept of one match: enough to show why, small enough to store.
pub const MAX_HITS: usize = 20;

/// Topics that `item` matches, sorted by name, no duplicates. Each has at least one hit and at most
/// [`MAX_HITS`], in reading order; every clause that occurred is shown before any is shown twice.
/// Title, summary and content are searched. Linear in the length of the item.
pub fn matches(topics: &CompiledTopics, item: &Item) -> Vec<Match> {
    let occurrences = topics.scan(item);
    if occurrences.is_empty() {
        return Vec::new();
    }
    let mut touched = vec![false; topics.groups.len()];
    let mut candidates = BTreeSet::new();
    let occurred: BTreeSet<usize> = occurrences.iter().map(|occurrence| occurrence.term).collect();
    for term in occurred {
        for &group in topics.groups_of(term) {
            if let (Some(flag), Some(group)) = (touched.get_mut(group), topics.groups.get(group)) {
                *flag = true;
                candidates.insert(group.topic);
            }
        }
    }
    let holds = |topic: &usize| topics.rules.get(*topic).is_some_and(|rule| eval(rule, &touched));
    let matched: BTreeSet<usize> = candidates.into_iter().filter(holds).collect();
    let mut hits: Vec<(usize, Vec<&Occurrence>)> =
        matched.into_iter().map(|topic| (topic, Vec::new())).collect();
    for occurrence in &occurrences {
        for &group in topics.groups_of(occurrence.term) {
            let Some(group) = topics.groups.get(group).filter(|group| group.wanted) else { continue };
            if let Ok(at) = hits.binary_search_by_key(&group.topic, |(topic, _)| *topic)
                && let Some((_, found)) = hits.get_mut(at)
                && found.last().is_none_or(|last| !std::ptr::eq(*last, occurrence))
            {
                found.push(occurrence);
            }
        }
    }
    hits.into_iter()
        .filter_map(|(topic, found)| {
            let topic = topics.topics().get(topic)?;
            let hits = representative(&found).map(|occurrence| topics.hit(occurrence)).collect();
            Some(Match { topic: topic.name.clone(), revision: topic.revision, hits })
        })
        .collect()
}

/// At most [`MAX_HITS`] of `found`, in the same order: first the first place of each clause, then the others.
fn representative<'a>(found: &[&'a Occurrence]) -> impl Iterator<Item = &'a Occurrence> {
    let mut seen = BTreeSet::new();
    let (first, again): (Vec<usize>, Vec<usize>) = found
        .iter()
        .enumerate()
        .map(|(at, occurrence)| (at, seen.insert(occurrence.term)))
        .fold((Vec::new(), Vec::new()), |(mut first, mut again), (at, new)| {
            if new {
                first.push(at)
            } else {
                again.push(at)
            }
            (first, again)
        });
    let chosen: BTreeSet<usize> = first.into_iter().chain(again).take(MAX_HITS).collect();
    let kept: Vec<&Occurrence> =
        found.iter().enumerate().filter(|(at, _)| chosen.contains(at)).map(|(_, found)| *found).collect();
    kept.into_iter()
}

fn eval(rule: &Rule, touched: &[bool]) -> bool {
    match rule {
        Rule::Group(group) => touched.get(*group).copied().unwrap_or(false),
        Rule::And(parts) => parts.iter().all(|part| eval(part, touched)),
        Rule::Or(parts) => parts.iter().any(|part| eval(part, touched)),
        Rule::Not(inner) => !eval(inner, touched),
    }
}

impl CompiledTopics {
    fn hit(&self, occurrence: &Occurrence) -> ClauseHit {
        ClauseHit {
            clause: self.clause(occurrence.term),
            field: occurrence.field,
            span: occurrence.span.clone(),
        }
    }
}

#[cfg(test)]
mod tests;
