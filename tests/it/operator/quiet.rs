//! Topics that go quiet, and come back.

use super::{DAY, HOUR, app};
use crate::harness::app::{START, TestApp};

const DAY_MS: i64 = 86_400_000;
/// 2025-06-05 00:00 UTC, before the application starts.
fn today_ms() -> i64 {
    START.as_millisecond() - 14 * 3_600_000
}

impl TestApp {
    /// On day `day` (0: that of the start), so many items were read, of which so many matched rare earths.
    fn had(&self, day: i64, read: i64, matched: i64) {
        let at = today_ms() + day * DAY_MS + 1_000;
        let mut sql = "BEGIN;".to_owned();
        for n in 0..read {
            let id = 1_000_000 + day * 1_000 + n;
            sql += &format!(
                "INSERT INTO story (id, first_seen_at_ms) VALUES ({id}, {at});
                 INSERT INTO item (id, feed_id, story_id, title, summary, content, tags, first_seen_at_ms, baseline)
                     VALUES ({id}, 1, {id}, 't', '', '', '', {at}, 0);"
            );
            if n < matched {
                sql += &format!(
                    "INSERT INTO match (item_id, topic, revision, hits, matched_at_ms)
                         VALUES ({id}, 'rare-earths', 1, '[]', {at});"
                );
            }
        }
        self.tamper(&format!("{sql}COMMIT"));
    }
}

#[tokio::test]
async fn a_topic_that_went_quiet_is_told_once_and_once_more_when_it_is_back() {
    let mut app = app(1, "").await;
    app.turn().await;
    (-60..=0).for_each(|day| app.had(day, 20, 6));
    app.wait_hourly(17 * HOUR).await;
    assert_eq!(app.told(), [], "Friday, 07:00: six yesterday");
    let mut told_on = Vec::new();
    for day in 1..=9 {
        app.had(day, 20, 0);
        app.wait_hourly(DAY).await;
        if app.told().len() > told_on.len() {
            told_on.push(day);
        }
        if day == 4 {
            app = app.killed_and_restarted().await;
        }
    }
    assert_eq!(told_on, [2], "two days without any: twelve are missing");
    let text = app.told().remove(0).2;
    assert!(
        text.contains(
            "Topics unusually quiet (1) - Rare earths — 0 stories in 2 days, usually about 6 a day"
        ),
        "{text}"
    );
    app.had(10, 20, 5);
    app.wait_hourly(DAY).await;
    let told = app.told();
    assert_eq!(told.len(), 2);
    assert!(
        told[1].2.contains("Topics as usual again (1) - Rare earths — 5 stories yesterday"),
        "{}",
        told[1].2
    );
    (11..14).for_each(|day| app.had(day, 20, 6));
    app.wait_hourly(3 * DAY).await;
    assert_eq!(app.told().len(), 2);
    app.end().await;
}

#[tokio::test]
async fn days_on_which_nothing_was_read_say_nothing_of_a_topic() {
    let mut app = app(1, "").await;
    app.turn().await;
    (-60..=0).for_each(|day| app.had(day, 20, 6));
    app.wait_hourly(17 * HOUR).await;
    app.wait_hourly(6 * DAY).await;
    assert_eq!(app.told(), [], "six days without a visit");
    app.end().await;
}
