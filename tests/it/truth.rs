//! What may have been missed is said: gaps, silence, lies; and what only looks new is not announced.

use wirewatch::model::{EventKind, FeedEventReport, Timestamp};

use crate::harness::{
    app::{CONFIG, TestApp},
    farm::{Farm, Page, rss_item},
};

const CALL: &str = "Trump and Xi discuss rare earths in a phone call";

fn window(range: std::ops::Range<u32>) -> Page {
    Page::rss(&range.rev().map(TestApp::news).collect::<Vec<_>>())
}

/// One feed at `/a`, an alert reader, a digest reader, an operator.
async fn app() -> TestApp {
    let farm = Farm::start();
    let feed = format!("[[feed]]\nurl = \"{}\"\n", farm.url("/a"));
    TestApp::with(farm, &format!("{CONFIG}{feed}[mail]\noperator = [\"ops@example.com\"]\n")).await
}

async fn events(app: &TestApp, kind: EventKind) -> Vec<FeedEventReport> {
    let all = app.store.feed_events(Timestamp::MIN, 1_000).await.unwrap();
    all.into_iter().filter(|told| told.event.kind == kind).collect()
}

/// Mails to one reader.
fn mails_to(app: &TestApp, address: &str) -> Vec<String> {
    let mails = app.mails().into_iter().filter(|mail| mail.to.address() == address);
    // Lines are wrapped; what is said is not.
    mails.map(|mail| mail.text.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn alerts(app: &TestApp) -> usize {
    mails_to(app, "desk@example.com").len()
}

fn count(app: &TestApp, sql: &str) -> i64 {
    rusqlite::Connection::open(app.store.path()).unwrap().query_row(sql, [], |r| r.get(0)).unwrap()
}

#[tokio::test]
async fn a_window_that_shares_nothing_with_the_one_before_is_a_possible_gap_told_everywhere_once() {
    let mut app = app().await;
    for n in 0..5 {
        app.farm.set("/a", window(n..n + 4));
        app.after(20).await;
    }
    assert_eq!(events(&app, EventKind::Gap).await, [], "each window overlaps the one before");
    app.farm.set("/a", window(20..24));
    app.after(20).await;
    let gaps = events(&app, EventKind::Gap).await;
    assert_eq!((gaps.len(), gaps[0].event.count), (1, Some(1)), "{gaps:?}");
    let mut app = app.killed_and_restarted().await;
    // Until eight in the morning.
    for n in 20..36 {
        app.farm.set("/a", window(n..n + 4));
        app.after(60).await;
    }
    assert_eq!(events(&app, EventKind::Gap).await.len(), 1);
    let told = mails_to(&app, "ops@example.com");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].contains("Possibly missed (1) - Farm — ")
            && told[0].contains("at least 1 may have been missed"),
        "{}",
        told[0]
    );
    let digest = mails_to(&app, "boss@example.com").remove(0);
    assert!(digest.contains("Something may be missing: - Farm"), "{digest}");
    app.end().await;
}

#[tokio::test]
async fn a_feed_whose_etag_is_untrue_is_a_liar_and_read_in_full_for_a_month() {
    let mut app = app().await;
    let first = window(0..4);
    app.farm.set("/a", first.clone());
    app.after(0).await;
    app.farm.set("/a", Page { headers: first.headers.clone(), ..window(1..5) });
    for _ in 0..75 {
        app.after(20).await;
    }
    assert_eq!(events(&app, EventKind::Liar).await.len(), 1);
    // What comes under the old tag is found at the next visit from now on, after a restart too.
    let mut app = app.killed_and_restarted().await;
    app.farm.set("/a", Page { headers: first.headers.clone(), ..window(2..6) });
    app.after(20).await;
    assert_eq!(count(&app, "SELECT count(*) FROM item"), 6);
    app.after(31 * 24 * 60).await;
    app.after(20).await;
    let last = app.farm.visits("/a").pop().unwrap();
    assert!(last.header("if-none-match").is_some(), "believed again");
    let told = mails_to(&app, "ops@example.com").concat();
    assert_eq!(told.matches("Untrue answers (1) - Farm").count(), 1, "{told}");
    app.end().await;
}

/// An application whose daily visit in full has just found other items under another tag; and the tag of before.
async fn put_to_the_question() -> (TestApp, Page) {
    let mut app = app().await;
    let first = window(0..4);
    app.farm.set("/a", first.clone());
    app.after(0).await;
    for _ in 0..57 {
        app.after(20).await;
    }
    assert_eq!(app.farm.visits("/a").iter().filter(|visit| visit.answered == 200).count(), 1);
    app.farm.set("/a", window(1..5));
    app.after(120).await;
    let visit = app.farm.visits("/a").pop().unwrap();
    assert_eq!((visit.header("if-none-match"), visit.answered), (None, 200));
    (app, first)
}

fn tag(page: &Page) -> &str {
    page.headers.iter().find(|(name, _)| name == "ETag").map(|(_, value)| value.as_str()).unwrap()
}

#[tokio::test]
async fn news_that_came_since_the_last_visit_is_no_lie() {
    let (app, first) = put_to_the_question().await;
    // The question survives a restart: the old tag is asked with once more, and answered with a body.
    let mut app = app.killed_and_restarted().await;
    app.after(20).await;
    let visit = app.farm.visits("/a").pop().unwrap();
    assert_eq!((visit.header("if-none-match"), visit.answered), (Some(tag(&first)), 200));
    app.after(20).await;
    let visit = app.farm.visits("/a").pop().unwrap();
    assert_eq!((visit.header("if-none-match"), visit.answered), (Some(tag(&window(1..5))), 304));
    assert_eq!(events(&app, EventKind::Liar).await, []);
    app.end().await;
}

#[tokio::test]
async fn not_modified_in_answer_to_a_tag_that_is_out_of_date_is_a_lie() {
    let (mut app, first) = put_to_the_question().await;
    app.farm.set("/a", Page { headers: first.headers, ..window(1..5) });
    app.after(20).await;
    assert_eq!(app.farm.visits("/a").pop().unwrap().answered, 304);
    app.after(20).await;
    assert_eq!(app.farm.visits("/a").pop().unwrap().header("if-none-match"), None);
    assert_eq!(events(&app, EventKind::Liar).await.len(), 1);
    app.end().await;
}

#[tokio::test]
async fn a_feed_that_answers_and_has_nothing_new_is_silent_and_speaks_again() {
    let mut app = app().await;
    for n in 0..20 {
        app.farm.set("/a", window(n..n + 10));
        for _ in 0..4 {
            app.after(6 * 60).await;
        }
    }
    for _ in 0..8 {
        app.after(6 * 60).await;
    }
    assert_eq!(
        events(&app, EventKind::Silent).await,
        [],
        "three days without are no more than three times the usual"
    );
    for _ in 0..3 {
        app.after(6 * 60).await;
    }
    assert_eq!(events(&app, EventKind::Silent).await.len(), 1);
    let mut app = app.killed_and_restarted().await;
    app.after(24 * 60).await;
    let digest = mails_to(&app, "boss@example.com").pop().unwrap();
    assert!(digest.contains("it answers, but has had nothing new for 3 d"), "{digest}");
    app.farm.set("/a", window(20..30));
    app.after(2 * 60).await;
    app.after(60).await;
    assert_eq!(
        (events(&app, EventKind::Silent).await.len(), events(&app, EventKind::Spoke).await.len()),
        (1, 1)
    );
    app.after(24 * 60).await;
    let told = mails_to(&app, "ops@example.com").join("\n");
    assert_eq!(told.matches("Silent (1) - Farm").count(), 1, "{told}");
    assert_eq!(told.matches("No longer silent (1) - Farm — it has news again after ").count(), 1, "{told}");
    let digest = mails_to(&app, "boss@example.com").pop().unwrap();
    assert!(!digest.contains("Something may be missing"), "{digest}");
    app.end().await;
}

/// A call, with what a publisher may change about it.
fn call(guid: &str, n: u32, date: Timestamp) -> String {
    rss_item(guid, &format!("{CALL}, part {n}"), &format!("http://farm.example/{n}"), date)
}

#[tokio::test]
async fn guids_that_change_at_each_poll_are_one_log_line_and_no_second_mail() {
    let mut app = app().await;
    let page = |poll: u32| {
        Page::rss(&(0..4).map(|n| call(&format!("{poll}-{n}"), n, TestApp::ago(30))).collect::<Vec<_>>())
    };
    let mut keys = Vec::new();
    for poll in 0..12 {
        app.farm.set("/a", page(poll));
        app.after(20).await;
        keys.push(count(&app, "SELECT count(*) FROM item_key"));
    }
    assert_eq!((alerts(&app), count(&app, "SELECT count(*) FROM item")), (4, 4));
    assert_eq!(events(&app, EventKind::Renumbered).await.len(), 1);
    assert_eq!(events(&app, EventKind::Gap).await, []);
    assert_eq!(keys[1], keys[11], "what a restless feed calls its items is not kept: {keys:?}");
    app.after(24 * 60).await;
    assert_eq!(mails_to(&app, "ops@example.com"), Vec::<String>::new());
    app.end().await;
}

#[tokio::test]
async fn a_guid_that_is_given_to_another_article_does_not_hide_it() {
    let mut app = app().await;
    app.farm.set("/a", Page::rss(&[call("top-story", 1, TestApp::ago(30))]));
    app.after(0).await;
    app.farm.set("/a", Page::rss(&[call("top-story", 2, TestApp::ago(5))]));
    app.after(20).await;
    assert_eq!((alerts(&app), count(&app, "SELECT count(*) FROM item")), (2, 2));
    app.end().await;
}

#[tokio::test]
async fn dates_that_change_announce_nothing_again() {
    let mut app = app().await;
    let in_2099 = Timestamp::constant(4_070_908_800, 0);
    for date in [TestApp::ago(30), TestApp::ago(1), Timestamp::UNIX_EPOCH, in_2099, TestApp::ago(99)] {
        app.farm.set("/a", Page::rss(&(0..3).map(|n| call(&format!("c-{n}"), n, date)).collect::<Vec<_>>()));
        app.after(20).await;
    }
    assert_eq!((alerts(&app), count(&app, "SELECT count(*) FROM item")), (3, 3));
    app.end().await;
}

#[tokio::test]
async fn an_edit_is_alerted_when_a_topic_matches_for_the_first_time_and_only_then() {
    let mut app = app().await;
    let page = |text: &str| {
        let item = TestApp::news(1).replace("</item>", &format!("<description>{text}</description></item>"));
        Page::rss(&[item, TestApp::news(2)])
    };
    let text = |app: &TestApp| count(app, "SELECT length(summary) FROM item WHERE guid = 'n-1'");
    app.farm.set("/a", page("Ships wait."));
    app.after(0).await;
    assert_eq!((alerts(&app), text(&app)), (0, 11));
    app.farm.set("/a", page("Ships with rare earths wait."));
    app.after(20).await;
    assert_eq!((alerts(&app), text(&app)), (1, 28));
    for again in ["Ships with rare earths still wait.", "Ships wait.", "Ships with rare earths left."] {
        app.farm.set("/a", page(again));
        app.after(20).await;
        assert_eq!((alerts(&app), text(&app)), (1, i64::try_from(again.len()).unwrap()), "{again}");
    }
    assert_eq!(count(&app, "SELECT count(*) FROM item"), 2);
    app.after(5 * 60).await;
    let digest = mails_to(&app, "boss@example.com").remove(0);
    assert_eq!(digest.matches("Harbour news 1").count(), 1, "{digest}");
    app.end().await;
}

#[tokio::test]
async fn an_item_that_is_edited_all_the_time_is_followed_20_times() {
    let mut app = app().await;
    let page = |n: u32| {
        Page::rss(&[TestApp::news(1)
            .replace("</item>", &format!("<description>Read {n} times.</description></item>"))])
    };
    for n in 0..=22 {
        app.farm.set("/a", page(n));
        app.after(20).await;
    }
    let edits = "SELECT edits FROM item_text";
    assert_eq!((count(&app, edits), count(&app, "SELECT summary = 'Read 20 times.' FROM item")), (20, 1));
    app.end().await;
}

#[tokio::test]
async fn an_item_of_two_weeks_ago_is_not_announced_because_of_an_edit() {
    let mut app = app().await;
    app.farm.set("/a", Page::rss(&[TestApp::news(1), TestApp::news(2)]));
    app.after(0).await;
    let edited = |n: u32| {
        TestApp::news(n).replace("</item>", "<description>Rare earths after all.</description></item>")
    };
    app.after(14 * 24 * 60 - 30).await;
    app.farm.set("/a", Page::rss(&[edited(1), TestApp::news(2)]));
    app.after(20).await;
    assert_eq!(alerts(&app), 1, "just within two weeks");
    app.after(20).await;
    app.farm.set("/a", Page::rss(&[edited(1), edited(2)]));
    app.after(20).await;
    assert_eq!(
        (alerts(&app), count(&app, "SELECT count(*) FROM match")),
        (1, 2),
        "matched, and not announced"
    );
    app.end().await;
}

#[tokio::test]
async fn a_short_failure_is_told_to_nobody_and_its_end_neither() {
    let mut app = app().await;
    app.farm.set("/a", window(0..4));
    app.after(0).await;
    app.farm.set("/a", Page::status(500));
    app.after(20).await;
    app.farm.set("/a", window(0..4));
    for _ in 0..6 {
        app.after(30).await;
    }
    assert_eq!(events(&app, EventKind::Recovered).await.len(), 1);
    app.after(24 * 60).await;
    assert_eq!(mails_to(&app, "ops@example.com"), Vec::<String>::new());
    app.end().await;
}
