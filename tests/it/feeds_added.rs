//! `feeds add` and `feeds discover` as users type them, on pages good and hostile.

use std::{fs, os::unix::fs::PermissionsExt};

use serde_json::{Value, json};

use crate::{
    cli::{feed, home, run, said},
    feeds::golden,
    harness::farm::{Farm, Page},
};

fn page(links: &str) -> Page {
    Page::ok(
        "text/html",
        format!("<!DOCTYPE html><html><head><title>Site</title>{links}</head><body>Hello</body></html>"),
    )
}

fn link(href: &str) -> String {
    format!("<link rel=\"alternate\" type=\"application/rss+xml\" href=\"{href}\">")
}

/// Three dated items, two of which a topic matches.
fn ledger() -> Page {
    let item = |n: u32, day: u32, title: &str| {
        format!(
            "<item><guid>l{n}</guid><title>{title}</title><link>https://ledger.example/{n}</link>\
             <pubDate>{day:02} Jun 2025 10:00:00 GMT</pubDate></item>"
        )
    };
    let items = [
        item(1, 5, "Gallium exports fall"),
        item(2, 4, "Rain is expected"),
        item(3, 3, "Germanium exports rise"),
    ];
    Page::ok(
        "application/rss+xml",
        format!(
            "<rss version=\"2.0\"><channel><title>Ledger of metals</title><language>en</language>\
             <link>https://ledger.example/</link><description>d</description>{}</channel></rss>",
            items.concat()
        ),
    )
}

fn paths(farm: &Farm) -> Vec<String> {
    farm.log().into_iter().map(|request| request.path).collect()
}

#[test]
fn a_feed_is_shown_and_then_written_beside_the_configuration() {
    let farm = Farm::start();
    farm.set("/ledger", ledger());
    let (dir, config) = home(&farm, "");
    let url = farm.url("/ledger");
    let add = |more: &[&str]| said(&run(&[&["feeds", "add", "--config", &config], more].concat()));
    let (code, out, err) = add(&[&url, "--dry-run"]);
    assert_eq!((code, err.as_str()), (0, ""));
    golden("feeds-add", &farm, &out);
    assert!(!dir.path().join("conf.d").exists(), "a dry run writes nothing");

    // Without a scheme https is tried first; this farm speaks only http.
    let bare = url.trim_start_matches("http://");
    let (code, out, err) = add(&[bare, "--title", "My \"ledger\"", "--interval", "5m"]);
    assert!(code == 0 && out.contains("systemctl reload wirewatch"), "{out}{err}");
    let file = dir.path().join("conf.d/feeds-added.toml");
    let text = fs::read_to_string(&file).unwrap();
    let entry = format!("\n[[feed]]\nurl = \"{url}\"\ntitle = 'My \"ledger\"'\ninterval = \"5m\"\n");
    assert!(text.starts_with("# Feeds added by") && text.ends_with(&entry), "{text}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
    assert!(said(&run(&["check", "--config", &config])).1.contains("feeds         2"));

    let visits = farm.log().len();
    for same in [url.clone(), format!("{url}/"), url.replace("http:", "https:"), bare.to_owned()] {
        let (code, out, _) = add(&[&same]);
        assert!(
            code == 0 && out.contains("already configured") && out.contains("nothing was written"),
            "{out}"
        );
    }
    assert_eq!((farm.log().len(), fs::read_to_string(&file).unwrap()), (visits, text.clone()));

    // Others are added behind it, and comments stay.
    fs::write(&file, format!("{text}# mine")).unwrap();
    farm.set("/second", feed());
    assert_eq!(add(&[&farm.url("/second")]).0, 0);
    let second = format!("# mine\n\n[[feed]]\nurl = \"{}\"\n", farm.url("/second"));
    assert_eq!(fs::read_to_string(&file).unwrap(), format!("{text}{second}"));
    assert_eq!(fs::read_dir(dir.path().join("conf.d")).unwrap().count(), 1, "nothing else is left there");
}

#[test]
fn a_configuration_that_would_be_refused_is_put_back() {
    let farm = Farm::start();
    farm.set("/ledger", ledger());
    let (dir, config) = home(&farm, "");
    fs::create_dir(dir.path().join("conf.d")).unwrap();
    let file = dir.path().join("conf.d/feeds-added.toml");
    let before = "feed = [{ url = \"https://same.example/rss\" }]";
    fs::write(&file, before).unwrap();
    let (code, _, err) = said(&run(&["feeds", "add", &farm.url("/ledger"), "--config", &config]));
    assert!(code == 3 && err.contains("feeds-added.toml:"), "{err}");
    assert_eq!(fs::read_to_string(&file).unwrap(), before);
}

#[test]
fn feeds_added_at_once_are_all_kept() {
    let farm = Farm::start();
    let (dir, config) = home(&farm, "");
    let paths: Vec<String> = (0..6).map(|n| format!("/f{n}")).collect();
    std::thread::scope(|scope| {
        for path in &paths {
            farm.set(path, ledger());
            let (url, config) = (farm.url(path), &config);
            scope.spawn(move || assert_eq!(said(&run(&["feeds", "add", &url, "--config", config])).0, 0));
        }
    });
    let text = fs::read_to_string(dir.path().join("conf.d/feeds-added.toml")).unwrap();
    paths.iter().for_each(|path| assert_eq!(text.matches(&format!("{path}\"")).count(), 1, "{path}: {text}"));
    assert!(said(&run(&["check", "--config", &config])).1.contains("feeds         7"));
}

#[test]
fn a_feed_is_known_where_it_was_found_to_have_moved_to() {
    let farm = Farm::start();
    farm.set("/feed", feed());
    let (dir, config) = home(&farm, "");
    assert_eq!(said(&run(&["feeds", "poll", &farm.url("/feed"), "--config", &config])).0, 0);
    let database = rusqlite::Connection::open(dir.path().join("state/wirewatch.db")).unwrap();
    database.execute("UPDATE feed SET moved_to = 'https://moved.example/rss'", []).unwrap();
    drop(database);
    let (code, out, err) = said(&run(&["feeds", "add", "moved.example/rss/", "--config", &config]));
    let told = format!("already configured as {}", farm.url("/feed"));
    assert!(code == 0 && out.contains(&told), "{out}{err}");
    let (_, out, _) = said(&run(&["feeds", "list", "--config", &config]));
    assert!(
        out.contains("ok, moved") && out.contains("moved to https://moved.example/rss, which is polled"),
        "{out}"
    );
}

#[test]
fn the_feed_behind_a_page_is_found() {
    let farm = Farm::start();
    farm.set("/", page(&link("/ledger")));
    farm.set("/ledger", ledger());
    let (dir, config) = home(&farm, "");
    let (code, out, err) = said(&run(&["feeds", "add", &farm.url("/"), "--config", &config]));
    assert!(code == 0 && out.contains("added Ledger of metals to"), "{out}{err}");
    let text = fs::read_to_string(dir.path().join("conf.d/feeds-added.toml")).unwrap();
    assert!(text.contains(&farm.url("/ledger")), "{text}");
    assert_eq!(paths(&farm), ["/", "/ledger"], "nothing is guessed");
    let (code, out, _) = said(&run(&["feeds", "add", &farm.url("/"), "--config", &config]));
    assert!(code == 0 && out.contains("already configured"), "{out}");
}

#[test]
fn of_several_feeds_one_must_be_chosen() {
    let farm = Farm::start();
    farm.set("/", page(&["/ledger", "/none", "/other"].map(link).concat()));
    farm.set("/ledger", ledger());
    farm.set("/other", feed());
    let (dir, config) = home(&farm, "");
    let add =
        |more: &[&str]| said(&run(&[&["feeds", "add", &farm.url("/"), "--config", &config], more].concat()));
    let (code, out, err) = add(&[]);
    assert_eq!(code, 1);
    golden("feeds-add-several", &farm, &format!("{out}{err}"));
    assert!(!dir.path().join("conf.d").exists());
    let (code, _, err) = add(&["--nth", "3"]);
    assert!(code == 2 && err.contains("offers 2 feeds"), "{err}");
    let (code, out, err) = add(&["--nth", "2"]);
    assert!(code == 0 && out.contains("added Farm"), "{out}{err}");
}

#[test]
fn guesses_are_few_and_end_at_the_first_feed() {
    let farm = Farm::start();
    farm.set("/news/", page(""));
    farm.set("/rss.xml", ledger());
    let (_dir, config) = home(&farm, "");
    let (code, out, err) = said(&run(&["feeds", "add", &farm.url("/news/"), "--config", &config]));
    assert!(code == 0 && out.contains("added Ledger of metals"), "{out}{err}");
    assert_eq!(paths(&farm), ["/news/", "/feed", "/rss.xml"]);

    let bare = Farm::start();
    bare.set("/", page(""));
    let (_dir, config) = home(&bare, "");
    let (code, _, err) = said(&run(&["feeds", "add", &bare.url("/"), "--config", &config]));
    assert_eq!(code, 1);
    golden("feeds-add-none", &bare, &err);
    assert_eq!(paths(&bare), ["/", "/feed", "/rss.xml", "/atom.xml", "/feed.json", "/news-sitemap.xml"]);

    // A server in trouble is not asked again.
    let down = Farm::start();
    down.set("/", Page::status(503));
    let (_dir, config) = home(&down, "");
    let (code, _, err) = said(&run(&["feeds", "add", &down.url("/"), "--config", &config]));
    assert!(code == 1 && err.contains("503 Service Unavailable") && err.contains("help: "), "{err}");
    assert_eq!(paths(&down), ["/"]);
}

#[test]
fn a_feed_that_moved_is_told_and_known_where_it_leads_to() {
    let farm = Farm::start();
    farm.set("/feed", feed());
    farm.set("/ledger", ledger());
    farm.set("/old", Page::status(301).with("Location", "/ledger"));
    farm.set("/alias", Page::status(302).with("Location", "/feed"));
    farm.set("/", page(&link("/old")));
    let (dir, config) = home(&farm, "");
    let add =
        |url: &str, more: &[&str]| said(&run(&[&["feeds", "add", url, "--config", &config], more].concat()));
    let (code, out, _) = add(&farm.url("/old"), &["--dry-run"]);
    let told = format!("better add the new address: wirewatch feeds add '{}'", farm.url("/ledger"));
    assert!(code == 0 && out.contains(&told) && out.contains("301 (permanent)"), "{out}");
    let (code, out, _) = add(&farm.url("/alias"), &[]);
    assert!(code == 0 && out.contains(&format!("already configured as {}", farm.url("/feed"))), "{out}");
    // An address that nobody typed is written as it is now.
    assert_eq!(add(&farm.url("/"), &[]).0, 0);
    let text = fs::read_to_string(dir.path().join("conf.d/feeds-added.toml")).unwrap();
    assert!(text.contains("/ledger\"") && !text.contains("/old"), "{text}");
    let (code, out, _) = add(&farm.url("/old"), &[]);
    assert!(code == 0 && out.contains("already configured as"), "{out}");
}

#[test]
fn what_cannot_be_relied_on_is_warned_of() {
    let farm = Farm::start();
    farm.set(
        "/undated",
        Page::ok(
            "text/xml",
            "<rss version='2.0'><channel><title>U</title><item><title>A & B</title></item></channel></rss>",
        ),
    );
    farm.set("/empty", Page::rss(&[]));
    let (_dir, config) = home(&farm, "");
    let check = |path: &str, told: &[&str]| {
        let (code, out, err) =
            said(&run(&["feeds", "add", &farm.url(path), "--dry-run", "--config", &config]));
        assert_eq!(code, 0, "{err}");
        told.iter().for_each(|told| assert!(out.contains(told), "{told}: {out}"));
    };
    check("/undated", &["no item has a date", "mended on reading", "http only", "undated"]);
    check("/empty", &["the feed is empty at present", "no item matches rare-earths"]);
}

#[test]
fn hostile_pages_cost_little_and_lead_nowhere() {
    let farm = Farm::start();
    let (_dir, config) = home(&farm, "");
    let discover = |path: &str| said(&run(&["feeds", "discover", &farm.url(path), "--config", &config]));

    // Ten feeds are checked, however many are offered.
    for (links, checked, more) in
        [(10, 10, None), (11, 10, Some("and 1 more")), (10_000, 10, Some("and 10 more"))]
    {
        let path = format!("/many{links}");
        farm.set(&path, page(&(0..links).map(|n| link(&format!("/f{links}-{n}"))).collect::<String>()));
        let (code, out, err) = discover(&path);
        assert_eq!(code, 1, "{err}");
        let visits = farm.log().iter().filter(|r| r.path.starts_with(&format!("/f{links}-"))).count();
        assert_eq!(visits, checked);
        more.iter().for_each(|more| assert!(out.contains(more), "{out}"));
    }

    let before = farm.log().len();
    farm.set(
        "/lan",
        page(
            &[
                "http://10.0.0.1/feed",
                "http://[::ffff:169.254.169.254]/latest",
                "javascript:alert(1)",
                "file:///etc/passwd",
                "data:text/xml,<rss/>",
            ]
            .map(link)
            .concat(),
        ),
    );
    let (code, out, err) = discover("/lan");
    assert_eq!(code, 1);
    assert!(out.contains("10.0.0.1 is") && out.contains("allow it under [fetch] allow"), "{out}{err}");
    assert!(
        out.contains("169.254.169.254") && !out.contains("javascript") && !out.contains("passwd"),
        "{out}"
    );
    assert_eq!(farm.log().len(), before + 1, "nothing but the page was visited");
    let (code, _, err) = said(&run(&["feeds", "add", &farm.url("/lan"), "--config", &config]));
    assert!(code == 1 && err.contains("none checked can be read"), "{err}");

    // A command that is offered for copying is one command, whatever a page put into the address.
    farm.set("/quote", page(&["/ledger", "/a';reboot;'"].map(link).concat()));
    farm.set("/ledger", ledger());
    farm.set("/a';reboot;'", feed());
    let (_, _, err) = said(&run(&["feeds", "add", &farm.url("/quote"), "--config", &config]));
    assert!(err.contains(&format!("wirewatch feeds add '{}'", farm.url("/a'\\'';reboot;'\\''"))), "{err}");

    farm.set("/leap", Page::status(302).with("Location", "http://192.168.0.1/feed"));
    let (code, _, err) = said(&run(&["feeds", "add", &farm.url("/leap"), "--config", &config]));
    assert!(code == 1 && err.contains("192.168.0.1 is"), "{err}");

    farm.set("/huge", Page::ok("text/html", vec![b'<'; (8 << 20) + 1]));
    let (code, _, err) = discover("/huge");
    assert!(code == 1 && err.contains("larger than 8 MiB"), "{err}");
    farm.set("/deep", Page::ok("text/html", format!("<html>{}", "<div>".repeat(500_000))));
    assert!(discover("/deep").2.contains("offers no feed"));

    farm.set("/title", page(&link("/evil")));
    farm.set("/evil", Page::ok("text/xml\u{9b}2J", "<rss version='2.0'><channel><title>\u{9b}2J\u{202e}E&#27;[31m</title><item><title>\u{9b}31mx</title><guid>\u{9b}2J</guid></item></channel></rss>"));
    for args in [["add", "--dry-run"], ["poll", "--dry-run"]] {
        let (code, out, _) =
            said(&run(&[&["feeds"], &args[..], &[&farm.url("/evil"), "--config", &config]].concat()));
        assert_eq!(code, 0);
        assert!(out.chars().all(|c| c == '\n' || !c.is_control() && c != '\u{202e}'), "{out:?}");
    }
}

#[test]
fn discover_lists_what_a_page_offers() {
    let farm = Farm::start();
    farm.set("/", page(&["/ledger", "/none"].map(link).concat()));
    farm.set("/ledger", ledger());
    farm.set("/atom.xml", feed());
    // Leads to a feed that is there already.
    farm.set("/feed", Page::status(302).with("Location", "/ledger"));
    let (_dir, config) = home(&farm, "");
    let url = farm.url("/");
    let discover =
        |more: &[&str]| said(&run(&[&["feeds", "discover", &url, "--config", &config], more].concat()));
    let (code, out, err) = discover(&["--guess"]);
    assert_eq!((code, err.as_str()), (0, ""));
    golden("feeds-discover", &farm, &out);
    let got: Value = serde_json::from_str(&discover(&["--json"]).1).unwrap();
    let expect = json!({
        "url": url, "final_url": url, "unchecked": 0,
        "feeds": [
            {"url": farm.url("/ledger"), "how": "offered", "kind": "RSS", "title": "Ledger of metals", "items": 3,
             "newest_at": "2025-06-05T10:00:00Z", "error": null, "error_kind": null},
            {"url": farm.url("/none"), "how": "offered", "kind": null, "title": null, "items": null,
             "newest_at": null, "error": "the server answered 404 Not Found", "error_kind": "client-error"},
        ],
    });
    assert_eq!(got, expect);
    let (code, out, _) = said(&run(&["feeds", "discover", &farm.url("/ledger"), "--config", &config]));
    assert!(code == 0 && out.contains("itself"), "{out}");
    farm.set("/bare", page(""));
    let (code, out, err) = said(&run(&["feeds", "discover", &farm.url("/bare"), "--config", &config]));
    assert!(code == 1 && out.is_empty() && err.contains("try `--guess`"), "{out}{err}");
}
