//! Topics that come with the program.
//!
//! In: the files under `config/topics/`, embedded when the program is built. Out: [`Builtin`], plain lists like
//! those an operator writes.
//!
//! **Invariant:** every name in [`builtin_names`] gives a topic that compiles (tested).
//!
//! Rejected: reading them from disk. A topic must not depend on where the program was started.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::Deserialize;

use super::TopicSource;

/// Lists that every topic may use: the people who hold offices.
pub fn shared_lists() -> &'static BTreeMap<String, Vec<String>> {
    static SHARED: LazyLock<BTreeMap<String, Vec<String>>> = LazyLock::new(|| {
        let people = include_str!("../../config/topics/people.toml");
        toml::from_str::<Shared>(people).map(|shared| shared.lists).unwrap_or_default()
    });
    &SHARED
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shared {
    lists: BTreeMap<String, Vec<String>>,
}

/// A built-in topic with its own lists, which are separate from the operator's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Builtin {
    /// The topic.
    pub source: TopicSource,
    /// Lists its entries use.
    pub lists: BTreeMap<String, Vec<String>>,
}

const NAMES: &[&str] = &["leader-calls", "rare-earths", "us-china-trade"];

/// Names of the built-in topics, sorted.
pub fn builtin_names() -> &'static [&'static str] {
    NAMES
}

/// The built-in topic `name`; `None` if there is none of that name.
pub fn builtin(name: &str) -> Option<Builtin> {
    let text = match name {
        "leader-calls" => include_str!("../../config/topics/leader-calls.toml"),
        "rare-earths" => include_str!("../../config/topics/rare-earths.toml"),
        "us-china-trade" => include_str!("../../config/topics/us-china-trade.toml"),
        _ => return None,
    };
    let File { name, title, any, all, none, query, mut lists } = toml::from_str(text).ok()?;
    for (name, entries) in shared_lists() {
        lists.entry(name.clone()).or_insert_with(|| entries.clone());
    }
    Some(Builtin { source: TopicSource { name, title: Some(title), any, all, none, query }, lists })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    title: String,
    #[serde(default)]
    any: Vec<String>,
    #[serde(default)]
    all: Vec<String>,
    #[serde(default)]
    none: Vec<String>,
    query: Option<String>,
    #[serde(default)]
    lists: BTreeMap<String, Vec<String>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{check_lists, extend, lists};

    #[test]
    fn every_builtin_compiles_under_its_own_name() {
        for name in builtin_names() {
            let builtin = builtin(name).unwrap();
            assert_eq!(builtin.source.name, *name);
            check_lists(&builtin.lists).unwrap();
            let alone = lists(&builtin.source, &builtin.lists).unwrap();
            let used = extend(&builtin, &TopicSource::default(), &BTreeMap::new()).unwrap();
            assert_eq!(alone.topic.title, used.topic.title);
            assert!(!alone.expr.terms().is_empty());
        }
        assert_eq!(builtin("weather"), None);
        check_lists(shared_lists()).unwrap();
        for name in ["leaders", "us_officials", "china_officials"] {
            assert!(shared_lists().contains_key(name), "{name}");
        }
    }

    #[test]
    fn a_file_with_an_unknown_key_is_refused() {
        let file =
            |extra: &str| toml::from_str::<File>(&format!("name = 'a'\ntitle = 'A'\nany = ['a']\n{extra}"));
        assert!(file("").is_ok());
        assert!(file("anny = []").is_err());
    }
}
