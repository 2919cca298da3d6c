//! Secrets by origin, and where nobody may lead us.

use std::{
    io,
    net::TcpListener,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{Arc, Mutex},
};

use tracing_subscriber::fmt::MakeWriter;

use super::*;

const CANARY: &str = "canary7f3a";
/// `desk:canary7f3a` as Basic sends it.
const ENCODED: &str = "ZGVzazpjYW5hcnk3ZjNh";

/// A log kept in memory.
#[derive(Clone, Default)]
pub(crate) struct Log(pub(crate) Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

fn holds_secret(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    text.contains(CANARY) || text.contains(ENCODED)
}

fn secret_file(dir: &Path) -> String {
    let path = dir.join("secret");
    std::fs::write(&path, CANARY).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    format!("{{ file = \"{}\" }}", path.display())
}

#[tokio::test]
async fn secrets_reach_their_origin_and_no_other_place_at_all() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_max_level(tracing::Level::TRACE);
    let guard = tracing::subscriber::set_default(subscriber.finish());
    let dir = tempfile::tempdir().unwrap();
    let secret = secret_file(dir.path());
    let (farm, elsewhere) = (Farm::start(), Farm::start());
    elsewhere.set("/feed", feed(3));
    farm.set("/basic", feed(1));
    farm.set("/away", Page::status(301).with("Location", &elsewhere.url("/feed")));
    farm.set("/refused", Page::status(401).with("WWW-Authenticate", "Basic"));
    let login = format!("basic = {{ user = \"desk\", password = {secret} }}");
    let feeds = [
        entry(&farm, "/basic", &format!("{login}\ncookie = {secret}\nheaders = {{ X-Api-Key = {secret} }}")),
        entry(&farm, "/away", &format!("bearer = {secret}\ncookie = {secret}")),
        entry(&farm, "/refused", &login),
        entry(&farm, "/open", ""),
    ]
    .concat();
    farm.set("/open", feed(4));
    let config = format!("{CONFIG}{feeds}[mail]\noperator = [\"ops@example.com\"]\n");
    let mut app = TestApp::with(farm, &config).await;
    app.turn().await;
    for _ in 0..6 {
        app.after(120).await;
    }
    let field = |path: &str, name: &str| app.farm.visits(path)[0].header(name).map(str::to_owned);
    assert_eq!(field("/basic", "authorization").as_deref(), Some(&*format!("Basic {ENCODED}")));
    assert_eq!(field("/basic", "cookie").as_deref(), Some(CANARY));
    assert_eq!(field("/basic", "x-api-key").as_deref(), Some(CANARY));
    assert_eq!(field("/away", "authorization").as_deref(), Some(&*format!("Bearer {CANARY}")));
    assert!(app.farm.visits("/open").iter().all(|visit| !holds_secret(format!("{visit:?}").as_bytes())));
    // The redirect was adopted by now, and still nothing is told to where it leads.
    assert!(app.events().await.iter().any(|(kind, _)| *kind == EventKind::Moved));
    assert!(elsewhere.visits("/feed").len() >= 6);
    assert!(!holds_secret(format!("{:?}", elsewhere.log()).as_bytes()));
    let mails: Vec<String> = app.mails().iter().map(|mail| format!("{mail:?}")).collect();
    assert!(
        mails.iter().any(|mail| mail.contains("401 Unauthorized")),
        "the failure itself is told: {mails:?}"
    );
    assert!(!holds_secret(mails.concat().as_bytes()));
    assert!(!holds_secret(format!("{:?}", app.events().await).as_bytes()));
    drop(guard);
    let logged = log.0.lock().unwrap().clone();
    assert!(!logged.is_empty() && !holds_secret(&logged), "{}", String::from_utf8_lossy(&logged));
    let state = app.store.path().parent().unwrap().to_owned();
    app.store.close().await;
    for file in std::fs::read_dir(state).unwrap() {
        let path = file.unwrap().path();
        assert!(!holds_secret(&std::fs::read(&path).unwrap()), "{}", path.display());
    }
}

/// A port of loopback to which nobody may connect.
struct Canary(TcpListener);

impl Canary {
    fn on(address: &str) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    fn port(&self) -> u16 {
        self.0.local_addr().unwrap().port()
    }

    fn assert_untouched(&self) {
        assert_eq!(self.0.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}

/// Ways to write addresses behind which somebody's own network may be. `PORT` is a canary's.
const INSIDE: [&str; 26] = [
    "http://127.0.0.1:PORT/",
    "http://127.0.0.2:PORT/",
    "http://127.1:PORT/",
    "http://2130706433:PORT/",
    "http://0x7f000001:PORT/",
    "http://0x7f.0.0.1:PORT/",
    "http://0177.0.0.1:PORT/",
    "http://017700000001:PORT/",
    "http://127.0.0.1.:PORT/",
    "http://0.0.0.0:PORT/",
    "http://0:PORT/",
    "http://[::]:PORT/",
    "http://[::1]:PORT/",
    "http://[::ffff:127.0.0.1]:PORT/",
    "http://[::ffff:7f00:1]:PORT/",
    "http://[::127.0.0.1]:PORT/",
    "http://[64:ff9b::127.0.0.1]:PORT/",
    "http://[64:ff9b:1::7f00:1]:PORT/",
    "http://[2002:7f00:1::]:PORT/",
    "http://[2001:0:7f00:1::]:PORT/",
    "http://169.254.169.254/latest/meta-data/",
    "http://[fe80::1]:PORT/",
    "http://[fd00:ec2::254]/latest/meta-data/",
    "http://100.100.100.200/latest/meta-data/",
    "http://localhost:PORT/",
    "https://localhost:PORT/",
];

#[tokio::test]
async fn nobody_leads_us_into_a_network_of_our_own() {
    let canaries = [Canary::on("127.0.0.1:0"), Canary::on("127.0.0.2:0"), Canary::on("[::1]:0")];
    let farm = Farm::start();
    let targets: Vec<String> = INSIDE
        .iter()
        .flat_map(|target| canaries.iter().map(|canary| target.replace("PORT", &canary.port().to_string())))
        .chain(
            ["file:///etc/passwd", "gopher://127.0.0.1:70/", "data:text/xml,<rss/>", "ftp://127.0.0.1/"]
                .map(str::to_owned),
        )
        .collect();
    let mut feeds = String::new();
    for (n, target) in targets.iter().enumerate() {
        farm.set(&format!("/{n}"), Page::status(302).with("Location", target));
        feeds += &entry(&farm, &format!("/{n}"), "");
    }
    let direct: std::collections::BTreeSet<String> = targets
        .iter()
        .filter(|target| target.starts_with("http"))
        .map(|target| url::Url::parse(target).unwrap().to_string())
        .collect();
    feeds.extend(direct.iter().map(|url| format!("[[feed]]\nurl = \"{url}\"\n")));
    let config = format!("{CONFIG}{feeds}")
        .replace("allow = [\"127.0.0.1\"]", &format!("allow = [\"{}\"]", farm.authority()));
    let mut app = TestApp::with(farm, &config).await;
    app.poll_for(12 * MINUTE).await;
    let found = app.store.feeds(1_000).await.unwrap();
    assert_eq!(found.len(), targets.len() + direct.len());
    for feed in found {
        assert_eq!(feed.last_failure.map(|(kind, _)| kind).as_deref(), Some("refused"), "{}", feed.url);
    }
    assert_eq!(app.farm.log().len() % targets.len(), 0, "the first hop is allowed");
    canaries.iter().for_each(Canary::assert_untouched);
    app.end().await;
}
