//! Our own extraction, for the documents that feed-rs loses or misreads.
//!
//! Data in: an inspected document with any fault. Data out: a [`RawFeed`], borrowed from the document where it can be.
//!
//! **Invariant:** never fails: what is there of a feed is given, in document order.
//! **Invariant:** of a document without faults it gives what feed-rs gives of it (held by a property test), so no item
//! becomes new because its feed came to be read the other way.
//! **Invariant:** an item that the document's end cuts off is given only if its title is whole, without the text in
//! which it is cut, and is marked: stored, it would be taken for known when it comes in full.
//! **Invariant:** linear: the document is gone through once, and a stretch of an item at most [`MAX_REWINDS`] times
//! more.
//!
//! Rejected: rewriting the document for feed-rs: faults come together, the rewriting costs as much as the reading, and
//! what feed-rs cannot say (dates of Dublin Core, `rdf:about`, enclosures) stays unsaid.

use std::borrow::Cow;

use url::Url;

use super::{
    MAX_ITEMS,
    capture::{Capture, Owner},
    dates,
    inspect::{Inspection, MAX_ATTRIBUTE_BYTES, Reason, Verdict},
    links::{self, Rank},
    markup::{Tag, Token, Tokenizer, attribute, local, unescape},
    person,
    raw::{RawFeed, RawItem},
    vocabulary::{Dialect, Name, Role, Space, Spaces, is_feed, is_void},
};
use crate::model::Timestamp;

/// Most times that the reading goes back within one item because an element was left open.
const MAX_REWINDS: usize = 16;
/// Most elements open at once outside texts; more are passed over. Above what the inspection lets through.
const MAX_OPEN: usize = 1_000;
/// Most bases (`xml:base`) in force at once.
const MAX_BASES: usize = 50;
/// Most authors, tags or links kept of one item.
const MAX_LIST: usize = 128;

/// The feed in a document.
pub(super) fn salvage<'a>(found: &Inspection<'a>, base: &'a Url) -> RawFeed<'a> {
    let mut tokens = Tokenizer::new(found.text);
    let mut reader = Reader::new(found, base);
    loop {
        while let Some(token) = tokens.next() {
            match token {
                Token::Start(tag) => reader.start(&tag, tokens.start),
                Token::End(name) => reader.end(name),
                Token::Text(raw) => reader.text(raw, false),
                Token::Cdata(raw) => reader.text(raw, true),
                Token::Comment | Token::Declaration => {}
            }
            if let Some(at) = reader.rewind.take() {
                tokens.seek(at);
            }
        }
        if !reader.end_of_document() {
            return reader.feed;
        }
        if let Some(at) = reader.rewind.take() {
            tokens.seek(at);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Feed,
    Entry,
    Person,
    Other,
}

#[derive(Debug, Clone, Copy)]
struct Level<'a> {
    name: &'a str,
    kind: Kind,
}

/// The item being read.
#[derive(Debug, Default)]
struct Entry<'a> {
    item: RawItem<'a>,
    /// There is an element in it.
    touched: bool,
    links: Vec<(Rank, Cow<'a, str>)>,
    /// `rdf:about`, the link when there is no other.
    about: Option<Cow<'a, str>>,
    other_title: Cow<'a, str>,
    other_summary: Cow<'a, str>,
    published: Option<Timestamp>,
    dated: Option<Timestamp>,
    updated: Option<Timestamp>,
    created: Option<Timestamp>,
    lang: Option<Cow<'a, str>>,
}

/// An author whose parts are elements.
#[derive(Debug, Default)]
struct Person<'a> {
    name: Option<Cow<'a, str>>,
    email: Option<Cow<'a, str>>,
    text: Option<Cow<'a, str>>,
}

struct Reader<'a> {
    dialect: Dialect,
    /// End tags are missing, so that an element may stand in another that was left open.
    ill_formed: bool,
    truncated: bool,
    spaces: Spaces<'a>,
    stack: Vec<Level<'a>>,
    base: &'a Url,
    /// Bases in force, each with the depth of its element.
    bases: Vec<(usize, Url)>,
    capture: Option<Capture<'a>>,
    entry: Option<Entry<'a>>,
    person: Option<Person<'a>>,
    feed: RawFeed<'a>,
    feed_links: Vec<(Rank, Cow<'a, str>)>,
    /// `xml:lang` of the root.
    root_lang: Option<Cow<'a, str>>,
    /// Where reading is to go on, if elsewhere.
    rewind: Option<usize>,
    rewinds: usize,
}

impl<'a> Reader<'a> {
    fn new(found: &Inspection<'a>, base: &'a Url) -> Self {
        let reason = if let Verdict::Salvage(reason) = found.verdict { Some(reason) } else { None };
        let items = Vec::with_capacity(found.entries.len().min(MAX_ITEMS));
        Self {
            dialect: found.dialect,
            ill_formed: matches!(reason, Some(Reason::IllFormed | Reason::Truncated)),
            truncated: reason == Some(Reason::Truncated),
            spaces: Spaces::new(found.dialect),
            stack: Vec::new(),
            base,
            bases: Vec::new(),
            capture: None,
            entry: None,
            person: None,
            feed: RawFeed { items, ..RawFeed::default() },
            feed_links: Vec::new(),
            root_lang: None,
            rewind: None,
            rewinds: 0,
        }
    }

    fn start(&mut self, tag: &Tag<'a>, at: usize) {
        if let Some(capture) = self.capture.as_mut() {
            let name = self.spaces.name(tag.name);
            let role = if capture.holds_markup { None } else { name.role() };
            let sibling = !capture.holds_markup && name.is_entry()
                || role.is_some_and(|role| !capture.role.is_text() || role.is_foreign_to_html(name.space));
            if !sibling {
                return capture.child(tag, at, role.is_some());
            }
            if self.cut_capture() {
                return;
            }
        }
        let depth = self.stack.len().saturating_add(1);
        if depth > MAX_OPEN {
            return;
        }
        self.spaces.open(tag, depth);
        let name = self.spaces.name(tag.name);
        let nested = self.entry.is_some() && self.stack.last().is_some_and(|level| level.kind == Kind::Other);
        if name.is_entry() && !nested {
            return self.start_entry(tag);
        }
        self.open_base(tag, depth);
        if depth == 1 {
            self.root_lang = attribute(tag, "xml:lang");
        }
        match self.parent() {
            Kind::Entry => self.mark(tag, name),
            Kind::Feed => self.head(tag, name),
            Kind::Person => self.person_part(tag, name),
            Kind::Other => self.push(tag, if is_feed(name.local) { Kind::Feed } else { Kind::Other }),
        }
    }

    /// What the element around the next one is. In a document with missing end tags, an element that nobody knows is
    /// seen through.
    fn parent(&self) -> Kind {
        let through = |level: &&Level<'a>| {
            self.ill_formed && self.entry.is_some() && level.kind == Kind::Other && !is_opaque(level.name)
        };
        self.stack.iter().rev().find(|level| !through(level)).map_or(Kind::Other, |level| level.kind)
    }

    fn push(&mut self, tag: &Tag<'a>, kind: Kind) {
        if tag.empty || kind == Kind::Other && is_void(local(tag.name)) {
            return self.close_scopes();
        }
        self.stack.push(Level { name: tag.name, kind });
    }

    fn close_scopes(&mut self) {
        let depth = self.stack.len();
        self.spaces.close(depth);
        while self.bases.pop_if(|(at, _)| *at > depth).is_some() {}
    }

    fn open_base(&mut self, tag: &Tag<'a>, depth: usize) {
        if !tag.attributes.contains("xml:base") || self.bases.len() >= MAX_BASES {
            return;
        }
        let Some(value) = attribute(tag, "xml:base").filter(|value| value.len() <= MAX_ATTRIBUTE_BYTES)
        else {
            return;
        };
        if let Ok(url) = self.bases.last().map_or(self.base, |(_, url)| url).join(&value) {
            self.bases.push((depth, url));
        }
    }

    /// An address as written, made absolute where the element has a base of its own.
    fn resolve(&self, href: Cow<'a, str>) -> Cow<'a, str> {
        let Some((_, base)) = self.bases.last() else { return href };
        if href.trim().is_empty() || Url::parse(href.trim()).is_ok() {
            return href;
        }
        base.join(href.trim()).map_or(href, |url| Cow::Owned(url.into()))
    }

    fn start_entry(&mut self, tag: &Tag<'a>) {
        if self.entry.as_ref().is_some_and(|entry| !entry.touched) {
            // An item in an item that has nothing else is meant as one.
            self.entry = None;
            self.pop();
        }
        while self.entry.is_some() {
            self.pop();
        }
        let depth = self.stack.len().saturating_add(1);
        self.spaces.close(depth);
        self.open_base(tag, depth);
        self.rewinds = 0;
        let mut entry = Entry::default();
        if !tag.attributes.is_empty() {
            entry.about = attribute(tag, "rdf:about").map(|about| self.resolve(about));
            entry.lang = attribute(tag, "xml:lang");
            if self.dialect == Dialect::Rss {
                entry.links.extend(attribute(tag, "href").map(|href| (Rank::Plain, self.resolve(href))));
                entry.updated = attribute(tag, "lastmod").and_then(|text| dates::parse(&text));
            }
        }
        self.entry = Some(entry);
        self.stack.push(Level { name: tag.name, kind: Kind::Entry });
        if tag.empty {
            self.pop();
        }
    }

    /// A child of an item.
    fn mark(&mut self, tag: &Tag<'a>, name: Name<'_>) {
        if let Some(entry) = self.entry.as_mut() {
            entry.touched = true;
        }
        let atom = name.space == Space::Atom || self.dialect == Dialect::Atom;
        let Some(role) = name.role() else { return self.push(tag, Kind::Other) };
        match role {
            Role::Link if atom && attribute(tag, "href").is_some() => {
                self.link(tag, true);
                self.push(tag, Kind::Other);
            }
            Role::Enclosure => {
                if let Some(url) = attribute(tag, "url").or_else(|| attribute(tag, "href")) {
                    let url = self.resolve(url);
                    self.add_link(Owner::Entry, Rank::Enclosure, url);
                }
                self.push(tag, Kind::Other);
            }
            Role::Author if atom => {
                self.person = Some(Person::default());
                self.push(tag, Kind::Person);
                if tag.empty {
                    self.person = None;
                }
            }
            Role::Category if atom && attribute(tag, "term").is_some() => {
                let term = attribute(tag, "label").or_else(|| attribute(tag, "term"));
                self.tag(term);
                self.push(tag, Kind::Other);
            }
            _ => self.begin(tag, role, name.space, Owner::Entry),
        }
    }

    /// A child of a feed.
    fn head(&mut self, tag: &Tag<'a>, name: Name<'_>) {
        if is_feed(name.local) {
            return self.push(tag, Kind::Feed);
        }
        let atom = name.space == Space::Atom || self.dialect == Dialect::Atom;
        match name.role() {
            Some(Role::Link) if atom && attribute(tag, "href").is_some() => {
                self.link(tag, false);
                self.push(tag, Kind::Other);
            }
            Some(role @ (Role::Title | Role::Link | Role::Language)) => {
                self.begin(tag, role, name.space, Owner::Feed);
            }
            _ => self.push(tag, Kind::Other),
        }
    }

    fn person_part(&mut self, tag: &Tag<'a>, name: Name<'_>) {
        match name.local {
            "name" => self.begin(tag, Role::Author, name.space, Owner::Person),
            "email" => self.begin(tag, Role::Creator, name.space, Owner::Person),
            _ => self.push(tag, Kind::Other),
        }
    }

    /// Notes a link that is an attribute.
    fn link(&mut self, tag: &Tag<'a>, in_entry: bool) {
        let (relation, kind) = (attribute(tag, "rel"), attribute(tag, "type"));
        let rss = self.dialect != Dialect::Atom && relation.is_none();
        let Some(rank) = links::rank(relation.as_deref(), kind.as_deref(), rss) else { return };
        let Some(href) = attribute(tag, "href") else { return };
        let href = self.resolve(href);
        self.add_link(if in_entry { Owner::Entry } else { Owner::Feed }, rank, href);
    }

    fn add_link(&mut self, owner: Owner, rank: Rank, href: Cow<'a, str>) {
        let list = match (owner, self.entry.as_mut()) {
            (Owner::Entry, Some(entry)) => &mut entry.links,
            _ => &mut self.feed_links,
        };
        if list.len() < MAX_LIST {
            list.push((rank, href));
        }
    }

    fn begin(&mut self, tag: &Tag<'a>, role: Role, space: Space, owner: Owner) {
        let atom = self.dialect == Dialect::Atom || space == Space::Atom;
        let holds_markup = !self.ill_formed
            && (space == Space::Xhtml
                || role.is_text() && atom && attribute(tag, "type").is_some_and(|kind| is_markup(&kind)));
        self.capture = Some(Capture::new(*tag, role, owner, holds_markup));
        if tag.empty {
            self.end_capture();
        }
    }

    fn end(&mut self, name: &'a str) {
        if let Some(capture) = self.capture.as_mut() {
            let mut open = self.stack.iter().rev();
            let known = open.find(|level| level.name.eq_ignore_ascii_case(name));
            let structural = !capture.holds_markup && known.is_some_and(|level| level.kind != Kind::Other);
            if !structural || capture.tag.name.eq_ignore_ascii_case(name) {
                if capture.ends(name) {
                    self.end_capture();
                }
                return;
            }
            if self.cut_capture() {
                return;
            }
        }
        let known = self.stack.iter().rposition(|level| level.name.eq_ignore_ascii_case(name));
        if let Some(at) = known {
            while self.stack.len() > at {
                self.pop();
            }
        }
    }

    fn text(&mut self, raw: &'a str, cdata: bool) {
        if let Some(capture) = self.capture.as_mut() {
            return if cdata { capture.cdata(raw) } else { capture.text(raw) };
        }
        if self.parent() == Kind::Person
            && !raw.trim().is_empty()
            && let Some(person) = self.person.as_mut()
        {
            let text = if cdata { Cow::Borrowed(raw) } else { unescape(raw) };
            person.text.get_or_insert(text);
        }
    }

    fn pop(&mut self) {
        let Some(level) = self.stack.pop() else { return };
        match level.kind {
            Kind::Entry => self.end_entry(),
            Kind::Person => self.end_person(),
            Kind::Feed | Kind::Other => {}
        }
        self.close_scopes();
    }

    /// The end of the text; whether there is more to read after going back.
    fn end_of_document(&mut self) -> bool {
        if self.truncated && self.entry.is_some() {
            self.capture = None;
            self.feed.cut = self.entry.as_ref().is_some_and(|entry| !entry.item.title.trim().is_empty());
            if !self.feed.cut {
                self.entry = None;
            }
        }
        if self.capture.is_some() && self.cut_capture() {
            return true;
        }
        while !self.stack.is_empty() {
            self.pop();
        }
        let (links, _) = links::sorted(std::mem::take(&mut self.feed_links));
        self.feed.links = links;
        self.feed.lang = self.feed.lang.take().or_else(|| self.root_lang.take());
        false
    }

    /// Ends an element whose end tag is missing; whether the reading goes back, to an element it had taken in.
    fn cut_capture(&mut self) -> bool {
        if self.rewinds < MAX_REWINDS
            && let Some(capture) = self.capture.as_mut()
            && let Some(at) = capture.cut()
        {
            self.rewinds = self.rewinds.saturating_add(1);
            self.rewind = Some(at);
        }
        self.end_capture();
        self.rewind.is_some()
    }

    fn end_capture(&mut self) {
        let Some(capture) = self.capture.take() else { return };
        let (tag, role, owner) = (capture.tag, capture.role, capture.owner);
        let value = capture.value();
        let blank = value.trim().is_empty();
        match owner {
            Owner::Person => {
                if let Some(person) = self.person.as_mut().filter(|_| !blank) {
                    let slot = if role == Role::Author { &mut person.name } else { &mut person.email };
                    slot.get_or_insert(value);
                }
            }
            Owner::Feed => match role {
                Role::Link => self.link_text(&tag, Owner::Feed, value),
                Role::Title if !blank => drop(self.feed.title.get_or_insert(value)),
                Role::Language if !blank => drop(self.feed.lang.get_or_insert(value)),
                _ => {}
            },
            Owner::Entry => match role {
                Role::Link => self.link_text(&tag, Owner::Entry, value),
                Role::Category | Role::Subject if blank => {
                    self.tag(attribute(&tag, "term").or_else(|| attribute(&tag, "label")));
                }
                Role::Category | Role::Subject => self.tag(Some(value)),
                _ if blank => {}
                _ => self.fill(&tag, role, value),
            },
        }
        self.close_scopes();
    }

    /// A link that is text; where there is none, the attribute that Atom has in its place.
    fn link_text(&mut self, tag: &Tag<'a>, owner: Owner, value: Cow<'a, str>) {
        let value = if value.trim().is_empty() { attribute(tag, "href") } else { Some(value) };
        let rank = links::rank(attribute(tag, "rel").as_deref(), attribute(tag, "type").as_deref(), true);
        if let (Some(value), Some(rank)) = (value, rank) {
            let value = self.resolve(value);
            self.add_link(owner, rank, value);
        }
    }

    fn tag(&mut self, value: Option<Cow<'a, str>>) {
        if let (Some(entry), Some(value)) = (self.entry.as_mut(), value)
            && entry.item.tags.len() < MAX_LIST
        {
            entry.item.tags.push(value);
        }
    }

    /// Notes a mark of the item. Of texts the first stays, of dates the last.
    fn fill(&mut self, tag: &Tag<'a>, role: Role, value: Cow<'a, str>) {
        let Some(entry) = self.entry.as_mut() else { return };
        let first = |slot: &mut Cow<'a, str>, value| {
            if slot.is_empty() {
                *slot = value;
            }
        };
        let date = |slot: &mut Option<Timestamp>| *slot = dates::parse(&value).or(*slot);
        match role {
            Role::Title => first(&mut entry.item.title, value),
            Role::OtherTitle => first(&mut entry.other_title, value),
            Role::Summary => first(&mut entry.item.summary, value),
            Role::OtherSummary => first(&mut entry.other_summary, value),
            Role::Content => {
                if entry.item.lang.is_none() && self.dialect == Dialect::Atom {
                    entry.item.lang = attribute(tag, "xml:lang");
                }
                if !is_binary(attribute(tag, "type").as_deref()) {
                    first(&mut entry.item.content, value);
                }
            }
            Role::Guid => {
                let permalink =
                    attribute(tag, "isPermaLink").is_some_and(|is| is.eq_ignore_ascii_case("true"));
                entry.item.guid.get_or_insert(value.clone());
                if permalink {
                    let link = self.resolve(value);
                    self.add_link(Owner::Entry, Rank::Permalink, link);
                }
            }
            Role::Published => date(&mut entry.published),
            Role::Date => date(&mut entry.dated),
            Role::Updated => date(&mut entry.updated),
            Role::Created => date(&mut entry.created),
            Role::Language => entry.lang = Some(value),
            Role::Author | Role::Creator => {
                if entry.item.authors.len() < MAX_LIST {
                    entry.item.authors.push(person::name_of(value));
                }
            }
            Role::Link | Role::Category | Role::Subject | Role::Enclosure => {}
        }
    }

    fn end_person(&mut self) {
        let Some(person) = self.person.take() else { return };
        let text = person.text.map(person::name_of);
        if let Some(name) = person.name.or(person.email).or(text)
            && let Some(entry) = self.entry.as_mut()
            && entry.item.authors.len() < MAX_LIST
        {
            entry.item.authors.push(name);
        }
    }

    fn end_entry(&mut self) {
        self.person = None;
        let Some(entry) = self.entry.take() else { return };
        let mut item = entry.item;
        let (links, last) = links::sorted(entry.links);
        item.links = links;
        item.last_links = entry.about.into_iter().chain(last).collect();
        if item.title.trim().is_empty() {
            item.title = entry.other_title;
        }
        if item.summary.trim().is_empty() {
            item.summary = entry.other_summary;
        }
        item.published_at = entry.published.or(entry.dated).or(entry.updated).or(entry.created);
        item.lang = item.lang.or(entry.lang);
        // Of a torn document more can be found than the inspection saw.
        if self.feed.items.len() < MAX_ITEMS {
            self.feed.items.push(item);
        }
    }
}

/// Elements with titles and links of their own, which are not the item's.
fn is_opaque(name: &str) -> bool {
    name.contains(':')
        || ["source", "image", "textinput", "group", "cloud", "author", "contributor"]
            .iter()
            .any(|known| local(name).eq_ignore_ascii_case(known))
}

/// Whether a type is that of inline markup.
fn is_markup(kind: &str) -> bool {
    let kind = kind.trim();
    kind.eq_ignore_ascii_case("xhtml") || kind.to_ascii_lowercase().ends_with("xml")
}

/// Whether a type is that of something to be decoded rather than read.
fn is_binary(kind: Option<&str>) -> bool {
    let kind = kind.unwrap_or("").trim().to_ascii_lowercase();
    kind.split_once('/').is_some_and(|(family, rest)| {
        matches!(family, "image" | "audio" | "video")
            || family == "application" && !rest.contains("xml") && !rest.contains("html")
    })
}
