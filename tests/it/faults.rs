//! Reloads in the middle of visits, a store that refuses, clocks that jump, servers that lie.

use std::time::Duration;

use wirewatch::model::{Retry, time};

use crate::harness::{
    app::{CONFIG, START, TestApp},
    farm::{Farm, Page, rss_item},
};

const DAY: Duration = Duration::from_secs(86_400);

fn call(n: u32) -> String {
    let title = format!("Trump and Xi discuss rare earths, part {n}");
    rss_item(&format!("call-{n}"), &title, &format!("http://farm.example/{n}"), TestApp::ago(30))
}

/// A configuration with these feeds and at most `per_host` visits to the farm at once.
fn config(farm: &Farm, per_host: u32, paths: &[&str]) -> String {
    let feeds: String =
        paths.iter().map(|path| format!("[[feed]]\nurl = \"{}\"\n", farm.url(path))).collect();
    format!("{CONFIG}[poll]\nper_host = {per_host}\n{feeds}")
}

#[tokio::test]
async fn a_feed_that_leaves_during_its_visit_gives_its_hosts_turn_back() {
    let farm = Farm::start();
    farm.set("/leaves", Page::hanging());
    farm.set("/stays", Page::rss(&[call(1)]));
    let (before, after) = (config(&farm, 1, &["/leaves"]), config(&farm, 1, &["/stays"]));
    let mut app = TestApp::with(farm, &before).await;
    app.poll_until_visiting("/leaves").await;
    app.reload(&after);
    app.farm.set("/leaves", Page::rss(&[call(2)]));
    app.turn().await;
    assert_eq!(app.farm.visits("/stays").len(), 1);
    app.after(20).await;
    assert_eq!(app.farm.visits("/stays").len(), 2);
    app.end().await;
}

#[tokio::test]
async fn a_reload_during_a_visit_does_not_begin_a_second_one_and_the_feed_goes_on() {
    let farm = Farm::start();
    farm.set("/a", Page::hanging());
    let config = config(&farm, 2, &["/a"]);
    let mut app = TestApp::with(farm, &config).await;
    app.poll_until_visiting("/a").await;
    for _ in 0..3 {
        app.reload(&config);
    }
    app.farm.set("/a", Page::rss(&[call(1)]));
    app.turn().await;
    assert_eq!(app.farm.visits("/a").len(), 1);
    app.after(20).await;
    assert_eq!((app.farm.visits("/a").len(), app.mails().len()), (2, 1));
    app.end().await;
}

#[tokio::test]
async fn a_reload_that_the_store_refuses_is_taken_over_once_it_can() {
    let farm = Farm::start();
    farm.set("/a", Page::rss(&[]));
    farm.set("/b", Page::rss(&[call(1)]));
    let (before, after) = (config(&farm, 2, &["/a"]), config(&farm, 2, &["/b"]));
    let mut app = TestApp::with(farm, &before).await;
    app.turn().await;
    app.tamper("ALTER TABLE feed RENAME TO aside");
    app.reload(&after);
    assert_eq!(app.poll_refused().await.retry(), Retry::Backoff);
    app.tamper("ALTER TABLE aside RENAME TO feed");
    app.turn().await;
    assert_eq!((app.farm.visits("/b").len(), app.mails().len()), (1, 1));
    app.end().await;
}

#[tokio::test]
async fn a_first_poll_that_the_store_refuses_is_still_the_first_when_it_is_repeated() {
    let farm = Farm::start();
    farm.set("/a", Page::rss(&[call(1)]));
    let config = config(&farm, 2, &["/a"]).replace("per_host = 2", "on_add = \"baseline\"");
    let mut app = TestApp::with(farm, &config).await;
    app.poll_refused_by("item").await;
    app.after(2).await;
    let asked: Vec<_> = app.farm.visits("/a").iter().map(|v| v.header("if-none-match").is_some()).collect();
    assert_eq!(
        (asked, app.mails().len()),
        (vec![false, false], 0),
        "asked in full again, and a baseline again"
    );
    app.farm.set("/a", Page::rss(&[call(1), call(2)]));
    app.clock.advance(Duration::from_secs(20 * 60));
    app.poll_refused_by("item").await;
    app.after(2).await;
    assert_eq!(app.mails().len(), 1, "what was read and not stored is read again");
    app.end().await;
}

#[tokio::test]
async fn a_clock_that_is_set_back_by_a_day_stalls_neither_polls_nor_mail() {
    let mut app = TestApp::start(&["/a", "/b"]).await;
    app.farm.set("/a", Page::rss(&[call(1)]));
    app.farm.set("/b", Page::status(500));
    app.poll().await;
    app.plan().await;
    app.clock.set(time::before(START, DAY));
    app.turn().await;
    assert_eq!(app.mails().len(), 1, "the mail that was queued tomorrow goes now");
    app.farm.set("/a", Page::rss(&[call(1), call(2)]));
    app.after(20).await;
    assert_eq!(
        (app.farm.visits("/a").len(), app.farm.visits("/b").len()),
        (2, 2),
        "an interval later, not a day"
    );
    assert_eq!(app.mails().len(), 2);
    app.end().await;
}

#[tokio::test]
async fn a_clock_that_was_set_back_while_we_were_off_stalls_neither_polls_nor_mail() {
    let mut app = TestApp::start(&["/a"]).await;
    app.farm.set("/a", Page::rss(&[call(1)]));
    app.poll().await;
    app.plan().await;
    app.clock.set(time::before(START, 365 * DAY));
    let mut app = app.killed_and_restarted().await;
    app.turn().await;
    assert_eq!((app.farm.visits("/a").len(), app.mails().len()), (1, 1));
    app.after(20).await;
    assert_eq!(app.farm.visits("/a").len(), 2);
    app.end().await;
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_polls_each_feed_once() {
    let mut app = TestApp::start(&["/a"]).await;
    app.farm.set("/a", Page::rss(&[call(1)]));
    app.turn().await;
    app.clock.set(time::after(START, 30 * DAY));
    app.turn().await;
    app.turn().await;
    assert_eq!(app.farm.visits("/a").len(), 2);
    assert_eq!(app.subjects().iter().filter(|subject| subject.contains("part 1")).count(), 1);
    app.end().await;
}

#[tokio::test]
async fn a_server_that_says_not_modified_for_ever_is_asked_in_full_once_a_day() {
    let mut app = TestApp::start(&["/a"]).await;
    let first = Page::rss(&[call(1)]);
    app.farm.set("/a", first.clone());
    app.turn().await;
    app.farm.set("/a", Page { headers: first.headers, ..Page::rss(&[call(1), call(2)]) });
    for _ in 0..51 {
        app.after(20).await;
    }
    let alerts =
        |app: &TestApp| app.mails().iter().filter(|mail| mail.to.address() == "desk@example.com").count();
    assert_eq!(alerts(&app), 1, "not three quarters of a day yet");
    let in_full = |app: &TestApp| {
        app.farm.visits("/a").iter().filter(|visit| visit.header("if-none-match").is_none()).count()
    };
    assert_eq!(in_full(&app), 1);
    for _ in 0..21 {
        app.after(20).await;
    }
    assert_eq!(alerts(&app), 2, "within a day");
    let visits = app.farm.visits("/a").len();
    app.after(20).await;
    let last = app.farm.visits("/a").split_off(visits);
    assert!(last.iter().all(|visit| visit.header("if-none-match").is_none()), "it is believed no more");
    app.end().await;
}

#[tokio::test]
async fn one_round_visits_each_feed_once_however_long_another_takes() {
    let app = TestApp::start(&["/quick", "/slow"]).await;
    app.farm.set("/quick", Page::rss(&[call(1)]));
    app.farm.set("/slow", Page::hanging());
    let release = async {
        app.farm.visited("/quick", 1).await;
        app.farm.visited("/slow", 1).await;
        app.clock.advance(Duration::from_secs(3_600));
        app.farm.set("/slow", Page::rss(&[call(2)]));
    };
    tokio::join!(app.run_once(), release);
    assert_eq!((app.farm.visits("/quick").len(), app.farm.visits("/slow").len()), (1, 1));
    assert_eq!(app.mails().len(), 2);
    app.end().await;
}

#[tokio::test]
async fn notices_that_share_one_page_are_each_announced_once() {
    let mut app = TestApp::start(&["/a"]).await;
    let page = "http://ministry.example/notices";
    let notices = |range: std::ops::Range<u64>| {
        let notice = |n| rss_item(page, &format!("Rare earth export notice {n}"), page, TestApp::ago(60 - n));
        Page::rss(&range.rev().map(notice).collect::<Vec<_>>())
    };
    for n in 0..6 {
        app.farm.set("/a", notices(n..n + 4));
        app.after(20).await;
    }
    let mut alerts = app.subjects();
    alerts.retain(|subject| subject.contains("notice"));
    alerts.sort();
    let announced = alerts.len();
    alerts.dedup();
    assert_eq!((announced, alerts.len()), (9, 9), "{alerts:?}");
    app.end().await;
}
