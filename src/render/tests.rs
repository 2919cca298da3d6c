//! Rendered mails: golden files, hostile texts, limits, templates of operators.

use std::{collections::BTreeSet, sync::LazyLock};

use proptest::prelude::*;
use unicode_segmentation::UnicodeSegmentation;

use super::{cases::infested, *};
use crate::model::{ItemId, ItemView, StoryId, StorySources, StoryView, Summary, Tier, Voice};

const KINDS: [NotificationKind; 5] = NotificationKind::ALL;

fn rendered(notification: &Notification) -> Rendered {
    static BUILTIN: LazyLock<Templates> = LazyLock::new(|| Templates::builtin().unwrap());
    render(notification, &BUILTIN).unwrap()
}

/// Compares with a golden file. When a change is meant, copy what the failure prints into the file.
#[track_caller]
fn golden(name: &str, actual: &str, expected: &str) {
    assert!(actual == expected, "golden/{name} differs; the mail now reads:\n{actual}<end of {name}>");
}

#[test]
fn samples_read_as_the_golden_files() {
    let check = |kind: NotificationKind, subject: &str, text: &str, html: &str| {
        let mail = rendered(&sample(kind));
        assert_eq!(mail.subject, subject);
        golden(&format!("{}.txt", kind.as_str()), &mail.text, text);
        golden(&format!("{}.html", kind.as_str()), &mail.html, html);
    };
    check(
        NotificationKind::Alert,
        "[US–China trade] Washington and Beijing agree to shelve port fees for a year (3 sources)",
        include_str!("golden/alert.txt"),
        include_str!("golden/alert.html"),
    );
    check(
        NotificationKind::Update,
        "[US–China trade] Update: Washington and Beijing agree to shelve port fees for a year (3 sources)",
        include_str!("golden/update.txt"),
        include_str!("golden/update.html"),
    );
    check(
        NotificationKind::RollUp,
        "[wirewatch] 3 stories held since 22:00",
        include_str!("golden/rollup.txt"),
        include_str!("golden/rollup.html"),
    );
    check(
        NotificationKind::Digest,
        "Digest 07:30: 3 stories in 3 topics",
        include_str!("golden/digest.txt"),
        include_str!("golden/digest.html"),
    );
    check(
        NotificationKind::Operator,
        "[wirewatch] 25 changes: topics unusually quiet, not readable (22), silent, readable again",
        include_str!("golden/operator.txt"),
        include_str!("golden/operator.html"),
    );
}

#[test]
fn a_weekly_digest_begins_with_the_week_of_every_topic() {
    let mut weekly = sample(NotificationKind::Digest);
    weekly.additions.summary = Summary::Weekly;
    let mail = rendered(&weekly);
    assert_eq!(mail.subject, "Weekly digest: 3 stories in 3 topics");
    golden("digest-weekly.txt", &mail.text, include_str!("golden/digest-weekly.txt"));
    golden("digest-weekly.html", &mail.html, include_str!("golden/digest-weekly.html"));
    assert_eq!(mail.html.matches("aria-hidden").count(), weekly.topics.len(), "one chart a topic");
}

#[test]
fn first_tier_sources_are_told_from_others() {
    let mut alert = sample(NotificationKind::Alert);
    for (primary, other) in [(Tier::First, Tier::Other), (Tier::Other, Tier::First)] {
        alert.stories[0].items[0].tier = primary;
        alert.stories[0].items[1].tier = other;
        let mail = rendered(&alert);
        let first = |named: &str| mail.text.contains(&format!("{named}first tier"));
        assert_eq!(first("Harbour Gazette, "), primary == Tier::First);
        assert_eq!(first("Quay Street Journal ("), other == Tier::First);
        assert_eq!(mail.html.matches(" · first tier").count(), 1);
    }
}

#[test]
fn sources_are_outlets_and_copies_are_told_from_reports() {
    let mut alert = sample(NotificationKind::Alert);
    let model = alert.stories[0].items[1].clone();
    let item = |source: &str, outlet: &str, voice: Voice| ItemView {
        source: source.to_owned(),
        outlet: outlet.to_owned(),
        voice,
        ..model.clone()
    };
    alert.stories[0].items = vec![
        item("Harbour Gazette", "gazette.example", Voice::Own),
        item("Harbour Gazette, world", "gazette.example", Voice::Own),
        item("Collector", "quay.example", Voice::Copy),
        item("Collector", "pier.example", Voice::Copy),
    ];
    let mail = rendered(&alert);
    assert!(mail.subject.ends_with("(3 sources)"), "{}", mail.subject);
    let said = |mail: &Rendered, words: &str| {
        for text in [&mail.text, &mail.html] {
            let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(line.contains(words), "{words}: {line}");
        }
    };
    said(&mail, "All 3 sources print one text: they count as one source.");
    let also = mail.text.split("Also in: ").nth(1).unwrap();
    assert!(also.starts_with("Collector, pier.example\n"), "one feed that carries several outlets: {also}");
    // More are known than the mail has.
    let story = alert.stories[0].id;
    alert.additions.sources = vec![StorySources { story, outlets: 60, own: 12 }];
    let mail = rendered(&alert);
    assert!(mail.subject.ends_with("(60 sources)"), "{}", mail.subject);
    said(&mail, "Of 60 sources, 12 report it in words of their own");
    assert!(mail.text.contains("Collector, pier.example, +57 more"), "{}", mail.text);
}

#[test]
fn the_samples_that_templates_are_tried_on_say_both_things_of_copies() {
    for (name, words) in [
        ("alert-copies", "All 3 sources print one text"),
        ("alert-some-copies", "Of 3 sources, 2 report it in words of their own"),
    ] {
        let case = super::cases::cases().into_iter().find(|case| case.name == name).unwrap();
        let text = rendered(&case.notification).text;
        assert!(text.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{text}");
    }
}

#[test]
fn a_digest_that_found_nothing_says_what_was_looked_at() {
    let mut empty = sample(NotificationKind::Digest);
    empty.stories.clear();
    let mail = rendered(&empty);
    assert_eq!(mail.subject, "Digest 07:30: nothing matched");
    golden("digest-empty.txt", &mail.text, include_str!("golden/digest-empty.txt"));
    for said in ["Nothing matched", "212 of 214", "3,411", "9 min", "404 Not Found"] {
        assert!(mail.html.contains(said), "{said}");
    }
}

#[test]
fn subjects_name_topics_and_sources() {
    let check = |topics: &[&str], sources: usize, want: &str| {
        let mut alert = sample(NotificationKind::Alert);
        alert.stories[0].topics = topics.iter().map(|t| crate::model::TopicName::new(t)).collect();
        alert.stories[0].items.truncate(sources);
        alert.stories[0].items[0].title = "Headline".to_owned();
        assert_eq!(rendered(&alert).subject, want);
    };
    check(&["rare-earths"], 1, "[Rare earths] Headline");
    check(&["rare-earths"], 2, "[Rare earths] Headline (2 sources)");
    check(&["rare-earths", "us-china-trade"], 1, "[US–China trade, Rare earths] Headline");
    let all = ["canals", "leader-calls", "rare-earths", "us-china-trade"];
    check(&all, 3, "[US–China trade, Rare earths, Leader calls, +1] Headline (3 sources)");
    check(&["unlisted"], 1, "[unlisted] Headline");
}

#[test]
fn subjects_are_cut_at_200_graphemes_and_keep_the_sources() {
    let subject = |length: usize| {
        let mut alert = sample(NotificationKind::Alert);
        alert.stories[0].items[0].title = "字".repeat(length);
        rendered(&alert).subject
    };
    let frame = "[US–China trade]  (3 sources)".chars().count();
    // The headline may take what is left beside the topics and twenty characters for the rest.
    let room = view::MAX_SUBJECT - "US–China trade".chars().count() - 20;
    assert_eq!(subject(room).chars().count(), frame + room);
    for length in [room + 1, 10_000] {
        let cut = subject(length);
        assert!(cut.ends_with("字… (3 sources)"), "{cut}");
        assert_eq!(cut.chars().count(), frame + room);
    }
}

/// Names of the tags and attributes of an HTML text, as a reader of any `<` takes them.
fn markup(html: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for tag in html.split('<').skip(1) {
        let inside = tag.split('>').next().unwrap();
        let outside_quotes: String = inside.split('"').step_by(2).collect();
        names.extend(outside_quotes.split_whitespace().map(|name| name.trim_end_matches('=').to_owned()));
    }
    names
}

fn assert_harmless(kind: NotificationKind, hostile: &str) {
    let mail = rendered(&infested(kind, hostile));
    let hidden = |c: char| {
        c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{200F}')
    };
    assert!(!mail.subject.chars().any(hidden), "{:?}", mail.subject);
    assert!(mail.subject.graphemes(true).count() <= 200);
    for body in [&mail.text, &mail.html] {
        assert!(!body.chars().any(|c| c != '\n' && hidden(c)), "{body:?}");
        assert!(body.len() <= MAX_MAIL_BYTES);
    }
    static ALLOWED: LazyLock<BTreeSet<String>> =
        LazyLock::new(|| markup(&KINDS.map(|kind| rendered(&sample(kind)).html).concat()));
    let found = markup(&mail.html);
    assert!(found.is_subset(&ALLOWED), "{hostile:?}: {:?}", found.difference(&ALLOWED));
}

#[test]
fn hostile_texts_stay_text() {
    for (kind, hostile) in KINDS.iter().flat_map(|kind| HOSTILE.iter().map(move |hostile| (*kind, *hostile)))
    {
        assert_harmless(kind, hostile);
    }
    let mail = rendered(&infested(NotificationKind::Alert, HOSTILE[0]));
    assert!(mail.html.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(mail.text.contains("<script>alert(1)</script>"));
    let mail = rendered(&infested(NotificationKind::Alert, HOSTILE[3]));
    assert!(mail.subject.contains("{{7*7}}") && mail.html.contains("{{7*7}}") && !mail.html.contains("49"));
    let mail = rendered(&infested(NotificationKind::Alert, HOSTILE[6]));
    assert_eq!(mail.subject, "[US–China trade] first Bcc: victim@example.com body (3 sources)");
    let mail = rendered(&infested(NotificationKind::Alert, ""));
    assert_eq!(mail.subject, "[US–China trade] (no headline) news.example.com (3 sources)");
}

#[test]
fn mails_load_nothing_and_link_only_to_the_web() {
    for kind in KINDS {
        let mut mail = sample(kind);
        for story in &mut mail.stories {
            let script = story.items[0].link.as_ref().map(|_| "javascript:alert(1)".parse().unwrap());
            story.items.push(ItemView { link: script, source: "Third".to_owned(), ..story.items[0].clone() });
        }
        let html = rendered(&mail).html;
        for loads in
            ["src=", "url(", "@import", "<link", "<script", "<form", "<iframe", "javascript:", "<base"]
        {
            assert!(!html.contains(loads), "{loads} in {}", kind.as_str());
        }
        let links: Vec<&str> = html.split("href=\"").skip(1).collect();
        assert!(
            links.iter().all(|link| link.starts_with("https://") || link.starts_with("mailto:wirewatch@"))
        );
        assert_eq!(links.is_empty(), kind == NotificationKind::Operator);
        for wanted in ["<html lang=\"en\">", "<title>", "content=\"light dark\"", "max-width:600px"] {
            assert!(html.contains(wanted), "{wanted}");
        }
    }
}

/// A digest or roll-up of `n` stories of about a kilobyte each.
fn crowd(kind: NotificationKind, n: i64) -> Notification {
    let mut mail = sample(kind);
    let model = mail.stories[0].clone();
    let story = |id: i64| {
        let mut items = model.items.clone();
        items[0] = ItemView { id: ItemId(id), title: format!("Story number {id} ends"), ..items[0].clone() };
        StoryView { id: StoryId(id), items, ..model.clone() }
    };
    mail.stories = (1..=n).map(story).collect();
    mail
}

/// Stories shown in full, by title, and counted as "+N more" in an HTML body.
fn shown(n: i64) -> (usize, usize, usize) {
    let mail = rendered(&crowd(NotificationKind::Digest, n));
    assert!(mail.html.len() <= MAX_MAIL_BYTES && mail.text.len() <= MAX_MAIL_BYTES);
    let full = mail.html.matches("<div class=\"rule\"").count();
    let named = mail.html.matches("Story number").count();
    assert_eq!(mail.text.matches("Story number").count(), named, "text and HTML show the same");
    let more = mail.html.split(" stories are not shown").next().unwrap().rsplit('>').next().unwrap();
    (full, named - full, if mail.html.contains("not shown") { more.parse().unwrap() } else { 0 })
}

#[test]
fn what_does_not_fit_in_full_is_shown_by_title_and_then_counted() {
    let (mut fits, mut too_many) = (30, 110);
    while too_many - fits > 1 {
        let middle = (fits + too_many) / 2;
        if shown(middle) == (middle as usize, 0, 0) { fits = middle } else { too_many = middle }
    }
    assert!(fits >= 40, "{fits} stories fit in full");
    let (full, titles, more) = shown(fits + 1);
    assert_eq!((full + titles, more), (fits as usize + 1, 0));
    assert!(titles > 0);
    let (full, titles, more) = shown(450);
    assert_eq!(full, MIN_FULL);
    assert!(more > 0);
    assert_eq!(full + titles + more, 450);
}

#[test]
fn no_mail_shows_more_than_max_shown() {
    let count = "{{ stories | length }} shown, {{ more }} more";
    let templates = Templates::builtin()
        .unwrap()
        .with_override(NotificationKind::RollUp, Part::Html, count)
        .and_then(|templates| templates.with_override(NotificationKind::RollUp, Part::Text, count))
        .unwrap();
    let check = |n: usize, want: &str| {
        let mail = crowd(NotificationKind::RollUp, i64::try_from(n).unwrap());
        assert_eq!(render(&mail, &templates).unwrap().html, want);
    };
    check(MAX_SHOWN, "900 shown, 0 more");
    check(MAX_SHOWN + 1, "900 shown, 1 more");
}

#[test]
fn a_roll_up_of_50_stories_shows_each() {
    let mail = rendered(&crowd(NotificationKind::RollUp, 50));
    assert_eq!(mail.subject, "[wirewatch] 50 stories held since 22:00");
    assert_eq!(mail.html.matches("<h2").count(), 50);
    assert!(mail.text.contains("50. Story number 50 ends"));
}

#[test]
fn many_notices_are_counted_when_they_do_not_fit() {
    let mut mail = sample(NotificationKind::Operator);
    mail.notices = vec!["x".repeat(1_000); 500];
    mail.additions.bulletin = None;
    let rendered = rendered(&mail);
    let listed = rendered.html.matches("dir=\"auto\"").count();
    assert!(listed > 100 && rendered.html.len() <= MAX_MAIL_BYTES);
    assert!(rendered.html.contains(&format!(">+{} more</p>", 500 - listed)));
    assert!(rendered.text.contains(&format!("- +{} more", 500 - listed)));
}

#[test]
fn what_does_not_fit_of_a_bulletin_is_counted_in_both_bodies() {
    let line = |n: usize| format!("{n} {}", "x".repeat(300));
    let section = |title: &str| crate::model::Section {
        title: title.to_owned(),
        count: 300,
        lines: (0..300).map(line).collect(),
    };
    let bulletin = crate::model::Bulletin {
        title: "600 changes".to_owned(),
        sections: vec![section("Moved"), section("Silent")],
        ..Default::default()
    };
    let mut mail = sample(NotificationKind::Operator);
    mail.notices = bulletin.flat();
    mail.additions.bulletin = Some(bulletin);
    let rendered = rendered(&mail);
    let listed = rendered.html.matches("<p class=\"rule\" dir=\"auto\"").count();
    assert!(listed > 100 && rendered.html.len() <= MAX_MAIL_BYTES, "{listed}");
    assert!(rendered.html.contains(&format!(">+{} more</p>", 600 - listed)));
    assert!(rendered.text.contains(&format!("- +{} more", 600 - listed)));
}

#[test]
fn templates_that_know_no_groups_say_the_same_in_lines() {
    let old = "{% for line in notices %}- {{ line }}\n{% endfor %}";
    let templates = Templates::builtin()
        .unwrap()
        .with_override(NotificationKind::Operator, Part::Text, old)
        .unwrap()
        .with_override(
            NotificationKind::Operator,
            Part::Subject,
            "{{ subject.notices }}: {{ subject.notice }}",
        )
        .unwrap();
    let mail = render(&sample(NotificationKind::Operator), &templates).unwrap();
    assert!(mail.subject.starts_with("7: 25 changes"), "{}", mail.subject);
    let text = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("- Readable again: Capital Wire — it answers again"), "{text}");
}

#[test]
fn the_largest_story_is_still_shown_in_full() {
    let mut mail = sample(NotificationKind::Alert);
    let long = "\"e\u{301}\u{302}\u{303}\u{304}\u{305}".repeat(5_000);
    let item = mail.stories[0].items[0].clone();
    let link = format!("https://example.com/?{}", "&".repeat(1_900)).parse().ok();
    let item = ItemView { title: long.clone(), summary: long.clone(), link, ..item };
    let other = |n: i64| ItemView { source: format!("{n} {long}"), id: ItemId(n), ..item.clone() };
    mail.stories[0].items = (0..60).map(other).collect();
    let rendered = rendered(&mail);
    assert_eq!(rendered.html.matches("<h1").count(), 1);
    assert!(rendered.html.len() <= MAX_MAIL_BYTES);
    let named = format!(", +{} more", 59 - view::MAX_ALSO_IN);
    assert!(rendered.html.contains(&named) && rendered.text.contains(&named));
}

#[test]
fn operators_can_override_templates() {
    let with = |source: &str| {
        Templates::builtin()
            .unwrap()
            .with_override(NotificationKind::Alert, Part::Html, source)
            .and_then(|templates| render(&sample(NotificationKind::Alert), &templates).map(|mail| mail.html))
    };
    assert_eq!(with("<p>{{ subject.topics }}</p>").unwrap(), "<p>US–China trade</p>");
    let check = |source: &str, want: &str| {
        let error = with(source).unwrap_err();
        assert!(error.to_string().starts_with(want), "{error}");
    };
    check("\n{% if %}", "template `alert/body.html`, line 2: syntax error");
    check("\n\n{{ subject.headlines }}", "template `alert/body.html`, line 3: undefined value");
    check("{{ stories[0].story.nothing }}", "template `alert/body.html`, line 1: undefined value");
    check(
        "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}",
        "template `alert/body.html`, line 1: engine ran out of fuel",
    );
    assert!(
        matches!(with(&"x".repeat(MAX_MAIL_BYTES + 1)), Err(Error::TooLarge { bytes }) if bytes > MAX_MAIL_BYTES)
    );
    assert_eq!(with(&"x".repeat(MAX_MAIL_BYTES)).unwrap().len(), MAX_MAIL_BYTES);
}

#[test]
fn more_detail_never_shows_less() {
    let rank = |detail| match detail {
        Detail::Hidden => 0,
        Detail::Title => 1,
        Detail::Full => 2,
    };
    for (units, min_full) in [(1, 1), (7, 7), (25, 10), (3, 0)] {
        for unit in 0..units {
            let levels: Vec<i32> =
                (0..=2 * units).map(|level| rank(detail_at(level, unit, units, min_full))).collect();
            assert!(levels.is_sorted(), "{levels:?}");
            assert_eq!((levels[0], levels[2 * units]), (0, 2));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_text_stays_text(text in "\\PC{0,60}", markup in "[<>\"'&=/a-z {}%#\\-!\r\n\t\u{0}\u{1b}\u{202e}]{0,60}", digest in any::<bool>()) {
        let kind = if digest { NotificationKind::Digest } else { NotificationKind::Alert };
        assert_harmless(kind, &format!("{text}{markup}"));
    }
}
