//! What is left to judge of a topic once its key is complete, as one stretch of numbers.
//!
//! In: the nodes that must all hold. Out: [`Checks`], read from front to back until one fails.
//!
//! **Invariant:** the checks of a topic hold exactly when its nodes do.
//!
//! Rejected: walking the nodes. A topic's nodes lie all over memory, and most candidates fail at the first word that
//! may not occur.

use super::{
    compile::{Mask, Node, NodeId},
    evaluate::Evaluation,
    vocabulary::{Atom, id, index},
};

/// The checks of all topics, one behind the other.
#[derive(Debug, Clone, Default)]
pub(super) struct Checks {
    /// Of each check: its kind, its parts of the item, how many atoms follow, the atoms; or its kind and its node.
    code: Vec<u32>,
    /// Where the checks of each topic begin; then the end of the last.
    starts: Vec<u32>,
}

/// None of the atoms may occur.
const NONE: u32 = 0;
/// One of the atoms must occur.
const ANY: u32 = 1;
/// The node must hold.
const NODE: u32 = 2;

impl Checks {
    /// Adds the next topic, whose `parts` must all hold.
    pub(super) fn push(&mut self, nodes: &[Node], parts: &[NodeId]) {
        if self.starts.is_empty() {
            self.starts.push(0);
        }
        let node = |node: NodeId| nodes.get(index(node));
        // What may not occur decides fastest, places take longest.
        let (quick, slow): (Vec<NodeId>, Vec<NodeId>) = parts.iter().partition(|part| match node(**part) {
            Some(Node::Not(inner)) => words(node(*inner)).is_some(),
            other => words(other).is_some(),
        });
        for part in quick {
            let (kind, inner) = match node(part) {
                Some(Node::Not(inner)) => (NONE, node(*inner)),
                other => (ANY, other),
            };
            if let Some((atoms, mask)) = words(inner) {
                self.code.extend([kind, u32::from(mask), id(atoms.len())]);
                self.code.extend(atoms);
            }
        }
        for part in slow {
            self.code.extend([NODE, part]);
        }
        self.starts.push(id(self.code.len()));
    }

    /// Whether all checks of `topic` hold.
    pub(super) fn hold(&self, topic: u32, evaluation: &mut Evaluation<'_>) -> bool {
        let bound = |at: u32| self.starts.get(index(at)).map(|at| index(*at));
        let (Some(start), Some(end)) = (bound(topic), bound(topic + 1)) else { return false };
        let mut code = self.code.get(start..end).unwrap_or_default();
        while let [kind, rest @ ..] = code {
            let (holds, next) = match (*kind, rest) {
                (NODE, [node, rest @ ..]) => (evaluation.holds(*node), rest),
                (kind, [mask, count, rest @ ..]) => {
                    let (atoms, rest) = rest.split_at_checked(index(*count)).unwrap_or_default();
                    let mask = Mask::try_from(*mask).unwrap_or(0);
                    let occurs = atoms.iter().any(|atom| evaluation.places.has(*atom, mask));
                    (occurs == (kind == ANY), rest)
                }
                _ => return false,
            };
            if !holds {
                return false;
            }
            code = next;
        }
        true
    }
}

/// The atoms of a node that asks for nothing but that one of them occurs.
fn words(node: Option<&Node>) -> Option<(&[Atom], Mask)> {
    match node? {
        Node::Atom(atom, mask) => Some((std::slice::from_ref(atom), *mask)),
        Node::AnyAtom(atoms, mask) => Some((atoms, *mask)),
        _ => None,
    }
}
