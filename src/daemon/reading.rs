//! From an answer to a poll that can be recorded: parse, identify, match, route.
//!
//! Data in: a feed's state, what the fetch gave, the catalog, `now`. Data out: a [`PollOutcome`].
//!
//! **Invariant:** no IO and no waiting; a feed that cannot be read is an outcome, never an error that climbs.

use std::{collections::HashSet, sync::Arc};

use url::Url;
use xxhash_rust::xxh3::xxh3_64;

use super::Catalog;
use crate::{
    feed,
    matching::Matcher,
    model::{
        Announce, Delivery, FailureKind, FeedState, Item, ItemKey, NewItem, OnAdd, PollFailure, PollOutcome,
        Recipient, Route, SubscriptionName, Timestamp, Validators, Warning, feed_label, time,
    },
    plan,
};

/// A body as it came from the network.
#[derive(Debug, Clone)]
pub struct Body<'a> {
    /// Where it came from, after redirects.
    pub url: &'a Url,
    /// `Content-Type` as sent.
    pub content_type: Option<&'a str>,
    /// To be sent with the next poll.
    pub validators: Validators,
    /// Decoded bytes.
    pub bytes: &'a [u8],
}

/// Hash by which a body is recognised as the last one. Not for adversaries: a collision hides one poll's news
/// until the next change.
pub fn body_hash(bytes: &[u8]) -> i64 {
    xxh3_64(bytes).cast_signed()
}

/// Reads a body: every item in it, matched, keyed and routed.
pub fn read(catalog: &Catalog, state: &FeedState, body: Body<'_>, now: Timestamp) -> PollOutcome {
    let hash = body_hash(body.bytes);
    if state.body_hash == Some(hash) {
        return PollOutcome::NotModified { validators: body.validators };
    }
    let (mut parsed, warnings) = match feed::parse(body.bytes, body.content_type, body.url, now) {
        Ok(read) => read,
        Err(error) => {
            let (kind, message) = (FailureKind::NotAFeed, error.to_string());
            return PollOutcome::Failed(PollFailure { kind, message, retry_at: None });
        }
    };
    if warnings.contains(&Warning::CutItem) {
        parsed.items.pop();
    }
    parsed.items.retain(|item| !item.is_empty());
    let label = feed_label(state.spec.title.as_deref(), state.spec.url.as_str());
    let labelled = parsed.items.into_iter().map(|item| Item { feed: Some(Arc::clone(&label)), ..item });
    let identified = feed::identify(labelled.collect());
    let mut matcher = Matcher::new(&catalog.topics);
    let announced = announce(state, &identified, now);
    let stories = feed::story_keys(identified.iter().map(|(item, _)| item));
    let items = identified
        .into_iter()
        .zip(stories)
        .zip(announced)
        .map(|(((item, keys), story_key), announce)| NewItem {
            story_key,
            ..new_item(catalog, &mut matcher, item, keys, announce)
        })
        .collect();
    PollOutcome::Modified {
        validators: body.validators,
        body_hash: hash,
        title: parsed.title,
        items,
        warnings,
    }
}

fn new_item(
    catalog: &Catalog,
    matcher: &mut Matcher<'_>,
    item: Item,
    keys: Vec<ItemKey>,
    announce: Announce,
) -> NewItem {
    let matches = matcher.matches(&item);
    let routes = match announce {
        Announce::Yes => plan::routes(&catalog.subscriptions, matches.iter().map(|found| &found.topic)),
        Announce::Baseline => Vec::new(),
    };
    let alerts = alerted(catalog, &routes);
    NewItem { story_key: None, item, keys, matches, announce, routes, alerts }
}

/// Different readers that subscriptions of alerts bring the item to.
fn alerted(catalog: &Catalog, routes: &[Route]) -> u32 {
    let is_alert = |name: &SubscriptionName| {
        let subscription = catalog.subscriptions.iter().find(|subscription| subscription.name == *name);
        subscription.is_some_and(|subscription| matches!(subscription.delivery, Delivery::Alert(_)))
    };
    let readers: HashSet<&Recipient> =
        routes.iter().filter(|route| is_alert(&route.subscription)).map(|route| &route.recipient).collect();
    u32::try_from(readers.len()).unwrap_or(u32::MAX)
}

/// Which items of a poll are news: all, except on the first poll of a feed, where `on_add` decides.
fn announce(state: &FeedState, items: &[(Item, Vec<ItemKey>)], now: Timestamp) -> Vec<Announce> {
    if state.baseline_at.is_some() {
        return vec![Announce::Yes; items.len()];
    }
    let news = |yes: bool| if yes { Announce::Yes } else { Announce::Baseline };
    match state.spec.on_add {
        OnAdd::Baseline => vec![Announce::Baseline; items.len()],
        OnAdd::Since(age) => {
            let oldest = time::before(now, age);
            items.iter().map(|(item, _)| news(item.published_at.is_some_and(|at| at >= oldest))).collect()
        }
        OnAdd::Last(n) => {
            let mut newest: Vec<usize> = (0..items.len()).collect();
            let published = |index: &usize| items.get(*index).and_then(|(item, _)| item.published_at);
            newest.sort_by_key(|index| std::cmp::Reverse(published(index)));
            newest.truncate(usize::try_from(n).unwrap_or(usize::MAX));
            (0..items.len()).map(|index| news(newest.contains(&index))).collect()
        }
    }
}
