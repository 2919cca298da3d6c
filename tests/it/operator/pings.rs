//! The request to an address outside: only while all is well, and its address nowhere.

use std::time::Duration;

use wirewatch::{
    daemon::{Heartbeat, Pinger, Progress},
    model::{Duty, Verdict},
};

use super::{DAY, HOUR, OPERATOR};
use crate::{
    cli::{run, said},
    harness::{
        app::{CONFIG, TestApp},
        farm::{Farm, Page, rss_item},
    },
    manners::access::Log,
};

const KEY: &str = "key-1f7c-canary";
const PATH: &str = "/ping/key-1f7c-canary";

fn config(farm: &Farm, ping: &str) -> String {
    let feed = format!("[[feed]]\nurl = \"{}\"\n", farm.url("/a"));
    format!("{CONFIG}{feed}{OPERATOR}[operator]\nping = {ping}\n")
}

/// An application with one feed that can be read and was, and a ping to the farm.
async fn app() -> TestApp {
    let farm = Farm::start();
    farm.set("/a", Page::rss(&[rss_item("1", "Harbour news", "http://farm.example/1", TestApp::ago(30))]));
    farm.set(PATH, Page::ok("text/plain", "OK"));
    let text = config(&farm, &format!("{{ url = \"{}\", every = \"5m\" }}", farm.url(PATH)));
    let mut app = TestApp::with(farm, &text).await;
    app.turn().await;
    app
}

fn pings(app: &TestApp) -> usize {
    app.farm.visits(PATH).len()
}

async fn step(app: &TestApp, pinger: &mut Pinger) -> Progress {
    pinger.step(app.clock.now()).await.unwrap()
}

async fn verdict(app: &TestApp) -> Option<Verdict> {
    let runs = app.store.duties().await.unwrap();
    runs.into_iter().find(|run| run.duty == Duty::Ping).map(|run| run.verdict)
}

#[tokio::test]
async fn it_goes_out_every_so_often_while_all_is_well() {
    let app = app().await;
    let mut pinger = app.pinger();
    step(&app, &mut pinger).await;
    assert_eq!(pings(&app), 1);
    assert_eq!(app.farm.visits(PATH)[0].method, "GET");
    app.clock.advance(Duration::from_secs(299));
    let until = step(&app, &mut pinger).await;
    assert_eq!(pings(&app), 1);
    app.clock.advance(Duration::from_secs(1));
    assert_eq!(until, Progress::Idle { until: Some(app.clock.now()) });
    step(&app, &mut pinger).await;
    assert_eq!(pings(&app), 2);
    assert_eq!(verdict(&app).await, Some(Verdict::Done));
    app.end().await;
}

#[tokio::test]
async fn a_process_that_has_done_nothing_yet_does_not_say_that_all_is_well() {
    let app = app().await;
    // Killed again and again, a minute after each start.
    let mut app = app.killed_and_restarted().await;
    for _ in 0..3 {
        app.clock.advance(Duration::from_secs(1));
        let mut pinger = app.pinger();
        for _ in 0..6 {
            step(&app, &mut pinger).await;
            app.clock.advance(Duration::from_secs(10));
        }
        app = app.killed_and_restarted().await;
    }
    assert_eq!(pings(&app), 0);
    // No feed is due for a while, and it has run for five minutes.
    let (mut short, mut long) = (app.pinger(), app.pinger());
    app.clock.advance(Duration::from_millis(299_999));
    step(&app, &mut short).await;
    assert_eq!(pings(&app), 0);
    app.clock.advance(Duration::from_millis(1));
    step(&app, &mut long).await;
    assert_eq!(pings(&app), 1);
    app.end().await;
}

#[tokio::test]
async fn it_is_withheld_while_visits_have_stopped() {
    let mut app = app().await;
    let mut pinger = app.pinger();
    // The feed is due every quarter of an hour or, at rest, every hour.
    app.clock.advance(Duration::from_secs((2 * HOUR + 1) * 60));
    step(&app, &mut pinger).await;
    assert_eq!(pings(&app), 0);
    app.poll().await;
    // What was visited is written down with the next step.
    app.clock.advance(Duration::from_secs(300));
    app.poll().await;
    step(&app, &mut pinger).await;
    assert_eq!(pings(&app), 1);
    app.end().await;
}

#[tokio::test]
async fn it_is_withheld_while_mail_is_stuck() {
    let mut app = app().await;
    let mut pinger = app.pinger();
    let mail = |app: &TestApp, id: &str, state: &str| {
        let now = app.clock.now().as_millisecond();
        app.tamper(&format!(
            "INSERT INTO notification (id, dedup_key, kind, subscription, recipient, subject, body_text, body_html, state,
                 attempts, next_attempt_at_ms, created_at_ms, settled_at_ms)
             VALUES ('{id}', '{id}', 'alert', 's', 'a@b.example', 's', 't', 'h', '{state}', 1, {}, {now}, {now})",
            now + 999_999_999
        ));
    };
    mail(&app, "one", "queued");
    for _ in 0..6 {
        app.clock.advance(Duration::from_secs(600));
        app.poll().await;
    }
    step(&app, &mut pinger).await;
    assert_eq!(pings(&app), 1, "it waits for an hour");
    app.clock.advance(Duration::from_secs(600));
    app.poll().await;
    step(&app, &mut pinger).await;
    assert_eq!(pings(&app), 1, "and for longer");
    // Another recipient's mail got through: it is that one's server.
    mail(&app, "two", "sent");
    app.clock.advance(Duration::from_secs(300));
    step(&app, &mut pinger).await;
    assert_eq!(pings(&app), 2);
    app.tamper("DELETE FROM notification");
    app.end().await;
}

#[tokio::test]
async fn it_is_withheld_while_a_task_hangs_or_the_store_cannot_be_written() {
    let app = app().await;
    let bound = Duration::from_secs(600);
    let heartbeat = Heartbeat::new("poller", bound, app.clock.clone());
    let mut pinger = app.pinger().watching(vec![heartbeat.clone()]);
    step(&app, &mut pinger).await;
    assert_eq!(pings(&app), 1);
    app.clock.advance(bound);
    step(&app, &mut pinger).await;
    assert_eq!(pings(&app), 1, "no progress");
    heartbeat.beat();
    app.tamper("ALTER TABLE duty RENAME TO aside");
    app.clock.advance(Duration::from_secs(300));
    step(&app, &mut pinger).await;
    assert_eq!(pings(&app), 1, "the store refuses");
    app.tamper("ALTER TABLE aside RENAME TO duty");
    heartbeat.beat();
    app.clock.advance(Duration::from_secs(300));
    step(&app, &mut pinger).await;
    assert_eq!(pings(&app), 2);
    app.end().await;
}

#[tokio::test]
async fn a_failing_ping_is_logged_once_per_change_and_its_address_is_nowhere() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_max_level(tracing::Level::TRACE);
    let guard = tracing::subscriber::set_default(subscriber.finish());
    let mut app = app().await;
    let mut pinger = app.pinger();
    for (status, times) in [(500, 3), (204, 2), (404, 2)] {
        app.farm.set(PATH, Page::status(status));
        for _ in 0..times {
            step(&app, &mut pinger).await;
            app.clock.advance(Duration::from_secs(300));
            app.turn().await;
        }
    }
    assert_eq!(pings(&app), 7);
    assert_eq!(verdict(&app).await, Some(Verdict::Failed("the server answered 404".to_owned())));
    drop(guard);
    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    let said = |words: &str| logged.matches(words).count();
    assert_eq!(said("the ping failed, it is tried again: the server answered 500"), 1);
    assert_eq!(said("the ping failed, it is tried again: the server answered 404"), 1);
    assert_eq!(said("the ping succeeds again"), 1);
    assert!(!logged.contains(KEY), "{logged}");
    assert!(!format!("{:?}", app.mails()).contains(KEY));
    let state = app.store.path().parent().unwrap().to_owned();
    app.store.close().await;
    for file in std::fs::read_dir(state).unwrap() {
        let path = file.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(KEY), "{}", path.display());
    }
}

#[test]
fn check_says_that_there_is_a_ping_and_not_where_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wirewatch.toml");
    let text = format!(
        "{OPERATOR}[operator]\nheartbeat = {{ at = [\"08:00\"] }}\nping = {{ url = \"https://hc.example{PATH}\" }}\n"
    );
    std::fs::write(&path, &text).unwrap();
    let checked = || said(&run(&["check", "--config", path.to_str().unwrap()]));
    let (code, out, err) = checked();
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("operator      heartbeat, next ") && out.contains("operator      ping every 5m"),
        "{out}"
    );
    assert!(!out.contains(KEY) && !err.contains(KEY), "{out}{err}");
    std::fs::write(&path, text.replace("https:", "http:")).unwrap();
    let (code, out, err) = checked();
    assert_eq!(code, 3, "{out}");
    assert!(err.contains("wirewatch.toml:5:1: the address of the ping would travel in the clear"), "{err}");
    assert!(!err.contains(KEY), "{err}");
}

#[tokio::test]
async fn a_private_address_is_asked_for_only_where_it_is_allowed() {
    let farm = Farm::start();
    farm.set("/a", Page::rss(&[]));
    let ping = format!("{{ url = \"https://127.0.0.2{PATH}\" }}");
    let mut app = TestApp::with(farm.clone(), &config(&farm, &ping)).await;
    app.turn().await;
    step(&app, &mut app.pinger()).await;
    let refused = "the address may not be visited; see [fetch] allow".to_owned();
    assert_eq!(verdict(&app).await, Some(Verdict::Failed(refused)));
    app.end().await;
}

#[tokio::test]
async fn a_reload_takes_over_another_address_at_once() {
    let mut app = app().await;
    let mut pinger = app.pinger();
    step(&app, &mut pinger).await;
    app.farm.set("/other", Page::ok("text/plain", "OK"));
    let other = format!("{{ url = \"{}\", every = \"1d\" }}", app.farm.url("/other"));
    app.reload(&config(&app.farm.clone(), &other));
    step(&app, &mut pinger).await;
    assert_eq!((pings(&app), app.farm.visits("/other").len()), (1, 1));
    app.reload(&config(&app.farm.clone(), &other).replace("ping = ", "# ping = "));
    app.clock.advance(Duration::from_secs(2 * DAY * 60));
    assert_eq!(step(&app, &mut pinger).await, Progress::Idle { until: None });
    assert_eq!(app.farm.visits("/other").len(), 1);
    app.end().await;
}
