//! Logins, cookies, extra fields and proxies: who gets to see them, and where they lead.

use std::sync::Arc;

use super::*;
use crate::{
    fetch::{Access, AccessSpec, Authorization, ProxySpec},
    model::Secret,
};

const CANARY: &str = "canary7f3a";

fn secrets() -> AccessSpec {
    AccessSpec {
        authorization: Some(Authorization::Basic { user: "desk".to_owned(), password: Secret::new(CANARY) }),
        cookie: Some(Secret::new(&format!("session={CANARY}"))),
        headers: vec![("X-Api-Key".to_owned(), Secret::new(CANARY))],
        proxy: None,
    }
}

async fn get_with(fetcher: &Fetcher, url: Url, access: Arc<Access>) -> Result<Fetched, Error> {
    let manner = Manner { validated: None, access: Some(access) };
    fetcher.fetch_as(&FetchRequest { url, validators: Validators::default() }, &manner).await
}

fn has_secret(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request).to_lowercase();
    // The password within `Basic` is encoded.
    text.contains(CANARY) || text.contains("authorization:") || text.contains("cookie:")
}

#[tokio::test]
async fn secrets_go_to_their_origin_and_nowhere_else() {
    let elsewhere = Server::says(ok("", b"<rss/>"), Then::Close);
    let port = elsewhere.port;
    let home = Server::start(move |path| match path {
        "/stays" => (redirect(302, "/feed"), Then::Close),
        "/other-port" => (redirect(302, &format!("http://127.0.0.1:{port}/")), Then::Close),
        "/and-back" => (redirect(302, &format!("http://127.0.0.2:{port}/")), Then::Close),
        _ => (ok("", b"<rss/>"), Then::Close),
    });
    let mut fetcher = fetcher(|_| {});
    let access = fetcher.access(&home.url("/feed"), secrets()).unwrap();
    for path in ["/feed", "/stays", "/other-port"] {
        get_with(&fetcher, home.url(path), access.clone()).await.unwrap();
    }
    // Another name of the same server is another origin.
    let renamed = Url::parse(&format!("http://feed.example:{}/feed", home.port)).unwrap();
    get_with(&fetcher, renamed, access).await.unwrap();
    let seen: Vec<bool> = home.requests().iter().map(|request| has_secret(request)).collect();
    assert_eq!(seen, [true, true, true, true, false]);
    let text = String::from_utf8(home.requests()[0].clone()).unwrap().to_lowercase();
    for line in ["authorization: basic ", "cookie: session=canary7f3a", "x-api-key: canary7f3a"] {
        assert!(text.contains(line), "{text}");
    }
    assert!(elsewhere.requests().iter().all(|request| !has_secret(request)));
    assert_eq!(elsewhere.requests().len(), 1);
}

#[tokio::test]
async fn a_failure_says_nothing_of_the_secrets() {
    let server = Server::says("HTTP/1.1 401 Unauthorized\r\n\r\n", Then::Close);
    let mut fetcher = fetcher(|_| {});
    let spec = AccessSpec { authorization: Some(Authorization::Bearer(Secret::new(CANARY))), ..secrets() };
    let access = fetcher.access(&server.url("/"), spec).unwrap();
    let error = get_with(&fetcher, server.url("/"), access.clone()).await.unwrap_err();
    assert_eq!(error.to_string(), "the server answered 401 Unauthorized");
    assert!(!format!("{error:?} {access:?} {fetcher:?}").contains(CANARY));
    assert!(String::from_utf8_lossy(&server.requests()[0]).contains("Bearer canary7f3a"));
}

fn through(url: &str) -> AccessSpec {
    let login = Some(("desk".to_owned(), Secret::new(CANARY)));
    AccessSpec { proxy: Some(ProxySpec { url: Url::parse(url).unwrap(), login }), ..AccessSpec::default() }
}

#[tokio::test]
async fn a_proxy_is_asked_and_its_login_is_its_own() {
    let proxy = Server::says(ok("", b"<rss/>"), Then::Close);
    let mut fetcher = fetcher(|_| {});
    let feed = Url::parse("http://feed.example/feed").unwrap();
    let access = fetcher.access(&feed, through(&format!("http://127.0.0.1:{}", proxy.port))).unwrap();
    get_with(&fetcher, feed, access).await.unwrap();
    let asked = String::from_utf8(proxy.requests()[0].clone()).unwrap();
    assert!(asked.starts_with("GET http://feed.example/feed HTTP/1.1\r\n"), "{asked}");
    assert!(asked.to_lowercase().contains("proxy-authorization: basic "), "{asked}");
}

#[tokio::test]
async fn a_proxy_does_not_lead_past_the_guard() {
    let proxy = Server::says(ok("", b"<rss/>"), Then::Close);
    let port = proxy.port;
    for scheme in ["http", "socks5"] {
        for target in [
            "http://169.254.169.254/latest/meta-data/",
            "http://[::ffff:10.0.0.1]/",
            "http://2130706433/",
            "https://127.0.0.1/",
            // Looked up here, and found at 127.0.0.1.
            "http://feed.example/",
            "https://feed.example/",
        ] {
            let mut fetcher = guarded(&[&format!("127.0.0.1:{port}")], |_| {});
            let url = Url::parse(target).unwrap();
            let access = fetcher.access(&url, through(&format!("{scheme}://127.0.0.1:{port}"))).unwrap();
            let error = get_with(&fetcher, url, access).await.unwrap_err();
            assert_eq!(error.kind(), FailureKind::Refused, "{scheme} {target}: {error}");
        }
    }
    assert!(proxy.requests().is_empty(), "nothing was asked of the proxy");
}

#[tokio::test]
async fn a_proxy_in_a_private_network_must_be_allowed() {
    let canary = Canary::new();
    for scheme in ["http", "https", "socks5"] {
        for host in ["127.0.0.1", "proxy.example"] {
            let mut fetcher = guarded(&["feed.example"], |_| {});
            let url = Url::parse("http://feed.example/").unwrap();
            let proxy = format!("{scheme}://{host}:{}", canary.port());
            let access = fetcher.access(&url, through(&proxy)).unwrap();
            let error = get_with(&fetcher, url, access).await.unwrap_err();
            assert_eq!(error.kind(), FailureKind::Refused, "{proxy}: {error}");
            assert!(!error.to_string().contains(CANARY), "{error}");
        }
    }
    canary.assert_untouched();
}
