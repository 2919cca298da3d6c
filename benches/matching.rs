//! How fast items are matched, beside a bare scan for the same words.
//!
//! `cargo bench --bench matching` makes items of the shape of news; `WIREWATCH_BENCH_ITEMS=FILE` takes real ones, a
//! JSON object a line with `title` and `summary`. For 100, 1,000 and 10,000 topics it prints the time an item of one
//! `aho-corasick` automaton of all terms (a table of states, ASCII letters in either case, overlapping matches), the
//! time of folding, tokenising and matching, and the ratio of the two. Both are measured in turn in one run, on one
//! thread; figures are those of the best round. The words of the topics are chosen so that an item matches at most two topics on
//! average, whatever their number.

#![allow(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark reads the clock and ends at the first fault"
)]

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    env, fs,
    hint::black_box,
    time::{Duration, Instant},
};

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use wirewatch::{
    matching::{CompiledTopics, Matcher},
    model::Item,
    query::{TopicDef, TopicSource, lists},
    text::FoldedText,
};

/// Items where no file is named.
const ITEMS: usize = 42_000;
const ROUNDS: usize = 15;
/// Matches an item that the choice of words aims at.
const AIM: f64 = 0.5;
const GROUP: usize = 10;

fn main() {
    let items = match env::var("WIREWATCH_BENCH_ITEMS") {
        Ok(path) => read(&path),
        Err(_) => generate(ITEMS),
    };
    let texts: Vec<String> = items.iter().map(|item| format!("{}\n{}", item.title, item.summary)).collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    println!("{} items, {} bytes an item", items.len(), bytes / items.len());
    let vocabulary = Vocabulary::of(&items);
    folding(&items, bytes);
    println!("topics | terms | matches an item | scan µs | match µs | ratio | items/s | slowest item");
    for count in [100, 1_000, 10_000] {
        let chosen = Chosen::with_matches(&vocabulary, &items, count);
        chosen.measure(&items, &texts);
    }
}

/// Folding and tokenising alone.
fn folding(items: &[Item], bytes: usize) {
    let mut folded = FoldedText::default();
    let mut times = Vec::new();
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for item in items {
            for text in [&item.title, &item.summary] {
                folded.refill(text);
                black_box(folded.tokens().map(|token| token.text.len()).sum::<usize>());
            }
        }
        times.push(start.elapsed());
    }
    let time = best(times);
    println!(
        "folding and tokenising: {:.2} µs an item, {:.0} MB/s",
        micros(time, items.len()),
        bytes as f64 / time.as_secs_f64() / 1e6
    );
}

/// Topics of like rarity, and all their terms.
struct Chosen {
    topics: CompiledTopics,
    terms: Vec<String>,
    count: usize,
}

impl Chosen {
    /// `count` topics that together match about [`AIM`] times an item: the commoner their words, the more.
    fn with_matches(vocabulary: &Vocabulary, items: &[Item], count: usize) -> Self {
        let (mut low, mut high) = (1e-6, 0.5);
        let sample: Vec<&Item> = items.iter().step_by(items.len() / 4_000 + 1).collect();
        let mut best = Self::of(vocabulary, count, low);
        for _ in 0..12 {
            let share = f64::sqrt(low * high);
            let chosen = Self::of(vocabulary, count, share);
            let mut matcher = Matcher::new(&chosen.topics);
            let found: usize = sample.iter().map(|item| matcher.find(item).len()).sum();
            if found as f64 / sample.len() as f64 > AIM {
                high = share;
            } else {
                low = share;
                best = chosen;
            }
        }
        best
    }

    /// Topics whose groups each occur in about `share` of all items.
    fn of(vocabulary: &Vocabulary, count: usize, share: f64) -> Self {
        let mut random = Random(7);
        let mut terms = HashSet::new();
        let defs: Vec<TopicDef> = (0..count)
            .map(|at| {
                let mut group = || {
                    let words: Vec<String> =
                        (0..GROUP).map(|_| vocabulary.pick(share / GROUP as f64, &mut random)).collect();
                    terms.extend(words.iter().map(|word| word.replace(['"', '*'], "")));
                    format!("({})", words.join(" OR "))
                };
                let (a, b) = (group(), group());
                let mut query = match at % 4 {
                    0 => format!("{a} NEAR/15 {b}"),
                    1 => format!("{a} AND {b} AND {}", group()),
                    _ => format!("{a} AND {b}"),
                };
                query = format!("({query}) AND NOT ({} OR {})", group(), vocabulary.pick(0.001, &mut random));
                let source =
                    TopicSource { name: format!("t{at}"), query: Some(query), ..TopicSource::default() };
                lists(&source, &BTreeMap::new()).expect("a good query")
            })
            .collect();
        let mut terms: Vec<String> = terms.into_iter().collect();
        terms.sort_unstable();
        Self { topics: CompiledTopics::compile(&defs).expect("within the limits"), terms, count }
    }

    fn measure(&self, items: &[Item], texts: &[String]) {
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .ascii_case_insensitive(true)
            .build(&self.terms)
            .expect("an automaton");
        let mut matcher = Matcher::new(&self.topics);
        let (mut scans, mut matches) = (Vec::new(), Vec::new());
        let mut found = 0;
        for _ in 0..ROUNDS {
            let start = Instant::now();
            for text in texts {
                black_box(automaton.find_overlapping_iter(text.as_str()).count());
            }
            scans.push(start.elapsed());
            let start = Instant::now();
            found = items.iter().map(|item| matcher.find(item).len()).sum::<usize>();
            matches.push(start.elapsed());
        }
        let (scan, own) = (best(scans), best(matches));
        println!(
            "{} | {} | {:.2} | {:.2} | {:.2} | {:.2} | {:.0} | {:.2} ms",
            self.count,
            self.terms.len(),
            found as f64 / items.len() as f64,
            micros(scan, items.len()),
            micros(own, items.len()),
            own.as_secs_f64() / scan.as_secs_f64(),
            items.len() as f64 / own.as_secs_f64(),
            self.slowest(&mut matcher).as_secs_f64() * 1e3,
        );
    }

    /// The slowest of items made to be slow: the longest texts a feed may give, of words the topics ask for, alone
    /// and over and over, and of characters that are work to fold.
    fn slowest(&self, matcher: &mut Matcher<'_>) -> Duration {
        let long = |text: &str| {
            let content: String = text.chars().cycle().take(64_000).collect();
            Item { content, ..Item::default() }
        };
        let mut items: Vec<Item> = self
            .terms
            .iter()
            .step_by(self.terms.len() / 20 + 1)
            .map(|term| long(&format!("{term} ")))
            .collect();
        items.push(long(&self.terms.join(" ")));
        items.extend(
            ["é\u{301} ", "U.S. ", "a", "’s ", "Ｇ２０ㄱ한", "關ガﾞ", "\u{200d}a\u{308}", "1,0.", "ßİ"]
                .map(long),
        );
        let time = |matcher: &mut Matcher<'_>, item: &Item| {
            let start = Instant::now();
            black_box(matcher.find(item).len());
            start.elapsed()
        };
        // The better of three: what the text costs, not what else the machine does.
        let best = items.iter().map(|item| {
            let time = (0..3).map(|_| time(matcher, item)).min().unwrap_or_default();
            if env::var_os("WIREWATCH_BENCH_VERBOSE").is_some() {
                println!("{:?} {}", time, item.content.chars().take(30).collect::<String>());
            }
            time
        });
        best.max().unwrap_or_default()
    }
}

/// Words and pairs of words by the share of items they occur in.
struct Vocabulary {
    /// Sorted by share.
    by_share: Vec<(f64, String)>,
}

impl Vocabulary {
    fn of(items: &[Item]) -> Self {
        let mut counts: HashMap<String, usize> = HashMap::new();
        let mut folded = FoldedText::default();
        for item in items {
            let mut seen = HashSet::new();
            for text in [&item.title, &item.summary] {
                folded.refill(text);
                let mut before: Option<String> = None;
                for token in folded.tokens() {
                    let usable = token.text.len() >= 4 && token.text.bytes().all(|b| b.is_ascii_lowercase());
                    if usable {
                        if let Some(before) = before.filter(|word| (word.len() + token.text.len()) % 5 == 0) {
                            seen.insert(format!("\"{before} {}\"", token.text));
                        }
                        seen.insert(format!("\"{}\"", token.text));
                        if token.text.len() > 6 && token.text.len() % 3 == 0 {
                            seen.insert(format!("\"{}*\"", token.text.get(..5).unwrap_or_default()));
                        }
                    }
                    before = usable.then(|| token.text.to_owned());
                }
            }
            seen.into_iter().for_each(|word| *counts.entry(word).or_default() += 1);
        }
        let mut by_share: Vec<(f64, String)> =
            counts.into_iter().map(|(word, count)| (count as f64 / items.len() as f64, word)).collect();
        by_share.sort_by(|a, b| a.0.total_cmp(&b.0).then_with(|| a.1.cmp(&b.1)));
        Self { by_share }
    }

    /// A word that occurs in about `share` of all items: between a third of it and three times it.
    fn pick(&self, share: f64, random: &mut Random) -> String {
        let at = |bound: f64| self.by_share.partition_point(|(share, _)| *share < bound);
        let (mut first, mut end) = (at(share / 3.0), at(share * 3.0));
        if end - first < 200 {
            first = first.saturating_sub(100);
            end = (end + 100).min(self.by_share.len());
        }
        self.by_share[first + random.below(end - first)].1.clone()
    }
}

fn read(path: &str) -> Vec<Item> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    let field = |value: &serde_json::Value, key: &str| value[key].as_str().unwrap_or_default().to_owned();
    text.lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).expect("a JSON object a line");
            Item { title: field(&value, "title"), summary: field(&value, "summary"), ..Item::default() }
        })
        .collect()
}

/// Items of made-up words, as often as words of news are: a headline of 10, a summary of 20 for two in three.
fn generate(count: usize) -> Vec<Item> {
    let mut random = Random(1);
    let syllables = [
        "ta", "riff", "ex", "port", "min", "er", "al", "tra", "de", "con", "sul", "ing", "ed", "pol", "i",
        "cy", "mar", "ket", "s", "un",
    ];
    let words: Vec<String> = (0..40_000)
        .map(|rank| {
            let parts = 1 + (rank > 200) as usize + random.below(2 + (rank > 2_000) as usize);
            (0..parts).map(|_| syllables[random.below(syllables.len())]).collect()
        })
        .collect();
    // Ranks by Zipf's law.
    let word = |random: &mut Random| {
        let rank = (words.len() as f64).powf(random.below(1 << 20) as f64 / f64::from(1 << 20)) - 1.0;
        words[rank as usize].as_str()
    };
    let sentence = |random: &mut Random, length: usize| {
        let mut text = (0..length).map(|_| word(random)).collect::<Vec<_>>().join(" ");
        text[..1].make_ascii_uppercase();
        text
    };
    (0..count)
        .map(|at| Item {
            title: sentence(&mut random, 10),
            summary: if at % 3 == 0 { String::new() } else { sentence(&mut random, 20) + "." },
            ..Item::default()
        })
        .collect()
}

/// xorshift64*: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound.max(1)
    }
}

fn best(times: Vec<Duration>) -> Duration {
    times.into_iter().min().unwrap_or_default()
}

fn micros(time: Duration, items: usize) -> f64 {
    time.as_secs_f64() * 1e6 / items as f64
}
