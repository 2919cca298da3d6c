//! What it costs to find the story of an item when many are open.
//!
//! `cargo bench --bench stories` makes items of the shape of news (a title of 9 words, a summary of 24, words as common
//! as words are: the n-th occurs in proportion to 1/n), opens 1,000, 10,000 and 100,000 stories, and prints the
//! processor time an item on one thread, by what ingest does with it: of making its mark, of finding its story, of taking
//! it in, and of all three; and what the open stories take in memory. One item in four reports an event that is open, in
//! words of its own.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark reads the clock and ends at the first fault"
)]

use std::{
    fs,
    sync::OnceLock,
    time::{Duration, Instant},
};

use wirewatch::{
    daemon::OpenStories,
    model::{Announce, Grouping, Item, NewItem, StoryId, StoryMark, Timestamp, time},
};

/// Items measured.
const ITEMS: usize = 2_000;
/// Distinct words.
const WORDS: usize = 60_000;
const TITLE: usize = 9;
const SUMMARY: usize = 24;

fn main() {
    println!("open stories | mark µs | place µs | join µs | all µs | joined | memory MiB");
    for open in [1_000, 10_000, 100_000] {
        measure(open);
    }
}

fn measure(open: usize) {
    let start: Timestamp = "2026-03-02T09:00:00Z".parse().expect("a date");
    let mut random = Random(11);
    let before = resident_mib();
    let mut stories = OpenStories::default();
    let mut titles = Vec::new();
    for id in 0..open {
        let item = random.item(None);
        titles.push(item.title.clone());
        let mark = stories.mark(&new_item(item), start).expect("every item has a mark");
        stories.join(StoryId(id as i64), &mark);
    }
    let memory = resident_mib().saturating_sub(before);
    let items: Vec<NewItem> = (0..ITEMS)
        .map(|at| {
            let known = at.is_multiple_of(4).then(|| titles[random.below(titles.len())].clone());
            new_item(random.item(known.as_deref()))
        })
        .collect();
    let now = time::after(start, Duration::from_hours(1));
    let began = cpu();
    let marks: Vec<StoryMark> = items.iter().filter_map(|item| stories.mark(item, now)).collect();
    let marking = cpu() - began;
    let (mut placing, mut joining, mut joined) = (Duration::ZERO, Duration::ZERO, 0);
    for (at, mark) in marks.iter().enumerate() {
        let began = cpu();
        let found = stories.place(mark, now);
        let placed = cpu();
        stories.join(found.unwrap_or(StoryId((open + at) as i64)), mark);
        joining += cpu() - placed;
        placing += placed - began;
        joined += usize::from(found.is_some());
    }
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / ITEMS as f64;
    println!(
        "{open} | {:.1} | {:.1} | {:.1} | {:.1} | {joined} of {ITEMS} | {memory}",
        micros(marking),
        micros(placing),
        micros(joining),
        micros(marking + placing + joining),
    );
}

fn new_item(item: Item) -> NewItem {
    NewItem {
        item,
        keys: Vec::new(),
        story_key: None,
        matches: Vec::new(),
        announce: Announce::Yes,
        routes: Vec::new(),
        alerts: 0,
    }
}

/// Memory in use; 0 where the system does not tell.
fn resident_mib() -> usize {
    let told = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: usize = told.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4 / 1_024
}

/// Time this thread has had on a processor, so that a busy machine changes little; elapsed time where the system does
/// not tell.
fn cpu() -> Duration {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let told = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanos = told.and_then(|text| text.split_whitespace().next()?.parse().ok());
    nanos.map_or_else(|| BEGAN.get_or_init(Instant::now).elapsed(), Duration::from_nanos)
}

/// A linear congruential generator: the same items in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// A word, the n-th in proportion to 1/n.
    fn word(&mut self) -> String {
        let share = self.next() as f64 / f64::from(1_u32 << 31);
        let rank = (WORDS as f64).powf(share) as usize;
        let mut rest = rank;
        let mut word = String::from("q");
        while rest > 0 {
            word.push(char::from(b"aeioubcdfgklmnprtvz"[rest % 19]));
            rest /= 19;
        }
        word
    }

    fn words(&mut self, count: usize) -> String {
        (0..count).map(|_| self.word()).collect::<Vec<_>>().join(" ")
    }

    /// An item; two thirds of the words of its title are those of `known`.
    fn item(&mut self, known: Option<&str>) -> Item {
        let title = match known {
            None => self.words(TITLE),
            Some(known) => {
                let kept: Vec<&str> = known.split(' ').take(TITLE * 2 / 3).collect();
                format!("{} {}", kept.join(" "), self.words(TITLE / 3))
            }
        };
        Item { title, summary: self.words(SUMMARY), ..Item::default() }
    }
}
