//! What comes after the alert: updates and their thread, mutes, stories that break out of a digest.

use wirewatch::model::{Mute, NotificationKind, OutboundMail};

use crate::harness::{
    app::TestApp,
    farm::{Farm, Page, rss_item},
};

const SITES: [&str; 6] = ["/a", "/b", "/c", "/d", "/e", "/f"];

/// An application with six feeds.
async fn app(subscriptions: &str) -> TestApp {
    let farm = Farm::start();
    let feeds: String =
        SITES.iter().map(|path| format!("[[feed]]\nurl = \"{}\"\n", farm.url(path))).collect();
    let config = format!(
        "[state]\ndir = \"state\"\n[mail]\ncommands_to = \"wirewatch+{{token}}@example.com\"\n\
         [fetch]\nallow = [\"127.0.0.1\"]\n\
         [[topic]]\nname = \"metals\"\nany = [\"gallium\", \"germanium\"]\n{subscriptions}{feeds}"
    );
    let app = TestApp::with(farm, &config).await;
    SITES.iter().for_each(|site| app.farm.set(site, Page::rss(&[])));
    app
}

const ALERT: &str =
    "[[subscription]]\nname = \"desk\"\nto = [\"desk@example.com\"]\ntopics = [\"*\"]\ndeliver = \"alert\"\n";
const DIGEST: &str = "[[subscription]]\nname = \"boss\"\nto = [\"boss@example.com\"]\ntopics = [\"*\"]\n\
                      deliver = \"digest\"\nat = [\"18:00\"]\n";

/// Sites that have the story, each at its own address.
fn carry(app: &TestApp, sites: &[&str], title: &str) {
    for site in sites {
        let link = format!("http://site-{}.example/1", &site[1..]);
        let item = rss_item(&format!("{site}-1"), title, &link, TestApp::ago(30));
        app.farm.set(site, Page::rss(&[item]));
    }
}

fn kinds(app: &TestApp, to: &str) -> Vec<&'static str> {
    app.mails().iter().filter(|mail| mail.to.address() == to).map(|mail| mail.kind.as_str()).collect()
}

#[tokio::test]
async fn an_update_answers_the_alert_and_says_what_is_new() {
    let mut app = app(&format!("{ALERT}update_every = \"1h\"\n")).await;
    carry(&app, &SITES[..1], "Gallium sales halted");
    app.turn().await;
    assert_eq!(kinds(&app, "desk@example.com"), ["alert"]);
    carry(&app, &SITES[..4], "Gallium sales halted");
    app.after(30).await;
    assert_eq!(kinds(&app, "desk@example.com"), ["alert"], "too soon after the alert");
    app.after(45).await;
    assert_eq!(kinds(&app, "desk@example.com"), ["alert", "update"]);
    let [alert, update]: [OutboundMail; 2] = app.mails().try_into().unwrap();
    assert_eq!(update.in_reply_to, Some(alert.id.clone()));
    assert!(update.text.contains("4 sources report it"), "{}", update.text);
    let message = String::from_utf8(app.memory.messages().pop().unwrap()).unwrap();
    for header in ["In-Reply-To", "References"] {
        assert!(message.contains(&format!("{header}: <{}@example.com>\r\n", alert.id)), "{message}");
    }
    // A word of the topic that did not occur before.
    carry(&app, &SITES[4..5], "Gallium and germanium sales halted");
    app.after(61).await;
    assert_eq!(kinds(&app, "desk@example.com"), ["alert", "update", "update"]);
    let last = app.mails().pop().unwrap();
    assert!(last.text.contains("germanium"), "{}", last.text);
    assert_eq!(last.in_reply_to, Some(alert.id), "all answer the first");
    // One more site is no news.
    carry(&app, &SITES[5..], "Gallium sales halted");
    app.after(61).await;
    assert_eq!(kinds(&app, "desk@example.com").len(), 3);
    app.end().await;
}

#[tokio::test]
async fn an_alert_waits_for_those_who_report_it_as_well() {
    let mut app = app(&format!("{ALERT}group_wait = \"2m\"\n")).await;
    carry(&app, &SITES[..1], "Gallium sales halted");
    app.turn().await;
    assert_eq!(app.mails().len(), 0);
    let until = TestApp::ago(0) + std::time::Duration::from_secs(120);
    assert_eq!(app.plan_once().await, wirewatch::daemon::Progress::Idle { until: Some(until) });
    app.after(1).await;
    assert_eq!(app.mails().len(), 0);
    app.after(1).await;
    assert_eq!(app.mails().len(), 1);
    app.end().await;
}

#[tokio::test]
async fn one_round_waits_for_nobody() {
    let app = app(&format!("{ALERT}group_wait = \"1h\"\n")).await;
    carry(&app, &SITES[..1], "Gallium sales halted");
    app.run_once().await;
    assert_eq!(app.mails().len(), 1, "the process ends, so nothing would send it later");
    app.end().await;
}

#[tokio::test]
async fn a_muted_story_brings_no_alerts_and_stands_in_the_digest() {
    let mut app = app(&format!("{ALERT}{DIGEST}")).await;
    carry(&app, &SITES[..1], "Gallium sales halted");
    app.poll().await;
    let story = app.store.pending(1).await.unwrap()[0].story;
    let mut orders = wirewatch::store::Orders::open(app.store.path().parent().unwrap()).unwrap();
    let until = TestApp::ago(0) + std::time::Duration::from_secs(3_600);
    let recipient = Some(app.subscriptions[0].to[0].clone());
    orders.mute(app.clock.now(), &Mute { recipient, story, until }).unwrap().unwrap();
    app.plan().await;
    app.send().await;
    assert_eq!(app.mails().len(), 0);
    let pending = app.store.pending(10).await.unwrap();
    assert_eq!(pending.len(), 1, "the digest's");
    let settled = app.store.settled_matches(pending[0].item, 10).await.unwrap();
    assert_eq!(settled.iter().map(|(_, reason, _)| reason.as_str()).collect::<Vec<_>>(), ["muted"]);
    // When it is over, what comes next is alerted.
    carry(&app, &SITES[1..2], "Gallium sales halted");
    app.after(61).await;
    assert_eq!(kinds(&app, "desk@example.com"), ["alert"]);
    app.after(4 * 60).await;
    assert_eq!(kinds(&app, "boss@example.com"), ["digest"]);
    assert!(app.mails().pop().unwrap().text.contains("sales halted"));
    app.end().await;
}

#[tokio::test]
async fn the_token_of_a_mail_mutes_for_its_reader_only() {
    let mut app =
        app(&ALERT.replace("\"desk@example.com\"", "\"desk@example.com\", \"ann@example.com\"")).await;
    carry(&app, &SITES[..1], "Gallium sales halted");
    app.turn().await;
    let mails = app.mails();
    assert_eq!(mails.len(), 2);
    let token_of = |mail: &OutboundMail| {
        let unwrapped = mail.text.replace('\n', " ");
        let (_, rest) = unwrapped.split_once("mailto:wirewatch+").expect("the mail names the address");
        rest.split_once('@').unwrap().0.to_owned()
    };
    let mut orders = wirewatch::store::Orders::open(app.store.path().parent().unwrap()).unwrap();
    for mail in &mails {
        let (recipient, story) = orders.of_token(&token_of(mail)).unwrap().unwrap();
        assert_eq!(recipient, mail.to, "whose mail it is");
        assert_eq!(orders.of_mail(&mail.id).unwrap().unwrap(), (mail.to.clone(), vec![story]));
        // Mail programs may change the case of it.
        assert!(orders.of_token(&token_of(mail).to_uppercase()).unwrap().is_ok());
    }
    let token = token_of(&mails[0]);
    let other = if token.ends_with('0') { '1' } else { '0' };
    let forged = format!("{}{other}", &token[..token.len() - 1]);
    let of_another = format!("9{token}");
    for wrong in [forged.as_str(), of_another.as_str(), "", "1-", "x-y", "1"] {
        assert!(orders.of_token(wrong).unwrap().is_err(), "{wrong}");
    }
    app.end().await;
}

#[tokio::test]
async fn a_story_that_grows_breaks_out_of_the_digest_and_stays_in_it() {
    let mut app = app(&format!("{DIGEST}escalate = {{ sources = 3 }}\n")).await;
    carry(&app, &SITES[..2], "Gallium sales halted");
    app.turn().await;
    assert_eq!(app.mails().len(), 0);
    carry(&app, &SITES[..3], "Gallium sales halted");
    app.after(30).await;
    assert_eq!(kinds(&app, "boss@example.com"), ["alert"]);
    app.after(30).await;
    app.after(4 * 60).await;
    assert_eq!(kinds(&app, "boss@example.com"), ["alert", "digest"]);
    let digest = app.mails().pop().unwrap();
    assert!(digest.text.contains("sales halted"), "{}", digest.text);
    assert_eq!(digest.kind, NotificationKind::Digest);
    app.end().await;
}

/// The real program beside the application, which holds the lock as a daemon does.
fn wirewatch(app: &TestApp, args: &[&str]) -> (Option<i32>, String) {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_wirewatch"));
    command.arg("mute").args(args).arg("--config").arg(app.dir.path().join("wirewatch.toml"));
    let done = command.output().unwrap();
    let said = [done.stdout, done.stderr].concat();
    (done.status.code(), String::from_utf8(said).unwrap())
}

#[tokio::test]
async fn the_command_mutes_beside_a_running_daemon() {
    let mut app = app(ALERT).await;
    carry(&app, &SITES[..1], "Gallium sales halted");
    app.turn().await;
    let mail = app.mails().pop().unwrap();
    let check = |args: &[&str], code: i32, said: &str| {
        let (status, out) = wirewatch(&app, args);
        assert!(status == Some(code) && out.contains(said), "{args:?}: {status:?} {out}");
    };
    check(&["1"], 0, "story 1 is muted for everybody until");
    check(&["--list"], 0, "everybody");
    check(&["1", "--remove"], 0, "story 1: 1 mute removed");
    check(&[&mail.id.0, "--for", "2h"], 0, "story 1 is muted for desk@example.com until");
    check(&[&format!("<{}@example.com>", mail.id.0)], 0, "muted for desk@example.com");
    check(&["1", "--to", "ann@example.com"], 0, "muted for ann@example.com");
    check(&["--list", "--json"], 0, "\"to\": \"desk@example.com\"");
    check(&["99"], 1, "there is no story 99");
    check(&["nothing"], 1, "no mail nothing names a story");
    check(&["--token", "1-0000"], 1, "is not one of this installation");
    check(&["1", "--for", "soon"], 2, "write 12h, 7d or 2w");
    check(&["1", "--for", "0s"], 2, "write a time from 1s");
    check(&[], 2, "STORY|MAIL-ID");
    // It is in force with the next plan.
    carry(&app, &SITES[1..2], "Gallium and germanium sales halted");
    app.after(30).await;
    assert_eq!(app.mails().len(), 1, "a clause that is new, of a story that is muted");
    app.end().await;
}
