//! `backtest` and the warning about NOT, on stores made for the purpose.

use std::{fs, time::Duration};

use serde_json::Value;
use tempfile::TempDir;
use url::Url;
use wirewatch::{
    clock::Clock,
    model::{
        Announce, FeedMemory, FeedSpec, Item, ItemKey, KeyKind, Match, NewItem, OnAdd, Poll, PollOutcome,
        Timestamp, TopicName, Validators, time,
    },
    store::{DATABASE, Store},
};

use crate::cli::{run, said};

/// 2025-06-02T00:00:00Z, a Monday.
const START: Timestamp = Timestamp::constant(1_748_822_400, 0);

const TOPICS: &str = "[[topic]]\nname = \"metals\"\nany = [\"gallium\", \"tin\"]\nnone = [\"opinion\"]\n";

struct Archive {
    dir: TempDir,
    config: String,
}

/// Items as hour after the start, title, and whether they matched `metals` when they were stored.
fn archive(start: Timestamp, items: &[(u64, &str, bool)], more: &str) -> Archive {
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("wirewatch.toml");
    fs::write(&config, format!("[state]\ndir = \"state\"\n{TOPICS}{more}")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = Store::open(&dir.path().join("state")).unwrap();
        let spec = |name: &str| FeedSpec {
            url: Url::parse(&format!("https://{name}.example/rss")).unwrap(),
            title: Some(name.to_owned()),
            interval: Duration::from_secs(900),
            on_add: OnAdd::Baseline,
        };
        let feeds = store.sync_feeds(start, vec![spec("ledger"), spec("wire")]).await.unwrap();
        for (number, (hour, title, matched)) in (0_u64..).zip(items) {
            let at = time::after(start, Duration::from_secs(hour * 3_600));
            let mut hash = [0; 16];
            hash[..8].copy_from_slice(&number.to_be_bytes());
            let matches =
                matched.then(|| Match { topic: TopicName::new("metals"), revision: 1, hits: Vec::new() });
            let item = NewItem {
                item: Item { title: (*title).to_owned(), ..Item::default() },
                keys: vec![ItemKey { kind: KeyKind::Sole, hash }],
                story_key: None,
                matches: matches.into_iter().collect(),
                announce: Announce::Baseline,
                routes: Vec::new(),
                alerts: 0,
            };
            let outcome = PollOutcome::Modified {
                validators: Validators::default(),
                body_hash: 0,
                title: None,
                items: vec![item],
                warnings: Vec::new(),
            };
            let feed = feeds[usize::from(number % 4 == 3)].id;
            store
                .record_polls(
                    vec![Poll {
                        feed,
                        at,
                        outcome,
                        next_poll_at: at,
                        failures: 0,
                        memory: FeedMemory::default(),
                        events: Vec::new(),
                    }],
                    wirewatch::health::learn,
                )
                .await
                .unwrap();
        }
        store.close().await;
    });
    Archive { config: config.display().to_string(), dir }
}

const ITEMS: &[(u64, &str, bool)] = &[
    (1, "Gallium is dear", true),
    (2, "Rain", false),
    (30, "Tin and gallium", false),
    (31, "Zinc is dear", true),
    (60, "Opinion: tin", false),
    (61, "Tin is scarce", true),
];

#[test]
fn a_topic_is_compared_with_what_it_matched_at_the_time() {
    let archive = archive(START, ITEMS, "");
    let (code, out, err) = said(&run(&["backtest", "metals", "--config", &archive.config]));
    assert_eq!((code, err.as_str()), (0, ""));
    let full = "█".repeat(50);
    let expect = format!(
        "metals
3 matches of 6 items stored from 2025-06-02 to 2025-06-04 (UTC): 1.2 a day

matches by day (UTC)
  2025-06-02 Mon  1  {full}
  2025-06-03 Tue  1  {full}
  2025-06-04 Wed  1  {full}

samples, newest first and spread over the time
  2025-06-04 13:00  »Tin« is scarce  ledger  (item 6)
  2025-06-03 06:00  »Tin« and »gallium«  ledger  (item 3)
  2025-06-02 01:00  »Gallium« is dear  ledger  (item 1)

compared with the matches stored at the time: 2 in both, 1 gained, 1 lost

gained
  2025-06-03 06:00  »Tin« and »gallium«  ledger  (item 3)

lost
  2025-06-03 07:00  Zinc is dear  wire  (item 4)
      now: none of these occurs: gallium, tin
"
    );
    assert!(out.starts_with(&expect), "{out}");
    let feeds: Vec<Vec<&str>> =
        out.lines().rev().take(1).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(feeds, [["ledger", "3", "100.0", "%", "60.0", "%", "of", "5"]], "{out}");
}

#[test]
fn a_query_is_compared_with_the_topic_in_force() {
    let archive = archive(START, ITEMS, "");
    let json = |args: &[&str]| -> Value {
        let args = [&["backtest", "--config", &archive.config, "--json"], args].concat();
        let (code, out, err) = said(&run(&args));
        assert_eq!(code, 0, "{err}");
        serde_json::from_str(&out).unwrap()
    };
    let alone = json(&["--query", "zinc OR tin", "--samples", "2"]);
    assert_eq!((&alone["matches"], &alone["difference"]), (&4.into(), &Value::Null));
    assert_eq!((&alone["samples"][0]["id"], &alone["samples"][1]["id"]), (&6.into(), &3.into()));
    let against = json(&["--query", "zinc OR tin", "--topic", "metals"]);
    let difference = &against["difference"];
    assert_eq!(difference["with"], "metals");
    assert_eq!(
        (&difference["both"], &difference["gained"], &difference["lost"]),
        (&2.into(), &2.into(), &1.into())
    );
    assert_eq!(difference["lost_samples"][0]["hits"][0]["text"], "Gallium");
    assert_eq!(difference["lost_samples"][0]["why_not"], "none of these occurs: zinc, tin");
    assert_eq!(json(&["metals", "--query", "zinc OR tin"])["difference"], *difference);
    // What is not in title or text is looked at only when it is asked for.
    assert_eq!(json(&["--query", "feed:wire AND dear"])["matches"], 1);
    let recent = json(&["--query", "tin", "--since", "30d"]);
    assert_eq!((&recent["items"], &recent["matches"], &recent["from"]), (&0.into(), &0.into(), &Value::Null));
}

#[test]
fn what_cannot_be_tested_is_told() {
    let archive = archive(START, &[], "");
    let check = |args: &[&str], code: i32, told: &[&str]| {
        let (found, _, err) = said(&run(&[&["backtest", "--config", &archive.config], args].concat()));
        assert_eq!(found, code, "{args:?}: {err}");
        for told in told {
            assert!(err.contains(told), "{told}: {err}");
        }
    };
    check(&["metal"], 1, &["there is no topic `metal`; did you mean `metals`?"]);
    check(&[], 2, &["TOPIC"]);
    check(&["metals", "--since", "90"], 2, &["--since 90", "90d"]);
    check(
        &["--query", "tin AND lead OR zinc"],
        2,
        &["error: --query:1:", "tin AND lead OR zinc\n", "^", "help:"],
    );
    check(&["--query", "tin OR /a(/"], 2, &["--query:1:8: the regular expression cannot be used", "^^^^"]);
    let (code, out, _) = said(&run(&["backtest", "metals", "--config", &archive.config]));
    assert!(code == 0 && out.contains("nothing was stored"), "{out}");
}

/// A hundred matches of the last days, `opinions` of them kept out by NOT.
fn opinions(opinions: usize) -> Archive {
    let start = time::before(Clock::system().now(), Duration::from_secs(10 * 86_400));
    let items: Vec<(u64, &str, bool)> = (0..100)
        .map(|n| (n, if usize::try_from(n).unwrap() < opinions { "Opinion: tin" } else { "Tin" }, false))
        .collect();
    archive(start, &items, "")
}

#[test]
fn a_not_that_removes_a_lot_is_warned_of() {
    let warned = |archive: &Archive| {
        let (code, out, err) = said(&run(&["check", "--config", &archive.config]));
        assert!(code == 0 && out.contains("configuration OK"), "{out}{err}");
        err
    };
    assert!(!warned(&opinions(30)).contains("NOT removed"));
    let much = opinions(31);
    let told = warned(&much);
    assert!(
        told.contains("wirewatch.toml:6:") && told.contains("NOT removed 31 % of what `metals`"),
        "{told}"
    );
    assert!(told.contains("31 of 100 items") && told.contains("NOT NEAR/n"), "{told}");
    let (_, out, _) = said(&run(&["backtest", "metals", "--config", &much.config]));
    assert!(out.contains("hint: NOT removed 31 %"), "{out}");
    // A store that cannot be read warns of nothing.
    let database = much.dir.path().join("state").join(DATABASE);
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection.execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT").unwrap();
    assert!(!warned(&much).contains("NOT removed"), "locked");
    drop(connection);
    let connection = rusqlite::Connection::open(&database).unwrap();
    connection.execute_batch("PRAGMA user_version = 999").unwrap();
    assert!(!warned(&much).contains("NOT removed"));
    connection
        .execute_batch(
            "PRAGMA user_version = 0; DROP INDEX item_by_first_seen; ALTER TABLE item RENAME TO old",
        )
        .unwrap();
    assert!(!warned(&much).contains("NOT removed"));
    drop(connection);
    fs::write(&database, "rubbish").unwrap();
    assert!(!warned(&much).contains("NOT removed"));
    fs::remove_file(&database).unwrap();
    assert!(!warned(&much).contains("NOT removed"));
}
