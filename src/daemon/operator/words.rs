//! The words of mails to the operator.
//!
//! Data in: counts, instants, kinds of events. Data out: plain English for someone who reads it first thing in the morning.

use jiff::tz::TimeZone;

use crate::model::{EventKind, Section, Timestamp};

/// What happened to feeds, as a heading.
pub(super) fn heading(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Degraded | EventKind::Failing => "Not readable",
        EventKind::Dormant => "Given a rest",
        EventKind::Recovered => "Readable again",
        EventKind::Moved => "Moved",
        EventKind::MovedBack => "Moved back",
        EventKind::Gone => "Gone for good",
        EventKind::Liar => "Untrue answers",
        EventKind::Gap => "Possibly missed",
        EventKind::Silent => "Silent",
        EventKind::Spoke => "No longer silent",
        EventKind::Renumbered => "Renumbered",
        EventKind::RateLimit => "Visited less",
    }
}

/// `1 feed`, `2 feeds`.
pub(super) fn count(n: u64, one: &str) -> String {
    format!("{n} {one}{}", if n == 1 { "" } else { "s" })
}

/// `Mon 23 Nov, 07:30 GMT`
pub(super) fn when(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%a %-d %b, %H:%M %Z").to_string()
}

/// A section of these lines; of more than can be named, a last line says how many more, and where they are listed. `None`
/// without a line.
pub(super) fn section(title: &str, mut lines: Vec<String>, more: u64, listed_by: &str) -> Option<Section> {
    let named = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    if more > 0 {
        lines.push(format!("{more} more; `{listed_by}` names them"));
    }
    let section = Section { title: title.to_owned(), count: named.saturating_add(more), lines };
    (section.count > 0).then_some(section)
}

/// `mails given up (2), no feed answers`: what a headline says of its sections.
pub(super) fn summary(sections: &[Section]) -> String {
    let part = |section: &Section| {
        let title = change_first(&section.title, char::to_lowercase);
        if section.count == 1 { title } else { format!("{title} ({})", section.count) }
    };
    sections.iter().map(part).collect::<Vec<_>>().join(", ")
}

/// With a capital letter at the beginning.
pub(super) fn sentence(text: &str) -> String {
    change_first(text, char::to_uppercase)
}

fn change_first<I: Iterator<Item = char>>(text: &str, change: impl Fn(char) -> I) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| change(first).chain(chars).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_counts_what_it_does_not_name() {
        let few = section("Moved", vec!["a".to_owned()], 0, "x").unwrap();
        assert_eq!((few.count, few.lines.len()), (1, 1));
        let many = section("Moved", vec!["a".to_owned()], 2, "wirewatch status").unwrap();
        assert_eq!((many.count, many.lines[1].as_str()), (3, "2 more; `wirewatch status` names them"));
        assert_eq!(section("Moved", Vec::new(), 0, "x"), None);
        assert_eq!(
            summary(&[few, Section { title: "No feed answers".to_owned(), count: 2, lines: vec![] }]),
            "moved, no feed answers (2)"
        );
        assert_eq!(sentence("feeds answer again"), "Feeds answer again");
    }
}
