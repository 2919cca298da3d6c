//! Lexemes → an expression.
//!
//! In: query text and a way to look up `@name`. Out: [`Expr`] and warnings, or the first fault.
//!
//! `NOT` binds tightest, then proximity; `AND` and `OR` do not mix at one level without parentheses.
//!
//! **Invariant:** what is given out can be printed and parsed again to the same expression; nesting is at most
//! [`MAX_DEPTH`], so that nothing that walks the tree can run out of stack.
//!
//! Rejected: a precedence between `AND` and `OR`. Vendors disagree on it, so half of all authors would be wrong.

use std::ops::Range;

use super::{
    ast::{Expr, Form, Near, Proximity, Scope, Term, Weighted},
    entry,
    error::Fault,
    lexer::{Lexeme, Placed, lex},
    lint,
};

/// Parentheses, `NOT`s and scopes inside each other.
pub const MAX_DEPTH: usize = 50;

/// What `@name` stands for; the range is where it stands in the query.
pub(super) type Lookup<'a> = dyn FnMut(&str, Range<usize>) -> Result<Expr, Fault> + 'a;

/// Reads a whole query.
pub(super) fn parse(text: &str, lookup: &mut Lookup<'_>) -> Result<(Expr, Vec<Fault>), Fault> {
    let (lexemes, warnings) = lex(text)?;
    let mut parser = Parser { text, lexemes, at: 0, depth: 0, scope: None, lookup, warnings };
    if parser.lexemes.is_empty() {
        return Err(Fault::new(0..text.len(), "the query is empty", "write words, phrases and operators"));
    }
    let expr = parser.level()?.expr;
    if let Some(extra) = parser.peek() {
        let span = extra.span.clone();
        return Err(match extra.lexeme {
            Lexeme::Close => Fault::new(span, "`)` without `(`", "remove it, or open the group it closes"),
            Lexeme::Weight(_) | Lexeme::Comma => {
                Fault::new(span, "this stands only inside `SCORE/n( … )`", "write `SCORE/3(a^2, b, c^-1)`")
            }
            _ => Fault::new(span, "this is not expected here", "put AND, OR or NEAR/n before it"),
        });
    }
    if expr.holds_of_nothing() {
        let start = parser.lexemes.first().map_or(0, |placed| placed.span.start);
        return Err(Fault::new(
            start..parser.end().end.max(start),
            "the query says only what may not occur, so every other item would match",
            "say what must occur: `a AND NOT b`",
        ));
    }
    Ok((expr, parser.warnings))
}

struct Parser<'a, 'l> {
    text: &'a str,
    lexemes: Vec<Placed>,
    at: usize,
    depth: usize,
    scope: Option<Scope>,
    lookup: &'a mut Lookup<'l>,
    warnings: Vec<Fault>,
}

/// An expression and the bytes it was read from.
struct Read {
    expr: Expr,
    span: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    And,
    Or,
}

impl Parser<'_, '_> {
    fn peek(&self) -> Option<&Placed> {
        self.lexemes.get(self.at)
    }

    fn peek_lexeme(&self, ahead: usize) -> Option<&Lexeme> {
        self.lexemes.get(self.at + ahead).map(|placed| &placed.lexeme)
    }

    fn next(&mut self) -> Option<Placed> {
        let placed = self.lexemes.get(self.at).cloned();
        self.at += usize::from(placed.is_some());
        placed
    }

    fn source(&self, span: Range<usize>) -> &str {
        self.text.get(span).unwrap_or_default()
    }

    /// Where the text behind `before` and a quotation mark, of whichever kind, begins.
    fn inside(&self, before: &str, span: &Range<usize>) -> usize {
        let quoted = self.source(span.clone()).strip_prefix(before).unwrap_or_default();
        span.start + before.len() + quoted.chars().next().map_or(0, char::len_utf8)
    }

    fn end(&self) -> Range<usize> {
        let end = self.lexemes.last().map_or(0, |placed| placed.span.end);
        let start = self.lexemes.last().map_or(0, |placed| placed.span.start);
        start..end
    }

    /// Operands joined by AND or by OR.
    fn level(&mut self) -> Result<Read, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let span = self.peek().map_or_else(|| self.end(), |placed| placed.span.clone());
            let message = format!("groups are nested more than {MAX_DEPTH} deep");
            return Err(Fault::new(span, message, "move inner groups into [lists]"));
        }
        let mut operands = vec![self.proximity()?];
        let mut joints: Vec<(Joint, Range<usize>)> = Vec::new();
        while let Some(joint) = self.joint()? {
            joints.push(joint);
            operands.push(self.proximity()?);
        }
        self.depth -= 1;
        let Some((first, _)) = joints.first() else {
            return operands.pop().ok_or_else(|| self.expected_operand());
        };
        let first = *first;
        if let Some((_, span)) = joints.iter().find(|(joint, _)| *joint != first) {
            return Err(self.mixed(&operands, &joints, span.clone()));
        }
        let span = operands.first().map_or(0, |read| read.span.start)
            ..operands.last().map_or(0, |read| read.span.end);
        let parts = operands.into_iter().map(|read| read.expr).collect();
        let expr = if first == Joint::And { Expr::And(parts) } else { Expr::Or(parts) };
        Ok(Read { expr, span })
    }

    /// AND, OR, or a NOT that stands where an operator should: `a NOT b` is `a AND NOT b`.
    fn joint(&mut self) -> Result<Option<(Joint, Range<usize>)>, Fault> {
        let Some(placed) = self.peek() else { return Ok(None) };
        let span = placed.span.clone();
        match placed.lexeme {
            Lexeme::And => self.at += 1,
            Lexeme::Or => {
                self.at += 1;
                return Ok(Some((Joint::Or, span)));
            }
            Lexeme::Not => {}
            Lexeme::Close | Lexeme::Comma | Lexeme::Weight(_) => return Ok(None),
            _ => return Err(self.two_operands(span)),
        }
        Ok(Some((Joint::And, span)))
    }

    /// Two operands with nothing between them.
    fn two_operands(&self, second: Range<usize>) -> Fault {
        let is_word = |placed: &&Placed| matches!(placed.lexeme, Lexeme::Word(_));
        let before = self.lexemes.get(..self.at).unwrap_or_default().iter().rev().take_while(is_word).count();
        let after = self.lexemes.get(self.at..).unwrap_or_default().iter().take_while(is_word).count();
        let words = self.lexemes.get(self.at - before..self.at + after).unwrap_or_default();
        match (words.first(), words.last()) {
            (Some(first), Some(last)) if before > 0 && after > 0 => {
                let span = first.span.start..last.span.end;
                let joined: Vec<&str> = words.iter().map(|word| self.source(word.span.clone())).collect();
                let help = format!("did you mean \"{}\"?", joined.join(" "));
                Fault::new(span, "two words without an operator", help)
            }
            _ => Fault::new(
                second,
                "there is no operator before this",
                "put AND, OR or NEAR/n before it, or quotation marks round a phrase",
            ),
        }
    }

    fn mixed(&self, operands: &[Read], joints: &[(Joint, Range<usize>)], span: Range<usize>) -> Fault {
        let reading = |tight: Joint| {
            let loose = if tight == Joint::And { " OR " } else { " AND " };
            let inner = if tight == Joint::And { " AND " } else { " OR " };
            let mut groups: Vec<Vec<&str>> = Vec::new();
            for (at, operand) in operands.iter().enumerate() {
                let text = self.source(operand.span.clone());
                let joins = at.checked_sub(1).and_then(|before| joints.get(before)).map(|(joint, _)| *joint);
                match groups.last_mut().filter(|_| joins == Some(tight)) {
                    Some(group) => group.push(text),
                    None => groups.push(vec![text]),
                }
            }
            let shown = groups.iter().map(|group| match group.as_slice() {
                [one] => (*one).to_owned(),
                many => format!("({})", many.join(inner)),
            });
            shown.collect::<Vec<_>>().join(loose)
        };
        let help = format!("write `{}` or `{}`", reading(Joint::And), reading(Joint::Or));
        Fault::new(span, "AND and OR are mixed without parentheses", help)
    }

    /// Operands joined by one kind of proximity, from the left.
    fn proximity(&mut self) -> Result<Read, Fault> {
        let mut left = self.unary()?;
        let mut used: Option<Proximity> = None;
        while let Some((proximity, span, width)) = self.near() {
            if used.is_some_and(|used| used != proximity) {
                return Err(Fault::new(
                    span,
                    "two kinds of proximity follow each other without parentheses",
                    format!("write `({}) {proximity} …`", self.source(left.span.clone())),
                ));
            }
            used = Some(proximity);
            self.at += width;
            let right = self.unary()?;
            for operand in [&left, &right] {
                self.check_operand(operand, Some(proximity))?;
            }
            let whole = left.span.start..right.span.end;
            let near = Near { left: left.expr, right: right.expr, proximity };
            left = Read { expr: Expr::Near(Box::new(near)), span: whole };
        }
        Ok(left)
    }

    /// The proximity operator that comes next, and of how many lexemes it is made.
    fn near(&self) -> Option<(Proximity, Range<usize>, usize)> {
        let span = self.peek()?.span.clone();
        match (self.peek_lexeme(0), self.peek_lexeme(1)) {
            (Some(Lexeme::Near(proximity)), _) => Some((*proximity, span, 1)),
            (Some(Lexeme::Not), Some(Lexeme::Near(Proximity::Near(n)))) => {
                Some((Proximity::NotNear(*n), span, 2))
            }
            _ => None,
        }
    }

    /// Refuses an operand of a proximity, or of ATLEAST, that has no place of its own.
    fn check_operand(&self, operand: &Read, proximity: Option<Proximity>) -> Result<(), Fault> {
        let operator = proximity.map_or("ATLEAST".to_owned(), |proximity| proximity.to_string());
        let mut open = vec![&operand.expr];
        while let Some(expr) = open.pop() {
            match expr {
                Expr::Not(_) | Expr::Score { .. } => {
                    return Err(Fault::new(
                        operand.span.clone(),
                        format!("what has no place cannot stand beside `{operator}`"),
                        "use `a NOT NEAR/5 b`, or take NOT and SCORE out of the operand",
                    ));
                }
                Expr::And(_) => {
                    return Err(Fault::new(
                        operand.span.clone(),
                        format!("AND cannot stand beside `{operator}`"),
                        "say it for each word: `(a NEAR/5 c) AND (b NEAR/5 c)`",
                    ));
                }
                Expr::Scope { scope, .. } => {
                    return Err(Fault::new(
                        operand.span.clone(),
                        format!("`{}:` cannot stand beside `{operator}`", scope.as_str()),
                        format!("put the scope round both: `{}:(a NEAR/5 b)`", scope.as_str()),
                    ));
                }
                _ => open.extend(expr.children()),
            }
        }
        Ok(())
    }

    fn expected_operand(&self) -> Fault {
        match self.peek() {
            Some(placed) => {
                let shown = self.source(placed.span.clone());
                let message = format!("a word, phrase or group is expected before `{shown}`");
                Fault::new(placed.span.clone(), message, "write what the operator applies to")
            }
            None => {
                Fault::new(self.end(), "the query ends where a word is expected", "write what comes after it")
            }
        }
    }

    /// One operand.
    fn unary(&mut self) -> Result<Read, Fault> {
        let Some(placed) = self.next() else { return Err(self.expected_operand()) };
        let span = placed.span;
        let shift = |by: usize| {
            move |fault: Fault| Fault { span: fault.span.start + by..fault.span.end + by, ..fault }
        };
        let term = |term: Term, span: Range<usize>| Read { expr: Expr::Term(term), span };
        match placed.lexeme {
            Lexeme::Word(text) => {
                let word = entry::phrase(&text).map_err(shift(span.start))?;
                let hint = lint::exclamation(&word);
                self.warnings.extend(hint.map(|hint| Fault::new(span.clone(), hint.message, hint.help)));
                if self.scope.is_none_or(|scope| matches!(scope, Scope::Title | Scope::Lead | Scope::Body)) {
                    let hint = lint::short_word(&word);
                    self.warnings.extend(hint.map(|hint| Fault::new(span.clone(), hint.message, hint.help)));
                }
                Ok(term(word, span))
            }
            Lexeme::Phrase(text, None) => {
                Ok(term(entry::phrase(&text).map_err(shift(self.inside("", &span)))?, span))
            }
            Lexeme::Phrase(text, Some(distance)) => {
                let words = entry::phrase(&text).map_err(shift(self.inside("", &span)))?.words;
                let mut terms = words.into_iter().map(|word| Expr::Term(Term { words: vec![word] }));
                let first = terms.next().ok_or_else(|| self.expected_operand())?;
                let proximity = Proximity::Near(distance);
                let expr =
                    terms.fold(first, |left, right| Expr::Near(Box::new(Near { left, right, proximity })));
                Ok(Read { expr, span })
            }
            Lexeme::Caps(text) => Ok(term(
                entry::verbatim(&text, &Form::Caps).map_err(shift(span.start + "caps(".len()))?,
                span,
            )),
            Lexeme::Exact(text) => Ok(term(
                entry::verbatim(&text, &Form::Exact).map_err(shift(self.inside("exact(", &span)))?,
                span,
            )),
            Lexeme::List(name) => Ok(Read { expr: (self.lookup)(&name, span.clone())?, span }),
            Lexeme::Regex(pattern) => Ok(Read { expr: Expr::Regex(pattern), span }),
            Lexeme::Not => self.negation(span),
            Lexeme::Scope(scope) => self.scoped(scope, span),
            Lexeme::AtLeast(count) => {
                let inner = self.group(&span)?;
                self.check_operand(&inner, None)?;
                let expr = Expr::AtLeast { count, expr: Box::new(inner.expr) };
                Ok(Read { expr, span: span.start..inner.span.end })
            }
            Lexeme::Score(threshold) => self.score(threshold, &span),
            Lexeme::Open => {
                self.at -= 1;
                self.group(&span)
            }
            Lexeme::And
            | Lexeme::Or
            | Lexeme::Near(_)
            | Lexeme::Close
            | Lexeme::Comma
            | Lexeme::Weight(_) => {
                self.at -= 1;
                Err(self.expected_operand())
            }
        }
    }

    fn nested<T>(
        &mut self,
        span: &Range<usize>,
        read: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            let message = format!("groups are nested more than {MAX_DEPTH} deep");
            return Err(Fault::new(span.clone(), message, "move inner groups into [lists]"));
        }
        let found = read(self);
        self.depth -= 1;
        found
    }

    fn negation(&mut self, span: Range<usize>) -> Result<Read, Fault> {
        let inner = self.nested(&span, Self::unary)?;
        Ok(Read { expr: Expr::Not(Box::new(inner.expr)), span: span.start..inner.span.end })
    }

    fn scoped(&mut self, scope: Scope, span: Range<usize>) -> Result<Read, Fault> {
        if let Some(outer) = self.scope {
            let message = format!("`{}:` inside `{}:`", scope.as_str(), outer.as_str());
            return Err(Fault::new(span, message, "a clause has one scope; join two with AND"));
        }
        self.scope = Some(scope);
        let inner = self.nested(&span, Self::unary)?;
        self.scope = None;
        let expr = Expr::Scope { scope, expr: Box::new(inner.expr) };
        Ok(Read { expr, span: span.start..inner.span.end })
    }

    /// `( … )`; `before` is what it belongs to.
    fn group(&mut self, before: &Range<usize>) -> Result<Read, Fault> {
        let open = match self.next() {
            Some(Placed { lexeme: Lexeme::Open, span }) => span,
            _ => {
                let help = "write `ATLEAST/2(…)`";
                return Err(Fault::new(before.clone(), "a group in parentheses must follow", help));
            }
        };
        let inner = self.level()?;
        let end = self.close(&open)?;
        Ok(Read { expr: inner.expr, span: open.start..end })
    }

    /// The end of the group that opened at `open`.
    fn close(&mut self, open: &Range<usize>) -> Result<usize, Fault> {
        match self.next() {
            Some(Placed { lexeme: Lexeme::Close, span }) => Ok(span.end),
            Some(other) => Err(Fault::new(
                other.span,
                "this is not expected here",
                "close the group with `)`, or put AND, OR or NEAR/n before it",
            )),
            None => Err(Fault::new(open.clone(), "`(` without `)`", "close the group")),
        }
    }

    fn score(&mut self, threshold: i16, before: &Range<usize>) -> Result<Read, Fault> {
        let open = match self.next() {
            Some(Placed { lexeme: Lexeme::Open, span }) => span,
            _ => {
                let help = "write `SCORE/3(a^2, b, c^-1)`";
                return Err(Fault::new(before.clone(), "clauses in parentheses must follow", help));
            }
        };
        let mut clauses = Vec::new();
        loop {
            let expr = self.nested(&open, Self::proximity)?.expr;
            let weight = match self.peek_lexeme(0) {
                Some(Lexeme::Weight(weight)) => *weight,
                _ => 1,
            };
            self.at += usize::from(matches!(self.peek_lexeme(0), Some(Lexeme::Weight(_))));
            clauses.push(Weighted { expr, weight });
            match self.peek_lexeme(0) {
                Some(Lexeme::Comma) => self.at += 1,
                _ => break,
            }
        }
        let end = match self.next() {
            Some(Placed { lexeme: Lexeme::Close, span }) => span.end,
            Some(other) => {
                return Err(Fault::new(
                    other.span,
                    "this is not expected between the clauses of SCORE",
                    "put a comma between clauses, and parentheses round one that has AND or OR",
                ));
            }
            None => return Err(Fault::new(open, "`(` without `)`", "close the group")),
        };
        let most: i32 = clauses.iter().map(|clause| i32::from(clause.weight).max(0)).sum();
        if most < i32::from(threshold) {
            return Err(Fault::new(
                before.clone(),
                format!("the weights add up to {most}, so {threshold} is never reached"),
                "lower the threshold, or raise weights",
            ));
        }
        Ok(Read { expr: Expr::Score { threshold, clauses }, span: before.start..end })
    }
}

#[cfg(test)]
mod tests;
