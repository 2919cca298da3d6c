//! Tolerant XML tokenizer, shared by the inspection, salvage and the OPML reader.
//!
//! Data in: decoded text. Data out: tokens that borrow from it, in order.
//!
//! **Invariant:** never fails, never loops: every token consumes at least one byte.
//! **Invariant:** while [`Tokenizer::sloppy`] and [`Tokenizer::cut`] are false, the text was cut into tokens exactly
//! as a strict XML parser cuts it, so depths and counts taken here hold for feed-rs too.
//!
//! Rejected: quick-xml in its lenient mode: it stops at `<` inside a tag and at stray `&`, which are the faults
//! found most often, and what it accepts changes between versions.

use std::borrow::Cow;

use encoding_rs::WINDOWS_1252;
use memchr::{memchr, memchr2, memmem};

use super::start_of;

/// Longest tag that is believed, in bytes; a longer one has lost a quote.
const MAX_TAG_BYTES: usize = 64 * 1_024;

/// One piece of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// `<name …>` or `<name …/>`.
    Start(Tag<'a>),
    /// `</name>`; the name as written.
    End(&'a str),
    /// Text, references not resolved.
    Text(&'a str),
    /// Inside of a CDATA section.
    Cdata(&'a str),
    /// A comment.
    Comment,
    /// A processing instruction, declaration or document type.
    Declaration,
}

/// A start tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tag<'a> {
    /// Name as written, with its prefix.
    pub(super) name: &'a str,
    /// Everything after the name; see [`attributes`].
    pub(super) attributes: &'a str,
    /// Ends with `/>`.
    pub(super) empty: bool,
}

/// Iterator over the tokens of a text.
#[derive(Debug)]
pub(super) struct Tokenizer<'a> {
    text: &'a str,
    at: usize,
    /// A search for the end of a `<?` or of a document type's subset came to nothing: not searched again, which
    /// keeps the whole linear.
    endless: bool,
    /// From where the end of a CDATA section was looked for, and where it is: not searched for again between the two.
    cdata_end: Option<(usize, Option<usize>)>,
    /// Name of the start tag returned last.
    open: &'a str,
    /// Byte offset of the token returned last.
    pub(super) start: usize,
    /// Something was met that strict XML does not allow.
    pub(super) sloppy: bool,
    /// The text ended inside a tag, comment or section.
    pub(super) cut: bool,
}

impl<'a> Tokenizer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, endless: false, cdata_end: None, open: "", start: 0, sloppy: false, cut: false }
    }

    /// Byte offset just after the token returned last.
    pub(super) fn end(&self) -> usize {
        self.at
    }

    /// Goes back to a token that starts at byte offset `at`.
    pub(super) fn seek(&mut self, at: usize) {
        self.at = at;
    }

    fn take(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes.max(1)).min(self.text.len());
    }

    /// Consumes up to and with `close`, which is looked for after `skip` bytes; without it, all there is.
    fn take_section(&mut self, rest: &'a str, skip: usize, close: &str) -> &'a str {
        let body = rest.get(skip..).unwrap_or("");
        if let Some(length) = body.find(close) {
            self.take(skip.saturating_add(length).saturating_add(close.len()));
            body.get(..length).unwrap_or("")
        } else {
            self.cut = true;
            self.take(rest.len());
            body
        }
    }

    /// The inside of a CDATA section. One that is not ended before the next, or at all, ends with its element.
    fn cdata(&mut self, rest: &'a str) -> Token<'a> {
        self.sloppy |= !rest.starts_with("<![CDATA[");
        let body = rest.get(9..).unwrap_or("");
        let start = self.at.saturating_add(9);
        let found =
            |text: &str| memmem::find(text.as_bytes(), b"]]>").map(|found| start.saturating_add(found));
        let end = match self.cdata_end {
            Some((from, end)) if start >= from && end.is_none_or(|end| end >= start) => end,
            // After going back: only what was not searched yet.
            Some((from, end)) if start < from => {
                let near = from.saturating_sub(start).saturating_add(3).min(body.len());
                found(start_of(body, near)).or(end)
            }
            _ => found(body),
        };
        self.cdata_end = Some((start, end));
        let inside = body.get(..end.map_or(body.len(), |end| end.saturating_sub(start))).unwrap_or("");
        let left_open = end.is_none() || memmem::find(inside.as_bytes(), b"<![CDATA[").is_some();
        if left_open && let Some(own) = end_of(inside, self.open) {
            self.sloppy = true;
            self.take(own.saturating_add(9));
            return Token::Cdata(inside.get(..own).unwrap_or(""));
        }
        self.cut |= end.is_none();
        self.take(inside.len().saturating_add(if end.is_some() { 12 } else { 9 }));
        Token::Cdata(inside)
    }

    fn text_token(&mut self, rest: &'a str) -> Token<'a> {
        let own = usize::from(rest.starts_with('<'));
        let mut length = own;
        loop {
            let tail = rest.get(length..).unwrap_or("");
            let Some(found) = memchr(b'<', tail.as_bytes()) else {
                length = rest.len();
                break;
            };
            length = length.saturating_add(found);
            if starts_markup(tail.get(found..).unwrap_or("")) {
                break;
            }
            self.sloppy = true;
            length = length.saturating_add(1);
        }
        self.sloppy |= own > 0;
        self.take(length);
        Token::Text(rest.get(..length).unwrap_or(""))
    }

    fn declaration(&mut self, rest: &'a str) -> Token<'a> {
        let plain = rest.find('>');
        let subset = rest.get(..plain.unwrap_or(0)).and_then(|head| head.find('[')).filter(|_| !self.endless);
        let end = subset.and_then(|open| {
            let close = rest.get(open..)?.find(']')?.saturating_add(open);
            Some(rest.get(close..)?.find('>')?.saturating_add(close))
        });
        self.endless |= subset.is_some() && end.is_none();
        self.sloppy = true;
        self.cut |= plain.is_none();
        self.take(end.or(plain).map_or(rest.len(), |at| at.saturating_add(1)));
        Token::Declaration
    }

    fn instruction_ends(&mut self, rest: &str) -> bool {
        let ends = !self.endless && rest.contains("?>");
        self.endless |= !ends;
        ends
    }

    fn end_tag(&mut self, rest: &'a str) -> Token<'a> {
        let body = rest.get(2..).unwrap_or("");
        let length = memchr2(b'>', b'<', body.as_bytes()).unwrap_or(body.len());
        let name = body.get(..length).unwrap_or("");
        let closed = body.get(length..).is_some_and(|tail| tail.starts_with('>'));
        self.cut |= length == body.len();
        self.sloppy |= !closed || name.contains(['"', '\'', '/']);
        self.take(length.saturating_add(2).saturating_add(usize::from(closed)));
        Token::End(name.trim())
    }

    fn start_tag(&mut self, rest: &'a str) -> Token<'a> {
        let length = match tag_length(rest) {
            TagEnd::Closed(length) => length,
            TagEnd::Odd(length) => {
                self.sloppy = true;
                length
            }
            TagEnd::Missing => {
                self.cut = true;
                rest.len()
            }
        };
        self.take(length);
        let mut inside = rest.get(1..length).unwrap_or("");
        while let Some(shorter) = inside.strip_suffix('>') {
            inside = shorter;
        }
        let (inside, empty) = inside.strip_suffix('/').map_or((inside, false), |inside| (inside, true));
        let ends = |byte: u8| byte.is_ascii_whitespace() || byte == b'/';
        let name_length = inside.bytes().position(ends).unwrap_or(inside.len());
        let (name, attributes) = inside.split_at_checked(name_length).unwrap_or((inside, ""));
        self.open = name;
        Token::Start(Tag { name, attributes, empty })
    }
}

impl<'a> Iterator for Tokenizer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        self.start = self.at;
        if !starts_markup(rest) {
            return Some(self.text_token(rest));
        }
        Some(match rest.as_bytes().get(1) {
            Some(b'/') => self.end_tag(rest),
            Some(b'!') if rest.starts_with("<!--") => {
                self.take_section(rest, 4, "-->");
                Token::Comment
            }
            Some(b'!') if is_cdata(rest) => self.cdata(rest),
            Some(b'?') if self.instruction_ends(rest) => {
                self.take_section(rest, 2, "?>");
                Token::Declaration
            }
            Some(b'!' | b'?') => self.declaration(rest),
            _ => self.start_tag(rest),
        })
    }
}

/// Whether a text opens with something else than text: `<` and a name, `/`, `!` or `?`.
fn starts_markup(text: &str) -> bool {
    let Some(tail) = text.strip_prefix('<') else { return false };
    let name = match tail.as_bytes() {
        [b'!' | b'?', ..] => return true,
        [b'/', ..] => tail.get(1..).unwrap_or(""),
        _ => tail,
    };
    match name.as_bytes() {
        [first, ..] if first.is_ascii() => first.is_ascii_alphabetic() || matches!(first, b'_' | b':'),
        _ => name.starts_with(is_name_start),
    }
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | ':')
}

/// Whether a text opens a CDATA section, in whatever case.
fn is_cdata(text: &str) -> bool {
    text.get(..9).is_some_and(|start| start.eq_ignore_ascii_case("<![CDATA["))
}

/// Where a text has the end tag of the element `name`.
fn end_of(text: &str, name: &str) -> Option<usize> {
    let mut tags = text.match_indices("</");
    tags.find(|(at, _)| {
        let tail = text.get(at.saturating_add(2)..).unwrap_or("");
        !name.is_empty() && tail.strip_prefix(name).is_some_and(|tail| tail.trim_start().starts_with('>'))
    })
    .map(|(at, _)| at)
}

enum TagEnd {
    /// Bytes of a proper tag, with its `>`.
    Closed(usize),
    /// Bytes of what is most likely meant as the tag.
    Odd(usize),
    /// The text ends inside the tag.
    Missing,
}

fn tag_length(rest: &str) -> TagEnd {
    let mut quote = None;
    let mut before = b' ';
    let mut odd = false;
    // The first `>` since a quote was opened.
    let mut inside = None;
    for (at, byte) in rest.bytes().enumerate().skip(1).take(MAX_TAG_BYTES) {
        match (quote, byte) {
            (Some(open), _) if byte == open => quote = None,
            (Some(_), b'>') => inside = inside.or(Some(at)),
            // XML has no `<` in values, so the quote's end was lost.
            (Some(_), b'<') => match inside {
                Some(at) => return TagEnd::Odd(at.saturating_add(1)),
                None => odd = true,
            },
            (Some(_), _) => {}
            (None, b'"' | b'\'') if before == b'=' => {
                quote = Some(byte);
                inside = None;
            }
            (None, b'"' | b'\'') => odd = true,
            (None, b'>') if odd => return TagEnd::Odd(at.saturating_add(1)),
            (None, b'>') => return TagEnd::Closed(at.saturating_add(1)),
            (None, b'<') => return TagEnd::Odd(at),
            (None, _) => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
    }
    rest.find('>').map_or(TagEnd::Missing, |at| TagEnd::Odd(at.saturating_add(1)))
}

/// The attributes of a [`Tag`]: name as written, value with references not resolved. Values may lack quotes.
pub(super) fn attributes(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        rest =
            rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || matches!(c, '/' | '=' | '"' | '\''));
        if rest.is_empty() {
            return None;
        }
        let length = rest.find(|c: char| c.is_ascii_whitespace() || c == '=').unwrap_or(rest.len());
        let (name, tail) = rest.split_at_checked(length)?;
        let Some(value) = tail.trim_start().strip_prefix('=').map(str::trim_start) else {
            rest = tail;
            return Some((name, ""));
        };
        let quoted = value.strip_prefix('"').map(|inside| (inside, '"'));
        let (value, tail) = match quoted.or_else(|| value.strip_prefix('\'').map(|inside| (inside, '\''))) {
            Some((inside, quote)) => inside.split_once(quote).unwrap_or((inside, "")),
            None => value.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((value, "")),
        };
        rest = tail;
        Some((name, value))
    })
}

/// The resolved value of the attribute `name`, compared without regard to case.
pub(super) fn attribute<'a>(tag: &Tag<'a>, name: &str) -> Option<Cow<'a, str>> {
    attributes(tag.attributes).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| unescape(value))
}

/// Part of a name after its prefix.
pub(super) fn local(name: &str) -> &str {
    split(name).map_or(name, |(_, local)| local)
}

/// Prefix of a name; empty when it has none.
pub(super) fn prefix(name: &str) -> &str {
    split(name).map_or("", |(prefix, _)| prefix)
}

/// Prefix and local part, by plain steps: names are too short for a search to be worth its setting up.
fn split(name: &str) -> Option<(&str, &str)> {
    let at = name.bytes().rposition(|byte| byte == b':')?;
    Some((name.get(..at)?, name.get(at.saturating_add(1)..)?))
}

/// A reference at the start of a text that follows an `&`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference {
    /// One of XML's five, or a number: the character, and the bytes it takes, `;` included.
    Char(char, usize),
    /// A number that means the character it has in windows-1252, and the bytes it takes: HTML reads 128 to 159 so.
    Legacy(char, usize),
    /// A well-formed name that XML does not define, such as `nbsp`.
    Named,
    /// No reference: a stray `&`, or a number that is no character.
    Invalid,
}

/// Reads the reference at the start of `tail`, the text after an `&`.
pub(super) fn reference(tail: &str) -> Reference {
    let name = match tail.find(|c: char| !c.is_ascii_alphanumeric() && c != '#') {
        Some(length)
            if (1..=32).contains(&length) && tail.get(length..).is_some_and(|t| t.starts_with(';')) =>
        {
            tail.get(..length).unwrap_or("")
        }
        _ => return Reference::Invalid,
    };
    let found = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => match name.strip_prefix('#') {
            Some(number) => {
                let hex = number.strip_prefix(['x', 'X']);
                let code = hex.map_or_else(|| number.parse().ok(), |hex| u32::from_str_radix(hex, 16).ok());
                match code.filter(|code| *code != 0).and_then(char::from_u32) {
                    Some(c @ '\u{80}'..='\u{9F}') => {
                        let byte = u8::try_from(u32::from(c)).unwrap_or(0);
                        let text = WINDOWS_1252.decode_without_bom_handling(&[byte]).0.chars().next();
                        return Reference::Legacy(text.unwrap_or(c), name.len().saturating_add(1));
                    }
                    Some(c) => Some(c),
                    None => return Reference::Invalid,
                }
            }
            None if name.contains('#') || name.starts_with(|c: char| c.is_ascii_digit()) => {
                return Reference::Invalid;
            }
            None => None,
        },
    };
    found.map_or(Reference::Named, |c| Reference::Char(c, name.len().saturating_add(1)))
}

/// Resolves XML's references; those it does not know stay as written.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    let Some((head, mut tail)) = text.split_once('&') else { return Cow::Borrowed(text) };
    let mut out = String::with_capacity(text.len());
    out.push_str(head);
    loop {
        if let Reference::Char(c, length) | Reference::Legacy(c, length) = reference(tail) {
            out.push(c);
            tail = tail.get(length..).unwrap_or("");
        } else {
            out.push('&');
        }
        let Some((head, next)) = tail.split_once('&') else { break };
        out.push_str(head);
        tail = next;
    }
    out.push_str(tail);
    Cow::Owned(out)
}

/// Appends `text` so that it reads as text or as a quoted attribute value.
pub(super) fn escape_into(out: &mut String, text: &str) {
    out.push_str(&quick_xml::escape::escape(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> (Vec<Token<'_>>, bool, bool) {
        let mut tokenizer = Tokenizer::new(text);
        let found = tokenizer.by_ref().collect();
        (found, tokenizer.sloppy, tokenizer.cut)
    }

    fn start<'a>(name: &'a str, attributes: &'a str, empty: bool) -> Token<'a> {
        Token::Start(Tag { name, attributes, empty })
    }

    #[test]
    fn strict_xml_is_cut_without_complaint() {
        let (found, sloppy, cut) = tokens("<a x='>'>t<b/><!-- <c> --><![CDATA[<d>]]></a ><?p i?>");
        assert_eq!(
            found,
            [
                start("a", " x='>'", false),
                Token::Text("t"),
                start("b", "", true),
                Token::Comment,
                Token::Cdata("<d>"),
                Token::End("a"),
                Token::Declaration,
            ]
        );
        assert!(!sloppy && !cut);
    }

    #[test]
    fn faults_are_read_as_they_were_meant() {
        assert_eq!(tokens("3 < 5").0, [Token::Text("3 < 5")]);
        assert_eq!(tokens("<a <b>").0, [start("a", " ", false), start("b", "", false)]);
        assert_eq!(tokens("<a x=\"1>t").0, [start("a", " x=\"1", false), Token::Text("t")]);
        assert_eq!(tokens("<!DOCTYPE a [<!ENTITY b \"c\">]>t").0, [Token::Declaration, Token::Text("t")]);
        for text in ["3 < 5", "<a <b>", "<a x=\"1>t", "</a 'x>", "<a x'>y'>"] {
            assert!(tokens(text).1, "{text}");
        }
        for text in ["<a", "<!-- x", "<![CDATA[ x", "</a", "<a x='"] {
            assert!(tokens(text).2, "{text}");
        }
    }

    #[test]
    fn attributes_may_lack_quotes_and_values() {
        let found: Vec<_> = attributes(" a=\"1 2\" b = '3' c=4 d e=\"un").collect();
        assert_eq!(found, [("a", "1 2"), ("b", "3"), ("c", "4"), ("d", ""), ("e", "un")]);
    }

    #[test]
    fn references_are_resolved_where_they_are_references() {
        for (text, expect) in [
            ("a &amp; b", "a & b"),
            ("&#65;&#x42;&lt;&gt;&quot;&apos;", "AB<>\"'"),
            ("R&D &nbsp; &#0; &; &#xZZ; &", "R&D &nbsp; &#0; &; &#xZZ; &"),
            ("&amp;amp;", "&amp;"),
        ] {
            assert_eq!(unescape(text), expect);
        }
    }
}
