//! The sample feeds and the web server they come from.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::Incoming,
    header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;
use xxhash_rust::xxh3::xxh3_64;

use crate::model::{Timestamp, time};

/// Path, content type, text with `@format minutes@` where a date that many minutes ago belongs.
const SAMPLES: [(&str, &str, &str); 8] = [
    ("/wire.xml", "application/rss+xml", include_str!("feeds/wire.xml")),
    ("/metals.atom", "application/atom+xml", include_str!("feeds/metals.atom")),
    ("/office.json", "application/feed+json", include_str!("feeds/office.json")),
    ("/shipping.rdf", "application/rdf+xml", include_str!("feeds/shipping.rdf")),
    ("/jiangan.xml", "application/rss+xml; charset=utf-8", include_str!("feeds/jiangan.xml")),
    ("/gangkou.xml", "text/xml", include_str!("feeds/gangkou.xml")),
    ("/hafen.xml", "application/rss+xml", include_str!("feeds/hafen.xml")),
    (CLOSED, "text/html", include_str!("feeds/closed.html")),
];
/// A page that is no feed: one bad feed must not stop the others.
const CLOSED: &str = "/closed.xml";
/// The feed that is served in GB18030, as its XML declaration says.
const GB18030: &str = "/gangkou.xml";

#[derive(Debug)]
struct Page {
    content_type: &'static str,
    tag: String,
    body: Bytes,
}

#[derive(Debug, Default)]
struct Shared {
    pages: BTreeMap<&'static str, Page>,
    visits: Mutex<BTreeMap<&'static str, Vec<u16>>>,
}

/// A running server.
#[derive(Debug)]
pub(super) struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl Server {
    /// Serves the samples, dated relative to `now`, on a free loopback port until the process ends.
    pub(super) async fn start(now: Timestamp, tracker: &TaskTracker) -> std::io::Result<Self> {
        let pages = SAMPLES.into_iter().map(|(path, content_type, text)| {
            let text = dated(text, now);
            let body = if path == GB18030 {
                Bytes::from(encoding_rs::GB18030.encode(&text).0.into_owned())
            } else {
                Bytes::from(text)
            };
            (path, Page { content_type, tag: format!("\"{:016x}\"", xxh3_64(&body)), body })
        });
        let shared = Arc::new(Shared { pages: pages.collect(), visits: Mutex::default() });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (accepting, tasks) = (shared.clone(), tracker.clone());
        tracker.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tasks.spawn(serve(stream, accepting.clone()));
            }
        });
        Ok(Self { address, shared })
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Every page.
    pub(super) fn paths(&self) -> impl Iterator<Item = &'static str> {
        SAMPLES.into_iter().map(|(path, _, _)| path)
    }

    /// Every page that is a feed.
    pub(super) fn good_paths(&self) -> impl Iterator<Item = &'static str> {
        self.paths().filter(|path| *path != CLOSED)
    }

    /// The statuses answered for a path so far.
    pub(super) fn visits(&self, path: &str) -> Vec<u16> {
        self.shared
            .visits
            .lock()
            .map(|visits| visits.get(path).cloned().unwrap_or_default())
            .unwrap_or_default()
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(move |request| {
        let shared = shared.clone();
        async move { Ok::<_, Infallible>(answer(&request, &shared)) }
    });
    // A client that goes away in the middle is no concern of the demo's.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

fn answer(request: &Request<Incoming>, shared: &Shared) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    let Some((path, page)) = shared.pages.get_key_value(request.uri().path()) else {
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    };
    let unchanged =
        request.headers().get(IF_NONE_MATCH).is_some_and(|tag| tag.as_bytes() == page.tag.as_bytes());
    if let Ok(tag) = page.tag.parse() {
        response.headers_mut().insert(ETAG, tag);
    }
    if unchanged {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        response
            .headers_mut()
            .insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(page.content_type));
        *response.body_mut() = Full::new(page.body.clone());
    }
    if let Ok(mut visits) = shared.visits.lock() {
        visits.entry(*path).or_default().push(response.status().as_u16());
    }
    response
}

/// `text` with every `@rfc2822 N@` and `@rfc3339 N@` replaced by the instant N minutes before `now`.
fn dated(text: &str, now: Timestamp) -> String {
    let mut out = String::with_capacity(text.len());
    for (index, piece) in text.split('@').enumerate() {
        let date = piece.split_once(' ').filter(|_| index % 2 == 1).and_then(|(format, minutes)| {
            let at = time::before(now, Duration::from_secs(minutes.parse::<u64>().ok()? * 60));
            match format {
                "rfc2822" => Some(at.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()),
                "rfc3339" => Some(at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
                _ => None,
            }
        });
        out.push_str(date.as_deref().unwrap_or(piece));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_filled_in_relative_to_now() {
        let now: Timestamp = "2025-06-05T14:00:00Z".parse().unwrap();
        assert_eq!(
            dated("a @rfc2822 90@ b @rfc3339 0@", now),
            "a Thu, 05 Jun 2025 12:30:00 +0000 b 2025-06-05T14:00:00Z"
        );
    }

    #[test]
    fn samples_hold_no_other_at_sign() {
        for (path, _, text) in SAMPLES {
            let dates = text.matches("@rfc").count();
            assert_eq!(text.matches('@').count(), dates * 2, "{path}");
        }
    }
}
