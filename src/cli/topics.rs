//! `wirewatch topics list | show | match`

use std::{
    io::{self, BufRead, Write},
    process::ExitCode,
};

use anyhow::Context;
use serde::{Deserialize, Serialize};

use super::{ConfigArg, Failure, Outcome, TopicsCommand, output};
use crate::{
    config,
    matching::{self, CompiledTopics},
    model::Item,
    query::TopicDef,
    text,
};

/// Longest text of an item read from a line.
const MAX_TEXT_CHARS: usize = 64_000;

/// An item as `topics match` and `explain` read it.
#[derive(Debug, Deserialize)]
pub(super) struct ItemLine {
    #[serde(default)]
    id: serde_json::Value,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    summary: Option<String>,
    #[serde(default)]
    link: Option<String>,
    #[serde(default)]
    lang: Option<String>,
}

impl ItemLine {
    /// The item in the form feeds give it: visible text only.
    pub(super) fn into_item(self) -> Item {
        let visible = |html: Option<String>| text::visible_text(&html.unwrap_or_default(), MAX_TEXT_CHARS);
        Item {
            title: visible(self.title),
            summary: visible(self.summary),
            link: self.link.and_then(|link| link.parse().ok()),
            lang: self.lang,
            ..Item::default()
        }
    }
}

#[derive(Debug, Serialize)]
struct MatchLine {
    id: serde_json::Value,
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
            let defs = definitions(config)?;
            let def = defs
                .iter()
                .find(|def| def.topic.name.as_str() == name)
                .with_context(|| format!("there is no topic `{name}`; see `wirewatch topics list`"))?;
            println!("{} ({}), revision {:016x}", def.topic.name, def.topic.title, def.topic.revision);
            println!("{}", def.expr.canonical());
        }
        TopicsCommand::Match { config } => match_lines(&compile(&definitions(config)?)?)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The topics of the configuration; without any configuration, the built-in ones.
pub(super) fn definitions(arg: &ConfigArg) -> Result<Vec<TopicDef>, Failure> {
    if arg.config.is_none() && !config::default_path().exists() {
        return config::builtin_topics().map_err(|error| Failure::Config(error.to_string()));
    }
    Ok(arg.load()?.definitions)
}

pub(super) fn compile(defs: &[TopicDef]) -> Result<CompiledTopics, Failure> {
    CompiledTopics::compile(defs).map_err(|error| Failure::Config(error.to_string()))
}

fn match_lines(topics: &CompiledTopics) -> anyhow::Result<()> {
    let mut out = io::BufWriter::new(io::stdout());
    for (number, line) in (1_usize..).zip(io::stdin().lock().lines()) {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let mut read: ItemLine = serde_json::from_str(&line)
            .with_context(|| format!("standard input, line {number}: not an item as JSON"))?;
        let id = std::mem::take(&mut read.id);
        let found = matching::matches(topics, &read.into_item());
        let topics = found.iter().map(|found| found.topic.to_string()).collect();
        output::json_line(&mut out, &MatchLine { id, topics })?;
    }
    out.flush()?;
    Ok(())
}
