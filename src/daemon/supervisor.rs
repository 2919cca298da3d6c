//! The supervisor: starts the tasks, hears signals, feeds the watchdog, and ends everything in order.
//!
//! **Invariant:** a task that ends on its own ends the process with an error, and the service manager starts it anew.
//! **Invariant:** the watchdog is fed only while every loop is fresh and the store answers.
//! **Invariant:** a reload takes effect whole or not at all.

use std::{sync::Arc, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    task::JoinSet,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{Catalog, Daemon, Heartbeat, Pulse, StepError, canary, pinger};
use crate::systemd::{self, ServiceState};

/// How long tasks may take to finish what they began, once asked to stop. Below `TimeoutStopSec=` of the unit.
const DRAIN: Duration = Duration::from_secs(20);
/// How old the loops' heartbeats may get: what the slowest single step takes, and some.
const POLLER_BOUND: Duration = Duration::from_secs(5 * 60);
const PLANNER_BOUND: Duration = Duration::from_secs(5 * 60);
const MAILER_BOUND: Duration = Duration::from_secs(30 * 60);
const JANITOR_BOUND: Duration = Duration::from_secs(10 * 60);
/// The store must answer within this, or the watchdog is not fed.
const STORE_ANSWERS: Duration = Duration::from_secs(10);
/// Status line and watchdog are renewed this often when the service manager sets no shorter time.
const TICK: Duration = Duration::from_secs(30);

/// What the outside asks of a running daemon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Finish what is under way and end. Twice: end at once.
    Stop,
    /// Read the configuration anew.
    Reload,
}

/// Where [`Event`]s come from.
#[derive(Debug)]
pub enum Events {
    /// SIGTERM and SIGINT stop, SIGHUP reloads.
    Signals {
        /// SIGTERM.
        terminate: Signal,
        /// SIGINT.
        interrupt: Signal,
        /// SIGHUP.
        hangup: Signal,
    },
    /// Whoever holds the sending end; dropping it stops.
    Channel(mpsc::Receiver<Event>),
}

impl Events {
    /// The process's signals.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn signals() -> std::io::Result<Self> {
        Ok(Self::Signals {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Event {
        match self {
            Self::Signals { terminate, interrupt, hangup } => tokio::select! {
                _ = terminate.recv() => Event::Stop,
                _ = interrupt.recv() => Event::Stop,
                _ = hangup.recv() => Event::Reload,
            },
            Self::Channel(events) => events.recv().await.unwrap_or(Event::Stop),
        }
    }
}

/// Reads the configuration anew; the error is for the log, a line each.
pub type Reload = Box<dyn Fn() -> Result<Catalog, String> + Send + Sync>;

impl Daemon {
    /// Runs until told to stop.
    ///
    /// # Errors
    /// When a task ended on its own; what it was doing is undone or will be repeated.
    pub async fn run(self, mut events: Events, reload: Reload) -> Result<(), StepError> {
        let (soft, reload) = (CancellationToken::new(), Arc::new(reload));
        let tracker = TaskTracker::new();
        let (mut tasks, heartbeats) = self.start(&tracker, &soft);
        self.tell_status(None).await;
        systemd::notify(&ServiceState::Ready);
        let feeds = self.catalogs.borrow().feeds.len();
        tracing::info!(feeds, "wirewatch is running with {feeds} feeds");
        let tick = systemd::watchdog_interval().map_or(TICK, |interval| TICK.min(interval / 3));
        let (mut ended, mut refused) = (None, None);
        while ended.is_none() {
            tokio::select! {
                event = events.next() => match event {
                    Event::Stop => break,
                    Event::Reload => refused = self.reload(&reload).await,
                },
                done = tasks.join_next() => ended = done,
                () = self.clock.sleep(tick) => self.tick(&heartbeats, refused.as_deref()).await,
            }
        }
        systemd::notify(&ServiceState::Stopping);
        let outcome = match ended {
            None | Some(Ok((_, Ok(())))) => Ok(()),
            Some(Ok((task, Err(error)))) => {
                tracing::error!(task, "the {task} ended, wirewatch stops: {error}");
                Err(error)
            }
            Some(Err(panic)) => {
                tracing::error!("a task broke down, wirewatch stops: {panic}");
                Err(StepError::Broken)
            }
        };
        self.stop(&mut events, &soft, tasks).await;
        tracker.close();
        self.store.close().await;
        tracing::info!("wirewatch has stopped");
        outcome
    }

    fn start(&self, tracker: &TaskTracker, soft: &CancellationToken) -> (Tasks, Vec<Heartbeat>) {
        let mut tasks = Tasks::new();
        let pulse =
            |task, bound| Pulse::new(Heartbeat::new(task, bound, self.clock.clone()), self.clock.clone());
        let pulses = [
            pulse("poller", POLLER_BOUND),
            pulse("planner", PLANNER_BOUND),
            pulse("mailer", MAILER_BOUND),
            pulse("janitor", JANITOR_BOUND),
            pulse("pinger", pinger::SLOWEST),
            pulse("canary", canary::SLOWEST),
        ];
        let heartbeats: Vec<Heartbeat> = pulses.iter().map(|pulse| pulse.heartbeat.clone()).collect();
        let [poller, planner, mailer, janitor, pinger, canary] = pulses;
        let named = |name, run| tracker.track_future(async move { (name, run.await) });
        let (p, l, m, j) = (self.poller(), self.planner(), self.mailer(), self.janitor());
        tasks.spawn(named("poller", Box::pin(p.run(soft.clone(), poller)) as Running));
        tasks.spawn(named("planner", Box::pin(l.run(soft.clone(), planner)) as Running));
        tasks.spawn(named("mailer", Box::pin(m.run(soft.clone(), mailer)) as Running));
        tasks.spawn(named("janitor", Box::pin(j.run(soft.clone(), janitor)) as Running));
        let (p, c) = (self.pinger().watching(heartbeats.clone()), self.canary());
        tasks.spawn(named("pinger", Box::pin(p.run(soft.clone(), pinger)) as Running));
        tasks.spawn(named("canary", Box::pin(c.run(soft.clone(), canary)) as Running));
        (tasks, heartbeats)
    }

    /// First phase: every task finishes what it began. Second phase, after [`DRAIN`] or a second request: the rest
    /// is dropped; what was not recorded is repeated at the next start.
    async fn stop(&self, events: &mut Events, soft: &CancellationToken, mut tasks: Tasks) {
        soft.cancel();
        let clock = self.clock.clone();
        let deadline = clock.sleep(DRAIN);
        tokio::pin!(deadline);
        while !tasks.is_empty() {
            tokio::select! {
                done = tasks.join_next() => {
                    if let Some(Ok((task, Err(error)))) = done {
                        tracing::error!(task, "the {task} failed while stopping: {error}");
                    }
                }
                event = events.next() => {
                    if event == Event::Stop {
                        break;
                    }
                }
                () = &mut deadline => break,
            }
        }
        if !tasks.is_empty() {
            tracing::warn!(
                tasks.left = tasks.len(),
                "stopping without waiting any longer for {} tasks",
                tasks.len()
            );
            tasks.shutdown().await;
        }
    }

    /// Puts the configuration anew into force; `Some` says why it was refused.
    async fn reload(&self, reload: &Arc<Reload>) -> Option<String> {
        systemd::notify(&ServiceState::Reloading);
        let load = reload.clone();
        let loaded = tokio::task::spawn_blocking(move || load()).await;
        let refused = match loaded {
            Ok(Ok(catalog)) => {
                let feeds = catalog.feeds.len();
                tracing::info!(feeds, "configuration reloaded: {feeds} feeds");
                self.replace_catalog(catalog);
                None
            }
            Ok(Err(problems)) => {
                for line in problems.lines() {
                    tracing::error!("{line}");
                }
                tracing::error!("the new configuration is refused; the old one stays in force");
                let first = problems.lines().next().unwrap_or_default();
                Some(format!("reload refused, old configuration in force: {first}"))
            }
            Err(panic) => {
                tracing::error!("reload broke down, the old configuration stays in force: {panic}");
                Some("reload broke down, old configuration in force".to_owned())
            }
        };
        self.tell_status(refused.as_deref()).await;
        systemd::notify(&ServiceState::Ready);
        refused
    }

    /// One line for `systemctl status`; while a configuration is refused, it says that first.
    async fn tell_status(&self, refused: Option<&str>) {
        if let Ok(Ok(report)) = tokio::time::timeout(STORE_ANSWERS, self.store.queue()).await {
            let (feeds, failing) = (self.catalogs.borrow().feeds.len(), report.failing);
            let mails = format!("{} mails wait, {} given up", report.queued, report.dead);
            systemd::notify(&ServiceState::Status(format!(
                "{}{feeds} feeds, {failing} failing; {mails}",
                refused.map_or(String::new(), |why| format!("{why}; "))
            )));
        }
    }

    async fn tick(&self, heartbeats: &[Heartbeat], refused: Option<&str>) {
        let stale: Vec<&str> = heartbeats.iter().filter(|h| !h.is_fresh()).map(|h| h.task).collect();
        let answer = tokio::time::timeout(STORE_ANSWERS, self.store.ping()).await;
        self.tell_status(refused).await;
        match (stale.is_empty(), answer) {
            (true, Ok(Ok(()))) => systemd::notify(&ServiceState::Alive),
            (fresh, answer) => tracing::error!(
                tasks.stale = ?stale, tasks.fresh = fresh, store.answers = matches!(answer, Ok(Ok(()))),
                "no progress; the watchdog is not fed"
            ),
        }
    }
}

type Tasks = JoinSet<(&'static str, Result<(), StepError>)>;
type Running = std::pin::Pin<Box<dyn Future<Output = Result<(), StepError>> + Send>>;
