//! Topics as configured → definitions the matcher takes.
//!
//! Data in: [`TopicEntry`]s and `[lists]`, whose strings know their places. Data out: [`TopicDef`]s, and a finding at
//! the very spot for each entry that is not understood.
//!
//! **Invariant:** a topic that cannot be compiled refuses the configuration; it is never left out.

use std::collections::BTreeMap;

use super::{
    Config,
    diagnostic::{Diagnostic, Report},
    source::{Place, Source, Text},
    topics::{TopicEntry, TopicKey, TopicOrigin},
};
use crate::{
    matching::{CompileError, CompiledTopics},
    query::{self, TopicDef, TopicSource},
};

impl Config {
    /// The entries of `[lists]`, as queries use them.
    pub fn named_lists(&self) -> BTreeMap<String, Vec<String>> {
        named(&self.lists)
    }
}

/// Checks a query that was typed as the argument `argument` of a command; `lists` are those it may use as `@name`.
/// The topic it makes is called `name`.
///
/// # Errors
/// What is wrong, at its place in the query.
pub fn typed_query(
    argument: &str,
    text: &str,
    name: &str,
    lists: &BTreeMap<String, Vec<String>>,
) -> Result<TopicDef, Box<Diagnostic>> {
    let source =
        TopicSource { name: name.to_owned(), query: Some(text.to_owned()), ..TopicSource::default() };
    let checked = query::lists(&source, lists).and_then(|definition| {
        usable(&definition, &source, lists)?;
        Ok(definition)
    });
    checked.map_err(|error| {
        let place = match &error.place {
            query::Place::Query => Place::span(&Source::argument(argument, text), error.span),
            _ => Place::span(&Source::argument(argument, text), 0..text.len()),
        };
        Box::new(Diagnostic::error(&place, error.message, error.help.unwrap_or_default()))
    })
}

fn named(lists: &BTreeMap<String, Vec<Text>>) -> BTreeMap<String, Vec<String>> {
    lists.iter().map(|(name, entries)| (name.clone(), values(entries))).collect()
}

/// The definitions in order of the configuration; those with faults are reported instead, each fault once.
pub(super) fn definitions(
    topics: &[TopicEntry],
    lists: &BTreeMap<String, Vec<Text>>,
    report: &Report,
) -> Vec<TopicDef> {
    let named = named(lists);
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
    if let TopicOrigin::Builtin(name) = &entry.origin
        && let Some(base) = query::builtin(name)
    {
        let definition = query::extend(&base, &source, named)?;
        // A built-in topic to which nothing is added is known to compile (tested).
        if !source.adds_nothing() || base.lists.keys().any(|list| named.contains_key(list)) {
            usable(&definition, &source, named)?;
        }
        return Ok(definition);
    }
    let definition = query::lists(&source, named)?;
    usable(&definition, &source, named)?;
    Ok(definition)
}

/// Some clauses can be read, but not be looked for: only compiling them tells.
fn usable(
    definition: &TopicDef,
    source: &TopicSource,
    named: &BTreeMap<String, Vec<String>>,
) -> Result<(), query::Error> {
    let Err(error) = CompiledTopics::compile(std::slice::from_ref(definition)) else { return Ok(()) };
    let (clause, message, help) = match error {
        CompileError::Regex { clause, reason, .. } => (
            Some(clause),
            format!("the regular expression cannot be used: {reason}"),
            "mend it, or write plain words: `stem*`, `call(s|ed|ing)`, `\"two words\"`".to_owned(),
        ),
        CompileError::Empty { clause, .. } => {
            let message = format!("`{clause}` has no letter or digit left once it is folded");
            (Some(clause), message, "remove it".to_owned())
        }
        other => (None, other.to_string(), "split the topic into several".to_owned()),
    };
    let (place, span) = clause
        .and_then(|clause| query::locate(source, named, &clause))
        .unwrap_or((query::Place::Topic, 0..0));
    Err(query::Error { place, span, message, help: Some(help) })
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
