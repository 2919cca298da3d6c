//! An item: RSS item, Atom entry, JSON Feed item.

use std::{borrow::Cow, sync::Arc};

use url::Url;

use super::{Match, Route, Timestamp};

/// Row key of an item in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemId(pub i64);

/// Row key of a story: the items, from any feed, that report one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoryId(pub i64);

/// What puts two items into one story whatever they say: a hash over the canonical link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoryKey(pub [u8; 16]);

/// An item as read: visible text only (no markup, entities decoded, white space folded to single spaces).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Item {
    /// The publisher's identifier, verbatim.
    pub guid: Option<String>,
    /// Absolute http(s) link to the article.
    pub link: Option<Url>,
    /// Headline; may be empty.
    pub title: String,
    /// Description, or the start of the content where there is none; may be empty.
    pub summary: String,
    /// Full content where the feed carries it beside the summary; otherwise empty.
    pub content: String,
    /// Author names, joined with `, `.
    pub author: Option<String>,
    /// Categories.
    pub tags: Vec<String>,
    /// Language (BCP 47, lower case) of the item or its feed.
    pub lang: Option<String>,
    /// Name and address of the feed it came from, as far as the reader of the feed knows them.
    pub feed: Option<Arc<str>>,
    /// Publication instant as the feed gives it; implausible dates are `None`.
    pub published_at: Option<Timestamp>,
}

/// The parts of an item that are matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// [`Item::title`].
    Title,
    /// [`Item::summary`].
    Summary,
    /// [`Item::content`].
    Content,
    /// [`Item::link`].
    Link,
    /// [`Item::feed`].
    Feed,
    /// [`Item::author`].
    Author,
    /// [`Item::tags`], joined with `; `.
    Tags,
    /// [`Item::lang`].
    Lang,
}

impl Field {
    /// As listings and stored matches name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Summary => "summary",
            Self::Content => "content",
            Self::Link => "link",
            Self::Feed => "feed",
            Self::Author => "author",
            Self::Tags => "tags",
            Self::Lang => "lang",
        }
    }
}

impl Item {
    /// Whether there is neither title, link nor text.
    pub fn is_empty(&self) -> bool {
        self.title.is_empty() && self.link.is_none() && self.summary.is_empty() && self.content.is_empty()
    }

    /// The text of one part; empty where the item has none.
    pub fn field(&self, field: Field) -> Cow<'_, str> {
        Cow::Borrowed(match field {
            Field::Title => &self.title,
            Field::Summary => &self.summary,
            Field::Content => &self.content,
            Field::Link => self.link.as_ref().map_or("", Url::as_str),
            Field::Feed => self.feed.as_deref().unwrap_or_default(),
            Field::Author => self.author.as_deref().unwrap_or_default(),
            Field::Tags => return Cow::Owned(self.tags.join("; ")),
            Field::Lang => self.lang.as_deref().unwrap_or_default(),
        })
    }
}

/// Which marks of an item an [`ItemKey`] was made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyKind {
    /// Guid and link.
    GuidLink,
    /// Guid and title.
    GuidTitle,
    /// Guid and publication instant.
    GuidDate,
    /// Link and title.
    LinkTitle,
    /// Link and publication instant.
    LinkDate,
    /// Title and publication instant.
    TitleDate,
    /// The only mark an item has.
    Sole,
}

/// One of the keys by which an item is recognised in later polls of the same feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKey {
    /// What it was made of.
    pub kind: KeyKind,
    /// 128-bit hash of those marks.
    pub hash: [u8; 16],
}

/// Whether matches of a new item may be mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announce {
    /// News: its matches are routed to subscriptions.
    Yes,
    /// Found by the first poll of a feed and outside `on_add`: stored and searchable only.
    Baseline,
}

/// An item on its way into the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewItem {
    /// The item.
    pub item: Item,
    /// Its keys, not empty: the item is known when the feed already has any of them.
    pub keys: Vec<ItemKey>,
    /// Joins items of other feeds; without one, an item joins others by what it says, if it matched.
    pub story_key: Option<StoryKey>,
    /// Topics it matched, sorted by topic.
    pub matches: Vec<Match>,
    /// See [`Announce`].
    pub announce: Announce,
    /// Who is to hear of it; empty unless `announce` is [`Announce::Yes`].
    pub routes: Vec<Route>,
    /// Different readers among them that are alerted at once.
    pub alerts: u32,
}
