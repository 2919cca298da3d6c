//! Tests of the whole client against scripted servers on loopback.
//!
//! Data in: what a server is to answer, byte for byte. Data out: what the client makes of it, and what it sent.
//!
//! **Invariant:** nothing leaves loopback: names are looked up in a table of the test's own.
//!
//! Rejected: a server library, which would mend the crooked answers these tests are about.

mod access;
mod answers;
mod bodies;
mod guard;

use std::{
    io::{self, Read, Write},
    net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use url::Url;

use super::{
    AllowList, FetchRequest, Fetched, Fetcher, Manner, Options, Response, error::Error, resolve::Lookup,
};
use crate::{
    clock::Clock,
    model::{FailureKind, Validators, time},
};

/// 2026-03-01T12:00:00Z: what the client takes for now.
const NOW_MS: i64 = 1_772_366_400_000;

/// What a server does after its bytes are out.
#[derive(Clone, Copy)]
enum Then {
    Close,
    /// Waits for the next request and hangs up on it.
    HangUp,
    /// Stays silent until the client hangs up.
    Hold,
}

/// A server that answers one request a connection with whatever bytes its script gives.
struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<Vec<u8>>>>,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// `script` gets the path of the request.
    fn start(script: impl Fn(&str) -> (Vec<u8>, Then) + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (seen, stop) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicBool::new(false)));
        let (log, stopped) = (seen.clone(), stop.clone());
        thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                // A client that hangs up early is part of many tests.
                let _ = serve(stream, &script, &log);
            }
        });
        Self { port, seen, stop }
    }

    /// Always the same bytes.
    fn says(answer: impl Into<Vec<u8>>, then: Then) -> Self {
        let answer = answer.into();
        Self::start(move |_| (answer.clone(), then))
    }

    fn url(&self, path: &str) -> Url {
        Url::parse(&format!("http://127.0.0.1:{}{path}", self.port)).unwrap()
    }

    /// The requests so far, as received.
    fn requests(&self) -> Vec<Vec<u8>> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The thread is not joined: it may wait for a client that hangs up only when this thread goes on.
        self.stop.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
    }
}

fn serve(
    mut stream: TcpStream,
    script: &impl Fn(&str) -> (Vec<u8>, Then),
    log: &Mutex<Vec<Vec<u8>>>,
) -> io::Result<()> {
    let head = request_head(&mut stream)?;
    let path = String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or_default().to_owned();
    log.lock().unwrap().push(head);
    let (answer, then) = script(&path);
    stream.write_all(&answer)?;
    match then {
        Then::Close => stream.shutdown(Shutdown::Write)?,
        Then::HangUp => return request_head(&mut stream).map(|head| log.lock().unwrap().push(head)),
        Then::Hold => {}
    }
    io::copy(&mut stream, &mut io::sink()).map(|_| ())
}

fn request_head(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
        // A TLS handshake has no blank line: its first bytes are a request of their own.
        if head.len() == 5 && head.first() == Some(&0x16) {
            break;
        }
    }
    Ok(head)
}

/// A listener that must not be connected to.
struct Canary(TcpListener);

impl Canary {
    fn new() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
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

/// Every name is at 127.0.0.1.
fn all_names_are_loopback() -> Lookup {
    Arc::new(|_| Ok(vec![IpAddr::from(Ipv4Addr::LOCALHOST)]))
}

/// A client for which all of loopback is allowed.
fn fetcher(tweak: impl FnOnce(&mut Options)) -> Fetcher {
    guarded(&["127.0.0.0/8"], tweak)
}

fn guarded(allow: &[&str], tweak: impl FnOnce(&mut Options)) -> Fetcher {
    let allow: AllowList = allow.iter().map(|entry| AllowList::parse_entry(entry).unwrap()).collect();
    let mut options = Options { allow, ..Options::default() };
    tweak(&mut options);
    let clock = Clock::manual(time::from_millis(NOW_MS));
    Fetcher::with_lookup(options, clock, all_names_are_loopback()).unwrap()
}

async fn get(fetcher: &Fetcher, url: Url) -> Result<Fetched, Error> {
    fetcher.fetch(&FetchRequest { url, validators: Validators::default() }).await
}

/// The answer to an unconditional request that must succeed.
async fn response(fetcher: &Fetcher, url: Url) -> Response {
    match get(fetcher, url).await.unwrap() {
        Fetched::Modified(response) => response,
        Fetched::NotModified { .. } => panic!("not modified"),
    }
}

async fn assert_fails(fetcher: &Fetcher, url: Url, kind: FailureKind, words: &str) {
    let error = get(fetcher, url.clone()).await.unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (kind, words), "{url}");
}

/// An answer with a body and its length.
fn ok(fields: &str, body: &[u8]) -> Vec<u8> {
    let head =
        format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn redirect(status: u16, location: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    )
    .into_bytes()
}
