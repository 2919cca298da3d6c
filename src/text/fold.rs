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
//! **Invariant:** the tokens are those of `segment` alone over the whole text.
//!
//! Rejected: a string for each token. Most tokens are the text in lower case, so one copy of the text in lower
//! case serves them all and only the others are written out.

use std::ops::Range;

use super::{fast, remembered::Scratch};

/// Bytes of a text that are folded; the rest is ignored. Offsets are kept in 32 bits, and a character folds to at
/// most 11 times its bytes (U+FDFA), so that every offset fits.
pub const MAX_TEXT_BYTES: usize = 64 * 1_024 * 1_024;

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

/// Bytes of a token that [`FoldedText::heads`] gives at once.
pub const HEAD_BYTES: usize = 16;

/// A text as a sequence of folded tokens. Two are equal when their tokens are.
#[derive(Debug, Clone, Default)]
pub struct FoldedText {
    /// The text in ASCII lower case, padding, then the tokens that read otherwise.
    pub(super) folded: String,
    pub(super) marks: Vec<Mark>,
    /// Memory for folding, no part of the result.
    pub(super) scratch: Scratch,
}

/// Where a token stands in the folded string and in the original.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    pub(super) folded: u32,
    pub(super) folded_len: u32,
    pub(super) span: u32,
    pub(super) span_len: u32,
    pub(super) script: Script,
    pub(super) gap: Gap,
}

impl FoldedText {
    /// Number of tokens.
    #[inline]
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether the text holds no letter or digit at all.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// The token at `index`, counted from 0.
    #[inline]
    pub fn get(&self, index: usize) -> Option<Token<'_>> {
        self.marks.get(index).map(|mark| self.token(mark))
    }

    /// All tokens in reading order.
    #[inline]
    pub fn tokens(&self) -> impl Iterator<Item = Token<'_>> {
        self.marks.iter().map(|mark| self.token(mark))
    }

    /// Of every token in reading order: its first [`HEAD_BYTES`] bytes as one number, the first byte lowest and zeros
    /// behind a shorter one; its length in bytes; and itself. Words are told apart by numbers faster than by text.
    #[inline]
    pub fn heads(&self) -> impl Iterator<Item = (u128, u32, Token<'_>)> {
        self.marks.iter().map(|mark| {
            let start = mark.folded as usize;
            let bytes = self.folded.as_bytes().get(start..start + HEAD_BYTES);
            let head =
                bytes.and_then(|bytes| bytes.first_chunk()).map_or(0, |chunk| u128::from_le_bytes(*chunk));
            let spare = 8 * (HEAD_BYTES as u32).saturating_sub(mark.folded_len);
            (head & (u128::MAX >> spare.min(127)), mark.folded_len, self.token(mark))
        })
    }

    /// Forgets the tokens and folds `text` instead, in the memory already at hand. Linear in the length of `text`,
    /// of which at most [`MAX_TEXT_BYTES`] count; an empty text has no tokens.
    pub fn refill(&mut self, text: &str) {
        self.folded.clear();
        self.marks.clear();
        self.scratch.forget();
        fast::fold_into(self, capped(text, MAX_TEXT_BYTES));
        // So that the last token has a head as well.
        self.folded.push_str(HEAD_PADDING);
    }

    #[inline]
    fn token(&self, mark: &Mark) -> Token<'_> {
        let folded = mark.folded as usize;
        let span = mark.span as usize;
        Token {
            text: self.folded.get(folded..folded + mark.folded_len as usize).unwrap_or_default(),
            span: span..span + mark.span_len as usize,
            script: mark.script,
            gap: mark.gap,
        }
    }

    /// Adds a token whose folded text is written out.
    pub(super) fn push(&mut self, text: &str, span: Range<usize>, script: Script, gap: Gap) {
        let start = self.folded.len();
        self.folded.push_str(text);
        self.push_mark(start..self.folded.len(), span, script, gap);
    }

    /// Adds a token whose folded text already stands in the folded string.
    #[inline]
    pub(super) fn push_mark(&mut self, folded: Range<usize>, span: Range<usize>, script: Script, gap: Gap) {
        self.marks.push(Mark {
            folded: folded.start as u32,
            folded_len: (folded.end - folded.start) as u32,
            span: span.start as u32,
            span_len: (span.end - span.start) as u32,
            script,
            gap,
        });
    }
}

impl PartialEq for FoldedText {
    fn eq(&self, other: &Self) -> bool {
        self.tokens().eq(other.tokens())
    }
}

impl Eq for FoldedText {}

/// Folds `text`; see [`FoldedText::refill`], which spares the memory when many texts are folded.
pub fn fold(text: &str) -> FoldedText {
    let mut out = FoldedText::default();
    out.refill(text);
    out.scratch = Scratch::default();
    out
}

const HEAD_PADDING: &str = "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";

/// The longest start of `text` that has at most `max_bytes` bytes and ends on a character boundary.
fn capped(text: &str, max_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(max_bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        super::segment::{Way, fold_words},
        *,
    };

    /// What a text may consist of, of every kind the fast pass tells apart.
    const ODD_UNITS: [&str; 40] = [
        "a",
        "a.",
        "U.S.",
        "1,",
        "'s",
        "’",
        "a_",
        " ",
        ".\u{301}",
        "a\u{301}",
        "\u{301}",
        "\u{ad}",
        "é",
        "中",
        "中\u{301}",
        "關。",
        "ガ",
        "ｶﾞ",
        "한",
        "ａ",
        "א״",
        "ไ",
        "हि ",
        "\u{fdfa}",
        "關ガﾞ",
        "é\u{301} ",
        "Ｇ２０ㄱ한",
        "\u{fdfa}\u{301} ",
        "カ㌖",
        "カ゛",
        "ヿ\u{301}",
        "U.S.\u{345} ",
        "é\u{345}\u{323}",
        "א'",
        "１，０．",
        "½ ",
        "人々",
        "ボリス・ジ",
        "대통령’s ",
        "👩\u{200d}😀",
    ];

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
        check("بﷺﷺ", "ب|صلى|الله|عليه|وسلم|صلى|الله|عليه|وسلم");
        check("カ㌖㌔カ", "カ|キ|ロ|メ|ー|ト|ル|キ|ロ|カ");
        check("it's.é Xi's.Trump", "it|e|xi|trump");
        check("ボリス・ジョンソン", "ボ|リ|ス|ジ|ョ|ン|ソ|ン");
        check("Ｇ２０ １，０００ 대통령’s 인", "g20|1,000|대통령|인");
        check("\u{619}\u{61c}", "");
        check("\u{619}\u{fff9}a \u{2067}US\u{2069}", "a|us");
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
        check("カ㌔㌔", &["カ", "㌔", "㌔", "㌔", "㌔"]);
        // The dot belongs to the mark after it, which is a letter.
        check("U.S.\u{345}", &["U.S", "\u{345}"]);
        check("U.S.\u{301}", &["U.S."]);
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
    fn scripts_are_told_apart() {
        let scripts: Vec<_> = fold("US 中 か 한국").tokens().map(|token| token.script).collect();
        assert_eq!(scripts, [Script::Word, Script::Ideograph, Script::Ideograph, Script::Hangul]);
    }

    fn texts() -> impl Strategy<Value = String> {
        let alphabet = "aAsSuU.'’-–_: \u{ad}\u{301}\u{306}\u{345}éßİıłйёΣς中關稅がガｶﾞ한각½№⑴ﬁ１,9्ही!。";
        let mixed =
            proptest::collection::vec(proptest::sample::select(alphabet.chars().collect::<Vec<_>>()), 0..40);
        prop_oneof![mixed.prop_map(|chars| chars.into_iter().collect()), "\\PC{0,40}"]
    }

    #[test]
    fn memory_is_used_again_and_nothing_of_the_old_text_stays() {
        let mut folded = fold("Łódź 關稅 U.S. and more words than the next text has");
        folded.refill("Xi’s");
        assert_eq!(folded, fold("Xi’s"));
        folded.refill("");
        assert!(folded.is_empty());
    }

    #[test]
    fn a_text_is_cut_at_the_limit_on_a_boundary() {
        for (text, expect) in [("abc", "abc"), ("abcd", "abcd"), ("abcde", "abcd"), ("abcé", "abc")] {
            assert_eq!(capped(text, 4), expect);
        }
    }

    #[test]
    fn long_texts_of_one_kind_fold_the_general_way() {
        for unit in ODD_UNITS {
            let text = unit.repeat(2_000);
            assert_eq!(difference(&text), None);
        }
    }

    fn general(text: &str) -> FoldedText {
        let mut out = FoldedText::default();
        fold_words(&mut out, text, 0..text.len(), 0, Way::ByDefinition);
        out
    }

    /// Both ways to fold `text`, unless they yield the same.
    fn difference(text: &str) -> Option<String> {
        let (fast, general) = (fold(text), general(text));
        let list =
            |folded: &FoldedText| folded.tokens().map(|token| format!("{token:?}")).collect::<Vec<_>>();
        (fast != general).then(|| format!("{text:?}\n{:#?}\n{:#?}", list(&fast), list(&general)))
    }

    /// Texts whose neighbours quarrel: all that joins, parts or changes the characters beside it.
    fn joined() -> impl Strategy<Value = String> {
        let one =
            |from: &'static str| proptest::sample::select(from.chars().map(String::from).collect::<Vec<_>>());
        let part = prop_oneof![
            8 => one("aAbsSxUZ019"),
            8 => one(".,'’‘:;_-"),
            4 => one(" \u{a0}\t\n\r\u{b}\u{3000}\u{2003}\u{1680}"),
            3 => one("\u{ad}\u{200d}\u{200b}\u{200e}\u{feff}\u{2060}\u{301}\u{306}\u{307}\u{345}\u{327}\u{fe0f}\u{1f3fb}"),
            4 => one("éßİıłййΣςśſŉŀªʼǆẞҐΐ½²№ﬁ\u{2126}\u{212a}"),
            4 => one("中關稅国鿿㐀豈\u{20000}〇々"),
            3 => one("がガーｶﾞﾟㇰ゛゠・ゟヿ한각ㄱ\u{1100}\u{1161}\u{11a8}㌔\u{fdfa}\u{fc5e}\u{37a}"),
            3 => one("１Ａａｓ．＇：，；＿！－"),
            3 => one("“”…–—。、《》!?\"#()/&£·•‿\u{2024}\u{2027}©〰\u{37e}\u{387}"),
            3 => one("😀❤🇩👩٣९אב״׳ไกำहि्क"),
            1 => proptest::char::any().prop_map(String::from),
            6 => proptest::sample::select(vec![
                "U.S.", "'s", "’s", "don't", "O’Brien", "2.5", "1,000", "G20's", "t.co", "Trump", "the", " of ", ". ", ", ",
                "                                ", "a-rather-long-word-without-any-white-space-whatever", "国家主席", "każdy",
            ]).prop_map(String::from),
        ];
        proptest::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
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

    proptest! {
        #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(4_096), ..Default::default() })]

        #[test]
        fn the_fast_pass_yields_what_the_general_way_yields(text in joined()) {
            prop_assert_eq!(difference(&text), None);
        }
    }
}
