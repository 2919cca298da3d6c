//! The checked form of a topic: a tree of terms.
//!
//! In: parsed entries. Out: [`Expr`], which the matcher compiles and `explain` prints.
//!
//! **Invariant:** the canonical form ([`Expr::canonical`]) does not depend on the order of alternatives, on
//! repetition, on case outside `caps(…)`, on the spelling of gaps, or on list names.

use std::{collections::BTreeSet, sync::Arc};

/// A word or phrase.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
    /// As the topic's author wrote it, trimmed.
    pub source: Arc<str>,
    /// Words in order; not empty.
    pub words: Vec<Word>,
}

/// One word of a [`Term`], as written and not yet folded.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Word {
    /// The word without its ending list, `*` or `caps( )`; has a letter or digit.
    pub text: String,
    /// How it is compared.
    pub form: Form,
}

/// How a word is compared.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Form {
    /// Folded, whole word.
    Plain,
    /// Folded; the bare word or the word with one of these endings.
    Endings(Vec<String>),
    /// Folded; any word that begins so (`stem*`).
    Prefix,
    /// Exact case (`caps(US)`).
    Caps,
}

/// A topic as a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expr {
    /// Occurs somewhere.
    Term(Term),
    /// All of these.
    And(Vec<Expr>),
    /// At least one of these.
    Or(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// A list used by name.
    Named {
        /// Name of the list, without `@`.
        name: Arc<str>,
        /// What it stands for.
        expr: Box<Expr>,
    },
}

impl Term {
    fn canonical(&self) -> String {
        let words: Vec<String> = self.words.iter().map(Word::canonical).collect();
        format!("\"{}\"", words.join(" "))
    }
}

impl Word {
    fn canonical(&self) -> String {
        let lower = self.text.to_lowercase();
        match &self.form {
            Form::Plain => lower,
            Form::Prefix => format!("{lower}*"),
            Form::Caps => format!("caps({})", self.text),
            Form::Endings(endings) => {
                let sorted: BTreeSet<String> = endings.iter().map(|ending| ending.to_lowercase()).collect();
                format!("{lower}({})", Vec::from_iter(sorted).join("|"))
            }
        }
    }
}

impl Expr {
    /// The same rules always give the same text; what the revision of a topic is a hash of.
    pub fn canonical(&self) -> String {
        match self {
            Self::Term(term) => term.canonical(),
            Self::And(parts) => group(parts, " AND "),
            Self::Or(parts) => group(parts, " OR "),
            Self::Not(inner) => format!("NOT {}", inner.canonical()),
            Self::Named { expr, .. } => expr.canonical(),
        }
    }

    /// Every term in the tree, in the order it was written, those under a `Not` included.
    pub fn terms(&self) -> Vec<&Term> {
        let mut found = Vec::new();
        let mut open = vec![self];
        while let Some(expr) = open.pop() {
            match expr {
                Self::Term(term) => found.push(term),
                Self::And(parts) | Self::Or(parts) => open.extend(parts.iter().rev()),
                Self::Not(inner) | Self::Named { expr: inner, .. } => open.push(inner),
            }
        }
        found
    }
}

fn group(parts: &[Expr], operator: &str) -> String {
    let sorted: BTreeSet<String> = parts.iter().map(Expr::canonical).collect();
    if sorted.len() == 1 {
        return sorted.into_iter().collect();
    }
    format!("({})", Vec::from_iter(sorted).join(operator))
}
