//! How feeds are visited: groups, logins, headers, proxies.

use super::*;
use crate::config::{HeaderValueConfig, VisitConfig};

/// One feed with these lines.
fn feed(url: &str, lines: &str) -> Fixture {
    Fixture::new(&format!(
        "[fetch]\nallow = [\"10.0.0.0/8\", \"intranet\"]\n[[feed]]\nurl = \"{url}\"\n{lines}\n"
    ))
}

fn taken(url: &str, lines: &str) -> VisitConfig {
    let config = feed(url, lines).load().unwrap_or_else(|found| panic!("{lines}\n{found}"));
    config.visits[0].1.clone()
}

const HTTPS: &str = "https://a.example/feed";

#[test]
fn what_a_feed_says_of_its_visits_is_read() {
    let visit = taken(
        HTTPS,
        "group = \"Desk.Example\"\nbasic = { user = \"desk\", password = { env = \"A\" } }\n\
         cookie = { credential = \"b\" }\nheaders = { \"X-Api-Key\" = { env = \"C\" }, \"Accept-Language\" = \"en\" }\n\
         proxy = { url = \"socks5://10.0.0.1:1080\", user = \"p\", password = { env = \"D\" } }",
    );
    let access = visit.access.unwrap();
    assert_eq!(visit.group.as_deref(), Some("desk.example"));
    assert_eq!(access.secrets().count(), 4);
    assert!(matches!(
        &access.headers[..],
        [(_, HeaderValueConfig::Plain(_)), (_, HeaderValueConfig::Kept(_))]
            | [(_, HeaderValueConfig::Kept(_)), (_, HeaderValueConfig::Plain(_))]
    ));
    assert!(taken(HTTPS, "group = \"a\"").access.is_none());
    assert!(taken(HTTPS, "bearer = { env = \"A\" }").access.unwrap().bearer.is_some());
    assert!(feed(HTTPS, "").load().unwrap().visits.is_empty());
}

#[test]
fn secrets_in_the_clear_are_for_the_operators_own_hosts_only() {
    for url in ["http://10.1.2.3/feed", "http://intranet/feed"] {
        taken(url, "bearer = { env = \"A\" }");
    }
    for (url, lines) in [
        ("http://a.example/feed", "bearer = { env = \"A\" }"),
        ("http://a.example/feed", "headers = { \"X-Api-Key\" = { env = \"C\" } }"),
        ("http://192.168.0.1/feed", "cookie = { env = \"A\" }"),
    ] {
        let fixture = feed(url, lines);
        let found = told(&fixture.load().unwrap_err(), fixture.folder.path());
        assert!(found[0].contains("wirewatch.toml 5:1 what is secret would travel"), "{found:?}");
        assert!(found[0].contains("https://"), "{found:?}");
    }
}

#[test]
fn what_cannot_be_is_refused_with_a_remedy_and_without_the_secret() {
    let check = |lines: &str, what: &str, remedy: &str| {
        let fixture = feed(HTTPS, lines);
        let found = fixture.load().expect_err(lines);
        assert!(!found.to_string().contains("canary7f3a"), "{lines}: {found}");
        let found = told(&found, fixture.folder.path());
        assert!(found.iter().any(|one| one.contains(what) && one.contains(remedy)), "{lines}: {found:?}");
    };
    check("bearer = \"canary7f3a\"", "the secret of `bearer` stands in", "bearer = { credential");
    check("cookie = \"canary7f3a\"", "the secret of `cookie` stands in", "cookie = { credential");
    check(
        "headers = { X-Api-Key = \"canary7f3a\" }",
        "the secret of `X-Api-Key`",
        "X-Api-Key = { credential",
    );
    check(
        "basic = { user = \"a\", password = \"canary7f3a\" }",
        "the password stands in",
        "password = { credential",
    );
    check("basic = { user = \"a\" }", "`password` is missing", "password = {");
    check("basic = { user = \"a:b\", password = { env = \"A\" } }", "has a colon", "the name alone");
    check(
        "bearer = { env = \"A\" }\nbasic = { user = \"a\", password = { env = \"A\" } }",
        "one login",
        "remove one",
    );
    check("headers = { Host = \"a\" }", "`Host` cannot be set", "address in url");
    check("headers = { Authorization = { env = \"A\" } }", "cannot be set", "basic = ");
    check("headers = { cookie = { env = \"A\" } }", "cannot be set", "cookie = ");
    check("headers = { X-Forwarded-For = \"a\" }", "cannot be set", "remove it");
    check("headers = { \"X Y\" = \"a\" }", "no name of a header", "letters");
    check("headers = { X-Y = \"a\\r\\nb\" }", "cannot be sent", "plain ASCII");
    check("headers = { X-Y = 1 }", "not a string or a table", "X-Api-Key");
    check("group = \"a b\"", "no name of a group", "letters");
    check("proxy = { url = \"proxy.example:3128\" }", "no address of a proxy", "http://");
    check("proxy = { url = \"ftp://proxy.example\" }", "no address of a proxy", "socks5://");
    check("proxy = { url = \"http://u:canary7f3a@proxy.example\" }", "holds a user name", "before the @");
    check("proxy = { user = \"a\" }", "has no `url`", "proxy = {");
    check("password = \"canary7f3a\"", "unknown key `password`", "basic = {");
    check("token = \"canary7f3a\"", "unknown key `token`", "bearer = {");
}

#[test]
fn the_name_of_a_group_and_the_number_of_headers_are_limited() {
    use crate::{config::MAX_GROUP_CHARS, fetch::MAX_EXTRA_FIELDS};
    let group = |n: usize| feed(HTTPS, &format!("group = \"{}\"", "g".repeat(n))).load().is_ok();
    assert_eq!([group(MAX_GROUP_CHARS), group(MAX_GROUP_CHARS + 1)], [true, false]);
    let headers = |n: usize| {
        let fields: Vec<String> = (0..n).map(|i| format!("X-{i} = \"a\"")).collect();
        feed(HTTPS, &format!("headers = {{ {} }}", fields.join(", "))).load().is_ok()
    };
    assert_eq!([headers(MAX_EXTRA_FIELDS), headers(MAX_EXTRA_FIELDS + 1)], [true, false]);
}
