//! Dates as feeds write them → instants.
//!
//! Data in: the text of a date element. Data out: an instant, or nothing when the text is no date or ambiguous.
//!
//! **Invariant:** never guesses between day and month: `03/04/2026` is no date.
//! **Invariant:** a date without zone is UTC, never the zone of the machine.
//!
//! Rejected: a list of format strings: the parts vary independently, and so would need hundreds.

use jiff::{Timestamp, civil, tz::Offset};

/// Longest text that is looked at, in bytes.
const MAX_DATE_BYTES: usize = 128;

/// First letters of the months in English, French, German, Spanish, Portuguese, Italian, Dutch and Russian.
const MONTHS: [&[&str]; 12] = [
    &["jan", "ene", "gen", "янв"],
    &["feb", "fév", "fev", "фев"],
    &["mar", "mär", "maerz", "mrt", "мар"],
    &["apr", "avr", "abr", "апр"],
    &["may", "mai", "mag", "mei", "май", "мая"],
    &["jun", "juin", "giu", "июн"],
    &["jul", "juil", "lug", "июл"],
    &["aug", "aoû", "aou", "ago", "авг"],
    &["sep", "set", "сен"],
    &["oct", "okt", "out", "ott", "окт"],
    &["nov", "ноя"],
    &["dec", "dez", "dic", "déc", "дек"],
];

/// Zone names that occur in feeds, and their offsets from UTC in minutes. Where a name is used for several zones,
/// the one with most publishers.
const ZONES: [(&str, i32); 33] = [
    ("Z", 0),
    ("UT", 0),
    ("UTC", 0),
    ("GMT", 0),
    ("WET", 0),
    ("WEST", 60),
    ("BST", 60),
    ("CET", 60),
    ("CEST", 120),
    ("MEZ", 60),
    ("MESZ", 120),
    ("SAST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("MSK", 180),
    ("TRT", 180),
    ("GST", 240),
    ("PKT", 300),
    ("IST", 330),
    ("ICT", 420),
    ("WIB", 420),
    ("HKT", 480),
    ("SGT", 480),
    ("JST", 540),
    ("KST", 540),
    ("AEST", 600),
    ("AEDT", 660),
    ("EST", -300),
    ("EDT", -240),
    ("CDT", -300),
    ("MST", -420),
    ("MDT", -360),
    ("PDT", -420),
];

/// The instant a text names: RFC 3339, RFC 822 and its successors, and what publishers make of them.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > MAX_DATE_BYTES {
        return None;
    }
    if let Ok(at) = text.parse::<Timestamp>() {
        return Some(at);
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return digits(text);
    }
    let parts = parts(text);
    let date = date(&parts)?;
    let (time, next_day, after) = time(&parts);
    let date = if next_day { date.tomorrow().ok()? } else { date };
    let offset = Offset::from_seconds(zone(after)?.checked_mul(60)?).ok()?;
    offset.to_timestamp(date.to_datetime(time)).ok()
}

/// Unix seconds or milliseconds, or a compact date.
fn digits(text: &str) -> Option<Timestamp> {
    let number: i64 = text.parse().ok()?;
    match text.len() {
        9 | 10 => Timestamp::from_second(number).ok(),
        13 => Timestamp::from_millisecond(number).ok(),
        8 => parse(&format!("{text} 00:00")),
        14 => {
            let (date, time) = text.split_at_checked(8)?;
            parse(&format!("{date}T{time}"))
        }
        _ => None,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part<'a> {
    /// Value and number of digits.
    Number(u32, usize),
    Word(&'a str),
    Sign(char),
}

/// Runs of digits and of letters, and the signs between them; blanks are left out.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let run = |test: fn(char) -> bool| rest.find(|c| !test(c)).unwrap_or(rest.len());
        let length = match c {
            '年' | '月' | '년' | '월' => {
                parts.push(Part::Sign('-'));
                c.len_utf8()
            }
            '时' | '時' | '分' | '点' | '點' => {
                parts.push(Part::Sign(':'));
                c.len_utf8()
            }
            '日' | '秒' | '일' | '号' => c.len_utf8(),
            _ if c.is_ascii_digit() => {
                let length = run(|c| c.is_ascii_digit());
                let digits = rest.get(..length).unwrap_or("");
                // Nanoseconds fit; anything longer is cut and only ever a fraction.
                let value = digits.get(..9).unwrap_or(digits).parse().unwrap_or(0);
                parts.push(Part::Number(value, length));
                length
            }
            _ if c.is_alphabetic() => {
                let letter: fn(char) -> bool =
                    |c| c.is_alphabetic() && !"年月日时時分秒点點号년월일".contains(c);
                let length = run(letter).max(c.len_utf8());
                parts.push(Part::Word(rest.get(..length).unwrap_or("")));
                length
            }
            _ => {
                if !c.is_whitespace() {
                    parts.push(Part::Sign(if c == '\u{2212}' { '-' } else { c }));
                }
                c.len_utf8()
            }
        };
        rest = rest.get(length..).unwrap_or("");
    }
    parts
}

fn date(parts: &[Part<'_>]) -> Option<civil::Date> {
    // A word before the first number and a comma is a weekday: French "mar.," is no March.
    let number_at = parts.iter().position(|part| matches!(part, Part::Number(..)))?;
    let comma_at = parts.iter().position(|part| *part == Part::Sign(','));
    let skip = comma_at.filter(|at| *at < number_at).map_or(0, |at| at.saturating_add(1));
    let parts = parts.get(skip..)?;
    let months = parts.iter().enumerate().rev();
    let named = months.filter_map(|(at, part)| match part {
        Part::Word(word) => Some((at, month(word)?)),
        _ => None,
    });
    match named.into_iter().next() {
        Some((at, month)) => date_with_name(parts, at, month),
        None => date_in_numbers(parts),
    }
}

fn month(word: &str) -> Option<i8> {
    let word = word.to_lowercase();
    let at = MONTHS.iter().position(|names| names.iter().any(|name| word.starts_with(name)))?;
    i8::try_from(at.saturating_add(1)).ok()
}

/// `24 Nov 2026`, `24-Nov-26`, `Nov 24, 2026`, `Nov 24 07:00:00 2026`.
fn date_with_name(parts: &[Part<'_>], at: usize, month: i8) -> Option<civil::Date> {
    let numbers = |range: &[Part<'_>]| -> Vec<(u32, usize)> {
        let clock = |i: usize| {
            let colon = |j: Option<usize>| j.and_then(|j| range.get(j)) == Some(&Part::Sign(':'));
            colon(i.checked_add(1)) || colon(i.checked_sub(1))
        };
        let free = range.iter().enumerate().filter(|(i, _)| !clock(*i));
        free.filter_map(
            |(_, part)| if let Part::Number(value, length) = part { Some((*value, *length)) } else { None },
        )
        .collect()
    };
    let (before, after) = (numbers(parts.get(..at)?), numbers(parts.get(at..)?));
    let is_day = |(value, length): &(u32, usize)| *length <= 2 && (1..=31).contains(value);
    let is_year = |(_, length): &(u32, usize)| *length == 4;
    let (day, year) = match before.iter().rev().find(|n| is_day(n)) {
        Some(day) => {
            let year = after.iter().chain(&before).find(|n| is_year(n));
            (day, year.or_else(|| after.first().filter(|(_, length)| *length == 2))?)
        }
        None => (after.iter().find(|n| is_day(n))?, after.iter().chain(&before).find(|n| is_year(n))?),
    };
    let year = match *year {
        (value, 2) if value < 70 => value.saturating_add(2_000),
        (value, 2) => value.saturating_add(1_900),
        (value, _) => value,
    };
    civil::Date::new(i16::try_from(year).ok()?, month, i8::try_from(day.0).ok()?).ok()
}

/// `2026-11-24`, `2026/1/5`, `20261124`, `24.11.2026`, and with slashes only what cannot be misread.
fn date_in_numbers(parts: &[Part<'_>]) -> Option<civil::Date> {
    let at = parts.iter().position(|part| matches!(part, Part::Number(..)))?;
    let new = |year: u32, month: u32, day: u32| {
        civil::Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
    };
    match parts.get(at..)? {
        [Part::Number(value, 8), ..] => {
            let (year, rest) = (value.checked_div(10_000)?, value.checked_rem(10_000)?);
            new(year, rest.checked_div(100)?, rest.checked_rem(100)?)
        }
        [
            Part::Number(year, 4),
            Part::Sign(a),
            Part::Number(month, 1..=2),
            Part::Sign(b),
            Part::Number(day, 1..=2),
            ..,
        ] if a == b => new(*year, *month, *day),
        [
            Part::Number(one, 1..=2),
            Part::Sign(a),
            Part::Number(two, 1..=2),
            Part::Sign(b),
            Part::Number(year, 4),
            ..,
        ] if a == b => match a {
            '.' => new(*year, *two, *one),
            _ if *one > 12 => new(*year, *two, *one),
            _ if *two > 12 || one == two => new(*year, *one, *two),
            _ => None,
        },
        _ => None,
    }
}

/// The time of day (midnight without one), whether it belongs to the next day (24:00), and what follows it.
fn time<'p, 't>(parts: &'p [Part<'t>]) -> (civil::Time, bool, &'p [Part<'t>]) {
    let none = (civil::Time::midnight(), false, &[][..]);
    let mut from = 0_usize;
    while let Some(tail) = parts.get(from..).filter(|tail| !tail.is_empty()) {
        let found = match tail {
            [
                Part::Number(hour, 1..=2),
                Part::Sign(':'),
                Part::Number(minute, 2),
                Part::Sign(':'),
                Part::Number(second, 2),
                Part::Sign('.' | ','),
                Part::Number(fraction, digits),
                rest @ ..,
            ] => Some((*hour, *minute, *second, millis(*fraction, *digits), rest)),
            [
                Part::Number(hour, 1..=2),
                Part::Sign(':'),
                Part::Number(minute, 2),
                Part::Sign(':'),
                Part::Number(second, 2),
                rest @ ..,
            ] => Some((*hour, *minute, *second, 0, rest)),
            [Part::Number(hour, 1..=2), Part::Sign(':'), Part::Number(minute, 2), rest @ ..] => {
                Some((*hour, *minute, 0, 0, rest))
            }
            [Part::Word("T" | "t"), Part::Number(clock, length @ (4 | 6)), rest @ ..] => {
                let clock = if *length == 4 { clock.saturating_mul(100) } else { *clock };
                Some((clock / 10_000, clock / 100 % 100, clock % 100, 0, rest))
            }
            _ => None,
        };
        if let Some((hour, minute, second, millis, rest)) = found {
            return clock_time(hour, minute, second, millis, rest).unwrap_or(none);
        }
        from = from.saturating_add(1);
    }
    none
}

fn millis(fraction: u32, digits: usize) -> u32 {
    let shown = u32::try_from(digits.min(9)).unwrap_or(9);
    u32::try_from(u64::from(fraction).saturating_mul(1_000) / 10_u64.pow(shown)).unwrap_or(0)
}

fn clock_time<'p, 't>(
    hour: u32,
    minute: u32,
    second: u32,
    millis: u32,
    rest: &'p [Part<'t>],
) -> Option<(civil::Time, bool, &'p [Part<'t>])> {
    let word = rest.iter().find_map(|part| if let Part::Word(word) = part { Some(*word) } else { None });
    let half = word.map(str::to_ascii_lowercase);
    let hour = match (half.as_deref(), hour) {
        (Some("am"), 12) => 0,
        (Some("pm"), 1..=11) => hour.saturating_add(12),
        _ => hour,
    };
    let next_day = hour == 24 && minute == 0;
    let time = civil::Time::new(
        i8::try_from(if next_day { 0 } else { hour }).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second.min(59)).ok()?,
        i32::try_from(millis.checked_mul(1_000_000)?).ok()?,
    );
    Some((time.ok()?, next_day, rest))
}

/// Offset from UTC in minutes told by what follows the time: `+0200`, `-08:00`, `+02`, `GMT+8`, `CEST`; 0 without.
fn zone(parts: &[Part<'_>]) -> Option<i32> {
    for (at, part) in parts.iter().enumerate() {
        let Part::Sign(sign @ ('+' | '-')) = part else { continue };
        let minutes = match parts.get(at.saturating_add(1)..)? {
            [Part::Number(hours, 1..=2), Part::Sign(':'), Part::Number(minutes, 2), ..] => {
                hours.checked_mul(60)?.checked_add(*minutes)?
            }
            [Part::Number(hours, 1..=2), ..] => hours.checked_mul(60)?,
            [Part::Number(both, 3..=4), ..] => (both / 100).checked_mul(60)?.checked_add(both % 100)?,
            _ => continue,
        };
        let minutes = i32::try_from(minutes).ok()?;
        return Some(if *sign == '-' { minutes.checked_neg()? } else { minutes });
    }
    let names = parts
        .iter()
        .filter_map(|part| if let Part::Word(word) = part { Some(word.to_uppercase()) } else { None });
    let known = names.filter_map(|name| match name.as_str() {
        // China's standard time far outweighs America's central one only where +0800 is written; CST alone is America's.
        "CST" => Some(-360),
        "PST" => Some(-480),
        _ => ZONES.iter().find(|(zone, _)| *zone == name).map(|(_, minutes)| *minutes),
    });
    Some(known.into_iter().next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expect: &str) {
        let found = parse(text).map(|at| at.to_string()).unwrap_or_default();
        assert_eq!(found, expect, "{text:?}");
    }

    #[test]
    fn the_standards_are_read() {
        for text in [
            "2026-11-24T07:05:09Z",
            "2026-11-24T08:05:09+01:00",
            "Tue, 24 Nov 2026 07:05:09 GMT",
            "Tue, 24 Nov 2026 02:05:09 EST",
            "24 Nov 26 07:05:09 UT",
            "Mon, 24 Nov 2026 15:05:09 +0800",
            "Tue, 24 Nov 2026 07:05:09 -0000",
        ] {
            check(text, "2026-11-24T07:05:09Z");
        }
    }

    #[test]
    fn what_publishers_make_of_them_is_read() {
        for (text, expect) in [
            ("Tue, 24 Nov 2026 08:00:00 CET", "2026-11-24T07:00:00Z"),
            ("Tue, 24 Nov 2026 09:00:00 CEST", "2026-11-24T07:00:00Z"),
            ("Tue, 24 Nov 2026 16:00:00 JST", "2026-11-24T07:00:00Z"),
            ("Tue, 24 Nov 2026 15:00:00 GMT+8", "2026-11-24T07:00:00Z"),
            ("Tue, 24 Nov 2026 07:00", "2026-11-24T07:00:00Z"),
            ("2026-11-24T07:00", "2026-11-24T07:00:00Z"),
            ("2026-11-24T07:00:00.25", "2026-11-24T07:00:00.25Z"),
            ("2026-11-24T07:00+00:00", "2026-11-24T07:00:00Z"),
            ("2026-11-24T09:00:00+02", "2026-11-24T07:00:00Z"),
            ("2026-11-24T15:00:00+0800", "2026-11-24T07:00:00Z"),
            ("2026-11-23 23:00:00 -0800", "2026-11-24T07:00:00Z"),
            ("2026/1/5 7:00:00", "2026-01-05T07:00:00Z"),
            ("2026-11-24", "2026-11-24T00:00:00Z"),
            ("20261124T070000Z", "2026-11-24T07:00:00Z"),
            ("20261124070000", "2026-11-24T07:00:00Z"),
            ("20261124", "2026-11-24T00:00:00Z"),
            ("1795503600", "2026-11-24T07:00:00Z"),
            ("1795503600000", "2026-11-24T07:00:00Z"),
            ("Tue Nov 24 07:00:00 2026", "2026-11-24T07:00:00Z"),
            ("Tue Nov 24 07:00:00 UTC 2026", "2026-11-24T07:00:00Z"),
            ("November 24, 2026 7:00 PM", "2026-11-24T19:00:00Z"),
            ("Nov 24, 2026 12:30 am", "2026-11-24T00:30:00Z"),
            ("24-Nov-2026 07:00", "2026-11-24T07:00:00Z"),
            ("24.11.2026 07:00", "2026-11-24T07:00:00Z"),
            ("24/11/2026", "2026-11-24T00:00:00Z"),
            ("11/24/2026 07:00", "2026-11-24T07:00:00Z"),
            ("2026年11月24日 07:00", "2026-11-24T07:00:00Z"),
            ("2026年11月24日7时05分", "2026-11-24T07:05:00Z"),
            ("Di, 24 Nov 2026 07:00:00 +0000", "2026-11-24T07:00:00Z"),
            ("mar., 18 août 2026 07:00:00 +0000", "2026-08-18T07:00:00Z"),
            ("Вт, 24 ноя 2026 10:00:00 +0300", "2026-11-24T07:00:00Z"),
            ("Thurs, 24 September 2026 24:00:00 GMT", "2026-09-25T00:00:00Z"),
            ("Tue, 24 Nov 2026 07:00:60 GMT", "2026-11-24T07:00:59Z"),
        ] {
            check(text, expect);
        }
    }

    #[test]
    fn what_is_no_date_or_ambiguous_is_refused() {
        let long = "1".repeat(MAX_DATE_BYTES + 1);
        let blanks = format!("{}2026-11-24", " ".repeat(MAX_DATE_BYTES));
        check(&blanks, "2026-11-24T00:00:00Z");
        for text in [
            "",
            "soon",
            "03/04/2026",
            "2026-13-01",
            "32 Nov 2026",
            "Nov 2026",
            "7",
            "99999999999999999999",
            &long,
            "::",
            "+-",
        ] {
            check(text, "");
        }
    }
}
