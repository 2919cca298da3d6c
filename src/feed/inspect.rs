//! One linear pass over an XML document before feed-rs may see it.
//!
//! Data in: decoded text. Data out: where the feed is in it, its dialect, its items' places, and the faults for which
//! it has to be repaired first.
//!
//! **Invariant:** a document without faults is cut into tokens by feed-rs exactly as it was here, is nowhere nested
//! deeper than [`MAX_CLEAN_DEPTH`], and so cannot overflow its stack (measured: nested `media:content` ends the
//! process, not the thread, at 689 levels on a 2 MiB stack).
//!
//! Rejected: to parse first and look for faults after a failure: a stack overflow cannot be caught, and several
//! faults (undeclared prefixes, markup in titles) give wrong items without any failure.

use crate::model::Timestamp;

use super::{
    Error, MAX_DEPTH, dates,
    markup::{Reference, Tag, Token, Tokenizer, attributes, local, prefix, reference},
};

/// Deepest nesting handed to feed-rs as it is; deeper documents are rewritten without their extensions.
pub(super) const MAX_CLEAN_DEPTH: usize = 48;
/// Longest attributes of one tag, in bytes: feed-rs copies `xml:base` into every element below it.
pub(super) const MAX_ATTRIBUTE_BYTES: usize = 4 * 1_024;
/// Elements of extensions (`media:thumbnail` …) in one item, beyond which feed-rs may take quadratic memory.
pub(super) const MAX_EXTENSIONS: usize = 500;
/// Namespace declarations in one document.
pub(super) const MAX_NAMESPACES: usize = 100;

/// Namespace of Atom 1.0 (RFC 4287 §1.2).
pub(super) const ATOM: &str = "http://www.w3.org/2005/Atom";
/// Namespace of RSS 1.0.
pub(super) const RSS_1: &str = "http://purl.org/rss/1.0/";

/// Family of formats, told by the root element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// RSS 0.91 to 0.94 and 2.0.
    Rss,
    /// RSS 0.90 and 1.0.
    Rdf,
    /// Atom 0.3 and 1.0.
    Atom,
}

/// Why a document is rewritten before it is parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    Truncated,
    IllFormed,
    StrayAmpersand,
    Version,
    Namespace,
    UndeclaredPrefix,
    MarkupInText,
    Author,
    Oversized,
    /// feed-rs refused it or lost items, for a reason not looked for here.
    Refused,
}

impl Fault {
    /// The fault in plain words, for [`crate::model::Warning::Repaired`].
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Truncated => "the document is cut off; its complete items were read",
            Self::IllFormed => "the document is not well-formed XML",
            Self::StrayAmpersand => "a stray & or an invalid character reference",
            Self::Version => "an unusual root element or version",
            Self::Namespace => "a wrong or outdated namespace",
            Self::UndeclaredPrefix => "a namespace prefix that is not declared",
            Self::MarkupInText => "markup inside a title or description",
            Self::Author => "an author with non-ASCII characters beside an address",
            Self::Oversized => "deep nesting, or more attributes or extensions than are sensible",
            Self::Refused => "the document breaks the rules of its format",
        }
    }
}

/// What the pass found.
#[derive(Debug)]
pub(super) struct Inspection<'a> {
    /// From the root's start tag to its end tag.
    pub(super) text: &'a str,
    pub(super) dialect: Dialect,
    /// Byte ranges in `text` of the complete items, in order.
    pub(super) entries: Vec<(u32, u32)>,
    /// In order of weight, no duplicates.
    pub(super) faults: Vec<Fault>,
}

/// The root element of a feed and the text from there on; `None` when the text is no feed.
pub(super) fn find_root(text: &str) -> Option<(Dialect, &str)> {
    let mut rest = text;
    let mut comments_end = true;
    loop {
        rest = rest.get(rest.find('<')?..)?;
        if let Some(comment) = rest.strip_prefix("<!--")
            && comments_end
        {
            // Not searched for again once there is none, which keeps this linear.
            comments_end = comment.contains("-->");
            rest = comment.split_once("-->").map_or(comment, |(_, after)| after);
            continue;
        }
        let inside = rest.get(1..)?;
        let length = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != ':').unwrap_or(inside.len());
        let name = inside.get(..length)?;
        if name.len() <= 64 {
            match local(name).to_ascii_lowercase().as_str() {
                "rss" | "channel" => return Some((Dialect::Rss, rest)),
                "rdf" => return Some((Dialect::Rdf, rest)),
                "feed" | "entry" => return Some((Dialect::Atom, rest)),
                "html" | "head" | "body" | "urlset" | "sitemapindex" | "opml" => return None,
                _ => {}
            }
        }
        rest = inside;
    }
}

/// Looks through the document that starts with its root element.
///
/// # Errors
/// [`Error::TooDeep`] when elements are nested deeper than [`MAX_DEPTH`].
pub(super) fn inspect(text: &str, dialect: Dialect) -> Result<Inspection<'_>, Error> {
    let mut tokens = Tokenizer::new(text);
    let mut walk = Walk::new(dialect);
    while let Some(token) = tokens.next() {
        match token {
            Token::Start(tag) => walk.open(&tag, tokens.start, tokens.end())?,
            Token::End(name) => walk.close(name, tokens.end()),
            Token::Text(raw) => walk.text(raw, true),
            Token::Cdata(raw) => walk.text(raw, false),
            Token::Comment => {}
            Token::Declaration => walk.fault(Fault::IllFormed),
        }
        if walk.stack.is_empty() && walk.opened {
            break;
        }
    }
    if tokens.sloppy {
        walk.fault(Fault::IllFormed);
    }
    if !walk.stack.is_empty() || tokens.cut {
        walk.fault(Fault::Truncated);
    }
    walk.faults.sort_unstable();
    let text = text.get(..tokens.end()).unwrap_or(text);
    Ok(Inspection { text, dialect, entries: walk.entries, faults: walk.faults })
}

/// Whether an element holds text that may itself be HTML.
pub(super) fn is_text_element(local: &str) -> bool {
    matches!(local, "title" | "description" | "summary" | "content" | "encoded" | "subtitle" | "tagline")
}

/// Elements that HTML never closes.
pub(super) fn is_void(name: &str) -> bool {
    ["br", "hr", "img", "wbr", "input", "col"].iter().any(|void| name.eq_ignore_ascii_case(void))
}

struct Walk<'a> {
    dialect: Dialect,
    stack: Vec<&'a str>,
    opened: bool,
    /// Depth of the text element that is open.
    text_at: Option<usize>,
    /// Whether that element may hold elements of its own.
    markup_allowed: bool,
    /// Depth and offset of the item that is open.
    entry: Option<(usize, u32)>,
    extensions: usize,
    prefixes: Vec<&'a str>,
    entries: Vec<(u32, u32)>,
    faults: Vec<Fault>,
}

impl<'a> Walk<'a> {
    fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            stack: Vec::new(),
            opened: false,
            text_at: None,
            markup_allowed: false,
            entry: None,
            extensions: 0,
            prefixes: vec!["", "xml"],
            entries: Vec::new(),
            faults: Vec::new(),
        }
    }

    fn fault(&mut self, fault: Fault) {
        if !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn open(&mut self, tag: &Tag<'a>, start: usize, end: usize) -> Result<(), Error> {
        if tag.attributes.len() > MAX_ATTRIBUTE_BYTES {
            self.fault(Fault::Oversized);
        }
        if tag.attributes.contains("xmlns") {
            self.declare(tag);
        }
        if !self.opened {
            self.opened = true;
            self.root(tag);
        }
        if !self.prefixes.contains(&prefix(tag.name)) {
            self.fault(Fault::UndeclaredPrefix);
        }
        let name = local(tag.name);
        if self.text_at.is_some() {
            if !self.markup_allowed {
                self.fault(Fault::MarkupInText);
            }
            if is_void(name) && !tag.empty {
                return Ok(());
            }
        } else if self.entry.is_some() && !prefix(tag.name).is_empty() {
            self.extensions = self.extensions.saturating_add(1);
            if self.extensions > MAX_EXTENSIONS {
                self.fault(Fault::Oversized);
            }
        }
        self.push(tag, name, start)?;
        if tag.empty {
            self.pop(end);
        }
        Ok(())
    }

    fn push(&mut self, tag: &Tag<'a>, name: &str, start: usize) -> Result<(), Error> {
        self.stack.push(tag.name);
        let depth = self.stack.len();
        if depth > MAX_DEPTH {
            return Err(Error::TooDeep { limit: MAX_DEPTH });
        }
        if depth > MAX_CLEAN_DEPTH {
            self.fault(Fault::Oversized);
        }
        if self.text_at.is_none() && is_text_element(name) {
            self.text_at = Some(depth);
            self.markup_allowed = self.dialect == Dialect::Atom
                && attributes(tag.attributes)
                    .any(|(n, v)| n == "type" && (v == "xhtml" || v.ends_with("xml")));
        } else if self.text_at.is_none() && is_entry(name) {
            if self.entry.is_some() {
                self.fault(Fault::IllFormed);
            } else {
                self.entry = Some((depth, offset(start)));
                self.extensions = 0;
            }
        }
        Ok(())
    }

    fn close(&mut self, name: &str, end: usize) {
        if self.stack.last() == Some(&name) {
            return self.pop(end);
        }
        self.fault(Fault::IllFormed);
        if let Some(at) = self.stack.iter().rposition(|open| open.eq_ignore_ascii_case(name)) {
            while self.stack.len() > at {
                self.pop(end);
            }
        }
    }

    fn pop(&mut self, end: usize) {
        let depth = self.stack.len();
        self.stack.pop();
        if self.text_at == Some(depth) {
            self.text_at = None;
        }
        if let Some((at, start)) = self.entry
            && at == depth
        {
            self.entries.push((start, offset(end)));
            self.entry = None;
        }
    }

    fn text(&mut self, raw: &str, references: bool) {
        if references {
            let mut rest = raw;
            while let Some((_, tail)) = rest.split_once('&') {
                if reference(tail) == Reference::Invalid {
                    self.fault(Fault::StrayAmpersand);
                }
                rest = tail;
            }
        }
        let parent = self.stack.last().map_or("", |name| local(name));
        if matches!(parent, "author" | "creator" | "managingEditor" | "webMaster" | "name")
            && raw.contains('@')
            && (!raw.is_ascii() || raw.contains("&#"))
        {
            self.fault(Fault::Author);
        }
    }

    fn declare(&mut self, tag: &Tag<'a>) {
        for (name, _) in attributes(tag.attributes) {
            if let Some(prefix) = name.strip_prefix("xmlns:") {
                if self.prefixes.len() >= MAX_NAMESPACES {
                    self.fault(Fault::Oversized);
                } else if !self.prefixes.contains(&prefix) {
                    self.prefixes.push(prefix);
                }
            }
        }
    }

    /// Checks the root against the few forms that feed-rs knows.
    fn root(&mut self, tag: &Tag<'a>) {
        let version = attributes(tag.attributes).find(|(name, _)| *name == "version").map(|(_, value)| value);
        let own =
            attributes(tag.attributes).find(|(name, _)| *name == "xmlns").map_or("", |(_, value)| value);
        let (name, versioned, spaced) = match self.dialect {
            Dialect::Rss => ("rss", matches!(version, Some("2.0" | "0.91" | "0.92")), own.is_empty()),
            Dialect::Rdf => ("RDF", true, own == RSS_1),
            Dialect::Atom => ("feed", true, own == ATOM || own.is_empty() || !prefix(tag.name).is_empty()),
        };
        if local(tag.name) != name || !versioned {
            self.fault(Fault::Version);
        }
        if !spaced {
            self.fault(Fault::Namespace);
        }
    }
}

fn is_entry(local: &str) -> bool {
    local.eq_ignore_ascii_case("item") || local.eq_ignore_ascii_case("entry")
}

fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// The date of an item as written in its source, read roughly: to tell which end of a feed is the newer.
pub(super) fn entry_date(entry: &str) -> Option<Timestamp> {
    let mut dated = false;
    Tokenizer::new(entry).find_map(|token| match token {
        Token::Start(tag) => {
            dated = matches!(
                local(tag.name),
                "pubDate" | "date" | "published" | "updated" | "issued" | "modified"
            );
            None
        }
        Token::Text(raw) | Token::Cdata(raw) if dated => dates::parse(raw),
        _ => None,
    })
}
