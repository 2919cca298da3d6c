//! One event in many feeds: what outlets report in words of their own is one story, from the first poll to the mails.

use std::collections::BTreeMap;

use wirewatch::{
    daemon::OpenStories,
    model::{NotificationKind, OutboundMail, StoryId, Timestamp},
};

use crate::harness::{
    app::TestApp,
    farm::{Farm, Page, rss_item},
};

/// Twelve desks on one event.
const DESKS: [&str; 12] = [
    "Ferry Marisol capsizes off Cebu, at least 17 missing",
    "Philippine ferry Marisol sinks near Cebu, 17 people missing",
    "Search for 17 missing after ferry Marisol capsizes in the Philippines",
    "Ferry Marisol goes down off Cebu; coast guard looks for 17 missing",
    "Rescuers search Cebu strait after Marisol ferry sinking leaves 17 missing",
    "Seventeen missing as ferry Marisol sinks off Cebu",
    "Cebu ferry disaster: Marisol capsizes, 17 missing",
    "Coast guard: 17 missing after sinking of ferry Marisol near Cebu",
    "Philippines ferry sinking: 17 missing as Marisol overturns off Cebu",
    "Marisol ferry capsizes near Cebu with 17 still missing",
    "At least 17 missing in Cebu ferry capsizing, owner of Marisol questioned",
    "Ferry Marisol overturns in rough sea off Cebu, 17 missing",
];
const OTHER_EVENT: &str = "Ferry Halcyon runs aground off Bergen, all 240 aboard safe";
const IN_CHINESE: &str = "宿务附近渡轮倾覆 17人失踪";
const AGENCY_TEXT: &str = "CEBU, June 5 (AFP) - Seventeen people were missing after the ferry Marisol capsized in a strait \
                           off Cebu on Thursday, the coast guard said.";
const READER: &str = "desk@example.com";

/// An application with a feed for each path, whose one reader is alerted of ferries.
async fn app(more: &str) -> TestApp {
    let farm = Farm::start();
    let feeds: String =
        (0..DESKS.len()).map(|n| format!("[[feed]]\nurl = \"{}\"\n", farm.url(&path(n)))).collect();
    let config = format!(
        "[state]\ndir = \"state\"\n[fetch]\nallow = [\"127.0.0.1\"]\n\
         [[topic]]\nname = \"ferries\"\nany = [\"ferry\", \"渡轮\", \"capsiz*\"]\n\
         [[subscription]]\nname = \"desk\"\nto = [\"{READER}\"]\ntopics = [\"*\"]\ndeliver = \"alert\"\n{more}{feeds}"
    );
    let app = TestApp::with(farm, &config).await;
    (0..DESKS.len()).for_each(|n| app.farm.set(&path(n), Page::rss(&[])));
    app
}

fn path(n: usize) -> String {
    format!("/outlet{n}")
}

/// What outlet `n` has now: an article of its own, with this headline.
fn publish(app: &TestApp, n: usize, title: &str) {
    publish_at(app, n, &format!("http://outlet{n}.example/article"), title, "");
}

fn publish_at(app: &TestApp, n: usize, link: &str, title: &str, text: &str) {
    let item = rss_item(&format!("guid-{n}"), title, link, TestApp::ago(30));
    let item = item.replace("</item>", &format!("<description>{text}</description></item>"));
    app.farm.set(&path(n), Page::rss(&[item]));
}

/// Kinds and subjects of the mails so far.
fn told(app: &TestApp) -> Vec<(NotificationKind, String)> {
    app.mails().into_iter().map(|mail| (mail.kind, mail.subject)).collect()
}

fn last(app: &TestApp) -> OutboundMail {
    app.mails().pop().unwrap()
}

/// The text of a mail on one line.
fn unwrapped(mail: &OutboundMail) -> String {
    mail.text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Headlines by story.
fn stories(app: &TestApp) -> BTreeMap<i64, Vec<String>> {
    let db = rusqlite::Connection::open(app.store.path()).unwrap();
    let mut rows = db.prepare("SELECT story_id, title FROM item ORDER BY id").unwrap();
    let mut stories: BTreeMap<i64, Vec<String>> = BTreeMap::new();
    for row in rows.query_map([], |r| Ok((r.get(0)?, r.get(1)?))).unwrap() {
        let (story, title): (i64, String) = row.unwrap();
        stories.entry(story).or_default().push(title);
    }
    stories
}

fn count(app: &TestApp, sql: &str) -> i64 {
    rusqlite::Connection::open(app.store.path()).unwrap().query_row(sql, [], |r| r.get(0)).unwrap()
}

use NotificationKind::{Alert, Update};

#[tokio::test]
async fn twelve_outlets_at_once_are_one_alert_that_says_so() {
    let mut app = app("").await;
    for (n, title) in DESKS.iter().enumerate() {
        publish(&app, n, title);
    }
    app.turn().await;
    let [(Alert, subject)] = &told(&app)[..] else { panic!("{:?}", told(&app)) };
    assert!(subject.ends_with("(12 sources)"), "{subject}");
    for _ in 0..6 {
        app.after(31).await;
    }
    assert_eq!(told(&app).len(), 1, "and nothing again");
    app.end().await;
}

#[tokio::test]
async fn an_event_is_alerted_once_and_updated_at_the_thresholds_through_restarts() {
    let mut app = app("").await;
    publish(&app, 0, DESKS[0]);
    app.turn().await;
    assert_eq!(told(&app), [(Alert, format!("[ferries] {}", DESKS[0]))]);
    publish(&app, 1, DESKS[1]);
    app.after(31).await;
    assert_eq!(told(&app).len(), 1, "a second source is no news");
    let mut app = app.killed_and_restarted().await;
    publish(&app, 2, DESKS[2]);
    app.after(31).await;
    assert_eq!(told(&app)[1..], [(Update, format!("[ferries] Update: {} (3 sources)", DESKS[0]))]);
    assert_eq!(last(&app).in_reply_to, Some(app.mails()[0].id.clone()));
    for (n, title) in DESKS.iter().enumerate().take(9).skip(3) {
        publish(&app, n, title);
        app.after(31).await;
    }
    assert_eq!(told(&app).len(), 2, "four to nine sources are no news");
    let mut app = app.stopped_and_restarted().await;
    for (n, title) in DESKS.iter().enumerate().skip(9) {
        publish(&app, n, title);
    }
    app.after(31).await;
    app.after(31).await;
    assert_eq!(told(&app)[2..], [(Update, format!("[ferries] Update: {} (12 sources)", DESKS[0]))]);
    assert!(last(&app).text.contains("12 sources report it now"), "{}", last(&app).text);
    assert_eq!(stories(&app).len(), 1);
    app.end().await;
}

#[tokio::test]
async fn other_events_and_other_languages_are_mails_of_their_own() {
    let mut app = app("").await;
    for (n, title) in [DESKS[0], OTHER_EVENT, IN_CHINESE, DESKS[1]].iter().enumerate() {
        publish(&app, n, title);
    }
    app.turn().await;
    let found: Vec<Vec<String>> = stories(&app).into_values().collect();
    let own = |title: &str| vec![title.to_owned()];
    assert_eq!(found.len(), 3, "{found:?}");
    assert!(found.contains(&own(OTHER_EVENT)) && found.contains(&own(IN_CHINESE)), "{found:?}");
    assert_eq!(told(&app).len(), 3);
    app.end().await;
}

#[tokio::test]
async fn outlets_that_print_one_text_are_carriers_of_it_and_one_source() {
    let mut app = app(
        "break_through = { sources = 3 }\nquiet = { from = \"17:00\", to = \"17:30\", zone = \"UTC\" }\n",
    )
    .await;
    for n in 0..5 {
        publish_at(&app, n, &format!("http://outlet{n}.example/afp"), DESKS[0], AGENCY_TEXT);
    }
    app.turn().await;
    let [(Alert, subject)] = &told(&app)[..] else { panic!("{:?}", told(&app)) };
    assert!(subject.ends_with("(5 sources)"), "{subject}");
    let alert = unwrapped(&last(&app));
    assert!(alert.contains("All 5 sources print one text: they count as one source."), "{alert}");
    // The agency under another headline, and the agency itself.
    publish_at(&app, 5, "http://outlet5.example/afp", DESKS[1], "CEBU (AFP) - A ferry went down off Cebu.");
    app.after(31).await;
    assert_eq!(told(&app).len(), 1, "{:?}", told(&app));
    // Two that write for themselves make three.
    publish(&app, 6, DESKS[2]);
    publish(&app, 7, DESKS[3]);
    app.after(31).await;
    assert_eq!(told(&app).len(), 2, "{:?}", told(&app));
    let update = unwrapped(&last(&app));
    assert!(update.contains("3 sources report it now"), "{update}");
    assert!(update.contains("Of 8 sources, 3 report it in words of their own"), "{update}");
    app.end().await;
}

#[tokio::test]
async fn feeds_of_one_outlet_are_one_source() {
    let mut app = app("").await;
    for (n, title) in DESKS.iter().enumerate().take(4) {
        publish_at(&app, n, &format!("http://desk{n}.paper.example/{n}"), title, "");
    }
    app.turn().await;
    app.after(31).await;
    let [(Alert, subject)] = &told(&app)[..] else { panic!("{:?}", told(&app)) };
    assert!(!subject.contains("sources"), "{subject}");
    assert_eq!(stories(&app).len(), 1);
    app.end().await;
}

#[tokio::test]
async fn a_first_tier_source_is_news_and_is_shown_first() {
    let mut app = app("").await;
    publish(&app, 0, DESKS[0]);
    app.turn().await;
    publish_at(&app, 1, "https://www.reuters.com/world/ferry", DESKS[1], "");
    app.after(31).await;
    assert_eq!(told(&app)[1..], [(Update, format!("[ferries] Update: {} (2 sources)", DESKS[1]))]);
    let update = last(&app).text;
    assert!(update.contains("Reuters reports it too") && update.contains("first tier"), "{update}");
    assert!(!update.contains("The headline changed"), "what was told stands as it was: {update}");
    assert!(update.contains("Also in: "), "{update}");
    // A second one is none.
    publish_at(&app, 2, "https://apnews.com/ferry", DESKS[3], "");
    publish(&app, 0, DESKS[0]);
    app.after(31).await;
    let updates = told(&app);
    assert_eq!(updates.len(), 3, "three sources are: {updates:?}");
    assert!(!last(&app).text.contains("Associated Press reports it too"));
    app.end().await;
}

#[tokio::test]
async fn a_headline_that_is_edited_in_place_is_an_update_when_it_says_something_else() {
    let mut app = app("").await;
    publish(&app, 0, DESKS[0]);
    app.turn().await;
    publish(&app, 0, "Ferry Marisol capsizes off Cebu: at least 17 are missing");
    app.after(31).await;
    assert_eq!(told(&app).len(), 1, "a polished headline is no news");
    let changed = "Ferry Marisol capsizes off Cebu, 23 missing and captain arrested";
    publish(&app, 0, changed);
    app.after(31).await;
    assert_eq!(told(&app)[1..], [(Update, format!("[ferries] Update: {changed}"))]);
    let text = unwrapped(&last(&app));
    assert!(
        text.contains("The headline changed; it was: Ferry Marisol capsizes off Cebu, at least 17 missing"),
        "{text}"
    );
    for _ in 0..3 {
        app.after(31).await;
    }
    assert_eq!(told(&app).len(), 2, "once");
    app.end().await;
}

#[tokio::test]
async fn other_words_of_a_list_are_no_update() {
    let lists = "corroborate = [10]\n[lists]\nwrecks = [\"sinks\", \"overturn*\", \"capsiz*\"]\n\
                 [[topic]]\nname = \"wrecks\"\nany = [\"@wrecks\"]\n";
    let mut app = app(lists).await;
    publish(&app, 0, DESKS[1]);
    app.turn().await;
    publish(&app, 1, DESKS[11]);
    app.after(31).await;
    assert_eq!(told(&app).len(), 1, "the topic asks for one thing in several words");
    publish(&app, 2, DESKS[0]);
    app.after(31).await;
    let mail = last(&app);
    assert_eq!((told(&app).len(), mail.kind), (2, Update));
    assert!(mail.text.contains("- It now matches ferries: capsiz*\n\n"), "{}", mail.text);
    assert!(!mail.text.contains("It now matches wrecks"), "{}", mail.text);
    app.end().await;
}

#[tokio::test]
async fn a_clause_that_an_edit_makes_true_is_an_update() {
    let mut app = app("").await;
    let title = "Marisol ferry goes down off Cebu";
    publish(&app, 0, title);
    app.turn().await;
    publish_at(&app, 0, "http://outlet0.example/article", title, "It capsized in a gale.");
    app.after(31).await;
    assert_eq!(told(&app).last(), Some(&(Update, format!("[ferries] Update: {title}"))));
    assert!(last(&app).text.contains("It now matches ferries: capsiz*"), "{}", last(&app).text);
    app.end().await;
}

#[tokio::test]
async fn an_edit_that_matches_for_the_first_time_joins_the_story_that_was_told() {
    let mut app = app("").await;
    publish(&app, 0, DESKS[0]);
    publish(&app, 1, "Marisol sinking off Cebu leaves 17 missing");
    app.turn().await;
    assert_eq!((told(&app).len(), stories(&app).len()), (1, 2), "the second did not match");
    publish(&app, 1, DESKS[1]);
    app.after(31).await;
    assert_eq!((told(&app).len(), stories(&app).len()), (1, 1));
    // Its link goes on meaning that story.
    publish_at(&app, 2, "https://www.outlet1.example/article?utm_source=x", "An article", "");
    app.after(31).await;
    assert_eq!(stories(&app).into_values().map(|items| items.len()).collect::<Vec<_>>(), [3]);
    app.end().await;
}

#[tokio::test]
async fn one_link_is_one_story_matched_or_not_and_when_the_story_is_closed() {
    let mut app = app("").await;
    let link = "http://wire.example/1";
    publish_at(&app, 0, link, "An article without the word", "");
    app.turn().await;
    publish_at(&app, 1, link, DESKS[0], "");
    app.after(20).await;
    assert_eq!((stories(&app).len(), told(&app).len()), (1, 1));
    // Joined by what it says, so that its link is one of the story's.
    publish_at(&app, 2, "http://outlet2.example/a", DESKS[1], "");
    app.after(20).await;
    app.after(10 * 24 * 60).await;
    app.tidy().await;
    assert_eq!(count(&app, "SELECT count(*) FROM story_print"), 0, "the story is closed");
    let mut app = app.killed_and_restarted().await;
    let late = |n: usize, link: &str| publish_at(&app, n, link, "A ferry, again", "");
    late(3, link);
    late(4, "https://outlet2.example/a/");
    app.after(20).await;
    assert_eq!(stories(&app).into_values().map(|items| items.len()).collect::<Vec<_>>(), [5]);
    assert_eq!(told(&app).len(), 1, "two outlets, and nothing that is news: {:?}", told(&app));
    app.end().await;
}

#[tokio::test]
async fn a_refused_transaction_leaves_the_open_stories_as_they_are_stored() {
    let mut app = app("").await;
    publish(&app, 0, DESKS[0]);
    app.turn().await;
    // Refused behind the point where the items have found their stories.
    publish(&app, 1, DESKS[1]);
    publish(&app, 2, OTHER_EVENT);
    app.clock.advance(std::time::Duration::from_secs(31 * 60));
    app.poll_refused_by("pending").await;
    assert_eq!(stories(&app).len(), 1, "nothing of it was stored");
    // What comes now takes the keys that were given away, and the open stories must not know them from then.
    publish(&app, 1, "Ferry strike halts crossings between Dover and Calais");
    publish(&app, 2, OTHER_EVENT);
    app.after(31).await;
    publish(&app, 3, DESKS[3]);
    app.after(31).await;
    let titles = stories(&app);
    let of = |title: &str| titles.iter().find(|(_, all)| all.iter().any(|one| one == title)).unwrap();
    assert_eq!(titles.len(), 3, "{titles:?}");
    assert_eq!(of(DESKS[3]).1[..], [DESKS[0], DESKS[3]]);
    assert_eq!(of(OTHER_EVENT).1.len(), 1);
    app.end().await;
}

#[tokio::test]
async fn a_poll_that_is_repeated_groups_nothing_again() {
    let mut app = app("").await;
    publish(&app, 0, DESKS[0]);
    app.turn().await;
    // The process ends before it can learn that the poll was recorded: all is read again.
    app.tamper("UPDATE feed SET etag = NULL, last_modified = NULL, body_hash = NULL");
    let mut app = app.killed_and_restarted().await;
    app.after(31).await;
    assert_eq!(count(&app, "SELECT count(*) FROM story_print"), 1);
    assert_eq!((stories(&app).len(), told(&app).len()), (1, 1));
    app.end().await;
}

#[tokio::test]
async fn marks_of_another_version_are_left_out_and_stop_nothing() {
    let mut app = app("").await;
    publish(&app, 0, DESKS[0]);
    app.turn().await;
    publish(&app, 1, OTHER_EVENT);
    app.after(31).await;
    app.tamper("UPDATE story_print SET print = CAST(x'ff' || print AS BLOB) WHERE seq = 1");
    let mut app = app.killed_and_restarted().await;
    let now: Timestamp = app.clock.now();
    assert_eq!(OpenStories::load(&app.store, now).await.unwrap().len(), 1);
    publish(&app, 2, DESKS[1]);
    publish_at(&app, 3, "http://outlet0.example/article", "The ferry, once more", "");
    app.after(31).await;
    let stories = stories(&app);
    assert_eq!(stories.len(), 3, "{stories:?}");
    assert_eq!(stories[&StoryId(1).0].len(), 2, "its link still leads there: {stories:?}");
    app.end().await;
}

#[tokio::test]
async fn what_is_kept_to_compare_goes_when_the_window_has_passed() {
    let mut app = app("").await;
    publish(&app, 0, DESKS[0]);
    app.turn().await;
    let hours = wirewatch::story::WINDOW.as_secs() / 3_600;
    // Published half an hour before the start.
    app.clock.advance(std::time::Duration::from_secs(hours * 3_600 - 1_800));
    app.tidy().await;
    assert_eq!(count(&app, "SELECT count(*) FROM story_print"), 1);
    assert_eq!(OpenStories::load(&app.store, app.clock.now()).await.unwrap().len(), 1);
    app.clock.advance(std::time::Duration::from_secs(1));
    assert!(OpenStories::load(&app.store, app.clock.now()).await.unwrap().is_empty());
    app.clock.advance(std::time::Duration::from_secs(3_600));
    app.tidy().await;
    assert_eq!(count(&app, "SELECT count(*) FROM story_print"), 0);
    assert_eq!(stories(&app).len(), 1, "the story stays");
    app.end().await;
}
