//! What those who run the service are told: what is taken, what is refused, and where; and that the address of the ping is
//! shown nowhere.

use std::time::Duration;

use jiff::civil::time;

use super::*;
use crate::{
    config::*,
    model::{Dates, Days},
};

const CANARY: &str = "key-7f3a-canary";

fn operator(keys: &str) -> Result<(OperatorConfig, Vec<Diagnostic>), Vec<String>> {
    let fixture = Fixture::new(&format!("[operator]\n{keys}"));
    match fixture.load() {
        Ok(config) => Ok((config.operator, config.warnings)),
        Err(found) => Err(told(&found, fixture.folder.path())),
    }
}

#[track_caller]
fn refused(keys: &str, place: &str, words: &str) {
    let found = operator(keys).expect_err(keys);
    assert!(
        found.iter().any(|line| line.contains(&format!("wirewatch.toml {place} ")) && line.contains(words)),
        "{keys}: {found:?}"
    );
}

#[test]
fn its_schedules_are_those_of_digests() {
    let (config, _) = operator(
        "zone = \"Europe/London\"\ndaily = { at = [\"17:00\", \"07:30\"], days = \"mon-fri\" }\n\
         heartbeat = { every = \"6h\" }\ncanary = { cron = \"45 6 * * mon\" }",
    )
    .unwrap();
    assert_eq!(config.zone.iana_name(), Some("Europe/London"));
    let weekdays = Dates::Weekdays(Days([true, true, true, true, true, false, false]));
    assert_eq!((config.daily.at, config.daily.on), (vec![time(7, 30, 0, 0), time(17, 0, 0, 0)], weekdays));
    assert_eq!(config.heartbeat.unwrap().at.len(), 4);
    assert_eq!(config.canary.unwrap().at, [time(6, 45, 0, 0)]);
    refused("daily = \"07:00\"", "2:9", "write daily = { at = [\"07:00\"], days = \"mon-fri\" }");
    refused("daily = { days = \"mon-fri\" }", "2:1", "daily has no `at`");
    refused("heartbeat = { at = [\"8:00\"] }", "2:21", "did you mean \"08:00\"?");
    refused("heartbeat = { at = [] }", "2:20", "`at` is empty");
    refused("canary = { at = [\"08:00\"], zone = \"UTC\" }", "2:28", "one zone is for all of [operator]");
    refused("heartbeet = { at = [\"08:00\"] }", "2:1", "did you mean `heartbeat`?");
    refused("to = [\"ops@example.com\"]", "2:1", "who they are stands in [mail]");
    refused("zone = \"Beijing\"", "2:8", "did you mean \"Asia/Shanghai\"?");
}

#[test]
fn what_has_nobody_to_go_to_is_warned_of() {
    let (_, warnings) = operator("heartbeat = { at = [\"08:00\"] }").unwrap();
    assert!(warnings.iter().any(|found| found.what.contains("nobody to write to")), "{warnings:?}");
    let fixture =
        Fixture::new("[operator]\ncanary = { at = [\"08:00\"] }\n[mail]\noperator = [\"ops@example.com\"]\n");
    let warnings = fixture.load().unwrap().warnings;
    assert!(!warnings.iter().any(|found| found.what.contains("nobody to write to")), "{warnings:?}");
}

#[test]
fn a_later_file_wins_for_each_key() {
    let fixture =
        Fixture::new("[operator]\nheartbeat = { at = [\"08:00\"] }\ncanary = { at = [\"06:00\"] }\n")
            .with("conf.d/a.toml", "[operator]\ncanary = { at = [\"05:00\"] }\n");
    let config = fixture.load().unwrap().operator;
    assert_eq!(config.heartbeat.unwrap().at, [time(8, 0, 0, 0)]);
    assert_eq!(config.canary.unwrap().at, [time(5, 0, 0, 0)]);
}

#[test]
fn a_ping_is_written_or_kept_elsewhere_and_never_in_the_clear() {
    let ping = |keys: &str| operator(keys).unwrap_or_else(|found| panic!("{found:?}")).0.ping.unwrap();
    let usual = ping(&format!("ping = {{ url = \"https://hc.example/{CANARY}\" }}"));
    assert_eq!(usual.every, Duration::from_secs(300));
    assert!(matches!(&usual.url, PingUrl::Written(url) if url.reveal().ends_with(CANARY)));
    assert!(matches!(ping("ping = { url = { env = \"PING\" }, every = \"1m\" }").url, PingUrl::Kept(_)));
    // N and N + 1.
    assert_eq!(ping("ping = { url = { env = \"PING\" }, every = \"1d\" }").every, *PING_EVERY.end());
    refused("ping = { url = { env = \"PING\" }, every = \"59s\" }", "2:42", "out of range");
    refused("ping = { url = { env = \"PING\" }, every = \"1d1s\" }", "2:42", "out of range");
    let long = |n: usize| format!("https://h.example/{}", "a".repeat(n - 18));
    let fetch = FetchConfig::default();
    assert!(check_ping(&long(MAX_PING_BYTES), &fetch).is_ok());
    assert_eq!(check_ping(&long(MAX_PING_BYTES + 1), &fetch), Err("the address of the ping is too long"));
    refused("ping = { every = \"5m\" }", "2:1", "`ping` has no `url`");
    for (bad, words) in [
        ("ftp://h.example/", "begins with neither https:// nor http://"),
        ("https://me:pw@h.example/", "holds a user name or a password"),
        ("http://h.example/", "would travel in the clear"),
        ("nothing", "is not understood"),
    ] {
        refused(&format!("ping = {{ url = \"{bad}{CANARY}\" }}"), "2:1", words);
    }
    let own = format!("ping = {{ url = \"http://10.0.0.5/{CANARY}\" }}\n[fetch]\nallow = [\"10.0.0.0/8\"]");
    assert!(operator(&own).is_ok(), "a host of the operator's own");
}

#[test]
fn the_address_of_the_ping_is_shown_in_no_message() {
    for (before, after) in [
        ("ping = { url = \"http://h.example/", "\" }"),
        ("ping = { url = \"https://h.example/", "\", evry = \"5m\" }"),
        ("ping = { url = \"https://h.example/", "\", every = 5 }"),
        ("pnig = { url = \"https://h.example/", "\" }"),
        ("ping = \"https://h.example/", "\""),
        ("ping = { adress = \"https://h.example/", "\" }"),
        ("ping = { url = \"https://h.example/", "\""),
    ] {
        let fixture = Fixture::new(&format!("[operator]\n{before}{CANARY}{after}\n"));
        let found = fixture.load().expect_err(before);
        assert!(!found.entries.is_empty());
        assert!(!format!("{found} {found:?}").contains(CANARY), "{before}: {found}");
    }
    let fixture = Fixture::new(&format!("[operator]\nping = {{ url = \"https://h.example/{CANARY}\" }}\n"));
    assert!(!format!("{:?}", fixture.load().unwrap().operator).contains(CANARY));
}
