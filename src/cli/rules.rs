//! The topics and lists that commands judge items by.
//!
//! Data in: a configuration, or none; a query that was typed. Data out: definitions, or a failure in words.

use std::collections::BTreeMap;

use super::{ConfigArg, Failure};
use crate::{
    config::{self, did_you_mean},
    query::TopicDef,
};

/// What the topic made of `--query` is called in what is printed.
pub(super) const QUERY: &str = "query";

/// Topics in force, and the lists that a typed query may use.
pub(super) struct Rules {
    pub(super) definitions: Vec<TopicDef>,
    lists: BTreeMap<String, Vec<String>>,
}

impl Rules {
    /// Those of the configuration; without any configuration, the built-in topics.
    pub(super) fn read(arg: &ConfigArg) -> Result<Self, Failure> {
        if arg.config.is_none() && !config::default_path().exists() {
            let definitions = config::builtin_topics().map_err(|error| Failure::Config(error.to_string()))?;
            return Ok(Self { definitions, lists: BTreeMap::new() });
        }
        Ok(Self::of(&arg.load()?))
    }

    /// Those of `config`.
    pub(super) fn of(config: &config::Config) -> Self {
        Self { definitions: config.definitions.clone(), lists: config.named_lists() }
    }

    /// The topic in force called `name`.
    pub(super) fn find(&self, name: &str) -> anyhow::Result<&TopicDef> {
        let names = || self.definitions.iter().map(|def| def.topic.name.as_str());
        self.definitions.iter().find(|def| def.topic.name.as_str() == name).ok_or_else(|| match did_you_mean(
            name,
            names(),
        ) {
            Some(guess) => anyhow::anyhow!("there is no topic `{name}`; did you mean `{guess}`?"),
            None => anyhow::anyhow!("there is no topic `{name}`; see `wirewatch topics list`"),
        })
    }

    /// The topic, called [`QUERY`], that a query on the command line makes; `argument` is where it was typed.
    pub(super) fn typed(&self, argument: &str, query: &str) -> Result<TopicDef, Failure> {
        config::typed_query(argument, query, QUERY, &self.lists)
            .map_err(|fault| Failure::Usage(fault.to_string()))
    }
}
