//! Which addresses belong together: one measure of politeness for each site.
//!
//! Data in: a URL. Data out: the name of its group: the registrable domain, or host and port.
//!
//! Only the ICANN part of the public suffix list counts: all of `*.github.io` is one site, run by one operator on one
//! set of machines, though its tenants are many. Machines named by an address, and those of the operator's own, are
//! told apart by port.
//!
//! Rejected: the private part of the list as well, by which a thousand blogs of one host are a thousand sites, and one
//! server gets a thousand visits at once.

use psl::{Psl, Type};
use url::{Host, Url};

/// Who runs the host, as far as the configuration tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owner {
    /// The operator of wirewatch: `[fetch] allow` names it.
    Operator,
    /// Somebody else.
    Other,
}

/// The site of a URL that is not the operator's own: its registrable domain, or host and port.
pub fn site_of(url: &Url) -> String {
    group(url, Owner::Other)
}

/// The group of a URL's host.
pub(super) fn group(url: &Url, owner: Owner) -> String {
    match (url.host(), owner) {
        (Some(Host::Domain(name)), Owner::Other) => registrable(name).to_owned(),
        _ => match (url.host_str(), url.port_or_known_default()) {
            (Some(host), Some(port)) => format!("{host}:{port}"),
            _ => url.as_str().to_owned(),
        },
    }
}

/// The part of a name that somebody registered under a suffix of ICANN's; the whole name where it is a suffix itself.
fn registrable(name: &str) -> &str {
    let name = name.strip_suffix('.').unwrap_or(name);
    let labels_of_suffix = icann_labels(name);
    let mut dots = name.rmatch_indices('.').map(|(at, _)| at);
    // The dot before the label that stands before the suffix.
    match dots.nth(labels_of_suffix) {
        Some(at) => name.get(at.saturating_add(1)..).unwrap_or(name),
        None => name,
    }
}

/// How many labels the ICANN suffix of a name has.
fn icann_labels(name: &str) -> usize {
    let mut rest = name;
    loop {
        let Some(suffix) = psl::List.suffix(rest.as_bytes()) else { return 1 };
        let Ok(text) = std::str::from_utf8(suffix.as_bytes()) else { return 1 };
        match (suffix.typ(), text.split_once('.')) {
            // A suffix of some company lies below one of ICANN's.
            (Some(Type::Private), Some((_, parent))) => rest = parent,
            _ => return text.split('.').count(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_grouped_by_who_registered_the_name() {
        let check = |url: &str, want: &str| {
            assert_eq!(group(&Url::parse(url).unwrap(), Owner::Other), want, "{url}");
        };
        check("https://example.com/feed", "example.com");
        check("https://feeds.bbci.co.uk/news", "bbci.co.uk");
        check("http://www.Example.COM.:8080/", "example.com");
        check("https://a.b.c.example.org/", "example.org");
        // Tenants of one host are one site.
        check("https://alice.github.io/feed", "github.io");
        check("https://bob.github.io/feed", "github.io");
        check("https://alice.blogspot.com/", "blogspot.com");
        check("https://bucket.s3.amazonaws.com/feed", "amazonaws.com");
        check("https://feed.s3.eu-west-1.amazonaws.com/", "amazonaws.com");
        // Wildcards and exceptions of the list.
        check("https://www.shop.kobe.jp/", "www.shop.kobe.jp");
        check("https://feeds.city.kobe.jp/", "city.kobe.jp");
        check("https://news.com.cn/", "news.com.cn");
        check("https://www.xn--fiqs8s.example.cn/", "example.cn");
        // Suffixes themselves, unknown ones and single labels.
        check("https://co.uk/", "co.uk");
        check("https://github.io/", "github.io");
        check("https://feeds.intranet/", "feeds.intranet");
        check("http://localhost:8080/", "localhost");
        // Addresses have no owner one could tell.
        check("http://192.0.2.1/", "192.0.2.1:80");
        check("https://[2001:db8::1]:8443/", "[2001:db8::1]:8443");
    }

    #[test]
    fn hosts_of_the_operators_own_are_told_apart_by_port() {
        let url = Url::parse("http://a.intranet.example.com:8080/").unwrap();
        assert_eq!(group(&url, Owner::Operator), "a.intranet.example.com:8080");
    }
}
