//! Header text: what may stand in a header line, and how it is encoded and folded.
//!
//! Data in: text of strangers (headlines end up in subjects). Data out: ASCII header values of short lines.
//!
//! **Invariant:** a value made here cannot end its header: it holds no CR or LF but those of a fold, and no text
//! that a reader would decode into one.
//!
//! Rejected: lettre's header encoder. It passes ASCII words as they are, so that a headline may bring its own
//! encoded words, and it cannot fold a word of 1 000 letters.

use std::fmt::Write;

/// Most characters of a subject; what is longer is cut with `…`. Far above what a reader shows.
pub const MAX_SUBJECT: usize = 300;
/// Longest line with an encoded word (RFC 2047 §2), kept for all header lines made here.
const MAX_LINE: usize = 76;
/// Longest encoded word (RFC 2047 §2).
const MAX_ENCODED_WORD: usize = 75;
/// What frames the text in an encoded word.
const ENCODED_WORD_START: &str = "=?utf-8?B?";
const ENCODED_WORD_END: &str = "?=";
/// Longest label of a List-Id, as in a host name (RFC 1035 §2.3.4).
const MAX_LABEL: usize = 63;

/// `text` on one line: white space and line ends become single spaces, control characters and those that
/// reorder or hide text (bidirectional overrides, zero-width spaces) are dropped.
pub(super) fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().filter(|c| c.is_whitespace() || !is_hidden(*c)) {
        match c.is_whitespace() {
            true if out.is_empty() || out.ends_with(' ') => {}
            true => out.push(' '),
            false => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    out
}

/// Control characters, and format characters that change the look of their neighbours (UAX #9, UTR #36). The
/// joiners U+200C and U+200D stay: Persian and emoji need them.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}')
}

/// The value of the `Subject` header.
pub(super) fn subject(text: &str) -> String {
    let text = visible(text);
    match text.char_indices().nth(MAX_SUBJECT) {
        Some((end, _)) => {
            unstructured("Subject: ".len(), &format!("{}…", text.get(..end).unwrap_or_default()))
        }
        None => unstructured("Subject: ".len(), &text),
    }
}

/// Encodes and folds free text for a header whose name (with colon and blank) takes `used` columns.
pub(super) fn unstructured(used: usize, text: &str) -> String {
    let text = visible(text);
    let plain = |word: &str| word.is_ascii() && !word.contains("=?") && word.len() < MAX_LINE;
    if text.split(' ').all(plain) { folded(used, &text) } else { encoded(used, &text) }
}

fn folded(used: usize, text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut column = used;
    for (n, word) in text.split(' ').enumerate() {
        if n > 0 && column.saturating_add(1).saturating_add(word.len()) > MAX_LINE {
            out.push_str("\r\n ");
            column = 1;
        } else if n > 0 {
            out.push(' ');
            column = column.saturating_add(1);
        }
        out.push_str(word);
        column = column.saturating_add(word.len());
    }
    out
}

fn encoded(used: usize, text: &str) -> String {
    let mut out = String::new();
    let mut column = used;
    let mut rest = text;
    while !rest.is_empty() {
        let frame = ENCODED_WORD_START.len() + ENCODED_WORD_END.len();
        let room = MAX_LINE.saturating_sub(column).min(MAX_ENCODED_WORD).saturating_sub(frame);
        let (chunk, tail) = split_at_char(rest, room / 4 * 3);
        if !out.is_empty() {
            out.push_str("\r\n ");
        }
        out.push_str(ENCODED_WORD_START);
        push_base64(chunk.as_bytes(), &mut out);
        out.push_str(ENCODED_WORD_END);
        rest = tail;
        column = 1;
    }
    out
}

/// Splits after at most `max` bytes, between characters, after at least one.
fn split_at_char(text: &str, max: usize) -> (&str, &str) {
    let ends = text.char_indices().map(|(start, c)| start.saturating_add(c.len_utf8()));
    let end = ends.clone().take_while(|end| *end <= max).last().or_else(|| ends.clone().next());
    text.split_at_checked(end.unwrap_or(0)).unwrap_or((text, ""))
}

/// RFC 4648 §4.
fn push_base64(bytes: &[u8], out: &mut String) {
    for group in bytes.chunks(3) {
        let bits =
            group.iter().chain(&[0, 0]).take(3).fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte));
        for n in 0..4 {
            out.push(if n <= group.len() { base64_digit(bits >> (18 - 6 * n)) } else { '=' });
        }
    }
}

fn base64_digit(bits: u32) -> char {
    match u8::try_from(bits & 63).unwrap_or(0) {
        n @ 0..26 => char::from(b'A' + n),
        n @ 26..52 => char::from(b'a' + (n - 26)),
        n @ 52..62 => char::from(b'0' + (n - 52)),
        62 => '+',
        _ => '/',
    }
}

/// `"words"` as a quoted string where they are ASCII, otherwise as encoded words (RFC 5322 §3.2.5).
pub(super) fn phrase(used: usize, text: &str) -> String {
    let text = visible(text);
    if text.is_ascii() && text.len() < MAX_LINE.saturating_sub(used) && !text.contains("=?") {
        format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
    } else {
        encoded(used, &text)
    }
}

/// `name` as one label of letters, digits and `-`. A name that had to be changed gets a hash of the original, so
/// that different names stay different.
pub(super) fn label(name: &str) -> String {
    let keep = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c.to_ascii_lowercase() } else { '-' };
    let plain: String = name.chars().map(keep).take(MAX_LABEL).collect();
    if plain == name && !plain.is_empty() {
        return plain;
    }
    const HASH: usize = 17;
    let head: String = plain.chars().take(MAX_LABEL - HASH).collect();
    let hash = xxhash_rust::xxh3::xxh3_64(name.as_bytes());
    format!("{}-{hash:016x}", head.trim_matches('-')).trim_start_matches('-').to_owned()
}

/// Everything but unreserved characters and `@` as `%XX` (RFC 6068 §2).
pub(super) fn mailto_escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~@".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_one_visible_line() {
        let check = |text: &str, want: &str| assert_eq!(visible(text), want, "{text:?}");
        check("  two\r\n\twords \u{2028}", "two words");
        check("a\u{202e}b\u{2066}c\u{200b}d\u{feff}e\0f\u{7f}g\u{1b}h", "abcdefgh");
        check("👩\u{200d}🚀 می\u{200c}خواهم", "👩\u{200d}🚀 می\u{200c}خواهم");
        check("", "");
    }

    #[test]
    fn ascii_is_folded_and_all_else_encoded() {
        let check = |text: &str, want: &str| assert_eq!(unstructured(9, text), want, "{text:?}");
        check("Crane stuck", "Crane stuck");
        check("é", "=?utf-8?B?w6k=?=");
        check("a=?b", "=?utf-8?B?YT0/Yg==?=");
        check("", "");
        let word = "w".repeat(40);
        check(&format!("{word} {word}"), &format!("{word}\r\n {word}"));
        check(&format!("{word} {}", "w".repeat(26)), &format!("{word} {}", "w".repeat(26)));
        check(&format!("{word} {}", "w".repeat(27)), &format!("{word}\r\n {}", "w".repeat(27)));
    }

    #[test]
    fn labels_are_safe_and_stay_different() {
        let check = |name: &str, want: &str| assert_eq!(label(name), want, "{name:?}");
        check("harbour-2", "harbour-2");
        assert_ne!(label("a b"), label("a_b"));
        assert_ne!(label("港口"), label("市场"));
        for name in ["", "Harbour", "a@b>c\r\nBcc: x", "港口", &"n".repeat(64)] {
            let label = label(name);
            assert!((1..=MAX_LABEL).contains(&label.len()), "{label}");
            assert!(
                label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'),
                "{label}"
            );
            assert!(!label.starts_with('-'), "{label}");
        }
        check(&"n".repeat(MAX_LABEL), &"n".repeat(MAX_LABEL));
        assert_ne!(label(&"n".repeat(MAX_LABEL + 1)), "n".repeat(MAX_LABEL));
    }

    #[test]
    fn base64_follows_the_rfc_examples() {
        let check = |text: &str, want: &str| {
            let mut out = String::new();
            push_base64(text.as_bytes(), &mut out);
            assert_eq!(out, want);
        };
        check("", "");
        check("f", "Zg==");
        check("fo", "Zm8=");
        check("foo", "Zm9v");
        check("foobar", "Zm9vYmFy");
        check("\u{7ff}?>~", "378/Pn4=");
        check(">>>", "Pj4+");
    }

    #[test]
    fn mailto_addresses_are_escaped() {
        assert_eq!(mailto_escape("o'p+x&y=%?@example.org"), "o%27p%2Bx%26y%3D%25%3F@example.org");
    }
}
