//! How many stored items a second `wirewatch backtest` judges: the whole command, from its start to its last line.
//!
//! ```sh
//! cargo bench --bench backtest                       # a million items, about 1 GB in the temporary folder
//! WIREWATCH_BENCH_ITEMS=100000 cargo bench --bench backtest
//! ```
//!
//! The archive is made by a seeded generator: items of 180 to 1,000 characters, 90 days, 40 feeds; a few in a hundred
//! are about what is looked for. It is warm: the first run of each command is not counted.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    missing_docs,
    reason = "a benchmark fails by panicking, and reads the machine's clock"
)]

use std::{
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use url::Url;
use wirewatch::{
    model::{
        Announce, FeedMemory, FeedSpec, Item, ItemKey, KeyKind, NewItem, OnAdd, Poll, PollOutcome, Timestamp,
        Validators, time,
    },
    store::Store,
};

const ITEMS: u64 = 1_000_000;
const FEEDS: u64 = 40;
const DAYS: u64 = 90;
const ITEMS_A_POLL: u64 = 5_000;
const RUNS: usize = 3;
/// 2025-03-01T00:00:00Z
const START: Timestamp = Timestamp::constant(1_740_787_200, 0);

const PLAIN: &[&str] = &[
    "the",
    "of",
    "and",
    "to",
    "in",
    "a",
    "for",
    "on",
    "with",
    "after",
    "from",
    "by",
    "over",
    "its",
    "their",
    "council",
    "harbour",
    "bridge",
    "school",
    "river",
    "market",
    "season",
    "player",
    "doctor",
    "court",
    "garden",
    "minister",
    "railway",
    "budget",
    "island",
    "winter",
    "vote",
    "library",
    "museum",
    "flood",
    "engine",
    "bakery",
    "teacher",
    "forest",
    "village",
    "concert",
    "record",
    "strike",
    "union",
    "price",
    "houses",
    "coast",
    "police",
    "film",
    "festival",
    "mayor",
    "plan",
    "opened",
    "closed",
    "delayed",
    "agreed",
    "wants",
    "finds",
    "loses",
    "wins",
    "repairs",
    "quarter",
    "report",
    "says",
    "yesterday",
    "company",
    "shares",
    "growth",
    "export",
    "trade",
    "talks",
    "tax",
    "officials",
    "region",
    "weather",
    "storm",
];
const WANTED: &[&str] = &[
    "gallium",
    "germanium",
    "rare earths",
    "tariffs",
    "China",
    "Beijing",
    "graphite",
    "export curbs",
    "稀土出口",
    "关税",
    "Washington",
    "semiconductors",
];

/// xorshift64*
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % n
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[usize::try_from(self.below(words.len() as u64)).unwrap()]
    }

    /// Text of about so many characters, with a wanted word now and then.
    fn text(&mut self, chars: u64, wanted: bool) -> String {
        let mut text = String::new();
        while (text.len() as u64) < chars {
            let word = if wanted && self.below(12) == 0 { self.of(WANTED) } else { self.of(PLAIN) };
            text += word;
            text.push_str(if self.below(14) == 0 { ". " } else { " " });
        }
        text.trim_end().to_owned()
    }

    fn item(&mut self, number: u64) -> NewItem {
        let wanted = self.below(100) < 4;
        let summary_chars = 120 + self.below(820);
        let item = Item {
            title: self.text(60, wanted),
            summary: self.text(summary_chars, wanted),
            link: Some(Url::parse(&format!("https://news.example/{number}")).unwrap()),
            lang: Some("en".to_owned()),
            ..Item::default()
        };
        let mut hash = [0; 16];
        hash[..8].copy_from_slice(&number.to_be_bytes());
        NewItem {
            item,
            keys: vec![ItemKey { kind: KeyKind::Sole, hash }],
            story_key: None,
            matches: Vec::new(),
            announce: Announce::Baseline,
            routes: Vec::new(),
            alerts: 0,
        }
    }
}

async fn fill(dir: &Path, items: u64) {
    let store = Store::open(dir).unwrap();
    let specs = (0..FEEDS).map(|n| FeedSpec {
        url: Url::parse(&format!("https://feed-{n}.example/rss")).unwrap(),
        title: Some(format!("Feed {n}")),
        interval: Duration::from_secs(900),
        on_add: OnAdd::Baseline,
    });
    let feeds = store.sync_feeds(START, specs.collect()).await.unwrap();
    let mut dice = Dice(0x5eed);
    let mut number = 0;
    while number < items {
        let at = time::after(START, Duration::from_secs(DAYS * 86_400 * number / items));
        let feed = &feeds[usize::try_from(dice.below(FEEDS)).unwrap()];
        let batch = (0..ITEMS_A_POLL.min(items - number)).map(|n| dice.item(number + n)).collect::<Vec<_>>();
        number += batch.len() as u64;
        let outcome = PollOutcome::Modified {
            validators: Validators::default(),
            body_hash: 0,
            title: None,
            items: batch,
            warnings: Vec::new(),
        };
        let poll = Poll {
            feed: feed.id,
            at,
            outcome,
            next_poll_at: at,
            failures: 0,
            memory: FeedMemory::default(),
            events: Vec::new(),
        };
        store.record_polls(vec![poll], wirewatch::health::learn).await.unwrap();
    }
    store.close().await;
}

/// Runs the command and gives its first lines and the best time of some runs.
fn measure(config: &str, args: &[&str]) -> (String, Duration) {
    let mut best = Duration::MAX;
    let mut said = String::new();
    for run in 0..=RUNS {
        let begun = Instant::now();
        let output = Command::new(env!("CARGO_BIN_EXE_wirewatch"))
            .arg("backtest")
            .args(args)
            .args(["--config", config])
            .output()
            .unwrap();
        let took = begun.elapsed();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        if run > 0 {
            best = best.min(took);
        }
        said = String::from_utf8(output.stdout).unwrap();
    }
    (said.lines().nth(1).unwrap_or_default().to_owned(), best)
}

fn main() {
    let items = std::env::var("WIREWATCH_BENCH_ITEMS").map_or(ITEMS, |n| n.parse().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("wirewatch.toml");
    let topic = "[[topic]]\nname = \"metals\"\nany = [\"gallium\", \"germanium\"]\nnone = [\"storm\"]\n";
    let builtin = "[[topic]]\nuse = \"builtin:rare-earths\"\n";
    fs::write(&config, format!("[state]\ndir = \"state\"\n{topic}{builtin}")).unwrap();
    let begun = Instant::now();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(fill(&dir.path().join("state"), items));
    let bytes = fs::metadata(dir.path().join("state/wirewatch.db")).unwrap().len();
    println!("{items} items, {} MB, stored in {:.0} s", bytes / 1_000_000, begun.elapsed().as_secs_f64());
    let config = config.to_str().unwrap();
    let near = "(gallium OR germanium OR \"rare earth(s)\" OR 稀土) NEAR/8 (export* OR curb(s) OR tariff(s) OR 关税)";
    for (what, args) in [
        ("a list of words, with NOT", &["metals"] as &[&str]),
        ("a proximity", &["--query", near]),
        ("a built-in topic", &["rare-earths"]),
        ("a proximity against a topic in force", &["--query", near, "--topic", "rare-earths"]),
    ] {
        let (found, took) = measure(config, args);
        let rate = items as f64 / took.as_secs_f64();
        println!("{rate:>9.0} items/s  {:>6.2} s  {what}: {found}", took.as_secs_f64());
    }
}
