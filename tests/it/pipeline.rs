//! From feed to mail, through every stage, on a manual clock.

use wirewatch::model::FailureKind;

use crate::harness::{
    app::{CONFIG, TestApp},
    farm::{Farm, Page, rss_item},
};

const CALL: &str = "Trump and Xi discuss rare earths in a phone call";

fn call(n: u32) -> String {
    rss_item(
        &format!("call-{n}"),
        &format!("{CALL}, part {n}"),
        &format!("http://farm.example/{n}"),
        TestApp::ago(30),
    )
}

fn weather(n: u32) -> String {
    rss_item(
        &format!("w-{n}"),
        &format!("Rain, day {n}"),
        &format!("http://farm.example/w{n}"),
        TestApp::ago(30),
    )
}

#[tokio::test]
async fn a_matching_item_is_alerted_once_and_is_in_the_digest_once() {
    let mut app = TestApp::start(&["/a"]).await;
    app.farm.set("/a", Page::rss(&[call(1), weather(1)]));
    app.turn().await;
    assert_eq!(app.mails().len(), 1);
    let alert = &app.mails()[0];
    assert_eq!(alert.to.address(), "desk@example.com");
    assert!(alert.subject.contains(CALL), "{}", alert.subject);
    assert!(alert.text.contains("http://farm.example/1"), "{}", alert.text);
    for _ in 0..5 {
        app.after(20).await;
    }
    assert_eq!(app.mails().len(), 1, "nothing is announced twice");
    app.after(4 * 60).await;
    let digest = &app.mails()[1];
    assert_eq!(
        (digest.to.address(), digest.text.replace('*', "").matches(&format!(". {CALL}")).count()),
        ("boss@example.com", 1),
        "{}",
        digest.text
    );
    assert!(!digest.text.contains("Rain"));
    app.after(24 * 60).await;
    assert!(
        app.mails()[2].text.contains("1/1 feeds"),
        "an empty digest shows its coverage: {}",
        app.mails()[2].text
    );
    app.end().await;
}

#[tokio::test]
async fn validators_go_back_verbatim_and_an_unchanged_feed_costs_nothing() {
    let mut app = TestApp::start(&["/a"]).await;
    let page = Page::rss(&[call(1)]).with("Last-Modified", "Thu, 05 Jun 2025 13:00:00 GMT");
    app.farm.set("/a", page.clone());
    app.turn().await;
    app.after(20).await;
    let visits = app.farm.visits("/a");
    assert_eq!(visits.iter().map(|visit| visit.answered).collect::<Vec<_>>(), [200, 304]);
    let tag = page.headers.iter().find(|(name, _)| name == "ETag").map(|(_, tag)| tag.as_str());
    assert_eq!((visits[0].header("if-none-match"), visits[1].header("if-none-match")), (None, tag));
    assert_eq!(visits[1].header("if-modified-since"), Some("Thu, 05 Jun 2025 13:00:00 GMT"));
    app.end().await;
}

#[tokio::test]
async fn a_changed_guid_or_link_does_not_announce_an_old_item_again() {
    let mut app = TestApp::start(&["/a"]).await;
    let item =
        |guid: &str, link: &str, title: &str| Page::rss(&[rss_item(guid, title, link, TestApp::ago(30))]);
    app.farm.set("/a", item("1", "http://farm.example/1", CALL));
    app.turn().await;
    for page in [
        item("changed", "http://farm.example/1", CALL),
        item("changed", "https://www.farm.example/moved?utm_source=rss", CALL),
        item("changed", "http://farm.example/moved", "Trump and Xi discuss rare earths in a long phone call"),
        item("again", "http://farm.example/third", "Trump and Xi discuss rare earths in a long phone call"),
    ] {
        app.farm.set("/a", page);
        app.after(20).await;
    }
    assert_eq!(app.subjects().len(), 1, "{:?}", app.subjects());
    app.end().await;
}

#[tokio::test]
async fn the_first_poll_is_mailed_only_as_far_as_on_add_says() {
    let items = || {
        let dated = |n: u32, minutes| {
            rss_item(
                &format!("{n}"),
                &format!("{CALL}, part {n}"),
                &format!("http://farm.example/{n}"),
                TestApp::ago(minutes),
            )
        };
        Page::rss(&[dated(1, 30), dated(2, 23 * 60), dated(3, 25 * 60), dated(4, 48 * 60)])
    };
    for (on_add, want) in [("baseline", 0), ("last:1", 1), ("last:3", 3), ("since:24h", 2), ("since:2d", 4)] {
        let farm = Farm::start();
        farm.set("/a", items());
        let feed = format!("[[feed]]\nurl = \"{}\"\non_add = \"{on_add}\"\n", farm.url("/a"));
        let mut app = TestApp::with(farm, &format!("{CONFIG}{feed}")).await;
        app.turn().await;
        assert_eq!(app.mails().len(), want, "on_add = {on_add}");
        assert_eq!(app.store.status().await.unwrap().items, 4, "all are stored");
        app.farm.set("/a", Page::rss(&[call(9)]));
        app.after(20).await;
        assert_eq!(app.mails().len(), want + 1, "later items are news");
        app.end().await;
    }
}

#[tokio::test]
async fn one_bad_feed_never_stops_the_others() {
    let mut app = TestApp::start(&["/html", "/500", "/missing", "/empty", "/deep", "/good"]).await;
    app.farm.set("/html", Page::ok("text/html", "<!doctype html><title>Hello</title><p>No feed here"));
    app.farm.set("/500", Page::status(500));
    app.farm.set("/empty", Page::ok("application/rss+xml", ""));
    let deep = format!("<rss version=\"2.0\"><channel><item>{}", "<media:group>".repeat(5_000));
    app.farm.set("/deep", Page::ok("application/rss+xml", deep));
    app.farm.set("/good", Page::rss(&[call(1)]));
    app.turn().await;
    assert_eq!(app.mails().len(), 1);
    let feeds = app.store.feeds(10).await.unwrap();
    let failed: Vec<&str> =
        feeds.iter().filter(|f| f.last_failure.is_some()).map(|f| f.url.as_str()).collect();
    assert_eq!(failed.len(), 5, "{feeds:?}");
    let missing = feeds.iter().find(|f| f.url.ends_with("/missing")).unwrap();
    assert_eq!(missing.last_failure.as_ref().unwrap().0, FailureKind::ClientError(404).as_str());
    app.end().await;
}

#[tokio::test]
async fn failures_back_off_and_retry_after_is_kept() {
    let mut app = TestApp::start(&["/a", "/b"]).await;
    app.farm.set("/a", Page::status(500));
    app.farm.set("/b", Page::status(503).with("Retry-After", "7200"));
    app.turn().await;
    for _ in 0..11 {
        app.after(10).await;
    }
    assert_eq!(app.farm.visits("/b").len(), 1, "two hours are not over");
    let early = app.farm.visits("/a").len();
    // After 15, 30 and 60 minutes, each a tenth more or less, as the address decides.
    assert!((3..=4).contains(&early), "{early} visits in 110 minutes at an interval of 15, doubling");
    app.after(20).await;
    assert_eq!(app.farm.visits("/b").len(), 2, "two hours are over");
    app.end().await;
}

#[tokio::test]
async fn one_story_in_two_feeds_is_one_alert() {
    let mut app = TestApp::start(&["/a", "/b"]).await;
    app.farm.set("/a", Page::rss(&[call(1)]));
    let same = rss_item(
        "other",
        &format!("{CALL}, part 1"),
        "https://www.farm.example/1?utm_source=x",
        TestApp::ago(29),
    );
    app.farm.set("/b", Page::rss(&[same]));
    app.turn().await;
    app.after(20).await;
    assert_eq!(app.subjects().len(), 1, "{:?}", app.subjects());
    app.end().await;
}

#[tokio::test]
async fn quiet_hours_hold_merge_and_release() {
    let farm = Farm::start();
    let config = CONFIG.replace(
        "deliver = \"alert\"",
        "deliver = \"alert\"\nquiet = { from = \"13:00\", to = \"16:00\", zone = \"UTC\" }",
    );
    let feed = format!("[[feed]]\nurl = \"{}\"\n", farm.url("/a"));
    let mut app = TestApp::with(farm, &format!("{config}{feed}")).await;
    app.farm.set("/a", Page::rss(&[call(1), call(2)]));
    app.turn().await;
    app.after(119).await;
    assert_eq!(app.mails().len(), 0, "it is quiet");
    app.after(1).await;
    assert_eq!(app.mails().len(), 1, "one mail for both");
    assert!(app.mails()[0].text.contains("part 1") && app.mails()[0].text.contains("part 2"));
    app.end().await;
}

#[tokio::test]
async fn beyond_max_per_hour_the_rest_goes_as_one_mail_and_nothing_is_dropped() {
    let farm = Farm::start();
    let config = CONFIG.replace("deliver = \"alert\"", "deliver = \"alert\"\nmax_per_hour = 2");
    let feed = format!("[[feed]]\nurl = \"{}\"\n", farm.url("/a"));
    let mut app = TestApp::with(farm, &format!("{config}{feed}")).await;
    let items: Vec<String> = (1..=6).map(call).collect();
    app.farm.set("/a", Page::rss(&items));
    app.turn().await;
    assert_eq!(app.mails().len(), 2);
    app.after(61).await;
    assert_eq!(app.mails().len(), 3);
    let all: String = app.mails().iter().map(|mail| mail.text.clone()).collect();
    for n in 1..=6 {
        assert_eq!(all.matches(&format!("{CALL}, part {n}\n")).count().max(1), 1, "part {n}");
        assert!(all.contains(&format!("part {n}")), "part {n}");
    }
    app.end().await;
}

#[tokio::test]
async fn a_missed_digest_is_caught_up_once_and_whole() {
    let mut app = TestApp::start(&["/a"]).await;
    app.farm.set("/a", Page::rss(&[call(1)]));
    app.turn().await;
    let mut app = app.killed_and_restarted().await;
    app.after(3 * 24 * 60).await;
    let digests: Vec<_> =
        app.mails().into_iter().filter(|mail| mail.to.address() == "boss@example.com").collect();
    assert_eq!(digests.len(), 1, "three evenings were missed, one mail makes up for them");
    assert!(digests[0].text.contains(CALL));
    app.end().await;
}

#[tokio::test]
async fn a_reload_takes_over_new_feeds_topics_and_readers() {
    let mut app = TestApp::start(&["/a"]).await;
    app.farm.set("/a", Page::rss(&[weather(1)]));
    app.turn().await;
    let url = app.farm.url("/b");
    app.farm.set("/b", Page::rss(&[weather(2)]));
    let config = CONFIG.replace("topics = [\"rare-earths\"", "topics = [\"rain\", \"rare-earths\"");
    app.reload(&format!(
        "{config}\n[[topic]]\nname = \"rain\"\nany = [\"rain\"]\n[[feed]]\nurl = \"{url}\"\n"
    ));
    app.turn().await;
    assert_eq!(app.subjects().len(), 1, "{:?}", app.subjects());
    assert_eq!(app.store.feeds(10).await.unwrap().len(), 1, "the feed that left is polled no more");
    app.end().await;
}

#[tokio::test]
async fn the_operator_hears_of_failing_feeds_once_and_of_their_recovery() {
    let farm = Farm::start();
    let feeds = format!("[[feed]]\nurl = \"{}\"\n[[feed]]\nurl = \"{}\"\n", farm.url("/a"), farm.url("/b"));
    let mut app =
        TestApp::with(farm, &format!("{CONFIG}{feeds}[mail]\noperator = [\"ops@example.com\"]\n")).await;
    app.farm.set("/b", Page::rss(&[weather(1)]));
    let notices = |app: &TestApp| -> Vec<String> {
        app.mails()
            .into_iter()
            .filter(|mail| mail.to.address() == "ops@example.com")
            .map(|mail| mail.text.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect()
    };
    // Until half past seven in the morning.
    for _ in 0..35 {
        app.after(30).await;
    }
    let told = notices(&app);
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("/a — it could never be read: the server answered 404"), "{}", told[0]);
    app.farm.set("/a", Page::rss(&[weather(2)]));
    app.after(24 * 60 - 60).await;
    app.after(60).await;
    let told = notices(&app);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[1].contains("answers again"), "{}", told[1]);
    app.end().await;
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_told_to_the_operator_and_the_other_reader_gets_theirs() {
    let farm = Farm::start();
    let config =
        CONFIG.replace("to = [\"desk@example.com\"]", "to = [\"gone@example.com\", \"desk@example.com\"]");
    let feed = format!("[[feed]]\nurl = \"{}\"\n[mail]\noperator = [\"ops@example.com\"]\n", farm.url("/a"));
    let mut app = TestApp::with(farm, &format!("{config}{feed}")).await;
    app.memory.refuse("gone@example.com", 550);
    app.farm.set("/a", Page::rss(&[call(1)]));
    app.turn().await;
    // Final is a refusal only once the server has taken another mail since.
    app.farm.set("/a", Page::rss(&[call(1), call(2)]));
    for _ in 0..3 {
        app.after(30).await;
    }
    let to: Vec<String> = app.mails().iter().map(|mail| mail.to.address().to_owned()).collect();
    assert_eq!(to, ["desk@example.com", "desk@example.com", "ops@example.com"]);
    assert!(
        app.mails()[2].text.contains("A mail to gone@example.com was given up"),
        "{}",
        app.mails()[2].text
    );
    assert_eq!(app.store.status().await.unwrap().dead, 2);
    app.end().await;
}

#[tokio::test]
async fn a_story_that_was_in_a_digest_is_not_in_the_next_when_another_feed_brings_it() {
    let mut app = TestApp::start(&["/a", "/b"]).await;
    app.farm.set("/a", Page::rss(&[call(1)]));
    app.farm.set("/b", Page::rss(&[weather(1)]));
    app.turn().await;
    app.after(5 * 60).await;
    app.farm.set("/b", Page::rss(&[call(1)]));
    app.after(20).await;
    app.after(24 * 60).await;
    let digests: Vec<_> =
        app.mails().into_iter().filter(|mail| mail.to.address() == "boss@example.com").collect();
    assert_eq!(digests.len(), 2);
    let told: Vec<bool> = digests.iter().map(|mail| mail.text.contains(CALL)).collect();
    assert_eq!(told, [true, false], "{}", digests[1].text);
    app.end().await;
}
