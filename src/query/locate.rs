//! Where a clause stands in what the operator wrote.
//!
//! In: a topic's source and a clause as it is printed. Out: the entry and the bytes in it.
//!
//! **Invariant:** as of [`Error`](super::Error): the bytes lie inside the entry, on character boundaries.
//!
//! Rejected: a place in every node of the expression. It is needed only when something is wrong.

use std::{collections::BTreeMap, ops::Range};

use super::{
    Place, TopicSource,
    entry::{self, Entry},
    lexer::{self, Lexeme},
};

/// The first place of the word, phrase or regular expression that prints as `clause`: in the query, in the topic's
/// lists, in the lists of `named`, in this order. `None` if it stands in none of them.
pub fn locate(
    source: &TopicSource,
    named: &BTreeMap<String, Vec<String>>,
    clause: &str,
) -> Option<(Place, Range<usize>)> {
    let in_query = source.query.as_deref().and_then(|query| in_query(query, clause));
    if let Some(span) = in_query {
        return Some((Place::Query, span));
    }
    let among = |entries: &[String]| {
        let at = entries.iter().position(|text| is_clause(text, clause))?;
        Some((at, 0..entries.get(at)?.len()))
    };
    let own = among(&source.any)
        .map(|(at, span)| (Place::Any(at), span))
        .or_else(|| among(&source.all).map(|(at, span)| (Place::All(at), span)))
        .or_else(|| among(&source.none).map(|(at, span)| (Place::None(at), span)));
    own.or_else(|| {
        named.iter().find_map(|(name, entries)| {
            among(entries).map(|(index, span)| (Place::List { name: name.clone(), index }, span))
        })
    })
}

fn in_query(query: &str, clause: &str) -> Option<Range<usize>> {
    let (lexemes, _) = lexer::lex(query).ok()?;
    let found = lexemes.into_iter().find(|placed| match &placed.lexeme {
        Lexeme::Regex(pattern) => pattern.to_string() == clause,
        Lexeme::Word(text) | Lexeme::Phrase(text, _) => is_clause(text, clause),
        Lexeme::Exact(text) => format!("exact(\"{text}\")") == clause,
        Lexeme::Caps(text) => format!("caps({text})") == clause,
        _ => false,
    });
    found.map(|placed| placed.span)
}

fn is_clause(text: &str, clause: &str) -> bool {
    matches!(entry::parse(text), Ok(Entry::Term(term)) if term.entry() == clause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_is_found_where_it_was_written() {
        let source = TopicSource {
            any: vec!["tariff(s)".to_owned()],
            none: vec!["port  fee".to_owned()],
            query: Some(
                "\"/a+/\" OR # /a+/\n  /a+/i OR /b\\/c/ OR caps(US) OR title:\"rare  earth\"".to_owned(),
            ),
            ..TopicSource::default()
        };
        let named = BTreeMap::from([("metals".to_owned(), vec!["tin".to_owned(), "lead".to_owned()])]);
        let check = |clause: &str, expect: Option<(Place, &str)>| {
            let found = locate(&source, &named, clause);
            let text = |place: &Place| match place {
                Place::Any(_) => source.any[0].clone(),
                Place::None(_) => source.none[0].clone(),
                Place::List { name, index } => named[name][*index].clone(),
                _ => source.query.clone().unwrap(),
            };
            let found = found.map(|(place, span)| {
                let text = text(&place)[span].to_owned();
                (place, text)
            });
            assert_eq!(found, expect.map(|(place, text)| (place, text.to_owned())), "{clause}");
        };
        check("/a+/i", Some((Place::Query, "/a+/i")));
        check("/b\\/c/", Some((Place::Query, "/b\\/c/")));
        check("rare earth", Some((Place::Query, "\"rare  earth\"")));
        check("caps(US)", Some((Place::Query, "caps(US)")));
        check("tariff(s)", Some((Place::Any(0), "tariff(s)")));
        check("port fee", Some((Place::None(0), "port  fee")));
        check("lead", Some((Place::List { name: "metals".to_owned(), index: 1 }, "lead")));
        check("gold", None);
    }
}
