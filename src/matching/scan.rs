//! Where the words of all topics occur in an item.
//!
//! In: compiled topics and an item. Out: [`Places`]: for every atom that occurs, its occurrences in reading order.
//!
//! **Invariant:** one part of the item after the other; within a part occurrences of an atom rise by their first
//! token and none is given twice. What was read of an item before is forgotten by the next.
//!
//! Rejected: stopping at the first occurrence. Readers are shown where a topic matched, and proximity needs every
//! place.

use std::{borrow::Cow, ops::Range};

use crate::{
    model::{Field, Item},
    query::ast::LEAD_WORDS,
    text::{self, FoldedText, Script},
};

use super::{
    compile::{CompiledTopics, Mask, part},
    vocabulary::{Atom, Symbol, id, index},
};

/// The parts of an item in the order they are read, as [`Mask`] bits; the text's bits come by position.
pub(super) const PARTS: [(Field, Mask); 9] = [
    (Field::Title, part::TITLE),
    (Field::Summary, part::LEAD | part::REST),
    (Field::Content, part::LEAD | part::REST),
    (Field::Link, part::URL),
    (Field::Link, part::SITE),
    (Field::Feed, part::FEED),
    (Field::Author, part::AUTHOR),
    (Field::Tags, part::TAG),
    (Field::Lang, part::LANG),
];

/// Half words: what a Han or kana character counts in a distance.
pub(super) const HALF: u32 = 1;
/// Half words that any other token counts.
const WHOLE: u32 = 2;

/// A stretch of tokens in one part of the item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Span {
    /// Index into the parts.
    pub(super) part: u8,
    /// First token.
    pub(super) first: u32,
    /// Last token.
    pub(super) last: u32,
}

/// A place where an atom occurs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Occurrence {
    pub(super) span: Span,
    pub(super) bit: Mask,
    /// The atom's next one, plus one; 0: none.
    next: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Found {
    epoch: u32,
    /// Parts in which the atom occurs.
    bits: Mask,
    /// First and last occurrence, plus one.
    first: u32,
    last: u32,
}

/// One part of an item, folded.
#[derive(Debug, Default)]
struct Part {
    folded: FoldedText,
    /// Where the part begins in its field's text.
    base: usize,
    /// The first token behind the lead.
    lead_end: u32,
    /// Half words before each token and behind the last; made when first asked for.
    halves: Vec<u32>,
    /// Sentence of each token; made when first asked for.
    sentences: Vec<u32>,
}

/// What occurs in one item.
#[derive(Debug, Default)]
pub(super) struct Places {
    epoch: u32,
    found: Vec<Found>,
    /// Atoms that occur, in the order they were met.
    pub(super) atoms: Vec<Atom>,
    occurrences: Vec<Occurrence>,
    parts: [Part; 9],
    /// Tokens of the part at hand that mean something.
    meant: Vec<(u32, Symbol)>,
    nodes: Vec<u32>,
    onward: Vec<u32>,
}

impl Places {
    /// Room for the atoms of `topics`.
    pub(super) fn new(topics: &CompiledTopics) -> Self {
        Self { found: vec![Found::default(); topics.clauses.len()], ..Self::default() }
    }

    /// Reads `item`.
    pub(super) fn read(&mut self, topics: &CompiledTopics, item: &Item) {
        self.epoch += 1;
        self.atoms.clear();
        self.occurrences.clear();
        let mut lead_left = LEAD_WORDS;
        for (at, (field, bits)) in PARTS.into_iter().enumerate() {
            if topics.fields & bits == 0 {
                continue;
            }
            let text = text_of(item, field, bits);
            let Some(part) = self.parts.get_mut(at) else { continue };
            part.base = text.start;
            part.folded.refill(&text.text);
            part.halves.clear();
            part.sentences.clear();
            part.lead_end = u32::MAX;
            if topics.splits_text && bits & part::LEAD != 0 {
                (part.lead_end, lead_left) = lead_end(&part.folded, lead_left);
            }
            self.part(topics, u8::try_from(at).unwrap_or(u8::MAX), bits, &text.text);
        }
    }

    fn part(&mut self, topics: &CompiledTopics, at: u8, bits: Mask, text: &str) {
        let mut meant = std::mem::take(&mut self.meant);
        meant.clear();
        let Some(part) = self.parts.get_mut(usize::from(at)) else { return };
        let folded = std::mem::take(&mut part.folded);
        for (token_at, token) in (0..).zip(folded.tokens()) {
            topics.vocabulary.symbols(&token, text, |symbol| meant.push((token_at, symbol)));
        }
        for (place, (token, symbol)) in meant.iter().enumerate() {
            let span = Span { part: at, first: *token, last: *token };
            for atom in topics.vocabulary.atoms(*symbol) {
                self.occurs(*atom, span, bits, &folded);
            }
            if let Some(root) = topics.vocabulary.root(*symbol) {
                let rest = meant.get(place..).unwrap_or_default();
                self.phrases(topics, root, span, bits, rest, &folded);
            }
        }
        self.meant = meant;
        if let Some(part) = self.parts.get_mut(usize::from(at)) {
            part.folded = folded;
        }
    }

    /// Follows the phrases that begin at the first of `meant`, whose symbol leads to `root`.
    fn phrases(
        &mut self,
        topics: &CompiledTopics,
        root: u32,
        start: Span,
        bits: Mask,
        meant: &[(u32, Symbol)],
        folded: &FoldedText,
    ) {
        let mut nodes = std::mem::take(&mut self.nodes);
        let mut onward = std::mem::take(&mut self.onward);
        nodes.clear();
        nodes.push(root);
        let mut meant = meant;
        let mut last = start.last;
        while !nodes.is_empty() {
            last += 1;
            while let Some(((token, _), rest)) = meant.split_first()
                && *token < last
            {
                meant = rest;
            }
            onward.clear();
            let here = meant.iter().take_while(|(token, _)| *token == last);
            if let Some(token) =
                folded.get(index(last)).filter(|_| meant.first().is_some_and(|m| m.0 == last))
            {
                for (_, symbol) in here {
                    for node in &nodes {
                        onward.extend(topics.vocabulary.follow(*node, *symbol, token.gap));
                    }
                }
            }
            for node in &onward {
                for atom in topics.vocabulary.ends(*node) {
                    self.occurs(*atom, Span { last, ..start }, bits, folded);
                }
            }
            std::mem::swap(&mut nodes, &mut onward);
        }
        self.nodes = nodes;
        self.onward = onward;
    }

    #[inline]
    fn occurs(&mut self, atom: Atom, span: Span, bits: Mask, folded: &FoldedText) {
        let bit = match bits {
            // A site is a host or a domain above it; a language tag goes from the general to the particular.
            part::SITE if index(span.last) + 1 != folded.len() => return,
            part::LANG if span.first != 0 => return,
            _ if bits & part::LEAD != 0 => self.text_bit(span),
            other => other,
        };
        let fresh = id(self.occurrences.len()) + 1;
        let Some(found) = self.found.get_mut(index(atom)) else { return };
        if found.epoch != self.epoch {
            *found = Found { epoch: self.epoch, bits: bit, first: fresh, last: fresh };
            self.atoms.push(atom);
        } else {
            let Some(before) = self.occurrences.get_mut(index(found.last) - 1) else { return };
            if (before.span.part, before.span.first) == (span.part, span.first) {
                return; // two spellings of one phrase that begin alike
            }
            before.next = fresh;
            found.bits |= bit;
            found.last = fresh;
        }
        self.occurrences.push(Occurrence { span, bit, next: 0 });
    }

    /// The part of the item that `span` begins in, as a [`Mask`] bit.
    pub(super) fn bit(&self, span: Span) -> Mask {
        match PARTS.get(usize::from(span.part)) {
            Some((_, bits)) if bits & part::LEAD != 0 => self.text_bit(span),
            Some((_, bits)) => *bits,
            None => 0,
        }
    }

    fn text_bit(&self, span: Span) -> Mask {
        let lead_end = self.parts.get(usize::from(span.part)).map_or(u32::MAX, |part| part.lead_end);
        if span.first < lead_end { part::LEAD } else { part::REST }
    }

    /// Whether `atom` occurs in one of `parts`.
    #[inline]
    pub(super) fn has(&self, atom: Atom, parts: Mask) -> bool {
        self.found.get(index(atom)).is_some_and(|found| found.epoch == self.epoch && found.bits & parts != 0)
    }

    /// Occurrences of `atom` in `parts`, in reading order.
    pub(super) fn of(&self, atom: Atom, parts: Mask) -> impl Iterator<Item = Span> {
        let found = self.found.get(index(atom)).filter(|found| found.epoch == self.epoch);
        let mut next = found.map_or(0, |found| found.first);
        std::iter::from_fn(move || {
            let occurrence = self.occurrences.get(index(next.checked_sub(1)?))?;
            next = occurrence.next;
            Some(occurrence)
        })
        .filter(move |occurrence| occurrence.bit & parts != 0)
        .map(|occurrence| occurrence.span)
    }

    /// Words between the end of `left` and the begin of `right`, in half words; they stand in one part.
    pub(super) fn halves_between(&mut self, left: Span, right: Span) -> u32 {
        let Some(part) = self.parts.get_mut(usize::from(left.part)) else { return u32::MAX };
        if part.halves.is_empty() {
            let mut sum = 0;
            part.halves.push(sum);
            for token in part.folded.tokens() {
                sum += if token.script == Script::Ideograph { HALF } else { WHOLE };
                part.halves.push(sum);
            }
        }
        let before = |token: u32| part.halves.get(index(token)).copied().unwrap_or(u32::MAX);
        before(right.first).saturating_sub(before(left.last + 1))
    }

    /// The sentence that `token` of a part is in, counted within the part.
    pub(super) fn sentence(&mut self, item: &Item, at: u8, token: u32) -> u32 {
        let Some(part) = self.parts.get_mut(usize::from(at)) else { return 0 };
        if part.sentences.is_empty()
            && let Some((field, bits)) = PARTS.get(usize::from(at))
        {
            let starts = text::sentence_starts(&text_of(item, *field, *bits).text);
            let sentence = |start: usize| id(starts.partition_point(|begin| *begin <= start));
            part.sentences = part.folded.tokens().map(|token| sentence(token.span.start)).collect();
        }
        part.sentences.get(index(token)).copied().unwrap_or(0)
    }

    /// Where `span` stands in the field it is in.
    pub(super) fn source(&self, span: Span) -> Option<(Field, Range<usize>)> {
        let (field, _) = PARTS.get(usize::from(span.part))?;
        let part = self.parts.get(usize::from(span.part))?;
        let start = part.folded.get(index(span.first))?.span.start;
        let end = part.folded.get(index(span.last))?.span.end;
        Some((*field, part.base + start..part.base + end))
    }

    /// Calls `search` with the text of each of `parts`, and gives the tokens that its ranges lie on.
    pub(super) fn searched(
        &self,
        item: &Item,
        parts: Mask,
        search: impl Fn(&str) -> Vec<Range<usize>>,
    ) -> Vec<Span> {
        let mut spans = Vec::new();
        for (at, (field, bits)) in PARTS.into_iter().enumerate().filter(|(_, (_, bits))| bits & parts != 0) {
            let Some(part) = self.parts.get(at).filter(|part| !part.folded.is_empty()) else { continue };
            for range in search(&text_of(item, field, bits).text) {
                spans.push(tokens_on(&part.folded, u8::try_from(at).unwrap_or(u8::MAX), &range));
            }
        }
        spans
    }
}

/// The tokens that the bytes `range` lie on; the next one where they lie between two.
fn tokens_on(folded: &FoldedText, part: u8, range: &Range<usize>) -> Span {
    let at = |bound: usize| {
        let (mut low, mut high) = (0, folded.len());
        while low < high {
            let middle = (low + high) / 2;
            if folded.get(middle).is_some_and(|token| token.span.end <= bound) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        id(low.min(folded.len().saturating_sub(1)))
    };
    let first = at(range.start);
    Span { part, first, last: at(range.end.saturating_sub(1)).max(first) }
}

/// The text of one part of an item.
pub(super) struct PartText<'a> {
    pub(super) text: Cow<'a, str>,
    /// Where it begins in its field's text.
    start: usize,
}

pub(super) fn text_of(item: &Item, field: Field, bits: Mask) -> PartText<'_> {
    let whole = item.field(field);
    if bits != part::SITE {
        return PartText { text: whole, start: 0 };
    }
    let host = item.link.as_ref().and_then(|link| link.host_str()).unwrap_or_default();
    PartText { start: whole.find(host).unwrap_or(0), text: Cow::Borrowed(host) }
}

/// The first token behind the lead, of which `left` words are still to come; and what is left of it then.
fn lead_end(folded: &FoldedText, left: usize) -> (u32, usize) {
    let mut halves = id(left) * WHOLE;
    for (at, token) in folded.tokens().enumerate() {
        let width = if token.script == Script::Ideograph { HALF } else { WHOLE };
        match halves.checked_sub(width) {
            Some(rest) => halves = rest,
            None => return (id(at), 0),
        }
    }
    (u32::MAX, index(halves / WHOLE))
}
