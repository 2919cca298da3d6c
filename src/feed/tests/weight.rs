//! Bodies made to cost much: what is kept of each is bounded by the body itself.

use super::*;

/// Bytes held by the texts of a feed.
fn kept(feed: &ParsedFeed) -> usize {
    let text = |text: &Option<String>| text.as_ref().map_or(0, String::capacity);
    let item = |item: &Item| {
        let tags: usize = item.tags.iter().map(|tag| tag.capacity() + size_of::<String>()).sum();
        let texts = item.title.capacity() + item.summary.capacity() + item.content.capacity();
        let link = item.link.as_ref().map_or(0, |link| link.as_str().len());
        size_of::<Item>() + texts + tags + link + text(&item.guid) + text(&item.author) + text(&item.lang)
    };
    text(&feed.title) + feed.items.iter().map(item).sum::<usize>()
}

/// A name, a body, and whether it is read at all.
fn bodies() -> Vec<(&'static str, String, bool)> {
    let media =
        |items: &str| rss(items).replace("<rss ", "<rss xmlns:media=\"http://search.yahoo.com/mrss/\" ");
    let item = |inside: &str| rss(&format!("<item><title>T</title>{inside}</item>"));
    let nest =
        |open: &str, close: &str, depth: usize| format!("{}{}", open.repeat(depth), close.repeat(depth));
    let thumbnails = format!(
        "<item><title>T</title>{}{}</item>",
        "<media:thumbnail url=\"u\"/>".repeat(2_000),
        "<media:group></media:group>".repeat(2_000)
    );
    let authors = vec!["{\"name\":\"x\"}"; 3_000].join(",");
    let items = vec!["{}"; 3_000].join(",");
    let base = format!("http://a.example/{}", "b".repeat(100_000));
    vec![
        (
            "groups in groups",
            media(&format!("<item>{}</item>", nest("<media:group>", "</media:group>", 1_000))),
            false,
        ),
        ("unknown elements deep", item(&nest("<x>", "</x>", 60_000)), false),
        ("thumbnails by groups", media(&thumbnails), true),
        (
            "authors by items",
            format!(
                "{{\"version\":\"https://jsonfeed.org/version/1.1\",\"authors\":[{authors}],\"items\":[{items}]}}"
            ),
            true,
        ),
        ("JSON deep", format!("{{\"items\":{}", "[".repeat(100_000)), false),
        ("bases in bases", item(&nest("<x xml:base=\"a/\">", "</x>", 150)), true),
        (
            "a long base over many",
            item(&"<link>x</link>".repeat(20_000)).replace("<item>", &format!("<item xml:base=\"{base}\">")),
            true,
        ),
        ("empty items", rss(&"<item/>".repeat(150_000)), true),
        ("tiny items", rss(&"<item><title>a</title></item>".repeat(30_000)), true),
        ("references", item(&format!("<description>{}</description>", "&amp;".repeat(200_000))), true),
        ("comments", item(&format!("<description>{}</description>", "a<!---->".repeat(100_000))), true),
    ]
}

/// Bodies whose cost is in one place of one item.
fn long_items() -> Vec<(&'static str, String, bool)> {
    let item = |inside: &str| rss(&format!("<item><title>T</title>{inside}</item>"));
    let nest =
        |open: &str, close: &str, depth: usize| format!("{}{}", open.repeat(depth), close.repeat(depth));
    vec![
        ("a long text", item(&format!("<description>{}</description>", "word ".repeat(400_000))), true),
        (
            "a long CDATA",
            item(&format!("<description><![CDATA[{}]]></description>", "<p>x ".repeat(200_000))),
            true,
        ),
        (
            "an endless CDATA",
            rss(&format!("<item><title>T</title><description><![CDATA[{}", "x".repeat(1_000_000))),
            true,
        ),
        ("a long attribute", item(&format!("<x a=\"{}\"/>", "y".repeat(1_000_000))), true),
        ("many attributes", item(&format!("<x{}/>", " a=\"1\"".repeat(100_000))), true),
        (
            "many namespaces",
            item(&format!("<x{}/>", (0..5_000).map(|n| format!(" xmlns:n{n}=\"u\"")).collect::<String>())),
            true,
        ),
        ("a long date", item(&format!("<pubDate>{}</pubDate>", "1 Jan ".repeat(150_000))), true),
        ("a long author", item(&format!("<author>{}</author>", "a@b.c ".repeat(150_000))), true),
        ("many categories", item(&"<category>x</category>".repeat(50_000)), true),
        ("many links", item(&"<link>/x</link>".repeat(50_000)), true),
        ("left open", item(&"<title>x".repeat(50_000)), true),
        (
            "markup in a text deep",
            item(&format!("<description>{}</description>", nest("<b>", "</b>", 50_000))),
            true,
        ),
        (
            "a bomb",
            format!(
                "<!DOCTYPE rss [<!ENTITY a \"{}\">]>{}",
                "x".repeat(1_000),
                item(&format!("<description>{}</description>", "&a;".repeat(100_000)))
            ),
            true,
        ),
    ]
}

#[test]
fn what_is_kept_is_bounded_by_the_body() {
    for (name, body, read) in bodies().into_iter().chain(long_items()) {
        match read_bytes(body.as_bytes()) {
            Ok((feed, warnings)) => {
                assert!(read, "{name}");
                assert!(
                    kept(&feed) <= 2 * body.len() + 5_000 * size_of::<Item>() + 1_000_000,
                    "{name}: {}",
                    kept(&feed)
                );
                assert!(warnings.len() < 10, "{name}: {}", warnings.len());
            }
            Err(error) => assert!(!read, "{name}: {error}"),
        }
    }
}
