//! `why-no-alert` on the real binary: where an article, a feed or a topic stopped.

use std::fs;

use jiff::{SignedDuration, tz::TimeZone};
use serde_json::Value;
use tempfile::TempDir;
use wirewatch::{clock::Clock, store::Store};

use crate::{
    cli::{run, said},
    harness::farm::{Farm, Page, rss_item},
};

const LINK: &str = "https://ledger.example/gallium";

/// A configuration with a topic, two feeds and an alert, in a folder of its own.
struct Home {
    dir: TempDir,
    config: String,
    farm: Farm,
}

impl Home {
    fn with(poll: &str, subscription: &str) -> Self {
        let (farm, dir) = (Farm::start(), tempfile::tempdir().unwrap());
        let config = dir.path().join("wirewatch.toml").display().to_string();
        let home = Self { dir, config, farm };
        home.configure(poll, subscription);
        home.farm.set("/a", Page::rss(&[article("1", "Gallium sales halted", LINK)]));
        home.farm.set("/b", Page::rss(&[]));
        home
    }

    fn new() -> Self {
        Self::with("on_add = \"last:20\"", "deliver = \"alert\"")
    }

    fn configure(&self, poll: &str, subscription: &str) {
        let text = format!(
            "[state]\ndir = \"state\"\n[fetch]\nallow = [\"127.0.0.1\"]\n[poll]\n{poll}\n\
             [[topic]]\nname = \"metals\"\nquery = \"gallium AND (sales OR curbs)\"\n\
             [[feed]]\nurl = \"{}\"\ntitle = \"Ledger\"\n[[feed]]\nurl = \"{}\"\n\
             [[subscription]]\nname = \"desk\"\nto = [\"desk@example.com\"]\ntopics = [\"metals\"]\n{subscription}\n",
            self.farm.url("/a"),
            self.farm.url("/b")
        );
        fs::write(&self.config, text).unwrap();
    }

    fn round(&self) {
        let (code, out, err) = said(&run(&["run", "--once", "--config", &self.config]));
        assert_eq!(code, 0, "{out}{err}");
    }

    fn tamper(&self, sql: &str) {
        let path = self.dir.path().join("state/wirewatch.db");
        rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
    }

    fn ask(&self, args: &[&str]) -> (i32, String, String) {
        let args: Vec<&str> =
            ["why-no-alert"].iter().chain(args).copied().chain(["--config", &self.config]).collect();
        said(&run(&args))
    }

    /// Exit code, verdict, step and reason.
    #[track_caller]
    fn check(&self, args: &[&str], expect: (i32, &str, &str, &str)) -> Value {
        let (code, out, err) = self.ask(&[args, &["--json"]].concat());
        let answer: Value = serde_json::from_str(&out).unwrap_or_else(|error| panic!("{error}: {out}{err}"));
        let word = |key: &str| answer[key].as_str().unwrap_or("–").to_owned();
        let found = (code, word("verdict"), word("stopped_at"), word("reason"));
        let (code, verdict, step, reason) = expect;
        assert_eq!(found, (code, verdict.to_owned(), step.to_owned(), reason.to_owned()), "{out}");
        answer
    }
}

fn article(guid: &str, title: &str, link: &str) -> String {
    rss_item(guid, title, link, Clock::system().now() - SignedDuration::from_mins(20))
}

#[test]
fn an_article_that_was_mailed_is_followed_to_the_mail() {
    let home = Home::new();
    home.round();
    // As it is copied from a browser.
    let asked = "http://www.ledger.example/gallium/?utm_source=social#top";
    let answer = home.check(&[asked], (0, "sent", "–", "–"));
    assert_eq!(answer["item"]["link"], LINK);
    assert_eq!(answer["item"]["topics"], serde_json::json!(["metals"]));
    let marks: Vec<&str> =
        answer["steps"].as_array().unwrap().iter().map(|step| step["mark"].as_str().unwrap()).collect();
    assert_eq!(marks, ["passed"; 7]);
    let sent = answer["steps"][6]["says"].as_str().unwrap();
    assert!(sent.contains("the alert to desk@example.com was handed over"), "{sent}");
    assert!(sent.contains("Message-ID <"), "{sent}");
    let (code, out, err) = home.ask(&[asked]);
    assert_eq!((code, err.as_str()), (0, ""));
    for line in ["✓ configuration", "✓ feeds          Ledger had it", "✓ sent", "Nothing stopped it: "]
    {
        assert!(out.contains(line), "{line}: {out}");
    }
    // A daemon that holds the store is not disturbed.
    let _daemon = Store::open(&home.dir.path().join("state")).unwrap();
    home.check(&[LINK, "--to", "desk@example.com", "--topic", "metals"], (0, "sent", "–", "–"));
}

#[test]
fn words_that_are_no_topic_and_no_address_are_refused_with_the_nearest_name() {
    let home = Home::new();
    home.round();
    let check = |args: &[&str], code: i32, words: &str| {
        let (found, out, err) = home.ask(args);
        assert_eq!((found, out.as_str()), (code, ""), "{err}");
        assert!(err.contains(words), "{err}");
    };
    check(&["metal"], 2, "did you mean `metals`?");
    check(&["unheard"], 2, "there is no topic `unheard`");
    check(&[LINK, "--topic", "metal"], 2, "did you mean `metals`?");
    check(&["metals", "--topic", "metals"], 2, "--topic goes with the address of an article");
    check(&["metals", "--since", "soon"], 2, "--since soon");
    check(&["metals", "--to", "desk"], 2, "--to: ");
    check(&["ftp://ledger.example/x"], 2, "http and https only");
    fs::write(&home.config, "[poll]\nintervall = \"1h\"\n").unwrap();
    check(&["metals"], 3, "did you mean `interval`?");
}

#[test]
fn an_article_that_does_not_match_names_the_clause_that_failed() {
    let home = Home::new();
    home.farm.set("/a", Page::rss(&[article("1", "Gallium prices rise", LINK)]));
    home.round();
    let answer = home.check(&[LINK], (1, "stopped", "matched", "not-matched"));
    assert_eq!(answer["steps"][3]["details"][0], "metals: none of these occurs: sales, curbs");
    assert!(answer["remedy"].as_str().unwrap().contains("wirewatch explain 1 --topic metals"), "{answer}");
    // The topic is silent for the same reason.
    let answer = home.check(&["metals"], (1, "stopped", "matched", "nothing-matched"));
    assert_eq!(answer["near_misses"][0]["because"], "none of these occurs: sales, curbs");
    assert_eq!(
        (&answer["figures"]["items_read"], &answer["figures"]["items_matched"]),
        (&1.into(), &0.into())
    );
    // Once it is widened, the item is known to have come too early.
    let text = fs::read_to_string(&home.config).unwrap().replace("(sales OR curbs)", "(prices OR curbs)");
    fs::write(&home.config, text).unwrap();
    home.check(&[LINK], (1, "stopped", "matched", "rules-changed"));
}

#[test]
fn an_article_that_was_not_read_is_looked_for_at_the_feeds_of_its_site() {
    let home = Home::new();
    home.round();
    let other = "https://ledger.example/germanium";
    let answer = home.check(&[other], (1, "stopped", "items", "item-unknown"));
    assert!(answer["steps"][1]["says"].as_str().unwrap().ends_with("are read: Ledger"), "{answer}");
    home.check(&["https://elsewhere.example/1"], (1, "stopped", "feeds", "no-feed"));
    // A feed that had articles of the site fails now.
    home.farm.set("/a", Page::status(404));
    home.round();
    let answer = home.check(&[other], (1, "stopped", "feeds", "feed-failing"));
    assert!(answer["says"].as_str().unwrap().contains("404 Not Found"), "{answer}");
    let answer = home.check(&[&home.farm.url("/a")], (1, "stopped", "feeds", "feed-failing"));
    assert_eq!(answer["about"], "feed");
    // For the topic it is one of two.
    let answer = home.check(&["metals"], (0, "sent", "–", "–"));
    assert_eq!(answer["steps"][1]["mark"], "doubt");
    home.tamper("UPDATE feed SET next_poll_at_ms = next_poll_at_ms - 30 * 86400000");
    home.check(&["metals"], (1, "stopped", "feeds", "service-idle"));
}

#[test]
fn an_article_past_keep_is_known_to_have_been_read() {
    let home = Home::new();
    home.farm.set("/a", Page::rss(&[article(LINK, "Gallium sales halted", LINK)]));
    home.round();
    home.tamper("PRAGMA foreign_keys = ON; DELETE FROM item");
    let answer = home.check(&[LINK], (1, "stopped", "items", "item-pruned"));
    assert!(answer["says"].as_str().unwrap().contains("Ledger had it once"), "{answer}");
}

#[test]
fn what_a_first_visit_finds_is_said_to_be_baseline() {
    let home = Home::with("on_add = \"baseline\"", "deliver = \"alert\"");
    home.round();
    home.check(&[LINK], (1, "stopped", "items", "baseline"));
    home.check(&["metals"], (1, "stopped", "items", "baseline"));
}

/// Hours that are quiet now, in the zone of the reader.
fn quiet() -> String {
    let now = Clock::system().now();
    let at = |minutes: i64| {
        let at = now + SignedDuration::from_mins(minutes);
        at.to_zoned_datetime(TimeZone::UTC).strftime("%H:%M").to_string()
    };
    format!(
        "zone = \"UTC\"\ndeliver = \"alert\"\ngroup_wait = \"0s\"\nquiet = {{ from = \"{}\", to = \"{}\", zone = \"UTC\" }}",
        at(-60),
        at(120)
    )
}

#[test]
fn an_alert_held_by_quiet_hours_says_until_when_and_a_mute_settles_it() {
    let home = Home::with("on_add = \"last:20\"", &quiet());
    home.round();
    let answer = home.check(&[LINK], (0, "waits", "held", "quiet"));
    let says = answer["says"].as_str().unwrap();
    assert!(says.contains("held by quiet hours, until ") && says.ends_with(" UTC."), "{says}");
    home.check(&["metals"], (0, "waits", "held", "quiet"));
    let answer = home.check(&[&home.farm.url("/a")], (0, "waits", "held", "quiet"));
    assert_eq!(answer["figures"]["matches_waiting"], 1);
    let answer = home
        .check(&["metals", "--to", "boss@example.com"], (1, "stopped", "configuration", "reader-unknown"));
    assert_eq!(answer["figures"]["matches_waiting"], 0, "only this reader's");
    let story = home.check(&[LINK], (0, "waits", "held", "quiet"))["item"]["story"].to_string();
    let muted = ["mute", &story, "--to", "desk@example.com", "--config", &home.config];
    assert_eq!(said(&run(&muted)).0, 0);
    home.check(&[LINK], (1, "stopped", "grouped", "muted"));
    home.round();
    home.check(&[LINK], (1, "stopped", "grouped", "muted"));
    home.check(&["metals"], (1, "stopped", "grouped", "muted"));
}

#[test]
fn a_subscription_that_came_later_or_went_away_is_named() {
    let home = Home::with("on_add = \"last:20\"", "deliver = \"digest\"\nat = [\"18:00\"]");
    home.round();
    let answer = home.check(&[LINK], (1, "stopped", "configuration", "digest-only"));
    assert!(
        answer["steps"][5]["details"][0].as_str().unwrap().contains("collected for the next digest"),
        "{answer}"
    );
    let text = fs::read_to_string(&home.config).unwrap();
    let other = "[[subscription]]\nname = \"late\"\nto = [\"late@example.com\"]\ntopics = [\"*\"]\ndeliver = \"alert\"\n";
    fs::write(&home.config, format!("{text}{other}")).unwrap();
    home.check(&[LINK, "--to", "late@example.com"], (1, "stopped", "grouped", "not-routed"));
    // The digest gives the topic up before it was made.
    let gone = text.replace("topics = [\"metals\"]", "topics = [\"ports\"]");
    fs::write(&home.config, format!("{gone}[[topic]]\nname = \"ports\"\nany = [\"quay\"]\n")).unwrap();
    home.round();
    let asked = ["metals", "--to", "desk@example.com"];
    let answer = home.check(&asked, (1, "stopped", "configuration", "no-subscription"));
    let settled = answer["steps"][4]["details"][0].as_str().unwrap();
    assert_eq!(settled, "settled without a mail of their own, subscription-gone: 1");
}

#[test]
fn a_story_that_was_told_names_the_first_mail() {
    let home = Home::new();
    home.round();
    home.farm.set("/b", Page::rss(&[article("2", "Gallium sales halted", LINK)]));
    home.round();
    let other = "https://wire.example/other";
    home.tamper(&format!("UPDATE item SET link = '{other}' WHERE guid = '2'"));
    let answer = home.check(&[other], (0, "sent", "–", "–"));
    assert_eq!(answer["steps"][4]["reason"], "already-told");
    assert!(answer["steps"][6]["says"].as_str().unwrap().contains("Message-ID"), "{answer}");
}

#[test]
fn a_mail_that_was_given_up_names_the_words_of_the_server() {
    let home = Home::new();
    home.round();
    let now = Clock::system().now().as_millisecond();
    home.tamper(&format!(
        "UPDATE notification SET state = 'dead', note = '550 no such user', settled_at_ms = {now}"
    ));
    for what in [LINK, "metals", &home.farm.url("/a")] {
        let answer = home.check(&[what], (1, "stopped", "sent", "mail-dead"));
        assert!(answer["says"].as_str().unwrap().contains("550 no such user"), "{answer}");
    }
    home.tamper(&format!(
        "UPDATE notification SET state = 'queued', note = '451 later', attempts = 2, settled_at_ms = NULL,
            next_attempt_at_ms = {now}"
    ));
    home.check(&[LINK], (0, "waits", "sent", "mail-deferred"));
}
