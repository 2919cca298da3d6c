//! Silence: a feed that answers, and has had nothing new for longer than is usual for it.
//!
//! Data in: the feed's pace, when it last had news. Data out: events when it falls silent and when it speaks again.
//!
//! Feeds have rhythms: nights, weekends, holidays, bursts. What is usual is therefore not the mean alone: three times
//! the mean gap, and at least twice the longest gap remembered, and at least a day.
//!
//! **Invariant:** nothing is said of a feed that was watched for less than two weeks or whose gaps were seen fewer than
//! twelve times.
//! **Invariant:** time in which the feed could not be read is no gap of its own.
//!
//! Rejected: three times the mean gap alone. Where items come at random one gap in twenty is longer than that.

use std::time::Duration;

use super::words;
use crate::model::{EventKind, FeedEvent, FeedMemory, Timestamp, time};

/// Times the mean gap.
const MEANS: u32 = 3;
/// Times the longest gap.
const LONGEST: u32 = 2;
/// No feed is silent before this.
const LEAST: Duration = Duration::from_secs(86_400);
/// Gaps that must have been seen.
const LEAST_GAPS: u32 = 12;
/// Time watched, as a pace remembers it: two weeks leave 14 × (1 − 1/e) days.
const LEAST_SPAN: Duration = Duration::from_secs(8 * 86_400 + 72_000);

/// After how long without news the feed counts as silent; `None` while too little is known of it.
pub(super) fn threshold(memory: &FeedMemory) -> Option<Duration> {
    let pace = &memory.pace;
    if pace.gaps < LEAST_GAPS || pace.span < LEAST_SPAN {
        return None;
    }
    let mean = pace.mean_gap()?;
    Some(mean.saturating_mul(MEANS).max(pace.longest_gap.saturating_mul(LONGEST)).max(LEAST))
}

/// After a poll that found nothing new.
pub(super) fn look(at: Timestamp, memory: &mut FeedMemory, events: &mut Vec<FeedEvent>) {
    let (Some(last), Some(threshold)) = (memory.last_new_at, threshold(memory)) else { return };
    let quiet = time::between(last, at);
    if memory.silent_since.is_some() || quiet <= threshold {
        return;
    }
    memory.silent_since = Some(at);
    events.push(FeedEvent {
        kind: EventKind::Silent,
        at,
        count: None,
        detail: format!(
            "it answers, but has had nothing new for {}; of late it was never quiet for longer than {}",
            words::span(quiet),
            words::span(memory.pace.longest_gap)
        ),
    });
}

/// After a poll that found something new; `memory.last_new_at` is still that of the news before.
pub(super) fn end(at: Timestamp, memory: &mut FeedMemory, events: &mut Vec<FeedEvent>) {
    if memory.silent_since.take().is_none() {
        return;
    }
    let quiet = memory.last_new_at.map_or(Duration::ZERO, |last| time::between(last, at));
    events.push(FeedEvent {
        kind: EventKind::Spoke,
        at,
        count: None,
        detail: format!("it has news again after {}", words::span(quiet)),
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Pace;

    const DAY: Duration = Duration::from_secs(86_400);

    fn day(n: u32) -> Timestamp {
        time::after(time::from_millis(1_750_000_000_000), DAY * n)
    }

    /// One item on each of `days` days.
    fn daily(days: u32) -> FeedMemory {
        let first = Pace { at: Some(day(0)), ..Pace::default() };
        let pace = (1..=days).fold(first, |pace, n| pace.with(day(n), 1, 0, (n > 1).then_some(DAY)));
        FeedMemory { pace, last_new_at: Some(day(days)), ..FeedMemory::default() }
    }

    #[test]
    fn a_feed_is_silent_after_three_of_its_gaps_and_speaks_again_once() {
        let mut memory = daily(30);
        let mut events = Vec::new();
        let mut look_on = |memory: &mut FeedMemory, at| {
            look(at, memory, &mut events);
            events.len()
        };
        assert_eq!(look_on(&mut memory, time::after(day(30), threshold(&daily(30)).unwrap())), 0);
        assert_eq!(look_on(&mut memory, day(33)), 1);
        assert_eq!(look_on(&mut memory, day(40)), 1, "once");
        assert_eq!(
            events[0].detail,
            "it answers, but has had nothing new for 3 d; of late it was never quiet for longer than 1 d"
        );
        end(day(41), &mut memory, &mut events);
        end(day(42), &mut memory, &mut events);
        assert_eq!(
            events.iter().map(|event| event.kind).collect::<Vec<_>>(),
            [EventKind::Silent, EventKind::Spoke]
        );
        assert_eq!(events[1].detail, "it has news again after 11 d");
    }

    #[test]
    fn nothing_is_said_before_enough_is_known() {
        assert_eq!(threshold(&daily(13)), None, "not two weeks");
        assert!(threshold(&daily(15)).is_some());
        let few = |gaps| FeedMemory { pace: Pace { gaps, ..daily(30).pace }, ..daily(30) };
        assert_eq!(threshold(&few(LEAST_GAPS - 1)), None);
        assert!(threshold(&few(LEAST_GAPS)).is_some());
        let busy =
            Pace { longest_gap: Duration::from_secs(600), items_micro: 9_000_000_000, ..daily(30).pace };
        assert_eq!(threshold(&FeedMemory { pace: busy, ..daily(30) }), Some(LEAST));
    }
}
