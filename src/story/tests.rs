//! Assigning as a whole: what joins, what does not, and what must hold whatever is read.

use std::time::Duration;

use proptest::prelude::*;
use url::Url;

use super::{
    Agency, Assignment, Commonness, Fingerprint, MAX_CANDIDATES, MAX_LISTED, MAX_MEMBERS, MAX_OPEN,
    MAX_POSTINGS, MAX_SOURCES, MAX_TOLD, News, Relation, Stories, StoryHead, WINDOW, Why, assign, primary,
};
use crate::model::{Item, Outlets, StoryId, StoryKey, Tier, Timestamp, time};

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
    Fingerprint::of(&item, link.map(|byte| StoryKey([byte; 16])), later(hours), Outlets::known())
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
    let first = |items: &[Fingerprint]| primary(items.iter().map(|item| (item.outlet().tier, item.at())));
    assert_eq!(first(&items), Some(3));
    assert_eq!(first(&items[..2]), Some(1));
    assert_eq!(first(&[]), None);
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

/// A fingerprint of a few terms, each given by its word.
fn of_words(outlet: &str, words: &[String]) -> Fingerprint {
    print(outlet, 0, &words.join(" "), "")
}

#[test]
fn candidates_stop_at_the_limit_and_the_likeliest_are_taken() {
    let found = |stories: usize| {
        let mut open = Stories::default();
        for id in 0..stories {
            // All share a word; the first shares two.
            let own = format!("zzq{id}x");
            let more = if id == 0 { "qwertzu" } else { "other" };
            open.take(
                StoryId(id as i64),
                of_words("a.example", &["yxcvbnm".to_owned(), more.to_owned(), own]),
            );
        }
        let item = of_words("b.example", &["yxcvbnm".to_owned(), "qwertzu".to_owned()]);
        open.candidates(&item).iter().map(|story| story.id().0).collect::<Vec<_>>()
    };
    assert_eq!(found(MAX_CANDIDATES).len(), MAX_CANDIDATES);
    let more = found(MAX_CANDIDATES + 1);
    assert_eq!((more.len(), more[0]), (MAX_CANDIDATES, 0));
}

#[test]
fn postings_are_looked_at_up_to_the_limit_and_the_newest_first() {
    let found = |stories: usize| {
        let mut open = Stories::default();
        let first = of_words("a.example", &["yxcvbnm".to_owned(), "asdfghj".to_owned()]);
        open.take(StoryId(0), first.clone());
        let other = of_words("a.example", &["yxcvbnm".to_owned()]);
        for id in 1..stories {
            open.take(StoryId(id as i64), other.clone());
        }
        // The rarest words of the item, all equally rare here, are looked up by their ids.
        let mut item = first;
        item.terms.retain(|term| other.terms.iter().any(|known| known.id == term.id));
        item.text = None;
        open.candidates(&item).iter().any(|story| story.id() == StoryId(0))
    };
    // Of equals the older is preferred, so the first is seen as long as its entry is looked at.
    assert!(found(MAX_POSTINGS));
    assert!(!found(MAX_POSTINGS + 1));
}

#[test]
fn sources_are_counted_up_to_the_limit() {
    let head = |sources: usize| {
        let mut head = StoryHead::new(StoryId(1), print("outlet0.example", 0, CALL, ""));
        for n in 1..sources {
            head.join(print(&format!("outlet{n}.example"), 0, CALL, ""));
        }
        head
    };
    let one_more = |head: &StoryHead| head.news(&print("late.example", 0, CALL, ""));
    let below = head(MAX_SOURCES - 1);
    let all = u32::try_from(MAX_SOURCES).unwrap();
    assert_eq!(one_more(&below), [News::Corroborated { sources: all }]);
    let full = head(MAX_SOURCES);
    assert_eq!((full.sources(), one_more(&full)), (all, vec![]));
    assert_eq!(head(MAX_SOURCES + 1).sources(), all);
}

#[test]
fn what_titles_told_is_remembered_up_to_the_limit() {
    // Six figures a title; each is news once, as long as there is room to remember it.
    let title =
        |n: usize| (0..6).map(|i| format!("{}", 100_001 + 6 * n + i)).collect::<Vec<_>>().join(" and ");
    let mut head = StoryHead::new(StoryId(1), print("a.example", 0, &title(0), ""));
    let told = |head: &StoryHead, n: usize| {
        !head.news(&print("a.example", 0, &title(n), "")).contains(&News::HeadlineChanged)
    };
    let whole = MAX_TOLD / 6;
    for n in 1..whole {
        head.join(print("a.example", 0, &title(n), ""));
    }
    assert!((0..whole).all(|n| told(&head, n)));
    // Four more fit; of the next title only these are remembered.
    head.join(print("a.example", 0, &title(whole), ""));
    assert!(!told(&head, whole), "two of its figures found no room");
}

#[test]
fn items_beyond_the_limit_of_a_story_are_no_longer_listed() {
    let mut open = Stories::default();
    let item = |n: usize| linked(Some((n % 251) as u8 + 1), "a.example", 0, &format!("word{n}x yxcvbnm"), "");
    for n in 0..MAX_LISTED {
        open.take(StoryId(1), item(n));
    }
    let found = |open: &Stories, n: usize| {
        let mut item = item(n);
        item.terms.retain(|term| term.kind == super::terms::Kind::Ordinal);
        item.link = None;
        !open.candidates(&item).is_empty()
    };
    assert!(found(&open, 0) && found(&open, MAX_LISTED - 1));
    open.take(StoryId(1), item(MAX_LISTED));
    assert!(!found(&open, MAX_LISTED));
}

#[test]
fn beyond_the_limit_the_story_that_was_silent_longest_is_closed() {
    let mut open = Stories::default();
    let mut item = print("a.example", 0, CALL, "");
    item.terms.clear();
    for id in 0..MAX_OPEN {
        item.at = later(u64::from(id > 0));
        open.take(StoryId(id as i64), item.clone());
    }
    assert_eq!((open.len(), open.get(StoryId(0)).is_some()), (MAX_OPEN, true));
    open.take(StoryId(MAX_OPEN as i64), item.clone());
    assert_eq!((open.len(), open.get(StoryId(0)).is_some()), (MAX_OPEN, false));
    open.take(StoryId(1), item);
    assert_eq!(open.len(), MAX_OPEN, "one that is open makes no room");
}

#[test]
fn a_link_leads_to_its_story_when_the_item_that_had_it_is_no_longer_kept() {
    let mut open = Stories::default();
    for n in 0..=MAX_MEMBERS {
        let title = format!("Report {n} of a b c{n}d");
        open.take(StoryId(1), linked(Some(n as u8 + 1), "a.example", 0, &title, ""));
    }
    assert!(
        open.get(StoryId(1)).unwrap().members().iter().all(|member| member.link != Some(StoryKey([2; 16])))
    );
    let found = open.place(&linked(Some(2), "b.example", 1, "Quite another title", ""), later(1));
    assert_eq!(joined(&found), Some(StoryId(1)));
}

#[test]
fn the_agency_itself_and_those_who_print_it_are_one_voice() {
    let relation = |first: (&str, &str), second: (&str, &str)| {
        let head = StoryHead::new(StoryId(1), print(first.0, 0, "Graphite plant to open", first.1));
        head.relation(&print(second.0, 1, "New graphite plant", second.1))
    };
    let (itself, printer) =
        (("reuters.com", "A plant opens."), ("b.example", "OSLO (Reuters) - It opens soon."));
    assert_eq!(relation(itself, printer), Relation::Syndicated(Agency::Reuters));
    assert_eq!(relation(printer, itself), Relation::Syndicated(Agency::Reuters));
    assert_eq!(relation(itself, ("b.example", "It opens soon.")), Relation::Rewritten);
    assert_eq!(relation(("apnews.com", ""), itself), Relation::Rewritten);
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
fn titles_that_differ_in_their_number_alone_are_of_two_items() {
    let together = |a: (&str, &str), b: (&str, &str)| {
        let mut stories = Stories::default();
        add(&mut stories, 1, print(a.0, 0, a.1, ""));
        joined(&add(&mut stories, 2, print(b.0, 1, b.1, ""))).is_some()
    };
    let (ministry, paper) = ("ministry.example", "paper.example");
    let notice = |n: u32| format!("Gallium export notice {n}");
    assert!(!together((ministry, &notice(12)), (ministry, &notice(13))));
    assert!(!together((ministry, &notice(12)), (paper, &notice(13))));
    assert!(together((ministry, &notice(12)), (paper, &notice(12))));
    let toll = |n: u32| format!("At least {n} dead as ferry capsizes off Sulawesi");
    assert!(!together((paper, &toll(14)), (paper, &toll(19))), "one outlet has two items");
    assert!(together((paper, &toll(14)), ("herald.example", &toll(19))), "two desks count differently");
    // One outlet, one word that is another; or a number that the other lacks.
    assert!(!together(
        (paper, "Crane falls in the port of Hamburg"),
        (paper, "Crane falls in the port of Antwerp")
    ));
    assert!(!together((paper, "Gallium curbs explained"), (paper, "Gallium curbs explained (2)")));
    assert!(together(
        (paper, "Ferry Marisol capsizes off Cebu"),
        (paper, "Ferry Marisol sinks off Cebu in a gale")
    ));
    // The same article, printed once more under another headline.
    let text =
        "Rescuers searched a strait on Monday after a vessel with sixty passengers went down in high waves.";
    let mut stories = Stories::default();
    add(&mut stories, 1, print(paper, 0, "Ferry Marisol capsizes off Cebu", text));
    let again = add(&mut stories, 2, print(paper, 1, "Ferry Marisol founders off Cebu", text));
    assert_eq!(joined(&again), Some(StoryId(1)));
    // However like the others of a story are.
    let mut stories = Stories::default();
    add(&mut stories, 1, print(ministry, 0, &notice(12), ""));
    for (id, outlet) in [(2, "a.example"), (3, "b.example"), (4, "c.example"), (5, "d.example")] {
        assert_eq!(joined(&add(&mut stories, id, print(outlet, 1, &notice(12), ""))), Some(StoryId(1)));
    }
    assert_eq!(joined(&add(&mut stories, 6, print("e.example", 1, &notice(13), ""))), None);
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
    check("Gallium curbs 12", "Gallium curbs #12", true);
    check("Gallium curbs 12", "Gallium curbs (12)", true);
    check("Toll rises to 12", "Toll rises to #12", false);
    check("Curbs 12345", "Curbs #12345", false);
    check("Curbs 1234", "Curbs #1234", true);
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
