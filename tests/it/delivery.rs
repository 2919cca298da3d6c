//! What was matched reaches whom it should: through edits of the configuration, refusals, hangs and a month of it all.

use std::time::Duration;

use wirewatch::{
    daemon::{MAX_SLOW, PATIENCE, REFUSED_IN_A_ROW},
    model::{MailState, NotificationKind},
};

use crate::harness::{
    app::TestApp,
    dice::Dice,
    farm::{Farm, Page, rss_item},
};

const HEAD: &str = r#"
[state]
dir = "state"
[fetch]
allow = ["127.0.0.1"]
[[topic]]
name = "metals"
any = ["gallium"]
[[topic]]
name = "ports"
any = ["crane"]
[[topic]]
name = "rain"
any = ["rain"]
"#;

fn item(n: u32, words: &str) -> String {
    rss_item(
        &format!("i-{n}"),
        &format!("{words} number {n:04}."),
        &format!("http://farm.example/{n}"),
        TestApp::ago(30),
    )
}

async fn app(subscriptions: &str) -> (TestApp, impl Fn(&str) -> String + use<>) {
    let farm = Farm::start();
    let feed = format!("[[feed]]\nurl = \"{}\"\n", farm.url("/a"));
    let config = move |subscriptions: &str| format!("{HEAD}{subscriptions}{feed}");
    let app = TestApp::with(farm, &config(subscriptions)).await;
    (app, config)
}

fn digest(topics: &str, more: &str) -> String {
    format!(
        "[[subscription]]\nto = [\"boss@example.com\"]\ntopics = [{topics}]\ndeliver = \"digest\"\nat = [\"18:00\"]\n{more}\n"
    )
}

fn alert(to: &str, topics: &str, more: &str) -> String {
    format!("[[subscription]]\nto = [{to}]\ntopics = [{topics}]\ndeliver = \"alert\"\n{more}\n")
}

/// How many mails of this kind to this address name the text.
fn naming(app: &TestApp, to: &str, kinds: &[NotificationKind], text: &str) -> usize {
    let mails = app.mails();
    let fit = mails.iter().filter(|mail| mail.to.address() == to && kinds.contains(&mail.kind));
    fit.filter(|mail| mail.text.contains(text)).count()
}

const DIGEST: &[NotificationKind] = &[NotificationKind::Digest];
const ALERTS: &[NotificationKind] = &[NotificationKind::Alert, NotificationKind::RollUp];

#[tokio::test]
async fn a_digest_whose_topics_were_edited_delivers_what_waited_for_it() {
    let (mut app, config) = app(&digest("\"metals\", \"rain\"", "")).await;
    app.farm.set("/a", Page::rss(&[]));
    app.turn().await;
    app.after(24 * 60).await;
    app.farm.set("/a", Page::rss(&[item(1, "Gallium"), item(2, "Rain")]));
    app.after(60).await;
    let sent = app.mails().len();
    // The topics are part of the derived name, so each edit makes another subscription.
    app.reload(&config(&digest("\"metals\", \"ports\"", "")));
    app.after(15).await;
    app.reload(&config(&digest("\"*\"", "")));
    let mut app = app.killed_and_restarted().await;
    app.after(15).await;
    assert_eq!(app.mails().len(), sent, "nothing is due yet");
    app.after(3 * 60).await;
    assert_eq!(app.mails().len(), sent + 1);
    let text = &app.mails()[sent].text;
    assert!(text.contains("number 0001"), "{text}");
    assert!(!text.contains("number 0002"), "its topic was taken out for a while: {text}");
    assert!(text.contains("From Thu 5 Jun 2025, 18:00"), "the window was carried over: {text}");
    app.end().await;
}

#[tokio::test]
async fn alerts_held_by_quiet_hours_survive_an_edit() {
    let quiet = "quiet = { from = \"13:00\", to = \"16:00\", zone = \"UTC\" }";
    let (mut app, config) = app(&alert("\"desk@example.com\"", "\"metals\"", quiet)).await;
    app.farm.set("/a", Page::rss(&[item(1, "Gallium"), item(2, "Gallium")]));
    app.turn().await;
    app.reload(&config(&alert("\"desk@example.com\", \"new@example.com\"", "\"metals\", \"rain\"", quiet)));
    app.after(60).await;
    assert_eq!(app.mails().len(), 0, "it is quiet");
    app.after(60).await;
    assert_eq!(app.mails().len(), 1, "one mail for both");
    assert_eq!(app.mails()[0].to.address(), "desk@example.com");
    for n in ["0001", "0002"] {
        assert_eq!(naming(&app, "desk@example.com", ALERTS, n), 1);
    }
    app.end().await;
}

#[tokio::test]
async fn what_comes_after_a_roll_up_is_not_held_as_well() {
    let quiet = "quiet = { from = \"13:00\", to = \"16:00\", zone = \"UTC\" }";
    let (mut app, _) = app(&alert("\"desk@example.com\"", "\"metals\"", quiet)).await;
    app.farm.set("/a", Page::rss(&[item(1, "Gallium"), item(2, "Gallium")]));
    app.turn().await;
    app.after(2 * 60).await;
    let kinds = |app: &TestApp| app.mails().iter().map(|mail| mail.kind).collect::<Vec<_>>();
    assert_eq!(kinds(&app), [NotificationKind::RollUp]);
    app.farm.set("/a", Page::rss(&[item(3, "Gallium"), item(4, "Gallium")]));
    app.after(20).await;
    assert_eq!(kinds(&app)[1..], [NotificationKind::Alert, NotificationKind::Alert], "one mail a story");
    app.end().await;
}

#[tokio::test]
async fn a_subscription_that_comes_back_begins_anew() {
    let (mut app, config) = app(&digest("\"metals\"", "name = \"boss\"")).await;
    app.turn().await;
    app.after(24 * 60).await;
    let sent = app.mails().len();
    app.reload(&config(""));
    for _ in 0..10 {
        app.after(3 * 24 * 60).await;
    }
    app.reload(&config(&digest("\"metals\"", "name = \"boss\"")));
    app.after(15).await;
    assert_eq!(app.mails().len(), sent, "no digest of the month it was away");
    app.after(24 * 60).await;
    assert_eq!(app.mails().len(), sent + 1);
    app.end().await;
}

#[tokio::test]
async fn one_dead_recipient_is_given_up_and_the_others_are_not_touched() {
    let (mut app, _) = app(&alert("\"gone@example.com\", \"desk@example.com\"", "\"metals\"", "")).await;
    app.memory.refuse("gone@example.com", 550);
    app.farm.set("/a", Page::rss(&[item(1, "Gallium")]));
    app.turn().await;
    assert_eq!(naming(&app, "desk@example.com", ALERTS, "0001"), 1);
    app.farm.set("/a", Page::rss(&[item(1, "Gallium"), item(2, "Gallium")]));
    app.after(20).await;
    assert_eq!(naming(&app, "desk@example.com", ALERTS, "0002"), 1);
    app.after(20).await;
    let dead = app.store.outbox(Some(MailState::Dead), 10).await.unwrap();
    assert_eq!(dead.iter().map(|mail| mail.to.address()).collect::<Vec<_>>(), ["gone@example.com"]);
    assert_eq!(app.store.status().await.unwrap().dead, 1, "the status shows it");
    app.end().await;
}

fn readers(count: usize) -> Vec<String> {
    (1..=count).map(|n| format!("r{n}@example.com")).collect()
}

fn listed(readers: &[String]) -> String {
    readers.iter().map(|reader| format!("\"{reader}\"")).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn a_server_that_refuses_everybody_gets_everything_later() {
    for count in [1, REFUSED_IN_A_ROW - 1, REFUSED_IN_A_ROW, REFUSED_IN_A_ROW + 1, 12] {
        let readers = readers(count);
        let (mut app, _) = app(&alert(&listed(&readers), "\"metals\"", "")).await;
        readers.iter().for_each(|reader| app.memory.refuse(reader, 554));
        app.farm.set("/a", Page::rss(&[item(1, "Gallium")]));
        app.turn().await;
        let tried =
            app.store.outbox(None, 100).await.unwrap().iter().filter(|mail| mail.attempts > 0).count();
        assert_eq!(tried, count.min(REFUSED_IN_A_ROW), "then all is held");
        for _ in 0..100 {
            app.after(30).await;
        }
        assert_eq!(app.store.status().await.unwrap().dead, 0, "two days on, {count} readers");
        readers.iter().for_each(|reader| app.memory.refuse(reader, 250));
        app.after(5 * 60).await;
        for reader in &readers {
            assert_eq!(naming(&app, reader, ALERTS, "0001"), 1, "{reader}");
        }
        app.end().await;
    }
}

#[tokio::test]
async fn dead_recipients_ahead_in_the_queue_do_not_keep_the_others_waiting() {
    let readers = readers(REFUSED_IN_A_ROW + 3);
    let (mut app, _) = app(&alert(&listed(&readers), "\"metals\"", "")).await;
    let (dead, alive) = readers.split_at(REFUSED_IN_A_ROW + 2);
    dead.iter().for_each(|reader| app.memory.refuse(reader, 550));
    app.farm.set("/a", Page::rss(&[item(1, "Gallium")]));
    app.turn().await;
    assert_eq!(app.mails().len(), 0, "so far it looks like trouble of ours");
    for _ in 0..6 {
        app.after(5).await;
    }
    assert_eq!(naming(&app, &alive[0], ALERTS, "0001"), 1);
    for n in 2..5 {
        app.farm.set("/a", Page::rss(&[item(n, "Gallium")]));
        for _ in 0..5 {
            app.after(15).await;
        }
        assert_eq!(naming(&app, &alive[0], ALERTS, &format!("{n:04}")), 1);
    }
    for _ in 0..20 {
        app.after(15).await;
    }
    let given_up = app.store.outbox(Some(MailState::Dead), 100).await.unwrap();
    for reader in dead {
        assert!(given_up.iter().any(|mail| mail.to.address() == reader), "{reader}");
    }
    assert!(given_up.iter().all(|mail| mail.to.address() != alive[0]));
    app.end().await;
}

#[tokio::test]
async fn a_recipient_whose_mail_hangs_delays_nobody_else() {
    for hanging in [1, MAX_SLOW, MAX_SLOW + 1] {
        let readers = readers(hanging + 1);
        let (mut app, _) = app(&alert(&listed(&readers), "\"metals\"", "")).await;
        readers.iter().take(hanging).for_each(|reader| app.memory.stall(reader, true));
        app.farm.set("/a", Page::rss(&[item(1, "Gallium"), item(2, "Gallium")]));
        app.poll().await;
        app.plan().await;
        let (memory, clock) = (app.memory.clone(), app.clock.clone());
        let patience = async {
            for _ in 0..hanging {
                memory.stuck().await;
                clock.advance(PATIENCE);
            }
            if hanging > MAX_SLOW {
                // Nothing goes on before one of them ends.
                memory.stall(&readers[0], false);
            }
        };
        tokio::join!(app.send(), patience);
        let last = &readers[hanging];
        assert_eq!(naming(&app, last, ALERTS, "0001") + naming(&app, last, ALERTS, "0002"), 2);
        readers.iter().for_each(|reader| app.memory.stall(reader, false));
        for _ in 0..2 {
            app.after(30).await;
        }
        for reader in &readers {
            let both = ["0001", "0002"].map(|n| naming(&app, reader, ALERTS, n));
            assert_eq!(both, [1, 1], "{reader}, {hanging} hanging");
        }
        app.end().await;
    }
}

/// Two alert readers, one of them by two subscriptions that overlap, and two digest readers in zones whose clocks change
/// within the month. `edit` changes derived names, never what is subscribed to.
fn household(edit: u64) -> String {
    let [a, b] = if edit.is_multiple_of(2) {
        ["\"metals\", \"ports\"", "\"ports\""]
    } else {
        ["\"metals\"", "\"ports\", \"metals\""]
    };
    let copy = if edit.is_multiple_of(3) { "" } else { ", \"copy@example.com\"" };
    let held = "quiet = { from = \"22:00\", to = \"07:00\", zone = \"Europe/London\" }\nmax_per_hour = 3";
    [
        alert(&format!("\"desk@example.com\"{copy}"), a, held),
        alert("\"desk@example.com\"", b, "max_per_hour = 2"),
        digest(
            if edit.is_multiple_of(2) { "\"*\"" } else { "\"ports\", \"metals\"" },
            "zone = \"America/New_York\"",
        ),
        digest("\"metals\"", "name = \"london\"\nzone = \"Europe/London\"\ndays = \"mon-fri\"")
            .replace("boss@", "london@")
            .replace("[\"18:00\"]", "[\"01:30\", \"02:30\", \"17:00\"]"),
    ]
    .concat()
}

async fn month(seed: u64) {
    let mut dice = Dice(seed);
    let farm = Farm::start();
    let feeds: String =
        ["/a", "/b"].iter().map(|path| format!("[[feed]]\nurl = \"{}\"\n", farm.url(path))).collect();
    let config = |edit: u64| format!("{HEAD}{}{feeds}", household(edit));
    let mut app = TestApp::with(farm, &config(0)).await;
    // From 10 October 2025: clocks change on 26 October in London, on 2 November in New York.
    app.clock.advance(Duration::from_secs(127 * 86_400));
    let mut items: [Vec<String>; 2] = [Vec::new(), Vec::new()];
    let mut wanted: Vec<(u32, &str)> = Vec::new();
    let mut number = 0;
    for _ in 0..110 {
        for _ in 0..dice.below(4) {
            number += 1;
            let words = ["Gallium", "Crane", "Crane and gallium", "Snow"][dice.below(4) as usize];
            let title = format!("{words} number {number:04}.");
            let at = app.clock.now();
            let feed = dice.below(2) as usize;
            let link = format!("http://farm.example/{number}");
            items[feed].push(rss_item(&format!("i-{number}"), &title, &link, at));
            if dice.below(3) == 0 {
                items[1 - feed].push(rss_item(&format!("copy-{number}"), &title, &link, at));
            }
            wanted.push((number, words));
        }
        for (path, items) in ["/a", "/b"].iter().zip(&items) {
            app.farm.set(path, Page::rss(&items[items.len().saturating_sub(20)..]));
        }
        if dice.below(6) == 0 {
            app.poll().await;
            app = app.killed_and_restarted().await;
        }
        if dice.below(6) == 0 {
            app.reload(&config(dice.below(6)));
        }
        app.after([16, 40, 61, 185, 360, 700, 1_000][dice.below(7) as usize]).await;
    }
    for _ in 0..16 {
        app.after(6 * 60).await;
    }
    let left = app.store.pending(10).await.unwrap();
    assert!(left.is_empty(), "seed {seed}: {left:?}");
    for (number, words) in wanted {
        let text = format!("number {number:04}.");
        let matched = usize::from(words != "Snow");
        let metals = usize::from(words.to_lowercase().contains("gallium"));
        let got = [
            naming(&app, "desk@example.com", ALERTS, &text),
            naming(&app, "boss@example.com", DIGEST, &text),
            naming(&app, "london@example.com", DIGEST, &text),
        ];
        assert_eq!(got, [matched, matched, metals], "seed {seed}: {words} {text}");
        assert!(naming(&app, "copy@example.com", ALERTS, &text) <= 1, "seed {seed}: {words} {text}");
    }
    app.end().await;
}

#[tokio::test]
async fn a_month_of_random_news_restarts_and_edits_reaches_everybody_once() {
    for seed in 0..3 {
        month(seed).await;
    }
}
