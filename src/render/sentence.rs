//! The sentence around a place in a text. To be replaced by `text::sentence_around` at integration.
//!
//! Data in: a text and a byte range. Data out: the byte range of the sentence.
//!
//! **Invariant:** the answer lies on character boundaries and within the text.
//!
//! Rejected: UAX #29 sentence segmentation, which breaks after "U.S." when a capital follows.

use std::ops::Range;

/// Titles and short forms after which a full stop ends no sentence.
const ABBREVIATIONS: [&str; 8] = ["Mr", "Mrs", "Ms", "Dr", "Prof", "Gen", "Sen", "St"];

/// The sentence that holds `span.start`, without white space at its ends; the empty range at the end for a span
/// beyond the text.
pub(super) fn sentence_around(text: &str, span: Range<usize>) -> Range<usize> {
    let mut start = 0;
    for end in ends(text).chain([text.len()]) {
        if span.start < end {
            return trimmed(text, start..end);
        }
        start = end;
    }
    text.len()..text.len()
}

/// Byte offsets behind the marks that end sentences.
fn ends(text: &str) -> impl Iterator<Item = usize> + '_ {
    text.char_indices().filter_map(|(at, c)| {
        let behind = at + c.len_utf8();
        let tail = text.get(behind..)?;
        let closing = tail.len() - tail.trim_start_matches(['"', '\'', '”', '’', '」', ')', '）']).len();
        let next = tail.get(closing..)?.chars().next();
        let ends = match c {
            '。' | '！' | '？' => true,
            '!' | '?' => next.is_some_and(char::is_whitespace),
            '.' => next.is_some_and(char::is_whitespace) && !is_short_form(text.get(..at)?),
            _ => false,
        };
        ends.then_some(behind + closing)
    })
}

/// Whether a full stop behind `before` belongs to a short form such as `U.S` or `Mr`.
fn is_short_form(before: &str) -> bool {
    let word = before.rsplit(|c: char| !c.is_alphabetic()).next().unwrap_or_default();
    let single = word.chars().count() == 1 && word.chars().all(char::is_uppercase);
    single || ABBREVIATIONS.contains(&word)
}

fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let Some(part) = text.get(range.clone()) else { return range };
    let start = range.start + part.len() - part.trim_start().len();
    start..start + part.trim().len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sentence_with_the_hit_is_found() {
        let check = |text: &str, hit: &str, want: &str| {
            let start = text.find(hit).unwrap();
            let range = sentence_around(text, start..start + hit.len());
            assert_eq!(&text[range], want, "{hit} in {text}");
        };
        let text = "Ports are calm. The U.S. Treasury met Mr. Li at 3.5 per cent. “No deal!” he said. End";
        check(text, "calm", "Ports are calm.");
        check(text, "Treasury", "The U.S. Treasury met Mr. Li at 3.5 per cent.");
        check(text, "Li", "The U.S. Treasury met Mr. Li at 3.5 per cent.");
        check(text, "End", "End");
        let text = "中方表示遗憾。双方将继续通话！“好的？”";
        check(text, "通话", "双方将继续通话！");
        check(text, "遗憾", "中方表示遗憾。");
        assert_eq!(sentence_around("abc", 7..9), 3..3);
        assert_eq!(sentence_around("", 0..0), 0..0);
    }
}
