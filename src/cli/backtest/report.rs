//! What a backtest found, for people and for machines.
//!
//! Data in: [`Tally`], the store for names and samples. Data out: text or JSON.

use std::collections::HashMap;

use serde::Serialize;

use super::{
    Contest, compared,
    histogram::{self, Bins},
    samples,
    tally::{FeedCount, Tally},
};
use crate::{
    cli::{
        exclusion,
        explain::Hit,
        mark::Marks,
        output::{self, count, say},
    },
    model::{ClauseHit, Field, Item, ItemId, Timestamp},
    query::TopicDef,
    store::Store,
};

/// Feeds listed.
const TOP_FEEDS: usize = 10;
/// Characters shown on either side of a hit.
const CONTEXT: usize = 50;

/// Why an item is a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Hit,
    Gained,
    Lost,
}

/// An item that is shown.
pub(super) struct Sample {
    pub(super) id: ItemId,
    pub(super) first_seen_at: Timestamp,
    pub(super) feed: String,
    pub(super) item: Item,
    pub(super) hits: Vec<ClauseHit>,
    /// Why it does not match now.
    pub(super) why: Option<String>,
}

/// What hits were compared with.
pub(super) enum Compared {
    /// The matches stored at the time.
    Stored,
    /// The topic of this name, judged anew.
    Topic(String),
}

struct FeedShare {
    name: String,
    count: FeedCount,
}

struct Difference {
    with: Compared,
    both: u64,
    gained: (u64, Vec<Sample>),
    lost: (u64, Vec<Sample>),
}

/// See the module.
pub(super) struct Report {
    /// The topic's name and title, or the query.
    heading: String,
    items: u64,
    hits: u64,
    span: Option<(Timestamp, Timestamp)>,
    per_day: f64,
    bins: Option<Bins>,
    feeds: Vec<FeedShare>,
    feeds_with_hits: usize,
    samples: Vec<Sample>,
    difference: Option<Difference>,
    /// Hits without the NOT, when there is one.
    without: Option<u64>,
}

impl Report {
    pub(super) async fn new(
        store: &Store,
        contest: &Contest,
        now: &TopicDef,
        before: Option<&TopicDef>,
        tally: &Tally,
        shown: usize,
    ) -> anyhow::Result<Self> {
        let mut feeds: Vec<_> = tally.feeds.iter().filter(|(_, count)| count.hits > 0).collect();
        feeds.sort_by_key(|(id, count)| (std::cmp::Reverse(count.hits), id.0));
        let ids = feeds.iter().take(TOP_FEEDS).map(|(id, _)| **id).collect();
        let names: HashMap<_, _> = store.feed_names(ids).await?.into_iter().collect();
        let share = |(id, count): &(&_, &FeedCount)| FeedShare {
            name: names.get(*id).cloned().unwrap_or_default(),
            count: **count,
        };
        let bins = tally
            .span
            .map(|(first, last)| Bins::new(&tally.days, histogram::day(first), histogram::day(last)));
        let difference = match compared(contest.roles, before) {
            None => None,
            Some(with) => Some(Difference {
                with,
                both: tally.hits.count() - tally.gained.count(),
                gained: (
                    tally.gained.count(),
                    samples(store, contest, Kind::Gained, tally.gained.choose(shown)).await?,
                ),
                lost: (
                    tally.lost.count(),
                    samples(store, contest, Kind::Lost, tally.lost.choose(shown)).await?,
                ),
            }),
        };
        let heading = match now.topic.name.as_str() {
            crate::cli::rules::QUERY => now.expr.to_string(),
            name if name == now.topic.title => name.to_owned(),
            name => format!("{name} ({})", now.topic.title),
        };
        Ok(Self {
            heading,
            items: tally.items,
            hits: tally.hits.count(),
            span: tally.span,
            per_day: tally.per_day(),
            bins,
            feeds: feeds.iter().take(TOP_FEEDS).map(share).collect(),
            feeds_with_hits: feeds.len(),
            samples: samples(store, contest, Kind::Hit, tally.hits.choose(shown)).await?,
            difference,
            without: contest.roles.without.map(|_| tally.without),
        })
    }

    pub(super) fn print(&self, marks: Marks) -> anyhow::Result<()> {
        say!("{}", marks.strong(&self.heading));
        let Some((first, last)) = self.span else {
            say!("nothing was stored in that time");
            return Ok(());
        };
        let (first, last) = (histogram::day(first), histogram::day(last));
        say!(
            "{} of {} stored from {first} to {last} (UTC): {:.1} a day",
            many(self.hits, "match", "matches"),
            many(self.items, "item", "items"),
            self.per_day
        );
        if let (Some(bins), true) = (&self.bins, self.hits > 0) {
            say!("\nmatches by {} (UTC)", bins.unit.as_str());
            bins.lines().iter().for_each(|line| say!("  {line}"));
        }
        print_samples("samples, newest first and spread over the time", &self.samples, marks);
        if let Some(difference) = &self.difference {
            difference.print(marks);
        }
        if !self.feeds.is_empty() {
            say!();
            self.print_feeds()?;
        }
        if let Some(hint) = self.hint() {
            say!("\n{hint}");
        }
        Ok(())
    }

    fn print_feeds(&self) -> anyhow::Result<()> {
        let percent = |part: u64, whole: u64| match whole {
            0 => "–".to_owned(),
            whole => format!("{:.1} %", part as f64 * 100.0 / whole as f64),
        };
        let row = |feed: &FeedShare| {
            let FeedCount { hits, items } = feed.count;
            vec![
                feed.name.clone(),
                hits.to_string(),
                percent(hits, self.hits),
                format!("{} of {items}", percent(hits, items)),
            ]
        };
        output::table(&["feed", "matches", "share", "of its items"], self.feeds.iter().map(row).collect())?;
        if self.feeds_with_hits > self.feeds.len() {
            say!("… and {} with fewer", count(self.feeds_with_hits - self.feeds.len(), "feed"));
        }
        Ok(())
    }

    /// What a NOT that removed a lot calls for.
    fn hint(&self) -> Option<String> {
        let without = self.without?;
        let removed = exclusion::removed_much(without, self.hits)?;
        Some(format!(
            "hint: NOT removed {removed} % of the matches there would be without it ({} of {without}); \
             NOT NEAR/n excludes only what stands nearby",
            without - self.hits
        ))
    }

    pub(super) fn json(&self) -> anyhow::Result<()> {
        output::json(&Answer::of(self))
    }
}

impl Difference {
    fn print(&self, marks: Marks) {
        let with = match &self.with {
            Compared::Stored => "the matches stored at the time".to_owned(),
            Compared::Topic(name) => format!("`{name}` as it is in force"),
        };
        say!("\ncompared with {with}: {} in both, {} gained, {} lost", self.both, self.gained.0, self.lost.0);
        print_samples("gained", &self.gained.1, marks);
        print_samples("lost", &self.lost.1, marks);
    }
}

fn print_samples(heading: &str, samples: &[Sample], marks: Marks) {
    if samples.is_empty() {
        return;
    }
    say!("\n{heading}");
    for Sample { id, first_seen_at, feed, item, hits, why } in samples {
        let of = |field: Field| hits.iter().filter(move |hit| hit.field == field);
        let in_title: Vec<_> = of(Field::Title).map(|hit| hit.span.clone()).collect();
        let title = if item.title.is_empty() { "(no title)" } else { &item.title };
        say!(
            "  {}  {}  {feed}  (item {})",
            first_seen_at.strftime("%F %H:%M"),
            marks.excerpt(title, &in_title, item.title.len()),
            id.0
        );
        let below: Vec<ClauseHit> = hits.iter().filter(|hit| hit.field != Field::Title).cloned().collect();
        marks.by_field(item, &below, CONTEXT).iter().take(2).for_each(|line| say!("      {line}"));
        if let Some(why) = why {
            say!("      now: {why}");
        }
    }
}

/// `1,234 items`.
fn many(number: u64, one: &str, more: &str) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    format!("{grouped} {}", if number == 1 { one } else { more })
}

/// For machines. Fields are only ever added.
#[derive(Debug, Serialize)]
struct Answer {
    topic: String,
    from: Option<String>,
    to: Option<String>,
    items: u64,
    matches: u64,
    per_day: f64,
    unit: Option<&'static str>,
    bins: Vec<BinAnswer>,
    samples: Vec<SampleAnswer>,
    difference: Option<DifferenceAnswer>,
    feeds: Vec<FeedAnswer>,
    /// What would match without the topic's NOT; missing when it has none.
    matches_without_not: Option<u64>,
    hint: Option<String>,
}

#[derive(Debug, Serialize)]
struct BinAnswer {
    begin: String,
    matches: u64,
}

#[derive(Debug, Serialize)]
struct SampleAnswer {
    id: i64,
    first_seen_at: String,
    feed: String,
    title: String,
    link: Option<String>,
    hits: Vec<Hit>,
    why_not: Option<String>,
}

#[derive(Debug, Serialize)]
struct DifferenceAnswer {
    /// `stored`, or the name of a topic in force.
    with: String,
    both: u64,
    gained: u64,
    lost: u64,
    gained_samples: Vec<SampleAnswer>,
    lost_samples: Vec<SampleAnswer>,
}

#[derive(Debug, Serialize)]
struct FeedAnswer {
    feed: String,
    matches: u64,
    items: u64,
}

impl Answer {
    fn of(report: &Report) -> Self {
        let bins = report.bins.as_ref();
        Self {
            topic: report.heading.clone(),
            from: output::instant(report.span.map(|(first, _)| first)),
            to: output::instant(report.span.map(|(_, last)| last)),
            items: report.items,
            matches: report.hits,
            per_day: report.per_day,
            unit: bins.map(|bins| bins.unit.as_str()),
            bins: bins.map_or_else(Vec::new, |bins| {
                let bin = |(begin, hits): &_| BinAnswer { begin: format!("{begin}"), matches: *hits };
                bins.bins.iter().map(bin).collect()
            }),
            samples: report.samples.iter().map(SampleAnswer::of).collect(),
            difference: report.difference.as_ref().map(|difference| DifferenceAnswer {
                with: match &difference.with {
                    Compared::Stored => "stored".to_owned(),
                    Compared::Topic(name) => name.clone(),
                },
                both: difference.both,
                gained: difference.gained.0,
                lost: difference.lost.0,
                gained_samples: difference.gained.1.iter().map(SampleAnswer::of).collect(),
                lost_samples: difference.lost.1.iter().map(SampleAnswer::of).collect(),
            }),
            feeds: report
                .feeds
                .iter()
                .map(|feed| FeedAnswer {
                    feed: feed.name.clone(),
                    matches: feed.count.hits,
                    items: feed.count.items,
                })
                .collect(),
            matches_without_not: report.without,
            hint: report.hint(),
        }
    }
}

impl SampleAnswer {
    fn of(sample: &Sample) -> Self {
        Self {
            id: sample.id.0,
            first_seen_at: sample.first_seen_at.to_string(),
            feed: sample.feed.clone(),
            title: sample.item.title.clone(),
            link: sample.item.link.as_ref().map(url::Url::to_string),
            hits: sample.hits.iter().map(|hit| Hit::of(&sample.item, hit)).collect(),
            why_not: sample.why.clone(),
        }
    }
}
