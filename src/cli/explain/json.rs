//! Explanations for machines. Fields are only ever added.

use serde::Serialize;

use super::{Subject, because::because};
use crate::{
    cli::mark::Marks,
    matching::{Explanation, Label, Node},
    model::{ClauseHit, Item},
};

#[derive(Debug, Serialize)]
pub(super) struct Answer {
    id: Option<Box<serde_json::value::RawValue>>,
    title: String,
    link: Option<String>,
    topics: Vec<Topic>,
}

#[derive(Debug, Serialize)]
struct Topic {
    topic: String,
    title: String,
    matched: bool,
    /// What stood in the way; empty for a match.
    because: Vec<Obstacle>,
    clauses: Clause,
}

#[derive(Debug, Serialize)]
struct Obstacle {
    clause: String,
    reason: String,
}

#[derive(Debug, Serialize)]
struct Clause {
    kind: &'static str,
    /// The word, the list's name, `NEAR/8` and the like.
    name: Option<String>,
    holds: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    weight: Option<i16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hits: Vec<Hit>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    clauses: Vec<Clause>,
}

/// A place in the text of a field: bytes, and what stands there.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Hit {
    field: &'static str,
    start: usize,
    end: usize,
    text: String,
}

impl Hit {
    pub(in crate::cli) fn of(item: &Item, hit: &ClauseHit) -> Self {
        let text = item.field(hit.field).get(hit.span.clone()).unwrap_or_default().to_owned();
        Self { field: hit.field.as_str(), start: hit.span.start, end: hit.span.end, text }
    }
}

pub(super) fn answer(subject: Subject, explanations: &[Explanation]) -> Answer {
    let Subject { id, item } = subject;
    let topics = explanations.iter().map(|explanation| Topic {
        topic: explanation.topic.name.to_string(),
        title: explanation.topic.title.clone(),
        matched: explanation.matched,
        because: because(explanation, &item, Marks::Plain)
            .into_iter()
            .map(|because| Obstacle { clause: because.clause, reason: because.what })
            .collect(),
        clauses: clause(&explanation.root, &item),
    });
    let topics = topics.collect();
    Answer { id, link: item.link.map(|link| link.to_string()), title: item.title, topics }
}

fn clause(node: &Node, item: &Item) -> Clause {
    let (kind, name) = match &node.label {
        Label::AllOf => ("all", None),
        Label::AnyOf => ("any", None),
        Label::NoneOf => ("none", None),
        Label::List(name) => ("list", Some(name.to_string())),
        Label::Entry(text) => ("word", Some(text.to_string())),
        Label::Near(proximity) => ("near", Some(proximity.to_string())),
        Label::AtLeast(count) => ("atleast", Some(format!("ATLEAST/{count}"))),
        Label::Score(threshold) => ("score", Some(format!("SCORE/{threshold}"))),
        Label::Scope(scope) => ("scope", Some(scope.as_str().to_owned())),
    };
    Clause {
        kind,
        name,
        holds: node.holds,
        weight: node.weight,
        reason: node.reason.map(|reason| reason.to_string()),
        hits: node.hits.iter().map(|hit| Hit::of(item, hit)).collect(),
        clauses: node.children.iter().map(|child| clause(child, item)).collect(),
    }
}
