//! Where the terms of all topics occur in an item.
//!
//! In: compiled topics and an item. Out: [`Occurrence`]s in reading order.
//!
//! **Invariant:** one field after the other; spans rise by their start and lie on character boundaries of that
//! field's text.
//!
//! Rejected: stopping at the first occurrence of a term. Readers are shown where a topic matched, and `at least`
//! and proximity rules will need every place.

use std::ops::Range;

use crate::{
    model::{Field, Item},
    text::{self, FoldedText, Gap, Token},
};

use super::compile::{CompiledTopics, Symbol, head};

/// A place where a term occurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Occurrence {
    pub(super) term: usize,
    pub(super) field: Field,
    pub(super) span: Range<usize>,
}

impl CompiledTopics {
    pub(super) fn scan(&self, item: &Item) -> Vec<Occurrence> {
        let mut found = Vec::new();
        for field in [Field::Title, Field::Summary, Field::Content] {
            let original = item.field(field);
            let folded = text::fold(original);
            let symbols: Vec<Vec<Symbol>> =
                folded.tokens().map(|token| self.symbols_of(&token, original)).collect();
            for start in 0..symbols.len() {
                self.walk(&folded, &symbols, start, field, &mut found);
            }
        }
        found
    }

    /// Every symbol that `token` stands for: itself, itself in exact case, stems it begins with.
    fn symbols_of(&self, token: &Token<'_>, original: &str) -> Vec<Symbol> {
        let mut symbols = Vec::new();
        if let Some(word) = self.words.get(token.text) {
            symbols.extend(word.plain);
            if !word.cased.is_empty() {
                let cased = text::cased(original.get(token.span.clone()).unwrap_or_default());
                symbols.extend(
                    word.cased.iter().filter(|(known, _)| *known == cased).map(|(_, symbol)| *symbol),
                );
            }
        }
        if let Some(stems) = self.stems.get(&head(token.text)) {
            let begins = stems.iter().filter(|(stem, _)| token.text.starts_with(stem.as_str()));
            symbols.extend(begins.map(|(_, symbol)| *symbol));
        }
        symbols
    }

    /// Follows the trie from the token at `start`.
    fn walk(
        &self,
        folded: &FoldedText,
        symbols: &[Vec<Symbol>],
        start: usize,
        field: Field,
        found: &mut Vec<Occurrence>,
    ) {
        let Some(first) = folded.get(start) else { return };
        let roots = symbols.get(start).into_iter().flatten().filter_map(|symbol| {
            let slot = usize::try_from(*symbol).ok()?;
            self.trie.roots.get(slot).copied().filter(|node| *node != 0)
        });
        let mut nodes: Vec<usize> = roots.collect();
        let mut token = first.clone();
        let mut at = start;
        while !nodes.is_empty() {
            let before = found.len();
            for node in &nodes {
                for &term in self.trie.ends.get(*node).into_iter().flatten() {
                    let here = found.get(before..).unwrap_or_default();
                    if !here.iter().any(|occurrence| occurrence.term == term) {
                        found.push(Occurrence { term, field, span: first.span.start..token.span.end });
                    }
                }
            }
            at += 1;
            let Some(next) = folded.get(at) else { return };
            let gaps: &[Gap] = if next.gap == Gap::Soft { &[Gap::Soft, Gap::Hard] } else { &[Gap::Hard] };
            nodes = nodes
                .iter()
                .flat_map(|node| symbols.get(at).into_iter().flatten().map(move |symbol| (*node, *symbol)))
                .flat_map(|(node, symbol)| {
                    gaps.iter().filter_map(move |gap| self.trie.edges.get(&(node, symbol, *gap)))
                })
                .copied()
                .collect();
            token = next;
        }
    }
}
