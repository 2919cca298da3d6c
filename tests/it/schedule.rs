//! When feeds are visited: by their worth, in their places, a little at a time after a stop.

use std::{collections::BTreeSet, fs, time::Duration};

use wirewatch::{
    model::Timestamp,
    schedule::{BURST, RATE},
};

use crate::{
    cli::{run, said},
    harness::{
        app::{CONFIG, TestApp},
        farm::{Farm, Page, rss_item},
    },
};

const MINUTES: u64 = 60;

fn page(text: &str, n: u32) -> Page {
    let title = format!("{text}, part {n}");
    Page::rss(&[rss_item(&format!("i-{n}"), &title, &format!("http://farm.example/{n}"), TestApp::ago(30))])
}

/// Feeds `/0`, `/1` … of the farm.
fn feeds(farm: &Farm, count: usize) -> String {
    (0..count).map(|n| format!("[[feed]]\nurl = \"{}\"\n", farm.url(&format!("/{n}")))).collect()
}

fn visits(app: &TestApp, path: &str) -> usize {
    app.farm.visits(path).len()
}

#[tokio::test]
async fn after_a_stop_what_is_overdue_comes_back_at_a_bounded_rate_oldest_first() {
    let count = 150;
    let farm = Farm::start();
    (0..count).for_each(|n| farm.set(&format!("/{n}"), Page::rss(&[])));
    let config = format!("{CONFIG}[poll]\nper_host = 32\n{}", feeds(&farm, count));
    let mut app = TestApp::with(farm, &config).await;
    let per_second = usize::try_from(RATE).unwrap();
    // When they are new as well.
    let mut seen = 0;
    for second in 0..20 {
        app.poll().await;
        let more = app.farm.log().len() - seen;
        seen += more;
        assert!(more <= if second == 0 { BURST } else { per_second }, "{more} visits in second {second}");
        app.clock.advance(Duration::from_secs(1));
    }
    assert_eq!(seen, count);
    let due_first = |reports: Vec<wirewatch::model::FeedReport>| {
        let mut due: Vec<_> = reports.into_iter().map(|report| (report.next_poll_at, report.url)).collect();
        due.sort();
        due.into_iter().take(BURST).map(|(_, url)| url).collect::<BTreeSet<_>>()
    };
    app.clock.advance(Duration::from_secs(10 * 60 * 60));
    let oldest = due_first(app.store.feeds(1_000).await.unwrap());
    let mut app = app.killed_and_restarted().await;
    app.poll().await;
    let first: BTreeSet<String> =
        app.farm.log().drain(seen..).map(|visit| app.farm.url(&visit.path)).collect();
    assert_eq!(first, oldest);
    for _ in 0..20 {
        let before = app.farm.log().len();
        app.clock.advance(Duration::from_secs(1));
        app.poll().await;
        assert!(app.farm.log().len() - before <= per_second);
    }
    assert_eq!(app.farm.log().len(), 2 * count);
    app.end().await;
}

#[tokio::test]
async fn a_restart_changes_no_feeds_time() {
    let farm = Farm::start();
    let mut app = TestApp::with(farm.clone(), &format!("{CONFIG}{}", feeds(&farm, 20))).await;
    (0..20).for_each(|n| farm.set(&format!("/{n}"), page("Rain", 1)));
    for _ in 0..3 {
        app.after(20).await;
    }
    let due = async |app: &TestApp| -> Vec<Option<Timestamp>> {
        app.store.feeds(100).await.unwrap().into_iter().map(|report| report.next_poll_at).collect()
    };
    // Ten seconds after the last of them, all are written.
    app.clock.advance(Duration::from_secs(11));
    app.poll().await;
    let before = due(&app).await;
    let mut app = app.killed_and_restarted().await;
    app.poll().await;
    assert_eq!(due(&app).await, before);
    let distinct: BTreeSet<_> = before.iter().collect();
    assert_eq!(distinct.len(), 20, "in places of their own");
    app.end().await;
}

#[tokio::test]
async fn polls_go_where_the_news_is_and_alerts_keep_their_bound() {
    let farm = Farm::start();
    let fixed = format!("[[feed]]\nurl = \"{}\"\ninterval = \"30m\"\n", farm.url("/fixed"));
    let mut app = TestApp::with(farm.clone(), &format!("{CONFIG}{}{fixed}", feeds(&farm, 3))).await;
    farm.set("/fixed", page("Rain", 1));
    farm.set("/0", page("Rain", 1));
    farm.set("/1", page("Trump and Xi discuss rare earths", 1));
    let (mut busy, days) = (0, 4);
    for _ in 0..days * 24 * 6 {
        busy += 1;
        farm.set("/2", page("Snow", busy));
        app.clock.advance(Duration::from_secs(10 * MINUTES));
        app.poll().await;
    }
    let of_day = |path: &str| visits(&app, path) / days;
    let (quiet, alerted, busy, fixed) = (of_day("/0"), of_day("/1"), of_day("/2"), of_day("/fixed"));
    // Steps of ten minutes make 15 minutes 20 now and then.
    assert!(alerted >= 24 * 3, "an alert feed every 15 minutes: {alerted} a day");
    assert!(quiet < 24 * 4 * 2 / 3, "a quiet one less often: {quiet} a day");
    assert!(busy > 24 * 4, "a busy one more often: {busy} a day");
    assert!((45..=49).contains(&fixed), "and the operator's as told: {fixed} a day");
    assert!(quiet + alerted + busy <= 3 * 24 * 4 + 3, "within the budget: {quiet} + {alerted} + {busy}");
    app.end().await;
}

#[test]
fn check_says_what_intervals_cannot_be_met() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("wirewatch.toml");
    let feeds: String = (0..412).map(|n| format!("[[feed]]\nurl = \"https://example.com/{n}\"\n")).collect();
    let poll = "[poll]\ninterval = \"1m\"\nbudget = 3000\nconcurrency = 4\n";
    fs::write(&config, format!("[state]\ndir = \"state\"\n{poll}{feeds}")).unwrap();
    let config = config.display().to_string();
    let (code, out, err) = said(&run(&["check", "--config", &config]));
    assert_eq!(code, 0, "{out}{err}");
    for want in [
        "412 feeds of example.com at a visit every 2 s need 13 min 44 s; their interval is 1 min",
        "the budget of 3000 polls an hour is too small: even at their longest intervals the feeds need 6180",
        "4 visits at once are too few: at 2 s a visit, 14 are needed",
    ] {
        assert!(err.contains(want), "{want}: {err}");
    }
}

#[test]
fn check_knows_what_a_site_is_and_how_fast_its_visits_are_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("wirewatch.toml");
    let check = |fetch: &str, group: &str, want: bool| {
        let feeds: String = (0..31)
            .map(|n| format!("[[feed]]\nurl = \"https://127.0.0.1:{}/\"\n{group}\n", 8_000 + n))
            .collect();
        let text = format!("[state]\ndir = \"state\"\n{fetch}\n[poll]\ninterval = \"1m\"\n{feeds}");
        fs::write(&config, text).unwrap();
        let (code, out, err) = said(&run(&["check", "--config", &config.display().to_string()]));
        assert_eq!(code, 0, "{out}{err}");
        let named = err.contains("31 feeds of mine at a visit every 2 s need 1 min 2 s");
        assert_eq!(named, want, "{fetch} {group}: {err}");
    };
    let (own, group) = ("[fetch]\nallow = [\"127.0.0.1\"]", "group = \"mine\"");
    check("", group, true);
    check("", "", false);
    check(own, "", false);
    check(own, group, true);
}

#[tokio::test]
async fn a_feed_keeps_the_bound_of_alerts_from_its_first_alert_on() {
    let farm = Farm::start();
    let mut app = TestApp::with(farm.clone(), &format!("{CONFIG}{}", feeds(&farm, 1))).await;
    let seldom = |page: Page| {
        let text = String::from_utf8(page.body).unwrap();
        Page { body: text.replace("<channel>", "<channel><ttl>240</ttl>").into(), ..page }
    };
    farm.set("/0", seldom(page("Rain", 1)));
    app.poll_for(Duration::from_secs(50 * MINUTES)).await;
    assert_eq!(visits(&app, "/0"), 1, "as its publisher wishes");
    farm.set("/0", seldom(page("Trump and Xi discuss rare earths", 2)));
    app.poll_for(Duration::from_secs(20 * MINUTES)).await;
    assert_eq!(visits(&app, "/0"), 2);
    app.poll_for(Duration::from_secs(15 * MINUTES)).await;
    assert_eq!(visits(&app, "/0"), 3);
    app.end().await;
}

#[test]
fn status_says_what_intervals_cannot_be_met_and_is_content_all_the_same() {
    let farm = Farm::start();
    (0..2).for_each(|n| farm.set(&format!("/{n}"), page("Rain", n)));
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("wirewatch.toml");
    let text = format!(
        "[state]\ndir = \"state\"\n[fetch]\nallow = [\"127.0.0.1\"]\n[poll]\nbudget = 1\n{}",
        feeds(&farm, 2)
    );
    fs::write(&config, text).unwrap();
    let config = config.display().to_string();
    run(&["run", "--once", "--config", &config]);
    let (code, out, err) = said(&run(&["status", "--config", &config]));
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("NOTE    the budget of 1 polls an hour is too small"), "{out}");
}
