//! What the readers of the formats agree on: a feed as strings, before it is made fit for the model.
//!
//! Data in: whatever feed-rs, salvage, the JSON reader or the sitemap reader found; borrowed from the document where
//! nothing had to be resolved. Data out: the one input of [`super::normalize`].
//!
//! **Invariant:** nothing here leaves `feed/`.
//!
//! Rejected: feed-rs's model for all: its links, ids and authors have lost what identity needs.

use std::borrow::Cow;

use crate::model::Timestamp;

/// A feed as its document has it.
#[derive(Debug, Default)]
pub(super) struct RawFeed<'a> {
    /// Text or HTML.
    pub(super) title: Option<Cow<'a, str>>,
    /// Candidates for the site's address, best first.
    pub(super) links: Vec<Cow<'a, str>>,
    pub(super) lang: Option<Cow<'a, str>>,
    pub(super) items: Vec<RawItem<'a>>,
    /// The last item is cut off by the document's end.
    pub(super) cut: bool,
}

/// An item as its document has it.
#[derive(Debug, Default)]
pub(super) struct RawItem<'a> {
    pub(super) guid: Option<Cow<'a, str>>,
    /// Candidates for the article's address, best first.
    pub(super) links: Vec<Cow<'a, str>>,
    /// Addresses to fall back on where neither a link nor the guid is one, best first.
    pub(super) last_links: Vec<Cow<'a, str>>,
    /// Text or HTML.
    pub(super) title: Cow<'a, str>,
    /// Text or HTML.
    pub(super) summary: Cow<'a, str>,
    /// Text or HTML.
    pub(super) content: Cow<'a, str>,
    pub(super) authors: Vec<Cow<'a, str>>,
    pub(super) tags: Vec<Cow<'a, str>>,
    pub(super) lang: Option<Cow<'a, str>>,
    /// Not yet checked for plausibility.
    pub(super) published_at: Option<Timestamp>,
}
