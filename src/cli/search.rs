//! `wirewatch search`

use std::{
    io::{self, IsTerminal},
    ops::Range,
    process::ExitCode,
};

use jiff::tz::TimeZone;
use serde::Serialize;

use super::{
    Failure, Outcome, SearchArgs, SortArg,
    output::{self, say},
    rules::Rules,
};
use crate::{
    clock::Clock,
    config::{self, Config},
    model::{ClauseHit, Field, time},
    query::TopicDef,
    render::{self, Segment},
    search::{self, Answer, Error, Extent, Found, MAX_RANKED, Order, Request},
};

/// So many items outside the index are worth a word: reading them takes about a second.
const MANY_UNINDEXED: usize = 20_000;

#[derive(Debug, Serialize)]
struct Results {
    matched: usize,
    more: bool,
    items: Vec<ResultRow>,
}

#[derive(Debug, Serialize)]
struct ResultRow {
    id: i64,
    feed: String,
    title: String,
    snippet: String,
    link: Option<String>,
    lang: Option<String>,
    published_at: Option<String>,
    first_seen_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<f64>,
    hits: Vec<HitRow>,
}

/// Offsets are bytes in that field's text.
#[derive(Debug, Serialize)]
struct HitRow {
    clause: String,
    field: &'static str,
    start: usize,
    end: usize,
}

pub(super) async fn search(args: &SearchArgs) -> Outcome {
    let (config, store) = args.config.open()?;
    let topic = topic(args, &config)?;
    for warning in &topic.warnings {
        let help = warning.help.as_deref().map(|help| format!("; {help}")).unwrap_or_default();
        output::tell!("warning: {}{help}", warning.message);
    }
    let now = Clock::system().now();
    let since = args.since.as_deref().map(config::parse_duration).transpose();
    let since = since.map_err(|error| Failure::Usage(format!("wirewatch: --since: {error}")))?;
    let order = match args.sort {
        SortArg::Newest => Order::Newest,
        SortArg::Relevance => Order::Relevance,
    };
    let limit = usize::from(args.limit);
    let request = Request { since: since.map(|back| time::before(now, back)), order, limit, now };
    let answer = search::search(&store, &topic, &request).await.map_err(|error| match error {
        Error::Topic(error) if args.query.is_some() => Failure::Usage(format!("wirewatch: {error}")),
        other => other.into(),
    })?;
    if answer.unindexed >= MANY_UNINDEXED {
        output::tell!(
            "note: {} items were read one by one; the running service makes the index that spares this",
            answer.unindexed
        );
    }
    if args.json {
        let more = answer.extent != Extent::Whole || answer.matched > answer.found.len();
        let items = answer.found.iter().map(|found| row(found, order)).collect();
        output::json(&Results { matched: answer.matched, more, items })?;
    } else {
        print(&answer, order);
    }
    Ok(ExitCode::SUCCESS)
}

/// The topic to search with: one in force, or the query with the lists of the configuration.
fn topic(args: &SearchArgs, config: &Config) -> Result<TopicDef, Failure> {
    let rules = Rules::of(config);
    match (&args.query, &args.topic) {
        (Some(text), _) => rules.typed("QUERY", text),
        (None, name) => Ok(rules.find(name.as_deref().unwrap_or_default())?.clone()),
    }
}

fn print(answer: &Answer, order: Order) {
    let bold = io::stdout().is_terminal();
    let zone = TimeZone::system();
    for found in &answer.found {
        let stored = &found.stored;
        let at = stored.item.published_at.unwrap_or(stored.first_seen_at).to_zoned_datetime(zone.clone());
        let source = plain(&render::headline(&stored.source, &[]));
        say!("{}  {source}  (item {})", at.strftime("%Y-%m-%d %H:%M %Z"), stored.id.0);
        let title = marked(&render::headline(&stored.item.title, &spans(found, Field::Title)), bold);
        for line in [title, marked(&snippet(found), bold)].iter().filter(|line| !line.is_empty()) {
            say!("  {line}");
        }
        if let Some(link) = &stored.item.link {
            say!("  {link}");
        }
        say!();
    }
    say!("{}", told(answer, order));
}

/// How many matched, and whether there are more.
fn told(answer: &Answer, order: Order) -> String {
    let shown = answer.found.len();
    let by = match order {
        Order::Newest => "the newest",
        Order::Relevance => "the most relevant",
    };
    match answer.extent {
        Extent::More => {
            format!("{} shown, {by}; there are more: see --limit and --since", count(shown))
        }
        Extent::Ranked => {
            format!("{} shown, {by} of the {MAX_RANKED} newest; there are more: see --since", count(shown))
        }
        Extent::Whole if answer.matched == 0 => "nothing stored matches".to_owned(),
        Extent::Whole if answer.matched == shown => count(shown),
        Extent::Whole => {
            format!("{}, {by} {shown} shown: see --limit", count(answer.matched))
        }
    }
}

fn count(matches: usize) -> String {
    if matches == 1 { "1 match".to_owned() } else { format!("{matches} matches") }
}

fn row(found: &Found, order: Order) -> ResultRow {
    let stored = &found.stored;
    let hit = |hit: &ClauseHit| HitRow {
        clause: hit.clause.to_string(),
        field: hit.field.as_str(),
        start: hit.span.start,
        end: hit.span.end,
    };
    ResultRow {
        id: stored.id.0,
        feed: stored.source.clone(),
        title: stored.item.title.clone(),
        snippet: plain(&snippet(found)),
        link: stored.item.link.as_ref().map(ToString::to_string),
        lang: stored.item.lang.clone(),
        published_at: output::instant(stored.item.published_at),
        first_seen_at: output::instant(Some(stored.first_seen_at)),
        score: (order == Order::Relevance).then_some((found.score * 100.0).round() / 100.0),
        hits: found.hits.iter().map(hit).collect(),
    }
}

/// A sentence of the text with a hit; the first one where only the headline, or something else, has one.
fn snippet(found: &Found) -> Vec<Segment> {
    let item = &found.stored.item;
    let of = |field| spans(found, field);
    match of(Field::Content).is_empty() || !of(Field::Summary).is_empty() {
        true => render::snippet(&item.summary, &of(Field::Summary)),
        false => render::snippet(&item.content, &of(Field::Content)),
    }
}

fn spans(found: &Found, field: Field) -> Vec<Range<usize>> {
    found.hits.iter().filter(|hit| hit.field == field).map(|hit| hit.span.clone()).collect()
}

fn plain(segments: &[Segment]) -> String {
    segments.iter().map(|segment| segment.text.as_str()).collect()
}

fn marked(segments: &[Segment], bold: bool) -> String {
    let (on, off) = if bold { ("\u{1b}[1m", "\u{1b}[0m") } else { ("»", "«") };
    let shown = |segment: &Segment| match segment.hit {
        true => format!("{on}{}{off}", segment.text),
        false => segment.text.clone(),
    };
    segments.iter().map(shown).collect()
}
