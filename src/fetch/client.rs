//! The hop loop: request, redirect, body, each within its limits.
//!
//! Data in: a [`FetchRequest`]. Data out: [`Fetched`] or an [`Error`].
//!
//! **Invariant:** the body of a redirect or an error is never read, let alone decompressed.
//! **Invariant:** a server of the open web cannot lead us to an address that the operator allowed: that is for feeds
//! configured there.
//! **Invariant:** validators go to the address that gave them, and to no other hop.
//! **Invariant:** reading stops with the first byte beyond `max_body_bytes`, counted after decompression, and goes beyond
//! half a mebibyte only with a [`super::Room`].
//!
//! Rejected: a second try without compression after a damaged body. It doubles the load on a broken server, and
//! the next poll is a second try anyway.

use std::{future::Future, net::IpAddr, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Client, ClientBuilder, Method, Proxy, Request, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION},
    redirect::Policy,
};
use tokio::{sync::Semaphore, time::timeout};
use url::Url;

use super::{
    Error, FetchRequest, Fetched, Manner, Options, Response, Wishes,
    access::{Access, AccessError, AccessSpec, ProxyClient},
    error::{self, Reason},
    headers, is_public,
    resolve::{GuardedResolver, HOP, Hop, Lookup, MAX_LOOKUPS, system_lookup},
    room::{Room, Rooms, SMALL_BODY_BYTES},
    target,
};
use crate::{
    clock::Clock,
    model::{Redirect, Validators},
};

/// Feed types first; anything else is taken too, since many feeds are served under a wrong type.
const ACCEPT_FEEDS: HeaderValue = HeaderValue::from_static(
    "application/rss+xml, application/atom+xml, application/feed+json, application/rdf+xml;q=0.9, \
     application/xml;q=0.8, text/xml;q=0.8, application/json;q=0.7, */*;q=0.1",
);

/// Idle connections kept for one host, and for how long: enough for a redirect or a second feed of the host.
const MAX_IDLE_PER_HOST: usize = 1;
const IDLE_CONNECTION: Duration = Duration::from_secs(20);

/// Memory taken up front for a body that announces its length; a false announcement costs no more than this.
const MAX_TAKEN_AHEAD: u64 = 256 * 1024;

/// What an HTTP/2 server may send of a body that nobody reads, as while it waits for a room. The client's own 2 MiB would
/// be more than a small body may have.
const MAX_UNREAD_BYTES: u32 = 256 * 1024;
/// The same for all bodies of a connection: enough for every visit at once, so that none waits for another.
const MAX_UNREAD_BYTES_OF_CONNECTION: u32 = 64 * MAX_UNREAD_BYTES;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The user agent holds characters that a header field cannot carry.
    #[error("the user agent holds characters that an HTTP header cannot carry")]
    UserAgent,
    /// The TLS set-up failed, in practice for want of CA certificates.
    #[error(
        "the HTTP client cannot be set up; it needs the system's CA certificates: \
         install the package ca-certificates"
    )]
    Client(#[source] reqwest::Error),
}

/// The HTTP client; one for the process. Clones share connections and limits.
#[derive(Debug, Clone)]
pub struct Fetcher {
    client: Client,
    resolver: GuardedResolver,
    options: Arc<Options>,
    clock: Clock,
    proxies: Vec<Arc<ProxyClient>>,
    pub(super) rooms: Rooms,
    /// Whether an address belongs to somebody else; tests have no such server.
    pub(super) is_outside: fn(IpAddr) -> bool,
}

/// What is known on the way of one fetch.
struct Way<'a> {
    request: &'a FetchRequest,
    manner: &'a Manner,
    redirects: Vec<Redirect>,
    wishes: Wishes,
    /// A server of the open web has answered: what it says next is not the operator's word.
    outside: bool,
    awaits: Awaits,
}

/// What a fetch waits for.
enum Awaits {
    Server,
    Room,
}

impl Fetcher {
    /// A client with the system's resolver and CA certificates. Reads the certificate store: tens of milliseconds.
    ///
    /// # Errors
    /// [`BuildError::UserAgent`] for an unsendable user agent, [`BuildError::Client`] without CA certificates.
    pub fn new(options: Options, clock: Clock) -> Result<Self, BuildError> {
        Self::with_lookup(options, clock, system_lookup())
    }

    pub(super) fn with_lookup(options: Options, clock: Clock, lookup: Lookup) -> Result<Self, BuildError> {
        let user_agent = HeaderValue::from_str(&options.user_agent).map_err(|_| BuildError::UserAgent)?;
        let resolver = GuardedResolver {
            allow: Arc::new(options.allow.clone()),
            lookup,
            permits: Arc::new(Semaphore::new(MAX_LOOKUPS)),
            // Less than the whole, so that the error can say it was the lookup.
            limit: options.connect_timeout.mul_f32(0.8),
        };
        // A proxy that is not asked for would look names up by itself, out of reach of our checks.
        let client =
            builder(&options, user_agent, &resolver).no_proxy().build().map_err(BuildError::Client)?;
        let is_outside = |ip| is_public(ip).is_ok();
        let (options, rooms) = (Arc::new(options), Rooms::default());
        Ok(Self { client, resolver, options, clock, proxies: Vec::new(), rooms, is_outside })
    }

    /// Prepares what requests to the feed at `url` carry. Feeds that name the same proxy share a client.
    ///
    /// # Errors
    /// [`AccessError`], which repeats no secret.
    pub fn access(&mut self, url: &Url, spec: AccessSpec) -> Result<Arc<Access>, AccessError> {
        let (options, resolver) = (&self.options, &self.resolver);
        let make_client = |proxy: Proxy| {
            let user_agent = HeaderValue::from_str(&options.user_agent).ok()?;
            builder(options, user_agent, resolver).proxy(proxy).build().ok()
        };
        Access::new(url, spec, &mut self.proxies, make_client).map(Arc::new)
    }

    /// Fetches a URL the ordinary way: [`Fetcher::fetch_as`].
    ///
    /// # Errors
    /// As [`Fetcher::fetch_as`].
    pub async fn fetch(&self, request: &FetchRequest) -> Result<Fetched, Error> {
        self.fetch_as(request, &Manner::default()).await
    }

    /// Fetches a URL, following redirects. Cancel safe: dropping the future closes its connection.
    ///
    /// `Modified` comes of 200 and 203, `NotModified` of 304; any other final status is an error.
    ///
    /// # Errors
    /// [`Error::kind`] tells the class; the words are for people.
    pub async fn fetch_as(&self, request: &FetchRequest, manner: &Manner) -> Result<Fetched, Error> {
        let limit = self.options.total_timeout;
        let mut way = Way {
            request,
            manner,
            redirects: Vec::new(),
            wishes: Wishes::default(),
            outside: false,
            awaits: Awaits::Server,
        };
        let fetched = match timeout(limit, self.follow(&mut way)).await {
            Ok(fetched) => fetched,
            Err(_) => Err(match way.awaits {
                Awaits::Server => Reason::TotalTimeout(limit).into(),
                Awaits::Room => Reason::NoRoom(limit).into(),
            }),
        };
        fetched.map_err(|error| error.after(way.redirects))
    }

    async fn follow(&self, way: &mut Way<'_>) -> Result<Fetched, Error> {
        let mut url = way.request.url.clone();
        url.set_fragment(None);
        let validated = way.manner.validated.clone().unwrap_or_else(|| url.clone());
        loop {
            let unconditional = Validators::default();
            let validators = if url == validated { &way.request.validators } else { &unconditional };
            let answer = self.hop(way, &url, validators).await?;
            let status = answer.status();
            let retry_at = headers::retry_at(answer.headers(), self.clock.now());
            match status.as_u16() {
                200 | 203 | 304 => {
                    way.wishes.retry_at = way.wishes.retry_at.max(retry_at);
                    way.wishes.fresh_for = headers::fresh_for(answer.headers(), self.clock.now());
                    if status.as_u16() == 304 {
                        return not_modified(answer.headers(), validators, way);
                    }
                    return self.read(answer, url, way).await.map(Fetched::Modified);
                }
                301 | 302 | 303 | 307 | 308 => {
                    let location = answer.headers().get(LOCATION).map(HeaderValue::as_bytes);
                    let to = target::redirect_target(&url, status, location)
                        .map_err(|reason| Error::new(reason, retry_at))?;
                    let max = self.options.max_redirects;
                    if u32::try_from(way.redirects.len()).is_ok_and(|followed| followed >= max) {
                        return Err(Reason::TooManyRedirects(max).into());
                    }
                    // Held against the next poll: a server that asks each time would otherwise never be read.
                    way.wishes.retry_at = way.wishes.retry_at.max(retry_at);
                    way.redirects.push(Redirect { status: status.as_u16(), to: to.clone() });
                    url = to;
                }
                _ => return Err(self.refusal(status, answer.headers())),
            }
        }
    }

    /// One request, up to the end of the answer's headers; asked once more where the server hung up on it.
    ///
    /// A server may close a kept connection at the moment it is used again, and the client cannot know; a GET may
    /// be repeated then (RFC 9112 §9.3.1). Only one connection is kept for a host, so the second try is a new one.
    async fn hop(
        &self,
        way: &mut Way<'_>,
        url: &Url,
        validators: &Validators,
    ) -> Result<reqwest::Response, Reason> {
        match self.ask(way, url, validators).await {
            Err(Reason::NoAnswer) => self.ask(way, url, validators).await,
            first => first,
        }
    }

    async fn ask(
        &self,
        way: &mut Way<'_>,
        url: &Url,
        validators: &Validators,
    ) -> Result<reqwest::Response, Reason> {
        let options = &*self.options;
        let access = way.manner.access.as_deref();
        let proxy = access.and_then(|access| access.proxy.as_deref());
        let allow = if way.outside { Arc::default() } else { self.resolver.allow.clone() };
        let port = url.port_or_known_default();
        target::check(url, &allow).map_err(|reason| inside(reason, way.outside))?;
        let is_led_on = way.outside && !options.allow.entries().is_empty();
        if let Some(name) = url.domain().filter(|_| proxy.is_some() || is_led_on) {
            // Who connects is not our resolver (a proxy), or perhaps a connection that is open already.
            let found = self.resolver.checked(name.to_owned(), port, &allow).await;
            let found = found.map_err(|error| inside(Reason::Resolve(error), way.outside))?;
            way.outside |= proxy.is_some() && found.iter().all(|ip| (self.is_outside)(*ip));
        }
        if let Some(proxy) = proxy {
            self.check_proxy(proxy).await.map_err(|reason| Reason::Proxy(Box::new(reason)))?;
        }
        let client = proxy.map_or(&self.client, |proxy| &proxy.client);
        let mut request = Request::new(Method::GET, url.clone());
        headers::add_conditions(request.headers_mut(), validators);
        let request = match access {
            Some(access) => access.apply(client, request)?,
            None => request,
        };
        let hop = Hop {
            port: port.unwrap_or_default(),
            allow: allow.clone(),
            proxy: proxy.and_then(|proxy| Some((proxy.domain()?.to_owned(), proxy.port()?))),
        };
        let exchange = HOP.scope(hop, client.execute(request));
        let answer = within(options.header_timeout, Reason::HeaderTimeout, exchange)
            .await?
            .map_err(|error| error::of_request(&error, options.connect_timeout))
            .map_err(|reason| inside(reason, way.outside))?;
        // The resolver and the checks above have seen this address already; a mistake in either ends here.
        let peer = answer.remote_addr().ok_or(Reason::UnknownPeer)?;
        match proxy {
            Some(proxy) => target::check_address(&options.allow, proxy.domain(), peer.ip(), proxy.port())
                .map_err(|reason| Reason::Proxy(Box::new(reason)))?,
            None => {
                target::check_address(&allow, url.domain(), peer.ip(), port)?;
                way.outside |= (self.is_outside)(peer.ip());
            }
        }
        Ok(answer)
    }

    /// Checked here and not left to the connection: what a SOCKS connection fails of is not told apart.
    async fn check_proxy(&self, proxy: &ProxyClient) -> Result<(), Reason> {
        proxy.check(&self.options.allow)?;
        if let Some(name) = proxy.domain() {
            let checked = self.resolver.checked(name.to_owned(), proxy.port(), &self.options.allow).await;
            checked.map_err(Reason::Resolve)?;
        }
        Ok(())
    }

    async fn read(
        &self,
        mut answer: reqwest::Response,
        url: Url,
        way: &mut Way<'_>,
    ) -> Result<Response, Error> {
        if headers::still_compressed(answer.headers()) {
            return Err(Reason::UnaskedCompression.into());
        }
        let content_type =
            answer.headers().get(CONTENT_TYPE).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
        let validators = headers::validators(answer.headers());
        let (body, room) = self.read_body(&mut answer, &mut way.awaits).await?;
        let redirects = std::mem::take(&mut way.redirects);
        Ok(Response { url, redirects, content_type, validators, body, room, wishes: way.wishes })
    }

    async fn read_body(
        &self,
        answer: &mut reqwest::Response,
        awaits: &mut Awaits,
    ) -> Result<(Bytes, Room), Reason> {
        let max = self.options.max_body_bytes;
        let announced = answer.content_length().unwrap_or(0);
        if announced > max {
            return Err(Reason::TooLarge(max));
        }
        let mut body = BytesMut::with_capacity(usize::try_from(announced.min(MAX_TAKEN_AHEAD)).unwrap_or(0));
        let mut room = Room::default();
        loop {
            let next = within(self.options.idle_timeout, Reason::IdleTimeout, answer.chunk()).await?;
            let Some(chunk) = next.map_err(|error| error::of_body(&error))? else {
                return Ok((body.freeze(), room));
            };
            let length = body.len().saturating_add(chunk.len());
            if u64::try_from(length).is_ok_and(|length| length > max) {
                return Err(Reason::TooLarge(max));
            }
            if length > SMALL_BODY_BYTES && !room.is_taken() {
                *awaits = Awaits::Room;
                room = self.rooms.take().await;
                *awaits = Awaits::Server;
                // Once for all: growing step by step would copy it, old and new held together. What is not written to
                // costs no memory.
                let whole = if announced > 0 { announced } else { max };
                body.reserve(usize::try_from(whole).unwrap_or(0).saturating_sub(body.len()));
            }
            body.extend_from_slice(&chunk);
        }
    }

    fn refusal(&self, status: StatusCode, headers: &HeaderMap) -> Error {
        let says_when = status.is_client_error() || status.is_server_error();
        let retry_at = if says_when { headers::retry_at(headers, self.clock.now()) } else { None };
        Error::new(Reason::Status(status), retry_at)
    }
}

fn builder(options: &Options, user_agent: HeaderValue, resolver: &GuardedResolver) -> ClientBuilder {
    Client::builder()
        .user_agent(user_agent)
        .default_headers(HeaderMap::from_iter([(ACCEPT, ACCEPT_FEEDS)]))
        .redirect(Policy::none())
        .referer(false)
        .dns_resolver(resolver.clone())
        .connect_timeout(options.connect_timeout)
        .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
        .pool_idle_timeout(IDLE_CONNECTION)
        .http2_initial_stream_window_size(MAX_UNREAD_BYTES)
        .http2_initial_connection_window_size(MAX_UNREAD_BYTES_OF_CONNECTION)
        .http1_ignore_invalid_headers_in_responses(true)
}

/// The reason as it is told of a hop that a server of the open web led us to.
fn inside(reason: Reason, outside: bool) -> Reason {
    match reason {
        Reason::SpecialAddress { ip, block }
        | Reason::Resolve(super::resolve::ResolveError::Special { ip, block, .. })
            if outside =>
        {
            Reason::RedirectInside { ip, block }
        }
        other => other,
    }
}

fn not_modified(headers: &HeaderMap, sent: &Validators, way: &mut Way<'_>) -> Result<Fetched, Error> {
    if *sent == Validators::default() {
        return Err(Reason::UnaskedNotModified.into());
    }
    Ok(Fetched::NotModified {
        validators: headers::confirmed(headers, sent),
        redirects: std::mem::take(&mut way.redirects),
        wishes: way.wishes,
    })
}

/// `work`, or the reason why it took too long.
async fn within<T>(
    limit: Duration,
    reason: fn(Duration) -> Reason,
    work: impl Future<Output = T>,
) -> Result<T, Reason> {
    timeout(limit, work).await.map_err(|_| reason(limit))
}
