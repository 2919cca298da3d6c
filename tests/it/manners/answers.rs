//! What servers answer: validators, `Retry-After` in all its forms, wishes, short bodies.

use super::*;
use wirewatch::model::FailureKind;

#[tokio::test]
async fn validators_go_back_verbatim_and_only_to_the_address_that_gave_them() {
    let farm = Farm::start();
    let (tag, date) = ("W/\"a b;c'd\", odd", "Thu, 05 Jun 2025  13:00:00 +0000 (sic)");
    let page = feed(1);
    let page =
        Page { headers: page.headers.into_iter().filter(|(name, _)| name != "ETag").collect(), ..page };
    farm.set("/real", page.with("ETag", tag).with("Last-Modified", date));
    farm.set("/asked", Page::status(302).with("Location", "/real").with("ETag", "\"of-the-redirect\""));
    let feeds = entry(&farm, "/asked", "");
    let mut app = TestApp::with(farm, &format!("{CONFIG}{feeds}")).await;
    app.turn().await;
    app.after(20).await;
    let mut app = app.stopped_and_restarted().await;
    app.after(20).await;
    let sent = |path: &str| -> Vec<(Option<String>, Option<String>)> {
        let visits = app.farm.visits(path);
        let field = |name: &str| visits.iter().map(|v| v.header(name).map(str::to_owned)).collect::<Vec<_>>();
        field("if-none-match").into_iter().zip(field("if-modified-since")).collect()
    };
    let both = (Some(tag.to_owned()), Some(date.to_owned()));
    assert_eq!(sent("/real"), [(None, None), both.clone(), both]);
    assert_eq!(sent("/asked"), [(None, None), (None, None), (None, None)]);
    let answered: Vec<u16> = app.farm.visits("/real").iter().map(|visit| visit.answered).collect();
    assert_eq!(answered, [200, 304, 304]);
    app.end().await;
}

fn after(status: u16, value: &str) -> Page {
    Page::status(status).with("Retry-After", value)
}

/// First answers, and how many minutes may pass before the next visit to a feed whose interval is a minute.
fn answers() -> Vec<(String, Page, std::ops::RangeInclusive<i64>)> {
    let mut all = Vec::new();
    let mut add = |what: &str, page: Page, minutes| all.push((what.to_owned(), page, minutes));
    for status in [429, 503, 403, 404, 500] {
        add(&format!("{status}"), after(status, "3600"), 60..=60);
    }
    // Not to be visited sooner is not to be visited never: what a redirect leads to is read all the same.
    for status in [301, 302, 307] {
        add(&format!("{status}"), after(status, "3600").with("Location", "/elsewhere"), 60..=60);
    }
    add("200", feed(3).with("Retry-After", "3600"), 60..=60);
    // A date counts from the server's own clock, which may be years off.
    add("a date", after(503, &http_date(later(HOUR))), 60..=60);
    let dated = |at: &str, date: &str| {
        let day = |time: &str| format!("Tue, 01 Mar 2016 {time} GMT");
        after(503, &day(at)).with("Date", &day(date))
    };
    add("a date of a clock years behind", dated("13:00:00", "12:00:00"), 60..=60);
    add("a date that is over", dated("12:00:00", "13:00:00"), 0..=1);
    // Zero is a value; nonsense is none.
    for value in ["0", "soon", "-60", "1.5", ""] {
        add(&format!("{value:?}"), after(429, value), 0..=1);
    }
    add("no end of digits", after(429, "99999999999999999999"), 1_440..=1_440);
    add("a second more than a day", after(429, "86401"), 1_440..=1_440);
    all
}

#[tokio::test]
async fn retry_after_is_kept_in_all_its_forms() {
    let farm = Farm::start();
    farm.set("/elsewhere", feed(2));
    let mut feeds = String::new();
    for (n, (_, page, _)) in answers().into_iter().enumerate() {
        // Once is enough: the second answer asks for a day.
        farm.script(&format!("/{n}"), [page, feed(1).with("Retry-After", "86400")]);
        feeds += &entry(&farm, &format!("/{n}"), &format!("interval = \"1m\"\ngroup = \"site-{n}\""));
    }
    let mut app = TestApp::with(farm, &format!("{CONFIG}{feeds}")).await;
    app.poll_for(25 * HOUR).await;
    for (n, (what, _, want)) in answers().into_iter().enumerate() {
        let path = format!("/{n}");
        let visits: Vec<i64> =
            app.farm.visits(&path).iter().map(|v| v.at.unwrap().as_millisecond()).collect();
        let waited = minutes(&visits)[0];
        assert!(want.contains(&waited), "{what}: {waited} minutes, {visits:?}");
    }
    app.end().await;
}

#[tokio::test]
async fn a_wait_asked_for_with_a_good_answer_outlives_restarts_reloads_and_short_waits_after_failures() {
    let farm = Farm::start();
    farm.set("/a", feed(1).with("Retry-After", "21600"));
    let config = |lines: &str| format!("{CONFIG}[poll]\n{lines}\n{}", entry(&farm, "/a", ""));
    let mut app = TestApp::with(farm.clone(), &config("max_backoff = \"2h\"")).await;
    app.poll_for(5 * HOUR).await;
    assert_eq!(farm.visits("/a").len(), 1, "whatever max_backoff is");
    app.reload(&config("max_backoff = \"3h\""));
    app.poll_for(HOUR / 4).await;
    assert_eq!(farm.visits("/a").len(), 1, "after a reload");
    let mut app = app.stopped_and_restarted().await;
    app.poll_for(HOUR / 4).await;
    assert_eq!(farm.visits("/a").len(), 1, "after a restart");
    app.poll_for(HOUR).await;
    assert_eq!(farm.visits("/a").len(), 2);
    app.end().await;
}

#[tokio::test]
async fn a_site_that_asks_for_patience_is_left_alone_by_its_other_feeds_too() {
    for (value, least) in [(Some("300"), 300_000), (Some("0"), 0), (None, 60_000), (Some("86400"), 900_000)] {
        let farm = Farm::start();
        let feeds = group(&farm, "one", 3, "");
        let busy = Page::status(429);
        farm.set("/one/0", value.map_or(busy.clone(), |value| busy.clone().with("Retry-After", value)));
        let mut app = TestApp::with(farm, &format!("{CONFIG}{feeds}")).await;
        app.poll_for(16 * MINUTE).await;
        let came = arrivals(&app.farm, "/one/1")[0];
        assert!((least..=least + 3_000).contains(&came), "{value:?}: {came}");
        app.end().await;
    }
}

#[tokio::test]
async fn wishes_of_servers_and_feeds_are_remembered() {
    let farm = Farm::start();
    let body = "<rss version=\"2.0\" xmlns:sy=\"http://purl.org/rss/1.0/modules/syndication/\"><channel>\
                <title>t</title><ttl>90</ttl><sy:updatePeriod>hourly</sy:updatePeriod>\
                <skipHours><hour>3</hour></skipHours><skipDays><day>Sunday</day></skipDays>\
                <item><title>one</title><link>http://farm.example/1</link></item></channel></rss>";
    farm.set("/a", Page::ok("application/rss+xml", body).with("Cache-Control", "max-age=60"));
    farm.set("/b", Page::ok("application/rss+xml", body).with("Cache-Control", "max-age=7200"));
    let feeds = [entry(&farm, "/a", ""), entry(&farm, "/b", "")].concat();
    let mut app = TestApp::with(farm, &format!("{CONFIG}{feeds}")).await;
    app.turn().await;
    let states = app.feed_states().await;
    let hints: Vec<_> = states.iter().map(|state| state.memory.hints).collect();
    assert_eq!(
        hints.iter().map(|h| h.wait.map(|w| w.as_secs() / 60)).collect::<Vec<_>>(),
        [Some(90), Some(120)]
    );
    assert!(hints.iter().all(|hints| (hints.skip_hours, hints.skip_days) == (1 << 3, 1 << 6)), "{hints:?}");
    app.end().await;
}

#[tokio::test]
async fn not_modified_renews_how_long_an_answer_stays_good() {
    let farm = Farm::start();
    let feeds = entry(&farm, "/a", "");
    farm.set("/a", feed(1).with("Cache-Control", "max-age=3600"));
    let mut app = TestApp::with(farm, &format!("{CONFIG}{feeds}")).await;
    app.turn().await;
    let wait = async |app: &TestApp| app.feed_states().await[0].memory.hints.wait.map(|wait| wait.as_secs());
    assert_eq!(wait(&app).await, Some(3_600));
    for (says, expect) in [("max-age=7200", 7_200), ("max-age=60", 7_200), ("no-store", 7_200)] {
        app.farm.set("/a", feed(1).with("Cache-Control", says));
        app.poll_for(3 * HOUR).await;
        app = app.stopped_and_restarted().await;
        assert_eq!(wait(&app).await, Some(expect), "{says}");
    }
    let answered: Vec<u16> = app.farm.visits("/a").iter().map(|visit| visit.answered).collect();
    assert!(answered.iter().skip(1).all(|status| *status == 304) && answered.len() > 3, "{answered:?}");
    app.end().await;
}

#[tokio::test]
async fn a_body_shorter_than_announced_is_a_failed_poll() {
    let mut app = TestApp::start(&["/a"]).await;
    let page = feed(1);
    let whole = page.body.len().to_string();
    let short = Page { body: page.body[..200].to_vec(), ..page.clone() };
    app.farm.set("/a", short.with("Content-Length", &whole).with("Connection", "close"));
    app.turn().await;
    let failure = app.store.feeds(1).await.unwrap()[0].last_failure.clone().unwrap();
    assert_eq!(failure.0, FailureKind::Body.as_str());
    assert_eq!(failure.1, "the body ended before its announced end");
    app.farm.set("/a", page);
    app.after(40).await;
    assert_eq!(app.store.status().await.unwrap().items, 1, "nothing was taken for gone");
    app.end().await;
}
