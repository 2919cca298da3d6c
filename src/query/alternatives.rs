//! The clauses of a topic as its author would count them: alternatives, each of which could make it hold.
//!
//! Data in: a tree. Data out: the words of each alternative.
//!
//! **Invariant:** a list used by name is one alternative, however many entries it has.
//!
//! Rejected: each word a clause. A built-in topic names one thing in hundreds of words, so the second report of an event
//! would nearly always hold a "clause" that the first did not.

use super::ast::Expr;

impl Expr {
    /// The terms and patterns of each alternative, in the order they were written; what `NOT` keeps out is in none. A
    /// topic that asks for several things at once has the alternatives of each.
    pub fn alternatives(&self) -> Vec<Vec<String>> {
        let mut found = Vec::new();
        self.gather_alternatives(&mut found);
        found
    }

    fn gather_alternatives(&self, found: &mut Vec<Vec<String>>) {
        match self {
            Self::Not(_) => {}
            Self::And(parts) => parts.iter().for_each(|part| part.gather_alternatives(found)),
            Self::Or(parts) => {
                for part in parts {
                    match part {
                        Self::Or(_) => part.gather_alternatives(found),
                        _ => found.push(part.words()),
                    }
                }
            }
            Self::Score { clauses, .. } => {
                let counted = clauses.iter().filter(|clause| clause.weight > 0);
                found.extend(counted.map(|clause| clause.expr.words()));
            }
            Self::Scope { expr, .. } => expr.gather_alternatives(found),
            Self::Term(_) | Self::Regex(_) | Self::Near(_) | Self::AtLeast { .. } | Self::Named { .. } => {
                found.push(self.words());
            }
        }
    }

    /// Terms and patterns in it, as hits name them.
    fn words(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut open = vec![self];
        while let Some(expr) = open.pop() {
            match expr {
                Self::Term(term) => words.push(term.entry()),
                Self::Regex(pattern) => words.push(pattern.to_string()),
                Self::Not(_) => {}
                _ => open.extend(expr.children().into_iter().rev()),
            }
        }
        words
    }
}

#[cfg(test)]
mod tests {
    use crate::query::{TopicSource, lists};

    #[test]
    fn alternatives_are_what_could_each_make_a_topic_hold() {
        let metals = ["tin".to_owned(), "zinc".to_owned()].to_vec();
        let named = [("metals".to_owned(), metals)].into();
        let check = |query: &str, want: &[&[&str]]| {
            let source = TopicSource {
                name: "t".to_owned(),
                title: None,
                any: Vec::new(),
                all: Vec::new(),
                none: Vec::new(),
                query: Some(query.to_owned()),
            };
            let found = lists(&source, &named).unwrap().expr.alternatives();
            assert_eq!(found, want, "{query}");
        };
        check("ferry", &[&["ferry"]]);
        check("ferry OR @metals OR (pier OR dock*)", &[&["ferry"], &["tin", "zinc"], &["pier"], &["dock*"]]);
        check("@metals", &[&["tin", "zinc"]]);
        check("(ferry OR pier) AND @metals AND NOT toy", &[&["ferry"], &["pier"], &["tin", "zinc"]]);
        check("(@metals NEAR/8 ban(s)) OR (ferry AND NOT toy)", &[&["tin", "zinc", "ban(s)"], &["ferry"]]);
        check("title:(ferry OR pier)", &[&["ferry"], &["pier"]]);
        check("SCORE/2(ferry^2, @metals, toy^-1)", &[&["ferry"], &["tin", "zinc"]]);
    }
}
