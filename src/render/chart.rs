//! Bar charts of topics: how many stories a day, lately.
//!
//! Data in: a topic's [`TopicVolume`]. Data out: heights in pixels for HTML, a line of block characters for text, and
//! the words that say the same.
//!
//! **Invariant:** the last bar is the day before the mail: a day that is not over looks like a quiet one.
//! **Invariant:** a day with a story has a bar that can be seen, a day without one has none, and no bar is
//! higher than the chart.
//!
//! Rejected: an image, which mail programs do not show before they are asked to.

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use serde::Serialize;

use super::when;
use crate::model::{Timestamp, TopicVolume};

/// Height of the highest bar, in pixels.
const HIGHEST: u64 = 40;
/// Stories at which a bar has the full height, at least: one story a day is no peak.
const SCALE: u64 = 4;
/// Height of the bar of a single story beside a very high one, in pixels.
const LOWEST: u64 = 3;
/// Most bars of a chart; earlier days are left out. A quarter of a year.
pub(super) const MAX_BARS: usize = 92;
/// Eighths of a line, from one to eight.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Stands for a day without a story in text.
const NOTHING: char = '·';

/// A topic's chart, ready for templates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct ChartView {
    pub(super) topic: String,
    /// One a day, the oldest first.
    pub(super) bars: Vec<Bar>,
    /// Height of the highest bar and of what is above the others, in pixels.
    pub(super) height: u64,
    /// The same in one line of text.
    pub(super) spark: String,
    /// Date of the first bar, such as `10 Nov`.
    pub(super) from: String,
    /// Date of the last bar.
    pub(super) to: String,
    pub(super) days: usize,
    /// Of all days.
    pub(super) total: String,
    /// Of the busiest day.
    pub(super) most: String,
    /// Its date.
    pub(super) most_on: String,
    /// Of the last day: the one before the mail.
    pub(super) latest: String,
    /// Of the last seven days.
    pub(super) week: String,
    /// Of a usual week, where that is known.
    pub(super) usual_week: Option<String>,
}

/// One day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Bar {
    /// Stories.
    pub(super) count: u64,
    /// Height in pixels: 0 where there is no story.
    pub(super) px: u64,
    /// What is above it.
    pub(super) above: u64,
    /// The last day.
    pub(super) last: bool,
}

/// The chart of `volume` in a mail of `at`; `None` for a volume without days.
pub(super) fn chart(
    volume: &TopicVolume,
    topic: String,
    at: Timestamp,
    zone: &TimeZone,
) -> Option<ChartView> {
    let first = volume.days.len().saturating_sub(MAX_BARS);
    let days: Vec<u64> = volume.days.get(first..)?.iter().map(|n| u64::from(*n)).collect();
    let highest = *days.iter().max()?;
    let scale = highest.max(SCALE);
    let today = zone.to_datetime(at).date();
    let busiest = days.iter().rposition(|n| *n == highest)?;
    let bars: Vec<Bar> = days
        .iter()
        .enumerate()
        .map(|(i, count)| {
            let px = if *count == 0 { 0 } else { (count * HIGHEST / scale).max(LOWEST) };
            Bar { count: *count, px, above: HIGHEST - px, last: i + 1 == days.len() }
        })
        .collect();
    Some(ChartView {
        topic,
        height: HIGHEST,
        spark: days.iter().map(|n| block(*n, scale)).collect(),
        from: day(today, days.len()),
        to: day(today, 1),
        days: days.len(),
        total: when::count(days.iter().sum()),
        most: when::count(highest),
        most_on: day(today, days.len() - busiest),
        latest: when::count(days.last().copied().unwrap_or(0)),
        week: when::count(u64::from(volume.week)),
        usual_week: volume.usual_week.map(|n| when::count(u64::from(n))),
        bars,
    })
}

/// `10 Nov`: the day `back` days before `today`.
fn day(today: Date, back: usize) -> String {
    let back = i64::try_from(back).unwrap_or(0);
    today.checked_sub(back.days()).unwrap_or(today).strftime("%-d %b").to_string()
}

fn block(count: u64, scale: u64) -> char {
    if count == 0 {
        return NOTHING;
    }
    let eighths = (count * 8).div_ceil(scale).clamp(1, 8);
    usize::try_from(eighths - 1).ok().and_then(|i| BLOCKS.get(i)).copied().unwrap_or(NOTHING)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TopicName;

    fn of(days: &[u32]) -> Option<ChartView> {
        let volume = TopicVolume {
            topic: TopicName::new("a"),
            days: days.to_vec(),
            week: 1_234,
            usual_week: Some(40),
        };
        chart(&volume, "A".to_owned(), "2026-11-23T07:30:00Z".parse().unwrap(), &TimeZone::UTC)
    }

    #[test]
    fn bars_are_in_proportion_and_never_hide_a_story() {
        let chart = of(&[0, 1, 400, 200, 3]).unwrap();
        let px: Vec<u64> = chart.bars.iter().map(|bar| bar.px).collect();
        assert_eq!(px, [0, LOWEST, HIGHEST, HIGHEST / 2, LOWEST]);
        assert!(chart.bars.iter().all(|bar| bar.px + bar.above == HIGHEST));
        assert_eq!(chart.spark, "·▁█▄▁");
        assert_eq!((chart.from.as_str(), chart.to.as_str()), ("18 Nov", "22 Nov"));
        assert_eq!((chart.most.as_str(), chart.most_on.as_str()), ("400", "20 Nov"));
        assert_eq!((chart.total.as_str(), chart.latest.as_str()), ("604", "3"));
        assert_eq!((chart.week.as_str(), chart.usual_week.as_deref()), ("1,234", Some("40")));
        let few = of(&[0, 1, 2]).unwrap();
        assert_eq!((few.spark.as_str(), few.bars[2].px), ("·▂▄", HIGHEST / 2));
        let quiet = of(&[0, 0]).unwrap();
        assert_eq!((quiet.spark.as_str(), quiet.bars[0].px), ("··", 0));
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn bars_are_limited_at_n_and_n_plus_1() {
        let bars = |n: usize| of(&vec![1; n]).unwrap().bars.len();
        assert_eq!(bars(MAX_BARS), MAX_BARS);
        assert_eq!(bars(MAX_BARS + 1), MAX_BARS);
    }
}
