//! OPML, the exchange format of feed readers, read and written.
//!
//! Data in: the bytes of an export. Data out: its feeds, whatever folders they were in.
//!
//! **Invariant:** only http and https addresses come out, none twice.
//! **Invariant:** what [`write()`] wrote is read back equal, given names of one line of visible text, as all names here.
//!
//! A name may hold HTML (OPML 2.0, "text attribute"). It is taken for HTML where it has a tag or a character reference,
//! and is written as HTML where it would be taken for it; any other name stands as it is, for every reader.
//!
//! Rejected: the crate `opml`: it refuses a document without `version` or an outline without `text`, which readers
//! do export.

use std::{borrow::Cow, collections::HashSet};

use url::Url;

use super::{
    Error, MAX_DEPTH, MAX_TITLE_CHARS,
    decode::decode,
    markup::{Tag, Token, Tokenizer, attribute, escape_into, local},
};
use crate::text::visible_text;

/// Most feeds read from one document.
pub const MAX_OUTLINES: usize = 20_000;
/// Longest address read, in bytes; the configuration takes no longer one.
pub const MAX_URL_BYTES: usize = 8_000;
/// Most warnings about single outlines; the rest is counted in one more.
pub const MAX_WARNINGS: usize = 100;

/// A feed in an OPML document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outline {
    /// Address of the feed, http or https.
    pub url: Url,
    /// Its name, if the document has one.
    pub title: Option<String>,
}

/// The feeds of an OPML document in its order, and what was left out or may be missing, a plain sentence each.
///
/// # Errors
/// [`Error::Empty`], [`Error::NotAFeed`] when it is no OPML, [`Error::TooDeep`] when folders are nested deeper than
/// [`MAX_DEPTH`].
pub fn read(bytes: &[u8]) -> Result<(Vec<Outline>, Vec<String>), Error> {
    let text = decode(bytes, None, &mut Vec::new());
    if text.trim().is_empty() {
        return Err(Error::Empty);
    }
    let mut reader = Reader::default();
    let (mut is_opml, mut is_whole) = (false, false);
    let mut depth = 0_usize;
    for token in Tokenizer::new(&text) {
        match token {
            Token::Start(tag) => {
                let is_root = local(tag.name).eq_ignore_ascii_case("opml");
                is_opml |= is_root;
                is_whole |= is_root && tag.empty;
                if is_opml && local(tag.name).eq_ignore_ascii_case("outline") {
                    reader.outline(&tag);
                    depth = depth.saturating_add(usize::from(!tag.empty));
                }
            }
            Token::End(name) if local(name).eq_ignore_ascii_case("outline") => {
                depth = depth.saturating_sub(1)
            }
            Token::End(name) => is_whole |= local(name).eq_ignore_ascii_case("opml"),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep { limit: MAX_DEPTH });
        }
    }
    if !is_opml {
        return Err(Error::NotAFeed { what: "not an OPML document", feeds: Vec::new() });
    }
    let (outlines, mut warnings) = reader.finish();
    if !is_whole {
        let told =
            "the file ends before </opml>, so feeds may be missing from it: export it once more".to_owned();
        warnings.push(told);
    }
    Ok((outlines, warnings))
}

/// An OPML 2.0 document with these feeds in this order, which [`read`] reads back equal: the first [`MAX_OUTLINES`],
/// names cut to [`MAX_TITLE_CHARS`].
pub fn write(title: &str, outlines: &[Outline]) -> String {
    let mut out =
        String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<opml version=\"2.0\">\n<head><title>");
    escape_into(&mut out, &in_xml(title));
    out.push_str("</title></head>\n<body>\n");
    for outline in outlines {
        let title = outline.title.as_deref().filter(|title| !title.is_empty()).map(as_html);
        out.push_str("<outline type=\"rss\" text=\"");
        escape_into(&mut out, &title.as_deref().map_or_else(|| as_html(outline.url.as_str()), Cow::Borrowed));
        if let Some(title) = &title {
            out.push_str("\" title=\"");
            escape_into(&mut out, title);
        }
        out.push_str("\" xmlUrl=\"");
        escape_into(&mut out, outline.url.as_str());
        out.push_str("\"/>\n");
    }
    out.push_str("</body>\n</opml>\n");
    out
}

/// A name as it is written: as HTML only if it would be read as HTML.
fn as_html(name: &str) -> Cow<'_, str> {
    let name = in_xml(name);
    if !is_html(&name) {
        return name;
    }
    Cow::Owned(name.replace('&', "&amp;").replace('<', "&lt;"))
}

/// A name as it was meant.
fn plain(name: &str) -> String {
    if is_html(name) {
        return visible_text(name, MAX_TITLE_CHARS);
    }
    // Nothing in it is markup, so nothing may be taken for it.
    visible_text(&name.replace('&', "&amp;").replace('<', "&lt;"), MAX_TITLE_CHARS)
}

/// Whether a text has a tag or a character reference.
fn is_html(text: &str) -> bool {
    let tag = text.match_indices('<').any(|(at, _)| {
        let rest = text.get(at + 1..).unwrap_or("");
        rest.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'))
    });
    let reference = text.match_indices('&').any(|(at, _)| {
        let rest = text.get(at + 1..).unwrap_or("");
        let rest = rest.strip_prefix('#').unwrap_or(rest);
        let name = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
        name > 0 && rest.as_bytes().get(name) == Some(&b';')
    });
    tag || reference
}

/// Without the characters that XML cannot hold (XML 1.0 §2.2).
fn in_xml(text: &str) -> Cow<'_, str> {
    let fits = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..);
    if text.chars().all(fits) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().filter(|c| fits(*c)).collect())
}

#[derive(Default)]
struct Reader {
    outlines: Vec<Outline>,
    seen: HashSet<Url>,
    warnings: Vec<String>,
    unsaid: usize,
    beyond: usize,
}

impl Reader {
    fn outline(&mut self, tag: &Tag<'_>) {
        let Some(address) = attribute(tag, "xmlUrl") else { return };
        let address = address.trim();
        // feed:https://… and feed://… are how some readers register themselves for feeds.
        let address = match address.strip_prefix("feed:") {
            Some(rest) if rest.starts_with("//") => format!("http:{rest}"),
            Some(rest) => rest.to_owned(),
            None => address.to_owned(),
        };
        let shown = visible_text(&address.replace(['<', '&'], " "), 200);
        if address.len() > MAX_URL_BYTES {
            return self.warn(format!("left out {shown}: longer than {MAX_URL_BYTES} bytes"));
        }
        let url = match Url::parse(&address) {
            Ok(mut url) if matches!(url.scheme(), "http" | "https") => {
                url.set_fragment(None);
                url
            }
            Ok(_) => return self.warn(format!("left out {shown}: only http and https are read")),
            Err(error) => return self.warn(format!("left out {shown:?}: {error}")),
        };
        if self.outlines.len() >= MAX_OUTLINES {
            self.beyond = self.beyond.saturating_add(1);
            return;
        }
        if !self.seen.insert(url.clone()) {
            return self.warn(format!("left out {shown}: named more than once"));
        }
        let name = |attribute_name| {
            let text = attribute(tag, attribute_name)?;
            Some(plain(&text)).filter(|text| !text.is_empty())
        };
        let title = name("title").or_else(|| name("text").filter(|text| *text != url.as_str()));
        self.outlines.push(Outline { url, title });
    }

    fn warn(&mut self, warning: String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(warning);
        } else {
            self.unsaid = self.unsaid.saturating_add(1);
        }
    }

    fn finish(mut self) -> (Vec<Outline>, Vec<String>) {
        if self.unsaid > 0 {
            self.warnings.push(format!("left out {} more outlines for such reasons", self.unsaid));
        }
        if self.beyond > 0 {
            self.warnings.push(format!("left out {} feeds beyond the first {MAX_OUTLINES}", self.beyond));
        }
        (self.outlines, self.warnings)
    }
}

#[cfg(test)]
mod tests {
    use proptest::{collection::vec, option::of, prelude::*};

    use super::*;

    fn feeds(opml: &str) -> Vec<(String, Option<String>)> {
        read(opml.as_bytes()).unwrap().0.into_iter().map(|o| (o.url.into(), o.title)).collect()
    }

    #[test]
    fn exports_of_all_kinds_are_read() {
        let opml = r#"<?xml version="1.0"?><OPML><body><outline text="Folder"><outline text='Ports &amp; ships'
            xmlurl="https://a.example/rss?x=1&y=2"><outline/></outline></outline>
            <Outline title="B" text="b" type=rss xmlUrl=http://b.example/feed>
            <outline xmlUrl="feed://c.example/rss"/><outline xmlUrl="feed:https://d.example/rss#x" text=""/>
            <outline text="no address"/>"#;
        let expect = [
            ("https://a.example/rss?x=1&y=2", Some("Ports & ships")),
            ("http://b.example/feed", Some("B")),
            ("http://c.example/rss", None),
            ("https://d.example/rss", None),
        ];
        assert_eq!(feeds(opml), expect.map(|(url, title)| (url.to_owned(), title.map(str::to_owned))));
    }

    #[test]
    fn what_is_left_out_is_said() {
        let opml = r#"<opml><outline xmlUrl="javascript:alert(1)"/><outline xmlUrl="file:///etc/passwd"/>
            <outline xmlUrl="https://a.example/"/><outline xmlUrl="https://a.example/"/><outline xmlUrl="no url"/></opml>"#;
        let (outlines, warnings) = read(opml.as_bytes()).unwrap();
        assert_eq!((outlines.len(), warnings.len()), (1, 4), "{warnings:?}");
        assert!(matches!(read(b" \n"), Err(Error::Empty)));
        assert!(matches!(read(b"<html></html>"), Err(Error::NotAFeed { .. })));
    }

    #[test]
    fn a_file_that_is_cut_off_is_told() {
        let whole = "<opml><body><outline xmlUrl='https://a.example/'/></body></opml>";
        assert_eq!(read(whole.as_bytes()).unwrap().1, Vec::<String>::new());
        assert_eq!(read(b"<opml/>").unwrap().1, Vec::<String>::new());
        for cut in [
            &whole[..whole.len() - 7],
            &whole[..whole.len() - 8],
            "<opml><body><outline xmlUrl='https://a.ex",
            "<opml",
        ] {
            let warnings = read(cut.as_bytes()).unwrap().1;
            assert!(warnings.iter().any(|told| told.contains("ends before </opml>")), "{cut}: {warnings:?}");
        }
    }

    #[test]
    fn entities_are_never_expanded() {
        let opml = r#"<!DOCTYPE opml [<!ENTITY x SYSTEM "file:///etc/passwd">]>
            <opml><outline text="&x;" xmlUrl="https://a.example/"/></opml>"#;
        assert_eq!(feeds(opml), [("https://a.example/".to_owned(), Some("&x;".to_owned()))]);
    }

    #[test]
    fn limits_hold() {
        let nest = |depth: usize| {
            format!("<opml>{}<outline xmlUrl='http://a.example/'/>", "<outline>".repeat(depth))
        };
        assert!(read(nest(MAX_DEPTH).as_bytes()).is_ok());
        assert!(matches!(read(nest(MAX_DEPTH + 1).as_bytes()), Err(Error::TooDeep { .. })));
        let many = |count: usize| {
            let outlines: String =
                (0..count).map(|n| format!("<outline xmlUrl='http://a.example/{n}'/>")).collect();
            let (outlines, warnings) = read(format!("<opml>{outlines}</opml>").as_bytes()).unwrap();
            (outlines.len(), warnings.len())
        };
        assert_eq!(many(MAX_OUTLINES), (MAX_OUTLINES, 0));
        assert_eq!(many(MAX_OUTLINES + 1), (MAX_OUTLINES, 1));
        let bad = |count: usize| {
            let opml = format!("<opml>{}</opml>", "<outline xmlUrl='x:y'/>".repeat(count));
            read(opml.as_bytes()).unwrap().1.len()
        };
        assert_eq!((bad(MAX_WARNINGS), bad(MAX_WARNINGS + 1)), (MAX_WARNINGS, MAX_WARNINGS + 1));
    }

    #[test]
    fn long_addresses_are_left_out() {
        let url =
            |length: usize| format!("http://a.example/{}", "x".repeat(length - "http://a.example/".len()));
        let read = |length: usize| {
            let (outlines, warnings) =
                read(format!("<opml><outline xmlUrl='{}'/></opml>", url(length)).as_bytes()).unwrap();
            (outlines.len(), warnings.len())
        };
        assert_eq!((read(MAX_URL_BYTES), read(MAX_URL_BYTES + 1)), ((1, 0), (0, 1)));
    }

    #[test]
    fn names_may_be_html_or_not() {
        let check = |written: &str, meant: &str| {
            let mut opml = "<opml><outline xmlUrl='http://a.example/' title=\"".to_owned();
            escape_into(&mut opml, written);
            assert_eq!(
                feeds(&format!("{opml}\"/>")),
                [("http://a.example/".to_owned(), Some(meant.to_owned()))]
            );
        };
        check("Ports &amp; ships", "Ports & ships");
        check("Ports & ships", "Ports & ships");
        check("<b>Ports</b>", "Ports");
        check("1 < 2 > 0", "1 < 2 > 0");
        check("AT&T; or R&D", "AT&T; or R&D");
        check("It&#39;s", "It's");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            names in vec(of("(\\PC|[<>&;#\"'/ a-z]|&amp;|&#39;|&lt;b>|</?i>|<!--){0,30}"), 0..8),
            list_name in "(\\PC|[<>&]){0,20}",
        ) {
            let outlines: Vec<Outline> = names
                .into_iter()
                .enumerate()
                .map(|(n, name)| {
                    let mut url = Url::parse("https://a.example/feed?a=1&amp;b=2&copy=3").unwrap();
                    url.set_port(Some(u16::try_from(n + 1).unwrap())).unwrap();
                    url.set_path(name.as_deref().unwrap_or("x"));
                    // As all names here: one line of visible text.
                    let title = name.map(|name| visible_text(&as_text(&name), MAX_TITLE_CHARS));
                    Outline { url, title: title.filter(|title| !title.is_empty()) }
                })
                .collect();
            let opml = write(&list_name, &outlines);
            let (read_back, warnings) = read(opml.as_bytes()).unwrap();
            prop_assert_eq!(warnings, Vec::<String>::new());
            prop_assert_eq!(read_back, outlines, "{}", opml);
            // What other readers need: well-formed XML.
            let mut xml = quick_xml::Reader::from_str(&opml);
            loop {
                match xml.read_event() {
                    Ok(quick_xml::events::Event::Eof) => break,
                    Ok(quick_xml::events::Event::Empty(outline)) => {
                        prop_assert!(outline.attributes().all(|attribute| attribute.is_ok()), "{}", opml);
                    }
                    Ok(_) => {}
                    Err(error) => prop_assert!(false, "{error}: {opml}"),
                }
            }
        }
    }

    fn as_text(name: &str) -> String {
        in_xml(name).replace('&', "&amp;").replace('<', "&lt;")
    }
}
