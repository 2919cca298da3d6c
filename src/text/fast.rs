//! The fast pass over a text: plain words by blocks of bytes, common letters, Han and kana one by one, the rest by
//! `segment`.
//!
//! In: text. Out: its tokens, added to a [`FoldedText`].
//!
//! **Invariant:** the tokens are those of `segment` over the whole text. What `segment` is given starts and ends
//! where UAX #29 breaks whatever stands around it: it starts at a word, or with the character (or the white
//! space) that an odd one may cling to, and ends before ASCII white space, Han, hiragana or CJK punctuation.
//! **Invariant:** every byte is looked at a bounded number of times, so the time is linear in the text.
//!
//! Rejected: falling back for the whole text at the first odd character, which makes most texts slow.

use std::ops::Range;

use super::{
    block::{BLOCK, Block},
    fold::{FoldedText, Gap, Script},
    han,
    letters::{Class, Entry, Letters},
    normalise::{is_apostrophe, is_plain_han, is_soft},
    segment::{self, Way},
};

/// Keeps every block of the text whole.
const PADDING: &str = "                                                                ";

const _: () = assert!(PADDING.len() == BLOCK);

/// Folds `text` into `out`, which is empty.
pub(super) fn fold_into(out: &mut FoldedText, text: &str) {
    out.folded.reserve(text.len() + BLOCK);
    out.folded.push_str(text);
    out.folded.make_ascii_lowercase();
    out.folded.push_str(PADDING);
    let mut pass = Pass { text, out, letters: Letters::get(), at: 0, previous_end: 0, known: 0, hard: true };
    while pass.at < text.len() {
        pass.block();
    }
}

/// What a [`Class::Join`] character does where it stands.
enum Joint {
    /// The word goes on after it.
    Inside,
    /// The word has ended before it.
    After,
    /// It starts a possessive; the word as UAX #29 sees it ends at this offset.
    Possessive(usize),
    /// Only the general way knows.
    Odd,
}

/// State between two words.
struct Pass<'a> {
    text: &'a str,
    out: &'a mut FoldedText,
    letters: Letters,
    /// Everything before is done; a boundary of UAX #29.
    at: usize,
    /// Where the last word ended, as far as gaps are concerned.
    previous_end: usize,
    /// Where the last region of the general way ended.
    known: usize,
    /// Whether a phrase cannot run from the last word to `at`.
    hard: bool,
}

impl Pass<'_> {
    /// Takes the next block up to its last space, and to the end of a chunk that starts before.
    #[inline]
    fn block(&mut self) {
        let base = self.at;
        let Some(bytes) = self.out.folded.as_bytes().get(base..).and_then(|rest| rest.first_chunk()) else {
            self.at = self.text.len();
            return;
        };
        let block = Block::new(bytes);
        let mut word = block.word;
        let mut hard = !(block.word | block.soft);
        let mut odd = block.odd;
        let end = last_bit(block.space);
        // What stands before a letter or digit but not after a space.
        let inner = !(block.word | block.space) & block.word >> 1 & !(block.space << 1 | 1) & below(end);
        if inner != 0 {
            odd |= settle_joints(bytes, inner, &mut word, &mut hard);
        }
        let mut from = 0;
        loop {
            odd &= !below(from);
            let is_plain = odd == 0 && from < end;
            // The chunk that is not plain starts after the last space before its first odd byte.
            let before = block.space & below(odd.trailing_zeros()) & !below(from);
            let stop = match before {
                _ if is_plain => end,
                0 => from,
                _ => last_bit(before) + 1,
            };
            let range = below(stop) & !below(from);
            if block.word & range != 0 {
                // With the `s` of a possessive.
                self.previous_end = base + last_bit(block.word & range) as usize + 1;
            }
            self.push_words(base, word & range, hard & range);
            self.at = base + stop as usize;
            if is_plain {
                return;
            }
            self.chunk();
            from = u32::try_from(self.at - base).unwrap_or(u32::MAX);
            if from >= end {
                return;
            }
        }
    }

    /// Adds the runs of `word` bits; a gap is hard when a `hard` bit stands in it.
    #[inline]
    fn push_words(&mut self, base: usize, word: u64, hard: u64) {
        let mut starts = word & !(word << 1);
        let mut ends = !word & (word << 1);
        let mut hard = hard;
        let mut before_is_hard = self.hard | self.out.marks.is_empty();
        while starts != 0 {
            let before = starts.wrapping_sub(1) & !starts;
            let span = base + starts.trailing_zeros() as usize..base + ends.trailing_zeros() as usize;
            let gap = if before_is_hard | (hard & before != 0) { Gap::Hard } else { Gap::Soft };
            hard &= !before;
            before_is_hard = false;
            starts &= starts.wrapping_sub(1);
            ends &= ends.wrapping_sub(1);
            self.out.push_mark(span.clone(), span, Script::Word, gap);
        }
        self.hard = before_is_hard | (hard != 0);
    }

    /// Takes a chunk that is not plain, and others after it: characters one by one up to white space that an ASCII character follows.
    fn chunk(&mut self) {
        let start = self.at;
        while let Some((c, entry)) = self.entry_at(self.at) {
            match entry.class {
                Class::Between | Class::Join => {
                    if self.at > start
                        && c.is_ascii_whitespace()
                        && self.text.as_bytes().get(self.at + 1).is_none_or(u8::is_ascii)
                    {
                        return;
                    }
                    self.hard |= entry.gap == Gap::Hard;
                    self.at += c.len_utf8();
                }
                Class::Ideograph => self.ideograph(c),
                Class::Letter | Class::Digit => self.word(),
                Class::Odd => self.odd(),
            }
        }
    }

    fn ideograph(&mut self, c: char) {
        let start = self.at;
        let end = start + c.len_utf8();
        if self.class_at(end) == Class::Odd {
            return self.general(start, start);
        }
        let simple = han::simplified(c);
        let folded = if simple == c { start..end } else { self.append(|folded| folded.push(simple)) };
        self.finish(folded, start..end, end, Script::Ideograph);
    }

    /// Takes a word of letters and digits.
    fn word(&mut self) {
        let start = self.at;
        let mut at = start;
        // Where the folded word begins once it is not simply the text in lower case.
        let mut tail = None;
        let mut before = Class::Odd;
        let mut all_hangul = true;
        let word_end = loop {
            let Some((c, entry)) = self.entry_at(at) else { break at };
            match entry.class {
                Class::Letter | Class::Digit => {}
                Class::Between | Class::Ideograph => break at,
                Class::Join => match self.joint(c, entry, at, before) {
                    Joint::Inside => {}
                    Joint::After => break at,
                    Joint::Possessive(end) => break end,
                    Joint::Odd => return self.dotted(start, at, tail),
                },
                Class::Odd => return self.give_up(start, at, tail),
            }
            all_hangul &= entry.is_hangul;
            if !c.is_ascii() && tail.is_none() && entry.folds_to != [c, '\0'] {
                tail = Some(self.out.folded.len());
                self.out.folded.extend_from_within(start..at);
            }
            if tail.is_some() {
                push_folded(&mut self.out.folded, c, entry);
            }
            before = entry.class;
            at += c.len_utf8();
        };
        if self.is_lone_possessive(start, word_end) {
            self.hard = false;
            self.previous_end = word_end;
            self.at = word_end;
            return;
        }
        let folded = tail.map_or(start..at, |tail| tail..self.out.folded.len());
        let script = if all_hangul { Script::Hangul } else { Script::Word };
        self.finish(folded, start..at, word_end, script);
    }

    /// What the character `c` at `at`, after a letter or digit (`before`) of the same word, does to the word.
    fn joint(&self, c: char, entry: Entry, at: usize, before: Class) -> Joint {
        let after = at + c.len_utf8();
        let Some((next, next_entry)) = self.entry_at(after) else { return Joint::After };
        match (before, next_entry.class) {
            (_, Class::Odd) => Joint::Odd,
            (Class::Letter, Class::Letter) if entry.joins_letters => {
                if !is_apostrophe(c) {
                    return Joint::Odd;
                }
                if !next.is_ascii() {
                    // `o’ś` reads as a possessive once it is folded.
                    return if next_entry.folds_to.contains(&'s') { Joint::Odd } else { Joint::Inside };
                }
                if !next.eq_ignore_ascii_case(&'s') {
                    return Joint::Inside;
                }
                match self.entry_at(after + 1) {
                    None => Joint::Possessive(after + 1),
                    Some((joint, entry)) => match entry.class {
                        Class::Letter | Class::Digit => Joint::Inside,
                        Class::Odd => Joint::Odd,
                        Class::Between | Class::Ideograph => Joint::Possessive(after + 1),
                        Class::Join => match self.class_at(after + 1 + joint.len_utf8()) {
                            Class::Between | Class::Ideograph | Class::Join => Joint::Possessive(after + 1),
                            _ => Joint::Odd,
                        },
                    },
                }
            }
            (Class::Digit, Class::Digit) if entry.joins_digits => {
                if c.is_ascii() {
                    Joint::Inside
                } else {
                    Joint::Odd
                }
            }
            _ => Joint::After,
        }
    }

    /// Whether the word is the `s` of `G20's`, which UAX #29 parts from the apostrophe.
    fn is_lone_possessive(&self, start: usize, end: usize) -> bool {
        end == start + 1
            && self.previous_end > 0
            && self.previous_end < start
            && self.text.as_bytes().get(start).is_some_and(|b| b.eq_ignore_ascii_case(&b's'))
            && self
                .text
                .get(self.previous_end..start)
                .is_some_and(|between| between.chars().all(is_apostrophe))
    }

    /// Takes a word of ASCII letters with dots between them (`U.S.`), which is odd at `from`.
    fn dotted(&mut self, start: usize, from: usize, tail: Option<usize>) {
        let bytes = self.text.as_bytes().get(start..).unwrap_or_default();
        let pairs =
            bytes.chunks_exact(2).take_while(|pair| matches!(pair, [c, b'.'] if c.is_ascii_alphabetic()));
        let mut letters = pairs.count();
        let mut end = start + 2 * letters;
        if bytes.get(2 * letters).is_some_and(u8::is_ascii_alphabetic) {
            letters += 1;
            end += 1;
        }
        let ends = match self.entry_at(end) {
            None => true,
            Some((c, entry)) => match entry.class {
                Class::Between | Class::Ideograph => true,
                Class::Join => {
                    matches!(self.class_at(end + c.len_utf8()), Class::Between | Class::Ideograph)
                }
                Class::Odd | Class::Letter | Class::Digit => false,
            },
        };
        if letters < 2 || !ends {
            return self.give_up(start, from, tail);
        }
        let folded = self.out.folded.len();
        for at in (start..end).step_by(2) {
            self.out.folded.extend_from_within(at..at + 1);
        }
        self.finish(folded..self.out.folded.len(), start..end, end, Script::Word);
    }

    /// Leaves the word at `start`, which is odd at `from`, to the general way.
    fn give_up(&mut self, start: usize, from: usize, tail: Option<usize>) {
        if let Some(tail) = tail {
            self.out.folded.truncate(tail);
        }
        self.general(start, from);
    }

    /// Leaves the odd character at `at` to the general way, with what it may cling to.
    fn odd(&mut self) {
        let floor = self.previous_end.max(self.known).min(self.at);
        let before = self.text.get(floor..self.at).unwrap_or_default();
        let mut start = floor + before.trim_end().len();
        if start == self.at
            && let Some(c) = before.chars().next_back()
        {
            start -= c.len_utf8();
        }
        self.general(start, self.at);
    }

    /// Folds from `start` to the first sure boundary after the character at `odd` in the general way.
    #[cold]
    fn general(&mut self, start: usize, odd: usize) {
        let rest = self.text.get(odd..).unwrap_or_default();
        let mut chars = rest.char_indices();
        let mut before = chars.next().map_or(' ', |(_, c)| c);
        let length = chars.find(|(_, c)| is_sure_boundary(std::mem::replace(&mut before, *c), *c));
        let end = length.map_or(self.text.len(), |(length, _)| odd + length);
        let previous_end =
            segment::fold_words(self.out, self.text, start..end, self.previous_end, Way::Remembered);
        if previous_end > self.previous_end {
            self.hard = false;
        }
        let gap = self.text.get(previous_end.max(start)..end).unwrap_or_default();
        self.hard |= !gap.chars().all(is_soft);
        self.previous_end = previous_end;
        self.known = end;
        self.at = end;
    }

    /// Adds a token and goes on after its word.
    #[inline]
    fn finish(&mut self, folded: Range<usize>, span: Range<usize>, word_end: usize, script: Script) {
        let gap = if self.hard || self.out.is_empty() { Gap::Hard } else { Gap::Soft };
        self.out.push_mark(folded, span, script, gap);
        self.hard = false;
        self.previous_end = word_end;
        self.at = word_end;
    }

    fn append(&mut self, write: impl FnOnce(&mut String)) -> Range<usize> {
        let start = self.out.folded.len();
        write(&mut self.out.folded);
        start..self.out.folded.len()
    }

    #[inline]
    fn entry_at(&self, at: usize) -> Option<(char, Entry)> {
        let c = self.text.get(at..)?.chars().next()?;
        Some((c, self.letters.entry(c)))
    }

    /// The class of the character at `at`; the end of the text is like a space.
    #[inline]
    fn class_at(&self, at: usize) -> Class {
        self.entry_at(at).map_or(Class::Between, |(_, entry)| entry.class)
    }
}

/// Appends what one character of a word folds to.
#[inline]
fn push_folded(folded: &mut String, c: char, entry: Entry) {
    if entry.class == Class::Join {
        folded.push(if is_apostrophe(c) { '\'' } else { c });
        return;
    }
    let [first, second] = entry.folds_to;
    folded.push(first);
    if second != '\0' {
        folded.push(second);
    }
}

/// Whether UAX #29 breaks between `before` and `c`, and `segment` does not look across, whatever stands around.
fn is_sure_boundary(before: char, c: char) -> bool {
    // Spaces of different kinds are one run.
    (c.is_ascii_whitespace() && !before.is_whitespace())
        || is_plain_han(c)
        || matches!(c, '\u{3041}'..='\u{3096}' | '。' | '、' | '《' | '》' | '“' | '”' | '…')
}

/// Decides what the `inner` bytes (before a letter or digit, not after a space) do: adds to `word` those that
/// stand inside a word, takes from it the `s` of a possessive. Returns those that are not plain.
#[inline]
fn settle_joints(bytes: &[u8; BLOCK], inner: u64, word: &mut u64, hard: &mut u64) -> u64 {
    let mut odd = 0;
    let mut left = inner;
    while left != 0 {
        let at = left.trailing_zeros() as usize;
        let bit = 1_u64 << at;
        left &= left - 1;
        let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
        let (before, joint, after) = (byte(at.wrapping_sub(1)), byte(at), byte(at + 1));
        let letters = before.is_ascii_alphabetic() && after.is_ascii_alphabetic();
        let digits = before.is_ascii_digit() && after.is_ascii_digit();
        if !before.is_ascii_alphanumeric() {
            if before == b'\'' && joint == b'\'' {
                odd |= bit;
            }
        } else if joint == b'\'' && after == b's' && *word & bit << 2 == 0 {
            if inner & bit << 2 != 0 {
                odd |= bit;
            }
            *word &= !(bit << 1);
            *hard &= !(bit << 1);
        } else if letters && joint == b'\'' || digits && matches!(joint, b'\'' | b'.' | b',' | b';') {
            *word |= bit;
            *hard &= !bit;
        } else if letters && (joint == b'.' || joint == b':') {
            odd |= bit;
        }
    }
    odd
}

/// The bits below `bit`; all of them for 64.
#[inline]
fn below(bit: u32) -> u64 {
    1_u64.checked_shl(bit).unwrap_or_default().wrapping_sub(1)
}

/// Index of the highest bit; 0 when there is none.
#[inline]
fn last_bit(bits: u64) -> u32 {
    63 - (bits | 1).leading_zeros()
}
