//! Topics as configured → definitions the matcher takes.
//!
//! Data in: [`TopicEntry`]s and `[lists]`, whose strings know their places. Data out: [`TopicDef`]s, and a finding at
//! the very spot for each entry that is not understood.
//!
//! **Invariant:** a topic that cannot be compiled refuses the configuration; it is never left out.

use std::collections::BTreeMap;

use super::{
    diagnostic::Report,
    source::{Place, Text},
    topics::{TopicEntry, TopicKey, TopicOrigin},
};
use crate::query::{self, TopicDef, TopicSource};

/// The definitions in order of the configuration; those with faults are reported instead, each fault once.
pub(super) fn definitions(
    topics: &[TopicEntry],
    lists: &BTreeMap<String, Vec<Text>>,
    report: &Report,
) -> Vec<TopicDef> {
    let named: BTreeMap<String, Vec<String>> =
        lists.iter().map(|(name, entries)| (name.clone(), values(entries))).collect();
    // A list nobody uses must be right as well: it will be used one day.
    let mut told: Vec<query::Error> = Vec::new();
    let mut tell = |entry: Option<&TopicEntry>, error: query::Error| {
        let place = place_of(entry, lists, &error).or_else(|| entry.map(|entry| entry.name_place.clone()));
        if let Some(place) = place.filter(|_| !told.contains(&error)) {
            report.error(&place, error.message.clone(), error.help.clone().unwrap_or_default());
            told.push(error);
        }
    };
    if let Err(error) = query::check_lists(&named) {
        tell(None, error);
    }
    let mut definitions = Vec::with_capacity(topics.len());
    for entry in topics {
        match definition(entry, &named) {
            Ok(definition) => {
                let same =
                    definitions.iter().find(|d: &&TopicDef| d.topic.revision == definition.topic.revision);
                if let Some(same) = same {
                    let what = format!("the topic has the same rules as `{}`", same.topic.name);
                    report.warning(&entry.name_place, what, "remove one of the two");
                }
                for warning in &definition.warnings {
                    if let Some(place) = place_of(Some(entry), lists, warning) {
                        report.warning(
                            &place,
                            warning.message.clone(),
                            warning.help.clone().unwrap_or_default(),
                        );
                    }
                }
                definitions.push(definition);
            }
            // A fault of a list is one fault, however many topics use the list.
            Err(error) if matches!(error.place, query::Place::List { .. }) => tell(None, error),
            Err(error) => tell(Some(entry), error),
        }
    }
    definitions
}

fn definition(entry: &TopicEntry, named: &BTreeMap<String, Vec<String>>) -> Result<TopicDef, query::Error> {
    let source = TopicSource {
        name: entry.name.clone(),
        title: entry.title.clone(),
        any: values(&entry.any),
        all: values(&entry.all),
        none: values(&entry.none),
        query: entry.query.as_ref().map(|query| query.value.clone()),
    };
    match &entry.origin {
        TopicOrigin::Own => query::lists(&source, named),
        TopicOrigin::Builtin(name) => match query::builtin(name) {
            Some(base) => query::extend(&base, &source, named),
            None => query::lists(&source, named),
        },
    }
}

fn values(entries: &[Text]) -> Vec<String> {
    entries.iter().map(|entry| entry.value.clone()).collect()
}

fn place_of(
    entry: Option<&TopicEntry>,
    lists: &BTreeMap<String, Vec<Text>>,
    error: &query::Error,
) -> Option<Place> {
    let text = match &error.place {
        query::Place::Topic => return entry.map(|entry| entry.name_place.clone()),
        query::Place::Query => entry?.query.as_ref(),
        query::Place::Any(index) => entry?.entries(TopicKey::Any).get(*index),
        query::Place::All(index) => entry?.entries(TopicKey::All).get(*index),
        query::Place::None(index) => entry?.entries(TopicKey::None).get(*index),
        query::Place::List { name, index } => lists.get(name)?.get(*index),
    };
    Some(text?.at(error.span.clone()))
}
