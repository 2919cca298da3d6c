//! Messages are read back by a small strict parser that shares no code with what wrote them.

use super::*;
use crate::{
    mail::{
        MAX_SUBJECT, MIN_KEY_BYTES, OneClick, Sender,
        samples::{identity, mail},
    },
    model::{Recipient, Secret, SubscriptionName, time::from_millis},
};

const HEADERS: [&str; 12] = [
    "Date",
    "From",
    "To",
    "Message-ID",
    "Subject",
    "List-Id",
    "List-Unsubscribe",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "X-Wirewatch-Kind",
    "MIME-Version",
    "Content-Type",
];

/// Longest line of a header made here, and of an encoded body (RFC 5322 §2.1.1, RFC 2045 §6.7).
const LINE: usize = 78;

struct Read {
    headers: Vec<(String, String)>,
    parts: Vec<(String, String)>,
}

impl Read {
    fn header(&self, name: &str) -> &str {
        &self.headers.iter().find(|(n, _)| n == name).unwrap_or_else(|| panic!("no {name}")).1
    }

    fn subject(&self) -> String {
        decode_words(self.header("Subject"))
    }
}

fn read(bytes: &[u8]) -> Read {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.is_ascii());
    for line in text.split_inclusive("\r\n") {
        let line = line.strip_suffix("\r\n").expect("the message ends with a line end");
        assert!(!line.contains(['\r', '\n', '\0']), "bare line end or NUL: {line:?}");
        assert!(
            line.len() <= if line.contains(['@', '<']) { 998 } else { LINE },
            "{} octets: {line}",
            line.len()
        );
    }
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let headers = read_headers(head);
    let boundary = headers.last().unwrap().1.split_once("boundary=\"").unwrap().1.strip_suffix('"').unwrap();
    assert!(boundary.len() <= 70);
    let body = body.strip_prefix(&format!("--{boundary}\r\n")).unwrap();
    let body = body.strip_suffix(&format!("\r\n--{boundary}--\r\n")).unwrap();
    let parts = body.split(&format!("\r\n--{boundary}\r\n")).map(read_part).collect();
    Read { headers, parts }
}

fn read_headers(head: &str) -> Vec<(String, String)> {
    let unfolded = head.replace("\r\n ", " ");
    unfolded
        .split("\r\n")
        .map(|line| {
            let (name, value) = line.split_once(": ").unwrap_or_else(|| panic!("no header: {line:?}"));
            assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'), "{name:?}");
            assert!(value.bytes().all(|b| (b' '..=b'~').contains(&b)), "{value:?}");
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

fn read_part(part: &str) -> (String, String) {
    let (head, body) = part.split_once("\r\n\r\n").unwrap();
    let headers = read_headers(head);
    let get = |name: &str| headers.iter().find(|(n, _)| n == name).unwrap().1.clone();
    let bytes = match get("Content-Transfer-Encoding").as_str() {
        "quoted-printable" => unquote(body),
        "base64" => unbase64(&body.replace("\r\n", "")),
        other => panic!("encoding {other}"),
    };
    (get("Content-Type"), String::from_utf8(bytes).unwrap())
}

fn unquote(body: &str) -> Vec<u8> {
    let body = body.replace("=\r\n", "");
    for line in body.split("\r\n") {
        assert!(!line.ends_with([' ', '\t']), "blank at line end gets lost: {line:?}");
    }
    let mut pieces = body.split('=');
    let mut out = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        out.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        out.extend_from_slice(&piece.as_bytes()[2..]);
    }
    out
}

fn unbase64(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    assert_eq!(text.len() % 4, 0);
    let mut bits = Vec::new();
    for c in text.trim_end_matches('=').chars() {
        let value = DIGITS.find(c).unwrap();
        bits.extend((0..6).rev().map(|n| value >> n & 1));
    }
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |all, bit| all << 1 | *bit as u8)).collect()
}

/// RFC 2047: blanks between two encoded words do not count.
fn decode_words(value: &str) -> String {
    let mut out = String::new();
    let mut after_encoded = false;
    for word in value.split(' ') {
        let encoded = word.strip_prefix("=?utf-8?B?").and_then(|w| w.strip_suffix("?="));
        if !(out.is_empty() || after_encoded && encoded.is_some()) {
            out.push(' ');
        }
        match encoded {
            Some(text) => {
                assert!(word.len() <= 75);
                out.push_str(std::str::from_utf8(&unbase64(text)).unwrap());
            }
            None => out.push_str(word),
        }
        after_encoded = encoded.is_some();
    }
    out
}

fn composed(change: impl FnOnce(&mut OutboundMail)) -> Read {
    let mut mail = mail("a1", "reader@example.com");
    change(&mut mail);
    read(&compose(&identity(), &mail).unwrap())
}

#[test]
fn the_header_block_is_exactly_ours() {
    let read = composed(|_| {});
    let names: Vec<&str> = read.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, HEADERS);
    let check = |name: &str, want: &str| assert_eq!(read.header(name), want, "{name}");
    check("Date", "Wed, 18 Nov 2026 11:06:40 +0000");
    check("From", "\"Wire Watch\" <watch@example.org>");
    check("To", "reader@example.com");
    check("Message-ID", "<a1@mail.example.org>");
    check("Subject", "Crane stuck in the harbour");
    check("List-Id", "\"wirewatch harbour\" <harbour.wirewatch.mail.example.org>");
    check("List-Unsubscribe", "<mailto:operator@example.org?subject=unsubscribe%20harbour>");
    check("Auto-Submitted", "auto-generated");
    check("X-Auto-Response-Suppress", "All");
    check("X-Wirewatch-Kind", "alert");
    check("MIME-Version", "1.0");
    check("Content-Type", "multipart/alternative; boundary=\"=_wirewatch_a1\"");
}

#[test]
fn an_update_answers_the_mail_it_follows_up_on() {
    let read = composed(|m| m.in_reply_to = Some(NotificationId("a0".to_owned())));
    assert_eq!(read.header("In-Reply-To"), "<a0@mail.example.org>");
    assert_eq!(read.header("References"), "<a0@mail.example.org>");
    assert_eq!(read.header("Message-ID"), "<a1@mail.example.org>");
    assert_eq!(read.headers.len(), HEADERS.len() + 2);
    let mut bad = mail("a1", "reader@example.com");
    bad.in_reply_to = Some(NotificationId("a\r\nBcc: x".to_owned()));
    assert!(compose(&identity(), &bad).is_err());
}

#[test]
fn readers_leave_with_one_click_where_there_is_an_address_for_it() {
    let url = "https://news.example.org/leave".parse().unwrap();
    let one_click = OneClick::new(url, Secret::new(&"k".repeat(MIN_KEY_BYTES))).unwrap();
    let identity = identity().with_one_click(Some(one_click.clone()));
    let read_back = |kind: NotificationKind| {
        let mail = OutboundMail { kind, ..mail("a1", "reader@example.com") };
        assert_eq!(
            compose(&identity, &mail).unwrap(),
            compose(&identity, &mail).unwrap(),
            "at every attempt"
        );
        read(&compose(&identity, &mail).unwrap())
    };
    let read = read_back(NotificationKind::Digest);
    assert_eq!(read.header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    let (link, mailto) = read.header("List-Unsubscribe").split_once(", ").unwrap();
    assert_eq!(mailto, "<mailto:operator@example.org?subject=unsubscribe%20harbour>");
    let token =
        link.strip_prefix("<https://news.example.org/leave?token=").unwrap().strip_suffix('>').unwrap();
    let (subscription, reader) = one_click.read(token).unwrap();
    assert_eq!((subscription.as_str(), reader.address()), ("harbour", "reader@example.com"));
    let read = read_back(NotificationKind::Operator);
    assert_eq!(read.headers.len(), HEADERS.len(), "the operator is on no list");
    assert!(read.header("List-Unsubscribe").starts_with("<mailto:"));
}

#[test]
fn bodies_come_back_as_they_were_with_crlf() {
    let check = |text: &str, want: &str| {
        let read = composed(|m| {
            m.text = text.to_owned();
            m.html = text.to_owned();
        });
        let part = |kind: &str| (format!("text/{kind}; charset=utf-8"), want.to_owned());
        assert_eq!(read.parts, [part("plain"), part("html")], "{text:?}");
    };
    check("", "");
    check("plain\n", "plain\r\n");
    check("no end", "no end\r\n");
    check("one\r\ntwo\rthree\n\nfour\n", "one\r\ntwo\r\nthree\r\n\r\nfour\r\n");
    check(
        ".\n..\n.\r\nMAIL FROM:<x@example.com>\r.\r\n",
        ".\r\n..\r\n.\r\nMAIL FROM:<x@example.com>\r\n.\r\n",
    );
    check("blank at end \ntab\t\nA=B=3D\n", "blank at end \r\ntab\t\r\nA=B=3D\r\n");
    check("caf\u{e9} in the harbour\n", "caf\u{e9} in the harbour\r\n");
    check("港口起重机卡住了\n", "港口起重机卡住了\r\n");
    check("esc\u{1b}[2Jape\0\u{9b}\u{7f}\n", "esc[2Jape\r\n");
    check("--=_wirewatch_a1--\n\nFrom me\n", "--=_wirewatch_a1--\r\n\r\nFrom me\r\n");
    let long = format!("{}\n", "x".repeat(5_000));
    check(&long, &long.replace('\n', "\r\n"));
}

#[test]
fn any_subject_arrives_as_its_visible_text_and_adds_no_header() {
    let check = |subject: &str, want: &str| {
        let read = composed(|m| m.subject = subject.to_owned());
        assert_eq!(read.subject(), want, "{subject:?}");
        assert_eq!(read.headers.len(), HEADERS.len(), "{subject:?}");
    };
    check("Crane stuck", "Crane stuck");
    check("", "");
    check("a\r\nBcc: thief@example.com\r\n\r\nbody", "a Bcc: thief@example.com body");
    check("a\nb\rc\0d\u{85}e\u{2028}f", "a b cd e f");
    check("\u{202e}gpj.exe\u{2066}", "gpj.exe");
    check("=?utf-8?B?DQpCY2M6IHhAZXhhbXBsZS5jb20=?=", "=?utf-8?B?DQpCY2M6IHhAZXhhbXBsZS5jb20=?=");
    check("=?utf-8?Q?=0D=0ABcc:_x?= plain", "=?utf-8?Q?=0D=0ABcc:_x?= plain");
    check("港口起重机卡住了 🚢 two", "港口起重机卡住了 🚢 two");
    check("👩\u{200d}👩\u{200d}👧\u{200d}👦", "👩\u{200d}👩\u{200d}👧\u{200d}👦");
    let words = "harbour ".repeat(30);
    check(&words, words.trim());
    let cut = |c: &str| format!("{}…", c.repeat(MAX_SUBJECT));
    for c in ["w", "港", "🚢"] {
        check(&c.repeat(MAX_SUBJECT), &c.repeat(MAX_SUBJECT));
        check(&c.repeat(MAX_SUBJECT + 1), &cut(c));
    }
}

#[test]
fn hostile_names_of_subscriptions_and_senders_add_no_header() {
    let names = [
        "a\r\nBcc: x@example.com",
        "\"><x@example.com>",
        "港口",
        "a\\\"b",
        "=?utf-8?Q?=0D=0A?=",
        &"n".repeat(400),
    ];
    for name in names {
        let read = composed(|m| m.subscription = SubscriptionName::new(name));
        assert_eq!(read.headers.len(), HEADERS.len(), "{name:?}");
        let list = read.header("List-Id");
        assert!(list.ends_with(".wirewatch.mail.example.org>"), "{list}");
        assert_eq!(decode_words(list).matches('\r').count(), 0);
    }
    for name in ["Watch, Wire", "W \\\" Q", "新闻", "a@b: c;", "=?utf-8?Q?=0D=0A?="] {
        let from = Sender::parse(&format!("{name} <watch@example.org>")).unwrap();
        let identity = Identity::new(from, "example.org", None).unwrap();
        let read = read(&compose(&identity, &mail("a1", "reader@example.com")).unwrap());
        assert_eq!(read.headers.len(), HEADERS.len(), "{name:?}");
        assert!(read.header("From").ends_with("<watch@example.org>"), "{name:?}");
        assert_eq!(
            read.header("List-Unsubscribe"),
            "<mailto:watch@example.org?subject=unsubscribe%20harbour>"
        );
    }
}

#[test]
fn composing_twice_gives_the_same_bytes() {
    let once = compose(&identity(), &mail("a1", "reader@example.com")).unwrap();
    assert_eq!(once, compose(&identity(), &mail("a1", "reader@example.com")).unwrap());
    assert_ne!(once, compose(&identity(), &mail("a2", "reader@example.com")).unwrap());
}

#[test]
fn dates_outside_the_format_are_cut_to_it() {
    let check = |ms: i64, want: &str| {
        assert_eq!(composed(|m| m.created_at = from_millis(ms)).header("Date"), want);
    };
    check(-1, "Thu, 01 Jan 1970 00:00:00 +0000");
    check(999, "Thu, 01 Jan 1970 00:00:00 +0000");
    check(Timestamp::MAX.as_millisecond(), "Thu, 30 Dec 9999 22:00:00 +0000");
    check(Timestamp::MIN.as_millisecond(), "Thu, 01 Jan 1970 00:00:00 +0000");
}

#[test]
fn limits_hold_at_n_and_n_plus_1() {
    let check = |change: &dyn Fn(&mut OutboundMail), ok: bool| {
        let mut mail = mail("a1", "reader@example.com");
        change(&mut mail);
        assert_eq!(compose(&identity(), &mail).is_ok(), ok);
    };
    check(&|m| m.text = "x".repeat(MAX_BODY), true);
    check(&|m| m.text = "x".repeat(MAX_BODY + 1), false);
    check(&|m| m.html = "x".repeat(MAX_BODY + 1), false);
    check(&|m| m.id.0 = "x".repeat(MAX_ID), true);
    check(&|m| m.id.0 = "x".repeat(MAX_ID + 1), false);
    check(&|m| m.id.0 = String::new(), false);
    check(&|m| m.id.0 = "../a".to_owned(), false);
    check(&|m| m.id.0 = "a>\r\nBcc: x".to_owned(), false);
}

#[test]
fn the_addresses_the_configuration_takes_can_be_written() {
    let longest = format!("{}@{}.example.com", "a".repeat(64), "d".repeat(63));
    for text in [
        "ops@localhost",
        "a.b+c@mail.example.co.uk",
        "!#$%&'*+-/=?^_`{|}~@example.com",
        "x@1.example",
        &longest,
    ] {
        let recipient = Recipient::parse(text).unwrap();
        assert_eq!(composed(|m| m.to = recipient).header("To"), text);
    }
}

proptest::proptest! {
    #[test]
    fn no_text_breaks_the_message(subject: String, text: String, html: String, name: String) {
        let read = composed(|m| {
            m.subject = subject;
            m.text = text;
            m.html = html;
            m.subscription = SubscriptionName::new(&name);
        });
        proptest::prop_assert_eq!((read.headers.len(), read.parts.len()), (HEADERS.len(), 2));
        proptest::prop_assert!(!read.subject().chars().any(char::is_control));
    }
}
