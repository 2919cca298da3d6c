//! Links as mails show them: http(s) only, without tracking parameters, with their host in sight.
//!
//! Data in: a URL from a feed. Data out: address and host, both ASCII: a name in other letters is shown in its
//! `xn--` form, which looks like nothing but itself.
//!
//! **Invariant:** the scheme is http or https, and no user name or password is carried on.
//!
//! Rejected: decoding punycode hosts. The ASCII form cannot be mistaken for another name.

use serde::Serialize;
use url::Url;

/// Longest address that is linked, in bytes: what browsers and mail programs are known to take (2,083 in the
/// oldest still met, less a margin).
pub(super) const MAX_LINK: usize = 2_000;

/// Query parameters that only tell the publisher where the reader came from; `*` at the end stands for anything.
/// Shorter than the list by which articles are recognised, since what is taken out here is never asked for: each name
/// is documented by the service that reads it.
pub(super) const TRACKING: [&str; 32] = [
    "utm_*",     // Google Analytics, and Matomo with it
    "at_medium", // Piano (AT Internet), as in the BBC's feeds
    "at_campaign",
    "at_campaign_type",
    "at_creation",
    "at_custom*",
    "at_format",
    "at_link_id",
    "at_link_origin",
    "at_link_type",
    "at_ptr_name",
    "at_bbc_team",
    "xtor",
    "fbclid", // Facebook
    "gclid",  // Google Ads
    "dclid",
    "gbraid",
    "wbraid",
    "msclkid", // Microsoft Advertising
    "yclid",   // Yandex
    "twclid",  // Twitter
    "ttclid",  // TikTok
    "igshid",  // Instagram
    "mc_cid",  // Mailchimp
    "mc_eid",
    "mkt_tok", // Marketo
    "_hsenc",  // HubSpot
    "_hsmi",
    "vero_id",     // Vero
    "wt.mc_id",    // Webtrends
    "ns_campaign", // Comscore
    "ns_mchannel",
];

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

/// Takes out [`TRACKING`]; all other bytes of the query stay as they were.
fn strip_tracking(url: &mut Url) {
    let Some(query) = url.query() else { return };
    let is_tracking = |pair: &&str| {
        let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        TRACKING.iter().any(|known| match known.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *known,
        })
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
    fn each_tracking_parameter_goes_and_its_neighbours_stay() {
        for name in TRACKING {
            let name = name.replace('*', "x");
            let url = format!("https://example.com/a?id=1&{name}=v&{}&page=2", name.to_ascii_uppercase());
            let got = view(&Url::parse(&url).unwrap()).unwrap();
            assert_eq!(got.href, "https://example.com/a?id=1&page=2", "{name}");
        }
        for kept in
            ["utm", "at", "at_home=1", "clid=3", "attachment_id=4", "campaign=x", "ref=y", "utm%5Fsource=z"]
        {
            let url = format!("https://example.com/a?{kept}");
            assert_eq!(view(&Url::parse(&url).unwrap()).unwrap().href, url);
        }
    }

    #[test]
    fn hosts_in_other_letters_are_shown_as_what_they_are() {
        let check = |raw: &str, host: &str| assert_eq!(view(&Url::parse(raw).unwrap()).unwrap().host, host);
        check("https://pаypal.example/", "xn--pypal-4ve.example");
        check("https://新闻.example/", "xn--efvy88h.example");
        check("https://EXAMPLE.com./", "example.com.");
        check("https://exam\u{AD}ple.com/", "example.com");
        check("https://ｅｘａｍｐｌｅ.com/", "example.com");
        check("https://[2001:db8::1]/", "[2001:db8::1]");
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
