//! Bodies made to harm: the process lives on, within its limits.

use super::*;
use crate::feed::{
    MAX_DEPTH, MAX_ITEMS, identify,
    inspect::{MAX_ATTRIBUTE_BYTES, MAX_CLEAN_DEPTH, MAX_ELEMENTS, Reason, Verdict, inspect},
    vocabulary::{Dialect, MAX_NAMESPACES},
};

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("{}{}", open.repeat(depth), close.repeat(depth))
}

fn with_spaces(text: &str) -> String {
    text.replace(
        "<rss ",
        "<rss xmlns:media=\"http://search.yahoo.com/mrss/\" xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\" ",
    )
}

#[test]
fn deep_nesting_is_refused_before_the_parser_sees_it() {
    for (open, close) in [
        ("<media:group>", "</media:group>"),
        ("<media:content>", "</media:content>"),
        ("<itunes:category text=\"x\">", "</itunes:category>"),
        ("<x>", "</x>"),
    ] {
        for depth in [1_000, 50_000] {
            let item = format!("<item><title>T</title>{}</item>", nested(open, close, depth));
            assert_eq!(
                read_bytes(with_spaces(&rss(&item)).as_bytes()).err(),
                Some(Error::TooDeep { limit: MAX_DEPTH })
            );
        }
        // rss, channel and item are above.
        for (depth, fits) in [(MAX_DEPTH - 3, true), (MAX_DEPTH - 2, false)] {
            let item = format!("<item><title>T</title>{}</item>", nested(open, close, depth));
            assert_eq!(read_bytes(with_spaces(&rss(&item)).as_bytes()).is_ok(), fits);
        }
    }
}

#[track_caller]
fn is_oversized(text: &str, expect: bool) {
    let text = &text[text.find("<rss").unwrap()..];
    let found = inspect(text, Dialect::Rss);
    assert_eq!(found.verdict, if expect { Verdict::Salvage(Reason::Oversized) } else { Verdict::Clean });
    assert_eq!(read(text).0.items.len(), 1);
}

#[test]
fn what_would_cost_the_parser_too_much_is_taken_from_it() {
    let item = |inside: &str| with_spaces(&rss(&format!("<item><title>T</title>{inside}</item>")));
    for (more, expect) in [(0, false), (1, true)] {
        is_oversized(&item(&nested("<media:group>", "</media:group>", MAX_CLEAN_DEPTH - 3 + more)), expect);
        // The title is one.
        for element in ["<media:thumbnail url=\"u\"/>", "<category>c</category>"] {
            is_oversized(&item(&element.repeat(MAX_ELEMENTS - 1 + more)), expect);
        }
        is_oversized(&item(&format!("<x a=\"{}\"></x>", "y".repeat(MAX_ATTRIBUTE_BYTES - 5 + more))), expect);
        // media and itunes are there already.
        let spaces: String = (0..MAX_NAMESPACES - 2 + more).map(|n| format!(" xmlns:p{n}=\"u\"")).collect();
        is_oversized(&item(&format!("<x{spaces}/>")), expect);
    }
    let base = format!("<item xml:base=\"http://{}\"><title>T</title></item>", "x".repeat(500_000));
    assert_eq!(salvaged(&rss(&base)).len(), 1);
    let invalid = "<item xml:base=\"http://[\"><title>T</title></item>";
    assert_eq!(titles(&salvaged(&rss(invalid))), ["T"]);
}

#[test]
fn authors_beside_full_width_punctuation_are_read() {
    for (author, expect) in [
        ("foo@news.example（作者）", "作者"),
        ("作者：foo@news.example", "作者"),
        ("\u{A0}foo@news.example", "foo@news.example"),
        ("foo@news.example&#65288;x&#65289;", "x"),
    ] {
        for tag in ["author", "dc:creator"] {
            let item = format!("<item><title>T</title><{tag}>{author}</{tag}></item>");
            let text = rss(&item).replace("<rss ", "<rss xmlns:dc=\"http://purl.org/dc/elements/1.1/\" ");
            assert_eq!(salvaged(&text)[0].author.as_deref(), Some(expect), "{author}");
        }
    }
}

#[test]
fn more_items_than_the_limit_lose_the_oldest() {
    let item = |n: usize| {
        format!("<item><title>{n}</title><pubDate>{} Nov 2026 01:00:00 GMT</pubDate></item>", 1 + n / 1_000)
    };
    let feed = |order: &mut dyn Iterator<Item = usize>| rss(&order.map(item).collect::<String>());
    assert_eq!(clean(&feed(&mut (0..MAX_ITEMS))).len(), MAX_ITEMS);
    for (text, first, last) in
        [(feed(&mut (0..=MAX_ITEMS)), "1", "5000"), (feed(&mut (0..=MAX_ITEMS).rev()), "5000", "1")]
    {
        let (found, warnings) = read(&text);
        assert_eq!(warnings, [Warning::TooManyItems { dropped: 1 }]);
        assert_eq!((found.items.len(), found.items[0].title.as_str()), (MAX_ITEMS, first));
        assert_eq!(found.items[MAX_ITEMS - 1].title, last);
        assert_eq!(found.title.as_deref(), Some("Harbour Wire"));
    }
    let empty = rss(&"<item/>".repeat(100_000));
    let (found, warnings) = read(&empty);
    assert_eq!(found.items.len(), MAX_ITEMS);
    assert_eq!(warnings.last(), Some(&Warning::EmptyItems { count: MAX_ITEMS }));
}

#[test]
fn entities_of_entities_are_never_expanded() {
    let bomb = "<!DOCTYPE rss [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;\"><!ENTITY f SYSTEM \"file:///etc/passwd\">]>";
    let text = format!("{bomb}{}", rss("<item><title>x &b; &f; y</title></item>"));
    assert_eq!(titles(&clean(&text)), ["x &b; &f; y"]);
    let plain = format!("{bomb}{}", rss("<item><title>x &a;</title></item>"));
    assert_eq!(titles(&clean(&plain)), ["x aaaaaaaaaa"]);
}

#[test]
fn odd_declarations_inside_the_body_are_dropped() {
    let item = "<item><title>T</title></item><?xml version=\"1.0\" encoding=\"latin1\"?><!DOCTYPE x><item><title>Ü</title></item>";
    assert_eq!(titles(&salvaged(&rss(item))), ["T", "Ü"]);
}

#[test]
fn items_without_any_id_get_the_same_keys_at_each_reading() {
    let text =
        rss("<item><description>Only text.</description></item><item><title>Only title</title></item>\
                    <item><title>Twin</title></item><item><title>Twin</title></item>");
    let keys = || identify(read(&text).0.items).into_iter().map(|(_, keys)| keys).collect::<Vec<_>>();
    assert_eq!(keys(), keys());
    assert_eq!(keys().len(), 3);
    assert!(clean(&text).iter().all(|item| item.guid.is_none()));
}

#[test]
fn long_runs_of_openings_are_harmless() {
    for run in [
        "<",
        "&",
        "<a ",
        "<!",
        "<?",
        "<![",
        "</",
        "<!--",
        "<a x=\"",
        "<![CDATA[",
        "&amp;",
        "a<!---->",
        "<p>",
        "]]>",
    ] {
        let text = rss(&format!("<item><title>T</title><description>{}", run.repeat(40_000)));
        let text = text.replace("</channel></rss>", "");
        let cut = read_bytes(text.as_bytes());
        assert!(
            cut.is_ok_and(|(feed, warnings)| feed.items.len() == 1 && warnings.contains(&Warning::CutItem)),
            "{run}"
        );
        assert!(read_bytes(run.repeat(40_000).as_bytes()).is_err(), "{run}");
    }
    let json = format!(
        "{{\"version\":\"https://jsonfeed.org/version/1\",\"items\":{}1{}}}",
        "[".repeat(90),
        "]".repeat(90)
    );
    assert_eq!(read_bytes(json.as_bytes()).unwrap_err(), Error::EntriesLost { seen: 1 });
    let deep = format!("{{\"version\":\"https://jsonfeed.org/version/1\",\"items\":{}", "[".repeat(100_000));
    assert!(matches!(read_bytes(deep.as_bytes()), Err(Error::Malformed { .. })));
}
