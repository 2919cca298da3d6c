//! What those who run the service are told, and when.
//!
//! Data in: what the store has not told yet, how the feeds fare, the clock. Data out: mails to each operator, and the
//! marks of what was told.
//!
//! | mail | when |
//! | --- | --- |
//! | [`urgent`] | at once: what cannot wait, and what goes on, at rising intervals |
//! | [`daily`] | at a set time: what can wait |
//! | [`alive`] | at a set time: that all is well |
//!
//! **Invariant:** each change is told once, in the transaction that enqueues the mail.
//! **Invariant:** what is due at a set time is told once for each window, across restarts; after a stop, once for all that
//! were missed.
//!
//! Rejected: a mail as things happen. A broken uplink would bring one for every feed.

mod alive;
mod daily;
mod letter;
mod topics;
mod urgent;
mod words;

use std::time::Duration;

pub(super) use letter::letter;

use super::{Catalog, StepError};
use crate::{
    model::{Duty, Retry, Timestamp, time},
    schedule,
    store::Store,
};

/// How often it is looked whether there is something to tell at once.
const LOOK_INTERVAL: Duration = Duration::from_secs(60);
/// Between two mails of what cannot wait; what comes up meanwhile goes together.
const URGENT_GAP: Duration = Duration::from_secs(15 * 60);
/// A store that could not be written for longer than this is told of once it can.
const STORE_LONG: Duration = Duration::from_secs(5 * 60);
/// Changes of one kind named in one mail; of more, their number is told.
const MAX_NAMED: usize = 20;
/// The `subscription` of these mails, which their `List-Id` is made of.
const SUBSCRIPTION: &str = "operator";

/// What [`Operator::look`] did, and when to call it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Told {
    /// Mail was enqueued.
    pub(super) told: bool,
    /// `None` when there is nobody to tell.
    pub(super) at: Option<Timestamp>,
}

/// When something is looked for next, and what the store itself cannot remember.
#[derive(Debug, Default)]
pub(super) struct Operator {
    next: Option<Timestamp>,
    /// The last mail of what cannot wait, of this process.
    urgent_at: Option<Timestamp>,
    /// Since when the store cannot be written, and why.
    unwritable: Option<(Timestamp, String)>,
    /// When it could not, and why; not told yet.
    was_unwritable: Option<Unwritable>,
}

/// A time in which the store could not be written.
#[derive(Debug, Clone)]
struct Unwritable {
    from: Timestamp,
    to: Timestamp,
    why: String,
}

impl Operator {
    /// Takes note of how a step ended that had to do with the store.
    pub(super) fn noted(&mut self, now: Timestamp, error: Option<&StepError>) {
        match error {
            Some(error) if error.retry() == Retry::Backoff => {
                self.unwritable.get_or_insert_with(|| (now, error.to_string()));
                // It is tried again with the next step, not with the next look.
                self.next = None;
            }
            Some(_) => {}
            None => {
                if let Some((from, why)) = self.unwritable.take().filter(|(from, _)| is_long(*from, now)) {
                    self.was_unwritable = Some(Unwritable { from, to: now, why });
                    self.next = None;
                }
            }
        }
    }

    /// Tells the operators what is due. Looks at most once in [`LOOK_INTERVAL`].
    pub(super) async fn look(
        &mut self,
        store: &Store,
        catalog: &Catalog,
        now: Timestamp,
    ) -> Result<Told, StepError> {
        if catalog.operator.is_empty() {
            return Ok(Told { told: false, at: None });
        }
        // One that is further away than it was ever set is one of before the clock was set back.
        if let Some(next) = self.next.filter(|next| now < *next && *next <= time::after(now, LOOK_INTERVAL)) {
            return Ok(Told { told: false, at: Some(next) });
        }
        store.begin_duty(Duty::Watch, now).await?;
        let mut told = self.urgent(store, catalog, now).await?;
        told |= daily::tell(store, catalog, now).await?;
        told |= alive::tell(store, catalog, now).await?;
        let duties = &catalog.duties;
        let heartbeat = duties.heartbeat.as_ref();
        let next_due = [Some(&duties.daily), heartbeat]
            .into_iter()
            .flatten()
            .filter_map(|policy| schedule::next_digest(now, policy, &duties.zone));
        let next = next_due.chain([time::after(now, LOOK_INTERVAL)]).min();
        self.next = next;
        Ok(Told { told, at: next })
    }

    async fn urgent(&mut self, store: &Store, catalog: &Catalog, now: Timestamp) -> Result<bool, StepError> {
        let since_last = self.urgent_at.map(|at| time::between(at, now));
        if since_last.is_some_and(|span| span < URGENT_GAP) {
            return Ok(false);
        }
        let told = urgent::tell(store, catalog, now, self.was_unwritable.as_ref()).await?;
        if told {
            self.urgent_at = Some(now);
            self.was_unwritable = None;
        }
        Ok(told)
    }
}

fn is_long(from: Timestamp, now: Timestamp) -> bool {
    time::between(from, now) >= STORE_LONG
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store;

    #[test]
    fn a_store_that_could_not_be_written_for_five_minutes_is_told_of() {
        let at = |ms: i64| time::from_millis(ms);
        let full = || StepError::Store(store::Error::NoRoom("disk full".into()));
        let check = |lasted: i64, want: bool| {
            let mut operator = Operator::default();
            operator.noted(at(0), Some(&full()));
            operator.noted(at(1_000), Some(&full()));
            operator.noted(at(lasted), None);
            assert_eq!(operator.was_unwritable.is_some(), want, "{lasted} ms");
            operator.noted(at(lasted + 1), None);
            assert_eq!(operator.was_unwritable.is_some(), want, "kept until it is told");
        };
        check(300_000, true);
        check(299_999, false);
        let mut operator = Operator::default();
        operator.noted(at(0), Some(&StepError::Broken));
        operator.noted(at(900_000), None);
        assert!(operator.was_unwritable.is_none(), "that was not the store");
    }
}
