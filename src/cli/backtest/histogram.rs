//! Hits a day, week, month or year.
//!
//! Data in: hits by UTC day, the first and the last day read. Data out: [`Bins`], aligned to the calendar, none left
//! out between the first and the last.
//!
//! **Invariant:** there are at most [`MAX_ROWS`] bins, unless there are more years than that.

use std::collections::BTreeMap;

use jiff::{Span, civil::Date, tz::TimeZone};

use crate::model::Timestamp;

/// Rows of a histogram.
pub(super) const MAX_ROWS: usize = 60;
/// Characters of the longest bar.
const WIDTH: u64 = 50;

/// How long a bin is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    Day,
    /// From Monday on.
    Week,
    Month,
    Year,
}

impl Unit {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    fn begin(self, day: Date) -> Date {
        match self {
            Self::Day => day,
            Self::Week => {
                let behind = i64::from(day.weekday().to_monday_zero_offset());
                day.checked_sub(Span::new().days(behind)).unwrap_or(day)
            }
            Self::Month => day.first_of_month(),
            Self::Year => day.first_of_year(),
        }
    }

    fn next(self, begin: Date) -> Option<Date> {
        let span = Span::new();
        let span = match self {
            Self::Day => span.days(1),
            Self::Week => span.days(7),
            Self::Month => span.months(1),
            Self::Year => span.years(1),
        };
        begin.checked_add(span).ok()
    }
}

/// The UTC day that `at` lies in.
pub(super) fn day(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}

/// Hits by bin.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Bins {
    pub(super) unit: Unit,
    /// First day and hits of each, in order.
    pub(super) bins: Vec<(Date, u64)>,
}

impl Bins {
    /// By the shortest unit that needs no more than [`MAX_ROWS`].
    pub(super) fn new(days: &BTreeMap<Date, u64>, first: Date, last: Date) -> Self {
        let units = [Unit::Day, Unit::Week, Unit::Month, Unit::Year];
        let fits = |unit: &Unit| begins(*unit, first, last).take(MAX_ROWS + 1).count() <= MAX_ROWS;
        let unit = units.into_iter().find(fits).unwrap_or(Unit::Year);
        let mut bins: BTreeMap<Date, u64> = begins(unit, first, last).map(|begin| (begin, 0)).collect();
        for (day, hits) in days {
            *bins.entry(unit.begin(*day)).or_default() += hits;
        }
        Self { unit, bins: bins.into_iter().collect() }
    }

    /// One line a bin: its first day, its hits and a bar.
    pub(super) fn lines(&self) -> Vec<String> {
        let most = self.bins.iter().map(|(_, hits)| *hits).max().unwrap_or(0);
        let digits = most.to_string().len();
        let line = |(begin, hits): &(Date, u64)| {
            let label = match self.unit {
                Unit::Day => begin.strftime("%F %a"),
                Unit::Week => begin.strftime("%F"),
                Unit::Month => begin.strftime("%Y-%m"),
                Unit::Year => begin.strftime("%Y"),
            };
            format!("{label}  {hits:>digits$}  {}", bar(*hits, most)).trim_end().to_owned()
        };
        self.bins.iter().map(line).collect()
    }
}

/// The bins from the one that holds `first` to the one that holds `last`.
fn begins(unit: Unit, first: Date, last: Date) -> impl Iterator<Item = Date> {
    std::iter::successors(Some(unit.begin(first)), move |begin| unit.next(*begin))
        .take_while(move |begin| *begin <= last)
}

/// In eighths of a character; what is not nothing shows.
fn bar(hits: u64, most: u64) -> String {
    let eighths = match most {
        0 => 0,
        most => (hits * WIDTH * 8).div_ceil(most),
    };
    let part = match eighths % 8 {
        0 => "",
        1 => "▏",
        2 => "▎",
        3 => "▍",
        4 => "▌",
        5 => "▋",
        6 => "▊",
        _ => "▉",
    };
    "█".repeat(usize::try_from(eighths / 8).unwrap_or(0)) + part
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn the_unit_keeps_the_rows_few() {
        let check = |days: i64, unit: Unit, rows: usize| {
            let first = date(2025, 1, 6); // a Monday
            let last = first.checked_add(Span::new().days(days - 1)).unwrap();
            let bins = Bins::new(&BTreeMap::from([(last, 3)]), first, last);
            assert_eq!((bins.unit, bins.bins.len()), (unit, rows), "{days}");
            let hits: u64 = bins.bins.iter().map(|(_, hits)| hits).sum();
            assert_eq!(hits, 3);
        };
        check(1, Unit::Day, 1);
        check(60, Unit::Day, 60);
        check(61, Unit::Week, 9);
        check(420, Unit::Week, 60);
        check(421, Unit::Month, 15);
        check(1_800, Unit::Month, 60);
        check(1_900, Unit::Year, 6);
    }

    #[test]
    fn rows_are_aligned_and_a_single_hit_shows() {
        let first = date(2025, 6, 5);
        let days = BTreeMap::from([(first, 1), (date(2025, 6, 7), 1_000)]);
        let bins = Bins::new(&days, first, date(2025, 6, 7));
        let full = "█".repeat(50);
        let expect =
            ["2025-06-05 Thu     1  ▏", "2025-06-06 Fri     0", &format!("2025-06-07 Sat  1000  {full}")];
        assert_eq!(bins.lines(), expect);
        let weeks = Bins::new(&days, date(2025, 4, 1), date(2025, 6, 7));
        assert_eq!(weeks.lines().first().unwrap(), "2025-03-31     0");
    }
}
