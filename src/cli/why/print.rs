//! The answer for people, and for machines.
//!
//! Data in: facts and the answer. Data out: lines, or one JSON object.
//!
//! **Invariant:** no character that controls a terminal is passed on from a feed or a mail server.

use serde::Serialize;

use super::{
    facts::{Facts, Found, Of, Subject},
    walk::{Answer, Finding, Mark, when},
};
use crate::cli::{
    feeds::cut,
    mark::Marks,
    output::{self, say},
};

/// Columns of the names of steps.
const STEP: usize = 15;

#[derive(Debug, Serialize)]
struct AnswerRow<'a> {
    about: &'static str,
    what: String,
    since: Option<String>,
    to: Option<&'a str>,
    verdict: &'static str,
    /// The step it stopped at, or waits at.
    stopped_at: Option<&'static str>,
    reason: Option<&'static str>,
    says: String,
    remedy: Option<&'a str>,
    steps: Vec<StepRow<'a>>,
    item: Option<ItemRow<'a>>,
    figures: Option<Figures>,
    near_misses: Vec<NearRow<'a>>,
}

#[derive(Debug, Serialize)]
struct StepRow<'a> {
    step: &'static str,
    mark: &'static str,
    reason: &'static str,
    says: &'a str,
    details: &'a [String],
    remedy: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct ItemRow<'a> {
    id: i64,
    story: i64,
    feed: &'a str,
    title: &'a str,
    link: Option<&'a str>,
    first_seen_at: Option<String>,
    published_at: Option<String>,
    topics: Vec<&'a str>,
}

#[derive(Debug, Serialize)]
struct Figures {
    feeds: usize,
    feeds_read: usize,
    items_read: u64,
    items_matched: u64,
    stories: u64,
    matches_waiting: usize,
    mails: usize,
}

#[derive(Debug, Serialize)]
struct NearRow<'a> {
    id: i64,
    at: Option<String>,
    title: &'a str,
    because: &'a str,
}

/// What is asked about, in words.
fn what(facts: &Facts) -> (&'static str, String) {
    match &facts.subject {
        Subject::Article(article) => ("article", article.url.to_string()),
        Subject::Period(period) => match &period.of {
            Of::Topic { name, .. } => ("topic", name.to_string()),
            Of::Feed { .. } => ("feed", facts.feeds.first().map(|feed| feed.url.clone()).unwrap_or_default()),
        },
    }
}

pub(super) fn json(facts: &Facts, answer: &Answer) -> anyhow::Result<()> {
    let (about, what) = what(facts);
    let stop = answer.stop();
    let (item, figures, near_misses) = match &facts.subject {
        Subject::Article(article) => match &article.found {
            Found::Stored(stored) => (Some(item_row(&stored.item)), None, Vec::new()),
            _ => (None, None, Vec::new()),
        },
        Subject::Period(period) => {
            let figures = Figures {
                feeds: facts.feeds.len(),
                feeds_read: facts.feeds.iter().filter(|feed| feed.is_read()).count(),
                items_read: period.activity.read,
                items_matched: period.activity.matched,
                stories: period.activity.stories,
                matches_waiting: period.waits.len(),
                mails: period.activity.mails.len(),
            };
            let near = period.near.misses.iter().map(|miss| NearRow {
                id: miss.item,
                at: output::instant(Some(miss.at)),
                title: &miss.title,
                because: &miss.because,
            });
            (None, Some(figures), near.collect())
        }
    };
    output::json(&AnswerRow {
        about,
        what,
        since: output::instant(Some(facts.setting.since)),
        to: facts.setting.to.as_ref().map(|to| to.address()),
        verdict: answer.verdict.as_str(),
        stopped_at: stop.map(|stop| stop.step.as_str()),
        reason: stop.map(|stop| stop.code),
        says: answer.sentence(),
        remedy: stop.and_then(|stop| stop.remedy.as_deref()),
        steps: answer.findings.iter().map(step_row).collect(),
        item,
        figures,
        near_misses,
    })
}

fn step_row(finding: &Finding) -> StepRow<'_> {
    StepRow {
        step: finding.step.as_str(),
        mark: finding.mark.as_str(),
        reason: finding.code,
        says: &finding.says,
        details: &finding.details,
        remedy: finding.remedy.as_deref(),
    }
}

fn item_row(item: &crate::store::TracedItem) -> ItemRow<'_> {
    ItemRow {
        id: item.id.0,
        story: item.story.0,
        feed: &item.feed,
        title: &item.title,
        link: item.link.as_deref(),
        first_seen_at: output::instant(Some(item.first_seen_at)),
        published_at: output::instant(item.published_at),
        topics: item.matches.iter().map(|(topic, ..)| topic.as_str()).collect(),
    }
}

pub(super) fn text(facts: &Facts, answer: &Answer) {
    let marks = Marks::of_stdout();
    let (about, what) = what(facts);
    let time = match &facts.subject {
        Subject::Article(_) => String::new(),
        Subject::Period(_) => format!(", since {}", when(facts.setting.since, &facts.setting.zone)),
    };
    say!("{about} {}{time}\n", marks.strong(&clean(&what)));
    for finding in &answer.findings {
        let is_stop = answer.stop().is_some_and(|stop| stop.step == finding.step);
        let says = clean(&finding.says);
        let shown = if is_stop { marks.strong(&says) } else { says };
        say!("{} {:<STEP$}{shown}", finding.mark.sign(), finding.step.as_str());
        for detail in &finding.details {
            say!("  {:<STEP$}  {}", "", clean(detail));
        }
        if let Some(remedy) = finding.remedy.as_deref().filter(|_| finding.mark != Mark::NotReached) {
            say!("  {:<STEP$}→ {}", "", clean(remedy));
        }
    }
    say!("\n{}", marks.strong(&clean(&answer.sentence())));
}

fn clean(text: &str) -> String {
    cut(text, usize::MAX)
}
