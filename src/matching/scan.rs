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
    vocabulary::{Atom, Packed, Symbol, id, index},
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

/// First and last occurrence of an atom, plus one.
#[derive(Debug, Clone, Copy, Default)]
struct Found {
    first: u32,
    last: u32,
}

/// Bits of [`Ledger::seen`] that hold a [`Mask`].
const MASK_BITS: u32 = 9;
const MASK: u32 = (1 << MASK_BITS) - 1;

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
    parts: [Part; 9],
    ledger: Ledger,
    work: Work,
}

/// The occurrences of each atom.
#[derive(Debug, Default)]
struct Ledger {
    /// Rises with every item.
    epoch: u32,
    /// Of each atom: the epoch in which it last occurred, then the parts in which it did. Apart from the rest, so that
    /// it stays in the processor's cache.
    seen: Vec<u32>,
    /// Of atoms that occur.
    found: Vec<Found>,
    /// Atoms that occur, in the order they were met.
    atoms: Vec<Atom>,
    occurrences: Vec<Occurrence>,
}

/// Room that is used again for every part.
#[derive(Debug, Default)]
struct Work {
    /// Tokens of the part at hand that mean something.
    meant: Vec<(u32, Symbol)>,
    nodes: Vec<u32>,
    onward: Vec<u32>,
}

impl Ledger {
    fn next_item(&mut self) {
        self.epoch += 1;
        if self.epoch << MASK_BITS >> MASK_BITS != self.epoch {
            self.seen.fill(0);
            self.epoch = 1;
        }
        self.atoms.clear();
        self.occurrences.clear();
    }

    /// The parts in which `atom` occurs.
    #[inline]
    fn parts(&self, atom: Atom) -> Mask {
        match self.seen.get(index(atom)) {
            Some(seen) if seen >> MASK_BITS == self.epoch => Mask::try_from(seen & MASK).unwrap_or(0),
            _ => 0,
        }
    }
}

impl Places {
    /// Room for the atoms of `topics`.
    pub(super) fn new(topics: &CompiledTopics) -> Self {
        let found = vec![Found::default(); topics.clauses.len()];
        let seen = vec![0; topics.clauses.len()];
        Self { ledger: Ledger { found, seen, ..Ledger::default() }, ..Self::default() }
    }

    /// Reads `item`.
    pub(super) fn read(&mut self, topics: &CompiledTopics, item: &Item) {
        self.ledger.next_item();
        let mut lead_left = LEAD_WORDS;
        for ((at, (field, bits)), part) in (0..).zip(PARTS).zip(&mut self.parts) {
            if topics.fields & bits == 0 {
                continue;
            }
            if field == Field::Content && item.content.is_empty() && part.folded.is_empty() {
                continue;
            }
            let text = text_of(item, field, bits);
            if text.text.is_empty() && part.folded.is_empty() {
                continue;
            }
            part.base = text.start;
            part.folded.refill(&text.text);
            part.halves.clear();
            part.sentences.clear();
            part.lead_end = u32::MAX;
            if topics.splits_text && bits & part::LEAD != 0 {
                (part.lead_end, lead_left) = lead_end(&part.folded, lead_left);
            }
            let reading = Reading { topics, part, at, bits };
            reading.run(&text.text, &mut self.ledger, &mut self.work);
        }
    }

    /// Atoms that occur, in the order they were met.
    pub(super) fn atoms(&self) -> &[Atom] {
        &self.ledger.atoms
    }

    /// Whether `atom` occurs in one of `parts`.
    #[inline]
    pub(super) fn has(&self, atom: Atom, parts: Mask) -> bool {
        self.ledger.parts(atom) & parts != 0
    }

    /// Occurrences of `atom` in `parts`, in reading order.
    pub(super) fn of(&self, atom: Atom, parts: Mask) -> impl Iterator<Item = Span> {
        let ledger = &self.ledger;
        let found = ledger.found.get(index(atom)).filter(|_| ledger.parts(atom) != 0);
        let mut next = found.map_or(0, |found| found.first);
        std::iter::from_fn(move || {
            let occurrence = ledger.occurrences.get(index(next.checked_sub(1)?))?;
            next = occurrence.next;
            Some(occurrence)
        })
        .filter(move |occurrence| occurrence.bit & parts != 0)
        .map(|occurrence| occurrence.span)
    }

    /// The part of the item that `span` begins in, as a [`Mask`] bit.
    pub(super) fn bit(&self, span: Span) -> Mask {
        match (PARTS.get(usize::from(span.part)), self.parts.get(usize::from(span.part))) {
            (Some((_, bits)), Some(part)) => part.bit(*bits, span),
            _ => 0,
        }
    }

    /// Words between the end of `left` and the begin of `right`, in half words; they stand in one part.
    pub(super) fn halves_between(&mut self, left: Span, right: Span) -> u32 {
        // Most distances need no count: every token is half a word or a whole one.
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

impl Part {
    /// Where a span of this part, which is read as `bits`, begins.
    fn bit(&self, bits: Mask, span: Span) -> Mask {
        match bits & part::LEAD {
            0 => bits,
            _ if span.first < self.lead_end => part::LEAD,
            _ => part::REST,
        }
    }
}

/// One part being read.
struct Reading<'a> {
    topics: &'a CompiledTopics,
    part: &'a Part,
    at: u8,
    bits: Mask,
}

impl Reading<'_> {
    fn run(&self, text: &str, ledger: &mut Ledger, work: &mut Work) {
        let vocabulary = &self.topics.vocabulary;
        work.meant.clear();
        for (token_at, (head, length, token)) in (0..).zip(self.part.folded.heads()) {
            let packed = Packed { head, length };
            vocabulary.symbols(packed, &token, text, |symbol| work.meant.push((token_at, symbol)));
        }
        let meant = std::mem::take(&mut work.meant);
        for (place, (token, symbol)) in meant.iter().enumerate() {
            let span = Span { part: self.at, first: *token, last: *token };
            for atom in vocabulary.atoms(*symbol) {
                self.occurs(*atom, span, ledger);
            }
            if let Some(root) = vocabulary.root(*symbol) {
                self.phrases(root, span, meant.get(place..).unwrap_or_default(), ledger, work);
            }
        }
        work.meant = meant;
    }

    /// Follows the phrases that begin at the first of `meant`, whose symbol leads to `root`.
    fn phrases(&self, root: u32, start: Span, meant: &[(u32, Symbol)], ledger: &mut Ledger, work: &mut Work) {
        let Work { nodes, onward, .. } = work;
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
            if meant.first().is_some_and(|(token, _)| *token == last)
                && let Some(token) = self.part.folded.get(index(last))
            {
                for (_, symbol) in meant.iter().take_while(|(token, _)| *token == last) {
                    for node in nodes.iter() {
                        onward.extend(self.topics.vocabulary.follow(*node, *symbol, token.gap));
                    }
                }
            }
            for node in onward.iter() {
                for atom in self.topics.vocabulary.ends(*node) {
                    self.occurs(*atom, Span { last, ..start }, ledger);
                }
            }
            std::mem::swap(nodes, onward);
        }
    }

    #[inline]
    fn occurs(&self, atom: Atom, span: Span, ledger: &mut Ledger) {
        // A site is a host or a domain above it; a language tag goes from the general to the particular.
        match self.bits {
            part::SITE if index(span.last) + 1 != self.part.folded.len() => return,
            part::LANG if span.first != 0 => return,
            _ => {}
        }
        let bit = self.part.bit(self.bits, span);
        let fresh = id(ledger.occurrences.len()) + 1;
        let before = ledger.parts(atom);
        let Some(found) = ledger.found.get_mut(index(atom)) else { return };
        if before == 0 {
            *found = Found { first: fresh, last: fresh };
            ledger.atoms.push(atom);
        } else {
            let Some(last) = ledger.occurrences.get_mut(index(found.last) - 1) else { return };
            if (last.span.part, last.span.first) == (span.part, span.first) {
                return; // two spellings of one phrase that begin alike
            }
            last.next = fresh;
            found.last = fresh;
        }
        if let Some(seen) = ledger.seen.get_mut(index(atom)) {
            *seen = ledger.epoch << MASK_BITS | u32::from(before | bit);
        }
        ledger.occurrences.push(Occurrence { span, bit, next: 0 });
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
