//! `wirewatch feeds add`
//!
//! Data in: an address as people type it. Data out: the feed behind it, shown, and a `[[feed]]` in
//! `conf.d/feeds-added.toml`.
//!
//! **Invariant:** nothing is written for what could not be read as a feed.
//! **Invariant:** a feed that is configured already, under this or the other scheme, with or without a slash at the
//! end, or where it leads to, is not written again: that is told and is no failure.

use std::{collections::HashMap, process::ExitCode, time::Duration};

use clap::Args;
use url::Url;

use super::{
    address,
    discover::{self, nothing},
    drop_in::{self, Entry},
    find::{self, Candidate, Found, Guess},
    judge::{self, Judged, Memory},
    list, poll,
    visit::{Tools, Visit, Visitor},
    words,
};
use crate::{
    cli::{
        ConfigArg, Failure, Outcome, check,
        output::{self, say},
    },
    config::{self, Config},
    model::Timestamp,
    store::Store,
};

/// Items shown.
const SAMPLE: usize = 5;
/// Titles shown of each topic.
const TITLES: usize = 3;
/// Longest title shown, in columns.
const TITLE_COLUMNS: usize = 60;
/// Where added feeds are written.
const FILE: &str = "feeds-added.toml";
const HEADING: &str =
    "Feeds added by `wirewatch feeds add`. Edit this file as you like; new ones go to its end.";

#[derive(Debug, Args)]
#[command(
    after_help = "Exit code: 0 added, or configured already; 1 no feed there, or several to choose from; \
                        2 wrong usage; 3 bad configuration, with or without the new feed."
)]
pub(in crate::cli) struct AddArgs {
    #[command(flatten)]
    config: ConfigArg,
    /// Address of a feed, a page or a site; https:// may be left out
    #[arg(value_name = "URL")]
    url: String,
    /// Only show what would be added
    #[arg(long)]
    dry_run: bool,
    /// Which of the feeds that a page offers, as they are listed
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    nth: Option<u16>,
    /// Name to show instead of the feed's own
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Time between polls, such as 5m, instead of that of [poll]
    #[arg(long, value_name = "DURATION")]
    interval: Option<String>,
}

pub(super) async fn add(args: &AddArgs) -> Outcome {
    let typed = address::typed(&args.url)?;
    let tools = Tools::configured(&args.config)?;
    let Some(config) = &tools.config else { return Err(anyhow::anyhow!("there is no configuration").into()) };
    let (title, interval) = (wanted_title(args)?, wanted_interval(args, config)?);
    let feeds = configured(config).await?;
    if let Some(known) = feeds.get(&address::sameness(&typed.url)) {
        return Ok(already(known, &typed.url));
    }
    let found = find::behind(&mut Visitor::new(&tools)?, &typed, Guess::First).await;
    let candidate = choose(&found, args)?;
    let known = [candidate.address(), &candidate.visit.url, &candidate.visit.final_url];
    if let Some(known) = known.into_iter().find_map(|url| feeds.get(&address::sameness(url))) {
        return Ok(already(known, candidate.address()));
    }
    let shown = show(&tools, candidate).await?;
    let url = candidate.address();
    if let Some(warning) = tools.catalog().and_then(|catalog| check::refused(catalog, url)) {
        output::tell!("{warning}");
    }
    if args.dry_run {
        say!("\nnothing was written (--dry-run)");
        return Ok(ExitCode::SUCCESS);
    }
    let name = title.as_deref();
    let entry = Entry { url, title: name, interval };
    let file = drop_in::append(&args.config, config, FILE, HEADING, &[entry])?;
    let shown = words::cut(name.or(shown.as_deref()).unwrap_or(url.as_str()), TITLE_COLUMNS);
    say!("\nadded {shown} to {}\nto poll it, reload the service: systemctl reload wirewatch", file.display());
    Ok(ExitCode::SUCCESS)
}

fn wanted_title(args: &AddArgs) -> Result<Option<String>, Failure> {
    let Some(title) = &args.title else { return Ok(None) };
    let fits = !title.trim().is_empty()
        && !title.chars().any(char::is_control)
        && title.trim().chars().count() <= config::MAX_TITLE_CHARS;
    if fits {
        return Ok(Some(title.trim().to_owned()));
    }
    let most = config::MAX_TITLE_CHARS;
    Err(Failure::Usage(format!("wirewatch: --title: write one line of 1 to {most} characters")))
}

fn wanted_interval(args: &AddArgs, config: &Config) -> Result<Option<Duration>, Failure> {
    let Some(text) = &args.interval else { return Ok(None) };
    let interval = config::parse_duration(text).map_err(|error| {
        Failure::Usage(format!(
            "wirewatch: --interval {text}: {error}\n  = help: write a duration such as 5m or 2h"
        ))
    })?;
    let least = config.poll.min_interval;
    if interval < least {
        let least = config::print_duration(least);
        return Err(Failure::Usage(format!(
            "wirewatch: --interval {text} is shorter than min_interval ({least}) in [poll]\n  \
             = help: write {least} or longer, or lower min_interval"
        )));
    }
    Ok(Some(interval))
}

/// The configured feeds, by everything that means them: their addresses, and those that they were found to have moved to.
async fn configured(config: &Config) -> Result<HashMap<String, Url>, Failure> {
    let mut known = HashMap::new();
    // Without a store no feed is known to have moved.
    if let Ok(store) = Store::open_read_only(&config.state.dir) {
        for report in store.feeds(list::MAX_FEEDS).await? {
            let moved = report.memory.moved_to.zip(Url::parse(&report.url).ok());
            known.extend(moved.map(|(to, url)| (address::sameness(&to), url)));
        }
    }
    known.extend(config.feeds.iter().map(|spec| (address::sameness(&spec.url), spec.url.clone())));
    Ok(known)
}

fn already(known: &Url, url: &Url) -> ExitCode {
    let other = if known == url { String::new() } else { format!(" as {known}") };
    say!("{url} is already configured{other}; nothing was written");
    ExitCode::SUCCESS
}

/// The one feed that can be read, or the one asked for.
fn choose<'f>(found: &'f Found, args: &AddArgs) -> Result<&'f Candidate, Failure> {
    let good: Vec<&Candidate> =
        found.candidates.iter().filter(|candidate| candidate.reading().is_some()).collect();
    match (good.as_slice(), args.nth) {
        ([], _) => Err(anyhow::anyhow!("{}", nothing(found, Guess::First)).into()),
        ([only], None | Some(1)) => Ok(only),
        (several, Some(nth)) => several.get(usize::from(nth).saturating_sub(1)).copied().ok_or_else(|| {
            let feeds = output::count(several.len(), "feed");
            Failure::Usage(format!("wirewatch: --nth {nth}: the page offers {feeds} that can be read"))
        }),
        (several, None) => {
            let rows = several
                .iter()
                .zip(1_usize..)
                .map(|(candidate, number)| [vec![number.to_string()], discover::row(candidate)].concat());
            output::table(&[&["nth"], &discover::HEADINGS[..]].concat(), rows.collect())?;
            let commands: Vec<String> = several
                .iter()
                .map(|candidate| format!("\n  wirewatch feeds add {}", words::shell(candidate.address())))
                .collect();
            Err(anyhow::anyhow!(
                "the page offers {} feeds; choose one with --nth N, or run one of{}",
                several.len(),
                commands.concat()
            )
            .into())
        }
    }
}

/// Shows what the feed holds. Returns its own title.
async fn show(tools: &Tools, candidate: &Candidate) -> Result<Option<String>, Failure> {
    let Some(reading) = candidate.reading() else { return Ok(None) };
    let (judged, _) = judge::judge(tools, &Memory::Empty, candidate.address(), reading).await?;
    say!("{}", candidate.address());
    for line in poll::head(&candidate.visit, false) {
        say!("  {line}");
    }
    let items = &reading.feed.items;
    let newest = items.iter().filter_map(|item| item.published_at).max();
    let rate = words::usual_rate(items).map(|rate| format!(", {rate}")).unwrap_or_default();
    say!("  {:<12}{}, newest {}{rate}", "items", output::count(items.len(), "item"), words::date(newest));
    for warning in warnings(&candidate.visit, newest, items.len()) {
        say!("  {:<12}{warning}", "warning");
    }
    samples(&judged);
    topics(tools, &judged);
    Ok(reading.feed.title.clone())
}

/// What the reader of a feed should know before relying on it.
fn warnings(visit: &Visit, newest: Option<Timestamp>, items: usize) -> Vec<String> {
    let mut told = Vec::new();
    if items == 0 {
        told.push("the feed is empty at present".to_owned());
    } else if newest.is_none() {
        told.push("no item has a date; new ones are known by their links and titles alone".to_owned());
    }
    if visit.final_url.scheme() == "http" {
        told.push("http only: what is read can be altered on the way".to_owned());
    }
    if visit.moved_for_good() {
        let to = words::shell(&visit.final_url);
        told.push(format!("moved for good; better add the new address: wirewatch feeds add {to}"));
    }
    told
}

fn samples(judged: &[Judged]) {
    let mut newest: Vec<&Judged> = judged.iter().filter(|judged| !judged.repeated).collect();
    newest.sort_by_key(|judged| std::cmp::Reverse(judged.item.published_at));
    for judged in newest.into_iter().take(SAMPLE) {
        say!("    {:<16}  {}", words::date(judged.item.published_at), title_of(judged));
    }
}

fn title_of(judged: &Judged) -> String {
    let title = judged.item.title.as_str();
    words::cut(if title.is_empty() { "(no title)" } else { title }, TITLE_COLUMNS)
}

/// Which topics would match which items.
fn topics(tools: &Tools, judged: &[Judged]) {
    let mut silent = Vec::new();
    for topic in tools.topics().topics() {
        let hits: Vec<&Judged> = judged
            .iter()
            .filter(|judged| !judged.repeated && judged.matches.iter().any(|found| found.topic == topic.name))
            .collect();
        if hits.is_empty() {
            silent.push(topic.name.to_string());
            continue;
        }
        say!("  topic {} would match {}:", topic.name, output::count(hits.len(), "item"));
        hits.iter().take(TITLES).for_each(|judged| say!("    {}", title_of(judged)));
        if hits.len() > TITLES {
            say!("    … and {} more", hits.len() - TITLES);
        }
    }
    if !silent.is_empty() {
        say!("  no item matches {}", silent.join(", "));
    }
}
