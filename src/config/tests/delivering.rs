//! How subscriptions deliver: what is taken, what is refused, and where.

use std::time::Duration;

use super::*;
use crate::{
    config::*,
    model::{
        AlertPolicy, Dates, Days, Delivery, DigestPolicy, Line, NewsKind, Subscription, Summary, UpdatePolicy,
    },
};

fn subscription(deliver: &str, keys: &str) -> Result<Subscription, Vec<String>> {
    let text = format!(
        "[[subscription]]\nto = [\"a@b.example\"]\ntopics = [\"*\"]\ndeliver = \"{deliver}\"\n{keys}"
    );
    let fixture = Fixture::new(&text);
    match fixture.load() {
        Ok(mut config) => Ok(config.subscriptions.remove(0)),
        Err(found) => Err(told(&found, fixture.folder.path())),
    }
}

fn alert(keys: &str) -> AlertPolicy {
    match subscription("alert", keys).unwrap_or_else(|found| panic!("{keys}: {found:?}")).delivery {
        Delivery::Alert(policy) => policy,
        Delivery::Digest(_) => panic!("an alert"),
    }
}

fn digest(deliver: &str, keys: &str) -> DigestPolicy {
    match subscription(deliver, keys).unwrap_or_else(|found| panic!("{keys}: {found:?}")).delivery {
        Delivery::Digest(policy) => policy,
        Delivery::Alert(_) => panic!("a digest"),
    }
}

/// One error, at this place, with these words.
#[track_caller]
fn refused(deliver: &str, keys: &str, place: &str, words: &str) {
    let found = subscription(deliver, keys).expect_err(keys);
    assert!(
        found.iter().any(|line| line.contains(&format!("wirewatch.toml {place} ")) && line.contains(words)),
        "{keys}: {found:?}"
    );
}

#[test]
fn alerts_say_what_they_wait_for_and_what_comes_after() {
    assert_eq!(alert(""), AlertPolicy::default());
    assert_eq!(AlertPolicy::default().group_wait, Duration::from_secs(30));
    let updates = UpdatePolicy::default();
    assert_eq!((updates.corroborate.as_slice(), updates.every), (&[3, 10][..], Duration::from_secs(1_800)));
    assert_eq!(alert("group_wait = \"0s\"").group_wait, Duration::ZERO);
    assert_eq!(alert("updates = []").updates.on, []);
    let some = alert("updates = [\"headline\", \"sources\"]\ncorroborate = [5, 2, 5]\nupdate_every = \"2h\"");
    assert_eq!(some.updates.on, [NewsKind::Headline, NewsKind::Sources]);
    assert_eq!(some.updates.corroborate, [2, 5]);
    assert_eq!(some.updates.every, Duration::from_secs(7_200));
    let line =
        alert("quiet = { from = \"22:00\", to = \"07:00\" }\nbreak_through = { sources = 4, score = 9 }");
    assert_eq!(line.break_through, Some(Line { sources: Some(4), score: Some(9) }));

    // N and N + 1.
    assert_eq!(alert("group_wait = \"1h\"").group_wait, MAX_GROUP_WAIT);
    refused("alert", "group_wait = \"1h1s\"", "5:14", "out of range");
    refused("alert", "update_every = \"59s\"", "5:16", "out of range");
    refused("alert", "update_every = \"7d1s\"", "5:16", "out of range");
    let thresholds = |n: usize| {
        format!("corroborate = [{}]", (2..n + 2).map(|n| n.to_string()).collect::<Vec<_>>().join(", "))
    };
    assert_eq!(alert(&thresholds(MAX_THRESHOLDS)).updates.corroborate.len(), MAX_THRESHOLDS);
    refused("alert", &thresholds(MAX_THRESHOLDS + 1), "5:15", "more than 10 entries");
    assert_eq!(alert("corroborate = [1000]").updates.corroborate, [1_000]);
    refused("alert", "corroborate = [1001]", "5:16", "from 2 to 1000");
    refused("alert", "corroborate = [1]", "5:16", "from 2 to 1000");
    refused("alert", "corroborate = [\"3\"]", "5:16", "from 2 to 1000");
    refused("alert", "corroborate = 3", "5:15", "not a list of whole numbers");
    refused("alert", "updates = [\"source\"]", "5:12", "\"source\" is nothing that can be new");
    refused("alert", "break_through = {}", "5:1", "`break_through` is empty");
    refused("alert", "break_through = { sources = 1001 }", "5:29", "out of range");
    refused("alert", "break_through = { source = 3 }", "5:19", "did you mean `sources`?");
    refused("alert", "escalate = { sources = 3 }", "5:1", "`escalate` belongs to deliver = \"digest\"");
}

#[test]
fn digests_are_due_by_times_spans_or_cron_lines() {
    let times = |policy: &DigestPolicy| -> Vec<String> {
        policy.at.iter().map(|at| at.strftime("%H:%M").to_string()).collect()
    };
    let check = |keys: &str, want: &[&str], on: Dates| {
        let policy = digest("digest", keys);
        assert_eq!(
            (times(&policy), policy.on),
            (want.iter().map(|at| (*at).to_owned()).collect(), on),
            "{keys}"
        );
    };
    check("every = \"6h\"", &["00:00", "06:00", "12:00", "18:00"], Dates::Every(1));
    check("every = \"8h\"\nat = [\"07:30\"]", &["07:30", "15:30", "23:30"], Dates::Every(1));
    check("every = \"1d\"\nat = [\"07:30\"]", &["07:30"], Dates::Every(1));
    check("every = \"2w\"", &["00:00"], Dates::Every(14));
    let weekdays = Days([true, true, true, true, true, false, false]);
    check("at = [\"07:30\"]\ndays = \"mon-fri\"", &["07:30"], Dates::Weekdays(weekdays));
    let cron = digest("digest", "cron = \"30 7,17 * * mon-fri\"");
    assert_eq!(times(&cron), ["07:30", "17:30"]);
    assert_eq!(digest("digest", "every = \"30m\"").at.len(), MAX_DIGEST_TIMES);
    refused("digest", "every = \"15m\"", "5:9", "out of range");
    refused("digest", "every = \"29d\"", "5:9", "out of range");
    refused("digest", "every = \"7h\"", "5:9", "cannot be divided by 7h");
    refused("digest", "every = \"36h\"", "5:9", "cannot be divided by 1d12h");
    refused("digest", "every = \"6h\"\nat = [\"07:30\", \"08:30\"]", "6:6", "the one time it counts from");
    refused("digest", "every = \"6h\"\ndays = \"mon-fri\"", "6:1", "`days` has no place beside `every`");
    refused("digest", "cron = \"30 7 * * *\"\nat = [\"07:30\"]", "6:1", "`at` has no place beside `cron`");
    refused("digest", "cron = \"30 7 * * *\"\nevery = \"6h\"", "5:1", "both say when");
    refused("digest", "cron = \"30 25 * * *\"", "5:12", "`25` is no hour");
    assert_eq!(
        digest("digest", "at = [\"07:30\"]\nescalate = { score = 8 }").escalate,
        Some(Line { sources: None, score: Some(8) })
    );
}

#[test]
fn a_weekly_summary_comes_on_mondays() {
    let weekly = digest("weekly", "at = [\"07:30\"]");
    let monday = Days([true, false, false, false, false, false, false]);
    assert_eq!((weekly.on, weekly.summary), (Dates::Weekdays(monday), Summary::Weekly));
    let friday = Days([false, false, false, false, true, false, false]);
    assert_eq!(digest("weekly", "at = [\"17:00\"]\ndays = \"fri\"").on, Dates::Weekdays(friday));
    let named = subscription("weekly", "at = [\"07:30\"]").unwrap().name;
    assert!(named.as_str().starts_with("weekly-"), "{named}: another than that of the digest");
    refused("weekly", "", "1:1", "no `at`");
}

#[test]
fn an_address_for_commands_takes_a_token() {
    let load = |address: &str| {
        let fixture = Fixture::new(&format!("[mail]\ncommands_to = \"{address}\"\n"));
        fixture
            .load()
            .map(|config| config.mail.commands_to)
            .map_err(|found| told(&found, fixture.folder.path()))
    };
    for good in ["wirewatch+{token}@example.com", "commands@example.com"] {
        assert_eq!(load(good).unwrap().as_deref(), Some(good));
    }
    for bad in ["wirewatch", "a{token}{token}@example.com", "a{b}@example.com", "a%@example.com", ""] {
        let found = load(bad).expect_err(bad);
        assert!(found[0].contains("2:15 `commands_to`"), "{bad}: {found:?}");
    }
    // RFC 5321 §4.5.3.1.1: 64 octets before the @, of which the longest token takes 46.
    assert!(load(&format!("{}{{token}}@example.com", "a".repeat(18))).is_ok());
    assert!(load(&format!("{}{{token}}@example.com", "a".repeat(19))).is_err());
}
