//! Notices to the operator: what happened to feeds, mails given up.
//!
//! Data in: what the store has not told yet. Data out: one mail to each operator, and the marks that it was told.
//!
//! **Invariant:** each change is told once, in the transaction that enqueues the mail; changes within
//! [`BATCH_INTERVAL`] of a notice wait and go together.
//!
//! Rejected: a mail as things happen. A broken uplink would bring one for every feed.

use std::time::Duration;

use jiff::tz::TimeZone;
use xxhash_rust::xxh3::xxh3_64;

use super::{Catalog, StepError};
use crate::{
    model::{
        Additions, EventKind, FeedEventReport, Notification, NotificationKind, OperatorNews, Recipient,
        SubscriptionName, Timestamp, time,
    },
    render,
    store::{MailThread, NewMail, Store},
};

/// What is older than this is told no more: there was no operator to tell it to.
const MAX_AGE: Duration = Duration::from_secs(7 * 86_400);
/// Between two notices.
const BATCH_INTERVAL: Duration = Duration::from_secs(3_600);
/// How often it is looked whether there is something to tell.
const LOOK_INTERVAL: Duration = Duration::from_secs(600);
/// Changes of one kind named in one notice; of more, their number is told.
const MAX_NEWS: usize = 20;
/// The `subscription` of these mails, which their `List-Id` is made of.
const SUBSCRIPTION: &str = "operator";

/// What [`tell`] did, and when to call it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    /// Mail was enqueued.
    pub(super) told: bool,
    /// `None` when there is no operator.
    pub(super) at: Option<Timestamp>,
}

/// Tells the operators what they have not been told, unless they were written to within [`BATCH_INTERVAL`].
pub(super) async fn tell(store: &Store, catalog: &Catalog, now: Timestamp) -> Result<Told, StepError> {
    if catalog.operator.is_empty() {
        return Ok(Told { told: false, at: None });
    }
    let look_again = Told { told: false, at: Some(time::after(now, LOOK_INTERVAL)) };
    if let Some(last) = store.operator_told_at().await?
        && now < time::after(last, BATCH_INTERVAL)
    {
        return Ok(Told { at: Some(time::after(last, BATCH_INTERVAL)), ..look_again });
    }
    let news = store.operator_news(time::before(now, MAX_AGE), MAX_NEWS).await?;
    if news.is_empty() {
        return Ok(look_again);
    }
    let notices = lines(&news);
    let mails: Vec<NewMail> =
        catalog.operator.iter().filter_map(|to| mail(catalog, now, to, &notices)).collect();
    if mails.is_empty() {
        return Ok(look_again);
    }
    tracing::info!(notices = notices.len(), "{} notices go to the operator", notices.len());
    store.tell_operator(now, mails, news).await?;
    Ok(Told { told: true, ..look_again })
}

fn lines(news: &OperatorNews) -> Vec<String> {
    let dead = news.dead.iter().map(|mail| {
        let why = mail.note.as_deref().unwrap_or("no reason was recorded");
        format!("A mail to {} was given up: {why} (“{}”)", mail.to.address(), mail.subject)
    });
    let events = EventKind::ALL.into_iter().flat_map(|kind| {
        let named = news.events.iter().filter(move |told| told.event.kind == kind);
        let unnamed = news.unnamed.iter().filter(move |(of, _)| *of == kind);
        named.map(line).chain(unnamed.map(|(kind, more)| {
            format!("{}: {more} more feeds; `wirewatch status` names them", heading(*kind))
        }))
    });
    dead.chain(events).collect()
}

fn line(told: &FeedEventReport) -> String {
    format!("{}: {} — {}", heading(told.event.kind), told.name, told.event.detail)
}

/// What happened, for someone who reads it first thing in the morning.
fn heading(kind: EventKind) -> &'static str {
    match kind {
        EventKind::Degraded | EventKind::Failing => "Not readable",
        EventKind::Dormant => "Given a rest",
        EventKind::Recovered => "Readable again",
        EventKind::Moved => "Moved",
        EventKind::MovedBack => "Moved back",
        EventKind::Gone => "Gone for good",
        EventKind::Liar => "Untrue answers",
        EventKind::Gap => "Possibly missed",
        EventKind::Silent => "Silent",
        EventKind::Spoke => "No longer silent",
        EventKind::Renumbered => "Renumbered",
        EventKind::RateLimit => "Visited less",
    }
}

fn mail(catalog: &Catalog, now: Timestamp, to: &Recipient, notices: &[String]) -> Option<NewMail> {
    let reader = xxh3_64(to.address().as_bytes());
    let notification = Notification {
        key: format!("operator/{reader:016x}/{}", now.as_millisecond()),
        kind: NotificationKind::Operator,
        subscription: SubscriptionName::new(SUBSCRIPTION),
        to: to.clone(),
        zone: TimeZone::UTC,
        at: now,
        stories: Vec::new(),
        topics: Vec::new(),
        window: None,
        coverage: None,
        notices: notices.to_vec(),
        settles: Vec::new(),
        additions: Additions::default(),
    };
    match render::render_in_any_case(&notification, &catalog.templates) {
        Ok((rendered, failed)) => {
            if let Some(error) = failed {
                tracing::error!(
                    "a notice looks as the program's own templates make it, since yours failed: {error}"
                );
            }
            Some(NewMail {
                key: notification.key,
                kind: notification.kind,
                subscription: notification.subscription,
                recipient: notification.to,
                subject: rendered.subject,
                text: rendered.text,
                html: rendered.html,
                stories: Vec::new(),
                window_end: None,
                settles: Vec::new(),
                thread: MailThread::default(),
            })
        }
        Err(error) => {
            tracing::error!("the notice to the operator could not be rendered and is tried again: {error}");
            None
        }
    }
}
