//! What reading a clean feed costs, beside feed-rs alone.
//!
//! `cargo bench --bench reading` makes a feed of RSS 2.0 and one of Atom, about 50 kB and 40 items each, with text and
//! HTML of no meaning, and prints for each the CPU time of feed-rs alone (as it comes: its own dates, no sanitising),
//! that of `feed::parse` on the same bytes, which adds decoding, inspection and all that makes the texts fit for
//! matching, and that of `feed::parse` on the same feed with a stray `&`, which salvage reads. The three are measured
//! in turn in each round, all threads counted; figures are medians, and so are the ratios.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "a benchmark ends at the first fault"
)]

use std::{fs, hint::black_box};

use url::Url;
use wirewatch::{feed, model::Timestamp};

const ITEMS: usize = 40;
const ROUNDS: usize = 9;
/// Readings in one measurement: about half a second of the clock that ticks every 10 ms.
const BATCH: usize = 1_000;

fn main() {
    println!("feed | bytes | feed-rs µs | parse µs | ratio | salvage µs | ratio");
    for (name, text) in [("RSS", rss()), ("Atom", atom())] {
        measure(name, &text);
    }
}

fn measure(name: &str, text: &str) {
    let base = Url::parse("https://wire.example/feeds/all.xml").expect("an address");
    let now: Timestamp = "2026-11-24T12:00:00Z".parse().expect("an instant");
    let faulty = text.replacen("<title>", "<title>R&D ", 1);
    let read = |text: &str, warnings: usize| {
        let (found, said) = feed::parse(text.as_bytes(), None, &base, now).expect("a feed");
        assert_eq!((found.items.len(), said.len()), (ITEMS, warnings), "{said:?}");
    };
    let alone = || {
        let found = feed_rs::parser::parse(text.as_bytes()).expect("a feed");
        assert_eq!(black_box(found).entries.len(), ITEMS);
    };
    let mut rounds: Vec<[f64; 3]> = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push([cpu(alone), cpu(|| read(text, 0)), cpu(|| read(&faulty, 1))]);
    }
    let median = |value: &dyn Fn(&[f64; 3]) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    println!(
        "{name} | {} | {:.0} | {:.0} | {:.2} | {:.0} | {:.2}",
        text.len(),
        median(&|round| round[0]),
        median(&|round| round[1]),
        median(&|round| round[1] / round[0]),
        median(&|round| round[2]),
        median(&|round| round[2] / round[0]),
    );
}

/// CPU time of all threads of this process for one call, in microseconds.
fn cpu(work: impl Fn()) -> f64 {
    let begun = ticks();
    for _ in 0..BATCH {
        work();
    }
    (ticks() - begun) * 1e4 / BATCH as f64
}

/// CPU time so far in hundredths of a second (proc_pid_stat(5): utime and stime).
fn ticks() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").expect("Linux");
    let fields: Vec<&str> = stat.rsplit(')').next().expect("a line").split_whitespace().collect();
    fields[11].parse::<f64>().expect("utime") + fields[12].parse::<f64>().expect("stime")
}

/// Words of no meaning, always the same.
struct Words(u64);

impl Words {
    fn next(&mut self) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize
    }

    fn text(&mut self, count: usize) -> String {
        const WORDS: [&str; 24] = [
            "port", "fees", "rise", "as", "harbours", "deepen", "channels", "for", "larger", "ships",
            "copper", "supply", "tightens", "while", "smelters", "idle", "capacity", "quota", "talks",
            "resume", "after", "storm", "closes", "passes",
        ];
        (0..count).map(|_| WORDS[self.next() % WORDS.len()]).collect::<Vec<_>>().join(" ")
    }

    /// A paragraph as publishers' systems write it.
    fn html(&mut self) -> String {
        format!(
            "<p>{} <a href=\"https://wire.example/topics/{}?a=1&amp;b=2\">{}</a>, {}&#8217;s {}.</p>\n<p><em>{}</em> &amp; {}&nbsp;{}</p>",
            self.text(18),
            self.next() % 100,
            self.text(2),
            self.text(12),
            self.text(14),
            self.text(4),
            self.text(20),
            self.text(10)
        )
    }
}

fn escape(html: &str) -> String {
    html.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn rss() -> String {
    let mut words = Words(7);
    let item = |n: usize| {
        let (title, summary, html) =
            (words.text(8), escape(&format!("<p>{}</p>", words.text(20))), words.html());
        format!(
            "<item>\n<title>{title}</title>\n<link>https://wire.example/news/2026/11/{n}/</link>\n\
             <guid isPermaLink=\"false\">https://wire.example/?p={n}</guid>\n<dc:creator><![CDATA[Ann Lee]]></dc:creator>\n\
             <pubDate>Tue, 24 Nov 2026 {:02}:15:00 +0000</pubDate>\n<category><![CDATA[Ports]]></category>\n<category><![CDATA[Trade]]></category>\n\
             <description>{summary}</description>\n<content:encoded><![CDATA[{html}]]></content:encoded>\n</item>\n",
            n % 12
        )
    };
    let items: String = (0..ITEMS).map(item).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<rss version=\"2.0\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\" \
         xmlns:dc=\"http://purl.org/dc/elements/1.1/\" xmlns:atom=\"http://www.w3.org/2005/Atom\">\n<channel>\n<title>Harbour Wire</title>\n\
         <atom:link href=\"https://wire.example/feed/\" rel=\"self\" type=\"application/rss+xml\"/>\n<link>https://wire.example</link>\n\
         <description>All of it</description>\n<language>en-GB</language>\n{items}</channel>\n</rss>\n"
    )
}

fn atom() -> String {
    let mut words = Words(11);
    let entry = |n: usize| {
        let (title, summary, html) = (words.text(8), words.text(20), escape(&words.html()));
        format!(
            "<entry>\n<title type=\"html\">{title}</title>\n<link rel=\"alternate\" type=\"text/html\" href=\"https://wire.example/news/{n}/\"/>\n\
             <id>tag:wire.example,2026:{n}</id>\n<published>2026-11-24T{:02}:15:00Z</published>\n<updated>2026-11-24T{:02}:25:00Z</updated>\n\
             <author><name>Ann Lee</name></author>\n<category term=\"ports\"/>\n<category term=\"trade\"/>\n\
             <summary type=\"html\">{summary}</summary>\n<content type=\"html\">{html}</content>\n</entry>\n",
            n % 12,
            n % 12
        )
    };
    let entries: String = (0..ITEMS).map(entry).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"en\">\n<title>Harbour Wire</title>\n\
         <link rel=\"self\" href=\"https://wire.example/atom\"/>\n<link href=\"https://wire.example/\"/>\n<id>tag:wire.example,2026:all</id>\n\
         <updated>2026-11-24T11:25:00Z</updated>\n{entries}</feed>\n"
    )
}
