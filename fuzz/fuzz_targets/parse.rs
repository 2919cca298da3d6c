//! Any body: it is read or refused; what is read keeps the promises of the module, and is the same each time.

#![no_main]

use std::collections::HashSet;

use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use url::Url;
use wirewatch::{
    feed::{MAX_ITEMS, MAX_TITLE_CHARS, identify, parse},
    model::Warning,
};

fuzz_target!(|body: &[u8]| {
    let base = Url::parse("https://news.example/feeds/all.xml").expect("an address");
    let now: Timestamp = "2026-11-24T12:00:00Z".parse().expect("an instant");
    let read = || parse(body, None, &base, now);
    let Ok((feed, warnings)) = read() else { return };
    assert_eq!(read().expect("read before").0, feed);
    assert!(feed.items.len() <= MAX_ITEMS);
    assert!(!warnings.contains(&Warning::CutItem) || !feed.items.is_empty());
    for item in &feed.items {
        assert!(item.link.as_ref().is_none_or(|link| matches!(link.scheme(), "http" | "https")));
        assert!(item.title.chars().count() <= MAX_TITLE_CHARS);
        assert!(!item.title.chars().chain(item.summary.chars()).chain(item.content.chars()).any(char::is_control));
    }
    let found = identify(feed.items);
    let mut seen = HashSet::new();
    for (_, keys) in &found {
        assert!(!keys.is_empty());
        assert!(keys.iter().all(|key| seen.insert(*key)));
    }
});
