//! Which local dates a digest is due on.
//!
//! Data in: a date and [`Dates`]. Data out: whether it is one of them, and how far apart they can lie.
//!
//! **Invariant:** the days of the month and of the week of a cron line hold as in crontab(5): where both are
//! restricted, either suffices.
//!
//! Rejected: a cron crate. Its answers on clock changes are its own, and would differ from those of plain times.

use jiff::civil::Date;

use crate::model::{Dates, Days, MonthDays};

/// The day that "every so many days" counts from, a Monday.
const COUNTED_FROM: Date = Date::constant(1970, 1, 5);
/// Furthest two dates of any schedule lie apart: 29 February, over a year such as 2100 that has none.
const FURTHEST: i64 = 8 * 366;
/// How many days hold every weekday, with one to spare on each side for zones that skip a date.
const A_WEEK: i64 = 9;

/// Whether `date` is one of `dates`.
pub(super) fn falls_on(date: Date, dates: Dates) -> bool {
    match dates {
        Dates::Weekdays(days) => days.contains(date.weekday()),
        Dates::Every(step) => days_since(date).rem_euclid(i64::from(step.max(1))) == 0,
        Dates::Cron { months, days, weekdays } => {
            let bit = |n: i8| u32::try_from(n).unwrap_or(0);
            let in_month = u32::from(months) & (1 << bit(date.month())) != 0;
            let of_week = weekdays.contains(date.weekday());
            in_month
                && match days {
                    MonthDays::Any => of_week,
                    MonthDays::Listed(listed) => {
                        let of_month = listed & (1 << bit(date.day())) != 0;
                        of_month || (weekdays != Days::ALL && of_week)
                    }
                }
        }
    }
}

/// Within how many days of any day there is one of `dates`, if there are any.
pub(super) fn reach(dates: Dates) -> i64 {
    match dates {
        Dates::Weekdays(_) => A_WEEK,
        Dates::Every(step) => i64::from(step) + 2,
        Dates::Cron { .. } => FURTHEST,
    }
}

/// Whether there is any such date at all: `30 2` of a cron line is none.
pub fn ever(dates: Dates) -> bool {
    let start = Date::constant(2000, 1, 1);
    (0..FURTHEST).any(|offset| {
        start.checked_add(jiff::Span::new().days(offset)).is_ok_and(|date| falls_on(date, dates))
    })
}

fn days_since(date: Date) -> i64 {
    date.duration_since(COUNTED_FROM).as_hours() / 24
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(months: &[u8], days: MonthDays, weekdays: &str) -> Dates {
        let flags: Vec<bool> = weekdays.chars().map(|c| c == 'x').collect();
        let months = months.iter().fold(0, |mask, month| mask | (1_u16 << month));
        Dates::Cron { months, days, weekdays: Days(flags.try_into().unwrap()) }
    }

    #[track_caller]
    fn check(dates: Dates, date: &str, want: bool) {
        assert_eq!(falls_on(date.parse().unwrap(), dates), want, "{date} of {dates:?}");
    }

    #[test]
    fn cron_days_of_month_and_week_hold_as_in_crontab() {
        let all = "xxxxxxx";
        let every_month: Vec<u8> = (1..=12).collect();
        // 2026-11-23 is a Monday.
        let mondays = cron(&every_month, MonthDays::Any, "x______");
        check(mondays, "2026-11-23", true);
        check(mondays, "2026-11-24", false);
        let first = cron(&every_month, MonthDays::Listed(1 << 1), all);
        check(first, "2026-11-01", true);
        check(first, "2026-11-23", false);
        let either = cron(&every_month, MonthDays::Listed(1 << 1), "x______");
        check(either, "2026-11-01", true);
        check(either, "2026-11-23", true);
        check(either, "2026-11-24", false);
        check(cron(&[12], MonthDays::Listed(1 << 31), all), "2026-12-31", true);
        check(cron(&[12], MonthDays::Any, all), "2026-11-30", false);
    }

    #[test]
    fn every_so_many_days_is_counted_from_a_monday() {
        check(Dates::Every(7), "2026-11-23", true);
        check(Dates::Every(7), "2026-11-24", false);
        check(Dates::Every(1), "2026-11-24", true);
        check(Dates::Every(2), "1970-01-05", true);
        check(Dates::Every(2), "1970-01-06", false);
        check(Dates::Every(2), "1970-01-03", true);
        check(Dates::Every(0), "1970-01-03", true);
    }

    #[test]
    fn dates_that_never_come_are_known() {
        let all = "xxxxxxx";
        assert!(ever(cron(&[2], MonthDays::Listed(1 << 29), all)));
        assert!(!ever(cron(&[2], MonthDays::Listed(1 << 30), all)));
        assert!(ever(cron(&[2], MonthDays::Listed(1 << 30), "x______")), "on Mondays all the same");
        assert!(!ever(Dates::Weekdays(Days([false; 7]))));
    }
}
