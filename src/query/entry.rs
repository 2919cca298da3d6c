//! Words and phrases: an entry of a keyword list, or what a query has between its operators.
//!
//! In: `rare earth(s)`, `tariff*`, `caps(US)`, `@metals`. Out: a term of words as written, or a list name.
//!
//! **Invariant:** what is accepted means what it looks like; in a list, anything of the query language (operators,
//! quotes, scopes, `-word`) is refused with the remedy, never read as plain words.
//!
//! Rejected: ignoring punctuation that stands alone. `AT & T` would silently become the phrase `at t`.

use std::ops::Range;

use super::{
    ast::{Form, Term, Word},
    error::Fault,
};

/// Words in one phrase; a longer one is a sentence, which no two papers print alike.
pub const MAX_WORDS: usize = 20;
/// Characters in one entry.
pub const MAX_ENTRY_CHARS: usize = 200;
/// Letters a stem must have before `*`; shorter ones match half the dictionary.
pub const MIN_STEM: usize = 3;
/// Letters in one ending.
pub const MAX_ENDING_CHARS: usize = 10;
/// Spellings one entry may stand for: the product of its ending lists, each with the bare word.
pub const MAX_SPELLINGS: usize = 256;

const OPERATORS: &[&str] = &["AND", "OR", "NOT", "NEAR", "ONEAR", "SENTENCE", "ATLEAST"];
const WINDOWED: &[&str] = &["NEAR", "ONEAR", "ATLEAST", "W", "PRE"];
const SCOPES: &[&str] = &["title", "intitle", "lead", "body", "url", "site", "feed", "author", "tag", "lang"];
const LANGUAGE: &str = "that is query language; lists take words and phrases";

/// What an entry stands for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    /// `@name`, without the `@`.
    List(String),
    /// A word or phrase.
    Term(Term),
}

/// Reads one entry.
pub(super) fn parse(entry: &str) -> Result<Entry, Fault> {
    let source = entry.trim();
    let offset = entry.len() - entry.trim_start().len();
    let whole = offset..offset + source.len();
    if source.is_empty() {
        return Err(Fault::new(
            0..entry.len(),
            "the entry is empty",
            "write a word or a phrase, or remove the entry",
        ));
    }
    if source.chars().count() > MAX_ENTRY_CHARS {
        return Err(Fault::new(
            whole,
            format!("the entry is longer than {MAX_ENTRY_CHARS} characters"),
            "keep the few words that every report shares",
        ));
    }
    if let Some(name) = source.strip_prefix('@') {
        let valid = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
        return match valid {
            true => Ok(Entry::List(name.to_owned())),
            false => Err(Fault::new(
                whole,
                "`@` takes the name of one list",
                "write `@name` as an entry of its own",
            )),
        };
    }
    if source.starts_with('-') && source.chars().nth(1).is_some_and(char::is_alphanumeric) {
        return Err(Fault::new(whole, LANGUAGE, "put what may not occur under `none`"));
    }
    for piece in pieces(source, offset)? {
        refuse_query_language(&piece)?;
    }
    phrase(entry).map(Entry::Term)
}

/// Reads words: an entry that is no list, or what a query has between quotation marks.
pub(super) fn phrase(text: &str) -> Result<Term, Fault> {
    let source = text.trim();
    let offset = text.len() - text.trim_start().len();
    let mut words = Vec::new();
    for piece in pieces(source, offset)? {
        read_piece(&piece, &mut words)?;
    }
    checked(words, offset..offset + source.len())
}

/// Reads the words between the parentheses of `caps( )` or the quotation marks of `exact(" ")`.
pub(super) fn verbatim(text: &str, form: &Form) -> Result<Term, Fault> {
    let whole = 0..text.len();
    let mut words = Vec::new();
    for word in text
        .split(is_separator)
        .map(|word| word.trim_matches(is_quotation_mark))
        .filter(|word| !word.is_empty())
    {
        if !word.chars().any(char::is_alphanumeric)
            || word.contains(['*', '|', '(', ')'])
            || word.contains(is_quotation_mark)
        {
            return Err(Fault::new(
                whole,
                "`caps( )` and `exact( )` take plain words",
                "write `caps(US)` or `exact(\"…\")`",
            ));
        }
        words.push(Word { text: word.to_owned(), form: form.clone() });
    }
    checked(words, whole)
}

/// A term of `words`, which stand at `whole`, if they keep within the limits.
fn checked(words: Vec<Word>, whole: Range<usize>) -> Result<Term, Fault> {
    if words.is_empty() {
        return Err(Fault::new(whole, "there is no letter or digit", "write a word or a phrase"));
    }
    if words.len() > MAX_WORDS {
        return Err(Fault::new(
            whole,
            format!("the phrase has {} words, the most is {MAX_WORDS}", words.len()),
            "keep the few words that every report shares",
        ));
    }
    let spellings = words.iter().fold(1usize, |product, word| match &word.form {
        Form::Endings(endings) => product.saturating_mul(endings.len() + 1),
        _ => product,
    });
    if spellings > MAX_SPELLINGS {
        return Err(Fault::new(
            whole,
            format!("the endings give {spellings} spellings, the most is {MAX_SPELLINGS}"),
            "split the entry, or use `stem*`",
        ));
    }
    Ok(Term { words })
}

/// A run of characters without spaces or dashes outside parentheses; `start` counts from the entry's begin.
struct Piece<'a> {
    text: &'a str,
    start: usize,
}

impl Piece<'_> {
    fn span(&self) -> Range<usize> {
        self.start..self.start + self.text.len()
    }
}

/// What opens or closes a phrase in a query.
pub(super) fn is_quotation_mark(c: char) -> bool {
    matches!(c, '"' | '“' | '”' | '„')
}

fn is_separator(c: char) -> bool {
    c.is_whitespace() || matches!(c, '-' | '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{ff0d}')
}

fn pieces(source: &str, offset: usize) -> Result<Vec<Piece<'_>>, Fault> {
    let mut pieces = Vec::new();
    let mut open = None;
    let mut start = 0;
    let mut cut = |from: usize, to: usize| {
        if let Some(text) = source.get(from..to).filter(|text| !text.is_empty()) {
            pieces.push(Piece { text, start: offset + from });
        }
    };
    for (at, c) in source.char_indices() {
        match c {
            '(' if open.is_some() => {
                return Err(Fault::new(
                    offset + at..offset + at + 1,
                    "a parenthesis inside another",
                    LANGUAGE,
                ));
            }
            '(' => open = Some(at),
            ')' if open.take().is_none() => {
                return Err(Fault::new(offset + at..offset + at + 1, "`)` without `(`", ENDING_HELP));
            }
            c if open.is_none() && is_separator(c) => {
                cut(start, at);
                start = at + c.len_utf8();
            }
            _ => {}
        }
    }
    cut(start, source.len());
    match open {
        Some(at) => Err(Fault::new(offset + at..offset + at + 1, "`(` without `)`", ENDING_HELP)),
        None => Ok(pieces),
    }
}

const ENDING_HELP: &str = "endings are written `tariff(s)` or `call(s|ed|ing)`";

fn read_piece(piece: &Piece<'_>, words: &mut Vec<Word>) -> Result<(), Fault> {
    if let Some(inner) = piece.text.strip_prefix("caps(").and_then(|rest| rest.strip_suffix(')')) {
        let term = verbatim(inner, &Form::Caps).map_err(|fault| Fault { span: piece.span(), ..fault })?;
        words.extend(term.words);
        return Ok(());
    }
    if let Some((before, after)) = piece.text.split_once('?')
        && before.ends_with(char::is_alphanumeric)
        && after.starts_with(char::is_alphanumeric)
    {
        return Err(Fault::new(
            piece.span(),
            "`?` does not stand for a letter",
            "write each spelling: `woman OR women`, as entries of a list, or the endings as in `call(s|ed)`",
        ));
    }
    let word = match (piece.text.split_once('('), piece.text.split_once('*')) {
        (Some((base, rest)), _) => with_endings(piece, base, rest)?,
        (None, Some((stem, rest))) => prefix(piece, stem, rest)?,
        (None, None) => Word { text: piece.text.to_owned(), form: Form::Plain },
    };
    if !word.text.chars().any(char::is_alphanumeric) {
        return Err(Fault::new(
            piece.span(),
            format!("`{}` has no letter or digit, so it matches nothing", piece.text),
            "leave it out, or join it to a word as in `AT&T`",
        ));
    }
    words.push(word);
    Ok(())
}

fn refuse_query_language(piece: &Piece<'_>) -> Result<(), Fault> {
    let refuse = |help: &str| Err(Fault::new(piece.span(), LANGUAGE, help));
    let windowed = piece.text.split_once('/').is_some_and(|(operator, n)| {
        WINDOWED.contains(&operator) && n.starts_with(|c: char| c.is_ascii_digit())
    });
    if windowed || OPERATORS.contains(&piece.text) {
        return refuse("use `any`, `all` and `none`; for the word itself write it in lower case");
    }
    if piece.text.contains(is_quotation_mark) {
        return refuse("leave out the quotes: an entry of several words is a phrase");
    }
    if piece.text.len() > 2
        && piece.text.starts_with('/')
        && (piece.text.ends_with('/') || piece.text.ends_with("/i"))
    {
        return refuse("a regular expression stands in a `query = \"…\"` of the topic");
    }
    if piece.text.contains(['@']) {
        return refuse("write `@name` as an entry of its own");
    }
    if piece.text.split_once(':').is_some_and(|(scope, _)| SCOPES.contains(&scope)) {
        return refuse("leave out the field: title and text are searched");
    }
    if piece.text.contains('|') && !piece.text.contains('(') {
        return refuse(ENDING_HELP);
    }
    Ok(())
}

fn with_endings(piece: &Piece<'_>, base: &str, rest: &str) -> Result<Word, Fault> {
    let fault = |message: &str, help: &str| Fault::new(piece.span(), message, help);
    let Some(list) = rest.strip_suffix(')') else {
        return Err(fault("the endings do not come last in the word", ENDING_HELP));
    };
    if list.contains(')') || base.contains('*') || list.contains('*') {
        return Err(fault("a word takes one list of endings and no `*` beside it", ENDING_HELP));
    }
    if !base.chars().any(char::is_alphanumeric) {
        return Err(fault("the endings have no word before them", ENDING_HELP));
    }
    if base.chars().any(is_unspaced) {
        return Err(fault(
            "Chinese and Japanese words take no endings",
            "they match inside running text as they are",
        ));
    }
    let endings: Vec<String> = list.split('|').map(str::to_owned).collect();
    for ending in &endings {
        let letters = ending.chars().count();
        if letters == 0 || !ending.chars().all(char::is_alphabetic) {
            return Err(fault("an ending is one or more letters", ENDING_HELP));
        }
        if letters > MAX_ENDING_CHARS {
            return Err(fault(
                &format!("an ending has at most {MAX_ENDING_CHARS} letters"),
                "write two entries",
            ));
        }
    }
    Ok(Word { text: base.to_owned(), form: Form::Endings(endings) })
}

fn prefix(piece: &Piece<'_>, stem: &str, rest: &str) -> Result<Word, Fault> {
    if !rest.is_empty() {
        return Err(Fault::new(piece.span(), "`*` stands only at the end of a word", "write `stem*`"));
    }
    if stem.chars().any(is_unspaced) {
        return Err(Fault::new(
            piece.span(),
            "Chinese and Japanese words take no `*`",
            "they match inside running text as they are",
        ));
    }
    let letters = stem.chars().filter(|c| c.is_alphanumeric()).count();
    if letters < MIN_STEM || !stem.ends_with(char::is_alphanumeric) {
        return Err(Fault::new(
            piece.span(),
            format!("a stem before `*` has at least {MIN_STEM} letters"),
            "write more of the word, or its endings: `call(s|ed|ing)`",
        ));
    }
    Ok(Word { text: stem.to_owned(), form: Form::Prefix })
}

/// Han and kana, which are written without spaces.
fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{3005}'..='\u{3007}' | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(entry: &str, expect: &str) {
        let shown = match parse(entry).unwrap() {
            Entry::List(name) => format!("list {name}"),
            Entry::Term(term) => {
                let words: Vec<_> = term
                    .words
                    .iter()
                    .map(|word| match &word.form {
                        Form::Plain => word.text.clone(),
                        Form::Prefix => format!("{}*", word.text),
                        Form::Caps | Form::Exact => format!("={}", word.text),
                        Form::Endings(endings) => format!("{}({})", word.text, endings.join("|")),
                    })
                    .collect();
                words.join(" + ")
            }
        };
        assert_eq!(shown, expect, "{entry}");
    }

    #[test]
    fn entries_are_words_and_phrases() {
        check("tariff", "tariff");
        check("  rare-earth  metals ", "rare + earth + metals");
        check("rare – earth", "rare + earth");
        check("tariff(s)", "tariff(s)");
        check("call(s|ed|ing) off", "call(s|ed|ing) + off");
        check("export* curb(s)", "export* + curb(s)");
        check("caps(US) tariffs", "=US + tariffs");
        check("caps(White House)", "=White + =House");
        check("caps(OR)", "=OR");
        check("U.S.", "U.S.");
        check("AT&T", "AT&T");
        check("W boson and/or near", "W + boson + and/or + near");
        check("稀土", "稀土");
        check("@metals", "list metals");
        check("중국", "중국");
    }

    fn refuse(entry: &str, span: Range<usize>, message: &str) {
        let fault = parse(entry).unwrap_err();
        assert!(fault.message.contains(message), "{entry}: {}", fault.message);
        assert_eq!(fault.span, span, "{entry}");
        assert!(fault.help.is_some());
    }

    #[test]
    fn what_is_not_a_word_or_phrase_is_refused() {
        refuse("", 0..0, "empty");
        refuse("  ", 0..2, "empty");
        refuse("…", 0..3, "no letter");
        refuse("- –", 0..5, "no letter");
        refuse("AT & T", 3..4, "no letter");
        refuse("china AND trade", 6..9, "query language");
        refuse("gallium OR germanium", 8..10, "query language");
        refuse("export NEAR/8 ban", 7..13, "query language");
        refuse("export W/5 ban", 7..10, "query language");
        refuse("ATLEAST/2(tariff)", 0..17, "query language");
        refuse("\"rare earth\"", 0..5, "query language");
        refuse(" title:tariff", 1..13, "query language");
        refuse("-opinion", 0..8, "query language");
        refuse("a|b", 0..3, "query language");
        refuse("the @metals", 4..11, "query language");
        refuse("@a b", 0..4, "one list");
        refuse("@", 0..1, "one list");
        refuse("tariff(s", 6..7, "without `)`");
        refuse("tariff s)", 8..9, "without `(`");
        refuse("tariff((s))", 7..8, "inside another");
        refuse("tariff()", 0..8, "one or more letters");
        refuse("call(s||ed)", 0..11, "one or more letters");
        refuse("call(s|2)", 0..9, "one or more letters");
        refuse("the (s)", 4..7, "no word before");
        refuse("call(s)ed", 0..9, "come last");
        refuse("call*(s)", 0..8, "no `*`");
        refuse("贸易(战)", 0..11, "no endings");
        refuse("*port", 0..5, "at the end");
        refuse("ex*port", 0..7, "at the end");
        refuse("稀土*", 0..7, "no `*`");
        refuse("caps()", 0..6, "no letter or digit");
        refuse("caps(US*)", 0..9, "plain words");
    }

    #[test]
    fn limits_hold_at_n_and_n_plus_1() {
        let words = |n: usize| vec!["w"; n].join(" ");
        assert!(parse(&words(MAX_WORDS)).is_ok());
        refuse(&words(MAX_WORDS + 1), 0..MAX_WORDS * 2 + 1, "21 words");
        assert!(parse(&"汉".repeat(MAX_ENTRY_CHARS)).is_ok());
        refuse(&"汉".repeat(MAX_ENTRY_CHARS + 1), 0..(MAX_ENTRY_CHARS + 1) * 3, "longer than");
        assert!(parse(&format!("{}*", "a".repeat(MIN_STEM))).is_ok());
        refuse(&format!("{}*", "a".repeat(MIN_STEM - 1)), 0..MIN_STEM, "at least 3");
        let ending = |n: usize| format!("call({})", "e".repeat(n));
        assert!(parse(&ending(MAX_ENDING_CHARS)).is_ok());
        refuse(&ending(MAX_ENDING_CHARS + 1), 0..ending(MAX_ENDING_CHARS + 1).len(), "at most 10");
        let spellings = |last: &str| format!("{} a({last})", ["a(a)"; 7].join(" "));
        assert!(parse(&spellings("a")).is_ok(), "2^8 = {MAX_SPELLINGS}");
        refuse(&spellings("a|b"), 0..spellings("a|b").len(), "384 spellings");
    }
}
