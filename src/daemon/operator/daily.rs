//! What can wait: one mail a day, or as often as is configured, and none when nothing happened.
//!
//! Data in: what happened to feeds that was not told, troubles that go on, the volumes of topics. Data out: one mail to
//! each operator, in groups of one kind.
//!
//! **Invariant:** a window is told once; one that brought nothing is done without a mail.

use super::{
    super::{Catalog, StepError},
    MAX_NAMED, letter, topics,
    words::{count, heading, section, summary, when},
};
use crate::{
    health::escalation,
    model::{
        Brings, Bulletin, Duty, EventKind, FeedEventReport, Health, OperatorNews, Section, Timestamp,
        Trouble, time,
    },
    schedule,
    store::{Store, Telling},
};

/// What happened longer than this before the window is told no more: there was no operator to tell it to.
const MAX_AGE: std::time::Duration = std::time::Duration::from_secs(7 * 86_400);
/// Feeds in trouble that are looked at.
const MAX_TROUBLED: usize = 10_000;

/// Tells what can wait, if it is time; whether there was something.
pub(super) async fn tell(store: &Store, catalog: &Catalog, now: Timestamp) -> Result<bool, StepError> {
    let duties = &catalog.duties;
    let from = store.open_duty(Duty::Daily, now).await?;
    let Some(to) = schedule::last_digest(now, &duties.daily, &duties.zone, from) else { return Ok(false) };
    let news = store.operator_news(time::before(from, MAX_AGE), MAX_NAMED).await?;
    let known = store.troubles().await?;
    let (still, mut troubles) = still_failing(store, now, &known, &news).await?;
    let flows = topics::flows(store, catalog, now, &known).await?;
    troubles.extend(flows.troubles);
    let sections: Vec<Section> =
        flows.sections.into_iter().chain(still).chain(event_sections(&news)).collect();
    let telling = Telling {
        events_to: news.up_to,
        troubles,
        over: flows.over,
        duties: vec![(Duty::Daily, to)],
        ..Telling::default()
    };
    if sections.is_empty() {
        store.tell_operator(now, telling).await?;
        return Ok(false);
    }
    let changes: u64 = sections.iter().map(|section| section.count).sum();
    let bulletin = Bulletin {
        title: format!("{}: {}", count(changes, "change"), summary(&sections)),
        lead: format!("Since {}. What cannot wait is mailed at once.", when(from, &duties.zone)),
        figures: Vec::new(),
        sections,
    };
    let mails = letter::letters(catalog, now, &format!("daily/{}", to.as_millisecond()), &bulletin);
    if mails.is_empty() {
        return Ok(false);
    }
    tracing::info!(changes, "changes that go to the operator: {changes}");
    store.tell_operator(now, Telling { mails, ..telling }).await?;
    Ok(true)
}

/// What happened, by kind.
fn event_sections(news: &OperatorNews) -> Vec<Section> {
    let of_kind = |kind: EventKind| {
        let named = news.events.iter().filter(|told| told.event.kind == kind).map(line).collect();
        let more = news.unnamed.iter().find(|(of, _)| *of == kind).map_or(0, |(_, more)| *more);
        section(heading(kind), named, more, "wirewatch status")
    };
    EventKind::ALL.into_iter().filter_map(of_kind).collect()
}

fn line(told: &FeedEventReport) -> String {
    format!("{} — {}", told.name, told.event.detail)
}

/// Feeds that bring no alerts and have been failing for a day, three, seven: once each. Then they are given a rest, which
/// is an event. Those that bring alerts are told at once, elsewhere.
async fn still_failing(
    store: &Store,
    now: Timestamp,
    known: &[Trouble],
    news: &OperatorNews,
) -> Result<(Option<Section>, Vec<Trouble>), StepError> {
    let at_large = store.feeds_at_large(now, MAX_TROUBLED).await?;
    let (mut lines, mut troubles, mut more) = (Vec::new(), Vec::new(), 0_u64);
    for feed in
        at_large.failing.iter().filter(|feed| feed.brings == Brings::Other && feed.health == Health::Failing)
    {
        let key = format!("feed/{}", feed.id.0);
        let Some(trouble) = known.iter().find(|trouble| trouble.key == key) else { continue };
        let due = escalation::tellings_due(trouble.since, now);
        if trouble.tellings >= due {
            continue;
        }
        let is_news = news.events.iter().any(|told| told.feed == feed.id);
        if is_news {
            // It is named below.
        } else if lines.len() < MAX_NAMED {
            let lasted = escalation::lasted(trouble.since, now);
            lines.push(format!("{} — for {lasted}: {}", feed.name, feed.message));
        } else {
            more += 1;
        }
        troubles.push(Trouble { tellings: due, ..trouble.clone() });
    }
    Ok((section("Still not readable", lines, more, "wirewatch feeds list"), troubles))
}
