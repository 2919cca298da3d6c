//! Cron lines as the configuration writes them: `30 7 * * mon-fri`.
//!
//! Data in: a string with its place. Data out: local times and dates, or an error that points at the field at fault.
//!
//! Five fields as in crontab(5): minute, hour, day of the month, month, day of the week, each a `*`, a number, a range
//! (`8-18`), a list (`7,13,17`) or steps (`*/2`, `8-18/2`). Months and days of the week may be named (`jan`, `mon`);
//! Sunday is 0 and 7. Where both kinds of days are restricted, either suffices.
//!
//! **Invariant:** a line that is taken is due at some time, and at most [`MAX_DIGEST_TIMES`] times a day.
//!
//! Rejected: the extensions of other programs (seconds, `L`, `W`, `#`, `?`, `@daily`). They mean different things to
//! each of them, and what they say can be said by `at` and `days`.

use std::ops::RangeInclusive;

use jiff::civil::Time;

use super::{diagnostic::Report, reader::printable, source::Text, subscriptions::MAX_DIGEST_TIMES};
use crate::{
    model::{Dates, Days, MonthDays},
    schedule,
};

const REMEDY: &str =
    "write minute, hour, day of the month, month and day of the week, such as \"30 7 * * mon-fri\"";
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/// What a field holds.
struct Field {
    name: &'static str,
    range: RangeInclusive<u8>,
    /// Names for the numbers from the first on.
    names: &'static [&'static str],
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", range: 0..=59, names: &[] },
    Field { name: "hour", range: 0..=23, names: &[] },
    Field { name: "day of the month", range: 1..=31, names: &[] },
    Field { name: "month", range: 1..=12, names: &MONTHS },
    Field { name: "day of the week", range: 0..=7, names: &WEEKDAYS },
];

/// Reads a cron line: local times of day, rising, and the dates they are due on.
pub(super) fn read(text: &Text, report: &Report) -> Option<(Vec<Time>, Dates)> {
    let mut words: Vec<(usize, &str)> = Vec::new();
    let mut from = 0;
    for word in text.value.split([' ', '\t']) {
        if !word.is_empty() {
            words.push((from, word));
        }
        from += word.len() + 1;
    }
    if words.len() != FIELDS.len() {
        let what = format!("a cron line has five fields, this one has {}", words.len());
        report.error(&text.place, what, REMEDY);
        return None;
    }
    let mut sets = [0_u64; 5];
    for ((set, field), (at, word)) in sets.iter_mut().zip(&FIELDS).zip(&words) {
        match field_set(word, field) {
            Ok(found) => *set = found,
            Err(what) => {
                let what = format!("`{}` is no {}: {what}", printable(word), field.name);
                report.error(&text.at(*at..at + word.len()), what, field_remedy(field));
                return None;
            }
        }
    }
    let [minutes, hours, days, months, weekdays] = sets;
    let at = times(hours, minutes);
    let star = |n: usize| words.get(n).is_some_and(|(_, word)| word.starts_with('*'));
    let days = match star(2) && days == mask(&FIELDS[2].range) {
        true => MonthDays::Any,
        false => MonthDays::Listed(u32::try_from(days).unwrap_or(0)),
    };
    let on = Dates::Cron { months: u16::try_from(months).unwrap_or(0), days, weekdays: week(weekdays) };
    if at.len() > MAX_DIGEST_TIMES {
        let what = format!("this is due {} times a day; at most {MAX_DIGEST_TIMES} are taken", at.len());
        report.error(&text.place, what, "write fewer minutes or hours, or deliver = \"alert\"");
        return None;
    }
    if !schedule::ever(on) {
        report.error(&text.place, "no year has such a day", "mend the day of the month or the month");
        return None;
    }
    Some((at, on))
}

fn field_remedy(field: &Field) -> String {
    let (first, last) = (field.range.start(), field.range.end());
    let names = match (field.names.first(), field.names.last()) {
        (Some(a), Some(b)) => format!(" (or {a} to {b})"),
        _ => String::new(),
    };
    format!("write *, or numbers from {first} to {last}{names} as 1,2 or 1-5 or */2")
}

fn mask(range: &RangeInclusive<u8>) -> u64 {
    range.clone().fold(0, |set, n| set | (1 << n))
}

/// A bit for each number of a field, or what is wrong with it.
fn field_set(word: &str, field: &Field) -> Result<u64, String> {
    let mut set = 0;
    for part in word.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        let (first, last) = match range.split_once('-') {
            _ if range == "*" => (*field.range.start(), *field.range.end()),
            Some((first, last)) => (number(first, field)?, number(last, field)?),
            None if step.is_some() => return Err("a step needs a range before it, such as */2".to_owned()),
            None => (number(range, field)?, number(range, field)?),
        };
        if first > last {
            return Err(format!("the range {} runs backwards", printable(range)));
        }
        let step = match step {
            None => 1,
            Some(step) => match step.parse::<u8>() {
                Ok(step) if step > 0 && step <= *field.range.end() => usize::from(step),
                _ => return Err(format!("the step {} is out of range", printable(step))),
            },
        };
        set = (first..=last).step_by(step).fold(set, |set, n| set | (1 << n));
    }
    Ok(set)
}

fn number(word: &str, field: &Field) -> Result<u8, String> {
    let named = field.names.iter().position(|name| word.eq_ignore_ascii_case(name));
    if let Some(n) = named.and_then(|at| u8::try_from(at).ok()) {
        // Days of the week begin with 0, months with 1.
        return Ok(n + field.range.start());
    }
    let digits = !word.is_empty() && word.len() <= 2 && word.bytes().all(|b| b.is_ascii_digit());
    match word.parse::<u8>() {
        Ok(n) if digits && field.range.contains(&n) => Ok(n),
        _ if word.is_empty() => Err("a number is missing".to_owned()),
        _ => Err(format!("{} is not understood", printable(word))),
    }
}

fn times(hours: u64, minutes: u64) -> Vec<Time> {
    let of = |set: u64, most: i8| (0..most).filter(move |n| set & (1 << n) != 0);
    of(hours, 24)
        .flat_map(|hour| of(minutes, 60).filter_map(move |minute| Time::new(hour, minute, 0, 0).ok()))
        .collect()
}

/// From Sunday as 0 and 7 to Monday as the first.
fn week(set: u64) -> Days {
    let mut days = Days([false; 7]);
    for (n, slot) in (1_u32..).zip(days.0.iter_mut()) {
        *slot = set & (1 << n) != 0 || (n == 7 && set & 1 != 0);
    }
    days
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::source::{Place, Source};

    fn told(value: &str) -> Result<(Vec<String>, Dates), (usize, String)> {
        let source = Source::new(Path::new("w.toml"), 0, format!("\"{value}\""));
        let place = Place::span(&source, 0..source.text().len());
        let report = Report::default();
        let got = read(&Text { value: value.to_owned(), place }, &report);
        let found = report.into_diagnostics().entries;
        match got {
            Some((at, on)) => Ok((at.iter().map(|at| at.strftime("%H:%M").to_string()).collect(), on)),
            None => Err((found[0].place.position().unwrap().column, found[0].what.clone())),
        }
    }

    #[test]
    fn cron_lines_are_taken() {
        let check = |value: &str, at: &[&str], months: u16, days: MonthDays, week: [u8; 7]| {
            let on = Dates::Cron { months, days, weekdays: Days(week.map(|d| d == 1)) };
            assert_eq!(told(value), Ok((at.iter().map(|at| (*at).to_owned()).collect(), on)), "{value}");
        };
        let (all, any) = (0x1ffe, MonthDays::Any);
        check("30 7 * * mon-fri", &["07:30"], all, any, [1, 1, 1, 1, 1, 0, 0]);
        check("30  7,17 * * *", &["07:30", "17:30"], all, any, [1; 7]);
        check("0 8-12/2 * * 1,3", &["08:00", "10:00", "12:00"], all, any, [1, 0, 1, 0, 0, 0, 0]);
        check("0 */12 * * SUN", &["00:00", "12:00"], all, any, [0, 0, 0, 0, 0, 0, 1]);
        check("0 9 * * 0", &["09:00"], all, any, [0, 0, 0, 0, 0, 0, 1]);
        check("0 9 * * 6-7", &["09:00"], all, any, [0, 0, 0, 0, 0, 1, 1]);
        check("0 9 1,15 * *", &["09:00"], all, MonthDays::Listed(1 << 1 | 1 << 15), [1; 7]);
        check("0 9 1 jan-mar mon", &["09:00"], 0b1110, MonthDays::Listed(2), [1, 0, 0, 0, 0, 0, 0]);
        check("0 9 29 2 *", &["09:00"], 1 << 2, MonthDays::Listed(1 << 29), [1; 7]);
        // N a day.
        assert_eq!(told("0,30 * * * *").unwrap().0.len(), MAX_DIGEST_TIMES);
    }

    #[test]
    fn what_is_no_cron_line_is_refused_at_the_field() {
        let check = |value: &str, column: usize, what: &str| {
            let (at, said) = told(value).unwrap_err();
            assert_eq!(at, column, "{value}: {said}");
            assert!(said.contains(what), "{value}: {said}");
        };
        check("", 1, "has 0");
        check("30 7 * *", 1, "has 4");
        check("0 30 7 * * mon", 1, "has 6");
        check("@daily", 1, "has 1");
        check("60 7 * * *", 2, "`60` is no minute");
        check("30 24 * * *", 5, "`24` is no hour");
        check("30 7 0 * *", 7, "no day of the month");
        check("30 7 * 13 *", 9, "no month");
        check("30 7 * * 8", 11, "no day of the week");
        check("30 7 * * monday", 11, "monday is not understood");
        check("30 7 * * fri-mon", 11, "runs backwards");
        check("30 7-5 * * *", 5, "runs backwards");
        check("30 7/2 * * *", 5, "a step needs a range");
        check("30 */0 * * *", 5, "out of range");
        check("30 */24 * * *", 5, "out of range");
        check("30 7, * * *", 5, "a number is missing");
        check("30 +7 * * *", 5, "not understood");
        check("30 7 30 2 *", 1, "no year has such a day");
        check("*/20 * * * *", 1, "72 times a day");
    }
}
