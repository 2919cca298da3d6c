//! What mails say beside their stories: news, volumes of topics, addresses that mute.
//!
//! Data in: a mail that is due, the store, the catalog. Data out: [`Additions`]; and the facts that decide what is news.
//!
//! **Invariant:** nothing here decides whether a mail is sent.
//!
//! Rejected: counting volumes with the matches as they come. A topic that was edited would keep the counts of its old
//! rules' times in two places.

use std::collections::HashMap;

use crate::{
    matching::CompiledTopics,
    model::{
        Additions, Delivery, ItemView, NotificationKind, Outlet, StoryId, StoryItem, StorySources, StoryView,
        Subscription, Summary, Tier, Timestamp, TopicName, TopicVolume,
    },
    plan::{Due, Facts, FactsOf, History},
    schedule,
    store::Store,
    story,
};

use super::{Catalog, StepError};

/// Days of a volume.
const DAYS: usize = 14;
/// Days of a week.
const WEEK: usize = 7;
/// Weeks before the last one that make the usual.
const USUAL_WEEKS: usize = 8;
/// Fewer weeks than these are not usual yet.
const FEWEST_WEEKS: usize = 2;
/// Topics whose volumes one mail carries.
const MAX_CHARTED: usize = 100;

/// What is known of stories that are about to be planned, beside what `history` says was told of them.
///
/// # Errors
/// When the store refuses.
pub(super) async fn facts(
    store: &Store,
    topics: &CompiledTopics,
    stories: Vec<StoryId>,
    history: &History,
) -> Result<FactsOf, StepError> {
    let items = store.story_items(stories).await?;
    let mut facts: FactsOf = items.into_iter().map(|(id, items)| (id, facts_of(items))).collect();
    let mut known = HashMap::new();
    for ((_, story), told) in &history.told {
        if let Some(facts) = facts.get_mut(story) {
            facts.compare(&told.headline, story::is_another);
            note_alternatives(facts, topics, &mut known);
        }
    }
    Ok(facts)
}

/// Notes which alternatives of their topics the clauses of a story stand in; `known` are those of topics seen before.
fn note_alternatives(
    facts: &mut Facts,
    topics: &CompiledTopics,
    known: &mut HashMap<TopicName, HashMap<String, Vec<usize>>>,
) {
    for clause in &facts.clauses {
        let of_topic = known.entry(clause.0.clone()).or_insert_with(|| topics.alternatives(&clause.0));
        if let Some(numbers) = of_topic.get(&*clause.1) {
            facts.alternatives.insert(clause.clone(), numbers.clone());
        }
    }
}

fn facts_of(mut items: Vec<StoryItem>) -> Facts {
    let ranks = items.iter().map(|item| (item.clauses.is_empty(), item.outlet.tier, item.at));
    put_first(story_first(ranks), &mut items);
    Facts::of(&items)
}

/// Puts the primary item of each story first: of those that matched the one of the best tier, and of these the earliest.
pub(super) fn order(stories: &mut [StoryView]) {
    for story in stories {
        let at = |item: &ItemView| item.published_at.unwrap_or(item.first_seen_at);
        let ranks = story.items.iter().map(|item| (item.matches.is_empty(), item.tier, at(item)));
        put_first(story_first(ranks), &mut story.items);
    }
}

/// Which of the items to show first, each given by whether it only came with the link of another, its tier and its date.
fn story_first(ranks: impl Iterator<Item = (bool, Tier, Timestamp)> + Clone) -> usize {
    let matched = ranks.clone().any(|(is_silent, ..)| !is_silent);
    let places: Vec<(usize, (Tier, Timestamp))> = ranks
        .enumerate()
        .filter(|(_, (is_silent, ..))| !(matched && *is_silent))
        .map(|(place, (_, tier, at))| (place, (tier, at)))
        .collect();
    let first = story::primary(places.iter().map(|(_, rank)| *rank));
    first.and_then(|first| places.get(first)).map_or(0, |(place, _)| *place)
}

/// Moves one to the front; the others keep their order.
fn put_first<T>(place: usize, all: &mut [T]) {
    if let Some(to_front) = all.get_mut(..=place) {
        to_front.rotate_right(1);
    }
}

/// Who reports the stories of a mail.
pub(super) fn sources(facts: &FactsOf, stories: &[StoryView]) -> Vec<StorySources> {
    let known = stories.iter().filter_map(|story| Some((story.id, facts.get(&story.id)?)));
    known
        .map(|(story, facts)| StorySources {
            story,
            outlets: facts.outlet_count(),
            own: facts.source_count(),
        })
        .collect()
}

/// The score of a story that a mail shows.
pub(super) fn score(story: &StoryView, subscription: &Subscription) -> u32 {
    let items: Vec<StoryItem> = story
        .items
        .iter()
        .map(|item| StoryItem {
            outlet: Outlet { name: item.outlet.clone(), tier: item.tier },
            voice: item.voice,
            at: item.first_seen_at,
            title: String::new(),
            clauses: item
                .matches
                .iter()
                .flat_map(|found| found.hits.iter().map(|hit| (found.topic.clone(), hit.clause.clone())))
                .collect(),
        })
        .collect();
    Facts::of(&items).score(&subscription.topics)
}

/// What the mail says beside its stories; `topics` are those it can name.
///
/// # Errors
/// When the store refuses.
pub(super) async fn additions(
    store: &Store,
    catalog: &Catalog,
    subscription: &Subscription,
    now: Timestamp,
    due: &Due,
    topics: Vec<TopicName>,
) -> Result<Additions, StepError> {
    let mut additions = Additions { news: due.news.clone(), ..Additions::default() };
    if due.kind == NotificationKind::Digest {
        additions.summary = match &subscription.delivery {
            Delivery::Digest(policy) => policy.summary,
            Delivery::Alert(_) => Summary::Digest,
        };
        additions.volumes = volumes(store, subscription, now, topics).await?;
    } else if let Some(pattern) = &catalog.commands_to {
        let stories = due.stories.iter().map(|(id, _)| *id).collect();
        let tokens = store.mute_tokens(&due.recipient, stories).await?;
        additions.mutes = tokens.into_iter().map(|(id, token)| (id, mute_address(pattern, &token))).collect();
    }
    Ok(additions)
}

/// `mailto:` with the token in the address where the pattern says so, and in the subject always.
fn mute_address(pattern: &str, token: &str) -> String {
    format!("mailto:{}?subject=mute%20{token}", pattern.replace("{token}", token))
}

async fn volumes(
    store: &Store,
    subscription: &Subscription,
    now: Timestamp,
    mut topics: Vec<TopicName>,
) -> Result<Vec<TopicVolume>, StepError> {
    topics.truncate(MAX_CHARTED);
    let edges = schedule::day_edges(now, &subscription.zone, DAYS.max(WEEK * (USUAL_WEEKS + 1)));
    let Some(begins) = store.archive_begins_at().await? else { return Ok(Vec::new()) };
    let known = edges.iter().filter(|edge| **edge >= begins).count().saturating_sub(1);
    let counts = store.topic_volumes(topics.clone(), edges).await?;
    Ok(topics.into_iter().zip(counts).map(|(topic, days)| volume(topic, &days, known)).collect())
}

/// `days` oldest first, of which the last `known` lie wholly in the archive.
fn volume(topic: TopicName, days: &[u32], known: usize) -> TopicVolume {
    let last = |n: usize| days.get(days.len().saturating_sub(n)..).unwrap_or_default();
    let newest_first: Vec<u32> = last(known).iter().rev().copied().collect();
    let mut before: Vec<u32> =
        newest_first.chunks_exact(WEEK).skip(1).take(USUAL_WEEKS).map(|week| week.iter().sum()).collect();
    before.sort_unstable();
    let middle = |at: usize| before.get(at).copied().unwrap_or(0);
    let median = middle(before.len() / 2).midpoint(middle(before.len().saturating_sub(1) / 2));
    TopicVolume {
        topic,
        days: last(DAYS).to_vec(),
        week: last(WEEK).iter().sum(),
        usual_week: (before.len() >= FEWEST_WEEKS).then_some(median),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_is_the_median_of_whole_weeks_before_the_last() {
        let check = |weeks: &[u32], known: usize, want: Option<u32>| {
            let days: Vec<u32> = weeks.iter().flat_map(|n| [*n, 0, 0, 0, 0, 0, 0]).collect();
            let found = volume(TopicName::new("t"), &days, known);
            assert_eq!(found.usual_week, want, "{weeks:?} known {known}");
            assert_eq!((found.week, found.days.len()), (*weeks.last().unwrap(), DAYS.min(days.len())));
        };
        check(&[5, 9, 40], 21, Some(7));
        check(&[5, 9, 40], 20, None);
        check(&[1, 100, 3, 40], 28, Some(3));
        check(&[1, 100, 3, 40], 27, Some(51));
        check(&[40], 7, None);
        check(&[9, 9, 9, 9, 1, 1, 1, 1, 5], 63, Some(5));
        // Only the last eight weeks before count.
        check(&[99, 2, 2, 2, 2, 2, 2, 2, 2, 5], 70, Some(2));
    }

    #[test]
    fn the_primary_is_the_earliest_of_the_best_tier_that_matched() {
        let at = |minute: u64| crate::model::time::from_millis(i64::try_from(minute).unwrap() * 60_000);
        let check = |ranks: &[(bool, Tier, u64)], want: usize| {
            let ranks: Vec<_> =
                ranks.iter().map(|(silent, tier, minute)| (*silent, *tier, at(*minute))).collect();
            assert_eq!(story_first(ranks.into_iter()), want);
        };
        check(&[(false, Tier::Other, 1), (false, Tier::First, 3), (false, Tier::First, 2)], 2);
        check(&[(false, Tier::Other, 1), (true, Tier::First, 0)], 0);
        check(&[(true, Tier::Other, 1), (true, Tier::Second, 2)], 1);
        check(&[(false, Tier::Other, 1), (false, Tier::Other, 1)], 0);
        check(&[], 0);
        let mut letters = ['a', 'b', 'c', 'd'];
        put_first(2, &mut letters);
        assert_eq!(letters, ['c', 'a', 'b', 'd']);
    }

    #[test]
    fn the_token_stands_in_the_address_and_in_the_subject() {
        let check = |pattern: &str, want: &str| assert_eq!(mute_address(pattern, "7-abc"), want);
        check("wirewatch+{token}@example.com", "mailto:wirewatch+7-abc@example.com?subject=mute%207-abc");
        check("commands@example.com", "mailto:commands@example.com?subject=mute%207-abc");
    }
}
