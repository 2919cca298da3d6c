//! The steps of a topic or a feed over a time.
//!
//! Data in: [`Facts`] with a [`Period`]. Data out: a finding for each step, with figures.
//!
//! **Invariant:** what went right some times and wrong others is a doubt; a step stops when nothing got past it.

use std::collections::BTreeMap;

use super::{
    article::waits,
    facts::{Facts, FeedFacts, Of, Period, Setting, Standing, Waiting},
    walk::{self, Finding, LATE, Mark, Step, fares, feed_remedy, idle, lines, list, trouble, when},
};
use crate::{
    cli::{feeds::cut, output::count},
    model::{Delivery, MailState, NotificationKind, SubscriptionName, Timestamp, time},
    plan::{SettleReason, WaitReason},
    store::TracedMail,
};

/// Columns of a headline.
const TITLE: usize = 80;
/// What nearly matched is named beside what did, but so much of it only.
const MAX_NEAR_BESIDE: usize = 2;

pub(super) fn steps(facts: &Facts, period: &Period) -> Vec<Finding> {
    let setting = &facts.setting;
    let mut found = vec![
        walk::configuration(setting, &setting.topics),
        feeds(setting, &facts.feeds, period),
        items(setting, period),
    ];
    if period.activity.read > 0 {
        found.push(matched(setting, period));
    }
    if period.activity.matched > period.activity.matched_baseline {
        found.push(grouped(setting, period));
        found.push(held(setting, period));
        found.extend(sent(setting, period));
    }
    found
}

fn number(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

fn feeds(setting: &Setting, feeds: &[FeedFacts], period: &Period) -> Finding {
    const STEP: Step = Step::Feeds;
    let Some(first) = feeds.iter().find(|feed| !feed.is_read()).or(feeds.first()) else {
        return Finding::stopped(
            STEP,
            "no-feed",
            "no feed is configured, so nothing is read",
            "`wirewatch feeds add URL` finds and adds one",
        );
    };
    let well = feeds.iter().filter(|feed| feed.is_read()).count();
    let troubles: Vec<String> =
        feeds.iter().filter(|feed| !feed.is_sound()).map(|feed| trouble(setting, feed)).collect();
    let says = match &period.of {
        Of::Feed { name, .. } => format!("{name} is read"),
        Of::Topic { .. } => format!("{well} of {} feeds read", feeds.len()),
    };
    if well == 0 {
        let (code, what) = match first.standing {
            Standing::NotInForce => ("not-in-force", "in force yet"),
            Standing::Unread => ("feed-unread", "read yet"),
            _ => ("feed-failing", "read at present"),
        };
        let says = format!("no feed is {what}: {}", trouble(setting, first));
        return Finding::stopped(STEP, code, says, feed_remedy(first)).with(lines(troubles));
    }
    if let Some(idle) = idle(setting) {
        return idle;
    }
    if troubles.is_empty() {
        return Finding::passed(STEP, "feeds-read", says);
    }
    let says = match feeds {
        [one] => trouble(setting, one),
        _ => format!("{says}, {} in doubt", troubles.len()),
    };
    let details = if feeds.len() == 1 { Vec::new() } else { lines(troubles) };
    let remedy = Some("`wirewatch feeds list --failing` says what to do about each".to_owned());
    Finding { remedy, ..Finding::new(STEP, Mark::Doubt, "feed-in-doubt", says) }.with(details)
}

fn items(setting: &Setting, period: &Period) -> Finding {
    const STEP: Step = Step::Items;
    let activity = &period.activity;
    let since = when(setting.since, &setting.zone);
    let read = format!("{} read since {since}", count(number(activity.read), "item"));
    if activity.read == 0 {
        let says = format!("nothing new was read since {since}");
        return Finding::stopped(
            STEP,
            "nothing-read",
            says,
            "ask for a longer time with --since, or see `wirewatch feeds list`",
        );
    }
    if activity.read == activity.baseline {
        let says = format!("{read}, all by first visits, which announce nothing they find");
        let remedy = "wait for what comes next; [poll] on_add = \"last:20\" announces the newest items of feeds added \
                      from then on";
        return Finding::stopped(STEP, "baseline", says, remedy);
    }
    let details = match activity.baseline {
        0 => Vec::new(),
        n => vec![format!("{n} of them by first visits, which announce nothing")],
    };
    Finding::passed(STEP, "items-read", read).with(details)
}

/// What nearly matched, a line each.
fn near(setting: &Setting, period: &Period) -> Vec<String> {
    let misses = period.near.misses.iter().map(|miss| {
        let at = when(miss.at, &setting.zone);
        format!("nearly: item {}, {at}, {}: {}", miss.item, cut(&miss.title, TITLE), miss.because)
    });
    misses.collect()
}

fn nothing_matched(setting: &Setting, period: &Period) -> Finding {
    let (says, remedy) = match (&period.of, period.near.misses.first()) {
        (Of::Feed { .. }, _) => (
            "none of its items matched any topic".to_owned(),
            "`wirewatch search` finds what it brings; a topic may be too narrow".to_owned(),
        ),
        (Of::Topic { name, .. }, miss) => {
            let judged = count(period.near.judged, "item");
            let says =
                format!("nothing matched {name}; of the newest {judged}, {} nearly did", period.near.total);
            let remedy = match miss {
                Some(miss) => format!(
                    "`wirewatch explain {} --topic {name}` shows every clause; `wirewatch backtest --topic {name}` \
                     tries a change",
                    miss.item
                ),
                None => format!(
                    "it may be too narrow: `wirewatch backtest --topic {name}` tries it on everything stored"
                ),
            };
            (says, remedy)
        }
    };
    Finding::stopped(Step::Matched, "nothing-matched", says, remedy).with(near(setting, period))
}

fn matched(setting: &Setting, period: &Period) -> Finding {
    const STEP: Step = Step::Matched;
    let activity = &period.activity;
    let zone = &setting.zone;
    if activity.matched == 0 {
        return nothing_matched(setting, period);
    }
    let whom = match &period.of {
        Of::Topic { name, title } if title == name.as_str() => name.to_string(),
        Of::Topic { name, title } => format!("{name} ({title})"),
        Of::Feed { .. } => "any topic".to_owned(),
    };
    let latest =
        activity.last.first().map(|last| format!(", the latest {}", when(last.at, zone))).unwrap_or_default();
    let says = format!("{} matched {whom}{latest}", count(number(activity.matched), "item"));
    if activity.matched == activity.matched_baseline {
        let says = format!("{says}; all by first visits, which announce nothing");
        let remedy = "wait for what comes next; `wirewatch search --topic NAME` shows what is there";
        return Finding::stopped(STEP, "baseline", says, remedy);
    }
    let mut details: Vec<String> = activity
        .last
        .iter()
        .map(|last| {
            format!(
                "item {}, {}, {}: {}",
                last.item.0,
                when(last.at, zone),
                cut(&last.feed, TITLE),
                cut(&last.title, TITLE)
            )
        })
        .collect();
    // An item of a feed is there once for each topic it matched.
    details.dedup();
    if matches!(period.of, Of::Feed { .. }) {
        details.push(list(activity.topics.iter().map(|(topic, matches)| format!("{topic} {matches}"))));
    }
    details.extend(near(setting, period).into_iter().take(MAX_NEAR_BESIDE));
    Finding::passed(STEP, "matched", says).with(details)
}

fn grouped(setting: &Setting, period: &Period) -> Finding {
    const STEP: Step = Step::Grouped;
    let activity = &period.activity;
    let is_stop = |reason: &str| {
        reason == SettleReason::Muted.as_str() || reason == SettleReason::SubscriptionGone.as_str()
    };
    let stories = match activity.stories {
        1 => "1 story".to_owned(),
        n => format!("{n} stories"),
    };
    let lines: Vec<String> = activity
        .settled
        .iter()
        .map(|(reason, matches)| format!("settled without a mail of their own, {reason}: {matches}"))
        .collect();
    let lost = activity.settled.iter().find(|(reason, _)| is_stop(reason));
    match lost {
        Some((reason, _)) if activity.mails.is_empty() && period.waits.is_empty() => {
            let (code, what, remedy) = if reason == SettleReason::Muted.as_str() {
                (
                    "muted",
                    "they are muted",
                    "`wirewatch mute --list` shows what is muted, `--remove` takes it back",
                )
            } else {
                (
                    "subscription-gone",
                    "the subscription they waited for gave the topic or the reader up",
                    "give the topic to a subscription; what matches from then on goes out",
                )
            };
            let who = setting.to.as_ref().map(|to| format!(" for {}", to.address())).unwrap_or_default();
            Finding::stopped(STEP, code, format!("{stories}, and no mail{who}: {what}"), remedy).with(lines)
        }
        _ => Finding::passed(STEP, "grouped", stories).with(lines),
    }
}

fn held(setting: &Setting, period: &Period) -> Finding {
    const STEP: Step = Step::Held;
    let mut reasons: BTreeMap<&'static str, (WaitReason, usize, Timestamp)> = BTreeMap::new();
    for (reason, until) in period.waits.iter().filter_map(|waiting| waiting.wait) {
        let entry = reasons.entry(reason.as_str()).or_insert((reason, 0, until));
        entry.1 += 1;
        entry.2 = entry.2.min(until);
    }
    let details: Vec<String> = reasons
        .values()
        .map(|(reason, matches, until)| {
            let first = match reason {
                WaitReason::NoDigestDay => String::new(),
                _ => format!(", the first until {}", when(*until, &setting.zone)),
            };
            let noun = if *matches == 1 { "match waits" } else { "matches wait" };
            format!("{matches} {noun}: {}{first}", waits(*reason))
        })
        .collect();
    let late =
        |waiting: &&Waiting| waiting.wait.is_none() && time::between(waiting.matched_at, setting.now) > LATE;
    if let Some(late) = period.waits.iter().filter(late).min_by_key(|waiting| waiting.matched_at) {
        let says = format!(
            "matches are due for {} since {}, and not mailed",
            late.to.address(),
            when(late.matched_at, &setting.zone)
        );
        let remedy =
            "is the service running? `systemctl status wirewatch`; a template that fails stands in its log";
        return Finding::stopped(STEP, "planner-late", says, remedy).with(details);
    }
    let alert = period.waits.iter().find(|waiting| !is_digest(setting, &waiting.subscription));
    match alert.map(|waiting| waiting.wait) {
        Some(Some((reason, until))) => {
            let says = format!("held by {}, until {}", waits(reason), when(until, &setting.zone));
            Finding::new(STEP, Mark::Waits, reason.as_str(), says).with(details)
        }
        Some(None) => Finding::new(STEP, Mark::Waits, "due", "due now, with the next plan").with(details),
        None if details.is_empty() => Finding::passed(STEP, "not-held", "nothing is held"),
        None => Finding::passed(STEP, "not-held", "only digests are collected").with(details),
    }
}

fn sent(setting: &Setting, period: &Period) -> Option<Finding> {
    const STEP: Step = Step::Sent;
    let is_digest = |mail: &&TracedMail| mail.report.kind == NotificationKind::Digest.as_str();
    let (digests, alerts): (Vec<&TracedMail>, Vec<&TracedMail>) =
        period.activity.mails.iter().partition(is_digest);
    let collected = match digests.len() {
        0 => Vec::new(),
        n => vec![format!("they are in {} as well", count(n, "digest"))],
    };
    let Some(newest) = alerts.first() else {
        return nothing_sent(setting, period, &digests).map(|finding| finding.with(collected));
    };
    let of = |state: MailState| alerts.iter().filter(|mail| mail.report.state == state).count();
    let figures = [
        (of(MailState::Sent), "handed over"),
        (of(MailState::Queued) + of(MailState::Leased), "waiting"),
        (of(MailState::Dead), "given up"),
    ];
    let figures: Vec<String> =
        figures.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
    let latest = when(newest.report.created_at, &setting.zone);
    let says =
        format!("{}, {}, the latest made {latest}", count(alerts.len(), "alert mail"), figures.join(", "));
    let fared = fares(setting, newest, &setting.zone);
    if fared.mark != Mark::Passed {
        let finding = Finding::new(STEP, fared.mark, fared.code, fared.says);
        let remedy = fared.remedy.map(str::to_owned);
        return Some(Finding { remedy, ..finding }.with([vec![says], collected].concat()));
    }
    let details = [vec![fared.says], collected].concat();
    let dead = alerts.iter().find(|mail| mail.report.state == MailState::Dead);
    Some(match dead.map(|dead| fares(setting, dead, &setting.zone)) {
        None => Finding::passed(STEP, fared.code, says).with(details),
        Some(dead) => {
            let doubt = Finding::new(STEP, Mark::Doubt, dead.code, says);
            let remedy = dead.remedy.map(str::to_owned);
            Finding { remedy, ..doubt }.with([details, vec![dead.says]].concat())
        }
    })
}

/// What is said where no alert was made; `None` where that is because something is held.
fn nothing_sent(setting: &Setting, period: &Period, digests: &[&TracedMail]) -> Option<Finding> {
    const STEP: Step = Step::Sent;
    let told = SettleReason::AlreadyAlerted.as_str();
    if period.activity.settled.iter().any(|(reason, _)| reason == told) {
        let says = "no mail of their own came of them: their stories were told before the time looked at";
        return Some(Finding::passed(STEP, "already-told", says));
    }
    if walk::configuration(setting, &setting.topics).mark == Mark::Stopped {
        let newest = digests.first()?;
        return Some(Finding::passed(STEP, "mail-sent", fares(setting, newest, &setting.zone).says));
    }
    let waits = period.waits.iter().any(|waiting| !is_digest(setting, &waiting.subscription));
    if waits || !period.activity.settled.is_empty() {
        return None;
    }
    let says = "no alert came of them: when they matched, no alert subscription took them";
    let remedy = "nothing to do: what matches from now on goes out; `wirewatch search` shows what there is";
    Some(Finding::stopped(STEP, "not-routed", says, remedy))
}

fn is_digest(setting: &Setting, name: &SubscriptionName) -> bool {
    let found = setting.subscriptions.iter().find(|subscription| subscription.name == *name);
    found.is_some_and(|subscription| matches!(subscription.delivery, Delivery::Digest(_)))
}
