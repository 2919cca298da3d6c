//! Folding: text → tokens that compare equal when a reader would call them the same word.
//!
//! In: text as the reader sees it. Out: [`FoldedText`], tokens in reading order with their byte range in that
//! text. Words are those of UAX #29; Han and kana give one token a character, so no segmenter has to guess
//! where a Chinese word ends. Folding is NFKC, full case folding, no diacritics on Latin, Greek and Cyrillic
//! (`й` is a letter of its own and stays), no possessive `'s`, dotted acronyms joined, Traditional Han made
//! Simplified.
//!
//! **Invariant:** folding the folded tokens again changes nothing; source ranges rise and never overlap, except
//! that one character which folds to several tokens (`㌔`) lends its range to each.
//!
//! Rejected: folding the whole text first and segmenting after. It needs an offset map for every character;
//! segmenting first needs one range a token.

use std::ops::Range;

use icu_casemap::CaseMapper;
use unicode_normalization::{UnicodeNormalization, char::is_combining_mark};
use unicode_segmentation::UnicodeSegmentation;

use super::han;

/// What kind of writing a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Script {
    /// A word set off by spaces or punctuation.
    Word,
    /// One Han or kana character.
    Ideograph,
    /// A Korean word: particles follow the stem without a space.
    Hangul,
}

/// What stands between a token and the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Gap {
    /// Nothing, or only spaces, hyphens, dashes and apostrophes: a phrase may run across it.
    Soft,
    /// Other punctuation: a phrase does not run across it.
    Hard,
}

/// One folded token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token<'a> {
    /// Folded text; not empty.
    pub text: &'a str,
    /// Bytes of the original text it was made from.
    pub span: Range<usize>,
    /// Kind of writing.
    pub script: Script,
    /// What stands before it; [`Gap::Hard`] for the first token.
    pub gap: Gap,
}

/// A text as a sequence of folded tokens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoldedText {
    folded: String,
    marks: Vec<Mark>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark {
    folded: Range<usize>,
    span: Range<usize>,
    script: Script,
    gap: Gap,
}

impl FoldedText {
    /// Folds `text` into this, in place of what was here.
    pub fn refill(&mut self, text: &str) {
        *self = fold(text);
    }

    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether the text holds no letter or digit at all.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// The token at `index`, counted from 0.
    pub fn get(&self, index: usize) -> Option<Token<'_>> {
        self.marks.get(index).map(|mark| self.token(mark))
    }

    /// All tokens in reading order.
    pub fn tokens(&self) -> impl Iterator<Item = Token<'_>> {
        self.marks.iter().map(|mark| self.token(mark))
    }

    fn token(&self, mark: &Mark) -> Token<'_> {
        Token {
            text: self.folded.get(mark.folded.clone()).unwrap_or_default(),
            span: mark.span.clone(),
            script: mark.script,
            gap: mark.gap,
        }
    }

    /// The common case: `word` is nothing but ASCII letters and digits.
    fn push_ascii(&mut self, word: &str, span: Range<usize>, gap: Gap) {
        let start = self.folded.len();
        self.folded.extend(word.chars().map(|c| c.to_ascii_lowercase()));
        self.marks.push(Mark { folded: start..self.folded.len(), span, script: Script::Word, gap });
    }

    fn push(&mut self, text: &str, span: Range<usize>, gap: Gap) {
        // A mark that lost its letter would join whatever stands before it.
        let text = text.trim_start_matches(|c: char| is_combining_mark(c) || c.is_whitespace());
        if text.is_empty() {
            return;
        }
        let start = self.folded.len();
        self.folded.push_str(text);
        let script = if text.chars().all(is_ideograph) {
            Script::Ideograph
        } else if text.chars().all(is_hangul) {
            Script::Hangul
        } else {
            Script::Word
        };
        self.marks.push(Mark { folded: start..self.folded.len(), span, script, gap });
    }
}

/// Folds `text`. Linear in its length; an empty text has no tokens.
pub fn fold(text: &str) -> FoldedText {
    let mut out = FoldedText::default();
    let mut previous_end = 0;
    for (at, word) in text.unicode_word_indices() {
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
        if push_word(&mut out, word, &source, gap) == Ended::WithDot {
            previous_end += 1;
        }
    }
    out
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
        out.push_ascii(word, source.at..source.at + word.len(), gap);
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
        out.push(&piece.to_ascii_lowercase(), span, gap);
        return;
    }
    let mut chars = piece.chars();
    if let (Some(c), None) = (chars.next(), chars.next())
        && is_plain_han(c)
    {
        out.push(han::simplified(c).encode_utf8(&mut [0; 4]), span, gap);
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
        out.push(word, span.clone(), gap);
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

#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Fold,
    Keep,
}

/// Normalisation passes before giving up on a fixed point; measured: two are enough for all but oddities.
const MAX_PASSES: usize = 4;

fn normalise(text: &str, case: Case) -> String {
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
fn plain_letter(c: char) -> char {
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
fn takes_diacritics(base: char) -> bool {
    matches!(base, 'a'..='z' | 'A'..='Z' | '\u{c0}'..='\u{24f}' | '\u{370}'..='\u{52f}' | '\u{1e00}'..='\u{1fff}')
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

fn is_dot(c: char) -> bool {
    matches!(c, '.' | '\u{ff0e}' | '\u{2024}')
}

/// Characters that UAX #29 lets join letters (MidLetter, MidNumLet) but that end a word for a reader.
fn is_joint(c: char) -> bool {
    is_dot(c) || matches!(c, ':' | '\u{ff1a}' | '\u{fe13}' | '\u{fe55}' | '\u{fe52}')
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '\u{2018}' | '\u{2bc}' | '\u{ff07}')
}

/// May stand between the words of a phrase.
fn is_soft(c: char) -> bool {
    c.is_whitespace() || is_hyphen(c) || is_apostrophe(c) || is_ignorable(c)
}

fn is_hyphen(c: char) -> bool {
    matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}')
}

/// Invisible characters: soft hyphen, zero-width space and joiners, direction marks, word joiner, BOM.
fn is_ignorable(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
}

fn is_plain_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}')
}

fn is_ideograph(c: char) -> bool {
    matches!(c,
        '\u{3005}' | '\u{3007}' | '\u{3041}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff66}'..='\u{ff9d}' | '\u{20000}'..='\u{3ffff}')
}

/// Half-width voicing marks, which compose with the kana before them.
fn is_voiced_mark(c: char) -> bool {
    matches!(c, '\u{ff9e}' | '\u{ff9f}')
}

fn is_hangul(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{ac00}'..='\u{d7ff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        fold(text).tokens().map(|token| token.text.to_owned()).collect()
    }

    fn check(text: &str, expect: &str) {
        assert_eq!(words(text).join("|"), expect, "{text}");
    }

    #[test]
    fn words_that_read_the_same_fold_the_same() {
        check("The U.S.-China deal", "the|us|china|deal");
        check("in the U.S.A., U.S. and US’s", "in|the|usa|us|and|us");
        check("Trump's call, the officials’ call; G20's end", "trump|call|the|officials|call|g20|end");
        check("Erdoğan İstanbul Zełenski São Müller", "erdogan|istanbul|zelenski|sao|muller");
        check("STRASSE Straße", "strasse|strasse");
        check("Йод ёлка Ελλάδα Σίσυφος", "йод|елка|ελλαδα|σισυφοσ");
        check("full-width \u{ff35}\u{ff33}\u{ff01}", "full|width|us");
        check("関税と關稅と关税", "関|税|と|关|税|と|关|税");
        check("ガス カタカナ \u{ff76}\u{ff9e}", "ガ|ス|カ|タ|カ|ナ|ガ");
        check("हिन्दी", "हिन्दी");
        check("대통령이 통화", "대통령이|통화");
        check("talks ended.Trump left", "talks|ended|trump|left");
        check("rare\u{ad}earth 1.6bn $2,000 5G", "rareearth|1.6bn|2,000|5g");
        check("O’Brien don't", "o'brien|don't");
        check("ofﬁce ⒈", "office|1");
        check("", "");
        check("—…!?", "");
    }

    #[test]
    fn spans_point_into_the_original() {
        let check = |text: &str, expect: &[&str]| {
            let spans: Vec<_> = fold(text).tokens().map(|token| text[token.span].to_owned()).collect();
            assert_eq!(spans, expect, "{text}");
        };
        check("The U.S. and Xi’s", &["The", "U.S.", "and", "Xi"]);
        check("“Erdoğan”關稅!", &["Erdoğan", "關", "稅"]);
        check("ガ。x", &["ガ", "x"]);
        check("a.bc", &["a", "bc"]);
    }

    #[test]
    fn phrases_run_across_spaces_hyphens_and_apostrophes_only() {
        let check = |text: &str, expect: Gap| {
            assert_eq!(fold(text).get(1).unwrap().gap, expect, "{text}");
        };
        for text in [
            "rare earth",
            "rare-earth",
            "rare – earth",
            "rare\u{a0}earth",
            "officials’ call",
            "Xi's call",
            "U.S. call",
        ] {
            check(text, Gap::Soft);
        }
        for text in ["rare, earth", "rare. Earth", "rare/earth", "rare (earth)", "rare.earth", "rare | earth"]
        {
            check(text, Gap::Hard);
        }
    }

    #[test]
    fn case_is_kept_for_exact_terms() {
        for (word, expect) in
            [("U.S.", "US"), ("US’s", "US"), ("us", "us"), ("\u{ff35}\u{ff33}", "US"), ("Él", "El")]
        {
            assert_eq!(cased(word), expect);
        }
    }

    #[test]
    fn scripts_are_told_apart() {
        let scripts: Vec<_> = fold("US 中 か 한국").tokens().map(|token| token.script).collect();
        assert_eq!(scripts, [Script::Word, Script::Ideograph, Script::Ideograph, Script::Hangul]);
    }

    fn texts() -> impl Strategy<Value = String> {
        let alphabet = "aAsSuU.'’-–_: \u{ad}\u{301}\u{306}éßİıłйёΣς中關稅がガｶﾞ한각½№⑴ﬁ１,9्ही!。";
        let mixed =
            proptest::collection::vec(proptest::sample::select(alphabet.chars().collect::<Vec<_>>()), 0..40);
        prop_oneof![mixed.prop_map(|chars| chars.into_iter().collect()), "\\PC{0,40}"]
    }

    proptest! {
        #[test]
        fn spans_are_in_order_and_on_boundaries(text in texts()) {
            let mut last = 0..0;
            for token in fold(&text).tokens() {
                prop_assert!(text.get(token.span.clone()).is_some_and(|slice| !slice.is_empty()));
                prop_assert!(token.span.start >= last.end || token.span == last);
                prop_assert!(!token.text.is_empty());
                last = token.span;
            }
        }

        #[test]
        fn folding_twice_is_stable(text in texts()) {
            let once = words(&text);
            prop_assert_eq!(words(&once.join(" ")), once);
        }
    }
}
