//! What those who run the service are told: once, when it is time, and again only as long as it goes on.

use std::time::Duration;

use wirewatch::{
    daemon::Progress,
    model::{Duty, OutboundMail, Timestamp, time},
};

use crate::{
    cli::{run, said},
    harness::{
        app::{CONFIG, START, TestApp},
        farm::{Farm, Page},
    },
};

mod canary;
mod pings;
mod quiet;

const HOUR: u64 = 60;
const DAY: u64 = 24 * HOUR;
const OPERATOR: &str = "[mail]\noperator = [\"ops@example.com\"]\n";

/// An application with so many feeds that can be read, an operator, and these keys of `[operator]`.
async fn app(feeds: usize, keys: &str) -> TestApp {
    TestApp::with_feeds(feeds, keys).await
}

impl TestApp {
    async fn with_feeds(feeds: usize, keys: &str) -> Self {
        let farm = Farm::start();
        let mut text = String::new();
        for n in 0..feeds {
            let path = format!("/{n}");
            farm.set(&path, Page::rss(&[TestApp::news(u32::try_from(n).unwrap())]));
            text += &format!("[[feed]]\nurl = \"{}\"\ntitle = \"Feed {n}\"\n", farm.url(&path));
        }
        Self::with(farm, &format!("{CONFIG}{text}{OPERATOR}[operator]\n{keys}\n")).await
    }

    /// Moves the clock and does what the planner and the mailer do, no feed being visited.
    async fn wait(&mut self, minutes: u64) {
        self.clock.advance(Duration::from_secs(minutes * 60));
        self.plan().await;
        self.send().await;
    }

    /// Lets so much time pass in steps of an hour.
    async fn wait_hourly(&mut self, minutes: u64) {
        for _ in 0..minutes / HOUR {
            self.wait(HOUR).await;
        }
    }

    /// Makes feed `n` fail since so many minutes ago, by `health`; a number of the database, from 1 on.
    fn fails(&self, n: usize, health: &str, minutes: u64, brings_alerts: bool) {
        let now = self.clock.now().as_millisecond();
        let since = now - i64::try_from(minutes * 60_000).unwrap();
        let hit = if brings_alerts { "1" } else { "NULL" };
        self.tamper(&format!(
            "UPDATE feed SET health = '{health}', health_since_at_ms = {since}, failures = 9, hit_at_ms = {hit},
                 failure_message = 'the server answered 404 Not Found' WHERE id = {n}"
        ));
    }

    fn recovers(&self, n: usize) {
        let now = self.clock.now().as_millisecond();
        self.tamper(&format!(
            "UPDATE feed SET health = 'ok', health_since_at_ms = {now}, failures = 0 WHERE id = {n};"
        ));
    }

    /// Something happened to feed `n`.
    fn event(&self, n: usize, kind: &str, detail: &str) {
        let now = self.clock.now().as_millisecond();
        self.tamper(&format!(
            "INSERT INTO feed_event (feed_id, kind, at_ms, detail) VALUES ({n}, '{kind}', {now}, '{detail}')"
        ));
    }

    /// What the operator was mailed so far: when, subject, and the text without line ends.
    fn told(&self) -> Vec<(Timestamp, String, String)> {
        let to_operator = |mail: &OutboundMail| mail.to.address() == "ops@example.com";
        let mails = self.mails().into_iter().filter(to_operator);
        mails
            .map(|mail| {
                let text = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
                (mail.created_at, mail.subject, text)
            })
            .collect()
    }

    fn count(&self, sql: &str) -> i64 {
        rusqlite::Connection::open(self.store.path()).unwrap().query_row(sql, [], |r| r.get(0)).unwrap()
    }
}

fn later(minutes: u64) -> Timestamp {
    time::after(START, Duration::from_secs(minutes * 60))
}

#[tokio::test]
async fn what_can_wait_goes_in_one_mail_a_day_grouped_and_each_change_once() {
    let mut app = app(3, "daily = { at = [\"07:00\"] }").await;
    app.turn().await;
    app.event(1, "moved", "it moved for good");
    app.wait(HOUR).await;
    app.event(2, "moved", "it moved too");
    app.event(3, "silent", "nothing new for 3 d");
    app.wait_hourly(14 * HOUR).await;
    assert_eq!(app.told(), [], "it is 05:00");
    let mut app = app.killed_and_restarted().await;
    app.wait(119).await;
    assert_eq!(app.told(), [], "it is 06:59");
    app.wait(1).await;
    let told = app.told();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].0, later(17 * HOUR), "07:00");
    assert_eq!(told[0].1, "[wirewatch] 3 changes: moved (2), silent");
    assert!(
        told[0].2.contains(
            "Moved (2) - Feed 0 — it moved for good - Feed 1 — it moved too Silent (1) - Feed 2 — nothing new for 3 d"
        ),
        "{}",
        told[0].2
    );
    // The same again is not told again, whatever happens to the process.
    let mut app = app.killed_and_restarted().await;
    app.wait_hourly(2 * DAY).await;
    assert_eq!(app.told().len(), 1, "nothing happened, so there is no mail");
    app.event(1, "moved-back", "it moved back");
    app.wait_hourly(DAY).await;
    assert_eq!(app.told().len(), 2);
    app.end().await;
}

#[tokio::test]
async fn after_a_stop_of_days_there_is_one_daily_mail() {
    let mut app = app(1, "zone = \"Europe/London\"\ndaily = { at = [\"07:00\"] }").await;
    app.turn().await;
    app.event(1, "gap", "at least 1 may have been missed");
    let app_stopped = app.stopped_and_restarted().await;
    app_stopped.clock.advance(Duration::from_secs(5 * DAY * 60));
    let mut app = app_stopped.stopped_and_restarted().await;
    app.wait(0).await;
    app.wait(1).await;
    assert_eq!(app.told().len(), 1, "{:?}", app.told());
    assert!(app.told()[0].2.contains("Times: Europe/London"));
    // 07:00 in summer is 06:00 UTC; it is 14:01.
    app.event(1, "gap", "once more");
    app.wait(15 * HOUR + 58).await;
    assert_eq!(app.told().len(), 1, "05:59");
    app.wait(1).await;
    assert_eq!(app.told().len(), 2, "06:00");
    app.end().await;
}

#[tokio::test]
async fn what_happened_a_week_before_there_was_anybody_to_tell_is_told_no_more() {
    let mut app = app(1, "").await;
    app.turn().await;
    let week = 7 * 86_400_000;
    for (detail, at) in [("just told", 0), ("too old", -1)] {
        let at = START.as_millisecond() - week + at;
        app.tamper(&format!(
            "INSERT INTO feed_event (feed_id, kind, at_ms, detail) VALUES (1, 'gap', {at}, '{detail}')"
        ));
    }
    app.wait(17 * HOUR).await;
    let text = app.told().remove(0).2;
    assert!(text.contains("just told") && !text.contains("too old"), "{text}");
    app.end().await;
}

#[tokio::test]
async fn more_changes_of_one_kind_than_can_be_named_are_counted() {
    let mut app = app(1, "").await;
    app.turn().await;
    for n in 0..21 {
        app.event(1, "gap", &format!("gap {n}"));
    }
    app.wait(17 * HOUR).await;
    let (_, subject, text) = app.told().remove(0);
    assert_eq!(subject, "[wirewatch] 21 changes: possibly missed (21)");
    assert!(text.contains("gap 19 - 1 more; `wirewatch status` names them"), "{text}");
    for n in 0..20 {
        app.event(1, "gap", &format!("gap {n}"));
    }
    app.wait(DAY).await;
    let text = app.told().remove(1).2;
    assert!(text.contains("gap 19") && !text.contains(" more;"), "{text}");
    app.end().await;
}

#[tokio::test]
async fn a_feed_that_brings_alerts_and_fails_is_told_at_once_and_again_at_rising_intervals() {
    let mut app = app(2, "").await;
    app.turn().await;
    app.wait(1).await;
    app.event(1, "failing", "it has failed for 6 h");
    app.fails(1, "failing", 0, true);
    app.wait(1).await;
    let told = app.told();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1, "[wirewatch] Urgent: feeds that bring alerts fail");
    assert!(told[0].2.contains("Feed 0 — for 6 h"), "{}", told[0].2);
    // It began six hours before it was called failing, at minute 1.
    let begun = time::before(later(1), Duration::from_secs(6 * 3_600));
    let mut app = app.killed_and_restarted().await;
    for _ in 0..30 {
        app.wait_hourly(DAY).await;
    }
    let told = app.told();
    let days: Vec<u64> =
        told.iter().skip(1).map(|(at, ..)| time::between(begun, *at).as_secs() / 86_400).collect();
    assert_eq!(days, [1, 3, 7, 14, 21, 28], "{told:?}");
    assert!(told[1].1.ends_with("feeds that bring alerts fail, still"), "{}", told[1].1);
    // The event itself was told at once, so no daily mail had it.
    app.event(1, "recovered", "it answers again");
    app.recovers(1);
    app.wait_hourly(DAY).await;
    let told = app.told();
    assert_eq!(told.len(), 8);
    assert!(told[7].2.contains("Readable again (1) - Feed 0 — it answers again"), "{}", told[7].2);
    app.wait_hourly(30 * DAY).await;
    assert_eq!(app.told().len(), 8, "it is over");
    app.end().await;
}

#[tokio::test]
async fn reminders_are_due_at_n_and_not_a_minute_before() {
    let mut app = app(1, "").await;
    app.turn().await;
    app.fails(1, "failing", 0, true);
    app.wait(1).await;
    // Called failing at the start, so it began six hours before: a day is over after 18 hours.
    app.wait(18 * HOUR - 2).await;
    assert_eq!(app.told().len(), 1);
    app.wait(1).await;
    assert_eq!(app.told().len(), 2);
    app.wait(2 * DAY - 1).await;
    assert_eq!(app.told().len(), 2);
    app.wait(1).await;
    assert_eq!(app.told().len(), 3, "three days");
    app.end().await;
}

#[tokio::test]
async fn a_feed_that_fails_every_night_is_no_noise_every_morning() {
    let mut app = app(1, "").await;
    app.turn().await;
    for _ in 0..6 {
        app.fails(1, "failing", 0, true);
        app.wait_hourly(8 * HOUR).await;
        app.recovers(1);
        app.wait_hourly(16 * HOUR).await;
    }
    // At once, after a day, after three.
    assert_eq!(app.told().len(), 3, "{:?}", app.told());
    // Two days of answers, and it is a trouble of its own again.
    app.wait_hourly(3 * DAY).await;
    app.fails(1, "failing", 0, true);
    app.wait(1).await;
    assert_eq!(app.told().len(), 4);
    assert!(!app.told()[3].1.contains("still"));
    app.end().await;
}

#[tokio::test]
async fn a_single_feed_without_alerts_waits_for_the_daily_mail_and_is_told_again_there() {
    let mut app = app(1, "").await;
    app.turn().await;
    app.event(1, "failing", "it has failed for 6 h");
    app.fails(1, "failing", 0, false);
    app.wait_hourly(16 * HOUR).await;
    assert_eq!(app.told(), []);
    for _ in 0..12 {
        app.wait_hourly(DAY).await;
    }
    let told = app.told();
    let days: Vec<u64> = told.iter().map(|(at, ..)| time::between(START, *at).as_secs() / 86_400).collect();
    // The first morning; then those after one day, three and seven.
    assert_eq!(days, [0, 1, 3, 7], "{told:?}");
    assert!(told[0].2.contains("Not readable (1) - Feed 0 — it has failed for 6 h"), "{}", told[0].2);
    assert!(told[1].2.contains("Still not readable (1) - Feed 0 — for "), "{}", told[1].2);
    app.end().await;
}

#[tokio::test]
async fn many_feeds_that_fail_together_are_one_urgent_line_and_so_is_their_end() {
    let mut app = app(20, "").await;
    app.turn().await;
    (1..=4).for_each(|n| app.fails(n, "degraded", 60, false));
    app.wait(1).await;
    assert_eq!(app.told(), [], "four");
    app.fails(5, "degraded", 60, false);
    app.wait(1).await;
    let told = app.told();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1, "[wirewatch] Urgent: many feeds fail together");
    assert!(told[0].2.contains("5 of 20 feeds fail for an hour or longer"), "{}", told[0].2);
    let mut app = app.killed_and_restarted().await;
    app.wait_hourly(12 * HOUR).await;
    assert_eq!(app.told().len(), 1);
    (1..=5).for_each(|n| app.recovers(n));
    app.wait(HOUR).await;
    let told = app.told();
    assert_eq!(told.len(), 2);
    assert_eq!(told[1].1, "[wirewatch] Most feeds answer again");
    app.end().await;
}

#[tokio::test]
async fn of_urgent_lines_and_mails_given_up_twenty_are_named_and_the_rest_counted() {
    let mut app = app(21, "").await;
    app.turn().await;
    (1..=21).for_each(|n| app.fails(n, "failing", 0, true));
    let now = app.clock.now().as_millisecond();
    let dead = |app: &TestApp, ids: std::ops::Range<u32>| {
        for id in ids {
            app.tamper(&format!(
                "INSERT INTO notification (id, dedup_key, kind, subscription, recipient, subject, body_text, body_html,
                     state, attempts, next_attempt_at_ms, created_at_ms, settled_at_ms, note)
                 VALUES ('{id}', '{id}', 'alert', 's', 'gone{id}@b.example', 's', 't', 'h', 'dead', 1, 0, {now}, {now},
                     'no such user')"
            ));
        }
    };
    dead(&app, 0..21);
    app.wait(1).await;
    let (_, subject, text) = app.told().remove(0);
    assert!(subject.starts_with("[wirewatch] Urgent: mails given up (21), "), "{subject}");
    assert!(
        text.contains(
            "Feed 19 — for 6 h 1 min: the server answered 404 Not Found - 1 more; `wirewatch feeds list`"
        ),
        "{text}"
    );
    assert!(text.contains("gone19@b.example") && !text.contains("gone20@b.example"), "{text}");
    assert!(text.contains("1 more; `wirewatch outbox list --state dead` names them"), "{text}");
    dead(&app, 21..41);
    app.wait(15).await;
    let told = app.told();
    assert_eq!(told.len(), 2, "each is told once");
    assert_eq!(told[1].1, "[wirewatch] Urgent: mails given up (20)");
    assert!(told[1].2.contains("gone40@b.example") && !told[1].2.contains(" more;"), "{}", told[1].2);
    app.wait_hourly(DAY).await;
    assert!(app.told().iter().skip(2).all(|(_, subject, _)| !subject.contains("mails given up")));
    app.tamper("DELETE FROM notification WHERE state = 'dead'");
    app.end().await;
}

#[tokio::test]
async fn when_no_feed_answers_for_an_hour_it_is_told_and_when_they_do_again() {
    let mut app = app(6, "").await;
    app.turn().await;
    (0..6).for_each(|n| app.farm.set(&format!("/{n}"), Page::status(503)));
    for _ in 0..5 {
        app.after(20).await;
    }
    let told = app.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.contains("no feed answers"), "{}", told[0].1);
    assert!(told[0].2.contains("Not one of 6 feeds was read since Thu 5 Jun, 14:00 UTC"), "{}", told[0].2);
    // It lasts, though the feeds count as failing by now.
    let mut app = app.killed_and_restarted().await;
    for _ in 0..14 {
        app.after(30).await;
    }
    let told = app.told();
    assert_eq!(told.len(), 1, "{told:?}");
    (0..6).for_each(|n| app.farm.set(&format!("/{n}"), Page::rss(&[TestApp::news(100 + n)])));
    for _ in 0..30 {
        app.after(20).await;
    }
    let told = app.told();
    assert!(told[1].2.contains("Feeds answer again (1) - Not one was read for "), "{}", told[1].2);
    app.end().await;
}

#[tokio::test]
async fn a_service_that_did_not_run_calls_no_feed_silent() {
    let mut app = app(6, "").await;
    app.turn().await;
    let app_stopped = app.stopped_and_restarted().await;
    app_stopped.clock.advance(Duration::from_secs(3 * DAY * 60));
    let mut app = app_stopped.killed_and_restarted().await;
    app.wait(0).await;
    app.turn().await;
    app.wait(2).await;
    assert_eq!(app.told(), []);
    app.end().await;
}

#[tokio::test]
async fn urgent_mails_keep_a_distance_and_what_comes_meanwhile_goes_together() {
    let mut app = app(3, "").await;
    app.turn().await;
    app.fails(1, "failing", 0, true);
    app.wait(1).await;
    app.fails(2, "failing", 0, true);
    app.wait(1).await;
    app.fails(3, "failing", 0, true);
    app.wait(13).await;
    assert_eq!(app.told().len(), 1, "14 minutes after the first");
    app.wait(1).await;
    let told = app.told();
    assert_eq!(told.len(), 2);
    assert!(told[1].1.ends_with("feeds that bring alerts fail (2)"), "{}", told[1].1);
    app.end().await;
}

#[tokio::test]
async fn a_store_that_could_not_be_written_is_told_of_once_it_can() {
    let mut app = app(1, "").await;
    app.turn().await;
    for _ in 0..4 {
        app.clock.advance(Duration::from_secs(120));
        assert!(app.plan_refused_by("duty").await.is_err());
    }
    app.wait(1).await;
    app.wait(1).await;
    let told = app.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].1.contains("the database could not be written"), "{}", told[0].1);
    app.wait_hourly(DAY).await;
    assert_eq!(app.told().len(), 1);
    app.end().await;
}

#[tokio::test]
async fn a_heartbeat_comes_once_for_each_window_across_restarts_and_once_after_a_stop() {
    let mut app = app(2, "heartbeat = { at = [\"08:00\"], days = \"mon-fri\" }").await;
    app.plan().await;
    app.after(1).await;
    app.wait_hourly(17 * HOUR).await;
    assert_eq!(app.told(), [], "Friday, 07:01");
    app.wait(58).await;
    assert_eq!(app.told(), [], "07:59");
    app.wait(1).await;
    let told = app.told();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1, "[wirewatch] wirewatch is alive: 2 of 2 feeds read");
    for words in [
        "Feeds read: 2 of 2",
        "Feeds failing: 0",
        "Items read: 2",
        "Mails waiting: 0",
        concat!("Version: ", env!("CARGO_PKG_VERSION")),
        "Next heartbeat: Mon 9 Jun, 08:00 UTC",
    ] {
        assert!(told[0].2.contains(words), "{words}: {}", told[0].2);
    }
    let config = app.dir.path().join("wirewatch.toml").display().to_string();
    let (_, status, _) = said(&run(&["status", "--json", "--config", &config]));
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(
        (&status["duties"][0]["duty"], &status["duties"][0]["at"]),
        (&"heartbeat".into(), &"2025-06-06T08:00:00Z".into())
    );
    // Killed in the middle of its day.
    let mut app = app.killed_and_restarted().await;
    app.wait(0).await;
    app.wait_hourly(2 * DAY).await;
    assert_eq!(app.told().len(), 1, "no heartbeat at the weekend");
    // Stopped from Sunday to Wednesday noon: one for Monday to Wednesday.
    let stopped = app.stopped_and_restarted().await;
    stopped.clock.advance(Duration::from_secs((3 * DAY + 4 * HOUR) * 60));
    let mut app = stopped.stopped_and_restarted().await;
    app.wait(0).await;
    app.wait(1).await;
    assert_eq!(app.told().len(), 2);
    app.wait_hourly(DAY).await;
    assert_eq!(app.told().len(), 3, "Thursday");
    app.end().await;
}

#[tokio::test]
async fn a_reload_takes_over_what_the_operator_is_told_and_when() {
    let mut app = app(1, "").await;
    app.turn().await;
    let feed = format!("[[feed]]\nurl = \"{}\"\n", app.farm.url("/0"));
    let with = |keys: &str| format!("{CONFIG}{feed}{OPERATOR}[operator]\n{keys}\n");
    app.reload(&with("heartbeat = { every = \"2h\" }\nzone = \"Europe/London\""));
    app.wait(1).await;
    // The next even hour in London is 15:00 UTC.
    app.wait(58).await;
    assert_eq!(app.told().len(), 0);
    app.wait(1).await;
    assert_eq!(app.told().len(), 1);
    app.reload(&with(""));
    app.wait_hourly(DAY).await;
    assert_eq!(app.told().len(), 1);
    app.end().await;
}

#[tokio::test]
async fn with_nobody_to_tell_nothing_is_kept_and_nothing_is_looked_for() {
    let mut app = TestApp::start(&["/a"]).await;
    app.turn().await;
    assert!(matches!(app.plan_once().await, Progress::Idle { .. }));
    assert_eq!(app.store.duties().await.unwrap(), []);
    assert!(Duty::ALL.iter().all(|duty| !duty.as_str().is_empty()));
    app.end().await;
}
