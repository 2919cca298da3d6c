//! Whether the service does its work.
//!
//! Data in: [`VitalSigns`] out of the store. Data out: what ails it, or nothing.
//!
//! **Invariant:** what may rest is not ill: no feed due, no mail to send.
//! **Invariant:** one recipient whose server takes nothing does not make all of mail ill.
//!
//! Rejected: the age of the last item. Feeds may be quiet for a night, and a service that reads them is well.

use std::{fmt, time::Duration};

use crate::model::{Timestamp, VitalSigns, time};

/// A feed that is due for longer than this …
pub const OVERDUE_AFTER: Duration = Duration::from_secs(3_600);
/// … while no feed at all was visited for so long: visits have stopped.
pub const UNVISITED_AFTER: Duration = Duration::from_secs(15 * 60);
/// A mail that waits for longer than this, while no later one was handed over: mail is stuck.
pub const STUCK_AFTER: Duration = Duration::from_secs(3_600);

/// What is wrong with the service as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ailment {
    /// Feeds are due and not visited.
    VisitsStopped,
    /// Mails wait and none is handed over.
    MailStuck,
    /// A task makes no progress.
    TaskHangs,
    /// The store cannot be written.
    StoreFails,
}

impl fmt::Display for Ailment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::VisitsStopped => "feeds are due for an hour and none is visited",
            Self::MailStuck => "mails wait for an hour and none is handed over",
            Self::TaskHangs => "a task makes no progress",
            Self::StoreFails => "the database cannot be written",
        })
    }
}

/// What ails the service, as far as the store can tell.
pub fn ailment(now: Timestamp, signs: &VitalSigns) -> Option<Ailment> {
    let longer = |since: Option<Timestamp>, than: Duration| {
        since.is_some_and(|since| time::between(since, now) > than)
    };
    let unvisited = signs.visited.is_none() || longer(signs.visited, UNVISITED_AFTER);
    if longer(signs.due, OVERDUE_AFTER) && unvisited {
        return Some(Ailment::VisitsStopped);
    }
    (longer(signs.waiting, STUCK_AFTER) && signs.passed == 0).then_some(Ailment::MailStuck)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn visits_have_stopped_when_feeds_are_due_and_none_is_visited() {
        let now = time::from_millis(1_750_000_000_000);
        let ago = |limit: Duration, more: u64| Some(time::before(now, limit + Duration::from_millis(more)));
        let check = |due, visited, want: Option<Ailment>| {
            let signs = VitalSigns { due, visited, ..VitalSigns::default() };
            assert_eq!(ailment(now, &signs), want, "{signs:?}");
        };
        check(ago(OVERDUE_AFTER, 1), ago(UNVISITED_AFTER, 1), Some(Ailment::VisitsStopped));
        check(ago(OVERDUE_AFTER, 0), ago(UNVISITED_AFTER, 1), None);
        check(ago(OVERDUE_AFTER, 1), ago(UNVISITED_AFTER, 0), None);
        check(ago(OVERDUE_AFTER, 1), None, Some(Ailment::VisitsStopped));
        check(None, None, None);
    }

    #[test]
    fn mail_is_stuck_when_the_oldest_waits_and_none_after_it_got_through() {
        let now = time::from_millis(1_750_000_000_000);
        let check = |more: u64, passed: u64, want: Option<Ailment>| {
            let waiting = Some(time::before(now, STUCK_AFTER + Duration::from_millis(more)));
            assert_eq!(ailment(now, &VitalSigns { waiting, passed, ..VitalSigns::default() }), want);
        };
        check(0, 0, None);
        check(1, 0, Some(Ailment::MailStuck));
        check(1, 1, None);
    }
}
