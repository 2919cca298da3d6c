//! Every word the topics ask for, found by one look per token.
//!
//! In: words, stems and phrases as topics have them. Out: [`Vocabulary`]: folded token → symbols → atoms (the
//! distinct words and phrases of all topics).
//!
//! **Invariant:** every atom has at least one path; a token that no topic asks for costs one hash and one look
//! into a small bit set.
//!
//! Rejected: one automaton over characters. It finds `tin` in `rating` and needs a second look at word borders,
//! and case folding that changes lengths needs an offset map; words need neither.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use crate::{
    query::ast::{Form, Term, Word as Written},
    text::{self, Gap, HEAD_BYTES, Script, Token},
};

/// What a token stands for: a word, a word in exact case, or a stem it begins with. 0: nothing.
pub(super) type Symbol = u32;
/// A distinct word or phrase.
pub(super) type Atom = u32;

/// First bytes of a stem, by which its length is looked up. Three letters, or one Hangul syllable, are never fewer.
type Head = [u8; 3];
/// Lengths of stems in bytes: bit n for n, the last bit for all that are longer.
type Lengths = u64;
/// A [`HashMap`] for small keys of our own making.
type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<Mixer>>;

/// Bits of the filter for each word: one token in sixteen that is not there passes by chance.
const FILTER_BITS_PER_WORD: usize = 16;
/// Bits among which the heads of stems are spread.
const HEAD_BITS: u64 = 1 << 15;

/// Words, stems and phrases, ready to be looked up.
#[derive(Debug, Clone, Default)]
pub(super) struct Vocabulary {
    filter: Vec<u64>,
    /// Number of bits in the filter, less one.
    filter_mask: u64,
    slots: Vec<Slot>,
    words: Vec<Word>,
    heads: Vec<u64>,
    lengths: QuickMap<Head, Lengths>,
    stems: QuickMap<Box<str>, Symbol>,
    meanings: Vec<Meaning>,
    atoms: Vec<Atom>,
    trie: Trie,
}

/// A place of the table of words. Words of at most [`HEAD_BYTES`] are compared without leaving it.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    packed: Packed,
    /// Index into `words`, plus one; 0: empty.
    word: u32,
    /// The symbol of a short word that has no spelling of its own; 0: see there.
    plain: Symbol,
}

type Spellings = Vec<(Box<str>, Symbol)>;

#[derive(Debug, Clone, Default)]
struct Word {
    folded: Box<str>,
    plain: Symbol,
    /// Spellings in exact case (dots joined).
    cased: Spellings,
    /// Spellings to the letter.
    exact: Spellings,
}

impl Word {
    /// Calls `found` with the symbols that want the spelling `original`.
    fn spelt(&self, original: &str, found: &mut impl FnMut(Symbol)) {
        self.exact.iter().filter(|(known, _)| **known == *original).for_each(|(_, symbol)| found(*symbol));
        if !self.cased.is_empty() {
            let cased = text::cased(original);
            self.cased.iter().filter(|(known, _)| **known == *cased).for_each(|(_, symbol)| found(*symbol));
        }
    }
}

/// What begins with a symbol: atoms of one token, and the place in the trie where longer ones go on (0: none do).
#[derive(Debug, Clone, Copy, Default)]
struct Meaning {
    first: u32,
    end: u32,
    root: u32,
}

/// Phrases as paths of symbols; node 0 is none. An edge marked [`Gap::Hard`] may be taken across any punctuation.
#[derive(Debug, Clone, Default)]
struct Trie {
    edges: QuickMap<(u32, Symbol, Gap), u32>,
    /// Atoms that end at a node.
    ends: Vec<Vec<Atom>>,
}

impl Vocabulary {
    /// Calls `found` with every symbol that `token` of `original` stands for; `packed` is the token in numbers.
    #[inline]
    pub(super) fn symbols(
        &self,
        packed: Packed,
        token: &Token<'_>,
        original: &str,
        mut found: impl FnMut(Symbol),
    ) {
        let hash = packed.hash();
        if bit(&self.filter, hash & self.filter_mask)
            && let Some((slot, word)) = self.word(packed, hash, token.text)
        {
            if slot.plain != 0 {
                found(slot.plain);
            } else if let Some(word) = self.words.get(word) {
                if word.plain != 0 {
                    found(word.plain);
                }
                word.spelt(original.get(token.span.clone()).unwrap_or_default(), &mut found);
            }
        }
        if bit(&self.heads, head_bit(packed.head)) {
            self.stems_of(token.text, &mut found);
        }
    }

    /// Calls `found` with every stem that `folded` begins with.
    fn stems_of(&self, folded: &str, found: &mut impl FnMut(Symbol)) {
        let Some(lengths) = self.lengths.get(&head(folded)) else { return };
        let mut left = *lengths;
        while left != 0 {
            let length = left.trailing_zeros();
            left &= left - 1;
            if length < LONG {
                let stem = folded.get(..index(length)).and_then(|stem| self.stems.get(stem));
                stem.into_iter().for_each(|symbol| found(*symbol));
            } else {
                let longer =
                    (index(LONG)..=folded.len()).filter_map(|end| self.stems.get(folded.get(..end)?));
                longer.for_each(|symbol| found(*symbol));
            }
        }
    }

    /// The word spelt `folded`, if a topic asks for it: its place, and its index into `words`.
    fn word(&self, packed: Packed, hash: u64, folded: &str) -> Option<(&Slot, usize)> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = index_of(hash >> 32) & mask;
        loop {
            let slot = self.slots.get(at)?;
            let word = usize::try_from(slot.word.checked_sub(1)?).ok()?;
            if slot.packed == packed
                && (folded.len() <= HEAD_BYTES || *self.words.get(word)?.folded == *folded)
            {
                return Some((slot, word));
            }
            at = (at + 1) & mask;
        }
    }

    /// Atoms of the one token `symbol`.
    #[inline]
    pub(super) fn atoms(&self, symbol: Symbol) -> &[Atom] {
        let Some(meaning) = self.meanings.get(index(symbol)) else { return &[] };
        self.atoms.get(index(meaning.first)..index(meaning.end)).unwrap_or_default()
    }

    /// Where phrases that begin with `symbol` go on; `None` if none does.
    #[inline]
    pub(super) fn root(&self, symbol: Symbol) -> Option<u32> {
        self.meanings.get(index(symbol)).map(|meaning| meaning.root).filter(|root| *root != 0)
    }

    /// Where a phrase at `node` goes on with `symbol` after `gap`: at most two places.
    pub(super) fn follow(&self, node: u32, symbol: Symbol, gap: Gap) -> impl Iterator<Item = u32> {
        let edge = |gap| self.trie.edges.get(&(node, symbol, gap)).copied();
        let soft = if gap == Gap::Soft { edge(Gap::Soft) } else { None };
        soft.into_iter().chain(edge(Gap::Hard))
    }

    /// Atoms whose phrase ends at `node`.
    pub(super) fn ends(&self, node: u32) -> &[Atom] {
        self.trie.ends.get(index(node)).map_or(&[], Vec::as_slice)
    }
}

/// A [`Vocabulary`] in the making.
#[derive(Debug, Default)]
pub(super) struct VocabularyBuilder {
    ids: HashMap<Box<str>, u32>,
    words: Vec<Word>,
    stems: QuickMap<Box<str>, Symbol>,
    /// Atoms of one token, by symbol.
    single: Vec<Vec<Atom>>,
    roots: Vec<u32>,
    trie: Trie,
}

impl VocabularyBuilder {
    /// Makes `atom` be found wherever `term` occurs. `false` if folding leaves nothing to look for.
    #[must_use]
    pub(super) fn insert(&mut self, term: &Term, atom: Atom) -> bool {
        for path in self.paths(&term.words) {
            match path.as_slice() {
                [] => return false,
                [(symbol, _)] => {
                    let atoms = self.single.get_mut(index(*symbol));
                    if let Some(atoms) = atoms.filter(|atoms| !atoms.contains(&atom)) {
                        atoms.push(atom);
                    }
                }
                [(first, _), rest @ ..] => self.insert_phrase(*first, rest, atom),
            }
        }
        true
    }

    fn insert_phrase(&mut self, first: Symbol, rest: &[(Symbol, Gap)], atom: Atom) {
        if self.trie.ends.is_empty() {
            self.trie.ends.push(Vec::new());
        }
        let Some(root) = self.roots.get_mut(index(first)) else { return };
        if *root == 0 {
            *root = id(self.trie.ends.len());
            self.trie.ends.push(Vec::new());
        }
        let mut node = *root;
        for (symbol, gap) in rest {
            let fresh = id(self.trie.ends.len());
            node = *self.trie.edges.entry((node, *symbol, *gap)).or_insert(fresh);
            if node == fresh {
                self.trie.ends.push(Vec::new());
            }
        }
        if let Some(end) = self.trie.ends.get_mut(index(node))
            && !end.contains(&atom)
        {
            end.push(atom);
        }
    }

    /// Every spelling of a phrase as a path of symbols; at most `query::MAX_SPELLINGS`.
    fn paths(&mut self, words: &[Written]) -> Vec<Vec<(Symbol, Gap)>> {
        let mut paths = vec![Vec::new()];
        for word in words {
            let spellings: Vec<Vec<(Symbol, Gap)>> = match &word.form {
                Form::Endings(endings) => std::iter::once("")
                    .chain(endings.iter().map(String::as_str))
                    .map(|ending| self.path(&format!("{}{ending}", word.text), &word.form))
                    .collect(),
                _ => vec![self.path(&word.text, &word.form)],
            };
            paths = paths
                .iter()
                .flat_map(|path: &Vec<(Symbol, Gap)>| {
                    spellings.iter().map(move |spelling| path.iter().chain(spelling).copied().collect())
                })
                .collect();
        }
        paths
    }

    /// The symbols of one written word. The gap before it is soft; gaps inside it are as it has them.
    fn path(&mut self, written: &str, form: &Form) -> Vec<(Symbol, Gap)> {
        let folded = text::fold(written);
        let last = folded.len().saturating_sub(1);
        let mut path = Vec::with_capacity(folded.len());
        for (at, token) in folded.tokens().enumerate() {
            let gap = if at == 0 { Gap::Soft } else { token.gap };
            let spelt = written.get(token.span.clone()).unwrap_or_default();
            let symbol = match form {
                Form::Prefix if at == last => self.stem(token.text),
                Form::Plain if at == last && token.script == Script::Hangul => self.stem(token.text),
                Form::Caps => self.spelling(token.text, text::cased(spelt), |word| &mut word.cased),
                Form::Exact => self.spelling(token.text, spelt.to_owned(), |word| &mut word.exact),
                _ => self.plain(token.text),
            };
            path.push((symbol, gap));
        }
        path
    }

    fn fresh(&mut self) -> Symbol {
        if self.single.is_empty() {
            self.single.push(Vec::new()); // symbol 0 means none
            self.roots.push(0);
        }
        self.single.push(Vec::new());
        self.roots.push(0);
        id(self.single.len() - 1)
    }

    fn word(&mut self, folded: &str) -> Option<&mut Word> {
        let fresh = id(self.words.len());
        let at = *self.ids.entry(Box::from(folded)).or_insert(fresh);
        if at == fresh {
            self.words.push(Word { folded: Box::from(folded), ..Word::default() });
        }
        self.words.get_mut(index(at))
    }

    fn plain(&mut self, folded: &str) -> Symbol {
        let known = self.word(folded).map_or(0, |word| word.plain);
        if known != 0 {
            return known;
        }
        let symbol = self.fresh();
        if let Some(word) = self.word(folded) {
            word.plain = symbol;
        }
        symbol
    }

    fn spelling(&mut self, folded: &str, spelt: String, list: fn(&mut Word) -> &mut Spellings) -> Symbol {
        let known = self.word(folded).and_then(|word| {
            list(word).iter().find(|(known, _)| **known == *spelt).map(|(_, symbol)| *symbol)
        });
        if let Some(symbol) = known {
            return symbol;
        }
        let symbol = self.fresh();
        if let Some(word) = self.word(folded) {
            list(word).push((spelt.into_boxed_str(), symbol));
        }
        symbol
    }

    fn stem(&mut self, folded: &str) -> Symbol {
        if let Some(symbol) = self.stems.get(folded) {
            return *symbol;
        }
        let symbol = self.fresh();
        self.stems.insert(Box::from(folded), symbol);
        symbol
    }

    /// The finished vocabulary.
    pub(super) fn build(self) -> Vocabulary {
        let mut built =
            Vocabulary { words: self.words, stems: self.stems, trie: self.trie, ..Vocabulary::default() };
        if !built.words.is_empty() {
            built.filter = vec![0; (built.words.len() * FILTER_BITS_PER_WORD / 64).next_power_of_two()];
            built.slots = vec![Slot::default(); (built.words.len() * 2).next_power_of_two()];
        }
        built.filter_mask =
            u64::try_from(built.filter.len()).unwrap_or(0).saturating_mul(64).saturating_sub(1);
        for (at, word) in built.words.iter().enumerate() {
            let packed = Packed::of(&word.folded);
            set(&mut built.filter, packed.hash() & built.filter_mask);
            let mask = built.slots.len() - 1;
            let mut place = index_of(packed.hash() >> 32) & mask;
            while built.slots.get(place).is_some_and(|slot| slot.word != 0) {
                place = (place + 1) & mask;
            }
            if let Some(slot) = built.slots.get_mut(place) {
                let alone = word.cased.is_empty() && word.exact.is_empty();
                *slot = Slot { packed, word: id(at + 1), plain: if alone { word.plain } else { 0 } };
            }
        }
        if !built.stems.is_empty() {
            built.heads = vec![0; index_of(HEAD_BITS / 64)];
            for stem in built.stems.keys() {
                let head = head(stem);
                set(&mut built.heads, head_bit(Packed::of(stem).head));
                *built.lengths.entry(head).or_default() |= 1 << id(stem.len()).min(LONG);
            }
        }
        for (atoms, root) in self.single.iter().zip(self.roots) {
            let first = id(built.atoms.len());
            built.atoms.extend(atoms);
            built.meanings.push(Meaning { first, end: id(built.atoms.len()), root });
        }
        built
    }
}

/// The key under which stems of `folded` are kept.
fn head(folded: &str) -> Head {
    let mut bytes = folded.bytes();
    std::array::from_fn(|_| bytes.next().unwrap_or(0))
}

/// Where the first three bytes of a word stand among [`HEAD_BITS`].
#[inline]
fn head_bit(head: u128) -> u64 {
    let head = head as u64;
    (head & 31) | (head >> 8 & 31) << 5 | (head >> 16 & 31) << 10
}

#[inline]
fn bit(bits: &[u64], at: u64) -> bool {
    bits.get(index_of(at >> 6)).is_some_and(|word| word >> (at & 63) & 1 == 1)
}

fn set(bits: &mut [u64], at: u64) {
    if let Some(word) = bits.get_mut(index_of(at >> 6)) {
        *word |= 1 << (at & 63);
    }
}

#[inline]
fn index_of(at: u64) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

#[inline]
pub(super) fn index(at: u32) -> usize {
    usize::try_from(at).unwrap_or(usize::MAX)
}

/// Ids count things of which the limits allow far fewer than 2³².
pub(super) fn id(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The length that stands for itself and all longer ones in [`Lengths`].
const LONG: u32 = 63;

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// A word in numbers: itself if it has at most [`HEAD_BYTES`], else its begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Packed {
    pub(super) head: u128,
    pub(super) length: u32,
}

impl Packed {
    fn of(folded: &str) -> Self {
        let mut bytes = folded.bytes();
        let head = u128::from_le_bytes(std::array::from_fn(|_| bytes.next().unwrap_or(0)));
        Self { head, length: id(folded.len()) }
    }

    /// Words of topics are the operator's and tokens only look them up, so nobody can fill one place.
    #[inline]
    fn hash(self) -> u64 {
        let (low, high) = (self.head as u64, (self.head >> 64) as u64);
        mix(low ^ mix(high ^ SEED ^ u64::from(self.length)))
    }
}

/// One folded multiplication: every bit of the argument moves about half the bits of the result.
#[inline]
fn mix(value: u64) -> u64 {
    let wide = u128::from(value).wrapping_mul(u128::from(SEED));
    (wide as u64) ^ ((wide >> 64) as u64)
}

/// The hasher of [`QuickMap`].
#[derive(Debug, Clone, Copy, Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut chunk = chunk.iter().copied();
            let word = std::array::from_fn(|_| chunk.next().unwrap_or(0));
            self.0 = mix(self.0 ^ SEED ^ u64::from_le_bytes(word));
        }
    }

    fn write_u32(&mut self, value: u32) {
        self.0 = mix(self.0 ^ SEED ^ u64::from(value));
    }

    fn write_usize(&mut self, value: usize) {
        self.0 = mix(self.0 ^ SEED ^ u64::try_from(value).unwrap_or(0));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_found_and_no_other() {
        let mut builder = VocabularyBuilder::default();
        let term = |text: String, form: Form| Term { words: vec![Written { text, form }] };
        for at in 0..500 {
            assert!(builder.insert(&term(format!("word{at}"), Form::Plain), at));
            assert!(builder.insert(&term(format!("stem{at}x"), Form::Prefix), 1_000 + at));
        }
        let vocabulary = builder.build();
        let atoms = |text: &str| {
            let folded = text::fold(text);
            let mut found: Vec<Atom> = Vec::new();
            for (head, length, token) in folded.heads() {
                let packed = Packed { head, length };
                vocabulary.symbols(packed, &token, text, |symbol| found.extend(vocabulary.atoms(symbol)));
            }
            found
        };
        for at in 0..500 {
            assert_eq!(atoms(&format!("Word{at}")), [at]);
            assert_eq!(atoms(&format!("stem{at}xyz")), [1_000 + at]);
            assert_eq!(atoms(&format!("wordy{at} ste st s")), [0_u32; 0]);
        }
    }

    #[test]
    fn an_empty_vocabulary_finds_nothing() {
        let vocabulary = VocabularyBuilder::default().build();
        let folded = text::fold("a word");
        folded.heads().for_each(|(head, length, token)| {
            vocabulary.symbols(Packed { head, length }, &token, "a word", |_| panic!("found"));
        });
    }
}
