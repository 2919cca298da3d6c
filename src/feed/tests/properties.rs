//! Whatever the bytes: no panic, and what comes out keeps the module's promises.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;
use crate::feed::{MAX_ITEMS, identify, opml, story_keys};

const SEEDS: [&str; 3] = [
    "<?xml version=\"1.0\"?><rss version=\"2.0\" xmlns:media=\"http://search.yahoo.com/mrss/\"><channel><title>T</title>\
     <item><title>One &amp; <![CDATA[<b>two</b>]]></title><link>/a</link><guid>g</guid><author>a@b.example (C)</author>\
     <pubDate>Tue, 24 Nov 2026 07:00:00 GMT</pubDate><media:content url=\"u\"><media:title>m</media:title></media:content></item>\
     <item><description>&lt;p&gt;Text&lt;/p&gt;</description></item></channel></rss>",
    "<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:base=\"/x/\"><title type=\"html\">T</title><entry><id>1</id>\
     <link rel=\"alternate\" href=\"a\"/><content type=\"xhtml\"><div>Body</div></content><updated>2026-11-24</updated>\
     <author><name>N</name></author></entry></feed>",
    "{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"T\",\"items\":[{\"id\":1,\"content_html\":\"<p>x</p>\",\
     \"tags\":[\"a\"],\"date_published\":\"2026-11-24T07:00:00Z\"}]}",
];

fn keeps_its_promises(bytes: &[u8]) {
    let Ok((feed, _)) = read_bytes(bytes) else { return };
    assert!(feed.items.len() <= MAX_ITEMS);
    assert_eq!(read_bytes(bytes).unwrap().0, feed);
    let found = identify(feed.items);
    let mut seen = HashSet::new();
    for (item, keys) in &found {
        assert!(!keys.is_empty());
        assert!(keys.iter().all(|key| seen.insert(*key)));
        let _ = story_keys([item]);
        assert!(item.link.as_ref().is_none_or(|link| matches!(link.scheme(), "http" | "https")));
        assert!(!item.title.chars().chain(item.summary.chars()).any(char::is_control));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        keeps_its_promises(&bytes);
        let _ = opml::read(&bytes);
    }

    #[test]
    fn arbitrary_markup(text in "(<rss version=\"2.0\">|<feed>|)([<>&/=\"';:!?\\[\\]a-c -]|<item>|</item>|<title>|<entry>|\
                                 <!\\[CDATA\\[|\\]\\]>|<!--|-->|</rss>|&amp;|é|（){0,60}") {
        keeps_its_promises(text.as_bytes());
        let _ = opml::read(format!("<opml>{text}").as_bytes());
    }

    #[test]
    fn mutated_feeds(
        seed in 0_usize..SEEDS.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, prop::collection::vec(any::<u8>(), 0..4)), 1..6),
    ) {
        let mut bytes = SEEDS[seed].as_bytes().to_vec();
        for (at, cut, insert) in edits {
            let from = at.index(bytes.len() + 1);
            let to = (from + cut).min(bytes.len());
            bytes.splice(from..to, insert);
        }
        keeps_its_promises(&bytes);
    }

    #[test]
    fn identities(items in prop::collection::vec((0_u8..3, 0_u8..4, 0_u8..3, 0_u8..3), 0..12)) {
        let items: Vec<Item> = items.into_iter().map(|(guid, link, title, at)| Item {
            guid: (guid > 0).then(|| guid.to_string()),
            link: (link > 0).then(|| Url::parse(&format!("https://a.example/{}", if link == 3 { "" } else { "x" })).unwrap()),
            title: if title > 0 { title.to_string() } else { String::new() },
            published_at: (at > 0).then(|| crate::model::time::from_millis(i64::from(at) * 1_000)),
            ..Item::default()
        }).collect();
        let found = identify(items);
        let mut seen = HashSet::new();
        for (_, keys) in &found {
            prop_assert!(!keys.is_empty());
            prop_assert!(keys.iter().all(|key| seen.insert(*key)));
        }
    }
}
