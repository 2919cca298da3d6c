//! From configuration and store to the facts of a walk.
//!
//! Data in: what is asked, the configuration, a store beside a daemon that may be running, `now`. Data out: [`Facts`].
//!
//! **Invariant:** nothing is written, and nothing decided: what a fact means is [`super::walk`]'s business.
//! **Invariant:** whatever the archive holds, at most [`MAX_JUDGED`] items are judged by their text.
//!
//! Rejected: to follow redirects of the link asked for. That would be a request, and the publisher's feed had the address
//! before them.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use jiff::tz::TimeZone;
use url::Url;

use super::facts::{
    Article, Delivery, Facts, Fate, FeedFacts, Found, Judged, Near, NearMiss, Of, Period, Setting, Stored,
    Subject, Today, Waiting, Way,
};
use crate::{
    cli::{
        Failure,
        explain::{hits_under, one_line},
        feeds::{cut, sameness},
        topics,
    },
    config::Config,
    daemon::{foresee, site_of},
    feed,
    matching::{self, CompiledTopics},
    model::{
        self, Announce, EventKind, ExportedItem, FeedId, FeedReport, Item, ItemId, ItemKey, NotificationKind,
        Pending, PendingId, Recipient, SubscriptionName, Timestamp, TopicName, time,
    },
    plan::{self, Plan},
    query::TopicDef,
    store::{LinkTraces, ScanBatch, ScannedItem, Store, Traced, TracedItem, TracedMail},
};

/// Feeds looked at.
const MAX_FEEDS: usize = 100_000;
/// Events of feeds looked at.
const MAX_EVENTS: usize = 10_000;
/// Items judged by a topic for what nearly matched, the newest. Measured: the largest built-in topic takes up to 17 ms to be
/// explained on an item, most others less than one.
pub(super) const MAX_JUDGED: usize = 300;
/// Of those that nearly matched, so many are named.
pub(super) const MAX_NEAR: usize = 5;
/// Newest matches named.
const MAX_LAST: usize = 5;
/// Settlements and pending items looked at.
const MAX_ROWS: usize = 10_000;
/// A feed due for longer makes doubtful that anything is polled.
pub(super) const OVERDUE: Duration = Duration::from_secs(3_600);
/// Columns of the clauses that failed.
const BECAUSE: usize = 300;

/// What is asked.
pub(super) struct Asked {
    pub(super) about: About,
    pub(super) since: Timestamp,
    pub(super) to: Option<Recipient>,
}

/// About what.
pub(super) enum About {
    /// An address: of an article, or of a feed.
    Address { url: Url, topic: Option<TopicName> },
    /// A topic in force.
    Topic(TopicDef),
}

/// The feeds, as the store and the configuration have them.
struct Feeds {
    reports: Vec<FeedReport>,
    gaps: HashMap<FeedId, (Timestamp, Option<u32>)>,
}

/// All that a walk needs.
pub(super) async fn facts(
    config: &Config,
    store: &Store,
    asked: Asked,
    now: Timestamp,
) -> Result<Facts, Failure> {
    let feeds = Feeds::read(store, asked.since).await?;
    let all: Vec<TopicName> = config.definitions.iter().map(|def| def.topic.name.clone()).collect();
    let (about, since) = (asked.about, asked.since);
    let topics = match &about {
        About::Topic(def) => vec![def.topic.name.clone()],
        About::Address { topic: Some(topic), .. } => vec![topic.clone()],
        About::Address { topic: None, .. } => all,
    };
    let overdue = feeds.reports.iter().filter_map(|report| report.next_poll_at).min();
    let host = config.mail.from.address.address().rsplit_once('@').map_or("localhost", |(_, host)| host);
    let setting = Setting {
        now,
        since,
        zone: zone(config, &topics, asked.to.as_ref()),
        to: asked.to,
        subscriptions: config.subscriptions.clone(),
        topics,
        overdue_since: overdue.filter(|at| time::between(*at, now) > OVERDUE),
        mail_host: host.to_ascii_lowercase(),
    };
    let compiled = topics::compile(&config.definitions)?;
    let (feeds, subject) = match about {
        About::Topic(def) => {
            let (name, title) = (def.topic.name.clone(), def.topic.title.clone());
            let mut period =
                period(store, &compiled, &setting, Traced::Topic(name.clone()), Of::Topic { name, title })
                    .await?;
            period.near = near(store, &def, since).await?;
            (feeds.all(config), Subject::Period(Box::new(period)))
        }
        About::Address { url, .. } => match feeds.meant(config, &url) {
            Some((Some(id), fact)) => {
                let of = Of::Feed { name: fact.name.clone() };
                let period = period(store, &compiled, &setting, Traced::Feed(id), of).await?;
                (vec![fact], Subject::Period(Box::new(period)))
            }
            Some((None, fact)) => {
                let of = Of::Feed { name: fact.name.clone() };
                let period =
                    Period { of, activity: Default::default(), waits: Vec::new(), near: Near::default() };
                (vec![fact], Subject::Period(Box::new(period)))
            }
            None => {
                let traces = traces(store, &url).await?;
                let carriers = feeds.carriers(config, &url, &traces);
                let found = found(config, store, &setting, &url, traces).await?;
                let article = Article { site: site_of(&url), url, found };
                (carriers, Subject::Article(Box::new(article)))
            }
        },
    };
    Ok(Facts { setting, feeds, subject })
}

/// The zone of the reader asked for, or of the first one who is to be alerted of these topics.
fn zone(config: &Config, topics: &[TopicName], to: Option<&Recipient>) -> TimeZone {
    let concerned = config.subscriptions.iter().filter(|subscription| match to {
        Some(to) => subscription.to.contains(to),
        None => topics.iter().any(|topic| subscription.topics.takes(topic)),
    });
    let mut concerned: Vec<&model::Subscription> = concerned.collect();
    concerned.sort_by_key(|subscription| way(Some(subscription)) != Way::Alert);
    concerned.first().map_or_else(TimeZone::system, |subscription| subscription.zone.clone())
}

fn way(subscription: Option<&model::Subscription>) -> Way {
    match subscription.map(|subscription| &subscription.delivery) {
        Some(model::Delivery::Alert(_)) => Way::Alert,
        Some(model::Delivery::Digest(_)) => Way::Digest,
        None => Way::Gone,
    }
}

impl Feeds {
    async fn read(store: &Store, since: Timestamp) -> Result<Self, Failure> {
        let reports = store.feeds(MAX_FEEDS).await?;
        let mut gaps = HashMap::new();
        for told in store.feed_events(since, MAX_EVENTS).await? {
            if told.event.kind == EventKind::Gap {
                // The newest come first.
                gaps.entry(told.feed).or_insert((told.event.at, told.event.count));
            }
        }
        Ok(Self { reports, gaps })
    }

    fn fact(&self, report: &FeedReport) -> FeedFacts {
        FeedFacts::of(report, self.gaps.get(&report.id).copied())
    }

    /// In force, and those that are not yet.
    fn all(&self, config: &Config) -> Vec<FeedFacts> {
        self.where_url(config, |_, _| true)
    }

    /// Those that can have carried an article of this address: of its site, or with other articles of its host.
    fn carriers(&self, config: &Config, url: &Url, traces: &LinkTraces) -> Vec<FeedFacts> {
        let site = site_of(url);
        self.where_url(config, |address, report| {
            let had = |id| traces.feeds.iter().any(|(feed, _)| *feed == id);
            site_of(address) == site
                || report.is_some_and(|report| {
                    had(report.id) || report.memory.moved_to.as_ref().is_some_and(|to| site_of(to) == site)
                })
        })
    }

    fn where_url(
        &self,
        config: &Config,
        holds: impl Fn(&Url, Option<&FeedReport>) -> bool,
    ) -> Vec<FeedFacts> {
        let known: HashSet<&str> = self.reports.iter().map(|report| report.url.as_str()).collect();
        let in_force = self
            .reports
            .iter()
            .filter(|report| Url::parse(&report.url).is_ok_and(|address| holds(&address, Some(report))));
        let waiting = config
            .feeds
            .iter()
            .filter(|spec| !known.contains(spec.url.as_str()) && holds(&spec.url, None))
            .map(|spec| FeedFacts::not_in_force(&spec.url, spec.title.as_deref()));
        in_force.map(|report| self.fact(report)).chain(waiting).collect()
    }

    /// The feed that the address means, if it is one.
    fn meant(&self, config: &Config, url: &Url) -> Option<(Option<FeedId>, FeedFacts)> {
        let wanted = sameness(url);
        let is = |address: &Url| sameness(address) == wanted;
        let known = self.reports.iter().find(|report| {
            Url::parse(&report.url).is_ok_and(|address| is(&address))
                || report.memory.moved_to.as_ref().is_some_and(is)
        });
        if let Some(report) = known {
            return Some((Some(report.id), self.fact(report)));
        }
        let spec = config.feeds.iter().find(|spec| is(&spec.url))?;
        Some((None, FeedFacts::not_in_force(&spec.url, spec.title.as_deref())))
    }
}

/// Where the link stands in the archive, other spellings included.
async fn traces(store: &Store, url: &Url) -> Result<LinkTraces, Failure> {
    let canonical = feed::canonical_link(url);
    let whole = canonical.split('?').next().unwrap_or_default().to_lowercase();
    let (host, path) = whole.split_at(whole.find('/').unwrap_or(whole.len()));
    let name = url.host_str().unwrap_or_default().trim_end_matches('.').to_lowercase();
    let name = name.strip_prefix("www.").unwrap_or(&name).to_owned();
    let mut traces = store.traces_of_link(name, if path.is_empty() { host } else { path }.to_owned()).await?;
    traces
        .items
        .retain(|(_, link)| Url::parse(link).is_ok_and(|link| feed::canonical_link(&link) == canonical));
    Ok(traces)
}

/// Whether the article is stored, or once was, and what became of it.
async fn found(
    config: &Config,
    store: &Store,
    setting: &Setting,
    url: &Url,
    traces: LinkTraces,
) -> Result<Found, Failure> {
    let items = store.traced_items(traces.items.iter().map(|(id, _)| *id).collect()).await?;
    let others = items.len().saturating_sub(1);
    let is_matched =
        |item: &TracedItem| item.matches.iter().any(|(topic, ..)| setting.topics.contains(topic));
    let rank =
        |item: &TracedItem| (item.announce == Announce::Yes, is_matched(item), std::cmp::Reverse(item.id));
    let Some(item) = items.into_iter().max_by_key(rank) else {
        let feeds = store.remembered_by(keys(url)).await?;
        return Ok(if feeds.is_empty() { Found::Unknown } else { Found::Pruned { feeds } });
    };
    let compiled = topics::compile(&config.definitions)?;
    let text = store.find_item(item.id.0.to_string()).await?.map(ExportedItem::into_item);
    let has = |topic: &TopicName| item.matches.iter().any(|(matched, ..)| matched == topic);
    let missed = setting.topics.iter().filter(|topic| !has(topic));
    let mut judged: Vec<Judged> =
        missed.filter_map(|topic| judge(&compiled, topic, text.as_ref()?)).collect();
    judged.sort_by_key(|judged| match &judged.today {
        Today::Matches => (0, 0),
        Today::Misses { occurring: 0, lacking, .. } => (2, *lacking),
        Today::Misses { lacking, .. } => (1, *lacking),
    });
    let is_changed = |topic: &TopicName, revision: i64| {
        compiled.topics().iter().any(|now| now.name == *topic && now.revision != revision)
    };
    let changed = item.matches.iter().filter(|(topic, revision, _)| is_changed(topic, *revision));
    let changed = changed.map(|(topic, ..)| topic.clone()).collect();
    let deliveries = deliveries(store, &compiled, setting, &item).await?;
    Ok(Found::Stored(Box::new(Stored { item, others, judged, changed, deliveries })))
}

/// What an item with this link and without more marks is recognised by. Of an item with a guid that is no address of
/// its own nothing is found: its keys need the guid.
fn keys(url: &Url) -> Vec<ItemKey> {
    let mut spellings = vec![url.clone()];
    let mut bare = url.clone();
    bare.set_query(None);
    spellings.push(bare);
    let with_slash: Vec<Url> = spellings
        .iter()
        .map(|url| {
            let mut other = url.clone();
            match url.path().strip_suffix('/') {
                Some(path) => other.set_path(path),
                None => other.set_path(&format!("{}/", url.path())),
            }
            other
        })
        .collect();
    spellings.extend(with_slash);
    let schemes: Vec<Url> = spellings
        .iter()
        .filter_map(|url| {
            let mut other = url.clone();
            other.set_scheme(if url.scheme() == "https" { "http" } else { "https" }).ok().map(|()| other)
        })
        .collect();
    spellings.extend(schemes);
    let linked = |guid: Option<String>| Item { guid, link: Some(url.clone()), ..Item::default() };
    let items = spellings.into_iter().map(|spelling| linked(Some(spelling.into()))).chain([linked(None)]);
    let mut keys: Vec<ItemKey> =
        items.flat_map(|item| feed::identify(vec![item])).flat_map(|(_, keys)| keys).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn judge(compiled: &CompiledTopics, topic: &TopicName, item: &Item) -> Option<Judged> {
    let explanation = matching::explain(compiled, topic, item)?;
    let occurring: HashSet<_> = hits_under(&explanation.root).into_iter().map(|hit| hit.clause).collect();
    let today = match explanation.matched {
        true => Today::Matches,
        false => Today::Misses {
            because: cut(&one_line(&explanation, item), BECAUSE),
            lacking: explanation.nearest().len(),
            occurring: occurring.len(),
        },
    };
    Some(Judged { topic: topic.clone(), today })
}

/// What became of the item for each reader of each subscription.
async fn deliveries(
    store: &Store,
    compiled: &CompiledTopics,
    setting: &Setting,
    item: &TracedItem,
) -> Result<Vec<Delivery>, Failure> {
    let topics: Vec<&TopicName> =
        item.matches.iter().map(|(topic, ..)| topic).filter(|topic| setting.topics.contains(topic)).collect();
    if topics.is_empty() || item.announce == Announce::Baseline {
        return Ok(Vec::new());
    }
    let matched_at = item.matches.iter().map(|(.., at)| *at).min().unwrap_or(item.first_seen_at);
    let (pending, plan) = foresee(store, compiled, &setting.subscriptions, setting.now).await?;
    let pending: Vec<Pending> =
        pending.into_iter().filter(|row| row.item == item.id && topics.contains(&&row.route.topic)).collect();
    let settled = store.settled_matches(item.id, MAX_ROWS).await?;
    let mails = store.mails_of_story(item.story).await?;
    let now = plan::routes(&setting.subscriptions, topics.iter().copied());
    let before = pending.iter().map(|row| &row.route).chain(settled.iter().map(|(route, ..)| route));
    let mut readers: Vec<(SubscriptionName, Recipient)> = Vec::new();
    for route in now.iter().chain(before.filter(|route| topics.contains(&&route.topic))) {
        let reader = (route.subscription.clone(), route.recipient.clone());
        if setting.to.as_ref().is_none_or(|to| *to == reader.1) && !readers.contains(&reader) {
            readers.push(reader);
        }
    }
    let fates = readers.into_iter().map(|(name, to)| {
        let subscription = setting.subscriptions.iter().find(|subscription| subscription.name == name);
        let way = way(subscription);
        let is_of = |route: &model::Route| route.subscription == name && route.recipient == to;
        let to_reader = |mail: &&TracedMail| {
            let is_digest = mail.report.kind == NotificationKind::Digest.as_str();
            mail.report.to == to && if way == Way::Digest { mail.subscription == name } else { !is_digest }
        };
        let waiting = pending.iter().find(|row| is_of(&row.route));
        let done = settled.iter().find(|(route, ..)| is_of(route) && topics.contains(&&route.topic));
        let mail = mails.iter().find(|mail| to_reader(mail) && mail.report.created_at >= matched_at);
        let fate = match (waiting, done, mail) {
            (Some(row), ..) => foreseen(setting, &plan, row),
            (None, Some((_, reason, at)), _) => {
                let told = mails.iter().filter(to_reader).rfind(|mail| mail.report.created_at <= *at);
                Fate::Settled { reason: reason.clone(), at: *at, told: told.cloned().map(Box::new) }
            }
            (None, None, Some(mail)) => Fate::Mailed(Box::new(mail.clone())),
            (None, None, None) => Fate::NotRouted { matched_at },
        };
        let zone =
            subscription.map_or_else(|| setting.zone.clone(), |subscription| subscription.zone.clone());
        Delivery { subscription: name, to, way, zone, fate }
    });
    Ok(fates.collect())
}

/// What the planner would make of a pending match.
fn foreseen(setting: &Setting, plan: &Plan, row: &Pending) -> Fate {
    if let Some(wait) = plan.waits.iter().find(|wait| wait.pending == row.id) {
        return Fate::Waits { reason: wait.reason, until: wait.until };
    }
    match plan.settled.iter().find(|(id, _)| *id == row.id) {
        Some((_, reason)) => {
            Fate::Settled { reason: reason.as_str().to_owned(), at: setting.now, told: None }
        }
        None => Fate::Due { since: row.matched_at },
    }
}

async fn period(
    store: &Store,
    compiled: &CompiledTopics,
    setting: &Setting,
    traced: Traced,
    of: Of,
) -> Result<Period, Failure> {
    let (pending, plan) = foresee(store, compiled, &setting.subscriptions, setting.now).await?;
    let items: Option<HashSet<ItemId>> = match &traced {
        Traced::Topic(_) => None,
        Traced::Feed(feed) => Some(store.pending_of_feed(*feed, MAX_ROWS).await?.into_iter().collect()),
    };
    let waits: BTreeMap<PendingId, _> =
        plan.waits.iter().map(|wait| (wait.pending, (wait.reason, wait.until))).collect();
    let settling: BTreeMap<PendingId, plan::SettleReason> = plan.settled.iter().copied().collect();
    let concerned: Vec<Pending> = pending
        .into_iter()
        .filter(|row| match (&traced, &items) {
            (_, Some(items)) => items.contains(&row.item),
            (Traced::Topic(topic), None) => row.route.topic == *topic,
            (Traced::Feed(_), None) => false,
        })
        .filter(|row| setting.to.as_ref().is_none_or(|to| *to == row.route.recipient))
        .collect();
    let mut activity = store.activity(traced, setting.since, setting.to.clone(), MAX_LAST).await?;
    // What the next plan settles counts as settled.
    let mut settled: BTreeMap<String, u64> = activity.settled.into_iter().collect();
    for reason in concerned.iter().filter_map(|row| settling.get(&row.id)) {
        *settled.entry(reason.as_str().to_owned()).or_default() += 1;
    }
    activity.settled = settled.into_iter().collect();
    let waiting = concerned.into_iter().filter(|row| !settling.contains_key(&row.id)).map(|row| Waiting {
        wait: waits.get(&row.id).copied(),
        subscription: row.route.subscription,
        to: row.route.recipient,
        matched_at: row.matched_at,
    });
    Ok(Period { of, activity, waits: waiting.collect(), near: Near::default() })
}

/// The items that lacked one clause of the topic only: those where most of its words occur, then the newest.
async fn near(store: &Store, def: &TopicDef, since: Timestamp) -> Result<Near, Failure> {
    let compiled = topics::compile(std::slice::from_ref(def))?;
    let Some(mut scan) = store.scan_since(since, Some(MAX_JUDGED)).await? else { return Ok(Near::default()) };
    (scan.whole, scan.topic) = (true, Some(def.topic.name.clone()));
    let (mut room, mut judged, mut misses) = (ScanBatch::default(), 0, Vec::new());
    loop {
        room = store.scan_batch(scan.clone(), room).await?;
        let Some(last) = room.items().last() else { break };
        scan.after = last.id;
        judged += room.items().len();
        misses
            .extend(room.items().iter().filter_map(|scanned| near_miss(&compiled, &def.topic.name, scanned)));
    }
    let total = misses.len();
    misses.sort_by_key(|(occurring, miss)| std::cmp::Reverse((*occurring, miss.item)));
    misses.truncate(MAX_NEAR);
    Ok(Near { judged, total, misses: misses.into_iter().map(|(_, miss)| miss).collect() })
}

fn near_miss(
    compiled: &CompiledTopics,
    topic: &TopicName,
    scanned: &ScannedItem,
) -> Option<(usize, NearMiss)> {
    match judge(compiled, topic, &scanned.item).filter(|_| !scanned.matched)?.today {
        Today::Misses { because, lacking: 1, occurring: occurring @ 1.. } => {
            let title = scanned.item.title.clone();
            Some((occurring, NearMiss { item: scanned.id.0, at: scanned.first_seen_at, title, because }))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;
    use crate::store::DATABASE;

    /// A store with `n` items that lack one clause of [`def`], a second apart from 0 on; the titles of the first `more`
    /// hold two of its words, the others one.
    fn filled(n: usize, more: usize) -> (tempfile::TempDir, Store) {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let connection = Connection::open(dir.path().join(DATABASE)).unwrap();
        connection
            .execute_batch(
                "INSERT INTO feed (id, url, bucket, active, added_at_ms, next_poll_at_ms, failures)
                    VALUES (1, 'https://a.example/', 0, 1, 0, 0, 0);
                 INSERT INTO story (id, first_seen_at_ms) VALUES (1, 0); BEGIN;",
            )
            .unwrap();
        for at in 0..n {
            let title = if at < more { "Gallium and germanium" } else { "Gallium" };
            connection
                .execute(
                    "INSERT INTO item (feed_id, story_id, title, summary, content, tags, first_seen_at_ms, baseline)
                        VALUES (1, 1, ?1, '', '', '', ?2, 0)",
                    (title, i64::try_from(at).unwrap() * 1_000),
                )
                .unwrap();
        }
        connection.execute_batch("COMMIT").unwrap();
        (dir, store)
    }

    fn def() -> TopicDef {
        let source = crate::query::TopicSource {
            name: "curbs".to_owned(),
            query: Some("(gallium OR germanium) AND curbs".to_owned()),
            ..crate::query::TopicSource::default()
        };
        crate::query::lists(&source, &std::collections::BTreeMap::new()).unwrap()
    }

    async fn nearly(n: usize, more: usize) -> (usize, usize, Vec<i64>) {
        let (_dir, store) = filled(n, more);
        let near = near(&store, &def(), Timestamp::UNIX_EPOCH).await.unwrap_or_else(|_| panic!());
        store.close().await;
        assert!(near.misses.iter().all(|miss| miss.because == "curbs does not occur"));
        (near.judged, near.total, near.misses.iter().map(|miss| miss.item).collect())
    }

    #[tokio::test]
    async fn what_nearly_matched_is_bounded_and_the_nearest_come_first() {
        assert_eq!(nearly(MAX_NEAR, 0).await, (5, 5, vec![5, 4, 3, 2, 1]));
        assert_eq!(nearly(MAX_NEAR + 1, 0).await, (6, 6, vec![6, 5, 4, 3, 2]));
        assert_eq!(nearly(8, 2).await, (8, 8, vec![2, 1, 8, 7, 6]), "words count before time");
        assert_eq!(nearly(MAX_JUDGED, 1).await.2[0], 1);
        let (judged, total, misses) = nearly(MAX_JUDGED + 1, 1).await;
        assert_eq!((judged, total, misses[0]), (MAX_JUDGED, MAX_JUDGED, 301), "the oldest is not judged");
    }

    #[test]
    fn other_spellings_of_a_link_have_the_keys_of_the_item() {
        let stored = |guid: &str, link: &str| {
            let item = Item {
                guid: Some(guid.to_owned()),
                link: Some(link.parse().unwrap()),
                title: "T".to_owned(),
                ..Item::default()
            };
            feed::identify(vec![item]).remove(0).1
        };
        let check = |asked: &str, guid: &str, link: &str, expect: bool| {
            let asked = keys(&asked.parse().unwrap());
            let found = stored(guid, link).iter().any(|key| asked.contains(key));
            assert_eq!(found, expect, "{guid} {link}");
        };
        let link = "https://a.example/x";
        check(link, link, link, true);
        check("http://a.example/x", link, link, true);
        check("https://a.example/x/", link, link, true);
        check("https://a.example/x?utm_source=mail", link, link, true);
        check(link, "tag:a.example,2025:1", link, false);
        check("https://a.example/y", link, link, false);
    }
}
