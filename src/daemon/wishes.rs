//! When a publisher would like to be visited, as the head of a feed says it: `ttl`, `sy:updatePeriod`, `skipHours`,
//! `skipDays`.
//!
//! Data in: the bytes of a body. Data out: [`Hints`].
//!
//! Only what stands before the first entry is looked at, as text: a wish that is missed costs nothing but a visit.
//!
//! **Invariant:** no body makes this slow or fail: it looks at [`HEAD`] bytes, and takes nonsense for silence.
//!
//! Rejected: a second pass of an XML parser, for five elements that stand in the first lines.

use std::time::Duration;

use crate::model::Hints;

/// Bytes looked at.
const HEAD: usize = 64 * 1024;
/// Longest wish that is kept, from `ttl` or `sy:updatePeriod`: a yearly feed is looked at every day.
pub(super) const MAX_WISH: Duration = Duration::from_secs(86_400);

/// The wishes of a body.
pub(super) fn of_body(bytes: &[u8]) -> Hints {
    let head = String::from_utf8_lossy(bytes.get(..HEAD).unwrap_or(bytes));
    let end = ["<item", "<entry"].iter().filter_map(|start| head.find(start)).min();
    let head = end.and_then(|end| head.get(..end)).unwrap_or(&head);
    let ttl = elements(head, "ttl").next().and_then(|text| text.parse().ok()).and_then(minutes);
    Hints {
        wait: ttl.max(update_period(head)).map(|wait| wait.min(MAX_WISH)),
        skip_hours: hours(head),
        skip_days: days(head),
    }
}

fn minutes(n: u64) -> Option<Duration> {
    (n > 0).then(|| Duration::from_secs(n.saturating_mul(60)))
}

/// RSS module Syndication: a period, and how often within it.
fn update_period(head: &str) -> Option<Duration> {
    const DAY: u64 = 24 * 60;
    let period = match elements(head, "updatePeriod").next()? {
        "hourly" => 60,
        "daily" => DAY,
        "weekly" => 7 * DAY,
        "monthly" => 30 * DAY,
        "yearly" => 365 * DAY,
        _ => return None,
    };
    let times = elements(head, "updateFrequency").next().and_then(|text| text.parse().ok()).unwrap_or(1);
    minutes(period / u64::max(times, 1))
}

/// RSS 2.0: hours from 0 to 23, GMT; Netscape counted to 24.
fn hours(head: &str) -> u32 {
    let Some(list) = elements(head, "skipHours").next() else { return 0 };
    let bits = elements(list, "hour").filter_map(|text| text.parse::<u32>().ok()).filter(|hour| *hour <= 24);
    let skipped = bits.fold(0, |bits, hour| bits | 1 << (hour % 24));
    // A feed that is never to be visited is one that is not understood.
    if skipped == (1 << 24) - 1 { 0 } else { skipped }
}

fn days(head: &str) -> u8 {
    const NAMES: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let Some(list) = elements(head, "skipDays").next() else { return 0 };
    let index = |text: &str| NAMES.iter().position(|name| name.eq_ignore_ascii_case(text));
    let skipped = elements(list, "day").filter_map(index).fold(0, |bits, day| bits | 1 << day);
    if skipped == (1 << 7) - 1 { 0 } else { skipped }
}

/// What stands between the tags of elements of this local name, trimmed, in order.
fn elements<'a>(text: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        loop {
            let (_, behind) = rest.split_once('<')?;
            rest = behind;
            let end = behind.find(['<', '>'])?;
            let (tag, content) = behind.split_at_checked(end)?;
            let Some(content) = content.strip_prefix('>') else { continue };
            let tag_name = tag.split_whitespace().next().unwrap_or_default();
            let local = tag_name.rsplit_once(':').map_or(tag_name, |(_, local)| local);
            if local == name && !tag.ends_with('/') {
                let close = format!("</{tag_name}");
                let (inner, after) = content.split_once(close.as_str())?;
                rest = after;
                return Some(inner.trim());
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hints(head: &str) -> Hints {
        of_body(format!("<?xml version=\"1.0\"?><rss><channel>{head}<item><ttl>5</ttl></item>").as_bytes())
    }

    #[test]
    fn waits_are_read_and_the_longest_counts() {
        let check = |head: &str, want_minutes: Option<u64>| {
            assert_eq!(hints(head).wait.map(|wait| wait.as_secs() / 60), want_minutes, "{head}");
        };
        check("", None);
        check("<ttl>60</ttl>", Some(60));
        check("<ttl> 60 \n</ttl>", Some(60));
        check("<ttl>0</ttl>", None);
        check("<ttl>-5</ttl>", None);
        check("<ttl>an hour</ttl>", None);
        check("<ttl>1440</ttl>", Some(1_440));
        check("<ttl>1441</ttl>", Some(1_440));
        check("<ttl>99999999999999999999999</ttl>", None);
        check("<sy:updatePeriod>hourly</sy:updatePeriod>", Some(60));
        check(
            "<sy:updatePeriod>\n hourly </sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>",
            Some(15),
        );
        check("<s:updatePeriod>daily</s:updatePeriod><s:updateFrequency>0</s:updateFrequency>", Some(1_440));
        check("<sy:updatePeriod>weekly</sy:updatePeriod>", Some(1_440));
        check("<sy:updatePeriod>often</sy:updatePeriod>", None);
        check("<ttl>30</ttl><sy:updatePeriod>hourly</sy:updatePeriod>", Some(60));
        check("<ttl/><ttl>", None);
        check("<ttl>5", None);
    }

    #[test]
    fn hours_and_days_to_skip_are_read() {
        let found = hints(
            "<skipHours><hour>0</hour><hour>23</hour><hour>24</hour><hour>25</hour><hour>x</hour></skipHours>\
             <skipDays><day>Monday</day><day>sunday</day><day>Someday</day></skipDays>",
        );
        assert_eq!((found.skip_hours, found.skip_days), (1 | 1 << 23, 1 | 1 << 6));
        let all: String = (0..24).map(|hour| format!("<hour>{hour}</hour>")).collect();
        assert_eq!(hints(&format!("<skipHours>{all}</skipHours>")).skip_hours, 0);
    }

    #[test]
    fn any_bytes_are_taken() {
        for bytes in [&b""[..], b"\xff\xfe<\x00t\x00", b"<<<<>>>><ttl><ttl></ttl>", &[b'<'; 100_000]] {
            assert_eq!(of_body(bytes), Hints::default());
        }
    }
}
