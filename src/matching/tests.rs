//! What matching promises, on topics small enough to read.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    model::{Field, TopicName},
    query::{TopicDef, TopicSource, lists},
};

fn strings(entries: &[&str]) -> Vec<String> {
    entries.iter().map(|entry| (*entry).to_owned()).collect()
}

fn def(name: &str, any: &[&str], all: &[&str], none: &[&str]) -> TopicDef {
    let named = BTreeMap::from([
        ("us".to_owned(), strings(&["Trump", "caps(US)"])),
        ("cn".to_owned(), strings(&["China", "中国"])),
    ]);
    let source = TopicSource {
        name: name.to_owned(),
        title: None,
        any: strings(any),
        all: strings(all),
        none: strings(none),
        query: None,
    };
    lists(&source, &named).unwrap()
}

fn item(title: &str, summary: &str) -> Item {
    Item { title: title.to_owned(), summary: summary.to_owned(), ..Item::default() }
}

fn compile(defs: &[TopicDef]) -> CompiledTopics {
    CompiledTopics::compile(defs).unwrap()
}

/// Whether the one entry occurs in the text.
fn check(entry: &str, text: &str, expect: bool) {
    let topics = compile(&[def("t", &[entry], &[], &[])]);
    assert_eq!(!matches(&topics, &item(text, "")).is_empty(), expect, "{entry} in {text}");
}

#[test]
fn whole_words_and_phrases() {
    check("tin", "Tin prices rise", true);
    check("tin", "ratings", false);
    check("rare earth", "Rare-earth exports", true);
    check("rare-earth", "RARE  EARTH exports", true);
    check("rare earth", "rare – earth", true);
    check("rare earth", "rare, earth", false);
    check("rare earth", "How rare. Earth warms", false);
    check("rare earth", "a rare earthquake", false);
    check("rare earth", "rare metals of the earth", false);
    check("AT&T", "at&t grows", true);
    check("AT&T", "at t", true);
    check("Trump Xi call", "Trump’s Xi call", true);
    check("officials call", "officials’ call", true);
    check("rare rare earth", "rare rare rare earth", true);
}

#[test]
fn forms_of_words() {
    check("tariff(s)", "tariff", true);
    check("tariff(s)", "Tariffs", true);
    check("tariff(s)", "tariffed", false);
    check("call(s|ed|ing) off", "called off", true);
    check("call(s|ed|ing) off", "call off", true);
    check("call(s|ed|ing) off", "caller off", false);
    check("export* ban", "exporters’ ban", true);
    check("export* ban", "the export ban", true);
    check("export*", "re-exported", true);
    check("export*", "expo", false);
    check("call", "Xi’s call", true);
    check("Xi", "Xi's call", true);
    check("Xi", "XI'S CALL", true);
}

#[test]
fn exact_case_after_joining_of_dots() {
    for text in ["US tariffs", "U.S. tariffs", "the US’s", "US-China", "in the U.S.", "\u{ff35}\u{ff33}"] {
        check("caps(US)", text, true);
    }
    for text in ["tell us", "Us", "USA", "u.s."] {
        check("caps(US)", text, false);
    }
    check("U.S.", "us", true);
    check("US", "U.S.", true);
    check("caps(US) tariff(s)", "US tariffs", true);
    check("caps(US) tariff(s)", "us tariffs", false);
}

#[test]
fn han_kana_and_hangul() {
    check("稀土", "中国收紧稀土出口", true);
    check("關稅", "美国加征关税", true);
    check("关税", "美國加徵關稅", true);
    check("稀土", "稀有土地", false);
    check("稀土", "稀，土", false);
    check("G20峰会", "出席Ｇ２０峰会", true);
    check("Trump", "与Trump通话", true);
    check("レアアース", "中国のレアアース輸出", true);
    check("レアアース", "ﾚｱｱｰｽ輸出", true);
    check("희토류", "희토류를 수출", true);
    check("토류", "희토류를", false);
}

#[test]
fn a_phrase_stays_in_one_field() {
    let topics = compile(&[def("t", &["rare earth"], &[], &[])]);
    assert!(matches(&topics, &item("how rare", "earth")).is_empty());
    for field in [Field::Title, Field::Summary, Field::Content] {
        let mut item = Item::default();
        match field {
            Field::Title => item.title = "rare earth".to_owned(),
            Field::Summary => item.summary = "rare earth".to_owned(),
            _ => item.content = "rare earth".to_owned(),
        }
        assert_eq!(matches(&topics, &item)[0].hits[0].field, field);
    }
}

#[test]
fn groups_combine() {
    let topics = compile(&[
        def("both", &["tariff(s)"], &["@us", "@cn"], &["football", "trade fair"]),
        def("words", &["tariff(s)", "@cn"], &[], &[]),
    ]);
    let check = |title: &str, summary: &str, expect: &[&str]| {
        let names: Vec<_> = matches(&topics, &item(title, summary)).into_iter().map(|m| m.topic).collect();
        assert_eq!(names, expect.iter().map(|name| TopicName::new(name)).collect::<Vec<_>>(), "{title}");
    };
    check("Trump puts tariffs on China", "", &["both", "words"]);
    check("Trump puts tariffs", "on China", &["both", "words"]);
    check("Trump puts tariffs on steel", "", &["words"]);
    check("China talks to Trump", "", &["words"]);
    check("Trump puts tariffs on China at a trade fair", "", &["words"]);
    check("Trump speaks", "", &[]);
    check("", "", &[]);
}

#[test]
fn hits_quote_the_clause_and_the_original() {
    let topics = compile(&[def("t", &["tariff(s)", "關稅"], &["@us"], &["xyz"])]);
    let item = item("“Tariffs” by the U.S.", "加征关税");
    let found = matches(&topics, &item);
    let shown: Vec<_> = found[0]
        .hits
        .iter()
        .map(|hit| (&*hit.clause, hit.field, item.field(hit.field)[hit.span.clone()].to_owned()))
        .collect();
    assert_eq!(
        shown,
        [
            ("tariff(s)", Field::Title, "Tariffs".to_owned()),
            ("caps(US)", Field::Title, "U.S.".to_owned()),
            ("關稅", Field::Summary, "关税".to_owned())
        ]
    );
    assert_eq!(found[0].revision, topics.topics()[0].revision);
}

#[test]
fn hits_are_limited_and_every_clause_is_shown_first() {
    let topics = compile(&[def("t", &["a", "z"], &[], &[])]);
    let hits = |text: &str| matches(&topics, &item(text, "")).remove(0).hits;
    assert_eq!(hits(&"a ".repeat(MAX_HITS)).len(), MAX_HITS);
    let many = hits(&format!("{}z", "a ".repeat(MAX_HITS + 1)));
    assert_eq!(many.len(), MAX_HITS);
    assert_eq!(&*many[MAX_HITS - 1].clause, "z");
    assert!(many.windows(2).all(|pair| pair[0].span.start < pair[1].span.start));
}

#[test]
fn a_clause_in_two_groups_is_one_hit() {
    let topics = compile(&[def("t", &["Trump"], &["Trump", "@us"], &[])]);
    assert_eq!(matches(&topics, &item("Trump", ""))[0].hits.len(), 1);
}

#[test]
fn a_match_is_explained() {
    let topics = compile(&[def("t", &["tariff(s)"], &["@us", "@cn"], &["football"])]);
    let name = TopicName::new("t");
    let explained = |title: &str| explain(&topics, &name, &item(title, "")).unwrap();
    let labels = |nodes: Vec<&Node>| nodes.into_iter().map(|node| node.label.clone()).collect::<Vec<_>>();

    let hit = explained("Trump’s tariffs on China");
    assert!(hit.matched && hit.missing().is_empty() && hit.blocking().is_empty());
    let [any, us, cn, none] = &hit.root.children[..] else { panic!("{:?}", hit.root) };
    assert_eq!((&any.label, any.children[0].hits.len()), (&Label::AnyOf, 1));
    assert_eq!((&us.label, us.children[1].holds), (&Label::List("us".into()), false));
    assert_eq!((cn.holds, none.holds, &none.label), (true, true, &Label::NoneOf));

    let miss = explained("Tariffs of football in China");
    assert!(!miss.matched);
    assert_eq!(labels(miss.missing()), [Label::List("us".into())]);
    assert_eq!(labels(miss.blocking()), [Label::Entry("football".into())]);

    let none = explained("");
    assert_eq!(labels(none.missing()), [Label::AnyOf, Label::List("us".into()), Label::List("cn".into())]);
    assert_eq!(explain(&topics, &TopicName::new("u"), &item("", "")), None);
}

proptest! {
    #[test]
    fn matches_and_explain_agree(words in proptest::collection::vec(
        proptest::sample::select(vec!["Trump", "tariffs", "US", "us", "中国", "football", "trade", "fair", ",", "关税"]), 0..12
    )) {
        let topics = compile(&[
            def("a", &["tariff(s)", "关税"], &["@us", "@cn"], &["football", "trade fair"]),
            def("b", &["trade fair", "US tariffs"], &[], &["中国"]),
        ]);
        let item = item(&words.join(" "), "");
        let matched = matches(&topics, &item);
        for topic in topics.topics() {
            let found = matched.iter().find(|found| found.topic == topic.name);
            let explained = explain(&topics, &topic.name, &item).unwrap();
            prop_assert_eq!(found.is_some(), explained.matched);
            prop_assert_eq!(explained.matched, explained.missing().is_empty() && explained.blocking().is_empty());
            for hit in found.into_iter().flat_map(|found| &found.hits) {
                prop_assert!(item.field(hit.field).get(hit.span.clone()).is_some());
            }
        }
    }
}

/// The topics that one query each makes, and which of them hold.
fn query_def(name: &str, query: &str) -> TopicDef {
    let named = BTreeMap::from([("metals".to_owned(), strings(&["gallium", "稀土"]))]);
    let source =
        TopicSource { name: name.to_owned(), query: Some(query.to_owned()), ..TopicSource::default() };
    lists(&source, &named).unwrap_or_else(|error| panic!("{query}: {error}"))
}

fn query(query: &str, item: &Item, expect: bool) {
    let topics = compile(&[query_def("t", query)]);
    assert_eq!(!matches(&topics, item).is_empty(), expect, "{query} in {} | {}", item.title, item.summary);
    let explained = explain(&topics, &TopicName::new("t"), item).unwrap();
    assert_eq!(explained.matched, expect);
    assert_eq!(explained.nearest().is_empty(), expect, "{query}");
}

#[test]
fn proximity_counts_the_words_between() {
    let yes = |q: &str, text: &str| query(q, &item(text, ""), true);
    let no = |q: &str, text: &str| query(q, &item(text, ""), false);
    yes("a NEAR/2 d", "a b c d");
    yes("a NEAR/2 d", "d b c a");
    no("a NEAR/1 d", "a b c d");
    yes("a NEAR/0 b", "a, b");
    yes("a ONEAR/2 d", "a b c d");
    no("a ONEAR/2 d", "d b c a");
    yes("a ONEAR/0 (b OR c)", "x a c");
    yes("a NEAR/1 a", "a x a");
    no("a NEAR/1 a", "a x");
    yes("(a NEAR/1 b) NEAR/1 c", "c x b x a");
    no("(a NEAR/1 b) NEAR/1 c", "c x x b x a");
    yes("a NOT NEAR/1 b", "a b x x x a");
    no("a NOT NEAR/1 b", "a b x b a");
    yes("a NOT NEAR/1 b", "a x x b");
    yes("a NEAR/9 b", "x a. b x");
    yes("a SENTENCE b", "One a and b here. Next");
    no("a SENTENCE b", "One a here. Next b there");
    // Two Han characters are one word.
    yes("中国 NEAR/2 关税", "中国对美加征关税");
    no("中国 NEAR/1 关税", "中国对美加征关税");
    yes("中国 NEAR/2 关税", "中国對美加征關稅");
    yes("@metals NEAR/1 export*", "gallium and exports");
    // Never from one part into the next.
    query("a NEAR/5 b", &item("a", "b"), false);
    query("a SENTENCE b", &item("a", "b"), false);
}

#[test]
fn counting_and_scores() {
    let yes = |q: &str, text: &str| query(q, &item(text, ""), true);
    let no = |q: &str, text: &str| query(q, &item(text, ""), false);
    yes("ATLEAST/2(a)", "a b a");
    no("ATLEAST/2(a)", "a b");
    yes("ATLEAST/2(a OR b)", "a b");
    yes("SCORE/3(a^2, b, c^-2)", "a b");
    no("SCORE/3(a^2, b, c^-2)", "a b c");
    no("SCORE/3(a^2, b, c^-2)", "a");
    yes("SCORE/2((a AND b)^2, c)", "b a");
    yes("a AND NOT (b OR c)", "a d");
    no("a AND NOT (b OR c)", "a c");
    yes("a OR (b AND NOT c)", "b");
    yes("SCORE/2(a, NOT b)", "a");
    no("SCORE/2(a, NOT b)", "a b");
    no("SCORE/2(a, NOT b)", "c");
}

#[test]
fn scopes_look_into_one_part() {
    let whole = Item {
        title: "alpha".to_owned(),
        summary: format!("beta {}gamma", "x ".repeat(58)),
        content: "delta epsilon".to_owned(),
        link: "https://www.News.example/port-fees/42?q=zeta".parse().ok(),
        author: Some("Ann Lee".to_owned()),
        tags: vec!["Ports".to_owned(), "Sea trade".to_owned()],
        lang: Some("zh-cn".to_owned()),
        feed: Some("Harbour wire https://feeds.example/rss".into()),
        ..Item::default()
    };
    for yes in [
        "title:alpha",
        "body:beta",
        "lead:alpha",
        "lead:beta",
        "lead:gamma",
        "body:epsilon",
        "url:\"port fees\"",
        "url:42",
        "site:news.example",
        "site:www.news.example",
        "author:\"Ann Lee\"",
        "tag:\"sea trade\"",
        "tag:ports",
        "lang:zh",
        "lang:zh-CN",
        "feed:harbour",
        "feed:feeds.example",
        "title:(alpha OR beta)",
        "alpha AND beta",
        "site:news.example AND delta",
        "lead:/ga.ma/",
        "title:/ALPHA/i",
        "body:(beta OR alpha) AND NOT title:beta",
    ] {
        query(yes, &whole, true);
    }
    for no in [
        "title:beta",
        "body:alpha",
        "lead:delta",
        "alpha AND zeta",
        "site:example.com",
        "site:news",
        "harbour",
        "tag:\"ports sea\"",
        "lang:cn",
        "lang:en",
        "author:alpha",
        "title:/beta/",
        "title:/ALPHA/",
        "lead:/delta/",
    ] {
        query(no, &whole, false);
    }
}

#[test]
fn regular_expressions_and_exact_words() {
    let yes = |q: &str, text: &str| query(q, &item(text, ""), true);
    let no = |q: &str, text: &str| query(q, &item(text, ""), false);
    yes("/\\b1[0-9]{2} ?%/ NEAR/2 tariff(s)", "tariffs of 145 % on all");
    no("/\\b1[0-9]{2} ?%/ NEAR/2 tariff(s)", "tariffs of 45 % on all");
    yes("exact(\"Port Fees\")", "New Port Fees due");
    no("exact(\"Port Fees\")", "New port fees due");
    no("exact(\"Pérez\")", "Perez");
}

#[test]
fn a_miss_says_what_failed() {
    let reason = |q: &str, text: &str| {
        let topics = compile(&[query_def("t", q)]);
        let explained = explain(&topics, &TopicName::new("t"), &item(text, "")).unwrap();
        explained
            .nearest()
            .first()
            .and_then(|node| node.reason)
            .map(|reason| reason.to_string())
            .unwrap_or_default()
    };
    assert_eq!(reason("a NEAR/1 b", "a x x x b"), "NEAR/1 failed: 3 words between");
    assert_eq!(reason("a NEAR/0 b", "b x a y y b"), "NEAR/0 failed: 1 word between");
    assert_eq!(reason("a ONEAR/5 b", "b a"), "ONEAR/5 failed: they stand the other way round");
    assert_eq!(reason("a ONEAR/1 b", "b a x x x b"), "ONEAR/1 failed: 3 words between");
    assert_eq!(reason("a NOT NEAR/1 b", "a b"), "NOT NEAR/1 failed: each has one near it");
    assert_eq!(
        reason("one SENTENCE two", "The one. The two"),
        "SENTENCE failed: they stand in different sentences"
    );
    assert_eq!(reason("ATLEAST/3(a)", "a a"), "ATLEAST/3 failed: 2 places found");
    assert_eq!(reason("SCORE/3(a^2, b)", "a"), "the weights add up to 2, 3 is asked for");
    // Of alternatives, the one that lacks least.
    assert_eq!(reason("(x AND y AND z) OR (a NEAR/1 b)", "x a w w b"), "NEAR/1 failed: 2 words between");
}

#[test]
fn hits_of_a_proximity_are_those_that_stand_together() {
    let topics = compile(&[query_def("t", "(a NEAR/1 b) AND NOT z")]);
    let found = matches(&topics, &item("a x x x b x a x x b c", "a"));
    let shown: Vec<_> = found[0].hits.iter().map(|hit| (hit.field, hit.span.start)).collect();
    assert_eq!(shown, [(Field::Title, 8), (Field::Title, 12)]);
}

#[test]
fn places_of_a_proximity_are_limited() {
    let topics = compile(&[query_def("t", "a ONEAR/0 b")]);
    let text = |n: usize| item(&format!("{}b", "a x ".repeat(n - 1) + "a "), "");
    assert!(!matches(&topics, &text(MAX_PLACES)).is_empty());
    assert!(matches(&topics, &text(MAX_PLACES + 1)).is_empty());
}

/// A slow and simple reading of an expression, to hold the engine against.
fn naive(expr: &crate::query::ast::Expr, words: &[&str]) -> bool {
    use crate::query::ast::Expr;
    let places = |expr: &Expr| naive_places(expr, words);
    match expr {
        Expr::And(parts) => parts.iter().all(|part| naive(part, words)),
        Expr::Or(parts) => parts.iter().any(|part| naive(part, words)),
        Expr::Not(inner) => !naive(inner, words),
        Expr::Score { threshold, clauses } => {
            clauses.iter().filter(|c| naive(&c.expr, words)).map(|c| c.weight).sum::<i16>() >= *threshold
        }
        other => !places(other).is_empty(),
    }
}

fn naive_places(expr: &crate::query::ast::Expr, words: &[&str]) -> BTreeSet<(usize, usize)> {
    use crate::query::ast::Expr;
    match expr {
        Expr::Term(term) => {
            let wanted: Vec<&str> = term.words.iter().map(|word| word.text.as_str()).collect();
            (0..words.len())
                .filter(|at| words[*at..].starts_with(&wanted))
                .map(|at| (at, at + wanted.len() - 1))
                .collect()
        }
        Expr::Or(parts) => parts.iter().flat_map(|part| naive_places(part, words)).collect(),
        Expr::AtLeast { count, expr } => {
            let places = naive_places(expr, words);
            if places.len() >= usize::from(*count) { places } else { BTreeSet::new() }
        }
        Expr::Near(near) => {
            let (lefts, rights) = (naive_places(&near.left, words), naive_places(&near.right, words));
            let within =
                |n: u16, a: (usize, usize), b: (usize, usize)| b.0 > a.1 && b.0 - a.1 - 1 <= usize::from(n);
            // The nearest of `others` behind and before a place, if near enough.
            let after = |n: u16, place: (usize, usize), others: &BTreeSet<(usize, usize)>| {
                others
                    .iter()
                    .find(|other| other.0 > place.1)
                    .copied()
                    .filter(|other| within(n, place, *other))
            };
            let before = |n: u16, place: (usize, usize), others: &BTreeSet<(usize, usize)>| {
                let ahead = others.iter().filter(|other| other.1 < place.0);
                ahead.max_by_key(|other| other.1).copied().filter(|other| within(n, *other, place))
            };
            let mut found = BTreeSet::new();
            for &left in &lefts {
                match near.proximity {
                    Proximity::Near(n) => {
                        found.extend(after(n, left, &rights).map(|right| (left.0, right.1)));
                        found.extend(before(n, left, &rights).map(|right| (right.0, left.1)));
                    }
                    Proximity::Ordered(n) => {
                        found.extend(after(n, left, &rights).map(|right| (left.0, right.1)));
                    }
                    Proximity::NotNear(n)
                        if after(n, left, &rights).is_none() && before(n, left, &rights).is_none() =>
                    {
                        found.insert(left);
                    }
                    _ => {}
                }
            }
            for &right in &rights {
                match near.proximity {
                    Proximity::Near(n) => {
                        found.extend(after(n, right, &lefts).map(|left| (right.0, left.1)));
                        found.extend(before(n, right, &lefts).map(|left| (left.0, right.1)));
                    }
                    Proximity::Ordered(n) => {
                        found.extend(before(n, right, &lefts).map(|left| (left.0, right.1)));
                    }
                    _ => {}
                }
            }
            found
        }
        _ => BTreeSet::new(),
    }
}

fn small_queries() -> impl Strategy<Value = String> {
    let word =
        proptest::sample::select(vec!["a", "b", "c", "d", "\"a b\"", "\"c c\""]).prop_map(str::to_owned);
    let operand = word.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            (inner.clone(), 0u8..3, inner.clone()).prop_map(|(a, n, b)| format!("({a} NEAR/{n} {b})")),
            (inner.clone(), 0u8..3, inner.clone()).prop_map(|(a, n, b)| format!("({a} ONEAR/{n} {b})")),
            (inner.clone(), 0u8..3, inner.clone()).prop_map(|(a, n, b)| format!("({a} NOT NEAR/{n} {b})")),
            (1u8..4, inner).prop_map(|(n, a)| format!("ATLEAST/{n}({a})")),
        ]
    });
    operand.prop_recursive(3, 10, 3, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} OR {b})")),
            inner.clone().prop_map(|a| format!("(d AND NOT {a})")),
            (inner.clone(), inner.clone(), inner)
                .prop_map(|(a, b, c)| format!("SCORE/2({a}^2, {b}, {c}^-1)")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn the_engine_agrees_with_a_naive_reading(
        queries in proptest::collection::vec(small_queries(), 1..6),
        words in proptest::collection::vec(proptest::sample::select(vec!["a", "b", "c", "d", "x"]), 0..12),
    ) {
        let named = BTreeMap::new();
        let defs: Vec<TopicDef> = queries
            .iter()
            .enumerate()
            .filter_map(|(at, query)| {
                let source = TopicSource { name: format!("t{at}"), query: Some(query.clone()), ..TopicSource::default() };
                lists(&source, &named).ok()
            })
            .collect();
        let topics = compile(&defs);
        let item = item(&words.join(" "), "");
        let mut matcher = Matcher::new(&topics);
        for _ in 0..2 {
            let found: BTreeSet<String> = matcher.matches(&item).into_iter().map(|found| found.topic.to_string()).collect();
            for (def, query) in defs.iter().map(|def| (def, &def.expr)) {
                prop_assert_eq!(
                    found.contains(def.topic.name.as_str()), naive(query, &words), "{} in {:?}", query, words
                );
                let explained = explain(&topics, &def.topic.name, &item).unwrap();
                prop_assert_eq!(explained.matched, naive(query, &words));
            }
        }
    }
}
