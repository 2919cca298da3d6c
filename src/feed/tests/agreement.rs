//! Both ways of reading a feed without faults give the same items.
//!
//! Not compared, on purpose: nothing. A document that the two would read differently is not clean.

use proptest::prelude::*;

use super::*;
use crate::feed::{
    RawFeed, identify,
    inspect::{Verdict, inspect},
    normalize::normalize,
    parse as feed_rs,
    root::{Root, find_root},
    salvage::salvage,
};

fn normalized(raw: RawFeed<'_>) -> ParsedFeed {
    normalize(raw, &base(), now(), &mut Vec::new())
}

/// Compares the two readings of a document; whether it is clean, so that there are two.
fn agree(text: &str) -> bool {
    let (Root::Feed(dialect), text) = find_root(text).unwrap() else { panic!("{text}") };
    let found = inspect(text, dialect);
    if found.verdict != Verdict::Clean {
        return false;
    }
    let base = base();
    let Ok(strict) = feed_rs::read(found.text, &base) else { return false };
    if strict.items.len() != found.entries.len() {
        return false;
    }
    let (strict, own) = (normalized(strict), normalized(salvage(&found, &base)));
    assert_eq!(strict, own, "{text}");
    assert_eq!(identify(strict.items), identify(own.items), "{text}");
    true
}

/// Texts of elements, as they stand in the document.
fn text() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "",
        " ",
        "Port fees rise",
        " Port\n fees &amp; more ",
        "Tom &amp;amp; Jerry",
        "&lt;b&gt;Rates&lt;/b&gt; rise",
        "<![CDATA[<p>From <i>Monday</i>&nbsp;on.</p>]]>",
        "One <![CDATA[&amp; two]]> three",
        "a<!-- x -->b",
        "稀土出口管制",
        "3 &lt; 5 &#8217;s &#x2014; &nbsp;x &eacute;",
        "<![CDATA[]]>",
        "<?x y?>c",
    ])
    .prop_map(str::to_owned)
}

fn address() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "https://news.example/a",
        "/b?x=1&amp;y=2",
        " sub/c \n",
        "//cdn.example/d",
        "<![CDATA[https://news.example/e]]>",
        "#f",
        "tag:news.example,2026:g",
        "",
        " ",
        "http://[bad",
        "mailto:x@news.example",
    ])
    .prop_map(str::to_owned)
}

fn date() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "Tue, 24 Nov 2026 08:00:00 CET",
        "2026-11-23T07:00:00Z",
        "2026-11-22",
        "soon",
        "",
        " <![CDATA[Mon, 23 Nov 2026 07:00 +0100]]> ",
        "0001-01-01T00:00:00Z",
    ])
    .prop_map(str::to_owned)
}

fn author() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "Ann Lee",
        "ann@news.example (Ann Lee)",
        "Ann Lee &lt;ann@news.example&gt;",
        "ann.lee@news.example",
        "Ann @ Harbour",
        "mailto:ann@news.example Ann",
        "安娜",
        "",
        "a@b.example, c@d.example",
        "_x@news.example",
        "ann@news.example1",
        "(Desk) desk@news.example.",
    ])
    .prop_map(str::to_owned)
}

fn element(
    names: &'static [&'static str],
    value: impl Strategy<Value = String>,
) -> impl Strategy<Value = String> {
    (prop::sample::select(names), value).prop_map(|(name, value)| format!("<{name}>{value}</{name}>"))
}

fn rss_item() -> impl Strategy<Value = String> {
    prop::collection::vec(
        prop_oneof![
            element(&["title", "description", "content:encoded"], text()),
            element(&["link", "guid", "comments"], address()),
            element(&["pubDate", "dc:date", "atom:updated", "updated"], date()),
            element(&["author", "dc:creator"], author()),
            element(&["category", "media:title", "itunes:summary", "source", "slash:x"], text()),
            Just("<enclosure url=\"/f.mp3\" length=\"1\" type=\"audio/mpeg\"/>".to_owned()),
            Just("<guid isPermaLink=\"false\">id-1</guid>".to_owned()),
            Just("<media:group><media:content url=\"u\"><media:title>no</media:title></media:content></media:group>".to_owned()),
            Just("<title/>".to_owned()),
            Just("<dc:subject>Ports</dc:subject>".to_owned()),
        ],
        1..7,
    )
    .prop_map(|parts| parts.concat())
}

fn atom_entry() -> impl Strategy<Value = String> {
    let kind = || prop::sample::select(vec!["", " type=\"text\"", " type=\"html\"", " type=\"text/html\""]);
    let typed = |names: &'static [&'static str]| {
        (prop::sample::select(names), kind(), text())
            .prop_map(|(name, kind, text)| format!("<{name}{kind}>{text}</{name}>"))
    };
    let link = (
        prop::sample::select(vec![
            "",
            " rel=\"alternate\"",
            " rel=\"self\"",
            " rel=\"enclosure\"",
            " rel=\"replies\"",
        ]),
        prop::sample::select(vec!["", " type=\"text/html\"", " type=\"application/json\""]),
        prop::sample::select(vec!["https://news.example/a", "b", "/c?x=1&amp;y=2", ""]),
    )
        .prop_map(|(relation, kind, href)| format!("<link{relation}{kind} href=\"{href}\"/>"));
    prop::collection::vec(
        prop_oneof![
            typed(&["title", "summary", "content"]),
            link,
            element(&["id"], address()),
            element(&["published", "updated", "pubDate"], date()),
            author().prop_map(|name| format!("<author><name>{name}</name><email>x@news.example</email></author>")),
            author().prop_map(|mail| format!("<author><uri>u</uri><email>{mail}</email></author>")),
            Just("<category term=\"ports\" label=\"Ports &amp;amp; ships\"/>".to_owned()),
            Just("<category term=\"fees\"/>".to_owned()),
            Just("<content type=\"xhtml\" xml:lang=\"fr\"><div xmlns=\"http://www.w3.org/1999/xhtml\">Long <b class=\"x\">text</b> &amp; &lt;more&gt;<br/>.</div></content>".to_owned()),
            Just("<title type=\"xhtml\"><h:div xmlns:h=\"http://www.w3.org/1999/xhtml\">A <h:i>b</h:i><h:p/>c</h:div></title>".to_owned()),
            Just("<source><title>Other</title><link href=\"/no\"/></source>".to_owned()),
            Just("<rights>All</rights>".to_owned()),
        ],
        1..7,
    )
    .prop_map(|parts| parts.concat())
}

fn bases() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        " xml:base=\"/sub/\"",
        " xml:base=\"https://b.example/x\"",
        " xml:base=\"\"",
    ])
}

fn rss_document() -> impl Strategy<Value = String> {
    (
        prop::sample::select(vec!["2.0", "0.91", "0.92"]),
        prop::collection::vec((rss_item(), bases()), 0..4),
        text(),
        address(),
        bases(),
    )
        .prop_map(|(version, items, title, link, base)| {
            let items: String = items.iter().map(|(item, base)| format!("<item{base}>{item}</item>\n")).collect();
            format!(
                "<rss version=\"{version}\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" \
                 xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:atom=\"http://www.w3.org/2005/Atom\" \
                 xmlns:media=\"http://search.yahoo.com/mrss/\" xmlns:slash=\"u\" \
                 xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\"><channel{base}><title>{title}</title>\
                 <atom:link rel=\"self\" href=\"/s\"/><link>{link}</link><language>EN-gb</language>\
                 <image><title>no</title><link>/no</link></image>{items}</channel></rss>"
            )
        })
}

fn rdf_document() -> impl Strategy<Value = String> {
    let item = prop::collection::vec(
        prop_oneof![
            element(&["title", "description", "content:encoded"], text()),
            element(&["link"], address()),
            element(&["dc:date"], date()),
            element(&["dc:creator"], author()),
        ],
        1..6,
    );
    (prop::collection::vec(item, 0..4), text()).prop_map(|(items, title)| {
        let items: String = items
            .iter()
            .map(|parts| format!("<item rdf:about=\"/about\">{}<link>https://news.example/z</link></item>", parts.concat()))
            .collect();
        format!(
            "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns=\"http://purl.org/rss/1.0/\" \
             xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\">\
             <channel rdf:about=\"x\"><title>{title}</title><link>/</link><dc:language>de</dc:language></channel>{items}</rdf:RDF>"
        )
    })
}

fn atom_document() -> impl Strategy<Value = String> {
    (prop::collection::vec((atom_entry(), bases()), 0..4), text(), bases(), any::<bool>()).prop_map(
        |(entries, title, base, prefixed)| {
            let entries: String =
                entries.iter().map(|(entry, base)| format!("<entry{base}>{entry}</entry>")).collect();
            let plain = format!(
                "<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"de\"{base}><title>{title}</title>\
                 <link href=\"/home\"/><link rel=\"self\" href=\"/s\"/><author><name>Desk</name></author>{entries}</feed>"
            );
            if !prefixed || plain.contains("h:div") || plain.contains("<div") || plain.contains("<!") || plain.contains("<p>") {
                return plain;
            }
            plain.replace("</", "\u{1}").replace('<', "<a:").replace('\u{1}', "</a:").replace("xmlns=", "xmlns:a=").replace("<a:?", "<?")
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn of_rss(text in rss_document()) {
        agree(&text);
    }

    #[test]
    fn of_rdf(text in rdf_document()) {
        agree(&text);
    }

    #[test]
    fn of_atom(text in atom_document()) {
        agree(&text);
    }
}
