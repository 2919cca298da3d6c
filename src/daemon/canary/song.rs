//! One song of the canary, from a feed's body to a mail that is handed over.
//!
//! Data in: the catalog, the clock, to whom. Data out: a [`Song`]: what each step took, and where it ended if it did.
//!
//! **Invariant:** the steps stand in the order they were taken; after one that failed there is none.

use std::{collections::BTreeMap, fmt, time::Duration};

use url::Url;

use super::super::{Catalog, operator};
use crate::{
    clock::Clock,
    feed,
    matching::{CompiledTopics, matches},
    model::{
        Additions, AlertPolicy, Bulletin, Delivery, Item, ItemId, ItemView, Match, Notification,
        NotificationId, NotificationKind, OutboundMail, Pending, PendingId, Recipient, Route, StoryId,
        StoryView, Subscription, SubscriptionName, Tier, Timestamp, TopicName, TopicSelector, Voice,
    },
    plan::{self, Due, FactsOf, History},
    query::{self, TopicSource},
    render,
};

/// Name of its topic and of its subscription, which exist nowhere else.
const NAME: &str = "canary";
/// What the topic looks for.
const WORDS: &str = "wirewatch canary";
/// Where its feed would be (RFC 2606 §2: nobody is there).
const FEED: &str = "https://canary.invalid/feed.xml";

/// A step of the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// A feed's body becomes items.
    Parse,
    /// The item is found by its topic.
    Match,
    /// The match becomes an alert that is due.
    Plan,
    /// The alert becomes a mail.
    Render,
    /// A mail about it is handed over.
    HandOver,
}

impl Stage {
    /// Stable word for `--json`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Match => "match",
            Self::Plan => "plan",
            Self::Render => "render",
            Self::HandOver => "hand-over",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A step that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Which.
    pub stage: Stage,
    /// How long it took.
    pub took: Duration,
}

/// Where it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failed {
    /// At which step.
    pub stage: Stage,
    /// Why, in plain words.
    pub reason: String,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Song {
    /// In order.
    pub steps: Vec<Step>,
    /// All of them together.
    pub total: Duration,
    /// `None`: it came through.
    pub failed: Option<Failed>,
    /// What the mail server said, or the name of the file.
    pub reply: Option<String>,
}

impl Song {
    /// `parse 0.3 ms, match 0.1 ms, …`, the whole first.
    pub fn in_words(&self) -> String {
        let steps: Vec<String> =
            self.steps.iter().map(|step| format!("{} {}", step.stage, millis(step.took))).collect();
        format!("{} ({})", millis(self.total), steps.join(", "))
    }
}

/// `0.4 ms`
fn millis(span: Duration) -> String {
    format!("{:.1} ms", span.as_secs_f64() * 1_000.0)
}

/// A stopwatch over the steps.
struct Watch<'c> {
    clock: &'c Clock,
    begun: Duration,
    last: Duration,
    steps: Vec<Step>,
}

impl<'c> Watch<'c> {
    fn new(clock: &'c Clock) -> Self {
        let begun = clock.uptime();
        Self { clock, begun, last: begun, steps: Vec::new() }
    }

    /// The step ends here, well or not.
    fn took<T>(&mut self, stage: Stage, outcome: Result<T, String>) -> Result<T, Failed> {
        let now = self.clock.uptime();
        self.steps.push(Step { stage, took: now.saturating_sub(self.last) });
        self.last = now;
        outcome.map_err(|reason| Failed { stage, reason })
    }

    fn end(self, ended: Result<String, Failed>) -> Song {
        let total = self.last.saturating_sub(self.begun);
        let (reply, failed) = match ended {
            Ok(reply) => (Some(reply), None),
            Err(failed) => (None, Some(failed)),
        };
        Song { steps: self.steps, total, failed, reply }
    }
}

/// Sends a made-up item all the way, to `to` and nobody else.
pub async fn sing(catalog: &Catalog, clock: &Clock, to: &Recipient) -> Song {
    let now = clock.now();
    // Those of real items are made when the configuration is read.
    let topics = topics();
    let mut watch = Watch::new(clock);
    let prepared = prepare(catalog, now, to, topics, &mut watch);
    let ended = match prepared {
        Err(failed) => Err(failed),
        Ok(mail) => {
            let mut transport = catalog.transport.open();
            let sent = transport.send(&mail).await;
            let handed = watch.took(Stage::HandOver, sent.map_err(|error| error.to_string()));
            transport.finish().await;
            handed.map(|accepted| accepted.reply)
        }
    };
    watch.end(ended)
}

/// All steps but the last.
fn prepare(
    catalog: &Catalog,
    now: Timestamp,
    to: &Recipient,
    topics: Result<CompiledTopics, String>,
    watch: &mut Watch<'_>,
) -> Result<OutboundMail, Failed> {
    let mark = format!("{}", now.as_millisecond());
    let item = watch.took(Stage::Parse, parsed(&mark, now))?;
    let found = watch.took(Stage::Match, topics.and_then(|topics| matched(&topics, &item)))?;
    let subscription = Subscription {
        name: SubscriptionName::new(NAME),
        to: vec![to.clone()],
        topics: TopicSelector::Named(vec![TopicName::new(NAME)]),
        zone: catalog.duties.zone.clone(),
        delivery: Delivery::Alert(AlertPolicy { group_wait: Duration::ZERO, ..AlertPolicy::default() }),
    };
    let due = watch.took(Stage::Plan, planned(now, to, &subscription))?;
    watch.took(Stage::Render, rendered(catalog, now, &due, &subscription, &item, found, &mark))?;
    let so_far = watch.last.saturating_sub(watch.begun);
    let figures = watch.steps.iter().map(|step| (step.stage.to_string(), millis(step.took)));
    let figures = figures.chain([("in all, before it was handed over".to_owned(), millis(so_far))]);
    let bulletin = Bulletin {
        title: format!("The canary came through ({mark})"),
        lead: "A made-up item was read, matched, planned and rendered like any other; you got this mail the way alerts \
               go. How long handing it over took is in the log."
            .to_owned(),
        figures: figures.collect(),
        sections: Vec::new(),
    };
    let letter = operator::letter(catalog, now, to, &bulletin)
        .ok_or_else(|| Failed { stage: Stage::Render, reason: "the mail cannot be rendered".to_owned() })?;
    Ok(OutboundMail {
        id: NotificationId(format!("canary{mark}")),
        kind: NotificationKind::Operator,
        subscription: SubscriptionName::new(NAME),
        to: to.clone(),
        subject: letter.subject,
        text: letter.text,
        html: letter.html,
        created_at: now,
        in_reply_to: None,
    })
}

/// A feed of one item, read as any other.
fn parsed(mark: &str, now: Timestamp) -> Result<Item, String> {
    let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT");
    let title = title(mark);
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><rss version=\"2.0\"><channel><title>Canary</title>\
         <link>https://canary.invalid/</link><description>A made-up feed</description><item>\
         <guid isPermaLink=\"false\">{mark}</guid><title>{title}</title><link>https://canary.invalid/{mark}</link>\
         <description>This item was made up to see whether all works.</description><pubDate>{date}</pubDate>\
         </item></channel></rss>"
    );
    let base = Url::parse(FEED).map_err(|error| error.to_string())?;
    let (read, _) = feed::parse(body.as_bytes(), Some("application/rss+xml"), &base, now)
        .map_err(|error| error.to_string())?;
    let mut items = feed::identify(read.items);
    match (items.pop(), items.is_empty()) {
        (Some((item, keys)), true) if item.title == title && !keys.is_empty() => Ok(item),
        _ => Err("its one item was not read as it was written".to_owned()),
    }
}

fn title(mark: &str) -> String {
    format!("A {WORDS} sings, {mark}")
}

/// Its topic, which exists nowhere else.
fn topics() -> Result<CompiledTopics, String> {
    let source = TopicSource { name: NAME.to_owned(), any: vec![WORDS.to_owned()], ..TopicSource::default() };
    let definition =
        query::lists(&source, &BTreeMap::new()).map_err(|_| "its topic is not understood".to_owned())?;
    CompiledTopics::compile(&[definition]).map_err(|error| error.to_string())
}

fn matched(topics: &CompiledTopics, item: &Item) -> Result<Vec<Match>, String> {
    let found = matches(topics, item);
    if found.is_empty() { Err("its topic did not find the item".to_owned()) } else { Ok(found) }
}

fn planned(now: Timestamp, to: &Recipient, subscription: &Subscription) -> Result<Due, String> {
    let pending = Pending {
        id: PendingId(1),
        route: Route {
            subscription: subscription.name.clone(),
            recipient: to.clone(),
            topic: TopicName::new(NAME),
        },
        story: StoryId(1),
        item: ItemId(1),
        matched_at: now,
    };
    let subscriptions = std::slice::from_ref(subscription);
    let mut plan = plan::plan(now, &[pending], &History::default(), &FactsOf::new(), subscriptions);
    match (plan.due.pop(), plan.due.is_empty()) {
        (Some(due), true) if due.kind == NotificationKind::Alert => Ok(due),
        _ => Err("no alert is due for it".to_owned()),
    }
}

/// The alert as the operators' templates make it; it must name the item.
fn rendered(
    catalog: &Catalog,
    now: Timestamp,
    due: &Due,
    subscription: &Subscription,
    item: &Item,
    found: Vec<Match>,
    mark: &str,
) -> Result<(), String> {
    let view = ItemView {
        id: ItemId(1),
        title: item.title.clone(),
        summary: item.summary.clone(),
        content: item.content.clone(),
        link: item.link.clone(),
        source: "Canary".to_owned(),
        outlet: "Canary".to_owned(),
        tier: Tier::Other,
        voice: Voice::Own,
        lang: item.lang.clone(),
        published_at: item.published_at,
        first_seen_at: now,
        matches: found,
    };
    let notification = Notification {
        key: due.key.clone(),
        kind: due.kind,
        subscription: due.subscription.clone(),
        to: due.recipient.clone(),
        zone: subscription.zone.clone(),
        at: now,
        stories: vec![StoryView { id: StoryId(1), topics: vec![TopicName::new(NAME)], items: vec![view] }],
        topics: Vec::new(),
        window: None,
        coverage: None,
        notices: Vec::new(),
        settles: Vec::new(),
        additions: Additions::default(),
    };
    let mail = render::render(&notification, &catalog.templates).map_err(|error| error.to_string())?;
    let named = [&mail.subject, &mail.text, &mail.html].iter().any(|part| part.contains(mark));
    if named { Ok(()) } else { Err("the alert as rendered does not name it".to_owned()) }
}
