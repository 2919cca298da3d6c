//! Alerts and roll-ups: one mail for each recipient and story, held by quiet hours and `max_per_hour`.
//!
//! Data in: pending matches by subscription and recipient, the history. Data out: additions to a [`Plan`].
//!
//! **Invariant:** each alert match is settled by a mail, settled as already alerted, or waits.
//!
//! Rejected: a mark "held" on the pending row. Whether a story was held follows from when it was matched, the
//! quiet hours, the mails sent since and the name it waits under, and cannot disagree with them.

use std::collections::{HashMap, HashSet};

use xxhash_rust::xxh3::xxh3_64;

use super::{
    Due, Groups, History, MAX_STORIES_PER_MAIL, Plan, RATE_WINDOW, SettleReason, Wait, WaitReason, by_story,
    carry::Windows, recipient_hash,
};
use crate::{
    model::{
        AlertPolicy, Delivery, NotificationKind, Pending, Recipient, StoryId, Subscription, SubscriptionName,
        Timestamp, Window, time,
    },
    schedule::quiet_until,
};

/// A story on its way to one recipient of one subscription.
#[derive(Clone, Copy)]
struct Candidate {
    story: StoryId,
    /// First match of this subscription.
    matched_at: Timestamp,
    /// It waited under another subscription, or for a digest.
    taken_over: bool,
}

/// What one subscription may send to one recipient now.
struct Release {
    /// Stories a mail; more than one is a roll-up.
    mails: Vec<Vec<Candidate>>,
    /// Why and until when the rest waits.
    hold: (WaitReason, Timestamp),
}

type StoryKey<'a> = (&'a Recipient, StoryId);

/// Plans every group whose subscription delivers alerts.
pub(super) fn plan_alerts(
    now: Timestamp,
    groups: &Groups<'_>,
    history: &History,
    windows: &Windows<'_>,
    subscriptions: &[Subscription],
    plan: &mut Plan,
) {
    let groups: Vec<_> = groups
        .iter()
        .filter_map(|(&(index, recipient), pending)| {
            let subscription = subscriptions.get(index)?;
            let Delivery::Alert(policy) = &subscription.delivery else { return None };
            Some((subscription, policy, recipient, pending))
        })
        .collect();

    let mut open: HashMap<StoryKey<'_>, Vec<&Pending>> = HashMap::new();
    for pending in groups.iter().flat_map(|(_, _, _, pending)| pending.iter().copied()) {
        let recipient = &pending.route.recipient;
        // Cloned to ask the set, which owns its keys.
        if history.alerted.contains(&(recipient.clone(), pending.story)) {
            plan.settled.push((pending.id, SettleReason::AlreadyAlerted));
        } else {
            open.entry((recipient, pending.story)).or_default().push(pending);
        }
    }

    let mut sent: HashSet<StoryKey<'_>> = HashSet::new();
    let mut holds = Vec::new();
    for &(subscription, policy, recipient, pending) in &groups {
        let is_open = |pending: &Pending| {
            open.contains_key(&(recipient, pending.story)) && !sent.contains(&(recipient, pending.story))
        };
        let taken_over = |pending: &Pending| {
            let name = &pending.route.subscription;
            *name != subscription.name || windows.contains_key(&(name, recipient))
        };
        let candidates = candidates(pending, is_open, taken_over);
        let release =
            release(now, &candidates, policy, &alerts_of(now, history, pending, subscription, recipient));
        for stories in &release.mails {
            plan.due.push(mail(now, subscription, recipient, stories, &open));
            sent.extend(stories.iter().map(|candidate| (recipient, candidate.story)));
        }
        holds.push((pending, release.hold));
    }

    // Only now is it known which stories another subscription has sent.
    for (pending, (reason, until)) in holds {
        for pending in pending {
            let key = (&pending.route.recipient, pending.story);
            if open.contains_key(&key) && !sent.contains(&key) {
                plan.waits.push(Wait { pending: pending.id, reason, until });
            }
        }
    }
}

/// Stories of one group that `is_open`, in order of their first match.
fn candidates(
    pending: &[&Pending],
    is_open: impl Fn(&Pending) -> bool,
    taken_over: impl Fn(&Pending) -> bool,
) -> Vec<Candidate> {
    let mut seen = HashSet::new();
    pending
        .iter()
        .filter(|pending| is_open(pending) && seen.insert(pending.story))
        .map(|pending| Candidate {
            story: pending.story,
            matched_at: pending.matched_at,
            taken_over: taken_over(pending),
        })
        .collect()
}

/// When this subscription, or one from which it takes over, mailed this recipient, oldest first. Instants after `now`, which a clock that was set
/// back leaves behind, count as `now`.
fn alerts_of(
    now: Timestamp,
    history: &History,
    pending: &[&Pending],
    subscription: &Subscription,
    recipient: &Recipient,
) -> Vec<Timestamp> {
    let mut names: HashSet<&SubscriptionName> = pending.iter().map(|p| &p.route.subscription).collect();
    names.insert(&subscription.name);
    let mut alerts: Vec<Timestamp> = history
        .alerts
        .iter()
        .filter(|sent| names.contains(&sent.subscription) && sent.recipient == *recipient)
        .map(|sent| sent.at.min(now))
        .collect();
    alerts.sort_unstable();
    alerts
}

fn release(now: Timestamp, candidates: &[Candidate], policy: &AlertPolicy, alerts: &[Timestamp]) -> Release {
    if let Some(end) = policy.quiet.as_ref().and_then(|quiet| quiet_until(now, quiet)) {
        return Release { mails: Vec::new(), hold: (WaitReason::Quiet, end) };
    }
    let limit = policy.max_per_hour.map_or(usize::MAX, |n| usize::try_from(n.max(1)).unwrap_or(usize::MAX));
    let window_start = time::before(now, RATE_WINDOW);
    let mut recent: Vec<Timestamp> = alerts.iter().copied().filter(|at| *at > window_start).collect();
    let slots = limit.saturating_sub(recent.len());

    let full_until = limit_last_reached_until(alerts, limit);
    let was_held = |candidate: &&Candidate| {
        let quiet = policy.quiet.as_ref().and_then(|quiet| quiet_until(candidate.matched_at, quiet));
        candidate.taken_over || quiet.is_some() || full_until.is_some_and(|end| candidate.matched_at < end)
    };
    let held: Vec<Candidate> = candidates.iter().filter(was_held).copied().collect();
    let fresh = candidates.len() - held.len();
    let roll_ups = held.len().div_ceil(MAX_STORIES_PER_MAIL);
    let mut mails = if held.len() < 2 {
        singly(candidates)
    } else if roll_ups.saturating_add(fresh) > slots {
        // The fresh ones would have to wait: they travel with the held ones.
        merged(candidates)
    } else {
        let fresh: Vec<Candidate> = candidates.iter().filter(|c| !was_held(c)).copied().collect();
        [merged(&held), singly(&fresh)].concat()
    };
    mails.truncate(slots);

    recent.extend(mails.iter().map(|_| now));
    let oldest_in_limit = recent.get(recent.len().saturating_sub(limit)).copied().unwrap_or(now);
    Release { mails, hold: (WaitReason::RateLimited, time::after(oldest_in_limit, RATE_WINDOW)) }
}

/// The end of the last time in which `limit` mails lay within one rate window.
fn limit_last_reached_until(alerts: &[Timestamp], limit: usize) -> Option<Timestamp> {
    let last_of_limit = alerts.iter().skip(limit.saturating_sub(1));
    let ends = alerts.iter().zip(last_of_limit).map(|(first, last)| (time::after(*first, RATE_WINDOW), last));
    ends.filter(|(end, last)| *last < end).map(|(end, _)| end).max()
}

fn singly(candidates: &[Candidate]) -> Vec<Vec<Candidate>> {
    candidates.iter().map(|candidate| vec![*candidate]).collect()
}

fn merged(candidates: &[Candidate]) -> Vec<Vec<Candidate>> {
    candidates.chunks(MAX_STORIES_PER_MAIL).map(<[Candidate]>::to_vec).collect()
}

/// The mail about `stories`. It settles the matches of all the recipient's alert subscriptions.
fn mail(
    now: Timestamp,
    subscription: &Subscription,
    recipient: &Recipient,
    stories: &[Candidate],
    open: &HashMap<StoryKey<'_>, Vec<&Pending>>,
) -> Due {
    let pending =
        || stories.iter().filter_map(|c| open.get(&(recipient, c.story))).flat_map(|p| p.iter().copied());
    let mut settles: Vec<_> = pending().map(|pending| pending.id).collect();
    settles.sort_unstable();
    let who = recipient_hash(recipient);
    let (kind, key, window) = match stories {
        [only] => (NotificationKind::Alert, format!("alert/{who}/{}", only.story.0), None),
        several => {
            let ids: Vec<u8> = several.iter().flat_map(|c| c.story.0.to_le_bytes()).collect();
            let key = format!("rollup/{}/{who}/{:016x}", subscription.name, xxh3_64(&ids));
            let from = several.iter().map(|c| c.matched_at).min().unwrap_or(now);
            (NotificationKind::RollUp, key, Some(Window { from, to: now }))
        }
    };
    Due {
        key,
        kind,
        subscription: subscription.name.clone(),
        recipient: recipient.clone(),
        stories: by_story(pending()),
        settles,
        window,
    }
}
