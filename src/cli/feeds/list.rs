//! `wirewatch feeds list`
//!
//! Data in: what the store knows of the feeds in force. Data out: a table, the feeds that need a look explained below
//! it; or JSON.
//!
//! **Invariant:** on a terminal no line of the table is longer than the terminal is wide; elsewhere nothing is cut.

use std::{collections::HashMap, process::ExitCode, time::Duration};

use clap::{Args, ValueEnum};
use serde::Serialize;

use super::words;
use crate::{
    cli::{
        ConfigArg, Outcome,
        output::{self, say},
    },
    clock::Clock,
    model::{FeedReport, Health, Pace, Timestamp, time},
};

/// Feeds listed.
pub(super) const MAX_FEEDS: usize = 100_000;
/// Columns of a terminal that does not say how many it has.
const COLUMNS: usize = 80;
/// Columns left to the name of a feed at least, and at most where nothing is cut.
const MIN_NAME: usize = 12;
/// A rate is told of feeds that were watched for so long.
const MIN_WATCHED: Duration = Duration::from_secs(86_400);

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sort {
    /// By address
    Url,
    /// Those that fare worst come first
    Worst,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct FeedListArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Only feeds that fail, have moved, are silent, or whose answers are untrue
    #[arg(long)]
    failing: bool,
    /// Which come first
    #[arg(long, value_enum, default_value = "url")]
    sort: Sort,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct FeedRow {
    url: String,
    title: Option<String>,
    health: &'static str,
    health_since: Option<String>,
    items: u64,
    items_per_day: Option<f64>,
    interval_s: u64,
    lag_s: Option<u64>,
    last_poll_at: Option<String>,
    last_ok_at: Option<String>,
    last_new_at: Option<String>,
    next_poll_at: Option<String>,
    not_before: Option<String>,
    failures: u32,
    failure_kind: Option<String>,
    failure: Option<String>,
    marks: Vec<&'static str>,
    moved_to: Option<String>,
    moving_to: Option<String>,
    liar_since: Option<String>,
    silent_since: Option<String>,
    gone_since: Option<String>,
    last_alert_hit_at: Option<String>,
    publisher_wait_s: Option<u64>,
}

/// A feed with what the configuration says of it.
struct Listed {
    report: FeedReport,
    interval: Duration,
}

pub(super) async fn list(args: &FeedListArgs) -> Outcome {
    let (config, store) = args.config.open()?;
    let intervals: HashMap<&str, Duration> =
        config.feeds.iter().map(|spec| (spec.url.as_str(), spec.interval)).collect();
    let now = Clock::system().now();
    let mut feeds: Vec<Listed> = store
        .feeds(MAX_FEEDS)
        .await?
        .into_iter()
        .map(|report| {
            let interval = intervals.get(report.url.as_str()).copied().unwrap_or(config.poll.interval);
            Listed { report, interval }
        })
        .filter(|feed| !args.failing || feed.needs_a_look())
        .collect();
    if args.sort == Sort::Worst {
        feeds.sort_by_key(|feed| std::cmp::Reverse(feed.badness(now)));
    }
    if args.json {
        output::json(&feeds.into_iter().map(|feed| feed.row(now)).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    if feeds.is_empty() {
        say!("{}", if args.failing { "every feed fares well" } else { "no feed is in force" });
        return Ok(ExitCode::SUCCESS);
    }
    output::table(&headings(width()), table(now, &feeds, width()))?;
    for feed in feeds.iter().filter(|feed| feed.needs_a_look()) {
        say!();
        explain(now, feed).iter().for_each(|line| say!("{line}"));
    }
    Ok(ExitCode::SUCCESS)
}

/// How wide the table may be; `None` where nobody looks at it.
fn width() -> Option<usize> {
    use std::io::IsTerminal;
    let stdout = std::io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    Some(terminal_size::terminal_size_of(&stdout).map_or(COLUMNS, |(width, _)| usize::from(width.0)))
}

fn headings(width: Option<usize>) -> Vec<&'static str> {
    let mut headings = vec!["health", "last ok", "lag", "next", "items", "a day", "feed"];
    if width.is_none() {
        headings.extend(["url", "problem"]);
    }
    headings
}

fn table(now: Timestamp, feeds: &[Listed], width: Option<usize>) -> Vec<Vec<String>> {
    let mut rows: Vec<Vec<String>> = feeds.iter().map(|feed| feed.cells(now)).collect();
    let Some(width) = width else {
        for (row, feed) in rows.iter_mut().zip(feeds) {
            let problem = feed.report.last_failure.as_ref().map(|(_, message)| message.as_str());
            row.extend([feed.report.url.clone(), words::cut(problem.unwrap_or_default(), usize::MAX)]);
        }
        return rows;
    };
    let headings = headings(Some(width));
    let last = headings.len() - 1;
    let widest = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column)).map(|cell| words::columns(cell)).max();
        let heading = headings.get(column).map_or(0, |heading| words::columns(heading));
        cells.unwrap_or(0).max(heading)
    };
    // Two spaces stand between columns.
    let taken: usize = (0..last).map(|column| widest(column) + 2).sum();
    let room = width.saturating_sub(taken).max(MIN_NAME);
    for row in &mut rows {
        if let Some(name) = row.get_mut(last) {
            *name = words::cut(name, room);
        }
    }
    rows
}

impl Listed {
    /// As the store has it; a feed that was never read or that fails at present is never called ok.
    fn health(&self) -> &'static str {
        let report = &self.report;
        match report.memory.health {
            Health::Ok if report.failures > 0 => Health::Degraded.as_str(),
            Health::Ok if report.last_ok_at.is_none() => "not read yet",
            health => health.as_str(),
        }
    }

    fn marks(&self) -> Vec<&'static str> {
        let memory = &self.report.memory;
        let marks = [
            (memory.moved_to.is_some(), "moved"),
            (memory.liar_since.is_some(), "liar"),
            (memory.silent_since.is_some(), "silent"),
            (memory.gone.is_some(), "gone"),
        ];
        marks.into_iter().filter(|(holds, _)| *holds).map(|(_, mark)| mark).collect()
    }

    fn needs_a_look(&self) -> bool {
        self.report.memory.health != Health::Ok || self.report.failures > 0 || !self.marks().is_empty()
    }

    /// Sorts: health, then marks, then how late it is.
    fn badness(&self, now: Timestamp) -> (Health, u32, usize, u64) {
        let permille = |age: u64| age.saturating_mul(1_000) / self.interval.as_secs().max(1);
        let lag = self.lag(now).map_or(0, |lag| permille(lag.as_secs()));
        let health = match self.report.memory.health {
            Health::Ok if self.report.failures > 0 => Health::Degraded,
            health => health,
        };
        (health, self.report.failures, self.marks().len(), lag)
    }

    /// Since the last success.
    fn lag(&self, now: Timestamp) -> Option<Duration> {
        self.report.last_ok_at.map(|at| time::between(at, now))
    }

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let report = &self.report;
        let marks = self.marks();
        let health = [&[self.health()][..], &marks].concat().join(", ");
        let bare = report.url.split_once("://").map_or(report.url.as_str(), |(_, bare)| bare);
        let name = report.title.as_deref().unwrap_or(bare);
        vec![
            health,
            output::ago(now, report.last_ok_at),
            self.lag(now).map_or("–".to_owned(), |lag| intervals(lag, self.interval)),
            output::ahead(now, report.next_poll_at),
            report.items.to_string(),
            per_day(&report.memory.pace).map_or("–".to_owned(), words::short),
            words::cut(name, usize::MAX),
        ]
    }

    fn row(self, now: Timestamp) -> FeedRow {
        let (health, marks, lag) = (self.health(), self.marks(), self.lag(now));
        let Self { report, interval } = self;
        let memory = report.memory;
        let (failure_kind, failure) = report.last_failure.unzip();
        FeedRow {
            url: report.url,
            title: report.title,
            health: if health == "not read yet" { "unread" } else { health },
            health_since: output::instant(memory.health_since),
            items: report.items,
            items_per_day: per_day(&memory.pace),
            interval_s: interval.as_secs(),
            lag_s: lag.map(|lag| lag.as_secs()),
            last_poll_at: output::instant(report.last_poll_at),
            last_ok_at: output::instant(report.last_ok_at),
            last_new_at: output::instant(memory.last_new_at),
            next_poll_at: output::instant(report.next_poll_at),
            not_before: output::instant(memory.patience_until),
            failures: report.failures,
            failure_kind,
            failure,
            marks,
            moved_to: memory.moved_to.map(String::from),
            moving_to: memory.moving.map(|moving| moving.to.into()),
            liar_since: output::instant(memory.liar_since),
            silent_since: output::instant(memory.silent_since),
            gone_since: output::instant(memory.gone.map(|gone| gone.since)),
            last_alert_hit_at: output::instant(memory.hit_at),
            publisher_wait_s: memory.hints.wait.map(|wait| wait.as_secs()),
        }
    }
}

/// `0.3×`, `12×`: how many intervals.
fn intervals(lag: Duration, interval: Duration) -> String {
    let times = lag.as_secs_f64() / interval.as_secs_f64().max(1.0);
    if times >= 9.95 { format!("{times:.0}×") } else { format!("{}×", words::short(times)) }
}

fn per_day(pace: &Pace) -> Option<f64> {
    let watched = pace.at.is_some() && pace.span >= MIN_WATCHED;
    #[expect(clippy::cast_precision_loss, reason = "a rate that is shown with one digit")]
    let items = pace.items_micro as f64 / 1_000_000.0;
    let rate = items / (pace.span.as_secs_f64() / 86_400.0);
    // A thousandth tells nobody anything.
    watched.then(|| (rate * 1_000.0).round() / 1_000.0)
}

/// What is the matter with a feed, and what can be done.
fn explain(now: Timestamp, feed: &Listed) -> Vec<String> {
    let report = &feed.report;
    let memory = &report.memory;
    let name = report.title.as_deref().map(|title| format!("{}  ", words::cut(title, usize::MAX)));
    let mut lines = vec![format!("{}{}", name.unwrap_or_default(), report.url)];
    let mut say = |line: String| lines.push(format!("  {line}"));
    let since =
        |at: Option<Timestamp>| at.map_or(String::new(), |at| format!(" since {}", words::date(Some(at))));
    if memory.health != Health::Ok || report.failures > 0 {
        let times = match report.failures {
            0 => String::new(),
            n => {
                format!(", failed {}", if n == 1 { "once".to_owned() } else { format!("{n} times in a row") })
            }
        };
        let last = match report.last_ok_at {
            None => "was never read".to_owned(),
            Some(_) => format!("last read {}", output::ago(now, report.last_ok_at)),
        };
        say(format!("{}{}{times}, {last}", feed.health(), since(memory.health_since)));
    }
    if let Some((kind, message)) = &report.last_failure {
        say(format!("{}; {}", words::cut(message, 2_000), words::advice(kind)));
    }
    if let Some(until) = memory.patience_until.filter(|until| *until > now) {
        say(format!("its server asked not to be visited before {}", words::date(Some(until))));
    }
    if let Some(to) = &memory.moved_to {
        say(format!(
            "moved to {to}, which is polled in its place; better write that address into the configuration"
        ));
    }
    if let Some(gone) = memory.gone {
        say(format!("its server says that it is gone for good{}", since(Some(gone.since))));
    }
    if memory.liar_since.is_some() {
        say(format!(
            "its server said \"not modified\" though there was news{}; it is read in full each time",
            since(memory.liar_since)
        ));
    }
    if memory.silent_since.is_some() {
        let last = memory
            .last_new_at
            .map_or(String::new(), |_| format!(", last news {}", output::ago(now, memory.last_new_at)));
        say(format!(
            "it answers, but has had nothing new for unusually long{}{last}",
            since(memory.silent_since)
        ));
    }
    lines
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;
    use crate::model::{FeedId, FeedMemory, Gone};

    fn at(hours: i64) -> Timestamp {
        time::from_millis(hours * 3_600_000)
    }

    fn feed(title: &str) -> Listed {
        let report = FeedReport {
            id: FeedId(1),
            url: "https://a.example/feed.xml".to_owned(),
            title: Some(title.to_owned()),
            items: 123,
            last_poll_at: Some(at(99)),
            last_ok_at: Some(at(99)),
            next_poll_at: Some(at(101)),
            failures: 0,
            last_failure: None,
            memory: FeedMemory {
                pace: Pace {
                    items_micro: 7_000_000,
                    span: Duration::from_secs(2 * 86_400),
                    at: Some(at(99)),
                    ..Pace::default()
                },
                ..FeedMemory::default()
            },
        };
        Listed { report, interval: Duration::from_secs(900) }
    }

    fn failing() -> Listed {
        let mut listed = feed("Ledger");
        listed.report.failures = 4;
        listed.report.last_ok_at = Some(at(50));
        listed.report.last_failure =
            Some(("client-error".into(), "the server answered 404 Not Found".into()));
        listed.report.memory.health = Health::Failing;
        listed.report.memory.health_since = Some(at(60));
        listed
    }

    #[test]
    fn a_table_fits_the_terminal_and_is_whole_elsewhere() {
        let long = feed(&"Long name ".repeat(20));
        for width in [80, 100, 200] {
            let rows = table(at(100), std::slice::from_ref(&long), Some(width));
            let line: usize = rows[0].iter().map(|cell| words::columns(cell) + 2).sum();
            assert!(line <= width + 2, "{line} > {width}: {rows:?}");
        }
        assert_eq!(
            table(at(100), &[feed("Metals"), failing()], None),
            [
                ["ok", "1 h ago", "4×", "in 1 h", "123", "3.5", "Metals", "https://a.example/feed.xml", ""],
                [
                    "failing",
                    "2 d ago",
                    "200×",
                    "in 1 h",
                    "123",
                    "3.5",
                    "Ledger",
                    "https://a.example/feed.xml",
                    "the server answered 404 Not Found"
                ],
            ]
            .map(|row| row.map(str::to_owned).to_vec())
        );
    }

    #[test]
    fn what_is_the_matter_is_said_in_words() {
        assert_eq!(
            explain(at(100), &failing()).join("\n"),
            "Ledger  https://a.example/feed.xml\n  \
             failing since 1970-01-03 12:00, failed 4 times in a row, last read 2 d ago\n  \
             the server answered 404 Not Found; the feed may have moved: `wirewatch feeds discover SITE` finds where to"
        );
        let mut marked = feed("Metals");
        let memory = &mut marked.report.memory;
        memory.moved_to = Some(Url::parse("https://b.example/feed").unwrap());
        memory.liar_since = Some(at(1));
        memory.silent_since = Some(at(2));
        memory.gone = Some(Gone { polls: 1, since: at(3) });
        memory.last_new_at = Some(at(1));
        memory.patience_until = Some(at(200));
        let said = explain(at(100), &marked).join("\n");
        for words in [
            "moved to https://b.example/feed",
            "not modified",
            "nothing new for unusually long since 1970-01-01 02:00, last news 4 d ago",
            "gone for good since 1970-01-01 03:00",
            "not to be visited before 1970-01-09 08:00",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
        assert_eq!(marked.cells(at(100))[0], "ok, moved, liar, silent, gone");
    }

    #[test]
    fn health_is_never_better_than_the_last_poll() {
        let mut listed = feed("a");
        assert_eq!((listed.health(), listed.needs_a_look()), ("ok", false));
        listed.report.failures = 1;
        assert_eq!((listed.health(), listed.needs_a_look()), ("degraded", true));
        listed.report.failures = 0;
        listed.report.last_ok_at = None;
        assert_eq!((listed.health(), listed.needs_a_look()), ("not read yet", false));
    }

    #[test]
    fn the_worst_come_first() {
        let now = at(100);
        let mut late = feed("late");
        late.report.last_ok_at = Some(at(90));
        let mut silent = feed("silent");
        silent.report.memory.silent_since = Some(at(1));
        let mut once = feed("once");
        once.report.failures = 1;
        let mut all = [feed("fine"), late, silent, once, failing()];
        all.sort_by_key(|feed| std::cmp::Reverse(feed.badness(now)));
        let names: Vec<_> = all.iter().map(|feed| feed.report.title.as_deref().unwrap()).collect();
        assert_eq!(names, ["Ledger", "once", "silent", "late", "fine"]);
    }

    #[test]
    fn a_rate_needs_a_day_of_watching() {
        let pace = |span: u64| Pace {
            items_micro: 3_000_000,
            span: Duration::from_secs(span),
            at: Some(at(1)),
            ..Pace::default()
        };
        assert_eq!(per_day(&pace(86_399)), None);
        assert_eq!(per_day(&pace(86_400)), Some(3.0));
        assert_eq!(per_day(&Pace::default()), None);
    }
}
