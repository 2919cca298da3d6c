//! Why an item matched a topic, or why not.
//!
//! In: compiled topics, one topic's name, an item. Out: [`Explanation`], the topic's expression as a tree with
//! truth values, places and, for what failed though its parts are there, the reason; ready to be printed.
//!
//! **Invariant:** `matched` is what [`super::matches()`] says.
//!
//! Rejected: storing the tree with each match. It is large, and the item and the rules give it again.

use std::{fmt, sync::Arc};

use crate::{
    model::{ClauseHit, Item, Topic, TopicName},
    query::{
        TopicDef,
        ast::{Expr, Proximity, Scope},
    },
};

use super::{
    compile::{CompiledTopics, Trace},
    evaluate::{Evaluation, Verdicts},
    scan::Places,
};

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
    /// Its weight, for a clause of a score.
    pub weight: Option<i16>,
    /// Whether it holds. A [`Label::NoneOf`] holds when nothing under it does.
    pub holds: bool,
    /// Every place of a word, phrase or regular expression, in reading order; for a scope that fails with
    /// [`Reason::OutsideScope`] the places outside; empty for the others.
    pub hits: Vec<ClauseHit>,
    /// Why it fails though its parts are there, or what a score adds up to.
    pub reason: Option<Reason>,
    /// Parts, in the order they were written; empty for a word, phrase or regular expression.
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
    /// A word, a phrase or a regular expression as written.
    Entry(Arc<str>),
    /// Two parts close to each other.
    Near(Proximity),
    /// So many places.
    AtLeast(u16),
    /// Weights of parts that hold, added up.
    Score(i16),
    /// Looked for in one part of the item only.
    Scope(Scope),
}

/// Why a clause fails though its parts occur.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The nearest two stand so many words apart.
    Apart {
        /// The clause.
        proximity: Proximity,
        /// Words between.
        words: usize,
    },
    /// They occur, but not in this order.
    OtherOrder(Proximity),
    /// They occur, but never in one part of the item, or only on top of each other.
    NeverTogether(Proximity),
    /// They occur, but never in one sentence.
    OtherSentence,
    /// Every left one has a right one near it.
    TooClose(Proximity),
    /// Occurs less often than asked for.
    Seldom {
        /// Places.
        found: usize,
        /// Places asked for.
        wanted: u16,
    },
    /// What is asked for occurs, but outside this part of the item.
    OutsideScope(Scope),
    /// What the weights add up to.
    Sum {
        /// The sum.
        sum: i32,
        /// What is asked for.
        threshold: i16,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Apart { proximity, words } => {
                write!(f, "{proximity} failed: {} between", counted(*words, "word"))
            }
            Self::OtherOrder(proximity) => write!(f, "{proximity} failed: they stand the other way round"),
            Self::NeverTogether(proximity) => {
                write!(f, "{proximity} failed: they never stand side by side in one part of the item")
            }
            Self::OtherSentence => f.write_str("SENTENCE failed: they stand in different sentences"),
            Self::TooClose(proximity) => write!(f, "{proximity} failed: each has one near it"),
            Self::Seldom { found, wanted } => {
                write!(f, "ATLEAST/{wanted} failed: {} found", counted(*found, "place"))
            }
            Self::OutsideScope(scope) => write!(f, "{}: failed: it occurs elsewhere only", scope.as_str()),
            Self::Sum { sum, threshold } => {
                write!(f, "the weights add up to {sum}, {threshold} is asked for")
            }
        }
    }
}

fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

impl Explanation {
    /// What would have had to hold and did not: the topmost parts that fail, `NOT` left out. Empty for a match.
    pub fn missing(&self) -> Vec<&Node> {
        self.failing().into_iter().filter(|node| node.label != Label::NoneOf).collect()
    }

    /// Words that occurred and may not. Empty for a match.
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

    /// The clauses whose change would have made the item match with the least: of alternatives the one that lacks
    /// least. Empty for a match.
    pub fn nearest(&self) -> Vec<&Node> {
        let mut found = Vec::new();
        let mut open = vec![&self.root];
        while let Some(node) = open.pop() {
            if node.holds {
                continue;
            }
            match node.label {
                Label::AllOf => open.extend(node.children.iter().rev()),
                Label::Scope(_) if node.reason.is_none() => open.extend(node.children.iter().rev()),
                Label::AnyOf | Label::List(_) if node.children.iter().any(occurs) => {
                    open.extend(node.children.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))));
                }
                Label::Near(_) if node.reason.is_none() => open.extend(node.children.iter().rev()),
                _ => found.push(node),
            }
        }
        found
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

/// Whether anything under `node` occurs.
fn occurs(node: &Node) -> bool {
    !node.hits.is_empty() || node.children.iter().any(occurs)
}

/// How far an alternative is from holding: what it lacks, less a little for each part that is there, so that half a
/// clause is nearer than a word that does not occur at all.
fn distance(node: &Node) -> f64 {
    const PART: f64 = 0.2;
    let there = f64::from(u32::try_from(held(node)).unwrap_or(u32::MAX)).min(4.0);
    lack(node) - PART * there
}

/// Parts of `node` that hold, each with something that occurs.
fn held(node: &Node) -> usize {
    if node.label == Label::NoneOf {
        return 0;
    }
    if node.holds {
        return usize::from(occurs(node));
    }
    match node.label {
        Label::AnyOf | Label::List(_) => node.children.iter().map(held).max().unwrap_or(0),
        _ => node.children.iter().map(held).sum(),
    }
}

/// How much `node` lacks: 0 if it holds, 1 for each word that is not there, half for words that stand wrongly.
fn lack(node: &Node) -> f64 {
    if node.holds {
        return 0.0;
    }
    match node.label {
        Label::AllOf => node.children.iter().map(lack).sum(),
        Label::AnyOf | Label::List(_) => node.children.iter().map(lack).fold(1.0, f64::min),
        Label::Scope(_) if node.reason.is_some() => 0.5,
        Label::Scope(_) => node.children.iter().map(lack).sum::<f64>().max(0.5),
        Label::Near(_) | Label::AtLeast(_) if node.reason.is_none() => node.children.iter().map(lack).sum(),
        Label::Near(_) | Label::AtLeast(_) | Label::Score(_) => 0.5,
        Label::NoneOf | Label::Entry(_) => 1.0,
    }
}

/// Judges `item` by the topic called `name`; `None` if there is no such topic.
pub fn explain(topics: &CompiledTopics, name: &TopicName, item: &Item) -> Option<Explanation> {
    let def = topics.defs.get(topics.position(name)?)?;
    explain_definition(def, item)
}

fn explain_definition(def: &TopicDef, item: &Item) -> Option<Explanation> {
    // Definitions in force have been compiled before, so this one compiles.
    let root = judged(&def.expr, item, |evaluation, trace| evaluation.explained(&def.expr, trace))?;
    Some(Explanation { topic: def.topic.clone(), matched: root.holds, root })
}

/// What `look` finds when `expr` is judged on `item`; `None` if `expr` does not compile.
fn judged<T>(expr: &Expr, item: &Item, look: impl FnOnce(&mut Evaluation<'_>, &Trace) -> T) -> Option<T> {
    let (topics, trace) = CompiledTopics::traced(expr).ok()?;
    let mut places = Places::new(&topics);
    let mut verdicts = Verdicts::new(&topics);
    places.read(&topics, item);
    verdicts.next_item();
    let mut evaluation = Evaluation { topics: &topics, item, places: &mut places, verdicts: &mut verdicts };
    Some(look(&mut evaluation, &trace))
}

impl Evaluation<'_> {
    fn explained(&mut self, expr: &Expr, trace: &Trace) -> Node {
        let holds = self.holds(trace.node);
        let label = match expr {
            Expr::Term(term) => Label::Entry(Arc::from(term.entry())),
            Expr::Regex(pattern) => Label::Entry(Arc::from(pattern.to_string())),
            Expr::And(_) => Label::AllOf,
            Expr::Or(_) => Label::AnyOf,
            Expr::Not(_) => Label::NoneOf,
            Expr::Near(near) => Label::Near(near.proximity),
            Expr::AtLeast { count, .. } => Label::AtLeast(*count),
            Expr::Score { threshold, .. } => Label::Score(*threshold),
            Expr::Scope { scope, .. } => Label::Scope(*scope),
            Expr::Named { name, .. } => Label::List(Arc::clone(name)),
        };
        let mut reason = self.reason(expr, trace, holds);
        let hits = match expr {
            Expr::Term(_) | Expr::Regex(_) => self.hits(trace.node),
            Expr::Scope { scope, expr } if !holds => self.elsewhere(*scope, expr),
            _ => Vec::new(),
        };
        if let (Expr::Scope { scope, .. }, false) = (expr, hits.is_empty()) {
            reason = Some(Reason::OutsideScope(*scope));
        }
        let mut children: Vec<Node> = expr
            .children()
            .into_iter()
            .zip(&trace.children)
            .map(|(child, trace)| self.explained(child, trace))
            .collect();
        if let Expr::Score { clauses, .. } = expr {
            for (child, clause) in children.iter_mut().zip(clauses) {
                child.weight = Some(clause.weight);
            }
        }
        // Alternatives under a list or a NOT are its own parts.
        let flat = matches!(expr, Expr::Not(_) | Expr::Named { .. });
        if flat && let [Node { label: Label::AnyOf, .. }] = children.as_slice() {
            children = children.pop().map(|inner| inner.children).unwrap_or_default();
        }
        Node { label, weight: None, holds, hits, reason, children }
    }

    /// Places that would make `inner` hold if it were looked for in all of the text; empty for a scope that is no
    /// part of the text.
    fn elsewhere(&self, scope: Scope, inner: &Expr) -> Vec<ClauseHit> {
        if !matches!(scope, Scope::Title | Scope::Lead | Scope::Body) {
            return Vec::new();
        }
        let found = judged(inner, self.item, |evaluation, trace| match evaluation.holds(trace.node) {
            true => evaluation.hits(trace.node),
            false => Vec::new(),
        });
        found.unwrap_or_default()
    }

    fn reason(&mut self, expr: &Expr, trace: &Trace, holds: bool) -> Option<Reason> {
        match (expr, trace.children.as_slice()) {
            (Expr::Score { threshold, .. }, _) => {
                Some(Reason::Sum { sum: self.score(trace.node), threshold: *threshold })
            }
            _ if holds => None,
            (Expr::AtLeast { count, .. }, [inner]) => match self.spans(inner.node).len() {
                0 => None,
                found => Some(Reason::Seldom { found, wanted: *count }),
            },
            (Expr::Near(near), [left, right]) => {
                if !(self.holds(left.node) && self.holds(right.node)) {
                    return None;
                }
                Some(self.near_reason(near.proximity, left, right))
            }
            _ => None,
        }
    }

    fn near_reason(&mut self, proximity: Proximity, left: &Trace, right: &Trace) -> Reason {
        let any_order = self.distance(left.node, right.node, false);
        match (proximity, any_order) {
            (Proximity::NotNear(_), _) => Reason::TooClose(proximity),
            (_, None) => Reason::NeverTogether(proximity),
            (Proximity::Sentence, _) => Reason::OtherSentence,
            (Proximity::Near(_), Some(words)) => Reason::Apart { proximity, words },
            (Proximity::Ordered(_), _) => match self.distance(left.node, right.node, true) {
                Some(words) => Reason::Apart { proximity, words },
                None => Reason::OtherOrder(proximity),
            },
        }
    }
}
