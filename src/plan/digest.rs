//! Digests: everything matched up to a local time, once.
//!
//! Data in: pending matches by subscription and recipient, the ends of the last windows. Data out: additions to
//! a [`Plan`], and the next instant a digest is due.
//!
//! **Invariant:** a match belongs to the first digest whose window ends at or after it; one that was recorded
//! late goes with the next digest instead of being lost. A story is in one digest of a subscription and recipient, also
//! when the subscription gets another name.
//!
//! Rejected: one digest for each missed instant. After a weekend down a reader wants one mail.

use std::collections::{HashMap, HashSet};

use super::{
    Due, Groups, History, Plan, SettleReason, Wait, WaitReason, by_story,
    carry::{Windows, before},
    recipient_hash,
};
use crate::{
    model::{
        Delivery, DigestPolicy, NotificationKind, Pending, Recipient, StoryId, Subscription,
        SubscriptionName, Timestamp, WhenEmpty, Window,
    },
    schedule::{last_digest, next_digest},
};

/// Plans every subscription that delivers digests, those with nothing pending too. Returns the first instant
/// after `now` at which any digest is due.
pub(super) fn plan_digests(
    now: Timestamp,
    groups: &Groups<'_>,
    history: &History,
    windows: &Windows<'_>,
    subscriptions: &[Subscription],
    plan: &mut Plan,
) -> Option<Timestamp> {
    let mut first = None;
    let told = Digested::new(history, subscriptions);
    for (index, subscription) in subscriptions.iter().enumerate() {
        let Delivery::Digest(policy) = &subscription.delivery else { continue };
        for recipient in &subscription.to {
            let waiting = groups.get(&(index, recipient)).map_or(&[][..], Vec::as_slice);
            let (known, pending): (Vec<&Pending>, Vec<&Pending>) =
                waiting.iter().partition(|pending| told.before(pending, &subscription.name));
            plan.settled.extend(known.iter().map(|pending| (pending.id, SettleReason::AlreadyDigested)));
            let pending = pending.as_slice();
            let from = window_start(now, pending, windows, subscription, recipient);
            let next = next_digest(now.max(from), policy, &subscription.zone);
            first = first.into_iter().chain(next).min();
            let (reason, until) = match next {
                Some(at) => (WaitReason::UntilDigest, at),
                None => (WaitReason::NoDigestDay, Timestamp::MAX),
            };
            let due = due(now, from, pending, policy, subscription, recipient);
            let end = due.as_ref().and_then(|due| due.window).map_or(Timestamp::MIN, |window| window.to);
            let rest = pending.iter().filter(|pending| due.is_none() || pending.matched_at > end);
            plan.waits.extend(rest.map(|pending| Wait { pending: pending.id, reason, until }));
            plan.due.extend(due);
        }
    }
    first
}

/// Which digests had a story before: another feed brings it once more.
struct Digested<'a> {
    of_reader: HashMap<(&'a Recipient, StoryId), Vec<(&'a SubscriptionName, Timestamp)>>,
    /// Those in force.
    digests: HashSet<(&'a SubscriptionName, &'a Recipient)>,
}

impl<'a> Digested<'a> {
    fn new(history: &'a History, subscriptions: &'a [Subscription]) -> Self {
        let mut of_reader: HashMap<_, Vec<_>> = HashMap::new();
        for ((name, recipient, story), at) in &history.digested {
            of_reader.entry((recipient, *story)).or_default().push((name, *at));
        }
        let digests = subscriptions.iter().filter(|s| matches!(s.delivery, Delivery::Digest(_)));
        let digests = digests.flat_map(|s| s.to.iter().map(|recipient| (&s.name, recipient)));
        Self { of_reader, digests: digests.collect() }
    }

    /// Whether the story of `pending` was in an earlier digest of `name` to its recipient. What a digest had that is gone
    /// now counts for what matched later: a subscription that was renamed, even there and back, tells nothing twice.
    fn before(&self, pending: &Pending, name: &SubscriptionName) -> bool {
        let recipient = &pending.route.recipient;
        let had = self.of_reader.get(&(recipient, pending.story));
        had.into_iter().flatten().any(|(digest, at)| {
            let same = *digest == name || **digest == pending.route.subscription;
            same || (*at < pending.matched_at && !self.digests.contains(&(*digest, recipient)))
        })
    }
}

/// Where the open window starts: the end of the last one.
fn window_start(
    now: Timestamp,
    pending: &[&Pending],
    windows: &Windows<'_>,
    subscription: &Subscription,
    recipient: &Recipient,
) -> Timestamp {
    let first_match = pending.iter().map(|pending| pending.matched_at).min();
    let sent = windows.get(&(&subscription.name, recipient)).copied();
    sent.or_else(|| first_match.map(before)).unwrap_or(now)
}

fn due(
    now: Timestamp,
    from: Timestamp,
    pending: &[&Pending],
    policy: &DigestPolicy,
    subscription: &Subscription,
    recipient: &Recipient,
) -> Option<Due> {
    let to = last_digest(now, policy, &subscription.zone, from)?;
    let ready = || pending.iter().copied().filter(|pending| pending.matched_at <= to);
    if policy.when_empty == WhenEmpty::Skip && ready().next().is_none() {
        return None;
    }
    let who = recipient_hash(recipient);
    Some(Due {
        key: format!("digest/{}/{who}/{}", subscription.name, to.as_millisecond()),
        kind: NotificationKind::Digest,
        subscription: subscription.name.clone(),
        recipient: recipient.clone(),
        stories: by_story(ready()),
        settles: ready().map(|pending| pending.id).collect(),
        window: Some(Window { from, to }),
        news: Vec::new(),
        tells: Vec::new(),
    })
}
