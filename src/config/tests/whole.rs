//! Configurations that are taken: the example, defaults, drop-ins, OPML, secrets, places.

use std::{os::unix::fs::PermissionsExt, time::Duration};

use jiff::civil::time;

use super::*;
use crate::{
    config::*,
    model::{Dates, Days, Delivery, OnAdd, TopicSelector, WhenEmpty},
};

fn loaded(fixture: &Fixture) -> Config {
    fixture.load().unwrap_or_else(|found| panic!("{found}"))
}

#[test]
fn a_mail_server_that_gets_no_mail_is_warned_of() {
    let warned = |transport: &str| {
        let text = format!("[mail]\n{transport}\nsmtp = {{ url = \"smtps://h\" }}");
        let config = loaded(&Fixture::new(&text));
        config.warnings.iter().any(|warning| warning.remedy.contains("transport = \"smtp\""))
    };
    assert!(warned(""));
    assert!(warned("transport = \"maildir\""));
    assert!(!warned("transport = \"smtp\""));
}

#[test]
fn the_example_says_the_defaults() {
    let config = loaded(&Fixture::new(example()).env([("STATE_DIRECTORY", "/elsewhere")]));
    assert_eq!(config.state, StateConfig::default());
    assert_eq!(config.poll, PollConfig::default());
    assert_eq!(config.fetch, FetchConfig::default());
    let of_nothing = loaded(&Fixture::new(""));
    assert_eq!(config.mail.from, of_nothing.mail.from);
    assert_eq!(config.mail.operator, of_nothing.mail.operator);
    let (shown, of_nothing) = (&config.operator, &of_nothing.operator);
    assert_eq!((&shown.zone, &shown.daily), (&of_nothing.zone, &of_nothing.daily));
    assert!(shown.heartbeat.is_none() && shown.canary.is_none() && shown.ping.is_none());
    assert!(
        matches!(&config.mail.transport, TransportConfig::Maildir(dir) if dir.ends_with("wirewatch/maildir"))
    );
    assert_eq!(config.warnings.iter().map(Diagnostic::one_line).collect::<Vec<_>>(), [""; 0]);
}

#[test]
fn the_example_shows_every_key_and_what_it_promises() {
    let says =
        |key: &str| example().lines().any(|l| l.trim_start_matches("# ").starts_with(&format!("{key} = ")));
    for schema in [
        &sections::STATE,
        &sections::POLL,
        &sections::FETCH,
        &mail::MAIL,
        &operator::OPERATOR,
        &topics::TOPIC,
        &feeds::FEED,
        &subscriptions::SUBSCRIPTION,
    ] {
        for key in schema.keys {
            assert!(says(key), "{key} of {} is missing in the example", schema.name);
        }
    }
    let config = loaded(&Fixture::new(example()));
    let names: Vec<&str> = config.topics.iter().map(|t| t.name.as_str()).collect();
    assert_eq!(names, ["us-china-trade", "rare-earths", "leader-calls", "port-fees"]);
    assert!(config.feeds.len() >= 25, "{}", config.feeds.len());
    let kinds: Vec<bool> =
        config.subscriptions.iter().map(|s| matches!(s.delivery, Delivery::Digest(_))).collect();
    assert_eq!(kinds, [false, true]);
    assert!(config.feeds.iter().all(|feed| feed.title.is_some()));
}

/// Uncomments the values shown for keys without a default: they are taken too.
#[test]
fn the_values_shown_in_comments_are_good_ones() {
    let shown = [
        "user_agent",
        "contact",
        "maildir",
        "commands_to",
        "heartbeat",
        "canary",
        "ping",
        "quiet",
        "break_through",
        "max_per_hour",
        "escalate",
        "all",
    ];
    let text: String = example()
        .lines()
        .map(|line| match line.strip_prefix("# ") {
            Some(rest) if shown.iter().any(|key| rest.starts_with(&format!("{key} = "))) => {
                format!("{rest}\n")
            }
            _ => format!("{line}\n"),
        })
        .collect();
    let config = loaded(&Fixture::new(&text));
    assert_eq!(config.fetch.user_agent_header(), "wirewatch/0.1.0 (+https://example.com/about-our-bot)");
    let Delivery::Alert(alert) = &config.subscriptions[0].delivery else { panic!("an alert comes first") };
    assert_eq!(alert.max_per_hour, Some(6));
    assert_eq!(alert.quiet.as_ref().map(|q| (q.from, q.to)), Some((time(22, 0, 0, 0), time(7, 0, 0, 0))));
    for line in example().lines().filter_map(|l| l.strip_prefix("# smtp = ")) {
        let config = loaded(&Fixture::new(&format!("[mail]\ntransport = \"smtp\"\nsmtp = {line}")));
        assert!(matches!(config.mail.transport, TransportConfig::Smtp(_)));
    }
}

#[test]
fn an_empty_configuration_loads_with_a_warning_for_each_thing_that_is_missing() {
    let config = loaded(&Fixture::new(""));
    let warned: Vec<&str> = config.warnings.iter().map(|w| w.what.split(" is ").next().unwrap()).collect();
    assert_eq!(warned, ["no feed", "no topic", "no subscription"]);
    assert!(config.warnings.iter().all(|w| w.severity == Severity::Warning && !w.remedy.is_empty()));
}

#[test]
fn the_state_directory_comes_from_the_file_then_from_systemd_then_from_the_default() {
    let check = |main: &str, variable: &str, want: &str| {
        let fixture = Fixture::new(main).env([("STATE_DIRECTORY", variable)]);
        let dir = loaded(&fixture).state.dir;
        assert_eq!(
            dir.strip_prefix(fixture.folder.path()).unwrap_or(&dir),
            Path::new(want),
            "{main} {variable}"
        );
    };
    check("", "", "/var/lib/wirewatch");
    check("", "/run/a", "/run/a");
    check("", "/run/a:/run/b", "/run/a");
    check("", "relative", "/var/lib/wirewatch");
    check("[state]\ndir = \"/srv/w\"", "/run/a", "/srv/w");
    check("[state]\ndir = \"state\"", "/run/a", "state");
}

#[test]
fn drop_ins_apply_in_order_of_their_names() {
    let fixture = Fixture::new(
        "[poll]\ninterval = \"10m\"\nper_host = 3\n[lists]\na = [\"x\"]\nb = [\"y\"]\n\
         [[topic]]\nname = \"one\"\nany = [\"x\"]\n[[feed]]\nurl = \"https://a.example/1\"\n",
    )
    .with("conf.d/20-b.toml", "[poll]\ninterval = \"30m\"\n[[topic]]\nname = \"three\"\nany = [\"z\"]\n")
    .with(
        "conf.d/10-a.toml",
        "[poll]\ninterval = \"20m\"\nconcurrency = 8\n[lists]\na = [\"z\"]\n[[topic]]\nname = \"two\"\nany = [\"y\"]\n\
         [[subscription]]\nto = [\"a@b\"]\ntopics = [\"three\"]\ndeliver = \"alert\"\n\
         [[feed]]\nurl = \"https://a.example/2\"\n",
    )
    .with("conf.d/.hidden.toml", "nonsense")
    .with("conf.d/10-a.toml~", "nonsense")
    .with("conf.d/README", "nonsense");
    let config = loaded(&fixture);
    assert_eq!(config.poll.interval, Duration::from_secs(30 * 60));
    assert_eq!((config.poll.concurrency, config.poll.per_host), (8, 3));
    assert_eq!(config.topics.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["one", "two", "three"]);
    let lists: Vec<(&str, &str)> =
        config.lists.iter().map(|(k, v)| (k.as_str(), v[0].value.as_str())).collect();
    assert_eq!(lists, [("a", "z"), ("b", "y")]);
    assert_eq!(config.feeds.iter().map(|f| f.url.path()).collect::<Vec<_>>(), ["/1", "/2"]);
    assert_eq!(config.feeds[0].interval, Duration::from_secs(30 * 60));
    assert_eq!(config.subscriptions.len(), 1);
    let twice = fixture.with("conf.d/30.toml", "[[topic]]\nname = \"one\"\nany = [\"x\"]\n");
    let found = twice.load().unwrap_err();
    assert_eq!(
        told(&found, twice.folder.path()),
        [
            "conf.d/30.toml 2:8 the topic `one` is declared twice; first at wirewatch.toml:8:8 | rename or remove one of the two"
        ]
    );
}

#[test]
fn feeds_of_opml_files_join_those_configured() {
    let fixture = Fixture::new("[poll]\non_add = \"baseline\"\n[[feed]]\nurl = \"https://a.example/1\"\ntitle = \"Mine\"\non_add = \"last:3\"\ninterval = \"5m\"")
        .with("conf.d/a.toml", "opml = [\"lists/reader\"]")
        .with("conf.d/lists/reader", "https://a.example/1 Theirs\nhttps://a.example/2#x Two\nhttps://a.example/2\n!an entry without an address");
    let config = loaded(&fixture);
    let feeds: Vec<_> = config.feeds.iter().map(|f| (f.url.as_str(), f.title.as_deref(), f.on_add)).collect();
    assert_eq!(
        feeds,
        [
            ("https://a.example/1", Some("Mine"), OnAdd::Last(3)),
            ("https://a.example/2", Some("Two"), OnAdd::Baseline),
        ]
    );
    assert_eq!(config.feeds[0].interval, Duration::from_secs(300));
    assert!(
        config.warnings.last().unwrap().what.ends_with("lists/reader: an entry without an address"),
        "{:?}",
        config.warnings
    );
    let check = |content: &[u8], want: &str| {
        let fixture = Fixture::new("opml = [\"f\"]").with("f", content);
        let found = fixture.load().unwrap_err();
        assert!(found.entries[0].what.contains(want), "{found}");
        assert!(!found.to_string().contains("hunter2"), "{found}");
    };
    check(b"\xff", "is no OPML file: not text");
    check(
        b"https://me:hunter2@a.example/",
        "f: a feed of a.example: the URL holds a user name or a password",
    );
    check(b"ftp://a.example/", "not ftp");
}

#[test]
fn a_digest_and_its_defaults() {
    let start = "[[subscription]]\nto = [\"a@b\", \"A@b\"]\ntopics = [\"*\"]\ndeliver = \"digest\"\n";
    let config = loaded(&Fixture::new(&format!("{start}at = [\"17:00\", \"07:30\", \"17:00\"]")));
    let subscription = &config.subscriptions[0];
    let Delivery::Digest(digest) = &subscription.delivery else { panic!("a digest") };
    assert_eq!(digest.at, [time(7, 30, 0, 0), time(17, 0, 0, 0)]);
    assert_eq!((digest.on, digest.when_empty), (Dates::Weekdays(Days::ALL), WhenEmpty::Send));
    assert_eq!(subscription.topics, TopicSelector::All);
    assert_eq!(subscription.zone.iana_name(), Some("UTC"));
    assert_eq!(subscription.to.len(), 1);
    assert_eq!(config.warnings.last().unwrap().what, "A***@b is named twice");
}

#[test]
fn quiet_hours_are_in_the_readers_zone_unless_they_name_one() {
    let check = |keys: &str, want: &str| {
        let start = "[[subscription]]\nto = [\"a@b\"]\ntopics = [\"*\"]\ndeliver = \"alert\"\n";
        let config = loaded(&Fixture::new(&format!("{start}{keys}")));
        let Delivery::Alert(alert) = &config.subscriptions[0].delivery else { panic!("an alert") };
        assert_eq!(alert.quiet.as_ref().unwrap().zone.iana_name(), Some(want), "{keys}");
    };
    let times = "from = \"22:00\", to = \"07:00\"";
    check(&format!("quiet = {{ {times} }}"), "UTC");
    check(&format!("zone = \"Asia/Shanghai\"\nquiet = {{ {times} }}"), "Asia/Shanghai");
    check(
        &format!("zone = \"Asia/Shanghai\"\nquiet = {{ {times}, zone = \"Europe/London\" }}"),
        "Europe/London",
    );
}

#[test]
fn derived_names_are_pinned_and_do_not_depend_on_order() {
    let name = |to: &str, topics: &str, rest: &str| {
        let declared =
            "[[topic]]\nuse = \"builtin:rare-earths\"\n[[topic]]\nuse = \"builtin:leader-calls\"\n";
        let text = format!("{declared}[[subscription]]\nto = {to}\ntopics = {topics}\n{rest}");
        loaded(&Fixture::new(&text)).subscriptions[0].name.as_str().to_owned()
    };
    let first = name("[\"a@b\", \"c@d\"]", "[\"rare-earths\", \"leader-calls\"]", "deliver = \"alert\"");
    assert_eq!(
        first,
        name(
            "[\"c@d\", \"a@b\"]",
            "[\"leader-calls\", \"rare-earths\"]",
            "deliver = \"alert\"\nmax_per_hour = 3"
        )
    );
    assert_eq!(first, PINNED_NAME);
    assert_ne!(first, name("[\"a@b\"]", "[\"rare-earths\", \"leader-calls\"]", "deliver = \"alert\""));
    assert_ne!(first, name("[\"a@b\", \"c@d\"]", "[\"*\"]", "deliver = \"alert\""));
}

/// Stored with every sent mail: a change of it would send digests anew.
const PINNED_NAME: &str = "alert-cee49b0c";

#[test]
fn addresses_that_may_be_visited() {
    let check = |entry: &str, want: &str, port: Option<u16>| {
        let config = loaded(&Fixture::new(&format!("[fetch]\nallow = [\"{entry}\"]")));
        let shown = match &config.fetch.allow[0].host {
            AllowedHost::Network(network) => network.to_string(),
            AllowedHost::Name(name) => name.clone(),
        };
        assert_eq!((shown.as_str(), config.fetch.allow[0].port), (want, port), "{entry}");
    };
    check("127.0.0.1", "127.0.0.1/32", None);
    check("10.1.2.3/8", "10.0.0.0/8", None);
    check("fd00::/8", "fd00::/8", None);
    check("::1", "::1/128", None);
    check("[::1]:8080", "::1/128", Some(8080));
    check("127.0.0.1:80", "127.0.0.1/32", Some(80));
    check("Intranet.Example.com", "intranet.example.com", None);
    check("localhost:8080", "localhost", Some(8080));
}

#[test]
fn mail_servers_and_their_ports() {
    let check = |smtp: &str, want: (&str, u16, SmtpEncryption)| {
        let config = loaded(&Fixture::new(&format!("[mail]\ntransport = \"smtp\"\nsmtp = {{ {smtp} }}")));
        let TransportConfig::Smtp(smtp) = config.mail.transport else { panic!("smtp") };
        assert_eq!((smtp.host.as_str(), smtp.port, smtp.encryption), want);
    };
    check("url = \"smtps://Mail.example.com\"", ("mail.example.com", 465, SmtpEncryption::Tls));
    check("url = \"smtps://a.example\", ca = \"ca.pem\"", ("a.example", 465, SmtpEncryption::Tls));
    check("url = \"smtp://mail.example.com\"", ("mail.example.com", 587, SmtpEncryption::StartTlsRequired));
    check("url = \"smtp://[::1]:25\", starttls = \"none\"", ("::1", 25, SmtpEncryption::Plain));
    check(
        "url = \"smtp://me@localhost:25\", starttls = \"opportunistic\", password = { env = \"P\" }",
        ("localhost", 25, SmtpEncryption::StartTlsOpportunistic),
    );
}

#[test]
fn the_password_is_read_when_asked_for_and_shown_nowhere() {
    let canary = "hunter2-canary";
    let text = "[mail]\ntransport = \"smtp\"\nsmtp = { url = \"smtps://h\", user = \"me\", password = { file = \"pw\" } }";
    let fixture = Fixture::new(text).with("pw", format!("{canary}\n"));
    let config = loaded(&fixture);
    let TransportConfig::Smtp(SmtpConfig { login: Some(login), .. }) = &config.mail.transport else {
        panic!("login")
    };
    assert_eq!(login.password.origin, SecretOrigin::File(fixture.path("pw")));
    let mode =
        |mode| std::fs::set_permissions(fixture.path("pw"), std::fs::Permissions::from_mode(mode)).unwrap();
    mode(0o644);
    let error = login.password.read(&Environment::of([])).err();
    let open_to_all = error.unwrap().to_string();
    mode(0o600);
    let secret = login.password.read(&Environment::of([])).unwrap();
    assert_eq!(secret.reveal(), canary);
    assert!(open_to_all.contains("wirewatch.toml:3:62"), "{open_to_all}");
    for shown in [open_to_all, format!("{config:?}"), format!("{login:?} {secret:?}")] {
        assert!(!shown.contains(canary), "{shown}");
    }
}

#[test]
fn an_error_in_an_entry_is_located_in_the_file() {
    let fixture = Fixture::new(
        "[lists]\nmetals = [\"a\", \"gal*lium\"]\n[[topic]]\nname = \"t\"\nany = [\n  'x',\n  \"\\u7A00土(\",\n]\n\
         none = [\"@metal\"]\n[[topic]]\nname = \"u\"\nany = [\"@metals\"]\n",
    );
    let findings = fixture.load().unwrap_err();
    let at: Vec<_> = findings
        .of(Severity::Error)
        .filter_map(|finding| finding.place.position())
        .map(|position| (position.line, position.column))
        .collect();
    assert_eq!(at, [(2, 17), (7, 11)], "each fault once, the list's too: {findings}");
    assert!(findings.to_string().contains("metals = [\"a\", \"gal*lium\"]"), "{findings}");
}

/// Faults everywhere, secrets beside each: none of them is shown.
#[test]
fn no_finding_shows_a_secret() {
    let canary = "hunter2";
    let secrets = [
        format!("smtp = {{ url = \"smtps://me:{canary}@h\", password = \"{canary}\", x = 1 }}"),
        format!("smtp = {{ url = \"smtp:// me:{canary}@h\", pasword = '{canary}' }} # {canary}"),
        format!("smtp.password = \"\"\"\n{canary}\"\"\""),
        format!("smtp.password = \"\"\"\n{canary}\\q\"\"\""),
        format!("smtp = {{ password = {{ literal = \"{canary}\", y = {canary} }} }}"),
        format!("smtp.password = \"{canary}"),
        format!("smtp.password = {canary}"),
        format!("password = [\"{canary}\", 5]"),
        format!("token = \"{canary}\"\nsecret = '{canary}'\nPASSWORT = \"{canary}\""),
        format!("smtp.url = \"smtps://me:{canary}@h/\"\nsmtp.user = 5"),
        format!(
            "[[feed]]\nurl = \"https://{canary}:{canary}@a.example/\"\n[[feed]]\nurl = \"https://:{canary}@[\""
        ),
    ];
    for secret in secrets {
        let fixture = Fixture::new(&format!("[mail]\n{secret}\n"));
        let found = fixture.load().expect_err(&secret);
        let lines: Vec<String> = found.entries.iter().map(Diagnostic::one_line).collect();
        for shown in [found.to_string(), format!("{found:?}"), lines.join("\n")] {
            assert!(!shown.contains(canary), "{secret}\n{shown}");
        }
    }
}

/// A file changed anywhere but in its password is refused for it, without a panic, and the password is not shown.
#[test]
fn damaged_files_are_refused_and_show_no_secret() {
    let canary = "hunter2";
    let smtp = format!("smtp = {{ url = \"smtps://me@h\", password = \"{canary}\" }}");
    let whole = example().replace("transport = \"maildir\"", &format!("transport = \"maildir\"\n{smtp}"));
    let settings: Vec<char> = whole.split("# Feeds\n").next().unwrap().chars().collect();
    let noise: Vec<char> = "[]{}\"'=,.\\\n\r\t稀\u{0}5-".chars().collect();
    let mut seed = 1_u32;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        usize::try_from(seed >> 8).unwrap() % below
    };
    for _ in 0..500 {
        let mut text = settings.clone();
        let at = next(text.len());
        match next(3) {
            0 => text.insert(at, noise[next(noise.len())]),
            1 => text[at] = noise[next(noise.len())],
            _ => text.extend_from_within(at..(at + next(200)).min(settings.len())),
        }
        let text: String = text.into_iter().collect();
        let found = Fixture::new(&text).load().expect_err(&text);
        assert!(found.of(Severity::Error).count() > 0);
        let shown = format!("{found} {found:?}");
        let broken: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("smtp =")).take(4).collect();
        assert!(!text.contains(canary) || !shown.contains(canary), "{broken:#?}\n{shown}");
    }
}
