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

use jiff::tz::TimeZone;
use xxhash_rust::xxh3::xxh3_64;

use super::{
    delivery::{self, ALERT_KEYS, DIGEST_KEYS},
    diagnostic::{Report, did_you_mean},
    reader::{Schema, Table, printable},
    source::{Place, Text},
    topics::{BUILTIN_TOPICS, NAME_REMEDY, TopicDrafts, name_fault},
};
use crate::model::{Delivery, Recipient, Subscription, SubscriptionName, Summary, TopicName, TopicSelector};

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
    keys: &[
        "name",
        "to",
        "topics",
        "deliver",
        "zone",
        "group_wait",
        "quiet",
        "break_through",
        "max_per_hour",
        "updates",
        "corroborate",
        "update_every",
        "at",
        "days",
        "every",
        "cron",
        "when_empty",
        "escalate",
    ],
    elsewhere: &[("topic", "write topics = [\"…\"]"), ("from", "the sender stands in [mail]")],
};

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
    Weekly,
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
    let kinds = [("alert", Kind::Alert), ("digest", Kind::Digest), ("weekly", Kind::Weekly)];
    let kind = table.choice("deliver", &kinds);
    let delivery = match kind.map(|k| k.value) {
        Some(Kind::Alert) => {
            misfits(table, &DIGEST_KEYS, "digest");
            delivery::alert(table, zone.as_ref()).map(Delivery::Alert)
        }
        Some(kind) => {
            misfits(table, &ALERT_KEYS, "alert");
            let summary = if kind == Kind::Weekly { Summary::Weekly } else { Summary::Digest };
            delivery::digest(table, summary).map(Delivery::Digest)
        }
        None => {
            if table.key_place("deliver").is_none() {
                missing(
                    table,
                    "deliver",
                    "add deliver = \"alert\" (at once), deliver = \"digest\" (at set times) or deliver = \"weekly\"",
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
    table.report().error(table.place(), format!("{} has no `{key}`", table.name()), remedy);
}

pub(super) fn required_list(table: &Table<'_>, key: &str, example: &str, most: usize) -> Option<Vec<Text>> {
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
pub(super) fn zone(table: &Table<'_>, key: &str) -> Option<TimeZone> {
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
        Delivery::Digest(policy) if policy.summary == Summary::Weekly => "weekly",
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
