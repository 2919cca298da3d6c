//! Matches that wait under a subscription which no longer takes them: who takes them over.
//!
//! Data in: pending matches, the ends of digest windows, the subscriptions in force. Data out: for a match, the
//! index of a subscription; for new digest readers, where their first window opens.
//!
//! **Invariant:** a match is taken over whenever any subscription sends its topic to its recipient. An edit that
//! changes the name of a subscription loses nothing that waited for it.
//!
//! Rejected: renaming the stored matches when the configuration is read. A visit that began before a reload
//! records matches under the old name after it.

use std::collections::HashMap;

use super::{History, is_routed};
use crate::model::{
    Delivery, Pending, Recipient, Route, Subscription, SubscriptionName, Timestamp, TopicName, time,
};

/// Ends of the last digest windows by reader; present for readers of digests only.
pub(super) type Windows<'a> = HashMap<(&'a SubscriptionName, &'a Recipient), Timestamp>;

/// The windows of `history`; the latest where a reader has several.
pub(super) fn windows(history: &History) -> Windows<'_> {
    let mut windows = Windows::new();
    for sent in &history.digests {
        let end = windows.entry((&sent.subscription, &sent.recipient)).or_insert(sent.window_end);
        *end = sent.window_end.max(*end);
    }
    windows
}

/// Subscriptions by name, and who takes over from those that are not among them.
pub(super) struct Heirs<'a> {
    subscriptions: &'a [Subscription],
    by_name: HashMap<&'a SubscriptionName, usize>,
    covering: HashMap<(&'a Recipient, &'a TopicName), Vec<usize>>,
}

impl<'a> Heirs<'a> {
    pub(super) fn new(subscriptions: &'a [Subscription]) -> Self {
        let mut by_name = HashMap::new();
        for (index, subscription) in subscriptions.iter().enumerate() {
            by_name.entry(&subscription.name).or_insert(index);
        }
        Self { subscriptions, by_name, covering: HashMap::new() }
    }

    /// The subscription that sends this match: its own, otherwise one for the same recipient and topic. One of the same
    /// delivery comes before others, a digest whose open window the match falls into before one that is past
    /// it, and then the order of the configuration decides. `None` when nobody takes it.
    pub(super) fn of(&mut self, pending: &'a Pending, windows: &Windows<'_>) -> Option<usize> {
        let Route { subscription: name, recipient, topic } = &pending.route;
        let subscriptions = self.subscriptions;
        let own = self.by_name.get(name).and_then(|index| Some((*index, subscriptions.get(*index)?)));
        if let Some((index, _)) = own.filter(|(_, own)| is_routed(own, &pending.route)) {
            return Some(index);
        }
        let was_digest = own.map_or(windows.contains_key(&(name, recipient)), |(_, own)| is_digest(own));
        let covering = self.covering.entry((recipient, topic)).or_insert_with(|| {
            let takes = |(_, heir): &(usize, &Subscription)| is_routed(heir, &pending.route);
            subscriptions.iter().enumerate().filter(takes).map(|(index, _)| index).collect()
        });
        let rank = |index: &usize| {
            let heir = subscriptions.get(*index)?;
            let end = windows.get(&(&heir.name, recipient));
            let is_past = end.is_some_and(|end| *end >= pending.matched_at);
            Some((is_digest(heir) != was_digest, is_digest(heir) && is_past, *index))
        };
        covering.iter().filter_map(rank).min().map(|(_, _, index)| index)
    }
}

/// Where the first digest window of each reader opens who has none yet: at `now`, or early enough to hold what
/// the reader takes over from a subscription that is gone. In order of the configuration.
pub fn openings(
    now: Timestamp,
    pending: &[Pending],
    history: &History,
    subscriptions: &[Subscription],
) -> Vec<(SubscriptionName, Recipient, Timestamp)> {
    let windows = windows(history);
    let mut heirs = Heirs::new(subscriptions);
    let mut early: HashMap<(usize, &Recipient), Timestamp> = HashMap::new();
    for pending in pending {
        let Some(index) = heirs.of(pending, &windows) else { continue };
        let Route { subscription, recipient, .. } = &pending.route;
        let before_match = before(pending.matched_at);
        let open = windows.get(&(subscription, recipient)).map_or(before_match, |end| before_match.min(*end));
        let early = early.entry((index, recipient)).or_insert(open);
        *early = open.min(*early);
    }
    let mut openings = Vec::new();
    for (index, subscription) in subscriptions.iter().enumerate().filter(|(_, s)| is_digest(s)) {
        for recipient in &subscription.to {
            if !windows.contains_key(&(&subscription.name, recipient)) {
                let open = early.get(&(index, recipient)).map_or(now, |early| now.min(*early));
                openings.push((subscription.name.clone(), recipient.clone(), open));
            }
        }
    }
    openings
}

/// The last instant before `at`, in the store's unit.
pub(super) fn before(at: Timestamp) -> Timestamp {
    time::from_millis(at.as_millisecond().saturating_sub(1))
}

fn is_digest(subscription: &Subscription) -> bool {
    matches!(subscription.delivery, Delivery::Digest(_))
}
