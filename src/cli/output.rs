//! Tables for people, JSON for machines.

use std::{
    fmt,
    io::{self, Write},
    sync::OnceLock,
};

use comfy_table::{ContentArrangement, Table, TableStyle};
use serde::Serialize;

use crate::model::{Timestamp, time};

/// The first failure of [`say_line`]; the command ends with it.
static TROUBLE: OnceLock<io::Error> = OnceLock::new();

/// Prints a line on standard output, as `println!` does, but never panics when its reader has gone, as with
/// `| head`.
macro_rules! say {
    () => { $crate::cli::output::say_line(format_args!("")) };
    ($($words:tt)*) => { $crate::cli::output::say_line(format_args!($($words)*)) };
}
pub(super) use say;

/// `eprintln!` that does not mind when nobody reads standard error any more.
macro_rules! tell {
    ($($words:tt)*) => { $crate::cli::output::tell_line(format_args!($($words)*)) };
}
pub(super) use tell;

/// What [`tell!`] does.
pub(super) fn tell_line(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// What [`say!`] does.
pub(super) fn say_line(line: fmt::Arguments<'_>) {
    if TROUBLE.get().is_none()
        && let Err(error) = writeln!(io::stdout(), "{line}")
    {
        TROUBLE.get_or_init(|| error);
    }
}

/// Why a line could not be printed; `None` when all were.
pub(super) fn trouble() -> Option<anyhow::Error> {
    if TROUBLE.get().is_none()
        && let Err(error) = io::stdout().flush()
    {
        TROUBLE.get_or_init(|| error);
    }
    TROUBLE
        .get()
        .map(|error| anyhow::Error::new(io::Error::from(error.kind())).context("cannot print the answer"))
}

/// `1 feed`, `2 feeds`.
pub(super) fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

/// Prints lines of cells under headings.
pub(super) fn table(headings: &[&str], rows: Vec<Vec<String>>) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(TableStyle::new()).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(headings.iter().map(|heading| heading.to_uppercase()));
    table.add_rows(rows);
    let mut out = io::stdout().lock();
    for line in table.lines() {
        writeln!(out, "{}", line.trim_end().strip_prefix(' ').unwrap_or(line.trim_end()))?;
    }
    Ok(())
}

/// Prints one JSON value, indented.
pub(super) fn json<T: Serialize>(value: &T) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    serde_json::to_writer_pretty(&mut out, value)?;
    writeln!(out)?;
    Ok(())
}

/// Prints one JSON value on one line.
pub(super) fn json_line<T: Serialize>(out: &mut impl Write, value: &T) -> anyhow::Result<()> {
    serde_json::to_writer(&mut *out, value)?;
    writeln!(out)?;
    Ok(())
}

/// `12 min ago`; `–` for never.
pub(super) fn ago(now: Timestamp, at: Option<Timestamp>) -> String {
    at.map_or_else(|| "–".to_owned(), |at| format!("{} ago", span(time::between(at, now).as_secs())))
}

/// `in 12 min`, `now`; `–` for never.
pub(super) fn ahead(now: Timestamp, at: Option<Timestamp>) -> String {
    match at {
        None => "–".to_owned(),
        Some(at) if at <= now => "now".to_owned(),
        Some(at) => format!("in {}", span(time::between(now, at).as_secs())),
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// RFC 3339, for machines.
pub(super) fn instant(at: Option<Timestamp>) -> Option<String> {
    at.map(|at| at.to_string())
}

/// The reader of our output went away, as `| head` does: no failure.
pub(super) fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
            || cause
                .downcast_ref::<serde_json::Error>()
                .is_some_and(|e| e.io_error_kind() == Some(io::ErrorKind::BrokenPipe))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_told_in_the_unit_that_reads_best() {
        let check = |seconds, want: &str| assert_eq!(span(seconds), want);
        check(0, "0 s");
        check(59, "59 s");
        check(60, "1 min");
        check(3_599, "59 min");
        check(3_600, "1 h");
        check(172_799, "47 h");
        check(172_800, "2 d");
    }
}
