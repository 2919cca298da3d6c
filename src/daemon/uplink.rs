//! Whether it is the feeds that fail, or our own connection.
//!
//! Data in: the outcome of each poll, and whose it was. Data out: whether the world can be reached.
//!
//! When nearly everything fails at once, it is one incident: feeds are not blamed for it one by one, and there is one
//! line in the log when it begins and one when it ends.
//!
//! **Invariant:** only a feed that answered when it was last visited proves something by failing, and a site alone proves
//! nothing.
//! **Invariant:** an incident is believed for [`LONGEST`] only; then feeds count as failing again, since by then
//! something may have been missed, whoever is to blame.
//!
//! Rejected: asking a well-known host whether it answers. It tells somebody else when we run, and proves little.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::model::{FailureKind, FeedState, PollOutcome, Timestamp, time};

/// Polls that are looked at: so many of the last ones at most, none older than [`WINDOW`].
const POLLS: usize = 20;
const WINDOW: Duration = Duration::from_secs(3_600);
/// The last so many, or more of them, of so many sites, must have failed before it can be an incident.
const MIN_POLLS: usize = 5;
const MIN_SITES: usize = 3;
/// Of the polls looked at, at least so many in a hundred must have failed.
const NEARLY_ALL: usize = 90;
/// It is over once so many of the last [`OVER_OF`] polls were answered.
const OVER: usize = 2;
const OVER_OF: usize = 4;
/// Longest time that feeds are excused.
pub(super) const LONGEST: Duration = Duration::from_secs(86_400);

/// Whether what lies beyond this machine can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum World {
    /// As far as we know.
    Reachable,
    /// Nearly nothing answers: no feed is to blame.
    CutOff,
}

/// How a feed fared before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// The last visit that counts was answered.
    Answered,
    /// It was failing already, or was never read.
    Failing,
}

impl Before {
    pub(super) fn of(state: &FeedState) -> Self {
        if state.failures == 0 && state.last_ok_at.is_some() { Self::Answered } else { Self::Failing }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Uplink(Mutex<Recent>);

#[derive(Debug, Default)]
struct Recent {
    polls: VecDeque<Sign>,
    cut_off_since: Option<Timestamp>,
}

#[derive(Debug)]
struct Sign {
    at: Timestamp,
    site: String,
    answered: bool,
}

/// What an outcome says of the connection; `None`: nothing.
fn answered(outcome: &PollOutcome) -> Option<bool> {
    let PollOutcome::Failed(failure) = outcome else { return Some(true) };
    match failure.kind {
        // A captive portal puts its page in place of every feed, leads every address, or resolves every name, to a machine
        // of its own in the private network, or answers 511 (RFC 6585 §6).
        FailureKind::NotAFeed | FailureKind::Refused | FailureKind::ServerError(511) => Some(false),
        FailureKind::Dns | FailureKind::Connect | FailureKind::Tls | FailureKind::Timeout => Some(false),
        FailureKind::Internal => None,
        _ => Some(true),
    }
}

impl Uplink {
    /// Takes note of a poll of a feed of `site`, which fared as `before` until then.
    pub(super) fn saw(&self, now: Timestamp, site: &str, before: Before, outcome: &PollOutcome) -> World {
        let mut recent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_sign = |answered: &bool| *answered || before == Before::Answered;
        if let Some(answered) = answered(outcome).filter(is_sign) {
            recent.polls.push_back(Sign { at: now, site: site.to_owned(), answered });
            recent.judge(now);
        }
        match recent.cut_off_since {
            Some(since) if time::between(since, now) < LONGEST => World::CutOff,
            _ => World::Reachable,
        }
    }
}

impl Recent {
    /// How many of the last polls there were, and how many of them failed, where that is nearly all.
    fn outage(&self) -> Option<(usize, usize)> {
        let (mut failed, mut sites) = (0_usize, BTreeSet::new());
        for (total, sign) in (1_usize..).zip(self.polls.iter().rev()) {
            if !sign.answered {
                failed += 1;
                sites.insert(sign.site.as_str());
            }
            let nearly_all = failed.saturating_mul(100) >= total.saturating_mul(NEARLY_ALL);
            if nearly_all && failed >= MIN_POLLS && sites.len() >= MIN_SITES {
                return Some((total, failed));
            }
        }
        None
    }

    fn judge(&mut self, now: Timestamp) {
        let oldest = time::before(now, WINDOW);
        while self.polls.len() > POLLS || self.polls.front().is_some_and(|sign| sign.at < oldest) {
            self.polls.pop_front();
        }
        match self.cut_off_since {
            None => {
                if let Some((total, failed)) = self.outage() {
                    self.cut_off_since = Some(now);
                    tracing::warn!(
                        polls.failed = failed,
                        polls.seen = total,
                        "{failed} of the last {total} polls failed, of several sites: it seems to be this machine's \
                         connection, so no feed is blamed until some answer again"
                    );
                }
            }
            Some(since) => {
                let newest = self.polls.iter().rev().take(OVER_OF);
                if newest.filter(|sign| sign.answered).count() >= OVER {
                    self.cut_off_since = None;
                    self.polls.retain(|sign| sign.answered);
                    let minutes = time::between(since, now).as_secs() / 60;
                    tracing::info!(
                        outage.minutes = minutes,
                        "feeds answer again, after {minutes} minutes in which nearly none did"
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PollFailure, Validators};

    fn at(s: i64) -> Timestamp {
        time::from_millis(s * 1_000)
    }

    fn failed(kind: FailureKind) -> PollOutcome {
        PollOutcome::Failed(PollFailure { kind, message: String::new(), retry_at: None })
    }

    fn ok() -> PollOutcome {
        PollOutcome::NotModified { validators: Validators::default() }
    }

    /// The world after these polls, one a second; `sites` are gone round.
    fn world(sites: &[&str], outcomes: &[PollOutcome], known: bool) -> World {
        let uplink = Uplink::default();
        let polls = (0..).zip(outcomes).zip(sites.iter().cycle());
        polls.fold(World::Reachable, |_, ((s, outcome), site)| {
            uplink.saw(at(s), site, if known { Before::Answered } else { Before::Failing }, outcome)
        })
    }

    #[test]
    fn it_is_an_incident_when_nearly_all_of_several_sites_fail() {
        let (three, timeout) = (["a", "b", "c"], || failed(FailureKind::Timeout));
        let of = |n: usize| (0..n).map(|_| timeout()).collect::<Vec<_>>();
        assert_eq!(world(&three, &of(4), true), World::Reachable);
        assert_eq!(world(&three, &of(5), true), World::CutOff);
        assert_eq!(world(&["a", "b"], &of(50), true), World::Reachable, "two sites may well be down");
        assert_eq!(world(&three, &of(50), false), World::Reachable, "these never answered");
        let answers = |kind| vec![failed(kind); 50];
        assert_eq!(world(&three, &answers(FailureKind::NotAFeed), true), World::CutOff, "a captive portal");
        assert_eq!(world(&three, &answers(FailureKind::ServerError(502)), true), World::Reachable);
        assert_eq!(
            world(&three, &answers(FailureKind::Refused), true),
            World::CutOff,
            "it leads to a portal"
        );
        assert_eq!(world(&three, &answers(FailureKind::ServerError(511)), true), World::CutOff);
        assert_eq!(world(&three, &answers(FailureKind::Internal), true), World::Reachable);
        let then_good = |every: usize| {
            let outcome = |n: usize| if n % every == every - 1 { ok() } else { timeout() };
            (0..40).map(outcome).collect::<Vec<_>>()
        };
        assert_eq!(world(&three, &then_good(5), true), World::Reachable, "one in five answers");
        assert_eq!(world(&three, &then_good(10), true), World::CutOff, "one in ten answers");
        assert_eq!(world(&["a", "a", "a", "a", "a", "b", "c"], &of(7), true), World::CutOff);
    }

    #[test]
    fn it_is_over_when_feeds_answer_and_is_not_believed_for_ever() {
        let uplink = Uplink::default();
        let saw = |s: i64, outcome: &PollOutcome| {
            uplink.saw(at(s), ["a", "b", "c"][usize::try_from(s % 3).unwrap()], Before::Answered, outcome)
        };
        let timeout = failed(FailureKind::Timeout);
        (0..4).for_each(|s| assert_eq!(saw(s, &timeout), World::Reachable));
        (4..10).for_each(|s| assert_eq!(saw(s, &timeout), World::CutOff));
        assert_eq!(saw(10, &ok()), World::CutOff, "one answer may be the machine in the next room");
        assert_eq!(saw(11, &ok()), World::Reachable);
        (12..16).for_each(|s| assert_eq!(saw(s, &timeout), World::Reachable));
        (16..30).for_each(|s| assert_eq!(saw(s, &timeout), World::CutOff));
        let day = i64::try_from(LONGEST.as_secs()).unwrap();
        assert_eq!(saw(31, &timeout), World::CutOff);
        assert_eq!(saw(40 + day, &timeout), World::Reachable);
    }
}
