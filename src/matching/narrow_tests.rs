//! Narrowing: what it says, and that it never says too much.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{CompiledTopics, INDEX_FORM, MAX_LEAVES, index_tokens, matches, narrowing};
use crate::{
    model::{Item, Narrowing},
    query::{self, TopicDef, TopicSource},
};

fn def(query: &str) -> TopicDef {
    let source =
        TopicSource { name: "t".to_owned(), query: Some(query.to_owned()), ..TopicSource::default() };
    query::lists(&source, &BTreeMap::new()).unwrap_or_else(|error| panic!("{query}: {error}"))
}

fn shown(narrowing: &Narrowing) -> String {
    let join = |parts: &[Narrowing], by: &str| parts.iter().map(shown).collect::<Vec<_>>().join(by);
    match narrowing {
        Narrowing::Token(token) => token.to_string(),
        Narrowing::Prefix(token) => format!("{token}*"),
        Narrowing::All(parts) => format!("({})", join(parts, " ")),
        Narrowing::Any(parts) => format!("({})", join(parts, "|")),
    }
}

/// Whether an item with these tokens is a candidate.
pub(super) fn admits(narrowing: &Narrowing, tokens: &[&str]) -> bool {
    match narrowing {
        Narrowing::Token(token) => tokens.contains(&&**token),
        Narrowing::Prefix(start) => tokens.iter().any(|token| token.starts_with(&**start)),
        Narrowing::All(parts) => parts.iter().all(|part| admits(part, tokens)),
        Narrowing::Any(parts) => parts.iter().any(|part| admits(part, tokens)),
    }
}

fn sample() -> Item {
    Item {
        title: "Trump’s U.S.-China talks: 关税、稀土 don't end at 1.6bn Straße".to_owned(),
        summary: "ガス 대통령이 हिन्दी, й".to_owned(),
        content: "Ελλάδα ½ ﬁ".to_owned(),
        link: "https://news.example.org/a/1".parse().ok(),
        author: Some("A. Writer".to_owned()),
        tags: vec!["Trade".to_owned(), "贸易".to_owned()],
        lang: Some("zh-cn".to_owned()),
        feed: Some("Wire".into()),
        ..Item::default()
    }
}

#[test]
fn the_form_of_the_index_is_pinned() {
    let tokens = index_tokens(&sample()).replace('\u{e000}', "_");
    let marked = tokens
        .replace('\u{e100}', "site:")
        .replace('\u{e101}', "author:")
        .replace('\u{e102}', "tag:")
        .replace('\u{e103}', "lang:");
    let expect = "1⁄2 1_6bn at china don_t end fi strasse talks trump us ελλαδα й हिन\u{94d}दी ガス ス 关税 土 稀土 税 \
                  대통령이 site:example site:news site:org author:a author:writer tag:trade tag:易 tag:贸易 lang:cn lang:zh";
    assert_eq!(
        (INDEX_FORM, marked.as_str()),
        (1, expect),
        "raise INDEX_FORM: old indexes do not serve any more"
    );
}

#[test]
fn expressions_ask_for_what_they_cannot_do_without() {
    let check = |query: &str, expect: &str| {
        let told = narrowing(&def(query).expr).as_ref().map_or_else(|| "*".to_owned(), shown);
        assert_eq!(told, expect, "{query}");
    };
    check("tariff", "tariff");
    check("\"Rare Earth(s)\"", "(rare (earth|earths))");
    check("tarif*", "tarif*");
    check("稀土", "稀土");
    check("關稅戰", "(关税 税战)");
    check("税", "税*");
    check("대통령", "대통령*");
    check("\"U.S. trade\"", "(trade us)");
    check("caps(US) AND exact(\"Apple\")", "(apple us)");
    check("trump NEAR/5 xi", "(trump xi)");
    check("trump NOT NEAR/5 xi", "trump");
    check("a SENTENCE b", "(a b)");
    check("ATLEAST/3(tariff)", "tariff");
    check("tariff AND NOT steel", "tariff");
    check("tariff AND /x+/", "tariff");
    check("tariff OR /x+/", "*");
    check("title:tariff OR body:(a AND b)", "(tariff|(a b))");
    check("url:tariff", "*");
    check("feed:wire AND x", "x");
    check("site:example.org", "(\u{e100}example \u{e100}org)");
    check("lang:zh AND tag:trade", "(\u{e102}trade \u{e103}zh)");
    check("call OR \"phone call\" OR calling", "(call|calling)");
    check("SCORE/2(alpha^2, beta, gamma)", "(alpha|gamma)");
    check("SCORE/1(alpha, beta, NOT gamma^-1)", "(alpha|beta)");
    check("SCORE/3(alpha, beta, (NOT gamma)^2)", "(alpha|beta)");
    check("SCORE/3(alpha, /b/^3)", "*");
    check("SCORE/3(alpha^3, beta, /c/^2)", "(alpha|beta)");
}

#[test]
fn a_narrowing_stays_within_its_limit_at_n_and_n_plus_1() {
    let words = |n: usize, start: char| (0..n).map(|i| format!("{start}{i}")).collect::<Vec<_>>();
    let any = |n: usize| TopicSource { name: "t".to_owned(), any: words(n, 'w'), ..TopicSource::default() };
    let of = |source: &TopicSource| narrowing(&query::lists(source, &BTreeMap::new()).unwrap().expr);
    assert_eq!(of(&any(MAX_LEAVES)).map(|narrowing| narrowing.leaves()), Some(MAX_LEAVES));
    assert_eq!(of(&any(MAX_LEAVES + 1)), None);
    let with = TopicSource { all: words(2, 'v'), ..any(MAX_LEAVES) };
    assert_eq!(of(&with).map(|narrowing| narrowing.leaves()), Some(2), "what fits still narrows");
}

fn word() -> impl Strategy<Value = String> {
    let words = [
        "tariff",
        "tariffs",
        "Xi",
        "U.S.",
        "US",
        "us",
        "稀土",
        "關稅",
        "税",
        "稀",
        "土",
        "rare",
        "earth",
        "earths",
        "rare-earth",
        "don't",
        "1.6bn",
        "大統領",
        "대통령",
        "대통령이",
        "ガス",
        "か\u{309a}",
        "é",
        "Straße",
        "a.bc",
        "Trump’s",
        "5G",
        "½",
        "稀\u{301}",
        "稀土矿\u{301}",
        "中国",
    ];
    proptest::sample::select(words.to_vec()).prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    let gap = proptest::sample::select(vec![" ", "", ", ", "-", "。", "'", "/", " — "]);
    proptest::collection::vec((word(), gap), 0..12)
        .prop_map(|parts| parts.into_iter().map(|(word, gap)| format!("{word}{gap}")).collect())
}

fn item() -> impl Strategy<Value = Item> {
    let host =
        proptest::sample::select(vec!["www.example.org", "us.example", "xn--fiqs8s.example", "1.2.3.4"]);
    (text(), text(), text(), proptest::option::of(host), text(), text()).prop_map(
        |(title, summary, content, host, author, tag)| Item {
            title,
            summary,
            content,
            link: host.and_then(|host| format!("https://{host}/rare/earth").parse().ok()),
            author: Some(author),
            tags: vec![tag],
            lang: Some("us-XI".to_owned()),
            feed: Some("rare earth wire https://feed.example/".into()),
            ..Item::default()
        },
    )
}

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => word().prop_map(|word| format!("\"{word}\"")),
        2 => (word(), word()).prop_map(|(a, b)| format!("\"{a} {b}\"")),
        1 => proptest::sample::select(vec!["tarif*", "rar*", "대통령*", "\"rare ear*\"", "稀土矿*", "trum*"])
            .prop_map(str::to_owned),
        1 => Just("\"earth(s|en)\"".to_owned()),
        1 => proptest::sample::select(vec!["US", "Xi", "Tariff"]).prop_map(|word| format!("caps({word})")),
        1 => word().prop_map(|word| format!("exact(\"{word}\")")),
        1 => proptest::sample::select(vec!["/ri/", "/[0-9]/"]).prop_map(str::to_owned),
    ]
}

fn operand() -> impl Strategy<Value = String> {
    prop_oneof![3 => leaf(), 1 => (leaf(), leaf()).prop_map(|(a, b)| format!("({a} OR {b})"))]
}

fn expression() -> impl Strategy<Value = String> {
    let scope = proptest::sample::select(vec![
        "title", "lead", "body", "url", "site", "feed", "author", "tag", "lang",
    ]);
    let joint =
        proptest::sample::select(vec!["NEAR/3", "ONEAR/3", "NOT NEAR/3", "SENTENCE"]).prop_map(str::to_owned);
    let simple = prop_oneof![
        3 => leaf(),
        1 => (scope, leaf()).prop_map(|(scope, leaf)| format!("{scope}:{leaf}")),
        2 => (operand(), joint, operand()).prop_map(|(a, joint, b)| format!("({a} {joint} {b})")),
        1 => (1u16..3, operand()).prop_map(|(n, a)| format!("ATLEAST/{n}({a})")),
    ];
    simple.prop_recursive(3, 12, 4, |inner| {
        let several = proptest::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            several.clone().prop_map(|parts| format!("({})", parts.join(" AND "))),
            several.clone().prop_map(|parts| format!("({})", parts.join(" OR "))),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} AND NOT {b})")),
            (several, 1i16..5, proptest::collection::vec(-2i16..4, 4)).prop_map(
                |(parts, threshold, weights)| {
                    let clause = |(part, weight): (&String, &i16)| {
                        format!("{part}^{}", if *weight == 0 { 1 } else { *weight })
                    };
                    let clauses: Vec<String> = parts.iter().zip(&weights).map(clause).collect();
                    format!("SCORE/{threshold}({})", clauses.join(", "))
                }
            ),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(700))]

    #[test]
    fn what_matches_is_a_candidate(query in expression(), items in proptest::collection::vec(item(), 4)) {
        let source = TopicSource { name: "t".to_owned(), query: Some(query), ..TopicSource::default() };
        // Some are refused: a score that cannot be reached, a group that only excludes.
        let Ok(def) = query::lists(&source, &BTreeMap::new()) else { return Ok(()) };
        let Ok(topics) = CompiledTopics::compile(std::slice::from_ref(&def)) else { return Ok(()) };
        let Some(narrowing) = narrowing(&def.expr) else { return Ok(()) };
        for item in items {
            let tokens = index_tokens(&item);
            prop_assert!(tokens.chars().all(|c| c == ' ' || c.is_ascii_alphanumeric() || !c.is_ascii()));
            if !matches(&topics, &item).is_empty() {
                let tokens: Vec<&str> = tokens.split(' ').collect();
                prop_assert!(admits(&narrowing, &tokens), "{} misses {tokens:?}", shown(&narrowing));
            }
        }
    }
}
