//! Assigning as a whole: what joins, what does not, and what must hold whatever is read.

use std::time::Duration;

use proptest::prelude::*;
use url::Url;

use super::{
    Agency, Assignment, Commonness, Fingerprint, MAX_MEMBERS, News, Outlets, Relation, Stories, StoryHead,
    Tier, WINDOW, Why, assign, primary,
};
use crate::model::{Item, StoryId, StoryKey, Timestamp, time};

fn start() -> Timestamp {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

fn later(hours: u64) -> Timestamp {
    time::after(start(), Duration::from_hours(hours))
}

/// An item of an outlet, published some hours after the start.
fn print(outlet: &str, hours: u64, title: &str, summary: &str) -> Fingerprint {
    linked(None, outlet, hours, title, summary)
}

fn linked(link: Option<u8>, outlet: &str, hours: u64, title: &str, summary: &str) -> Fingerprint {
    let item = Item {
        title: title.to_owned(),
        summary: summary.to_owned(),
        link: Url::parse(&format!("https://{outlet}/a")).ok(),
        published_at: Some(later(hours)),
        ..Item::default()
    };
    Fingerprint::of(&item, link.map(|byte| StoryKey([byte; 16])), later(hours), &Outlets::built_in())
}

const CALL: &str = "Macron and Putin hold first phone call in a year";
const SAME_CALL: &str = "Putin speaks with Macron by telephone for first time in twelve months";

fn add(stories: &mut Stories, id: i64, item: Fingerprint) -> Assignment {
    let now = item.at();
    stories.add(item, StoryId(id), now)
}

fn joined(assignment: &Assignment) -> Option<StoryId> {
    match assignment {
        Assignment::New { .. } => None,
        Assignment::Joins { story, .. } => Some(*story),
    }
}

#[test]
fn a_report_joins_within_the_window_and_not_after() {
    let hours = WINDOW.as_secs() / 3_600;
    let second = |after: u64| {
        let mut stories = Stories::default();
        add(&mut stories, 1, linked(Some(7), "reuters.com", 0, CALL, ""));
        joined(&add(&mut stories, 2, linked(Some(7), "dw.com", after, CALL, "")))
    };
    assert_eq!(second(hours), Some(StoryId(1)));
    assert_eq!(second(hours + 1), None);
}

#[test]
fn the_window_slides_with_the_story() {
    let mut stories = Stories::default();
    for (id, hours) in [(1, 0), (2, 60), (3, 120)] {
        let found = add(&mut stories, id, linked(Some(7), "reuters.com", hours, CALL, ""));
        assert_eq!(joined(&found), (id > 1).then_some(StoryId(1)));
    }
    assert_eq!(stories.get(StoryId(1)).unwrap().first_at(), later(0));
    assert_eq!(stories.get(StoryId(1)).unwrap().last_at(), later(120));
}

#[test]
fn the_reason_is_told() {
    let mut stories = Stories::default();
    let text = "The French president pressed the Kremlin leader for a ceasefire in a long conversation, the Elysee said.";
    add(&mut stories, 1, linked(Some(1), "reuters.com", 0, CALL, text));
    let why = |found: Assignment| match found {
        Assignment::Joins { story: StoryId(1), why, .. } => why,
        other => panic!("{other:?}"),
    };
    assert!(matches!(why(add(&mut stories, 4, print("bbc.com", 1, SAME_CALL, ""))), Why::Alike(_)));
    let other = "A title that shares no word";
    assert_eq!(why(add(&mut stories, 2, linked(Some(1), "dw.com", 1, other, ""))), Why::SameLink);
    assert_eq!(why(add(&mut stories, 3, linked(Some(2), "dw.com", 1, CALL, text))), Why::SameText);
}

#[test]
fn what_is_new_is_told_once() {
    let mut stories = Stories::default();
    let text = "PARIS, March 2 (Reuters) - The presidents spoke for ninety minutes on Monday, the first time in a year.";
    let news = |found: Assignment| match found {
        Assignment::Joins { news, .. } => news,
        other => panic!("{other:?}"),
    };
    add(&mut stories, 1, print("village.example", 0, CALL, text));
    assert_eq!(news(add(&mut stories, 2, print("valley.example", 1, CALL, text))), []);
    let syndicated = "(Reuters) - The presidents spoke on Monday.";
    assert_eq!(news(add(&mut stories, 3, print("coast.example", 1, CALL, syndicated))), []);
    let first = [News::Corroborated { sources: 2 }, News::BetterSource { tier: Tier::First }];
    assert_eq!(news(add(&mut stories, 4, print("bbc.com", 2, CALL, "They spoke at length."))), first);
    assert_eq!(news(add(&mut stories, 5, print("bbc.com", 3, CALL, "They spoke again, it is said."))), []);
    let changed = "Macron and Putin hold first phone call in a year, agree on swap of 1,240 prisoners";
    let found = news(add(&mut stories, 6, print("bbc.com", 4, changed, "")));
    assert_eq!(found, [News::HeadlineChanged]);
    let head = stories.get(StoryId(1)).unwrap();
    assert_eq!((head.sources(), head.best_tier()), (2, Tier::First));
}

#[test]
fn copies_are_told_from_reports() {
    let text = "(AFP) - A plant that makes graphite for batteries will open in the north next spring, its owner said.";
    let first = print("a.example", 0, "Graphite plant to open", text);
    let head = StoryHead::new(StoryId(1), first);
    let relation = |title: &str, text: &str| head.relation(&print("b.example", 1, title, text));
    assert_eq!(relation("Graphite plant to open", text), Relation::Copy);
    assert_eq!(relation("New graphite plant", "(AFP) - It opens soon."), Relation::Syndicated(Agency::Afp));
    assert_eq!(relation("New graphite plant", "It opens soon."), Relation::Rewritten);
}

#[test]
fn the_first_of_the_best_tier_comes_first() {
    let items = [
        print("village.example", 0, CALL, ""),
        print("cnn.com", 1, CALL, ""),
        print("reuters.com", 3, CALL, ""),
        print("apnews.com", 2, CALL, ""),
    ];
    assert_eq!(primary(&items), Some(3));
    assert_eq!(primary(&items[..2]), Some(1));
    assert_eq!(primary(&[]), None);
}

#[test]
fn members_stop_at_the_limit_and_the_first_stays() {
    let mut head = StoryHead::new(StoryId(1), print("a.example", 0, "Zero begins", ""));
    let first = head.members()[0].clone();
    for n in 1..MAX_MEMBERS {
        head.join(print("a.example", 1, &format!("Report number zq{n}"), ""));
    }
    assert_eq!(head.members().len(), MAX_MEMBERS);
    head.join(print("a.example", 2, "One more zz", ""));
    assert_eq!(head.members().len(), MAX_MEMBERS);
    assert_eq!(head.members()[0], first);
}

#[test]
fn closed_stories_leave_nothing_behind() {
    let mut stories = Stories::default();
    add(&mut stories, 1, linked(Some(1), "reuters.com", 0, CALL, ""));
    assert_eq!(stories.close(later(72)), 0);
    assert_eq!(stories.close(later(73)), 1);
    assert!(stories.is_empty());
    assert!(stories.candidates(&print("dw.com", 73, CALL, "")).is_empty());
}

#[test]
fn other_writing_joins_by_link_only() {
    let mut stories = Stories::default();
    add(&mut stories, 1, linked(Some(1), "reuters.com", 0, "Xi and Macron speak by phone", ""));
    let chinese = "习近平同马克龙通电话";
    assert_eq!(joined(&add(&mut stories, 2, linked(Some(2), "zaobao.com", 1, chinese, ""))), None);
    assert_eq!(
        joined(&add(&mut stories, 3, linked(Some(1), "zaobao.com", 1, chinese, ""))),
        Some(StoryId(1))
    );
}

#[test]
fn numbers_agree_by_value() {
    let terms = |title: &str| print("a.example", 0, title, "").terms;
    let check = |a: &str, b: &str, same: bool| assert_eq!(terms(a) == terms(b), same, "{a} | {b}");
    check("$3.5 billion", "$3.5bn", true);
    check("43,000", "43 thousand", true);
    check("35%", "35 percent", true);
    check("12", "twelve", true);
    check("35%", "35", false);
    check("phase 1", "phase 2", false);
}

#[test]
fn bytes_of_another_version_are_refused() {
    let item = linked(Some(1), "reuters.com", 0, CALL, "A summary.");
    let bytes = item.to_bytes();
    assert_eq!(Fingerprint::from_bytes(&bytes), Some(item));
    assert_eq!(Fingerprint::from_bytes(&bytes[..bytes.len() - 1]), None);
    assert_eq!(Fingerprint::from_bytes(&[]), None);
    let mut other = bytes;
    other[0] += 1;
    assert_eq!(Fingerprint::from_bytes(&other), None);
}

/// A few titles that resemble each other in all ways.
fn items() -> impl Strategy<Value = Vec<(usize, u64, u8)>> {
    proptest::collection::vec((0..TITLES.len(), 0..200_u64, 0..6_u8), 0..24)
}

const TITLES: [&str; 10] = [
    CALL,
    SAME_CALL,
    "Merz and Putin hold first phone call in a year",
    "At least 14 dead as ferry capsizes off Sulawesi",
    "Indonesia ferry sinking kills 19, dozens missing",
    "Trump announces 35% tariff on cars from Mexico",
    "Trump announces 25% tariff on lumber from Canada",
    "习近平同法国总统马克龙通电话",
    "习近平与马克龙通话 谈乌克兰局势",
    "",
];

fn replay(list: &[(usize, u64, u8)], stories: &mut Stories, from: i64) -> Vec<Assignment> {
    let items = list.iter().zip(from..);
    let read = |((title, hours, link), id): (&(usize, u64, u8), i64)| {
        let link = (*link > 2).then_some(*link);
        let item = linked(link, ["reuters.com", "a.example"][title % 2], *hours, TITLES[*title], "");
        add(stories, id, item)
    };
    items.map(read).collect()
}

proptest! {
    #[test]
    fn batches_change_nothing(mut list in items(), cut in 0..24_usize) {
        list.sort_by_key(|(_, hours, _)| *hours);
        let whole = replay(&list, &mut Stories::default(), 0);
        prop_assert_eq!(&replay(&list, &mut Stories::default(), 0), &whole);
        let cut = cut.min(list.len());
        let mut stories = Stories::default();
        let mut parts = replay(&list[..cut], &mut stories, 0);
        parts.extend(replay(&list[cut..], &mut stories, i64::try_from(cut).unwrap()));
        prop_assert_eq!(parts, whole);
    }

    #[test]
    fn every_item_is_in_one_open_story(mut list in items()) {
        list.sort_by_key(|(_, hours, _)| *hours);
        let mut stories = Stories::default();
        for (id, (item, found)) in list.iter().zip(replay(&list, &mut stories, 0)).enumerate() {
            let id = StoryId(i64::try_from(id).unwrap());
            prop_assert!(joined(&found).is_none_or(|story| story < id), "{:?} {:?}", item, found);
        }
        prop_assert!(stories.len() <= list.len());
    }

    #[test]
    fn the_order_of_candidates_does_not_matter(list in items(), seed in 0..24_usize) {
        let heads: Vec<StoryHead> = list.iter().enumerate().map(|(id, (title, hours, _))| {
            StoryHead::new(StoryId(i64::try_from(id).unwrap()), print("dw.com", *hours, TITLES[*title], ""))
        }).collect();
        let item = print("bbc.com", 100, CALL, "");
        let common = Commonness::default();
        let forward = assign(&item, &heads, &common, later(100));
        let mut turned: Vec<&StoryHead> = heads.iter().rev().collect();
        let middle = seed.min(turned.len());
        turned.rotate_left(middle);
        prop_assert_eq!(assign(&item, turned, &common, later(100)), forward);
    }

    #[test]
    fn any_text_has_a_fingerprint_that_survives_its_bytes(title in "\\PC{0,200}", summary in "\\PC{0,400}") {
        let item = print("a.example", 0, &title, &summary);
        prop_assert_eq!(Fingerprint::from_bytes(&item.to_bytes()), Some(item));
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
        let _ = Fingerprint::from_bytes(&bytes);
    }
}
