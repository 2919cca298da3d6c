//! Names of elements → what they are for, over all dialects; shared by the inspection and by salvage.
//!
//! Data in: names with prefixes, declarations of namespaces. Data out: the [`Space`] and [`Role`] of an element, and
//! whether feed-rs takes it for the same.
//!
//! **Invariant:** an element that has a role here and that feed-rs passes over makes the document one for salvage, so
//! both ways of reading take the same elements into account.
//!
//! Rejected: telling elements apart by local name alone: `media:title` and `slash:comments` would become the item's.

use super::markup::{Tag, attributes, local, prefix};

/// Most namespace declarations in force at once; more are not taken in.
pub(super) const MAX_NAMESPACES: usize = 100;
/// Longest name of an element that has a role, in bytes.
const MAX_ROLE_BYTES: usize = 16;

/// Family of formats, told by the root element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// RSS 0.91 to 0.94, 1.1 and 2.0, CDF.
    Rss,
    /// RSS 0.90 and 1.0.
    Rdf,
    /// Atom 0.3 and 1.0.
    Atom,
}

/// Vocabulary that an element belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    /// The dialect's own.
    Native,
    /// Atom inside another dialect, or named as such.
    Atom,
    Content,
    DublinCore,
    DublinCoreTerms,
    Media,
    Xhtml,
    Other,
}

/// What an element of a feed or item is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Title,
    /// A second-best title.
    OtherTitle,
    Link,
    Guid,
    Summary,
    /// A second-best summary.
    OtherSummary,
    Content,
    Published,
    /// A date of Dublin Core: publication, unless that is told beside it.
    Date,
    Updated,
    Created,
    Author,
    Creator,
    Category,
    Subject,
    Language,
    Enclosure,
}

impl Role {
    /// Whether the element may hold HTML.
    pub(super) fn is_text(self) -> bool {
        matches!(self, Self::Title | Self::OtherTitle | Self::Summary | Self::OtherSummary | Self::Content)
    }

    /// Whether HTML knows no element of that name, so that its start tag ends a text that was left open.
    pub(super) fn is_foreign_to_html(self, space: Space) -> bool {
        !matches!(
            (self, space),
            (
                Self::Title | Self::Link | Self::Summary | Self::Content,
                Space::Native | Space::Atom | Space::Xhtml
            )
        )
    }

    /// One bit for each mark of an item of which there should be one.
    pub(super) fn bit(self) -> u16 {
        match self {
            Self::Title => 1,
            Self::Link => 1 << 1,
            Self::Guid => 1 << 2,
            Self::Summary => 1 << 3,
            Self::Content => 1 << 4,
            Self::Published | Self::Date => 1 << 5,
            Self::Updated => 1 << 6,
            Self::Language => 1 << 7,
            Self::Author | Self::Creator => 1 << 8,
            Self::Category | Self::Subject => 1 << 9,
            Self::Enclosure => 1 << 10,
            Self::OtherTitle => 1 << 11,
            Self::OtherSummary => 1 << 12,
            Self::Created => 1 << 13,
        }
    }
}

/// A name in its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Name<'a> {
    pub(super) space: Space,
    /// The namespace is spelled as feed-rs knows it.
    pub(super) canonical: bool,
    /// The prefix is declared; always true without one.
    pub(super) declared: bool,
    pub(super) local: &'a str,
}

impl Name<'_> {
    fn lower(&self, buffer: &mut [u8; MAX_ROLE_BYTES]) -> usize {
        let bytes = self.local.as_bytes();
        let Some(slot) = buffer.get_mut(..bytes.len()) else { return 0 };
        slot.copy_from_slice(bytes);
        slot.make_ascii_lowercase();
        bytes.len()
    }

    fn is_core(&self) -> bool {
        matches!(self.space, Space::Native | Space::Atom)
    }

    /// Whether this is an item: `item` or `entry` of the dialect's own vocabulary.
    pub(super) fn is_entry(&self) -> bool {
        self.is_core() && is_entry(self.local)
    }

    /// What the element is for as a child of a feed or an item.
    pub(super) fn role(&self) -> Option<Role> {
        let mut buffer = [0; MAX_ROLE_BYTES];
        let length = self.lower(&mut buffer);
        let lower = buffer.get(..length)?;
        match self.space {
            Space::Native | Space::Atom => core_role(lower),
            Space::Content => (lower == b"encoded").then_some(Role::Content),
            Space::Xhtml => matches!(lower, b"body" | b"div").then_some(Role::Content),
            Space::DublinCore | Space::DublinCoreTerms => dublin_core_role(lower),
            Space::Media => (lower == b"title").then_some(Role::OtherTitle),
            Space::Other => None,
        }
    }

    /// Whether the element only counts where another of its item is missing.
    pub(super) fn is_second_best(&self, role: Role) -> bool {
        matches!(role, Role::OtherTitle | Role::OtherSummary) && self.declared
    }

    /// Whether feed-rs reads an element of an item (`in_entry`) or of a feed in the role that it has here.
    pub(super) fn is_read_by_feed_rs(&self, dialect: Dialect, in_entry: bool) -> bool {
        self.canonical
            && match (dialect, in_entry, self.space, self.local) {
                (Dialect::Atom, true, Space::Native | Space::Atom, name) => matches!(
                    name,
                    "id" | "title"
                        | "updated"
                        | "author"
                        | "content"
                        | "link"
                        | "summary"
                        | "category"
                        | "published"
                        | "pubDate"
                ),
                (Dialect::Atom, false, Space::Native | Space::Atom, name) => {
                    !matches!(name, "language" | "description")
                }
                (Dialect::Rss, true, Space::Native, name) => matches!(
                    name,
                    "title"
                        | "link"
                        | "description"
                        | "author"
                        | "category"
                        | "guid"
                        | "enclosure"
                        | "pubDate"
                        | "updated"
                ),
                (Dialect::Rss, true, Space::Atom, name) => name == "updated",
                (Dialect::Rss, true, Space::DublinCore, name) => matches!(name, "creator" | "date"),
                (Dialect::Rss | Dialect::Rdf, true, Space::Content, name) => name == "encoded",
                (Dialect::Rdf, true, Space::Native, name) => matches!(name, "title" | "link" | "description"),
                (Dialect::Rdf, true, Space::DublinCore, name) => matches!(name, "creator" | "date"),
                (Dialect::Rss | Dialect::Rdf, false, Space::Native, name) => {
                    name != "language" || dialect == Dialect::Rss
                }
                (Dialect::Rss, false, Space::Atom, name) => name != "title",
                (Dialect::Rdf, false, Space::DublinCore, name) => name != "title",
                // Only the title, the link and the language of a feed are used.
                (_, false, _, name) => !matches!(name, "title" | "link" | "language"),
                _ => false,
            }
    }
}

fn core_role(lower: &[u8]) -> Option<Role> {
    Some(match lower {
        b"title" => Role::Title,
        b"link" => Role::Link,
        b"guid" | b"id" => Role::Guid,
        b"description" | b"summary" | b"abstract" => Role::Summary,
        b"content" => Role::Content,
        b"pubdate" | b"published" | b"issued" => Role::Published,
        b"date" => Role::Date,
        b"updated" | b"modified" => Role::Updated,
        b"created" => Role::Created,
        b"author" => Role::Author,
        b"category" => Role::Category,
        b"language" => Role::Language,
        b"enclosure" => Role::Enclosure,
        _ => return None,
    })
}

fn dublin_core_role(lower: &[u8]) -> Option<Role> {
    Some(match lower {
        b"title" => Role::OtherTitle,
        b"description" | b"abstract" => Role::OtherSummary,
        b"creator" | b"author" => Role::Creator,
        b"subject" => Role::Subject,
        b"date" => Role::Date,
        b"issued" => Role::Published,
        b"modified" => Role::Updated,
        b"created" => Role::Created,
        b"language" => Role::Language,
        _ => return None,
    })
}

/// Whether a local name is that of items.
pub(super) fn is_entry(local: &str) -> bool {
    local.eq_ignore_ascii_case("item") || local.eq_ignore_ascii_case("entry")
}

/// Whether a local name is that of the element around a feed's items.
pub(super) fn is_feed(local: &str) -> bool {
    ["channel", "rss", "feed", "rdf", "items"].iter().any(|name| local.eq_ignore_ascii_case(name))
}

/// Elements that HTML never closes.
pub(super) fn is_void(name: &str) -> bool {
    ["br", "hr", "img", "wbr", "input", "col"].iter().any(|void| name.eq_ignore_ascii_case(void))
}

/// A declaration in force.
#[derive(Debug, Clone, Copy)]
struct Binding<'a> {
    prefix: &'a str,
    space: Space,
    canonical: bool,
    /// Depth of the element that declares it.
    depth: usize,
}

/// The namespaces in force at one place of a document.
#[derive(Debug)]
pub(super) struct Spaces<'a> {
    dialect: Dialect,
    bindings: Vec<Binding<'a>>,
    /// A declaration was not taken in: there were [`MAX_NAMESPACES`].
    pub(super) full: bool,
}

impl<'a> Spaces<'a> {
    /// None declared yet.
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, bindings: Vec::new(), full: false }
    }

    /// Takes in what the start tag of an element at `depth` (1 is the root) declares.
    pub(super) fn open(&mut self, tag: &Tag<'a>, depth: usize) {
        if !tag.attributes.contains("xmlns") {
            return;
        }
        let own = prefix(tag.name);
        for (name, uri) in attributes(tag.attributes) {
            let Some(bound) = name.strip_prefix("xmlns") else { continue };
            let bound = match bound.strip_prefix(':') {
                Some(bound) => bound,
                None if bound.is_empty() => "",
                None => continue,
            };
            if self.bindings.len() >= MAX_NAMESPACES {
                self.full = true;
                return;
            }
            let (space, canonical) = match space_of(uri, self.dialect) {
                // A namespace of the publisher's own making, or a misspelled one: the root's is the feed's.
                (Space::Other, _) if depth == 1 && (bound == own || bound.is_empty()) => {
                    (if uri.contains("rdf-syntax-ns") { Space::Other } else { Space::Native }, false)
                }
                found => found,
            };
            self.bindings.push(Binding { prefix: bound, space, canonical, depth });
        }
    }

    /// Forgets what elements below `depth` declared.
    pub(super) fn close(&mut self, depth: usize) {
        while self.bindings.pop_if(|binding| binding.depth > depth).is_some() {}
    }

    /// The name of an element here.
    pub(super) fn name<'n>(&self, name: &'n str) -> Name<'n> {
        let (prefix, local) = (prefix(name), local(name));
        // Most names have none, and comparing nothing with nothing is slow (measured: half of the inspection).
        let is_it = |bound: &str| if prefix.is_empty() { bound.is_empty() } else { bound == prefix };
        match self.bindings.iter().rev().find(|binding| is_it(binding.prefix)) {
            Some(found) => Name { space: found.space, canonical: found.canonical, declared: true, local },
            None if prefix.is_empty() => {
                Name { space: Space::Native, canonical: true, declared: true, local }
            }
            None => {
                Name { space: space_by_custom(prefix), canonical: false, declared: prefix == "xml", local }
            }
        }
    }
}

/// The vocabulary of a namespace, with the spellings that occur (other schemes, cases and endings), and whether it
/// is the spelling that feed-rs knows.
fn space_of(uri: &str, dialect: Dialect) -> (Space, bool) {
    match uri {
        "http://www.w3.org/2005/Atom" => return (Space::Atom, true),
        "http://purl.org/rss/1.0/" => return (Space::Native, dialect != Dialect::Atom),
        "http://purl.org/rss/1.0/modules/content/" => return (Space::Content, true),
        "http://purl.org/dc/elements/1.1/" => return (Space::DublinCore, true),
        "http://search.yahoo.com/mrss/" => return (Space::Media, true),
        _ => {}
    }
    let uri = uri.trim().to_ascii_lowercase();
    let uri = uri.split_once("://").map_or(uri.as_str(), |(_, rest)| rest).trim_end_matches(['/', '#']);
    let space = match uri {
        "" => return (Space::Native, true),
        "www.w3.org/2005/atom" | "purl.org/atom/ns" | "purl.org/atom" => Space::Atom,
        "purl.org/rss/1.0"
        | "purl.org/rss/2.0"
        | "purl.org/net/rss1.1"
        | "my.netscape.com/rdf/simple/0.9"
        | "my.netscape.com/publish/formats/rss-0.91.dtd"
        | "channel.netscape.com/rdf/simple/0.9"
        | "backend.userland.com/rss"
        | "backend.userland.com/rss2"
        | "backend.userland.com/rss091"
        | "backend.userland.com/rss092"
        | "blogs.law.harvard.edu/tech/rss" => Space::Native,
        "purl.org/rss/1.0/modules/content" => Space::Content,
        "purl.org/dc/elements/1.1" | "purl.org/dc/elements/1.0" => Space::DublinCore,
        "purl.org/dc/terms" => Space::DublinCoreTerms,
        "search.yahoo.com/mrss" => Space::Media,
        "www.w3.org/1999/xhtml" | "www.w3.org/tr/xhtml1" => Space::Xhtml,
        _ if uri.starts_with("purl.org/atom/ns") => Space::Atom,
        _ => Space::Other,
    };
    (space, matches!(space, Space::Xhtml | Space::DublinCoreTerms))
}

/// The vocabulary that a prefix nobody declared is used for by custom.
fn space_by_custom(prefix: &str) -> Space {
    match prefix {
        "atom" | "atom03" | "atom10" | "a10" => Space::Atom,
        "rss" => Space::Native,
        "content" => Space::Content,
        "dc" => Space::DublinCore,
        "dcterms" => Space::DublinCoreTerms,
        "media" => Space::Media,
        "xhtml" => Space::Xhtml,
        _ => Space::Other,
    }
}
