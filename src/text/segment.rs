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

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use super::{
    fold::{FoldedText, Gap, Script},
    han,
    normalise::{
        Case, MAX_PASSES, is_apostrophe, is_dot, is_hangul, is_ideograph, is_ignorable, is_joint,
        is_plain_han, is_soft, is_voiced_mark, normalise,
    },
};

/// Adds the tokens of `region` of `text` to `out`, given where the word before the region ended (0: none).
/// Returns where the last word ended.
pub(super) fn fold_words(
    out: &mut FoldedText,
    text: &str,
    region: Range<usize>,
    previous_end: usize,
) -> usize {
    let mut previous_end = previous_end;
    let start = region.start;
    for (offset, word) in text.get(region).unwrap_or_default().unicode_word_indices() {
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
        let source =
            Source { at, dot_follows: text.get(previous_end..).is_some_and(|rest| rest.starts_with('.')) };
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
}

#[derive(PartialEq, Eq)]
enum Ended {
    WithWord,
    WithDot,
}

/// Adds the tokens of one UAX #29 word.
fn push_word(out: &mut FoldedText, word: &str, source: &Source, gap: Gap) -> Ended {
    if word.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        push(out, &word.to_ascii_lowercase(), source.at..source.at + word.len(), gap);
        return Ended::WithWord;
    }
    let bare = without_possessive(word);
    if is_acronym(bare) {
        let joined: String = bare.chars().filter(|c| !is_dot(*c)).collect();
        let dot = usize::from(source.dot_follows && bare.len() == word.len());
        push_piece(out, &joined, source.at..source.at + bare.len() + dot, gap);
        return if dot == 1 { Ended::WithDot } else { Ended::WithWord };
    }
    let mut gap = gap;
    for (offset, piece) in pieces(bare) {
        let start = source.at + offset;
        push_piece(out, piece, start..start + piece.len(), gap);
        gap = if piece.chars().all(is_ideograph) { Gap::Soft } else { Gap::Hard };
    }
    Ended::WithWord
}

/// Adds one piece, which normally is one token; `span` is where it stands in the original.
fn push_piece(out: &mut FoldedText, piece: &str, span: Range<usize>, gap: Gap) {
    if piece.is_ascii() {
        push(out, &piece.to_ascii_lowercase(), span, gap);
        return;
    }
    let mut chars = piece.chars();
    if let (Some(c), None) = (chars.next(), chars.next())
        && is_plain_han(c)
    {
        push(out, han::simplified(c).encode_utf8(&mut [0; 4]), span, gap);
        return;
    }
    let mut words = vec![piece.to_owned()];
    for _ in 0..MAX_PASSES {
        let next: Vec<String> = words.iter().flat_map(|word| refold(word)).collect();
        if next == words {
            break;
        }
        words = next;
    }
    let mut gap = gap;
    for word in &words {
        push(out, word, span.clone(), gap);
        gap = Gap::Soft;
    }
}

/// The tokens of a piece once it is normalised: one, unless a compatibility character unfolds to several (`㌔`).
fn refold(piece: &str) -> Vec<String> {
    let mut tokens = Vec::new();
    for word in normalise(piece, Case::Fold).unicode_words() {
        let bare = without_possessive(word);
        if is_acronym(bare) {
            tokens.push(bare.chars().filter(|c| !is_dot(*c)).collect());
        } else {
            tokens.extend(pieces(bare).map(|(_, part)| part.to_owned()));
        }
    }
    tokens
}

/// Splits a word where UAX #29 does not but a reader does: at dots, colons and underscores between letters
/// (`ended.Trump`), and between the characters of a katakana run. Offsets are relative to `word`.
fn pieces(word: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut cuts = Vec::new();
    let mut start = 0;
    let mut before = None;
    let mut chars = word.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let after = chars.peek().map(|(_, c)| *c);
        let numeric = before.is_some_and(char::is_numeric) && after.is_some_and(char::is_numeric);
        if matches!(c, '_' | '\u{203f}' | '\u{2040}' | '\u{2054}' | '\u{ff3f}') || (is_joint(c) && !numeric) {
            cuts.push(start..at);
            start = at + c.len_utf8();
        } else if is_ideograph(c)
            && !after.is_some_and(|next| is_combining_mark(next) || is_voiced_mark(next))
        {
            cuts.push(start..at + c.len_utf8());
            start = at + c.len_utf8();
        }
        before = Some(c);
    }
    cuts.push(start..word.len());
    cuts.into_iter().filter_map(|cut| {
        let piece = word.get(cut.clone())?;
        (!piece.is_empty()).then_some((cut.start, piece))
    })
}

/// `U.S`, `A.I`: letters one by one between dots.
fn is_acronym(word: &str) -> bool {
    let mut letters = word.split(is_dot).map(|part| {
        let mut chars = part.chars().filter(|c| !is_combining_mark(*c) && !is_ignorable(*c));
        matches!((chars.next(), chars.next()), (Some(c), None) if c.is_alphabetic() && !is_ideograph(c))
    });
    word.contains(is_dot) && letters.all(|single| single)
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

fn push(out: &mut FoldedText, text: &str, span: Range<usize>, gap: Gap) {
    // A mark that lost its letter would join whatever stands before it.
    let text = text.trim_start_matches(|c: char| is_combining_mark(c) || c.is_whitespace());
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
