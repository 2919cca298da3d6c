//! The body of a poll → the items in it.
//!
//! Data in: bytes, their `Content-Type`, the address they came from, `now`. Data out: a [`ParsedFeed`] and what had to
//! be mended on the way, or in plain words why there is none.
//!
//! ```text
//! bytes ─ decode ─▶ text ─ inspect ─▶ verdict ─ Clean ──▶ parse (feed-rs) ─────────┬▶ raw feed ─ normalize ─▶ ParsedFeed
//!                    │                   ├─ Salvage, or feed-rs failed ─▶ salvage ──┤
//!                    │                   └─ Refuse ─▶ Error                         │
//!                    ├─ JSON ─▶ json ───────────────────────────────────────────────┤
//!                    └─ news sitemap ─▶ sitemap ────────────────────────────────────┘
//! ```
//!
//! **Invariant:** a body in which items can be seen never gives an empty feed: that is [`Error::EntriesLost`].
//! **Invariant:** no body can end the process: depth and size are bounded before feed-rs sees a byte, and its panics
//! are caught.
//! **Invariant:** the same body gives the same items and keys, and so does either way of reading it: a feed that gains
//! or loses a fault has no new items for it.
//!
//! Rejected: feed-rs alone: it reads 94 % of live feeds wholly right, gives nothing of a feed with one fault, and can
//! be brought down by 25 kB (measured: 358 live feeds).

mod canonical;
mod capture;
mod dates;
mod decode;
mod discover;
mod entities;
#[doc(hidden)]
pub mod fuzzing;
mod identity;
mod inspect;
mod json;
mod links;
mod markup;
mod normalize;
pub mod opml;
mod parse;
mod person;
mod raw;
mod root;
mod salvage;
mod sitemap;
#[cfg(test)]
mod tests;
mod vocabulary;

use std::borrow::Cow;

use thiserror::Error;
use url::Url;

pub use canonical::{canonical_link, story_keys};
pub use discover::discover;
pub use identity::identify;

use crate::model::{ParsedFeed, Timestamp, Warning};
use inspect::{Inspection, Reason, Refusal, Verdict};
use raw::RawFeed;
use root::Root;
use vocabulary::Dialect;

/// Most items taken from one body; the newest are kept. (Measured: live feeds have up to about 1,000.)
pub const MAX_ITEMS: usize = 5_000;
/// Deepest nesting of elements that is read.
pub const MAX_DEPTH: usize = 200;
/// Longest title, in characters.
pub const MAX_TITLE_CHARS: usize = 1_000;
/// Longest summary, in characters.
pub const MAX_SUMMARY_CHARS: usize = 8_000;
/// Longest content, in characters.
pub const MAX_CONTENT_CHARS: usize = 64_000;
/// Longest list of authors, in characters.
pub const MAX_AUTHOR_CHARS: usize = 300;
/// Most tags of an item.
pub const MAX_TAGS: usize = 64;
/// Longest tag, in characters.
pub const MAX_TAG_CHARS: usize = 200;
/// Longest guid, in bytes.
pub const MAX_GUID_BYTES: usize = 4_096;
/// Longest link, in bytes; a longer one is no link.
pub const MAX_LINK_BYTES: usize = 8_192;

/// Why a body gave no feed; the text is for the reader of the operator's mail.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// It is something else.
    #[error("{what}, not a feed{}", offers(feeds))]
    NotAFeed {
        /// What it is.
        what: &'static str,
        /// Feeds that the page offers, if it is a page.
        feeds: Vec<Url>,
    },
    /// No text at all.
    #[error("the answer is empty")]
    Empty,
    /// It is a feed, but beyond repair.
    #[error("the feed cannot be read: {reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// Items are in it but could not be read.
    #[error("the feed has {seen} items, but none of them could be read")]
    EntriesLost {
        /// Items seen.
        seen: usize,
    },
    /// Elements are nested too deep.
    #[error("elements are nested more than {limit} deep, which no honest feed needs")]
    TooDeep {
        /// The limit.
        limit: usize,
    },
}

fn offers(feeds: &[Url]) -> String {
    let list = feeds.iter().map(Url::as_str).collect::<Vec<_>>().join(", ");
    if list.is_empty() { list } else { format!("; the page offers {list}") }
}

/// Reads a feed: RSS 0.9x, 1.0, 1.1 and 2.0, Atom 0.3 and 1.0, JSON Feed, CDF, news sitemaps.
///
/// `base` is the address the body came from, to resolve relative links; `now` is the instant of the poll, to tell
/// implausible dates. Items are in document order, at most [`MAX_ITEMS`]; an honest feed may have none.
///
/// Of a sitemap the entries that carry news become items; its plain addresses have no headline to be matched, and are
/// left out with a warning. A sitemap without any news and an index of sitemaps are no feeds.
///
/// # Errors
/// See [`enum@Error`].
pub fn parse(
    bytes: &[u8],
    content_type: Option<&str>,
    base: &Url,
    now: Timestamp,
) -> Result<(ParsedFeed, Vec<Warning>), Error> {
    let mut warnings = Vec::new();
    let text = decode::decode(bytes, content_type, &mut warnings);
    let text = text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '\u{FEFF}' | '\0'));
    if text.is_empty() {
        return Err(Error::Empty);
    }
    if json::is_json(text) {
        let raw = json::read(text, &mut warnings)?;
        return finish(raw, base, now, warnings);
    }
    match root::find_root(text) {
        Some((Root::Feed(dialect), feed)) => {
            let prolog = text.get(..text.len().saturating_sub(feed.len())).unwrap_or("");
            read_xml(&entities::resolve(prolog, feed), dialect, base, now, warnings)
        }
        Some((Root::Sitemap, text)) => {
            let raw = sitemap::read(text, &mut warnings)?;
            finish(raw, base, now, warnings)
        }
        Some((Root::SitemapIndex, text)) => {
            Err(Error::NotAFeed { what: "an index of sitemaps", feeds: sitemap::of_news(text, base) })
        }
        None => Err(not_a_feed(text, base)),
    }
}

fn read_xml(
    text: &str,
    dialect: Dialect,
    base: &Url,
    now: Timestamp,
    mut warnings: Vec<Warning>,
) -> Result<(ParsedFeed, Vec<Warning>), Error> {
    let mut found = inspect::inspect(text, dialect);
    let shortened = without_excess(&found, &mut warnings);
    found.text = &shortened;
    let seen = found.entries.len().min(MAX_ITEMS);
    if let Some(error) = nothing_in(&found) {
        return Err(error);
    }
    let reason = match found.verdict {
        Verdict::Refuse(Refusal::TooDeep) => return Err(Error::TooDeep { limit: MAX_DEPTH }),
        Verdict::Salvage(reason) => reason,
        Verdict::Clean => match parse::read(found.text, base) {
            Ok(raw) if raw.items.len() >= seen => return finish(raw, base, now, warnings),
            Ok(_) => Reason::Lost,
            Err(parse::Refusal::Malformed) => Reason::Refused,
            Err(parse::Refusal::Panicked) => Reason::Panicked,
        },
    };
    warnings.push(Warning::Salvaged(reason.words()));
    let raw = salvage::salvage(&found, base);
    if raw.items.is_empty() && found.cut_entry {
        return Err(Error::Malformed { reason: "it is cut off within its first item".to_owned() });
    }
    finish(raw, base, now, warnings)
}

/// The instant that a date names, as feeds write dates; `None` when the text is no date or ambiguous.
pub fn parse_date(text: &str) -> Option<Timestamp> {
    dates::parse(text)
}

/// Why a document without complete items is no feed that honestly has none.
fn nothing_in(found: &Inspection<'_>) -> Option<Error> {
    if !found.entries.is_empty() {
        return None;
    }
    match found.verdict {
        Verdict::Refuse(_) => None,
        Verdict::Salvage(_) if found.cut_entry => None,
        _ if found.foreign > 0 => Some(Error::EntriesLost { seen: found.foreign }),
        _ if !found.has_head => {
            Some(Error::NotAFeed { what: "an XML document of another kind", feeds: Vec::new() })
        }
        _ => None,
    }
}

fn finish(
    raw: RawFeed<'_>,
    base: &Url,
    now: Timestamp,
    mut warnings: Vec<Warning>,
) -> Result<(ParsedFeed, Vec<Warning>), Error> {
    let seen = raw.items.len();
    if raw.cut {
        warnings.push(Warning::CutItem);
    }
    let feed = normalize::normalize(raw, base, now, &mut warnings);
    if feed.items.is_empty() && seen > 0 { Err(Error::EntriesLost { seen }) } else { Ok((feed, warnings)) }
}

/// The text with at most [`MAX_ITEMS`] items: the first ones, or the last ones of a feed that runs from old to new.
fn without_excess<'a>(found: &Inspection<'a>, warnings: &mut Vec<Warning>) -> Cow<'a, str> {
    let Some(excess) = found.entries.len().checked_sub(MAX_ITEMS).filter(|excess| *excess > 0) else {
        return Cow::Borrowed(found.text);
    };
    let place = |at: u32| usize::try_from(at).unwrap_or(usize::MAX);
    let slice = |entry: Option<&(u32, u32)>| {
        entry.and_then(|(start, end)| found.text.get(place(*start)..place(*end))).unwrap_or("")
    };
    let (first, last) =
        (inspect::entry_date(slice(found.entries.first())), inspect::entry_date(slice(found.entries.last())));
    let (from, to) = if first < last && first.is_some() {
        (found.entries.first().map(|entry| entry.0), found.entries.get(excess).map(|entry| entry.0))
    } else {
        (found.entries.get(MAX_ITEMS).map(|entry| entry.0), found.entries.last().map(|entry| entry.1))
    };
    let head = from.and_then(|from| found.text.get(..place(from)));
    let tail = to.and_then(|to| found.text.get(place(to)..));
    warnings.push(Warning::TooManyItems { dropped: excess });
    Cow::Owned([head.unwrap_or(""), tail.unwrap_or("")].concat())
}

/// Says what a body is that is no feed.
fn not_a_feed(text: &str, base: &Url) -> Error {
    let head = start_of(text, 4 * 1_024).to_ascii_lowercase();
    let has = |tag: &str| head.contains(tag);
    let says_html = has("<html") || has("<!doctype html");
    // OPML has a head and a body as well.
    let (what, page) = if has("<opml") && !says_html {
        ("an OPML list of feeds", false)
    } else if says_html || has("<head") || has("<body") {
        ("an HTML page", true)
    } else if head.starts_with("\u{1f}\u{8b}") {
        ("compressed data", false)
    } else if has("<") {
        ("a document of another kind", true)
    } else {
        ("plain text", false)
    };
    Error::NotAFeed { what, feeds: if page { discover(text, base) } else { Vec::new() } }
}

/// The start of a text, at most `max_bytes` long, cut at a character.
fn start_of(text: &str, max_bytes: usize) -> &str {
    let end = (0..=max_bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or("")
}
