//! The hop loop: request, redirect, body, each within its limits.
//!
//! Data in: a [`FetchRequest`]. Data out: [`Fetched`] or an [`Error`].
//!
//! **Invariant:** the body of a redirect or an error is never read, let alone decompressed.
//! **Invariant:** reading stops with the first byte beyond `max_body_bytes`, counted after decompression.
//!
//! Rejected: a second try without compression after a damaged body. It doubles the load on a broken server, and
//! the next poll is a second try anyway.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::{Bytes, BytesMut};
use reqwest::{
    Client, Method, Request, StatusCode,
    header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION},
    redirect::Policy,
};
use tokio::{sync::Semaphore, time::timeout};
use url::Url;

use super::{
    Error, FetchRequest, Fetched, Options, Response,
    error::{self, Reason},
    headers,
    resolve::{GuardedResolver, HOP_PORT, Lookup, MAX_LOOKUPS, system_lookup},
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

/// Room taken up front for a body that announces its length; a false announcement costs no more than this.
const MAX_BODY_ROOM: u64 = 256 * 1024;

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
    options: Arc<Options>,
    clock: Clock,
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
        let client = Client::builder()
            .user_agent(user_agent)
            .default_headers(HeaderMap::from_iter([(ACCEPT, ACCEPT_FEEDS)]))
            .redirect(Policy::none())
            .referer(false)
            // A proxy would look names up by itself, out of reach of our checks.
            .no_proxy()
            .dns_resolver(resolver)
            .connect_timeout(options.connect_timeout)
            .pool_max_idle_per_host(MAX_IDLE_PER_HOST)
            .pool_idle_timeout(IDLE_CONNECTION)
            .http1_ignore_invalid_headers_in_responses(true)
            .build()
            .map_err(BuildError::Client)?;
        Ok(Self { client, options: Arc::new(options), clock })
    }

    /// Fetches a URL, following redirects. Cancel safe: dropping the future closes its connection.
    ///
    /// `Modified` comes of 200 and 203, `NotModified` of 304; any other final status is an error.
    ///
    /// # Errors
    /// [`Error::kind`] tells the class; the words are for people.
    pub async fn fetch(&self, request: &FetchRequest) -> Result<Fetched, Error> {
        let limit = self.options.total_timeout;
        within(limit, Reason::TotalTimeout, self.follow(request)).await?
    }

    async fn follow(&self, request: &FetchRequest) -> Result<Fetched, Error> {
        let mut url = request.url.clone();
        url.set_fragment(None);
        let mut redirects: Vec<Redirect> = Vec::new();
        loop {
            let answer = self.hop(&url, &request.validators).await?;
            let status = answer.status();
            match status.as_u16() {
                200 | 203 => return self.read(answer, url, redirects).await.map(Fetched::Modified),
                304 => return not_modified(answer.headers(), &request.validators, redirects),
                301 | 302 | 303 | 307 | 308 => {
                    let location = answer.headers().get(LOCATION).map(HeaderValue::as_bytes);
                    let to = target::redirect_target(&url, status, location)?;
                    let max = self.options.max_redirects;
                    if u32::try_from(redirects.len()).is_ok_and(|followed| followed >= max) {
                        return Err(Reason::TooManyRedirects(max).into());
                    }
                    redirects.push(Redirect { status: status.as_u16(), to: to.clone() });
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
    async fn hop(&self, url: &Url, validators: &Validators) -> Result<reqwest::Response, Reason> {
        match self.ask(url, validators).await {
            Err(Reason::NoAnswer) => self.ask(url, validators).await,
            first => first,
        }
    }

    async fn ask(&self, url: &Url, validators: &Validators) -> Result<reqwest::Response, Reason> {
        let options = &*self.options;
        target::check(url, &options.allow)?;
        let mut request = Request::new(Method::GET, url.clone());
        headers::add_conditions(request.headers_mut(), validators);
        let port = url.port_or_known_default();
        let exchange = HOP_PORT.scope(port.unwrap_or_default(), self.client.execute(request));
        let answer = within(options.header_timeout, Reason::HeaderTimeout, exchange)
            .await?
            .map_err(|error| error::of_request(&error, options.connect_timeout))?;
        // The resolver and the check above have seen this address already; a mistake in either ends here.
        let peer = answer.remote_addr().ok_or(Reason::UnknownPeer)?;
        target::check_address(&options.allow, url.domain(), peer.ip(), port)?;
        Ok(answer)
    }

    async fn read(
        &self,
        mut answer: reqwest::Response,
        url: Url,
        redirects: Vec<Redirect>,
    ) -> Result<Response, Error> {
        if headers::still_compressed(answer.headers()) {
            return Err(Reason::UnaskedCompression.into());
        }
        let content_type =
            answer.headers().get(CONTENT_TYPE).map(|v| String::from_utf8_lossy(v.as_bytes()).into_owned());
        let validators = headers::validators(answer.headers());
        let body = self.read_body(&mut answer).await?;
        Ok(Response { url, redirects, content_type, validators, body })
    }

    async fn read_body(&self, answer: &mut reqwest::Response) -> Result<Bytes, Reason> {
        let max = self.options.max_body_bytes;
        let announced = answer.content_length().unwrap_or(0);
        if announced > max {
            return Err(Reason::TooLarge(max));
        }
        let mut body = BytesMut::with_capacity(usize::try_from(announced.min(MAX_BODY_ROOM)).unwrap_or(0));
        loop {
            let next = within(self.options.idle_timeout, Reason::IdleTimeout, answer.chunk()).await?;
            let Some(chunk) = next.map_err(|error| error::of_body(&error))? else { return Ok(body.freeze()) };
            if u64::try_from(body.len().saturating_add(chunk.len())).is_ok_and(|length| length > max) {
                return Err(Reason::TooLarge(max));
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

fn not_modified(headers: &HeaderMap, sent: &Validators, redirects: Vec<Redirect>) -> Result<Fetched, Error> {
    if *sent == Validators::default() {
        return Err(Reason::UnaskedNotModified.into());
    }
    Ok(Fetched::NotModified { validators: headers::confirmed(headers, sent), redirects })
}

/// `work`, or the reason why it took too long.
async fn within<T>(
    limit: Duration,
    reason: fn(Duration) -> Reason,
    work: impl Future<Output = T>,
) -> Result<T, Reason> {
    timeout(limit, work).await.map_err(|_| reason(limit))
}
