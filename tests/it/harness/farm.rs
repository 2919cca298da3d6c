//! A scripted web server on loopback that remembers what it was asked.

use std::{
    collections::{HashMap, VecDeque},
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Condvar, Mutex},
    thread,
};

use tokio::sync::Notify;
use wirewatch::{clock::Clock, model::Timestamp};

/// What the farm answers for a path.
#[derive(Debug, Clone)]
pub struct Page {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Take the request and do not answer before the path gets another page.
    pub hang: bool,
}

impl Page {
    /// Takes the request and does not answer before the path gets another page.
    pub fn hanging() -> Self {
        Self { hang: true, ..Self::status(200) }
    }

    /// 200 with this body.
    pub fn ok(content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status: 200,
            headers: vec![("Content-Type".into(), content_type.into())],
            body: body.into(),
            hang: false,
        }
    }

    /// An RSS feed with an ETag, so that an unchanged feed answers 304.
    pub fn rss(items: &[String]) -> Self {
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?><rss version=\"2.0\"><channel><title>Farm</title>\
             <link>http://farm.example/</link><description>d</description>{}</channel></rss>",
            items.concat()
        );
        let tag = format!("\"{:x}\"", xxhash_rust::xxh3::xxh3_64(body.as_bytes()));
        Self::ok("application/rss+xml", body).with("ETag", &tag)
    }

    /// Only a status.
    pub fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new(), hang: false }
    }

    /// With one more header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// One `<item>` of [`Page::rss`].
pub fn rss_item(guid: &str, title: &str, link: &str, date: jiff::Timestamp) -> String {
    let date = date.strftime("%a, %d %b %Y %H:%M:%S GMT");
    format!(
        "<item><guid isPermaLink=\"false\">{guid}</guid><title>{title}</title><link>{link}</link><pubDate>{date}</pubDate></item>"
    )
}

/// One request as the farm saw it.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// When it came, by the clock the farm was given.
    pub at: Option<Timestamp>,
    pub headers: Vec<(String, String)>,
    pub answered: u16,
}

impl Request {
    /// First header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }
}

#[derive(Debug, Default)]
struct State {
    pages: HashMap<String, Page>,
    /// What each further visit of a path finds there; the last page stays.
    scripts: HashMap<String, VecDeque<Page>>,
    log: Vec<Request>,
    clock: Option<Clock>,
    /// Requests that wait for their answer, now and at most.
    open: (usize, usize),
}

/// The server; it ends with the process.
#[derive(Debug, Clone)]
pub struct Farm {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    visited: Arc<Notify>,
    changed: Arc<Condvar>,
}

impl Farm {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state: Arc<Mutex<State>> = Arc::default();
        let visited: Arc<Notify> = Arc::default();
        let changed: Arc<Condvar> = Arc::default();
        let (shared, tell, turned) = (state.clone(), visited.clone(), changed.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (shared, tell, turned) = (shared.clone(), tell.clone(), turned.clone());
                thread::spawn(move || serve(&stream, &shared, &tell, &turned));
            }
        });
        Self { address, state, visited, changed }
    }

    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn set(&self, path: &str, page: Page) {
        self.state.lock().unwrap().pages.insert(path.to_owned(), page);
        self.changed.notify_all();
    }

    /// Each visit of a path finds the next page there; the last one stays.
    pub fn script(&self, path: &str, pages: impl IntoIterator<Item = Page>) {
        self.state.lock().unwrap().scripts.insert(path.to_owned(), pages.into_iter().collect());
    }

    /// Requests are logged with the time of this clock from now on.
    pub fn keep_time(&self, clock: Clock) {
        self.state.lock().unwrap().clock = Some(clock);
    }

    /// Most requests that waited for an answer at one time.
    pub fn peak(&self) -> usize {
        self.state.lock().unwrap().open.1
    }

    /// Host and port.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// Returns once a path was asked for `times` times.
    pub async fn visited(&self, path: &str, times: usize) {
        loop {
            let next = self.visited.notified();
            if self.visits(path).len() >= times {
                return;
            }
            next.await;
        }
    }

    /// Requests so far.
    pub fn log(&self) -> Vec<Request> {
        self.state.lock().unwrap().log.clone()
    }

    /// Requests for one path so far.
    pub fn visits(&self, path: &str) -> Vec<Request> {
        self.log().into_iter().filter(|request| request.path == path).collect()
    }
}

fn serve(stream: &TcpStream, state: &Mutex<State>, visited: &Notify, changed: &Condvar) {
    let _ = stream.set_nodelay(true);
    let mut reader = BufReader::new(stream);
    while let Some((method, path, headers)) = read_head(&mut reader) {
        {
            let mut state = state.lock().unwrap();
            if let Some(next) = state.scripts.get_mut(&path).and_then(VecDeque::pop_front) {
                state.pages.insert(path.clone(), next);
            }
            let open = state.open.0 + 1;
            state.open = (open, state.open.1.max(open));
        }
        let page_of = |state: &State| state.pages.get(&path).cloned().unwrap_or_else(|| Page::status(404));
        let mut page = page_of(&state.lock().unwrap());
        let asked = headers.iter().find(|(name, _)| name == "if-none-match").map(|(_, value)| value.clone());
        let is_unchanged = |page: &Page| {
            let tag = page.headers.iter().find(|(name, _)| name == "ETag").map(|(_, value)| value.clone());
            page.status == 200 && tag.is_some() && tag == asked
        };
        let answered = if is_unchanged(&page) { 304 } else { page.status };
        {
            let mut state = state.lock().unwrap();
            let at = state.clock.as_ref().map(Clock::now);
            let (path, headers) = (path.clone(), headers.clone());
            state.log.push(Request { method, path, at, headers, answered });
        }
        visited.notify_one();
        let mut waiting = state.lock().unwrap();
        while page.hang {
            waiting = changed.wait(waiting).unwrap();
            page = page_of(&waiting);
        }
        waiting.open.0 -= 1;
        drop(waiting);
        let unchanged = is_unchanged(&page);
        let (status, body) = if unchanged { (304, &[][..]) } else { (page.status, &page.body[..]) };
        let mut answer = format!("HTTP/1.1 {status} Farm\r\n").into_bytes();
        for (name, value) in &page.headers {
            answer.extend(format!("{name}: {value}\r\n").into_bytes());
        }
        // A script may tell a length of its own.
        if status != 304 && !page.headers.iter().any(|(name, _)| name == "Content-Length") {
            answer.extend(format!("Content-Length: {}\r\n", body.len()).into_bytes());
        }
        answer.extend(b"\r\n");
        answer.extend(body);
        let hangs_up = page.headers.iter().any(|(name, value)| name == "Connection" && value == "close");
        if (&mut &*stream).write_all(&answer).is_err() || hangs_up {
            return;
        }
    }
}

type Head = (String, String, Vec<(String, String)>);

fn read_head(reader: &mut BufReader<&TcpStream>) -> Option<Head> {
    let mut line = String::new();
    reader.take(64 * 1024).read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.take(64 * 1024).read_line(&mut line).ok().filter(|n| *n > 0)?;
        match line.trim_end().split_once(':') {
            Some((name, value)) => headers.push((name.to_lowercase(), value.trim().to_owned())),
            None => return Some((method, path, headers)),
        }
    }
}
