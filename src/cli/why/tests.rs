//! One test for each outcome of a walk, on facts written by hand.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::{
    facts::*,
    walk::{self, Answer, LATE, MAX_NAMED, Mark, STUCK, Step, Verdict, walk},
};
use crate::{
    model::{
        self, AlertPolicy, Announce, Dates, Days, DigestPolicy, FeedId, FeedMemory, FeedReport, Health,
        ItemId, Line, MailState, NotificationId, OutboxReport, Recipient, StoryId, Subscription,
        SubscriptionName, Summary, Timestamp, TopicName, TopicSelector, WhenEmpty, time,
    },
    plan::WaitReason,
    store::{Activity, LastMatch, TracedItem, TracedMail},
};

/// A Monday, 06:00 in Berlin.
const NOW: Timestamp = Timestamp::constant(1_763_960_400, 0);

fn ago(minutes: u64) -> Timestamp {
    time::before(NOW, Duration::from_secs(minutes * 60))
}

fn desk() -> Recipient {
    Recipient::parse("desk@example.com").unwrap()
}

fn topic(name: &str) -> TopicName {
    TopicName::new(name)
}

fn berlin() -> TimeZone {
    TimeZone::get("Europe/Berlin").unwrap()
}

fn subscription(name: &str, to: &str, topics: &[&str], delivery: model::Delivery) -> Subscription {
    Subscription {
        name: SubscriptionName::new(name),
        to: vec![Recipient::parse(to).unwrap()],
        topics: TopicSelector::Named(topics.iter().map(|name| topic(name)).collect()),
        zone: berlin(),
        delivery,
    }
}

fn alert() -> Subscription {
    subscription("desk", "desk@example.com", &["metals"], model::Delivery::Alert(AlertPolicy::default()))
}

fn digest(escalate: Option<Line>) -> Subscription {
    let policy = DigestPolicy {
        at: vec![jiff::civil::time(7, 30, 0, 0)],
        on: Dates::Weekdays(Days::ALL),
        when_empty: WhenEmpty::Skip,
        escalate,
        summary: Summary::Digest,
    };
    subscription("boss", "boss@example.com", &["metals"], model::Delivery::Digest(policy))
}

fn feed() -> FeedReport {
    FeedReport {
        id: FeedId(1),
        url: "https://ledger.example/feed.xml".to_owned(),
        title: Some("Ledger".to_owned()),
        items: 9,
        last_poll_at: Some(ago(5)),
        last_ok_at: Some(ago(5)),
        next_poll_at: Some(time::after(NOW, Duration::from_secs(600))),
        failures: 0,
        last_failure: None,
        memory: FeedMemory::default(),
    }
}

fn failing() -> FeedReport {
    FeedReport {
        failures: 4,
        last_ok_at: Some(ago(3_000)),
        last_failure: Some(("client-error".to_owned(), "the server answered 404 Not Found".to_owned())),
        memory: FeedMemory { health: Health::Failing, ..FeedMemory::default() },
        ..feed()
    }
}

fn item() -> TracedItem {
    TracedItem {
        id: ItemId(4_711),
        feed: "Ledger".to_owned(),
        story: StoryId(12),
        title: "Gallium sales halted".to_owned(),
        link: Some("https://ledger.example/1".to_owned()),
        published_at: Some(ago(130)),
        first_seen_at: ago(120),
        announce: Announce::Yes,
        matches: vec![(topic("metals"), 1, ago(120))],
        story_items: 3,
        story_feeds: 2,
    }
}

fn mail(state: MailState, attempts: u32, minutes: u64, note: &str) -> TracedMail {
    TracedMail {
        report: OutboxReport {
            id: NotificationId("abc".to_owned()),
            kind: "alert",
            state,
            to: desk(),
            subject: "Gallium sales halted".to_owned(),
            attempts,
            created_at: ago(minutes),
            next_attempt_at: Some(time::after(NOW, Duration::from_secs(300))),
            sent_at: Some(ago(minutes)),
            note: Some(note.to_owned()),
        },
        subscription: SubscriptionName::new("desk"),
        settled_at: Some(ago(minutes)),
    }
}

fn setting() -> Setting {
    Setting {
        now: NOW,
        since: ago(7 * 24 * 60),
        zone: berlin(),
        to: None,
        subscriptions: vec![alert(), digest(None)],
        topics: vec![topic("metals")],
        overdue_since: None,
        mail_host: "example.com".to_owned(),
    }
}

fn article(found: Found) -> Facts {
    Facts {
        setting: setting(),
        feeds: vec![FeedFacts::of(&feed(), None)],
        subject: Subject::Article(Box::new(Article {
            url: "https://ledger.example/1".parse().unwrap(),
            site: "ledger.example".to_owned(),
            found,
        })),
    }
}

fn stored(deliveries: Vec<Delivery>) -> Stored {
    Stored { item: item(), others: 0, judged: Vec::new(), changed: Vec::new(), deliveries }
}

fn delivery(fate: Fate) -> Delivery {
    let subscription = SubscriptionName::new("desk");
    Delivery { subscription, to: desk(), way: Way::Alert, zone: berlin(), fate }
}

fn with_fate(fate: Fate) -> Facts {
    article(Found::Stored(Box::new(stored(vec![delivery(fate)]))))
}

fn settled(reason: &str, told: Option<TracedMail>) -> Facts {
    with_fate(Fate::Settled { reason: reason.to_owned(), at: ago(100), told: told.map(Box::new) })
}

fn period(activity: Activity, waits: Vec<Waiting>) -> Facts {
    let of = Of::Topic { name: topic("metals"), title: "metals".to_owned() };
    Facts {
        setting: setting(),
        feeds: vec![FeedFacts::of(&feed(), None)],
        subject: Subject::Period(Box::new(Period { of, activity, waits, near: Near::default() })),
    }
}

/// A week in which three items of two stories matched.
fn week(mails: Vec<TracedMail>) -> Activity {
    let last = LastMatch {
        item: ItemId(4_711),
        topic: topic("metals"),
        at: ago(120),
        title: "Gallium sales halted".to_owned(),
        feed: "Ledger".to_owned(),
    };
    Activity { read: 40, matched: 3, stories: 2, last: vec![last], mails, ..Activity::default() }
}

/// Where it stopped, why, and that a remedy is named; what else is said must hold `words`.
#[track_caller]
fn stops(facts: &Facts, step: Step, code: &str, words: &str) -> Answer {
    let answer = walk(facts);
    let stop = answer.stop().unwrap_or_else(|| panic!("it went through: {answer:#?}"));
    assert_eq!((stop.step, stop.code, answer.verdict), (step, code, Verdict::Stopped), "{answer:#?}");
    assert!(stop.remedy.as_ref().is_some_and(|remedy| !remedy.is_empty()), "{stop:#?}");
    says(&answer, words);
    answer
}

#[track_caller]
fn waits(facts: &Facts, code: &str, words: &str) {
    let answer = walk(facts);
    let stop = answer.stop().map(|stop| (stop.code, stop.mark));
    assert_eq!((stop, answer.verdict), (Some((code, Mark::Waits)), Verdict::Waits), "{answer:#?}");
    says(&answer, words);
}

#[track_caller]
fn says(answer: &Answer, words: &str) {
    let found = answer.findings.iter().any(|finding| {
        let lines = [&finding.says].into_iter().chain(&finding.details).chain(&finding.remedy);
        lines.into_iter().any(|line| line.contains(words))
    });
    assert!(found, "no `{words}` in {answer:#?}");
}

fn mark_of(answer: &Answer, step: Step) -> (Mark, &'static str) {
    let finding = answer.findings.iter().find(|finding| finding.step == step).unwrap();
    (finding.mark, finding.code)
}

#[test]
fn every_answer_has_each_step_once_in_order() {
    for facts in [article(Found::Unknown), settled("muted", None), period(Activity::default(), Vec::new())] {
        let steps: Vec<Step> = walk(&facts).findings.iter().map(|finding| finding.step).collect();
        assert_eq!(steps.len(), 7);
        assert!(steps.is_sorted(), "{steps:?}");
    }
}

#[test]
fn a_reader_nobody_mails_to_is_told_with_the_nearest_address() {
    let mut facts = article(Found::Unknown);
    facts.setting.to = Some(Recipient::parse("dask@example.com").unwrap());
    stops(&facts, Step::Configuration, "reader-unknown", "did you mean desk@example.com?");
}

#[test]
fn a_topic_that_no_subscription_takes_stops_at_the_configuration() {
    let mut facts = period(week(Vec::new()), Vec::new());
    facts.setting.topics = vec![topic("ports")];
    stops(&facts, Step::Configuration, "no-subscription", "no subscription takes it");
    facts.setting.topics = Vec::new();
    stops(&facts, Step::Configuration, "no-topic", "no topic is in force");
    // Another reader has it, this one does not.
    let mut facts = period(week(Vec::new()), Vec::new());
    facts.setting.subscriptions =
        vec![alert(), subscription("b", "b@example.com", &["ports"], alert().delivery)];
    facts.setting.to = Some(Recipient::parse("b@example.com").unwrap());
    stops(&facts, Step::Configuration, "no-subscription", "takes it for b@example.com");
}

#[test]
fn a_topic_of_digests_only_is_said_to_be_one() {
    let mut facts = with_fate(Fate::NotRouted { matched_at: ago(120) });
    facts.setting.subscriptions = vec![digest(None)];
    let answer = stops(&facts, Step::Configuration, "digest-only", "boss (boss@example.com)");
    assert!(!answer.sentence().contains("escalate"), "{}", answer.sentence());
    facts.setting.subscriptions = vec![digest(Some(Line { sources: Some(5), score: None }))];
    stops(&facts, Step::Configuration, "digest-only", "unless a story reaches the line of `escalate`");
}

#[test]
fn an_article_of_a_site_without_a_feed_stops_at_the_feeds() {
    let mut facts = article(Found::Unknown);
    facts.feeds.clear();
    stops(&facts, Step::Feeds, "no-feed", "`wirewatch feeds add ledger.example`");
}

#[test]
fn a_feed_that_cannot_be_read_is_where_it_stopped() {
    let mut facts = article(Found::Unknown);
    facts.feeds = vec![FeedFacts::of(&failing(), None)];
    stops(
        &facts,
        Step::Feeds,
        "feed-failing",
        "404 Not Found (4 times in a row, last read 2025-11-22 04:00 CET)",
    );
    let unread = FeedReport { last_ok_at: None, last_poll_at: None, ..feed() };
    facts.feeds = vec![FeedFacts::of(&unread, None)];
    stops(&facts, Step::Feeds, "feed-unread", "not read yet");
    facts.feeds = vec![FeedFacts::not_in_force(&"https://ledger.example/new".parse().unwrap(), None)];
    stops(&facts, Step::Feeds, "not-in-force", "systemctl reload wirewatch");
    // One that fails among others is a doubt.
    facts.feeds = vec![FeedFacts::of(&feed(), None), FeedFacts::of(&failing(), None)];
    let answer = stops(&facts, Step::Items, "item-unknown", "1 of 2 feeds that carry ledger.example");
    assert_eq!(mark_of(&answer, Step::Feeds), (Mark::Doubt, "feed-in-doubt"));
}

#[test]
fn a_service_that_visits_nothing_is_named_before_the_item() {
    let mut facts = article(Found::Unknown);
    facts.setting.overdue_since = Some(ago(90));
    stops(&facts, Step::Feeds, "service-idle", "due since 2025-11-24 04:30 CET");
    let mut facts = period(week(Vec::new()), Vec::new());
    facts.setting.overdue_since = Some(ago(90));
    stops(&facts, Step::Feeds, "service-idle", "systemctl status wirewatch");
}

#[test]
fn silence_and_gaps_put_a_feed_in_doubt() {
    let mut facts = article(Found::Unknown);
    let mut silent = feed();
    silent.memory.silent_since = Some(ago(2_000));
    facts.feeds = vec![FeedFacts::of(&silent, None)];
    let answer = stops(&facts, Step::Items, "item-unknown", "silent since");
    assert_eq!(mark_of(&answer, Step::Feeds), (Mark::Doubt, "feed-in-doubt"));
    facts.feeds = vec![FeedFacts::of(&feed(), Some((ago(300), Some(4))))];
    stops(&facts, Step::Items, "item-unknown", "at least 4, found 2025-11-24 01:00 CET");
    stops(&facts, Step::Items, "item-unknown", "lost between two visits of Ledger");
}

#[test]
fn an_article_that_was_not_read_says_when_the_feed_is_visited_next() {
    let facts = article(Found::Unknown);
    let answer = stops(&facts, Step::Items, "item-unknown", "the next visit is at 2025-11-24 06:10 CET");
    assert_eq!(mark_of(&answer, Step::Feeds), (Mark::Passed, "feeds-read"));
    assert_eq!(mark_of(&answer, Step::Matched), (Mark::NotReached, "not-reached"));
}

#[test]
fn an_article_that_was_removed_is_told_from_one_never_read() {
    let facts = article(Found::Pruned { feeds: vec!["Ledger".to_owned()] });
    stops(&facts, Step::Items, "item-pruned", "Ledger had it once");
}

#[test]
fn what_a_first_visit_found_is_baseline() {
    let mut stored = stored(Vec::new());
    stored.item.announce = Announce::Baseline;
    let facts = article(Found::Stored(Box::new(stored)));
    let answer = stops(&facts, Step::Items, "baseline", "on_add");
    assert_eq!(
        mark_of(&answer, Step::Matched),
        (Mark::Passed, "matched"),
        "it is known that it would have been news"
    );
    let activity = Activity { read: 5, baseline: 5, ..Activity::default() };
    stops(&period(activity, Vec::new()), Step::Items, "baseline", "all by first visits");
    let activity = Activity { read: 5, baseline: 4, matched: 1, matched_baseline: 1, ..Activity::default() };
    stops(&period(activity, Vec::new()), Step::Matched, "baseline", "all by first visits");
}

fn judged(name: &str, today: Today) -> Judged {
    Judged { topic: topic(name), today }
}

fn misses(because: &str, occurring: usize) -> Today {
    Today::Misses { because: because.to_owned(), lacking: 1, occurring }
}

#[test]
fn a_miss_names_the_clause_that_failed() {
    let mut stored = stored(Vec::new());
    stored.item.matches.clear();
    stored.judged = vec![judged("metals", misses("NEAR/8 failed: 18 words between", 2))];
    let mut facts = article(Found::Stored(Box::new(stored)));
    let words = "metals: NEAR/8 failed: 18 words between";
    let answer = stops(&facts, Step::Matched, "not-matched", words);
    assert!(answer.sentence().contains("does not match metals"), "{}", answer.sentence());
    says(&answer, "`wirewatch explain 4711 --topic metals`");
    let Subject::Article(article) = &mut facts.subject else { panic!() };
    let Found::Stored(stored) = &mut article.found else { panic!() };
    stored.judged.extend((0..3).map(|n| judged(&format!("t{n}"), misses("nothing occurs", 0))));
    let answer = stops(&facts, Step::Matched, "not-matched", "it matches none of 4 topics");
    says(&answer, "t1: none of its words occurs");
    assert!(!format!("{answer:?}").contains("t2"), "only the nearest are named: {answer:#?}");
}

#[test]
fn rules_that_are_newer_than_the_item_are_told_from_rules_that_fail() {
    let mut stored = stored(Vec::new());
    stored.item.matches.clear();
    stored.judged = vec![judged("metals", Today::Matches)];
    stops(
        &article(Found::Stored(Box::new(stored))),
        Step::Matched,
        "rules-changed",
        "today's rules of metals take it",
    );
    let mut stored =
        self::stored(vec![delivery(Fate::Mailed(Box::new(mail(MailState::Sent, 1, 110, "250 ok"))))]);
    stored.changed = vec![topic("metals")];
    says(&walk(&article(Found::Stored(Box::new(stored)))), "the rules of metals have changed since");
}

#[test]
fn a_match_that_nobody_was_to_hear_of_says_so() {
    let facts = with_fate(Fate::NotRouted { matched_at: ago(120) });
    stops(&facts, Step::Grouped, "not-routed", "nothing was noted when it matched, 2025-11-24 04:00 CET");
}

#[test]
fn a_match_whose_subscription_went_away_says_so() {
    let gone = Fate::Settled { reason: "subscription-gone".to_owned(), at: ago(100), told: None };
    let gone = Delivery { way: Way::Gone, ..delivery(gone) };
    let facts = article(Found::Stored(Box::new(stored(vec![gone]))));
    stops(&facts, Step::Grouped, "subscription-gone", "left the configuration");
    // A reader who has another is not told of the old one.
    let gone = Fate::Settled { reason: "subscription-gone".to_owned(), at: ago(100), told: None };
    let gone = Delivery { way: Way::Gone, subscription: SubscriptionName::new("old"), ..delivery(gone) };
    let mailed = delivery(Fate::Mailed(Box::new(mail(MailState::Sent, 1, 110, "250 ok"))));
    let answer = walk(&article(Found::Stored(Box::new(stored(vec![gone, mailed])))));
    assert_eq!(answer.verdict, Verdict::Sent, "{answer:#?}");
    let activity = Activity { settled: vec![("subscription-gone".to_owned(), 3)], ..week(Vec::new()) };
    stops(
        &period(activity, Vec::new()),
        Step::Grouped,
        "subscription-gone",
        "gave the topic or the reader up",
    );
}

#[test]
fn a_story_told_before_names_the_mail_that_told_it() {
    let facts = settled("already-alerted", Some(mail(MailState::Sent, 1, 110, "250 ok")));
    let answer = walk(&facts);
    assert_eq!(answer.verdict, Verdict::Sent, "{answer:#?}");
    assert_eq!(mark_of(&answer, Step::Grouped), (Mark::Passed, "already-told"));
    says(&answer, "told of the story before, and this brought no news");
    says(&answer, "Message-ID <abc@example.com>");
    let pruned = walk(&settled("already-alerted", None));
    assert_eq!(
        pruned.sentence(),
        "Nothing stopped it: the mail that told of the story is not stored any more."
    );
    let activity = Activity { settled: vec![("already-alerted".to_owned(), 3)], ..week(Vec::new()) };
    let answer = walk(&period(activity, Vec::new()));
    assert_eq!(
        (answer.verdict, mark_of(&answer, Step::Sent)),
        (Verdict::Sent, (Mark::Passed, "already-told"))
    );
}

#[test]
fn a_muted_story_names_the_command_that_takes_the_mute_back() {
    let words = "`wirewatch mute 12 --to desk@example.com --remove`";
    stops(&settled("muted", None), Step::Grouped, "muted", words);
    let activity = Activity { settled: vec![("muted".to_owned(), 3)], ..week(Vec::new()) };
    stops(&period(activity, Vec::new()), Step::Grouped, "muted", "`wirewatch mute --list`");
}

#[test]
fn what_is_held_waits_until_a_local_time() {
    let until = time::after(NOW, Duration::from_secs(3_600));
    let check = |reason, code: &str, words: &str| {
        waits(&with_fate(Fate::Waits { reason, until }), code, words);
        waits(&with_fate(Fate::Waits { reason, until }), code, "until 2025-11-24 07:00 CET");
        let waiting = Waiting {
            subscription: SubscriptionName::new("desk"),
            to: desk(),
            matched_at: ago(3),
            wait: Some((reason, until)),
        };
        waits(&period(week(Vec::new()), vec![waiting]), code, words);
    };
    check(WaitReason::Quiet, "quiet", "quiet hours");
    check(WaitReason::RateLimited, "rate-limited", "`max_per_hour` (it is used up");
    check(WaitReason::Grouping, "grouping", "`group_wait`");
    check(WaitReason::UpdateGap, "update-gap", "`update_every`");
}

#[test]
fn a_digest_beside_an_alert_that_went_out_stops_nothing() {
    let mailed = delivery(Fate::Mailed(Box::new(mail(MailState::Sent, 1, 110, "250 ok"))));
    let until = time::after(NOW, Duration::from_secs(5_400));
    let collected = Delivery {
        subscription: SubscriptionName::new("boss"),
        way: Way::Digest,
        ..delivery(Fate::Waits { reason: WaitReason::UntilDigest, until })
    };
    let answer = walk(&article(Found::Stored(Box::new(stored(vec![mailed, collected])))));
    assert_eq!(answer.verdict, Verdict::Sent, "{answer:#?}");
    says(&answer, "(boss) collected for the next digest, until 2025-11-24 07:30 CET");
}

#[test]
fn a_mail_for_two_subscriptions_of_a_reader_stands_once() {
    let mailed = || delivery(Fate::Mailed(Box::new(mail(MailState::Sent, 1, 110, "250 ok"))));
    let answer = walk(&article(Found::Stored(Box::new(stored(vec![mailed(), mailed()])))));
    assert_eq!(answer.findings.last().map(|sent| sent.details.len()), Some(0), "{answer:#?}");
}

#[test]
fn what_is_due_and_not_mailed_is_late_after_ten_minutes() {
    let since = time::before(NOW, LATE);
    waits(&with_fate(Fate::Due { since }), "due", "due now");
    let since = time::before(since, Duration::from_millis(1));
    stops(&with_fate(Fate::Due { since }), Step::Held, "planner-late", "is the service running?");
    let waiting =
        Waiting { subscription: SubscriptionName::new("desk"), to: desk(), matched_at: since, wait: None };
    stops(&period(week(Vec::new()), vec![waiting]), Step::Held, "planner-late", "matches are due");
}

#[test]
fn a_mail_is_told_in_each_state() {
    let fate = |mail: TracedMail| with_fate(Fate::Mailed(Box::new(mail)));
    let sent = walk(&fate(mail(MailState::Sent, 2, 110, "250 2.0.0 queued as 9F")));
    assert_eq!(sent.verdict, Verdict::Sent);
    let words = "handed over 2025-11-24 04:10 CET after 2 attempts: 250 2.0.0 queued as 9F; Message-ID <abc@example.com>";
    says(&sent, words);
    assert!(
        sent.sentence().starts_with("Nothing stopped it: the alert to desk@example.com"),
        "{}",
        sent.sentence()
    );
    let queued = |millis: u64| {
        let mut queued = mail(MailState::Queued, 0, 0, "");
        queued.report.created_at = time::before(NOW, LATE + Duration::from_millis(millis));
        fate(queued)
    };
    waits(&queued(0), "mail-queued", "waits for its first attempt");
    stops(&queued(1), Step::Sent, "mailer-late", "without an attempt");
    let deferred = |millis: u64| {
        let mut deferred = mail(MailState::Queued, 3, 0, "451 try later");
        deferred.report.created_at = time::before(NOW, STUCK + Duration::from_millis(millis));
        fate(deferred)
    };
    let words = "failed 3 attempts so far, the next 2025-11-24 06:05 CET: 451 try later";
    waits(&deferred(0), "mail-deferred", words);
    stops(&deferred(1), Step::Sent, "mail-deferred", "`wirewatch mail test`");
    waits(&fate(mail(MailState::Leased, 1, 1, "")), "mail-leased", "is being sent");
    let dead = mail(MailState::Dead, 1, 60, "550 no such user");
    stops(&fate(dead.clone()), Step::Sent, "mail-dead", "was given up");
    stops(&period(week(vec![dead.clone()]), Vec::new()), Step::Sent, "mail-dead", "550 no such user");
    // A dead one among others that went out is a doubt.
    let mails = vec![mail(MailState::Sent, 1, 10, "250 ok"), dead];
    let answer = walk(&period(week(mails), Vec::new()));
    assert_eq!((answer.verdict, mark_of(&answer, Step::Sent)), (Verdict::Sent, (Mark::Doubt, "mail-dead")));
}

#[test]
fn the_worst_that_happened_to_any_reader_decides() {
    let mailed = delivery(Fate::Mailed(Box::new(mail(MailState::Sent, 1, 110, "250 ok"))));
    let until = time::after(NOW, Duration::from_secs(3_600));
    let other = |fate| Delivery { to: Recipient::parse("b@example.com").unwrap(), ..delivery(fate) };
    let held = || other(Fate::Waits { reason: WaitReason::Quiet, until });
    let dead = delivery(Fate::Mailed(Box::new(mail(MailState::Dead, 1, 60, "550 no such user"))));
    waits(&article(Found::Stored(Box::new(stored(vec![mailed, held()])))), "quiet", "b@example.com");
    let facts = article(Found::Stored(Box::new(stored(vec![dead, held()]))));
    stops(&facts, Step::Sent, "mail-dead", "for b@example.com (desk) held by quiet hours");
}

#[test]
fn a_topic_that_is_silent_says_what_nearly_matched() {
    let mut facts = period(Activity { read: 40, ..Activity::default() }, Vec::new());
    stops(&facts, Step::Matched, "nothing-matched", "`wirewatch backtest --topic metals`");
    let Subject::Period(period) = &mut facts.subject else { panic!() };
    let miss = NearMiss {
        item: 7,
        at: ago(30),
        title: "Gallium sold".to_owned(),
        because: "NEAR/8 failed: 9 words between".to_owned(),
    };
    period.near = Near { judged: 40, total: 1, misses: vec![miss] };
    let answer = stops(&facts, Step::Matched, "nothing-matched", "of the newest 40 items, 1 nearly did");
    says(&answer, "nearly: item 7, 2025-11-24 05:30 CET, Gallium sold: NEAR/8 failed: 9 words between");
    says(&answer, "`wirewatch explain 7 --topic metals`");
    let nothing = self::period(Activity::default(), Vec::new());
    stops(&nothing, Step::Items, "nothing-read", "nothing new was read since 2025-11-17 06:00 CET");
}

#[test]
fn a_topic_that_fares_well_gives_its_figures() {
    let answer = walk(&period(week(vec![mail(MailState::Sent, 1, 110, "250 ok")]), Vec::new()));
    assert_eq!((answer.verdict, answer.stop()), (Verdict::Sent, None), "{answer:#?}");
    for words in [
        "1 of 1 feeds read",
        "40 items read since 2025-11-17 06:00 CET",
        "3 items matched metals, the latest 2025-11-24 04:00 CET",
        "item 4711, 2025-11-24 04:00 CET, Ledger: Gallium sales halted",
        "2 stories",
        "1 alert mail, 1 handed over",
    ] {
        says(&answer, words);
    }
    stops(&period(week(Vec::new()), Vec::new()), Step::Sent, "not-routed", "no alert came of them");
}

#[test]
fn a_topic_says_which_of_all_feeds_are_in_trouble() {
    let mut facts = period(week(vec![mail(MailState::Sent, 1, 110, "250 ok")]), Vec::new());
    facts.feeds = vec![FeedFacts::of(&feed(), None), FeedFacts::of(&failing(), None)];
    let answer = walk(&facts);
    assert_eq!(mark_of(&answer, Step::Feeds), (Mark::Doubt, "feed-in-doubt"));
    says(&answer, "1 of 2 feeds read, 1 in doubt");
    facts.feeds = vec![FeedFacts::of(&failing(), None)];
    stops(&facts, Step::Feeds, "feed-failing", "404 Not Found");
    facts.feeds.clear();
    stops(&facts, Step::Feeds, "no-feed", "no feed is configured");
}

#[test]
fn lists_are_cut_with_the_number_left_out() {
    let names = |n: usize| (0..n).map(|n| n.to_string());
    assert_eq!(walk::list(names(MAX_NAMED)), "0, 1, 2, 3, 4");
    assert_eq!(walk::list(names(MAX_NAMED + 1)), "0, 1, 2, 3, 4 and 1 more");
    assert_eq!(walk::lines(names(MAX_NAMED).collect()).len(), MAX_NAMED);
    assert_eq!(walk::lines(names(MAX_NAMED + 2).collect())[MAX_NAMED], "and 2 more");
}
