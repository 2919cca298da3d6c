//! `wirewatch stories group` on events and near-events of our own wording.

use std::{collections::HashMap, fs, path::Path};

use serde_json::Value;
use wirewatch::{
    daemon::OpenStories,
    health,
    model::{
        Announce, FeedMemory, FeedSpec, Item, ItemKey, KeyKind, Match, NewItem, OnAdd, Poll, PollOutcome,
        Timestamp, TopicName, Validators,
    },
    store::Store,
};

use crate::{
    cli::{run_with_input, said},
    harness::dice::Dice,
};

/// Bars held on our own groups: of pairs put together those that belong together, of pairs that belong together those
/// put together, and of hard non-pairs those put together.
const PRECISION: f64 = 0.95;
const RECALL: f64 = 0.80;
const NON_PAIRS: f64 = 0.05;

fn lines(name: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The story of each item, by id.
fn grouped(items: &[&Value]) -> HashMap<String, String> {
    let input: Vec<String> = items.iter().map(ToString::to_string).collect();
    let (code, out, err) = said(&run_with_input(&["stories", "group"], &input.join("\n")));
    assert_eq!((code, err.as_str()), (0, ""));
    let answers: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let text = |value: &Value, key: &str| value[key].as_str().unwrap().to_owned();
    let ids = |list: &[Value]| list.iter().map(|item| text(item, "id")).collect::<Vec<_>>();
    assert_eq!(ids(&answers), items.iter().map(|item| text(item, "id")).collect::<Vec<_>>());
    answers.iter().map(|answer| (text(answer, "id"), text(answer, "story"))).collect()
}

#[test]
fn own_events_are_grouped_to_the_bars() {
    let groups = lines("groups.jsonl");
    assert!(groups.len() >= 20);
    let of_group = |group: &Value| group["items"].as_array().unwrap().clone();
    let items: Vec<(usize, Value)> = groups
        .iter()
        .enumerate()
        .flat_map(|(at, group)| of_group(group).into_iter().map(move |i| (at, i)))
        .collect();
    let stories = grouped(&items.iter().map(|(_, item)| item).collect::<Vec<_>>());
    let story = |item: &Value| &stories[item["id"].as_str().unwrap()];
    let (mut right, mut wrong, mut missed) = (0, 0, Vec::new());
    for (at, (group, item)) in items.iter().enumerate() {
        for (other_group, other) in &items[at + 1..] {
            match (group == other_group, story(item) == story(other)) {
                (true, true) => right += 1,
                (false, true) => wrong += 1,
                (true, false) => missed.push(format!("{} | {}", item["title"], other["title"])),
                (false, false) => {}
            }
        }
    }
    let precision = f64::from(right) / f64::from(right + wrong);
    let recall = f64::from(right) / (f64::from(right) + missed.len() as f64);
    assert!(precision >= PRECISION && recall >= RECALL, "{precision:.3} {recall:.3} {missed:#?}");
}

#[test]
fn own_hard_non_pairs_stay_apart() {
    let pairs = lines("non-pairs.jsonl");
    assert!(pairs.len() >= 20);
    let items: Vec<&Value> = pairs.iter().flat_map(|pair| [&pair["a"], &pair["b"]]).collect();
    let stories = grouped(&items);
    let story = |item: &Value| &stories[item["id"].as_str().unwrap()];
    let merged: Vec<String> = pairs
        .iter()
        .filter(|pair| story(&pair["a"]) == story(&pair["b"]))
        .map(|pair| format!("{}: {} | {}", pair["why"], pair["a"]["title"], pair["b"]["title"]))
        .collect();
    assert!(merged.len() as f64 <= NON_PAIRS * pairs.len() as f64, "{merged:#?}");
}

#[test]
fn items_may_lack_all_but_a_title_and_dates_may_be_written_in_any_way() {
    let input = r#"{"title": "Ferry capsizes off Sulawesi", "date": "Mon, 11 May 2026 06:00:00 +0200"}
{"id": 7, "title": "Ferry capsizes off Sulawesi island", "date": 1778475600}

{"id": null, "title": "Ferry capsizes off Sulawesi"}
{"id": "b", "title": "Ferry capsizes off Sulawesi", "date": "2026-05-20 09:00:00"}
{"id": "b", "title": "Glacier museum opens", "date": "2026-05-20"}
"#;
    let (code, out, err) = said(&run_with_input(&["stories", "group"], input));
    assert_eq!((code, err.as_str()), (0, ""));
    let want = r#"{"id":"line-1","story":"line-1"}
{"id":7,"story":"line-1"}
{"id":"line-4","story":"line-1"}
{"id":"b","story":"b@line-5"}
{"id":"b","story":"b"}
"#;
    assert_eq!(out, want);
}

#[test]
fn a_bad_line_is_named_with_its_remedy_and_the_rest_goes_on() {
    let input = "{\"id\": 1, \"title\": \"Port opens\", \"date\": \"03/04/2026\"}\nport\n{\"id\": 2}\n";
    let (code, out, err) = said(&run_with_input(&["stories", "group"], input));
    assert_eq!((code, out.as_str()), (1, "{\"id\":1,\"story\":\"1\"}\n"));
    let lines: Vec<&str> = err.lines().collect();
    assert_eq!(lines.len(), 3, "{err}");
    assert!(lines[0].contains("line 1") && lines[0].contains("write it as 2026-"), "{err}");
    assert!(lines[1].contains("line 2") && lines[1].contains("mend or remove"), "{err}");
    assert!(lines[2].contains("line 3") && lines[2].contains("neither title, summary nor link"), "{err}");
}

#[test]
fn explain_says_why() {
    let input = r#"{"id": 1, "title": "Macron and Putin speak by phone", "date": "2026-03-02T09:00:00Z", "outlet": "village.example"}
{"id": 2, "title": "Putin and Macron hold phone call", "date": "2026-03-02T10:00:00Z", "outlet": "reuters.com"}
{"id": 3, "title": "Merz and Putin hold phone call", "date": "2026-03-02T11:00:00Z", "outlet": "valley.example"}
"#;
    let (code, out, _) = said(&run_with_input(&["stories", "group", "--explain"], input));
    let answers: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(code, 0);
    assert_eq!(answers[0]["why"], "new: nothing like it is open");
    assert!(answers[1]["why"].as_str().unwrap().starts_with("likeness"), "{out}");
    assert_eq!(answers[1]["news"], serde_json::json!(["2 sources", "a first-tier source"]));
    assert!(answers[2]["why"].as_str().unwrap().ends_with("other people are named"), "{out}");
}

/// An item of the files here as the daemon has it when it was read and matched.
fn new_item(value: &Value, read_at: Timestamp, number: u8) -> NewItem {
    let text = |key: &str| value[key].as_str().unwrap_or_default().to_owned();
    let item = Item {
        title: text("title"),
        summary: text("summary"),
        link: value["link"].as_str().map(|link| link.parse().unwrap()),
        feed: Some(text("outlet").into()),
        published_at: Some(read_at),
        ..Item::default()
    };
    let found = Match { topic: TopicName::new("all"), revision: 1, hits: Vec::new() };
    NewItem {
        keys: vec![ItemKey { kind: KeyKind::Sole, hash: [number; 16] }],
        story_key: wirewatch::feed::story_keys([&item])[0],
        item,
        matches: vec![found],
        announce: Announce::Yes,
        routes: Vec::new(),
        alerts: 0,
    }
}

/// Which of the items are of one story: for each the first that is.
fn first_alike(stories: &[i64]) -> Vec<usize> {
    stories.iter().map(|story| stories.iter().position(|other| other == story).unwrap()).collect()
}

/// What the store makes of items: committed a few at a time, with new starts and refused transactions in between.
async fn ingested(items: &[(Value, Timestamp)], dice: &mut Dice) -> Vec<i64> {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let spec = FeedSpec {
        url: "http://outlet.example/feed".parse().unwrap(),
        title: None,
        interval: std::time::Duration::from_secs(900),
        on_add: OnAdd::Baseline,
    };
    let feed = store.sync_feeds(items[0].1, vec![spec]).await.unwrap()[0].id;
    let poll = |(number, (value, at)): (usize, &(Value, Timestamp))| Poll {
        feed,
        at: *at,
        outcome: PollOutcome::Modified {
            validators: Validators { etag: None, last_modified: None },
            body_hash: 0,
            title: None,
            items: vec![new_item(value, *at, u8::try_from(number).unwrap())],
            warnings: Vec::new(),
        },
        next_poll_at: *at,
        failures: 0,
        memory: FeedMemory::default(),
        events: Vec::new(),
    };
    let mut polls: Vec<Poll> = items.iter().enumerate().map(poll).collect();
    let mut open = OpenStories::default();
    while !polls.is_empty() {
        let size = usize::try_from(1 + dice.below(5)).unwrap().min(polls.len());
        let batch: Vec<Poll> = polls.drain(..size).collect();
        let now = batch[0].at;
        if dice.one_in(4) {
            let database = rusqlite::Connection::open(store.path()).unwrap();
            database.execute_batch("ALTER TABLE item_key RENAME TO aside").unwrap();
            store.record_and_group(batch.clone(), health::learn, open).await.unwrap_err();
            database.execute_batch("ALTER TABLE aside RENAME TO item_key").unwrap();
            open = OpenStories::load(&store, now).await.unwrap();
        }
        let (recorded, given_back) =
            store.record_and_group(batch.clone(), health::learn, open).await.unwrap();
        assert!(recorded.iter().all(|one| one.new_items.len() == 1));
        open = given_back;
        if dice.one_in(4) {
            // Before it was known that they are recorded.
            (_, open) = store.record_and_group(batch, health::learn, open).await.unwrap();
        }
        if dice.one_in(4) {
            open = OpenStories::load(&store, now).await.unwrap();
        }
    }
    let database = rusqlite::Connection::open(store.path()).unwrap();
    let mut rows = database.prepare("SELECT story_id FROM item ORDER BY id").unwrap();
    rows.query_map([], |r| r.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

#[tokio::test]
async fn the_command_and_the_daemon_make_the_same_stories() {
    let mut all: Vec<Value> =
        lines("groups.jsonl").iter().flat_map(|group| group["items"].as_array().unwrap().clone()).collect();
    all.extend(lines("non-pairs.jsonl").iter().flat_map(|pair| [pair["a"].clone(), pair["b"].clone()]));
    for seed in 0..6 {
        let mut dice = Dice(seed);
        // Days are drawn together, so that events meet; some items have a link, and some the same one.
        let start: Timestamp = "2026-03-02T00:00:00Z".parse().unwrap();
        let mut drawn: Vec<(u64, Value)> = Vec::new();
        for _ in 0..120 {
            let mut item = all[usize::try_from(dice.below(all.len() as u64)).unwrap()].clone();
            let minute = dice.below(60 * 60);
            item["id"] = Value::from(format!("i{}", drawn.len()));
            item["date"] = Value::from((start + jiff::SignedDuration::from_mins(minute as i64)).to_string());
            if dice.one_in(3) {
                item["link"] = Value::from(format!("https://wire.example/{}", dice.below(60)));
            }
            drawn.push((minute, item));
        }
        drawn.sort_by_key(|(minute, _)| *minute);
        let items: Vec<(Value, Timestamp)> = drawn
            .into_iter()
            .map(|(minute, item)| (item, start + jiff::SignedDuration::from_mins(minute as i64)))
            .collect();
        let by_id = grouped(&items.iter().map(|(item, _)| item).collect::<Vec<_>>());
        let names: Vec<&String> =
            items.iter().map(|(item, _)| &by_id[item["id"].as_str().unwrap()]).collect();
        let numbers: Vec<i64> =
            names.iter().map(|name| names.iter().position(|other| other == name).unwrap() as i64).collect();
        let (command, daemon) = (first_alike(&numbers), first_alike(&ingested(&items, &mut dice).await));
        let differ: Vec<String> = (0..items.len())
            .filter(|at| command[*at] != daemon[*at])
            .map(|at| format!("{}: {} or {}", items[at].0, items[command[at]].0, items[daemon[at]].0))
            .collect();
        assert!(differ.is_empty(), "seed {seed}: {differ:#?}");
        let joined = daemon.iter().enumerate().filter(|(at, first)| at != *first).count();
        assert!(joined > 20, "seed {seed}: only {joined} of 120 joined anything");
    }
}
