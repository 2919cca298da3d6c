//! `wirewatch feeds discover`

use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use url::Url;

use super::{
    address,
    find::{self, Candidate, Found, GUESSES, Guess},
    visit::{Tools, Visitor},
    words,
};
use crate::cli::{
    ConfigArg, Outcome,
    output::{self, say},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct DiscoverArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Address of a page or site; https:// may be left out
    #[arg(value_name = "URL")]
    url: String,
    /// Also try places where feeds often are, such as /feed and /rss.xml (five requests)
    #[arg(long)]
    guess: bool,
    /// Print JSON for machines
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Serialize)]
struct DiscoverJson<'a> {
    url: &'a Url,
    final_url: &'a Url,
    /// Offered feeds that were not checked.
    unchecked: usize,
    feeds: Vec<FeedJson<'a>>,
}

#[derive(Debug, Serialize)]
struct FeedJson<'a> {
    url: &'a Url,
    how: &'static str,
    kind: Option<String>,
    title: Option<&'a str>,
    items: Option<usize>,
    newest_at: Option<String>,
    error: Option<&'a str>,
    error_kind: Option<&'static str>,
}

pub(super) async fn discover(args: &DiscoverArgs) -> Outcome {
    let typed = address::typed(&args.url)?;
    let tools = Tools::read(&args.config)?;
    let guess = if args.guess { Guess::All } else { Guess::Never };
    let found = find::behind(&mut Visitor::new(&tools)?, &typed, guess).await;
    let good = found.candidates.iter().filter(|candidate| candidate.reading().is_some()).count();
    if args.json {
        let itself = found.candidates.first().map(|candidate| &candidate.visit);
        let page = found.page.as_ref().or(itself);
        output::json(&DiscoverJson {
            url: page.map_or(&typed.url, |visit| &visit.url),
            final_url: page.map_or(&typed.url, |visit| &visit.final_url),
            unchecked: found.unvisited,
            feeds: found.candidates.iter().map(feed_json).collect(),
        })?;
    } else if !found.candidates.is_empty() {
        output::table(&HEADINGS, found.candidates.iter().map(row).collect())?;
        if found.unvisited > 0 {
            say!("and {} more that were not checked", found.unvisited);
        }
    }
    if good == 0 {
        output::tell!("wirewatch: {}", nothing(&found, guess));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// Of [`row`].
pub(super) const HEADINGS: [&str; 6] = ["kind", "items", "newest", "found", "title", "url"];

/// A candidate in a table.
pub(super) fn row(candidate: &Candidate) -> Vec<String> {
    let how = candidate.how.as_str().to_owned();
    let url = candidate.address().to_string();
    let reading = match &candidate.visit.read {
        Ok(reading) => reading,
        Err(trouble) => {
            let problem = format!("cannot be read: {}", words::cut(&trouble.message, 120));
            return vec!["–".to_owned(), "–".to_owned(), "–".to_owned(), how, problem, url];
        }
    };
    let newest = reading.feed.items.iter().filter_map(|item| item.published_at).max();
    vec![
        reading.kind.to_string(),
        reading.feed.items.len().to_string(),
        words::date(newest),
        how,
        words::cut(reading.feed.title.as_deref().unwrap_or("–"), 60),
        url,
    ]
}

fn feed_json(candidate: &Candidate) -> FeedJson<'_> {
    let reading = candidate.reading();
    let trouble = candidate.visit.read.as_ref().err();
    let newest =
        reading.and_then(|reading| reading.feed.items.iter().filter_map(|item| item.published_at).max());
    FeedJson {
        url: candidate.address(),
        how: candidate.how.as_str(),
        kind: reading.map(|reading| reading.kind.to_string()),
        title: reading.and_then(|reading| reading.feed.title.as_deref()),
        items: reading.map(|reading| reading.feed.items.len()),
        newest_at: output::instant(newest),
        error: trouble.map(|trouble| trouble.message.as_str()),
        error_kind: trouble.map(|trouble| trouble.kind.as_str()),
    }
}

/// Why no feed was found, and what can be done.
pub(super) fn nothing(found: &Found, guess: Guess) -> String {
    let Some((page, trouble)) = found.page.as_ref().and_then(|page| Some((page, page.read.as_ref().err()?)))
    else {
        return "no feed was found".to_owned();
    };
    if !trouble.is_document {
        let remedies: String =
            trouble.remedies(&page.url).iter().map(|line| format!("\n  = {line}")).collect();
        return format!("{}: {}{remedies}", page.url, trouble.message);
    }
    let offered = match (trouble.offers.len(), found.candidates.len()) {
        (0, _) => "and offers no feed".to_owned(),
        (1, _) => "and the feed it offers cannot be read".to_owned(),
        (offered, _) => format!("and of the {offered} feeds it offers none checked can be read"),
    };
    let what = trouble.message.split([',', ';']).next().unwrap_or_default();
    let help = match guess {
        Guess::Never => "try `--guess`, or look on the page for a link to its RSS feed".to_owned(),
        _ => format!(
            "there is none at {} either; look on the page for a link to its RSS feed",
            GUESSES.join(", ")
        ),
    };
    format!("{} is no feed ({what}), {offered}\n  = help: {help}", page.final_url)
}
