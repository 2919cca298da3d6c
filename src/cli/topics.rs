//! `wirewatch topics list | show | match`

use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
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
            show(&def.expr, 0);
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

/// Prints an expression as an indented list.
fn show(expr: &Expr, depth: usize) {
    let indent = depth * 2;
    let heading = match expr {
        Expr::And(_) => "all of".to_owned(),
        Expr::Or(_) => "any of".to_owned(),
        Expr::Not(_) => "none of".to_owned(),
        Expr::Named { name, .. } => format!("@{name}, any of"),
        Expr::Near(near) => near.proximity.to_string(),
        Expr::AtLeast { count, .. } => format!("ATLEAST/{count}"),
        Expr::Score { threshold, .. } => format!("SCORE/{threshold}"),
        Expr::Scope { scope, .. } => format!("{}:", scope.as_str()),
        Expr::Term(_) | Expr::Regex(_) => return say!("{:indent$}{expr}", ""),
    };
    say!("{:indent$}{heading}", "");
    let mut parts = expr.children();
    // Alternatives under a list or a NOT are its own parts.
    if let (Expr::Not(_) | Expr::Named { .. }, [Expr::Or(inner)]) = (expr, parts.as_slice()) {
        parts = inner.iter().collect();
    }
    let (terms, groups): (Vec<&Expr>, Vec<&Expr>) =
        parts.into_iter().partition(|part| matches!(part, Expr::Term(_) | Expr::Regex(_)));
    let mut line = String::new();
    for term in terms.iter().map(ToString::to_string) {
        if !line.is_empty() && indent + line.chars().count() + term.chars().count() > WIDTH {
            say!("{:indent$}  {}", "", line.trim_end());
            line.clear();
        }
        line += &term;
        line += "  ";
    }
    if !line.is_empty() {
        say!("{:indent$}  {}", "", line.trim_end());
    }
    groups.into_iter().for_each(|group| show(group, depth + 1));
}
