//! Where a hop may go: checks of a URL before anything is sent, and the target of a redirect.
//!
//! Data in: URLs and the raw bytes of `Location`. Data out: the URL of the next hop, or why it is refused.
//!
//! **Invariant:** every hop, the first included, passes [`check`]; a redirect passes [`redirect_target`] before.
//!
//! Rejected: the client's own redirect policy, which cannot read a `Location` with raw non-ASCII bytes and gives no
//! hold on each hop's address.

use std::{fmt::Write, net::IpAddr};

use reqwest::StatusCode;
use url::{Host, Url};

use super::{AllowList, error::Reason, is_public};

/// Longest `Location` that is followed; browsers and servers give up at about this length.
pub const MAX_LOCATION_BYTES: usize = 8192;

/// Checks what can be told from the URL alone: scheme, credentials, and the address where the host is one.
pub(super) fn check(url: &Url, allow: &AllowList) -> Result<(), Reason> {
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Reason::Scheme);
    }
    if has_credentials(url) {
        return Err(Reason::Credentials);
    }
    match url.host() {
        Some(Host::Ipv4(ip)) => check_address(allow, None, ip.into(), url.port_or_known_default()),
        Some(Host::Ipv6(ip)) => check_address(allow, None, ip.into(), url.port_or_known_default()),
        Some(Host::Domain(_)) => Ok(()),
        None => Err(Reason::NoHost),
    }
}

/// Checks the address of a connection; `name` is `None` where the URL holds the address itself.
pub(super) fn check_address(
    allow: &AllowList,
    name: Option<&str>,
    ip: IpAddr,
    port: Option<u16>,
) -> Result<(), Reason> {
    match is_public(ip) {
        Err(block) if !allow.permits(name, ip, port) => Err(Reason::SpecialAddress { ip, block }),
        _ => Ok(()),
    }
}

/// Joins `location` to the URL it came from. Raw bytes that are not UTF-8 are percent-encoded as they are; the
/// fragment is dropped.
pub(super) fn redirect_target(
    from: &Url,
    status: StatusCode,
    location: Option<&[u8]>,
) -> Result<Url, Reason> {
    let location = location.filter(|bytes| !bytes.is_empty()).ok_or(Reason::NoLocation(status))?;
    if location.len() > MAX_LOCATION_BYTES {
        return Err(Reason::LongLocation(status));
    }
    let mut to = from.join(&lenient_text(location)).map_err(|_| Reason::BadLocation(status))?;
    to.set_fragment(None);
    if !matches!(to.scheme(), "http" | "https") {
        return Err(Reason::RedirectScheme);
    }
    if from.scheme() == "https" && to.scheme() == "http" {
        return Err(Reason::Downgrade);
    }
    if has_credentials(&to) {
        return Err(Reason::RedirectCredentials);
    }
    Ok(to)
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn lenient_text(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        for byte in chunk.invalid() {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOVED: StatusCode = StatusCode::MOVED_PERMANENTLY;

    #[test]
    fn a_location_is_joined_leniently() {
        let from = Url::parse("https://feeds.example/a/b?c").unwrap();
        let check = |location: &[u8], want: &str| {
            let got = redirect_target(&from, MOVED, Some(location));
            assert_eq!(got.map(String::from).ok().as_deref(), Some(want), "{location:?}");
        };
        check(b"https://other.example/x", "https://other.example/x");
        check(b"//other.example/x", "https://other.example/x");
        check(b"/x", "https://feeds.example/x");
        check(b"x", "https://feeds.example/a/x");
        check(b"?x", "https://feeds.example/a/b?x");
        check(b"/x#part", "https://feeds.example/x");
        check(b" /x ", "https://feeds.example/x");
        check("/caf\u{e9}".as_bytes(), "https://feeds.example/caf%C3%A9");
        check(b"/caf\xe9/\xff", "https://feeds.example/caf%E9/%FF");
        check(b"/two words", "https://feeds.example/two%20words");
    }

    #[test]
    fn redirects_that_are_not_followed_say_why() {
        let check = |from: &str, location: Option<&str>, want: &str| {
            let from = Url::parse(from).unwrap();
            let reason = redirect_target(&from, MOVED, location.map(str::as_bytes)).unwrap_err();
            assert!(reason.to_string().contains(want), "{location:?}: {reason}");
        };
        let (http, https) = ("http://a.example/", "https://a.example/");
        check(http, None, "without saying where to");
        check(http, Some(""), "without saying where to");
        check(http, Some("http://"), "cannot be read");
        check(http, Some("http://a b/"), "cannot be read");
        check(https, Some("http://a.example/"), "from https to http");
        check(https, Some("file:///etc/passwd"), "neither http nor https");
        check(http, Some("gopher://a.example/"), "neither http nor https");
        check(http, Some("data:text/xml,x"), "neither http nor https");
        check(http, Some("http://user:canary@a.example/"), "user name or password");
        check(http, Some("//user@a.example/"), "user name or password");
    }

    #[test]
    fn the_length_of_a_location_is_limited() {
        let from = Url::parse("http://a.example/").unwrap();
        let of_length =
            |n: usize| redirect_target(&from, MOVED, Some(format!("/{}", "x".repeat(n - 1)).as_bytes()));
        assert!(of_length(MAX_LOCATION_BYTES).is_ok());
        assert!(matches!(of_length(MAX_LOCATION_BYTES + 1), Err(Reason::LongLocation(_))));
    }

    #[test]
    fn an_address_is_checked_however_it_is_written() {
        let refused = |url: &str, want: &str| {
            let reason = check(&Url::parse(url).unwrap(), &AllowList::default()).unwrap_err();
            assert!(reason.to_string().contains(want), "{url}: {reason}");
        };
        for url in
            ["http://127.0.0.1", "http://127.1", "http://0x7f.1", "http://2130706433", "http://0177.0.0.1"]
        {
            refused(url, "127.0.0.1 is a loopback address (127.0.0.0/8)");
        }
        for url in [
            "http://127.0.0.1.",
            "http://１２７.0.0.1",
            "http://[::ffff:7f00:1]",
            "http://[::ffff:127.0.0.1]",
        ] {
            refused(url, "loopback address");
        }
        refused("http://0.0.0.0", "this network");
        refused("http://[::]", "unspecified address");
        refused("http://[::1]:8080", "loopback address");
        refused("http://169.254.169.254/latest/meta-data/", "link-local address");
        refused("http://[64:ff9b::a00:1]", "private address (10.0.0.0/8); allow it under [fetch] allow");
        refused("ftp://a.example/", "neither http nor https");
        refused("file:///etc/passwd", "neither http nor https");
        refused("http://user:canary@a.example/", "user name or password");
        assert!(check(&Url::parse("https://8.8.8.8/").unwrap(), &AllowList::default()).is_ok());
    }
}
