//! What queries mean, what is refused and how, and that print and parse undo each other.

use std::{collections::BTreeMap, sync::Arc};

use proptest::prelude::*;

use super::*;
use crate::query::{
    Place, TopicSource,
    ast::{Pattern, Word},
    lists,
};

fn term(text: &str) -> Expr {
    Expr::Term(entry::phrase(text).unwrap())
}

fn read(text: &str) -> Result<(Expr, Vec<Fault>), Fault> {
    let mut lookup = |name: &str, span: Range<usize>| match name {
        "metals" => Ok(Expr::Named {
            name: Arc::from(name),
            expr: Box::new(Expr::Or(vec![term("gallium"), term("germanium")])),
        }),
        _ => Err(Fault::new(span, format!("there is no list `{name}`"), "define it under `[lists]`")),
    };
    parse(text, &mut lookup)
}

/// The query is read as the canonical query `expect`, without warnings.
fn check(text: &str, expect: &str) {
    let (expr, warnings) = read(text).unwrap_or_else(|fault| panic!("{text}: {}", fault.message));
    assert_eq!(expr.to_string(), expect, "{text}");
    assert!(warnings.is_empty(), "{text}: {}", warnings[0].message);
    assert_eq!(read(expect).unwrap().0, expr, "{expect}");
}

#[test]
fn words_phrases_and_forms() {
    check("tariff", "tariff");
    check("rare-earth", "\"rare earth\"");
    check("\"rare  earth*\"", "\"rare earth*\"");
    check("“rare earth”", "\"rare earth\"");
    check("call(s|ed|ing)", "call(s|ed|ing)");
    check("caps(US)", "caps(US)");
    check("caps(\"New York\")", "\"caps(New) caps(York)\"");
    check("\"caps(US) tariff(s)\"", "\"caps(US) tariff(s)\"");
    check("exact(\"Port Fees\")", "exact(\"Port Fees\")");
    check("稀土", "稀土");
    check("AT&T", "\"AT&T\"");
    check("2,000", "\"2,000\"");
    check("\"and\"", "\"and\"");
    check("@metals", "@metals");
    check("/xi\\/trump \\d+/i", "/xi\\/trump \\d+/i");
}

#[test]
fn operators_and_groups() {
    check("a AND b AND c", "a AND b AND c");
    check("(a OR b) AND NOT c", "(a OR b) AND NOT c");
    check("a NOT b", "a AND NOT b");
    check("a -b", "a AND NOT b");
    check("a AND -\"b c\"", "a AND NOT \"b c\"");
    check("((a))", "a");
    check("(a AND b) AND c", "(a AND b) AND c");
    check("a NEAR/5 (b OR @metals)", "a NEAR/5 (b OR @metals)");
    check("a NEAR/5 b NEAR/5 c", "(a NEAR/5 b) NEAR/5 c");
    check("a ONEAR/0 b AND c", "(a ONEAR/0 b) AND c");
    check("a NOT NEAR/3 b", "a NOT NEAR/3 b");
    check("a SENTENCE b", "a SENTENCE b");
    check("ATLEAST/2(a OR b)", "ATLEAST/2(a OR b)");
    check("SCORE/3(a^2, (b AND c), NOT d, e^-1)", "SCORE/3(a^2, (b AND c), NOT d, e^-1)");
    check("title:a AND lead:(b OR c) AND site:bbc.co.uk", "title:a AND lead:(b OR c) AND site:\"bbc.co.uk\"");
    check("a # the rest of the line OR b\nOR c", "a OR c");
}

#[test]
fn spellings_of_other_vendors_are_printed_as_ours() {
    check("a W/5 b", "a NEAR/5 b");
    check("a PRE/5 b", "a ONEAR/5 b");
    check("a near5 b", "a NEAR/5 b");
    check("a NEAR/4f b", "a ONEAR/4 b");
    check("\"a b\"~3", "a NEAR/3 b");
    check("\"a b c\"~3", "(a NEAR/3 b) NEAR/3 c");
    check("intitle:a", "title:a");
    check("TITLE:a", "title:a");
}

#[test]
fn small_operators_are_taken_with_a_warning() {
    let (expr, warnings) = read("a and (b or not c) and d near/3 e").unwrap();
    assert_eq!(expr.to_string(), "a AND (b OR NOT c) AND (d NEAR/3 e)");
    let places: Vec<_> = warnings.iter().map(|warning| warning.span.clone()).collect();
    assert_eq!(places, [2..5, 9..11, 12..15, 19..22, 25..31]);
    assert!(warnings[0].help.as_deref().unwrap().contains("capitals"));
}

/// The query is refused at `at` (the text under the caret), with these words in message and remedy.
fn refuse(text: &str, at: &str, message: &str, help: &str) {
    let fault = read(text).map(|(expr, _)| expr.to_string()).expect_err(text);
    assert_eq!(text.get(fault.span.clone()), Some(at), "{text}: {} at {:?}", fault.message, fault.span);
    assert!(fault.message.contains(message), "{text}: {}", fault.message);
    assert!(fault.help.as_deref().unwrap_or_default().contains(help), "{text}: {:?}", fault.help);
}

#[test]
fn what_is_wrong_is_refused_at_its_place() {
    refuse("rare earth OR 稀土", "rare earth", "without an operator", "did you mean \"rare earth\"?");
    refuse("a AND b OR c", "OR", "mixed without parentheses", "`(a AND b) OR c` or `a AND (b OR c)`");
    refuse("a OR b AND c NEAR/2 d", "AND", "mixed", "`a OR (b AND c NEAR/2 d)` or `(a OR b) AND c NEAR/2 d`");
    refuse("NOT a", "NOT a", "only what may not occur", "AND NOT");
    refuse("a OR NOT b", "a OR NOT b", "only what may not occur", "AND NOT");
    refuse("a NEAR b", "NEAR", "how near", "NEAR/5");
    refuse("a NEAR/x b", "NEAR/x", "whole number", "NEAR/5");
    refuse("a NEAR/1001 b", "NEAR/1001", "more than 1000", "SENTENCE");
    refuse("a NEAR/5 (NOT b)", "(NOT b)", "has no place", "NOT NEAR/5");
    refuse("(a AND b) NEAR/5 c", "(a AND b)", "AND cannot stand beside", "(a NEAR/5 c) AND (b NEAR/5 c)");
    refuse("a NEAR/5 b ONEAR/2 c", "ONEAR/2", "two kinds of proximity", "(a NEAR/5 b) ONEAR/2");
    refuse("(a OR b", "(", "without `)`", "close");
    refuse("a OR b)", ")", "without `(`", "remove");
    refuse("a AND", "AND", "ends where a word is expected", "write");
    refuse("a AND OR b", "OR", "expected before `OR`", "write");
    refuse("", "", "empty", "write");
    refuse("\"rare earth", "\"", "without its partner", "close");
    refuse("heading:a", "heading:", "no scope `heading:`", "title: lead: body:");
    refuse("title:(a OR body:b)", "body:", "`body:` inside `title:`", "AND");
    refuse("a AND @metal", "@metal", "no list `metal`", "[lists]");
    refuse("a(b OR c)", "a(", "without a space or an operator", "call(s|ed|ing)");
    refuse("a AND ex*port", "ex*port", "only at the end", "stem*");
    refuse("a AND ta*", "ta*", "at least 3 letters", "endings");
    refuse("/a/g", "/a/g", "no flag", "`/…/i`");
    refuse("/a", "/", "closing `/`", "/…/");
    refuse("SCORE/9(a^2, b)", "SCORE/9", "add up to 3", "lower");
    refuse("SCORE/2(a^2, b AND c)", "AND", "between the clauses", "parentheses round");
    refuse("ATLEAST/2 a", "ATLEAST/2", "group in parentheses", "ATLEAST");
    refuse("ATLEAST/0(a)", "ATLEAST/0", "between 1 and", "ATLEAST");
    refuse("a^2", "^2", "only inside", "SCORE");
    refuse("a, b", ",", "only inside", "SCORE");
    refuse("caps(US", "caps(", "not closed", "caps(US)");
    refuse("exact(US)", "exact(", "quotation marks", "exact(");
    refuse("“'” OR a", "'", "no letter or digit", "leave it out");
    refuse("a OR “x ex*port”", "ex*port", "only at the end", "stem*");
    refuse("allcaps(us) AND b", "allcaps(", "not known here", "caps(US)");
    refuse("title(china)", "title(", "not known here", "title:(…)");
    refuse("atl5(china)", "atl5(", "not known here", "ATLEAST/5");
    refuse("a AND wom?n", "wom?n", "does not stand for a letter", "woman OR women");
    refuse("caps(a “b’c„d)", "a “b’c„d", "plain words", "caps(US)");
    refuse("exact(“'”)", "'", "plain words", "caps(US)");
    refuse("a ~3", "~", "without a phrase", "~5");
}

#[test]
fn limits_hold_at_n_and_n_plus_1() {
    let deep = |n: usize| format!("{}a{}", "(".repeat(n), ")".repeat(n));
    assert!(read(&deep(MAX_DEPTH - 1)).is_ok());
    assert!(read(&deep(MAX_DEPTH)).unwrap_err().message.contains("nested"));
    let nots = |n: usize| format!("a AND {}b", "NOT ".repeat(n));
    assert!(read(&nots(MAX_DEPTH - 1)).is_ok());
    assert!(read(&nots(MAX_DEPTH)).unwrap_err().message.contains("nested"));

    let long = |n: usize| format!("a{}", " ".repeat(n - 1));
    assert!(read(&long(crate::query::MAX_QUERY_CHARS)).is_ok());
    assert!(read(&long(crate::query::MAX_QUERY_CHARS + 1)).unwrap_err().message.contains("longer"));

    let far = |n: u16| format!("a NEAR/{n} b");
    assert!(read(&far(crate::query::MAX_DISTANCE)).is_ok());
    assert!(read(&far(crate::query::MAX_DISTANCE + 1)).is_err());

    let heavy = |n: i16| format!("SCORE/1(a^{n}, b)");
    assert!(read(&heavy(crate::query::MAX_WEIGHT)).is_ok());
    assert!(read(&heavy(crate::query::MAX_WEIGHT + 1)).is_err());
}

#[test]
fn a_fault_inside_a_list_points_into_the_list() {
    let named = BTreeMap::from([("m".to_owned(), vec!["ok".to_owned(), "a*".to_owned()])]);
    let source =
        TopicSource { name: "t".to_owned(), query: Some("x AND @m".to_owned()), ..TopicSource::default() };
    let error = lists(&source, &named).unwrap_err();
    assert_eq!(error.place, Place::List { name: "m".to_owned(), index: 1 });
    let unknown = TopicSource { query: Some("x AND @n".to_owned()), ..source };
    let error = lists(&unknown, &named).unwrap_err();
    assert_eq!((error.place, error.span), (Place::Query, 6..8));
}

fn words() -> impl Strategy<Value = Word> {
    let text = prop_oneof![
        "[a-zA-Z]{3,8}",
        "[a-z]{1,4}[&.'][a-z]{1,4}",
        "[关税稀土贸易]{1,4}",
        Just("and".to_owned()),
        Just("near5".to_owned()),
        Just("NOT".to_owned())
    ];
    let form = prop_oneof![
        4 => Just(Form::Plain),
        1 => Just(Form::Prefix),
        1 => Just(Form::Caps),
        1 => proptest::collection::vec("[a-z]{1,3}", 1..3).prop_map(Form::Endings),
    ];
    (text, form).prop_map(|(text, form)| {
        let plain = text.chars().all(|c| c.is_ascii_alphabetic());
        let form = match form {
            Form::Prefix | Form::Endings(_) if !plain => Form::Plain,
            form => form,
        };
        Word { text, form }
    })
}

fn terms() -> impl Strategy<Value = Expr> {
    prop_oneof![
        proptest::collection::vec(words(), 1..4).prop_map(|words| Expr::Term(Term { words })),
        proptest::collection::vec("[A-Za-z]{1,6}", 1..3).prop_map(|texts| {
            let words = texts.into_iter().map(|text| Word { text, form: Form::Exact }).collect();
            Expr::Term(Term { words })
        }),
    ]
}

/// What has a place: may stand beside a proximity.
fn operands() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        6 => terms(),
        1 => Just(read("@metals").unwrap().0),
        1 => ("[a-z/ ]{1,6}", any::<bool>()).prop_map(|(source, ignore_case)| Expr::Regex(Pattern { source, ignore_case })),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        let proximity = prop_oneof![
            (0u16..20).prop_map(Proximity::Near),
            (0u16..20).prop_map(Proximity::Ordered),
            (0u16..20).prop_map(Proximity::NotNear),
            Just(Proximity::Sentence),
        ];
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            (inner.clone(), inner.clone(), proximity)
                .prop_map(|(left, right, proximity)| Expr::Near(Box::new(Near { left, right, proximity }))),
            (1u16..5, inner).prop_map(|(count, expr)| Expr::AtLeast { count, expr: Box::new(expr) }),
        ]
    })
}

fn exprs() -> impl Strategy<Value = Expr> {
    let scoped = (proptest::sample::select(Scope::ALL.to_vec()), operands())
        .prop_map(|(scope, expr)| Expr::Scope { scope, expr: Box::new(expr) });
    let leaf = prop_oneof![3 => operands(), 1 => scoped];
    leaf.prop_recursive(4, 24, 4, |inner| {
        let weighted = (inner.clone(), prop_oneof![-9i16..0, 1i16..9])
            .prop_map(|(expr, weight)| Weighted { expr, weight });
        prop_oneof![
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::And),
            proptest::collection::vec(inner.clone(), 2..4).prop_map(Expr::Or),
            inner.clone().prop_map(|expr| Expr::Not(Box::new(expr))),
            proptest::collection::vec(weighted, 1..4).prop_map(|mut clauses| {
                clauses[0].weight = clauses[0].weight.abs();
                Expr::Score { threshold: 1, clauses }
            }),
        ]
    })
}

proptest! {
    #[test]
    fn parsing_what_is_printed_gives_the_same(expr in exprs()) {
        prop_assume!(!expr.holds_of_nothing());
        let printed = expr.to_string();
        let parsed = read(&printed).map_err(|fault| TestCaseError::fail(format!("{printed}: {}", fault.message)))?;
        prop_assert_eq!(parsed.0.to_string(), printed.clone());
        prop_assert_eq!(parsed.0, expr, "{}", printed);
        prop_assert!(parsed.1.is_empty());
    }

    #[test]
    fn any_text_is_read_or_refused_inside_it(text in "[ab(),\"“”'^~@:/#*|&.\n\\-A-Z0-9稀 ]{0,30}|\\PC{0,30}") {
        match read(&text) {
            Ok((expr, _)) => prop_assert_eq!(read(&expr.to_string()).unwrap().0, expr),
            Err(fault) => prop_assert!(text.get(fault.span).is_some()),
        }
    }
}
