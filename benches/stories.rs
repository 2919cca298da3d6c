//! What it costs to find the story of an item when many are open.
//!
//! `cargo bench --bench stories` makes items of the shape of news (a title of 9 words, a summary of 24, words as common
//! as words are: the n-th occurs in proportion to 1/n), opens 1,000, 10,000 and 100,000 stories, and prints the
//! processor time an item of making its fingerprint and of finding and joining its story on one thread. One
//! item in four reports an event that is open, in words of its own.

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
    model::{Item, Outlets, StoryId, Timestamp, time},
    story::{Assignment, Fingerprint, Stories},
};

/// Items measured.
const ITEMS: usize = 2_000;
/// Distinct words.
const WORDS: usize = 60_000;
const TITLE: usize = 9;
const SUMMARY: usize = 24;

fn main() {
    println!("open stories | fingerprint µs | assign µs | joined");
    for open in [1_000, 10_000, 100_000] {
        measure(open);
    }
}

fn measure(open: usize) {
    let outlets = Outlets::built_in();
    let start: Timestamp = "2026-03-02T09:00:00Z".parse().expect("a date");
    let mut random = Random(11);
    let mut stories = Stories::default();
    let mut titles = Vec::new();
    for id in 0..open {
        let item = random.item(None);
        titles.push(item.title.clone());
        let print = Fingerprint::of(&item, None, start, &outlets);
        stories.take(StoryId(id as i64), print);
    }
    let items: Vec<Item> = (0..ITEMS)
        .map(|at| {
            let known = at.is_multiple_of(4).then(|| titles[random.below(titles.len())].clone());
            random.item(known.as_deref())
        })
        .collect();
    let now = time::after(start, Duration::from_hours(1));
    let began = cpu();
    let prints: Vec<Fingerprint> =
        items.iter().map(|item| Fingerprint::of(item, None, now, &outlets)).collect();
    let printing = cpu() - began;
    let mut joined = 0;
    let began = cpu();
    for (at, print) in prints.into_iter().enumerate() {
        let found = stories.add(print, StoryId((open + at) as i64), now);
        joined += usize::from(matches!(found, Assignment::Joins { .. }));
    }
    let all = cpu() - began;
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!(
        "{open} | {:.1} | {:.1} | {joined} of {ITEMS}",
        micros(printing) / ITEMS as f64,
        micros(all) / ITEMS as f64
    );
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
