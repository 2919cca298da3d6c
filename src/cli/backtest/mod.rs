//! `wirewatch backtest`
//!
//! Data in: a topic or a query, and everything stored. Data out: how often it would have matched, when, where and
//! what; and the difference from before.
//!
//! **Invariant:** the archive is read once, in batches; memory does not grow with it.

mod histogram;
mod report;
mod tally;

use std::{process::ExitCode, sync::Arc};

use anyhow::Context;
use clap::Args;

use super::{ConfigArg, Failure, Outcome, archive, explain::one_line, mark::Marks, rules::Rules, topics};
use crate::{
    clock::Clock,
    config,
    matching::{self, CompiledTopics},
    model::{ClauseHit, ExportedItem, ItemId, TopicName, time},
    query::TopicDef,
    store::Store,
};
use report::{Compared, Kind, Report, Sample};
use tally::{Before, Roles, Tally};

/// Samples of what was gained and lost when there are many.
const DEFAULT_SAMPLES: usize = 5;
/// Samples of one kind at most.
const MAX_SAMPLES: usize = 200;

#[derive(Debug, Args)]
pub(super) struct BacktestArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Topic in force: compared with the matches stored at the time; beside --query, compared with the query
    #[arg(value_name = "TOPIC", required_unless_present = "query")]
    name: Option<String>,
    /// Try this query
    #[arg(long, value_name = "QUERY")]
    query: Option<String>,
    /// Topic in force to compare --query with
    #[arg(long, value_name = "NAME", requires = "query", conflicts_with = "name")]
    topic: Option<String>,
    /// Only what was stored in this time, such as 90d [default: everything]
    #[arg(long, value_name = "DURATION")]
    since: Option<String>,
    /// Samples to show of the matches, and of what was gained and lost
    #[arg(long, value_name = "N", default_value_t = DEFAULT_SAMPLES)]
    samples: usize,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

/// The topics of a run, compiled together.
struct Contest {
    compiled: Arc<CompiledTopics>,
    roles: Roles,
}

pub(super) async fn backtest(args: &BacktestArgs) -> Outcome {
    let back = args.since.as_deref().map(since).transpose()?;
    let loaded = args.config.load()?;
    let rules = Rules::of(&loaded);
    let query = args.query.as_deref().map(|query| rules.typed("--query", query)).transpose()?;
    let named = args.name.as_deref().or(args.topic.as_deref());
    let named = named.map(|name| rules.find(name)).transpose()?;
    let (now, before) = match (&query, named) {
        (Some(query), named) => (query, named),
        (None, Some(named)) => (named, None),
        (None, None) => return Err(Failure::Usage("give a topic or --query".to_owned())),
    };
    let contest = Contest::new(now, before, query.is_none())?;
    let (_, store) = args.config.open()?;
    let since = back.map_or(time::Timestamp::MIN, |back| time::before(Clock::system().now(), back));
    let tally = run(&store, &contest, since, now).await?;
    let samples = args.samples.min(MAX_SAMPLES);
    let report = Report::new(&store, &contest, now, before, &tally, samples).await?;
    if args.json {
        report.json()?
    } else {
        report.print(Marks::of_stdout())?
    }
    Ok(ExitCode::SUCCESS)
}

fn since(text: &str) -> Result<std::time::Duration, Failure> {
    config::parse_duration(text).map_err(|error| {
        Failure::Usage(format!("--since {text}: {error}; write a number with a unit, such as 90d, 12h or 2w"))
    })
}

async fn run(
    store: &Store,
    contest: &Contest,
    since: time::Timestamp,
    now: &TopicDef,
) -> anyhow::Result<Tally> {
    let mut tally = Tally::default();
    let Some(mut scan) = store.scan_since(since, None).await? else { return Ok(tally) };
    let roles = contest.roles;
    scan.topic = (roles.before == Before::Stored).then(|| now.topic.name.clone());
    let look = move |matcher: &mut matching::Matcher<'_>, items: &[_]| tally::count(roles, matcher, items);
    archive::judge(store, Arc::clone(&contest.compiled), scan, look, |counted| tally.add(counted)).await?;
    Ok(tally)
}

impl Contest {
    fn new(now: &TopicDef, before: Option<&TopicDef>, stored: bool) -> Result<Self, Failure> {
        // Compiled topics are sorted by name; these names give each its position.
        let called = |name: &str, def: &TopicDef| {
            let mut def = def.clone();
            def.topic.name = TopicName::new(name);
            def
        };
        let mut definitions = vec![called("0", now)];
        let mut roles = Roles { now: 0, before: Before::Nothing, without: None };
        if stored {
            roles.before = Before::Stored;
        }
        if let Some(before) = before {
            roles.before = Before::Topic(definitions.len());
            definitions.push(called("1", before));
        }
        if let Some(expr) = now.expr.without_exclusions() {
            roles.without = Some(definitions.len());
            definitions.push(called("2", &TopicDef { expr, ..now.clone() }));
        }
        Ok(Self { compiled: Arc::new(topics::compile(&definitions)?), roles })
    }

    /// Places in `item` that make the topic at `position` match.
    fn hits(&self, position: usize, item: &crate::model::Item) -> Vec<ClauseHit> {
        let name = self.compiled.topics().get(position).map(|topic| topic.name.clone());
        let found = matching::matches(&self.compiled, item).into_iter();
        found.filter(|found| Some(&found.topic) == name.as_ref()).flat_map(|found| found.hits).collect()
    }

    /// Why `item` does not match now.
    fn why_not(&self, item: &crate::model::Item) -> Option<String> {
        let name = &self.compiled.topics().get(self.roles.now)?.name;
        matching::explain(&self.compiled, name, item).map(|explanation| one_line(&explanation, item))
    }
}

async fn samples(
    store: &Store,
    contest: &Contest,
    kind: Kind,
    chosen: Vec<ItemId>,
) -> anyhow::Result<Vec<Sample>> {
    let mut samples = Vec::with_capacity(chosen.len());
    for id in chosen {
        let page = store.items_after(Some(ItemId(id.0 - 1)), 1).await?;
        let stored: ExportedItem = page.into_iter().next().context("an item was pruned meanwhile")?;
        let first_seen_at = stored.first_seen_at;
        let feed = stored.feed_name.clone().unwrap_or_else(|| stored.feed_url.clone());
        let item = stored.into_item();
        let (hits, why) = match (kind, contest.roles.before) {
            (Kind::Hit | Kind::Gained, _) => (contest.hits(contest.roles.now, &item), None),
            (Kind::Lost, Before::Topic(position)) => (contest.hits(position, &item), contest.why_not(&item)),
            (Kind::Lost, _) => (Vec::new(), contest.why_not(&item)),
        };
        samples.push(Sample { id, first_seen_at, feed, item, hits, why });
    }
    Ok(samples)
}

/// What the hits were compared with, in words.
fn compared(roles: Roles, before: Option<&TopicDef>) -> Option<Compared> {
    match (roles.before, before) {
        (Before::Stored, _) => Some(Compared::Stored),
        (Before::Topic(_), Some(before)) => Some(Compared::Topic(before.topic.name.to_string())),
        _ => None,
    }
}
