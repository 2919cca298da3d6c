//! Conditional requests, statuses and what a request looks like.

use super::*;
use crate::fetch::BuildError;

fn field(request: &[u8], name: &str) -> Option<Vec<u8>> {
    request.split(|&b| b == b'\n').find_map(|line| {
        let colon = line.iter().position(|&b| b == b':')?;
        let value = line[colon + 1..].trim_ascii();
        line[..colon].eq_ignore_ascii_case(name.as_bytes()).then(|| value.to_vec())
    })
}

#[tokio::test]
async fn validators_travel_byte_for_byte() {
    let odd = b"W/\"caf\xe9 \xff\"; 'x'";
    let last = b"Sun, 01 Mar 2026  12:00:00 +0100 (sic)";
    let answer = [
        b"HTTP/1.1 200 OK\r\nETag: ",
        &odd[..],
        b"\r\nLast-Modified: ",
        last,
        b"\r\nContent-Length: 0\r\n\r\n",
    ];
    let server = Server::says(answer.concat(), Then::Close);
    let fetcher = fetcher(|_| {});
    let first = response(&fetcher, server.url("/feed")).await;
    assert_eq!(first.validators, Validators { etag: Some(odd.to_vec()), last_modified: Some(last.to_vec()) });
    fetcher.fetch(&FetchRequest { url: server.url("/feed"), validators: first.validators }).await.unwrap();
    let requests = server.requests();
    assert_eq!(field(&requests[0], "If-None-Match"), None);
    assert_eq!(field(&requests[0], "If-Modified-Since"), None);
    assert_eq!(field(&requests[1], "If-None-Match").as_deref(), Some(&odd[..]));
    assert_eq!(field(&requests[1], "If-Modified-Since").as_deref(), Some(&last[..]));
}

#[tokio::test]
async fn a_304_keeps_old_validators_and_works_through_a_redirect() {
    let server = Server::start(|path| match path {
        "/old" => (redirect(301, "/new"), Then::Close),
        _ => (b"HTTP/1.1 304 Not Modified\r\nETag: \"2\"\r\n\r\n".to_vec(), Then::Close),
    });
    let sent = Validators { etag: Some(b"\"1\"".to_vec()), last_modified: Some(b"then".to_vec()) };
    let request = FetchRequest { url: server.url("/old"), validators: sent };
    let manner = Manner { validated: Some(server.url("/new")), access: None };
    let fetched = fetcher(|_| {}).fetch_as(&request, &manner).await;
    let Ok(Fetched::NotModified { validators, redirects, .. }) = fetched else {
        panic!("no 304");
    };
    assert_eq!(
        validators,
        Validators { etag: Some(b"\"2\"".to_vec()), last_modified: Some(b"then".to_vec()) }
    );
    assert_eq!(redirects.len(), 1);
    assert_eq!((redirects[0].status, redirects[0].to.as_str()), (301, server.url("/new").as_str()));
    let sent = server.requests().iter().map(|r| field(r, "If-None-Match")).collect::<Vec<_>>();
    assert_eq!(sent, [None, Some(b"\"1\"".to_vec())], "only the address that gave them gets them back");
}

#[tokio::test]
async fn validators_of_one_address_are_not_shown_to_another() {
    let server = Server::start(|path| match path {
        "/feed" => (redirect(302, "/elsewhere"), Then::Close),
        _ => (ok("", b"<rss/>"), Then::Close),
    });
    let validators = Validators { etag: Some(b"\"1\"".to_vec()), last_modified: None };
    fetcher(|_| {}).fetch(&FetchRequest { url: server.url("/feed"), validators }).await.unwrap();
    let sent = server.requests().iter().map(|r| field(r, "If-None-Match")).collect::<Vec<_>>();
    assert_eq!(sent, [Some(b"\"1\"".to_vec()), None]);
}

#[tokio::test]
async fn wishes_of_an_answer_and_of_the_redirect_before_it_are_told() {
    let server = Server::start(|path| match path {
        "/old" => {
            let head = "HTTP/1.1 302 Found\r\nLocation: /new\r\nRetry-After: 90\r\nContent-Length: 0\r\n\r\n";
            (head.into(), Then::Close)
        }
        "/soon" => (ok("Retry-After: 0\r\n", b"<rss/>"), Then::Close),
        _ => (ok("Cache-Control: max-age=600\r\n", b"<rss/>"), Then::Close),
    });
    let fetcher = fetcher(|_| {});
    let now = time::from_millis(NOW_MS);
    let after = |seconds| Some(time::after(now, std::time::Duration::from_secs(seconds)));
    let wishes = response(&fetcher, server.url("/old")).await.wishes;
    assert_eq!((wishes.retry_at, wishes.fresh_for.map(|f| f.as_secs())), (after(90), Some(600)));
    assert_eq!(response(&fetcher, server.url("/soon")).await.wishes.retry_at, after(0));
}

#[tokio::test]
async fn a_304_that_was_not_asked_for_is_an_error() {
    let server = Server::says("HTTP/1.1 304 Not Modified\r\n\r\n", Then::Close);
    let words = "the server answered 304 Not Modified, though it was asked for the whole feed";
    assert_fails(&fetcher(|_| {}), server.url("/"), FailureKind::NotAFeed, words).await;
}

#[tokio::test]
async fn a_request_says_who_asks_for_what_and_nothing_more() {
    let server = Server::says(ok("", b""), Then::Close);
    let fetcher = fetcher(|o| o.user_agent = "newsdesk/1 (+https://desk.example/)".to_owned());
    response(&fetcher, server.url("/feed?key=1#part")).await;
    let request = &server.requests()[0];
    assert!(request.starts_with(b"GET /feed?key=1 HTTP/1.1\r\n"));
    assert_eq!(field(request, "User-Agent").as_deref(), Some(&b"newsdesk/1 (+https://desk.example/)"[..]));
    assert!(field(request, "Accept").unwrap().starts_with(b"application/rss+xml, "));
    let codings = String::from_utf8(field(request, "Accept-Encoding").unwrap()).unwrap();
    for coding in ["gzip", "br", "zstd", "deflate"] {
        assert!(codings.contains(coding), "{codings}");
    }
    for absent in ["Authorization", "Cookie", "Referer"] {
        assert_eq!(field(request, absent), None, "{absent}");
    }
}

#[tokio::test]
async fn a_200_or_203_is_a_body_even_when_empty() {
    let server = Server::start(|path| match path {
        "/empty" => (ok("Content-Type: text/x\u{e9}\r\n", b""), Then::Close),
        _ => (b"HTTP/1.1 203 Non-Authoritative Information\r\n\r\n<rss/>".to_vec(), Then::Close),
    });
    let fetcher = fetcher(|_| {});
    let empty = response(&fetcher, server.url("/empty#part")).await;
    assert_eq!((empty.body.len(), empty.url, empty.redirects), (0, server.url("/empty"), Vec::new()));
    assert_eq!(empty.content_type.as_deref(), Some("text/x\u{e9}"));
    assert_eq!(&response(&fetcher, server.url("/203")).await.body[..], b"<rss/>");
}

#[tokio::test]
async fn each_status_ends_in_its_class() {
    let fetcher = fetcher(|_| {});
    let check = async |line: &str, fields: &str, kind: FailureKind, retry_s: Option<i64>| {
        let server =
            Server::says(format!("HTTP/1.1 {line}\r\n{fields}Content-Length: 0\r\n\r\n"), Then::Close);
        let error = get(&fetcher, server.url("/")).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{line} {fields}");
        assert_eq!(
            error.retry_at().map(|at| (at.as_millisecond() - NOW_MS) / 1000),
            retry_s,
            "{line} {fields}"
        );
        // The server's own words after the code are not repeated.
        assert!(!error.to_string().contains("canary"), "{error}");
    };
    check("404 canary", "", FailureKind::ClientError(404), None).await;
    check("403 canary", "", FailureKind::ClientError(403), None).await;
    check("410 Gone", "", FailureKind::Gone, None).await;
    check("429 Too Many", "Retry-After: 0\r\n", FailureKind::RateLimited, Some(0)).await;
    check("429 Too Many", "Retry-After: soon\r\n", FailureKind::RateLimited, None).await;
    check("503 Busy", "Retry-After: 120\r\n", FailureKind::RateLimited, Some(120)).await;
    check("503 Busy", "Retry-After: soon\r\n", FailureKind::ServerError(503), None).await;
    check("503 Busy", "", FailureKind::ServerError(503), None).await;
    let dated = "Date: Tue, 01 Mar 2016 12:00:00 GMT\r\nRetry-After: Tue, 01 Mar 2016 12:05:00 GMT\r\n";
    check("429 Too Many", dated, FailureKind::RateLimited, Some(300)).await;
    check("500 Oops", "", FailureKind::ServerError(500), None).await;
    check("204 No Content", "", FailureKind::NotAFeed, None).await;
    check("206 Partial Content", "", FailureKind::NotAFeed, None).await;
    check("300 Choices", "Location: /\r\n", FailureKind::Refused, None).await;
    check("302 Found", "", FailureKind::Refused, None).await;
    check("101 Switching", "", FailureKind::NotAFeed, None).await;
}

#[tokio::test]
async fn what_is_no_http_is_told_as_such() {
    let check = async |answer: &str, words: &str| {
        let server = Server::says(answer, Then::Close);
        assert_fails(&fetcher(|_| {}), server.url("/"), FailureKind::Connect, words).await;
        server.requests().len()
    };
    let asked = check("220 mail.example ESMTP\r\n", "the server's answer is not valid HTTP").await;
    assert_eq!(asked, 1);
    let no_answer = "the server closed the connection without an answer";
    assert_eq!(check("", no_answer).await, 2, "asked once more, not for ever");
    assert_eq!(check("HTTP/1.1 200 OK\r\nContent-Le", no_answer).await, 2);
}

#[tokio::test]
async fn a_kept_connection_that_the_server_gave_up_is_replaced() {
    let kept = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<rss/>";
    let server = Server::says(kept, Then::HangUp);
    let fetcher = fetcher(|_| {});
    for path in ["/1", "/2"] {
        assert_eq!(&response(&fetcher, server.url(path)).await.body[..], b"<rss/>", "{path}");
        // The connection goes back to the pool in a task of its own.
        tokio::task::yield_now().await;
    }
    let paths: Vec<bool> = server.requests().iter().map(|r| r.starts_with(b"GET /2 ")).collect();
    assert_eq!(paths, [false, true, true], "the second request is hung up on and repeated");
}

#[tokio::test]
async fn invalid_header_lines_are_passed_over() {
    let server = Server::says("HTTP/1.1 200 OK\r\nbad name: x\r\nETag: \"1\"\r\n\r\n<rss/>", Then::Close);
    assert_eq!(
        response(&fetcher(|_| {}), server.url("/")).await.validators.etag.as_deref(),
        Some(&b"\"1\""[..])
    );
}

#[test]
fn a_user_agent_that_cannot_be_sent_is_refused() {
    let options = Options { user_agent: "a\nb".to_owned(), ..Options::default() };
    let clock = Clock::manual(time::from_millis(NOW_MS));
    assert!(matches!(Fetcher::new(options, clock), Err(BuildError::UserAgent)));
}
