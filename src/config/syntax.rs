//! Faults of the TOML itself, with the remedy for the slips that people really make.
//!
//! Data in: the parser's faults. Data out: one finding each, without those that only echo an earlier one.
//!
//! **Invariant:** the first fault of a file is always reported.
//!
//! Rejected: the parser's words alone, which name tokens and not what to type.

use std::{ops::Range, sync::Arc};

use super::{
    diagnostic::Report,
    source::{Place, Source},
};

/// Quotation marks of word processors and of chat programs.
const CURLY: &str = "“”„‟‘’‚‛«»″＂";
/// Blanks that look like one and are none: no-break, narrow no-break, ideographic, zero-width.
const INVISIBLE: &str = "\u{a0}\u{202f}\u{3000}\u{200b}\u{feff}\u{2060}";

/// Reports the parser's faults in order: the first, and of the others those behind a new section header, since what
/// follows a fault is mostly an echo of it.
pub(super) fn report(source: &Arc<Source>, faults: &[toml::de::Error], report: &Report) {
    let text = source.text();
    let mut found: Vec<(Range<usize>, &str)> = faults
        .iter()
        .map(|fault| {
            (fault.span().unwrap_or(text.len()..text.len()), fault.message().lines().next().unwrap_or(""))
        })
        .collect();
    found.sort_by_key(|(span, _)| span.start);
    let mut last: Option<usize> = None;
    for (span, message) in found {
        let between = last.map(|last| text.get(last..span.end.max(last)).unwrap_or(""));
        if between.is_none_or(|between| between.contains("\n[")) {
            last = Some(span.start);
            let (line, within) = line_of(text, &span);
            let remedy = remedy(line, within, message);
            report.error(&Place::span(source, span), format!("this is not TOML: {message}"), remedy);
        }
    }
}

/// The line in which `span` begins, and where in it.
fn line_of<'t>(text: &'t str, span: &Range<usize>) -> (&'t str, usize) {
    let before = text.get(..span.start).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = text.get(start..).and_then(|rest| rest.lines().next()).unwrap_or("");
    (line, span.start.saturating_sub(start))
}

fn remedy(line: &str, within: usize, message: &str) -> &'static str {
    let rest = line.get(within..).unwrap_or("");
    let trimmed = line.trim_start();
    match message {
        _ if trimmed.starts_with("<<<<<<<")
            || trimmed.starts_with("=======")
            || trimmed.starts_with(">>>>>>>") =>
        {
            "two versions of this file were merged and left half done; keep the lines of one of them"
        }
        _ if trimmed.starts_with(';') || trimmed.starts_with("//") => "begin a comment with #",
        _ if rest.starts_with(|c| CURLY.contains(c)) => "write straight quotes, such as key = \"value\"",
        _ if rest.starts_with(|c| INVISIBLE.contains(c)) => {
            "a special blank stands here that cannot be told from a plain one; delete it and type a blank"
        }
        _ if message.contains("duplicate key") => duplicate(line),
        _ if rest.trim_start().starts_with(':') => "write key = value, with = in place of the colon",
        _ if message.contains("missing comma") => {
            "put a comma between the entries of a list, and ] behind the last one, in a line above if it is missing there"
        }
        _ if message.contains("invalid basic string") => "end the text with \" in the same line",
        _ if message.contains("escaped value") => "write \\\\ for a backslash, or put the text in '…'",
        _ if message.contains("boolean") => "write true or false in small letters, and any text in quotes",
        _ if message.contains("quoted") => "put the value in quotes, such as key = \"value\"",
        _ => "mend the TOML at this place; a key looks like key = \"value\", a section like [section]",
    }
}

fn duplicate(line: &str) -> &'static str {
    let name = line.trim().trim_start_matches('[').split(']').next().unwrap_or("").trim();
    match name {
        _ if !line.trim_start().starts_with('[') => "this key stands above already; remove one of the two",
        "topic" => "begin each topic with [[topic]], in double brackets",
        "feed" => "begin each feed with [[feed]], in double brackets",
        "subscription" => "begin each subscription with [[subscription]], in double brackets",
        _ => "this section stands above already; move its keys there",
    }
}
