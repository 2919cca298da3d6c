//! Sentences: which part of a text to show around a hit.
//!
//! In: text and a byte range. Out: the byte range of the sentence, or sentences, that hold it. A full stop ends
//! a sentence only before a space and something that can open one, and not after an initial, an acronym or a
//! common abbreviation; 。！？ always do.
//!
//! **Invariant:** the result lies on character boundaries and has no white space at either end.
//!
//! Rejected: the sentence breaks of UAX #29, which end a sentence after `U.S.` and `Mr.`.

use std::ops::Range;

/// Words whose full stop does not end a sentence, folded to lower case.
const ABBREVIATIONS: &[&str] = &[
    "adm", "approx", "apr", "aug", "capt", "co", "col", "corp", "dec", "dept", "dr", "feb", "fr", "gen",
    "gov", "hon", "inc", "jan", "jr", "jul", "jun", "lt", "ltd", "maj", "mr", "mrs", "ms", "mt", "no", "nov",
    "oct", "pres", "prof", "rep", "rev", "sen", "sep", "sept", "sgt", "sr", "st", "vs",
];

/// The sentence of `text` that holds `span`; several when the span crosses a boundary, the whole text when it
/// has none. A span outside the text, or inside a character, is moved to the nearest place that is allowed.
pub fn sentence_around(text: &str, span: Range<usize>) -> Range<usize> {
    let first = floor_boundary(text, span.start);
    let last = floor_boundary(text, span.end.saturating_sub(1)).max(first);
    let mut start = 0;
    let mut end = text.len();
    for boundary in boundaries(text) {
        if boundary <= first {
            start = boundary;
        } else if boundary > last {
            end = boundary;
            break;
        }
    }
    trim(text, start..end)
}

/// Byte offsets at which the sentences of `text` begin, rising: 0 unless the text is empty, then the first character
/// that is not white space after each sentence's end. [`sentence_around`] a sentence's first character begins
/// there (at 0: after white space) and ends before the next offset. Linear in the length of `text`.
pub fn sentence_starts(text: &str) -> Vec<usize> {
    let mut starts = Vec::new();
    if !text.is_empty() {
        starts.push(0);
    }
    starts.extend(boundaries(text).filter_map(|boundary| {
        let rest = text.get(boundary..)?;
        let begins = rest.trim_start();
        (!begins.is_empty()).then_some(boundary + rest.len() - begins.len())
    }));
    starts
}

/// Byte offsets just after each sentence's last character, closing quotes included.
fn boundaries(text: &str) -> impl Iterator<Item = usize> {
    text.char_indices().filter_map(|(at, c)| {
        let after = at + c.len_utf8();
        match c {
            '。' | '！' | '？' | '!' | '?' | '.' => {
                let rest = text.get(after..)?;
                let closers: usize = rest.chars().take_while(|c| is_closer(*c)).map(char::len_utf8).sum();
                let end = after + closers;
                let follows = text.get(end..)?;
                let ends = match c {
                    '!' | '?' => follows.is_empty() || follows.starts_with(char::is_whitespace),
                    '.' => full_stop_ends(text.get(..at)?, follows),
                    _ => !follows.starts_with(['。', '！', '？']),
                };
                ends.then_some(end)
            }
            _ => None,
        }
    })
}

/// Whether a full stop between `before` and `follows` ends a sentence.
fn full_stop_ends(before: &str, follows: &str) -> bool {
    if follows.is_empty() {
        return true;
    }
    let Some(next) = follows.strip_prefix(char::is_whitespace).map(str::trim_start) else {
        return false;
    };
    if next.chars().next().is_some_and(char::is_lowercase) {
        return false;
    }
    let word =
        before.rsplit(|c: char| c.is_whitespace() || "(-–—'\"“‘".contains(c)).next().unwrap_or_default();
    let dotted =
        word.split('.').all(|part| part.chars().count() == 1 && part.chars().all(char::is_alphabetic));
    !dotted && !ABBREVIATIONS.contains(&word.to_lowercase().as_str())
}

fn is_closer(c: char) -> bool {
    matches!(c, '"' | '\'' | '”' | '’' | ')' | ']' | '」' | '』' | '）' | '》' | '】' | '»')
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn trim(text: &str, range: Range<usize>) -> Range<usize> {
    let sentence = text.get(range.clone()).unwrap_or_default();
    let start = range.start + (sentence.len() - sentence.trim_start().len());
    start..start + sentence.trim().len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, needle: &str, expect: &str) {
        let at = text.find(needle).unwrap();
        assert_eq!(&text[sentence_around(text, at..at + needle.len())], expect, "{needle} in {text}");
    }

    #[test]
    fn the_sentence_that_holds_the_span() {
        let text = "Prices rose. The U.S. Treasury met Mr. Li at 3.30 p.m. on Monday! “Fine.” He left";
        check(text, "rose", "Prices rose.");
        check(text, "Treasury", "The U.S. Treasury met Mr. Li at 3.30 p.m. on Monday!");
        check(text, "Monday", "The U.S. Treasury met Mr. Li at 3.30 p.m. on Monday!");
        check(text, "Fine", "“Fine.”");
        check(text, "He left", "He left");
        check(text, "rose. The", "Prices rose. The U.S. Treasury met Mr. Li at 3.30 p.m. on Monday!");
        check("No end here", "end", "No end here");
        check("Led by J. Greer. Next", "Led", "Led by J. Greer.");
        check("Made by Acme Inc. and sold", "sold", "Made by Acme Inc. and sold");
    }

    #[test]
    fn chinese_sentences() {
        let text = "双方通话。“会谈将继续！”他说？好";
        check(text, "通话", "双方通话。");
        check(text, "继续", "“会谈将继续！”");
        check(text, "他", "他说？");
        check(text, "好", "好");
    }

    #[test]
    fn spans_that_do_not_fit_are_moved() {
        assert_eq!(sentence_around("", 0..0), 0..0);
        assert_eq!(sentence_around("中文", 1..2), 0..6);
        assert_eq!(sentence_around("One. Two", 90..99), 5..8);
    }

    #[test]
    fn sentences_begin_after_white_space() {
        let check = |text: &str, expect: &[usize]| assert_eq!(sentence_starts(text), expect, "{text}");
        check("", &[]);
        check(" ", &[0]);
        check("One.  Two! \"Three?\" four. ", &[0, 6, 11, 20]);
        check("好。“是！”他", &[0, 6, 18]);
        check("The U.S. Treasury", &[0]);
    }

    proptest! {
        #[test]
        fn starts_are_where_sentences_around_them_begin(text in "[a-zA-Z .!?中。！”’\u{a0}]{0,40}") {
            let starts = sentence_starts(&text);
            prop_assert_eq!(starts.first().copied(), (!text.is_empty()).then_some(0));
            prop_assert!(starts.is_sorted_by(|a, b| a < b));
            for (index, &start) in starts.iter().enumerate() {
                let next = starts.get(index + 1).copied().unwrap_or(text.len());
                let sentence = &text[start..next];
                if sentence.trim().is_empty() {
                    continue;
                }
                let first = start + sentence.len() - sentence.trim_start().len();
                prop_assert!(index == 0 || first == start);
                let expect = first..start + sentence.trim_end().len();
                for at in expect.clone() {
                    prop_assert_eq!(sentence_around(&text, at..at + 1), expect.clone());
                }
            }
        }

        #[test]
        fn always_inside_and_on_boundaries(text in "[a-zA-Z .!?中。！”’]{0,40}", start in 0usize..60, len in 0usize..60) {
            let range = sentence_around(&text, start..start + len);
            let sentence = text.get(range);
            prop_assert!(sentence.is_some_and(|sentence| sentence == sentence.trim()));
        }
    }
}
