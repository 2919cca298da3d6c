//! Every fault a server can serve, and what the transport makes of it.

use std::net::Ipv4Addr;

use super::{
    dialogue::MAX_REPLY_BYTES,
    server::{
        Act::{self, Close, Flood, Hang, Say, SayAndClose, SayAndHang},
        Script, Server,
    },
    *,
};
use crate::{
    mail::samples::{identity, mail},
    model::{Retry, Secret},
};

/// For the one phase that hangs; the others keep their defaults, so that a slow machine changes nothing.
const SHORT: Duration = Duration::from_millis(100);

const OFFERS_TLS: Act = Say("250-test\r\n250 STARTTLS\r\n");
const OFFERS_LOGIN: Act = Say("250-test\r\n250 AUTH PLAIN LOGIN\r\n");

fn options(server: &Server) -> SmtpOptions {
    let url = SmtpUrl::parse(&format!("smtp://{}", server.address)).unwrap();
    SmtpOptions { hello: Some("client.example.org".to_owned()), ..SmtpOptions::new(url, None) }
}

fn smtp(server: &Server) -> Smtp {
    Smtp::new(options(server), identity())
}

fn with_login(server: &Server) -> Smtp {
    let login = Some(("desk".to_owned(), Secret::new("hunter2")));
    Smtp::new(SmtpOptions { login, starttls: StartTls::None, ..options(server) }, identity())
}

async fn failing(script: Script) -> Error {
    let server = Server::start(vec![script]);
    let mut smtp = smtp(&server);
    let error = smtp.send(&mail("a1", "r@example.com")).await.unwrap_err();
    assert!(smtp.open.is_none(), "a connection was kept after {error}");
    error
}

#[tokio::test]
async fn a_mail_arrives_as_composed_and_the_words_of_the_server_come_back() {
    let server = Server::start(vec![Script {
        dot: Say("250-2.0.0 Ok\r\n250 queued as 123\r\n"),
        ..Script::default()
    }]);
    let mut smtp = smtp(&server);
    let mail = mail("a1", "r@example.com");
    let accepted = smtp.send(&mail).await.unwrap();
    assert_eq!(accepted.reply, "250 2.0.0 Ok queued as 123");
    let composed = String::from_utf8(compose(&identity(), &mail).unwrap()).unwrap();
    assert_eq!(server.messages(), [composed]);
    let lines: Vec<String> = server.lines().into_iter().map(|(_, line)| line).collect();
    let want =
        ["EHLO client.example.org", "MAIL FROM:<watch@example.org>", "RCPT TO:<r@example.com>", "DATA"];
    assert_eq!(lines, want);
}

#[tokio::test]
async fn a_batch_uses_one_connection_and_finish_closes_it() {
    let server = Server::start(vec![]);
    let mut smtp = smtp(&server);
    for id in ["a1", "a2", "a3"] {
        smtp.send(&mail(id, "r@example.com")).await.unwrap();
    }
    smtp.finish().await;
    assert!(smtp.open.is_none());
    smtp.send(&mail("a4", "r@example.com")).await.unwrap();
    assert_eq!(server.messages().len(), 4);
    let hellos: Vec<usize> =
        server.lines().iter().filter(|(_, l)| l.starts_with("EHLO")).map(|(n, _)| *n).collect();
    assert_eq!(hellos, [0, 1]);
    assert!(server.lines().contains(&(0, "QUIT".to_owned())));
}

#[tokio::test]
async fn a_refusal_is_classed_by_where_it_comes() {
    async fn check(script: Script, want_phase: Phase, want_code: u16, want: Retry) {
        let error = failing(script).await;
        assert_eq!(error.retry(), want, "{error}");
        match error {
            Error::Refused { phase, code, reply } => {
                assert_eq!((phase, code, reply.as_str()), (want_phase, want_code, "no"));
            }
            other => panic!("{other}"),
        }
    }
    let good = Script::default();
    check(Script { greeting: SayAndClose("554 no\r\n"), ..good }, Phase::Greeting, 554, Retry::Hold).await;
    check(Script { greeting: SayAndClose("421 no\r\n"), ..good }, Phase::Greeting, 421, Retry::Backoff).await;
    check(Script { hello: Say("550 no\r\n"), ..good }, Phase::Hello, 550, Retry::Hold).await;
    check(Script { mail: Say("550 no\r\n"), ..good }, Phase::Sender, 550, Retry::Hold).await;
    check(Script { mail: Say("451 no\r\n"), ..good }, Phase::Sender, 451, Retry::Backoff).await;
    check(Script { mail: Say("530 no\r\n"), ..good }, Phase::Sender, 530, Retry::Hold).await;
    check(Script { rcpt: Say("550 no\r\n"), ..good }, Phase::Recipient, 550, Retry::Never).await;
    check(Script { rcpt: Say("450 no\r\n"), ..good }, Phase::Recipient, 450, Retry::Backoff).await;
    check(Script { rcpt: SayAndClose("421 no\r\n"), ..good }, Phase::Recipient, 421, Retry::Backoff).await;
    check(Script { rcpt: Say("530 no\r\n"), ..good }, Phase::Recipient, 530, Retry::Hold).await;
    check(Script { data: Say("451 no\r\n"), ..good }, Phase::Data, 451, Retry::Backoff).await;
    check(Script { dot: Say("452 no\r\n"), ..good }, Phase::Content, 452, Retry::Backoff).await;
    check(Script { dot: Say("554 no\r\n"), ..good }, Phase::Content, 554, Retry::Never).await;
}

#[tokio::test]
async fn a_hang_ends_by_our_own_limit_and_only_after_the_dot_it_is_ambiguous() {
    async fn check(script: Script, limits: Timeouts, want: Result<Phase, ()>) {
        let server = Server::start(vec![script]);
        let mut smtp = Smtp::new(SmtpOptions { timeouts: limits, ..options(&server) }, identity());
        let error = smtp.send(&mail("a1", "r@example.com")).await.unwrap_err();
        assert!(smtp.open.is_none());
        assert_eq!(error.retry(), Retry::Backoff);
        match error {
            Error::TimedOut { phase, .. } => assert_eq!(Ok(phase), want),
            Error::Ambiguous { .. } => assert_eq!(Err(()), want),
            other => panic!("{other}"),
        }
    }
    let good = Script::default();
    let command = Timeouts { command: SHORT, ..Timeouts::default() };
    let content = Timeouts { content: SHORT, ..Timeouts::default() };
    let tls = Timeouts { tls: SHORT, ..Timeouts::default() };
    check(Script { greeting: Hang, ..good }, command, Ok(Phase::Greeting)).await;
    check(Script { hello: OFFERS_TLS, starttls: SayAndHang("220 go\r\n"), ..good }, tls, Ok(Phase::Tls))
        .await;
    check(Script { dot: Hang, ..good }, content, Err(())).await;
}

#[tokio::test]
async fn a_hang_before_the_dot_means_the_mail_was_not_taken() {
    let good = Script::default();
    let hangs = [
        Script { hello: Hang, ..good },
        Script { mail: Hang, ..good },
        Script { rcpt: Hang, ..good },
        Script { data: Hang, ..good },
    ];
    for script in hangs {
        let server = Server::start(vec![script]);
        let timeouts = Timeouts { command: SHORT, ..Timeouts::default() };
        let mut smtp = Smtp::new(SmtpOptions { timeouts, ..options(&server) }, identity());
        let error = smtp.send(&mail("a1", "r@example.com")).await.unwrap_err();
        assert!(matches!(error, Error::TimedOut { .. }), "{error}");
        assert!(smtp.open.is_none() && server.messages().is_empty());
    }
}

#[tokio::test]
async fn a_drop_is_told_from_an_unclear_end() {
    async fn check(script: Script, want: Result<Phase, ()>) {
        let error = failing(script).await;
        assert_eq!(error.retry(), Retry::Backoff);
        match error {
            Error::Broken { phase, .. } => assert_eq!(Ok(phase), want),
            Error::Ambiguous { .. } => assert_eq!(Err(()), want),
            other => panic!("{other}"),
        }
    }
    let good = Script::default();
    check(Script { greeting: Close, ..good }, Ok(Phase::Greeting)).await;
    check(Script { rcpt: Close, ..good }, Ok(Phase::Recipient)).await;
    check(Script { data: Close, ..good }, Ok(Phase::Data)).await;
    check(Script { dot: Close, ..good }, Err(())).await;
    check(Script { dot: Say("what?\r\n"), ..good }, Err(())).await;
    check(Script { dot: SayAndClose("250-half\r\n"), ..good }, Err(())).await;
}

#[tokio::test]
async fn after_a_lost_reply_the_next_mail_gets_its_own() {
    let lost = Script { dot: Hang, ..Script::default() };
    let second = Script { dot: Say("250 this is the second\r\n"), ..Script::default() };
    let server = Server::start(vec![lost, second]);
    let timeouts = Timeouts { content: SHORT, ..Timeouts::default() };
    let mut smtp = Smtp::new(SmtpOptions { timeouts, ..options(&server) }, identity());
    let first = smtp.send(&mail("a1", "one@example.com")).await.unwrap_err();
    assert!(matches!(first, Error::Ambiguous { .. }), "{first}");
    smtp.options.timeouts = Timeouts::default();
    let accepted = smtp.send(&mail("a2", "two@example.com")).await.unwrap();
    assert_eq!(accepted.reply, "250 this is the second");
    let messages = server.messages();
    assert_eq!(messages.len(), 2);
    assert!(messages[1].contains("To: two@example.com\r\n") && !messages[1].contains("MAIL FROM"));
    assert_eq!(server.lines().iter().filter(|(n, l)| *n == 1 && l.starts_with("RCPT")).count(), 1);
}

#[tokio::test]
async fn a_send_that_is_dropped_half_way_leaves_no_connection() {
    let server = Server::start(vec![Script { rcpt: Hang, ..Script::default() }, Script::default()]);
    let mut smtp = smtp(&server);
    let first = mail("a1", "r@example.com");
    let asked = async {
        while !server.lines().iter().any(|(_, line)| line.starts_with("RCPT")) {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        sent = smtp.send(&first) => panic!("{sent:?}"),
        () = asked => {}
    }
    assert!(smtp.open.is_none());
    smtp.send(&mail("a2", "r@example.com")).await.unwrap();
    assert_eq!(server.messages().len(), 1);
}

#[tokio::test]
async fn a_reply_too_many_never_counts_for_the_next_mail() {
    let twice = Script { dot: Say("250 first\r\n250 once more\r\n"), ..Script::default() };
    let server = Server::start(vec![twice, Script::default()]);
    let mut smtp = smtp(&server);
    assert_eq!(smtp.send(&mail("a1", "r@example.com")).await.unwrap().reply, "250 first");
    let error = smtp.send(&mail("a2", "r@example.com")).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error}");
    assert_eq!(smtp.send(&mail("a2", "r@example.com")).await.unwrap().reply, "250 2.0.0 queued");
    assert_eq!(server.messages().len(), 2);
}

#[tokio::test]
async fn a_connection_the_server_has_given_up_is_replaced_without_a_failure() {
    for goodbye in [Close, SayAndClose("421 idle too long\r\n")] {
        // The connection takes one mail and ends at the second `MAIL`; its script cannot change, so the second
        // mail begins on a connection whose `MAIL` has this answer.
        let server = Server::start(vec![Script { mail: goodbye, ..Script::default() }, Script::default()]);
        let mut smtp = smtp(&server);
        let socket = open_socket("127.0.0.1", server.address.port(), SHORT * 100).await.unwrap();
        let mut kept = Dialogue::new(socket).unwrap();
        kept.reply().await.unwrap();
        smtp.open = Some(kept);
        smtp.send(&mail("a1", "r@example.com")).await.unwrap();
        assert_eq!(server.messages().len(), 1);
        let mails: Vec<usize> =
            server.lines().iter().filter(|(_, l)| l.starts_with("MAIL")).map(|(n, _)| *n).collect();
        assert_eq!(mails, [0, 1]);
    }
}

#[tokio::test]
async fn what_is_no_mail_server_holds_the_queue() {
    let error = failing(Script {
        greeting: SayAndClose("HTTP/1.1 400 Bad\u{1b}[31m Request\r\n\r\n"),
        ..Script::default()
    })
    .await;
    assert_eq!(error.retry(), Retry::Hold);
    let want = "the mail server's answer during the greeting is not understood: HTTP/1.1 400 Bad[31m Request";
    assert_eq!(error.to_string(), want);
}

#[tokio::test]
async fn endless_replies_end_at_the_cap() {
    for act in [Flood("250-more of it\r\n"), Flood("xxxxxxxxxxxxxxxx")] {
        let error = failing(Script { hello: act, ..Script::default() }).await;
        assert!(matches!(error, Error::Protocol { phase: Phase::Hello, .. }), "{error}");
        assert_eq!(error.retry(), Retry::Backoff);
    }
    let error = failing(Script { greeting: Flood("220-"), ..Script::default() }).await;
    assert!(matches!(error, Error::Protocol { phase: Phase::Greeting, .. }), "{error}");
}

#[tokio::test]
async fn the_cap_of_a_reply_holds_at_n_and_n_plus_1() {
    let line = |size: usize| -> &'static str { format!("220 {}\r\n", "x".repeat(size - 6)).leak() };
    for (size, ok) in [(MAX_REPLY_BYTES, true), (MAX_REPLY_BYTES + 1, false)] {
        let server = Server::start(vec![Script { greeting: Say(line(size)), ..Script::default() }]);
        assert_eq!(smtp(&server).send(&mail("a1", "r@example.com")).await.is_ok(), ok, "{size}");
    }
    let lines = |size: usize| -> &'static str {
        format!("220-{}\r\n220 {}\r\n", "x".repeat(994), "x".repeat(size - 1_006)).leak()
    };
    for (size, ok) in [(MAX_REPLY_BYTES, true), (MAX_REPLY_BYTES + 1, false)] {
        let server = Server::start(vec![Script { greeting: Say(lines(size)), ..Script::default() }]);
        assert_eq!(smtp(&server).send(&mail("a1", "r@example.com")).await.is_ok(), ok, "{size}");
    }
}

#[tokio::test]
async fn odd_but_legal_replies_are_taken() {
    let odd = Script { dot: Say("250\r\n"), rcpt: Say("251 will forward\n"), ..Script::default() };
    let server = Server::start(vec![odd]);
    assert_eq!(smtp(&server).send(&mail("a1", "r@example.com")).await.unwrap().reply, "250");
}

#[tokio::test]
async fn required_tls_is_never_done_without() {
    let server = Server::start(vec![]);
    let required = SmtpOptions { starttls: StartTls::Required, ..options(&server) };
    let error = Smtp::new(required, identity()).send(&mail("a1", "r@example.com")).await.unwrap_err();
    assert!(matches!(error, Error::NoStartTls { .. }), "{error}");
    assert_eq!(error.retry(), Retry::Hold);
    assert_eq!(server.lines(), [(0, "EHLO client.example.org".to_owned())]);
}

#[tokio::test]
async fn a_failed_handshake_sends_no_mail() {
    async fn check(starttls: Act, want: Retry) {
        let error = failing(Script { hello: OFFERS_TLS, starttls, ..Script::default() }).await;
        assert_eq!(error.retry(), want, "{error}");
    }
    // An answer put in front of TLS must not be read as if it came inside.
    check(Say("220 go\r\n250 injected\r\n"), Retry::Backoff).await;
    check(SayAndClose("220 go\r\n"), Retry::Backoff).await;
    check(Say("454 not now\r\n"), Retry::Backoff).await;
    check(Say("501 not at all\r\n"), Retry::Hold).await;

    let server = Server::start(vec![Script { greeting: Say("220 in the clear\r\n"), ..Script::default() }]);
    let url = SmtpUrl { security: Security::Implicit, ..options(&server).url };
    let error = Smtp::new(SmtpOptions { url, ..options(&server) }, identity()).probe().await.unwrap_err();
    assert!(matches!(error, Error::Tls { .. }), "{error}");
    assert_eq!(error.retry(), Retry::Hold);
}

#[tokio::test]
async fn a_login_is_made_with_plain_or_login() {
    let login_only = Say("250-test\r\n250 AUTH LOGIN\r\n");
    let check = async |script: Script, want: &[&str]| {
        let server = Server::start(vec![script]);
        with_login(&server).send(&mail("a1", "r@example.com")).await.unwrap();
        let lines: Vec<String> = server.lines().into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines[1..lines.len() - 3], *want);
    };
    check(Script { hello: OFFERS_LOGIN, ..Script::default() }, &["AUTH PLAIN AGRlc2sAaHVudGVyMg=="]).await;
    check(
        Script { hello: login_only, auth: Say("334 VXNlcm5hbWU6\r\n"), ..Script::default() },
        &["AUTH LOGIN", "ZGVzaw==", "aHVudGVyMg=="],
    )
    .await;
}

#[tokio::test]
async fn a_refused_login_holds_the_queue_and_tells_no_secret() {
    async fn check(script: Script, want: Retry) {
        let server = Server::start(vec![script]);
        let mut smtp = with_login(&server);
        let error = smtp.send(&mail("a1", "r@example.com")).await.unwrap_err();
        assert_eq!(error.retry(), want, "{error}");
        let printed = format!("{error} {error:?} {smtp:?}");
        assert!(!printed.contains("hunter2") && !printed.contains("aHVudGVyMg"), "{printed}");
        assert!(!server.lines().iter().any(|(_, line)| line.starts_with("MAIL")));
    }
    let offers = Script { hello: OFFERS_LOGIN, ..Script::default() };
    check(Script { auth: Say("535 5.7.8 wrong\r\n"), ..offers }, Retry::Hold).await;
    check(Script { auth: Say("534 too weak\r\n"), ..offers }, Retry::Hold).await;
    check(Script { auth: Say("454 later\r\n"), ..offers }, Retry::Backoff).await;
    check(Script { auth: Say("334 UGFzc3dvcmQ6\r\n"), ..offers }, Retry::Backoff).await;
    check(Script::default(), Retry::Hold).await;
}

#[test]
fn a_login_leaves_this_machine_encrypted_only() {
    let check = |encrypted: bool, peer: &str, want: bool| {
        assert_eq!(may_login(encrypted, peer.parse().unwrap()), want, "{encrypted} {peer}");
    };
    check(false, "127.0.0.1", true);
    check(false, "::1", true);
    check(false, "::ffff:127.0.0.1", true);
    check(false, "192.0.2.1", false);
    check(false, "10.0.0.1", false);
    check(false, "2001:db8::1", false);
    check(true, "192.0.2.1", true);
}

#[tokio::test]
async fn nobody_there_is_passing() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = SmtpUrl::parse(&format!("smtp://127.0.0.1:{port}")).unwrap();
    let error = Smtp::new(SmtpOptions::new(url, None), identity()).probe().await.unwrap_err();
    assert_eq!(error.retry(), Retry::Backoff);
    assert!(
        error.to_string().starts_with(&format!("cannot reach the mail server 127.0.0.1:{port}: ")),
        "{error}"
    );
}

#[tokio::test]
async fn small_writes_are_not_held_back() {
    let server = Server::start(vec![]);
    let socket = open_socket("127.0.0.1", server.address.port(), Duration::from_secs(30)).await.unwrap();
    assert!(socket.nodelay().unwrap());
}

#[tokio::test]
async fn a_probe_says_what_it_found_and_sends_no_mail() {
    let server = Server::start(vec![Script { hello: OFFERS_LOGIN, ..Script::default() }]);
    let words = with_login(&server).probe().await.unwrap();
    assert_eq!(words, format!("smtp://{} answers; not encrypted, login accepted", server.address));
    let lines: Vec<String> = server.lines().into_iter().map(|(_, line)| line).collect();
    assert_eq!(lines[2..], ["NOOP", "QUIT"]);
}

#[test]
fn the_name_for_hello_is_a_host_name_or_an_address() {
    let here = Some(IpAddr::V4(Ipv4Addr::LOCALHOST));
    assert_eq!(hello(Some("client.example.org"), here).to_string(), "client.example.org");
    assert_eq!(hello(Some("a\r\nMAIL FROM:<x>"), here).to_string(), "[127.0.0.1]");
    assert_eq!(hello(Some("bad_name"), Some("::1".parse().unwrap())).to_string(), "[IPv6:::1]");
    assert_eq!(hello(Some(""), None).to_string(), "localhost");
}
