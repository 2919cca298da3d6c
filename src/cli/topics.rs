//! `wirewatch topics list | show | match`

use std::{
    collections::HashSet,
    io::{self, BufRead, Write},
    process::ExitCode,
    sync::Arc,
};

use anyhow::Context;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    ConfigArg, Failure, Outcome, TopicsCommand, labels,
    output::{self, say},
    rules::Rules,
};
use crate::{
    matching::{self, CompiledTopics},
    model::Item,
    query::{TopicDef, ast::Expr},
    text,
};

/// Longest text of an item read from a line.
const MAX_TEXT_CHARS: usize = 64_000;
/// Longest line of terms that `topics show` prints.
const WIDTH: usize = 100;
/// Some editors begin a file with it.
pub(super) const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An item as `topics match` and `explain` read it.
#[derive(Debug, Deserialize)]
pub(super) struct ItemLine {
    /// Given back as it came, to the letter.
    #[serde(default)]
    pub(super) id: Option<Box<RawValue>>,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    content: Option<String>,
    /// The summary where there is none, otherwise the content.
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    lang: Option<String>,
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    tags: Option<Vec<String>>,
    #[serde(default)]
    feed: Option<String>,
}

impl ItemLine {
    /// Reads a JSON object.
    pub(super) fn parse(text: &[u8]) -> anyhow::Result<Self> {
        let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
        let text = std::str::from_utf8(text).context("it is not UTF-8 text")?;
        if !text.trim_start().starts_with('{') {
            anyhow::bail!("write one such as {{\"id\": 1, \"title\": \"…\", \"summary\": \"…\"}}");
        }
        Ok(serde_json::from_str(text)?)
    }

    /// The item in the form feeds give it: visible text only.
    pub(super) fn into_item(self) -> Item {
        let visible = |html: Option<String>| text::visible_text(&html.unwrap_or_default(), MAX_TEXT_CHARS);
        let (summary, content) = match (self.summary, self.content) {
            (None, content) => (self.text, content),
            (summary, content) => (summary, content.or(self.text)),
        };
        Item {
            title: visible(self.title),
            summary: visible(summary),
            content: visible(content),
            link: self.link.and_then(|link| link.parse().ok()),
            lang: self.lang,
            author: self.author,
            tags: self.tags.unwrap_or_default(),
            feed: self.feed.map(Into::into),
            ..Item::default()
        }
    }
}

#[derive(Debug, Serialize)]
struct MatchLine {
    id: Option<Box<RawValue>>,
    topics: Vec<String>,
}

#[derive(Debug, Serialize)]
struct TopicRow {
    name: String,
    title: String,
    revision: String,
}

pub(super) fn topics(command: &TopicsCommand) -> Outcome {
    match command {
        TopicsCommand::List(args) => {
            let defs = definitions(&args.config)?;
            let rows = defs.iter().map(|def| TopicRow {
                name: def.topic.name.to_string(),
                title: def.topic.title.clone(),
                revision: format!("{:016x}", def.topic.revision),
            });
            if args.json {
                output::json(&rows.collect::<Vec<_>>())?;
            } else {
                let rows = rows.map(|row| vec![row.name, row.title, row.revision]).collect();
                output::table(&["name", "title", "revision"], rows)?;
            }
        }
        TopicsCommand::Show { config, name } => {
            let rules = Rules::read(config)?;
            let def = rules.find(name)?;
            say!("{} ({}), revision {:016x}", def.topic.name, def.topic.title, def.topic.revision);
            show(&def.expr);
        }
        TopicsCommand::Test(args) => return labels::test(args),
        TopicsCommand::Match { config } => return Ok(match_lines(&compile(&definitions(config)?)?)?),
    }
    Ok(ExitCode::SUCCESS)
}

fn definitions(arg: &ConfigArg) -> Result<Vec<TopicDef>, Failure> {
    Ok(Rules::read(arg)?.definitions)
}

pub(super) fn compile(defs: &[TopicDef]) -> Result<CompiledTopics, Failure> {
    CompiledTopics::compile(defs).map_err(|error| Failure::Config(error.to_string()))
}

/// Answers every line that is an item; one that is none is told on standard error, and the rest goes on.
fn match_lines(topics: &CompiledTopics) -> anyhow::Result<ExitCode> {
    let mut input = io::stdin().lock();
    let mut out = io::BufWriter::new(io::stdout());
    let mut line = Vec::new();
    let mut bad = 0_usize;
    for number in 1_usize.. {
        line.clear();
        if input.read_until(b'\n', &mut line).context("cannot read standard input")? == 0 {
            break;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match ItemLine::parse(&line) {
            Ok(mut item) => {
                let id = item.id.take();
                let found = matching::matches(topics, &item.into_item());
                let topics = found.iter().map(|found| found.topic.to_string()).collect();
                output::json_line(&mut out, &MatchLine { id, topics })?;
            }
            Err(error) => {
                bad += 1;
                output::tell!(
                    "wirewatch: standard input, line {number}: not an item as a JSON object: {error:#}"
                );
            }
        }
    }
    out.flush()?;
    Ok(if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Prints the rules of a topic, then every list they use, once.
fn show(expr: &Expr) {
    rules(expr, 0);
    let mut seen = HashSet::new();
    let mut open = vec![expr];
    while let Some(next) = open.pop() {
        if let Expr::Named { name, expr } = next {
            if !seen.insert(Arc::clone(name)) {
                continue;
            }
            say!("\n@{name}");
            alternatives(&[expr.as_ref()], 1);
        }
        open.extend(next.children().into_iter().rev());
    }
}

/// Prints an expression: on one line if it fits, else part by part.
fn rules(expr: &Expr, depth: usize) {
    let indent = depth * 2;
    let whole = expr.to_string();
    let heading = match expr {
        _ if indent + whole.chars().count() <= WIDTH => whole.clone(),
        Expr::And(_) => "all of".to_owned(),
        Expr::Or(_) => "any of".to_owned(),
        Expr::Not(_) => "none of".to_owned(),
        Expr::Near(near) => near.proximity.to_string(),
        Expr::AtLeast { count, .. } => format!("ATLEAST/{count}"),
        Expr::Score { threshold, .. } => format!("SCORE/{threshold}"),
        Expr::Scope { scope, .. } => format!("{}:", scope.as_str()),
        Expr::Named { .. } | Expr::Term(_) | Expr::Regex(_) => whole.clone(),
    };
    say!("{:indent$}{heading}", "");
    if heading == whole {
        return;
    }
    match expr {
        Expr::Or(_) | Expr::Not(_) => alternatives(&expr.children(), depth + 1),
        Expr::Score { clauses, .. } if clauses.iter().all(|clause| clause.weight == 1) => {
            alternatives(&expr.children(), depth + 1);
        }
        Expr::Score { clauses, .. } => {
            for clause in clauses {
                rules(&clause.expr, depth + 1);
                say!("{:indent$}    ^{}", "", clause.weight);
            }
        }
        _ => expr.children().into_iter().for_each(|part| rules(part, depth + 1)),
    }
}

/// Prints alternatives: words and lists side by side, larger parts below them.
fn alternatives(parts: &[&Expr], depth: usize) {
    let indent = depth * 2;
    let mut words = Vec::new();
    let mut groups = Vec::new();
    let mut open: Vec<&Expr> = parts.iter().rev().copied().collect();
    while let Some(part) = open.pop() {
        match part {
            Expr::Or(inner) => open.extend(inner.iter().rev()),
            Expr::Term(_) | Expr::Regex(_) | Expr::Named { .. } => words.push(part.to_string()),
            _ => groups.push(part),
        }
    }
    let mut line = String::new();
    for word in words {
        if !line.is_empty() && indent + line.chars().count() + word.chars().count() > WIDTH {
            say!("{:indent$}{}", "", line.trim_end());
            line.clear();
        }
        line += &word;
        line += "  ";
    }
    if !line.is_empty() {
        say!("{:indent$}{}", "", line.trim_end());
    }
    groups.into_iter().for_each(|group| rules(group, depth));
}
