//! RSS, RDF and Atom documents → [`RawFeed`]; the only user of feed-rs.
//!
//! Data in: an XML document that passed the inspection. Data out: the feed as strings.
//!
//! **Invariant:** a new parser for each document: one that met an error inside an item panics on its next document.
//! **Invariant:** feed-rs runs on a bounded stack of which at least [`MIN_STACK_BYTES`] are free, whoever calls: the
//! thread's own, or where too little is left of it, one of [`STACK_BYTES`] that is made for the call.
//! **Invariant:** a panic of feed-rs ends in [`Refusal::Panicked`] and nowhere else; a feed that makes it break down
//! does not fill the log with back traces at each poll.
//! **Invariant:** no id is made up: an item whose document gives none has none.
//!
//! Rejected: the ids feed-rs makes: a hash over link and title, so that an edited title is a new item, or a random one
//! at every reading. Rejected: a thread for each document: it costs a fifth of what feed-rs does, and memory that the
//! allocator keeps for it (measured: 75 µs beside 290 to 360 µs).

use std::{
    borrow::Cow,
    cell::Cell,
    panic::{self, AssertUnwindSafe, catch_unwind},
    sync::Once,
    time::{Duration, SystemTime},
};

use feed_rs::{
    model::{Content, Entry, Feed, FeedType, Link, Person, Text},
    parser::Builder,
};
use url::Url;

use super::{
    dates,
    links::{self, Rank},
    person,
    raw::{RawFeed, RawItem},
};
use crate::model::{Timestamp, time};

/// Stack that must be free for feed-rs. (Measured: nested `media:content`, the dearest element, overflows 2 MiB at 689
/// levels; a clean document has at most 48, which need 150 KiB.)
const MIN_STACK_BYTES: usize = 1_024 * 1_024;
/// Stack that is made where less is free.
const STACK_BYTES: usize = 4 * MIN_STACK_BYTES;

/// Why feed-rs gave nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It returned an error.
    Malformed,
    /// It broke down.
    Panicked,
}

/// Reads a document.
///
/// # Errors
/// [`Refusal`]: any fault of the document, since feed-rs gives nothing of a document with a fault.
pub(super) fn read<'a>(text: &str, base: &Url) -> Result<RawFeed<'a>, Refusal> {
    let read = || quietly(|| read_here(text, base)).unwrap_or(Err(Refusal::Panicked));
    stacker::maybe_grow(MIN_STACK_BYTES, STACK_BYTES, read)
}

fn read_here<'a>(text: &str, base: &Url) -> Result<RawFeed<'a>, Refusal> {
    // By way of the system's type, since the one that feed-rs wants belongs to a crate of its own.
    let parser = Builder::new()
        .base_uri(Some(base))
        .sanitize_content(false)
        .timestamp_parser(|text| dates::parse(text).and_then(system_time).map(Into::into))
        .id_generator(|_, _, _| String::new())
        .build();
    parser.parse(text.as_bytes()).map(feed_of).map_err(|_| Refusal::Malformed)
}

fn system_time(at: Timestamp) -> Option<SystemTime> {
    let distance = Duration::from_millis(at.as_millisecond().unsigned_abs());
    if at.as_millisecond() < 0 {
        SystemTime::UNIX_EPOCH.checked_sub(distance)
    } else {
        SystemTime::UNIX_EPOCH.checked_add(distance)
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

fn feed_of<'a>(feed: Feed) -> RawFeed<'a> {
    let rss = feed.feed_type != FeedType::Atom;
    let (links, _) = links_of(feed.links, rss);
    RawFeed {
        title: feed.title.map(|text| Cow::Owned(text.content)),
        links,
        lang: feed.language.map(Cow::Owned),
        items: feed.entries.into_iter().map(|entry| item_of(entry, rss)).collect(),
        cut: false,
    }
}

fn item_of<'a>(entry: Entry, rss: bool) -> RawItem<'a> {
    let (links, last_links) = links_of(entry.links, rss);
    let at = entry.published.or(entry.updated);
    RawItem {
        guid: (!entry.id.trim().is_empty()).then_some(Cow::Owned(entry.id)),
        links,
        last_links,
        title: text_of(entry.title),
        summary: text_of(entry.summary),
        content: entry.content.and_then(|Content { body, .. }| body).unwrap_or_default().into(),
        authors: entry.authors.into_iter().filter_map(|person| author(person, rss)).collect(),
        tags: entry
            .categories
            .into_iter()
            .map(|category| category.label.unwrap_or(category.term).into())
            .collect(),
        lang: entry.language.map(Cow::Owned),
        published_at: at.map(|at| time::from_millis(at.timestamp_millis())),
    }
}

fn text_of<'a>(text: Option<Text>) -> Cow<'a, str> {
    text.map(|text| text.content).unwrap_or_default().into()
}

/// The name; of what feed-rs has parted from an address, without the brackets it leaves.
fn author<'a>(Person { name, email, .. }: Person, rss: bool) -> Option<Cow<'a, str>> {
    match (name, email) {
        (Some(name), Some(email)) if rss => {
            let name = person::tidy(&name);
            Some(Cow::Owned(if name.is_empty() { email } else { name.to_owned() }))
        }
        (name, email) => name.filter(|name| !name.trim().is_empty()).or(email).map(Cow::Owned),
    }
}

fn links_of<'a>(links: Vec<Link>, rss: bool) -> (Vec<Cow<'a, str>>, Vec<Cow<'a, str>>) {
    let ranked = links.into_iter().filter(|link| link.target.is_none()).filter_map(|link| {
        let rank: Rank = links::rank(link.rel.as_deref(), link.media_type.as_deref(), rss)?;
        Some((rank, Cow::Owned(link.href)))
    });
    links::sorted(ranked.collect())
}
