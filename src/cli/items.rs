//! `wirewatch items export`

use std::{
    io::{self, Write},
    process::ExitCode,
};

use serde::Serialize;

use super::{ExportFormat, ItemsCommand, Outcome, output};
use crate::model::{ExportedItem, TopicName};

/// Items read from the store at once.
const PAGE: usize = 500;

/// One line of the export. Fields are only ever added.
#[derive(Debug, Serialize)]
struct Line {
    id: i64,
    feed_url: String,
    guid: Option<String>,
    link: Option<String>,
    title: String,
    summary: String,
    content: String,
    author: Option<String>,
    lang: Option<String>,
    published_at: Option<String>,
    first_seen_at: Option<String>,
    topics: Vec<String>,
}

pub(super) async fn items(command: &ItemsCommand) -> Outcome {
    let ItemsCommand::Export { config, format: ExportFormat::Jsonl } = command;
    let (_, store) = config.open()?;
    let mut out = io::BufWriter::new(io::stdout());
    let mut after = None;
    loop {
        let page = store.items_after(after, PAGE).await?;
        let Some(last) = page.last().map(|item| item.id) else { break };
        after = Some(last);
        for item in page {
            output::json_line(&mut out, &line(item))?;
        }
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn line(item: ExportedItem) -> Line {
    Line {
        id: item.id.0,
        feed_url: item.feed_url,
        guid: item.guid,
        link: item.link,
        title: item.title,
        summary: item.summary,
        content: item.content,
        author: item.author,
        lang: item.lang,
        published_at: output::instant(item.published_at),
        first_seen_at: output::instant(Some(item.first_seen_at)),
        topics: item.topics.iter().map(TopicName::to_string).collect(),
    }
}
