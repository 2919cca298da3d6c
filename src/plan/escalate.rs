//! Escalation: a story that waits for a digest and crosses the digest's line is alerted at once.
//!
//! Data in: pending matches by subscription and recipient, what is known of the stories. Data out: additions to a
//! [`Plan`], and when an alert that the limit holds back is due.
//!
//! **Invariant:** an escalation settles nothing: the digest stays whole.
//! **Invariant:** a story that is alerted to the recipient anyway, or was, or is muted, is not escalated.
//!
//! Rejected: moving the match from the digest to the alerts. A digest that lacks the biggest story of the day looks
//! broken.

use std::collections::{HashMap, HashSet};

use super::{Due, Groups, Plan, RATE_WINDOW, Scene, by_story, recipient_hash};
use crate::model::{
    Delivery, Line, NotificationKind, Pending, Recipient, StoryId, Subscription, Timestamp, time,
};

/// Escalations of one digest to one recipient within an hour; the rest waits.
pub const MAX_ESCALATIONS_PER_HOUR: usize = 6;

/// Plans the alerts of all digests that escalate, in order of the configuration; stories `taken` by alert
/// subscriptions are left to them. Returns when the first one held back by the limit is due.
pub(super) fn plan_escalations<'a>(
    scene: &Scene<'a>,
    groups: &'a Groups<'a>,
    mut taken: HashSet<(&'a Recipient, StoryId)>,
    plan: &mut Plan,
) -> Option<Timestamp> {
    let mut wake = None;
    for (&(index, recipient), pending) in groups {
        let Some(subscription) = scene.subscriptions.get(index) else { continue };
        let Delivery::Digest(policy) = &subscription.delivery else { continue };
        let Some(line) = &policy.escalate else { continue };
        let stories = crossing(scene, line, subscription, recipient, pending);
        let stories = stories.into_iter().filter(|(story, _)| !taken.contains(&(recipient, *story)));
        let stories: Vec<_> = stories.collect();
        let mut recent: Vec<Timestamp> = recent(scene, subscription, recipient);
        let slots = MAX_ESCALATIONS_PER_HOUR.saturating_sub(recent.len());
        for (story, matches) in stories.iter().take(slots) {
            taken.insert((recipient, *story));
            recent.push(scene.now);
            plan.due.push(Due {
                key: format!("alert/{}/{}", recipient_hash(recipient), story.0),
                kind: NotificationKind::Alert,
                subscription: subscription.name.clone(),
                recipient: recipient.clone(),
                stories: by_story(matches.iter().copied()),
                settles: Vec::new(),
                window: None,
                news: Vec::new(),
                tells: vec![(*story, 1)],
            });
        }
        if stories.len() > slots {
            let oldest = recent.iter().min().copied().unwrap_or(scene.now);
            wake = wake.into_iter().chain([time::after(oldest, RATE_WINDOW)]).min();
        }
    }
    wake
}

/// The stories at or above the line that this recipient may still be alerted of, in order of their first match.
fn crossing<'a>(
    scene: &Scene<'_>,
    line: &Line,
    subscription: &Subscription,
    recipient: &Recipient,
    pending: &[&'a Pending],
) -> Vec<(StoryId, Vec<&'a Pending>)> {
    let mut order = Vec::new();
    let mut by_story: HashMap<StoryId, Vec<&Pending>> = HashMap::new();
    for pending in pending {
        by_story
            .entry(pending.story)
            .or_insert_with(|| {
                order.push(pending.story);
                Vec::new()
            })
            .push(pending);
    }
    order.retain(|story| {
        let reaches = scene.facts.get(story).is_some_and(|facts| facts.reaches(line, &subscription.topics));
        // Cloned to ask the sets, which own their keys.
        let digested = (subscription.name.clone(), recipient.clone(), *story);
        reaches
            && !scene.history.alerted.contains(&(recipient.clone(), *story))
            && !scene.history.digested.contains_key(&digested)
            && !scene.is_muted(recipient, *story)
    });
    order.into_iter().filter_map(|story| Some((story, by_story.remove(&story)?))).collect()
}

/// When this digest escalated to this recipient within the last hour. Instants after `now`, which a clock that was set
/// back leaves behind, count as `now`.
fn recent(scene: &Scene<'_>, subscription: &Subscription, recipient: &Recipient) -> Vec<Timestamp> {
    let since = time::before(scene.now, RATE_WINDOW);
    let sent = scene.history.alerts.iter();
    sent.filter(|sent| sent.subscription == subscription.name && sent.recipient == *recipient)
        .map(|sent| sent.at.min(scene.now))
        .filter(|at| *at > since)
        .collect()
}
