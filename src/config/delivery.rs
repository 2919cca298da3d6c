//! How a subscription delivers: what holds alerts, what makes updates, when digests are due.
//!
//! Data in: the keys of a `[[subscription]]`. Data out: [`AlertPolicy`] and [`DigestPolicy`].
//!
//! **Invariant:** of `at`, `every` and `cron` exactly one says when a digest is due, but for the one time in `at` that
//! `every` counts from.
//!
//! Rejected: one key with all spellings (`when = "every 6h"`), in which a slip of the pen becomes another schedule.

use std::{ops::RangeInclusive, time::Duration};

use jiff::{civil, tz::TimeZone};

use super::{
    cron,
    diagnostic::Report,
    reader::{Schema, Table, printable},
    source::Text,
    subscriptions::{MAX_ALERTS_PER_HOUR, MAX_DIGEST_TIMES, required_list, zone},
    units::print_duration,
    weekdays,
};
use crate::model::{
    AlertPolicy, Dates, Days, DigestPolicy, Line, NewsKind, QuietHours, Summary, UpdatePolicy, WhenEmpty,
};

/// Longest `group_wait`: an alert is to be one.
pub const MAX_GROUP_WAIT: Duration = Duration::from_secs(3_600);
/// Bounds of `update_every`.
pub const UPDATE_EVERY: RangeInclusive<Duration> = Duration::from_secs(60)..=Duration::from_secs(7 * 86_400);
/// Most thresholds in `corroborate`.
pub const MAX_THRESHOLDS: usize = 10;
/// Largest number of sources, and largest score, that a line can ask for.
pub const MAX_LINE: u64 = 1_000;
/// Shortest `every` that is not days: [`MAX_DIGEST_TIMES`] a day.
const SHORTEST_EVERY: Duration = Duration::from_secs(30 * 60);
/// Longest `every`: four weeks.
const LONGEST_EVERY: Duration = Duration::from_secs(28 * 86_400);
const DAY: u64 = 86_400;

pub(super) const QUIET: Schema = Schema { name: "quiet", keys: &["from", "to", "zone"], elsewhere: &[] };
pub(super) const LINE: Schema = Schema { name: "the line", keys: &["sources", "score"], elsewhere: &[] };

/// Keys of alerts.
pub(super) const ALERT_KEYS: [&str; 7] =
    ["quiet", "break_through", "max_per_hour", "group_wait", "updates", "corroborate", "update_every"];
/// Keys of digests.
pub(super) const DIGEST_KEYS: [&str; 6] = ["at", "days", "every", "cron", "when_empty", "escalate"];

pub(super) fn alert(table: &Table<'_>, zone_of_reader: Option<&TimeZone>) -> Option<AlertPolicy> {
    let given = table.integer("max_per_hour", 1..=MAX_ALERTS_PER_HOUR);
    let max_per_hour = given.and_then(|n| u32::try_from(n).ok());
    let example = "{ from = \"22:00\", to = \"07:00\" }";
    let group_wait = table.duration("group_wait", Duration::ZERO..=MAX_GROUP_WAIT);
    let break_through = line(table, "break_through");
    if let (Some(_), None, Some(place)) =
        (break_through, table.key_place("quiet"), table.key_place("break_through"))
    {
        let what = "`break_through` is for quiet hours, and there are none";
        table.report().warning(&place, what, format!("add quiet = {example}, or remove it"));
    }
    let updates = updates(table);
    let quiet = match table.table("quiet", &QUIET, example) {
        None => None,
        Some(quiet) => Some(quiet_hours(&quiet, zone_of_reader, example)?),
    };
    Some(AlertPolicy {
        group_wait: group_wait.map_or(AlertPolicy::GROUP_WAIT, |wait| wait.value),
        quiet,
        break_through,
        max_per_hour,
        updates,
    })
}

fn updates(table: &Table<'_>) -> UpdatePolicy {
    let (report, default) = (table.report(), UpdatePolicy::default());
    let every = table.duration("update_every", UPDATE_EVERY).map_or(default.every, |every| every.value);
    let on = table.texts("updates", "sources").map_or(default.on, |list| {
        let mut on = Vec::new();
        for text in &list.value {
            match NewsKind::ALL.into_iter().find(|kind| kind.as_str() == text.value) {
                Some(kind) if !on.contains(&kind) => on.push(kind),
                Some(_) => report.warning(&text.place, "it is named twice", "remove one of the two"),
                None => {
                    let what = format!("\"{}\" is nothing that can be new", printable(&text.value));
                    let remedy =
                        "write \"sources\", \"first-tier\", \"clause\", \"headline\", or [] for no updates";
                    report.error(&text.place, what, remedy);
                }
            }
        }
        on
    });
    let corroborate = match table.integers("corroborate", 2..=MAX_LINE, "[3, 10]") {
        None => default.corroborate,
        Some(list) => {
            if list.value.len() > MAX_THRESHOLDS {
                let what = format!("`corroborate` has more than {MAX_THRESHOLDS} entries");
                report.error(&list.place, what, "remove some");
            }
            let mut numbers: Vec<u32> = list.value.iter().filter_map(|n| u32::try_from(*n).ok()).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        }
    };
    UpdatePolicy { on, corroborate, every }
}

/// `{ sources = 5, score = 8 }`, of which one is needed.
fn line(table: &Table<'_>, key: &'static str) -> Option<Line> {
    let example = "{ sources = 5 }";
    let line = table.table(key, &LINE, example)?;
    let [sources, score] = ["sources", "score"].map(|key| line.integer(key, 1..=MAX_LINE));
    let narrow = |n: Option<u64>| n.and_then(|n| u32::try_from(n).ok());
    if line.keys().next().is_none() {
        table.report().error(line.place(), format!("`{key}` is empty"), format!("write {key} = {example}"));
    }
    let line = Line { sources: narrow(sources), score: narrow(score) };
    (line.sources.is_some() || line.score.is_some()).then_some(line)
}

fn quiet_hours(table: &Table<'_>, zone_of_reader: Option<&TimeZone>, example: &str) -> Option<QuietHours> {
    let report = table.report();
    let own_zone = zone(table, "zone");
    let [from, to] = ["from", "to"].map(|key| {
        if table.key_place(key).is_none() {
            report.error(
                table.place(),
                format!("`quiet` has no `{key}`"),
                format!("write quiet = {example}"),
            );
        }
        table.text(key, "22:00").and_then(|text| time(&text, report))
    });
    let (from, to) = (from?, to?);
    if from == to {
        let remedy = "write two different times; to mail nothing at once, use deliver = \"digest\"";
        report.error(table.place(), "`quiet` begins and ends at the same time", remedy);
        return None;
    }
    let zone = own_zone.or_else(|| zone_of_reader.cloned()).unwrap_or(TimeZone::UTC);
    Some(QuietHours { from, to, zone })
}

/// Reads the keys of a digest. A weekly one is due on Mondays where nothing is said of days.
pub(super) fn digest(table: &Table<'_>, summary: Summary) -> Option<DigestPolicy> {
    let usual = match summary {
        Summary::Digest => Days::ALL,
        Summary::Weekly => Days([true, false, false, false, false, false, false]),
    };
    let when_empty = table.choice("when_empty", &[("send", WhenEmpty::Send), ("skip", WhenEmpty::Skip)]);
    let when_empty = when_empty.map_or(WhenEmpty::Send, |w| w.value);
    let escalate = line(table, "escalate");
    let (at, on) = times(table, usual)?;
    (!at.is_empty()).then_some(DigestPolicy { at, on, when_empty, escalate, summary })
}

/// Reads `at`, `days`, `every` and `cron`: local times of day, rising, and the dates they are due on. On the `usual` days
/// where nothing is said of days.
pub(super) fn times(table: &Table<'_>, usual: Days) -> Option<(Vec<civil::Time>, Dates)> {
    let report = table.report();
    let days = match table.text("days", "mon-fri") {
        Some(text) => weekdays::read(&text, report),
        None => Some(usual),
    };
    match (table.key_place("every"), table.key_place("cron")) {
        (Some(_), Some(place)) => {
            report.error(&place, "`every` and `cron` both say when it is due", "remove one of them");
            None
        }
        (Some(_), None) => every(table),
        (None, Some(_)) => {
            unfit(table, &["at", "days"], "cron");
            cron::read(&table.text("cron", "30 7 * * mon-fri")?, report)
        }
        (None, None) => {
            let texts = required_list(table, "at", "07:30", MAX_DIGEST_TIMES)?;
            let mut at: Vec<civil::Time> = texts.iter().filter_map(|text| time(text, report)).collect();
            at.sort();
            at.dedup();
            Some((at, Dates::Weekdays(days?)))
        }
    }
}

fn unfit(table: &Table<'_>, keys: &[&str], beside: &str) {
    for (key, place) in table.keys().filter(|(key, _)| keys.contains(key)) {
        let what = format!("`{key}` has no place beside `{beside}`, which says it already");
        table.report().error(&place, what, format!("remove {key}, or remove {beside}"));
    }
}

/// Every so often, counted from local midnight or from the one time in `at`.
fn every(table: &Table<'_>) -> Option<(Vec<civil::Time>, Dates)> {
    let report = table.report();
    unfit(table, &["days"], "every");
    let every = table.duration("every", SHORTEST_EVERY..=LONGEST_EVERY)?;
    let from = match table.texts("at", "07:30") {
        None => civil::Time::midnight(),
        Some(list) => match list.value.as_slice() {
            [only] => time(only, report)?,
            _ => {
                let what = "beside `every`, `at` names the one time it counts from";
                report.error(&list.place, what, "write one time, or remove `at` to count from midnight");
                return None;
            }
        },
    };
    let seconds = every.value.as_secs();
    if seconds.is_multiple_of(DAY) {
        return Some((vec![from], Dates::Every(u16::try_from(seconds / DAY).unwrap_or(1))));
    }
    if !DAY.is_multiple_of(seconds) {
        let spelt = print_duration(every.value);
        let what = format!("a day cannot be divided by {spelt}, so the times would wander");
        let remedy = "write what divides a day (\"30m\", \"1h\", \"90m\", \"2h\", \"3h\", \"4h\", \"6h\", \"8h\", \
                      \"12h\") or whole days (\"2d\", \"1w\")";
        report.error(&every.place, what, remedy);
        return None;
    }
    let start = u64::try_from(from.duration_since(civil::Time::midnight()).as_secs()).unwrap_or(0);
    let mut at: Vec<civil::Time> = (0..DAY / seconds)
        .filter_map(|n| {
            let minute = ((start + n * seconds) % DAY) / 60;
            let (hour, minute) = (i8::try_from(minute / 60).ok()?, i8::try_from(minute % 60).ok()?);
            civil::Time::new(hour, minute, 0, 0).ok()
        })
        .collect();
    at.sort();
    Some((at, Dates::Every(1)))
}

/// Reads `07:30`.
fn time_of_day(text: &str) -> Option<civil::Time> {
    let number =
        |part: &str| (part.len() == 2).then(|| part.parse::<i8>().ok()).flatten().filter(|n| *n >= 0);
    let (hours, minutes) = text.split_once(':')?;
    civil::Time::new(number(hours)?, number(minutes)?, 0, 0).ok()
}

/// Reads `07:30`, or reports what is wrong.
fn time(text: &Text, report: &Report) -> Option<civil::Time> {
    let time = time_of_day(text.value.trim());
    if time.is_none() {
        let what = format!("\"{}\" is no time of day", printable(&text.value));
        let remedy = match text.value.trim() {
            "24:00" => "midnight is \"00:00\"; times go from \"00:00\" to \"23:59\"".to_owned(),
            short if time_of_day(&format!("0{short}")).is_some() => {
                format!("did you mean \"0{short}\"? write two digits each for hours and minutes")
            }
            _ => "write hours and minutes from \"00:00\" to \"23:59\"".to_owned(),
        };
        report.error(&text.place, what, remedy);
    }
    time
}
