//! Schema versions: each migration once, in order, in a transaction of its own.
//!
//! **Invariant:** a migration that was released is never edited (a test pins its hash); a database that is newer
//! than the program is refused.

use rusqlite::{Connection, TransactionBehavior};

use super::Error;

/// Migrations in order; `PRAGMA user_version` counts those applied.
const MIGRATIONS: &[&str] = &[
    include_str!("migrations/0001_init.sql"),
    include_str!("migrations/0002_item_index.sql"),
    include_str!("migrations/0003_feed_health.sql"),
    include_str!("migrations/0004_delivery.sql"),
    include_str!("migrations/0005_stories.sql"),
    include_str!("migrations/0006_operator.sql"),
];

/// Brings the schema up to date.
pub(super) fn migrate(connection: &mut Connection) -> Result<(), Error> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    refuse_newer(found)?;
    for (version, sql) in (1_i64..).zip(MIGRATIONS).filter(|(version, _)| *version > found) {
        let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        tx.execute_batch(sql)?;
        tx.pragma_update(None, "user_version", version)?;
        tx.commit()?;
        tracing::info!(schema.version = version, "the database has schema {version} now");
    }
    Ok(())
}

/// Refuses a schema this program does not know.
pub(super) fn refuse_newer(found: i64) -> Result<(), Error> {
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found > known { Err(Error::Newer { found, known }) } else { Ok(()) }
}

/// Refuses any schema but this program's: for those who may not bring it up to date.
pub(super) fn refuse_other(connection: &Connection) -> Result<(), Error> {
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    refuse_newer(found)?;
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if found < known { Err(Error::Outdated { found, known }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Announce, FeedId, FeedMemory, FeedSpec, Item, ItemKey, KeyKind, Learned, NewItem, OnAdd, Poll,
        PollOutcome, StoryId, StoryKey, Validators, Voice, time,
    };

    #[test]
    fn released_migrations_are_never_edited() {
        let pinned: &[u64] = &[
            12_529_670_451_084_114_845,
            17_229_254_431_252_516_424,
            7_437_409_263_271_509_408,
            2_721_887_083_796_449_764,
            7_282_795_862_003_564_324,
            646_043_217_321_842_531,
        ];
        let found: Vec<u64> =
            MIGRATIONS.iter().map(|sql| xxhash_rust::xxh3::xxh3_64(sql.as_bytes())).collect();
        assert_eq!(found, pinned, "write a new migration instead, and pin it here");
    }

    #[tokio::test]
    async fn a_feed_of_the_first_releases_goes_on_where_it_was_with_nothing_learned() {
        let dir = tempfile::tempdir().unwrap();
        let connection = Connection::open(dir.path().join(crate::store::DATABASE)).unwrap();
        for sql in &MIGRATIONS[..2] {
            connection.execute_batch(sql).unwrap();
        }
        connection.pragma_update(None, "user_version", 2).unwrap();
        connection
            .execute_batch(
                "INSERT INTO feed (url, bucket, active, etag, added_at_ms, last_poll_at_ms, last_ok_at_ms,
                     baseline_at_ms, next_poll_at_ms, failures)
                 VALUES ('https://a.example/', 1, 1, x'2241', 1, 5000, 2000, 1000, 9000, 3)",
            )
            .unwrap();
        drop(connection);
        let store = crate::store::Store::open(dir.path()).unwrap();
        let spec = FeedSpec {
            url: "https://a.example/".parse().unwrap(),
            title: None,
            interval: std::time::Duration::from_secs(900),
            on_add: OnAdd::Baseline,
        };
        let state = store.sync_feeds(time::from_millis(6_000), vec![spec]).await.unwrap().remove(0);
        assert_eq!((state.failures, state.next_poll_at), (3, time::from_millis(9_000)));
        assert_eq!(
            (state.validators.etag, state.last_ok_at),
            (Some(vec![0x22, 0x41]), Some(time::from_millis(2_000)))
        );
        assert_eq!(state.memory, FeedMemory { stored: state.memory.stored, ..FeedMemory::default() });
        assert_eq!(store.feed_events(time::from_millis(0), 10).await.unwrap(), []);
        store.close().await;
    }

    #[test]
    fn who_was_alerted_before_what_was_told_was_noted_stays_alerted() {
        let mut connection = Connection::open_in_memory().unwrap();
        for sql in &MIGRATIONS[..3] {
            connection.execute_batch(sql).unwrap();
        }
        connection.pragma_update(None, "user_version", 3).unwrap();
        connection
            .execute_batch(
                "INSERT INTO alerted (recipient, story_id, enqueued_at_ms) VALUES ('a@b.example', 7, 1)",
            )
            .unwrap();
        assert!(matches!(refuse_other(&connection), Err(Error::Outdated { found: 3, .. })));
        migrate(&mut connection).unwrap();
        refuse_other(&connection).unwrap();
        let row: (i64, Option<i64>, Option<String>) = connection
            .query_row("SELECT revision, told_at_ms, thread FROM alerted WHERE story_id = 7", [], |r| {
                Ok((r.get(0)?, r.get(1)?, r.get(2)?))
            })
            .unwrap();
        assert_eq!(row, (0, None, None));
        let key: Vec<u8> =
            connection.query_row("SELECT value FROM meta WHERE key = 'mute_key'", [], |r| r.get(0)).unwrap();
        assert_eq!(key.len(), 32);
    }

    #[tokio::test]
    async fn stories_of_earlier_versions_keep_their_links_and_their_items() {
        let dir = tempfile::tempdir().unwrap();
        let connection = Connection::open(dir.path().join(crate::store::DATABASE)).unwrap();
        for sql in &MIGRATIONS[..4] {
            connection.execute_batch(sql).unwrap();
        }
        connection.pragma_update(None, "user_version", 4).unwrap();
        connection
            .execute_batch(
                "INSERT INTO feed (id, url, bucket, active, added_at_ms, next_poll_at_ms, failures)
                 VALUES (1, 'https://a.example/', 1, 1, 1, 9000, 0);
                 INSERT INTO story (id, key, first_seen_at_ms) VALUES (7, x'03030303030303030303030303030303', 1000);
                 INSERT INTO item (feed_id, story_id, title, summary, content, tags, first_seen_at_ms, baseline)
                 VALUES (1, 7, 'Port opens', '', '', '', 1000, 0)",
            )
            .unwrap();
        drop(connection);
        let store = crate::store::Store::open(dir.path()).unwrap();
        assert_eq!(store.story_marks(time::from_millis(0), None, 10).await.unwrap(), []);
        let items = store.story_items(vec![StoryId(7)]).await.unwrap().remove(0).1;
        assert_eq!((items.len(), items[0].voice), (1, Voice::Own));
        let new = NewItem {
            item: Item { title: "Port opens at last".to_owned(), ..Item::default() },
            keys: vec![ItemKey { kind: KeyKind::Sole, hash: [1; 16] }],
            story_key: Some(StoryKey([3; 16])),
            matches: Vec::new(),
            announce: Announce::Yes,
            routes: Vec::new(),
            alerts: 0,
        };
        let poll = Poll {
            feed: FeedId(1),
            at: time::from_millis(2_000),
            outcome: PollOutcome::Modified {
                validators: Validators::default(),
                body_hash: 1,
                title: None,
                items: vec![new],
                warnings: Vec::new(),
            },
            next_poll_at: time::from_millis(9_000),
            failures: 0,
            memory: FeedMemory::default(),
            events: Vec::new(),
        };
        store
            .record_polls(vec![poll], |_, memory, _| Learned { memory: memory.clone(), events: Vec::new() })
            .await
            .unwrap();
        assert_eq!(store.story_items(vec![StoryId(7)]).await.unwrap()[0].1.len(), 2);
        store.close().await;
    }

    #[test]
    fn a_database_from_the_future_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        migrate(&mut connection).unwrap();
        let next = i64::try_from(MIGRATIONS.len()).unwrap() + 1;
        connection.pragma_update(None, "user_version", next).unwrap();
        assert!(matches!(migrate(&mut connection), Err(Error::Newer { found, .. }) if found == next));
    }
}
