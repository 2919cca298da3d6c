//! Normal forms in one pass, from what is known of each character.
//!
//! In: a word. Out: what `normalise` makes of it, appended to a string, and its [`Shape`]: whether it is one token
//! without looking further.
//!
//! **Invariant:** the form is that of `normalise` with case folded.
//! **Invariant:** a character costs a few table look-ups, whatever stands around it; only marks that stand on one
//! letter are sorted.
//!
//! The table is computed by pages of 256 characters, a page when its first character is met.
//! Rejected: the passes of `normalise` over each word. There are eight, each with a string of its own.

use std::sync::OnceLock;

use icu_casemap::CaseMapper;
use unicode_normalization::{
    IsNormalized, UnicodeNormalization,
    char::{canonical_combining_class, compose, is_combining_mark},
    is_nfc_quick,
};
use unicode_segmentation::UnicodeSegmentation;

use super::{
    han,
    normalise::{
        MAX_PASSES, is_apostrophe, is_hangul, is_ideograph, is_ignorable, is_joint, is_phrase, is_underscore,
        plain_letter, takes_diacritics,
    },
};

/// Iota below: sorts like a mark, then folds to a letter.
const YPOGEGRAMMENI: char = '\u{345}';
/// The mark of `й`.
const BREVE: char = '\u{306}';

/// Characters in a page of the table.
const PAGE: u32 = 256;
/// Pages that hold all characters.
const PAGES: usize = (char::MAX as u32 / PAGE + 1) as usize;

static TABLE: [OnceLock<Box<Page>>; PAGES] = [const { OnceLock::new() }; PAGES];

#[derive(Debug)]
struct Page {
    forms: [Form; PAGE as usize],
    /// What the characters of the page decompose to, one after the other.
    parts: Vec<char>,
}

/// What is known of one character.
#[derive(Debug, Clone, Copy, Default)]
struct Form {
    flags: u32,
    /// Where its parts begin in the page, if it is [`CHANGED`].
    start: u16,
    len: u8,
    /// Canonical combining class.
    class: u8,
}

/// Folds or decomposes to something else, or to nothing.
const CHANGED: u32 = 1;
/// A combining mark.
const MARK: u32 = 1 << 1;
/// May compose with the character before.
const SECOND: u32 = 1 << 2;
/// A letter whose marks are diacritics.
const BARE: u32 = 1 << 3;
/// Vanishes, though it parts marks.
const IGNORED: u32 = 1 << 4;
/// Alphabetic.
const LETTER: u32 = 1 << 5;
/// Numeric.
const NUMBER: u32 = 1 << 6;
/// Of the Hangul blocks.
const HANGUL: u32 = 1 << 7;
/// Han or kana.
pub(super) const IDEOGRAPH: u32 = 1 << 8;
/// A letter that stands for several words.
pub(super) const PHRASE: u32 = 1 << 9;
/// May part a word, or be left out of it: a word without any is one piece.
pub(super) const PARTS: u32 = 1 << 10;
/// Makes a word of the stretch it stands in.
pub(super) const WORD: u32 = 1 << 11;
/// Letter or digit of a word, neither Han nor kana, or a sign that is taken for one.
pub(super) const CORE: u32 = 1 << 12;
/// A core letter.
pub(super) const ALPHA: u32 = 1 << 13;
/// A core digit.
pub(super) const DIGIT: u32 = 1 << 14;
/// A core letter that may take a quote at the end of a word (Hebrew).
pub(super) const QUOTES: u32 = 1 << 15;
/// Joins two letters.
pub(super) const MID_ALPHA: u32 = 1 << 16;
/// Joins two digits.
pub(super) const MID_DIGIT: u32 = 1 << 17;
/// Joins two Hebrew letters.
pub(super) const MID_HEBREW: u32 = 1 << 18;
/// Stays with the Hebrew letter before, at the end of a word.
pub(super) const ENDS_HEBREW: u32 = 1 << 19;
/// Clings to whatever stands before, in a word or not.
pub(super) const CLINGS: u32 = 1 << 20;
/// Joins others of its kind, but no core letter or digit.
pub(super) const KATAKANA: u32 = 1 << 21;
/// Ends a word of core letters and digits, and clings to nothing before it.
pub(super) const STOPS: u32 = 1 << 22;
/// Stands alone unless something clings to it.
pub(super) const LONER: u32 = 1 << 23;
/// Joins whatever core letters, digits and katakana it stands beside (`_`).
pub(super) const EXTENDS: u32 = 1 << 24;

/// What a normal form is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One token, a word.
    Word,
    /// One token, a word in Hangul.
    Hangul,
    /// Han and kana characters, each one token.
    Ideographs,
    /// Only segmenting it will tell.
    Odd,
}

/// Memory for normalising, used again.
#[derive(Debug, Default)]
pub(super) struct Normaliser {
    /// The letter that marks still may join.
    held: Option<char>,
    /// Marks on it, with their classes.
    marks: Vec<(u8, char)>,
    /// Whether the marks of the letter before are diacritics.
    bare: bool,
    /// Whether the letter before is `и`.
    short: bool,
    /// How many iotas stand below the letter.
    iotas: usize,
}

impl Normaliser {
    /// Appends the normal form of `text` to `out`.
    pub(super) fn append(&mut self, out: &mut String, text: &str) {
        (self.held, self.bare, self.short, self.iotas) = (None, false, false, 0);
        self.marks.clear();
        for c in text.chars() {
            let (form, page) = form(c);
            if form.flags & CHANGED == 0 {
                self.put(out, c, form);
                continue;
            }
            if form.flags & IGNORED != 0 {
                self.settle_iotas(out);
            }
            let start = usize::from(form.start);
            let parts = page.parts.get(start..start + usize::from(form.len)).unwrap_or_default();
            for &part in parts {
                self.put(out, part, self::form(part).0);
            }
        }
        self.settle_iotas(out);
        self.flush(out);
    }

    /// Adds a character that stays as it is.
    #[inline]
    fn put(&mut self, out: &mut String, c: char, form: Form) {
        if form.class == 0 {
            self.settle_iotas(out);
        } else if c == YPOGEGRAMMENI {
            self.iotas += 1;
            return;
        }
        if form.flags & MARK == 0 {
            self.bare = form.flags & BARE != 0;
            self.short = c == 'и';
        } else if self.bare && !(self.short && c == BREVE) {
            return;
        }
        if form.class > 0 {
            self.marks.push((form.class, c));
            return;
        }
        if form.flags & SECOND != 0 {
            self.join_marks();
            if self.marks.is_empty()
                && let Some(joined) = self.held.and_then(|held| compose(held, c))
            {
                self.held = Some(joined);
                return;
            }
        }
        self.flush(out);
        self.held = Some(c);
    }

    /// Makes letters of the iotas below the last one: they come after its marks.
    #[inline]
    fn settle_iotas(&mut self, out: &mut String) {
        while self.iotas > 0 {
            self.iotas -= 1;
            self.flush(out);
            (self.held, self.bare, self.short) = (Some('ι'), true, false);
        }
    }

    /// Writes the letter and its marks.
    #[inline]
    fn flush(&mut self, out: &mut String) {
        self.join_marks();
        out.extend(self.held.take());
        if !self.marks.is_empty() {
            out.extend(self.marks.drain(..).map(|(_, mark)| mark));
        }
    }

    /// Sorts the marks and composes the letter with those it may compose with.
    #[inline]
    fn join_marks(&mut self) {
        if self.marks.is_empty() {
            return;
        }
        if !self.marks.is_sorted_by_key(|(class, _)| *class) {
            self.marks.sort_by_key(|(class, _)| *class);
        }
        let Some(mut held) = self.held else { return };
        let mut last = 0;
        self.marks.retain(|&(class, mark)| {
            if class > last
                && let Some(joined) = compose(held, mark)
            {
                held = joined;
                return false;
            }
            last = class;
            true
        });
        self.held = Some(held);
    }
}

/// The shape of `text`, which is a normal form.
pub(super) fn shape(text: &str) -> Shape {
    let (mut all, mut any) = (u32::MAX, 0);
    let mut before = 0;
    let mut chars = text.chars().map(|c| (c, form(c).0.flags)).peekable();
    let Some(&(_, first)) = chars.peek() else { return Shape::Odd };
    if first & MARK != 0 {
        return Shape::Odd;
    }
    if first & IDEOGRAPH != 0 {
        return ideographs(text);
    }
    // Whether a core letter or digit stands right before.
    let mut adjacent = false;
    while let Some((c, flags)) = chars.next() {
        all &= flags;
        any |= flags;
        if flags & CORE != 0 {
            (before, adjacent) = (flags, true);
            continue;
        }
        if flags & (CLINGS | MARK | IDEOGRAPH) != CLINGS | MARK || before == 0 {
            let both = before & chars.peek().map_or(0, |(_, flags)| *flags);
            let joins = both & ALPHA != 0 && flags & MID_ALPHA != 0 && !is_joint(c)
                || both & DIGIT != 0
                    && flags & MID_DIGIT != 0
                    && (adjacent && both & NUMBER != 0 || !is_joint(c));
            if !joins || is_apostrophe(c) && text.ends_with(['s', 'S']) {
                return Shape::Odd;
            }
        }
        adjacent = false;
    }
    match (any & WORD, all & HANGUL) {
        (0, _) => Shape::Odd,
        (_, 0) => Shape::Word,
        _ => Shape::Hangul,
    }
}

/// The shape of a text that starts with Han or kana.
fn ideographs(text: &str) -> Shape {
    let mut flags = text.chars().map(|c| form(c).0.flags);
    if flags.clone().all(|flags| flags & (IDEOGRAPH | MARK) == IDEOGRAPH) {
        return Shape::Ideographs;
    }
    flags.next();
    if flags.all(|flags| flags & (CLINGS | MARK | IDEOGRAPH) == CLINGS | MARK) {
        Shape::Word
    } else {
        Shape::Odd
    }
}

/// What is known of `c`, as bits.
#[inline]
pub(super) fn flags_of(c: char) -> u32 {
    form(c).0.flags
}

/// Whether `c` is a combining mark.
#[inline]
pub(super) fn is_mark(c: char) -> bool {
    flags_of(c) & MARK != 0
}

/// Whether `c` is alphabetic.
#[inline]
pub(super) fn is_letter(c: char) -> bool {
    flags_of(c) & LETTER != 0
}

/// Whether `c` is numeric.
#[inline]
pub(super) fn is_number(c: char) -> bool {
    flags_of(c) & NUMBER != 0
}

#[inline]
fn form(c: char) -> (Form, &'static Page) {
    static NONE: Page =
        Page { forms: [Form { flags: 0, start: 0, len: 0, class: 0 }; PAGE as usize], parts: Vec::new() };
    let code = u32::from(c);
    let page = match TABLE.get((code / PAGE) as usize) {
        Some(slot) => slot.get_or_init(|| Box::new(page(code / PAGE * PAGE))),
        None => &NONE,
    };
    (page.forms.get((code % PAGE) as usize).copied().unwrap_or_default(), page)
}

fn page(first: u32) -> Page {
    let mut page = Page { forms: [Form::default(); PAGE as usize], parts: Vec::new() };
    for (code, form) in (first..).zip(&mut page.forms) {
        let Some(c) = char::from_u32(code) else { continue };
        (form.flags, form.class) = (flags(c), canonical_combining_class(c));
        let parts = parts(c);
        if parts != [c] {
            form.flags |= CHANGED;
            form.start = u16::try_from(page.parts.len()).unwrap_or_default();
            form.len = u8::try_from(parts.len()).unwrap_or_default();
            page.parts.extend(parts);
        }
    }
    page
}

/// What `c` decomposes to, marks and all; iotas below are not yet letters.
fn parts(c: char) -> Vec<char> {
    if is_hangul_syllable(c) {
        return vec![c];
    }
    let mut parts = vec![c];
    for _ in 0..MAX_PASSES {
        let next: Vec<char> =
            parts.iter().copied().nfkd().filter(|c| !is_ignorable(*c)).flat_map(folded).collect();
        if next == parts {
            break;
        }
        parts = next;
    }
    parts
}

fn folded(c: char) -> Vec<char> {
    if c == YPOGEGRAMMENI {
        return vec![c];
    }
    let folded: Vec<char> = CaseMapper::new().fold_string(c.encode_utf8(&mut [0; 4])).chars().collect();
    folded.into_iter().nfd().map(plain_letter).map(han::simplified).collect()
}

fn is_hangul_syllable(c: char) -> bool {
    matches!(c, '\u{ac00}'..='\u{d7a3}')
}

/// All flags of `c` but [`CHANGED`].
fn flags(c: char) -> u32 {
    let mut flags = 0;
    let mut set = |flag, is: bool| flags |= if is { flag } else { 0 };
    let (mark, ideograph) = (is_combining_mark(c), is_ideograph(c));
    set(MARK, mark);
    set(LETTER, c.is_alphabetic());
    set(NUMBER, c.is_numeric());
    set(SECOND, is_nfc_quick(std::iter::once(c)) == IsNormalized::Maybe);
    set(BARE, takes_diacritics(c));
    set(IDEOGRAPH, ideograph && (c.is_alphanumeric() || mark));
    set(HANGUL, is_hangul(c));
    set(PHRASE, is_phrase(c));
    set(PARTS, ideograph || is_phrase(c) || is_joint(c) || is_underscore(c) || is_apostrophe(c));
    set(IGNORED, is_ignorable(c));
    set(WORD, c.to_string().unicode_words().next().is_some());
    if matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3fffd}') {
        set(STOPS | LONER, true);
        return flags;
    }
    let parts = |chars: &[char]| chars.iter().collect::<String>().split_word_bounds().count();
    let whole = |chars: &[char]| parts(chars) == 1;
    let after = ['a', '1', 'א', '_', 'ア', '\n', ' ', c];
    set(LONER, whole(&[c, '\u{301}']) && after.into_iter().all(|after| !whole(&[c, after])));
    set(KATAKANA, whole(&[c, 'ア']) && !whole(&[c, 'a']) && !mark);
    set(STOPS, ['a', '1', 'א'].into_iter().all(|core| parts(&[core, c, core]) == 3 && !whole(&[core, c])));
    let inside = (whole(&['a', c, 'a']), whole(&['1', c, '1']));
    let core = inside == (true, true)
        && !mark
        && !ideograph
        && whole(&[c, 'a'])
        && whole(&['a', c])
        && !whole(&['ア', c]);
    set(CORE, core);
    set(ALPHA, core && whole(&[c, '\'', c]) && whole(&[c, ':', c]));
    set(DIGIT, core && whole(&[c, ',', c]));
    set(QUOTES, core && whole(&[c, '\'']));
    set(CLINGS, !core && c != '\u{200d}' && inside == (true, true) && whole(&['か', c]));
    set(MID_ALPHA, !core && !ideograph && !mark && inside.0 && !whole(&['a', c]));
    let around = whole(&['a', c, 'a']) && whole(&[c, 'a']) && whole(&['ア', c]);
    set(EXTENDS, around && !core && !mark && c != '\u{200d}');
    let quote = !core && !mark && !ideograph && !whole(&['a', c]);
    set(MID_HEBREW, quote && whole(&['א', c, 'א']));
    set(ENDS_HEBREW, quote && whole(&['א', c]));
    set(MID_DIGIT, !core && !ideograph && !mark && inside.1 && !whole(&['1', c]));
    flags
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::normalise::{Case, normalise},
        *,
    };

    fn normal(text: &str) -> String {
        let mut out = String::new();
        Normaliser::default().append(&mut out, text);
        out
    }

    #[test]
    fn every_character_has_the_normal_form_of_the_general_way() {
        for c in '\0'..=char::MAX {
            if !matches!(c, '\u{e000}'..='\u{f8ff}' | '\u{40000}'..='\u{dffff}' | '\u{e1000}'..) {
                let text = c.to_string();
                assert_eq!(normal(&text), normalise(&text, Case::Fold), "{c:?}");
            }
        }
    }

    /// Characters that change or join others.
    fn odd() -> impl Strategy<Value = String> {
        let one = |from: &'static str| proptest::sample::select(from.chars().collect::<Vec<_>>());
        let part = prop_oneof![
            3 => one("aAsSiIIıİиИйЙαΑᾳΐßﬁŉøØǿłǰẛſ’"),
            3 => one("\u{301}\u{306}\u{307}\u{323}\u{327}\u{345}\u{344}\u{340}\u{1dfa}\u{5b7}\u{64b}\u{93c}\u{488}\u{94d}\u{903}"),
            2 => one("カハかはｶﾊﾞﾟ\u{3099}\u{309a}ゝ゛ヿ㌔中關豈"),
            2 => one("ㄱㅏ\u{1100}\u{1161}\u{11a8}가각한\u{ffa1}\u{d7b0}㈎"),
            2 => one("\u{ad}\u{200d}\u{200b}\u{feff}\u{34f}\u{fe0f}"),
            2 => one("ابآ\u{653}\u{fdfa}\u{fc5e}\u{fe70}कक़\u{9c7}\u{9be}\u{9d7}\u{b47}\u{b3e}\u{f71}\u{f72}\u{f77}\u{1025}\u{102e}"),
            2 => proptest::char::any(),
            2 => proptest::char::range('\u{a0}', '\u{3400}'),
            1 => proptest::char::range('\u{a000}', '\u{abff}'),
            1 => proptest::char::range('\u{f900}', '\u{1f300}'),
        ];
        proptest::collection::vec(part, 0..8).prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(4_096), ..Default::default() })]

        #[test]
        fn the_normal_form_is_that_of_the_general_way(text in odd()) {
            prop_assert_eq!(normal(&text), normalise(&text, Case::Fold), "{:?}", text);
        }
    }
}
