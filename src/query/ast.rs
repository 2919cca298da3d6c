//! The checked form of a topic: a tree of clauses.
//!
//! In: what the parser and the keyword lists make. Out: [`Expr`], which the matcher compiles, `explain` prints
//! and [`std::fmt::Display`] (in `print`) writes back as a query.
//!
//! **Invariant:** `And`, `Or` and `Score` have at least one part; operands of a [`Near`] and
//! of `AtLeast` hold no `And`, `Not`, `Score` or `Scope`.
//!
//! Rejected: flattening `(a AND b) AND c`. The author's parentheses are how the author reads the topic, and
//! `explain` shows the topic as it was written.

use std::sync::Arc;

/// A word or phrase.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
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
    /// Exact case once dots are joined (`caps(US)`).
    Caps,
    /// To the letter (`exact("…")`).
    Exact,
}

/// A regular expression, found in the text as the reader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// Between the slashes, `\/` undone.
    pub source: String,
    /// `/…/i`
    pub ignore_case: bool,
}

/// Where a clause is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// The headline.
    Title,
    /// The headline and the first [`LEAD_WORDS`] of the text.
    Lead,
    /// The text without the headline.
    Body,
    /// The address of the article.
    Url,
    /// The host of that address: it, or a domain above it.
    Site,
    /// Name and address of the feed.
    Feed,
    /// Authors.
    Author,
    /// Categories.
    Tag,
    /// The language tag's beginning: `lang:zh` also takes `zh-CN`.
    Lang,
}

/// Words of the text that count as its lead. Source: QUERY language, `lead:`.
pub const LEAD_WORDS: usize = 60;

impl Scope {
    /// All, in the order they are listed to users.
    pub const ALL: [Self; 9] = [
        Self::Title,
        Self::Lead,
        Self::Body,
        Self::Url,
        Self::Site,
        Self::Feed,
        Self::Author,
        Self::Tag,
        Self::Lang,
    ];

    /// As written before the colon.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Title => "title",
            Self::Lead => "lead",
            Self::Body => "body",
            Self::Url => "url",
            Self::Site => "site",
            Self::Feed => "feed",
            Self::Author => "author",
            Self::Tag => "tag",
            Self::Lang => "lang",
        }
    }
}

/// How two operands must stand to each other. Distances are words between them; two Han or kana characters
/// count as one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Proximity {
    /// At most so many words between, in any order.
    Near(u16),
    /// At most so many words between, the left one first.
    Ordered(u16),
    /// A left one that has no right one within so many words.
    NotNear(u16),
    /// In one sentence.
    Sentence,
}

/// Two operands and how they must stand to each other.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Near {
    /// Left operand.
    pub left: Expr,
    /// Right operand.
    pub right: Expr,
    /// How they must stand.
    pub proximity: Proximity,
}

/// A clause of [`Expr::Score`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Weighted {
    /// The clause.
    pub expr: Expr,
    /// Added when it holds.
    pub weight: i16,
}

/// A topic as a tree.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Expr {
    /// Occurs somewhere.
    Term(Term),
    /// Is found somewhere.
    Regex(Pattern),
    /// All of these.
    And(Vec<Expr>),
    /// At least one of these.
    Or(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// Two operands close to each other.
    Near(Box<Near>),
    /// Occurs at least so many times.
    AtLeast {
        /// How many times; at least 1.
        count: u16,
        /// What.
        expr: Box<Expr>,
    },
    /// The weights of the clauses that hold add up to the threshold.
    Score {
        /// The sum that is enough; at least 1.
        threshold: i16,
        /// Clauses.
        clauses: Vec<Weighted>,
    },
    /// Looked for in one part of the item only.
    Scope {
        /// Where.
        scope: Scope,
        /// What.
        expr: Box<Expr>,
    },
    /// A list used by name.
    Named {
        /// Name of the list, without `@`.
        name: Arc<str>,
        /// What it stands for.
        expr: Box<Expr>,
    },
}

impl Expr {
    /// The parts one level down, in the order they were written; empty for a leaf.
    pub fn children(&self) -> Vec<&Self> {
        match self {
            Self::Term(_) | Self::Regex(_) => Vec::new(),
            Self::And(parts) | Self::Or(parts) => parts.iter().collect(),
            Self::Score { clauses, .. } => clauses.iter().map(|clause| &clause.expr).collect(),
            Self::Near(near) => vec![&near.left, &near.right],
            Self::Not(expr)
            | Self::AtLeast { expr, .. }
            | Self::Scope { expr, .. }
            | Self::Named { expr, .. } => vec![expr],
        }
    }

    /// Every term in the tree, in the order it was written, those under a `Not` included.
    pub fn terms(&self) -> Vec<&Term> {
        let mut found = Vec::new();
        let mut open = vec![self];
        while let Some(expr) = open.pop() {
            if let Self::Term(term) = expr {
                found.push(term);
            }
            open.extend(expr.children().into_iter().rev());
        }
        found
    }

    /// This without the `NOT` parts of its top level; `None` if it has none there.
    pub fn without_exclusions(&self) -> Option<Self> {
        let Self::And(parts) = self else { return None };
        let mut changed = false;
        let mut kept = Vec::with_capacity(parts.len());
        for part in parts {
            match (part, part.without_exclusions()) {
                (Self::Not(_), _) => changed = true,
                (_, Some(less)) => {
                    changed = true;
                    kept.push(less);
                }
                (whole, None) => kept.push(whole.clone()),
            }
        }
        (changed && !kept.is_empty()).then_some(Self::And(kept))
    }

    /// Whether an item in which nothing occurs would satisfy this.
    pub fn holds_of_nothing(&self) -> bool {
        match self {
            Self::Term(_) | Self::Regex(_) | Self::AtLeast { .. } | Self::Near(_) => false,
            Self::And(parts) => parts.iter().all(Self::holds_of_nothing),
            Self::Or(parts) => parts.iter().any(Self::holds_of_nothing),
            Self::Not(inner) => !inner.holds_of_nothing(),
            Self::Scope { expr, .. } | Self::Named { expr, .. } => expr.holds_of_nothing(),
            Self::Score { threshold, clauses } => {
                let held = clauses.iter().filter(|clause| clause.expr.holds_of_nothing());
                held.map(|clause| i32::from(clause.weight)).sum::<i32>() >= i32::from(*threshold)
            }
        }
    }
}
