//! Feeds: `[[feed]]` and the OPML files named by `opml`.
//!
//! Data in: their tables, and a function that reads OPML. Data out: [`FeedSpec`]s without duplicates.
//!
//! **Invariant:** no URL holds a login; a URL occurs once, and a `[[feed]]` wins over an OPML entry.
//!
//! Rejected: reading OPML here, since `feed` knows its dialects.

use std::{
    collections::{HashMap, HashSet, hash_map::Entry},
    time::Duration,
};

use url::Url;

use super::{
    OutlineReader,
    diagnostic::{Report, did_you_mean},
    files,
    reader::{Placed, Schema, Table, printable},
    sections::{FetchConfig, PollConfig},
    source::{Place, Text},
    units::{DURATION_EXAMPLES, parse_duration, print_duration},
    visits::{self, VisitConfig, VisitDraft},
};
use crate::model::{FeedSpec, OnAdd};

/// Feeds in force, OPML included.
pub const MAX_FEEDS: usize = 100_000;
/// OPML files named.
pub const MAX_OPML_FILES: usize = 100;
/// Bytes of a URL (RFC 9110 §4.1 asks for at least 8000; no feed needs more).
pub const MAX_URL_BYTES: usize = 8_000;
/// Characters of a title.
pub const MAX_TITLE_CHARS: usize = 200;
/// Items that `on_add = "last:N"` may ask for.
pub const MAX_ON_ADD_ITEMS: u32 = 1_000;

pub(super) const FEED: Schema = Schema {
    name: "[[feed]]",
    keys: &["url", "title", "interval", "on_add", "group", "basic", "bearer", "cookie", "headers", "proxy"],
    elsewhere: &[
        ("name", "write title = \"…\""),
        ("password", "write basic = { user = \"…\", password = { credential = \"…\" } }"),
        ("user", "write basic = { user = \"…\", password = { credential = \"…\" } }"),
        ("token", "write bearer = { credential = \"…\" }"),
        ("cookies", "write cookie = { credential = \"…\" }"),
        ("header", "write headers = { \"X-Name\" = \"…\" }"),
    ],
};

/// A `[[feed]]` before the defaults are known.
pub(super) struct FeedDraft {
    url: Url,
    place: Place,
    title: Option<String>,
    interval: Option<Placed<Duration>>,
    on_add: Option<OnAdd>,
    visit: Option<VisitDraft>,
}

/// Reads one `[[feed]]`.
pub(super) fn read(table: &Table<'_>) -> Option<FeedDraft> {
    let title = title(table);
    let interval = table.duration("interval", Duration::from_secs(1)..=Duration::from_secs(365 * 86_400));
    let on_add = on_add(table).map(|placed| placed.value);
    let visit = visits::read(table);
    let Some(text) = table.text("url", "https://example.com/feed.xml") else {
        if table.key_place("url").is_none() {
            let remedy = "add url = \"https://example.com/feed.xml\"";
            table.report().error(table.place(), "[[feed]] has no `url`", remedy);
        }
        return None;
    };
    let url = match Url::parse(text.value.trim()) {
        Ok(url) => url,
        Err(url::ParseError::RelativeUrlWithoutBase) => {
            let remedy = "write the whole address, beginning with https://";
            table.report().error(&text.place, "this is no URL: https:// is missing", remedy);
            return None;
        }
        Err(error) => {
            let remedy = "copy the address from a browser, such as \"https://example.com/feed.xml\"";
            table.report().error(&text.place, format!("this is no URL: {error}"), remedy);
            return None;
        }
    };
    let url = usable(url, "", &text.place, table.report())?;
    Some(FeedDraft { url, place: text.place, title, interval, on_add, visit })
}

/// A title for people: one line, not empty.
pub(super) fn title(table: &Table<'_>) -> Option<String> {
    let text = table.text("title", "A name to show")?;
    let title = text.value.trim();
    if title.is_empty() || title.chars().any(char::is_control) || title.chars().count() > MAX_TITLE_CHARS {
        let remedy = format!("write one line of 1 to {MAX_TITLE_CHARS} characters");
        table.report().error(&text.place, "`title` is empty, too long or has control characters", remedy);
        return None;
    }
    Some(title.to_owned())
}

/// Checks what a feed's URL may be; the fragment is dropped. `which` begins what is wrong, where the place does not tell
/// which feed it is.
fn usable(mut url: Url, which: &str, place: &Place, report: &Report) -> Option<Url> {
    if !matches!(url.scheme(), "http" | "https") {
        let what =
            format!("{which}feeds are fetched over http and https only, not {}", printable(url.scheme()));
        report.error(place, what, "write the address with https://");
        return None;
    }
    if !url.username().is_empty() || url.password().is_some() {
        let remedy = "remove the part before the @, and in a [[feed]] write basic = { user = \"…\", \
                      password = { credential = \"…\" } }, where the password comes from elsewhere";
        report.error(place, format!("{which}the URL holds a user name or a password"), remedy);
        return None;
    }
    if url.as_str().len() > MAX_URL_BYTES {
        let what = format!("{which}the URL is longer than {MAX_URL_BYTES} bytes");
        report.error(place, what, "use a shorter address");
        return None;
    }
    url.set_fragment(None);
    Some(url)
}

/// Reads `on_add`: `baseline`, `last:10`, `since:24h`.
pub(super) fn on_add(table: &Table<'_>) -> Option<Placed<OnAdd>> {
    let text = table.text("on_add", "since:24h")?;
    match parse_on_add(&text.value) {
        Ok(value) => Some(Placed { value, place: text.place }),
        Err(remedy) => {
            let what = format!("`on_add` = \"{}\" is not understood", printable(&text.value));
            table.report().error(&text.place, what, remedy);
            None
        }
    }
}

/// The value, or the remedy.
fn parse_on_add(text: &str) -> Result<OnAdd, String> {
    let text = text.trim();
    match text.split_once(':') {
        None if text == "baseline" => Ok(OnAdd::Baseline),
        Some(("last", number)) => match number.trim().parse() {
            Ok(n) if (1..=MAX_ON_ADD_ITEMS).contains(&n) => Ok(OnAdd::Last(n)),
            _ => Err(format!("write a number from 1 to {MAX_ON_ADD_ITEMS}, such as \"last:10\"")),
        },
        Some(("since", duration)) => parse_duration(duration)
            .map(OnAdd::Since)
            .map_err(|_| DURATION_EXAMPLES.replace("\"30s\"", "\"since:30s\"")),
        _ => {
            let word = text.split(':').next().unwrap_or("");
            Err(match did_you_mean(word, ["baseline", "last", "since"]) {
                Some("last") => "did you mean \"last:10\"?".to_owned(),
                Some("since") => "did you mean \"since:24h\"?".to_owned(),
                Some(other) => format!("did you mean \"{other}\"?"),
                None => "write \"baseline\", \"last:10\" or \"since:24h\"".to_owned(),
            })
        }
    }
}

/// All feeds: those configured, then those of the OPML files, with the defaults of `[poll]`; which of them set an
/// interval of their own; and how those are visited that say so.
pub(super) fn finish(
    drafts: Vec<FeedDraft>,
    opml: &[Text],
    (poll, fetch): (&PollConfig, &FetchConfig),
    read_outlines: OutlineReader<'_>,
    report: &Report,
) -> (Vec<FeedSpec>, HashSet<Url>, Vec<(Url, VisitConfig)>) {
    let specs = Vec::with_capacity(drafts.len());
    let (seen, fixed) = (HashMap::new(), HashSet::new());
    let mut feeds = Feeds { specs, visits: Vec::new(), seen, fixed, fetch, report };
    for draft in drafts {
        feeds.add_configured(draft, poll);
    }
    if let Some(first_beyond) = opml.get(MAX_OPML_FILES) {
        let what = format!("there are {} OPML files; at most {MAX_OPML_FILES} are taken", opml.len());
        report.error(&first_beyond.place, what, "put several of them into one file");
    }
    for path in opml.iter().take(MAX_OPML_FILES) {
        feeds.add_outlines(path, poll, read_outlines);
    }
    (feeds.specs, feeds.fixed, feeds.visits)
}

struct Feeds<'r> {
    specs: Vec<FeedSpec>,
    visits: Vec<(Url, VisitConfig)>,
    fetch: &'r FetchConfig,
    seen: HashMap<Url, Place>,
    fixed: HashSet<Url>,
    report: &'r Report,
}

impl Feeds<'_> {
    fn add_configured(&mut self, draft: FeedDraft, poll: &PollConfig) {
        match self.seen.entry(draft.url.clone()) {
            Entry::Occupied(first) => {
                let what = format!("this feed is configured twice; first at {}", first.get());
                self.report.error(&draft.place, what, "remove one of the two");
                return;
            }
            Entry::Vacant(slot) => {
                slot.insert(draft.place.clone());
            }
        }
        if let Some(interval) = draft.interval.as_ref().filter(|i| i.value < poll.min_interval) {
            let least = print_duration(poll.min_interval);
            let what = format!("`interval` is shorter than `min_interval` ({least}) in [poll]");
            self.report.error(&interval.place, what, "raise it, or lower min_interval");
        }
        if draft.interval.is_some() {
            self.fixed.insert(draft.url.clone());
        }
        if let Some(visit) = draft.visit {
            let visit = visit.finish(&draft.url, self.fetch, self.report);
            self.visits.push((draft.url.clone(), visit));
        }
        let spec = FeedSpec {
            url: draft.url,
            title: draft.title,
            interval: draft.interval.map_or(poll.interval, |i| i.value),
            on_add: draft.on_add.unwrap_or(poll.on_add),
        };
        self.push(spec, &draft.place);
    }

    fn add_outlines(&mut self, path: &Text, poll: &PollConfig, read_outlines: OutlineReader<'_>) {
        let file = files::beside(path);
        let bytes = match files::read_bytes(&file) {
            Ok(bytes) => bytes,
            Err(error) => {
                let what = format!("cannot read {}: {error}", file.display());
                let remedy = "name a file that the daemon's user can read; \
                              a relative path counts from the folder of this file";
                self.report.error(&path.place, what, remedy);
                return;
            }
        };
        let outlines = match read_outlines(&bytes) {
            Ok(outlines) => outlines,
            Err(error) => {
                let what = format!("{} is no OPML file: {}", file.display(), printable(&error));
                self.report.error(&path.place, what, "export it again from the feed reader");
                return;
            }
        };
        for warning in outlines.warnings {
            let what = format!("{}: {}", file.display(), printable(&warning));
            self.report.warning(&path.place, what, "look at that entry of the OPML file");
        }
        for (url, title) in outlines.feeds {
            // Its host alone: the address may hold a password.
            let host = printable(url.host_str().unwrap_or_default());
            let which = format!("{}: a feed of {host}: ", file.display());
            let Some(url) = usable(url, &which, &path.place, self.report) else { continue };
            if let Entry::Vacant(slot) = self.seen.entry(url.clone()) {
                slot.insert(path.place.clone());
                let title =
                    title.map(|t| t.chars().filter(|c| !c.is_control()).take(MAX_TITLE_CHARS).collect());
                let spec = FeedSpec { url, title, interval: poll.interval, on_add: poll.on_add };
                self.push(spec, &path.place);
            }
        }
    }

    fn push(&mut self, spec: FeedSpec, place: &Place) {
        if self.specs.len() == MAX_FEEDS {
            // Reported once: the next ones find the list beyond its limit.
            self.report.error(place, format!("there are more than {MAX_FEEDS} feeds"), "remove some");
        }
        if self.specs.len() <= MAX_FEEDS {
            self.specs.push(spec);
        }
    }
}
