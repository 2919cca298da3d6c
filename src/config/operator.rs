//! The section `[operator]`: what those who run the service are told, and when.
//!
//! Data in: its tables, file after file; a later file wins for each key. Data out: [`OperatorConfig`]. Who they are stands
//! in `[mail]`.
//!
//! **Invariant:** the address that is pinged is a secret wherever it is kept: whoever knows it can say that all is well.
//!
//! Rejected: a time of day alone for the daily mail. Whoever wants none at weekends has the schedules of digests already.

use std::{ops::RangeInclusive, time::Duration};

use jiff::{civil, tz::TimeZone};
use url::Url;

use super::{
    delivery,
    diagnostic::Report,
    reader::{Schema, Table},
    secret::{self, SecretSource},
    sections::FetchConfig,
    source::{Place, Text},
    subscriptions::zone,
    visits::is_own,
};
use crate::model::{Dates, Days, DigestPolicy, Secret, Summary, WhenEmpty};

/// Bounds of `every` of the ping.
pub const PING_EVERY: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(86_400);
/// `every`, where the configuration says nothing.
const PING_USUAL: Duration = Duration::from_secs(300);
/// Longest address of the ping, in bytes.
pub const MAX_PING_BYTES: usize = 2_048;

pub(super) const OPERATOR: Schema = Schema {
    name: "[operator]",
    keys: &["zone", "daily", "heartbeat", "canary", "ping"],
    elsewhere: &[
        ("to", "who they are stands in [mail]: operator = [\"ops@example.com\"]"),
        ("operator", "who they are stands in [mail]: operator = [\"ops@example.com\"]"),
        ("at", "it stands in daily = { at = [\"07:00\"] }"),
    ],
};
const TIMES: &[&str] = &["at", "days", "every", "cron"];
const DAILY: Schema = Schema { name: "daily", keys: TIMES, elsewhere: ZONE };
const HEARTBEAT: Schema = Schema { name: "heartbeat", keys: TIMES, elsewhere: ZONE };
const CANARY: Schema = Schema { name: "canary", keys: TIMES, elsewhere: ZONE };
const ZONE: &[(&str, &str)] = &[("zone", "one zone is for all of [operator]; write it there")];
const PING: Schema = Schema { name: "ping", keys: &["url", "every"], elsewhere: &[] };
const PING_FORMS: &str = "url = { credential = \"ping-url\" }, { file = \"/etc/wirewatch/ping-url\" }, \
                          { env = \"PING_URL\" } or \"https://…\"";

/// `[operator]`
#[derive(Debug, Clone)]
pub struct OperatorConfig {
    /// Zone of its times.
    pub zone: TimeZone,
    /// When what can wait is told.
    pub daily: DigestPolicy,
    /// When the mail is due that says all is well.
    pub heartbeat: Option<DigestPolicy>,
    /// When a synthetic item goes all the way.
    pub canary: Option<DigestPolicy>,
    /// What is asked for while all is well.
    pub ping: Option<PingConfig>,
}

impl Default for OperatorConfig {
    fn default() -> Self {
        Self {
            zone: TimeZone::UTC,
            daily: policy(vec![civil::Time::constant(7, 0, 0, 0)], Dates::Weekdays(Days::ALL)),
            heartbeat: None,
            canary: None,
            ping: None,
        }
    }
}

/// An address outside that is asked for while all is well.
#[derive(Debug, Clone)]
pub struct PingConfig {
    /// Which.
    pub url: PingUrl,
    /// How often.
    pub every: Duration,
}

/// Where the address of the ping is.
#[derive(Debug, Clone)]
pub enum PingUrl {
    /// In the configuration.
    Written(Secret),
    /// Elsewhere.
    Kept(SecretSource),
}

/// Why an address cannot be pinged; the words do not repeat it.
///
/// # Errors
/// In plain words what is wrong with it.
pub fn check_ping(address: &str, fetch: &FetchConfig) -> Result<Url, &'static str> {
    if address.len() > MAX_PING_BYTES {
        return Err("the address of the ping is too long");
    }
    let url = Url::parse(address.trim()).map_err(|_| "the address of the ping is not understood")?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none_or(str::is_empty) {
        return Err("the address of the ping begins with neither https:// nor http://");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("the address of the ping holds a user name or a password, which is not supported");
    }
    if url.scheme() == "http" && !is_own(&url, &fetch.allow) {
        return Err("the address of the ping would travel in the clear, where anyone on the way can read it");
    }
    Ok(url)
}

/// What to do about an address that [`check_ping`] refuses.
pub const PING_REMEDY: &str = "write it as your monitoring service shows it, such as \"https://hc.example.com/ping/KEY\"; \
                               http:// is for hosts in [fetch] allow only";

/// `[operator]` while files are read.
#[derive(Default)]
pub(super) struct OperatorDraft {
    config: OperatorConfig,
    /// What needs somebody to write to.
    needs_people: Option<(Place, &'static str)>,
    ping_place: Option<Place>,
}

impl OperatorDraft {
    pub(super) fn read(&mut self, table: &Table<'_>) {
        let config = &mut self.config;
        config.zone = zone(table, "zone").unwrap_or(config.zone.clone());
        config.daily = schedule(table, "daily", &DAILY).unwrap_or(config.daily.clone());
        config.heartbeat = schedule(table, "heartbeat", &HEARTBEAT).or(config.heartbeat.take());
        config.canary = schedule(table, "canary", &CANARY).or(config.canary.take());
        for key in ["heartbeat", "canary"] {
            let place = table.key_place(key).map(|place| (place, key));
            self.needs_people = place.or(self.needs_people.take());
        }
        let example = "{ url = { credential = \"ping-url\" }, every = \"5m\" }";
        if let Some(given) = table.table("ping", &PING, example) {
            self.ping_place = Some(given.place().clone());
            config.ping = ping(&given).or(config.ping.take());
        }
    }

    pub(super) fn finish(self, people: usize, fetch: &FetchConfig, report: &Report) -> OperatorConfig {
        if let Some((place, key)) = self.needs_people.filter(|_| people == 0 && !report.has_errors()) {
            let what = format!("`{key}` is set, and there is nobody to write to");
            report.warning(&place, what, "add operator = [\"ops@example.com\"] to [mail]");
        }
        if let (Some(place), Some(PingConfig { url: PingUrl::Written(url), .. })) =
            (self.ping_place, &self.config.ping)
            && let Err(what) = check_ping(url.reveal(), fetch)
        {
            report.error(&place, what, PING_REMEDY);
        }
        self.config
    }
}

fn policy(at: Vec<civil::Time>, on: Dates) -> DigestPolicy {
    DigestPolicy { at, on, when_empty: WhenEmpty::Skip, escalate: None, summary: Summary::Digest }
}

fn schedule(table: &Table<'_>, key: &str, schema: &'static Schema) -> Option<DigestPolicy> {
    let given = table.table(key, schema, "{ at = [\"07:00\"], days = \"mon-fri\" }")?;
    let (at, on) = delivery::times(&given, Days::ALL)?;
    (!at.is_empty()).then(|| policy(at, on))
}

fn ping(table: &Table<'_>) -> Option<PingConfig> {
    let report = table.report();
    let every = table.duration("every", PING_EVERY);
    let every = match (table.key_place("every"), every) {
        (Some(_), None) => return None,
        (_, given) => given.map_or(PING_USUAL, |every| every.value),
    };
    let url = match table.key_place("url") {
        None => {
            report.error(table.place(), "`ping` has no `url`", format!("write {PING_FORMS}"));
            return None;
        }
        Some(_) if table.is_table("url") => PingUrl::Kept(secret::read_written(table, "url", PING_FORMS)?),
        Some(_) => {
            let Text { value, .. } = table.text("url", "https://hc.example.com/ping/KEY")?;
            PingUrl::Written(Secret::new(value.trim()))
        }
    };
    Some(PingConfig { url, every })
}
