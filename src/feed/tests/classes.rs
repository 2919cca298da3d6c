//! Every class of fault that feeds of the live web were found to have, and what is read of each.

use encoding_rs::{ISO_2022_JP, KOI8_R, WINDOWS_1252};

use super::*;

/// What is expected of an item: title, link, publication instant; the last two empty where there are none.
type Expect = (&'static str, &'static str, &'static str);

const A: &str = "https://news.example/a";
const AT: &str = "2026-11-24T07:00:00Z";
const ITEM: &str = "<item><title>One</title><link>https://news.example/a</link><pubDate>Tue, 24 Nov 2026 07:00:00 GMT</pubDate></item>";
const ENTRY: &str = "<entry><title>One</title><link href=\"https://news.example/a\"/><updated>2026-11-24T07:00:00Z</updated></entry>";
const ONE: &[Expect] = &[("One", A, AT)];

#[track_caller]
fn gives_bytes(body: &[u8], content_type: Option<&str>, expect: &[Expect]) {
    let shown = String::from_utf8_lossy(body);
    let (feed, _) =
        parse(body, content_type, &base(), now()).unwrap_or_else(|error| panic!("{error}: {shown}"));
    let found: Vec<(String, String, String)> = feed
        .items
        .into_iter()
        .map(|item| {
            let link = item.link.map(String::from).unwrap_or_default();
            (item.title, link, item.published_at.map(|at| at.to_string()).unwrap_or_default())
        })
        .collect();
    let expect: Vec<_> =
        expect.iter().map(|(t, l, d)| (t.to_string(), l.to_string(), d.to_string())).collect();
    assert_eq!(found, expect, "{shown}");
}

#[track_caller]
fn gives(text: &str, expect: &[Expect]) {
    gives_bytes(text.as_bytes(), None, expect);
}

fn with_spaces(items: &str) -> String {
    rss(items).replace(
        "<rss ",
        "<rss xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:dcterms=\"http://purl.org/dc/terms/\" \
         xmlns:atom=\"http://www.w3.org/2005/Atom\" xmlns:media=\"http://search.yahoo.com/mrss/\" \
         xmlns:podcast=\"https://podcastindex.org/namespace/1.0\" xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\" ",
    )
}

#[test]
fn class_1_versions() {
    for version in [
        "",
        " version=\"\"",
        " version=\"0.93\"",
        " version=\"0.94\"",
        " version=\"3\"",
        " version=2.0",
        " version='2.0'",
    ] {
        gives(&rss(ITEM).replace(" version=\"2.0\"", version), ONE);
    }
}

#[test]
fn class_2_old_dialects_and_odd_namespaces() {
    let rdf = "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns=\"http://my.netscape.com/rdf/simple/0.9/\">";
    gives(&format!("{rdf}<channel><title>T</title></channel>{ITEM}</rdf:RDF>"), ONE);
    gives(&format!("{rdf}<channel><title>T</title></channel></rdf:RDF>"), &[]);
    for namespace in
        ["http://backend.userland.com/rss2", "http://my.own.example/feed", "http://www.w3.org/2005/Atom", ""]
    {
        gives(&rss(ITEM).replace("<rss ", &format!("<rss xmlns=\"{namespace}\" ")), ONE);
    }
    let prefixed = ITEM.replace("</", "\u{1}").replace('<', "<rss:").replace('\u{1}', "</rss:");
    for declared in [" xmlns:rss=\"http://purl.org/rss/1.0/\"", ""] {
        gives(&rss(&prefixed).replace("<rss ", &format!("<rss{declared} ")), ONE);
    }
    for namespace in [
        "http://purl.org/atom/ns#",
        "HTTP://www.w3.org/2005/ATOM",
        "https://www.w3.org/2005/Atom/",
        "urn:own",
    ] {
        gives(&atom(ENTRY).replace("http://www.w3.org/2005/Atom", namespace), ONE);
    }
    let prefixed = atom(ENTRY)
        .replace("</", "\u{1}")
        .replace('<', "<f:")
        .replace('\u{1}', "</f:")
        .replace("xmlns=", "xmlns:f=");
    gives(&prefixed, ONE);
    let old = "<entry><title>One</title><link rel=\"alternate\" href=\"https://news.example/a\"/><created>2026-11-01T07:00Z</created>\
               <issued>2026-11-24T08:00+01:00</issued><modified>2026-11-25T07:00Z</modified></entry>";
    gives(&atom(old).replace("http://www.w3.org/2005/Atom", "http://purl.org/atom/ns#"), ONE);
    let channel = "<Channel xmlns=\"http://purl.org/net/rss1.1#\"><title>T</title><items><item><title>One</title>\
                   <link>https://news.example/a</link></item></items></Channel>";
    gives(channel, &[("One", A, "")]);
    let cdf = "<CHANNEL HREF=\"https://news.example/\"><TITLE>T</TITLE><ITEM HREF=\"/a\" LASTMOD=\"2026-11-24T07:00\">\
               <TITLE>One</TITLE><ABSTRACT>x</ABSTRACT></ITEM></CHANNEL>";
    gives(cdf, ONE);
    gives(&rss(&format!("<item>{ITEM}</item>")), ONE);
}

#[test]
fn class_3_encodings() {
    let text = |label: &str, title: &str| {
        rss(&format!("<item><title>{title}</title></item>")).replace("UTF-8", label)
    };
    let (latin, russian, japanese) = ("Café à la carte", "Ставки снижены", "港が再び開かれました");
    gives_bytes(&KOI8_R.encode(&text("koi8-r", russian)).0, None, &[("Ставки снижены", "", "")]);
    gives_bytes(
        &KOI8_R.encode(&text("utf-8", russian)).0,
        Some("text/xml; charset=koi8-r"),
        &[("Ставки снижены", "", "")],
    );
    gives_bytes(
        &ISO_2022_JP.encode(&text("iso-2022-jp", japanese)).0,
        None,
        &[("港が再び開かれました", "", "")],
    );
    gives_bytes(&WINDOWS_1252.encode(&text("no-such", latin)).0, None, &[("Café à la carte", "", "")]);
    for label in ["utf-16", "iso-8859-1", "us-ascii"] {
        gives(&text(label, latin), &[("Café à la carte", "", "")]);
    }
    let bytes = |title: &[u8]| {
        let (head, tail) = (
            "<rss version=\"2.0\"><channel><title>T</title><item><title>",
            "</title></item></channel></rss>",
        );
        [head.as_bytes(), title, tail.as_bytes(), " ".repeat(200).as_bytes()].concat()
    };
    gives_bytes(&bytes(b"\x93Caf\xC3\xA9\x94 \x96 ok"), None, &[("“Café” – ok", "", "")]);
    gives_bytes(&bytes(b"Caf\xE9"), None, &[("Café", "", "")]);
    gives_bytes(&bytes(b"\xC3\xA9\xC3"), None, &[("é\u{C3}", "", "")]);
    gives_bytes(&bytes(b"a \xED\xA0\xBD\xED\xB8\x80 b"), None, &[("a 😀 b", "", "")]);
    let utf32: Vec<u8> = text("utf-32", russian).chars().flat_map(|c| u32::from(c).to_be_bytes()).collect();
    gives_bytes(&utf32, None, &[("Ставки снижены", "", "")]);
    let utf16: Vec<u8> = text("utf-8", russian).encode_utf16().flat_map(u16::to_le_bytes).collect();
    gives_bytes(&utf16, Some("text/xml; charset=utf-8"), &[("Ставки снижены", "", "")]);
}

#[test]
fn class_4_and_5_references() {
    for (title, expect) in [
        ("measure & manage", "measure & manage"),
        ("A&#x41;&#X42;", "AAB"),
        ("5 &#150; 6", "5 – 6"),
        ("x &nbsp;&mdash;&nosuch; y", "x —&nosuch; y"),
        ("R&D", "R&D"),
    ] {
        let (feed, _) = read(&rss(&format!("<item><title>{title}</title></item>")));
        assert_eq!(titles(&feed.items), [expect]);
    }
    let declared = format!(
        "<!DOCTYPE rss [<!ENTITY wire \"Harbour Wire\">]>{}",
        rss("<item><title>&wire;</title></item>")
    );
    gives(&declared, &[("Harbour Wire", "", "")]);
}

#[test]
fn class_6_cut_and_ill_formed() {
    let two = |fault: &str| rss(&format!("{fault}{ITEM}"));
    for fault in [
        "<item><title>Two</titel><link>https://news.example/b</link></item>",
        "<item><title>Two<link>https://news.example/b</link></item>",
        "<item><title>Two<link>https://news.example/b</item>",
        "<item><title>Two</title><link>https://news.example/b<guid>g</guid></item>",
        "<item><title>Two</title><link>https://news.example/b</link><description><![CDATA[open</description></item>",
        "<item><title>Two</title><guid isPermaLink=\"false>g</guid><link>https://news.example/b</link></item>",
        "<item><title><![cdata[Two]]></title><link>https://news.example/b</link></item>",
        "<item><title>Two</title><z><link>https://news.example/b</link></item>",
        "<item><title>Two</title><link>https://news.example/b</link>",
        "<item>x<title a=1 b>Two</title><link>https://news.example/b</link></p></item>",
    ] {
        gives(&two(fault), &[("Two", "https://news.example/b", ""), ("One", A, AT)]);
    }
    let whole = rss(ITEM);
    gives(&whole[..whole.len() - 9], ONE);
    gives(&rss("")[..130], &[]);
}

#[test]
fn class_7_what_stands_before_the_prolog() {
    for before in
        ["\u{FEFF}\u{FEFF}", "\n\n", "<br />\n<b>Warning</b>: x in <b>/f.php</b><br />", "junk", "<!-- a -->"]
    {
        gives(&format!("{before}{}", rss(ITEM)), ONE);
    }
    gives(&format!("{}{}", " \n".repeat(20_000), rss(ITEM)), ONE);
}

#[test]
fn class_8_undeclared_prefixes() {
    let item = ITEM.replace(
        "</item>",
        "<media:title>no</media:title><slash:comments>5</slash:comments><g:link>no</g:link></item>",
    );
    gives(&rss(&item), ONE);
    gives(
        &rss(
            "<item><dc:title>One</dc:title><link>https://news.example/a</link><dc:date>2026-11-24T07:00:00Z</dc:date></item>",
        ),
        ONE,
    );
}

#[test]
fn class_9_titles() {
    for (item, expect) in [
        ("<title>Test: <b>x</b></title>", "Test: x"),
        ("<title>Tom &amp;amp; Jerry</title>", "Tom & Jerry"),
        ("<title>a<![CDATA[<i>b</i>]]>c</title>", "abc"),
        ("<dc:title>From elsewhere</dc:title>", "From elsewhere"),
        ("<media:title>From media</media:title>", "From media"),
        ("<title></title><dc:title>Second</dc:title>", "Second"),
        ("<title>First</title><dc:title>Second</dc:title>", "First"),
        ("<title>First</title><title>Second</title>", "First"),
    ] {
        let (feed, _) = read(&with_spaces(&format!("<item>{item}<link>/a</link></item>")));
        assert_eq!(titles(&feed.items), [expect]);
    }
    let xhtml = "<entry><title type=\"xhtml\"><div xmlns=\"http://www.w3.org/1999/xhtml\">A <i>b</i></div></title></entry>";
    gives(&atom(xhtml), &[("A b", "", "")]);
}

#[test]
fn class_10_types_of_atom_texts() {
    for kind in ["text/plain", "TEXT", "", "text/xml", "application/xml", " html"] {
        for name in ["title", "summary", "content"] {
            let text = if name == "title" { "One" } else { "x" };
            let entry = ENTRY.replace("<title>One</title>", "");
            let title = if name == "title" { "" } else { "<title>One</title>" };
            let entry =
                entry.replace("<entry>", &format!("<entry>{title}<{name} type=\"{kind}\">{text}</{name}>"));
            gives(&atom(&entry), ONE);
        }
    }
    gives(&atom(&ENTRY.replace("</entry>", "<content type=\"html\" src=\"/x\"> </content></entry>")), ONE);
    gives(&atom(&ENTRY.replace("</entry>", "<content type=\"image/png\">aGk=</content></entry>")), ONE);
}

#[test]
fn class_11_links() {
    for (item, expect) in [
        ("<guid>https://news.example/g</guid>", "https://news.example/g"),
        ("<guid isPermaLink=\"true\">/g</guid>", "https://news.example/g"),
        ("<guid isPermaLink=\"false\">id</guid>", ""),
        (
            "<guid>id</guid><enclosure url=\"/f.mp3\" length=\"1\" type=\"audio/mpeg\"/>",
            "https://news.example/f.mp3",
        ),
        ("<link/><enclosure url=\"/f.mp3\"/><guid>https://news.example/g</guid>", "https://news.example/g"),
        ("<link href=\"/h\"/>", "https://news.example/h"),
        ("<atom:link rel=\"alternate\" href=\"/h\"/>", "https://news.example/h"),
        ("<link xmlns=\"http://www.w3.org/2005/Atom\" href=\"/h\"/>", "https://news.example/h"),
        ("<link xml:base=\"/sub/\">h</link>", "https://news.example/sub/h"),
        ("<link xml:base=\"http://[\">h</link>", "https://news.example/feeds/h"),
    ] {
        gives(&with_spaces(&format!("<item><title>T</title>{item}</item>")), &[("T", expect, "")]);
    }
    for (entry, expect) in [
        ("<id>https://news.example/i</id><link rel=\"self\" href=\"/s\"/>", "https://news.example/i"),
        ("<link rel=\"enclosure\" href=\"/f.mp3\"/><id>urn:1</id>", "https://news.example/f.mp3"),
        (
            "<link rel=\"http://www.iana.org/assignments/relation/alternate\" href=\"/h\"/>",
            "https://news.example/h",
        ),
        ("<link>https://news.example/t</link>", "https://news.example/t"),
        (
            "<link rel=\"alternate\" type=\"application/json\" href=\"/j\"/><link type=\"text/html\" href=\"/h\"/>",
            "https://news.example/h",
        ),
    ] {
        gives(&atom(&format!("<entry><title>T</title>{entry}</entry>")), &[("T", expect, "")]);
    }
    let rdf = "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" xmlns=\"http://purl.org/rss/1.0/\">\
               <item rdf:about=\"https://news.example/about\"><title>T</title></item></rdf:RDF>";
    gives(rdf, &[("T", "https://news.example/about", "")]);
}

#[test]
fn class_12_items_without_ids_are_known_again() {
    let text = rss(
        "<item><description>Only text.</description></item><item><title>Only a title</title></item>\
                    <item><title>Roblox</title><pubDate>24 Nov 2026</pubDate></item><item><title>Roblox</title><pubDate>23 Nov 2026</pubDate></item>\
                    <item><author>Ann</author></item>",
    );
    let keys = |text: &str| crate::feed::identify(read(text).0.items);
    let clean = keys(&text);
    assert_eq!(clean.len(), 5);
    // A stray `&` sends the feed the other way.
    assert_eq!(keys(&text.replace("All news", "All & news")), clean);
}

#[test]
fn class_13_dates() {
    for (item, expect) in [
        ("<pubDate>soon</pubDate><dc:date>2026-11-24T07:00Z</dc:date>", AT),
        ("<dc:date>2026-11-20</dc:date><pubDate>24 Nov 2026 07:00 GMT</pubDate>", AT),
        ("<pubDate>24 Nov 2026 07:00 GMT</pubDate><dc:date>2026-11-20</dc:date>", AT),
        (
            "<dcterms:issued>2026-11-24T07:00Z</dcterms:issued><dcterms:created>2026-11-01</dcterms:created>",
            AT,
        ),
        ("<atom:published>2026-11-24T07:00:00Z</atom:published>", AT),
        ("<pubdate>Di, 24 Nov 2026 08:00:00 MEZ</pubdate>", AT),
        ("<pubDate>0001-01-01T00:00:00Z</pubDate>", ""),
        ("<pubDate>Tue, 24 Nov 2026 29:00:00 GMT</pubDate>", ""),
    ] {
        gives(&with_spaces(&format!("<item><title>T</title>{item}</item>")), &[("T", "", expect)]);
    }
}

#[test]
fn class_14_podcasts_and_media() {
    for extension in [
        "<media:description/>",
        "<media:title/>",
        "<media:title type=\"text/html\">x</media:title>",
        "<podcast:person role=\"juggler\">x</podcast:person>",
        "<itunes:duration>99999999999999999999</itunes:duration>",
        "<itunes:duration>٣٠</itunes:duration>",
        "<itunes:category text=\"a\"><itunes:category text=\"b\"/></itunes:category>",
    ] {
        gives(&with_spaces(&ITEM.replace("</item>", &format!("{extension}</item>"))), ONE);
    }
}

#[test]
fn class_15_json_feed() {
    let item =
        "\"url\":\"https://news.example/a\",\"title\":\"One\",\"date_published\":\"2026-11-24T07:00:00Z\"";
    for (before, more) in [
        ("", ""),
        ("\u{FEFF}", ",\"id\":7"),
        ("", ",\"id\":1.5,\"tags\":\"ports\""),
        ("", ",\"attachments\":[{\"url\":\"x\",\"size_in_bytes\":1.5}]"),
        ("", ",\"author\":\"Ann\",\"content_text\":null"),
        ("", ",\"content_text\":\"a\tb\""),
        ("", ","),
    ] {
        let text =
            format!("{before}{{\"version\":\"http://jsonfeed.org/version/1\",\"items\":[{{{item}{more}}}]}}");
        gives(&text, ONE);
        gives(&text[..text.len() - 2], ONE);
    }
    let untitled = "{\"version\":\"https://jsonfeed.org/version/1.1\",\"items\":[{\"id\":\"1\"}]}";
    gives(untitled, &[("", "", "")]);
}

#[test]
fn class_16_pages_are_named_with_the_feeds_they_offer() {
    let page = "<!DOCTYPE html><html><head><base href=\"/x/\"><link rel=\"alternate\" type=\"application/rss+xml\" href=\"f\">\
                <link rel=\"alternate\" type=\"application/feed+json\" href=\"https://news.example/f.json\"></head><body>x</body></html>";
    let error = read_bytes(page.as_bytes()).unwrap_err().to_string();
    assert_eq!(
        error,
        "an HTML page, not a feed; the page offers https://news.example/x/f, https://news.example/f.json"
    );
    let wrapped = format!("<html xmlns=\"http://www.w3.org/1999/xhtml\"><body>{}</body></html>", atom(ENTRY));
    gives(&wrapped, ONE);
}

#[test]
fn news_sitemaps() {
    let url = |inside: &str| {
        format!("<url><loc>https://news.example/a</loc><lastmod>2026-11-20</lastmod>{inside}</url>")
    };
    let news = "<n:news><n:publication><n:name>Harbour Wire</n:name><n:language>en</n:language></n:publication>\
                <n:publication_date>2026-11-24T07:00:00Z</n:publication_date><n:title>One &amp; all</n:title>\
                <n:keywords>ports, fees</n:keywords></n:news><image:image><image:title>no</image:title></image:image>";
    let sitemap = |urls: &str| {
        format!(
            "<urlset xmlns=\"http://www.sitemaps.org/schemas/sitemap/0.9\" xmlns:n=\"http://www.google.com/schemas/sitemap-news/0.9\">{urls}</urlset>"
        )
    };
    let (feed, warnings) = read(&sitemap(&format!("{}{}{}", url(news), url(""), url(news))));
    assert_eq!(warnings, [Warning::NotNews { count: 1 }]);
    assert_eq!((feed.title.as_deref(), feed.items.len()), (Some("Harbour Wire"), 2));
    assert_eq!(
        feed.items[0],
        Item {
            link: Url::parse(A).ok(),
            title: "One & all".to_owned(),
            author: Some("Harbour Wire".to_owned()),
            tags: vec!["ports".to_owned(), "fees".to_owned()],
            lang: Some("en".to_owned()),
            published_at: AT.parse().ok(),
            ..Item::default()
        }
    );
    let said = |text: &str| read_bytes(text.as_bytes()).unwrap_err().to_string();
    assert_eq!(said(&sitemap(&url(""))), "a sitemap without news, not a feed");
    let (feed, warnings) = read(&sitemap(""));
    assert_eq!((feed.items.len(), warnings.len()), (0, 0), "a weekend without news");
    assert_eq!(said("<urlset></urlset>"), "a sitemap without news, not a feed");
    let index = "<sitemapindex><sitemap><loc>https://news.example/news.xml</loc></sitemap><sitemap><loc>/pages.xml</loc></sitemap></sitemapindex>";
    assert_eq!(
        said(index),
        "an index of sitemaps, not a feed; the page offers https://news.example/news.xml"
    );
    let cut = sitemap(&format!("{}<url><loc>x", url(news))).replace("</urlset>", "");
    assert_eq!(read(&cut).0.items.len(), 1);
    assert!(said(&cut[..cut.find("</url>").unwrap()]).contains("cut off"));
    for (count, kept) in [(crate::feed::MAX_ITEMS, 5_000), (crate::feed::MAX_ITEMS + 1, 5_000)] {
        assert_eq!(
            read(&sitemap(&url("<n:news><n:title>x</n:title></n:news>").repeat(count))).0.items.len(),
            kept
        );
    }
}
