//! Bodies: compressions, size, early ends, time limits.

use std::time::Duration;

use super::{
    super::room::{MAX_LARGE_BODIES, SMALL_BODY_BYTES},
    *,
};

const PLAIN: &[u8] = b"<rss version=\"2.0\"><channel><title>Harbour notes</title></channel></rss>\n";

/// [`PLAIN`] by gzip.
const GZIP: &[u8] = b"\
      \x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xb3\x29\x2a\x2e\x56\x28\x4b\x2d\x2a\xce\xcc\xcf\xb3\x55\
      \x32\xd2\x33\x50\xb2\xb3\x49\xce\x48\xcc\xcb\x4b\xcd\xb1\xb3\x29\xc9\x2c\xc9\x49\xb5\xf3\x48\x2c\
      \x4a\xca\x2f\x2d\x52\xc8\xcb\x2f\x49\x2d\xb6\xd1\x87\x08\xda\xe8\xc3\x55\xe9\x03\x8d\xb0\xe3\x02\
      \x00\xca\x4f\xbb\x06\x49\x00\x00\x00";
/// [`PLAIN`] by zlib, which is what HTTP calls deflate (RFC 9110 §8.4.1.2).
const DEFLATE: &[u8] = b"\
      \x78\xda\xb3\x29\x2a\x2e\x56\x28\x4b\x2d\x2a\xce\xcc\xcf\xb3\x55\x32\xd2\x33\x50\xb2\xb3\x49\xce\
      \x48\xcc\xcb\x4b\xcd\xb1\xb3\x29\xc9\x2c\xc9\x49\xb5\xf3\x48\x2c\x4a\xca\x2f\x2d\x52\xc8\xcb\x2f\
      \x49\x2d\xb6\xd1\x87\x08\xda\xe8\xc3\x55\xe9\x03\x8d\xb0\xe3\x02\x00\xaf\x6a\x19\x6d";
/// [`PLAIN`] by brotli.
const BROTLI: &[u8] = b"\
      \x1b\x48\x00\x20\x1d\x07\xce\x59\x76\x16\x4a\x81\x27\x36\xeb\x95\x3e\x3c\x73\x2d\xe2\x02\x23\x23\
      \x5f\x14\xe4\x9c\x72\xe0\xd0\xda\x92\x96\x07\x12\xd0\xfd\xb0\x03\xb6\x66\x0d\x1b\xeb\x2f\x7c\xce\
      \x86\x54\x43\x38\x4b\x42\x84\x77\x23\x08\x40\xbc\x2e";
/// [`PLAIN`] by zstd.
const ZSTD: &[u8] = b"\
      \x28\xb5\x2f\xfd\x00\x68\xf5\x01\x00\xa2\xc3\x0c\x11\xa0\x3d\x44\x24\x3d\x55\x46\xa8\x72\xc9\xb4\
      \x4c\xa6\x75\x5c\x18\x01\x60\xff\x3d\x53\x53\x9f\x9f\xeb\xe0\xd0\x25\x47\x67\xb9\x3d\xf6\x74\x1b\
      \x77\xa3\xa5\x74\x05\x19\x45\x98\x76\xec\x9d\x63\xf8\x77\x0d\x02\x00\x49\x15\x2c\x38\x4c\x28";
/// Start of a gzip member; each zero byte after it stands for 1032 zeros.
const GZIP_ZEROS: &[u8] = b"\
      \x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xed\xc1\x01\x01\x00\x00\x00\x80\x90\xfe\xaf\xee\x08\x0a";
/// 16 MiB of zeros.
const BROTLI_ZEROS: &[u8] = b"\
      \xcb\xff\xff\x3f\xf8\x27\x00\xe2\xb1\x40\x20\xf7\xfe\x2f\xff\xff\xff\xf0\x4f\x00\xc4\x61\x11\x80\
      \xee\xfd\x1f";
/// 1 MiB of zeros; zstd frames may follow one another.
const ZSTD_ZEROS: &[u8] = b"\
      \x28\xb5\x2f\xfd\x00\x68\x4c\x00\x00\x08\x00\x01\x00\xfc\xff\x39\x10\x02\x02\x00\x10\x00\x02\x00\
      \x10\x00\x02\x00\x10\x00\x02\x00\x10\x00\x02\x00\x10\x00\x02\x00\x10\x00\x03\x00\x10\x00";

#[tokio::test]
async fn each_compression_is_undone() {
    let fetcher = fetcher(|_| {});
    let check = async |coding: &str, body: &[u8], want: &[u8]| {
        let server = Server::says(ok(&format!("Content-Encoding: {coding}\r\n"), body), Then::Close);
        assert_eq!(&response(&fetcher, server.url("/")).await.body[..], want, "{coding}");
    };
    check("gzip", GZIP, PLAIN).await;
    check("deflate", DEFLATE, PLAIN).await;
    check("br", BROTLI, PLAIN).await;
    check("zstd", ZSTD, PLAIN).await;
    check("identity", PLAIN, PLAIN).await;
    check("utf-8", PLAIN, PLAIN).await;
    check("gzip", b"", b"").await;
}

#[tokio::test]
async fn damaged_or_unasked_compression_is_an_error() {
    let fetcher = fetcher(|_| {});
    let damaged = "the compressed body is damaged";
    let unasked = "the body is compressed in a way that was not asked for";
    let check = async |coding: &str, body: &[u8], words: &str| {
        let server = Server::says(ok(&format!("Content-Encoding: {coding}\r\n"), body), Then::Close);
        assert_fails(&fetcher, server.url("/"), FailureKind::Body, words).await;
    };
    check("gzip", PLAIN, damaged).await;
    check("gzip", &GZIP[..40], damaged).await;
    check("deflate", PLAIN, damaged).await;
    check("br", PLAIN, damaged).await;
    check("zstd", PLAIN, damaged).await;
    check("gzip, gzip", GZIP, unasked).await;
    check("x-compress", PLAIN, unasked).await;
}

#[tokio::test]
async fn the_size_limit_holds_at_n_and_n_plus_1() {
    let n = PLAIN.len() as u64;
    let check = async |max: u64, answer: Vec<u8>, fits: bool| {
        let server = Server::says(answer, Then::Close);
        let fetcher = fetcher(|o| o.max_body_bytes = max);
        if fits {
            assert_eq!(&response(&fetcher, server.url("/")).await.body[..], PLAIN);
        } else {
            let words = format!("the body is larger than {max} bytes");
            assert_fails(&fetcher, server.url("/"), FailureKind::Body, &words).await;
        }
    };
    for coding_and_body in [("", PLAIN), ("Content-Encoding: gzip\r\n", GZIP)] {
        let (coding, body) = coding_and_body;
        check(n, ok(coding, body), true).await;
        check(n - 1, ok(coding, body), false).await;
        let unannounced = [format!("HTTP/1.1 200 OK\r\n{coding}\r\n").as_bytes(), body].concat();
        check(n, unannounced.clone(), true).await;
        check(n - 1, unannounced, false).await;
    }
}

#[tokio::test]
async fn a_bomb_is_cut_at_the_limit() {
    let fetcher = fetcher(|o| o.max_body_bytes = 1024 * 1024);
    // The servers hold the connection open, so only stopping in time ends the fetch before its time limits.
    let check = async |coding: &str, body: Vec<u8>| {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\n\r\n");
        let server = Server::says([head.into_bytes(), body].concat(), Then::Hold);
        assert_fails(&fetcher, server.url("/"), FailureKind::Body, "the body is larger than 1 MiB").await;
    };
    check("gzip", [GZIP_ZEROS, &[0; 2000]].concat()).await;
    check("br", BROTLI_ZEROS.to_vec()).await;
    check("zstd", ZSTD_ZEROS.repeat(4)).await;
    let server = Server::says("HTTP/1.1 200 OK\r\nContent-Length: 1048577\r\n\r\n", Then::Hold);
    assert_fails(&fetcher, server.url("/"), FailureKind::Body, "the body is larger than 1 MiB").await;
}

#[tokio::test]
async fn bodies_of_redirects_and_errors_are_not_waited_for() {
    let server = Server::start(|path| match path {
        "/moved" => {
            (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Encoding: gzip\r\n\r\nx".to_vec(), Then::Hold)
        }
        "/gone" => (b"HTTP/1.1 410 Gone\r\nContent-Length: 9999999999\r\n\r\nx".to_vec(), Then::Hold),
        _ => (ok("", PLAIN), Then::Close),
    });
    let fetcher = fetcher(|_| {});
    assert_eq!(&response(&fetcher, server.url("/moved")).await.body[..], PLAIN);
    assert_fails(&fetcher, server.url("/gone"), FailureKind::Gone, "the server answered 410 Gone").await;
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_error() {
    let fetcher = fetcher(|_| {});
    let check = async |head: &str, body: &[u8]| {
        let answer = [b"HTTP/1.1 200 OK\r\n", head.as_bytes(), b"\r\n", body].concat();
        let server = Server::says(answer, Then::Close);
        let words = "the body ended before its announced end";
        assert_fails(&fetcher, server.url("/"), FailureKind::Body, words).await;
    };
    check("Content-Length: 100\r\n", PLAIN).await;
    check("Content-Length: 100\r\n", b"").await;
    check("Content-Length: 100\r\nContent-Encoding: gzip\r\n", &GZIP[..40]).await;
    check("Transfer-Encoding: chunked\r\n", b"5\r\nabcde\r\n").await;
    check("Transfer-Encoding: chunked\r\n", b"9\r\nabcde").await;
}

#[tokio::test]
async fn each_time_limit_is_named() {
    const SHORT: Duration = Duration::from_millis(50);
    let check = async |answer: &str, tweak: fn(&mut Options), words: &str| {
        let server = Server::says(answer, Then::Hold);
        assert_fails(&fetcher(tweak), server.url("/"), FailureKind::Timeout, words).await;
    };
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n";
    let (no_answer, part) = ("the server sent no answer within 50 ms", format!("{head}abc"));
    check("", |o| o.header_timeout = SHORT, no_answer).await;
    check("HTTP/1.1 200 OK\r\nContent-", |o| o.header_timeout = SHORT, no_answer).await;
    check(head, |o| o.idle_timeout = SHORT, "the server sent nothing more for 50 ms").await;
    check(&part, |o| o.idle_timeout = SHORT, "the server sent nothing more for 50 ms").await;
    check(&part, |o| o.total_timeout = SHORT, "fetching took longer than 50 ms in all").await;
    let server = Server::says("", Then::Hold);
    let mut url = server.url("/");
    url.set_scheme("https").unwrap();
    let connecting = fetcher(|o| o.connect_timeout = SHORT);
    assert_fails(&connecting, url, FailureKind::Timeout, "connecting took longer than 50 ms").await;
}

/// A large body at N + 1 bytes, a small one at N.
fn by_size() -> Server {
    Server::start(|path| {
        let extra = usize::from(path == "/large");
        (ok("", &vec![b' '; SMALL_BODY_BYTES + extra]), Then::Close)
    })
}

#[tokio::test]
async fn beyond_the_small_size_bodies_are_held_four_at_once() {
    let (server, fetcher) = (by_size(), fetcher(|_| {}));
    let mut held = Vec::new();
    for taken in 1..=MAX_LARGE_BODIES {
        held.push(response(&fetcher, server.url("/large")).await);
        assert_eq!(fetcher.rooms.free(), MAX_LARGE_BODIES - taken);
    }
    // None is free: a small body needs none, and one more large one comes only when a room is given back.
    let small = response(&fetcher, server.url("/small")).await;
    assert_eq!(small.body.len(), SMALL_BODY_BYTES);
    let kept = held.pop().map(|response| response.room);
    let mut fifth = Box::pin(response(&fetcher, server.url("/large")));
    while server.requests().len() < MAX_LARGE_BODIES + 2 {
        assert!(futures_util::poll!(&mut fifth).is_pending());
        tokio::task::yield_now().await;
    }
    drop(kept);
    assert_eq!(fifth.await.body.len(), SMALL_BODY_BYTES + 1);
    drop(held);
    assert_eq!(fetcher.rooms.free(), MAX_LARGE_BODIES, "all were given back");
}

#[tokio::test]
async fn the_wait_for_a_room_counts_towards_the_total_limit_and_is_told() {
    let server = by_size();
    let fetcher = fetcher(|o| o.total_timeout = Duration::from_secs(2));
    let mut held = Vec::new();
    for _ in 0..MAX_LARGE_BODIES {
        held.push(fetcher.rooms.take().await);
    }
    let words = "the feed is large, and while it was being fetched no room for it came free within 2 s: other large \
                 feeds were still being read";
    assert_fails(&fetcher, server.url("/large"), FailureKind::NoRoom, words).await;
    drop(held);
    assert_eq!(response(&fetcher, server.url("/large")).await.body.len(), SMALL_BODY_BYTES + 1);
    assert_eq!(
        fetcher.rooms.free(),
        MAX_LARGE_BODIES,
        "a fetch that ran out of time keeps no place in the queue"
    );
}

#[tokio::test]
async fn a_large_body_that_stops_gives_its_room_back() {
    let whole = SMALL_BODY_BYTES + 2;
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {whole}\r\n\r\n");
    let server = Server::says([head.into_bytes(), vec![b' '; whole - 1]].concat(), Then::Hold);
    let fetcher = fetcher(|o| o.idle_timeout = Duration::from_millis(200));
    let error = get(&fetcher, server.url("/")).await.unwrap_err();
    assert_eq!(error.kind(), FailureKind::Timeout);
    assert_eq!(fetcher.rooms.free(), MAX_LARGE_BODIES);
}
