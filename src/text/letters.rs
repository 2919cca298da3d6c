//! What the fast pass knows about single characters.
//!
//! In: a character. Out: [`Entry`]: whether it is a letter and what it folds to, a digit, Han, something between
//! words, something that may join two letters or digits to one word, or none of these.
//!
//! **Invariant:** an entry says of its character what `segment` does with it in any company of characters that
//! are not [`Class::Odd`].
//!
//! The table is computed from `segment` itself by trying each character alone and between neighbours.
//! Rejected: a table written by hand, which would have to follow every change of the Unicode data.

use std::{ops::Range, sync::LazyLock};

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

use super::{
    fold::{FoldedText, Gap, Script},
    normalise::{is_ideograph, is_plain_han, is_soft},
    segment::{Way, fold_words},
};

/// What a character does to the words around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Anything else: only the general way knows.
    Odd,
    /// Ends a word.
    Between,
    /// Ends a word unless it stands between two letters or two digits.
    Join,
    /// A letter of an alphabet.
    Letter,
    /// An ASCII digit, or a full-width one.
    Digit,
    /// A Han or kana character: a token of its own.
    Ideograph,
}

/// What is known of one character.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) class: Class,
    /// For [`Class::Between`] and [`Class::Join`]: whether a phrase runs across it.
    pub(super) gap: Gap,
    /// For [`Class::Join`]: whether it joins letters.
    pub(super) joins_letters: bool,
    /// For [`Class::Join`]: whether it joins digits.
    pub(super) joins_digits: bool,
    /// For [`Class::Letter`] and [`Class::Digit`]: what it folds to; `\0` for no second character.
    pub(super) folds_to: [char; 2],
    /// Whether it is a Hangul syllable.
    pub(super) is_hangul: bool,
}

/// Entry of a character of no table.
const ODD: Entry = Entry {
    class: Class::Odd,
    gap: Gap::Hard,
    joins_letters: false,
    joins_digits: false,
    folds_to: ['\0'; 2],
    is_hangul: false,
};

/// ASCII, Latin, Greek, Cyrillic.
const ALPHABETS: Range<u32> = 0..0x530;

/// The other blocks with entries: Latin Extended Additional, General Punctuation, currency signs, geometric
/// shapes, CJK punctuation and kana, full-width forms.
const BLOCKS: [Range<u32>; 6] =
    [0x1e00..0x1f00, 0x2000..0x2070, 0x20a0..0x20c0, 0x25a0..0x2600, 0x3000..0x3100, 0xff00..0xff66];

static ENTRIES: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    std::iter::once(ALPHABETS)
        .chain(BLOCKS)
        .flatten()
        .map(|code| char::from_u32(code).map_or(ODD, entry))
        .collect()
});

/// The entries of all characters.
#[derive(Debug, Clone, Copy)]
pub(super) struct Letters(&'static [Entry]);

impl Letters {
    /// The table, computed when first asked for.
    pub(super) fn get() -> Self {
        Self(&ENTRIES)
    }

    /// What is known of `c`.
    #[inline]
    pub(super) fn entry(self, c: char) -> Entry {
        let code = u32::from(c);
        if ALPHABETS.contains(&code) {
            return self.0.get(code as usize).copied().unwrap_or(ODD);
        }
        if is_plain_han(c) {
            return Entry { class: Class::Ideograph, ..ODD };
        }
        if matches!(c, '\u{ac00}'..='\u{d7a3}') {
            return Entry { class: Class::Letter, folds_to: [c, '\0'], is_hangul: true, ..ODD };
        }
        let mut first = ALPHABETS.end;
        for block in BLOCKS {
            if block.contains(&code) {
                return self.0.get((first + code - block.start) as usize).copied().unwrap_or(ODD);
            }
            first += block.end - block.start;
        }
        ODD
    }
}

fn entry(c: char) -> Entry {
    if let Some(digit) = digit(c) {
        return Entry { class: Class::Digit, folds_to: [digit, '\0'], ..ODD };
    }
    if is_ideograph_token(c) {
        return Entry { class: Class::Ideograph, ..ODD };
    }
    if let Some(folds_to) = letter(c) {
        return Entry { class: Class::Letter, folds_to, ..ODD };
    }
    let gap = if is_soft(c) { Gap::Soft } else { Gap::Hard };
    if c.to_string().unicode_words().next().is_some()
        || parts(&format!("a{c}-a")) != 4
        || parts(&format!("ア{c}ア")) != 3
    {
        return ODD;
    }
    let joins_letters = parts(&format!("a{c}a")) == 1;
    let joins_digits = parts(&format!("1{c}1")) == 1;
    let class = if joins_letters || joins_digits { Class::Join } else { Class::Between };
    Entry { class, gap, joins_letters, joins_digits, ..ODD }
}

/// What `c` folds to if it is an ASCII or full-width digit.
fn digit(c: char) -> Option<char> {
    match c {
        '0'..='9' => Some(c),
        '\u{ff10}'..='\u{ff19}' => char::from_u32(u32::from(c) - 0xff10 + u32::from('0')),
        _ => None,
    }
}

/// Whether `c` folds to itself and is one token in any company.
fn is_ideograph_token(c: char) -> bool {
    let mut out = FoldedText::default();
    let text = format!("{c}a{c}{c}1{c}アあ{c}");
    fold_words(&mut out, &text, 0..text.len(), 0, Way::ByDefinition);
    let expect = format!("{c} a {c} {c} 1 {c} ア あ {c}");
    is_ideograph(c) && out.tokens().map(|token| token.text).eq(expect.split(' '))
}

fn parts(text: &str) -> usize {
    text.split_word_bounds().count()
}

/// What `c` folds to, provided that it is a letter which does so in any company.
fn letter(c: char) -> Option<[char; 2]> {
    if !c.is_alphabetic() || is_combining_mark(c) {
        return None;
    }
    let alone = only_word(&c.to_string())?;
    let among_others = |c: &str| format!("1{c}a'{c}1{c}'a");
    let fits = alone.chars().all(|c| c.is_alphabetic() && !is_combining_mark(c))
        && only_word(&among_others(&c.to_string())) == Some(among_others(&alone));
    let mut chars = alone.chars();
    let folds_to = [chars.next()?, chars.next().unwrap_or('\0')];
    (fits && chars.next().is_none()).then_some(folds_to)
}

/// The one token of `text`, if it is one and a word.
fn only_word(text: &str) -> Option<String> {
    let mut out = FoldedText::default();
    fold_words(&mut out, text, 0..text.len(), 0, Way::ByDefinition);
    let token = out.get(0)?;
    (out.len() == 1 && token.script == Script::Word).then(|| token.text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn common_characters_are_known() {
        let class = |c: char| Letters::get().entry(c).class;
        for (chars, expect) in [
            ("azAZéłßİжЖйΣςª한Ａ", Class::Letter),
            ("059９", Class::Digit),
            ("中關鿿かアーヶ", Class::Ideograph),
            (" \t\n-!\"#€…–—“”\u{a0}\u{3000}。、《》●・", Class::Between),
            ("'’‘.:,;，：·", Class::Join),
            ("_\u{301}\u{ad}\u{200d}²½ŉﬁ々ゟヿ゛゠ㄱא٣\u{345}😀", Class::Odd),
        ] {
            for c in chars.chars() {
                assert_eq!(class(c), expect, "{c:?}");
            }
        }
        let folds = |c: char| Letters::get().entry(c).folds_to;
        assert_eq!((folds('ß'), folds('Ł'), folds('Σ')), (['s', 's'], ['l', '\0'], ['σ', '\0']));
    }
}
