//! The general way to fold: UAX #29 words, split and normalised one by one.
//!
//! In: a stretch of text. Out: its tokens, added to a [`FoldedText`].
//!
//! **Invariant:** a stretch that starts and ends at boundaries of UAX #29 yields what it yields within the text.
//!
//! This defines what folding means; `fast` only gets there sooner for the common characters.
//! Rejected: folding the whole text first and segmenting after. It needs an offset map for every character;
//! segmenting first needs one range a token.

use std::ops::Range;

use unicode_segmentation::UnicodeSegmentation;

use super::{
    fold::{FoldedText, Gap, Script},
    forms::{PARTS, PHRASE, flags_of, is_letter, is_mark, is_number},
    han,
    normalise::{
        Case, MAX_PASSES, is_apostrophe, is_dot, is_hangul, is_ideograph, is_ignorable, is_joint, is_phrase,
        is_plain_han, is_soft, is_underscore, is_voiced_mark, normalise,
    },
    remembered,
    words::{Kind, Words},
};

/// How the pieces of words are folded. Both ways yield the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Pass by pass until nothing changes: what folding means.
    ByDefinition,
    /// In one pass, and once a text.
    Remembered,
}

/// Adds the tokens of `region` of `text` to `out`, given where the word before the region ended (0: none).
/// Returns where the last word ended.
pub(super) fn fold_words(
    out: &mut FoldedText,
    text: &str,
    region: Range<usize>,
    previous_end: usize,
    way: Way,
) -> usize {
    let start = region.start;
    let part = text.get(region).unwrap_or_default();
    match way {
        Way::ByDefinition => {
            let words = part.unicode_word_indices().map(|(at, word)| (at, word, Kind::Joined));
            fold_each(out, text, start, words, previous_end, way)
        }
        Way::Remembered => fold_each(out, text, start, Words::new(part), previous_end, way),
    }
}

/// As [`fold_words`], for `words` with their offsets from `start`.
fn fold_each<'a>(
    out: &mut FoldedText,
    text: &str,
    start: usize,
    words: impl Iterator<Item = (usize, &'a str, Kind)>,
    previous_end: usize,
    way: Way,
) -> usize {
    let mut previous_end = previous_end;
    let mut words = words.peekable();
    while let Some((offset, word, kind)) = words.next() {
        let at = start + offset;
        let between = text.get(previous_end..at).unwrap_or_default();
        let after_word = previous_end > 0;
        previous_end = at + word.len();
        if after_word
            && word.eq_ignore_ascii_case("s")
            && between.chars().all(is_apostrophe)
            && !between.is_empty()
        {
            continue; // `G20's`: UAX #29 breaks between a digit and the apostrophe
        }
        let gap = if out.is_empty() || !between.chars().all(is_soft) { Gap::Hard } else { Gap::Soft };
        if kind == Kind::Plain {
            push_piece(out, word, at..previous_end, gap, way);
            continue;
        }
        // A mark that is a letter too (U+0345) makes a word of the dot before it.
        let dot_follows = text.get(previous_end..).is_some_and(|rest| rest.starts_with('.'))
            && words.peek().is_none_or(|(next, ..)| start + next > previous_end);
        let source = Source { at, dot_follows, way };
        if push_word(out, word, &source, gap) == Ended::WithDot {
            previous_end += 1;
        }
    }
    previous_end
}

/// `word` with its case kept but otherwise folded: `U.S.` → `US`, `US’s` → `US`. For exact-case terms.
pub fn cased(word: &str) -> String {
    let bare = without_possessive(word);
    let joined: String = bare.chars().filter(|c| !is_dot(*c)).collect();
    normalise(&joined, Case::Keep)
}

struct Source {
    at: usize,
    dot_follows: bool,
    way: Way,
}

#[derive(PartialEq, Eq)]
enum Ended {
    WithWord,
    WithDot,
}

/// Adds the tokens of one UAX #29 word.
fn push_word(out: &mut FoldedText, word: &str, source: &Source, gap: Gap) -> Ended {
    if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        push_ascii(out, word, source.at..source.at + word.len(), gap);
        return Ended::WithWord;
    }
    let bare = without_possessive(word);
    if is_acronym(bare) {
        let joined: String = bare.chars().filter(|c| !is_dot(*c)).collect();
        let dot = usize::from(source.dot_follows && bare.len() == word.len());
        push_piece(out, &joined, source.at..source.at + bare.len() + dot, gap, source.way);
        return if dot == 1 { Ended::WithDot } else { Ended::WithWord };
    }
    let mut gap = gap;
    for (offset, piece) in pieces(bare) {
        let start = source.at + offset;
        let piece = without_possessive(piece);
        push_piece(out, piece, start..start + piece.len(), gap, source.way);
        gap = if piece.chars().all(|c| is_ideograph(c) || is_phrase(c)) { Gap::Soft } else { Gap::Hard };
    }
    Ended::WithWord
}

/// Adds one piece, which normally is one token; `span` is where it stands in the original.
fn push_piece(out: &mut FoldedText, piece: &str, span: Range<usize>, gap: Gap, way: Way) {
    if piece.is_ascii() {
        // An apostrophe may be left where a word was cut.
        push_ascii(out, piece.trim_matches('\''), span, gap);
        return;
    }
    let mut chars = piece.chars();
    if let (Some(c), None) = (chars.next(), chars.next())
        && is_plain_han(c)
    {
        push(out, han::simplified(c).encode_utf8(&mut [0; 4]), span, gap);
        return;
    }
    match way {
        Way::ByDefinition => settle(out, vec![piece.to_owned()], span, gap, way),
        Way::Remembered => remembered::push_piece(out, piece, span, gap),
    }
}

/// Adds the tokens of a piece whose normal form is `form`.
pub(super) fn push_form(out: &mut FoldedText, form: &str, span: Range<usize>, gap: Gap) {
    let mut words = Vec::new();
    let mut is_settled = true;
    for (_, word, _) in Words::new(form) {
        let count = words.len();
        split_word(word, |part| words.push(part.to_owned()));
        // A word of a normal form is one itself; parts may be no words.
        is_settled &= words.get(count..).is_some_and(|parts| parts == [word]);
    }
    if is_settled {
        push_all(out, &words, span, gap);
    } else {
        settle(out, words, span, gap, Way::Remembered);
    }
}

/// Adds `words`, normalised and split until nothing changes, as the tokens of one piece.
fn settle(out: &mut FoldedText, words: Vec<String>, span: Range<usize>, gap: Gap, way: Way) {
    let mut words = words;
    for _ in 0..MAX_PASSES {
        let mut next = Vec::new();
        for word in &words {
            let mut split = |word: &str| split_word(word, |part| next.push(part.to_owned()));
            match way {
                Way::ByDefinition => normalise(word, Case::Fold).unicode_words().for_each(&mut split),
                Way::Remembered => {
                    let form = out.scratch.normal_form(word);
                    Words::new(&form).for_each(|(_, word, _)| split(word));
                }
            }
        }
        if next == words {
            break;
        }
        words = next;
    }
    push_all(out, &words, span, gap);
}

fn push_all(out: &mut FoldedText, words: &[String], span: Range<usize>, gap: Gap) {
    let mut gap = gap;
    for word in words {
        push(out, word, span.clone(), gap);
        gap = Gap::Soft;
    }
}

/// The tokens of a word of a normal form: one, unless a compatibility character unfolds to several (`㌔`).
fn split_word(word: &str, mut each: impl FnMut(&str)) {
    let bare = without_possessive(word);
    if is_acronym(bare) {
        each(&bare.chars().filter(|c| !is_dot(*c)).collect::<String>());
    } else {
        pieces(bare).for_each(|(_, part)| each(without_possessive(part)));
    }
}

/// Splits a word where UAX #29 does not but a reader does: at dots, colons and underscores between letters
/// (`ended.Trump`), between the characters of a katakana run, and around a character that stands for several
/// words. Offsets are relative to `word`.
fn pieces(word: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    let mut before = None;
    let mut chars = word.char_indices().map(|(at, c)| (at, c, flags_of(c))).peekable();
    let mut cuts = std::iter::from_fn(move || {
        while let Some((at, c, flags)) = chars.next() {
            let (after, after_flags) = chars.peek().map_or((None, 0), |(_, c, flags)| (Some(*c), *flags));
            let end = at + c.len_utf8();
            let ends_before_phrase = after_flags & PHRASE != 0;
            if flags & PARTS == 0 && !ends_before_phrase {
                before = Some(c);
                continue;
            }
            let numeric = || before.is_some_and(is_number) && after.is_some_and(is_number);
            let cut = if is_underscore(c) || (is_joint(c) && !numeric()) {
                start..at
            } else if is_phrase(c)
                || ends_before_phrase
                || is_ideograph(c) && !after.is_some_and(|next| is_mark(next) || is_voiced_mark(next))
            {
                start..end
            } else {
                before = Some(c);
                continue;
            };
            before = Some(c);
            start = end;
            return Some(cut);
        }
        let rest = start..word.len();
        start = word.len();
        (!rest.is_empty()).then_some(rest)
    });
    std::iter::from_fn(move || {
        let cut = cuts.find(|cut| !cut.is_empty())?;
        Some((cut.start, word.get(cut)?))
    })
}

/// `U.S`, `A.I`: letters one by one between dots.
fn is_acronym(word: &str) -> bool {
    let mut chars = word.chars().filter(|c| !is_mark(*c) && !is_ignorable(*c));
    if chars.next().is_none() || !chars.next().is_some_and(is_dot) {
        return false; // soon, for almost all words
    }
    let mut letters = word.split(is_dot).map(|part| {
        let mut chars = part.chars().filter(|c| !is_mark(*c) && !is_ignorable(*c));
        matches!((chars.next(), chars.next()), (Some(c), None) if is_letter(c) && !is_ideograph(c) && !is_phrase(c))
    });
    letters.all(|single| single)
}

fn without_possessive(word: &str) -> &str {
    let mut bare = word;
    while let Some(stem) = bare.strip_suffix(['s', 'S']).and_then(|stem| stem.strip_suffix(is_apostrophe))
        && !stem.is_empty()
    {
        bare = stem;
    }
    bare
}

/// Adds a token of ASCII letters and digits.
fn push_ascii(out: &mut FoldedText, text: &str, span: Range<usize>, gap: Gap) {
    if text.is_empty() {
        return;
    }
    let start = out.folded.len();
    out.folded.extend(text.chars().map(|c| c.to_ascii_lowercase()));
    out.push_mark(start..out.folded.len(), span, Script::Word, gap);
}

fn push(out: &mut FoldedText, text: &str, span: Range<usize>, gap: Gap) {
    // A mark that lost its letter would join whatever stands before it.
    let text = text.trim_start_matches(|c: char| is_mark(c) || c.is_whitespace());
    if text.is_empty() {
        return;
    }
    let script = if text.chars().all(is_ideograph) {
        Script::Ideograph
    } else if text.chars().all(is_hangul) {
        Script::Hangul
    } else {
        Script::Word
    };
    out.push(text, span, script, gap);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_kept_for_exact_terms() {
        for (word, expect) in
            [("U.S.", "US"), ("US’s", "US"), ("us", "us"), ("\u{ff35}\u{ff33}", "US"), ("Él", "El")]
        {
            assert_eq!(cased(word), expect);
        }
    }
}
