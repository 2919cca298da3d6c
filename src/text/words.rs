//! Words of UAX #29 that hold a letter or digit, found by what is known of each character.
//!
//! In: text. Out: its words with their offsets, in order.
//!
//! **Invariant:** the words are those of `unicode_word_indices`.
//!
//! What only a longer look can tell (joiners, flags, Hebrew quotes) is left to `unicode_segmentation`, a word at a
//! time. Rejected: all rules here; they would have to follow every version of the annex.

use unicode_segmentation::UnicodeSegmentation;

use super::forms::{
    ALPHA, CLINGS, CORE, DIGIT, ENDS_HEBREW, EXTENDS, KATAKANA, LONER, MID_ALPHA, MID_DIGIT, MID_HEBREW,
    PARTS, QUOTES, STOPS, WORD, flags_of,
};

/// The words of a text and their offsets.
#[derive(Debug, Clone)]
pub(super) struct Words<'a> {
    text: &'a str,
    /// Everything before is done; a boundary.
    at: usize,
}

/// What a stretch between two boundaries is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// No word.
    Between,
    /// A word of one piece, no acronym and no possessive.
    Plain,
    /// Any other word.
    Joined,
}

#[derive(Debug, Clone, Copy)]
struct Stretch {
    end: usize,
    kind: Kind,
}

impl Stretch {
    /// A stretch that ends at `end`, of characters that together have the flags `all`.
    #[inline]
    fn new(end: usize, all: u32) -> Self {
        let kind = match all {
            _ if all & WORD == 0 => Kind::Between,
            _ if all & PARTS == 0 => Kind::Plain,
            _ => Kind::Joined,
        };
        Self { end, kind }
    }
}

impl<'a> Words<'a> {
    /// The words of `text`.
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The stretch that starts at `start` with `c`.
    #[inline]
    fn stretch(&self, start: usize, c: char, flags: u32) -> Stretch {
        let end = start + c.len_utf8();
        let known = if flags & (CORE | EXTENDS) != 0 {
            self.core(end, flags)
        } else if flags & (LONER | CLINGS | KATAKANA) != 0 {
            self.loner(end, flags)
        } else {
            None
        };
        known.unwrap_or_else(|| self.looked_up(start))
    }

    /// The word whose first letter, with `flags`, ends at `at`, unless it takes a longer look.
    #[inline]
    fn core(&self, at: usize, flags: u32) -> Option<Stretch> {
        let (mut at, mut before, mut all) = (at, flags, flags);
        loop {
            let (len, flags) = self.flags(at);
            if flags & (CORE | EXTENDS) != 0 {
                before = flags;
            } else if flags & KATAKANA != 0 && before & EXTENDS != 0 {
                return None;
            } else if flags & STOPS != 0 {
                return Some(Stretch::new(at, all));
            } else if flags & (MID_ALPHA | MID_DIGIT | MID_HEBREW) != 0 {
                let (next_len, next) = self.flags(at + len);
                if next & (CORE | STOPS | LONER | EXTENDS) == 0 {
                    return None;
                }
                let both = before & next;
                let joins = both & ALPHA != 0 && flags & MID_ALPHA != 0
                    || both & DIGIT != 0 && flags & MID_DIGIT != 0
                    || both & QUOTES != 0 && flags & MID_HEBREW != 0;
                if !joins {
                    // A quote may end a Hebrew word.
                    let quote = if before & QUOTES != 0 && flags & ENDS_HEBREW != 0 { len } else { 0 };
                    return Some(Stretch::new(at + quote, if quote > 0 { all | flags } else { all }));
                }
                before = next;
                all |= next;
                at += next_len;
            } else if flags & CLINGS == 0 {
                return None;
            }
            all |= flags;
            at += len;
        }
    }

    /// The stretch of a character, with `flags`, that ends at `at`, the marks on it, and of more katakana if it is
    /// one, unless it takes a longer look.
    #[inline]
    fn loner(&self, at: usize, flags: u32) -> Option<Stretch> {
        let (mut at, mut all) = (at, flags);
        loop {
            let (len, flags) = self.flags(at);
            let joins = flags & all & KATAKANA != 0;
            let extends = flags & EXTENDS != 0 && all & KATAKANA == 0;
            if (flags & (STOPS | CORE | LONER) != 0 || extends) && !joins {
                return Some(Stretch::new(at, all));
            }
            if flags & CLINGS == 0 && !joins {
                return None;
            }
            all |= flags;
            at += len;
        }
    }

    /// As `stretch`, by `unicode_segmentation`.
    #[cold]
    fn looked_up(&self, start: usize) -> Stretch {
        let word =
            self.text.get(start..).and_then(|rest| rest.split_word_bounds().next()).unwrap_or_default();
        Stretch::new(start + word.len(), word.chars().fold(0, |all, c| all | flags_of(c)))
    }

    /// Length and flags of the character at `at`; the end of the text stops a word.
    #[inline]
    fn flags(&self, at: usize) -> (usize, u32) {
        let c = self.text.get(at..).and_then(|rest| rest.chars().next());
        c.map_or((0, STOPS), |c| (c.len_utf8(), flags_of(c)))
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = (usize, &'a str, Kind);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        while let Some(c) = self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            let start = self.at;
            let Stretch { end, kind } = self.stretch(start, c, flags_of(c));
            self.at = end;
            if kind != Kind::Between {
                return Some((start, self.text.get(start..end)?, kind));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Text of all classes of the annex.
    fn texts() -> impl Strategy<Value = String> {
        let one = |from: &'static str| proptest::sample::select(from.chars().collect::<Vec<_>>());
        let part = prop_oneof![
            4 => one("aéאבبक한1٣９½①中㐀あアｱー々〇ไ😀🇩"),
            3 => one(".:,;'\"’·״׳_\u{202f}‿٫\u{2024}："),
            2 => one("\u{301}\u{345}\u{93f}\u{ad}\u{200d}\u{200b}\u{fe0f}\u{1f3fb}\u{3099}ﾞ"),
            2 => one(" \r\n\t\u{85}\u{a0}\u{2003}\u{3000}-!。"),
            2 => proptest::char::any(),
            2 => proptest::char::range('\u{80}', '\u{3400}'),
        ];
        proptest::collection::vec(part, 0..12).prop_map(|chars| chars.into_iter().collect())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(4_096), ..Default::default() })]

        #[test]
        fn the_words_are_those_of_the_annex(text in texts()) {
            let expect: Vec<_> = text.unicode_word_indices().collect();
            prop_assert_eq!(Words::new(&text).map(|(at, word, _)| (at, word)).collect::<Vec<_>>(), expect);
        }
    }
}
