//! The whole application on a manual clock: real configuration, store, HTTP and templates; mail into memory.

use std::{path::Path, time::Duration};

use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use wirewatch::{
    clock::Clock,
    config::{self, Config, Environment},
    daemon::{
        Canary, Catalog, Daemon, Janitor, Mailer, Pinger, Planner, Poller, Progress, Single, StepError,
        TransportSpec,
    },
    mail::{Identity, Memory, Sender},
    model::{Delivery, EventKind, FeedSpec, FeedState, OutboundMail, Subscription, Timestamp, time},
    store::Store,
};

use super::farm::{Farm, rss_item};

/// When tests begin: 2025-06-05 14:00 UTC, a Thursday.
pub const START: Timestamp = Timestamp::constant(1_749_132_000, 0);

/// See the module. Every test ends with [`TestApp::end`].
pub struct TestApp {
    pub dir: TempDir,
    pub farm: Farm,
    pub clock: Clock,
    pub memory: Memory,
    pub store: Store,
    /// In force, as the planner has them.
    pub subscriptions: Vec<Subscription>,
    config: String,
    feeds: Vec<FeedSpec>,
    poller: Poller,
    planner: Planner,
    mailer: Mailer,
    janitor: Janitor,
    daemon: Daemon,
}

/// The configuration every test starts from: loopback allowed, the built-in topics, an alert and a digest reader.
pub const CONFIG: &str = r#"
[state]
dir = "state"
[fetch]
allow = ["127.0.0.1"]
[[topic]]
use = "builtin:us-china-trade"
[[topic]]
use = "builtin:rare-earths"
[[topic]]
use = "builtin:leader-calls"
[[subscription]]
name = "desk"
to = ["desk@example.com"]
topics = ["rare-earths", "leader-calls"]
deliver = "alert"
[[subscription]]
name = "evening"
to = ["boss@example.com"]
topics = ["*"]
deliver = "digest"
at = ["18:00"]
zone = "UTC"
"#;

impl TestApp {
    /// An application with [`CONFIG`] and one feed of the farm for each path.
    pub async fn start(paths: &[&str]) -> Self {
        let farm = Farm::start();
        let feeds: String =
            paths.iter().map(|path| format!("[[feed]]\nurl = \"{}\"\n", farm.url(path))).collect();
        Self::with(farm, &format!("{CONFIG}{feeds}")).await
    }

    /// An application with this configuration.
    pub async fn with(farm: Farm, config: &str) -> Self {
        let sender = Sender::parse("Wirewatch <wirewatch@example.com>").unwrap();
        let memory = Memory::new(Identity::new(sender, "example.com", None).unwrap());
        Self::assemble(tempfile::tempdir().unwrap(), farm, Clock::manual(START), memory, config).await
    }

    /// The same application after the process was killed: nothing is finished, everything in memory is lost.
    pub async fn killed_and_restarted(self) -> Self {
        let config = self.config.clone();
        let (dir, farm, clock, memory) = self.into_parts().await;
        Self::assemble(dir, farm, clock, memory, &config).await
    }

    /// The same application, ended in order and started again.
    pub async fn stopped_and_restarted(mut self) -> Self {
        self.poller.drain().await.unwrap();
        self.killed_and_restarted().await
    }

    async fn assemble(dir: TempDir, farm: Farm, clock: Clock, memory: Memory, text: &str) -> Self {
        farm.keep_time(clock.clone());
        let path = dir.path().join("wirewatch.toml");
        std::fs::write(&path, text).unwrap();
        let (config, catalog) = load(&path, &clock, &memory);
        let subscriptions = catalog.subscriptions.clone();
        let store = Store::open(&config.state.dir).unwrap();
        let daemon = Daemon::build(store.clone(), clock.clone(), catalog).await.unwrap();
        let (poller, planner, mailer) = (daemon.poller(), daemon.planner(), daemon.mailer());
        let (feeds, config, janitor) = (config.feeds, text.to_owned(), daemon.janitor());
        Self {
            dir,
            farm,
            clock,
            memory,
            store,
            subscriptions,
            config,
            feeds,
            poller,
            planner,
            mailer,
            janitor,
            daemon,
        }
    }

    async fn into_parts(self) -> (TempDir, Farm, Clock, Memory) {
        let Self { dir, farm, clock, memory, store, poller, planner, mailer, janitor, daemon, .. } = self;
        drop((poller, planner, mailer, janitor, daemon));
        // The kernel takes the lock away from a killed process; here the threads must let go of it.
        store.close().await;
        (dir, farm, clock, memory)
    }

    /// Takes over another configuration, as a reload does.
    pub fn reload(&mut self, text: &str) {
        let path = self.dir.path().join("wirewatch.toml");
        std::fs::write(&path, text).unwrap();
        self.config = text.to_owned();
        let catalog = load(&path, &self.clock, &self.memory).1;
        self.subscriptions.clone_from(&catalog.subscriptions);
        self.daemon.replace_catalog(catalog);
    }

    /// Polls what is due, until nothing is.
    pub async fn poll(&mut self) {
        let never = CancellationToken::new();
        while self.poller.step(self.clock.now(), &never).await.unwrap() == Progress::Worked {}
    }

    /// Polls for so long: the clock goes from one instant at which something is due to the next.
    pub async fn poll_for(&mut self, span: Duration) {
        let (end, never) = (time::after(self.clock.now(), span), CancellationToken::new());
        while self.clock.now() < end {
            if let Progress::Idle { until } = self.poller.step(self.clock.now(), &never).await.unwrap() {
                let now = self.clock.now();
                let next = until.unwrap_or(end).clamp(time::after(now, Duration::from_millis(1)), end);
                self.clock.advance(time::between(now, next));
            }
        }
    }

    /// One step that begins what may begin and waits for nothing.
    pub async fn begin_visits(&mut self) {
        let at_once = CancellationToken::new();
        at_once.cancel();
        self.poller.step(self.clock.now(), &at_once).await.unwrap();
    }

    /// What is known of the feeds, in the order of the configuration.
    pub async fn feed_states(&self) -> Vec<FeedState> {
        self.store.sync_feeds(self.clock.now(), self.feeds.clone()).await.unwrap()
    }

    /// What happened to feeds, oldest first.
    pub async fn events(&self) -> Vec<(EventKind, String)> {
        let found = self.store.feed_events(START, 1_000).await.unwrap();
        found.into_iter().rev().map(|report| (report.event.kind, report.event.detail)).collect()
    }

    /// Begins the visits that are due, up to where `path` was asked for and has not answered yet.
    pub async fn poll_until_visiting(&mut self, path: &str) {
        let visits = self.farm.visits(path).len();
        let never = CancellationToken::new();
        tokio::select! {
            stepped = self.poller.step(self.clock.now(), &never) => panic!("nothing was to end: {stepped:?}"),
            () = self.farm.visited(path, visits + 1) => {}
        }
    }

    /// One step of the poller, which the store refuses.
    pub async fn poll_refused(&mut self) -> StepError {
        let never = CancellationToken::new();
        loop {
            match self.poller.step(self.clock.now(), &never).await {
                Ok(Progress::Worked) => {}
                Ok(idle) => panic!("the store was to refuse: {idle:?}"),
                Err(error) => return error,
            }
        }
    }

    /// Polls while `table` is missing, and puts it back.
    pub async fn poll_refused_by(&mut self, table: &str) {
        self.tamper(&format!("ALTER TABLE {table} RENAME TO aside"));
        self.poll_refused().await;
        self.tamper(&format!("ALTER TABLE aside RENAME TO {table}"));
    }

    /// Tidies until there is nothing to do; says until when.
    pub async fn tidy(&mut self) -> Option<Timestamp> {
        loop {
            if let Progress::Idle { until } = self.janitor.step(self.clock.now()).await.unwrap() {
                return until;
            }
        }
    }

    /// A pinger, which knows nothing of what others did.
    pub fn pinger(&self) -> Pinger {
        self.daemon.pinger()
    }

    /// The canary's task.
    pub fn canary(&self) -> Canary {
        self.daemon.canary()
    }

    /// One round, as `run --once` does it.
    pub async fn run_once(&self) {
        self.daemon.run_once().await.unwrap();
    }

    /// One visit to the feed at `path`, as an operator asks for it.
    pub async fn poll_single(&self, path: &str) -> Single {
        self.daemon.poll_one(&self.farm.url(path).parse().unwrap()).await.unwrap()
    }

    /// Changes the database behind the application's back.
    pub fn tamper(&self, sql: &str) {
        rusqlite::Connection::open(self.store.path()).unwrap().execute_batch(sql).unwrap();
    }

    /// Items in the store.
    pub fn stored_items(&self) -> usize {
        let store = rusqlite::Connection::open(self.store.path()).unwrap();
        store
            .query_row("SELECT count(*) FROM item", [], |row| row.get::<_, i64>(0))
            .unwrap()
            .try_into()
            .unwrap()
    }

    /// Begins the visits that are due, and is killed while `path` has not answered yet.
    pub async fn killed_while_visiting(mut self, path: &str) -> Self {
        self.poll_until_visiting(path).await;
        self.killed_and_restarted().await
    }

    /// Plans until nothing is due.
    pub async fn plan(&mut self) {
        while self.planner.step(self.clock.now()).await.unwrap() == Progress::Worked {}
    }

    /// Plans while `table` is missing, which the store refuses, and puts it back. What is refused stays pending.
    pub async fn plan_refused_by(&mut self, table: &str) -> Result<Progress, StepError> {
        self.tamper(&format!("ALTER TABLE {table} RENAME TO aside"));
        let stepped = self.planner.step(self.clock.now()).await;
        self.tamper(&format!("ALTER TABLE aside RENAME TO {table}"));
        stepped
    }

    /// One step of the planner: when it is to be called next, if nothing was due.
    pub async fn plan_once(&mut self) -> Progress {
        self.planner.step(self.clock.now()).await.unwrap()
    }

    /// Sends until nothing is due.
    pub async fn send(&mut self) {
        while self.mailer.step(self.clock.now()).await.unwrap() == Progress::Worked {}
    }

    /// Polls, plans and sends.
    pub async fn turn(&mut self) {
        self.plan().await;
        self.poll().await;
        self.plan().await;
        self.send().await;
    }

    /// Moves the clock, then polls, plans and sends.
    pub async fn after(&mut self, minutes: u64) {
        self.clock.advance(Duration::from_secs(minutes * 60));
        self.turn().await;
    }

    /// Mails handed over so far.
    pub fn mails(&self) -> Vec<OutboundMail> {
        self.memory.sent()
    }

    /// Subjects of the mails handed over so far.
    pub fn subjects(&self) -> Vec<String> {
        self.mails().into_iter().map(|mail| mail.subject).collect()
    }

    /// So many minutes before the start.
    pub fn ago(minutes: u64) -> Timestamp {
        time::before(START, Duration::from_secs(minutes * 60))
    }

    /// Plain news, number `n`, of half an hour before the start.
    pub fn news(n: u32) -> String {
        let (guid, link) = (format!("n-{n}"), format!("http://farm.example/n{n}"));
        rss_item(&guid, &format!("Harbour news {n}"), &link, Self::ago(30))
    }

    /// Asserts that no mail is left claimed.
    pub async fn end(mut self) {
        self.mailer.drain().await.unwrap();
        let leased = self.store.outbox(Some(wirewatch::model::MailState::Leased), 10).await.unwrap();
        assert!(leased.is_empty(), "left claimed: {leased:?}");
    }
}

fn load(path: &Path, clock: &Clock, memory: &Memory) -> (Config, Catalog) {
    let environment = Environment::of([]);
    let config = config::load(path, &environment, &config::read_outlines).unwrap_or_else(|e| panic!("{e}"));
    let mut catalog = Catalog::from_config(&config, &environment, clock.clone()).unwrap();
    catalog.transport = TransportSpec::Memory(memory.clone());
    // The clock stands still within a turn, so alerts wait for others only where a test is about that.
    if !std::fs::read_to_string(path).unwrap().contains("group_wait") {
        for subscription in &mut catalog.subscriptions {
            if let Delivery::Alert(policy) = &mut subscription.delivery {
                policy.group_wait = Duration::ZERO;
            }
        }
    }
    (config, catalog)
}
