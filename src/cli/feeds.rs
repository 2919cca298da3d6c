//! `wirewatch feeds list | import`

use std::{
    collections::BTreeSet, fmt::Write as _, fs, os::unix::fs::PermissionsExt, path::Path, process::ExitCode,
};

use anyhow::Context;
use serde::Serialize;
use url::Url;

use super::{
    ConfigArg, FeedsCommand, ListArgs, Outcome,
    output::{self, say},
};
use crate::{
    clock::Clock,
    config,
    feed::opml::{self, Outline},
    model::{FeedReport, Timestamp},
};

/// Feeds listed.
const MAX_FEEDS: usize = 100_000;

#[derive(Debug, Serialize)]
struct FeedRow {
    url: String,
    title: Option<String>,
    items: u64,
    last_poll_at: Option<String>,
    last_ok_at: Option<String>,
    next_poll_at: Option<String>,
    failures: u32,
    failure_kind: Option<String>,
    failure: Option<String>,
}

pub(super) async fn feeds(command: &FeedsCommand) -> Outcome {
    match command {
        FeedsCommand::List(args) => list(args).await,
        FeedsCommand::Import { config, file, dry_run } => import(config, file, *dry_run),
    }
}

async fn list(args: &ListArgs) -> Outcome {
    let (_, store) = args.config.open()?;
    let reports = store.feeds(MAX_FEEDS).await?;
    if args.json {
        output::json(&reports.into_iter().map(row).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let now = Clock::system().now();
    output::table(
        &["health", "last success", "next poll", "items", "feed", "url", "problem"],
        reports.iter().map(|report| cells(now, report)).collect(),
    )?;
    Ok(ExitCode::SUCCESS)
}

fn cells(now: Timestamp, report: &FeedReport) -> Vec<String> {
    let (health, problem) = match (&report.last_failure, report.last_ok_at) {
        (Some((_, message)), _) => (format!("failing ×{}", report.failures), message.clone()),
        (None, Some(_)) => ("ok".to_owned(), String::new()),
        (None, None) => ("not read yet".to_owned(), String::new()),
    };
    vec![
        health,
        output::ago(now, report.last_ok_at),
        output::ahead(now, report.next_poll_at),
        report.items.to_string(),
        report.title.clone().unwrap_or_default(),
        report.url.clone(),
        problem,
    ]
}

fn row(report: FeedReport) -> FeedRow {
    let (failure_kind, failure) = report.last_failure.unzip();
    FeedRow {
        url: report.url,
        title: report.title,
        items: report.items,
        last_poll_at: output::instant(report.last_poll_at),
        last_ok_at: output::instant(report.last_ok_at),
        next_poll_at: output::instant(report.next_poll_at),
        failures: report.failures,
        failure_kind,
        failure,
    }
}

/// Writes the feeds that are not configured yet into `conf.d/feeds-<name>.toml`.
fn import(arg: &ConfigArg, file: &Path, dry_run: bool) -> Outcome {
    let config = arg.load()?;
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let (outlines, warnings) = opml::read(&bytes).with_context(|| format!("{}", file.display()))?;
    for warning in &warnings {
        output::tell!("{}: {warning}", file.display());
    }
    let known: BTreeSet<&str> = config.feeds.iter().map(|feed| feed.url.as_str()).collect();
    let has_login = |url: &Url| !url.username().is_empty() || url.password().is_some();
    for outline in outlines.iter().filter(|outline| has_login(&outline.url)) {
        let host = outline.url.host_str().unwrap_or_default();
        output::tell!(
            "{}: left out a feed of {host}: its address holds a user name or a password",
            file.display()
        );
    }
    let (fresh, old): (Vec<&Outline>, Vec<&Outline>) = outlines
        .iter()
        .filter(|outline| !has_login(&outline.url))
        .partition(|outline| !known.contains(outline.url.as_str()));
    let stem = file.file_stem().and_then(|stem| stem.to_str()).unwrap_or("opml");
    let name: String = stem.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
    let folder = config.path.parent().unwrap_or(Path::new(".")).join("conf.d");
    let target = folder.join(format!("feeds-{name}.toml"));
    say!(
        "{} in {}, {} of them already configured",
        output::count(outlines.len(), "feed"),
        file.display(),
        old.len()
    );
    if dry_run || fresh.is_empty() {
        for outline in &fresh {
            say!("new: {}", outline.url);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut text = String::new();
    for outline in &fresh {
        writeln!(text, "[[feed]]\nurl = {}", toml::Value::from(outline.url.as_str()))?;
        if let Some(title) = outline.title.as_deref().map(short).filter(|title| !title.is_empty()) {
            writeln!(text, "title = {}", toml::Value::from(title))?;
        }
        text.push('\n');
    }
    if !folder.exists() {
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o755))?;
    }
    write_new(&target, &text)?;
    // A configuration that was good must stay so.
    if let Err(problem) = arg.load() {
        fs::remove_file(&target).with_context(|| format!("cannot remove {}", target.display()))?;
        return Err(problem);
    }
    let written = output::count(fresh.len(), "feed");
    say!("{written} written to {}; reload wirewatch to poll them", target.display());
    Ok(ExitCode::SUCCESS)
}

/// A title as the configuration takes it.
fn short(title: &str) -> String {
    let plain: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.trim().chars().take(config::MAX_TITLE_CHARS).collect::<String>().trim_end().to_owned()
}

fn write_new(target: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).open(target).with_context(|| {
        format!("cannot create {} (an earlier import? move it away first)", target.display())
    })?;
    file.write_all(text.as_bytes())?;
    // The service runs as a user of its own and must be able to read it, whatever the umask says.
    file.set_permissions(fs::Permissions::from_mode(0o644))?;
    file.sync_all()?;
    Ok(())
}
