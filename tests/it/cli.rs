//! The commands as users type them.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::harness::farm::{Farm, Page};

fn wirewatch(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wirewatch"));
    command.args(args).env_remove("NOTIFY_SOCKET").env_remove("JOURNAL_STREAM").env_remove("STATE_DIRECTORY");
    command
}

pub fn run(args: &[&str]) -> Output {
    wirewatch(args).stdin(Stdio::null()).output().unwrap()
}

pub fn run_with_input(args: &[&str], input: &str) -> Output {
    let mut child =
        wirewatch(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

pub fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

pub fn json_lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A configuration with one feed of the farm, in a folder of its own.
pub fn home(farm: &Farm, more: &str) -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wirewatch.toml");
    let text = format!(
        "[state]\ndir = \"state\"\n[fetch]\nallow = [\"127.0.0.1\"]\n[poll]\non_add = \"last:100\"\n\
         [[topic]]\nuse = \"builtin:rare-earths\"\n[[feed]]\nurl = \"{}\"\n\
         [[subscription]]\nname = \"desk\"\nto = [\"desk@example.com\"]\ntopics = [\"*\"]\ndeliver = \"alert\"\n{more}",
        farm.url("/feed")
    );
    fs::write(&path, text).unwrap();
    (dir, path.display().to_string())
}

pub fn feed() -> Page {
    let item = |n: u32, title: &str| {
        format!(
            "<item><guid>g{n}</guid><title>{title}</title><link>https://news.example/{n}</link><author>A. Writer</author>\
             <description>&lt;p&gt;Text &lt;b&gt;{n}&lt;/b&gt;&lt;/p&gt;</description>\
             <pubDate>Thu, 05 Jun 2025 10:00:00 GMT</pubDate></item>"
        )
    };
    Page::rss(&[item(1, "Rare earth magnets are scarce"), item(2, "Rain is expected")])
}

#[test]
fn the_demo_shows_the_whole_way_from_feed_to_mail() {
    let dir = tempfile::tempdir().unwrap();
    let demo = dir.path().join("demo");
    let (code, out, err) = said(&run(&["demo", "--dir", demo.to_str().unwrap()]));
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(out.matches("\n304  /").count(), 7, "every good feed answers 304 to the second poll: {out}");
    assert!(out.contains("0 new items, 0 new mails"), "{out}");
    let mails: Vec<_> =
        fs::read_dir(demo.join("state/maildir/new")).unwrap().map(|e| e.unwrap().path()).collect();
    assert!(mails.len() >= 3, "{mails:?}");
    let mut ids = BTreeSet::new();
    let mut digests = 0;
    for path in &mails {
        assert!(out.contains(path.to_str().unwrap()), "{} is named", path.display());
        let mail = fs::read_to_string(path).unwrap();
        let head =
            mail.split("\n\n").next().unwrap().replace("\r\n", "\n").split("\n\n").next().unwrap().to_owned();
        let field = |name: &str| {
            let start = format!("{name}: ");
            head.lines()
                .find_map(|line| line.strip_prefix(&start))
                .unwrap_or_else(|| panic!("{name}: {head}"))
                .to_owned()
        };
        for name in ["From", "To", "Subject", "Date", "List-Id", "List-Unsubscribe", "Auto-Submitted"] {
            field(name);
        }
        assert!(ids.insert(field("Message-ID")), "no mail twice");
        digests += usize::from(field("To").contains("boss@example.com"));
    }
    assert_eq!(digests, 1);
    let digest = out.split("The digest in full").nth(1).unwrap();
    for topic in ["US–China trade", "Rare earths", "Leader calls"] {
        assert!(digest.contains(topic), "{topic}: {digest}");
    }
    let (code, _, _) = said(&run(&["demo", "--dir", demo.to_str().unwrap()]));
    assert_eq!(code, 0, "a demo's folder can be used again");
    let (code, _, err) = said(&run(&["demo", "--dir", dir.path().to_str().unwrap()]));
    assert_eq!(code, 1);
    assert!(err.contains("is not empty"), "{err}");
}

#[test]
fn topics_match_answers_a_line_for_a_line_and_keeps_the_ids() {
    let lines = concat!(
        r#"{"id": "a", "title": "Trump and Xi discuss tariffs and rare earths by phone", "summary": "", "link": "", "lang": "en"}"#,
        "\n",
        r#"{"id": 7, "title": "Rain", "summary": "<p>Gallium &amp; germanium exports from China</p>", "link": null}"#,
        "\n\n",
        r#"{"id": "c", "title": "习近平同特朗普通电话，谈关税与稀土", "lang": "zh"}"#,
        "\n",
        r#"{"id": "d", "title": "Rain is expected"}"#,
        "\n"
    );
    let (code, out, err) = said(&run_with_input(&["topics", "match"], lines));
    assert_eq!(code, 0, "{err}");
    let all = serde_json::json!(["leader-calls", "rare-earths", "us-china-trade"]);
    let want = [
        serde_json::json!({"id": "a", "topics": all}),
        serde_json::json!({"id": 7, "topics": ["rare-earths"]}),
        serde_json::json!({"id": "c", "topics": all}),
        serde_json::json!({"id": "d", "topics": []}),
    ];
    assert_eq!(json_lines(&out), want);
    let (code, _, err) = said(&run_with_input(&["topics", "match"], "{\"id\": 1}\nnonsense\n"));
    assert_eq!(code, 1);
    assert!(err.contains("line 2"), "{err}");
}

#[test]
fn topics_match_gives_ids_back_to_the_letter() {
    let ids = ["12345678901234567890123", "1.50", r#"{"b":1,"a":[2]}"#, r#""\u0061""#, "null"];
    let lines: String = ids.iter().map(|id| format!("{{\"id\": {id}, \"title\": \"Rain\"}}\n")).collect();
    let (code, out, err) = said(&run_with_input(&["topics", "match"], &lines));
    let want: String = ids.iter().map(|id| format!("{{\"id\":{id},\"topics\":[]}}\n")).collect();
    assert_eq!((code, out), (0, want), "{err}");
}

#[test]
fn topics_of_a_configuration_are_the_ones_matched() {
    let (_dir, config) = home(&Farm::start(), "[[topic]]\nname = \"rain\"\nany = [\"rain\"]\n");
    let args = ["topics", "match", "--config", &config];
    let (code, out, err) =
        said(&run_with_input(&args, "{\"id\": 1, \"title\": \"Rain of gallium exports\"}\n"));
    assert_eq!((code, out.trim()), (0, r#"{"id":1,"topics":["rain","rare-earths"]}"#), "{err}");
    let (_, out, _) = said(&run(&["topics", "list", "--json", "--config", &config]));
    let list: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(list.as_array().unwrap().len(), 2);
    let (code, out, _) = said(&run(&["topics", "show", "rain", "--config", &config]));
    assert!(code == 0 && out.ends_with("\nrain\n"), "{out}");
    assert_eq!(said(&run(&["topics", "show", "snow", "--config", &config])).0, 1);
}

#[test]
fn a_round_fills_the_store_and_every_listing_shows_it() {
    let farm = Farm::start();
    farm.set("/feed", feed());
    let (dir, config) = home(&farm, "");
    assert_eq!(
        said(&run(&["items", "export", "--format", "jsonl", "--config", &config])).0,
        1,
        "nothing stored yet"
    );
    let (code, _, err) = said(&run(&["run", "--once", "--config", &config]));
    assert_eq!(code, 0, "{err}");

    let (code, out, err) = said(&run(&["items", "export", "--format", "jsonl", "--config", &config]));
    assert_eq!(code, 0, "{err}");
    let items = json_lines(&out);
    assert_eq!(items.len(), 2);
    let first = items.iter().find(|item| item["guid"] == "g1").unwrap();
    assert_eq!(first["feed_url"], farm.url("/feed"));
    assert_eq!(first["link"], "https://news.example/1");
    assert_eq!(first["title"], "Rare earth magnets are scarce");
    assert_eq!(first["summary"], "Text 1");
    assert_eq!(first["author"], "A. Writer");
    assert_eq!(first["published_at"], "2025-06-05T10:00:00Z");
    assert!(first["first_seen_at"].is_string());
    assert_eq!(first["topics"], serde_json::json!(["rare-earths"]));

    let json = |args: &[&str]| -> Value {
        let args: Vec<&str> = args.iter().copied().chain(["--json", "--config", &config]).collect();
        serde_json::from_str(&said(&run(&args)).1).unwrap()
    };
    let status = json(&["status"]);
    assert_eq!(
        (&status["ok"], &status["items"], &status["mails_sent"]),
        (&true.into(), &2.into(), &1.into()),
        "{status}"
    );
    assert_eq!(json(&["feeds", "list"])[0]["failures"], 0);
    let outbox = json(&["outbox", "list"]);
    assert_eq!((&outbox[0]["state"], &outbox[0]["to"]), (&"sent".into(), &"desk@example.com".into()));
    let (code, out, _) = said(&run(&["outbox", "list", "--state", "dead", "--config", &config]));
    assert!(code == 0 && !out.contains("desk@example.com"), "{out}");

    let (code, out, _) = said(&run(&["explain", "https://news.example/1", "--config", &config]));
    assert!(
        code == 0 && out.contains("rare-earths") && out.contains("MATCHES") && out.contains("»Rare earth«"),
        "{out}"
    );
    let (code, out, _) =
        said(&run(&["explain", "https://news.example/2", "--topic", "rare-earths", "--config", &config]));
    assert!(code == 0 && out.contains("does not match"), "{out}");
    let preview = ["digest", "preview", "--subscription", "desk", "--config", &config];
    let (code, out, err) = said(&run(&preview));
    assert!(code == 0 && out.contains("Rare earth"), "{out}{err}");
    assert_eq!(
        fs::read_dir(dir.path().join("state/maildir/new")).unwrap().count(),
        1,
        "a preview sends nothing"
    );
}

#[test]
fn status_fails_when_something_needs_a_hand() {
    let farm = Farm::start();
    let (_dir, config) = home(&farm, "");
    for _ in 0..3 {
        run(&["run", "--once", "--config", &config]);
    }
    let (code, out, _) = said(&run(&["status", "--config", &config]));
    assert_eq!(code, 1);
    assert!(out.contains("PROBLEM 1 feed failed"), "{out}");
    let (_, out, _) = said(&run(&["feeds", "list", "--config", &config]));
    assert!(out.contains("404"), "{out}");
}

#[test]
fn check_names_file_line_and_remedy_of_broken_configurations() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("broken.toml");
    let topic = "[[topic]]\nuse = \"builtin:rare-earths\"\n";
    let subscription = |keys: &str| format!("{topic}[[subscription]]\nto = [\"a@example.com\"]\n{keys}\n");
    let check = |text: &str, line: usize, remedy: &str| {
        fs::write(&path, text).unwrap();
        let (code, out, err) = said(&run(&["check", "--config", path.to_str().unwrap()]));
        assert_eq!(code, 3, "{text}\n{out}{err}");
        assert!(err.contains(&format!("broken.toml:{line}:")), "line {line}: {err}");
        assert!(err.contains(remedy), "{remedy}: {err}");
    };
    check("[pol]\n", 1, "did you mean `poll`?");
    check("[poll]\nintervall = \"15m\"\n", 2, "did you mean `interval`?");
    check("[poll]\ninterval = \"15 minutes\"\n", 2, "15m");
    check(
        "[[topic]]\nname = \"a\"\nany = [\"x\"]\n[[topic]]\nname = \"a\"\nany = [\"y\"]\n",
        5,
        "rename or remove",
    );
    check("[[topic]]\nuse = \"builtin:rare-earth\"\n", 2, "rare-earths");
    check("[[topic]]\nname = \"a\"\nany = [\"gal*lium\"]\n", 3, "stem*");
    check(&subscription("topics = [\"rare-earth\"]\ndeliver = \"alert\""), 5, "rare-earths");
    check(
        &subscription("topics = [\"*\"]\ndeliver = \"digest\"\nat = [\"07:30\"]\nzone = \"Asia/Shangai\""),
        8,
        "Asia/Shanghai",
    );
    check("[[feed]]\nurl = \"https://me:secret@a.example/rss\"\n", 2, "url");
    check(
        "[mail]\ntransport = \"smtp\"\nsmtp = { url = \"smtps://a.example\", user = \"u\", password = \"p\" }\n",
        3,
        "credential",
    );
    check("[[feed]]\nurl = \"https://a.example/\"\n[[feed]]\nurl = \"https://a.example/\"\n", 4, "remove");
    check("[poll\n", 1, "TOML");
    check("[mail]\nfrom = “a@example.com”\n", 2, "straight quotes");
    check("[poll]\nopml = [\"feeds.opml\"]\n", 2, "top of the file");
    check(&subscription("topics = [\"us-china-trade\"]\ndeliver = \"alert\""), 5, "builtin:us-china-trade");
    check(&subscription("topics = [\"*\"]\ndeliver = \"digest\"\nat = [\"7:30\"]"), 7, "07:30");
    check(
        &subscription("topics = [\"*\"]\ndeliver = \"digest\"\nat = [\"07:30\"]\ndays = \"monday\""),
        8,
        "did you mean \"mon\"?",
    );
}

#[test]
fn wrong_usage_ends_with_2_and_a_missing_configuration_with_3() {
    assert_eq!(said(&run(&["fly"])).0, 2);
    assert_eq!(said(&run(&["run", "--twice"])).0, 2);
    assert_eq!(said(&run(&["--help"])).0, 0);
    let (code, _, err) = said(&run(&["check", "--config", "/nonexistent/wirewatch.toml"]));
    assert_eq!(code, 3);
    assert!(err.contains("/nonexistent/wirewatch.toml"), "{err}");
}

#[test]
fn a_test_mail_arrives_in_the_maildir() {
    let (dir, config) = home(&Farm::start(), "");
    let (code, out, err) = said(&run(&["mail", "test", "--to", "me@example.com", "--config", &config]));
    assert_eq!(code, 0, "{out}{err}");
    let mails: Vec<_> = fs::read_dir(dir.path().join("state/maildir/new")).unwrap().collect();
    assert_eq!(mails.len(), 1);
    let (code, _, err) = said(&run(&["mail", "test", "--config", &config]));
    assert!(code == 1 && err.contains("--to"), "{err}");
}

#[test]
fn check_online_reads_every_feed() {
    let farm = Farm::start();
    farm.set("/feed", feed());
    let (_dir, config) = home(&farm, "");
    let (code, out, err) = said(&run(&["check", "--online", "--config", &config]));
    assert!(code == 0 && out.contains("1 of 1 feeds can be read") && out.contains("2 items"), "{out}{err}");
    farm.set("/feed", Page::status(500));
    let (code, out, _) = said(&run(&["check", "--online", "--config", &config]));
    assert!(code == 1 && out.contains("FAILED"), "{out}");
}

#[test]
fn the_readme_names_every_command_there_is() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let (_, help, _) = said(&run(&["--help"]));
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| {
            line.strip_prefix("  ")?.split(' ').next().filter(|word| !word.is_empty() && *word != "help")
        })
        .collect();
    assert_eq!(commands.len(), 17, "{help}");
    for command in commands {
        assert!(readme.contains(&format!("| `{command}")), "`{command}` is not in the README's table");
    }
}

/// The TOML blocks of the README in their order; the one that must stand at the top comes first.
fn readme_snippets() -> String {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let mut blocks: Vec<&str> =
        readme.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(blocks.len(), 7);
    blocks.sort_by_key(|block| !block.starts_with("opml"));
    blocks.concat()
}

#[test]
fn the_readme_counts_the_feeds_of_the_example() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let [readme, example] =
        ["README.md", "config/wirewatch.toml"].map(|name| fs::read_to_string(root.join(name)).unwrap());
    let feeds = example.lines().filter(|line| *line == "[[feed]]").count();
    assert!(readme.contains(&format!("{feeds} public feeds")), "{feeds}");
}

#[test]
fn the_readme_s_snippets_make_a_good_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wirewatch.toml");
    fs::write(dir.path().join("feeds.opml"), "<opml version=\"2.0\"><body/></opml>").unwrap();
    // The login of the feed and the address of the ping are there; the password of the mail server is not.
    let mut text = readme_snippets();
    for (name, secret) in [("news-password", "secret"), ("ping-url", "https://ping.example/abc")] {
        let kept = dir.path().join(name);
        fs::write(&kept, secret).unwrap();
        fs::set_permissions(&kept, fs::Permissions::from_mode(0o600)).unwrap();
        let file = format!("file = \"{}\"", kept.display());
        text = text.replacen(&format!("credential = \"{name}\""), &file, 1);
    }
    fs::write(&path, text).unwrap();
    let (code, out, err) = said(&run(&["check", "--config", path.to_str().unwrap()]));
    // The password is a credential, which only the service can read.
    assert!(code == 0 && err.contains("only by the service"), "{out}{err}");
    for told in ["held from 22:00 to 07:00 Europe/London, at most 6 an hour, 1 recipient", "feeds         2"]
    {
        assert!(out.contains(told), "{told}: {out}");
    }
    // What sends mail does need it.
    let (code, _, err) =
        said(&run(&["mail", "test", "--to", "a@example.com", "--config", path.to_str().unwrap()]));
    assert!(code == 3 && err.contains("LoadCredential=smtp-password"), "{err}");
}

#[test]
fn topics_match_tells_lines_that_are_no_item_and_answers_the_rest() {
    let check = |bad: &[u8], why: &str| {
        let mut child = wirewatch(&["topics", "match"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let input =
            [b"{\"id\": 1, \"title\": \"China bans gallium exports\"}\r\n", bad, b"\n{\"id\": 3}"].concat();
        child.stdin.take().unwrap().write_all(&input).unwrap();
        let (code, out, err) = said(&child.wait_with_output().unwrap());
        assert_eq!(
            (code, out.as_str()),
            (1, "{\"id\":1,\"topics\":[\"rare-earths\"]}\n{\"id\":3,\"topics\":[]}\n")
        );
        assert!(err.contains("line 2") && err.contains(why), "{why}: {err}");
    };
    check(b"nonsense", "write one such as");
    check(b"[1]", "write one such as");
    check(b"\"text\"", "write one such as");
    check(b"{\"id\": 2, \"title\": 5}", "expected a string");
    check(b"{\"id\": 2, \"title\": \"gall\xffium\"}", "not UTF-8");
    let odd = "\u{feff}{\"title\": null, \"summary\": \"<b>Gal</b>lium exports\", \"other\": [1]}\n";
    let (code, out, err) = said(&run_with_input(&["topics", "match"], odd));
    assert_eq!((code, out.trim()), (0, "{\"id\":null,\"topics\":[\"rare-earths\"]}"), "{err}");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let farm = Farm::start();
    farm.set("/feed", feed());
    let (_dir, config) = home(&farm, "");
    assert_eq!(said(&run(&["run", "--once", "--config", &config])).0, 0);
    for command in [
        &["check"] as &[&str],
        &["status"],
        &["explain", "1"],
        &["topics", "list"],
        &["topics", "show", "rare-earths"],
        &["feeds", "list"],
        &["items", "export"],
        &["digest", "preview", "--subscription", "desk"],
        &["outbox", "list"],
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let args = [command, &["--config", &config]].concat();
        let output =
            wirewatch(&args).stdin(Stdio::null()).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let (code, _, err) = said(&output);
        assert_eq!((code, err.as_str()), (0, ""), "{command:?}");
    }
}

#[test]
fn feeds_at_addresses_that_are_refused_are_warned_of() {
    let farm = Farm::start();
    let (_dir, config) = home(&farm, "[[feed]]\nurl = \"http://10.1.2.3/rss\"\n");
    let (code, out, err) = said(&run(&["check", "--config", &config]));
    assert!(code == 0 && err.contains("http://10.1.2.3/rss will not be visited"), "{out}{err}");
    assert!(!err.contains("127.0.0.1"), "what [fetch] allows is not warned of: {err}");
}

#[test]
fn a_store_that_cannot_be_opened_is_told_in_plain_words() {
    let (_dir, config) = home(&Farm::start(), "");
    let (code, _, err) = said(&run(&["status", "--config", &config]));
    assert!(code == 1 && err.contains("nothing is stored in") && err.contains("run --once"), "{err}");
}

#[test]
fn an_explanation_says_what_decided() {
    let item = |title: &str| format!("{{\"title\": \"{title}\"}}");
    let explain =
        |title: &str, topic: &str| said(&run_with_input(&["explain", "-", "--topic", topic], &item(title))).1;
    let hit = explain("Rare earth magnets are scarce", "rare-earths");
    assert!(hit.contains("MATCHES") && hit.contains("»Rare earth«"), "{hit}");
    assert!(!hit.contains("neodymium"), "what did not occur in a list that holds is left out: {hit}");
    let miss = explain("Rain is expected", "rare-earths");
    assert!(miss.contains("does not match, because\n  - "), "{miss}");
}

#[test]
fn nobody_reading_standard_error_changes_nothing() {
    let mut child = wirewatch(&["topics", "match"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    let lines = format!("{}{{\"id\": 1, \"title\": \"Gallium exports\"}}\n", "no item\n".repeat(3));
    child.stdin.take().unwrap().write_all(lines.as_bytes()).unwrap();
    let (code, out, _) = said(&child.wait_with_output().unwrap());
    assert_eq!((code, out.trim()), (1, r#"{"id":1,"topics":["rare-earths"]}"#));
}

#[test]
fn a_single_round_keeps_the_patience_a_server_asked_for_and_serves_the_others() {
    let farm = Farm::start();
    let more = format!("[[feed]]\nurl = \"{}\"\n", farm.url("/busy"));
    farm.set("/feed", feed());
    farm.set("/busy", Page::status(429).with("Retry-After", "7200"));
    let (_dir, config) = home(&farm, &more);
    for _ in 0..2 {
        let (code, _, err) = said(&run(&["run", "--once", "--config", &config]));
        assert_eq!(code, 0, "{err}");
    }
    assert_eq!(farm.visits("/busy").len(), 1, "two hours are not over");
    assert_eq!(farm.visits("/feed").len(), 2);
    let (code, out, _) = said(&run(&["status", "--config", &config]));
    assert!(code == 1 && out.contains("could never be read"), "{out}");
}
