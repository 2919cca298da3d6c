//! Tables and a simulation for what comes after the alert: grouping, updates, mutes, lines that break through.

use std::sync::Arc;

use proptest::prelude::*;

use super::{
    tests::{alert, assert_total, at_once, desk, digest, night, pending, subscription, told, ts, window_end},
    *,
};
use crate::model::{
    AlertPolicy, Delivery, Line, News, Outlet, StoryItem, Tier, UpdatePolicy, Voice, WhenEmpty, time,
};

const MINUTE: Duration = Duration::from_secs(60);

fn outlet(n: usize) -> Outlet {
    Outlet { name: format!("site{n}.example"), tier: Tier::Other }
}

/// A story that so many sources report, with so many clauses.
fn facts(sources: usize, clauses: usize) -> Facts {
    let clauses = (0..clauses).map(|n| (TopicName::new("t"), Arc::from(format!("clause {n}")))).collect();
    let item = |n: usize| StoryItem {
        outlet: outlet(n),
        voice: Voice::Own,
        at: Timestamp::UNIX_EPOCH,
        title: "Port fees".to_owned(),
        clauses: BTreeSet::clone(&clauses),
    };
    Facts::of(&(0..sources).map(item).collect::<Vec<_>>())
}

/// What is known of story 1.
fn known(sources: usize, clauses: usize) -> FactsOf {
    FactsOf::from([(StoryId(1), facts(sources, clauses))])
}

/// The desk was alerted of story 1.
fn alerted(at: &str, revision: u32, facts: &Facts) -> History {
    let told = facts.told(revision, ts(at), None);
    let key = (desk(), StoryId(1));
    History {
        alerted: HashSet::from([key.clone()]),
        told: HashMap::from([(key, told)]),
        ..History::default()
    }
}

fn with(policy: AlertPolicy) -> Subscription {
    subscription("a", &[desk()], Delivery::Alert(policy))
}

fn escalating(line: Line) -> Subscription {
    let mut subscription = digest("d", WhenEmpty::Skip);
    if let Delivery::Digest(policy) = &mut subscription.delivery {
        policy.escalate = Some(line);
    }
    subscription
}

#[track_caller]
fn check(
    now: &str,
    rows: &[Pending],
    history: &History,
    facts: &FactsOf,
    subscriptions: &[Subscription],
    want: &[&str],
) -> Plan {
    let plan = plan(ts(now), rows, history, facts, subscriptions);
    assert_eq!(told(&plan), want, "at {now}");
    plan
}

#[test]
fn an_alert_waits_for_others_that_report_the_story() {
    let policy = AlertPolicy { group_wait: Duration::from_secs(30), ..at_once() };
    let rows = [pending(1, "a", "t", 1, ts("23T12:00:00")), pending(2, "a", "t", 1, ts("23T12:00:20"))];
    let (none, subs) = (History::default(), [with(policy)]);
    let early = check(
        "23T12:00:29.999",
        &rows,
        &none,
        &known(2, 1),
        &subs,
        &["wait 1 grouping 23T12:00", "wait 2 grouping 23T12:00"],
    );
    assert_eq!(early.wake_at, Some(ts("23T12:00:30")), "the first match decides");
    check("23T12:00:30", &rows, &none, &known(2, 1), &subs, &["alert a: 1[t] <- 1 2"]);
    // A clock that was set back holds nothing.
    check("23T11:00:00", &rows, &none, &known(2, 1), &subs, &["alert a: 1[t] <- 1 2"]);
    // Another subscription that waits for nobody sends at once.
    let both = [subs[0].clone(), alert("b", false, None)];
    let rows = [rows[0].clone(), pending(3, "b", "t", 1, ts("23T12:00:00"))];
    check("23T12:00:00", &rows, &none, &known(2, 1), &both, &["alert b: 1[t] <- 1 3"]);
}

#[test]
fn after_the_alert_only_news_is_mailed() {
    let subs = [with(at_once())];
    let row = [pending(5, "a", "t", 1, ts("23T14:00:00"))];
    let alerted = alerted("23T12:00:00", 1, &facts(1, 1));
    let nothing = ["settle 5 already-alerted"];
    check("23T14:00:00", &row, &alerted, &known(2, 1), &subs, &nothing);
    let plan = check("23T14:00:00", &row, &alerted, &known(3, 1), &subs, &["update a: 1[t] <- 5"]);
    assert!(plan.due[0].key.ends_with("/1/2"), "{}", plan.due[0].key);
    assert_eq!(plan.due[0].news[0].news, [News::Sources(3)]);
    assert_eq!(plan.due[0].tells, [(StoryId(1), 2)]);
    check("23T14:00:00", &row, &alerted, &known(1, 2), &subs, &["update a: 1[t] <- 5"]);
    // Told by a version that kept no facts, or of a story that is gone: no news.
    let unknown = History { told: HashMap::new(), ..alerted.clone() };
    check("23T14:00:00", &row, &unknown, &known(30, 3), &subs, &nothing);
    check("23T14:00:00", &row, &alerted, &FactsOf::new(), &subs, &nothing);
    // Turned off.
    let off = UpdatePolicy { on: Vec::new(), ..UpdatePolicy::default() };
    let off = [with(AlertPolicy { updates: off, ..at_once() })];
    check("23T14:00:00", &row, &alerted, &known(30, 3), &off, &nothing);
}

#[test]
fn updates_of_one_story_keep_their_distance() {
    let subs = [with(at_once())];
    let row = [pending(5, "a", "t", 1, ts("23T12:01:00"))];
    let history = alerted("23T12:00:00", 3, &facts(1, 1));
    let early = check("23T12:29:59", &row, &history, &known(3, 1), &subs, &["wait 5 update-gap 23T12:30"]);
    assert_eq!(early.wake_at, Some(ts("23T12:30:00")));
    let due = check("23T12:30:00", &row, &history, &known(3, 1), &subs, &["update a: 1[t] <- 5"]);
    assert!(due.due[0].key.ends_with("/1/4"));
    // A clock that was set back.
    let later = alerted("23T20:00:00", 1, &facts(1, 1));
    check("23T12:30:00", &row, &later, &known(3, 1), &subs, &["update a: 1[t] <- 5"]);
}

#[test]
fn held_updates_go_with_what_else_was_held() {
    let subs = [with(AlertPolicy { quiet: Some(night()), ..at_once() })];
    let rows = [pending(5, "a", "t", 1, ts("23T02:00:00")), pending(6, "a", "t", 2, ts("23T03:00:00"))];
    let history = alerted("22T12:00:00", 1, &facts(1, 1));
    let facts = FactsOf::from([(StoryId(1), facts(4, 1)), (StoryId(2), facts(1, 1))]);
    check("23T06:00:00", &rows, &history, &facts, &subs, &["wait 5 quiet 23T07:00", "wait 6 quiet 23T07:00"]);
    let due = check("23T07:00:00", &rows, &history, &facts, &subs, &["rollup a: 1[t] 2[t] <- 5 6"]);
    assert_eq!(due.due[0].tells, [(StoryId(1), 2), (StoryId(2), 1)]);
    assert_eq!(due.due[0].news.len(), 1);
    // The same two stories make another roll-up the next time.
    let again = History {
        told: HashMap::from([(
            (desk(), StoryId(1)),
            super::facts::Facts::default().told(2, ts("22T12:00:00"), None),
        )]),
        ..history
    };
    let next = plan(ts("23T07:00:00"), &rows, &again, &facts, &subs);
    assert_ne!(next.due[0].key, due.due[0].key);
}

#[test]
fn what_is_big_enough_breaks_through_quiet_hours() {
    let line = Line { sources: Some(3), score: None };
    let policy =
        AlertPolicy { quiet: Some(night()), break_through: Some(line), max_per_hour: Some(1), ..at_once() };
    let subs = [with(policy)];
    let row = [pending(5, "a", "t", 1, ts("23T02:00:00"))];
    let none = History::default();
    check("23T02:00:00", &row, &none, &known(2, 1), &subs, &["wait 5 quiet 23T07:00"]);
    check("23T02:00:00", &row, &none, &known(3, 1), &subs, &["alert a: 1[t] <- 5"]);
    // The limit holds it all the same.
    let sent =
        AlertSent { subscription: SubscriptionName::new("a"), recipient: desk(), at: ts("23T01:30:00") };
    let full = History { alerts: vec![sent], ..History::default() };
    check("23T02:00:00", &row, &full, &known(3, 1), &subs, &["wait 5 rate-limited 23T02:30"]);
    // An update breaks through when the line was crossed since.
    let before = alerted("22T12:00:00", 1, &facts(2, 1));
    check("23T02:00:00", &row, &before, &known(3, 1), &subs, &["update a: 1[t] <- 5"]);
    let after = alerted("22T12:00:00", 1, &facts(3, 1));
    check("23T02:00:00", &row, &after, &known(10, 1), &subs, &["wait 5 quiet 23T07:00"]);
    let scored = Line { sources: None, score: Some(3) };
    let policy = AlertPolicy { quiet: Some(night()), break_through: Some(scored), ..at_once() };
    let subs = [with(policy)];
    check("23T02:00:00", &row, &none, &known(1, 1), &subs, &["wait 5 quiet 23T07:00"]);
    check("23T02:00:00", &row, &none, &known(1, 2), &subs, &["alert a: 1[t] <- 5"]);
}

#[test]
fn a_muted_story_is_settled_and_stays_in_digests() {
    let subs = [with(at_once()), digest("d", WhenEmpty::Skip)];
    let rows = [pending(1, "a", "t", 1, ts("23T12:00:00")), pending(2, "d", "t", 1, ts("23T12:00:00"))];
    let mute = |recipient, until| {
        let mutes = vec![Mute { recipient, story: StoryId(1), until: ts(until) }];
        History { mutes, ..window_end("d", "23T07:30:00") }
    };
    let muted = ["wait 2 until-digest 23T17:00", "settle 1 muted"];
    check("23T12:00:00", &rows, &mute(Some(desk()), "23T12:00:00.001"), &known(1, 1), &subs, &muted);
    check("23T12:00:00", &rows, &mute(None, "24T12:00:00"), &known(1, 1), &subs, &muted);
    let sends = ["alert a: 1[t] <- 1", "wait 2 until-digest 23T17:00"];
    check("23T12:00:00", &rows, &mute(Some(desk()), "23T12:00:00"), &known(1, 1), &subs, &sends);
    let other = Recipient::parse("boss@example.com").unwrap();
    check("23T12:00:00", &rows, &mute(Some(other), "24T12:00:00"), &known(1, 1), &subs, &sends);
}

#[test]
fn a_digest_only_story_that_crosses_the_line_is_alerted_and_stays_in_the_digest() {
    let subs = [escalating(Line { sources: Some(5), score: None })];
    let row = [pending(1, "d", "t", 1, ts("23T12:00:00"))];
    let none = window_end("d", "23T07:30:00");
    let waits = "wait 1 until-digest 23T17:00";
    check("23T12:00:00", &row, &none, &known(4, 1), &subs, &[waits]);
    check("23T12:00:00", &row, &none, &known(5, 1), &subs, &["alert d: 1[t] <- ", waits]);
    let told = History { digests: none.digests.clone(), ..alerted("23T12:00:00", 1, &facts(5, 1)) };
    check("23T12:00:00", &row, &told, &known(50, 1), &subs, &[waits]);
    let mutes = vec![Mute { recipient: None, story: StoryId(1), until: ts("30T12:00:00") }];
    check("23T12:00:00", &row, &History { mutes, ..none.clone() }, &known(5, 1), &subs, &[waits]);
    // Alerted anyway.
    let both = [alert("a", true, None), subs[0].clone()];
    let rows = [row[0].clone(), pending(2, "a", "t", 1, ts("23T12:00:00"))];
    check("23T12:00:00", &rows, &none, &known(5, 1), &both, &["alert a: 1[t] <- 2", waits]);
    check("23T05:00:00", &rows, &none, &known(5, 1), &both, &["wait 2 quiet 23T07:00", waits]);
}

#[test]
fn escalations_are_limited_by_the_hour() {
    let subs = [escalating(Line { sources: Some(1), score: None })];
    let check = |stories: usize, recent: usize, want: usize, wake: &str| {
        let ids = 1..=i64::try_from(stories).unwrap();
        let rows: Vec<Pending> = ids.clone().map(|n| pending(n, "d", "t", n, ts("23T12:00:00"))).collect();
        let facts = ids.map(|n| (StoryId(n), facts(1, 1))).collect();
        let at = |n: usize| time::after(ts("23T11:30:00"), MINUTE * u32::try_from(n).unwrap());
        let sent = |n| AlertSent { subscription: SubscriptionName::new("d"), recipient: desk(), at: at(n) };
        let history = History { alerts: (0..recent).map(sent).collect(), ..window_end("d", "23T07:30:00") };
        let plan = plan(ts("23T12:00:00"), &rows, &history, &facts, &subs);
        assert_eq!(plan.due.len(), want, "{stories} stories after {recent}");
        assert_eq!(plan.waits.len(), stories, "the digest stays whole");
        assert_eq!(plan.wake_at, Some(ts(wake)), "{stories} stories after {recent}");
    };
    let most = MAX_ESCALATIONS_PER_HOUR;
    check(most, 0, most, "23T17:00:00");
    check(most + 1, 0, most, "23T13:00:00");
    check(2, most - 1, 1, "23T12:30:00");
    check(1, most, 0, "23T12:30:00");
}

/// One of each: an alert without updates, one that waits and breaks through, a digest that escalates.
fn house() -> Vec<Subscription> {
    let to: Vec<Recipient> =
        ["a", "b", "c"].iter().map(|n| Recipient::parse(&format!("{n}@example.com")).unwrap()).collect();
    let line = Line { sources: Some(4), score: Some(9) };
    let silent = UpdatePolicy { on: Vec::new(), ..UpdatePolicy::default() };
    let careful = AlertPolicy {
        group_wait: Duration::from_secs(90),
        quiet: Some(night()),
        break_through: Some(line),
        max_per_hour: Some(2),
        ..AlertPolicy::default()
    };
    let mut digest = Subscription { to: to.clone(), ..escalating(line) };
    digest.name = SubscriptionName::new("digest");
    vec![
        subscription("careful", &to[..2], Delivery::Alert(careful)),
        subscription("silent", &to[1..], Delivery::Alert(AlertPolicy { updates: silent, ..at_once() })),
        digest,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Items join stories over a day and a half, and the planner is called at each of them and at each `wake_at`.
    #[test]
    fn nothing_is_lost_told_twice_or_told_without_news(
        arrivals in proptest::collection::vec((0_u32..2_160, 1_i64..6, 0_usize..30, 0_usize..4, 0_usize..6), 1..60),
        muted in proptest::collection::vec((1_i64..6, 0_u32..2_160), 0..2),
    ) {
        let subs = house();
        let start = ts("22T12:00:00");
        let mut arrivals: Vec<_> = arrivals.into_iter().map(|(m, story, site, clause, target)| (time::after(start, MINUTE * m), story, site, clause, target)).collect();
        arrivals.sort_by_key(|(at, ..)| *at);
        let mut arrivals = arrivals.into_iter().peekable();
        let mut history = History::default();
        for recipient in &subs[2].to {
            history.digests.push(DigestSent { subscription: SubscriptionName::new("digest"), recipient: recipient.clone(), window_end: start });
        }
        history.mutes = muted.into_iter().map(|(story, m)| Mute { recipient: None, story: StoryId(story), until: time::after(start, MINUTE * m) }).collect();
        let mut items: HashMap<StoryId, Vec<StoryItem>> = HashMap::new();
        let (mut rows, mut next_id, mut now): (Vec<Pending>, i64, Timestamp) = (Vec::new(), 0, start);
        let mut keys = HashSet::new();
        let mut last: HashMap<(Recipient, StoryId), Timestamp> = HashMap::new();
        for _ in 0..1_000 {
            while let Some((at, story, site, clause, target)) = arrivals.next_if(|(at, ..)| *at <= now) {
                let names = ["careful", "careful", "silent", "silent", "digest", "digest"];
                let to = ["a", "b", "b", "c", "a", "b"];
                next_id += 1;
                let mut row = pending(next_id, names[target], "t", story, at);
                row.route.recipient = Recipient::parse(&format!("{}@example.com", to[target])).unwrap();
                rows.push(row);
                items.entry(StoryId(story)).or_default().push(StoryItem {
                    outlet: if site == 0 { Outlet { name: "Reuters".to_owned(), tier: Tier::First } } else { outlet(site) },
                    voice: if site % 5 == 4 { Voice::Copy } else { Voice::Own },
                    at,
                    title: "Port fees".to_owned(),
                    clauses: BTreeSet::from([(TopicName::new("t"), Arc::from(format!("clause {clause}")))]),
                });
            }
            let facts: FactsOf = items.iter().map(|(story, items)| (*story, Facts::of(items))).collect();
            let plan = plan(now, &rows, &history, &facts, &subs);
            assert_total(&plan, &rows, now);
            let mut done: HashSet<PendingId> = plan.settled.iter().map(|(id, _)| *id).collect();
            for due in &plan.due {
                prop_assert!(keys.insert(due.key.clone()), "{} twice", due.key);
                done.extend(&due.settles);
                if due.kind == NotificationKind::Digest {
                    for entry in history.digests.iter_mut().filter(|entry| entry.recipient == due.recipient) {
                        entry.window_end = due.window.unwrap().to;
                    }
                    for (story, _) in &due.stories {
                        prop_assert!(history.digested.insert((due.subscription.clone(), due.recipient.clone(), *story), now).is_none(), "in two digests");
                    }
                    continue;
                }
                for (story, revision) in &due.tells {
                    let key = (due.recipient.clone(), *story);
                    let known = history.told.get(&key).map_or(0, |told| told.revision);
                    prop_assert_eq!(*revision, known + 1, "one revision after the other");
                    let news = due.news.iter().find(|news| news.story == *story);
                    prop_assert_eq!(news.is_some(), *revision > 1, "an update has news, an alert has none");
                    if *revision > 1 {
                        prop_assert!(due.subscription.as_str() == "careful", "updates are turned off elsewhere");
                        let gap = time::between(last[&key], now);
                        prop_assert!(gap >= UpdatePolicy::EVERY, "{:?} after the last", gap);
                    }
                    prop_assert!(!history.mutes.iter().any(|mute| mute.story == *story && mute.until > now), "muted");
                    last.insert(key.clone(), now);
                    history.alerted.insert(key.clone());
                    history.told.insert(key, facts[story].told(*revision, now, None));
                }
                if due.subscription.as_str() == "careful" && crate::schedule::quiet_until(now, &night()).is_some() {
                    let line = Line { sources: Some(4), score: Some(9) };
                    prop_assert!(due.tells.iter().all(|(story, _)| facts[story].reaches(&line, &subs[0].topics)), "it is quiet");
                }
                history.alerts.push(AlertSent { subscription: due.subscription.clone(), recipient: due.recipient.clone(), at: now });
            }
            rows.retain(|row| !done.contains(&row.id));
            let again = super::plan(now, &rows, &history, &facts, &subs);
            prop_assert!(again.due.is_empty(), "what is decided stays decided: {:?}", again.due);
            let wake = [again.wake_at, arrivals.peek().map(|(at, ..)| *at)].into_iter().flatten().min();
            match wake {
                Some(at) if !rows.is_empty() || arrivals.peek().is_some() => now = at,
                _ => break,
            }
        }
        prop_assert!(rows.is_empty() && arrivals.peek().is_none(), "{} matches left at {}", rows.len(), now);
    }

    #[test]
    fn any_history_is_planned_totally(
        now_m in 0_u32..3_000,
        rows in proptest::collection::vec((0_usize..4, 0_usize..4, 1_i64..5, 0_u32..3_000), 0..40),
        told in proptest::collection::vec((0_usize..4, 1_i64..5, 0_usize..6, 0_u32..3_000, 0_u32..4), 0..8),
        known in proptest::collection::vec((1_i64..5, 0_usize..12, 0_usize..4), 0..5),
        mutes in proptest::collection::vec((0_usize..5, 1_i64..5, 0_u32..3_000), 0..3),
        alerts in proptest::collection::vec((0_usize..4, 0_usize..4, 0_u32..3_000), 0..10),
        ends in proptest::collection::vec((0_usize..4, 0_usize..4, 0_u32..3_000), 0..4),
    ) {
        let name = |i: usize| SubscriptionName::new(["careful", "silent", "digest", "old"][i]);
        let who = |i: usize| Recipient::parse(&format!("{}@example.com", ["a", "b", "c", "d"][i])).unwrap();
        let at = |minutes: u32| time::after(ts("22T00:00:00"), MINUTE * minutes);
        let rows: Vec<Pending> = rows.into_iter().enumerate().map(|(id, (s, r, story, m))| {
            let mut row = pending(id as i64, "", "t", story, at(m));
            row.route.subscription = name(s);
            row.route.recipient = who(r);
            row
        }).collect();
        let told: HashMap<_, _> = told.into_iter().map(|(r, story, sources, m, revision)| ((who(r), StoryId(story)), facts(sources, 1).told(revision, at(m), None))).collect();
        let history = History {
            alerts: alerts.into_iter().map(|(s, r, m)| AlertSent { subscription: name(s), recipient: who(r), at: at(m) }).collect(),
            alerted: told.keys().cloned().collect(),
            told,
            mutes: mutes.into_iter().map(|(r, story, m)| Mute { recipient: (r < 4).then(|| who(r)), story: StoryId(story), until: at(m) }).collect(),
            digests: ends.into_iter().map(|(s, r, m)| DigestSent { subscription: name(s), recipient: who(r), window_end: at(m) }).collect(),
            ..History::default()
        };
        let known: FactsOf = known.into_iter().map(|(story, sources, clauses)| (StoryId(story), facts(sources, clauses))).collect();
        assert_total(&plan(at(now_m), &rows, &history, &known, &house()), &rows, at(now_m));
    }
}
