//! Any text as a query: it is read or refused inside itself, and what is read can be printed and read again.

#![no_main]

use std::collections::BTreeMap;

use libfuzzer_sys::fuzz_target;
use wirewatch::query::{TopicSource, lists};

fuzz_target!(|text: &str| {
    let named = BTreeMap::from([("metals".to_owned(), vec!["gallium".to_owned(), "稀土".to_owned()])]);
    let source = |query: &str| TopicSource {
        name: "t".to_owned(),
        query: Some(query.to_owned()),
        ..TopicSource::default()
    };
    match lists(&source(text), &named) {
        Ok(topic) => {
            let printed = topic.expr.to_string();
            let again = lists(&source(&printed), &named).expect("what is printed can be read");
            assert_eq!(again.expr, topic.expr, "{printed}");
            assert_eq!(again.topic.revision, topic.topic.revision, "{printed}");
        }
        Err(error) => assert!(text.get(error.span.clone()).is_some(), "{error}: {:?}", error.span),
    }
});
