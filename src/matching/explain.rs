//! Why an item matched a topic, or why not.
//!
//! In: compiled topics, one topic's name, an item. Out: [`Explanation`], the topic's expression as a tree with
//! truth values and places, ready to be printed.
//!
//! **Invariant:** `matched` is what [`super::matches()`] says.
//!
//! Rejected: storing the tree with each match. It is large, and the item and the rules give it again.

use std::{collections::HashMap, sync::Arc};

use crate::{
    model::{ClauseHit, Item, Topic, TopicName},
    query::ast::Expr,
};

use super::compile::CompiledTopics;

/// One topic judged on one item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The topic.
    pub topic: Topic,
    /// Whether the item matches it.
    pub matched: bool,
    /// The topic's expression.
    pub root: Node,
}

/// One clause or group of clauses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub label: Label,
    /// Whether it holds. A [`Label::NoneOf`] holds when nothing under it occurred.
    pub holds: bool,
    /// Every place of a [`Label::Entry`], in reading order; empty for the others.
    pub hits: Vec<ClauseHit>,
    /// Parts, in the order they were written; empty for a [`Label::Entry`].
    pub children: Vec<Node>,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Label {
    /// All parts must hold.
    AllOf,
    /// One part must hold.
    AnyOf,
    /// No part may hold.
    NoneOf,
    /// A named list, of which one entry must hold.
    List(Arc<str>),
    /// A word or phrase as written.
    Entry(Arc<str>),
}

impl Explanation {
    /// What would have had to occur and did not: the topmost parts that fail, `none` groups left out. Empty for
    /// a match.
    pub fn missing(&self) -> Vec<&Node> {
        self.failing().into_iter().filter(|node| node.label != Label::NoneOf).collect()
    }

    /// Entries that occurred and may not. Empty for a match.
    pub fn blocking(&self) -> Vec<&Node> {
        let mut blocking = Vec::new();
        let mut open: Vec<&Node> =
            self.failing().into_iter().filter(|node| node.label == Label::NoneOf).collect();
        while let Some(node) = open.pop() {
            if matches!(node.label, Label::Entry(_)) && node.holds {
                blocking.push(node);
            }
            open.extend(node.children.iter().rev());
        }
        blocking
    }

    fn failing(&self) -> Vec<&Node> {
        let mut failing = Vec::new();
        let mut open = vec![&self.root];
        while let Some(node) = open.pop() {
            match node.label {
                _ if node.holds => {}
                Label::AllOf => open.extend(node.children.iter().rev()),
                _ => failing.push(node),
            }
        }
        failing
    }
}

/// Judges `item` by the topic called `name`; `None` if there is no such topic.
pub fn explain(topics: &CompiledTopics, name: &TopicName, item: &Item) -> Option<Explanation> {
    let position = topics.position(name)?;
    let topic = topics.topics().get(position)?.clone();
    let mut places: HashMap<usize, Vec<ClauseHit>> = HashMap::new();
    for occurrence in topics.scan(item) {
        places.entry(occurrence.term).or_default().push(topics.hit(&occurrence));
    }
    let root = node(topics, topics.exprs.get(position)?, &places);
    Some(Explanation { topic, matched: root.holds, root })
}

fn node(topics: &CompiledTopics, expr: &Expr, places: &HashMap<usize, Vec<ClauseHit>>) -> Node {
    let all = |parts: &[Expr]| -> Vec<Node> { parts.iter().map(|part| node(topics, part, places)).collect() };
    let inner = |expr: &Expr| match expr {
        Expr::Or(parts) => all(parts),
        other => vec![node(topics, other, places)],
    };
    let group = |label, holds, children| Node { label, holds, hits: Vec::new(), children };
    match expr {
        Expr::Term(term) => {
            let hits = topics.term_ids.get(term).and_then(|id| places.get(id)).cloned().unwrap_or_default();
            let label = Label::Entry(Arc::clone(&term.source));
            Node { label, holds: !hits.is_empty(), hits, children: Vec::new() }
        }
        Expr::And(parts) => {
            let children = all(parts);
            group(Label::AllOf, children.iter().all(|child| child.holds), children)
        }
        Expr::Or(parts) => {
            let children = all(parts);
            group(Label::AnyOf, children.iter().any(|child| child.holds), children)
        }
        Expr::Not(excluded) => {
            let children = inner(excluded);
            group(Label::NoneOf, !children.iter().any(|child| child.holds), children)
        }
        Expr::Named { name, expr } => {
            let children = inner(expr);
            group(Label::List(Arc::clone(name)), children.iter().any(|child| child.holds), children)
        }
    }
}
