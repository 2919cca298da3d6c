//! Killed between any two of the three transactions: nothing is lost, nothing is announced twice.

use crate::harness::{
    app::TestApp,
    farm::{Page, rss_item},
};

fn call() -> Page {
    let title = "Trump and Xi discuss rare earths in a phone call";
    Page::rss(&[rss_item("1", title, "http://farm.example/1", TestApp::ago(30))])
}

/// Runs the rest of the way and expects exactly one alert in the end.
async fn ends_with_one_alert(mut app: TestApp) {
    app.turn().await;
    app.after(20).await;
    assert_eq!(app.subjects().len(), 1, "{:?}", app.subjects());
    app.end().await;
}

#[tokio::test]
async fn killed_before_a_poll_is_recorded_the_poll_is_repeated_with_the_old_validators() {
    let mut app = TestApp::start(&["/a"]).await;
    let tagged = call().headers.into_iter().find(|(name, _)| name == "ETag").unwrap().1;
    app.farm.set("/a", Page::rss(&[]).with("ETag", "\"first\""));
    app.poll().await;
    app.farm.set("/a", Page { hang: true, ..call() });
    app.clock.advance(std::time::Duration::from_secs(20 * 60));
    let mut app = app.killed_while_visiting("/a").await;
    app.farm.set("/a", call());
    app.poll().await;
    let asked: Vec<_> =
        app.farm.visits("/a").iter().map(|v| v.header("if-none-match").map(str::to_owned)).collect();
    assert_eq!(asked.len(), 3);
    assert!(
        asked[1].is_some() && asked[1] == asked[2],
        "the visit is repeated with the same validators: {asked:?}"
    );
    assert_ne!(asked[2].as_ref(), Some(&tagged));
    ends_with_one_alert(app).await;
}

#[tokio::test]
async fn killed_between_poll_and_plan_the_matches_are_pending() {
    let mut app = TestApp::start(&["/a"]).await;
    app.farm.set("/a", call());
    app.poll().await;
    assert!(app.mails().is_empty());
    ends_with_one_alert(app.killed_and_restarted().await).await;
}

#[tokio::test]
async fn killed_between_plan_and_send_the_mail_is_in_the_outbox() {
    let mut app = TestApp::start(&["/a"]).await;
    app.farm.set("/a", call());
    app.poll().await;
    app.plan().await;
    ends_with_one_alert(app.killed_and_restarted().await).await;
}

#[tokio::test]
async fn killed_between_send_and_settle_the_mail_goes_again_under_the_same_message_id() {
    let mut app = TestApp::start(&["/a"]).await;
    app.farm.set("/a", call());
    app.poll().await;
    app.plan().await;
    let lease_until = wirewatch::model::time::after(app.clock.now(), std::time::Duration::from_secs(1_800));
    let leased = app.store.lease_mail(app.clock.now(), lease_until, 1).await.unwrap();
    let mut app = app.killed_and_restarted().await;
    app.turn().await;
    assert_eq!(app.mails().len(), 1);
    assert_eq!(app.mails()[0], leased[0].mail, "the same mail, byte for byte");
    app.after(60).await;
    assert_eq!(app.mails().len(), 1);
    app.end().await;
}

#[tokio::test]
async fn killed_after_everything_nothing_happens_again() {
    let mut app = TestApp::start(&["/a"]).await;
    app.farm.set("/a", call());
    app.turn().await;
    ends_with_one_alert(app.killed_and_restarted().await).await;
}
