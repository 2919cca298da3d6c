//! Searching the archive: what is found is what trying every item finds, whatever the index knows.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    time::Duration,
};

use tempfile::TempDir;
use url::Url;
use wirewatch::{
    matching::{self, CompiledTopics, Matcher},
    model::{
        FeedMemory, FeedSpec, FeedState, Item, ItemId, NewItem, OnAdd, Poll, PollOutcome, Timestamp,
        TopicName, Validators, time,
    },
    query::{self, TopicDef, TopicSource},
    search::{self, Answer, Extent, MAX_RANKED, Order, Request},
    store::Store,
};

use crate::harness::{app::TestApp, farm::Page, newsroom::Newsroom};

const NOW: Timestamp = Timestamp::constant(1_750_000_000, 0);

fn later(seconds: u64) -> Timestamp {
    time::after(NOW, Duration::from_secs(seconds))
}

fn def(query: &str) -> TopicDef {
    let source =
        TopicSource { name: "t".to_owned(), query: Some(query.to_owned()), ..TopicSource::default() };
    query::lists(&source, &BTreeMap::new()).unwrap_or_else(|error| panic!("{query}: {error}"))
}

struct Archive {
    dir: TempDir,
    store: Store,
    feed: FeedState,
    newsroom: Newsroom,
}

impl Archive {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let spec = FeedSpec {
            url: Url::parse("http://wire.example/feed").unwrap(),
            title: Some("Wire".to_owned()),
            interval: Duration::from_secs(900),
            on_add: OnAdd::Baseline,
        };
        let feed = store.sync_feeds(NOW, vec![spec]).await.unwrap().remove(0);
        Self { dir, store, feed, newsroom: Newsroom::new(7, 5) }
    }

    async fn record(&self, at: Timestamp, items: Vec<NewItem>) {
        let outcome = PollOutcome::Modified {
            validators: Validators::default(),
            body_hash: 1,
            title: None,
            items,
            warnings: Vec::new(),
        };
        let poll = Poll {
            feed: self.feed.id,
            at,
            outcome,
            next_poll_at: later(900),
            failures: 0,
            memory: FeedMemory::default(),
            events: Vec::new(),
        };
        self.store.record_polls(vec![poll], wirewatch::health::learn).await.unwrap();
    }

    /// Stores items with these headlines.
    async fn tell(&mut self, at: Timestamp, titles: &[&str]) {
        let item = |title: &&str| {
            let new = self.newsroom.new_item();
            NewItem { item: Item { title: (*title).to_owned(), ..Item::default() }, ..new }
        };
        let items = titles.iter().map(item).collect();
        self.record(at, items).await;
    }

    async fn index_all(&self) {
        while search::index_some(&self.store, 500).await.unwrap() > 0 {}
    }

    async fn search(&self, query: &str, request: &Request) -> Answer {
        search::search(&self.store, &def(query), request).await.unwrap()
    }

    async fn titles(&self, query: &str) -> Vec<String> {
        titles(&self.search(query, &newest(100)).await)
    }
}

fn newest(limit: usize) -> Request {
    Request { since: None, order: Order::Newest, limit, now: later(0) }
}

fn titles(answer: &Answer) -> Vec<String> {
    answer.found.iter().map(|found| found.stored.item.title.clone()).collect()
}

/// Ways to ask, each of which finds something.
const QUERIES: &[&str] = &[
    "稀土",
    "税",
    "\"Trump Xi\"",
    "Trump AND Xi",
    "caps(US)",
    "tariff(s) NEAR/8 Chin*",
    "quokka OR zeppelin",
    "汽水 OR 川普",
    "\"rare earth(s)\" AND NOT magnet*",
    "site:site4.example AND trade",
    "tag:trade OR author:\"Writer 7\"",
    "lang:zh AND /[国川]/",
    "feed:wire AND Straße",
    "SCORE/3(trump^2, xi, tariff(s), 关税^3)",
];

/// The built-in topics, and [`QUERIES`].
fn definitions() -> Vec<TopicDef> {
    let builtin = |name: &&str| {
        query::extend(&query::builtin(name).unwrap(), &TopicSource::default(), &BTreeMap::new()).unwrap()
    };
    let mut defs: Vec<TopicDef> = query::builtin_names().iter().map(builtin).collect();
    defs.extend(QUERIES.iter().enumerate().map(|(at, query)| {
        let mut def = def(query);
        def.topic.name = TopicName::new(&format!("query-{at:02}"));
        def
    }));
    defs
}

#[tokio::test]
async fn twenty_thousand_items_are_searched_as_if_each_was_tried() {
    const ITEMS: usize = 20_000;
    /// The rest is left out of the index.
    const INDEXED: usize = 19_000;
    let mut archive = Archive::new().await;
    for _ in 0..ITEMS / 1_000 {
        let items = (0..1_000).map(|_| archive.newsroom.new_item()).collect();
        archive.record(NOW, items).await;
    }
    for _ in 0..INDEXED / 500 {
        assert_eq!(search::index_some(&archive.store, 500).await.unwrap(), 500);
    }
    let mut stored = Vec::new();
    while let page = archive.store.items_after(stored.last().map(|(id, _)| *id), 1_000).await.unwrap()
        && !page.is_empty()
    {
        stored.extend(page.into_iter().map(|item| (item.id, item.into_item())));
    }
    assert_eq!(stored.len(), ITEMS);

    let defs = definitions();
    let topics = CompiledTopics::compile(&defs).unwrap();
    let mut matcher = Matcher::new(&topics);
    let mut expect: BTreeMap<usize, Vec<ItemId>> = BTreeMap::new();
    for (id, item) in stored.iter().rev() {
        for topic in matcher.find(item) {
            expect.entry(*topic).or_default().push(*id);
        }
    }
    for def in &defs {
        let position = topics.position(&def.topic.name).unwrap();
        let want = expect.remove(&position).unwrap_or_default();
        assert!(!want.is_empty(), "{} is found somewhere", def.expr);
        let answer = search::search(&archive.store, def, &newest(search::MAX_RESULTS)).await.unwrap();
        let got: Vec<ItemId> = answer.found.iter().map(|found| found.stored.id).collect();
        assert_eq!(got, want[..got.len()], "{}", def.expr);
        assert_eq!(answer.extent == Extent::Whole, want.len() == got.len());
        if answer.extent == Extent::More {
            let ranked = Request { order: Order::Relevance, ..newest(10) };
            let answer = search::search(&archive.store, def, &ranked).await.unwrap();
            assert_eq!(answer.matched, want.len(), "{}", def.expr);
        } else {
            assert_eq!(answer.unindexed, ITEMS - INDEXED);
        }
        if matching::narrowing(&def.expr).is_some() {
            assert!(answer.judged < ITEMS / 2, "{} of {}: {}", answer.judged, ITEMS, def.expr);
        }
    }
}

#[tokio::test]
async fn words_that_other_tokenizers_miss_or_mix_up_are_told_apart() {
    let mut archive = Archive::new().await;
    archive
        .tell(NOW, &["Xiaomi opens a shop in Trump Tower", "中国稀土出口受限", "Trump Xi call", "稀少的土地"])
        .await;
    for _ in ["without an index", "with one"] {
        assert_eq!(archive.titles("\"Trump Xi\"").await, ["Trump Xi call"]);
        assert_eq!(archive.titles("稀土").await, ["中国稀土出口受限"]);
        assert_eq!(archive.titles("限 OR 地").await, ["稀少的土地", "中国稀土出口受限"]);
        archive.index_all().await;
    }
}

#[tokio::test]
async fn the_newest_come_first_up_to_the_limit() {
    let mut archive = Archive::new().await;
    for hour in 0..100 {
        archive.tell(later(hour * 3_600), &[&format!("tariff {hour}"), "rain"]).await;
    }
    archive.index_all().await;
    archive.tell(later(100 * 3_600), &["tariff 100"]).await;
    let check = async |limit: usize, extent: Extent| {
        let answer = archive.search("tariff", &newest(limit)).await;
        let want: Vec<String> = (0..=100).rev().take(limit).map(|hour| format!("tariff {hour}")).collect();
        assert_eq!((titles(&answer), answer.extent), (want, extent), "{limit}");
    };
    check(3, Extent::More).await;
    check(100, Extent::More).await;
    check(101, Extent::Whole).await;
    let since = |hour: u64| Request { since: Some(later(hour * 3_600)), ..newest(200) };
    assert_eq!(archive.search("tariff", &since(99)).await.matched, 2);
    assert_eq!(archive.search("tariff", &since(100)).await.matched, 1);
    assert_eq!(archive.search("tariff", &since(101)).await.matched, 0);
}

#[tokio::test]
async fn by_relevance_what_matches_best_comes_first() {
    let mut archive = Archive::new().await;
    archive.tell(NOW, &["tariff and quota", "tariff", "quota", "tariff, tariff"]).await;
    archive.index_all().await;
    let request = Request { order: Order::Relevance, ..newest(3) };
    let answer = archive.search("tariff OR quota", &request).await;
    assert_eq!(titles(&answer), ["tariff and quota", "tariff, tariff", "quota"]);
    assert_eq!((answer.matched, answer.extent), (4, Extent::Whole));
}

#[tokio::test]
async fn ranking_ends_at_its_cap_and_says_so() {
    let mut archive = Archive::new().await;
    archive.tell(NOW, &vec!["tariff"; MAX_RANKED]).await;
    archive.index_all().await;
    let request = Request { order: Order::Relevance, ..newest(3) };
    let answer = archive.search("tariff", &request).await;
    assert_eq!((answer.matched, answer.extent, answer.found.len()), (MAX_RANKED, Extent::Whole, 3));
    archive.tell(NOW, &["tariff"]).await;
    let answer = archive.search("tariff", &request).await;
    assert_eq!((answer.matched, answer.extent, answer.found.len()), (MAX_RANKED, Extent::Ranked, 3));
}

#[tokio::test]
async fn removed_items_leave_the_index_and_row_keys_can_be_given_again() {
    let mut archive = Archive::new().await;
    archive.tell(NOW, &["old tariff"]).await;
    archive.tell(later(10), &["new tariff", "newer tariff"]).await;
    archive.index_all().await;
    assert_eq!(archive.store.prune(later(5), NOW, 10).await.unwrap().items, 1);
    assert_eq!(archive.titles("tariff").await, ["newer tariff", "new tariff"]);
    assert_eq!(archive.store.index_state().await.unwrap().indexed_to, ItemId(3));
    assert_eq!(archive.store.prune(later(99), NOW, 10).await.unwrap().items, 2);
    assert_eq!(archive.store.index_state().await.unwrap().indexed_to, ItemId(0));
    archive.tell(later(100), &["rain", "tariff again"]).await;
    assert_eq!(archive.titles("tariff").await, ["tariff again"], "their row keys are those of removed items");
    archive.index_all().await;
    assert_eq!(archive.titles("tariff").await, ["tariff again"]);
    assert_eq!(archive.titles("old OR newer").await, [""; 0]);
}

#[tokio::test]
async fn entries_come_into_the_index_once_and_only_of_items_there_are() {
    let mut archive = Archive::new().await;
    archive.tell(NOW, &["tariff"]).await;
    archive.index_all().await;
    let entry = |id| wirewatch::model::IndexEntry { id: ItemId(id), tokens: "tariff".to_owned() };
    archive.store.add_to_index(vec![entry(1), entry(2)]).await.unwrap();
    assert_eq!(archive.store.index_state().await.unwrap().indexed_to, ItemId(1));
    assert_eq!(archive.titles("tariff").await, ["tariff"]);
}

#[tokio::test]
async fn an_index_of_another_form_is_not_asked_and_made_anew() {
    let mut archive = Archive::new().await;
    archive.tell(NOW, &["tariff", "rain"]).await;
    archive.store.reset_index(matching::INDEX_FORM + 1).await.unwrap();
    let entry = |id| wirewatch::model::IndexEntry { id: ItemId(id), tokens: "other".to_owned() };
    archive.store.add_to_index(vec![entry(1), entry(2)]).await.unwrap();
    assert_eq!(archive.titles("tariff").await, ["tariff"]);
    assert_eq!(search::index_some(&archive.store, 10).await.unwrap(), 2);
    let answer = archive.search("tariff", &newest(10)).await;
    assert_eq!((titles(&answer), answer.judged), (vec!["tariff".to_owned()], 1));
}

/// Makes of a database what the first release would have made of its rows.
fn back_to_schema_1(path: &std::path::Path) {
    let newer = path.with_extension("newer");
    std::fs::rename(path, &newer).unwrap();
    let connection = rusqlite::Connection::open(path).unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection.execute_batch(include_str!("../../src/store/migrations/0001_init.sql")).unwrap();
    connection.execute("ATTACH ?1 AS newer", [newer.to_str().unwrap()]).unwrap();
    let mut tables = connection
        .prepare(
            "SELECT m.name, group_concat(quote(c.name)) FROM main.sqlite_schema AS m, pragma_table_info(m.name) AS c
             WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' GROUP BY m.name",
        )
        .unwrap();
    let mut copy = String::from("DELETE FROM meta;");
    let mut rows = tables.query([]).unwrap();
    while let Some(row) = rows.next().unwrap() {
        let (table, columns): (String, String) = (row.get(0).unwrap(), row.get(1).unwrap());
        let columns = columns.replace('\'', "\"");
        copy += &format!("INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table};");
    }
    copy +=
        "DELETE FROM meta WHERE key IN ('index_form', 'indexed_to', 'mute_key'); PRAGMA user_version = 1;";
    drop(rows);
    connection.execute_batch(&copy).unwrap();
}

#[tokio::test]
async fn a_database_of_before_the_index_is_searched_as_it_is_and_gains_one_when_opened_for_writing() {
    let mut archive = Archive::new().await;
    archive.tell(NOW, &["tariff", "rain"]).await;
    archive.store.close().await;
    let dir = archive.dir.path();
    back_to_schema_1(&dir.join(wirewatch::store::DATABASE));
    let old = Archive { store: Store::open_read_only(dir).unwrap(), ..Archive::new().await };
    assert_eq!(old.titles("tariff").await, ["tariff"]);
    old.store.close().await;
    let migrated = Archive { store: Store::open(dir).unwrap(), ..old };
    assert_eq!(migrated.titles("tariff").await, ["tariff"]);
    migrated.index_all().await;
    let answer = migrated.search("tariff", &newest(10)).await;
    assert_eq!((titles(&answer), answer.judged, answer.unindexed), (vec!["tariff".to_owned()], 1, 0));
}

#[tokio::test]
async fn the_janitor_indexes_what_polls_brought_and_removes_what_is_old() {
    let mut app = TestApp::start(&["/feed"]).await;
    let item = |n: u32| format!("<item><guid>g{n}</guid><title>Tariff {n}</title></item>");
    app.farm.set("/feed", Page::rss(&[item(1), item(2)]));
    app.poll().await;
    assert_eq!(app.store.index_state().await.unwrap().indexed_to, ItemId(0), "never in a poll's transaction");
    let started = app.clock.now();
    assert_eq!(app.tidy().await, Some(time::after(started, Duration::from_secs(300))));
    assert_eq!(app.store.index_state().await.unwrap().indexed_to, ItemId(2));
    app.farm.set("/feed", Page::rss(&[item(3)]));
    app.clock.advance(Duration::from_secs(3_500));
    app.poll().await;
    assert_eq!(app.tidy().await, Some(time::after(started, Duration::from_secs(3_600))), "retention is next");
    assert_eq!(app.store.index_state().await.unwrap().indexed_to, ItemId(3));
    app.clock.advance(Duration::from_secs(500 * 86_400));
    app.tidy().await;
    assert_eq!(app.store.index_state().await.unwrap().indexed_to, ItemId(0));
    assert!(app.store.items_after(None, 10).await.unwrap().is_empty());
    app.end().await;
}

fn run(archive: &Archive, args: &[&str]) -> (i32, String, String) {
    let config = archive.dir.path().join("wirewatch.toml");
    let text = "[state]\ndir = \".\"\n[lists]\nmetals = [\"gallium\", \"germanium\"]\n[[topic]]\nname = \"port-fees\"\n\
                any = [\"port fee(s)\"]\n[[feed]]\nurl = \"http://wire.example/feed\"\n[[subscription]]\nname = \"desk\"\n\
                to = [\"desk@example.com\"]\ntopics = [\"*\"]\ndeliver = \"alert\"\n";
    std::fs::write(&config, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_wirewatch"))
        .arg("search")
        .args(args)
        .args(["--config", config.to_str().unwrap()])
        .env_remove("STATE_DIRECTORY")
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test]
async fn the_command_lists_what_it_finds_beside_a_running_service() {
    let mut archive = Archive::new().await;
    let about = |title: &str, summary: &str| Item {
        title: title.to_owned(),
        summary: summary.to_owned(),
        link: Url::parse("https://news.example/1").ok(),
        published_at: Some(NOW),
        ..Item::default()
    };
    let mut store = async |item: Item| {
        let new = archive.newsroom.new_item();
        archive.record(later(60), vec![NewItem { item, ..new }]).await;
    };
    store(about(
        "Gallium is dear",
        "It rains. Germany lacks germanium, and \u{1b}[31m gallium too. It snows.",
    ))
    .await;
    store(about("Port fees rise", "Ships wait.")).await;
    store(about("Rain", "Germanium, again.")).await;
    archive.index_all().await;

    let (code, out, err) = run(&archive, &["@metals"]);
    let want = "2025-06-15 15:06 UTC  Wire  (item 3)\n  Rain\n  »Germanium«, again.\n  https://news.example/1\n\n\
                2025-06-15 15:06 UTC  Wire  (item 1)\n  »Gallium« is dear\n  Germany lacks »germanium«, and [31m »gallium« too.\n  \
                https://news.example/1\n\n2 matches\n";
    assert_eq!((code, out.as_str(), err.as_str()), (0, want, ""));

    let (code, out, _) = run(&archive, &["--topic", "port-fees"]);
    assert!(code == 0 && out.contains("»Port fees« rise") && out.ends_with("\n1 match\n"), "{out}");
    let (_, out, _) = run(&archive, &["@metals", "--limit", "1"]);
    assert!(out.ends_with("1 match shown, the newest; there are more: see --limit and --since\n"), "{out}");
    let (_, out, _) = run(&archive, &["@metals", "--limit", "1", "--sort", "relevance"]);
    assert!(
        out.contains("item 1") && out.ends_with("2 matches, the most relevant 1 shown: see --limit\n"),
        "{out}"
    );
    let (_, out, _) = run(&archive, &["snow AND NOT snow"]);
    assert_eq!(out, "nothing stored matches\n");
    // All of it was read long ago.
    let (_, out, _) = run(&archive, &["gallium", "--since", "1d"]);
    assert_eq!(out, "nothing stored matches\n");

    let (code, out, err) = run(&archive, &["@metals", "--json", "--limit", "1"]);
    let found: serde_json::Value = serde_json::from_str(&out).unwrap_or_else(|_| panic!("{out}{err}"));
    assert_eq!((code, &found["matched"], &found["more"]), (0, &1.into(), &true.into()));
    let want = serde_json::json!({
        "id": 3, "feed": "Wire", "title": "Rain", "snippet": "Germanium, again.", "link": "https://news.example/1",
        "lang": null, "published_at": "2025-06-15T15:06:40Z", "first_seen_at": "2025-06-15T15:07:40Z",
        "hits": [{"clause": "germanium", "field": "summary", "start": 0, "end": 9}]
    });
    assert_eq!(found["items"], serde_json::json!([want]));
}

#[tokio::test]
async fn a_bad_question_ends_with_2_and_says_where() {
    let archive = Archive::new().await;
    let check = |args: &[&str], want: &[&str]| {
        let (code, out, err) = run(&archive, args);
        assert_eq!((code, out.as_str()), (2, ""), "{args:?}: {err}");
        for part in want {
            assert!(err.contains(part), "{args:?}: {part}: {err}");
        }
    };
    check(
        &["tariff AND rare earth"],
        &["1 | tariff AND rare earth", "  |            ^", "help: ", "\"rare earth\""],
    );
    check(&["@metal"], &["no list `metal`", "^^^^^^", "`@metals`"]);
    check(&["/a*/"], &["the regular expression cannot be used"]);
    check(&["a", "--since", "soon"], &["--since"]);
    check(&["a", "--limit", "1001"], &["--limit"]);
    check(&[], &["<QUERY>"]);
    check(&["a", "--topic", "port-fees"], &["cannot be used with"]);
    let (code, _, err) = run(&archive, &["--topic", "port"]);
    assert!(code == 1 && err.contains("there is no topic `port`"), "{err}");
}
