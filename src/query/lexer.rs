//! The characters of a query → words, operators and parentheses with their places.
//!
//! In: query text. Out: [`Lexeme`]s in order; aliases of other vendors arrive under our names, lower-case
//! operators with a warning.
//!
//! **Invariant:** spans rise, do not overlap and lie on character boundaries; reading is linear and never fails
//! half-way: the first fault ends it.
//!
//! Rejected: a table-driven lexer generator. Endings (`call(s|ed)`) and groups (`title:(a OR b)`) share their
//! parentheses, which takes one look ahead that a person can read here.

use std::ops::Range;

use super::{
    ast::{Pattern, Proximity, Scope},
    entry::is_quotation_mark,
    error::Fault,
};

/// Characters in one query.
pub const MAX_QUERY_CHARS: usize = 100_000;
/// Words that may be asked to lie between two operands.
pub const MAX_DISTANCE: u16 = 1_000;

/// What a stretch of the query is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Lexeme {
    /// A word as written, endings and `*` included.
    Word(String),
    /// What stands between quotation marks, and the `n` of `"…"~n`.
    Phrase(String, Option<u16>),
    /// `caps(…)`: what stands between the parentheses.
    Caps(String),
    /// `exact("…")`: what stands between the quotation marks.
    Exact(String),
    /// `@name`
    List(String),
    /// `/…/i`
    Regex(Pattern),
    /// `title:`
    Scope(Scope),
    And,
    Or,
    Not,
    /// `NEAR/n`, `ONEAR/n`, `SENTENCE`; never [`Proximity::NotNear`].
    Near(Proximity),
    /// `ATLEAST/n`
    AtLeast(u16),
    /// `SCORE/n`
    Score(i16),
    /// `^n`
    Weight(i16),
    Comma,
    Open,
    Close,
}

/// A lexeme and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) lexeme: Lexeme,
    pub(super) span: Range<usize>,
}

/// Reads all of `text`. Warnings do not keep the query from being used.
pub(super) fn lex(text: &str) -> Result<(Vec<Placed>, Vec<Fault>), Fault> {
    if text.chars().count() > MAX_QUERY_CHARS {
        let message = format!("the query is longer than {MAX_QUERY_CHARS} characters");
        return Err(Fault::new(0..0, message, "move words into [lists], or split the topic"));
    }
    let mut lexer = Lexer { text, at: 0, found: Vec::new(), warnings: Vec::new() };
    while lexer.step()? {}
    Ok((lexer.found, lexer.warnings))
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    found: Vec<Placed>,
    warnings: Vec<Fault>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Reads one lexeme, or skips spaces and a comment; `false` at the end.
    fn step(&mut self) -> Result<bool, Fault> {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return Ok(false) };
        match first {
            c if c.is_whitespace() => self.at += c.len_utf8(),
            '#' => self.at += rest.find('\n').unwrap_or(rest.len()),
            '(' => self.push(Lexeme::Open, 1),
            ')' => self.push(Lexeme::Close, 1),
            ',' => self.push(Lexeme::Comma, 1),
            c if is_quotation_mark(c) => self.phrase()?,
            '/' => self.regex()?,
            '^' => self.weight()?,
            '@' => self.list()?,
            '~' => return Err(self.fault(1, "`~` without a phrase before it", "write `\"two words\"~5`")),
            '-' if rest.chars().nth(1).is_some_and(|c| !c.is_whitespace() && c != '-') => {
                self.push(Lexeme::Not, 1);
            }
            _ => self.word()?,
        }
        Ok(true)
    }

    fn push(&mut self, lexeme: Lexeme, len: usize) {
        self.found.push(Placed { lexeme, span: self.at..self.at + len });
        self.at += len;
    }

    /// A fault at the next `len` bytes.
    fn fault(&self, len: usize, message: impl Into<String>, help: impl Into<String>) -> Fault {
        let mut end = (self.at + len).min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end += 1;
        }
        Fault::new(self.at..end, message, help)
    }

    fn phrase(&mut self) -> Result<(), Fault> {
        let (inner, len) = self.quoted(0)?;
        let after = self.rest().get(len..).unwrap_or_default();
        let Some(tail) = after.strip_prefix('~') else {
            self.push(Lexeme::Phrase(inner, None), len);
            return Ok(());
        };
        let digits: String = tail.chars().take_while(char::is_ascii_digit).collect();
        let distance = self.distance(&digits, len + 1 + digits.len())?;
        self.push(Lexeme::Phrase(inner, Some(distance)), len + 1 + digits.len());
        Ok(())
    }

    /// The text between the quotation mark `skip` bytes ahead and the next one, and the bytes up to behind it.
    fn quoted(&self, skip: usize) -> Result<(String, usize), Fault> {
        let rest = self.rest().get(skip..).unwrap_or_default();
        let open = rest.chars().next().filter(|c| is_quotation_mark(*c)).map_or(0, char::len_utf8);
        let body = rest.get(open..).unwrap_or_default();
        let close = (open > 0).then(|| body.find(is_quotation_mark)).flatten();
        let Some(end) = close else {
            return Err(self.fault(
                skip + 1,
                "a quotation mark without its partner",
                "close the phrase with `\"`",
            ));
        };
        let inner = body.get(..end).unwrap_or_default();
        let mark = body.get(end..).and_then(|tail| tail.chars().next()).map_or(1, char::len_utf8);
        Ok((inner.to_owned(), skip + open + end + mark))
    }

    fn regex(&mut self) -> Result<(), Fault> {
        let body = self.rest().get(1..).unwrap_or_default();
        let mut source = String::new();
        let mut chars = body.char_indices();
        let end = loop {
            match chars.next() {
                None | Some((_, '\n')) => {
                    return Err(self.fault(
                        1,
                        "a regular expression without its closing `/`",
                        "write `/…/` or `/…/i`",
                    ));
                }
                Some((at, '/')) => break at,
                Some((_, '\\')) => match chars.next() {
                    Some((_, '/')) => source.push('/'),
                    Some((_, c)) => source.extend(['\\', c]),
                    None => source.push('\\'),
                },
                Some((_, c)) => source.push(c),
            }
        };
        if source.is_empty() {
            return Err(self.fault(2, "the regular expression is empty", "write `/…/` or `/…/i`"));
        }
        let flags: String =
            body.get(end + 1..).unwrap_or_default().chars().take_while(|c| c.is_alphanumeric()).collect();
        let len = 1 + end + 1 + flags.len();
        let ignore_case = match flags.as_str() {
            "" => false,
            "i" => true,
            _ => {
                return Err(self.fault(
                    len,
                    format!("`{flags}` is no flag of a regular expression"),
                    "the one flag is `i`: `/…/i`",
                ));
            }
        };
        self.push(Lexeme::Regex(Pattern { source, ignore_case }), len);
        Ok(())
    }

    fn weight(&mut self) -> Result<(), Fault> {
        let tail = self.rest().get(1..).unwrap_or_default();
        let len = tail
            .char_indices()
            .find(|(at, c)| !(c.is_ascii_digit() || (*at == 0 && *c == '-')))
            .map_or(tail.len(), |(at, _)| at);
        match tail.get(..len).unwrap_or_default().parse::<i16>() {
            Ok(weight) if weight != 0 && (-MAX_WEIGHT..=MAX_WEIGHT).contains(&weight) => {
                self.push(Lexeme::Weight(weight), 1 + len);
                Ok(())
            }
            _ => {
                let message = format!("a weight is a whole number from -{MAX_WEIGHT} to {MAX_WEIGHT}, not 0");
                Err(self.fault(1 + len, message, "write `SCORE/3(a^2, b, c^-1)`"))
            }
        }
    }

    fn list(&mut self) -> Result<(), Fault> {
        let tail = self.rest().get(1..).unwrap_or_default();
        let len = tail.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-'))).unwrap_or(tail.len());
        if len == 0 {
            return Err(self.fault(
                1,
                "`@` without the name of a list",
                "write `@name`, defined under `[lists]`",
            ));
        }
        let name = tail.get(..len).unwrap_or_default().to_owned();
        self.push(Lexeme::List(name), 1 + len);
        Ok(())
    }

    fn word(&mut self) -> Result<(), Fault> {
        let rest = self.rest();
        let mut len = word_len(rest);
        let mut text = rest.get(..len).unwrap_or_default();
        if let Some((scope, lexeme)) = scope_of(text) {
            let Some(lexeme) = lexeme else {
                let known: Vec<&str> = Scope::ALL.iter().map(|scope| scope.as_str()).collect();
                let help =
                    format!("scopes are {}; put quotes round a word that has a colon", known.join(": "));
                return Err(self.fault(scope.len() + 1, format!("there is no scope `{scope}:`"), help + ":"));
            };
            self.push(Lexeme::Scope(lexeme), scope.len() + 1);
            return Ok(());
        }
        let opens = rest.get(len..).is_some_and(|after| after.starts_with('('));
        if opens && matches!(text, "caps" | "exact") {
            return self.function(text == "caps");
        }
        if let Some(lexeme) = self.operator(text)? {
            self.push(lexeme, len);
            return Ok(());
        }
        if opens && let Some(ours) = foreign_function(text) {
            let message = format!("`{text}( )` is not known here");
            return Err(self.fault(len + 1, message, format!("write `{ours}`")));
        }
        if opens {
            len += endings_len(rest.get(len..).unwrap_or_default()).ok_or_else(|| {
                self.fault(
                    len + 1,
                    "a group follows a word without a space or an operator",
                    "endings are written `tariff(s)` or `call(s|ed|ing)`; otherwise put AND, OR or NEAR/n before `(`",
                )
            })?;
            text = rest.get(..len).unwrap_or_default();
        }
        self.push(Lexeme::Word(text.to_owned()), len);
        Ok(())
    }

    /// `caps(US)` and `exact("…")`.
    fn function(&mut self, caps: bool) -> Result<(), Fault> {
        let rest = self.rest();
        if !caps {
            let (inner, len) = self.quoted("exact(".len()).map_err(|_| {
                self.fault(
                    "exact(".len(),
                    "`exact( )` takes a phrase in quotation marks",
                    "write `exact(\"Reuters Breakingviews\")`",
                )
            })?;
            if !rest.get(len..).is_some_and(|after| after.starts_with(')')) {
                return Err(self.fault(len, "`exact( )` is not closed", "write `exact(\"…\")`"));
            }
            self.push(Lexeme::Exact(inner), len + 1);
            return Ok(());
        }
        let Some(end) = rest.find(')') else {
            return Err(self.fault("caps(".len(), "`caps( )` is not closed", "write `caps(US)`"));
        };
        let inner = rest.get("caps(".len()..end).unwrap_or_default().to_owned();
        self.push(Lexeme::Caps(inner), end + 1);
        Ok(())
    }

    /// The operator that `word` is, if it is one; tells lower-case ones.
    fn operator(&mut self, word: &str) -> Result<Option<Lexeme>, Fault> {
        let upper = word.to_ascii_uppercase();
        let (name, number) = match upper.split_once('/') {
            Some((name, number)) => (name, Some(number)),
            None => match upper
                .strip_prefix("NEAR")
                .filter(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
            {
                Some(number) => ("NEAR", Some(number)),
                None => (upper.as_str(), None),
            },
        };
        let lexeme = match (name, number) {
            ("AND", None) => Lexeme::And,
            ("OR", None) => Lexeme::Or,
            ("NOT", None) => Lexeme::Not,
            ("SENTENCE", None) => Lexeme::Near(Proximity::Sentence),
            ("NEAR" | "W", Some(number)) => match number.strip_suffix('F') {
                Some(ordered) => Lexeme::Near(Proximity::Ordered(self.distance(ordered, word.len())?)),
                None => Lexeme::Near(Proximity::Near(self.distance(number, word.len())?)),
            },
            ("ONEAR" | "PRE", Some(number)) => {
                Lexeme::Near(Proximity::Ordered(self.distance(number, word.len())?))
            }
            ("ATLEAST", Some(number)) => Lexeme::AtLeast(self.count(number, word.len())?),
            ("SCORE", Some(number)) => {
                let threshold = self.count(number, word.len())?;
                Lexeme::Score(i16::try_from(threshold).unwrap_or(i16::MAX))
            }
            ("NEAR" | "ONEAR", None) if word == upper => {
                return Err(self.fault(
                    word.len(),
                    format!("`{word}` does not say how near"),
                    format!("write `{word}/5`: at most 5 words between"),
                ));
            }
            ("ATLEAST" | "SCORE", None) if word == upper => {
                return Err(self.fault(
                    word.len(),
                    format!("`{word}` without its number"),
                    format!("write `{word}/2(…)`"),
                ));
            }
            _ => return Ok(None),
        };
        let written_small = word.chars().any(|c| c.is_ascii_lowercase())
            && !(name == "NEAR" && number.is_some_and(|n| n.ends_with('F') && word.starts_with("NEAR")));
        if written_small && !is_lower_alias(word) {
            self.warnings.push(self.fault(
                word.len(),
                format!("`{word}` is read as an operator"),
                format!("write it in capitals, or `\"{word}\"` for the word"),
            ));
        }
        Ok(Some(lexeme))
    }

    fn distance(&self, digits: &str, len: usize) -> Result<u16, Fault> {
        let help = "write `NEAR/5`: at most 5 words between";
        match digits.parse::<u16>() {
            Ok(n) if n <= MAX_DISTANCE => Ok(n),
            Ok(_) => Err(self.fault(
                len,
                format!("the distance is more than {MAX_DISTANCE} words"),
                "use AND, or SENTENCE",
            )),
            Err(_) => Err(self.fault(len, "the distance is not a whole number of words", help)),
        }
    }

    fn count(&self, digits: &str, len: usize) -> Result<u16, Fault> {
        match digits.parse::<u16>() {
            Ok(n) if (1..=MAX_DISTANCE).contains(&n) => Ok(n),
            _ => Err(self.fault(
                len,
                format!("the number is not between 1 and {MAX_DISTANCE}"),
                "write `ATLEAST/2(…)` or `SCORE/3(…)`",
            )),
        }
    }
}

/// Largest weight of a clause, either way.
pub const MAX_WEIGHT: i16 = 100;

/// What stands before a parenthesis in other vendors' queries, or looks like one of our scopes: how it is written here.
fn foreign_function(word: &str) -> Option<String> {
    let lower = word.to_ascii_lowercase();
    let at_least = lower.strip_prefix("atl").or_else(|| lower.strip_prefix("atleast"));
    let number = at_least.filter(|number| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    match lower.as_str() {
        _ if number.is_some() => number.map(|number| format!("ATLEAST/{number}(…)")),
        "allcaps" | "caps" => Some("caps(US)".to_owned()),
        "headline" | "intitle" | "heading" => Some("title:(…)".to_owned()),
        "hlead" | "leadpara" => Some("lead:(…)".to_owned()),
        name => Scope::ALL.iter().find(|scope| scope.as_str() == name).map(|_| format!("{name}:(…)")),
    }
}

/// `near5` is how other vendors write it, not a slip of the shift key.
fn is_lower_alias(word: &str) -> bool {
    word.starts_with("near") && word.bytes().skip(4).all(|b| b.is_ascii_digit())
}

/// Bytes of the word at the start of `text`. A comma belongs to it only between digits.
fn word_len(text: &str) -> usize {
    let mut before = ' ';
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, c)| *c);
        let number = c == ',' && before.is_ascii_digit() && next.is_some_and(|c| c.is_ascii_digit());
        let ends = c.is_whitespace() || is_quotation_mark(c) || matches!(c, '(' | ')' | '^' | '~' | '@');
        if (ends || c == ',') && !number {
            return at.max(if ends && at == 0 { c.len_utf8() } else { 0 });
        }
        before = c;
        if at > 0 && c == ':' && scope_of(text.get(..=at).unwrap_or_default()).is_some() {
            return at + 1;
        }
    }
    text.len()
}

/// The scope that `word` begins with, if it looks like one: letters, then a colon. `None` inside: no such scope.
fn scope_of(word: &str) -> Option<(&str, Option<Scope>)> {
    let (name, _) = word.split_once(':')?;
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphabetic()) {
        return None;
    }
    let lower = name.to_ascii_lowercase();
    let scope = match lower.as_str() {
        "intitle" => Some(Scope::Title),
        other => Scope::ALL.into_iter().find(|scope| scope.as_str() == other),
    };
    Some((name, scope))
}

/// Bytes of `(s|ed)` at the start of `text`, and of what follows it without a space.
fn endings_len(text: &str) -> Option<usize> {
    let close = text.find(')')?;
    let inside = text.get(1..close)?;
    let letters = |c: char| c.is_alphabetic() || c == '|';
    (!inside.is_empty() && inside.chars().all(letters))
        .then_some(close + 1 + word_len_after(text.get(close + 1..)?))
}

/// What is glued behind endings belongs to the word, so that the fault names all of it.
fn word_len_after(text: &str) -> usize {
    if text.starts_with(|c: char| c.is_alphanumeric() || c == '*') { word_len(text) } else { 0 }
}
