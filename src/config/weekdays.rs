//! Days of the week as the configuration writes them: `mon-fri`, `daily`, `sat,sun`.
//!
//! Data in: a string with its place. Data out: [`Days`], or an error that points at the word at fault.
//!
//! **Invariant:** the set is never empty.
//!
//! Rejected: cron fields, which number the days and disagree on which is the first.

use super::{
    diagnostic::{Report, did_you_mean},
    reader::printable,
    source::Text,
};
use crate::model::Days;

const NAMES: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const REMEDY: &str = "write \"daily\", single days (\"sat,sun\") or a range (\"mon-fri\")";

/// Reads a set of days.
pub(super) fn read(text: &Text, report: &Report) -> Option<Days> {
    if text.value.trim().eq_ignore_ascii_case("daily") {
        return Some(Days::ALL);
    }
    let mut days = Days([false; 7]);
    let mut start = 0;
    for part in text.value.split(',') {
        let within = start..start + part.len();
        start = within.end + 1;
        if let Err(word) = add(&mut days, part) {
            let remedy = match guess(&word) {
                Some(guess) => format!("did you mean \"{guess}\"?"),
                None => REMEDY.to_owned(),
            };
            let what = format!("the day \"{}\" is not understood", printable(&word));
            report.error(&text.at(within), what, remedy);
            return None;
        }
    }
    Some(days)
}

/// What was probably meant by a word that is no day.
fn guess(word: &str) -> Option<&'static str> {
    let whole = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    match word {
        "weekday" | "weekdays" | "workdays" | "working days" => Some("mon-fri"),
        "weekend" | "weekends" => Some("sat,sun"),
        "everyday" | "every day" | "all" | "*" => Some("daily"),
        _ => NAMES
            .into_iter()
            .zip(whole)
            // tues, thurs, monday, mondays
            .find(|(name, whole)| word.starts_with(name) && whole.starts_with(word.trim_end_matches('s')))
            .map(|(name, _)| name)
            .or_else(|| did_you_mean(word, NAMES).filter(|guess| *guess != word)),
    }
}

/// Adds a day or a range, which may go over the end of the week; the error is the word that is no day.
fn add(days: &mut Days, part: &str) -> Result<(), String> {
    let (first, last) = part.split_once('-').unwrap_or((part, part));
    let (first, last) = (day(first)?, day(last)?);
    let length = (last + 7 - first) % 7;
    for offset in 0..=length {
        if let Some(slot) = days.0.get_mut((first + offset) % 7) {
            *slot = true;
        }
    }
    Ok(())
}

fn day(word: &str) -> Result<usize, String> {
    let word = word.trim().to_lowercase();
    NAMES.iter().position(|name| *name == word).ok_or(word)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::source::{Place, Source};

    #[test]
    fn days_are_read_or_refused_at_the_word() {
        let check = |value: &str, want: Result<[u8; 7], (usize, &str)>| {
            let source = Source::new(Path::new("w.toml"), 0, format!("\"{value}\""));
            let place = Place::span(&source, 0..source.text().len());
            let report = Report::default();
            let got = read(&Text { value: value.to_owned(), place }, &report);
            let found = report.into_diagnostics().entries;
            match want {
                Ok(days) => assert_eq!(got, Some(Days(days.map(|d| d == 1))), "{value}"),
                Err((column, remedy)) => {
                    assert_eq!(got, None, "{value}");
                    assert_eq!(found[0].place.position().unwrap().column, column, "{value}");
                    assert!(found[0].remedy.contains(remedy), "{value}: {}", found[0].remedy);
                }
            }
        };
        check("daily", Ok([1; 7]));
        check("mon-fri", Ok([1, 1, 1, 1, 1, 0, 0]));
        check("sat,sun", Ok([0, 0, 0, 0, 0, 1, 1]));
        check("Sat, Sun", Ok([0, 0, 0, 0, 0, 1, 1]));
        check("fri-mon", Ok([1, 0, 0, 0, 1, 1, 1]));
        check("wed", Ok([0, 0, 1, 0, 0, 0, 0]));
        check("mon,wed-thu", Ok([1, 0, 1, 1, 0, 0, 0]));
        check("mon,tus", Err((6, "did you mean \"tue\"?")));
        check("", Err((2, "mon-fri")));
        check("weekdays", Err((2, "did you mean \"mon-fri\"?")));
        check("weekend", Err((2, "did you mean \"sat,sun\"?")));
        check("monday", Err((2, "did you mean \"mon\"?")));
        check("Monday-Friday", Err((2, "did you mean \"mon\"?")));
        check("mon,thurs", Err((6, "did you mean \"thu\"?")));
        check("1-5", Err((2, "mon-fri")));
        check("mon-", Err((2, "mon-fri")));
    }
}
