//! Tables and a simulation for the planner.

use jiff::tz::TimeZone;
use proptest::prelude::*;

use super::*;
use crate::{
    model::{
        AlertPolicy, Dates, Days, Delivery, DigestPolicy, ItemId, QuietHours, Summary, TopicSelector,
        WhenEmpty, time,
    },
    schedule::quiet_until,
};

/// Stories of which nothing is known: no news, no line reached.
fn plan(now: Timestamp, pending: &[Pending], history: &History, subscriptions: &[Subscription]) -> Plan {
    super::plan(now, pending, history, &FactsOf::new(), subscriptions)
}

/// Alerts that wait for nothing.
pub(super) fn at_once() -> AlertPolicy {
    AlertPolicy { group_wait: Duration::ZERO, ..AlertPolicy::default() }
}

const MINUTE: Duration = Duration::from_secs(60);

pub(super) fn ts(text: &str) -> Timestamp {
    format!("2026-11-{text}Z").parse().unwrap()
}

pub(super) fn desk() -> Recipient {
    Recipient::parse("desk@example.com").unwrap()
}

pub(super) fn subscription(name: &str, to: &[Recipient], delivery: Delivery) -> Subscription {
    Subscription {
        name: SubscriptionName::new(name),
        to: to.to_vec(),
        topics: TopicSelector::All,
        zone: TimeZone::UTC,
        delivery,
    }
}

pub(super) fn night() -> QuietHours {
    QuietHours { from: "22:00".parse().unwrap(), to: "07:00".parse().unwrap(), zone: TimeZone::UTC }
}

pub(super) fn alert(name: &str, quiet: bool, max_per_hour: Option<u32>) -> Subscription {
    let policy = AlertPolicy { quiet: quiet.then(night), max_per_hour, ..at_once() };
    subscription(name, &[desk()], Delivery::Alert(policy))
}

pub(super) fn digest(name: &str, when_empty: WhenEmpty) -> Subscription {
    let at = vec!["07:30".parse().unwrap(), "17:00".parse().unwrap()];
    subscription(name, &[desk()], Delivery::Digest(daily(at, Days::ALL, when_empty)))
}

fn daily(at: Vec<jiff::civil::Time>, days: Days, when_empty: WhenEmpty) -> DigestPolicy {
    DigestPolicy { at, on: Dates::Weekdays(days), when_empty, escalate: None, summary: Summary::Digest }
}

pub(super) fn pending(
    id: i64,
    subscription: &str,
    topic: &str,
    story: i64,
    matched_at: Timestamp,
) -> Pending {
    Pending {
        id: PendingId(id),
        route: Route {
            subscription: SubscriptionName::new(subscription),
            recipient: desk(),
            topic: TopicName::new(topic),
        },
        story: StoryId(story),
        item: ItemId(story),
        matched_at,
    }
}

fn alerts_at(subscription: &str, at: &[&str]) -> History {
    let alerts = at
        .iter()
        .map(|at| AlertSent {
            subscription: SubscriptionName::new(subscription),
            recipient: desk(),
            at: ts(at),
        })
        .collect();
    History { alerts, ..History::default() }
}

pub(super) fn window_end(subscription: &str, at: &str) -> History {
    let window_end = ts(at);
    let subscription = SubscriptionName::new(subscription);
    History {
        digests: vec![DigestSent { subscription, recipient: desk(), window_end }],
        ..History::default()
    }
}

/// A plan in a line a mail or wait: `alert a: 1[t1 t2] <- 10 11`, `wait 12 quiet 23T07:00`, `settle 13 gone`.
pub(super) fn told(plan: &Plan) -> Vec<String> {
    let mut lines = Vec::new();
    for due in &plan.due {
        let stories: Vec<String> = due
            .stories
            .iter()
            .map(|(id, topics)| {
                let topics: Vec<&str> = topics.iter().map(TopicName::as_str).collect();
                format!("{}[{}]", id.0, topics.join(" "))
            })
            .collect();
        let settles: Vec<String> = due.settles.iter().map(|id| id.0.to_string()).collect();
        let kind = due.kind.as_str();
        lines.push(format!("{kind} {}: {} <- {}", due.subscription, stories.join(" "), settles.join(" ")));
    }
    for wait in &plan.waits {
        let until = wait.until.strftime("%dT%H:%M");
        lines.push(format!("wait {} {} {until}", wait.pending.0, wait.reason.as_str()));
    }
    for (id, reason) in &plan.settled {
        lines.push(format!("settle {} {}", id.0, reason.as_str()));
    }
    lines
}

#[track_caller]
fn check(now: &str, pending: &[Pending], history: &History, subscriptions: &[Subscription], want: &[&str]) {
    assert_eq!(told(&plan(ts(now), pending, history, subscriptions)), want, "at {now}");
}

#[test]
fn one_alert_a_story_whatever_matched_it() {
    let at = ts("23T12:00:00");
    let rows = [
        pending(1, "a", "rare-earths", 7, at),
        pending(2, "a", "leader-calls", 7, at),
        pending(3, "b", "tariffs", 7, at),
        pending(4, "b", "tariffs", 8, at),
        pending(5, "gone", "tariffs", 8, at),
    ];
    let both = [alert("a", false, None), alert("b", false, None)];
    let want = ["alert a: 7[leader-calls rare-earths tariffs] <- 1 2 3", "alert a: 8[tariffs] <- 4 5"];
    check("23T12:00:00", &rows, &History::default(), &both, &want);

    let alerted = HashSet::from([(desk(), StoryId(7))]);
    let history = History { alerted, ..History::default() };
    let want = [
        "alert a: 8[tariffs] <- 4 5",
        "settle 1 already-alerted",
        "settle 2 already-alerted",
        "settle 3 already-alerted",
    ];
    check("23T12:00:00", &rows, &history, &both, &want);
}

#[test]
fn routes_that_are_no_longer_configured_are_settled() {
    let mut narrowed = alert("a", false, None);
    narrowed.topics = TopicSelector::Named(vec![TopicName::new("tariffs")]);
    let rows = [
        pending(1, "a", "tariffs", 1, ts("23T12:00:00")),
        pending(2, "a", "rare-earths", 2, ts("23T12:00:00")),
    ];
    let want = ["alert a: 1[tariffs] <- 1", "settle 2 subscription-gone"];
    check("23T12:00:00", &rows, &History::default(), &[narrowed], &want);
    let moved = subscription("a", &[], Delivery::Alert(at_once()));
    let want = ["settle 1 subscription-gone", "settle 2 subscription-gone"];
    check("23T12:00:00", &rows, &History::default(), &[moved], &want);
}

#[test]
fn quiet_hours_hold_and_release_one_roll_up() {
    let rows = [
        pending(1, "a", "t", 1, ts("22T22:00:00")),
        pending(2, "a", "t", 2, ts("23T03:00:00")),
        pending(3, "a", "t", 3, ts("23T07:00:00")),
    ];
    let subs = [alert("a", true, None)];
    let none = History::default();
    let want = ["wait 1 quiet 23T07:00", "wait 2 quiet 23T07:00"];
    check("23T06:59:59", &rows[..2], &none, &subs, &want);
    check("23T07:00:00", &rows, &none, &subs, &["rollup a: 1[t] 2[t] <- 1 2", "alert a: 3[t] <- 3"]);
    check("23T07:00:00", &rows[..1], &none, &subs, &["alert a: 1[t] <- 1"]);
    let released = plan(ts("23T07:00:00"), &rows[..2], &none, &subs);
    assert_eq!(released.due[0].window, Some(Window { from: ts("22T22:00:00"), to: ts("23T07:00:00") }));
    // A subscription without quiet hours sends what the other holds.
    let subs = [alert("a", true, None), alert("b", false, None)];
    let rows = [pending(1, "a", "t", 1, ts("22T23:00:00")), pending(2, "b", "u", 1, ts("22T23:00:00"))];
    check("22T23:00:00", &rows, &none, &subs, &["alert b: 1[t u] <- 1 2"]);
}

#[test]
fn after_max_per_hour_the_rest_waits_and_goes_as_one_roll_up() {
    let at = ts("23T12:00:00");
    let rows: Vec<Pending> = (1..=4).map(|n| pending(n, "a", "t", n, at)).collect();
    let subs = [alert("a", false, Some(2))];
    // N and N + 1.
    check(
        "23T12:00:00",
        &rows[..2],
        &History::default(),
        &subs,
        &["alert a: 1[t] <- 1", "alert a: 2[t] <- 2"],
    );
    let want = [
        "alert a: 1[t] <- 1",
        "alert a: 2[t] <- 2",
        "wait 3 rate-limited 23T13:00",
        "wait 4 rate-limited 23T13:00",
    ];
    check("23T12:00:00", &rows, &History::default(), &subs, &want);
    let sent = alerts_at("a", &["23T12:00:00", "23T12:00:00"]);
    let want = ["wait 3 rate-limited 23T13:00", "wait 4 rate-limited 23T13:00"];
    check("23T12:59:59", &rows[2..], &sent, &subs, &want);
    check("23T13:00:00", &rows[2..], &sent, &subs, &["rollup a: 3[t] 4[t] <- 3 4"]);
    // One slot only, and something new: it travels along.
    let mut rows = rows[2..].to_vec();
    rows.push(pending(5, "a", "t", 5, ts("23T13:10:00")));
    let sent = alerts_at("a", &["23T12:10:00", "23T11:50:00", "23T12:40:00"]);
    check("23T13:10:00", &rows, &sent, &subs, &["rollup a: 3[t] 4[t] 5[t] <- 3 4 5"]);
    // The limit of one subscription is not used up by another.
    let sent = alerts_at("b", &["23T12:59:00", "23T12:59:30"]);
    check("23T13:10:00", &rows[2..], &sent, &subs, &["alert a: 5[t] <- 5"]);
    // Nobody can configure silence by 0.
    check(
        "23T12:00:00",
        &rows[..1],
        &History::default(),
        &[alert("a", false, Some(0))],
        &["alert a: 3[t] <- 3"],
    );
}

#[test]
fn a_roll_up_holds_50_stories_and_nothing_is_cut_away() {
    let check = |stories: i64, want: &[(NotificationKind, usize)]| {
        let rows: Vec<Pending> = (1..=stories).map(|n| pending(n, "a", "t", n, ts("23T03:00:00"))).collect();
        let plan = plan(ts("23T07:00:00"), &rows, &History::default(), &[alert("a", true, None)]);
        let got: Vec<_> = plan.due.iter().map(|due| (due.kind, due.stories.len())).collect();
        assert_eq!(got, want, "{stories} stories");
        assert!(plan.waits.is_empty());
        let keys: HashSet<&str> = plan.due.iter().map(|due| due.key.as_str()).collect();
        assert_eq!(keys.len(), plan.due.len(), "keys differ");
    };
    check(50, &[(NotificationKind::RollUp, 50)]);
    check(51, &[(NotificationKind::RollUp, 50), (NotificationKind::Alert, 1)]);
    check(
        120,
        &[(NotificationKind::RollUp, 50), (NotificationKind::RollUp, 50), (NotificationKind::RollUp, 20)],
    );
}

#[test]
fn digests_collect_until_their_time_and_catch_up_once() {
    let rows = [
        pending(1, "d", "t", 1, ts("22T18:00:00")),
        pending(2, "d", "u", 1, ts("23T07:30:00")),
        pending(3, "d", "t", 2, ts("23T07:31:00")),
    ];
    let subs = [digest("d", WhenEmpty::Skip)];
    let sent = window_end("d", "22T17:00:00");
    check("23T07:29:59", &rows[..1], &sent, &subs, &["wait 1 until-digest 23T07:30"]);
    let want = ["digest d: 1[t u] <- 1 2", "wait 3 until-digest 23T17:00"];
    check("23T08:00:00", &rows, &sent, &subs, &want);
    // Once it is sent, nothing more is due before the next.
    check(
        "23T08:00:00",
        &rows[2..],
        &window_end("d", "23T07:30:00"),
        &subs,
        &["wait 3 until-digest 23T17:00"],
    );
    // Down for days: one digest, up to the latest instant.
    let late = plan(ts("25T12:00:00"), &rows, &sent, &subs);
    assert_eq!(told(&late), ["digest d: 1[t u] 2[t] <- 1 2 3"]);
    assert_eq!(late.due[0].window, Some(Window { from: ts("22T17:00:00"), to: ts("25T07:30:00") }));
    assert_eq!(late.wake_at, Some(ts("25T17:00:00")));
    // A match without any history is not lost.
    check("23T08:00:00", &rows[..1], &History::default(), &subs, &["digest d: 1[t] <- 1"]);
}

#[test]
fn an_empty_digest_is_sent_or_skipped_as_configured() {
    let sent = window_end("d", "22T17:00:00");
    let at = ts("23T07:30:00");
    let send = plan(at, &[], &sent, &[digest("d", WhenEmpty::Send)]);
    assert_eq!(told(&send), ["digest d:  <- "]);
    assert_eq!(send.due[0].window, Some(Window { from: ts("22T17:00:00"), to: at }));
    assert_eq!(send.wake_at, Some(ts("23T17:00:00")));
    let skip = plan(at, &[], &sent, &[digest("d", WhenEmpty::Skip)]);
    assert_eq!(told(&skip), Vec::<String>::new());
    assert_eq!(skip.wake_at, Some(ts("23T17:00:00")));
    // The window stayed open.
    let rows = [pending(1, "d", "t", 1, ts("23T09:00:00"))];
    let next = plan(ts("23T17:00:00"), &rows, &sent, &[digest("d", WhenEmpty::Skip)]);
    assert_eq!(next.due[0].window, Some(Window { from: ts("22T17:00:00"), to: ts("23T17:00:00") }));
}

#[test]
fn a_digest_that_is_never_due_says_so() {
    let mut never = digest("d", WhenEmpty::Send);
    never.delivery =
        Delivery::Digest(daily(vec!["07:30".parse().unwrap()], Days([false; 7]), WhenEmpty::Send));
    let rows = [pending(1, "d", "t", 1, ts("22T18:00:00"))];
    let plan = plan(ts("23T12:00:00"), &rows, &window_end("d", "22T17:00:00"), &[never]);
    assert_eq!(plan.waits[0].reason, WaitReason::NoDigestDay);
    assert_eq!((plan.due.len(), plan.wake_at), (0, None));
}

#[test]
fn routes_name_each_recipient_and_topic_once() {
    let boss = Recipient::parse("boss@example.com").unwrap();
    let mut both = alert("a", false, None);
    both.to.push(boss.clone());
    let mut one = digest("d", WhenEmpty::Skip);
    one.topics = TopicSelector::Named(vec![TopicName::new("u")]);
    let topics = [TopicName::new("t"), TopicName::new("u"), TopicName::new("t")];
    let got: Vec<String> = routes(&[both, one], &topics)
        .iter()
        .map(|r| format!("{} {} {}", r.subscription, r.recipient.address(), r.topic))
        .collect();
    let want = [
        "a desk@example.com t",
        "a desk@example.com u",
        "a boss@example.com t",
        "a boss@example.com u",
        "d desk@example.com u",
    ];
    assert_eq!(got, want);
    assert!(routes(&[], &topics).is_empty());
}

fn renamed(from: &Subscription, name: &str) -> Subscription {
    Subscription { name: SubscriptionName::new(name), ..from.clone() }
}

fn taking(from: &Subscription, topic: &str) -> Subscription {
    Subscription { topics: TopicSelector::Named(vec![TopicName::new(topic)]), ..from.clone() }
}

#[test]
fn a_digest_that_got_another_name_keeps_what_waits_and_its_window() {
    let rows = [pending(1, "old", "t", 1, ts("22T18:00:00")), pending(2, "old", "u", 2, ts("23T03:00:00"))];
    let sent = window_end("old", "22T17:00:00");
    let new = digest("new", WhenEmpty::Send);
    let opens = |at: &str| vec![(SubscriptionName::new("new"), desk(), ts(at))];
    assert_eq!(openings(ts("23T05:00:00"), &rows, &sent, std::slice::from_ref(&new)), opens("22T17:00:00"));
    // Nothing waits: nothing to take over.
    assert_eq!(openings(ts("23T05:00:00"), &[], &sent, std::slice::from_ref(&new)), opens("23T05:00:00"));
    // Who has a window keeps it.
    assert_eq!(
        openings(ts("23T05:00:00"), &rows, &window_end("new", "22T07:30:00"), std::slice::from_ref(&new)),
        []
    );

    let mut after = sent.clone();
    after.digests.extend(window_end("new", "22T17:00:00").digests);
    let both = ["wait 1 until-digest 23T07:30", "wait 2 until-digest 23T07:30"];
    check("23T05:00:00", &rows, &after, std::slice::from_ref(&new), &both);
    let due = plan(ts("23T07:30:00"), &rows, &after, std::slice::from_ref(&new));
    assert_eq!(told(&due), ["digest new: 1[t] 2[u] <- 1 2"]);
    assert_eq!(due.due[0].window, Some(Window { from: ts("22T17:00:00"), to: ts("23T07:30:00") }));
    // A topic or a reader that was taken out is what the user wanted.
    let want = ["wait 1 until-digest 23T07:30", "settle 2 subscription-gone"];
    check("23T05:00:00", &rows, &after, &[taking(&new, "t")], &want);
    let other = Subscription { to: vec![Recipient::parse("boss@example.com").unwrap()], ..new };
    let want = ["settle 1 subscription-gone", "settle 2 subscription-gone"];
    check("23T05:00:00", &rows, &after, &[other], &want);
}

#[test]
fn who_takes_over_delivers_alike_where_it_can() {
    let mut history = window_end("old", "22T17:00:00");
    let row = |name: &str, id| pending(id, name, "t", id, ts("22T18:00:00"));
    let waits = "wait 1 until-digest 23T07:30";
    let [a, d] = [alert("a", true, None), digest("d", WhenEmpty::Skip)];
    // What waited for a digest goes with a digest, though an alert stands first; without one it goes with the alert.
    check("23T06:00:00", &[row("old", 1)], &history, &[a.clone(), d.clone()], &[waits]);
    check("23T06:00:00", &[row("old", 1)], &history, std::slice::from_ref(&a), &["wait 1 quiet 23T07:00"]);
    // What was held as an alert goes with an alert.
    let held = [row("held", 1)];
    check("23T06:00:00", &held, &history, &[d.clone(), a.clone()], &["wait 1 quiet 23T07:00"]);
    check("23T06:00:00", &held, &history, std::slice::from_ref(&d), &["wait 1 until-digest 23T07:30"]);
    // A digest that has gone past the match has it already or never had its topic: the open one comes first.
    history.digests.extend(window_end("past", "22T18:00:00").digests);
    history.digests.extend(window_end("open", "22T17:59:59").digests);
    let two = [digest("past", WhenEmpty::Skip), digest("open", WhenEmpty::Skip)];
    check("23T07:30:00", &[row("old", 1)], &history, &two, &["digest open: 1[t] <- 1"]);
    check("23T07:30:00", &[row("old", 1)], &history, &two[..1], &["digest past: 1[t] <- 1"]);
    // A topic that moved from one subscription to another takes along what waits.
    let moved = [taking(&renamed(&d, "old"), "u"), taking(&d, "t")];
    check("23T06:00:00", &[row("old", 1)], &history, &moved, &[waits]);
}

#[test]
fn alerts_taken_over_count_as_held_and_keep_the_limit() {
    let rows: Vec<Pending> = (1..=3).map(|n| pending(n, "old", "t", n, ts("23T11:30:00"))).collect();
    // One mail for the three of them, not three at once.
    let want = ["rollup new: 1[t] 2[t] 3[t] <- 1 2 3"];
    check("23T12:00:00", &rows, &History::default(), &[alert("new", false, None)], &want);
    let full = alerts_at("old", &["23T11:20:00", "23T11:25:00"]);
    let want: Vec<String> = (1..=3).map(|n| format!("wait {n} rate-limited 23T12:20")).collect();
    assert_eq!(told(&plan(ts("23T12:00:00"), &rows, &full, &[alert("new", false, Some(2))])), want);
    // The same when a digest is turned into alerts under its old name.
    let was_digest = window_end("old", "23T07:30:00");
    let want = ["rollup old: 1[t] 2[t] 3[t] <- 1 2 3"];
    check("23T12:00:00", &rows, &was_digest, &[alert("old", false, None)], &want);
}

/// Subscriptions of three recipients: with and without quiet hours, limits and digests.
fn house(limit: u32) -> Vec<Subscription> {
    let to: Vec<Recipient> =
        ["a", "b", "c"].iter().map(|n| Recipient::parse(&format!("{n}@example.com")).unwrap()).collect();
    let limited = AlertPolicy { quiet: Some(night()), max_per_hour: Some(limit), ..at_once() };
    vec![
        subscription("limited", &to[..2], Delivery::Alert(limited)),
        subscription("plain", &to[1..], Delivery::Alert(at_once())),
        Subscription { to, ..digest("digest", WhenEmpty::Send) },
    ]
}

#[track_caller]
pub(super) fn assert_total(plan: &Plan, rows: &[Pending], now: Timestamp) {
    let mut seen: Vec<PendingId> = plan.due.iter().flat_map(|due| due.settles.iter().copied()).collect();
    seen.extend(plan.waits.iter().map(|wait| wait.pending));
    seen.extend(plan.settled.iter().map(|(id, _)| *id));
    seen.sort_unstable();
    let mut all: Vec<PendingId> = rows.iter().map(|row| row.id).collect();
    all.sort_unstable();
    assert_eq!(seen, all, "each match exactly once");
    assert!(plan.waits.iter().all(|wait| wait.until > now), "waits end in the future");
    assert!(plan.wake_at.is_none_or(|at| at > now), "wakes in the future");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Matches arrive in bursts over a day and a half; the planner is called at each burst and at each `wake_at`,
    /// and what is due is recorded as the store would.
    #[test]
    fn nothing_is_lost_or_alerted_twice_over_time(
        limit in 1_u32..4,
        bursts in proptest::collection::vec((0_u64..2_160, proptest::collection::vec((0_i64..30, 0_usize..6), 1..8)), 1..25),
    ) {
        let subs = house(limit);
        let start = ts("22T12:00:00");
        let mut bursts: Vec<_> = bursts.into_iter().map(|(m, rows)| (time::after(start, MINUTE * m as u32), rows)).collect();
        bursts.sort_by_key(|(at, _)| *at);
        let mut bursts = bursts.into_iter().peekable();
        let mut history = History::default();
        for recipient in &subs[2].to {
            history.digests.push(DigestSent { subscription: SubscriptionName::new("digest"), recipient: recipient.clone(), window_end: start });
        }
        let (mut rows, mut next_id, mut now): (Vec<Pending>, i64, Timestamp) = (Vec::new(), 0, start);
        let mut keys = HashSet::new();
        for _ in 0..400 {
            while let Some((at, burst)) = bursts.next_if(|(at, _)| *at <= now) {
                for (story, target) in burst {
                    // Index 5 is a subscription that does not exist.
                    let names = ["limited", "limited", "plain", "digest", "digest", "old"];
                    let to = ["a", "b", "b", "b", "c", "c"];
                    next_id += 1;
                    let mut row = pending(next_id, names[target], ["t", "u"][next_id as usize % 2], story, at);
                    row.route.recipient = Recipient::parse(&format!("{}@example.com", to[target])).unwrap();
                    rows.push(row);
                }
            }
            let plan = self::plan(now, &rows, &history, &subs);
            assert_total(&plan, &rows, now);
            let mut done: HashSet<PendingId> = plan.settled.iter().map(|(id, _)| *id).collect();
            for due in &plan.due {
                prop_assert!(keys.insert(due.key.clone()), "{} twice", due.key);
                done.extend(&due.settles);
                if due.kind == NotificationKind::Digest {
                    for entry in history.digests.iter_mut().filter(|entry| entry.recipient == due.recipient) {
                        prop_assert_eq!(due.window.unwrap().from, entry.window_end, "windows join");
                        entry.window_end = due.window.unwrap().to;
                    }
                    for (story, _) in &due.stories {
                        let told = (due.subscription.clone(), due.recipient.clone(), *story);
                        prop_assert!(history.digested.insert(told, now).is_none(), "in two digests");
                    }
                    continue;
                }
                for (story, _) in &due.stories {
                    prop_assert!(history.alerted.insert((due.recipient.clone(), *story)), "alerted twice");
                }
                if due.subscription.as_str() == "limited" {
                    prop_assert_eq!(quiet_until(now, &night()), None);
                }
                history.alerts.push(AlertSent { subscription: due.subscription.clone(), recipient: due.recipient.clone(), at: now });
            }
            for recipient in &subs[0].to {
                let sent = history.alerts.iter().filter(|sent| sent.subscription.as_str() == "limited" && sent.recipient == *recipient && sent.at > time::before(now, RATE_WINDOW)).count();
                prop_assert!(sent <= limit as usize, "{} within an hour", sent);
            }
            rows.retain(|row| !done.contains(&row.id));
            // What is decided stays decided until then.
            let again = self::plan(now, &rows, &history, &subs);
            prop_assert!(again.due.is_empty());
            let wake = [again.wake_at, bursts.peek().map(|(at, _)| *at)].into_iter().flatten().min();
            match wake {
                Some(at) if !rows.is_empty() || bursts.peek().is_some() => now = at,
                _ => break,
            }
        }
        prop_assert!(rows.is_empty() && bursts.peek().is_none(), "{} matches left at {}", rows.len(), now);
    }

    #[test]
    fn any_input_is_planned_totally(
        now_h in 0_i64..1_000,
        rows in proptest::collection::vec((0_usize..4, 0_usize..4, 0_i64..5, 0_i64..1_000), 0..40),
        alerts in proptest::collection::vec((0_usize..4, 0_usize..4, 0_i64..1_000), 0..10),
        alerted in proptest::collection::vec((0_usize..4, 0_i64..5), 0..5),
        digested in proptest::collection::vec((0_usize..4, 0_usize..4, 0_i64..5), 0..5),
        ends in proptest::collection::vec((0_usize..4, 0_usize..4, 0_i64..1_000), 0..4),
    ) {
        let name = |i: usize| SubscriptionName::new(["limited", "plain", "digest", "old"][i]);
        let who = |i: usize| Recipient::parse(&format!("{}@example.com", ["a", "b", "c", "d"][i])).unwrap();
        let at = |hours: i64| time::from_millis(1_763_000_000_000 + hours * 900_000);
        let rows: Vec<Pending> = rows.into_iter().enumerate().map(|(id, (s, r, story, h))| {
            let mut row = pending(id as i64, "", "t", story, at(h));
            row.route.subscription = name(s);
            row.route.recipient = who(r);
            row
        }).collect();
        let history = History {
            alerts: alerts.into_iter().map(|(s, r, h)| AlertSent { subscription: name(s), recipient: who(r), at: at(h) }).collect(),
            alerted: alerted.into_iter().map(|(r, story)| (who(r), StoryId(story))).collect(),
            digested: digested.into_iter().map(|(s, r, story)| ((name(s), who(r), StoryId(story)), at(500))).collect(),
            digests: ends.into_iter().map(|(s, r, h)| DigestSent { subscription: name(s), recipient: who(r), window_end: at(h) }).collect(),
            ..History::default()
        };
        assert_total(&plan(at(now_h), &rows, &history, &house(2)), &rows, at(now_h));
    }
}
