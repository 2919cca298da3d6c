//! Months of feeds of many rhythms, and how often silence and gaps are reported of them without reason.

use std::time::Duration;

use super::{Asked, Observation, judge, learn};
use crate::model::{
    Counted, EventKind, FeedId, FeedSpec, FeedState, OnAdd, PollOutcome, Timestamp, Validators, time,
};

const HOUR_S: u64 = 3_600;
/// A Monday.
const START_S: i64 = 1_750_032_000;

/// A generator of its own, so that the figures below are the same everywhere.
struct Dice(u64);

impl Dice {
    /// In [0, 1).
    fn roll(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let top = u32::try_from(self.0 >> 32).unwrap();
        f64::from(top) / (f64::from(u32::MAX) + 1.0)
    }
}

/// How many items a feed publishes within the hour that ends at `hour` since the start.
type Rhythm = fn(hour: u64, dice: &mut Dice) -> u32;

/// So many an hour at random, in steps of a tenth of an hour.
fn poisson(dice: &mut Dice, an_hour: f64) -> u32 {
    (0..10).filter(|_| dice.roll() < an_hour / 10.0).count().try_into().unwrap()
}

fn is_weekday(hour: u64) -> bool {
    (hour / 24) % 7 < 5
}

const RHYTHMS: &[(&str, Rhythm)] = &[
    ("48 a day at random", |_, dice| poisson(dice, 2.0)),
    ("5 a day at random", |_, dice| poisson(dice, 5.0 / 24.0)),
    ("1 a day at random", |_, dice| poisson(dice, 1.0 / 24.0)),
    ("2 a week at random", |_, dice| poisson(dice, 2.0 / 168.0)),
    ("office hours", |hour, dice| {
        let open = is_weekday(hour) && (8..18).contains(&(hour % 24));
        if open { poisson(dice, 1.5) } else { 0 }
    }),
    ("by day", |hour, dice| if (6..23).contains(&(hour % 24)) { poisson(dice, 1.0) } else { 0 }),
    ("an edition of 10 each morning", |hour, _| if hour % 24 == 6 { 10 } else { 0 }),
    ("a weekly", |hour, _| if hour % 168 == 30 { 10 } else { 0 }),
    (
        "bursts",
        |hour, dice| if (hour / 12) % 5 == 0 { poisson(dice, 3.0) } else { u32::from(dice.roll() < 0.002) },
    ),
];

/// How a body follows from what was published.
#[derive(Clone, Copy)]
enum Window {
    /// The newest so many.
    Newest(u64),
    /// The last lot that was published at once.
    LastEdition,
    /// What was published since midnight.
    Today,
}

/// A feed and what is known of it.
struct Sim {
    state: FeedState,
    /// Hour of each item.
    published: Vec<u64>,
    /// Items of the body before, as indexes.
    before: std::ops::Range<usize>,
    /// Items below were read.
    read: usize,
    events: Vec<(u64, EventKind)>,
    /// Of each gap: how many it was said to have at the least, and how many it had.
    gaps: Vec<(u32, usize)>,
}

impl Sim {
    fn new() -> Self {
        let spec = FeedSpec {
            url: url::Url::parse("https://a.example/feed").unwrap(),
            title: None,
            interval: Duration::from_secs(HOUR_S),
            on_add: OnAdd::Baseline,
        };
        let state = FeedState::unread(FeedId(1), spec, Timestamp::UNIX_EPOCH);
        Self { state, published: vec![0; 30], before: 0..0, read: 0, events: Vec::new(), gaps: Vec::new() }
    }

    fn poll(&mut self, hour: u64, window: Window) {
        let at = time::from_millis((START_S + i64::try_from(hour * HOUR_S).unwrap()) * 1_000);
        let end = self.published.len();
        let start = match window {
            Window::Newest(size) => end.saturating_sub(usize::try_from(size).unwrap()),
            Window::LastEdition => {
                let last = self.published.last().copied().unwrap_or(0);
                self.published.partition_point(|hour| *hour < last)
            }
            Window::Today => self.published.partition_point(|published| published / 24 < hour / 24),
        };
        let body = start..end;
        let first = self.state.baseline_at.is_none();
        let modified = first || body != self.before;
        let outcome = if modified {
            PollOutcome::Modified {
                validators: Validators::default(),
                body_hash: 0,
                title: None,
                items: Vec::new(),
                warnings: Vec::new(),
            }
        } else {
            PollOutcome::NotModified { validators: Validators::default() }
        };
        let seen =
            Observation { outcome: &outcome, redirects: &[], asked: Asked::Conditionally, hints: None };
        let mut learned = judge(at, &self.state, &seen);
        if modified {
            let count = |n: usize| u32::try_from(n).unwrap();
            let counted = Counted {
                baseline: first,
                read: count(body.len()),
                fresh: count(body.clone().filter(|index| *index >= self.read).count()),
                kept: count(body.clone().filter(|index| self.before.contains(index)).count()),
                since: self.state.last_ok_at,
                ..Counted::default()
            };
            let more = learn(at, &learned.memory, &counted);
            let missed = body.start.saturating_sub(self.read);
            let said = more.events.iter().filter(|event| event.kind == EventKind::Gap);
            self.gaps.extend(said.map(|event| (event.count.unwrap(), missed)));
            learned.memory = more.memory;
            learned.events.extend(more.events);
            self.state.baseline_at = self.state.baseline_at.or(Some(at));
            self.before = body;
            self.read = end;
        }
        self.state.last_ok_at = Some(at);
        self.state.next_poll_at = time::after(at, Duration::from_secs(HOUR_S));
        self.state.memory = learned.memory;
        self.events.extend(learned.events.iter().map(|event| (hour, event.kind)));
    }

    fn count(&self, kind: EventKind) -> usize {
        self.events.iter().filter(|(_, of)| *of == kind).count()
    }
}

/// `days` of one feed, visited each `every` hours but for those in `off`.
fn run(rhythm: Rhythm, window: Window, days: u64, every: u64, off: std::ops::Range<u64>, seed: u64) -> Sim {
    let (mut sim, mut dice) = (Sim::new(), Dice(seed));
    for hour in 1..days * 24 {
        for _ in 0..rhythm(hour, &mut dice) {
            sim.published.push(hour);
        }
        if hour % every == 0 && !off.contains(&hour) {
            sim.poll(hour, window);
        }
    }
    sim
}

#[test]
fn half_a_year_of_ordinary_rhythms_is_hardly_ever_called_silent_and_no_gap() {
    let mut silent = 0;
    for (name, rhythm) in RHYTHMS {
        let sims: Vec<Sim> =
            (0..20).map(|seed| run(*rhythm, Window::Newest(30), 180, 1, 0..0, seed + 1)).collect();
        let of = |kind| sims.iter().map(|sim| sim.count(kind)).sum::<usize>();
        println!("{name}: {} silent, {} gaps in 10 years", of(EventKind::Silent), of(EventKind::Gap));
        assert_eq!(of(EventKind::Gap), 0, "{name}");
        silent += of(EventKind::Silent);
    }
    println!("{silent} false silences in {} feed-years", RHYTHMS.len() * 10);
    assert!(silent <= 27, "{silent} in 90 feed-years; at most one in three years was to be");
}

#[test]
fn a_feed_that_stops_is_called_silent() {
    for (name, rhythm) in RHYTHMS {
        let stopped = 90 * 24;
        let (mut sim, mut dice) = (Sim::new(), Dice(7));
        for hour in 1..stopped {
            for _ in 0..rhythm(hour, &mut dice) {
                sim.published.push(hour);
            }
            sim.poll(hour, Window::Newest(30));
        }
        let already = sim.count(EventKind::Silent);
        (stopped..150 * 24).for_each(|hour| sim.poll(hour, Window::Newest(30)));
        assert_eq!(sim.count(EventKind::Silent), already + 1, "{name}");
        let days = (sim.events.last().unwrap().0 - stopped) / 24;
        println!("{name}: noticed after {days} days");
        assert!(days <= 35, "{name}: noticed after {days} days");
    }
}

#[test]
fn windows_that_are_written_anew_are_no_gaps() {
    let edition: Rhythm = |hour, _| if hour % 24 == 6 { 10 } else { 0 };
    let weekly: Rhythm = |hour, _| if hour % 168 == 30 { 10 } else { 0 };
    let slow: Rhythm = |_, dice| poisson(dice, 0.1);
    let by_day: Rhythm = |hour, dice| if (6..23).contains(&(hour % 24)) { poisson(dice, 1.0) } else { 0 };
    let check = |name: &str, rhythm: Rhythm, window: Window, every: u64| {
        let gaps: usize =
            (1..=10).map(|seed| run(rhythm, window, 180, every, 0..0, seed).count(EventKind::Gap)).sum();
        assert_eq!(gaps, 0, "{name}");
    };
    check("a daily edition of ten", edition, Window::LastEdition, 1);
    check("a weekly edition of ten", weekly, Window::LastEdition, 1);
    check("one item at a time", slow, Window::Newest(1), 1);
    check("emptied at midnight", by_day, Window::Today, 1);
}

#[test]
fn what_a_window_loses_is_reported() {
    let wire: Rhythm = |_, dice| poisson(dice, 9.0) * 10;
    let sim = run(wire, Window::Newest(20), 30, 1, 0..0, 3);
    assert!(sim.count(EventKind::Gap) >= 100, "each visit comes too late: {}", sim.count(EventKind::Gap));
    let daily: Rhythm = |_, dice| poisson(dice, 0.5);
    let check = |off: std::ops::Range<u64>, want: usize| {
        let sim = run(daily, Window::Newest(20), 60, 1, off.clone(), 5);
        assert_eq!(sim.count(EventKind::Gap), want, "off {off:?}");
    };
    check(700..708, 0);
    check(700..900, 1);
    let edition: Rhythm = |hour, _| if hour % 24 == 6 { 10 } else { 0 };
    let sim = run(edition, Window::LastEdition, 60, 1, 700..780, 5);
    assert_eq!(sim.count(EventKind::Gap), 1, "three editions went by");
}

#[test]
fn what_a_gap_is_said_to_have_at_the_least_is_no_more_than_it_has() {
    let (mut said, mut missed, mut gaps) = (0_u64, 0_u64, 0);
    for (name, rhythm) in RHYTHMS {
        for (size, hours) in
            [10, 30].into_iter().flat_map(|size| [12, 30, 60, 120, 250, 500].map(|h| (size, h)))
        {
            for seed in 1..=6 {
                let start = 60 * 24 + seed * 17;
                let sim = run(*rhythm, Window::Newest(size), 85, 1, start..start + hours, seed);
                for (least, had) in sim.gaps.iter().filter(|(_, had)| *had > 0) {
                    assert!(usize::try_from(*least).unwrap() <= *had, "{name}, {hours} h off, seed {seed}");
                    said += u64::from(*least);
                    missed += u64::try_from(*had).unwrap();
                    gaps += 1;
                }
            }
        }
    }
    println!("{gaps} gaps: {said} of {missed} missed items are said");
    assert!(said * 100 >= missed * 40, "{said} of {missed}");
}
