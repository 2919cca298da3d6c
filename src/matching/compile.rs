//! Topics → one vocabulary, and one small graph of rules.
//!
//! In: [`TopicDef`]s. Out: [`CompiledTopics`]. Words that are written alike are one atom however many topics use
//! them, and rules that are alike are one node, judged once an item. Every topic has a key, groups of atoms that must
//! all be represented in an item: one in which they are not is not looked at for that topic.
//!
//! **Invariant:** the children of a node come before it; a topic without a key is looked at for every item.
//!
//! Rejected: noting every group of every topic. Groups of common words, which most topics have, would be noted at
//! nearly every item.

use std::{collections::HashMap, sync::Arc};

use crate::{
    model::{Topic, TopicName},
    query::{
        TopicDef,
        ast::{Expr, Near, Pattern, Proximity, Scope, Term},
    },
};

use super::{
    checks::Checks,
    key::{MAX_GROUPS, key},
    pattern::Matcher,
    vocabulary::{Atom, Vocabulary, VocabularyBuilder, id, index},
};

/// Topics that may be in force at once.
pub const MAX_TOPICS: usize = 10_000;
/// Uses of terms in all topics together; a list used by two topics counts twice.
pub const MAX_CLAUSES: usize = 1_000_000;
/// Bytes that the tables of all regular expressions may take together.
pub const MAX_PATTERNS_BYTES: usize = 64 << 20;

/// Why a set of topics cannot be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// More than [`MAX_TOPICS`].
    #[error("{found} topics, the most is {MAX_TOPICS}")]
    TooManyTopics {
        /// How many there are.
        found: usize,
    },
    /// More than [`MAX_CLAUSES`].
    #[error("the topics use more than {MAX_CLAUSES} words and phrases together")]
    TooManyClauses,
    /// Two topics of one name.
    #[error("there are two topics named `{0}`")]
    Duplicate(TopicName),
    /// A term whose folding leaves nothing to look for.
    #[error("topic `{topic}`: `{clause}` has no letter or digit left once it is folded")]
    Empty {
        /// Topic.
        topic: TopicName,
        /// The term as written.
        clause: Arc<str>,
    },
    /// A regular expression that cannot be used.
    #[error("topic `{topic}`: the regular expression {clause} cannot be used: {reason}")]
    Regex {
        /// Topic.
        topic: TopicName,
        /// The expression as written.
        clause: Arc<str>,
        /// Why not.
        reason: String,
    },
    /// More than [`MAX_PATTERNS_BYTES`].
    #[error("the regular expressions of the topics are too large together; use plain words where they do")]
    TooManyPatterns,
}

/// Topics ready to be matched. Cheap to share, never changed.
#[derive(Debug, Clone, Default)]
pub struct CompiledTopics {
    topics: Vec<Topic>,
    pub(super) defs: Vec<TopicDef>,
    /// The node of each topic.
    pub(super) roots: Vec<NodeId>,
    /// What is left to judge of each topic once its key is complete.
    pub(super) checks: Checks,
    pub(super) nodes: Vec<Node>,
    pub(super) vocabulary: Vocabulary,
    /// How each atom was written.
    pub(super) clauses: Vec<Arc<str>>,
    pub(super) patterns: Vec<(Arc<str>, Matcher)>,
    /// Groups of keys that an atom belongs to: `keyed[starts[atom]..starts[atom + 1]]`.
    starts: Vec<u32>,
    keyed: Vec<KeyGroup>,
    /// All groups of each topic's key, a bit each.
    pub(super) complete: Vec<u32>,
    /// Topics without a key.
    pub(super) always: Vec<u32>,
    /// Everything that any topic looks at.
    pub(super) fields: Mask,
    /// Whether any topic tells the lead of the text from the rest.
    pub(super) splits_text: bool,
}

pub(super) type NodeId = u32;

/// A group of a topic's key, in one number: the topic, then which of its groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyGroup(u32);

impl KeyGroup {
    fn new(topic: u32, group: usize) -> Self {
        Self(topic << GROUP_BITS | id(group))
    }

    #[inline]
    pub(super) fn topic(self) -> u32 {
        self.0 >> GROUP_BITS
    }

    /// One of the bits of `complete`.
    #[inline]
    pub(super) fn bit(self) -> u32 {
        1 << (self.0 & ((1 << GROUP_BITS) - 1))
    }
}

/// Bits that tell the groups of one key apart.
const GROUP_BITS: u32 = 2;
const _: () = assert!(MAX_GROUPS <= 1 << GROUP_BITS && MAX_TOPICS < 1 << (32 - GROUP_BITS));

/// Parts of an item, one bit each.
pub(super) type Mask = u16;

/// The bits of a [`Mask`].
pub(super) mod part {
    use super::Mask;

    pub(in crate::matching) const TITLE: Mask = 1;
    /// The first words of the text.
    pub(in crate::matching) const LEAD: Mask = 1 << 1;
    /// The text behind its lead.
    pub(in crate::matching) const REST: Mask = 1 << 2;
    pub(in crate::matching) const URL: Mask = 1 << 3;
    pub(in crate::matching) const SITE: Mask = 1 << 4;
    pub(in crate::matching) const FEED: Mask = 1 << 5;
    pub(in crate::matching) const AUTHOR: Mask = 1 << 6;
    pub(in crate::matching) const TAG: Mask = 1 << 7;
    pub(in crate::matching) const LANG: Mask = 1 << 8;
    /// Where a clause without a scope is looked for.
    pub(in crate::matching) const DEFAULT: Mask = TITLE | LEAD | REST;
}

fn mask(scope: Scope) -> Mask {
    match scope {
        Scope::Title => part::TITLE,
        Scope::Lead => part::TITLE | part::LEAD,
        Scope::Body => part::LEAD | part::REST,
        Scope::Url => part::URL,
        Scope::Site => part::SITE,
        Scope::Feed => part::FEED,
        Scope::Author => part::AUTHOR,
        Scope::Tag => part::TAG,
        Scope::Lang => part::LANG,
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// The atom occurs in one of these parts.
    Atom(Atom, Mask),
    /// One of the atoms occurs in one of these parts: a list of words, in one place of memory.
    AnyAtom(Box<[Atom]>, Mask),
    /// The expression (an index into `patterns`) is found in one of these parts.
    Regex(u32, Mask),
    All(Box<[NodeId]>),
    Any(Box<[NodeId]>),
    Not(NodeId),
    Near {
        left: NodeId,
        right: NodeId,
        proximity: Proximity,
    },
    AtLeast(u16, NodeId),
    Score(i16, Box<[(NodeId, i16)]>),
}

/// The nodes that an expression and its parts became; the same shape as [`Expr::children`].
#[derive(Debug, Clone)]
pub(super) struct Trace {
    pub(super) node: NodeId,
    pub(super) children: Vec<Trace>,
}

impl CompiledTopics {
    /// Compiles `defs`, in any order.
    ///
    /// # Errors
    /// [`CompileError`], one variant a limit.
    pub fn compile(defs: &[TopicDef]) -> Result<Self, CompileError> {
        Self::compile_within(defs, MAX_CLAUSES)
    }

    fn compile_within(defs: &[TopicDef], max_clauses: usize) -> Result<Self, CompileError> {
        if defs.len() > MAX_TOPICS {
            return Err(CompileError::TooManyTopics { found: defs.len() });
        }
        let mut sorted: Vec<&TopicDef> = defs.iter().collect();
        sorted.sort_by(|a, b| a.topic.name.cmp(&b.topic.name));
        let mut builder = Builder::default();
        let mut clauses = 0;
        for def in sorted {
            if builder.topics.last().is_some_and(|last| last.name == def.topic.name) {
                return Err(CompileError::Duplicate(def.topic.name.clone()));
            }
            clauses += def.expr.terms().len();
            if clauses > max_clauses {
                return Err(CompileError::TooManyClauses);
            }
            builder.add(def)?;
        }
        Ok(builder.build())
    }

    /// One expression alone, as a topic without a name, and what each of its clauses became.
    pub(super) fn traced(expr: &Expr) -> Result<(Self, Trace), CompileError> {
        let topic = Topic { name: TopicName::new(""), title: String::new(), revision: 0 };
        let mut builder = Builder::default();
        let trace = builder.add(&TopicDef { topic, expr: expr.clone(), warnings: Vec::new() })?;
        Ok((builder.build(), trace))
    }

    /// Whether any topic looks at more of an item than its title and text.
    pub fn looks_beyond_text(&self) -> bool {
        self.fields & !part::DEFAULT != 0
    }

    /// The topics, sorted by name.
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// Position of `name` in [`Self::topics`].
    pub fn position(&self, name: &TopicName) -> Option<usize> {
        self.topics.binary_search_by(|topic| topic.name.cmp(name)).ok()
    }

    /// In which alternatives of a topic each of its clauses stands, by number; see
    /// [`Expr::alternatives`]. Empty for a topic that is not there.
    pub fn alternatives(&self, name: &TopicName) -> HashMap<String, Vec<usize>> {
        let def = self.position(name).and_then(|at| self.defs.get(at));
        let mut found: HashMap<String, Vec<usize>> = HashMap::new();
        for (number, words) in def.into_iter().flat_map(|def| def.expr.alternatives()).enumerate() {
            for word in words {
                found.entry(word).or_default().push(number);
            }
        }
        found
    }

    pub(super) fn node(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(index(node))
    }

    /// Groups of keys that `atom` belongs to.
    pub(super) fn keyed_by(&self, atom: Atom) -> &[KeyGroup] {
        let bound = |at: usize| self.starts.get(at).map(|at| index(*at));
        match (bound(index(atom)), bound(index(atom) + 1)) {
            (Some(start), Some(end)) => self.keyed.get(start..end).unwrap_or_default(),
            _ => &[],
        }
    }
}

/// [`CompiledTopics`] in the making.
#[derive(Default)]
struct Builder {
    topics: Vec<Topic>,
    defs: Vec<TopicDef>,
    roots: Vec<NodeId>,
    nodes: Vec<Node>,
    known: HashMap<Node, NodeId>,
    vocabulary: VocabularyBuilder,
    atoms: HashMap<Term, Atom>,
    clauses: Vec<Arc<str>>,
    known_patterns: HashMap<Pattern, u32>,
    patterns: Vec<(Arc<str>, Matcher)>,
    pattern_bytes: usize,
    fields: Mask,
    splits_text: bool,
}

impl Builder {
    fn add(&mut self, def: &TopicDef) -> Result<Trace, CompileError> {
        let trace = self.compile(&def.expr, part::DEFAULT, &def.topic.name)?;
        self.roots.push(trace.node);
        self.topics.push(def.topic.clone());
        self.defs.push(def.clone());
        Ok(trace)
    }

    fn intern(&mut self, node: Node) -> NodeId {
        if let Some(known) = self.known.get(&node) {
            return *known;
        }
        let fresh = id(self.nodes.len());
        self.nodes.push(node.clone());
        self.known.insert(node, fresh);
        fresh
    }

    fn compile(&mut self, expr: &Expr, parts: Mask, topic: &TopicName) -> Result<Trace, CompileError> {
        let parts = match expr {
            Expr::Scope { scope, .. } => mask(*scope),
            _ => parts,
        };
        let children: Vec<Trace> = expr
            .children()
            .into_iter()
            .map(|child| self.compile(child, parts, topic))
            .collect::<Result<_, _>>()?;
        let ids: Box<[NodeId]> = children.iter().map(|child| child.node).collect();
        let node = match (expr, &*ids) {
            (Expr::Term(term), _) => Node::Atom(self.atom(term, topic)?, parts),
            (Expr::Regex(pattern), _) => Node::Regex(self.pattern(pattern, topic)?, parts),
            (Expr::And(_) | Expr::Or(_) | Expr::Scope { .. } | Expr::Named { .. }, [only]) => {
                return Ok(Trace { node: *only, children });
            }
            (Expr::And(_), _) => Node::All(ids),
            (Expr::Not(_), [inner]) => Node::Not(*inner),
            (Expr::Near(near), [left, right]) => near_node(near, *left, *right),
            (Expr::AtLeast { count, .. }, [inner]) => Node::AtLeast(*count, *inner),
            (Expr::Score { threshold, clauses }, _) => {
                let weighted = ids.iter().zip(clauses).map(|(node, clause)| (*node, clause.weight));
                Node::Score(*threshold, weighted.collect())
            }
            _ => self.any(ids),
        };
        if matches!(node, Node::Atom(..) | Node::Regex(..)) {
            self.fields |= parts;
            self.splits_text |= (parts & part::LEAD == 0) != (parts & part::REST == 0);
        }
        Ok(Trace { node: self.intern(node), children })
    }

    /// One of `parts`.
    fn any(&self, parts: Box<[NodeId]>) -> Node {
        let mut common = None;
        let atoms: Option<Box<[Atom]>> = parts
            .iter()
            .map(|node| match self.nodes.get(index(*node)) {
                Some(Node::Atom(atom, mask)) if *common.get_or_insert(*mask) == *mask => Some(*atom),
                _ => None,
            })
            .collect();
        match (atoms, common) {
            (Some(atoms), Some(mask)) => Node::AnyAtom(atoms, mask),
            _ => Node::Any(parts),
        }
    }

    fn atom(&mut self, term: &Term, topic: &TopicName) -> Result<Atom, CompileError> {
        if let Some(&atom) = self.atoms.get(term) {
            return Ok(atom);
        }
        let atom = id(self.clauses.len());
        let clause: Arc<str> = Arc::from(term.entry());
        if !self.vocabulary.insert(term, atom) {
            return Err(CompileError::Empty { topic: topic.clone(), clause });
        }
        self.clauses.push(clause);
        self.atoms.insert(term.clone(), atom);
        Ok(atom)
    }

    fn pattern(&mut self, pattern: &Pattern, topic: &TopicName) -> Result<u32, CompileError> {
        if let Some(&known) = self.known_patterns.get(pattern) {
            return Ok(known);
        }
        let clause: Arc<str> = Arc::from(pattern.to_string());
        let matcher = Matcher::new(pattern).map_err(|reason| CompileError::Regex {
            topic: topic.clone(),
            clause: Arc::clone(&clause),
            reason,
        })?;
        self.pattern_bytes += matcher.memory();
        if self.pattern_bytes > MAX_PATTERNS_BYTES {
            return Err(CompileError::TooManyPatterns);
        }
        let fresh = id(self.patterns.len());
        self.patterns.push((clause, matcher));
        self.known_patterns.insert(pattern.clone(), fresh);
        Ok(fresh)
    }

    /// The parts of `root` that a complete key has not proved. It has proved those that ask for nothing but that one of
    /// its atoms occurs, wherever it is.
    fn rest(&self, root: NodeId, groups: &[Vec<Atom>]) -> Vec<NodeId> {
        let parts: &[NodeId] = match self.nodes.get(index(root)) {
            Some(Node::All(parts)) => parts,
            _ => &[root],
        };
        // Where other parts of an item are read as well, an atom may occur in the wrong one.
        if self.fields & !part::DEFAULT != 0 {
            return parts.to_vec();
        }
        let proved = |node: &&NodeId| match self.nodes.get(index(**node)) {
            Some(Node::AnyAtom(atoms, part::DEFAULT)) => groups.iter().any(|group| **group == **atoms),
            Some(Node::Atom(atom, part::DEFAULT)) => groups.iter().any(|group| **group == [*atom]),
            _ => false,
        };
        parts.iter().filter(|part| !proved(part)).copied().collect()
    }

    fn build(self) -> CompiledTopics {
        let mut pairs: Vec<(Atom, KeyGroup)> = Vec::new();
        let mut always = Vec::new();
        let mut complete = Vec::new();
        let mut checks = Checks::default();
        for (topic, root) in (0..).zip(self.roots.iter().copied()) {
            let groups = key(&self.nodes, &self.clauses, root);
            checks.push(&self.nodes, &self.rest(root, &groups));
            if groups.is_empty() {
                always.push(topic);
            }
            let mut all = 0;
            for (at, atoms) in groups.into_iter().enumerate() {
                let group = KeyGroup::new(topic, at);
                all |= group.bit();
                pairs.extend(atoms.into_iter().map(|atom| (atom, group)));
            }
            complete.push(all);
        }
        pairs.sort_unstable();
        pairs.dedup();
        let starts = (0..=self.clauses.len())
            .map(|atom| id(pairs.partition_point(|(keyed, _)| index(*keyed) < atom)))
            .collect();
        CompiledTopics {
            topics: self.topics,
            defs: self.defs,
            roots: self.roots,
            checks,
            nodes: self.nodes,
            vocabulary: self.vocabulary.build(),
            clauses: self.clauses,
            patterns: self.patterns,
            starts,
            keyed: pairs.into_iter().map(|(_, group)| group).collect(),
            complete,
            always,
            fields: self.fields,
            splits_text: self.splits_text,
        }
    }
}

/// `a NEAR/5 b` is `b NEAR/5 a`, so both become one node.
fn near_node(near: &Near, left: NodeId, right: NodeId) -> Node {
    let turns = matches!(near.proximity, Proximity::Near(_) | Proximity::Sentence);
    let (left, right) = if turns && right < left { (right, left) } else { (left, right) };
    Node::Near { left, right, proximity: near.proximity }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::query::{TopicSource, lists};

    fn def(name: &str, any: &[&str]) -> TopicDef {
        let any = any.iter().map(|entry| (*entry).to_owned()).collect();
        lists(&TopicSource { name: name.to_owned(), any, ..TopicSource::default() }, &BTreeMap::new())
            .unwrap()
    }

    #[test]
    fn topics_are_sorted_and_named_once() {
        let compiled = CompiledTopics::compile(&[def("b", &["x"]), def("a", &["x", "y"])]).unwrap();
        assert_eq!(compiled.topics().iter().map(|topic| topic.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(compiled.clauses.len(), 2, "a term used twice is kept once");
        let error =
            CompiledTopics::compile(&[def("a", &["x"]), def("b", &["x"]), def("a", &["y"])]).unwrap_err();
        assert_eq!(error, CompileError::Duplicate(TopicName::new("a")));
    }

    #[test]
    fn limits_hold_at_n_and_n_plus_1() {
        let mut defs: Vec<TopicDef> = (0..MAX_TOPICS).map(|i| def(&format!("t{i}"), &["x"])).collect();
        assert!(CompiledTopics::compile(&defs).is_ok());
        defs.push(def("one-more", &["x"]));
        let error = CompiledTopics::compile(&defs).unwrap_err();
        assert_eq!(error, CompileError::TooManyTopics { found: MAX_TOPICS + 1 });

        let defs = [def("a", &["x", "y"]), def("b", &["x"])];
        assert!(CompiledTopics::compile_within(&defs, 3).is_ok());
        assert_eq!(CompiledTopics::compile_within(&defs, 2).unwrap_err(), CompileError::TooManyClauses);
    }

    #[test]
    fn a_term_that_folds_to_nothing_is_refused() {
        // A half-width voicing mark is a letter to Unicode, but composes with nothing here.
        let error = CompiledTopics::compile(&[def("a", &["x", "\u{ff9e}"])]).unwrap_err();
        assert_eq!(error, CompileError::Empty { topic: TopicName::new("a"), clause: "\u{ff9e}".into() });
    }
}
