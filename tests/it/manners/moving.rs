//! Feeds that move, and feeds that are gone.

use super::*;

const LONG: &str = "interval = \"1h\"";

/// Paths asked for so far, in order.
fn paths(farm: &Farm) -> Vec<String> {
    farm.log().into_iter().map(|request| request.path).collect()
}

fn kinds(events: &[(EventKind, String)]) -> Vec<EventKind> {
    events.iter().map(|(kind, _)| *kind).collect()
}

fn to(status: u16, location: &str) -> Page {
    Page::status(status).with("Location", location)
}

async fn moving(status: u16) -> TestApp {
    let farm = Farm::start();
    farm.set("/old", feed(1));
    farm.set("/new", feed(1));
    let feeds = entry(&farm, "/old", LONG);
    let mut app = TestApp::with(farm, &format!("{CONFIG}{feeds}")).await;
    app.turn().await;
    app.farm.set("/old", to(status, "/new"));
    app
}

#[tokio::test]
async fn a_permanent_redirect_is_adopted_after_three_polls_and_said_so() {
    for status in [301, 308] {
        let mut app = moving(status).await;
        app.after(70).await;
        app.after(70).await;
        assert_eq!(app.events().await, [], "two are not enough");
        let mut app = app.stopped_and_restarted().await;
        app.after(70).await;
        let events = app.events().await;
        assert_eq!(kinds(&events), [EventKind::Moved], "{events:?}");
        assert!(events[0].1.contains(&app.farm.url("/new")), "{events:?}");
        app.after(70).await;
        app.after(70).await;
        let old = |path: &String| path == "/old";
        assert_eq!(paths(&app.farm).iter().filter(|path| old(path)).count(), 4, "{:?}", paths(&app.farm));
        assert_eq!(app.farm.visits("/new").len(), 5);
        let feeds = app.store.feeds(10).await.unwrap();
        assert!(feeds[0].url.ends_with("/old"), "the configured address stays the identity");
        assert_eq!(app.store.status().await.unwrap().items, 1);
        app.end().await;
    }
}

#[tokio::test]
async fn a_temporary_redirect_is_followed_and_never_adopted() {
    for status in [302, 303, 307] {
        let mut app = moving(status).await;
        for _ in 0..6 {
            app.after(70).await;
        }
        assert_eq!((app.events().await, app.farm.visits("/old").len()), (Vec::new(), 7), "{status}");
        app.end().await;
    }
}

#[tokio::test]
async fn a_target_that_is_another_feed_is_not_adopted() {
    let mut app = moving(301).await;
    for n in 10..18 {
        app.farm.set("/new", feed(n));
        app.after(70).await;
    }
    assert_eq!((app.events().await, app.farm.visits("/old").len()), (Vec::new(), 9));
    app.end().await;
}

#[tokio::test]
async fn a_target_that_cannot_be_read_is_not_adopted() {
    let mut app = moving(301).await;
    app.farm.set("/new", Page::ok("text/html", "<!doctype html><title>Parked</title>"));
    for _ in 0..8 {
        app.after(70).await;
    }
    assert!(!kinds(&app.events().await).contains(&EventKind::Moved));
    app.end().await;
}

#[tokio::test]
async fn an_adopted_address_that_fails_gives_way_to_the_configured_one() {
    let mut app = moving(301).await;
    for _ in 0..4 {
        app.after(70).await;
    }
    app.farm.set("/new", Page::status(404));
    app.farm.set("/old", feed(2));
    app.poll_for(24 * HOUR).await;
    let events = app.events().await;
    let happened = kinds(&events);
    assert_eq!(happened[0], EventKind::Moved, "{events:?}");
    assert!(happened.contains(&EventKind::MovedBack), "{events:?}");
    assert_eq!(happened.last(), Some(&EventKind::Recovered), "{events:?}");
    let back = &events.iter().find(|(kind, _)| *kind == EventKind::MovedBack).unwrap().1;
    assert!(back.contains("/new failed 3 times") && back.contains("404 Not Found"), "{back}");
    assert_eq!(app.store.status().await.unwrap().items, 2);
    app.end().await;
}

#[tokio::test]
async fn a_feed_that_is_gone_for_three_days_is_visited_once_a_month_until_it_comes_back() {
    let mut app = TestApp::start(&["/a"]).await;
    app.farm.set("/a", feed(1));
    app.turn().await;
    app.farm.set("/a", Page::status(410));
    app.poll_for(5 * 24 * HOUR).await;
    let events = app.events().await;
    use EventKind::{Degraded, Dormant, Failing, Gone, Recovered};
    assert_eq!(kinds(&events), [Degraded, Failing, Gone, Dormant]);
    assert!(events[2].1.contains("gone for good (410)"), "{events:?}");
    let visits = app.farm.visits("/a").len();
    app.poll_for(24 * 24 * HOUR).await;
    assert_eq!(app.farm.visits("/a").len(), visits, "not before a month is over");
    let mut app = app.killed_and_restarted().await;
    app.farm.set("/a", feed(2));
    app.poll_for(10 * 24 * HOUR).await;
    assert_eq!(kinds(&app.events().await), [Degraded, Failing, Gone, Dormant, Recovered]);
    assert!(app.farm.visits("/a").len() > visits + 100, "it is visited as before");
    assert_eq!(app.store.status().await.unwrap().items, 2);
    app.end().await;
}
