//! RSS, RDF and Atom documents → [`RawFeed`]; the only user of feed-rs.
//!
//! Data in: an XML document that passed the inspection. Data out: the feed as strings.
//!
//! **Invariant:** a new parser for each document: one that met an error inside an item panics on its next document.
//! **Invariant:** a panic of feed-rs ends in [`Refusal::Panicked`] and nowhere else; a feed that makes it break down
//! does not fill the log with back traces at each poll.
//! **Invariant:** no id is made up: an item whose document gives none has none.
//!
//! Rejected: the ids feed-rs makes: a hash over link and title, so that an edited title is a new item, or a random one
//! at every reading.

use std::{
    cell::Cell,
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::Once,
};

use feed_rs::{
    model::{Content, Entry, Feed, FeedType, Link, Person, Text},
    parser::Builder,
};
use url::Url;

use super::{
    dates,
    raw::{RawFeed, RawItem},
};
use crate::model::time;

/// Why feed-rs gave nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its words.
    Malformed(String),
    /// It broke down.
    Panicked,
}

/// Reads a document.
///
/// # Errors
/// [`Refusal`]: any fault of the document, since feed-rs gives nothing of a document with a fault.
pub(super) fn read(text: &str, base: &Url) -> Result<RawFeed, Refusal> {
    // By way of text, since the type that feed-rs wants belongs to a crate of its own.
    let parser = Builder::new()
        .base_uri(Some(base))
        .sanitize_content(false)
        .timestamp_parser(|text| dates::parse(text).and_then(|at| at.to_string().parse().ok()))
        .id_generator(|_, _, _| String::new())
        .build();
    match quietly(|| parser.parse(text.as_bytes())) {
        Ok(Ok(feed)) => Ok(feed_of(feed)),
        Ok(Err(error)) => Err(Refusal::Malformed(error.to_string())),
        Err(_) => Err(Refusal::Panicked),
    }
}

thread_local! {
    /// Whether this thread runs feed-rs, whose panics are caught.
    static CAUGHT: Cell<bool> = const { Cell::new(false) };
}

/// What `work` gives, or `Err` when it panics. Nothing is printed then; the panics of all other code are printed as
/// before.
fn quietly<T>(work: impl FnOnce() -> T) -> std::thread::Result<T> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let print = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !CAUGHT.get() {
                print(info);
            }
        }));
    });
    CAUGHT.set(true);
    let done = catch_unwind(AssertUnwindSafe(work));
    CAUGHT.set(false);
    done
}

fn feed_of(feed: Feed) -> RawFeed {
    let rss = feed.feed_type != FeedType::Atom;
    RawFeed {
        title: feed.title.map(|text| text.content),
        links: article_links(&feed.links, rss),
        lang: feed.language,
        items: feed.entries.into_iter().map(|entry| item_of(entry, rss)).collect(),
    }
}

fn item_of(entry: Entry, rss: bool) -> RawItem {
    let links = article_links(&entry.links, rss);
    let at = entry.published.or(entry.updated);
    RawItem {
        guid: Some(entry.id).filter(|id| !id.trim().is_empty()),
        links,
        title: text_of(entry.title),
        summary: text_of(entry.summary),
        content: entry.content.and_then(|Content { body, .. }| body).unwrap_or_default(),
        authors: entry.authors.into_iter().filter_map(|Person { name, email, .. }| name.or(email)).collect(),
        tags: entry.categories.into_iter().map(|category| category.label.unwrap_or(category.term)).collect(),
        lang: entry.language,
        published_at: at.map(|at| time::from_millis(at.timestamp_millis())),
    }
}

fn text_of(text: Option<Text>) -> String {
    text.map(|text| text.content).unwrap_or_default()
}

/// The addresses that may be the article's, best first: of Atom's links the alternate that is a page, then other
/// alternates; of RSS all but comments.
fn article_links(links: &[Link], rss: bool) -> Vec<String> {
    let rank = |link: &Link| -> Option<u8> {
        match link.rel.as_deref().map(str::trim) {
            _ if link.target.is_some() => None,
            None if rss => Some(0),
            None => Some(1),
            Some(rel) if rel.eq_ignore_ascii_case("alternate") => {
                let page = link.media_type.as_deref().is_none_or(|kind| kind.contains("html"));
                Some(if page { 1 } else { 2 })
            }
            Some(_) => None,
        }
    };
    let mut ranked: Vec<(u8, &Link)> = links.iter().filter_map(|link| Some((rank(link)?, link))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, link)| link.href.clone()).collect()
}
