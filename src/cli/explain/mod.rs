//! `wirewatch explain`
//!
//! Data in: items from the store, a file or standard input, and topics. Data out: for each item and topic whether it
//! matches; for a miss first what stood in the way, then the clauses one by one.

mod because;
mod json;
mod tree;

use std::{
    fs,
    io::{self, Read},
    path::Path,
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use serde_json::value::RawValue;

pub(super) use because::{hits_under, one_line};
pub(super) use json::Hit;

use super::{
    ConfigArg, Failure, Outcome,
    mark::Marks,
    output::{self, say},
    rules::Rules,
    topics::{self, ItemLine},
};
use crate::{
    matching::{self, CompiledTopics, Explanation},
    model::{Item, TopicName},
};

/// Longest file read.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// Characters shown of an item's text.
const SHOWN_TEXT: usize = 300;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// A stored item's number or link; a file with one item as JSON, or with one a line; or `-` for standard input
    #[arg(value_name = "ITEM")]
    item: String,
    /// Only this topic
    #[arg(long, value_name = "NAME", conflicts_with = "query")]
    topic: Option<String>,
    /// This query instead of topics
    #[arg(long, value_name = "QUERY")]
    query: Option<String>,
    /// Print JSON for machines, an object for each item
    #[arg(long)]
    json: bool,
}

/// An item to explain.
struct Subject {
    id: Option<Box<RawValue>>,
    item: Item,
}

pub(super) async fn explain(args: &ExplainArgs) -> Outcome {
    let rules = Rules::read(&args.config)?;
    let definitions = match (&args.query, &args.topic) {
        (Some(query), _) => vec![rules.typed("--query", query)?],
        (None, Some(name)) => vec![rules.find(name)?.clone()],
        (None, None) => rules.definitions,
    };
    let compiled = topics::compile(&definitions)?;
    let (subjects, bad) = read(args).await?;
    let one_topic = args.query.is_some() || args.topic.is_some();
    let names: Vec<TopicName> = compiled.topics().iter().map(|topic| topic.name.clone()).collect();
    let marks = Marks::of_stdout();
    for (at, subject) in subjects.into_iter().enumerate() {
        let explanations = explained(&compiled, &names, &subject.item);
        if args.json {
            let answer = json::answer(subject, &explanations);
            output::json_line(&mut io::stdout().lock(), &answer)?;
            continue;
        }
        if at > 0 {
            say!();
        }
        head(&subject, marks);
        for explanation in &explanations {
            print(explanation, &subject.item, one_topic, marks);
        }
    }
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Matches first, then misses; by name otherwise.
fn explained(compiled: &CompiledTopics, names: &[TopicName], item: &Item) -> Vec<Explanation> {
    let mut found: Vec<Explanation> =
        names.iter().filter_map(|name| matching::explain(compiled, name, item)).collect();
    found.sort_by_key(|explanation| !explanation.matched);
    found
}

/// The items that were asked for, and how many lines are none.
async fn read(args: &ExplainArgs) -> Result<(Vec<Subject>, usize), Failure> {
    let mut text = Vec::new();
    if args.item == "-" {
        let stdin = io::stdin().lock();
        stdin.take(MAX_FILE_BYTES + 1).read_to_end(&mut text).context("cannot read standard input")?;
    } else if Path::new(&args.item).is_file() {
        let cannot = || format!("cannot read {}", args.item);
        let file = fs::File::open(&args.item).with_context(cannot)?;
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text).with_context(cannot)?;
    } else {
        return Ok((vec![stored(args).await?], 0));
    }
    let name = if args.item == "-" { "standard input" } else { &args.item };
    if text.len() as u64 > MAX_FILE_BYTES {
        return Err(anyhow::anyhow!("{name} is larger than {} MiB", MAX_FILE_BYTES >> 20).into());
    }
    let (subjects, bad) = match subject(&text) {
        Ok(one) => (vec![one], Vec::new()),
        Err(error) => match lines(&text) {
            (subjects, bad) if !subjects.is_empty() => (subjects, bad),
            _ => return Err(error.context(format!("{name}: not an item as a JSON object")).into()),
        },
    };
    for (line, error) in &bad {
        output::tell!("wirewatch: {name}, line {line}: not an item as a JSON object: {error:#}");
    }
    Ok((subjects, bad.len()))
}

fn subject(text: &[u8]) -> anyhow::Result<Subject> {
    let mut line = ItemLine::parse(text)?;
    Ok(Subject { id: line.id.take(), item: line.into_item() })
}

/// One item a line, and the lines that are none with their numbers.
fn lines(text: &[u8]) -> (Vec<Subject>, Vec<(usize, anyhow::Error)>) {
    let (mut subjects, mut bad) = (Vec::new(), Vec::new());
    for (number, line) in (1..).zip(text.split(|byte| *byte == b'\n')) {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match subject(line) {
            Ok(subject) => subjects.push(subject),
            Err(error) => bad.push((number, error)),
        }
    }
    (subjects, bad)
}

async fn stored(args: &ExplainArgs) -> Result<Subject, Failure> {
    let (_, store) = args.config.open()?;
    match store.find_item(args.item.clone()).await? {
        Some(found) => {
            let id = RawValue::from_string(found.id.0.to_string()).ok();
            Ok(Subject { id, item: found.into_item() })
        }
        None => {
            let what = &args.item;
            Err(anyhow::anyhow!("no stored item has the number or link `{what}`, and there is no such file")
                .into())
        }
    }
}

fn head(subject: &Subject, marks: Marks) {
    let Subject { id, item } = subject;
    let id = id.as_ref().map(|id| format!("{}  ", id.get())).unwrap_or_default();
    say!("{id}{}", marks.strong(if item.title.is_empty() { "(no title)" } else { &item.title }));
    if !item.summary.is_empty() {
        say!("{}", marks.excerpt(&item.summary, &[], SHOWN_TEXT / 2));
    }
}

fn print(explanation: &Explanation, item: &Item, one_topic: bool, marks: Marks) {
    let name = match explanation.topic.title.as_str() {
        title if title == explanation.topic.name.as_str() => title.to_owned(),
        title => format!("{} ({title})", explanation.topic.name),
    };
    if explanation.matched {
        say!("\n{name}: {}", marks.strong("MATCHES"));
    } else if !one_topic && because::hits_under(&explanation.root).is_empty() {
        return say!("\n{name}: does not match, none of its words occurs");
    } else {
        say!("\n{name}: {}, because", marks.strong("does not match"));
        for because in because::because(explanation, item, marks) {
            say!("  - {}", because.what);
            because.shown.iter().for_each(|line| say!("      {line}"));
        }
        say!("  clause by clause:");
    }
    let mut lines = Vec::new();
    let depth = if explanation.matched { 1 } else { 2 };
    tree::lines(&explanation.root, depth, item, marks, &mut lines);
    lines.iter().for_each(|line| say!("{line}"));
}
