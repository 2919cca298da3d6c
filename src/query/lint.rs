//! What a topic says but its author hardly means.
//!
//! In: a checked expression. Out: sentences with a remedy each; nothing here keeps a topic from being used.
//!
//! **Invariant:** a clause is called dead only if no item at all can make it decide anything.
//!
//! Rejected: guessing from word lists which terms are too common. Every desk has its own common words.

use std::collections::BTreeSet;

use super::ast::{Expr, Form, Term};

/// What to look at, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hint {
    pub(super) message: String,
    pub(super) help: String,
}

/// Findings about a whole topic: clauses that can never match, each named once.
pub(super) fn lint(expr: &Expr) -> Vec<Hint> {
    let mut dead = BTreeSet::new();
    contradictions(expr, &mut dead);
    dead.into_iter()
        .map(|clause| Hint {
            message: format!("`{clause}` can never match: the topic also excludes it"),
            help: "remove it on one side; `NOT NEAR/n` excludes only what stands nearby".to_owned(),
        })
        .collect()
}

/// Whether a term is two Latin letters that fold into a common word, such as `US` into `us`.
pub(super) fn short_word(term: &Term) -> Option<Hint> {
    let [word] = term.words.as_slice() else { return None };
    let letters = word.text.as_bytes();
    let one_case = letters.iter().all(u8::is_ascii_uppercase) || letters.iter().all(u8::is_ascii_lowercase);
    (word.form == Form::Plain && letters.len() == 2 && one_case).then(|| Hint {
        message: format!("`{}` also matches `{}`", word.text, other_case(&word.text)),
        help: format!("write caps({}) if only capitals are meant", word.text.to_ascii_uppercase()),
    })
}

/// Whether a term ends in `!`, the sign of other vendors for a stem.
pub(super) fn exclamation(term: &Term) -> Option<Hint> {
    let [word] = term.words.as_slice() else { return None };
    let stem = word.text.strip_suffix('!').filter(|stem| stem.len() >= super::MIN_STEM)?;
    Some(Hint {
        message: format!("`{}` is the word `{stem}`: `!` is read as punctuation", word.text),
        help: format!("write `{stem}*` for every word that begins so"),
    })
}

fn other_case(word: &str) -> String {
    let lower = word.to_ascii_lowercase();
    if lower == word { word.to_ascii_uppercase() } else { lower }
}

/// Alternatives on the wanted side of an AND that its NOT side excludes wherever they occur.
fn contradictions(expr: &Expr, dead: &mut BTreeSet<String>) {
    if let Expr::And(parts) = expr {
        let mut excluded = BTreeSet::new();
        for part in parts {
            if let Expr::Not(inner) = part {
                alternatives(inner, &mut |expr| {
                    excluded.insert(expr.normal_form());
                });
            }
        }
        for part in parts.iter().filter(|part| !matches!(part, Expr::Not(_))) {
            alternatives(part, &mut |expr| {
                if excluded.contains(&expr.normal_form()) {
                    dead.insert(expr.to_string());
                }
            });
        }
    }
    expr.children().into_iter().for_each(|child| contradictions(child, dead));
}

/// Calls `found` with each clause that alone makes `expr` hold.
fn alternatives(expr: &Expr, found: &mut impl FnMut(&Expr)) {
    match expr {
        Expr::Or(parts) => parts.iter().for_each(|part| alternatives(part, found)),
        Expr::Named { expr, .. } => alternatives(expr, found),
        other => found(other),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use crate::query::{TopicSource, lists};

    fn check(query: &str, expect: &[&str]) {
        let named = BTreeMap::from([("m".to_owned(), vec!["gallium".to_owned(), "tin".to_owned()])]);
        let source =
            TopicSource { name: "t".to_owned(), query: Some(query.to_owned()), ..TopicSource::default() };
        let warnings = lists(&source, &named).unwrap().warnings;
        let messages: Vec<_> = warnings.iter().map(|warning| warning.message.as_str()).collect();
        assert_eq!(messages.len(), expect.len(), "{query}: {messages:?}");
        for (message, expect) in messages.iter().zip(expect) {
            assert!(message.contains(expect), "{query}: {message}");
        }
    }

    #[test]
    fn what_the_author_hardly_means_is_told() {
        check("US AND tariff", &["`US` also matches `us`"]);
        check("eu AND tariff", &["`eu` also matches `EU`"]);
        check("caps(US) AND (tariff OR Xi)", &[]);
        check("(@m OR lead) AND NOT tin", &["`tin` can never match"]);
        check("a1 AND b1 AND NOT (c1 OR b1)", &["`b1` can never match"]);
        check("(a1 OR (b1 AND NOT b1))", &["`b1` can never match"]);
        check("(tin NEAR/3 lead) AND NOT tin", &[]);
        check("tariff! AND China", &["`!` is read as punctuation"]);
        check("a1 and b1", &["read as an operator"]);
    }
}
