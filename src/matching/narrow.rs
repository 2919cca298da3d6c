//! Which stored items a topic need not be tried on.
//!
//! In: an item, or a topic's expression. Out: the tokens an index should have of the item; the [`Narrowing`] that
//! every item the topic matches satisfies.
//!
//! A folded token is its own index token. Han and kana go by overlapping pairs (`稀土`), the last of a run alone, so
//! that every character begins some token and one alone is found as a beginning. Words of site, author, tags and
//! language carry a mark of their own; address and feed are not indexed (addresses are words of their own each, and
//! a feed may be renamed).
//!
//! **Invariant:** an item that matches an expression satisfies its narrowing (property test). Nothing else is
//! promised: word order, distance, case and scopes of the text are the matcher's, who has the last word.
//! **Invariant:** tokens hold no ASCII but letters and digits, so no tokenizer of an index has reason to split them.
//!
//! Rejected: an index that knows positions. It would be three times as large and still not know what a sentence, a
//! possessive or Simplified Han is.

use crate::{
    model::{Item, Narrowing},
    query::ast::{Expr, Form, Proximity, Scope, Term, Weighted},
    text::{self, Gap, Script, Token},
};

use super::{
    compile::part,
    scan::{PARTS, text_of},
};

/// Names the form of [`index_tokens`]. Raise it whenever the same item gives other tokens than before (a test
/// notices): an index of another form is of no use and is made anew.
pub const INDEX_FORM: i64 = 1;
/// Tokens and beginnings named in one narrowing; what would need more does not narrow. Measured: 2,000 alternatives
/// cost SQLite less than a page of items costs the matcher.
pub const MAX_LEAVES: usize = 2_000;
/// Groups inside each other in one narrowing; what would need more does not narrow. SQLite takes some thirty.
pub const MAX_NESTING: usize = 20;
/// Characters of a token that are indexed.
const MAX_TOKEN_CHARS: usize = 40;
/// Stands for every ASCII character that is neither letter nor digit.
const STAND_IN: char = '\u{e000}';

/// The tokens that an index should have of `item`, sorted, none twice, with a space between.
pub fn index_tokens(item: &Item) -> String {
    let mut all = String::new();
    let mut spans = Vec::new();
    for (field, bits) in PARTS {
        let Some(mark) = mark(bits) else { continue };
        let folded = text::fold(&text_of(item, field, bits).text);
        for at in 0..folded.len() {
            let Some(token) = folded.get(at) else { continue };
            let start = all.len();
            all.extend(mark);
            encode(&mut all, token.text);
            if let Some(next) = folded.get(at + 1).filter(|next| is_pair(&token, next)) {
                encode(&mut all, next.text);
            }
            spans.push(start..all.len());
        }
    }
    let mut tokens: Vec<&str> = spans.into_iter().filter_map(|span| all.get(span)).collect();
    tokens.sort_unstable();
    tokens.dedup();
    tokens.join(" ")
}

/// What every item that `expr` matches satisfies; `None` where any item may match, as with a regular expression.
/// At most [`MAX_LEAVES`] leaves, [`MAX_NESTING`] deep.
pub fn narrowing(expr: &Expr) -> Option<Narrowing> {
    narrow(expr, part::DEFAULT)
}

/// The mark before the tokens of a part of the item; `None` if it is not indexed.
fn mark(parts: u16) -> Option<Option<char>> {
    match parts {
        _ if parts & part::DEFAULT != 0 => Some(None),
        part::SITE => Some(Some('\u{e100}')),
        part::AUTHOR => Some(Some('\u{e101}')),
        part::TAG => Some(Some('\u{e102}')),
        part::LANG => Some(Some('\u{e103}')),
        _ => None,
    }
}

fn part_of(scope: Scope) -> u16 {
    match scope {
        Scope::Title | Scope::Lead | Scope::Body => part::DEFAULT,
        Scope::Url => part::URL,
        Scope::Site => part::SITE,
        Scope::Feed => part::FEED,
        Scope::Author => part::AUTHOR,
        Scope::Tag => part::TAG,
        Scope::Lang => part::LANG,
    }
}

fn encode(out: &mut String, token: &str) {
    let plain = |c: char| if c.is_ascii() && !c.is_ascii_alphanumeric() { STAND_IN } else { c };
    out.extend(token.chars().take(MAX_TOKEN_CHARS).map(plain));
}

/// Whether two tokens in a row are indexed together.
fn is_pair(first: &Token<'_>, second: &Token<'_>) -> bool {
    first.script == Script::Ideograph && second.script == Script::Ideograph && second.gap == Gap::Soft
}

fn narrow(expr: &Expr, parts: u16) -> Option<Narrowing> {
    match expr {
        Expr::Term(term) => self::term(term, mark(parts)?),
        Expr::Regex(_) | Expr::Not(_) => None,
        Expr::And(inner) => all(inner.iter().filter_map(|part| narrow(part, parts)).collect()),
        Expr::Or(inner) => any(inner.iter().map(|part| narrow(part, parts))),
        Expr::Near(near) if matches!(near.proximity, Proximity::NotNear(_)) => narrow(&near.left, parts),
        Expr::Near(near) => {
            all([&near.left, &near.right].into_iter().filter_map(|part| narrow(part, parts)).collect())
        }
        Expr::AtLeast { expr, .. } | Expr::Named { expr, .. } => narrow(expr, parts),
        Expr::Scope { scope, expr } => narrow(expr, part_of(*scope)),
        Expr::Score { threshold, clauses } => score(*threshold, clauses, parts),
    }
}

/// Every word of a phrase, in one of its spellings.
fn term(term: &Term, mark: Option<char>) -> Option<Narrowing> {
    let words = term.words.iter().filter_map(|word| match &word.form {
        Form::Endings(endings) => {
            let endings = std::iter::once("").chain(endings.iter().map(String::as_str));
            any(endings.map(|ending| spelling(&format!("{}{ending}", word.text), &word.form, mark)))
        }
        form => spelling(&word.text, form, mark),
    });
    all(words.collect())
}

/// The tokens of one written word: the same folding and the same choice of stems as the vocabulary makes.
fn spelling(written: &str, form: &Form, mark: Option<char>) -> Option<Narrowing> {
    let folded = text::fold(written);
    let last = folded.len().checked_sub(1)?;
    let is_stem = |at: usize, token: &Token<'_>| {
        at == last && (*form == Form::Prefix || (*form == Form::Plain && token.script == Script::Hangul))
    };
    let mut parts = Vec::new();
    let mut in_pair = false;
    for (at, token) in folded.tokens().enumerate() {
        let mut leaf: String = mark.into_iter().collect();
        encode(&mut leaf, token.text);
        let next = folded.get(at + 1).filter(|next| is_pair(&token, next) && !is_stem(at + 1, next));
        let is_new = !std::mem::replace(&mut in_pair, next.is_some());
        match next {
            Some(next) => {
                encode(&mut leaf, next.text);
                parts.push(Narrowing::Token(leaf.into()));
            }
            None if token.script == Script::Ideograph || is_stem(at, &token) => {
                if is_new {
                    parts.push(Narrowing::Prefix(leaf.into()));
                }
            }
            None => parts.push(Narrowing::Token(leaf.into())),
        }
    }
    all(parts)
}

/// A score is reached only if one of the clauses holds that raise it, those left out that cannot reach it together
/// with what absence gives. The dearest are left out first. The same reasoning as for a topic's key.
fn score(threshold: i16, clauses: &[Weighted], parts: u16) -> Option<Narrowing> {
    let raising = clauses.iter().filter(|clause| clause.weight > 0);
    let (given, asked): (Vec<_>, Vec<_>) = raising.partition(|clause| clause.expr.holds_of_nothing());
    let given: i32 = given.iter().map(|clause| i32::from(clause.weight)).sum();
    let mut slack = i32::from(threshold) - given - 1;
    if slack < 0 {
        return None;
    }
    let mut asked: Vec<(f64, Option<Narrowing>, i32)> = asked
        .into_iter()
        .map(|clause| {
            let narrowing = narrow(&clause.expr, parts);
            let cost = narrowing.as_ref().map_or(f64::INFINITY, cost);
            (cost, narrowing, i32::from(clause.weight))
        })
        .collect();
    asked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut wanted = Vec::new();
    for (_, narrowing, weight) in asked {
        if weight <= slack {
            slack -= weight;
        } else {
            wanted.push(narrowing);
        }
    }
    any(wanted.into_iter())
}

/// How many items are expected to satisfy it, on a scale of its own: short words and beginnings are common.
fn cost(narrowing: &Narrowing) -> f64 {
    let word = |token: &str| 16.0 / f64::from(u32::try_from(token.len()).unwrap_or(u32::MAX).max(1));
    match narrowing {
        Narrowing::Token(token) => word(token),
        Narrowing::Prefix(token) => 4.0 * word(token),
        Narrowing::All(parts) => parts.iter().map(cost).fold(f64::INFINITY, f64::min),
        Narrowing::Any(parts) => parts.iter().map(cost).sum(),
    }
}

/// All of `parts`, those with the fewest leaves first, as far as the limits allow: what is left out only narrows less.
fn all(parts: Vec<Narrowing>) -> Option<Narrowing> {
    let mut flat: Vec<Narrowing> = Vec::new();
    for part in parts {
        match part {
            Narrowing::All(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    flat.retain(|part| part.depth() < MAX_NESTING);
    flat.sort_by_cached_key(|part| (part.leaves(), part.clone()));
    flat.dedup();
    let mut left = MAX_LEAVES;
    flat.retain(|part| {
        let rest = left.checked_sub(part.leaves());
        left = rest.unwrap_or(left);
        rest.is_some()
    });
    match flat.len() {
        0 | 1 => flat.pop(),
        _ => Some(Narrowing::All(flat)),
    }
}

/// One of `parts`; `None` if any item may satisfy one of them, or if the limits do not allow it.
fn any(parts: impl Iterator<Item = Option<Narrowing>>) -> Option<Narrowing> {
    let mut flat: Vec<Narrowing> = Vec::new();
    for part in parts {
        match part? {
            Narrowing::Any(inner) => flat.extend(inner),
            other => flat.push(other),
        }
    }
    flat.sort_unstable();
    flat.dedup();
    let leaves: Vec<Narrowing> = flat.iter().filter(|part| part.leaves() == 1).cloned().collect();
    // An item with both of two words has the one that is enough by itself.
    flat.retain(|part| match part {
        Narrowing::All(inner) => !inner.iter().any(|part| leaves.binary_search(part).is_ok()),
        _ => true,
    });
    match flat.len() {
        0 | 1 => flat.pop(),
        _ => {
            Some(Narrowing::Any(flat)).filter(|any| any.leaves() <= MAX_LEAVES && any.depth() <= MAX_NESTING)
        }
    }
}
