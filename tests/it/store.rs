//! The store's promises, verb by verb.

use std::time::Duration;

use tempfile::TempDir;
use url::Url;
use wirewatch::{
    model::{
        Announce, ClauseHit, Duty, FailureKind, FeedMemory, FeedSpec, FeedState, Field, Grouping, Item,
        ItemKey, KeyKind, MailState, Match, NewItem, NotificationId, NotificationKind, OnAdd, Poll,
        PollFailure, PollOutcome, Recipient, Route, Settlement, StoryId, StoryKey, StoryMark,
        SubscriptionName, Tier, Timestamp, Told, TopicName, Validators, Verdict, Voice, Window, time,
    },
    store::{Enqueued, Error, MailThread, NewMail, Store},
};

const NOW: Timestamp = Timestamp::constant(1_750_000_000, 0);

fn later(seconds: u64) -> Timestamp {
    time::after(NOW, Duration::from_secs(seconds))
}

fn spec(url: &str) -> FeedSpec {
    FeedSpec {
        url: Url::parse(url).unwrap(),
        title: None,
        interval: Duration::from_secs(900),
        on_add: OnAdd::Baseline,
    }
}

fn desk() -> Recipient {
    Recipient::parse("desk@example.com").unwrap()
}

fn route() -> Route {
    Route { subscription: SubscriptionName::new("desk"), recipient: desk(), topic: TopicName::new("metals") }
}

fn key(kind: KeyKind, byte: u8) -> ItemKey {
    ItemKey { kind, hash: [byte; 16] }
}

fn item(title: &str, keys: Vec<ItemKey>) -> NewItem {
    NewItem {
        item: Item { title: title.to_owned(), summary: "Körper".to_owned(), ..Item::default() },
        keys,
        story_key: None,
        matches: vec![Match {
            topic: TopicName::new("metals"),
            revision: -7,
            hits: vec![ClauseHit { clause: "rare earth(s)".into(), field: Field::Title, span: 0..4 }],
        }],
        announce: Announce::Yes,
        routes: vec![route()],
        alerts: 1,
    }
}

fn poll(feed: &FeedState, at: Timestamp, items: Vec<NewItem>) -> Poll {
    let validators = Validators { etag: Some(b"W/\"\xff odd\"".to_vec()), last_modified: None };
    let title = Some("Wire".to_owned());
    let outcome = PollOutcome::Modified { validators, body_hash: -1, title, items, warnings: Vec::new() };
    Poll {
        feed: feed.id,
        at,
        outcome,
        next_poll_at: time::after(at, Duration::from_secs(900)),
        failures: 0,
        memory: FeedMemory::default(),
        events: Vec::new(),
    }
}

struct Shop {
    dir: TempDir,
    store: Store,
    feed: FeedState,
}

async fn shop() -> Shop {
    let dir = tempfile::tempdir().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let feed = store.sync_feeds(NOW, vec![spec("http://a.example/feed")]).await.unwrap().remove(0);
    Shop { dir, store, feed }
}

impl Shop {
    async fn record(&self, at: Timestamp, items: Vec<NewItem>) -> usize {
        let recorded = self
            .store
            .record_polls(vec![poll(&self.feed, at, items)], wirewatch::health::learn)
            .await
            .unwrap();
        recorded[0].new_items.len()
    }
}

fn mail(key: &str) -> NewMail {
    NewMail {
        key: key.to_owned(),
        kind: NotificationKind::Alert,
        subscription: SubscriptionName::new("desk"),
        recipient: desk(),
        subject: "s".to_owned(),
        text: "t".to_owned(),
        html: "h".to_owned(),
        stories: Vec::new(),
        window_end: None,
        settles: Vec::new(),
        thread: MailThread::default(),
    }
}

#[tokio::test]
async fn a_second_writer_is_refused_and_told_who_has_it() {
    let shop = shop().await;
    match Store::open(shop.dir.path()) {
        Err(Error::Locked { pid, .. }) => assert_eq!(pid, Some(std::process::id())),
        other => panic!("{other:?}"),
    }
    shop.store.close().await;
    Store::open(shop.dir.path()).expect("free again once the first has let go");
}

#[tokio::test]
async fn a_writer_that_lost_the_store_is_fenced() {
    let shop = shop().await;
    std::fs::remove_file(shop.dir.path().join("lock")).unwrap();
    let usurper = Store::open(shop.dir.path()).unwrap();
    assert!(matches!(shop.store.settle_pending(NOW, vec![]).await, Err(Error::Fenced)));
    usurper.settle_pending(NOW, vec![]).await.unwrap();
}

#[tokio::test]
async fn what_a_feed_taught_us_survives_a_restart() {
    let shop = shop().await;
    shop.record(NOW, vec![]).await;
    shop.store.close().await;
    let store = Store::open(shop.dir.path()).unwrap();
    let state = store.sync_feeds(later(1), vec![spec("http://a.example/feed")]).await.unwrap().remove(0);
    assert_eq!(state.validators.etag.as_deref(), Some(&b"W/\"\xff odd\""[..]), "verbatim");
    assert_eq!((state.body_hash, state.baseline_at, state.last_ok_at), (Some(-1), Some(NOW), Some(NOW)));
    assert_eq!((state.next_poll_at, state.failures), (later(900), 0));
}

#[tokio::test]
async fn an_item_is_stored_once_whichever_of_its_keys_comes_back() {
    let shop = shop().await;
    let (guid, link, title) =
        (key(KeyKind::GuidLink, 1), key(KeyKind::LinkTitle, 2), key(KeyKind::TitleDate, 3));
    assert_eq!(shop.record(NOW, vec![item("a", vec![guid, link])]).await, 1);
    assert_eq!(shop.record(later(1), vec![item("a", vec![link, title])]).await, 0, "known by its link");
    assert_eq!(shop.record(later(2), vec![item("a", vec![title])]).await, 0, "known by the key it gained");
    let same_hash_other_kind = key(KeyKind::Sole, 1);
    assert_eq!(shop.record(later(3), vec![item("b", vec![same_hash_other_kind])]).await, 1);
    assert_eq!(shop.store.pending(10).await.unwrap().len(), 2, "one pending match an item");
}

#[tokio::test]
async fn identity_outlives_pruned_content_and_pending_matches_hold_it_back() {
    let shop = shop().await;
    let keys = vec![key(KeyKind::GuidLink, 1)];
    shop.record(NOW, vec![item("a", keys.clone())]).await;
    let pruned = shop.store.prune(later(1), NOW, 10).await.unwrap();
    assert_eq!(pruned.items, 0, "its match is still pending");
    let pending = shop.store.pending(10).await.unwrap();
    shop.store.settle_pending(NOW, vec![(pending[0].id, "muted")]).await.unwrap();
    assert_eq!(shop.store.prune(later(1), NOW, 10).await.unwrap().items, 1);
    assert!(shop.store.items_after(None, 10).await.unwrap().is_empty());
    assert_eq!(shop.record(later(2), vec![item("a", keys)]).await, 0, "not new again");
}

#[tokio::test]
async fn the_same_link_in_two_feeds_is_one_story() {
    let shop = shop().await;
    let specs = vec![spec("http://a.example/feed"), spec("http://b.example/feed")];
    let feeds = shop.store.sync_feeds(NOW, specs).await.unwrap();
    let mut shared = item("a", vec![key(KeyKind::GuidLink, 1)]);
    shared.story_key = Some(StoryKey([9; 16]));
    let polls: Vec<Poll> = feeds.iter().map(|feed| poll(feed, NOW, vec![shared.clone()])).collect();
    shop.store.record_polls(polls, wirewatch::health::learn).await.unwrap();
    let pending = shop.store.pending(10).await.unwrap();
    assert_eq!((pending.len(), pending[0].story), (2, pending[1].story));
    let stories = shop.store.stories(vec![pending[0].story]).await.unwrap();
    assert_eq!(stories[0].items.len(), 2);
    assert_eq!(stories[0].items[0].matches, shared.matches, "hits come back as they went in");
    assert_eq!(stories[0].items[0].source, "Wire");
}

/// Says of every item that it belongs to one story, which may not be there.
struct Insists(StoryId);

impl Grouping for Insists {
    fn mark(&mut self, _: &NewItem, read_at: Timestamp) -> Option<StoryMark> {
        Some(StoryMark { at: read_at, bytes: vec![7] })
    }

    fn place(&mut self, _: &StoryMark, _: Timestamp) -> Option<StoryId> {
        Some(self.0)
    }

    fn join(&mut self, _: StoryId, _: &StoryMark) -> Voice {
        Voice::Copy
    }
}

#[tokio::test]
async fn a_story_that_is_gone_is_joined_by_nobody_and_its_id_is_not_given_again() {
    let shop = shop().await;
    let insist = async |at: Timestamp, byte: u8, story: i64| {
        let polls = vec![poll(&shop.feed, at, vec![item("a", vec![key(KeyKind::Sole, byte)])])];
        shop.store.record_and_group(polls, wirewatch::health::learn, Insists(StoryId(story))).await.unwrap();
        shop.store.pending(10).await.unwrap().pop().unwrap().story
    };
    assert_eq!(insist(NOW, 1, 99).await, StoryId(1), "99 is not stored");
    assert_eq!(insist(NOW, 2, 1).await, StoryId(1));
    let items = shop.store.story_items(vec![StoryId(1)]).await.unwrap().remove(0).1;
    assert_eq!(items.iter().map(|item| item.voice).collect::<Vec<_>>(), [Voice::Copy, Voice::Copy]);
    let ids =
        shop.store.pending(10).await.unwrap().into_iter().map(|pending| (pending.id, "muted")).collect();
    shop.store.settle_pending(NOW, ids).await.unwrap();
    while shop.store.prune(later(10), later(10), 10).await.unwrap().items > 0 {}
    assert_eq!(shop.store.story_marks(NOW, None, 10).await.unwrap(), []);
    assert_eq!(insist(later(20), 3, 1).await, StoryId(1), "the newest story stays, so that it is the newest");
    assert_eq!(insist(later(20), 4, 2).await, StoryId(2));
}

/// Must not be asked.
struct Untouched;

impl Grouping for Untouched {
    fn mark(&mut self, new: &NewItem, _: Timestamp) -> Option<StoryMark> {
        panic!("{:?} is known, or matched nothing", new.item.title)
    }

    fn place(&mut self, _: &StoryMark, _: Timestamp) -> Option<StoryId> {
        panic!("nothing has a mark")
    }

    fn join(&mut self, _: StoryId, _: &StoryMark) -> Voice {
        panic!("nothing has a mark")
    }
}

#[tokio::test]
async fn only_new_items_that_match_are_compared_with_the_open_stories() {
    let shop = shop().await;
    shop.record(NOW, vec![item("matched", vec![key(KeyKind::Sole, 1)])]).await;
    let known = item("matched", vec![key(KeyKind::Sole, 1)]);
    let edited = item("matched, and edited", vec![key(KeyKind::Sole, 1)]);
    let silent =
        NewItem { matches: Vec::new(), routes: Vec::new(), ..item("not", vec![key(KeyKind::Sole, 2)]) };
    let polls = vec![poll(&shop.feed, later(1), vec![known, edited, silent])];
    let (recorded, _) =
        shop.store.record_and_group(polls, wirewatch::health::learn, Untouched).await.unwrap();
    assert_eq!(recorded[0].new_items.len(), 1);
}

#[tokio::test]
async fn marks_are_read_in_pages_and_forgotten_with_their_story() {
    let shop = shop().await;
    for (byte, story, at) in [(1, 9, NOW), (2, 1, later(100)), (3, 9, later(50))] {
        let polls = vec![poll(&shop.feed, at, vec![item("a", vec![key(KeyKind::Sole, byte)])])];
        shop.store.record_and_group(polls, wirewatch::health::learn, Insists(StoryId(story))).await.unwrap();
    }
    let marks = async |since, after, limit| {
        let marks = shop.store.story_marks(since, after, limit).await.unwrap();
        marks.into_iter().map(|(seq, story, mark)| (seq, story.0, mark.at)).collect::<Vec<_>>()
    };
    let all = [(1, 1, NOW), (2, 1, later(100)), (3, 2, later(50))];
    assert_eq!(marks(NOW, None, 10).await, all);
    assert_eq!(marks(NOW, None, 2).await, all[..2]);
    assert_eq!(marks(NOW, Some(2), 2).await, all[2..]);
    assert_eq!(marks(later(51), None, 10).await, all[..2], "a story that is open has all its marks");
    assert_eq!(shop.store.forget_marks(later(50), 10).await.unwrap(), 0);
    assert_eq!(shop.store.forget_marks(later(51), 10).await.unwrap(), 1);
    assert_eq!(marks(NOW, None, 10).await, all[..2]);
    assert_eq!(shop.store.forget_marks(later(101), 1).await.unwrap(), 1, "the limit left one");
    assert_eq!(shop.store.forget_marks(later(101), 1).await.unwrap(), 1);
}

#[tokio::test]
async fn enqueueing_is_idempotent_by_key_and_settles_in_the_same_transaction() {
    let shop = shop().await;
    shop.record(NOW, vec![item("a", vec![key(KeyKind::Sole, 1)])]).await;
    let pending = shop.store.pending(10).await.unwrap();
    let alert = NewMail { stories: vec![pending[0].story], settles: vec![pending[0].id], ..mail("alert/1") };
    let first = shop.store.enqueue(NOW, vec![alert.clone()]).await.unwrap();
    let Enqueued::Queued(id) = &first[0] else { panic!("{first:?}") };
    assert_eq!(id.0.len(), 26);
    assert_eq!(shop.store.enqueue(later(1), vec![alert]).await.unwrap(), [Enqueued::AlreadyQueued]);
    assert!(shop.store.pending(10).await.unwrap().is_empty());
    assert_eq!(shop.store.outbox(None, 10).await.unwrap().len(), 1);
    let history = shop.store.delivery_history(time::before(NOW, Duration::from_secs(1)), &[]).await.unwrap();
    assert_eq!(history.alerts, [(SubscriptionName::new("desk"), desk(), NOW)]);
}

#[tokio::test]
async fn who_was_alerted_of_a_story_with_new_matches_is_known() {
    let shop = shop().await;
    shop.record(NOW, vec![item("a", vec![key(KeyKind::Sole, 1)]), item("b", vec![key(KeyKind::Sole, 2)])])
        .await;
    let pending = shop.store.pending(10).await.unwrap();
    shop.store
        .enqueue(NOW, vec![NewMail { stories: vec![pending[0].story], ..mail("alert/1") }])
        .await
        .unwrap();
    let history = shop.store.delivery_history(NOW, &[]).await.unwrap();
    assert_eq!(history.alerted, [(desk(), pending[0].story, None)], "what it said is not known");
    assert!(history.alerts.is_empty(), "only those after the instant asked for");
}

#[tokio::test]
async fn a_digest_window_opens_once_and_only_moves_forward() {
    let shop = shop().await;
    let reader = (SubscriptionName::new("desk"), desk());
    let ends = async || shop.store.delivery_history(NOW, &[]).await.unwrap().digests[0].2;
    shop.store.open_digests(vec![(reader.0.clone(), reader.1.clone(), NOW)]).await.unwrap();
    shop.store.open_digests(vec![(reader.0, reader.1, later(5))]).await.unwrap();
    assert_eq!(ends().await, NOW);
    shop.store.enqueue(later(9), vec![NewMail { window_end: Some(later(8)), ..mail("d/2") }]).await.unwrap();
    shop.store.enqueue(later(9), vec![NewMail { window_end: Some(later(7)), ..mail("d/1") }]).await.unwrap();
    assert_eq!(ends().await, later(8));
}

#[tokio::test]
async fn a_claimed_mail_is_nobody_elses_until_its_lease_runs_out() {
    let shop = shop().await;
    shop.store.enqueue(NOW, vec![mail("1"), mail("2"), mail("3")]).await.unwrap();
    let first = shop.store.lease_mail(NOW, later(60), 2).await.unwrap();
    assert_eq!(
        first.iter().map(|leased| leased.attempt).collect::<Vec<_>>(),
        [1, 1],
        "counted before the attempt"
    );
    assert_eq!(shop.store.lease_mail(NOW, later(60), 10).await.unwrap().len(), 1, "the limit left one");
    assert!(shop.store.lease_mail(later(59), later(99), 10).await.unwrap().is_empty());
    let again = shop.store.lease_mail(later(60), later(120), 10).await.unwrap();
    assert_eq!(again.len(), 3);
    assert_eq!(again[0].mail, first[0].mail, "the same mail, under the same id");
    assert_eq!(again[0].attempt, 2);
}

#[tokio::test]
async fn attempts_are_settled_as_they_ended() {
    let shop = shop().await;
    shop.store.enqueue(NOW, vec![mail("1"), mail("2"), mail("3")]).await.unwrap();
    let leased = shop.store.lease_mail(NOW, later(60), 10).await.unwrap();
    let reason = "busy".to_owned();
    let ends = [
        Settlement::Sent { reply: "250 ok".to_owned() },
        Settlement::Deferred { until: later(300), reason: reason.clone() },
        Settlement::Dead { reason },
    ];
    for (leased, end) in leased.iter().zip(ends) {
        shop.store.settle_mail(later(1), leased.mail.id.clone(), end).await.unwrap();
    }
    let states: Vec<MailState> =
        shop.store.outbox(None, 10).await.unwrap().iter().rev().map(|mail| mail.state).collect();
    assert_eq!(states, [MailState::Sent, MailState::Queued, MailState::Dead]);
    assert_eq!(shop.store.next_mail_at().await.unwrap(), Some(later(300)));
    assert!(shop.store.lease_mail(later(299), later(999), 10).await.unwrap().is_empty());
    assert_eq!(shop.store.lease_mail(later(300), later(999), 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn given_back_claims_are_due_at_once() {
    let shop = shop().await;
    shop.store.enqueue(NOW, vec![mail("1")]).await.unwrap();
    let leased = shop.store.lease_mail(NOW, later(60), 10).await.unwrap();
    shop.store.release_mail(later(1), vec![leased[0].mail.id.clone()]).await.unwrap();
    assert_eq!(
        shop.store.lease_mail(later(1), later(60), 10).await.unwrap()[0].attempt,
        1,
        "it was no attempt"
    );
    assert_eq!(shop.store.release_leases(later(2)).await.unwrap(), 1);
    assert_eq!(shop.store.lease_mail(later(2), later(60), 10).await.unwrap()[0].attempt, 2);
}

#[tokio::test]
async fn failures_are_counted_and_shown_until_a_success() {
    let shop = shop().await;
    let failure =
        PollFailure { kind: FailureKind::ClientError(404), message: "gone fishing".into(), retry_at: None };
    let failed =
        Poll { outcome: PollOutcome::Failed(failure), failures: 3, ..poll(&shop.feed, later(1), Vec::new()) };
    shop.store.record_polls(vec![failed], wirewatch::health::learn).await.unwrap();
    let window = Window { from: NOW, to: later(10) };
    let coverage = shop.store.coverage(later(10), window).await.unwrap();
    assert_eq!((coverage.feeds, coverage.polled, coverage.failing_total), (1, 0, 1));
    assert_eq!(coverage.failing[0].message, "gone fishing");
    shop.record(later(2), vec![item("a", vec![key(KeyKind::Sole, 1)])]).await;
    let coverage = shop.store.coverage(later(62), window).await.unwrap();
    assert_eq!(
        (coverage.polled, coverage.failing_total, coverage.items, coverage.worst_lag_s),
        (1, 0, 1, 60)
    );
    assert_eq!(shop.store.feeds(10).await.unwrap()[0].last_failure, None);
}

#[tokio::test]
async fn a_feed_that_left_the_configuration_is_kept_and_comes_back_as_it_was() {
    let shop = shop().await;
    shop.record(NOW, vec![]).await;
    assert!(shop.store.sync_feeds(later(1), vec![]).await.unwrap().is_empty());
    assert!(shop.store.feeds(10).await.unwrap().is_empty());
    let back = shop.store.sync_feeds(later(2), vec![spec("http://a.example/feed")]).await.unwrap();
    assert_eq!((back[0].id, back[0].baseline_at), (shop.feed.id, Some(NOW)));
}

#[tokio::test]
async fn a_reader_beside_the_daemon_sees_commits_and_cannot_write() {
    let shop = shop().await;
    let reader = Store::open_read_only(shop.dir.path()).unwrap();
    shop.record(NOW, vec![item("a", vec![key(KeyKind::Sole, 1)])]).await;
    let items = reader.items_after(None, 10).await.unwrap();
    assert_eq!(items[0].topics, [TopicName::new("metals")]);
    assert_eq!(reader.items_after(Some(items[0].id), 10).await.unwrap(), []);
    assert!(matches!(reader.settle_pending(NOW, vec![]).await, Err(Error::ReadOnly)));
    let nowhere = tempfile::tempdir().unwrap();
    assert!(matches!(Store::open_read_only(nowhere.path()), Err(Error::Open { .. })));
}

#[tokio::test]
async fn a_refused_batch_leaves_nothing_behind() {
    let shop = shop().await;
    let twice = vec![route(), route()];
    let bad = NewItem { routes: twice, ..item("a", vec![key(KeyKind::Sole, 1)]) };
    let polls = vec![
        poll(&shop.feed, NOW, vec![item("b", vec![key(KeyKind::Sole, 2)])]),
        poll(&shop.feed, NOW, vec![bad]),
    ];
    shop.store.record_polls(polls, wirewatch::health::learn).await.unwrap_err();
    assert!(shop.store.items_after(None, 10).await.unwrap().is_empty());
    assert!(shop.store.pending(10).await.unwrap().is_empty());
}

fn told(revision: u32, sources: u32, thread: Option<NotificationId>) -> Told {
    let clauses = vec![1, u64::MAX];
    Told { revision, at: NOW, sources, tier: Tier::First, headline: "Über".to_owned(), clauses, thread }
}

#[tokio::test]
async fn what_was_told_is_stored_with_the_mail_that_tells_it() {
    let shop = shop().await;
    shop.record(NOW, vec![item("a", vec![key(KeyKind::Sole, 1)])]).await;
    let story = shop.store.pending(10).await.unwrap()[0].story;
    let tell = |key: &str, told: Told, in_reply_to| NewMail {
        stories: vec![story],
        thread: MailThread { tells: vec![(story, told)], in_reply_to },
        ..mail(key)
    };
    let known = async || shop.store.delivery_history(NOW, &[]).await.unwrap().alerted.remove(0).2;
    let first = shop.store.enqueue(NOW, vec![tell("alert/1", told(1, 1, None), None)]).await.unwrap();
    let Enqueued::Queued(first) = first[0].clone() else { panic!("it is new") };
    assert_eq!(known().await, Some(told(1, 1, Some(first.clone()))), "the first mail begins the thread");
    let update = tell("update/1/2", told(2, 5, Some(first.clone())), Some(first.clone()));
    shop.store.enqueue(NOW, vec![update.clone()]).await.unwrap();
    assert_eq!(known().await, Some(told(2, 5, Some(first.clone()))));
    // Enqueued again, and an older revision: nothing changes.
    assert_eq!(shop.store.enqueue(NOW, vec![update]).await.unwrap(), [Enqueued::AlreadyQueued]);
    shop.store.enqueue(NOW, vec![tell("other", told(1, 1, None), None)]).await.unwrap();
    assert_eq!(known().await, Some(told(2, 5, Some(first.clone()))));
    // They are of one story, so one leaves after the other.
    for in_reply_to in [None, Some(first), None] {
        let sent = shop.store.lease_mail(NOW, later(60), 10).await.unwrap();
        assert_eq!(sent.iter().map(|leased| &leased.mail.in_reply_to).collect::<Vec<_>>(), [&in_reply_to]);
        let reply = "250 ok".to_owned();
        shop.store.settle_mail(NOW, sent[0].mail.id.clone(), Settlement::Sent { reply }).await.unwrap();
    }
}

#[tokio::test]
async fn what_follows_up_on_an_alert_waits_for_it_and_for_nobody_elses() {
    let gone = || Settlement::Dead { reason: "no such mailbox".to_owned() };
    let sent = || Settlement::Sent { reply: "250 ok".to_owned() };
    let busy = || Settlement::Deferred { until: later(300), reason: "busy".to_owned() };
    for (end, waits) in [(sent as fn() -> Settlement, false), (gone, false), (busy, true)] {
        let shop = shop().await;
        let of = |key: &str, stories: &[i64]| NewMail {
            stories: stories.iter().map(|id| StoryId(*id)).collect(),
            ..mail(key)
        };
        let queued = shop.store.enqueue(NOW, vec![of("alert", &[1])]).await.unwrap();
        let Enqueued::Queued(alert) = queued[0].clone() else { panic!("it is new") };
        let other = Recipient::parse("ann@example.com").unwrap();
        let thread = MailThread { tells: Vec::new(), in_reply_to: Some(alert.clone()) };
        let later_ones = vec![
            NewMail { thread, ..of("update", &[1]) },
            NewMail { kind: NotificationKind::RollUp, ..of("roll-up", &[2, 1]) },
            NewMail { recipient: other, ..of("update of another", &[1]) },
            NewMail { kind: NotificationKind::Digest, ..of("digest", &[1]) },
            of("another story", &[3]),
        ];
        shop.store.enqueue(NOW, later_ones).await.unwrap();
        let claim = async |at| {
            let leased = shop.store.lease_mail(at, later(60), 10).await.unwrap();
            leased.into_iter().map(|leased| (leased.mail.id, leased.mail.kind)).collect::<Vec<_>>()
        };
        let first = claim(NOW).await;
        assert_eq!(
            first.len(),
            4,
            "the alert, another reader's update, the digest, another story: {first:?}"
        );
        assert_eq!(claim(NOW).await, [], "while it is being sent");
        assert_eq!(shop.store.next_mail_at().await.unwrap(), Some(later(60)), "not at once, over and over");
        for (id, _) in first {
            let settlement = if id == alert { end() } else { sent() };
            shop.store.settle_mail(NOW, id, settlement).await.unwrap();
        }
        let next = claim(later(1)).await;
        assert_eq!(next.is_empty(), waits, "{next:?}");
        if waits {
            assert_eq!(claim(later(300)).await, [(alert, NotificationKind::Alert)]);
        } else {
            // The update before the roll-up.
            assert_eq!(next.len(), 1, "{next:?}");
            assert_eq!(claim(later(60)).await, next, "its lease ran out");
            shop.store.settle_mail(NOW, next[0].0.clone(), sent()).await.unwrap();
            assert_eq!(claim(later(2)).await[0].1, NotificationKind::RollUp);
        }
    }
}

#[tokio::test]
async fn volumes_count_stories_by_span() {
    let shop = shop().await;
    let titles = ["a", "b", "c"];
    for (n, title) in (0..).zip(titles) {
        let mut news = item(title, vec![key(KeyKind::Sole, n)]);
        // The first two are one story.
        news.story_key = Some(StoryKey([n / 2; 16]));
        shop.record(later(u64::from(n) * 100), vec![news]).await;
    }
    let mut old = item("old", vec![key(KeyKind::Sole, 9)]);
    (old.announce, old.routes) = (Announce::Baseline, Vec::new());
    shop.record(later(50), vec![old]).await;
    let topics = vec![TopicName::new("metals"), TopicName::new("rain")];
    let count = async |edges: &[u64]| {
        let edges = edges.iter().map(|s| later(*s)).collect();
        shop.store.topic_volumes(topics.clone(), edges).await.unwrap()
    };
    assert_eq!(count(&[0, 150, 200, 201]).await, [[1, 0, 1], [0, 0, 0]]);
    assert_eq!(count(&[0, 100, 300]).await, [[1, 2], [0, 0]], "a story counts in each span");
    assert_eq!(count(&[0]).await, [[0_u32; 0], []]);
    // N and N + 1 spans: the latest stay.
    let edges: Vec<u64> = (0..=wirewatch::store::MAX_SPANS as u64).collect();
    assert_eq!(count(&edges).await[0].len(), wirewatch::store::MAX_SPANS);
    let edges: Vec<u64> = (0..=wirewatch::store::MAX_SPANS as u64 + 1).collect();
    let counted = count(&edges).await.remove(0);
    assert_eq!((counted.len(), counted[0]), (wirewatch::store::MAX_SPANS, 0), "the first second is left out");
    assert_eq!(shop.store.archive_begins_at().await.unwrap(), Some(NOW));
}

#[tokio::test]
async fn feeds_in_trouble_are_named_up_to_a_limit_those_that_bring_alerts_first() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let specs = ["https://a.example/", "https://b.example/", "https://c.example/"].map(spec).to_vec();
    store.sync_feeds(NOW, specs).await.unwrap();
    rusqlite::Connection::open(store.path())
        .unwrap()
        .execute_batch(
            "UPDATE feed SET health = 'failing', health_since_at_ms = 1;
             UPDATE feed SET hit_at_ms = 1 WHERE id = 3; UPDATE feed SET health = 'dormant' WHERE id = 2",
        )
        .unwrap();
    let named = async |limit: usize| {
        let found = store.feeds_at_large(NOW, limit).await.unwrap();
        (found.troubled, found.failing.iter().map(|feed| feed.id.0).collect::<Vec<_>>())
    };
    assert_eq!(named(2).await, (2, vec![3, 1]), "one at rest that brings no alerts is not named");
    assert_eq!(named(1).await, (2, vec![3]));
    store.close().await;
}

#[tokio::test]
async fn a_duty_is_counted_before_it_is_tried_and_stays_failed_until_it_is_done() {
    let dir = TempDir::new().unwrap();
    let store = Store::open(dir.path()).unwrap();
    let verdict = async || store.duties().await.unwrap().pop().map(|run| (run.to, run.verdict));
    assert_eq!(verdict().await, None);
    assert_eq!(store.open_duty(Duty::Canary, NOW).await.unwrap(), NOW);
    assert_eq!(store.open_duty(Duty::Canary, later(9)).await.unwrap(), NOW, "opened once");
    assert_eq!(verdict().await, Some((NOW, Verdict::Open)));
    store.begin_duty(Duty::Canary, later(1)).await.unwrap();
    store.settle_duty(later(2), Duty::Canary, Some("hand-over".to_owned())).await.unwrap();
    store.begin_duty(Duty::Canary, later(3)).await.unwrap();
    assert_eq!(verdict().await, Some((later(3), Verdict::Failed("hand-over".to_owned()))));
    store.settle_duty(later(4), Duty::Canary, None).await.unwrap();
    assert_eq!(verdict().await, Some((later(3), Verdict::Done)));
    store.close().await;
}
