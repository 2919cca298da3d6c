//! Why a fetch failed: words for people, a class for the program.
//!
//! Data in: what the checks, the HTTP client and the body reader report. Data out: [`Error`].
//!
//! **Invariant:** no text holds a path, query, user name or password of a URL, nor any text that a server chose,
//! except the words of the TLS library about a certificate, which are cleaned and cut.
//! **Invariant:** classes come from types and kinds, never from the text of another error.
//!
//! Rejected: passing on the client's own messages, which name the whole URL and speak of internals.

use std::{error::Error as StdError, fmt, io, net::IpAddr, time::Duration};

use reqwest::StatusCode;

use super::resolve::ResolveError;
use crate::model::{FailureKind, PollFailure, Redirect, Timestamp};

/// Longest text taken over from the TLS library, in characters.
const MAX_DETAIL_CHARS: usize = 200;

/// A failed fetch; `Display` is one sentence for people, without full stop and without secrets.
#[derive(Clone, thiserror::Error)]
#[error("{reason}")]
pub struct Error {
    reason: Reason,
    retry_at: Option<Timestamp>,
    redirects: Vec<Redirect>,
}

impl Error {
    pub(super) fn new(reason: Reason, retry_at: Option<Timestamp>) -> Self {
        Self { reason, retry_at, redirects: Vec::new() }
    }

    /// The class of failure.
    pub fn kind(&self) -> FailureKind {
        match (self.reason.kind(), self.retry_at) {
            (FailureKind::ServerError(503), Some(_)) => FailureKind::RateLimited,
            (kind, _) => kind,
        }
    }

    /// The HTTP status, where it is what ended the fetch.
    pub fn status(&self) -> Option<u16> {
        match &self.reason {
            Reason::Status(status)
            | Reason::NoLocation(status)
            | Reason::BadLocation(status)
            | Reason::LongLocation(status) => Some(status.as_u16()),
            Reason::UnaskedNotModified => Some(304),
            _ => None,
        }
    }

    /// The same, after these redirects.
    pub(super) fn after(self, redirects: Vec<Redirect>) -> Self {
        Self { redirects, ..self }
    }

    /// Redirects that were followed before it failed, in order.
    pub fn redirects(&self) -> &[Redirect] {
        &self.redirects
    }

    /// Not before this instant, where the server said so.
    pub fn retry_at(&self) -> Option<Timestamp> {
        self.retry_at
    }
}

impl fmt::Debug for Error {
    /// Redirects are counted only: what a server writes into an address may be a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Error");
        shown.field("reason", &self.reason).field("retry_at", &self.retry_at);
        shown.field("redirects", &self.redirects.len()).finish()
    }
}

impl From<Reason> for Error {
    fn from(reason: Reason) -> Self {
        Self::new(reason, None)
    }
}

impl From<Error> for PollFailure {
    fn from(error: Error) -> Self {
        Self { kind: error.kind(), message: error.to_string(), retry_at: error.retry_at }
    }
}

/// What went wrong, each with its words.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum Reason {
    #[error("the address is neither http nor https")]
    Scheme,
    #[error("the address has no host")]
    NoHost,
    #[error("the address holds a user name or password, which is not supported")]
    Credentials,
    #[error("the address cannot be written in an HTTP request")]
    Unsendable,
    #[error("{ip} is {block}; allow it under [fetch] allow")]
    SpecialAddress { ip: IpAddr, block: &'static str },
    #[error(
        "the server redirects into a network of your own: {ip} is {block}; [fetch] allow does not cover that"
    )]
    RedirectInside { ip: IpAddr, block: &'static str },
    #[error("the proxy cannot be used: {0}")]
    Proxy(Box<Reason>),
    #[error("the server redirects to an address that is neither http nor https")]
    RedirectScheme,
    #[error(
        "the server redirects from https to http, where anyone on the way could read and change the feed; this is not followed"
    )]
    Downgrade,
    #[error("the server redirects to an address with a user name or password, which is not followed")]
    RedirectCredentials,
    #[error("more than {0} redirects")]
    TooManyRedirects(u32),
    #[error("the server answered {} without saying where to", Code(*.0))]
    NoLocation(StatusCode),
    #[error("the server answered {} with an address that cannot be read", Code(*.0))]
    BadLocation(StatusCode),
    #[error("the server answered {} with an address that is too long", Code(*.0))]
    LongLocation(StatusCode),
    #[error("{0}")]
    Resolve(ResolveError),
    #[error("the server refused the connection")]
    ConnectionRefused,
    #[error("the server cannot be reached from this network")]
    Unreachable,
    #[error("no connection to the server could be made")]
    NoConnection,
    #[error("the address of the server could not be told")]
    UnknownPeer,
    #[error("the server closed the connection while it was being made")]
    HungUp,
    #[error("the server closed the connection without an answer")]
    NoAnswer,
    #[error("the server's answer is not valid HTTP")]
    NotHttp,
    #[error("the connection broke")]
    Broken,
    #[error("no secure connection: {0}")]
    Tls(String),
    #[error("connecting took longer than {}", Span(*.0))]
    ConnectTimeout(Duration),
    #[error("the server sent no answer within {}", Span(*.0))]
    HeaderTimeout(Duration),
    #[error("the server sent nothing more for {}", Span(*.0))]
    IdleTimeout(Duration),
    #[error("fetching took longer than {} in all", Span(*.0))]
    TotalTimeout(Duration),
    #[error(
        "the feed is large, and while it was being fetched no room for it came free within {}: other large feeds were \
         still being read",
        Span(*.0)
    )]
    NoRoom(Duration),
    #[error("the connection timed out")]
    SystemTimeout,
    #[error("the server answered {}", Code(*.0))]
    Status(StatusCode),
    #[error("the server answered 304 Not Modified, though it was asked for the whole feed")]
    UnaskedNotModified,
    #[error("the body is larger than {}", Size(*.0))]
    TooLarge(u64),
    #[error("the body ended before its announced end")]
    ShortBody,
    #[error("the compressed body is damaged")]
    DamagedCompression,
    #[error("the body is compressed in a way that was not asked for")]
    UnaskedCompression,
}

impl Reason {
    fn kind(&self) -> FailureKind {
        match self {
            Self::Scheme
            | Self::NoHost
            | Self::Credentials
            | Self::Unsendable
            | Self::SpecialAddress { .. }
            | Self::RedirectInside { .. }
            | Self::RedirectScheme
            | Self::Downgrade
            | Self::RedirectCredentials
            | Self::TooManyRedirects(_)
            | Self::NoLocation(_)
            | Self::BadLocation(_)
            | Self::LongLocation(_)
            | Self::Resolve(ResolveError::Special { .. }) => FailureKind::Refused,
            Self::Resolve(_) => FailureKind::Dns,
            Self::Proxy(reason) => reason.kind(),
            Self::ConnectionRefused
            | Self::Unreachable
            | Self::NoConnection
            | Self::UnknownPeer
            | Self::HungUp
            | Self::NoAnswer
            | Self::NotHttp
            | Self::Broken => FailureKind::Connect,
            Self::Tls(_) => FailureKind::Tls,
            Self::ConnectTimeout(_)
            | Self::HeaderTimeout(_)
            | Self::IdleTimeout(_)
            | Self::TotalTimeout(_)
            | Self::SystemTimeout => FailureKind::Timeout,
            Self::NoRoom(_) => FailureKind::NoRoom,
            Self::Status(status) => status_kind(*status),
            Self::UnaskedNotModified => FailureKind::NotAFeed,
            Self::TooLarge(_) | Self::ShortBody | Self::DamagedCompression | Self::UnaskedCompression => {
                FailureKind::Body
            }
        }
    }
}

/// The class of a status that is no success. 2xx without a feed (204, 206 …) and 1xx are "not a feed"; 3xx that
/// cannot be followed (300, 305, 306) are refused. A 503 counts as rate limited where `Retry-After` came with it.
fn status_kind(status: StatusCode) -> FailureKind {
    match status.as_u16() {
        410 => FailureKind::Gone,
        429 => FailureKind::RateLimited,
        code @ 400..=499 => FailureKind::ClientError(code),
        code @ 500..=599 => FailureKind::ServerError(code),
        300..=399 => FailureKind::Refused,
        _ => FailureKind::NotAFeed,
    }
}

/// What an error before the answer's headers means.
pub(super) fn of_request(error: &reqwest::Error, connect_timeout: Duration) -> Reason {
    if let Some(refused) = find_cause(error, |cause| cause.downcast_ref::<ResolveError>().cloned()) {
        return Reason::Resolve(refused);
    }
    if error.is_timeout() {
        return if error.is_connect() {
            Reason::ConnectTimeout(connect_timeout)
        } else {
            Reason::SystemTimeout
        };
    }
    if error.is_connect() {
        return of_connect(error);
    }
    if error.is_builder() {
        return Reason::Unsendable;
    }
    match find_cause(error, |cause| cause.downcast_ref::<hyper::Error>().map(of_exchange)) {
        Some(reason) => reason,
        None => Reason::Broken,
    }
}

fn of_connect(error: &reqwest::Error) -> Reason {
    find_cause(error, |cause| {
        let io = cause.downcast_ref::<io::Error>()?;
        match io.kind() {
            // While connecting, only the TLS handshake judges data.
            io::ErrorKind::InvalidData => Some(Reason::Tls(detail(io))),
            io::ErrorKind::ConnectionRefused => Some(Reason::ConnectionRefused),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Some(Reason::Unreachable),
            io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset => Some(Reason::HungUp),
            _ => None,
        }
    })
    .unwrap_or(Reason::NoConnection)
}

fn of_exchange(error: &hyper::Error) -> Reason {
    let reset = || {
        find_cause(error, |cause| {
            let io = cause.downcast_ref::<io::Error>()?;
            matches!(io.kind(), io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe).then_some(())
        })
        .is_some()
    };
    if error.is_parse() {
        Reason::NotHttp
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() || reset() {
        Reason::NoAnswer
    } else {
        Reason::Broken
    }
}

/// What an error while the body was read means.
pub(super) fn of_body(error: &reqwest::Error) -> Reason {
    if error.is_timeout() {
        return Reason::SystemTimeout;
    }
    // An error of the transfer carries the connection's own error; one of the decompression does not.
    let Some(incomplete) = find_cause(error, |cause| {
        cause.downcast_ref::<hyper::Error>().map(hyper::Error::is_incomplete_message)
    }) else {
        return Reason::DamagedCompression;
    };
    let ended_early = find_cause(error, |cause| {
        let io = cause.downcast_ref::<io::Error>()?;
        (io.kind() == io::ErrorKind::UnexpectedEof).then_some(())
    });
    if incomplete || ended_early.is_some() { Reason::ShortBody } else { Reason::Broken }
}

/// The first cause that `pick` takes. An [`io::Error`] skips the error it wraps in its `source`, so that one is
/// looked at by hand.
fn find_cause<T>(
    error: &(dyn StdError + 'static),
    mut pick: impl FnMut(&(dyn StdError + 'static)) -> Option<T>,
) -> Option<T> {
    let mut next = Some(error);
    while let Some(cause) = next {
        if let Some(found) = pick(cause) {
            return Some(found);
        }
        next = match cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    None
}

/// A library's words, without control characters and cut to [`MAX_DETAIL_CHARS`].
fn detail(error: &dyn fmt::Display) -> String {
    error.to_string().chars().filter(|c| !c.is_control()).take(MAX_DETAIL_CHARS).collect()
}

/// A status as people write it: `404 Not Found`, `599`.
struct Code(StatusCode);

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_str())?;
        self.0.canonical_reason().map_or(Ok(()), |reason| write!(f, " {reason}"))
    }
}

/// A duration as people write it: `1500 ms`, `20 s`.
pub(super) struct Span(pub(super) Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.subsec_millis() == 0 && !self.0.is_zero() {
            write!(f, "{} s", self.0.as_secs())
        } else {
            write!(f, "{} ms", self.0.as_millis())
        }
    }
}

/// A number of bytes as people write it: `8 MiB`, `1000 bytes`.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const KIB: u64 = 1024;
        const MIB: u64 = 1024 * KIB;
        match self.0 {
            n if n > 0 && n % MIB == 0 => write!(f, "{} MiB", n / MIB),
            n if n > 0 && n % KIB == 0 => write!(f, "{} KiB", n / KIB),
            n => write!(f, "{n} bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_class_and_words() {
        let check = |code: u16, retry: bool, kind: FailureKind, words: &str| {
            let at = retry.then(|| crate::model::time::from_millis(0));
            let failure =
                PollFailure::from(Error::new(Reason::Status(StatusCode::from_u16(code).unwrap()), at));
            assert_eq!(failure, PollFailure { kind, message: words.to_owned(), retry_at: at });
        };
        check(404, false, FailureKind::ClientError(404), "the server answered 404 Not Found");
        check(400, false, FailureKind::ClientError(400), "the server answered 400 Bad Request");
        check(
            451,
            true,
            FailureKind::ClientError(451),
            "the server answered 451 Unavailable For Legal Reasons",
        );
        check(410, false, FailureKind::Gone, "the server answered 410 Gone");
        check(429, false, FailureKind::RateLimited, "the server answered 429 Too Many Requests");
        check(429, true, FailureKind::RateLimited, "the server answered 429 Too Many Requests");
        check(500, true, FailureKind::ServerError(500), "the server answered 500 Internal Server Error");
        check(503, false, FailureKind::ServerError(503), "the server answered 503 Service Unavailable");
        check(503, true, FailureKind::RateLimited, "the server answered 503 Service Unavailable");
        check(599, false, FailureKind::ServerError(599), "the server answered 599");
        check(999, false, FailureKind::NotAFeed, "the server answered 999");
        check(204, false, FailureKind::NotAFeed, "the server answered 204 No Content");
        check(206, false, FailureKind::NotAFeed, "the server answered 206 Partial Content");
        check(101, false, FailureKind::NotAFeed, "the server answered 101 Switching Protocols");
        check(300, false, FailureKind::Refused, "the server answered 300 Multiple Choices");
    }

    #[test]
    fn spans_sizes_and_details_read_well() {
        assert_eq!(Span(Duration::from_secs(20)).to_string(), "20 s");
        assert_eq!(Span(Duration::from_millis(1500)).to_string(), "1500 ms");
        assert_eq!(Size(8 * 1024 * 1024).to_string(), "8 MiB");
        assert_eq!(Size(1000).to_string(), "1000 bytes");
        assert_eq!(detail(&"a\r\n\u{1b}[31mb"), "a[31mb");
        assert_eq!(detail(&"x".repeat(MAX_DETAIL_CHARS)).len(), MAX_DETAIL_CHARS);
        assert_eq!(detail(&"x".repeat(MAX_DETAIL_CHARS + 1)).len(), MAX_DETAIL_CHARS);
    }
}
