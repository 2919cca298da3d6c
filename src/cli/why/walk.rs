//! The walk: from facts to what each step found, and where it stopped.
//!
//! Data in: [`Facts`]. Data out: an [`Answer`] with one finding for each step, in order.
//!
//! **Invariant:** the first step that stopped decides; what waits is told only where nothing stopped.
//! **Invariant:** each stop names a remedy.
//!
//! Rejected: one verdict for each reader. The question is about one reader nearly always, and `--to` names them.

use jiff::tz::TimeZone;

use super::{
    article,
    facts::{Facts, FeedFacts, Setting, Standing, Subject},
    period,
};
use crate::{
    cli::{feeds::advice, output::count},
    config::did_you_mean,
    model::{Delivery, MailState, Subscription, Timestamp, TopicName, time},
    store::TracedMail,
};

/// What is due for longer than this is late: the tasks look at least once a minute.
pub(super) const LATE: std::time::Duration = std::time::Duration::from_secs(600);
/// A mail that was tried and still waits after this needs a hand, as in `status`.
pub(super) const STUCK: std::time::Duration = std::time::Duration::from_secs(3_600);
/// Names in a list.
pub(super) const MAX_NAMED: usize = 5;

/// The steps, in the order news takes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Configuration,
    Feeds,
    Items,
    Matched,
    Grouped,
    Held,
    Sent,
}

impl Step {
    const ALL: [Self; 7] =
        [Self::Configuration, Self::Feeds, Self::Items, Self::Matched, Self::Grouped, Self::Held, Self::Sent];

    /// Stable word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Feeds => "feeds",
            Self::Items => "items",
            Self::Matched => "matched",
            Self::Grouped => "grouped",
            Self::Held => "held",
            Self::Sent => "sent",
        }
    }
}

/// How a step ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Passed,
    /// It passed, but something here may be the cause.
    Doubt,
    /// It goes on by itself later.
    Waits,
    Stopped,
    NotReached,
}

impl Mark {
    /// Stable word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Doubt => "doubt",
            Self::Waits => "waits",
            Self::Stopped => "stopped",
            Self::NotReached => "not-reached",
        }
    }

    /// Before its line.
    pub(super) fn sign(self) -> char {
        match self {
            Self::Passed => '✓',
            Self::Doubt => '?',
            Self::Waits | Self::Stopped => '✗',
            Self::NotReached => '·',
        }
    }
}

/// What one step found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) step: Step,
    pub(super) mark: Mark,
    /// Stable word for what it is.
    pub(super) code: &'static str,
    pub(super) says: String,
    pub(super) details: Vec<String>,
    pub(super) remedy: Option<String>,
}

impl Finding {
    pub(super) fn new(step: Step, mark: Mark, code: &'static str, says: impl Into<String>) -> Self {
        Self { step, mark, code, says: says.into(), details: Vec::new(), remedy: None }
    }

    pub(super) fn passed(step: Step, code: &'static str, says: impl Into<String>) -> Self {
        Self::new(step, Mark::Passed, code, says)
    }

    pub(super) fn stopped(
        step: Step,
        code: &'static str,
        says: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { remedy: Some(remedy.into()), ..Self::new(step, Mark::Stopped, code, says) }
    }

    pub(super) fn with(self, details: Vec<String>) -> Self {
        Self { details, ..self }
    }
}

/// How the walk ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It went the whole way.
    Sent,
    /// It goes on by itself.
    Waits,
    /// Nothing more comes of it without somebody's doing.
    Stopped,
}

impl Verdict {
    /// Stable word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Waits => "waits",
            Self::Stopped => "stopped",
        }
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Answer {
    /// One for each step, in order.
    pub(super) findings: Vec<Finding>,
    pub(super) verdict: Verdict,
}

impl Answer {
    /// Where it stopped, or waits.
    pub(super) fn stop(&self) -> Option<&Finding> {
        let of = |mark| self.findings.iter().find(|finding| finding.mark == mark);
        of(Mark::Stopped).or_else(|| of(Mark::Waits))
    }

    /// The answer in one sentence.
    pub(super) fn sentence(&self) -> String {
        match (self.verdict, self.stop()) {
            (Verdict::Stopped, Some(stop)) => format!("It stopped at {}: {}.", stop.step.as_str(), stop.says),
            (Verdict::Waits, Some(stop)) => format!("Nothing stopped it, it waits: {}.", stop.says),
            _ => {
                let last = self.findings.iter().rfind(|finding| finding.mark != Mark::NotReached);
                let last = last.map(|finding| finding.says.as_str()).unwrap_or_default();
                format!("Nothing stopped it: {last}.")
            }
        }
    }
}

/// Walks the whole way.
pub(super) fn walk(facts: &Facts) -> Answer {
    let mut found = match &facts.subject {
        Subject::Article(article) => article::steps(facts, article),
        Subject::Period(period) => period::steps(facts, period),
    };
    let findings: Vec<Finding> = Step::ALL
        .into_iter()
        .map(|step| match found.iter().position(|finding| finding.step == step) {
            Some(at) => found.remove(at),
            None => Finding::new(step, Mark::NotReached, "not-reached", "not reached"),
        })
        .collect();
    let has = |mark| findings.iter().any(|finding| finding.mark == mark);
    let verdict = match (has(Mark::Stopped), has(Mark::Waits)) {
        (true, _) => Verdict::Stopped,
        (false, true) => Verdict::Waits,
        (false, false) => Verdict::Sent,
    };
    Answer { findings, verdict }
}

/// `2026-11-25 08:12 CET`
pub(super) fn when(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned_datetime(zone.clone()).strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// The first names, and how many more there are.
pub(super) fn list(names: impl IntoIterator<Item = String>) -> String {
    let names: Vec<String> = names.into_iter().collect();
    let more = names.len().saturating_sub(MAX_NAMED);
    let shown = names.iter().take(MAX_NAMED).cloned().collect::<Vec<_>>().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// The first lines, and how many more there are.
pub(super) fn lines(lines: Vec<String>) -> Vec<String> {
    let more = lines.len().saturating_sub(MAX_NAMED);
    let mut shown: Vec<String> = lines.into_iter().take(MAX_NAMED).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown
}

/// Whether the configuration sends alerts of these topics to the reader asked for, or to anybody.
pub(super) fn configuration(setting: &Setting, topics: &[TopicName]) -> Finding {
    const STEP: Step = Step::Configuration;
    let subscriptions = &setting.subscriptions;
    if let Some(to) = &setting.to
        && !subscriptions.iter().any(|subscription| subscription.to.contains(to))
    {
        let all = subscriptions.iter().flat_map(|subscription| &subscription.to);
        let remedy = match did_you_mean(to.address(), all.map(|to| to.address())) {
            Some(guess) => format!("did you mean {guess}?"),
            None => "add the address to the `to` of a [[subscription]]".to_owned(),
        };
        return Finding::stopped(
            STEP,
            "reader-unknown",
            format!("no subscription mails to {}", to.address()),
            remedy,
        );
    }
    let takes = |subscription: &&Subscription| {
        topics.iter().any(|topic| subscription.topics.takes(topic))
            && setting.to.as_ref().is_none_or(|to| subscription.to.contains(to))
    };
    let takers: Vec<&Subscription> = subscriptions.iter().filter(takes).collect();
    let what = match topics {
        [] => {
            return Finding::stopped(
                STEP,
                "no-topic",
                "no topic is in force, so nothing can match",
                "add a [[topic]], such as use = \"builtin:rare-earths\"",
            );
        }
        [one] => format!("topic {one}"),
        many => format!("the topics {}", list(many.iter().map(ToString::to_string))),
    };
    let whom = setting.to.as_ref().map(|to| format!(" for {}", to.address())).unwrap_or_default();
    let (alerts, digests): (Vec<&Subscription>, Vec<&Subscription>) =
        takers.iter().partition(|taker| matches!(taker.delivery, Delivery::Alert(_)));
    let readers = |subscription: &&Subscription| {
        let to: Vec<String> = match &setting.to {
            Some(to) => vec![to.address().to_owned()],
            None => subscription.to.iter().map(|to| to.address().to_owned()).collect(),
        };
        format!("{} ({})", subscription.name, list(to))
    };
    if !alerts.is_empty() {
        let says = format!("{what}: alerts go to {}", list(alerts.iter().map(readers)));
        return Finding::passed(STEP, "in-force", says);
    }
    if digests.is_empty() {
        let remedy = "add the topic to the `topics` of a [[subscription]] with deliver = \"alert\"";
        let says = format!("{what}: no subscription takes it{whom}");
        return Finding::stopped(STEP, "no-subscription", says, remedy);
    }
    let escalates = digests
        .iter()
        .any(|digest| matches!(&digest.delivery, Delivery::Digest(policy) if policy.escalate.is_some()));
    let unless = if escalates { ", unless a story reaches the line of `escalate`" } else { "" };
    let says = format!("{what}: goes to digests only{whom}, {}{unless}", list(digests.iter().map(readers)));
    Finding::stopped(
        STEP,
        "digest-only",
        says,
        "for alerts, add a [[subscription]] with deliver = \"alert\", or set `escalate` on the digest",
    )
}

/// Says that the service seems not to poll at all, if so.
pub(super) fn idle(setting: &Setting) -> Option<Finding> {
    let since = setting.overdue_since?;
    let says = format!("feeds have been due since {}, and none is visited", when(since, &setting.zone));
    let remedy = "start the service: `systemctl status wirewatch` says how it ended";
    Some(Finding::stopped(Step::Feeds, "service-idle", says, remedy))
}

/// One feed that is not well, on a line.
pub(super) fn trouble(setting: &Setting, feed: &FeedFacts) -> String {
    let zone = &setting.zone;
    let last = match feed.last_ok_at {
        Some(at) => format!("last read {}", when(at, zone)),
        None => "never read".to_owned(),
    };
    let mut says = match &feed.standing {
        Standing::NotInForce => "configured, but not in force yet".to_owned(),
        Standing::Unread => "not read yet".to_owned(),
        Standing::Failing { health, message, failures, .. } => {
            let times = count(usize::try_from(*failures).unwrap_or(usize::MAX), "time");
            format!("{}: {message} ({times} in a row, {last})", health.as_str())
        }
        Standing::Silent { since } => {
            format!("silent since {}: it answers, without anything new", when(*since, zone))
        }
        Standing::Well => last,
    };
    if let Some((at, least)) = feed.gap {
        let least = least.map(|least| format!("at least {least}, ")).unwrap_or_default();
        says += &format!("; items may have been lost ({least}found {})", when(at, zone));
    }
    if let Some(since) = feed.liar_since {
        says += &format!("; its \"not modified\" was untrue, seen {}", when(since, zone));
    }
    format!("{}: {}", feed.name, crate::cli::feeds::cut(&says, usize::MAX))
}

/// What to do about a feed that is not read.
pub(super) fn feed_remedy(feed: &FeedFacts) -> String {
    match &feed.standing {
        Standing::NotInForce => "reload the service: `systemctl reload wirewatch`".to_owned(),
        Standing::Failing { kind, .. } => advice(kind).to_owned(),
        _ => format!("`wirewatch feeds poll --dry-run {}` shows what a visit finds", feed.url),
    }
}

/// How a mail fares.
pub(super) struct Fares {
    pub(super) mark: Mark,
    pub(super) code: &'static str,
    pub(super) says: String,
    pub(super) remedy: Option<&'static str>,
}

/// How a mail fares, in words.
pub(super) fn fares(setting: &Setting, mail: &TracedMail, zone: &TimeZone) -> Fares {
    let report = &mail.report;
    let id = format!("Message-ID <{}@{}>", report.id, setting.mail_host);
    let note = report.note.as_deref().map(|note| crate::cli::feeds::cut(note, 300)).unwrap_or_default();
    let attempts = count(usize::try_from(report.attempts).unwrap_or(usize::MAX), "attempt");
    let at = |at: Option<Timestamp>| at.map_or_else(|| "–".to_owned(), |at| when(at, zone));
    let what = format!("the {} to {}", report.kind, report.to.address());
    let (mark, code, says, remedy) = match report.state {
        MailState::Sent => (
            Mark::Passed,
            "mail-sent",
            format!("{what} was handed over {} after {attempts}: {note}", at(mail.settled_at)),
            Some(
                "what the mail server did with it stands in its log under the Message-ID; look among spam too",
            ),
        ),
        MailState::Dead => (
            Mark::Stopped,
            "mail-dead",
            format!("{what} was given up {} after {attempts}: {note}", at(mail.settled_at)),
            Some(
                "mend what the server complains of; `wirewatch mail test --to ADDRESS` tries it, and \
                  `wirewatch outbox list --state dead` names what is lost",
            ),
        ),
        MailState::Leased => {
            (Mark::Waits, "mail-leased", format!("{what} is being sent, {attempts} so far"), None)
        }
        MailState::Queued if report.attempts > 0 => (
            match time::between(report.created_at, setting.now) > STUCK {
                true => Mark::Stopped,
                false => Mark::Waits,
            },
            "mail-deferred",
            format!("{what} failed {attempts} so far, the next {}: {note}", at(report.next_attempt_at)),
            Some("`wirewatch mail test` says what the mail server answers"),
        ),
        MailState::Queued if time::between(report.created_at, setting.now) > LATE => (
            Mark::Stopped,
            "mailer-late",
            format!("{what} waits since {} without an attempt", when(report.created_at, zone)),
            Some(
                "is the service running? `systemctl status wirewatch`; a refused login holds all mail back, \
                  `wirewatch mail test` tells",
            ),
        ),
        MailState::Queued => (
            Mark::Waits,
            "mail-queued",
            format!("{what} waits for its first attempt since {}", when(report.created_at, zone)),
            None,
        ),
    };
    Fares { mark, code, says: format!("{}; {id}", says.trim_end_matches([':', ' '])), remedy }
}
