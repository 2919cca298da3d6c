//! What a feed's requests carry besides the ordinary: a login, cookies, extra fields, a proxy.
//!
//! Data in: an [`AccessSpec`] and the URL it was configured for. Data out: an [`Access`] that requests take along.
//!
//! **Invariant:** secrets go to the exact origin they were configured for (scheme, host and port), and nowhere a
//! redirect leads.
//! **Invariant:** no field can be set that says who asks, for how much, or how the message travels ([`refused_field`]).
//! **Invariant:** a proxy is a host like any other: it is visited only where the operator may send us.
//!
//! A proxy looks names up by itself, so the target is checked before it is asked: its address where the URL holds one,
//! else everything its name resolves to here. A SOCKS proxy is told the address that was checked; an HTTP proxy is told
//! the name, and is trusted to find the same.
//!
//! Rejected: leaving the check to the proxy, which may well reach what we must not.

use std::{net::IpAddr, sync::Arc};

use reqwest::{
    Client, Proxy, Request, RequestBuilder,
    header::{COOKIE, HeaderMap, HeaderName, HeaderValue},
};
use url::{Origin, Url};

use super::{AllowList, error::Reason, target};
use crate::model::Secret;

/// Extra fields of one feed.
pub const MAX_EXTRA_FIELDS: usize = 20;

/// How a feed is asked for, as the operator says it.
#[derive(Debug, Clone, Default)]
pub struct AccessSpec {
    /// `Authorization`.
    pub authorization: Option<Authorization>,
    /// `Cookie`, as it is to be sent: `a=b; c=d`.
    pub cookie: Option<Secret>,
    /// Extra fields, each name and value.
    pub headers: Vec<(String, Secret)>,
    /// Where requests go through.
    pub proxy: Option<ProxySpec>,
}

/// What stands in `Authorization`.
#[derive(Debug, Clone)]
pub enum Authorization {
    /// RFC 7617.
    Basic {
        /// User name; no colon.
        user: String,
        /// Password.
        password: Secret,
    },
    /// RFC 6750.
    Bearer(Secret),
}

/// A proxy.
#[derive(Debug, Clone)]
pub struct ProxySpec {
    /// `http`, `https` or `socks5`, host and port; no user and password.
    pub url: Url,
    /// User and password.
    pub login: Option<(String, Secret)>,
}

impl ProxySpec {
    /// Whether both name the same proxy and user.
    fn is(&self, other: &Self) -> bool {
        let login = |spec: &Self| spec.login.clone().map(|(user, word)| (user, word.reveal().to_owned()));
        self.url == other.url && login(self) == login(other)
    }
}

/// Why an [`AccessSpec`] cannot be used; without any part of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AccessError {
    /// A name that no field can have, or that is ours to set.
    #[error("the field {name} cannot be set: {why}")]
    Field {
        /// The name as given.
        name: String,
        /// Why, with what to do instead.
        why: &'static str,
    },
    /// A secret that holds line ends or the like.
    #[error("the value of {0} holds characters that an HTTP header cannot carry")]
    Value(String),
    /// More than [`MAX_EXTRA_FIELDS`].
    #[error("more than {MAX_EXTRA_FIELDS} extra fields")]
    TooMany,
    /// No client could be made for the proxy.
    #[error("the proxy {0} cannot be used")]
    Proxy(String),
}

/// See the module. `Debug` shows no secret.
#[derive(Debug)]
pub struct Access {
    origin: Origin,
    authorization: Option<Authorization>,
    headers: HeaderMap,
    pub(super) proxy: Option<Arc<ProxyClient>>,
}

/// A client whose requests all go through one proxy.
#[derive(Debug)]
pub(super) struct ProxyClient {
    pub(super) spec: ProxySpec,
    pub(super) client: Client,
}

impl ProxyClient {
    /// Of the proxy itself.
    pub(super) fn port(&self) -> Option<u16> {
        self.spec.url.port_or_known_default().or(Some(SOCKS_PORT))
    }

    /// The proxy's name; `None` where its URL holds an address.
    pub(super) fn domain(&self) -> Option<&str> {
        self.spec.url.host_str().filter(|host| address(host).is_none())
    }

    /// The proxy's address, where its URL holds one.
    pub(super) fn check(&self, allow: &AllowList) -> Result<(), Reason> {
        match self.spec.url.host_str().and_then(address) {
            Some(ip) => target::check_address(allow, None, ip, self.port()),
            None => Ok(()),
        }
    }
}

/// IANA, service `socks`.
const SOCKS_PORT: u16 = 1080;

/// Schemes of proxies that `url` does not know leave an address unread.
fn address(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

impl Access {
    /// `make_client` makes a client that sends everything through the proxy given; `known` are those made before.
    pub(super) fn new(
        url: &Url,
        spec: AccessSpec,
        known: &mut Vec<Arc<ProxyClient>>,
        make_client: impl FnOnce(Proxy) -> Option<Client>,
    ) -> Result<Self, AccessError> {
        if spec.headers.len() > MAX_EXTRA_FIELDS {
            return Err(AccessError::TooMany);
        }
        let mut headers = HeaderMap::new();
        for (name, value) in &spec.headers {
            if let Some(why) = refused_field(name) {
                return Err(AccessError::Field { name: name.clone(), why });
            }
            let field = HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| AccessError::Field { name: name.clone(), why: "this is no name of a field" })?;
            headers.insert(field, sensitive(name, value)?);
        }
        if let Some(cookie) = &spec.cookie {
            headers.insert(COOKIE, sensitive("cookie", cookie)?);
        }
        match &spec.authorization {
            Some(Authorization::Bearer(token)) => drop(sensitive("bearer", token)?),
            // Encoded, so nothing in it can break a header; a colon would end the user's name early (RFC 7617 §2).
            Some(Authorization::Basic { user, .. })
                if user.contains(':') || user.contains(char::is_control) =>
            {
                return Err(AccessError::Value("basic".to_owned()));
            }
            _ => {}
        }
        let proxy = match spec.proxy {
            None => None,
            Some(wanted) => Some(proxy_client(wanted, known, make_client)?),
        };
        Ok(Self { origin: url.origin(), authorization: spec.authorization, headers, proxy })
    }

    /// Adds the secrets to a request of their own origin; leaves any other as it is.
    pub(super) fn apply(&self, client: &Client, mut request: Request) -> Result<Request, Reason> {
        if request.url().origin() != self.origin {
            return Ok(request);
        }
        request.headers_mut().extend(self.headers.clone());
        let Some(authorization) = &self.authorization else { return Ok(request) };
        let builder = RequestBuilder::from_parts(client.clone(), request);
        match authorization {
            Authorization::Basic { user, password } => builder.basic_auth(user, Some(password.reveal())),
            Authorization::Bearer(token) => builder.bearer_auth(token.reveal()),
        }
        .build()
        .map_err(|_| Reason::Unsendable)
    }
}

fn sensitive(name: &str, value: &Secret) -> Result<HeaderValue, AccessError> {
    let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| AccessError::Value(name.to_owned()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn proxy_client(
    wanted: ProxySpec,
    known: &mut Vec<Arc<ProxyClient>>,
    make_client: impl FnOnce(Proxy) -> Option<Client>,
) -> Result<Arc<ProxyClient>, AccessError> {
    if let Some(found) = known.iter().find(|known| known.spec.is(&wanted)) {
        return Ok(found.clone());
    }
    let unusable = || AccessError::Proxy(wanted.url.to_string());
    let mut proxy = Proxy::all(wanted.url.clone()).map_err(|_| unusable())?;
    if let Some((user, password)) = &wanted.login {
        proxy = proxy.basic_auth(user, password.reveal());
    }
    let client = make_client(proxy).ok_or_else(unusable)?;
    let made = Arc::new(ProxyClient { spec: wanted, client });
    known.push(made.clone());
    Ok(made)
}

/// Why a field may not be set by hand; `None` where it may.
///
/// Those are the fields that route a message or end it (RFC 9110 §7.6.1, RFC 9112 §6), that proxies believe about who
/// asks, and those that have keys of their own.
pub fn refused_field(name: &str) -> Option<&'static str> {
    const HOP: &str = "it belongs to the connection; remove it";
    const IDENTITY: &str = "servers believe it about who asks; remove it";
    const OURS: &str = "wirewatch sets it itself; remove it";
    const TABLE: [(&str, &str); 34] = [
        ("accept-encoding", OURS),
        ("authorization", "write basic = { … } or bearer = { … } instead"),
        ("client-ip", IDENTITY),
        ("connection", HOP),
        ("content-length", HOP),
        ("content-type", HOP),
        ("cookie", "write cookie = { … } instead"),
        ("cookie2", "write cookie = { … } instead"),
        ("date", OURS),
        ("expect", HOP),
        ("forwarded", IDENTITY),
        ("from", "write contact = \"…\" in [fetch] instead"),
        ("host", "it belongs to the address in url; remove it"),
        ("http2-settings", HOP),
        ("if-match", OURS),
        ("if-modified-since", OURS),
        ("if-none-match", OURS),
        ("if-range", OURS),
        ("if-unmodified-since", OURS),
        ("keep-alive", HOP),
        ("max-forwards", HOP),
        ("origin", IDENTITY),
        ("range", OURS),
        ("referer", IDENTITY),
        ("remote-user", IDENTITY),
        ("te", HOP),
        ("trailer", HOP),
        ("transfer-encoding", HOP),
        ("true-client-ip", IDENTITY),
        ("upgrade", HOP),
        ("user-agent", "write user_agent = \"…\" in [fetch] instead"),
        ("via", IDENTITY),
        ("x-real-ip", IDENTITY),
        ("x-remote-user", IDENTITY),
    ];
    let name = name.to_ascii_lowercase();
    if name.starts_with("proxy-") {
        return Some("write proxy = { … } instead");
    }
    if name.starts_with("x-forwarded") || name.starts_with("cf-") {
        return Some(IDENTITY);
    }
    TABLE.iter().find(|(refused, _)| *refused == name).map(|(_, why)| *why)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(spec: AccessSpec) -> Result<Access, AccessError> {
        let url = Url::parse("https://a.example/feed").unwrap();
        Access::new(&url, spec, &mut Vec::new(), |_| None)
    }

    #[test]
    fn fields_that_say_who_asks_or_how_the_message_travels_are_refused() {
        for name in [
            "Host",
            "content-length",
            "Connection",
            "Transfer-Encoding",
            "Cookie",
            "Authorization",
            "Proxy-Authorization",
            "X-Forwarded-For",
            "Remote-User",
            "User-Agent",
            "If-None-Match",
            "TE",
            "no such name",
            "",
        ] {
            let spec = AccessSpec {
                headers: vec![(name.to_owned(), Secret::new("canary"))],
                ..AccessSpec::default()
            };
            let error = made(spec).unwrap_err();
            assert!(matches!(error, AccessError::Field { .. }), "{name}: {error}");
            assert!(!error.to_string().contains("canary"));
        }
        assert_eq!(refused_field("X-Api-Key"), None);
        assert_eq!(refused_field("Accept-Language"), None);
    }

    #[test]
    fn values_that_would_break_a_header_are_refused_without_being_shown() {
        let word = || Secret::new("canary\r\nX: y");
        for spec in [
            AccessSpec { cookie: Some(word()), ..AccessSpec::default() },
            AccessSpec { authorization: Some(Authorization::Bearer(word())), ..AccessSpec::default() },
            AccessSpec { headers: vec![("X-Key".to_owned(), word())], ..AccessSpec::default() },
            AccessSpec {
                authorization: Some(Authorization::Basic {
                    user: "a:b".to_owned(),
                    password: Secret::new("canary"),
                }),
                ..AccessSpec::default()
            },
        ] {
            let error = made(spec).unwrap_err();
            assert!(matches!(error, AccessError::Value(_)) && !error.to_string().contains("canary"));
        }
    }

    #[test]
    fn the_number_of_extra_fields_is_limited_and_no_secret_is_shown() {
        let of = |n: usize| AccessSpec {
            headers: (0..n).map(|i| (format!("X-{i}"), Secret::new("canary"))).collect(),
            cookie: Some(Secret::new("canary")),
            authorization: Some(Authorization::Bearer(Secret::new("canary"))),
            proxy: None,
        };
        let text = format!("{:?}", made(of(MAX_EXTRA_FIELDS)).unwrap());
        assert!(!text.contains("canary"), "{text}");
        assert_eq!(made(of(MAX_EXTRA_FIELDS + 1)).unwrap_err(), AccessError::TooMany);
    }
}
