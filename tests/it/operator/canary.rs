//! The made-up item: it goes all the way, and leaves nothing behind.

use std::{fs, path::Path};

use serde_json::Value;
use wirewatch::{
    daemon::{Canary, Progress},
    mail::{self, Phase},
    model::{Duty, Verdict},
};

use super::{DAY, HOUR, app};
use crate::{
    cli::{run, said},
    harness::app::TestApp,
};

const KEYS: &str = "canary = { at = [\"15:00\"] }";
/// Everything a real item leaves a trace in.
const TABLES: [&str; 9] =
    ["item", "item_key", "match", "story", "pending", "notification", "alerted", "digested", "settled"];

fn rows(app: &TestApp) -> Vec<i64> {
    TABLES.iter().map(|table| app.count(&format!("SELECT count(*) FROM {table}"))).collect()
}

async fn step(app: &TestApp, canary: &mut Canary) -> Progress {
    canary.step(app.clock.now()).await.unwrap()
}

async fn verdict(app: &TestApp) -> Verdict {
    let runs = app.store.duties().await.unwrap();
    runs.into_iter().find(|run| run.duty == Duty::Canary).unwrap().verdict
}

fn refused() -> mail::Error {
    mail::Error::Refused { phase: Phase::Recipient, code: 550, reply: "nobody here".to_owned() }
}

#[tokio::test]
async fn it_goes_all_the_way_to_the_operator_once_and_leaves_nothing_behind() {
    let mut app = app(1, KEYS).await;
    app.turn().await;
    let before = rows(&app);
    let mut canary = app.canary();
    let until = step(&app, &mut canary).await;
    app.wait(59).await;
    step(&app, &mut canary).await;
    assert!(app.mails().is_empty(), "14:59");
    app.wait(1).await;
    assert_eq!(until, Progress::Idle { until: Some(app.clock.now()) });
    step(&app, &mut canary).await;
    let mails = app.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].to.address(), "ops@example.com");
    assert!(mails[0].subject.starts_with("[wirewatch] The canary came through"), "{}", mails[0].subject);
    for stage in ["parse: ", "match: ", "plan: ", "render: "] {
        assert!(mails[0].text.contains(stage), "{stage}: {}", mails[0].text);
    }
    assert_eq!(verdict(&app).await, Verdict::Done);
    app.wait(1).await;
    assert_eq!(rows(&app), before, "{TABLES:?}");
    // Once for its time, across a restart.
    step(&app, &mut canary).await;
    let app = app.killed_and_restarted().await;
    let mut canary = app.canary();
    step(&app, &mut canary).await;
    assert_eq!(app.mails().len(), 1);
    app.end().await;
}

#[tokio::test]
async fn one_that_does_not_come_through_is_urgent_names_the_step_and_is_over_with_the_next() {
    let mut app = app(1, KEYS).await;
    app.turn().await;
    let mut canary = app.canary();
    step(&app, &mut canary).await;
    app.wait(HOUR).await;
    app.memory.fail_next(refused());
    step(&app, &mut canary).await;
    assert!(matches!(verdict(&app).await, Verdict::Failed(why) if why.starts_with("hand-over: ")));
    app.wait(1).await;
    let told = app.told();
    assert_eq!(told.len(), 1);
    assert_eq!(told[0].1, "[wirewatch] Urgent: the canary did not come through");
    assert!(told[0].2.contains("hand-over: the mail server refused"), "{}", told[0].2);
    // It is told again only when it goes on: after a day, since the next one failed too.
    app.wait_hourly(23 * HOUR).await;
    assert_eq!(app.told().len(), 1);
    app.wait(HOUR).await;
    app.memory.fail_next(refused());
    step(&app, &mut canary).await;
    app.wait(HOUR).await;
    assert_eq!(app.told().len(), 2);
    assert!(app.told()[1].1.ends_with("did not come through, still"));
    app.wait(23 * HOUR).await;
    step(&app, &mut canary).await;
    app.wait(1).await;
    let subjects: Vec<String> = app.told().into_iter().map(|(_, subject, _)| subject).collect();
    assert!(subjects[2].contains("The canary came through ("), "{subjects:?}");
    assert_eq!(subjects[3], "[wirewatch] The canary came through again");
    app.wait_hourly(2 * DAY).await;
    assert_eq!(app.told().len(), 4);
    app.end().await;
}

#[tokio::test]
async fn one_that_is_sent_no_more_has_no_trouble_and_none_that_is_over() {
    let mut app = app(1, KEYS).await;
    app.turn().await;
    let mut canary = app.canary();
    step(&app, &mut canary).await;
    app.wait(HOUR).await;
    app.memory.fail_next(refused());
    step(&app, &mut canary).await;
    app.wait(1).await;
    assert_eq!(app.told().len(), 1);
    let text = fs::read_to_string(app.dir.path().join("wirewatch.toml")).unwrap();
    app.reload(&text.replace("canary =", "# canary ="));
    app.wait_hourly(DAY).await;
    assert_eq!(app.told().len(), 1);
    assert_eq!(step(&app, &mut canary).await, Progress::Idle { until: None });
    app.end().await;
}

/// A folder with a configuration and, if given, a template for the subjects of alerts.
fn home(dir: &Path, subject: Option<&str>) -> String {
    let templates = match subject {
        Some(source) => {
            fs::create_dir_all(dir.join("templates/alert")).unwrap();
            fs::write(dir.join("templates/alert/subject.txt"), source).unwrap();
            "templates = \"templates\"\n"
        }
        None => "",
    };
    let path = dir.join("wirewatch.toml");
    let text = format!("[state]\ndir = \"state\"\n[mail]\noperator = [\"ops@example.com\"]\n{templates}");
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_command_tells_each_step_and_needs_no_store() {
    let dir = tempfile::tempdir().unwrap();
    let config = home(dir.path(), None);
    let (code, out, err) = said(&run(&["mail", "canary", "--json", "--config", &config]));
    assert_eq!(code, 0, "{out}{err}");
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["ok"], &report["failed"]), (&Value::Bool(true), &Value::Null));
    let steps: Vec<&str> =
        report["steps"].as_array().unwrap().iter().map(|step| step["step"].as_str().unwrap()).collect();
    assert_eq!(steps, ["parse", "match", "plan", "render", "hand-over"]);
    let sum: u64 = report["steps"].as_array().unwrap().iter().map(|s| s["took_us"].as_u64().unwrap()).sum();
    assert!(report["total_us"].as_u64().unwrap() >= sum);
    assert_eq!(fs::read_dir(dir.path().join("state/maildir/new")).unwrap().count(), 1);
    assert!(!dir.path().join("state/wirewatch.db").exists());
    let (code, out, _) = said(&run(&["mail", "canary", "--config", &config]));
    assert_eq!(code, 0);
    assert!(out.contains("hand-over") && out.contains("handed over to ops@example.com"), "{out}");
}

#[test]
fn the_command_names_the_step_that_failed() {
    let dir = tempfile::tempdir().unwrap();
    // Good for every sample, and without a value for this one headline.
    let source = "{{ subject.headline }}{% if \"canary\" in subject.headline %}{{ nothing.here }}{% endif %}";
    let config = home(dir.path(), Some(source));
    let (code, out, err) = said(&run(&["mail", "canary", "--config", &config]));
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.contains("FAILED at render: template `alert/subject.txt`, line 1: undefined value"), "{out}");
    let (code, out, _) = said(&run(&["mail", "canary", "--json", "--config", &config]));
    assert_eq!(code, 1);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&report["ok"], &report["failed"]),
        (&Value::Bool(false), &Value::String("render".to_owned()))
    );
    assert_eq!(report["steps"].as_array().unwrap().len(), 4, "none after the one that failed");
}
