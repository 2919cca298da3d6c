//! The mail itself, on the real binary and in the whole application: own templates, charts, samples, leaving.

use std::{fs, path::Path};

use tempfile::TempDir;

use crate::{
    cli::{run, said},
    harness::{
        app::{CONFIG, TestApp},
        farm::{Farm, Page, rss_item},
    },
};

const SUBSCRIPTION: &str =
    "[[subscription]]\nto = [\"desk@example.com\"]\ntopics = [\"*\"]\ndeliver = \"alert\"\n";

/// A folder with a configuration that has `mail` under `[mail]`, and the path of the configuration.
fn home(mail: &str) -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("wirewatch.toml");
    let text = format!(
        "[state]\ndir = \"state\"\n[mail]\noperator = [\"ops@example.com\"]\n{mail}\n[[topic]]\nuse = \"builtin:rare-earths\"\n{SUBSCRIPTION}"
    );
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

fn put(dir: &Path, name: &str, text: &str) {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// The files of the maildir, whole.
fn maildir(dir: &Path) -> Vec<String> {
    let new = dir.join("state/maildir/new");
    let Ok(entries) = fs::read_dir(new) else { return Vec::new() };
    entries.map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect()
}

#[test]
fn the_templates_of_the_program_are_a_start_that_changes_nothing() {
    let (dir, config) = home("templates = \"templates\"");
    let folder = dir.path().join("templates");
    let (code, out, err) = said(&run(&["mail", "templates", "--write", folder.to_str().unwrap()]));
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("18 templates written"), "{out}");
    let samples = |name: &str, config: &[&str]| {
        let to = dir.path().join(name);
        let mut args = vec!["mail", "sample", "--kind", "digest", "--out", to.to_str().unwrap()];
        args.extend(config);
        let (code, _, err) = said(&run(&args));
        assert_eq!(code, 0, "{err}");
        fs::read_to_string(to.join("digest.eml")).unwrap()
    };
    assert_eq!(samples("own", &["--config", &config]), samples("program", &[]));
    put(&folder, "digest/subject.txt", "mine");
    let (_, out, _) = said(&run(&["mail", "templates", "--write", folder.to_str().unwrap()]));
    assert!(out.contains("0 templates written"), "what is there stays: {out}");
    assert!(samples("changed", &["--config", &config]).contains("Subject: mine\r\n"));
    fs::remove_file(folder.join("alert/body.txt")).unwrap();
    let (_, out, _) = said(&run(&["mail", "templates", "--config", &config]));
    assert!(
        out.lines().any(|line| line.starts_with("alert/body.txt") && line.ends_with("of the program")),
        "{out}"
    );
    assert!(
        out.lines()
            .any(|line| line.starts_with("digest/subject.txt")
                && line.ends_with("templates/digest/subject.txt")),
        "{out}"
    );
}

#[test]
fn check_refuses_a_bad_template_with_file_line_and_remedy() {
    let (dir, config) = home("templates = \"templates\"");
    let folder = dir.path().join("templates");
    put(&folder, "alert/body.html", "<p>\n{{ subject.headline }}\n{{ subject.colour }}</p>\n");
    let (code, out, err) = said(&run(&["check", "--config", &config]));
    assert_eq!((code, out.as_str()), (3, ""));
    for words in [
        "templates/alert/body.html:3: error: undefined value: `subject.colour` is undefined; ",
        "wirewatch mail templates --write",
    ] {
        assert!(err.contains(words), "{words} in {err}");
    }
    put(&folder, "alert/body.html", "<p>\n{{ subject.headline }}</p>\n");
    let (code, _, err) = said(&run(&["check", "--config", &config]));
    assert_eq!(code, 0, "{err}");
}

#[test]
fn a_reader_who_clicks_is_told_to_the_operator() {
    let (dir, config) =
        home("unsubscribe = { url = \"https://news.example.com/leave\", key = { file = \"key\" } }");
    put(dir.path(), "key", "0123456789abcdef0123456789abcdef");
    private(&dir.path().join("key"));
    let (code, _, err) = said(&run(&["mail", "test", "--to", "reader@example.com", "--config", &config]));
    assert_eq!(code, 0, "{err}");
    assert_eq!(maildir(dir.path()).len(), 1);
    let token = token("0123456789abcdef0123456789abcdef", "harbour", "reader@example.com");
    let (code, out, err) = said(&run(&["unsubscribe", "--token", &token, "--config", &config]));
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("reader@example.com leaves harbour"), "{out}");
    let told = maildir(dir.path());
    assert_eq!(told.len(), 2);
    let told = told.iter().find(|mail| mail.contains("leaves harbour")).unwrap();
    assert!(told.contains("To: ops@example.com"), "{told}");
    for token in ["", "a.b", &token.replace('.', "x"), &format!("{token}A")] {
        let (code, _, err) = said(&run(&["unsubscribe", "--token", token, "--config", &config]));
        assert_eq!(code, 1);
        assert!(err.contains("none of ours"), "{err}");
    }
    assert_eq!(maildir(dir.path()).len(), 2, "nobody is told of a forged token");
}

/// As the library makes it.
fn token(key: &str, subscription: &str, to: &str) -> String {
    use wirewatch::{
        mail::OneClick,
        model::{Recipient, Secret, SubscriptionName},
    };
    let one_click =
        OneClick::new("https://news.example.com/leave".parse().unwrap(), Secret::new(key)).unwrap();
    let link = one_click.link(&SubscriptionName::new(subscription), &Recipient::parse(to).unwrap()).unwrap();
    link.split_once("token=").unwrap().1.to_owned()
}

fn private(path: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn what_is_wrong_with_unsubscribe_is_told() {
    let check = |value: &str, want: &str| {
        let (_dir, config) = home(&format!("unsubscribe = {value}"));
        let (code, _, err) = said(&run(&["check", "--config", &config]));
        assert_eq!(code, 3, "{value}");
        assert!(err.contains(want) && err.contains("wirewatch.toml") && err.contains("help"), "{err}");
    };
    check("{ url = \"http://a.example/\", key = { file = \"key\" } }", "https://");
    check("{ url = \"https://a.example/\" }", "openssl rand -hex 32");
    check("{ key = { file = \"key\" } }", "has no `url`");
    check("{ url = \"https://a.example/\", key = \"secret\" }", "stands in the configuration file");
}

#[tokio::test]
async fn a_digest_has_a_chart_of_what_its_topics_found() {
    let mut app = TestApp::start(&["/a"]).await;
    let item = |n: u32, words: &str| {
        rss_item(
            &format!("i-{n}"),
            &format!("{words} {n:04}"),
            &format!("http://farm.example/{n}"),
            TestApp::ago(30),
        )
    };
    let items = [item(1, "Gallium curbs"), item(2, "Germanium curbs"), item(3, "Rare earth curbs")];
    app.farm.set("/a", Page::rss(&items[..2]));
    app.turn().await;
    app.farm.set("/a", Page::rss(&items));
    app.after(24 * 60).await;
    app.after(5 * 60).await;
    let mails = app.mails();
    let digest = mails.iter().rev().find(|mail| mail.to.address() == "boss@example.com").unwrap();
    assert!(digest.text.contains("23 May to 5 Jun: 2 in all"), "{}", digest.text);
    assert!(digest.text.lines().any(|line| line.trim_start().starts_with("············")), "{}", digest.text);
    assert!(digest.html.contains("border-bottom:20px solid"), "two of a scale of four");
    assert!(digest.text.contains("Feeds failing: 0; signs of missing items: 0."));
    app.end().await;
}

#[tokio::test]
async fn a_mail_goes_out_even_when_the_operators_template_fails_on_it() {
    let farm = Farm::start();
    let feed = format!("[[feed]]\nurl = \"{}\"\n", farm.url("/a"));
    let templates = tempfile::tempdir().unwrap();
    // Good for every sample, and without a value for this one headline.
    let source =
        "{{ subject.headline }}{% if \"Gallium\" in subject.headline %}{{ nothing.here }}{% endif %}";
    put(templates.path(), "alert/subject.txt", source);
    let mail = format!("[mail]\ntemplates = \"{}\"\n", templates.path().display());
    let mut app = TestApp::with(farm, &format!("{CONFIG}{mail}{feed}")).await;
    app.farm
        .set("/a", Page::rss(&[rss_item("1", "Gallium curbs", "http://farm.example/1", TestApp::ago(30))]));
    app.turn().await;
    let mails = app.mails();
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0].subject, "[Rare earths] Gallium curbs");
    app.end().await;
}
