//! NOT parts of topics that keep out more than their authors think.
//!
//! Data in: topics in force, the store beside the daemon. Data out: a warning for each topic of whose matches a NOT
//! removed more than [`MAX_REMOVED_PERCENT`].
//!
//! **Invariant:** never a failure and never a long wait: a store that is absent, locked, of another version or too
//! slow gives no warnings.

use std::{path::Path, sync::Arc, time::Duration};

use super::archive;
use crate::{
    clock::Clock,
    config::{Config, Diagnostic},
    matching::{CompiledTopics, Matcher},
    model::{Timestamp, TopicName, time},
    query::TopicDef,
    store::{self, ScannedItem, Store},
};

/// A NOT that removes more of a topic's matches is told.
pub(super) const MAX_REMOVED_PERCENT: u64 = 30;
/// Fewer matches say nothing about a NOT.
pub(super) const MIN_MATCHES: u64 = 20;
/// How far back is looked.
const WINDOW: Duration = Duration::from_secs(90 * 86_400);
/// Items looked at, the newest ones.
const MAX_ITEMS: usize = 50_000;
/// How long the check waits for the archive.
const PATIENCE: Duration = Duration::from_secs(3);

/// How many percent of `without` a NOT removed that leaves `with`; `None` when that is no more than
/// [`MAX_REMOVED_PERCENT`], or `without` too few to say.
pub(super) fn removed_much(without: u64, with: u64) -> Option<u64> {
    let removed = without.saturating_sub(with);
    let much = without >= MIN_MATCHES && removed * 100 > without * MAX_REMOVED_PERCENT;
    much.then(|| removed * 100 / without)
}

/// The warnings, in the order of the configuration.
pub(super) async fn warnings(config: &Config) -> Vec<Diagnostic> {
    let pairs: Vec<(&TopicDef, TopicDef)> =
        config.definitions.iter().filter_map(|def| Some((def, without_exclusions(def)?))).collect();
    if pairs.is_empty() || !config.state.dir.join(store::DATABASE).exists() {
        return Vec::new();
    }
    let definitions: Vec<TopicDef> =
        pairs.into_iter().flat_map(|(def, without)| [def.clone(), without]).collect();
    let since = time::before(Clock::system().now(), WINDOW);
    let counting = count(config.state.dir.clone(), definitions, since);
    match tokio::time::timeout(PATIENCE, counting).await {
        Ok(Ok(counts)) => counts.iter().filter_map(|counts| warning(config, counts)).collect(),
        Ok(Err(error)) => {
            tracing::debug!(error = %error, "the archive cannot be read: {error:#}");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

/// Matches of one topic.
struct Counts {
    topic: TopicName,
    with: u64,
    without: u64,
}

/// The topic without its NOT, under a name that no topic in force can have.
fn without_exclusions(def: &TopicDef) -> Option<TopicDef> {
    let mut without = TopicDef { expr: def.expr.without_exclusions()?, ..def.clone() };
    without.topic.name = TopicName::new(&format!("{}!", def.topic.name));
    Some(without)
}

async fn count(
    dir: std::path::PathBuf,
    definitions: Vec<TopicDef>,
    since: Timestamp,
) -> anyhow::Result<Vec<Counts>> {
    // Opening waits for locks.
    let store = tokio::task::spawn_blocking(move || Store::open_read_only(Path::new(&dir))).await??;
    let compiled = Arc::new(CompiledTopics::compile(&definitions)?);
    let mut matches = vec![0_u64; compiled.topics().len()];
    if let Some(scan) = store.scan_since(since, Some(MAX_ITEMS)).await? {
        let topics = matches.len();
        let look = move |matcher: &mut Matcher<'_>, items: &[ScannedItem]| {
            let mut matches = vec![0_u64; topics];
            for scanned in items {
                for topic in matcher.find(&scanned.item) {
                    if let Some(count) = matches.get_mut(*topic) {
                        *count += 1;
                    }
                }
            }
            matches
        };
        let add = |found: Vec<u64>| matches.iter_mut().zip(found).for_each(|(sum, more)| *sum += more);
        archive::judge(&store, Arc::clone(&compiled), scan, look, add).await?;
    }
    let of = |name: &TopicName| compiled.position(name).and_then(|at| matches.get(at)).copied().unwrap_or(0);
    let counts = definitions.chunks_exact(2).filter_map(|pair| match pair {
        [with, without] => Some(Counts {
            topic: with.topic.name.clone(),
            with: of(&with.topic.name),
            without: of(&without.topic.name),
        }),
        _ => None,
    });
    Ok(counts.collect())
}

fn warning(config: &Config, counts: &Counts) -> Option<Diagnostic> {
    let removed = removed_much(counts.without, counts.with)?;
    let entry = config.topics.iter().find(|entry| entry.name == counts.topic.as_str())?;
    let place = match (entry.none.first(), &entry.query) {
        (Some(first), _) => &first.place,
        (None, Some(query)) => &query.place,
        (None, None) => &entry.name_place,
    };
    let what = format!(
        "NOT removed {removed} % of what `{}` would have matched in 90 days ({} of {} items)",
        counts.topic,
        counts.without - counts.with,
        counts.without
    );
    let remedy = format!(
        "if that is too much, NOT NEAR/n excludes only what stands nearby; see what is kept out with \
         `wirewatch backtest {}`",
        counts.topic
    );
    Some(Diagnostic::warning(place, what, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_not_is_told_beyond_its_bound() {
        let check = |without: u64, with: u64, expect: Option<u64>| {
            assert_eq!(removed_much(without, with), expect, "{with} of {without}");
        };
        check(1_000, 700, None);
        check(1_000, 699, Some(30));
        check(100, 69, Some(31));
        check(MIN_MATCHES, 0, Some(100));
        check(MIN_MATCHES - 1, 0, None);
        check(0, 0, None);
    }
}
