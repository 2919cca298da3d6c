//! Regular expressions that cannot be made slow.
//!
//! In: `/…/i` of a topic. Out: [`Matcher`], two tables (forwards for the end of a match, backwards for its
//! begin), so that a byte of text costs one step whatever the expression and the text.
//!
//! `\b` and `\B` tell letters, digits and `_` of ASCII from everything else.
//!
//! **Invariant:** a match is never empty; both tables together stay within [`MAX_TABLE_BYTES`].
//!
//! Rejected: an engine that simulates the expression when its tables grow too large. It is linear as well, but by
//! a factor of the size of the expression, and texts can be made that need it at every byte.

use std::ops::Range;

use regex_automata::{
    MatchKind,
    dfa::{StartKind, dense, regex::Regex},
    nfa::thompson,
};
use regex_syntax::{
    ParserBuilder,
    hir::{Hir, HirKind, Look},
};

use crate::query::ast::Pattern;

/// Bytes that the tables of one expression may take.
pub const MAX_TABLE_BYTES: usize = 2 << 20;
/// Places of one expression that are looked at in one text. Each place may cost a pass over the text.
pub const MAX_PATTERN_HITS: usize = 16;
/// Memory for the construction of the tables, as a multiple of what they may take.
const BUILD_FACTOR: usize = 4;

/// A compiled expression.
#[derive(Debug, Clone)]
pub(super) struct Matcher {
    regex: Regex,
}

impl Matcher {
    /// Compiles `pattern`.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub(super) fn new(pattern: &Pattern) -> Result<Self, String> {
        let parsed = ParserBuilder::new()
            .case_insensitive(pattern.ignore_case)
            .nest_limit(50)
            .build()
            .parse(&pattern.source)
            .map_err(|error| summary(&error))?;
        let expression = with_ascii_borders(parsed);
        if expression.properties().minimum_len() == Some(0) {
            return Err("it also matches where nothing stands; ask for at least one character".to_owned());
        }
        let forward = table(&expression, false)?;
        let backward = table(&expression, true)?;
        let bytes = forward.memory_usage() + backward.memory_usage();
        if bytes > MAX_TABLE_BYTES {
            return Err(TOO_LARGE.to_owned());
        }
        Ok(Self { regex: Regex::builder().build_from_dfas(forward, backward) })
    }

    /// Bytes its tables take.
    pub(super) fn memory(&self) -> usize {
        self.regex.forward().memory_usage() + self.regex.reverse().memory_usage()
    }

    /// The first [`MAX_PATTERN_HITS`] places in `text`, in order, not overlapping, on character boundaries.
    pub(super) fn find(&self, text: &str) -> Vec<Range<usize>> {
        self.regex.find_iter(text).take(MAX_PATTERN_HITS).map(|found| found.range()).collect()
    }
}

const TOO_LARGE: &str = "it is too large; use fewer repetitions, or plain words";

fn table(expression: &Hir, backwards: bool) -> Result<dense::DFA<Vec<u32>>, String> {
    let config = thompson::Config::new()
        .which_captures(thompson::WhichCaptures::None)
        .reverse(backwards)
        .nfa_size_limit(Some(MAX_TABLE_BYTES));
    let nfa = thompson::Compiler::new()
        .configure(config)
        .build_from_hir(expression)
        .map_err(|_| TOO_LARGE.to_owned())?;
    let (starts, kind) = if backwards {
        (StartKind::Anchored, MatchKind::All)
    } else {
        (StartKind::Unanchored, MatchKind::LeftmostFirst)
    };
    let config = dense::Config::new()
        .start_kind(starts)
        .match_kind(kind)
        .dfa_size_limit(Some(MAX_TABLE_BYTES))
        .determinize_size_limit(Some(BUILD_FACTOR * MAX_TABLE_BYTES));
    dense::Builder::new().configure(config).build_from_nfa(&nfa).map_err(|_| TOO_LARGE.to_owned())
}

/// What the parser says, on one line.
fn summary(error: &regex_syntax::Error) -> String {
    match error {
        regex_syntax::Error::Parse(error) => error.kind().to_string(),
        regex_syntax::Error::Translate(error) => error.kind().to_string(),
        other => other.to_string().lines().last().unwrap_or_default().to_owned(),
    }
}

/// `\b` of Unicode has no table; that of ASCII has, and tells words of news well enough.
fn with_ascii_borders(expression: Hir) -> Hir {
    match expression.into_kind() {
        HirKind::Look(Look::WordUnicode) => Hir::look(Look::WordAscii),
        HirKind::Look(Look::WordUnicodeNegate) => Hir::look(Look::WordAsciiNegate),
        HirKind::Look(Look::WordStartUnicode) => Hir::look(Look::WordStartAscii),
        HirKind::Look(Look::WordEndUnicode) => Hir::look(Look::WordEndAscii),
        HirKind::Look(Look::WordStartHalfUnicode) => Hir::look(Look::WordStartHalfAscii),
        HirKind::Look(Look::WordEndHalfUnicode) => Hir::look(Look::WordEndHalfAscii),
        HirKind::Look(look) => Hir::look(look),
        HirKind::Empty => Hir::empty(),
        HirKind::Literal(literal) => Hir::literal(literal.0),
        HirKind::Class(class) => Hir::class(class),
        HirKind::Repetition(mut repeated) => {
            repeated.sub = Box::new(with_ascii_borders(*repeated.sub));
            Hir::repetition(repeated)
        }
        // Groups are never asked for.
        HirKind::Capture(capture) => with_ascii_borders(*capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.into_iter().map(with_ascii_borders).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.into_iter().map(with_ascii_borders).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matcher(source: &str, ignore_case: bool) -> Result<Matcher, String> {
        Matcher::new(&Pattern { source: source.to_owned(), ignore_case })
    }

    fn check(source: &str, text: &str, expect: &[&str]) {
        let compiled = matcher(source, true).unwrap();
        let found: Vec<&str> = compiled.find(text).into_iter().map(|range| &text[range]).collect();
        assert_eq!(found, expect, "{source} in {text}");
    }

    #[test]
    fn expressions_find_what_they_say() {
        check(r"\bxi\b", "Xi, taxi, XI", &["Xi", "XI"]);
        check(r"\d{2,3} ?%", "25% or 145 %", &["25%", "145 %"]);
        check("稀土|关税", "中国稀土与关税", &["稀土", "关税"]);
        check(r"é\w", "Élan", &["Él"]);
        check("(trade|tech) war", "trade wars and Tech War", &["trade war", "Tech War"]);
        check("none", "", &[]);
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_the_reason() {
        let refused = |source: &str| matcher(source, false).unwrap_err();
        assert!(refused("(").contains("unclosed group"), "{}", refused("("));
        assert!(refused("a*").contains("nothing stands"));
        assert!(refused(r"\w{200}").contains("too large"));
        assert!(refused(r"(?:a|b)*a(?:a|b){16}").contains("too large"), "2^16 states");
    }

    #[test]
    fn places_are_limited() {
        let matcher = matcher("a", false).unwrap();
        assert_eq!(matcher.find(&"a".repeat(MAX_PATTERN_HITS)).len(), MAX_PATTERN_HITS);
        assert_eq!(matcher.find(&"a".repeat(MAX_PATTERN_HITS + 1)).len(), MAX_PATTERN_HITS);
    }
}
