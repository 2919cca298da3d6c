//! The canonical print: an expression → the query that parses to it.
//!
//! In: [`Expr`]. Out: one line of query text; and a normal form that stays the same when only the order or the
//! spelling of a topic changes, of which a topic's revision is a hash.
//!
//! **Invariant:** parsing what is printed gives the same expression (property test in `parser`).
//!
//! Rejected: printing as few parentheses as precedence allows. A reader should not need the precedence.

use std::{collections::BTreeSet, fmt};

use super::ast::{Expr, Form, Pattern, Proximity, Term, Word};

impl fmt::Display for Word {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Plain | Form::Exact => f.write_str(&self.text),
            Form::Prefix => write!(f, "{}*", self.text),
            Form::Caps => write!(f, "caps({})", self.text),
            Form::Endings(endings) => write!(f, "{}({})", self.text, endings.join("|")),
        }
    }
}

impl Term {
    /// The words without quotes, as an entry of a keyword list has them; `exact("…")` keeps its form.
    pub fn entry(&self) -> String {
        let words: Vec<String> = self.words.iter().map(Word::to_string).collect();
        match self.is_exact() {
            true => format!("exact(\"{}\")", words.join(" ")),
            false => words.join(" "),
        }
    }

    fn is_exact(&self) -> bool {
        self.words.iter().all(|word| word.form == Form::Exact)
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = self.entry();
        let bare = match self.words.as_slice() {
            [word] if word.form == Form::Caps => word.text.chars().all(char::is_alphanumeric),
            [word] => word.text.chars().all(char::is_alphanumeric) && !reads_as_operator(&word.text),
            _ => false,
        };
        if bare || self.is_exact() { f.write_str(&entry) } else { write!(f, "\"{entry}\"") }
    }
}

/// Words that the lexer takes for operators in any case.
fn reads_as_operator(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    matches!(
        lower.as_str(),
        "and" | "or" | "not" | "sentence" | "near" | "onear" | "atleast" | "score" | "caps" | "exact"
    ) || lower.strip_prefix("near").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flag = if self.ignore_case { "i" } else { "" };
        write!(f, "/{}/{flag}", self.source.replace('/', "\\/"))
    }
}

impl fmt::Display for Proximity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Near(n) => write!(f, "NEAR/{n}"),
            Self::Ordered(n) => write!(f, "ONEAR/{n}"),
            Self::NotNear(n) => write!(f, "NOT NEAR/{n}"),
            Self::Sentence => f.write_str("SENTENCE"),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Term(term) => write!(f, "{term}"),
            Self::Regex(pattern) => write!(f, "{pattern}"),
            Self::And(parts) => joined(f, parts, " AND "),
            Self::Or(parts) => joined(f, parts, " OR "),
            Self::Not(inner) => write!(f, "NOT {}", Operand(inner)),
            Self::Near(near) => {
                write!(f, "{} {} {}", Operand(&near.left), near.proximity, Operand(&near.right))
            }
            Self::AtLeast { count, expr } => write!(f, "ATLEAST/{count}({expr})"),
            Self::Score { threshold, clauses } => {
                write!(f, "SCORE/{threshold}(")?;
                for (at, clause) in clauses.iter().enumerate() {
                    let comma = if at == 0 { "" } else { ", " };
                    write!(f, "{comma}{}", Operand(&clause.expr))?;
                    if clause.weight != 1 {
                        write!(f, "^{}", clause.weight)?;
                    }
                }
                f.write_str(")")
            }
            Self::Scope { scope, expr } => match expr.as_ref() {
                Self::Term(_) | Self::Regex(_) | Self::Named { .. } => {
                    write!(f, "{}:{expr}", scope.as_str())
                }
                _ => write!(f, "{}:({expr})", scope.as_str()),
            },
            Self::Named { name, .. } => write!(f, "@{name}"),
        }
    }
}

/// A part of a larger expression: in parentheses unless it stands alone.
struct Operand<'a>(&'a Expr);

impl fmt::Display for Operand<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Expr::And(_) | Expr::Or(_) | Expr::Near(_) => write!(f, "({})", self.0),
            other => write!(f, "{other}"),
        }
    }
}

fn joined(f: &mut fmt::Formatter<'_>, parts: &[Expr], operator: &str) -> fmt::Result {
    for (at, part) in parts.iter().enumerate() {
        let operator = if at == 0 { "" } else { operator };
        write!(f, "{operator}{}", Operand(part))?;
    }
    Ok(())
}

impl Expr {
    /// The same rules always give the same text: lists are written out, the order of alternatives and repetition
    /// do not count, nor does case outside `caps( )`, `exact( )` and regular expressions.
    pub fn normal_form(&self) -> String {
        match self {
            Self::Term(term) => normal_term(term),
            Self::Regex(pattern) => pattern.to_string(),
            Self::And(parts) => group(parts, " AND "),
            Self::Or(parts) => group(parts, " OR "),
            Self::Not(inner) => format!("NOT {}", inner.normal_form()),
            Self::Near(near) => {
                let (left, right) = (near.left.normal_form(), near.right.normal_form());
                format!("({left} {} {right})", near.proximity)
            }
            Self::AtLeast { count, expr } => format!("ATLEAST/{count}({})", expr.normal_form()),
            Self::Score { threshold, clauses } => {
                let weighted = clauses.iter().map(|c| format!("{}^{}", c.expr.normal_form(), c.weight));
                let mut parts: Vec<String> = weighted.collect();
                parts.sort_unstable();
                format!("SCORE/{threshold}({})", parts.join(", "))
            }
            Self::Scope { scope, expr } => format!("{}:({})", scope.as_str(), expr.normal_form()),
            Self::Named { expr, .. } => expr.normal_form(),
        }
    }
}

fn normal_term(term: &Term) -> String {
    let words: Vec<String> = term.words.iter().map(normal_word).collect();
    format!("\"{}\"", words.join(" "))
}

fn normal_word(word: &Word) -> String {
    let lower = word.text.to_lowercase();
    match &word.form {
        Form::Plain => lower,
        Form::Prefix => format!("{lower}*"),
        Form::Caps => format!("caps({})", word.text),
        Form::Exact => format!("exact({})", word.text),
        Form::Endings(endings) => {
            let sorted: BTreeSet<String> = endings.iter().map(|ending| ending.to_lowercase()).collect();
            format!("{lower}({})", Vec::from_iter(sorted).join("|"))
        }
    }
}

fn group(parts: &[Expr], operator: &str) -> String {
    let sorted: BTreeSet<String> = parts.iter().map(Expr::normal_form).collect();
    if sorted.len() == 1 {
        return sorted.into_iter().collect();
    }
    format!("({})", Vec::from_iter(sorted).join(operator))
}
