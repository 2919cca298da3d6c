//! Makes text from feeds safe to show: no controls, no hidden direction changes, bounded length.
//!
//! Data in: any text. Data out: text that shows what it is.
//!
//! **Invariant:** the output of [`text`] holds no control character (general category Cc), no line or paragraph
//! separator, no bidirectional control and no invisible filler.
//!
//! Rejected: dropping everything of category Cf. Persian, Hindi and emoji need the joiners U+200C and U+200D.

use unicode_normalization::char::is_combining_mark;
use unicode_segmentation::UnicodeSegmentation;

/// Most combining marks kept on one character: the Stream-Safe Text Format of UAX #15 allows 30, no living
/// orthography needs more than four.
pub(super) const MAX_MARKS: usize = 4;

/// `text` without characters that hide, reorder or break a line. Spaces stay as they are, line breaks and tabs
/// become spaces.
pub(super) fn text(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut marks = 0;
    let mut joined = true;
    for c in text.chars() {
        if c.is_whitespace() {
            out.push(' ');
        } else if c.is_control() || is_hidden(c) {
            continue;
        } else if is_joiner(c) {
            // A joiner joins two characters: never at the start, never two in a row.
            if !joined {
                out.push(c);
                joined = true;
            }
            continue;
        } else if is_combining_mark(c) {
            marks += 1;
            if marks <= MAX_MARKS {
                out.push(c);
            }
            continue;
        } else {
            out.push(c);
        }
        marks = 0;
        joined = c.is_whitespace();
    }
    out
}

/// [`text`], with white space folded to single spaces and none at the ends.
pub(super) fn line(raw: &str) -> String {
    text(raw).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// `text` if it has at most `max` graphemes; otherwise its start and `…`, `max` graphemes together.
pub(super) fn cut(text: &str, max: usize) -> String {
    if text.graphemes(true).nth(max).is_none() {
        return text.to_owned();
    }
    let kept: String = text.graphemes(true).take(max.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

/// [`line`] and [`cut`].
pub(super) fn short(raw: &str, max: usize) -> String {
    cut(&line(raw), max)
}

fn is_joiner(c: char) -> bool {
    matches!(c, '\u{200C}' | '\u{200D}')
}

/// Bidirectional controls (UAX #9), zero-width and filler characters, tags, and code points that are no
/// characters.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{00AD}' | '\u{034F}' | '\u{061C}' | '\u{115F}' | '\u{1160}' | '\u{17B4}' | '\u{17B5}'
        | '\u{180B}'..='\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}' | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}'
        | '\u{FFFE}' | '\u{FFFF}' | '\u{1D173}'..='\u{1D17A}' | '\u{E0000}'..='\u{E0FFF}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_reorders_is_dropped() {
        let check = |raw: &str, want: &str| assert_eq!(line(raw), want, "{raw:?}");
        check("  Tariffs \t rise\r\n again ", "Tariffs rise again");
        check("a\0b\u{7}c\u{1b}[31mred\u{85}next", "abc[31mred next");
        check("invoice\u{202E}fdp.exe", "invoicefdp.exe");
        check("\u{2067}x\u{2069}\u{200F}y\u{FEFF}z\u{AD}", "xyz");
        check("one\u{2028}two\u{2029}three\u{3000}four", "one two three four");
        check("می\u{200C}خواهم", "می\u{200C}خواهم");
        check("👩\u{200D}🚀 lands", "👩\u{200D}🚀 lands");
        check("\u{200D}a\u{200D}\u{200D}b", "a\u{200D}b");
        check("tag\u{E0041}ged", "tagged");
        check("王毅：中美贸易", "王毅：中美贸易");
    }

    #[test]
    fn marks_are_bounded_at_n_and_n_plus_1() {
        let with = |n: usize| format!("e{}x", "\u{301}".repeat(n));
        assert_eq!(text(&with(MAX_MARKS)), with(MAX_MARKS));
        assert_eq!(text(&with(MAX_MARKS + 1)), with(MAX_MARKS));
        assert_eq!(text(&with(5_000)), with(MAX_MARKS));
    }

    #[test]
    fn cuts_keep_whole_graphemes() {
        let check = |raw: &str, max: usize, want: &str| assert_eq!(cut(raw, max), want, "{raw:?} at {max}");
        check("abcd", 4, "abcd");
        check("abcde", 4, "abc…");
        check("ab cde", 4, "ab…");
        check("e\u{301}e\u{301}e\u{301}", 2, "e\u{301}…");
        check("", 3, "");
    }
}
