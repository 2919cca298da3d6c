//! Alerts, updates and roll-ups: one mail for each recipient and story, and more of it only for news; held by
//! `group_wait`, quiet hours and `max_per_hour`.
//!
//! Data in: pending matches by subscription and recipient, the history, what is known of the stories. Data out: additions
//! to a [`Plan`].
//!
//! **Invariant:** each alert match is settled by a mail, settled as known or muted, or waits.
//!
//! Rejected: a mark "held" on the pending row. Whether a story was held follows from when it was matched, the
//! quiet hours, the mails sent since and the name it waits under, and cannot disagree with them.

use std::collections::{HashMap, HashSet};

use xxhash_rust::xxh3::xxh3_64;

use super::{
    Due, Groups, MAX_STORIES_PER_MAIL, Plan, RATE_WINDOW, Scene, SettleReason, Wait, WaitReason, by_story,
    recipient_hash,
};
use crate::{
    model::{
        AlertPolicy, Delivery, News, NotificationKind, Pending, Recipient, StoryId, StoryNews, Subscription,
        SubscriptionName, Timestamp, Window, time,
    },
    schedule::quiet_until,
};

/// How a story stands with one recipient of one subscription.
enum Standing {
    /// Nothing is to be said about it.
    Settled(SettleReason),
    /// It was never alerted.
    First,
    /// It was alerted, and there is news.
    Update {
        /// Of the mail that is due.
        revision: u32,
        news: Vec<News>,
        /// No update of this story before.
        not_before: Timestamp,
    },
}

/// A story on its way to one recipient of one subscription.
#[derive(Clone)]
struct Candidate {
    story: StoryId,
    /// First match of this subscription that waits.
    matched_at: Timestamp,
    /// It waited under another subscription, or for a digest.
    taken_over: bool,
    /// 1, or that of the update.
    revision: u32,
    news: Vec<News>,
    urgency: Urgency,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Urgency {
    /// Waits in quiet hours.
    Plain,
    /// It has reached the line that breaks through them.
    BreaksThrough,
}

/// What one subscription may send to one recipient now.
struct Release {
    /// Stories a mail; more than one is a roll-up.
    mails: Vec<Vec<Candidate>>,
    /// Why and until when the rest waits; those that break through come second.
    hold: [(WaitReason, Timestamp); 2],
}

/// Why the stories of one group wait that are not mailed.
type Holds = HashMap<StoryId, (WaitReason, Timestamp)>;

type StoryKey<'a> = (&'a Recipient, StoryId);

/// One recipient of one alert subscription, with what waits for both.
struct Group<'a> {
    subscription: &'a Subscription,
    policy: &'a AlertPolicy,
    recipient: &'a Recipient,
    pending: &'a [&'a Pending],
    standing: HashMap<StoryId, Standing>,
}

/// Plans every group whose subscription delivers alerts. Returns the stories that are mailed now or wait to be.
pub(super) fn plan_alerts<'a>(
    scene: &Scene<'a>,
    groups: &'a Groups<'a>,
    plan: &mut Plan,
) -> HashSet<StoryKey<'a>> {
    let groups: Vec<Group<'_>> = groups
        .iter()
        .filter_map(|(&(index, recipient), pending)| {
            let subscription = scene.subscriptions.get(index)?;
            let Delivery::Alert(policy) = &subscription.delivery else { return None };
            let mut standing = HashMap::new();
            for pending in pending {
                standing
                    .entry(pending.story)
                    .or_insert_with(|| standing_of(scene, subscription, policy, recipient, pending.story));
            }
            Some(Group { subscription, policy, recipient, pending, standing })
        })
        .collect();

    let mut open: HashMap<StoryKey<'_>, Vec<&Pending>> = HashMap::new();
    for group in &groups {
        for pending in group.pending {
            match group.standing.get(&pending.story) {
                Some(Standing::Settled(reason)) => plan.settled.push((pending.id, *reason)),
                _ => open.entry((group.recipient, pending.story)).or_default().push(pending),
            }
        }
    }

    let mut sent: HashSet<StoryKey<'_>> = HashSet::new();
    let mut holds: Vec<Holds> = Vec::with_capacity(groups.len());
    for group in &groups {
        let mut held = Holds::new();
        let is_sent = |story: StoryId| sent.contains(&(group.recipient, story));
        let (ready, early) = candidates(scene, group, is_sent);
        held.extend(early);
        let release = release(scene.now, &ready, group.policy, &alerts_of(scene, group));
        let [plain, urgent] = release.hold;
        for candidate in &ready {
            let hold = if candidate.urgency == Urgency::BreaksThrough { urgent } else { plain };
            held.insert(candidate.story, hold);
        }
        for stories in &release.mails {
            plan.due.push(mail(scene.now, group, stories, &open));
            sent.extend(stories.iter().map(|candidate| (group.recipient, candidate.story)));
        }
        holds.push(held);
    }

    // Only now is it known which stories another subscription has sent.
    for (group, held) in groups.iter().zip(&holds) {
        for pending in
            group.pending.iter().filter(|pending| !sent.contains(&(group.recipient, pending.story)))
        {
            if let Some((reason, until)) = held.get(&pending.story) {
                plan.waits.push(Wait { pending: pending.id, reason: *reason, until: *until });
            }
        }
    }
    open.into_keys().collect()
}

fn standing_of(
    scene: &Scene<'_>,
    subscription: &Subscription,
    policy: &AlertPolicy,
    recipient: &Recipient,
    story: StoryId,
) -> Standing {
    if scene.is_muted(recipient, story) {
        return Standing::Settled(SettleReason::Muted);
    }
    // Cloned to ask the set, which owns its keys.
    let key = (recipient.clone(), story);
    if !scene.history.alerted.contains(&key) {
        return Standing::First;
    }
    let (Some(told), Some(facts)) = (scene.history.told.get(&key), scene.facts.get(&story)) else {
        return Standing::Settled(SettleReason::AlreadyAlerted);
    };
    let news = facts.news(told, &policy.updates, &subscription.topics);
    if news.is_empty() {
        return Standing::Settled(SettleReason::AlreadyAlerted);
    }
    // A clock that was set back must not hold an update for as long as it was set back.
    let not_before = if told.at > scene.now { scene.now } else { time::after(told.at, policy.updates.every) };
    Standing::Update { revision: told.revision.saturating_add(1), news, not_before }
}

/// Stories of one group that may go now, in order of their first match; and why and until when others wait that
/// may not go yet, whatever the hour.
fn candidates(
    scene: &Scene<'_>,
    group: &Group<'_>,
    is_sent: impl Fn(StoryId) -> bool,
) -> (Vec<Candidate>, Holds) {
    let (mut seen, mut ready, mut early) = (HashSet::new(), Vec::new(), Holds::new());
    for pending in group.pending.iter().filter(|pending| !is_sent(pending.story)) {
        let Some(standing) = group.standing.get(&pending.story) else { continue };
        if matches!(standing, Standing::Settled(_)) || !seen.insert(pending.story) {
            continue;
        }
        let grouped_at = match pending.matched_at > scene.now {
            true => scene.now,
            false => time::after(pending.matched_at, group.policy.group_wait),
        };
        let (revision, news, not_before) = match standing {
            Standing::Update { revision, news, not_before } => (*revision, news.clone(), *not_before),
            _ => (1, Vec::new(), grouped_at),
        };
        if scene.now < grouped_at.max(not_before) {
            let reason = if not_before > grouped_at { WaitReason::UpdateGap } else { WaitReason::Grouping };
            early.insert(pending.story, (reason, grouped_at.max(not_before)));
            continue;
        }
        let name = &pending.route.subscription;
        ready.push(Candidate {
            story: pending.story,
            matched_at: pending.matched_at,
            taken_over: *name != group.subscription.name
                || scene.windows.contains_key(&(name, group.recipient)),
            revision,
            news,
            urgency: urgency(scene, group, pending.story),
        });
    }
    (ready, early)
}

/// An update breaks through when the line was crossed since the last mail.
fn urgency(scene: &Scene<'_>, group: &Group<'_>, story: StoryId) -> Urgency {
    let reached = || {
        let (line, facts) = (group.policy.break_through.as_ref()?, scene.facts.get(&story)?);
        let told = scene.history.told.get(&(group.recipient.clone(), story));
        let before = |least: u32| told.is_none_or(|told| told.sources < least);
        let by_sources = line.sources.is_some_and(|least| facts.source_count() >= least && before(least));
        let by_score = line
            .score
            .is_some_and(|least| told.is_none() && facts.score(&group.subscription.topics) >= least);
        Some(by_sources || by_score)
    };
    if reached() == Some(true) { Urgency::BreaksThrough } else { Urgency::Plain }
}

/// When this subscription, or one from which it takes over, mailed this recipient, oldest first. Instants after `now`, which a clock that was set
/// back leaves behind, count as `now`.
fn alerts_of(scene: &Scene<'_>, group: &Group<'_>) -> Vec<Timestamp> {
    let mut names: HashSet<&SubscriptionName> = group.pending.iter().map(|p| &p.route.subscription).collect();
    names.insert(&group.subscription.name);
    let sent = scene.history.alerts.iter();
    let mut alerts: Vec<Timestamp> = sent
        .filter(|sent| names.contains(&sent.subscription) && sent.recipient == *group.recipient)
        .map(|sent| sent.at.min(scene.now))
        .collect();
    alerts.sort_unstable();
    alerts
}

fn release(now: Timestamp, candidates: &[Candidate], policy: &AlertPolicy, alerts: &[Timestamp]) -> Release {
    let quiet_end = policy.quiet.as_ref().and_then(|quiet| quiet_until(now, quiet));
    let limit = policy.max_per_hour.map_or(usize::MAX, |n| usize::try_from(n.max(1)).unwrap_or(usize::MAX));
    let window_start = time::before(now, RATE_WINDOW);
    let mut recent: Vec<Timestamp> = alerts.iter().copied().filter(|at| *at > window_start).collect();
    let slots = limit.saturating_sub(recent.len());

    let full_until = limit_last_reached_until(alerts, limit);
    let was_held = |candidate: &&Candidate| {
        let quiet = policy.quiet.as_ref().and_then(|quiet| quiet_until(candidate.matched_at, quiet));
        candidate.taken_over || quiet.is_some() || full_until.is_some_and(|end| candidate.matched_at < end)
    };
    let held: Vec<Candidate> = candidates.iter().filter(was_held).cloned().collect();
    let fresh = candidates.len() - held.len();
    let roll_ups = held.len().div_ceil(MAX_STORIES_PER_MAIL);
    let mut mails = if quiet_end.is_some() {
        let urgent = candidates.iter().filter(|c| c.urgency == Urgency::BreaksThrough);
        singly(&urgent.cloned().collect::<Vec<_>>())
    } else if held.len() < 2 {
        singly(candidates)
    } else if roll_ups.saturating_add(fresh) > slots {
        // The fresh ones would have to wait: they travel with the held ones.
        merged(candidates)
    } else {
        let fresh: Vec<Candidate> = candidates.iter().filter(|c| !was_held(c)).cloned().collect();
        [merged(&held), singly(&fresh)].concat()
    };
    mails.truncate(slots);

    recent.extend(mails.iter().map(|_| now));
    let oldest_in_limit = recent.get(recent.len().saturating_sub(limit)).copied().unwrap_or(now);
    let limited = (WaitReason::RateLimited, time::after(oldest_in_limit, RATE_WINDOW));
    Release { mails, hold: [quiet_end.map_or(limited, |end| (WaitReason::Quiet, end)), limited] }
}

/// The end of the last time in which `limit` mails lay within one rate window.
fn limit_last_reached_until(alerts: &[Timestamp], limit: usize) -> Option<Timestamp> {
    let last_of_limit = alerts.iter().skip(limit.saturating_sub(1));
    let ends = alerts.iter().zip(last_of_limit).map(|(first, last)| (time::after(*first, RATE_WINDOW), last));
    ends.filter(|(end, last)| *last < end).map(|(end, _)| end).max()
}

fn singly(candidates: &[Candidate]) -> Vec<Vec<Candidate>> {
    candidates.iter().map(|candidate| vec![candidate.clone()]).collect()
}

fn merged(candidates: &[Candidate]) -> Vec<Vec<Candidate>> {
    candidates.chunks(MAX_STORIES_PER_MAIL).map(<[Candidate]>::to_vec).collect()
}

/// The mail about `stories`. It settles the matches of all the recipient's alert subscriptions.
fn mail(
    now: Timestamp,
    group: &Group<'_>,
    stories: &[Candidate],
    open: &HashMap<StoryKey<'_>, Vec<&Pending>>,
) -> Due {
    let (subscription, recipient) = (group.subscription, group.recipient);
    let pending =
        || stories.iter().filter_map(|c| open.get(&(recipient, c.story))).flat_map(|p| p.iter().copied());
    let mut settles: Vec<_> = pending().map(|pending| pending.id).collect();
    settles.sort_unstable();
    let who = recipient_hash(recipient);
    let (kind, key, window) = match stories {
        [only] if only.revision == 1 => {
            (NotificationKind::Alert, format!("alert/{who}/{}", only.story.0), None)
        }
        [only] => {
            let key = format!("update/{who}/{}/{}", only.story.0, only.revision);
            (NotificationKind::Update, key, None)
        }
        several => {
            let ids = several.iter().flat_map(|c| {
                let revision = if c.revision == 1 { Vec::new() } else { c.revision.to_le_bytes().to_vec() };
                [c.story.0.to_le_bytes().to_vec(), revision].concat()
            });
            let hash = xxh3_64(&ids.collect::<Vec<u8>>());
            let key = format!("rollup/{}/{who}/{hash:016x}", subscription.name);
            let from = several.iter().map(|c| c.matched_at).min().unwrap_or(now);
            (NotificationKind::RollUp, key, Some(Window { from, to: now }))
        }
    };
    let updates = stories.iter().filter(|c| !c.news.is_empty());
    Due {
        key,
        kind,
        subscription: subscription.name.clone(),
        recipient: recipient.clone(),
        stories: by_story(pending()),
        settles,
        window,
        news: updates.map(|c| StoryNews { story: c.story, news: c.news.clone() }).collect(),
        tells: stories.iter().map(|c| (c.story, c.revision)).collect(),
    }
}
