//! [`RawFeed`] → [`ParsedFeed`]: what a document says, made fit for matching and mail.
//!
//! Data in: strings of any size. Data out: visible text within limits, absolute http(s) links, plausible dates.
//!
//! **Invariant:** no markup, no control character and no link of another scheme than http and https gets past here.
//! **Invariant:** the result depends on the document and `now` alone, so the same document gives the same items.
//!
//! Rejected: keeping HTML for the mail: nothing in a mail may load or run, so text is all that is ever shown.

use std::{borrow::Cow, time::Duration};

use memchr::memchr2;
use url::Url;

use super::{
    MAX_AUTHOR_CHARS, MAX_CONTENT_CHARS, MAX_GUID_BYTES, MAX_LINK_BYTES, MAX_SUMMARY_CHARS, MAX_TAG_CHARS,
    MAX_TAGS, MAX_TITLE_CHARS,
    markup::{Reference, reference},
    raw::{RawFeed, RawItem},
    start_of,
};
use crate::{
    model::{Item, ParsedFeed, Timestamp, Warning, time},
    text::visible_text,
};

/// 1990-01-01T00:00:00Z in Unix milliseconds: earlier dates are a publisher's empty field.
const EARLIEST_MS: i64 = 631_152_000_000;
/// How far ahead of us a publisher's clock or zone may be.
const LATEST_AHEAD: Duration = Duration::from_secs(2 * 24 * 3_600);

/// Tags that show, when they are still there after one reading, that a text was escaped twice.
const SHOWN_TAGS: [&str; 27] = [
    "a",
    "b",
    "blockquote",
    "br",
    "div",
    "em",
    "figure",
    "font",
    "h1",
    "h2",
    "h3",
    "h4",
    "i",
    "iframe",
    "img",
    "li",
    "ol",
    "p",
    "script",
    "span",
    "strong",
    "style",
    "table",
    "td",
    "tr",
    "u",
    "ul",
];

/// Makes a feed fit for the model. Items that show nothing stay: how many a feed
/// has is a fact about it.
pub(super) fn normalize(
    raw: RawFeed<'_>,
    base: &Url,
    now: Timestamp,
    warnings: &mut Vec<Warning>,
) -> ParsedFeed {
    let mut cuts = Cuts::default();
    let lang = raw.lang.as_deref().and_then(language);
    let title = cuts.text("feed title", raw.title.as_deref().unwrap_or(""), MAX_TITLE_CHARS);
    let items: Vec<Item> =
        raw.items.into_iter().map(|item| normalize_item(item, base, now, lang.as_ref(), &mut cuts)).collect();
    let count = items.iter().filter(|item| item.is_empty()).count();
    if count > 0 {
        warnings.push(Warning::EmptyItems { count });
    }
    warnings.extend(cuts.fields.into_iter().map(|field| Warning::Truncated { field }));
    let site = raw.links.iter().find_map(|link| article_link(link, base));
    ParsedFeed { title: Some(title).filter(|title| !title.is_empty()), site, lang, items }
}

fn normalize_item(
    raw: RawItem<'_>,
    base: &Url,
    now: Timestamp,
    lang: Option<&String>,
    cuts: &mut Cuts,
) -> Item {
    let guid = raw.guid.as_deref().map(|guid| cuts.guid(guid)).filter(|guid| !guid.is_empty());
    let permalink =
        guid.as_deref().filter(|guid| guid.starts_with("http://") || guid.starts_with("https://"));
    let last = raw.last_links.iter().map(Cow::as_ref);
    let mut links = raw.links.iter().map(Cow::as_ref).chain(permalink).chain(last);
    let link = links.find_map(|link| article_link(link, base));
    let title = cuts.text("title", &raw.title, MAX_TITLE_CHARS);
    let mut summary = cuts.text("summary", &raw.summary, MAX_SUMMARY_CHARS);
    let mut content = cuts.text("content", &raw.content, MAX_CONTENT_CHARS);
    if summary.is_empty() {
        let end = place_of(&content, MAX_SUMMARY_CHARS);
        match end.and_then(|end| content.get(..end)) {
            Some(start) => summary = start.trim_end().to_owned(),
            None => summary = std::mem::take(&mut content),
        }
    } else if content == summary {
        content.clear();
    }
    Item {
        guid,
        link,
        title,
        summary,
        content,
        author: author(&raw.authors),
        tags: tags(&raw.tags),
        lang: raw.lang.as_deref().and_then(language).or_else(|| lang.cloned()),
        feed: None,
        published_at: raw.published_at.and_then(|at| plausible(at, now)),
    }
}

/// The texts that were cut, each field named once.
#[derive(Default)]
struct Cuts {
    fields: Vec<&'static str>,
}

impl Cuts {
    fn note(&mut self, field: &'static str) {
        if !self.fields.contains(&field) {
            self.fields.push(field);
        }
    }

    fn text(&mut self, field: &'static str, html: &str, max_chars: usize) -> String {
        let mut text = plain(html, max_chars.saturating_add(1));
        if let Some(at) = place_of(&text, max_chars) {
            self.note(field);
            text.truncate(text.get(..at).map_or(at, |start| start.trim_end().len()));
        }
        text
    }

    fn guid(&mut self, guid: &str) -> String {
        let guid = guid.trim();
        let start = start_of(guid, MAX_GUID_BYTES);
        if start.len() < guid.len() {
            self.note("guid");
        }
        // The controls above U+007F begin with this byte.
        if start.bytes().any(|byte| byte.is_ascii_control() || byte == 0xC2) {
            start.chars().filter(|c| !c.is_control()).collect()
        } else {
            start.to_owned()
        }
    }
}

/// Where the character is that follows `chars` others, in bytes.
fn place_of(text: &str, chars: usize) -> Option<usize> {
    // No character is shorter than a byte.
    if text.len() <= chars {
        return None;
    }
    text.char_indices().nth(chars).map(|(at, _)| at)
}

/// Visible text; of a text that was escaped twice, what its author meant to show.
fn plain(html: &str, max_chars: usize) -> String {
    let text = visible_text(html, max_chars);
    if is_still_escaped(&text) { visible_text(&text, max_chars) } else { text }
}

fn is_still_escaped(text: &str) -> bool {
    if memchr2(b'&', b'<', text.as_bytes()).is_none() {
        return false;
    }
    let entity = || text.split('&').skip(1).any(|tail| reference(tail) != Reference::Invalid);
    let tag = || {
        text.split('<').skip(1).any(|tail| {
            let tail = tail.strip_prefix('/').unwrap_or(tail);
            let length = tail.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(tail.len());
            let (name, rest) = tail.split_at_checked(length).unwrap_or((tail, ""));
            rest.starts_with([' ', '>', '/'])
                && rest.contains('>')
                && name.len() <= 10
                && SHOWN_TAGS.contains(&name.to_ascii_lowercase().as_str())
        })
    };
    entity() || tag()
}

/// An absolute http(s) address with a host, or nothing.
fn article_link(link: &str, base: &Url) -> Option<Url> {
    let link = link.trim();
    if link.is_empty() || link.len() > MAX_LINK_BYTES {
        return None;
    }
    let url = match Url::parse(link) {
        Ok(url) => url,
        Err(_) if link.starts_with("www.") => Url::parse(&format!("https://{link}")).ok()?,
        Err(_) => base.join(link).ok()?,
    };
    let fits = url.as_str().len() <= MAX_LINK_BYTES;
    (matches!(url.scheme(), "http" | "https") && url.host().is_some() && fits).then_some(url)
}

fn author(authors: &[Cow<'_, str>]) -> Option<String> {
    let mut names: Vec<String> = Vec::new();
    for author in authors.iter().take(MAX_TAGS) {
        let name = plain(author, MAX_AUTHOR_CHARS);
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    let mut joined = if names.len() > 1 { names.join(", ") } else { names.pop()? };
    if let Some(end) = place_of(&joined, MAX_AUTHOR_CHARS) {
        joined.truncate(end);
    }
    Some(joined)
}

fn tags(tags: &[Cow<'_, str>]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for tag in tags {
        let tag = plain(tag, MAX_TAG_CHARS);
        if !tag.is_empty() && !found.contains(&tag) {
            found.push(tag);
        }
        if found.len() == MAX_TAGS {
            break;
        }
    }
    found
}

/// A language tag in lower case, if it has the form of one (RFC 5646 §2.1).
fn language(text: &str) -> Option<String> {
    let tag = text.trim().replace('_', "-").to_ascii_lowercase();
    let mut parts = tag.split('-');
    let primary = parts.next()?;
    let is_part =
        |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let valid = (2..=8).contains(&primary.len()) && primary.bytes().all(|b| b.is_ascii_alphabetic());
    (valid && tag.len() <= 35 && parts.all(is_part)).then_some(tag)
}

/// A date that can be true: not before 1990, at most [`LATEST_AHEAD`] ahead of `now`.
fn plausible(at: Timestamp, now: Timestamp) -> Option<Timestamp> {
    (at >= time::from_millis(EARLIEST_MS) && at <= time::after(now, LATEST_AHEAD))
        .then(|| time::whole_millis(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-24T07:00:00Z".parse().unwrap()
    }

    fn one(raw: RawItem<'_>) -> (Option<Item>, Vec<Warning>) {
        let base = Url::parse("https://news.example/feeds/all.xml").unwrap();
        let mut warnings = Vec::new();
        let raw = RawFeed { items: vec![raw], ..RawFeed::default() };
        let feed = normalize(raw, &base, now(), &mut warnings);
        (feed.items.into_iter().next(), warnings)
    }

    fn title(html: &str) -> String {
        one(RawItem { title: html.into(), links: vec!["/a".into()], ..RawItem::default() }).0.unwrap().title
    }

    #[test]
    fn titles_are_read_as_they_were_meant() {
        for (html, expect) in [
            ("Tom &amp; Jerry", "Tom & Jerry"),
            ("Tom &amp;amp; Jerry &amp;#8217;s", "Tom & Jerry \u{2019}s"),
            ("&lt;b&gt;Rates&lt;/b&gt; rise", "Rates rise"),
            ("The &lt;dialog&gt; element", "The <dialog> element"),
            ("3 &lt; 5", "3 < 5"),
            ("R&amp;D spending", "R&D spending"),
        ] {
            assert_eq!(title(html), expect);
        }
    }

    #[test]
    fn links_are_absolute_and_http() {
        for (links, guid, expect) in [
            (&["https://a.example/1"][..], "x", "https://a.example/1"),
            (&["  ../one \n"], "x", "https://news.example/one"),
            (&["//b.example/1"], "x", "https://b.example/1"),
            (&["www.c.example/1"], "x", "https://www.c.example/1"),
            (&["javascript:alert(1)", "/two"], "x", "https://news.example/two"),
            (&[], "https://d.example/1", "https://d.example/1"),
            (&["mailto:a@b.example"], "tag:x", ""),
            (&["data:text/html,x", "file:///etc/passwd", "https://"], "x", ""),
        ] {
            let links = links.iter().map(|link| Cow::Borrowed(*link)).collect();
            let raw = RawItem { links, guid: Some(guid.into()), title: "t".into(), ..RawItem::default() };
            let link = one(raw).0.unwrap().link;
            assert_eq!(link.as_ref().map_or("", Url::as_str), expect);
        }
    }

    #[test]
    fn texts_are_cut_at_their_limits() {
        for (chars, cut) in [(MAX_TITLE_CHARS, false), (MAX_TITLE_CHARS + 1, true)] {
            let (item, warnings) = one(RawItem { title: "息".repeat(chars).into(), ..RawItem::default() });
            assert_eq!(item.unwrap().title.chars().count(), MAX_TITLE_CHARS);
            assert_eq!(warnings.contains(&Warning::Truncated { field: "title" }), cut);
        }
        for (bytes, cut) in [(MAX_GUID_BYTES, false), (MAX_GUID_BYTES + 1, true)] {
            let raw =
                RawItem { title: "t".into(), guid: Some("g".repeat(bytes).into()), ..RawItem::default() };
            let (item, warnings) = one(raw);
            assert_eq!(item.unwrap().guid.unwrap().len(), MAX_GUID_BYTES);
            assert_eq!(warnings.contains(&Warning::Truncated { field: "guid" }), cut);
        }
        for (bytes, kept) in [(MAX_LINK_BYTES, true), (MAX_LINK_BYTES + 1, false)] {
            let link = format!("https://a.example/{}", "x".repeat(bytes - 18));
            let raw = RawItem { title: "t".into(), links: vec![link.into()], ..RawItem::default() };
            assert_eq!(one(raw).0.unwrap().link.is_some(), kept);
        }
        for (count, kept) in [(MAX_TAGS, MAX_TAGS), (MAX_TAGS + 1, MAX_TAGS)] {
            let tags = (0..count).map(|n| Cow::Owned(n.to_string())).collect();
            let raw = RawItem { title: "t".into(), tags, ..RawItem::default() };
            assert_eq!(one(raw).0.unwrap().tags.len(), kept);
        }
    }

    #[test]
    fn the_summary_is_the_start_of_the_content_where_there_is_none() {
        let content = |text: &str, summary: &str| {
            let raw = RawItem { content: text.into(), summary: summary.into(), ..RawItem::default() };
            let item = one(raw).0.unwrap();
            (item.summary.chars().count(), item.content.chars().count())
        };
        assert_eq!(content("<p>Body</p>", ""), (4, 0));
        assert_eq!(content("Body", "Body"), (4, 0));
        assert_eq!(content("Longer body", "Body"), (4, 11));
        assert_eq!(content(&"x".repeat(MAX_SUMMARY_CHARS), ""), (MAX_SUMMARY_CHARS, 0));
        assert_eq!(
            content(&"x".repeat(MAX_SUMMARY_CHARS + 1), ""),
            (MAX_SUMMARY_CHARS, MAX_SUMMARY_CHARS + 1)
        );
        assert_eq!(content(&"x".repeat(MAX_CONTENT_CHARS + 1), "s"), (1, MAX_CONTENT_CHARS));
    }

    #[test]
    fn implausible_dates_are_unknown() {
        for (at, kept) in [
            ("0001-01-01T00:00:00Z", false),
            ("1989-12-31T23:59:59Z", false),
            ("1990-01-01T00:00:00Z", true),
            ("2026-11-26T07:00:00Z", true),
            ("2026-11-26T07:00:01Z", false),
        ] {
            let raw = RawItem { title: "t".into(), published_at: at.parse().ok(), ..RawItem::default() };
            assert_eq!(one(raw).0.unwrap().published_at.is_some(), kept, "{at}");
        }
    }

    #[test]
    fn items_that_show_nothing_are_counted() {
        let (item, warnings) = one(RawItem { title: " &nbsp; ".into(), ..RawItem::default() });
        assert_eq!((item, warnings), (Some(Item::default()), vec![Warning::EmptyItems { count: 1 }]));
    }

    #[test]
    fn languages_and_authors_are_tidied() {
        for (text, expect) in [
            ("EN_gb ", Some("en-gb")),
            ("zh-Hans-CN", Some("zh-hans-cn")),
            ("english (uk)", None),
            ("", None),
        ] {
            assert_eq!(language(text).as_deref(), expect);
        }
        let names = ["Ann &amp; Bo", "", "Ann & Bo", "Cy"].map(Cow::Borrowed);
        assert_eq!(author(&names).as_deref(), Some("Ann & Bo, Cy"));
    }
}
