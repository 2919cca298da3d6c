//! Topics and lists as configured: strings with their places, not yet compiled.
//!
//! Data in: `[[topic]]` and `[lists]`. Data out: [`TopicEntry`]s with unique names, and lists by name.
//!
//! **Invariant:** every string keeps its place, so that an error of the query language points into the file.
//!
//! Rejected: compiling topics here, which would tie the TOML shape to the query language.

use std::collections::{BTreeMap, HashMap};

use super::{
    diagnostic::{Report, did_you_mean},
    feeds::title,
    reader::{Placed, Schema, Table, printable},
    source::{Place, Text},
};

/// Built-in topics, by the names used in `use = "builtin:NAME"`.
pub const BUILTIN_TOPICS: [&str; 3] = ["us-china-trade", "rare-earths", "leader-calls"];
/// Topics in force.
pub const MAX_TOPICS: usize = 10_000;
/// Entries of one of `any`, `all`, `none`, or of a list.
pub const MAX_TERMS: usize = 10_000;
/// Lists under `[lists]`.
pub const MAX_LISTS: usize = 1_000;
/// Characters of a topic's, list's or subscription's name.
pub const MAX_NAME_CHARS: usize = 64;

pub(super) const TOPIC: Schema = Schema {
    name: "[[topic]]",
    keys: &["use", "name", "title", "query", "any", "all", "none"],
    elsewhere: &[("keywords", "write any = [\"…\"]"), ("to", "recipients stand in [[subscription]]")],
};

/// Where a topic's rules come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TopicOrigin {
    /// The built-in topic of this name, one of [`crate::query::builtin_names`], extended by the entries given.
    Builtin(String),
    /// The entries alone.
    Own,
}

/// A `[[topic]]`.
#[derive(Debug, Clone)]
pub struct TopicEntry {
    /// Where its rules come from.
    pub origin: TopicOrigin,
    /// Stable key, unique; that of a built-in topic is the built-in's.
    pub name: String,
    /// Where the name stands.
    pub name_place: Place,
    /// Name for people, when given.
    pub title: Option<String>,
    /// One of these must occur.
    pub any: Vec<Text>,
    /// Each of these must occur.
    pub all: Vec<Text>,
    /// None of these may occur.
    pub none: Vec<Text>,
    /// The topic in the query language; of a topic of its own only.
    pub query: Option<Text>,
}

/// A list of entries in a [`TopicEntry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TopicKey {
    /// [`TopicEntry::any`]
    Any,
    /// [`TopicEntry::all`]
    All,
    /// [`TopicEntry::none`]
    None,
}

impl TopicEntry {
    /// The entries under one key.
    pub fn entries(&self, key: TopicKey) -> &[Text] {
        match key {
            TopicKey::Any => &self.any,
            TopicKey::All => &self.all,
            TopicKey::None => &self.none,
        }
    }
}

/// What is wrong with a name, if anything.
pub(super) fn name_fault(name: &str) -> Option<String> {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if name.is_empty() {
        return Some("the name is empty".to_owned());
    }
    if name.chars().count() > MAX_NAME_CHARS {
        return Some(format!("the name is longer than {MAX_NAME_CHARS} characters"));
    }
    if name.starts_with('-') {
        return Some("the name begins with `-`".to_owned());
    }
    name.chars()
        .find(|c| !fits(*c))
        .map(|c| format!("`{}` cannot stand in a name", printable(&c.to_string())))
}

/// How a name is written, for remedies.
pub(super) const NAME_REMEDY: &str =
    "use lower-case letters, digits and `-`, at most 64, such as \"port-fees\"";

/// All topics of a load.
#[derive(Default)]
pub(super) struct TopicDrafts {
    entries: Vec<TopicEntry>,
    /// Every name that was meant to be declared, faulty topics included, so that one fault is told once.
    declared: HashMap<String, Place>,
}

impl TopicDrafts {
    pub(super) fn read(&mut self, table: &Table<'_>) {
        let report = table.report();
        let title = title(table);
        let [any, all, none] = ["any", "all", "none"].map(|key| terms(table, key));
        let query = table.text("query", "tariff(s) NEAR/8 China");
        let Some((origin, name)) = origin(table) else { return };
        if let Some(first) = self.declared.get(&name.value) {
            let what = format!("the topic `{}` is declared twice; first at {first}", name.value);
            report.error(&name.place, what, "rename or remove one of the two");
            return;
        }
        self.declared.insert(name.value.clone(), name.place.clone());
        if let Some(query) = query.as_ref().filter(|_| origin != TopicOrigin::Own) {
            let what = "a topic with `use` has its query already";
            report.error(
                &query.place,
                what,
                "add words with any = […] and none = […], or write a topic of its own",
            );
            return;
        }
        if let Some(query) = query.as_ref().filter(|_| !(any.is_empty() && all.is_empty())) {
            let what = "the topic has a query and lists of what must occur";
            report.error(&query.place, what, "put any and all into the query, or leave the query out");
            return;
        }
        if origin == TopicOrigin::Own && query.is_none() && any.is_empty() && all.is_empty() {
            // Entries that were left out have been reported by now.
            if table.key_place("query").is_none()
                && table.element_count("any") + table.element_count("all") == 0
            {
                let what = format!("the topic `{}` says nothing that should occur", name.value);
                report.error(&name.place, what, "add any = [\"…\"], all = [\"…\"] or query = \"…\"");
            }
            return;
        }
        if self.entries.len() == MAX_TOPICS {
            report.error(&name.place, format!("there are more than {MAX_TOPICS} topics"), "remove some");
        }
        if self.entries.len() <= MAX_TOPICS {
            self.entries.push(TopicEntry {
                origin,
                name: name.value,
                name_place: name.place,
                title,
                any,
                all,
                none,
                query,
            });
        }
    }

    /// Whether a topic of that name was declared, rightly or not.
    pub(super) fn declares(&self, name: &str) -> bool {
        self.declared.contains_key(name)
    }

    /// The declared name most like `name`.
    pub(super) fn guess(&self, name: &str) -> Option<&str> {
        let mut names: Vec<&str> = self.declared.keys().map(String::as_str).collect();
        names.sort_unstable();
        did_you_mean(name, names)
    }

    /// In order of the files.
    pub(super) fn into_entries(self) -> Vec<TopicEntry> {
        self.entries
    }
}

/// Origin and name; reports when neither or both are given.
fn origin(table: &Table<'_>) -> Option<(TopicOrigin, Text)> {
    let report = table.report();
    let used = table.text("use", "builtin:rare-earths");
    let name = table.text("name", "port-fees");
    match (used, name) {
        (Some(used), Some(name)) => {
            let what =
                format!("a topic with `use` cannot be renamed (`use` = \"{}\")", printable(&used.value));
            report.error(&name.place, what, "remove name; title = \"…\" changes what people see");
            None
        }
        (Some(used), None) => builtin(used, report),
        (None, Some(name)) => match name_fault(&name.value) {
            None => Some((TopicOrigin::Own, name)),
            Some(fault) => {
                report.error(&name.place, fault, NAME_REMEDY);
                None
            }
        },
        (None, None) => {
            if table.key_place("use").is_none() && table.key_place("name").is_none() {
                let remedy = "add name = \"port-fees\", or use = \"builtin:rare-earths\"";
                report.error(table.place(), "[[topic]] has neither `name` nor `use`", remedy);
            }
            None
        }
    }
}

fn builtin(used: Text, report: &Report) -> Option<(TopicOrigin, Text)> {
    let name = used.value.strip_prefix("builtin:").unwrap_or(&used.value).trim().to_owned();
    let known = BUILTIN_TOPICS.contains(&name.as_str());
    if known && used.value.starts_with("builtin:") {
        let text = Text { value: name.clone(), place: used.place };
        return Some((TopicOrigin::Builtin(name), text));
    }
    let remedy = match did_you_mean(&name, BUILTIN_TOPICS) {
        Some(guess) => format!("did you mean \"builtin:{guess}\"?"),
        None => format!("built-in topics: {}", BUILTIN_TOPICS.map(|b| format!("\"builtin:{b}\"")).join(", ")),
    };
    report.error(&used.place, format!("there is no topic \"{}\" to use", printable(&used.value)), remedy);
    None
}

fn terms(table: &Table<'_>, key: &str) -> Vec<Text> {
    table.texts(key, "port fee(s)").map(|list| checked_terms(list, table.report())).unwrap_or_default()
}

/// Entries that are not blank, up to the limit.
fn checked_terms(list: Placed<Vec<Text>>, report: &Report) -> Vec<Text> {
    let Placed { value: mut texts, place } = list;
    if texts.len() > MAX_TERMS {
        let what = format!("there are {} entries; at most {MAX_TERMS} are taken", texts.len());
        report.error(&place, what, "split the topic, or use a prefix such as tariff*");
        texts.truncate(MAX_TERMS);
    }
    texts.retain(|text| {
        let blank = text.value.trim().is_empty();
        if blank {
            report.error(&text.place, "the entry is empty", "remove it");
        }
        !blank
    });
    texts
}

/// Reads `[lists]` of the root table over what is there; a later file replaces a list of the same name.
pub(super) fn read_lists(lists: &mut BTreeMap<String, Vec<Text>>, root: &Table<'_>) {
    let report = root.report();
    for (name, texts) in root.named_texts("lists", "gallium") {
        // `_` is common in names of lists, and they stand in no address or file name.
        if let Some(fault) = name_fault(&name.value.replace('_', "-")) {
            report.error(&name.place, fault, NAME_REMEDY);
            continue;
        }
        let entries = checked_terms(texts, report);
        if !lists.contains_key(&name.value) && lists.len() >= MAX_LISTS {
            report.error(&name.place, format!("there are more than {MAX_LISTS} lists"), "remove some");
            continue;
        }
        lists.insert(name.value, entries);
    }
}
