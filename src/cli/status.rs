//! `wirewatch status`
//!
//! Exit codes, for monitoring: 0 when all is well, 1 when something needs a person (each `PROBLEM` line), 2 for a wrong
//! command line, 3 for a configuration that is refused. What happened to feeds within [`RECENT`] is shown; a possible gap
//! or a silence is a problem for a day ([`FRESH`]), as a check that stays red for a feed's summer break is soon not
//! looked at. What is settled (a liar is read in full, a moved feed is followed) is shown and no problem.

use std::{collections::BTreeSet, process::ExitCode, time::Duration};

use serde::Serialize;

use super::{
    Failure, ListArgs, Outcome,
    output::{self, say},
};
use crate::{
    clock::Clock,
    config::OperatorConfig,
    daemon::shortfalls,
    model::{
        Duty, DutyRun, EventKind, FeedEventReport, FeedId, FeedReport, StatusReport, Timestamp, Verdict, time,
    },
};

/// Feeds looked at.
const MAX_FEEDS: usize = 100_000;
/// A feed with so many failures in a row counts as failing; one that could never be read does with the first.
const FAILING: u32 = 3;
/// Events shown are no older than this, and so many.
const RECENT: Duration = Duration::from_secs(7 * 86_400);
const MAX_EVENTS: usize = 20;
/// Gaps and silences are problems for so long.
const FRESH: Duration = Duration::from_secs(86_400);
/// Events looked at.
const MAX_LOOKED_AT: usize = 10_000;
/// The oldest waiting mail may be this old before `status` complains.
const MAX_QUEUE_AGE_S: u64 = 3_600;

#[derive(Debug, Serialize)]
struct Status {
    ok: bool,
    problems: Vec<String>,
    feeds: usize,
    feeds_failing: usize,
    feeds_never_read: usize,
    worst_lag_s: Option<u64>,
    items: u64,
    matches_pending: u64,
    mails_queued: u64,
    mails_sent: u64,
    mails_dead: u64,
    topics: Vec<TopicStatus>,
    /// Newest first, of the last seven days; routine ones left out.
    events: Vec<EventStatus>,
    /// What cannot be met of the configured intervals.
    shortfalls: Vec<String>,
    /// What is done for the operator, as far as it is configured.
    duties: Vec<DutyStatus>,
}

#[derive(Debug, Serialize)]
struct DutyStatus {
    duty: &'static str,
    at: Option<String>,
    failed: Option<String>,
    #[serde(skip)]
    when: Option<Timestamp>,
}

#[derive(Debug, Serialize)]
struct EventStatus {
    feed: String,
    kind: &'static str,
    at: Option<String>,
    count: Option<u32>,
    detail: String,
    #[serde(skip)]
    when: Timestamp,
}

#[derive(Debug, Serialize)]
struct TopicStatus {
    topic: String,
    matches: u64,
    last_match_at: Option<String>,
    #[serde(skip)]
    last: Option<Timestamp>,
}

pub(super) async fn status(args: &ListArgs) -> Outcome {
    let (config, store) = args.config.open()?;
    let now = Clock::system().now();
    let feeds = store.feeds(MAX_FEEDS).await?;
    let report = store.status().await?;
    let configured: BTreeSet<&str> = config.feeds.iter().map(|feed| feed.url.as_str()).collect();
    let events = store.feed_events(time::before(now, RECENT), MAX_LOOKED_AT).await?;
    let mut status = judge(now, &feeds, report, &configured);
    status.add_events(now, &events);
    status.add_duties(&config.operator, &store.duties().await?);
    let short = shortfalls(&config).map_err(Failure::Config)?;
    status.shortfalls = short.iter().map(ToString::to_string).collect();
    if args.json {
        output::json(&status)?;
    } else {
        print(now, &status)?;
    }
    Ok(if status.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Status {
    fn add_duties(&mut self, config: &OperatorConfig, runs: &[DutyRun]) {
        let asked = [
            (Duty::Heartbeat, config.heartbeat.is_some()),
            (Duty::Canary, config.canary.is_some()),
            (Duty::Ping, config.ping.is_some()),
        ];
        for (duty, _) in asked.into_iter().filter(|(_, asked)| *asked) {
            let run = runs.iter().find(|run| run.duty == duty);
            let when = run.and_then(|run| run.settled_at);
            let failed = run.and_then(|run| match &run.verdict {
                Verdict::Failed(why) => Some(why.clone()),
                Verdict::Open | Verdict::Done => None,
            });
            if let Some(why) = &failed {
                self.problems.push(format!("the last {} failed: {why}", duty.as_str()));
                self.ok = false;
            }
            self.duties.push(DutyStatus { duty: duty.as_str(), at: output::instant(when), failed, when });
        }
    }

    fn add_events(&mut self, now: Timestamp, events: &[FeedEventReport]) {
        for (kind, what) in [
            (EventKind::Gap, "may have lost items in the last 24 hours"),
            (EventKind::Silent, "fell silent in the last 24 hours"),
        ] {
            let fresh = time::before(now, FRESH);
            let is_fresh = |told: &&FeedEventReport| told.event.kind == kind && told.event.at > fresh;
            let feeds: BTreeSet<FeedId> = events.iter().filter(is_fresh).map(|told| told.feed).collect();
            if !feeds.is_empty() {
                self.problems.push(format!("{} {what}; see the events", output::count(feeds.len(), "feed")));
                self.ok = false;
            }
        }
        let shown = events.iter().filter(|told| told.event.kind.is_mailed()).take(MAX_EVENTS);
        self.events = shown
            .map(|told| EventStatus {
                feed: told.name.clone(),
                kind: told.event.kind.as_str(),
                at: output::instant(Some(told.event.at)),
                count: told.event.count,
                detail: told.event.detail.clone(),
                when: told.event.at,
            })
            .collect();
    }
}

fn is_failing(feed: &FeedReport) -> bool {
    feed.failures >= FAILING || (feed.failures > 0 && feed.last_ok_at.is_none())
}

fn judge(now: Timestamp, feeds: &[FeedReport], report: StatusReport, configured: &BTreeSet<&str>) -> Status {
    let failing = feeds.iter().filter(|feed| is_failing(feed)).count();
    let never = feeds.iter().filter(|feed| feed.last_ok_at.is_none()).count();
    let lag =
        feeds.iter().filter_map(|feed| feed.last_ok_at).min().map(|at| time::between(at, now).as_secs());
    let overdue = feeds
        .iter()
        .filter_map(|feed| feed.next_poll_at)
        .min()
        .is_some_and(|at| time::between(at, now).as_secs() > MAX_QUEUE_AGE_S);
    let unknown = configured.iter().filter(|url| !feeds.iter().any(|feed| feed.url == **url)).count();
    let queue_age = report.oldest_queued_at.map_or(0, |at| time::between(at, now).as_secs());
    let mut problems = Vec::new();
    let mut complain = |wrong: bool, what: String| {
        if wrong {
            problems.push(what);
        }
    };
    complain(
        failing > 0,
        format!(
            "{} failed {FAILING} times or more, or could never be read; see `wirewatch feeds list`",
            output::count(failing, "feed")
        ),
    );
    complain(overdue, "feeds are overdue by more than an hour; is wirewatch running?".to_owned());
    let unknown_feeds = output::count(unknown, "configured feed");
    complain(unknown > 0, format!("not in force yet: {unknown_feeds}; reload wirewatch"));
    complain(
        report.dead > 0,
        format!("mails given up: {}; see `wirewatch outbox list --state dead`", report.dead),
    );
    complain(queue_age > MAX_QUEUE_AGE_S, format!("the oldest mail waits for {} min", queue_age / 60));
    Status {
        ok: problems.is_empty(),
        problems,
        feeds: feeds.len(),
        feeds_failing: failing,
        feeds_never_read: never,
        worst_lag_s: lag,
        items: report.items,
        matches_pending: report.pending,
        mails_queued: report.queued,
        mails_sent: report.sent,
        mails_dead: report.dead,
        topics: report
            .topics
            .into_iter()
            .map(|topic| TopicStatus {
                topic: topic.topic.to_string(),
                matches: topic.matches,
                last_match_at: output::instant(topic.last_match_at),
                last: topic.last_match_at,
            })
            .collect(),
        events: Vec::new(),
        shortfalls: Vec::new(),
        duties: Vec::new(),
    }
}

fn print(now: Timestamp, status: &Status) -> std::io::Result<()> {
    let lag = status.worst_lag_s.map_or("–".to_owned(), |s| format!("{} min", s / 60));
    say!(
        "feeds   {} in force, {} failing, {} never read; longest since a successful poll: {lag}",
        status.feeds,
        status.feeds_failing,
        status.feeds_never_read
    );
    say!("items   {} stored, {} matches wait for a digest or release", status.items, status.matches_pending);
    say!(
        "mail    {} waiting, {} sent, {} given up",
        status.mails_queued,
        status.mails_sent,
        status.mails_dead
    );
    if !status.duties.is_empty() {
        let words = |duty: &DutyStatus| format!("{} {}", duty.duty, output::ago(now, duty.when));
        say!("last    {}", status.duties.iter().map(words).collect::<Vec<_>>().join(", "));
    }
    if !status.topics.is_empty() {
        say!();
        let rows = status
            .topics
            .iter()
            .map(|topic| vec![topic.topic.clone(), topic.matches.to_string(), output::ago(now, topic.last)])
            .collect();
        output::table(&["topic", "matches", "last match"], rows)?;
    }
    if !status.events.is_empty() {
        say!();
        let cells = |event: &EventStatus| {
            vec![
                output::ago(now, Some(event.when)),
                event.kind.to_owned(),
                event.feed.clone(),
                event.detail.clone(),
            ]
        };
        output::table(&["when", "event", "feed", "what"], status.events.iter().map(cells).collect())?;
    }
    say!();
    for short in &status.shortfalls {
        say!("NOTE    {short}");
    }
    for problem in &status.problems {
        say!("PROBLEM {problem}");
    }
    if status.ok {
        say!("OK");
    }
    Ok(())
}
