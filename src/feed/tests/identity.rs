//! When an item is known, and when it is news.

use std::collections::HashSet;

use crate::{
    feed::identify,
    model::{Item, ItemKey, KeyKind},
};
use url::Url;

fn item(guid: &str, link: &str, title: &str, at: &str) -> Item {
    Item {
        guid: Some(guid.to_owned()).filter(|guid| !guid.is_empty()),
        link: Url::parse(link).ok(),
        title: title.to_owned(),
        published_at: at.parse().ok(),
        ..Item::default()
    }
}

fn keys(item: &Item) -> Vec<ItemKey> {
    identify(vec![item.clone()]).remove(0).1
}

#[track_caller]
fn known(old: &Item, new: &Item, expect: bool) {
    let old_keys: HashSet<_> = keys(old).into_iter().collect();
    assert_eq!(keys(new).iter().any(|key| old_keys.contains(key)), expect, "{old:?}\n{new:?}");
}

const AT: &str = "2026-11-24T07:00:00Z";
const LATER: &str = "2026-11-25T08:00:00Z";
const MIDNIGHT: &str = "2026-11-24T00:00:00Z";
const A: &str = "https://news.example/a";
const B: &str = "https://news.example/b";
const HOME: &str = "https://news.example/";

#[test]
fn two_marks_that_agree_make_an_item_known() {
    let old = item("g", A, "Port fees rise", AT);
    for (guid, link, title, at, expect) in [
        ("h", A, "Port fees rise", LATER, true),         // changed guid
        ("g", B, "Port fees rise", LATER, true),         // changed link
        ("g", A, "Port fees rise by half", LATER, true), // edited title
        ("h", B, "Port fees rise", AT, true),            // changed guid and link
        ("g", B, "Port fees rise by half", AT, true),    // changed link and title
        ("h", A, "Port fees rise by half", AT, true),    // changed guid and title
        ("g", A, "Port fees rise", "", true),            // date gone
        ("g", B, "Rare earth quota cut", LATER, false),  // guid used again
        ("h", A, "Rare earth quota cut", LATER, false),  // link used again
        ("h", B, "Port fees rise", LATER, false),        // headline used again
        ("h", B, "Rare earth quota cut", AT, false),     // same instant
        ("g", "http://www.news.example/a/?utm_source=x", "PORT  FEES rise", LATER, true),
    ] {
        known(&old, &item(guid, link, title, at), expect);
    }
}

#[test]
fn undated_items_are_known_by_guid_link_and_title() {
    let old = item("g", A, "Port fees rise", "");
    known(&old, &item("g", B, "Port fees rise", ""), true);
    known(&old, &item("g", A, "Port fees fall", ""), true);
    known(&old, &item("h", A, "Port fees rise", ""), true);
    known(&old, &item("g", B, "Port fees fall", ""), false);
}

#[test]
fn a_day_without_time_is_no_mark_beside_a_link() {
    known(&item("g", A, "One", AT), &item("h", A, "Two", AT), true);
    known(&item("g", A, "One", MIDNIGHT), &item("h", A, "Two", MIDNIGHT), false);
    known(&item("g", A, "One", MIDNIGHT), &item("h", B, "One", MIDNIGHT), true);
}

#[test]
fn a_front_page_is_no_mark() {
    known(&item("g", HOME, "One", AT), &item("g", HOME, "Two", LATER), false);
    known(&item("", HOME, "One", AT), &item("", HOME, "One", LATER), true); // same title, no summary
    known(&item("", HOME, "One", AT), &item("", HOME, "Two", AT), false);
    let both = vec![item("g", HOME, "One", AT), item("g", HOME, "Two", LATER)];
    assert_eq!(identify(both).len(), 2);
}

#[test]
fn items_with_few_marks_have_one_key_of_their_own() {
    known(&item("", A, "One", ""), &item("", A, "Two", ""), true);
    known(&item("", A, "One", ""), &item("", B, "Two", ""), false);
    known(&item("g", "", "", ""), &item("g", "", "", ""), true);
    known(&item("g", "", "", ""), &item("h", "", "", ""), false);
    let text = |title: &str, summary: &str| Item { summary: summary.to_owned(), ..item("", "", title, "") };
    known(&text("One", "x"), &text("One", "x"), true);
    known(&text("One", "x"), &text("One", "y"), false);
    known(&text("", "x"), &text("", "x"), true);
    known(&text("", "x"), &text("", "y"), false);
    // A guid that changes where there is neither link nor date.
    let changing = |guid: &str, at: &str| Item {
        guid: Some(guid.to_owned()),
        published_at: at.parse().ok(),
        ..text("One", "x")
    };
    known(&changing("g", ""), &changing("h", ""), true);
    known(&changing("g", AT), &changing("h", LATER), false);
    // A guid that reads like a link, or two marks that read like others when run together.
    known(&item("news.example/a", "", "", ""), &item("", A, "", ""), false);
    known(&text("ab", "c"), &text("a", "bc"), false);
}

#[test]
fn duplicates_in_one_reading_are_one() {
    let found = identify(vec![
        item("g", A, "One", AT),
        item("h", A, "One", LATER),
        item("h", A, "Two", LATER),
        item("i", B, "Three", AT),
    ]);
    let titles: Vec<_> = found.iter().map(|(item, _)| item.title.as_str()).collect();
    assert_eq!(titles, ["One", "Three"]);
    let united: HashSet<_> = found[0].1.iter().copied().collect();
    let strong =
        |key: &&ItemKey| matches!(key.kind, KeyKind::GuidLink | KeyKind::GuidTitle | KeyKind::LinkTitle);
    for other in [item("g", A, "One", AT), item("h", A, "Two", LATER)] {
        assert!(keys(&other).iter().filter(strong).all(|key| united.contains(key)));
    }
}

#[test]
fn a_guid_that_is_only_the_link_makes_different_notices_of_one_page_not_one() {
    let notice = |title: &str, at: &str| item(A, A, title, at);
    let found = identify(vec![notice("One", LATER), notice("Two", AT), notice("one ", "")]);
    assert_eq!(found.iter().map(|(item, _)| item.title.as_str()).collect::<Vec<_>>(), ["One", "Two"]);
    known(&notice("One", AT), &notice("One, corrected", LATER), true);
}

#[test]
fn a_weak_key_that_two_items_share_identifies_neither() {
    let twins = || vec![item("g", A, "Market report", AT), item("h", B, "Market report", AT)];
    let found = identify(twins());
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|(_, keys)| keys.iter().all(|key| key.kind != KeyKind::TitleDate)));
    let found = identify(vec![item("", A, "One", ""), item("", A, "Two", "")]);
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|(_, keys)| keys.iter().all(|key| key.kind == KeyKind::LinkTitle)));
}

#[test]
fn every_item_has_a_key_and_none_is_shared() {
    let found = identify(vec![
        item("", "", "Same", AT),
        item("", "", "Same", LATER),
        item("", "", "Same", LATER),
        item("g", "", "", AT),
        item("g", "", "", LATER),
        item("", "", "", ""),
    ]);
    assert_eq!(found.len(), 5);
    let mut seen = HashSet::new();
    for (item, keys) in &found {
        assert!(!keys.is_empty(), "{item:?}");
        assert!(keys.iter().all(|key| seen.insert(*key)), "{item:?}");
    }
}

#[test]
fn keys_do_not_change_between_versions() {
    let hex = |key: &ItemKey| key.hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let found: Vec<_> =
        keys(&item("g", A, "Port fees rise", AT)).iter().map(|key| (key.kind, hex(key))).collect();
    assert_eq!(found.len(), 6);
    assert_eq!(found[0], (KeyKind::GuidLink, "4799e19b04b8aa5af195fb8d832df159".to_owned()));
}
