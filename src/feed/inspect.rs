//! One linear pass over an XML document that decides who reads it.
//!
//! Data in: decoded text. Data out: where the feed is in it, its dialect, its items' places, and a [`Verdict`].
//!
//! **Invariant:** a clean document is cut into tokens by feed-rs exactly as it was here, is nowhere nested deeper than
//! [`MAX_CLEAN_DEPTH`], and so cannot overflow its stack (measured: nested `media:content` ends the process, not the
//! thread, at 689 levels on a 2 MiB stack).
//! **Invariant:** in a clean document feed-rs takes the same elements for the same marks as salvage would.
//!
//! Rejected: to parse first and look for faults after a failure: a stack overflow cannot be caught, and several
//! faults (undeclared prefixes, markup in titles) give wrong items without any failure.

use memchr::memchr;
use url::Url;

use crate::model::Timestamp;

use super::{
    MAX_DEPTH, dates,
    markup::{Reference, Tag, Token, Tokenizer, attributes, local, reference},
    vocabulary::{Dialect, Role, Space, Spaces, is_entry, is_feed, is_void},
};

/// Deepest nesting handed to feed-rs.
pub(super) const MAX_CLEAN_DEPTH: usize = 48;
/// Longest attributes of one tag that are handed to feed-rs, in bytes: it copies `xml:base` into every element below.
pub(super) const MAX_ATTRIBUTE_BYTES: usize = 4 * 1_024;
/// Longest run of text handed to feed-rs, in bytes: it copies each several times.
pub(super) const MAX_TEXT_BYTES: usize = 512 * 1_024;
/// Elements in one item handed to feed-rs: of extensions (`media:thumbnail` …) it may take quadratic memory, and a category
/// of 20 bytes takes 150 (measured).
pub(super) const MAX_ELEMENTS: usize = 500;

/// Who reads a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// feed-rs.
    Clean,
    /// Our own extraction.
    Salvage(Reason),
    /// Nobody.
    Refuse(Refusal),
}

/// Why a document is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Elements are nested deeper than [`MAX_DEPTH`] outside texts.
    TooDeep,
}

/// Why a document is not for feed-rs; the gravest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reason {
    Truncated,
    IllFormed,
    StrayAmpersand,
    Version,
    Namespace,
    UndeclaredPrefix,
    MarkupInText,
    Type,
    Vocabulary,
    Repeated,
    Sparse,
    Author,
    Oversized,
    /// feed-rs refused it, for a reason not looked for here.
    Refused,
    /// feed-rs broke down.
    Panicked,
    /// feed-rs found fewer items than there are.
    Lost,
}

impl Reason {
    /// In plain words, for [`crate::model::Warning::Salvaged`].
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Truncated => "the document is cut off; its complete items were read",
            Self::IllFormed => "the document is not well-formed XML",
            Self::StrayAmpersand => "a stray & or an invalid character reference",
            Self::Version => "an unusual root element or version",
            Self::Namespace => "a wrong or outdated namespace",
            Self::UndeclaredPrefix => "a namespace prefix that is not declared",
            Self::MarkupInText => "markup inside a title, link or description",
            Self::Type => "a text of an unusual type",
            Self::Vocabulary => "elements of another format than the feed's",
            Self::Repeated => "an item that says the same thing twice",
            Self::Sparse => "an item without a link or without anything else",
            Self::Author => "an author with non-ASCII characters beside an address",
            Self::Oversized => "deep nesting, or more text, attributes or elements than are sensible",
            Self::Refused => "the document breaks the rules of its format",
            Self::Panicked => "the parser for well-formed feeds broke down on it",
            Self::Lost => "the parser for well-formed feeds lost items of it",
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
    /// The text ends inside an item.
    pub(super) cut_entry: bool,
    /// Elements that are called as items are, in a vocabulary that is not the feed's.
    pub(super) foreign: usize,
    /// A title, a link or another element of a feed was met outside items.
    pub(super) has_head: bool,
    pub(super) verdict: Verdict,
}

/// Looks through the document that starts with its root element.
pub(super) fn inspect(text: &str, dialect: Dialect) -> Inspection<'_> {
    let mut tokens = Tokenizer::new(text);
    let mut walk = Walk::new(dialect);
    while let Some(token) = tokens.next() {
        match token {
            Token::Start(tag) => walk.open(&tag, tokens.start, tokens.end()),
            Token::End(name) => walk.close(name, tokens.end()),
            Token::Text(raw) => walk.text(raw, true),
            Token::Cdata(raw) => walk.text(raw, false),
            Token::Comment => {}
            Token::Declaration => walk.fault(Reason::IllFormed),
        }
        if walk.stack.is_empty() && walk.opened || walk.too_deep {
            break;
        }
    }
    if tokens.sloppy {
        walk.fault(Reason::IllFormed);
    }
    if !walk.stack.is_empty() || tokens.cut {
        walk.fault(Reason::Truncated);
    }
    if walk.spaces.full {
        walk.fault(Reason::Oversized);
    }
    let verdict = match (walk.too_deep, walk.reason) {
        (true, _) => Verdict::Refuse(Refusal::TooDeep),
        (false, Some(reason)) => Verdict::Salvage(reason),
        (false, None) => Verdict::Clean,
    };
    let text = text.get(..tokens.end()).unwrap_or(text);
    let (foreign, has_head, cut_entry) = (walk.foreign, walk.has_head, walk.entry.is_some());
    Inspection { text, dialect, entries: walk.entries, cut_entry, foreign, has_head, verdict }
}

/// A mark of a feed or item whose element is open.
#[derive(Debug, Clone, Copy)]
struct Field {
    role: Role,
    depth: usize,
    in_entry: bool,
    /// The element may hold elements of its own.
    markup_allowed: bool,
    /// A guid that says to be the link.
    permalink: bool,
    filled: bool,
    blank: bool,
}

/// The item that is open.
#[derive(Debug, Clone, Copy)]
struct Open<'a> {
    depth: usize,
    start: u32,
    /// Bits of [`Role::bit`]: marks met, and marks that say something.
    seen: u16,
    filled: u16,
    /// There is an element in it.
    touched: bool,
    /// The link as written.
    link: &'a str,
    elements: usize,
}

struct Walk<'a> {
    dialect: Dialect,
    stack: Vec<&'a str>,
    opened: bool,
    field: Option<Field>,
    /// Elements of the open text are too deep to be followed: only its end is looked for.
    blind: bool,
    entry: Option<Open<'a>>,
    spaces: Spaces<'a>,
    entries: Vec<(u32, u32)>,
    foreign: usize,
    has_head: bool,
    too_deep: bool,
    reason: Option<Reason>,
}

impl<'a> Walk<'a> {
    fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            stack: Vec::new(),
            opened: false,
            field: None,
            blind: false,
            entry: None,
            spaces: Spaces::new(dialect),
            entries: Vec::new(),
            foreign: 0,
            has_head: false,
            too_deep: false,
            reason: None,
        }
    }

    fn fault(&mut self, reason: Reason) {
        self.reason = Some(self.reason.map_or(reason, |found| found.min(reason)));
    }

    fn open(&mut self, tag: &Tag<'a>, start: usize, end: usize) {
        if tag.attributes.len() > MAX_ATTRIBUTE_BYTES {
            self.fault(Reason::Oversized);
        }
        if let Some(field) = self.field {
            let entry =
                !field.markup_allowed && is_entry(local(tag.name)) && self.spaces.name(tag.name).is_entry();
            if !entry {
                return self.open_in_field(tag, field, end);
            }
            // The text was left open.
            self.fault(Reason::IllFormed);
            while self.stack.len() >= field.depth {
                self.pop(start);
            }
        }
        let depth = self.stack.len().saturating_add(1);
        self.spaces.open(tag, depth);
        if !self.opened {
            self.opened = true;
            self.root(tag);
        }
        let name = self.spaces.name(tag.name);
        if !name.declared {
            self.fault(Reason::UndeclaredPrefix);
        }
        // One inside another element of an item is that element's: a conflicting version, a source.
        let nested = self.entry.is_some_and(|entry| self.stack.len() > entry.depth);
        if name.is_entry() && !nested {
            return self.open_entry(tag, name.canonical, start, end);
        }
        self.has_head |= name.local.eq_ignore_ascii_case("channel");
        if name.space == Space::Other && is_entry(name.local) && self.entry.is_none() {
            self.foreign = self.foreign.saturating_add(1);
        }
        if !self.push(tag) {
            return;
        }
        let parent = self.stack.iter().rev().nth(1).copied().unwrap_or("");
        if let Some(entry) = self.entry.as_mut() {
            entry.touched = true;
        }
        match self.entry {
            Some(entry) => {
                if entry.depth.saturating_add(1) == depth
                    && let Some(role) = name.role()
                {
                    if !name.is_read_by_feed_rs(self.dialect, true) && !name.is_second_best(role) {
                        self.fault(if name.canonical { Reason::Vocabulary } else { Reason::Namespace });
                    }
                    self.open_field(tag, role, depth, true);
                }
                self.element();
            }
            None if is_feed(local(parent)) => {
                let role = name.role();
                self.has_head |= role.is_some();
                if let Some(role @ (Role::Title | Role::Link | Role::Language)) = role {
                    if !name.is_read_by_feed_rs(self.dialect, false) {
                        self.fault(if name.canonical { Reason::Vocabulary } else { Reason::Namespace });
                    }
                    self.open_field(tag, role, depth, false);
                }
            }
            None => {}
        }
        if tag.empty {
            self.pop(end);
        }
    }

    fn open_entry(&mut self, tag: &Tag<'a>, canonical: bool, start: usize, end: usize) {
        if let Some(entry) = self.entry {
            self.fault(Reason::IllFormed);
            if !entry.touched {
                // An item in an item that has nothing else is meant as one.
                self.entry = None;
            }
            while self.stack.len() >= entry.depth {
                self.pop(start);
            }
        }
        if !canonical {
            self.fault(Reason::Namespace);
        }
        if tag.attributes.contains("xml:lang") || tag.attributes.contains(" href") {
            self.fault(Reason::Vocabulary);
        }
        if !self.push(tag) {
            return;
        }
        let start = offset(start);
        self.entry = Some(Open {
            depth: self.stack.len(),
            start,
            seen: 0,
            filled: 0,
            touched: false,
            link: "",
            elements: 0,
        });
        if tag.empty {
            self.pop(end);
        }
    }

    fn open_field(&mut self, tag: &Tag<'a>, role: Role, depth: usize, in_entry: bool) {
        let mut markup_allowed = false;
        let mut filled = false;
        if self.dialect == Dialect::Atom {
            match role {
                _ if role.is_text() => markup_allowed = self.text_type(tag),
                Role::Link => {
                    filled = true;
                    let value = tag.attributes.split_once("href=").map(|(_, value)| value);
                    if value.is_none_or(|value| value.starts_with("\"\"") || value.starts_with("''")) {
                        self.fault(Reason::Type);
                    }
                }
                Role::Category => filled = tag.attributes.contains("term"),
                _ => {}
            }
        } else if role == Role::Link && in_entry && tag.attributes.contains("href") {
            self.fault(Reason::Vocabulary);
        }
        filled |= role == Role::Enclosure;
        let permalink = role == Role::Guid && tag.attributes.contains("ermaLink=\"true\"");
        if let Some(entry) = self.entry.as_mut().filter(|_| in_entry) {
            let single =
                !matches!(role, Role::Link | Role::Author | Role::Creator | Role::Category | Role::Enclosure);
            let again = single && entry.seen & role.bit() != 0;
            entry.seen |= role.bit();
            if again {
                self.fault(Reason::Repeated);
            }
        }
        self.field = Some(Field { role, depth, in_entry, markup_allowed, permalink, filled, blank: false });
    }

    /// Checks the type of an Atom text; whether it is one that holds elements.
    fn text_type(&mut self, tag: &Tag<'a>) -> bool {
        let mut allowed = false;
        for (name, value) in attributes(tag.attributes) {
            match (name, value) {
                ("type", "text" | "html" | "text/html") => {}
                ("type", "xhtml") => allowed = true,
                ("type", _) => self.fault(Reason::Type),
                ("mode", _) => self.fault(Reason::Namespace),
                ("src", _) => self.fault(Reason::Vocabulary),
                _ => {}
            }
        }
        allowed
    }

    fn open_in_field(&mut self, tag: &Tag<'a>, field: Field, end: usize) {
        let name = local(tag.name);
        let person = self.dialect == Dialect::Atom
            && field.role == Role::Author
            && matches!(name, "name" | "email" | "uri")
            && self.stack.len() == field.depth;
        if !field.markup_allowed && !person {
            self.fault(Reason::MarkupInText);
        }
        // feed-rs writes attributes of XHTML back without escaping them.
        if field.markup_allowed && tag.attributes.contains(['&', '\'', '<']) {
            self.fault(Reason::MarkupInText);
        }
        if self.blind || is_void(name) && !tag.empty {
            return;
        }
        if self.stack.len() >= MAX_DEPTH {
            self.fault(Reason::Oversized);
            self.blind = true;
            return;
        }
        self.push(tag);
        if tag.empty {
            self.pop(end);
        }
    }

    fn element(&mut self) {
        let Some(entry) = self.entry.as_mut() else { return };
        entry.elements = entry.elements.saturating_add(1);
        if entry.elements > MAX_ELEMENTS {
            self.fault(Reason::Oversized);
        }
    }

    fn push(&mut self, tag: &Tag<'a>) -> bool {
        self.stack.push(tag.name);
        let depth = self.stack.len();
        if depth > MAX_CLEAN_DEPTH {
            self.fault(Reason::Oversized);
        }
        self.too_deep |= depth > MAX_DEPTH;
        depth <= MAX_DEPTH
    }

    fn close(&mut self, name: &str, end: usize) {
        if self.stack.last() == Some(&name) && !self.blind {
            return self.pop(end);
        }
        self.fault(Reason::IllFormed);
        let from = self.field.filter(|_| self.blind).map(|field| field.depth.saturating_sub(1));
        let open = self.stack.get(..from.map_or(self.stack.len(), |at| at.saturating_add(1))).unwrap_or(&[]);
        if let Some(at) = open.iter().rposition(|open| open.eq_ignore_ascii_case(name)) {
            while self.stack.len() > at {
                self.pop(end);
            }
        }
    }

    fn pop(&mut self, end: usize) {
        let depth = self.stack.len();
        self.stack.pop();
        if let Some(field) = self.field.take_if(|field| field.depth == depth) {
            self.blind = false;
            self.close_field(field);
        }
        if let Some(entry) = self.entry.take_if(|entry| entry.depth == depth) {
            self.entries.push((entry.start, offset(end)));
            self.close_entry(entry);
        }
        self.spaces.close(self.stack.len());
    }

    fn close_field(&mut self, field: Field) {
        if field.role == Role::Link && field.blank && !field.filled {
            self.fault(Reason::Sparse);
        }
        if field.filled
            && field.in_entry
            && let Some(entry) = self.entry.as_mut()
        {
            entry.filled |= field.role.bit();
        }
    }

    fn close_entry(&mut self, entry: Open<'a>) {
        let has = |role: Role| entry.filled & role.bit() != 0;
        let lacks = |role: Role, other: Role| !has(role) && has(other);
        // feed-rs drops an item of RDF without link, and tells no enclosure from other media.
        let linkless = match self.dialect {
            Dialect::Rss => has(Role::Enclosure) && !is_address(entry.link),
            Dialect::Rdf => !has(Role::Link),
            Dialect::Atom => false,
        };
        let second_best = lacks(Role::Title, Role::OtherTitle) || lacks(Role::Summary, Role::OtherSummary);
        if entry.filled == 0 || linkless || second_best {
            self.fault(Reason::Sparse);
        }
    }

    fn text(&mut self, raw: &'a str, references: bool) {
        if raw.len() > MAX_TEXT_BYTES {
            self.fault(Reason::Oversized);
        }
        if references {
            self.references(raw);
        }
        let Some(field) = self.field.as_mut() else { return self.channel_author(raw) };
        let blank = raw.bytes().all(|byte| byte.is_ascii_whitespace());
        field.filled |= !blank;
        field.blank |= blank;
        let (role, permalink) = (field.role, field.permalink);
        if permalink && !is_address(raw) {
            self.fault(Reason::Vocabulary);
        }
        if role == Role::Link
            && !blank
            && let Some(entry) = self.entry.as_mut()
        {
            entry.link = raw;
        }
        if role == Role::Category && self.dialect == Dialect::Atom && !blank {
            self.fault(Reason::Type);
        }
        if matches!(role, Role::Author | Role::Creator) {
            self.author(raw);
        }
    }

    fn references(&mut self, raw: &str) {
        let mut rest = raw;
        while let Some(at) = memchr(b'&', rest.as_bytes()) {
            let tail = rest.get(at.saturating_add(1)..).unwrap_or("");
            match reference(tail) {
                Reference::Invalid | Reference::Legacy(..) => self.fault(Reason::StrayAmpersand),
                // feed-rs escapes it once more.
                Reference::Named if self.field.is_some_and(|field| field.markup_allowed) => {
                    self.fault(Reason::MarkupInText);
                }
                _ => {}
            }
            rest = tail;
        }
    }

    /// feed-rs cuts an author's text one byte beside the address, and panics when that byte is no character.
    fn author(&mut self, raw: &str) {
        if raw.contains('@') && (!raw.is_ascii() || raw.contains("&#")) {
            self.fault(Reason::Author);
        }
    }

    fn channel_author(&mut self, raw: &str) {
        let parent = self.stack.last().map_or("", |name| local(name));
        if matches!(parent, "author" | "creator" | "managingEditor" | "webMaster" | "name" | "email") {
            self.author(raw);
        }
    }

    /// Checks the root against the few forms that feed-rs knows.
    fn root(&mut self, tag: &Tag<'a>) {
        let version = attributes(tag.attributes).find(|(name, _)| *name == "version").map(|(_, value)| value);
        let name = self.spaces.name(tag.name);
        let (expect, versioned) = match self.dialect {
            Dialect::Rss => ("rss", matches!(version, Some("2.0" | "0.91" | "0.92"))),
            Dialect::Rdf => ("RDF", true),
            Dialect::Atom => ("feed", true),
        };
        self.has_head |= self.dialect == Dialect::Rss && name.local.eq_ignore_ascii_case("rss")
            || name.space == Space::Atom
            || self.dialect == Dialect::Rdf
                && ["/rss/1.0", "/rdf/simple/"].iter().any(|uri| tag.attributes.contains(uri))
            || self.dialect == Dialect::Atom && version.is_some();
        if name.local != expect || !versioned {
            self.fault(Reason::Version);
        }
        if self.dialect != Dialect::Rdf && !name.canonical {
            self.fault(Reason::Namespace);
        }
        if self.dialect != Dialect::Atom && tag.attributes.contains("xml:lang") {
            self.fault(Reason::Vocabulary);
        }
    }
}

/// Whether a text is an absolute address of the web.
fn is_address(text: &str) -> bool {
    Url::parse(text.trim()).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
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
