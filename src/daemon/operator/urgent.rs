//! What cannot wait: mail given up, feeds that bring alerts and fail, many failing together, none answering, a canary
//! that did not come through, a store that could not be written.
//!
//! Data in: the store, what was told before. Data out: one mail to each operator, and the marks of what it told.
//!
//! **Invariant:** a trouble is told when it begins and again as [`escalation`] says, never in between.
//! **Invariant:** a feed that answers and soon fails again has one trouble, so that one that fails every night is no noise
//! every morning.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::{
    super::{Catalog, StepError},
    MAX_NAMED, Unwritable, letter,
    words::{count, section, sentence, summary, when},
};
use crate::{
    health::{
        FAILING_AFTER,
        escalation::{self, Together},
    },
    model::{
        Brings, Bulletin, DeadLetters, Duty, FeedId, FeedsAtLarge, Health, Section, Timestamp, Trouble,
        TroubledFeed, Verdict, time,
    },
    store::{Store, Telling},
};

/// Feeds in trouble that are looked at.
const MAX_TROUBLED: usize = 10_000;
/// Keys of troubles.
const LINE: &str = "line";
const FEEDS: &str = "feeds";
const CANARY: &str = "canary";
const FEED: &str = "feed/";

/// After none answered, feeds have so long to be visited again before it is said that many fail.
const LINE_REST: Duration = Duration::from_secs(2 * 3_600);

/// Who hears of a trouble, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Weight {
    /// At once, under this heading.
    Urgent(&'static str),
    /// It is told with the daily mail when it begins; here only its course is kept.
    CanWait,
}

/// Something that is wrong now.
#[derive(Debug, Clone)]
struct Found {
    key: String,
    since: Timestamp,
    weight: Weight,
    line: String,
}

/// Tells what cannot wait; whether there was something.
pub(super) async fn tell(
    store: &Store,
    catalog: &Catalog,
    now: Timestamp,
    unwritable: Option<&Unwritable>,
) -> Result<bool, StepError> {
    let dead = store.dead_letters(MAX_NAMED).await?;
    let since = time::before(now, escalation::TOGETHER_AFTER);
    let at_large = store.feeds_at_large(since, MAX_TROUBLED).await?;
    let mut known = store.troubles().await?;
    let canary = canary(store, catalog).await?;
    // One that is sent no more has no trouble, and none that is over.
    let silenced: Vec<String> = match catalog.duties.canary {
        Some(_) => Vec::new(),
        None => known.extract_if(.., |trouble| trouble.key == CANARY).map(|trouble| trouble.key).collect(),
    };
    let found = found(now, catalog, &at_large, &known, canary);
    let review = review(now, &found, &known);
    let mut sections: Vec<Section> = Vec::new();
    sections.extend(dead_section(&dead));
    sections.extend(review.sections());
    if let Some(Unwritable { from, to, why }) = unwritable {
        let lasted = escalation::lasted(*from, *to);
        let from = when(*from, &catalog.duties.zone);
        let line = format!(
            "From {from} on, for {lasted}, it could not be written: {why}. Feeds were visited again afterwards; what left \
             them meanwhile was missed"
        );
        sections.extend(section("The database could not be written", vec![line], 0, ""));
    }
    let telling = Telling {
        dead_to: dead.up_to,
        failing: review.failing,
        troubles: review.troubles,
        over: [review.over, silenced].concat(),
        ..Telling::default()
    };
    if sections.is_empty() {
        if !telling.troubles.is_empty() || !telling.over.is_empty() {
            store.tell_operator(now, telling).await?;
        }
        return Ok(false);
    }
    let bulletin = Bulletin { title: title(&sections), sections, ..Bulletin::default() };
    let what = format!("urgent/{}", now.as_millisecond());
    let mails = letter::letters(catalog, now, &what, &bulletin);
    if mails.is_empty() {
        return Ok(false);
    }
    tracing::info!("the operator is told: {}", bulletin.title);
    store.tell_operator(now, Telling { mails, ..telling }).await?;
    Ok(true)
}

/// Why the canary did not come through, if it is sent at all.
async fn canary(store: &Store, catalog: &Catalog) -> Result<Option<(Timestamp, String)>, StepError> {
    if catalog.duties.canary.is_none() {
        return Ok(None);
    }
    let runs = store.duties().await?;
    let run = runs.into_iter().find(|run| run.duty == Duty::Canary);
    Ok(run.and_then(|run| match run.verdict {
        Verdict::Failed(why) => Some((run.settled_at.unwrap_or(run.to), why)),
        Verdict::Open | Verdict::Done => None,
    }))
}

fn found(
    now: Timestamp,
    catalog: &Catalog,
    at_large: &FeedsAtLarge,
    known: &[Trouble],
    canary: Option<(Timestamp, String)>,
) -> Vec<Found> {
    let mut found = Vec::new();
    let mut urgent = |key: &str, since: Timestamp, heading: &'static str, line: String| {
        found.push(Found { key: key.to_owned(), since, weight: Weight::Urgent(heading), line });
    };
    let unanswered = unanswered(now, at_large, known);
    if let Some(since) = unanswered {
        let line = format!(
            "Not one of {} was read since {}; look at this machine's connection, name server and proxy",
            count(at_large.feeds, "feed"),
            when(since, &catalog.duties.zone)
        );
        urgent(LINE, since, "No feed answers", line);
    }
    let is_known = |key: &str| known.iter().any(|trouble| trouble.key == key);
    let before = if is_known(FEEDS) { Together::Many } else { Together::Few };
    // While none answers, and until they have had time to be visited again, that says it all.
    let is_said = unanswered.is_some() || is_known(LINE);
    if escalation::together(at_large, before) == Together::Many && (is_known(FEEDS) || !is_said) {
        let of = count(at_large.feeds, "feed");
        let line = format!(
            "{} of {of} fail for an hour or longer; `wirewatch feeds list` says why",
            at_large.troubled
        );
        let since = known.iter().find(|trouble| trouble.key == FEEDS).map_or(now, |trouble| trouble.since);
        urgent(FEEDS, since, "Many feeds fail together", line);
    }
    if let Some((since, why)) = canary {
        urgent(CANARY, since, "The canary did not come through", why);
    }
    found.extend(at_large.failing.iter().map(|feed| found_feed(now, feed)));
    found
}

/// Since when no feed answers. Once it was told it lasts until one is read, whatever becomes of the feeds meanwhile.
fn unanswered(now: Timestamp, at_large: &FeedsAtLarge, known: &[Trouble]) -> Option<Timestamp> {
    let told = known.iter().find(|trouble| trouble.key == LINE && trouble.ended_at.is_none());
    match told {
        _ if at_large.feeds == 0 => None,
        Some(told) => Some(told.since).filter(|since| at_large.newest_ok.is_none_or(|read| read <= *since)),
        None => escalation::unanswered(at_large, now),
    }
}

fn found_feed(now: Timestamp, feed: &TroubledFeed) -> Found {
    // One that fails has been trying for so long before it was called so.
    let since = match feed.health {
        Health::Failing => time::before(feed.since, FAILING_AFTER),
        _ => feed.since,
    };
    let lasts = escalation::lasted(since, now);
    let line = match feed.health {
        Health::Dormant => format!("{} — given a rest {lasts} ago: {}", feed.name, feed.message),
        _ => format!("{} — for {lasts}: {}", feed.name, feed.message),
    };
    let weight = match feed.brings {
        Brings::Alerts => Weight::Urgent("Feeds that bring alerts fail"),
        Brings::Other => Weight::CanWait,
    };
    Found { key: format!("{FEED}{}", feed.id.0), since, weight, line }
}

/// What is told now, and how troubles stand afterwards.
#[derive(Debug, Default)]
struct Review {
    groups: Vec<(String, Vec<String>)>,
    failing: Vec<FeedId>,
    troubles: Vec<Trouble>,
    over: Vec<String>,
}

fn review(now: Timestamp, found: &[Found], known: &[Trouble]) -> Review {
    let by_key: HashMap<&str, &Trouble> = known.iter().map(|before| (before.key.as_str(), before)).collect();
    let now_found: HashSet<&str> = found.iter().map(|found| found.key.as_str()).collect();
    let mut review = Review::default();
    for found in found {
        review.goes_on(now, found, by_key.get(found.key.as_str()).copied());
    }
    for before in known.iter().filter(|before| !now_found.contains(before.key.as_str())) {
        review.ended(now, before);
    }
    review
}

impl Review {
    fn tell(&mut self, heading: String, line: String) {
        match self.groups.iter_mut().find(|(of, _)| *of == heading) {
            Some((_, lines)) => lines.push(line),
            None => self.groups.push((heading, vec![line])),
        }
    }

    fn goes_on(&mut self, now: Timestamp, found: &Found, before: Option<&Trouble>) {
        // That feeds answer again was told, so that none does is news once more.
        let course = before.filter(|before| before.key != LINE || before.ended_at.is_none());
        let since = course.map_or(found.since, |before| before.since.min(found.since));
        let told = course.map_or(0, |before| before.tellings);
        let due = escalation::tellings_due(since, now);
        let mut trouble = Trouble { key: found.key.clone(), since, tellings: told, ended_at: None };
        match &found.weight {
            Weight::Urgent(heading) if told < due => {
                trouble.tellings = due;
                let again = if told == 0 { "" } else { ", still" };
                self.tell(format!("{heading}{again}"), found.line.clone());
                self.failing.extend(feed_of(&found.key));
            }
            // What is told with the daily mail counts as told once.
            Weight::CanWait => trouble.tellings = told.max(1),
            Weight::Urgent(_) => {}
        }
        if before != Some(&trouble) {
            self.troubles.push(trouble);
        }
    }

    fn ended(&mut self, now: Timestamp, before: &Trouble) {
        let lasted = escalation::lasted(before.since, now);
        let rests = |rest: Duration| before.ended_at.is_some_and(|at| time::between(at, now) < rest);
        match before.key.as_str() {
            LINE if before.ended_at.is_none() => {
                let line = format!(
                    "Not one was read for {lasted}. What left them meanwhile was missed; where that can be seen, it is \
                     told as a possible gap"
                );
                self.tell("Feeds answer again".to_owned(), line);
                self.troubles.push(Trouble { ended_at: Some(now), ..before.clone() });
            }
            FEEDS => {
                self.tell("Most feeds answer again".to_owned(), format!("Many failed together for {lasted}"));
                self.over.push(before.key.clone());
            }
            CANARY => {
                self.tell("The canary came through again".to_owned(), format!("It had not for {lasted}"));
                self.over.push(before.key.clone());
            }
            // It may come back.
            key if key.starts_with(FEED) && before.ended_at.is_none() => {
                self.troubles.push(Trouble { ended_at: Some(now), ..before.clone() });
            }
            key => {
                let rest = if key == LINE { LINE_REST } else { escalation::RELAPSE };
                // Topics are the daily mail's.
                if (key == LINE || key.starts_with(FEED)) && !rests(rest) {
                    self.over.push(before.key.clone());
                }
            }
        }
    }

    fn sections(&self) -> Vec<Section> {
        let section_of = |(heading, lines): &(String, Vec<String>)| {
            let more = u64::try_from(lines.len().saturating_sub(MAX_NAMED)).unwrap_or(0);
            let named = lines.iter().take(MAX_NAMED).cloned().collect();
            section(heading, named, more, "wirewatch feeds list")
        };
        self.groups.iter().filter_map(section_of).collect()
    }
}

fn feed_of(key: &str) -> Option<FeedId> {
    key.strip_prefix(FEED).and_then(|id| id.parse().ok()).map(FeedId)
}

fn dead_section(dead: &DeadLetters) -> Option<Section> {
    let line = |mail: &crate::model::OutboxReport| {
        let why = mail.note.as_deref().unwrap_or("no reason was recorded");
        format!("A mail to {} was given up: {why} (“{}”)", mail.to.address(), mail.subject)
    };
    let lines = dead.named.iter().map(line).collect();
    section("Mails given up", lines, dead.more, "wirewatch outbox list --state dead")
}

/// A subject that says whether somebody must act.
fn title(sections: &[Section]) -> String {
    let is_over = |section: &Section| section.title.ends_with("again");
    let said = summary(sections);
    if sections.iter().all(is_over) { sentence(&said) } else { format!("Urgent: {said}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        time::from_millis(1_750_000_000_000)
    }

    fn ended(key: &str, ago: Duration) -> Trouble {
        let since = time::before(now(), Duration::from_secs(30 * 86_400));
        Trouble { key: key.to_owned(), since, tellings: 1, ended_at: Some(time::before(now(), ago)) }
    }

    fn urgent(key: &str) -> Found {
        let (since, line) = (now(), "it fails".to_owned());
        Found { key: key.to_owned(), since, weight: Weight::Urgent("Something fails"), line }
    }

    #[test]
    fn what_may_come_back_is_forgotten_after_its_rest() {
        let over = |key: &str, ago: Duration| review(now(), &[], &[ended(key, ago)]).over;
        for (key, rest) in [("feed/1", escalation::RELAPSE), (LINE, LINE_REST)] {
            assert_eq!(over(key, rest), [key]);
            assert_eq!(over(key, rest - Duration::from_millis(1)), [""; 0], "{key}");
        }
        assert_eq!(over("topic/calls", escalation::RELAPSE), [""; 0], "the daily mail's");
    }

    #[test]
    fn a_feed_that_fails_again_goes_on_and_that_none_answers_is_news_again() {
        let review_of = |key: &str, tellings: u32| {
            let before = Trouble { tellings, ..ended(key, Duration::from_secs(60)) };
            review(now(), &[urgent(key)], &[before])
        };
        let again = review_of("feed/1", 99);
        assert_eq!(
            (again.groups.len(), again.troubles[0].ended_at, again.troubles[0].tellings),
            (0, None, 99)
        );
        let due = review_of("feed/1", 1);
        assert_eq!(due.groups[0].0, "Something fails, still");
        assert_eq!(due.failing, [FeedId(1)]);
        let line = review_of(LINE, 99);
        assert_eq!(line.groups[0].0, "Something fails");
        assert_eq!((line.troubles[0].since, line.troubles[0].tellings), (now(), 1));
    }

    #[test]
    fn that_none_answers_lasts_until_one_is_read() {
        let told = Trouble { ended_at: None, ..ended(LINE, Duration::ZERO) };
        let of = |newest_ok: Option<Timestamp>, feeds: u64| {
            let at_large = FeedsAtLarge { feeds, newest_ok, ..FeedsAtLarge::default() };
            unanswered(now(), &at_large, std::slice::from_ref(&told))
        };
        assert_eq!(of(Some(told.since), 9), Some(told.since), "though none counts as sound by now");
        assert_eq!(of(Some(time::after(told.since, Duration::from_millis(1))), 9), None);
        assert_eq!(of(None, 0), None, "no feed is left");
    }
}
