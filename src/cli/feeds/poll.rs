//! `wirewatch feeds poll`
//!
//! Data in: an address, all feeds of the configuration, or a body in a file. Data out: what a poll would find, in
//! words or as JSON; without `--dry-run`, what it found and stored.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::Context;
use clap::Args;
use futures_util::{StreamExt, stream};
use serde::Serialize;
use url::Url;

use super::{
    address::{self, Typed},
    judge::{self, Judged, Memory},
    visit::{Tools, Visit, Visitor, host_of},
    words,
};
use crate::{
    cli::{
        ConfigArg, Failure, Outcome,
        mark::Marks,
        output::{self, say},
    },
    clock::Clock,
    daemon::{Daemon, Single},
    model::{FailureKind, PollOutcome, Warning},
    store::{self, Store},
};

/// Longest body read from a file.
const MAX_FILE_BYTES: u64 = 64 << 20;
/// Hosts visited at once by `--all`.
const AT_ONCE: usize = 8;
/// Characters shown on either side of what matched.
const CONTEXT: usize = 40;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 the feed was read; 1 it was not, and standard error says why; 2 wrong usage; \
                        3 bad configuration."
)]
pub(in crate::cli) struct PollArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Address of the feed; without --dry-run, one of the configuration
    #[arg(value_name = "URL", required_unless_present = "all")]
    url: Option<String>,
    /// Only show what would be read; nothing is stored. The feed need not be configured
    #[arg(long)]
    dry_run: bool,
    /// All feeds of the configuration
    #[arg(long, conflicts_with_all = ["url", "file"], requires = "dry_run")]
    all: bool,
    /// Read this body instead of visiting URL, which is only where it came from; - for standard input
    #[arg(long, value_name = "FILE", requires = "dry_run", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    /// Content-Type that the body of --file came with
    #[arg(long, value_name = "TYPE", requires = "file")]
    content_type: Option<String>,
    /// Print JSON for machines: one object; with --all one a line
    #[arg(long, requires = "dry_run")]
    json: bool,
}

#[derive(Debug, Serialize)]
struct PollJson<'a> {
    url: &'a Url,
    final_url: &'a Url,
    status: Option<u16>,
    redirects: Vec<HopJson<'a>>,
    content_type: Option<&'a str>,
    kind: Option<String>,
    title: Option<&'a str>,
    lang: Option<&'a str>,
    stored: Option<bool>,
    warnings: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_kind: Option<&'static str>,
    items: Vec<ItemJson<'a>>,
}

#[derive(Debug, Serialize)]
struct HopJson<'a> {
    status: u16,
    to: &'a Url,
}

#[derive(Debug, Serialize)]
struct ItemJson<'a> {
    title: &'a str,
    link: Option<&'a Url>,
    published_at: Option<String>,
    published_ms: Option<i64>,
    guid: Option<&'a str>,
    summary: &'a str,
    content: &'a str,
    author: Option<&'a str>,
    tags: &'a [String],
    lang: Option<&'a str>,
    new: Option<bool>,
    repeated: bool,
    topics: Vec<String>,
}

pub(super) async fn poll(args: &PollArgs) -> Outcome {
    match &args.url {
        None => all(args).await,
        Some(url) if args.dry_run => try_one(args, &address::typed(url)?).await,
        Some(url) => for_real(&args.config, &address::typed(url)?).await,
    }
}

async fn try_one(args: &PollArgs, typed: &Typed) -> Outcome {
    let tools = Tools::read(&args.config)?;
    let visit = match &args.file {
        Some(file) => {
            let body = body_of(file)?;
            Visit::of_body(&tools.clock, &typed.url, args.content_type.as_deref(), &body)
        }
        None => Visitor::new(&tools)?.visit_typed(&configured(&tools, typed)).await,
    };
    let memory = Memory::of(&tools);
    let (judged, stored) = judged(&tools, &memory, &visit).await?;
    if args.json {
        output::json(&json(&visit, &judged, stored))?;
    } else {
        print(&visit, &judged, stored, args.file.is_some());
    }
    Ok(match &visit.read {
        Ok(_) => ExitCode::SUCCESS,
        Err(trouble) => {
            output::tell!("wirewatch: {}: {}", visit.url, trouble.message);
            for line in trouble.remedies(&visit.url) {
                output::tell!("  = {line}");
            }
            ExitCode::FAILURE
        }
    })
}

/// A feed of the configuration is meant by its own address, however it was typed.
fn configured(tools: &Tools, typed: &Typed) -> Typed {
    let feeds = tools.config.iter().flat_map(|config| &config.feeds);
    let same = |url: &Url| address::sameness(url) == address::sameness(&typed.url);
    let known = feeds.map(|spec| &spec.url).find(|url| typed.fallback.is_some() && same(url));
    known.map_or_else(|| typed.clone(), |url| Typed { url: url.clone(), fallback: None })
}

async fn judged(
    tools: &Tools,
    memory: &Memory,
    visit: &Visit,
) -> Result<(Vec<Judged>, Option<bool>), Failure> {
    match &visit.read {
        Ok(reading) => judge::judge(tools, memory, &visit.url, reading).await,
        Err(_) => Ok((Vec::new(), None)),
    }
}

fn body_of(file: &Path) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let name = if file == Path::new("-") { "standard input".to_owned() } else { file.display().to_string() };
    let cannot = || format!("cannot read {name}");
    if file == Path::new("-") {
        io::stdin().lock().take(MAX_FILE_BYTES + 1).read_to_end(&mut body).with_context(cannot)?;
    } else {
        let file = fs::File::open(file).with_context(cannot)?;
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut body).with_context(cannot)?;
    }
    if body.len() as u64 > MAX_FILE_BYTES {
        return Err(anyhow::anyhow!("{name} is larger than {} MiB", MAX_FILE_BYTES >> 20).into());
    }
    Ok(body)
}

fn json<'a>(visit: &'a Visit, judged: &'a [Judged], stored: Option<bool>) -> PollJson<'a> {
    let reading = visit.read.as_ref().ok();
    let trouble = visit.read.as_ref().err();
    PollJson {
        url: &visit.url,
        final_url: &visit.final_url,
        status: visit.status,
        redirects: visit.redirects.iter().map(|hop| HopJson { status: hop.status, to: &hop.to }).collect(),
        content_type: visit.content_type.as_deref(),
        kind: reading.map(|reading| reading.kind.to_string()),
        title: reading.and_then(|reading| reading.feed.title.as_deref()),
        lang: reading.and_then(|reading| reading.feed.lang.as_deref()),
        stored,
        warnings: reading.map(|reading| words::warnings(&reading.warnings)).unwrap_or_default(),
        error: trouble.map(|trouble| trouble.message.as_str()),
        error_kind: trouble.map(|trouble| trouble.kind.as_str()),
        items: judged.iter().map(item_json).collect(),
    }
}

fn item_json(judged: &Judged) -> ItemJson<'_> {
    let item = &judged.item;
    ItemJson {
        title: &item.title,
        link: item.link.as_ref(),
        published_at: output::instant(item.published_at),
        published_ms: item.published_at.map(|at| at.as_millisecond()),
        guid: item.guid.as_deref(),
        summary: &item.summary,
        content: &item.content,
        author: item.author.as_deref(),
        tags: &item.tags,
        lang: item.lang.as_deref(),
        new: judged.new,
        repeated: judged.repeated,
        topics: judged.topics(),
    }
}

fn print(visit: &Visit, judged: &[Judged], stored: Option<bool>, is_file: bool) {
    say!("{}", visit.url);
    for line in head(visit, is_file) {
        say!("  {line}");
    }
    let Ok(reading) = &visit.read else { return };
    let new = judged.iter().filter(|judged| judged.new == Some(true)).count();
    let matched = judged.iter().filter(|judged| judged.is_hit()).count();
    let news = match stored {
        Some(true) => format!("{new} new"),
        Some(false) => format!("{new} new, since the feed was never polled"),
        None => "what is new is not known".to_owned(),
    };
    let items = output::count(judged.len(), "item");
    say!("  {:<12}{items}, {news}, {matched} matched", "items");
    if reading.feed.items.is_empty() {
        return;
    }
    let marks = Marks::of_stdout();
    for judged in judged {
        say!();
        print_item(judged, marks);
    }
}

fn print_item(judged: &Judged, marks: Marks) {
    let item = &judged.item;
    let state = match (judged.repeated, judged.new) {
        (true, _) => "again",
        (false, _) if item.is_empty() => "empty",
        (false, Some(true)) => "new",
        (false, Some(false)) => "known",
        (false, None) => "?",
    };
    let title = if item.title.is_empty() { "(no title)" } else { &item.title };
    say!(
        "{state:<6} {:<16}  {}",
        words::date(item.published_at),
        marks.strong(&words::cut(title, usize::MAX))
    );
    if let Some(link) = &item.link {
        say!("       {link}");
    }
    if let Some(guid) = item.guid.as_deref().filter(|guid| item.link.as_ref().map(Url::as_str) != Some(guid))
    {
        say!("       guid {}", words::cut(guid, usize::MAX));
    }
    for found in &judged.matches {
        say!("       matches {}", found.topic);
        for line in marks.by_field(item, &found.hits, CONTEXT) {
            say!("         {line}");
        }
    }
}

/// What the server said and what the feed says of itself, `name  value` each.
pub(super) fn head(visit: &Visit, is_file: bool) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| lines.push(format!("{name:<12}{}", words::cut(&value, 2_000)));
    let kind = visit.content_type.as_deref().unwrap_or("no content type");
    if let Some(status) = visit.status.filter(|_| visit.read.is_ok()) {
        line("answer", format!("{status}, {kind}, {} bytes", visit.bytes));
    } else if is_file {
        line("file", format!("{kind}, {} bytes", visit.bytes));
    } else if let Some(status) = visit.status {
        line("answer", format!("{status}"));
    }
    for hop in &visit.redirects {
        let lasting = if matches!(hop.status, 301 | 308) { "permanent" } else { "temporary" };
        line("redirect", format!("{} ({lasting}) to {}", hop.status, hop.to));
    }
    let Ok(reading) = &visit.read else { return lines };
    if !is_file {
        let text = |value: &Option<Vec<u8>>| {
            value.as_deref().map_or("none".to_owned(), |value| String::from_utf8_lossy(value).into_owned())
        };
        let validators = &visit.validators;
        line(
            "validators",
            format!("ETag {}, Last-Modified {}", text(&validators.etag), text(&validators.last_modified)),
        );
    }
    let feed = &reading.feed;
    let title = feed.title.as_deref().unwrap_or("without a title");
    let lang = feed.lang.as_deref().map_or(String::new(), |lang| format!(", {lang}"));
    line("feed", format!("{title} ({}{lang})", reading.kind));
    let charset = words::charset(&reading.warnings);
    line("charset", charset.map_or("as declared".to_owned(), |used| format!("{used}, not the one declared")));
    let others = reading.warnings.iter().filter(|warning| !matches!(warning, Warning::Charset { .. }));
    words::warnings(others).into_iter().for_each(|warning| line("warning", warning));
    lines
}

/// What came of one feed of many; the feed itself is let go of.
struct Tried {
    failed: bool,
    line: Line,
}

enum Line {
    Json(String),
    Row(Vec<String>),
}

/// All feeds of the configuration: one of a host at a time, hosts in parallel. Told in order of the configuration.
async fn all(args: &PollArgs) -> Outcome {
    let tools = Tools::configured(&args.config)?;
    let memory = Memory::of(&tools);
    let feeds = tools.config.iter().flat_map(|config| &config.feeds).map(|spec| &spec.url).enumerate();
    let mut hosts: BTreeMap<String, Vec<(usize, &Url)>> = BTreeMap::new();
    for (at, url) in feeds {
        hosts.entry(host_of(url)).or_default().push((at, url));
    }
    let visits = stream::iter(hosts.into_values()).map(|urls| {
        let (tools, memory) = (&tools, &memory);
        async move {
            let mut visitor = Visitor::new(tools)?;
            let mut tried = Vec::with_capacity(urls.len());
            for (at, url) in urls {
                tried.push((at, try_one_of_many(&mut visitor, memory, url, args.json).await?));
            }
            Ok::<_, Failure>(tried)
        }
    });
    let mut tried: BTreeMap<usize, Tried> = BTreeMap::new();
    let mut visits = std::pin::pin!(visits.buffer_unordered(AT_ONCE));
    while let Some(of_host) = visits.next().await {
        tried.extend(of_host?);
    }
    let (feeds, failed) = (tried.len(), tried.values().filter(|tried| tried.failed).count());
    let mut rows = Vec::new();
    for tried in tried.into_values() {
        match tried.line {
            Line::Json(line) => say!("{line}"),
            Line::Row(row) => rows.push(row),
        }
    }
    if !args.json {
        output::table(&["result", "items", "new", "matched", "url", "problem"], rows)?;
    }
    if failed > 0 {
        output::tell!("wirewatch: {failed} of {} could not be read", output::count(feeds, "feed"));
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

async fn try_one_of_many(
    visitor: &mut Visitor<'_>,
    memory: &Memory,
    url: &Url,
    as_json: bool,
) -> Result<Tried, Failure> {
    let visit = visitor.visit(url).await;
    let (judged, stored) = judged(visitor.tools, memory, &visit).await?;
    let line = if as_json {
        Line::Json(serde_json::to_string(&json(&visit, &judged, stored))?)
    } else {
        Line::Row(row(&visit, &judged))
    };
    Ok(Tried { failed: visit.read.is_err(), line })
}

fn row(visit: &Visit, judged: &[Judged]) -> Vec<String> {
    let number = |count: usize| if visit.read.is_ok() { count.to_string() } else { "–".to_owned() };
    let new = judged.iter().filter(|judged| judged.new == Some(true)).count();
    let matched = judged.iter().filter(|judged| judged.is_hit()).count();
    let unknown = judged.iter().any(|judged| judged.new.is_none());
    let (result, problem) = match &visit.read {
        Ok(reading) if reading.warnings.is_empty() => ("ok", String::new()),
        Ok(reading) => ("mended", words::warnings(&reading.warnings).join("; ")),
        Err(trouble) => ("FAILED", trouble.message.clone()),
    };
    vec![
        result.to_owned(),
        number(judged.len()),
        if unknown { "?".to_owned() } else { number(new) },
        number(matched),
        visit.url.to_string(),
        words::cut(&problem, 300),
    ]
}

/// Visits a feed of the configuration and stores what it gives, as the service would.
async fn for_real(arg: &ConfigArg, typed: &Typed) -> Outcome {
    let (config, catalog, _) = arg.catalog_without_login()?;
    let wanted = address::sameness(&typed.url);
    let Some(spec) = config.feeds.iter().find(|spec| address::sameness(&spec.url) == wanted) else {
        return Err(Failure::Usage(format!(
            "wirewatch: {} is not configured\n  = help: try it with --dry-run, or add it: wirewatch feeds add {}",
            typed.url,
            words::shell(&typed.url)
        )));
    };
    let url = spec.url.clone();
    let store = match Store::open(&config.state.dir) {
        Ok(store) => store,
        Err(store::Error::Locked { pid, .. }) => {
            let pid = pid.map_or(String::new(), |pid| format!(" (pid {pid})"));
            let problem = anyhow::anyhow!(
                "wirewatch is running{pid} and polls the feed by itself; to look at it meanwhile add --dry-run, \
                 or stop the service first: systemctl stop wirewatch"
            );
            return Err(problem.into());
        }
        Err(error) => return Err(error.into()),
    };
    let daemon = Daemon::build(store.clone(), Clock::system(), catalog).await?;
    let polled = daemon.poll_one(&url).await;
    store.close().await;
    match polled? {
        Single::Unknown => Err(anyhow::anyhow!("{url} is not in force").into()),
        Single::AskedToWait(until) => {
            let problem = anyhow::anyhow!("{url} was not visited: its server asked to wait until {until}");
            Err(problem.into())
        }
        Single::NoTurn(at) => {
            let problem = anyhow::anyhow!(
                "{url} was not visited: its site was visited so often that its next turn is at {at}; see [poll] burst, \
                 refill and spacing, or look at it with --dry-run"
            );
            Err(problem.into())
        }
        Single::Polled(polled) => Ok(told(&url, &polled.0.outcome, &polled.1)),
    }
}

fn told(url: &Url, outcome: &PollOutcome, recorded: &crate::model::Recorded) -> ExitCode {
    match outcome {
        PollOutcome::Failed(failure) => {
            output::tell!("wirewatch: {url}: {}", failure.message);
            output::tell!("  = help: {}", words::advice(failure.kind.as_str()));
            if failure.kind == FailureKind::RateLimited
                && let Some(at) = failure.retry_at
            {
                output::tell!("  = note: the server asks to wait until {at}");
            }
            return ExitCode::FAILURE;
        }
        PollOutcome::NotModified { .. } => say!("{url}: nothing changed since the last poll"),
        PollOutcome::Modified { items, warnings, .. } => {
            let (read, new) = (output::count(items.len(), "item"), recorded.new_items.len());
            say!("{url}: {read}, {new} new and stored, {} matched", recorded.matched);
            for warning in words::warnings(warnings) {
                say!("  warning: {warning}");
            }
            if recorded.pending > 0 {
                say!("  the mail goes out when wirewatch runs");
            }
        }
    }
    for event in &recorded.events {
        say!("  {}: {}", event.kind.as_str(), words::cut(&event.detail, 2_000));
    }
    ExitCode::SUCCESS
}
