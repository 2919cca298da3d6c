//! An HTML page → the feeds it offers.
//!
//! Data in: a page and its address. Data out: addresses of feeds, for the message that the page itself is none.
//!
//! **Invariant:** linear: html5ever's tokenizer over the first [`MAX_PAGE_BYTES`], no tree.
//!
//! Rejected: guessing paths (`/feed`, `/rss.xml`): each guess is a request to somebody's server.

use std::cell::RefCell;

use html5ever::{
    tendril::StrTendril,
    tokenizer::{
        BufferQueue, Tag, TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts,
        states::RawKind,
    },
};
use url::Url;

/// How much of a page is read, in bytes: the links belong into its head.
pub(super) const MAX_PAGE_BYTES: usize = 256 * 1_024;
/// Most feeds named.
pub(super) const MAX_FEEDS: usize = 20;

/// Types under which pages offer feeds.
const FEED_TYPES: [&str; 6] = [
    "application/rss+xml",
    "application/atom+xml",
    "application/feed+json",
    "application/json",
    "application/rdf+xml",
    "text/xml",
];

/// The feeds that a page offers by `<link rel="alternate">`, in its order, without duplicates, at most 20;
/// empty when it offers none.
pub fn discover(html: &str, base: &Url) -> Vec<Url> {
    let sink = Sink { page: RefCell::new(Page { base: base.clone(), based: false, feeds: Vec::new() }) };
    let tokenizer = Tokenizer::new(sink, TokenizerOpts::default());
    let queue = BufferQueue::default();
    queue.push_back(StrTendril::from(super::start_of(html, MAX_PAGE_BYTES)));
    // The sink never asks for a script to be run, so nothing is left in the queue.
    let _ = tokenizer.feed(&queue);
    tokenizer.end();
    tokenizer.sink.page.into_inner().feeds
}

struct Sink {
    page: RefCell<Page>,
}

struct Page {
    base: Url,
    /// The first `<base>` counts, others do not.
    based: bool,
    feeds: Vec<Url>,
}

impl Page {
    fn link(&mut self, tag: &Tag) {
        let kind = attribute(tag, "type").unwrap_or_default().to_ascii_lowercase();
        let kind = kind.split(';').next().unwrap_or("").trim();
        let relations = attribute(tag, "rel").unwrap_or_default().to_ascii_lowercase();
        let mut relations = relations.split_ascii_whitespace();
        let offers = relations
            .any(|relation| relation == "feed" || relation == "alternate" && FEED_TYPES.contains(&kind));
        let Some(href) = attribute(tag, "href").filter(|href| offers && !href.trim().is_empty()) else {
            return;
        };
        if let Ok(url) = self.base.join(href.trim())
            && matches!(url.scheme(), "http" | "https")
            && self.feeds.len() < MAX_FEEDS
            && !self.feeds.contains(&url)
        {
            self.feeds.push(url);
        }
    }
}

impl TokenSink for Sink {
    type Handle = ();

    fn process_token(&self, token: Token, _line: u64) -> TokenSinkResult<()> {
        let Token::TagToken(tag) = token else { return TokenSinkResult::Continue };
        if tag.kind != TagKind::StartTag {
            return TokenSinkResult::Continue;
        }
        let name: &str = &tag.name;
        match name {
            "link" => self.page.borrow_mut().link(&tag),
            "base" => {
                let mut page = self.page.borrow_mut();
                if let Some(base) = attribute(&tag, "href").and_then(|href| page.base.join(href.trim()).ok())
                    && !page.based
                {
                    page.base = base;
                    page.based = true;
                }
            }
            "script" => return TokenSinkResult::RawData(RawKind::ScriptData),
            "style" | "textarea" | "title" => return TokenSinkResult::RawData(RawKind::Rawtext),
            _ => {}
        }
        TokenSinkResult::Continue
    }
}

fn attribute(tag: &Tag, name: &str) -> Option<String> {
    tag.attrs
        .iter()
        .find(|attribute| &*attribute.name.local == name)
        .map(|attribute| attribute.value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feeds(html: &str) -> Vec<String> {
        let base = Url::parse("https://site.example/news/").unwrap();
        discover(html, &base).into_iter().map(String::from).collect()
    }

    #[test]
    fn offered_feeds_are_found() {
        let html = r#"<!DOCTYPE html><HTML><head><title><link rel=alternate type="application/rss+xml" href="/no"></title>
            <script>var x = '<link rel="alternate" type="application/rss+xml" href="/no">';</script>
            <LINK REL=Alternate TYPE=application/rss+xml HREF=rss.xml>
            <link rel="alternate" type="application/atom+xml; charset=utf-8" href="/atom?a=1&amp;b=2"/>
            <link rel="alternate home" type='application/feed+json' href='//cdn.example/feed.json'>
            <link rel=alternate type="application/rss+xml" href="rss.xml">
            <link rel="alternate" hreflang="de" href="/de"><link rel=stylesheet type="text/css" href="a.css">
            <link rel=alternate type="application/rss+xml" href="javascript:x"><link rel=alternate type=text/xml>"#;
        assert_eq!(
            feeds(html),
            [
                "https://site.example/news/rss.xml",
                "https://site.example/atom?a=1&b=2",
                "https://cdn.example/feed.json"
            ]
        );
    }

    #[test]
    fn the_page_may_name_its_base() {
        let html =
            "<base href='/other/'><base href='/third/'><link rel=alternate type=application/rss+xml href=f>";
        assert_eq!(feeds(html), ["https://site.example/other/f"]);
    }

    #[test]
    fn page_and_list_have_limits() {
        let link = |n: usize| format!("<link rel=alternate type=application/rss+xml href={n}>");
        for (count, found) in [(MAX_FEEDS, MAX_FEEDS), (MAX_FEEDS + 1, MAX_FEEDS)] {
            assert_eq!(feeds(&(0..count).map(link).collect::<String>()).len(), found);
        }
        let link = link(1);
        for (blanks, found) in [(MAX_PAGE_BYTES - link.len(), 1), (MAX_PAGE_BYTES - link.len() + 1, 0)] {
            assert_eq!(feeds(&format!("{}{link}", " ".repeat(blanks))).len(), found);
        }
    }
}
