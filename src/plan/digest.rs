//! Digests: everything matched up to a local time, once.
//!
//! Data in: pending matches by subscription and recipient, the ends of the last windows. Data out: additions to
//! a [`Plan`], and the next instant a digest is due.
//!
//! **Invariant:** a match belongs to the first digest whose window ends at or after it; one that was recorded
//! late goes with the next digest instead of being lost. A story is in one digest of a subscription and recipient.
//!
//! Rejected: one digest for each missed instant. After a weekend down a reader wants one mail.

use super::{
    Due, Groups, History, Plan, SettleReason, Wait, WaitReason, by_story,
    carry::{Windows, before},
    recipient_hash,
};
use crate::{
    model::{
        Delivery, DigestPolicy, NotificationKind, Pending, Recipient, Subscription, Timestamp, WhenEmpty,
        Window,
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
    for (index, subscription) in subscriptions.iter().enumerate() {
        let Delivery::Digest(policy) = &subscription.delivery else { continue };
        for recipient in &subscription.to {
            let waiting = groups.get(&(index, recipient)).map_or(&[][..], Vec::as_slice);
            // Another feed brings a story that a digest already had. A renamed subscription remembers as well.
            let (known, pending): (Vec<&Pending>, Vec<&Pending>) = waiting.iter().partition(|pending| {
                [&subscription.name, &pending.route.subscription]
                    .into_iter()
                    .any(|name| history.digested.contains(&(name.clone(), recipient.clone(), pending.story)))
            });
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
    })
}
