//! Condition, moving and gone, poll by poll.

use std::time::Duration;

use url::Url;

use super::*;
use crate::model::{FailureKind, FeedId, FeedSpec, OnAdd, PollFailure, Validators, time};

const HOUR: u64 = 3_600;
const DAY: u64 = 86_400;

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

/// A feed, its polls so far, and what happened to it.
struct Run {
    state: FeedState,
    now: Timestamp,
    happened: Vec<EventKind>,
}

impl Run {
    fn of(address: &str) -> Self {
        let interval = Duration::from_secs(900);
        let spec = FeedSpec { url: url(address), title: None, interval, on_add: OnAdd::Baseline };
        let state = FeedState::unread(FeedId(1), spec, Timestamp::UNIX_EPOCH);
        Self { state, now: time::from_millis(1_700_000_000_000), happened: Vec::new() }
    }

    fn take(&mut self, learned: Learned) {
        self.state.memory = learned.memory;
        self.happened.extend(learned.events.iter().map(|event| event.kind));
    }

    /// A poll after so many seconds.
    fn poll(&mut self, after: u64, outcome: &PollOutcome, redirects: &[Redirect]) {
        self.now = time::after(self.now, Duration::from_secs(after));
        let seen = Observation { outcome, redirects, asked: Asked::InFull, hints: None };
        let judged = judge(self.now, &self.state, &seen);
        self.take(judged);
        let failed = matches!(outcome, PollOutcome::Failed(_));
        self.state.failures = if failed { self.state.failures + 1 } else { 0 };
    }

    fn fails(&mut self, after: u64, kind: FailureKind) {
        let message = "it failed".to_owned();
        self.poll(after, &PollOutcome::Failed(PollFailure { kind, message, retry_at: None }), &[]);
    }

    fn answers(&mut self, after: u64, redirects: &[(u16, &str)]) {
        let redirects: Vec<Redirect> =
            redirects.iter().map(|(status, to)| Redirect { status: *status, to: url(to) }).collect();
        self.poll(after, &PollOutcome::NotModified { validators: Validators::default() }, &redirects);
    }

    /// An answer with so many items, of which some were not known.
    fn brings(&mut self, redirects: &[(u16, &str)], read: u32, fresh: u32) {
        let redirects: Vec<Redirect> =
            redirects.iter().map(|(status, to)| Redirect { status: *status, to: url(to) }).collect();
        let outcome = PollOutcome::Modified {
            validators: Validators::default(),
            body_hash: 0,
            title: None,
            items: Vec::new(),
            warnings: Vec::new(),
        };
        self.poll(900, &outcome, &redirects);
        let learned = learn(self.now, &self.state.memory, &Counted { read, fresh, ..Counted::default() });
        self.take(learned);
    }
}

#[test]
fn a_failing_feed_goes_down_edge_by_edge_and_comes_back_with_one() {
    use EventKind::{Degraded, Dormant, Failing, Recovered};
    let mut run = Run::of("https://a.example/feed");
    run.answers(900, &[]);
    run.fails(900, FailureKind::Timeout);
    run.fails(6 * HOUR - 1, FailureKind::Timeout);
    assert_eq!(run.happened, [Degraded], "six hours are not over");
    run.fails(1, FailureKind::Timeout);
    assert_eq!((run.state.memory.health, rest(&run.state.memory)), (Health::Failing, None));
    run.fails(14 * DAY - 1, FailureKind::Timeout);
    assert_eq!(run.happened, [Degraded, Failing], "fourteen days are not over");
    run.fails(1, FailureKind::Timeout);
    assert_eq!(rest(&run.state.memory), Some(DORMANT_EVERY));
    run.fails(400 * DAY, FailureKind::Timeout);
    assert_eq!(run.happened, [Degraded, Failing, Dormant]);
    run.answers(DAY, &[]);
    assert_eq!(run.happened, [Degraded, Failing, Dormant, Recovered]);
    assert_eq!((run.state.memory.health, rest(&run.state.memory)), (Health::Ok, None));
    run.answers(900, &[]);
    assert_eq!(run.happened.len(), 4, "nothing changes without a reason");
}

#[test]
fn gone_is_believed_after_three_answers_over_three_days() {
    use EventKind::{Degraded, Dormant, Failing, Gone, Recovered};
    let mut run = Run::of("https://a.example/feed");
    run.answers(900, &[]);
    for _ in 0..10 {
        run.fails(HOUR, FailureKind::Gone);
    }
    assert!(!run.happened.contains(&Gone), "ten times in ten hours is no three days");
    run.fails(3 * DAY - 9 * HOUR - 1, FailureKind::Gone);
    run.fails(1, FailureKind::Gone);
    run.fails(DAY, FailureKind::Gone);
    assert_eq!(run.happened, [Degraded, Failing, Gone, Dormant]);
    assert_eq!(rest(&run.state.memory), Some(GONE_EVERY));
    run.fails(30 * DAY, FailureKind::Dns);
    assert_eq!(rest(&run.state.memory), Some(GONE_EVERY), "what is gone stays gone until it answers");
    run.answers(30 * DAY, &[]);
    assert_eq!(run.happened.last(), Some(&Recovered));
    assert_eq!((rest(&run.state.memory), run.state.memory.gone), (None, None));
}

#[test]
fn another_answer_begins_the_count_of_410_anew_and_no_answer_does_not() {
    let counted = |between: FailureKind| {
        let mut run = Run::of("https://a.example/feed");
        run.fails(0, FailureKind::Gone);
        run.fails(2 * DAY, FailureKind::Gone);
        run.fails(DAY, between);
        run.fails(DAY, FailureKind::Gone);
        run.happened.contains(&EventKind::Gone)
    };
    assert!(counted(FailureKind::Timeout));
    assert!(!counted(FailureKind::ClientError(404)));
    assert!(!counted(FailureKind::NotAFeed));
}

#[test]
fn a_permanent_redirect_is_adopted_with_the_third_poll_and_no_sooner() {
    let mut run = Run::of("http://a.example/feed");
    let to = "https://b.example/feed";
    run.answers(900, &[(301, to)]);
    run.answers(900, &[(301, to)]);
    assert_eq!((run.happened.len(), address(&run.state).as_str()), (0, "http://a.example/feed"));
    run.answers(900, &[(301, "https://a.example/feed"), (308, to)]);
    assert_eq!((&run.happened[..], address(&run.state).as_str()), (&[EventKind::Moved][..], to));
    assert_eq!(run.state.spec.url.as_str(), "http://a.example/feed", "the identity stays");
}

#[test]
fn what_is_not_permanent_steady_or_secure_is_not_adopted() {
    let check = |from: &str, polls: &[&[(u16, &str)]]| {
        let mut run = Run::of(from);
        for redirects in polls.iter().cycle().take(12) {
            run.answers(900, redirects);
        }
        assert_eq!(run.happened, [], "{from} {polls:?}");
    };
    let (http, https) = ("http://a.example/feed", "https://a.example/feed");
    for status in [302, 303, 307] {
        check(http, &[&[(status, "http://b.example/")]]);
    }
    check(http, &[&[(301, "http://b.example/"), (302, "http://c.example/")]]);
    check(http, &[&[(302, "http://b.example/"), (301, "http://c.example/")]]);
    check(http, &[&[(301, "http://b.example/")], &[(301, "http://c.example/")]]);
    check(http, &[&[(301, "http://b.example/")], &[(301, "http://b.example/")], &[]]);
    check(https, &[&[(301, "http://b.example/")]]);
    check(http, &[&[(301, "https://b.example/"), (301, "http://c.example/")]]);
    check(http, &[&[(301, "http://b.example/"), (301, http)]]);
}

#[test]
fn a_target_without_known_items_is_not_adopted() {
    let to = &[(301, "http://b.example/feed")][..];
    let mut run = Run::of("http://a.example/feed");
    for _ in 0..6 {
        run.brings(to, 10, 10);
    }
    assert_eq!(run.happened, []);
    run.brings(to, 10, 9);
    run.brings(to, 10, 9);
    assert_eq!(run.happened, [], "the count began anew");
    run.brings(to, 10, 9);
    assert_eq!(run.happened, [EventKind::Moved]);
}

#[test]
fn an_adopted_address_that_fails_is_given_up_for_the_configured_one() {
    let mut run = Run::of("http://a.example/feed");
    (0..3).for_each(|_| run.answers(900, &[(301, "http://b.example/feed")]));
    run.fails(900, FailureKind::ClientError(404));
    run.fails(900, FailureKind::RateLimited);
    run.fails(900, FailureKind::RateLimited);
    assert_eq!(address(&run.state).as_str(), "http://b.example/feed", "a busy server has not gone");
    run.fails(900, FailureKind::ClientError(404));
    assert_eq!(run.happened.last(), Some(&EventKind::MovedBack));
    assert_eq!(address(&run.state).as_str(), "http://a.example/feed");
}

#[test]
fn the_window_of_an_address_that_was_given_up_says_nothing_of_a_gap() {
    let mut run = Run::of("http://a.example/feed");
    (0..3).for_each(|_| run.answers(900, &[(301, "http://b.example/feed")]));
    (run.state.memory.rolling, run.state.memory.window_items) = (9, 10);
    (0..3).for_each(|_| run.fails(900, FailureKind::ClientError(404)));
    run.happened.clear();
    run.brings(&[], 10, 10);
    assert_eq!(run.happened, [EventKind::Recovered]);
}
