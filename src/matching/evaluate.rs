//! Whether a topic holds of an item, and where.
//!
//! In: compiled rules and what occurs in an item. Out: truth values, and the spans that made them.
//!
//! **Invariant:** a node is judged once an item, whoever asks; the time of a proximity is that of sorting its
//! operands' places, of which at most [`MAX_PLACES`] a side are looked at.
//!
//! Rejected: all pairs of places. A text that repeats two words a thousand times would have a million.

use crate::{model::Item, query::ast::Proximity};

use super::{
    compile::{CompiledTopics, Node, NodeId},
    scan::{Places, Span},
    vocabulary::index,
};

/// Places of one operand of a proximity that are looked at in one item.
pub const MAX_PLACES: usize = 1_000;

/// Pairs of places that are compared one by one rather than sorted.
const FEW_PAIRS: usize = 64;

/// The judgements on one item.
#[derive(Debug, Default)]
pub(super) struct Verdicts {
    epoch: u32,
    /// Epoch × 2 + truth, by node.
    memo: Vec<u64>,
    found: Vec<Option<Vec<Span>>>,
    lefts: Vec<Span>,
    rights: Vec<Span>,
}

impl Verdicts {
    /// Room for the nodes of `topics`.
    pub(super) fn new(topics: &CompiledTopics) -> Self {
        let (memo, found) = (vec![0; topics.nodes.len()], vec![None; topics.patterns.len()]);
        Self { memo, found, ..Self::default() }
    }

    /// Forgets the item before.
    pub(super) fn next_item(&mut self) {
        self.epoch += 1;
        self.found.iter_mut().for_each(|found| *found = None);
    }
}

/// One item under judgement.
pub(super) struct Evaluation<'a> {
    pub(super) topics: &'a CompiledTopics,
    pub(super) item: &'a Item,
    pub(super) places: &'a mut Places,
    pub(super) verdicts: &'a mut Verdicts,
}

impl Evaluation<'_> {
    /// Whether `node` holds.
    pub(super) fn holds(&mut self, node: NodeId) -> bool {
        let topics = self.topics;
        let Some(rule) = topics.node(node) else { return false };
        // What is quickly judged is not worth remembering.
        match rule {
            Node::Atom(atom, parts) => return self.places.has(*atom, *parts),
            Node::AnyAtom(atoms, parts) => return atoms.iter().any(|atom| self.places.has(*atom, *parts)),
            Node::Not(inner) => return !self.holds(*inner),
            _ => {}
        }
        let mark = u64::from(self.verdicts.epoch) << 1;
        match self.verdicts.memo.get(index(node)) {
            Some(memo) if memo & !1 == mark => return memo & 1 == 1,
            _ => {}
        }
        let holds = match rule {
            Node::Atom(..) | Node::AnyAtom(..) | Node::Not(_) => false,
            Node::Regex(..) => !self.spans(node).is_empty(),
            Node::All(parts) => parts.iter().all(|part| self.holds(*part)),
            Node::Any(parts) => parts.iter().any(|part| self.holds(*part)),
            Node::Near { left, right, proximity } => {
                let apart = matches!(proximity, Proximity::NotNear(_));
                self.holds(*left)
                    && (apart || self.holds(*right))
                    && self.near_holds(*left, *right, *proximity)
            }
            Node::AtLeast(count, inner) => {
                self.holds(*inner) && self.spans(*inner).len() >= usize::from(*count)
            }
            Node::Score(threshold, _) => self.score(node) >= i32::from(*threshold),
        };
        if let Some(memo) = self.verdicts.memo.get_mut(index(node)) {
            *memo = mark | u64::from(holds);
        }
        holds
    }

    /// The sum of the weights of the clauses that hold; 0 for anything but a score.
    pub(super) fn score(&mut self, node: NodeId) -> i32 {
        let topics = self.topics;
        let Some(Node::Score(_, clauses)) = topics.node(node) else { return 0 };
        clauses.iter().filter(|(clause, _)| self.holds(*clause)).map(|(_, weight)| i32::from(*weight)).sum()
    }

    /// The places that make `node` hold, in reading order, none twice. Of a proximity: from the begin of the one
    /// operand to the end of the other. Empty for what has no place.
    pub(super) fn spans(&mut self, node: NodeId) -> Vec<Span> {
        let mut spans = Vec::new();
        self.add_spans(node, &mut spans);
        if !matches!(self.topics.node(node), Some(Node::Atom(..))) {
            spans.sort_unstable();
            spans.dedup();
        }
        spans
    }

    /// As [`Self::spans`], added to `out` in no order.
    fn add_spans(&mut self, node: NodeId, out: &mut Vec<Span>) {
        let topics = self.topics;
        match topics.node(node) {
            Some(Node::Atom(atom, parts)) => out.extend(self.places.of(*atom, *parts)),
            Some(Node::AnyAtom(atoms, parts)) => {
                for atom in atoms {
                    if self.places.has(*atom, *parts) {
                        out.extend(self.places.of(*atom, *parts));
                    }
                }
            }
            Some(Node::Regex(pattern, parts)) => out.extend(self.found(*pattern, *parts)),
            Some(Node::All(parts)) => {
                if parts.iter().all(|part| self.holds(*part)) {
                    parts.iter().for_each(|part| self.add_spans(*part, out));
                }
            }
            Some(Node::Any(parts)) => parts.iter().for_each(|part| self.add_spans(*part, out)),
            Some(Node::Near { left, right, proximity }) => out.extend(self.near(*left, *right, *proximity)),
            Some(Node::AtLeast(count, inner)) => {
                let spans = self.spans(*inner);
                if spans.len() >= usize::from(*count) {
                    out.extend(spans);
                }
            }
            Some(Node::Not(_) | Node::Score(..)) | None => {}
        }
    }

    /// Whether the proximity holds anywhere. Few places are compared pair by pair, in memory that is used again.
    fn near_holds(&mut self, left: NodeId, right: NodeId, proximity: Proximity) -> bool {
        let mut lefts = std::mem::take(&mut self.verdicts.lefts);
        let mut rights = std::mem::take(&mut self.verdicts.rights);
        lefts.clear();
        rights.clear();
        self.add_spans(left, &mut lefts);
        self.add_spans(right, &mut rights);
        let holds = if lefts.len() * rights.len() > FEW_PAIRS {
            !self.near(left, right, proximity).is_empty()
        } else {
            let apart = matches!(proximity, Proximity::NotNear(_));
            let mut stands = |left: &Span| rights.iter().any(|right| self.stand(*left, *right, proximity));
            lefts.iter().any(|left| stands(left) != apart)
        };
        self.verdicts.lefts = lefts;
        self.verdicts.rights = rights;
        holds
    }

    /// Whether two places stand as `proximity` asks for; for [`Proximity::NotNear`]: as it forbids.
    fn stand(&mut self, left: Span, right: Span, proximity: Proximity) -> bool {
        if left.part != right.part {
            return false;
        }
        if left.last < right.first {
            return self.close(left, right, proximity);
        }
        right.last < left.first
            && !matches!(proximity, Proximity::Ordered(_))
            && self.close(right, left, proximity)
    }

    fn found(&mut self, pattern: u32, parts: u16) -> Vec<Span> {
        let Some((_, matcher)) = self.topics.patterns.get(index(pattern)) else { return Vec::new() };
        let mut spans = match self.verdicts.found.get(index(pattern)) {
            Some(Some(spans)) => spans.clone(),
            _ => self.places.searched(self.item, self.topics.fields, |text| matcher.find(text)),
        };
        if let Some(found) = self.verdicts.found.get_mut(index(pattern)) {
            *found = Some(spans.clone());
        }
        spans.retain(|span| self.places.bit(*span) & parts != 0);
        spans
    }

    /// Of every place of one operand the nearest of the other before and behind it, whichever operand one begins
    /// with: so the order in which operands are written does not matter where it should not.
    fn near(&mut self, left: NodeId, right: NodeId, proximity: Proximity) -> Vec<Span> {
        let lefts = Operand::of(self.spans(left));
        let rights = Operand::of(self.spans(right));
        let mut spans = Vec::new();
        for span in &lefts.by_first {
            let (before, after) = rights.neighbours(*span);
            let before = before.filter(|other| self.close(*other, *span, proximity));
            let after = after.filter(|other| self.close(*span, *other, proximity));
            match proximity {
                Proximity::NotNear(_) if before.is_none() && after.is_none() => spans.push(*span),
                Proximity::NotNear(_) => {}
                Proximity::Ordered(_) => spans.extend(after.map(|other| across(*span, other))),
                _ => spans.extend([before, after].into_iter().flatten().map(|other| across(*span, other))),
            }
        }
        if matches!(proximity, Proximity::NotNear(_)) {
            return spans;
        }
        for span in &rights.by_first {
            let (before, after) = lefts.neighbours(*span);
            let before = before.filter(|other| self.close(*other, *span, proximity));
            let after = after.filter(|_| !matches!(proximity, Proximity::Ordered(_)));
            let after = after.filter(|other| self.close(*span, *other, proximity));
            spans.extend([before, after].into_iter().flatten().map(|other| across(*span, other)));
        }
        spans
    }

    fn close(&mut self, first: Span, second: Span, proximity: Proximity) -> bool {
        match proximity {
            Proximity::Near(n) | Proximity::Ordered(n) | Proximity::NotNear(n) => {
                self.places.halves_between(first, second) <= u32::from(n) * 2
            }
            Proximity::Sentence => {
                let sentence = |places: &mut Places, token| places.sentence(self.item, first.part, token);
                sentence(self.places, first.last) == sentence(self.places, second.first)
            }
        }
    }

    /// Words between the nearest two places of `left` and `right`, half a word counted as one; `None` where they
    /// never stand in one part of the item without overlapping. `ordered`: the left one must come first.
    pub(super) fn distance(&mut self, left: NodeId, right: NodeId, ordered: bool) -> Option<usize> {
        let lefts = Operand::of(self.spans(left));
        let rights = Operand::of(self.spans(right));
        let mut nearest: Option<u32> = None;
        for span in lefts.by_first {
            let (before, after) = rights.neighbours(span);
            let before = before.filter(|_| !ordered).map(|other| self.places.halves_between(other, span));
            let after = after.map(|other| self.places.halves_between(span, other));
            nearest = [nearest, before, after].into_iter().flatten().min();
        }
        nearest.map(|halves| index(halves.div_ceil(2)))
    }
}

fn across(a: Span, b: Span) -> Span {
    Span { part: a.part, first: a.first.min(b.first), last: a.last.max(b.last) }
}

/// At most [`MAX_PLACES`] places of one operand.
struct Operand {
    by_first: Vec<Span>,
    by_last: Vec<Span>,
}

impl Operand {
    fn of(mut spans: Vec<Span>) -> Self {
        spans.truncate(MAX_PLACES);
        let mut by_last = spans.clone();
        by_last.sort_unstable_by_key(|span| (span.part, span.last));
        Self { by_first: spans, by_last }
    }

    /// The nearest before and behind `span`, in the same part and not overlapping it.
    fn neighbours(&self, span: Span) -> (Option<Span>, Option<Span>) {
        let same_part = |other: &&Span| other.part == span.part;
        let behind =
            self.by_first.partition_point(|other| (other.part, other.first) <= (span.part, span.last));
        let ahead = self.by_last.partition_point(|other| (other.part, other.last) < (span.part, span.first));
        let before = ahead.checked_sub(1).and_then(|at| self.by_last.get(at)).filter(same_part).copied();
        let after = self.by_first.get(behind).filter(same_part).copied();
        (before, after)
    }
}
