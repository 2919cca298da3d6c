//! Bodies made to harm, served to the real program beside two good feeds: it ends well, delivers what is good, and its
//! memory stays within what is promised.
//!
//! The program has the environment that its unit gives it. (Without, measured on two processors: 164 to 198 MiB.)
//! The bodies are made when they are asked for, in the test's process; what is measured is the program's.

use std::{
    collections::BTreeSet,
    fmt::Write as _,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};

use flate2::{Compression, write::GzEncoder};

use crate::harness::{farm::Page, sink::Sink};

/// Most memory the program may ever hold, in KiB.
const MAX_RESIDENT_KIB: u64 = 256 * 1_024;
/// Just under the 8 MiB that a body may have.
const LARGE: usize = 8_000_000;
/// How many of the bodies are on their way at once, as from many hosts; the most that one host may be asked for.
/// Of large ones the program holds only a few at once, however many are on their way.
const AT_ONCE: u32 = 32;
/// The promise: so many kinds at least.
const KINDS: usize = 32;

/// How a hostile answer is made.
enum Answer {
    Xml(fn() -> String),
    Json(fn() -> String),
    Bytes(fn() -> Vec<u8>),
    /// This XML, squeezed.
    Gzip(fn() -> Vec<u8>),
    /// The same lines again and again until the other side hangs up.
    Endless(&'static str),
    /// Status line and headers as they are, nothing else.
    Head(&'static str),
}

use Answer::{Bytes, Endless, Gzip, Head, Json, Xml};

const SPACES: &str = "xmlns:media=\"http://search.yahoo.com/mrss/\" xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\" \
                      xmlns:dc=\"http://purl.org/dc/elements/1.1/\"";

fn rss(inside: &str) -> String {
    format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\" {SPACES}><channel><title>Hostile</title>{inside}</channel></rss>"
    )
}

fn item(inside: &str) -> String {
    rss(&format!("<item><title>T</title>{inside}</item>"))
}

fn nested(open: &str, close: &str, depth: usize) -> String {
    format!("{}{}", open.repeat(depth), close.repeat(depth))
}

/// As many of `part` as fill a large body.
fn filled(part: &str) -> String {
    part.repeat(LARGE / part.len() - 1)
}

fn numbered(count: usize, part: impl Fn(usize) -> String) -> String {
    (0..count).fold(String::new(), |mut all, n| {
        all.push_str(&part(n));
        all
    })
}

fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.encode_utf16().flat_map(bytes).collect()
}

fn json(authors: usize, items: usize) -> String {
    let authors = vec!["{\"name\":\"Some Author\"}"; authors].join(",");
    let items = vec!["{}"; items].join(",");
    format!(
        "{{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"T\",\"authors\":[{authors}],\"items\":[{items}]}}"
    )
}

const HOSTILE: &[(&str, Answer)] = &[
    // Depth.
    ("media groups 50,000 deep", Xml(|| item(&nested("<media:group>", "</media:group>", 50_000)))),
    ("media contents 50,000 deep", Xml(|| item(&nested("<media:content>", "</media:content>", 50_000)))),
    (
        "categories 50,000 deep",
        Xml(|| item(&nested("<itunes:category text=\"x\">", "</itunes:category>", 50_000))),
    ),
    ("unknown elements 1 M deep", Xml(|| item(&nested("<x>", "</x>", 1_000_000)))),
    ("2 M unclosed tags", Xml(|| rss(&"<b>".repeat(2_000_000)))),
    (
        "HTML nested in a description",
        Xml(|| item(&format!("<description>{}</description>", "&lt;div>".repeat(900_000)))),
    ),
    ("JSON 100,000 deep", Json(|| "[".repeat(100_000))),
    (
        "JSON feed with an item 100,000 deep",
        Json(|| json(0, 1).replace("{}", &nested("{\"a\":", "", 100_000))),
    ),
    // What made the parser break down.
    (
        "duration of 40 digits",
        Xml(|| item("<itunes:duration>1234567890123456789012345678901234567890</itunes:duration>")),
    ),
    ("duration in Arabic digits", Xml(|| item("<itunes:duration>١٢٣</itunes:duration>"))),
    ("author in wide brackets", Xml(|| item("<author>desk@example.com（作者）</author>"))),
    ("creator before an address", Xml(|| item("<dc:creator>作者：desk@example.com</dc:creator>"))),
    ("author after a hard space", Json(|| json(1, 1).replace("Some Author", "\u{A0}desk@example.com"))),
    (
        "declaration that ends late",
        Xml(|| item("").replace("?>", &format!("{}encoding=\"gbk\"?>", " ".repeat(80)))),
    ),
    ("second declaration", Xml(|| item("<?xml version=\"1.0\" encoding=\"latin1\"?>"))),
    (
        "UTF-16BE",
        Bytes(|| {
            utf16(
                &format!("\u{FEFF}{}", item("").replace("1.0\"", "1.0\" encoding=\"utf-16\"")),
                u16::to_be_bytes,
            )
        }),
    ),
    (
        "UTF-16LE called UTF-8",
        Bytes(|| {
            utf16(
                &format!("\u{FEFF}{}", item("").replace("1.0\"", "1.0\" encoding=\"utf-8\"")),
                u16::to_le_bytes,
            )
        }),
    ),
    // What grows as the square.
    ("4,000 authors of 40,000 items", Json(|| json(4_000, 40_000))),
    (
        "thumbnails times groups",
        Xml(|| {
            item(&format!(
                "<media:group>{}{}</media:group>",
                "<media:thumbnail url=\"u\"/>".repeat(6_000),
                "<media:group><media:content url=\"u\"/></media:group>".repeat(4_000)
            ))
        }),
    ),
    ("nested bases", Xml(|| item(&nested("<x xml:base=\"abcdefgh/\">", "</x>", 20_000)))),
    (
        "long base, many elements",
        Xml(|| {
            format!(
                "<rss version=\"2.0\" xml:base=\"http://example.com/{}\"><channel>{}</channel></rss>",
                "y".repeat(1_000_000),
                "<item><link>a</link></item>".repeat(40_000)
            )
        }),
    ),
    (
        "billion laughs",
        Xml(|| {
            let dtd = numbered(10, |n| format!("<!ENTITY l{} \"{}\">", n + 1, format!("&l{n};").repeat(10)));
            item("<description>&l10;</description>")
                .replace("<rss", &format!("<!DOCTYPE rss [<!ENTITY l0 \"lol\">{dtd}]><rss"))
        }),
    ),
    (
        "100,000 entity declarations",
        Xml(|| {
            item("&e9;").replace(
                "<rss",
                &format!(
                    "<!DOCTYPE rss [{}]><rss",
                    numbered(100_000, |n| format!("<!ENTITY e{n} \"&e{};\">", n + 1))
                ),
            )
        }),
    ),
    (
        "a file as an entity",
        Xml(|| {
            item("<description>&f;</description>")
                .replace("<rss", "<!DOCTYPE rss [<!ENTITY f SYSTEM \"file:///etc/hostname\">]><rss")
        }),
    ),
    // Numbers.
    ("1 M empty items", Xml(|| rss(&"<item/>".repeat(1_000_000)))),
    ("tiny items", Xml(|| rss(&filled("<item><title>x</title></item>")))),
    (
        "items with links",
        Xml(|| {
            rss(&numbered(90_000, |n| {
                format!(
                    "<item><title>Item {n}</title><link>http://x.example/{n}</link><guid>{n}</guid></item>"
                )
            }))
        }),
    ),
    ("1 M empty JSON items", Json(|| json(0, 1_000_000))),
    (
        "a large news sitemap",
        Xml(|| {
            let url = |n: usize| {
                format!(
                    "<url><loc>http://x.example/{n}</loc><news:news><news:title>T {n}</news:title></news:news></url>"
                )
            };
            format!(
                "<urlset xmlns:news=\"http://www.google.com/schemas/sitemap-news/0.9\">{}</urlset>",
                numbered(80_000, url)
            )
        }),
    ),
    ("categories of one item", Xml(|| item(&filled("<category>c</category>")))),
    ("enclosures of one item", Xml(|| item(&filled("<enclosure url=\"http://x.example/a\"/>")))),
    ("700,000 attributes", Xml(|| item(&format!("<x{}/>", numbered(700_000, |n| format!(" a{n}=\"\"")))))),
    (
        "namespaces",
        Xml(|| rss(&format!("<x{}/>", numbered(200_000, |n| format!(" xmlns:p{n}=\"urn:{n}\""))))),
    ),
    (
        "a page that offers 150,000 feeds",
        Xml(|| {
            format!(
                "<html><head>{}</head></html>",
                numbered(80_000, |n| format!(
                    "<link rel=\"alternate\" type=\"application/rss+xml\" href=\"/f{n}\">"
                ))
            )
        }),
    ),
    // Size.
    ("one text", Xml(|| item(&format!("<description>{}</description>", filled("word "))))),
    ("one title", Xml(|| rss(&format!("<item><title>{}</title></item>", filled("word "))))),
    ("one guid", Xml(|| item(&format!("<guid>{}</guid>", filled("g"))))),
    (
        "one CDATA section",
        Xml(|| item(&format!("<description><![CDATA[{}]]></description>", filled("<p>word</p>")))),
    ),
    ("one attribute", Xml(|| item(&format!("<x a=\"{}\"/>", filled("y"))))),
    ("one comment", Xml(|| rss(&format!("<!--{}-->", filled("c"))))),
    ("one tag that never ends", Xml(|| rss(&format!("<item {}", filled("a"))))),
    ("one CDATA section that never ends", Xml(|| item(&format!("<![CDATA[{}", filled("x"))))),
    ("ampersands", Xml(|| item(&format!("<description>{}</description>", filled("&amp;"))))),
    ("bare ampersands", Xml(|| item(&format!("<description>{}</description>", filled("& "))))),
    ("empty comments", Xml(|| item(&format!("<description>{}</description>", filled("a<!---->"))))),
    ("less-than signs", Xml(|| rss(&filled("<")))),
    ("a date of 1 MB", Xml(|| item(&format!("<pubDate>{}</pubDate>", "Mon, ".repeat(200_000))))),
    ("addresses of 1 MB", Xml(|| item(&format!("<author>{}</author>", "a@b.example ".repeat(90_000))))),
    ("a JSON text", Json(|| json(0, 1).replace("{}", &format!("{{\"title\":\"{}\"}}", filled("\\u0041"))))),
    ("bytes that are no text", Bytes(|| vec![0xFF; LARGE])),
    (
        "bytes that may be Chinese",
        Bytes(|| {
            item(&filled("x"))
                .replace('x', "é")
                .chars()
                .map(|c| if c == 'é' { 0xB5 } else { c as u8 })
                .collect()
        }),
    ),
    ("zeros", Bytes(|| vec![0; LARGE])),
    (
        "a large UTF-16 text",
        Bytes(|| utf16(&format!("\u{FEFF}{}", item(&"<x>汉字</x>".repeat(400_000))), u16::to_le_bytes)),
    ),
    // The way here.
    ("gzip of 64 MB of spaces", Gzip(|| vec![b' '; 64 << 20])),
    ("gzip of 43 MB of items", Gzip(|| rss(&"<item><title>x</title></item>".repeat(1_500_000)).into_bytes())),
    ("gzip in gzip", Gzip(|| gzip(&vec![b' '; 64 << 20]))),
    ("an answer without end", Endless("<item><title>again</title></item>")),
    ("a redirect to itself", Head("HTTP/1.1 302 Found\r\nLocation: #\r\nContent-Length: 0\r\n\r\n")),
    (
        "a length that lies",
        Head("HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\nConnection: close\r\n\r\n<rss>"),
    ),
];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Starts the server; `/0` … are the hostile answers, `/good/…` the good feeds. With it comes what it was asked for.
fn serve() -> (SocketAddr, Arc<Mutex<BTreeSet<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let visited: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    let log = visited.clone();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let log = log.clone();
            thread::spawn(move || answer(&stream, &log));
        }
    });
    (address, visited)
}

fn answer(mut stream: &TcpStream, log: &Mutex<BTreeSet<String>>) -> Option<()> {
    let mut head = BufReader::new(stream).take(64 << 10).lines();
    let path = head.next()?.ok()?.split(' ').nth(1)?.to_owned();
    log.lock().unwrap().insert(path.clone());
    while !head.next()?.ok()?.is_empty() {}
    let (kind, encoding, body) = match path
        .trim_start_matches('/')
        .parse::<usize>()
        .ok()
        .and_then(|at| HOSTILE.get(at))
    {
        None => ("application/rss+xml", "", good(&path)),
        Some((_, Xml(body))) => ("application/rss+xml", "", body().into_bytes()),
        Some((_, Json(body))) => ("application/feed+json", "", body().into_bytes()),
        Some((_, Bytes(body))) => ("application/xml", "", body()),
        Some((_, Gzip(body))) => ("application/xml", "Content-Encoding: gzip\r\n", gzip(&body())),
        Some((_, Head(head))) => return stream.write_all(head.as_bytes()).ok(),
        Some((_, Endless(lines))) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Type: application/xml\r\nConnection: close\r\n\r\n<rss><channel>").ok()?;
            let lines = lines.repeat(1_000);
            while stream.write_all(lines.as_bytes()).is_ok() {}
            return None;
        }
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n{encoding}Content-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(&body).ok()
}

fn good(path: &str) -> Vec<u8> {
    let title = format!(
        "<item><title>Rare earth magnets are scarce {}</title><link>http://good.example{path}</link></item>",
        path.replace('/', " ")
    );
    Page::rss(&[title]).body
}

/// The most memory the process ever held, in KiB.
fn peak_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// What the unit that comes with the program sets.
fn unit_environment() -> Vec<(&'static str, &'static str)> {
    let unit = include_str!("../../systemd/wirewatch.service");
    let lines = unit.lines().filter_map(|line| line.strip_prefix("Environment="));
    lines.map(|line| line.split_once('=').expect("one variable a line")).collect()
}

/// One round of the real program over these paths and two good feeds: its peak memory in KiB.
fn round(paths: impl Iterator<Item = usize>) -> u64 {
    let ((server, visited), sink, home) = (serve(), Sink::start(), tempfile::tempdir().unwrap());
    let config = home.path().join("wirewatch.toml");
    let paths: Vec<String> = paths.map(|at| at.to_string()).collect();
    let feeds =
        ["good/one".to_owned()].into_iter().chain(paths.iter().cloned()).chain(["good/two".to_owned()]);
    let feeds = feeds.fold(String::new(), |mut all, path| {
        write!(all, "[[feed]]\nurl = \"http://{server}/{path}\"\n").unwrap();
        all
    });
    let text = format!(
        "[state]\ndir = \"state\"\n[fetch]\nallow = [\"127.0.0.1\"]\n[poll]\non_add = \"last:10\"\nper_host = {AT_ONCE}\n\
         [mail]\nfrom = \"Wirewatch <wirewatch@example.com>\"\ntransport = \"smtp\"\n\
         smtp = {{ url = \"{}\", starttls = \"none\" }}\n[[topic]]\nuse = \"builtin:rare-earths\"\n\
         [[subscription]]\nto = [\"desk@example.com\"]\ntopics = [\"*\"]\ndeliver = \"alert\"\n{feeds}",
        sink.url()
    );
    fs::write(&config, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirewatch"));
    command.args(["run", "--once", "--config"]).arg(&config).stdin(Stdio::null()).stderr(Stdio::null());
    command.envs(unit_environment());
    command.env_remove("NOTIFY_SOCKET").env_remove("JOURNAL_STREAM").env_remove("STATE_DIRECTORY");
    // Mail goes out when everything was polled; while it waits for the answer, its memory can be looked at.
    sink.be_silent(true);
    let mut child = command.spawn().unwrap();
    let first = sink.next_within(std::time::Duration::from_secs(300));
    let peak = first.map(|_| peak_kib(child.id()));
    sink.be_silent(false);
    let status = child.wait().unwrap();
    assert!(status.success(), "{status}");
    let mails: String = sink.mails().into_iter().map(|mail| mail.message).collect();
    for path in ["one", "two"] {
        assert!(mails.contains(&format!("scarce good {path}")), "good/{path} was delivered: {mails}");
    }
    let visited = visited.lock().unwrap();
    assert!(
        paths.iter().all(|path| visited.contains(&format!("/{path}"))),
        "only {visited:?} were asked for"
    );
    peak.expect("no mail came")
}

#[test]
fn hostile_bodies_neither_stop_the_good_feeds_nor_fill_the_memory() {
    assert!(HOSTILE.len() >= KINDS);
    let peak = round(0..HOSTILE.len());
    println!("{} hostile bodies, peak {} MiB", HOSTILE.len(), peak / 1_024);
    assert!(peak < MAX_RESIDENT_KIB, "{peak} KiB of {MAX_RESIDENT_KIB}; each alone:\n{}", each_alone());
}

/// What each body costs alone, the costliest first, for whoever looks for the culprit.
fn each_alone() -> String {
    let mut peaks: Vec<(u64, &str)> =
        HOSTILE.iter().enumerate().map(|(at, (name, _))| (round(at..=at), *name)).collect();
    peaks.sort_unstable_by(|a, b| b.cmp(a));
    peaks.iter().map(|(peak, name)| format!("{:>5} MiB  {name}\n", peak / 1_024)).collect()
}
