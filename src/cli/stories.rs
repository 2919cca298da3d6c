//! `wirewatch stories group`
//!
//! Data in: items as JSON lines. Data out: the story of each as JSON lines, in the order of the input.
//!
//! **Invariant:** the items are replayed in the order of their dates through the code that groups them at ingest;
//! their order in the input changes nothing but which of two items of one instant comes first.

use std::{
    collections::HashMap,
    io::{self, BufRead, Write},
    process::ExitCode,
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::{Value, value::RawValue};

use super::{
    Outcome, StoriesCommand, output,
    topics::{BYTE_ORDER_MARK, ItemLine},
};
use crate::{
    feed,
    model::{Item, Outlets, StoryId, Tier, Timestamp},
    story::{Assignment, Fingerprint, News, Stories, Why},
};

/// What a line may have beside what [`ItemLine`] reads.
#[derive(Debug, Default, Deserialize)]
struct More {
    #[serde(default, alias = "published_at", alias = "published")]
    date: Option<Value>,
    #[serde(default)]
    outlet: Option<String>,
}

/// An item of the input.
struct Line {
    number: usize,
    id: Option<Box<RawValue>>,
    item: Item,
    at: Option<Timestamp>,
}

/// One line of the answer. Fields are only ever added.
#[derive(Debug, Serialize)]
struct StoryLine<'a> {
    id: Value,
    story: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    news: Option<&'a [String]>,
}

/// What is told of an item.
#[derive(Default)]
struct Told {
    story: String,
    why: String,
    news: Vec<String>,
}

pub(super) fn stories(command: &StoriesCommand) -> Outcome {
    let StoriesCommand::Group { explain } = command;
    let (lines, bad) = read(io::stdin().lock())?;
    let told = group(&lines);
    let mut out = io::BufWriter::new(io::stdout());
    for (line, told) in lines.iter().zip(&told) {
        let id = line.id.as_ref().and_then(|id| serde_json::from_str(id.get()).ok());
        let answer = StoryLine {
            id: id.unwrap_or_else(|| Value::from(line.name())),
            story: &told.story,
            why: explain.then_some(told.why.as_str()),
            news: explain.then_some(told.news.as_slice()),
        };
        output::json_line(&mut out, &answer)?;
    }
    out.flush()?;
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The items, and how many lines were at fault; those are told on standard error.
fn read(mut input: impl BufRead) -> anyhow::Result<(Vec<Line>, usize)> {
    let (mut lines, mut bad) = (Vec::new(), 0);
    let mut buffer = Vec::new();
    for number in 1_usize.. {
        buffer.clear();
        if input.read_until(b'\n', &mut buffer).context("cannot read standard input")? == 0 {
            break;
        }
        if buffer.trim_ascii().is_empty() {
            continue;
        }
        match parse(number, &buffer) {
            Ok((line, fault)) => {
                if let Some(fault) = fault {
                    bad += 1;
                    output::tell!("wirewatch: standard input, line {number}: {fault}");
                }
                lines.push(line);
            }
            Err(error) => {
                bad += 1;
                output::tell!(
                    "wirewatch: standard input, line {number}: not an item as a JSON object: {error:#}; mend or \
                     remove the line"
                );
            }
        }
    }
    Ok((lines, bad))
}

/// The item of a line, and what is wrong with it though it can be grouped.
fn parse(number: usize, text: &[u8]) -> anyhow::Result<(Line, Option<String>)> {
    let mut item = ItemLine::parse(text)?;
    let more: More = serde_json::from_slice(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))?;
    let id = item.id.take();
    let mut item = item.into_item();
    if item.title.is_empty() && item.summary.is_empty() && item.content.is_empty() && item.link.is_none() {
        anyhow::bail!("it has neither title, summary nor link");
    }
    item.feed = more.outlet.map(Into::into).or(item.feed);
    let date = match more.date {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text,
        Some(other) => other.to_string(),
    };
    let at = feed::parse_date(&date);
    let fault = (at.is_none() && !date.trim().is_empty()).then(|| {
        format!(
            "the date {date:?} cannot be read, so the item is taken to be as old as the one before it; write it as \
             2026-05-03T14:05:00Z"
        )
    });
    item.published_at = at;
    Ok((Line { number, id, item, at }, fault))
}

/// The story of each line, in order.
fn group(lines: &[Line]) -> Vec<Told> {
    let mut order: Vec<(Timestamp, usize)> = instants(lines).into_iter().zip(0..).collect();
    order.sort_unstable();
    let outlets = Outlets::known();
    let mut stories = Stories::default();
    let mut names = Names::default();
    let mut told: Vec<Told> = lines.iter().map(|_| Told::default()).collect();
    for (at, place) in order {
        let (Some(line), Some(told)) = (lines.get(place), told.get_mut(place)) else { continue };
        let key = feed::story_keys([&line.item]).into_iter().next().flatten();
        let item = Fingerprint::of(&line.item, key, at, outlets);
        let id = StoryId(i64::try_from(place).unwrap_or(i64::MAX));
        let assignment = stories.add(item, id, at);
        let story = match &assignment {
            Assignment::New { .. } => names.give(id, line),
            Assignment::Joins { story, .. } => names.of(*story),
        };
        *told = Told { story, ..explained(&assignment, &names) };
    }
    told
}

/// When each item is taken to be published: one without a date as the last before it that has one, at the start of the
/// input as the first.
fn instants(lines: &[Line]) -> Vec<Timestamp> {
    let mut last = lines.iter().find_map(|line| line.at).unwrap_or(Timestamp::UNIX_EPOCH);
    let instants = lines.iter().map(|line| {
        last = line.at.unwrap_or(last);
        last
    });
    instants.collect()
}

/// Stories are named after the item that begins them.
#[derive(Default)]
struct Names {
    given: HashMap<StoryId, String>,
    taken: HashMap<String, usize>,
}

impl Names {
    fn give(&mut self, id: StoryId, line: &Line) -> String {
        let mut name = line.name();
        let times = self.taken.entry(name.clone()).or_default();
        *times += 1;
        if *times > 1 {
            // Two items of one id: the second story must not look like the first.
            name = format!("{name}@line-{}", line.number);
        }
        self.given.insert(id, name.clone());
        name
    }

    fn of(&self, id: StoryId) -> String {
        self.given.get(&id).cloned().unwrap_or_default()
    }
}

impl Line {
    /// The id as text; its place where it has none.
    fn name(&self) -> String {
        let id = self.id.as_ref().and_then(|id| serde_json::from_str::<Value>(id.get()).ok());
        match id {
            None | Some(Value::Null) => format!("line-{}", self.number),
            Some(Value::String(text)) => text,
            Some(other) => other.to_string(),
        }
    }
}

fn explained(assignment: &Assignment, names: &Names) -> Told {
    match assignment {
        Assignment::New { nearest: None } => {
            Told { why: "new: nothing like it is open".to_owned(), ..Told::default() }
        }
        Assignment::New { nearest: Some((story, likeness)) } => {
            Told { why: format!("new: nearest is {}, {likeness}", names.of(*story)), ..Told::default() }
        }
        Assignment::Joins { why, news, .. } => {
            let why = match why {
                Why::SameLink => "same link".to_owned(),
                Why::SameText => "same text".to_owned(),
                Why::Alike(likeness) => likeness.to_string(),
            };
            Told { why, news: news.iter().map(words).collect(), ..Told::default() }
        }
    }
}

fn words(news: &News) -> String {
    match news {
        News::Corroborated { sources } => format!("{sources} sources"),
        News::BetterSource { tier: Tier::First } => "a first-tier source".to_owned(),
        News::BetterSource { .. } => "a known newsroom".to_owned(),
        News::HeadlineChanged => "a changed headline".to_owned(),
    }
}
