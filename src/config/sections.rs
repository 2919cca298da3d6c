//! The sections of settings: `[state]`, `[mail]`, `[poll]`, `[fetch]`.
//!
//! Data in: their tables, file after file; a later file wins for each key it sets. Data out: [`StateConfig`],
//! [`PollConfig`], [`FetchConfig`] (`mail` has a file of its own).
//!
//! **Invariant:** `Default` of each is what the example configuration says, held by a test.
//!
//! Rejected: an `Option` for each key up to the end, which spreads the defaults over the program.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;
use url::Host;

use super::{
    diagnostic::Report,
    environment::Environment,
    feeds, files,
    reader::{Placed, Schema, Table},
    source::{Place, Text},
    units::print_duration,
};
use crate::model::OnAdd;

/// Where state lives when neither the configuration nor systemd says it (file-hierarchy(7), "/var/lib").
pub const DEFAULT_STATE_DIR: &str = "/var/lib/wirewatch";
/// The variable in which systemd tells the state directory (systemd.exec(5), "StateDirectory=").
pub const STATE_DIRECTORY: &str = "STATE_DIRECTORY";
/// Most polls under way at once.
pub const MAX_CONCURRENCY: u64 = 1_024;
/// Most polls of one host under way at once.
pub const MAX_PER_HOST: u64 = 32;
/// Largest budget, in polls an hour.
pub const MAX_BUDGET: u64 = 100_000_000;
/// `max_interval`, where it is not set, is so many times `interval`.
const LONGEST: u32 = 4;
/// Most visits of one site in a row.
pub const MAX_BURST: u64 = 10_000;
/// Most redirects followed in one poll.
pub const MAX_REDIRECTS: u64 = 20;
/// Entries of `allow`.
pub const MAX_ALLOWED: usize = 1_000;
/// Characters of `user_agent` and of `contact`.
pub const MAX_AGENT_CHARS: usize = 256;

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

pub(super) const STATE: Schema = Schema { name: "[state]", keys: &["dir", "keep"], elsewhere: &[] };
pub(super) const POLL: Schema = Schema {
    name: "[poll]",
    keys: &[
        "interval",
        "min_interval",
        "max_interval",
        "budget",
        "max_backoff",
        "concurrency",
        "per_host",
        "spacing",
        "burst",
        "refill",
        "on_add",
    ],
    elsewhere: &[("timeout", "time limits stand in [fetch]: total_timeout")],
};
pub(super) const FETCH: Schema = Schema {
    name: "[fetch]",
    keys: &[
        "user_agent",
        "contact",
        "connect_timeout",
        "header_timeout",
        "idle_timeout",
        "total_timeout",
        "max_body",
        "max_redirects",
        "allow",
    ],
    elsewhere: &[
        ("interval", "the time between polls stands in [poll]"),
        ("concurrency", "it stands in [poll]"),
        ("timeout", "write total_timeout, or one of connect_timeout, header_timeout, idle_timeout"),
    ],
};

/// `[state]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateConfig {
    /// Directory of the database, the maildir and the lock.
    pub dir: PathBuf,
    /// Items older than this are removed; their identity stays.
    pub keep: Duration,
}

impl Default for StateConfig {
    fn default() -> Self {
        Self { dir: PathBuf::from(DEFAULT_STATE_DIR), keep: 400 * DAY }
    }
}

/// `[poll]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollConfig {
    /// Time between two polls of an ordinary feed that sets none, and the most for feeds that ever had something to
    /// alert.
    pub interval: Duration,
    /// No feed is polled more often.
    pub min_interval: Duration,
    /// No feed that answers is polled less often; `None`: four times `interval`.
    pub max_interval: Option<Duration>,
    /// Polls an hour, of all feeds together; `None`: what polling each at `interval` costs.
    pub budget: Option<u32>,
    /// Longest wait after failures.
    pub max_backoff: Duration,
    /// Polls under way at once.
    pub concurrency: u32,
    /// Of those, to one site.
    pub per_host: u32,
    /// Least time between two visits to one site; hosts in [`FetchConfig::allow`] are exempt.
    pub spacing: Duration,
    /// Visits to one site in a row, after which each waits for a refill.
    pub burst: u32,
    /// In which one visit is given back; zero: there is no limit but the spacing.
    pub refill: Duration,
    /// What is mailed of a new feed's first items, unless the feed sets its own.
    pub on_add: OnAdd,
}

impl Default for PollConfig {
    fn default() -> Self {
        Self {
            interval: 15 * MINUTE,
            min_interval: MINUTE,
            max_interval: None,
            budget: None,
            max_backoff: DAY,
            concurrency: 64,
            per_host: 2,
            spacing: SECOND,
            burst: 30,
            refill: 2 * SECOND,
            on_add: OnAdd::Since(DAY),
        }
    }
}

impl PollConfig {
    /// No feed that answers is polled less often than this; at most `max_backoff`.
    pub fn longest_interval(&self) -> Duration {
        let longest = self.max_interval.unwrap_or(self.interval.saturating_mul(LONGEST));
        longest.min(self.max_backoff).max(self.interval)
    }
}

/// `[fetch]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchConfig {
    /// Name and version in `User-Agent`.
    pub user_agent: String,
    /// Address or URL shown behind it, for site owners.
    pub contact: Option<String>,
    /// For the connection, TLS included.
    pub connect_timeout: Duration,
    /// From the request to the end of the answer's header.
    pub header_timeout: Duration,
    /// Between two pieces of the body.
    pub idle_timeout: Duration,
    /// For the whole visit, redirects included.
    pub total_timeout: Duration,
    /// Bytes of a body after decompression.
    pub max_body: u64,
    /// Redirects followed.
    pub max_redirects: u32,
    /// Private addresses and hosts that may be visited all the same.
    pub allow: Vec<Allowed>,
}

impl Default for FetchConfig {
    fn default() -> Self {
        Self {
            user_agent: concat!("wirewatch/", env!("CARGO_PKG_VERSION")).to_owned(),
            contact: None,
            connect_timeout: 10 * SECOND,
            header_timeout: 30 * SECOND,
            idle_timeout: 30 * SECOND,
            total_timeout: 2 * MINUTE,
            max_body: 8 << 20,
            max_redirects: 5,
            allow: Vec::new(),
        }
    }
}

impl FetchConfig {
    /// The whole `User-Agent` value: `wirewatch/0.1.0 (+https://example.com/bot)`.
    pub fn user_agent_header(&self) -> String {
        match &self.contact {
            Some(contact) => format!("{} (+{contact})", self.user_agent),
            None => self.user_agent.clone(),
        }
    }
}

/// An entry of `allow`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allowed {
    /// Addresses or a name.
    pub host: AllowedHost,
    /// Only this port; `None` is any.
    pub port: Option<u16>,
}

/// What may be visited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AllowedHost {
    /// These addresses.
    Network(IpNet),
    /// This host name, lower case, whatever it resolves to.
    Name(String),
}

/// Puts a value that was given into its slot.
pub(super) fn set<T>(slot: &mut T, given: Option<Placed<T>>) {
    if let Some(given) = given {
        *slot = given.value;
    }
}

fn set_count(slot: &mut u32, given: Option<u64>) {
    if let Some(count) = given.and_then(|n| u32::try_from(n).ok()) {
        *slot = count;
    }
}

/// A path that is not empty, relative to the file that names it.
pub(super) fn path(table: &Table<'_>, key: &str, example: &str) -> Option<PathBuf> {
    let text = table.text(key, example)?;
    if text.value.trim().is_empty() {
        table.report().error(
            &text.place,
            format!("`{key}` is empty"),
            format!("write a path, such as \"{example}\""),
        );
        return None;
    }
    if text.value.starts_with('~') {
        let what = format!("`{key}` begins with ~, which only a shell understands");
        table.report().error(&text.place, what, "write the whole path, such as \"/home/me/wirewatch\"");
        return None;
    }
    Some(files::beside(&text))
}

/// `[state]` while files are read.
#[derive(Default)]
pub(super) struct StateDraft {
    dir: Option<PathBuf>,
    keep: Option<Duration>,
}

impl StateDraft {
    pub(super) fn read(&mut self, table: &Table<'_>) {
        self.dir = path(table, "dir", DEFAULT_STATE_DIR).or(self.dir.take());
        self.keep = table.duration("keep", DAY..=super::units::MAX_DURATION).map(|d| d.value).or(self.keep);
    }

    pub(super) fn finish(self, environment: &Environment) -> StateConfig {
        let default = StateConfig::default();
        // systemd separates several directories by colons; the first is ours.
        let of_systemd = environment.get(STATE_DIRECTORY).and_then(|list| {
            list.split(':').next().filter(|dir| Path::new(dir).is_absolute()).map(PathBuf::from)
        });
        StateConfig {
            dir: self.dir.or(of_systemd).unwrap_or(default.dir),
            keep: self.keep.unwrap_or(default.keep),
        }
    }
}

/// `[poll]` while files are read: the settings, and where those stand that must fit each other.
#[derive(Default)]
pub(super) struct PollDraft {
    config: PollConfig,
    last_bound: Option<Place>,
    last_longest: Option<Place>,
}

impl PollDraft {
    pub(super) fn read(&mut self, table: &Table<'_>) {
        for (key, slot) in [
            ("interval", &mut self.config.interval),
            ("min_interval", &mut self.config.min_interval),
            ("max_backoff", &mut self.config.max_backoff),
        ] {
            let range = match key {
                "min_interval" => SECOND..=DAY,
                "interval" => SECOND..=365 * DAY,
                _ => MINUTE..=365 * DAY,
            };
            if let Some(given) = table.duration(key, range) {
                *slot = given.value;
                self.last_bound = Some(given.place);
            }
        }
        if let Some(given) = table.duration("max_interval", SECOND..=365 * DAY) {
            self.config.max_interval = Some(given.value);
            self.last_longest = Some(given.place);
        }
        if let Some(budget) = table.integer("budget", 1..=MAX_BUDGET) {
            self.config.budget = u32::try_from(budget).ok();
        }
        set_count(&mut self.config.concurrency, table.integer("concurrency", 1..=MAX_CONCURRENCY));
        set_count(&mut self.config.per_host, table.integer("per_host", 1..=MAX_PER_HOST));
        set(&mut self.config.spacing, table.duration("spacing", Duration::ZERO..=MINUTE));
        set_count(&mut self.config.burst, table.integer("burst", 1..=MAX_BURST));
        set(&mut self.config.refill, table.duration("refill", Duration::ZERO..=3_600 * SECOND));
        set(&mut self.config.on_add, feeds::on_add(table));
    }

    pub(super) fn finish(self, report: &Report) -> PollConfig {
        let PollConfig { interval, min_interval, max_interval, max_backoff, .. } = self.config;
        if let Some(place) = self.last_bound {
            let (least, most) = (print_duration(min_interval), print_duration(max_backoff));
            if interval < min_interval {
                let what = format!(
                    "`interval` ({}) is shorter than `min_interval` ({least})",
                    print_duration(interval)
                );
                report.error(&place, what, "raise interval or lower min_interval");
            }
            if interval > max_backoff {
                let what = format!(
                    "`interval` ({}) is longer than `max_backoff` ({most})",
                    print_duration(interval)
                );
                report.error(&place, what, "lower interval or raise max_backoff");
            }
        }
        if let (Some(place), Some(longest)) = (self.last_longest, max_interval)
            && longest < interval
        {
            let what = format!(
                "`max_interval` ({}) is shorter than `interval` ({})",
                print_duration(longest),
                print_duration(interval)
            );
            report.error(&place, what, "raise max_interval or lower interval");
        }
        self.config
    }
}

/// Reads `[fetch]` over what is set.
pub(super) fn read_fetch(config: &mut FetchConfig, table: &Table<'_>) {
    if let Some(agent) = agent(table, "user_agent", "wirewatch/0.1") {
        config.user_agent = agent;
    }
    config.contact = agent(table, "contact", "https://example.com/about-our-bot").or(config.contact.take());
    let (least, most) = (SECOND, 10 * MINUTE);
    set(&mut config.connect_timeout, table.duration("connect_timeout", least..=most));
    set(&mut config.header_timeout, table.duration("header_timeout", least..=most));
    set(&mut config.idle_timeout, table.duration("idle_timeout", least..=most));
    set(&mut config.total_timeout, table.duration("total_timeout", least..=most));
    set(&mut config.max_body, table.size("max_body", 1 << 10..=256 << 20));
    set_count(&mut config.max_redirects, table.integer("max_redirects", 0..=MAX_REDIRECTS));
    if let Some(given) = table.texts("allow", "10.0.0.0/8") {
        if given.value.len() > MAX_ALLOWED {
            let what = format!("`allow` has {} entries; at most {MAX_ALLOWED} are taken", given.value.len());
            table.report().error(&given.place, what, "write networks instead of single addresses");
        }
        config.allow = given.value.iter().filter_map(|text| allowed(text, table.report())).collect();
    }
}

/// Text that may stand in an HTTP header.
fn agent(table: &Table<'_>, key: &str, example: &str) -> Option<String> {
    let text = table.text(key, example)?;
    let fits = |c: char| c == ' ' || c.is_ascii_graphic();
    let length = text.value.chars().count();
    if text.value.trim().is_empty() || length > MAX_AGENT_CHARS || !text.value.chars().all(fits) {
        let what = format!("`{key}` cannot be sent as a header");
        let remedy = format!("write 1 to {MAX_AGENT_CHARS} plain ASCII characters, such as \"{example}\"");
        table.report().error(&text.place, what, remedy);
        return None;
    }
    Some(text.value.trim().to_owned())
}

/// Reads `127.0.0.1`, `10.0.0.0/8`, `intranet.example.com`, each but a network with or without `:port`.
fn allowed(text: &Text, report: &Report) -> Option<Allowed> {
    let value = text.value.trim();
    if let Ok(network) = value.parse::<IpNet>() {
        return Some(Allowed { host: AllowedHost::Network(network.trunc()), port: None });
    }
    if let Ok(address) = value.parse::<IpAddr>() {
        return Some(Allowed { host: AllowedHost::Network(address.into()), port: None });
    }
    let (host, port) = match value.rsplit_once(':') {
        Some((host, port)) => (host, port.parse::<u16>().ok().filter(|p| *p > 0).map(Some)),
        None => (value, Some(None)),
    };
    // What follows "://" is no port, so a whole URL ends here too.
    let parsed = port.and_then(|port| Some((Host::parse(host).ok()?, port)));
    match parsed {
        Some((Host::Ipv4(v4), port)) => {
            Some(Allowed { host: AllowedHost::Network(IpAddr::V4(v4).into()), port })
        }
        Some((Host::Ipv6(v6), port)) => {
            Some(Allowed { host: AllowedHost::Network(IpAddr::V6(v6).into()), port })
        }
        Some((Host::Domain(name), port)) if !name.is_empty() && !name.contains(['*', '/', '_', ' ']) => {
            Some(Allowed { host: AllowedHost::Name(name), port })
        }
        _ => {
            let remedy = "write an address (\"127.0.0.1\"), a network (\"10.0.0.0/8\"), a host name \
                          (\"intranet.example.com\") or one of them with a port (\"localhost:8080\")";
            report.error(&text.place, "this is neither an address, a network nor a host name", remedy);
            None
        }
    }
}
