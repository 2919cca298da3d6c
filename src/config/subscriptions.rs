//! Subscriptions: `[[subscription]]`, who gets what and when.
//!
//! Data in: their tables and the topics declared in all files. Data out: [`Subscription`]s with unique names.
//!
//! **Invariant:** a key that does not fit the delivery is an error, not ignored; a derived name depends on
//! the delivery, the recipients and the topics alone, in any order.
//!
//! Rejected: a derived name with a running number, which changes when another subscription is added before
//! it.

use std::collections::{HashMap, HashSet};

use jiff::{civil, tz::TimeZone};
use xxhash_rust::xxh3::xxh3_64;

use super::{
    diagnostic::{Report, did_you_mean},
    reader::{Schema, Table, printable},
    source::{Place, Text},
    topics::{BUILTIN_TOPICS, NAME_REMEDY, TopicDrafts, name_fault},
    weekdays,
};
use crate::model::{
    AlertPolicy, Delivery, DigestPolicy, QuietHours, Recipient, Subscription, SubscriptionName, TopicName,
    TopicSelector, WhenEmpty,
};

/// Subscriptions in force.
pub const MAX_SUBSCRIPTIONS: usize = 10_000;
/// Recipients of one subscription, and operators.
pub const MAX_RECIPIENTS: usize = 1_000;
/// Topics named by one subscription.
pub const MAX_TOPICS_NAMED: usize = 1_000;
/// Times of day of one digest.
pub const MAX_DIGEST_TIMES: usize = 48;
/// Largest `max_per_hour`.
pub const MAX_ALERTS_PER_HOUR: u64 = 1_000;

pub(super) const SUBSCRIPTION: Schema = Schema {
    name: "[[subscription]]",
    keys: &["name", "to", "topics", "deliver", "zone", "quiet", "max_per_hour", "at", "days", "when_empty"],
    elsewhere: &[("topic", "write topics = [\"…\"]"), ("from", "the sender stands in [mail]")],
};
pub(super) const QUIET: Schema = Schema { name: "quiet", keys: &["from", "to", "zone"], elsewhere: &[] };

const ALERT_KEYS: [&str; 2] = ["quiet", "max_per_hour"];
const DIGEST_KEYS: [&str; 3] = ["at", "days", "when_empty"];

/// A `[[subscription]]` before the topics of all files are known.
pub(super) struct SubscriptionDraft {
    name: Option<Text>,
    place: Place,
    to: Vec<Recipient>,
    topics: Vec<Text>,
    zone: TimeZone,
    delivery: Delivery,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Alert,
    Digest,
}

/// Reads one `[[subscription]]`; all its faults are reported before it is left out.
pub(super) fn read(table: &Table<'_>) -> Option<SubscriptionDraft> {
    let report = table.report();
    let name = table.text("name", "desk-alerts");
    let name_is_bad = name.as_ref().is_some_and(|text| match name_fault(&text.value) {
        Some(fault) => {
            report.error(&text.place, fault, NAME_REMEDY);
            true
        }
        None => false,
    });
    let to = required_list(table, "to", "desk@example.com", MAX_RECIPIENTS)
        .map(|texts| recipients(&texts, report));
    let topics = required_list(table, "topics", "rare-earths", MAX_TOPICS_NAMED);
    let zone = zone(table, "zone");
    let kind = table.choice("deliver", &[("alert", Kind::Alert), ("digest", Kind::Digest)]);
    let delivery = match kind.map(|k| k.value) {
        Some(Kind::Alert) => {
            misfits(table, &DIGEST_KEYS, "digest");
            alert(table, zone.as_ref()).map(Delivery::Alert)
        }
        Some(Kind::Digest) => {
            misfits(table, &ALERT_KEYS, "alert");
            digest(table).map(Delivery::Digest)
        }
        None => {
            if table.key_place("deliver").is_none() {
                missing(
                    table,
                    "deliver",
                    "add deliver = \"alert\" (at once) or deliver = \"digest\" (at set times)",
                );
            }
            None
        }
    };
    let to = to.filter(|to| !to.is_empty())?;
    let (topics, delivery) = (topics?, delivery?);
    (!name_is_bad).then(|| SubscriptionDraft {
        name,
        place: table.place().clone(),
        to,
        topics,
        zone: zone.unwrap_or(TimeZone::UTC),
        delivery,
    })
}

fn missing(table: &Table<'_>, key: &str, remedy: &str) {
    table.report().error(table.place(), format!("[[subscription]] has no `{key}`"), remedy);
}

fn required_list(table: &Table<'_>, key: &str, example: &str, most: usize) -> Option<Vec<Text>> {
    let add = format!("{key} = [\"{example}\"]");
    if table.key_place(key).is_none() {
        missing(table, key, &format!("add {add}"));
    }
    let list = table.texts(key, example)?;
    let what = match list.value.len() {
        // Elements that were left out have been reported by now.
        0 if table.element_count(key) > 0 => return None,
        0 => format!("`{key}` is empty"),
        n if n > most => format!("`{key}` has {n} entries; at most {most} are taken"),
        _ => return Some(list.value),
    };
    table.report().error(&list.place, what, format!("write {add}"));
    None
}

fn misfits(table: &Table<'_>, keys: &[&str], belongs_to: &str) {
    for (key, place) in table.keys().filter(|(key, _)| keys.contains(key)) {
        let what = format!("`{key}` belongs to deliver = \"{belongs_to}\"");
        table.report().error(&place, what, format!("remove {key}, or write deliver = \"{belongs_to}\""));
    }
}

/// Addresses in order of writing; one named twice is taken once, with a warning.
pub(super) fn recipients(texts: &[Text], report: &Report) -> Vec<Recipient> {
    let (mut found, mut seen) = (Vec::with_capacity(texts.len()), HashSet::new());
    for text in texts {
        match Recipient::parse(text.value.trim()) {
            Ok(recipient) if seen.insert(recipient.address().to_ascii_lowercase()) => found.push(recipient),
            Ok(recipient) => {
                report.warning(&text.place, format!("{recipient} is named twice"), "remove one of the two");
            }
            Err(error) => {
                let remedy = "write one plain address, such as \"desk@example.com\"; \
                              several go into the list one by one";
                report.error(&text.place, format!("this address cannot be used: {error}"), remedy);
            }
        }
    }
    if texts.len() > MAX_RECIPIENTS
        && let Some(text) = texts.get(MAX_RECIPIENTS)
    {
        report.error(
            &text.place,
            format!("there are more than {MAX_RECIPIENTS} addresses"),
            "use a mailing list",
        );
    }
    found
}

/// A time zone by its IANA name; `None` when absent or faulty.
fn zone(table: &Table<'_>, key: &str) -> Option<TimeZone> {
    let text = table.text(key, "Europe/London")?;
    let zones = jiff::tz::db();
    match zones.get(text.value.trim()) {
        Ok(zone) => Some(zone),
        Err(_) => {
            let names: Vec<String> = zones.available().map(|name| name.as_str().to_owned()).collect();
            let remedy = match zone_guess(&text.value, &names) {
                Some(guess) => format!("did you mean \"{guess}\"?"),
                None => "use an IANA name such as \"Europe/London\", \"Asia/Shanghai\" or \"UTC\"".to_owned(),
            };
            let what = format!("the time zone \"{}\" is not known", printable(&text.value));
            table.report().error(&text.place, what, remedy);
            None
        }
    }
}

/// Cities that people write and the database lists under another, in lower case.
const CITIES_WITHOUT_ZONE: [(&str, &str); 9] = [
    ("beijing", "Asia/Shanghai"),
    ("shenzhen", "Asia/Shanghai"),
    ("guangzhou", "Asia/Shanghai"),
    ("washington", "America/New_York"),
    ("boston", "America/New_York"),
    ("san_francisco", "America/Los_Angeles"),
    ("mumbai", "Asia/Kolkata"),
    ("delhi", "Asia/Kolkata"),
    ("frankfurt", "Europe/Berlin"),
];
/// Shorter texts are abbreviations, which no guess is safe for.
const SHORTEST_GUESSED: usize = 5;

/// A zone whose name, or whose city, is close to `text`.
fn zone_guess<'n>(text: &str, names: &'n [String]) -> Option<&'n str> {
    let all = || names.iter().map(String::as_str);
    let city = text.trim().replace(' ', "_");
    let place = city.rsplit('/').next().unwrap_or("").to_lowercase();
    if let Some((_, zone)) = CITIES_WITHOUT_ZONE.iter().find(|(city, _)| *city == place) {
        return Some(zone);
    }
    // "GMT+8" and "CST" resemble names of zones that are hours away; a wrong guess is worse than none.
    if city.chars().count() < SHORTEST_GUESSED || city.contains(|c: char| c.is_ascii_digit() || c == '+') {
        return None;
    }
    did_you_mean(&city, all()).or_else(|| {
        let same_city = |name: &&str| name.rsplit('/').next().is_some_and(|c| c.eq_ignore_ascii_case(&city));
        all().filter(|name| name.contains('/')).find(same_city)
    })
}

fn alert(table: &Table<'_>, zone_of_reader: Option<&TimeZone>) -> Option<AlertPolicy> {
    let given = table.integer("max_per_hour", 1..=MAX_ALERTS_PER_HOUR);
    let max_per_hour = given.and_then(|n| u32::try_from(n).ok());
    let example = "{ from = \"22:00\", to = \"07:00\" }";
    let quiet = match table.table("quiet", &QUIET, example) {
        None => None,
        Some(quiet) => Some(quiet_hours(&quiet, zone_of_reader, example)?),
    };
    Some(AlertPolicy { quiet, max_per_hour })
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

fn digest(table: &Table<'_>) -> Option<DigestPolicy> {
    let report = table.report();
    let days = match table.text("days", "mon-fri") {
        Some(text) => weekdays::read(&text, report),
        None => Some(crate::model::Days::ALL),
    };
    let when_empty = table.choice("when_empty", &[("send", WhenEmpty::Send), ("skip", WhenEmpty::Skip)]);
    let texts = required_list(table, "at", "07:30", MAX_DIGEST_TIMES)?;
    let mut at: Vec<civil::Time> = texts.iter().filter_map(|text| time(text, report)).collect();
    at.sort();
    at.dedup();
    let when_empty = when_empty.map_or(WhenEmpty::Send, |w| w.value);
    (!at.is_empty()).then_some(DigestPolicy { at, days: days?, when_empty })
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

/// Checks the topics against those declared and gives every subscription its name.
pub(super) fn finish(
    drafts: Vec<SubscriptionDraft>,
    topics: &TopicDrafts,
    report: &Report,
) -> Vec<Subscription> {
    if let Some(beyond) = drafts.get(MAX_SUBSCRIPTIONS) {
        report.error(
            &beyond.place,
            format!("there are more than {MAX_SUBSCRIPTIONS} subscriptions"),
            "remove some",
        );
    }
    let mut seen: HashMap<SubscriptionName, Place> = HashMap::new();
    let mut subscriptions = Vec::with_capacity(drafts.len());
    for draft in drafts {
        let Some(selector) = selector(&draft.topics, topics, report) else { continue };
        let (name, place) = match &draft.name {
            Some(text) => (SubscriptionName::new(&text.value), text.place.clone()),
            None => (derived_name(&draft.delivery, &draft.to, &selector), draft.place),
        };
        if let Some(first) = seen.get(&name) {
            let (what, remedy) = match draft.name {
                Some(_) => (
                    format!("the subscription `{name}` is declared twice; first at {first}"),
                    "rename one of the two",
                ),
                None => (
                    format!(
                        "this subscription has the recipients, topics and delivery of another, at {first}"
                    ),
                    "give one of them a name = \"…\", or remove it",
                ),
            };
            report.error(&place, what, remedy);
            continue;
        }
        seen.insert(name.clone(), place);
        let (to, zone, delivery) = (draft.to, draft.zone, draft.delivery);
        subscriptions.push(Subscription { name, to, topics: selector, zone, delivery });
    }
    subscriptions
}

fn selector(texts: &[Text], topics: &TopicDrafts, report: &Report) -> Option<TopicSelector> {
    if let Some(star) = texts.iter().find(|text| text.value == "*") {
        if texts.len() > 1 {
            report.error(
                &star.place,
                "\"*\" is every topic, so nothing stands beside it",
                "write topics = [\"*\"]",
            );
        }
        return Some(TopicSelector::All);
    }
    let mut names: Vec<TopicName> = Vec::with_capacity(texts.len());
    let mut all_known = true;
    for text in texts {
        let name = text.value.trim();
        if !topics.declares(name) {
            all_known = false;
            let bare = name.strip_prefix("builtin:").unwrap_or(name);
            let remedy = match topics.guess(bare) {
                Some(guess) => format!("did you mean \"{guess}\"?"),
                None if BUILTIN_TOPICS.contains(&bare) => {
                    format!("add [[topic]] with use = \"builtin:{bare}\"")
                }
                None => "declare it with [[topic]], or write topics = [\"*\"] for all".to_owned(),
            };
            report.error(&text.place, format!("there is no topic \"{}\"", printable(name)), remedy);
        } else if names.iter().any(|known| known.as_str() == name) {
            report.warning(&text.place, format!("the topic {name} is named twice"), "remove one of the two");
        } else {
            names.push(TopicName::new(name));
        }
    }
    all_known.then_some(TopicSelector::Named(names))
}

/// `alert-1a2b3c4d`: stable while delivery, recipients and topics stay, in whatever order they are written.
fn derived_name(delivery: &Delivery, to: &[Recipient], topics: &TopicSelector) -> SubscriptionName {
    let kind = match delivery {
        Delivery::Alert(_) => "alert",
        Delivery::Digest(_) => "digest",
    };
    let mut recipients: Vec<&str> = to.iter().map(Recipient::address).collect();
    recipients.sort_unstable();
    let mut topics: Vec<&str> = match topics {
        TopicSelector::All => vec!["*"],
        TopicSelector::Named(names) => names.iter().map(TopicName::as_str).collect(),
    };
    topics.sort_unstable();
    let hash = xxh3_64(format!("{}\n\n{}", recipients.join("\n"), topics.join("\n")).as_bytes());
    SubscriptionName::new(&format!("{kind}-{:08x}", hash >> 32))
}
