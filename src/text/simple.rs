//! Well-made HTML → its visible text, without a tokenizer; for most of what publishers send.
//!
//! Data in: a fragment of HTML. Data out: what [`super::visible`] makes of it, or nothing where that takes more than
//! is known here.
//!
//! **Invariant:** gives exactly what html5ever's tokenizer would lead to, or `None`; held by a property test.
//!
//! Rejected: html5ever for all: its tokenizer builds a token for every tag and reference only to have it dropped.

use super::visible::{Effect, Line, effect};

/// Entities that are known here; each is the same with and without context.
const ENTITIES: [(&str, &str); 26] = [
    ("amp", "&"),
    ("lt", "<"),
    ("gt", ">"),
    ("quot", "\""),
    ("apos", "'"),
    ("nbsp", "\u{A0}"),
    ("hellip", "…"),
    ("ndash", "–"),
    ("mdash", "—"),
    ("lsquo", "‘"),
    ("rsquo", "’"),
    ("ldquo", "“"),
    ("rdquo", "”"),
    ("laquo", "«"),
    ("raquo", "»"),
    ("eacute", "é"),
    ("egrave", "è"),
    ("agrave", "à"),
    ("auml", "ä"),
    ("ouml", "ö"),
    ("uuml", "ü"),
    ("szlig", "ß"),
    ("euro", "€"),
    ("bull", "•"),
    ("middot", "·"),
    ("deg", "°"),
];

/// The visible text of `html`, at most `max_chars` characters; `None` when the tokenizer has to tell.
pub(super) fn strip(html: &str, max_chars: usize) -> Option<String> {
    let mut line = Line::of(html, max_chars);
    let mut rest = html;
    while !rest.is_empty() && !line.is_full() {
        let at = memchr::memchr2(b'<', b'&', rest.as_bytes()).unwrap_or(rest.len());
        line.push_str(rest.get(..at)?);
        rest = rest.get(at..)?;
        let taken = match rest.as_bytes() {
            [] => break,
            [b'&', ..] => reference(rest, &mut line)?,
            [b'<', b'!', ..] => comment(rest)?,
            [b'<', b'/', name, ..] if name.is_ascii_alphabetic() => tag(rest, 2, &mut line)?,
            [b'<', name, ..] if name.is_ascii_alphabetic() => tag(rest, 1, &mut line)?,
            [b'<', b'/' | b'?', ..] => return None,
            _ => {
                line.push_str("<");
                1
            }
        };
        rest = rest.get(taken..)?;
    }
    Some(line.text)
}

/// Adds what a reference means; the bytes it takes.
fn reference(rest: &str, line: &mut Line) -> Option<usize> {
    let tail = rest.get(1..)?;
    let length =
        tail.bytes().position(|byte| !byte.is_ascii_alphanumeric() && byte != b'#').unwrap_or(tail.len());
    if length == 0 {
        line.push_str("&");
        return Some(1);
    }
    let name = tail.get(..length)?;
    if tail.as_bytes().get(length) != Some(&b';') {
        return None;
    }
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16),
            None => number.parse(),
        };
        let c = code
            .ok()
            .filter(|code| *code >= 0x20 && !(0x7F..=0x9F).contains(code))
            .and_then(char::from_u32)?;
        line.push_str(c.encode_utf8(&mut [0; 4]));
    } else {
        line.push_str(ENTITIES.iter().find(|(known, _)| *known == name)?.1);
    }
    length.checked_add(2)
}

/// The bytes of a plain comment.
fn comment(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix("<!--").filter(|body| !body.starts_with('>') && !body.starts_with("->"))?;
    let length = body.find("-->")?;
    let plain = !body.get(..length)?.contains("--!>");
    plain.then(|| length.saturating_add(7))
}

/// Parts words at a tag unless it is inline; the bytes it takes. `from`: where its name starts.
fn tag(rest: &str, from: usize, line: &mut Line) -> Option<usize> {
    let bytes = rest.as_bytes();
    let is_end = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>');
    let mut at = from.checked_add(bytes.get(from..)?.iter().position(is_end)?)?;
    let name = bytes.get(from..at)?;
    if name.contains(&0) {
        return None;
    }
    match effect(name) {
        Effect::Hides => return None,
        Effect::Parts => line.space(),
        Effect::Inline => {}
    }
    loop {
        at = skip(bytes, at, |byte| byte.is_ascii_whitespace() || byte == b'/');
        match bytes.get(at)? {
            b'>' => return at.checked_add(1),
            b'=' => return None,
            _ => {}
        }
        at = skip(bytes, at, |byte| !(byte.is_ascii_whitespace() || matches!(byte, b'/' | b'>' | b'=')));
        let value = skip(bytes, at, |byte| byte.is_ascii_whitespace());
        if bytes.get(value)? != &b'=' {
            continue;
        }
        at = skip(bytes, value.checked_add(1)?, |byte| byte.is_ascii_whitespace());
        match bytes.get(at)? {
            quote @ (b'"' | b'\'') => {
                at = skip(bytes, at.checked_add(1)?, |byte| byte != *quote).checked_add(1)?;
            }
            b'>' => {}
            _ => at = skip(bytes, at, |byte| !(byte.is_ascii_whitespace() || byte == b'>')),
        }
    }
}

/// The first place from `at` on whose byte does not pass.
fn skip(bytes: &[u8], at: usize, passes: impl Fn(u8) -> bool) -> usize {
    let tail = bytes.get(at..).unwrap_or(&[]);
    at.saturating_add(tail.iter().position(|byte| !passes(*byte)).unwrap_or(tail.len()))
}
