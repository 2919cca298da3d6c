//! The steps of one article.
//!
//! Data in: [`Facts`] with an [`Article`]. Data out: a finding for each step that was reached.
//!
//! **Invariant:** what became of a match is told for every reader concerned; the worst decides.

use std::collections::BTreeSet;

use super::{
    facts::{Article, Delivery, Facts, Fate, FeedFacts, Found, Setting, Standing, Stored, Today, Way},
    walk::{self, Fares, Finding, LATE, Mark, Step, fares, feed_remedy, idle, lines, list, trouble, when},
};
use crate::{
    cli::{feeds::cut, output::count},
    model::{Announce, TopicName, time},
    plan::{SettleReason, WaitReason},
};

/// Topics named that an item missed.
const MAX_MISSED: usize = 3;
/// Columns of a headline.
const TITLE: usize = 100;

pub(super) fn steps(facts: &Facts, article: &Article) -> Vec<Finding> {
    let setting = &facts.setting;
    let Found::Stored(stored) = &article.found else {
        return vec![
            walk::configuration(setting, &setting.topics),
            feeds(setting, &facts.feeds, article),
            unread(setting, &facts.feeds, article),
        ];
    };
    let matched: Vec<TopicName> = matched(setting, stored);
    let asked = if matched.is_empty() { &setting.topics } else { &matched };
    let mut found = vec![
        walk::configuration(setting, asked),
        Finding::passed(Step::Feeds, "read", format!("{} had it", stored.item.feed)),
        read(setting, stored),
        matching(setting, stored, &matched),
    ];
    if !matched.is_empty() && stored.item.announce == Announce::Yes {
        let concerned = concerned(stored);
        found.push(grouped(setting, stored, &concerned));
        found.push(held(setting, stored, &concerned));
        found.extend(sent(setting, &concerned));
    }
    found
}

/// Topics asked about that the item matched when it was read.
fn matched(setting: &Setting, stored: &Stored) -> Vec<TopicName> {
    let matches = stored.item.matches.iter().map(|(topic, ..)| topic);
    matches.filter(|topic| setting.topics.contains(topic)).cloned().collect()
}

fn feeds(setting: &Setting, feeds: &[FeedFacts], article: &Article) -> Finding {
    const STEP: Step = Step::Feeds;
    if let Found::Pruned { feeds } = &article.found {
        return Finding::passed(STEP, "read", format!("{} had it", list(feeds.clone())));
    }
    let site = &article.site;
    let Some(first) = feeds.iter().find(|feed| !feed.is_read()).or(feeds.first()) else {
        let says = format!("no feed of {site} is configured, and none had an article of it");
        let remedy = format!("`wirewatch feeds add {site}` finds its feed");
        return Finding::stopped(STEP, "no-feed", says, remedy);
    };
    let troubles: Vec<String> =
        feeds.iter().filter(|feed| !feed.is_sound()).map(|feed| trouble(setting, feed)).collect();
    if !feeds.iter().any(FeedFacts::is_read) {
        let (code, what) = match first.standing {
            Standing::NotInForce => ("not-in-force", "in force yet"),
            Standing::Unread => ("feed-unread", "read yet"),
            _ => ("feed-failing", "read at present"),
        };
        let says = format!("no feed that carries {site} is {what}: {}", trouble(setting, first));
        return Finding::stopped(STEP, code, says, feed_remedy(first)).with(lines(troubles));
    }
    if let Some(idle) = idle(setting) {
        return idle;
    }
    let names = list(feeds.iter().map(|feed| feed.name.clone()));
    if troubles.is_empty() {
        return Finding::passed(STEP, "feeds-read", format!("feeds of {site} are read: {names}"));
    }
    let says =
        format!("{} of {} that carry {site} may have missed it", troubles.len(), count(feeds.len(), "feed"));
    Finding::new(STEP, Mark::Doubt, "feed-in-doubt", says).with(lines(troubles))
}

/// What is said of an article that is not stored.
fn unread(setting: &Setting, feeds: &[FeedFacts], article: &Article) -> Finding {
    const STEP: Step = Step::Items;
    if let Found::Pruned { feeds } = &article.found {
        let says = format!(
            "{} had it once, but it is past `keep` and was removed; what became of it is not known any more",
            list(feeds.clone())
        );
        let remedy =
            "`wirewatch outbox list` still names the mails of that time; keep items longer with [state] keep";
        return Finding::stopped(STEP, "item-pruned", says, remedy);
    }
    let Some(feed) = feeds.iter().find(|feed| feed.is_read()) else {
        let says = "no item with this link was read, as no feed that could carry it is read";
        return Finding::stopped(STEP, "item-unknown", says, "mend the feeds first");
    };
    let visited = feed.last_ok_at.map(|at| format!(", last {}", when(at, &setting.zone))).unwrap_or_default();
    let next = match feed.next_poll_at.filter(|at| *at > setting.now) {
        Some(at) => format!("the next visit is at {}; ", when(at, &setting.zone)),
        None => String::new(),
    };
    let doubt = match feeds.iter().find(|feed| feed.gap.is_some()) {
        Some(gap) => format!("it may have been lost between two visits of {}; ", gap.name),
        None => String::new(),
    };
    let says = format!("no item with this link was read, though the feeds of {} were{visited}", article.site);
    let remedy = format!(
        "{doubt}{next}`wirewatch feeds poll --dry-run {}` shows whether the feed carries it; if not, \
         `wirewatch feeds discover {}` looks for one that does. `wirewatch search` with words of its headline finds \
         it under another address",
        feed.url, article.site
    );
    Finding::stopped(STEP, "item-unknown", says, remedy)
}

fn read(setting: &Setting, stored: &Stored) -> Finding {
    const STEP: Step = Step::Items;
    let item = &stored.item;
    let zone = &setting.zone;
    let published = match item.published_at {
        Some(at) => format!("published {}", when(at, zone)),
        None => "undated".to_owned(),
    };
    let mut details = vec![format!("item {}: {} ({published})", item.id.0, cut(&item.title, TITLE))];
    if stored.others > 0 {
        details.push(format!("{} with this link", count(stored.others, "further item")));
    }
    let read = format!("read {} from {}", when(item.first_seen_at, zone), item.feed);
    if item.announce == Announce::Baseline {
        let says = format!("{read} by the first visit to the feed, which announces nothing it finds");
        let remedy = "[poll] on_add = \"last:20\" or \"since:1d\" announces the newest items of feeds added from then on; \
                      `wirewatch search` finds the rest";
        return Finding::stopped(STEP, "baseline", says, remedy).with(details);
    }
    Finding::passed(STEP, "item-read", read).with(details)
}

fn matching(setting: &Setting, stored: &Stored, matched: &[TopicName]) -> Finding {
    const STEP: Step = Step::Matched;
    let id = stored.item.id.0;
    if !matched.is_empty() {
        let at = stored.item.matches.iter().map(|(.., at)| *at).min().unwrap_or(stored.item.first_seen_at);
        let says =
            format!("matched {} {}", list(matched.iter().map(ToString::to_string)), when(at, &setting.zone));
        let changed = stored.changed.iter().map(|topic| format!("the rules of {topic} have changed since"));
        return Finding::passed(STEP, "matched", says).with(lines(changed.collect()));
    }
    let now = stored.judged.iter().find(|judged| judged.today == Today::Matches);
    if let Some(judged) = now {
        let topic = &judged.topic;
        let says = format!(
            "it did not match when it was read, but today's rules of {topic} take it: the topic is newer, or was changed"
        );
        let remedy = format!(
            "`wirewatch backtest --topic {topic}` lists all that the rules of today would have caught"
        );
        return Finding::stopped(STEP, "rules-changed", says, remedy);
    }
    let missed: Vec<String> = stored
        .judged
        .iter()
        .take(MAX_MISSED)
        .filter_map(|judged| match &judged.today {
            Today::Misses { occurring: 0, .. } => Some(format!("{}: none of its words occurs", judged.topic)),
            Today::Misses { because, .. } => Some(format!("{}: {because}", judged.topic)),
            Today::Matches => None,
        })
        .collect();
    let (says, topic) = match stored.judged.as_slice() {
        [one] => (format!("it does not match {}", one.topic), Some(&one.topic)),
        [nearest, ..] => {
            (format!("it matches none of {}", count(stored.judged.len(), "topic")), Some(&nearest.topic))
        }
        [] => ("there is no topic to match".to_owned(), None),
    };
    let topic = topic.map(|topic| format!(" --topic {topic}")).unwrap_or_default();
    let remedy =
        format!("`wirewatch explain {id}{topic}` shows every clause; widen the topic if it should match");
    Finding::stopped(STEP, "not-matched", says, remedy).with(missed)
}

/// The deliveries that decide whether there is an alert, and the digests beside them. A subscription that is gone counts
/// where the reader has no other.
fn concerned(stored: &Stored) -> Vec<&Delivery> {
    let has_other = |gone: &Delivery| {
        stored.deliveries.iter().any(|other| other.to == gone.to && other.way == Way::Alert)
    };
    stored.deliveries.iter().filter(|delivery| delivery.way != Way::Gone || !has_other(delivery)).collect()
}

fn is_alert(delivery: &&&Delivery) -> bool {
    delivery.way != Way::Digest
}

fn grouped(setting: &Setting, stored: &Stored, concerned: &[&Delivery]) -> Finding {
    const STEP: Step = Step::Grouped;
    let item = &stored.item;
    let story = format!(
        "story {}: {} of {}",
        item.story.0,
        count(usize::try_from(item.story_items).unwrap_or(usize::MAX), "item"),
        count(usize::try_from(item.story_feeds).unwrap_or(usize::MAX), "feed")
    );
    let mut details = Vec::new();
    let mut stop = None;
    let mut told = false;
    for delivery in concerned.iter().filter(is_alert) {
        let who = format!("{} ({})", delivery.to.address(), delivery.subscription);
        let Some((code, says, remedy)) = settled(setting, stored, delivery) else { continue };
        details.push(format!("{who}: {says}"));
        match remedy {
            Some(remedy) => {
                stop.get_or_insert_with(|| {
                    Finding::stopped(STEP, code, format!("{story}; for {who} {says}"), remedy)
                });
            }
            None => told = true,
        }
    }
    let passed = if told {
        Finding::passed(STEP, "already-told", format!("{story}; a mail told of the story before"))
    } else {
        Finding::passed(STEP, "grouped", story)
    };
    let rest = if stop.is_some() && details.len() == 1 { Vec::new() } else { lines(details) };
    stop.unwrap_or(passed).with(rest)
}

/// What is said of a match that came to no mail of its own; the remedy where it never will.
fn settled(
    setting: &Setting,
    stored: &Stored,
    delivery: &Delivery,
) -> Option<(&'static str, String, Option<String>)> {
    let to = delivery.to.address();
    let zone = &delivery.zone;
    let (reason, at) = match &delivery.fate {
        Fate::Settled { reason, at, .. } => (reason.as_str(), *at),
        Fate::NotRouted { matched_at } => {
            let says = format!(
                "nothing was noted when it matched, {}: the subscription was not in force then, or did not take the topic",
                when(*matched_at, zone)
            );
            let remedy =
                "nothing to do: what matches from now on goes out; this one is in `wirewatch search`";
            return Some(("not-routed", says, Some(remedy.to_owned())));
        }
        _ => return None,
    };
    let at = when(at.min(setting.now), zone);
    Some(if reason == SettleReason::Muted.as_str() {
        let story = stored.item.story.0;
        (
            "muted",
            format!("the story is muted, settled {at}"),
            Some(format!(
                "`wirewatch mute --list` tells for whom; `wirewatch mute {story} --to {to} --remove` takes one for this reader back, without `--to` those for everybody too"
            )),
        )
    } else if reason == SettleReason::SubscriptionGone.as_str() {
        let remedy = "it is not sent any more; give the topic to a subscription, and what matches from then on goes out";
        let says = format!(
            "the subscription left the configuration, or gave the topic or the reader up, settled {at}"
        );
        ("subscription-gone", says, Some(remedy.to_owned()))
    } else if reason == SettleReason::AlreadyDigested.as_str() {
        ("already-digested", format!("the story was in a digest before, settled {at}"), None)
    } else {
        ("already-alerted", format!("told of the story before, and this brought no news, settled {at}"), None)
    })
}

/// Why a match waits, in words.
pub(super) fn waits(reason: WaitReason) -> &'static str {
    match reason {
        WaitReason::Grouping => "`group_wait` (others may report the story as well)",
        WaitReason::UpdateGap => "`update_every` (the last mail about the story is too recent)",
        WaitReason::Quiet => "quiet hours",
        WaitReason::RateLimited => "`max_per_hour` (it is used up; what waits goes as one roll-up)",
        WaitReason::UntilDigest => "collected for the next digest",
        WaitReason::NoDigestDay => "the digest has no day or no time",
    }
}

fn held(setting: &Setting, stored: &Stored, concerned: &[&Delivery]) -> Finding {
    const STEP: Step = Step::Held;
    let mut details = Vec::new();
    let mut worst: Option<Finding> = None;
    for delivery in concerned {
        let who = format!("{} ({})", delivery.to.address(), delivery.subscription);
        let found = match &delivery.fate {
            Fate::Waits { reason, until } => {
                let until = match reason {
                    WaitReason::NoDigestDay => String::new(),
                    _ => format!(", until {}", when(*until, &delivery.zone)),
                };
                let held = match reason {
                    WaitReason::UntilDigest => "",
                    WaitReason::NoDigestDay => "held: ",
                    _ => "held by ",
                };
                let says = format!("for {who} {held}{}{until}", waits(*reason));
                Finding::new(STEP, Mark::Waits, reason.as_str(), says)
            }
            Fate::Due { since } if time::between(*since, setting.now) > LATE => Finding::stopped(
                STEP,
                "planner-late",
                format!("for {who} due, matched {}, and not mailed", when(*since, &delivery.zone)),
                "is the service running? `systemctl status wirewatch`; a template that fails stands in its log",
            ),
            Fate::Due { .. } => {
                Finding::new(STEP, Mark::Waits, "due", format!("for {who} due now, with the next plan"))
            }
            _ => continue,
        };
        details.push(found.says.clone());
        let is_worse =
            worst.as_ref().is_none_or(|worst| worst.mark == Mark::Waits && found.mark == Mark::Stopped);
        if delivery.way != Way::Digest && is_worse {
            worst = Some(found);
        }
    }
    let others: Vec<String> =
        details.into_iter().filter(|line| worst.as_ref().is_none_or(|worst| worst.says != *line)).collect();
    let passed = || {
        let says = format!("nothing of story {} is held", stored.item.story.0);
        let digests = if others.is_empty() { says } else { "only digests are collected".to_owned() };
        Finding::passed(STEP, "not-held", digests)
    };
    worst.unwrap_or_else(passed).with(lines(others.clone()))
}

/// Whether the story was told before.
fn is_told(delivery: &Delivery) -> bool {
    let told = [SettleReason::AlreadyAlerted, SettleReason::AlreadyDigested].map(SettleReason::as_str);
    matches!(&delivery.fate, Fate::Settled { reason, .. } if told.contains(&reason.as_str()))
}

/// How the mails fare that carried it; `None` where there is none.
fn sent(setting: &Setting, concerned: &[&Delivery]) -> Option<Finding> {
    let mut alerts: Vec<Fares> = Vec::new();
    let mut others = Vec::new();
    for delivery in concerned {
        let mail = match &delivery.fate {
            Fate::Mailed(mail) => mail,
            Fate::Settled { told: Some(mail), .. } => mail,
            _ => continue,
        };
        let fares = fares(setting, mail, &delivery.zone);
        match delivery.way {
            Way::Digest => others.push(fares.says),
            Way::Alert | Way::Gone => alerts.push(fares),
        }
    }
    let rank = |fares: &Fares| match fares.mark {
        Mark::Stopped => 0,
        Mark::Waits => 1,
        _ => 2,
    };
    alerts.sort_by_key(rank);
    // One mail may serve several subscriptions of a reader.
    let mut named = BTreeSet::new();
    alerts.retain(|fares| named.insert(fares.says.clone()));
    let mut alerts = alerts.into_iter();
    let first = match alerts.next() {
        Some(first) => first,
        None if concerned.iter().filter(is_alert).any(|delivery| is_told(delivery)) => {
            let says = "the mail that told of the story is not stored any more";
            return Some(Finding::passed(Step::Sent, "already-told", says).with(lines(others)));
        }
        // Nobody is to be alerted: the digest is what there is.
        None => {
            let says = others.first()?.clone();
            others.remove(0);
            let digest = Finding::passed(Step::Sent, "mail-sent", says);
            return Some(digest.with(lines(others)));
        }
    };
    let details = alerts.map(|fares| fares.says).chain(others).collect();
    let finding = Finding::new(Step::Sent, first.mark, first.code, first.says);
    Some(Finding { remedy: first.remedy.map(str::to_owned), ..finding }.with(lines(details)))
}
