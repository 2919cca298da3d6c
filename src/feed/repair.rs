//! Rewrites a faulty RSS, RDF or Atom document into the plain dialect that feed-rs accepts.
//!
//! Data in: an inspected document. Data out: well-formed RSS 2.0 or Atom 1.0 with the elements we read and no others.
//!
//! **Invariant:** the result is well formed by construction: each element is written whole, each text escaped,
//! whatever the input; feed-rs has nothing left to refuse in it.
//! **Invariant:** an item that the document's end cuts off is left out: read in part, it would be taken for known
//! when it comes in full.
//!
//! Rejected: patching single faults in the text (a `&` here, a version there): faults come together, and each patch
//! would have to understand the others.

use std::borrow::Cow;

use url::Url;

use super::{
    inspect::{ATOM, Dialect, Fault, Inspection, MAX_ATTRIBUTE_BYTES, is_void},
    markup::{Tag, Token, Tokenizer, attribute, attributes, escape_into, local, prefix, unescape},
};

const RSS_HEAD: &str = "<rss version=\"2.0\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" \
                        xmlns:dc=\"http://purl.org/dc/elements/1.1/\"";

/// The document of `found`, rewritten.
pub(super) fn repair(found: &Inspection<'_>) -> String {
    let mut tokens = Tokenizer::new(found.text);
    let mut writer = Writer::new(found.dialect, found.text.len());
    while let Some(token) = tokens.next() {
        match token {
            Token::Start(tag) => writer.start(&tag, tokens.raw()),
            Token::End(name) => writer.end(name, tokens.raw()),
            Token::Text(raw) => writer.text(&unescape(raw), raw),
            Token::Cdata(raw) => writer.cdata(raw),
            Token::Comment | Token::Declaration => {}
        }
    }
    writer.finish(found.faults.contains(&Fault::Truncated))
}

/// Vocabulary an element belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Space {
    Native,
    Atom,
    Content,
    DublinCore,
    Other,
}

/// What becomes of an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Root,
    Container(&'static str),
    Entry(&'static str),
    /// Holds text or HTML.
    Text(&'static str),
    /// Holds a word, a date, an address.
    Leaf(&'static str),
    Drop,
}

struct Writer<'a> {
    dialect: Dialect,
    out: String,
    spaces: Vec<(&'a str, Space)>,
    /// Elements written and not closed: name in the source, name in the result.
    open: Vec<(&'a str, &'static str)>,
    capture: Option<Capture<'a>>,
    /// Name of the element that is left out with all below it, and how many of that name are nested.
    dropped: Option<(&'a str, usize)>,
    entry: Option<Entry>,
}

/// The item being written.
struct Entry {
    /// Where it starts in the result.
    at: usize,
    /// Elements that were open before it.
    depth: usize,
    linked: bool,
    /// `rdf:about`, the link when there is no other.
    about: Option<String>,
}

/// An element whose content is being collected.
struct Capture<'a> {
    source: &'a str,
    name: &'static str,
    html: bool,
    tag: Tag<'a>,
    nested: usize,
    /// References resolved; complete as long as there are no elements inside.
    plain: String,
    /// As written.
    raw: String,
    /// Length of `plain` and of `raw` before the first element inside.
    first_child: Option<usize>,
}

impl<'a> Writer<'a> {
    fn new(dialect: Dialect, bytes: usize) -> Self {
        let out = String::with_capacity(bytes);
        Self { dialect, out, spaces: Vec::new(), open: Vec::new(), capture: None, dropped: None, entry: None }
    }

    fn start(&mut self, tag: &Tag<'a>, raw: &'a str) {
        self.declare(tag);
        let role = self.role(tag.name);
        let structural = matches!(role, Role::Entry(_));
        if let Some(capture) = self.capture.as_mut() {
            if !structural {
                capture.child(tag, raw);
                return;
            }
            capture.unclosed();
            self.end_capture();
        }
        if let Some((name, nested)) = self.dropped.as_mut() {
            if !structural {
                if *name == tag.name && !tag.empty {
                    *nested = nested.saturating_add(1);
                }
                return;
            }
            self.dropped = None;
        }
        match role {
            Role::Root => self.root(tag),
            Role::Container(name) => self.container(tag, name),
            Role::Entry(name) => self.begin_entry(tag, name),
            Role::Text(name) => self.begin_capture(tag, name, true),
            Role::Leaf(name) => self.begin_capture(tag, name, false),
            Role::Drop if tag.empty || is_void(local(tag.name)) => {}
            Role::Drop => self.dropped = Some((tag.name, 0)),
        }
    }

    fn end(&mut self, name: &'a str, raw: &str) {
        let structural =
            self.entry.is_some() && matches!(self.role(name), Role::Entry(_) | Role::Container("channel"));
        if let Some(capture) = self.capture.as_mut() {
            if capture.source.eq_ignore_ascii_case(name) {
                if capture.nested == 0 {
                    self.end_capture();
                } else {
                    capture.nested = capture.nested.saturating_sub(1);
                    capture.raw.push_str(raw);
                }
                return;
            }
            if !structural {
                capture.raw.push_str(raw);
                return;
            }
            capture.unclosed();
            self.end_capture();
        }
        match self.dropped.as_mut() {
            Some((open, nested)) if open.eq_ignore_ascii_case(name) => {
                match nested.checked_sub(1) {
                    Some(left) => *nested = left,
                    None => self.dropped = None,
                }
                return;
            }
            Some(_) if !structural => return,
            _ => self.dropped = None,
        }
        if let Some(at) = self.open.iter().rposition(|(source, _)| source.eq_ignore_ascii_case(name)) {
            self.close_to(at);
        }
    }

    fn text(&mut self, plain: &str, raw: &str) {
        if let Some(capture) = self.capture.as_mut() {
            capture.plain.push_str(plain);
            capture.raw.push_str(raw);
        }
    }

    fn cdata(&mut self, raw: &str) {
        if let Some(capture) = self.capture.as_mut() {
            capture.plain.push_str(raw);
            escape_into(&mut capture.raw, raw);
        }
    }

    fn finish(mut self, truncated: bool) -> String {
        if truncated && let Some(entry) = self.entry.take() {
            self.capture = None;
            self.out.truncate(entry.at);
            self.open.truncate(entry.depth);
        }
        self.end_capture();
        self.close_to(0);
        self.out
    }

    fn root(&mut self, tag: &Tag<'a>) {
        if !self.open.is_empty() {
            return;
        }
        let name = if self.dialect == Dialect::Atom { "feed" } else { "rss" };
        if self.dialect == Dialect::Atom {
            self.out.push_str("<feed xmlns=\"");
            self.out.push_str(ATOM);
            self.out.push('"');
        } else {
            self.out.push_str(RSS_HEAD);
        }
        self.attributes(tag, &["xml:base", "xml:lang"]);
        self.out.push('>');
        self.open.push((tag.name, name));
        if self.dialect != Dialect::Atom {
            // Open to the end: RSS 1.0 and some others close theirs before the items.
            self.out.push_str("<channel>");
            self.open.push(("", "channel"));
        }
    }

    /// Makes up for a root that is missing: a bare `<channel>`, `<item>` or `<entry>`.
    fn need_root(&mut self) {
        if self.open.is_empty() {
            self.root(&Tag { name: "", attributes: "", empty: false });
        }
    }

    fn container(&mut self, tag: &Tag<'a>, name: &'static str) {
        self.need_root();
        if tag.empty || name == "channel" {
            return;
        }
        self.open_element(tag, name);
    }

    fn open_element(&mut self, tag: &Tag<'a>, name: &'static str) {
        self.out.push('<');
        self.out.push_str(name);
        self.attributes(tag, &["xml:base", "xml:lang"]);
        self.out.push('>');
        self.open.push((tag.name, name));
    }

    fn begin_entry(&mut self, tag: &Tag<'a>, name: &'static str) {
        if let Some(entry) = &self.entry {
            self.close_to(entry.depth);
        }
        self.need_root();
        let about = attribute(tag, "rdf:about").map(Cow::into_owned);
        self.entry = Some(Entry { at: self.out.len(), depth: self.open.len(), linked: false, about });
        self.open_element(tag, name);
        if tag.empty {
            self.close_to(self.open.len().saturating_sub(1));
        }
    }

    fn close_to(&mut self, depth: usize) {
        while self.open.len() > depth {
            if let Some(entry) = self.entry.take_if(|entry| entry.depth.saturating_add(1) == self.open.len())
                && let Some(about) = entry.about.filter(|_| !entry.linked && self.dialect != Dialect::Atom)
            {
                self.leaf("link", &about);
            }
            if let Some((_, name)) = self.open.pop() {
                self.end_tag(name);
            }
        }
    }

    fn begin_capture(&mut self, tag: &Tag<'a>, name: &'static str, html: bool) {
        self.need_root();
        let (plain, raw) = (String::new(), String::new());
        self.capture = Some(Capture {
            source: tag.name,
            name,
            html,
            tag: *tag,
            nested: 0,
            plain,
            raw,
            first_child: None,
        });
        if tag.empty {
            self.end_capture();
        }
    }

    fn end_capture(&mut self) {
        let Some(capture) = self.capture.take() else { return };
        let value = if capture.first_child.is_some() { &capture.raw } else { &capture.plain };
        let mut value = Cow::Borrowed(value.trim());
        if self.dialect != Dialect::Atom && capture.name == "link" && value.is_empty() {
            let relation = attribute(&capture.tag, "rel");
            if relation.is_none_or(|relation| relation.eq_ignore_ascii_case("alternate")) {
                value = Cow::Owned(attribute(&capture.tag, "href").unwrap_or_default().into_owned());
            }
        }
        if matches!(capture.name, "author" | "dc:creator" | "name") {
            value = Cow::Owned(set_apart_addresses(&value));
        }
        let atom_leaf = self.dialect == Dialect::Atom && matches!(capture.name, "link" | "category");
        if value.is_empty() && !atom_leaf {
            return;
        }
        if let Some(entry) = self.entry.as_mut() {
            entry.linked |= capture.name == "link";
        }
        if self.dialect != Dialect::Atom {
            return self.leaf(capture.name, &value);
        }
        self.out.push('<');
        self.out.push_str(capture.name);
        if capture.html {
            self.out.push_str(" type=\"html\"");
        } else {
            self.attributes(&capture.tag, &["href", "rel", "type", "hreflang", "term", "label"]);
            if atom_leaf && !value.is_empty() && attribute(&capture.tag, "href").is_none() {
                let name = if capture.name == "link" { "href" } else { "term" };
                self.attribute(name, &value);
                value = Cow::Borrowed("");
            }
        }
        self.attributes(&capture.tag, &["xml:base", "xml:lang"]);
        self.out.push('>');
        escape_into(&mut self.out, &value);
        self.end_tag(capture.name);
    }

    fn leaf(&mut self, name: &str, value: &str) {
        self.out.push('<');
        self.out.push_str(name);
        self.out.push('>');
        escape_into(&mut self.out, value);
        self.end_tag(name);
    }

    fn end_tag(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn attributes(&mut self, tag: &Tag<'_>, keep: &[&'static str]) {
        for name in keep {
            let Some(value) = attribute(tag, name).filter(|value| value.len() <= MAX_ATTRIBUTE_BYTES) else {
                continue;
            };
            if *name != "xml:base" || is_base(&value) {
                self.attribute(name, &value);
            }
        }
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("=\"");
        escape_into(&mut self.out, value.trim());
        self.out.push('"');
    }

    fn declare(&mut self, tag: &Tag<'a>) {
        if !tag.attributes.contains("xmlns:") {
            return;
        }
        for (name, uri) in attributes(tag.attributes) {
            if let Some(prefix) = name.strip_prefix("xmlns:")
                && self.spaces.len() < super::inspect::MAX_NAMESPACES
                && !self.spaces.iter().any(|(known, _)| *known == prefix)
            {
                self.spaces.push((prefix, space_of(uri, self.dialect)));
            }
        }
    }

    fn role(&self, name: &str) -> Role {
        let prefix = prefix(name);
        let declared = self.spaces.iter().find(|(known, _)| *known == prefix).map(|(_, space)| *space);
        let space = declared.unwrap_or_else(|| space_by_custom(prefix, self.dialect));
        let local = local(name).to_ascii_lowercase();
        if matches!(local.as_str(), "rss" | "rdf" | "feed") {
            return Role::Root;
        }
        if self.dialect == Dialect::Atom { atom_role(space, &local) } else { rss_role(space, &local) }
    }
}

impl<'a> Capture<'a> {
    fn child(&mut self, tag: &Tag<'a>, raw: &str) {
        if tag.name.eq_ignore_ascii_case(self.source) && !tag.empty {
            self.nested = self.nested.saturating_add(1);
        }
        if self.first_child.is_none() {
            self.first_child = Some(self.raw.len());
        }
        self.raw.push_str(raw);
    }

    /// The end tag is missing: what follows the first element inside belongs to others.
    fn unclosed(&mut self) {
        if let Some(length) = self.first_child {
            self.raw.truncate(length);
        }
    }
}

fn rss_role(space: Space, local: &str) -> Role {
    match (space, local) {
        (Space::Native, "channel") => Role::Container("channel"),
        (Space::Native, "item") => Role::Entry("item"),
        (Space::Native, "title") => Role::Text("title"),
        (Space::Native | Space::DublinCore, "description") => Role::Text("description"),
        (Space::Content, "encoded") => Role::Text("content:encoded"),
        (Space::Native, "link") => Role::Leaf("link"),
        (Space::Native, "guid") => Role::Leaf("guid"),
        (Space::Native, "pubdate") => Role::Leaf("pubDate"),
        (Space::DublinCore, "date" | "created" | "issued") => Role::Leaf("dc:date"),
        (Space::Native | Space::Atom, "updated") => Role::Leaf("updated"),
        (Space::Native, "author") => Role::Leaf("author"),
        (Space::DublinCore, "creator") => Role::Leaf("dc:creator"),
        (Space::Native, "category") | (Space::DublinCore, "subject") => Role::Leaf("category"),
        (Space::Native | Space::DublinCore, "language") => Role::Leaf("language"),
        _ => Role::Drop,
    }
}

fn atom_role(space: Space, local: &str) -> Role {
    if !matches!(space, Space::Native | Space::Atom) {
        return Role::Drop;
    }
    match local {
        "entry" => Role::Entry("entry"),
        "author" => Role::Container("author"),
        "title" => Role::Text("title"),
        "subtitle" | "tagline" => Role::Text("subtitle"),
        "summary" => Role::Text("summary"),
        "content" => Role::Text("content"),
        "id" => Role::Leaf("id"),
        "link" => Role::Leaf("link"),
        "published" | "issued" | "created" | "pubdate" => Role::Leaf("published"),
        "updated" | "modified" => Role::Leaf("updated"),
        "name" => Role::Leaf("name"),
        "email" => Role::Leaf("email"),
        "category" => Role::Leaf("category"),
        _ => Role::Drop,
    }
}

/// The vocabulary of a namespace, with the spellings that occur: other schemes, cases and endings.
fn space_of(uri: &str, dialect: Dialect) -> Space {
    let uri = uri.trim().to_ascii_lowercase();
    let uri = uri.split_once("://").map_or(uri.as_str(), |(_, rest)| rest).trim_end_matches(['/', '#']);
    match uri {
        "www.w3.org/2005/atom" | "purl.org/atom/ns" if dialect == Dialect::Atom => Space::Native,
        "www.w3.org/2005/atom" | "purl.org/atom/ns" => Space::Atom,
        "purl.org/rss/1.0" | "my.netscape.com/rdf/simple/0.9" | "channel.netscape.com/rdf/simple/0.9" => {
            Space::Native
        }
        "purl.org/rss/1.0/modules/content" => Space::Content,
        "purl.org/dc/elements/1.1" | "purl.org/dc/elements/1.0" | "purl.org/dc/terms" => Space::DublinCore,
        _ => Space::Other,
    }
}

/// The vocabulary that a prefix nobody declared is used for by custom.
fn space_by_custom(prefix: &str, dialect: Dialect) -> Space {
    match prefix {
        "" => Space::Native,
        "atom" if dialect == Dialect::Atom => Space::Native,
        "atom" => Space::Atom,
        "content" => Space::Content,
        "dc" | "dcterms" => Space::DublinCore,
        _ => Space::Other,
    }
}

/// Whether feed-rs accepts a text as base: an address, absolute or relative.
fn is_base(value: &str) -> bool {
    matches!(Url::parse(value.trim()), Ok(_) | Err(url::ParseError::RelativeUrlWithoutBase))
}

/// An author's text with a space wherever ASCII meets other characters, if it holds an address: feed-rs cuts the
/// text one byte beside the address, and panics when that byte is not a character.
fn set_apart_addresses(text: &str) -> String {
    if text.is_ascii() || !text.contains('@') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut previous = true;
    for c in text.chars() {
        if c.is_ascii() != previous {
            out.push(' ');
        }
        previous = c.is_ascii();
        out.push(c);
    }
    out
}
