//! Which words a topic cannot match without.
//!
//! In: a topic's rules. Out: its key: groups of atoms, of each of which at least one atom must occur.
//!
//! **Invariant:** an item in which no atom of one of the groups occurs does not satisfy the topic.
//!
//! Rejected: counting how often words occur in the items at hand. The choice would depend on what was read before,
//! and a wrong guess only costs time.

use std::sync::Arc;

use crate::query::ast::Proximity;

use super::{
    compile::{Node, NodeId},
    vocabulary::{Atom, index},
};

/// Groups in a key.
pub(super) const MAX_GROUPS: usize = 4;
/// A group that is expected more often than the rarest by this factor is left out: to note it at nearly every item
/// costs more than the evaluations it saves.
const WORTH_NOTING: f64 = 50.0;

/// The key of the topic whose rules end in `root`, at most [`MAX_GROUPS`]; empty where only the whole text can tell,
/// as for a regular expression.
pub(super) fn key(nodes: &[Node], clauses: &[Arc<str>], root: NodeId) -> Vec<Vec<Atom>> {
    let mut groups = Vec::new();
    demanded(nodes, clauses, root, &mut groups);
    groups.sort_by(|a, b| a.cost.total_cmp(&b.cost));
    groups.dedup_by(|a, b| a.atoms == b.atoms);
    let rarest = groups.first().map_or(0.0, |group| group.cost);
    let worth = groups.into_iter().take_while(|group| group.cost <= rarest * WORTH_NOTING);
    worth.take(MAX_GROUPS).map(|group| group.atoms).collect()
}

/// Every group of which an atom must occur for `node` to hold.
fn demanded(nodes: &[Node], clauses: &[Arc<str>], node: NodeId, groups: &mut Vec<Key>) {
    match nodes.get(index(node)) {
        Some(Node::All(parts)) => parts.iter().for_each(|part| demanded(nodes, clauses, *part, groups)),
        Some(Node::Near { left, right, proximity }) if !matches!(proximity, Proximity::NotNear(_)) => {
            demanded(nodes, clauses, *left, groups);
            demanded(nodes, clauses, *right, groups);
        }
        _ => groups.extend(required(nodes, clauses, node)),
    }
}

struct Key {
    atoms: Vec<Atom>,
    /// How often one of them is expected, on a scale of its own.
    cost: f64,
}

fn required(nodes: &[Node], clauses: &[Arc<str>], node: NodeId) -> Option<Key> {
    let of = |node: NodeId| required(nodes, clauses, node);
    match nodes.get(index(node))? {
        Node::Atom(atom, _) => {
            let clause = clauses.get(index(*atom)).map_or("", |clause| clause);
            Some(Key { atoms: vec![*atom], cost: expected(clause) })
        }
        Node::AnyAtom(atoms, _) => {
            let clause = |atom: &Atom| clauses.get(index(*atom)).map_or("", |clause| clause);
            Some(Key { atoms: atoms.to_vec(), cost: atoms.iter().map(|atom| expected(clause(atom))).sum() })
        }
        Node::Regex(..) | Node::Not(_) => None,
        Node::All(parts) => {
            parts.iter().filter_map(|part| of(*part)).min_by(|a, b| a.cost.total_cmp(&b.cost))
        }
        Node::Any(parts) => union(parts.iter().map(|part| of(*part))),
        Node::Near { left, proximity: Proximity::NotNear(_), .. } => of(*left),
        Node::Near { left, right, .. } => {
            [of(*left), of(*right)].into_iter().flatten().min_by(|a, b| a.cost.total_cmp(&b.cost))
        }
        Node::AtLeast(_, inner) => of(*inner),
        Node::Score(threshold, clauses) => score(nodes, clauses, *threshold, &of),
    }
}

/// A score is reached only if something that raises it holds. What holds when nothing occurs counts as given;
/// of the rest the heaviest clauses are left out as long as the others alone can still be demanded.
fn score(
    nodes: &[Node],
    clauses: &[(NodeId, i16)],
    threshold: i16,
    of: &dyn Fn(NodeId) -> Option<Key>,
) -> Option<Key> {
    let raising: Vec<(NodeId, i32)> = clauses
        .iter()
        .filter(|(_, weight)| *weight > 0)
        .map(|(node, weight)| (*node, i32::from(*weight)))
        .collect();
    // Clauses that may hold by absence cannot be demanded; what they give is given.
    let (given, asked): (Vec<_>, Vec<_>) = raising.into_iter().partition(|(node, _)| absent(nodes, *node));
    let mut slack = i32::from(threshold) - given.iter().map(|(_, weight)| weight).sum::<i32>() - 1;
    if slack < 0 {
        return None;
    }
    let mut keys: Vec<(Option<Key>, i32)> =
        asked.into_iter().map(|(node, weight)| (of(node), weight)).collect();
    let cost = |key: &Option<Key>| key.as_ref().map_or(f64::INFINITY, |key| key.cost);
    keys.sort_by(|a, b| cost(&b.0).total_cmp(&cost(&a.0)));
    let mut wanted = Vec::new();
    for (key, weight) in keys {
        // All clauses left out together stay below the threshold, so one of those kept must hold.
        if weight <= slack {
            slack -= weight;
        } else {
            wanted.push(key);
        }
    }
    union(wanted.into_iter())
}

/// Whether the node may hold of an item in which nothing occurs.
fn absent(nodes: &[Node], node: NodeId) -> bool {
    match nodes.get(index(node)) {
        Some(Node::Not(_)) => true,
        Some(Node::All(parts)) => parts.iter().all(|part| absent(nodes, *part)),
        Some(Node::Any(parts)) => parts.iter().any(|part| absent(nodes, *part)),
        Some(Node::Score(threshold, clauses)) => {
            let given = clauses.iter().filter(|(node, _)| absent(nodes, *node));
            given.map(|(_, weight)| i32::from(*weight).max(0)).sum::<i32>() >= i32::from(*threshold)
        }
        _ => false,
    }
}

/// One of several keys; `None` if one of them is.
fn union(keys: impl Iterator<Item = Option<Key>>) -> Option<Key> {
    let mut atoms = Vec::new();
    let mut cost = 0.0;
    for key in keys {
        let key = key?;
        atoms.extend(key.atoms);
        cost += key.cost;
    }
    (!atoms.is_empty()).then_some(Key { atoms, cost })
}

/// How often a clause is expected: phrases seldom, short words and stems often.
fn expected(clause: &str) -> f64 {
    let words = clause.split([' ', '-']).count();
    let letters = clause.chars().filter(|c| c.is_alphanumeric()).count();
    let unspaced = clause.chars().any(|c| ('\u{2e80}'..='\u{3ffff}').contains(&c));
    let word = match letters {
        0..=1 => 64.0,
        2..=3 if !unspaced => 16.0,
        4..=5 if !unspaced => 8.0,
        6..=7 if !unspaced => 4.0,
        _ if unspaced && letters == 2 => 4.0,
        _ => 2.0,
    };
    let stem = if clause.contains('*') { 2.0 } else { 1.0 };
    word * stem / f64::from(u32::try_from(words * words).unwrap_or(u32::MAX))
}
