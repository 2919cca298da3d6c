//! The daemon: seven tasks around one store.
//!
//! Data in: a [`Catalog`], a store, a clock. Data out: polls recorded, mails handed over.
//!
//! | task | wakes on | soft shutdown |
//! | --- | --- | --- |
//! | supervisor (the main future) | signal, end of a task, tick | cancels softly, waits, cancels hard |
//! | [`Poller`] | next due feed, new catalog | begins no visit; those under way are recorded |
//! | [`Planner`] | matches, next digest or release of what is held | finishes its transaction |
//! | [`Mailer`] | outbox, next retry | finishes the dialogue; the rest stays queued |
//! | [`Janitor`] | interval | stops between batches |
//! | [`Pinger`] | interval | drops the ping under way |
//! | [`Canary`] | schedule | finishes the dialogue |
//!
//! **Invariant:** work travels as rows. [`Hints`] only wake; losing one delays nothing beyond the next wake-up.
//! **Invariant:** the one thing tasks share in memory is the catalog in force, swapped whole.
//! **Invariant:** what tests call is what the loops call: each task's `step`.

mod additions;
pub mod canary;
mod catalog;
mod foresight;
mod grouping;
mod heartbeat;
mod host_gate;
mod janitor;
mod ledger;
mod mailer;
mod operator;
mod pacing;
mod pinger;
mod planner;
mod poller;
mod progress;
mod readers;
pub mod reading;
mod restraint;
mod single;
mod site;
mod supervisor;
mod templates;
mod uplink;
mod visiting;
mod visits;
mod wishes;

use std::{sync::Arc, time::Duration};

use tokio::sync::{Notify, watch};

pub use canary::Canary;
pub use catalog::{Catalog, Duties, PingSpec, PollSettings, SpecialVisits, TransportSpec};
pub use foresight::foresee;
pub use grouping::OpenStories;
pub use heartbeat::Heartbeat;
use host_gate::HostGate;
pub use host_gate::Manners;
pub use janitor::Janitor;
pub use mailer::{MAX_SLOW, Mailer, PATIENCE, REFUSED_IN_A_ROW};
pub use pacing::shortfalls;
pub use pinger::Pinger;
pub use planner::{Planner, assemble};
pub use poller::Poller;
pub use progress::{Progress, StepError};
pub use single::Single;
pub use site::site_of;
pub use supervisor::{Event, Events, Reload};
pub use templates::MAX_TEMPLATE_BYTES;

use crate::{
    clock::{Clock, SLACK},
    model::{Retry, Timestamp, time},
    store::{self, Store},
};

/// Longest time a resting task lets its heartbeat age.
const MAX_REST: Duration = Duration::from_secs(30);
/// After a step that failed in passing, the task tries again after this.
const AFTER_TROUBLE: Duration = Duration::from_secs(5);

/// Wake-up calls between tasks.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// For the planner: matches wait.
    pub matches: Arc<Notify>,
    /// For the mailer: mail waits.
    pub outbox: Arc<Notify>,
}

/// The composition root: what the tasks are made of.
#[derive(Debug)]
pub struct Daemon {
    store: Store,
    clock: Clock,
    hints: Hints,
    catalogs: watch::Sender<Arc<Catalog>>,
}

impl Daemon {
    /// Takes over a store that was just opened for writing: claims of an earlier process are given back, since the
    /// lock proves that it is gone.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn build(store: Store, clock: Clock, catalog: Catalog) -> Result<Self, store::Error> {
        let now = clock.now();
        let released = store.release_leases(now).await?;
        store.hurry_mail(now, time::after(now, mailer::LONGEST_WAIT)).await?;
        if released > 0 {
            tracing::info!(
                mails.released = released,
                "{released} mails were under way when wirewatch ended; they are sent again"
            );
        }
        Ok(Self { store, clock, hints: Hints::default(), catalogs: watch::Sender::new(Arc::new(catalog)) })
    }

    /// The store the tasks work on.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Puts another catalog in force.
    pub fn replace_catalog(&self, catalog: Catalog) {
        self.catalogs.send_replace(Arc::new(catalog));
    }

    /// A poller of this daemon.
    pub fn poller(&self) -> Poller {
        Poller::new(self.store.clone(), self.clock.clone(), self.hints.clone(), self.catalogs.subscribe())
    }

    /// A planner of this daemon.
    pub fn planner(&self) -> Planner {
        Planner::new(self.store.clone(), self.clock.clone(), self.hints.clone(), self.catalogs.subscribe())
    }

    /// A mailer of this daemon.
    pub fn mailer(&self) -> Mailer {
        Mailer::new(self.store.clone(), self.clock.clone(), self.hints.clone(), self.catalogs.subscribe())
    }

    /// A janitor of this daemon.
    pub fn janitor(&self) -> Janitor {
        Janitor::new(self.store.clone(), self.clock.clone(), self.catalogs.subscribe())
    }

    /// A pinger of this daemon.
    pub fn pinger(&self) -> Pinger {
        Pinger::new(self.store.clone(), self.clock.clone(), self.catalogs.subscribe())
    }

    /// The canary of this daemon.
    pub fn canary(&self) -> Canary {
        Canary::new(self.store.clone(), self.clock.clone(), self.catalogs.subscribe())
    }

    /// Polls every feed once, plans, sends what is due, removes what is past its time, and returns.
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn run_once(&self) -> Result<(), StepError> {
        let mut poller = self.poller();
        // Nothing is waited for that comes after the end.
        let mut planner = self.planner().without_group_wait();
        let mut mailer = self.mailer();
        // Digest windows open before the first item is read, so that nothing of this run falls before them.
        planner.step(self.clock.now()).await?;
        poller.poll_all().await?;
        while planner.step(self.clock.now()).await? == Progress::Worked {}
        while mailer.step(self.clock.now()).await? == Progress::Worked {}
        mailer.drain().await?;
        let mut janitor = self.janitor();
        while janitor.step(self.clock.now()).await? == Progress::Worked {}
        Ok(())
    }
}

/// Words of others in a log line: on one line, without control characters.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What a task's loop needs besides its step: a heartbeat, and rest between steps.
#[derive(Debug, Clone)]
pub struct Pulse {
    heartbeat: Heartbeat,
    clock: Clock,
}

impl Pulse {
    /// A pulse for the task that `heartbeat` speaks for.
    pub fn new(heartbeat: Heartbeat, clock: Clock) -> Self {
        Self { heartbeat, clock }
    }

    /// Until when to rest after a step.
    ///
    /// # Errors
    /// Passes on a failure that another try cannot mend.
    pub fn after(&self, stepped: Result<Progress, StepError>) -> Result<Option<Timestamp>, StepError> {
        self.heartbeat.beat();
        match stepped {
            Ok(Progress::Worked) => Ok(Some(self.clock.now())),
            Ok(Progress::Idle { until }) => Ok(until),
            Err(error) if error.retry() == Retry::Never => Err(error),
            Err(error) => {
                tracing::error!(
                    task = self.heartbeat.task,
                    "the {} tries again: {error}",
                    self.heartbeat.task
                );
                Ok(Some(time::after(self.clock.now(), AFTER_TROUBLE)))
            }
        }
    }

    /// Rests until `until` (`None`: until woken), keeping the heartbeat fresh. Ends early when the wall clock is set
    /// back: what was due in a minute must not wait for a day.
    pub async fn rest(&self, until: Option<Timestamp>) {
        let mut before = self.clock.now();
        loop {
            self.heartbeat.beat();
            let now = self.clock.now();
            if until.is_some_and(|until| until <= now) || now < time::before(before, SLACK) {
                return;
            }
            before = now;
            let nap = time::after(now, MAX_REST);
            self.clock.sleep_until(until.map_or(nap, |until| until.min(nap))).await;
        }
    }
}
