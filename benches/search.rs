//! How quickly `wirewatch search` answers over a large archive, and what the index costs.
//!
//! `cargo bench --bench search` makes an archive of a million made-up items in a temporary folder (some 900 MB), indexes
//! it as the janitor does, and runs the real program on it. `-- 100000` takes another number of items; `-- 1000000 DIR`
//! keeps the archive in DIR and takes it from there the next time. Figures are medians of whole processes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a measurement reads the clock and fails by panicking"
)]

#[path = "../tests/it/harness/newsroom.rs"]
mod newsroom;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use newsroom::{Newsroom, SELDOM_WORDS};
use url::Url;
use wirewatch::{
    model::{FeedMemory, FeedSpec, FeedState, OnAdd, Poll, PollOutcome, Timestamp, Validators, time},
    search,
    store::{DATABASE, Store},
};

const NOW: Timestamp = Timestamp::constant(1_750_000_000, 0);
/// The archive reaches back a year.
const YEAR: Duration = Duration::from_secs(365 * 86_400);
const A_POLL: usize = 500;
/// As the janitor's.
const INDEX_BATCH: usize = 200;
const RUNS: usize = 15;
/// What takes longer is run once.
const TOO_LONG: Duration = Duration::from_secs(2);

fn main() {
    let numbers: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let items: usize = numbers.first().map_or(1_000_000, |n| n.parse().expect("a number of items"));
    let temporary = tempfile::tempdir().unwrap();
    let dir = numbers.get(1).map_or_else(|| temporary.path().to_owned(), PathBuf::from);
    fs::create_dir_all(&dir).unwrap();
    let config = dir.join("wirewatch.toml");
    fs::write(&config, configuration()).unwrap();
    if !dir.join("state").join(DATABASE).exists() {
        tokio::runtime::Runtime::new().unwrap().block_on(make(&dir.join("state"), items));
    }
    let seldom = SELDOM_WORDS;
    let two = format!("{} AND {}", seldom[0], seldom[1]);
    for (what, args) in [
        ("a configuration is read and nothing is searched", vec!["topics", "list"]),
        ("a word nobody wrote", vec!["search", "unwritten"]),
        ("two seldom words", vec!["search", &two]),
        ("two seldom words, by relevance", vec!["search", &two, "--sort", "relevance"]),
        ("two seldom words of ninety days", vec!["search", &two, "--since", "90d"]),
        ("a seldom Chinese word", vec!["search", "汽水"]),
        ("a word in exact case, mostly in the other", vec!["search", "caps(US)"]),
        ("common words near each other", vec!["search", "tariff(s) NEAR/8 Chin*"]),
        ("common words, by relevance", vec!["search", "tariff(s) AND Chin*", "--sort", "relevance"]),
        ("a common stem and a seldom word", vec!["search", "bar* AND zeppelin"]),
        ("a phrase of common words", vec!["search", "\"Trump Xi\""]),
        ("a regular expression, which no index helps", vec!["search", "/zeppelinx/"]),
        ("a built-in topic", vec!["search", "--topic", "rare-earths"]),
        ("another", vec!["search", "--topic", "leader-calls"]),
        ("a third", vec!["search", "--topic", "us-china-trade"]),
    ] {
        measure(what, &args, &config);
    }
}

fn configuration() -> String {
    let topics = ["us-china-trade", "rare-earths", "leader-calls"];
    let topics: String = topics.map(|name| format!("[[topic]]\nuse = \"builtin:{name}\"\n")).concat();
    format!(
        "[state]\ndir = \"state\"\n{topics}[[feed]]\nurl = \"http://wire.example/feed\"\n\
         [[subscription]]\nname = \"desk\"\nto = [\"desk@example.com\"]\ntopics = [\"*\"]\ndeliver = \"alert\"\n"
    )
}

async fn make(dir: &Path, items: usize) {
    let store = Store::open(dir).unwrap();
    let spec = FeedSpec {
        url: Url::parse("http://wire.example/feed").unwrap(),
        title: Some("Wire".to_owned()),
        interval: Duration::from_secs(900),
        on_add: OnAdd::Baseline,
    };
    let feed = store.sync_feeds(NOW, vec![spec]).await.unwrap().remove(0);
    let mut newsroom = Newsroom::new(42, 1);
    let now = time::whole_millis(Timestamp::now());
    let start = Instant::now();
    for done in (0..items).step_by(A_POLL) {
        let age = YEAR.mul_f64(1.0 - done as f64 / items as f64);
        let news = (0..A_POLL.min(items - done)).map(|_| newsroom.new_item()).collect();
        store
            .record_polls(vec![poll(&feed, time::before(now, age), news)], wirewatch::health::learn)
            .await
            .unwrap();
    }
    println!("{items} items stored in {:.0} s", start.elapsed().as_secs_f64());
    store.checkpoint().await.unwrap();
    let before = size(dir);
    let start = Instant::now();
    let mut batches = Vec::new();
    loop {
        let batch = Instant::now();
        if search::index_some(&store, INDEX_BATCH).await.unwrap() < INDEX_BATCH {
            break;
        }
        batches.push(batch.elapsed());
    }
    let spent = start.elapsed();
    store.checkpoint().await.unwrap();
    let after = size(dir);
    batches.sort_unstable();
    let batch = |share: usize| {
        batches.get((batches.len() * share / 1_000).min(batches.len() - 1)).unwrap().as_millis()
    };
    println!(
        "indexed in {:.0} s, {:.0} µs an item; a batch of {INDEX_BATCH} took {} ms, one in a hundred {} ms, the slowest {} ms",
        spent.as_secs_f64(),
        spent.as_secs_f64() * 1e6 / items as f64,
        batch(500),
        batch(990),
        batch(1_000)
    );
    println!(
        "database {before} MB without the index, {after} MB with it (+{} %)",
        (after - before) * 100 / before
    );
    store.close().await;
}

fn poll(feed: &FeedState, at: Timestamp, items: Vec<wirewatch::model::NewItem>) -> Poll {
    let outcome = PollOutcome::Modified {
        validators: Validators::default(),
        body_hash: 1,
        title: None,
        items,
        warnings: Vec::new(),
    };
    Poll {
        feed: feed.id,
        at,
        outcome,
        next_poll_at: NOW,
        failures: 0,
        memory: FeedMemory::default(),
        events: Vec::new(),
    }
}

fn size(dir: &Path) -> u64 {
    fs::metadata(dir.join(DATABASE)).unwrap().len() / 1_000_000
}

fn measure(what: &str, args: &[&str], config: &Path) {
    let mut spent = Vec::new();
    let mut said = String::new();
    // The first one warms the page cache.
    for run in 0..=RUNS {
        let start = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_wirewatch"))
            .args(args)
            .arg("--config")
            .arg(config)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        match start.elapsed() {
            long if long > TOO_LONG => spent = vec![long; RUNS],
            elapsed if run > 0 => spent.push(elapsed),
            _ => {}
        }
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        said = String::from_utf8_lossy(&output.stdout).lines().last().unwrap_or_default().to_owned();
        if spent.len() == RUNS {
            break;
        }
    }
    spent.sort_unstable();
    println!("{:>7.1} ms  {what}: {said}", spent[RUNS / 2].as_secs_f64() * 1e3);
}
