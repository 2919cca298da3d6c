//! News sitemaps → [`RawFeed`].
//!
//! Data in: a document whose root is `urlset` or `sitemapindex`. Data out: its entries that carry news, or addresses.
//!
//! **Invariant:** an entry without `news:` elements is no item: it has no headline, and sitemaps list pages by the ten
//! thousand, old ones too.
//! **Invariant:** an entry that the document's end cuts off is left out; no more than [`MAX_ITEMS`] are kept, the
//! newest by their dates.
//!
//! Rejected: taking the headline of a plain entry from its address: it would be matched, and mailed, as if a
//! publisher had written it.

use std::borrow::Cow;

use url::Url;

use super::{
    Error, MAX_ITEMS,
    capture::{Capture, Owner},
    dates,
    discover::MAX_FEEDS,
    markup::{Token, Tokenizer, local},
    raw::{RawFeed, RawItem},
    vocabulary::Role,
};
use crate::model::Warning;

/// What is read of an entry.
#[derive(Debug, Default)]
struct Entry<'a> {
    loc: Option<Cow<'a, str>>,
    lastmod: Option<Cow<'a, str>>,
    title: Option<Cow<'a, str>>,
    date: Option<Cow<'a, str>>,
    keywords: Option<Cow<'a, str>>,
    lang: Option<Cow<'a, str>>,
    publication: Option<Cow<'a, str>>,
    is_news: bool,
}

impl<'a> Entry<'a> {
    /// The place for an element's text, `news` being whether it stands in a `news:news`.
    fn slot(&mut self, name: &str, news: bool) -> Option<&mut Option<Cow<'a, str>>> {
        Some(match (news, name) {
            (false, "loc") => &mut self.loc,
            (false, "lastmod") => &mut self.lastmod,
            (true, "title") => &mut self.title,
            (true, "publication_date") => &mut self.date,
            (true, "keywords") => &mut self.keywords,
            (true, "language") => &mut self.lang,
            (true, "name") => &mut self.publication,
            _ => return None,
        })
    }

    fn item(self) -> RawItem<'a> {
        let date = |text: Option<&Cow<'a, str>>| text.and_then(|text| dates::parse(text));
        let tags = self.keywords.as_deref().unwrap_or("").split([',', ';', '、', '，']);
        RawItem {
            links: self.loc.into_iter().collect(),
            title: self.title.unwrap_or_default(),
            tags: tags.map(|tag| Cow::Owned(tag.to_owned())).collect(),
            lang: self.lang,
            authors: self.publication.into_iter().collect(),
            published_at: date(self.date.as_ref()).or_else(|| date(self.lastmod.as_ref())),
            ..RawItem::default()
        }
    }
}

/// The news in a sitemap. The feed's title is the publication's name where all entries have the same.
///
/// # Errors
/// [`Error::NotAFeed`] when no entry carries news, unless there is none at all in a sitemap for news; [`Error::Malformed`] when the text ends within its first entry.
pub(super) fn read<'a>(text: &'a str, warnings: &mut Vec<Warning>) -> Result<RawFeed<'a>, Error> {
    let (mut items, mut plain, mut cut) = (Vec::new(), 0_usize, false);
    let mut open: Option<Entry<'a>> = None;
    let mut in_news = false;
    let mut capture: Option<Capture<'a>> = None;
    for token in Tokenizer::new(text) {
        match token {
            Token::Start(tag) => {
                let name = local(tag.name);
                if name == "url" && capture.as_ref().is_none_or(|held| held.tag.name != tag.name) {
                    capture = None;
                    in_news = false;
                    plain = plain.saturating_add(usize::from(tag.empty));
                    cut = !tag.empty;
                    open = (!tag.empty).then(Entry::default);
                } else if let Some(entry) = open.as_mut() {
                    in_news |= name == "news" && !tag.empty;
                    entry.is_news |= name == "news";
                    if !tag.empty && entry.slot(name, in_news).is_some_and(|slot| slot.is_none()) {
                        capture = Some(Capture::new(tag, Role::Link, Owner::Entry, false));
                    }
                }
            }
            Token::Text(raw) => capture.iter_mut().for_each(|capture| capture.text(raw)),
            Token::Cdata(raw) => capture.iter_mut().for_each(|capture| capture.cdata(raw)),
            Token::End(name) => {
                if let (Some(held), Some(entry)) = (capture.take(), open.as_mut())
                    && let Some(slot) = entry.slot(local(held.tag.name), in_news)
                {
                    *slot = Some(held.value()).filter(|text| !text.trim().is_empty());
                }
                in_news &= local(name) != "news";
                if local(name) == "url"
                    && let Some(entry) = open.take()
                {
                    cut = false;
                    match entry.is_news {
                        true => items.push(entry.item()),
                        false => plain = plain.saturating_add(1),
                    }
                }
            }
            Token::Comment | Token::Declaration => {}
        }
    }
    if items.is_empty() && plain == 0 && !cut && is_for_news(text) {
        return Ok(RawFeed::default());
    }
    finish(items, plain, cut, warnings)
}

/// Whether the root declares the vocabulary of news: such a sitemap holds the news of two days, and may honestly have none.
fn is_for_news(text: &str) -> bool {
    let root =
        Tokenizer::new(text).find_map(|token| if let Token::Start(tag) = token { Some(tag) } else { None });
    root.is_some_and(|root| root.attributes.contains("/schemas/sitemap-news/"))
}

fn finish<'a>(
    mut items: Vec<RawItem<'a>>,
    plain: usize,
    cut: bool,
    warnings: &mut Vec<Warning>,
) -> Result<RawFeed<'a>, Error> {
    if items.is_empty() && plain == 0 && cut {
        return Err(Error::Malformed {
            reason: "it is cut off before the end of its first entry".to_owned(),
        });
    }
    if items.is_empty() {
        return Err(Error::NotAFeed { what: "a sitemap without news", feeds: Vec::new() });
    }
    if plain > 0 {
        warnings.push(Warning::NotNews { count: plain });
    }
    if let Some(dropped) = items.len().checked_sub(MAX_ITEMS).filter(|dropped| *dropped > 0) {
        items.sort_by_key(|item| std::cmp::Reverse(item.published_at));
        items.truncate(MAX_ITEMS);
        warnings.push(Warning::TooManyItems { dropped });
    }
    let mut names = items.iter().map(|item| item.authors.first());
    let first = names.next().flatten();
    let title = first.filter(|first| names.all(|name| name == Some(*first))).cloned();
    Ok(RawFeed { title, items, ..RawFeed::default() })
}

/// Sitemaps of news that an index lists, in its order, at most [`MAX_FEEDS`].
pub(super) fn of_news(text: &str, base: &Url) -> Vec<Url> {
    let mut found: Vec<Url> = Vec::new();
    let mut in_loc = false;
    for token in Tokenizer::new(text) {
        match token {
            Token::Start(tag) => in_loc = local(tag.name) == "loc",
            Token::Text(raw) | Token::Cdata(raw) if in_loc => {
                let text = super::markup::unescape(raw.trim());
                if text.to_ascii_lowercase().contains("news")
                    && let Ok(url) = base.join(&text)
                    && matches!(url.scheme(), "http" | "https")
                    && !found.contains(&url)
                {
                    found.push(url);
                }
            }
            Token::End(_) => in_loc = false,
            _ => {}
        }
        if found.len() >= MAX_FEEDS {
            break;
        }
    }
    found
}
