//! Normal form of one word, and what kinds of characters folding tells apart.
//!
//! In: a word or a character. Out: its normal form (NFKC, full case folding, no diacritics on Latin, Greek and
//! Cyrillic, Simplified Han), or whether the character is of a kind.
//!
//! **Invariant:** normalising a normal form changes nothing, oddities past the fourth pass apart.
//!
//! Rejected: one pass. Removing a mark can bring forth a form that composes or folds again.

use icu_casemap::CaseMapper;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};

use super::han;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    /// Upper and lower case become equal.
    Fold,
    /// Upper and lower case stay apart.
    Keep,
}

/// Normalisation passes before giving up on a fixed point; measured: two are enough for all but oddities.
pub(super) const MAX_PASSES: usize = 4;

/// `text` in compatibility form without diacritics, Traditional Han made Simplified.
pub(super) fn normalise(text: &str, case: Case) -> String {
    let mut current = text.to_owned();
    for _ in 0..MAX_PASSES {
        let next = normalise_once(&current, case);
        if next == current {
            break;
        }
        current = next;
    }
    current
}

fn normalise_once(text: &str, case: Case) -> String {
    let composed: String = text.nfkc().filter(|c| !is_ignorable(*c)).collect();
    let folded = match case {
        Case::Fold => CaseMapper::new().fold_string(&composed).into_owned(),
        Case::Keep => composed,
    };
    let mut base = '\0';
    let bare = folded.nfd().filter(|&c| {
        if !is_combining_mark(c) {
            base = c;
            return true;
        }
        let short_i = matches!(base, 'и' | 'И') && c == '\u{306}';
        short_i || !takes_diacritics(base)
    });
    bare.map(plain_letter).nfc().map(han::simplified).collect()
}

/// Letters with a stroke have no decomposition; curly apostrophes are apostrophes.
pub(super) fn plain_letter(c: char) -> char {
    match c {
        'ł' => 'l',
        'Ł' => 'L',
        'ø' => 'o',
        'Ø' => 'O',
        'đ' => 'd',
        'Đ' => 'D',
        'ħ' => 'h',
        'Ħ' => 'H',
        '’' | '‘' | 'ʼ' => '\'',
        _ => c,
    }
}

/// Whether a mark on `base` is a diacritic (Latin, Greek, Cyrillic) and not part of the letter (kana, Devanagari).
pub(super) fn takes_diacritics(base: char) -> bool {
    matches!(base, 'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{52f}' | '\u{1e00}'..='\u{1fff}')
}

pub(super) fn is_dot(c: char) -> bool {
    matches!(c, '.' | '\u{ff0e}' | '\u{2024}')
}

/// Characters that UAX #29 lets join letters (MidLetter, MidNumLet) but that end a word for a reader.
pub(super) fn is_joint(c: char) -> bool {
    is_dot(c) || matches!(c, ':' | '\u{ff1a}' | '\u{fe13}' | '\u{fe55}' | '\u{fe52}')
}

/// Joins letters for UAX #29 but not for a reader.
pub(super) fn is_underscore(c: char) -> bool {
    matches!(c, '_' | '\u{203f}' | '\u{2040}' | '\u{2054}' | '\u{ff3f}')
}

pub(super) fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '\u{2018}' | '\u{2bc}' | '\u{ff07}')
}

/// May stand between the words of a phrase.
pub(super) fn is_soft(c: char) -> bool {
    c.is_whitespace() || is_hyphen(c) || is_apostrophe(c) || is_ignorable(c)
}

pub(super) fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}

/// Invisible characters: soft hyphen, zero-width space and joiners, direction marks and isolates, tags, and all others of
/// the general category Cf (Unicode 16).
pub(super) fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{180e}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

pub(super) fn is_plain_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}')
}

pub(super) fn is_ideograph(c: char) -> bool {
    matches!(c,
        '\u{3005}' | '\u{3007}' | '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9d}' | '\u{20000}'..='\u{3ffff}')
}

/// Half-width voicing marks, which compose with the kana before them.
pub(super) fn is_voiced_mark(c: char) -> bool {
    matches!(c, '\u{ff9e}' | '\u{ff9f}')
}

/// Letters whose compatibility form is several words or holds white space, so that they end a word: `ﷺ` reads as
/// four words, whatever it stands beside.
pub(super) fn is_phrase(c: char) -> bool {
    matches!(c,
        '\u{37a}' | '\u{309b}' | '\u{309c}' | '\u{3300}'..='\u{3357}' | '\u{fc5e}'..='\u{fc63}'
        | '\u{fdfa}' | '\u{fdfb}' | '\u{fe70}' | '\u{fe72}' | '\u{fe74}' | '\u{fe76}' | '\u{fe78}'
        | '\u{fe7a}' | '\u{fe7c}' | '\u{fe7e}')
}

pub(super) fn is_hangul(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7ff}')
}
