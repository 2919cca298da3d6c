//! Any query (the first line) against any item (the rest): matching and explaining agree, hits lie in the item.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use wirewatch::{
    matching::{CompiledTopics, explain, matches},
    model::Item,
    query::{TopicSource, lists},
};

fuzz_target!(|text: &str| {
    let (query, rest) = text.split_once('\n').unwrap_or((text, text));
    let (title, summary) = rest.split_once('\n').unwrap_or((rest, ""));
    let source = TopicSource { name: "t".to_owned(), query: Some(query.to_owned()), ..TopicSource::default() };
    let Ok(topic) = lists(&source, &BTreeMap::new()) else { return };
    let Ok(topics) = CompiledTopics::compile(std::slice::from_ref(&topic)) else { return };
    let item = Item { title: title.to_owned(), summary: summary.to_owned(), ..Item::default() };
    let found = matches(&topics, &item);
    for hit in found.iter().flat_map(|found| &found.hits) {
        assert!(item.field(hit.field).get(hit.span.clone()).is_some());
    }
    let explained = explain(&topics, &topic.topic.name, &item).expect("the topic is in force");
    assert_eq!(explained.matched, !found.is_empty());
    assert_eq!(explained.nearest().is_empty(), explained.matched);
});
