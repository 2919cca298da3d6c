//! Text → terms: words that stand for the same thing are one term, and each knows how much it tells.
//!
//! Data in: title and first text of an item. Data out: [`Term`]s, sorted by id, each once.
//!
//! A word is folded, stemmed and looked up among the kin (`kin.txt`: people, places, and words for one act). A number
//! is its value, so `$3.5 billion` and `$3.5bn` agree. Chinese and Japanese give pairs of neighbouring characters.
//!
//! **Invariant:** the terms depend on the text alone: no state, no order of earlier texts.
//!
//! Rejected: a stemmer and a segmenter for each language: two texts need to agree with each other, not with a
//! dictionary, and a wrong language tag must not change what is one story.

use std::collections::BTreeMap;

use xxhash_rust::xxh3::xxh3_64;

use super::{
    lexicon::{self, LEXICON},
    number::{self, Number},
};
use crate::text::{self, Gap, Script, Token};

/// Tokens of the text behind the title that count: what an event is stands in its first sentences.
pub(super) const MAX_TEXT_TOKENS: usize = 60;
/// Tokens of a title that count.
pub(super) const MAX_TITLE_TOKENS: usize = 60;
/// Terms kept of an item, those that tell most.
pub(super) const MAX_TERMS: usize = 72;
/// Words looked at together for names of several words.
const MAX_NAME_WORDS: usize = 3;
/// Bytes of words that are written small even in titles.
const MAX_SMALL_WORD: usize = 4;
/// Characters of a Han name looked up at most.
const MAX_HAN_NAME: usize = 6;

/// What a term is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// Any word, or a pair of Han characters.
    Word,
    /// A word of the kin: an act or a thing under several names.
    Kin,
    /// Someone who is often in the news.
    Person,
    /// A country, or its capital standing for it.
    Place,
    /// A plain number.
    Number,
    /// A share.
    Percent,
    /// An amount of money.
    Money,
    /// The number of something in a series: `phase 1`, `day 43`.
    Ordinal,
    /// A rare word written as a name.
    Name,
}

impl Kind {
    pub(super) const ALL: [Self; 9] = [
        Self::Word,
        Self::Kin,
        Self::Person,
        Self::Place,
        Self::Number,
        Self::Percent,
        Self::Money,
        Self::Ordinal,
        Self::Name,
    ];
}

/// One term of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term {
    /// Hash of the word's stem, the name of its kin, or the value.
    pub(super) id: u32,
    /// What it is.
    pub(super) kind: Kind,
    /// How much it tells by itself, in eighths of a nat: about −8·ln of the share of items that have it.
    pub(super) rarity: u8,
    /// Whether it stands in the title.
    pub(super) in_title: bool,
}

/// Rarity of a number that tells something by itself, such as 43,000.
const LONG_NUMBER: u8 = 48;

impl Term {
    /// A number that hardly agrees by chance.
    pub(super) fn is_long_number(&self) -> bool {
        matches!(self.kind, Kind::Number | Kind::Money) && self.rarity >= LONG_NUMBER
    }
}

/// The terms of an item, sorted by id; at most [`MAX_TERMS`], of which those of the title come first, then the rarest.
pub(super) fn terms(title: &str, first_text: &str) -> Vec<Term> {
    let mut found = BTreeMap::new();
    let (title, label) = without_label(title);
    collect(title, MAX_TITLE_TOKENS, true, &mut found);
    collect(label, MAX_TITLE_TOKENS, false, &mut found);
    collect(first_text, MAX_TEXT_TOKENS, false, &mut found);
    let mut terms: Vec<Term> = found.into_values().collect();
    if terms.len() > MAX_TERMS {
        terms.sort_by_key(|term| (!term.in_title, std::cmp::Reverse(term.rarity), term.id));
        terms.truncate(MAX_TERMS);
        terms.sort_by_key(|term| term.id);
    }
    terms
}

/// Whether most of the text is written without spaces between words.
pub(super) fn is_ideographic(title: &str, first_text: &str) -> bool {
    let mut words = 0_usize;
    let mut characters = 0_usize;
    for text in [title, first_text] {
        for token in text::fold(text).tokens().take(MAX_TITLE_TOKENS) {
            match token.script {
                Script::Ideograph => characters += 1,
                Script::Word | Script::Hangul => words += 1,
            }
        }
    }
    characters > 2 * words
}

fn id(kind: Kind, name: &str) -> u32 {
    // The kinds must not meet: the year 2025 is another term than the price of $2,025.
    let space = match kind {
        // Whether a word is written as a name is the outlet's taste.
        Kind::Word | Kind::Name => 0,
        Kind::Kin => 1,
        Kind::Person => 2,
        Kind::Place => 3,
        Kind::Number => 4,
        Kind::Percent => 5,
        Kind::Money => 6,
        Kind::Ordinal => 7,
    };
    (xxh3_64(name.as_bytes()) as u32) ^ (space << 29)
}

struct Collector<'a> {
    found: &'a mut BTreeMap<u32, Term>,
    in_title: bool,
    /// Whether capital letters tell names.
    has_names: bool,
}

impl Collector<'_> {
    fn add(&mut self, kind: Kind, name: &str, rarity: u8) {
        if rarity == 0 {
            return;
        }
        let id = id(kind, name);
        let in_title = self.in_title;
        self.found.entry(id).or_insert(Term { id, kind, rarity, in_title });
    }

    fn add_number(&mut self, number: Number) {
        let (kind, rarity) = (number.kind(), number.rarity());
        self.add(kind, &number.name(), rarity);
    }
}

/// A title without the name of its series, as in `【权威访谈】…`; and that name.
fn without_label(title: &str) -> (&str, &str) {
    let parts = title.strip_prefix('【').and_then(|rest| rest.split_once('】'));
    parts.filter(|(_, rest)| !rest.trim().is_empty()).map_or((title, ""), |(label, rest)| (rest, label))
}

fn collect(text: &str, limit: usize, in_title: bool, found: &mut BTreeMap<u32, Term>) {
    let folded = text::fold(text);
    let tokens: Vec<Token<'_>> = folded.tokens().take(limit).collect();
    let mut out = Collector { found, in_title, has_names: !is_title_case(text, &tokens) };
    let mut rest = tokens.as_slice();
    let mut before: Option<&Token<'_>> = None;
    while let Some((first, after)) = rest.split_first() {
        let used = if first.script == Script::Ideograph {
            ideographs(rest, before.is_some_and(|token| token.script == Script::Ideograph), &mut out)
        } else {
            words(text, rest, before, &mut out)
        };
        let used = used.max(1);
        before = rest.get(used - 1);
        rest = rest.get(used..).unwrap_or(after.get(after.len()..).unwrap_or_default());
    }
}

/// Takes a number, a name, or one word; returns how many tokens that were.
fn words(text: &str, rest: &[Token<'_>], before: Option<&Token<'_>>, out: &mut Collector<'_>) -> usize {
    let Some(first) = rest.first() else { return 0 };
    if let Some((number, used)) = number::read(text, rest, before) {
        out.add_number(number);
        return used;
    }
    let mut key = String::new();
    let mut best = None;
    for (at, token) in rest.iter().take(MAX_NAME_WORDS).enumerate() {
        if at > 0 && (token.gap == Gap::Hard || token.script == Script::Ideograph) {
            break;
        }
        if at > 0 {
            key.push(' ');
        }
        key.push_str(&lexicon::stem(token.text));
        // `us` is the country only where it is written so.
        let is_pronoun = at == 0 && token.text == "us" && !is_capital(text, first);
        if !is_pronoun && let Some(kin) = LEXICON.kin(&key) {
            best = Some((kin, at + 1));
        }
    }
    if let Some((kin, used)) = best {
        out.add(kin.kind, kin.name, kin.rarity);
        return used;
    }
    let stem = lexicon::stem(first.text);
    let rarity = LEXICON.rarity(&stem);
    let is_unlisted = rarity >= lexicon::UNLISTED;
    let kind = match () {
        () if is_code(first.text) => Kind::Ordinal,
        () if is_unlisted && out.has_names && is_upper(text, first) => Kind::Name,
        () => Kind::Word,
    };
    out.add(kind, &stem, rarity);
    1
}

/// Letters and digits in one: a number of something in a series, as `b12` and `2026a`.
fn is_code(word: &str) -> bool {
    word.bytes().any(|b| b.is_ascii_digit()) && word.bytes().any(|b| b.is_ascii_alphabetic())
}

/// Whether most words begin with a capital letter, so that these tell no names.
fn is_title_case(text: &str, tokens: &[Token<'_>]) -> bool {
    let long = tokens.iter().skip(1).filter(|token| token.text.len() > MAX_SMALL_WORD);
    let (mut all, mut upper) = (0, 0);
    for token in long {
        all += 1;
        upper += usize::from(is_upper(text, token));
    }
    2 * upper > all
}

fn is_upper(text: &str, token: &Token<'_>) -> bool {
    text.get(token.span.clone()).and_then(|word| word.chars().next()).is_some_and(char::is_uppercase)
}

fn is_capital(text: &str, token: &Token<'_>) -> bool {
    text.get(token.span.clone()).is_some_and(|word| word.starts_with(['U', 'Ｕ']) && !word.starts_with("Us"))
}

/// Takes the longest known name that starts here, and the pair of this and the next character; returns 1, or the
/// length of the name less one, so that pairs across its end are seen as well.
fn ideographs(rest: &[Token<'_>], follows: bool, out: &mut Collector<'_>) -> usize {
    let run: Vec<&str> = rest
        .iter()
        .enumerate()
        .take_while(|(at, token)| {
            *at < MAX_HAN_NAME && token.script == Script::Ideograph && (*at == 0 || token.gap == Gap::Soft)
        })
        .map(|(_, token)| token.text)
        .collect();
    for length in (2..=run.len()).rev() {
        let name: String = run.iter().take(length).copied().collect();
        if let Some(kin) = LEXICON.kin(&name) {
            out.add(kin.kind, kin.name, kin.rarity);
            return length;
        }
    }
    match run.as_slice() {
        [first, second, ..] => {
            let pair = format!("{first}{second}");
            out.add(Kind::Word, &pair, LEXICON.rarity(&pair));
        }
        [only] if !follows => out.add(Kind::Word, only, lexicon::COMMON),
        _ => {}
    }
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(from: usize, count: usize) -> String {
        let letter = |n: usize| char::from(b"bdfgklmnpr"[n % 10]);
        (from..from + count).map(|n| format!("zo{}a{}ik ", letter(n / 10), letter(n))).collect()
    }

    #[test]
    fn terms_stop_at_their_limits_and_those_of_the_title_stay() {
        let count = |title: usize, text: usize| {
            let found = terms(&words(0, title), &words(title, text));
            (found.iter().filter(|term| term.in_title).count(), found.len())
        };
        assert_eq!(count(MAX_TITLE_TOKENS, 0), (MAX_TITLE_TOKENS, MAX_TITLE_TOKENS));
        assert_eq!(count(MAX_TITLE_TOKENS + 1, 0), (MAX_TITLE_TOKENS, MAX_TITLE_TOKENS));
        assert_eq!(count(0, MAX_TEXT_TOKENS), (0, MAX_TEXT_TOKENS));
        assert_eq!(count(0, MAX_TEXT_TOKENS + 1), (0, MAX_TEXT_TOKENS));
        let title = 20;
        assert_eq!(count(title, MAX_TERMS - title), (title, MAX_TERMS));
        assert_eq!(count(title, MAX_TERMS - title + 1), (title, MAX_TERMS));
        assert_eq!(count(MAX_TITLE_TOKENS, MAX_TEXT_TOKENS), (MAX_TITLE_TOKENS, MAX_TERMS));
    }
}
