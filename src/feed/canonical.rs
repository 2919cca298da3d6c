//! A link → the form in which links to one article are equal.
//!
//! Data in: an absolute link. Data out: a string to compare and hash, never to open.
//!
//! **Invariant:** only parts that cannot choose another article are dropped; when in doubt a part stays.
//!
//! Rejected: to follow redirects and `rel=canonical`: that is a request for each item, at the publishers' cost.

use std::collections::HashMap;

use url::Url;
use xxhash_rust::xxh3::xxh3_128;

use crate::model::{Item, StoryKey};

/// Query parameters that tell where a reader came from. `*` at the end stands for anything.
const TRACKING: [&str; 34] = [
    "utm_*",
    "at_*",
    "ns_*",
    "mc_cid",
    "mc_eid",
    "fbclid",
    "gclid",
    "dclid",
    "gbraid",
    "wbraid",
    "msclkid",
    "yclid",
    "twclid",
    "igshid",
    "ttclid",
    "cmp",
    "cmpid",
    "ftag",
    "traffic_source",
    "feature",
    "ftcamp",
    "ocid",
    "xtor",
    "_hsenc",
    "_hsmi",
    "vero_id",
    "mkt_tok",
    "wt.mc_id",
    "smid",
    "ftcc",
    "guccounter",
    "guce_referrer",
    "guce_referrer_sig",
    "oref",
];

/// Parameters that track only with these values.
const TRACKING_VALUES: [&str; 5] = ["rss", "feed", "rss2", "atom", "rssfeed"];

/// The canonical form of a link: host in lower case without `www.`, then port, path and query, without scheme,
/// default port, fragment, tracking parameters, trailing slash and `index.html`; the order of the remaining
/// parameters is kept.
pub fn canonical_link(link: &Url) -> String {
    let mut out = host_and_path(link);
    let mut sign = '?';
    for parameter in link.query().unwrap_or("").split('&').filter(|parameter| !is_tracking(parameter)) {
        out.push(sign);
        out.push_str(&upper_percent(parameter));
        sign = '&';
    }
    out
}

/// What joins items of different feeds into one story, for the items of one reading in order: a hash of the canonical
/// link. `None` when the item has no link or one that leads to a front page.
///
/// A link that several items of the reading have is that of a page which carries them all: there the title counts too,
/// or only the first of them would ever be announced.
pub fn story_keys<'a>(items: impl IntoIterator<Item = &'a Item>) -> Vec<Option<StoryKey>> {
    let linked: Vec<(&Item, Option<String>)> = items
        .into_iter()
        .map(|item| (item, item.link.as_ref().filter(|link| has_path(link)).map(canonical_link)))
        .collect();
    let mut carried: HashMap<&str, usize> = HashMap::new();
    for link in linked.iter().filter_map(|(_, link)| link.as_deref()) {
        let times = carried.entry(link).or_default();
        *times = times.saturating_add(1);
    }
    let key = |item: &Item, link: &str| {
        let is_shared = carried.get(link).is_some_and(|times| *times > 1);
        // No canonical link holds a line feed, so this is no other link's key.
        let text = if is_shared { format!("{link}\n{}", item.title.to_lowercase()) } else { link.to_owned() };
        StoryKey(xxh3_128(text.as_bytes()).to_be_bytes())
    };
    linked.iter().map(|(item, link)| link.as_deref().map(|link| key(item, link))).collect()
}

/// Whether a link leads beyond a front page.
pub(super) fn has_path(link: &Url) -> bool {
    host_and_path(link).contains('/')
}

/// Whether a link tells articles of one site apart: by its path, or by a query such as `?p=123`.
pub(super) fn is_specific(link: &Url) -> bool {
    canonical_link(link).contains(['/', '?'])
}

fn host_and_path(link: &Url) -> String {
    let host = link.host_str().unwrap_or("").trim_end_matches('.').to_ascii_lowercase();
    let mut out = host.strip_prefix("www.").unwrap_or(&host).to_owned();
    if let Some(port) = link.port() {
        out.push(':');
        out.push_str(&port.to_string());
    }
    let path = link.path().trim_end_matches('/');
    let path = path.strip_suffix("/index.html").or_else(|| path.strip_suffix("/index.htm")).unwrap_or(path);
    out.push_str(&upper_percent(path.trim_end_matches('/')));
    out
}

fn is_tracking(parameter: &str) -> bool {
    let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    let (name, value) = (name.to_ascii_lowercase(), value.to_ascii_lowercase());
    parameter.is_empty()
        || TRACKING
            .iter()
            .any(|known| known.strip_suffix('*').map_or(name == *known, |start| name.starts_with(start)))
        || matches!(name.as_str(), "ref" | "source" | "src" | "from" | "partner")
            && TRACKING_VALUES.contains(&value.as_str())
}

/// `%e4` and `%E4` are the same (RFC 3986 §6.2.2.1).
fn upper_percent(text: &str) -> String {
    let mut hex = 0_u8;
    let upper = |c: char| {
        let is_hex = hex > 0;
        hex = if c == '%' { 2 } else { hex.saturating_sub(1) };
        if is_hex { c.to_ascii_uppercase() } else { c }
    };
    text.chars().map(upper).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(link: &str) -> String {
        canonical_link(&Url::parse(link).unwrap())
    }

    #[test]
    fn links_to_one_article_are_equal() {
        for link in [
            "https://news.example/a/b",
            "http://www.News.Example:80/a/b/",
            "https://news.example/a/b#top",
            "https://news.example/a/b/index.html",
            "https://news.example/a/b?utm_source=rss&utm_medium=x&at_medium=RSS&CMP=share&fbclid=1",
            "https://news.example/a/b?ref=rss&source=RSS&ftag=y&ns_mchannel=z&mc_cid=1&mc_eid=2&feature=oembed",
            "https://news.example./a/b?",
        ] {
            assert_eq!(canonical(link), "news.example/a/b", "{link}");
        }
        assert_eq!(canonical("https://x.example/%e4%Bd?q=%c3&utm_id=1&p=2"), "x.example/%E4%BD?q=%C3&p=2");
    }

    #[test]
    fn links_to_different_articles_differ() {
        let links = [
            "https://news.example/a",
            "https://news.example/A",
            "https://news.example/a?id=1",
            "https://news.example/a?id=2",
            "https://news.example/a?ref=main",
            "https://news.example:8443/a",
            "https://m.news.example/a",
            "https://news.example/",
        ];
        let mut found: Vec<_> = links.iter().map(|link| canonical(link)).collect();
        found.sort();
        found.dedup();
        assert_eq!(found.len(), links.len());
    }

    #[test]
    fn only_specific_links_make_a_story() {
        for (link, specific, path) in [
            ("https://news.example/", false, false),
            ("https://news.example/index.html?utm_source=rss", false, false),
            ("https://news.example/?p=12", true, false),
            ("https://news.example/a", true, true),
        ] {
            let link = Url::parse(link).unwrap();
            assert_eq!((is_specific(&link), has_path(&link)), (specific, path), "{link}");
            let item = Item { link: Some(link), ..Item::default() };
            assert_eq!(story_keys([&item])[0].is_some(), path);
        }
        let key = |link: &str| story_keys([&Item { link: Url::parse(link).ok(), ..Item::default() }])[0];
        assert_eq!(key("https://a.example/x?utm_source=1"), key("http://www.a.example/x/"));
        assert_ne!(key("https://a.example/x"), key("https://a.example/y"));
        assert_eq!(story_keys([&Item::default()]), [None]);
    }

    #[test]
    fn notices_of_one_page_are_stories_of_their_own() {
        let notice = |title: &str| Item {
            link: Url::parse("https://ministry.example/notices").ok(),
            title: title.to_owned(),
            ..Item::default()
        };
        let (first, second) = (notice("Export licences"), notice("Tariff schedule"));
        let keys = story_keys([&first, &second]);
        assert!(keys[0].is_some() && keys[0] != keys[1]);
        assert_eq!(
            story_keys([&second, &notice("export Licences")])[1],
            keys[0],
            "whatever stands beside it"
        );
    }
}
