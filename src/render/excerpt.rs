//! The part of an item's text that shows why it matched, with the hits marked.
//!
//! Data in: a text and the byte ranges of its hits. Data out: segments, hit or not, cleaned for display.
//!
//! **Invariant:** the segments joined are a part of the text (plus `…` where it was cut). Ranges that do not fit the
//! text are left unmarked; they never fail a mail.
//!
//! Rejected: marking in the cleaned text. The ranges belong to the text as stored.

use std::ops::Range;

use serde::Serialize;
use unicode_segmentation::UnicodeSegmentation;

use super::clean;
use crate::text::sentence_around;

/// Longest headline shown, in graphemes.
pub const MAX_HEADLINE: usize = 240;
/// Longest excerpt shown, in characters.
pub(super) const MAX_EXCERPT: usize = 600;
/// Longest snippet shown, in characters.
pub const MAX_SNIPPET: usize = 300;
/// Most characters shown before the hit where its sentence is too long to be shown whole.
const LEAD: usize = 200;

/// A run of text that is a hit or is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Segment {
    /// Cleaned, not escaped.
    pub text: String,
    /// To be marked.
    pub hit: bool,
}

/// The headline, cut to [`MAX_HEADLINE`].
pub fn headline(title: &str, hits: &[Range<usize>]) -> Vec<Segment> {
    let end = title.grapheme_indices(true).nth(MAX_HEADLINE).map_or(title.len(), |(at, _)| at);
    segments(title, 0..end, hits)
}

/// The sentence that holds the first hit and its neighbours, the one before left out where all three are too long; the
/// text's first sentences when there is no hit. Empty for an empty text.
pub(super) fn excerpt(text: &str, hits: &[Range<usize>]) -> Vec<Segment> {
    let first = hits.iter().find(|hit| text.get(Range::clone(hit)).is_some()).cloned().unwrap_or(0..0);
    let sentence = sentence_around(text, first.clone());
    let own = sentence.start.min(first.start)..sentence.end.max(first.end);
    let (start, end) = (before(text, own.start), after(text, own.end));
    let choices = [start..end, own.start..end, start..own.end, own.clone()];
    let range = choices.into_iter().find(|range| chars(text, range) <= MAX_EXCERPT);
    segments(text, range.unwrap_or_else(|| around(text, &own, first.start, MAX_EXCERPT)), hits)
}

/// The sentence that holds the first hit, or the text's first sentence when there is no hit, cut to [`MAX_SNIPPET`].
/// Empty for an empty text.
pub fn snippet(text: &str, hits: &[Range<usize>]) -> Vec<Segment> {
    let first = hits.iter().find(|hit| text.get(Range::clone(hit)).is_some()).cloned().unwrap_or(0..0);
    let sentence = sentence_around(text, first.clone());
    let own = sentence.start.min(first.start)..sentence.end.max(first.end);
    let is_short = chars(text, &own) <= MAX_SNIPPET;
    let range = if is_short { own } else { around(text, &own, first.start, MAX_SNIPPET) };
    segments(text, range, hits)
}

fn chars(text: &str, range: &Range<usize>) -> usize {
    text.get(range.clone()).map_or(0, |part| part.chars().count())
}

/// Where the sentence before byte `at` begins; `at` when there is none.
fn before(text: &str, at: usize) -> usize {
    let Some((last, c)) = text.get(..at).and_then(|before| before.trim_end().char_indices().next_back())
    else {
        return at;
    };
    sentence_around(text, last..last + c.len_utf8()).start.min(at)
}

/// Where the sentence after byte `at` ends; `at` when there is none.
fn after(text: &str, at: usize) -> usize {
    let Some(after) = text.get(at..).map(str::trim_start).filter(|after| !after.is_empty()) else {
        return at;
    };
    let next = text.len() - after.len();
    let c = after.chars().next().map_or(1, char::len_utf8);
    sentence_around(text, next..next + c).end.max(at)
}

/// At most `max` characters of `own` around the byte `hit`, cut at spaces where there are any near.
fn around(text: &str, own: &Range<usize>, hit: usize, max: usize) -> Range<usize> {
    const NEAR: usize = 30;
    let (Some(before), Some(after)) = (text.get(own.start..hit), text.get(hit..own.end)) else {
        return own.clone();
    };
    let lead = before.char_indices().rev().nth(LEAD.min(max / 3)).map_or(0, |(at, _)| at);
    let kept = before.get(lead..).unwrap_or_default();
    let to_space = if lead == 0 { None } else { kept.char_indices().take(NEAR).find(|(_, c)| *c == ' ') };
    let start = own.start + lead + to_space.map_or(0, |(at, _)| at + 1);
    let left = max.saturating_sub(chars(text, &(start..hit)));
    let end = after.char_indices().nth(left).map_or(after.len(), |(at, _)| at);
    let tail = after.get(..end).unwrap_or_default();
    let space = tail.char_indices().rev().take(NEAR).find(|(_, c)| *c == ' ').map(|(at, _)| at);
    let end = if end == after.len() { end } else { space.filter(|at| *at > 0).unwrap_or(end) };
    start..hit + end
}

/// `range` of `text` in segments, with `…` where a sentence or the headline was cut.
fn segments(text: &str, range: Range<usize>, hits: &[Range<usize>]) -> Vec<Segment> {
    let mut hits: Vec<Range<usize>> =
        hits.iter().filter(|hit| text.get(Range::clone(hit)).is_some()).cloned().collect();
    hits.sort_unstable_by_key(|hit| (hit.start, hit.end));
    let hits = joined(text, hits);
    let mut out: Vec<Segment> = Vec::new();
    let mut push = |from: usize, to: usize, hit: bool| {
        let part = clean::text(text.get(from..to).unwrap_or_default());
        match out.last_mut() {
            _ if part.is_empty() => {}
            Some(last) if last.hit == hit => last.text.push_str(&part),
            _ => out.push(Segment { text: part, hit }),
        }
    };
    let mut at = range.start;
    for hit in hits {
        let (from, to) = (hit.start.max(at), hit.end.min(range.end));
        if from < to {
            push(at, from, false);
            push(from, to, true);
            at = to;
        }
    }
    push(at, range.end, false);
    let is_inner = |part: Option<&str>| part.is_some_and(|part| ends_inside_a_sentence(part.trim_end()));
    if range.start > 0 && is_inner(text.get(..range.start)) {
        out.insert(0, Segment { text: "… ".to_owned(), hit: false });
    }
    if !range.is_empty() && range.end < text.len() && is_inner(text.get(..range.end)) {
        out.push(Segment { text: " …".to_owned(), hit: false });
    }
    out
}

/// `hits` (sorted) with those made one that overlap, touch, or have only white space or a hyphen between them: the
/// words of a phrase are one mark.
pub(super) fn joined(text: &str, hits: Vec<Range<usize>>) -> Vec<Range<usize>> {
    let binds = |c: char| c.is_whitespace() || matches!(c, '-' | '\u{2010}' | '\u{2011}');
    let mut out: Vec<Range<usize>> = Vec::with_capacity(hits.len());
    for hit in hits {
        match out.last_mut() {
            Some(last)
                if hit.start <= last.end
                    || text.get(last.end..hit.start).is_some_and(|gap| gap.chars().all(binds)) =>
            {
                last.end = last.end.max(hit.end);
            }
            _ => out.push(hit),
        }
    }
    out
}

fn ends_inside_a_sentence(text: &str) -> bool {
    let text = text.trim_end_matches(['"', '\'', '”', '’', '」', ')', '）']);
    !text.is_empty() && !text.ends_with(['.', '!', '?', '。', '！', '？', '…'])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Hits are written `[so]` in `marked`; the answer has `*so*`.
    fn told(of: fn(&str, &[Range<usize>]) -> Vec<Segment>, marked: &str) -> String {
        let (mut text, mut hits) = (String::new(), Vec::new());
        for c in marked.chars() {
            match c {
                '[' => hits.push(text.len()..text.len()),
                ']' => hits.last_mut().unwrap().end = text.len(),
                c => text.push(c),
            }
        }
        of(&text, &hits)
            .iter()
            .map(|s| if s.hit { format!("*{}*", s.text) } else { s.text.clone() })
            .collect()
    }

    #[test]
    fn the_sentence_of_the_hit_and_its_neighbours_are_shown() {
        let check = |marked: &str, want: &str| assert_eq!(told(excerpt, marked), want, "{marked}");
        check("Zero. One. Two is [here]. Three. Four.", "One. Two is *here*. Three.");
        check("One. Two. Three is [here].", "Two. Three is *here*.");
        check("[Only] this", "*Only* this");
        check("[Rare][ earths] and [magnets]. End.", "*Rare earths* and *magnets*. End.");
        check("[Rare] [earths], [dual]-[use], [a], [b].", "*Rare earths*, *dual-use*, *a*, *b*.");
        check("No hit here. Second. Third.", "No hit here. Second.");
        check("首句。[稀土]出口受限。第三句。第四句。", "首句。*稀土*出口受限。第三句。");
        check("", "");
    }

    #[test]
    fn long_sentences_are_cut_around_the_hit() {
        let (before, after) = ("left ".repeat(200), " right".repeat(200));
        let got = told(excerpt, &format!("{before}[hit]{after}"));
        assert!(got.starts_with("… left ") && got.contains(" *hit* ") && got.ends_with("right …"), "{got}");
        assert!(got.chars().count() <= MAX_EXCERPT + 6, "{}", got.chars().count());
        let whole = "字".repeat(MAX_EXCERPT);
        assert_eq!(told(excerpt, &whole), whole);
        assert_eq!(told(excerpt, &format!("{whole}字")), format!("{whole} …"));
    }

    #[test]
    fn neighbours_are_left_out_at_n_plus_1() {
        let told_with = |n: usize| told(excerpt, &format!("{}。[稀土]。后句。", "前".repeat(n)));
        // With the full stop of the first sentence and the other two.
        let spare = MAX_EXCERPT - "。稀土。后句。".chars().count();
        assert!(told_with(spare).starts_with("前"));
        assert_eq!(told_with(spare + 1), "*稀土*。后句。");
    }

    #[test]
    fn a_snippet_is_one_sentence_cut_at_n_and_n_plus_1() {
        let check = |marked: &str, want: &str| assert_eq!(told(snippet, marked), want, "{marked}");
        check("One. Two is [here]. Three.", "Two is *here*.");
        check("No hit. Second.", "No hit.");
        check("", "");
        let whole = "字".repeat(MAX_SNIPPET);
        assert_eq!(told(snippet, &whole), whole);
        assert_eq!(told(snippet, &format!("{whole}字")), format!("{whole} …"));
        let got = told(snippet, &format!("{}[hit]{}", "left ".repeat(99), " right".repeat(99)));
        assert!(got.contains(" *hit* ") && got.chars().count() <= MAX_SNIPPET + 6, "{got}");
    }

    #[test]
    fn headlines_are_cut_at_n_and_n_plus_1() {
        let of = |n: usize| told(headline, &"a".repeat(n));
        assert_eq!(of(MAX_HEADLINE), "a".repeat(MAX_HEADLINE));
        assert_eq!(of(MAX_HEADLINE + 1), format!("{} …", "a".repeat(MAX_HEADLINE)));
    }

    #[test]
    fn ranges_that_do_not_fit_are_ignored() {
        for hit in [5..99, 1..2, 99..100, 3..3] {
            let got = excerpt("é b.", std::slice::from_ref(&hit));
            assert_eq!(got, [Segment { text: "é b.".to_owned(), hit: false }], "{hit:?}");
        }
    }
}
