//! Each format, as its specification has it and as older publishers write it.

use super::*;

const ITEM: &str = "<item><title>Port fees rise</title><link>https://news.example/a</link>\
                    <description>&lt;p&gt;From &lt;b&gt;Monday&lt;/b&gt;.&lt;/p&gt;</description></item>";

#[track_caller]
fn is_port_fees(items: &[Item]) {
    assert_eq!(titles(items), ["Port fees rise"]);
    assert_eq!(items[0].link.as_ref().map(Url::as_str), Some("https://news.example/a"));
    assert_eq!(items[0].summary, "From Monday.");
}

#[test]
fn rss_2_gives_every_field() {
    let text = r#"<?xml version="1.0"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/"
        xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom"><channel>
        <title>Harbour &amp;amp; Wire</title><link>https://news.example/</link><atom:link rel="self" href="/feeds/world.xml"/>
        <language>EN-GB</language><item><title><![CDATA[Port fees rise & fall]]></title><link>/a?x=1&amp;y=2</link>
        <guid isPermaLink="false">tag:1</guid><pubDate>Tue, 24 Nov 2026 08:00:00 CET</pubDate>
        <description><![CDATA[<p>From Monday&nbsp;on.</p>]]></description><category>Ports</category><category>Fees</category>
        <content:encoded><![CDATA[<p>From Monday on.</p><p>More.</p>]]></content:encoded><dc:creator>Ann Lee</dc:creator>
        </item></channel></rss>"#;
    let (feed, warnings) = read(text);
    assert_eq!(warnings, []);
    assert_eq!(feed.title.as_deref(), Some("Harbour & Wire"));
    assert_eq!(feed.site.as_ref().map(Url::as_str), Some("https://news.example/"));
    assert_eq!(
        feed.items,
        [Item {
            guid: Some("tag:1".to_owned()),
            link: Url::parse("https://news.example/a?x=1&y=2").ok(),
            title: "Port fees rise & fall".to_owned(),
            summary: "From Monday on.".to_owned(),
            content: "From Monday on. More.".to_owned(),
            author: Some("Ann Lee".to_owned()),
            tags: vec!["Ports".to_owned(), "Fees".to_owned()],
            feed: None,
            lang: Some("en-gb".to_owned()),
            published_at: "2026-11-24T07:00:00Z".parse().ok(),
        }]
    );
}

#[test]
fn every_version_of_rss_is_read() {
    for version in ["2.0", "0.91", "0.92"] {
        is_port_fees(&clean(&rss(ITEM).replace("2.0", version)));
    }
    for version in ["0.93", "0.94", "2", "2.00", "2.0.1", ""] {
        is_port_fees(&salvaged(&rss(ITEM).replace("\"2.0\"", &format!("\"{version}\""))));
    }
    is_port_fees(&salvaged(&rss(ITEM).replace(" version=\"2.0\"", "")));
    is_port_fees(&salvaged(&rss(ITEM).replace("rss", "RSS")));
    is_port_fees(&salvaged(
        &rss(ITEM)
            .to_uppercase()
            .replace("PORT FEES RISE", "Port fees rise")
            .replace("HTTPS://NEWS.EXAMPLE/A", "https://news.example/a")
            .replace("&LT;P&GT;FROM &LT;B&GT;MONDAY&LT;/B&GT;.&LT;/P&GT;", "From Monday."),
    ));
    is_port_fees(&salvaged(&rss(ITEM).replace("<rss ", "<rss xmlns=\"http://backend.example/rss2\" ")));
    is_port_fees(&salvaged(&format!("<channel><title>T</title>{ITEM}</channel>")));
    is_port_fees(&salvaged(&format!("<rss version=\"2.0\"><channel><title>T</title></channel>{ITEM}</rss>")));
}

#[test]
fn rdf_is_read() {
    let rdf = |namespace: &str, about: &str, item: &str| {
        format!(
            "<?xml version=\"1.0\"?><rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" \
             xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns=\"{namespace}\"><channel rdf:about=\"x\"><title>T</title>\
             </channel><item rdf:about=\"{about}\">{item}<dc:date>2026-11-24T07:00Z</dc:date></item></rdf:RDF>"
        )
    };
    let inside = ITEM.replace("<item>", "").replace("</item>", "");
    let items = clean(&rdf("http://purl.org/rss/1.0/", "https://news.example/a", &inside));
    is_port_fees(&items);
    assert_eq!(items[0].published_at, "2026-11-24T07:00:00Z".parse().ok());
    is_port_fees(&salvaged(&rdf("http://my.netscape.com/rdf/simple/0.9/", "y", &inside)));
    let linkless = inside.replace("<link>https://news.example/a</link>", "");
    is_port_fees(&salvaged(&rdf("http://purl.org/rss/1.0/", "https://news.example/a", &linkless)));
}

#[test]
fn atom_1_is_read() {
    let text = r#"<a:feed xmlns:a="http://www.w3.org/2005/Atom" xml:base="https://news.example/" xml:lang="de"><a:title>T</a:title>
        <a:link rel="self" href="/self"/><a:link href="/"/><a:entry xml:base="sub/"><a:id>urn:1</a:id>
        <a:title type="html">Port &lt;i&gt;fees&lt;/i&gt; rise</a:title><a:link rel="replies" href="r"/>
        <a:link rel="alternate" type="application/json" href="j"/><a:link type="text/html" href="a"/>
        <a:updated>2026-11-24T09:00:00Z</a:updated><a:published>2026-11-24T07:00:00Z</a:published>
        <a:author><a:name>Ann</a:name></a:author><a:category term="c" label="Ports"/><a:summary>Short.</a:summary>
        <a:content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Long <b>text</b>.</div></a:content></a:entry></a:feed>"#;
    let items = clean(text);
    assert_eq!(titles(&items), ["Port fees rise"]);
    assert_eq!(items[0].link.as_ref().map(Url::as_str), Some("https://news.example/sub/a"));
    assert_eq!((items[0].summary.as_str(), items[0].content.as_str()), ("Short.", "Long text."));
    assert_eq!(items[0].published_at, "2026-11-24T07:00:00Z".parse().ok());
    assert_eq!((items[0].author.as_deref(), items[0].lang.as_deref()), (Some("Ann"), Some("de")));
    assert_eq!(items[0].tags, ["Ports"]);
    assert_eq!(clean(&atom("")), []);
}

#[test]
fn a_single_atom_entry_is_a_feed_of_one() {
    let entry =
        "<entry xmlns=\"http://www.w3.org/2005/Atom\"><title>Alone</title><link href=\"/a\"/></entry>";
    assert_eq!(titles(&salvaged(entry)), ["Alone"]);
}

#[test]
fn atom_0_3_and_misspelled_namespaces_are_read() {
    let old = r#"<feed version="0.3" xmlns="http://purl.org/atom/ns#"><title>T</title><tagline>x</tagline><entry>
        <title mode="escaped" type="text/html">Port &lt;b&gt;fees&lt;/b&gt; rise</title><link rel="alternate" type="text/html"
        href="https://news.example/a"/><issued>2026-11-24T07:00:00Z</issued><modified>2026-11-24T08:00:00Z</modified>
        <summary type="text/plain">From Monday.</summary></entry></feed>"#;
    let items = salvaged(old);
    is_port_fees(&items);
    assert_eq!(items[0].published_at, "2026-11-24T07:00:00Z".parse().ok());
    let entry = "<entry><title>Port fees rise</title><link href='https://news.example/a'/><summary>From Monday.</summary></entry>";
    for namespace in
        ["https://www.w3.org/2005/Atom", "http://www.w3.org/2005/atom/", "http://www.w3.org/2005/Atom#"]
    {
        is_port_fees(&salvaged(&atom(entry).replace("http://www.w3.org/2005/Atom", namespace)));
    }
    is_port_fees(&clean(&atom(entry).replace(" xmlns=\"http://www.w3.org/2005/Atom\"", "")));
}

#[test]
fn odd_types_of_atom_texts_are_read() {
    for kind in ["TEXT", "text/plain", " html ", "HTML", "text/html; charset=utf-8", "xml"] {
        let entry = format!(
            "<entry><title type='{kind}'>Port fees rise</title><link href='https://news.example/a'/>\
             <summary type='{kind}'>From Monday.</summary></entry>"
        );
        is_port_fees(&read(&atom(&entry)).0.items);
    }
    let both = "<entry><title>T</title><content type='html' src='/x'>Body</content></entry>";
    assert_eq!(salvaged(&atom(both))[0].summary, "Body");
}

#[test]
fn json_feed_is_read() {
    for version in ["https://jsonfeed.org/version/1", "https://jsonfeed.org/version/1.1"] {
        let text = format!(
            "\u{FEFF}{{\"version\":\"{version}\",\"title\":\"T\",\"home_page_url\":\"https://news.example/\",\"language\":\"en\",\
             \"items\":[{{\"id\":\"1\",\"url\":\"https://news.example/a\",\"title\":\"Port fees rise\",\
             \"content_html\":\"<p>From Monday.</p>\",\"date_published\":\"2026-11-24T08:00:00+01:00\"}}]}}"
        );
        let (feed, warnings) = read(&text);
        is_port_fees(&feed.items);
        assert_eq!((feed.title.as_deref(), warnings.len()), (Some("T"), 0));
        assert_eq!(feed.items[0].lang.as_deref(), Some("en"));
        assert_eq!(feed.items[0].published_at, "2026-11-24T07:00:00Z".parse().ok());
    }
}
