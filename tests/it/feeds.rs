//! `feeds list`, `poll`, `import` and `export` as users type them.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};
use wirewatch::store::Store;

use crate::{
    cli::{feed, home, json_lines, run, run_with_input, said},
    harness::farm::{Farm, Page},
};

/// Compares what was printed with `tests/it/golden/NAME.txt`; `WIREWATCH_GOLDEN=write` writes that file.
pub fn golden(name: &str, farm: &Farm, said: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/it/golden/{name}.txt"));
    // As long as what it stands for, so that columns stay where they are.
    let said = said.replace(&farm.url(""), "http://farm.example:80");
    let said: String = said.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    if std::env::var_os("WIREWATCH_GOLDEN").is_some_and(|mode| mode == "write") {
        fs::write(&file, &said).unwrap();
    }
    let expect = fs::read_to_string(&file).unwrap_or_default();
    assert!(said == expect, "{} differs; printed was:\n{said}", file.display());
}

/// A feed in a wrong charset that a redirect leads to, with an item that is there twice.
fn mended_farm() -> Farm {
    let farm = Farm::start();
    let item = |guid: &str, title: &str, rest: &str| {
        format!("<item><guid isPermaLink=\"false\">{guid}</guid><title>{title}</title>{rest}</item>")
    };
    let ledger = item(
        "g1",
        "Caf\u{e9} owners see gallium exports fall",
        "<link>https://news.example/1</link><description>Text</description><category>metals</category>\
         <pubDate>Thu, 05 Jun 2025 10:00:00 GMT</pubDate>",
    );
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><rss version=\"2.0\"><channel><title>Ledger</title>\
         <language>en-GB</language>{ledger}{}{ledger}</channel></rss>",
        item("g2", "Rain is expected", "")
    );
    let latin: Vec<u8> = body.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    farm.set("/new", Page::ok("text/xml", latin).with("ETag", "\"v1\""));
    farm.set("/old", Page::status(301).with("Location", "/new"));
    farm
}

#[test]
fn a_dry_poll_shows_everything_and_stores_nothing() {
    let farm = mended_farm();
    let (dir, config) = home(&farm, "");
    let (code, out, err) =
        said(&run(&["feeds", "poll", "--dry-run", &farm.url("/old"), "--config", &config]));
    assert_eq!((code, err.as_str()), (0, ""), "{out}");
    golden("feeds-poll", &farm, &out);
    assert!(!dir.path().join("state").exists(), "nothing is stored");
    assert_eq!(farm.visits("/old").len(), 1);
}

#[test]
fn a_dry_poll_as_json_has_every_item_and_every_key() {
    let farm = mended_farm();
    let (_dir, config) = home(&farm, "");
    let url = farm.url("/old");
    let args = ["feeds", "poll", "--dry-run", "--json", &url, "--config", &config];
    let (code, out, err) = said(&run(&args));
    assert_eq!(code, 0, "{err}");
    let got: Value = serde_json::from_str(&out).unwrap();
    let ledger = |new: bool, repeated: bool| {
        json!({
            "title": "Café owners see gallium exports fall", "link": "https://news.example/1",
            "published_at": "2025-06-05T10:00:00Z", "published_ms": 1_749_117_600_000_u64, "guid": "g1",
            "summary": "Text", "content": "", "author": null, "tags": ["metals"], "lang": "en-gb",
            "new": new, "repeated": repeated, "topics": ["rare-earths"],
        })
    };
    let rain = json!({
        "title": "Rain is expected", "link": null, "published_at": null, "published_ms": null, "guid": "g2",
        "summary": "", "content": "", "author": null, "tags": [], "lang": "en-gb", "new": true,
        "repeated": false, "topics": [],
    });
    assert_eq!(
        got,
        json!({
            "url": url, "final_url": farm.url("/new"), "status": 200,
            "redirects": [{"status": 301, "to": farm.url("/new")}], "content_type": "text/xml",
            "kind": "RSS", "title": "Ledger", "lang": "en-gb", "stored": false,
            "warnings": got["warnings"], "items": [ledger(true, false), rain, ledger(false, true)],
        }),
    );
    assert!(got["warnings"].to_string().contains("windows-1252"), "{}", got["warnings"]);
    assert_eq!(said(&run(&args)).1, out, "the same body gives the same words");
}

#[test]
fn a_stored_body_is_read_without_network_or_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let body = dir.path().join("body.xml");
    fs::write(&body, feed().body).unwrap();
    let body = body.to_str().unwrap();
    let url = "https://nowhere.example/feed";
    let args = ["feeds", "poll", "--dry-run", "--json", "--file", body, "--content-type", "text/xml", url];
    let (code, out, err) = said(&run(&args));
    assert_eq!(code, 0, "{err}");
    let got: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&got["url"], &got["status"], &got["content_type"]),
        (&url.into(), &Value::Null, &"text/xml".into())
    );
    assert_eq!(got["items"].as_array().unwrap().len(), 2);
    assert_eq!(got["items"][0]["topics"], json!(["rare-earths"]));
    let text = String::from_utf8(feed().body).unwrap();
    let from_stdin =
        said(&run_with_input(&["feeds", "poll", "--dry-run", "--json", "--file", "-", url], &text));
    assert_eq!(from_stdin.1.replace("\"content_type\": null", "\"content_type\": \"text/xml\""), out);
    let (code, out, err) =
        said(&run_with_input(&["feeds", "poll", "--dry-run", "--json", "--file", "-", url], "<html>"));
    let got: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &got["error_kind"], &got["items"]), (1, &"not-a-feed".into(), &json!([])));
    assert!(err.contains("an HTML page, not a feed") && err.contains("help: "), "{err}");
    let missing = said(&run(&["feeds", "poll", "--dry-run", "--file", "/nonexistent/body", url]));
    assert!(missing.0 == 1 && missing.2.contains("cannot read /nonexistent/body"), "{}", missing.2);
}

#[test]
fn a_dry_poll_knows_what_is_stored() {
    let farm = Farm::start();
    farm.set("/feed", feed());
    let (_dir, config) = home(&farm, "");
    assert_eq!(said(&run(&["run", "--once", "--config", &config])).0, 0);
    let text = String::from_utf8(feed().body).unwrap();
    let fresh =
        "<item><guid>g9</guid><title>Dysprosium is dear</title><link>https://news.example/9</link></item>";
    farm.set("/feed", Page::ok("text/xml", text.replacen("<item>", &format!("{fresh}<item>"), 1)));
    let url = farm.url("/feed");
    let (_, out, _) = said(&run(&["feeds", "poll", "--dry-run", "--json", &url, "--config", &config]));
    let got: Value = serde_json::from_str(&out).unwrap();
    let new: Vec<&Value> = got["items"].as_array().unwrap().iter().map(|item| &item["new"]).collect();
    assert_eq!((&got["stored"], new), (&json!(true), vec![&json!(true), &json!(false), &json!(false)]));
    let bare = url.trim_start_matches("http://");
    let (code, out, _) = said(&run(&["feeds", "poll", "--dry-run", bare, "--config", &config]));
    assert!(code == 0 && out.contains("3 items, 1 new, 2 matched") && out.contains("known"), "{out}");
    let (_, out, _) = said(&run(&["items", "export", "--config", &config]));
    assert_eq!(out.lines().count(), 2, "nothing was stored");
}

#[test]
fn an_item_with_nothing_in_it_is_shown_and_never_called_new() {
    let url = "https://news.example/feed";
    let body =
        "<rss version=\"2.0\"><channel><title>T</title><item/><item><title>a</title></item></channel></rss>";
    let args = ["feeds", "poll", "--dry-run", "--json", "--file", "-", url];
    let (code, out, _) = said(&run_with_input(&args, body));
    let got: Value = serde_json::from_str(&out).unwrap();
    let new: Vec<&Value> = got["items"].as_array().unwrap().iter().map(|item| &item["new"]).collect();
    assert_eq!((code, new), (0, vec![&json!(false), &json!(true)]));
    let (_, out, _) = said(&run_with_input(&["feeds", "poll", "--dry-run", "--file", "-", url], body));
    assert!(out.contains("2 items, 1 new") && out.contains("\nempty "), "{out}");
}

#[test]
fn the_way_to_a_failure_is_told() {
    let farm = Farm::start();
    farm.set("/old", Page::status(301).with("Location", "/gone"));
    farm.set("/loop", Page::status(302).with("Location", "/loop"));
    let (_dir, config) = home(&farm, "");
    let poll = |path: &str| {
        let url = farm.url(path);
        let (code, out, err) =
            said(&run(&["feeds", "poll", "--dry-run", "--json", &url, "--config", &config]));
        assert_eq!(code, 1);
        (serde_json::from_str::<Value>(&out).unwrap(), err)
    };
    let (got, _) = poll("/old");
    let gone = json!(farm.url("/gone"));
    assert_eq!((&got["redirects"], &got["final_url"]), (&json!([{"status": 301, "to": gone}]), &gone));
    let (got, err) = poll("/loop");
    assert_eq!(got["redirects"].as_array().map(Vec::len), Some(5));
    assert!(!err.contains("may not go there") && err.contains("look for another"), "{err}");
}

#[test]
fn a_failure_is_told_with_what_helps_against_it() {
    let farm = Farm::start();
    farm.set("/private", Page::status(401));
    farm.set("/busy", Page::status(429).with("Retry-After", "3600"));
    let page = "<html><head><link rel='alternate' type='application/rss+xml' href='/feed'></head>";
    farm.set("/page", Page::ok("text/html", page));
    let (_dir, config) = home(&farm, "");
    let told = |command: &[&str], path: &str| {
        let url = farm.url(path);
        said(&run(&[command, &[&url, "--config", &config]].concat())).2
    };
    for command in [&["feeds", "poll", "--dry-run"][..], &["feeds", "add"], &["feeds", "discover"]] {
        let err = told(command, "/private");
        assert!(err.contains("help: a login is wanted") && !err.contains("moved"), "{command:?}: {err}");
        let err = told(command, "/busy");
        assert!(err.contains("note: the server asks to wait until 20"), "{command:?}: {err}");
    }
    let err = told(&["feeds", "poll", "--dry-run"], "/page");
    assert!(err.contains(&format!("wirewatch feeds discover '{}'", farm.url("/page"))), "{err}");
    assert!(!err.contains("moved"), "{err}");
}

#[test]
fn a_store_that_cannot_be_read_does_not_stop_a_dry_poll() {
    let farm = Farm::start();
    farm.set("/feed", feed());
    let (dir, config) = home(&farm, "");
    fs::create_dir(dir.path().join("state")).unwrap();
    fs::write(dir.path().join("state/wirewatch.db"), "no database ".repeat(500)).unwrap();
    let url = farm.url("/feed");
    let (code, out, err) = said(&run(&["feeds", "poll", "--dry-run", "--json", &url, "--config", &config]));
    let got: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &got["stored"], &got["items"][0]["new"]), (0, &Value::Null, &Value::Null));
    assert!(err.contains("what is new is not known"), "{err}");
    let (_, out, _) = said(&run(&["feeds", "poll", "--dry-run", &url, "--config", &config]));
    assert!(out.contains("what is new is not known, 1 matched"), "{out}");
}

#[test]
fn all_feeds_are_tried_and_one_bad_one_fails_the_run() {
    let farm = Farm::start();
    farm.set("/feed", feed());
    farm.set("/page", Page::ok("text/html", "<html><body>Hello"));
    let more =
        format!("[[feed]]\nurl = \"{}\"\n[[feed]]\nurl = \"{}\"\n", farm.url("/gone"), farm.url("/page"));
    let (dir, config) = home(&farm, &more);
    let (code, out, err) = said(&run(&["feeds", "poll", "--dry-run", "--all", "--config", &config]));
    assert_eq!((code, err.as_str()), (1, "wirewatch: 2 of 3 feeds could not be read\n"));
    golden("feeds-poll-all", &farm, &out);
    let args = ["feeds", "poll", "--dry-run", "--all", "--json", "--config", &config];
    let lines = json_lines(&said(&run(&args)).1);
    let kinds: Vec<&Value> = lines.iter().map(|line| &line["error_kind"]).collect();
    assert_eq!(kinds, [&Value::Null, &"client-error".into(), &"not-a-feed".into()]);
    assert_eq!((&lines[1]["status"], &lines[1]["url"]), (&json!(404), &farm.url("/gone").into()));
    assert!(!dir.path().join("state").exists());
}

#[test]
fn a_poll_for_real_asks_a_liar_in_full() {
    let farm = Farm::start();
    farm.set("/feed", feed());
    let (dir, config) = home(&farm, "");
    let poll = || assert_eq!(said(&run(&["feeds", "poll", &farm.url("/feed"), "--config", &config])).0, 0);
    poll();
    poll();
    let path = Store::open_read_only(&dir.path().join("state")).unwrap().path().to_owned();
    let store = rusqlite::Connection::open(path).unwrap();
    store.execute("UPDATE feed SET liar_since_at_ms = unixepoch() * 1000", []).unwrap();
    poll();
    let visits = farm.visits("/feed");
    let asked: Vec<bool> = visits.iter().map(|visit| visit.header("if-none-match").is_some()).collect();
    assert_eq!(asked, [false, true, false]);
}

#[test]
fn a_poll_for_real_stores_what_it_finds() {
    let farm = Farm::start();
    farm.set("/feed", feed());
    let more = format!("[[feed]]\nurl = \"{}\"\n", farm.url("/other"));
    let (dir, config) = home(&farm, &more);
    let url = farm.url("/feed");
    let poll = |url: &str| said(&run(&["feeds", "poll", url, "--config", &config]));
    let (code, out, err) = poll(&url);
    assert!(code == 0 && out.contains("2 items, 2 new and stored, 1 matched"), "{out}{err}");
    assert_eq!(said(&run(&["items", "export", "--config", &config])).1.lines().count(), 2);
    let (code, out, _) = poll(&format!("{url}/"));
    assert!(code == 0 && out.contains("nothing changed"), "{out}");
    assert!(farm.visits("/feed")[1].header("if-none-match").is_some(), "as the service asks");
    assert!(farm.visits("/other").is_empty(), "only that feed");
    let (code, _, err) = poll(&farm.url("/other"));
    assert!(code == 1 && err.contains("404 Not Found") && err.contains("feeds discover"), "{err}");
    let (code, _, err) = poll("https://unknown.example/feed");
    assert!(code == 2 && err.contains("is not configured") && err.contains("--dry-run"), "{err}");
    farm.set("/other", Page::status(429).with("Retry-After", "3600"));
    assert!(poll(&farm.url("/other")).2.contains("asks to wait until"));
    let (code, _, err) = poll(&farm.url("/other"));
    assert!(code == 1 && err.contains("its server asked to wait until"), "{err}");
    assert_eq!(farm.visits("/other").len(), 2);

    let _service = Store::open(&dir.path().join("state")).unwrap();
    let (code, _, err) = poll(&url);
    let told = "add --dry-run, or stop the service first: systemctl stop wirewatch";
    assert!(code == 1 && err.contains("wirewatch is running") && err.contains(told), "{err}");
    assert_eq!(said(&run(&["feeds", "poll", "--dry-run", &url, "--config", &config])).0, 0);
}

#[test]
fn what_is_polled_for_real_is_mailed_by_the_next_round() {
    let farm = Farm::start();
    farm.set("/feed", feed());
    let (dir, config) = home(&farm, "");
    let (_, out, _) = said(&run(&["feeds", "poll", &farm.url("/feed"), "--config", &config]));
    assert!(out.contains("the mail goes out when wirewatch runs"), "{out}");
    assert!(!dir.path().join("state/maildir/new").exists());
    assert_eq!(said(&run(&["run", "--once", "--config", &config])).0, 0);
    assert_eq!(fs::read_dir(dir.path().join("state/maildir/new")).unwrap().count(), 1);
}

#[test]
fn the_list_shows_how_feeds_fare() {
    let farm = Farm::start();
    farm.set("/feed", feed());
    let more = format!("[[feed]]\nurl = \"{}\"\ntitle = \"Ledger\"\ninterval = \"2h\"\n", farm.url("/gone"));
    let (_dir, config) = home(&farm, &more);
    assert_eq!(said(&run(&["run", "--once", "--config", &config])).0, 0);
    let list = |more: &[&str]| said(&run(&[&["feeds", "list", "--config", &config], more].concat()));
    let (code, out, _) = list(&[]);
    assert_eq!(code, 0);
    let lines: Vec<&str> = out.lines().collect();
    assert!(lines[0].starts_with("HEALTH") && lines[0].ends_with("PROBLEM"), "{out}");
    assert!(lines[1].starts_with("ok") && lines[1].contains("Farm"), "{out}");
    assert!(
        lines[2].starts_with("degraded") && lines[2].ends_with("the server answered 404 Not Found"),
        "{out}"
    );
    let about = format!("\nLedger  {}\n  degraded", farm.url("/gone"));
    assert!(out.contains(&about) && out.contains("failed once, was never read"), "{out}");
    assert!(
        out.contains(
            "  the server answered 404 Not Found; the feed may have moved: `wirewatch feeds discover"
        ),
        "{out}"
    );
    assert!(list(&["--sort", "worst"]).1.lines().nth(1).unwrap().starts_with("degraded"));
    let failing: Value = serde_json::from_str(&list(&["--failing", "--json"]).1).unwrap();
    assert_eq!(failing.as_array().unwrap().len(), 1);
    let row = &failing[0];
    for (key, value) in [
        ("url", json!(farm.url("/gone"))),
        ("title", json!("Ledger")),
        ("health", json!("degraded")),
        ("failures", json!(1)),
        ("failure_kind", json!("client-error")),
        ("failure", json!("the server answered 404 Not Found")),
        ("interval_s", json!(7_200)),
        ("lag_s", Value::Null),
        ("marks", json!([])),
    ] {
        assert_eq!(row[key], value, "{key}: {row}");
    }
    farm.set("/gone", feed());
    assert_eq!(said(&run(&["run", "--once", "--config", &config])).0, 0);
    assert_eq!(list(&["--failing"]).1, "every feed fares well\n");
}

#[test]
fn feeds_of_another_reader_are_taken_over() {
    let (dir, config) = home(&Farm::start(), "");
    let opml = dir.path().join("my feeds.opml");
    fs::write(
        &opml,
        "<opml version=\"1.1\"><body><outline text=\"Metals\"><outline text=\"Ledger\" xmlUrl=\"https://ledger.example/rss\"/>\
         <outline text=\"Deep\"><outline title=\"Deep one\" xmlUrl=\"feed://deep.example/rss\"/></outline>\
         <outline xmlUrl=\"http://LEDGER.example/rss/\"/><outline xmlUrl=\"https://ledger.example/rss\"/>\
         <outline title=\"Bad\" xmlUrl=\"ftp://x.example/\"/><outline xmlUrl=\"http://10.1.2.3/rss\"/></outline></body></opml>",
    )
    .unwrap();
    let opml = opml.to_str().unwrap();
    let (code, out, err) = said(&run(&["feeds", "import", opml, "--dry-run", "--config", &config]));
    assert!(code == 0 && out.contains("new: https://ledger.example/rss\n"), "{out}");
    assert!(!dir.path().join("conf.d").exists(), "a dry run writes nothing");
    for told in [
        "left out ftp://x.example/: only http and https are read",
        "left out https://ledger.example/rss: named more than once",
        "left out http://ledger.example/rss/: the same feed is named before",
        "http://10.1.2.3/rss will not be visited",
    ] {
        assert!(err.contains(told), "{told}: {err}");
    }
    let (code, out, err) = said(&run(&["feeds", "import", opml, "--config", &config]));
    assert!(
        code == 0 && out.contains("3 feeds written") && out.contains("systemctl reload wirewatch"),
        "{out}{err}"
    );
    let (code, out, err) = said(&run(&["check", "--config", &config]));
    assert!(code == 0 && out.contains("feeds         4"), "{out}{err}");
    let (code, out, _) = said(&run(&["feeds", "import", opml, "--config", &config]));
    assert!(code == 0 && out.contains("4 of them already configured"), "{out}");
    // The other reader has one more feed by now.
    fs::write(opml, "<opml><body><outline xmlUrl='https://later.example/rss'/></body></opml>").unwrap();
    let (code, out, _) = said(&run(&["feeds", "import", opml, "--config", &config]));
    assert!(code == 0 && out.contains("1 feed written"), "{out}");
    assert!(said(&run(&["check", "--config", &config])).1.contains("feeds         5"));
}

#[test]
fn odd_entries_of_an_opml_file_do_not_spoil_the_configuration() {
    let (dir, config) = home(&Farm::start(), "");
    let opml = dir.path().join("odd.opml");
    let long = "x".repeat(300);
    let far = "x".repeat(9_000);
    fs::write(
        &opml,
        format!(
            "<opml><body><outline text=\"{long}\" xmlUrl=\"https://long.example/rss\"/>\
             <outline text=\"a&#10;b\" xmlUrl=\"https://lines.example/rss\"/>\
             <outline xmlUrl=\"https://far.example/{far}\"/>\
             <outline text=\"login\" xmlUrl=\"https://me:hunter2@login.example/rss\"/></body></opml>"
        ),
    )
    .unwrap();
    let import = || said(&run(&["feeds", "import", opml.to_str().unwrap(), "--config", &config]));
    let (code, out, err) = import();
    assert!(code == 0 && out.contains("2 feeds written"), "{out}{err}");
    assert!(err.contains("left out a feed of login.example") && !err.contains("hunter2"), "{err}");
    assert!(err.contains("longer than 8000 bytes"), "{err}");
    assert_eq!(said(&run(&["check", "--config", &config])).0, 0);

    // An import that the configuration would not bear leaves it as it was.
    let target = dir.path().join("conf.d/feeds-odd.toml");
    let before = "feed = [{ url = \"https://same.example/rss\" }] # mine";
    fs::write(&target, before).unwrap();
    let (code, _, err) = import();
    assert!(code == 3 && err.contains("feeds-odd.toml:"), "{err}");
    assert_eq!(fs::read_to_string(&target).unwrap(), before);
    assert_eq!(fs::read_dir(dir.path().join("conf.d")).unwrap().count(), 1);

    for (content, why) in [("", "empty"), ("<html></html>", "not an OPML document")] {
        fs::write(&opml, content).unwrap();
        let (code, _, err) = import();
        assert!(code == 1 && err.contains(why) && err.contains("help: export"), "{why}: {err}");
        assert!(!err.contains("answer") && !err.contains("not a feed"), "a file was read: {err}");
    }
    fs::write(&opml, " ".repeat((8 << 20) + 1)).unwrap();
    assert!(import().2.contains("longer than 8 MiB"));
}

#[test]
fn what_is_exported_is_imported_equal_and_other_readers_can_read_it() {
    let farm = Farm::start();
    farm.set("/feed", feed());
    let more = "[[feed]]\nurl = \"https://b.example/rss?a=1&amp;b='2'&token=t0p\"\ntitle = 'Metals & <ores> \"daily\" 稀土'\n\
                [[feed]]\nurl = \"https://c.example/rss\"\n";
    let (dir, config) = home(&farm, more);
    assert_eq!(said(&run(&["feeds", "poll", &farm.url("/feed"), "--config", &config])).0, 0);
    let (code, out, err) = said(&run(&["feeds", "export", "--config", &config]));
    assert_eq!(code, 0, "{err}");
    golden("feeds-export", &farm, &out);
    assert!(err.contains("1 address may hold a token") && !err.contains("t0p"), "{err}");
    let file = dir.path().join("out.opml");
    let file = file.to_str().unwrap();
    assert_eq!(said(&run(&["feeds", "export", file, "--config", &config])).0, 0);
    assert_eq!(fs::read_to_string(file).unwrap(), out);
    let (code, _, err) = said(&run(&["feeds", "export", file, "--config", &config]));
    assert!(code == 1 && err.contains("exists already"), "{err}");

    let other = tempfile::tempdir().unwrap();
    let copy = other.path().join("wirewatch.toml");
    fs::write(&copy, "[state]\ndir = \"state\"\n").unwrap();
    let copy = copy.to_str().unwrap();
    assert_eq!(said(&run(&["feeds", "import", file, "--config", copy])).0, 0);
    assert_eq!(said(&run(&["feeds", "export", "--config", copy])).1, out);
}

#[test]
fn wrong_arguments_end_with_2_and_say_what_to_do() {
    let (_dir, config) = home(&Farm::start(), "");
    let check = |args: &[&str], told: &str| {
        let (code, out, err) = said(&run(&[&["feeds"], args, &["--config", &config]].concat()));
        assert!(code == 2 && out.is_empty() && err.contains(told), "{args:?}: {code} {out}{err}");
        assert!(!err.contains("hunter2"), "{err}");
    };
    check(&["poll"], "<URL>");
    check(&["poll", "--all"], "--dry-run");
    check(&["poll", "--dry-run", "--all", "https://a.example/"], "cannot be used with");
    check(&["poll", "--dry-run", "--content-type", "text/xml", "https://a.example/"], "--file");
    check(&["poll", "--json", "https://a.example/"], "--dry-run");
    check(&["poll", "--dry-run", "ftp://a.example/"], "http and https only");
    check(&["poll", "--dry-run", "https://me:hunter2@a.example/"], "before the @");
    check(&["add"], "<URL>");
    check(&["add", "a b"], "write an address such as");
    check(&["add", "https://a.example/", "--nth", "0"], "--nth");
    check(&["add", "https://a.example/", "--title", " "], "write one line of 1 to 200 characters");
    check(&["add", "https://a.example/", "--interval", "soon"], "write a duration such as 5m");
    check(&["add", "https://a.example/", "--interval", "10s"], "shorter than min_interval (1m)");
    check(&["discover", "javascript:alert(1)"], "no address");
    check(&["list", "--sort", "best"], "worst");
}

#[test]
fn every_command_says_what_it_does() {
    let (_, help, _) = said(&run(&["feeds", "--help"]));
    let named: BTreeSet<&str> =
        help.lines().filter_map(|line| line.strip_prefix("  ")?.split_whitespace().next()).collect();
    for command in ["list", "add", "discover", "poll", "import", "export"] {
        assert!(named.contains(command), "{command}: {help}");
        let (code, out, _) = said(&run(&["feeds", command, "--help"]));
        assert!(code == 0 && out.contains("--config"), "{out}");
    }
}
