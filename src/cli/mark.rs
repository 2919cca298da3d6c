//! Texts with the places that matter between `»` and `«`; on a terminal these are bold as well.
//!
//! Data in: a text and byte ranges in it. Data out: one line of it round those ranges.
//!
//! **Invariant:** no character that controls a terminal is passed on from a text.

use std::{io::IsTerminal, ops::Range};

use crate::model::{ClauseHit, Field, Item};

/// Ranges shown of one text.
const MAX_SHOWN: usize = 4;
const BOLD: &str = "\u{1b}[1m";
const PLAIN: &str = "\u{1b}[0m";

/// How what matters is set off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marks {
    /// `»…«`
    Plain,
    /// The same in bold.
    Bold,
}

impl Marks {
    /// As standard output can show them: bold on a terminal, unless `NO_COLOR` is set (no-color.org).
    pub(super) fn of_stdout() -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        if std::io::stdout().is_terminal() && !plain { Self::Bold } else { Self::Plain }
    }

    /// In bold where that can be shown.
    pub(super) fn strong(self, text: &str) -> String {
        match self {
            Self::Plain => text.to_owned(),
            Self::Bold => format!("{BOLD}{text}{PLAIN}"),
        }
    }

    /// `text` round `spans`, which are sorted, with about `context` characters on either side; what is left out
    /// becomes `…`. Without spans the beginning of `text`.
    pub(super) fn excerpt(self, text: &str, spans: &[Range<usize>], context: usize) -> String {
        let mut out = String::new();
        let mut shown_to = 0;
        for span in apart(spans).iter().take(MAX_SHOWN) {
            let (from, to) = (span.start, span.end);
            let begin = before(text, from, context).max(shown_to);
            // A short gap is shown whole.
            let gap = text.get(shown_to..from).unwrap_or_default();
            let whole = gap.chars().count() <= if shown_to == 0 { context } else { 2 * context };
            let lead = if whole { shown_to } else { begin };
            if !whole && shown_to > 0 {
                let end = after(text, shown_to, context).min(begin);
                out += &clean(text.get(shown_to..end).unwrap_or_default());
            }
            if !whole {
                out.push('…');
            }
            out += &clean(text.get(lead..from).unwrap_or_default());
            out.push('»');
            out += &self.strong(&clean(text.get(from..to).unwrap_or_default()));
            out.push('«');
            shown_to = to;
        }
        let room = if spans.is_empty() { 2 * context } else { context };
        let end = after(text, shown_to, room);
        out += &clean(text.get(shown_to..end).unwrap_or_default());
        if end < text.len() {
            out.push('…');
        }
        out
    }

    /// `field: …text round the hits…` for each field of `item` that has one of `hits`.
    pub(super) fn by_field(self, item: &Item, hits: &[ClauseHit], context: usize) -> Vec<String> {
        let mut fields: Vec<Field> = hits.iter().map(|hit| hit.field).collect();
        fields.dedup();
        fields
            .into_iter()
            .map(|field| {
                let spans: Vec<Range<usize>> =
                    hits.iter().filter(|hit| hit.field == field).map(|hit| hit.span.clone()).collect();
                format!("{}: {}", field.as_str(), self.excerpt(&item.field(field), &spans, context))
            })
            .collect()
    }
}

/// The spans with those that touch or overlap made one.
fn apart(spans: &[Range<usize>]) -> Vec<Range<usize>> {
    let mut merged: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start <= last.end => last.end = last.end.max(span.end),
            _ => merged.push(span.clone()),
        }
    }
    merged
}

/// Where a word begins at most `context` characters before `at`.
fn before(text: &str, at: usize, context: usize) -> usize {
    let head = text.get(..at).unwrap_or_default();
    let start = head.char_indices().rev().nth(context.saturating_sub(1)).map_or(0, |(at, _)| at);
    if start == 0 || head.get(..start).is_some_and(|left_out| left_out.ends_with(' ')) {
        return start;
    }
    // Scripts without spaces are cut anywhere.
    head.get(start..).and_then(|rest| rest.find(' ')).map_or(start, |space| start + space + 1)
}

/// Where a word ends at most `context` characters behind `at`.
fn after(text: &str, at: usize, context: usize) -> usize {
    let tail = text.get(at..).unwrap_or_default();
    let Some((end, _)) = tail.char_indices().nth(context) else { return text.len() };
    at + tail.get(..end).and_then(|rest| rest.rfind(' ')).unwrap_or(end)
}

fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// At most `shown` of `names` joined with commas, and how many more there are.
pub(super) fn short_list(names: impl IntoIterator<Item = String>, shown: usize) -> String {
    let mut names: Vec<String> = names.into_iter().collect();
    let more = names.len().saturating_sub(shown);
    // To write `… and 1 more` takes as much room as the one.
    if more > 1 {
        names.truncate(shown);
        names.push(format!("… and {more} more"));
    }
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_is_marked_and_what_is_far_from_it_left_out() {
        let text =
            "The price of gallium rose again last week as traders waited for news of export bans from there";
        let span = |word: &str| {
            let at = text.find(word).unwrap();
            at..at + word.len()
        };
        let check = |spans: &[Range<usize>], context: usize, expect: &str| {
            assert_eq!(Marks::Plain.excerpt(text, spans, context), expect);
        };
        check(&[span("gallium")], 14, "The price of »gallium« rose again…");
        check(&[span("gallium")], 8, "…of »gallium« rose…");
        check(&[span("gallium"), span("rose")], 5, "…of »gallium« »rose«…");
        check(&[span("gallium"), span("bans")], 9, "…price of »gallium« rose…export »bans« from…");
        check(&[span("gallium rose"), span("rose")], 9, "…price of »gallium rose« again…");
        check(&[], 9, "The price of…");
        let hans = "昨日稀土价格大幅上涨";
        let one = |span: Range<usize>| vec![span];
        assert_eq!(Marks::Plain.excerpt(hans, &one(6..12), 2), "昨日»稀土«价格…");
        assert_eq!(Marks::Bold.excerpt("a\u{1b}b", &one(0..1), 9), "»\u{1b}[1ma\u{1b}[0m« b");
    }

    #[test]
    fn long_lists_are_cut() {
        let check = |n: usize, expect: &str| {
            assert_eq!(short_list((1..=n).map(|i| i.to_string()), 3), expect);
        };
        check(0, "");
        check(3, "1, 2, 3");
        check(4, "1, 2, 3, 4");
        check(5, "1, 2, 3, … and 2 more");
    }
}
