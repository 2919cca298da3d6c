//! The one guarded HTTP client: everything that is read from the network by HTTP comes through here.
//!
//! Data in: a URL and the validators of the last answer. Data out: [`Fetched`] (a body, or "not modified"), or an
//! [`Error`] with its class and plain words.
//!
//! **Invariant:** no connection is made to an address outside the public internet unless the operator's
//! [`AllowList`] covers it; each hop of a redirect is checked, and it is the connected address that is checked.
//! **Invariant:** no answer, however slow, long, compressed or crooked, holds a fetch beyond its time limits or
//! makes it keep more than `max_body_bytes` of body; and few large bodies are held at once ([`Room`]).
//! **Invariant:** requests carry no referrer, and secrets only to the origin they were configured for ([`Access`]).
//!
//! Rejected: a check of the name before the request (the name may resolve otherwise a moment later), and a client
//! that follows redirects by itself (its hops cannot be checked).

mod access;
mod address;
mod allow;
mod client;
mod error;
mod headers;
mod resolve;
mod room;
mod target;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use url::Url;

pub use access::{
    Access, AccessError, AccessSpec, Authorization, MAX_EXTRA_FIELDS, ProxySpec, refused_field,
};
pub use address::is_public;
pub use allow::{AllowEntry, AllowList, InvalidAllowEntry};
pub use client::{BuildError, Fetcher};
pub use error::Error;
pub use headers::{MAX_FRESH, MAX_RETRY_AFTER, MAX_VALIDATOR_BYTES};
pub use room::Room;
pub use target::MAX_LOCATION_BYTES;

use crate::model::{Redirect, Timestamp, Validators};

/// Limits and manners of the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// `User-Agent` of each request.
    pub user_agent: String,
    /// For a new connection: name lookup, TCP and TLS together.
    pub connect_timeout: Duration,
    /// From the start of a hop, connecting included, to the end of the answer's headers. Starts anew when a request
    /// is repeated because the server hung up on it.
    pub header_timeout: Duration,
    /// Between two pieces of a body.
    pub idle_timeout: Duration,
    /// For a whole fetch: redirects, body and the wait for a [`Room`] together.
    pub total_timeout: Duration,
    /// Longest body in bytes, after decompression.
    pub max_body_bytes: u64,
    /// Redirects followed for one fetch.
    pub max_redirects: u32,
    /// Addresses outside the public internet that may be visited.
    pub allow: AllowList,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            user_agent: concat!("wirewatch/", env!("CARGO_PKG_VERSION")).to_owned(),
            connect_timeout: Duration::from_secs(10),
            header_timeout: Duration::from_secs(20),
            idle_timeout: Duration::from_secs(15),
            total_timeout: Duration::from_secs(60),
            max_body_bytes: 8 * 1024 * 1024,
            max_redirects: 5,
            allow: AllowList::default(),
        }
    }
}

/// What to fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FetchRequest {
    /// An http or https URL without user name and password; the fragment is not sent.
    pub url: Url,
    /// Of the last answer; empty for an unconditional request.
    pub validators: Validators,
}

/// How it is asked for; [`Default`] is the ordinary way.
#[derive(Debug, Clone, Default)]
pub struct Manner {
    /// The address whose answer gave the validators: only there are they sent. `None`: the one asked for.
    pub validated: Option<Url>,
    /// Login, extra fields, proxy.
    pub access: Option<Arc<Access>>,
}

/// What an answer says of when to come again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Wishes {
    /// `Retry-After` of this answer or of a redirect on the way: not before this instant.
    pub retry_at: Option<Timestamp>,
    /// How long the answer stays good by `Cache-Control: max-age` or `Expires`; at most [`MAX_FRESH`], never zero.
    pub fresh_for: Option<Duration>,
}

/// A successful fetch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fetched {
    /// There is a body.
    Modified(Response),
    /// 304: the last body is still good.
    NotModified {
        /// For the next request: those of this answer, and where it had none, those that were sent.
        validators: Validators,
        /// As [`Response::redirects`].
        redirects: Vec<Redirect>,
        /// When to come again.
        wishes: Wishes,
    },
}

/// An answer with a body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The URL that answered, after redirects, without fragment.
    pub url: Url,
    /// Redirects that were followed, in order; at most `max_redirects`.
    pub redirects: Vec<Redirect>,
    /// `Content-Type` as sent; bytes that are not UTF-8 are replaced.
    pub content_type: Option<String>,
    /// For the next request, verbatim.
    pub validators: Validators,
    /// The whole body, decompressed; may be empty; at most `max_body_bytes`.
    pub body: Bytes,
    /// To be kept as long as the body, or what was read of it, is: it stands for the memory.
    pub room: Room,
    /// When to come again.
    pub wishes: Wishes,
}
