//! Dates as feeds write them → instants.
//!
//! Data in: the text of a date element. Data out: an instant, or nothing when the text is no date or ambiguous.
//!
//! **Invariant:** never guesses between day and month: `03/04/2026` is no date.
//! **Invariant:** a date without zone is UTC, never the zone of the machine.
//!
//! Rejected: a list of format strings: the parts vary independently, and so would need hundreds.

use jiff::{SignedDuration, Timestamp, civil, tz::Offset};

/// Longest text that is looked at, in bytes.
const MAX_DATE_BYTES: usize = 128;

/// First letters of the months in English, French, German, Spanish, Portuguese, Italian, Dutch, Russian, Ukrainian,
/// Greek, Hungarian, Polish, Turkish and Indonesian.
const MONTHS: [&[&str]; 12] = [
    &["jan", "ene", "gen", "jän", "янв", "січ", "ιαν", "sty", "oca"],
    &["feb", "fév", "fev", "фев", "лют", "φεβ", "lut", "şub", "sub"],
    &["mar", "mär", "maerz", "mrt", "már", "мар", "бер", "μαρ", "μάρ"],
    &["apr", "avr", "abr", "ápr", "апр", "кві", "απρ", "kwi", "nis"],
    &["may", "mai", "mag", "mei", "maj", "máj", "май", "мая", "тра", "μαι", "μαϊ", "μάι", "μάϊ"],
    &["jun", "juin", "giu", "jún", "июн", "чер", "ιουν", "ιούν", "ιον", "cze", "haz"],
    &["jul", "juil", "lug", "júl", "июл", "лип", "ιουλ", "ιούλ", "ιολ", "lip", "tem"],
    &["aug", "aoû", "aou", "ago", "agu", "agt", "авг", "сер", "αυγ", "αύγ", "sie", "ağu", "agust"],
    &["sep", "set", "sze", "сен", "вер", "σεπ", "wrz", "eyl"],
    &["oct", "okt", "out", "ott", "окт", "жов", "οκτ", "paź", "paz", "eki"],
    &["nov", "ноя", "лис", "νοε", "νοέ", "lis", "kas"],
    &["dec", "dez", "dic", "déc", "des", "дек", "гру", "δεκ", "gru", "ara"],
];

/// Zone names that occur in feeds, and their offsets from UTC in minutes. Where a name is used for several zones,
/// the one with most publishers: CST is America's, China's being written as +0800.
const ZONES: [(&str, i32); 59] = [
    ("Z", 0),
    ("UT", 0),
    ("UTC", 0),
    ("GMT", 0),
    ("WET", 0),
    ("WEST", 60),
    ("BST", 60),
    ("IRISH", 60),
    ("CET", 60),
    ("MET", 60),
    ("CEST", 120),
    ("MEST", 120),
    ("MEZ", 60),
    ("MESZ", 120),
    ("WAT", 60),
    ("CAT", 120),
    ("SAST", 120),
    ("EET", 120),
    ("EEST", 180),
    ("EAT", 180),
    ("MSK", 180),
    ("MSD", 240),
    ("TRT", 180),
    ("IRST", 210),
    ("GST", 240),
    ("PKT", 300),
    ("IST", 330),
    ("NPT", 345),
    ("ICT", 420),
    ("WIB", 420),
    ("HKT", 480),
    ("SGT", 480),
    ("MYT", 480),
    ("PHT", 480),
    ("AWST", 480),
    ("JST", 540),
    ("KST", 540),
    ("ACST", 570),
    ("ACDT", 630),
    ("AEST", 600),
    ("AEDT", 660),
    ("NZST", 720),
    ("NZDT", 780),
    ("BRT", -180),
    ("ART", -180),
    ("ADT", -180),
    ("AST", -240),
    ("EDT", -240),
    ("EST", -300),
    ("ET", -300),
    ("CDT", -300),
    ("CST", -360),
    ("CT", -360),
    ("MDT", -360),
    ("MST", -420),
    ("PDT", -420),
    ("PST", -480),
    ("PT", -480),
    ("HST", -600),
];

/// Korea's offset in minutes: dates with Korean words and no zone are Korean, as feedparser reads them.
const KOREA: i32 = 540;

/// The instant a text names: RFC 3339, RFC 822 and its successors, and what publishers make of them.
pub(super) fn parse(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    if text.len() > MAX_DATE_BYTES {
        return None;
    }
    // RFC 822 starts with a weekday, RFC 3339 never with a letter.
    if !text.starts_with(|c: char| c.is_ascii_alphabetic())
        && let Ok(at) = text.parse::<Timestamp>()
    {
        return Some(at);
    }
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return digits(text);
    }
    let parts = parts(text);
    let date = date(&parts)?;
    let (time, next_day, after) = time(&parts)?;
    let date = if next_day { date.tomorrow().ok()? } else { date };
    let minutes = zone(after)?.unwrap_or(if is_korean(text) { KOREA } else { 0 });
    // Not as an offset, which would refuse the +3000 that is met.
    let seconds = i64::from(minutes).checked_mul(60)?;
    Offset::UTC
        .to_timestamp(date.to_datetime(time))
        .ok()?
        .checked_sub(SignedDuration::from_secs(seconds))
        .ok()
}

fn is_korean(text: &str) -> bool {
    !text.is_ascii() && ["년", "오전", "오후", "오 전", "오 후"].iter().any(|word| text.contains(word))
}

/// Unix seconds or milliseconds, or a compact date.
fn digits(text: &str) -> Option<Timestamp> {
    let number: i64 = text.parse().ok()?;
    match text.len() {
        9 | 10 => Timestamp::from_second(number).ok(),
        13 => Timestamp::from_millisecond(number).ok(),
        // A year alone, and a year with one of its days.
        4 => civil::Date::new(i16::try_from(number).ok()?, 1, 1).ok().and_then(midnight),
        7 => {
            let (year, day) = (number.checked_div(1_000)?, number.checked_rem(1_000)?);
            ordinal(u32::try_from(year).ok()?, u32::try_from(day).ok()?).and_then(midnight)
        }
        8 => parse(&format!("{text} 00:00")),
        14 => {
            let (date, time) = text.split_at_checked(8)?;
            parse(&format!("{date}T{time}"))
        }
        _ => None,
    }
}

fn midnight(date: civil::Date) -> Option<Timestamp> {
    Offset::UTC.to_timestamp(date.to_datetime(civil::Time::midnight())).ok()
}

/// The day of a year, 1 being the first of January.
fn ordinal(year: u32, day: u32) -> Option<civil::Date> {
    let first = civil::Date::new(i16::try_from(year).ok()?, 1, 1).ok()?;
    let days = i16::try_from(day).ok().filter(|day| (1..=first.days_in_year()).contains(day))?;
    first.with().day_of_year(days).build().ok()
}

/// The day of a week (ISO 8601), 1 being Monday.
fn week(year: u32, week: u32, day: u32) -> Option<civil::Date> {
    let day = civil::Weekday::from_monday_one_offset(i8::try_from(day).ok()?).ok()?;
    let date = civil::ISOWeekDate::new(i16::try_from(year).ok()?, i8::try_from(week).ok()?, day).ok()?;
    Some(date.date())
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
            '(' => rest.find(')').map_or(1, |end| end.saturating_add(1)),
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
    let last_clock = parts.iter().rposition(|part| *part == Part::Sign(':')).unwrap_or(usize::MAX);
    let is_sign =
        |at: usize, signs: &[char]| matches!(parts.get(at), Some(Part::Sign(sign)) if signs.contains(sign));
    let numbers = |from: usize, to: usize| -> Vec<(u32, usize)> {
        let free = |at: &usize| {
            let before = at.checked_sub(1);
            let clock =
                before.is_some_and(|before| is_sign(before, &[':'])) || is_sign(at.saturating_add(1), &[':']);
            // What follows a sign after the time is an offset.
            clock || before.is_some_and(|before| before > last_clock && is_sign(before, &['+', '-']))
        };
        let places = (from..to).filter(|at| !free(at));
        places
            .filter_map(|at| match parts.get(at) {
                Some(Part::Number(value, length)) => Some((*value, *length)),
                _ => None,
            })
            .collect()
    };
    let (before, after) = (numbers(0, at), numbers(at, parts.len()));
    let is_day = |(value, length): &(u32, usize)| *length <= 2 && (1..=31).contains(value);
    let is_year = |(_, length): &(u32, usize)| *length == 4;
    let (day, year) = match before.iter().rev().find(|n| is_day(n)) {
        Some(day) => {
            let near = after.first().filter(|(_, length)| matches!(length, 2 | 4));
            (day, near.or_else(|| after.iter().chain(&before).find(|n| is_year(n)))?)
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
        [Part::Number(year, 4), Part::Sign('-'), Part::Number(day, 3), ..] => ordinal(*year, *day),
        [Part::Number(year, 4), Part::Sign('-'), Part::Number(month, 1..=2)] => new(*year, *month, 1),
        [Part::Number(year, 4), Part::Sign('-'), Part::Word("W"), rest @ ..]
        | [Part::Number(year, 4), Part::Word("W"), rest @ ..] => match rest {
            [Part::Number(number, 2), Part::Sign('-'), Part::Number(day, 1), ..] => {
                week(*year, *number, *day)
            }
            [Part::Number(both, 3), ..] => week(*year, both / 10, both % 10),
            [Part::Number(number, 2), ..] => week(*year, *number, 1),
            _ => None,
        },
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

/// The time of day (midnight without one), whether it belongs to the next day (24:00), and what follows it; `None`
/// when there is a time that no clock shows.
fn time<'p, 't>(parts: &'p [Part<'t>]) -> Option<(civil::Time, bool, &'p [Part<'t>])> {
    let mut from = 0_usize;
    while let Some(tail) = parts.get(from..).filter(|tail| !tail.is_empty()) {
        let found = match tail {
            [
                Part::Number(hour, 1..=2),
                Part::Sign(':'),
                Part::Number(minute, 1..=2),
                Part::Sign(':'),
                Part::Number(second, 1..=2),
                Part::Sign('.' | ','),
                Part::Number(fraction, digits),
                rest @ ..,
            ] => Some((*hour, *minute, *second, millis(*fraction, *digits), rest)),
            [
                Part::Number(hour, 1..=2),
                Part::Sign(':'),
                Part::Number(minute, 1..=2),
                Part::Sign(':'),
                Part::Number(second, 1..=2),
                rest @ ..,
            ] => Some((*hour, *minute, *second, 0, rest)),
            [Part::Number(hour, 1..=2), Part::Sign(':'), Part::Number(minute, 1..=2), rest @ ..] => {
                Some((*hour, *minute, 0, 0, rest))
            }
            [Part::Word("T" | "t"), Part::Number(clock, length @ (4 | 6)), rest @ ..] => {
                let clock = if *length == 4 { clock.saturating_mul(100) } else { *clock };
                Some((clock / 10_000, clock / 100 % 100, clock % 100, 0, rest))
            }
            _ => None,
        };
        if let Some((hour, minute, second, millis, rest)) = found {
            let before = parts.get(..from).unwrap_or(&[]);
            let (time, next_day) =
                clock_time(hour, minute, second, millis, half(before).or_else(|| half(rest)))?;
            return Some((time, next_day, rest));
        }
        from = from.saturating_add(1);
    }
    Some((civil::Time::midnight(), false, &[]))
}

/// The half of the day that a word names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    Am,
    Pm,
}

fn half(parts: &[Part<'_>]) -> Option<Half> {
    let mut at = 0_usize;
    while let Some(tail) = parts.get(at..).filter(|tail| !tail.is_empty()) {
        match tail {
            [Part::Word(a), Part::Sign('.'), Part::Word(m), ..] if m.eq_ignore_ascii_case("m") => {
                if a.eq_ignore_ascii_case("a") {
                    return Some(Half::Am);
                }
                if a.eq_ignore_ascii_case("p") {
                    return Some(Half::Pm);
                }
            }
            [Part::Word("오전" | "上午" | "午前"), ..] => return Some(Half::Am),
            [Part::Word("오후" | "下午" | "午後"), ..] => return Some(Half::Pm),
            // Korean blogs part the two syllables.
            [Part::Word("오"), Part::Word("전"), ..] => return Some(Half::Am),
            [Part::Word("오"), Part::Word("후"), ..] => return Some(Half::Pm),
            [Part::Word(word), ..] if word.eq_ignore_ascii_case("am") => return Some(Half::Am),
            [Part::Word(word), ..] if word.eq_ignore_ascii_case("pm") => return Some(Half::Pm),
            _ => {}
        }
        at = at.saturating_add(1);
    }
    None
}

fn millis(fraction: u32, digits: usize) -> u32 {
    let shown = u32::try_from(digits.min(9)).unwrap_or(9);
    u32::try_from(u64::from(fraction).saturating_mul(1_000) / 10_u64.pow(shown)).unwrap_or(0)
}

/// A time of day, and whether it is that of the next day.
fn clock_time(
    hour: u32,
    minute: u32,
    second: u32,
    millis: u32,
    half: Option<Half>,
) -> Option<(civil::Time, bool)> {
    let hour = match (half, hour) {
        (Some(Half::Am), 12) => 0,
        (Some(Half::Pm), 1..=11) => hour.saturating_add(12),
        _ => hour,
    };
    let next_day = hour == 24 && minute == 0;
    // A leap second is the one before it.
    let second = if second == 60 { 59 } else { second };
    let time = civil::Time::new(
        i8::try_from(if next_day { 0 } else { hour }).ok()?,
        i8::try_from(minute).ok()?,
        i8::try_from(second).ok()?,
        i32::try_from(millis.checked_mul(1_000_000)?).ok()?,
    );
    Some((time.ok()?, next_day))
}

/// Offset from UTC in minutes told by what follows the time: `+0200`, `-08:00`, `+02`, `GMT+8`, `CEST`; `Some(None)` without,
/// `None` when it is no number.
fn zone(parts: &[Part<'_>]) -> Option<Option<i32>> {
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
        return Some(Some(if *sign == '-' { minutes.checked_neg()? } else { minutes }));
    }
    let names = parts
        .iter()
        .filter_map(|part| if let Part::Word(word) = part { Some(word.to_uppercase()) } else { None });
    let mut known =
        names.filter_map(|name| ZONES.iter().find(|(zone, _)| *zone == name).map(|(_, minutes)| *minutes));
    Some(known.next())
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
            ("Tue, 24 Nov 26 07:00:29 -0800", "2026-11-24T15:00:29Z"),
            ("Tue Nov 24 07:00:00 +0000 2026", "2026-11-24T07:00:00Z"),
            ("Tuesday, 24-Nov-26 07:00:00 GMT", "2026-11-24T07:00:00Z"),
            ("Tue, 24 Nov 2026 07:00:00 +3000", "2026-11-23T01:00:00Z"),
            ("Tue(day), 24(th) Nov 2026 07:00:00 GMT (comment 12:00)", "2026-11-24T07:00:00Z"),
            ("2026-11-24T7:5:9+01:00", "2026-11-24T06:05:09Z"),
            ("2026-11-24 07:00:00 p.m.", "2026-11-24T19:00:00Z"),
            ("2026-328", "2026-11-24T00:00:00Z"),
            ("2026328", "2026-11-24T00:00:00Z"),
            ("2026-W48-2", "2026-11-24T00:00:00Z"),
            ("2026W482T070000Z", "2026-11-24T07:00:00Z"),
            ("2026-11", "2026-11-01T00:00:00Z"),
            ("2026", "2026-01-01T00:00:00Z"),
            ("Fri, 2026/11/27 08:19:53 EDT", "2026-11-27T12:19:53Z"),
            ("Tue, 24 Nov 2026 07:00:00 NZDT", "2026-11-23T18:00:00Z"),
            ("Dienstag, 24. März 2026 07:00:00 +0000", "2026-03-24T07:00:00Z"),
            ("mar. 24 nov. 2026 07:00:00 +0000", "2026-11-24T07:00:00Z"),
            ("martes, 24 de diciembre de 2026 07:00:00 GMT", "2026-12-24T07:00:00Z"),
            ("martedì 24 maggio 2026 07:00", "2026-05-24T07:00:00Z"),
            ("terça-feira, 24 de fevereiro de 2026 07:00", "2026-02-24T07:00:00Z"),
            ("di, 24 mrt 2026 07:00:00 +0100", "2026-03-24T06:00:00Z"),
            ("Κυρ, 11 Ιούλ 2026 12:00:00 EST", "2026-07-11T17:00:00Z"),
            ("2026-július-13T9:15-05:00", "2026-07-13T14:15:00Z"),
            ("wto, 24 lis 2026 07:00:00 +0100", "2026-11-24T06:00:00Z"),
            ("24 Ağustos 2026 07:00", "2026-08-24T07:00:00Z"),
            ("2026년 11월 24일 16:00:00", "2026-11-24T07:00:00Z"),
            ("2026-11-24 오후 04:00:00", "2026-11-24T07:00:00Z"),
            ("2026-11-24 오 후 04:00:00", "2026-11-24T07:00:00Z"),
            ("2026年11月24日 下午3:00", "2026-11-24T15:00:00Z"),
            ("2026年11月24日 午前7時05分", "2026-11-24T07:05:00Z"),
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
            "2026-11-24T25:00:00Z",
            "2026-11-24 07:60",
            "Tue, 24 Nov 2026 07:00:61 GMT",
            "2026-367",
            "2026-W54-1",
        ] {
            check(text, "");
        }
    }
}
