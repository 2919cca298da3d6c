//! The built-in topics on headlines of our own wording, in every language they speak.

use std::{collections::BTreeMap, fs, path::Path};

use serde_json::Value;
use wirewatch::{
    config,
    matching::{CompiledTopics, Matcher, explain},
    model::{Item, TopicName},
    query,
};

/// Languages that every built-in topic must know, and the headlines each must be tried on: that match, that do not.
const LANGUAGES: [(&str, usize, usize); 9] = [
    ("en", 40, 30),
    ("zh", 20, 12),
    ("de", 8, 5),
    ("fr", 8, 5),
    ("es", 8, 5),
    ("ru", 8, 5),
    ("ja", 8, 5),
    ("pl", 8, 5),
    ("az", 8, 5),
];

fn headlines(topic: &str) -> Vec<Value> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/headlines/{topic}.jsonl"));
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_headline_is_judged_right() {
    let topics = CompiledTopics::compile(&config::builtin_topics().unwrap()).unwrap();
    let mut matcher = Matcher::new(&topics);
    let mut wrong = Vec::new();
    for topic in query::builtin_names() {
        let mut tried: BTreeMap<String, [usize; 2]> = BTreeMap::new();
        for line in headlines(topic) {
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            let item = Item {
                title: text("title"),
                summary: text("summary"),
                lang: Some(text("lang")),
                ..Item::default()
            };
            let want = line["topics"].as_array().unwrap().iter().any(|name| name == topic);
            let name = TopicName::new(topic);
            let found = matcher.matches(&item).into_iter().any(|found| found.topic == name);
            tried.entry(text("lang")).or_default()[usize::from(!want)] += 1;
            if found != want {
                wrong.push(format!("{topic}, wanted {want}: {} | {}", item.title, item.summary));
            }
            // Explaining compiles the topic anew: some are enough.
            if item.title.len().is_multiple_of(16) {
                assert_eq!(explain(&topics, &name, &item).unwrap().matched, found);
            }
        }
        for (language, yes, no) in LANGUAGES {
            let counts = tried.get(language).copied().unwrap_or_default();
            assert!(counts[0] >= yes && counts[1] >= no, "{topic} in {language}: {counts:?} of {yes}, {no}");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A user adds a name under the list's name in the configuration, and nothing else.
#[test]
fn names_are_added_to_the_lists_of_office_holders() {
    let check = |list: &str, topic: &str, title: &str| {
        let judge = |named: &BTreeMap<String, Vec<String>>| {
            let base = query::builtin(topic).unwrap();
            let def = query::extend(&base, &query::TopicSource::default(), named).unwrap();
            let topics = CompiledTopics::compile(&[def]).unwrap();
            let item = Item { title: title.to_owned(), ..Item::default() };
            !Matcher::new(&topics).matches(&item).is_empty()
        };
        assert!(!judge(&BTreeMap::new()), "{title}");
        assert!(judge(&BTreeMap::from([(list.to_owned(), vec!["Zorblax".to_owned()])])), "{title}");
    };
    check("leaders", "leader-calls", "Zorblax speaks to Macron by phone");
    check("us_officials", "us-china-trade", "Zorblax flies to Beijing for talks on trade");
    check("china_officials", "us-china-trade", "Zorblax arrives in Washington to see Bessent");
}
