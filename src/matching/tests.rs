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
            Field::Content => item.content = "rare earth".to_owned(),
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
        .map(|hit| (&*hit.clause, hit.field, &item.field(hit.field)[hit.span.clone()]))
        .collect();
    assert_eq!(
        shown,
        [
            ("tariff(s)", Field::Title, "Tariffs"),
            ("caps(US)", Field::Title, "U.S."),
            ("關稅", Field::Summary, "关税")
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
