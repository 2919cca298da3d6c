//! Odd pieces of words folded soon: those of simple shape in one pass, the others once a text.
//!
//! In: a piece as `segment` cuts it. Out: its tokens, added to a [`FoldedText`].
//!
//! **Invariant:** the tokens are those that `segment` makes of the piece.
//! **Invariant:** at most [`SLOTS`] pieces are remembered, none past its text.
//!
//! Rejected: remembering pieces from text to text. Texts come from anywhere, and none should slow the next.

use std::ops::Range;

use super::{
    fold::{FoldedText, Gap, Mark, Script},
    forms::{Normaliser, Shape, shape},
    segment,
};

/// Pieces remembered at most; a power of two.
const SLOTS: usize = 1_024;

/// Bytes of a piece that is remembered, at most.
const MAX_KEY: usize = 16;

/// What is remembered of the text at hand, and memory to fold with. A copy starts with neither.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    normaliser: Normaliser,
    slots: Vec<Slot>,
    /// Slots of another text are free.
    text: u32,
    /// Pieces that were normalised and segmented rather than looked up.
    #[cfg(test)]
    pub(super) work: Work,
}

/// How often what was done.
#[cfg(test)]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Work {
    /// Pieces normalised.
    pub(super) normalised: usize,
    /// Characters in them.
    pub(super) characters: usize,
    /// Normal forms that had to be segmented.
    pub(super) segmented: usize,
}

impl Clone for Scratch {
    fn clone(&self) -> Self {
        Self::default()
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    key: u128,
    text: u32,
    first: u32,
    len: u32,
    /// Whether a phrase runs to the first token whatever stands before the piece: it began with a word of no token.
    soft: bool,
}

impl Scratch {
    /// Forgets the pieces of the text before.
    pub(super) fn forget(&mut self) {
        self.text = self.text.wrapping_add(1);
        if self.text == 0 {
            self.slots.clear();
            self.text = 1;
        }
        #[cfg(test)]
        {
            self.work = Work::default();
        }
    }

    /// The normal form of a word.
    pub(super) fn normal_form(&mut self, word: &str) -> String {
        #[cfg(test)]
        {
            self.work.normalised += 1;
            self.work.characters += word.chars().count();
        }
        let mut form = String::with_capacity(word.len());
        self.normaliser.append(&mut form, word);
        form
    }

    fn slot(&mut self, key: u128) -> Option<&mut Slot> {
        if self.slots.is_empty() {
            self.slots.resize(SLOTS, Slot::default());
        }
        // Fibonacci hashing.
        let mixed = (key as u64 ^ (key >> 64) as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.slots.get_mut((mixed >> 32) as usize % SLOTS)
    }
}

/// The piece itself, if it is short. No word holds a NUL.
fn key(piece: &str) -> Option<u128> {
    let mut bytes = [0; MAX_KEY];
    bytes.get_mut(..piece.len())?.copy_from_slice(piece.as_bytes());
    Some(u128::from_le_bytes(bytes))
}

/// Adds the tokens of a piece.
pub(super) fn push_piece(out: &mut FoldedText, piece: &str, span: Range<usize>, gap: Gap) {
    let key = key(piece);
    let text = out.scratch.text;
    if let Some(slot) = key.and_then(|key| out.scratch.slot(key).filter(|slot| slot.key == key))
        && slot.text == text
    {
        let (first, len) = (slot.first as usize, slot.len as usize);
        let gap = if slot.soft { Gap::Soft } else { gap };
        return repeat(out, first..first + len, span, gap);
    }
    let first = out.marks.len();
    fold_piece(out, piece, span);
    let len = out.marks.len() - first;
    let soft = out.marks.get(first).is_some_and(|mark| mark.gap == Gap::Soft);
    if let Some(mark) = out.marks.get_mut(first)
        && !soft
    {
        mark.gap = gap;
    }
    if let Some(key) = key
        && let Some(slot) = out.scratch.slot(key)
    {
        *slot = Slot { key, text, first: first as u32, len: len as u32, soft };
    }
}

/// Adds tokens that read like those of `marks`.
fn repeat(out: &mut FoldedText, marks: Range<usize>, span: Range<usize>, gap: Gap) {
    let mut gap = gap;
    for at in marks {
        let Some(&Mark { folded, folded_len, script, .. }) = out.marks.get(at) else { return };
        let folded = folded as usize;
        out.push_mark(folded..folded + folded_len as usize, span.clone(), script, gap);
        gap = Gap::Soft;
    }
}

/// Adds the tokens of a piece as if a phrase never ran to its first word.
fn fold_piece(out: &mut FoldedText, piece: &str, span: Range<usize>) {
    #[cfg(test)]
    {
        out.scratch.work.normalised += 1;
        out.scratch.work.characters += piece.chars().count();
    }
    let start = out.folded.len();
    out.scratch.normaliser.append(&mut out.folded, piece);
    let end = out.folded.len();
    match shape(out.folded.get(start..).unwrap_or_default()) {
        Shape::Word => out.push_mark(start..end, span, Script::Word, Gap::Hard),
        Shape::Hangul => out.push_mark(start..end, span, Script::Hangul, Gap::Hard),
        Shape::Ideographs => {
            let (mut at, mut gap) = (start, Gap::Hard);
            while let Some(c) = out.folded.get(at..).and_then(|rest| rest.chars().next()) {
                let next = at + c.len_utf8();
                out.push_mark(at..next, span.clone(), Script::Ideograph, gap);
                (at, gap) = (next, Gap::Soft);
            }
        }
        Shape::Odd => {
            #[cfg(test)]
            {
                out.scratch.work.segmented += 1;
            }
            let form = out.folded.split_off(start);
            segment::push_form(out, &form, span, Gap::Hard);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Characters of the longest text there is: title, summary and content.
    const LONGEST: usize = 73_000;

    fn folded(text: &str) -> FoldedText {
        let mut out = FoldedText::default();
        out.refill(text);
        out
    }

    #[test]
    fn a_text_of_one_odd_piece_costs_a_few_normal_forms() {
        for unit in [
            "關ガﾞ",
            "é\u{301} ",
            "Ｇ２０ㄱ한 ",
            "\u{fdfa}",
            "\u{fdfa}.",
            "\u{fdfa}\u{301}",
            "カ㌖",
            "ゟ",
            "½",
            "①",
            "ไ",
            "ไทย",
            "ㄱ ",
            "U.S.\u{345} ",
            "हि ",
            "ひ\u{3099}",
            "ﷲ ",
            "１，２ ",
            "א' ",
            "\u{20000}",
            "豈",
            "𝐀 ",
            "ŉ ",
            "ʰ ",
        ] {
            let text = unit.repeat(LONGEST / unit.chars().count());
            let work = folded(&text).scratch.work;
            assert!(work.normalised <= 8, "{unit:?}: {work:?}");
        }
    }

    #[test]
    fn every_character_is_normalised_at_most_twice() {
        let marks: Vec<char> = ('\u{300}'..'\u{370}').collect();
        let distinct = |unit: &str, marks_each: u32| -> String {
            let each = |at: usize| {
                let mark = |place| marks.get(at / marks.len().pow(place) % marks.len());
                unit.chars().chain((0..marks_each).filter_map(mark).copied()).chain([' ']).collect::<String>()
            };
            (0..LONGEST / (unit.chars().count() + marks_each as usize + 1)).map(each).collect()
        };
        let long = |unit: &str| unit.repeat(LONGEST / unit.chars().count());
        let texts = [
            distinct("é", 3),
            distinct("ب", 3),
            distinct("ガ", 3),
            distinct("𝐀", 3),
            distinct("한", 3),
            distinct("a’ﬁ", 2),
            distinct("\u{fdfa}", 2),
            long("ﬃ"),
            long("é\u{345}"),
            long("ガ\u{301}"),
            long("각\u{301}"),
            long("ﷲ"),
            long("a\u{200d}"),
            long("\u{345}"),
            long("ㄱㅏㄱ"),
            long("x’ś"),
            long("ﷲ'"),
        ];
        for text in texts {
            let out = folded(&text);
            let (work, count) = (out.scratch.work, text.chars().count());
            let start: String = text.chars().take(8).collect();
            assert!(work.characters <= 2 * count, "{start:?}: {work:?}");
            assert!(out.marks.len() <= 6 * count && out.folded.len() <= 6 * text.len() + 64, "{start:?}");
        }
    }

    #[test]
    fn words_of_letters_and_marks_are_not_segmented_again() {
        for text in
            ["é\u{323}\u{327}x", "عَرَبِيّ", "हिन्दी", "ガ\u{301}", "한\u{301}국", "ᾳ\u{301}", "a’ź", "ﷲ", "１２٣"]
        {
            assert_eq!(folded(text).scratch.work.segmented, 0, "{text}");
        }
    }

    #[test]
    fn no_more_is_remembered_than_there_is_room_for() {
        let kinds = |count: u32| -> FoldedText {
            let text: String = (0..count).flat_map(|n| char::from_u32(0x2_0000 + n)).collect();
            let mut out = folded(&text);
            out.refill(&text.repeat(2));
            out
        };
        for count in [SLOTS as u32, SLOTS as u32 + 1] {
            let out = kinds(count);
            assert_eq!((out.scratch.slots.len(), out.len()), (SLOTS, 2 * count as usize));
        }
    }

    #[test]
    fn a_piece_of_sixteen_bytes_is_remembered_and_a_longer_one_is_not() {
        for (piece, expect) in [("aaaaaaaaaaaae\u{301}x", 1), ("aaaaaaaaaaaaae\u{301}x", 2)] {
            assert_eq!(folded(&format!("{piece} {piece}")).scratch.work.normalised, expect, "{piece}");
        }
    }
}
