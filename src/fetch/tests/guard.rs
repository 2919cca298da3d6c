//! Where the client goes and where it does not.

use super::*;
use crate::fetch::resolve::system_lookup;

#[tokio::test]
async fn as_many_redirects_as_the_limit_are_followed_and_no_more() {
    // "/5" takes five redirects to "/0".
    let server = Server::start(|path| match path.trim_start_matches('/').parse() {
        Ok(0u32) => (ok("", b"<rss/>"), Then::Close),
        Ok(n) => (redirect([301, 302, 303, 307, 308][n as usize % 5], &format!("{}", n - 1)), Then::Close),
        Err(_) => (redirect(302, "loop"), Then::Close),
    });
    let fetcher = fetcher(|_| {});
    let last = response(&fetcher, server.url("/5")).await;
    assert_eq!(last.url, server.url("/0"));
    let followed: Vec<(u16, Url)> = last.redirects.into_iter().map(|r| (r.status, r.to)).collect();
    let want = [(301, "/4"), (308, "/3"), (307, "/2"), (303, "/1"), (302, "/0")];
    assert_eq!(followed, want.map(|(status, path)| (status, server.url(path))));
    assert_fails(&fetcher, server.url("/6"), FailureKind::Refused, "more than 5 redirects").await;
    assert_fails(&fetcher, server.url("/loop"), FailureKind::Refused, "more than 5 redirects").await;
    assert_eq!(server.requests().len(), 6 + 6 + 6);
}

#[tokio::test]
async fn a_redirect_to_an_address_that_is_not_allowed_is_not_followed() {
    let canary = Canary::new();
    let port = canary.port();
    for target in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://127.1:{port}/"),
        format!("http://2130706433:{port}/"),
        format!("http://0x7f000001:{port}/"),
        format!("http://0177.0.0.1:{port}/"),
        format!("http://[::ffff:7f00:1]:{port}/"),
        format!("http://0.0.0.0:{port}/"),
        format!("http://[::]:{port}/"),
        format!("http://[::1]:{port}/"),
        format!("http://canary.example:{port}/"),
        format!("http://feed.example:{port}/"),
        format!("https://feed.example:{port}/"),
        format!("//localhost:{port}/"),
        "http://169.254.169.254/latest/meta-data/".to_owned(),
        "http://[64:ff9b::a9fe:a9fe]/".to_owned(),
        "file:///etc/passwd".to_owned(),
        format!("gopher://127.0.0.1:{port}/"),
        format!("ftp://feed.example:{port}/"),
        format!("http://user:word@feed.example:{port}/"),
    ] {
        let answer = redirect(302, &target);
        let server = Server::says(answer, Then::Close);
        let allow = [format!("127.0.0.1:{}", server.port), format!("feed.example:{}", server.port)];
        let fetcher = guarded(&[&allow[0], &allow[1]], |_| {});
        for from in [server.url("/"), Url::parse(&format!("http://feed.example:{}/", server.port)).unwrap()] {
            let error = get(&fetcher, from).await.unwrap_err();
            assert_eq!(error.kind(), FailureKind::Refused, "{target}: {error}");
        }
        assert_eq!(server.requests().len(), 2, "{target}: the first hop is allowed");
    }
    canary.assert_untouched();
}

#[tokio::test]
async fn an_allowed_name_is_reached_and_the_refusal_of_another_says_what_to_do() {
    let server = Server::says(ok("", b"<rss/>"), Then::Close);
    let named = |name: &str| Url::parse(&format!("http://{name}:{}/", server.port)).unwrap();
    let fetcher = guarded(&["feed.example"], |_| {});
    assert_eq!(&response(&fetcher, named("feed.example")).await.body[..], b"<rss/>");
    let words = "other.example has the address 127.0.0.1, a loopback address (127.0.0.0/8); allow it under [fetch] allow";
    assert_fails(&fetcher, named("other.example"), FailureKind::Refused, words).await;
    let words = "127.0.0.1 is a loopback address (127.0.0.0/8); allow it under [fetch] allow";
    assert_fails(&fetcher, server.url("/"), FailureKind::Refused, words).await;
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn an_entry_for_one_port_holds_for_a_redirect_to_another_host_and_port() {
    let last = Server::says(ok("", b"<rss/>"), Then::Close);
    let first = Server::says(redirect(301, &format!("http://b.example:{}/", last.port)), Then::Close);
    let url = Url::parse(&format!("http://a.example:{}/", first.port)).unwrap();
    let allow = [format!("a.example:{}", first.port), format!("b.example:{}", last.port)];
    let both = guarded(&[&allow[0], &allow[1]], |_| {});
    assert_eq!(&response(&both, url.clone()).await.body[..], b"<rss/>");
    let swapped = [format!("a.example:{}", first.port), format!("b.example:{}", first.port)];
    let wrong_port = guarded(&[&swapped[0], &swapped[1]], |_| {});
    assert_eq!(get(&wrong_port, url).await.unwrap_err().kind(), FailureKind::Refused);
}

#[tokio::test]
async fn the_systems_own_names_are_looked_up_and_judged() {
    let canary = Canary::new();
    let clock = Clock::manual(time::from_millis(NOW_MS));
    let fetcher = Fetcher::with_lookup(Options::default(), clock, system_lookup()).unwrap();
    let local = Url::parse(&format!("http://localhost:{}/", canary.port())).unwrap();
    assert_eq!(get(&fetcher, local).await.unwrap_err().kind(), FailureKind::Refused);
    canary.assert_untouched();
    // A label of 64 letters fits into no DNS query (RFC 1035 §2.3.4), so this fails without asking anyone.
    let unknown = Url::parse(&format!("http://{}.example/", "a".repeat(64))).unwrap();
    let error = get(&fetcher, unknown).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Dns, "{error}");
    assert!(error.to_string().contains("was not found"), "{error}");
}

#[tokio::test]
async fn a_closed_port_and_a_server_without_tls_are_told_apart() {
    let closed = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let url = Url::parse(&format!("http://127.0.0.1:{closed}/")).unwrap();
    let fetcher = fetcher(|_| {});
    assert_fails(&fetcher, url, FailureKind::Connect, "the server refused the connection").await;
    let check = async |answer: &str, kind: FailureKind| {
        let server = Server::says(answer, Then::Close);
        let url = Url::parse(&format!("https://127.0.0.1:{}/", server.port)).unwrap();
        let error = get(&fetcher, url).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
    };
    check("HTTP/1.1 400 Bad Request\r\n\r\n", FailureKind::Tls).await;
    check("", FailureKind::Connect).await;
}

#[tokio::test]
async fn no_error_repeats_what_is_secret_in_a_url() {
    let secret = "canary7f3a";
    let texts =
        |error: Error| format!("{error} {error:?} {:?}", crate::model::PollFailure::from(error.clone()));
    let query = format!("/{secret}?key={secret}");
    for answer in [
        "HTTP/1.1 404 Not Found\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nx".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx".to_owned(),
        "nonsense\r\n".to_owned(),
        String::new(),
        format!("HTTP/1.1 302 Found\r\nLocation: http://u:{secret}@feed.example/{secret}\r\n\r\n"),
        format!("HTTP/1.1 302 Found\r\nLocation: {secret}://feed.example/\r\n\r\n"),
        format!("HTTP/1.1 302 Found\r\nLocation: http://10.0.0.1/{secret}\r\n\r\n"),
        format!("HTTP/1.1 302 Found\r\nLocation: http://a b/{secret}\r\n\r\n"),
        format!("HTTP/1.1 302 Found\r\nLocation: ?{secret}\r\n\r\n"),
    ] {
        let server = Server::says(answer.clone(), Then::Close);
        let text = texts(get(&fetcher(|_| {}), server.url(&query)).await.unwrap_err());
        assert!(!text.contains(secret), "{answer}: {text}");
        let mut tls = server.url(&query);
        tls.set_scheme("https").unwrap();
        let text = texts(get(&fetcher(|_| {}), tls).await.unwrap_err());
        assert!(!text.contains(secret), "{answer}: {text}");
    }
    let login = Url::parse(&format!("http://{secret}:{secret}@feed.example/")).unwrap();
    assert!(!texts(get(&fetcher(|_| {}), login).await.unwrap_err()).contains(secret));
}

#[tokio::test]
async fn a_server_of_the_open_web_leads_to_nothing_that_is_allowed_for_others() {
    let inside = Server::says("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<rss/>", Then::HangUp);
    let port = inside.port;
    let outside = Server::start(move |path| match path {
        "/by-address" => (redirect(302, &format!("http://127.0.0.2:{port}/")), Then::Close),
        _ => (redirect(302, &format!("http://inside.example:{port}/")), Then::Close),
    });
    let mut fetcher = guarded(&["127.0.0.0/8", "inside.example"], |_| {});
    let named = Url::parse(&format!("http://inside.example:{port}/")).unwrap();
    response(&fetcher, named.clone()).await;
    // From here on the server at 127.0.0.1 counts as one of the open web. A connection to the inside may still be open.
    fetcher.is_outside = |ip| ip == IpAddr::from(Ipv4Addr::LOCALHOST);
    for path in ["/by-address", "/by-name"] {
        let error = get(&fetcher, outside.url(path)).await.unwrap_err();
        assert_eq!(error.kind(), FailureKind::Refused, "{path}: {error}");
        assert!(
            error.to_string().starts_with("the server redirects into a network of your own: "),
            "{error}"
        );
        assert_eq!(error.redirects().len(), 1);
    }
    assert_eq!(inside.requests().len(), 1);
}
