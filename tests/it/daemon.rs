//! The real program as a service: signals, readiness, kill -9, two hundred feeds.

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    os::unix::net::UnixDatagram,
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread::{self, JoinHandle},
};

use tempfile::TempDir;

use crate::harness::{
    farm::{Farm, Page, rss_item},
    sink::Sink,
};

/// A running `wirewatch run`, with a stand-in for the service manager. Dropping it kills it.
struct Service {
    child: Child,
    manager: UnixDatagram,
    /// Reads what it says as it says it; a full pipe would stop it.
    log: Option<JoinHandle<String>>,
}

/// A folder with a configuration.
struct Home {
    dir: TempDir,
}

impl Home {
    fn new(config: &str) -> Self {
        let home = Self { dir: tempfile::tempdir().unwrap() };
        home.configure(config);
        home
    }

    fn config(&self) -> PathBuf {
        self.dir.path().join("wirewatch.toml")
    }

    fn configure(&self, config: &str) {
        fs::write(self.config(), config).unwrap();
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_wirewatch"));
        command.args(["run", "--config"]).arg(self.config()).stderr(Stdio::piped()).stdin(Stdio::null());
        command
            .env_remove("NOTIFY_SOCKET")
            .env_remove("JOURNAL_STREAM")
            .env("WIREWATCH_LOG", "wirewatch=info");
        command
    }

    fn start(&self) -> Service {
        let socket = self.dir.path().join("notify");
        let _ = fs::remove_file(&socket);
        let manager = UnixDatagram::bind(&socket).unwrap();
        manager.set_read_timeout(Some(std::time::Duration::from_secs(60))).unwrap();
        let mut command = self.command();
        command.env("NOTIFY_SOCKET", &socket).env("WATCHDOG_USEC", "3000000");
        let mut child = command.spawn().unwrap();
        let mut stderr = child.stderr.take().unwrap();
        let log = thread::spawn(move || {
            let mut said = String::new();
            stderr.read_to_string(&mut said).unwrap();
            said
        });
        let service = Service { child, manager, log: Some(log) };
        service.hears("READY=1");
        service
    }
}

impl Service {
    /// Waits until the service manager is told `state`; returns what was told before.
    fn hears(&self, state: &str) -> Vec<String> {
        let mut before = Vec::new();
        let mut buffer = [0; 4_096];
        loop {
            let n = self
                .manager
                .recv(&mut buffer)
                .unwrap_or_else(|e| panic!("{state} was never told: {e}; {before:?}"));
            let told = String::from_utf8_lossy(&buffer[..n]).into_owned();
            if told.lines().any(|line| line.starts_with(state)) {
                before.push(told);
                return before;
            }
            before.push(told);
        }
    }

    fn signal(&self, name: &str) {
        let status = Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and what it said and how it ended.
    fn stop(mut self) -> (ExitStatus, String) {
        self.signal("-TERM");
        let status = self.child.wait().unwrap();
        let said = self.log.take().unwrap().join().unwrap();
        (status, said)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(sink: &Sink, feeds: impl IntoIterator<Item = String>) -> String {
    let feeds: String = feeds.into_iter().map(|url| format!("[[feed]]\nurl = \"{url}\"\n")).collect();
    format!(
        "[state]\ndir = \"state\"\n\
         [mail]\nfrom = \"Wirewatch <wirewatch@example.com>\"\ntransport = \"smtp\"\n\
         smtp = {{ url = \"{}\", starttls = \"none\" }}\n\
         [fetch]\nallow = [\"127.0.0.1\"]\n\
         [[topic]]\nuse = \"builtin:rare-earths\"\n\
         [[subscription]]\nto = [\"desk@example.com\", \"night@example.com\"]\ntopics = [\"*\"]\ndeliver = \"alert\"\ngroup_wait = \"0s\"\n\
         {feeds}",
        sink.url()
    )
}

fn item(feed: usize, n: usize, title: &str) -> String {
    let now = jiff::Timestamp::from_second(fs_now()).unwrap();
    rss_item(&format!("{feed}-{n}"), title, &format!("http://f{feed}.example/{n}"), now)
}

/// The machine's time, as a file's; the tests themselves keep off clocks.
fn fs_now() -> i64 {
    let file = tempfile::NamedTempFile::new().unwrap();
    let modified = file.as_file().metadata().unwrap().modified().unwrap();
    i64::try_from(modified.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()).unwrap()
}

#[test]
fn two_hundred_feeds_every_matching_item_in_exactly_one_alert_a_recipient() {
    let (farm, sink) = (Farm::start(), Sink::start());
    let title = |feed: usize| format!("Rare earth prices rise again, note {feed:03}x");
    for feed in 0..200 {
        let page = Page::rss(&[item(feed, 0, &title(feed)), item(feed, 1, "Rain is expected")]);
        farm.set(&format!("/{feed}"), page);
    }
    let home = Home::new(&config(&sink, (0..200).map(|feed| farm.url(&format!("/{feed}")))));
    let service = home.start();
    for _ in 0..400 {
        sink.next();
    }
    let (status, said) = service.stop();
    assert!(status.success(), "{said}");
    let mut alerts: BTreeMap<(String, usize), usize> = BTreeMap::new();
    for mail in sink.mails() {
        for feed in (0..200).filter(|feed| mail.message.contains(&format!("note {feed:03}x"))) {
            *alerts.entry((mail.to.clone(), feed)).or_default() += 1;
        }
    }
    assert_eq!(alerts.len(), 400);
    assert!(alerts.values().all(|times| *times == 1));
}

#[test]
fn killed_while_the_mail_server_thinks_the_mail_goes_again_under_the_same_message_id() {
    let (farm, sink) = (Farm::start(), Sink::start());
    farm.set("/a", Page::rss(&[item(1, 0, "Rare earth exports resume")]));
    let home = Home::new(&config(&sink, [farm.url("/a")]).replace(", \"night@example.com\"", ""));
    sink.be_silent(true);
    let service = home.start();
    let first = sink.next();
    service.kill();
    sink.be_silent(false);
    let service = home.start();
    let second = sink.next();
    assert!(service.stop().0.success());
    assert_eq!(first.header("Message-ID"), second.header("Message-ID"));
    assert!(first.header("Message-ID").is_some());
    let service = home.start();
    assert!(service.stop().0.success());
    assert_eq!(sink.mails().len(), 2, "once it is recorded it is over");
}

#[test]
fn killed_at_any_moment_nothing_is_lost() {
    let (farm, sink) = (Farm::start(), Sink::start());
    let paths: Vec<String> = (0..10).map(|feed| format!("/{feed}")).collect();
    for (feed, path) in paths.iter().enumerate() {
        let items: Vec<String> = (0..5)
            .map(|n| item(feed, n, &format!("Export curbs on gallium and germanium {feed}-{n}y")))
            .collect();
        farm.set(path, Page::rss(&items));
    }
    let home = Home::new(&config(&sink, paths.iter().map(|path| farm.url(path))));
    // Each round is killed after so many mails: early, in the middle of a batch, late.
    for mails in [0, 1, 7, 20, 33] {
        let service = home.start();
        for _ in 0..mails {
            sink.next();
        }
        service.kill();
    }
    let service = home.start();
    let all: Vec<String> = (0..10).flat_map(|feed| (0..5).map(move |n| format!("{feed}-{n}y"))).collect();
    let missing = || {
        let mails = sink.mails();
        let got =
            |to: &str, item: &String| mails.iter().any(|mail| mail.to == to && mail.message.contains(item));
        all.iter().any(|item| !got("desk@example.com", item) || !got("night@example.com", item))
    };
    while missing() {
        sink.next();
    }
    assert!(service.stop().0.success());
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    for mail in sink.mails() {
        *ids.entry(mail.header("Message-ID").unwrap()).or_default() += 1;
    }
    assert_eq!(ids.len(), 100, "a mail that goes twice keeps its Message-ID");
    let twice: usize = ids.values().map(|times| times - 1).sum();
    assert!(twice <= 5, "at most the mail under way at each kill goes twice, not {twice}");
}

#[test]
fn a_bad_configuration_does_not_take_a_running_service_down() {
    let (farm, sink) = (Farm::start(), Sink::start());
    farm.set("/a", Page::rss(&[item(1, 0, "Rain")]));
    farm.set("/b", Page::rss(&[item(2, 0, "Rare earth magnets are scarce")]));
    let good = config(&sink, [farm.url("/a")]).replace(", \"night@example.com\"", "");
    let home = Home::new(&good);
    let service = home.start();
    home.configure(&format!("{good}\n[[feeed]]\n"));
    service.signal("-HUP");
    service.hears("RELOADING=1");
    let told = service.hears("READY=1").concat();
    assert!(told.contains("STATUS=reload refused"), "{told}");
    home.configure(&format!("{good}\n[[feed]]\nurl = \"{}\"\n", farm.url("/b")));
    service.signal("-HUP");
    service.hears("RELOADING=1");
    service.hears("READY=1");
    assert!(sink.next().message.contains("magnets"), "the feed that came with the reload is polled");
    let (status, said) = service.stop();
    assert!(status.success());
    assert!(
        said.contains("wirewatch.toml:") && said.contains("feeed"),
        "file, line and what is wrong: {said}"
    );
}

#[test]
fn a_bad_template_is_refused_at_a_reload_and_the_old_ones_stay() {
    let (farm, sink) = (Farm::start(), Sink::start());
    farm.set("/b", Page::rss(&[item(2, 0, "Rare earth magnets are scarce")]));
    let templates = tempfile::tempdir().unwrap();
    let subject = templates.path().join("alert/subject.txt");
    std::fs::create_dir(templates.path().join("alert")).unwrap();
    std::fs::write(&subject, "Mine: {{ subject.headline }}").unwrap();
    let own = format!("[mail]\ntemplates = \"{}\"", templates.path().display());
    let good = config(&sink, []).replace(", \"night@example.com\"", "").replace("[mail]", &own);
    let home = Home::new(&good);
    let service = home.start();
    std::fs::write(&subject, "Bad: {{ subject.headline }} {{ nothing }}").unwrap();
    home.configure(&format!("{good}\n[[feed]]\nurl = \"{}\"\n", farm.url("/b")));
    service.signal("-HUP");
    service.hears("RELOADING=1");
    let told = service.hears("READY=1").concat();
    assert!(
        told.contains("STATUS=reload refused") && told.contains("alert/subject.txt:1: error: "),
        "{told}"
    );
    assert_eq!(farm.visits("/b").len(), 0, "nothing of the refused configuration is in force");
    std::fs::write(&subject, "Good: {{ subject.headline }}").unwrap();
    service.signal("-HUP");
    service.hears("RELOADING=1");
    service.hears("READY=1");
    assert!(sink.next().message.contains("Subject: Good: Rare earth magnets are scarce"));
    assert!(service.stop().0.success());
}

#[test]
fn the_watchdog_is_fed_and_stopping_is_told() {
    let (farm, sink) = (Farm::start(), Sink::start());
    farm.set("/a", Page::hanging());
    let home = Home::new(&config(&sink, [farm.url("/a")]));
    let mut service = home.start();
    service.hears("WATCHDOG=1");
    service.signal("-TERM");
    service.hears("STOPPING=1");
    // The feed never answers; a second request ends the wait for it.
    service.signal("-TERM");
    assert!(service.child.wait().unwrap().success());
}

#[test]
fn a_second_daemon_on_one_state_directory_is_refused_with_the_holders_pid() {
    let (farm, sink) = (Farm::start(), Sink::start());
    let home = Home::new(&config(&sink, [farm.url("/a")]));
    let service = home.start();
    let second = home.command().output().unwrap();
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("pid {}", service.child.id())), "{said}");
    assert!(service.stop().0.success());
}

#[test]
fn the_log_says_what_an_operator_needs_and_nothing_of_the_recipients() {
    let (farm, sink) = (Farm::start(), Sink::start());
    farm.set("/a", Page::rss(&[item(1, 0, "Rare earth magnets are scarce")]));
    let home = Home::new(&config(&sink, [farm.url("/a"), farm.url("/missing")]));
    let service = home.start();
    sink.next();
    sink.next();
    let (_, said) = service.stop();
    for want in ["wirewatch is running", "/missing", "404", "mail handed over", "wirewatch has stopped"] {
        assert!(said.contains(want), "{want}: {said}");
    }
    assert!(!said.contains("desk@example.com"), "addresses are masked: {said}");
}

#[test]
fn the_service_pings_while_it_runs_and_says_nowhere_whom() {
    let (farm, sink) = (Farm::start(), Sink::start());
    farm.set("/ping/key-77", Page::ok("text/plain", "OK"));
    let ping = format!("[operator]\nping = {{ url = \"{}\" }}\n", farm.url("/ping/key-77"));
    let home = Home::new(&format!("{}{ping}", config(&sink, [farm.url("/a")])));
    let service = home.start();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(farm.visited("/ping/key-77", 1));
    let (status, said) = service.stop();
    assert!(status.success() && !said.contains("key-77"), "{said}");
}

#[test]
fn a_feed_that_makes_the_parser_break_down_leaves_no_back_trace_in_the_log() {
    let (farm, sink) = (Farm::start(), Sink::start());
    let broken = "<rss version=\"2.0\" xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\"><channel><item>\
                  <title>Rare earth magnets, the podcast</title>\
                  <itunes:duration>99999999999999999999999</itunes:duration></item></channel></rss>";
    farm.set("/a", Page::ok("application/rss+xml", broken));
    let home = Home::new(
        &config(&sink, [farm.url("/a")]).replace("[fetch]", "[poll]\non_add = \"last:1\"\n[fetch]"),
    );
    let ran = home.command().arg("--once").output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(ran.status.success(), "{said}");
    assert_eq!(sink.mails().len(), 2, "it is read without its extensions: {said}");
    assert!(!said.contains("panicked"), "{said}");
}
