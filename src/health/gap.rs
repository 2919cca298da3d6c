//! Gaps: two polls of a feed that share no item, so that what stood between them may have been missed.
//!
//! Data in: how the items of a body compare with those of the body before. Data out: an event, and the evidence on which
//! later bodies are judged.
//!
//! A feed is a window over what its publisher writes. Usually new items push old ones out one by one, and a poll that
//! comes in time finds some of the old ones still there. Where none is left, more may have gone by than the window
//! holds. It need not be so: a feed that is written anew each morning shares nothing with the day before either, and
//! loses nothing. What tells them apart:
//! * The window is about as full as before. One that was emptied shows all that came since.
//! * The feed was seen to push items out one by one (`rolling`): then a window without overlap is out of its ways. Each
//!   window without overlap halves that evidence.
//! * Or so much is written between two polls, by the pace learned, that a good part of a window goes by. A daily
//!   edition of ten items, visited every 15 minutes, writes a tenth of an item in that time.
//!
//! **Invariant:** nothing is said of windows of one item, of first polls, of renumbered items, or after a move.
//! **Invariant:** what counts as overlap is an item of the body before, not any that was ever known: a feed that brings
//! up old items at random has no overlap because of them.
//!
//! Known limit: an item that is pinned to the window for ever counts as overlap and hides gaps.
//!
//! Rejected: to compare publication dates. A third of the feeds have none, or those of their last edit.

use std::time::Duration;

use super::words;
use crate::model::{Counted, EventKind, FeedEvent, FeedMemory, Pace, Timestamp, time};

/// A window of fewer items cannot overlap and move on at once.
const LEAST_ITEMS: u32 = 2;
/// A body that has less than this part of the window before, in percent, was emptied.
const FULL_PERCENT: u32 = 75;
/// A feed with so much evidence is known to push its items out one by one.
const ROLLING: u32 = 3;
/// No more evidence than this is kept.
const MOST_ROLLING: u32 = 32;
/// Where by its pace at least this part of a window is written between two polls, in percent, one may go by unseen.
const OVERRUN_PERCENT: f64 = 25.0;
/// A feed that is read too seldom loses items at each poll; it is said this often.
const SAY_EVERY: Duration = Duration::from_secs(6 * 3_600);
/// A pace is told low where so many gaps between news were seen, in so long: with a weekend among them.
const LEAST_GAPS: u32 = 20;
const LEAST_WATCHED: Duration = Duration::from_secs(7 * 86_400);
/// So many standard deviations of a count below it is low (measured on simulated feeds: see `simulated.rs`).
const DEVIATIONS: f64 = 2.0;
/// No more than this are said to be missed.
const MOST_MISSED: u32 = 100_000;

/// Judges one body; `memory` is as of the body before.
pub(super) fn look(at: Timestamp, memory: &mut FeedMemory, counted: &Counted, events: &mut Vec<FeedEvent>) {
    let window = memory.window_items;
    memory.window_items = counted.read;
    if counted.baseline || counted.moved || counted.renumbered > 0 || counted.fresh == 0 {
        return;
    }
    if counted.kept > 0 {
        memory.rolling = memory.rolling.saturating_add(1).min(MOST_ROLLING);
        return;
    }
    let comparable = window >= LEAST_ITEMS && counted.read >= LEAST_ITEMS && counted.fresh == counted.read;
    let full = counted.read.saturating_mul(100) >= window.saturating_mul(FULL_PERCENT);
    if !comparable || !full {
        return;
    }
    let passed = counted.since.map_or(Duration::ZERO, |since| time::between(since, at));
    let written = expected(at, memory, passed);
    let overrun = written * 100.0 >= f64::from(window) * OVERRUN_PERCENT;
    let unusual = memory.rolling >= ROLLING;
    memory.rolling /= 2;
    if !overrun && !unusual || memory.gap_at.is_some_and(|last| at < time::after(last, SAY_EVERY)) {
        return;
    }
    memory.gap_at = Some(at);
    let least = least(&memory.pace, passed, counted.read);
    events.push(FeedEvent {
        kind: EventKind::Gap,
        at,
        count: Some(least),
        detail: detail(counted, window, passed, (least, written)),
    });
}

/// How many items were missed at the least, where any were: what the feed writes in `passed` less the longest it was ever
/// seen to be silent, at a pace that is low for what was seen of it, less what was read. Of a feed that little is known of,
/// 1.
fn least(pace: &Pace, passed: Duration, read: u32) -> u32 {
    if pace.gaps < LEAST_GAPS || pace.span < LEAST_WATCHED {
        return 1;
    }
    let low = |items: f64| (items - DEVIATIONS * items.sqrt()).max(0.0);
    let share = passed.saturating_sub(pace.longest_gap).as_secs_f64() / pace.span.as_secs_f64();
    let missed = low(low(pace.items()) * share) - f64::from(read);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small, and not below 1")]
    let missed = missed.floor().clamp(1.0, f64::from(MOST_MISSED)) as u32;
    missed
}

/// Items the feed writes in `passed`, by its pace before this body.
fn expected(at: Timestamp, memory: &FeedMemory, passed: Duration) -> f64 {
    memory.pace.items_a_day(time::before(at, passed)) * passed.as_secs_f64() / 86_400.0
}

fn detail(counted: &Counted, window: u32, passed: Duration, (least, written): (u32, f64)) -> String {
    let missed = (written - f64::from(counted.read)).round();
    let guess = if missed > f64::from(least) {
        format!(", by its usual pace about {missed:.0}")
    } else {
        String::new()
    };
    format!(
        "possible gap: all {} are new, and none of the {window} read {} before is still there; at least {least} may have \
         been missed{guess}",
        words::items(counted.read),
        words::span(passed),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Pace;

    const HOUR: Duration = Duration::from_secs(3_600);

    fn noon() -> Timestamp {
        time::from_millis(1_750_000_000_000)
    }

    /// A feed of a window of 20, visited an hour ago, with so many items a day.
    fn feed(rolling: u32, a_day: u32) -> FeedMemory {
        let start = Pace { at: Some(time::before(noon(), 200 * HOUR)), ..Pace::default() };
        let pace = (0..8).fold(start, |pace, day| {
            pace.with(time::before(noon(), (192 - 24 * day) * HOUR), a_day, 0, None)
        });
        FeedMemory { window_items: 20, rolling, pace, ..FeedMemory::default() }
    }

    fn disjoint() -> Counted {
        Counted { read: 20, fresh: 20, since: Some(time::before(noon(), HOUR)), ..Counted::default() }
    }

    #[test]
    fn a_window_without_overlap_is_a_gap_where_that_is_not_the_feeds_way() {
        let check = |memory: FeedMemory, counted: Counted, want: bool, why: &str| {
            let (mut after, mut events) = (memory, Vec::new());
            look(noon(), &mut after, &counted, &mut events);
            assert_eq!(!events.is_empty(), want, "{why}");
        };
        check(feed(3, 10), disjoint(), true, "a feed that pushes out");
        check(feed(2, 10), disjoint(), false, "too little evidence, and a quiet feed");
        check(feed(0, 500), disjoint(), true, "20 items an hour in a window of 20");
        let long = Counted { since: Some(time::before(noon(), 72 * HOUR)), ..disjoint() };
        check(feed(0, 10), long, true, "three days at ten a day");
        check(feed(0, 0), Counted { since: None, ..disjoint() }, false, "nothing known");
        check(feed(9, 10), Counted { kept: 1, fresh: 19, ..disjoint() }, false, "one is still there");
        check(
            feed(9, 10),
            Counted { fresh: 19, ..disjoint() },
            false,
            "an old item came back: no order to go by",
        );
        check(feed(9, 10), Counted { baseline: true, ..disjoint() }, false, "the first poll");
        check(feed(9, 10), Counted { moved: true, ..disjoint() }, false, "another address");
        check(feed(9, 10), Counted { renumbered: 1, ..disjoint() }, false, "renumbered");
        check(feed(9, 10), Counted { read: 15, fresh: 15, ..disjoint() }, true, "as full as a window is");
        check(
            feed(9, 10),
            Counted { read: 14, fresh: 14, ..disjoint() },
            false,
            "emptied, then filled again",
        );
        let small = |window| FeedMemory { window_items: window, ..feed(9, 10) };
        let of = |read| Counted { read, fresh: read, ..disjoint() };
        check(small(2), of(2), true, "two items");
        check(small(1), of(2), false, "a window of one");
        check(small(2), of(1), false, "now of one");
        let said = |hours| FeedMemory { gap_at: Some(time::before(noon(), hours * HOUR)), ..feed(9, 10) };
        check(said(6), disjoint(), true, "said six hours ago");
        check(said(5), disjoint(), false, "said five hours ago");
    }

    #[test]
    fn the_words_say_what_is_known_and_what_is_guessed() {
        let say = |a_day| {
            let (mut memory, mut events) = (feed(3, a_day), Vec::new());
            look(noon(), &mut memory, &disjoint(), &mut events);
            events.remove(0)
        };
        assert_eq!(say(10).count, Some(1));
        assert_eq!(
            say(10).detail,
            "possible gap: all 20 items are new, and none of the 20 read 1 h before is still there; at least 1 may have \
             been missed"
        );
        assert!(say(1_500).detail.contains("missed, by its usual pace about "), "{}", say(1_500).detail);
    }

    #[test]
    fn how_many_at_least_is_told_of_feeds_that_are_known_well_enough() {
        // 400 items in ten days, never silent for more than six hours.
        let pace = Pace {
            items_micro: 400_000_000,
            span: 240 * HOUR,
            longest_gap: 6 * HOUR,
            gaps: LEAST_GAPS,
            ..Pace::default()
        };
        let check = |pace: &Pace, hours: u32, read: u32, expect: u32| {
            assert_eq!(least(pace, hours * HOUR, read), expect, "{hours} h, {read} read");
        };
        // (400 - 2 * 20) items in 240 h are 1.5 an hour: 36 in 24 h, less 12 for chance.
        check(&pace, 30, 10, 14);
        check(&pace, 30, 22, 2);
        check(&pace, 30, 23, 1);
        check(&pace, 30, 30, 1);
        check(&pace, 6, 10, 1);
        check(&Pace { gaps: LEAST_GAPS - 1, ..pace }, 30, 10, 1);
        check(&Pace { span: LEAST_WATCHED, ..pace }, 30, 10, 27);
        check(&Pace { span: LEAST_WATCHED - HOUR, ..pace }, 30, 10, 1);
        check(&Pace { items_micro: u64::MAX, ..pace }, 30, 10, MOST_MISSED);
    }

    #[test]
    fn evidence_grows_with_overlap_and_is_halved_without() {
        let mut memory = feed(0, 0);
        for _ in 0..40 {
            look(
                noon(),
                &mut memory,
                &Counted { kept: 19, fresh: 1, read: 20, ..Counted::default() },
                &mut Vec::new(),
            );
        }
        assert_eq!(memory.rolling, MOST_ROLLING);
        look(noon(), &mut memory, &disjoint(), &mut Vec::new());
        assert_eq!(memory.rolling, MOST_ROLLING / 2);
    }
}
