//! Feeds in plain words: what kind they are, what was mended, how often they have news.
//!
//! Data in: bodies, warnings, items, failures. Data out: short phrases without control characters.

use std::fmt;

use url::Url;

use super::super::output;
use crate::{
    model::{Item, Timestamp, Warning, time},
    text,
};

/// Bytes looked at to tell the kind of a feed.
const HEAD_BYTES: usize = 4 * 1_024;
const DAY_S: f64 = 86_400.0;

/// What a body that could be read as a feed is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Rss,
    Rdf,
    Atom,
    Json,
    Sitemap,
    Other,
}

impl Kind {
    /// By its first element.
    pub(super) fn of(body: &[u8]) -> Self {
        let head: Vec<u8> = body.iter().take(HEAD_BYTES).copied().filter(|byte| *byte != 0).collect();
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let head =
            head.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{fffd}'));
        if head.starts_with(['{', '[']) {
            return Self::Json;
        }
        let head = without_comments(head);
        let marks = [
            ("<rss", Self::Rss),
            ("<rdf:rdf", Self::Rdf),
            ("<feed", Self::Atom),
            ("<atom:feed", Self::Atom),
            ("<urlset", Self::Sitemap),
        ];
        let places = marks.iter().filter_map(|(mark, kind)| Some((head.find(mark)?, *kind)));
        places.min_by_key(|(at, _)| *at).map_or(Self::Other, |(_, kind)| kind)
    }
}

fn without_comments(text: &str) -> String {
    let mut parts = text.split("<!--");
    let first = parts.next().unwrap_or_default();
    let rest = parts.filter_map(|part| part.split_once("-->")).map(|(_, behind)| behind);
    std::iter::once(first).chain(rest).collect()
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rss => "RSS",
            Self::Rdf => "RSS 1.0",
            Self::Atom => "Atom",
            Self::Json => "JSON Feed",
            Self::Sitemap => "news sitemap",
            Self::Other => "feed",
        })
    }
}

/// What was mended or left out, each kind once.
pub(super) fn warnings<'w>(warnings: impl IntoIterator<Item = &'w Warning>) -> Vec<String> {
    let mut told: Vec<(String, usize)> = Vec::new();
    for warning in warnings {
        let words = warning_words(warning);
        match told.iter_mut().find(|(known, _)| *known == words) {
            Some((_, times)) => *times += 1,
            None => told.push((words, 1)),
        }
    }
    told.into_iter()
        .map(|(words, times)| if times == 1 { words } else { format!("{words} ({times} times)") })
        .collect()
}

fn warning_words(warning: &Warning) -> String {
    match warning {
        Warning::Charset { used } => format!("not in the charset it declares; read as {used}"),
        Warning::Salvaged(why) => format!("mended on reading: {why}"),
        Warning::CutItem => "the last item is cut off, and is taken when it comes whole".to_owned(),
        Warning::NotNews { count: 1 } => {
            "1 address of the sitemap carries no news and is left out".to_owned()
        }
        Warning::NotNews { count } => {
            format!("{count} addresses of the sitemap carry no news and are left out")
        }
        Warning::TooManyItems { dropped } => format!("too many items; the oldest {dropped} are left out"),
        Warning::Truncated { field } => format!("a {field} was too long and is cut"),
        Warning::EmptyItems { count } => {
            format!("{} without title, link and text, which are never told", output::count(*count, "item"))
        }
    }
}

/// The charset that was used instead of the declared one.
pub(super) fn charset(warnings: &[Warning]) -> Option<&'static str> {
    warnings.iter().find_map(|warning| match warning {
        Warning::Charset { used } => Some(*used),
        _ => None,
    })
}

/// `about 3 a day`, of the dates of one reading; `None` with fewer than three dates, or when all are the same.
pub(super) fn usual_rate(items: &[Item]) -> Option<String> {
    let dates: Vec<Timestamp> = items.iter().filter_map(|item| item.published_at).collect();
    let (first, last) = (dates.iter().min()?, dates.iter().max()?);
    let seconds = time::between(*first, *last).as_secs();
    if dates.len() < 3 || seconds == 0 {
        return None;
    }
    let gaps = u32::try_from(dates.len().saturating_sub(1)).unwrap_or(u32::MAX);
    #[expect(clippy::cast_precision_loss, reason = "no span of dates comes near 2^52 seconds")]
    let days = seconds as f64 / DAY_S;
    Some(format!("about {}", rate(f64::from(gaps) / days)))
}

/// `3 a day`, `2.5 a week`, `1 a month`.
fn rate(per_day: f64) -> String {
    let (number, unit) = match per_day {
        n if n >= 1.0 => (n, "day"),
        n if n * 7.0 >= 1.0 => (n * 7.0, "week"),
        n => (n * 30.0, "month"),
    };
    if number >= 10.0 { format!("{number:.0} a {unit}") } else { format!("{} a {unit}", short(number)) }
}

/// One digit behind the point, unless it is 0.
pub(super) fn short(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// What to do about a failure of this class (`FailureKind::as_str`).
pub(in crate::cli) fn advice(kind: &str) -> &'static str {
    match kind {
        "refused" => {
            "wirewatch does not go where this address leads: look for another; for servers of your own see [fetch] allow"
        }
        "dns" => "is the name spelt right, and does the site still exist?",
        "connect" | "timeout" => "the site may be down; wirewatch keeps trying",
        "tls" => "the site's certificate is at fault; its publisher must mend it",
        "login" => {
            "a login is wanted that the server accepts: look at basic, bearer, cookie, headers or proxy of this [[feed]], and at the secret they name"
        }
        "forbidden" => {
            "its server turns wirewatch away: it may want a login, or mind the visits; say who you are with [fetch] contact, and ask the publisher"
        }
        "client-error" => "the feed may have moved: `wirewatch feeds discover SITE` finds where to",
        "gone" => {
            "the publisher removed it for good: look for its successor with `wirewatch feeds discover SITE`"
        }
        "rate-limited" => {
            "wirewatch waits, as long as it was asked to where the server said so; a longer interval helps"
        }
        "server-error" => "the site has trouble of its own; wirewatch keeps trying",
        "body" => "the answer was damaged or too long; see [fetch] max_body",
        "no-room" => "other large feeds were being read just then; it is visited again in its turn",
        "not-a-feed" => "the feed may have moved: `wirewatch feeds discover SITE` finds where to",
        _ => "please report the feed",
    }
}

/// An address as one word of a shell, whatever a page put into it.
pub(super) fn shell(url: &Url) -> String {
    format!("'{}'", url.as_str().replace('\'', "'\\''"))
}

/// One line of `text`, at most `width` columns wide, `…` where it is cut.
pub(in crate::cli) fn cut(text: &str, width: usize) -> String {
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if columns(&clean) <= width {
        return clean;
    }
    let mut out = String::new();
    for grapheme in text::graphemes(&clean) {
        if columns(&out) + columns(grapheme) + 1 > width {
            break;
        }
        out += grapheme;
    }
    format!("{}…", out.trim_end())
}

/// Columns a text takes on a terminal.
pub(super) fn columns(text: &str) -> usize {
    unicode_width::UnicodeWidthStr::width(text)
}

/// `2025-06-05 10:00`, UTC; `undated` for none.
pub(super) fn date(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "undated".to_owned(), |at| at.strftime("%F %R").to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FailureKind;

    #[test]
    fn kinds_are_told_by_the_first_element() {
        let check = |body: &[u8], kind: Kind| assert_eq!(Kind::of(body), kind, "{body:?}");
        check(b"<?xml version='1.0'?><!-- <feed> --><rss>", Kind::Rss);
        check(b"<?xml version='1.0'?>\n<rss version='2.0'><channel><atom:feed/>", Kind::Rss);
        check(b"<feed xmlns='x'>", Kind::Atom);
        check(b"<rdf:RDF>", Kind::Rdf);
        check(b"\xef\xbb\xbf {\"version\":", Kind::Json);
        check(b"<urlset>", Kind::Sitemap);
        check(b"\xff\xfe<\0r\0s\0s\0", Kind::Rss);
        check(&[&vec![b' '; HEAD_BYTES - 4][..], b"<rss"].concat(), Kind::Rss);
        check(&[&vec![b' '; HEAD_BYTES - 3][..], b"<rss"].concat(), Kind::Other);
    }

    #[test]
    fn a_missing_login_is_not_taken_for_a_feed_that_moved() {
        let advised = |status: u16| advice(FailureKind::ClientError(status).as_str());
        for status in [401, 407] {
            assert!(advised(status).contains("login") && !advised(status).contains("moved"), "{status}");
        }
        assert!(advised(403).contains("turns wirewatch away"));
        assert!(advised(404).contains("may have moved"));
    }

    #[test]
    fn each_warning_is_told_once() {
        let all = [
            Warning::Charset { used: "windows-1252" },
            Warning::EmptyItems { count: 2 },
            Warning::CutItem,
            Warning::CutItem,
            Warning::NotNews { count: 3 },
            Warning::NotNews { count: 1 },
            Warning::TooManyItems { dropped: 2 },
            Warning::Truncated { field: "title" },
            Warning::Salvaged("it is cut off"),
        ];
        assert_eq!(
            warnings(&all),
            [
                "not in the charset it declares; read as windows-1252",
                "2 items without title, link and text, which are never told",
                "the last item is cut off, and is taken when it comes whole (2 times)",
                "3 addresses of the sitemap carry no news and are left out",
                "1 address of the sitemap carries no news and is left out",
                "too many items; the oldest 2 are left out",
                "a title was too long and is cut",
                "mended on reading: it is cut off",
            ]
        );
        assert_eq!((charset(&all), charset(&all[1..])), (Some("windows-1252"), None));
    }

    #[test]
    fn rates_are_told_in_the_unit_that_reads_best() {
        let check = |hours: &[i64], expect: Option<&str>| {
            let items: Vec<Item> = hours
                .iter()
                .map(|hour| Item {
                    published_at: Some(time::from_millis(hour * 3_600_000)),
                    ..Item::default()
                })
                .collect();
            assert_eq!(usual_rate(&items).as_deref(), expect, "{hours:?}");
        };
        check(&[0, 24], None);
        check(&[5, 5, 5], None);
        check(&[0, 24, 48], Some("about 1 a day"));
        check(&[0, 1, 2], Some("about 24 a day"));
        check(&[0, 48, 96], Some("about 3.5 a week"));
        check(&[0, 240, 480], Some("about 3 a month"));
    }

    #[test]
    fn an_address_is_one_word_of_a_shell() {
        let url = Url::parse("https://a.example/';reboot;'?x=1&y=$(z)").unwrap();
        assert_eq!(shell(&url), "'https://a.example/'\\'';reboot;'\\''?x=1&y=$(z)'");
    }

    #[test]
    fn texts_are_cut_at_columns() {
        let check = |text: &str, width: usize, expect: &str| assert_eq!(cut(text, width), expect);
        check("abcde", 5, "abcde");
        check("abcdef", 5, "abcd…");
        check("稀土价格", 8, "稀土价格");
        check("稀土价格", 7, "稀土价…");
        check("a\u{1b}[2Jb", 9, "a [2Jb");
    }
}
