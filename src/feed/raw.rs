//! What the readers of the formats agree on: a feed as strings, before it is made fit for the model.
//!
//! **Invariant:** nothing here leaves `feed/`; [`super::normalize`] is the only consumer.

use crate::model::Timestamp;

/// A feed as its document has it.
#[derive(Debug, Default)]
pub(super) struct RawFeed {
    /// Text or HTML.
    pub(super) title: Option<String>,
    /// Candidates for the site's address, best first.
    pub(super) links: Vec<String>,
    pub(super) lang: Option<String>,
    pub(super) items: Vec<RawItem>,
}

/// An item as its document has it.
#[derive(Debug, Default)]
pub(super) struct RawItem {
    pub(super) guid: Option<String>,
    /// Candidates for the article's address, best first.
    pub(super) links: Vec<String>,
    /// Text or HTML.
    pub(super) title: String,
    /// Text or HTML.
    pub(super) summary: String,
    /// Text or HTML.
    pub(super) content: String,
    pub(super) authors: Vec<String>,
    pub(super) tags: Vec<String>,
    pub(super) lang: Option<String>,
    /// Not yet checked for plausibility.
    pub(super) published_at: Option<Timestamp>,
}
