//! Manners, as a farm sees them that logs who asked for what and when.
//!
//! All of the farm is one machine on loopback, so feeds are told into groups by `group`, which has the limits of a site
//! of the open web. The clock stands still while an answer is under way, so what the farm measures is exact.

pub(crate) mod access;
mod answers;
mod moving;

use std::time::Duration;

use wirewatch::{
    daemon::Single,
    model::{EventKind, Health, Timestamp, time},
};

use crate::harness::{
    app::{CONFIG, START, TestApp},
    farm::{Farm, Page, rss_item},
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A feed of one item.
fn feed(n: u32) -> Page {
    let link = format!("http://farm.example/{n}");
    Page::rss(&[rss_item(&format!("i-{n}"), &format!("Rain, day {n}"), &link, TestApp::ago(30))])
}

/// A `[[feed]]` of the farm with more lines.
fn entry(farm: &Farm, path: &str, lines: &str) -> String {
    format!("[[feed]]\nurl = \"{}\"\n{lines}\n", farm.url(path))
}

/// So many feeds of a group, `/GROUP/0` and so on, all of which can be read.
fn group(farm: &Farm, name: &str, feeds: u32, lines: &str) -> String {
    (0..feeds)
        .map(|n| {
            let path = format!("/{name}/{n}");
            farm.set(&path, feed(n));
            entry(farm, &path, &format!("group = \"{name}\"\n{lines}"))
        })
        .collect()
}

/// Milliseconds after the start at which requests came whose path begins so.
fn arrivals(farm: &Farm, prefix: &str) -> Vec<i64> {
    let came = |at: Timestamp| at.as_millisecond() - START.as_millisecond();
    let log = farm.log().into_iter().filter(|request| request.path.starts_with(prefix));
    log.map(|request| came(request.at.unwrap())).collect()
}

fn gaps(came: &[i64]) -> Vec<i64> {
    came.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

/// Asserts that never more than `burst` visits came, and one for each `refill` since the first of any stretch.
fn assert_within(came: &[i64], burst: i64, refill_ms: i64) {
    for (i, first) in came.iter().enumerate() {
        for (visits, last) in (1_i64..).zip(&came[i..]) {
            let may = burst + (last - first) / refill_ms + 1;
            assert!(visits <= may, "{visits} visits in {} ms: {came:?}", last - first);
        }
    }
}

#[tokio::test]
async fn gaps_within_a_group_hold_at_the_server_and_groups_do_not_wait_for_each_other() {
    let farm = Farm::start();
    // So long that none is due a second time.
    let once = "interval = \"1h\"";
    let feeds = [group(&farm, "one", 12, once), group(&farm, "two", 3, once)].concat();
    let mut app = TestApp::with(farm, &format!("{CONFIG}{feeds}")).await;
    app.poll_for(5 * MINUTE).await;
    let (one, two) = (arrivals(&app.farm, "/one/"), arrivals(&app.farm, "/two/"));
    assert_eq!((one.len(), two.len()), (12, 3));
    assert_eq!((one[0], two[0]), (0, 0), "each group begins at once");
    for came in [&one, &two] {
        let gaps = gaps(came);
        assert!(gaps.iter().all(|gap| (1_000..=1_500).contains(gap)), "{gaps:?}");
    }
    let distinct: std::collections::BTreeSet<i64> = gaps(&one).into_iter().collect();
    assert!(distinct.len() > 6, "all are due at one instant, and must not come like clockwork: {one:?}");
    app.end().await;
}

#[tokio::test]
async fn a_group_is_never_visited_by_more_than_two_at_once() {
    let farm = Farm::start();
    let feeds = group(&farm, "one", 6, "");
    (0..6).for_each(|n| farm.set(&format!("/one/{n}"), Page::hanging()));
    let mut app = TestApp::with(farm, &format!("{CONFIG}{feeds}")).await;
    app.poll_until_visiting("/one/0").await;
    app.clock.advance(MINUTE);
    app.poll_until_visiting("/one/1").await;
    for _ in 0..10 {
        app.clock.advance(MINUTE);
        app.begin_visits().await;
        tokio::task::yield_now().await;
    }
    (0..6).for_each(|n| app.farm.set(&format!("/one/{n}"), feed(n)));
    app.poll_for(MINUTE).await;
    assert_eq!((arrivals(&app.farm, "/one/").len(), app.farm.peak()), (6, 2));
    app.end().await;
}

#[tokio::test]
async fn after_a_burst_visits_wait_and_no_restart_gives_a_new_burst() {
    for killed in [false, true] {
        let farm = Farm::start();
        let feeds = group(&farm, "one", 20, "interval = \"1m\"");
        let config = format!("{CONFIG}{feeds}[poll]\nburst = 3\nrefill = \"10s\"\n");
        let mut app = TestApp::with(farm, &config).await;
        app.poll_for(Duration::from_secs(5)).await;
        assert_eq!(arrivals(&app.farm, "/one/").len(), 3);
        for _ in 0..4 {
            app = if killed { app.killed_and_restarted().await } else { app.stopped_and_restarted().await };
            app.poll_for(Duration::from_secs(15)).await;
        }
        app.poll_for(3 * MINUTE).await;
        let came = arrivals(&app.farm, "/one/");
        assert!(came.len() >= 20, "{came:?}");
        assert_within(&came, 3, 10_000);
        assert!(gaps(&came).iter().all(|gap| *gap >= 1_000), "{came:?}");
        app.end().await;
    }
}

#[tokio::test]
async fn a_visit_that_an_operator_asks_for_takes_its_turn_at_the_site() {
    let farm = Farm::start();
    let feeds = group(&farm, "one", 4, "interval = \"1h\"");
    let config = format!("{CONFIG}{feeds}[poll]\nburst = 3\nrefill = \"60s\"\n");
    let mut app = TestApp::with(farm, &config).await;
    for n in 0..3 {
        let polled = app.poll_single(&format!("/one/{n}")).await;
        assert!(matches!(polled, Single::Polled(_)), "{polled:?}");
        app.clock.advance(Duration::from_secs(2));
    }
    let ready = match app.poll_single("/one/3").await {
        Single::NoTurn(ready) => ready,
        other => panic!("the bucket was empty: {other:?}"),
    };
    // What is left is kept in thousandths of a visit.
    let wait = time::between(START, ready).as_secs_f64();
    assert!((60.0..60.5).contains(&wait), "a minute after the first was taken: {wait}");
    assert_eq!(arrivals(&app.farm, "/one/"), [0, 2_000, 4_000]);
    // The service knows of it.
    app.poll_for(2 * MINUTE).await;
    let came = arrivals(&app.farm, "/one/");
    assert!(came.len() > 3 && came[3] >= 60_000, "{came:?}");
    assert_within(&came, 3, 60_000);
    app.end().await;
}

/// Seconds that a new feed waits at a site that gives a visit back every 30 seconds, just after another feed was
/// redirected, perhaps to that site.
async fn wait_after_a_redirect(into_the_same_site: bool) -> i64 {
    let (farm, other, third) = (Farm::start(), Farm::start(), Farm::start());
    let target = if into_the_same_site { &other } else { &third };
    target.set("/feed", feed(1));
    farm.set("/from", Page::status(302).with("Location", &target.url("/feed")));
    other.set("/own", feed(2));
    let config = format!("{CONFIG}[poll]\nburst = 1\nrefill = \"30s\"\n{}", entry(&farm, "/from", ""));
    // The other machine is one of the operator's own, but not for a feed that names a group.
    let own = entry(&other, "/own", &format!("group = \"{}\"", other.authority()));
    let mut app = TestApp::with(farm, &config).await;
    other.keep_time(app.clock.clone());
    app.turn().await;
    assert_eq!(target.visits("/feed").len(), 1);
    app.reload(&format!("{config}{own}"));
    app.poll_for(2 * MINUTE).await;
    app.end().await;
    arrivals(&other, "/own")[0] / 1_000
}

#[tokio::test]
async fn redirects_into_a_site_count_for_it() {
    assert_eq!((wait_after_a_redirect(false).await, wait_after_a_redirect(true).await), (0, 30));
}

#[tokio::test]
async fn a_refusal_after_a_burst_is_learned_as_a_rate_limit() {
    let farm = Farm::start();
    let feeds = group(&farm, "one", 8, "");
    let mut app = TestApp::with(farm, &format!("{CONFIG}{feeds}")).await;
    app.poll_for(MINUTE).await;
    (0..8).for_each(|n| app.farm.set(&format!("/one/{n}"), Page::status(403)));
    // All are due at one instant.
    app.clock.advance(HOUR);
    let before = arrivals(&app.farm, "/one/").len();
    app.poll_for(HOUR / 2).await;
    let events = app.events().await;
    let told: Vec<&String> =
        events.iter().filter(|(kind, _)| *kind == EventKind::RateLimit).map(|(_, detail)| detail).collect();
    assert!(!told.is_empty() && told[0].starts_with("one refused a visit after several"), "{events:?}");
    let learned = gaps(&arrivals(&app.farm, "/one/")[before + 4..]);
    assert!(learned.iter().all(|gap| *gap >= 2_000), "{learned:?}");
    // It is remembered over a restart, and forgotten slowly once the site answers.
    let mut app = app.killed_and_restarted().await;
    (0..8).for_each(|n| app.farm.set(&format!("/one/{n}"), feed(n)));
    app.poll_for(3 * HOUR).await;
    let came = arrivals(&app.farm, "/one/");
    assert!(gaps(&came[came.len() - 8..]).iter().all(|gap| *gap >= 2_000), "{came:?}");
    app.poll_for(72 * HOUR).await;
    app.clock.advance(HOUR);
    let before = arrivals(&app.farm, "/one/").len();
    app.poll_for(MINUTE / 4).await;
    let late = gaps(&arrivals(&app.farm, "/one/")[before..]);
    assert!(late.iter().all(|gap| *gap >= 1_000), "{late:?}");
    assert!(late.iter().any(|gap| *gap < 2_000), "it is never forgotten: {late:?}");
    app.end().await;
}

#[tokio::test]
async fn each_edge_of_a_feeds_health_is_one_event_in_plain_words() {
    let mut app = TestApp::start(&["/a"]).await;
    app.farm.set("/a", feed(1));
    app.turn().await;
    app.farm.set("/a", Page::status(500));
    app.poll_for(15 * 24 * HOUR).await;
    let visits = app.farm.visits("/a").len();
    app.poll_for(10 * 24 * HOUR).await;
    let seldom = app.farm.visits("/a").len() - visits;
    assert!((8..=11).contains(&seldom), "a dormant feed is visited once a day: {seldom}");
    app.farm.set("/a", feed(2));
    app.poll_for(36 * HOUR).await;
    let events = app.events().await;
    let kinds: Vec<EventKind> = events.iter().map(|(kind, _)| *kind).collect();
    use EventKind::{Degraded, Dormant, Failing, Recovered};
    assert_eq!(kinds, [Degraded, Failing, Dormant, Recovered]);
    for (detail, words) in events.iter().map(|(_, detail)| detail).zip([
        "it began to fail: the server answered 500",
        "it has failed for ",
        "is visited once in 1 d now",
        "it answers again",
    ]) {
        assert!(detail.contains(words), "{detail}");
    }
    app.end().await;
}

#[tokio::test]
async fn when_all_the_world_fails_no_feed_is_blamed_and_then_nothing_is_lost() {
    let farm = Farm::start();
    let feeds: String = (0..12)
        .map(|n| {
            farm.set(&format!("/{n}"), feed(n));
            // Two a site: whichever five come first, they are of three sites at least.
            entry(&farm, &format!("/{n}"), &format!("group = \"site-{}\"", n % 6))
        })
        .collect();
    let config = format!("{CONFIG}{feeds}[mail]\noperator = [\"ops@example.com\"]\n");
    let mut app = TestApp::with(farm, &config).await;
    app.poll_for(HOUR).await;
    // A captive portal: every address is the same page.
    let portal = Page::ok("text/html", "<!doctype html><title>Welcome</title><p>Please log in");
    (0..12).for_each(|n| app.farm.set(&format!("/{n}"), portal.clone()));
    for _ in 0..16 {
        app.poll_for(HOUR / 2).await;
        app.turn().await;
    }
    let failing = app.store.feeds(100).await.unwrap().iter().filter(|feed| feed.failures > 1).count();
    assert_eq!(failing, 0, "failures are not counted");
    let events = app.events().await;
    assert!(events.len() < 5 && events.iter().all(|(kind, _)| *kind == EventKind::Degraded), "{events:?}");
    let told: Vec<String> = app
        .mails()
        .into_iter()
        .filter(|mail| mail.to.address() == "ops@example.com")
        .map(|mail| mail.subject)
        .collect();
    assert_eq!(told, ["[wirewatch] Urgent: no feed answers"], "one incident");
    let before = app.farm.log().len();
    (0..12).for_each(|n| app.farm.set(&format!("/{n}"), feed(100 + n)));
    app.poll_for(HOUR).await;
    assert!(app.farm.log().len() - before >= 24, "they were visited as often as ever");
    assert_eq!(app.store.status().await.unwrap().items, 24);
    app.end().await;
}

#[tokio::test]
async fn a_site_that_is_down_alone_is_blamed() {
    let farm = Farm::start();
    let feeds = [group(&farm, "good", 6, ""), group(&farm, "bad", 6, "")].concat();
    let mut app = TestApp::with(farm, &format!("{CONFIG}{feeds}")).await;
    app.poll_for(HOUR).await;
    (0..6).for_each(|n| app.farm.set(&format!("/bad/{n}"), Page::ok("text/html", "<p>Sorry")));
    app.poll_for(12 * HOUR).await;
    let failing = app.events().await.iter().filter(|(kind, _)| *kind == EventKind::Failing).count();
    assert_eq!(failing, 6);
    assert_eq!(Health::Failing.as_str(), "failing");
    app.end().await;
}

#[tokio::test]
async fn a_request_is_honest_and_asks_for_no_more_than_a_feed() {
    let farm = Farm::start();
    farm.set("/a", feed(1));
    let config = format!("{CONFIG}{}", entry(&farm, "/a", ""))
        .replace("[fetch]", "[fetch]\ncontact = \"https://desk.example/bot\"");
    let mut app = TestApp::with(farm, &config).await;
    app.turn().await;
    let request = &app.farm.visits("/a")[0];
    assert_eq!(request.method, "GET");
    let agent = request.header("user-agent").unwrap();
    assert!(agent.starts_with("wirewatch/") && agent.ends_with("(+https://desk.example/bot)"), "{agent}");
    let mut names: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["accept", "accept-encoding", "host", "user-agent"]);
    app.end().await;
}

fn minutes(came: &[i64]) -> Vec<i64> {
    gaps(came).iter().map(|gap| gap / 60_000).collect()
}

fn http_date(at: Timestamp) -> String {
    at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}

fn later(by: Duration) -> Timestamp {
    time::after(START, by)
}
