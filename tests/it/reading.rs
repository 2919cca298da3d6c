//! Reading what the web serves: every fixture wholly right, what is no feed refused by name, nothing twice.

use std::{collections::HashSet, fmt::Write, fs, path::Path};

use feed_rs::parser;
use wirewatch::{
    feed,
    model::{Item, ItemKey, Timestamp},
    text::visible_text,
};

use crate::harness::{
    app::{CONFIG, TestApp},
    farm::{Farm, Page},
    fixtures::{Expected, Fixture, Read, folder},
};

/// The instant of every poll: after all dates of the fixtures that are meant to be read.
const NOW: Timestamp = Timestamp::constant(1_780_000_000, 0);
/// 1990-01-01 in Unix milliseconds: what is older is a publisher's empty field.
const EARLIEST_MS: i64 = 631_152_000_000;
/// The folders with feeds, and how many each must have at least.
const FOLDERS: [(&str, usize); 3] = [("live", 40), ("dialects", 60), ("faults", 60)];

fn parse(fixture: &Fixture) -> Result<Vec<Item>, feed::Error> {
    parse_bytes(fixture, &fixture.bytes)
}

fn parse_bytes(fixture: &Fixture, bytes: &[u8]) -> Result<Vec<Item>, feed::Error> {
    feed::parse(bytes, fixture.content_type.as_deref(), &fixture.base, NOW).map(|(feed, _)| feed.items)
}

fn read(items: Vec<Item>) -> Vec<Read> {
    items.into_iter().map(|item| (item.title, item.link.map(String::from), item.published_at)).collect()
}

#[test]
fn every_fixture_is_read_wholly_right() {
    let mut wrong = String::new();
    for (name, at_least) in FOLDERS {
        let fixtures = folder(name);
        assert!(fixtures.len() >= at_least, "{name} has only {}", fixtures.len());
        for fixture in fixtures {
            match parse(&fixture).map(read) {
                Ok(items) if items == fixture.items() => {}
                found => writeln!(wrong, "{}\n  want {:?}\n  got  {found:?}", fixture.name, fixture.items())
                    .unwrap(),
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn what_is_no_feed_is_refused_and_named() {
    let fixtures = folder("others");
    assert!(fixtures.len() >= 54);
    let mut wrong = String::new();
    for fixture in fixtures {
        let Expected::Refusal(words) = &fixture.expected else { panic!("{} is to be refused", fixture.name) };
        match parse(&fixture) {
            Err(error) if error.to_string().contains(words) => {}
            found => writeln!(wrong, "{}: want {words:?}, got {found:?}", fixture.name).unwrap(),
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The body as the next polls may find it: its first item gone, then with a fault before its first item, so that it is
/// read another way. None where it cannot be cut on bytes.
fn later(bytes: &[u8]) -> Option<[Vec<u8>; 2]> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (tag, start) = ["item", "entry", "url"].into_iter().find_map(|tag| {
        text.find(&format!("<{tag}>")).or_else(|| text.find(&format!("<{tag} "))).map(|at| (tag, at))
    })?;
    let close = format!("</{tag}>");
    let end = start + text[start..].find(&close)? + close.len();
    let shorter = format!("{}{}", &text[..start], &text[end..]);
    let faulty = format!("{}<x>a & b</x>{}", &text[..start], &text[start..]);
    Some([shorter.into_bytes(), faulty.into_bytes()])
}

/// An item is known when it shares a key with anything seen before: what the store goes by.
fn is_new(seen: &HashSet<ItemKey>, keys: &[ItemKey]) -> bool {
    !keys.iter().any(|key| seen.contains(key))
}

#[test]
fn three_polls_announce_no_item_twice() {
    let (mut tried, mut twice) = (0, Vec::new());
    for fixture in FOLDERS.iter().flat_map(|(name, _)| folder(name)) {
        let Some(later) = later(&fixture.bytes) else { continue };
        let first = parse(&fixture).unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
        let count = first.len();
        let mut seen: HashSet<ItemKey> =
            feed::identify(first).into_iter().flat_map(|(_, keys)| keys).collect();
        for (body, is_shorter) in later.iter().zip([true, false]) {
            let items =
                parse_bytes(&fixture, body).unwrap_or_else(|error| panic!("{}: {error}", fixture.name));
            // Without its end tag, the first item takes the second along.
            assert!(is_shorter || items.len() == count, "{}: {} of {count} items", fixture.name, items.len());
            for (item, keys) in feed::identify(items) {
                if is_new(&seen, &keys) {
                    twice.push(format!("{}: {}", fixture.name, item.title));
                }
                seen.extend(keys);
            }
        }
        tried += 1;
    }
    assert!(tried >= 150, "only {tried} could be tried");
    assert!(twice.is_empty(), "\n{}", twice.join("\n"));
}

/// The same through fetch and store.
#[tokio::test]
async fn three_polls_store_no_item_twice() {
    let farm = Farm::start();
    let feeds: Vec<(String, Vec<u8>, [Vec<u8>; 2])> = folder("live")
        .into_iter()
        .filter_map(|fixture| {
            later(&fixture.bytes).map(|later| (format!("/{}", fixture.name), fixture.bytes, later))
        })
        .collect();
    assert!(feeds.len() >= 30, "only {} can be changed", feeds.len());
    let listed: String =
        feeds.iter().map(|(path, ..)| format!("[[feed]]\nurl = \"{}\"\n", farm.url(path))).collect();
    for (path, body, _) in &feeds {
        farm.set(path, Page::ok("application/xml", body.clone()));
    }
    let mut app = TestApp::with(farm, &format!("{CONFIG}{listed}")).await;
    app.turn().await;
    // So many new feeds are not all visited at once.
    app.after(30).await;
    let stored = app.stored_items();
    assert!(stored >= feeds.len(), "{stored} items of {} feeds", feeds.len());
    for poll in 0..2 {
        for (path, _, later) in &feeds {
            app.farm.set(path, Page::ok("application/xml", later[poll].clone()));
        }
        app.after(24 * 60).await;
        assert_eq!(app.stored_items(), stored, "after poll {}", poll + 2);
    }
    for (path, ..) in &feeds {
        assert!(app.farm.visits(path).len() >= 3, "{path} was polled three times");
    }
    app.end().await;
}

/// What feed-rs alone makes of a body, as kindly as it can be taken: visible titles, plausible dates.
fn feed_rs_alone(fixture: &Fixture) -> Option<Vec<Read>> {
    let parser = parser::Builder::new().base_uri(Some(fixture.base.as_str())).build();
    let parse = std::panic::AssertUnwindSafe(|| parser.parse(&fixture.bytes[..]).ok());
    let feed = std::panic::catch_unwind(parse).ok()??;
    let entries = feed.entries.into_iter().map(|entry| {
        let title = entry.title.map(|title| visible_text(&title.content, 1_000)).unwrap_or_default();
        let alternate =
            entry.links.iter().find(|link| link.rel.as_deref().is_none_or(|rel| rel == "alternate"));
        let link = alternate.or(entry.links.first()).map(|link| link.href.clone());
        let link = link.map(|link| url::Url::parse(&link).map_or(link, String::from));
        let date = entry.published.or(entry.updated).map(|date| date.timestamp_millis());
        let date = date.filter(|date| (EARLIEST_MS..NOW.as_millisecond() + 172_800_000).contains(date));
        (title, link, date.map(|date| Timestamp::from_millisecond(date).unwrap()))
    });
    Some(entries.collect())
}

/// How much of a folder one reader gets right.
#[derive(Default)]
struct Rate {
    feeds: usize,
    items: usize,
}

impl Rate {
    fn count(&mut self, expected: &[Read], found: Option<Vec<Read>>) {
        let mut found = found.unwrap_or_default();
        self.feeds += usize::from(found == expected);
        for item in expected {
            if let Some(at) = found.iter().position(|other| other == item) {
                found.swap_remove(at);
                self.items += 1;
            }
        }
    }

    fn cells(&self, feeds: usize, items: usize) -> String {
        format!("{} | {}", percent(self.feeds, feeds), percent(self.items, items))
    }
}

fn percent(part: usize, whole: usize) -> String {
    let tenths = (part * 2_000 + whole) / (whole * 2);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// The table that `tests/feeds/RATES.md` and the README show.
fn rates() -> String {
    let mut table = "| fixtures | feeds | items | wholly right | items right | feed-rs alone: wholly right | items right |\n\
                     |---|--:|--:|--:|--:|--:|--:|\n"
        .to_owned();
    for (name, _) in FOLDERS {
        let (mut ours, mut theirs, mut items) = (Rate::default(), Rate::default(), 0);
        let fixtures = folder(name);
        for fixture in &fixtures {
            let expected = fixture.items();
            items += expected.len();
            ours.count(expected, parse(fixture).ok().map(read));
            theirs.count(expected, feed_rs_alone(fixture));
        }
        let feeds = fixtures.len();
        let (ours, theirs) = (ours.cells(feeds, items), theirs.cells(feeds, items));
        writeln!(table, "| `{name}` | {feeds} | {items} | {ours} | {theirs} |").unwrap();
    }
    let others = folder("others");
    let refused = others.iter().filter(|fixture| parse(fixture).is_err()).count();
    let theirs = others.iter().filter(|fixture| feed_rs_alone(fixture).is_none()).count();
    let all = others.len();
    let (ours, theirs) = (format!("{refused} refused"), format!("{theirs} refused"));
    writeln!(table, "| `others`, no feeds | {all} | | {ours} | | {theirs} | |").unwrap();
    table
}

/// `cargo test --test it reading_rates -- --nocapture` prints the table.
#[test]
fn the_reading_rates_are_as_written_down() {
    let table = rates();
    println!("{table}");
    let written =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/feeds/RATES.md")).unwrap();
    assert!(written.contains(&table), "tests/feeds/RATES.md is to hold:\n{table}");
}
