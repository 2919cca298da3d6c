//! TOML to a checked [`Config`], with errors a tired operator can act on.
//!
//! Data in: `wirewatch.toml`, `conf.d/*.toml` beside it in order of name, and the OPML files they name. Data
//! out: [`Config`], or [`Diagnostics`]: all findings of one load, each with file, line, column, what is wrong
//! and a remedy.
//!
//! Later files add topics, feeds, lists and subscriptions, and win for each key of a section that they set.
//!
//! **Invariant:** a load is all or nothing: with one error there is no [`Config`]. Nothing here reads the
//! clock, and only [`Environment::of_process`] reads the environment. No secret is read during a load
//! ([`SecretSource::read`] does that) and none appears in any message.
//!
//! Rejected: layering crates and serde: they stop at the first fault and lose the places of values.

mod compile;
mod cron;
mod delivery;
mod diagnostic;
mod environment;
mod feeds;
mod files;
mod mail;
mod mask;
mod operator;
mod reader;
mod secret;
mod sections;
mod source;
mod subscriptions;
mod syntax;
#[cfg(test)]
mod tests;
mod topics;
mod units;
mod visits;
mod weekdays;

use std::{
    collections::{BTreeMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
};

use toml::de::DeTable;
use url::Url;

pub(crate) use self::diagnostic::did_you_mean;
pub use self::{
    compile::typed_query,
    delivery::{MAX_GROUP_WAIT, MAX_LINE, MAX_THRESHOLDS, UPDATE_EVERY},
    diagnostic::{Diagnostic, Diagnostics, MAX_DIAGNOSTICS, Severity},
    environment::Environment,
    feeds::{MAX_FEEDS, MAX_ON_ADD_ITEMS, MAX_OPML_FILES, MAX_TITLE_CHARS, MAX_URL_BYTES},
    files::{MAX_DROP_INS, MAX_FILE_BYTES},
    mail::{
        MAX_SENDER_NAME, MailConfig, SUBMISSION_PORT, SUBMISSIONS_PORT, Sender, SmtpConfig, SmtpEncryption,
        SmtpLogin, TransportConfig, UnsubscribeConfig,
    },
    operator::{MAX_PING_BYTES, OperatorConfig, PING_EVERY, PING_REMEDY, PingConfig, PingUrl, check_ping},
    secret::{CREDENTIALS_DIRECTORY, MAX_SECRET_BYTES, SecretOrigin, SecretSource},
    sections::{
        Allowed, AllowedHost, DEFAULT_STATE_DIR, FetchConfig, MAX_AGENT_CHARS, MAX_ALLOWED, MAX_BURST,
        MAX_CONCURRENCY, MAX_PER_HOST, MAX_REDIRECTS, PollConfig, STATE_DIRECTORY, StateConfig,
    },
    source::{Place, Position, Text},
    subscriptions::{
        MAX_ALERTS_PER_HOUR, MAX_DIGEST_TIMES, MAX_RECIPIENTS, MAX_SUBSCRIPTIONS, MAX_TOPICS_NAMED,
    },
    topics::{
        BUILTIN_TOPICS, MAX_LISTS, MAX_NAME_CHARS, MAX_TERMS, MAX_TOPICS, TopicEntry, TopicKey, TopicOrigin,
    },
    units::{MAX_DURATION, MAX_SIZE, UnitError, parse_duration, parse_size, print_duration, print_size},
    visits::{AccessConfig, HeaderValueConfig, LoginConfig, MAX_GROUP_CHARS, ProxyConfig, VisitConfig},
};
use self::{diagnostic::Report, reader::Schema, reader::Table, source::Source};
use crate::{
    feed::opml,
    model::{FeedSpec, Subscription},
    query::{self, TopicDef, TopicSource},
};

/// The commented example configuration, whose values are the defaults.
const EXAMPLE: &str = include_str!("../../config/wirewatch.toml");

const ROOT: Schema = Schema {
    name: "the configuration",
    keys: &["opml", "state", "mail", "operator", "poll", "fetch", "lists", "topic", "feed", "subscription"],
    elsewhere: &[
        ("smtp", "the mail server stands in [mail]: smtp = { url = \"smtps://…\" }"),
        ("interval", "it stands in [poll]"),
        ("heartbeat", "it stands in [operator]"),
        ("ping", "it stands in [operator]"),
        ("quiet", "it stands in a [[subscription]] with deliver = \"alert\""),
    ],
};

/// A checked configuration.
#[derive(Debug, Clone)]
pub struct Config {
    /// The main file.
    pub path: PathBuf,
    /// `[state]`
    pub state: StateConfig,
    /// `[mail]`
    pub mail: MailConfig,
    /// `[operator]`
    pub operator: OperatorConfig,
    /// `[poll]`
    pub poll: PollConfig,
    /// `[fetch]`
    pub fetch: FetchConfig,
    /// `[[topic]]`s in order of the files, names unique.
    pub topics: Vec<TopicEntry>,
    /// What the matcher takes of `topics`, in the same order.
    pub definitions: Vec<TopicDef>,
    /// `[lists]`
    pub lists: BTreeMap<String, Vec<Text>>,
    /// Feeds in order of the files, then those of OPML files; URLs unique and without fragment.
    pub feeds: Vec<FeedSpec>,
    /// Feeds whose interval the operator set; the others follow the schedule.
    pub fixed_intervals: HashSet<Url>,
    /// How feeds are visited that say so, by their address.
    pub visits: Vec<(Url, VisitConfig)>,
    /// Subscriptions in order of the files, names unique; the topics they name exist.
    pub subscriptions: Vec<Subscription>,
    /// Findings that did not refuse the configuration, sorted by place.
    pub warnings: Vec<Diagnostic>,
}

/// What an OPML file holds.
#[derive(Debug, Clone, Default)]
pub struct Outlines {
    /// Address and title of each feed.
    pub feeds: Vec<(Url, Option<String>)>,
    /// What was left out, in plain words.
    pub warnings: Vec<String>,
}

/// Reads the bytes of an OPML file; the error says in plain words why it is none.
pub type OutlineReader<'r> = &'r dyn Fn(&[u8]) -> Result<Outlines, String>;

/// Where the configuration is when nobody says otherwise: `/etc/wirewatch/wirewatch.toml`.
pub fn default_path() -> PathBuf {
    PathBuf::from("/etc/wirewatch/wirewatch.toml")
}

/// The commented example configuration: every key with its default, some topics, subscriptions and feeds.
pub fn example() -> &'static str {
    EXAMPLE
}

/// Reads the main file at `path`, the drop-ins beside it and the OPML files they name.
///
/// # Errors
/// All findings, sorted by place, when at least one is an error; the warnings are among them.
pub fn load(
    path: &Path,
    environment: &Environment,
    read_outlines: OutlineReader<'_>,
) -> Result<Config, Diagnostics> {
    let report = Report::default();
    let mut draft = Draft::default();
    let sources = files::read_all(path, &report);
    for source in &sources {
        draft.read(source, &report);
    }
    let config =
        if sources.is_empty() { None } else { draft.finish(path, environment, read_outlines, &report) };
    let failed = report.has_errors();
    let findings = report.into_diagnostics();
    match config {
        Some(config) if !failed => Ok(Config { warnings: findings.entries, ..config }),
        _ => Err(findings),
    }
}

/// Reads an OPML file: the [`OutlineReader`] of the program.
///
/// # Errors
/// In plain words why the bytes are no OPML.
pub fn read_outlines(bytes: &[u8]) -> Result<Outlines, String> {
    let (outlines, warnings) = opml::read(bytes).map_err(|error| error.to_string())?;
    let feeds = outlines.into_iter().map(|outline| (outline.url, outline.title)).collect();
    Ok(Outlines { feeds, warnings })
}

/// The built-in topics, for commands that work without a configuration.
///
/// # Errors
/// Never with the topics that come with the program.
pub fn builtin_topics() -> Result<Vec<TopicDef>, query::Error> {
    let nothing = BTreeMap::new();
    query::builtin_names()
        .iter()
        .filter_map(|name| query::builtin(name))
        .map(|base| query::extend(&base, &TopicSource::default(), &nothing))
        .collect()
}

/// What the files say, while they are read.
#[derive(Default)]
struct Draft {
    state: sections::StateDraft,
    mail: mail::MailDraft,
    operator: operator::OperatorDraft,
    poll: sections::PollDraft,
    fetch: FetchConfig,
    topics: topics::TopicDrafts,
    lists: BTreeMap<String, Vec<Text>>,
    feeds: Vec<feeds::FeedDraft>,
    opml: Vec<Text>,
    subscriptions: Vec<subscriptions::SubscriptionDraft>,
}

impl Draft {
    /// Takes one file in. Of a file that is no TOML only that is reported, since the rest would be guessed.
    fn read(&mut self, source: &Arc<Source>, report: &Report) {
        let (document, faults) = DeTable::parse_recoverable(source.text());
        if !faults.is_empty() {
            syntax::report(source, &faults, report);
            return;
        }
        let place = Place::span(source, 0..0);
        let root = Table::open(source, document.get_ref(), &ROOT, place, report);
        if let Some(table) = root.table("state", &sections::STATE, "{ dir = \"…\" }") {
            self.state.read(&table);
        }
        if let Some(table) = root.table("mail", &mail::MAIL, "{ from = \"…\" }") {
            self.mail.read(&table);
        }
        if let Some(table) = root.table("operator", &operator::OPERATOR, "{ daily = { at = [\"07:00\"] } }") {
            self.operator.read(&table);
        }
        if let Some(table) = root.table("poll", &sections::POLL, "{ interval = \"15m\" }") {
            self.poll.read(&table);
        }
        if let Some(table) = root.table("fetch", &sections::FETCH, "{ max_body = \"8MiB\" }") {
            sections::read_fetch(&mut self.fetch, &table);
        }
        topics::read_lists(&mut self.lists, &root);
        root.tables("topic", &topics::TOPIC).iter().for_each(|table| self.topics.read(table));
        self.feeds.extend(root.tables("feed", &feeds::FEED).iter().filter_map(feeds::read));
        self.opml.extend(root.texts("opml", "feeds.opml").map(|list| list.value).unwrap_or_default());
        let subscriptions = root.tables("subscription", &subscriptions::SUBSCRIPTION);
        self.subscriptions.extend(subscriptions.iter().filter_map(subscriptions::read));
    }

    /// Checks what needs all files; `None` only when an error was reported.
    fn finish(
        self,
        path: &Path,
        environment: &Environment,
        read_outlines: OutlineReader<'_>,
        report: &Report,
    ) -> Option<Config> {
        let state = self.state.finish(environment);
        let mail = self.mail.finish(&state.dir, report);
        let people = mail.as_ref().map_or(0, |mail| mail.operator.len());
        let operator = self.operator.finish(people, &self.fetch, report);
        let poll = self.poll.finish(report);
        let (feeds, fixed_intervals, visits) =
            feeds::finish(self.feeds, &self.opml, (&poll, &self.fetch), read_outlines, report);
        let subscriptions = subscriptions::finish(self.subscriptions, &self.topics, report);
        let topics = self.topics.into_entries();
        let definitions = compile::definitions(&topics, &self.lists, report);
        if !report.has_errors() {
            warn_of_nothing(path, [feeds.len(), topics.len(), subscriptions.len()], report);
        }
        Some(Config {
            definitions,
            path: path.to_owned(),
            state,
            mail: mail?,
            operator,
            poll,
            fetch: self.fetch,
            topics,
            lists: self.lists,
            feeds,
            fixed_intervals,
            visits,
            subscriptions,
            warnings: Vec::new(),
        })
    }
}

fn warn_of_nothing(path: &Path, [feeds, topics, subscriptions]: [usize; 3], report: &Report) {
    let place = Place::file_only(path);
    for (count, what, remedy) in [
        (
            feeds,
            "no feed is configured, so nothing is polled",
            "add [[feed]] with url = \"…\", or opml = [\"…\"]",
        ),
        (
            topics,
            "no topic is configured, so nothing matches",
            "add [[topic]] with use = \"builtin:rare-earths\"",
        ),
        (
            subscriptions,
            "no subscription is configured, so nobody gets mail",
            "add [[subscription]] with to = [\"…\"]",
        ),
    ] {
        if count == 0 {
            report.warning(&place, what, remedy);
        }
    }
}
