//! The pinger: asks for an address outside, every so often, while all is well. Who watches that address notices when it
//! is not: a dead machine cannot say that it is dead.
//!
//! Data in: the catalog, the heartbeats of the other tasks, the store. Data out: GET requests, the mark of the last one.
//!
//! **Invariant:** nothing is asked for while a task hangs, feeds are due and not visited, mail is stuck, or the store
//! cannot be written.
//! **Invariant:** a process pings only once it has visited a feed or run for [`WARM_UP`]: one that is started again and again
//! and does no work does not say that all is well.
//! **Invariant:** a ping that fails is logged once, and once more when it succeeds again; it holds up nothing.
//! **Invariant:** no part of the address is ever logged, stored or mailed.
//!
//! Rejected: a request that says that something is wrong. Whoever can say so is not yet dead, and has mail.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::{
    Catalog, Heartbeat,
    catalog::PingSpec,
    progress::{Progress, StepError},
};
use crate::{
    clock::Clock,
    fetch::FetchRequest,
    health::vital::{self, Ailment},
    model::{Duty, FailureKind, Retry, Timestamp, Validators, time},
    store::Store,
};

/// A process that has run for so long pings though no feed was due yet.
const WARM_UP: Duration = Duration::from_secs(300);
/// How often it is looked whether the first feed was visited.
const SOON: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub struct Pinger {
    store: Store,
    clock: Clock,
    catalogs: watch::Receiver<Arc<Catalog>>,
    heartbeats: Vec<Heartbeat>,
    /// Wall clock and uptime when it was made.
    started: (Timestamp, Duration),
    /// The next ping, and the spec it was set for.
    next: Option<(Timestamp, PingSpec)>,
    said: Said,
}

/// Whether it may be said that all is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Well,
    /// This process has not done any work yet.
    Unproved,
    Ill(Ailment),
}

/// What the log said last.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Said {
    Nothing,
    Fine,
    Withheld(Ailment),
    Failing,
}

impl Pinger {
    /// A pinger for `store`; it pings once a feed was visited from now on.
    pub fn new(store: Store, clock: Clock, catalogs: watch::Receiver<Arc<Catalog>>) -> Self {
        let started = (clock.now(), clock.uptime());
        Self { store, clock, catalogs, heartbeats: Vec::new(), started, next: None, said: Said::Nothing }
    }

    /// The same, which pings only while these tasks make progress.
    #[must_use]
    pub fn watching(self, heartbeats: Vec<Heartbeat>) -> Self {
        Self { heartbeats, ..self }
    }

    /// Pings, if it is time and all is well.
    ///
    /// # Errors
    /// When the store refuses for good.
    pub async fn step(&mut self, now: Timestamp) -> Result<Progress, StepError> {
        let catalog = self.catalogs.borrow_and_update().clone();
        let Some(spec) = catalog.duties.ping.clone() else {
            self.next = None;
            return Ok(Progress::Idle { until: None });
        };
        let early = |at: Timestamp| now < at && at <= time::after(now, spec.every);
        if let Some((at, _)) = self.next.as_ref().filter(|(at, of)| *of == spec && early(*at)) {
            return Ok(Progress::Idle { until: Some(*at) });
        }
        let condition = self.condition(now).await?;
        let wait = if condition == Condition::Unproved { SOON } else { spec.every };
        let next = time::after(now, wait);
        self.next = Some((next, spec.clone()));
        match condition {
            Condition::Unproved => {}
            Condition::Ill(ailment) => self.withhold(ailment),
            Condition::Well => {
                let outcome = self.ping(&catalog, &spec).await;
                self.record(outcome).await?;
            }
        }
        Ok(Progress::Idle { until: Some(next) })
    }

    /// Runs [`Pinger::step`] until `soft` is cancelled.
    ///
    /// # Errors
    /// When going on makes no sense: see [`StepError::retry`].
    pub async fn run(mut self, soft: CancellationToken, pulse: super::Pulse) -> Result<(), StepError> {
        let mut catalogs = self.catalogs.clone();
        while !soft.is_cancelled() {
            let until = tokio::select! {
                stepped = self.step(self.clock.now()) => pulse.after(stepped)?,
                // A ping that is under way is nothing to wait for.
                () = soft.cancelled() => break,
            };
            tokio::select! {
                () = pulse.rest(until) => {}
                _ = catalogs.changed() => {}
                () = soft.cancelled() => {}
            }
        }
        Ok(())
    }

    /// How the service fares. The look at the store begins with a write, since a full disk can still be read.
    async fn condition(&self, now: Timestamp) -> Result<Condition, StepError> {
        if self.heartbeats.iter().any(|heartbeat| !heartbeat.is_fresh()) {
            return Ok(Condition::Ill(Ailment::TaskHangs));
        }
        let looked = async {
            self.store.begin_duty(Duty::Ping, now).await?;
            self.store.vital_signs().await
        };
        let signs = match looked.await {
            Ok(signs) => signs,
            Err(error) if error.retry() == Retry::Never => return Err(error.into()),
            Err(_) => return Ok(Condition::Ill(Ailment::StoreFails)),
        };
        let (started, uptime) = self.started;
        let has_worked = signs.due.is_none() || signs.visited.is_some_and(|at| at >= started);
        let is_warm = self.clock.uptime().saturating_sub(uptime) >= WARM_UP;
        Ok(match vital::ailment(now, &signs) {
            _ if !has_worked && !is_warm => Condition::Unproved,
            Some(ailment) => Condition::Ill(ailment),
            None => Condition::Well,
        })
    }

    fn withhold(&mut self, ailment: Ailment) {
        if self.said != Said::Withheld(ailment) {
            tracing::warn!("the ping is withheld: {ailment}");
            self.said = Said::Withheld(ailment);
        }
    }

    /// `Err` says why it failed, without any part of the address.
    async fn ping(&self, catalog: &Catalog, spec: &PingSpec) -> Result<(), String> {
        let url =
            Url::parse(spec.url.reveal().trim()).map_err(|_| "the address is not understood".to_owned())?;
        let request = FetchRequest { url, validators: Validators::default() };
        match catalog.fetcher.fetch(&request).await {
            Ok(_) => Ok(()),
            Err(error) => match (error.status(), error.kind()) {
                (Some(200..=299), _) => Ok(()),
                (Some(status), _) => Err(format!("the server answered {status}")),
                (None, FailureKind::Refused) => {
                    Err("the address may not be visited; see [fetch] allow".to_owned())
                }
                (None, kind) => Err(format!("no answer ({})", kind.as_str())),
            },
        }
    }

    async fn record(&mut self, outcome: Result<(), String>) -> Result<(), StepError> {
        let now = self.clock.now();
        match &outcome {
            Ok(()) => {
                if matches!(self.said, Said::Withheld(_) | Said::Failing) {
                    tracing::info!("the ping succeeds again");
                }
                self.said = Said::Fine;
            }
            Err(why) => {
                if self.said != Said::Failing {
                    tracing::warn!("the ping failed, it is tried again: {why}");
                }
                self.said = Said::Failing;
            }
        }
        match self.store.settle_duty(now, Duty::Ping, outcome.err()).await {
            Err(error) if error.retry() == Retry::Never => Err(error.into()),
            // The next look at the store says so.
            Err(_) | Ok(()) => Ok(()),
        }
    }
}

/// The slowest step of a pinger: a fetch takes ten minutes at most, as the configuration bounds it.
pub(super) const SLOWEST: Duration = Duration::from_secs(15 * 60);
