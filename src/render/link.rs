//! Links as mails show them: http(s) only, without tracking parameters, with their host in sight.
//!
//! Data in: a URL from a feed. Data out: address and host, both ASCII.
//!
//! **Invariant:** the scheme is http or https, and no user name or password is carried on.
//!
//! Rejected: decoding punycode hosts. The ASCII form cannot be mistaken for another name.

use serde::Serialize;
use url::Url;

/// Longest address that is linked, in bytes: what browsers and mail programs are known to take (2,083 in the
/// oldest still met, less a margin).
pub(super) const MAX_LINK: usize = 2_000;

/// A link and what to show for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct LinkView {
    /// The address.
    pub(super) href: String,
    /// Its host, in ASCII.
    pub(super) host: String,
}

/// `None` for other schemes and for addresses longer than [`MAX_LINK`].
pub(super) fn view(url: &Url) -> Option<LinkView> {
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let host = url.host_str()?.to_owned();
    let mut url = url.clone();
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    strip_tracking(&mut url);
    let href = String::from(url);
    (href.len() <= MAX_LINK).then_some(LinkView { href, host })
}

/// Takes out `utm_*`, `at_*`, `fbclid` and `gclid`; all other bytes of the query stay as they were.
fn strip_tracking(url: &mut Url) {
    let Some(query) = url.query() else { return };
    let is_tracking = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        name.starts_with("utm_") || name.starts_with("at_") || matches!(name.as_str(), "fbclid" | "gclid")
    };
    if !query.split('&').any(|pair| is_tracking(&pair)) {
        return;
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_tracking(pair)).collect();
    let kept = kept.join("&");
    url.set_query((!kept.is_empty()).then_some(&kept));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_stripped_and_show_their_host() {
        let check = |raw: &str, want: Option<(&str, &str)>| {
            let got = view(&Url::parse(raw).unwrap());
            let want = want.map(|(href, host)| LinkView { href: href.to_owned(), host: host.to_owned() });
            assert_eq!(got, want, "{raw}");
        };
        let clean = Some(("https://example.com/a?id=1%2B2&x=y#top", "example.com"));
        check("https://example.com/a?utm_source=rss&id=1%2B2&AT_medium=RSS&x=y&fbclid=3#top", clean);
        check("https://example.com/a?id=1%2B2&x=y#top", clean);
        check("https://example.com/?utm_source=rss&gclid=1", Some(("https://example.com/", "example.com")));
        check("https://example.com/?atlas=1", Some(("https://example.com/?atlas=1", "example.com")));
        check("https://user:secret@example.com/", Some(("https://example.com/", "example.com")));
        check("https://bank.example@evil.example/", Some(("https://evil.example/", "evil.example")));
        check("https://аррӏе.example/", Some(("https://xn--80ak6aa92e.example/", "xn--80ak6aa92e.example")));
        check("javascript:alert(1)", None);
        check("data:text/html,x", None);
        check("ftp://example.com/", None);
    }

    #[test]
    fn long_links_are_left_out_at_n_plus_1() {
        let of_length = |n: usize| {
            let base = "https://example.com/";
            Url::parse(&format!("{base}{}", "a".repeat(n - base.len()))).unwrap()
        };
        assert!(view(&of_length(MAX_LINK)).is_some());
        assert!(view(&of_length(MAX_LINK + 1)).is_none());
    }
}
