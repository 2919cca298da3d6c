//! Wraps plain text for a terminal or mail reader of fixed width.
//!
//! Data in: text with lines of any length. Data out: lines of at most [`WIDTH`] columns.
//!
//! **Invariant:** only spaces are replaced by line ends, or a line end is put between two East Asian
//! characters; an address is never broken, even where it is wider than the line.
//!
//! Rejected: format=flowed, which few programs show well for Chinese.

use unicode_width::UnicodeWidthChar;

/// Columns of a line. RFC 5322 §2.1.1 asks for at most 78; two quoting levels fit.
pub(super) const WIDTH: usize = 74;

/// Wraps every line that is too wide. What follows is indented as the line was, and beyond its list mark
/// (`1. `, `- `). White space at line ends goes, and two or more empty lines become one.
pub(super) fn wrap(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 32);
    let mut blank = true;
    for line in text.lines().map(str::trim_end) {
        if line.is_empty() {
            if !blank {
                out.push('\n');
            }
            blank = true;
            continue;
        }
        blank = false;
        if width(line) <= WIDTH {
            out.push_str(line);
            out.push('\n');
        } else {
            wrap_line(line, &mut out);
        }
    }
    let end = out.trim_end().len();
    out.truncate(end);
    out.push('\n');
    out
}

/// Columns `text` takes: two for East Asian wide characters and emoji, none for combining marks.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(char_width).sum()
}

fn wrap_line(line: &str, out: &mut String) {
    let indent = " ".repeat(hang(line));
    let lead: String = line.chars().take_while(|c| *c == ' ').collect();
    out.push_str(&lead);
    let mut column = lead.len();
    let mut at_start = true;
    for word in line.split(' ').filter(|word| !word.is_empty()) {
        let mut gap = usize::from(!at_start);
        for piece in pieces(word) {
            let columns = width(piece);
            if !at_start && column + gap + columns > WIDTH {
                out.push('\n');
                out.push_str(&indent);
                column = indent.len();
            } else if gap > 0 {
                out.push(' ');
                column += 1;
            }
            out.push_str(piece);
            column += columns;
            (gap, at_start) = (0, false);
        }
    }
    out.push('\n');
}

/// Column at which the text of a line starts, behind its indent and list mark.
fn hang(line: &str) -> usize {
    let text = line.trim_start_matches(' ');
    let indent = line.len() - text.len();
    let mark = match text.split_once(' ') {
        Some(("-", _)) => 2,
        Some((number, _)) if number.strip_suffix('.').is_some_and(is_number) => number.len() + 1,
        _ => 0,
    };
    indent + mark
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.len() < 5 && text.bytes().all(|b| b.is_ascii_digit())
}

/// The parts of a word between which a line may end: beside wide characters, but not before closing nor after
/// opening punctuation, and nowhere in an address.
fn pieces(word: &str) -> Vec<&str> {
    if word.contains("://") {
        return vec![word];
    }
    let mut pieces = Vec::new();
    let mut rest = word;
    while let Some(at) = first_break(rest) {
        let Some((piece, tail)) = rest.split_at_checked(at) else { break };
        pieces.push(piece);
        rest = tail;
    }
    pieces.push(rest);
    pieces
}

fn first_break(text: &str) -> Option<usize> {
    let pairs = text.chars().zip(text.char_indices().skip(1));
    pairs.into_iter().find_map(|(before, (at, after))| {
        let wide = char_width(before) == 2 || char_width(after) == 2;
        let bound = "、。，．：；！？）」』】》〉”’％…".contains(after)
            || "（「『【《〈“‘".contains(before)
            || char_width(after) == 0
            || after == '*'
            || before == '*'
            || before == '\u{200D}';
        (wide && !bound).then_some(at)
    })
}

/// Columns of one character (UAX #11); control characters take none.
fn char_width(c: char) -> usize {
    c.width().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_wrapped_at_the_limit_and_not_before() {
        let words = |n: usize| format!("{} x", "a".repeat(n));
        assert_eq!(wrap(&words(WIDTH - 2)), format!("{}\n", words(WIDTH - 2)));
        assert_eq!(wrap(&words(WIDTH - 1)), format!("{}\nx\n", "a".repeat(WIDTH - 1)));
    }

    #[test]
    fn indents_hang_and_addresses_stay_whole() {
        let check = |raw: &str, want: &str| assert_eq!(wrap(raw), want);
        let a = "a".repeat(60);
        check(&format!("  - {a} {a}"), &format!("  - {a}\n    {a}\n"));
        check(&format!("12. {a} {a}"), &format!("12. {a}\n    {a}\n"));
        let link = format!("https://example.com/{}", "b".repeat(90));
        check(&format!("   see {link} now"), &format!("   see\n   {link}\n   now\n"));
        check(&link, &format!("{link}\n"));
        check("\n\n a \n\n\n\nb\n\n", " a\n\nb\n");
    }

    #[test]
    fn chinese_counts_two_columns_and_breaks_between_characters() {
        let text = "中".repeat(80);
        for line in wrap(&text).lines() {
            assert!(width(line) <= WIDTH && !line.is_empty());
        }
        assert_eq!(wrap(&text).replace('\n', ""), text);
        // No line starts with a full stop.
        let text = format!("{}。{}", "中".repeat(WIDTH / 2), "美".repeat(30));
        assert!(wrap(&text).lines().all(|line| !line.starts_with('。')));
        assert_eq!(width("e\u{301}中🚀"), 5);
    }
}
