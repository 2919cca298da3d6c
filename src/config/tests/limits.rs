//! Every limit at N and at N + 1.

use super::*;
use crate::config::*;

/// With `count(n)` the load gives no error, with `count(n + 1)` one that holds `what`.
#[track_caller]
fn check(n: usize, what: &str, with: impl Fn(usize) -> Fixture) {
    if let Err(found) = with(n).load() {
        panic!("{n}: {found}");
    }
    let found = with(n + 1).load().expect_err(what);
    let errors: Vec<&str> = found.of(Severity::Error).map(|d| d.what.as_str()).collect();
    assert!(errors.len() == 1 && errors[0].contains(what), "{n} + 1: {errors:?}");
}

fn list(n: usize, entry: impl Fn(usize) -> String) -> String {
    (0..n).map(|i| format!("\"{}\"", entry(i))).collect::<Vec<_>>().join(", ")
}

fn digest(key: &str) -> String {
    format!(
        "[[subscription]]\nto = [\"a@b\"]\ntopics = [\"*\"]\ndeliver = \"digest\"\nat = [\"07:30\"]\n{key}"
    )
}

#[test]
fn numbers_of_feeds_topics_lists_and_subscriptions() {
    check(MAX_FEEDS, "more than 100000 feeds", |n| {
        let lines: String = (0..n).map(|i| format!("http://a.example/{i}\n")).collect();
        Fixture::new("opml = [\"f\"]").with("f", lines)
    });
    check(MAX_TOPICS, "more than 10000 topics", |n| {
        let topics: String = (0..n).map(|i| format!("[[topic]]\nname = \"t{i}\"\nany = [\"x\"]\n")).collect();
        Fixture::new(&topics)
    });
    check(MAX_LISTS, "more than 1000 lists", |n| {
        let lists: String = (0..n).map(|i| format!("l{i} = [\"x\"]\n")).collect();
        Fixture::new(&format!("[lists]\n{lists}"))
    });
    check(MAX_TERMS, "10001 entries", |n| {
        Fixture::new(&format!("[lists]\na = [{}]", list(n, |i| i.to_string())))
    });
    check(MAX_SUBSCRIPTIONS, "more than 10000 subscriptions", |n| {
        let one = |i| format!("[[subscription]]\nto = [\"a{i}@b\"]\ntopics = [\"*\"]\ndeliver = \"alert\"\n");
        Fixture::new(&(0..n).map(one).collect::<String>())
    });
    check(MAX_OPML_FILES, "101 OPML files", |n| {
        (0..n).fold(Fixture::new(&format!("opml = [{}]", list(n, |i| format!("f{i}")))), |f, i| {
            f.with(&format!("f{i}"), "")
        })
    });
}

#[test]
fn lengths_of_lists_in_a_subscription_and_in_sections() {
    check(MAX_RECIPIENTS, "`to` has 1001 entries", |n| {
        let to = list(n, |i| format!("a{i}@b"));
        Fixture::new(&format!("[[subscription]]\nto = [{to}]\ntopics = [\"*\"]\ndeliver = \"alert\""))
    });
    check(MAX_RECIPIENTS, "more than 1000 addresses", |n| {
        Fixture::new(&format!("[mail]\noperator = [{}]", list(n, |i| format!("a{i}@b"))))
    });
    check(MAX_TOPICS_NAMED, "`topics` has 1001 entries", |n| {
        let topics: String = (0..n).map(|i| format!("[[topic]]\nname = \"t{i}\"\nany = [\"x\"]\n")).collect();
        let named = list(n, |i| format!("t{i}"));
        Fixture::new(&format!(
            "{topics}[[subscription]]\nto = [\"a@b\"]\ntopics = [{named}]\ndeliver = \"alert\""
        ))
    });
    check(MAX_DIGEST_TIMES, "`at` has 49 entries", |n| {
        let at = list(n, |i| format!("{:02}:{:02}", i % 24, i / 24));
        Fixture::new(&digest("").replace("\"07:30\"", &at))
    });
    check(MAX_ALLOWED, "`allow` has 1001 entries", |n| {
        Fixture::new(&format!("[fetch]\nallow = [{}]", list(n, |i| format!("host{i}.example"))))
    });
}

#[test]
fn lengths_of_texts() {
    check(MAX_NAME_CHARS, "longer than 64", |n| {
        Fixture::new(&digest(&format!("name = \"{}\"", "n".repeat(n))))
    });
    check(MAX_TITLE_CHARS, "`title` is", |n| {
        Fixture::new(&format!("[[feed]]\nurl = \"https://a.example\"\ntitle = \"{}\"", "稀".repeat(n)))
    });
    check(MAX_URL_BYTES, "longer than 8000 bytes", |n| {
        let start = "https://a.example/";
        Fixture::new(&format!("[[feed]]\nurl = \"{start}{}\"", "x".repeat(n - start.len())))
    });
    check(MAX_AGENT_CHARS, "cannot be sent", |n| {
        Fixture::new(&format!("[fetch]\nuser_agent = \"{}\"", "x".repeat(n)))
    });
    check(MAX_SENDER_NAME, "longer than 100", |n| {
        Fixture::new(&format!("[mail]\nfrom = \"{} <a@b>\"", "稀".repeat(n)))
    });
    check(MAX_FILE_BYTES, "longer than 8388608 bytes", |n| Fixture::new(&format!("#{}", " ".repeat(n - 1))));
    check(MAX_DROP_INS, "1001 drop-ins", |n| {
        (0..n).fold(Fixture::new(""), |f, i| f.with(&format!("conf.d/{i:04}.toml"), ""))
    });
}

#[test]
fn numbers_within_sections() {
    let number = |n: u64| usize::try_from(n).unwrap();
    check(number(MAX_CONCURRENCY), "out of range", |n| Fixture::new(&format!("[poll]\nconcurrency = {n}")));
    check(number(MAX_PER_HOST), "out of range", |n| Fixture::new(&format!("[poll]\nper_host = {n}")));
    check(number(MAX_REDIRECTS), "out of range", |n| Fixture::new(&format!("[fetch]\nmax_redirects = {n}")));
    check(number(u64::from(MAX_ON_ADD_ITEMS)), "is not understood", |n| {
        Fixture::new(&format!("[poll]\non_add = \"last:{n}\""))
    });
    check(number(MAX_ALERTS_PER_HOUR), "out of range", |n| {
        let start = "[[subscription]]\nto = [\"a@b\"]\ntopics = [\"*\"]\ndeliver = \"alert\"\n";
        Fixture::new(&format!("{start}max_per_hour = {n}"))
    });
}
