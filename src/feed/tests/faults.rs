//! Feeds with faults: what can be read of them is read, and said.

use encoding_rs::{GB18030, SHIFT_JIS, WINDOWS_1252};

use super::*;

fn items(count: usize) -> String {
    let item = |n| {
        format!(
            "<item><title>Headline {n}</title><link>https://news.example/{n}</link><guid>g{n}</guid>\
             <description>Text {n}.</description></item>"
        )
    };
    (1..=count).map(item).collect()
}

#[test]
fn stray_ampersands_and_bad_references_cost_nothing() {
    for (title, expect) in [
        ("Johnson & Sons", "Johnson & Sons"),
        ("R&D; Q&A", "R&D; Q&A"),
        ("A&#0;B", "A\u{FFFD}B"),
        ("AT&T &amp; co", "AT&T & co"),
    ] {
        let found = salvaged(&rss(&format!("<item><title>{title}</title></item>{}", items(1))));
        assert_eq!(titles(&found), [expect, "Headline 1"]);
    }
    let found = clean(&rss("<item><title>A&nbsp;B &eacute;t&eacute; &#8211; C</title></item>"));
    assert_eq!(titles(&found), ["A B été – C"]);
}

#[test]
fn what_stands_before_the_root_is_skipped() {
    for before in [
        "\n \n",
        "<br />\n<b>Warning</b>:  Undefined variable $x in <b>/srv/feed.php</b> on line <b>3</b><br />\n",
        "Notice: a < b & c\n",
        "[24-Nov-2026] PHP Warning: no cache\n",
        "<!-- cached <rss> -->",
        "<!DOCTYPE rss [<!ENTITY x \"y\">]>",
        &" \n".repeat(10_000),
    ] {
        assert_eq!(
            titles(&clean(&format!("{before}{}", rss(&items(2))))),
            ["Headline 1", "Headline 2"],
            "{before:.80}"
        );
    }
    assert_eq!(clean(&format!("{}<!-- 12 ms --><script>x</script>", rss(&items(2)))).len(), 2);
}

#[test]
fn a_cut_feed_gives_its_complete_items_and_marks_the_cut_one() {
    let whole = rss(&items(3));
    let third = whole.find("<title>Headline 3").unwrap();
    for cut in [third + 7, third + 20] {
        assert_eq!(titles(&salvaged(&whole[..cut])), ["Headline 1", "Headline 2"], "cut at {cut}");
    }
    for cut in [whole.find("g3<").unwrap(), whole.find("Text 3").unwrap() + 3] {
        let (feed, warnings) = read(&whole[..cut]);
        assert_eq!(titles(&feed.items), ["Headline 1", "Headline 2", "Headline 3"], "cut at {cut}");
        assert_eq!((feed.items[2].summary.as_str(), warnings.last()), ("", Some(&Warning::CutItem)));
    }
    let end = whole.find("</channel>").unwrap();
    assert_eq!(salvaged(&whole[..end]).len(), 3);
    assert_eq!(salvaged(&whole[..end + 12]).len(), 3);
    let first = whole.find("Headline 1").unwrap();
    assert!(matches!(read_bytes(&whole.as_bytes()[..first]), Err(Error::Malformed { .. })));
    assert_eq!(salvaged(&whole[..whole.find("<item>").unwrap()]).len(), 0);
}

#[test]
fn a_feed_cut_anywhere_gives_no_partial_item_unmarked() {
    let whole = rss(&items(3));
    for cut in 1..whole.len() {
        let Ok((mut feed, warnings)) = read_bytes(&whole.as_bytes()[..cut]) else { continue };
        if warnings.contains(&Warning::CutItem) {
            let last = feed.items.pop().unwrap();
            assert_eq!(last.title, format!("Headline {}", feed.items.len() + 1));
        }
        for (n, item) in feed.items.iter().enumerate() {
            let n = n + 1;
            let (title, text) = (format!("Headline {n}"), format!("Text {n}."));
            assert_eq!((item.title.clone(), item.summary.clone()), (title, text));
        }
    }
}

#[test]
fn ill_formed_xml_is_read_as_meant() {
    for (fault, expect) in [
        ("<item><title>One</title><description>a<br>b</description></item>", "a b"),
        ("<item><title>One</title><description>a < b</description></item>", "a < b"),
        ("<item><title>One</title><description>a</description></foo></item>", "a"),
        ("<item><title>One</title><description>a</item>", "a"),
        ("<item><title>One</title><description x=\"1>a</description></item>", "a"),
        ("<item><title>One</Title><description>a</DESCRIPTION></ITEM>", "a"),
        ("<item><title>One</title><description>a</description>", "a"),
        ("<item><title>One</title><description>a</description><x:y></item>", "a"),
    ] {
        let found = salvaged(&rss(&format!("{fault}{}", items(1))));
        assert_eq!(titles(&found), ["One", "Headline 1"], "{fault}");
        assert_eq!(found[0].summary, expect, "{fault}");
    }
}

#[test]
fn undeclared_prefixes_do_not_overwrite_fields() {
    let item = "<item><title>Right</title><link>https://news.example/a</link><media:title>Wrong</media:title>\
                <slash:comments>5</slash:comments><dc:creator>Ann</dc:creator><media:description/></item>";
    let found = salvaged(&rss(item));
    assert_eq!(titles(&found), ["Right"]);
    assert_eq!(found[0].link.as_ref().map(Url::as_str), Some("https://news.example/a"));
    assert_eq!(found[0].author.as_deref(), Some("Ann"));
}

#[test]
fn markup_inside_titles_is_kept_whole() {
    let item =
        "<item><title>Test: <b>all</b> of it</title><description>One <i>two</i> three</description></item>";
    let found = salvaged(&rss(item));
    assert_eq!((titles(&found), found[0].summary.as_str()), (vec!["Test: all of it"], "One two three"));
}

#[test]
fn faulty_extensions_do_not_lose_the_feed() {
    let spaces = "<rss xmlns:media=\"http://search.yahoo.com/mrss/\" xmlns:podcast=\"https://podcastindex.org/namespace/1.0\" \
                  xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\" ";
    for extension in [
        "<media:description/>",
        "<media:title type=\"text/html\">x</media:title>",
        "<podcast:person role=\"juggler\">x</podcast:person>",
        "<itunes:duration>99999999999999999999999</itunes:duration>",
    ] {
        let text = rss(&items(2).replace("</item>", &format!("{extension}</item>"))).replace("<rss ", spaces);
        assert_eq!(titles(&salvaged(&text)), ["Headline 1", "Headline 2"]);
    }
}

#[test]
fn charsets_are_found() {
    let text = |label: &str, title: &str| {
        rss(&format!("<item><title>{title}</title></item>")).replace("UTF-8", label)
    };
    let title = |bytes: &[u8], kind: Option<&str>| {
        let (feed, warnings) = parse(bytes, kind, &base(), now()).unwrap();
        (feed.items[0].title.clone(), warnings.len())
    };
    let latin = "Café à la carte";
    let chinese = "稀土出口管制";
    let japanese = "半導体の輸出規制";
    assert_eq!(title(&WINDOWS_1252.encode(&text("iso-8859-1", latin)).0, None), (latin.to_owned(), 0));
    assert_eq!(title(&GB18030.encode(&text("GB2312", chinese)).0, None), (chinese.to_owned(), 0));
    assert_eq!(title(&GB18030.encode(&text("gb18030", chinese)).0, None), (chinese.to_owned(), 0));
    assert_eq!(title(&SHIFT_JIS.encode(&text("Shift_JIS", japanese)).0, None), (japanese.to_owned(), 0));
    assert_eq!(
        title(text("iso-8859-1", chinese).as_bytes(), Some("text/xml; charset=us-ascii")),
        (chinese.to_owned(), 1)
    );
    let utf16 = |bytes: fn(u16) -> [u8; 2]| {
        text("utf-16", chinese).encode_utf16().flat_map(bytes).collect::<Vec<_>>()
    };
    assert_eq!(
        title(&[b"\xFE\xFF".as_slice(), &utf16(u16::to_be_bytes)].concat(), None),
        (chinese.to_owned(), 0)
    );
    assert_eq!(
        title(&[b"\xFF\xFE".as_slice(), &utf16(u16::to_le_bytes)].concat(), None),
        (chinese.to_owned(), 0)
    );
    let broken = [text("utf-8", &format!("{chinese} \u{1}")).as_bytes(), b""].concat();
    let broken: Vec<u8> = broken.into_iter().map(|b| if b == 1 { 0x96 } else { b }).collect();
    assert_eq!(title(&broken, None), (format!("{chinese} –"), 1));
}

#[test]
fn other_documents_are_told_apart() {
    for (body, expect) in [
        ("", "the answer is empty"),
        (" \u{FEFF}\n", "the answer is empty"),
        ("Not found", "plain text, not a feed"),
        ("<urlset><url/></urlset>", "a sitemap without news, not a feed"),
        ("<foaf:RDF xmlns:foaf='u'><foaf:Person/></foaf:RDF>", "an XML document of another kind, not a feed"),
        ("<opml version='2.0'/>", "an OPML list of feeds, not a feed"),
        ("<error>no</error>", "a document of another kind, not a feed"),
        ("{\"error\":1}", "a JSON document of another kind, not a feed"),
        ("null", "a JSON document of another kind, not a feed"),
        ("<!DOCTYPE html><p>Log in", "an HTML page, not a feed"),
        (
            "<html><link rel=alternate type=application/rss+xml href=rss.xml><body><rss></html>",
            "an HTML page, not a feed; the page offers https://news.example/feeds/rss.xml",
        ),
    ] {
        assert_eq!(read_bytes(body.as_bytes()).map_err(|error| error.to_string()), Err(expect.to_owned()));
    }
}

#[test]
fn items_that_cannot_be_read_are_an_error() {
    let wrapped = rss("<x:wrap xmlns:x=\"u\"><item><title>Found</title></item></x:wrap>");
    assert_eq!(titles(&salvaged(&wrapped)), ["Found"]);
    let foreign = rss("<x:item xmlns:x=\"u\"><x:title>Lost</x:title></x:item>");
    assert_eq!(read_bytes(foreign.as_bytes()).err(), Some(Error::EntriesLost { seen: 1 }));
    let empty = read_bytes(rss("<item/><item></item>").as_bytes());
    let (feed, warnings) = empty.unwrap();
    assert_eq!((feed.items.len(), warnings.last()), (2, Some(&Warning::EmptyItems { count: 2 })));
}
