//! Topics → one dictionary, one trie, and a small rule a topic.
//!
//! In: [`TopicDef`]s. Out: [`CompiledTopics`]. Terms that are written alike are one term however many topics use
//! them. Alternatives that are only terms become a group, which is true as soon as one of its terms occurred,
//! so a list of a thousand names costs nothing to evaluate.
//!
//! **Invariant:** every term has at least one spelling in the trie, and every group at least one term.
//!
//! Rejected: a table from first word to phrases. Ten thousand phrases that begin alike would make an item of that
//! word quadratic; the trie shares their beginnings.

use std::{collections::HashMap, sync::Arc};

use crate::{
    model::{Topic, TopicName},
    query::{
        TopicDef,
        ast::{Expr, Form, Term, Word},
    },
    text::{self, Gap, Script},
};

/// Topics that may be in force at once.
pub const MAX_TOPICS: usize = 10_000;
/// Uses of terms in all topics together; a list used by two topics counts twice.
pub const MAX_CLAUSES: usize = 1_000_000;

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
}

/// Topics ready to be matched. Cheap to share, never changed.
#[derive(Debug, Clone, Default)]
pub struct CompiledTopics {
    topics: Vec<Topic>,
    pub(super) exprs: Vec<Expr>,
    pub(super) rules: Vec<Rule>,
    pub(super) groups: Vec<Group>,
    pub(super) terms: Vec<CompiledTerm>,
    pub(super) term_ids: HashMap<Term, usize>,
    pub(super) words: HashMap<String, WordSymbols>,
    pub(super) stems: HashMap<Head, Vec<(String, Symbol)>>,
    pub(super) trie: Trie,
    symbols: u32,
}

pub(super) type Symbol = u32;

/// First bytes of a stem, by which it is looked up. Three letters, or one Hangul syllable, are never fewer.
pub(super) type Head = [u8; 3];

/// What a folded word may stand for.
#[derive(Debug, Clone, Default)]
pub(super) struct WordSymbols {
    pub(super) plain: Option<Symbol>,
    /// Spellings in exact case.
    pub(super) cased: Vec<(String, Symbol)>,
}

/// A term and where it is used.
#[derive(Debug, Clone)]
pub(super) struct CompiledTerm {
    pub(super) source: Arc<str>,
    pub(super) groups: Vec<usize>,
}

/// Alternatives that are only terms.
#[derive(Debug, Clone)]
pub(super) struct Group {
    pub(super) topic: usize,
    /// Not under a `Not`: its places are shown.
    pub(super) wanted: bool,
}

/// A topic's expression with groups for leaves.
#[derive(Debug, Clone)]
pub(super) enum Rule {
    Group(usize),
    And(Vec<Rule>),
    Or(Vec<Rule>),
    Not(Box<Rule>),
}

/// Phrases as paths of symbols. An edge marked [`Gap::Hard`] may be taken across any punctuation.
#[derive(Debug, Clone, Default)]
pub(super) struct Trie {
    /// Indexed by symbol; 0 for none, since node 0 is the root.
    pub(super) roots: Vec<usize>,
    pub(super) edges: HashMap<(usize, Symbol, Gap), usize>,
    /// Terms that end at a node.
    pub(super) ends: Vec<Vec<usize>>,
}

impl Trie {
    fn insert(&mut self, path: &[(Symbol, Gap)], term: usize) {
        if self.ends.is_empty() {
            self.ends.push(Vec::new());
        }
        let mut node = 0;
        for (depth, &(symbol, gap)) in path.iter().enumerate() {
            let fresh = self.ends.len();
            node = if depth == 0 {
                let slot = usize::try_from(symbol).unwrap_or(usize::MAX);
                if self.roots.len() <= slot {
                    self.roots.resize(slot + 1, 0);
                }
                match self.roots.get_mut(slot) {
                    Some(root) => {
                        if *root == 0 {
                            *root = fresh;
                        }
                        *root
                    }
                    None => fresh,
                }
            } else {
                *self.edges.entry((node, symbol, gap)).or_insert(fresh)
            };
            if node == fresh {
                self.ends.push(Vec::new());
            }
        }
        if let Some(end) = self.ends.get_mut(node)
            && !end.contains(&term)
        {
            end.push(term);
        }
    }
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
        let mut compiled = Self::default();
        let mut clauses = 0;
        for def in sorted {
            if compiled.topics.last().is_some_and(|last| last.name == def.topic.name) {
                return Err(CompileError::Duplicate(def.topic.name.clone()));
            }
            clauses += def.expr.terms().len();
            if clauses > max_clauses {
                return Err(CompileError::TooManyClauses);
            }
            let rule = compiled.rule(&def.expr, &def.topic.name, true)?;
            compiled.rules.push(rule);
            compiled.topics.push(def.topic.clone());
            compiled.exprs.push(def.expr.clone());
        }
        Ok(compiled)
    }

    /// The topics, sorted by name.
    pub fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// Position of `name` in [`Self::topics`].
    pub(super) fn position(&self, name: &TopicName) -> Option<usize> {
        self.topics.binary_search_by(|topic| topic.name.cmp(name)).ok()
    }

    pub(super) fn groups_of(&self, term: usize) -> &[usize] {
        self.terms.get(term).map_or(&[], |term| &term.groups)
    }

    pub(super) fn clause(&self, term: usize) -> Arc<str> {
        self.terms.get(term).map_or_else(|| Arc::from(""), |term| Arc::clone(&term.source))
    }

    fn rule(&mut self, expr: &Expr, topic: &TopicName, wanted: bool) -> Result<Rule, CompileError> {
        if let Some(terms) = alternatives(expr) {
            let group = self.groups.len();
            self.groups.push(Group { topic: self.topics.len(), wanted });
            for term in terms {
                let id = self.term(term, topic)?;
                if let Some(term) = self.terms.get_mut(id)
                    && term.groups.last() != Some(&group)
                {
                    term.groups.push(group);
                }
            }
            return Ok(Rule::Group(group));
        }
        let mut all = |parts: &[Expr]| -> Result<Vec<Rule>, CompileError> {
            parts.iter().map(|part| self.rule(part, topic, wanted)).collect()
        };
        match expr {
            Expr::And(parts) => Ok(Rule::And(all(parts)?)),
            Expr::Or(parts) => Ok(Rule::Or(all(parts)?)),
            Expr::Not(inner) => Ok(Rule::Not(Box::new(self.rule(inner, topic, !wanted)?))),
            Expr::Named { expr, .. } => self.rule(expr, topic, wanted),
            Expr::Term(_) => Ok(Rule::Or(Vec::new())),
        }
    }

    fn term(&mut self, term: &Term, topic: &TopicName) -> Result<usize, CompileError> {
        if let Some(&id) = self.term_ids.get(term) {
            return Ok(id);
        }
        let id = self.terms.len();
        for path in self.paths(&term.words) {
            if path.is_empty() {
                return Err(CompileError::Empty { topic: topic.clone(), clause: Arc::clone(&term.source) });
            }
            self.trie.insert(&path, id);
        }
        self.terms.push(CompiledTerm { source: Arc::clone(&term.source), groups: Vec::new() });
        self.term_ids.insert(term.clone(), id);
        Ok(id)
    }

    /// Every spelling of a phrase as a path through the trie; at most `query::MAX_SPELLINGS`.
    fn paths(&mut self, words: &[Word]) -> Vec<Vec<(Symbol, Gap)>> {
        let mut paths = vec![Vec::new()];
        for word in words {
            let spellings: Vec<Vec<(Symbol, Gap)>> = match &word.form {
                Form::Endings(endings) => std::iter::once("")
                    .chain(endings.iter().map(String::as_str))
                    .map(|ending| self.word(&format!("{}{ending}", word.text), &word.form))
                    .collect(),
                _ => vec![self.word(&word.text, &word.form)],
            };
            paths = paths
                .iter()
                .flat_map(|path: &Vec<(Symbol, Gap)>| {
                    spellings.iter().map(move |spelling| path.iter().chain(spelling).copied().collect())
                })
                .collect();
        }
        paths
    }

    /// The symbols of one written word. The gap before it is soft; gaps inside it are as it has them.
    fn word(&mut self, written: &str, form: &Form) -> Vec<(Symbol, Gap)> {
        let folded = text::fold(written);
        let last = folded.len().saturating_sub(1);
        let mut path = Vec::with_capacity(folded.len());
        for (at, token) in folded.tokens().enumerate() {
            let gap = if at == 0 { Gap::Soft } else { token.gap };
            let hangul = token.script == Script::Hangul;
            let symbol = match form {
                Form::Prefix if at == last => self.stem(token.text),
                Form::Plain if at == last && hangul => self.stem(token.text),
                Form::Caps => {
                    let cased = text::cased(written.get(token.span).unwrap_or_default());
                    self.cased_word(token.text, cased)
                }
                _ => self.plain_word(token.text),
            };
            path.push((symbol, gap));
        }
        path
    }

    fn fresh(&mut self) -> Symbol {
        self.symbols += 1;
        self.symbols
    }

    fn plain_word(&mut self, folded: &str) -> Symbol {
        if let Some(symbol) = self.words.get(folded).and_then(|word| word.plain) {
            return symbol;
        }
        let symbol = self.fresh();
        self.words.entry(folded.to_owned()).or_default().plain = Some(symbol);
        symbol
    }

    fn cased_word(&mut self, folded: &str, cased: String) -> Symbol {
        let known =
            self.words.get(folded).and_then(|word| word.cased.iter().find(|(known, _)| *known == cased));
        if let Some((_, symbol)) = known {
            return *symbol;
        }
        let symbol = self.fresh();
        self.words.entry(folded.to_owned()).or_default().cased.push((cased, symbol));
        symbol
    }

    fn stem(&mut self, folded: &str) -> Symbol {
        let head = head(folded);
        let known = self.stems.get(&head).and_then(|stems| stems.iter().find(|(known, _)| known == folded));
        if let Some((_, symbol)) = known {
            return *symbol;
        }
        let symbol = self.fresh();
        self.stems.entry(head).or_default().push((folded.to_owned(), symbol));
        symbol
    }
}

/// The key under which stems of `folded` are kept.
pub(super) fn head(folded: &str) -> Head {
    let mut bytes = folded.bytes();
    std::array::from_fn(|_| bytes.next().unwrap_or(0))
}

/// The terms of `expr` if it is a term, or alternatives that are all terms.
fn alternatives(expr: &Expr) -> Option<Vec<&Term>> {
    match expr {
        Expr::Term(term) => Some(vec![term]),
        Expr::Named { expr, .. } => alternatives(expr),
        Expr::Or(parts) => {
            let mut terms = Vec::new();
            for part in parts {
                terms.extend(alternatives(part)?);
            }
            Some(terms)
        }
        Expr::And(_) | Expr::Not(_) => None,
    }
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
        assert_eq!(compiled.terms.len(), 2, "a term used twice is kept once");
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
