//! What people type as the address of a feed.
//!
//! Data in: a word of the command line. Data out: the address to visit, and the one to try when that has no server.
//!
//! **Invariant:** only http and https come out, without fragment, user name and password; no message repeats a
//! password that was typed.
//!
//! Rejected: to guess `www.` or other hosts: a name that does not exist may be somebody else's tomorrow.

use url::Url;

use crate::{cli::Failure, config::MAX_URL_BYTES};

/// An address as it was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Typed {
    /// To be visited first.
    pub(in crate::cli) url: Url,
    /// The same over http, where nobody said https and its server may know only this.
    pub(super) fallback: Option<Url>,
}

/// Reads `example.com/feed`, `www.example.com`, `//example.com`, `feed://example.com/rss`, `feed:https://…` and whole
/// addresses. Without a scheme https is meant, and `feed://` says nothing about it.
pub(in crate::cli) fn typed(text: &str) -> Result<Typed, Failure> {
    let text = text.trim().trim_matches(['<', '>', '"', '\'']).trim();
    let text = match without(text, "feed:") {
        Some(rest) => rest,
        None => text,
    };
    let bare = text.strip_prefix("//").or_else(|| (!text.contains("://")).then_some(text));
    let url = match bare {
        Some(bare) => parse(&format!("https://{bare}"))?,
        None => parse(text)?,
    };
    let fallback = bare.and_then(|_| {
        let mut plain = url.clone();
        plain.set_scheme("http").ok().map(|()| plain)
    });
    Ok(Typed { url, fallback })
}

fn without<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix).then(|| text.get(prefix.len()..).unwrap_or_default())
}

fn parse(text: &str) -> Result<Url, Failure> {
    let refuse = |what: String| {
        Failure::Usage(format!(
            "wirewatch: {what}\n  = help: write an address such as https://example.com/feed.xml"
        ))
    };
    let mut url = Url::parse(text).map_err(|error| refuse(format!("this is no address: {error}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        let scheme: String = url.scheme().chars().take(20).collect();
        return Err(refuse(format!("feeds are read over http and https only, not {scheme}")));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse(
            "the address holds a user name or a password; leave out the part before the @".to_owned(),
        ));
    }
    url.set_fragment(None);
    if url.as_str().len() > MAX_URL_BYTES {
        return Err(refuse(format!("the address is longer than {MAX_URL_BYTES} bytes")));
    }
    Ok(url)
}

/// What is the same for addresses that can be taken to mean one feed: other scheme, slash at the end.
pub(in crate::cli) fn sameness(url: &Url) -> String {
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    let path = url.path().trim_end_matches('/');
    format!("{}{port}{path}{query}", url.host_str().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_is_understood() {
        let check = |text: &str, url: &str, fallback: Option<&str>| {
            let got = typed(text).unwrap();
            assert_eq!((got.url.as_str(), got.fallback.as_ref().map(Url::as_str)), (url, fallback), "{text}");
        };
        check("https://a.example/feed", "https://a.example/feed", None);
        check(" <HTTP://A.Example/Feed#top> ", "http://a.example/Feed", None);
        check("a.example/feed", "https://a.example/feed", Some("http://a.example/feed"));
        check("www.a.example", "https://www.a.example/", Some("http://www.a.example/"));
        check("//a.example/x", "https://a.example/x", Some("http://a.example/x"));
        check("feed://a.example/x", "https://a.example/x", Some("http://a.example/x"));
        check("feed:https://a.example/x", "https://a.example/x", None);
        check("FEED:http://a.example/x", "http://a.example/x", None);
        check("localhost:8080/rss", "https://localhost:8080/rss", Some("http://localhost:8080/rss"));
        check("[::1]:8080/rss", "https://[::1]:8080/rss", Some("http://[::1]:8080/rss"));
        check("b\u{fc}cher.example", "https://xn--bcher-kva.example/", Some("http://xn--bcher-kva.example/"));
        check(
            "a.example/?u=https%3A//b",
            "https://a.example/?u=https%3A//b",
            Some("http://a.example/?u=https%3A//b"),
        );
    }

    #[test]
    fn what_is_no_address_is_refused_without_repeating_a_password() {
        let check = |text: &str, why: &str| match typed(text) {
            Err(Failure::Usage(said)) => {
                assert!(said.contains(why) && said.contains("= help: "), "{text}: {said}");
                assert!(!said.contains("hunter2"), "{said}");
            }
            other => panic!("{text}: {other:?}"),
        };
        check("", "no address");
        check("ftp://a.example/", "not ftp");
        check("file:///etc/passwd", "not file");
        check("javascript:alert(1)", "no address");
        check("https://me:hunter2@a.example/", "before the @");
        check("me:hunter2@a.example", "before the @");
        check("http://me:hunter2@/", "no address");
        check("two words.example/", "no address");
        let long = |n: usize| format!("https://a.example/{}", "x".repeat(n - "https://a.example/".len()));
        assert!(typed(&long(MAX_URL_BYTES)).is_ok());
        check(&long(MAX_URL_BYTES + 1), "longer than");
    }

    #[test]
    fn one_feed_is_known_under_its_other_spellings() {
        let same = |a: &str, b: &str| sameness(&Url::parse(a).unwrap()) == sameness(&Url::parse(b).unwrap());
        assert!(same("http://a.example/feed/", "https://A.example:443/feed"));
        assert!(same("http://a.example", "https://a.example/"));
        assert!(!same("https://a.example/feed", "https://a.example/feed?x=1"));
        assert!(!same("https://a.example/feed", "https://a.example:8443/feed"));
        assert!(!same("https://a.example/feed", "https://a.example/Feed"));
        assert!(!same("https://a.example/feed", "https://www.a.example/feed"));
    }
}
