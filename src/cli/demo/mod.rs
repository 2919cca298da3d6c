//! `wirewatch demo`: the real daemon against sample feeds on a loopback port.
//!
//! Data in: a folder. Data out: a configuration, a database and a Maildir in it, and a report on standard output.
//!
//! **Invariant:** nothing here fetches, matches or mails by itself; the daemon does, over HTTP, on a clock that is
//! moved ahead so that nobody has to wait for the second poll and the digest.

mod server;

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use anyhow::{Context, bail, ensure};
use jiff::tz::TimeZone;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use self::server::Server;
use super::{
    ConfigArg, DemoArgs, Outcome,
    output::{self, say},
    setup,
};
use crate::{
    clock::Clock,
    daemon::{Daemon, Event, Events},
    model::{MailState, OutboxReport, Timestamp, time},
    store::Store,
};

/// Marks a folder as a demo's, so that the next demo may clear it.
const MARKER: &str = ".wirewatch-demo";
/// Zone of the digest's reader.
const ZONE: &str = "Asia/Shanghai";
/// From the start to the digest, on the demo's clock.
const DIGEST_AHEAD: Duration = Duration::from_secs(40 * 60);
/// From the first poll to the second: more than the interval and its jitter, less than a failed feed's backoff.
const SECOND_POLL_AHEAD: Duration = Duration::from_secs(17 * 60 + 30);
/// How often the demo looks whether the daemon is done, and when it gives up.
const LOOK: Duration = Duration::from_millis(50);
const PATIENCE: u32 = 1_200;
/// Rows looked at in listings.
const MANY: usize = 1_000;

pub(super) async fn demo(args: &DemoArgs) -> Outcome {
    if std::env::var_os("WIREWATCH_LOG").is_some() {
        setup::start_log();
    }
    let dir = prepare(&args.dir)?;
    let clock = Clock::shifted();
    let tracker = TaskTracker::new();
    let server = Server::start(clock.now(), &tracker).await?;
    let path = dir.join("wirewatch.toml");
    fs::write(&path, configuration(&dir, &server, clock.now()))?;
    say!("wirewatch demo in {}", dir.display());
    say!("configuration: {}", path.display());
    say!("sample feeds:  {} (served on this machine only)\n", server.url("/"));

    let config = ConfigArg { config: Some(path) }.load()?;
    let catalog = setup::catalog(&config, clock.clone())?;
    let store = Store::open(&config.state.dir)?;
    let daemon = Daemon::build(store.clone(), clock.clone(), catalog).await?;
    let (events, heard) = mpsc::channel(1);
    let never = Box::new(|| Err("the demo does not reload".to_owned()));
    let running = tracker.spawn(daemon.run(Events::Channel(heard), never));

    let show = Show { store, clock, server, maildir: config.state.dir.join("maildir") };
    let shown = show.all().await;
    let _ = events.send(Event::Stop).await;
    running.await.context("the daemon broke down")??;
    shown?;
    Ok(ExitCode::SUCCESS)
}

/// A new or empty folder, or an earlier demo's, emptied.
fn prepare(dir: &Path) -> anyhow::Result<PathBuf> {
    let marker = dir.join(MARKER);
    if marker.exists() {
        fs::remove_dir_all(dir).with_context(|| format!("cannot clear {}", dir.display()))?;
    } else if dir.exists() && fs::read_dir(dir)?.next().is_some() {
        bail!("{} is not empty and no demo's; name another folder with --dir", dir.display());
    }
    fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
    fs::write(marker, "")?;
    Ok(dir.canonicalize()?)
}

fn configuration(dir: &Path, server: &Server, now: Timestamp) -> String {
    let zone = TimeZone::get(ZONE).unwrap_or(TimeZone::UTC);
    let digest_at = time::after(now, DIGEST_AHEAD).to_zoned_datetime(zone).strftime("%H:%M").to_string();
    let mut text = format!(
        r#"# Written by `wirewatch demo`.
[state]
dir = {dir}

[mail]
from = "Wirewatch <wirewatch@example.com>"
operator = ["ops@example.com"]
transport = "maildir"

[poll]
interval = "15m"
on_add = "since:24h"

[fetch]
allow = ["127.0.0.1"]   # the sample feeds; without this line private addresses are refused

[[topic]]
use = "builtin:us-china-trade"
[[topic]]
use = "builtin:rare-earths"
[[topic]]
use = "builtin:leader-calls"
[[topic]]
name = "port-fees"
title = "Port fees"
any = ["port fee(s)", "Hafengebühr(en)"]

[[subscription]]
name = "desk"
to = ["desk@example.com"]
topics = ["us-china-trade", "leader-calls"]
deliver = "alert"
group_wait = "0s"       # the demo waits for nobody
zone = "Europe/London"

[[subscription]]
name = "morning"
to = ["boss@example.com"]
topics = ["*"]
deliver = "digest"
at = ["{digest_at}"]
zone = "{ZONE}"
when_empty = "send"
"#,
        dir = toml::Value::from(dir.join("state").display().to_string()),
    );
    for path in server.paths() {
        text.push_str(&format!("\n[[feed]]\nurl = \"{}\"\n", server.url(path)));
    }
    text
}

struct Show {
    store: Store,
    clock: Clock,
    server: Server,
    maildir: PathBuf,
}

impl Show {
    async fn all(&self) -> anyhow::Result<()> {
        let feeds = self.server.paths().count();
        self.until("the first poll", async || {
            let reports = self.store.feeds(MANY).await?;
            Ok(reports.len() == feeds
                && reports.iter().all(|feed| feed.last_poll_at.is_some())
                && self.idle().await?)
        })
        .await?;
        self.first_poll().await?;
        let mails = self.sent().await?.len();
        let items = self.store.status().await?.items;

        self.clock.advance(SECOND_POLL_AHEAD);
        self.until("the second poll", async || {
            Ok(self.server.good_paths().all(|path| self.server.visits(path).len() > 1))
        })
        .await?;
        self.until("the second poll to be recorded", async || self.idle().await).await?;
        say!("== Second poll ({} later on the demo's clock) ==", minutes(SECOND_POLL_AHEAD));
        for path in self.server.good_paths() {
            let status = self.server.visits(path).get(1).copied().unwrap_or_default();
            say!("{status}  {path}");
            ensure!(status == 304, "{path} answered {status} to the second poll instead of 304");
        }
        let repeats = self.store.status().await?.items - items;
        let again = self.sent().await?.len() - mails;
        say!("{repeats} new items, {again} new mails: nothing is announced twice\n");
        ensure!(repeats == 0 && again == 0, "the second poll announced something again");

        self.clock
            .advance(DIGEST_AHEAD.saturating_sub(SECOND_POLL_AHEAD).saturating_add(Duration::from_secs(60)));
        self.until("the digest", async || Ok(self.sent().await?.iter().any(|mail| mail.kind == "digest")))
            .await?;
        self.mails().await
    }

    async fn first_poll(&self) -> anyhow::Result<()> {
        say!("== First poll ==");
        let rows = self.store.feeds(MANY).await?.into_iter().map(|feed| {
            let result =
                feed.last_failure.map_or("ok".to_owned(), |(_, message)| format!("failed: {message}"));
            vec![feed.title.unwrap_or_default(), feed.items.to_string(), feed.url, result]
        });
        output::table(&["feed", "items", "url", "result"], rows.collect())?;
        say!("\n== What matched ==");
        let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for item in self.store.items_after(None, MANY).await? {
            for topic in &item.topics {
                found.entry(topic.to_string()).or_default().push(item.title.clone());
            }
        }
        for (topic, titles) in found {
            say!("{topic}");
            for title in titles {
                say!("  - {title}");
            }
        }
        say!();
        Ok(())
    }

    async fn mails(&self) -> anyhow::Result<()> {
        say!("== Mail ==");
        let mut digest = None;
        for mail in self.sent().await?.into_iter().rev() {
            let path = self.path_of(&mail)?;
            say!("{}  to {}\n  {}\n  {}", mail.kind, mail.to.address(), mail.subject, path.display());
            if mail.kind == "digest" {
                digest = Some(mail);
            }
        }
        let digest = digest.context("no digest was sent")?;
        let leased = self.store.mail(digest.id.clone()).await?.context("the digest is gone")?;
        say!("\n== The digest in full (text part) ==");
        say!("To: {}\nSubject: {}\n\n{}", leased.to.address(), leased.subject, leased.text);
        say!("\nRead the mails with any reader of Maildirs, for example: mutt -f {}", self.maildir.display());
        Ok(())
    }

    fn path_of(&self, mail: &OutboxReport) -> anyhow::Result<PathBuf> {
        for entry in fs::read_dir(self.maildir.join("new"))? {
            let path = entry?.path();
            if path.file_name().is_some_and(|name| name.to_string_lossy().contains(&mail.id.0)) {
                return Ok(path);
            }
        }
        bail!("the mail {} is not in {}", mail.id, self.maildir.display())
    }

    async fn sent(&self) -> anyhow::Result<Vec<OutboxReport>> {
        Ok(self.store.outbox(Some(MailState::Sent), MANY).await?)
    }

    /// No alert waits to be planned and no mail waits to be sent.
    async fn idle(&self) -> anyhow::Result<bool> {
        let alerts = self.store.pending(MANY).await?.iter().any(|p| p.route.subscription.as_str() == "desk");
        Ok(!alerts && self.store.status().await?.queued == 0)
    }

    async fn until(&self, what: &str, done: impl AsyncFn() -> anyhow::Result<bool>) -> anyhow::Result<()> {
        for _ in 0..PATIENCE {
            if done().await? {
                return Ok(());
            }
            self.clock.sleep_until(time::after(self.clock.now(), LOOK)).await;
        }
        bail!("gave up waiting for {what}")
    }
}

fn minutes(duration: Duration) -> String {
    format!("{} min", duration.as_secs() / 60)
}
