//! Broken configurations: each says where, what and what to do.

use super::*;

/// Loads `text`; the first finding is at `line`:`column`, and its words hold `what` and `remedy`.
#[track_caller]
fn check(text: &str, (line, column): (usize, usize), what: &str, remedy: &str) {
    let fixture = Fixture::new(text);
    let found = fixture.load().expect_err(text);
    let first = found.entries.first().unwrap();
    let at = first.place.position().map(|p| (p.line, p.column));
    let all = told(&found, fixture.folder.path()).join("\n");
    assert_eq!(at, Some((line, column)), "{text}\n{all}");
    assert!(first.what.contains(what), "{text}\nwanted: {what}\n{all}");
    assert!(first.remedy.contains(remedy), "{text}\nwanted: {remedy}\n{all}");
    let shown = first.to_string();
    assert!(shown.contains('^') && shown.contains("help: "), "{shown}");
    assert!(!shown.contains("hunter2"), "{shown}");
}

#[test]
fn syntax_keys_and_types() {
    check("[poll\ninterval = \"15m\"", (1, 6), "this is not TOML", "mend the TOML");
    check("[poll]\ninterval = 15m", (2, 12), "this is not TOML", "in quotes");
    check("[poll]\ninterval = \"1m\"\ninterval = \"2m\"", (3, 1), "duplicate key", "stands above already");
    check(
        "[pol]\ninterval = \"15m\"",
        (1, 2),
        "unknown key `pol` in the configuration",
        "did you mean `poll`?",
    );
    check("feeds = []", (1, 1), "unknown key `feeds`", "did you mean `feed`?");
    check(
        "[poll]\n  intervall = \"15m\"",
        (2, 3),
        "unknown key `intervall` in [poll]",
        "did you mean `interval`?",
    );
    check(
        "[fetch]\ncolour = 1",
        (2, 1),
        "unknown key `colour` in [fetch]",
        "keys known here: user_agent, contact",
    );
    check("[fetch]\ntimeout = \"1m\"", (2, 1), "unknown key `timeout`", "write total_timeout");
    check(
        "[[feed]]\nurl = \"https://a.example/\"\nopml = [\"x\"]",
        (3, 1),
        "unknown key `opml`",
        "top of the file",
    );
    check(
        "[[topic]]\nname = \"a\"\nany = [\"x\"]\nquery = \"x\"",
        (4, 9),
        "a query and lists of what must occur",
        "put any and all into the query",
    );
    check(
        "[[topic]]\nuse = \"builtin:rare-earths\"\nquery = \"x\"",
        (3, 9),
        "has its query already",
        "any = […]",
    );
    check(
        "[[topic]]\nname = \"a\"\nquery = '''\n  tariff AND\n  (关税 OR duty OR) # x\n'''",
        (5, 17),
        "a word, phrase or group is expected before `)`",
        "operator applies to",
    );
    check(
        "[[topic]]\nname = \"a\"\nquery = \"rare earth OR \\u7A00土\"",
        (3, 10),
        "two words without an operator",
        "did you mean \"rare earth\"?",
    );
    check("poll = 5", (1, 8), "`poll` is a whole number, not a table", "interval = \"15m\"");
    check(
        "[feed]\nurl = \"https://a.example/\"",
        (1, 2),
        "`feed` is a table, not a list of tables",
        "[[feed]]",
    );
    check("feed = [\"https://a.example/\"]", (1, 9), "`feed` holds a string, not tables", "[[feed]]");
    check("opml = \"feeds.opml\"", (1, 8), "`opml` is a string, not a list", "opml = [\"feeds.opml\"]");
    check("[lists]\na = \"x\"", (2, 5), "`a` is a string, not a list of strings", "a = [");
    check("[lists]\na = [1]", (2, 6), "`a` holds a whole number", "a = [");
    check("[lists]\n\"A b\" = [\"x\"]", (2, 1), "`A` cannot stand in a name", "lower-case letters");
    check("[lists]\na = [\"x\", \" \"]", (2, 11), "the entry is empty", "remove it");
}

#[test]
fn slips_of_the_pen() {
    check("[mail]\nfrom = “Wire <a@example.com>”", (2, 8), "this is not TOML", "straight quotes");
    check("[poll]\ninterval = ‘15m’", (2, 12), "this is not TOML", "straight quotes");
    check("[poll]\ninterval\u{a0}= \"15m\"", (2, 9), "this is not TOML", "special blank");
    check("[poll]\ninterval: \"15m\"", (2, 9), "this is not TOML", "in place of the colon");
    check("mail:\n  from: a@example.com", (1, 5), "this is not TOML", "in place of the colon");
    check("; a comment\n[poll]", (1, 1), "this is not TOML", "begin a comment with #");
    check("// a comment\n[poll]", (1, 1), "this is not TOML", "begin a comment with #");
    check("<<<<<<< HEAD\n[poll]", (1, 1), "this is not TOML", "merged");
    check("[fetch]\nmax_redirects = True", (2, 17), "this is not TOML", "true or false");
    check("[state]\ndir = \"C:\\wirewatch\"", (2, 11), "this is not TOML", "for a backslash");
    check("[state]\ndir = \"~/wirewatch\"", (2, 7), "`dir` begins with ~", "whole path");
    check("[poll]\n[mail]\n[poll]", (3, 2), "duplicate key", "move its keys there");
    let twice = "[feed]\nurl = \"https://a.example/1\"\n[feed]\nurl = \"https://a.example/2\"";
    check(twice, (3, 2), "duplicate key", "[[feed]], in double brackets");
    check("[[mail]]\nfrom = \"a@example.com\"", (1, 1), "`mail` is a list", "[mail], in single brackets");
    check("[poll]\nopml = [\"feeds.opml\"]", (2, 1), "unknown key `opml`", "top of the file");
    check("[smtp]\nhost = \"a.example\"", (1, 2), "unknown key `smtp`", "[mail]");
}

#[test]
fn one_slip_is_one_finding() {
    let count = |text: &str, want: usize| {
        let found = Fixture::new(text).load().unwrap_err();
        assert_eq!(found.entries.len(), want, "{found}");
    };
    let subscription = |to: &str| {
        format!("[[subscription]]\nto = {to}\ntopics = [\"*\"]\ndeliver = \"alert\"\nmax_per_hour = 2\n")
    };
    count(&subscription("[\"a@example.com\""), 1);
    count(&subscription("[\"a@example.com]"), 1);
    count(&subscription("[\"a@example.com\" \"b@example.com\"]"), 1);
    count("[feed]\nurl = \"https://a.example/1\"\n[feed]\nurl = \"https://a.example/2\"", 1);
    count("mail:\n  from: a@example.com\n  to: b@example.com\n", 1);
    // Behind the next header everything counts again.
    count("[poll]\ninterval = 15m\n[fetch]\nmax_body = 8MiB\n", 2);
    // No list of what is missing besides an entry that is wrong.
    count("[[topic]]\nname = \"x\"\nany = [\"fee(s\"]\n", 1);
}

#[test]
fn zones_are_guessed_only_when_the_guess_is_safe() {
    let zone = |name: &str, remedy: &str| {
        check(&digest(&format!("at = [\"07:30\"]\nzone = \"{name}\"")), (8, 8), "is not known", remedy);
    };
    zone("Europe/Londn", "did you mean \"Europe/London\"?");
    zone("Asia/Beijing", "did you mean \"Asia/Shanghai\"?");
    zone("New York", "did you mean \"America/New_York\"?");
    for unsafe_to_guess in ["GMT+8", "CST", "PST", "+08:00", "UTC+1"] {
        zone(unsafe_to_guess, "use an IANA name");
    }
}

#[test]
fn state_poll_and_fetch() {
    check("[state]\ndir = \"\"", (2, 7), "`dir` is empty", "write a path");
    check("[state]\nkeep = \"12h\"", (2, 8), "`keep` is out of range", "from \"1d\"");
    check("[poll]\ninterval = 15", (2, 12), "not a string with a unit", "\"15m\"");
    check("[poll]\ninterval = \"15\"", (2, 12), "the number 15 has no unit", "\"15m\"");
    check("[poll]\ninterval = \"15 min\"", (2, 12), "` min` is no unit", "\"15m\"");
    check("[poll]\ninterval = \"30s\"", (2, 12), "`interval` (30s) is shorter than", "lower min_interval");
    check("[poll]\ninterval = \"0s\"", (2, 12), "`interval` is out of range", "from \"1s\"");
    check("[poll]\nmin_interval = \"1h\"", (2, 16), "`interval` (15m) is shorter than", "lower min_interval");
    check(
        "[poll]\ninterval = \"2d\"",
        (2, 12),
        "`interval` (2d) is longer than `max_backoff` (1d)",
        "raise max_backoff",
    );
    check(
        "[poll]\nmax_interval = \"10m\"",
        (2, 16),
        "`max_interval` (10m) is shorter than `interval` (15m)",
        "raise max_interval",
    );
    check("[poll]\nbudget = 0", (2, 10), "`budget` is out of range", "from 1 to 100000000");
    check("[poll]\nbudget = 100000001", (2, 10), "`budget` is out of range", "from 1 to 100000000");
    check("[poll]\nconcurrency = 0", (2, 15), "`concurrency` is out of range", "from 1 to 1024");
    check("[poll]\nconcurrency = \"64\"", (2, 15), "`concurrency` is a string", "whole number");
    check("[poll]\nper_host = -1", (2, 12), "`per_host` is out of range", "from 1 to 32");
    check("[poll]\nspacing = \"2m\"", (2, 11), "`spacing` is out of range", "\"1m\"");
    check("[poll]\non_add = \"since\"", (2, 10), "is not understood", "did you mean \"since:24h\"?");
    check("[poll]\non_add = \"last:0\"", (2, 10), "is not understood", "from 1 to 1000");
    check("[poll]\non_add = \"since:1\"", (2, 10), "is not understood", "\"15m\"");
    check("[poll]\non_add = \"everything\"", (2, 10), "is not understood", "\"baseline\"");
    check("[fetch]\nmax_body = \"8mb\"", (2, 12), "`mb` is no unit", "\"8MiB\"");
    check("[fetch]\nmax_body = \"1GiB\"", (2, 12), "`max_body` is out of range", "\"256MiB\"");
    check("[fetch]\nmax_redirects = 21", (2, 17), "`max_redirects` is out of range", "0 to 20");
    check("[fetch]\ntotal_timeout = \"0s\"", (2, 17), "`total_timeout` is out of range", "from \"1s\"");
    check("[fetch]\ncontact = \"a\\nb\"", (2, 11), "`contact` cannot be sent as a header", "plain ASCII");
    check(
        "[fetch]\nallow = [\"10.0.0.0/8\", \"*.example.com\"]",
        (2, 24),
        "neither an address",
        "\"10.0.0.0/8\"",
    );
    check("[fetch]\nallow = [\"http://intranet\"]", (2, 10), "neither an address", "host name");
    check("[fetch]\nallow = [\"host:99999\"]", (2, 10), "neither an address", "with a port");
}

#[test]
fn mail() {
    check("[mail]\nfrom = \"Wirewatch\"", (2, 8), "form name@host", "Wirewatch <wirewatch@example.com>");
    check("[mail]\nfrom = \"W\\u0007 <a@b.example>\"", (2, 8), "special ones", "write a name");
    check("[mail]\noperator = [\"ops\"]", (2, 13), "this address cannot be used", "desk@example.com");
    check(
        "[mail]\ntransport = \"sntp\"",
        (2, 13),
        "`transport` = \"sntp\" is not known",
        "did you mean \"smtp\"?",
    );
    check("[mail]\ntransport = \"smtp\"", (2, 13), "needs a server", "add smtp = { url");
    check("[mail]\nsmtp = \"smtps://h\"", (2, 8), "`smtp` is a string, not a table", "{ url = ");
    check("[mail]\nsmtp = { }", (2, 1), "smtp has no `url`", "add url");
    check("[mail]\nsmtp = { url = \"imap://h\" }", (2, 16), "neither smtps:// nor smtp://", "smtps://");
    check("[mail]\nsmtp = { url = \"smtps://h/x\" }", (2, 16), "more than a host", "smtps://");
    check("[mail]\nsmtp = { url = \"smtps://me@h\" }", (2, 16), "a user and no password", "credential");
    check(
        "[mail]\nsmtp = { url = \"smtps://h\", user = \"me\" }",
        (2, 36),
        "a user and no password",
        "credential",
    );
    check(
        "[mail]\nsmtp = { url = \"smtps://h\", starttls = \"none\" }",
        (2, 40),
        "no place here",
        "remove starttls",
    );
    check(
        "[mail]\nsmtp = { url = \"smtp://me@h\", starttls = \"none\", password = { env = \"P\" } }",
        (2, 42),
        "unencrypted",
        "starttls = \"required\"",
    );
    check(
        "[mail]\nsmtp = { url = \"smtps://me@h\", user = \"me\", password = { env = \"P\" } }",
        (2, 39),
        "in `url` and in `user`",
        "one of them",
    );
    check(
        "[mail]\nsmtp = { url = \"smtps://h\", password = { env = \"P\" } }",
        (2, 48),
        "no user",
        "add user",
    );
}

#[test]
fn secrets_in_the_configuration() {
    let moved = "move it out of the configuration";
    check(
        "[mail]\nsmtp = { url = \"smtps://me@h\", password = \"hunter2\" }",
        (2, 32),
        "stands in the configuration",
        moved,
    );
    check(
        "[mail]\nsmtp = { url = \"smtps://me:hunter2@h\" }",
        (2, 16),
        "holds a password",
        "take it out of the URL",
    );
    let misspelt = "[mail]\nsmtp = { url = \"smtps://h\", pasword = \"hunter2\" }";
    check(misspelt, (2, 29), "unknown key `pasword`", "did you mean `password`?");
    check("[mail]\npassword = \"hunter2\"", (2, 1), "unknown key `password`", "smtp = {");
    check(
        "[mail]\nsmtp = { url = \"smtps://me@h\", password = { env = \"P\", file = \"/f\" } }",
        (2, 32),
        "needs one place",
        "{ credential = ",
    );
    check(
        "[mail]\nsmtp = { url = \"smtps://me@h\", password = { value = \"hunter2\" } }",
        (2, 45),
        "unknown key `value` in password",
        "credential, file, env",
    );
    check(
        "[mail]\nsmtp = { url = \"smtps://me@h\", password = { credential = \"../x\" } }",
        (2, 58),
        "no name of a credential",
        "without a path",
    );
    check("[mail]\nsmtp = { password = \"hunter2\", url = }", (2, 38), "this is not TOML", "mend");
    check(
        "[mail.smtp]\npassword = \"hunter2\nurl = \"x\"",
        (2, 20),
        "this is not TOML",
        "end the text with \"",
    );
    check(
        "[[feed]]\nurl = \"https://me:hunter2@a.example/\"",
        (2, 7),
        "a user name or a password",
        "before the @",
    );
}

#[test]
fn topics() {
    check("[[topic]]\n", (1, 1), "neither `name` nor `use`", "add name = \"port-fees\"");
    check(
        "[[topic]]\nname = \"Port fees\"\nany = [\"x\"]",
        (2, 8),
        "`P` cannot stand in a name",
        "lower-case",
    );
    check("[[topic]]\nname = \"a\"", (2, 8), "says nothing that should occur", "add any");
    check("[[topic]]\nname = \"a\"\nnone = [\"x\"]", (2, 8), "says nothing that should occur", "add any");
    check("[[topic]]\nname = \"a\"\nany = [\"x\", 5]", (3, 13), "`any` holds a whole number", "any = [");
    check(
        "[[topic]]\nuse = \"builtin:rare-earth\"",
        (2, 7),
        "there is no topic",
        "did you mean \"builtin:rare-earths\"?",
    );
    check(
        "[[topic]]\nuse = \"rare-earths\"",
        (2, 7),
        "there is no topic",
        "did you mean \"builtin:rare-earths\"?",
    );
    check(
        "[[topic]]\nuse = \"builtin:weather\"",
        (2, 7),
        "there is no topic",
        "built-in topics: \"builtin:us-china-trade\"",
    );
    check(
        "[[topic]]\nuse = \"builtin:rare-earths\"\nname = \"x\"",
        (3, 8),
        "cannot be renamed",
        "remove name",
    );
    check("[[topic]]\nuse = \"builtin:rare-earths\"\ntitle = \"\"", (3, 9), "`title` is empty", "one line");
    check(
        "[[topic]]\nuse = \"builtin:rare-earths\"\n[[topic]]\nname = \"rare-earths\"\nany = [\"x\"]",
        (4, 8),
        "declared twice; first at /",
        "rename or remove",
    );
}

#[test]
fn feeds() {
    check("[[feed]]\ntitle = \"x\"", (1, 1), "[[feed]] has no `url`", "add url");
    check("[[feed]]\nurl = \"a.example/feed\"", (2, 7), "this is no URL", "beginning with https://");
    check("[[feed]]\nurl = \"ftp://a.example/feed\"", (2, 7), "not ftp", "https://");
    check("[[feed]]\nurl = \"https://\"", (2, 7), "this is no URL", "copy the address");
    check(
        "[[feed]]\nurl = \"https://a.example/\"\ninterval = \"20s\"",
        (3, 12),
        "shorter than `min_interval`",
        "raise it",
    );
    check(
        "[[feed]]\nurl = \"https://a.example/x\"\n[[feed]]\nurl = \"https://A.example/x#top\"",
        (4, 7),
        "configured twice; first at /",
        "remove one",
    );
    check("opml = [\"none.opml\"]", (1, 9), "cannot read", "relative path");
}

/// A subscription with these keys, and a topic that it may name.
fn with(keys: &str) -> String {
    format!("[[topic]]\nuse = \"builtin:rare-earths\"\n[[subscription]]\n{keys}")
}

fn alert(keys: &str) -> String {
    with(&format!("to = [\"a@b.example\"]\ntopics = [\"*\"]\ndeliver = \"alert\"\n{keys}"))
}

fn digest(keys: &str) -> String {
    with(&format!("to = [\"a@b.example\"]\ntopics = [\"*\"]\ndeliver = \"digest\"\n{keys}"))
}

#[test]
fn who_gets_what() {
    check(&with("topics = [\"*\"]\ndeliver = \"alert\""), (3, 1), "no `to`", "add to = [");
    check(&with("to = []\ntopics = [\"*\"]\ndeliver = \"alert\""), (4, 6), "`to` is empty", "write to = [");
    check(
        &with("to = [\"a b@c\"]\ntopics = [\"*\"]\ndeliver = \"alert\""),
        (4, 7),
        "` ` cannot stand",
        "one plain address",
    );
    check(&with("to = [\"a@b\"]\ndeliver = \"alert\""), (3, 1), "no `topics`", "add topics = [");
    check(
        &with("to = [\"a@b\"]\ntopics = [\"rare-earth\"]\ndeliver = \"alert\""),
        (5, 11),
        "there is no topic",
        "did you mean \"rare-earths\"?",
    );
    check(
        &with("to = [\"a@b\"]\ntopics = [\"x\", \"*\"]\ndeliver = \"alert\""),
        (5, 16),
        "\"*\" is every topic",
        "topics = [\"*\"]",
    );
    check(&with("to = [\"a@b\"]\ntopics = [\"*\"]"), (3, 1), "no `deliver`", "deliver = \"digest\"");
    check(
        &with("to = [\"a@b\"]\ntopics = [\"*\"]\ndeliver = \"alerts\""),
        (6, 11),
        "\"alerts\" is not known",
        "did you mean \"alert\"?",
    );
    check(
        &with("to = [\"a@b\"]\ntopics = [\"*\"]\ndeliver = \"fax\""),
        (6, 11),
        "\"fax\" is not known",
        "\"alert\" or \"digest\"",
    );
}

#[test]
fn alerts() {
    check(&alert("at = [\"07:30\"]"), (7, 1), "`at` belongs to deliver = \"digest\"", "remove at");
    check(&alert("when_empty = \"skip\""), (7, 1), "`when_empty` belongs to", "remove when_empty");
    check(&alert("max_per_hour = 0"), (7, 16), "`max_per_hour` is out of range", "from 1 to 1000");
    check(&alert("name = \"Desk\""), (7, 8), "`D` cannot stand in a name", "lower-case");
    check(
        &alert("zone = \"Europe/Londn\""),
        (7, 8),
        "\"Europe/Londn\" is not known",
        "did you mean \"Europe/London\"?",
    );
    check(
        &alert("zone = \"shanghai\""),
        (7, 8),
        "\"shanghai\" is not known",
        "did you mean \"Asia/Shanghai\"?",
    );
    check(&alert("zone = \"Mars\""), (7, 8), "is not known", "IANA name");
    check(&alert("quiet = { from = \"22:00\" }"), (7, 1), "`quiet` has no `to`", "quiet = { from");
    check(
        &alert("quiet = { from = \"22:00\", to = \"22:00\" }"),
        (7, 1),
        "begins and ends",
        "two different times",
    );
    check(
        &alert("quiet = { from = \"22\", to = \"07:00\" }"),
        (7, 18),
        "\"22\" is no time of day",
        "\"00:00\"",
    );
}

#[test]
fn digests() {
    check(
        &digest("at = [\"07:30\"]\nmax_per_hour = 6"),
        (8, 1),
        "`max_per_hour` belongs to deliver = \"alert\"",
        "remove",
    );
    check(&digest(""), (3, 1), "no `at`", "add at = [\"07:30\"]");
    check(&digest("at = []"), (7, 6), "`at` is empty", "write at = [");
    check(&digest("at = [\"24:00\"]"), (7, 7), "\"24:00\" is no time of day", "\"23:59\"");
    check(&digest("at = [\"7:30\"]"), (7, 7), "\"7:30\" is no time of day", "did you mean \"07:30\"?");
    check(&digest("at = [07:30:00]"), (7, 7), "a date or time without quotes", "at = [\"07:30\"]");
    check(
        &digest("at = [\"07:30\"]\ndays = \"mon,tus\""),
        (8, 13),
        "the day \"tus\" is not understood",
        "did you mean \"tue\"?",
    );
}

#[test]
fn names_of_subscriptions() {
    let twice = format!(
        "{}\n[[subscription]]\nname = \"d\"\nto = [\"b@c\"]\ntopics = [\"*\"]\ndeliver = \"alert\"",
        alert("name = \"d\"")
    );
    check(&twice, (9, 8), "`d` is declared twice; first at /", "rename");
    let same = "[[subscription]]\nto = [\"a@b.example\"]\ntopics = [\"*\"]\ndeliver = \"alert\"\n";
    check(&format!("{same}{same}"), (5, 1), "has the recipients, topics and delivery of another", "name = ");
}

#[test]
fn files_that_cannot_be_read() {
    let check = |fixture: Fixture, want: &str| {
        let found = fixture.load().expect_err(want);
        assert_eq!(told(&found, fixture.folder.path()), [want]);
        assert!(found.to_string().contains("1 error, 0 warnings"), "{found}");
    };
    let missing = Fixture { folder: tempfile::tempdir().unwrap(), environment: Environment::of([]) };
    check(
        missing.with("conf.d/a.toml", "[[feed]]"),
        "wirewatch.toml cannot read the configuration: No such file or directory (os error 2) | \
         copy the example wirewatch.toml there and edit it, or name another file with --config",
    );
    check(
        Fixture::new("").with("wirewatch.toml", b"# a\n# \xff"),
        "wirewatch.toml 2:3 the file is not UTF-8 text | save it in UTF-8",
    );
    let drop_in = Fixture::new("");
    std::fs::create_dir_all(drop_in.path("conf.d/a.toml")).unwrap();
    check(drop_in, "conf.d/a.toml cannot read the configuration: it is a directory | repair or remove it");
    check(
        Fixture::new("").with("conf.d", "x"),
        "conf.d cannot list the drop-ins: Not a directory (os error 20) | let the daemon's user list and read it",
    );
}

#[test]
fn all_errors_of_a_load_are_told_in_order_of_the_files() {
    let fixture = Fixture::new("[poll]\ncolour = 1\nper_host = 0\n[[feed]]\n[[topic]]\nname = \"A\"\n")
        .with("conf.d/10.toml", "[poll\n")
        .with("conf.d/20.toml", "[[feed]]\nurl = \"x\"\ninterval = \"x\"\n");
    let found = fixture.load().unwrap_err();
    let told: Vec<String> = told(&found, fixture.folder.path())
        .iter()
        .map(|line| line.split(" | ").next().unwrap_or("").chars().take(48).collect())
        .collect();
    assert_eq!(
        told,
        [
            "wirewatch.toml 2:1 unknown key `colour` in [poll",
            "wirewatch.toml 3:12 `per_host` is out of range",
            "wirewatch.toml 4:1 [[feed]] has no `url`",
            "wirewatch.toml 6:8 `A` cannot stand in a name",
            "conf.d/10.toml 1:6 this is not TOML: unclosed ta",
            "conf.d/20.toml 2:7 this is no URL: https:// is m",
            "conf.d/20.toml 3:12 `interval` = \"x\" is not unde",
        ]
    );
}
